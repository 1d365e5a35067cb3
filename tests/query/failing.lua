-- A run that is short of memory: requests fail, and the run goes on.
machine { arch = "i386", cpus = 2, memory = "16MiB" }
on_failure("count")
for cpu = 0, 1 do
        task { name = "hungry-" .. cpu, cpu = cpu, run = function(t)
                local held = {}

                for i = 1, 700 do
                        held[#held + 1] = t:kmalloc(12000, "atomic")
                        held[#held + 1] = t:kmalloc(100 + i, "atomic")
                        if i % 100 == 0 then
                                held[#held + 1] = t:pages(5, "atomic")
                        end
                end
                for i = 1, #held, 2 do
                        if held[i].cache then
                                t:kfree(held[i])
                        end
                end
        end }
end
