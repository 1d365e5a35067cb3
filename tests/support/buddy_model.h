/*
 * buddy_model.h - the buddy system as simply as it can be said, to compare zone.c with.
 *
 * Two views of the same free pages. Lists: for each order an array of pfns, head first, searched from end to end. Map:
 * one byte a page, free or not; since free buddies always merge, the blocks there must be follow from it alone.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_BUDDY_MODEL_H
#define KMEMSIM_TESTS_SUPPORT_BUDDY_MODEL_H

#include <glib.h>
#include <stdint.h>

#include "mm/zone.h"

struct buddy_model {
        uint32_t start, end;       /* pfns, end excluded */
        uint8_t *map;              /* [pfn - start]: 1 free */
        GArray *lists[MAX_ORDER];  /* uint32_t */
};

void buddy_model_init(struct buddy_model *model, uint32_t start, uint32_t end); /* nothing is free */
void buddy_model_clear(struct buddy_model *model);
uint32_t buddy_model_take(struct buddy_model *model, uint32_t order); /* PFN_NONE: there is none */
void buddy_model_give(struct buddy_model *model, uint32_t pfn, uint32_t order);

/* NULL, or in what the zone differs: lists one by one in order, and the blocks that follow from the map. */
const char *buddy_model_compare(const struct buddy_model *model, const struct zone *zone, const struct page *pages);

#endif
