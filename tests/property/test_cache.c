/*
 * test_cache.c - a cache of the whole engine against the naive model of one: same placements, same lists, same counts.
 *
 * One request at a time, on one CPU and on several. Random sequences over caches of all kinds of sizes, and every short
 * sequence over a cache with few and large objects.
 */
#include <glib.h>

#include "support/cache_model.h"
#include "support/property.h"
#include "support/testbed.h"

enum { ALLOC, FREE_OLDEST, FREE_NEWEST, FREE_ANY, REAP, SHRINK, TICK };

static const char *const kinds[] = {
        "alloc", "free-oldest", "free-newest", "free-any", "reap", "shrink", "tick", NULL
};

struct held {
        uint32_t handle;
        struct model_object object;
};

struct pair {
        struct testbed *bed;
        struct cache_model model;
        uint32_t cache;
        GArray *held; /* struct held, oldest first */
};

/* What the model needs to know of a cache that was just made. */
static struct cache_shape shape_of(const struct testbed *bed, uint32_t cache)
{
        const struct kmem_cache *c = &bed->mem->caches[cache];
        const struct slab_lists *lists = testbed_lists(bed, cache);

        return (struct cache_shape){
                .num = c->num,
                .buffer_size = c->buffer_size,
                .colours = c->colour,
                .colour_step = c->colour_off,
                .first_offset = c->off_slab ? 0 : c->slab_size,
                .limit = c->limit,
                .batchcount = c->batchcount,
                .shared_limit = c->shared * c->batchcount,
                .free_limit = (1 + bed->mem->cpus) * c->batchcount + c->num,
                .next_reap = lists->next_reap,
                .hz = bed->mem->hz,
                .cpus = bed->mem->cpus,
        };
}

static void pair_init(struct pair *pair, struct testbed *bed, uint32_t cache)
{
        struct cache_shape shape = shape_of(bed, cache);

        pair->bed = bed;
        pair->cache = cache;
        pair->held = g_array_new(FALSE, FALSE, sizeof(struct held));
        cache_model_init(&pair->model, &shape);
}

static void pair_clear(struct pair *pair)
{
        cache_model_clear(&pair->model);
        g_array_unref(pair->held);
}

static const char *alloc_one(struct pair *pair, uint32_t cpu)
{
        struct held held = { testbed_alloc(pair->bed, cpu, pair->cache, GFP_KERNEL), { 0 } };
        uint64_t place;

        if (held.handle == OBJECT_NONE)
                return "no memory: the sequence is too long for its machine";
        place = testbed_place(pair->bed, held.handle);
        held.object = cache_model_alloc(&pair->model, cpu);
        g_array_append_val(pair->held, held);
        if (!cache_model_found(&pair->model, held.object, place))
                return property_says("allocation on CPU %u: %u+%u, not object %u of the slab at %u", cpu,
                                     place_pfn(place), place_offset(place), held.object.index, held.object.slab->pfn);
        return NULL;
}

static void free_one(struct pair *pair, uint32_t cpu, uint32_t which)
{
        struct held held = g_array_index(pair->held, struct held, which);

        g_array_remove_index(pair->held, which);
        testbed_release(pair->bed, cpu, held.handle);
        cache_model_free(&pair->model, cpu, held.object);
}

/* a: CPU; b: how often, or what number. */
static const char *step(struct pair *pair, const struct prop_op *op)
{
        uint32_t cpu = op->a % pair->bed->mem->cpus;
        const char *problem = NULL;

        switch (op->kind) {
        case ALLOC:
                for (uint32_t i = 0; i < op->b && !problem; i++)
                        problem = alloc_one(pair, cpu);
                break;
        case FREE_OLDEST:
        case FREE_NEWEST:
        case FREE_ANY:
                for (uint32_t i = 0; i < op->b && pair->held->len; i++)
                        free_one(pair, cpu,
                                 op->kind == FREE_OLDEST   ? 0
                                 : op->kind == FREE_NEWEST ? pair->held->len - 1
                                                           : (op->b * 2654435761u + i * 40503u) % pair->held->len);
                break;
        case REAP:
                testbed_reap(pair->bed, cpu);
                cache_model_reap(&pair->model, cpu, sim_jiffies64(pair->bed->sim));
                break;
        case SHRINK: {
                uint32_t result = testbed_shrink(pair->bed, cpu, pair->cache);

                if (result != cache_model_shrink(&pair->model, cpu))
                        problem = property_says("shrink said %u", result);
                break;
        }
        case TICK:
                testbed_tick(pair->bed, op->b);
                break;
        }
        testbed_forget(pair->bed);
        if (!problem)
                problem = cache_model_compare(&pair->model, pair->bed->mem, pair->cache);
        return problem;
}

