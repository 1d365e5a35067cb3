#include "base/core_only.h"
#include "workload/fixed.h"

typedef __int128 wide;
typedef unsigned __int128 uwide;

#define LN2_Q64 UINT64_C(12786308645202655660)
#define LOG2E_Q62 INT64_C(6653256548922161246)

#define LN_CELLS 256 /* mantissas are cut into this many; each is brought near 1 by a factor recip / 1024 */
#define LN_SCALE 1024
#define EXP_CELLS 256

static struct {
        uint16_t recip[LN_CELLS];
        uint64_t recip_ln[LN_CELLS]; /* ln(1024 / recip), Q57 */
        uint64_t ln2_times[65];      /* n * ln 2, Q57 */
        uint64_t exp2[EXP_CELLS];    /* 2^(i / 256), Q63 */
        uint8_t is_ready;
} tables;

/* -- tables ------------------------------------------------------------------------------------------------------- */

/* ln(n / (n - 1)) in Q120: 2 atanh(1 / (2n - 1)). Each term is rounded down, so off by less than 100 units at most. */
static uwide ln_step_q120(uint64_t n)
{
        uint64_t base = 2 * n - 1;
        uwide power = ((uwide)1 << 121) / base, sum = 0;

        for (uint64_t k = 1; power; k += 2) {
                sum += power / k;
                power /= base * base;
        }
        return sum;
}

static uint64_t round_q57(uwide q120)
{
        return (uint64_t)((q120 + ((uwide)1 << (119 - FIXED_BITS))) >> (120 - FIXED_BITS));
}

static void fill_ln(void)
{
        uwide ln2 = ln_step_q120(2), below = 0; /* ln(1024 / n), n falling from 1024 */
        uint32_t n = LN_SCALE;

        for (uint32_t i = 0; i <= 64; i++)
                tables.ln2_times[i] = round_q57(ln2 * i);
        for (uint32_t i = 0; i < LN_CELLS; i++) {
                uint32_t middle = 2 * LN_CELLS + 2 * i + 1; /* of the cell, in units of 1 / 512 */
                uint32_t recip = (LN_SCALE * 2 * LN_CELLS + middle / 2) / middle;

                while (n > recip)
                        below += ln_step_q120(n--);
                tables.recip[i] = (uint16_t)recip;
                tables.recip_ln[i] = round_q57(below);
        }
}

/* e^x by its series, x = i / 256 * ln 2; the terms are Q64 and each is off by less than a unit. */
static void fill_exp(void)
{
        for (uint32_t i = 0; i < EXP_CELLS; i++) {
                uwide x = ((uwide)LN2_Q64 * i) >> 8, term = (uwide)1 << 64, sum = 0;

                for (uint32_t k = 1; term; k++) {
                        sum += term;
                        term = (term * x >> 64) / k;
                }
                tables.exp2[i] = (uint64_t)(sum >> 1);
        }
}

void fixed_init(void)
{
        if (tables.is_ready)
                return;
        fill_ln();
        fill_exp();
        tables.is_ready = 1;
}

/* -- functions ---------------------------------------------------------------------------------------------------- */

/* a * b, b having `bits` bits behind the point. */
static inline int64_t times(int64_t a, int64_t b, int bits)
{
        return (int64_t)((wide)a * b >> bits);
}

/*
 * x is brought to 1 <= m < 2, m to t = m * recip / 1024 - 1 with |t| < 2^-8.4, and ln(1 + t) is its series up to t^7:
 * the rest is below 2^-70.
 */
uint64_t fixed_minus_ln(uint64_t x)
{
        static const int64_t one = INT64_C(1) << 62;
        uint32_t zeros = (uint32_t)__builtin_clzll(x), cell;
        uint64_t m = x << zeros; /* Q63 */
        int64_t t, series, result;

        cell = (uint32_t)(m >> 55) & (LN_CELLS - 1);
        t = (int64_t)(((wide)((uwide)m * tables.recip[cell]) - ((wide)1 << 73)) >> 3); /* Q70 */
        series = one / 7;
        series = one / 6 - times(series, t, 70);
        series = one / 5 - times(series, t, 70);
        series = one / 4 - times(series, t, 70);
        series = one / 3 - times(series, t, 70);
        series = one / 2 - times(series, t, 70);
        series = one - times(series, t, 70);
        result =
                (int64_t)(tables.ln2_times[zeros + 1] - tables.recip_ln[cell]) - times(series, t, 70 + 62 - FIXED_BITS);
        return result > 0 ? (uint64_t)result : 0;
}

