-- A small run with a bit of everything that the named queries ask for.
machine { cpus = 2, memory = "32MiB" }

local node = cache { name = "node", size = 200 }
local kept = {}

local remover = task { name = "remover", cpu = 1, daemon = true, run = function(t)
        while true do
                t:free(t:receive())
        end
end }

task { name = "builder", cpu = 0, run = function(t)
        for i = 1, 600 do
                local object = t:alloc(node)

                if i % 37 == 0 then
                        kept[#kept + 1] = object -- a few objects keep their slabs
                else
                        t:send(remover, object)
                end
                if i % 40 == 0 then
                        t:sleep("3us")
                end
        end
end }

task { name = "mixer", cpu = 1, run = function(t)
        local blocks = {}

        for i = 1, 300 do
                local buffer = t:kmalloc(60 + 7 * i)

                if i % 10 == 0 then
                        blocks[#blocks + 1] = t:pages(i % 3)
                end
                t:work("300ns")
                if i % 50 ~= 0 then
                        t:kfree(buffer)
                end
        end
        for i = 1, #blocks - 2 do
                t:free_pages(blocks[i])
        end
        t:kmalloc(200000) -- larger than the largest class
end }
