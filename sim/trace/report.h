/*
 * report.h - what the kernel would print, as a fact: which text, when, by whom, with which arguments.
 *
 * A report is told at once, while the machine stands at the step that prints, so that whoever writes the text sees the
 * memory as it is there. It changes nothing in the machine: a run that nobody listens to is the same run.
 */
#ifndef KMEMSIM_TRACE_REPORT_H
#define KMEMSIM_TRACE_REPORT_H

#include <stdint.h>

enum report_kind {
#define REPORT(id, name, fatal, what) REPORT_##id,
#include "trace/report_kinds.def"
#undef REPORT
        REPORT_KIND_COUNT
};

struct report_kind_info {
        const char *name; /* failure.kind */
        uint32_t is_fatal;
};

extern const struct report_kind_info report_kind_infos[REPORT_KIND_COUNT];

struct report {
        uint64_t t_ns;
        uint64_t op;       /* id */
        uint64_t a, b, c;  /* as report_kinds.def says */
        uint32_t task;     /* thread of the workload, 0: the machine itself */
        uint32_t irq;      /* number of the interrupt, 0: a task */
        uint8_t cpu;
        uint8_t kind;      /* enum report_kind */
};

#endif
