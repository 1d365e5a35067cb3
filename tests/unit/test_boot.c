/*
 * test_boot.c - the state after boot, and the first placements: spec 04, as far as it does not depend on which pages
 * were reserved.
 *
 * The reference machines of the spec reserve other pages than ours can, so page frames differ. What lies where inside
 * a page, which slab holds how much, and every counter must be the same.
 */
#include <glib.h>

#include "support/testbed.h"

static char *chain(const struct testbed *bed)
{
        GString *text = g_string_new(NULL);

        for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next)
                g_string_append_printf(text, text->len ? " %s" : "%s", bed->mem->caches[id].spec.name);
        return g_string_free(text, FALSE);
}

static void test_chain(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) x86_64 = testbed_new(&config);
        g_autoptr(testbed) i386 = NULL;
        g_autofree char *names = chain(x86_64);

        g_assert_cmpstr(names, ==,
                        "size-131072(DMA) size-131072 size-65536(DMA) size-65536 size-32768(DMA) size-32768 "
                        "size-16384(DMA) size-16384 size-8192(DMA) size-8192 size-4096(DMA) size-4096 size-2048(DMA) "
                        "size-2048 size-1024(DMA) size-1024 size-512(DMA) size-512 size-256(DMA) size-256 "
                        "size-192(DMA) "
                        "size-192 size-128(DMA) size-64(DMA) size-64 size-32(DMA) size-128 size-32 kmem_cache");
        g_free(names);
        config.arch = ARCH_I386;
        config.line_bytes = 32;
        i386 = testbed_new(&config);
        names = chain(i386);
        g_assert_true(g_str_has_suffix(names, " size-128(DMA) size-128 size-96(DMA) size-96 size-64(DMA) size-32(DMA) "
                                              "size-64 size-32 kmem_cache"));
}

/* One cache as the table after K9 has it; magazine: offsets in the page, bottom to top. */
struct booted {
        const char *name;
        uint32_t full, partial_inuse, partial_free; /* at most one partial slab */
        const char *magazine;
        uint32_t touched;
        uint64_t free_objects;
        uint32_t free_limit, colour_next;
};

static void expect_booted(const struct testbed *bed, const struct booted *expected)
{
        uint32_t id = sim_cache_find(bed->sim, expected->name);
        const struct slab_lists *lists = testbed_lists(bed, id);
        const struct array_cache *magazine = testbed_magazine(bed, id, 0);
        g_autoptr(GString) text = g_string_new(NULL);

        g_test_message("%s", expected->name);
        for (uint32_t i = 0; i < magazine->avail; i++)
                g_string_append_printf(text, text->len ? " %03x" : "%03x", place_offset(magazine->entry[i]));
        g_assert_cmpstr(text->str, ==, expected->magazine);
        g_assert_cmpuint(magazine->touched, ==, expected->touched);
        g_assert_cmpuint(lists->list[SLABS_FULL].count, ==, expected->full);
        g_assert_cmpuint(lists->list[SLABS_PARTIAL].count, ==, expected->partial_inuse ? 1 : 0);
        g_assert_cmpuint(lists->list[SLABS_FREE].count, ==, 0);
        if (expected->partial_inuse) {
                const struct slab *slab = &bed->mem->slabs[lists->list[SLABS_PARTIAL].head];

                g_assert_cmpuint(slab->inuse, ==, expected->partial_inuse);
                g_assert_cmpuint(slab->free, ==, expected->partial_free);
        }
        g_assert_cmpuint(lists->free_objects, ==, expected->free_objects);
        g_assert_cmpuint(lists->free_limit, ==, expected->free_limit);
        g_assert_cmpuint(lists->colour_next, ==, expected->colour_next);
        g_assert_cmpuint(testbed_shared(bed, id)->avail, ==, 0);
}

