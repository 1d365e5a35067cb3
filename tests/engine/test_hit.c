/*
 * test_hit.c - sim_hit is a short cut and nothing more: a workload that tries it first leaves the same records, times,
 * counts and state as one that always takes the long way, whatever else goes on.
 */
#include <glib.h>

#include "base/prng.h"
#include "support/testbed.h"

#define TURNS  4000u
#define SLOTS  64u

struct side {
        struct testbed *bed;
        bool tries;
        uint32_t taken;  /* requests that the short cut did */
        uint32_t cache, dma_cache;
        uint32_t handler; /* an interrupt line of CPU 0 */
        uint32_t slot[SLOTS];
};

/* Carries `request` to its end; a handler that comes in between allocates nothing and goes. */
static void carry_out(struct side *side, uint32_t thread, const struct request *request, uint64_t until_ns)
{
        struct sim *sim = side->bed->sim;
        uint32_t who;

        if (side->tries && sim_hit(sim, thread, request, until_ns)) {
                side->taken++;
                return;
        }
        g_assert_cmpstr(sim_submit(sim, thread, request), ==, NULL);
        for (;;) {
                enum sim_what what = sim_run_until(sim, until_ns, &who);

                if (what == SIM_DONE && who == thread)
                        return;
                if (what == SIM_WAKE && who == side->handler)
                        sim_irq_return(sim, who);
                if (what == SIM_IDLE) { /* until_ns came first: look at the state there, then go on */
                        g_assert_cmpuint(sim_now_ns(sim), ==, until_ns);
                        until_ns = TIME_NEVER;
                }
        }
}

/* The same for every side: what is asked for follows from the stream alone. */
static void play(struct side *side, const struct sim_config *config)
{
        static const uint32_t masks[] = { GFP_KERNEL, GFP_ATOMIC, GFP_NOFS, GFP_KERNEL | __GFP_DMA };
        struct testbed *bed = testbed_new(config);
        struct prng prng;

        side->bed = bed;
        side->handler = sim_thread_new(bed->sim, THREAD_IRQ, 0);
        side->cache = testbed_create(bed, "plain", 120, 0, 0);
        side->dma_cache = testbed_create(bed, "dma", 200, 0, CACHE_DMA);
        for (uint32_t i = 0; i < SLOTS; i++)
                side->slot[i] = OBJECT_NONE;
        prng_init(&prng, 77, 0);
        for (uint32_t turn = 0; turn < TURNS / TEST_THINNED; turn++) {
                uint32_t cpu = (uint32_t)prng_below(&prng, config->cpus);
                uint32_t *slot = &side->slot[prng_below(&prng, SLOTS)];
                uint32_t way = (uint32_t)prng_below(&prng, 5);
                uint64_t until_ns = TIME_NEVER;
                struct request request = { .gfp = masks[prng_below(&prng, G_N_ELEMENTS(masks))] };

                if (prng_chance(&prng, 1, 8)) /* often within the op */
                        until_ns = sim_now_ns(bed->sim) + prng_below(&prng, 40);
                if (prng_chance(&prng, 1, 10))
                        sim_raise(bed->sim, side->handler, sim_now_ns(bed->sim) + prng_below(&prng, 30));
                if (prng_chance(&prng, 1, 50)) {
                        request = (struct request){ .kind = OP_WORK, .size_bytes = 1 + prng_below(&prng, 3000000) };
                        until_ns = TIME_NEVER;
                } else if (*slot != OBJECT_NONE) {
                        request.kind = OP_FREE;
                        request.object = *slot;
                } else if (way == 0) {
                        request.kind = OP_ALLOC;
                        request.cache = request.gfp & __GFP_DMA ? side->dma_cache : side->cache;
                } else if (way == 1) {
                        request.kind = OP_PAGES;
                        request.order = (uint8_t)prng_below(&prng, 3);
                } else {
                        request.kind = OP_KMALLOC;
                        request.size_bytes = prng_between(&prng, 0, prng_chance(&prng, 1, 20) ? 140000 : 900);
                        if (prng_chance(&prng, 1, 6))
                                request.node_plus_1 = (uint8_t)prng_between(&prng, 1, config->nodes);
                }
                carry_out(side, bed->task[cpu], &request, until_ns);
                if (request.kind != OP_WORK)
                        *slot = sim_result_object(bed->sim, bed->task[cpu]);
                g_assert_cmpuint(sim_result(bed->sim, bed->task[cpu])->kind, ==, request.kind);
        }
        testbed_flush(bed);
}

