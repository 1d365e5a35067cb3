/*
 * cache.c - a cache comes, is tuned, shrinks and goes; and the boot-time way of making one.
 *
 * Stands for kmem_cache_create(), setup_cpu_cache(), do_tune_cpucache(), alloc_kmemlist(), kmem_cache_shrink() and
 * kmem_cache_destroy() in mm/slab.c of 2.6.20 (spec 01 sections 4 and 9, 02 section 10, 04 section 4). All of it runs
 * under cache_chain_mutex on one CPU; what must happen on the others goes there as a call.
 */
#include "base/core_only.h"
#include "path/step.h"

uint64_t array_bytes(const struct machine *m, uint32_t entries)
{
        return m->mem.arch->array_cache_bytes + (uint64_t)m->mem.arch->word_bytes * entries;
}

static uint64_t work_bytes(const struct machine *m)
{
        return m->mem.arch->word_bytes + (uint64_t)m->mem.arch->word_bytes * MACHINE_CPUS_MAX;
}

/* now + 4 s + the descriptor's address modulo 4 s: spreads the caches over the period. */
static uint64_t first_reap(const struct machine *m, const struct kmem_cache *cache)
{
        uint64_t period = 4ull * m->mem.hz;
        uint64_t address = cache->place == PLACE_NONE ? 0 : m->mem.arch->virtual_base + cache->place;

        return machine_jiffies_in(m, period + address % period);
}

static void set_free_limit(struct machine *m, struct thread *th, uint32_t cache, uint32_t node)
{
        const struct kmem_cache *c = &m->mem.caches[cache];
        struct slab_lists *lists = memory_lists(&m->mem, cache, node);

        lists->free_limit = (1 + m->mem.cpus_on_node[node]) * c->batchcount + c->num;
        machine_event(m, th, EV_FREE_LIMIT_SET, cache, node, lists->free_limit);
}

/* Frees the memory of an array that nothing uses any more. */
void call_free_array(struct machine *m, struct thread *th, uint32_t array)
{
        const struct array_cache *ac = memory_array(&m->mem, array);
        uint64_t place = ac->place;
        uint64_t bytes = array_bytes(m, ac->limit);

        CHECK(ac->avail == 0);
        memory_array_drop(&m->mem, array);
        call_free(m, th, place, bytes);
}

/* kmem_cache_create */

enum outcome act_create_begin(struct machine *m, struct thread *th, struct frame *f)
{
        if (memory_cache_find(&m->mem, m->mem.caches[f->cache].spec.name) != CACHE_ID_NONE) {
                machine_report(m, th, REPORT_CACHE_DUPLICATE, f->cache, 0, 0);
                return OUT_NO;
        }
        if (is_debug(m))
                debug_created(m, th, f->cache);
        call_cache_alloc(th, m->mem.cache_cache, m->mem.arch->descriptor_bytes, GFP_KERNEL);
        return OUT_CALL;
}

static void find_slabp_cache(struct machine *m, struct kmem_cache *cache)
{
        if (!cache->off_slab)
                return;
        CHECK(cache->slab_size <= KMALLOC_MAX);
        cache->slabp_cache = m->mem.class_cache[m->mem.class_of[(cache->slab_size + 31) / 32]][0];
        CHECK(cache->slabp_cache != CACHE_ID_NONE);
}

enum outcome act_create_geometry(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        if (th->ret == PLACE_NONE)
                return OUT_NO;
        cache->place = th->ret;
        if (!kmem_cache_geometry(cache, m->mem.arch, m->mem.line_bytes, m->mem.break_order, false)) {
                machine_report(m, th, REPORT_CACHE_NO_GEOMETRY, f->cache, 0, 0);
                return OUT_ALT;
        }
        find_slabp_cache(m, cache);
        return OUT_OK;
}

static void call_enable_cpucache(struct machine *m, struct thread *th, uint32_t cache)
{
        struct frame *tune = call_path(th, TUNE_WORK, cache);

        kmem_cache_default_tunables(m->mem.arch, m->mem.caches[cache].buffer_size, &tune->tune.limit,
                                    &tune->tune.batchcount, &tune->tune.shared);
}

enum outcome act_create_arrays(struct machine *m, struct thread *th, struct frame *f)
{
        call_enable_cpucache(m, th, f->cache);
        return OUT_CALL;
}

enum outcome act_create_arrays_done(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == 0)
                return OUT_OK;
        machine_report(m, th, REPORT_CPUCACHE_FAILED, f->cache, 0, 0);
        return OUT_NO;
}

