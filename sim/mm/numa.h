/*
 * numa.h - what only a kernel with several memory nodes has: alien arrays, zonelist caches, counters of near and far.
 *
 * Stands for kmem_list3.alien of mm/slab.c, struct zonelist_cache of mm/page_alloc.c and the numa_* zone counters of
 * 2.6.20 (spec 02 section 8, 03 sections 6 and 9). Kept beside the structures of a kernel with one node, which are
 * the same with and without it. Data only; memory.h holds it, path/numa.c and path/pages.c use it.
 */
#ifndef KMEMSIM_MM_NUMA_H
#define KMEMSIM_MM_NUMA_H

#include <stdint.h>

#include "mm/limits.h"
#include "mm/spinlock.h"

#define ALIEN_LIMIT 12u /* objects an alien array holds; 1 if the cache's magazines hold one */

/*
 * What the CPUs of one node hold of one cache for the other nodes, to be sent home in batches: one array for each home
 * node, shared by all CPUs of the node, under a lock of its own (which is taken before the home's list_lock).
 */
struct alien_set {
        uint32_t attached;                       /* 1: the node's lists have it; 0: none, or it is going */
        uint32_t array[MACHINE_NODES_MAX];       /* pool references by home node, 0: none (the node itself) */
        struct spinlock lock[MACHINE_NODES_MAX]; /* of each array */
        uint64_t place;                          /* of the kernel's array of pointers */
};

/* Zones of one zonelist found full lately: a walk passes them over. By position in the list, not by zone. */
struct zonelist_cache {
        uint64_t last_reset; /* jiffies; all bits are cleared when more than HZ ticks have gone by */
        uint32_t full;       /* bit per position */
        uint32_t spare;
};

/* Page allocations seen from the zone that served them; one each, whatever the order. */
struct numa_counters {
        uint64_t hit;     /* it was on the node asked for */
        uint64_t miss;    /* another node had been asked for */
        uint64_t foreign; /* this one had been asked for, another served */
        uint64_t local;   /* the CPU was on the zone's node */
        uint64_t other;   /* it was not */
};

#endif
