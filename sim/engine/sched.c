/*
 * sched.c - who goes next: simulated time, CPUs, locks handed over, interrupts, calls and timers.
 *
 * Two sources of turns: each CPU's next step (cpu.next_ns) and the queue of what is due. At one moment steps come
 * first, lowest CPU first; then the queue by class and order of asking. A CPU keeps its turn over LOCAL steps and over
 * SHARED ones up to machine.horizon_ns, the moment where somebody else would be first; whoever makes another CPU or
 * the queue due earlier lowers the horizon.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

#define CLASS_SHIFT 60

static struct sim *sim_of(struct machine *m)
{
        return (struct sim *)(void *)m; /* m is the first member */
}

static struct thread *thread_at(struct sim *sim, uint32_t id)
{
        return &sim->m.threads[id];
}

static void lower_horizon(struct machine *m, uint64_t t_ns)
{
        if (t_ns <= m->horizon_ns)
                m->horizon_ns = t_ns ? t_ns - 1 : 0;
}

/* The queue of what is due: a binary heap by (t_ns, order). */

static bool due_before(const struct due *a, const struct due *b)
{
        return a->t_ns != b->t_ns ? a->t_ns < b->t_ns : a->order < b->order;
}

static void due_insert(struct sim *sim, struct due item)
{
        uint32_t i;

        CHECK(sim->due_count < sim->due_cap);
        for (i = sim->due_count++; i > 0 && due_before(&item, &sim->due[(i - 1) / 2]); i = (i - 1) / 2)
                sim->due[i] = sim->due[(i - 1) / 2];
        sim->due[i] = item;
}

/* A wake-up that was replaced or cancelled stays in the queue until it is due, or until room is needed; so does the end
 * of a sleep that has ended before. */
static bool is_stale(const struct sim *sim, const struct due *due)
{
        const struct thread *th = &sim->m.threads[due->who];

        if (due->kind == DUE_RESUME)
                return th->sleep_order != due->order;
        return due->kind == DUE_WAKE && (!th->wake_set || th->wake_order != due->order);
}

static void drop_stale(struct sim *sim)
{
        uint32_t count = sim->due_count;

        sim->due_count = 0;
        for (uint32_t i = 0; i < count; i++) { /* the rebuilt heap never grows past what has been read */
                struct due item = sim->due[i];

                if (!is_stale(sim, &item))
                        due_insert(sim, item);
        }
}

void sched_due(struct sim *sim, uint64_t t_ns, enum due_kind kind, uint32_t who)
{
        uint64_t class = kind <= DUE_CALL ? 0 : kind <= DUE_DELIVER ? 1 : 2;
        struct due item = { t_ns, class << CLASS_SHIFT | ++sim->due_number, kind, who };

        if (sim->due_count == sim->due_cap)
                drop_stale(sim);
        if (kind == DUE_WAKE)
                thread_at(sim, who)->wake_order = item.order;
        if (kind == DUE_RESUME)
                thread_at(sim, who)->sleep_order = item.order;
        due_insert(sim, item);
        if (t_ns < sim->m.horizon_ns) /* steps at t_ns itself still come first */
                sim->m.horizon_ns = t_ns;
}

static struct due due_take(struct sim *sim)
{
        struct due first = sim->due[0];
        struct due last = sim->due[--sim->due_count];
        uint32_t i = 0;

        for (;;) {
                uint32_t child = 2 * i + 1;

                if (child >= sim->due_count)
                        break;
                if (child + 1 < sim->due_count && due_before(&sim->due[child + 1], &sim->due[child]))
                        child++;
                if (!due_before(&sim->due[child], &last))
                        break;
                sim->due[i] = sim->due[child];
                i = child;
        }
        sim->due[i] = last;
        return first;
}

/* Queues of threads waiting for a CPU, linked through next_wait. */

static void push(struct sim *sim, uint32_t *head, uint32_t *tail, uint32_t id)
{
        thread_at(sim, id)->next_wait = 0;
        if (*tail)
                thread_at(sim, *tail)->next_wait = id;
        else
                *head = id;
        *tail = id;
}

static uint32_t pop(struct sim *sim, uint32_t *head, uint32_t *tail)
{
        uint32_t id = *head;

        if (id) {
                *head = thread_at(sim, id)->next_wait;
                if (!*head)
                        *tail = 0;
        }
        return id;
}

/* CPUs take and leave threads. */

