/*
 * numa.c - the paths that only a NUMA kernel has: objects of a named node, objects of other nodes when this one has
 * none, frees that go home through alien arrays, and the page sets of a CPU.
 *
 * Stands for kmem_cache_alloc_node(), __cache_alloc_node(), fallback_alloc(), cache_free_alien(), drain_alien_cache()
 * and alloc_alien_cache() in mm/slab.c, and process_zones()
 * in mm/page_alloc.c of 2.6.20 (spec 02 section 8, 01 section 9.4, 02 section 11).
 *
 * Every node has lists of every cache here, since nodes neither come nor go after boot. So a request for a node always
 * finds some, and a CPU that comes up never has to make them.
 */
#include "base/core_only.h"
#include "path/step.h"

static void note_own(struct thread *th, const struct frame *f, enum op_path path)
{
        if (f->own)
                note_path(th, path);
}

/* kmem_cache_alloc_node: this CPU's own node has the magazine in front of it, others only their slabs. */

enum outcome act_allocn_irq_off(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        CHECK(lists_of(m, f)->present);
        if (f->node == m->mem.node_of_cpu[th->cpu])
                return m->single_steps & SINGLE_FAILSLAB ? OUT_ALT : OUT_OK;
        call_node_alloc(th, f, f->gfp, f->node, is_own(th, f));
        return OUT_CALL;
}

enum outcome act_alloc_node_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return th->ret != PLACE_NONE ? OUT_OK : OUT_NO;
}

/* One object straight from the slabs of a node; the shared array is not asked. */

struct frame *call_node_alloc(struct thread *th, const struct frame *f, uint32_t gfp, uint32_t node, bool own)
{
        struct frame *alloc = call_path(th, NODE_LOCK, f->cache);

        alloc->gfp = gfp;
        alloc->node = (uint8_t)node;
        alloc->own = own;
        return alloc;
}

enum outcome act_node_pick(struct machine *m, struct thread *th, struct frame *f)
{
        struct slab_lists *lists = lists_of(m, f);

        f->node_alloc.slab = lists->list[SLABS_PARTIAL].head;
        if (f->node_alloc.slab) {
                note_own(th, f, PATH_PARTIAL_SLAB);
                return OUT_OK;
        }
        lists->free_touched = 1;
        f->node_alloc.slab = lists->list[SLABS_FREE].head;
        if (f->node_alloc.slab) {
                note_own(th, f, PATH_FREE_SLAB);
                return OUT_OK;
        }
        lock_drop(m, th, &lists->lock);
        return OUT_NO;
}

enum outcome act_node_take(struct machine *m, struct thread *th, struct frame *f)
{
        struct kmem_cache *cache = &m->mem.caches[f->cache];
        struct slab_lists *lists = lists_of(m, f);
        uint32_t id = f->node_alloc.slab;
        struct slab *slab = &m->mem.slabs[id];
        uint32_t index;

        if (is_debug(m) && !debug_check_slab(m, th, id))
                return machine_halt(m);
        CHECK(slab->inuse < slab->num);
        index = slab_get(slab, &m->mem.pool);
        th->ret = memory_object_place(&m->mem, slab, index);
        if (is_debug(m)) {
                debug_taken(m, th, id, index);
                if (!debug_check_slab(m, th, id))
                        return machine_halt(m);
        }
        lists->free_objects--;
        slab_list_remove(m->mem.slabs, lists->list, id);
        slab_list_add_head(m->mem.slabs, lists->list, slab->free == BUFCTL_END ? SLABS_FULL : SLABS_PARTIAL, id);
        cache->node_allocs++;
        if (++cache->num_active > cache->high)
                cache->high = cache->num_active;
        spend(m, COST_TAKE_OBJ, 1);
        spend(m, COST_MISS, 1);
        machine_event(m, th, EV_SLAB_TAKEN, slab->pfn, 1, slab->inuse);
        lock_drop(m, th, &lists->lock);
        return OUT_DONE;
}

enum outcome act_node_grow(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *grow = call_path(th, GROW_BEGIN, f->cache);

        (void)m;
        grow->gfp = f->gfp | GFP_THISNODE_NUMA;
        grow->node = f->node;
        return OUT_CALL;
}

