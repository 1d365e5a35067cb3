/*
 * debug.c - what CONFIG_DEBUG_SLAB adds to the paths: fills, red zones, last users, and the checks that find damage.
 *
 * Stands for cache_alloc_debugcheck_after(), cache_free_debugcheck(), kfree_debugcheck(), verify_redzone_free(),
 * check_slabp(), cache_init_objs() and slab_destroy_objs() in mm/slab.c of 2.6.20 (spec 07 sections 10.4, 10.5, 10.7).
 *
 * Arrays hold raw addresses, where red zone 1 begins; the caller's pointer is obj_offset behind it. What is found is an
 * event slab_error and a report; only what the kernel calls a BUG stops the machine.
 */
#include "base/core_only.h"
#include "path/step.h"

static void found(struct machine *m, struct thread *th, enum report_kind kind, uint64_t place, uint64_t b)
{
        m->mem.slab_errors++;
        machine_event(m, th, EV_SLAB_ERROR, kind - REPORT_SLAB_POISON, place_pfn(place), place_offset(place));
        machine_report(m, th, kind, place, b, 0);
}

/* The function of the kernel that asks for an object or gives one back, from where its path goes on afterwards. */
static enum kernel_caller kernel_caller(const struct frame *asks, bool frees)
{
        static const struct {
                uint16_t first, last; /* enum state */
                uint8_t alloc, free;  /* enum kernel_caller */
        } sections[] = {
                { GROW_BEGIN, GROW_FAIL, CALLER_SLABMGMT, CALLER_SLABMGMT },
                { SLABD_RCU, SLABD_END, CALLER_SLAB_DESTROY, CALLER_SLAB_DESTROY },
                { ALIENS_NEW, ALIENS_FREE, CALLER_ALLOC_ARRAY, CALLER_FREE_ALIENS },
                { CREATE_LOCK, BOOTR_GOT, CALLER_CACHE_CREATE, CALLER_CACHE_CREATE },
                { TUNE_MAG_GOT, TUNE_MAG_GOT, CALLER_ALLOC_ARRAY, CALLER_ALLOC_ARRAY },
                { KML_NODE, KML_END, CALLER_KMEMLIST, CALLER_KMEMLIST },
                { TUNE_WORK, KML_END, CALLER_TUNE, CALLER_TUNE },
                { RELEASE_MAG, RELNODE_END, CALLER_CACHE_DESTROY, CALLER_CACHE_DESTROY },
                { UP_LOCK, DOWN_END, CALLER_CPUUP, CALLER_CPUUP },
                { PAGESETS_NEXT, PAGESETS_FREE, CALLER_ZONES, CALLER_FREE_ZONES },
                { MPEL_ALLOC, MPEL_END, CALLER_MEMPOOL_ALLOC, CALLER_MEMPOOL_FREE },
                { MPC_RECORD, MP_FAIL, CALLER_MEMPOOL_CREATE, CALLER_MEMPOOL_CREATE },
                { MPGONE_ELEMENT, MPGONE_END, CALLER_MEMPOOL_DESTROY, CALLER_MEMPOOL_DESTROY },
                { MPR_LOCK, MPR_SPARE, CALLER_MEMPOOL_RESIZE, CALLER_MEMPOOL_RESIZE },
        };

        for (uint32_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
                if (asks->state >= sections[i].first && asks->state <= sections[i].last)
                        return (enum kernel_caller)(frees ? sections[i].free : sections[i].alloc);
        }
        return CALLER_SHRINK_SLAB;
}

static uint32_t caller_of(const struct thread *th, const struct frame *f, bool frees)
{
        if (!is_own(th, f))
                return CALLER_KERNEL + kernel_caller(f - 1, frees);
        return th->site ? th->site : CALLER_TASK + th->op.task;
}

static void spend_fill(struct machine *m, const struct kmem_cache *cache)
{
        spend(m, COST_FILL_WORD, (cache->obj_size + 3) / 4);
        spend(m, COST_MISS, (cache->obj_size + m->mem.line_bytes - 1) / m->mem.line_bytes);
}

static void check_fill(struct machine *m, struct thread *th, const struct kmem_cache *cache, uint64_t place)
{
        if (!(cache->flags & CACHE_POISON))
                return;
        spend(m, COST_POISON_BYTE, cache->obj_size);
        if (!slab_debug_is_poisoned(&m->mem, place))
                found(m, th, REPORT_SLAB_POISON, place, 0);
}

