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
 */
#ifndef KMEMSIM_RECORD_REPLAY_H
#define KMEMSIM_RECORD_REPLAY_H

#include <glib.h>
#include <stdint.h>

#include "observe/digest.h"
#include "record/recording.h"

struct replay_result {
        gboolean differs;
        char *difference;      /* several lines, or NULL */
        char *status;          /* of the recording: done, running, failed, interrupted */
        char *recorded_digest; /* of the whole recording */
        char digest[DIGEST_TEXT_BYTES];
        gboolean is_whole;     /* FALSE: stopped at until_op, so digest and counts are of that part */
        uint64_t op_count, event_count, cache_count, sample_count; /* compared and equal */
        uint64_t op_total, end_ns;                                 /* begun; simulated time at the end */
        GPtrArray *failures;   /* char *: one line per recorded failure that was reproduced */
};

/*
 * until_op: id of the op after which to stop, 0: the whole recording. FALSE: the recording cannot be replayed
 * (FORMAT, VERSION, IO, or USAGE when it has no such op); a difference is no error.
 */
gboolean replay_run(struct recording *recording, uint64_t until_op, struct replay_result *ret, GError **error);
void replay_result_clear(struct replay_result *result);

#endif
