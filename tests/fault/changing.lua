-- Both capabilities, with filters, and attributes that change while the run goes on: what a replay must repeat exactly.
machine { cpus = 2, memory = "32MiB" }
on_failure "count"
failslab { probability = 7, times = -1, ignore_gfp_wait = false, task_filter = true, verbose = 1 }
fail_page_alloc { probability = 30, interval = 2, times = -1, space = 20, verbose = 1, reject = "kmem_cache_create" }

local function work(t, rounds)
        local objects = {}

        for i = 1, rounds do
                objects[#objects + 1] = t:kmalloc(t:random(1, 4000), i % 3 == 0 and "kernel" or "atomic")
                if #objects > 40 then
                        t:kfree(table.remove(objects, t:random(#objects)))
                end
        end
        for _, object in ipairs(objects) do
                t:kfree(object)
        end
end

task { name = "marked", make_it_fail = true, run = function(t)
        work(t, 300)
        t:failslab { probability = 50, space = "10KiB" }
        t:spawn { name = "child", cpu = 1, run = function(c) work(c, 200) end }
        work(t, 300)
        t:make_it_fail(false)
        work(t, 100)
end }

task { name = "plain", cpu = 1, run = function(t)
        work(t, 300)
        t:fail_page_alloc { probability = 60, interval = 1, times = 25, ignore_gfp_wait = false, reject = false }
        work(t, 300)
end }

interrupt { name = "irq", cpu = 1, every = "3us", count = 100, run = function(i)
        local object = i:kmalloc(200)

        if object then
                i:kfree(object)
        end
end }
