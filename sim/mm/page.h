/*
 * page.h - the page frame array and lists of pages.
 *
 * Stands for struct page, mem_map and list_head of 2.6.20. Lists are linked by pfn, so that they mean the same in
 * every process; PFN_NONE ends them. A page is on one list at a time.
 *
 * state says what the frame is, and only the first frame of a block is up to date: the frames behind the first of a
 * free or allocated block keep what they were. Slab pages are all marked, because an object may start in any of them.
 */
#ifndef KMEMSIM_MM_PAGE_H
#define KMEMSIM_MM_PAGE_H

#include <stdint.h>

#include "base/check.h"
#include "base/units.h"

enum page_state {
        PAGE_NONE,      /* reserved, or inside a block: its first frame tells */
        PAGE_BUDDY,     /* first frame of a free block of `order` on a free_area list */
        PAGE_PCP,       /* on a per-CPU page list */
        PAGE_ALLOCATED, /* first frame of a block of `order` somebody asked for */
        PAGE_SLAB,      /* part of slab `slab` */
        PAGE_LRU,       /* a page-cache or anonymous page: lru.h */
};

struct page {
        uint32_t next, prev; /* pfns on the list it is on */
        uint32_t slab;       /* PAGE_SLAB: slab id */
        uint8_t state;       /* enum page_state */
        uint8_t order;
        uint16_t spare;
};
_Static_assert(sizeof(struct page) == 16, "at most 40 bytes a simulated page are promised");

struct page_list {
        uint32_t head, tail; /* pfns, PFN_NONE if empty */
        uint32_t count;
};

static inline void page_list_init(struct page_list *list)
{
        list->head = PFN_NONE;
        list->tail = PFN_NONE;
        list->count = 0;
}

static inline void page_list_add_head(struct page *pages, struct page_list *list, uint32_t pfn)
{
        pages[pfn].prev = PFN_NONE;
        pages[pfn].next = list->head;
        if (list->head != PFN_NONE)
                pages[list->head].prev = pfn;
        else
                list->tail = pfn;
        list->head = pfn;
        list->count++;
}

static inline void page_list_add_tail(struct page *pages, struct page_list *list, uint32_t pfn)
{
        pages[pfn].next = PFN_NONE;
        pages[pfn].prev = list->tail;
        if (list->tail != PFN_NONE)
                pages[list->tail].next = pfn;
        else
                list->head = pfn;
        list->tail = pfn;
        list->count++;
}

static inline void page_list_remove(struct page *pages, struct page_list *list, uint32_t pfn)
{
        uint32_t next = pages[pfn].next;
        uint32_t prev = pages[pfn].prev;

        CHECK(list->count > 0);
        if (prev != PFN_NONE)
                pages[prev].next = next;
        else
                list->head = next;
        if (next != PFN_NONE)
                pages[next].prev = prev;
        else
                list->tail = prev;
        list->count--;
}

#endif
