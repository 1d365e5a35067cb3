-- Does memory come back from a store that drops its oldest segments whole?
--
-- A log of segments grows, shrinks to a few segments and grows again, as a log-structured store does. Objects that were made
-- together are freed together here, so nearly every slab becomes empty, and what is left beyond the live objects is
-- bounded: the magazine, the shared array, the free slabs that the cache may keep, and a partial slab or two. Compare with
-- slab_pinning.lua, where the same number of objects goes in no order; look at `kmemsim query grow_shrink.db
-- "SELECT t_ns, slabs FROM cache_history WHERE cache = 'buffer_head'"` for the saw-tooth.

local segments = param("segments", 40, "of the log when it is full", "segments", "1..")
local objects = param("objects", 500, "of a segment", "objects", "1..")
local keep = param("keep", 4, "segments left after each shrinking", "segments", "0..")
local rounds = param("rounds", 3, "how often it grows and shrinks", "times", "1..")

local workloads = require "workloads"

machine { arch = "x86_64", cpus = 1, memory = "64MiB" }

local log = workloads.grow_shrink { cache = "buffer_head", segments = segments, objects = objects, keep = keep,
                                    rounds = rounds }

local function figures(r)
        local cache = r.caches.buffer_head
        local per_slab = cache.objects_per_slab
        local needed = (keep * objects + per_slab - 1) // per_slab

        -- one CPU: magazine 120, shared array 480, free_limit (1 + 1) * 60 + objects of a slab
        local bound = needed + (120 + 480 + 2 * 60 + per_slab) // per_slab + 2
        return cache, needed, bound
end

expect("the live objects are those of the segments that are kept", function(r)
        return figures(r).live_objs == keep * objects and log.done == segments + (rounds - 1) * (segments - keep)
end)
expect("few slabs are left beyond those that live objects need", function(r)
        local cache, needed, bound = figures(r)

        return cache.slabs >= needed and cache.slabs <= bound
end)
expect("the cache does not keep more free objects than its limit", function(r)
        local cache = figures(r)

        return cache.num_objs - cache.active_objs <= 2 * 60 + cache.objects_per_slab + cache.slabs_partial * cache.objects_per_slab
end)

summary("result", function(r)
        local cache, needed = figures(r)
        local peak = (segments * objects + cache.objects_per_slab - 1) // cache.objects_per_slab

        return string.format("of %d slabs when it is full, %d are left for the %d that live objects need (%.1f %% given back)",
                             peak, cache.slabs, needed, 100 * (peak - cache.slabs) / peak)
end)
