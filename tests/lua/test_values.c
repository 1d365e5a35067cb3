/*
 * test_values.c - sizes, times, ratios, gfp words, random streams.
 */
#include <glib.h>

#include "base/prng.h"
#include "script/gfp_text.h"
#include "script/quantity.h"
#include "trace/gfp.h"

#define NO_SIZE "is no size: write bytes, or a number with K, M, G, KiB, MiB or GiB"
#define NO_TIME "is no time: write a number with ns, us, ms or s"
#define NOT_WHOLE "is not a whole number of the smallest unit (byte, ns)"

static void test_sizes(void)
{
        static const struct { const char *text; uint64_t bytes; const char *problem; } cases[] = {
                { "0", 0, NULL },             { "4096", 4096, NULL },          { "17B", 17, NULL },
                { "4K", 4096, NULL },         { "4KiB", 4096, NULL },          { "4 KiB", 4096, NULL },
                { "1.5MiB", 1572864, NULL },  { "0.5K", 512, NULL },           { "2G", UINT64_C(2) << 30, NULL },
                { "0.0009765625K", 1, NULL }, { "8589934591GiB", UINT64_C(8589934591) << 30, NULL },
                { "", 0, NO_SIZE },           { "K", 0, NO_SIZE },             { "-1", 0, NO_SIZE },
                { "+1", 0, NO_SIZE },         { "1e3", 0, NO_SIZE },           { "1,5K", 0, NO_SIZE },
                { "1.K", 0, NO_SIZE },        { ".5K", 0, NO_SIZE },           { "1.2.3K", 0, NO_SIZE },
                { "4kib", 0, NO_SIZE },       { "4 KiB ", 0, NO_SIZE },        { " 4KiB", 0, NO_SIZE },
                { "0x10", 0, NO_SIZE },       { "10us", 0, NO_SIZE },          { "0.3", 0, NOT_WHOLE },
                { "0.3B", 0, NOT_WHOLE },     { "0.0001K", 0, NOT_WHOLE },     { "8589934592GiB", 0, "is too large" },
                { "99999999999999999999", 0, NO_SIZE },
        };

        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint64_t bytes = 0;

                g_assert_cmpstr(quantity_size(cases[i].text, &bytes), ==, cases[i].problem);
                g_assert_cmpuint(bytes, ==, cases[i].bytes);
        }
}

static void test_times(void)
{
        static const struct { const char *text; uint64_t ns; const char *problem;
        } cases[] = {
                { "0ns", 0, NULL },
                { "10us", 10000, NULL },
                { "1.5 ms", 1500000, NULL },
                { "2s", 2000000000, NULL },
                { "0.001us", 1, NULL },
                { "0.0001us", 0, NOT_WHOLE },
                { "10", 0, NO_TIME },
                { "10 m", 0, NO_TIME },
                { "1US", 0, NO_TIME },
                { "9223372036s", UINT64_C(9223372036000000000), NULL },
                { "9223372037s", 0, "is too large" },
        };

        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint64_t ns = 0;

                g_assert_cmpstr(quantity_time(cases[i].text, &ns), ==, cases[i].problem);
                g_assert_cmpuint(ns, ==, cases[i].ns);
        }
}

static void test_ratios(void)
{
        uint64_t part, whole;

        g_assert_null(quantity_ratio("2", &part, &whole));
        g_assert_cmpuint(part, ==, 2);
        g_assert_cmpuint(whole, ==, 1);
        g_assert_null(quantity_ratio("0.25", &part, &whole));
        g_assert_cmpuint(part * 4, ==, whole);
        g_assert_null(quantity_ratio("3/4", &part, &whole));
        g_assert_cmpuint(part, ==, 3);
        g_assert_cmpuint(whole, ==, 4);
        for (const char *const *bad = (const char *const[]){ "0", "1/0", "-1", "1/2/3", "x", "", "0.5/2", NULL }; *bad;
             bad++)
                g_assert_nonnull(quantity_ratio(*bad, &part, &whole));
}

