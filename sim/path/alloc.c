/*
 * alloc.c - what kmalloc and kmem_cache_alloc do when the magazine is empty: refill it, and add a slab. The hit is in
 * run.c.
 *
 * Stands for __kmalloc(), ____cache_alloc(), cache_alloc_refill() and cache_grow() in mm/slab.c of 2.6.20 (spec 02
 * sections 2 to 4). From the magazine check to the return interrupts are off; the lists are changed under list_lock;
 * while a slab's pages and header are allocated interrupts are on if the mask has __GFP_WAIT, and the magazine is
 * looked at again afterwards, since an interrupt may have filled it.
 */
#include "base/core_only.h"
#include "path/step.h"

#define BATCHREFILL_LIMIT 16u

static void pop(struct machine *m, struct thread *th, const struct frame *f)
{
        struct array_cache *ac = magazine_of(m, th, f->cache);

        ac->touched = 1;
        th->ret = ac->entry[--ac->avail];
}

enum outcome act_alloc_mag_miss(struct machine *m, struct thread *th, struct frame *f)
{
        m->mem.caches[f->cache].allocmiss++;
        f->node = (uint8_t)m->mem.node_of_cpu[th->cpu]; /* never read again, wherever the task goes on */
        return OUT_OK;
}

enum outcome act_alloc_fail(struct machine *m, struct thread *th, struct frame *f)
{
        irq_restore(m, th, f);
        th->ret = PLACE_NONE;
        if (is_own(th, f)) {
                th->op.path = (uint8_t)failed_path(th);
                th->op.cache = f->cache;
        }
        return OUT_DONE;
}

enum outcome act_alloc_no_class(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        th->ret = PLACE_NONE;
        if (is_own(th, f)) {
                th->op.path = PATH_NO_CLASS;
                th->op.cache = CACHE_ID_NONE;
        }
        return OUT_DONE;
}

enum outcome act_refill_batch(struct machine *m, struct thread *th, struct frame *f)
{
        const struct array_cache *ac = magazine_of(m, th, f->cache);

        if (m->mem.numa && m->mem.node_of_cpu[th->cpu] != f->node) /* moved in its sleep: 06 section 4, race 4 */
                m->mem.strayed = 1;
        f->alloc.want = ac->batchcount;
        if (!ac->touched && f->alloc.want > BATCHREFILL_LIMIT)
                f->alloc.want = BATCHREFILL_LIMIT;
        return OUT_OK;
}

enum outcome act_refill_from_shared(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);
        struct array_cache *ac = magazine_of(m, th, f->cache);
        struct array_cache *shared;
        uint32_t moved;

        if (!lists->shared)
                return OUT_NO;
        shared = memory_array(&m->mem, lists->shared);
        moved = array_cache_move_top(ac, shared, f->alloc.want);
        if (!moved)
                return OUT_NO;
        ac->touched = 1;
        spend(m, COST_SHARED_MOVE, 1);
        spend(m, COST_SHARED_OBJ, moved);
        spend(m, COST_MISS, (moved + 7) / 8);
        machine_event(m, th, EV_SHARED_TAKEN, f->cache, moved, shared->avail);
        if (is_own(th, f))
                note_path(th, PATH_SHARED);
        return OUT_OK;
}

enum outcome act_refill_pick_slab(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        if (f->alloc.want == 0)
                return OUT_NO;
        f->alloc.slab = lists->list[SLABS_PARTIAL].head;
        if (f->alloc.slab) {
                if (is_own(th, f))
                        note_path(th, PATH_PARTIAL_SLAB);
                return OUT_OK;
        }
        lists->free_touched = 1;
        f->alloc.slab = lists->list[SLABS_FREE].head;
        if (!f->alloc.slab)
                return OUT_ALT;
        if (is_own(th, f))
                note_path(th, PATH_FREE_SLAB);
        return OUT_OK;
}

