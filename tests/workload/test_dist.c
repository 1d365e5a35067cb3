/*
 * The distributions: against numbers that were computed elsewhere with 60 digits (inverse distribution functions and
 * the xoshiro256** stream written anew), and against their own shape.
 */
#include <glib.h>

#include "workload/dist.h"
#include "workload/fixed.h"

#define SEED   1
#define STREAM 7

/* -- quantiles ---------------------------------------------------------------------------------------------------- */

static const uint64_t numbers[] = {
        UINT64_C(1), UINT64_C(1099511627776), UINT64_C(72057594037940281), UINT64_C(1152921504606846976),
        UINT64_C(1844674407370955264), UINT64_C(4611686018427387904), UINT64_C(9223372036854775807),
        UINT64_C(9223372036854775907), UINT64_C(13835058055282163712), UINT64_C(16602069666338596864),
        UINT64_C(18262276632972455936), UINT64_C(18428297329635842048), UINT64_C(18446742974197923840),
        UINT64_C(18446744073709551615),
};

struct quantiles {
        uint64_t value[G_N_ELEMENTS(numbers)];
};

static const struct quantiles exponential_50000 = { {
        UINT64_C(0), UINT64_C(0), UINT64_C(196), UINT64_C(3227), UINT64_C(5268), UINT64_C(14384), UINT64_C(34657),
        UINT64_C(34657), UINT64_C(69315), UINT64_C(115129), UINT64_C(230259), UINT64_C(345388), UINT64_C(831777),
        UINT64_C(2218071),
} };
static const struct quantiles exponential_2_56 = { {
        UINT64_C(0), UINT64_C(4294967424), UINT64_C(282026168387812), UINT64_C(4650490555939335),
        UINT64_C(7592025264898398), UINT64_C(20729677988720202), UINT64_C(49946518145322874),
        UINT64_C(49946518145322874), UINT64_C(99893036290645747), UINT64_C(165918741868749504),
        UINT64_C(331837483737498913), UINT64_C(497756225606248405), UINT64_C(1198716435487814504),
        UINT64_C(3196577161300663915),
} };
static const struct quantiles lognormal_10000_1 = { {
        UINT64_C(1), UINT64_C(50), UINT64_C(699), UINT64_C(2156), UINT64_C(2776), UINT64_C(5094), UINT64_C(10000),
        UINT64_C(10000), UINT64_C(19630), UINT64_C(36022), UINT64_C(102405), UINT64_C(219822), UINT64_C(1992786),
        UINT64_C(87793278),
} };
static const struct quantiles lognormal_2_40_half = { {
        UINT64_C(11734624412), UINT64_C(77887801048), UINT64_C(290786014451), UINT64_C(510587035248),
        UINT64_C(579314554850), UINT64_C(784758879207), UINT64_C(1099511627776), UINT64_C(1099511627776),
        UINT64_C(1540506073453), UINT64_C(2086821070683), UINT64_C(3518518581477), UINT64_C(5155078058035),
        UINT64_C(15521375662842), UINT64_C(103022114483364),
} };
static const struct quantiles pareto_1000_3_2 = { {
        UINT64_C(1000), UINT64_C(1000), UINT64_C(1003), UINT64_C(1044), UINT64_C(1073), UINT64_C(1211),
        UINT64_C(1587), UINT64_C(1587), UINT64_C(2520), UINT64_C(4642), UINT64_C(21544), UINT64_C(100000),
        UINT64_C(65536000), UINT64_C(6981463658331559),
} };
static const struct quantiles pareto_64_quarter = { {
        UINT64_C(64), UINT64_C(64), UINT64_C(65), UINT64_C(83), UINT64_C(98), UINT64_C(202), UINT64_C(1024),
        UINT64_C(1024), UINT64_C(16384), UINT64_C(640000), UINT64_C(6400000000), UINT64_C(64000000000000),
        UINT64_C(1125899906842624), UINT64_C(1125899906842624),
} };

/* Off by at most one, and a part in 2^`bits` of the scale. */
static void check_quantiles(const struct dist *dist, const struct quantiles *true_values, uint64_t scale, int bits)
{
        for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
                uint64_t is = dist_quantile(dist, numbers[i]), should = true_values->value[i];
                uint64_t off = is > should ? is - should : should - is;

                g_assert_cmpuint(off, <=, 1 + ((scale ? scale : should) >> bits));
        }
}

