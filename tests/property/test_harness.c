/*
 * test_harness.c - the property harness itself: it finds what is wrong, shortens it, and survives a crash.
 */
#include <glib.h>
#include <stdlib.h>

#include "base/check.h"
#include "support/property.h"

enum { PLAIN, FIRST, SECOND, KINDS };

static const char *const kinds[] = { "plain", "first", "second", NULL };

static void draw(struct prng *prng, struct prop_op *op)
{
        op->kind = (uint32_t)prng_below(prng, KINDS);
        op->a = (uint32_t)prng_below(prng, 100);
        op->b = 0;
}

static const char *holds(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        (void)seed;
        (void)ops;
        (void)count;
        return NULL;
}

/* Wrong when a large `first` comes before a `second`; from seed 5 on. */
static const char *breaks(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        bool seen = false;

        for (uint32_t i = 0; i < count; i++) {
                seen |= ops[i].kind == FIRST && ops[i].a > 90;
                if (seed >= 5 && seen && ops[i].kind == SECOND)
                        return property_says("second after first %u", ops[i].a > 0);
        }
        return NULL;
}

static const char *crashes(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        if (breaks(seed, ops, count))
                CHECK(!"broken");
        return NULL;
}

static void expect_shortest(const char *(*run)(uint64_t, const struct prop_op *, uint32_t), const char *what)
{
        struct property property = { kinds, 200, draw, run };
        struct property_failure failure;

        g_assert_false(property_holds(&property, 20, &failure));
        g_assert_cmpuint(failure.seed, ==, 5);
        g_assert_cmpuint(failure.ops->len, ==, 2);
        g_assert_cmpuint(g_array_index(failure.ops, struct prop_op, 0).kind, ==, FIRST);
        g_assert_cmpuint(g_array_index(failure.ops, struct prop_op, 0).a, >, 90);
        g_assert_cmpuint(g_array_index(failure.ops, struct prop_op, 1).kind, ==, SECOND);
        g_assert_nonnull(g_strstr_len(failure.what, -1, what));
        g_array_unref(failure.ops);
}

static void test_holds(void)
{
        struct property property = { kinds, 200, draw, holds };
        struct property_failure failure;

        g_assert_true(property_holds(&property, 20, &failure));
}

static void test_breaks(void)
{
        expect_shortest(breaks, "second after first");
}

static void test_crashes(void)
{
        expect_shortest(crashes, "the process died");
}

int main(int argc, char **argv)
{
        g_unsetenv("KMEMSIM_TEST_SEED"); /* these are for the properties of the model */
        g_unsetenv("KMEMSIM_TEST_SEEDS");
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/harness/what-holds-holds", test_holds);
        g_test_add_func("/harness/a-failure-is-shortened-to-what-matters", test_breaks);
        g_test_add_func("/harness/a-crash-is-a-failure-like-any-other", test_crashes);
        return g_test_run();
}
