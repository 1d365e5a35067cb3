-- How long does a cache that nobody uses any more hold on to its memory?
--
-- One CPU allocates and frees a batch of objects, then sleeps. Every two seconds the reaper of the CPU takes a fifth of the
-- magazine's limit (24 of 120) out of a magazine that has not been allocated from since, every four seconds a fifth of the
-- shared array's capacity (96 of 480), and slabs that are free go back a few at a time. The scenario carries the same
-- rule out in a few lines of Lua and expects the same number of objects in the magazine and in the shared array. Try --set
-- idle=2s, idle=6s and so on; after a minute all of it is back.

local objects = param("objects", 2000, "allocated, then freed", "objects", "0..")
local idle = param("idle", "11s", "how long nothing happens", "time")

machine { arch = "x86_64", cpus = 1, memory = "64MiB" }

local thing = cache { name = "thing", size = 256 }
local slept_s = 0

task { name = "burst", cpu = 0, run = function(t)
        local live = {}

        for i = 1, objects do
                live[i] = t:alloc(thing)
        end
        for i = 1, objects do
                t:free(live[i], thing)
        end
        t:sleep(idle)
        slept_s = t:now() // 1000000000
end }

-- Of 120 objects at most. The last slab leaves what was not asked for; a free that finds the magazine full flushes 60 first.
local function stock_after_work(per_slab)
        local stock = -objects % per_slab + objects

        return stock <= 120 and stock or 61 + (stock - 121) % 60
end

-- A pass takes 24, or the larger half if there are fewer; the first one only takes the mark "touched" away.
local function stock_after_passes(stock, passes)
        for _ = 2, passes do
                stock = stock - (stock < 24 and (stock + 1) // 2 or 24)
        end
        return stock
end

expect("the magazine is emptied by the reaper's rule", function(r)
        local passes = (slept_s + 1) // 2       -- the first about a second after boot, then every two seconds
        local stock = stock_after_work(r.caches.thing.objects_per_slab)

        return r.caches.thing.magazine_objs == stock_after_passes(stock, passes)
end)
-- The shared array is due four to eight seconds after the cache was made, then every four; of what it has, 96 go.
expect("and so is the shared array", function(r)
        local stored = (objects - 120 + -objects % r.caches.thing.objects_per_slab + 59) // 60 * 60  -- flushed in batches

        for _, first_s in ipairs { 5, 7, 9 } do
                local stock = math.max(0, math.min(480, stored))

                for _ = 1, slept_s < first_s and 0 or (slept_s - first_s) // 4 + 1 do
                        stock = stock - (stock < 96 and (stock + 1) // 2 or 96)
                end
                if stock == r.caches.thing.shared_objs then
                        return true
                end
        end
        return false
end)
expect("nothing is live", function(r) return r.caches.thing.live_objs == 0 end)
expect("after a minute nothing is left of it", function(r)
        return slept_s < 60 or (r.caches.thing.magazine_objs == 0 and r.caches.thing.shared_objs == 0 and
                                r.caches.thing.slabs == 0)
end)

summary("result", function(r)
        local cache = r.caches.thing

        return string.format("after %s: %d objects in the magazine, %d in the shared array, %d slabs (%.1f KiB)", idle,
                             cache.magazine_objs, cache.shared_objs, cache.slabs, cache.slab_bytes / 1024)
end)
