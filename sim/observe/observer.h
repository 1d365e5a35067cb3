/*
 * observer.h - sits between the engine's tape and all who want to know what happened: digest, latency, history,
 * recorder.
 *
 * Life: observer_new; sim_create with observer_tape; observer_start; observed_run in place of sim_run until it says
 * SIM_IDLE; observer_end. Digest and latency are brought up to date on the thread of the simulation when a block
 * is full. Who keeps the run gets the blocks as batches (batch.h) through the sink, which runs beside the simulation
 * and gives back an empty batch for each full one; when it cannot go on (disk full) observed_run says SIM_IDLE at once
 * and observer_is_broken is true.
 */
#ifndef KMEMSIM_OBSERVE_OBSERVER_H
#define KMEMSIM_OBSERVE_OBSERVER_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"
#include "observe/batch.h"
#include "observe/digest.h"
#include "observe/latency.h"
#include "observe/sampler.h"

#define OBSERVER_BLOCK_OPS    4096u
#define OBSERVER_BLOCK_EVENTS 8192u

/* What *state of a sink says; set by its thread, read by the observer with g_atomic_int_get. */
#define SINK_WANTS_CUT 1
#define SINK_IS_BROKEN 2

struct sink {
        /* Takes a full batch and gives an empty one of the same size back; may wait until there is one. */
        struct batch *(*deliver)(void *context, struct batch *full);
        void *context;
        gint *state;
};

struct observer;

/* Blocks of the default sizes; others are for tests. */
struct observer *observer_new(void);
struct observer *observer_new_sized(uint32_t block_ops, uint32_t block_events);
void observer_free(struct observer *observer); /* after sim_destroy */

struct tape *observer_tape(struct observer *observer);

/* Begins: first sample and first cut. sink NULL: nobody keeps the run, and no history is gathered unless asked. */
void observer_start(struct observer *observer, struct sim *sim, const struct sink *sink);

/* Call before observer_start to have samples without a sink as well (observer_sampler); they need about 10 KB each. */
void observer_want_history(struct observer *observer);

/*
 * Says where the request that `thread` has just submitted comes from (site > 0, a number of the caller's). A thread of
 * which this is said once must say it of every request that follows.
 */
void observer_note_site(struct observer *observer, uint32_t thread, uint32_t site);

/* As sim_run. */
enum sim_what observed_run(struct observer *observer, uint32_t *ret_thread);

/* As sim_run_until. */
enum sim_what observed_run_until(struct observer *observer, uint64_t until_ns, uint32_t *ret_thread);

/*
 * As sim_hit, with a sample or a cut that is due going first: true: the request of `thread` is done, and nothing else
 * has happened; false: nothing has, so submit it.
 */
bool observed_hit(struct observer *observer, uint32_t thread, const struct request *request, uint64_t until_ns);

/* Ends: last sample, last cut. The run may end at any point between two calls of observed_run. */
void observer_end(struct observer *observer);

/* For check_set_last_words: hands over what there is, with a cut in the middle of whatever the engine was doing, so
 * that the op that failed is known and can be repeated. */
void observer_last_words(struct observer *observer);

gboolean observer_is_broken(const struct observer *observer);

/* The slabs there are now, as struct boot_slab, by cache and pfn. */
GArray *observer_slabs(const struct sim *sim);

/* What is known so far; exact after observer_end. */
void observer_digest(struct observer *observer, char ret_text[DIGEST_TEXT_BYTES]);
const struct latency *observer_latency(const struct observer *observer);
const struct sampler *observer_sampler(const struct observer *observer);
uint64_t observer_op_count(const struct observer *observer); /* done */
uint64_t observer_event_count(const struct observer *observer);

#endif
