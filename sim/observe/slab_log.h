/*
 * slab_log.h - what the debug code of 2.6.20's slab allocator prints about damage (spec 07 section 10.5),
 * byte for byte.
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
void slab_log_report(const struct sim *sim, const struct report *report, slab_log_caller name, void *context,
                     GString *text);

/* /proc/slab_allocators (spec 07 section 7.6): for each cache with red zones and caller words, how many objects each
 * caller holds. FALSE: the machine has no CONFIG_DEBUG_SLAB. */
gboolean slab_log_allocators(const struct sim *sim, slab_log_caller name, void *context, GString *text);

/* What is known of the object at a raw place, in words of the reports without levels: red zones, last user,
 * all its bytes. */
void slab_log_object(const struct sim *sim, uint64_t place, slab_log_caller name, void *context, GString *text);

/* The symbol of a caller word: its name, or 0x%lx. */
void slab_log_symbol(uint64_t caller, slab_log_caller name, void *context, GString *text);

#endif
