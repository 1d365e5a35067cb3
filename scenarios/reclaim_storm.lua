-- What does everybody pay when all CPUs fill the page cache at once and memory is full?
--
-- A reader on each CPU takes page after page. As long as memory is free that is a page list's matter. Once the zones are
-- below pages_low kswapd is woken; it frees 64 pages and then waits for writes that nobody has started, a tenth of a
-- second in this kernel, and the readers go on down to pages_min and have to free pages themselves: 32 or more in a turn,
-- one of them paying for the others. The summary sets a page before the storm beside one in it. Try --set cpus=1, and
-- --set work=100us for readers that do something with what they read. `kmemsim query reclaim_storm.db
-- "SELECT origin, count(*), sum(result) FROM op_named WHERE kind = 'kswapd'"` counts kswapd's runs.

local memory = param("memory", "64MiB", "of the machine", "size", "8MiB..64GiB")
local cpus = param("cpus", 4, "CPUs, one reader each", nil, "1..8")
local pages = param("pages", 6000, "each reader takes once memory is full", "pages", "1..")
local work = param("work", "2us", "a reader does with a page", "time")

machine { cpus = cpus, memory = memory }

local calm_ns, storm_ns, longest_ns = 0, 0, 0
local calm, storm = 0, 0
local full = event "full"

task { name = "filler", run = function(t)
        while t:vmstat("pageoutrun") == 0 do
                local begun = t:now()

                for _ = 1, 50 do
                        t:file_page()
                end
                calm_ns, calm = calm_ns + t:now() - begun, calm + 50
        end
        t:signal(full)
end }

for cpu = 0, cpus - 1 do
        task { name = "reader" .. cpu, cpu = cpu, run = function(t)
                t:wait(full)
                for _ = 1, pages do
                        local begun = t:now()

                        t:file_page()
                        storm_ns, storm = storm_ns + t:now() - begun, storm + 1
                        longest_ns = math.max(longest_ns, t:now() - begun)
                        t:work(work)
                end
        end }
end

expect("no request fails", function(r) return r.paths.page_new.failed == 0 end)
expect("as many pages come back as are taken", function(r) return r.vmstat.pgsteal > cpus * pages // 2 end)
expect("the readers reclaim themselves", function(r) return r.vmstat.allocstall > 0 end)

summary("reclaimed", function(r)
        return string.format("%d pages by kswapd in %d runs, %d by the readers in %d turns", r.vmstat.kswapd_steal,
                             r.vmstat.pageoutrun, r.vmstat.pgsteal - r.vmstat.kswapd_steal, r.vmstat.allocstall)
end)
summary("a page", function()
        return string.format("%d ns while memory is free, %d ns in the storm, at worst %.1f us", calm_ns // calm,
                             storm_ns // storm, longest_ns / 1000)
end)
summary("result", function(r)
        return string.format("kswapd frees %.1f %% of the pages, the readers the others in %d turns; a page takes %d ns instead of %d",
                             r.vmstat.kswapd_steal * 100 / r.vmstat.pgsteal, r.vmstat.allocstall, storm_ns // storm,
                             calm_ns // calm)
end)
