/*
 * slab.h - one slab: a run of pages cut into equal objects; and lists of slabs.
 *
 * Stands for struct slab, kmem_bufctl_t, slab_get_obj() and slab_put_obj() in mm/slab.c of Linux 2.6.20 (spec 01
 * section 6, 02 sections 3 and 6). Knows nothing of CPUs, magazines, locks or time. It deals in object indexes.
 *
 * Invariants (slab_audit):
 *   inuse + length(free chain) == num
 *   every index in the chain is < num and appears once
 * The chain is LIFO: the object freed last is handed out first, as in the kernel.
 */
#ifndef KMEMSIM_MM_SLAB_H
#define KMEMSIM_MM_SLAB_H

#include <stdint.h>

#include "mm/pool.h"

#define SLAB_NONE  0u      /* slab ids start at 1 */
#define BUFCTL_END 0xffffu /* the kernel's BUFCTL_END, in 16 bits: num is at most 1012 */

enum slab_list_kind { SLABS_NOWHERE, SLABS_PARTIAL, SLABS_FULL, SLABS_FREE, SLAB_LIST_KINDS };

struct slab {
        uint32_t next, prev; /* slab ids on its list; prev while it waits for a grace period: see memory.rcu_waiting */
        uint32_t pfn;        /* first page */
        uint32_t cache;      /* slot of its kmem_cache */
        uint32_t colouroff;  /* bytes from the first page to the first object */
        uint32_t bufctl;     /* pool reference of num 16-bit links */
        uint16_t num;        /* objects */
        uint16_t inuse;      /* objects handed out */
        uint16_t free;       /* index of the first free object, or BUFCTL_END */
        uint8_t list;        /* enum slab_list_kind */
        uint8_t node;        /* node it was made for */
        uint64_t header;     /* place of an off-slab header, PLACE_NONE: on-slab */
};

struct slab_list {
        uint32_t head, tail; /* slab ids */
        uint32_t count;
};

/* Fresh chain 0, 1, ... num - 1. bufctl must have room for num links. */
void slab_init(struct slab *slab, const struct pool *pool);

static inline uint32_t slab_get(struct slab *slab, const struct pool *pool) /* the slab must not be full */
{
        const uint16_t *bufctl = pool_at(pool, slab->bufctl);
        uint16_t index = slab->free;

        slab->free = bufctl[index];
        slab->inuse++;
        return index;
}

static inline void slab_put(struct slab *slab, const struct pool *pool, uint32_t index) /* the index must be in use */
{
        uint16_t *bufctl = pool_at(pool, slab->bufctl);

        bufctl[index] = slab->free;
        slab->free = (uint16_t)index;
        slab->inuse--;
}

void slab_list_add_head(struct slab *slabs, struct slab_list *lists, enum slab_list_kind kind, uint32_t id);
void slab_list_add_tail(struct slab *slabs, struct slab_list *lists, enum slab_list_kind kind, uint32_t id);
void slab_list_remove(struct slab *slabs, struct slab_list *lists, uint32_t id);

/* O(num). NULL or the broken invariant. `seen` must have room for num bytes and is overwritten. */
const char *slab_audit(const struct slab *slab, const struct pool *pool, uint8_t *seen);

#endif
