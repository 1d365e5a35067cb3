/*
 * op_source.h - the ops of a recording by id, as they were recorded.
 *
 * Rows of op and op_open are read in blocks of OP_CHECK_ROWS ids. The sums in op_check (schema.h) tell for a block
 * whether its rows are those that were written; one changed value per column, or one missing row, is put right. So a
 * request is repeated as it was made, and comparing the result with the row shows what was changed.
 */
#ifndef KMEMSIM_RECORD_OP_SOURCE_H
#define KMEMSIM_RECORD_OP_SOURCE_H

#include <glib.h>
#include <stdint.h>

#include "record/recording.h"
#include "trace/op.h"

enum recorded_state {
        RECORDED_MISSING, /* there is no row */
        RECORDED_DONE,    /* a row of op */
        RECORDED_OPEN,    /* a row of op_open: the request is known, results are not */
};

struct recorded_op {
        enum recorded_state state;
        gboolean is_released;
        gboolean is_known;       /* MISSING: op was put together from the sums */
        int bad_column;          /* column whose value no record can have given, -1: none */
        char *bad_text;          /* that value */
        struct op_record row;    /* as the row says; a bad value is 0 */
        struct op_record op;     /* as it was recorded */
        struct cache_spec *spec; /* OPEN, a CREATE: what is asked for */
};

struct op_source;

/* Ids run from 1 to op_total. */
struct op_source *op_source_new(struct recording *recording, uint64_t op_total, GError **error);
void op_source_free(struct op_source *source);

/* NULL with an error, or without one when id > op_total. The op stays valid until it is released. */
const struct recorded_op *op_source_get(struct op_source *source, uint64_t id, GError **error);

/* The op is not needed any more. */
void op_source_release(struct op_source *source, uint64_t id);

/* The lowest id that is recorded as done and not released; 0: none. Looks at what was read so far and one id further. */
uint64_t op_source_first_left(struct op_source *source, GError **error);

/* One sentence about the first block whose rows do not fit their sums in a way that could not be put right, or NULL. */
const char *op_source_doubt(const struct op_source *source);

#endif
