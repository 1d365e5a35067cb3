/*
 * tape.h - where the engine writes what happened: a block of ops and a block of events, handed over when one is full.
 *
 * The shell owns the blocks and gives the engine a function that takes full ones and supplies empty ones in place
 * (tape->ops, tape->events and the two counts). The order between ops and events is in their ids, times and
 * first_seq. A NULL `full` drops the records (boot, benchmarks of the bare engine).
 */
#ifndef KMEMSIM_TRACE_TAPE_H
#define KMEMSIM_TRACE_TAPE_H

#include "trace/event.h"
#include "trace/op.h"
#include "trace/report.h"

struct tape {
        struct op_record *ops;
        struct event_record *events;
        uint32_t op_count, op_cap;       /* records written, room */
        uint32_t event_count, event_cap; /* the same */
        uint64_t op_total;               /* ops begun so far: the last id given */
        uint64_t event_total;            /* the last seq given */
        void (*full)(struct tape *tape, void *context); /* must leave room in both blocks */
        void *context;
        void (*report)(const struct report *report, void *context); /* NULL: nobody reads the kernel log */
        void *report_context;
};

#endif
