/*
 * test_fault.c - fault injection: random32 and the decision SHOULD_FAIL against the worked examples of spec 07 section
 * 9.
 */
#include <glib.h>

#include "path/fault.h"
#include "path/step.h"

static void test_random32_worked_example(void)
{
        static const uint32_t expected[] = { 802792108,  4084684829, 2342628799, 320516809,
                                             984487517,  2246144618, 398433606,  2198246467 };
        struct random32 rng, zero;

        random32_seed(&rng, 1);
        random32_seed(&zero, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
                g_assert_cmpuint(random32_next(&rng), ==, expected[i]);
                g_assert_cmpuint(random32_next(&zero), ==, expected[i]); /* a seed of 0 is 1 */
        }
}

static void test_random32_unseeded(void)
{
        struct random32 rng = { 0, 0, 0 };

        for (int i = 0; i < 10; i++)
                g_assert_cmpuint(random32_next(&rng), ==, 0);
}

static const struct fault_caller nobody;

static struct fault_attr always(void)
{
        struct fault_attr attr;

        fault_attr_default(&attr);
        attr.probability = 100;
        attr.times = -1;
        return attr;
}

static void test_probability_worked_example(void)
{
        static const bool expected[] = { true, true, false, true, true, true, true, false };
        struct fault_attr attr = always();
        struct random32 rng;
        uint32_t count = 0;

        attr.probability = 50;
        random32_seed(&rng, 1);
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
                g_assert_cmpint(fault_should_fail(&attr, &count, &rng, 128, &nobody), ==, expected[i]);
        g_assert_cmpuint(count, ==, 0); /* counted only with an interval */
}

static void test_space_worked_example(void)
{
        struct fault_attr attr = always();
        struct random32 rng;
        uint32_t count = 0;

        attr.space = 300;
        random32_seed(&rng, 1);
        g_assert_false(fault_should_fail(&attr, &count, &rng, 128, &nobody));
        g_assert_cmpint(attr.space, ==, 172);
        g_assert_false(fault_should_fail(&attr, &count, &rng, 128, &nobody));
        g_assert_cmpint(attr.space, ==, 44);
        for (int i = 0; i < 3; i++) {
                g_assert_true(fault_should_fail(&attr, &count, &rng, 128, &nobody));
                g_assert_cmpint(attr.space, ==, 44); /* stays at the first value the size reaches */
        }
        g_assert_false(fault_should_fail(&attr, &count, &rng, 32, &nobody)); /* a smaller request lowers it further */
        g_assert_cmpint(attr.space, ==, 12);
}

/* A request that a step lets pass leaves the state of the later steps alone. */
static void test_order_of_steps(void)
{
        struct fault_attr attr = always();
        struct random32 rng, untouched;
        uint32_t count = 0;

        random32_seed(&rng, 5);
        untouched = rng;
        attr.interval = 3;
        attr.space = 10;
        attr.task_filter = 1;
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody)); /* F1 */
        g_assert_cmpint(attr.space, ==, 10);
        attr.task_filter = 0;
        attr.times = 0;
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody)); /* F2 */
        g_assert_cmpint(attr.space, ==, 10);
        attr.times = -1;
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody)); /* F3 */
        g_assert_cmpint(attr.space, ==, 6);
        g_assert_cmpuint(count, ==, 0);
        attr.space = 0;
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody)); /* F4 */
        g_assert_cmpuint(count, ==, 1);
        g_assert_cmpmem(&rng, sizeof(rng), &untouched, sizeof(rng));
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        g_assert_true(fault_should_fail(&attr, &count, &rng, 4, &nobody)); /* the third; drawn even at 100 % */
        g_assert_cmpint(rng.s1 == untouched.s1, ==, 0);
}

