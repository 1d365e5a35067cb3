/*
 * dist.h - distributions of whole numbers: how long, how large, how many.
 *
 * A draw is a function of the numbers that the stream gives and of nothing else; integers only, so it is the same on
 * every machine. The continuous ones are inverse distribution functions: one number r of the stream stands for the
 * probability u = (r | 1) / 2^64, and the draw is the quantile at u rounded to the nearest whole number. It may be off
 * by the bounds of fixed.h: 2^-55 of the mean for EXPONENTIAL, 2^-50 of the value for PARETO, sigma * 2^-40 of the
 * value for LOGNORMAL; for values below 2^40 that is a draw in very many that is rounded to the other side. A draw
 * takes one number of the stream (CONSTANT none); UNIFORM and EMPIRICAL draw again in the rare case that would make one
 * value likelier than it should be.
 *
 *      CONSTANT     a
 *      UNIFORM      a .. b, both included, each equally likely
 *      EXPONENTIAL  mean a
 *      LOGNORMAL    median a; the logarithm has the standard deviation `shape`
 *      PARETO       a and more: P(X > x) = (a / x)^shape; what would be more than b counts as b
 *      EMPIRICAL    the values of a table by their weights, by the alias method with whole numbers: exact
 *
 * A struct dist is plain data; the table of an empirical one belongs to whoever made it.
 */
#ifndef KMEMSIM_WORKLOAD_DIST_H
#define KMEMSIM_WORKLOAD_DIST_H

#include <stdint.h>

#include "base/prng.h"

#define DIST_MAX (UINT64_C(1) << 56)       /* of a, a mean or median: two years in ns */
#define DIST_SHAPE_ONE (UINT64_C(1) << 32) /* shapes are Q32 */
#define DIST_SHAPE_MAX (64 * DIST_SHAPE_ONE)
#define DIST_CHOICES_MAX 65536u
#define DIST_WEIGHTS_MAX (UINT64_C(1) << 40) /* sum of all weights */

enum dist_kind { DIST_CONSTANT, DIST_UNIFORM, DIST_EXPONENTIAL, DIST_LOGNORMAL, DIST_PARETO, DIST_EMPIRICAL };

/* A value and its weight; dist_empirical turns the rest into a column of the alias table. */
struct dist_choice {
        uint64_t value, weight;
        uint64_t other; /* value of the column from `cut` on */
        uint64_t cut;
        uint32_t next;
};

struct dist {
        enum dist_kind kind;
        uint32_t count; /* EMPIRICAL: choices */
        uint64_t a, b;
        uint64_t shape; /* LOGNORMAL: Q32; PARETO: 1 / shape in Q58 */
        uint64_t total; /* EMPIRICAL: sum of the weights */
        const struct dist_choice *choices;
};

/* Each returns NULL, or a sentence fragment ("needs ...") and leaves *dist alone. */
const char *dist_constant(struct dist *dist, uint64_t value);
const char *dist_uniform(struct dist *dist, uint64_t first, uint64_t last);
const char *dist_exponential(struct dist *dist, uint64_t mean);
const char *dist_lognormal(struct dist *dist, uint64_t median, uint64_t sigma_q32);
const char *dist_pareto(struct dist *dist, uint64_t min, uint64_t alpha_q32, uint64_t max);

/* The order of the choices matters for what is drawn: sort them. They must stay where they are. */
const char *dist_empirical(struct dist *dist, struct dist_choice *choices, uint32_t count);

uint64_t dist_draw(const struct dist *dist, struct prng *prng);

/* What is drawn when the stream gives `number`, not for UNIFORM and EMPIRICAL. */
uint64_t dist_quantile(const struct dist *dist, uint64_t number);

/* The smallest and the largest value it can draw. */
uint64_t dist_lowest(const struct dist *dist);
uint64_t dist_highest(const struct dist *dist);

/* 0 .. bound - 1, each equally likely, bound > 0; as prng_below, mostly without a division. */
static inline uint64_t dist_below(struct prng *prng, uint64_t bound)
{
        unsigned __int128 product = (unsigned __int128)prng_next(prng) * bound;

        if (__builtin_expect((uint64_t)product < bound, 0)) {
                uint64_t rest = (0 - bound) % bound; /* 2^64 mod bound */

                while ((uint64_t)product < rest)
                        product = (unsigned __int128)prng_next(prng) * bound;
        }
        return (uint64_t)(product >> 64);
}

#endif
