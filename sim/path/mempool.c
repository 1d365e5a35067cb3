/*
 * mempool.c - memory pools: made, asked, given back to, resized, destroyed.
 *
 * Stands for mm/mempool.c of 2.6.20 with its ready-made pairs: objects of a cache, kmalloc of one size, pages of one
 * order (spec 07 section 11). A request first tries the allocator below without waiting, then takes from the reserve,
 * and only with an empty reserve lets the allocator below reclaim (once a round: the mask has __GFP_NORETRY) and sleeps
 * until an element comes back or five seconds are over. An element that comes back fills the reserve and wakes all who
 * sleep; it belongs to nobody, so whoever asks first takes it.
 *
 * An element counts as live memory of the allocator's own (events meta_allocated, meta_freed) from the moment the
 * allocator below gave it, in reserve or not.
 */
#include "base/core_only.h"
#include "path/step.h"

#define RECORD_BYTES(m) ((m)->mem.arch->word_bytes == 8 ? 72u : 40u) /* sizeof(mempool_t) */
#define MP_GFP          (__GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN)

static struct mempool *mempool_of(struct machine *m, const struct frame *f)
{
        return &m->mem.mempools[f->mempool.id];
}

static struct frame *call_mempool(struct thread *th, enum state state, const struct frame *f)
{
        struct frame *call = call_path(th, state, CACHE_ID_NONE);

        call->mempool.id = f->mempool.id;
        return call;
}

/* alloc(mask, data): what it gives is in th->ret, PLACE_NONE: nothing. */
static void call_element(struct thread *th, const struct frame *f, uint32_t gfp)
{
        call_mempool(th, MPEL_ALLOC, f)->gfp = gfp;
}

/* free(element, data) */
static void call_free_element(struct thread *th, const struct frame *f, uint64_t place)
{
        call_mempool(th, MPEL_FREE, f)->mempool.place = place;
}

static void push(struct machine *m, const struct thread *th, const struct frame *f, uint64_t place, uint32_t woken)
{
        struct mempool *mempool = mempool_of(m, f);

        mempool_push(mempool, &m->mem.pool, place);
        mempool->put++;
        machine_event(m, th, EV_MEMPOOL_PUT, f->mempool.id, mempool->curr_nr, woken);
}

static uint64_t pop(struct machine *m, const struct thread *th, const struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);
        uint64_t place = mempool_pop(mempool, &m->mem.pool);

        mempool->taken++;
        machine_event(m, th, EV_MEMPOOL_TAKEN, f->mempool.id, mempool->curr_nr, 0);
        return place;
}

static void unlock(struct machine *m, struct thread *th, const struct frame *f)
{
        lock_drop(m, th, &mempool_of(m, f)->lock);
        irq_restore(m, th, f);
}

enum outcome act_mempool_lock(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return lock_take(m, th, &mempool_of(m, f)->lock, 4, f->mempool.id);
}

/* One element of the allocator below. */

enum outcome act_mpel_alloc(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        switch ((enum mempool_kind)mempool_of(m, f)->spec.kind) {
        case MEMPOOL_KMALLOC:
                return OUT_OK;
        case MEMPOOL_SLAB:
                return OUT_NO;
        case MEMPOOL_PAGES:
                break;
        }
        return OUT_ALT;
}

enum outcome act_mpel_kmalloc(struct machine *m, struct thread *th, struct frame *f)
{
        call_kmalloc(th, mempool_of(m, f)->spec.size_bytes, f->gfp);
        return OUT_CALL;
}

enum outcome act_mpel_slab(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t id = mempool_of(m, f)->spec.cache;
        const struct kmem_cache *cache = &m->mem.caches[id];

        call_cache_alloc(th, id, cache->spec.size_bytes, f->gfp | cache->gfpflags);
        return OUT_CALL;
}

enum outcome act_mpel_pages(struct machine *m, struct thread *th, struct frame *f)
{
        call_pages(m, th, CACHE_ID_NONE, f->gfp, mempool_of(m, f)->spec.order, m->mem.node_of_cpu[th->cpu]);
        return OUT_CALL;
}

