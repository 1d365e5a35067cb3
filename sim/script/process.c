/*
 * process.c - process{ ... }: what the OOM killer judges, as a scenario declares, changes and watches it.
 *
 * Processes are made in the sim before the first thread is; a task says which one it is a task of. What a process holds
 * from the start (anon) is made by the actor that makes the declared caches.
 */
#include <string.h>

#include "script/scenario_parts.h"
#include "trace/gfp.h"

static uint64_t pages_of(uint64_t bytes)
{
        return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

static uint32_t read_capability(lua_State *L, const char *what)
{
        const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";

        if (strcmp(word, "sys_admin") == 0)
                return PROCESS_SYS_ADMIN;
        if (strcmp(word, "sys_rawio") == 0)
                return PROCESS_RAWIO;
        luaL_error(L, "%s: caps is a list of \"sys_admin\" and \"sys_rawio\"", what);
        return 0;
}

/* Root has both capabilities unless caps says which. */
static uint32_t read_credentials(lua_State *L, int index, const char *what)
{
        uint64_t uid = 1000, euid;
        uint32_t flags;

        fields_integer(L, index, what, "uid", 0, UINT32_MAX, &uid);
        euid = uid;
        fields_integer(L, index, what, "euid", 0, UINT32_MAX, &euid);
        flags = uid == 0 || euid == 0 ? PROCESS_ROOT : 0;
        if (lua_getfield(L, index, "caps") == LUA_TTABLE) {
                for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
                        lua_rawgeti(L, -1, i);
                        flags |= read_capability(L, what);
                        lua_pop(L, 1);
                }
        } else if (!lua_isnil(L, -1)) {
                luaL_error(L, "%s: caps is a list of \"sys_admin\" and \"sys_rawio\"", what);
        } else if (flags) {
                flags |= PROCESS_SYS_ADMIN | PROCESS_RAWIO;
        }
        lua_pop(L, 1);
        return flags;
}

static struct declared_process *read_relative(lua_State *L, int index, const char *what, const char *field)
{
        struct declared_process *process;

        if (lua_getfield(L, index, field) == LUA_TNIL) {
                lua_pop(L, 1);
                return NULL;
        }
        process = box_part(L, -1, BOX_PROCESS);
        if (!process)
                luaL_error(L, "%s: %s is what process{} returned", what, field);
        lua_pop(L, 1);
        return process;
}

static uint32_t free_pid(const struct scenario *scenario)
{
        uint32_t pid = 1000;

        for (uint32_t i = 0; i < scenario->processes->len; i++)
                pid = MAX(pid, ((struct declared_process *)scenario->processes->pdata[i])->spec.pid);
        return pid + 1;
}

static void check_unique(lua_State *L, const struct scenario *scenario, const struct declared_process *process,
                         const char *what)
{
        for (uint32_t i = 0; i < scenario->processes->len; i++) {
                const struct declared_process *other = scenario->processes->pdata[i];

                if (strcmp(other->name, process->name) == 0)
                        luaL_error(L, "%s: there is a process '%s' already", what, process->name);
                if (other->spec.pid == process->spec.pid)
                        luaL_error(L, "%s: there is a process with pid %d already", what, (int)process->spec.pid);
        }
}

/* on_exit = function(t): a task that begins when the process has exited, and gives back what it held. */
static void declare_on_exit(struct scenario *scenario, lua_State *L, int index, const struct declared_process *process)
{
        int top = lua_gettop(L);
        int type = lua_getfield(L, index, "on_exit");

        if (type != LUA_TNIL) {
                if (type != LUA_TFUNCTION)
                        luaL_error(L, "process: on_exit is a function");
                lua_newtable(L);
                lua_pushvalue(L, -2);
                lua_setfield(L, -2, "run");
                lua_pushfstring(L, "exit of %s", process->name);
                lua_setfield(L, -2, "name");
                lua_pushboolean(L, 1);
                lua_setfield(L, -2, "daemon");
                actor_declare_task(scenario, L, lua_gettop(L), "process")->exit_of = process;
        }
        lua_settop(L, top);
}