static void test_times(void)
{
        struct fault_attr attr = always();
        struct random32 rng;
        uint32_t count = 0;

        random32_seed(&rng, 1);
        attr.times = 2;
        g_assert_true(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        g_assert_true(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        g_assert_cmpint(attr.times, ==, 0);
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        attr.times = -2; /* other negative values count down and never reach 0 in practice */
        g_assert_true(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        g_assert_cmpint(attr.times, ==, -3);
        attr.times = -1;
        g_assert_true(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        g_assert_cmpint(attr.times, ==, -1);
}

static void test_task_filter(void)
{
        const struct fault_caller marked = { .make_it_fail = true };
        const struct fault_caller interrupt = { .make_it_fail = true, .in_interrupt = true };
        struct fault_attr attr = always();
        struct random32 rng;
        uint32_t count = 0;

        random32_seed(&rng, 1);
        attr.task_filter = 1;
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &nobody));
        g_assert_false(fault_should_fail(&attr, &count, &rng, 4, &interrupt));
        g_assert_true(fault_should_fail(&attr, &count, &rng, 4, &marked));
}

static uint32_t function(const char *name)
{
        for (uint32_t i = 0; i < fault_function_count; i++)
                if (g_str_equal(fault_functions[i].name, name))
                        return i + 1;
        g_error("no function %s", name);
}

static bool stack_fails(struct fault_attr attr, const uint16_t *stack, uint32_t stack_count)
{
        const struct fault_caller caller = { .stack = stack, .stack_count = stack_count };
        struct random32 rng;
        uint32_t count = 0;

        random32_seed(&rng, 1);
        return fault_should_fail(&attr, &count, &rng, 4, &caller);
}

static void test_stack_filter(void)
{
        /* kmem_cache_create: tune: kmalloc: refill: grow: pages */
        static const uint16_t stack[] = { PA_FAULT, GROW_PAGES_GOT, REFILL_REGROWN, TUNE_MAG_GOT, CREATE_ARRAYS_DONE };
        struct fault_attr attr = always();

        g_assert_true(stack_fails(attr, stack, 5));
        attr.require = function("do_tune_cpucache");
        g_assert_true(stack_fails(attr, stack, 5));
        g_assert_false(stack_fails(attr, stack, 3));
        g_assert_false(stack_fails(attr, NULL, 0)); /* on an interrupt stack nothing is found */
        attr.stacktrace_depth = 4; /* the first address is the test's own, which leaves three */
        g_assert_false(stack_fails(attr, stack, 5));
        attr.stacktrace_depth = 5;
        g_assert_true(stack_fails(attr, stack, 5));
        attr.reject = function("kmem_cache_create");
        g_assert_true(stack_fails(attr, stack, 5)); /* not within the depth */
        attr.stacktrace_depth = 32;
        g_assert_false(stack_fails(attr, stack, 5));
        attr.require = 0;
        attr.reject = function("alloc_kmemlist");
        g_assert_true(stack_fails(attr, stack, 5));
        attr.require = function("cache_grow");
        attr.stacktrace_depth = 0; /* nothing is collected: the answer is where it begins */
        g_assert_false(stack_fails(attr, stack, 5));
        attr.require = 0;
        g_assert_true(stack_fails(attr, stack, 5));
}

static void test_functions(void)
{
        for (uint32_t i = 0; i < fault_function_count; i++) {
                g_assert_cmpuint(fault_functions[i].first, <=, fault_functions[i].last);
                g_assert_cmpuint(fault_functions[i].last, <, STATE_COUNT);
        }
}

static void test_attributes(void)
{
        struct fault_attr attr;

        fault_attr_default(&attr);
        g_assert_cmpuint(attr.probability, ==, 0);
        g_assert_cmpuint(attr.interval, ==, 1);
        g_assert_cmpint(attr.times, ==, 1);
        g_assert_cmpint(attr.space, ==, 0);
        g_assert_cmpuint(attr.verbose, ==, 2);
        g_assert_cmpuint(attr.ignore_gfp_wait, ==, 1);
        g_assert_cmpuint(attr.ignore_gfp_highmem, ==, 1);
        for (uint32_t i = 0; i < FAULT_ATTR_COUNT; i++) {
                fault_attr_set(&attr, (enum fault_attribute)i, 1);
                g_assert_cmpuint(fault_attr_get(&attr, (enum fault_attribute)i), ==, 1);
        }
        fault_attr_set(&attr, FAULT_ATTR_TIMES, UINT32_MAX);
        g_assert_cmpint(attr.times, ==, -1);
        fault_attr_set(&attr, FAULT_ATTR_DEPTH, 1000);
        g_assert_cmpuint(attr.stacktrace_depth, ==, 32);
        g_assert_nonnull(fault_attr_problem(FAULT_ATTR_IGNORE_WAIT, 2));
        g_assert_nonnull(fault_attr_problem(FAULT_ATTR_REQUIRE, fault_function_count + 1));
        g_assert_nonnull(fault_attr_problem(FAULT_ATTR_COUNT, 0));
        g_assert_null(fault_attr_problem(FAULT_ATTR_TIMES, UINT32_MAX));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/path/fault/random32-worked-example", test_random32_worked_example);
        g_test_add_func("/path/fault/random32-unseeded-gives-zeros", test_random32_unseeded);
        g_test_add_func("/path/fault/probability-worked-example", test_probability_worked_example);
        g_test_add_func("/path/fault/space-worked-example", test_space_worked_example);
        g_test_add_func("/path/fault/a-step-that-lets-pass-leaves-the-later-ones-alone", test_order_of_steps);
        g_test_add_func("/path/fault/times", test_times);
        g_test_add_func("/path/fault/task-filter", test_task_filter);
        g_test_add_func("/path/fault/stack-filter", test_stack_filter);
        g_test_add_func("/path/fault/functions-are-ranges-of-states", test_functions);
        g_test_add_func("/path/fault/attributes", test_attributes);
        return g_test_run();
}