enum outcome act_mpel_free(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        return mempool_of(m, f)->spec.kind == MEMPOOL_PAGES ? OUT_NO : OUT_OK;
}

enum outcome act_mpel_free_object(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t slab = memory_slab_of(&m->mem, f->mempool.place);

        call_free(m, th, f->mempool.place, m->mem.caches[m->mem.slabs[slab].cache].spec.size_bytes);
        return OUT_CALL;
}

enum outcome act_mpel_free_pages(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *pages = call_path(th, PF_ENTER, CACHE_ID_NONE);

        pages->order = (uint8_t)mempool_of(m, f)->spec.order;
        pages->pages.pfn = place_pfn(f->mempool.place);
        return OUT_CALL;
}

/* mempool_create_node */

enum outcome act_mpc_record(struct machine *m, struct thread *th, struct frame *f)
{
        call_kmalloc_node(m, th, RECORD_BYTES(m), GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_mpc_record_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);

        mempool->record_place = th->ret;
        if (th->ret == PLACE_NONE)
                return OUT_NO;
        call_kmalloc_node(m, th, (uint64_t)m->mem.arch->word_bytes * mempool->spec.min_nr, GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_mpc_array_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);

        mempool->elements_place = th->ret;
        if (th->ret == PLACE_NONE) {
                call_mempool(th, MPGONE_ELEMENT, f);
                return OUT_CALL;
        }
        mempool->min_nr = mempool->spec.min_nr;
        mempool_set_room(mempool, &m->mem.pool, mempool->min_nr);
        return OUT_OK;
}

enum outcome act_mpc_fill(struct machine *m, struct thread *th, struct frame *f)
{
        const struct mempool *mempool = mempool_of(m, f);

        if (mempool->curr_nr == mempool->min_nr)
                return OUT_OK;
        call_element(th, f, GFP_KERNEL);
        return OUT_CALL;
}

enum outcome act_mpc_fill_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE) {
                call_mempool(th, MPGONE_ELEMENT, f);
                return OUT_CALL;
        }
        push(m, th, f, th->ret, 0);
        return OUT_OK;
}

enum outcome act_mpc_made(struct machine *m, struct thread *th, struct frame *f)
{
        const struct mempool *mempool = mempool_of(m, f);

        machine_event(m, th, EV_MEMPOOL_CREATED, f->mempool.id, mempool->min_nr, 0);
        th->ret = mempool->record_place;
        return OUT_DONE;
}

enum outcome act_mp_fail(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        th->ret = PLACE_NONE;
        th->op.path = PATH_FAILED;
        return OUT_DONE;
}

/* free_pool: the elements, the newest first, the array, the record. */

enum outcome act_mpgone_element(struct machine *m, struct thread *th, struct frame *f)
{
        if (!mempool_of(m, f)->curr_nr)
                return OUT_OK;
        call_free_element(th, f, pop(m, th, f));
        return OUT_CALL;
}

enum outcome act_mpgone_array(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);
        uint64_t place = mempool->elements_place;

        if (place == PLACE_NONE)
                return OUT_OK;
        mempool->elements_place = PLACE_NONE;
        call_free(m, th, place, (uint64_t)m->mem.arch->word_bytes * mempool->room);
        mempool_set_room(mempool, &m->mem.pool, 0);
        return OUT_CALL;
}

enum outcome act_mpgone_record(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);
        uint64_t place = mempool->record_place;

        mempool->record_place = PLACE_NONE;
        mempool->min_nr = 0;
        call_free(m, th, place, RECORD_BYTES(m));
        return OUT_CALL;
}

/* mempool_alloc */

enum outcome act_mp_begin(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        f->gfp |= MP_GFP;
        f->mempool.try_gfp = f->gfp & ~(__GFP_WAIT | __GFP_IO);
        return OUT_OK;
}