static void begin(struct sim *sim, struct thread *th)
{
        struct machine *m = &sim->m;
        uint64_t enter_ns = m->enter_ns[KMALLOC_CLASSES_MAX];

        if (th->op.kind == OP_KMALLOC) {
                if (th->op.size_bytes <= KMALLOC_MAX)
                        enter_ns = m->enter_ns[m->mem.class_of[(th->op.size_bytes + 31) / 32]];
        } else if (th->op.kind != OP_FREE) {
                if (th->op.kind == OP_ALLOC || (th->op.kind >= OP_CREATE && th->op.kind <= OP_DESTROY) ||
                    (th->op.kind >= OP_MEMPOOL_CREATE && th->op.kind <= OP_MEMPOOL_DESTROY) ||
                    (th->op.kind >= OP_PAGE_ACCESS && th->op.kind <= OP_GET))
                        sim_begins(sim, th);
                else if (th->op.kind == OP_WORK)
                        enter_ns = th->op.size_bytes ? th->op.size_bytes : 1;
        }
        if (th->role == ROLE_IRQ && !th->op.irq) /* numbered by its first op: a handler that does nothing leaves no trace */
                th->op.irq = (uint32_t)++sim->irq_number;
        th->op.id = ++m->tape->op_total;
        th->op.t_ns = m->now_ns;
        th->op.first_seq = (uint32_t)m->tape->event_total;
        th->state = TH_ON_CPU;
        m->running |= 1u << th->cpu;
        m->cpus[th->cpu].thread = th->id;
        m->cpus[th->cpu].next_ns = m->now_ns + enter_ns;
}

static void resume(struct sim *sim, struct thread *th);
static void start_exit(struct sim *sim, uint32_t cpu_index);
static inline void ask_dispatch(struct sim *sim, uint32_t cpu_index);

/*
 * A CPU that is to go offline stops as soon as it has nothing in hand, before it takes up anything that waits: at that
 * moment, after the steps and before all starts (class 0), like every wake-up.
 */
static inline void ask_stop(struct sim *sim, uint32_t cpu_index)
{
        if (sim->m.stop_caller && sim->m.stop_cpu == cpu_index && !sim->m.cpus[cpu_index].thread)
                sched_due(sim, sim->m.now_ns, DUE_STOP, cpu_index);
}

void sched_stop_cpu(struct machine *m, const struct thread *caller, uint32_t cpu_index)
{
        CHECK(!m->stop_caller);
        m->stop_caller = caller->id;
        m->stop_cpu = cpu_index;
        ask_stop(sim_of(m), cpu_index);
}

static void stopped(struct sim *sim, uint32_t cpu_index)
{
        struct machine *m = &sim->m;
        struct thread *caller = thread_at(sim, m->stop_caller);

        hotplug_stopped(sim, cpu_index);
        m->stop_caller = 0;
        caller->frames[caller->top].state = steps[caller->frames[caller->top].state].next[OUT_OK];
        resume(sim, caller);
}

void sched_requeue(struct sim *sim, struct thread *th, uint32_t from)
{
        struct cpu *old = &sim->m.cpus[from], *cpu = &sim->m.cpus[th->cpu];
        uint32_t count = 0, id;

        for (id = old->queued_head; id; id = thread_at(sim, id)->next_wait)
                count++;
        for (; count > 0; count--) { /* once round: the others keep their order */
                id = pop(sim, &old->queued_head, &old->queued_tail);
                if (id == th->id)
                        push(sim, &cpu->queued_head, &cpu->queued_tail, id);
                else
                        push(sim, &old->queued_head, &old->queued_tail, id);
        }
        ask_dispatch(sim, th->cpu);
}

void sched_empty_queues(struct sim *sim, uint32_t cpu_index)
{
        struct machine *m = &sim->m;
        struct cpu *from = &m->cpus[cpu_index];
        uint32_t id;

        while ((id = pop(sim, &from->resumed_head, &from->resumed_tail))) {
                struct cpu *to = &m->cpus[thread_at(sim, id)->cpu];

                push(sim, &to->resumed_head, &to->resumed_tail, id);
                ask_dispatch(sim, thread_at(sim, id)->cpu);
        }
        while ((id = pop(sim, &from->queued_head, &from->queued_tail))) {
                struct cpu *to = &m->cpus[thread_at(sim, id)->cpu];

                push(sim, &to->queued_head, &to->queued_tail, id);
                ask_dispatch(sim, thread_at(sim, id)->cpu);
        }
        while ((id = pop(sim, &from->irq_head, &from->irq_tail))) {
                struct cpu *to = &m->cpus[thread_at(sim, id)->cpu];

                push(sim, &to->irq_head, &to->irq_tail, id);
                sched_irqs_on(m, thread_at(sim, id)->cpu);
        }
        for (uint32_t cpu = 0; cpu < m->mem.cpus; cpu++) /* processes whose exit waited there */
                start_exit(sim, cpu);
}

