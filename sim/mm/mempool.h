/*
 * mempool.h - a memory pool: elements kept in reserve above an allocator, so that its users always get one in the end.
 *
 * Stands for mempool_t of mm/mempool.c of Linux 2.6.20 (spec 07 section 11). Data only: path/mempool.c allocates,
 * waits and wakes. The record and the array of elements take the room in the allocator that the kernel's take; what the
 * array holds is kept in struct pool.
 *
 * Invariants (mempool_audit):
 *   curr_nr <= min_nr <= room   of a live pool whose lock is free
 *   a destroyed pool holds nothing
 */
#ifndef KMEMSIM_MM_MEMPOOL_H
#define KMEMSIM_MM_MEMPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/pool.h"
#include "mm/spinlock.h"
#include "trace/op.h"

#define MEMPOOLS_MAX 4096u

enum mempool_state {
        MEMPOOL_DECLARED, /* known by name, not created */
        MEMPOOL_MAKING,   /* being created */
        MEMPOOL_LIVE,
        MEMPOOL_GOING,    /* being destroyed */
        MEMPOOL_GONE,     /* destroyed, or its creation failed */
};

struct mempool {
        struct mempool_spec spec;
        uint32_t state;          /* enum mempool_state */
        uint32_t min_nr;         /* elements wanted in reserve */
        uint32_t curr_nr;        /* elements in reserve */
        uint32_t room;           /* of the array */
        uint32_t elements;       /* pool reference of the places: a stack of curr_nr; 0: none */
        uint32_t users;          /* requests under way */
        uint32_t first_waiter;   /* thread id, the newest first, linked through struct thread */
        uint32_t waiters;
        uint64_t record_place;   /* PLACE_NONE: not allocated */
        uint64_t elements_place;
        struct spinlock lock;
        uint64_t taken, put, waits, refused; /* events of these names so far */
};

/* The place on top of the stack goes; the reserve must not be empty. */
uint64_t mempool_pop(struct mempool *mempool, const struct pool *pool);
void mempool_push(struct mempool *mempool, const struct pool *pool, uint64_t place); /* there must be room */

/* Gives the stack room for so many elements (0: none); it must hold what is in reserve. */
void mempool_set_room(struct mempool *mempool, struct pool *pool, uint32_t room);

/* NULL or the broken invariant. */
const char *mempool_audit(const struct mempool *mempool);

#endif