enum outcome act_mp_try(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_element(th, f, f->mempool.try_gfp);
        return OUT_CALL;
}

enum outcome act_mp_try_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);

        if (th->ret != PLACE_NONE) {
                note_path(th, PATH_MEMPOOL_DIRECT);
                return OUT_DONE;
        }
        mempool->refused++;
        machine_event(m, th, EV_MEMPOOL_REFUSED, f->mempool.id, f->mempool.try_gfp, mempool->curr_nr);
        return OUT_OK;
}

enum outcome act_mp_reserve(struct machine *m, struct thread *th, struct frame *f)
{
        bool found = mempool_of(m, f)->curr_nr > 0;

        if (found) {
                th->ret = pop(m, th, f);
                note_path(th, PATH_MEMPOOL_RESERVE);
        }
        unlock(m, th, f);
        return found ? OUT_DONE : OUT_NO;
}

enum outcome act_mp_empty(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        return f->gfp & __GFP_WAIT ? OUT_OK : OUT_NO;
}

/* Everybody who sleeps here is woken by one element, the newest first: a wait queue takes non-exclusive waiters at its
 * head. With a clock that moves by hand there is nobody who could give an element back: the machine stops. */
enum outcome act_mp_wait(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);

        f->mempool.try_gfp = f->gfp;
        f->mempool.since_ns = m->now_ns;
        if (mempool->curr_nr)
                return OUT_OK;
        if (m->manual_clock)
                return machine_halt(m);
        th->next_waiter = mempool->first_waiter;
        th->waits_for_mempool = 1;
        mempool->first_waiter = th->id;
        mempool->waiters++;
        mempool->waits++;
        m->sleep_until_ns = m->now_ns + 5 * m->tick_ns * m->mem.hz;
        return OUT_SLEEP;
}

/* finish_wait: whoever was not woken still stands in the queue. */
enum outcome act_mp_woken(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);
        uint64_t waited_ns = m->now_ns - f->mempool.since_ns;
        bool woken = !th->waits_for_mempool;

        if (!woken) {
                uint32_t *link = &mempool->first_waiter;

                while (*link != th->id)
                        link = &m->threads[*link].next_waiter;
                *link = th->next_waiter;
                th->waits_for_mempool = 0;
                mempool->waiters--;
        }
        if (waited_ns) {
                note_path(th, PATH_MEMPOOL_WAITED);
                machine_event(m, th, EV_MEMPOOL_WAITED, f->mempool.id, woken,
                              waited_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)waited_ns);
        }
        return OUT_OK;
}

/* mempool_free */

enum outcome act_mpf_test(struct machine *m, struct thread *th, struct frame *f)
{
        const struct mempool *mempool = mempool_of(m, f); /* read without the lock */

        (void)th;
        return mempool->curr_nr < mempool->min_nr ? OUT_OK : OUT_NO;
}

enum outcome act_mpf_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);

        if (mempool->curr_nr >= mempool->min_nr) {
                unlock(m, th, f);
                return OUT_NO;
        }
        note_path(th, PATH_MEMPOOL_RESERVE);
        push(m, th, f, f->mempool.place, mempool->waiters);
        unlock(m, th, f);
        while (mempool->first_waiter) {
                struct thread *waiter = &m->threads[mempool->first_waiter];

                mempool->first_waiter = waiter->next_waiter;
                waiter->waits_for_mempool = 0;
                mempool->waiters--;
                if (waiter->state == TH_SLEEPING) /* else its time is over, and it only waits for its CPU */
                        sched_handed_over(m, waiter, 0);
        }
        return OUT_DONE;
}

enum outcome act_mpf_element(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        note_path(th, PATH_MEMPOOL_DIRECT);
        call_free_element(th, f, f->mempool.place);
        return OUT_CALL;
}

/* mempool_resize */

static void set_min(struct machine *m, const struct thread *th, const struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);

        mempool->min_nr = f->mempool.new_min;
        machine_event(m, th, EV_MEMPOOL_RESIZED, f->mempool.id, mempool->min_nr, mempool->curr_nr);
}

