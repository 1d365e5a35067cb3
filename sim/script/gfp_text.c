#include "script/gfp_text.h"

#include <glib.h>
#include <string.h>

#include "trace/gfp.h"
#include "trace/op.h"

const struct flag_word gfp_bases[] = {
        { "kernel", GFP_KERNEL }, { "user", GFP_USER }, { "highuser", GFP_HIGHUSER }, { "atomic", GFP_ATOMIC },
        { "nowait", GFP_NOWAIT }, { "noio", GFP_NOIO }, { "nofs", GFP_NOFS },         { NULL, 0 },
};

const struct flag_word gfp_modifiers[] = {
        { "dma", __GFP_DMA },           { "dma32", __GFP_DMA32 },         { "highmem", __GFP_HIGHMEM },
        { "wait", __GFP_WAIT },         { "high", __GFP_HIGH },           { "cold", __GFP_COLD },
        { "nowarn", __GFP_NOWARN },     { "repeat", __GFP_REPEAT },       { "noretry", __GFP_NORETRY },
        { "nofail", __GFP_NOFAIL },
        { "nogrow", __GFP_NO_GROW },    { "comp", __GFP_COMP },           { "zero", __GFP_ZERO },
        { "nomemalloc", __GFP_NOMEMALLOC }, { "hardwall", __GFP_HARDWALL }, { "thisnode", GFP_THISNODE_NUMA },
        { NULL, 0 },
};

const struct flag_word cache_flag_words[] = {
        { "none", 0 },
        { "hwcache_align", CACHE_HWCACHE_ALIGN },
        { "cache_dma", CACHE_DMA },
        { "must_hwcache_align", CACHE_MUST_HWCACHE_ALIGN },
        { "reclaim_account", CACHE_RECLAIM_ACCOUNT },
        { "panic", CACHE_PANIC },
        { "destroy_by_rcu", CACHE_DESTROY_BY_RCU },
        { "mem_spread", CACHE_MEM_SPREAD },
        { "debug_initial", CACHE_DEBUG_INITIAL },
        { "red_zone", CACHE_RED_ZONE },
        { "poison", CACHE_POISON },
        { "store_user", CACHE_STORE_USER },
        { NULL, 0 },
};

static const struct flag_word *find_word(const struct flag_word *words, const char *word, size_t length)
{
        for (; words->name; words++)
                if (strncmp(words->name, word, length) == 0 && words->name[length] == '\0')
                        return words;
        return NULL;
}

static void append_words(GString *text, const struct flag_word *words)
{
        for (; words->name; words++)
                g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", words->name);
}

char *gfp_words(void)
{
        GString *text = g_string_new(NULL);

        append_words(text, gfp_bases);
        append_words(text, gfp_modifiers);
        return g_string_free(text, FALSE);
}

char *cache_flags_words(void)
{
        GString *text = g_string_new(NULL);

        append_words(text, cache_flag_words);
        return g_string_free(text, FALSE);
}

/* The gfp mask of one modifier or base, false if there is no such word. */
static bool gfp_word(const char *word, size_t length, bool numa, uint32_t *ret_gfp, bool *ret_is_base)
{
        const struct flag_word *found = find_word(gfp_bases, word, length);

        *ret_is_base = found != NULL;
        if (!found)
                found = find_word(gfp_modifiers, word, length);
        if (!found)
                return false;
        *ret_gfp = found->value == GFP_THISNODE_NUMA && !numa ? 0 : found->value;
        return true;
}

bool gfp_parse(const char *text, bool numa, uint32_t *ret_gfp, const char **ret_word, size_t *ret_length)
{
        uint32_t gfp = 0;
        bool has_base = false;

        for (;; text++) {
                size_t length = strcspn(text, ",");
                uint32_t value;
                bool is_base;

                if (!gfp_word(text, length, numa, &value, &is_base)) {
                        *ret_word = text;
                        *ret_length = length;
                        return false;
                }
                gfp |= value;
                has_base |= is_base;
                text += length;
                if (*text == '\0')
                        break;
        }
        *ret_gfp = has_base ? gfp : gfp | GFP_KERNEL;
        return true;
}

bool cache_flags_parse(const char *text, uint32_t *ret_flags, const char **ret_word, size_t *ret_length)
{
        uint32_t flags = 0;

        for (;; text++) {
                size_t length = strcspn(text, ",");
                const struct flag_word *found = find_word(cache_flag_words, text, length);

                if (!found) {
                        *ret_word = text;
                        *ret_length = length;
                        return false;
                }
                flags |= found->value;
                text += length;
                if (*text == '\0')
                        break;
        }
        *ret_flags = flags;
        return true;
}
