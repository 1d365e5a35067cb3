/*
 * trace_line.h - one line of a kernel trace text, read into one struct trace_event.
 *
 * Reads what `cat trace`, `cat trace_pipe`, `trace-cmd report` and `perf script` print for the kmem events of Linux
 * kernels from 4.x on. A line has a prefix (who, where, when) and, after the event's name, fields KEY=VALUE. The
 * fields are the same in all printings; the prefixes come in four shapes:
 *
 *   TASK16   "            bash-7914    [001] d..1.  3206.955632: kfree: ..."   comm in columns 0 to 15, '-' in 16
 *   TASK8    "    bash-7914      1..... 1015519us : kfree: ..."                comm in columns 0 to 7, '-' in 8
 *   PERF     "            perf  8025 [000]  3212.191073:   kmem:kfree: ..."    blank before the pid, or pid/tid
 *   RAW      "7914 1 3206955632077 type: 656"                                  ftrace with option raw: no fields
 *
 * A comm may hold any byte but NUL and newline, so it is found by its column and never by looking for a '-' or a '['.
 * The shape that read the last line is tried first.
 *
 * Knows nothing of what came before: pairing.h does. Reads [line, line + length) and not a byte beyond, whatever it
 * holds. The texts in a trace_event point into the line and live as long as it does.
 */
#ifndef KMEMSIM_IMPORT_TRACE_LINE_H
#define KMEMSIM_IMPORT_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kmem events, those of objects first. X(enum suffix, name in the trace) */
#define KMEM_EVENTS(X)                               \
        X(KMALLOC, "kmalloc")                        \
        X(KFREE, "kfree")                            \
        X(CACHE_ALLOC, "kmem_cache_alloc")           \
        X(CACHE_FREE, "kmem_cache_free")             \
        X(PAGE_ALLOC, "mm_page_alloc")               \
        X(PAGE_FREE, "mm_page_free")                 \
        X(PAGE_FREE_BATCHED, "mm_page_free_batched") \
        X(ZONE_LOCKED, "mm_page_alloc_zone_locked")  \
        X(PCPU_DRAIN, "mm_page_pcpu_drain")          \
        X(EXTFRAG, "mm_page_alloc_extfrag")          \
        X(RSS_STAT, "rss_stat")

enum trace_kind {
#define X(id, name) TRACE_##id,
        KMEM_EVENTS(X)
#undef X
                TRACE_KMEM_COUNT,         /* so far kmem events, from here on other lines */
        TRACE_IGNORED = TRACE_KMEM_COUNT, /* comment, blank line, frame of a stack */
        TRACE_OVERWRITTEN,                /* comment that says how many events the buffer had and was given */
        TRACE_MARKER,                     /* text that a program wrote into the trace */
        TRACE_LOST,                       /* the tool says that events are missing here */
        TRACE_OTHER,                      /* an event of another subsystem */
        TRACE_RAW,                        /* an event printed without its fields */
        TRACE_UNREADABLE,                 /* none of these, or a kmem event with a field missing or broken */
        TRACE_KIND_COUNT
};

extern const char *const kmem_event_names[TRACE_KMEM_COUNT];

enum trace_tool { TRACE_TOOL_UNKNOWN, TRACE_TOOL_FTRACE, TRACE_TOOL_TRACECMD, TRACE_TOOL_PERF };
enum trace_shape { TRACE_SHAPE_TASK16, TRACE_SHAPE_TASK8, TRACE_SHAPE_PERF, TRACE_SHAPE_RAW, TRACE_SHAPE_COUNT };
enum trace_unit { TRACE_UNIT_NS, TRACE_UNIT_US, TRACE_UNIT_TICKS }; /* what the clock column resolves */

struct text {
        const char *at;
        uint32_t length;
};

struct trace_event {
        enum trace_kind kind;
        uint8_t unit;       /* enum trace_unit */
        bool same_task;     /* comm and pid are those of the last line that had any */
        bool accounted;     /* charged to a memory cgroup */
        bool percpu_refill; /* ZONE_LOCKED */
        uint16_t cpu;
        uint16_t order; /* page events */
        uint64_t time;  /* ns, or ticks if the unit says so */
        uint64_t ptr;   /* object events; 0 is NULL */
        uint64_t pfn;   /* page events */
        uint64_t count; /* LOST, OVERWRITTEN: events missing, 0 if the tool does not know how many */
        uint32_t bytes_req;
        uint32_t bytes_alloc;
        int32_t pid;
        struct text comm;
        struct text site; /* func+0xoff, no size and no module; empty if there is none */
        struct text name; /* of the cache; empty in traces of kernels that do not print it */
        struct text gfp;  /* as printed */
};

#define TRACE_TASK_COLUMNS 24u /* comm and pid in the shapes TASK16 and PERF */

/* What the lines so far have shown about the file. Start with all zero. */
struct trace_dialect {
        uint8_t tool;  /* enum trace_tool, known with the header or the first kmem event */
        uint8_t shape; /* enum trace_shape of the last line that had a prefix */
        /* The first columns of the last line: mostly those of the next one too, and then not read again. */
        uint8_t task_end; /* column behind the pid; 0: nothing is known */
        uint8_t comm_start, comm_length;
        int32_t pid;
        char task[TRACE_TASK_COLUMNS];
};

#define TRACE_CPU_MAX 8191u /* NR_CPUS of the largest kernels, less one; a line that says more is damaged */
#define TRACE_ORDER_MAX 20u
#define TRACE_PFN_MAX ((UINT64_C(1) << 40) - 1) /* 52 bits of physical address */

/* The line comes without its newline. Fields that the kind does not have are left as they are. */
enum trace_kind trace_line_parse(struct trace_dialect *dialect, const char *line, size_t length,
                                 struct trace_event *ret_event);

#endif