static void test_quantiles(void)
{
        struct dist dist;

        g_assert_null(dist_exponential(&dist, 50000));
        check_quantiles(&dist, &exponential_50000, 50000, 55);
        g_assert_null(dist_exponential(&dist, UINT64_C(1) << 56));
        check_quantiles(&dist, &exponential_2_56, UINT64_C(1) << 56, 55);
        g_assert_null(dist_lognormal(&dist, 10000, DIST_SHAPE_ONE));
        check_quantiles(&dist, &lognormal_10000_1, 0, 40);
        g_assert_null(dist_lognormal(&dist, UINT64_C(1) << 40, DIST_SHAPE_ONE / 2));
        check_quantiles(&dist, &lognormal_2_40_half, 0, 41);
        g_assert_null(dist_pareto(&dist, 1000, DIST_SHAPE_ONE * 3 / 2, UINT64_MAX));
        check_quantiles(&dist, &pareto_1000_3_2, 0, 50);
        g_assert_null(dist_pareto(&dist, 64, DIST_SHAPE_ONE / 4, UINT64_C(1) << 50));
        check_quantiles(&dist, &pareto_64_quarter, 0, 50);
}

static void test_quantiles_never_fall(void)
{
        struct dist dists[3];

        dist_exponential(&dists[0], UINT64_C(1) << 40);
        dist_lognormal(&dists[1], UINT64_C(1) << 40, 3 * DIST_SHAPE_ONE);
        dist_pareto(&dists[2], 4096, DIST_SHAPE_ONE, UINT64_MAX);
        for (int d = 0; d < 3; d++) {
                uint64_t before = 0;

                for (uint64_t i = 0; i < 1u << 16; i++) {
                        uint64_t value = dist_quantile(&dists[d], (i << 48) + (UINT64_C(1) << 47));

                        g_assert_cmpuint(value, >=, before);
                        before = value;
                }
        }
}

static void test_normal_is_symmetric(void)
{
        struct prng prng;

        fixed_init();
        prng_init(&prng, SEED, STREAM);
        for (int i = 0; i < 100000; i++) {
                uint64_t x = prng_next(&prng) >> (i % 64) | 1;

                g_assert_cmpint(fixed_normal(x), ==, -fixed_normal(0 - x));
        }
}

static void test_ends(void)
{
        struct dist dist;

        /* sigma 64: e^(64 * 9) is no 64-bit number, and neither end wraps around */
        g_assert_null(dist_lognormal(&dist, DIST_MAX, DIST_SHAPE_MAX));
        g_assert_cmpuint(dist_lowest(&dist), ==, 0);
        g_assert_cmpuint(dist_highest(&dist), ==, FIXED_MAX);
        g_assert_null(dist_pareto(&dist, DIST_MAX, DIST_SHAPE_ONE / 16, UINT64_MAX));
        g_assert_cmpuint(dist_quantile(&dist, UINT64_MAX), ==, FIXED_MAX);
        g_assert_cmpuint(dist_quantile(&dist, 0), ==, DIST_MAX);
        g_assert_null(dist_exponential(&dist, DIST_MAX));
        g_assert_cmpuint(dist_highest(&dist), <, FIXED_MAX);
        g_assert_null(dist_lognormal(&dist, 777, 0));
        g_assert_cmpuint(dist_lowest(&dist), ==, 777);
        g_assert_cmpuint(dist_highest(&dist), ==, 777);
}

/* -- draws -------------------------------------------------------------------------------------------------------- */

static void check_draws(const struct dist *dist, const uint64_t *expected)
{
        struct prng prng;

        prng_init(&prng, SEED, STREAM);
        for (int i = 0; i < 20; i++)
                g_assert_cmpuint(dist_draw(dist, &prng), ==, expected[i]);
}

