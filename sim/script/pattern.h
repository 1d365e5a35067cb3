/*
 * pattern.h - Lua's patterns, with a bound on the work.
 *
 * The language is that of the Lua 5.4 manual, section 6.4.1. Lua's own matcher runs in C where no instruction is
 * counted, and a pattern like ".-.-.-.-b" takes years on a hundred letters; this one counts its steps and gives up.
 * Classes are those of ASCII, in every locale.
 */
#ifndef KMEMSIM_SCRIPT_PATTERN_H
#define KMEMSIM_SCRIPT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_CAPTURES_MAX 32
#define PATTERN_DEPTH_MAX    200

#define CAPTURE_OPEN     (-1)
#define CAPTURE_POSITION (-2)

struct pattern {
        const char *text, *text_end; /* what is searched */
        const char *end;             /* of the pattern */
        uint64_t steps, steps_max;
        const char *problem;         /* the pattern is broken or the work too much: nothing matches any more */
        int depth;
        int captures;
        struct {
                const char *begin;
                ptrdiff_t length; /* or CAPTURE_OPEN, CAPTURE_POSITION */
        } capture[PATTERN_CAPTURES_MAX];
};

extern const char pattern_too_much[]; /* the problem when steps_max is passed */

/* Matches `pattern` at `at`: the end of the match, or NULL. Without a leading ^, which is the caller's. */
const char *pattern_match(struct pattern *match, const char *at, const char *pattern);

#endif
