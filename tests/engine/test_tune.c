/*
 * test_tune.c - writes to /proc/slabinfo: the kernel's tests of the values, the order of what happens, and what is left
 * when memory runs out half way (spec 07 section 8, 01 section 9).
 */
#include <glib.h>
#include <string.h>

#include "support/testbed.h"

static const struct op_record *tune(struct testbed *bed, uint32_t cpu, const char *name, int32_t limit,
                                    int32_t batchcount, int32_t shared)
{
        struct cache_spec spec = { .name = "" };
        struct request request = { .kind = OP_TUNE, .spec = &spec, .gfp = (uint32_t)shared,
                                   .size_bytes = (uint32_t)limit | (uint64_t)(uint32_t)batchcount << 32 };

        g_strlcpy(spec.name, name, sizeof(spec.name));
        return testbed_do(bed, cpu, &request);
}

static void expect_tunables(const struct testbed *bed, uint32_t cache, uint32_t limit, uint32_t batchcount,
                            uint32_t shared)
{
        struct cache_view view;

        g_assert_true(sim_cache_get(bed->sim, cache, &view));
        g_assert_cmpuint(view.limit, ==, limit);
        g_assert_cmpuint(view.batchcount, ==, batchcount);
        g_assert_cmpuint(view.shared, ==, shared);
}

