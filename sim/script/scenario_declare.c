/*
 * scenario_declare.c - the functions a scenario's main part is written with, and how their arguments are read.
 *
 * Every table is read strictly: a field that is not known is an error that names the known ones.
 */
#include <string.h>

#include "script/gfp_text.h"
#include "script/quantity.h"
#include "script/scenario_parts.h"
#include "trace/gfp.h"

/* -- fields of a table -------------------------------------------------------------------------------------------- */

/* Pushes "a, b, c". */
static void push_list(lua_State *L, const char *const *words)
{
        luaL_Buffer list;

        luaL_buffinit(L, &list);
        for (int i = 0; words[i]; i++) {
                if (i > 0)
                        luaL_addstring(&list, ", ");
                luaL_addstring(&list, words[i]);
        }
        luaL_pushresult(&list);
}

void fields_check(lua_State *L, int index, const char *what, const char *const *known)
{
        index = lua_absindex(L, index);
        if (lua_type(L, index) != LUA_TTABLE)
                luaL_error(L, "%s needs a table: %s { ... }", what, what);
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
                bool found = false;

                if (lua_type(L, -2) == LUA_TSTRING)
                        for (int i = 0; known[i] && !found; i++)
                                found = strcmp(known[i], lua_tostring(L, -2)) == 0;
                if (found)
                        continue;
                push_list(L, known);
                if (lua_type(L, -3) == LUA_TSTRING)
                        luaL_error(L, "%s has no field '%s'; it has %s", what, lua_tostring(L, -3),
                                   lua_tostring(L, -1));
                luaL_error(L, "%s has fields with names only: %s", what, lua_tostring(L, -1));
        }
}

void fields_need(lua_State *L, bool is_there, const char *what, const char *field)
{
        if (!is_there)
                luaL_error(L, "%s needs a field '%s'", what, field);
}

/* Pushes the field; false (and nothing pushed) if it is nil. */
static bool push_field(lua_State *L, int index, const char *field)
{
        if (lua_getfield(L, index, field) != LUA_TNIL)
                return true;
        lua_pop(L, 1);
        return false;
}

/* The text stays alive as long as the table has it. */
bool fields_text(lua_State *L, int index, const char *what, const char *field, const char **ret)
{
        if (!push_field(L, index, field))
                return false;
        if (lua_type(L, -1) != LUA_TSTRING)
                luaL_error(L, "%s: %s is a text, not a %s", what, field, luaL_typename(L, -1));
        *ret = lua_tostring(L, -1);
        if (strlen(*ret) != lua_rawlen(L, -1) || **ret == '\0')
                luaL_error(L, "%s: %s is empty or holds a NUL byte", what, field);
        lua_pop(L, 1);
        return true;
}

bool fields_integer(lua_State *L, int index, const char *what, const char *field, lua_Integer min, lua_Integer max,
                    uint64_t *ret)
{
        int is_integer;
        lua_Integer value;

        if (!push_field(L, index, field))
                return false;
        value = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || lua_type(L, -1) != LUA_TNUMBER || value < min || value > max)
                luaL_error(L, "%s: %s is a whole number from %I to %I", what, field, (LUAI_UACINT)min,
                           (LUAI_UACINT)max);
        lua_pop(L, 1);
        *ret = (uint64_t)value;
        return true;
}

bool fields_boolean(lua_State *L, int index, const char *what, const char *field, bool *ret)
{
        if (!push_field(L, index, field))
                return false;
        if (!lua_isboolean(L, -1))
                luaL_error(L, "%s: %s is true or false", what, field);
        *ret = lua_toboolean(L, -1);
        lua_pop(L, 1);
        return true;
}

static uint64_t read_quantity(lua_State *L, int index, const char *what, const char *noun,
                              const char *(*parse)(const char *text, uint64_t *ret))
{
        const char *problem;
        uint64_t value = 0;
        int is_integer;

        if (lua_type(L, index) == LUA_TSTRING) {
                problem = parse(lua_tostring(L, index), &value);
                if (problem)
                        luaL_error(L, "%s: \"%s\" %s", what, lua_tostring(L, index), problem);
                return value;
        }
        value = (uint64_t)lua_tointegerx(L, index, &is_integer);
        if (lua_type(L, index) != LUA_TNUMBER)
                luaL_error(L, "%s needs a %s, not a %s", what, noun,
                           lua_isnone(L, index) ? "missing argument" : luaL_typename(L, index));
        if (!is_integer || (int64_t)value < 0)
                luaL_error(L, "%s: a %s is a whole number, 0 or more", what, noun);
        return value;
}

