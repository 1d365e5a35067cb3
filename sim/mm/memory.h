/*
 * memory.h - the whole allocator as data: pages, zones, slabs, caches, and how to find one from another.
 *
 * Passive: nothing here starts work, waits or knows time. path/ is the only room that changes it; tests and reports
 * read it. Everything lives in the arena and refers to everything else by number: pfn, zone index, slab id, cache id,
 * pool reference.
 */
#ifndef KMEMSIM_MM_MEMORY_H
#define KMEMSIM_MM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/units.h"
#include "mm/arch.h"
#include "mm/array_cache.h"
#include "mm/kmem_cache.h"
#include "mm/limits.h"
#include "mm/mempool.h"
#include "mm/lru.h"
#include "mm/numa.h"
#include "mm/page.h"
#include "mm/pool.h"
#include "mm/process.h"
#include "mm/slab.h"
#include "mm/slab_debug.h"
#include "mm/vmstat.h"
#include "mm/zone.h"

#define KMALLOC_MAX         131072u
#define KMALLOC_CLASSES_MAX 16u
#define ZONES_MAX           (MACHINE_NODES_MAX * ZONE_TYPES)
#define SECTION_SHIFT       8u /* a section of 256 pages (1 MiB) lies in one zone */

/* How far boot has come: g_cpucache_up and slab_early_init of mm/slab.c (spec 04 section 4). */
enum slab_state { SLAB_STATE_NONE, SLAB_STATE_PARTIAL_AC, SLAB_STATE_PARTIAL_L3, SLAB_STATE_FULL };

struct zonelist {
        uint32_t count;
        uint8_t zone[ZONES_MAX]; /* zone indexes, the preferred one first */
};

struct memory {
        const struct arch *arch;
        uint32_t numa, cpus, nodes;
        uint32_t line_bytes, hz, break_order;
        uint32_t reserved_pages;

        struct page *pages;
        uint8_t *zone_of_section;
        uint32_t page_count;
        uint32_t zone_count; /* nodes * ZONE_TYPES, unpopulated ones included */
        struct zone zones[ZONES_MAX];
        struct zonelist zonelists[MACHINE_NODES_MAX][ZONE_TYPES];

        struct slab *slabs;
        uint32_t slabs_used;  /* ids given so far */
        uint32_t slab_unused; /* first free id, linked through next */
        struct pool pool;
        struct slab_debug *slab_debug; /* [slab id], NULL without CONFIG_DEBUG_SLAB */

        struct kmem_cache *caches;
        struct slab_lists *lists; /* [cache * nodes + node] */
        uint32_t cache_count;
        uint32_t chain;           /* first cache id: the newest */
        uint32_t cache_cache;     /* id of "kmem_cache" */
        uint32_t slab_state;      /* enum slab_state */
        uint32_t early_init;      /* 1: no off-slab headers yet */
        struct spinlock chain_mutex;

        uint32_t class_count;
        uint32_t class_bytes[KMALLOC_CLASSES_MAX];
        uint32_t class_cache[KMALLOC_CLASSES_MAX][2]; /* cache ids: normal, DMA */
        uint8_t class_of[KMALLOC_MAX / 32 + 1];       /* by size rounded up to 32 bytes */

        uint32_t online;                          /* bit per CPU */
        uint32_t node_of_cpu[MACHINE_CPUS_MAX];
        uint32_t cpus_on_node[MACHINE_NODES_MAX]; /* as the kernel counts them: boot lags (spec 02 section 11) */

        uint32_t strayed; /* 1: a task was moved to another node in the middle of a refill. Objects of the old node came
                           * into the new one's magazine, and from there their slabs may come on its lists: from then on
                           * slab.node does not say whose lists a slab is on,
                           * and free_objects may be off by them and wrap, as in the kernel */

        /* slabs of RCU caches waiting to be released, linked through next */
        uint32_t rcu_head, rcu_tail; /* machines without grace periods: for the end of the op */
        struct rcu_list {
                uint32_t head, tail;
        } rcu_waiting[MACHINE_CPUS_MAX]; /* by the CPU that asked; slab.prev: tick (low 32 bits) from which it may go */
        uint64_t kswapd_wakeups, oom_kills;
        uint64_t slab_errors; /* found by the checks of CONFIG_DEBUG_SLAB */
        int64_t stat[ZONE_STAT_COUNT];       /* folded figures of all zones */
        struct lru lru;

        uint32_t stat_thresholds_set; /* late boot has: counters keep per-CPU differences from then on */
        struct mempool *mempools; /* [id], from 1 */
        uint32_t mempool_count;   /* the last id */

        struct process_table processes; /* of the OOM killer */