enum outcome act_create_link(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        cache->live = CACHE_LIVE;
        cache->created_ns = m->now_ns;
        memory_chain_add(&m->mem, f->cache);
        machine_event(m, th, EV_CACHE_CREATED, f->cache, cache->buffer_size, cache->num);
        lock_drop(m, th, &m->mem.chain_mutex);
        th->op.result = 0;
        th->ret = PLACE_NONE;
        return OUT_DONE;
}

enum outcome act_create_release(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_path(th, RELEASE_MAG, f->cache);
        return OUT_CALL;
}

enum outcome act_create_fail(struct machine *m, struct thread *th, struct frame *f)
{
        lock_drop(m, th, &m->mem.chain_mutex);
        th->op.result = 1;
        th->ret = PLACE_NONE;
        th->op.path = (uint8_t)failed_path(th);
        /* in an ops file the flag has no effect */
        if (!(m->mem.caches[f->cache].spec.flags & CACHE_PANIC) || m->manual_clock)
                return OUT_DONE;
        machine_report(m, th, REPORT_CREATE_PANIC, f->cache, 0, 0);
        return machine_halt(m);
}

/* A cache of the boot sequence. */

enum outcome act_bootc_descriptor(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        call_cache_alloc(th, m->mem.cache_cache, m->mem.arch->descriptor_bytes, GFP_KERNEL);
        return OUT_CALL;
}

enum outcome act_bootc_mag(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        if (th->ret == PLACE_NONE)
                return OUT_DONE;
        cache->place = th->ret;
        if (!kmem_cache_geometry(cache, m->mem.arch, m->mem.line_bytes, m->mem.break_order, m->mem.early_init)) {
                th->ret = PLACE_NONE;
                return OUT_DONE;
        }
        find_slabp_cache(m, cache);
        cache->limit = 1;
        cache->batchcount = 1;
        if (m->mem.slab_state == SLAB_STATE_NONE) {
                cache->array[th->cpu] = memory_array_new(&m->mem, 1, 1, PLACE_NONE);
                return OUT_OK;
        }
        call_kmalloc(th, array_bytes(m, 1), GFP_KERNEL);
        return OUT_CALL;
}

enum outcome act_bootc_mag_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE)
                return OUT_DONE;
        m->mem.caches[f->cache].array[th->cpu] = memory_array_new(&m->mem, 1, 1, th->ret);
        return OUT_OK;
}

enum outcome act_bootc_lists(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];

        if (m->mem.slab_state < SLAB_STATE_PARTIAL_L3) {
                for (uint32_t node = 0; node < m->mem.nodes; node++) {
                        memory_lists(&m->mem, f->cache, node)->present = 1;
                        memory_lists(&m->mem, f->cache, node)->next_reap = first_reap(m, cache);
                }
                return OUT_OK;
        }
        if (f->boot.index == m->mem.nodes)
                return OUT_OK;
        call_kmalloc_node(m, th, m->mem.arch->list3_bytes, GFP_KERNEL, f->boot.index);
        return OUT_CALL;
}

enum outcome act_bootc_lists_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = memory_lists(&m->mem, f->cache, f->boot.index);

        if (th->ret == PLACE_NONE)
                return OUT_DONE;
        lists->present = 1;
        lists->place = th->ret;
        if (f->boot.index == 0) /* on other nodes the kernel leaves the field as it found it: 0 */
                lists->next_reap = first_reap(m, &m->mem.caches[f->cache]);
        f->boot.index++;
        return OUT_OK;
}

enum outcome act_bootc_link(struct machine *m, struct thread *th, struct frame *f)
{
        m->mem.caches[f->cache].live = CACHE_LIVE;
        m->mem.caches[f->cache].boot = 1;
        memory_chain_add(&m->mem, f->cache);
        th->ret = 0;
        return OUT_DONE;
}

enum outcome act_bootr_alloc(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->boot.what)
                call_kmalloc_node(m, th, m->mem.arch->list3_bytes, GFP_KERNEL, f->boot.index);
        else
                call_kmalloc(th, array_bytes(m, 1), GFP_KERNEL);
        return OUT_CALL;
}

enum outcome act_bootr_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE)
                return OUT_DONE;
        if (f->boot.what)
                memory_lists(&m->mem, f->cache, f->boot.index)->place = th->ret;
        else
                magazine_of(m, th, f->cache)->place = th->ret;
        th->ret = 0;
        return OUT_DONE;
}

/* do_tune_cpucache. Returns 0, or 1 for -ENOMEM. */

