/*
 * proc_text.h - the state of the allocator as people know it from a running kernel: /proc/slabinfo, buddyinfo,
 * zoneinfo, vmstat and meminfo as 2.6.20 prints them (spec 01 section 11, 07 section 7), and the magazines and the
 * indices of fragmentation, for which that kernel has no file.
 *
 * Reads the models and changes nothing: in a kernel, reading these files allocates. Page counters are what
 * the kernel shows: the part that the CPUs' differences have folded into.
 * What is not modelled (block I/O, page faults) is 0.
 */
#ifndef KMEMSIM_OBSERVE_PROC_TEXT_H
#define KMEMSIM_OBSERVE_PROC_TEXT_H

#include <glib.h>

#include "engine/sim.h"

/* Each appends the whole file. */
void proc_slabinfo(const struct sim *sim, GString *text);  /* version 2.1; debug_slab: with statistics */
void proc_buddyinfo(const struct sim *sim, GString *text);
void proc_zoneinfo(const struct sim *sim, GString *text);

void proc_vmstat(const struct sim *sim, GString *text);
void proc_meminfo(const struct sim *sim, GString *text);

/* Two tables by zone and order: unusable_index and extfrag_index as later kernels print them. */
void proc_fragmentation(const struct sim *sim, GString *text);

/* One line for each array of each cache: the magazine of a CPU ("cpu 0"), the shared array of a node ("node 0") or what
 * a node holds for another one ("node 0 for 1"). */
void proc_magazines(const struct sim *sim, GString *text);

/* The texts by name; what: one of proc_names. FALSE: no such text. */
extern const char *const proc_names[]; /* NULL at the end */
gboolean proc_text(const struct sim *sim, const char *what, GString *text);

#endif
