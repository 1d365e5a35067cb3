/*
 * request.c - what the methods of tasks and interrupts are made of: how a request goes to the sim and its result comes
 * back, and the arguments that many of them take.
 *
 * The way of a request: the method (on the coroutine) checks its arguments, makes room for the result, submits and
 * yields; the main loop runs the sim, and when it says SIM_DONE puts the result on the coroutine's stack and resumes
 * it. If nobody else is to go on at this moment, the method runs the sim itself, and returns at once when the answer is
 * its own: the order of things is the same, only the switch of coroutines is saved.
 */
#include <string.h>

#include "script/scenario_parts.h"
#include "trace/gfp.h"

#define PROGRESS_EVERY 1024 /* turns of the main loop */

/* -- requests ----------------------------------------------------------------------------------------------------- */

/* The request of the actor is done: puts what its call returns on its stack, -1 if the run ends here. Allocates
 * nothing. */
int actor_take_result(struct actor *actor)
{
        struct scenario *scenario = actor->scenario;
        const struct op_record *record = sim_result(scenario->sim, actor->thread);
        struct object *object = actor->object;
        lua_State *L = actor->L;

        switch (record->kind) {
        case OP_KMALLOC:
        case OP_ALLOC:
        case OP_PAGES:
        case OP_MEMPOOL_ALLOC:
                if (record->pfn == PFN_NONE) {
                        failure_noted(actor, record);
                        if (scenario->error)
                                return -1;
                        lua_pushnil(L);
                        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->reason_refs[failure_reason(scenario, record)]);
                        return 2;
                }
                object->object = sim_result_object(scenario->sim, actor->thread);
                object->op = record->id;
                object->allocated_ns = record->t_ns;
                object->place = place_of(record->pfn, record->offset);
                object->size_bytes = record->size_bytes;
                object->cache = record->cache;
                object->order = record->order;
                object->path = record->path;
                object->dur_ns = record->dur_ns;
                object->mempool = record->kind == OP_MEMPOOL_ALLOC ? record->result : 0;
                object->is_pages = record->kind == OP_PAGES;
                return 1;
        case OP_CREATE:
                if (record->result != 0) {
                        lua_pushnil(L);
                        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->reason_refs[failure_reason(scenario, record)]);
                        return 2;
                }
                actor->cache->id = record->cache;
                memset(scenario->cache_memos, 0, sizeof(scenario->cache_memos));
                return 1;
        case OP_SHRINK:
                lua_pushboolean(L, record->result == 0);
                return 1;
        case OP_DESTROY:
                memset(scenario->cache_memos, 0, sizeof(scenario->cache_memos));
                if (record->result == 0) {
                        if (actor->cache) {
                                actor->cache->is_destroyed = true;
                                actor->cache->id = CACHE_ID_NONE;
                        }
                        lua_pushboolean(L, 1);
                        return 1;
                }
                lua_pushboolean(L, 0);
                lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->busy_ref);
                return 2;
        case OP_REAP:
                lua_pushinteger(L, record->result);
                return 1;
        case OP_MEMPOOL_CREATE:
        case OP_MEMPOOL_RESIZE:
        case OP_MEMPOOL_DESTROY:
                if (record->path == PATH_FAILED) {
                        lua_pushnil(L);
                        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->reason_refs[failure_reason(scenario, record)]);
                        return 2;
                }
                if (record->kind != OP_MEMPOOL_CREATE) /* else the pool is on top of the stack */
                        lua_pushboolean(L, 1);
                return 1;
        case OP_CPU_UP:
        case OP_CPU_DOWN:
        case OP_TUNE:
                if (record->result) {
                        lua_pushnil(L);
                        lua_rawgeti(L, LUA_REGISTRYINDEX,
                                    record->result == ERRNO_EINVAL ? scenario->einval_ref : scenario->enomem_ref);
                        return 2;
                }
                if (actor->written < 0)
                        lua_pushboolean(L, 1);
                else
                        lua_pushinteger(L, actor->written);
                return 1;
        case OP_PAGE_NEW:
                if (record->pfn == PFN_NONE)
                        failure_noted(actor, record);
                if (scenario->error)
                        return -1;
                pressure_took_page(actor, record);
                return 0;
        case OP_PROCESS_EXIT:
        case OP_DROP_CACHES:
                lua_pushinteger(L, record->result);
                return 1;
        case OP_SHRINKER:
        case OP_PUT:
        case OP_GET:
        case OP_VM_SET:
                lua_pushboolean(L, record->result == 0);
                return 1;
        default:
                if (op_is_on_page(record->kind))
                        actor->pages_done += record->result == 0;
                return 0;
        }
}

