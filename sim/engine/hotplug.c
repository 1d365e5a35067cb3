/*
 * hotplug.c - a CPU leaves a running machine, and what was bound to it goes elsewhere.
 *
 * Stands for take_cpu_down() and what the CPU_DEAD notifiers of kernel/sched.c, timer.c, workqueue.c, rcupdate.c and
 * arch/.../irq.c of 2.6.20 do with tasks, timers, work, callbacks and interrupts (spec 02 sections 9 and 11). What the
 * memory allocator does is in path/cache.c.
 *
 * The CPU stops when it has nothing in hand: a kernel without preemption leaves no request half done, but those that
 * sleep or wait for the CPU, and these move:
 *   tasks        to the first online CPU of the same node, else of the machine. There they stay: nothing brings them
 *                back when the CPU returns. A task that has not run yet is placed when it first does.
 *   interrupts   to CPU 0, for good (fixup_irqs: the affinity is broken)
 *   reap timer   to the CPU that runs the notifiers. It fires there once more, as an extra pass; the CPU itself gets no
 *                new one when it returns, but for an extra pass on it, which starts that of its own again
 *   RCU          callbacks wait for a new grace period on that CPU
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

uint32_t hotplug_fallback(const struct memory *mem, uint32_t cpu)
{
        uint32_t any = 0;

        for (uint32_t other = mem->cpus; other-- > 0;) {
                if (!(mem->online & (1u << other)) || other == cpu)
                        continue;
                if (mem->node_of_cpu[other] == mem->node_of_cpu[cpu])
                        any = other | 0x100u; /* the lowest of the node, before the lowest of all */
                else if (!(any & 0x100u))
                        any = other;
        }
        return any & 0xffu;
}

void hotplug_move(struct sim *sim, struct thread *th, uint32_t cpu)
{
        /* asked for, not begun: what it took from its CPU is now that of the new one */
        bool waits = th->top >= 0 && th->op.t_ns == TIME_NEVER;

        th->cpu = (uint8_t)cpu;
        th->op.cpu = (uint8_t)cpu;
        if (waits && th->op.kind == OP_PAGES && !th->op.node_plus_1)
                th->frames[0].node = (uint8_t)sim->m.mem.node_of_cpu[cpu];
        if (waits && th->op.kind == OP_DRAIN)
                th->frames[0].drainp.cpu = cpu;
        sim->moves++;
}

static bool is_per_cpu(const struct thread *th)
{
        return th->role == ROLE_CALL || th->role == ROLE_SOFTIRQ;
}

/* A task that has not run yet. It is where it was made for, or where such a task goes while that CPU is offline:
 * nothing depends on when it asked to run, only on when it does. While it is idle that is settled by sim_submit. */
static bool is_new(const struct thread *th)
{
        return th->role == ROLE_TASK && !th->op.id;
}

static uint32_t place_for_new(const struct sim *sim, const struct thread *th)
{
        return sim->m.mem.online & (1u << th->home) ? th->home : hotplug_fallback(&sim->m.mem, th->home);
}

/* Where a thread of a CPU that goes belongs; its own CPU: it stays what it is. */
static uint32_t place_for(const struct sim *sim, const struct thread *th, uint32_t dead, uint32_t caller_cpu)
{
        if (is_per_cpu(th))
                return dead;
        if (th->role == ROLE_IRQ)
                return 0;
        if (is_new(th))
                return th->state == TH_IDLE ? dead : place_for_new(sim, th);
        if (th->role == ROLE_KTHREAD && th->state == TH_IDLE)
                return dead;
        if (th->id == sim->m.cpus[dead].reap_thread)
                return caller_cpu; /* take_over_work() */
        return hotplug_fallback(&sim->m.mem, dead);
}

static bool move_from(struct sim *sim, struct thread *th, uint32_t dead, uint32_t caller_cpu)
{
        uint32_t cpu = th->cpu == dead ? place_for(sim, th, dead, caller_cpu) : th->cpu;

        if (cpu == th->cpu)
                return false;
        hotplug_move(sim, th, cpu);
        return true;
}

/* rcu_move_batch(): behind what waits there, for a grace period of their own. */
static void move_callbacks(struct machine *m, uint32_t dead, uint32_t cpu)
{
        struct rcu_list *from = &m->mem.rcu_waiting[dead], *to = &m->mem.rcu_waiting[cpu];

        m->cpus[dead].call_pending = 0;
        if (!from->head)
                return;
        for (uint32_t id = from->head; id; id = m->mem.slabs[id].next)
                m->mem.slabs[id].prev = (uint32_t)(grace_end_ns(m) / m->tick_ns);
        if (to->tail) {
                m->mem.slabs[to->tail].next = from->head;
        } else {
                to->head = from->head;
                sched_rcu_at(m, cpu, grace_end_ns(m));
        }
        to->tail = from->tail;
        *from = (struct rcu_list){ 0 };
}

void hotplug_stopped(struct sim *sim, uint32_t dead)
{
        struct machine *m = &sim->m;
        struct thread *caller = &m->threads[m->stop_caller];
        uint32_t tasks = 0, irqs = 0;

        CHECK(m->cpus[dead].thread == 0);
        CHECK(!m->cpus[dead].irq_off);
        CHECK(caller->cpu != dead);
        machine_cpu_offline(&m->mem, dead);
        for (uint32_t id = 1; id <= m->thread_count; id++) {
                struct thread *th = &m->threads[id];

                if (!move_from(sim, th, dead, caller->cpu))
                        continue;
                tasks += th->role == ROLE_TASK && !is_new(th);
                irqs += th->role == ROLE_IRQ;
        }
        for (uint32_t node = 0; node < m->mem.nodes; node++)
                move_from(sim, &m->threads[m->kswapd_thread[node]], dead, caller->cpu);
        for (uint32_t cpu = 0; cpu < m->mem.cpus; cpu++) {
                if (sim->reap_pending[cpu] && sim->reap_at[cpu] == dead)
                        sim->reap_at[cpu] = caller->cpu;
        }
        for (uint32_t id = 1; id <= m->mem.processes.count; id++) {
                if (m->mem.processes.process[id].exit_waits && m->mem.processes.process[id].exit_cpu == dead)
                        m->mem.processes.process[id].exit_cpu = hotplug_fallback(&m->mem, dead);
        }
        move_callbacks(m, dead, caller->cpu);
        machine_event(m, caller, EV_CPU_OFFLINE, dead, tasks, irqs);
        sched_empty_queues(sim, dead);
}

void sched_cpu_online(struct machine *m)
{
        struct sim *sim = (struct sim *)(void *)m; /* m is the first member */

        for (uint32_t id = sim->task_first + 1; id <= m->thread_count; id++) {
                struct thread *th = &m->threads[id];
                uint32_t from = th->cpu;

                if (!is_new(th) || th->state != TH_QUEUED || place_for_new(sim, th) == from)
                        continue;
                hotplug_move(sim, th, place_for_new(sim, th));
                sched_requeue(sim, th, from);
        }
}
