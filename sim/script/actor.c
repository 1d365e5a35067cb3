/*
 * actor.c - tasks and interrupts at work: their methods, how a request goes to the sim and its result comes back,
 * waiting for one another, and the main loop.
 *
 * The way of a request: the method (on the coroutine) checks its arguments, makes room for the result, submits and
 * yields; the main loop runs the sim, and when it says SIM_DONE puts the result on the coroutine's stack and resumes
 * it. If nobody else is to go on at this moment, the method runs the sim itself, and returns at once when the answer is
 * its own: the order of things is the same, only the switch of coroutines is saved.
 *
 * The main loop is outside of any protected call: what it does with a Lua stack must not allocate. So results are
 * created by the method beforehand, and texts come from the registry.
 */
#include <string.h>

#include "script/scenario_parts.h"
#include "trace/gfp.h"

#define PROGRESS_EVERY 1024 /* turns of the main loop */
#define SLABINFO_WRITE_MAX 128 /* MAX_SLABINFO_WRITE: bytes of a write to /proc/slabinfo */

uint32_t actor_cpu(const struct actor *actor)
{
        return actor->thread ? sim_thread_cpu(actor->scenario->sim, actor->thread) : actor->cpu;
}

/* -- states, queues ----------------------------------------------------------------------------------------------- */

static bool is_busy(enum actor_state state)
{
        return state == ACTOR_READY || state == ACTOR_RUNNING || state == ACTOR_REQUEST;
}

void actor_set_state(struct actor *actor, enum actor_state state)
{
        actor->scenario->busy += (uint32_t)is_busy(state) - (uint32_t)is_busy(actor->state);
        actor->state = state;
}

void actor_make_ready(struct actor *actor)
{
        struct scenario *scenario = actor->scenario;

        actor_set_state(actor, ACTOR_READY);
        actor->next = NULL;
        if (scenario->ready_last)
                scenario->ready_last->next = actor;
        else
                scenario->ready_first = actor;
        scenario->ready_last = actor;
}

static struct actor *take_ready(struct scenario *scenario)
{
        struct actor *actor = scenario->ready_first;

        if (actor) {
                scenario->ready_first = actor->next;
                if (!actor->next)
                        scenario->ready_last = NULL;
                actor->next = NULL;
        }
        return actor;
}

static void wait_in(struct actor *actor, struct wait_queue *queue)
{
        actor->queue = queue;
        actor->next = NULL;
        actor->previous = queue->last;
        if (queue->last)
                queue->last->next = actor;
        else
                queue->first = actor;
        queue->last = actor;
        actor_set_state(actor, ACTOR_WAITING);
}

static void leave_queue(struct actor *actor)
{
        struct wait_queue *queue = actor->queue;

        if (!queue)
                return;
        *(actor->previous ? &actor->previous->next : &queue->first) = actor->next;
        *(actor->next ? &actor->next->previous : &queue->last) = actor->previous;
        actor->queue = NULL;
        actor->next = actor->previous = NULL;
}

/* What it waited for has come; `results` values are on its stack. A timeout that is still to come means nothing now. */
static void wake_actor(struct actor *actor, int results)
{
        leave_queue(actor);
        actor->has_alarm = false;
        actor->results = results;
        actor_make_ready(actor);
}

static void signal_event(struct event_flag *event)
{
        event->is_set = true;
        while (event->waiters.first) {
                struct actor *waiter = event->waiters.first;

                lua_pushboolean(waiter->L, 1);
                wake_actor(waiter, 1);
        }
}

void actor_end(struct actor *actor)
{
        actor_set_state(actor, ACTOR_ENDED);
        if (actor->is_foreground)
                actor->scenario->foreground--;
        if (actor->ended)
                signal_event(actor->ended);
        if (actor->kind == ACTOR_TASK) { /* lets Lua collect the coroutine and what it held */
                luaL_unref(actor->scenario->main, LUA_REGISTRYINDEX, actor->thread_ref);
                luaL_unref(actor->scenario->main, LUA_REGISTRYINDEX, actor->function_ref);
                actor->L = NULL;
        }
}

/* -- life --------------------------------------------------------------------------------------------------------- */

struct actor *actor_new(struct scenario *scenario, enum actor_kind kind, const char *name, uint32_t cpu)
{
        struct actor *actor = g_new0(struct actor, 1);

        actor->scenario = scenario;
        actor->kind = kind;
        actor->name = g_strdup(name);
        actor->cpu = cpu;
        actor->policy = FAILURE_DEFAULT;
        g_ptr_array_add(scenario->actors, actor);
        return actor;
}

void actor_free(struct actor *actor)
{
        g_free(actor->name);
        g_free(actor);
}

/* The coroutine, the function at stack index `function`, the box (left on the stack) and the random stream. */
static void give_lua(struct actor *actor, lua_State *L, int function)
{
        struct scenario *scenario = actor->scenario;

        actor->L = lua_newthread(L);
        *(struct actor **)lua_getextraspace(actor->L) = actor;
        actor->thread_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushvalue(L, function);
        actor->function_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        actor->box = box_push(scenario, L, BOX_ACTOR, actor);
        lua_pushvalue(L, -1);
        actor->box_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        actor->inbox = mailbox_new(scenario, L, actor->name);
        actor->ended = event_new(scenario, actor->name);
        actor->declared = sandbox_place(scenario->sandbox, L, 1);
        prng_init(&actor->prng, scenario->seed, prng_stream_of(actor->name) ^ (actor->kind == ACTOR_INTERRUPT));
        g_hash_table_insert(scenario->actors_by_name, actor->name, actor);
}

static void check_name(struct scenario *scenario, lua_State *L, const char *what, const char *name)
{
        const struct actor *other = g_hash_table_lookup(scenario->actors_by_name, name);

        if (other && other->state != ACTOR_ENDED)
                luaL_error(L, "%s: there is a task or interrupt '%s' already", what, name);
        if (strlen(name) > 63)
                luaL_error(L, "%s: a name has at most 63 bytes", what);
}

static void push_run(lua_State *L, int index, const char *what)
{
        if (lua_getfield(L, index, "run") != LUA_TFUNCTION)
                luaL_error(L, "%s needs a function 'run'", what);
}

/* A task of what is dead, or has no memory a task could run in, is a mistake. */
static void check_process(lua_State *L, const struct scenario *scenario, const struct declared_process *process,
                          const char *what)
{
        struct process_view view;

        if (process->spec.flags & PROCESS_KTHREAD)
                luaL_error(L, "%s: the process '%s' is a kernel thread and has no tasks", what, process->name);
        if (scenario->sim && sim_process_get(scenario->sim, process->id, &view) && (view.killed || view.exited))
                luaL_error(L, "%s: the process '%s' is dead", what, process->name);
}

struct actor *actor_declare_task(struct scenario *scenario, lua_State *L, int index, const char *what)
{
        static const char *const known[] = { "name", "cpu", "run", "at", "daemon", "on_failure", "make_it_fail", "process", NULL };
        const struct declared_process *process = NULL;
        const char *name = NULL;
        uint64_t cpu = 0, start_ns = 0;
        bool daemon = false, makes_fail = false;
        enum failure_policy policy = FAILURE_DEFAULT;
        struct actor *actor;

