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

/* The text of a report of the machine (trace/report_kinds.def), lines with their levels. `task`: name of the task that
 * runs there. Call it while the report is being told. */
void kernel_log_report(const struct sim *sim, const struct report *report, const char *task, GString *text);

/* printk_ratelimit(): ten messages at once, then one every five seconds, over all that asks. Zero it first. */
struct kernel_log_limit {
        uint64_t tokens, last; /* jiffies */
        uint32_t missed;
        gboolean is_set;
};
/* FALSE: nothing is to be printed. Appends how many messages were suppressed before this one. */
gboolean kernel_log_ratelimit(struct kernel_log_limit *limit, const struct sim *sim, GString *text);

/* Parts of reports (spec 07 section 1). TRACE has no addresses: its first and last rows stand for it. */
void kernel_log_trace(const struct sim *sim, GString *text);
void kernel_log_bug(const char *file, uint32_t line, GString *text);
void kernel_log_panic(const char *what, GString *text);
void kernel_log_slab_error(const struct sim *sim, const char *function, const char *cache, const char *what,
                           GString *text);

#define KERNEL_LOG_PG_SLAB 0x80u /* flag of a page: it belongs to a slab */

/* Bad page state (spec 07 section 5): flags without the zone and node bits, which are added; count: reference count. */
void kernel_log_bad_page(const struct sim *sim, const char *task, uint32_t pfn, uint64_t flags, int count,
                         GString *text);

/* The text without the level at the beginning of each line. Newly allocated. */
char *kernel_log_plain(const char *text);

/* `TASK: page allocation failure. order:%d, mode:0x%x`, the stack trace and Mem-info (spec 07 section 2). gfp is the
 * mask of the request; task is cut to 15 characters as in the kernel. */
void kernel_log_page_failure(const struct sim *sim, const char *task, uint32_t order, uint32_t gfp, GString *text);

/* show_mem(): page lists, totals, each zone with its reserves and its free blocks (spec 07 section 3). dirty,
 * writeback, slab, mapped and pagetables are what the per-CPU counters have folded so far, as in the kernel. */
void kernel_log_show_mem(const struct sim *sim, GString *text);

#endif
