#include "base/core_only.h"
#include "mm/slab.h"

#include "base/check.h"

void slab_init(struct slab *slab, const struct pool *pool)
{
        uint16_t *bufctl = pool_at(pool, slab->bufctl);

        for (uint32_t i = 0; i + 1 < slab->num; i++)
                bufctl[i] = (uint16_t)(i + 1);
        bufctl[slab->num - 1] = BUFCTL_END;
        slab->free = 0;
        slab->inuse = 0;
}

void slab_list_add_head(struct slab *slabs, struct slab_list *lists, enum slab_list_kind kind, uint32_t id)
{
        struct slab_list *list = &lists[kind];

        CHECK(slabs[id].list == SLABS_NOWHERE);
        slabs[id].list = (uint8_t)kind;
        slabs[id].prev = SLAB_NONE;
        slabs[id].next = list->head;
        if (list->head)
                slabs[list->head].prev = id;
        else
                list->tail = id;
        list->head = id;
        list->count++;
}

void slab_list_add_tail(struct slab *slabs, struct slab_list *lists, enum slab_list_kind kind, uint32_t id)
{
        struct slab_list *list = &lists[kind];

        CHECK(slabs[id].list == SLABS_NOWHERE);
        slabs[id].list = (uint8_t)kind;
        slabs[id].next = SLAB_NONE;
        slabs[id].prev = list->tail;
        if (list->tail)
                slabs[list->tail].next = id;
        else
                list->head = id;
        list->tail = id;
        list->count++;
}

void slab_list_remove(struct slab *slabs, struct slab_list *lists, uint32_t id)
{
        struct slab *slab = &slabs[id];
        struct slab_list *list = &lists[slab->list];

        CHECK(slab->list != SLABS_NOWHERE);
        if (slab->prev)
                slabs[slab->prev].next = slab->next;
        else
                list->head = slab->next;
        if (slab->next)
                slabs[slab->next].prev = slab->prev;
        else
                list->tail = slab->prev;
        list->count--;
        slab->list = SLABS_NOWHERE;
}

const char *slab_audit(const struct slab *slab, const struct pool *pool, uint8_t *seen)
{
        const uint16_t *bufctl = pool_at(pool, slab->bufctl);
        uint32_t length = 0;

        memset(seen, 0, slab->num);
        for (uint32_t index = slab->free; index != BUFCTL_END; index = bufctl[index]) {
                if (index >= slab->num)
                        return "a free chain leaves its slab";
                if (seen[index])
                        return "an object is in a free chain twice";
                seen[index] = 1;
                length++;
        }
        if (slab->inuse + length != slab->num)
                return "inuse and the free chain of a slab do not add up to num";
        return NULL;
}
