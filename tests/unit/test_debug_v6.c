/*
 * test_debug_v6.c - vector V6 of spec 07 section 10.6: where the first objects of a debug build lie,
 * page frames and all.
 *
 * The machine is R1 (spec 04 section 7).
 */
#include <glib.h>

#include "support/r1.h"

static struct testbed *r1(uint32_t cpus, uint32_t debug_slab)
{
        struct sim_config config = testbed_config(cpus, 64);

        config.debug_slab = debug_slab;
        return testbed_new(&config);
}

static uint32_t expect_place(struct testbed *bed, uint32_t size, uint32_t gfp, uint32_t pfn, uint32_t offset)
{
        uint32_t object = testbed_kmalloc(bed, 0, size, gfp);

        g_assert_cmpuint(object, !=, OBJECT_NONE);
        g_assert_cmphex(testbed_place(bed, object), ==, place_of(pfn, offset));
        return object;
}

static void expect_empty_lists(const struct testbed *bed)
{
        for (uint32_t zone = 0; zone < 2; zone++) {
                for (uint32_t cpu = 0; cpu < bed->mem->cpus; cpu++)
                        g_assert_cmpuint(bed->mem->zones[zone].pcp[cpu][0].list.count, ==, 0);
        }
}

/* V1 and the page state before it, so that what this file hands over is known to be R1. */
static void test_v1(void)
{
        g_autoptr(testbed) bed = r1(2, 0);

        expect_blocks(bed, 1, 12033,
                      "o0: 10ef; o8: 1100; o9: 1200; o10: 3c00 3800 3400 3000 2c00 2800 2400 2000 1c00 1800 1400");
        expect_empty_lists(bed);
        expect_place(bed, 100, GFP_KERNEL, 0x10fb, 0xac0);
        expect_place(bed, 20, GFP_KERNEL, 0x10fe, 0x560);
        expect_place(bed, 200, GFP_KERNEL, 0x10fa, 0xa80);
        expect_place(bed, 5000, GFP_KERNEL, 0x1100, 0x000);
}

static void test_v6(void)
{
        g_autoptr(testbed) bed = r1(2, 1);
        uint32_t first, second;

        first = expect_place(bed, 100, GFP_KERNEL, 0x10fa, 0x9c8);
        second = expect_place(bed, 100, GFP_KERNEL, 0x10e8, 0x988);
        expect_place(bed, 100, GFP_KERNEL, 0x10e8, 0x8f0);
        expect_place(bed, 20, GFP_KERNEL, 0x10fe, 0x730);
        expect_place(bed, 200, GFP_KERNEL, 0x10e1, 0x818);
        expect_place(bed, 200, GFP_KERNEL, 0x10e1, 0x700);
        expect_place(bed, 300, GFP_KERNEL, 0x10f7, 0x330);
        expect_place(bed, 1000, GFP_KERNEL, 0x10f9, 0x4d0);
        expect_place(bed, 3000, GFP_KERNEL, 0x10e9, 0x000);
        expect_place(bed, 5000, GFP_KERNEL, 0x10ec, 0x000);
        expect_place(bed, 131072, GFP_KERNEL, 0x1100, 0x000);
        expect_place(bed, 100, GFP_KERNEL | __GFP_DMA, 0x0001, 0x988);
        expect_place(bed, 4096, GFP_KERNEL | __GFP_DMA, 0x0002, 0x000);
        testbed_release(bed, 0, second);
        testbed_release(bed, 0, first);
        expect_place(bed, 128, GFP_KERNEL, 0x10fa, 0x9c8);

        expect_blocks(bed, 1, 12003,
                      "o0: 10eb; o1: 10ee; o5: 1120; o6: 1140; o7: 1180; o9: 1200; "
                      "o10: 3c00 3800 3400 3000 2c00 2800 2400 2000 1c00 1800 1400");
        g_assert_cmpuint(bed->mem->zones[0].free_pages, ==, 2973);
        g_assert_cmpuint(bed->mem->zones[0].free_area[0].count, ==, 1);
        g_assert_cmphex(bed->mem->zones[0].free_area[0].head, ==, 3);
        expect_empty_lists(bed);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/boot/r1/first-placements-are-those-of-v1-pages-and-all", test_v1);
        g_test_add_func("/engine/boot/r1/debug-build-places-objects-as-v6", test_v6);
        return g_test_run();
}
