/*
 * kernel_log.h - failures in the words of the kernel: the reports that 2.6.20 prints, byte for byte (spec 07).
 *
 * Each line carries its log level as `<n>`. Stack traces have no addresses to show and consist of their frame lines.
 * Reads the models and changes nothing.
 */
#ifndef KMEMSIM_OBSERVE_KERNEL_LOG_H
#define KMEMSIM_OBSERVE_KERNEL_LOG_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"

/* `TASK: page allocation failure. order:%d, mode:0x%x`, the stack trace and Mem-info (spec 07 section 2). gfp is the
 * mask of the request; task is cut to 15 characters as in the kernel. */
void kernel_log_page_failure(const struct sim *sim, const char *task, uint32_t order, uint32_t gfp, GString *text);

/* show_mem(): page lists, totals, each zone with its reserves and its free blocks (spec 07 section 3). Slab pages are
 * exact: the kernel shows what its per-CPU counters have folded so far. */
void kernel_log_show_mem(const struct sim *sim, GString *text);

#endif
