/*
 * free.c - the flush of a full magazine, and objects going back to their slabs. The push is in run.c.
 *
 * Stands for __cache_free(), cache_flusharray() and free_block() in mm/slab.c of 2.6.20 (spec 02 sections 5 and 6).
 */
#include "base/core_only.h"
#include "path/step.h"

enum outcome act_flush_to_shared(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = magazine_of(m, th, f->cache);
        struct slab_lists *lists = lists_of(m, f);
        struct array_cache *shared;
        uint32_t room;

        f->free.moved = ac->batchcount;
        if (!lists->shared)
                return OUT_NO;
        shared = memory_array(&m->mem, lists->shared);
        room = shared->limit - shared->avail;
        if (!room)
                return OUT_NO;
        if (f->free.moved > room)
                f->free.moved = room;
        memcpy(&shared->entry[shared->avail], &ac->entry[0], sizeof(ac->entry[0]) * f->free.moved);
        shared->avail += f->free.moved;
        spend(m, COST_SHARED_MOVE, 1);
        spend(m, COST_SHARED_OBJ, f->free.moved);
        spend(m, COST_MISS, (f->free.moved + 7) / 8);
        machine_event(m, th, EV_SHARED_PUT, f->cache, f->free.moved, shared->avail);
        if (is_own(th, f))
                note_path(th, PATH_SHARED);
        return OUT_OK;
}

enum outcome act_flush_to_slabs(struct machine *m, struct thread *th, struct frame *f)
{
        if (is_own(th, f))
                note_path(th, PATH_SLABS);
        call_return_objects(m, th, f->cache, f->node, m->mem.caches[f->cache].array[th->cpu], f->free.moved);
        return OUT_CALL;
}

enum outcome act_flush_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = magazine_of(m, th, f->cache);
        struct slab_lists *lists = lists_of(m, f);
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        if (is_debug(m))
                spend(m, COST_FREE_WALK, lists->list[SLABS_FREE].count);
        if (lists->list[SLABS_FREE].count > cache->max_freeable)
                cache->max_freeable = lists->list[SLABS_FREE].count;
        lock_drop(m, th, &lists->lock);
        array_cache_drop_oldest(ac, f->free.moved);
        spend(m, COST_SHIFT_QUARTER, ac->avail / 4);
        return OUT_OK;
}

/* Objects [next, end) of an array go back to their slabs, in that order, list_lock held throughout. */

enum outcome act_retobj_next(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        return f->ret.next < f->ret.end ? OUT_OK : OUT_DONE;
}

enum outcome act_retobj_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];
        struct slab_lists *lists = lists_of(m, f);
        uint64_t place = f->ret.array ? memory_array(&m->mem, f->ret.array)->entry[f->ret.next] : f->ret.place;
        uint32_t id = memory_slab_of(&m->mem, place);
        struct slab *slab = &m->mem.slabs[id];
        uint32_t index = memory_object_index(&m->mem, slab, place);

        CHECK(slab->cache == f->cache);
        f->ret.next++;
        f->ret.slab = id;
        slab_list_remove(m->mem.slabs, (m->mem.strayed ? memory_lists_with(&m->mem, id) : lists)->list, id);
        if (is_debug(m) && !(debug_check_slab(m, th, id) && debug_put(m, th, id, index)))
                return machine_halt(m);
        CHECK(slab->inuse > 0);
        slab_put(slab, &m->mem.pool, index);
        if (is_debug(m) && !debug_check_slab(m, th, id))
                return machine_halt(m);
        cache->num_active--;
        lists->free_objects++;
        spend(m, COST_MISS, 2);
        machine_event(m, th, EV_SLAB_PUT, slab->pfn, index, slab->inuse);
        if (slab->inuse > 0)
                return OUT_OK;
        return lists->free_objects > lists->free_limit ? OUT_ALT : OUT_NO;
}

enum outcome act_slab_to_partial(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        slab_list_add_tail(m->mem.slabs, lists_of(m, f)->list, SLABS_PARTIAL, f->ret.slab);
        return OUT_OK;
}

