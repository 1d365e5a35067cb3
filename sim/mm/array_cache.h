/*
 * array_cache.h - the magazine: a stack of object places. One per CPU and cache, plus the shared and alien arrays.
 *
 * Stands for struct array_cache of mm/slab.c. "Magazine" is Bonwick's word for it; there is no loaded/previous pair
 * here. entry[0] is the oldest object, entry[avail - 1] the one handed out next (spec 02).
 *
 * Invariant: avail <= limit (a magazine between flush and put may be full, never over).
 */
#ifndef KMEMSIM_MM_ARRAY_CACHE_H
#define KMEMSIM_MM_ARRAY_CACHE_H

#include <stdint.h>

struct array_cache {
        uint32_t avail;      /* objects in it */
        uint32_t limit;      /* objects it may hold */
        uint32_t batchcount; /* objects a refill or flush moves */
        uint32_t touched;    /* 1: an allocation used it since the last reap pass */
        uint64_t place;      /* where the kernel's own array lives */
        uint64_t entry[];    /* places of objects */
};

static inline uint32_t array_cache_bytes(uint32_t limit)
{
        return (uint32_t)sizeof(struct array_cache) + 8 * limit;
}

/* transfer_objects(): up to `want` of the newest entries of `from` go on top of `to`, in order. Returns how many. */
uint32_t array_cache_move_top(struct array_cache *to, struct array_cache *from, uint32_t want);

/* Removes the oldest `count` entries; the rest moves down. */
void array_cache_drop_oldest(struct array_cache *ac, uint32_t count);

#endif
