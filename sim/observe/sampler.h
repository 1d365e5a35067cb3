/*
 * sampler.h - the history of a run: the stock of every zone and every cache at a few hundred moments.
 *
 * How long a run will be is not known, so the points lie on a grid that grows coarser: when 512 points are there,
 * every second one is dropped and the interval doubles. What is kept at any time is therefore
 *   the samples at all multiples of interval_ns from 0 to now, and after sampler_end one more at the end,
 * which depends on simulated time alone. A sample is the state after everything that happened up to and including its
 * time; requests that the workload makes at that very moment come later. It knows nothing of recordings.
 */
#ifndef KMEMSIM_OBSERVE_SAMPLER_H
#define KMEMSIM_OBSERVE_SAMPLER_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"

#define SAMPLER_POINTS_MAX       512u
#define SAMPLER_FIRST_INTERVAL_NS UINT64_C(1000)

struct cache_at {
        uint32_t cache;
        struct cache_stock stock;
};

/* One moment: all populated zones and all live caches, each in order of their ids. */
struct sample {
        uint64_t t_ns;
        uint32_t zone_count, cache_count;
        struct zone_view *zones;
        struct cache_at *caches;
};

void sample_free(struct sample *sample);

struct sampler;

struct sampler *sampler_new(void);
void sampler_free(struct sampler *sampler);

/* When the next sample is to be taken; at first 0. */
uint64_t sampler_due_ns(const struct sampler *sampler);

/* Takes the sample that is due: only when sim has done all there is to do up to that time. */
void sampler_take(struct sampler *sampler, const struct sim *sim);

/* The last sample, off the grid unless one was taken at this very moment. None follows. */
void sampler_end(struct sampler *sampler, const struct sim *sim);

/* Points kept so far, those handed out by sampler_steal included, and their distance. */
uint32_t sampler_point_count(const struct sampler *sampler);
uint64_t sampler_interval_ns(const struct sampler *sampler);

/* The samples kept and not yet stolen, oldest first; stays the sampler's. */
const GPtrArray *sampler_samples(const struct sampler *sampler);

/* Hands over the samples kept so far. Who has them must drop those that are no multiple of a later interval. */
GPtrArray *sampler_steal(struct sampler *sampler);

/* As sim_run_until, and takes every sample that falls due on the way. until_ns may be TIME_NEVER. */
enum sim_what sampled_run(struct sampler *sampler, struct sim *sim, uint64_t until_ns, uint32_t *ret_thread);

#endif
