-- What does a storm of short-lived processes leave behind when it is over?
--
-- Children are forked, execute another program and exit: for each a task, its stack, signals, files, an address space with its
-- areas and pages, twice. When all are gone every object is free, and yet slabs stay: their objects lie in magazines and
-- the shared array, and a cache may keep free slabs up to its limit, (1 + CPUs) * batch + objects of a slab. The
-- expectation checks this for every cache. Look at `kmemsim query fork_storm.db slab_growth` and at `cache_hits`.

local processes = param("processes", 800, "how many are forked", "processes", "1..")
local alive = param("alive", 100, "how many live at a time", "processes", "1..")

local machines = require "machines"
local workloads = require "workloads"

machine(machines.opteron { memory = "512MiB" })

local storms = {}

for cpu = 0, 3 do
        storms[cpu + 1] = workloads.fork_exec { name = "fork" .. cpu, cpu = cpu, count = processes // 4, alive = alive // 4 }
end

local function batch_of(size)
        return size > 4096 and 4 or size > 1024 and 12 or size > 256 and 27 or 60
end

local function over_caches(r, look)
        for name in pairs(storms[1].live) do
                if not look(r.caches[name], name) then
                        return false
                end
        end
        return true
end

expect("nothing failed, and every process is gone", function(r)
        for _, storm in ipairs(storms) do
                if storm.failed > 0 or storm.pages > 0 or storm.done ~= processes // 4 then
                        return false
                end
        end
        return r.failures == 0
end)
expect("no object is left alive", function(r)
        return over_caches(r, function(cache) return cache.live_objs == 0 end)
end)
expect("no cache keeps more free slabs than its limit", function(r)
        return over_caches(r, function(cache)
                return cache.slabs_free * cache.objects_per_slab <= 5 * batch_of(cache.size) + cache.objects_per_slab
        end)
end)
expect("what is out of the slabs lies in magazines and shared arrays", function(r)
        return over_caches(r, function(cache)
                local batch = batch_of(cache.size)

                return cache.magazine_objs <= 4 * 2 * batch and cache.shared_objs <= 8 * batch and
                       cache.active_objs == cache.magazine_objs + cache.shared_objs
        end)
end)

summary("result", function(r)
        local bytes, free, count = 0, 0, 0

        over_caches(r, function(cache)
                bytes, count = bytes + cache.slab_bytes, count + 1
                free = free + cache.slabs_free * cache.slab_bytes // math.max(cache.slabs, 1)
                return true
        end)
        return string.format("%d processes come and go: %.1f KiB of slabs stay in %d caches, %.1f KiB of them free slabs",
                             processes // 4 * 4, bytes / 1024, count, free / 1024)
end)
