/*
 * methods_wait.c - the methods by which tasks wait and meet: t:sleep, mailboxes (t:send, t:receive), events (t:signal,
 * t:wait), the end of a task or process (t:wait), and new tasks (t:spawn).
 */
#include "script/scenario_parts.h"

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
        struct actor *self = actor_task_of(L, "sleep");
        uint64_t after_ns = value_time(L, 2, "sleep");

        actor_need_yieldable(L);
        note_time(self->scenario);
        set_alarm(self, after_ns);
        actor_set_state(self, ACTOR_SLEEPING);
        return actor_wait_for(L, self, SIM_WAKE);
}

/* -- one another -------------------------------------------------------------------------------------------------- */

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
        struct actor *self = actor_self_of(L);
        struct mailbox *mailbox = mailbox_argument(L, self, 2);
        struct actor *receiver = mailbox->receivers.first;

        if (lua_isnoneornil(L, 3))
                return luaL_error(L, "send: nil cannot be sent");
        lua_settop(L, 3);
        if (receiver) {
                lua_xmove(L, receiver->L, 1);
                actor_wake(receiver, 1);
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
        actor_need_yieldable(L);
        note_time(self->scenario);
        if (has_timeout)
                set_alarm(self, after_ns);
        self->waits_for = what;
        self->waits_name = name;
        actor_wait_in(self, queue);
        return lua_yield(L, 0);
}

/* t:receive([mailbox] [, timeout]): a message, or nil and "timeout". */
static int task_receive(lua_State *L)
{
        struct actor *self = actor_task_of(L, "receive");
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
        actor_need_yieldable(L);
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
        struct actor *self = actor_task_of(L, "wait");
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

        actor_self_of(L);
        event = box_part(L, 2, BOX_EVENT);
        if (!event)
                return luaL_error(L, "signal needs an event");
        event_signal(event);
        return 0;
}

static int task_spawn(lua_State *L)
{
        struct actor *self = actor_self_of(L);
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

const luaL_Reg wait_methods[] = {
        { "receive", task_receive },
        { "send", task_send },
        { "signal", task_signal },
        { "sleep", task_sleep },
        { "spawn", task_spawn },
        { "wait", task_wait },
        { NULL, NULL },
};
