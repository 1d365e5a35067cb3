/*
 * hit.h - the states of a magazine hit taken together.
 *
 * Stands for the fast halves of __kmalloc(), ____cache_alloc() and __cache_free() in mm/slab.c of 2.6.20 (spec 02
 * sections 2 and 5). While nobody else comes first before its end, nobody can tell a hit from its single steps; so it
 * is done in one go. Costs, counters and places are those of the steps in steps.def, which remain the only rule: a
 * build with the full audit, and a machine that watches each step, take them one by one.
 */
#ifndef KMEMSIM_PATH_HIT_H
#define KMEMSIM_PATH_HIT_H

#include "path/step.h"

/* kmalloc's cache of a size that is at most KMALLOC_MAX. */
static inline uint32_t hit_class_cache(const struct machine *m, uint64_t size_bytes, uint32_t gfp)
{
        return m->mem.class_cache[m->mem.class_of[(size_bytes + 31) / 32]][gfp & __GFP_DMA ? 1 : 0];
}

/*
 * An allocation from `cache` whose request enters at *clock_ns pops the magazine of `cpu` if that is over by
 * horizon_ns. Returns the object and sets *clock_ns to the end; PLACE_NONE: nothing has happened. The return, a step of
 * its own that takes no time, is the caller's.
 */
static inline uint64_t hit_alloc(struct machine *m, uint32_t cpu, struct kmem_cache *cache, uint64_t *clock_ns,
                                 uint64_t horizon_ns)
{
        struct array_cache *ac = memory_array(&m->mem, cache->array[cpu]);
        uint64_t end_ns = *clock_ns + m->cost_ns[COST_IRQ] + m->cost_ns[COST_MAG_POP];

        if (ac->avail == 0 || end_ns > horizon_ns)
                return PLACE_NONE;
        ac->touched = 1;
        cache->allochit++;
        m->steps += 3;
        *clock_ns = end_ns;
        return ac->entry[--ac->avail];
}

/* The same for a free, which pushes `place` on the magazine. False: nothing has happened. */
static inline bool hit_free(struct machine *m, uint32_t cpu, struct kmem_cache *cache, uint64_t place,
                            uint64_t *clock_ns, uint64_t horizon_ns)
{
        struct array_cache *ac = memory_array(&m->mem, cache->array[cpu]);
        uint64_t end_ns = *clock_ns + m->cost_ns[COST_IRQ] + m->cost_ns[COST_FREE_LOOKUP] + m->cost_ns[COST_MAG_PUT];

        if (m->mem.numa) {
                if (m->mem.slabs[m->mem.pages[place_pfn(place)].slab].node != m->mem.node_of_cpu[cpu])
                        return false;
                end_ns += m->cost_ns[COST_STEP]; /* FREE_HOME_CHECK */
        }
        if (ac->avail >= ac->limit || end_ns > horizon_ns)
                return false;
        ac->entry[ac->avail++] = place;
        cache->freehit++;
        m->steps += m->mem.numa ? 4 : 3;
        *clock_ns = end_ns;
        return true;
}

enum hit_end {
        HIT_NONE,     /* nothing has happened */
        HIT_RETURNS,  /* all is done but the return, which waits for its turn */
        HIT_RETURNED, /* done: the frames of the thread are at their end */
};

/*
 * Takes the request in frame 0 of `th`, whose turn is at *clock_ns, as far as it goes if it is a hit. What comes before
 * its return is this CPU's own, interrupts off, and nobody else can tell; the return itself may be the turn after
 * somebody else's (machine.horizon_ns). *clock_ns becomes the time of the return, machine.now_ns that of the last step.
 */
static inline enum hit_end hit(struct machine *m, struct thread *th, uint64_t *clock_ns)
{
        struct frame *f = &th->frames[0];
        uint64_t last_ns;
        uint32_t id = f->cache;
        uint16_t state = f->state;

        if (m->single_steps || *clock_ns > m->horizon_ns)
                return HIT_NONE;
        switch ((enum state)state) {
        case ALLOC_SIZE_CLASS:
                if (f->alloc.size_bytes > KMALLOC_MAX)
                        return HIT_NONE;
                id = hit_class_cache(m, f->alloc.size_bytes, f->gfp);
                /* fall through */
        case ALLOC_IRQ_OFF: {
                uint64_t place = hit_alloc(m, th->cpu, &m->mem.caches[id], clock_ns, TIME_NEVER);

                if (place == PLACE_NONE)
                        return HIT_NONE;
                if (state == ALLOC_SIZE_CLASS)
                        m->steps += 2;
                th->ret = place;
                last_ns = *clock_ns - m->cost_ns[COST_MAG_POP];
                state = ALLOC_RETURN;
                break;
        }
        case FREE_LOOKUP:
                if (!hit_free(m, th->cpu, &m->mem.caches[id], f->free.place, clock_ns, TIME_NEVER))
                        return HIT_NONE;
                last_ns = *clock_ns - m->cost_ns[COST_MAG_PUT];
                state = FREE_RETURN;
                break;
        default:
                return HIT_NONE;
        }
        note_path(th, PATH_MAGAZINE);
        if (*clock_ns > m->horizon_ns) {
                f->state = state;
                f->cache = id;
                irq_save(m, th, f);
                m->now_ns = last_ns;
                return HIT_RETURNS;
        }
        th->op.cache = id;
        th->top = -1;
        m->steps++;
        m->now_ns = *clock_ns;
        return HIT_RETURNED;
}

#endif
