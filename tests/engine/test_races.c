/*
 * test_races.c - the races that the original permits (spec 06 section 4), each as a small scenario.
 *
 * Races 4 and 10 need several nodes, 7 cannot happen ("the loser skips its whole pass" is race 8).
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000u

static struct play_item alloc_at(uint64_t t_ns, uint32_t cpu, uint32_t cache, uint32_t gfp)
{
        return (struct play_item){ .t_ns = t_ns, .cpu = cpu,
                                   .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = gfp } } };
}

/* A cache whose slabs are all full and whose magazines are empty; objects of 200 bytes, 19 to a slab. The objects of
 * one slab are in object[]. */
static uint32_t dry_cache(struct testbed *bed, uint32_t *object)
{
        uint32_t cache = testbed_create(bed, "dry", 200, 0, 0);

        for (uint32_t i = 0; i < 19; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->avail, ==, 0);
        g_assert_cmpuint(testbed_lists(bed, cache)->free_objects, ==, 0);
        testbed_forget(bed);
        return cache;
}

static struct sim_config slow_grow(uint32_t cpus)
{
        struct sim_config config = testbed_config(cpus, 64);

        config.cost_cycles[COST_GROW] = 3000000; /* 1 ms in the window */
        return config;
}

/* Race 1: an interrupt in the window frees objects of the same cache. The allocator pops what came last and leaves the
 * new slab on the free list. */
static void test_refilled_behind_your_back(void)
{
        struct sim_config config = slow_grow(1);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object[19];
        uint32_t cache = dry_cache(bed, object);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        uint64_t expected = testbed_place(bed, object[7]);
        uint64_t other = testbed_place(bed, object[3]);
        struct play_item items[] = {
                alloc_at(start, 0, cache, GFP_KERNEL),
                { .t_ns = start + MS / 2, .irq = true, .count = 2,
                  .request = { { .kind = OP_FREE, .object = object[3] }, { .kind = OP_FREE, .object = object[7] } } },
        };
        uint64_t op;

        testbed_play(bed, items, 2);
        op = items[0].done[0].id;
        g_assert_cmpuint(testbed_place(bed, items[0].object[0]), ==, expected);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_GROWN, op), ==, 1);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_TAKEN, op), ==, 0);
        g_assert_cmpuint(testbed_lists(bed, cache)->list[SLABS_FREE].count, ==, 1);
        g_assert_cmpuint(testbed_lists(bed, cache)->free_objects, ==, 19);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->avail, ==, 1);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->entry[0], ==, other);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->touched, ==, 1);
        g_assert_cmpuint(items[0].done[0].path, ==, PATH_NEW_SLAB);
        g_assert_cmpuint(items[1].done[1].path, ==, PATH_MAGAZINE);
        g_assert_cmpuint(bed->mem->caches[cache].allocmiss, ==, 3); /* 16, 3, and this one: popping is no hit */
}

/* Race 1, the other half: the slab could not be made, and the allocation succeeds all the same. */
static void test_rescued_by_an_interrupt(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = NULL;
        uint32_t object[19];
        uint32_t cache;
        uint64_t start;

        config.cost_cycles[COST_SWITCH] = 3000000; /* direct reclaim: 1 ms in the window */
        bed = testbed_new(&config);
        cache = dry_cache(bed, object);
        while (testbed_pages(bed, 0, 0, GFP_ATOMIC) != OBJECT_NONE)
                ;
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        for (uint32_t rescued = 0; rescued < 2; rescued++) {
                struct play_item items[] = {
                        alloc_at(start + rescued * 10 * MS, 0, cache, GFP_KERNEL | __GFP_NORETRY),
                        { .t_ns = start + rescued * 10 * MS + MS / 2, .irq = true, .count = 1,
                          .request = { { .kind = OP_FREE, .object = object[5] } } },
                };

                testbed_play(bed, items, 1 + rescued);
                g_assert_cmpuint(testbed_count(bed, EV_GROW_FAILED, items[0].done[0].id), ==, 1);
                g_assert_cmpint(items[0].object[0] != OBJECT_NONE, ==, rescued);
                if (rescued)
                        g_assert_cmpuint(items[0].done[0].path, ==, PATH_MAGAZINE);
        }
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_GROWN, 0), ==, 0);
}

