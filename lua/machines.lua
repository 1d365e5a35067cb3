-- machines - machines to run a scenario on, as tables for machine{ }.
--
--      local machines = require "machines"
--      machine(machines.opteron())
--      machine(machines.opteron { cpus = 8, memory = "16GiB" })       -- the same with other values
--
-- A preset says what the model can be told: architecture, CPUs, memory, cache line, HZ, clock. Every kernel is the modelled
-- one, 2.6.20 built for SMP, also where there is one CPU. `reserved` stands for the kernel's image and early tables, which
-- lie at the bottom of memory; the array of page descriptors (56 bytes a page on x86_64, 32 on i386) is not deducted.
-- The costs of the steps are those of one machine, in cycles: cpu_mhz scales them, a different memory system does not.

local presets = {
        -- A desktop of 2006: two cores, 1 GiB, a 32-bit kernel with high memory above 896 MiB.
        desktop_i386 = { arch = "i386", cpus = 2, memory = "1GiB", reserved = "5MiB", cache_line = 64, hz = 250,
                         cpu_mhz = 2130 },

        -- A server of 2006 with a 32-bit kernel: 4 GiB, three quarters of it high memory.
        server_i386 = { arch = "i386", cpus = 4, memory = "4GiB", reserved = "5MiB", cache_line = 128, hz = 250, cpu_mhz = 3000 },

        -- A server with two dual-core Opterons. On the real one each socket has its own memory, two NUMA nodes; this is such
        -- a machine with node interleaving switched on in its firmware: one node, and a kernel without NUMA.
        opteron = { arch = "x86_64", cpus = 4, memory = "8GiB", reserved = "5MiB", cache_line = 64, hz = 250,
                    cpu_mhz = 2400 },

        -- The same with its two nodes: socket n has half of the memory. CPU c is a core of socket c mod 2.
        opteron_2n = { arch = "x86_64", cpus = 4, memory = "8GiB", nodes = 2, reserved = "5MiB", cache_line = 64, hz = 250,
                       cpu_mhz = 2400 },

        -- Four sockets, four nodes.
        opteron_4n = { arch = "x86_64", cpus = 8, memory = "16GiB", nodes = 4, reserved = "5MiB", cache_line = 64, hz = 250,
                       cpu_mhz = 2400 },

        -- An embedded x86 board with 16 MiB: all of it is ZONE_DMA, and slabs of one page are all it is offered.
        board_16m = { arch = "i386", cpus = 1, memory = "16MiB", reserved = "2MiB", cache_line = 32, hz = 100, cpu_mhz = 300 },

        -- The same with 32 MiB: the largest machine on which slabs prefer one page.
        board_32m = { arch = "i386", cpus = 1, memory = "32MiB", reserved = "2MiB", cache_line = 32, hz = 100, cpu_mhz = 300 },

        -- A workstation of today under the kernel of then; more than 8 CPUs is more than that kernel was built for.
        today_64g = { arch = "x86_64", cpus = 8, memory = "64GiB", reserved = "5MiB", cache_line = 64, hz = 250,
                      cpu_mhz = 3500 },
}

local machines = {}

for name, preset in pairs(presets) do
        machines[name] = function(changes)
                local fields = {}

                for field, value in pairs(preset) do
                        fields[field] = value
                end
                for field, value in pairs(changes or {}) do
                        fields[field] = value
                end
                return fields
        end
end

return machines
