/*
 * test_worked_trace.c - the worked traces of spec 02 section 13: cache "foo", 300 objects from CPU 0 to CPU 1 and back
 * to the slabs.
 */
#include <glib.h>

#include "support/testbed.h"

static uint32_t slabs(const struct testbed *bed, uint32_t cache, enum slab_list_kind kind)
{
        return testbed_lists(bed, cache)->list[kind].count;
}

static void test_foo(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        const struct slab_lists *lists;
        const struct kmem_cache *foo;
        uint32_t object[300];
        uint64_t place[300];
        uint32_t cache;
        uint32_t first_page = PFN_NONE;
        uint32_t second_slab, third_slab;

        config.manual_clock = 1;
        bed = testbed_new(&config);
        cache = testbed_create(bed, "foo", 200, 0, 0);
        foo = &bed->mem->caches[cache];
        lists = testbed_lists(bed, cache);
        g_assert_cmpuint(foo->num, ==, 19);
        g_assert_cmpuint(foo->gfporder, ==, 0);
        g_assert_cmpuint(foo->colour, ==, 2);
        g_assert_cmpuint(foo->slab_size, ==, 128);
        g_assert_cmpuint(lists->free_limit, ==, 199);

        for (uint32_t i = 0; i < 300; i++) {
                testbed_forget(bed);
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
                place[i] = testbed_place(bed, object[i]);
                switch (i + 1) {
                case 1: /* 16 of 19 objects come in, the last of them goes out */
                        g_assert_cmphex(place_offset(place[0]), ==, 0xc38);
                        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, 0, 0)->b, ==, 16);
                        g_assert_cmpuint(slabs(bed, cache, SLABS_PARTIAL), ==, 1);
                        first_page = place_pfn(place[0]);
                        break;
                case 17: /* touched: 60 are wanted, three are left */
                        g_assert_cmphex(place_offset(place[16]), ==, 0xe90);
                        g_assert_cmpuint(place_pfn(place[16]), ==, first_page);
                        g_assert_cmpuint(testbed_event(bed, EV_SLAB_TAKEN, 0, 0)->b, ==, 3);
                        g_assert_cmpuint(testbed_count(bed, EV_SLAB_GROWN, 0), ==, 0);
                        g_assert_cmpuint(slabs(bed, cache, SLABS_FULL), ==, 1);
                        break;
                case 20: /* the second slab, the second colour */
                        g_assert_cmphex(place_offset(place[19]), ==, 0xed0);
                        g_assert_cmpuint(place_pfn(place[19]), !=, first_page);
                        g_assert_cmpuint(testbed_event(bed, EV_SLAB_GROWN, 0, 0)->c, ==, 0xc0);
                        break;
                default:
                        if (i < 16)
                                g_assert_cmphex(place_offset(place[i]), ==, 0x80 + 200 * (15 - i));
                        break;
                }
        }
        g_assert_cmpuint(slabs(bed, cache, SLABS_FULL), ==, 16);
        g_assert_cmpuint(slabs(bed, cache, SLABS_PARTIAL), ==, 0);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->avail, ==, 4);
        for (uint32_t i = 0; i < 4; i++)
                g_assert_cmpuint(testbed_magazine(bed, cache, 0)->entry[i], ==, place[299] - (4 - i) * 200);

        /* CPU 1 frees all in allocation order: the first 180 end in the shared array, the last 120 stay with it */
        for (uint32_t i = 0; i < 300; i++)
                testbed_release(bed, 1, object[i]);
        g_assert_cmpuint(testbed_shared(bed, cache)->avail, ==, 180);
        for (uint32_t i = 0; i < 180; i++)
                g_assert_cmpuint(testbed_shared(bed, cache)->entry[i], ==, place[i]);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 120);
        for (uint32_t i = 0; i < 120; i++)
                g_assert_cmpuint(testbed_magazine(bed, cache, 1)->entry[i], ==, place[180 + i]);
        g_assert_cmpuint(lists->free_objects, ==, 0);
        g_assert_cmpuint(slabs(bed, cache, SLABS_FULL), ==, 16);

        /* a pass: 24 of CPU 1 go back, ten of one slab and fourteen of the next */
        testbed_reap(bed, 1);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 96);
        g_assert_cmpuint(slabs(bed, cache, SLABS_PARTIAL), ==, 2);
        g_assert_cmpuint(bed->mem->slabs[lists->list[SLABS_PARTIAL].head].inuse, ==, 9);
        g_assert_cmpuint(bed->mem->slabs[lists->list[SLABS_PARTIAL].tail].inuse, ==, 5);
        second_slab = lists->list[SLABS_PARTIAL].tail;
        g_assert_cmpuint(testbed_shared(bed, cache)->avail, ==, 180); /* not due */

        testbed_tick(bed, 500);
        testbed_reap(bed, 1);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 72);
        g_assert_cmpuint(slabs(bed, cache, SLABS_FREE), ==, 2); /* [third, second] */
        g_assert_cmpuint(lists->list[SLABS_FREE].tail, ==, second_slab);
        third_slab = lists->list[SLABS_FREE].head;
        g_assert_cmpuint(bed->mem->slabs[third_slab].inuse, ==, 0);

        /* the list is due: shared gives a fifth as well, and no slab goes since partial had run empty */
        testbed_tick(bed, 2000);
        g_assert_cmpuint(lists->free_touched, ==, 1);
        testbed_forget(bed);
        testbed_reap(bed, 1);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 48);
        g_assert_cmpuint(testbed_shared(bed, cache)->avail, ==, 180 - 96);
        g_assert_cmpuint(lists->free_touched, ==, 0);
        g_assert_cmpuint(foo->reaped, ==, 0);

        g_assert_cmpuint(testbed_shrink(bed, 1, cache), ==, 0);
        g_assert_cmpuint(foo->slab_count, ==, 0);
        g_assert_cmpuint(lists->free_objects, ==, 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/worked-trace/foo", test_foo);
        return g_test_run();
}
