#include "base/core_only.h"
#include "mm/pool.h"

#include "base/check.h"

void pool_init(struct pool *pool, void *base, size_t bytes)
{
        pool->base = base;
        pool->unit_count = bytes / POOL_UNIT;
        pool->next_unit = 4; /* reference 0 is none; the first piece starts on a cache line */
}

static uint32_t class_of(uint32_t bytes)
{
        uint32_t class = 0;

        CHECK(bytes <= POOL_UNIT << (POOL_CLASSES - 1));
        while ((POOL_UNIT << class) < bytes)
                class++;
        return class;
}

uint32_t pool_take(struct pool *pool, uint32_t bytes)
{
        uint32_t class = class_of(bytes);
        uint32_t ref = pool->free_head[class];

        if (ref) {
                memcpy(&pool->free_head[class], pool_at(pool, ref), sizeof(uint32_t));
                return ref;
        }
        if (class >= 2) /* pieces of a line or more start on a line */
                pool->next_unit = (pool->next_unit + 3) & ~3ull;
        ref = (uint32_t)pool->next_unit;
        pool->next_unit += 1ull << class;
        CHECK(pool->next_unit <= pool->unit_count);
        CHECK(pool->next_unit <= UINT32_MAX);
        return ref;
}

void pool_give(struct pool *pool, uint32_t ref, uint32_t bytes)
{
        uint32_t class = class_of(bytes);

        CHECK(ref != 0);
        memcpy(pool_at(pool, ref), &pool->free_head[class], sizeof(uint32_t));
        pool->free_head[class] = ref;
}