/* Spec 04 section 7, R1 after K9. */
static void test_r1(void)
{
        static const struct booted caches[] = {
                { "size-4096", 11, 0, 0, "", 1, 0, 25, 0 },
                { "size-2048", 2, 0, 0, "", 1, 0, 26, 0 },
                { "size-1024", 4, 0, 0, "000", 1, 0, 58, 0 },
                { "size-512", 0, 4, 4, "", 0, 4, 62, 0 },
                { "size-256", 0, 4, 4, "", 0, 11, 135, 1 },
                { "size-128", 1, 11, 11, "f40", 1, 19, 150, 0 },
                { "size-64", 0, 27, 27, "400 440 480 4c0 500 540 580 5c0 600 640", 1, 32, 179, 0 },
                { "size-32", 0, 12, 0, "580 560", 1, 100, 232, 0 },
                { "kmem_cache", 1, 8, 8, "", 0, 12, 140, 0 },
                { "size-192", 0, 0, 0, "", 0, 0, 140, 0 },
                { "size-131072", 0, 0, 0, "", 0, 0, 9, 0 },
                { "size-128(DMA)", 0, 0, 0, "", 0, 0, 150, 0 },
        };
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        for (size_t i = 0; i < G_N_ELEMENTS(caches); i++) {
                struct booted expected = caches[i];

                /* magazines that the spec does not say more of than that they are empty */
                expected.touched = testbed_magazine(bed, sim_cache_find(bed->sim, expected.name), 0)->touched;
                if (i <= 1)
                        expected.touched = 1;
                if (i == 3 || i == 4)
                        expected.touched = 0;
                expect_booted(bed, &expected);
        }
}

/* The offset of a kmalloc; *ret_pfn: its page. */
static uint32_t offset_of(struct testbed *bed, uint32_t cpu, uint32_t size, uint32_t gfp, uint32_t *ret_object,
                          uint32_t *ret_pfn)
{
        uint32_t object = testbed_kmalloc(bed, cpu, size, gfp);
        uint64_t place;

        g_assert_cmpuint(object, !=, OBJECT_NONE);
        place = testbed_place(bed, object);
        if (ret_object)
                *ret_object = object;
        if (ret_pfn)
                *ret_pfn = place_pfn(place);
        return place_offset(place);
}

static uint32_t offset(struct testbed *bed, uint32_t cpu, uint32_t size, uint32_t gfp)
{
        return offset_of(bed, cpu, size, gfp, NULL, NULL);
}

/* Vector V1: R1 with a second CPU. */
static void test_v1(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t first, second, third, page, other, again;
        uint32_t id = sim_cache_find(bed->sim, "size-128");

        g_assert_cmphex(offset_of(bed, 0, 100, GFP_KERNEL, &first, &page), ==, 0xac0);
        g_assert_cmphex(offset_of(bed, 0, 100, GFP_KERNEL, &second, &other), ==, 0xa40);
        g_assert_cmpuint(other, ==, page);
        g_assert_cmphex(offset_of(bed, 0, 100, GFP_KERNEL, &third, &other), ==, 0x9c0);
        g_assert_cmpuint(other, ==, page);
        g_assert_cmphex(offset(bed, 0, 20, GFP_KERNEL), ==, 0x560);
        g_assert_cmphex(offset(bed, 0, 200, GFP_KERNEL), ==, 0xa80);
        g_assert_cmphex(offset(bed, 0, 200, GFP_KERNEL), ==, 0x980);
        g_assert_cmphex(offset(bed, 0, 300, GFP_KERNEL), ==, 0xe00);
        g_assert_cmphex(offset(bed, 0, 1000, GFP_KERNEL), ==, 0x400);
        g_assert_cmphex(offset(bed, 0, 3000, GFP_KERNEL), ==, 0x000);
        g_assert_cmphex(offset(bed, 0, 5000, GFP_KERNEL), ==, 0x000);
        g_assert_cmphex(offset(bed, 0, 131072, GFP_KERNEL), ==, 0x000);
        g_assert_cmphex(offset(bed, 0, 100, GFP_KERNEL | __GFP_DMA), ==, 0x840);
        g_assert_cmphex(offset(bed, 0, 4096, GFP_KERNEL | __GFP_DMA), ==, 0x000);
        testbed_release(bed, 0, second);
        testbed_release(bed, 0, first);
        g_assert_cmphex(offset_of(bed, 0, 128, GFP_KERNEL, NULL, &again), ==, 0xac0);
        g_assert_cmpuint(again, ==, page);
        g_assert_cmphex(offset(bed, 0, 128, GFP_KERNEL), ==, 0xa40);
        g_assert_cmphex(offset_of(bed, 1, 100, GFP_KERNEL, NULL, &other), ==, 0x840);
        g_assert_cmpuint(other, !=, page);
        testbed_release(bed, 1, third);
        g_assert_cmphex(offset_of(bed, 1, 100, GFP_KERNEL, NULL, &again), ==, 0x9c0);
        g_assert_cmpuint(again, ==, page);

        /* "After" */
        g_assert_cmpuint(testbed_magazine(bed, id, 0)->avail, ==, 6);
        for (uint32_t i = 0; i < 6; i++)
                g_assert_cmphex(place_offset(testbed_magazine(bed, id, 0)->entry[i]), ==, 0x640 + 0x80 * i);
        g_assert_cmpuint(testbed_magazine(bed, id, 1)->avail, ==, 15);
        for (uint32_t i = 0; i < 15; i++)
                g_assert_cmphex(place_offset(testbed_magazine(bed, id, 1)->entry[i]), ==, 0x0c0 + 0x80 * i);
        g_assert_cmpuint(testbed_lists(bed, id)->list[SLABS_FULL].count, ==, 2);
        g_assert_cmpuint(bed->mem->slabs[testbed_lists(bed, id)->list[SLABS_PARTIAL].head].inuse, ==, 16);
        g_assert_cmpuint(bed->mem->slabs[testbed_lists(bed, id)->list[SLABS_PARTIAL].head].free, ==, 16);
}

