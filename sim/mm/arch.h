/*
 * arch.h - what the architecture and the build of the kernel fix: word size, structure sizes, zone borders.
 *
 * The sizes are those of 2.6.20 SMP without preemption, built for 8 CPUs (spec 01 section 2, and the table "Machines
 * and sizes" of the golden vectors), with and without slab debugging. They decide which size class each of the
 * allocator's own structures lives in, so they decide placements.
 */
#ifndef KMEMSIM_MM_ARCH_H
#define KMEMSIM_MM_ARCH_H

#include <stdint.h>

#define ZONE_TYPES 3u

struct arch {
        const char *name;
        const char *zone_names[ZONE_TYPES];
        uint32_t zone_end_pfn[ZONE_TYPES]; /* first pfn behind each zone type; the last one is open */
        uint32_t word_bytes;
        uint32_t descriptor_bytes;   /* struct kmem_cache */
        uint32_t array_cache_bytes;  /* struct array_cache without entries */
        uint32_t list3_bytes;        /* struct kmem_list3 */
        uint32_t slab_bytes;         /* struct slab without bufctls */
        uint32_t pageset_bytes;      /* struct per_cpu_pageset, allocated on NUMA only */
        uint32_t page_bytes;         /* struct page */
        uint32_t group_pages;        /* pages per word of the boot bitmap: freed as one block when all are free */
        uint32_t group_order;
        uint64_t virtual_base;       /* kernel virtual address of physical 0 */
        uint32_t highmem;            /* 1: the last zone type is HighMem, not directly mapped */
        uint32_t lowmem_reserve_ratio[ZONE_TYPES];
        uint32_t has_dma32;          /* 1: __GFP_DMA32 selects zone type 1 */
        uint32_t debug_slab;         /* 1: CONFIG_DEBUG_SLAB */
};

extern const struct arch arch_x86_64;
extern const struct arch arch_x86_64_numa;
extern const struct arch arch_i386;
extern const struct arch arch_x86_64_debug;
extern const struct arch arch_x86_64_numa_debug;
extern const struct arch arch_i386_debug;

#endif
