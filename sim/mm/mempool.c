#include "base/core_only.h"
#include "mm/mempool.h"

#include "base/check.h"

static uint64_t *places(const struct mempool *mempool, const struct pool *pool)
{
        return pool_at(pool, mempool->elements);
}

uint64_t mempool_pop(struct mempool *mempool, const struct pool *pool)
{
        CHECK(mempool->curr_nr > 0);
        return places(mempool, pool)[--mempool->curr_nr];
}

void mempool_push(struct mempool *mempool, const struct pool *pool, uint64_t place)
{
        CHECK(mempool->curr_nr < mempool->room);
        places(mempool, pool)[mempool->curr_nr++] = place;
}

void mempool_set_room(struct mempool *mempool, struct pool *pool, uint32_t room)
{
        const uint32_t bytes = (uint32_t)sizeof(uint64_t);
        uint32_t elements = room ? pool_take(pool, room * bytes) : 0;

        CHECK(room >= mempool->curr_nr);
        if (mempool->elements) {
                if (elements)
                        memcpy(pool_at(pool, elements), places(mempool, pool), (size_t)mempool->curr_nr * bytes);
                pool_give(pool, mempool->elements, mempool->room * bytes);
        }
        mempool->elements = elements;
        mempool->room = room;
}

const char *mempool_audit(const struct mempool *mempool)
{
        if (mempool->state == MEMPOOL_LIVE && !mempool->lock.holder &&
            (mempool->curr_nr > mempool->min_nr || mempool->min_nr > mempool->room))
                return "a memory pool holds more elements than min_nr, or has no room for so many";
        if ((mempool->state == MEMPOOL_DECLARED || mempool->state == MEMPOOL_GONE) &&
            (mempool->curr_nr || mempool->elements || mempool->users || mempool->first_waiter))
                return "a memory pool that is not there holds elements or is in use";
        return NULL;
}
