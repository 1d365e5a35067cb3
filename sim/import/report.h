/*
 * report.h - what an import has seen and what it wrote, as figures with fixed names.
 *
 * Objects are what kmalloc and kmem_cache_alloc return. An op is an alloc or a free of an object; ops are numbered from
 * 1 in the order of the file. An object is live from its alloc on until a free of the same address, or until that
 * address is allocated again (the free in between left no event). Page blocks are counted in the same way, by the
 * number of their first page. Exactly:
 *
 *   object_ops == object_allocs + object_frees
 *   object_frees == object_frees_matched + object_frees_unknown + object_frees_again
 *   object_allocs == object_frees_matched + object_allocs_over_live + live_objects_end
 *   page_allocs == page_frees_matched + page_allocs_over_live + live_page_blocks_end
 */
#ifndef KMEMSIM_IMPORT_REPORT_H
#define KMEMSIM_IMPORT_REPORT_H

#include "import/intern.h"
#include "import/lifetimes.h"
#include "import/trace_line.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* X(name). In the order in which they are printed. */
#define IMPORT_FIGURES(X)                                                                                      \
        X(lines)                                                                                               \
        X(lines_unreadable)                                                                                    \
        X(kmem_events)                                                                                         \
        X(marker_lines)                                                                                        \
        X(other_events)    /* of other subsystems */                                                           \
        X(raw_events)      /* printed without fields */                                                        \
        X(lost_events)     /* as far as the text gives a number */                                             \
        X(lost_places)     /* lines that say that events are missing, with or without a number */              \
        X(times_backwards) /* events earlier than the one before: given its time */                            \
        X(span_ns)                                                                                             \
        X(object_ops)                                                                                          \
        X(object_allocs)                                                                                       \
        X(object_allocs_accounted) /* charged to a memory cgroup */                                            \
        X(object_allocs_failed)    /* returned NULL: not among object_allocs */                                \
        X(object_allocs_empty)     /* of no bytes, returned ZERO_SIZE_PTR: not among object_allocs */          \
        X(object_frees)                                                                                        \
        X(object_frees_null)  /* kfree(NULL): not among object_frees */                                        \
        X(object_frees_empty) /* of ZERO_SIZE_PTR: not among object_frees */                                   \
        X(object_frees_matched)                                                                                \
        X(object_frees_remote)     /* matched, on another CPU than the alloc */                                \
        X(object_frees_unknown)    /* allocated before the trace began, or without an event */                 \
        X(object_frees_again)      /* freed before and not allocated since */                                  \
        X(object_allocs_over_live) /* the address was live: its free left no event */                          \
        X(kmalloc_events_repeated) /* a large kmalloc may print two events: one alloc over live, but one op */ \
        X(cross_interface_frees)   /* kfree of a kmem_cache_alloc, or kmem_cache_free of a kmalloc */          \
        X(requested_bytes)                                                                                     \
        X(allocated_bytes)                                                                                     \
        X(peak_live_allocated_bytes)                                                                           \
        X(peak_live_requested_bytes) /* at that moment */                                                      \
        X(peak_at_op)                                                                                          \
        X(peak_live_objects) /* at its own moment */                                                           \
        X(live_objects_end)                                                                                    \
        X(live_allocated_bytes_end)                                                                            \
        X(live_requested_bytes_end)                                                                            \
        X(alloc_sites) /* a site that uses both interfaces counts as two */                                    \
        X(free_sites)                                                                                          \
        X(page_allocs)                                                                                         \
        X(pages_allocated)                                                                                     \
        X(page_allocs_failed) /* pfn 0: not among page_allocs */                                               \
        X(page_frees)                                                                                          \
        X(pages_freed)                                                                                         \
        X(page_frees_matched)                                                                                  \
        X(page_frees_unknown)                                                                                  \
        X(page_frees_remote)                                                                                   \
        X(page_allocs_over_live)                                                                               \
        X(peak_live_pages)                                                                                     \
        X(live_pages_end)                                                                                      \
        X(live_page_blocks_end)                                                                                \
        X(zone_locked_pages)                                                                                   \
        X(zone_locked_refills) /* events of a per-CPU list that is filled */                                   \
        X(pcpu_drain_pages)                                                                                    \
        X(slab_blocks) /* page blocks that objects of slabs were seen in */                                    \
        X(slab_block_pages)                                                                                    \
        X(slab_blocks_freed)                                                                                   \
        X(large_kmalloc_blocks) /* page blocks that are a kmalloc larger than any slab object */               \
        X(cpus)                                                                                                \
        X(ops_written)                                                                                         \
        X(ops_create)                                                                                          \
        X(ops_cache_alloc)                                                                                     \
        X(ops_kmalloc)                                                                                         \
        X(ops_pages)                                                                                           \
        X(ops_pages_for_kmalloc) /* among ops_pages: kmallocs larger than 2.6.20 has a class for */            \
        X(ops_free)                                                                                            \
        X(ops_free_implied) /* among ops_free: of objects and blocks that were allocated over */               \
        X(caches_too_large) /* left out with all their objects: more than 2.6.20 puts into a slab */           \
        X(objects_too_large)                                                                                   \
        X(page_blocks_too_large) /* order above 10 */                                                          \
        X(gfp_flags_dropped)     /* flags of written allocs that 2.6.20 does not have */

