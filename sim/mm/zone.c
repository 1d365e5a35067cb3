#include "base/core_only.h"
#include "mm/zone.h"

#include "base/check.h"

/* zone_batchsize(): the B of spec 03 section 3. */
static uint32_t batch_size(uint32_t present_pages)
{
        uint32_t batch = present_pages / 1024;
        uint32_t fls = 0;

        if (batch * 4096u > 524288u)
                batch = 128;
        batch /= 4;
        if (batch < 1)
                batch = 1;
        for (uint32_t v = batch + batch / 2; v; v >>= 1)
                fls++;
        return (1u << (fls - 1)) - 1;
}

void zone_init(struct zone *zone, const struct arch *arch, uint32_t node, uint32_t type, uint32_t start_pfn,
               uint32_t end_pfn, bool numa)
{
        uint64_t memmap;

        zone->node = node;
        zone->type = type;
        zone->index = node * ZONE_TYPES + type;
        zone->start_pfn = start_pfn;
        zone->end_pfn = end_pfn;
        zone->spanned_pages = end_pfn - start_pfn;
        memmap = (uint64_t)zone->spanned_pages * arch->page_bytes / PAGE_BYTES;
        zone->present_pages = zone->spanned_pages - (uint32_t)memmap;
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                page_list_init(&zone->free_area[order]);
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                page_list_init(&zone->pcp[cpu][0].list);
                page_list_init(&zone->pcp[cpu][1].list);
                zone_size_page_lists(zone, cpu, numa); /* NUMA boots with the common boot page sets */
        }
}

void zone_size_page_lists(struct zone *zone, uint32_t cpu, bool boot)
{
        uint32_t batch = boot ? 0 : batch_size(zone->present_pages);
        struct pcp *hot = &zone->pcp[cpu][0];
        struct pcp *cold = &zone->pcp[cpu][1];

        CHECK(hot->list.count == 0);
        CHECK(cold->list.count == 0);
        hot->high = 6 * batch;
        hot->batch = batch > 1 ? batch : 1;
        cold->high = 2 * batch;
        cold->batch = batch / 2 > 1 ? batch / 2 : 1;
}

uint32_t zone_take_block(struct zone *zone, struct page *pages, uint32_t order, uint32_t *ret_from_order)
{
        for (uint32_t k = order; k < MAX_ORDER; k++) {
                uint32_t pfn = zone->free_area[k].head;

                if (pfn == PFN_NONE)
                        continue;
                CHECK(pages[pfn].state == PAGE_BUDDY);
                CHECK(pages[pfn].order == k);
                page_list_remove(pages, &zone->free_area[k], pfn);
                *ret_from_order = k;
                while (k > order) { /* expand(): the upper half stays free, the lower half goes on */
                        uint32_t half;

                        k--;
                        half = pfn + (1u << k);
                        pages[half].state = PAGE_BUDDY;
                        pages[half].order = (uint8_t)k;
                        page_list_add_head(pages, &zone->free_area[k], half);
                }
                pages[pfn].state = PAGE_NONE;
                zone->free_pages -= 1u << order;
                return pfn;
        }
        return PFN_NONE;
}

uint32_t zone_free_block(struct zone *zone, struct page *pages, uint32_t pfn, uint32_t order)
{
        CHECK(pfn >= zone->start_pfn);
        CHECK(pfn + (1u << order) <= zone->end_pfn);
        CHECK(pages[pfn].state != PAGE_BUDDY);
        zone->free_pages += 1u << order;
        pages[pfn].state = PAGE_NONE;
        while (order < MAX_ORDER - 1) {
                uint32_t buddy = pfn ^ (1u << order);

                if (buddy < zone->start_pfn || buddy >= zone->end_pfn || pages[buddy].state != PAGE_BUDDY ||
                    pages[buddy].order != order)
                        break;
                page_list_remove(pages, &zone->free_area[order], buddy);
                pages[buddy].state = PAGE_NONE;
                pfn &= ~(1u << order);
                order++;
        }
        pages[pfn].state = PAGE_BUDDY;
        pages[pfn].order = (uint8_t)order;
        page_list_add_head(pages, &zone->free_area[order], pfn);
        return order;
}

bool zone_watermark_ok(const struct zone *zone, uint32_t order, uint32_t mark, uint32_t class_index, bool high,
                       bool harder, uint32_t *ret_steps)
{
        int64_t min = mark;
        int64_t free = (int64_t)zone->free_pages - (1 << order) + 1;

        *ret_steps = 0;
        if (high)
                min -= min / 2;
        if (harder)
                min -= min / 4;
        if (free <= min + zone->lowmem_reserve[class_index])
                return false;
        for (uint32_t o = 0; o < order; o++) {
                ++*ret_steps;
                free -= (int64_t)zone->free_area[o].count << o; /* blocks too small to help */
                min >>= 1;
                if (free <= min)
                        return false;
        }
        return true;
}

static const char *audit_free_area(const struct zone *zone, const struct page *pages, uint32_t order)
{
        const struct page_list *list = &zone->free_area[order];
        uint32_t count = 0;
        uint32_t prev = PFN_NONE;

        for (uint32_t pfn = list->head; pfn != PFN_NONE; prev = pfn, pfn = pages[pfn].next) {
                uint32_t buddy = pfn ^ (1u << order);

                if (pfn < zone->start_pfn || pfn + (1u << order) > zone->end_pfn)
                        return "a free block lies outside its zone";
                if (pfn & ((1u << order) - 1))
                        return "a free block is not aligned to its order";
                if (pages[pfn].state != PAGE_BUDDY || pages[pfn].order != order)
                        return "a block on a free_area list is not marked free with that order";
                if (pages[pfn].prev != prev)
                        return "a free_area list is torn";
                if (order < MAX_ORDER - 1 && buddy >= zone->start_pfn && buddy < zone->end_pfn &&
                    pages[buddy].state == PAGE_BUDDY && pages[buddy].order == order)
                        return "two free buddies were not merged";
                if (++count > list->count)
                        return "a free_area list is longer than its count";
        }
        if (count != list->count || prev != list->tail)
                return "a free_area list and its count differ";
        return NULL;
}

static const char *audit_pcp(const struct pcp *pcp, const struct page *pages)
{
        uint32_t count = 0;
        uint32_t prev = PFN_NONE;

        for (uint32_t pfn = pcp->list.head; pfn != PFN_NONE; prev = pfn, pfn = pages[pfn].next) {
                if (pages[pfn].state != PAGE_PCP)
                        return "a page on a per-CPU list is not marked so";
                if (pages[pfn].prev != prev || ++count > pcp->list.count)
                        return "a per-CPU page list is torn";
        }
        if (count != pcp->list.count || prev != pcp->list.tail)
                return "a per-CPU page list and its count differ";
        if (count && pcp->high && count >= pcp->high + pcp->batch)
                return "a per-CPU page list is above its high mark";
        return NULL;
}

const char *zone_audit(const struct zone *zone, const struct page *pages)
{
        uint64_t free_pages = 0;
        const char *problem = NULL;

        for (uint32_t order = 0; order < MAX_ORDER && !problem; order++) {
                problem = audit_free_area(zone, pages, order);
                free_pages += (uint64_t)zone->free_area[order].count << order;
        }
        if (!problem && free_pages != zone->free_pages)
                problem = "a zone's free_pages is not the sum of its free_area lists";
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX && !problem; cpu++) {
                problem = audit_pcp(&zone->pcp[cpu][0], pages);
                if (!problem)
                        problem = audit_pcp(&zone->pcp[cpu][1], pages);
        }
        return problem;
}
