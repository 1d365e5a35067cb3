/*
 * run.c - the loop that takes a thread through the state tables, and the states of the hit path, which live beside it.
 *
 * steps.def is compiled into one function: each state is a piece of code that does its action, adds its cost and jumps
 * to the state its outcome names. So a magazine hit is straight code through seven states, and the table stays the
 * only place that says where a state leads.
 *
 * The hit path stands for the fast halves of __kmalloc(), ____cache_alloc() and __cache_free() in mm/slab.c of 2.6.20
 * (spec 02 sections 2 and 5).
 */
#include "base/core_only.h"
#include "path/hit.h"

enum outcome act_alloc_size_class(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        if (f->alloc.size_bytes > KMALLOC_MAX)
                return OUT_NO;
        f->cache = m->mem.class_of[(f->alloc.size_bytes + 31) / 32]; /* a class index until the next step */
        return OUT_OK;
}

enum outcome act_alloc_select_cache(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        f->cache = m->mem.class_cache[f->cache][f->gfp & __GFP_DMA ? 1 : 0];
        return OUT_OK;
}

enum outcome act_alloc_irq_off(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return m->single_steps & SINGLE_FAILSLAB ? OUT_ALT : OUT_OK;
}

enum outcome act_alloc_mag_check(struct machine *m, struct thread *th, struct frame *f)
{
        return magazine_of(m, th, f->cache)->avail > 0 ? OUT_OK : OUT_NO;
}

enum outcome act_alloc_mag_hit(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = magazine_of(m, th, f->cache);

        ac->touched = 1;
        th->ret = ac->entry[--ac->avail];
        m->mem.caches[f->cache].allochit++;
        if (is_own(th, f))
                note_path(th, PATH_MAGAZINE);
        return OUT_OK;
}

/* An object for the allocator itself is on record here, with the size of its cache as what was asked for, so that the
 * events tell all; one for the workload when its op is done. */
enum outcome act_alloc_return(struct machine *m, struct thread *th, struct frame *f)
{
        irq_restore(m, th, f);
        if (is_debug(m)) /* from here on it is the caller's pointer */
                th->ret += m->mem.caches[f->cache].obj_offset;
        if (!is_own(th, f)) {
                struct kmem_cache *cache = &m->mem.caches[f->cache];

                cache->live_objs++;
                cache->requested_bytes += cache->spec.size_bytes;
                machine_event(m, th, EV_META_ALLOCATED, f->cache, place_pfn(th->ret), place_offset(th->ret));
        } else {
                th->op.cache = f->cache;
        }
        return is_debug(m) ? OUT_OK : OUT_DONE;
}

enum outcome act_free_lookup(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        if (is_debug(m))
                return OUT_ALT;
        return m->mem.numa ? OUT_NO : OUT_OK;
}

enum outcome act_free_mag_check(struct machine *m, struct thread *th, struct frame *f)
{
        const struct array_cache *ac = magazine_of(m, th, f->cache);
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        if (ac->avail < ac->limit) {
                cache->freehit++;
                if (is_own(th, f))
                        note_path(th, PATH_MAGAZINE);
                return OUT_OK;
        }
        cache->freemiss++;
        f->node = (uint8_t)m->mem.node_of_cpu[th->cpu];
        return OUT_NO;
}

enum outcome act_free_mag_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = magazine_of(m, th, f->cache);

        CHECK(ac->avail < ac->limit);
        ac->entry[ac->avail++] = f->free.place;
        return OUT_OK;
}

enum outcome act_free_return(struct machine *m, struct thread *th, struct frame *f)
{
        irq_restore(m, th, f);
        if (!is_own(th, f)) {
                struct kmem_cache *cache = &m->mem.caches[f->cache];
                uint64_t place = f->free.place + cache->obj_offset;

                cache->live_objs--;
                cache->requested_bytes -= cache->spec.size_bytes;
                machine_event(m, th, EV_META_FREED, f->cache, place_pfn(place), place_offset(place));
        }
        return OUT_DONE;
}

