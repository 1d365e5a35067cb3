/*
 * gfp_text.h - gfp masks and cache flags as text: "kernel", "atomic,dma", { "hwcache_align" }.
 *
 * The words are those of the kmemops format: a base (kernel user highuser atomic nowait noio nofs) and modifiers that
 * are or-ed to it; without a base, kernel is added. `thisnode` is GFP_THISNODE, which is 0 in a kernel without NUMA.
 */
#ifndef KMEMSIM_SCRIPT_GFP_TEXT_H
#define KMEMSIM_SCRIPT_GFP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flag_word {
        const char *name;
        uint32_t value;
};

/* Bases first, then modifiers, each ended by a NULL name. */
extern const struct flag_word gfp_bases[];
extern const struct flag_word gfp_modifiers[];
extern const struct flag_word cache_flag_words[];

/* "kernel, user, ..., thisnode": every word, for messages. The caller frees it. */
char *gfp_words(void);
char *cache_flags_words(void);

/* Reads a comma-separated list. On an unknown word returns false and sets *ret_word, *ret_length to it. */
bool gfp_parse(const char *text, bool numa, uint32_t *ret_gfp, const char **ret_word, size_t *ret_length);
bool cache_flags_parse(const char *text, uint32_t *ret_flags, const char **ret_word, size_t *ret_length);

#endif
