-- How long does a writer of dirty pages stand still when reclaim has to write them out, and what does a faster disk help?
--
-- A writer makes pages dirty at a steady rate, one after another; nothing writes them in the background, so all of them are
-- written by reclaim. A dirty page cannot go at once: kswapd starts its write, moves on, and takes it when it comes round
-- again. When the disk is slower than the writer, more and more pages are being written, kswapd waits, and the writer
-- itself reclaims and is throttled, in the end to the speed of the disk. A fast disk helps less than one might think: the first
-- write begins when memory is full already. Try --set disk=50us and disk=2ms; see
-- `kmemsim query kswapd_behind.db "SELECT t_ns, kind, a, b, c FROM event_named WHERE kind IN ('kswapd_started', 'reclaim_throttled')"`.

local memory = param("memory", "32MiB", "of the machine", "size", "8MiB..64GiB")
local disk = param("disk", "400us", "what it takes to write a page", "time")
local every = param("every", "100us", "the writer makes a page dirty", "time")
local pages = param("pages", 12000, "the writer makes dirty", "pages", "1..")

machine { cpus = 1, memory = memory, vm = { write_time = disk } }

local late_ns, slowest_ns, done_ns = 0, 0, 0

task { name = "writer", run = function(t)
        for i = 1, pages do
                local begun = t:now()

                t:file_page { dirty = true }
                local took = t:now() - begun
                slowest_ns = math.max(slowest_ns, took)
                if took > 50000 then -- ns: it had to wait for something
                        late_ns = late_ns + took
                end
                t:sleep(every)
        end
        done_ns = t:now()
end }

expect("no request fails", function(r) return r.paths.page_new.failed == 0 end)
expect("what is taken back was written first", function(r) return r.vmstat.nr_vmscan_write > 0 end)

summary("written by reclaim", function(r) return string.format("%d pages", r.vmstat.nr_vmscan_write) end)
summary("reclaimed", function(r)
        return string.format("%d pages by kswapd in %d runs, %d by the writer in %d turns", r.vmstat.kswapd_steal,
                             r.vmstat.pageoutrun, r.vmstat.pgsteal - r.vmstat.kswapd_steal, r.vmstat.allocstall)
end)
summary("the slowest page", function() return string.format("%.1f ms", slowest_ns / 1000000) end)
summary("result", function(r)
        return string.format("kswapd frees %d of %d pages; the writer stands still for %.1f %% of %.1f s",
                             r.vmstat.kswapd_steal, r.vmstat.pgsteal, late_ns * 100 / done_ns, done_ns / 1000000000)
end)