/* cache_alloc_debugcheck_after: an object is handed out. th->ret is the caller's pointer already. */
enum outcome act_alloc_debug(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];
        uint64_t place = th->ret - cache->obj_offset;
        uint64_t zone1, zone2;

        check_fill(m, th, cache, place);
        if (cache->flags & CACHE_POISON) {
                slab_debug_fill(&m->mem, place, POISON_IN_USE);
                spend_fill(m, cache);
        }
        if (cache->flags & (CACHE_RED_ZONE | CACHE_STORE_USER))
                spend(m, COST_DEBUG_OBJ, 1);
        if (cache->flags & CACHE_STORE_USER)
                slab_debug_set_caller(&m->mem, place, caller_of(th, f, false));
        if (cache->flags & CACHE_RED_ZONE) {
                slab_debug_zones(&m->mem, place, &zone1, &zone2);
                if (zone1 != RED_ZONE_FREE || zone2 != RED_ZONE_FREE)
                        found(m, th, REPORT_SLAB_ALLOC_ZONES, place, 0);
                slab_debug_set_zones(&m->mem, place, true);
        }
        if (cache->flags & CACHE_POISON)
                construct(m, cache, 1);
        return OUT_DONE;
}

/* kfree_debugcheck and cache_free_debugcheck: an object comes back. free.place is the caller's pointer,
 * raw afterwards. */
enum outcome act_free_debug(struct machine *m, struct thread *th, struct frame *f)
{
        uint64_t place = f->free.place;
        const struct kmem_cache *cache;
        const struct slab *slab;
        uint64_t zone1, zone2, first;

        if (place_pfn(place) >= m->mem.page_count) {
                found(m, th, REPORT_KFREE_RANGE, place, 0);
                return machine_halt(m);
        }
        if (m->mem.pages[place_pfn(place)].state != PAGE_SLAB) {
                found(m, th, REPORT_KFREE_BAD, place, 0);
                return machine_halt(m);
        }
        slab = &m->mem.slabs[memory_slab_of(&m->mem, place)];
        cache = &m->mem.caches[slab->cache];
        f->cache = slab->cache;
        if (is_own(th, f))
                th->op.cache = f->cache;
        place -= cache->obj_offset;
        f->free.place = place;
        if (cache->flags & (CACHE_RED_ZONE | CACHE_STORE_USER))
                spend(m, COST_DEBUG_OBJ, 1);
        if (cache->flags & CACHE_RED_ZONE) {
                slab_debug_zones(&m->mem, place, &zone1, &zone2);
                if (zone1 == RED_ZONE_FREE && zone2 == RED_ZONE_FREE)
                        found(m, th, REPORT_SLAB_DOUBLE_FREE, place, 0);
                else if (zone1 != RED_ZONE_IN_USE || zone2 != RED_ZONE_IN_USE)
                        found(m, th, REPORT_SLAB_FREE_ZONES, place, 0);
                slab_debug_set_zones(&m->mem, place, false);
        }
        if (cache->flags & CACHE_STORE_USER)
                slab_debug_set_caller(&m->mem, place, caller_of(th, f, true));
        first = place_of(slab->pfn, 0) + slab->colouroff;
        if (place < first || (place - first) / cache->buffer_size >= slab->num) {
                found(m, th, REPORT_SLAB_BUG, place, 2877);
                return machine_halt(m);
        }
        if ((place - first) % cache->buffer_size) {
                found(m, th, REPORT_SLAB_BUG, place, 2878);
                return machine_halt(m);
        }
        if (cache->flags & CACHE_DEBUG_INITIAL) /* the constructor looks at the state it had made */
                construct(m, cache, 1);
        if (cache->flags & CACHE_POISON) {
                destruct(m, cache, 1);
                slab_debug_fill(&m->mem, place, POISON_FREE);
                spend_fill(m, cache);
        }
        return m->mem.numa ? OUT_NO : OUT_OK;
}

/* check_slabp; false: the machine has stopped being one. */
bool debug_check_slab(struct machine *m, struct thread *th, uint32_t slab)
{
        const struct slab *s = &m->mem.slabs[slab];

        spend(m, COST_LIST_CHECK, (uint32_t)s->num - s->inuse);
        if (slab_debug_check(&m->mem, slab))
                return true;
        found(m, th, REPORT_SLAB_CHAIN, place_of(s->pfn, 0), slab);
        return false;
}

