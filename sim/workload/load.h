/*
 * load.h - one declared source of work, as a plan: what is allocated and freed, and when.
 *
 * The plan knows nothing of the machine. Times, sizes and lifetimes come from streams of the source's own (named by the
 * run's seed and the source's name, one each for arrivals, batches, requests, lifetimes and victims), so two machines
 * are asked for the same things at the same times, and changing the lifetimes does not change the arrivals. Who
 * carries the plan out late (feed.h) changes nothing in it.
 *
 * The actions come in order of time. Each arrival allocates `batch` times. What was allocated is freed
 *      at its time plus a lifetime, if lifetimes are declared;
 *      earlier, if there is a target for the live set and one more would be above it: then any one of the live set
 *      goes first;
 *      at the end, if the phases end with a shrink or `drain` is set.
 * The target rises from 0 to `live` during the grow phase, stays, and falls to 0 during the shrink phase; without
 * phases it is `live` all the time. The live set follows it as closely as the arrivals allow.
 *
 * The end is the first of: the arrivals are used up, `count` allocations were made, `duration_ns` (or the phases) are
 * over. With `drain` frees go on after it: what has a lifetime at its time, then the rest at once. Without it what is
 * left stays allocated.
 *
 * Invariants (load_audit):
 *      live_count == allocations handed out - frees handed out
 *      a slot's place in `live` points back at it
 *      every live slot with a lifetime is in the heap
 */
#ifndef KMEMSIM_WORKLOAD_LOAD_H
#define KMEMSIM_WORKLOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "workload/arrival.h"
#include "workload/dist.h"

/* One kind of thing that is allocated. */
struct load_ask {
        uint8_t kind;       /* enum op_kind: KMALLOC, ALLOC, PAGES */
        uint32_t part;      /* number that means something to whoever carries it out: the cache */
        struct dist amount; /* KMALLOC: bytes; PAGES: order */
};

struct load_spec {
        const char *name;
        uint64_t seed, start_ns;
        struct arrival arrival;
        struct dist batch; /* a draw of 0 counts as 1 */
        const struct load_ask *asks;
        uint32_t ask_count;
        struct dist which; /* index in asks; not looked at if there is one only */
        bool has_lifetime, has_target, has_phases, drain;
        struct dist lifetime;
        uint64_t live;
        uint64_t grow_ns, hold_ns, shrink_ns;
        uint64_t count;       /* UINT64_MAX: no limit */
        uint64_t duration_ns; /* TIME_NEVER: no limit */
};

/* NULL or a sentence fragment. */
const char *load_spec_problem(const struct load_spec *spec);

/* It never ends by itself. */
bool load_spec_is_endless(const struct load_spec *spec);

struct load_action {
        uint64_t t_ns;
        uint64_t amount; /* bytes or order, 0 for a free or an object of a cache */
        uint32_t slot;   /* the allocation; its number is used again after load_release */
        uint16_t ask;
        bool is_free;
};

struct load;

/* Keeps a copy of the spec, but neither of the asks, nor of the tables and times it points to. */
struct load *load_new(const struct load_spec *spec);
void load_free(struct load *load);

/* The next action; false: there is none any more. */
bool load_next(struct load *load, struct load_action *ret);

/* The free of this slot was carried out (or is not needed): the number may be used again. */
void load_release(struct load *load, uint32_t slot);

/* Allocations that the plan has handed out and not taken back. */
uint32_t load_live(const struct load *load);

/* The target at a time after the start. */
uint64_t load_target(const struct load_spec *spec, uint64_t after_ns);

/* NULL or the first broken invariant. */
const char *load_audit(const struct load *load);

#endif