/*
 * The request of an actor that runs is a magazine hit, and nobody else is to be heard before its end: it is done. The
 * main loop has its turn now and then all the same, since it knows when to stop.
 */
bool actor_hit(struct actor *actor)
{
        struct scenario *scenario = actor->scenario;

        if (scenario->ready_first || scenario->foreground == 0 || ++scenario->turns % PROGRESS_EVERY == 0)
                return false;
        return observed_hit(scenario->observer, actor->thread, &actor->request, scenario->stop_at_ns);
}

/* Lets the sim go on until somebody is concerned. */
enum sim_what actor_advance(struct scenario *scenario, uint32_t *ret_thread)
{
        if (scenario->turns++ % PROGRESS_EVERY == 0 && scenario->options.progress)
                scenario->options.progress(scenario->options.context);
        if (scenario->stop_at_ns != TIME_NEVER)
                return observed_run_until(scenario->observer, scenario->stop_at_ns, ret_thread);
        return observed_run(scenario->observer, ret_thread);
}

/*
 * The last step of a method that waits for the sim: yields, or goes on at once if the next thing to happen is `what`
 * for this very actor. With a continuation `then` it is not the last one: that is called with `at` after a yield.
 */
int actor_wait_for_then(lua_State *L, struct actor *self, enum sim_what what, lua_KContext at, lua_KFunction then)
{
        struct scenario *scenario = self->scenario;
        uint32_t thread = 0;
        int results;

        if (scenario->ready_first || scenario->foreground == 0)
                return lua_yieldk(L, 0, at, then);
        scenario->stash_what = actor_advance(scenario, &thread);
        if (scenario->stash_what == what && thread == self->thread) {
                actor_set_state(self, ACTOR_RUNNING);
                self->has_alarm = false;
                results = what == SIM_DONE ? actor_take_result(self) : 0;
                if (results >= 0)
                        return results;
                scenario->stash_what = SIM_IDLE; /* an error was set: the main loop looks at that first */
        }
        scenario->has_stash = true;
        scenario->stash_thread = thread;
        return lua_yieldk(L, 0, at, then);
}

int actor_wait_for(lua_State *L, struct actor *self, enum sim_what what)
{
        return actor_wait_for_then(L, self, what, 0, NULL);
}

void actor_need_yieldable(lua_State *L)
{
        if (!lua_isyieldable(L))
                luaL_error(L, "the simulation cannot go on inside of a function called by sort, gsub or a metamethod");
}

int actor_submit(lua_State *L, struct actor *self)
{
        struct scenario *scenario = self->scenario;
        const char *problem;

        actor_need_yieldable(L);
        if (scenario->config.debug_slab)
                call_site_note(self);
        if (actor_hit(self)) {
                sandbox_burst_begin(scenario->sandbox);
                return actor_take_result(self);
        }
        problem = sim_submit(scenario->sim, self->thread, &self->request);
        if (problem && g_str_has_prefix(problem, "kernel BUG"))
                return failure_refused(L, self, problem);
        if (problem)
                return luaL_error(L, "%s", problem);
        if (scenario->config.debug_slab)
                call_site_submitted(self);
        sandbox_burst_begin(scenario->sandbox);
        actor_set_state(self, ACTOR_REQUEST);
        return actor_wait_for(L, self, SIM_DONE);
}

void actor_submit_then(lua_State *L, struct actor *self, lua_KContext at, lua_KFunction then)
{
        const char *problem;

        call_site_note(self);
        problem = sim_submit(self->scenario->sim, self->thread, &self->request);
        if (problem)
                luaL_error(L, "%s", problem);
        call_site_submitted(self);
        sandbox_burst_begin(self->scenario->sandbox);
        actor_set_state(self, ACTOR_REQUEST);
        actor_wait_for_then(L, self, SIM_DONE, at, then);
}

/* -- arguments ---------------------------------------------------------------------------------------------------- */

int actor_wrong_self(lua_State *L)
{
        const struct actor *running = *(struct actor **)lua_getextraspace(L);
        const struct actor *given = box_part(L, 1, BOX_ACTOR);

        if (!given)
                return luaL_error(L, "a method is called with a colon: t:kmalloc(...), not t.kmalloc(...)");
        if (!running)
                return luaL_error(L, "the methods of '%s' can be called by its own run function only", given->name);
        return luaL_error(L, "the methods of '%s' cannot be called inside of '%s'", given->name, running->name);
}

struct actor *actor_task_of(lua_State *L, const char *what)
{
        struct actor *self = actor_self_of(L);

        if (self->kind == ACTOR_INTERRUPT)
                luaL_error(L, "%s: the interrupt '%s' must not wait", what, self->name);
        return self;
}

