-- Why does a desktop with two GiB run out of memory for the kernel while half of it is free?
--
-- A 32-bit kernel reaches the first 896 MiB directly, and only from there can its own objects come; what lies above (HighMem)
-- serves user pages and the page cache. Here kernel requests take pages until they fail, and not one of HighMem's is
-- touched; then user requests go on, and they get it all. Try --set memory=1GiB, where HighMem is 128 MiB, and
-- memory=768MiB, where there is none; look at `kmemsim query i386_desktop.db "SELECT * FROM zone"`.

local memory = param("memory", "2GiB", "of the desktop", "size", "32MiB..4GiB")

local machines = require "machines"

machine(machines.desktop_i386 { memory = memory })
on_failure "count"

local HIGH_PFN = 229376                 -- 896 MiB

local low = { kernel = 0, user = 0 }    -- pages below 896 MiB, and above, for each kind of request
local high = { kernel = 0, user = 0 }

local function take_all(t, kind, mask)
        for order = 10, 0, -1 do
                while true do
                        local block = t:pages(order, mask)

                        if not block then
                                break
                        end
                        local zone = block.pfn < HIGH_PFN and low or high

                        zone[kind] = zone[kind] + (1 << order)
                end
        end
end

task { name = "memory eater", cpu = 0, run = function(t)
        take_all(t, "kernel", "kernel,noretry,nowarn")
        take_all(t, "user", "highuser,noretry,nowarn")
end }

local function high_zone(r)
        for _, zone in ipairs(r.zones) do
                if zone.name == "HighMem" then
                        return zone
                end
        end
end

expect("no kernel request gets high memory", function(r) return high.kernel == 0 and low.kernel > 0 end)
expect("and none is left below that user requests could have", function(r) return low.user == 0 end)
expect("user requests get high memory down to its pages_min", function(r)
        local zone = high_zone(r)

        if not zone then
                return high.user == 0
        end
        return high.user > 0 and zone.free_pages <= zone.pages_min and zone.free_pages > zone.pages_min - 62
end)
expect("pages_min of HighMem is a 1024th of it, 32 to 128 pages", function(r)
        local zone = high_zone(r)

        return not zone or zone.pages_min == math.max(32, math.min(128, zone.present_pages // 1024))
end)

summary("result", function(r)
        return string.format("with %s, kernel requests fail after %.1f MiB, while %.1f MiB are free for user pages", memory,
                             low.kernel / 256, high.user / 256)
end)
