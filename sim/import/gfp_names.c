/*
 * gfp_names.c - see gfp_names.h.
 */
#include "import/gfp_names.h"

#include <glib.h>
#include <string.h>

#define RECLAIM (GFP_FLAG_DIRECT_RECLAIM | GFP_FLAG_KSWAPD_RECLAIM)
#define KERNEL (RECLAIM | GFP_FLAG_IO | GFP_FLAG_FS)
#define HIGHUSER_MOVABLE (KERNEL | GFP_FLAG_HARDWALL | GFP_FLAG_HIGHMEM | GFP_FLAG_MOVABLE)
#define TRANSHUGE (HIGHUSER_MOVABLE | GFP_FLAG_COMP | GFP_FLAG_NOMEMALLOC | GFP_FLAG_NOWARN)

/* As in include/trace/events/mmflags.h; the last are names of older kernels. */
static const struct {
        const char *name;
        uint32_t flags;
} gfp_table[] = {
        { "GFP_KERNEL", KERNEL },
        { "GFP_KERNEL_ACCOUNT", KERNEL | GFP_FLAG_ACCOUNT },
        { "GFP_NOWAIT", GFP_FLAG_KSWAPD_RECLAIM | GFP_FLAG_NOWARN },
        { "GFP_ATOMIC", GFP_FLAG_HIGH | GFP_FLAG_KSWAPD_RECLAIM },
        { "GFP_NOFS", RECLAIM | GFP_FLAG_IO },
        { "GFP_NOIO", RECLAIM },
        { "GFP_USER", KERNEL | GFP_FLAG_HARDWALL },
        { "GFP_HIGHUSER", KERNEL | GFP_FLAG_HARDWALL | GFP_FLAG_HIGHMEM },
        { "GFP_HIGHUSER_MOVABLE", HIGHUSER_MOVABLE },
        { "GFP_TRANSHUGE", (TRANSHUGE & ~(uint32_t)RECLAIM) | GFP_FLAG_DIRECT_RECLAIM },
        { "GFP_TRANSHUGE_LIGHT", TRANSHUGE & ~(uint32_t)RECLAIM },
        { "GFP_DMA", GFP_FLAG_DMA },
        { "GFP_DMA32", GFP_FLAG_DMA32 },
        { "__GFP_RECLAIM", RECLAIM },
#define X(name, bit) { "__GFP_" #name, GFP_FLAG_##name },
        GFP_FLAGS(X)
#undef X
                { "none", 0 },
        { "GFP_TEMPORARY", KERNEL | GFP_FLAG_RECLAIMABLE },
        { "__GFP_REPEAT", GFP_FLAG_RETRY_MAYFAIL },
        { "__GFP_WAIT", RECLAIM },
        { "__GFP_ATOMIC", 0 }, /* was set together with __GFP_HIGH and kswapd, and said nothing more */
};

#define ALL_FLAGS 0x1fffdffu

static uint32_t parse_one(const char *name, size_t length, uint32_t *unknown)
{
        uint64_t number = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(gfp_table); i++) {
                if (strlen(gfp_table[i].name) == length && memcmp(gfp_table[i].name, name, length) == 0)
                        return gfp_table[i].flags;
        }
        if (length > 2 && length <= 2 + 8 && name[0] == '0' && name[1] == 'x') {
                for (size_t i = 2; i < length; i++) {
                        if (!g_ascii_isxdigit(name[i])) {
                                ++*unknown;
                                return 0;
                        }
                        number = number << 4 | (uint64_t)g_ascii_xdigit_value(name[i]);
                }
                *unknown += (uint32_t)__builtin_popcountll(number & ~(uint64_t)ALL_FLAGS);
                return (uint32_t)number & ALL_FLAGS;
        }
        if (length == 1 && name[0] == '0') /* 0x0 is printed as 0 by some versions */
                return 0;
        ++*unknown;
        return 0;
}

