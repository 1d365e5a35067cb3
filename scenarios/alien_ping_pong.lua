-- What does it cost when two nodes free what the other one has allocated?
--
-- Two pairs of tasks do the same work: the first allocates, the second frees. The pair "near" has both CPUs on one node: what is
-- freed goes into the second CPU's magazine, and 60 at a time by way of the shared array back to the first. The pair "far" is on
-- two nodes: objects wait in an alien array, all CPUs of the node at one lock, and go home by the dozen. So the home's
-- list_lock is taken for every 12 objects, not for every 60, from the far side.

local count = param("count", 20000, "objects of each pair", "objects", "200..")
local bytes = param("bytes", 256, "size of an object", "size", "8B..128KiB")
local window = param("window", 200, "objects on their way", "objects", "2..")

machine { nodes = 2, cpus = 5, memory = "128MiB" } -- CPUs 0, 2 and 4 on node 0, 1 and 3 on node 1

local ns = { near = { alloc = 0, free = 0 }, far = { alloc = 0, free = 0 } }

-- An allocation's object knows how long it took; a free leaves none, and is timed from outside.
local function pair(name, from, to)
        local kind = cache { name = name, size = bytes }
        local box, credit = mailbox(name), mailbox(name .. " credit")

        task { name = name .. " giver", cpu = from, run = function(t)
                for i = 1, count do
                        if i > window then
                                t:receive(credit)
                        end
                        local object = t:alloc(kind)

                        ns[name].alloc = ns[name].alloc + object.dur_ns
                        t:send(box, object)
                        t:work("300ns")
                end
        end }
        task { name = name .. " taker", cpu = to, run = function(t)
                for _ = 1, count do
                        local object = t:receive(box)
                        local start_ns = t:now()

                        t:free(object, kind)
                        ns[name].free = ns[name].free + t:now() - start_ns
                        t:send(credit, true)
                end
        end }
end

pair("near", 0, 2)
pair("far", 1, 4)

expect("only the far pair frees on another node", function(r)
        return r.caches.near.node_frees == 0 and r.caches.far.node_frees == count
end)
expect("every thirteenth free finds its alien array full", function(r)
        return r.caches.far.alien_overflows == (count - 1) // 12
end)
expect("the far frees take longer", function() return ns.far.free > ns.near.free end)
expect("nothing is lost on the way", function(r) return r.caches.near.live_objs == 0 and r.caches.far.live_objs == 0 end)

summary("result", function(r)
        return string.format("freed on the other node an object costs %.1f ns to free and %.1f ns to allocate again; on one node " ..
                             "%.1f ns and %.1f ns; %d trips home", ns.far.free / count, ns.far.alloc / count,
                             ns.near.free / count, ns.near.alloc / count, r.caches.far.alien_overflows)
end)
