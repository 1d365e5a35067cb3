/*
 * actor.c - the life of tasks and interrupts: declared, given a thread of the sim, begun, resumed, made to wait, ended;
 * and the main loop, which asks the sim who is concerned next.
 *
 * The main loop is outside of any protected call: what it does with a Lua stack must not allocate. So results are
 * created by the method beforehand (request.c), and texts come from the registry.
 */
#include <string.h>

#include "script/scenario_parts.h"

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

void actor_wait_in(struct actor *actor, struct wait_queue *queue)
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
void actor_wake(struct actor *actor, int results)
{
        leave_queue(actor);
        actor->has_alarm = false;
        actor->results = results;
        actor_make_ready(actor);
}

void event_signal(struct event_flag *event)
{
        event->is_set = true;
        while (event->waiters.first) {
                struct actor *waiter = event->waiters.first;

                lua_pushboolean(waiter->L, 1);
                actor_wake(waiter, 1);
        }
}

void actor_end(struct actor *actor)
{
        actor_set_state(actor, ACTOR_ENDED);
        if (actor->is_foreground)
                actor->scenario->foreground--;
        if (actor->ended)
                event_signal(actor->ended);
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
        static const char *const known[] = { "name",       "cpu",          "run",     "at", "daemon",
                                             "on_failure", "make_it_fail", "process", NULL };
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
                results = actor_take_result(actor);
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
                results = actor_take_result(actor);
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
                init_done(actor);
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

        init_begin(scenario->init);
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
                        what = actor_advance(scenario, &thread);
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
