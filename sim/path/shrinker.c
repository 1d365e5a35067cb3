/*
 * shrinker.c - caches whose unused objects can be freed under pressure.
 *
 * Stands for set_shrinker(), remove_shrinker(), shrink_slab() in mm/vmscan.c of 2.6.20 and for the LRU of unused
 * objects that the dentry and inode caches keep (spec 05 section 1). The objects freed go through kmem_cache_free() in
 * the thread that reclaims: they end in magazines first, and pages come back only where a whole slab empties.
 */
#include "base/core_only.h"
#include "path/step.h"

#define SHRINK_BATCH 128u

static struct shrinker *shrinker_in_hand(struct machine *m, const struct frame *f)
{
        return &m->mem.lru.shrinkers[f->slabs.id];
}

/* shrink_slab. Of reclaim.scanned and reclaim.lru_pages; leaves how many objects were freed. */

enum outcome act_sslab_begin(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        f->slabs.id = m->mem.lru.shrinker_first;
        return OUT_OK;
}

/* Its share of the pressure: objects : pages looked at = freeable objects : pages, a seek being worth two of 4. */
enum outcome act_sslab_next(struct machine *m, struct thread *th, struct frame *f)
{
        const struct reclaim *r = reclaim_of(m, th);
        uint64_t scanned = r->scanned ? r->scanned : LRU_CLUSTER;
        struct shrinker *s;
        uint64_t max, delta;

        if (f->slabs.id == SHRINKER_NONE)
                return OUT_NO;
        s = shrinker_in_hand(m, f);
        max = shrinker_freeable(&m->mem.lru, s);
        delta = 4 * scanned / s->seeks * max / (r->lru_pages + 1);
        s->nr += (int64_t)delta;
        if (s->nr < 0)
                s->nr = (int64_t)max;
        if ((uint64_t)s->nr > 2 * max)
                s->nr = (int64_t)(2 * max);
        f->slabs.total = (uint64_t)s->nr;
        f->slabs.max = max;
        f->slabs.scanned_1 = 0;
        f->slabs.freed = 0;
        if (f->slabs.total)
                machine_event(m, th, EV_SHRINKER_CALLED, s->cache, (uint32_t)f->slabs.total, (uint32_t)max);
        s->nr = 0;
        return OUT_OK;
}

/* What is left below a batch, or all of it if the callback refuses, is for whoever comes next. */
enum outcome act_sslab_batch(struct machine *m, struct thread *th, struct frame *f)
{
        const struct reclaim *r = reclaim_of(m, th);
        struct shrinker *s = shrinker_in_hand(m, f);

        if (f->slabs.total >= SHRINK_BATCH && !(s->needs_fs && !(r->gfp & __GFP_FS))) {
                f->slabs.before = shrinker_freeable(&m->mem.lru, s);
                f->slabs.left = SHRINK_BATCH;
                return OUT_OK;
        }
        s->nr += (int64_t)f->slabs.total;
        if (f->slabs.scanned_1)
                machine_event(m, th, EV_SHRINKER_RAN, s->cache, f->slabs.scanned_1, f->slabs.freed);
        f->slabs.id = s->next;
        return OUT_NO;
}

enum outcome act_sslab_object(struct machine *m, struct thread *th, struct frame *f)
{
        struct shrinker *s = shrinker_in_hand(m, f);
        uint32_t object = s->tail;
        uint64_t place, op;

        if (!f->slabs.left || object == OBJECT_NONE)
                return OUT_NO;
        f->slabs.left--;
        f->slabs.freed++;
        shrinker_remove(&m->mem.lru, f->slabs.id, object);
        place = sim_object_lost(m, object, &op);
        machine_event(m, th, EV_OBJECT_SHRUNK, (uint32_t)op, (uint32_t)(op >> 32), s->cache);
        call_free(m, th, place, m->mem.caches[s->cache].spec.size_bytes);
        return OUT_CALL;
}

enum outcome act_sslab_batch_end(struct machine *m, struct thread *th, struct frame *f)
{
        uint64_t after = shrinker_freeable(&m->mem.lru, shrinker_in_hand(m, f));

        (void)th;
        if (after < f->slabs.before)
                f->slabs.result += f->slabs.before - after;
        m->mem.lru.events.slabs_scanned += SHRINK_BATCH;
        f->slabs.total -= SHRINK_BATCH;
        f->slabs.scanned_1 += SHRINK_BATCH;
        return OUT_OK;
}

enum outcome act_sslab_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        th->ret = f->slabs.result;
        return OUT_DONE;
}

/* set_shrinker and remove_shrinker. */

enum outcome act_shrinker_set(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        m->mem.lru.in_use = 1;
        call_kmalloc(th, m->mem.arch->word_bytes == 8 ? 40 : 20, GFP_KERNEL);
        return OUT_CALL;
}

enum outcome act_shrinker_set_got(struct machine *m, struct thread *th, struct frame *f)
{
        uint64_t place = th->ret;

        (void)f;
        th->ret = PLACE_NONE;
        if (place == PLACE_NONE) {
                th->op.result = 1;
                th->op.path = PATH_FAILED;
                return OUT_DONE;
        }
        shrinker_new(&m->mem.lru, th->op.cache, th->op.order, th->op.flags & SHRINKER_NEEDS_FS,
                     th->op.flags & SHRINKER_BY_HUNDREDS, place);
        return OUT_DONE;
}

enum outcome act_shrinker_unset(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t id = shrinker_of(&m->mem.lru, th->op.cache);
        uint32_t ac_class = m->mem.class_of[((m->mem.arch->word_bytes == 8 ? 40u : 20u) + 31) / 32];

        (void)f;
        if (id == SHRINKER_NONE) { /* another task was faster */
                th->op.result = 1;
                th->op.path = PATH_FAILED;
                return OUT_DONE;
        }
        while (m->mem.lru.shrinkers[id].tail != OBJECT_NONE) { /* unused objects are ordinary ones from now on */
                uint32_t object = m->mem.lru.shrinkers[id].tail;

                shrinker_remove(&m->mem.lru, id, object);
                sim_object_used(m, object);
        }
        shrinker_drop(&m->mem.lru, id);
        call_free(m, th, m->mem.lru.shrinkers[id].place, m->mem.class_bytes[ac_class]);
        return OUT_CALL;
}

/* An object goes on or off the LRU of unused objects. */
enum outcome act_unused_do(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t id = shrinker_of(&m->mem.lru, th->op.cache);

        th->ret = PLACE_NONE;
        if (id == SHRINKER_NONE || !sim_object_is(m, f->lru_op.object, f->lru_op.made_by) ||
            !sim_object_unused(m, f->lru_op.object, th->op.kind == OP_PUT)) {
                th->op.result = 1;
                th->op.path = PATH_FAILED;
                return OUT_DONE;
        }
        if (th->op.kind == OP_PUT)
                shrinker_put(&m->mem.lru, id, f->lru_op.object);
        else
                shrinker_remove(&m->mem.lru, id, f->lru_op.object);
        return OUT_DONE;
}
