#include "base/core_only.h"
#include "path/step.h"

const struct step steps[STATE_COUNT] = {
#define STEP(id, action, cost, held, order, ok, no, alt, call, callee, what)                                           \
        [id] = { COST_##cost, ORDER_##order, HELD_##held, { ok, no, alt, call }, callee },
#include "path/steps.def"
#undef STEP
};

const struct step_text step_texts[STATE_COUNT] = {
#define STEP(id, action, cost, held, order, ok, no, alt, call, callee, what) [id] = { #id, what },
#include "path/steps.def"
#undef STEP
};

void machine_event(struct machine *m, const struct thread *th, enum event_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
        struct tape *tape = m->tape;
        struct event_record *event;

        if (m->booting)
                return;
        tape->event_total++;
        if (tape->event_count == tape->event_cap) {
                if (!tape->full)
                        tape->event_count = 0;
                else
                        tape->full(tape, tape->context);
        }
        event = &tape->events[tape->event_count++];
        event->seq = tape->event_total;
        event->t_ns = m->now_ns;
        event->op = m->call.caller && th->role == ROLE_CALL ? m->threads[m->call.caller].op.id : th->op.id;
        event->a = a;
        event->b = b;
        event->c = c;
        event->cpu = th->cpu;
        event->kind = (uint8_t)kind;
        event->spare = 0;
}

void machine_report(struct machine *m, const struct thread *th, enum report_kind kind, uint64_t a, uint64_t b,
                    uint64_t c)
{
        struct report report = { .t_ns = m->now_ns, .op = th->op.id, .a = a, .b = b, .c = c, .task = th->op.task,
                                 .irq = th->op.irq, .cpu = th->cpu, .kind = (uint8_t)kind };

        if (!m->booting && m->tape->report)
                m->tape->report(&report, m->tape->report_context);
}

enum outcome machine_halt(struct machine *m)
{
        sched_halt(m);
        return OUT_WAIT;
}

static void lock_own(const struct thread *th, struct spinlock *lock)
{
        lock->holder = th->id;
        lock->last_cpu_1 = th->cpu + 1u;
}

enum outcome lock_take(struct machine *m, struct thread *th, struct spinlock *lock, uint32_t kind, uint32_t subject)
{
        if (!lock->holder) {
                spend(m, COST_LOCK, 1);
                if (lock->last_cpu_1 && lock->last_cpu_1 != th->cpu + 1u)
                        spend(m, COST_LOCK_TRANSFER, 1);
                lock_own(th, lock);
                return OUT_OK;
        }
        CHECK(lock->holder != th->id);
        th->next_wait = 0;
        th->wait_kind = kind;
        th->wait_subject = subject;
        th->wait_since_ns = m->now_ns;
        if (lock->last_wait)
                m->threads[lock->last_wait].next_wait = th->id;
        else
                lock->first_wait = th->id;
        lock->last_wait = th->id;
        if (kind != 2)
                return OUT_WAIT;
        m->sleep_until_ns = TIME_NEVER; /* a mutex: the CPU is left to others */
        return OUT_SLEEP;
}

void lock_drop(struct machine *m, struct thread *th, struct spinlock *lock)
{
        struct thread *next;
        uint64_t waited_ns;
        uint64_t cycles;

        CHECK(lock->holder == th->id);
        lock->holder = 0;
        if (!lock->first_wait)
                return;
        next = &m->threads[lock->first_wait];
        lock->first_wait = next->next_wait;
        if (!lock->first_wait)
                lock->last_wait = 0;
        cycles = m->cost_cycles[COST_LOCK] + (next->cpu != th->cpu ? m->cost_cycles[COST_LOCK_TRANSFER] : 0);
        lock_own(next, lock);
        waited_ns = m->now_ns - next->wait_since_ns;
        machine_event(m, next, EV_LOCK_WAITED, next->wait_kind, next->wait_subject,
                      waited_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)waited_ns);
        next->frames[next->top].state = steps[next->frames[next->top].state].next[OUT_OK];
        sched_handed_over(m, next, cycles_to_ns(m, cycles));
}

struct frame *call_kmalloc(struct thread *th, uint64_t size_bytes, uint32_t gfp)
{
        struct frame *f = call_path(th, ALLOC_SIZE_CLASS, CACHE_ID_NONE);

        f->gfp = gfp;
        f->alloc.size_bytes = size_bytes;
        return f;
}

struct frame *call_cache_alloc(struct thread *th, uint32_t cache, uint64_t size_bytes, uint32_t gfp)
{
        struct frame *f = call_path(th, ALLOC_IRQ_OFF, cache);

        f->gfp = gfp;
        f->alloc.size_bytes = size_bytes;
        return f;
}

struct frame *call_kmalloc_node(struct machine *m, struct thread *th, uint64_t size_bytes, uint32_t gfp, uint32_t node)
{
        struct frame *f;

        if (!m->mem.numa)
                return call_kmalloc(th, size_bytes, gfp);
        f = call_path(th, ALLOCN_SIZE_CLASS, CACHE_ID_NONE);
        f->gfp = gfp;
        f->node = (uint8_t)node;
        f->alloc.size_bytes = size_bytes;
        return f;
}

struct frame *call_cache_alloc_node(struct machine *m, struct thread *th, uint32_t cache, uint64_t size_bytes,
                                    uint32_t gfp, uint32_t node)
{
        struct frame *f;

        if (!m->mem.numa)
                return call_cache_alloc(th, cache, size_bytes, gfp);
        f = call_path(th, ALLOCN_IRQ_OFF, cache);
        f->gfp = gfp;
        f->node = (uint8_t)node;
        f->alloc.size_bytes = size_bytes;
        return f;
}

struct frame *call_free(struct machine *m, struct thread *th, uint64_t place, uint64_t size_bytes)
{
        uint32_t slab = memory_slab_of(&m->mem, place);
        struct frame *f = call_path(th, FREE_LOOKUP, m->mem.slabs[slab].cache);

        f->free.place = place;
        f->free.size_bytes = size_bytes;
        return f;
}

struct frame *call_return_objects(struct machine *m, struct thread *th, uint32_t cache, uint32_t node, uint32_t array,
                                  uint32_t end)
{
        struct frame *f = call_path(th, RETOBJ_NEXT, cache);

        (void)m;
        f->node = (uint8_t)node;
        f->ret.array = array;
        f->ret.end = end;
        return f;
}

/* Lock steps that several paths share. */

enum outcome act_lock_list(struct machine *m, struct thread *th, struct frame *f)
{
        return lock_take(m, th, &lists_of(m, f)->lock, 0, f->cache);
}

enum outcome act_lock_zone(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t zone = f->state == PCP_REFILL_LOCK ? f->scan.zone : memory_zone_of(&m->mem, f->pages.pfn)->index;

        return lock_take(m, th, &m->mem.zones[zone].lock, 1, zone);
}

enum outcome act_lock_chain(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        return lock_take(m, th, &m->mem.chain_mutex, 2, 0);
}

enum outcome act_path_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        (void)f;
        return OUT_DONE;
}

enum outcome act_op_refused(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        th->ret = PLACE_NONE;
        th->op.path = PATH_FAILED;
        if (th->op.kind < OP_MEMPOOL_CREATE || th->op.kind > OP_MEMPOOL_DESTROY)
                th->op.result = 1;
        return OUT_DONE;
}

enum outcome act_tick_add(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        m->manual_ticks += th->op.size_bytes;
        return OUT_DONE;
}
