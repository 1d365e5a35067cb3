#include "script/pattern.h"

#include <stdbool.h>
#include <string.h>

#define ESCAPE '%'

const char pattern_too_much[] = "pattern matching takes too many steps";

static const char *give_up(struct pattern *match, const char *problem)
{
        if (!match->problem)
                match->problem = problem;
        return NULL;
}

/* -- classes ------------------------------------------------------------------------------------------------------ */

static bool is_between(int c, int first, int last)
{
        return c >= first && c <= last;
}

static bool is_in_class(int c, int letter)
{
        bool lower = is_between(c, 'a', 'z'), upper = is_between(c, 'A', 'Z'), digit = is_between(c, '0', '9');
        bool result;

        switch (letter | 0x20) {
        case 'a': result = lower || upper; break;
        case 'c': result = c < 0x20 || c == 0x7f; break;
        case 'd': result = digit; break;
        case 'g': result = is_between(c, 0x21, 0x7e); break;
        case 'l': result = lower; break;
        case 'p': result = is_between(c, 0x21, 0x7e) && !lower && !upper && !digit; break;
        case 's': result = c == ' ' || is_between(c, '\t', '\r'); break;
        case 'u': result = upper; break;
        case 'w': result = lower || upper || digit; break;
        case 'z': result = c == 0; break; /* as Lua still has it */
        case 'x': result = digit || is_between(c | 0x20, 'a', 'f'); break;
        default: return letter == c;
        }
        return is_between(letter, 'A', 'Z') ? !result : result;
}

/* Where the single-character item at p ends. */
static const char *item_end(struct pattern *match, const char *p)
{
        char first = *p++;

        if (first == ESCAPE) {
                if (p == match->end)
                        return give_up(match, "malformed pattern (ends with '%')");
                return p + 1;
        }
        if (first != '[')
                return p;
        if (p < match->end && *p == '^')
                p++;
        do { /* the first ] stands for itself */
                if (p == match->end)
                        return give_up(match, "malformed pattern (missing ']')");
                if (*p++ == ESCAPE) {
                        if (p == match->end)
                                return give_up(match, "malformed pattern (missing ']')");
                        p++;
                }
        } while (p == match->end || *p != ']');
        return p + 1;
}

/* The set [...] from p to its closing bracket. */
static bool is_in_set(int c, const char *p, const char *bracket)
{
        bool wanted = true;

        if (p[1] == '^') {
                wanted = false;
                p++;
        }
        while (++p < bracket) {
                if (*p == ESCAPE) {
                        p++;
                        if (is_in_class(c, (unsigned char)*p))
                                return wanted;
                } else if (p[1] == '-' && p + 2 < bracket) {
                        p += 2;
                        if (is_between(c, (unsigned char)p[-2], (unsigned char)*p))
                                return wanted;
                } else if ((unsigned char)*p == c) {
                        return wanted;
                }
        }
        return !wanted;
}

static bool item_matches(struct pattern *match, const char *at, const char *p, const char *end)
{
        int c;

        if (at >= match->text_end)
                return false;
        c = (unsigned char)*at;
        switch (*p) {
        case '.': return true;
        case ESCAPE: return is_in_class(c, (unsigned char)p[1]);
        case '[':
                match->steps += (uint64_t)(end - p);
                return is_in_set(c, p, end - 1);
        default: return (unsigned char)*p == c;
        }
}

/* -- items of more than one character ----------------------------------------------------------------------------- */

static const char *match_here(struct pattern *match, const char *at, const char *p);

static const char *match_balanced(struct pattern *match, const char *at, const char *p)
{
        int nesting = 1;

        if (p + 1 >= match->end)
                return give_up(match, "malformed pattern (missing arguments to '%b')");
        if (at >= match->text_end || *at != *p)
                return NULL;
        for (at++; at < match->text_end; at++) {
                match->steps++;
                if (*at == p[1]) {
                        if (--nesting == 0)
                                return at + 1;
                } else if (*at == *p) {
                        nesting++;
                }
        }
        return NULL;
}

static const char *match_most(struct pattern *match, const char *at, const char *p, const char *end)
{
        ptrdiff_t count = 0;
        const char *result;

        while (item_matches(match, at + count, p, end)) {
                match->steps++;
                count++;
        }
        for (; count >= 0; count--) {
                result = match_here(match, at + count, end + 1);
                if (result || match->problem)
                        return result;
        }
        return NULL;
}

static const char *match_fewest(struct pattern *match, const char *at, const char *p, const char *end)
{
        for (;; at++) {
                const char *result = match_here(match, at, end + 1);

                if (result || match->problem)
                        return result;
                if (!item_matches(match, at, p, end))
                        return NULL;
        }
}

