/*
 * gfp_names.h - the gfp flags of a traced kernel in the words of an ops file.
 *
 * Traces print names ("GFP_KERNEL|__GFP_ZERO") or, with trace-cmd -R, the number. Both become a mask of the bits of
 * Linux 6.18 (the enum below), and the mask becomes words of the kmemops format, whose meaning is that of 2.6.20:
 *
 *   __GFP_DIRECT_RECLAIM is the old __GFP_WAIT, __GFP_RETRY_MAYFAIL the old __GFP_REPEAT.
 *   Waking kswapd was not optional in 2.6.20, so __GFP_KSWAPD_RECLAIM goes without a word and is not missed.
 *   Slabs take no __GFP_ZERO there (kzalloc clears by itself), so for objects it goes without a word as well.
 *   __GFP_IO and __GFP_FS without __GFP_DIRECT_RECLAIM, or FS without IO, do not exist there.
 *
 * Numbers of kernels before 6.x had other bits; traces with names are not affected.
 */
#ifndef KMEMSIM_IMPORT_GFP_NAMES_H
#define KMEMSIM_IMPORT_GFP_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* X(enum suffix and name after "__GFP_", bit) */
#define GFP_FLAGS(X)          \
        X(DMA, 0)             \
        X(HIGHMEM, 1)         \
        X(DMA32, 2)           \
        X(MOVABLE, 3)         \
        X(RECLAIMABLE, 4)     \
        X(HIGH, 5)            \
        X(IO, 6)              \
        X(FS, 7)              \
        X(ZERO, 8)            \
        X(DIRECT_RECLAIM, 10) \
        X(KSWAPD_RECLAIM, 11) \
        X(WRITE, 12)          \
        X(NOWARN, 13)         \
        X(RETRY_MAYFAIL, 14)  \
        X(NOFAIL, 15)         \
        X(NORETRY, 16)        \
        X(MEMALLOC, 17)       \
        X(COMP, 18)           \
        X(NOMEMALLOC, 19)     \
        X(HARDWALL, 20)       \
        X(THISNODE, 21)       \
        X(ACCOUNT, 22)        \
        X(ZEROTAGS, 23)       \
        X(NO_OBJ_EXT, 24)

enum gfp_flag {
#define X(name, bit) GFP_FLAG_##name = 1 << (bit),
        GFP_FLAGS(X)
#undef X
};

/* What the words are for: each takes other flags. */
enum gfp_use { GFP_FOR_CACHE, GFP_FOR_KMALLOC, GFP_FOR_PAGES, GFP_USE_COUNT };

#define GFP_WORDS_MAX 160u /* longer than all words together */

/* *ret_unknown is the number of names that are not in the table. */
uint32_t gfp_names_parse(const char *text, size_t length, uint32_t *ret_unknown);

/*
 * The words for gfp=, joined by commas, base first; empty for plain "kernel", which is what a missing gfp= means.
 * *ret_dropped are the flags that were meant seriously and have no word.
 */
void gfp_names_translate(uint32_t flags, enum gfp_use use, char words[static GFP_WORDS_MAX], uint32_t *ret_dropped);

/* The name after "__GFP_" of a bit, or NULL. */
const char *gfp_flag_name(unsigned bit);

#endif
