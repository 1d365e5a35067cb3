/*
 * test_kmalloc.c - which size class a request gets (spec 01 section 3).
 */
#include <glib.h>

#include "support/space.h"
#include "support/testbed.h"

static void expect_classes(const struct arch *arch, uint32_t line, const char *expected)
{
        g_autoptr(space) space = space_new(arch, 1, 8, line);
        g_autoptr(GString) text = g_string_new(NULL);

        for (uint32_t i = 0; i < space->mem.class_count; i++)
                g_string_append_printf(text, i ? " %u" : "%u", space->mem.class_bytes[i]);
        g_assert_cmpstr(text->str, ==, expected);
}

static void test_classes(void)
{
        const char *all = "32 64 96 128 192 256 512 1024 2048 4096 8192 16384 32768 65536 131072";
        const char *no_96 = "32 64 128 192 256 512 1024 2048 4096 8192 16384 32768 65536 131072";
        const char *neither = "32 64 128 256 512 1024 2048 4096 8192 16384 32768 65536 131072";

        expect_classes(&arch_i386, 32, all);
        expect_classes(&arch_i386, 64, no_96);
        expect_classes(&arch_i386, 128, neither);
        expect_classes(&arch_x86_64, 64, no_96);
        expect_classes(&arch_x86_64, 128, neither);
}

/* Every size there is gets the first class that fits. */
static void test_first_that_fits(void)
{
        static const uint32_t lines[] = { 32, 64, 128 };

        for (size_t l = 0; l < G_N_ELEMENTS(lines); l++) {
                g_autoptr(space) space = space_new(&arch_i386, 1, 8, lines[l]);
                const struct memory *mem = &space->mem;

                for (uint32_t size = 0; size <= KMALLOC_MAX; size++) {
                        uint32_t class = 0;

                        while (mem->class_bytes[class] < size)
                                class++;
                        g_assert_cmpuint(mem->class_of[(size + 31) / 32], ==, class);
                }
        }
}

static const char *cache_name(const struct testbed *bed, const struct op_record *op)
{
        return op->cache == CACHE_ID_NONE ? "none" : bed->mem->caches[op->cache].spec.name;
}

static void expect_cache(struct testbed *bed, uint64_t size_bytes, uint32_t gfp, const char *name)
{
        struct request request = { .kind = OP_KMALLOC, .size_bytes = size_bytes, .gfp = gfp };
        const struct op_record *op = testbed_do(bed, 0, &request);

        g_assert_cmpstr(cache_name(bed, op), ==, name);
        g_assert_cmpuint(op->size_bytes, ==, size_bytes);
        if (op->pfn != PFN_NONE)
                testbed_release(bed, 0, sim_result_object(bed->sim, bed->task[0]));
}

static void test_selection(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        expect_cache(bed, 0, GFP_KERNEL, "size-32"); /* nothing is something */
        expect_cache(bed, 1, GFP_KERNEL, "size-32");
        expect_cache(bed, 32, GFP_KERNEL, "size-32");
        expect_cache(bed, 33, GFP_KERNEL, "size-64");
        expect_cache(bed, 97, GFP_ATOMIC, "size-128");
        expect_cache(bed, 129, GFP_KERNEL, "size-192");
        expect_cache(bed, 65536, GFP_KERNEL, "size-65536");
        expect_cache(bed, 65537, GFP_KERNEL, "size-131072");
        expect_cache(bed, 131072, GFP_KERNEL, "size-131072");
        expect_cache(bed, 100, GFP_KERNEL | __GFP_DMA, "size-128(DMA)");
        expect_cache(bed, 131072, GFP_ATOMIC | __GFP_DMA, "size-131072(DMA)");
}

static void test_no_class(void)
{
        static const uint64_t sizes[] = { 131073, 1 << 20, UINT32_MAX, (uint64_t)UINT32_MAX + 33, UINT64_MAX };
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                struct request request = { .kind = OP_KMALLOC, .size_bytes = sizes[i], .gfp = GFP_KERNEL };
                const struct op_record *op = testbed_do(bed, 0, &request);

                g_assert_cmpuint(op->path, ==, PATH_NO_CLASS);
                g_assert_cmpuint(op->pfn, ==, PFN_NONE);
                g_assert_cmpuint(op->cache, ==, CACHE_ID_NONE);
                g_assert_cmpuint(sim_result_object(bed->sim, bed->task[0]), ==, OBJECT_NONE);
        }
        g_assert_cmpuint(bed->events->len, ==, 0);
}

/* A DMA request gets memory below 16 MiB, another one does not have to. */
static void test_dma_places(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        g_assert_cmpuint(testbed_place(bed, testbed_kmalloc(bed, 0, 4096, GFP_KERNEL | __GFP_DMA)), <, 16 << 20);
        g_assert_cmpuint(testbed_place(bed, testbed_kmalloc(bed, 0, 4096, GFP_KERNEL)), >=, 16 << 20);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/kmalloc/classes-depend-on-the-line", test_classes);
        g_test_add_func("/mm/kmalloc/every-size-gets-the-first-class-that-fits", test_first_that_fits);
        g_test_add_func("/mm/kmalloc/size-and-gfp-select-the-cache", test_selection);
        g_test_add_func("/mm/kmalloc/what-fits-no-class-fails", test_no_class);
        g_test_add_func("/mm/kmalloc/dma-caches-use-zone-dma", test_dma_places);
        return g_test_run();
}