/* e^x = 2^whole * 2^(cell / 256) * e^w with w < 2^-8.5, whose series is taken up to w^6: the rest is below 2^-70. */
uint64_t fixed_scale_exp(uint64_t value, int64_t exponent)
{
        static const int64_t one = INT64_C(1) << 62;
        wide power = (wide)exponent * LOG2E_Q62 >> (FIXED_BITS + 62 - 64); /* Q64 */
        int64_t whole = (int64_t)(power >> 64), w, series;
        uint64_t part = (uint64_t)power, factor;
        int shift = 63 - (int)whole;
        uwide result;

        if (value == 0)
                return 0;
        if (shift < 1)
                return FIXED_MAX;
        if (shift > 127)
                return 0;
        w = (int64_t)((uwide)(part & (UINT64_MAX >> 8)) * LN2_Q64 >> (128 - 70)); /* Q70 */
        series = one / 720;
        series = one / 120 + times(series, w, 70);
        series = one / 24 + times(series, w, 70);
        series = one / 6 + times(series, w, 70);
        series = one / 2 + times(series, w, 70);
        series = one + times(series, w, 70);
        series = one + times(series, w, 70);
        factor = (uint64_t)((uwide)tables.exp2[part >> 56] * (uint64_t)series >> 62); /* Q63, 1 .. 2 */
        result = ((uwide)value * factor + ((uwide)1 << (shift - 1))) >> shift;
        return result < FIXED_MAX ? (uint64_t)result : FIXED_MAX;
}

/* Highest power first; x in Q60. */
static inline int64_t polynomial(const int64_t *coefficients, int64_t x)
{
        int64_t value = coefficients[0];

        for (int i = 1; i < 8; i++)
                value = times(value, x, 60) + coefficients[i];
        return value;
}

/* Rounded down. The digits are as good as random, so they are masked in: branches would be guessed wrong. */
static uint32_t square_root(uint64_t x)
{
        uint64_t root = 0;

        for (uint64_t bit = UINT64_C(1) << 62; bit; bit >>= 2) {
                uint64_t is_one = 0 - (uint64_t)(x >= root + bit);

                x -= (root + bit) & is_one;
                root = (root >> 1) + (bit & is_one);
        }
        return (uint32_t)root;
}

/* sqrt(-ln(x / 2^64)) in Q60: 29 bits by digits, doubled by one step of Newton's. */
static int64_t root_of_minus_ln(uint64_t x)
{
        uint64_t minus_ln = fixed_minus_ln(x) << 1;                   /* Q58 */
        uint64_t root = (uint64_t)square_root(minus_ln) << (60 - 29); /* Q29 -> Q60 */

        return (int64_t)((root + (uint64_t)(((uwide)minus_ln << 62) / root)) >> 1);
}

/* The coefficients of AS 241, highest power first: times 2^46 in the middle, times 2^52 in the tails. */
static const int64_t middle_p[8] = {
        176560873994865602, 2352467620953573369, 4733407826276023882, 3231470228347704451,
        966282045711158941, 138738379205119175,  9369011967264476,    238348286621564,
};
static const int64_t middle_q[8] = {
        367781909223365193, 2021629684595193327, 2766047263718997129, 1492788064245933509,
        379582799875811268, 48356486732423097,   2977535943445850,    70368744177664,
};
static const int64_t tail_p[8] = {
        3488240637686,     102339099826098,   1088883583814535,  5721635312334258,
        16428448356107656, 25983505536685482, 20853187798550122, 6410590841557610,
};
static const int64_t tail_q[8] = {
        4732158,          2466143271909,    68448709072431,   667001013050888,
        3106435912811236, 7549766096545331, 9246753044646033, 4503599627370496,
};
static const int64_t far_tail_p[8] = {
        905374125,        122117606490,     5596447379605,     119490358865212,
        1335590080779636, 8038144140092485, 24606699689951244, 29984536871539866,
};
static const int64_t far_tail_q[8] = {
        9, 640191983, 83150784867, 3543743525817, 66992671566476, 616677360699519, 2701404101929919, 4503599627370496,
};

#define MIDDLE_HALF INT64_C(7839866231326559436)  /* 0.425, Q64 */
#define MIDDLE_SQUARE INT64_C(208246446769611735) /* 0.180625, Q60 */
#define TAIL_FROM INT64_C(1844674407370955162)    /* 1.6, Q60 */
#define FAR_TAIL_FROM (INT64_C(5) << 60)

int64_t fixed_normal(uint64_t x)
{
        uint64_t upper = 0 - (x >> 63);         /* all ones in the upper half */
        uint64_t smaller = (x ^ upper) - upper; /* x or -x: the tail's side, in units of 2^-64 */
        int64_t from_half = (int64_t)((UINT64_C(1) << 63) - smaller);
        int64_t magnitude;

        if (from_half <= MIDDLE_HALF) {
                int64_t r = MIDDLE_SQUARE - times(from_half, from_half, 128 - 60);

                magnitude = (int64_t)(((uwide)from_half * (uint64_t)polynomial(middle_p, r) >> (64 - FIXED_BITS)) /
                                      (uint64_t)polynomial(middle_q, r));
        } else {
                int64_t r = root_of_minus_ln(smaller);
                bool far = r > FAR_TAIL_FROM;
                const int64_t *p = far ? far_tail_p : tail_p, *q = far ? far_tail_q : tail_q;

                r -= far ? FAR_TAIL_FROM : TAIL_FROM;
                magnitude = (int64_t)(((uwide)(uint64_t)polynomial(p, r) << FIXED_BITS) / (uint64_t)polynomial(q, r));
        }
        return (magnitude ^ ~(int64_t)upper) - ~(int64_t)upper; /* minus in the lower half */
}
