-- How does the memory of Linux 2.6.20 take what a real kernel was seen to do?
--
-- Replays a trace of kmem events, here the beginning of a file workload on a kernel of today: its kmallocs, its caches and
-- its page allocations at the times they were made. The summary sets what the traced kernel requested and
-- allocated beside what the simulated one did. Any trace that `kmemsim import` understands will do:
--
--      kmemsim run scenarios/real_trace.lua --set trace=FILE

local file = param("trace", "traces/filestorm-head.tracecmd.txt.xz", "a trace text, or an ops file made of one")
local memory = param("memory", "1GiB", "of the machine", "size", "8MiB..64GiB")
local cpus = param("cpus", 2, "of the machine; CPUs of the trace beyond them share", "CPUs", "1..8")
local pace = param("pace", "as_recorded",
                   "as_recorded: no request before its time; asap: one after another", nil, "as_recorded|asap")
local speed = param("speed", "1", "2: twice as fast as recorded")

machine { cpus = cpus, memory = memory }

trace { file = file, pace = pace, speed = speed }

expect("there is memory for all of it", function(r) return r.trace.failures == 0 end)