enum outcome act_slab_to_free(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        slab_list_add_head(m->mem.slabs, lists_of(m, f)->list, SLABS_FREE, f->ret.slab);
        return OUT_OK;
}

enum outcome act_slab_destroy(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *release;

        lists_of(m, f)->free_objects -= m->mem.caches[f->cache].num;
        if (th->op.kind == OP_FREE && th->frames[0].cache == f->cache)
                note_path(th, PATH_SLAB_RELEASED);
        release = call_path(th, SLABD_RCU, f->cache);
        release->slabd.slab = f->ret.slab;
        return OUT_CALL;
}

/* A part of an array to the slabs (drain_array). */

enum outcome act_drain_test(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = f->drain.array ? memory_array(&m->mem, f->drain.array) : NULL;

        (void)th;
        if (!ac || ac->avail == 0)
                return OUT_DONE;
        if (ac->touched && !f->drain.force) {
                ac->touched = 0;
                return OUT_DONE;
        }
        return OUT_OK;
}

enum outcome act_drain_lock(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return act_lock_list(m, th, f);
}

enum outcome act_drain_put(struct machine *m, struct thread *th, struct frame *f)
{
        const struct array_cache *ac = memory_array(&m->mem, f->drain.array);

        f->drain.count = f->drain.force ? ac->avail : (ac->limit + 4) / 5;
        if (f->drain.count > ac->avail)
                f->drain.count = (ac->avail + 1) / 2;
        call_return_objects(m, th, f->cache, f->node, f->drain.array, f->drain.count);
        return OUT_CALL;
}

enum outcome act_drain_shift(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = memory_array(&m->mem, f->drain.array);

        array_cache_drop_oldest(ac, f->drain.count);
        if (f->drain.count)
                machine_event(m, th, f->drain.is_shared ? EV_SHARED_SHED : EV_MAGAZINE_SHED, f->cache, f->drain.count,
                              ac->avail);
        lock_drop(m, th, &lists_of(m, f)->lock);
        irq_restore(m, th, f);
        return OUT_DONE;
}

/* All of this CPU's magazine (do_drain). */

enum outcome act_drainm_put(struct machine *m, struct thread *th, struct frame *f)
{
        f->drain.array = m->mem.caches[f->cache].array[th->cpu];
        f->drain.count = memory_array(&m->mem, f->drain.array)->avail;
        call_return_objects(m, th, f->cache, f->node, f->drain.array, f->drain.count);
        return OUT_CALL;
}

enum outcome act_drainm_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        memory_array(&m->mem, f->drain.array)->avail = 0;
        if (f->drain.count)
                machine_event(m, th, EV_MAGAZINE_SHED, f->cache, f->drain.count, 0);
        lock_drop(m, th, &lists_of(m, f)->lock);
        irq_restore(m, th, f);
        return OUT_DONE;
}

/* Free slabs back to the buddy lists (drain_freelist); the tail of free first. Returns how many. */

enum outcome act_drainf_next(struct machine *m, struct thread *th, struct frame *f)
{
        th->ret = f->drainf.freed;
        if ((int32_t)f->drainf.freed >= (int32_t)f->drainf.want || /* the kernel's int: a wrapped count frees nothing */
            lists_of(m, f)->list[SLABS_FREE].count == 0)
                return OUT_DONE;
        return OUT_OK;
}

enum outcome act_drainf_unlink(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);
        uint32_t id = lists->list[SLABS_FREE].tail;
        struct frame *release;

        if (id) {
                slab_list_remove(m->mem.slabs, lists->list, id);
                lists->free_objects -= m->mem.caches[f->cache].num;
        }
        lock_drop(m, th, &lists->lock);
        irq_restore(m, th, f);
        if (!id) {
                th->ret = f->drainf.freed;
                return OUT_DONE;
        }
        f->drainf.freed++;
        release = call_path(th, SLABD_RCU, f->cache);
        release->slabd.slab = id;
        return OUT_CALL;
}
