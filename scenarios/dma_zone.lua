-- How much of the 16 MiB that old devices can reach does ordinary work leave to them?
--
-- Ordinary requests fill all of memory, falling back to ZONE_DMA at last; then a driver takes what is left for it. The zone
-- holds back a 256th of all memory above it from requests that could go elsewhere, so the larger the machine the
-- more is kept for devices: with 1 GiB a quarter of the zone, from about 4 GiB on all of it. Try --set memory=64MiB and
-- memory=8GiB.

local memory = param("memory", "1GiB", "of the machine", "size", "8MiB..64GiB")

machine { arch = "x86_64", cpus = 1, memory = memory }
on_failure "count"

local device, in_zone = 0, 0

task { name = "ordinary work", cpu = 0, run = function(t)
        for order = 10, 0, -1 do
                while true do
                        local block = t:pages(order, "nowait,nowarn")

                        if not block then
                                break
                        end
                        in_zone = in_zone + (block.pfn < 4096 and 1 << order or 0)
                end
        end

        while t:pages(0, "nowait,nowarn,dma") do
                device = device + 1
        end
end }

local function reserve(r)
        local above = 0

        for i = 2, #r.zones do
                above = above + r.zones[i].present_pages
        end
        return above // 256
end

expect("a driver gets what is reserved for it, to the page", function(r)
        local floor = r.zones[1].pages_min - r.zones[1].pages_min // 4
        local free_before = r.zones[1].free_pages + device + in_zone   -- when the work began

        return device == math.min(reserve(r), free_before - floor)
end)
expect("and the zone then ends at its floor", function(r)
        return r.zones[1].free_pages == r.zones[1].pages_min - r.zones[1].pages_min // 4
end)

summary("result", function(r)
        return string.format("with %s, ordinary work takes %.1f MiB of the zone and leaves %.1f MiB to devices (reserve: %.1f MiB)",
                             memory, in_zone / 256, device / 256, reserve(r) / 256)
end)
