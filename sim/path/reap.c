/*
 * reap.c - one pass of cache_reap on one CPU (spec 02 section 9). The engine's timer starts it every two seconds.
 */
#include "base/core_only.h"
#include "path/step.h"

enum outcome act_reap_trylock(struct machine *m, struct thread *th, struct frame *f)
{
        th->ret = PLACE_NONE;
        th->op.result = 0;
        if (m->mem.chain_mutex.holder)
                return OUT_NO;
        lock_take(m, th, &m->mem.chain_mutex, 2, 0);
        f->reap.next = m->mem.chain;
        f->node = (uint8_t)m->mem.node_of_cpu[th->cpu];
        return OUT_OK;
}

enum outcome act_reap_skipped(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        machine_event(m, th, EV_REAP_SKIPPED, 0, 0, 0);
        return OUT_DONE;
}

enum outcome act_reap_cache(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        if (f->reap.next == CACHE_ID_NONE)
                return OUT_NO;
        f->cache = f->reap.next;
        f->reap.next = m->mem.caches[f->cache].next;
        return m->mem.numa ? OUT_ALT : OUT_OK;
}

/* NUMA: what this CPU's node holds for the node whose turn it is. A busy array is left for another time. */
enum outcome act_reap_alien(struct machine *m, struct thread *th, struct frame *f)
{
        struct alien_set *set = memory_aliens(&m->mem, f->cache, f->node);
        uint32_t home = m->mem.reap_node[th->cpu];
        uint32_t array = set->attached ? set->array[home] : 0;

        if (!array || memory_array(&m->mem, array)->avail == 0 || set->lock[home].holder)
                return OUT_OK;
        irq_save(m, th, f);
        lock_take(m, th, &set->lock[home], 3, f->cache);
        call_drain_alien(th, f->cache, home, array);
        return OUT_CALL;
}

enum outcome act_reap_alien_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        lock_drop(m, th, &memory_aliens(&m->mem, f->cache, f->node)->lock[m->mem.reap_node[th->cpu]]);
        irq_restore(m, th, f);
        return OUT_OK;
}

static void call_drain_array(struct thread *th, const struct frame *f, uint32_t array, bool is_shared)
{
        struct frame *drain = call_path(th, DRAIN_TEST, f->cache);

        drain->node = f->node;
        drain->drain.array = array;
        drain->drain.is_shared = is_shared;
}

enum outcome act_reap_mag(struct machine *m, struct thread *th, struct frame *f)
{
        call_drain_array(th, f, m->mem.caches[f->cache].array[th->cpu], false);
        return OUT_CALL;
}

enum outcome act_reap_due(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        (void)th;
        if (jiffies_after(m, lists->next_reap, machine_jiffies(m)))
                return OUT_NO;
        lists->next_reap = machine_jiffies_in(m, 4ull * m->mem.hz);
        return OUT_OK;
}

enum outcome act_reap_shared(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t shared = lists_of(m, f)->shared;

        if (!shared)
                return OUT_OK;
        call_drain_array(th, f, shared, true);
        return OUT_CALL;
}

enum outcome act_reap_free(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];
        struct slab_lists *lists = lists_of(m, f);
        struct frame *drain;

        if (lists->free_touched) {
                lists->free_touched = 0;
                return OUT_OK;
        }
        drain = call_path(th, DRAINF_NEXT, f->cache);
        drain->node = f->node;
        drain->drainf.want = (lists->free_limit + 5 * cache->num - 1) / (5 * cache->num);
        return OUT_CALL;
}

enum outcome act_reap_count(struct machine *m, struct thread *th, struct frame *f)
{
        m->mem.caches[f->cache].reaped += th->ret;
        f->reap.reaped += (uint32_t)th->ret;
        return OUT_OK;
}

enum outcome act_reap_end(struct machine *m, struct thread *th, struct frame *f)
{
        th->op.result = f->reap.reaped;
        zone_stat_fold(&m->mem, th->cpu); /* refresh_cpu_vm_stats() */
        th->ret = PLACE_NONE;
        lock_drop(m, th, &m->mem.chain_mutex);
        zone_stat_fold(&m->mem, th->cpu);
        return m->mem.numa ? OUT_OK : OUT_DONE;
}

/* next_reap_node(): pages of the node that had its turn do not stay on a remote CPU's lists; its own may. */
enum outcome act_reap_pages(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t node = m->mem.reap_node[th->cpu];
        struct frame *drain;

        if (node == f->node)
                return OUT_OK;
        drain = call_drain_pages(m, th, th->cpu);
        drain->drainp.zone = node * ZONE_TYPES;
        drain->drainp.end = (node + 1) * ZONE_TYPES;
        drain->drainp.batch_only = 1;
        return OUT_CALL;
}

enum outcome act_reap_rotate(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t *node = &m->mem.reap_node[th->cpu];

        (void)f;
        *node = (*node + 1) % m->mem.nodes;
        return OUT_DONE;
}
