/*
 * declare_machine.c - machine { ... }: what the scenario says of CPUs, memory, nodes and costs becomes the
 * configuration of the sim.
 */
#include <string.h>

#include "script/scenario_parts.h"

static void read_u32(lua_State *L, const char *name, lua_Integer min, lua_Integer max, uint32_t *field)
{
        uint64_t value;

        if (fields_integer(L, 1, "machine", name, min, max, &value))
                *field = (uint32_t)value;
}

static void read_costs(lua_State *L, struct sim_config *config)
{
        const char *names[COST_KIND_COUNT + 1] = { NULL };
        int costs = lua_gettop(L) + 1;

        if (!fields_push(L, 1, "costs"))
                return;
        for (uint32_t cost = 0; cost < COST_KIND_COUNT; cost++)
                names[cost] = cost_infos[cost].name;
        fields_check(L, costs, "costs", names);
        for (uint32_t cost = 0; cost < COST_KIND_COUNT; cost++) {
                uint64_t cycles;

                if (fields_integer(L, costs, "costs", names[cost], 0, 1000 * 1000 * 1000, &cycles))
                        config->cost_cycles[cost] = (uint32_t)cycles;
        }
        lua_pop(L, 1);
}

static uint32_t read_mib(lua_State *L, int index, const char *what, bool *ret_is_there)
{
        uint64_t bytes = 0;

        *ret_is_there = fields_size(L, index, what, "memory", UINT64_C(1) << 48, &bytes);
        if (bytes % (1u << 20) != 0)
                luaL_error(L, "%s: memory comes in whole MiB", what);
        return (uint32_t)(bytes >> 20);
}

/* The CPUs of node `node`, in table `index`; each CPU once. Returns how many there are. */
static uint32_t read_node_cpus(lua_State *L, int index, uint32_t node, struct sim_config *config)
{
        lua_Integer count = (lua_Integer)lua_rawlen(L, index);

        if (lua_type(L, index) != LUA_TTABLE)
                luaL_error(L, "machine.nodes: cpus is a list of CPU numbers: { 0, 2 }");
        for (lua_Integer i = 1; i <= count; i++) {
                int is_integer;
                lua_Integer cpu;

                lua_rawgeti(L, index, i);
                cpu = lua_tointegerx(L, -1, &is_integer);
                if (!is_integer || cpu < 0 || cpu >= (lua_Integer)MACHINE_CPUS_MAX)
                        luaL_error(L, "machine.nodes: a CPU is a whole number from 0 to %d", (int)MACHINE_CPUS_MAX - 1);
                if (config->cpu_node_plus_1[cpu])
                        luaL_error(L, "machine.nodes: CPU %d is on two nodes", (int)cpu);
                config->cpu_node_plus_1[cpu] = node + 1;
                lua_pop(L, 1);
        }
        return (uint32_t)count;
}

/* nodes = { { memory = "4GiB", cpus = { 0, 1 } }, ... }. Without any `cpus` CPU c is on node c mod nodes. */
static void read_node_list(lua_State *L, int nodes, struct sim_config *config, bool has_cpus)
{
        static const char *const known[] = { "memory", "cpus", NULL };
        lua_Integer count = (lua_Integer)lua_rawlen(L, nodes);
        uint32_t placed = 0;
        bool any = false;

        if (count < 1 || count > (lua_Integer)MACHINE_NODES_MAX)
                luaL_error(L, "machine: nodes is a list of 1 to %d tables, one for each node", (int)MACHINE_NODES_MAX);
        config->nodes = (uint32_t)count;
        for (uint32_t node = 0; node < config->nodes; node++) {
                bool is_there;

                lua_rawgeti(L, nodes, node + 1);
                fields_check(L, -1, "machine.nodes", known);
                config->node_mib[node] = read_mib(L, lua_gettop(L), "machine.nodes", &is_there);
                fields_need(L, is_there, "machine.nodes", "memory");
                if (fields_push(L, lua_gettop(L), "cpus")) {
                        any = true;
                        placed += read_node_cpus(L, lua_gettop(L), node, config);
                        lua_pop(L, 1);
                }
                lua_pop(L, 1);
        }
        if (!any)
                return;
        if (!has_cpus)
                config->cpus = placed;
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                if (!!config->cpu_node_plus_1[cpu] != (cpu < config->cpus))
                        luaL_error(L, cpu < config->cpus ? "machine.nodes: CPU %d is on no node" :
                                                           "machine.nodes: the machine has no CPU %d", (int)cpu);
}

/* nodes = N: the memory in N equal parts. */
static void read_node_count(lua_State *L, lua_Integer count, struct sim_config *config)
{
        uint32_t mib = config->node_mib[0];

        if (count < 1 || count > (lua_Integer)MACHINE_NODES_MAX)
                luaL_error(L, "machine: nodes is a number from 1 to %d, or a list of tables", (int)MACHINE_NODES_MAX);
        if (mib % (uint32_t)count != 0)
                luaL_error(L, "machine: memory of %d MiB is not divided by %d nodes; say nodes = { { memory = ... }, "
                              "... }",
                           (int)mib, (int)count);
        config->nodes = (uint32_t)count;
        for (uint32_t node = 0; node < config->nodes; node++)
                config->node_mib[node] = mib / (uint32_t)count;
}

