/*
 * units.h - the sizes everything agrees on: pages, orders, places.
 *
 * A place is a physical byte address: pfn * 4096 + offset. It stands for the pointer that the kernel hands out
 * (virtual address minus the start of the linear mapping). PLACE_NONE stands for NULL: address 0 is a real place.
 */
#ifndef KMEMSIM_BASE_UNITS_H
#define KMEMSIM_BASE_UNITS_H

#include <stdint.h>

#define PAGE_SHIFT 12u
#define PAGE_BYTES 4096u
#define MAX_ORDER  11u /* orders 0..10, as MAX_ORDER in 2.6.20 */

#define PFN_NONE   UINT32_MAX
#define PLACE_NONE UINT64_MAX
#define TIME_NEVER UINT64_MAX

static inline uint32_t place_pfn(uint64_t place)
{
        return (uint32_t)(place >> PAGE_SHIFT);
}

static inline uint32_t place_offset(uint64_t place)
{
        return (uint32_t)(place & (PAGE_BYTES - 1));
}

static inline uint64_t place_of(uint32_t pfn, uint32_t offset)
{
        return ((uint64_t)pfn << PAGE_SHIFT) + offset;
}

#endif
