/*
 * kmem_cache.h - one object cache: geometry, tunables, counters; and its lists per node.
 *
 * Stands for struct kmem_cache, struct kmem_list3 (here slab_lists), calculate_slab_order() and cache_estimate() in
 * mm/slab.c of 2.6.20 (spec 01 sections 2, 4, 5). Plain data and arithmetic: path/ moves objects, memory.h finds
 * things.
 *
 * Counting invariants (memory_audit):
 *   free_objects == sum of num - inuse over partial and free slabs of the node
 *   num_active   == sum of inuse over all slabs == magazines + shared arrays + alien arrays + live_objs +
 *                   ops on their way
 */
#ifndef KMEMSIM_MM_KMEM_CACHE_H
#define KMEMSIM_MM_KMEM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/arch.h"
#include "mm/limits.h"
#include "mm/slab.h"
#include "mm/spinlock.h"
#include "trace/op.h"

#define CACHES_MAX (1u << 18) /* caches a run may create, destroyed ones included: ids are never reused */

enum cache_life { CACHE_GONE, CACHE_LIVE, CACHE_GOING };

struct slab_lists {
        struct slab_list list[SLAB_LIST_KINDS];
        uint64_t free_objects;  /* on slabs of this node; those in arrays are not counted */
        uint32_t free_limit;    /* free objects tolerated before empty slabs go back */
        uint32_t colour_next;
        uint32_t free_touched;  /* 1: partial ran empty since the last due reap */
        uint32_t present;       /* the node has lists */
        uint32_t shared;        /* pool reference of the shared array, 0: none */
        struct spinlock lock;   /* list_lock */
        uint64_t next_reap;     /* jiffies */
        uint64_t place;         /* where the kernel's kmem_list3 lives, PLACE_NONE: static */
};

struct kmem_cache {
        uint32_t array[MACHINE_CPUS_MAX]; /* pool references of the magazines, 0: CPU offline */
        uint64_t live_objs;               /* with the workload or the allocator itself */
        uint64_t requested_bytes;         /* of live objects */
        uint64_t allochit, freehit;       /* a hit touches nothing below this line */
        uint64_t allocmiss, freemiss;
        uint64_t allocs;                  /* objects moved from slabs to magazines by refills */
        uint64_t num_active, high;        /* objects out of the slabs, most ever */
        uint64_t grown, reaped, max_freeable;
        uint64_t node_allocs, node_frees, node_overflow;
        uint64_t slab_count;
        uint32_t next;                    /* cache id in the chain, CACHE_ID_NONE: end */
        uint32_t flags;                   /* CACHE_*: those of the spec and, in a debug build, what is forced on it */
        uint32_t gfpflags;                /* __GFP_DMA for DMA caches */
        uint32_t buffer_size, num, gfporder, align;
        uint32_t obj_size;                /* what the user may use: without debugging up to alignment the size asked
                                           * for */
        uint32_t obj_offset;              /* red zone in front: the caller's pointer is so many bytes into the object */
        uint32_t colour, colour_off, slab_size;
        uint32_t off_slab;
        uint32_t slabp_cache;             /* cache id that supplies off-slab headers */
        uint32_t limit, batchcount, shared;
        uint32_t live;                    /* enum cache_life */
        uint32_t boot;                    /* 1: made by the boot sequence */
        uint32_t users;                   /* alloc and shrink ops under way: it cannot be destroyed meanwhile */
        uint32_t new_array[MACHINE_CPUS_MAX]; /* magazines of a tuning in progress */
        uint64_t place;                   /* of the descriptor, PLACE_NONE: static */
        uint64_t created_ns, destroyed_ns;
        struct cache_spec spec;
};

/*
 * Steps 3 to 14 of kmem_cache_create: fills the geometry fields of `cache` from its spec. line_bytes: run-time line
 * size; break_order: 1, or 0 with 32 MiB or less; early: off-slab headers are not allowed yet (boot). Returns false
 * if no order fits (num 0). slabp_cache is left to the caller.
 */
bool kmem_cache_geometry(struct kmem_cache *cache, const struct arch *arch, uint32_t line_bytes, uint32_t break_order,
                         bool early);

/* The geometry of `kmem_cache` itself, which boot sets up by hand (spec 01 section 7). */
void kmem_cache_geometry_static(struct kmem_cache *cache, const struct arch *arch, uint32_t line_bytes);

/* enable_cpucache(): default limit, batchcount and shared factor by buffer size. */
void kmem_cache_default_tunables(const struct arch *arch, uint32_t buffer_size, uint32_t *ret_limit,
                                 uint32_t *ret_batchcount, uint32_t *ret_shared);

/* What is wrong with a spec (kmem_cache_create would be fatal), or NULL. */
const char *cache_spec_problem(const struct cache_spec *spec, const struct arch *arch);

#endif