        fields_check(L, index, what, known);
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        check_name(scenario, L, what, name);
        fields_integer(L, index, what, "cpu", 0, MACHINE_CPUS_MAX - 1, &cpu);
        fields_time(L, index, what, "at", &start_ns);
        fields_boolean(L, index, what, "daemon", &daemon);
        fields_boolean(L, index, what, "make_it_fail", &makes_fail);
        if (lua_getfield(L, index, "on_failure") != LUA_TNIL)
                policy = value_policy(L, -1, what);
        if (lua_getfield(L, index, "process") != LUA_TNIL) {
                process = box_part(L, -1, BOX_PROCESS);
                if (!process)
                        luaL_error(L, "%s: process is what process{} returned", what);
                check_process(L, scenario, process, what);
        }
        push_run(L, index, what);

        actor = actor_new(scenario, ACTOR_TASK, name, (uint32_t)cpu);
        actor->process = process;
        actor->start_ns = start_ns;
        actor->is_foreground = !daemon;
        actor->policy = policy;
        actor->makes_fail = makes_fail;
        give_lua(actor, L, lua_gettop(L));
        return actor;
}

struct actor *actor_declare_interrupt(struct scenario *scenario, lua_State *L, int index)
{
        static const char *const what = "interrupt";
        static const char *const known[] = {
                "name", "cpu", "run", "at", "every", "count", "jitter", "on_failure", NULL
        };
        const char *name = NULL;
        uint64_t cpu = 0, first_ns = 0, every_ns = 0, jitter_ns = 0, count;
        bool has_at, has_every;
        enum failure_policy policy = FAILURE_DEFAULT;
        struct actor *actor;

        fields_check(L, index, what, known);
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        check_name(scenario, L, what, name);
        fields_integer(L, index, what, "cpu", 0, MACHINE_CPUS_MAX - 1, &cpu);
        has_at = fields_time(L, index, what, "at", &first_ns);
        has_every = fields_time(L, index, what, "every", &every_ns);
        if (!has_at && !has_every)
                luaL_error(L, "interrupt needs every = \"...\" or at = \"...\"");
        if (has_every && every_ns == 0)
                luaL_error(L, "interrupt: every is more than 0");
        if (!has_at)
                first_ns = every_ns;
        count = has_every ? UINT64_MAX : 1;
        fields_integer(L, index, what, "count", 1, INT64_MAX, &count);
        if (!has_every && count != 1)
                luaL_error(L, "interrupt: a count needs every = \"...\"");
        fields_time(L, index, what, "jitter", &jitter_ns);
        if (lua_getfield(L, index, "on_failure") != LUA_TNIL)
                policy = value_policy(L, -1, what);
        push_run(L, index, what);

        actor = actor_new(scenario, ACTOR_INTERRUPT, name, (uint32_t)cpu);
        actor->first_ns = first_ns;
        actor->every_ns = every_ns;
        actor->jitter_ns = jitter_ns;
        actor->count = count;
        actor->is_foreground = count != UINT64_MAX;
        actor->policy = policy;
        give_lua(actor, L, lua_gettop(L));
        return actor;
}

bool actor_attach(struct actor *actor)
{
        struct scenario *scenario = actor->scenario;
        enum thread_kind kind = actor->kind == ACTOR_INTERRUPT ? THREAD_IRQ : THREAD_TASK;

        actor->thread = sim_thread_new(scenario->sim, kind, actor->cpu);
        if (actor->thread == 0) {
                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT,
                              "no room for one more task: machine { threads = N } allows N that are not declared");
                return false;
        }
        while (scenario->threads->len <= actor->thread)
                g_ptr_array_add(scenario->threads, NULL);
        scenario->threads->pdata[actor->thread] = actor;
        if (actor->makes_fail)
                sim_thread_make_it_fail(scenario->sim, actor->thread);
        if (scenario->recorder)
                recorder_add_thread(scenario->recorder, actor->thread, kind, actor->cpu, actor->name,
                                    actor->makes_fail);
        if (actor->process && actor->kind == ACTOR_TASK) {
                sim_thread_join(scenario->sim, actor->thread, actor->process->id);
                if (scenario->recorder)
                        recorder_join_process(scenario->recorder, actor->thread, actor->process->id);
        }
        if (actor->is_foreground)
                scenario->foreground++;
        return true;
}

/* -- interrupts --------------------------------------------------------------------------------------------------- */

/* Asks for the next delivery; periods that are over already are lost, as on a real line. */
static void raise_next(struct actor *actor)
{
        uint64_t now_ns = sim_now_ns(actor->scenario->sim), at_ns;

        if (actor->count == 0) {
                actor_end(actor);
                return;
        }
        at_ns = actor->first_ns + actor->periods * actor->every_ns;
        if (at_ns < now_ns && actor->every_ns > 0 && actor->delivered > 0) {
                uint64_t missed = MIN((now_ns - at_ns + actor->every_ns - 1) / actor->every_ns, actor->count - 1);

                actor->lost += missed;
                actor->periods += missed;
                at_ns += missed * actor->every_ns;
                if (actor->count != UINT64_MAX)
                        actor->count -= missed;
        }
        if (actor->jitter_ns > 0)
                at_ns += prng_below(&actor->prng, actor->jitter_ns + 1);
        actor->periods++;
        if (actor->count != UINT64_MAX)
                actor->count--;
        sim_raise(actor->scenario->sim, actor->thread, MAX(at_ns, now_ns));
}

static void end_handler(struct actor *actor)
{
        actor->delivered++;
        actor_set_state(actor, ACTOR_IDLE);
        sim_irq_return(actor->scenario->sim, actor->thread);
        raise_next(actor);
}

void actor_start(struct actor *actor)
{
        struct sim *sim = actor->scenario->sim;

        if (actor->kind == ACTOR_INTERRUPT) {
                raise_next(actor);
                return;
        }
        if (actor->exit_of) {
                actor->waits_for_exit = actor->exit_of->id;
                actor_set_state(actor, ACTOR_WAITING);
                sim_wake_on_exit(sim, actor->thread, actor->exit_of->id);
                return;
        }
        actor_set_state(actor, ACTOR_SLEEPING);
        actor->has_alarm = true;
        sim_wake_at(sim, actor->thread, MAX(actor->start_ns, sim_now_ns(sim)));
}

/* -- resuming ----------------------------------------------------------------------------------------------------- */

static void resume(struct actor *actor, int values)
{
        struct scenario *scenario = actor->scenario;
        int results, status;

        actor_set_state(actor, ACTOR_RUNNING);
        status = sandbox_resume(scenario->sandbox, actor->L, values, &results);
        if (status == LUA_YIELD)
                return; /* the method has set the state */
        if (status != LUA_OK) {
                scenario_take_error(scenario, actor->L, actor);
                return;
        }
        lua_settop(actor->L, 0);
        if (actor->kind == ACTOR_INTERRUPT)
                end_handler(actor);
        else
                actor_end(actor);
}

/* The function from its beginning, with the actor's own box as argument. */
static void begin(struct actor *actor)
{
        lua_rawgeti(actor->L, LUA_REGISTRYINDEX, actor->function_ref);
        lua_rawgeti(actor->L, LUA_REGISTRYINDEX, actor->box_ref);
        actor->has_begun = true;
        resume(actor, 1);
}

/* -- requests ----------------------------------------------------------------------------------------------------- */

/* The request of the actor is done: puts what its call returns on its stack, -1 if the run ends here. Allocates
 * nothing. */
