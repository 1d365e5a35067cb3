-- When most files are dropped, how much of the memory of their dentries and inodes comes back?
--
-- Files are opened, then dropped in no particular order until a share `keep` of them is left, and the caches are shrunk. A slab
-- goes back only when its last object is gone: with n objects in a slab and a share p kept, chance leaves 1 - (1 - p) to the
-- power n of the slabs. So a cache of small objects gives back far less than one of large ones. The summary sets this
-- figure beside the simulated one; look at `kmemsim query slab_pinning.db slab_growth` for the course of it.

local files = param("files", 12000, "how many files are opened", "files", "1..")
local keep = param("keep", 8, "of a hundred files, how many are kept", "files", "0..100")

local kernel = require "caches" "x86_64"
local workloads = require "workloads"

machine { arch = "x86_64", cpus = 1, memory = "256MiB" }

workloads.files { count = files, keep = files * keep // 100, drop = "random" }

local names = { "dentry_cache", "ext3_inode_cache" }

-- shares of the slabs that are left: expected, simulated
local function shares(r, name)
        local cache = r.caches[name]
        local lost = 1

        for _ = 1, cache.objects_per_slab do
                lost = lost * (100 - keep) / 100
        end
        return 1 - lost, cache.slabs / ((files + cache.objects_per_slab - 1) // cache.objects_per_slab)
end

for _, name in ipairs(names) do
        expect("as many slabs of " .. name .. " are left as chance says", function(r)
                local expected, simulated = shares(r, name)

                return math.abs(simulated - expected) < 0.03 + 60 / files
        end)
end
expect("the files that are kept are there", function(r)
        return r.caches.dentry_cache.live_objs == files * keep // 100 and
               r.caches.ext3_inode_cache.live_objs == files * keep // 100
end)

summary("result", function(r)
        local parts = {}

        for i, name in ipairs(names) do
                local expected, simulated = shares(r, name)

                parts[i] = string.format("%.1f %% of the slabs of %s (chance: %.1f %%)", 100 * simulated, name, 100 * expected)
        end
        return string.format("with %d %% of the files kept, %s are left", keep, table.concat(parts, " and "))
end)
