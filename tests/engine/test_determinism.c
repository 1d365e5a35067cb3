/*
 * test_determinism.c - the same workload leaves the same bytes, however the tape is cut, time is stepped, or an
 * unrelated thread wakes up in between.
 */
#include <glib.h>

#include "support/workload.h"

#define SEEDS 16u

struct way {
        const char *name;
        uint32_t block;
        uint64_t step_ns, alarm_ns;
        uint32_t audit;
};

static struct testbed *run_way(uint64_t seed, const struct way *way)
{
        struct workload_shape shape;
        struct workload_result result;
        struct sim_config config;
        struct testbed *bed;

        workload_draw(seed, &config, &shape);
        shape.requests = 2500;
        shape.step_ns = way->step_ns;
        shape.alarm_ns = way->alarm_ns;
        if (seed % 4) { /* few sleeps: a pause of 20 ms has a million steps and alarms */
                shape.pages_left = 0;
                shape.live_max = MIN(shape.live_max, 500);
        } else {
                shape.step_ns *= shape.step_ns < 10000 ? 1000 : 1;
                shape.alarm_ns *= shape.alarm_ns < 10000 ? 1000 : 1;
        }
        config.audit = way->audit;
        bed = testbed_new_blocks(&config, way->block);
        workload_run(bed, &shape, &result);
        return bed;
}

static void compare_ways(const struct way *ways, size_t count)
{
        for (uint64_t seed = 1; seed <= SEEDS / TEST_THINNED; seed++) {
                const struct way plain = { "plain", 64, 0, 0, 0 };
                g_autoptr(testbed) expected = run_way(seed, &plain);

                g_assert_cmpuint(expected->ops->len, >, 2500);
                for (size_t i = 0; i < count; i++) {
                        g_autoptr(testbed) bed = run_way(seed, &ways[i]);

                        g_test_message("seed %" G_GUINT64_FORMAT ", %s", seed, ways[i].name);
                        testbed_same(expected, bed, ways[i].name);
                        g_assert_cmpuint(sim_state_hash(bed->sim), ==, sim_state_hash(expected->sim));
                }
        }
}

static void test_again(void)
{
        const struct way ways[] = { { "again", 64, 0, 0, 0 } };

        compare_ways(ways, G_N_ELEMENTS(ways));
}

static void test_blocks(void)
{
        const struct way ways[] = {
                { "blocks of 1", 1, 0, 0, 0 }, { "blocks of 7", 7, 0, 0, 0 }, { "one block", 1 << 18, 0, 0, 0 },
        };

        compare_ways(ways, G_N_ELEMENTS(ways));
}

static void test_steps(void)
{
        const struct way ways[] = {
                { "steps of 37 ns", 64, 37, 0, 0 }, { "steps of 1001 ns", 64, 1001, 0, 0 },
                { "steps of 999999 ns", 64, 999999, 0, 0 },
        };

        compare_ways(ways, G_N_ELEMENTS(ways));
}

static void test_alarms(void)
{
        const struct way ways[] = {
                { "an alarm every 11 ns", 64, 0, 11, 0 }, { "every 500 ns", 64, 0, 500, 0 },
                { "every 4 ms", 64, 0, 4000000, 0 }, { "every 13 ns and steps of 17 ns", 64, 17, 13, 0 },
        };

        compare_ways(ways, G_N_ELEMENTS(ways));
}

static void test_audits(void)
{
        const struct way ways[] = { { "recounted after every op", 64, 0, 0, 1 } };

        compare_ways(ways, G_N_ELEMENTS(ways));
}

/* A hit may be taken in one go; recounted after every step it is not. Both ways leave the same. */
static void test_step_by_step(void)
{
        for (uint64_t seed = 31; seed < 31 + SEEDS / TEST_THINNED; seed++) {
                struct testbed *bed[2];

                for (uint32_t stepped = 0; stepped < 2; stepped++) {
                        struct workload_shape shape;
                        struct workload_result result;
                        struct sim_config config;

                        workload_draw(seed, &config, &shape);
                        config.node_mib[0] = MIN(config.node_mib[0], 24);
                        config.audit = stepped ? 2 : 0;
                        shape.requests = 400;
                        shape.pages_left = 0;
                        bed[stepped] = testbed_new(&config);
                        workload_run(bed[stepped], &shape, &result);
                }
                testbed_same(bed[0], bed[1], "in one go and step by step");
                g_assert_cmpuint(sim_state_hash(bed[0]->sim), ==, sim_state_hash(bed[1]->sim));
                g_assert_cmpuint(sim_step_count(bed[0]->sim), ==, sim_step_count(bed[1]->sim));
                testbed_free(bed[0]);
                testbed_free(bed[1]);
        }
}

/* And another seed leaves other bytes. */
static void test_seeds_differ(void)
{
        const struct way plain = { "plain", 64, 0, 0, 0 };
        g_autoptr(testbed) a = run_way(1, &plain);
        g_autoptr(testbed) b = run_way(2, &plain);
        gsize a_length, b_length;
        g_autofree char *a_bytes = testbed_bytes(a, &a_length);
        g_autofree char *b_bytes = testbed_bytes(b, &b_length);

        g_assert_true(a_length != b_length || memcmp(a_bytes, b_bytes, a_length) != 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/determinism/run-twice", test_again);
        g_test_add_func("/engine/determinism/blocks-of-the-tape-do-not-matter", test_blocks);
        g_test_add_func("/engine/determinism/steps-of-time-do-not-matter", test_steps);
        g_test_add_func("/engine/determinism/wake-ups-of-another-thread-do-not-matter", test_alarms);
        g_test_add_func("/engine/determinism/audits-do-not-matter", test_audits);
        g_test_add_func("/engine/determinism/a-hit-in-one-go-is-the-same", test_step_by_step);
        g_test_add_func("/engine/determinism/other-seeds-do", test_seeds_differ);
        return g_test_run();
}
