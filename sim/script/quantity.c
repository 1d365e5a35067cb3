#include "script/quantity.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct unit {
        const char *name;
        uint64_t factor;
};

static const struct unit size_units[] = {
        { "", 1 },           { "B", 1 },           { "K", 1024 },         { "KiB", 1024 },
        { "M", 1024 * 1024 }, { "MiB", 1024 * 1024 }, { "G", 1024 * 1024 * 1024 }, { "GiB", 1024 * 1024 * 1024 },
        { NULL, 0 },
};

static const struct unit time_units[] = {
        { "ns", 1 }, { "us", 1000 }, { "ms", 1000 * 1000 }, { "s", 1000 * 1000 * 1000 }, { NULL, 0 },
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Digits with at most one point: *ret_number / 10^*ret_decimals. False: no number, or more than 64 bits. */
static bool scan_decimal(const char **text, uint64_t *ret_number, unsigned *ret_decimals)
{
        const char *c = *text;
        uint64_t number = 0;
        unsigned decimals = 0;
        bool point = false;

        if (!is_digit(*c))
                return false;
        for (; is_digit(*c) || (*c == '.' && !point && is_digit(c[1])); c++) {
                if (*c == '.') {
                        point = true;
                        continue;
                }
                if (__builtin_mul_overflow(number, 10u, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*c - '0'), &number) || decimals > 18)
                        return false;
                decimals += point;
        }
        *text = c;
        *ret_number = number;
        *ret_decimals = decimals;
        return true;
}

static const char *scan_quantity(const char *text, const struct unit *units, const char *grammar, uint64_t *ret_value)
{
        uint64_t number;
        unsigned decimals;

        if (!scan_decimal(&text, &number, &decimals))
                return grammar;
        while (*text == ' ')
                text++;
        for (; units->name; units++) {
                if (strcmp(text, units->name) != 0)
                        continue;
                unsigned __int128 value = (unsigned __int128)number * units->factor;
                for (; decimals > 0; decimals--) {
                        if (value % 10 != 0)
                                return "is not a whole number of the smallest unit (byte, ns)";
                        value /= 10;
                }
                if (value > INT64_MAX)
                        return "is too large";
                *ret_value = (uint64_t)value;
                return NULL;
        }
        return grammar;
}

const char *quantity_size(const char *text, uint64_t *ret_bytes)
{
        return scan_quantity(text, size_units, "is no size: write bytes, or a number with K, M, G, KiB, MiB or GiB",
                             ret_bytes);
}

const char *quantity_time(const char *text, uint64_t *ret_ns)
{
        return scan_quantity(text, time_units, "is no time: write a number with ns, us, ms or s", ret_ns);
}

const char *quantity_ratio(const char *text, uint64_t *ret_part, uint64_t *ret_whole)
{
        static const char grammar[] = "is no ratio: write 2, 0.5 or 3/4";
        uint64_t part, whole = 1;
        unsigned decimals, none;

        if (!scan_decimal(&text, &part, &decimals))
                return grammar;
        for (; decimals > 0; decimals--)
                if (__builtin_mul_overflow(whole, 10u, &whole))
                        return grammar;
        if (*text == '/' && whole == 1) {
                text++;
                if (!scan_decimal(&text, &whole, &none) || none > 0)
                        return grammar;
        }
        if (*text != '\0' || part == 0 || whole == 0)
                return grammar;
        *ret_part = part;
        *ret_whole = whole;
        return NULL;
}