static const char *open_capture(struct pattern *match, const char *at, const char *p, ptrdiff_t what)
{
        const char *result;

        if (match->captures >= PATTERN_CAPTURES_MAX)
                return give_up(match, "too many captures");
        match->capture[match->captures].begin = at;
        match->capture[match->captures].length = what;
        match->captures++;
        result = match_here(match, at, p);
        if (!result)
                match->captures--;
        return result;
}

static const char *close_capture(struct pattern *match, const char *at, const char *p)
{
        const char *result;
        int open = match->captures - 1;

        while (open >= 0 && match->capture[open].length != CAPTURE_OPEN)
                open--;
        if (open < 0)
                return give_up(match, "invalid pattern capture");
        match->capture[open].length = at - match->capture[open].begin;
        result = match_here(match, at, p);
        if (!result)
                match->capture[open].length = CAPTURE_OPEN;
        return result;
}

static const char *match_capture_again(struct pattern *match, const char *at, int digit)
{
        int index = digit - '1';
        size_t length;

        if (index < 0 || index >= match->captures || match->capture[index].length == CAPTURE_OPEN)
                return give_up(match, "invalid capture index in pattern");
        if (match->capture[index].length == CAPTURE_POSITION)
                return NULL; /* a number is no text to be found again */
        length = (size_t)match->capture[index].length;
        match->steps += length;
        if ((size_t)(match->text_end - at) < length || memcmp(match->capture[index].begin, at, length) != 0)
                return NULL;
        return at + length;
}

static bool is_at_frontier(struct pattern *match, const char *at, const char *set, const char *end)
{
        int before = at == match->text ? '\0' : (unsigned char)at[-1];
        int after = at == match->text_end ? '\0' : (unsigned char)*at;

        return !is_in_set(before, set, end - 1) && is_in_set(after, set, end - 1);
}

/* The loop goes along the pattern as long as there is one way only; where there are several it calls itself. */
static const char *match_here(struct pattern *match, const char *at, const char *p)
{
        const char *end;

        if (match->depth >= PATTERN_DEPTH_MAX)
                return give_up(match, "pattern too complex");
        match->depth++;
        while (p < match->end && at && !match->problem) {
                if (++match->steps > match->steps_max) {
                        at = give_up(match, pattern_too_much);
                        break;
                }
                if (*p == '(') {
                        bool position = p + 1 < match->end && p[1] == ')';

                        at = open_capture(match, at, p + (position ? 2 : 1),
                                          position ? CAPTURE_POSITION : CAPTURE_OPEN);
                        break;
                }
                if (*p == ')') {
                        at = close_capture(match, at, p + 1);
                        break;
                }
                if (*p == '$' && p + 1 == match->end) {
                        at = at == match->text_end ? at : NULL;
                        break;
                }
                if (*p == ESCAPE && p + 1 < match->end && p[1] == 'b') {
                        at = match_balanced(match, at, p + 2);
                        p += 4;
                        continue;
                }
                if (*p == ESCAPE && p + 1 < match->end && p[1] == 'f') {
                        p += 2;
                        if (p == match->end || *p != '[') {
                                at = give_up(match, "missing '[' after '%f' in pattern");
                                break;
                        }
                        end = item_end(match, p);
                        at = end && is_at_frontier(match, at, p, end) ? at : NULL;
                        p = end;
                        continue;
                }
                if (*p == ESCAPE && p + 1 < match->end && is_between((unsigned char)p[1], '0', '9')) {
                        at = match_capture_again(match, at, (unsigned char)p[1]);
                        p += 2;
                        continue;
                }

                end = item_end(match, p);
                if (!end) {
                        at = NULL;
                        break;
                }
                if (end < match->end && *end == '?') {
                        const char *result =
                                item_matches(match, at, p, end) ? match_here(match, at + 1, end + 1) : NULL;

                        if (result || match->problem) {
                                at = result;
                                break;
                        }
                        p = end + 1;
                } else if (end < match->end && *end == '+') {
                        at = item_matches(match, at, p, end) ? match_most(match, at + 1, p, end) : NULL;
                        break;
                } else if (end < match->end && *end == '*') {
                        at = match_most(match, at, p, end);
                        break;
                } else if (end < match->end && *end == '-') {
                        at = match_fewest(match, at, p, end);
                        break;
                } else {
                        at = item_matches(match, at, p, end) ? at + 1 : NULL;
                        p = end;
                }
        }
        match->depth--;
        return match->problem ? NULL : at;
}

const char *pattern_match(struct pattern *match, const char *at, const char *pattern)
{
        match->depth = 0;
        match->captures = 0;
        return match_here(match, at, pattern);
}