static void dispatch(struct sim *sim, uint32_t cpu_index)
{
        struct cpu *cpu = &sim->m.cpus[cpu_index];
        uint32_t id;

        if (cpu->thread)
                return;
        id = pop(sim, &cpu->resumed_head, &cpu->resumed_tail);
        if (id && thread_at(sim, id)->op.t_ns != TIME_NEVER) {
                thread_at(sim, id)->state = TH_ON_CPU;
                sim->m.running |= 1u << cpu_index;
                cpu->thread = id;
                cpu->next_ns = sim->m.now_ns + sim->m.cost_ns[COST_SWITCH] + 1;
                return;
        }
        if (!id)
                id = pop(sim, &cpu->queued_head, &cpu->queued_tail);
        if (id)
                begin(sim, thread_at(sim, id));
}

static inline void ask_dispatch(struct sim *sim, uint32_t cpu_index)
{
        struct cpu *cpu = &sim->m.cpus[cpu_index];

        if (!(cpu->resumed_head | cpu->queued_head) || cpu->thread || cpu->dispatch_set)
                return;
        cpu->dispatch_set = 1;
        sched_due(sim, sim->m.now_ns, DUE_DISPATCH, cpu_index);
}

static void leave_cpu(struct sim *sim, struct thread *th)
{
        struct cpu *cpu = &sim->m.cpus[th->cpu];

        CHECK(cpu->thread == th->id);
        CHECK(!cpu->irq_off);
        sim->m.running &= ~(1u << th->cpu);
        cpu->thread = 0;
        cpu->next_ns = TIME_NEVER;
        ask_stop(sim, th->cpu);
        ask_dispatch(sim, th->cpu);
}

void sched_start_or_queue(struct sim *sim, struct thread *th)
{
        struct machine *m = &sim->m;
        struct cpu *cpu = &m->cpus[th->cpu];
        uint64_t now_ns = m->now_ns;
        bool first = !(cpu->thread | cpu->resumed_head | cpu->queued_head) && sim_due_ns(sim) > now_ns;

        for (uint32_t i = 0; m->running >> i; i++)
                first &= m->cpus[i].next_ns > now_ns;
        th->op.t_ns = TIME_NEVER;
        sim->busy++;
        if (first) { /* it would be the next thing to happen anyway */
                begin(sim, th);
                return;
        }
        th->state = TH_QUEUED;
        push(sim, &cpu->queued_head, &cpu->queued_tail, th->id);
        ask_dispatch(sim, th->cpu);
}

void sched_start_in_irq(struct sim *sim, struct thread *th)
{
        sim->busy++;
        begin(sim, th);
}

static void resume(struct sim *sim, struct thread *th)
{
        struct cpu *cpu = &sim->m.cpus[th->cpu];

        th->sleep_order = 0;
        th->state = TH_QUEUED;
        push(sim, &cpu->resumed_head, &cpu->resumed_tail, th->id);
        ask_dispatch(sim, th->cpu);
}

/* `th` may take its next step at t_ns, wherever it waits. */
static void set_ready(struct sim *sim, struct thread *th, uint64_t t_ns)
{
        struct cpu *cpu = &sim->m.cpus[th->cpu];

        if (cpu->thread == th->id) {
                cpu->next_ns = t_ns;
                lower_horizon(&sim->m, t_ns);
        } else { /* interrupted: it goes on when the handler is done */
                th->ready_ns = t_ns;
                th->stolen_ns = TIME_NEVER;
        }
}

void sched_handed_over(struct machine *m, struct thread *th, uint64_t delay_ns)
{
        struct sim *sim = sim_of(m);

        if (th->state == TH_SLEEPING)
                resume(sim, th);
        else
                set_ready(sim, th, m->now_ns + delay_ns);
}

/* Interrupts and calls from other CPUs. */

static bool can_interrupt(const struct sim *sim, uint32_t cpu_index)
{
        const struct cpu *cpu = &sim->m.cpus[cpu_index];
        uint8_t role = cpu->thread ? sim->m.threads[cpu->thread].role : ROLE_TASK;

        return !cpu->irq_off && role != ROLE_IRQ && role != ROLE_CALL;
}