static void draw(struct prng *prng, struct prop_op *op)
{
        uint64_t way = prng_below(prng, 100);

        op->kind = way < 42 ? ALLOC : way < 58 ? FREE_OLDEST : way < 74 ? FREE_NEWEST : way < 88 ? FREE_ANY :
                   way < 94 ? REAP : way < 95 ? SHRINK : TICK;
        op->a = (uint32_t)prng_next(prng);
        op->b = (uint32_t)prng_between(prng, 1, op->kind == TICK ? 1100 : prng_chance(prng, 1, 6) ? 90 : 12);
}

static const char *run(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        static const uint32_t sizes[] = { 8,   24,   40,   128,  200,  256,  320,  504,  512,  576,
                                          832, 1000, 1100, 1360, 2100, 4096, 4200, 9000, 16384 };
        static const uint32_t flags[] = { 0, CACHE_HWCACHE_ALIGN, CACHE_RECLAIM_ACCOUNT, CACHE_DESTROY_BY_RCU };
        struct sim_config config = testbed_config((uint32_t)(seed % 4 ? seed % 5 + 1 : 1), 128);
        const char *problem = NULL;
        struct pair pair;
        g_autoptr(testbed) bed = NULL;
        struct prng prng;

        prng_init(&prng, seed, prng_stream_of("cache"));
        config.manual_clock = 1;
        config.audit = 0;
        if (prng_chance(&prng, 1, 4)) {
                config.arch = ARCH_I386;
                config.line_bytes = 32;
        }
        bed = testbed_new(&config);
        if (config.arch == ARCH_I386)
                testbed_tick(bed, 80000); /* past the wrap: the model compares plain numbers */
        pair_init(&pair, bed, testbed_create(bed, "watched", sizes[prng_below(&prng, G_N_ELEMENTS(sizes))], 0,
                                             flags[prng_below(&prng, G_N_ELEMENTS(flags))]));
        for (uint32_t i = 0; i < count && !problem; i++)
                problem = step(&pair, &ops[i]);
        while (!problem && pair.held->len)
                free_one(&pair, 0, pair.held->len - 1);
        if (!problem)
                problem = cache_model_compare(&pair.model, bed->mem, pair.cache);
        if (!problem)
                problem = sim_audit(bed->sim);
        if (!problem && testbed_destroy(bed, 0, pair.cache))
                problem = "the empty cache cannot be destroyed";
        pair_clear(&pair);
        return problem;
}

static void test_random(void)
{
        const struct property property = { kinds, 250, draw, run };

        property_test(&property, 120 / TEST_THINNED);
}

/* Every sequence of these up to a length, each on a cache of its own. Objects of 5000 bytes: limit 8, batch 4, no
 * shared array; of 2100 bytes: three to a slab, limit 24, shared array of 96. */
static const struct prop_op few[] = {
        { ALLOC, 0, 5 }, { ALLOC, 1, 3 }, { FREE_OLDEST, 0, 6 }, { FREE_NEWEST, 1, 5 }, { FREE_OLDEST, 1, 9 },
        { REAP, 0, 0 }, { SHRINK, 1, 0 },
};

#define DEPTH 5u

static void every_sequence(uint32_t size, uint32_t start)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t count = 1;

        config.manual_clock = 1;
        config.audit = 0;
        bed = testbed_new(&config);
        for (uint32_t i = 0; i < DEPTH; i++)
                count *= G_N_ELEMENTS(few);
        for (uint32_t number = 0; number < count; number += TEST_THINNED) {
                const char *problem = NULL;
                struct pair pair;

                pair_init(&pair, bed, testbed_create(bed, "watched", size, 0, 0));
                pair.model.next_reap = sim_jiffies64(bed->sim); /* due at once: every pass does everything */
                ((struct memory *)bed->mem)->lists[pair.cache].next_reap = pair.model.next_reap;
                for (uint32_t i = 0; i < start && !problem; i++)
                        problem = alloc_one(&pair, i % 2);
                for (uint32_t i = 0, rest = number; i < DEPTH && !problem; i++, rest /= G_N_ELEMENTS(few)) {
                        problem = step(&pair, &few[rest % G_N_ELEMENTS(few)]);
                        if (few[rest % G_N_ELEMENTS(few)].kind == REAP)
                                testbed_tick(bed, 1000);
                }
                while (!problem && pair.held->len)
                        free_one(&pair, 0, pair.held->len - 1);
                if (problem)
                        g_test_message("objects of %u bytes, sequence %u: %s", size, number, problem);
                g_assert_cmpstr(problem, ==, NULL);
                g_assert_cmpuint(testbed_destroy(bed, 0, pair.cache), ==, 0);
                pair_clear(&pair);
                testbed_forget(bed);
        }
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

static void test_all_short_one_to_a_slab(void)
{
        every_sequence(5000, 0);
}

static void test_all_short_three_to_a_slab(void)
{
        every_sequence(2100, 60);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/cache/is-the-cache-of-the-model", test_random);
        g_test_add_func("/engine/cache/every-short-sequence-one-object-to-a-slab", test_all_short_one_to_a_slab);
        g_test_add_func("/engine/cache/every-short-sequence-three-objects-to-a-slab", test_all_short_three_to_a_slab);
        return g_test_run();
}