static int take_result(struct actor *actor)
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
                object->is_live = 1;
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
        case OP_PAGE_ACCESS:
        case OP_PAGE_TOUCH:
        case OP_PAGE_WRITE:
        case OP_PAGE_MLOCK:
        case OP_PAGE_MUNLOCK:
        case OP_PAGE_LOCK:
        case OP_PAGE_UNLOCK:
        case OP_PAGE_PIN:
        case OP_PAGE_UNPIN:
        case OP_PAGE_DELETE:
                actor->pages_done += record->result == 0;
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
static enum sim_what advance(struct scenario *scenario, uint32_t *ret_thread)
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
static int wait_for_then(lua_State *L, struct actor *self, enum sim_what what, lua_KContext at, lua_KFunction then)
{
        struct scenario *scenario = self->scenario;
        uint32_t thread = 0;
        int results;

        if (scenario->ready_first || scenario->foreground == 0)
                return lua_yieldk(L, 0, at, then);
        scenario->stash_what = advance(scenario, &thread);
        if (scenario->stash_what == what && thread == self->thread) {
                actor_set_state(self, ACTOR_RUNNING);
                self->has_alarm = false;
                results = what == SIM_DONE ? take_result(self) : 0;
                if (results >= 0)
                        return results;
                scenario->stash_what = SIM_IDLE; /* an error was set: the main loop looks at that first */
        }
        scenario->has_stash = true;
        scenario->stash_thread = thread;
        return lua_yieldk(L, 0, at, then);
}

static int wait_for(lua_State *L, struct actor *self, enum sim_what what)
{
        return wait_for_then(L, self, what, 0, NULL);
}

static void need_yieldable(lua_State *L)
{
        if (!lua_isyieldable(L))
                luaL_error(L, "the simulation cannot go on inside of a function called by sort, gsub or a metamethod");
}

