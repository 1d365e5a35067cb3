/*
 * replay.h - runs a recording again without Lua and compares every op and every event with what is recorded.
 *
 * What is fed in: the machine, the threads, and the requests of the workload, each at its time on its thread, in
 * order of id. Everything else must come out by itself: results, paths, durations, ops of the machine, events, the
 * digest, the caches, the samples. The first difference ends the replay and is described with the rows before it and
 * the state around it.
 *
 * A recording that was cut short (killed, interrupted, disk full) replays up to its end; ops that were under way
 * there are begun and their results not compared.
 *
 * A replay may stop on the way, and whoever asked may look at the simulator there: that is how the state at any point
 * of a recording is shown, without a snapshot in the file.
 */
#ifndef KMEMSIM_RECORD_REPLAY_H
#define KMEMSIM_RECORD_REPLAY_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"
#include "observe/digest.h"
#include "record/recording.h"

/* Where a replay stops. */
enum replay_stop {
        REPLAY_TO_END,
        REPLAY_TO_OP,   /* when this op is done; one of the machine itself: at the time of its end */
        REPLAY_TO_TIME, /* after all that happened up to and including t_ns, as in a sample */
};

struct replay_point {
        enum replay_stop stop;
        uint64_t op;   /* TO_OP: its id */
        uint64_t t_ns; /* TO_TIME: not after the end of the recording */
};

/* Looks at the simulator at that point, and changes nothing. */
typedef void (*replay_visit)(const struct sim *sim, void *context);

struct replay_result {
        gboolean differs;
        char *difference;      /* several lines, or NULL */
        char *status;          /* of the recording: done, running, failed, interrupted */
        char *recorded_digest; /* of the whole recording */
        char digest[DIGEST_TEXT_BYTES];
        gboolean is_whole;     /* FALSE: stopped on the way, so digest and counts are of that part */
        uint64_t op_count, event_count, cache_count, sample_count; /* compared and equal */
        uint64_t op_total, end_ns;                                 /* begun; simulated time at the end */
        GPtrArray *failures;   /* char *: one line per recorded failure that was reproduced */
};

/*
 * until_op: id of the op after which to stop, 0: the whole recording. FALSE: the recording cannot be replayed
 * (FORMAT, VERSION, IO, or USAGE when it has no such op); a difference is no error.
 */
gboolean replay_run(struct recording *recording, uint64_t until_op, struct replay_result *ret, GError **error);

/* The same up to any point; visit is called there, unless there was a difference before. */
gboolean replay_to(struct recording *recording, const struct replay_point *point, replay_visit visit, void *context,
                   struct replay_result *ret, GError **error);
void replay_result_clear(struct replay_result *result);

#endif