enum outcome act_node_grown(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *fallback;

        if (th->ret == 1) {
                note_own(th, f, PATH_NEW_SLAB);
                return OUT_OK;
        }
        th->ret = PLACE_NONE;
        if (f->gfp & __GFP_THISNODE)
                return OUT_DONE;
        fallback = call_path(th, FALLBACK_ZONE, f->cache);
        fallback->gfp = f->gfp;
        fallback->own = f->own;
        fallback->fallback.list_node = (uint8_t)m->mem.node_of_cpu[th->cpu];
        fallback->fallback.list_type = (uint8_t)memory_zone_type(&m->mem, f->gfp);
        return OUT_CALL;
}

/* Any node will do: first what the nodes have on their slabs, then pages from anywhere (fallback_alloc). */

enum outcome act_fallback_zone(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->fallback.list_node][f->fallback.list_type];

        while (f->fallback.next < list->count) {
                uint32_t node = m->mem.zones[list->zone[f->fallback.next++]].node;

                if (!memory_lists(&m->mem, f->cache, node)->free_objects) /* read without the lock */
                        continue;
                call_node_alloc(th, f, f->gfp | GFP_THISNODE_NUMA, node, f->own);
                return OUT_CALL;
        }
        th->ret = PLACE_NONE;
        return f->gfp & __GFP_NO_GROW ? OUT_DONE : OUT_NO;
}

enum outcome act_fallback_zone_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return th->ret != PLACE_NONE ? OUT_DONE : OUT_NO;
}

enum outcome act_fallback_pages(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];

        if (f->gfp & __GFP_WAIT)
                irq_enable(m, th->cpu);
        call_pages(m, th, f->cache, f->gfp | cache->gfpflags, cache->gfporder, m->mem.node_of_cpu[th->cpu]);
        return OUT_CALL;
}

/* The new slab belongs to the node that its pages came from. */
enum outcome act_fallback_pages_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *grow;
        uint32_t pfn;

        cpu_of(m, th)->irq_off = 1;
        if (th->ret == PLACE_NONE)
                return OUT_DONE;
        pfn = place_pfn(th->ret);
        count_slab_pages(m, th, f->cache, pfn);
        f->node = (uint8_t)memory_zone_of(&m->mem, pfn)->node;
        grow = call_path(th, GROW_BEGIN, f->cache);
        grow->gfp = f->gfp;
        grow->node = f->node;
        grow->grow.pfn = pfn;
        grow->grow.supplied = 1;
        return OUT_CALL;
}

enum outcome act_fallback_grown(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        if (th->ret != 1) { /* no header for it: the pages have gone back */
                th->ret = PLACE_NONE;
                return OUT_DONE;
        }
        note_own(th, f, PATH_NEW_SLAB);
        call_node_alloc(th, f, f->gfp | GFP_THISNODE_NUMA, f->node, f->own);
        return OUT_CALL;
}

enum outcome act_fallback_taken(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        if (th->ret != PLACE_NONE)
                return OUT_DONE;
        f->fallback.next = 0; /* another CPU was faster: all over again */
        return OUT_NO;
}

/* kfree of an object of another node: into this node's alien array for it, a dozen at a time home. */

enum outcome act_free_home_check(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t node = m->mem.node_of_cpu[th->cpu];
        const struct alien_set *set = memory_aliens(&m->mem, f->cache, node);

        f->free.home = m->mem.slabs[memory_slab_of(&m->mem, f->free.place)].node;
        if (f->free.home == node)
                return OUT_OK;
        m->mem.caches[f->cache].node_frees++;
        if (set->attached && set->array[f->free.home]) {
                f->node = (uint8_t)node;
                return OUT_NO;
        }
        f->node = (uint8_t)f->free.home;
        return OUT_ALT;
}

enum outcome act_free_alien_lock(struct machine *m, struct thread *th, struct frame *f)
{
        return lock_take(m, th, &memory_aliens(&m->mem, f->cache, f->node)->lock[f->free.home], 3, f->cache);
}

enum outcome act_free_alien_check(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t array = memory_aliens(&m->mem, f->cache, f->node)->array[f->free.home];
        const struct array_cache *ac = memory_array(&m->mem, array);

        if (ac->avail < ac->limit)
                return OUT_OK;
        m->mem.caches[f->cache].node_overflow++;
        if (is_own(th, f))
                note_path(th, PATH_SHARED);
        call_drain_alien(th, f->cache, f->free.home, array);
        return OUT_CALL;
}

