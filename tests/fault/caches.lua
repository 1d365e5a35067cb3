-- A cache is made, tuned, grown, shrunk and destroyed, with headers on the slabs and off, beside kmalloc and pages: each
-- request that can fail has an error path behind it. What fails is let go; at the end nothing may be left.
local numa = param("numa", false, "two nodes")

if numa then
        machine { cpus = 2, nodes = 2, memory = "32MiB", audit = "op" }
else
        machine { cpus = 2, memory = "16MiB", audit = "op" }
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

task { name = "others", cpu = 1, run = function(t)
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

expect("all that was got is given back", function(r) return r.frees == r.allocs + r.pages - r.failures end)
expect("no cache is left", function(r)
        for _, size in ipairs(sizes) do
                if pcall(function() return r.caches["test-" .. size].size end) then
                        return false
                end
        end
        return true
end)
