-- When do CPUs begin to wait for one another at the lock of a cache?
--
-- First one CPU, then two, four and eight allocate bursts of objects of one cache and free them again. A burst that fits into
-- the magazine takes no lock and costs the same on eight CPUs as on one; a longer one flushes and refills, and each of
-- these takes the list_lock that all CPUs share. The summary has the mean time of an allocation for a short and a long
-- burst; look at `kmemsim query lock_contention.db lock_waits`.

local rounds = param("rounds", 30, "bursts of each CPU", "bursts", "1..")
local short = param("short", 40, "objects of a short burst", "objects", "1..")
local long = param("long", 400, "objects of a long burst", "objects", "1..")

machine { arch = "x86_64", cpus = 8, memory = "256MiB" }

local thing = cache { name = "thing", size = 192 }
local cost_ns = { short = {}, long = {} }       -- per allocation, by number of CPUs
local worst_ns = { short = {}, long = {} }

-- Bursts on CPUs 0 .. cpus - 1 at once.
local function phase(t, cpus, kind, length)
        local workers, total_ns, count, worst = {}, 0, 0, 0

        for cpu = 0, cpus - 1 do
                workers[cpu] = t:spawn { name = kind .. " " .. cpus .. "." .. cpu, cpu = cpu, run = function(w)
                        local burst = {}

                        for round = 0, rounds do
                                for i = 1, length do
                                        burst[i] = w:alloc(thing)
                                        if round > 0 then               -- the first round warms up
                                                total_ns = total_ns + burst[i].dur_ns
                                                worst = math.max(worst, burst[i].dur_ns)
                                                count = count + 1
                                        end
                                end
                                for i = 1, length do
                                        w:free(burst[i], thing)
                                end
                        end
                end }
        end
        for cpu = 0, cpus - 1 do
                t:wait(workers[cpu])
        end
        cost_ns[kind][cpus] = total_ns / count
        worst_ns[kind][cpus] = worst
end

task { name = "phases", cpu = 0, run = function(t)
        for _, cpus in ipairs { 1, 2, 4, 8 } do
                phase(t, cpus, "short", short)
                phase(t, cpus, "long", long)
        end
end }

expect("a short burst costs the same on eight CPUs as on one", function(r)
        return cost_ns.short[8] < 1.02 * cost_ns.short[1] and worst_ns.short[8] <= worst_ns.short[1]
end)
expect("a long burst costs the more the more CPUs take part", function(r)
        return cost_ns.long[2] > cost_ns.long[1] and cost_ns.long[4] > cost_ns.long[2] and cost_ns.long[8] > cost_ns.long[4]
end)
expect("the longest allocation of eight CPUs waited for several others", function(r)
        return worst_ns.long[8] > 2 * worst_ns.long[1]
end)

for _, kind in ipairs { "short", "long" } do
        summary(kind .. " bursts on 1, 2, 4, 8 CPUs", function(r)
                return string.format("%.1f, %.1f, %.1f, %.1f ns an allocation, longest %d, %d, %d, %d ns", cost_ns[kind][1],
                                     cost_ns[kind][2], cost_ns[kind][4], cost_ns[kind][8], worst_ns[kind][1],
                                     worst_ns[kind][2], worst_ns[kind][4], worst_ns[kind][8])
        end)
end

summary("result", function(r)
        return string.format("an allocation of a short burst takes %.1f ns on 1 CPU and on 8; of a long one %.1f ns on 1, " ..
                             "%.1f ns on 8",
                             cost_ns.short[8], cost_ns.long[1], cost_ns.long[8])
end)
