/*
 * test_out_of_memory.c - how deep each kind of request may go, and what becomes of the ones that get nothing (spec 03
 * section 9): watermarks, reserves, the OOM killer, waiting, failing cleanly.
 *
 * The machine of 8 MiB has zone DMA alone and no per-CPU page lists, so every page is either free or somebody's.
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000u

static const struct zone *only_zone(const struct testbed *bed)
{
        return &bed->mem->zones[0];
}

/* Takes single pages with this mask until one request fails, and says how many are left then. */
static uint64_t left_by(uint32_t gfp)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);

        while (testbed_pages(bed, 0, 0, gfp) != OBJECT_NONE)
                ;
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
        g_assert_cmpuint(testbed_count(bed, EV_PAGES_FAILED, bed->done.id), ==, 1);
        return only_zone(bed)->free_pages;
}

static void test_depths(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint64_t min = only_zone(bed)->pages_min;

        g_assert_cmpuint(min, ==, 89); /* 1988 pages, isqrt(1988 * 64) = 356, a quarter of it */
        g_assert_cmpuint(left_by(GFP_KERNEL | __GFP_NORETRY), ==, min);
        g_assert_cmpuint(left_by(GFP_NOFS | __GFP_NORETRY), ==, min);
        g_assert_cmpuint(left_by(GFP_KERNEL | __GFP_NOMEMALLOC), ==, min);
        g_assert_cmpuint(left_by(GFP_NOWAIT), ==, min - min / 4);
        g_assert_cmpuint(left_by(GFP_KERNEL | __GFP_HIGH | __GFP_NORETRY), ==, min - min / 2);
        g_assert_cmpuint(left_by(GFP_ATOMIC), ==, min - min / 2 - (min - min / 2) / 4);
        g_assert_cmpuint(left_by(GFP_KERNEL), ==, 0); /* the killer picks the allocating task: it takes the last page */
        g_assert_cmpuint(left_by(GFP_NOIO), ==, 0);
        g_assert_cmpuint(left_by(GFP_USER), ==, 0);
}

/* On a machine with DMA32 an ordinary request must leave the reserve of zone DMA alone, a DMA request need not. */
static void test_lowmem_reserve(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct zone *dma = &bed->mem->zones[0];
        const struct zone *dma32 = &bed->mem->zones[1];

        while (testbed_pages(bed, 0, 0, GFP_KERNEL | __GFP_NORETRY) != OBJECT_NONE)
                ;
        g_assert_cmpuint(dma32->free_pages, ==, dma32->pages_min);
        g_assert_cmpuint(dma->free_pages, ==, dma->pages_min + dma->lowmem_reserve[1]);
        g_assert_cmpuint(dma->lowmem_reserve[1], ==, 47);
        while (testbed_pages(bed, 0, 0, GFP_KERNEL | __GFP_DMA | __GFP_NORETRY) != OBJECT_NONE)
                ;
        g_assert_cmpuint(dma->free_pages, ==, dma->pages_min);
        g_assert_cmpuint(dma32->free_pages, ==, dma32->pages_min);
}

/* kswapd is woken once for each zone of the list when a request gets below pages_low, and only then. */
static void test_kswapd_wake_ups(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct zone *dma = &bed->mem->zones[0];

        while (bed->mem->kswapd_wakeups == 0)
                testbed_pages(bed, 0, 0, GFP_KERNEL | __GFP_NORETRY);
        g_assert_cmpuint(bed->done.path, ==, PATH_MIN_WATERMARK);
        g_assert_cmpuint(bed->mem->kswapd_wakeups, ==, 2);
        g_assert_cmpuint(dma->free_pages, ==, dma->pages_low + dma->lowmem_reserve[1]);
        g_assert_cmpuint(testbed_count(bed, EV_ZONE_REFUSED, bed->done.id), ==, 2); /* both zones at pages_low */
}

/* Memory is used up: nothing is free. */
static void use_up(struct testbed *bed)
{
        while (testbed_pages(bed, 0, 0, GFP_KERNEL) != OBJECT_NONE)
                ;
        testbed_forget(bed);
}

/* What the last request did before it failed. */
static void expect_events(const struct testbed *bed, uint32_t reclaims, uint32_t kills, uint32_t waits)
{
        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, bed->done.id), ==, reclaims);
        g_assert_cmpuint(testbed_count(bed, EV_OOM_KILLED, bed->done.id), ==, kills);
        g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, bed->done.id), ==, waits);
        g_assert_cmpuint(testbed_count(bed, EV_PAGES_FAILED, bed->done.id), ==, 1);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
}

