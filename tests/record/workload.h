/*
 * workload.h - a small made-up workload for tests: tasks and interrupt handlers that allocate, free, sleep and create
 * caches, all decided by a seed. It drives a sim through an observer as the program does, and records if asked.
 */
#ifndef KMEMSIM_TESTS_RECORD_WORKLOAD_H
#define KMEMSIM_TESTS_RECORD_WORKLOAD_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"
#include "observe/observer.h"
#include "record/recorder.h"

struct workload {
        uint64_t seed;
        uint32_t cpus;             /* 1..8 */
        uint32_t tasks_per_cpu;    /* each does op_count / tasks requests */
        uint32_t irqs_per_cpu;     /* handlers raised by the tasks */
        uint32_t mib;              /* memory; of each node */
        uint32_t nodes;            /* 0: no NUMA; else 1..4, CPU 0 on the first, the others on any,
                                    * and any node is asked for */
        uint32_t cpu_mhz;          /* 1: a cycle is 1000 ns, so that much happens at the same moment */
        uint64_t op_count;         /* requests of all tasks, about */
        uint32_t live_max;         /* objects a task holds */
        uint32_t rcu_grace_ns;     /* not 0: half of the caches are freed by RCU */
        gboolean hotplug;          /* tasks bring CPUs up and take them down; 2 CPUs or more */
        gboolean tune;             /* tasks write tunables, also of caches that are gone */
        gboolean no_sleep;         /* tasks never pause: the densest run */
        gboolean no_caches;        /* no caches are created or destroyed */
        gboolean ends_asleep;      /* the last thing is a long sleep, with the reaper at work */
        uint32_t block_ops;        /* of the observer, 0: its own */
        uint32_t block_events;
        gint64 commit_every_us;    /* of the recorder, -1: its own */
        uint64_t stop_ns;          /* interrupt the run there, 0: never */
        void (*each)(void *context); /* called after each sim_run, for tests that want to break in */
        void *each_context;
};

struct workload_result {
        char digest[DIGEST_TEXT_BYTES];
        uint64_t op_count, event_count, end_ns;
        uint32_t sample_count;
        gboolean is_broken; /* the recorder could not go on */
        double seconds;     /* of wall time, without booting */
};

void workload_default(struct workload *workload);

/* path NULL: not recorded. Returns FALSE with the error of the recorder. */
gboolean workload_run(const struct workload *workload, const char *path, struct workload_result *ret, GError **error);

/* Without sampling and recording: sim_run alone, by which the digest must not change. */
void workload_run_bare(const struct workload *workload, struct workload_result *ret);

#endif