enum outcome act_free_alien_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct alien_set *set = memory_aliens(&m->mem, f->cache, f->node);
        struct array_cache *ac = memory_array(&m->mem, set->array[f->free.home]);

        CHECK(ac->avail < ac->limit);
        ac->entry[ac->avail++] = f->free.place;
        machine_event(m, th, EV_ALIEN_PUT, f->cache, f->free.home, ac->avail);
        if (is_own(th, f))
                note_path(th, PATH_MAGAZINE);
        lock_drop(m, th, &set->lock[f->free.home]);
        return OUT_OK;
}

enum outcome act_free_remote_direct(struct machine *m, struct thread *th, struct frame *f)
{
        if (is_own(th, f))
                note_path(th, PATH_SLABS);
        call_return_objects(m, th, f->cache, f->node, 0, 1)->ret.place = f->free.place;
        return OUT_CALL;
}

enum outcome act_free_remote_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        lock_drop(m, th, &lists_of(m, f)->lock);
        return OUT_OK;
}

/* An alien array goes home: the top of it to the home's shared array, the rest to the slabs. Its lock is held. */

void call_drain_alien(struct thread *th, uint32_t cache, uint32_t home, uint32_t array)
{
        struct frame *f = call_path(th, ALIEN_DRAIN_LOCK, cache);

        f->node = (uint8_t)home;
        f->alien.array = array;
}

enum outcome act_alien_to_shared(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = memory_array(&m->mem, f->alien.array);
        struct slab_lists *lists = lists_of(m, f);
        struct array_cache *shared;
        uint32_t count;

        (void)th;
        if (!lists->shared)
                return OUT_OK;
        shared = memory_array(&m->mem, lists->shared);
        count = array_cache_move_top(shared, ac, ac->limit);
        if (!count)
                return OUT_OK;
        shared->touched = 1;
        f->alien.shared = count;
        spend(m, COST_SHARED_MOVE, 1);
        spend(m, COST_SHARED_OBJ, count);
        spend(m, COST_MISS, (count + 7) / 8);
        return OUT_OK;
}

enum outcome act_alien_to_slabs(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t avail = memory_array(&m->mem, f->alien.array)->avail;

        if (!avail)
                return OUT_OK;
        call_return_objects(m, th, f->cache, f->node, f->alien.array, avail);
        return OUT_CALL;
}

enum outcome act_alien_drain_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        struct array_cache *ac = memory_array(&m->mem, f->alien.array);

        machine_event(m, th, EV_ALIEN_DRAINED, f->cache, f->alien.shared, ac->avail);
        ac->avail = 0;
        lock_drop(m, th, &lists_of(m, f)->lock);
        return OUT_DONE;
}

/* All alien arrays of one node go home, homes ascending (drain_alien_cache). */

void call_drain_aliens(struct thread *th, uint32_t cache, uint32_t node)
{
        call_path(th, ALIENS_DRAIN_NEXT, cache)->node = (uint8_t)node;
}

enum outcome act_aliens_drain_next(struct machine *m, struct thread *th, struct frame *f)
{
        const struct alien_set *set = memory_aliens(&m->mem, f->cache, f->node);

        (void)th;
        while (f->alien.index < m->mem.nodes && !set->array[f->alien.index])
                f->alien.index++;
        return f->alien.index < m->mem.nodes ? OUT_OK : OUT_DONE;
}

enum outcome act_aliens_drain_lock(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return lock_take(m, th, &memory_aliens(&m->mem, f->cache, f->node)->lock[f->alien.index], 3, f->cache);
}

enum outcome act_aliens_drain(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t array = memory_aliens(&m->mem, f->cache, f->node)->array[f->alien.index];

        if (!memory_array(&m->mem, array)->avail)
                return OUT_OK;
        call_drain_alien(th, f->cache, f->alien.index, array);
        return OUT_CALL;
}

enum outcome act_aliens_drain_unlock(struct machine *m, struct thread *th, struct frame *f)
{
        lock_drop(m, th, &memory_aliens(&m->mem, f->cache, f->node)->lock[f->alien.index]);
        irq_restore(m, th, f);
        f->alien.index++;
        return OUT_OK;
}

/*
 * The alien set of a node is made and given back (alloc_alien_cache, free_alien_cache), all of it in the node's own
 * memory. Making it returns 0 with the set in memory.new_aliens, or 1 with nothing: when an array cannot be had, those
 * made before go back the way a whole set does (the original means to and does not: its loop runs the wrong way).
 */

static struct alien_set *aliens_in_hand(struct machine *m, const struct frame *f)
{
        return f->alien.is_new ? &m->mem.new_aliens : memory_aliens(&m->mem, f->cache, f->node);
}

