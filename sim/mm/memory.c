#include "base/core_only.h"
#include "mm/memory.h"

#include "base/check.h"
#include "trace/gfp.h"

#define OBJECT_BYTES_MIN 8u /* bufctls and places a page may need at most: sized for the smallest object */

static void build_zones(struct memory *memory, const struct memory_shape *shape)
{
        uint32_t start = 0;

        memory->zone_count = memory->nodes * ZONE_TYPES;
        for (uint32_t node = 0; node < memory->nodes; node++) {
                uint32_t end = start + (shape->node_mib[node] << (20 - PAGE_SHIFT));
                uint32_t from = start;

                for (uint32_t type = 0; type < ZONE_TYPES; type++) {
                        uint32_t border = memory->arch->zone_end_pfn[type];
                        uint32_t to = border < end ? border : end;
                        struct zone *zone = &memory->zones[node * ZONE_TYPES + type];

                        if (to < from)
                                to = from;
                        zone_init(zone, memory->arch, node, type, from, to, memory->numa);
                        for (uint32_t pfn = from; pfn < to; pfn += 1u << SECTION_SHIFT)
                                memory->zone_of_section[pfn >> SECTION_SHIFT] = (uint8_t)zone->index;
                        from = to;
                }
                start = end;
        }
}

/*
 * build_zonelists(), spec 03 section 1.3. While lists are built no CPU counts as belonging to a node, all remote
 * distances are equal, so each node's list starts with itself and goes on by load, then number.
 */
static void build_zonelists(struct memory *memory)
{
        uint32_t load[MACHINE_NODES_MAX] = { 0 };

        for (uint32_t node = 0; node < memory->nodes; node++) {
                uint32_t order[MACHINE_NODES_MAX];
                uint32_t count = 0;
                uint32_t used = 0;
                uint32_t counter = memory->nodes;
                uint32_t last_distance = 0;

                while (count < memory->nodes) {
                        uint32_t best = node;
                        uint64_t best_value = UINT64_MAX;
                        uint32_t distance;

                        for (uint32_t k = 0; k < memory->nodes && (used & (1u << node)); k++) {
                                uint64_t value = 20u + (k < node ? 1u : 0u);

                                value = value * (memory->nodes * MACHINE_NODES_MAX) + load[k];
                                if (!(used & (1u << k)) && value < best_value) {
                                        best_value = value;
                                        best = k;
                                }
                        }
                        distance = best == node ? 10 : 20;
                        if (distance != last_distance)
                                load[best] += counter;
                        last_distance = distance;
                        counter--;
                        used |= 1u << best;
                        order[count++] = best;
                }
                for (uint32_t type = 0; type < ZONE_TYPES; type++) {
                        struct zonelist *list = &memory->zonelists[node][type];

                        for (uint32_t i = 0; i < count; i++) {
                                for (uint32_t t = type + 1; t-- > 0;) {
                                        const struct zone *zone = &memory->zones[order[i] * ZONE_TYPES + t];

                                        if (zone->present_pages)
                                                list->zone[list->count++] = (uint8_t)zone->index;
                                }
                        }
                }
        }
}

static void build_classes(struct memory *memory)
{
        static const uint32_t sizes[] = { 32,   64,   96,   128,   192,   256,   512,  1024,
                                          2048, 4096, 8192, 16384, 32768, 65536, 131072 };
        uint32_t class = 0;

        for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                if ((sizes[i] == 96 && memory->line_bytes >= 64) || (sizes[i] == 192 && memory->line_bytes >= 128))
                        continue;
                memory->class_bytes[memory->class_count] = sizes[i];
                memory->class_cache[memory->class_count][0] = CACHE_ID_NONE;
                memory->class_cache[memory->class_count][1] = CACHE_ID_NONE;
                memory->class_count++;
        }
        for (uint32_t step = 0; step <= KMALLOC_MAX / 32; step++) {
                while (step * 32 > memory->class_bytes[class])
                        class++;
                memory->class_of[step] = (uint8_t)class;
        }
}

