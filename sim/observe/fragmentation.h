/*
 * fragmentation.h - how far free memory is from serving a request, as later kernels tell it (spec 03 section 12).
 *
 * Both take the numbers of free blocks of each order and answer in thousandths.
 */
#ifndef KMEMSIM_OBSERVE_FRAGMENTATION_H
#define KMEMSIM_OBSERVE_FRAGMENTATION_H

#include <stdint.h>

#include "base/units.h"

/* unusable_free_index(): of free memory what cannot serve a request of this order; 1000 if nothing is free. */
int32_t unusable_index(const uint32_t free_blocks[MAX_ORDER], uint32_t order);

/* fragmentation_index(): why a request of this order would fail. Near 0: too little memory, near 1000: fragmentation,
 * -1000: it would not. */
int32_t fragmentation_index(const uint32_t free_blocks[MAX_ORDER], uint32_t order);

#endif