static void test_ways_to_fail(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint64_t kills;

        use_up(bed);
        kills = bed->mem->oom_kills;
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_ATOMIC), ==, OBJECT_NONE);
        expect_events(bed, 0, 0, 0);
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_KERNEL | __GFP_NORETRY), ==, OBJECT_NONE);
        expect_events(bed, 1, 0, 0);
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_KERNEL), ==, OBJECT_NONE);
        expect_events(bed, 1, 1, 0); /* then it is the victim, and there is nothing to take either */
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_NOIO), ==, OBJECT_NONE);
        expect_events(bed, 1, 0, 1); /* without FS no killer: it waits, and counts as victim from then on */
        g_assert_cmpuint(bed->done.dur_ns, >=, 20 * MS);
        g_assert_cmpuint(testbed_pages(bed, 0, 4, GFP_NOIO), ==, OBJECT_NONE);
        expect_events(bed, 1, 0, 0); /* more than 8 pages: no retry */
        g_assert_cmpuint(testbed_pages(bed, 0, 4, GFP_NOIO | __GFP_REPEAT), ==, OBJECT_NONE);
        expect_events(bed, 1, 0, 1);
        g_assert_cmpuint(testbed_pages(bed, 0, 4, GFP_KERNEL), ==, OBJECT_NONE);
        expect_events(bed, 1, 1, 0); /* the killer knows no limit on the order */
        g_assert_cmpuint(bed->mem->oom_kills, ==, kills + 2);
        g_assert_cmpuint(testbed_pages(bed, 0, 11, GFP_KERNEL), ==, OBJECT_NONE);
        /* refused before anything is tried */
        g_assert_cmpuint(testbed_count(bed, EV_PAGES_FAILED, bed->done.id), ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_ZONE_REFUSED, bed->done.id), ==, 0);
}

/* THISNODE and its two companions mean nothing to a kernel without NUMA but NOWARN and NORETRY. */
static void test_thisnode(void)
{
        g_assert_cmpuint(left_by(GFP_KERNEL | GFP_THISNODE_NUMA), ==, left_by(GFP_KERNEL | __GFP_NORETRY));
}

/* A NOFAIL request waits until somebody frees a page, here a task of the same CPU. */
static void test_nofail(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object = testbed_pages(bed, 0, 0, GFP_KERNEL);
        uint64_t start;

        use_up(bed);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .request = { { .kind = OP_PAGES, .gfp = GFP_KERNEL | __GFP_NOFAIL } } },
                        { .t_ns = start + 70 * MS, .request = { { .kind = OP_FREE, .object = object } } },
                };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
                g_assert_cmpuint(items[0].done[0].path, ==, PATH_RESERVES);
                g_assert_cmpuint(items[0].done[0].dur_ns, >=, 80 * MS);
                g_assert_cmpuint(items[0].done[0].dur_ns, <, 81 * MS);
                g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, items[0].done[0].id), ==, 4);
        }
}

/* Without __GFP_WAIT an interrupt handler that gets nothing fails at once. */
static void test_handler(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);

        use_up(bed);
        {
                struct play_item items[] = {
                        { .t_ns = sim_now_ns(bed->sim) + MS, .irq = true, .count = 2,
                          .request = { { .kind = OP_PAGES, .gfp = GFP_ATOMIC },
                                       { .kind = OP_KMALLOC, .size_bytes = 4096, .gfp = GFP_ATOMIC } } },
                };

                testbed_play(bed, items, 1);
                g_assert_cmpuint(items[0].object[0], ==, OBJECT_NONE);
                g_assert_cmpuint(items[0].object[1], ==, OBJECT_NONE);
                g_assert_cmpuint(items[0].done[1].path, ==, PATH_FAILED);
                g_assert_cmpuint(items[0].done[0].dur_ns, <, 2000);
        }
}

/* An object counts as failed with the cache it was asked of; the colour has moved on all the same. */
static void test_no_slab(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "dry", 200, 0, 0);
        uint32_t colour;

        testbed_alloc(bed, 0, cache, GFP_KERNEL);
        while (testbed_magazine(bed, cache, 0)->avail || testbed_lists(bed, cache)->free_objects)
                testbed_alloc(bed, 0, cache, GFP_KERNEL);
        use_up(bed);
        colour = testbed_lists(bed, cache)->colour_next;
        g_assert_cmpuint(testbed_alloc(bed, 0, cache, GFP_KERNEL), ==, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
        g_assert_cmpuint(bed->done.cache, ==, cache);
        g_assert_cmpuint(testbed_count(bed, EV_GROW_FAILED, bed->done.id), ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_GROW_FAILED, bed->done.id, 0)->c, ==, 0);
        g_assert_cmpuint(testbed_lists(bed, cache)->colour_next, ==, 1 - colour);
        g_assert_cmpuint(testbed_alloc(bed, 0, cache, GFP_KERNEL | __GFP_NO_GROW), ==, OBJECT_NONE);
        g_assert_cmpuint(testbed_count(bed, EV_GROW_FAILED, bed->done.id), ==, 0); /* not even tried */
        g_assert_cmpuint(testbed_lists(bed, cache)->colour_next, ==, 1 - colour);
}