bool memory_init(struct memory *memory, const struct memory_shape *shape, struct arena *arena)
{
        uint64_t pages = 0;
        uint64_t pool_bytes;

        for (uint32_t node = 0; node < shape->nodes; node++)
                pages += (uint64_t)shape->node_mib[node] << (20 - PAGE_SHIFT);
        memory->arch = shape->arch;
        memory->numa = shape->numa;
        memory->cpus = shape->cpus;
        memory->nodes = shape->nodes;
        memory->line_bytes = shape->line_bytes;
        memory->hz = shape->hz;
        memory->reserved_pages = shape->reserved_pages;
        memory->break_order = pages > 8192 ? 1 : 0;
        memory->page_count = (uint32_t)pages;
        memory->chain = CACHE_ID_NONE;
        memory->early_init = 1;
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                memory->node_of_cpu[cpu] = shape->cpu_node_plus_1[cpu] ? shape->cpu_node_plus_1[cpu] - 1
                                                                       : cpu % shape->nodes;
                for (uint32_t zone = 0; zone < ZONES_MAX; zone++)
                        memory->pageset_place[cpu][zone] = PLACE_NONE;
        }

        /* Address space for the worst case: every page a slab of the smallest objects, all in magazines. */
        pool_bytes = pages * (2 * PAGE_BYTES / OBJECT_BYTES_MIN * 2 + 2 * PAGE_BYTES) + (64u << 20);
        memory->pages = arena_take(arena, pages, sizeof(struct page));
        memory->zone_of_section = arena_take(arena, pages >> SECTION_SHIFT, 1);
        memory->slabs = arena_take(arena, pages + 2, sizeof(struct slab));
        memory->caches = arena_take(arena, CACHES_MAX, sizeof(struct kmem_cache));
        memory->lists = arena_take(arena, (size_t)CACHES_MAX * shape->nodes, sizeof(struct slab_lists));
        memory->processes.process = arena_take(arena, PROCESSES_DECLARED_MAX + 1, sizeof(struct process));
        memory->mempools = arena_take(arena, MEMPOOLS_MAX + 1, sizeof(struct mempool));
        if (shape->numa)
                memory->aliens = arena_take(arena, (size_t)CACHES_MAX * shape->nodes, sizeof(struct alien_set));
        if (shape->arch->debug_slab) {
                memory->slab_debug = arena_take(arena, pages + 2, sizeof(struct slab_debug));
                pool_bytes += pages * (PAGE_BYTES / OBJECT_BYTES_MIN * sizeof(struct object_debug) +
                                       PAGE_BYTES / 8 * sizeof(struct slab_piece));
        }
        memory->lru.pages = arena_take(arena, pages, sizeof(struct lru_page));
        memory->lru.owner = arena_take(arena, PROCESSES_MAX, sizeof(struct lru_owner));
        memory->lru.shrinkers = arena_take(arena, SHRINKERS_MAX, sizeof(struct shrinker));
        memory->lru.unused_cap = shape->objects_max;
        memory->lru.unused = arena_take(arena, shape->objects_max, sizeof(struct unused_link));
        pool_init(&memory->pool, arena_take(arena, pool_bytes, 1), pool_bytes);
        if (arena->failed)
                return false;
        memory->slabs_used = 1; /* id 0 is none */
        build_zones(memory, shape);
        build_zonelists(memory);
        build_classes(memory);
        lru_init(memory);
        return true;
}

uint32_t memory_zone_type(const struct memory *memory, uint32_t gfp)
{
        if (gfp & __GFP_DMA)
                return 0;
        if (memory->arch->has_dma32)
                return gfp & __GFP_DMA32 ? 1 : 2;
        return gfp & __GFP_HIGHMEM ? 2 : 1;
}

uint32_t memory_slab_of(const struct memory *memory, uint64_t place)
{
        const struct page *page = &memory->pages[place_pfn(place)];

        CHECK(page->state == PAGE_SLAB);
        return page->slab;
}

uint32_t memory_object_index(const struct memory *memory, const struct slab *slab, uint64_t place)
{
        uint64_t first = place_of(slab->pfn, 0) + slab->colouroff;
        uint32_t index;

        CHECK(place >= first);
        index = (uint32_t)(place - first) / memory->caches[slab->cache].buffer_size;
        CHECK(index < slab->num);
        return index;
}

