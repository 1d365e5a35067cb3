/*
 * methods_machine.c - the methods by which a task changes the machine itself, as root would: caches made, shrunk, tuned
 * and destroyed, /proc/slabinfo, the reaper, CPUs up and down, fault injection, settings of processes.
 */
#include <string.h>

#include "script/scenario_parts.h"

#define SLABINFO_WRITE_MAX 128 /* MAX_SLABINFO_WRITE: bytes of a write to /proc/slabinfo */

/* -- fault injection ---------------------------------------------------------------------------------------------- */

/* Each attribute of the table at 2 is one write to its control file; from attribute `at` & 255 on. */
static int write_faults(lua_State *L, int status, lua_KContext at)
{
        struct actor *self = actor_self_of(L);
        enum fault_capability capability = (enum fault_capability)(at >> 8);
        uint32_t attribute = (uint32_t)at & 255u;

        (void)status;
        while (attribute < FAULT_ATTR_COUNT) {
                const char *problem;
                uint32_t value;

                if (!faults_field(L, 2, capability, (enum fault_attribute)attribute++, &value))
                        continue;
                self->request = (struct request){ .kind = OP_FAULT_SET, .size_bytes = value,
                                                  .order = (uint8_t)FAULT_ATTR_OF(capability, attribute - 1) };
                call_site_note(self);
                problem = sim_submit(self->scenario->sim, self->thread, &self->request);
                if (problem)
                        return luaL_error(L, "%s: %s (the main part says %s { ... })",
                                          fault_capability_names[capability], problem,
                                          fault_capability_names[capability]);
                call_site_submitted(self);
                sandbox_burst_begin(self->scenario->sandbox);
                actor_set_state(self, ACTOR_REQUEST);
                actor_wait_for_then(L, self, SIM_DONE, (lua_KContext)capability << 8 | attribute, write_faults);
        }
        return 0;
}

static int set_faults(lua_State *L, enum fault_capability capability)
{
        actor_task_of(L, fault_capability_names[capability]);
        faults_check(L, 2, capability);
        actor_need_yieldable(L);
        lua_settop(L, 2);
        return write_faults(L, LUA_OK, (lua_KContext)capability << 8);
}

static int task_failslab(lua_State *L)
{
        return set_faults(L, FAULT_SLAB);
}

static int task_fail_page_alloc(lua_State *L)
{
        return set_faults(L, FAULT_PAGE);
}

/* t:make_it_fail([true or false]): the task's own flag, as a write to /proc/self/make-it-fail. */
static int task_make_it_fail(lua_State *L)
{
        struct actor *self = actor_task_of(L, "make_it_fail");
        bool is_on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);

        self->request = (struct request){ .kind = OP_FAULT_SET, .order = FAULT_MAKE_IT_FAIL, .size_bytes = is_on };
        return actor_submit(L, self);
}

/* -- processes ---------------------------------------------------------------------------------------------------- */

static const struct declared_process *process_argument(lua_State *L, int index, const char *what)
{
        const struct declared_process *process = box_part(L, index, BOX_PROCESS);

        if (!process)
                luaL_error(L, "%s needs a process: what process{} returned", what);
        return process;
}

/* t:process_set(process, "oom_adj", 5) and so on. */
static int task_process_set(lua_State *L)
{
        struct actor *self = actor_task_of(L, "process_set");

        process_set_request(L, process_argument(L, 2, "process_set"), &self->request);
        return actor_submit(L, self);
}

/* -- caches, CPUs ------------------------------------------------------------------------------------------------- */

static int task_create(lua_State *L)
{
        struct actor *self = actor_task_of(L, "create");
        struct cache_spec spec;

        declare_cache_spec(self->scenario, L, 2, "create", &spec);
        if (lua_getfield(L, 2, "shrinker") != LUA_TNIL)
                return luaL_error(L, "create: a cache made during the run gets its shrinker with t:set_shrinker");
        lua_pop(L, 1);
        self->cache = declare_cache(self->scenario, L, &spec);
        self->request = (struct request){ .kind = OP_CREATE, .spec = &self->cache->spec };
        return actor_submit(L, self);
}

static int task_shrink(lua_State *L)
{
        struct actor *self = actor_task_of(L, "shrink");

        self->request = (struct request){ .kind = OP_SHRINK,
                                          .cache = actor_cache_argument(L, self, 2, "shrink", &self->cache) };
        return actor_submit(L, self);
}

static int task_destroy(lua_State *L)
{
        struct actor *self = actor_task_of(L, "destroy");

        self->request = (struct request){ .kind = OP_DESTROY,
                                          .cache = actor_cache_argument(L, self, 2, "destroy", &self->cache) };
        return actor_submit(L, self);
}

/* One write to /proc/slabinfo: limit, batchcount and shared of the cache `name`, as the kernel's int. */
static int submit_tune(lua_State *L, struct actor *self, const char *name, const int32_t values[3], lua_Integer bytes)
{
        struct cache_spec spec = { .name = "" };

        if (strlen(name) < sizeof(spec.name)) /* a longer one is that of no cache */
                g_strlcpy(spec.name, name, sizeof(spec.name));
        self->written = bytes;
        self->request = (struct request){ .kind = OP_TUNE, .spec = &spec, .gfp = (uint32_t)values[2],
                                          .size_bytes = (uint32_t)values[0] | (uint64_t)(uint32_t)values[1] << 32 };
        return actor_submit(L, self);
}

