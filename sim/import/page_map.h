/*
 * page_map.h - the page blocks that are allocated, which free belongs to which, and which of them are slabs.
 *
 * The events do not say who a block is for. A block is a slab's if the address of an object falls into it while it is
 * allocated; a large kmalloc has a block of its own, in whose first page it begins. Addresses and page numbers belong
 * together through the linear mapping: pfn = (address - page_offset) >> 12. Kernels that randomise their layout put
 * page_offset at a multiple of 1 GiB drawn at boot. It shows in the trace: when a cache grows, a block is allocated and
 * the next event of that CPU hands out an object in it. Each such pair votes for the offset that fits.
 *
 * Invariants, with h(p) the block allocated last at head p and not freed since, c(p) the block that covers page p:
 *   h(p) exists => its first page is p         c(p) exists => it is live and p lies in it
 * Both exist on their own: where the free of a large block left no event, a smaller one inside it is allocated over a
 * part of it, and both are live.
 */
#ifndef KMEMSIM_IMPORT_PAGE_MAP_H
#define KMEMSIM_IMPORT_PAGE_MAP_H

#include "import/report.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_OFFSET_DEFAULT UINT64_C(0xffff888000000000) /* x86_64 with four levels, not randomised */
#define OFFSET_CANDIDATES 16u

struct page_block {
        uint64_t pfn;
        uint64_t id; /* the caller's; 0: it will not ask */
        uint16_t cpu;
        uint8_t order;
        bool is_slab, is_large_kmalloc;
        uint32_t next_unused;
};

struct page_map {
        struct import_report *report;
        uint64_t page_offset;
        struct page_region **regions; /* open addressing by pfn >> 9 */
        uint64_t region_slot_count;   /* a power of two */
        uint64_t region_count;
        struct page_block *blocks; /* by number; 0 is none */
        uint32_t block_count, block_room, first_unused;
        uint64_t live_blocks, live_pages;
        GArray *taken; /* uint64_t: ids of blocks found to be a slab's or a kmalloc's, in that order */
        struct {
                uint64_t pfn;
                uint8_t order_plus_1; /* 0: the last event of this CPU was not an alloc of pages */
        } last_alloc[TRACE_CPU_MAX + 1];
        struct {
                uint64_t page_offset, votes;
        } candidates[OFFSET_CANDIDATES];
};

void page_map_init(struct page_map *map, struct import_report *report, uint64_t page_offset);
void page_map_clear(struct page_map *map);

/*
 * The new block, whose id the caller sets; it lives until the next call. ret_old->pfn is 0 if no block with this first
 * page was live, else *ret_old is that block. pfn: not 0.
 */
struct page_block *page_map_alloc(struct page_map *map, uint64_t pfn, unsigned order, uint16_t cpu,
                                  struct page_block *ret_old);
/* True if a block with this first page was live; *ret_block is what was freed. */
bool page_map_free(struct page_map *map, uint64_t pfn, unsigned order, uint16_t cpu, struct page_block *ret_block);

/*
 * An object was allocated or freed at this address; is_large: a kmalloc that has pages of its own. True if the block it
 * lies in is live and was known to be that of a large kmalloc before.
 */
bool page_map_object(struct page_map *map, uint64_t ptr, bool is_large);
/* Any event of this CPU other than an alloc of pages; `ptr` is the object it allocated, or 0. */
void page_map_vote(struct page_map *map, uint16_t cpu, uint64_t ptr);

/* The offset with the most votes, first come first if there are several; 0 if there are no votes at all. */
uint64_t page_map_elected_offset(const struct page_map *map, uint64_t *ret_votes);
uint64_t page_map_votes_for(const struct page_map *map, uint64_t page_offset);

/* Brings the figures at the end of the trace into the report. */
void page_map_finish(struct page_map *map);

#endif
