/*
 * recorder.c - see recorder.h.
 *
 *      simulation --to_encode--> encoder --to_write--> writer
 *
 * Making rows takes about half as long as SQLite needs to put them away, so each has a thread: the encoder turns batches
 * into blocks of rows (row_block.h) and adds up sums and totals, the writer calls SQLite. Both work in the order of the
 * calls. Queues, spare batches and blocks are shared under `lock`; `state` is atomic. Everything about the database
 * belongs to the writer's thread from recorder_open until it is joined, then to the caller of recorder_finish. While a
 * cut is written the encoder waits: sums and totals are then the writer's.
 */
#include "record/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "record/record_error.h"
#include "record/row_block.h"
#include "record/schema.h"
#include "record/totals.h"
#include "sim_config.h"

#define BATCHES_MAX      8u      /* between the two threads, about 700 KB each */
#define COMMIT_EVERY_US  1000000 /* wall time between two commits */
#define COMMIT_FIRST_US  100000  /* the first one */
#define COMMIT_EVERY_MIN_US 1000 /* between two looks for something to do */
#define COMMIT_ROWS_MAX  250000u /* rows of op and event in one commit; they wait in memory */
#define READER_WAIT_MS   60000   /* how long a reader of the same file may hold up a commit */

/* A value on its way into the file. */
struct value {
        int type; /* SQLITE_NULL, SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT */
        int64_t number;
        double real;
        char *text;
        int text_bytes;
};

#define BLOCKS 3u /* of rows, each about 1.3 MB: one is filled, one copied, one between the two */

/* What passes from one thread to the next: a batch (to the writer for its cut), a block of rows, or a statement with its
 * values. */
struct item {
        struct batch *batch;
        struct row_block *block;
        const char *sql;
        struct value *values;
        int value_count;
};

/* What waits for a thread. */
struct stage {
        GQueue items; /* struct item */
        GCond filled; /* or over */
        gboolean is_over; /* nothing follows */
};

/* Sums over the rows of op with ids first_id .. first_id + OP_CHECK_ROWS - 1 (schema.h). */
struct op_sums {
        uint64_t first_id;
        uint32_t rows;
        gboolean changed; /* since the last commit */
        uint64_t sum[OP_COLUMNS_MAX], weighted_sum[OP_COLUMNS_MAX];
};

struct recorder {
        char *path;
        sqlite3 *db;
        GThread *encoder, *writer;

        GMutex lock;
        struct stage to_encode, to_write;
        GCond batch_freed, block_freed, cut_written;
        GQueue free_batches, free_blocks; /* struct batch, struct row_block */
        uint32_t batch_count;
        gboolean is_cutting; /* a cut is on its way to the writer or written */
        gint64 commit_every_us;
        gint state; /* SINK_*, atomic */
        gboolean is_done; /* the run came to its end: what the workload still holds is known */

        /* the encoder's, but while a cut is written */
        struct row_block *block; /* being filled, NULL: none */
        struct field op_fields[OP_COLUMNS_MAX];
        const struct op_record **sorted; /* ops of a batch by id */
        GHashTable *op_sums; /* number of the block + 1 -> struct op_sums, blocks not complete or changed */
        struct totals *totals;
        uint64_t row_count, op_row_count;
        uint64_t sample_interval_ns;
        gboolean has_asked; /* for a cut since the last commit */
        gint64 committed_us, started_us;

        /* the writer's */
        GError *error;
        sqlite3_stmt *last; /* statement of run_values, and its text */
        const char *last_sql;
        struct row_block *blocks[BLOCKS];
        gboolean in_transaction, knows_zones;
};

/* -- values and statements ------------------------------------------------------------------------------------------ */

static struct value int_value(int64_t number)
{
        return (struct value){ .type = SQLITE_INTEGER, .number = number };
}

static struct value int_or_null(int64_t number, gboolean is_null)
{
        return is_null ? (struct value){ .type = SQLITE_NULL } : int_value(number);
}

static struct value real_value(double real)
{
        return (struct value){ .type = SQLITE_FLOAT, .real = real };
}

/* NULL is NULL. */
static struct value text_value(const char *text, gssize bytes)
{
        if (text == NULL)
                return (struct value){ .type = SQLITE_NULL };
        if (bytes < 0)
                bytes = (gssize)strlen(text);
        return (struct value){ .type = SQLITE_TEXT, .text = g_strndup(text, (gsize)bytes), .text_bytes = (int)bytes };
}

static struct item statement_item(const char *sql, const struct value *values, int count)
{
        return (struct item){ .sql = sql,
                              .values = g_memdup2(values, (gsize)count * sizeof(*values)),
                              .value_count = count };
}

static void values_free(struct value *values, int count)
{
        for (int i = 0; i < count; i++)
                g_free(values[i].text);
        g_free(values);
}

static gboolean fail(struct recorder *recorder, int code)
{
        if (recorder->error != NULL)
                return FALSE;
        return record_fail(&recorder->error, recorder->db, code, "write", recorder->path);
}