enum outcome act_tune_work(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        call_kmalloc(th, work_bytes(m), GFP_KERNEL);
        return OUT_CALL;
}

enum outcome act_tune_work_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        f->tune.work = th->ret;
        if (th->ret == PLACE_NONE) {
                th->ret = 1;
                return OUT_DONE;
        }
        f->tune.index = 0;
        return OUT_OK;
}

enum outcome act_tune_mag(struct machine *m, struct thread *th, struct frame *f)
{
        while (f->tune.index < MACHINE_CPUS_MAX && !(m->mem.online & (1u << f->tune.index)))
                f->tune.index++;
        if (f->tune.index == MACHINE_CPUS_MAX)
                return OUT_OK;
        call_kmalloc_node(m, th, array_bytes(m, f->tune.limit), GFP_KERNEL, m->mem.node_of_cpu[f->tune.index]);
        return OUT_CALL;
}

enum outcome act_tune_mag_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE)
                return OUT_NO;
        m->mem.caches[f->cache].new_array[f->tune.index] =
                memory_array_new(&m->mem, f->tune.limit, f->tune.batchcount, th->ret);
        f->tune.index++;
        return OUT_OK;
}

enum outcome act_tune_undo(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t *new_array = m->mem.caches[f->cache].new_array;

        while (f->tune.index > 0) {
                uint32_t array = new_array[--f->tune.index];

                if (!array)
                        continue;
                new_array[f->tune.index] = 0;
                call_free_array(m, th, array);
                return OUT_CALL;
        }
        if (f->tune.work != PLACE_NONE) {
                call_free(m, th, f->tune.work, work_bytes(m));
                f->tune.work = PLACE_NONE;
                return OUT_CALL;
        }
        th->ret = 1;
        return OUT_DONE;
}

static void swap_magazine(struct machine *m, uint32_t cache, uint32_t cpu)
{
        struct kmem_cache *c = &m->mem.caches[cache];
        uint32_t old = c->array[cpu];

        c->array[cpu] = c->new_array[cpu];
        c->new_array[cpu] = old;
}

/* Sends a path to all other online CPUs; OUT_OK if there are none. */
static enum outcome call_other_cpus(struct machine *m, struct thread *th, enum state state, uint32_t cache)
{
        CHECK(m->call.caller == 0);
        if (!(m->mem.online & ~(1u << th->cpu)))
                return OUT_OK;
        m->call.caller = th->id;
        m->call.state = (uint16_t)state;
        m->call.cache = cache;
        spend(m, COST_IPI, 1);
        sched_call_others(m, th);
        return OUT_PARK;
}

enum outcome act_tune_swap(struct machine *m, struct thread *th, struct frame *f)
{
        return call_other_cpus(m, th, IPI_SWAP, f->cache);
}

enum outcome act_ipi_swap(struct machine *m, struct thread *th, struct frame *f)
{
        swap_magazine(m, f->cache, th->cpu);
        return OUT_DONE;
}

enum outcome act_tune_swap_own(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        swap_magazine(m, f->cache, th->cpu);
        cache->limit = f->tune.limit;
        cache->batchcount = f->tune.batchcount;
        cache->shared = f->tune.shared;
        machine_event(m, th, EV_CACHE_TUNED, f->cache, cache->limit, cache->batchcount);
        f->tune.index = 0;
        return OUT_OK;
}

enum outcome act_tune_old(struct machine *m, struct thread *th, struct frame *f)
{
        const uint32_t *old_array = m->mem.caches[f->cache].new_array;

        (void)th;
        while (f->tune.index < MACHINE_CPUS_MAX && !old_array[f->tune.index])
                f->tune.index++;
        if (f->tune.index == MACHINE_CPUS_MAX)
                return OUT_NO;
        f->tune.array = old_array[f->tune.index];
        f->node = (uint8_t)m->mem.node_of_cpu[f->tune.index];
        return OUT_OK;
}

enum outcome act_tune_old_put(struct machine *m, struct thread *th, struct frame *f)
{
        call_return_objects(m, th, f->cache, f->node, f->tune.array, memory_array(&m->mem, f->tune.array)->avail);
        return OUT_CALL;
}

enum outcome act_tune_old_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = memory_array(&m->mem, f->tune.array);

        if (ac->avail)
                machine_event(m, th, EV_MAGAZINE_SHED, f->cache, ac->avail, 0);
        ac->avail = 0;
        lock_drop(m, th, &lists_of(m, f)->lock);
        irq_restore(m, th, f);
        m->mem.caches[f->cache].new_array[f->tune.index] = 0;
        call_free_array(m, th, f->tune.array);
        return OUT_CALL;
}