uint64_t value_size(lua_State *L, int index, const char *what)
{
        return read_quantity(L, index, what, "size", quantity_size);
}

uint64_t value_time(lua_State *L, int index, const char *what)
{
        return read_quantity(L, index, what, "time", quantity_time);
}

bool fields_size(lua_State *L, int index, const char *what, const char *field, uint64_t max, uint64_t *ret)
{
        const char *name;

        if (!push_field(L, index, field))
                return false;
        name = lua_pushfstring(L, "%s: %s", what, field);
        *ret = value_size(L, -2, name);
        if (*ret > max)
                luaL_error(L, "%s: at most %I bytes", name, (LUAI_UACINT)max);
        lua_pop(L, 2);
        return true;
}

bool fields_time(lua_State *L, int index, const char *what, const char *field, uint64_t *ret)
{
        const char *name;

        if (!push_field(L, index, field))
                return false;
        name = lua_pushfstring(L, "%s: %s", what, field);
        *ret = value_time(L, -2, name);
        lua_pop(L, 2);
        return true;
}

uint32_t value_gfp(lua_State *L, int index, const char *what, bool numa)
{
        const char *text, *word;
        size_t length;
        uint32_t gfp;
        int is_integer;
        lua_Integer value;

        if (lua_type(L, index) == LUA_TNUMBER) {
                value = lua_tointegerx(L, index, &is_integer);
                if (!is_integer || value < 0 || value > 0x7ffff)
                        luaL_error(L, "%s: a gfp mask is a sum of the constants in gfp", what);
                return (uint32_t)value;
        }
        if (lua_type(L, index) != LUA_TSTRING)
                luaL_error(L, "%s: a gfp mask is a text such as \"atomic\" or \"kernel,dma\", not a %s", what,
                           luaL_typename(L, index));
        text = lua_tostring(L, index);
        if (!gfp_parse(text, numa, &gfp, &word, &length)) {
                lua_pushlstring(L, word, length);
                luaL_error(L, "%s: '%s' is no gfp flag", what, lua_tostring(L, -1));
        }
        return gfp;
}

enum failure_policy value_policy(lua_State *L, int index, const char *what)
{
        static const char *const names[] = { "nil", "count", "fatal" };
        const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";

        for (int i = 0; i < 3; i++)
                if (strcmp(text, names[i]) == 0)
                        return (enum failure_policy)i;
        luaL_error(L, "%s: on_failure is \"nil\", \"count\" or \"fatal\"", what);
        return FAILURE_NIL;
}

/* -- machine ------------------------------------------------------------------------------------------------------ */

static struct scenario *scenario_here(lua_State *L)
{
        return lua_touserdata(L, lua_upvalueindex(1));
}

/* These functions belong to the main part; inside of tasks they would come too late. */
static struct scenario *declaring(lua_State *L, const char *what)
{
        struct scenario *scenario = scenario_here(L);

        if (!scenario->is_declaring)
                luaL_error(L, "%s belongs to the main part of the scenario, not into a task", what);
        return scenario;
}

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

        if (!push_field(L, 1, "costs"))
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
                if (push_field(L, lua_gettop(L), "cpus")) {
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
        if (!push_field(L, 1, "nodes"))
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

static int declare_machine(lua_State *L)
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

/* -- caches ------------------------------------------------------------------------------------------------------- */

static uint32_t read_cache_flags(lua_State *L, const char *what)
{
        uint32_t flags = 0, value;
        const char *word;
        size_t length;

        if (lua_type(L, -1) == LUA_TTABLE) {
                for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
                        lua_rawgeti(L, -1, i);
                        flags |= read_cache_flags(L, what);
                        lua_pop(L, 1);
                }
                return flags;
        }
        if (lua_type(L, -1) != LUA_TSTRING)
                luaL_error(L, "%s: flags is a list of texts", what);
        if (!cache_flags_parse(lua_tostring(L, -1), &value, &word, &length)) {
                lua_pushlstring(L, word, length);
                luaL_error(L, "%s: '%s' is no flag of a cache", what, lua_tostring(L, -1));
        }
        return value;
}

