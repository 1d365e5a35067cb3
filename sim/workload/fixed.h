/*
 * fixed.h - logarithm, exponential and normal quantile in integers, for the distributions of dist.h.
 *
 * Numbers are 64-bit fixed point: Q57 has 57 bits behind the point. Nothing here depends on a C library, a compiler or
 * the rounding mode of a machine. Each function is the true value up to a bound that is given with it, and
 * tests/workload/test_dist.c holds it to that; what it returns for one argument never changes (the first draws of
 * every distribution are pinned there), since recorded workloads would become others.
 *
 * The tables are filled by fixed_init, in a few hundred microseconds, with additions and divisions by small numbers.
 */
#ifndef KMEMSIM_WORKLOAD_FIXED_H
#define KMEMSIM_WORKLOAD_FIXED_H

#include <stdint.h>

#define FIXED_BITS 57
#define FIXED_ONE (INT64_C(1) << FIXED_BITS)
#define FIXED_MAX ((uint64_t)INT64_MAX) /* what fixed_scale_exp saturates at */

/* Before the first use of the others; once is enough, again does no harm. */
void fixed_init(void);

/* -ln(x / 2^64) in Q57, x > 0: 0 .. 44.4. Off by less than 2^-55. */
uint64_t fixed_minus_ln(uint64_t x);

/* value * e^exponent, rounded to the nearest, at most FIXED_MAX; value <= FIXED_MAX, exponent in Q57 and above -63. Off
 * by less than one part in 2^54, and the rounding. */
uint64_t fixed_scale_exp(uint64_t value, int64_t exponent);

/* z in Q57 with Phi(z) == x / 2^64, for odd x: -9.1 .. 9.1, and fixed_normal(-x) == -fixed_normal(x). Off by less than
 * 2^-40 (algorithm AS 241 of Wichura, 1988, is a little better than that). */
int64_t fixed_normal(uint64_t x);

#endif