/* process{ ... }: pushes the box. */
void process_declare(struct scenario *scenario, lua_State *L, int index)
{
        static const char *const what = "process";
        static const char *const known[] = { "name",   "pid",     "parent", "total_vm", "anon",    "cpu_time",
                                             "age",    "nice",    "uid",    "euid",     "caps",    "oom_adj",
                                             "kernel", "swapoff", "shares", "exiting",  "on_exit", NULL };
        struct declared_process process = { .scenario = scenario }, *kept;
        const struct declared_process *relative;
        uint64_t number = 0, nice = 0, adj = 0;
        const char *name = NULL;
        bool flag = false;

        fields_check(L, index, what, known);
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        if (strlen(name) > 63)
                luaL_error(L, "%s: a name has at most 63 bytes", what);
        g_strlcpy(process.name, name, sizeof(process.name));
        g_strlcpy(process.spec.name, name, sizeof(process.spec.name)); /* the kernel keeps 15 bytes */
        process.spec.pid = free_pid(scenario);
        if (fields_integer(L, index, what, "pid", 1, 32767, &number))
                process.spec.pid = (uint32_t)number;
        check_unique(L, scenario, &process, what);
        if ((relative = read_relative(L, index, what, "parent")))
                process.spec.parent = relative->id;
        if ((relative = read_relative(L, index, what, "shares")))
                process.spec.shares = relative->id;
        if (fields_size(L, index, what, "anon", UINT64_C(1) << 40, &number))
                process.anon_pages = process.spec.total_vm_pages = pages_of(number);
        if (fields_size(L, index, what, "total_vm", UINT64_C(1) << 43, &number))
                process.spec.total_vm_pages = pages_of(number);
        fields_time(L, index, what, "cpu_time", &process.cpu_ns);
        if (fields_time(L, index, what, "age", &number))
                process.spec.age_s = number / 1000000000u;
        if (fields_integer(L, index, what, "nice", -20, 19, &nice))
                process.spec.nice = (int32_t)(int64_t)nice;
        if (fields_integer(L, index, what, "oom_adj", -17, 15, &adj))
                process.spec.oom_adj = (int32_t)(int64_t)adj;
        process.spec.flags = read_credentials(L, index, what);
        if (fields_boolean(L, index, what, "kernel", &flag) && flag)
                process.spec.flags |= PROCESS_KTHREAD;
        if (fields_boolean(L, index, what, "swapoff", &flag) && flag)
                process.spec.flags |= PROCESS_SWAPOFF;
        if (fields_boolean(L, index, what, "exiting", &flag) && flag)
                process.spec.flags |= PROCESS_EXITING;
        if (process.anon_pages && (process.spec.flags & PROCESS_KTHREAD || process.spec.shares))
                luaL_error(L, "%s: a kernel thread, or a process that shares the memory of another, "
                              "has no anon memory of its own",
                           what);
        process.id = scenario->processes->len + 1;
        process.place = sandbox_place(scenario->sandbox, L, 1);
        kept = g_memdup2(&process, sizeof(process));
        g_ptr_array_add(scenario->processes, kept);
        declare_on_exit(scenario, L, index, kept);
        box_push(scenario, L, BOX_PROCESS, kept);
}

bool process_attach_all(struct scenario *scenario)
{
        for (uint32_t i = 0; i < scenario->processes->len; i++) {
                struct declared_process *process = scenario->processes->pdata[i];
                const char *problem;

                process->spec.cpu_ticks = process->cpu_ns / (1000000000u / scenario->config.hz);
                if (sim_process_new(scenario->sim, &process->spec, &problem) != process->id) {
                        g_autofree char *where = sandbox_place_text(scenario->sandbox, process->place);

                        scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "%s: process '%s': %s", where, process->name,
                                      problem);
                        return false;
                }
                if (scenario->recorder)
                        recorder_add_process(scenario->recorder, process->id, &process->spec);
        }
        return true;
}

/* Whose memory it uses: that of the process it shares with, if it does. */
uint16_t process_memory(const struct declared_process *process)
{
        while (process->spec.shares)
                process = process->scenario->processes->pdata[process->spec.shares - 1];
        return (uint16_t)process->id;
}