/* What a constructor or destructor takes for an object: a number of cycles, or a time as text. */
static uint32_t read_object_cycles(struct scenario *scenario, lua_State *L, int index, const char *what,
                                   const char *field)
{
        uint64_t cycles = 0;
        int is_integer;

        if (!push_field(L, index, field))
                return 0;
        if (lua_type(L, -1) == LUA_TSTRING) {
                const char *name = lua_pushfstring(L, "%s: %s", what, field);
                uint64_t ns = value_time(L, -2, name);

                cycles = ns < 1000000000 ? (ns * scenario->config.cpu_mhz + 999) / 1000 : 0;
                scenario->clock_is_used = true;
                lua_pop(L, 1);
        } else if (lua_type(L, -1) == LUA_TNUMBER) {
                cycles = (uint64_t)lua_tointegerx(L, -1, &is_integer);
                cycles = is_integer ? cycles : 0;
        }
        if (cycles < 1 || cycles > 1000000000)
                luaL_error(L, "%s: %s is what it takes for an object: 1 to 1000000000 cycles, "
                              "or a time such as \"50ns\"", what,
                           field);
        lua_pop(L, 1);
        return (uint32_t)cycles;
}

void declare_cache_spec(struct scenario *scenario, lua_State *L, int index, const char *what, struct cache_spec *ret)
{
        static const char *const known[] = { "name", "size", "align", "flags", "ctor", "dtor", "shrinker", NULL };
        const char *name = NULL;
        uint64_t number = 0;

        fields_check(L, index, what, known);
        memset(ret, 0, sizeof(*ret));
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        if (strlen(name) > CACHE_NAME_MAX)
                luaL_error(L, "%s: a name has at most %d bytes", what, CACHE_NAME_MAX);
        for (const char *c = name; *c; c++)
                if ((unsigned char)*c <= ' ' || (unsigned char)*c == 0x7f)
                        luaL_error(L, "%s: a name has no blanks and no control characters", what);
        g_strlcpy(ret->name, name, sizeof(ret->name));
        fields_need(L, fields_size(L, index, what, "size", 131072, &number), what, "size");
        ret->size_bytes = (uint32_t)number;
        if (fields_size(L, index, what, "align", PAGE_BYTES, &number)) {
                if (number & (number - 1))
                        luaL_error(L, "%s: align is a power of two", what);
                ret->align_bytes = (uint32_t)number;
        }
        if (push_field(L, index, "flags")) {
                ret->flags = read_cache_flags(L, what);
                lua_pop(L, 1);
        }
        ret->ctor_cycles = read_object_cycles(scenario, L, index, what, "ctor");
        ret->dtor_cycles = read_object_cycles(scenario, L, index, what, "dtor");
}

struct declared_cache *declare_cache(struct scenario *scenario, lua_State *L, const struct cache_spec *spec)
{
        struct declared_cache *cache = g_new0(struct declared_cache, 1);

        cache->spec = *spec;
        cache->id = CACHE_ID_NONE;
        cache->place = sandbox_place(scenario->sandbox, L, 1);
        g_ptr_array_add(scenario->caches, cache);
        box_push(scenario, L, BOX_CACHE, cache);
        return cache;
}

/* -- memory pools ------------------------------------------------------------------------------------------------- */

static void read_elements(lua_State *L, int index, const char *what, struct declared_mempool *mempool)
{
        struct mempool_spec *spec = &mempool->spec;
        uint64_t number = 0;
        int given = 0;

        spec->cache = CACHE_ID_NONE;
        if (fields_size(L, index, what, "size", 131072, &number)) {
                spec->kind = MEMPOOL_KMALLOC;
                spec->size_bytes = (uint32_t)number;
                given++;
        }
        if (fields_integer(L, index, what, "order", 0, MAX_ORDER - 1, &number)) {
                spec->kind = MEMPOOL_PAGES;
                spec->order = (uint32_t)number;
                given++;
        }
        if (push_field(L, index, "cache")) {
                mempool->declared = box_part(L, -1, BOX_CACHE);
                if (!mempool->declared && (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) > CACHE_NAME_MAX))
                        luaL_error(L, "%s: cache is what cache{} returned, or a name such as \"size-64\"", what);
                if (!mempool->declared)
                        g_strlcpy(mempool->cache_name, lua_tostring(L, -1), sizeof(mempool->cache_name));
                lua_pop(L, 1);
                spec->kind = MEMPOOL_SLAB;
                given++;
        }
        if (given != 1)
                luaL_error(L, "%s needs one of cache, size and order: where its elements come from", what);
        if (fields_integer(L, index, what, "node", 0, MACHINE_NODES_MAX - 1, &number))
                spec->node_plus_1 = (uint32_t)number + 1;
}

