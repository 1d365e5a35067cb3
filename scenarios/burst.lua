-- What do bursts cost that an even stream of as many requests does not?
--
-- Two streams of packets with the same mean rate and the same lifetimes, each with a cache of its own: one comes evenly
-- (Poisson), the other in bursts with silence between them. CPU 0 receives both, CPU 1 frees them. Beside them a working
-- set of mixed sizes grows, stays and shrinks. All of this is declared as data and runs without Lua; a task written in
-- Lua allocates among it until the bursts are over. Look at how many packets of each stream are alive at once, how late
-- they begin because their CPU is busy, and how many slabs each cache still has when all packets are freed.

local even_gap = param("even_gap", "3us", "mean time between two packets of the even stream", "time", "1ns..")
local gap = param("gap", "500ns", "time between two packets of a burst", "time", "1ns..")
local on = param("on", "1ms", "length of a burst", "time", "0ns..")
local off = param("off", "5ms", "silence between two bursts", "time", "0ns..")
local duration = param("duration", "120ms", "how long packets come", "time", "0ns..")

machine { cpus = 2, memory = "256MiB" }

local function stream(name, arrival)
        return load { name = name, cpu = 0, free_cpu = 1, arrival = arrival, duration = duration,
                      alloc = { cache = cache { name = name .. "_skb", size = 232 } }, gfp = "atomic",
                      lifetime = lognormal { median = "200us", sigma = 1 }, drain = true }
end

stream("even", poisson(even_gap))
local bursty = stream("bursty", bursts { on = on, off = off, gap = gap })

load { name = "working_set", cpu = 1, arrival = poisson("4us"), batch = 2,
       alloc = { { weight = 9, kmalloc = sizes { [32] = 30, [100] = 20, [500] = 15, [2000] = 8 } },
                 { weight = 1, pages = 0 } },
       live = 10000, phases = { grow = "40ms", hold = "40ms", shrink = "40ms" } }

local longest_ns = 0

task { name = "bystander", cpu = 1, run = function(t)
        repeat
                local block = t:kmalloc(4096)

                longest_ns = math.max(longest_ns, block.dur_ns)
                t:kfree(block)
        until t:wait(bursty, "100us")
end }

for _, name in ipairs { "even", "bursty" } do
        summary(name .. " packets", function(r)
                local l = r.loads[name]

                return string.format("%d, at most %d alive, latest %d ns late; %d slabs left", l.allocs, l.live_peak,
                                     l.late_ns_max, r.caches[name .. "_skb"].slabs)
        end)
end
summary("working set", function(r) return string.format("%d objects at most", r.loads.working_set.live_peak) end)
summary("longest allocation of the bystander", function() return longest_ns .. " ns" end)

expect("bursts need more packets alive at once", function(r)
        return r.loads.bursty.live_peak > 3 * r.loads.even.live_peak
end)
expect("the working set reaches what it was to be", function(r) return r.loads.working_set.live_peak == 10000 end)
expect("all is freed in the end", function(r)
        return r.loads.even.live + r.loads.bursty.live + r.loads.working_set.live == 0
end)
