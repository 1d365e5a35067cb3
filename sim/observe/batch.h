/*
 * batch.h - what the observer hands to whoever keeps the run (the recorder): a block of ops, a block of events, and now
 * and then a cut.
 *
 * A cut says that after these blocks the run stands between two calls of sim_run: everything begun is either in a
 * block or in `open`, so what has been handed over up to here can be replayed to here. Blocks without a cut may end in
 * the middle of an op.
 */
#ifndef KMEMSIM_OBSERVE_BATCH_H
#define KMEMSIM_OBSERVE_BATCH_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"
#include "observe/digest.h"
#include "trace/event.h"
#include "trace/op.h"

/* An op begun and not done, as far as it is known, with the spec of a CREATE. */
struct open_op {
        struct op_record op;
        struct cache_spec spec; /* name "" unless it is a CREATE */
};

/* A cache that is new or changed since the last cut. view.name is not set: it is view.spec.name. */
struct cache_change {
        uint32_t cache;
        struct cache_view view;
};

/* A slab that boot left: later ones are announced by events. */
struct boot_slab {
        uint32_t pfn, cache, inuse;
};

struct cut {
        uint64_t now_ns;
        uint64_t op_total, op_count; /* ops begun: the last id; ops done and handed over */
        uint64_t event_total;        /* events handed over: the last seq */
        char digest[DIGEST_TEXT_BYTES];
        uint64_t sample_interval_ns; /* samples handed over earlier that are no multiple of it are dropped */
        GPtrArray *samples;          /* struct sample */
        GArray *open;                /* struct open_op, by id */
        GArray *caches;              /* struct cache_change, by id */
        GArray *slabs;               /* struct boot_slab, by cache and pfn; NULL but in the first cut */
};

void cut_free(struct cut *cut);

struct batch {
        uint32_t op_count, op_cap;
        uint32_t event_count, event_cap;
        struct op_record *ops;
        struct event_record *events;
        uint32_t *sites; /* for each op where it came from, 0: not known; NULL: of none it is known */
        struct cut *cut; /* NULL: none here */
};

struct batch *batch_new(uint32_t op_cap, uint32_t event_cap);
void batch_clear(struct batch *batch); /* empties it for the next use */
void batch_free(struct batch *batch);

#endif