enum outcome act_tune_old_next(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        f->tune.index++;
        return OUT_OK;
}

enum outcome act_tune_free_work(struct machine *m, struct thread *th, struct frame *f)
{
        call_free(m, th, f->tune.work, work_bytes(m));
        f->node = 0;
        return OUT_CALL;
}

/* alloc_kmemlist, one node after the other. On NUMA a node's alien set comes first. */

enum outcome act_kml_node(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->node == m->mem.nodes)
                return OUT_NO;
        if (!m->mem.numa)
                return OUT_OK;
        call_path(th, ALIENS_NEW, f->cache)->node = f->node;
        return OUT_CALL;
}

enum outcome act_kml_aliens_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return th->ret == 0 ? OUT_OK : OUT_NO;
}

enum outcome act_kml_shared(struct machine *m, struct thread *th, struct frame *f)
{
        call_kmalloc_node(m, th, array_bytes(m, f->tune.shared * f->tune.batchcount), GFP_KERNEL, f->node);
        return OUT_CALL;
}

/* The alien set in hand becomes the node's, unless it has one. */
static void attach_aliens(struct machine *m, const struct frame *f)
{
        struct alien_set *set;

        if (!m->mem.numa)
                return;
        set = memory_aliens(&m->mem, f->cache, f->node);
        if (set->attached)
                return;
        *set = m->mem.new_aliens;
        memset(&m->mem.new_aliens, 0, sizeof(m->mem.new_aliens));
}

/* free_alien_cache() of the set in hand, if nobody took it. */
enum outcome act_drop_aliens(struct machine *m, struct thread *th, struct frame *f)
{
        if (!m->mem.new_aliens.attached)
                return OUT_OK;
        call_free_aliens(th, f->cache, f->node, true);
        return OUT_CALL;
}

enum outcome act_kml_shared_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE)
                return OUT_NO;
        f->tune.array = memory_array_new(&m->mem, f->tune.shared * f->tune.batchcount, 0, th->ret);
        return lists_of(m, f)->present ? OUT_OK : OUT_ALT;
}

enum outcome act_kml_old_put(struct machine *m, struct thread *th, struct frame *f)
{
        f->tune.old_array = lists_of(m, f)->shared;
        if (!f->tune.old_array)
                return OUT_OK;
        call_return_objects(m, th, f->cache, f->node, f->tune.old_array,
                            memory_array(&m->mem, f->tune.old_array)->avail);
        return OUT_CALL;
}

enum outcome act_kml_attach(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        if (f->tune.old_array) {
                struct array_cache *old = memory_array(&m->mem, f->tune.old_array);

                if (old->avail)
                        machine_event(m, th, EV_SHARED_SHED, f->cache, old->avail, 0);
                old->avail = 0;
        }
        lists->shared = f->tune.array;
        attach_aliens(m, f);
        set_free_limit(m, th, f->cache, f->node);
        lock_drop(m, th, &lists->lock);
        irq_restore(m, th, f);
        if (!f->tune.old_array)
                return OUT_OK;
        call_free_array(m, th, f->tune.old_array);
        return OUT_CALL;
}

enum outcome act_kml_lists(struct machine *m, struct thread *th, struct frame *f)
{
        call_kmalloc_node(m, th, m->mem.arch->list3_bytes, GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_kml_lists_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        if (th->ret == PLACE_NONE)
                return OUT_NO;
        lists->present = 1;
        lists->place = th->ret;
        lists->next_reap = first_reap(m, &m->mem.caches[f->cache]);
        lists->shared = f->tune.array;
        attach_aliens(m, f);
        set_free_limit(m, th, f->cache, f->node);
        return OUT_OK;
}

enum outcome act_kml_next(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        f->node++;
        return OUT_OK;
}

enum outcome act_kml_fail_shared(struct machine *m, struct thread *th, struct frame *f)
{
        call_free_array(m, th, f->tune.array);
        return OUT_CALL;
}

/* What a cache that is only being made has got on the nodes before goes back, the last node first. */
enum outcome act_kml_fail(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->node > 0 && m->mem.caches[f->cache].live != CACHE_LIVE) {
                call_path(th, RELNODE_SHARED, f->cache)->node = --f->node;
                return OUT_CALL;
        }
        th->ret = 1;
        return OUT_DONE;
}

enum outcome act_kml_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        th->ret = 0;
        return OUT_DONE;
}

/* slabinfo_write(): the tunables of a live cache. */

