-- What does it cost a network card that its packets are freed on another CPU?
--
-- CPU 0 takes packets in its interrupt handler and allocates a head and a piece of data for each; workers on other CPUs free
-- them. So the magazine of CPU 0 only ever empties and those of the workers only ever fill: a head costs a refill every 60
-- packets, a piece of data (size-2048, whose batch is 12) every 12, and what flows back comes through the shared array, not
-- from new slabs. Look at `kmemsim query network_receive.db cache_hits`, and run again with --set workers=0: the packets are
-- then freed where they came from, and the refills are gone.

local interrupts = param("interrupts", 8000, "how many receive interrupts", "interrupts", "1..")
local period = param("period", "20us", "time between two of them", "time", "1ns..")
local workers = param("workers", 2, "CPUs that free packets; 0: the receiving CPU itself", "CPUs", "0..7")

local machines = require "machines"
local workloads = require "workloads"

machine(machines.opteron { cpus = workers + 1, memory = "256MiB" })

local cpus = {}

for cpu = 1, workers do
        cpus[cpu] = cpu
end

local net = workloads.network_receive { count = interrupts, every = period, workers = workers > 0 and cpus or { 0 } }

local function refills(paths)
        return paths.shared + paths.partial_slab + paths.free_slab + paths.new_slab
end

expect("every packet is received, served and freed", function(r)
        return r.failures == 0 and net.done == net.received and r.caches.skbuff_head_cache.live_objs == 0
end)

-- A refill from the shared array brings a batch, one from a new slab what that has: together they must bring what was received,
-- and not a batch more.
local function adds_up(paths, cache, batch)
        local slabs = paths.partial_slab + paths.free_slab      -- up to a batch each
        local brought = batch * paths.shared + math.min(batch, cache.objects_per_slab) * paths.new_slab

        if workers == 0 then
                return refills(paths) < net.received // batch // 2 + 20
        end
        return brought < net.received + batch and brought + batch * slabs >= net.received
end

expect("a head costs a refill every 60 packets", function(r)
        return adds_up(r.paths.alloc, r.caches.skbuff_head_cache, 60)
end)
expect("a piece of data costs a refill every 12 packets", function(r)
        return adds_up(r.paths.kmalloc, r.caches["size-2048"], 12)
end)
expect("what comes back is used again: slabs are made for what is under way only", function(r)
        local heads = 480 + 120 * (workers + 1) + net.backlog_max       -- shared array, magazines, packets that wait
        local data = 96 + 24 * (workers + 1) + net.backlog_max

        return r.paths.alloc.new_slab <= heads // r.caches.skbuff_head_cache.objects_per_slab + 5 and
               r.paths.kmalloc.new_slab <= data // 2 + 10
end)

summary("result", function(r)
        return string.format("%d packets: a refill for %.1f %% of the heads and %.1f %% of the data, %.1f %% of them from the " ..
                             "shared array", net.received, 100 * refills(r.paths.alloc) / net.received,
                             100 * refills(r.paths.kmalloc) / net.received,
                             100 * (r.paths.alloc.shared + r.paths.kmalloc.shared) /
                             (refills(r.paths.alloc) + refills(r.paths.kmalloc)))
end)
