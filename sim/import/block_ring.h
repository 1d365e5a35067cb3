/*
 * block_ring.h - a few blocks that go round between two threads: one fills them, the other empties them, in order.
 *
 * A block belongs to the filling side between block_ring_fill and block_ring_filled, to the emptying side between
 * block_ring_take and block_ring_taken, and to nobody else. At most BLOCK_RING_COUNT are filled and not yet taken.
 */
#ifndef KMEMSIM_IMPORT_BLOCK_RING_H
#define KMEMSIM_IMPORT_BLOCK_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define BLOCK_RING_COUNT 4u

struct block_ring {
        pthread_mutex_t lock; /* not GMutex, which the thread sanitizer cannot see into */
        pthread_cond_t changed;
        void *blocks[BLOCK_RING_COUNT]; /* the owner's; the ring only says whose turn each is */
        unsigned filled, taken;         /* how many so far; 0 <= filled - taken <= BLOCK_RING_COUNT */
        bool at_end;                    /* no more will be filled */
        bool is_stopped;                /* no more will be taken */
};

/* blocks: BLOCK_RING_COUNT of them, one behind the other. */
void block_ring_init(struct block_ring *ring, void *blocks, size_t block_bytes);
void block_ring_clear(struct block_ring *ring);

/* The filling side: a block to fill, NULL if the other side has stopped. */
void *block_ring_fill(struct block_ring *ring);
void block_ring_filled(struct block_ring *ring);
void block_ring_end(struct block_ring *ring);

/* The emptying side: the next block, NULL at the end. */
void *block_ring_take(struct block_ring *ring);
void block_ring_taken(struct block_ring *ring);
void block_ring_stop(struct block_ring *ring);

#endif
