-- What becomes of allocations when one of two nodes is full and the other one empty?
--
-- CPU 0 is on node 0. Its first objects come from its own node, a batch at a time into its magazine. Then something, a file
-- cache say, takes all pages of node 0 above the watermarks. From there on the cache cannot grow on the node: each object is fetched
-- singly from a slab of node 1 (fallback_alloc), past the magazine and under the list_lock of a node that others use as well;
-- and each one goes home through the alien array when it is freed. Look at how long an allocation takes before and after, and
-- at numa_miss of node 1.

local memory = param("memory", "64MiB", "memory of each node", "size", "16MiB..32GiB")
local count = param("count", 3000, "objects in each round", "objects", "1..")
local bytes = param("bytes", 200, "size of an object", "size", "8B..128KiB")

machine { nodes = { { memory = memory, cpus = { 0, 2 } }, { memory = memory, cpus = { 1, 3 } } } }

local thing = cache { name = "thing", size = bytes }
local filled = event "node 0 is full"

-- One round on CPU 0: how long the allocations took together, in ns, and how many were on node 0.
local function round(t)
        local objects, ns, near = {}, 0, 0

        for i = 1, count do
                local object = t:alloc(thing)

                objects[i] = object
                ns = ns + object.dur_ns
                near = near + (t:node(object) == 0 and 1 or 0)
        end
        for i = 1, count do
                t:free(objects[i], thing)
        end
        t:shrink(thing) -- nothing of this round is left for the next one
        return ns, near
end

local before_ns, before_near, after_ns, after_near, pages

task { name = "worker", cpu = 0, run = function(t)
        before_ns, before_near = round(t)
        local blocks = {}

        repeat
                local block = t:pages(0, "kernel,thisnode", 0)

                blocks[#blocks + 1] = block
        until not block
        pages = #blocks
        t:signal(filled)
        after_ns, after_near = round(t)
        for _, block in ipairs(blocks) do
                t:free_pages(block)
        end
end }

-- Node 1 is not idle: its own CPU uses the same slabs.
task { name = "neighbour", cpu = 1, run = function(t)
        t:wait(filled)
        for _ = 1, count do
                t:free(t:alloc(thing), thing)
                t:work("500ns")
        end
end }

on_failure "count" -- the one request that finds node 0 full

local function zones_of(r, node)
        local sum = { numa_hit = 0, numa_miss = 0, numa_foreign = 0, numa_other = 0 }

        for _, zone in ipairs(r.zones) do
                for name in pairs(sum) do
                        sum[name] = sum[name] + (zone.node == node and zone[name] or 0)
                end
        end
        return sum
end

expect("at first all objects are near", function() return before_near == count end)
expect("with the node full none is", function() return after_near < count // 20 end)
expect("each of these was fetched past the magazine", function(r)
        return r.caches.thing.node_allocs >= count - after_near
end)
expect("and went home through an alien array", function(r) return r.caches.thing.node_frees >= count - after_near end)
expect("node 1 served what was asked of node 0", function(r) return zones_of(r, 1).numa_miss > 0 end)
expect("an allocation takes longer then", function() return after_ns > 2 * before_ns end)
expect("everything is back", function(r) return r.caches.thing.live_objs == 0 end)

summary("result", function(r)
        return string.format("an allocation takes %.1f ns with memory on the node, %.1f ns when it is full; %d slabs of node 1 " ..
                             "stand for node 0", before_ns / count, after_ns / count, zones_of(r, 1).numa_miss)
end)
