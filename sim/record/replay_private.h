/*
 * replay_private.h - what the parts of the replay share: replay.c (the whole), replay_play.c (requests and records one
 * by one), replay_end.c (what must be equal at the end), replay_differ.c (the first difference in words).
 */
#ifndef KMEMSIM_RECORD_REPLAY_PRIVATE_H
#define KMEMSIM_RECORD_REPLAY_PRIVATE_H

#include <string.h>

#include "base/units.h"
#include "engine/sim.h"
#include "observe/digest.h"
#include "observe/sampler.h"
#include "record/op_source.h"
#include "record/replay.h"
#include "record/schema.h"
#include "record/totals.h"
#include "trace/tape.h"

#define LAST_ROWS 8u /* shown before a difference */

/* A thread of the recording. */
struct player {
        enum thread_kind kind;
        uint32_t cpu;
        uint64_t op;        /* asked for and not done, 0: none */
        gboolean is_raised; /* irq: sim_raise, no SIM_WAKE yet */
        gboolean in_handler; /* irq: between SIM_WAKE and sim_irq_return, and idle */
        uint32_t irq;       /* irq: number of the interrupt, as recorded */
};

struct last_row {
        const struct table *table;
        union {
                struct op_record op;
                struct event_record event;
        } record;
};

struct replay {
        struct recording *recording;
        struct run_info info;
        struct sim *sim;
        struct tape tape;
        struct op_source *source;
        sqlite3_stmt *events; /* stands behind the last event compared */
        struct digest *digest;
        struct sampler *sampler;
        struct totals *totals;
        gboolean has_cut; /* FALSE: killed before the first commit of the run itself */
        sqlite3_stmt *sites; /* NULL: of no op it is known where it came from */

        struct player *players; /* by thread id */
        uint32_t player_count;
        uint32_t alarm_thread;
        uint64_t alarm_ns; /* TIME_NEVER: not set */
        uint64_t tried_ns; /* the moment for which try_later counts */
        uint32_t tried_count;
        uint32_t cpu_load[MACHINE_CPUS_MAX]; /* requests asked for and not done */
        uint64_t moves;                      /* of threads, that cpu_load has taken into account */
        GHashTable *objects;                 /* op id -> handle + 1, of what is live */

        uint64_t next_id;      /* the next request to ask for is not below it */
        uint64_t machine_id;   /* the last op of the machine below it: must have begun */
        uint64_t asked_id;     /* the request asked for last */
        gboolean asked_behind; /* its CPU was busy */

        uint64_t op_count, event_count; /* compared */
        struct replay_point point;
        uint64_t limit_ns; /* where play() ends at the latest */
        gboolean until_done;
        struct last_row last[LAST_ROWS];
        uint32_t last_count;

        GString *difference; /* NULL: none so far */
        GError *error;
};

static inline gboolean is_over(const struct replay *replay)
{
        return replay->difference != NULL || replay->error != NULL || replay->until_done;
}

static inline gboolean is_cut(const struct replay *replay)
{
        return strcmp(replay->info.status, "done") != 0;
}

/* -- replay_differ.c: only the first difference counts, all later ones are dropped -------------------------------- */

/* A row that was equal: shown before a difference if it is one of the last. */
void replay_remember(struct replay *replay, enum table_id table, const void *record, size_t size);

/* A row that only one side has. record NULL: there is nothing to show but `what`. */
void replay_differ_row(struct replay *replay, enum table_id table, const char *what, const void *record,
                       uint32_t cache);
/* Two records of the same row. bad_column: what stands there in the recording is bad_text, whatever `recorded` says. */
void replay_differ_field(struct replay *replay, enum table_id id, const void *recorded, const void *replayed,
                         int bad_column, const char *bad_text, uint32_t cache);
void replay_differ_value(struct replay *replay, const char *where, const char *column, const char *recorded,
                         const char *replayed);
void replay_differ_count(struct replay *replay, const char *table, uint64_t recorded_count, uint64_t replayed_count);

/* -- replay_play.c ------------------------------------------------------------------------------------------------ */

/* Asks for the requests of the recording and compares what they do, up to the point that is set. */
void replay_play(struct replay *replay);
void replay_tape_full(struct tape *tape, void *context);

/* The next event of the recording: 1, 0 at its end, -1 on an error. *ret_bad: a column whose value no event has, or -1;
 * *ret_bad_text: what stands there. */
int replay_next_event(struct replay *replay, struct event_record *ret, int *ret_bad, char **ret_bad_text);
/* A row the run cannot have made: its number is not one of those the run gave. NULL: none. Newly allocated. */
char *replay_stray_row(struct replay *replay, enum table_id table, uint64_t total);

/* -- replay_end.c ------------------------------------------------------------------------------------------------- */

/* The slabs that boot leaves: compared, and where the totals start from. */
void replay_begin_totals(struct replay *replay);
/* Compares all that is known at the end only. Takes the digest of the result, and adds the recorded failures in words
 * and the number of caches to it. */
void replay_check_end(struct replay *replay, struct replay_result *result);

#endif