static int submit(lua_State *L, struct actor *self)
{
        struct scenario *scenario = self->scenario;
        const char *problem;

        need_yieldable(L);
        if (scenario->config.debug_slab)
                call_site_note(self);
        if (actor_hit(self)) {
                sandbox_burst_begin(scenario->sandbox);
                return take_result(self);
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
        return wait_for(L, self, SIM_DONE);
}

/* -- arguments of methods ----------------------------------------------------------------------------------------- */

static int wrong_self(lua_State *L)
{
        const struct actor *running = *(struct actor **)lua_getextraspace(L);
        const struct actor *given = box_part(L, 1, BOX_ACTOR);

        if (!given)
                return luaL_error(L, "a method is called with a colon: t:kmalloc(...), not t.kmalloc(...)");
        if (!running)
                return luaL_error(L, "the methods of '%s' can be called by its own run function only", given->name);
        return luaL_error(L, "the methods of '%s' cannot be called inside of '%s'", given->name, running->name);
}

/* The actor whose coroutine this is, which must be the one the method is called on. */
static struct actor *self_of(lua_State *L)
{
        struct actor *self = *(struct actor **)lua_getextraspace(L);

        if (!self || lua_touserdata(L, 1) != self->box)
                wrong_self(L);
        return self;
}

static struct actor *task_of(lua_State *L, const char *what)
{
        struct actor *self = self_of(L);

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

static uint32_t gfp_argument(lua_State *L, struct actor *self, int index, const char *what)
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
static uint8_t node_argument(lua_State *L, const struct actor *self, int index, const char *what)
{
        uint32_t nodes = self->scenario->config.nodes;
        lua_Integer node;
        int is_integer;

        if (lua_isnoneornil(L, index))
                return 0;
        node = lua_tointegerx(L, index, &is_integer);
        if (!is_integer || lua_type(L, index) != LUA_TNUMBER || node < -1 || node >= (lua_Integer)nodes) {
                if (nodes == 1)
                        luaL_error(L, "%s: the only node of this machine is 0 (machine { nodes = N } makes more)", what);
                luaL_error(L, "%s: a node is a whole number from 0 to %d, or -1 for that of the CPU", what, (int)nodes - 1);
        }
        return (uint8_t)(node + 1);
}

/* Id of a live cache given as what cache{} returned, or by name. *ret_declared may be NULL. */
static uint32_t cache_argument(lua_State *L, struct actor *self, int index, const char *what,
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

/* -- for the methods of pressure.c -------------------------------------------------------------------------------- */

struct actor *actor_self_of(lua_State *L)
{
        return self_of(L);
}

struct actor *actor_task_of(lua_State *L, const char *what)
{
        return task_of(L, what);
}

void actor_need_yieldable(lua_State *L)
{
        need_yieldable(L);
}

uint32_t actor_gfp_argument(lua_State *L, struct actor *self, int index, const char *what)
{
        return gfp_argument(L, self, index, what);
}

uint8_t actor_node_argument(lua_State *L, const struct actor *self, int index, const char *what)
{
        return node_argument(L, self, index, what);
}

uint32_t actor_cache_argument(lua_State *L, struct actor *self, int index, const char *what)
{
        return cache_argument(L, self, index, what, NULL);
}

int actor_submit(lua_State *L, struct actor *self)
{
        return submit(L, self);
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
        wait_for_then(L, self, SIM_DONE, at, then);
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
                luaL_error(L, "%s: a process is what process{} returned, or a number from 1 to 65535 where none is declared", what);
        return (uint16_t)process;
}

uint16_t actor_process_of(const struct actor *self)
{
        return self->process ? process_memory(self->process) : 0;
}

/* -- methods: allocate -------------------------------------------------------------------------------------------- */

static int submit_alloc(lua_State *L, struct actor *self)
{
        struct scenario *scenario = self->scenario;

        self->object = object_new(scenario, L); /* on top of the stack: the result */
        self->object->allocated = sandbox_place(scenario->sandbox, L, 1);
        self->object->allocated_by = (uint16_t)self->thread;
        return submit(L, self);
}

static int task_kmalloc(lua_State *L)
{
        struct actor *self = self_of(L);
        int is_integer;
        lua_Integer size = lua_tointegerx(L, 2, &is_integer);

        if (!is_integer || size < 0 || lua_type(L, 2) != LUA_TNUMBER)
                size = (lua_Integer)value_size(L, 2, "kmalloc");
        self->request = (struct request){ .kind = OP_KMALLOC, .size_bytes = (uint64_t)size,
                                          .gfp = gfp_argument(L, self, 3, "kmalloc"),
                                          .node_plus_1 = node_argument(L, self, 4, "kmalloc") };
        return submit_alloc(L, self);
}

static int task_alloc(lua_State *L)
{
        struct actor *self = self_of(L);

        self->request = (struct request){ .kind = OP_ALLOC, .cache = cache_argument(L, self, 2, "alloc", NULL),
                                          .gfp = gfp_argument(L, self, 3, "alloc"),
                                          .node_plus_1 = node_argument(L, self, 4, "alloc") };
        return submit_alloc(L, self);
}

static int task_pages(lua_State *L)
{
        struct actor *self = self_of(L);
        lua_Integer order = luaL_checkinteger(L, 2);

        luaL_argcheck(L, order >= 0 && order <= 20, 2, "an order is 0 or more (11 and more always fail)");
        self->request = (struct request){ .kind = OP_PAGES, .order = (uint8_t)order,
                                          .gfp = gfp_argument(L, self, 3, "pages"),
                                          .node_plus_1 = node_argument(L, self, 4, "pages") };
        return submit_alloc(L, self);
}

/* -- methods: free ------------------------------------------------------------------------------------------------ */

/* In a debug_slab machine the kernel's own checks look at what is not, or no longer, an object. */
static int submit_free_address(lua_State *L, struct actor *self, const struct object *object, lua_Integer offset)
{
        self->object = NULL;
        self->request = (struct request){ .kind = OP_FREE, .object = OBJECT_NONE, .place = object->place + (uint64_t)offset,
                                          .size_bytes = object->size_bytes };
        return submit(L, self);
}

static int submit_free(lua_State *L, struct actor *self, struct object *object)
{
        struct scenario *scenario = self->scenario;

        if (scenario->config.debug_slab && object->is_freed && !object->is_pages)
                return submit_free_address(L, self, object, 0);
        if (object->is_freed)
                return failure_double_free(L, self, object);
        if (object->mempool)
                return luaL_error(L, "an element of a memory pool goes back with t:mempool_free");
        if (object->was_put && !pressure_is_alive(scenario, object->object, object->op))
                return luaL_error(L, "the shrinker of its cache has freed this object: t:get says whether it is still there");
        need_yieldable(L);
        object->is_freed = 1;
        object->freed = sandbox_place(scenario->sandbox, L, 1);
        object->freed_by = (uint16_t)self->thread;
        object->freed_ns = sim_now_ns(scenario->sim);
        self->object = object;
        self->request = (struct request){ .kind = OP_FREE, .object = object->object };
        return submit(L, self);
}

/* An offset from an object's address that stays an address of the machine's. */
static lua_Integer debug_offset(lua_State *L, const struct actor *self, const struct object *object, int index,
                                const char *what)
{
        lua_Integer offset = luaL_checkinteger(L, index);

        if (!self->scenario->config.debug_slab)
                luaL_error(L, "%s: only a machine with debug_slab = true looks at what is not an object", what);
        if (offset < -(lua_Integer)object->place || offset >= ((lua_Integer)1 << 44) - (lua_Integer)object->place)
                luaL_error(L, "%s: there is no address at this offset", what);
        return offset;
}

/*
 * t:write(object, offset, bytes [, count]): from `at` on. A request is a run of up to four bytes over and over, so that
 * what repeats is one, and other texts are as many as they need.
 */
static int write_on(lua_State *L, int status, lua_KContext at)
{
        struct actor *self = self_of(L);
        struct scenario *scenario = self->scenario;
        const struct object *object = object_check(scenario, L, 2);
        size_t length;
        const char *bytes = lua_tolstring(L, 4, &length);
        lua_KContext count = (lua_KContext)lua_tointeger(L, 5);

        (void)status;
        while (at < count) {
                lua_KContext best = 0;
                uint32_t period = 1, pattern = 0;

                for (uint32_t p = 1; p <= 4; p++) {
                        lua_KContext run = 0;

                        while (at + run < count && bytes[(size_t)(at + run) % length] == bytes[(size_t)(at + run % p) % length])
                                run++;
                        if (run > best) {
                                best = run;
                                period = p;
                        }
                }
                for (uint32_t i = 0; i < period; i++)
                        pattern |= (uint32_t)(uint8_t)bytes[(size_t)(at + i) % length] << (8 * i);
                self->request = (struct request){ .kind = OP_WRITE, .order = (uint8_t)period, .gfp = pattern,
                                                  .size_bytes = (uint64_t)best, .op = object->op,
                                                  .place = object->place + (uint64_t)(lua_tointeger(L, 3) + at) };
                at += best;
                actor_submit_then(L, self, at, write_on);
        }
        return 0;
}

static int task_write(lua_State *L)
{
        struct actor *self = self_of(L);
        const struct object *object = object_check(self->scenario, L, 2);
        size_t length;
        lua_Integer count;

        if (!self->scenario->config.debug_slab)
                return luaL_error(L, "write: only a machine with debug_slab = true knows what its objects hold");
        if (object->is_pages)
                return luaL_error(L, "write: what blocks of pages hold is not modelled; write to objects");
        debug_offset(L, self, object, 3, "write");
        luaL_checktype(L, 4, LUA_TSTRING);
        lua_tolstring(L, 4, &length);
        count = luaL_optinteger(L, 5, (lua_Integer)length);
        luaL_argcheck(L, length > 0, 4, "there are no bytes in it");
        luaL_argcheck(L, count >= 1 && count <= 131072, 5, "a write is 1 to 131072 bytes");
        need_yieldable(L);
        lua_settop(L, 4);
        lua_pushinteger(L, count);
        return write_on(L, LUA_OK, 0);
}

/* t:kfree(object [, offset]): offset, in a debug_slab machine: of an address that far from the object's. */
static int task_kfree(lua_State *L)
{
        struct actor *self = self_of(L);
        struct object *object;

        if (lua_isnil(L, 2))
                return 0; /* kfree(NULL) */
        object = object_check(self->scenario, L, 2);
        if (!lua_isnoneornil(L, 3))
                return submit_free_address(L, self, object, debug_offset(L, self, object, 3, "kfree"));
        if (object->is_pages && self->scenario->config.debug_slab)
                return submit_free_address(L, self, object, 0);
        if (object->is_pages)
                return failure_wrong_free(L, self, object, WRONG_KFREE);
        return submit_free(L, self, object);
}

/* t:free(object [, cache]): kmem_cache_free. With a cache, the object must be of that cache. */
static int task_free(lua_State *L)
{
        struct actor *self = self_of(L);
        struct object *object = object_check(self->scenario, L, 2);

        if (object->is_pages)
                return failure_wrong_free(L, self, object, WRONG_CACHE_FREE);
        if (!lua_isnoneornil(L, 3) && cache_argument(L, self, 3, "free", NULL) != object->cache)
                return failure_wrong_free(L, self, object, WRONG_CACHE);
        return submit_free(L, self, object);
}

static int task_free_pages(lua_State *L)
{
        struct actor *self = self_of(L);
        struct object *object;

        if (lua_isnil(L, 2))
                return 0;
        object = object_check(self->scenario, L, 2);
        if (!object->is_pages)
                return failure_wrong_free(L, self, object, WRONG_FREE_PAGES);
        return submit_free(L, self, object);
}

/* -- methods: memory pools ---------------------------------------------------------------------------------------- */

static struct declared_mempool *mempool_argument(lua_State *L, int index, const char *what)
{
        struct declared_mempool *mempool = box_part(L, index, BOX_MEMPOOL);

        if (!mempool)
                luaL_error(L, "%s needs a memory pool: what mempool{} returned", what);
        if (!mempool->id)
                luaL_error(L, "%s: the memory pool '%s' was not created", what, mempool->spec.name);
        return mempool;
}

static int task_mempool_create(lua_State *L)
{
        struct actor *self = task_of(L, "mempool_create");
        struct declared_mempool *mempool;
        const char *problem;

        need_yieldable(L);
        mempool = declare_mempool(self->scenario, L, 2, "mempool_create");
        problem = declare_mempool_in_sim(mempool);
        if (problem)
                return luaL_error(L, "mempool_create: %s", problem);
        self->request = (struct request){ .kind = OP_MEMPOOL_CREATE, .mempool = mempool->id };
        return submit(L, self);
}

static int task_mempool_alloc(lua_State *L)
{
        struct actor *self = self_of(L);
        const struct declared_mempool *mempool = mempool_argument(L, 2, "mempool_alloc");

        self->request = (struct request){ .kind = OP_MEMPOOL_ALLOC, .mempool = mempool->id,
                                          .gfp = gfp_argument(L, self, 3, "mempool_alloc") };
        return submit_alloc(L, self);
}

/* t:mempool_free(element [, pool]): with a pool, it must be the element's. */
static int task_mempool_free(lua_State *L)
{
        struct actor *self = self_of(L);
        struct object *object = object_check(self->scenario, L, 2);

        if (!object->mempool)
                return luaL_error(L, "mempool_free needs what t:mempool_alloc returned");
        if (!lua_isnoneornil(L, 3) && mempool_argument(L, 3, "mempool_free")->id != object->mempool)
                return luaL_error(L, "mempool_free: the element is of another memory pool");
        if (object->is_freed)
                return failure_double_free(L, self, object);
        need_yieldable(L);
        object->is_freed = 1;
        object->freed = sandbox_place(self->scenario->sandbox, L, 1);
        object->freed_ns = sim_now_ns(self->scenario->sim);
        object->freed_by = (uint16_t)self->thread;
        self->object = object;
        self->request = (struct request){ .kind = OP_MEMPOOL_FREE, .object = object->object };
        return submit(L, self);
}

static int task_mempool_resize(lua_State *L)
{
        struct actor *self = task_of(L, "mempool_resize");
        const struct declared_mempool *mempool = mempool_argument(L, 2, "mempool_resize");
        lua_Integer min_nr = luaL_checkinteger(L, 3);

        luaL_argcheck(L, min_nr >= 1 && min_nr <= (lua_Integer)MEMPOOL_MIN_MAX, 3, "1 to 16384 elements");
        self->request = (struct request){ .kind = OP_MEMPOOL_RESIZE, .mempool = mempool->id, .size_bytes = (uint64_t)min_nr,
                                          .gfp = gfp_argument(L, self, 4, "mempool_resize") };
        return submit(L, self);
}

static int task_mempool_destroy(lua_State *L)
{
        struct actor *self = task_of(L, "mempool_destroy");

        self->request = (struct request){ .kind = OP_MEMPOOL_DESTROY,
                                          .mempool = mempool_argument(L, 2, "mempool_destroy")->id };
        return submit(L, self);
}

/* -- methods: fault injection ------------------------------------------------------------------------------------- */

/* Each attribute of the table at 2 is one write to its control file; from attribute `at` & 255 on. */
static int write_faults(lua_State *L, int status, lua_KContext at)
{
        struct actor *self = self_of(L);
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
                        return luaL_error(L, "%s: %s (the main part says %s { ... })", fault_capability_names[capability],
                                          problem, fault_capability_names[capability]);
                call_site_submitted(self);
                sandbox_burst_begin(self->scenario->sandbox);
                actor_set_state(self, ACTOR_REQUEST);
                wait_for_then(L, self, SIM_DONE, (lua_KContext)capability << 8 | attribute, write_faults);
        }
        return 0;
}

static int set_faults(lua_State *L, enum fault_capability capability)
{
        task_of(L, fault_capability_names[capability]);
        faults_check(L, 2, capability);
        need_yieldable(L);
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
        struct actor *self = task_of(L, "make_it_fail");
        bool is_on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);

        self->request = (struct request){ .kind = OP_FAULT_SET, .order = FAULT_MAKE_IT_FAIL, .size_bytes = is_on };
        return submit(L, self);
}

/* -- methods: processes ------------------------------------------------------------------------------------------- */

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
        struct actor *self = task_of(L, "process_set");

        process_set_request(L, process_argument(L, 2, "process_set"), &self->request);
        return submit(L, self);
}

