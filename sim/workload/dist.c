#include "base/core_only.h"
#include "workload/dist.h"

#include "workload/fixed.h"

typedef unsigned __int128 uwide;

#define NO_CHOICE UINT32_MAX

/* -- making ------------------------------------------------------------------------------------------------------- */

const char *dist_constant(struct dist *dist, uint64_t value)
{
        if (value > DIST_MAX)
                return "is too large";
        *dist = (struct dist){ .kind = DIST_CONSTANT, .a = value, .b = value };
        return NULL;
}

const char *dist_uniform(struct dist *dist, uint64_t first, uint64_t last)
{
        if (first > last)
                return "needs the smaller number first";
        if (last > DIST_MAX)
                return "is too large";
        *dist = (struct dist){ .kind = DIST_UNIFORM, .a = first, .b = last };
        return NULL;
}

const char *dist_exponential(struct dist *dist, uint64_t mean)
{
        if (mean == 0)
                return "needs a mean above 0";
        if (mean > DIST_MAX)
                return "is too large";
        fixed_init();
        *dist = (struct dist){ .kind = DIST_EXPONENTIAL, .a = mean };
        return NULL;
}

const char *dist_lognormal(struct dist *dist, uint64_t median, uint64_t sigma_q32)
{
        if (median == 0)
                return "needs a median above 0";
        if (median > DIST_MAX)
                return "is too large";
        if (sigma_q32 > DIST_SHAPE_MAX)
                return "needs a sigma of 64 at most";
        fixed_init();
        *dist = (struct dist){ .kind = DIST_LOGNORMAL, .a = median, .shape = sigma_q32 };
        return NULL;
}

const char *dist_pareto(struct dist *dist, uint64_t min, uint64_t alpha_q32, uint64_t max)
{
        if (min == 0)
                return "needs a min above 0";
        if (min > DIST_MAX)
                return "is too large";
        if (max < min)
                return "needs a max that is not below min";
        if (alpha_q32 < DIST_SHAPE_ONE / 16 || alpha_q32 > DIST_SHAPE_MAX)
                return "needs an alpha from 1/16 to 64";
        fixed_init();
        *dist = (struct dist){ .kind = DIST_PARETO,
                               .a = min,
                               .b = max,
                               .shape = (uint64_t)((((uwide)1 << 90) + alpha_q32 / 2) / alpha_q32) };
        return NULL;
}

/*
 * The alias method: count columns, each `total` high, are filled with count * weight of each choice, so that a column
 * holds at most two. A column that is not full takes the rest of its height from a choice that has more than a column.
 * Both kinds wait in a list; what remains of the donor goes into the list it now belongs to.
 */
static void fill_columns(struct dist_choice *choices, uint32_t count, uint64_t total)
{
        uint32_t small = NO_CHOICE, large = NO_CHOICE;

        for (uint32_t i = count; i-- > 0;) {
                uint32_t *list = choices[i].weight * count < total ? &small : &large;

                choices[i].cut = choices[i].weight * count;
                choices[i].other = choices[i].value;
                choices[i].next = *list;
                *list = i;
        }
        while (small != NO_CHOICE && large != NO_CHOICE) {
                struct dist_choice *column = &choices[small], *donor = &choices[large];
                uint32_t taken = large;

                small = column->next;
                column->other = donor->value;
                donor->cut -= total - column->cut;
                if (donor->cut < total) {
                        large = donor->next;
                        donor->next = small;
                        small = taken;
                }
        }
}

const char *dist_empirical(struct dist *dist, struct dist_choice *choices, uint32_t count)
{
        uint64_t total = 0;

        if (count == 0)
                return "needs a value at least";
        if (count > DIST_CHOICES_MAX)
                return "has too many values, 65536 is the most";
        for (uint32_t i = 0; i < count; i++) {
                if (choices[i].value > DIST_MAX)
                        return "has a value that is too large";
                if (choices[i].weight > DIST_WEIGHTS_MAX - total)
                        return "has weights of more than 2^40 together";
                total += choices[i].weight;
        }
        if (total == 0)
                return "needs a weight above 0";
        fill_columns(choices, count, total);
        *dist = (struct dist){ .kind = DIST_EMPIRICAL, .count = count, .total = total, .choices = choices };
        return NULL;
}

/* -- drawing ------------------------------------------------------------------------------------------------------ */

/* `exponent` may have any size; beyond what fixed_scale_exp takes the result is certain. */
static uint64_t scale(uint64_t value, __int128 exponent)
{
        if (exponent >= (__int128)63 * FIXED_ONE)
                return FIXED_MAX;
        if (exponent <= -(__int128)62 * FIXED_ONE)
                return 0;
        return fixed_scale_exp(value, (int64_t)exponent);
}

uint64_t dist_quantile(const struct dist *dist, uint64_t number)
{
        uint64_t value;

        number |= 1;
        switch (dist->kind) {
        case DIST_EXPONENTIAL: /* 1 - u is as likely as u */
                return (uint64_t)(((uwide)fixed_minus_ln(0 - number) * dist->a + FIXED_ONE / 2) >> FIXED_BITS);
        case DIST_LOGNORMAL: return scale(dist->a, (__int128)fixed_normal(number) * (int64_t)dist->shape >> 32);
        case DIST_PARETO:
                value = scale(dist->a, (__int128)((uwide)fixed_minus_ln(0 - number) * dist->shape >> 58));
                return value < dist->b ? value : dist->b;
        default: return dist->a;
        }
}

uint64_t dist_draw(const struct dist *dist, struct prng *prng)
{
        uint64_t number;

        switch (dist->kind) {
        case DIST_CONSTANT: return dist->a;
        case DIST_UNIFORM: return dist->a + dist_below(prng, dist->b - dist->a + 1);
        case DIST_EMPIRICAL: {
                const struct dist_choice *column;

                if (dist->count == 1)
                        return dist->choices[0].value;
                number = dist_below(prng, dist->count * dist->total);
                column = &dist->choices[number / dist->total];
                return number % dist->total < column->cut ? column->value : column->other;
        }
        default: return dist_quantile(dist, prng_next(prng));
        }
}

uint64_t dist_lowest(const struct dist *dist)
{
        uint64_t lowest = UINT64_MAX;

        switch (dist->kind) {
        case DIST_EMPIRICAL:
                for (uint32_t i = 0; i < dist->count; i++)
                        if (dist->choices[i].weight && dist->choices[i].value < lowest)
                                lowest = dist->choices[i].value;
                return lowest;
        case DIST_EXPONENTIAL:
        case DIST_LOGNORMAL: return dist_quantile(dist, 1);
        default: return dist->a;
        }
}

uint64_t dist_highest(const struct dist *dist)
{
        uint64_t highest = 0;

        switch (dist->kind) {
        case DIST_EMPIRICAL:
                for (uint32_t i = 0; i < dist->count; i++)
                        if (dist->choices[i].weight && dist->choices[i].value > highest)
                                highest = dist->choices[i].value;
                return highest;
        case DIST_EXPONENTIAL:
        case DIST_LOGNORMAL: return dist_quantile(dist, UINT64_MAX);
        case DIST_CONSTANT: return dist->a;
        default: return dist->b;
        }
}