enum outcome act_tunew_find(struct machine *m, struct thread *th, struct frame *f)
{
        int32_t limit = (int32_t)f->slabinfo.limit, batchcount = (int32_t)f->slabinfo.batchcount;
        uint32_t cache = memory_cache_find(&m->mem, f->slabinfo.name);
        struct frame *tune;

        th->ret = 0;
        if (cache == CACHE_ID_NONE) {
                th->op.result = ERRNO_EINVAL;
                return OUT_NO;
        }
        f->cache = cache;
        th->op.cache = cache;
        if (limit < 1 || batchcount < 1 || batchcount > limit || (int32_t)f->slabinfo.shared < 0)
                return OUT_OK;
        tune = call_path(th, TUNE_WORK, cache);
        tune->tune.limit = f->slabinfo.limit;
        tune->tune.batchcount = f->slabinfo.batchcount;
        tune->tune.shared = f->slabinfo.shared;
        return OUT_CALL;
}

enum outcome act_tunew_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        if (th->ret)
                th->op.result = ERRNO_ENOMEM;
        if (th->op.result)
                th->op.path = PATH_FAILED;
        th->ret = PLACE_NONE;
        lock_drop(m, th, &m->mem.chain_mutex);
        return OUT_DONE;
}

/* What a cache owns goes back: magazines, then per node shared array, alien set and lists, then the descriptor. */

enum outcome act_release_mag(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        for (; f->tune.index < MACHINE_CPUS_MAX; f->tune.index++) {
                uint32_t array = cache->array[f->tune.index];

                if (!array)
                        continue;
                cache->array[f->tune.index] = 0;
                call_free_array(m, th, array);
                return OUT_CALL;
        }
        return OUT_OK;
}

enum outcome act_release_node(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->node == m->mem.nodes)
                return OUT_OK;
        call_path(th, RELNODE_SHARED, f->cache)->node = f->node;
        f->node++;
        return OUT_CALL;
}

enum outcome act_relnode_shared(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);
        uint32_t array = lists->shared;

        if (!array)
                return OUT_OK;
        lists->shared = 0;
        call_free_array(m, th, array);
        return OUT_CALL;
}

enum outcome act_relnode_aliens(struct machine *m, struct thread *th, struct frame *f)
{
        if (!m->mem.numa || !memory_aliens(&m->mem, f->cache, f->node)->attached)
                return OUT_OK;
        call_free_aliens(th, f->cache, f->node, false);
        return OUT_CALL;
}

enum outcome act_relnode_lists(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        if (!lists->present)
                return OUT_DONE;
        lists->present = 0;
        call_free(m, th, lists->place, m->mem.arch->list3_bytes);
        lists->place = PLACE_NONE;
        return OUT_CALL;
}

enum outcome act_release_descriptor(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        call_free(m, th, cache->place, m->mem.arch->descriptor_bytes);
        return OUT_CALL;
}

/* kmem_cache_shrink. The inner path returns 0 if no slab is in use any more, else 1. */

enum outcome act_shrink_call(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_path(th, SHRINK_MAGS, f->cache);
        return OUT_CALL;
}

enum outcome act_shrink_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        th->op.result = (uint32_t)th->ret;
        th->ret = PLACE_NONE;
        lock_drop(m, th, &m->mem.chain_mutex);
        return OUT_DONE;
}

enum outcome act_shrink_mags(struct machine *m, struct thread *th, struct frame *f)
{
        return call_other_cpus(m, th, DRAINM_LOCK, f->cache);
}

enum outcome act_shrink_mag_own(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *drain = call_path(th, DRAINM_LOCK, f->cache);

        drain->node = (uint8_t)m->mem.node_of_cpu[th->cpu];
        return OUT_CALL;
}

enum outcome act_shrink_aliens(struct machine *m, struct thread *th, struct frame *f)
{
        for (; m->mem.numa && f->node < m->mem.nodes; f->node++) {
                if (memory_aliens(&m->mem, f->cache, f->node)->attached) {
                        call_drain_aliens(th, f->cache, f->node++);
                        return OUT_CALL;
                }
        }
        f->node = 0;
        return OUT_OK;
}

enum outcome act_shrink_shared(struct machine *m, struct thread *th, struct frame *f)
{
        for (; f->node < m->mem.nodes; f->node++) {
                const struct slab_lists *lists = lists_of(m, f);

                if (lists->present && lists->shared) {
                        struct frame *drain = call_path(th, DRAIN_TEST, f->cache);

                        drain->node = f->node++;
                        drain->drain.array = lists->shared;
                        drain->drain.force = 1;
                        drain->drain.is_shared = 1;
                        return OUT_CALL;
                }
        }
        f->node = 0;
        return OUT_OK;
}