struct declared_mempool *declare_mempool(struct scenario *scenario, lua_State *L, int index, const char *what)
{
        static const char *const known[] = { "name", "min_nr", "cache", "size", "order", "node", NULL };
        struct declared_mempool mempool = { .scenario = scenario }, *kept;
        const char *name = NULL;
        uint64_t number = 0;

        fields_check(L, index, what, known);
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        if (strlen(name) > MEMPOOL_NAME_MAX)
                luaL_error(L, "%s: a name has at most %d bytes", what, MEMPOOL_NAME_MAX);
        for (uint32_t i = 0; i < scenario->mempools->len; i++)
                if (strcmp(((struct declared_mempool *)scenario->mempools->pdata[i])->spec.name, name) == 0)
                        luaL_error(L, "%s: there is a memory pool '%s' already", what, name);
        g_strlcpy(mempool.spec.name, name, sizeof(mempool.spec.name));
        fields_need(L, fields_integer(L, index, what, "min_nr", 1, MEMPOOL_MIN_MAX, &number), what, "min_nr");
        mempool.spec.min_nr = (uint32_t)number;
        read_elements(L, index, what, &mempool);
        mempool.place = sandbox_place(scenario->sandbox, L, 1);
        kept = g_memdup2(&mempool, sizeof(mempool));
        g_ptr_array_add(scenario->mempools, kept);
        box_push(scenario, L, BOX_MEMPOOL, kept);
        return kept;
}

const char *declare_mempool_in_sim(struct declared_mempool *mempool)
{
        struct scenario *scenario = mempool->scenario;
        const char *problem;

        if (mempool->spec.kind == MEMPOOL_SLAB) {
                mempool->spec.cache = mempool->declared ? mempool->declared->id :
                                                          sim_cache_find(scenario->sim, mempool->cache_name);
                if (mempool->spec.cache == CACHE_ID_NONE)
                        return "its cache is not there";
        }
        mempool->id = sim_mempool_declare(scenario->sim, &mempool->spec, &problem);
        if (mempool->id && scenario->recorder)
                recorder_add_mempool(scenario->recorder, mempool->id, &mempool->spec);
        return problem;
}

static int declare_mempool_here(lua_State *L)
{
        struct scenario *scenario = declaring(L, "mempool");

        declare_mempool(scenario, L, 1, "mempool");
        scenario->declared_mempools = scenario->mempools->len;
        return 1;
}

/* pool.curr_nr and so on: as it is now. */
static int mempool_index(lua_State *L)
{
        static const char *const fields[] = { "name",    "min_nr", "curr_nr", "live",    "waiters",
                                              "taken",   "put",    "waits",   "refused", NULL };
        const struct declared_mempool *mempool = ((const struct box *)lua_touserdata(L, 1))->part;
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
        struct mempool_view view = { .min_nr = mempool->spec.min_nr };
        int field = 0;

        if (mempool->id)
                sim_mempool_get(mempool->scenario->sim, mempool->id, &view);
        while (fields[field] && strcmp(fields[field], name) != 0)
                field++;
        switch (field) {
        case 0: lua_pushstring(L, mempool->spec.name); break;
        case 1: lua_pushinteger(L, view.min_nr); break;
        case 2: lua_pushinteger(L, view.curr_nr); break;
        case 3: lua_pushboolean(L, view.live != 0); break;
        case 4: lua_pushinteger(L, view.waiters); break;
        case 5: lua_pushinteger(L, (lua_Integer)view.taken); break;
        case 6: lua_pushinteger(L, (lua_Integer)view.put); break;
        case 7: lua_pushinteger(L, (lua_Integer)view.waits); break;
        case 8: lua_pushinteger(L, (lua_Integer)view.refused); break;
        default: return luaL_error(L, "a memory pool has no field '%s'", name);
        }
        return 1;
}