        /* what only a NUMA kernel has; all zero and unused without */
        struct alien_set *aliens;    /* [cache * nodes + node], NULL without NUMA */
        struct alien_set new_aliens; /* one being made, not yet attached: under chain_mutex */
        struct zonelist_cache zonelist_caches[MACHINE_NODES_MAX][ZONE_TYPES];
        struct numa_counters numa_counters[ZONES_MAX];
        uint64_t pageset_place[MACHINE_CPUS_MAX][ZONES_MAX]; /* of the page set, PLACE_NONE: boot page set or none */
        uint32_t reap_node[MACHINE_CPUS_MAX];                /* node whose turn it is at the CPU's next reap pass */
};

/* What memory_init needs to know; see sim_config for the meaning. */
struct memory_shape {
        const struct arch *arch;
        uint32_t numa, cpus, nodes, reserved_pages, line_bytes, hz;
        uint32_t node_mib[MACHINE_NODES_MAX];
        uint32_t cpu_node_plus_1[MACHINE_CPUS_MAX];
        uint32_t objects_max; /* handles the engine can give out */
};

/* Lays out an empty machine: zones, zonelists, no free page, no cache. False if the arena refused the memory. */
bool memory_init(struct memory *memory, const struct memory_shape *shape, struct arena *arena);

static inline struct zone *memory_zone_of(struct memory *memory, uint32_t pfn)
{
        return &memory->zones[memory->zone_of_section[pfn >> SECTION_SHIFT]];
}

static inline struct array_cache *memory_array(const struct memory *memory, uint32_t ref)
{
        return pool_at(&memory->pool, ref);
}

static inline struct slab_lists *memory_lists(const struct memory *memory, uint32_t cache, uint32_t node)
{
        return &memory->lists[(uint64_t)cache * memory->nodes + node];
}

static inline struct alien_set *memory_aliens(const struct memory *memory, uint32_t cache, uint32_t node)
{
        return &memory->aliens[(uint64_t)cache * memory->nodes + node];
}

/* Zone type that a gfp mask asks for (gfp_zone()). */
uint32_t memory_zone_type(const struct memory *memory, uint32_t gfp);

/* Slab of an object's place, and the index of the object in it. */
uint32_t memory_slab_of(const struct memory *memory, uint64_t place);
uint32_t memory_object_index(const struct memory *memory, const struct slab *slab, uint64_t place);
uint64_t memory_object_place(const struct memory *memory, const struct slab *slab, uint32_t index);

/* New array of `limit` entries, empty; place: where the kernel keeps it. Returns its pool reference. */
uint32_t memory_array_new(struct memory *memory, uint32_t limit, uint32_t batchcount, uint64_t place);
void memory_array_drop(struct memory *memory, uint32_t ref);

uint32_t memory_slab_new(struct memory *memory, uint32_t num); /* id of a slab with room for num bufctls */
void memory_slab_drop(struct memory *memory, uint32_t id);

/* A cache id with empty lists and no arrays; CACHE_ID_NONE if CACHES_MAX are used up. */
uint32_t memory_cache_new(struct memory *memory, const struct cache_spec *spec);
void memory_chain_add(struct memory *memory, uint32_t cache);    /* at the head */
void memory_chain_remove(struct memory *memory, uint32_t cache);
uint32_t memory_cache_find(const struct memory *memory, const char *name); /* on the chain; CACHE_ID_NONE */

/* Boot gives a page that nothing uses to the allocator: through CPU 0's hot list, as free_hot_cold_page() does. */
void memory_hand_over_page(struct memory *memory, uint32_t pfn);

/* Watermarks and lowmem reserves of the late initcall (spec 03 section 5.2). */
void memory_set_watermarks(struct memory *memory);

/* Objects in shared arrays of a cache, all nodes. */
uint64_t memory_shared_objs(const struct memory *memory, uint32_t cache);

/* The lists that a slab is linked on, whatever its node says. O(slabs before it). */
struct slab_lists *memory_lists_with(const struct memory *memory, uint32_t slab);

/* A slab of this cache waits for a grace period. */
bool memory_rcu_waits(const struct memory *memory, uint32_t cache);

/* Objects in alien arrays of a cache, all nodes; 0 without NUMA. */
uint64_t memory_alien_objs(const struct memory *memory, uint32_t cache);

/* The counters of all zones together. */
struct numa_counters memory_numa_counters(const struct memory *memory);

/* memory_audit.c: recounts everything; NULL or the first broken invariant. O(memory). under_way: ops are under way
 * and may have objects in hand that no array, slab or owner holds. */
const char *memory_audit(const struct memory *memory, bool under_way);
const char *memory_audit_cache(const struct memory *memory, uint32_t cache, bool under_way);

#endif
