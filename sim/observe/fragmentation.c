/*
 * fragmentation.c - see fragmentation.h.
 */
#include "observe/fragmentation.h"

static uint64_t free_pages(const uint32_t free_blocks[MAX_ORDER])
{
        uint64_t pages = 0;

        for (uint32_t order = 0; order < MAX_ORDER; order++)
                pages += (uint64_t)free_blocks[order] << order;
        return pages;
}

/* Blocks of 2^order pages that can be had without merging. */
static uint64_t suitable_blocks(const uint32_t free_blocks[MAX_ORDER], uint32_t order)
{
        uint64_t blocks = 0;

        for (uint32_t from = order; from < MAX_ORDER; from++)
                blocks += (uint64_t)free_blocks[from] << (from - order);
        return blocks;
}

int32_t unusable_index(const uint32_t free_blocks[MAX_ORDER], uint32_t order)
{
        uint64_t pages = free_pages(free_blocks);

        if (pages == 0)
                return 1000;
        return (int32_t)((pages - (suitable_blocks(free_blocks, order) << order)) * 1000 / pages);
}

int32_t fragmentation_index(const uint32_t free_blocks[MAX_ORDER], uint32_t order)
{
        uint64_t blocks = 0;

        for (uint32_t i = 0; i < MAX_ORDER; i++)
                blocks += free_blocks[i];
        if (blocks == 0)
                return 0;
        if (suitable_blocks(free_blocks, order) > 0)
                return -1000;
        return 1000 - (int32_t)((1000 + (free_pages(free_blocks) * 1000 >> order)) / blocks);
}
