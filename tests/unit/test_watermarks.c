/*
 * test_watermarks.c - watermarks and lowmem reserves: the worked examples of spec 03 section 5.3.
 */
#include <glib.h>

#include "support/space.h"

struct expected {
        uint32_t present, min, low, high;
        uint32_t reserve[ZONE_TYPES];
        uint32_t hot_high; /* 6 * B */
};

static void expect_zones(const struct arch *arch, uint32_t mib, const struct expected *expected)
{
        g_autoptr(space) space = space_new(arch, 1, mib, 64);

        for (uint32_t z = 0; z < ZONE_TYPES; z++) {
                g_assert_cmpuint(space->mem.zones[z].pages_high, ==, 0); /* all zero until the late initcall */
                for (uint32_t j = 0; j < ZONE_TYPES; j++)
                        g_assert_cmpuint(space->mem.zones[z].lowmem_reserve[j], ==, 0);
        }
        memory_set_watermarks(&space->mem);
        for (uint32_t z = 0; z < ZONE_TYPES; z++) {
                const struct zone *zone = &space->mem.zones[z];

                g_test_message("%u MiB %s", mib, arch->zone_names[z]);
                g_assert_cmpuint(zone->present_pages, ==, expected[z].present);
                g_assert_cmpuint(zone->pages_min, ==, expected[z].min);
                g_assert_cmpuint(zone->pages_low, ==, expected[z].low);
                g_assert_cmpuint(zone->pages_high, ==, expected[z].high);
                for (uint32_t j = 0; j < ZONE_TYPES; j++)
                        g_assert_cmpuint(zone->lowmem_reserve[j], ==, expected[z].reserve[j]);
                if (zone->present_pages)
                        g_assert_cmpuint(zone->pcp[0][0].high, ==, expected[z].hot_high);
        }
}

static void test_i386_1024(void)
{
        static const struct expected zones[] = {
                { 4064, 17, 21, 25, { 0, 873, 1000 }, 0 },
                { 223520, 936, 1170, 1404, { 0, 0, 1016 }, 186 },
                { 32512, 32, 66, 100, { 0, 0, 0 }, 42 },
        };

        expect_zones(&arch_i386, 1024, zones);
}

static void test_x86_64_64(void)
{
        static const struct expected zones[] = {
                { 4040, 63, 78, 94, { 0, 47, 47 }, 0 },
                { 12120, 190, 237, 285, { 0, 0, 0 }, 6 },
                { 0, 0, 0, 0, { 0, 0, 0 }, 0 },
        };

        expect_zones(&arch_x86_64, 64, zones);
}

static void test_x86_64_8192(void)
{
        static const struct expected zones[] = {
                { 4040, 5, 6, 7, { 0, 4024, 8064 }, 0 },
                { 1030200, 1432, 1790, 2148, { 0, 0, 4040 }, 186 },
                { 1034240, 1438, 1797, 2157, { 0, 0, 0 }, 186 },
        };

        expect_zones(&arch_x86_64, 8192, zones);
}

/* A HighMem zone has at least 32 pages below which it is not used, even when it is empty. */
static void test_highmem_floor(void)
{
        g_autoptr(space) space = space_new(&arch_i386, 1, 256, 32);

        memory_set_watermarks(&space->mem);
        g_assert_cmpuint(space->mem.zones[2].present_pages, ==, 0);
        g_assert_cmpuint(space->mem.zones[2].pages_min, ==, 32);
        g_assert_cmpuint(space->mem.zones[2].pages_high, ==, 32);
}

static void test_highmem_ceiling(void)
{
        g_autoptr(space) space = space_new(&arch_i386, 1, 4096, 32);

        memory_set_watermarks(&space->mem);
        g_assert_cmpuint(space->mem.zones[2].present_pages, ==, 819200 - 6400);
        g_assert_cmpuint(space->mem.zones[2].pages_min, ==, 128);
}

/* The definition again, with the square root found by counting. */
static void test_by_definition(void)
{
        for (uint32_t mib = 8; mib <= 65536; mib = mib * 3 / 2 + 1) {
                g_autoptr(space) space = space_new(&arch_x86_64, 1, mib, 64);
                uint64_t lowmem = 0;
                uint64_t kbytes = 0;

                memory_set_watermarks(&space->mem);
                for (uint32_t z = 0; z < ZONE_TYPES; z++)
                        lowmem += space->mem.zones[z].present_pages;
                while ((kbytes + 1) * (kbytes + 1) <= lowmem * 4 * 16)
                        kbytes++;
                kbytes = CLAMP(kbytes, 128, 65536);
                for (uint32_t z = 0; z < ZONE_TYPES; z++) {
                        const struct zone *zone = &space->mem.zones[z];
                        uint64_t t = kbytes / 4 * zone->present_pages / lowmem;

                        g_assert_cmpuint(zone->pages_min, ==, t);
                        g_assert_cmpuint(zone->pages_low, ==, t + t / 4);
                        g_assert_cmpuint(zone->pages_high, ==, t + t / 2);
                }
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/watermarks/i386-with-1-gib", test_i386_1024);
        g_test_add_func("/mm/watermarks/x86-64-with-64-mib", test_x86_64_64);
        g_test_add_func("/mm/watermarks/x86-64-with-8-gib", test_x86_64_8192);
        g_test_add_func("/mm/watermarks/highmem-has-at-least-32-pages", test_highmem_floor);
        g_test_add_func("/mm/watermarks/highmem-has-at-most-128-pages", test_highmem_ceiling);
        g_test_add_func("/mm/watermarks/machines-of-all-sizes-follow-the-definition", test_by_definition);
        return g_test_run();
}
