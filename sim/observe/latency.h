/*
 * latency.h - how long the ops of a run took: one histogram of dur_ns per class of ops, in integers only.
 *
 * Counts are exact below 4096 ns. Above, each power of two is cut into 128 buckets, and a bucket answers with its
 * middle: off by less than 0.4 %. The largest value is exact. Ops of the machine itself (the reaper) are not counted.
 */
#ifndef KMEMSIM_OBSERVE_LATENCY_H
#define KMEMSIM_OBSERVE_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#include "trace/op.h"

enum latency_class { LATENCY_ALLOC, LATENCY_PAGES, LATENCY_FREE, LATENCY_CLASS_COUNT };

extern const char *const latency_class_names[LATENCY_CLASS_COUNT];

struct latency;

struct latency *latency_new(void);
void latency_free(struct latency *latency);

void latency_add(struct latency *latency, const struct op_record *ops, size_t count);

uint64_t latency_count(const struct latency *latency, enum latency_class which);
uint64_t latency_max_ns(const struct latency *latency, enum latency_class which);

/* The bucket of a duration, and what it answers with: the duration itself below 4096 ns, above that its middle. */
uint32_t latency_bucket(uint64_t ns);
uint64_t latency_bucket_ns(uint32_t bucket);

/* The smallest duration that at least permille / 1000 of the ops did not exceed; 0 if there are none. */
uint64_t latency_quantile_ns(const struct latency *latency, enum latency_class which, uint32_t permille);

#endif