/* An interrupt that empties the magazine again before the window closes leaves everything as it was. */
static void test_filled_and_emptied(void)
{
        struct sim_config config = slow_grow(1);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object[19];
        uint32_t cache = dry_cache(bed, object);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                alloc_at(start, 0, cache, GFP_KERNEL),
                { .t_ns = start + MS / 2, .irq = true, .count = 2,
                  .request = { { .kind = OP_FREE, .object = object[3] },
                               { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_ATOMIC } } },
        };

        testbed_play(bed, items, 2);
        g_assert_cmpuint(items[1].done[1].path, ==, PATH_MAGAZINE);
        g_assert_cmpuint(items[0].done[0].path, ==, PATH_NEW_SLAB);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_TAKEN, items[0].done[0].id), ==, 1);
        g_assert_cmpuint(testbed_lists(bed, cache)->list[SLABS_FREE].count, ==, 0);
}

/* The handler itself misses the magazine and grows the cache, inside the window of the task that does. */
static void test_grown_by_the_interrupt(void)
{
        struct sim_config config = slow_grow(1);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object[19];
        uint32_t cache = dry_cache(bed, object);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                alloc_at(start, 0, cache, GFP_KERNEL),
                { .t_ns = start + MS / 2, .irq = true, .count = 1,
                  .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_ATOMIC } } },
        };

        testbed_play(bed, items, 2);
        g_assert_cmpuint(items[1].done[0].path, ==, PATH_NEW_SLAB);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_GROWN, items[1].done[0].id), ==, 1);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_GROWN, items[0].done[0].id), ==, 1);
        /* popped what the handler left */
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_TAKEN, items[0].done[0].id), ==, 0);
        g_assert_cmpuint(testbed_lists(bed, cache)->list[SLABS_FREE].count, ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_SLAB_GROWN, items[0].done[0].id, 0)->c, !=,
                         testbed_event(bed, EV_SLAB_GROWN, items[1].done[0].id, 0)->c); /* each its own colour */
}

/* Race 2: two CPUs miss together and both grow. */
static void test_double_growth(void)
{
        struct sim_config config = slow_grow(2);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object[19];
        uint32_t cache = dry_cache(bed, object);
        uint32_t colour = testbed_lists(bed, cache)->colour_next;
        uint32_t step = bed->mem->caches[cache].colour_off;
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = { alloc_at(start, 0, cache, GFP_KERNEL),
                                     alloc_at(start + 1000, 1, cache, GFP_KERNEL) };
        const struct event_record *first, *second, *taken;

        g_assert_cmpuint(bed->mem->caches[cache].colour, ==, 2);
        testbed_play(bed, items, 2);
        first = testbed_event(bed, EV_SLAB_GROWN, 0, 0);
        second = testbed_event(bed, EV_SLAB_GROWN, 0, 1);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_GROWN, 0), ==, 2);
        g_assert_cmpuint(first->op, ==, items[0].done[0].id);
        g_assert_cmpuint(second->op, ==, items[1].done[0].id);
        g_assert_cmpuint(first->c, ==, bed->mem->caches[cache].slab_size + colour * step);
        g_assert_cmpuint(second->c, ==, bed->mem->caches[cache].slab_size + (1 - colour) * step);
        g_assert_cmpuint(testbed_lists(bed, cache)->colour_next, ==, colour);
        g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 3);
        taken = testbed_event(bed, EV_SLAB_TAKEN, items[0].done[0].id, 0); /* retries begin at the head */
        g_assert_cmpuint(taken->a, ==, first->a);
        g_assert_cmpuint(items[1].done[0].path, ==, PATH_NEW_SLAB);
}

/* Both retries begin at the head of the lists: the second takes what the first left of its slab before its own. */
static void test_others_slab(void)
{
        struct sim_config config = slow_grow(2);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "fresh", 200, 0, 0);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = { alloc_at(start, 0, cache, GFP_KERNEL),
                                     alloc_at(start + 1000, 1, cache, GFP_KERNEL) };
        uint64_t op;

        testbed_play(bed, items, 2);
        op = items[1].done[0].id;
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_TAKEN, op), ==, 2);
        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, op, 0)->a, ==,
                         testbed_event(bed, EV_SLAB_GROWN, items[0].done[0].id, 0)->a);
        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, op, 0)->b, ==, 3);
        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, op, 1)->a, ==, testbed_event(bed, EV_SLAB_GROWN, op, 0)->a);
        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, op, 1)->b, ==, 13);
}