/* W6 and W7: no such cache is an error; values out of range are none, and change nothing. */
static void test_values(void)
{
        static const int32_t useless[][3] = { { 0, 1, 8 },  { 10, 0, 8 },  { 10, 11, 8 },
                                              { -5, 1, 8 }, { 10, -1, 8 }, { 10, 5, -1 } };
        struct sim_config config = testbed_config(2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "thing", 200, 0, 0);

        g_assert_cmpuint(tune(bed, 0, "no-such", 10, 5, 1)->result, ==, ERRNO_EINVAL);
        g_assert_cmpuint(bed->done.cache, ==, CACHE_ID_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
        g_assert_cmpuint(tune(bed, 0, "", 10, 5, 1)->result, ==, ERRNO_EINVAL);
        for (size_t i = 0; i < G_N_ELEMENTS(useless); i++) {
                testbed_forget(bed);
                g_assert_cmpuint(tune(bed, 1, "thing", useless[i][0], useless[i][1], useless[i][2])->result, ==, 0);
                g_assert_cmpuint(bed->done.cache, ==, cache);
                g_assert_cmpuint(bed->events->len, ==, 0);
                expect_tunables(bed, cache, 120, 60, 8);
        }
        g_assert_cmpuint(tune(bed, 1, "thing", 40, 30, 0)->result, ==, 0);
        expect_tunables(bed, cache, 40, 30, 0);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->limit, ==, 40);
        g_assert_cmpuint(testbed_shared(bed, cache)->limit, ==, 0); /* there is one, without room */
        g_assert_cmpuint(testbed_lists(bed, cache)->free_limit, ==, 3 * 30 + 19);
        /* also kmem_cache itself, and a DMA cache */
        g_assert_cmpuint(tune(bed, 0, "kmem_cache", 30, 10, 4)->result, ==, 0);
        g_assert_cmpuint(tune(bed, 0, "size-64(DMA)", 1, 1, 1)->result, ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
        g_assert_cmpuint(tune(bed, 0, "thing", 10, 5, 1)->result, ==, ERRNO_EINVAL);
}

/* Byte counts that the kernel would get wrong are refused; others are too large for kmalloc alone. */
static void test_overflow(void)
{
        struct sim_config config = testbed_config(1, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct cache_spec spec = { .name = "size-64" };
        struct request request = { .kind = OP_TUNE, .spec = &spec, .gfp = 8 };

        request.size_bytes = 1u << 29 | UINT64_C(1) << 32;
        g_assert_nonnull(strstr(sim_submit(bed->sim, bed->task[0], &request), "a limit is below 536870912"));
        request.size_bytes = 16000 | UINT64_C(16000) << 32;
        request.gfp = 40000;
        g_assert_nonnull(strstr(sim_submit(bed->sim, bed->task[0], &request), "ask for less"));
        testbed_forget(bed);
        g_assert_cmpuint(tune(bed, 0, "size-64", (1 << 29) - 1, 5, 8)->result, ==, ERRNO_ENOMEM);
        g_assert_cmpuint(tune(bed, 0, "size-64", 16382, 5, 8)->result, ==, ERRNO_ENOMEM); /* 24 + 8 * 16382 > 131072 */
        g_assert_cmpuint(testbed_count(bed, EV_CACHE_TUNED, 0), ==, 0);
        g_assert_cmpuint(tune(bed, 0, "size-64", 16381, 5, 8)->result, ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_CACHE_TUNED, 0), ==, 1);
        g_assert_cmpuint(testbed_magazine(bed, sim_cache_find(bed->sim, "size-64"), 0)->limit, ==, 16381);
}

/*
 * The order of effects: new, empty magazines everywhere; then the old ones' objects go to the slabs, CPU by CPU, under
 * the old free_limit; then those of the old shared array, and the new limit is set.
 */
static void test_order(void)
{
        struct sim_config config = testbed_config(2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "thing", 200, 0, 0);
        uint32_t object[300];
        uint64_t op;

        for (uint32_t i = 0; i < 300; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        for (uint32_t i = 0; i < 300; i++) /* 120 in the magazine of CPU 1, 180 in the shared array (02 section 13) */
                testbed_release(bed, 1, object[i]);
        g_assert_cmpuint(testbed_shared(bed, cache)->avail, ==, 180);
        testbed_forget(bed);
        op = tune(bed, 0, "thing", 20, 10, 2)->id;
        g_assert_cmpuint(bed->done.result, ==, 0);
        {
                const struct event_record *tuned = testbed_event(bed, EV_CACHE_TUNED, op, 0);
                const struct event_record *first = testbed_event(bed, EV_MAGAZINE_SHED, op, 0);
                const struct event_record *second = testbed_event(bed, EV_MAGAZINE_SHED, op, 1);
                const struct event_record *shared = testbed_event(bed, EV_SHARED_SHED, op, 0);
                const struct event_record *limit = testbed_event(bed, EV_FREE_LIMIT_SET, op, 0);

                g_assert_cmpuint(tuned->a, ==, cache);
                g_assert_cmpuint(tuned->b, ==, 20);
                g_assert_cmpuint(tuned->c, ==, 10);
                g_assert_cmpuint(first->b, ==, 4); /* CPU 0 had four left of its last refill */
                g_assert_cmpuint(second->b, ==, 120);
                g_assert_cmpuint(shared->b, ==, 180);
                g_assert_cmpuint(limit->c, ==, 3 * 10 + 19);
                g_assert_cmpuint(tuned->seq, <, first->seq);
                g_assert_cmpuint(first->seq, <, second->seq);
                g_assert_cmpuint(second->seq, <, shared->seq);
                g_assert_cmpuint(shared->seq, <, limit->seq);
        }
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 0);
        g_assert_cmpuint(testbed_shared(bed, cache)->limit, ==, 20);
        g_assert_cmpuint(testbed_shared(bed, cache)->avail, ==, 0);
        /* 304 objects on 16 slabs, none in use; 199 free ones were allowed (3 * 60 + 19): ten slabs stay */
        g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 10);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_RELEASED, op), ==, 6);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/*
 * Memory runs out. In the work area or a magazine: nothing has changed. In a shared array: magazines and tunables are
 * new, the shared array and free_limit as they were. With ever more pages left all of these come, in this order.
 */
