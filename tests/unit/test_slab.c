/*
 * test_slab.c - one slab: the free chain is a stack, and the audit sees a broken one.
 */
#include <glib.h>

#include "base/arena.h"
#include "mm/slab.h"

struct one {
        struct arena arena;
        struct pool pool;
        struct slab slab;
};

static void one_init(struct one *one, uint32_t num)
{
        *one = (struct one){ 0 };
        pool_init(&one->pool, arena_take(&one->arena, 1 << 16, 1), 1 << 16);
        one->slab.num = (uint16_t)num;
        one->slab.bufctl = pool_take(&one->pool, num * 2);
        slab_init(&one->slab, &one->pool);
}

static const char *audit(struct one *one)
{
        uint8_t seen[2048];

        return slab_audit(&one->slab, &one->pool, seen);
}

static void one_clear(struct one *one)
{
        g_assert_cmpstr(audit(one), ==, NULL);
        arena_release(&one->arena);
}

static void test_fresh(void)
{
        static const uint32_t nums[] = { 1, 2, 20, 337, 1012 };

        for (size_t n = 0; n < G_N_ELEMENTS(nums); n++) {
                struct one one;

                one_init(&one, nums[n]);
                g_assert_cmpuint(one.slab.inuse, ==, 0);
                for (uint32_t i = 0; i < nums[n]; i++) {
                        g_assert_cmpuint(one.slab.free, ==, i); /* objects leave a new slab in ascending order */
                        g_assert_cmpuint(slab_get(&one.slab, &one.pool), ==, i);
                        g_assert_cmpuint(one.slab.inuse, ==, i + 1);
                }
                g_assert_cmpuint(one.slab.free, ==, BUFCTL_END);
                one_clear(&one);
        }
}

static void test_last_freed_first(void)
{
        struct one one;

        one_init(&one, 8);
        for (int i = 0; i < 6; i++)
                slab_get(&one.slab, &one.pool);
        slab_put(&one.slab, &one.pool, 2);
        slab_put(&one.slab, &one.pool, 5);
        slab_put(&one.slab, &one.pool, 0);
        g_assert_cmpuint(one.slab.inuse, ==, 3);
        g_assert_cmpuint(slab_get(&one.slab, &one.pool), ==, 0);
        g_assert_cmpuint(slab_get(&one.slab, &one.pool), ==, 5);
        g_assert_cmpuint(slab_get(&one.slab, &one.pool), ==, 2);
        g_assert_cmpuint(slab_get(&one.slab, &one.pool), ==, 6); /* then what had never been out */
        one_clear(&one);
}

static void test_full_and_back(void)
{
        struct one one;

        one_init(&one, 3);
        for (int i = 0; i < 3; i++)
                slab_get(&one.slab, &one.pool);
        slab_put(&one.slab, &one.pool, 1); /* the last of the chain: END behind it */
        g_assert_cmpuint(slab_get(&one.slab, &one.pool), ==, 1);
        g_assert_cmpuint(one.slab.free, ==, BUFCTL_END);
        for (uint32_t i = 0; i < 3; i++)
                slab_put(&one.slab, &one.pool, i);
        g_assert_cmpuint(one.slab.inuse, ==, 0);
        g_assert_cmpuint(one.slab.free, ==, 2);
        one_clear(&one);
}

static void test_audit(void)
{
        struct one one;
        uint16_t *bufctl;

        one_init(&one, 4);
        bufctl = pool_at(&one.pool, one.slab.bufctl);
        one.slab.inuse = 1;
        g_assert_cmpstr(audit(&one), ==, "inuse and the free chain of a slab do not add up to num");
        one.slab.inuse = 0;
        bufctl[3] = 0;
        g_assert_cmpstr(audit(&one), ==, "an object is in a free chain twice");
        bufctl[3] = 4;
        g_assert_cmpstr(audit(&one), ==, "a free chain leaves its slab");
        bufctl[3] = BUFCTL_END;
        one_clear(&one);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/slab/a-new-slab-is-used-in-ascending-order", test_fresh);
        g_test_add_func("/mm/slab/last-freed-first", test_last_freed_first);
        g_test_add_func("/mm/slab/the-chain-ends-when-the-slab-is-full", test_full_and_back);
        g_test_add_func("/mm/slab/the-audit-sees-a-broken-chain", test_audit);
        return g_test_run();
}
