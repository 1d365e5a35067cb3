/*
 * r1.h - the reference machine R1 of spec 04 section 7: x86_64, UMA, 64 MiB, with the pages that its boot had reserved.
 *
 * They lie scattered, so a test that includes this file hands the memory over itself, in place of engine/hand_over.c.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_R1_H
#define KMEMSIM_TESTS_SUPPORT_R1_H

#include <glib.h>

#include "engine/sim_private.h"
#include "support/testbed.h"

/* Page 0x90 holds the boot bitmap and is freed at the end; the last two are page descriptors and wait tables. */
static bool is_reserved(uint32_t pfn)
{
        return pfn == 0 || pfn == 0x90 || (pfn >= 0xa0 && pfn <= 0x4ff) || (pfn >= 0x1000 && pfn <= 0x10e0);
}

void hand_over_memory(struct memory *mem)
{
        for (uint32_t pfn = 0; pfn < mem->page_count; pfn += 64) {
                uint32_t reserved = 0;

                for (uint32_t i = 0; i < 64; i++)
                        reserved += is_reserved(pfn + i);
                if (!reserved) {
                        struct zone *zone = memory_zone_of(mem, pfn);

                        zone->pgfree += 64;
                        zone_free_block(zone, mem->pages, pfn, 6);
                }
                for (uint32_t i = 0; i < 64 && reserved; i++) {
                        if (!is_reserved(pfn + i))
                                memory_hand_over_page(mem, pfn + i);
                }
        }
        memory_hand_over_page(mem, 0x90);
}

/* "o0: 10fa 10e1; ..." of a zone: orders that have blocks, head first. */
static char *blocks(const struct testbed *bed, uint32_t zone)
{
        GString *text = g_string_new(NULL);

        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                const struct page_list *list = &bed->mem->zones[zone].free_area[order];

                if (!list->count)
                        continue;
                g_string_append_printf(text, "%so%u:", text->len ? "; " : "", order);
                for (uint32_t pfn = list->head; pfn != PFN_NONE; pfn = bed->mem->pages[pfn].next)
                        g_string_append_printf(text, " %x", pfn);
        }
        return g_string_free(text, FALSE);
}

G_GNUC_UNUSED static void expect_blocks(const struct testbed *bed, uint32_t zone, uint64_t free_pages,
                                        const char *expected)
{
        g_autofree char *is = blocks(bed, zone);

        g_assert_cmpstr(is, ==, expected);
        g_assert_cmpuint(bed->mem->zones[zone].free_pages, ==, free_pages);
}

#endif