static void read_nodes(lua_State *L, struct sim_config *config, bool has_memory)
{
        bool numa = false, has_cpus, is_numa_given;
        uint64_t cpus;

        is_numa_given = fields_boolean(L, 1, "machine", "numa", &numa);
        if (is_numa_given)
                config->numa = numa;
        if (!fields_push(L, 1, "nodes"))
                return;
        if (is_numa_given && !numa)
                luaL_error(L, "machine: nodes are those of a NUMA kernel: leave out numa = false");
        config->numa = 1;
        has_cpus = fields_integer(L, 1, "machine", "cpus", 1, MACHINE_CPUS_MAX, &cpus);
        if (lua_type(L, -1) == LUA_TTABLE && has_memory)
                luaL_error(L, "machine: memory is given twice: with each of the nodes, or in all with nodes = N");
        if (lua_type(L, -1) == LUA_TTABLE)
                read_node_list(L, lua_gettop(L), config, has_cpus);
        else if (lua_isinteger(L, -1))
                read_node_count(L, lua_tointeger(L, -1), config);
        else
                luaL_error(L, "machine: nodes is a number from 1 to %d, or a list of tables", (int)MACHINE_NODES_MAX);
        lua_pop(L, 1);
}

int declare_machine(lua_State *L)
{
        static const char *const known[] = { "arch",    "cpus",       "memory",         "numa",
                                             "nodes",   "reserved",   "reserved_pages", "cache_line",
                                             "hz",      "cpu_mhz",    "costs",          "audit",
                                             "threads", "debug_slab", "rcu_grace",      "swap",
                                             "vm",      NULL };
        static const char *const audits[] = { "none", "op", "step" };
        struct scenario *scenario = declaring(L, "machine");
        struct sim_config new_config = scenario->config; /* taken when all of it is right */
        struct sim_config *config = &new_config;
        uint64_t number;
        const char *text;
        bool has_memory, debug_slab = false;
        uint32_t mib;

        fields_check(L, 1, "machine", known);
        if (scenario->has_machine)
                return luaL_error(L, "machine is declared twice");
        if (scenario->clock_is_used)
                return luaL_error(L, "machine comes before caches whose ctor or dtor is a time");
        if (fields_text(L, 1, "machine", "arch", &text)) {
                if (strcmp(text, "x86_64") != 0 && strcmp(text, "i386") != 0)
                        return luaL_error(L, "machine: arch is \"x86_64\" or \"i386\"");
                config->arch = strcmp(text, "i386") == 0 ? ARCH_I386 : ARCH_X86_64;
                if (config->arch == ARCH_I386)
                        config->line_bytes = 32;
        }
        read_u32(L, "cpus", 1, MACHINE_CPUS_MAX, &config->cpus);
        mib = read_mib(L, 1, "machine", &has_memory);
        if (has_memory)
                config->node_mib[0] = mib;
        read_nodes(L, config, has_memory);
        read_u32(L, "reserved_pages", 0, INT32_MAX, &config->reserved_pages);
        if (fields_size(L, 1, "machine", "reserved", UINT64_C(1) << 40, &number)) {
                if (number % PAGE_BYTES != 0)
                        return luaL_error(L, "machine: reserved comes in whole pages of 4096 bytes");
                config->reserved_pages = (uint32_t)(number / PAGE_BYTES);
        }
        if (fields_size(L, 1, "machine", "cache_line", 4096, &number))
                config->line_bytes = (uint32_t)number;
        read_u32(L, "hz", 1, 10000, &config->hz);
        read_u32(L, "cpu_mhz", 1, 100000, &config->cpu_mhz);
        if (fields_time(L, 1, "machine", "rcu_grace", &number)) {
                if (number > 4000000000u)
                        return luaL_error(L, "machine: rcu_grace is at most 4s");
                config->rcu_grace_ns = (uint32_t)number;
        }
        read_u32(L, "threads", 1, 60000, &scenario->spare_threads);
        if (fields_boolean(L, 1, "machine", "debug_slab", &debug_slab))
                config->debug_slab = debug_slab;
        if (fields_text(L, 1, "machine", "audit", &text)) {
                uint32_t audit = 0;

                while (audit < 3 && strcmp(text, audits[audit]) != 0)
                        audit++;
                if (audit == 3)
                        return luaL_error(L, "machine: audit is \"none\", \"op\" or \"step\"");
                config->audit = audit;
        }
        read_costs(L, config);
        text = sim_config_problem(config);
        if (text)
                return luaL_error(L, "machine: %s", text);
        declare_vm(scenario, L, 1);
        scenario->config = new_config;
        scenario->has_machine = true;
        return 0;
}