enum outcome act_mpr_test(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->mempool.new_min <= mempool_of(m, f)->min_nr)
                return OUT_OK;
        unlock(m, th, f);
        return OUT_NO;
}

enum outcome act_mpr_shrink(struct machine *m, struct thread *th, struct frame *f)
{
        uint64_t place;

        if (f->mempool.new_min >= mempool_of(m, f)->curr_nr) {
                set_min(m, th, f);
                unlock(m, th, f);
                return OUT_DONE;
        }
        place = pop(m, th, f);
        unlock(m, th, f);
        call_free_element(th, f, place);
        return OUT_CALL;
}

enum outcome act_mpr_array(struct machine *m, struct thread *th, struct frame *f)
{
        call_kmalloc(th, (uint64_t)m->mem.arch->word_bytes * f->mempool.new_min, f->gfp);
        return OUT_CALL;
}

enum outcome act_mpr_array_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        f->mempool.place = th->ret;
        return th->ret != PLACE_NONE ? OUT_OK : OUT_NO;
}

/* The old array goes while the lock is held. */
enum outcome act_mpr_swap(struct machine *m, struct thread *th, struct frame *f)
{
        struct mempool *mempool = mempool_of(m, f);
        uint64_t old_place = mempool->elements_place;
        uint32_t old_room = mempool->room;

        if (f->mempool.new_min <= mempool->min_nr) { /* another resize came first */
                unlock(m, th, f);
                return OUT_NO;
        }
        mempool_set_room(mempool, &m->mem.pool, f->mempool.new_min);
        mempool->elements_place = f->mempool.place;
        set_min(m, th, f);
        call_free(m, th, old_place, (uint64_t)m->mem.arch->word_bytes * old_room);
        return OUT_CALL;
}

enum outcome act_mpr_raced(struct machine *m, struct thread *th, struct frame *f)
{
        call_free(m, th, f->mempool.place, (uint64_t)m->mem.arch->word_bytes * f->mempool.new_min);
        return OUT_CALL;
}

enum outcome act_mpr_fill(struct machine *m, struct thread *th, struct frame *f)
{
        const struct mempool *mempool = mempool_of(m, f);
        bool full = mempool->curr_nr >= mempool->min_nr;

        unlock(m, th, f);
        return full ? OUT_DONE : OUT_OK;
}

enum outcome act_mpr_element(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_element(th, f, f->gfp);
        return OUT_CALL;
}

/* The first one that does not come ends it: frees fill the pool later. */
enum outcome act_mpr_element_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        f->mempool.place = th->ret;
        return th->ret != PLACE_NONE ? OUT_OK : OUT_DONE;
}

enum outcome act_mpr_put(struct machine *m, struct thread *th, struct frame *f)
{
        const struct mempool *mempool = mempool_of(m, f);

        if (mempool->curr_nr < mempool->min_nr) {
                push(m, th, f, f->mempool.place, 0);
                return OUT_OK;
        }
        unlock(m, th, f); /* frees have filled it meanwhile */
        return OUT_NO;
}

enum outcome act_mpr_spare(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_free_element(th, f, f->mempool.place);
        return OUT_CALL;
}

/* mempool_destroy */

enum outcome act_mpd_test(struct machine *m, struct thread *th, struct frame *f)
{
        const struct mempool *mempool = mempool_of(m, f);

        if (mempool->curr_nr != mempool->min_nr) {
                machine_report(m, th, REPORT_MEMPOOL_BUSY, f->mempool.id, 0, 0);
                return machine_halt(m);
        }
        call_mempool(th, MPGONE_ELEMENT, f);
        return OUT_CALL;
}

enum outcome act_mpd_gone(struct machine *m, struct thread *th, struct frame *f)
{
        machine_event(m, th, EV_MEMPOOL_DESTROYED, f->mempool.id, 0, 0);
        th->ret = PLACE_NONE;
        return OUT_DONE;
}