uint32_t gfp_names_parse(const char *text, size_t length, uint32_t *ret_unknown)
{
        const char *at = text, *end = text + length, *bar;
        uint32_t flags = 0;

        *ret_unknown = 0;
        while (at < end) {
                bar = memchr(at, '|', (size_t)(end - at));
                if (!bar)
                        bar = end;
                flags |= parse_one(at, (size_t)(bar - at), ret_unknown);
                at = bar + 1;
        }
        return flags;
}

static void add_word(char *words, const char *word)
{
        if (*words)
                g_strlcat(words, ",", GFP_WORDS_MAX);
        g_strlcat(words, word, GFP_WORDS_MAX);
}

void gfp_names_translate(uint32_t flags, enum gfp_use use, char words[static GFP_WORDS_MAX], uint32_t *ret_dropped)
{
        static const struct {
                uint32_t flag;
                const char *word;
                uint8_t uses; /* bits of enum gfp_use */
        } modifiers[] = {
                /* gfp_flag             word          the uses that may carry it in 2.6.20 */
                { GFP_FLAG_DMA, "dma", 1 << GFP_FOR_KMALLOC | 1 << GFP_FOR_PAGES },
                { GFP_FLAG_DMA32, "dma32", 1 << GFP_FOR_PAGES },
                { GFP_FLAG_HIGHMEM, "highmem", 1 << GFP_FOR_PAGES },
                { GFP_FLAG_HIGH, "high", 7 },
                { GFP_FLAG_NOWARN, "nowarn", 7 },
                { GFP_FLAG_RETRY_MAYFAIL, "repeat", 7 },
                { GFP_FLAG_NORETRY, "noretry", 7 },
                { GFP_FLAG_COMP, "comp", 7 },
                { GFP_FLAG_ZERO, "zero", 1 << GFP_FOR_PAGES },
                { GFP_FLAG_NOMEMALLOC, "nomemalloc", 7 },
                { GFP_FLAG_HARDWALL, "hardwall", 7 },
        };
        uint32_t left = flags & ~(uint32_t)GFP_FLAG_KSWAPD_RECLAIM;

        if (use != GFP_FOR_PAGES)
                left &= ~(uint32_t)GFP_FLAG_ZERO;
        *words = '\0';
        if (!(left & GFP_FLAG_DIRECT_RECLAIM)) {
                add_word(words, left & GFP_FLAG_HIGH ? "atomic" : "nowait");
                left &= ~(uint32_t)GFP_FLAG_HIGH;
        } else if (!(left & GFP_FLAG_IO)) {
                add_word(words, "noio");
                left &= ~(uint32_t)GFP_FLAG_DIRECT_RECLAIM;
        } else if (!(left & GFP_FLAG_FS)) {
                add_word(words, "nofs");
                left &= ~(uint32_t)(GFP_FLAG_DIRECT_RECLAIM | GFP_FLAG_IO);
        } else {
                left &= ~(uint32_t)KERNEL;
                if (use == GFP_FOR_PAGES && (left & GFP_FLAG_HARDWALL) && (left & GFP_FLAG_HIGHMEM)) {
                        add_word(words, "highuser");
                        left &= ~(uint32_t)(GFP_FLAG_HARDWALL | GFP_FLAG_HIGHMEM);
                } else if (left & GFP_FLAG_HARDWALL) {
                        add_word(words, "user");
                        left &= ~(uint32_t)GFP_FLAG_HARDWALL;
                } else {
                        add_word(words, "kernel");
                }
        }
        for (size_t i = 0; i < G_N_ELEMENTS(modifiers); i++) {
                if ((left & modifiers[i].flag) && (modifiers[i].uses >> use & 1)) {
                        add_word(words, modifiers[i].word);
                        left &= ~modifiers[i].flag;
                }
        }
        if (strcmp(words, "kernel") == 0)
                *words = '\0';
        *ret_dropped = left;
}

const char *gfp_flag_name(unsigned bit)
{
        static const char *const names[] = {
#define X(name, bit) [bit] = #name,
                GFP_FLAGS(X)
#undef X
        };

        return bit < G_N_ELEMENTS(names) ? names[bit] : NULL;
}
