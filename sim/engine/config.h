/*
 * config.h - a whole machine as plain data: what sim_create builds and boots.
 */
#ifndef KMEMSIM_ENGINE_CONFIG_H
#define KMEMSIM_ENGINE_CONFIG_H

#include <stdint.h>

#include "mm/limits.h"
#include "path/cost.h"
#include "path/fault.h"

enum machine_arch { ARCH_X86_64, ARCH_I386 };

struct sim_config {
        uint32_t arch;                         /* enum machine_arch */
        uint32_t numa;                         /* 1: a NUMA kernel (x86_64, 64-byte lines) */
        uint32_t cpus;                         /* 1..8, all brought up at boot */
        uint32_t nodes;                        /* 1..4; 1 without numa */
        uint32_t node_mib[MACHINE_NODES_MAX];  /* memory of each node, MiB */
        uint32_t cpu_node_plus_1[MACHINE_CPUS_MAX]; /* node of each CPU + 1; 0: CPU c is on node c mod nodes */
        uint32_t reserved_pages;               /* pages [0, reserved_pages) never reach the allocator */
        uint32_t line_bytes;                   /* L1 line, compile and run time: 64 or 128 (i386: 32 or 128) */
        uint32_t hz;                           /* ticks per second */
        uint32_t cpu_mhz;                      /* cycles of the cost table per microsecond */
        uint32_t cost_cycles[COST_KIND_COUNT]; /* what each action takes */
        uint32_t manual_clock;                 /* 1: jiffies move by TICK requests only, no timers (ops files) */
        uint32_t audit;                        /* 1: recount every structure after every op; 2: after every step */
        uint32_t threads_max;                  /* tasks and interrupt handlers the workload may make */
        uint32_t rcu_grace_ns;                 /* from call_rcu to the tick that runs it, at least; 0: RCU slabs go at
                                                * the end of the op that emptied them */
        uint32_t debug_slab;                   /* 1: a kernel with CONFIG_DEBUG_SLAB: red zones, poison, last users */
        struct fault_config fault;             /* fault injection; not built in by default */
};

/* Fills in the defaults: x86_64, 2 CPUs, 1 node of 256 MiB, 256 reserved pages, 64-byte lines, HZ 250, 3000 MHz. */
void sim_config_default(struct sim_config *config);

/* Returns NULL if the machine can be built, else one sentence that says what is wrong and what is allowed. */
const char *sim_config_problem(const struct sim_config *config);

#endif