static void interrupt(struct sim *sim, uint32_t cpu_index, struct thread *with)
{
        struct cpu *cpu = &sim->m.cpus[cpu_index];

        with->below = cpu->thread;
        if (cpu->thread) {
                struct thread *th = thread_at(sim, cpu->thread);

                th->ready_ns = cpu->next_ns;
                th->stolen_ns = sim->m.now_ns;
        }
        sim->m.running |= 1u << cpu_index;
        cpu->thread = with->id;
        cpu->next_ns = TIME_NEVER;
}

static void back_to_interrupted(struct sim *sim, struct thread *from)
{
        struct machine *m = &sim->m;
        struct cpu *cpu = &m->cpus[from->cpu];
        uint32_t below = from->below;

        CHECK(cpu->thread == from->id);
        from->below = 0;
        cpu->thread = below;
        cpu->next_ns = TIME_NEVER;
        if (below) {
                struct thread *th = thread_at(sim, below);

                if (th->ready_ns == TIME_NEVER)
                        cpu->next_ns = TIME_NEVER;
                else if (th->stolen_ns == TIME_NEVER) /* became ready meanwhile */
                        cpu->next_ns = th->ready_ns > m->now_ns ? th->ready_ns : m->now_ns;
                else
                        cpu->next_ns = th->ready_ns + (m->now_ns - th->stolen_ns);
                lower_horizon(m, cpu->next_ns);
        } else {
                m->running &= ~(1u << from->cpu);
                ask_stop(sim, from->cpu);
                ask_dispatch(sim, from->cpu);
        }
        if (cpu->irq_head || cpu->call_pending)
                sched_irqs_on(m, from->cpu);
}

void sched_irqs_on(struct machine *m, uint32_t cpu_index)
{
        struct cpu *cpu = &m->cpus[cpu_index];

        if (cpu->deliver_set)
                return;
        cpu->deliver_set = 1;
        sched_due(sim_of(m), m->now_ns, DUE_DELIVER, cpu_index);
}

/* Nobody is busy any more, so that sched_run says SIM_IDLE; the thread at fault stands on its CPU for ever. */
void sched_halt(struct machine *m)
{
        sim_of(m)->busy = 0;
        m->horizon_ns = 0;
}

void sched_call_others(struct machine *m, struct thread *caller)
{
        struct sim *sim = sim_of(m);

        for (uint32_t cpu = 0; cpu < m->mem.cpus; cpu++) {
                if (cpu == caller->cpu || !(m->mem.online & (1u << cpu)))
                        continue;
                m->call.left++;
                sched_due(sim, m->now_ns, DUE_CALL, cpu);
        }
}

static void take_call(struct sim *sim, uint32_t cpu_index)
{
        struct cpu *cpu = &sim->m.cpus[cpu_index];
        struct thread *th = thread_at(sim, cpu->call_thread);
        struct frame *f;

        cpu->call_pending &= ~CALL_PENDING;
        interrupt(sim, cpu_index, th);
        f = call_path(th, sim->m.call.state, sim->m.call.cache);
        f->node = (uint8_t)sim->m.mem.node_of_cpu[cpu_index];
        cpu->irq_off = 1;
        cpu->next_ns = sim->m.now_ns + 1;
}

static void answer_call(struct sim *sim, struct thread *th)
{
        struct machine *m = &sim->m;
        struct thread *caller = thread_at(sim, m->call.caller);

        m->cpus[th->cpu].irq_off = 0;
        back_to_interrupted(sim, th);
        if (--m->call.left)
                return;
        m->call.caller = 0;
        caller->frames[caller->top].state = steps[caller->frames[caller->top].state].next[OUT_OK];
        set_ready(sim, caller, m->now_ns + m->cost_ns[COST_IPI]);
}

/* RCU_SOFTIRQ on the way back from the tick: on top of what runs, with interrupts on. */
static void start_rcu(struct sim *sim, uint32_t cpu_index)
{
        struct thread *th = thread_at(sim, sim->m.cpus[cpu_index].rcu_thread);

        CHECK(th->state == TH_IDLE);
        call_path(th, RCU_CALLBACK, CACHE_ID_NONE);
        th->op.kind = OP_RCU;
        th->op.cache = CACHE_ID_NONE;
        th->op.path = PATH_NONE;
        interrupt(sim, cpu_index, th);
        sched_start_in_irq(sim, th);
}

void sched_rcu_at(struct machine *m, uint32_t cpu, uint64_t t_ns)
{
        sched_due(sim_of(m), t_ns, DUE_RCU, cpu);
}