/* process.score and so on: as it is now. */
int process_index(lua_State *L)
{
        static const char *const fields[] = { "name",  "pid",    "total_vm", "oom_adj", "nice",
                                              "score", "killed", "exited",   "alive",   "killed_ns", NULL };
        const struct declared_process *process = ((const struct box *)lua_touserdata(L, 1))->part;
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
        struct process_view view = { .spec = process->spec, .killed_ns = TIME_NEVER };
        int field = 0;

        if (process->scenario->sim)
                sim_process_get(process->scenario->sim, process->id, &view);
        while (fields[field] && strcmp(fields[field], name) != 0)
                field++;
        switch (field) {
        case 0: lua_pushstring(L, process->name); break;
        case 1: lua_pushinteger(L, view.spec.pid); break;
        case 2: lua_pushinteger(L, (lua_Integer)(view.spec.total_vm_pages * PAGE_BYTES)); break;
        case 3: lua_pushinteger(L, view.spec.oom_adj); break;
        case 4: lua_pushinteger(L, view.spec.nice); break;
        case 5: lua_pushinteger(L, (lua_Integer)MIN(view.points, INT64_MAX)); break;
        case 6: lua_pushboolean(L, view.killed != 0); break;
        case 7: lua_pushboolean(L, view.exited != 0); break;
        case 8: lua_pushboolean(L, !view.killed && !view.exited); break;
        case 9:
                if (view.killed)
                        lua_pushinteger(L, (lua_Integer)view.killed_ns);
                else
                        lua_pushnil(L);
                break;
        default: return luaL_error(L, "a process has no field '%s'", name);
        }
        return 1;
}

/* The request of t:process_set(process, what, value). */
void process_set_request(lua_State *L, const struct declared_process *process, struct request *ret)
{
        static const char *const names[] = { "oom_adj", "total_vm", "nice", "swapoff", NULL };
        int attribute = luaL_checkoption(L, 3, NULL, names);
        lua_Integer value = 0;

        switch ((enum process_attribute)attribute) {
        case PROCESS_SET_OOM_ADJ:
                value = luaL_checkinteger(L, 4);
                luaL_argcheck(L, value >= -17 && value <= 15, 4, "oom_adj is from -17 (never killed) to 15");
                value += 17;
                break;
        case PROCESS_SET_TOTAL_VM:
                value = (lua_Integer)pages_of(value_size(L, 4, "process_set: total_vm"));
                break;
        case PROCESS_SET_NICE:
                value = luaL_checkinteger(L, 4);
                luaL_argcheck(L, value >= -20 && value <= 19, 4, "nice is from -20 to 19");
                value += 20;
                break;
        case PROCESS_SET_SWAPOFF:
                luaL_checktype(L, 4, LUA_TBOOLEAN);
                value = lua_toboolean(L, 4);
                break;
        case PROCESS_ATTRIBUTE_COUNT:
                break;
        }
        *ret = (struct request){ .kind = OP_PROCESS_SET, .process = process->id, .order = (uint8_t)attribute,
                                 .size_bytes = (uint64_t)value };
}

/* The next page that a process has from the start; false: all are there. */
bool process_next_anon(struct scenario *scenario, struct request *ret, const struct declared_process **ret_process)
{
        for (uint32_t i = 0; i < scenario->processes->len; i++) {
                struct declared_process *process = scenario->processes->pdata[i];

                if (process->anon_made == process->anon_pages)
                        continue;
                process->anon_made++;
                *ret_process = process;
                *ret = (struct request){ .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = PAGE_NEW_ANON,
                                         .owner = (uint16_t)process->id };
                return true;
        }
        return false;
}

static void push_one(lua_State *L, const struct process_view *view)
{
        lua_newtable(L);
        result_set(L, "pid", view->spec.pid);
        result_set(L, "score", view->points);
        result_set(L, "total_vm", view->spec.total_vm_pages * PAGE_BYTES);
        lua_pushinteger(L, view->spec.oom_adj);
        lua_setfield(L, -2, "oom_adj");
        lua_pushboolean(L, view->killed != 0);
        lua_setfield(L, -2, "killed");
        lua_pushboolean(L, view->exited != 0);
        lua_setfield(L, -2, "exited");
        if (view->killed)
                result_set(L, "killed_ns", view->killed_ns);
}

/* r.processes.NAME */
void process_push_results(lua_State *L, const struct scenario *scenario)
{
        lua_newtable(L);
        for (uint32_t i = 0; i < scenario->processes->len; i++) {
                const struct declared_process *process = scenario->processes->pdata[i];
                struct process_view view;

                if (!sim_process_get(scenario->sim, process->id, &view))
                        continue;
                push_one(L, &view);
                lua_setfield(L, -2, process->name);
        }
}
