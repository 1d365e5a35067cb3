-- How many requests of declared loads does the simulator carry out in a second?
--
-- Part of the benchmark (tests/bench/run). Three sources on their own CPUs: packets with short lifetimes, a live set of mixed sizes
-- freed on another CPU, and pages that come in bursts. No Lua runs while they are carried out.

local requests = param("requests", 100000, "allocations and frees of all loads", "requests")

machine { cpus = 4, memory = "512MiB" }

load { name = "packets", cpu = 0, arrival = poisson("2us"), alloc = { kmalloc = uniform(64, 1600) },
       lifetime = exponential("200us"), count = requests // 6, drain = true }
load { name = "live set", cpu = 1, free_cpu = 2, arrival = every("2us"),
       alloc = { { kmalloc = 128, weight = 3 }, { kmalloc = 700 } }, live = 5000, count = requests // 6, drain = true }
load { name = "pages", cpu = 3, arrival = bursts { on = "100us", off = "100us", gap = "1us" }, alloc = { pages = 0 },
       lifetime = uniform("50us", "500us"), count = requests // 6, drain = true }
