/*
 * sampler.c - see sampler.h.
 */
#include "observe/sampler.h"

#include "base/check.h"

struct sampler {
        GPtrArray *samples; /* struct sample, not stolen yet, by time */
        uint64_t due_ns, interval_ns;
        uint32_t point_count;
        gboolean ended;
};

void sample_free(struct sample *sample)
{
        if (sample == NULL)
                return;
        g_free(sample->zones);
        g_free(sample->caches);
        g_free(sample);
}

static struct sample *sample_new(const struct sim *sim)
{
        struct sample *sample = g_new0(struct sample, 1);
        uint32_t zone_count = sim_zone_count(sim), cache_count = sim_cache_count(sim);

        sample->t_ns = sim_now_ns(sim);
        sample->zones = g_new(struct zone_view, zone_count);
        for (uint32_t zone = 0; zone < zone_count; zone++) {
                sim_zone_get(sim, zone, &sample->zones[sample->zone_count]);
                if (sample->zones[sample->zone_count].present_pages != 0)
                        sample->zone_count++;
        }
        sample->caches = g_new(struct cache_at, cache_count);
        for (uint32_t cache = 0; cache < cache_count; cache++) {
                struct cache_at *at = &sample->caches[sample->cache_count];

                at->cache = cache;
                if (sim_cache_stock(sim, cache, &at->stock))
                        sample->cache_count++;
        }
        if (sample->cache_count < cache_count / 2) /* many caches have come and gone */
                sample->caches = g_renew(struct cache_at, sample->caches, sample->cache_count);
        return sample;
}

static GPtrArray *samples_new(void)
{
        return g_ptr_array_new_with_free_func((GDestroyNotify)sample_free);
}

struct sampler *sampler_new(void)
{
        struct sampler *sampler = g_new0(struct sampler, 1);

        sampler->samples = samples_new();
        sampler->interval_ns = SAMPLER_FIRST_INTERVAL_NS;
        return sampler;
}

void sampler_free(struct sampler *sampler)
{
        if (sampler == NULL)
                return;
        g_ptr_array_unref(sampler->samples);
        g_free(sampler);
}

uint64_t sampler_due_ns(const struct sampler *sampler)
{
        return sampler->due_ns;
}

static void drop_every_second(struct sampler *sampler)
{
        guint kept = 0;

        sampler->interval_ns *= 2;
        for (guint i = 0; i < sampler->samples->len; i++) {
                struct sample *sample = sampler->samples->pdata[i];

                if (sample->t_ns % sampler->interval_ns == 0) {
                        sampler->samples->pdata[i] = sampler->samples->pdata[kept];
                        sampler->samples->pdata[kept++] = sample;
                }
        }
        g_ptr_array_set_size(sampler->samples, (gint)kept);
        sampler->point_count /= 2;
}

void sampler_take(struct sampler *sampler, const struct sim *sim)
{
        CHECK(!sampler->ended);
        CHECK(sim_now_ns(sim) == sampler->due_ns);
        g_ptr_array_add(sampler->samples, sample_new(sim));
        if (++sampler->point_count == SAMPLER_POINTS_MAX)
                drop_every_second(sampler);
        sampler->due_ns = sampler->point_count * sampler->interval_ns;
}

void sampler_end(struct sampler *sampler, const struct sim *sim)
{
        uint64_t now_ns = sim_now_ns(sim);

        CHECK(!sampler->ended);
        CHECK(now_ns <= sampler->due_ns);
        sampler->ended = TRUE;
        if (sampler->point_count > 0 && (sampler->point_count - 1) * sampler->interval_ns == now_ns)
                return;
        g_ptr_array_add(sampler->samples, sample_new(sim));
        sampler->point_count++;
}

uint32_t sampler_point_count(const struct sampler *sampler)
{
        return sampler->point_count;
}

uint64_t sampler_interval_ns(const struct sampler *sampler)
{
        return sampler->interval_ns;
}

const GPtrArray *sampler_samples(const struct sampler *sampler)
{
        return sampler->samples;
}

GPtrArray *sampler_steal(struct sampler *sampler)
{
        GPtrArray *samples = sampler->samples;

        sampler->samples = samples_new();
        return samples;
}

enum sim_what sampled_run(struct sampler *sampler, struct sim *sim, uint64_t until_ns, uint32_t *ret_thread)
{
        for (;;) {
                uint64_t stop_ns = MIN(sampler->due_ns, until_ns);
                enum sim_what what = sim_run_until(sim, stop_ns, ret_thread);

                if (what != SIM_IDLE || sim_now_ns(sim) < stop_ns)
                        return what;
                if (stop_ns == sampler->due_ns)
                        sampler_take(sampler, sim);
                if (stop_ns == until_ns)
                        return SIM_IDLE;
        }
}
