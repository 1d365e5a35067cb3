-- A recording as large as one likes, for timing what is asked of it: 10 requests and more for each of n, ten million with n=1060000.
--
-- Packets freed on another CPU, files that are kept, scratch memory with few long lives, blocks of pages, a growing store.
local n = param("n", 62500, "allocations of one load", "allocations")

machine { arch = "x86_64", cpus = 4, memory = "2GiB" }
local mixed = sizes { [32] = 20, [64] = 20, [100] = 20, [200] = 10, [500] = 10, [1000] = 5, [2000] = 4, [4096] = 2 }
local dentry = cache { name = "dentry_cache", size = 208, flags = { "reclaim_account" } }
local inode = cache { name = "ext3_inode_cache", size = 760, flags = { "reclaim_account" } }
local skb = cache { name = "skbuff_head_cache", size = 232, flags = { "hwcache_align" } }

load { name = "net", arrival = poisson("1us"), alloc = { { cache = skb, weight = 1 }, { kmalloc = mixed, weight = 1 } }, gfp = "atomic", cpu = 0, free_cpu = 1, lifetime = exponential("100us"), count = n * 2, on_failure = "count", drain = true }
load { name = "files", arrival = poisson("1us"), alloc = { { cache = dentry, weight = 1 }, { cache = inode, weight = 1 } }, cpu = 2, live = 100000, count = n, drain = false, on_failure = "count" }
load { name = "scratch", arrival = poisson("700ns"), alloc = { kmalloc = mixed }, cpu = 1, lifetime = lognormal { median = "20us", sigma = 2 }, count = n, on_failure = "count" }
load { name = "pages", arrival = poisson("2us"), alloc = { { pages = 0, weight = 80 }, { pages = 1, weight = 10 }, { pages = 2, weight = 5 }, { pages = 3, weight = 2 } }, cpu = 3, live = 40000, count = n // 2, on_failure = "count" }
load { name = "grow", arrival = every("900ns"), alloc = { kmalloc = mixed }, cpu = 3, free_cpu = 2, live = 200000, count = n, on_failure = "count" }