uint64_t memory_object_place(const struct memory *memory, const struct slab *slab, uint32_t index)
{
        return place_of(slab->pfn, 0) + slab->colouroff + (uint64_t)index * memory->caches[slab->cache].buffer_size;
}

uint32_t memory_array_new(struct memory *memory, uint32_t limit, uint32_t batchcount, uint64_t place)
{
        uint32_t ref = pool_take(&memory->pool, array_cache_bytes(limit));
        struct array_cache *ac = memory_array(memory, ref);

        ac->avail = 0;
        ac->limit = limit;
        ac->batchcount = batchcount;
        ac->touched = 0;
        ac->place = place;
        return ref;
}

void memory_array_drop(struct memory *memory, uint32_t ref)
{
        pool_give(&memory->pool, ref, array_cache_bytes(memory_array(memory, ref)->limit));
}

uint32_t memory_slab_new(struct memory *memory, uint32_t num)
{
        uint32_t id = memory->slab_unused;

        if (id)
                memory->slab_unused = memory->slabs[id].next;
        else
                id = memory->slabs_used++;
        memory->slabs[id] = (struct slab){ 0 };
        memory->slabs[id].num = (uint16_t)num;
        memory->slabs[id].bufctl = pool_take(&memory->pool, num * (uint32_t)sizeof(uint16_t));
        return id;
}

void memory_slab_drop(struct memory *memory, uint32_t id)
{
        struct slab *slab = &memory->slabs[id];

        if (memory->slab_debug)
                slab_debug_drop(memory, id);
        pool_give(&memory->pool, slab->bufctl, slab->num * (uint32_t)sizeof(uint16_t));
        *slab = (struct slab){ .next = memory->slab_unused };
        memory->slab_unused = id;
}

uint32_t memory_cache_new(struct memory *memory, const struct cache_spec *spec)
{
        uint32_t id = memory->cache_count;
        struct kmem_cache *cache = &memory->caches[id];

        if (id == CACHES_MAX)
                return CACHE_ID_NONE;
        memory->cache_count++;
        cache->spec = *spec;
        cache->next = CACHE_ID_NONE;
        cache->slabp_cache = CACHE_ID_NONE;
        cache->place = PLACE_NONE;
        cache->destroyed_ns = TIME_NEVER;
        for (uint32_t node = 0; node < memory->nodes; node++)
                memory_lists(memory, id, node)->place = PLACE_NONE;
        return id;
}

void memory_chain_add(struct memory *memory, uint32_t cache)
{
        memory->caches[cache].next = memory->chain;
        memory->chain = cache;
}

void memory_chain_remove(struct memory *memory, uint32_t cache)
{
        uint32_t *link = &memory->chain;

        while (*link != cache) {
                CHECK(*link != CACHE_ID_NONE);
                link = &memory->caches[*link].next;
        }
        *link = memory->caches[cache].next;
        memory->caches[cache].next = CACHE_ID_NONE;
}

uint32_t memory_cache_find(const struct memory *memory, const char *name)
{
        for (uint32_t id = memory->chain; id != CACHE_ID_NONE; id = memory->caches[id].next) {
                if (strcmp(memory->caches[id].spec.name, name) == 0)
                        return id;
        }
        return CACHE_ID_NONE;
}

static uint64_t isqrt(uint64_t value)
{
        uint64_t root = 0;

        for (uint64_t bit = 1ull << 31; bit; bit >>= 1) {
                if ((root + bit) * (root + bit) <= value)
                        root += bit;
        }
        return root;
}