/* R2: the first placements on i386. */
static void test_r2(void)
{
        struct sim_config config = testbed_config(1, 128);

        config.arch = ARCH_I386;
        config.line_bytes = 32;
        {
                g_autoptr(testbed) bed = testbed_new(&config);

                g_assert_cmphex(offset(bed, 0, 100, GFP_KERNEL), ==, 0xa20);
                g_assert_cmphex(offset(bed, 0, 60, GFP_KERNEL), ==, 0xf20);
                g_assert_cmphex(offset(bed, 0, 600, GFP_KERNEL), ==, 0xc00);
        }
}

/* Whole groups become 4 MiB blocks, the highest at the head; the rest goes through CPU 0's hot list. */
static void test_hand_over(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = NULL;
        const struct zone *dma, *dma32;
        uint32_t blocks = 0;

        config.reserved_pages = 1000;
        bed = testbed_new(&config);
        dma = &bed->mem->zones[0];
        dma32 = &bed->mem->zones[1];
        g_assert_cmpuint(dma->free_pages, ==, 4096 - 1000);
        g_assert_cmpuint(dma->pgfree, ==, 4096 - 1000);
        g_assert_cmpuint(dma->free_area[3].count, ==, 1); /* 1000..1007 */
        g_assert_cmpuint(dma->free_area[3].head, ==, 1000);
        g_assert_cmpuint(dma->free_area[4].head, ==, 1008);
        g_assert_cmpuint(dma->free_area[10].head, ==, 3072);
        g_assert_cmpuint(dma->free_area[10].tail, ==, 1024);
        g_assert_cmpuint(dma->pcp[0][0].list.count, ==, 0); /* B = 0: nothing stays */
        g_assert_cmpuint(dma32->free_area[10].head, ==, 14336); /* the top block was cut for the first slab */
        for (uint32_t pfn = dma32->free_area[10].head; pfn != PFN_NONE; pfn = bed->mem->pages[pfn].next)
                g_assert_cmpuint(pfn, ==, 14336 - 1024 * blocks++);
        g_assert_cmpuint(blocks, ==, 11);
}

/* The pages of an unfinished group stay on the hot list and are what the first slabs are made of, newest first. */
static void test_first_slab_pages(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t id;

        config.reserved_pages = 4096 + 40; /* 24 pages of DMA32 are freed one by one, 6 * B = 6 stay at most */
        bed = testbed_new(&config);
        id = sim_cache_find(bed->sim, "kmem_cache");
        g_assert_cmpuint(bed->mem->slabs[testbed_lists(bed, id)->list[SLABS_FULL].head].pfn, ==, 4096 + 63);
        id = sim_cache_find(bed->sim, "size-32");
        g_assert_cmpuint(bed->mem->slabs[testbed_lists(bed, id)->list[SLABS_PARTIAL].head].pfn, ==, 4096 + 62);
}

