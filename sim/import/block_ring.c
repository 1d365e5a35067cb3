/*
 * block_ring.c - see block_ring.h.
 */
#include "import/block_ring.h"

void block_ring_init(struct block_ring *ring, void *blocks, size_t block_bytes)
{
        *ring = (struct block_ring){ 0 };
        for (unsigned i = 0; i < BLOCK_RING_COUNT; i++)
                ring->blocks[i] = (char *)blocks + i * block_bytes;
        pthread_mutex_init(&ring->lock, NULL);
        pthread_cond_init(&ring->changed, NULL);
}

void block_ring_clear(struct block_ring *ring)
{
        pthread_mutex_destroy(&ring->lock);
        pthread_cond_destroy(&ring->changed);
}

void *block_ring_fill(struct block_ring *ring)
{
        void *block = NULL;

        pthread_mutex_lock(&ring->lock);
        while (ring->filled - ring->taken == BLOCK_RING_COUNT && !ring->is_stopped)
                pthread_cond_wait(&ring->changed, &ring->lock);
        if (!ring->is_stopped)
                block = ring->blocks[ring->filled % BLOCK_RING_COUNT];
        pthread_mutex_unlock(&ring->lock);
        return block;
}

void *block_ring_take(struct block_ring *ring)
{
        void *block = NULL;

        pthread_mutex_lock(&ring->lock);
        while (ring->filled == ring->taken && !ring->at_end)
                pthread_cond_wait(&ring->changed, &ring->lock);
        if (ring->filled != ring->taken)
                block = ring->blocks[ring->taken % BLOCK_RING_COUNT];
        pthread_mutex_unlock(&ring->lock);
        return block;
}

void block_ring_filled(struct block_ring *ring)
{
        pthread_mutex_lock(&ring->lock);
        ring->filled++;
        pthread_cond_signal(&ring->changed);
        pthread_mutex_unlock(&ring->lock);
}

void block_ring_taken(struct block_ring *ring)
{
        pthread_mutex_lock(&ring->lock);
        ring->taken++;
        pthread_cond_signal(&ring->changed);
        pthread_mutex_unlock(&ring->lock);
}

void block_ring_end(struct block_ring *ring)
{
        pthread_mutex_lock(&ring->lock);
        ring->at_end = true;
        pthread_cond_signal(&ring->changed);
        pthread_mutex_unlock(&ring->lock);
}

void block_ring_stop(struct block_ring *ring)
{
        pthread_mutex_lock(&ring->lock);
        ring->is_stopped = true;
        pthread_cond_signal(&ring->changed);
        pthread_mutex_unlock(&ring->lock);
}