static int declare_cache_here(lua_State *L)
{
        struct scenario *scenario = declaring(L, "cache");
        struct request shrinker = { 0 };
        struct cache_spec spec;

        declare_cache_spec(scenario, L, 1, "cache", &spec);
        if (lua_getfield(L, 1, "shrinker") != LUA_TNIL)
                declare_shrinker(L, lua_gettop(L), "cache: shrinker", &shrinker);
        for (uint32_t i = 0; i < scenario->caches->len; i++)
                if (strcmp(((struct declared_cache *)scenario->caches->pdata[i])->spec.name, spec.name) == 0)
                        return luaL_error(L, "cache '%s' is declared twice", spec.name);
        declare_cache(scenario, L, &spec)->shrinker = shrinker;
        scenario->declared_caches = scenario->caches->len;
        return 1;
}

/* -- tasks, interrupts, mailboxes, events ------------------------------------------------------------------------- */

static int declare_task(lua_State *L)
{
        actor_declare_task(declaring(L, "task"), L, 1, "task");
        return 1;
}

static int declare_interrupt(lua_State *L)
{
        actor_declare_interrupt(declaring(L, "interrupt"), L, 1);
        return 1;
}

struct mailbox *mailbox_new(struct scenario *scenario, lua_State *L, const char *name)
{
        struct mailbox *mailbox;
        int values_ref;

        lua_newtable(L);
        values_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        mailbox = g_new0(struct mailbox, 1);
        mailbox->name = g_strdup(name);
        mailbox->values_ref = values_ref;
        g_ptr_array_add(scenario->mailboxes, mailbox);
        return mailbox;
}

struct event_flag *event_new(struct scenario *scenario, const char *name)
{
        struct event_flag *event = g_new0(struct event_flag, 1);

        event->name = g_strdup(name);
        g_ptr_array_add(scenario->events, event);
        return event;
}

static int declare_mailbox(lua_State *L)
{
        struct scenario *scenario = scenario_here(L);

        box_push(scenario, L, BOX_MAILBOX, mailbox_new(scenario, L, luaL_checkstring(L, 1)));
        return 1;
}

static int declare_event(lua_State *L)
{
        struct scenario *scenario = scenario_here(L);

        box_push(scenario, L, BOX_EVENT, event_new(scenario, luaL_checkstring(L, 1)));
        return 1;
}

static int declare_process_here(lua_State *L)
{
        process_declare(declaring(L, "process"), L, 1);
        return 1;
}

/* -- expect, summary, policies ------------------------------------------------------------------------------------ */

static void add_expectation(lua_State *L, const char *what, GArray *to)
{
        struct expectation expectation;

        if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TFUNCTION || lua_gettop(L) != 2)
                luaL_error(L, "%s needs a text and a function: %s(\"...\", function(r) ... end)", what, what);
        expectation.function_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        expectation.text = g_strdup(lua_tostring(L, 1));
        g_array_append_val(to, expectation);
}

static int declare_expect(lua_State *L)
{
        add_expectation(L, "expect", declaring(L, "expect")->expectations);
        return 0;
}

static int declare_summary(lua_State *L)
{
        add_expectation(L, "summary", declaring(L, "summary")->summaries);
        return 0;
}

static int declare_on_failure(lua_State *L)
{
        declaring(L, "on_failure")->policy = value_policy(L, 1, "on_failure");
        return 0;
}

static int declare_stop_at(lua_State *L)
{
        declaring(L, "stop_at")->stop_at_ns = value_time(L, 1, "stop_at");
        return 0;
}

static int declare_seed(lua_State *L)
{
        lua_pushinteger(L, (lua_Integer)scenario_here(L)->seed);
        return 1;
}

/* -- param -------------------------------------------------------------------------------------------------------- */

static const char *const param_type_words[] = {
        [PARAM_INTEGER] = "a whole number", [PARAM_NUMBER] = "a number", [PARAM_BOOLEAN] = "true or false",
        [PARAM_TEXT] = "a text",            [PARAM_TIME] = "a time",     [PARAM_SIZE] = "a size",
};

static const char *find_setting(const struct scenario *scenario, const char *name)
{
        const char *value = NULL;
        size_t length = strlen(name);

        for (const char *const *setting = scenario->settings; setting && *setting; setting++)
                if (strncmp(*setting, name, length) == 0 && (*setting)[length] == '=')
                        value = *setting + length + 1; /* the last one counts */
        return value;
}

