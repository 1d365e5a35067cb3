/*
 * workload.h - a seeded workload of many tasks and interrupts that does everything a workload can do.
 *
 * Tasks allocate and free objects and pages of all kinds with all kinds of masks, create, shrink and destroy caches,
 * reap, drain, compute and sleep; interrupts come at random and allocate and free inside of whatever they hit. The
 * stock grows and shrinks in turn. Some tasks mostly allocate and others mostly free what they find, so that objects go
 * from CPU to CPU. Caches are used while others destroy them.
 *
 * What is done depends on the seed and on the order in which the machine calls back, and on nothing else.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_WORKLOAD_H
#define KMEMSIM_TESTS_SUPPORT_WORKLOAD_H

#include "base/prng.h"
#include "support/testbed.h"

struct workload_shape {
        uint64_t seed;
        uint32_t tasks_per_cpu, irqs_per_cpu;
        uint32_t requests;      /* of the tasks together, before they begin to free what is left */
        uint32_t live_max;      /* objects and blocks: at so many the stock begins to shrink, to a tenth;
                                 * more than fits makes memory run out */
        uint32_t pages_percent; /* of allocations that are for pages */
        uint32_t order_max;
        uint32_t size_max;      /* of kmalloc */
        uint32_t pages_left;    /* not 0: all but so many pages are taken at the beginning, and come back at the end */
        bool caches;            /* create, shrink, destroy */
        bool nofail;
        bool hotplug;           /* CPUs come and go; not drawn either */
        bool tune;              /* tunables are written, caches have constructors; not drawn by workload_draw */
        uint64_t step_ns;       /* 0: sim_run; else sim_run_until in pieces of this length */
        uint64_t alarm_ns;      /* not 0: one more task wakes up every so often, 10 ms at most, and does nothing */
};

struct workload_result {
        uint64_t requests, refused, failed, lost_interrupts, hotplugs, failed_ups;
};

/* Runs it to its end: every task idle, every object freed, every cache it made destroyed. */
void workload_run(struct testbed *bed, const struct workload_shape *shape, struct workload_result *ret);

/* A shape and a machine drawn from a seed: 1 to 8 CPUs, mostly with little memory, some with several nodes. */
void workload_draw(uint64_t seed, struct sim_config *ret_config, struct workload_shape *ret_shape);

/* Laws of the tape: ids and seqs without gaps, times in order, every event inside its op. Fails the test. */
void workload_check_tape(const struct testbed *bed);

#endif
