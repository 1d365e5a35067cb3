/*
 * slab_log.h - what the debug code of 2.6.20's slab allocator prints about damage (spec 07 section 10.5), byte for byte.
 */
#ifndef KMEMSIM_OBSERVE_SLAB_LOG_H
#define KMEMSIM_OBSERVE_SLAB_LOG_H

#include <glib.h>

#include "engine/sim.h"

/* Name of the caller behind a caller word (mm/slab_debug.h), NULL: not known. Functions of the allocator itself are. */
typedef const char *(*slab_log_caller)(uint64_t caller, void *context);

/* Is it one of the debug code (REPORT_SLAB_*, REPORT_KFREE_*, REPORT_NO_CTOR)? */
gboolean slab_log_is_about(const struct report *report);

/* The text of such a report. Call it while the report is being told. */
void slab_log_report(const struct sim *sim, const struct report *report, slab_log_caller name, void *context, GString *text);

/* The symbol of a caller word: its name, or 0x%lx. */
void slab_log_symbol(uint64_t caller, slab_log_caller name, void *context, GString *text);

#endif
