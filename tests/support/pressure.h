/*
 * pressure.h - a random workload of pages that can be reclaimed, shrinkable caches and plain requests, more than memory
 * holds, several tasks on each CPU.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_PRESSURE_H
#define KMEMSIM_TESTS_SUPPORT_PRESSURE_H

#include "support/testbed.h"

struct pressure_shape {
        uint64_t seed;
        uint32_t requests; /* in all */
        uint32_t swap_pages;
        uint64_t write_ns;
        uint32_t zone_reclaim_mode;
};

/* A machine that is small for it; every other seed has one CPU more, every fifth two nodes. */
struct sim_config pressure_config(uint64_t seed);

/* Runs it to its end; fails the test if the books do not agree then. */
void pressure_run(struct testbed *bed, const struct pressure_shape *shape);

#endif