/* True: the workload has the turn, as the handler `*ret_thread`. */
static bool deliver(struct sim *sim, uint32_t cpu_index, uint32_t *ret_thread)
{
        struct cpu *cpu = &sim->m.cpus[cpu_index];
        struct thread *th;

        if (!can_interrupt(sim, cpu_index))
                return false; /* whoever turns them on again asks again */
        if (cpu->call_pending & CALL_PENDING) {
                take_call(sim, cpu_index);
                return false;
        }
        if (cpu->call_pending & SOFTIRQ_PENDING) { /* before interrupts, which come on top of it: who is replayed raises them now */
                cpu->call_pending &= ~SOFTIRQ_PENDING;
                if (thread_at(sim, cpu->rcu_thread)->state == TH_IDLE) /* else it asks again at its end */
                        start_rcu(sim, cpu_index);
                if (cpu->irq_head)
                        sched_irqs_on(&sim->m, cpu_index);
                return false;
        }
        if (!cpu->irq_head)
                return false;
        th = thread_at(sim, pop(sim, &cpu->irq_head, &cpu->irq_tail));
        interrupt(sim, cpu_index, th);
        th->state = TH_HANDLER;
        th->irq_pending = 0;
        th->op.irq = 0;
        *ret_thread = th->id;
        return true;
}

void sched_leave_irq(struct sim *sim, struct thread *th)
{
        th->state = TH_IDLE;
        sim->busy--;
        back_to_interrupted(sim, th);
}

/* cache_reap's timer: round_jiffies_relative() spreads it over the CPUs (spec 02 section 9). */
void sched_arm_reap(struct sim *sim, uint32_t cpu, uint32_t delay_ticks)
{
        const struct machine *m = &sim->m;
        uint64_t hz = m->mem.hz;
        uint64_t now = machine_jiffies(m);
        uint64_t t = now + delay_ticks + 3ull * cpu;
        uint64_t r = (m->mem.arch->word_bytes == 4 ? (uint32_t)t : t) % hz;
        uint64_t ticks = m->now_ns / m->tick_ns;

        sim->reap_pending[cpu] = 1;
        sim->reap_at[cpu] = (uint8_t)cpu;
        t = r < hz / 4 ? t - r : t + hz - r;
        t -= 3ull * cpu;
        if (m->mem.arch->word_bytes == 4)
                t = (uint32_t)t; /* unsigned long: around the wrap of jiffies the delay is not rounded */
        sched_due(sim, (ticks + (t <= now ? delay_ticks : t - now)) * m->tick_ns, DUE_REAP, cpu);
}

bool sched_wake_kswapd(struct machine *m, const struct thread *waker, uint32_t node)
{
        struct sim *sim = sim_of(m);
        struct thread *th = thread_at(sim, m->kswapd_thread[node]);

        if (th->state != TH_IDLE)
                return false;
        th->cpu = waker->cpu;
        th->memalloc = 1;
        call_path(th, KSWAPD_BEGIN, CACHE_ID_NONE);
        th->op.kind = OP_KSWAPD;
        th->op.cache = CACHE_ID_NONE;
        th->op.path = PATH_NONE;
        th->op.result = 0;
        th->op.cpu = waker->cpu;
        th->op.target_cpu = (uint8_t)node;
        th->op.t_ns = TIME_NEVER;
        sim->busy++;
        resume(sim, th);
        return true;
}

/* Writes end, the oldest first. th: whose wait ended them, threads[0]: nobody's. */
static void end_writes(struct sim *sim, const struct thread *th, uint64_t most)
{
        struct lru *lru = &sim->m.mem.lru;
        uint64_t rotated = lru->events.pgrotated;
        uint32_t count = 0;

        for (; lru->write_count && count < most; count++)
                lru_write_end(&sim->m.mem, th->cpu);
        if (count)
                machine_event(&sim->m, th, EV_PAGES_WRITTEN, count, (uint32_t)(lru->events.pgrotated - rotated),
                              (uint32_t)lru->write_count);
}

void sched_write_started(struct machine *m)
{
        struct lru *lru = &m->mem.lru;

        if (!lru->setting[VM_WRITE_NS] || lru->write_due_ns != TIME_NEVER || !lru->write_count)
                return;
        lru->write_due_ns = m->now_ns + lru->setting[VM_WRITE_NS];
        sched_due(sim_of(m), lru->write_due_ns, DUE_WRITTEN, 0);
}

