/*
 * hand_over.c - memory goes from boot to the buddy lists (spec 04 sections 2 and 3). Pages [0, reserved_pages) stay
 * reserved. In a file of its own, so that a test can put a machine with other reserved pages in its place.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

/* free_all_bootmem_core(): whole words of the boot bitmap as one block, the rest page by page; then high memory. */
void hand_over_memory(struct memory *mem)
{
        uint32_t low_end = mem->arch->highmem ? mem->arch->zone_end_pfn[1] : PFN_NONE;
        uint32_t group = mem->arch->group_pages;
        uint32_t pfn = mem->reserved_pages;

        if (low_end > mem->page_count)
                low_end = mem->page_count;
        for (; pfn < low_end && pfn % group; pfn++)
                memory_hand_over_page(mem, pfn);
        for (; pfn + group <= low_end; pfn += group) {
                struct zone *zone = memory_zone_of(mem, pfn);

                zone->pgfree += group;
                zone_free_block(zone, mem->pages, pfn, mem->arch->group_order);
        }
        for (; pfn < mem->page_count; pfn++)
                memory_hand_over_page(mem, pfn);
}
