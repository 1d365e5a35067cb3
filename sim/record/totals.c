/*
 * totals.c - see totals.h.
 */
#include "record/totals.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "observe/latency.h"
#include "record/record_error.h"

#define SLAB_PAGES_MAX 64u /* no slab has more: one object of the largest class, with words for debugging around it */

/* -- rows found by a key -------------------------------------------------------------------------------------------- */

struct rows {
        enum table_id table;
        uint32_t row_bytes;
        char *data;
        uint32_t count, cap;
        uint32_t *slots; /* id of the row, 0: free */
        uint32_t slot_mask;
        uint32_t last;   /* found last: often wanted again */
        GArray *changed; /* uint32_t ids */
};

static uint64_t mix(uint64_t key)
{
        key ^= key >> 32;
        key *= 0x9e3779b97f4a7c15u;
        return key ^ (key >> 29);
}

static struct row_head *row_at(const struct rows *rows, uint32_t id)
{
        return (struct row_head *)(void *)(rows->data + (size_t)(id - 1) * rows->row_bytes);
}

static void rows_init(struct rows *rows, enum table_id table, uint32_t row_bytes)
{
        *rows = (struct rows){ .table = table, .row_bytes = row_bytes, .slot_mask = 63 };
        rows->slots = g_new0(uint32_t, rows->slot_mask + 1);
        rows->changed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

static void rows_clear(struct rows *rows)
{
        g_free(rows->data);
        g_free(rows->slots);
        g_array_unref(rows->changed);
}

static uint32_t *find_slot(const struct rows *rows, uint64_t key)
{
        uint32_t at = (uint32_t)mix(key) & rows->slot_mask;

        while (rows->slots[at] != 0 && row_at(rows, rows->slots[at])->key != key)
                at = (at + 1) & rows->slot_mask;
        return &rows->slots[at];
}

static struct row_head *rows_find(const struct rows *rows, uint64_t key)
{
        uint32_t id = *find_slot(rows, key);

        return id != 0 ? row_at(rows, id) : NULL;
}

static void grow_slots(struct rows *rows)
{
        g_free(rows->slots);
        rows->slot_mask = rows->slot_mask * 2 + 1;
        rows->slots = g_new0(uint32_t, rows->slot_mask + 1);
        for (uint32_t id = 1; id <= rows->count; id++)
                *find_slot(rows, row_at(rows, id)->key) = id;
}

static struct row_head *rows_add(struct rows *rows, uint64_t key)
{
        struct row_head *head;

        if (rows->count >= rows->slot_mask / 2)
                grow_slots(rows);
        if (rows->count == rows->cap) {
                rows->cap = MAX(rows->cap * 2, 16);
                rows->data = g_realloc_n(rows->data, rows->cap, rows->row_bytes);
        }
        *find_slot(rows, key) = ++rows->count;
        head = row_at(rows, rows->count);
        memset(head, 0, rows->row_bytes);
        head->key = key;
        head->id = rows->count;
        return head;
}

static void rows_mark(struct rows *rows, struct row_head *head)
{
        if (head->is_changed)
                return;
        head->is_changed = TRUE;
        g_array_append_val(rows->changed, head->id);
}

/* The row of a key, which is about to change; *ret_is_new: all its fields are 0. Valid until the next call. */
static void *rows_touch(struct rows *rows, uint64_t key, gboolean *ret_is_new)
{
        struct row_head *head = rows->last != 0 && row_at(rows, rows->last)->key == key ? row_at(rows, rows->last)
                                                                                        : rows_find(rows, key);

        *ret_is_new = head == NULL;
        if (head == NULL)
                head = rows_add(rows, key);
        rows->last = head->id;
        rows_mark(rows, head);
        return head;
}

/* -- what the workload holds ---------------------------------------------------------------------------------------- */

struct live {
        uint64_t op;
        uint64_t since_ns;
        uint32_t pfn, offset;
        uint32_t size_bytes, cache;
        uint32_t site;
        uint32_t slab;         /* id of its slab_row, 0: pages */
        uint32_t older, newer; /* held in the same slab, by op: index of the entry, 0: none; newer of a free entry: the next one */
        uint16_t task;
        uint8_t cpu;
        uint8_t spare;
};

/*
 * Entries stay where they are while they live; open addressing finds them by op. Eight ids in a row share a place to
 * start from: what was allocated together lies together.
 */
struct live_map {
        struct live *entries; /* from 1 */
        uint32_t used, cap;   /* entries ever in use, and room */
        uint32_t unused;      /* first free entry, 0: none */
        uint32_t *slots;      /* index of an entry, 0: free */
        uint64_t mask, count;
};

static uint64_t live_home(const struct live_map *map, uint64_t op)
{
        return (mix(op >> 3) * 8 + (op & 7)) & map->mask;
}

static uint32_t *live_slot(const struct live_map *map, uint64_t op)
{
        uint64_t at = live_home(map, op);

        while (map->slots[at] != 0 && map->entries[map->slots[at]].op != op)
                at = (at + 1) & map->mask;
        return &map->slots[at];
}

static struct live *live_find(const struct live_map *map, uint64_t op)
{
        uint32_t index = *live_slot(map, op);

        return index != 0 ? &map->entries[index] : NULL;
}

static void live_grow_slots(struct live_map *map)
{
        uint32_t *old = map->slots;
        uint64_t old_mask = map->mask;

        map->mask = old_mask * 2 + 1;
        map->slots = g_new0(uint32_t, map->mask + 1);
        for (uint64_t at = 0; at <= old_mask; at++)
                if (old[at] != 0)
                        *live_slot(map, map->entries[old[at]].op) = old[at];
        g_free(old);
}

/* Index of a new entry for an op that has none. */
static uint32_t live_add(struct live_map *map, uint64_t op)
{
        uint32_t index = map->unused;

        if (map->count >= map->mask / 2)
                live_grow_slots(map);
        if (index != 0) {
                map->unused = map->entries[index].newer;
        } else {
                index = ++map->used;
                if (index >= map->cap) {
                        map->cap += map->cap / 2;
                        map->entries = g_renew(struct live, map->entries, map->cap);
                }
        }
        map->entries[index].op = op;
        *live_slot(map, op) = index;
        map->count++;
        return index;
}

/* Closes the gap: what lies behind it moves up if it may. */
static void live_remove(struct live_map *map, uint64_t op)
{
        uint32_t *slot = live_slot(map, op);
        uint64_t gap = (uint64_t)(slot - map->slots);

        map->entries[*slot].op = 0;
        map->entries[*slot].newer = map->unused;
        map->unused = *slot;
        for (uint64_t at = (gap + 1) & map->mask; map->slots[at] != 0; at = (at + 1) & map->mask) {
                uint64_t home = live_home(map, map->entries[map->slots[at]].op);

                if (((at - home) & map->mask) >= ((at - gap) & map->mask)) {
                        map->slots[gap] = map->slots[at];
                        gap = at;
                }
        }
        map->slots[gap] = 0;
        map->count--;
}

/* -- the totals ----------------------------------------------------------------------------------------------------- */

enum { ROWS_OP, ROWS_DURATION, ROWS_LOCK, ROWS_SLAB_TOTAL, ROWS_FREE, ROWS_LIFETIME, ROWS_SITE, ROWS_SLAB, ROWS_COUNT };

struct totals {
        struct rows rows[ROWS_COUNT];
        struct live_map live;
        GHashTable *shrunk;   /* op under way -> GArray of struct op_record: frees by shrinkers it called */
        GHashTable *waited;   /* op under way -> GArray of the ids of lock_total it waited for */
        GArray *failed;       /* uint64_t, since the last write */
};

const enum table_id totals_tables[] = {
        [ROWS_OP] = TABLE_OP_TOTAL,
        [ROWS_DURATION] = TABLE_OP_DURATION,
        [ROWS_LOCK] = TABLE_LOCK_TOTAL,
        [ROWS_SLAB_TOTAL] = TABLE_SLAB_TOTAL,
        [ROWS_FREE] = TABLE_FREE_TOTAL,
        [ROWS_LIFETIME] = TABLE_LIFETIME_TOTAL,
        [ROWS_SITE] = TABLE_SITE_TOTAL,
        [ROWS_SLAB] = TABLE_SLAB,
        [ROWS_COUNT] = TABLE_COUNT,
};

struct totals *totals_new(void)
{
        static const uint32_t row_bytes[ROWS_COUNT] = {
                [ROWS_OP] = sizeof(struct op_total),
                [ROWS_DURATION] = sizeof(struct op_duration),
                [ROWS_LOCK] = sizeof(struct lock_total),
                [ROWS_SLAB_TOTAL] = sizeof(struct slab_total),
                [ROWS_FREE] = sizeof(struct free_total),
                [ROWS_LIFETIME] = sizeof(struct lifetime_total),
                [ROWS_SITE] = sizeof(struct site_total),
                [ROWS_SLAB] = sizeof(struct slab_row),
        };
        struct totals *totals = g_new0(struct totals, 1);

        for (int i = 0; i < ROWS_COUNT; i++)
                rows_init(&totals->rows[i], totals_tables[i], row_bytes[i]);
        totals->live.mask = 1023;
        totals->live.slots = g_new0(uint32_t, totals->live.mask + 1);
        totals->live.cap = 512;
        totals->live.entries = g_new(struct live, totals->live.cap);
        totals->shrunk = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
        totals->waited = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
        totals->failed = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        return totals;
}

void totals_free(struct totals *totals)
{
        if (totals == NULL)
                return;
        for (int i = 0; i < ROWS_COUNT; i++)
                rows_clear(&totals->rows[i]);
        g_free(totals->live.slots);
        g_free(totals->live.entries);
        g_hash_table_unref(totals->shrunk);
        g_hash_table_unref(totals->waited);
        g_array_unref(totals->failed);
        g_free(totals);
}

/* -- events --------------------------------------------------------------------------------------------------------- */

static struct slab_total *slab_total_of(struct totals *totals, uint32_t cache)
{
        gboolean is_new;
        struct slab_total *total = rows_touch(&totals->rows[ROWS_SLAB_TOTAL], cache, &is_new);

        if (is_new)
                total->first_ns = total->last_ns = TIME_NEVER;
        total->cache = cache;
        return total;
}

static struct slab_row *slab_of(struct totals *totals, uint32_t pfn)
{
        gboolean is_new;
        struct slab_row *slab = rows_touch(&totals->rows[ROWS_SLAB], pfn, &is_new);

        slab->pfn = pfn;
        return slab;
}

void totals_boot_slab(struct totals *totals, uint32_t pfn, uint32_t cache, uint32_t inuse)
{
        struct slab_row *slab = slab_of(totals, pfn);
        struct slab_total *total = slab_total_of(totals, cache);

        slab->cache = cache;
        slab->inuse = inuse;
        slab->grown_ns = TIME_NEVER;
        total->slabs_start++;
        total->slabs++;
        total->peak = total->slabs;
}

static void slab_grown(struct totals *totals, const struct event_record *event)
{
        struct slab_row *slab = slab_of(totals, event->a);
        struct slab_total *total = slab_total_of(totals, event->b);

        slab->cache = event->b;
        slab->inuse = 0;
        slab->is_gone = FALSE;
        slab->grown_ns = event->t_ns;
        slab->grown_op = event->op;
        total->grown++;
        total->slabs++;
        total->peak = MAX(total->peak, total->slabs);
        total->first_ns = MIN(total->first_ns, event->t_ns);
        total->last_ns = event->t_ns;
}

static void slab_released(struct totals *totals, const struct event_record *event)
{
        struct slab_total *total = slab_total_of(totals, event->b);

        slab_of(totals, event->a)->is_gone = TRUE;
        total->released++;
        total->slabs--;
}

static void lock_waited(struct totals *totals, const struct event_record *event)
{
        gboolean is_new;
        struct lock_total *total = rows_touch(&totals->rows[ROWS_LOCK], (uint64_t)event->a << 32 | event->b, &is_new);
        GArray *before = g_hash_table_lookup(totals->waited, GSIZE_TO_POINTER(event->op));

        total->lock = event->a;
        total->subject = event->b;
        total->waits++;
        total->wait_ns += event->c;
        total->max_ns = MAX(total->max_ns, event->c);
        for (guint i = 0; before != NULL && i < before->len; i++)
                if (g_array_index(before, uint32_t, i) == total->head.id)
                        return;
        total->ops++;
        if (before == NULL) {
                before = g_array_new(FALSE, FALSE, sizeof(uint32_t));
                g_hash_table_insert(totals->waited, GSIZE_TO_POINTER(event->op), before);
        }
        g_array_append_val(before, total->head.id);
}

/* A shrinker frees what an op got: taken into account when the op that reclaims is done, in the order of the records. */
static void object_shrunk(struct totals *totals, const struct event_record *event)
{
        struct op_record op = { .kind = OP_FREE, .frees = (uint64_t)event->b << 32 | event->a, .t_ns = event->t_ns,
                                .cpu = event->cpu, .cache = event->c };
        GArray *frees = g_hash_table_lookup(totals->shrunk, GSIZE_TO_POINTER(event->op));

        if (frees == NULL) {
                frees = g_array_new(FALSE, FALSE, sizeof(struct op_record));
                g_hash_table_insert(totals->shrunk, GSIZE_TO_POINTER(event->op), frees);
        }
        g_array_append_val(frees, op);
}

void totals_event(struct totals *totals, const struct event_record *event)
{
        switch (event->kind) {
        case EV_SLAB_TAKEN:
        case EV_SLAB_PUT: slab_of(totals, event->a)->inuse = event->c; break;
        case EV_SLAB_GROWN: slab_grown(totals, event); break;
        case EV_SLAB_RELEASED: slab_released(totals, event); break;
        case EV_GROW_FAILED: slab_total_of(totals, event->a)->grow_failed++; break;
        case EV_LOCK_WAITED: lock_waited(totals, event); break;
        case EV_OBJECT_SHRUNK: object_shrunk(totals, event); break;
        default: break;
        }
}

/* -- ops ------------------------------------------------------------------------------------------------------------ */

static gboolean is_alloc(const struct op_record *op)
{
        return op->kind == OP_KMALLOC || op->kind == OP_ALLOC || op->kind == OP_PAGES;
}

static gboolean has_failed(const struct op_record *op)
{
        if (op->kind >= OP_MEMPOOL_CREATE && op->kind <= OP_MEMPOOL_DESTROY)
                return op->path == PATH_FAILED;
        if (op->kind == OP_PAGE_NEW || op->kind == OP_SHRINKER)
                return op->path == PATH_FAILED;
        return is_alloc(op) ? op->pfn == PFN_NONE : (op->kind == OP_CREATE || op->kind == OP_DESTROY) && op->result == 1;
}

static void add_duration(struct totals *totals, const struct op_record *op)
{
        uint64_t key = (uint64_t)op->kind << 48 | (uint64_t)op->path << 40 | (uint64_t)op->origin << 32 | op->cache;
        uint32_t bucket = latency_bucket(op->dur_ns);
        gboolean is_new;
        struct op_total *total = rows_touch(&totals->rows[ROWS_OP], key, &is_new);
        struct op_duration *duration;

        total->kind = op->kind;
        total->path = op->path;
        total->cache = op->cache;
        total->origin = op->origin;
        total->ops++;
        total->failed += has_failed(op);
        total->dur_ns += op->dur_ns;
        total->max_ns = MAX(total->max_ns, op->dur_ns);
        total->size_bytes += op->size_bytes;
        duration = rows_touch(&totals->rows[ROWS_DURATION], (uint64_t)total->head.id << 32 | bucket, &is_new);
        duration->total = total->head.id;
        duration->dur_ns = latency_bucket_ns(bucket);
        duration->ops++;
}

static struct site_total *site_total_of(struct totals *totals, uint32_t task, uint32_t site, uint32_t cache)
{
        gboolean is_new;
        uint64_t key = (uint64_t)(task & 0xffff) << 48 | (uint64_t)(site & 0xfffffff) << 20 | (cache & 0xfffff);
        struct site_total *total = rows_touch(&totals->rows[ROWS_SITE], key, &is_new);

        total->task = task;
        total->site = site;
        total->cache = cache;
        return total;
}

/*
 * The slab an object lies in: the last one that begins at or before it. NULL: none is known (a block of events runs ahead of
 * its ops: the slab of an object that comes back within the block may be gone already).
 */
static struct slab_row *slab_at(const struct totals *totals, uint32_t pfn, uint32_t cache)
{
        for (uint32_t back = 0; back < SLAB_PAGES_MAX && back <= pfn; back++) {
                struct slab_row *slab = (struct slab_row *)(void *)rows_find(&totals->rows[ROWS_SLAB], pfn - back);

                if (slab != NULL && !slab->is_gone)
                        return slab->cache == cache ? slab : NULL;
        }
        return NULL;
}

/* In its slab, objects are chained by op; the newest is nearly always the one that comes. */
static void slab_hold(struct totals *totals, uint32_t index)
{
        struct live *entries = totals->live.entries, *live = &entries[index];
        struct slab_row *slab = slab_at(totals, live->pfn, live->cache);
        uint32_t newer = 0, older;

        if (slab == NULL)
                return;
        for (older = slab->newest; older != 0 && entries[older].op > live->op; older = entries[older].older)
                newer = older;
        live->slab = slab->head.id;
        live->older = older;
        live->newer = newer;
        *(older != 0 ? &entries[older].newer : &slab->oldest) = index;
        *(newer != 0 ? &entries[newer].older : &slab->newest) = index;
        slab->held++;
        slab->oldest_op = entries[slab->oldest].op;
        rows_mark(&totals->rows[ROWS_SLAB], &slab->head);
}

static void slab_let_go(struct totals *totals, const struct live *live)
{
        struct live *entries = totals->live.entries;
        struct slab_row *slab;

        if (live->slab == 0)
                return;
        slab = (struct slab_row *)(void *)row_at(&totals->rows[ROWS_SLAB], live->slab);
        *(live->older != 0 ? &entries[live->older].newer : &slab->oldest) = live->newer;
        *(live->newer != 0 ? &entries[live->newer].older : &slab->newest) = live->older;
        slab->held--;
        slab->oldest_op = slab->oldest != 0 ? entries[slab->oldest].op : 0;
        rows_mark(&totals->rows[ROWS_SLAB], &slab->head);
}

static void add_alloc(struct totals *totals, const struct op_record *op, uint32_t site)
{
        uint32_t index;
        struct site_total *total = site_total_of(totals, op->task, site, op->cache);

        total->allocs++;
        total->dur_ns += op->dur_ns;
        total->size_bytes += op->size_bytes;
        if (op->pfn == PFN_NONE) {
                total->failed++;
                return;
        }
        total->live_objs++;
        total->live_bytes += op->size_bytes;
        index = live_add(&totals->live, op->id);
        totals->live.entries[index] = (struct live){
                .op = op->id,
                .since_ns = op->t_ns + op->dur_ns,
                .pfn = op->pfn,
                .offset = op->offset,
                .size_bytes = (uint32_t)op->size_bytes,
                .cache = op->cache,
                .site = site,
                .task = op->task,
                .cpu = op->cpu,
        };
        if (op->kind != OP_PAGES)
                slab_hold(totals, index);
}

/* Four buckets for each power of two; *ret_from_ns <= life_ns < *ret_to_ns. */
static uint32_t lifetime_bucket(uint64_t life_ns, uint64_t *ret_from_ns, uint64_t *ret_to_ns)
{
        uint32_t bits = life_ns < 8 ? 0 : 61u - (uint32_t)__builtin_clzll(life_ns);

        *ret_from_ns = life_ns >> bits << bits;
        *ret_to_ns = ((life_ns >> bits) + 1) << bits;
        return bits << 3 | (uint32_t)(life_ns >> bits);
}

static void add_free(struct totals *totals, const struct op_record *op)
{
        const struct live *live = live_find(&totals->live, op->frees);
        struct lifetime_total *lifetime;
        struct site_total *site;
        struct free_total *total;
        uint64_t life_ns, from_ns, to_ns;
        uint32_t bucket;
        gboolean is_new;

        if (live == NULL)
                return;
        life_ns = op->t_ns > live->since_ns ? op->t_ns - live->since_ns : 0;
        total = rows_touch(&totals->rows[ROWS_FREE],
                           (uint64_t)live->cache << 16 | (uint64_t)live->cpu << 8 | op->cpu, &is_new);
        total->cache = live->cache;
        total->alloc_cpu = live->cpu;
        total->free_cpu = op->cpu;
        total->frees++;
        total->size_bytes += live->size_bytes;

        bucket = lifetime_bucket(life_ns, &from_ns, &to_ns);
        lifetime = rows_touch(&totals->rows[ROWS_LIFETIME], (uint64_t)live->cache << 16 | bucket, &is_new);
        lifetime->cache = live->cache;
        lifetime->from_ns = from_ns;
        lifetime->to_ns = to_ns;
        lifetime->frees++;
        lifetime->size_bytes += live->size_bytes;
        lifetime->life_ns += life_ns;

        site = site_total_of(totals, live->task, live->site, live->cache);
        site->frees++;
        site->life_ns += life_ns;
        site->live_objs--;
        site->live_bytes -= live->size_bytes;

        slab_let_go(totals, live);
        live_remove(&totals->live, op->frees);
}

void totals_op(struct totals *totals, const struct op_record *op, uint32_t site)
{
        add_duration(totals, op);
        if (has_failed(op))
                g_array_append_val(totals->failed, op->id);
        if (is_alloc(op))
                add_alloc(totals, op, site);
        else if (op->kind == OP_FREE)
                add_free(totals, op);
        if (g_hash_table_size(totals->shrunk) > 0) {
                const GArray *frees = g_hash_table_lookup(totals->shrunk, GSIZE_TO_POINTER(op->id));

                for (guint i = 0; frees != NULL && i < frees->len; i++)
                        add_free(totals, &g_array_index(frees, struct op_record, i));
                g_hash_table_remove(totals->shrunk, GSIZE_TO_POINTER(op->id));
        }
        if (g_hash_table_size(totals->waited) > 0)
                g_hash_table_remove(totals->waited, GSIZE_TO_POINTER(op->id));
}

/*
 * What a free undoes lies anywhere in memory. Asked for some ops ahead, the lines are there when its turn comes: half of the
 * time that the totals take would be waiting for them.
 */
static void fetch_slot(const struct totals *totals, const struct op_record *op)
{
        if (op->kind == OP_FREE)
                __builtin_prefetch(&totals->live.slots[live_home(&totals->live, op->frees)]);
}

static void fetch_entry(const struct totals *totals, const struct op_record *op)
{
        if (op->kind == OP_FREE)
                __builtin_prefetch(&totals->live.entries[totals->live.slots[live_home(&totals->live, op->frees)]]);
}

static void fetch_neighbours(const struct totals *totals, const struct op_record *op)
{
        const struct live *live = op->kind == OP_FREE ? live_find(&totals->live, op->frees) : NULL;

        if (live == NULL || live->slab == 0)
                return;
        __builtin_prefetch(&totals->live.entries[live->older]);
        __builtin_prefetch(&totals->live.entries[live->newer]);
        __builtin_prefetch(row_at(&totals->rows[ROWS_SLAB], live->slab));
}

void totals_ops(struct totals *totals, const struct op_record *ops, const uint32_t *sites, uint32_t count)
{
        enum { SLOT_AHEAD = 24, ENTRY_AHEAD = 16, NEIGHBOURS_AHEAD = 8 };

        for (uint32_t i = 0; i < count; i++) {
                if (i + SLOT_AHEAD < count)
                        fetch_slot(totals, &ops[i + SLOT_AHEAD]);
                if (i + ENTRY_AHEAD < count)
                        fetch_entry(totals, &ops[i + ENTRY_AHEAD]);
                if (i + NEIGHBOURS_AHEAD < count)
                        fetch_neighbours(totals, &ops[i + NEIGHBOURS_AHEAD]);
                totals_op(totals, &ops[i], sites != NULL ? sites[i] : 0);
        }
}

/* -- writing -------------------------------------------------------------------------------------------------------- */

static int step_once(sqlite3_stmt *statement)
{
        sqlite3_step(statement);
        return sqlite3_reset(statement);
}

static int prepare_insert(sqlite3 *db, enum table_id table, const char *verb, sqlite3_stmt **ret)
{
        g_autofree char *sql = table_insert_sql(&schema_tables[table], verb);

        return sqlite3_prepare_v2(db, sql, -1, ret, NULL);
}

static int write_rows(struct rows *rows, sqlite3 *db)
{
        const struct table *table = &schema_tables[rows->table];
        g_autoptr(sqlite3_stmt) insert = NULL;
        g_autoptr(sqlite3_stmt) delete = NULL;
        int code = prepare_insert(db, rows->table, "INSERT OR REPLACE", &insert);

        if (code == SQLITE_OK && rows->table == TABLE_SLAB)
                code = sqlite3_prepare_v2(db, "DELETE FROM slab WHERE pfn = ?", -1, &delete, NULL);
        for (guint i = 0; i < rows->changed->len && code == SQLITE_OK; i++) {
                struct row_head *head = row_at(rows, g_array_index(rows->changed, uint32_t, i));

                head->is_changed = FALSE;
                if (delete != NULL && ((struct slab_row *)head)->is_gone) {
                        sqlite3_bind_int64(delete, 1, ((struct slab_row *)head)->pfn);
                        code = step_once(delete);
                } else {
                        table_bind_mirrors(table, insert, head);
                        code = step_once(insert);
                }
        }
        g_array_set_size(rows->changed, 0);
        return code;
}

static gint by_place(gconstpointer a, gconstpointer b)
{
        const struct live_object *left = a, *right = b;

        if (left->pfn != right->pfn)
                return left->pfn < right->pfn ? -1 : 1;
        return (left->offset > right->offset) - (left->offset < right->offset); /* places are unique: no ties */
}

GArray *totals_live_objects(const struct totals *totals)
{
        GArray *objects = g_array_sized_new(FALSE, FALSE, sizeof(struct live_object), (guint)totals->live.count);

        for (uint32_t index = 1; index <= totals->live.used; index++) {
                const struct live *live = &totals->live.entries[index];
                const struct live_object object = { live->pfn, live->offset, live->op };

                if (live->op != 0)
                        g_array_append_val(objects, object);
        }
        g_array_sort(objects, by_place); /* not qsort, which must not be given an array of none */
        return objects;
}

static int write_failed(struct totals *totals, sqlite3 *db)
{
        g_autoptr(sqlite3_stmt) insert = NULL;
        int code = prepare_insert(db, TABLE_OP_FAILED, "INSERT", &insert);

        for (guint i = 0; i < totals->failed->len && code == SQLITE_OK; i++) {
                sqlite3_bind_int64(insert, 1, (int64_t)g_array_index(totals->failed, uint64_t, i));
                code = step_once(insert);
        }
        g_array_set_size(totals->failed, 0);
        return code;
}

int totals_write(struct totals *totals, sqlite3 *db)
{
        int code = SQLITE_OK;

        for (int i = 0; i < ROWS_COUNT && code == SQLITE_OK; i++)
                if (totals->rows[i].changed->len > 0)
                        code = write_rows(&totals->rows[i], db);
        return code == SQLITE_OK && totals->failed->len > 0 ? write_failed(totals, db) : code;
}

/* -- comparing ------------------------------------------------------------------------------------------------------ */

static const struct rows *rows_of(const struct totals *totals, enum table_id table)
{
        for (int i = 0; i < ROWS_COUNT; i++)
                if (totals_tables[i] == table)
                        return &totals->rows[i];
        g_assert_not_reached();
}

const void *totals_row(const struct totals *totals, enum table_id table, int64_t key)
{
        const struct rows *rows = rows_of(totals, table);
        const struct row_head *head;

        if (table != TABLE_SLAB)
                return key >= 1 && key <= rows->count ? row_at(rows, (uint32_t)key) : NULL;
        head = rows_find(rows, (uint64_t)key);
        return head != NULL && !((const struct slab_row *)(const void *)head)->is_gone ? head : NULL;
}

uint64_t totals_row_count(const struct totals *totals, enum table_id table)
{
        const struct rows *rows = rows_of(totals, table);
        uint64_t count = rows->count;

        for (uint32_t id = 1; table == TABLE_SLAB && id <= rows->count; id++)
                count -= ((const struct slab_row *)(const void *)row_at(rows, id))->is_gone;
        return count;
}

gboolean totals_is_live(const struct totals *totals, uint64_t op, uint32_t pfn, uint32_t offset)
{
        const struct live *live = live_find(&totals->live, op);

        return live != NULL && live->pfn == pfn && live->offset == offset;
}

uint64_t totals_live_count(const struct totals *totals)
{
        return totals->live.count;
}

const GArray *totals_failed_ops(const struct totals *totals)
{
        return totals->failed;
}