enum outcome act_shrink_free(struct machine *m, struct thread *th, struct frame *f)
{
        for (; f->node < m->mem.nodes; f->node++) {
                const struct slab_lists *lists = lists_of(m, f);

                if (lists->present) {
                        struct frame *drain = call_path(th, DRAINF_NEXT, f->cache);

                        drain->node = f->node++;
                        drain->drainf.want = lists->free_objects;
                        return OUT_CALL;
                }
        }
        return OUT_OK;
}

enum outcome act_shrink_result(struct machine *m, struct thread *th, struct frame *f)
{
        th->ret = 0;
        for (uint32_t node = 0; node < m->mem.nodes; node++) {
                const struct slab_lists *lists = memory_lists(&m->mem, f->cache, node);

                if (lists->list[SLABS_FULL].count || lists->list[SLABS_PARTIAL].count)
                        th->ret = 1;
        }
        return OUT_DONE;
}

/* kmem_cache_destroy */

enum outcome act_destroy_unlink(struct machine *m, struct thread *th, struct frame *f)
{
        memory_chain_remove(&m->mem, f->cache);
        call_path(th, SHRINK_MAGS, f->cache);
        return OUT_CALL;
}

enum outcome act_destroy_test(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return th->ret == 0 ? OUT_OK : OUT_NO;
}

enum outcome act_destroy_busy(struct machine *m, struct thread *th, struct frame *f)
{
        machine_report(m, th, REPORT_CACHE_BUSY, f->cache, 0, 0);
        memory_chain_add(&m->mem, f->cache);
        lock_drop(m, th, &m->mem.chain_mutex);
        th->op.result = 1;
        th->ret = PLACE_NONE;
        th->op.path = PATH_FAILED;
        return OUT_DONE;
}

enum outcome act_destroy_rcu(struct machine *m, struct thread *th, struct frame *f)
{
        if (!(m->mem.caches[f->cache].flags & CACHE_DESTROY_BY_RCU))
                return OUT_OK;
        if (m->rcu_grace_ns)
                return f->rcu.waited && !memory_rcu_waits(&m->mem, f->cache) ? OUT_OK : OUT_ALT;
        return act_rcu_next(m, th, f) == OUT_CALL ? OUT_CALL : OUT_OK;
}

/*
 * synchronize_rcu(). 2.6.20 waits for one grace period, which says nothing of callbacks of other CPUs that are late;
 * here the descriptor stays until no slab of the cache waits any more (as with rcu_barrier(),
 * which later kernels call).
 */
enum outcome act_destroy_rcu_wait(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        m->sleep_until_ns = f->rcu.waited ? (m->now_ns / m->tick_ns + 1) * m->tick_ns : grace_end_ns(m);
        f->rcu.waited = 1;
        return OUT_SLEEP;
}

enum outcome act_destroy_release(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_path(th, RELEASE_MAG, f->cache);
        return OUT_CALL;
}

enum outcome act_destroy_end(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        cache->live = CACHE_GONE;
        cache->destroyed_ns = m->now_ns;
        machine_event(m, th, EV_CACHE_DESTROYED, f->cache, 0, 0);
        lock_drop(m, th, &m->mem.chain_mutex);
        th->op.result = 0;
        th->ret = PLACE_NONE;
        return OUT_DONE;
}

/* CPU_UP of hotplug.cpu. */

enum outcome act_up_limits(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t node = m->mem.node_of_cpu[f->hotplug.cpu];

        if (m->mem.online & (1u << f->hotplug.cpu))
                return OUT_NO;
        for (uint32_t id = m->mem.chain; id != CACHE_ID_NONE; id = m->mem.caches[id].next) {
                CHECK(memory_lists(&m->mem, id, node)->present);
                set_free_limit(m, th, id, node);
        }
        f->node = (uint8_t)node;
        f->hotplug.next = m->mem.chain;
        return OUT_OK;
}

