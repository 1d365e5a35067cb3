/*
 * feed.h - hands the actions of a load to the threads that carry them out, each when it is due.
 *
 * A load has one thread, or two: the producer allocates, the consumer frees. Each carries out its actions one at a time
 * and in order; an action begins when its time has come, its thread is done with the one before, and, for a free,
 * the allocation is done. What cannot begin in time begins late; nothing is left out but the free of an allocation that
 * failed.
 *
 *      feed_next says what this role does now:
 *      FEED_REQUEST  action.t_ns <= now_ns: make the request, then feed_done
 *      FEED_SLEEP    ask again at action.t_ns
 *      FEED_WAIT     ask again when feed_done of the other role says so
 *      FEED_END      there is nothing left for this role
 *
 * The plan is looked at up to FEED_AHEAD actions ahead, and always up to now; that is invisible, since a plan depends
 * on nothing. Knows no engine: handles are numbers that the caller gives back.
 */
#ifndef KMEMSIM_WORKLOAD_FEED_H
#define KMEMSIM_WORKLOAD_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "workload/load.h"

#define FEED_AHEAD 256u

enum feed_role { FEED_PRODUCER, FEED_CONSUMER, FEED_ROLE_COUNT };
enum feed_verdict { FEED_REQUEST, FEED_SLEEP, FEED_WAIT, FEED_END };

/* What was carried out so far. */
struct feed_figures {
        uint64_t allocs, frees; /* requests that are done */
        uint64_t failed;        /* allocations among them */
        uint64_t late;          /* requests that began after their time */
        uint64_t late_ns_max, late_ns_total;
        uint64_t live, live_peak; /* allocations that succeeded and are not freed */
};

struct feed;

/* Takes the load over. has_consumer: frees have a thread of their own; else all is done by FEED_PRODUCER. */
struct feed *feed_new(struct load *load, bool has_consumer);
void feed_free(struct feed *feed);

/* SLEEP: ret->t_ns alone is set. REQUEST of a free: *ret_object is what feed_done was given for the allocation. */
enum feed_verdict feed_next(struct feed *feed, enum feed_role role, uint64_t now_ns, struct load_action *ret,
                            uint32_t *ret_object);

/* The action of the last FEED_REQUEST is done; object: OBJECT_NONE if an allocation failed. True: the consumer, which
 * was told to wait, may ask again. */
bool feed_done(struct feed *feed, enum feed_role role, uint32_t object);

const struct feed_figures *feed_figures(const struct feed *feed);

#endif
