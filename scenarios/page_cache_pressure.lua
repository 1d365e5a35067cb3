-- Which pages survive when a file larger than memory is read once: those that are used, or those that came last?
--
-- A working set of the page cache is read twice, so that mark_page_accessed moves it to the active list; as many pages
-- were read once; a process has its own pages and a mapped library. Then a stream of pages that nobody reads again fills
-- memory twice over. kswapd and direct reclaim take from the tail of the inactive lists: what was read once goes with the
-- stream, what was read twice and what is mapped stays as long as the inactive lists are enough. Try --set touch=false
-- (nobody uses the working set meanwhile), --set swappiness=100 with --set swap=32MiB, and see
-- `kmemsim query page_cache_pressure.db "SELECT kind, count(*) FROM event_named WHERE kind LIKE 'page%' GROUP BY kind"`.

local memory = param("memory", "64MiB", "of the machine", "size", "8MiB..64GiB")
local working = param("working", 2000, "pages of each kind", "pages", "1..")
local stream = param("stream", 32000, "pages read once, in a row", "pages", "0..")
local touch = param("touch", true, "the working set is used while the stream passes")
local swap = param("swap", "0B", "swap space", "size")
local swappiness = param("swappiness", 60, "vm.swappiness", nil, "0..100")

machine { cpus = 1, memory = memory, swap = swap, vm = { swappiness = swappiness, write_time = "200us" } }

local kinds = { "read twice", "read once", "mapped", "of the process" }
local left = {}

task { name = "reader", run = function(t)
        local sets = {
                ["read twice"] = t:page_cache(working),
                ["read once"] = t:page_cache(working),
                mapped = t:page_cache(working, { mapped = true }),
                ["of the process"] = t:anon_pages(working),
        }

        t:page_cache(30) -- the add lists of the CPU go to the zones
        t:access(sets["read twice"])
        for _ = 1, stream // 500 do
                t:page_cache(500)
                if touch then
                        t:access(sets["read twice"])
                        t:touch(sets.mapped)
                end
        end
        for _, kind in ipairs(kinds) do
                left[kind] = sets[kind].alive * 100 // working
        end
end }

expect("what is read once goes with the stream", function() return left["read once"] == 0 end)
expect("what is read again and again stays", function() return not touch or left["read twice"] >= 90 end)
expect("without swap the process keeps its pages", function() return swap ~= "0B" or left["of the process"] == 100 end)

summary("left, in percent", function()
        local text = {}

        for _, kind in ipairs(kinds) do
                text[#text + 1] = string.format("%s %d", kind, left[kind])
        end
        return table.concat(text, ", ")
end)
summary("reclaimed", function(r)
        return string.format("%d pages by kswapd, %d by the reader itself in %d turns", r.vmstat.kswapd_steal,
                             r.vmstat.pgsteal - r.vmstat.kswapd_steal, r.vmstat.allocstall)
end)
summary("result", function()
        return string.format("of pages read twice %d %% are left, read once %d %%, mapped %d %%, of the process %d %%",
                             left["read twice"], left["read once"], left.mapped, left["of the process"])
end)
