-- What does 64 GiB change for a kernel of 2006?
--
-- Its rules were made for less: pages_min grows with the square root of memory and stops at 64 MiB in all, and each zone keeps a
-- 256th of all memory above it from requests that could go there. So of the 4 GiB below, which many devices need, a
-- quarter GiB is kept for them, and ordinary requests may have the rest. The scenario fills the machine, then asks for what can
-- be had below 4 GiB, and checks each figure against the rule. It takes about a second, for 16 million page frames.

local memory = param("memory", "64GiB", "of the machine", "size", "5GiB..64GiB")

local machines = require "machines"

machine(machines.today_64g { memory = memory })
on_failure "count"

local ordinary, below = 0, 0

task { name = "ordinary work", cpu = 0, run = function(t)
        for order = 10, 0, -1 do
                local block

                repeat
                        block = t:pages(order, "nowait,nowarn")
                        ordinary = ordinary + (block and 1 << order or 0)
                until not block
        end
        for order = 10, 0, -1 do
                local block

                repeat
                        block = t:pages(order, "nowait,nowarn,dma32")
                        below = below + (block and 1 << order or 0)
                until not block
        end
end }

local function square_root(n)
        local root = math.floor(math.sqrt(n))

        while root * root > n do
                root = root - 1
        end
        while (root + 1) * (root + 1) <= n do
                root = root + 1
        end
        return root
end

local function zone_of(r, name)
        for _, zone in ipairs(r.zones) do
                if zone.name == name then
                        return zone
                end
        end
        error("the machine has no zone " .. name)
end

expect("pages_min follows the rule", function(r)
        local present = 0

        for _, zone in ipairs(r.zones) do
                present = present + zone.present_pages
        end
        local min_free_kbytes = math.max(128, math.min(65536, square_root(present * 4 * 16)))

        for _, zone in ipairs(r.zones) do
                local min = (min_free_kbytes >> 2) * zone.present_pages // present

                if zone.pages_min ~= min or zone.pages_low ~= min + min // 4 or zone.pages_high ~= min + min // 2 then
                        return false
                end
        end
        return true
end)
expect("devices get what is reserved for them below 4 GiB", function(r)
        local reserve = zone_of(r, "Normal").present_pages // 256

        return math.abs(below - reserve) <= 62          -- a batch may lie in a page list
end)
expect("the zone of 4 GiB and more is used down to its floor", function(r)
        local zone = zone_of(r, "Normal")
        local floor = zone.pages_min - zone.pages_min // 4

        return zone.free_pages <= floor and zone.free_pages > floor - 62
end)

summary("result", function(r)
        return string.format("%s: ordinary work gets %.2f GiB, %.1f MiB below 4 GiB are left to devices, pages_min is %.1f MiB",
                             memory, ordinary / 262144, below / 256, (zone_of(r, "Normal").pages_min +
                             zone_of(r, "DMA32").pages_min) / 256)
end)
