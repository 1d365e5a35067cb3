/*
 * lifetimes.h - how long objects lived: a histogram from which quantiles are read.
 *
 * Values below LIFETIMES_EXACT are counted one by one, so quantiles among them are exact. Larger ones share a counter
 * with values that differ by less than one part in LIFETIMES_PARTS, and the quantile is the smallest of them.
 */
#ifndef KMEMSIM_IMPORT_LIFETIMES_H
#define KMEMSIM_IMPORT_LIFETIMES_H

#include <stdint.h>

#define LIFETIMES_EXACT (1u << 20)
#define LIFETIMES_PARTS (1u << 10)

/* The exact counters, then LIFETIMES_PARTS for each power of two from 2^20 to 2^63. */
#define LIFETIMES_SLOTS (LIFETIMES_EXACT + 44 * LIFETIMES_PARTS)

struct lifetimes {
        uint64_t count;
        uint64_t max;
        uint64_t *counts; /* LIFETIMES_SLOTS, made with the first value */
};

/* Starts with all zero. */
void lifetimes_clear(struct lifetimes *lifetimes);
void lifetimes_add(struct lifetimes *lifetimes, uint64_t value);

/* Element floor(count * per_mille / 1000) of the sorted values; the largest if there is none;
 * 0 if there are no values. */
uint64_t lifetimes_quantile(const struct lifetimes *lifetimes, unsigned per_mille);

#endif
