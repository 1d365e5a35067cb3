/*
 * test_slab.c - the free chain of a slab against a plain stack of indexes.
 */
#include <glib.h>
#include <string.h>

#include "base/arena.h"
#include "mm/slab.h"
#include "support/property.h"

#define NUM_MAX 1012u

enum { GET, PUT };

static const char *const kinds[] = { "get", "put", NULL };

/* The model: indexes that are free, the next one last; and those that are out. */
struct stack {
        uint16_t free[NUM_MAX], out[NUM_MAX];
        uint32_t free_count, out_count;
};

static void stack_init(struct stack *stack, uint32_t num)
{
        stack->free_count = num;
        stack->out_count = 0;
        for (uint32_t i = 0; i < num; i++)
                stack->free[i] = (uint16_t)(num - 1 - i);
}

static void draw(struct prng *prng, struct prop_op *op)
{
        op->kind = (uint32_t)prng_below(prng, 2);
        op->a = (uint32_t)prng_next(prng);
        op->b = 0;
}

static const char *compare(const struct slab *slab, const struct pool *pool, const struct stack *stack)
{
        const uint16_t *bufctl = pool_at(pool, slab->bufctl);
        uint8_t seen[2048];
        uint32_t index = slab->free;

        if (slab->inuse != stack->out_count)
                return property_says("inuse is %u, not %u", slab->inuse, stack->out_count);
        for (uint32_t i = stack->free_count; i-- > 0; index = bufctl[index]) {
                if (index != stack->free[i])
                        return property_says("free chain: index %u, not %u", index, stack->free[i]);
        }
        if (index != BUFCTL_END)
                return "the free chain does not end";
        return slab_audit(slab, pool, seen);
}

static const char *run(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        static const uint32_t nums[] = { 1, 2, 3, 7, 20, 112, 337, NUM_MAX };
        g_autofree uint8_t *span = g_malloc0(8192);
        struct slab slab = { .num = (uint16_t)nums[seed % G_N_ELEMENTS(nums)] };
        struct pool pool = { 0 };
        struct stack stack;
        const char *problem = NULL;

        pool_init(&pool, span, 8192);
        slab.bufctl = pool_take(&pool, slab.num * 2u);
        memset(pool_at(&pool, slab.bufctl), 0xee, slab.num * 2u); /* what was there before must not matter */
        slab_init(&slab, &pool);
        stack_init(&stack, slab.num);
        for (uint32_t i = 0; i < count && !problem; i++) {
                if (ops[i].kind == GET && stack.free_count) {
                        uint32_t index = slab_get(&slab, &pool);

                        stack.out[stack.out_count++] = stack.free[--stack.free_count];
                        if (index != stack.free[stack.free_count])
                                problem = property_says("got %u, not %u", index, stack.free[stack.free_count]);
                } else if (ops[i].kind == PUT && stack.out_count) {
                        uint32_t which = ops[i].a % stack.out_count;

                        slab_put(&slab, &pool, stack.out[which]);
                        stack.free[stack.free_count++] = stack.out[which];
                        stack.out[which] = stack.out[--stack.out_count];
                }
                if (!problem)
                        problem = compare(&slab, &pool, &stack);
        }
        return problem;
}

static void test_random(void)
{
        const struct property property = { kinds, 400, draw, run };

        property_test(&property, 200);
}

/* Every sequence of up to 11 gets and puts on slabs of 1 to 5 objects. */
struct small {
        struct slab slab;
        uint16_t bufctl[8];
        struct stack stack;
};

static uint64_t sequences;

static void try_all(const struct small *small, const struct pool *pool, uint32_t depth)
{
        uint16_t *bufctl = pool_at(pool, small->slab.bufctl);

        sequences++;
        memcpy(bufctl, small->bufctl, sizeof(small->bufctl));
        g_assert_cmpstr(compare(&small->slab, pool, &small->stack), ==, NULL);
        if (!depth)
                return;
        for (uint32_t way = 0; way <= small->stack.out_count; way++) { /* put each that is out, or get */
                struct small next = *small;

                memcpy(bufctl, small->bufctl, sizeof(small->bufctl));
                if (way < small->stack.out_count) {
                        slab_put(&next.slab, pool, next.stack.out[way]);
                        next.stack.free[next.stack.free_count++] = next.stack.out[way];
                        next.stack.out[way] = next.stack.out[--next.stack.out_count];
                } else if (next.stack.free_count) {
                        uint16_t index = next.stack.free[--next.stack.free_count];

                        g_assert_cmpuint(slab_get(&next.slab, pool), ==, index);
                        next.stack.out[next.stack.out_count++] = index;
                } else {
                        continue;
                }
                memcpy(next.bufctl, bufctl, sizeof(next.bufctl));
                try_all(&next, pool, depth - 1);
        }
}

static void test_all_short(void)
{
        for (uint16_t num = 1; num <= 5; num++) {
                uint8_t span[256] = { 0 };
                struct small small = { .slab = { .num = num } };
                struct pool pool = { 0 };

                pool_init(&pool, span, sizeof(span));
                small.slab.bufctl = pool_take(&pool, sizeof(small.bufctl));
                slab_init(&small.slab, &pool);
                memcpy(small.bufctl, pool_at(&pool, small.slab.bufctl), sizeof(small.bufctl));
                stack_init(&small.stack, num);
                try_all(&small, &pool, 11);
        }
        g_test_message("%" G_GUINT64_FORMAT " sequences", sequences);
        g_assert_cmpuint(sequences, >, 10000);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/slab/the-chain-is-a-stack", test_random);
        g_test_add_func("/mm/slab/every-short-sequence-on-few-objects", test_all_short);
        return g_test_run();
}
