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
 * horizon_ns. Returns the object and sets *clock_ns to the end; PLACE_NONE: nothing has happened.
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
        m->steps += m->mem.numa ? 5 : 4;
        *clock_ns = end_ns;
        return true;
}

/*
 * Takes the request in frame 0 of `th`, which has just begun at *clock_ns, to its end if it is a hit that is over by
 * horizon_ns. True: done; th->ret, op.cache and op.path are set, machine.now_ns and *clock_ns are its end. False:
 * nothing has happened.
 */
static inline bool hit(struct machine *m, struct thread *th, uint64_t *clock_ns, uint64_t horizon_ns)
{
        const struct frame *f = &th->frames[0];
        uint32_t id = f->cache;

        if (m->single_steps)
                return false;
        switch ((enum state)f->state) {
        case ALLOC_SIZE_CLASS:
                if (f->alloc.size_bytes > KMALLOC_MAX)
                        return false;
                id = hit_class_cache(m, f->alloc.size_bytes, f->gfp);
                /* fall through */
        case ALLOC_IRQ_OFF: {
                uint64_t place = hit_alloc(m, th->cpu, &m->mem.caches[id], clock_ns, horizon_ns);

                if (place == PLACE_NONE)
                        return false;
                m->steps += f->state == ALLOC_SIZE_CLASS ? 6 : 4;
                th->ret = place;
                th->op.cache = id;
                break;
        }
        case FREE_LOOKUP:
                if (!hit_free(m, th->cpu, &m->mem.caches[id], f->free.place, clock_ns, horizon_ns))
                        return false;
                break;
        default:
                return false;
        }
        th->op.path = PATH_MAGAZINE;
        th->top = -1;
        m->now_ns = *clock_ns;
        return true;
}

#endif