static void same(const struct sim_config *config)
{
        struct side with = { .tries = true }, without = { 0 };

        play(&with, config);
        play(&without, config);
#ifdef KMEMSIM_AUDIT_FULL
        g_assert_cmpuint(with.taken, ==, 0); /* every step is wanted */
#else
        if (config->audit == 0)
                g_assert_cmpuint(with.taken, >, TURNS / 4);
#endif
        g_assert_cmpuint(without.taken, ==, 0);
        g_assert_cmpmem(with.bed->ops->data, with.bed->ops->len * sizeof(struct op_record), without.bed->ops->data,
                        without.bed->ops->len * sizeof(struct op_record));
        g_assert_cmpmem(with.bed->events->data, with.bed->events->len * sizeof(struct event_record),
                        without.bed->events->data, without.bed->events->len * sizeof(struct event_record));
        g_assert_cmpuint(sim_now_ns(with.bed->sim), ==, sim_now_ns(without.bed->sim));
        g_assert_cmpuint(sim_step_count(with.bed->sim), ==, sim_step_count(without.bed->sim));
        g_assert_cmpuint(sim_state_hash(with.bed->sim), ==, sim_state_hash(without.bed->sim));
        g_assert_cmpmem(sim_counts(with.bed->sim), sizeof(struct sim_counts), sim_counts(without.bed->sim),
                        sizeof(struct sim_counts));
        testbed_free(with.bed);
        testbed_free(without.bed);
}

static void test_same(void)
{
        struct sim_config config = testbed_config(2, 64);

        config.audit = 0;
        same(&config);
}

static void test_same_numa(void)
{
        struct sim_config config = testbed_config_numa(4, 2, 64);

        config.audit = 0;
        same(&config);
}

static void test_same_watched(void)
{
        struct sim_config config = testbed_config(1, 16);

        config.audit = 1;
        same(&config);
}

/* What is impossible or not a hit is left to sim_submit, and nothing has happened. */
static void test_refused(void)
{
        struct sim_config config = testbed_config(2, 64);
        struct testbed *bed;
        uint32_t object;
        uint64_t hash, now_ns;

        config.audit = 0;
        bed = testbed_new(&config);
        object = testbed_kmalloc(bed, 0, 100, GFP_KERNEL);
        hash = sim_state_hash(bed->sim);
        now_ns = sim_now_ns(bed->sim);
        struct request requests[] = {
                { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_KERNEL | __GFP_ZERO },
                { .kind = OP_KMALLOC, .size_bytes = 131073, .gfp = GFP_KERNEL },
                { .kind = OP_KMALLOC, .size_bytes = UINT64_MAX, .gfp = GFP_KERNEL },
                { .kind = OP_KMALLOC, .size_bytes = 60000, .gfp = GFP_KERNEL }, /* nothing in that magazine */
                { .kind = OP_ALLOC, .cache = 100000, .gfp = GFP_KERNEL },
                { .kind = OP_FREE, .object = object + 1 },
                { .kind = OP_FREE, .object = OBJECT_NONE },
                { .kind = OP_WORK, .size_bytes = 5 },
                { .kind = OP_KIND_COUNT },
        };
        for (uint32_t i = 0; i < G_N_ELEMENTS(requests); i++)
                g_assert_false(sim_hit(bed->sim, bed->task[0], &requests[i], TIME_NEVER));
        struct request fits = { .kind = OP_FREE, .object = object };

        g_assert_false(sim_hit(bed->sim, bed->task[0], &fits, now_ns + 1)); /* not over by then */
        g_assert_cmpuint(sim_state_hash(bed->sim), ==, hash);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, now_ns);
#ifndef KMEMSIM_AUDIT_FULL
        g_assert_true(sim_hit(bed->sim, bed->task[0], &fits, TIME_NEVER));
        g_assert_false(sim_hit(bed->sim, bed->task[0], &fits, TIME_NEVER)); /* freed */
#endif
        testbed_free(bed);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/hit/same", test_same);
        g_test_add_func("/engine/hit/same-numa", test_same_numa);
        g_test_add_func("/engine/hit/same-watched", test_same_watched);
        g_test_add_func("/engine/hit/refused", test_refused);
        return g_test_run();
}