enum outcome act_up_mag(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->hotplug.next == CACHE_ID_NONE)
                return OUT_OK;
        f->cache = f->hotplug.next;
        call_kmalloc_node(m, th, array_bytes(m, m->mem.caches[f->cache].limit), GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_up_mag_got(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];

        f->hotplug.place = th->ret;
        if (th->ret == PLACE_NONE)
                return OUT_NO;
        call_kmalloc_node(m, th, array_bytes(m, cache->shared * cache->batchcount), GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_up_shared_got(struct machine *m, struct thread *th, struct frame *f)
{
        f->hotplug.shared_place = th->ret;
        if (th->ret == PLACE_NONE) /* the magazine is lost, as in the kernel */
                return OUT_NO;
        if (!m->mem.numa)
                return OUT_OK;
        call_path(th, ALIENS_NEW, f->cache)->node = f->node;
        return OUT_CALL;
}

enum outcome act_up_install(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        (void)th;
        cache->array[f->hotplug.cpu] =
                memory_array_new(&m->mem, cache->limit, cache->batchcount, f->hotplug.place);
        f->hotplug.array =
                memory_array_new(&m->mem, cache->shared * cache->batchcount, 0, f->hotplug.shared_place);
        return OUT_OK;
}

enum outcome act_up_attach(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);
        bool attached = !lists->shared;

        if (attached)
                lists->shared = f->hotplug.array;
        attach_aliens(m, f);
        lock_drop(m, th, &lists->lock);
        irq_restore(m, th, f);
        if (attached)
                return OUT_OK;
        call_free_array(m, th, f->hotplug.array);
        return OUT_CALL;
}

enum outcome act_up_next(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        f->hotplug.next = m->mem.caches[f->cache].next;
        return OUT_OK;
}

/* The next notifier: page sets (NUMA). */
enum outcome act_up_pagesets(struct machine *m, struct thread *th, struct frame *f)
{
        th->ret = 0;
        if (!m->mem.numa)
                return OUT_OK;
        call_path(th, PAGESETS_NEXT, CACHE_ID_NONE)->hotplug.cpu = f->hotplug.cpu;
        return OUT_CALL;
}

enum outcome act_up_online(struct machine *m, struct thread *th, struct frame *f)
{
        m->mem.online |= 1u << f->hotplug.cpu;
        m->mem.cpus_on_node[m->mem.node_of_cpu[f->hotplug.cpu]]++;
        if (!m->booting)
                sched_cpu_online(m);
        machine_event(m, th, EV_CPU_ONLINE, f->hotplug.cpu, m->mem.node_of_cpu[f->hotplug.cpu], 0);
        lock_drop(m, th, &m->mem.chain_mutex);
        th->op.result = 0;
        th->ret = PLACE_NONE;
        return OUT_DONE;
}

static void call_down_caches(struct machine *m, struct thread *th, uint32_t cpu)
{
        struct frame *down = call_path(th, DOWN_CACHE, CACHE_ID_NONE);

        down->hotplug.cpu = cpu;
        down->hotplug.next = m->mem.chain;
        down->node = (uint8_t)m->mem.node_of_cpu[cpu];
}

enum outcome act_up_cancel(struct machine *m, struct thread *th, struct frame *f)
{
        call_down_caches(m, th, f->hotplug.cpu);
        return OUT_CALL;
}

/* cpu_up() says the same whatever a notifier lacked. */
enum outcome act_up_canceled(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        th->op.result = ERRNO_EINVAL;
        th->ret = PLACE_NONE;
        th->op.path = PATH_FAILED;
        return OUT_DONE;
}

enum outcome act_hotplug_refused(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        th->op.result = ERRNO_EINVAL;
        th->ret = PLACE_NONE;
        th->op.path = PATH_FAILED;
        lock_drop(m, th, &m->mem.chain_mutex);
        return OUT_DONE;
}

/* CPU_DOWN of hotplug.cpu: page lists, then magazines, then every free slab. */

enum outcome act_down_test(struct machine *m, struct thread *th, struct frame *f)
{
        if (!(m->mem.online & (1u << f->hotplug.cpu)))
                return OUT_NO;
        return th->cpu == f->hotplug.cpu ? OUT_ALT : OUT_OK;
}

enum outcome act_down_leave(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        (void)f;
        m->sleep_until_ns = m->now_ns;
        m->moves_to_plus_1 = 1;
        return OUT_SLEEP;
}

enum outcome act_down_stop(struct machine *m, struct thread *th, struct frame *f)
{
        if (m->manual_clock) { /* one op at a time: nobody is there */
                machine_cpu_offline(&m->mem, f->hotplug.cpu);
                return OUT_OK;
        }
        sched_stop_cpu(m, th, f->hotplug.cpu);
        m->sleep_until_ns = TIME_NEVER;
        return OUT_SLEEP;
}

enum outcome act_down_offline(struct machine *m, struct thread *th, struct frame *f)
{
        zone_stat_fold(&m->mem, f->hotplug.cpu);
        call_drain_pages(m, th, f->hotplug.cpu);
        return OUT_CALL;
}

enum outcome act_down_lru(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_add_drain(th, 0, LRU_LISTS)->add.cpu = f->hotplug.cpu;
        return OUT_CALL;
}

enum outcome act_down_dead(struct machine *m, struct thread *th, struct frame *f)
{
        zone_stat_fold(&m->mem, f->hotplug.cpu);
        call_down_caches(m, th, f->hotplug.cpu);
        th->op.result = 0;
        return OUT_CALL;
}

enum outcome act_down_cache(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        if (f->hotplug.next == CACHE_ID_NONE) {
                f->hotplug.next = m->mem.chain;
                return OUT_NO;
        }
        f->cache = f->hotplug.next;
        f->hotplug.next = m->mem.caches[f->cache].next;
        return OUT_OK;
}

/* The magazine, and with the last CPU of a node also its shared and alien arrays. Without NUMA CPU 0 stays. */
enum outcome act_down_cache_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];

        lists_of(m, f)->free_limit -= cache->batchcount;
        f->hotplug.array = cache->array[f->hotplug.cpu];
        cache->array[f->hotplug.cpu] = 0;
        if (!f->hotplug.array)
                return OUT_OK;
        call_return_objects(m, th, f->cache, f->node, f->hotplug.array,
                            memory_array(&m->mem, f->hotplug.array)->avail);
        return OUT_CALL;
}