/* t:tune(cache, { limit =, batchcount =, shared = }): what is not said stays as it is. */
static int task_tune(lua_State *L)
{
        static const char *const known[] = { "limit", "batchcount", "shared", NULL };
        struct actor *self = actor_task_of(L, "tune");
        uint32_t id = actor_cache_argument(L, self, 2, "tune", NULL);
        struct cache_view view;
        int32_t values[3];
        uint64_t value;

        fields_check(L, 3, "tune", known);
        sim_cache_get(self->scenario->sim, id, &view);
        values[0] = (int32_t)view.limit;
        values[1] = (int32_t)view.batchcount;
        values[2] = (int32_t)view.shared;
        for (int i = 0; i < 3; i++)
                if (fields_integer(L, 3, "tune", known[i], INT32_MIN, INT32_MAX, &value))
                        values[i] = (int32_t)value;
        return submit_tune(L, self, view.name, values, -1);
}

/* sscanf(" %d %d %d"): white space, a sign, digits, cut to 32 bits; what follows the third is ignored. */
static bool scan_integers(const char *text, int32_t values[3])
{
        for (int i = 0; i < 3; i++) {
                uint64_t value = 0;
                bool is_negative;

                while (*text == ' ' || (*text >= '\t' && *text <= '\r'))
                        text++;
                is_negative = *text == '-';
                text += is_negative;
                if (!g_ascii_isdigit(*text))
                        return false;
                for (; g_ascii_isdigit(*text); text++)
                        value = value * 10 +
                                (uint64_t)(*text - '0'); /* wraps as the kernel's unsigned long long does */
                values[i] = (int32_t)(uint32_t)(is_negative ? 0 - value : value);
        }
        return true;
}

/* t:write_slabinfo(text): as write(2) to /proc/slabinfo by root (spec 07 section 8). */
static int task_write_slabinfo(lua_State *L)
{
        struct actor *self = actor_task_of(L, "write_slabinfo");
        size_t length;
        const char *text = luaL_checklstring(L, 2, &length);
        const char *blank = memchr(text, ' ', length);
        const char *nul = memchr(text, 0, length);
        int32_t values[3];

        if (length > SLABINFO_WRITE_MAX || !blank || (nul && nul < blank) || !scan_integers(blank, values)) {
                lua_pushnil(L);
                lua_pushliteral(L, "EINVAL");
                return 2;
        }
        lua_pushlstring(L, text, (size_t)(blank - text));
        return submit_tune(L, self, lua_tostring(L, -1), values, (lua_Integer)length);
}

static int task_reap(lua_State *L)
{
        struct actor *self = actor_task_of(L, "reap");

        self->request = (struct request){ .kind = OP_REAP };
        return actor_submit(L, self);
}

static int task_drain(lua_State *L)
{
        struct actor *self = actor_task_of(L, "drain");

        self->request = (struct request){ .kind = OP_DRAIN };
        return actor_submit(L, self);
}

static int submit_hotplug(lua_State *L, enum op_kind kind, const char *what)
{
        struct actor *self = actor_task_of(L, what);
        uint32_t cpus = self->scenario->config.cpus;
        int is_integer;
        lua_Integer cpu = lua_tointegerx(L, 2, &is_integer);

        if (cpus < 2)
                return luaL_error(L, "%s: the only CPU of this machine stays", what);
        if (!is_integer || cpu < 1 || cpu >= (lua_Integer)cpus)
                return luaL_error(L, "%s: a CPU is a whole number from 1 to %d; CPU 0 stays", what, (int)cpus - 1);
        self->written = -1;
        self->request = (struct request){ .kind = (uint8_t)kind, .cpu = (uint8_t)cpu };
        return actor_submit(L, self);
}

/* t:cpu_up(cpu), t:cpu_down(cpu): true; nil and "EINVAL" if it is so already, or without memory for its arrays. */
static int task_cpu_up(lua_State *L)
{
        return submit_hotplug(L, OP_CPU_UP, "cpu_up");
}

static int task_cpu_down(lua_State *L)
{
        return submit_hotplug(L, OP_CPU_DOWN, "cpu_down");
}

/* t:online(cpu) */
static int task_online(lua_State *L)
{
        const struct actor *self = actor_self_of(L);
        lua_Integer cpu = luaL_checkinteger(L, 2);

        lua_pushboolean(L, cpu >= 0 && cpu < (lua_Integer)self->scenario->config.cpus &&
                                   sim_cpu_online(self->scenario->sim, (uint32_t)cpu));
        return 1;
}

const luaL_Reg machine_methods[] = {
        { "cpu_down", task_cpu_down },
        { "cpu_up", task_cpu_up },
        { "create", task_create },
        { "destroy", task_destroy },
        { "drain", task_drain },
        { "fail_page_alloc", task_fail_page_alloc },
        { "failslab", task_failslab },
        { "make_it_fail", task_make_it_fail },
        { "online", task_online },
        { "process_set", task_process_set },
        { "reap", task_reap },
        { "shrink", task_shrink },
        { "tune", task_tune },
        { "write_slabinfo", task_write_slabinfo },
        { NULL, NULL },
};