/* The device has written a page: the next one's turn. Unless it is congested everybody who waits goes on. */
static void page_written(struct sim *sim)
{
        struct machine *m = &sim->m;
        uint32_t id = m->write_wait_first;

        m->mem.lru.write_due_ns = TIME_NEVER;
        end_writes(sim, &m->threads[0], 1);
        sched_write_started(m);
        if (m->mem.lru.setting[VM_CONGESTED])
                return;
        m->write_wait_first = 0;
        m->write_wait_last = 0;
        while (id) {
                struct thread *th = thread_at(sim, id);

                id = th->next_wait;
                th->waits_writes = 0;
                sched_handed_over(m, th, 0);
        }
}

/* A wait for writes is over: if they have no time of their own they are done now. */
static void wait_over(struct sim *sim, struct thread *th)
{
        struct machine *m = &sim->m;
        uint32_t before = 0;

        th->waits_writes = 0;
        for (uint32_t id = m->write_wait_first; id != th->id; id = thread_at(sim, id)->next_wait)
                before = id;
        if (before)
                thread_at(sim, before)->next_wait = th->next_wait;
        else
                m->write_wait_first = th->next_wait;
        if (m->write_wait_last == th->id)
                m->write_wait_last = before;
        if (!m->mem.lru.setting[VM_WRITE_NS])
                end_writes(sim, th, UINT64_MAX);
}

static void start_reap(struct sim *sim, uint32_t cpu_index)
{
        struct thread *th = thread_at(sim, sim->m.cpus[cpu_index].reap_thread);

        CHECK(th->state == TH_IDLE);
        th->cpu = sim->reap_at[cpu_index];
        th->op.cpu = th->cpu;
        call_path(th, REAP_TRYLOCK, CACHE_ID_NONE);
        th->op.kind = OP_REAP;
        th->op.cache = CACHE_ID_NONE;
        th->op.path = PATH_NONE;
        th->op.t_ns = TIME_NEVER;
        sim->busy++;
        resume(sim, th);
}

/* Processes that were killed, and what waits for their end. */

/* The exit thread of a CPU takes the next process that waits for it. */
static void start_exit(struct sim *sim, uint32_t cpu_index)
{
        struct process_table *table = &sim->m.mem.processes;
        struct thread *th = thread_at(sim, sim->m.cpus[cpu_index].exit_thread);

        if (th->state != TH_IDLE)
                return;
        for (uint32_t id = 1; id <= table->count && table->waiting; id++) {
                if (!table->process[id].exit_waits || table->process[id].exit_cpu != cpu_index)
                        continue;
                table->process[id].exit_waits = 0;
                table->waiting--;
                th->cpu = (uint8_t)cpu_index; /* it may have finished its last one elsewhere */
                th->op.cpu = (uint8_t)cpu_index;
                call_path(th, PX_BEGIN, CACHE_ID_NONE)->px.process = id;
                th->op.kind = OP_PROCESS_EXIT;
                th->op.cache = CACHE_ID_NONE;
                th->op.path = PATH_NONE;
                th->op.owner = (uint16_t)id;
                th->op.t_ns = TIME_NEVER;
                sim->busy++;
                resume(sim, th);
                return;
        }
}

void sched_exit(struct sim *sim, uint32_t process, uint32_t cpu)
{
        sim->m.mem.processes.process[process].exit_cpu = cpu;
        sim->m.mem.processes.process[process].exit_waits = 1;
        sim->m.mem.processes.waiting++;
        start_exit(sim, cpu);
}

static void wake_now(struct sim *sim, struct thread *th)
{
        if (!th->wake_set)
                sim->busy++;
        th->wake_set = 1;
        sched_due(sim, sim->m.now_ns, DUE_WAKE, th->id);
}

/* A request that waits for its CPU has not entered the kernel: with its task it comes to nothing. */
static void drop_request(struct sim *sim, struct thread *th)
{
        struct cpu *cpu = &sim->m.cpus[th->cpu];
        uint32_t *link = &cpu->queued_head;
        uint32_t before = 0;

        while (*link != th->id) {
                before = *link;
                link = &thread_at(sim, before)->next_wait;
        }
        *link = th->next_wait;
        if (cpu->queued_tail == th->id)
                cpu->queued_tail = before;
        th->next_wait = 0;
        th->top = -1;
        th->state = TH_IDLE;
        sim->busy--;
        sim_request_dropped(sim, th);
}