/* What kmem_cache_create says about the flags it was given. */
void debug_created(struct machine *m, struct thread *th, uint32_t cache)
{
        const struct cache_spec *spec = &m->mem.caches[cache].spec;

        if ((spec->flags & CACHE_DEBUG_INITIAL) && !spec->ctor_cycles)
                machine_report(m, th, REPORT_NO_CTOR, cache, 0, 0);
}

/* The debug half of slab_get_obj. */
void debug_taken(struct machine *m, struct thread *th, uint32_t slab, uint32_t index)
{
        if (slab_debug_is_other_node(&m->mem, slab))
                found(m, th, REPORT_SLAB_NODE_GET, memory_object_place(&m->mem, &m->mem.slabs[slab], index), 0);
        slab_debug_taken(&m->mem, slab, index);
}

/* That of slab_put_obj, before it; false: the object is in the slab already. */
bool debug_put(struct machine *m, struct thread *th, uint32_t slab, uint32_t index)
{
        uint64_t place = memory_object_place(&m->mem, &m->mem.slabs[slab], index);

        if (slab_debug_is_other_node(&m->mem, slab))
                found(m, th, REPORT_SLAB_NODE_PUT, place, 0);
        if (!slab_debug_is_out(&m->mem, slab, index)) {
                found(m, th, REPORT_SLAB_BUFCTL, place, 0);
                return false;
        }
        slab_debug_put(&m->mem, slab, index);
        return true;
}

/* cache_init_objs: the records of a new slab, all of its objects filled. */
void debug_grown(struct machine *m, uint32_t slab)
{
        const struct slab *s = &m->mem.slabs[slab];
        const struct kmem_cache *cache = &m->mem.caches[s->cache];

        slab_debug_init(&m->mem, slab);
        for (uint32_t i = 0; i < s->num; i++) {
                if (cache->flags & CACHE_POISON)
                        spend_fill(m, cache);
                if (cache->flags & (CACHE_RED_ZONE | CACHE_STORE_USER))
                        spend(m, COST_DEBUG_OBJ, 1);
        }
}

/* slab_destroy_objs: every object should lie there as it was left. */
void debug_destroyed(struct machine *m, struct thread *th, uint32_t slab)
{
        const struct slab *s = &m->mem.slabs[slab];
        const struct kmem_cache *cache = &m->mem.caches[s->cache];

        for (uint32_t i = 0; i < s->num; i++) {
                uint64_t place = memory_object_place(&m->mem, s, i);
                uint64_t zone1, zone2;

                check_fill(m, th, cache, place);
                if (!(cache->flags & CACHE_RED_ZONE))
                        continue;
                slab_debug_zones(&m->mem, place, &zone1, &zone2);
                if (zone1 != RED_ZONE_FREE)
                        found(m, th, REPORT_SLAB_DESTROY_START, place, 0);
                if (zone2 != RED_ZONE_FREE)
                        found(m, th, REPORT_SLAB_DESTROY_END, place, 0);
        }
}

/* The workload writes: into an object, over its ends, or where an object once was. */
enum outcome act_write_bytes(struct machine *m, struct thread *th, struct frame *f)
{
        uint64_t place = f->write.place;
        uint32_t left = f->write.count;
        uint32_t at = 0;

        spend(m, COST_FILL_WORD, (left + 3) / 4);
        spend(m, COST_MISS, left / m->mem.line_bytes + 1);
        th->ret = place;
        while (left && place_pfn(place) < m->mem.page_count) {
                const struct page *page = &m->mem.pages[place_pfn(place)];
                uint32_t count = PAGE_BYTES - place_offset(place);
                uint8_t pattern[4];

                if (count > left)
                        count = left;
                for (uint32_t i = 0; i < f->write.period; i++)
                        pattern[i] = f->write.pattern[(at + i) % f->write.period];
                if (page->state == PAGE_SLAB) /* what other pages hold is not known to anybody */
                        slab_debug_write(&m->mem, page->slab,
                                         (uint32_t)(place - place_of(m->mem.slabs[page->slab].pfn, 0)), count, pattern,
                                         f->write.period);
                place += count;
                at += count;
                left -= count;
        }
        return OUT_DONE;
}