/* Races 1 and 2 together: both grow, both are served by an interrupt, and the slabs wait in the order they came. */
static void test_slabs_queue_up(void)
{
        struct sim_config config = slow_grow(2);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object[19];
        uint32_t cache = dry_cache(bed, object);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                alloc_at(start, 1, cache, GFP_KERNEL),
                alloc_at(start + 1000, 0, cache, GFP_KERNEL),
                { .t_ns = start + MS / 2, .cpu = 0, .irq = true, .count = 1,
                  .request = { { .kind = OP_FREE, .object = object[3] } } },
                { .t_ns = start + MS / 2, .cpu = 1, .irq = true, .count = 1,
                  .request = { { .kind = OP_FREE, .object = object[5] } } },
        };
        const struct slab_list *free_slabs;

        testbed_play(bed, items, G_N_ELEMENTS(items));
        free_slabs = &testbed_lists(bed, cache)->list[SLABS_FREE];
        g_assert_cmpuint(free_slabs->count, ==, 2);
        g_assert_cmpuint(testbed_event(bed, EV_SLAB_GROWN, 0, 0)->cpu, ==, 1);
        g_assert_cmpuint(bed->mem->slabs[free_slabs->head].pfn, ==, testbed_event(bed, EV_SLAB_GROWN, 0, 0)->a);
        g_assert_cmpuint(bed->mem->slabs[free_slabs->tail].pfn, ==, testbed_event(bed, EV_SLAB_GROWN, 0, 1)->a);
}

/* Race 3: grown, but another CPU takes all objects before the retry has the lock; it has to grow again. */
static void test_grown_but_gone(void)
{
        bool seen = false;

        for (uint32_t offset = 0; offset < 400 && !seen; offset++) {
                struct sim_config config = testbed_config(2, 64);
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t cache = testbed_create(bed, "single", 4096, 0, 0); /* one object to a slab */
                uint64_t start = sim_now_ns(bed->sim) + MS;
                struct play_item items[] = { alloc_at(start, 0, cache, GFP_KERNEL),
                                             alloc_at(start + offset, 1, cache, GFP_KERNEL) };

                testbed_forget(bed);
                testbed_play(bed, items, 2);
                for (uint32_t cpu = 0; cpu < 2; cpu++) {
                        uint64_t op = items[cpu].done[0].id, other = items[1 - cpu].done[0].id;

                        if (testbed_count(bed, EV_SLAB_GROWN, op) < 2)
                                continue;
                        seen = true;
                        /* the first slab of this op went to the other one */
                        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, other, 0)->a, ==,
                                         testbed_event(bed, EV_SLAB_GROWN, op, 0)->a);
                        g_assert_cmpuint(items[cpu].done[0].path, ==, PATH_NEW_SLAB);
                }
                g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
                g_assert_cmpuint(items[1].object[0], !=, OBJECT_NONE);
        }
        g_assert_true(seen);
}

/* Race 6: a shared array is never `touched` on UMA, so it is drained when due even while it is busy. */
static void test_shared_reaped_while_busy(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t cache;
        uint32_t object[300];
        const struct event_record *shed;

        config.manual_clock = 1;
        bed = testbed_new(&config);
        cache = testbed_create(bed, "busy", 200, 0, 0);
        for (uint32_t i = 0; i < 300; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        for (uint32_t i = 0; i < 300; i++)
                testbed_release(bed, 1, object[i]);
        g_assert_cmpuint(testbed_shared(bed, cache)->avail, ==, 180);
        testbed_tick(bed, 3000);
        while (testbed_magazine(bed, cache, 0)->avail) /* what is left of the last slab */
                testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_alloc(bed, 0, cache, GFP_KERNEL); /* a refill takes 60 of them: the array is in use */
        g_assert_cmpuint(testbed_count(bed, EV_SHARED_TAKEN, bed->done.id), ==, 1);
        testbed_forget(bed);
        testbed_reap(bed, 0);
        shed = testbed_event(bed, EV_SHARED_SHED, 0, 0);
        g_assert_nonnull(shed);
        g_assert_cmpuint(shed->b, ==, 96); /* a fifth of its limit, 480 */
        g_assert_cmpuint(shed->c, ==, 180 - 60 - 96);
        /* the magazine was touched: only its mark goes */
        g_assert_cmpuint(testbed_count(bed, EV_MAGAZINE_SHED, 0), ==, 0);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->touched, ==, 0);
        testbed_forget(bed);
        testbed_reap(bed, 1); /* the list is not due again; CPU 1 has not allocated: a fifth of 120 */
        g_assert_cmpuint(testbed_count(bed, EV_SHARED_SHED, 0), ==, 0);
        g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 0)->b, ==, 24);
}

