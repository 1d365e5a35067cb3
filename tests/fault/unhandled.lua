-- Each way in which a run can end badly: a declared cache that is not there, a nil that is used, an expectation.
machine { cpus = 1, memory = "16MiB" }
on_failure "count"
local declared = cache { name = "declared", size = 100 }
task { name = "a", run = function(t)
        local head = t:alloc(declared)
        local size = head.size
        local second = t:alloc(declared)

        if second then
                t:free(second)
        end
        t:free(head)
        t:kfree(t:kmalloc(size))
end }
expect("nothing fails", function(r) return r.failures == 0 end)
