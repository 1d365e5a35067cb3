-- What does it cost to free an object on another CPU than the one that allocated it?
--
-- CPU 0 allocates, CPU 1 frees what it is sent; the rest CPU 0 frees itself. The magazine of CPU 0 then runs empty and
-- that of CPU 1 full, and the objects come back through the shared array, or through the slabs. Try --set remote=0 and
-- --set remote=100, and compare the shares of the paths and the latencies.

local remote = param("remote", 50, "of a hundred objects, how many are freed on CPU 1", "objects", "0..100")
local count = param("objects", 60000, "how many objects are allocated", "objects", "0..")
local size = param("size", "256B", "of an object", "size", "8B..128KiB")
local window = param("window", 8, "how many objects CPU 0 has at a time", "objects", "1..")

machine { cpus = 2, memory = "64MiB" }

local thing = cache { name = "thing", size = size }

local remover = task { name = "remover", cpu = 1, daemon = true, run = function(t)
        while true do
                t:free(t:receive(), thing)
        end
end }

task { name = "producer", cpu = 0, run = function(t)
        local mine, next_slot = {}, 0

        for _ = 1, count do
                local object = t:alloc(thing)

                if t:chance(remote, 100) then
                        t:send(remover, object)
                else
                        if mine[next_slot] then
                                t:free(mine[next_slot], thing)
                        end
                        mine[next_slot] = object
                        next_slot = (next_slot + 1) % window
                end
                t:work("100ns")
        end
end }

local function share(paths, name)
        local all = 0

        for _, n in pairs(paths) do
                all = all + n
        end
        return string.format("%.1f %%", all == 0 and 0 or 100 * paths[name] / all)
end

summary("allocations from the shared array", function(r) return share(r.paths.alloc, "shared") end)
summary("frees that flush to the shared array", function(r) return share(r.paths.free, "shared") end)
summary("frees that flush to the slabs", function(r) return share(r.paths.free, "slabs") end)

expect("what is freed elsewhere comes back", function(r) return r.caches.thing.slabs < 64 end)
