-- Can a full machine still write pages out, when every write needs a little memory itself?
--
-- Dirty pages fill memory to the last one. A flusher writes them to a disk, and each write needs a bio; a page is free when
-- its write is done. A greedy task takes whatever comes free at once. First the bios come from a plain cache: the cache
-- cannot grow, no write can begin, nothing is ever freed. Then they come from a memory pool (mempool_alloc with NOIO):
-- its reserve carries as many writes at a time as it has elements, the flusher sleeps until one comes back, and the
-- machine gets through, however small the reserve. Try --set reserve=1 and reserve=64, or --set greedy=false: see
-- `kmemsim query mempool_io.db "SELECT path, count(*), max(dur_ns) FROM op_named WHERE kind = 'mempool_alloc' GROUP BY path"`.

local memory = param("memory", "16MiB", "of the machine", "size", "8MiB..64GiB")
local reserve = param("reserve", 4, "elements the pool keeps", "bios", "1..16384")
local writes = param("writes", 400, "pages to write out", "pages", "1..")
local latency = param("latency", "200us", "of one write", "time")
local greedy = param("greedy", true, "another task takes every page that comes free")

machine { cpus = 2, memory = memory }

local plain = cache { name = "bio_plain", size = 104 }
local bios = cache { name = "bio", size = 104 }
local pool = mempool { name = "bio", min_nr = reserve, cache = bios }

local filled = event "filled"
local written, stuck, begun_ns, ended_ns = 0, 0, 0, 0
local taken = 0
local dirty = {}

on_failure "count"

local disk = task { name = "disk", cpu = 1, daemon = true, run = function(t)
        while true do
                local write = t:receive()

                t:sleep(latency)
                t:mempool_free(write.bio)
                t:free_pages(write.page)
                written = written + 1
        end
end }

task { name = "greedy", cpu = 1, daemon = true, run = function(t)
        t:wait(filled)
        while greedy do
                while t:pages(0, "atomic,nowarn") do
                        taken = taken + 1
                end
                t:sleep("20us")
        end
end }

task { name = "flusher", cpu = 0, run = function(t)
        while true do
                local page = t:pages(0, "atomic,nowarn")

                if not page then
                        break
                end
                dirty[#dirty + 1] = page
        end
        for _ = 1, writes do
                if not t:alloc(plain, "noio,noretry,nowarn,nomemalloc") then
                        stuck = stuck + 1
                end
        end

        t:signal(filled)
        begun_ns = t:now()
        for i = 1, writes do
                local bio = t:mempool_alloc(pool, "noio")

                t:send(disk, { bio = bio, page = dirty[i] })
        end
        while written < writes do
                t:sleep(latency)
        end
        ended_ns = t:now()
end }

expect("with a plain cache no write could begin", function()
        return stuck == writes
end)
expect("with the pool all pages were written", function()
        return written == writes
end)
expect("no more writes under way than the reserve has bios, so the flusher had to wait", function(r)
        return not greedy or reserve >= writes or r.mempools.bio.waits > 0
end)
expect("the reserve is full again", function(r)
        return r.mempools.bio.curr_nr == reserve
end)

summary("result", function(r)
        local allocs = r.paths.mempool_alloc

        return string.format("a plain cache begins %d of %d writes, a pool of %d bios all of them: %d directly, %d from the reserve, %d after waiting; %.1f ms",
                             writes - stuck, writes, reserve, allocs.mempool_direct, allocs.mempool_reserve,
                             allocs.mempool_waited, (ended_ns - begun_ns) / 1e6)
end)
