/*
 * lifetimes.c - see lifetimes.h.
 */
#include "import/lifetimes.h"

#include "import/big_memory.h"

#include <assert.h>
#include <glib.h>

#define EXACT_BITS 20u
#define PARTS_BITS 10u

static_assert(LIFETIMES_EXACT == 1u << EXACT_BITS, "the exact part ends at a power of two");
static_assert(LIFETIMES_PARTS == 1u << PARTS_BITS, "each power of two above has as many counters");

static uint32_t slot_of(uint64_t value)
{
        unsigned power;

        if (value < LIFETIMES_EXACT)
                return (uint32_t)value;
        power = 63u - (unsigned)__builtin_clzll(value);
        return LIFETIMES_EXACT + (power - EXACT_BITS) * LIFETIMES_PARTS +
               (uint32_t)((value >> (power - PARTS_BITS)) & (LIFETIMES_PARTS - 1));
}

/* The smallest value that is counted in the slot. */
static uint64_t slot_value(uint32_t slot)
{
        unsigned power;

        if (slot < LIFETIMES_EXACT)
                return slot;
        power = EXACT_BITS + (slot - LIFETIMES_EXACT) / LIFETIMES_PARTS;
        return (uint64_t)(LIFETIMES_PARTS + (slot - LIFETIMES_EXACT) % LIFETIMES_PARTS) << (power - PARTS_BITS);
}

void lifetimes_clear(struct lifetimes *lifetimes)
{
        if (lifetimes->counts)
                big_memory_free(lifetimes->counts, LIFETIMES_SLOTS * sizeof(uint64_t));
        *lifetimes = (struct lifetimes){ 0 };
}

void lifetimes_add(struct lifetimes *lifetimes, uint64_t value)
{
        if (G_UNLIKELY(!lifetimes->counts))
                lifetimes->counts = big_memory_new(LIFETIMES_SLOTS * sizeof(uint64_t));
        lifetimes->counts[slot_of(value)]++;
        lifetimes->count++;
        if (value > lifetimes->max)
                lifetimes->max = value;
}

uint64_t lifetimes_quantile(const struct lifetimes *lifetimes, unsigned per_mille)
{
        uint64_t index = lifetimes->count / 1000 * per_mille + lifetimes->count % 1000 * per_mille / 1000, seen = 0;

        if (index >= lifetimes->count)
                return lifetimes->max;
        for (uint32_t slot = 0; slot < LIFETIMES_SLOTS; slot++) {
                seen += lifetimes->counts[slot];
                if (seen > index)
                        return slot_value(slot);
        }
        g_assert_not_reached();
}
