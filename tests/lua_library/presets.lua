-- Does every machine of the library boot, with every cache and every workload on it?
--
-- Run by tests/lua_library/check for each preset.

local preset = param("machine", "opteron", "a name of lua/machines.lua")

local machines = require "machines"
local workloads = require "workloads"

local fields = machines[preset]()

machine(fields)

local kernel = require "caches"(fields.arch):all()
local last = fields.cpus - 1
local tallies = {
        workloads.network_receive { kernel = kernel, workers = { last }, count = 50 },
        workloads.jumbo_frames { kernel = kernel, count = 20 },
        workloads.files { kernel = kernel, cpu = last, count = 200, keep = 50, drop = "oldest" },
        workloads.files { kernel = kernel, name = "more files", cpu = last, count = 200, keep = 20, inode = "inode_cache" },
        workloads.page_cache { kernel = kernel, count = 300, cached = 100, evict = "random", pause = "1us" },
        workloads.fork_exec { kernel = kernel, cpu = last, count = 10, alive = 3 },
        workloads.grow_shrink { kernel = kernel, segments = 5, objects = 50, keep = 1 },
        workloads.mixed_kmalloc { kernel = kernel, count = 500, live = 100 },
        workloads.dma_buffers { kernel = kernel, cpu = last, count = 50, ring = 8 },
        workloads.timers { kernel = kernel, ticks = 20 },
}

expect("an override is taken, and the preset itself stays", function()
        return machines[preset] { cpus = 7 }.cpus == 7 and machines[preset]().cpus == fields.cpus
end)
expect("an option that is not known is an error", function()
        local good, message = pcall(workloads.files, { colour = "red" })

        return not good and message:find("files has no option 'colour'", 1, true)
end)
expect("every cache has room for its objects", function(r)
        for name, spec in pairs(kernel.specs) do
                local size = math.type(spec.size) == "integer" and spec.size

                if not size or r.caches[name].size < size or r.caches[name].size > 2 * size + 128 or
                   (spec.known ~= "exact" and spec.known ~= "near") then
                        return false
                end
        end
        return true
end)
expect("every workload did something, nothing failed, and the books agree", function(r)
        local held = {}

        for _, tally in ipairs(tallies) do
                if tally.done == 0 or tally.failed > 0 then
                        return false
                end
                for name, objects in pairs(tally.live) do
                        held[name] = (held[name] or 0) + objects
                end
        end
        for name, objects in pairs(held) do
                if r.caches[name].live_objs ~= objects then
                        return false
                end
        end
        return r.failures == 0
end)