/* -- methods: caches, CPUs, time ---------------------------------------------------------------------------------- */

static int task_create(lua_State *L)
{
        struct actor *self = task_of(L, "create");
        struct cache_spec spec;

        declare_cache_spec(self->scenario, L, 2, "create", &spec);
        if (lua_getfield(L, 2, "shrinker") != LUA_TNIL)
                return luaL_error(L, "create: a cache made during the run gets its shrinker with t:set_shrinker");
        lua_pop(L, 1);
        self->cache = declare_cache(self->scenario, L, &spec);
        self->request = (struct request){ .kind = OP_CREATE, .spec = &self->cache->spec };
        return submit(L, self);
}

static int task_shrink(lua_State *L)
{
        struct actor *self = task_of(L, "shrink");

        self->request =
                (struct request){ .kind = OP_SHRINK, .cache = cache_argument(L, self, 2, "shrink", &self->cache) };
        return submit(L, self);
}

static int task_destroy(lua_State *L)
{
        struct actor *self = task_of(L, "destroy");

        self->request =
                (struct request){ .kind = OP_DESTROY, .cache = cache_argument(L, self, 2, "destroy", &self->cache) };
        return submit(L, self);
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
        return submit(L, self);
}

/* t:tune(cache, { limit =, batchcount =, shared = }): what is not said stays as it is. */
static int task_tune(lua_State *L)
{
        static const char *const known[] = { "limit", "batchcount", "shared", NULL };
        struct actor *self = task_of(L, "tune");
        uint32_t id = cache_argument(L, self, 2, "tune", NULL);
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
                        value = value * 10 + (uint64_t)(*text - '0'); /* wraps as the kernel's unsigned long long does */
                values[i] = (int32_t)(uint32_t)(is_negative ? 0 - value : value);
        }
        return true;
}

/* t:write_slabinfo(text): as write(2) to /proc/slabinfo by root (spec 07 section 8). */
static int task_write_slabinfo(lua_State *L)
{
        struct actor *self = task_of(L, "write_slabinfo");
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
        struct actor *self = task_of(L, "reap");

        self->request = (struct request){ .kind = OP_REAP };
        return submit(L, self);
}

static int task_drain(lua_State *L)
{
        struct actor *self = task_of(L, "drain");

        self->request = (struct request){ .kind = OP_DRAIN };
        return submit(L, self);
}

static int submit_hotplug(lua_State *L, enum op_kind kind, const char *what)
{
        struct actor *self = task_of(L, what);
        uint32_t cpus = self->scenario->config.cpus;
        int is_integer;
        lua_Integer cpu = lua_tointegerx(L, 2, &is_integer);

        if (cpus < 2)
                return luaL_error(L, "%s: the only CPU of this machine stays", what);
        if (!is_integer || cpu < 1 || cpu >= (lua_Integer)cpus)
                return luaL_error(L, "%s: a CPU is a whole number from 1 to %d; CPU 0 stays", what, (int)cpus - 1);
        self->written = -1;
        self->request = (struct request){ .kind = (uint8_t)kind, .cpu = (uint8_t)cpu };
        return submit(L, self);
}

/* t:cpu_up(cpu), t:cpu_down(cpu): true; nil and "EINVAL" if it is so already, or "ENOMEM". */
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
        const struct actor *self = self_of(L);
        lua_Integer cpu = luaL_checkinteger(L, 2);

        lua_pushboolean(L, cpu >= 0 && cpu < (lua_Integer)self->scenario->config.cpus &&
                                   sim_cpu_online(self->scenario->sim, (uint32_t)cpu));
        return 1;
}

static int task_work(lua_State *L)
{
        struct actor *self = self_of(L);

        self->request = (struct request){ .kind = OP_WORK, .size_bytes = value_time(L, 2, "work") };
        return submit(L, self);
}

/* Time passes, or is about to: what Lua did so far was no endless loop. */
static void note_time(struct scenario *scenario)
{
        uint64_t now_ns = sim_now_ns(scenario->sim);

        if (now_ns != scenario->burst_ns) {
                scenario->burst_ns = now_ns;
                sandbox_burst_begin(scenario->sandbox);
        }
}

static void set_alarm(struct actor *self, uint64_t after_ns)
{
        struct sim *sim = self->scenario->sim;
        uint64_t now_ns = sim_now_ns(sim);

        self->has_alarm = true;
        sim_wake_at(sim, self->thread, after_ns < TIME_NEVER - now_ns ? now_ns + after_ns : TIME_NEVER - 1);
}

static int task_sleep(lua_State *L)
{
        struct actor *self = task_of(L, "sleep");
        uint64_t after_ns = value_time(L, 2, "sleep");

        need_yieldable(L);
        note_time(self->scenario);
        set_alarm(self, after_ns);
        actor_set_state(self, ACTOR_SLEEPING);
        return wait_for(L, self, SIM_WAKE);
}

static int task_now(lua_State *L)
{
        lua_pushinteger(L, (lua_Integer)sim_now_ns(self_of(L)->scenario->sim));
        return 1;
}

