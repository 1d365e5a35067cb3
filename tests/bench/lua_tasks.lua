-- How many requests of Lua tasks does the simulator carry out in a second?
--
-- Part of the benchmark (tests/bench/run). A task on each of 4 CPUs holds 100 objects of mixed sizes and replaces one after the
-- other: mostly magazine hits, so that what is measured is the way from a coroutine to the engine and back.

local requests = param("requests", 100000, "kmallocs and kfrees of all tasks", "requests")

machine { cpus = 4, memory = "256MiB" }

local sizes = { 32, 64, 100, 128, 200, 256, 512, 1000 }

local function replace(t)
        local objects, size = {}, 0

        for _ = 1, requests // 8 do
                local at = size % 100 + 1

                size = size + 1
                t:kfree(objects[at])
                objects[at] = t:kmalloc(sizes[size % #sizes + 1])
        end
end

for cpu = 0, 3 do
        task { name = "task " .. cpu, cpu = cpu, run = replace }
end
