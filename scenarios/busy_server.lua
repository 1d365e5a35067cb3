-- Does every object of a busy server get back where it belongs?
--
-- Everything at once on a server with four CPUs: packets that another CPU frees, large frames, files, processes, the page cache, a
-- log that grows and shrinks, kmalloc of many sizes, DMA buffers, timers. Each workload keeps its own books of what it holds;
-- at the end they are compared with those of the allocator, cache by cache. Then look at `kmemsim query busy_server.db
-- cache_hits` for who is served by its magazine and who is not, and at `slab_growth` for who keeps slabs it does not need.

local scale = param("scale", 1, "how much work: 2 is twice as much", "times", "1..")
local memory = param("memory", "8GiB", "of the server", "size", "512MiB..64GiB")

local machines = require "machines"
local workloads = require "workloads"

local CPUS = 4

machine(machines.opteron { cpus = CPUS, memory = memory })

local work = {
        workloads.network_receive { cpu = 0, workers = { 1, 2 }, count = 1000 * scale },
        workloads.jumbo_frames { cpu = 0, count = 400 * scale },
        workloads.timers { cpu = 0, ticks = 250 * scale },
        workloads.dma_buffers { cpu = 1, count = 1000 * scale },
        workloads.mixed_kmalloc { cpu = 1, count = 10000 * scale },
        workloads.fork_exec { cpu = 2, count = 150 * scale, touched = 8 },
        workloads.page_cache { cpu = 2, count = 5000 * scale, cached = 2000 },
        workloads.files { cpu = 3, count = 4000 * scale, keep = 400 * scale },
        workloads.grow_shrink { cpu = 3, segments = 8 * scale, keep = 2 },
}

local failed, held, kmallocs = 0, {}, 0

local function settle()                         -- the books of all workloads in one
        failed, held, kmallocs = 0, {}, 0
        for _, tally in ipairs(work) do
                failed, kmallocs = failed + tally.failed, kmallocs + tally.kmallocs
                for name, objects in pairs(tally.live) do
                        held[name] = (held[name] or 0) + objects
                end
        end
end

expect("the books of the workloads and of the allocator agree, cache by cache", function(r)
        settle()
        for name, objects in pairs(held) do
                if r.caches[name].live_objs ~= objects then
                        print(name .. ": " .. r.caches[name].live_objs .. " live, the workloads hold " .. objects)
                        return false
                end
        end
        return true
end)

-- The allocator keeps its own things in the general caches: for each cache a magazine for each CPU, a shared array and a list head,
-- and a header for each slab that has no room for it.
local function has_header_elsewhere(cache)
        local room = (4096 << cache.order) - cache.objects_per_slab * cache.size

        return cache.size >= 512 and room < 48 + 4 * cache.objects_per_slab
end

expect("and so do those of kmalloc, with what the allocator itself keeps there", function(r)
        settle()
        local live, own = 0, 0

        for name, cache in pairs(r.caches) do
                live = live + (name:find("^size%-") and cache.live_objs or 0)
                own = own + CPUS + 2 + (has_header_elsewhere(cache) and cache.slabs or 0)
        end
        return live == kmallocs + own
end)
expect("nothing fails with so much memory", function(r) return r.failures == 0 and failed == 0 end)
expect("every packet is served", function(r) return work[1].done == work[1].received and work[1].done > 0 end)
expect("nine of ten allocations end in a magazine", function(r) return r.hit_rate > 0.9 end)

summary("result", function(r)
        settle()
        local objects, kinds = 0, 0

        for _, count in pairs(held) do
                objects, kinds = objects + count, kinds + 1
        end
        return string.format("%d allocations, %.1f %% magazine hits; %d objects of %d caches held, the books agree",
                             r.allocs, 100 * r.hit_rate, objects, kinds)
end)
