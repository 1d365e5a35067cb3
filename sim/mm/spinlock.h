/*
 * spinlock.h - who holds a lock and who waits for it, in order of arrival.
 *
 * Stands for list_lock and zone->lock (and, with sleeping waiters, cache_chain_mutex). Data only: path/step.c takes
 * and hands over, since only it knows threads and time. Holders are threads by id; 0 is nobody.
 */
#ifndef KMEMSIM_MM_SPINLOCK_H
#define KMEMSIM_MM_SPINLOCK_H

#include <stdint.h>

struct spinlock {
        uint32_t holder;     /* thread id */
        uint32_t first_wait; /* thread ids, linked through struct thread */
        uint32_t last_wait;
        uint32_t last_cpu_1; /* CPU that held it last + 1: the cache line is there; 0 never held */
};

#endif