enum outcome act_refill_take_obj(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];
        struct slab *slab = &m->mem.slabs[f->alloc.slab];
        struct array_cache *ac = magazine_of(m, th, f->cache);
        uint32_t taken = 0;

        if (is_debug(m) && !debug_check_slab(m, th, f->alloc.slab))
                return machine_halt(m);
        CHECK(slab->inuse < slab->num);
        while (slab->inuse < slab->num && f->alloc.want > 0) {
                uint32_t index = slab_get(slab, &m->mem.pool);

                if (is_debug(m))
                        debug_taken(m, th, f->alloc.slab, index);
                f->alloc.want--;
                ac->entry[ac->avail++] = memory_object_place(&m->mem, slab, index);
                taken++;
        }
        CHECK(ac->avail <= ac->limit);
        if (is_debug(m) && !debug_check_slab(m, th, f->alloc.slab))
                return machine_halt(m);
        cache->allocs += taken;
        cache->num_active += taken;
        if (cache->num_active > cache->high)
                cache->high = cache->num_active;
        spend(m, COST_TAKE_OBJ, taken);
        spend(m, COST_MISS, 1 + taken / 16);
        machine_event(m, th, EV_SLAB_TAKEN, slab->pfn, taken, slab->inuse);
        return OUT_OK;
}

enum outcome act_refill_relink_slab(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_list *lists = lists_of(m, f)->list;
        uint32_t id = f->alloc.slab;

        (void)th;
        slab_list_remove(m->mem.slabs, lists, id);
        slab_list_add_head(m->mem.slabs, lists, m->mem.slabs[id].free == BUFCTL_END ? SLABS_FULL : SLABS_PARTIAL, id);
        return OUT_OK;
}

enum outcome act_refill_must_grow(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        (void)f;
        return OUT_OK;
}

enum outcome act_refill_count(struct machine *m, struct thread *th, struct frame *f)
{
        lists_of(m, f)->free_objects -= magazine_of(m, th, f->cache)->avail;
        return OUT_OK;
}

enum outcome act_refill_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        lock_drop(m, th, &lists_of(m, f)->lock);
        return OUT_OK;
}

enum outcome act_refill_done(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *grow;

        if (magazine_of(m, th, f->cache)->avail > 0) {
                pop(m, th, f);
                return OUT_OK;
        }
        grow = call_path(th, GROW_BEGIN, f->cache);
        grow->gfp = f->gfp | (m->mem.numa ? GFP_THISNODE_NUMA : 0);
        grow->node = f->node;
        return OUT_CALL;
}

enum outcome act_refill_regrown(struct machine *m, struct thread *th, struct frame *f)
{
        bool grown = th->ret == 1;

        if (grown && is_own(th, f))
                note_path(th, PATH_NEW_SLAB);
        if (magazine_of(m, th, f->cache)->avail > 0) { /* filled behind our back: the new slab stays on the free list */
                pop(m, th, f);
                if (is_own(th, f))
                        note_path(th, PATH_MAGAZINE);
                return OUT_OK;
        }
        if (!grown) {
                if (!m->mem.numa)
                        return OUT_NO;
                call_node_alloc(th, f, f->gfp, f->node, is_own(th, f)); /* as if the node had been asked for by name */
                return OUT_CALL;
        }
        return OUT_ALT;
}

/* A new slab. Returns 1 if it is on the free list. */

enum outcome act_grow_begin(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        th->ret = 0;
        return f->gfp & __GFP_NO_GROW ? OUT_DONE : OUT_OK;
}

enum outcome act_grow_colour(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];
        struct slab_lists *lists = lists_of(m, f);

        f->grow.colour_bytes = lists->colour_next * cache->colour_off;
        if (++lists->colour_next >= cache->colour)
                lists->colour_next = 0;
        lock_drop(m, th, &lists->lock);
        return OUT_OK;
}

enum outcome act_grow_irq_window(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->gfp & __GFP_WAIT)
                irq_enable(m, th->cpu);
        return OUT_OK;
}

enum outcome act_grow_pages(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];

        f->grow.header = PLACE_NONE;
        if (f->grow.supplied)
                return OUT_OK;
        call_pages(m, th, f->cache, f->gfp | cache->gfpflags, cache->gfporder, f->node);
        return OUT_CALL;
}

static void add_slab_pages(struct machine *m, const struct thread *th, const struct kmem_cache *cache, uint32_t pfn,
                           int32_t pages)
{
        zone_stat_add(&m->mem, memory_zone_of(&m->mem, pfn), th->cpu,
                      cache->flags & CACHE_RECLAIM_ACCOUNT ? NR_SLAB_RECLAIMABLE : NR_SLAB_UNRECLAIMABLE, pages);
}

