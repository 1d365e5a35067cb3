-- Why does a network card get no room for a large frame while a quarter of memory is free?
--
-- The page cache fills memory with single pages and lets any of them go again until a share `free` of it is free. Then frames
-- come in that want a block of 2^order pages in one piece, atomically: nothing can be moved or waited for. If each page is
-- free by chance p, its buddy is so too by p, and a block of 2^k pages by p to the power 2^k: order 2, which 9000 bytes took
-- then, is hopeless. The expectation holds the index of unusable free memory against that. Run again with --set
-- evict=oldest: as much memory is free, but in one piece, and every frame gets its block. Look at `kmemsim query
-- jumbo_frames.db fragmentation -p order=2`.

local free = param("free", 25, "of a hundred pages, how many are free when the frames come", "pages", "10..100")
local evict = param("evict", "random", "which pages go first", nil, "random|oldest")
local frames = param("frames", 300, "of each order, how many", "frames", "1..")

machine { arch = "x86_64", cpus = 1, memory = "64MiB", reserved = "16MiB" }      -- no ZONE_DMA: one zone is enough
on_failure "count"

local bag = require "bag"
local held = {}                                         -- frames that got a block, by order
local evicted = 0

task { name = "page cache then frames", cpu = 0, run = function(t)
        local cached, oldest = bag(), 1

        while true do
                local page = t:pages(0, "nowait,nowarn")

                if not page then
                        break
                end
                cached:put(page)
        end
        evicted = #cached * free // 100
        for _ = 1, evicted do
                if evict == "random" then
                        t:free_pages(cached:take(t))
                else
                        t:free_pages(cached[oldest])
                        oldest = oldest + 1
                end
        end
        t:drain()                                       -- no page is hidden in a page list

        for order = 0, 3 do
                local blocks = {}

                for _ = 1, frames do
                        blocks[#blocks + 1] = t:pages(order, "atomic,nowarn")
                end
                held[order] = #blocks
                for _, block in ipairs(blocks) do
                        t:free_pages(block)
                end
                t:drain()
        end
end }

local function free_zone(r)
        for _, zone in ipairs(r.zones) do
                if zone.free_pages > 1000 then
                        return zone
                end
        end
end

-- Of free memory in blocks by chance p, the thousandths that cannot serve an order: a page counts if its 2^order - 1
-- neighbours are free as well. The pages below the watermark were never taken and are in one piece.
local function by_chance(order, zone)
        local usable = 1

        for _ = 1, (1 << order) - 1 do
                usable = usable * free / 100
        end
        return 1000 * (1 - usable) * evicted / zone.free_pages
end

expect("single pages are no trouble", function(r) return held[0] == frames end)
expect("free memory is as broken as chance says", function(r)
        local zone = free_zone(r)

        for order = 1, 3 do
                local expected = evict == "random" and by_chance(order, zone) or 0

                if math.abs(zone.unusable[order] - expected) > 20 + 20000 / (evicted + 1) then
                        return false
                end
        end
        return true
end)
expect("the larger the frame the fewer, and no more of order 2 than chance leaves blocks for", function(r)
        local zone = free_zone(r)
        local blocks = (zone.free_pages - zone.free_pages * by_chance(2, zone) / 1000) / 4

        if evict ~= "random" then
                return held[1] == frames and held[2] == frames and held[3] == frames
        end
        return held[1] >= held[2] and held[2] >= held[3] and held[2] <= 10 + 1.2 * blocks
end)

summary("result", function(r)
        local zone = free_zone(r)

        return string.format("with %.1f MiB free, %d, %d, %d and %d of %d frames of order 0 to 3 get a block; " ..
                             "unusable for order 2: %.1f %%",
                             zone.free_pages / 256, held[0], held[1], held[2], held[3], frames, zone.unusable[2] / 10)
end)
