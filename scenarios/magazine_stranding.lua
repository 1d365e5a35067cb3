-- How much memory do eight CPUs keep in the magazines of a cache that nobody uses?
--
-- One CPU after another allocates a batch of objects and frees it, those after the first a smaller one. All are free then, and yet
-- none of them can be given back: each CPU's magazine holds up to 120, the shared array 480, and a slab with one such
-- object in it stays. Only the reaper empties them (see reap_idle.lua). The scenario keeps count as the kernel's rules say,
-- in a few lines of Lua, and expects the model to have the same number in every place. slabinfo calls all of these objects
-- active: look at active_objs in `kmemsim query magazine_stranding.db "SELECT * FROM cache_history WHERE cache = 'thing'"`.

local cpus = param("cpus", 8, "of the machine", "CPUs", "1..8")
local objects = param("objects", 1000, "allocated and freed on the first CPU, a third of it on the others",
                      "objects", "0..")
local size = param("size", "256B", "of an object", "size", "8B..256B")

machine { arch = "x86_64", cpus = cpus, memory = "64MiB" }

local thing = cache { name = "thing", size = size }

local function batch_of(cpu)
        return cpu == 0 and objects or objects // 3
end

local previous

for cpu = 0, cpus - 1 do
        local before = previous

        previous = task { name = "user " .. cpu, cpu = cpu, run = function(t)
                local live = {}

                if before then
                        t:wait(before)
                end
                for i = 1, batch_of(cpu) do
                        live[i] = t:alloc(thing)
                end
                for i = 1, batch_of(cpu) do
                        t:free(live[i], thing)
                end
        end }
end

-- The same by counting alone: objects in each magazine and in the shared array. What slabs hold is counted as if none ever
-- went back, which changes what a refill finds in them but not what it takes.
local function by_the_rules(per_slab)
        local magazines, shared, on_slabs = 0, 0, 0

        for cpu = 0, cpus - 1 do
                local stock, touched = 0, false

                for _ = 1, batch_of(cpu) do
                        if stock == 0 then
                                local want = touched and 60 or 16

                                if shared > 0 then
                                        stock = math.min(want, shared)
                                        shared = shared - stock
                                else
                                        on_slabs = on_slabs > 0 and on_slabs or per_slab
                                        stock = math.min(want, on_slabs)
                                        on_slabs = on_slabs - stock
                                end
                                touched = true
                        end
                        stock = stock - 1
                end
                for _ = 1, batch_of(cpu) do
                        if stock == 120 then
                                local flushed = math.min(60, 480 - shared)

                                if flushed > 0 then
                                        shared = shared + flushed
                                else
                                        flushed = 60
                                        on_slabs = on_slabs + flushed
                                end
                                stock = stock - flushed
                        end
                        stock = stock + 1
                end
                magazines = magazines + stock
        end
        return magazines, shared
end

expect("nothing is live", function(r) return r.caches.thing.live_objs == 0 and r.caches.thing.active_objs > 0 end)
expect("the magazines and the shared array hold what the rules say", function(r)
        local magazines, shared = by_the_rules(r.caches.thing.objects_per_slab)

        return r.caches.thing.magazine_objs == magazines and r.caches.thing.shared_objs == shared
end)
expect("and never more than 120 for a CPU and 480 in common", function(r)
        return r.caches.thing.active_objs <= 120 * cpus + 480
end)

summary("result", function(r)
        local cache = r.caches.thing

        return string.format("%d CPUs: %d free objects in magazines, %d in the shared array: %.1f KiB of slabs for nobody", cpus,
                             cache.magazine_objs, cache.shared_objs, cache.slab_bytes / 1024)
end)
