/*
 * test_locks.c - contended locks go to the one that waited longest; waiting is an event and part of the latency.
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000u

enum { LOCK_LIST, LOCK_ZONE, LOCK_CHAIN }; /* argument `lock` of lock_waited */

/* A machine where taking one object out of a slab takes 100 us: list_lock is held for milliseconds. The cache has a
 * slab with enough objects for all, and every magazine is empty. */
static struct testbed *slow_slabs(uint32_t cpus, uint32_t *ret_cache)
{
        struct sim_config config = testbed_config(cpus, 64);
        struct testbed *bed;

        config.cost_cycles[COST_TAKE_OBJ] = 300000;
        bed = testbed_new(&config);
        *ret_cache = testbed_create(bed, "busy", 8, 0, 0); /* 337 objects to a slab */
        testbed_alloc(bed, 0, *ret_cache, GFP_KERNEL);
        testbed_shrink(bed, 0, *ret_cache);
        testbed_forget(bed);
        return bed;
}

static struct play_item alloc_at(uint64_t t_ns, uint32_t cpu, uint32_t cache)
{
        return (struct play_item){ .t_ns = t_ns, .cpu = cpu,
                                   .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL } } };
}

/* CPUs 1, 3, 0 and 2 come in this order while CPU 4 has the lock. */
static void test_fifo(void)
{
        static const uint32_t arrivals[] = { 4, 1, 3, 0, 2 };
        uint32_t cache;
        g_autoptr(testbed) bed = slow_slabs(5, &cache);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[5];
        uint64_t handed_ns = 0;
        uint64_t path_ns = 0;

        for (uint32_t i = 0; i < 5; i++)
                items[i] = alloc_at(start + i * 50000, arrivals[i], cache);
        testbed_play(bed, items, 5);

        g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, 0), ==, 4);
        g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, items[0].done[0].id), ==, 0);
        for (uint32_t i = 1; i < 5; i++) {
                const struct event_record *event = testbed_event(bed, EV_LOCK_WAITED, 0, i - 1);
                const struct op_record *op = &items[i].done[0];

                g_assert_cmpuint(event->op, ==, op->id); /* first come, first served */
                g_assert_cmpuint(event->cpu, ==, arrivals[i]);
                g_assert_cmpuint(event->a, ==, LOCK_LIST);
                g_assert_cmpuint(event->b, ==, cache);
                g_assert_cmpuint(event->t_ns, >, handed_ns);
                handed_ns = event->t_ns;
                if (!path_ns) /* from the start of an op to the lock is the same way for all */
                        path_ns = event->t_ns - event->c - op->t_ns;
                g_assert_cmpuint(event->t_ns - event->c - op->t_ns, ==, path_ns);
                g_assert_cmpuint(op->dur_ns, >, event->c); /* waiting included */
                g_assert_cmpuint(op->t_ns + op->dur_ns, >, handed_ns);
        }
}

/* What a contended op takes is what it would have taken alone, and the waiting. */
static void test_latency(void)
{
        uint32_t cache;
        uint64_t alone_ns;

        {
                g_autoptr(testbed) bed = slow_slabs(2, &cache);
                struct play_item item = alloc_at(sim_now_ns(bed->sim) + 5 * MS, 1, cache);

                testbed_play(bed, &item, 1); /* CPU 0 had the lock before: the line has to come over,
                                              * as it has to below */
                alone_ns = item.done[0].dur_ns;
                g_assert_cmpuint(alone_ns, >, 16 * 100000);
        }
        {
                g_autoptr(testbed) bed = slow_slabs(2, &cache);
                uint64_t start = sim_now_ns(bed->sim) + 5 * MS;
                struct play_item items[2];
                const struct event_record *event;

                items[0] = alloc_at(start, 0, cache);
                items[1] = alloc_at(start + 1000, 1, cache);
                testbed_play(bed, items, 2);
                event = testbed_event(bed, EV_LOCK_WAITED, items[1].done[0].id, 0);
                g_assert_nonnull(event);
                g_assert_cmpuint(items[1].done[0].dur_ns, ==, alone_ns + event->c);
        }
}

