/*
 * arrival.h - when requests come: a stream of times that only goes forward.
 *
 *      GAPS    one after another, a gap apart: constant gaps, Poisson (exponential gaps), any distribution
 *      BURSTS  on for a while, off for a while. A burst begins with a request, and more follow, a gap apart, while it
 *              is on
 *      TIMES   a list of times, as those of a trace; each plus the start
 *
 * The first time of GAPS is one gap after the start; the first burst begins at the start.
 */
#ifndef KMEMSIM_WORKLOAD_ARRIVAL_H
#define KMEMSIM_WORKLOAD_ARRIVAL_H

#include <stdint.h>

#include "base/prng.h"
#include "workload/dist.h"

enum arrival_kind { ARRIVAL_GAPS, ARRIVAL_BURSTS, ARRIVAL_TIMES };

/* What is declared. */
struct arrival {
        enum arrival_kind kind;
        struct dist gap;
        struct dist on, off;   /* BURSTS */
        const uint64_t *times; /* TIMES: ascending, owned by whoever made it */
        uint64_t time_count;
};

/* How far it has come. */
struct arrival_clock {
        uint64_t t_ns;     /* GAPS, BURSTS: of the request before; TIMES: the start */
        uint64_t burst_ns; /* BURSTS: end of the burst */
        uint64_t index;    /* TIMES: next one; BURSTS: 0 before the first burst */
};

/* NULL, or a sentence fragment: an arrival whose time would never go forward. */
const char *arrival_problem(const struct arrival *arrival);

void arrival_begin(struct arrival_clock *at, uint64_t start_ns);

/* The time of the next request, TIME_NEVER if there is none. */
uint64_t arrival_next(const struct arrival *arrival, struct arrival_clock *at, struct prng *prng);

#endif