struct cache_figures {
        uint64_t allocs, frees_matched, frees_remote, frees_crossed, allocs_over_live, live_end;
        uint64_t requested_bytes, allocated_bytes;
};

/* The two interfaces: kmem_cache_alloc and kmem_cache_free, kmalloc and kfree. */
enum object_interface { FROM_CACHE, FROM_KMALLOC, OBJECT_INTERFACE_COUNT };

struct site_figures {
        uint64_t allocs[OBJECT_INTERFACE_COUNT], frees[OBJECT_INTERFACE_COUNT];
};

#define GFP_BITS 32u

struct import_report {
#define X(name) uint64_t name;
        IMPORT_FIGURES(X)
#undef X
        struct trace_dialect dialect;
        enum trace_unit unit;  /* of the first event */
        bool times_are_order;  /* the clock counts ticks of unknown length: times are event numbers */
        bool pointers_hashed;  /* addresses are ids, they say nothing about pages */
        bool pages_told_apart; /* slab blocks were looked for */
        bool cpus_folded;
        uint64_t page_offset;       /* where the linear mapping begins */
        uint64_t page_offset_votes; /* pairs of events that show it */
        uint64_t event_count[TRACE_KMEM_COUNT];
        uint64_t page_allocs_by_order[TRACE_ORDER_MAX + 1];
        uint64_t slab_blocks_by_order[TRACE_ORDER_MAX + 1];
        uint64_t gfp_dropped[GFP_BITS + 1];    /* per flag; the last: a name that is not known */
        uint64_t cpu_lines[TRACE_CPU_MAX + 1]; /* kmem events and markers */
        uint64_t first_unreadable_line;
        char *first_unreadable_text; /* shortened, printable; NULL if there is none */
        struct intern cache_names[OBJECT_INTERFACE_COUNT];
        GArray *caches[OBJECT_INTERFACE_COUNT]; /* struct cache_figures, by id of the name */
        struct intern site_names;
        GArray *sites; /* struct site_figures, by id of the name */
        struct lifetimes lifetimes_ops;
        struct lifetimes lifetimes_time; /* in units of the clock column: us or ns */
};

struct import_report *import_report_new(void);
void import_report_free(struct import_report *report);

/* "ftrace", "trace-cmd", "perf" or "unknown" */
const char *import_report_format(const struct import_report *report);

/* Lines of `name value`; top_count caches and sites of each kind. */
void import_report_print(const struct import_report *report, unsigned top_count, GString *out);
/* One JSON object on several lines, with all caches and sites. */
void import_report_print_json(const struct import_report *report, GString *out);
/* What a reader of the figures should know first, as sentences (char *): lost events, damaged lines, and so on. */
GPtrArray *import_report_warnings(const struct import_report *report);

#endif
