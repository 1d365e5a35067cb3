/*
 * test_zonelists.c - which zones a request may use, and in which order (spec 03 section 1.3); borders of zones.
 */
#include <glib.h>

#include "support/space.h"

static char *listed(const struct memory *mem, uint32_t node, uint32_t type)
{
        const struct zonelist *list = &mem->zonelists[node][type];
        GString *text = g_string_new(NULL);

        for (uint32_t i = 0; i < list->count; i++) {
                const struct zone *zone = &mem->zones[list->zone[i]];

                if (i)
                        g_string_append_c(text, ' ');
                if (mem->nodes > 1)
                        g_string_append_printf(text, "%u/", zone->node);
                g_string_append(text, mem->arch->zone_names[zone->type]);
        }
        return g_string_free(text, FALSE);
}

static void expect(const struct arch *arch, uint32_t nodes, uint32_t mib, uint32_t node, const char *type0,
                   const char *type1, const char *type2)
{
        g_autoptr(space) space = space_new(arch, nodes, mib, 64);
        g_autofree char *list0 = listed(&space->mem, node, 0);
        g_autofree char *list1 = listed(&space->mem, node, 1);
        g_autofree char *list2 = listed(&space->mem, node, 2);

        g_assert_cmpstr(list0, ==, type0);
        g_assert_cmpstr(list1, ==, type1);
        g_assert_cmpstr(list2, ==, type2);
}

static void test_x86_64(void)
{
        expect(&arch_x86_64, 1, 8192, 0, "DMA", "DMA32 DMA", "Normal DMA32 DMA");
        expect(&arch_x86_64, 1, 4096, 0, "DMA", "DMA32 DMA", "DMA32 DMA"); /* its first zone is DMA32 */
        expect(&arch_x86_64, 1, 64, 0, "DMA", "DMA32 DMA", "DMA32 DMA");
        expect(&arch_x86_64, 1, 16, 0, "DMA", "DMA", "DMA");
}

static void test_i386(void)
{
        expect(&arch_i386, 1, 1024, 0, "DMA", "Normal DMA", "HighMem Normal DMA");
        expect(&arch_i386, 1, 896, 0, "DMA", "Normal DMA", "Normal DMA");
        expect(&arch_i386, 1, 8, 0, "DMA", "DMA", "DMA");
}

/* Two nodes of R3: zone DMA is on node 0 alone. */
static void test_two_nodes(void)
{
        expect(&arch_x86_64_numa, 2, 128, 0, "0/DMA", "0/DMA32 0/DMA 1/DMA32", "0/DMA32 0/DMA 1/DMA32");
        expect(&arch_x86_64_numa, 2, 128, 1, "0/DMA", "1/DMA32 0/DMA32 0/DMA", "1/DMA32 0/DMA32 0/DMA");
}

/* Four nodes, all at the same distance: load spreads them. */
static void test_four_nodes(void)
{
        static const char *const orders[] = { "0123", "1230", "2301", "3012" };
        g_autoptr(space) space = space_new(&arch_x86_64_numa, 4, 2048, 64); /* node 0 has DMA, 2 and 3 are Normal */

        for (uint32_t node = 0; node < 4; node++) {
                const struct zonelist *list = &space->mem.zonelists[node][2];
                g_autoptr(GString) nodes = g_string_new(NULL);

                for (uint32_t i = 0; i < list->count; i++) {
                        char digit = (char)('0' + space->mem.zones[list->zone[i]].node);

                        if (!nodes->len || nodes->str[nodes->len - 1] != digit)
                                g_string_append_c(nodes, digit);
                }
                g_assert_cmpstr(nodes->str, ==, orders[node]);
        }
}

static void test_borders(void)
{
        g_autoptr(space) small = space_new(&arch_x86_64, 1, 8, 64);
        g_autoptr(space) large = space_new(&arch_x86_64, 1, 5120, 64);
        g_autoptr(space) high = space_new(&arch_i386, 1, 1024, 32);

        g_assert_cmpuint(small->mem.zones[0].end_pfn, ==, 2048);
        g_assert_cmpuint(small->mem.zones[1].spanned_pages, ==, 0);
        g_assert_cmpuint(large->mem.zones[1].start_pfn, ==, 4096);
        g_assert_cmpuint(large->mem.zones[1].end_pfn, ==, 1048576);
        g_assert_cmpuint(large->mem.zones[2].end_pfn, ==, 1310720);
        g_assert_cmpuint(high->mem.zones[1].end_pfn, ==, 229376);
        g_assert_cmpuint(high->mem.zones[2].start_pfn, ==, 229376);
        for (uint32_t pfn = 0; pfn < large->mem.page_count; pfn += 255) {
                const struct zone *zone = memory_zone_of(&large->mem, pfn);

                g_assert_cmpuint(pfn, >=, zone->start_pfn);
                g_assert_cmpuint(pfn, <, zone->end_pfn);
        }
        g_assert_cmpuint(memory_zone_of(&high->mem, 4095)->type, ==, 0);
        g_assert_cmpuint(memory_zone_of(&high->mem, 4096)->type, ==, 1);
        g_assert_cmpuint(memory_zone_of(&high->mem, 229375)->type, ==, 1);
        g_assert_cmpuint(memory_zone_of(&high->mem, 229376)->type, ==, 2);
}

/* More than 32 MiB: slabs of two pages are allowed for the sake of less waste. */
static void test_break_order(void)
{
        g_autoptr(space) small = space_new(&arch_x86_64, 1, 32, 64);
        g_autoptr(space) large = space_new(&arch_x86_64, 1, 33, 64);

        g_assert_cmpuint(small->mem.break_order, ==, 0);
        g_assert_cmpuint(large->mem.break_order, ==, 1);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/zonelists/x86-64", test_x86_64);
        g_test_add_func("/mm/zonelists/i386", test_i386);
        g_test_add_func("/mm/zonelists/two-nodes", test_two_nodes);
        g_test_add_func("/mm/zonelists/four-nodes-take-turns", test_four_nodes);
        g_test_add_func("/mm/zonelists/every-page-is-in-the-zone-of-its-address", test_borders);
        g_test_add_func("/mm/zonelists/break-order-is-0-up-to-32-mib", test_break_order);
        return g_test_run();
}