static struct text_memo *memo_for(struct text_memo *memos, const char *text)
{
        return &memos[((uintptr_t)text >> 5) % TEXT_MEMOS];
}

static bool memo_holds(const struct text_memo *memo, const char *text)
{
        return memo->address == text && strcmp(memo->text, text) == 0;
}

static void memo_keep(struct text_memo *memo, const char *text, uint32_t value)
{
        if (strlen(text) >= TEXT_MEMO_SIZE)
                return;
        memo->address = text;
        memo->value = value;
        strcpy(memo->text, text);
}

uint32_t actor_gfp_argument(lua_State *L, struct actor *self, int index, const char *what)
{
        const char *text = NULL;
        struct text_memo *memo = NULL;
        uint32_t gfp;

        if (lua_isnoneornil(L, index))
                return self->kind == ACTOR_INTERRUPT ? GFP_ATOMIC : GFP_KERNEL;
        if (lua_type(L, index) == LUA_TSTRING) {
                text = lua_tostring(L, index);
                memo = memo_for(self->scenario->gfp_memos, text);
        }
        if (memo && memo_holds(memo, text)) {
                gfp = memo->value;
        } else {
                gfp = value_gfp(L, index, what, self->scenario->config.numa);
                if (memo)
                        memo_keep(memo, text, gfp);
        }
        if ((gfp & __GFP_WAIT) && self->kind == ACTOR_INTERRUPT)
                luaL_error(L,
                           "%s: the interrupt '%s' must not wait, and a gfp mask with __GFP_WAIT may: use \"atomic\"",
                           what, self->name);
        return gfp;
}

/* A memory node: kmalloc_node and so on; none or -1: the node of the CPU. */
uint8_t actor_node_argument(lua_State *L, const struct actor *self, int index, const char *what)
{
        uint32_t nodes = self->scenario->config.nodes;
        lua_Integer node;
        int is_integer;

        if (lua_isnoneornil(L, index))
                return 0;
        node = lua_tointegerx(L, index, &is_integer);
        if (!is_integer || lua_type(L, index) != LUA_TNUMBER || node < -1 || node >= (lua_Integer)nodes) {
                if (nodes == 1)
                        luaL_error(L, "%s: the only node of this machine is 0 (machine { nodes = N } makes more)",
                                   what);
                luaL_error(L, "%s: a node is a whole number from 0 to %d, or -1 for that of the CPU", what,
                           (int)nodes - 1);
        }
        return (uint8_t)(node + 1);
}

/* Id of a live cache given as what cache{} returned, or by name. *ret_declared may be NULL. */
uint32_t actor_cache_argument(lua_State *L, struct actor *self, int index, const char *what,
                               struct declared_cache **ret_declared)
{
        struct declared_cache *declared;
        struct text_memo *memo;
        const char *name;
        uint32_t id;

        if (ret_declared)
                *ret_declared = NULL;
        if (lua_type(L, index) == LUA_TSTRING) {
                name = lua_tostring(L, index);
                memo = memo_for(self->scenario->cache_memos, name);
                if (memo_holds(memo, name))
                        return memo->value;
                id = sim_cache_find(self->scenario->sim, name);
                if (id == CACHE_ID_NONE)
                        luaL_error(L, "%s: there is no cache '%s'", what, name);
                memo_keep(memo, name, id);
                return id;
        }
        declared = box_part(L, index, BOX_CACHE);
        if (!declared)
                luaL_error(L, "%s needs a cache: what cache{} returned, or a name such as \"size-64\"", what);
        if (declared->is_destroyed)
                luaL_error(L, "%s: the cache '%s' was destroyed", what, declared->spec.name);
        if (declared->id == CACHE_ID_NONE)
                luaL_error(L, "%s: the cache '%s' could not be created", what, declared->spec.name);
        if (ret_declared)
                *ret_declared = declared;
        return declared->id;
}

uint16_t actor_process_argument(lua_State *L, const struct actor *self, int index, const char *what)
{
        const struct declared_process *declared = box_part(L, index, BOX_PROCESS);
        lua_Integer process = lua_isinteger(L, index) ? lua_tointeger(L, index) : 0;

        if (declared)
                return process_memory(declared);
        if (self->scenario->processes->len)
                luaL_error(L, "%s needs a process: what process{} returned", what);
        if (process < 1 || process >= (lua_Integer)PROCESSES_MAX)
                luaL_error(
                        L,
                        "%s: a process is what process{} returned, or a number from 1 to 65535 where none is declared",
                        what);
        return (uint16_t)process;
}

uint16_t actor_process_of(const struct actor *self)
{
        return self->process ? process_memory(self->process) : 0;
}