/* Race 8: the reaper finds the mutex busy, does nothing, and comes again about two seconds later. */
static void test_mutex_busy(void)
{
        static const struct cache_spec spec = { .name = "made", .size_bytes = 100 };
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        const struct event_record *skipped;
        uint64_t first_ns = 0, next_ns = 0;
        struct play_item items[] = {
                { .t_ns = 750 * (uint64_t)MS, .cpu = 1, .request = { { .kind = OP_CREATE, .spec = &spec } } },
                { .t_ns = 4000 * (uint64_t)MS, .cpu = 1, .request = { { .kind = OP_WORK, .size_bytes = 1 } } },
        };

        config.cost_cycles[COST_IPI] = 300000000; /* the call of the new cache takes 0.1 s: over the first reap */
        bed = testbed_new(&config);
        testbed_play(bed, items, 2);
        skipped = testbed_event(bed, EV_REAP_SKIPPED, 0, 0);
        g_assert_nonnull(skipped);
        g_assert_cmpuint(testbed_count(bed, EV_REAP_SKIPPED, 0), ==, 1);
        g_assert_cmpuint(skipped->cpu, ==, 0);
        for (uint32_t i = 0; i < bed->ops->len; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);

                if (op->kind != OP_REAP || op->cpu != 0)
                        continue;
                if (op->id == skipped->op) {
                        first_ns = op->t_ns;
                        g_assert_cmpuint(op->dur_ns, <, 1000);
                        g_assert_cmpuint(op->result, ==, 0);
                } else if (first_ns && !next_ns) {
                        next_ns = op->t_ns;
                }
        }
        g_assert_cmpuint(first_ns, >, items[0].done[0].t_ns);
        g_assert_cmpuint(first_ns, <, items[0].done[0].t_ns + items[0].done[0].dur_ns);
        g_assert_cmpuint(next_ns, >=, first_ns + 1500 * (uint64_t)MS);
        g_assert_cmpuint(next_ns, <=, first_ns + 2500 * (uint64_t)MS);
}

/* Race 9: the watermark test is advisory. Four CPUs pass it at the same moment and all take a page. */
static void test_watermark_overshoot(void)
{
        uint32_t succeeded[2];
        uint64_t lowest[2];

        for (uint32_t together = 0; together < 2; together++) {
                struct sim_config config = testbed_config(4, 8); /* zone DMA alone: no page lists */
                g_autoptr(testbed) bed = testbed_new(&config);
                const struct zone *zone = &bed->mem->zones[0];
                uint64_t mark = zone->pages_min - zone->pages_min / 4; /* GFP_NOWAIT: a quarter deeper than min */
                uint64_t start;
                struct play_item items[4];

                while (zone->free_pages > mark + 1)
                        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_NOWAIT), !=, OBJECT_NONE);
                g_assert_cmpuint(zone->free_pages, ==, mark + 1); /* one more and no further */
                start = sim_now_ns(bed->sim) + MS;
                for (uint32_t cpu = 0; cpu < 4; cpu++)
                        items[cpu] = (struct play_item){ .t_ns = start + (together ? 0 : cpu * MS), .cpu = cpu,
                                                         .request = { { .kind = OP_PAGES, .gfp = GFP_NOWAIT } } };
                testbed_play(bed, items, 4);
                succeeded[together] = 0;
                for (uint32_t cpu = 0; cpu < 4; cpu++)
                        succeeded[together] += items[cpu].object[0] != OBJECT_NONE;
                lowest[together] = mark + 1 - zone->free_pages;
        }
        g_assert_cmpuint(succeeded[0], ==, 1);
        g_assert_cmpuint(lowest[0], ==, 1);
        g_assert_cmpuint(succeeded[1], ==, 4);
        g_assert_cmpuint(lowest[1], ==, 4);
}

/* Race 9, the other half: pages on the lists of the CPUs are neither free nor allocated. */
static void test_pages_hidden_on_lists(void)
{
        struct sim_config config = testbed_config(8, 512);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct zone *zone = &bed->mem->zones[1];
        uint64_t free_pages;
        uint64_t on_lists = 0;
        uint32_t object[186];

        testbed_drain(bed);
        free_pages = zone->free_pages;
        for (uint32_t cpu = 0; cpu < 8; cpu++) { /* fill up the hot list, and refill the cold one */
                for (uint32_t i = 0; i < 185; i++)
                        object[i] = testbed_pages(bed, cpu, 0, GFP_KERNEL);
                testbed_release(bed, cpu, testbed_pages(bed, cpu, 0, GFP_KERNEL | __GFP_COLD));
                for (uint32_t i = 0; i < 185; i++)
                        testbed_release(bed, cpu, object[i]);
        }
        for (uint32_t cpu = 0; cpu < 8; cpu++)
                on_lists += zone->pcp[cpu][0].list.count + zone->pcp[cpu][1].list.count;
        g_assert_cmpuint(zone->free_pages + on_lists, ==, free_pages);
        g_assert_cmpuint(on_lists, >, 8 * 155);
        g_assert_cmpuint(on_lists, <=, 8 * (186 + 62));
        testbed_drain(bed);
        g_assert_cmpuint(zone->free_pages, ==, free_pages);
}

