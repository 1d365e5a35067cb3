-- The same work for two machines: `sparse` leaves its CPUs idle most of the time, `crowded` asks for more than a slow
-- machine can do in time.
local slow = param("slow", false, "an old machine instead of a fast one")
local extra = param("extra", false, "one more source of work beside them")

if slow then
        machine { arch = "i386", cpus = 4, memory = "96MiB", cpu_mhz = 200, hz = 100 }
else
        machine { arch = "x86_64", cpus = 4, memory = "256MiB", cpu_mhz = 3000, hz = 1000 }
end

local thing = cache { name = "thing", size = 192 }
local small = sizes { [32] = 3, ["96B"] = 2, [1000] = 1 }

load { name = "sparse", cpu = 2, free_cpu = 3, at = "1ms", arrival = uniform("60us", "150us"), alloc = { kmalloc = small },
       lifetime = exponential("90us"), duration = "40ms", drain = true }
load { name = "crowded", cpu = 0, free_cpu = 1, at = "1ms", arrival = bursts { on = exponential("300us"), off = "1ms", gap = "200ns" },
       alloc = { { cache = thing, weight = 2 }, { kmalloc = lognormal { median = 300, sigma = 0.5 }, weight = 5 },
                 { pages = empirical { [0] = 8, [1] = 1 }, weight = 1 } },
       gfp = "atomic", batch = empirical { [1] = 3, [4] = 1 }, lifetime = pareto { min = "2us", alpha = "3/2" },
       live = 500, count = 8000 }
if extra then
        load { name = "extra", cpu = 0, arrival = poisson("3us"), alloc = { kmalloc = 64 }, lifetime = constant("20us"),
               duration = "20ms" }
        task { name = "lua", cpu = 2, run = function(t)
                for _ = 1, 2000 do
                        t:kfree(t:kmalloc(t:random(200)))
                end
        end }
end
expect("the slow machine is late", function(r) return not slow or r.loads.crowded.late_ns_max > 10000 end)