static uint64_t alien_pointers_bytes(const struct machine *m)
{
        return (uint64_t)m->mem.arch->word_bytes * MACHINE_NODES_MAX;
}

enum outcome act_aliens_new(struct machine *m, struct thread *th, struct frame *f)
{
        f->alien.is_new = 1;
        CHECK(!m->mem.new_aliens.attached);
        call_kmalloc_node(m, th, alien_pointers_bytes(m), GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_aliens_new_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        if (th->ret == PLACE_NONE) {
                th->ret = 1;
                return OUT_DONE;
        }
        m->mem.new_aliens.attached = 1; /* there is one; to its node when it is complete */
        m->mem.new_aliens.place = th->ret;
        return OUT_OK;
}

enum outcome act_aliens_array(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t limit = m->mem.caches[f->cache].limit;

        if (f->alien.index == f->node)
                f->alien.index++;
        if (f->alien.index >= m->mem.nodes) {
                th->ret = 0;
                return OUT_DONE;
        }
        call_kmalloc_node(m, th, array_bytes(m, limit > 1 ? ALIEN_LIMIT : limit), GFP_KERNEL, f->node);
        return OUT_CALL;
}

enum outcome act_aliens_array_got(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t limit = m->mem.caches[f->cache].limit;

        if (th->ret == PLACE_NONE)
                return OUT_NO;
        m->mem.new_aliens.array[f->alien.index++] =
                memory_array_new(&m->mem, limit > 1 ? ALIEN_LIMIT : limit, 0, th->ret);
        return OUT_OK;
}

void call_free_aliens(struct thread *th, uint32_t cache, uint32_t node, bool is_new)
{
        struct frame *f = call_path(th, ALIENS_FREE, cache);

        f->node = (uint8_t)node;
        f->alien.is_new = is_new;
}

enum outcome act_aliens_free(struct machine *m, struct thread *th, struct frame *f)
{
        struct alien_set *set = aliens_in_hand(m, f);

        for (uint32_t home = 0; home < m->mem.nodes; home++) {
                uint32_t array = set->array[home];

                if (!array)
                        continue;
                set->array[home] = 0;
                call_free_array(m, th, array);
                return OUT_CALL;
        }
        if (set->place != PLACE_NONE) {
                uint64_t place = set->place;

                set->place = PLACE_NONE;
                set->attached = 0;
                call_free(m, th, place, alien_pointers_bytes(m));
                return OUT_CALL;
        }
        th->ret = 1;
        return OUT_DONE;
}

/*
 * The page sets of hotplug.cpu: one object for each populated zone, in memory of the CPU's node. From then on its page
 * lists have the sizes that fit the zone. Returns 0, or 1 if the memory did not suffice; then nothing is left.
 */

enum outcome act_pagesets_next(struct machine *m, struct thread *th, struct frame *f)
{
        while (f->hotplug.next < m->mem.zone_count && !m->mem.zones[f->hotplug.next].present_pages)
                f->hotplug.next++;
        if (f->hotplug.next == m->mem.zone_count) {
                th->ret = 0;
                return OUT_DONE;
        }
        call_kmalloc_node(m, th, m->mem.arch->pageset_bytes, GFP_KERNEL, m->mem.node_of_cpu[f->hotplug.cpu]);
        return OUT_CALL;
}

enum outcome act_pagesets_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (th->ret == PLACE_NONE)
                return OUT_NO;
        m->mem.pageset_place[f->hotplug.cpu][f->hotplug.next] = th->ret;
        zone_size_page_lists(&m->mem.zones[f->hotplug.next], f->hotplug.cpu, false);
        f->hotplug.next++;
        return OUT_OK;
}

enum outcome act_pagesets_free(struct machine *m, struct thread *th, struct frame *f)
{
        for (uint32_t zone = 0; zone < m->mem.zone_count; zone++) {
                uint64_t place = m->mem.pageset_place[f->hotplug.cpu][zone];

                if (place == PLACE_NONE)
                        continue;
                m->mem.pageset_place[f->hotplug.cpu][zone] = PLACE_NONE;
                zone_size_page_lists(&m->mem.zones[zone], f->hotplug.cpu, true);
                call_free(m, th, place, m->mem.arch->pageset_bytes);
                return OUT_CALL;
        }
        th->ret = 1;
        return OUT_DONE;
}
