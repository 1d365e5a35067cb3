/*
 * totals.h - what a run adds up to, carried along with every op and event so that a question need not read them all.
 *
 * Each of these tables is small whatever the length of the run: one row for each combination of a few ids that
 * occurred. The recorder writes the rows that changed with every commit; a replay adds up the same totals from the ops
 * and events it compares, and finds a changed row. Ids are given in the order in which combinations first occur,
 * which is the order of the records, so that they are the same however the records were cut into blocks.
 *
 * For the same reason, and since a free says only which op it undoes, the objects that the workload holds are known
 * here: when an object comes back its cache, task, place of request, CPU and age are at hand. That costs 64 to 100 bytes
 * of memory for each live object.
 *
 * The rows of what is held would change with every commit, so they are written once, when the run is over; a
 * recording that was cut short has none, and no run.live_object_count.
 *
 * Invariants, at each commit (n: rows of op with these values)
 *   op_total.ops == n(kind, path, cache, origin) == Σ op_duration.ops of it
 *   Σ free_total.frees == Σ lifetime_total.frees == n(kind = free)
 *   Σ live_objs == rows of live_object, when these are there
 *   slabs == slabs_start + grown - released == rows of slab of this cache
 *   Σ slab.held == Σ live_objs of objects; oldest_op: the lowest op that asked for an object held in the slab
 */
#ifndef KMEMSIM_RECORD_TOTALS_H
#define KMEMSIM_RECORD_TOTALS_H

#include <glib.h>
#include <sqlite3.h>
#include <stdint.h>

#include "record/schema.h"
#include "trace/event.h"
#include "trace/op.h"

struct row_head {
        uint64_t key; /* what the row is found by */
        uint32_t id;  /* from 1 */
        uint32_t is_changed; /* since the last write */
};

struct op_total {
        struct row_head head;
        uint32_t kind, path, cache, origin;
        uint64_t ops, failed, dur_ns, max_ns, size_bytes;
};

struct op_duration {
        struct row_head head;
        uint64_t dur_ns, ops;
        uint32_t total, spare;
};

struct lock_total {
        struct row_head head;
        uint32_t lock, subject;
        uint64_t waits, ops, wait_ns, max_ns;
};

struct slab_total {
        struct row_head head;
        uint32_t cache, spare;
        uint64_t slabs_start, grown, released, slabs, peak, grow_failed, first_ns, last_ns;
};

struct free_total {
        struct row_head head;
        uint32_t cache;
        uint16_t alloc_cpu, free_cpu;
        uint64_t frees, size_bytes;
};

struct lifetime_total {
        struct row_head head;
        uint32_t cache, spare;
        uint64_t from_ns, to_ns, frees, size_bytes, life_ns;
};

struct site_total {
        struct row_head head;
        uint32_t task, site, cache, spare;
        uint64_t allocs, failed, size_bytes, dur_ns, frees, life_ns, live_objs, live_bytes;
};

struct slab_row {
        struct row_head head;
        uint32_t pfn, cache, inuse, is_gone;
        uint64_t grown_ns, grown_op;
        uint64_t oldest_op;
        uint32_t held, oldest, newest, spare; /* oldest, newest: of totals.c, the objects held in it */
};

struct live_object {
        uint32_t pfn, offset;
        uint64_t op;
};

struct totals;

struct totals *totals_new(void);
void totals_free(struct totals *totals);

/* In the order of the records: boot slabs first; the events of an op before the op. site 0: not known. */
void totals_boot_slab(struct totals *totals, uint32_t pfn, uint32_t cache, uint32_t inuse);
void totals_event(struct totals *totals, const struct event_record *event);
void totals_op(struct totals *totals, const struct op_record *op, uint32_t site);

/* The same for a block of ops as they ended; sites: for each op, or NULL. */
void totals_ops(struct totals *totals, const struct op_record *ops, const uint32_t *sites, uint32_t count);

/* Writes what has changed since the last call, inside the caller's transaction. Returns an SQLite code. */
int totals_write(struct totals *totals, sqlite3 *db);

/* What is held, by place: struct live_object. */
GArray *totals_live_objects(const struct totals *totals);

/* For comparing: the tables that are made of rows of one of the structs above, TABLE_COUNT at the end. */
extern const enum table_id totals_tables[];
/* The row with this value in its first column; NULL: there is none. */
const void *totals_row(const struct totals *totals, enum table_id table, int64_t key);
uint64_t totals_row_count(const struct totals *totals, enum table_id table);

/* Does the workload hold what op returned, at this place? Count: what it holds at all. */
gboolean totals_is_live(const struct totals *totals, uint64_t op, uint32_t pfn, uint32_t offset);
uint64_t totals_live_count(const struct totals *totals);

/* Ids of failed ops as they ended, since the last write: uint64_t. */
const GArray *totals_failed_ops(const struct totals *totals);

#endif
