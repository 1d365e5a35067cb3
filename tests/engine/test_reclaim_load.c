/*
 * test_reclaim_load.c - several CPUs reclaim, use, free and lose pages at once: the books agree, with all structures
 * recounted after each op as well, and the same seed gives the same run.
 */
#include <glib.h>

#include "support/pressure.h"

static struct testbed *run(uint64_t seed, uint32_t audit, uint32_t requests)
{
        struct sim_config config = pressure_config(seed);
        struct pressure_shape shape = { .seed = seed, .requests = requests, .swap_pages = seed % 2 ? 800 : 0,
                                        .write_ns = seed % 3 ? 40000 : 0 };
        struct testbed *bed;

        config.audit = audit;
        bed = testbed_new(&config);
        pressure_run(bed, &shape);
        return bed;
}

static void test_books(void)
{
        uint64_t reclaimed = 0, swapped = 0, shrunk = 0, slept = 0;

        for (uint64_t seed = 1; seed <= 12; seed++) {
                g_autoptr(testbed) bed = run(seed, 0, 20000);
                struct vm_view vm;

                sim_vm_get(bed->sim, &vm);
                for (uint32_t i = 0; i < 3; i++)
                        reclaimed += vm.pgsteal[i];
                swapped += vm.events.pswpout;
                shrunk += testbed_count(bed, EV_OBJECT_SHRUNK, 0);
                slept += testbed_count(bed, EV_KSWAPD_SLEPT, 0);
        }
        g_assert_cmpuint(reclaimed, >, 1000);
        g_assert_cmpuint(swapped, >, 10);
        g_assert_cmpuint(shrunk, >, 1000);
        g_assert_cmpuint(slept, >, 3);
}

static void test_recounted(void)
{
        for (uint64_t seed = 20; seed < 24; seed++) {
                g_autoptr(testbed) bed = run(seed, 1, 4000 / TEST_THINNED);

                g_assert_cmpuint(bed->ops->len, >, 0);
        }
}

static void test_same_seed(void)
{
        for (uint64_t seed = 3; seed <= 4; seed++) {
                g_autoptr(testbed) first = run(seed, 0, 8000 / TEST_THINNED);
                g_autoptr(testbed) second = run(seed, 0, 8000 / TEST_THINNED);

                testbed_same(first, second, "reclaim under load");
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/reclaim-load/books", test_books);
        g_test_add_func("/engine/reclaim-load/recounted-after-each-op", test_recounted);
        g_test_add_func("/engine/reclaim-load/same-seed-same-run", test_same_seed);
        return g_test_run();
}
