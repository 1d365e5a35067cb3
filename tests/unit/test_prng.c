/*
 * test_prng.c - the generator is the published one, streams are independent, ranges are exact.
 */
#include <glib.h>

#include "base/prng.h"

/* Output of the authors' reference code for the state 1, 2, 3, 4. */
static void test_reference(void)
{
        static const uint64_t expected[] = {
                11520u, 0u, 1509978240u, 1215971899390074240u, 1216172134540287360u, 607988272756665600u,
                16172922978634559625u, 8476171486693032832u, 10595114339597558777u, 2904607092377533576u,
        };
        struct prng prng = { { 1, 2, 3, 4 } };

        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
                g_assert_cmpuint(prng_next(&prng), ==, expected[i]);
}

static void test_splitmix_reference(void)
{
        static const uint64_t expected[] = { 1985237415132408290u, 2979275885539914483u, 13511426838097143398u };
        uint64_t state = 1477776061723855037u;

        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
                g_assert_cmpuint(prng_splitmix(&state), ==, expected[i]);
}

static void test_streams(void)
{
        struct prng a, b, c, d;

        prng_init(&a, 1, prng_stream_of("workload"));
        prng_init(&b, 1, prng_stream_of("workload"));
        prng_init(&c, 1, prng_stream_of("schedule"));
        prng_init(&d, 2, prng_stream_of("workload"));
        g_assert_cmpuint(prng_stream_of("workload"), !=, prng_stream_of("schedule"));
        for (int i = 0; i < 100; i++) {
                uint64_t number = prng_next(&a);

                g_assert_cmpuint(prng_next(&b), ==, number);
                g_assert_cmpuint(prng_next(&c), !=, number);
                g_assert_cmpuint(prng_next(&d), !=, number);
        }
}

static void test_below(void)
{
        struct prng prng;
        uint32_t seen[7] = { 0 };

        prng_init(&prng, 7, 0);
        for (int i = 0; i < 70000; i++) {
                uint64_t number = prng_below(&prng, 7);

                g_assert_cmpuint(number, <, 7);
                seen[number]++;
        }
        for (int i = 0; i < 7; i++) { /* 10000 each, give or take five standard deviations */
                g_assert_cmpuint(seen[i], >, 9537);
                g_assert_cmpuint(seen[i], <, 10463);
        }
        for (int i = 0; i < 100; i++)
                g_assert_cmpuint(prng_below(&prng, 1), ==, 0);
}

static void test_between(void)
{
        struct prng prng;
        bool first = false, last = false;

        prng_init(&prng, 7, 1);
        for (int i = 0; i < 1000; i++) {
                int64_t number = prng_between(&prng, -2, 2);

                g_assert_cmpint(number, >=, -2);
                g_assert_cmpint(number, <=, 2);
                first |= number == -2;
                last |= number == 2;
        }
        g_assert_true(first && last);
        g_assert_cmpint(prng_between(&prng, 5, 5), ==, 5);
        prng_between(&prng, INT64_MIN, INT64_MAX); /* every number there is */
}

static void test_chance(void)
{
        struct prng prng;
        int hits = 0;

        prng_init(&prng, 7, 2);
        for (int i = 0; i < 10000; i++) {
                g_assert_true(prng_chance(&prng, 3, 3));
                g_assert_false(prng_chance(&prng, 0, 3));
                hits += prng_chance(&prng, 1, 4);
        }
        g_assert_cmpint(hits, >, 2283); /* 2500, give or take five standard deviations */
        g_assert_cmpint(hits, <, 2717);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/prng/numbers-are-those-of-the-reference", test_reference);
        g_test_add_func("/base/prng/seeding-is-that-of-the-reference", test_splitmix_reference);
        g_test_add_func("/base/prng/a-stream-depends-on-seed-and-name", test_streams);
        g_test_add_func("/base/prng/below-gives-each-number-equally-often", test_below);
        g_test_add_func("/base/prng/between-includes-both-ends", test_between);
        g_test_add_func("/base/prng/chances-are-ratios", test_chance);
        return g_test_run();
}
