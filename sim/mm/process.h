/*
 * process.h - what the OOM killer knows of a process, and how it judges: select_bad_process() and badness().
 *
 * Stands for the fields of task_struct and mm_struct that mm/oom_kill.c of Linux 2.6.20 reads, and for its arithmetic
 * (spec 05 sections 6.2 and 6.3), which is in unsigned longs. One process is one entry of the task list: its further
 * threads are judged as the first one is. Passive: path/oom.c asks, kills and lets the victim exit.
 */
#ifndef KMEMSIM_MM_PROCESS_H
#define KMEMSIM_MM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/op.h"

#define PROCESSES_DECLARED_MAX 4095u
#define OOM_DISABLE   (-17) /* oom_adj of what is never killed */

struct process {
        struct process_spec spec;
        uint32_t mm;          /* process whose pages these are: itself, or the one it shares them with;
                               * 0: kernel thread or gone */
        uint32_t main_thread; /* thread id of its first task: the one that is marked; 0: none of the simulation */
        uint32_t threads;     /* tasks of the simulation that live */
        uint8_t dying;        /* TIF_MEMDIE */
        uint8_t exiting;      /* PF_EXITING */
        uint8_t exit_waits;   /* its pages are to go as soon as the exit thread of exit_cpu is free */
        uint8_t exited;       /* its pages have gone */
        uint32_t exit_cpu;
        uint64_t killed_ns;   /* TIME_NEVER: it was not */
};

struct process_table {
        struct process *process; /* [id], from 1 in order of creation: the order of the task list */
        uint32_t count;
        uint32_t waiting;        /* processes with exit_waits */
};

/* points: badness of a process now. now_s: seconds of simulated time; hz and word_bytes of the machine. */
uint64_t process_badness(const struct process_table *table, uint32_t id, uint64_t now_s, uint32_t hz,
                         uint32_t word_bytes);

enum process_choice { PROCESS_CHOSEN, PROCESS_WAIT, PROCESS_NOBODY };

/* SELECT. current: the process that asks, 0: none. *ret_id and *ret_points: who, and how bad. */
enum process_choice process_select(const struct process_table *table, uint32_t current, uint64_t now_s, uint32_t hz,
                                   uint32_t word_bytes, uint32_t *ret_id, uint64_t *ret_points);

/* The next child of `parent` behind `after` (0: the first), in order of creation; 0: none. */
uint32_t process_next_child(const struct process_table *table, uint32_t parent, uint32_t after);

/* Does anybody else use these pages? */
bool process_mm_is_shared(const struct process_table *table, uint32_t id);

uint64_t process_isqrt(uint64_t value); /* int_sqrt() */

#endif