/* The page comes, the header does not: the page goes back. */
static void test_no_header(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = sim_cache_find(bed->sim, "size-1024");
        uint32_t headers = bed->mem->caches[cache].slabp_cache;
        uint32_t page = testbed_pages(bed, 0, 0, GFP_KERNEL);

        use_up(bed);
        while (testbed_alloc(bed, 0, headers, GFP_ATOMIC) != OBJECT_NONE)
                ;
        while (testbed_alloc(bed, 0, cache, GFP_ATOMIC) != OBJECT_NONE)
                ;
        testbed_release(bed, 0, page);
        g_assert_cmpuint(only_zone(bed)->free_pages, ==, 1);
        testbed_forget(bed);
        g_assert_cmpuint(testbed_alloc(bed, 0, cache, GFP_KERNEL), ==, OBJECT_NONE);
        g_assert_cmpuint(testbed_event(bed, EV_GROW_FAILED, bed->done.id, 0)->a, ==, headers);
        g_assert_cmpuint(testbed_event(bed, EV_GROW_FAILED, bed->done.id, 1)->a, ==, cache);
        g_assert_cmpuint(testbed_event(bed, EV_GROW_FAILED, bed->done.id, 1)->c, ==, 1);
        g_assert_null(testbed_event(bed, EV_GROW_FAILED, bed->done.id, 2));
        g_assert_cmpuint(only_zone(bed)->free_pages, ==, 1);
}

/* Leaves so many pages, tries to create a cache if asked, and trims. Returns what is free then. */
static uint64_t create_with(const struct sim_config *config, uint32_t pages, bool create, bool *ret_created)
{
        g_autoptr(testbed) bed = testbed_new(config);

        testbed_starve(bed, pages);
        if (create) {
                uint32_t id = testbed_create(bed, "made", 100, 0, 0);

                *ret_created = id != CACHE_ID_NONE;
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                g_assert_cmpuint(sim_cache_find(bed->sim, "made"), ==, id);
                if (*ret_created)
                        g_assert_cmpuint(testbed_destroy(bed, 0, id), ==, 0);
        }
        testbed_trim(bed);
        return testbed_free_pages(bed);
}

/* Creating a cache fails for want of the first page, the second, the third ... until it succeeds. Each failure leaves
 * nothing behind. */
static void test_create_fails_anywhere(void)
{
        const struct sim_config machines[] = { testbed_config(6, 8), testbed_config_numa(4, 2, 6) };

        for (size_t m = 0; m < G_N_ELEMENTS(machines); m++) {
                bool created = false;
                uint32_t pages;

                for (pages = 0; !created; pages++)
                        g_assert_cmpuint(create_with(&machines[m], pages, true, &created), ==,
                                         create_with(&machines[m], pages, false, NULL));
                g_assert_cmpuint(pages, >, 6); /* it takes at least a page for every kind of structure */
        }
}

/* The same for a CPU that comes up. */
static void test_cpu_up_fails_anywhere(void)
{
        struct sim_config machines[] = { testbed_config(3, 8), testbed_config_numa(3, 3, 6) };

        for (size_t m = 0; m < G_N_ELEMENTS(machines); m++) {
                uint32_t failures = 0;
                bool up = false;

                machines[m].manual_clock = 1;
                for (uint32_t pages = 0; !up; pages += pages < 6 ? 1 : 5) {
                        g_autoptr(testbed) bed = testbed_new(&machines[m]);

                        g_assert_cmpuint(testbed_cpu(bed, false, 2), ==, 0);
                        g_assert_false(sim_cpu_online(bed->sim, 2));
                        testbed_starve(bed, pages);
                        up = testbed_cpu(bed, true, 2) == 0;
                        failures += !up;
                        g_assert_cmpint(sim_cpu_online(bed->sim, 2), ==, up);
                        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                        for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next)
                                g_assert_cmpint(bed->mem->caches[id].array[2] != 0, ==, up);
                        g_assert_cmpuint(pages, <, 300);
                }
                g_assert_cmpuint(failures, >, 5);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/out-of-memory/each-mask-has-its-depth", test_depths);
        g_test_add_func("/engine/out-of-memory/low-zones-are-reserved", test_lowmem_reserve);
        g_test_add_func("/engine/out-of-memory/kswapd-is-woken-below-low", test_kswapd_wake_ups);
        g_test_add_func("/engine/out-of-memory/each-mask-fails-its-own-way", test_ways_to_fail);
        g_test_add_func("/engine/out-of-memory/thisnode-is-noretry-without-numa", test_thisnode);
        g_test_add_func("/engine/out-of-memory/nofail-waits-for-a-page", test_nofail);
        g_test_add_func("/engine/out-of-memory/a-handler-fails-at-once", test_handler);
        g_test_add_func("/engine/out-of-memory/no-page-for-a-slab", test_no_slab);
        g_test_add_func("/engine/out-of-memory/no-header-for-a-slab", test_no_header);
        g_test_add_func("/engine/out-of-memory/creating-a-cache-fails-anywhere-and-leaves-nothing",
                        test_create_fails_anywhere);
        g_test_add_func("/engine/out-of-memory/a-cpu-that-cannot-come-up-stays-down", test_cpu_up_fails_anywhere);
        return g_test_run();
}
