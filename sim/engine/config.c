#include "base/core_only.h"
#include "engine/config.h"

void sim_config_default(struct sim_config *config)
{
        memset(config, 0, sizeof(*config));
        config->arch = ARCH_X86_64;
        config->cpus = 2;
        config->nodes = 1;
        config->node_mib[0] = 256;
        config->reserved_pages = 256;
        config->line_bytes = 64;
        config->hz = 250;
        config->cpu_mhz = 3000;
        config->threads_max = 256;
        for (uint32_t i = 0; i < COST_KIND_COUNT; i++)
                config->cost_cycles[i] = cost_infos[i].cycles;
        for (uint32_t i = 0; i < FAULT_CAPABILITY_COUNT; i++)
                fault_attr_default(&config->fault.attr[i]);
}

const char *sim_config_problem(const struct sim_config *config)
{
        uint64_t mib = 0;

        if (config->arch != ARCH_X86_64 && config->arch != ARCH_I386)
                return "the architecture is x86_64 or i386";
        if (!config->numa && config->nodes != 1)
                return "a machine has one node, unless it runs a NUMA kernel";
        if (config->numa && config->arch != ARCH_X86_64)
                return "a NUMA machine is an x86_64 one";
        if (config->numa && config->line_bytes != 64)
                return "the cache line of a NUMA machine is 64 bytes";
        if (config->nodes < 1 || config->nodes > MACHINE_NODES_MAX)
                return "a NUMA machine has 1 to 4 nodes (MAX_NUMNODES of the modelled kernel is 4)";
        if (config->cpus < 1 || config->cpus > MACHINE_CPUS_MAX)
                return "a machine has 1 to 8 CPUs (NR_CPUS of the modelled kernel is 8)";
        for (uint32_t node = 0; node < config->nodes; node++)
                mib += config->node_mib[node];
        for (uint32_t node = 0; node < config->nodes && config->numa; node++) {
                if (config->node_mib[node] < 4) /* NODE_MIN_SIZE of arch/x86_64/mm/srat.c:
                                                 * a smaller one stays offline */
                        return "each node of a NUMA machine has at least 4 MiB of memory "
                               "(the kernel ignores a smaller one)";
        }
        for (uint32_t cpu = 0; cpu < config->cpus; cpu++) {
                if (config->cpu_node_plus_1[cpu] > config->nodes)
                        return "a CPU is on one of the machine's nodes";
        }
        if (config->cpu_node_plus_1[0] > 1)
                return "CPU 0, which boots, is on node 0";
        if (mib < 8 || mib > 65536)
                return "a machine has 8 MiB to 64 GiB of memory";
        if (config->arch == ARCH_I386 && mib > 4096)
                return "an i386 machine has at most 4 GiB of memory (HIGHMEM4G)";
        if (config->reserved_pages >= mib * 256)
                return "all memory is reserved: the machine could not boot";
        if (config->numa && config->reserved_pages >= (uint64_t)config->node_mib[0] * 256)
                return "all of node 0 is reserved: the machine could not boot";
        if (config->arch == ARCH_X86_64 && config->line_bytes != 64 && config->line_bytes != 128)
                return "the cache line of an x86_64 machine is 64 or 128 bytes";
        if (config->arch == ARCH_I386 && config->line_bytes != 32 && config->line_bytes != 64 &&
            config->line_bytes != 128)
                return "the cache line of an i386 machine is 32, 64 or 128 bytes";
        if (config->hz != 100 && config->hz != 250 && config->hz != 300 && config->hz != 1000)
                return "HZ is 100, 250, 300 or 1000";
        if (config->cpu_mhz < 1 || config->cpu_mhz > 100000)
                return "cpu_mhz is from 1 to 100000";
        for (uint32_t i = 0; i < COST_KIND_COUNT; i++) {
                if (config->cost_cycles[i] > 1000000000u)
                        return "a cost is at most 1000000000 cycles";
        }
        if (config->debug_slab > 1)
                return "debug_slab is 0 or 1";
        if (config->rcu_grace_ns && config->manual_clock)
                return "with a manual clock there is no time for RCU grace periods";
        for (uint32_t i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                for (uint32_t attribute = 0; attribute < FAULT_ATTR_COUNT; attribute++) {
                        uint32_t value = fault_attr_get(&config->fault.attr[i], (enum fault_attribute)attribute);

                        if (fault_attr_problem((enum fault_attribute)attribute, value))
                                return fault_attr_problem((enum fault_attribute)attribute, value);
                }
        }
        if (config->threads_max < 1 || config->threads_max > 60000)
                return "a run has 1 to 60000 tasks and interrupt handlers";
        return NULL;
}