void count_slab_pages(struct machine *m, const struct thread *th, uint32_t cache, uint32_t pfn)
{
        const struct kmem_cache *c = &m->mem.caches[cache];

        add_slab_pages(m, th, c, pfn, 1 << c->gfporder);
}

enum outcome act_grow_pages_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE)
                return OUT_NO;
        f->grow.pfn = place_pfn(th->ret);
        count_slab_pages(m, th, f->cache, f->grow.pfn);
        return OUT_OK;
}

enum outcome act_grow_header(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];
        uint32_t gfp = f->gfp & GFP_LEVEL_MASK;

        if (!cache->off_slab)
                return OUT_OK;
        if (m->mem.numa)
                gfp &= ~GFP_THISNODE_NUMA;
        call_cache_alloc_node(m, th, cache->slabp_cache, cache->slab_size, gfp, f->node);
        return OUT_CALL;
}

enum outcome act_grow_header_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        f->grow.header = th->ret;
        return th->ret != PLACE_NONE ? OUT_OK : OUT_NO;
}

/* Undoes count_slab_pages and sends the pages back. Shared with slab release (act_slabd_pages). */
static void slab_pages_back(struct machine *m, struct thread *th, const struct kmem_cache *cache, uint32_t pfn)
{
        struct frame *free;

        add_slab_pages(m, th, cache, pfn, -(1 << cache->gfporder));
        for (uint32_t i = 0; i < 1u << cache->gfporder; i++)
                m->mem.pages[pfn + i].state = PAGE_NONE;
        free = call_path(th, PF_ENTER, CACHE_ID_NONE);
        free->order = (uint8_t)cache->gfporder;
        free->pages.pfn = pfn;
}

enum outcome act_grow_give_back(struct machine *m, struct thread *th, struct frame *f)
{
        slab_pages_back(m, th, &m->mem.caches[f->cache], f->grow.pfn);
        machine_event(m, th, EV_GROW_FAILED, f->cache, f->gfp, 1);
        f->grow.pfn = PFN_NONE; /* reported */
        return OUT_CALL;
}

enum outcome act_grow_init(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];
        uint32_t id = memory_slab_new(&m->mem, cache->num);
        struct slab *slab = &m->mem.slabs[id];

        (void)th;
        slab->pfn = f->grow.pfn;
        slab->cache = f->cache;
        slab->node = f->node;
        slab->header = f->grow.header;
        slab->colouroff = f->grow.colour_bytes + (cache->off_slab ? 0 : cache->slab_size);
        slab_init(slab, &m->mem.pool);
        if (is_debug(m))
                debug_grown(m, id);
        for (uint32_t i = 0; i < 1u << cache->gfporder; i++) {
                m->mem.pages[slab->pfn + i].state = PAGE_SLAB;
                m->mem.pages[slab->pfn + i].slab = id;
        }
        f->grow.slab = id;
        if (!(cache->flags & CACHE_POISON)) /* the fill would be written over: constructed when it is handed out */
                construct(m, cache, cache->num);
        spend(m, COST_INIT_OBJ, cache->num);
        spend(m, COST_INIT_PAGE, 1u << cache->gfporder);
        return OUT_OK;
}

enum outcome act_grow_lock(struct machine *m, struct thread *th, struct frame *f)
{
        cpu_of(m, th)->irq_off = 1;
        return act_lock_list(m, th, f);
}

enum outcome act_grow_link(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];
        struct slab_lists *lists = lists_of(m, f);

        slab_list_add_tail(m->mem.slabs, lists->list, SLABS_FREE, f->grow.slab);
        lists->free_objects += cache->num;
        cache->grown++;
        cache->slab_count++;
        machine_event(m, th, EV_SLAB_GROWN, f->grow.pfn, f->cache, m->mem.slabs[f->grow.slab].colouroff);
        lock_drop(m, th, &lists->lock);
        th->ret = 1;
        return OUT_DONE;
}

enum outcome act_grow_fail(struct machine *m, struct thread *th, struct frame *f)
{
        cpu_of(m, th)->irq_off = 1;
        if (f->grow.pfn != PFN_NONE)
                machine_event(m, th, EV_GROW_FAILED, f->cache, f->gfp, 0);
        th->ret = 0;
        return OUT_DONE;
}

