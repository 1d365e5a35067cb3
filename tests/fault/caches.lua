-- A cache is made, tuned, grown, shrunk and destroyed, with headers on the slabs and off, beside kmalloc and pages; then a
-- memory pool, and a CPU that goes and comes back. Each request that can fail has an error path behind it. What fails is let
-- go; at the end nothing may be left, neither here nor with the allocator: with live=N the run without faults leaves N
-- objects, and none may leave more.
local numa = param("numa", false, "two nodes")
local debug = param("debug_slab", false, "CONFIG_DEBUG_SLAB")
local live = param("live", 0, "objects that may be left; 0: any number")

if numa then
        machine { cpus = 2, nodes = 2, memory = "32MiB", audit = "op", debug_slab = debug }
else
        machine { cpus = 2, memory = "16MiB", audit = "op", debug_slab = debug }
end
on_failure "count"

local sizes = { 40, 600, 2000, 5000 } -- header on the slab, off the slab twice, one object in two pages

local function grow(t, made, count)
        local objects = {}

        for _ = 1, count do
                objects[#objects + 1] = t:alloc(made)
                objects[#objects + 1] = t:alloc(made, "atomic")
        end
        return objects
end

task { name = "caches", run = function(t)
        for i, size in ipairs(sizes) do
                local made = t:create { name = "test-" .. size, size = size, flags = i == 1 and "reclaim_account" or "hwcache_align" }

                if made then
                        local objects = grow(t, made, 12)

                        t:tune(made, { limit = 24, batchcount = 12, shared = 4 })
                        t:tune(made, { limit = 8, batchcount = 4, shared = 0 })
                        for _, object in ipairs(objects) do
                                t:free(object, made)
                        end
                        t:shrink(made)
                        t:destroy(made)
                end
        end
end }

-- Memory pools, and the arrays that a CPU needs to come up.
local function pool_and_cpu(t)
        local pool = t:mempool_create { name = "pool", min_nr = 3, size = 700 }

        if pool then
                local elements = {}

                for i = 1, 5 do
                        elements[#elements + 1] = t:mempool_alloc(pool, i % 2 == 0 and "atomic" or "noio")
                end
                t:mempool_resize(pool, 6)
                for _, element in ipairs(elements) do
                        t:mempool_free(element)
                end
                t:mempool_destroy(pool)
        end
        t:cpu_down(1)
        t:cpu_up(1)
end

local others = task { name = "others", cpu = 1, run = function(t)
        local kept, blocks = {}, {}

        for i = 1, 12 do
                kept[#kept + 1] = t:kmalloc(i * i * 50, i % 2 == 0 and "atomic" or "kernel")
                blocks[#blocks + 1] = t:pages(i % 4, "atomic")
        end
        for _, object in ipairs(kept) do
                t:kfree(object)
        end
        for _, block in ipairs(blocks) do
                t:free_pages(block)
        end
end }

task { name = "last", at = "1ms", run = function(t)
        t:wait(others)
        pool_and_cpu(t)
end }

expect("all that was got is given back", function(r) return r.frees == r.allocs + r.pages - r.failures end)
expect("no cache is left", function(r)
        for _, size in ipairs(sizes) do
                if pcall(function() return r.caches["test-" .. size].size end) then
                        return false
                end
        end
        return true
end)

-- Objects that are alive, without the headers of slabs: how many slabs are kept is the allocator's own affair.
local function live_objects(r)
        local count = r.live_objs

        for _, made in pairs(r.caches) do
                if made.size >= 512 then
                        count = count - made.slabs
                end
        end
        return count
end

expect("the allocator has given back what it had for itself", function(r) return live == 0 or live_objects(r) <= live end)
summary("live", live_objects)
