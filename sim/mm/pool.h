/*
 * pool.h - small pieces of memory for bufctl chains and magazine entries, cut from one reserved span.
 *
 * The kernel keeps these inside the pages it simulates; we keep them outside, by size class, and hand freed pieces
 * out again last freed first. A piece is named by a reference, so that the state holds no pointers. Reference 0 is
 * none. Not a model of anything.
 */
#ifndef KMEMSIM_MM_POOL_H
#define KMEMSIM_MM_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_UNIT    16u /* bytes: a reference counts units */
#define POOL_CLASSES 24u /* 16 bytes << class */

struct pool {
        uint8_t *base;
        uint64_t unit_count;            /* units reserved */
        uint64_t next_unit;             /* first never used */
        uint32_t free_head[POOL_CLASSES]; /* reference of the first free piece, linked through its first 4 bytes */
};

void pool_init(struct pool *pool, void *base, size_t bytes);
uint32_t pool_take(struct pool *pool, uint32_t bytes); /* contents undefined; CHECKs that the span suffices */
void pool_give(struct pool *pool, uint32_t ref, uint32_t bytes); /* the bytes it was taken with */

static inline void *pool_at(const struct pool *pool, uint32_t ref)
{
        return pool->base + (size_t)ref * POOL_UNIT;
}

#endif
