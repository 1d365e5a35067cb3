/*
 * cache_model.h - one object cache as the specification tells it, without pages, locks, time or an engine.
 *
 * Written from spec 02 sections 2 to 7, 9 and 10 with plain lists that are searched from end to end, so that it shares
 * no idea with the code it is compared with. One request runs to its end before the next begins. Pages never run out.
 *
 * The model does not know where a slab lies. It numbers its slabs; cache_model_found says where the real one was seen,
 * and from then on every object of that slab must be where it belongs.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_CACHE_MODEL_H
#define KMEMSIM_TESTS_SUPPORT_CACHE_MODEL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/memory.h"

#define MODEL_CPUS_MAX 8

/* What geometry and tuning gave the cache: taken from the real one, other tests look after it. */
struct cache_shape {
        uint32_t num, buffer_size, colours, colour_step, first_offset; /* first object of a slab of colour 0 */
        uint32_t limit, batchcount, shared_limit, free_limit;
        uint64_t next_reap; /* jiffies */
        uint32_t hz;
        uint32_t cpus;
};

struct model_slab {
        uint32_t pfn;      /* PFN_NONE: not seen yet */
        uint32_t offset;   /* of object 0 from the first byte of the slab */
        uint32_t inuse;
        GArray *chain;     /* uint32_t indexes, the next one first */
};

struct model_object {
        struct model_slab *slab;
        uint32_t index;
};

struct cache_model {
        struct cache_shape shape;
        GPtrArray *partial, *full, *empty; /* struct model_slab, head first */
        GArray *magazine[MODEL_CPUS_MAX];  /* struct model_object, oldest first */
        bool touched[MODEL_CPUS_MAX];
        GArray *shared;
        uint64_t free_objects, next_reap;
        uint32_t next_colour;
        bool free_touched;
        /* spec 02 section 12 */
        uint64_t hits, misses, free_hits, free_misses, moved, out, out_max, grown, reaped, empty_max;
};

void cache_model_init(struct cache_model *model, const struct cache_shape *shape);
void cache_model_clear(struct cache_model *model);

/* kmem_cache_alloc on this CPU. */
struct model_object cache_model_alloc(struct cache_model *model, uint32_t cpu);
void cache_model_free(struct cache_model *model, uint32_t cpu, struct model_object object);
void cache_model_reap(struct cache_model *model, uint32_t cpu, uint64_t jiffies);
uint32_t cache_model_shrink(struct cache_model *model, uint32_t cpu); /* 1: slabs are in use */

/* The real allocator returned `place` for this object. False: it cannot lie there. */
bool cache_model_found(struct cache_model *model, struct model_object object, uint64_t place);

/* NULL, or in what the real cache differs: every list, chain, array and counter. */
const char *cache_model_compare(const struct cache_model *model, const struct memory *mem, uint32_t cache);

#endif