/* Without contention there are no such events, and the op that holds the lock does not notice who waits. */
static void test_holder_does_not_notice(void)
{
        uint32_t cache;
        uint64_t alone_ns;

        for (uint32_t others = 0; others < 2; others++) {
                g_autoptr(testbed) bed = slow_slabs(4, &cache);
                uint64_t start = sim_now_ns(bed->sim) + 5 * MS;
                struct play_item items[] = { alloc_at(start, 1, cache), alloc_at(start + 2000, 2, cache),
                                             alloc_at(start + 3000, 3, cache) };

                testbed_play(bed, items, others ? 3 : 1);
                g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, 0), ==, others ? 2 : 0);
                if (!others)
                        alone_ns = items[0].done[0].dur_ns;
                g_assert_cmpuint(items[0].done[0].dur_ns, ==, alone_ns);
        }
}

/* Two caches, two locks. */
static void test_other_lock(void)
{
        uint32_t cache;
        g_autoptr(testbed) bed = slow_slabs(2, &cache);
        uint32_t other = testbed_create(bed, "quiet", 8, 0, 0);
        uint64_t start;

        testbed_alloc(bed, 0, other, GFP_KERNEL);
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + 5 * MS;
        {
                struct play_item items[] = { alloc_at(start, 0, cache), alloc_at(start + 1000, 1, other) };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, 0), ==, 0);
        }
}

/* The zone lock: taking it takes 1 ms here, so it is held that long. */
static void test_zone_lock(void)
{
        static const uint32_t arrivals[] = { 2, 0, 1 };
        struct sim_config config = testbed_config(3, 64);
        g_autoptr(testbed) bed = NULL;
        struct play_item items[3];

        config.cost_cycles[COST_LOCK] = 3000000;
        bed = testbed_new(&config);
        for (uint32_t i = 0; i < 3; i++)
                items[i] = (struct play_item){ .t_ns = MS + i * 1000, .cpu = arrivals[i],
                                               .request = { { .kind = OP_PAGES, .order = 2, .gfp = GFP_KERNEL } } };
        testbed_play(bed, items, 3);
        g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, 0), ==, 2);
        for (uint32_t i = 1; i < 3; i++) {
                const struct event_record *event = testbed_event(bed, EV_LOCK_WAITED, 0, i - 1);

                g_assert_cmpuint(event->op, ==, items[i].done[0].id);
                g_assert_cmpuint(event->a, ==, LOCK_ZONE);
                g_assert_cmpuint(event->b, ==, 1); /* DMA32 */
                g_assert_cmpuint(items[i].done[0].pfn, ==, items[0].done[0].pfn + 4 * i);
        }
}

/* The nth wait for this lock. */
static const struct event_record *wait_for(const struct testbed *bed, uint32_t lock, uint32_t nth)
{
        const struct event_record *event;

        for (uint32_t i = 0; (event = testbed_event(bed, EV_LOCK_WAITED, 0, i)); i++) {
                if (event->a == lock && !nth--)
                        return event;
        }
        return NULL;
}

/* cache_chain_mutex: who waits sleeps, and its CPU does other things. */
static void test_mutex(void)
{
        static const struct cache_spec spec = { .name = "made", .size_bytes = 100 };
        struct sim_config config = testbed_config(3, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t cache;
        uint64_t start;

        config.cost_cycles[COST_IPI] = 3000000; /* creating a cache calls the other CPUs: 2 ms */
        bed = testbed_new(&config);
        cache = testbed_create(bed, "shrunk", 100, 0, 0);
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0, .request = { { .kind = OP_CREATE, .spec = &spec } } },
                        { .t_ns = start + 1000, .cpu = 2, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                        { .t_ns = start + 2000, .cpu = 1, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                        { .t_ns = start + 3000, .cpu = 2, .request = { { .kind = OP_WORK, .size_bytes = 1000 } } },
                };
                const struct event_record *first, *second;

                testbed_play(bed, items, G_N_ELEMENTS(items));
                first = wait_for(bed, LOCK_CHAIN, 0);
                second = wait_for(bed, LOCK_CHAIN, 1);
                g_assert_nonnull(second);
                g_assert_null(wait_for(bed, LOCK_CHAIN, 2));
                g_assert_cmpuint(first->op, ==, items[1].done[0].id);
                g_assert_cmpuint(second->op, ==, items[2].done[0].id);
                g_assert_cmpuint(first->c, >, 900000);
                g_assert_cmpuint(second->c, >, first->c);
                g_assert_cmpuint(items[3].done[0].t_ns, ==, start + 3000); /* the CPU was free */
                g_assert_cmpuint(items[3].done[0].dur_ns, ==, 1000);
                g_assert_cmpuint(items[1].done[0].dur_ns, >, first->c);
                /* handed over when the cache was made */
                g_assert_cmpuint(first->t_ns, <=, items[0].done[0].t_ns + items[0].done[0].dur_ns);
        }
}