static void test_half_way(void)
{
        uint32_t nothing = 0, half = 0, pages = 0;

        for (bool done = false; !done; pages++) {
                struct sim_config config = testbed_config(1, 8);
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t cache = testbed_create(bed, "thing", 200, 0, 0);
                uint32_t result, free_limit = testbed_lists(bed, cache)->free_limit;

                g_assert_cmpuint(pages, <, 300);
                testbed_starve(bed, pages);
                result = tune(bed, 0, "thing", 500, 400, 4)->result; /* arrays of 4024 and 12824 bytes */
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                if (result == 0) {
                        done = true;
                } else if (bed->mem->caches[cache].limit == 120) {
                        g_assert_cmpuint(half, ==, 0);
                        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->limit, ==, 120);
                        nothing++;
                } else {
                        expect_tunables(bed, cache, 500, 400, 4);
                        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->limit, ==, 500);
                        g_assert_cmpuint(testbed_shared(bed, cache)->limit, ==, 480);
                        g_assert_cmpuint(testbed_lists(bed, cache)->free_limit, ==, free_limit);
                        half++;
                }
                g_assert_cmpuint(testbed_shrink(bed, 0, cache), ==, 0);
                g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
        }
        g_assert_cmpuint(nothing, >, 0);
        g_assert_cmpuint(half, >, 0);
}

/* NUMA: a shared array for each node; the alien sets and what they hold stay. */
static void test_nodes(void)
{
        struct sim_config config = testbed_config_numa(4, 3, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "thing", 200, 0, 0);
        uint32_t aliens[3];
        uint64_t place;

        for (uint32_t node = 0; node < 3; node++)
                aliens[node] = memory_aliens(bed->mem, cache, node)->array[(node + 1) % 3];
        place = memory_aliens(bed->mem, cache, 2)->place;
        for (uint32_t i = 0; i < 5; i++)
                testbed_release(bed, 2, testbed_alloc(bed, 0, cache, GFP_KERNEL));
        g_assert_cmpuint(tune(bed, 1, "thing", 16, 8, 3)->result, ==, 0);
        for (uint32_t node = 0; node < 3; node++) {
                const struct slab_lists *lists = memory_lists(bed->mem, cache, node);

                g_assert_cmpuint(memory_array(bed->mem, lists->shared)->limit, ==, 24);
                g_assert_cmpuint(lists->free_limit, ==, (1 + (node == 0 ? 2 : 1)) * 8 + 19);
                g_assert_cmpuint(memory_aliens(bed->mem, cache, node)->array[(node + 1) % 3], ==, aliens[node]);
        }
        g_assert_cmpuint(memory_aliens(bed->mem, cache, 2)->place, ==, place);
        g_assert_cmpuint(memory_array(bed->mem, memory_aliens(bed->mem, cache, 2)->array[0])->avail, ==, 5);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* An interrupt handler cannot write to a file; and a write waits for whoever has the mutex. */
static void test_mutex(void)
{
        static const struct cache_spec made = { .name = "made", .size_bytes = 100 };
        struct sim_config config = testbed_config(2, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t irq = sim_thread_new(bed->sim, THREAD_IRQ, 0), who;
        struct request request = { .kind = OP_TUNE, .spec = &made, .size_bytes = 9 | UINT64_C(3) << 32, .gfp = 2 };
        uint64_t start = sim_now_ns(bed->sim) + 1000000;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 0, .request = { { .kind = OP_CREATE, .spec = &made } } },
                { .t_ns = start + 20, .cpu = 1, .request = { request } },
        };

        testbed_forget(bed);
        testbed_play(bed, items, 2); /* the cache was not there when the write began,
                                      * and is found when it has the mutex */
        g_assert_cmpuint(items[1].done[0].result, ==, 0);
        g_assert_cmpuint(items[1].done[0].cache, ==, items[0].done[0].cache);
        g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, items[1].done[0].id), ==, 1);
        expect_tunables(bed, items[0].done[0].cache, 9, 3, 2);
        g_assert_true(sim_raise(bed->sim, irq, sim_now_ns(bed->sim) + 10));
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        g_assert_cmpuint(who, ==, irq);
        g_assert_nonnull(strstr(sim_submit(bed->sim, irq, &request), "sleeping function called from invalid context"));
        sim_irq_return(bed->sim, irq);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/tune/values", test_values);
        g_test_add_func("/engine/tune/byte-counts-that-overflow", test_overflow);
        g_test_add_func("/engine/tune/order-of-effects", test_order);
        g_test_add_func("/engine/tune/memory-runs-out-half-way", test_half_way);
        g_test_add_func("/engine/tune/several-nodes", test_nodes);
        g_test_add_func("/engine/tune/one-at-a-time", test_mutex);
        return g_test_run();
}
