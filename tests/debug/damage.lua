-- Two tasks that write where they should not; what the debug build says about it is in damage.txt.
machine { debug_slab = true, cpus = 2, memory = "64MiB" }

local foo = cache { name = "foo", size = 40 }

task { name = "writer", cpu = 0, run = function(t)
        local a, b = t:alloc(foo), t:alloc(foo)

        t:write(a, 0, "forty bytes and not one byte more than tha")  -- two too many
        t:free(a)
        t:free(b)
        t:write(b, 8, "\0", 4)
        b = t:alloc(foo)
        t:free(b)
        t:kfree(b)
        t:write(t:kmalloc(100), -9, "\xff")
        t:sleep("1ms")
end }

task { name = "other", cpu = 1, at = "100us", run = function(t)
        local big = t:kmalloc(5000)

        t:write(big, 0, "pattern", 5000)
        t:kfree(big)
        t:write(big, 4999, "x")
        t:kfree(t:kmalloc(5000))
        t:shrink("size-8192")
end }
