/*
 * trace_scan.h - the smallest steps of reading a line: blanks, words, numbers.
 *
 * A cursor is a pair (p, end); no byte at or behind end is looked at. Functions that take `const char **p` move it past
 * what they have read and answer whether it was there; when they answer no the position means nothing any more.
 *
 * Numbers and words are read eight bytes at a time where that many are left, since most of an import is spent here.
 */
#ifndef KMEMSIM_IMPORT_TRACE_SCAN_H
#define KMEMSIM_IMPORT_TRACE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LITERAL_AT(p, end, literal) \
        ((size_t)((end) - (p)) >= sizeof(literal) - 1 && memcmp((p), (literal), sizeof(literal) - 1) == 0)

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Eight bytes at once where the first of them is the lowest; elsewhere the loops that follow do all the work. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WORDS_FIT(p, end) ((end) - (p) >= 8)
#else
#define WORDS_FIT(p, end) ((void)(p), (void)(end), false)
#endif

static inline uint64_t load_word(const char *p)
{
        uint64_t word;

        memcpy(&word, p, sizeof(word));
        return word;
}

/* The top bit of each byte that is zero; bytes above the first zero may be marked wrongly. */
static inline uint64_t mark_zeros(uint64_t word)
{
        return (word - EVERY_BYTE(0x01)) & ~word & EVERY_BYTE(0x80);
}

static inline const char *skip_blanks(const char *p, const char *end)
{
        while (p < end && *p == ' ')
                p++;
        return p;
}

static inline const char *skip_word(const char *p, const char *end)
{
        uint64_t marks;

        for (; WORDS_FIT(p, end); p += 8) {
                marks = mark_zeros(load_word(p) ^ EVERY_BYTE(' '));
                if (marks)
                        return p + __builtin_ctzll(marks) / 8;
        }
        while (p < end && *p != ' ')
                p++;
        return p;
}

static inline const char *skip_to_blank_or_slash(const char *p, const char *end)
{
        uint64_t word, marks;

        for (; WORDS_FIT(p, end); p += 8) {
                word = load_word(p);
                marks = mark_zeros(word ^ EVERY_BYTE(' ')) | mark_zeros(word ^ EVERY_BYTE('/'));
                if (marks)
                        return p + __builtin_ctzll(marks) / 8;
        }
        while (p < end && *p != ' ' && *p != '/')
                p++;
        return p;
}

static inline bool is_digit(char c)
{
        return (unsigned char)(c - '0') < 10;
}

static inline bool take_char(const char **p, const char *end, char c)
{
        if (*p == end || **p != c)
                return false;
        (*p)++;
        return true;
}

/* Eight decimal digits as their values, the first in the lowest byte. */
static inline uint64_t sum_digits(uint64_t digits)
{
        digits = (digits * 10 + (digits >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
        digits = (digits * 100 + (digits >> 16)) & UINT64_C(0x0000ffff0000ffff);
        return (digits * 10000 + (digits >> 32)) & UINT32_MAX;
}

/* At least one digit; false as well when there are too many for 64 bits. */
static inline bool take_decimal(const char **p, const char *end, uint64_t *ret_value)
{
        const char *at = *p;
        uint64_t value = 0, digits, others;
        unsigned count;

        if (WORDS_FIT(at, end)) {
                digits = load_word(at) ^ EVERY_BYTE('0');
                others = ((digits + EVERY_BYTE(0x7f - 9)) | digits) & EVERY_BYTE(0x80); /* above 9 */
                if (others) {
                        count = (unsigned)__builtin_ctzll(others) / 8;
                        if (count == 0)
                                return false;
                        *ret_value = sum_digits(digits << (64 - 8 * count)); /* zeros come before them */
                        *p = at + count;
                        return true;
                }
                value = sum_digits(digits);
                at += 8;
        }
        while (at < end && is_digit(*at))
                value = value * 10 + (uint64_t)(*at++ - '0');
        if (at == *p || at - *p > 19)
                return false;
        *p = at;
        *ret_value = value;
        return true;
}

/* 0 to 15, or 16 and more for a byte that is no hex digit. */
static inline unsigned hex_digit(char c)
{
        unsigned digit = (unsigned)(unsigned char)c - '0';

        if (digit < 10)
                return digit;
        digit = ((unsigned)(unsigned char)c | 0x20u) - 'a';
        return digit < 6 ? digit + 10 : 16;
}

/* Eight hex digits, the way the kernel writes them; false if there is anything else among the eight bytes. */
static inline bool hex_word(uint64_t word, uint64_t *ret_value)
{
        uint64_t letter = word >> 6 & EVERY_BYTE(1), nibble = word & EVERY_BYTE(0x0f), value;

        if ((word & EVERY_BYTE(0xf0)) != EVERY_BYTE(0x30) + letter * 0x30 || /* '0' to '?' and '`' to 'o' */
            ((nibble + letter * 3 + EVERY_BYTE(6)) & EVERY_BYTE(0x10)) ||    /* above '9', above 'f' */
            ((nibble + letter * 15) >> 4 & EVERY_BYTE(1)) != letter)         /* '`' */
                return false;
        value = __builtin_bswap64(nibble + letter * 9);
        value = (value | value >> 4) & UINT64_C(0x00ff00ff00ff00ff);
        value = (value | value >> 8) & UINT64_C(0x0000ffff0000ffff);
        *ret_value = (value | value >> 16) & UINT32_MAX;
        return true;
}

/* One to sixteen hex digits. */
static inline bool take_hex(const char **p, const char *end, uint64_t *ret_value)
{
        const char *at = *p;
        uint64_t value = 0, low;

        while (at - *p < 16 && WORDS_FIT(at, end) && hex_word(load_word(at), &low)) {
                value = value << 32 | low;
                at += 8;
        }
        for (; at < end; at++) {
                unsigned digit = hex_digit(*at);

                if (digit > 15)
                        break;
                value = value << 4 | digit;
        }
        if (at == *p || at - *p > 16)
                return false;
        *p = at;
        *ret_value = value;
        return true;
}

static inline bool at_word_end(const char *p, const char *end)
{
        return p == end || *p == ' ';
}

#endif
