/*
 * figures.h - a run in a few numbers: what the summary prints and what expectations are given.
 *
 * Counts are of the whole run, stocks of its end. Ratios are left to the reader: here are whole numbers, so that they
 * are the same on every machine.
 */
#ifndef KMEMSIM_SCRIPT_FIGURES_H
#define KMEMSIM_SCRIPT_FIGURES_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"
#include "mm/memory.h"
#include "observe/observer.h"

struct figures_latency {
        uint64_t count, p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
};

struct figures_zone {
        struct zone_view view;
        int32_t unusable[MAX_ORDER], fragmentation[MAX_ORDER]; /* the indices of each order (fragmentation.h) */
        struct numa_counters numa;                             /* all 0 without NUMA */
};

struct figures_cache {
        uint32_t id;
        struct cache_view view;
        struct cache_stock stock;
        uint64_t alien_objs;      /* of stock.shared_objs: in alien arrays; this and the next are 0 without NUMA */
        uint64_t node_allocs, node_frees, alien_overflows; /* since boot: past a magazine; of another node's objects;
                                                            * an alien array was full */
};

struct figures {
        uint64_t time_ns;
        uint64_t ops, events;
        char digest[DIGEST_TEXT_BYTES];
        uint64_t by_path[OP_KIND_COUNT][OP_PATH_COUNT];
        uint64_t objects_asked;    /* kmalloc and alloc */
        uint64_t magazine_hits;    /* of them */
        uint64_t refills;          /* of them: a magazine was refilled */
        uint64_t slabs_made;       /* of them: the cache grew */
        uint64_t objects_failed;
        uint64_t pages_asked, pages_failed; /* requests */
        uint64_t frees;
        uint64_t slab_errors;      /* damage found by a debug_slab machine */
        uint64_t faults_asked[FAULT_CAPABILITY_COUNT];    /* requests that fault injection looked at; 0: it was off */
        uint64_t faults_injected[FAULT_CAPABILITY_COUNT]; /* and let fail */
        uint64_t live_objs;
        uint64_t requested_bytes, allocated_bytes, slab_bytes; /* at the end, over all caches */
        struct figures_latency latency[LATENCY_CLASS_COUNT];
        uint32_t zone_count, cache_count; /* populated zones; live caches */
        struct figures_zone *zones;
        struct figures_cache *caches;
};

/* After observer_end. */
struct figures *figures_new(const struct sim *sim, struct observer *observer);
void figures_free(struct figures *figures);

#endif
