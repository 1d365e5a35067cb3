/*
 * page_map.c - see page_map.h. Pages are kept in regions of 512, so that a block of any order is entered in one sweep
 * and the block that an address falls into is found with one look.
 */
#include "import/page_map.h"

#include <string.h>

#define REGION_BITS 9u
#define REGION_PAGES (1u << REGION_BITS)
#define GIB_PAGES (UINT64_C(1) << 18)
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

struct page_region {
        uint64_t number;              /* pfn >> REGION_BITS */
        uint32_t head[REGION_PAGES];  /* block that begins in this page, 0: none */
        uint32_t cover[REGION_PAGES]; /* block that the page lies in, 0: none */
};

void page_map_init(struct page_map *map, struct import_report *report, uint64_t page_offset)
{
        memset(map, 0, sizeof(*map));
        map->report = report;
        map->page_offset = page_offset;
        map->region_slot_count = 64;
        map->regions = g_new0(struct page_region *, map->region_slot_count);
        map->block_room = 1024;
        map->blocks = g_new0(struct page_block, map->block_room);
        map->block_count = 1;
        map->taken = g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

void page_map_clear(struct page_map *map)
{
        for (uint64_t slot = 0; slot < map->region_slot_count; slot++)
                g_free(map->regions[slot]);
        g_free(map->regions);
        g_free(map->blocks);
        if (map->taken)
                g_array_unref(map->taken);
        memset(map, 0, sizeof(*map));
}

static struct page_region **find_region(const struct page_map *map, uint64_t number)
{
        uint64_t slot = (number * HASH_FACTOR >> 20) & (map->region_slot_count - 1);

        while (map->regions[slot] && map->regions[slot]->number != number)
                slot = (slot + 1) & (map->region_slot_count - 1);
        return &map->regions[slot];
}

static struct page_region *region_at(struct page_map *map, uint64_t pfn)
{
        struct page_region **slot = find_region(map, pfn >> REGION_BITS), **old;
        uint64_t old_count;

        if (G_LIKELY(*slot))
                return *slot;
        if (map->region_count >= map->region_slot_count / 2) {
                old = map->regions;
                old_count = map->region_slot_count;
                map->region_slot_count *= 2;
                map->regions = g_new0(struct page_region *, map->region_slot_count);
                for (uint64_t i = 0; i < old_count; i++) {
                        if (old[i])
                                *find_region(map, old[i]->number) = old[i];
                }
                g_free(old);
                slot = find_region(map, pfn >> REGION_BITS);
        }
        map->region_count++;
        *slot = g_new0(struct page_region, 1);
        (*slot)->number = pfn >> REGION_BITS;
        return *slot;
}

/* Sets the cover of the block's pages from `from` to `to`; other covers stay if only_own. */
static void cover_pages(struct page_map *map, const struct page_block *block, uint32_t from, uint32_t to, bool only_own)
{
        uint64_t pfn = block->pfn, end = pfn + (UINT64_C(1) << block->order);
        struct page_region *region;

        while (pfn < end) {
                region = region_at(map, pfn);
                do {
                        if (!only_own || region->cover[pfn % REGION_PAGES] == from)
                                region->cover[pfn % REGION_PAGES] = to;
                } while (++pfn < end && pfn % REGION_PAGES);
        }
}

static uint32_t take_block(struct page_map *map)
{
        uint32_t number = map->first_unused;

        if (number) {
                map->first_unused = map->blocks[number].next_unused;
                return number;
        }
        if (map->block_count == map->block_room) {
                map->block_room *= 2;
                map->blocks = g_renew(struct page_block, map->blocks, map->block_room);
        }
        return map->block_count++;
}

static struct page_block drop_block(struct page_map *map, uint32_t number)
{
        struct page_block block = map->blocks[number];

        cover_pages(map, &block, number, 0, true);
        region_at(map, block.pfn)->head[block.pfn % REGION_PAGES] = 0;
        map->live_blocks--;
        map->live_pages -= UINT64_C(1) << block.order;
        map->blocks[number].next_unused = map->first_unused;
        map->first_unused = number;
        return block;
}

struct page_block *page_map_alloc(struct page_map *map, uint64_t pfn, unsigned order, uint16_t cpu,
                                  struct page_block *ret_old)
{
        struct import_report *report = map->report;
        struct page_region *region = region_at(map, pfn);
        uint32_t number = region->head[pfn % REGION_PAGES];

        report->page_allocs++;
        report->page_allocs_by_order[order]++;
        report->pages_allocated += UINT64_C(1) << order;
        map->last_alloc[cpu].pfn = pfn;
        map->last_alloc[cpu].order_plus_1 = (uint8_t)(order + 1);
        *ret_old = (struct page_block){ 0 };
        if (number) {
                report->page_allocs_over_live++;
                *ret_old = drop_block(map, number);
        }
        number = take_block(map);
        map->blocks[number] = (struct page_block){ .pfn = pfn, .cpu = cpu, .order = (uint8_t)order };
        region->head[pfn % REGION_PAGES] = number;
        cover_pages(map, &map->blocks[number], 0, number, false);
        map->live_blocks++;
        map->live_pages += UINT64_C(1) << order;
        if (map->live_pages > report->peak_live_pages)
                report->peak_live_pages = map->live_pages;
        return &map->blocks[number];
}

bool page_map_free(struct page_map *map, uint64_t pfn, unsigned order, uint16_t cpu, struct page_block *ret_block)
{
        struct import_report *report = map->report;
        struct page_region *region = *find_region(map, pfn >> REGION_BITS);
        uint32_t number = region ? region->head[pfn % REGION_PAGES] : 0;

        report->page_frees++;
        report->pages_freed += UINT64_C(1) << order;
        if (!number) {
                report->page_frees_unknown++;
                return false;
        }
        *ret_block = drop_block(map, number);
        report->page_frees_matched++;
        if (ret_block->cpu != cpu)
                report->page_frees_remote++;
        if (ret_block->is_slab)
                report->slab_blocks_freed++;
        return true;
}

bool page_map_object(struct page_map *map, uint64_t ptr, bool is_large)
{
        uint64_t pfn = (ptr - map->page_offset) >> 12;
        struct import_report *report = map->report;
        struct page_region *region;
        struct page_block *block;
        uint32_t number;

        if (ptr < map->page_offset || pfn > TRACE_PFN_MAX)
                return false;
        region = *find_region(map, pfn >> REGION_BITS);
        number = region ? region->cover[pfn % REGION_PAGES] : 0;
        if (!number)
                return false;
        block = &map->blocks[number];
        if (block->is_large_kmalloc || (block->is_slab && !is_large))
                return block->is_large_kmalloc;
        if (!block->is_slab && block->id)
                g_array_append_val(map->taken, block->id);
        if (is_large) {
                block->is_large_kmalloc = true;
                report->large_kmalloc_blocks++;
        } else {
                block->is_slab = true;
                report->slab_blocks++;
                report->slab_block_pages += UINT64_C(1) << block->order;
                report->slab_blocks_by_order[block->order]++;
        }
        return false;
}

void page_map_vote(struct page_map *map, uint16_t cpu, uint64_t ptr)
{
        uint64_t distance, into_block, page_offset;
        unsigned order;

        if (G_LIKELY(!map->last_alloc[cpu].order_plus_1))
                return;
        order = map->last_alloc[cpu].order_plus_1 - 1u;
        map->last_alloc[cpu].order_plus_1 = 0;
        distance = (ptr >> 12) - map->last_alloc[cpu].pfn;
        into_block = distance % GIB_PAGES;
        page_offset = (distance - into_block) << 12;
        if (into_block >= UINT64_C(1) << order || order > 10 || page_offset < UINT64_C(0xff00) << 48)
                return; /* no multiple of 1 GiB, or no address of a kernel: by chance one in 2^18 pages passes */
        for (unsigned i = 0; i < OFFSET_CANDIDATES; i++) {
                if (!map->candidates[i].votes)
                        map->candidates[i].page_offset = page_offset;
                if (map->candidates[i].page_offset == page_offset) {
                        map->candidates[i].votes++;
                        return;
                }
        }
}

uint64_t page_map_elected_offset(const struct page_map *map, uint64_t *ret_votes)
{
        unsigned best = 0;

        for (unsigned i = 1; i < OFFSET_CANDIDATES; i++) {
                if (map->candidates[i].votes > map->candidates[best].votes)
                        best = i;
        }
        *ret_votes = map->candidates[best].votes;
        return map->candidates[best].page_offset;
}

uint64_t page_map_votes_for(const struct page_map *map, uint64_t page_offset)
{
        for (unsigned i = 0; i < OFFSET_CANDIDATES; i++) {
                if (map->candidates[i].votes && map->candidates[i].page_offset == page_offset)
                        return map->candidates[i].votes;
        }
        return 0;
}

void page_map_finish(struct page_map *map)
{
        struct import_report *report = map->report;

        report->live_pages_end = map->live_pages;
        report->live_page_blocks_end = map->live_blocks;
        g_assert(report->page_allocs ==
                 report->page_frees_matched + report->page_allocs_over_live + report->live_page_blocks_end);
}