static void test_gfp(void)
{
        const char *word;
        size_t length;
        uint32_t gfp;

        g_assert_true(gfp_parse("kernel", false, &gfp, &word, &length));
        g_assert_cmphex(gfp, ==, GFP_KERNEL);
        g_assert_true(gfp_parse("atomic,dma", false, &gfp, &word, &length));
        g_assert_cmphex(gfp, ==, GFP_ATOMIC | __GFP_DMA);
        g_assert_true(gfp_parse("dma", false, &gfp, &word, &length)); /* no base: kernel */
        g_assert_cmphex(gfp, ==, GFP_KERNEL | __GFP_DMA);
        g_assert_true(gfp_parse("nowait", false, &gfp, &word, &length));
        g_assert_cmphex(gfp, ==, 0);
        g_assert_true(gfp_parse("nowait,thisnode", false, &gfp, &word, &length));
        g_assert_cmphex(gfp, ==, 0);
        g_assert_true(gfp_parse("nowait,thisnode", true, &gfp, &word, &length));
        g_assert_cmphex(gfp, ==, GFP_THISNODE_NUMA);
        g_assert_false(gfp_parse("kernel,", false, &gfp, &word, &length));
        g_assert_false(gfp_parse("kernel,atomi,dma", false, &gfp, &word, &length));
        g_assert_cmpmem(word, length, "atomi", 5);
}

/* The numbers are part of every digest: they must not change by accident. */
static void test_stream(void)
{
        struct prng prng = { { 1, 2, 3, 4 } };
        uint64_t state = 1234567;

        /* what the authors of xoshiro256**, splitmix64 and FNV-1a publish */
        g_assert_cmpuint(prng_next(&prng), ==, 11520);
        g_assert_cmpuint(prng_next(&prng), ==, 0);
        g_assert_cmpuint(prng_next(&prng), ==, 1509978240);
        g_assert_cmpuint(prng_splitmix(&state), ==, UINT64_C(6457827717110365317));
        g_assert_cmphex(prng_stream_of("a"), ==, UINT64_C(0xaf63dc4c8601ec8c));

        prng_init(&prng, 1, prng_stream_of("a"));
        g_assert_cmphex(prng_next(&prng), ==, UINT64_C(0x80ff0c14f91a9c55));
        g_assert_cmphex(prng_next(&prng), ==, UINT64_C(0x94af0db7e7861065));
}

static void test_streams_differ(void)
{
        struct prng a, b, other_seed;

        prng_init(&a, 1, prng_stream_of("a"));
        prng_init(&b, 1, prng_stream_of("b"));
        prng_init(&other_seed, 2, prng_stream_of("a"));
        for (int i = 0; i < 100; i++) {
                uint64_t number = prng_next(&a);

                g_assert_cmphex(number, !=, prng_next(&b));
                g_assert_cmphex(number, !=, prng_next(&other_seed));
        }
}

static void test_ranges(void)
{
        struct prng prng;
        uint32_t seen[6] = { 0 };

        prng_init(&prng, 7, 0);
        for (int i = 0; i < 60000; i++) {
                int64_t number = prng_between(&prng, -2, 3);

                g_assert_cmpint(number, >=, -2);
                g_assert_cmpint(number, <=, 3);
                seen[number + 2]++;
        }
        for (int i = 0; i < 6; i++) {
                g_assert_cmpuint(seen[i], >, 9600);
                g_assert_cmpuint(seen[i], <, 10400);
        }
        g_assert_cmpint(prng_between(&prng, 5, 5), ==, 5);
        prng_between(&prng, INT64_MIN, INT64_MAX); /* the whole range has no uneven rest */
        for (int i = 0; i < 100; i++) {
                g_assert_true(prng_chance(&prng, 3, 3));
                g_assert_false(prng_chance(&prng, 0, 3));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/script/quantity/sizes-are-read-exactly", test_sizes);
        g_test_add_func("/script/quantity/times-need-a-unit", test_times);
        g_test_add_func("/script/quantity/ratios", test_ratios);
        g_test_add_func("/script/gfp-words", test_gfp);
        g_test_add_func("/base/prng/numbers-of-a-stream-are-fixed", test_stream);
        g_test_add_func("/base/prng/streams-differ-by-name-and-seed", test_streams_differ);
        g_test_add_func("/base/prng/ranges-are-even", test_ranges);
        return g_test_run();
}
