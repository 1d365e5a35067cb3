-- How much memory do idle CPUs keep to themselves, and what does taking them offline bring back?
--
-- Every CPU works through a burst of objects of several sizes once and is idle from then on: their magazines stay as full as the burst
-- left them, and so do the per-CPU page lists. The reaper takes a fifth of each magazine every two seconds. Taking the CPUs
-- offline empties all of it at once: objects to their slabs, empty slabs and pages to the buddy lists. The tasks of a CPU
-- that went go on elsewhere; when the CPUs are back, their magazines are empty.

local cpus = param("cpus", 8, "CPUs, all but the first of which go offline", "CPUs", "2..8")
local burst = param("burst", 500, "objects of each size on each CPU", "objects", "0..20000")

machine { cpus = cpus, memory = "256MiB" }

local sizes = { 64, 200, 500, 1000 }
local kinds = {}

for i, size in ipairs(sizes) do
        kinds[i] = cache { name = "thing-" .. size, size = size }
end

local workers = {}

for cpu = 0, cpus - 1 do
        workers[cpu] = task { name = "worker " .. cpu, cpu = cpu, run = function(t)
                for i = 1, #kinds do
                        local held = {}

                        for k = 1, burst do
                                held[k] = t:alloc(kinds[i])
                        end
                        for k = 1, burst do
                                t:free(held[k], kinds[i])
                        end
                end
                local pages = {}

                for k = 1, 200 do
                        pages[k] = t:pages(0)
                end
                for k = 1, 200 do
                        t:free_pages(pages[k])
                end
        end }
end

-- How many blocks of 64 KiB are to be had: takes them all, and gives them back.
local free_blocks = {}
local moved, took_ns

local function count_blocks(t)
        local held, count = {}, 0

        repeat
                local block = t:pages(4, "nowait")

                held[#held + 1] = block
                count = count + (block and 1 or 0)
        until not block
        for _, block in ipairs(held) do
                t:free_pages(block)
        end
        return count
end

task { name = "operator", cpu = 0, run = function(t)
        local follower = t:spawn { name = "follower", cpu = cpus - 1, run = function(f)
                f:kmalloc(100)
                f:sleep("100ms")
                f:kmalloc(100)
                moved = f:cpu()
        end }

        for cpu = 0, cpus - 1 do
                t:wait(workers[cpu])
        end
        t:sleep("10ms")
        free_blocks.before = count_blocks(t)
        local start_ns = t:now()

        for cpu = 1, cpus - 1 do
                t:cpu_down(cpu)
        end
        took_ns = t:now() - start_ns
        free_blocks.after = count_blocks(t)
        t:wait(follower)
        for cpu = 1, cpus - 1 do
                t:cpu_up(cpu)
        end
end }

on_failure "count" -- the blocks that are not to be had

local function idle_objects(r)
        local sum = 0

        for _, size in ipairs(sizes) do
                sum = sum + r.caches["thing-" .. size].magazine_objs
        end
        return sum
end

expect("all that the other CPUs had is back", function(r)
        for _, size in ipairs(sizes) do
                if r.caches["thing-" .. size].magazine_objs > 120 then -- the magazine of CPU 0
                        return false
                end
        end
        return true
end)
expect("a task of a CPU that went has gone on elsewhere", function() return moved == 0 end)
expect("every CPU went and came back", function(r)
        return r.paths.cpu_down.none == cpus - 1 and r.paths.cpu_up.none == cpus - 1
end)
expect("there are more large blocks", function() return free_blocks.after > free_blocks.before end)

summary("result", function(r)
        return string.format("%d CPUs offline in %.1f us: %d objects are left in magazines, blocks of 64 KiB to be had: %d before, %d after",
                             cpus - 1, took_ns / 1000, idle_objects(r), free_blocks.before, free_blocks.after)
end)