/* The slab waits on this CPU for a grace period; its pages stay what they are for whoever still looks at them. */
static void call_rcu(struct machine *m, struct thread *th, uint32_t id)
{
        struct rcu_list *list = &m->mem.rcu_waiting[th->cpu];
        uint64_t end_ns = grace_end_ns(m);

        m->mem.slabs[id].next = SLAB_NONE;
        m->mem.slabs[id].prev = (uint32_t)(end_ns / m->tick_ns);
        if (list->tail) {
                m->mem.slabs[list->tail].next = id;
        } else {
                list->head = id;
                sched_rcu_at(m, th->cpu, end_ns);
        }
        list->tail = id;
        machine_event(m, th, EV_SLAB_DEFERRED, m->mem.slabs[id].pfn, m->mem.slabs[id].cache, 0);
}

/* rcu_process_callbacks() of this CPU: what may go now goes, first in first out. */
enum outcome act_rcu_callback(struct machine *m, struct thread *th, struct frame *f)
{
        struct rcu_list *list = &m->mem.rcu_waiting[th->cpu];
        uint32_t id = list->head;
        struct frame *release;

        th->ret = PLACE_NONE;
        th->op.result = f->rcu.freed;
        if (!id || (int32_t)((uint32_t)(m->now_ns / m->tick_ns) - m->mem.slabs[id].prev) < 0)
                return OUT_DONE;
        list->head = m->mem.slabs[id].next;
        if (!list->head)
                list->tail = SLAB_NONE;
        f->rcu.freed++;
        release = call_path(th, SLABD_PAGES, CACHE_ID_NONE);
        release->slabd.slab = id;
        return OUT_CALL;
}

/* An empty slab goes: pages before header, as in slab_destroy(). */

enum outcome act_slabd_rcu(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t id = f->slabd.slab;
        const struct slab *slab = &m->mem.slabs[id];

        if (is_debug(m))
                debug_destroyed(m, th, id);
        if (!(m->mem.caches[slab->cache].flags & CACHE_POISON))
                destruct(m, &m->mem.caches[slab->cache], slab->num);
        if (!(m->mem.caches[slab->cache].flags & CACHE_DESTROY_BY_RCU))
                return OUT_OK;
        if (m->rcu_grace_ns) {
                call_rcu(m, th, id);
                return OUT_DONE;
        }
        m->mem.slabs[id].next = SLAB_NONE;
        if (m->mem.rcu_tail)
                m->mem.slabs[m->mem.rcu_tail].next = id;
        else
                m->mem.rcu_head = id;
        m->mem.rcu_tail = id;
        return OUT_DONE;
}

enum outcome act_slabd_pages(struct machine *m, struct thread *th, struct frame *f)
{
        const struct slab *slab = &m->mem.slabs[f->slabd.slab];
        struct kmem_cache *cache = &m->mem.caches[slab->cache];
        uint32_t pfn = slab->pfn;

        f->cache = slab->cache;
        f->slabd.header = slab->header;
        cache->slab_count--;
        machine_event(m, th, EV_SLAB_RELEASED, pfn, f->cache, cache->gfporder);
        memory_slab_drop(&m->mem, f->slabd.slab);
        if (th->memalloc)
                reclaim_of(m, th)->reclaimed_slab += 1u << cache->gfporder;
        slab_pages_back(m, th, cache, pfn);
        return OUT_CALL;
}

enum outcome act_slabd_header(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->slabd.header == PLACE_NONE)
                return OUT_DONE;
        call_free(m, th, f->slabd.header, m->mem.caches[f->cache].slab_size);
        return OUT_CALL;
}

enum outcome act_rcu_next(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *release;
        uint32_t id = m->mem.rcu_head;

        (void)f;
        if (!id)
                return OUT_DONE;
        m->mem.rcu_head = m->mem.slabs[id].next;
        if (!m->mem.rcu_head)
                m->mem.rcu_tail = SLAB_NONE;
        release = call_path(th, SLABD_PAGES, CACHE_ID_NONE);
        release->slabd.slab = id;
        return OUT_CALL;
}
