-- What is different on a board with 16 MiB?
--
-- All memory is ZONE_DMA, which is so small that the per-CPU page lists hold nothing: every single page costs a walk to the
-- buddy lists under the zone lock. And up to 32 MiB a slab is one page if one object fits into it, whatever that wastes: of
-- objects of 2100 bytes one page holds one, two pages would hold three. Try --set memory=64MiB and see both change;
-- `kmemsim query small_board.db latency -p cache=pages` has the times.

local memory = param("memory", "16MiB", "of the board", "size", "8MiB..64GiB")
local count = param("pages", 3000, "how many pages are read into the page cache", "pages", "1..")

local machines = require "machines"
local workloads = require "workloads"
local kernel = require "caches" "i386"

machine(machines.board_16m { memory = memory })

local large = cache { name = "large", size = 2100 }
local read = workloads.page_cache { kernel = kernel, count = count, cached = 500 }

task { name = "large objects", cpu = 0, run = function(t)
        local live = {}

        for i = 1, 60 do
                live[i] = t:alloc(large)
        end
        for i = 1, 30 do
                t:free(live[i], large)
        end
end }

local function pages_of(r)
        local pages = 0

        for _, zone in ipairs(r.zones) do
                pages = pages + zone.present_pages
        end
        return pages
end

local function is_small(r) return pages_of(r) <= 8192 end

expect("page lists serve nothing on a small board, and most requests on a larger machine", function(r)
        local from_list, from_buddy = r.paths.pages.page_list, r.paths.pages.page_list_bulk

        if is_small(r) then
                return from_list == 0 and from_buddy == count
        end
        return from_list > 0 and from_list + from_buddy == count
end)
expect("a slab is one page there", function(r)
        local cache = r.caches.large

        if is_small(r) then
                return cache.order == 0 and cache.objects_per_slab == 1
        end
        return cache.order == 1 and cache.objects_per_slab == 3
end)
expect("nothing fails, and what is not cached is free again", function(r)
        return r.failures == 0 and read.pages == math.min(count, 500) and r.caches.large.live_objs == 30
end)

summary("result", function(r)
        local cache = r.caches.large

        return string.format("%s: %.0f %% of the pages come from a page list; objects of 2100 bytes: %d in a slab of " ..
                             "%d KiB (%.1f %% used)",
                             memory, 100 * r.paths.pages.page_list / count, cache.objects_per_slab, 4 << cache.order,
                             100 * 2100 * cache.objects_per_slab / (4096 << cache.order))
end)
