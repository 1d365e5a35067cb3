-- A double free whose two copies come back to the slab: the machine stops.
machine { debug_slab = true, cpus = 2, memory = "64MiB" }

task { name = "other", cpu = 1, run = function(t)
        for _ = 1, 100 do
                t:kfree(t:kmalloc(60))
                t:work("1us")
        end
end }

task { name = "twice", cpu = 0, run = function(t)
        local object = t:kmalloc(300)

        t:kfree(object)
        t:kfree(object)
        t:shrink("size-512")
        print("this is never said")
end }