/* Race 11: one kfree destroys as many slabs as a batch has, with the lock held. */
static void test_destroy_inside_free(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "single", 8192, 0, 0); /* one object to a slab, batch 4, no shared array */
        uint32_t object[60];
        uint32_t most = 0;

        for (uint32_t i = 0; i < 60; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_forget(bed);
        for (uint32_t i = 0; i < 60; i++) {
                testbed_release(bed, 0, object[i]);
                most = MAX(most, testbed_count(bed, EV_SLAB_RELEASED, bed->done.id));
                if (testbed_count(bed, EV_SLAB_RELEASED, bed->done.id))
                        g_assert_cmpuint(bed->done.path, ==, PATH_SLAB_RELEASED);
        }
        g_assert_cmpuint(most, ==, 4);
        g_assert_cmpuint(testbed_lists(bed, cache)->free_objects, ==, testbed_lists(bed, cache)->free_limit);
}

/* Whatever the offset between two CPUs that run the same cache dry, nothing is lost:
 * every interleaving of their steps. */
static void test_every_offset(void)
{
        static const uint32_t sizes[] = { 200, 4096, 1360 }; /* header on the slab; one object; header elsewhere */

        for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
                for (uint32_t offset = 0; offset < 700; offset += 3 * TEST_THINNED) {
                        struct sim_config config = testbed_config(2, 64);
                        g_autoptr(testbed) bed = NULL;
                        uint32_t cache;
                        uint64_t start;

                        config.audit = 0;
                        bed = testbed_new(&config);
                        cache = testbed_create(bed, "dry", sizes[s], 0, 0);
                        start = sim_now_ns(bed->sim) + MS;
                        {
                                struct play_item items[] = { alloc_at(start, 0, cache, GFP_KERNEL),
                                                             alloc_at(start + offset, 1, cache, GFP_ATOMIC) };
                                const struct kmem_cache *c = &bed->mem->caches[cache];

                                testbed_play(bed, items, 2);
                                g_assert_cmpuint(items[0].object[0], !=, items[1].object[0]);
                                g_assert_cmpuint(testbed_place(bed, items[0].object[0]), !=,
                                                 testbed_place(bed, items[1].object[0]));
                                g_assert_cmpuint(c->grown, ==, c->slab_count);
                                g_assert_cmpuint(c->grown, >=, sizes[s] == 4096 ? 2 : 1);
                                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                                testbed_release(bed, 1, items[0].object[0]);
                                testbed_release(bed, 0, items[1].object[0]);
                        }
                        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
                        g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 0);
                        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                }
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/races/1-refilled-behind-your-back", test_refilled_behind_your_back);
        g_test_add_func("/engine/races/1-no-slab-but-rescued-by-an-interrupt", test_rescued_by_an_interrupt);
        g_test_add_func("/engine/races/1-filled-and-emptied-again", test_filled_and_emptied);
        g_test_add_func("/engine/races/1-grown-by-the-interrupt-as-well", test_grown_by_the_interrupt);
        g_test_add_func("/engine/races/2-double-growth", test_double_growth);
        g_test_add_func("/engine/races/2-the-other-cpu-uses-the-slab", test_others_slab);
        g_test_add_func("/engine/races/2-slabs-queue-up", test_slabs_queue_up);
        g_test_add_func("/engine/races/3-grown-but-gone", test_grown_but_gone);
        g_test_add_func("/engine/races/6-shared-array-reaped-while-busy", test_shared_reaped_while_busy);
        g_test_add_func("/engine/races/8-the-reaper-finds-the-mutex-busy", test_mutex_busy);
        g_test_add_func("/engine/races/9-watermarks-are-advisory", test_watermark_overshoot);
        g_test_add_func("/engine/races/9-page-lists-hide-pages", test_pages_hidden_on_lists);
        g_test_add_func("/engine/races/11-a-free-destroys-a-batch-of-slabs", test_destroy_inside_free);
        g_test_add_func("/engine/races/every-offset-between-two-cpus", test_every_offset);
        return g_test_run();
}
