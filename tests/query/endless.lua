-- Goes on until it is killed.
machine { cpus = 2, memory = "64MiB" }
for cpu = 0, 1 do
        task { name = "worker-" .. cpu, cpu = cpu, run = function(t)
                local held = {}

                while true do
                        held[#held + 1] = t:kmalloc(t:random(2000))
                        if #held == 500 then
                                t:shuffle(held)
                                while #held > 100 do
                                        t:kfree(table.remove(held))
                                end
                        end
                end
        end }
end
