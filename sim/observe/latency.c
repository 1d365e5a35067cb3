/*
 * latency.c - see latency.h.
 */
#include "observe/latency.h"

#include <glib.h>

#define EXACT_BITS   12u /* durations below 2^12 ns have a bucket each */
#define PART_BITS    7u  /* buckets per power of two above: 2^7 */
#define BUCKET_COUNT ((1u << EXACT_BITS) + ((64u - EXACT_BITS) << PART_BITS))

struct histogram {
        uint64_t count, max_ns;
        uint64_t buckets[BUCKET_COUNT];
};

struct latency {
        struct histogram classes[LATENCY_CLASS_COUNT];
};

const char *const latency_class_names[LATENCY_CLASS_COUNT] = {
        [LATENCY_ALLOC] = "alloc",
        [LATENCY_PAGES] = "pages",
        [LATENCY_FREE] = "free",
};

struct latency *latency_new(void)
{
        return g_new0(struct latency, 1);
}

void latency_free(struct latency *latency)
{
        g_free(latency);
}

uint32_t latency_bucket(uint64_t ns)
{
        uint32_t bits;

        if (ns < 1u << EXACT_BITS)
                return (uint32_t)ns;
        bits = 63u - (uint32_t)__builtin_clzll(ns); /* 2^bits <= ns */
        return (1u << EXACT_BITS) + ((bits - EXACT_BITS) << PART_BITS) +
               (uint32_t)((ns >> (bits - PART_BITS)) & ((1u << PART_BITS) - 1));
}

uint64_t latency_bucket_ns(uint32_t bucket)
{
        uint32_t bits, part;
        uint64_t width;

        if (bucket < 1u << EXACT_BITS)
                return bucket;
        bucket -= 1u << EXACT_BITS;
        bits = EXACT_BITS + (bucket >> PART_BITS);
        part = bucket & ((1u << PART_BITS) - 1);
        width = UINT64_C(1) << (bits - PART_BITS);
        return (UINT64_C(1) << bits) + part * width + width / 2;
}

static int class_of(const struct op_record *op)
{
        switch (op->kind) {
        case OP_KMALLOC:
        case OP_ALLOC: return LATENCY_ALLOC;
        case OP_PAGES: return LATENCY_PAGES;
        case OP_FREE: return LATENCY_FREE;
        default: return -1;
        }
}

void latency_add(struct latency *latency, const struct op_record *ops, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                int which = ops[i].origin == 0 ? class_of(&ops[i]) : -1;
                struct histogram *histogram;

                if (which < 0)
                        continue;
                histogram = &latency->classes[which];
                histogram->count++;
                histogram->max_ns = MAX(histogram->max_ns, ops[i].dur_ns);
                histogram->buckets[latency_bucket(ops[i].dur_ns)]++;
        }
}

uint64_t latency_count(const struct latency *latency, enum latency_class which)
{
        return latency->classes[which].count;
}

uint64_t latency_max_ns(const struct latency *latency, enum latency_class which)
{
        return latency->classes[which].max_ns;
}

uint64_t latency_quantile_ns(const struct latency *latency, enum latency_class which, uint32_t permille)
{
        const struct histogram *histogram = &latency->classes[which];
        uint64_t rank = histogram->count / 1000 * permille + (histogram->count % 1000 * permille + 999) / 1000;
        uint64_t seen = 0;

        if (histogram->count == 0)
                return 0;
        rank = MAX(rank, 1);
        for (uint32_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
                seen += histogram->buckets[bucket];
                if (seen >= rank)
                        return MIN(latency_bucket_ns(bucket), histogram->max_ns);
        }
        return histogram->max_ns;
}