/* The lock of one cache is held while the header of a slab goes back to another one, whose lock is busy. */
static void test_nested(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t outer, headers;
        uint32_t object[60], small[150];
        uint64_t start;

        config.cost_cycles[COST_TAKE_OBJ] = 300000;
        bed = testbed_new(&config);
        outer = testbed_create(bed, "outer", 8192, 0, 0); /* one object to a slab, limit 8, no shared array */
        headers = sim_cache_find(bed->sim, "size-64");
        g_assert_cmpuint(bed->mem->caches[outer].slabp_cache, ==, headers);
        for (uint32_t i = 0; i < 150; i++)
                small[i] = testbed_kmalloc(bed, 0, 64, GFP_KERNEL);
        for (uint32_t i = 0; i < 60; i++)
                object[i] = testbed_alloc(bed, 0, outer, GFP_KERNEL);
        for (uint32_t i = 0; testbed_lists(bed, outer)->list[SLABS_FREE].count < 13; i++) /* its free_limit */
                testbed_release(bed, 0, object[i]);
        while (testbed_magazine(bed, outer, 0)->avail < 8)
                testbed_release(bed, 0, object[59 - testbed_magazine(bed, outer, 0)->avail]);
        for (uint32_t i = 0; testbed_magazine(bed, headers, 0)->avail < 120; i++)
                testbed_release(bed, 0, small[i]);
        start = sim_now_ns(bed->sim) + MS;
        testbed_forget(bed);
        {
                struct play_item items[] = {
                        { .t_ns = start,
                          .cpu = 1,
                          .request = { { .kind = OP_KMALLOC, .size_bytes = 64, .gfp = GFP_KERNEL } } },
                        { .t_ns = start + 1000, .cpu = 0, .request = { { .kind = OP_FREE, .object = object[40] } } },
                };
                const struct event_record *waited;

                testbed_play(bed, items, 2);
                waited = testbed_event(bed, EV_LOCK_WAITED, items[1].done[0].id, 0);
                g_assert_nonnull(waited);
                g_assert_cmpuint(waited->b, ==, headers);
                g_assert_cmpuint(waited->c, >, 16 * 100000 - 2000);
                g_assert_cmpuint(items[1].done[0].path, ==, PATH_SLAB_RELEASED);
                /* the slab was gone before its header was */
                g_assert_cmpuint(testbed_event(bed, EV_SLAB_RELEASED, items[1].done[0].id, 0)->seq, <, waited->seq);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/locks/first-come-first-served", test_fifo);
        g_test_add_func("/engine/locks/latency-includes-waiting", test_latency);
        g_test_add_func("/engine/locks/the-holder-does-not-notice", test_holder_does_not_notice);
        g_test_add_func("/engine/locks/each-cache-has-its-own", test_other_lock);
        g_test_add_func("/engine/locks/the-zone-lock-is-handed-over-in-order", test_zone_lock);
        g_test_add_func("/engine/locks/who-waits-for-the-mutex-sleeps", test_mutex);
        g_test_add_func("/engine/locks/locks-nest-while-a-slab-goes", test_nested);
        return g_test_run();
}