/* -- methods: one another ----------------------------------------------------------------------------------------- */

/* A mailbox, or that of a task, or that of the task of this name. */
static struct mailbox *mailbox_argument(lua_State *L, const struct actor *self, int index)
{
        struct mailbox *mailbox = box_part(L, index, BOX_MAILBOX);
        struct actor *actor = box_part(L, index, BOX_ACTOR);

        if (mailbox)
                return mailbox;
        if (lua_type(L, index) == LUA_TSTRING) {
                actor = g_hash_table_lookup(self->scenario->actors_by_name, lua_tostring(L, index));
                if (!actor)
                        luaL_error(L, "send: there is no task '%s'", lua_tostring(L, index));
        }
        if (!actor)
                luaL_error(L, "send needs a task, its name, or a mailbox");
        if (actor->kind != ACTOR_TASK)
                luaL_error(L, "send: the %s '%s' receives nothing", actor->kind == ACTOR_LOAD ? "load" : "interrupt",
                           actor->name);
        return actor->inbox;
}

static int task_send(lua_State *L)
{
        struct actor *self = self_of(L);
        struct mailbox *mailbox = mailbox_argument(L, self, 2);
        struct actor *receiver = mailbox->receivers.first;

        if (lua_isnoneornil(L, 3))
                return luaL_error(L, "send: nil cannot be sent");
        lua_settop(L, 3);
        if (receiver) {
                lua_xmove(L, receiver->L, 1);
                wake_actor(receiver, 1);
                return 0;
        }
        lua_rawgeti(L, LUA_REGISTRYINDEX, mailbox->values_ref);
        lua_insert(L, 3);
        lua_rawseti(L, 3, ++mailbox->sent);
        return 0;
}

static int wait_in_queue(lua_State *L, struct actor *self, struct wait_queue *queue, int timeout, const char *what,
                         const char *name)
{
        uint64_t after_ns = 0;
        bool has_timeout = !lua_isnoneornil(L, timeout);

        if (has_timeout)
                after_ns = value_time(L, timeout, "the timeout");
        need_yieldable(L);
        note_time(self->scenario);
        if (has_timeout)
                set_alarm(self, after_ns);
        self->waits_for = what;
        self->waits_name = name;
        wait_in(self, queue);
        return lua_yield(L, 0);
}

/* t:receive([mailbox] [, timeout]): a message, or nil and "timeout". */
static int task_receive(lua_State *L)
{
        struct actor *self = task_of(L, "receive");
        struct mailbox *mailbox = box_part(L, 2, BOX_MAILBOX);
        int timeout = mailbox ? 3 : 2;

        if (!mailbox)
                mailbox = self->inbox;
        if (mailbox->taken == mailbox->sent)
                return wait_in_queue(L, self, &mailbox->receivers, timeout, "a message to", mailbox->name);
        lua_rawgeti(L, LUA_REGISTRYINDEX, mailbox->values_ref);
        lua_rawgeti(L, -1, ++mailbox->taken);
        lua_pushnil(L);
        lua_rawseti(L, -3, mailbox->taken);
        return 1;
}

/* t:wait(process [, timeout]): until the process has exited and its memory is free. */
static int wait_for_exit(lua_State *L, struct actor *self, const struct declared_process *process)
{
        struct scenario *scenario = self->scenario;
        bool has_timeout = !lua_isnoneornil(L, 3);
        struct process_view view;
        uint64_t after_ns = 0;

        if (self->process == process)
                return luaL_error(L, "wait: '%s' would wait for its own end", self->name);
        if (sim_process_get(scenario->sim, process->id, &view) && view.exited) {
                lua_pushboolean(L, 1);
                return 1;
        }
        if (has_timeout)
                after_ns = value_time(L, 3, "the timeout");
        need_yieldable(L);
        note_time(scenario);
        if (has_timeout)
                set_alarm(self, after_ns);
        sim_wake_on_exit(scenario->sim, self->thread, process->id);
        self->waits_for_exit = process->id;
        self->waits_for = "the end of the process";
        self->waits_name = process->name;
        actor_set_state(self, ACTOR_WAITING);
        return lua_yield(L, 0);
}

/* t:wait(event, task or process [, timeout]): true, or nil and "timeout". */
static int task_wait(lua_State *L)
{
        struct actor *self = task_of(L, "wait");
        struct event_flag *event = box_part(L, 2, BOX_EVENT);
        struct actor *other = box_part(L, 2, BOX_ACTOR);

        if (box_part(L, 2, BOX_PROCESS))
                return wait_for_exit(L, self, box_part(L, 2, BOX_PROCESS));
        if (!event && (!other || other->kind != ACTOR_TASK))
                return luaL_error(L, "wait needs an event, a task or a process");
        if (other == self)
                return luaL_error(L, "wait: '%s' would wait for itself", self->name);
        if (!event)
                event = other->ended;
        if (!event->is_set)
                return wait_in_queue(L, self, &event->waiters, 3, other ? "the end of" : "the event", event->name);
        lua_pushboolean(L, 1);
        return 1;
}

static int task_signal(lua_State *L)
{
        struct event_flag *event;

        self_of(L);
        event = box_part(L, 2, BOX_EVENT);
        if (!event)
                return luaL_error(L, "signal needs an event");
        signal_event(event);
        return 0;
}

static int task_spawn(lua_State *L)
{
        struct actor *self = self_of(L);
        struct scenario *scenario = self->scenario;
        struct actor *actor = actor_declare_task(scenario, L, 2, "spawn");

        if (actor->cpu >= scenario->config.cpus)
                return luaL_error(L, "spawn: the machine has no CPU %d", (int)actor->cpu);
        if (lua_getfield(L, 2, "make_it_fail") == LUA_TNIL) /* children inherit it */
                actor->makes_fail = sim_thread_makes_fail(scenario->sim, self->thread);
        lua_pop(L, 1);
        if (!actor_attach(actor)) {
                lua_pushstring(L, scenario->error->message);
                g_clear_error(&scenario->error);
                return lua_error(L);
        }
        actor_start(actor);
        return 1;
}

/* -- methods: chance, names --------------------------------------------------------------------------------------- */

static int task_random(lua_State *L)
{
        struct actor *self = self_of(L);
        lua_Integer first = lua_isnoneornil(L, 3) ? 1 : luaL_checkinteger(L, 2);
        lua_Integer last = luaL_checkinteger(L, lua_isnoneornil(L, 3) ? 2 : 3);

        luaL_argcheck(L, first <= last, 2, "interval is empty");
        lua_pushinteger(L, prng_between(&self->prng, first, last));
        return 1;
}

static int task_chance(lua_State *L)
{
        struct actor *self = self_of(L);
        lua_Integer part = luaL_checkinteger(L, 2), whole = luaL_checkinteger(L, 3);

        luaL_argcheck(L, whole > 0 && part >= 0 && part <= whole, 2, "a chance is PART of WHOLE: 0 <= PART <= WHOLE");
        lua_pushboolean(L, prng_chance(&self->prng, (uint64_t)part, (uint64_t)whole));
        return 1;
}

static int task_pick(lua_State *L)
{
        struct actor *self = self_of(L);

        luaL_checktype(L, 2, LUA_TTABLE);
        luaL_argcheck(L, lua_rawlen(L, 2) > 0, 2, "the list is empty");
        lua_rawgeti(L, 2, prng_between(&self->prng, 1, (lua_Integer)lua_rawlen(L, 2)));
        return 1;
}

