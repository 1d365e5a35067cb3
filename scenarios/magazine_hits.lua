-- How large may a burst be before the magazines stop helping?
--
-- A task allocates a burst of objects and frees it again, many times, for bursts of growing length. As long as the burst
-- fits into the magazine of the CPU every allocation is a hit; beyond that each batch of misses costs a refill. The
-- summary shows the share of hits and the mean cost of an allocation for each length: the knee is at the limit of the
-- magazine (see the column `limit` of `kmemsim query magazine_hits.db 'SELECT * FROM cache'`).

local size = param("size", "512B", "of an object", "size", "8B..128KiB")
local rounds = param("rounds", 200, "how often each burst is repeated", "bursts", "1..")
local longest = param("longest", 512, "length of the longest burst", "objects", "1..")

machine { cpus = 1, memory = "64MiB" }

local thing = cache { name = "thing", size = size }
local lines, shares = {}, {}

task { name = "bursts", cpu = 0, run = function(t)
        local length = 1

        while length <= longest do
                local hits, cost_ns = 0, 0

                for _ = 1, rounds do
                        local burst = {}

                        for i = 1, length do
                                local object = t:alloc(thing)

                                if object.path == "magazine" then
                                        hits = hits + 1
                                end
                                cost_ns = cost_ns + object.dur_ns
                                burst[i] = object
                        end
                        for i = 1, length do
                                t:free(burst[i], thing)
                        end
                end
                lines[#lines + 1] = string.format("%6d %9.1f %% %8.1f ns", length, 100 * hits / (rounds * length),
                                                  cost_ns / (rounds * length))
                shares[#shares + 1] = hits / (rounds * length)
                length = length * 2
        end
end }

summary("burst length, hits, mean cost of an allocation", function(r)
        return "\n" .. table.concat(lines, "\n")
end)

expect("a burst of one hardly ever misses", function(r) return shares[1] > 0.98 end)
expect("batches keep even long bursts above nine of ten", function(r) return shares[#shares] > 0.9 end)
