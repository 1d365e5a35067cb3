/*
 * prng.h - random numbers for the workload: independent streams split from one seed, integers only.
 *
 * xoshiro256** (Blackman and Vigna), its four words filled by splitmix64 as its authors advise. A stream is named by
 * the run's seed and a number of its own (prng_stream_of turns a name into one), so a task that draws more or fewer
 * numbers does not change what another task gets. The same on every machine: no floats, no modulo bias.
 *
 * Invariant: the four words are never all zero (splitmix64 gives four different words).
 */
#ifndef KMEMSIM_BASE_PRNG_H
#define KMEMSIM_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
        uint64_t word[4];
};

static inline uint64_t prng_splitmix(uint64_t *state)
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

static inline void prng_init(struct prng *prng, uint64_t seed, uint64_t stream)
{
        uint64_t state = seed;

        state = prng_splitmix(&state) ^ stream;
        for (int i = 0; i < 4; i++)
                prng->word[i] = prng_splitmix(&state);
}

/* FNV-1a over the bytes of a name. */
static inline uint64_t prng_stream_of(const char *name)
{
        uint64_t hash = 0xcbf29ce484222325u;

        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
        return hash;
}

static inline uint64_t prng_next(struct prng *prng)
{
        uint64_t *s = prng->word;
        uint64_t five = s[1] * 5;
        uint64_t result = ((five << 7) | (five >> 57)) * 9;
        uint64_t shifted = s[1] << 17;

        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = (s[3] << 45) | (s[3] >> 19);
        return result;
}

/* 0 .. bound - 1, each equally likely. bound 0 stands for 2^64. Draws again while the number is in the uneven rest. */
static inline uint64_t prng_below(struct prng *prng, uint64_t bound)
{
        uint64_t rest, number;

        if (bound == 0)
                return prng_next(prng);
        rest = (0 - bound) % bound; /* 2^64 mod bound */
        do
                number = prng_next(prng);
        while (number < rest);
        return number % bound;
}

/* first .. last, both included; first <= last. */
static inline int64_t prng_between(struct prng *prng, int64_t first, int64_t last)
{
        return (int64_t)((uint64_t)first + prng_below(prng, (uint64_t)last - (uint64_t)first + 1));
}

/* True in `part` of `whole` cases; part <= whole, whole > 0. */
static inline bool prng_chance(struct prng *prng, uint64_t part, uint64_t whole)
{
        return prng_below(prng, whole) < part;
}

#endif