void memory_set_watermarks(struct memory *memory)
{
        uint64_t sum = 0;
        uint64_t lowmem = 0;
        uint64_t min_free_kbytes, pages_min;
        const struct zonelist *list = &memory->zonelists[0][memory_zone_type(memory, GFP_KERNEL)];

        for (uint32_t i = 0; i < list->count; i++)
                sum += memory->zones[list->zone[i]].present_pages;
        min_free_kbytes = isqrt(sum * 4 * 16);
        if (min_free_kbytes < 128)
                min_free_kbytes = 128;
        if (min_free_kbytes > 65536)
                min_free_kbytes = 65536;
        pages_min = min_free_kbytes >> 2;
        for (uint32_t z = 0; z < memory->zone_count; z++) {
                if (!(memory->arch->highmem && memory->zones[z].type == 2))
                        lowmem += memory->zones[z].present_pages;
        }
        for (uint32_t z = 0; z < memory->zone_count; z++) {
                struct zone *zone = &memory->zones[z];
                uint64_t t = pages_min * zone->present_pages / lowmem;

                if (memory->arch->highmem && zone->type == 2) {
                        uint32_t min = zone->present_pages / 1024;

                        zone->pages_min = min < 32 ? 32 : min > 128 ? 128 : min;
                } else {
                        zone->pages_min = (uint32_t)t;
                }
                zone->pages_low = zone->pages_min + (uint32_t)(t >> 2);
                zone->pages_high = zone->pages_min + (uint32_t)(t >> 1);
        }
        for (uint32_t node = 0; node < memory->nodes; node++) {
                for (uint32_t j = 0; j < ZONE_TYPES; j++) {
                        uint64_t above = 0;

                        for (uint32_t i = j; i-- > 0;) {
                                struct zone *zone = &memory->zones[node * ZONE_TYPES + i];

                                above += memory->zones[node * ZONE_TYPES + i + 1].present_pages;
                                zone->lowmem_reserve[j] =
                                        (uint32_t)(above / memory->arch->lowmem_reserve_ratio[i]);
                        }
                }
        }
        memory->stat_thresholds_set = 1; /* setup_vmstat(), of the same late boot */
}

void memory_hand_over_page(struct memory *memory, uint32_t pfn)
{
        struct zone *zone = memory_zone_of(memory, pfn);
        struct pcp *pcp = &zone->pcp[0][0];

        zone->pgfree++;
        memory->pages[pfn].state = PAGE_PCP;
        page_list_add_head(memory->pages, &pcp->list, pfn);
        if (pcp->list.count < pcp->high)
                return;
        for (uint32_t i = 0; i < pcp->batch; i++) {
                uint32_t oldest = pcp->list.tail;

                page_list_remove(memory->pages, &pcp->list, oldest);
                memory->pages[oldest].state = PAGE_NONE;
                zone_free_block(zone, memory->pages, oldest, 0);
        }
}

uint64_t memory_shared_objs(const struct memory *memory, uint32_t cache)
{
        uint64_t sum = 0;

        for (uint32_t node = 0; node < memory->nodes; node++) {
                const struct slab_lists *lists = memory_lists(memory, cache, node);

                if (lists->shared)
                        sum += memory_array(memory, lists->shared)->avail;
        }
        return sum;
}

uint64_t memory_alien_objs(const struct memory *memory, uint32_t cache)
{
        uint64_t sum = 0;

        for (uint32_t node = 0; memory->numa && node < memory->nodes; node++) {
                const struct alien_set *set = memory_aliens(memory, cache, node);

                for (uint32_t home = 0; home < memory->nodes; home++) {
                        if (set->array[home])
                                sum += memory_array(memory, set->array[home])->avail;
                }
        }
        return sum;
}

struct numa_counters memory_numa_counters(const struct memory *memory)
{
        struct numa_counters sum = { 0 };

        for (uint32_t z = 0; z < memory->zone_count; z++) {
                sum.hit += memory->numa_counters[z].hit;
                sum.miss += memory->numa_counters[z].miss;
                sum.foreign += memory->numa_counters[z].foreign;
                sum.local += memory->numa_counters[z].local;
                sum.other += memory->numa_counters[z].other;
        }
        return sum;
}

bool memory_rcu_waits(const struct memory *memory, uint32_t cache)
{
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                for (uint32_t id = memory->rcu_waiting[cpu].head; id; id = memory->slabs[id].next) {
                        if (memory->slabs[id].cache == cache)
                                return true;
                }
        }
        return false;
}

struct slab_lists *memory_lists_with(const struct memory *memory, uint32_t slab)
{
        const struct slab *s = &memory->slabs[slab];
        uint32_t first = slab;

        while (memory->slabs[first].prev)
                first = memory->slabs[first].prev;
        for (uint32_t node = 0; node < memory->nodes; node++) {
                struct slab_lists *lists = memory_lists(memory, s->cache, node);

                if (lists->list[s->list].head == first)
                        return lists;
        }
        CHECK(!"a slab is on a list of some node");
        return NULL;
}