/* Pushes the value as the parameter's type; false if the text is none. */
static bool push_param(lua_State *L, const struct scenario_param *param, const char *text)
{
        uint64_t quantity;
        int is_number;

        switch (param->type) {
        case PARAM_INTEGER:
        case PARAM_NUMBER:
                if (lua_stringtonumber(L, text) == 0)
                        return false;
                if (param->type == PARAM_NUMBER)
                        return true;
                quantity = (uint64_t)lua_tointegerx(L, -1, &is_number);
                lua_pop(L, 1);
                lua_pushinteger(L, (lua_Integer)quantity);
                return is_number;
        case PARAM_BOOLEAN:
                lua_pushboolean(L, strcmp(text, "true") == 0);
                return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
        case PARAM_TIME:
                lua_pushstring(L, text);
                return quantity_time(text, &quantity) == NULL;
        case PARAM_SIZE:
                lua_pushstring(L, text);
                return quantity_size(text, &quantity) == NULL;
        case PARAM_TEXT:
                break;
        }
        lua_pushstring(L, text);
        return true;
}

static void add_param(struct scenario *scenario, lua_State *L, int type)
{
        struct scenario_param *param = g_new0(struct scenario_param, 1);

        param->type = type;
        param->name = g_strdup(lua_tostring(L, 1));
        param->preset = g_strdup(lua_tostring(L, -1));
        param->description = g_strdup(lua_tostring(L, 3));
        param->unit = g_strdup(lua_isnoneornil(L, 4) ? "" : lua_tostring(L, 4));
        g_ptr_array_add(scenario->params, param);
}

/* param(name, default, description [, unit]): the value of --set name=..., else the default. */
static int declare_param(lua_State *L)
{
        struct scenario *scenario = declaring(L, "param");
        const char *name, *unit, *text;
        struct scenario_param *param;
        int type = PARAM_TEXT;

        if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 3) != LUA_TSTRING)
                return luaL_error(L, "param needs a name, a default and a description: "
                                     "param(\"rounds\", 1000, \"how many rounds\" [, \"rounds\"])");
        name = lua_tostring(L, 1);
        unit = luaL_optstring(L, 4, "");
        if (*name == '\0' || strpbrk(name, "= \t\n"))
                return luaL_error(L, "param: '%s' is no name", name);
        lua_pushfstring(L, "%s=", name);
        if (faults_is_setting(name) || faults_is_setting(lua_tostring(L, -1)))
                return luaL_error(L, "param: '%s' belongs to fault injection", name);
        lua_pop(L, 1);
        for (uint32_t i = 0; i < scenario->params->len; i++)
                if (strcmp(((struct scenario_param *)scenario->params->pdata[i])->name, name) == 0)
                        return luaL_error(L, "param '%s' is declared twice", name);
        switch (lua_type(L, 2)) {
        case LUA_TNUMBER:
                type = lua_isinteger(L, 2) ? PARAM_INTEGER : PARAM_NUMBER;
                break;
        case LUA_TBOOLEAN:
                type = PARAM_BOOLEAN;
                break;
        case LUA_TSTRING:
                type = strcmp(unit, "time") == 0 ? PARAM_TIME : strcmp(unit, "size") == 0 ? PARAM_SIZE : PARAM_TEXT;
                break;
        default:
                return luaL_error(L, "param '%s': the default is a number, a text, true or false", name);
        }
        lua_settop(L, 4);
        if (type == PARAM_BOOLEAN)
                lua_pushstring(L, lua_toboolean(L, 2) ? "true" : "false");
        else
                luaL_tolstring(L, 2, NULL);
        add_param(scenario, L, type);
        param = scenario->params->pdata[scenario->params->len - 1];
        text = find_setting(scenario, name);
        param->is_set = text != NULL;
        if (!text && !push_param(L, param, param->preset))
                return luaL_error(L, "param '%s': the default \"%s\" is not %s", name, param->preset,
                                  param_type_words[type]);
        if (text && !push_param(L, param, text))
                return scenario_raise(scenario, L, SCENARIO_ERROR_USAGE, "--set %s=%s: %s is %s (%s)", name, text, name,
                                      param_type_words[type], param->description);
        g_free(param->value);
        param->value = g_strdup(text ? text : param->preset);
        return 1;
}

/* -- fault injection ---------------------------------------------------------------------------------------------- */