void sched_killed(struct machine *m, uint32_t process, uint32_t cpu)
{
        struct sim *sim = sim_of(m);

        for (uint32_t id = sim->task_first + 1; id <= m->thread_count; id++) {
                struct thread *th = thread_at(sim, id);

                if (th->process != process || th->killed)
                        continue;
                th->killed = KILLED_SOON;
                if (th->state == TH_QUEUED && th->op.t_ns == TIME_NEVER)
                        drop_request(sim, th);
                if (th->state == TH_IDLE) /* in user mode, or asleep there */
                        wake_now(sim, th);
        }
        if (!m->mem.processes.process[process].threads)
                sched_exit(sim, process, cpu);
}

void sched_exited(struct machine *m, uint32_t process)
{
        struct sim *sim = sim_of(m);

        for (uint32_t id = sim->task_first + 1; id <= m->thread_count; id++) {
                struct thread *th = thread_at(sim, id);

                if (th->waits_for_exit != process)
                        continue;
                th->waits_for_exit = 0;
                if (th->state == TH_IDLE && !th->killed)
                        wake_now(sim, th);
        }
}

/* One thing that is due. True: the workload has the turn. */
static bool run_due(struct sim *sim, uint32_t *ret_thread)
{
        struct due due = due_take(sim);
        struct machine *m = &sim->m;
        struct thread *th;

        if (!is_stale(sim, &due))
                m->now_ns = due.t_ns;
        switch ((enum due_kind)due.kind) {
        case DUE_RESUME:
                if (!is_stale(sim, &due)) {
                        if (thread_at(sim, due.who)->waits_writes)
                                wait_over(sim, thread_at(sim, due.who));
                        resume(sim, thread_at(sim, due.who));
                }
                return false;
        case DUE_WRITTEN:
                page_written(sim);
                return false;
        case DUE_REAP:
                start_reap(sim, due.who);
                return false;
        case DUE_STOP:
                if (m->stop_caller && m->stop_cpu == due.who && !m->cpus[due.who].thread)
                        stopped(sim, due.who);
                return false;
        case DUE_RCU:
                if (!m->mem.rcu_waiting[due.who].head) /* they have moved with their CPU's end */
                        return false;
                m->cpus[due.who].call_pending |= SOFTIRQ_PENDING;
                return deliver(sim, due.who, ret_thread);
        case DUE_CALL:
                m->cpus[due.who].call_pending |= CALL_PENDING;
                return deliver(sim, due.who, ret_thread);
        case DUE_IRQ:
                th = thread_at(sim, due.who);
                push(sim, &m->cpus[th->cpu].irq_head, &m->cpus[th->cpu].irq_tail, th->id);
                return deliver(sim, th->cpu, ret_thread);
        case DUE_DELIVER:
                m->cpus[due.who].deliver_set = 0;
                return deliver(sim, due.who, ret_thread);
        case DUE_WAKE:
                if (is_stale(sim, &due))
                        return false;
                thread_at(sim, due.who)->wake_set = 0;
                sim->busy--;
                *ret_thread = due.who;
                return true;
        case DUE_DISPATCH:
                m->cpus[due.who].dispatch_set = 0;
                dispatch(sim, due.who);
                return false;
        }
        CHECK(!"known kind of due");
        return false;
}

/* When the tick comes from which a waiting slab may go; it may be over. */
static uint64_t rcu_due_ns(const struct machine *m, uint32_t slab)
{
        uint64_t tick = m->now_ns / m->tick_ns;
        int32_t ahead = (int32_t)(m->mem.slabs[slab].prev - (uint32_t)tick);

        return ahead <= 0 ? m->now_ns : (tick + (uint32_t)ahead) * m->tick_ns;
}

/* cache_reap() starts the timer of the CPU it runs on, if that does not run: this one's, or on a CPU that has inherited it, its
 * own, which mostly runs already. */
static void end_reap(struct sim *sim, struct thread *th)
{
        for (uint32_t cpu = 0; cpu < sim->m.mem.cpus; cpu++) {
                if (sim->m.cpus[cpu].reap_thread == th->id)
                        sim->reap_pending[cpu] = 0;
        }
        if (!sim->reap_pending[th->cpu])
                sched_arm_reap(sim, th->cpu, 2 * sim->m.mem.hz);
}