/* With N CPUs the free limits are those of N - 1 (spec 02 section 11); a cache made later gets the full ones. */
static void test_free_limits(void)
{
        for (uint32_t cpus = 1; cpus <= 8; cpus++) {
                struct sim_config config = testbed_config(cpus, 64);
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t old = sim_cache_find(bed->sim, "size-192");
                uint32_t lagging = cpus < 2 ? 2 : cpus;
                uint32_t fresh = testbed_create(bed, "fresh", 192, 0, CACHE_HWCACHE_ALIGN);

                g_assert_cmpuint(testbed_lists(bed, old)->free_limit, ==, lagging * 60 + 20);
                g_assert_cmpuint(testbed_lists(bed, fresh)->free_limit, ==, (1 + cpus) * 60 + 20);
        }
}

/* next_reap of a list: now + 4 s + the address of the descriptor modulo 4 s, and 0 for kmem_cache. */
static void test_next_reap(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        for (uint32_t id = 0; id < bed->mem->cache_count; id++) {
                const struct kmem_cache *cache = &bed->mem->caches[id];
                uint64_t expected = 0xfffedb08u + 1000 + (0xffff810000000000u + cache->place) % 1000;

                if (cache->place == PLACE_NONE)
                        expected = 0;
                g_assert_cmpuint(testbed_lists(bed, id)->next_reap, ==, expected);
        }
}

/* Boot takes no time and leaves nothing on the tape. */
static void test_silent(void)
{
        struct sim_config config = testbed_config(4, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 0);
        g_assert_cmpuint(bed->tape.op_total, ==, 0);
        g_assert_cmpuint(bed->tape.event_total, ==, 0);
        testbed_flush(bed);
        g_assert_cmpuint(bed->events->len, ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        for (uint32_t cpu = 0; cpu < 5; cpu++)
                g_assert_cmpint(sim_cpu_online(bed->sim, cpu), ==, cpu < 4);
        for (uint32_t id = 0; id < sim_cache_count(bed->sim); id++) {
                struct cache_view view;

                g_assert_true(sim_cache_get(bed->sim, id, &view));
                g_assert_true(view.boot);
                g_assert_true(view.live);
                g_assert_cmpuint(view.created_ns, ==, 0);
        }
}

/* Machines with too little memory say so instead of breaking. */
static void test_too_small(void)
{
        static struct op_record ops[4];
        static struct event_record events[4];
        struct tape tape = { .ops = ops, .events = events, .op_cap = 4, .event_cap = 4 };
        const char *problem = NULL;
        struct sim_config config = testbed_config(8, 8);
        struct sim *sim;
        uint32_t boots = 1023, too_much = 2048;

        while (too_much - boots > 1) { /* memory that is just enough */
                config.reserved_pages = (boots + too_much) / 2;
                sim = sim_create(&config, &tape, &problem);
                if (sim) {
                        sim_destroy(sim);
                        boots = config.reserved_pages;
                        continue;
                }
                g_assert_cmpstr(problem, ==, "this machine has too little memory to boot");
                too_much = config.reserved_pages;
        }
        for (; too_much < 2048; too_much += 17) { /* wherever it runs out */
                config.reserved_pages = too_much;
                g_assert_null(sim_create(&config, &tape, &problem));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/boot/caches-are-chained-newest-first", test_chain);
        g_test_add_func("/engine/boot/slabs-and-magazines-are-those-of-r1", test_r1);
        g_test_add_func("/engine/boot/first-placements-are-those-of-v1", test_v1);
        g_test_add_func("/engine/boot/first-placements-on-i386-are-those-of-r2", test_r2);
        g_test_add_func("/engine/boot/memory-is-handed-over-in-groups", test_hand_over);
        g_test_add_func("/engine/boot/the-first-slabs-take-the-pages-freed-last", test_first_slab_pages);
        g_test_add_func("/engine/boot/free-limits-lag-by-one-cpu", test_free_limits);
        g_test_add_func("/engine/boot/first-reap-is-spread-by-address", test_next_reap);
        g_test_add_func("/engine/boot/takes-no-time-and-leaves-no-record", test_silent);
        g_test_add_func("/engine/boot/too-little-memory-is-a-sentence", test_too_small);
        return g_test_run();
}
