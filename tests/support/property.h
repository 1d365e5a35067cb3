/*
 * property.h - random sequences of small operations against a property, with the failing one shortened.
 *
 * A property says how to draw one operation and how to run a sequence of them from a fresh start. Every seed gives one
 * sequence. Sequences run in a copy of the process, so a failed CHECK, a sanitizer report and an endless loop are
 * failures like any other: the seed is known, operations are taken away as long as the rest still fails, and what is
 * left is printed with the command that repeats it.
 *
 * An operation must mean something wherever it stands (it says "free the third block there is", modulo how many there
 * are), since shortening takes away what came before it.
 *
 * KMEMSIM_TEST_SEED=N runs that seed alone, KMEMSIM_TEST_SEEDS=N so many of them.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_PROPERTY_H
#define KMEMSIM_TESTS_SUPPORT_PROPERTY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

struct prop_op {
        uint32_t kind, a, b;
};

struct property {
        const char *const *kinds;  /* names of the kinds of operation, NULL at the end */
        uint32_t length;           /* operations in a sequence */
        void (*draw)(struct prng *prng, struct prop_op *op);
        /* Runs a sequence; the circumstances (sizes, borders, ...) may depend on the seed. Returns NULL if the property
         * holds, else what is wrong, in memory that stays. */
        const char *(*run)(uint64_t seed, const struct prop_op *ops, uint32_t count);
};

struct property_failure {
        uint64_t seed;
        GArray *ops;        /* struct prop_op, shortened */
        char what[512];     /* as run() or the end of the process said */
};

/* True: seeds 1..seeds all hold. False: *ret has the first failure; free ret->ops. */
bool property_holds(const struct property *property, uint32_t seeds, struct property_failure *ret);

/* The same as a test: fails it with everything printed. */
void property_test(const struct property *property, uint32_t seeds);

/* A sentence in memory that stays: what run() returns. */
const char *property_says(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