/* The frames of `th` have come to their end. True: the workload has the turn. */
static bool finish(struct sim *sim, struct thread *th)
{
        struct machine *m = &sim->m;

        if (th->role == ROLE_CALL) {
                answer_call(sim, th);
                return false;
        }
        if (m->mem.rcu_head && !th->rcu_busy) { /* a grace period has passed: what waits goes now, on this CPU */
                th->rcu_busy = 1;
                th->kept_ret = th->ret;
                call_path(th, RCU_NEXT, CACHE_ID_NONE);
                return false;
        }
        if (th->rcu_busy) {
                th->rcu_busy = 0;
                th->ret = th->kept_ret;
        }
        sim_complete(sim, th);
        sim->busy--;
        if (th->role == ROLE_IRQ) {
                th->state = TH_HANDLER;
                m->cpus[th->cpu].next_ns = TIME_NEVER;
                return true;
        }
        th->state = TH_IDLE;
        if (th->role == ROLE_SOFTIRQ) {
                uint32_t next = m->mem.rcu_waiting[th->cpu].head;

                if (next)
                        sched_rcu_at(m, th->cpu, rcu_due_ns(m, next));
                back_to_interrupted(sim, th);
                return false;
        }
        leave_cpu(sim, th);
        if (th->role == ROLE_KTHREAD) {
                if (th->op.kind == OP_REAP)
                        end_reap(sim, th);
                else if (th->op.kind == OP_PROCESS_EXIT)
                        start_exit(sim, th->cpu);
                return false;
        }
        return true;
}

void sched_run_alone(struct machine *m, struct thread *th)
{
        uint64_t clock_ns = 0;

        m->horizon_ns = TIME_NEVER;
        while (run_steps(m, th, &clock_ns) != RUN_ENDED)
                CHECK(!"boot never waits");
        m->now_ns = 0;
}

/* The CPU keeps its turn up to the horizon. True: the workload has the turn. */
static bool run_cpu(struct sim *sim, uint32_t cpu_index, uint32_t *ret_thread)
{
        struct machine *m = &sim->m;
        struct cpu *cpu = &m->cpus[cpu_index];
        struct thread *th = thread_at(sim, cpu->thread);
        uint64_t clock_ns = cpu->next_ns;

        for (;;) {
                switch (run_steps(m, th, &clock_ns)) {
                case RUN_HORIZON:
                        cpu->next_ns = clock_ns;
                        return false;
                case RUN_ENDED:
                        if (clock_ns > m->now_ns) { /* the last step takes time as well: the end is in its turn */
                                th->top = 0;
                                th->frames[0].state = OP_END;
                                continue;
                        }
                        if (finish(sim, th)) {
                                *ret_thread = th->id;
                                return true;
                        }
                        if (th->top < 0)
                                return false;
                        continue;
                case RUN_SLEEPS:
                        th->state = TH_SLEEPING;
                        if (m->sleep_until_ns != TIME_NEVER) {
                                struct frame *f = &th->frames[th->top];

                                f->state = steps[f->state].next[OUT_OK];
                                sched_due(sim, m->sleep_until_ns, DUE_RESUME, th->id);
                        }
                        leave_cpu(sim, th);
                        if (m->moves_to_plus_1) {
                                hotplug_move(sim, th, m->moves_to_plus_1 - 1);
                                m->moves_to_plus_1 = 0;
                        }
                        return false;
                case RUN_WAITS:
                        cpu->next_ns = TIME_NEVER;
                        return false;
                }
        }
}

enum sim_what sched_run(struct sim *sim, uint64_t until_ns, uint32_t *ret_thread)
{
        struct machine *m = &sim->m;

        for (;;) {
                uint64_t first_ns = TIME_NEVER;
                uint64_t second_ns = until_ns; /* horizon: where somebody else comes first */
                uint64_t due_ns = sim_due_ns(sim);
                uint32_t first = 0;

                if (!sim->busy)
                        return SIM_IDLE;
                for (uint32_t i = 0; i < m->mem.cpus; i++) {
                        uint64_t t_ns = m->cpus[i].next_ns;

                        if (t_ns < first_ns) {
                                if (first_ns != TIME_NEVER && first_ns - 1 < second_ns)
                                        second_ns = first_ns - 1;
                                first_ns = t_ns;
                                first = i;
                        } else if (t_ns != TIME_NEVER && t_ns < second_ns) {
                                second_ns = t_ns;
                        }
                }
                if (first_ns > until_ns && due_ns > until_ns) {
                        m->now_ns = until_ns;
                        return SIM_IDLE;
                }
                if (first_ns <= due_ns) {
                        m->horizon_ns = second_ns < due_ns ? second_ns : due_ns;
                        if (m->horizon_ns < first_ns)
                                m->horizon_ns = first_ns; /* it is first, by its number */
                        if (run_cpu(sim, first, ret_thread))
                                return SIM_DONE;
                } else if (run_due(sim, ret_thread)) {
                        return SIM_WAKE;
                }
        }
}
