/*
 * quantity.h - sizes and times as people write them: "4KiB", "1.5 MiB", "10us", "2 s".
 *
 * Sizes: a plain number or B are bytes; K and KiB, M and MiB, G and GiB are powers of 1024. Times: ns, us, ms, s; the
 * unit must be there. Decimals are read exactly, with integers only: "1.5us" is 1500, "0.3B" and "1.0005us" are
 * refused. No sign, no exponent, no thousands separators, in every locale alike.
 *
 * Returns NULL and sets *ret_value, or a sentence fragment that says what is wrong ("is no time: ...").
 */
#ifndef KMEMSIM_SCRIPT_QUANTITY_H
#define KMEMSIM_SCRIPT_QUANTITY_H

#include <stdint.h>

const char *quantity_size(const char *text, uint64_t *ret_bytes);
const char *quantity_time(const char *text, uint64_t *ret_ns);

/* A ratio: "2", "0.25", "3/4". Both parts > 0. */
const char *quantity_ratio(const char *text, uint64_t *ret_part, uint64_t *ret_whole);

#endif