static int task_shuffle(lua_State *L)
{
        struct actor *self = self_of(L);
        lua_Integer count;

        luaL_checktype(L, 2, LUA_TTABLE);
        count = (lua_Integer)lua_rawlen(L, 2);
        sandbox_charge(L, (uint64_t)count);
        for (lua_Integer i = count; i > 1; i--) {
                lua_Integer other = prng_between(&self->prng, 1, i);

                lua_rawgeti(L, 2, i);
                lua_rawgeti(L, 2, other);
                lua_rawseti(L, 2, i);
                lua_rawseti(L, 2, other);
        }
        lua_settop(L, 2);
        return 1;
}

static int task_name(lua_State *L)
{
        lua_pushstring(L, self_of(L)->name);
        return 1;
}

static int task_cpu(lua_State *L)
{
        const struct actor *self = self_of(L);

        lua_pushinteger(L, actor_cpu(self));
        return 1;
}

/* t:node(): of its CPU. t:node(object): of the memory that an object or a block of pages lies in. */
static int task_node(lua_State *L)
{
        struct actor *self = self_of(L);
        const struct memory *mem = sim_memory(self->scenario->sim);
        uint32_t node = mem->node_of_cpu[actor_cpu(self)];

        if (!lua_isnoneornil(L, 2)) {
                uint32_t pfn = place_pfn(object_check(self->scenario, L, 2)->place);

                node = mem->zones[mem->zone_of_section[pfn >> SECTION_SHIFT]].node;
        }
        lua_pushinteger(L, node);
        return 1;
}

static int unknown_method(lua_State *L)
{
        return luaL_error(L, "a task has no method '%s'", luaL_tolstring(L, 2, NULL));
}

void actor_open_methods(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg methods[] = {
                { "alloc", task_alloc },     { "chance", task_chance },   { "cpu", task_cpu },
                { "cpu_down", task_cpu_down }, { "cpu_up", task_cpu_up }, { "online", task_online },
                { "create", task_create },   { "destroy", task_destroy }, { "drain", task_drain },
                { "free", task_free },       { "free_pages", task_free_pages }, { "kfree", task_kfree },
                { "failslab", task_failslab },               { "fail_page_alloc", task_fail_page_alloc },
                { "make_it_fail", task_make_it_fail },
                { "mempool_alloc", task_mempool_alloc },     { "mempool_create", task_mempool_create },
                { "mempool_destroy", task_mempool_destroy }, { "mempool_free", task_mempool_free },
                { "mempool_resize", task_mempool_resize },   { "process_set", task_process_set },
                { "kmalloc", task_kmalloc }, { "name", task_name },       { "node", task_node },       { "now", task_now },
                { "pages", task_pages },     { "pick", task_pick },       { "random", task_random },
                { "reap", task_reap },       { "receive", task_receive }, { "send", task_send },
                { "shrink", task_shrink },   { "shuffle", task_shuffle }, { "signal", task_signal },
                { "sleep", task_sleep },     { "spawn", task_spawn },     { "tune", task_tune },
                { "wait", task_wait },       { "work", task_work },       { "write", task_write },
                { "write_slabinfo", task_write_slabinfo },                { NULL, NULL },
        };

        pressure_open(scenario, L);
        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->box_meta_refs[BOX_ACTOR]);
        luaL_newlib(L, methods);
        luaL_setfuncs(L, pressure_methods, 0);
        lua_newtable(L);
        lua_pushcfunction(L, unknown_method);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, -2);
        lua_setfield(L, -2, "__index");
        lua_pop(L, 1);

        for (int reason = 0; reason < REASON_COUNT; reason++) {
                lua_pushstring(L, failure_reason_texts[reason]);
                scenario->reason_refs[reason] = luaL_ref(L, LUA_REGISTRYINDEX);
        }
        lua_pushliteral(L, "timeout");
        scenario->timeout_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushliteral(L, "busy");
        scenario->busy_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushliteral(L, "EINVAL");
        scenario->einval_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushliteral(L, "ENOMEM");
        scenario->enomem_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* -- the actor that creates the declared caches and memory pools, then lets the others begin --------------------------------------- */

static void start_all(struct scenario *scenario)
{
        for (uint32_t i = 0; i < scenario->actors->len; i++) {
                struct actor *actor = scenario->actors->pdata[i];

                if (actor->state == ACTOR_IDLE && (actor->kind == ACTOR_TASK || actor->kind == ACTOR_INTERRUPT))
                        actor_start(actor);
                else if (actor->kind == ACTOR_PLAYER)
                        actor_make_ready(actor);
                else if (actor->kind == ACTOR_LOAD)
                        load_start(actor);
        }
}

/* The memory pools that mempool{} declared, one after the other, then the pages that processes have from the start; done: the one whose creation is done, NULL at first. */
static void init_mempools(struct actor *actor, const struct declared_mempool *done)
{
        struct scenario *scenario = actor->scenario;
        g_autofree char *where = NULL;
        const char *problem;

        if (done && sim_result(scenario->sim, actor->thread)->path == PATH_FAILED) {
                where = sandbox_place_text(scenario->sandbox, done->place);
                scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s: the memory pool '%s' could not be created", where,
                              done->spec.name);
                return;
        }
        if (actor->process && sim_result(scenario->sim, actor->thread)->pfn == PFN_NONE) {
                where = sandbox_place_text(scenario->sandbox, actor->process->place);
                scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s: there is no memory for the pages of process '%s'", where,
                              actor->process->name);
                return;
        }
        actor->mempool = NULL;
        actor->process = NULL;
        for (uint32_t i = 0; i < scenario->declared_mempools && !actor->mempool; i++) {
                struct declared_mempool *mempool = scenario->mempools->pdata[i];

                if (!mempool->id)
                        actor->mempool = mempool;
        }
        if (!actor->mempool && process_next_anon(scenario, &actor->request, &actor->process)) {
                problem = sim_submit(scenario->sim, actor->thread, &actor->request);
                if (problem)
                        scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "process '%s': %s", actor->process->name, problem);
                else
                        actor_set_state(actor, ACTOR_REQUEST);
                return;
        }
        if (!actor->mempool) {
                actor_end(actor);
                start_all(scenario);
                return;
        }
        problem = declare_mempool_in_sim(actor->mempool);
        actor->request = (struct request){ .kind = OP_MEMPOOL_CREATE, .mempool = actor->mempool->id };
        if (!problem)
                problem = sim_submit(scenario->sim, actor->thread, &actor->request);
        if (problem) {
                where = sandbox_place_text(scenario->sandbox, actor->mempool->place);
                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "%s: memory pool '%s': %s", where,
                              actor->mempool->spec.name, problem);
                return;
        }
        actor_set_state(actor, ACTOR_REQUEST);
}

