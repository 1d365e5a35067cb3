/*
 * zone.h - one memory zone: buddy lists, per-CPU page lists, watermarks.
 *
 * Stands for struct zone, struct free_area and struct per_cpu_pages of 2.6.20 and for __rmqueue(), expand(),
 * __free_one_page() and zone_watermark_ok() in mm/page_alloc.c (spec 03 sections 2, 3 and 5). Knows nothing of locks,
 * time or who asks: path/pages.c does.
 *
 * Invariants (zone_audit):
 *   free_pages == sum over orders of free_area[order].count << order
 *   every block on free_area[order] starts at a multiple of 2^order inside the zone, is PAGE_BUDDY with that order,
 *   and its buddy is not a free block of the same order (order < 10)
 *   every page on a pcp list is PAGE_PCP; count < high, or 0
 */
#ifndef KMEMSIM_MM_ZONE_H
#define KMEMSIM_MM_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/limits.h"
#include "mm/arch.h"
#include "mm/lru.h"
#include "mm/page.h"
#include "mm/spinlock.h"
#include "mm/vmstat.h"

struct pcp {
        struct page_list list; /* head: hottest, handed out next */
        uint32_t high;         /* pages: at this count a batch goes back */
        uint32_t batch;        /* pages moved at a time */
};

struct zone {
        uint32_t node, type, index; /* index == node * ZONE_TYPES + type */
        uint32_t start_pfn, spanned_pages, present_pages;
        uint32_t end_pfn; /* start_pfn + spanned_pages */
        uint64_t free_pages;
        struct page_list free_area[MAX_ORDER];
        uint32_t pages_min, pages_low, pages_high;
        uint32_t lowmem_reserve[ZONE_TYPES]; /* pages, by class of the request */
        struct pcp pcp[MACHINE_CPUS_MAX][2]; /* [0] hot, [1] cold */
        struct spinlock lock;
        uint64_t pgalloc, pgfree;            /* pages ever handed out, taken back */

        /* reclaim (spec 05 section 2.1) */
        struct page_list lru[LRU_LISTS];     /* inactive, active; new pages at the head, work from the tail */
        struct spinlock lru_lock;
        uint64_t nr_scan[LRU_LISTS];         /* amounts still to scan, below a cluster */
        uint64_t pages_scanned;              /* looked at since the last page came back to the buddy lists */
        uint32_t all_unreclaimable;          /* dead: only light scanning */
        uint32_t prev_priority;              /* of the last reclaim here */
        uint32_t reclaim_in_progress;
        uint64_t pgrefill, pgsteal, pgscan_kswapd, pgscan_direct;
        int64_t stat[ZONE_STAT_COUNT];       /* folded */
        int16_t stat_diff[MACHINE_CPUS_MAX][ZONE_STAT_COUNT];
};

/* An empty zone over [start, end); present_pages per spec 03 section 1.1. Page lists of all CPUs get their sizes, or,
 * on NUMA, those of the boot page sets. */
void zone_init(struct zone *zone, const struct arch *arch, uint32_t node, uint32_t type, uint32_t start_pfn,
               uint32_t end_pfn, bool numa);

/* setup_pageset(): sizes of a CPU's page lists, which must be empty. boot: as small as can be,
 * nothing stays on them. */
void zone_size_page_lists(struct zone *zone, uint32_t cpu, bool boot);

/* RMQUEUE: takes a block of 2^order pages, splitting as needed. Returns its pfn and *ret_from_order, the order of the
 * block it was cut from; PFN_NONE if there is none. */
uint32_t zone_take_block(struct zone *zone, struct page *pages, uint32_t order, uint32_t *ret_from_order);

/* FREE_ONE: gives a block back and merges. Returns the order it ended with. */
uint32_t zone_free_block(struct zone *zone, struct page *pages, uint32_t pfn, uint32_t order);

/* ZONE_OK: may a request of this order and class go below `mark`? *ret_steps: order steps looked at (for the cost). */
bool zone_watermark_ok(const struct zone *zone, uint32_t order, uint32_t mark, uint32_t class_index, bool high,
                       bool harder, uint32_t *ret_steps);

/* Walks everything; NULL or the broken invariant. */
const char *zone_audit(const struct zone *zone, const struct page *pages);

#endif
