/*
 * test_pool.c - pieces of the pool: never overlapping, last given handed out first, never reference 0.
 */
#include <glib.h>
#include <string.h>

#include "base/arena.h"
#include "base/prng.h"
#include "mm/pool.h"
#include "support/dies.h"

#define SPAN_BYTES (1u << 20)

static void fresh(struct arena *arena, struct pool *pool, size_t bytes)
{
        *arena = (struct arena){ 0 };
        *pool = (struct pool){ 0 };
        pool_init(pool, arena_take(arena, bytes, 1), bytes);
}

static void test_last_given_first(void)
{
        struct arena arena;
        struct pool pool;
        uint32_t a, b, c;

        fresh(&arena, &pool, SPAN_BYTES);
        a = pool_take(&pool, 100);
        b = pool_take(&pool, 128);
        c = pool_take(&pool, 65);
        pool_give(&pool, b, 128);
        pool_give(&pool, a, 100);
        g_assert_cmpuint(pool_take(&pool, 70), ==, a); /* 65 to 128 bytes are one class */
        g_assert_cmpuint(pool_take(&pool, 128), ==, b);
        pool_give(&pool, c, 65);
        g_assert_cmpuint(pool_take(&pool, 64), !=, c); /* a smaller class does not take from a larger one */
        g_assert_cmpuint(pool_take(&pool, 129), !=, c);
        g_assert_cmpuint(pool_take(&pool, 128), ==, c);
        arena_release(&arena);
}

static void test_references(void)
{
        struct arena arena;
        struct pool pool;

        fresh(&arena, &pool, SPAN_BYTES);
        for (uint32_t bytes = 1; bytes < 5000; bytes += 7) {
                uint32_t ref = pool_take(&pool, bytes);

                g_assert_cmpuint(ref, !=, 0);
                g_assert_true((uint8_t *)pool_at(&pool, ref) == pool.base + (size_t)ref * POOL_UNIT);
                if (bytes > 32) /* pieces of a cache line or more start on one */
                        g_assert_cmpuint((uintptr_t)pool_at(&pool, ref) % 64, ==, 0);
                pool_give(&pool, ref, bytes);
        }
        arena_release(&arena);
}

/* Every piece is filled with its own number and must still hold it when it is given back. */
static void test_no_overlap(void)
{
        struct arena arena;
        struct pool pool;
        struct prng prng;
        struct { uint32_t ref, bytes; uint8_t fill; } piece[100] = { 0 };

        fresh(&arena, &pool, SPAN_BYTES);
        prng_init(&prng, 3, 0);
        for (uint32_t step = 0; step < 20000; step++) {
                uint32_t i = (uint32_t)prng_below(&prng, G_N_ELEMENTS(piece));

                if (piece[i].ref) {
                        const uint8_t *bytes = pool_at(&pool, piece[i].ref);

                        for (uint32_t b = 0; b < piece[i].bytes; b++)
                                g_assert_cmpuint(bytes[b], ==, piece[i].fill);
                        pool_give(&pool, piece[i].ref, piece[i].bytes);
                        piece[i].ref = 0;
                } else {
                        piece[i].bytes = (uint32_t)prng_between(&prng, 1, 600);
                        piece[i].ref = pool_take(&pool, piece[i].bytes);
                        piece[i].fill = (uint8_t)step;
                        memset(pool_at(&pool, piece[i].ref), piece[i].fill, piece[i].bytes);
                }
        }
        g_assert_cmpuint(pool.next_unit * POOL_UNIT, <, 100 * 1024 * 2); /* given pieces were used again */
        arena_release(&arena);
}

static void take_too_much(void *data)
{
        struct arena arena;
        struct pool pool;

        (void)data;
        fresh(&arena, &pool, 4096);
        for (int i = 0; i < 5; i++)
                pool_take(&pool, 1000);
}

static void give_nothing(void *data)
{
        struct arena arena;
        struct pool pool;

        (void)data;
        fresh(&arena, &pool, 4096);
        pool_give(&pool, 0, 16);
}

static void test_exhausted(void)
{
        test_dies(take_too_much, NULL, "pool->next_unit <= pool->unit_count");
}

static void test_reference_zero(void)
{
        test_dies(give_nothing, NULL, "ref != 0");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/pool/last-given-first-taken-within-a-class", test_last_given_first);
        g_test_add_func("/mm/pool/references-are-never-zero-and-lines-are-kept", test_references);
        g_test_add_func("/mm/pool/pieces-do-not-overlap", test_no_overlap);
        g_test_add_func("/mm/pool/a-span-that-is-used-up-is-an-error", test_exhausted);
        g_test_add_func("/mm/pool/reference-zero-cannot-be-given", test_reference_zero);
        return g_test_run();
}
