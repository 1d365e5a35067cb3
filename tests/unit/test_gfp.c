/*
 * test_gfp.c - masks have the kernel's values and select the right zone type (spec 03 section 1.2).
 */
#include <glib.h>

#include "support/space.h"
#include "trace/gfp.h"

static void test_values(void)
{
        g_assert_cmphex(GFP_NOWAIT, ==, 0);
        g_assert_cmphex(GFP_ATOMIC, ==, 0x20);
        g_assert_cmphex(GFP_NOIO, ==, 0x10);
        g_assert_cmphex(GFP_NOFS, ==, 0x50);
        g_assert_cmphex(GFP_KERNEL, ==, 0xd0);
        g_assert_cmphex(GFP_USER, ==, 0x200d0);
        g_assert_cmphex(GFP_HIGHUSER, ==, 0x200d2);
        g_assert_cmphex(GFP_THISNODE_NUMA, ==, 0x41200);
        /* spec 02: DMA, DMA32, HIGHMEM and ZERO are not passed on to the header of a slab */
        g_assert_cmphex(GFP_LEVEL_MASK, ==, 0x7ffff & ~(0x1u | 0x2u | 0x4u | 0x8u | 0x8000u));
}

static void test_zone_type(void)
{
        g_autoptr(space) x86_64 = space_new(&arch_x86_64, 1, 64, 64);
        g_autoptr(space) i386 = space_new(&arch_i386, 1, 64, 32);
        const struct { uint32_t gfp, x86_64, i386; } table[] = {
                { GFP_KERNEL, 2, 1 },
                { GFP_ATOMIC, 2, 1 },
                { GFP_KERNEL | __GFP_DMA, 0, 0 },
                { GFP_KERNEL | __GFP_DMA32, 1, 1 },  /* i386 ignores DMA32 */
                { GFP_HIGHUSER, 2, 2 },              /* x86_64 ignores HIGHMEM */
                { GFP_KERNEL | __GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM, 0, 0 },
                { GFP_KERNEL | __GFP_DMA32 | __GFP_HIGHMEM, 1, 2 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_assert_cmpuint(memory_zone_type(&x86_64->mem, table[i].gfp), ==, table[i].x86_64);
                g_assert_cmpuint(memory_zone_type(&i386->mem, table[i].gfp), ==, table[i].i386);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/trace/gfp/masks-have-the-values-of-2.6.20", test_values);
        g_test_add_func("/trace/gfp/masks-select-the-zone-type", test_zone_type);
        return g_test_run();
}