enum outcome act_down_shared(struct machine *m, struct thread *th, struct frame *f)
{
        f->hotplug.last = m->mem.cpus_on_node[f->node] == 0;
        f->hotplug.shared = f->hotplug.last ? lists_of(m, f)->shared : 0;
        if (!f->hotplug.shared)
                return OUT_OK;
        call_return_objects(m, th, f->cache, f->node, f->hotplug.shared,
                            memory_array(&m->mem, f->hotplug.shared)->avail);
        return OUT_CALL;
}

enum outcome act_down_cache_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        if (f->hotplug.shared)
                lists->shared = 0;
        if (f->hotplug.last) {
                struct alien_set *set = memory_aliens(&m->mem, f->cache, f->node);

                f->hotplug.last = set->attached;
                set->attached = 0;
        }
        if (f->hotplug.array) {
                struct array_cache *ac = memory_array(&m->mem, f->hotplug.array);

                if (ac->avail)
                        machine_event(m, th, EV_MAGAZINE_SHED, f->cache, ac->avail, 0);
                ac->avail = 0;
        }
        if (f->hotplug.shared) {
                struct array_cache *ac = memory_array(&m->mem, f->hotplug.shared);

                if (ac->avail)
                        machine_event(m, th, EV_SHARED_SHED, f->cache, ac->avail, 0);
                ac->avail = 0;
        }
        lock_drop(m, th, &lists->lock);
        irq_restore(m, th, f);
        if (!f->hotplug.shared)
                return OUT_OK;
        call_free_array(m, th, f->hotplug.shared);
        return OUT_CALL;
}

enum outcome act_down_aliens_drain(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        if (!f->hotplug.last)
                return OUT_NO;
        call_drain_aliens(th, f->cache, f->node);
        return OUT_CALL;
}

enum outcome act_down_aliens_free(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_free_aliens(th, f->cache, f->node, false);
        return OUT_CALL;
}

enum outcome act_down_mag_free(struct machine *m, struct thread *th, struct frame *f)
{
        if (!f->hotplug.array)
                return OUT_OK;
        call_free_array(m, th, f->hotplug.array);
        return OUT_CALL;
}

enum outcome act_down_free(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *drain;

        if (f->hotplug.next == CACHE_ID_NONE) {
                lock_drop(m, th, &m->mem.chain_mutex);
                th->ret = PLACE_NONE;
                return OUT_DONE;
        }
        drain = call_path(th, DRAINF_NEXT, f->hotplug.next);
        drain->node = f->node;
        drain->drainf.want = memory_lists(&m->mem, f->hotplug.next, f->node)->free_objects;
        f->hotplug.next = m->mem.caches[f->hotplug.next].next;
        return OUT_CALL;
}

enum outcome act_down_pagesets(struct machine *m, struct thread *th, struct frame *f)
{
        if (!m->mem.numa)
                return OUT_OK;
        call_path(th, PAGESETS_FREE, CACHE_ID_NONE)->hotplug.cpu = f->hotplug.cpu;
        return OUT_CALL;
}

enum outcome act_down_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        th->ret = PLACE_NONE;
        return OUT_DONE;
}
