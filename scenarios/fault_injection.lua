-- What does a driver lose when a few per cent of the page allocations behind its packets fail?
--
-- A network card takes a packet every few microseconds: a head from a cache of its own, and data with kmalloc, both in the
-- interrupt and so with GFP_ATOMIC. Now fail_page_alloc lets a share of the requests for pages fail, as
-- /debug/fail_page_alloc of 2.6.20 does. Only what has to grow its cache by a slab is hit; a magazine hit asks for no
-- page. A packet without memory is dropped; the driver counts it and goes on.
--
-- Look at how much smaller the share of dropped packets is than the share of failed page requests, also with
-- --set probability=50: a packet that fails leaves the next one to try again, and one success fills a slab's worth of
-- magazine. `kmemsim faults scenarios/fault_injection.lua --set probability=0 --set packets=200 --kind page` lets each request
-- for pages fail in turn instead, one run each.

local probability = param("probability", 10, "share of the requests for pages that fail", "%", "0..100")
local packets = param("packets", 4000, "packets that arrive", nil, "1..")
local backlog = param("backlog", 256, "packets that wait for the task at most", nil, "1..")

machine { cpus = 2, memory = "64MiB" }
fail_page_alloc { probability = probability, times = -1, verbose = 1 }
on_failure "count"

local heads = cache { name = "skbuff_head_cache", size = 232, flags = "hwcache_align" }
local queue = mailbox "queue"
local arrived, dropped, waiting = 0, 0, 0

interrupt { name = "eth0", cpu = 0, every = "2us", count = packets, run = function(i)
        local head = waiting < backlog and i:alloc(heads)
        local data = head and i:kmalloc(i:random(60, 1514))

        if not data then
                if head then
                        i:free(head)
                end
                dropped = dropped + 1
                return
        end
        arrived, waiting = arrived + 1, waiting + 1
        i:send(queue, { head = head, data = data })
end }

-- The task wakes once in a while and takes all that wait. Then the slabs go back, so that the next burst asks for pages.
task { name = "softirq", cpu = 1, daemon = true, run = function(t)
        while true do
                t:sleep("200us")
                while waiting > 0 do
                        local packet = t:receive(queue)

                        t:free(packet.head)
                        t:kfree(packet.data)
                        waiting = waiting - 1
                end
                t:shrink(heads)
        end
end }

summary("result", function(r)
        return string.format("%d requests for pages fail: %d of %d packets dropped (%.1f %%)", r.faults_page, dropped,
                             arrived + dropped, dropped / (arrived + dropped) * 100)
end)

expect("every packet arrives or is dropped", function(r) return arrived + dropped == r.interrupts end)
expect("no head is lost", function(r) return r.caches["skbuff_head_cache"].live_objs == waiting end)
expect("without faults nothing is dropped", function(r) return probability > 0 or r.faults_page > 0 or dropped == 0 end)