static void test_first_draws(void)
{
        static const uint64_t exponential[20] = {
                4664, 25008, 46681, 50391, 18701, 4372, 11616, 4150, 8097, 11284, 324793, 27204, 48483, 99706, 14419,
                164978, 69636, 4316, 43650, 4353,
        };
        static const uint64_t lognormal[20] = {
                1327, 6669, 15020, 16780, 4794, 1261, 2941, 1211, 2106, 2860, 855104, 7376, 15862, 51903, 3645,
                146112, 27713, 1248, 13657, 1257,
        };
        static const uint64_t pareto[20] = {
                1077, 1492, 2110, 2240, 1349, 1072, 1204, 1069, 1138, 1198, 180672, 1545, 2172, 4930, 1259, 14008,
                3047, 1072, 2011, 1072,
        };
        static const uint64_t uniform[20] = {
                180, 454, 646, 672, 381, 175, 286, 171, 234, 282, 999, 478, 659, 878, 325, 967, 777, 174, 624, 175,
        };
        static const uint64_t empirical[20] = {
                64, 1500, 64, 64, 64, 64, 64, 64, 64, 64, 64, 1500, 64, 4096, 64, 64, 4096, 64, 64, 64,
        };
        struct dist_choice choices[] = { { .value = 64, .weight = 5 }, { .value = 1500, .weight = 1 },
                                         { .value = 4096, .weight = 2 } };
        struct dist dist;

        g_assert_null(dist_exponential(&dist, 50000));
        check_draws(&dist, exponential);
        g_assert_null(dist_lognormal(&dist, 10000, DIST_SHAPE_ONE * 3 / 2));
        check_draws(&dist, lognormal);
        g_assert_null(dist_pareto(&dist, 1000, DIST_SHAPE_ONE * 5 / 4, 1000000));
        check_draws(&dist, pareto);
        g_assert_null(dist_uniform(&dist, 100, 1000));
        check_draws(&dist, uniform);
        g_assert_null(dist_empirical(&dist, choices, 3));
        check_draws(&dist, empirical);
}

static void test_constant_takes_no_number(void)
{
        struct prng prng, same;
        struct dist dist;

        prng_init(&prng, SEED, STREAM);
        same = prng;
        g_assert_null(dist_constant(&dist, 4711));
        g_assert_cmpuint(dist_draw(&dist, &prng), ==, 4711);
        g_assert_cmpmem(&prng, sizeof(prng), &same, sizeof(same));
}

/* -- shapes ------------------------------------------------------------------------------------------------------- */

#define DRAWS (1u << 20)
#define BINS  16

/* Sixteen bins that should get as many draws each: chi-square with 15 degrees of freedom is below 50 in all but one of
 * 80000 streams. Without floats: the sum of (found - expected)^2 against 50 * expected. */
static void check_bins(const struct dist *dist, const uint64_t edges[BINS - 1])
{
        uint64_t found[BINS] = { 0 }, expected = DRAWS / BINS, sum = 0;
        struct prng prng;

        prng_init(&prng, SEED, STREAM);
        for (uint32_t i = 0; i < DRAWS; i++) {
                uint64_t value = dist_draw(dist, &prng);
                uint32_t bin = 0;

                while (bin < BINS - 1 && value > edges[bin])
                        bin++;
                found[bin]++;
        }
        for (uint32_t i = 0; i < BINS; i++) {
                int64_t off = (int64_t)(found[i] - expected);

                sum += (uint64_t)(off * off);
        }
        g_assert_cmpuint(sum, <, 50 * expected);
}

static void test_shapes(void)
{
        static const uint64_t exponential[] = {
                64538521, 133531393, 207639365, 287682072, 374693449, 470003629, 575364145, 693147181, 826678573,
                980829253, 1163150810, 1386294361, 1673976434, 2079441542, 2772588722,
        };
        static const uint64_t lognormal[] = {
                316449880, 421994906, 514088464, 602982374, 693099086, 787431006, 888711149, 1000000000, 1125224998,
                1269952531, 1442795150, 1658423268, 1945190507, 2369696849, 3160058083,
        };
        static const uint64_t pareto[] = {
                1032795559, 1069044968, 1109400392, 1154700538, 1206045378, 1264911064, 1333333333, 1414213562,
                1511857892, 1632993162, 1788854382, 2000000000, 2309401077, 2828427125, 4000000000,
        };
        uint64_t uniform[BINS - 1];
        struct dist dist;

        dist_exponential(&dist, 1000000000);
        check_bins(&dist, exponential);
        dist_lognormal(&dist, 1000000000, DIST_SHAPE_ONE * 3 / 4);
        check_bins(&dist, lognormal);
        dist_pareto(&dist, 1000000000, 2 * DIST_SHAPE_ONE, UINT64_MAX);
        check_bins(&dist, pareto);
        dist_uniform(&dist, 1, 1600000);
        for (uint64_t i = 0; i < BINS - 1; i++)
                uniform[i] = 100000 * (i + 1);
        check_bins(&dist, uniform);
}

