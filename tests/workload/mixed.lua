-- Loads and tasks together: a task waits for the end of a load, another works until then, an interrupt comes in between,
-- a load without an end stops when the others are done.
machine { cpus = 2, memory = "64MiB" }

local thing = cache { name = "thing", size = 100 }

load { name = "endless", cpu = 1, arrival = every("5us"), alloc = { pages = 0 }, lifetime = "12us" }
local set = load { name = "set", cpu = 0, free_cpu = 1, arrival = every("1us"), alloc = { cache = thing }, live = 2000,
                   phases = { grow = "4ms", hold = "2ms", shrink = "4ms" } }
local finite = load { name = "finite", cpu = 1, arrival = poisson("2us"), batch = 3, alloc = { kmalloc = "4KiB" }, count = 700,
                      lifetime = empirical { { "1us", 3 }, { "50us", 1 } }, drain = true }
local waited, rounds, ticks = false, 0, 0

interrupt { name = "tick", cpu = 0, every = "500us", run = function(i)
        i:kfree(i:kmalloc(64))
        ticks = ticks + 1
end }
task { name = "waiter", cpu = 0, run = function(t)
        t:wait(set)
        t:wait(finite)
        waited = t:now() >= 10000000
        assert(t:shrink(thing))
end }
task { name = "worker", cpu = 0, run = function(t)
        repeat
                local object = t:alloc(thing)

                t:work("1us")
                t:free(object)
                rounds = rounds + 1
        until t:wait(set, "100us")
end }

expect("the task waited", function() return waited end)
expect("the other one worked meanwhile", function() return rounds > 90 and rounds < 100 end)
expect("interrupts came", function() return ticks >= 19 end)
expect("the target is reached and left", function(r)
        local l = r.loads.set

        -- two more while both CPUs are at it
        return l.live_peak >= 2000 and l.live_peak <= 2002 and l.live == 0 and l.failed == 0 and l.allocs == l.frees
end)
expect("a count is kept", function(r)
        local l = r.loads.finite

        return l.allocs == 700 and l.frees == 700 and l.requests == 1400 and l.live == 0
end)
expect("the endless one ends with the rest", function(r)
        local l = r.loads.endless

        return l.allocs > 1900 and l.allocs < 2100 and l.live <= 3
end)
expect("nothing else is left", function(r) return r.caches.thing.live_objs == 0 end)