static gboolean exec(struct recorder *recorder, const char *sql)
{
        int code = sqlite3_exec(recorder->db, sql, NULL, NULL, NULL);

        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

static gboolean prepare(struct recorder *recorder, const char *sql, sqlite3_stmt **ret)
{
        int code = sqlite3_prepare_v3(recorder->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

static gboolean step(struct recorder *recorder, sqlite3_stmt *statement)
{
        int code;

        sqlite3_step(statement);
        code = sqlite3_reset(statement);
        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

static void bind(sqlite3_stmt *statement, int at, const struct value *value)
{
        switch (value->type) {
        case SQLITE_INTEGER: sqlite3_bind_int64(statement, at, value->number); break;
        case SQLITE_FLOAT: sqlite3_bind_double(statement, at, value->real); break;
        case SQLITE_TEXT: sqlite3_bind_text(statement, at, value->text, value->text_bytes, SQLITE_STATIC); break;
        default: sqlite3_bind_null(statement, at); break;
        }
}

/* Statements of this kind come many times in turn: the last stays prepared. sql: the same pointer for the same one. */
static gboolean run_values(struct recorder *recorder, const char *sql, const struct value *values, int count)
{
        gboolean ok;

        if (recorder->last_sql != sql) {
                sqlite3_finalize(recorder->last);
                recorder->last = NULL;
                recorder->last_sql = NULL;
                if (!prepare(recorder, sql, &recorder->last))
                        return FALSE;
                recorder->last_sql = sql;
        }
        for (int i = 0; i < count; i++)
                bind(recorder->last, i + 1, &values[i]);
        ok = step(recorder, recorder->last);
        sqlite3_clear_bindings(recorder->last); /* the values are the caller's */
        return ok;
}

static void close_database(struct recorder *recorder)
{
        sqlite3_finalize(recorder->last);
        recorder->last = NULL;
        recorder->last_sql = NULL;
        for (uint32_t i = 0; i < BLOCKS; i++)
                g_clear_pointer(&recorder->blocks[i], row_block_free);
        sqlite3_close_v2(recorder->db);
        recorder->db = NULL;
}

/* -- the writer: what a cut says ------------------------------------------------------------------------------------ */

static gboolean begin(struct recorder *recorder)
{
        if (!recorder->in_transaction && !exec(recorder, "BEGIN"))
                return FALSE;
        recorder->in_transaction = TRUE;
        return TRUE;
}

static gboolean commit(struct recorder *recorder)
{
        if (recorder->in_transaction && !exec(recorder, "COMMIT"))
                return FALSE;
        recorder->in_transaction = FALSE;
        return TRUE;
}

/* Text of a fixed field, which may lack the final 0. */
static void bind_name(sqlite3_stmt *statement, int at, const char *name, size_t size)
{
        sqlite3_bind_text(statement, at, name, (int)strnlen(name, size), SQLITE_STATIC);
}

static gboolean prepare_insert(struct recorder *recorder, enum table_id table, const char *verb, sqlite3_stmt **ret)
{
        g_autofree char *sql = table_insert_sql(&schema_tables[table], verb);

        return prepare(recorder, sql, ret);
}

static gboolean write_caches(struct recorder *recorder, const GArray *changes)
{
        g_autoptr(sqlite3_stmt) insert = NULL;

        if (changes->len == 0)
                return TRUE;
        if (!prepare_insert(recorder, TABLE_CACHE, "INSERT OR REPLACE", &insert))
                return FALSE;
        for (guint i = 0; i < changes->len; i++) {
                const struct cache_change *change = &g_array_index(changes, struct cache_change, i);

                sqlite3_bind_int64(insert, 1, change->cache);
                bind_name(insert, 2, change->view.spec.name, sizeof(change->view.spec.name));
                table_bind_mirrors(&schema_tables[TABLE_CACHE], insert, &change->view);
                if (!step(recorder, insert))
                        return FALSE;
        }
        return TRUE;
}

static gboolean write_boot_slabs(struct recorder *recorder, const GArray *slabs)
{
        g_autoptr(sqlite3_stmt) insert = NULL;

        if (slabs == NULL)
                return TRUE;
        if (!prepare_insert(recorder, TABLE_BOOT_SLAB, "INSERT", &insert))
                return FALSE;
        for (guint i = 0; i < slabs->len; i++) {
                const struct boot_slab *slab = &g_array_index(slabs, struct boot_slab, i);

                sqlite3_bind_int64(insert, 1, slab->pfn);
                sqlite3_bind_int64(insert, 2, slab->cache);
                sqlite3_bind_int64(insert, 3, slab->inuse);
                if (!step(recorder, insert))
                        return FALSE;
                totals_boot_slab(recorder->totals, slab->pfn, slab->cache, slab->inuse);
        }
        return TRUE;
}

static gboolean write_zones(struct recorder *recorder, const GPtrArray *samples)
{
        const struct sample *sample = samples->len > 0 ? samples->pdata[0] : NULL;
        g_autoptr(sqlite3_stmt) insert = NULL;

        if (recorder->knows_zones || sample == NULL)
                return TRUE;
        recorder->knows_zones = TRUE;
        if (!prepare_insert(recorder, TABLE_ZONE, "INSERT", &insert))
                return FALSE;
        for (uint32_t i = 0; i < sample->zone_count; i++) {
                const struct zone_view *zone = &sample->zones[i];

                sqlite3_bind_int64(insert, 1, zone->node * 3 + zone->type);
                sqlite3_bind_text(insert, 2, zone->name, -1, SQLITE_STATIC);
                table_bind_mirrors(&schema_tables[TABLE_ZONE], insert, zone);
                if (!step(recorder, insert))
                        return FALSE;
        }
        return TRUE;
}

static gboolean write_open_ops(struct recorder *recorder, const GArray *open)
{
        const struct table *table = &schema_tables[TABLE_OP_OPEN];
        g_autoptr(sqlite3_stmt) insert = NULL;
        int spec_at = (int)schema_tables[TABLE_OP].column_count + 1; /* what a CREATE asks for comes after the fields */

        if (!exec(recorder, "DELETE FROM op_open") || !prepare_insert(recorder, TABLE_OP_OPEN, "INSERT", &insert))
                return FALSE;
        for (guint i = 0; i < open->len; i++) {
                const struct open_op *op = &g_array_index(open, struct open_op, i);

                table_bind_mirrors(table, insert, &op->op);
                if (op->op.kind == OP_CREATE) {
                        bind_name(insert, spec_at, op->spec.name, sizeof(op->spec.name));
                        sqlite3_bind_int64(insert, spec_at + 1, op->spec.size_bytes);
                        sqlite3_bind_int64(insert, spec_at + 2, op->spec.align_bytes);
                        sqlite3_bind_int64(insert, spec_at + 3, op->spec.flags);
                        sqlite3_bind_int64(insert, spec_at + 4, op->spec.ctor_cycles);
                        sqlite3_bind_int64(insert, spec_at + 5, op->spec.dtor_cycles);
                }
                if (!step(recorder, insert))
                        return FALSE;
                sqlite3_clear_bindings(insert);
        }
        return TRUE;
}

static gboolean write_sums(struct recorder *recorder)
{
        const struct table *table = &schema_tables[TABLE_OP];
        g_autoptr(sqlite3_stmt) insert = NULL;
        GHashTableIter iter;
        gpointer value;

        if (!prepare_insert(recorder, TABLE_OP_CHECK, "INSERT OR REPLACE", &insert))
                return FALSE;
        g_hash_table_iter_init(&iter, recorder->op_sums);
        while (g_hash_table_iter_next(&iter, NULL, &value)) { /* in any order: the table has its own */
                struct op_sums *sums = value;

                for (uint32_t column = 0; sums->changed && column < table->column_count; column++) {
                        sqlite3_bind_int64(insert, 1, (int64_t)sums->first_id);
                        sqlite3_bind_text(insert, 2, table->columns[column].name, -1, SQLITE_STATIC);
                        sqlite3_bind_int64(insert, 3, sums->rows);
                        sqlite3_bind_int64(insert, 4, (int64_t)sums->sum[column]);
                        sqlite3_bind_int64(insert, 5, (int64_t)sums->weighted_sum[column]);
                        if (!step(recorder, insert))
                                return FALSE;
                }
                sums->changed = FALSE;
                if (sums->rows == OP_CHECK_ROWS)
                        g_hash_table_iter_remove(&iter);
        }
        return TRUE;
}

static gboolean write_totals(struct recorder *recorder)
{
        int code = totals_write(recorder->totals, recorder->db);

        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

#define SET_KEY_SQL "INSERT OR REPLACE INTO run VALUES (?, ?)"

static gboolean set_key(struct recorder *recorder, const char *key, struct value value)
{
        struct value values[] = { text_value(key, -1), value };
        gboolean ok = run_values(recorder, SET_KEY_SQL, values, 2);

        g_free(values[0].text);
        g_free(values[1].text);
        return ok;
}

static gboolean write_cut(struct recorder *recorder, const struct cut *cut)
{
        if (!begin(recorder) || !write_caches(recorder, cut->caches) || !write_boot_slabs(recorder, cut->slabs) ||
            !write_zones(recorder, cut->samples) || !write_open_ops(recorder, cut->open) || !write_sums(recorder) ||
            !write_totals(recorder) ||
            !set_key(recorder, "end_ns", int_value((int64_t)cut->now_ns)) ||
            !set_key(recorder, "op_total", int_value((int64_t)cut->op_total)) ||
            !set_key(recorder, "op_count", int_value((int64_t)cut->op_count)) ||
            !set_key(recorder, "event_count", int_value((int64_t)cut->event_total)) ||
            !set_key(recorder, "sample_interval_ns", int_value((int64_t)cut->sample_interval_ns)) ||
            !set_key(recorder, "digest", text_value(cut->digest, -1)) || !commit(recorder))
                return FALSE;
        recorder->committed_us = g_get_monotonic_time();
        return TRUE;
}

/* The file cannot be written any more: back to the last commit, and say so in it if there is room for that. */
static void give_up(struct recorder *recorder)
{
        const struct value values[] = {
                { .type = SQLITE_TEXT, .text = recorder->error->message, .text_bytes = -1 },
        };

        sqlite3_exec(recorder->db, "ROLLBACK", NULL, NULL, NULL);
        recorder->in_transaction = FALSE;
        if (sqlite3_exec(recorder->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
            !run_values(recorder, "INSERT OR REPLACE INTO run VALUES ('failure_reason', ?)", values, 1) ||
            sqlite3_exec(recorder->db, "UPDATE run SET value = 'failed' WHERE key = 'status'; COMMIT", NULL, NULL,
                         NULL) != SQLITE_OK)
                sqlite3_exec(recorder->db, "ROLLBACK", NULL, NULL, NULL);
        g_atomic_int_or((guint *)&recorder->state, SINK_IS_BROKEN);
}

static void item_free(struct item *item)
{
        values_free(item->values, item->value_count);
        g_free(item);
}

static void stage_init(struct stage *stage)
{
        g_queue_init(&stage->items);
        g_cond_init(&stage->filled);
        stage->is_over = FALSE;
}

static void stage_push(struct stage *stage, struct item item)
{
        g_queue_push_tail(&stage->items, g_memdup2(&item, sizeof(item)));
        g_cond_signal(&stage->filled);
}

static void stage_end(struct stage *stage)
{
        stage->is_over = TRUE;
        g_cond_signal(&stage->filled);
}

static void stage_clear(struct stage *stage)
{
        struct item *item;

        while ((item = g_queue_pop_head(&stage->items)) != NULL) {
                batch_free(item->batch);
                item_free(item);
        }
        g_cond_clear(&stage->filled);
}

/* Facts are committed with the next cut; so those from before the run are all there, or none is. */
static gboolean write_item(struct recorder *recorder, const struct item *item)
{
        int code;

        if (!begin(recorder))
                return FALSE;
        if (item->sql != NULL)
                return run_values(recorder, item->sql, item->values, item->value_count);
        if (item->batch != NULL)
                return write_cut(recorder, item->batch->cut);
        code = row_block_copy(item->block);
        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

static gpointer writer(gpointer context)
{
        struct recorder *recorder = context;
        struct stage *stage = &recorder->to_write;

        g_mutex_lock(&recorder->lock);
        for (;;) {
                struct item *item;

                while (g_queue_is_empty(&stage->items) && !stage->is_over)
                        g_cond_wait(&stage->filled, &recorder->lock);
                item = g_queue_pop_head(&stage->items);
                if (item == NULL)
                        break;
                g_mutex_unlock(&recorder->lock);
                if (recorder->error == NULL && !write_item(recorder, item))
                        give_up(recorder);
                if (recorder->error != NULL && item->block != NULL)
                        row_block_clear(item->block);
                g_mutex_lock(&recorder->lock);
                if (item->block != NULL) {
                        g_queue_push_tail(&recorder->free_blocks, item->block);
                        g_cond_signal(&recorder->block_freed);
                }
                if (item->batch != NULL) {
                        recorder->is_cutting = FALSE;
                        g_cond_signal(&recorder->cut_written);
                }
                item_free(item);
        }
        g_mutex_unlock(&recorder->lock);
        return NULL;
}

/* -- the encoder ---------------------------------------------------------------------------------------------------- */

static void write_later(struct recorder *recorder, struct item item)
{
        g_mutex_lock(&recorder->lock);
        stage_push(&recorder->to_write, item);
        g_mutex_unlock(&recorder->lock);
}

static void begin_rows(struct recorder *recorder, enum table_id table)
{
        g_mutex_lock(&recorder->lock);
        while ((recorder->block = g_queue_pop_head(&recorder->free_blocks)) == NULL)
                g_cond_wait(&recorder->block_freed, &recorder->lock);
        g_mutex_unlock(&recorder->lock);
        row_block_begin(recorder->block, table);
}

static void end_rows(struct recorder *recorder)
{
        row_block_end(recorder->block);
        write_later(recorder, (struct item){ .block = recorder->block });
        recorder->block = NULL;
}

/* The block is full: the row that was not taken is the first of another. */
static void next_block(struct recorder *recorder, enum table_id table)
{
        end_rows(recorder);
        begin_rows(recorder, table);
}

static struct op_sums *sums_of(struct recorder *recorder, uint64_t id)
{
        uint64_t block = (id - 1) / OP_CHECK_ROWS;
        struct op_sums *sums = g_hash_table_lookup(recorder->op_sums, GSIZE_TO_POINTER(block + 1));

        if (sums == NULL) {
                sums = g_new0(struct op_sums, 1);
                sums->first_id = block * OP_CHECK_ROWS + 1;
                g_hash_table_insert(recorder->op_sums, GSIZE_TO_POINTER(block + 1), sums);
        }
        return sums;
}

static void add_to_sums(struct recorder *recorder, const struct op_record *const *ops, uint32_t count)
{
        const struct field *fields = recorder->op_fields;
        uint32_t field_count = schema_tables[TABLE_OP].column_count;
        struct op_sums *sums = NULL;

        for (uint32_t i = 0; i < count; i++) {
                uint64_t id = ops[i]->id, weight;

                if (sums == NULL || id < sums->first_id || id - sums->first_id >= OP_CHECK_ROWS)
                        sums = sums_of(recorder, id);
                sums->rows++;
                sums->changed = TRUE;
                weight = id - sums->first_id + 1;
                for (uint32_t column = 0; column < field_count; column++) {
                        uint64_t value = field_get(&fields[column], ops[i]);

                        sums->sum[column] += value;
                        sums->weighted_sum[column] += value * weight;
                }
        }
}

static int by_id(const void *a, const void *b)
{
        uint64_t left = (*(const struct op_record *const *)a)->id, right = (*(const struct op_record *const *)b)->id;

        return (left > right) - (left < right); /* ids are unique: no ties */
}

/* The ops of a batch by id. They come as they end, nearly in order: each has few to pass, or all are sorted anew. */
static const struct op_record **sort_ops(struct recorder *recorder, const struct batch *batch)
{
        uint32_t passes_left = 16 * batch->op_count;
        const struct op_record **sorted;

        recorder->sorted = g_renew(const struct op_record *, recorder->sorted, batch->op_cap);
        sorted = recorder->sorted;
        for (uint32_t i = 0; i < batch->op_count; i++) {
                const struct op_record *op = &batch->ops[i];
                uint32_t at = i;

                for (; at > 0 && sorted[at - 1]->id > op->id && passes_left > 0; at--, passes_left--)
                        sorted[at] = sorted[at - 1];
                sorted[at] = op;
        }
        if (passes_left == 0)
                qsort(sorted, batch->op_count, sizeof(*sorted), by_id);
        return sorted;
}

static void encode_ops(struct recorder *recorder, const struct op_record *const *ops, uint32_t count)
{
        if (count == 0)
                return;
        begin_rows(recorder, TABLE_OP);
        for (uint32_t i = 0; i < count; i++)
                while (!row_block_add_record(recorder->block, ops[i]))
                        next_block(recorder, TABLE_OP);
        end_rows(recorder);
}

static void encode_sites(struct recorder *recorder, const struct op_record *const *ops, const struct batch *batch)
{
        if (batch->sites == NULL)
                return;
        begin_rows(recorder, TABLE_OP_SITE);
        for (uint32_t i = 0; i < batch->op_count; i++) {
                uint32_t site = batch->sites[ops[i] - batch->ops];

                while (site != 0 && !row_block_add_pair(recorder->block, (int64_t)ops[i]->id, site))
                        next_block(recorder, TABLE_OP_SITE);
        }
        end_rows(recorder);
}

static void encode_events(struct recorder *recorder, const struct event_record *events, uint32_t count)
{
        if (count == 0)
                return;
        begin_rows(recorder, TABLE_EVENT);
        for (uint32_t i = 0; i < count; i++)
                while (!row_block_add_record(recorder->block, &events[i]))
                        next_block(recorder, TABLE_EVENT);
        end_rows(recorder);
}

static void encode_records(struct recorder *recorder, const struct batch *batch)
{
        const struct op_record *const *ops = sort_ops(recorder, batch);

        add_to_sums(recorder, ops, batch->op_count);
        for (uint32_t i = 0; i < batch->event_count; i++)
                totals_event(recorder->totals, &batch->events[i]);
        totals_ops(recorder->totals, batch->ops, batch->sites, batch->op_count);
        encode_ops(recorder, ops, batch->op_count);
        encode_sites(recorder, ops, batch);
        encode_events(recorder, batch->events, batch->event_count);
        recorder->row_count += batch->op_count + batch->event_count;
        recorder->op_row_count += batch->op_count;
}

/* Drops what the sampler has dropped since the last cut. */
static void thin_samples(struct recorder *recorder, uint64_t interval_ns)
{
        static const char *const deletes[] = {
                "DELETE FROM zone_sample WHERE t_ns % ? <> 0",
                "DELETE FROM cache_sample WHERE t_ns % ? <> 0",
        };

        if (interval_ns == recorder->sample_interval_ns)
                return;
        recorder->sample_interval_ns = interval_ns;
        for (size_t i = 0; i < G_N_ELEMENTS(deletes); i++) {
                const struct value value = int_value((int64_t)interval_ns);

                write_later(recorder, statement_item(deletes[i], &value, 1));
        }
}

/* Free blocks of one zone and order; suitable_pages: in blocks of this order and larger. FALSE: no room. */
static gboolean add_zone_row(struct row_block *block, uint64_t t_ns, const struct zone_view *zone, uint32_t order,
                             int64_t free_pages, int64_t all_blocks, int64_t suitable_pages)
{
        row_block_int(block, (int64_t)t_ns);
        row_block_int(block, zone->node);
        row_block_text(block, zone->name);
        row_block_int(block, order);
        row_block_int(block, zone->free_blocks[order]);
        row_block_int(block, free_pages);
        row_block_int(block, all_blocks);
        row_block_int(block, suitable_pages);
        row_block_int(block, zone->pcp_pages);
        return row_block_end_row(block);
}

static void encode_zone(struct recorder *recorder, uint64_t t_ns, const struct zone_view *zone)
{
        int64_t pages = 0, blocks = 0, suitable;

        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                blocks += zone->free_blocks[order];
                pages += (int64_t)zone->free_blocks[order] << order;
        }
        suitable = pages;
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                while (!add_zone_row(recorder->block, t_ns, zone, order, pages, blocks, suitable))
                        next_block(recorder, TABLE_ZONE_SAMPLE);
                suitable -= (int64_t)zone->free_blocks[order] << order;
        }
}

static gboolean add_cache_row(struct row_block *block, uint64_t t_ns, const struct cache_at *at)
{
        row_block_int(block, (int64_t)t_ns);
        row_block_int(block, at->cache);
        row_block_mirrors(block, &at->stock);
        return row_block_end_row(block);
}

static void encode_samples(struct recorder *recorder, const GPtrArray *samples)
{
        if (samples->len == 0)
                return;
        begin_rows(recorder, TABLE_ZONE_SAMPLE);
        for (guint i = 0; i < samples->len; i++) {
                const struct sample *sample = samples->pdata[i];

                for (uint32_t zone = 0; zone < sample->zone_count; zone++)
                        encode_zone(recorder, sample->t_ns, &sample->zones[zone]);
        }
        end_rows(recorder);
        begin_rows(recorder, TABLE_CACHE_SAMPLE);
        for (guint i = 0; i < samples->len; i++) {
                const struct sample *sample = samples->pdata[i];

                for (uint32_t at = 0; at < sample->cache_count; at++)
                        while (!add_cache_row(recorder->block, sample->t_ns, &sample->caches[at]))
                                next_block(recorder, TABLE_CACHE_SAMPLE);
        }
        end_rows(recorder);
}

static gboolean add_live_row(struct row_block *block, const struct live_object *object)
{
        row_block_int(block, object->pfn);
        row_block_int(block, object->offset);
        row_block_int(block, (int64_t)object->op);
        return row_block_end_row(block);
}

/* What the workload still holds; committed with the end. */
static void encode_live(struct recorder *recorder)
{
        g_autoptr(GArray) objects = totals_live_objects(recorder->totals);

        if (objects->len == 0)
                return;
        begin_rows(recorder, TABLE_LIVE_OBJECT);
        for (guint i = 0; i < objects->len; i++)
                while (!add_live_row(recorder->block, &g_array_index(objects, struct live_object, i)))
                        next_block(recorder, TABLE_LIVE_OBJECT);
        end_rows(recorder);
}

/* Sums and totals stand still until the writer has written them. */
static void cut(struct recorder *recorder, struct item *item)
{
        thin_samples(recorder, item->batch->cut->sample_interval_ns);
        encode_samples(recorder, item->batch->cut->samples);
        g_mutex_lock(&recorder->lock);
        recorder->is_cutting = TRUE;
        stage_push(&recorder->to_write, *item);
        while (recorder->is_cutting)
                g_cond_wait(&recorder->cut_written, &recorder->lock);
        g_mutex_unlock(&recorder->lock);
        recorder->has_asked = FALSE;
        recorder->row_count = 0;
}

static void ask_for_cut(struct recorder *recorder)
{
        if (!recorder->has_asked)
                g_atomic_int_or((guint *)&recorder->state, SINK_WANTS_CUT);
        recorder->has_asked = TRUE;
}

/* Sooner at first, so that what is lost when a run is killed or the disk is full is never most of it. */
static gint64 commit_interval_us(const struct recorder *recorder)
{
        gint64 age_us = recorder->committed_us - recorder->started_us;

        return MIN(recorder->commit_every_us, MAX(COMMIT_FIRST_US, age_us / 2));
}

static void ask_if_time(struct recorder *recorder, gint64 interval_us)
{
        if (recorder->row_count >= COMMIT_ROWS_MAX ||
            g_get_monotonic_time() - recorder->committed_us >= interval_us)
                ask_for_cut(recorder);
}

static struct item *wait_for_item(struct recorder *recorder)
{
        struct stage *stage = &recorder->to_encode;

        while (g_queue_is_empty(&stage->items) && !stage->is_over) {
                gint64 wait_us = MAX(commit_interval_us(recorder), COMMIT_EVERY_MIN_US);

                if (!g_cond_wait_until(&stage->filled, &recorder->lock, g_get_monotonic_time() + wait_us))
                        ask_for_cut(recorder);
        }
        return g_queue_pop_head(&stage->items);
}

static gpointer encoder(gpointer context)
{
        struct recorder *recorder = context;
        struct item *item;

        g_mutex_lock(&recorder->lock);
        while ((item = wait_for_item(recorder)) != NULL) {
                gint64 interval_us = commit_interval_us(recorder);

                if (item->batch == NULL) {
                        stage_push(&recorder->to_write, *item);
                        g_free(item);
                        continue;
                }
                g_mutex_unlock(&recorder->lock);
                encode_records(recorder, item->batch);
                if (item->batch->cut != NULL)
                        cut(recorder, item);
                ask_if_time(recorder, interval_us);
                g_mutex_lock(&recorder->lock);
                g_queue_push_tail(&recorder->free_batches, item->batch);
                g_cond_signal(&recorder->batch_freed);
                item_free(item);
        }
        if (recorder->is_done) {
                g_mutex_unlock(&recorder->lock);
                encode_live(recorder);
                g_mutex_lock(&recorder->lock);
        }
        stage_end(&recorder->to_write);
        g_mutex_unlock(&recorder->lock);
        return NULL;
}

/* -- the side of the simulation ------------------------------------------------------------------------------------- */

static void push(struct recorder *recorder, struct item item)
{
        g_mutex_lock(&recorder->lock);
        stage_push(&recorder->to_encode, item);
        g_mutex_unlock(&recorder->lock);
}

static void push_values(struct recorder *recorder, const char *sql, const struct value *values, int count)
{
        push(recorder, statement_item(sql, values, count));
}

static struct batch *deliver(void *context, struct batch *full)
{
        struct recorder *recorder = context;
        uint32_t op_cap = full->op_cap, event_cap = full->event_cap;
        struct batch *empty;

        push(recorder, (struct item){ .batch = full });
        g_mutex_lock(&recorder->lock);
        if (recorder->batch_count == 0)
                recorder->batch_count = 1; /* the observer's first */
        while ((empty = g_queue_pop_head(&recorder->free_batches)) == NULL && recorder->batch_count >= BATCHES_MAX)
                g_cond_wait(&recorder->batch_freed, &recorder->lock);
        if (empty == NULL)
                recorder->batch_count++;
        g_mutex_unlock(&recorder->lock);
        return empty != NULL ? empty : batch_new(op_cap, event_cap);
}

struct sink recorder_sink(struct recorder *recorder)
{
        return (struct sink){ .deliver = deliver, .context = recorder, .state = &recorder->state };
}

void recorder_set_text(struct recorder *recorder, const char *key, const char *value)
{
        const struct value values[] = { text_value(key, -1), text_value(value, -1) };

        push_values(recorder, SET_KEY_SQL, values, 2);
}

void recorder_set_int(struct recorder *recorder, const char *key, int64_t value)
{
        const struct value values[] = { text_value(key, -1), int_value(value) };

        push_values(recorder, SET_KEY_SQL, values, 2);
}

void recorder_set_config(struct recorder *recorder, const struct sim_config *config)
{
        for (uint32_t i = 0; i < machine_key_count; i++) {
                const void *field = (const char *)config + machine_keys[i].offset;

                recorder_set_int(recorder, machine_keys[i].name,
                                 machine_keys[i].is_signed ? *(const int32_t *)field
                                                           : (int64_t)*(const uint32_t *)field);
        }
        for (int cost = 0; cost < COST_KIND_COUNT; cost++) {
                g_autofree char *key = schema_cost_key((enum cost_kind)cost);

                recorder_set_int(recorder, key, config->cost_cycles[cost]);
        }
}

void recorder_add_source(struct recorder *recorder, const char *name, const char *text, gssize text_bytes)
{
        gsize bytes = text_bytes < 0 ? strlen(text) : (gsize)text_bytes;
        g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, bytes);
        const struct value values[] = { text_value(name, -1), text_value(text, (gssize)bytes), text_value(sha256, -1) };

        push_values(recorder, "INSERT OR REPLACE INTO source VALUES (?, ?, ?)", values, 3);
}

void recorder_add_thread(struct recorder *recorder, uint32_t id, enum thread_kind kind, uint32_t cpu, const char *name,
                         gboolean make_it_fail)
{
        const struct value values[] = {
                int_value(id),
                text_value(kind == THREAD_IRQ ? "irq" : "task", -1),
                int_value(cpu),
                text_value(name, -1),
                int_value(make_it_fail),
        };

        push_values(recorder, "INSERT INTO thread (id, kind, cpu, name, make_it_fail) VALUES (?, ?, ?, ?, ?)", values,
                    G_N_ELEMENTS(values));
}

void recorder_add_process(struct recorder *recorder, uint32_t id, const struct process_spec *spec)
{
        const struct value values[] = {
                int_value(id),
                text_value(spec->name, -1),
                int_value(spec->pid),
                int_or_null(spec->parent, spec->parent == 0),
                int_or_null(spec->shares, spec->shares == 0),
                int_value(spec->flags),
                int_value(spec->nice),
                int_value(spec->oom_adj),
                int_value((int64_t)spec->total_vm_pages),
                int_value((int64_t)spec->cpu_ticks),
                int_value((int64_t)spec->age_s),
        };

        push_values(recorder, "INSERT INTO process VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values,
                    G_N_ELEMENTS(values));
}

void recorder_join_process(struct recorder *recorder, uint32_t thread, uint32_t process)
{
        const struct value values[] = { int_value(process), int_value(thread) };

        push_values(recorder, "UPDATE thread SET process = ? WHERE id = ?", values, 2);
}

void recorder_add_mempool(struct recorder *recorder, uint32_t id, const struct mempool_spec *spec)
{
        const struct value values[] = {
                int_value(id),
                text_value(spec->name, -1),
                int_value(spec->min_nr),
                text_value(spec->kind == MEMPOOL_KMALLOC ? "kmalloc"
                           : spec->kind == MEMPOOL_SLAB  ? "slab"
                                                         : "pages",
                           -1),
                int_or_null(spec->size_bytes, spec->kind != MEMPOOL_KMALLOC),
                int_or_null(spec->cache, spec->kind != MEMPOOL_SLAB),
                int_or_null(spec->order, spec->kind != MEMPOOL_PAGES),
                int_value(spec->node_plus_1),
        };

        push_values(recorder, "INSERT INTO mempool VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values, G_N_ELEMENTS(values));
}

void recorder_add_site(struct recorder *recorder, uint32_t id, const char *name, const char *task)
{
        const struct value values[] = { int_value(id), text_value(name, -1), text_value(task, -1) };

        push_values(recorder, "INSERT INTO site VALUES (?, ?, ?)", values, 3);
}

void recorder_add_failure(struct recorder *recorder, const struct failure *failure)
{
        static const struct request none;
        const struct request *request = failure->refused != NULL ? failure->refused : &none;
        gboolean refused = failure->refused != NULL;
        gboolean has_cache = request->kind == OP_ALLOC || request->kind == OP_SHRINK || request->kind == OP_DESTROY;
        const struct value values[] = {
                int_value((int64_t)failure->t_ns),
                int_or_null((int64_t)failure->op, failure->op == 0),
                int_or_null(failure->task, failure->task == 0),
                int_or_null(failure->cpu, failure->task == 0 && failure->op == 0),
                text_value(failure->kind, -1),
                text_value(failure->message, -1),
                text_value(failure->report, -1),
                int_or_null(request->kind, !refused),
                int_or_null((int64_t)failure->refused_frees, !refused || failure->refused_frees == 0),
                int_or_null(request->cache, !refused || !has_cache),
                int_or_null((int64_t)request->size_bytes, !refused),
                int_or_null(request->gfp, !refused),
                int_or_null(request->order, !refused),
        };

        push_values(recorder,
                    "INSERT INTO failure (t_ns, op, task, cpu, kind, message, report, request_kind, request_frees, "
                    "request_cache, request_size_bytes, request_gfp, request_order) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    values, G_N_ELEMENTS(values));
}

/* -- opening and closing -------------------------------------------------------------------------------------------- */

/* Why the file cannot be put at `path`, from errno. */
static gboolean fail_to_create(const char *path, GError **error)
{
        int saved = errno;
        g_autofree char *folder = g_path_get_dirname(path);

        if (saved == EEXIST)
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_EXISTS, "%s exists; --force replaces it", path);
        else if (saved == ENOENT && !g_file_test(folder, G_FILE_TEST_IS_DIR))
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot create %s: there is no folder %s", path,
                            folder);
        else
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot create %s: %s", path, g_strerror(saved));
        return FALSE;
}

/* What may not be replaced is found out before anything is written. */
static gboolean check_target(const char *path, gboolean force, GError **error)
{
        struct stat info;

        if (lstat(path, &info) != 0)
                return TRUE; /* nothing there, or the attempt will tell */
        if (!force) {
                errno = EEXIST;
                return fail_to_create(path, error);
        }
        if (S_ISREG(info.st_mode)) /* --force -o /dev/null must not take the device away */
                return TRUE;
        g_set_error(error, RECORD_ERROR, RECORD_ERROR_EXISTS, "%s is not a regular file and stays as it is", path);
        return FALSE;
}

/* Gives the finished file its name, which must be free unless force. */
static gboolean move_into_place(const char *from, const char *path, gboolean force, GError **error)
{
        g_autofree char *journal = g_strconcat(path, "-journal", NULL);
        gboolean moved;

        if (force) {
                g_unlink(journal); /* of the file to be replaced: would be rolled back into the new one */
                moved = g_rename(from, path) == 0;
        } else {
                moved = renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
                if (!moved && errno != EEXIST) /* not every file system can do that */
                        moved = link(from, path) == 0 && g_unlink(from) == 0;
                if (!moved && errno != EEXIST && !g_file_test(path, G_FILE_TEST_EXISTS))
                        moved = g_rename(from, path) == 0;
        }
        return moved ? TRUE : fail_to_create(path, error);
}

static void recorder_free(struct recorder *recorder)
{
        struct batch *batch;

        stage_clear(&recorder->to_encode);
        stage_clear(&recorder->to_write);
        while ((batch = g_queue_pop_head(&recorder->free_batches)) != NULL)
                batch_free(batch);
        g_queue_clear(&recorder->free_blocks);
        close_database(recorder);
        g_hash_table_unref(recorder->op_sums);
        totals_free(recorder->totals);
        g_free(recorder->sorted);
        g_clear_error(&recorder->error);
        g_mutex_clear(&recorder->lock);
        g_cond_clear(&recorder->batch_freed);
        g_cond_clear(&recorder->block_freed);
        g_cond_clear(&recorder->cut_written);
        g_free(recorder->path);
        g_free(recorder);
}

/* Tables, and a run of no ops, in one transaction. */
static gboolean create_tables(struct recorder *recorder)
{
        g_autofree char *pragmas = g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d;",
                                                   RECORD_APPLICATION_ID, RECORD_FORMAT_VERSION);
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *started = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
        struct digest *digest = digest_new();
        char nothing[DIGEST_TEXT_BYTES];
        int code;

        digest_text(digest, nothing);
        digest_free(digest);
        if (!exec(recorder, "PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF") ||
            !begin(recorder) ||
            !exec(recorder, pragmas))
                return FALSE;
        code = schema_create(recorder->db);
        if (code != SQLITE_OK)
                return fail(recorder, code);
        if (!set_key(recorder, "status", text_value("running", -1)) ||
            !set_key(recorder, "program_version", text_value(KMEMSIM_VERSION, -1)) ||
            !set_key(recorder, "format_version", int_value(RECORD_FORMAT_VERSION)) ||
            !set_key(recorder, "model_version", int_value(RECORD_MODEL_VERSION)) ||
            !set_key(recorder, "wall_started", text_value(started, -1)) ||
            !set_key(recorder, "digest", text_value(nothing, -1)) || !set_key(recorder, "end_ns", int_value(0)) ||
            !set_key(recorder, "op_total", int_value(0)) || !set_key(recorder, "op_count", int_value(0)) ||
            !set_key(recorder, "event_count", int_value(0)) || !exec(recorder, "COMMIT"))
                return FALSE;
        recorder->in_transaction = FALSE;
        return TRUE;
}

static gboolean open_database(struct recorder *recorder, const char *path)
{
        g_autofree char *file_name = record_file_name(path);
        int code = sqlite3_open_v2(file_name, &recorder->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

/*
 * Under another name beside its place, and moved there when a client can open it: whenever we are killed, what
 * has the name is a recording.
 */
static gboolean create_file(struct recorder *recorder, gboolean force, GError **error)
{
        g_autofree char *path = g_strconcat(recorder->path, ".XXXXXX", NULL);
        int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0666);
        gboolean ok;

        if (fd < 0)
                return fail_to_create(recorder->path, error);
        close(fd);
        ok = open_database(recorder, path) && create_tables(recorder);
        close_database(recorder);
        if (!ok)
                g_propagate_error(error, g_steal_pointer(&recorder->error));
        ok = ok && move_into_place(path, recorder->path, force, error);
        if (!ok)
                g_unlink(path);
        return ok;
}

/* For the run: the pragmas that last as long as the connection, and the statements of the writer. */
static gboolean prepare_writer(struct recorder *recorder)
{
        static const enum table_id tables[] = { TABLE_OP, TABLE_EVENT, TABLE_ZONE_SAMPLE, TABLE_CACHE_SAMPLE,
                                               TABLE_OP_SITE, TABLE_LIVE_OBJECT };
        int code;

        if (!open_database(recorder, recorder->path))
                return FALSE;
        sqlite3_busy_timeout(recorder->db, READER_WAIT_MS);
        if (!exec(recorder, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
                            "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = OFF"))
                return FALSE;
        code = row_blocks_new(tables, G_N_ELEMENTS(tables), recorder->blocks, BLOCKS);
        if (code == SQLITE_OK)
                code = row_blocks_attach(recorder->db, TRUE, recorder->blocks, BLOCKS);
        for (uint32_t i = 0; i < BLOCKS && code == SQLITE_OK; i++)
                g_queue_push_tail(&recorder->free_blocks, recorder->blocks[i]);
        return code == SQLITE_OK ? TRUE : fail(recorder, code);
}

struct recorder *recorder_open(const char *path, gboolean force, GError **error)
{
        struct recorder *recorder;

        g_assert(schema_tables[TABLE_OP].column_count <= OP_COLUMNS_MAX);
        signal(SIGXFSZ, SIG_IGN);
        if (!check_target(path, force, error))
                return NULL;
        recorder = g_new0(struct recorder, 1);
        recorder->path = g_strdup(path);
        g_mutex_init(&recorder->lock);
        stage_init(&recorder->to_encode);
        stage_init(&recorder->to_write);
        g_cond_init(&recorder->batch_freed);
        g_cond_init(&recorder->block_freed);
        g_cond_init(&recorder->cut_written);
        g_queue_init(&recorder->free_batches);
        g_queue_init(&recorder->free_blocks);
        recorder->op_sums = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        recorder->totals = totals_new();
        table_fields(&schema_tables[TABLE_OP], recorder->op_fields); /* every column of op mirrors a field */
        recorder->commit_every_us = COMMIT_EVERY_US;
        recorder->started_us = recorder->committed_us = g_get_monotonic_time();
        if (!create_file(recorder, force, error)) {
                recorder_free(recorder);
                return NULL;
        }
        if (!prepare_writer(recorder)) {
                g_propagate_error(error, g_steal_pointer(&recorder->error));
                g_unlink(path);
                recorder_free(recorder);
                return NULL;
        }
        recorder->writer = g_thread_new("writer", writer, recorder);
        recorder->encoder = g_thread_new("encoder", encoder, recorder);
        return recorder;
}

void recorder_set_commit_every(struct recorder *recorder, gint64 wall_us)
{
        g_mutex_lock(&recorder->lock);
        recorder->commit_every_us = wall_us;
        g_mutex_unlock(&recorder->lock);
}

static void join(struct recorder *recorder, gboolean is_done)
{
        g_mutex_lock(&recorder->lock);
        recorder->is_done = is_done;
        stage_end(&recorder->to_encode);
        g_mutex_unlock(&recorder->lock);
        g_thread_join(recorder->encoder);
        g_thread_join(recorder->writer);
}

static gboolean write_latency(struct recorder *recorder, const struct latency *latency)
{
        static const struct {
                const char *name;
                uint32_t permille;
        } quantiles[] = { { "p50", 500 }, { "p90", 900 }, { "p99", 990 } };

        for (int which = 0; which < LATENCY_CLASS_COUNT; which++) {
                const char *name = latency_class_names[which];
                g_autofree char *count = g_strdup_printf("latency_%s_count", name);
                g_autofree char *max = g_strdup_printf("latency_%s_max_ns", name);

                if (!set_key(recorder, count, int_value((int64_t)latency_count(latency, which))) ||
                    !set_key(recorder, max, int_value((int64_t)latency_max_ns(latency, which))))
                        return FALSE;
                for (size_t i = 0; i < G_N_ELEMENTS(quantiles); i++) {
                        g_autofree char *key = g_strdup_printf("latency_%s_%s_ns", name, quantiles[i].name);
                        uint64_t ns = latency_quantile_ns(latency, which, quantiles[i].permille);

                        if (!set_key(recorder, key, int_value((int64_t)ns)))
                                return FALSE;
                }
        }
        return TRUE;
}

static gboolean write_end(struct recorder *recorder, const struct observer *observer, const char *status)
{
        double seconds = (double)(g_get_monotonic_time() - recorder->started_us) / 1e6;
        int64_t live_count = (int64_t)totals_live_count(recorder->totals);

        if (!begin(recorder) || !write_latency(recorder, observer_latency(observer)) ||
            !set_key(recorder, "live_object_count", int_value(live_count)) ||
            !set_key(recorder, "wall_seconds", real_value(seconds)) ||
            !set_key(recorder, "wall_op_rows_per_s", real_value((double)recorder->op_row_count / MAX(seconds, 1e-6))) ||
            !set_key(recorder, "status", text_value(status, -1)))
                return FALSE;
        return commit(recorder);
}

gboolean recorder_finish(struct recorder *recorder, struct observer *observer, const char *status, GError **error)
{
        join(recorder, TRUE);
        if (recorder->error == NULL && !write_end(recorder, observer, status))
                give_up(recorder);
        if (recorder->error != NULL) {
                g_propagate_error(error, g_steal_pointer(&recorder->error));
                recorder_free(recorder);
                return FALSE;
        }
        sqlite3_exec(recorder->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL); /* takes the empty journal away */
        recorder_free(recorder);
        return TRUE;
}

void recorder_last_words(struct recorder *recorder, const char *status)
{
        join(recorder, FALSE);
        if (recorder->error == NULL && begin(recorder) && set_key(recorder, "status", text_value(status, -1)))
                exec(recorder, "COMMIT");
        close_database(recorder);
}

void recorder_abandon(struct recorder *recorder)
{
        join(recorder, FALSE);
        if (recorder->in_transaction)
                sqlite3_exec(recorder->db, "ROLLBACK", NULL, NULL, NULL);
        recorder_free(recorder);
}
