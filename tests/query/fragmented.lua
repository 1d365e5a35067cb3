-- Seven of eight pages are free, and no request for eight in a row gets them.
machine { cpus = 2, memory = "48MiB", reserved = "16MiB" }
on_failure("count")
task { name = "filler", cpu = 0, run = function(t)
        local pages = {}

        while true do
                local page = t:pages(0, "nowait,nowarn")

                if not page then
                        break
                end
                pages[#pages + 1] = page
        end
        for i = 1, #pages do
                if pages[i].pfn % 8 ~= 0 then
                        t:free_pages(pages[i])
                end
        end
        t:drain()
end }
task { name = "net", cpu = 1, run = function(t)
        t:sleep("10ms")
        for i = 1, 20 do -- the blocks below the watermark, which nobody could break, go first
                t:pages(3, "atomic")
        end
end }