/* cache: the one whose creation is done, NULL at first. */
static void init_step(struct actor *actor, struct declared_cache *done)
{
        struct scenario *scenario = actor->scenario;
        struct declared_cache *next = NULL;
        const char *problem;

        if (scenario->vm_asked < scenario->vm_requests->len) { /* machine { swap, vm } */
                actor->request = g_array_index(scenario->vm_requests, struct request, scenario->vm_asked++);
                problem = sim_submit(scenario->sim, actor->thread, &actor->request);
                if (problem)
                        scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "machine: %s", problem);
                else
                        actor_set_state(actor, ACTOR_REQUEST);
                return;
        }
        if (done && sim_result(scenario->sim, actor->thread)->kind == OP_SHRINKER) {
                if (sim_result(scenario->sim, actor->thread)->result != 0) {
                        scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "the shrinker of cache '%s' could not be registered",
                                      done->spec.name);
                        return;
                }
        } else if (done) {
                const struct op_record *record = sim_result(scenario->sim, actor->thread);
                g_autofree char *where = sandbox_place_text(scenario->sandbox, done->place);

                if (record->result != 0) {
                        scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s: the cache '%s' could not be created",
                                      where, done->spec.name);
                        return;
                }
                done->id = record->cache;
                if (done->shrinker.kind == OP_SHRINKER) {
                        actor->request = done->shrinker;
                        actor->request.cache = done->id;
                        problem = sim_submit(scenario->sim, actor->thread, &actor->request);
                        if (problem)
                                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "%s: cache '%s': %s", where, done->spec.name,
                                              problem);
                        else
                                actor_set_state(actor, ACTOR_REQUEST);
                        return;
                }
        }
        for (uint32_t i = 0; i < scenario->declared_caches && !next; i++) {
                struct declared_cache *cache = scenario->caches->pdata[i];

                if (cache->id == CACHE_ID_NONE)
                        next = cache;
        }
        if (!next) {
                actor->cache = NULL;
                init_mempools(actor, NULL);
                return;
        }
        actor->cache = next;
        actor->request = (struct request){ .kind = OP_CREATE, .spec = &next->spec };
        problem = sim_submit(scenario->sim, actor->thread, &actor->request);
        if (problem) {
                g_autofree char *where = sandbox_place_text(scenario->sandbox, next->place);

                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "%s: cache '%s': %s", where, next->spec.name, problem);
                return;
        }
        actor_set_state(actor, ACTOR_REQUEST);
}

/* -- main loop ---------------------------------------------------------------------------------------------------- */

/* The OOM killer has killed its process: nothing of its function runs any more. */
static void deliver_kill(struct actor *actor)
{
        if (actor->state == ACTOR_ENDED)
                return;
        if (actor->state == ACTOR_REQUEST && actor->object &&
            (actor->request.kind == OP_FREE || actor->request.kind == OP_MEMPOOL_FREE)) {
                struct sim_object object; /* a free that came to nothing: somebody else may do it */

                if (sim_object_get(actor->scenario->sim, actor->request.object, &object) && object.live &&
                    object.op == actor->object->op)
                        actor->object->is_freed = 0;
        }
        leave_queue(actor);
        actor->has_alarm = false;
        actor_end(actor);
}

static void deliver_task(struct actor *actor, enum sim_what what)
{
        struct scenario *scenario = actor->scenario;
        int results;

        if (what == SIM_KILLED) {
                deliver_kill(actor);
                return;
        }
        if (what == SIM_WAKE && actor->waits_for_exit) {
                struct process_view view;
                bool exited = sim_process_get(scenario->sim, actor->waits_for_exit, &view) && view.exited;

                sim_wake_on_exit(scenario->sim, actor->thread, 0);
                actor->waits_for_exit = 0;
                actor->has_alarm = false;
                if (!actor->has_begun) { /* on_exit: the run is not over before it is done */
                        actor->is_foreground = true;
                        scenario->foreground++;
                        begin(actor);
                        return;
                }
                if (exited) {
                        lua_pushboolean(actor->L, 1);
                } else {
                        lua_pushnil(actor->L);
                        lua_rawgeti(actor->L, LUA_REGISTRYINDEX, scenario->timeout_ref);
                }
                resume(actor, exited ? 1 : 2);
                return;
        }

        if (what == SIM_DONE) {
                results = take_result(actor);
                if (results >= 0)
                        resume(actor, results);
                return;
        }
        if (!actor->has_alarm)
                return; /* a timeout that came to nothing */
        actor->has_alarm = false;
        if (actor->state == ACTOR_WAITING) {
                leave_queue(actor);
                lua_pushnil(actor->L);
                lua_rawgeti(actor->L, LUA_REGISTRYINDEX, scenario->timeout_ref);
                resume(actor, 2);
        } else if (scenario->foreground == 0) {
                actor_set_state(actor, ACTOR_IDLE); /* a daemon that slept: the run is over */
        } else if (!actor->has_begun) {
                begin(actor);
        } else {
                resume(actor, 0);
        }
}

static void deliver_interrupt(struct actor *actor, enum sim_what what)
{
        int results;

        if (what == SIM_DONE) {
                results = take_result(actor);
                if (results >= 0)
                        resume(actor, results);
        } else if (actor->scenario->foreground == 0) {
                sim_irq_return(actor->scenario->sim, actor->thread);
        } else {
                begin(actor);
        }
}

static void deliver(struct actor *actor, enum sim_what what)
{
        switch (actor->kind) {
        case ACTOR_INIT:
                if (actor->mempool || actor->process)
                        init_mempools(actor, actor->mempool);
                else
                        init_step(actor, actor->cache);
                break;
        case ACTOR_TASK:
                deliver_task(actor, what);
                break;
        case ACTOR_INTERRUPT:
                deliver_interrupt(actor, what);
                break;
        case ACTOR_PLAYER:
                trace_player_step(actor, what);
                break;
        case ACTOR_LOAD:
                load_step(actor, what);
                break;
        }
}

static void go_on(struct actor *actor)
{
        if (actor->kind == ACTOR_PLAYER)
                trace_player_step(actor, SIM_IDLE);
        else if (actor->kind == ACTOR_LOAD)
                load_step(actor, SIM_IDLE);
        else
                resume(actor, actor->results);
}

static void fail_deadlock(struct scenario *scenario)
{
        GString *text = g_string_new("deadlock: nothing is left that could happen, and\n");

        for (uint32_t i = 0; i < scenario->actors->len; i++) {
                const struct actor *actor = scenario->actors->pdata[i];
                g_autofree char *where = NULL;

                if (actor->state != ACTOR_WAITING || !actor->is_foreground)
                        continue;
                if (actor->L)
                        where = sandbox_place_text(scenario->sandbox, sandbox_place(scenario->sandbox, actor->L, 0));
                g_string_append_printf(text, "  '%s' waits for %s '%s'%s%s\n", actor->name, actor->waits_for,
                                       actor->waits_name, where ? " at " : "", where ? where : "");
        }
        g_string_append(text, "A task that serves others for as long as there is work is declared with daemon = true.");
        scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "%s", text->str);
        g_string_free(text, TRUE);
}

/* The sim has nothing to report: a good end, or not. */
static void look_at_end(struct scenario *scenario)
{
        if (observer_is_broken(scenario->observer))
                scenario_fail(scenario, SCENARIO_ERROR_FILE, "the recording cannot be written");
        else if (scenario->runs_until_stop || sim_now_ns(scenario->sim) >= scenario->stop_at_ns)
                return;
        else if (scenario->foreground > 0)
                fail_deadlock(scenario);
}

bool actor_run_all(struct scenario *scenario)
{
        const volatile sig_atomic_t *stop = scenario->options.stop;

        init_step(scenario->init, NULL);
        while (!scenario->error) {
                struct actor *actor;
                enum sim_what what;
                uint32_t thread = 0;

                if (stop && *stop) {
                        scenario_fail(scenario, SCENARIO_ERROR_INTERRUPTED, "interrupted");
                        break;
                }
                if (scenario->has_stash) {
                        scenario->has_stash = false;
                        what = scenario->stash_what;
                        thread = scenario->stash_thread;
                } else if ((actor = take_ready(scenario))) {
                        go_on(actor);
                        continue;
                } else if (scenario->foreground == 0 && scenario->busy == 0) {
                        break;
                } else {
                        what = advance(scenario, &thread);
                }
                if (what == SIM_IDLE) {
                        look_at_end(scenario);
                        break;
                }
                actor = scenario->threads->pdata[thread];
                deliver(actor, what);
        }
        return !scenario->error;
}
