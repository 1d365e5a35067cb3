-- How far down may each kind of request drain memory?
--
-- A task takes single pages until there are no more, first as code that may sleep (kernel), then as code that may not (nowait),
-- then as an interrupt handler would (atomic). The first stops at pages_min of each zone, the second may take a quarter
-- of that as well, the third half and then a quarter of the rest. What the DMA zone holds back for requests that can use
-- nothing else (lowmem_reserve) none of them gets. The expectation counts pages: on a machine this small the page
-- lists hold one page at a time, and the figures are exact. See `kmemsim query atomic_reserves.db "SELECT * FROM zone"`.

local memory = param("memory", "64MiB", "of the machine", "size", "8MiB..64GiB")

machine { arch = "x86_64", cpus = 1, memory = memory }

local masks = { "kernel,noretry,nowarn", "nowait,nowarn", "atomic,nowarn" }
local got = { 0, 0, 0 }
local from_dma = 0                              -- of them, pages of ZONE_DMA

on_failure "count"

task { name = "taker", cpu = 0, run = function(t)
        for i, mask in ipairs(masks) do
                for order = 8, 0, -1 do         -- large blocks first: it is quicker, and the end is the same
                        while true do
                                local block = t:pages(order, mask)

                                if not block then
                                        break
                                end
                                got[i] = got[i] + (1 << order)
                                from_dma = from_dma + (block.pfn < 4096 and 1 << order or 0)
                        end
                end
        end
end }

-- pages that a zone keeps from each of the three
local function floors(zone)
        local min = zone.pages_min
        local high = min - min // 2

        return { min, min - min // 4, high - high // 4 }
end

local function pages_between(r, upper, lower)
        local pages = 0

        for _, zone in ipairs(r.zones) do
                local floor = floors(zone)

                pages = pages + floor[upper] - floor[lower]
        end
        return pages
end

local function is_near(r, count, expected)
        local lists = 0                         -- pages of a batch may be taken at once, and lie in a list

        for _, zone in ipairs(r.zones) do
                lists = lists + (zone.present_pages >= 12288 and 62 or 0)
        end
        return math.abs(count - expected) <= lists
end

expect("nowait gets a quarter of pages_min of each zone", function(r)
        return is_near(r, got[2], pages_between(r, 1, 2)) and got[2] > 0
end)
expect("atomic gets as much more as half and a quarter allow", function(r)
        return is_near(r, got[3], pages_between(r, 2, 3)) and got[3] > 0
end)
expect("ZONE_DMA ends at its floor and its reserve, or is not touched", function(r)
        local above = 0

        for i = 2, #r.zones do
                above = above + r.zones[i].present_pages
        end
        local kept = floors(r.zones[1])[3] + above // 256

        return r.zones[1].free_pages == math.min(kept, r.zones[1].free_pages + from_dma)
end)

summary("result", function(r)
        local zone = r.zones[#r.zones]
        local floor = floors(zone)

        return string.format("of %s, kernel leaves %d pages, nowait %d, atomic %d; %d and %d pages were taken below pages_min",
                             zone.name, floor[1], floor[2], floor[3], got[2], got[3])
end)
