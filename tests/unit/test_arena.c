/*
 * test_arena.c - address space is reserved once, reads as zero, costs nothing until it is touched.
 */
#include <glib.h>

#include "base/arena.h"
#include "support/dies.h"
#include "support/resident.h"

static void test_zero_and_aligned(void)
{
        struct arena arena = { 0 };
        uint8_t *a = arena_take(&arena, 1000, 17);
        uint8_t *b = arena_take(&arena, 3, 1);

        g_assert_nonnull(a);
        g_assert_nonnull(b);
        g_assert_cmpuint((uintptr_t)a % 4096, ==, 0);
        g_assert_cmpuint((uintptr_t)b % 4096, ==, 0);
        for (int i = 0; i < 17000; i++)
                g_assert_cmpuint(a[i], ==, 0);
        g_assert_false(arena.failed);
        arena_release(&arena);
}

static void test_spans_are_known(void)
{
        struct arena arena = { 0 };
        void *a = arena_take(&arena, 10, 4096);

        g_assert_cmpuint(arena.count, ==, 1);
        g_assert_true(arena.spans[0].base == a);
        g_assert_cmpuint(arena.spans[0].bytes, ==, 40960);
        g_assert_nonnull(arena_take(&arena, 0, 100)); /* nothing is still something that can be named */
        g_assert_cmpuint(arena.count, ==, 2);
        arena_release(&arena);
        g_assert_cmpuint(arena.count, ==, 0);
}

static void test_too_large(void)
{
        struct arena arena = { 0 };

        g_assert_null(arena_take(&arena, SIZE_MAX / 8, 16)); /* the product does not fit in a size_t */
        g_assert_true(arena.failed);
        g_assert_null(arena_take(&arena, 1, 1)); /* and so it stays */
        g_assert_cmpuint(arena.count, ==, 0);
        arena_release(&arena);
}

static void test_untouched_costs_nothing(void)
{
        struct arena arena = { 0 };
        uint64_t before = resident_bytes();
        uint8_t *span = arena_take(&arena, 1, (size_t)8 << 30);

        g_assert_nonnull(span);
        span[0] = 1;
        span[(size_t)5 << 30] = 1;
        g_assert_cmpuint(resident_bytes(), <, before + (16u << 20));
        arena_release(&arena);
}

static void take_after_seal(void *data)
{
        struct arena arena = { 0 };

        (void)data;
        arena_take(&arena, 1, 1);
        arena_seal(&arena);
        arena_take(&arena, 1, 1);
}

static void take_too_often(void *data)
{
        struct arena arena = { 0 };

        (void)data;
        for (int i = 0; i <= ARENA_SPANS_MAX; i++)
                arena_take(&arena, 1, 1);
}

static void test_sealed(void)
{
        test_dies(take_after_seal, NULL, "!arena->sealed");
}

static void test_full(void)
{
        test_dies(take_too_often, NULL, "ARENA_SPANS_MAX");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/base/arena/memory-reads-as-zero-and-starts-on-a-page", test_zero_and_aligned);
        g_test_add_func("/base/arena/spans-are-listed-until-released", test_spans_are_known);
        g_test_add_func("/base/arena/a-refused-take-marks-the-arena-failed", test_too_large);
        g_test_add_func("/base/arena/untouched-memory-costs-nothing", test_untouched_costs_nothing);
        g_test_add_func("/base/arena/nothing-can-be-taken-once-sealed", test_sealed);
        g_test_add_func("/base/arena/there-is-room-for-32-spans", test_full);
        return g_test_run();
}