/* The mean of n draws is off by less than 5 / sqrt(n) of the mean in all but one of a million streams. */
static void test_mean(void)
{
        struct dist dist;
        struct prng prng;
        uint64_t sum = 0;

        dist_exponential(&dist, 1000000);
        prng_init(&prng, SEED, STREAM);
        for (uint32_t i = 0; i < DRAWS; i++)
                sum += dist_draw(&dist, &prng);
        g_assert_cmpuint(sum / DRAWS, >, 1000000 - 5 * 1000000 / 1024);
        g_assert_cmpuint(sum / DRAWS, <, 1000000 + 5 * 1000000 / 1024);
}

/* All columns together hold count times the weight of each choice, to the unit. */
static void test_alias_columns_are_exact(void)
{
        struct prng prng;

        prng_init(&prng, SEED, STREAM);
        for (int round = 0; round < 300; round++) {
                uint32_t count = 1 + (uint32_t)prng_below(&prng, 60);
                struct dist_choice choices[60] = { { 0 } };
                uint64_t share[60] = { 0 };
                struct dist dist;

                for (uint32_t i = 0; i < count; i++) {
                        choices[i].value = i;
                        choices[i].weight = prng_below(&prng, round % 3 ? 1000 : 3);
                }
                choices[count / 2].weight++;
                g_assert_null(dist_empirical(&dist, choices, count));
                for (uint32_t i = 0; i < count; i++) {
                        g_assert_cmpuint(choices[i].cut, <=, dist.total);
                        share[choices[i].value] += choices[i].cut;
                        share[choices[i].other] += dist.total - choices[i].cut;
                }
                for (uint32_t i = 0; i < count; i++)
                        g_assert_cmpuint(share[i], ==, choices[i].weight * count);
        }
}

static void test_below(void)
{
        uint64_t found[7] = { 0 };
        struct prng prng;

        prng_init(&prng, SEED, STREAM);
        for (int i = 0; i < 70000; i++)
                found[dist_below(&prng, 7)]++;
        for (int i = 0; i < 7; i++)
                g_assert_cmpuint(found[i] - 9500, <, 1000);
        for (int i = 0; i < 1000; i++)
                g_assert_cmpuint(dist_below(&prng, (UINT64_C(1) << 63) + 1), <=, UINT64_C(1) << 63);
}

static void test_problems(void)
{
        struct dist_choice none[] = { { .value = 1, .weight = 0 } };
        struct dist_choice heavy[] = { { .value = 1, .weight = DIST_WEIGHTS_MAX }, { .value = 2, .weight = 1 } };
        struct dist dist;

        g_assert_nonnull(dist_constant(&dist, DIST_MAX + 1));
        g_assert_nonnull(dist_uniform(&dist, 2, 1));
        g_assert_nonnull(dist_exponential(&dist, 0));
        g_assert_nonnull(dist_lognormal(&dist, 0, DIST_SHAPE_ONE));
        g_assert_nonnull(dist_lognormal(&dist, 1, DIST_SHAPE_MAX + 1));
        g_assert_nonnull(dist_pareto(&dist, 0, DIST_SHAPE_ONE, UINT64_MAX));
        g_assert_nonnull(dist_pareto(&dist, 1, 0, UINT64_MAX));
        g_assert_nonnull(dist_pareto(&dist, 2, DIST_SHAPE_ONE, 1));
        g_assert_nonnull(dist_empirical(&dist, none, 0));
        g_assert_nonnull(dist_empirical(&dist, none, 1));
        g_assert_nonnull(dist_empirical(&dist, heavy, 2));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/workload/dist/quantiles", test_quantiles);
        g_test_add_func("/workload/dist/quantiles-never-fall", test_quantiles_never_fall);
        g_test_add_func("/workload/dist/normal-is-symmetric", test_normal_is_symmetric);
        g_test_add_func("/workload/dist/ends-saturate", test_ends);
        g_test_add_func("/workload/dist/first-draws", test_first_draws);
        g_test_add_func("/workload/dist/constant-takes-no-number", test_constant_takes_no_number);
        g_test_add_func("/workload/dist/shapes", test_shapes);
        g_test_add_func("/workload/dist/mean", test_mean);
        g_test_add_func("/workload/dist/alias-columns-are-exact", test_alias_columns_are_exact);
        g_test_add_func("/workload/dist/below", test_below);
        g_test_add_func("/workload/dist/problems", test_problems);
        return g_test_run();
}