/* Full audit: whatever structure the frame in hand names is recounted after the step. */
static inline void audit_step(struct machine *m, const struct frame *f, uint32_t state, enum outcome outcome)
{
        if (m->audit_steps)
                CHECK(memory_audit(&m->mem, true) == NULL);
#ifdef KMEMSIM_AUDIT_FULL
        m->edges[state][outcome]++;
        if (f->cache < m->mem.cache_count && m->mem.caches[f->cache].live == CACHE_LIVE && state != ALLOC_SIZE_CLASS &&
            state != ALLOCN_SIZE_CLASS)
                CHECK(memory_audit_cache(&m->mem, f->cache, true) == NULL);
        if (steps[state].held == HELD_ZONE) {
                for (uint32_t zone = 0; zone < m->mem.zone_count; zone++)
                        CHECK(zone_audit(&m->mem.zones[zone], m->mem.pages) == NULL);
        }
#else
        (void)f;
        (void)state;
        (void)outcome;
#endif
}

#pragma GCC diagnostic ignored "-Wunused-label" /* the first state of a path is only ever switched to */

enum run_end run_steps(struct machine *m, struct thread *th, uint64_t *ret_clock_ns)
{
        uint64_t clock_ns = *ret_clock_ns;
        enum outcome outcome;
        struct frame *f;

        if (th->top == 0) {
                enum hit_end end = hit(m, th, ret_clock_ns);

                if (end != HIT_NONE)
                        return end == HIT_RETURNED ? RUN_ENDED : RUN_HORIZON;
        }

        m->spent_cycles = 0;
next_frame:
        f = &th->frames[th->top];
        switch ((enum state)f->state) {
#define STEP(id, action, cost, held, order, ok, no, alt, call, callee, what)                                           \
        case id:                                                                                                       \
        AT_##id:                                                                                                       \
                f->state = id;                                                                                         \
                if (ORDER_##order == ORDER_SHARED && clock_ns > m->horizon_ns) {                                       \
                        *ret_clock_ns = clock_ns;                                                                      \
                        return RUN_HORIZON;                                                                            \
                }                                                                                                      \
                m->now_ns = clock_ns;                                                                                  \
                m->steps++;                                                                                            \
                outcome = act_##action(m, th, f);                                                                      \
                if (COST_##cost != COST_NONE)                                                                          \
                        clock_ns += m->cost_ns[COST_##cost];                                                           \
                if (m->spent_cycles) {                                                                                 \
                        clock_ns += cycles_to_ns(m, m->spent_cycles);                                                  \
                        m->spent_cycles = 0;                                                                           \
                }                                                                                                      \
                audit_step(m, f, id, outcome);                                                                         \
                if (ok != DONE && outcome == OUT_OK)                                                                   \
                        goto AT_##ok;                                                                                  \
                if (no != DONE && outcome == OUT_NO)                                                                   \
                        goto AT_##no;                                                                                  \
                if (alt != DONE && outcome == OUT_ALT)                                                                 \
                        goto AT_##alt;                                                                                 \
                if (call != DONE && outcome == OUT_CALL) {                                                             \
                        f->state = call;                                                                               \
                        goto next_frame;                                                                               \
                }                                                                                                      \
                goto stop;
#include "path/steps.def"
#undef STEP
        case DONE:
                break;
        }
AT_DONE:
        CHECK(!"an outcome that the table of this state does not have");
stop:
        *ret_clock_ns = clock_ns;
        switch (outcome) {
        case OUT_DONE:
                if (--th->top >= 0)
                        goto next_frame;
                return RUN_ENDED;
        case OUT_WAIT:
        case OUT_PARK:
                return RUN_WAITS;
        case OUT_SLEEP:
                return RUN_SLEEPS;
        default:
                goto AT_DONE;
        }
}
