/*
 * view.c - the machine as it is now, for the shell: time, caches, zones, pages, processes, pools, counts;
 * audit and hash.
 *
 * Nothing here changes the machine, so a look at it never changes a run. The views are copies in terms of the kernel's
 * /proc files; who needs all of a structure reads sim_memory.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

uint64_t sim_now_ns(const struct sim *sim)
{
        return sim->m.now_ns;
}

uint32_t sim_jiffies(const struct sim *sim)
{
        return (uint32_t)machine_jiffies(&sim->m);
}

uint64_t sim_jiffies64(const struct sim *sim)
{
        return machine_jiffies(&sim->m);
}

const struct memory *sim_memory(const struct sim *sim)
{
        return &sim->m.mem;
}

bool sim_cpu_online(const struct sim *sim, uint32_t cpu)
{
        return cpu < sim->m.mem.cpus && (sim->m.mem.online & (1u << cpu));
}

uint32_t sim_thread_cpu(const struct sim *sim, uint32_t thread)
{
        const struct thread *th = workload_thread(sim, thread);

        return sim->m.mem.online & (1u << th->cpu) || sim->m.manual_clock ? th->cpu
                                                                          : hotplug_fallback(&sim->m.mem, th->cpu);
}

uint64_t sim_moves(const struct sim *sim)
{
        return sim->moves;
}

bool sim_cpu_stopping(const struct sim *sim, uint32_t cpu)
{
        return sim->m.stop_caller && sim->m.stop_cpu == cpu;
}

uint32_t sim_cache_find(const struct sim *sim, const char *name)
{
        uint32_t id = memory_cache_find(&sim->m.mem, name);

        return id != CACHE_ID_NONE && sim->m.mem.caches[id].live == CACHE_LIVE ? id : CACHE_ID_NONE;
}

bool sim_process_get(const struct sim *sim, uint32_t process, struct process_view *ret)
{
        const struct process_table *table = &sim->m.mem.processes;
        const struct process *p = &table->process[process];

        if (process - 1 >= table->count)
                return false;
        memset(ret, 0, sizeof(*ret));
        ret->spec = p->spec;
        ret->points = process_badness(table, process, sim->m.now_ns / 1000000000u, sim->m.mem.hz,
                                      sim->m.mem.arch->word_bytes);
        ret->killed = p->killed_ns != TIME_NEVER;
        ret->exited = p->exited;
        ret->killed_ns = p->killed_ns;
        return true;
}

bool sim_mempool_get(const struct sim *sim, uint32_t id, struct mempool_view *ret)
{
        const struct mempool *mempool = &sim->m.mem.mempools[id];

        if (id - 1 >= sim->m.mem.mempool_count)
                return false;
        memset(ret, 0, sizeof(*ret));
        ret->spec = mempool->spec;
        ret->live = mempool->state == MEMPOOL_LIVE;
        ret->min_nr = mempool->min_nr;
        ret->curr_nr = mempool->curr_nr;
        ret->waiters = mempool->waiters;
        ret->taken = mempool->taken;
        ret->put = mempool->put;
        ret->waits = mempool->waits;
        ret->refused = mempool->refused;
        return true;
}

bool sim_object_get(const struct sim *sim, uint32_t object, struct sim_object *ret)
{
        const struct object *o = &sim->objects[object];

        if (object >= sim->object_count || o->state == OBJECT_UNUSED)
                return false;
        ret->place = place_of(o->pfn, o->offset);
        ret->op = o->op;
        ret->mempool = o->state == OBJECT_ELEMENT || o->state == OBJECT_ELEMENT_BEING_FREED ? o->size_bytes : 0;
        ret->size_bytes = ret->mempool ? request_element_bytes(sim, &sim->m.mem.mempools[ret->mempool].spec)
                                       : o->size_bytes;
        ret->cache = o->cache;
        ret->order = o->order;
        ret->live = o->state == OBJECT_LIVE || o->state == OBJECT_ELEMENT || o->state == OBJECT_PAGE ||
                    o->state == OBJECT_PUT;
        return true;
}

uint32_t sim_object_count(const struct sim *sim)
{
        return sim->object_count;
}

const struct sim_counts *sim_counts(const struct sim *sim)
{
        return &sim->counts;
}

bool sim_thread_makes_fail(const struct sim *sim, uint32_t thread)
{
        return sim->m.threads[sim->task_first + thread].make_it_fail != 0;
}

uint64_t sim_fault_seen(const struct sim *sim, enum fault_capability capability)
{
        return sim->m.fault.seen[capability];
}

uint64_t sim_fault_injected(const struct sim *sim, enum fault_capability capability)
{
        return sim->m.fault.injected[capability];
}

uint64_t sim_step_count(const struct sim *sim)
{
        return sim->m.steps;
}

uint64_t sim_edge_count(const struct sim *sim, uint32_t state, uint32_t outcome)
{
        CHECK(state < STATE_COUNT);
        CHECK(outcome <= OUT_PARK);
#ifdef KMEMSIM_AUDIT_FULL
        return sim->m.edges[state][outcome];
#else
        (void)sim;
        return 0;
#endif
}

bool sim_cache_stock(const struct sim *sim, uint32_t cache, struct cache_stock *ret)
{
        const struct kmem_cache *c = &sim->m.mem.caches[cache];

        if (cache >= sim->m.mem.cache_count || c->live == CACHE_GONE)
                return false;
        memset(ret, 0, sizeof(*ret));
        for (uint32_t node = 0; node < sim->m.mem.nodes; node++) {
                const struct slab_lists *lists = memory_lists(&sim->m.mem, cache, node);

                ret->slabs_partial += lists->list[SLABS_PARTIAL].count;
                ret->slabs_full += lists->list[SLABS_FULL].count;
                ret->slabs_free += lists->list[SLABS_FREE].count;
        }
        ret->active_objs = c->num_active;
        ret->num_objs = c->slab_count * c->num;
        ret->shared_objs = memory_shared_objs(&sim->m.mem, cache) + memory_alien_objs(&sim->m.mem, cache);
        ret->live_objs = c->live_objs;
        ret->magazine_objs = ret->active_objs - ret->shared_objs - ret->live_objs;
        ret->requested_bytes = c->requested_bytes;
        ret->allocated_bytes = c->live_objs * c->buffer_size;
        ret->slab_bytes = c->slab_count * ((uint64_t)PAGE_BYTES << c->gfporder);
        return true;
}

uint32_t sim_zone_count(const struct sim *sim)
{
        return sim->m.mem.zone_count;
}

void sim_zone_get(const struct sim *sim, uint32_t zone, struct zone_view *ret)
{
        const struct zone *z = &sim->m.mem.zones[zone];

        CHECK(zone < sim->m.mem.zone_count);
        memset(ret, 0, sizeof(*ret));
        ret->name = sim->m.mem.arch->zone_names[z->type];
        ret->node = z->node;
        ret->type = z->type;
        ret->start_pfn = z->start_pfn;
        ret->spanned_pages = z->spanned_pages;
        ret->present_pages = z->present_pages;
        ret->free_pages = z->free_pages;
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                ret->free_blocks[order] = z->free_area[order].count;
        for (uint32_t cpu = 0; cpu < sim->m.mem.cpus; cpu++)
                ret->pcp_pages += z->pcp[cpu][0].list.count + z->pcp[cpu][1].list.count;
        ret->pages_min = z->pages_min;
        ret->pages_low = z->pages_low;
        ret->pages_high = z->pages_high;
        memcpy(ret->lowmem_reserve, z->lowmem_reserve, sizeof(ret->lowmem_reserve));
        ret->nr_active = z->lru[LRU_LIST_ACTIVE].count;
        ret->nr_inactive = z->lru[LRU_LIST_INACTIVE].count;
        ret->nr_scan_active = z->nr_scan[LRU_LIST_ACTIVE];
        ret->nr_scan_inactive = z->nr_scan[LRU_LIST_INACTIVE];
        ret->pages_scanned = z->pages_scanned;
        ret->all_unreclaimable = z->all_unreclaimable;
        ret->prev_priority = z->prev_priority;
        for (uint32_t item = 0; item < ZONE_STAT_COUNT; item++)
                ret->stat[item] = stat_shown(z->stat[item]);
}

void sim_vm_get(const struct sim *sim, struct vm_view *ret)
{
        const struct memory *mem = &sim->m.mem;
        const struct lru *lru = &mem->lru;

        memset(ret, 0, sizeof(*ret));
        for (uint32_t item = 0; item < ZONE_STAT_COUNT; item++)
                ret->stat[item] = stat_shown(mem->stat[item]);
        ret->events = lru->events;
        ret->vm_total_pages = lru->vm_total_pages;
        ret->swap_total = lru->setting[VM_SWAP_PAGES];
        ret->swap_free = lru_swap_free(lru);
        ret->swap_cache_pages = lru->swap_cache_pages;
        ret->swap_cache_add = lru->swap_cache_add;
        ret->swap_cache_del = lru->swap_cache_del;
        memcpy(ret->setting, lru->setting, sizeof(ret->setting));
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                ret->pgalloc[zone->type] += zone->pgalloc;
                ret->pgfree += zone->pgfree;
                ret->pgrefill[zone->type] += zone->pgrefill;
                ret->pgsteal[zone->type] += zone->pgsteal;
                ret->pgscan_kswapd[zone->type] += zone->pgscan_kswapd;
                ret->pgscan_direct[zone->type] += zone->pgscan_direct;
                ret->active += zone->lru[LRU_LIST_ACTIVE].count;
                ret->inactive += zone->lru[LRU_LIST_INACTIVE].count;
        }
}

const struct vm_setting_info *sim_vm_setting(uint32_t setting)
{
        return setting < VM_SETTING_COUNT ? &vm_setting_infos[setting] : NULL;
}

bool sim_page_get(const struct sim *sim, uint32_t pfn, struct page_view *ret)
{
        const struct lru_page *page = &sim->m.mem.lru.pages[pfn];

        if (pfn >= sim->m.mem.page_count || sim->m.mem.pages[pfn].state != PAGE_LRU)
                return false;
        ret->bits = page->bits;
        ret->count = lru_count(page);
        ret->pins = page->pins;
        ret->owner = page->owner;
        ret->object = page->object;
        return true;
}

uint32_t sim_cache_count(const struct sim *sim)
{
        return sim->m.mem.cache_count;
}

bool sim_cache_get(const struct sim *sim, uint32_t cache, struct cache_view *ret)
{
        const struct kmem_cache *c = &sim->m.mem.caches[cache];

        if (cache >= sim->m.mem.cache_count)
                return false;
        memset(ret, 0, sizeof(*ret));
        ret->name = c->spec.name;
        ret->spec = c->spec;
        ret->live = c->live != CACHE_GONE;
        ret->off_slab = c->off_slab != 0;
        ret->boot = c->boot != 0;
        ret->buffer_size = c->buffer_size;
        ret->num = c->num;
        ret->gfporder = c->gfporder;
        ret->colour = c->colour;
        ret->colour_off = c->colour_off;
        ret->slab_size = c->slab_size;
        ret->limit = c->limit;
        ret->batchcount = c->batchcount;
        ret->shared = c->shared;
        ret->obj_size = c->obj_size;
        ret->obj_offset = c->obj_offset;
        ret->debug = c->flags & CACHE_DEBUG_FLAGS;
        ret->created_ns = c->created_ns;
        ret->destroyed_ns = c->destroyed_ns;
        return true;
}

const char *sim_audit_now(const struct sim *sim)
{
        const struct thread *th;
        uint32_t under_way = 0;
        uint32_t index = 0;

        while ((th = sim_thread_next(sim, &index)))
                under_way += th->top >= 0;
        return memory_audit(&sim->m.mem, under_way != 0);
}

const char *sim_audit(const struct sim *sim)
{
        return sim_audit_now(sim);
}

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
        const uint8_t *p = data;

        for (; bytes >= 8; bytes -= 8, p += 8) {
                uint64_t word;

                memcpy(&word, p, 8);
                hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
                hash ^= hash >> 29;
        }
        for (; bytes > 0; bytes--, p++)
                hash = (hash ^ *p) * 0x100000001b3u;
        return hash;
}

uint64_t sim_state_hash(const struct sim *sim)
{
        const struct memory *mem = &sim->m.mem;
        uint64_t hash = 0xcbf29ce484222325u;

        hash = mix(hash, mem->zones, sizeof(mem->zones));
        hash = mix(hash, mem->pages, mem->page_count * sizeof(struct page));
        hash = mix(hash, mem->slabs, mem->slabs_used * sizeof(struct slab));
        hash = mix(hash, mem->pool.base, mem->pool.next_unit * POOL_UNIT);
        hash = mix(hash, mem->caches, mem->cache_count * sizeof(struct kmem_cache));
        hash = mix(hash, mem->lists, (size_t)mem->cache_count * mem->nodes * sizeof(struct slab_lists));
        if (mem->processes.count)
                hash = mix(hash, &mem->processes.process[1], mem->processes.count * sizeof(struct process));
        if (mem->mempool_count)
                hash = mix(hash, &mem->mempools[1], mem->mempool_count * sizeof(struct mempool));
        if (mem->slab_debug)
                hash = mix(hash, mem->slab_debug, mem->slabs_used * sizeof(struct slab_debug));
        hash ^= mem->strayed;
        if (sim->m.rcu_grace_ns)
                hash = mix(hash, mem->rcu_waiting, sizeof(mem->rcu_waiting));
        if (mem->lru.in_use) {
                hash = mix(hash, mem->lru.pages, mem->page_count * sizeof(struct lru_page));
                hash = mix(hash, mem->lru.add, sizeof(mem->lru.add));
                hash = mix(hash, mem->lru.setting, sizeof(mem->lru.setting));
                hash = mix(hash, mem->lru.shrinkers, mem->lru.shrinker_count * sizeof(struct shrinker));
        }
        if (!mem->numa)
                return hash;
        hash = mix(hash, mem->aliens, (size_t)mem->cache_count * mem->nodes * sizeof(struct alien_set));
        hash = mix(hash, mem->zonelist_caches, sizeof(mem->zonelist_caches));
        hash = mix(hash, mem->numa_counters, sizeof(mem->numa_counters));
        hash = mix(hash, mem->pageset_place, sizeof(mem->pageset_place));
        hash = mix(hash, mem->reap_node, sizeof(mem->reap_node));
        return hash;
}