static int declare_failslab(lua_State *L)
{
        return faults_declare(declaring(L, "failslab"), L, FAULT_SLAB);
}

static int declare_fail_page_alloc(lua_State *L)
{
        return faults_declare(declaring(L, "fail_page_alloc"), L, FAULT_PAGE);
}

/* -- trace -------------------------------------------------------------------------------------------------------- */

static int declare_trace(lua_State *L)
{
        static const char *const known[] = { "file", "speed", "pace", NULL };
        struct scenario *scenario = declaring(L, "trace");
        const char *file = NULL, *text, *problem;
        uint64_t part = 1, whole = 1;
        bool asap = false;

        fields_check(L, 1, "trace", known);
        if (scenario->player)
                return luaL_error(L, "one trace is enough");
        fields_need(L, fields_text(L, 1, "trace", "file", &file), "trace", "file");
        if (push_field(L, 1, "speed")) {
                text = lua_tostring(L, -1);
                problem = text ? quantity_ratio(text, &part, &whole) : "is no ratio";
                if (problem)
                        return luaL_error(L, "trace: speed %s %s", text ? text : "", problem);
                lua_pop(L, 1);
        }
        if (fields_text(L, 1, "trace", "pace", &text)) {
                asap = strcmp(text, "asap") == 0;
                if (!asap && strcmp(text, "as_recorded") != 0)
                        return luaL_error(L, "trace: pace is \"as_recorded\" or \"asap\"");
        }
        scenario->player = trace_player_load(scenario, file, part, whole, asap);
        if (!scenario->player) {
                lua_pushstring(L, scenario->error->message);
                scenario->error_code = (enum scenario_error)scenario->error->code;
                g_clear_error(&scenario->error);
                return scenario_raise(scenario, L, scenario->error_code, "%s", lua_tostring(L, -1));
        }
        return 0;
}

/* -- all of them -------------------------------------------------------------------------------------------------- */

static int unknown_gfp(lua_State *L)
{
        return luaL_error(L, "gfp has no flag '%s'", luaL_tolstring(L, 2, NULL));
}

static void open_gfp(lua_State *L)
{
        const struct flag_word *const lists[] = { gfp_bases, gfp_modifiers };

        lua_newtable(L);
        for (int i = 0; i < 2; i++)
                for (const struct flag_word *word = lists[i]; word->name; word++) {
                        lua_pushinteger(L, word->value);
                        lua_setfield(L, -2, word->name);
                }
        lua_newtable(L);
        lua_pushcfunction(L, unknown_gfp);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_setmetatable(L, -2);
        lua_setglobal(L, "gfp");
}

void declare_open(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg box[] = { { "__tostring", box_tostring }, { NULL, NULL } };
        static const luaL_Reg mempool[] = { { "__tostring", box_tostring },
                                            { "__index", mempool_index },
                                            { NULL, NULL } };
        static const luaL_Reg process[] = { { "__tostring", box_tostring },
                                            { "__index", process_index },
                                            { NULL, NULL } };
        static const luaL_Reg functions[] = {
                { "machine", declare_machine },       { "cache", declare_cache_here }, { "task", declare_task },
                { "interrupt", declare_interrupt },   { "mailbox", declare_mailbox },  { "event", declare_event },
                { "expect", declare_expect },         { "summary", declare_summary },  { "param", declare_param },
                { "on_failure", declare_on_failure }, { "stop_at", declare_stop_at },  { "seed", declare_seed },
                { "failslab", declare_failslab },     { "fail_page_alloc", declare_fail_page_alloc },
                { "trace", declare_trace },           { "mempool", declare_mempool_here },
                { "process", declare_process_here },
                { NULL, NULL },
        };

        handle_open(scenario, L, BOX_ACTOR, "task", box);
        handle_open(scenario, L, BOX_MAILBOX, "mailbox", box);
        handle_open(scenario, L, BOX_EVENT, "event", box);
        handle_open(scenario, L, BOX_CACHE, "cache", box);
        handle_open(scenario, L, BOX_MEMPOOL, "mempool", mempool);
        handle_open(scenario, L, BOX_PROCESS, "process", process);
        lua_pushglobaltable(L);
        lua_pushlightuserdata(L, scenario);
        luaL_setfuncs(L, functions, 1);
        lua_pop(L, 1);
        load_open(scenario, L);
        open_gfp(L);
}
