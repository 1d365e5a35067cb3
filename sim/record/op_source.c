/*
 * op_source.c - see op_source.h.
 */
#include "record/op_source.h"

#include <inttypes.h>
#include <string.h>

#include "record/schema.h"

struct block {
        uint64_t first_id;
        uint32_t released; /* ops not needed any more */
        struct recorded_op ops[OP_CHECK_ROWS];
};

/* What op_check says about a block, and what its rows add up to; by column. */
struct sums {
        int64_t rows;
        gboolean known[OP_COLUMNS_MAX];
        uint64_t sum[OP_COLUMNS_MAX], weighted_sum[OP_COLUMNS_MAX];
};

struct op_source {
        struct recording *recording;
        uint64_t op_total;
        GHashTable *blocks; /* number of the block + 1 -> struct block */
        struct block *last; /* looked up last */
        uint64_t end_id;    /* no block from here on was read */
        sqlite3_stmt *select_ops, *select_open, *select_sums;
        char *doubt;
};

static void block_free(struct block *block)
{
        for (uint32_t i = 0; i < OP_CHECK_ROWS; i++) {
                g_free(block->ops[i].bad_text);
                g_free(block->ops[i].spec);
        }
        g_free(block);
}

static char *select_sql(enum table_id table)
{
        GString *sql = g_string_new("SELECT ");

        for (uint32_t i = 0; i < schema_tables[table].column_count; i++)
                g_string_append_printf(sql, "%s%s", i > 0 ? ", " : "", schema_tables[table].columns[i].name);
        g_string_append_printf(sql, " FROM %s WHERE id BETWEEN ? AND ? ORDER BY id", schema_tables[table].name);
        return g_string_free(sql, FALSE);
}

struct op_source *op_source_new(struct recording *recording, uint64_t op_total, GError **error)
{
        struct op_source *source = g_new0(struct op_source, 1);
        g_autofree char *ops_sql = select_sql(TABLE_OP);
        g_autofree char *open_sql = select_sql(TABLE_OP_OPEN);

        source->recording = recording;
        source->op_total = op_total;
        source->end_id = 1;
        source->blocks = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)block_free);
        if (recording_prepare(recording, ops_sql, &source->select_ops, error) &&
            recording_prepare(recording, open_sql, &source->select_open, error) &&
            recording_prepare(recording, "SELECT column_, rows, sum_, weighted_sum FROM op_check WHERE first_id = ?",
                              &source->select_sums, error))
                return source;
        op_source_free(source);
        return NULL;
}

void op_source_free(struct op_source *source)
{
        if (source == NULL)
                return;
        sqlite3_finalize(source->select_ops);
        sqlite3_finalize(source->select_open);
        sqlite3_finalize(source->select_sums);
        g_hash_table_unref(source->blocks);
        g_free(source->doubt);
        g_free(source);
}

static void read_row(struct recorded_op *op, sqlite3_stmt *row)
{
        const struct table *table = &schema_tables[TABLE_OP];

        op->bad_column = -1;
        for (uint32_t i = 0; i < table->column_count; i++) {
                const unsigned char *text;

                if (column_set_field(&table->columns[i], &op->row, sqlite3_column_value(row, (int)i)) ||
                    op->bad_column >= 0)
                        continue;
                op->bad_column = (int)i;
                text = sqlite3_column_text(row, (int)i);
                op->bad_text = g_strdup(text != NULL ? (const char *)text : "NULL");
        }
        op->op = op->row;
}

static void read_spec(struct recorded_op *op, sqlite3_stmt *row)
{
        int at = (int)schema_tables[TABLE_OP].column_count;
        const unsigned char *name = sqlite3_column_text(row, at);

        if (op->row.kind != OP_CREATE || name == NULL || strlen((const char *)name) > CACHE_NAME_MAX)
                return;
        op->spec = g_new0(struct cache_spec, 1);
        g_strlcpy(op->spec->name, (const char *)name, sizeof(op->spec->name));
        op->spec->size_bytes = (uint32_t)sqlite3_column_int64(row, at + 1);
        op->spec->align_bytes = (uint32_t)sqlite3_column_int64(row, at + 2);
        op->spec->flags = (uint32_t)sqlite3_column_int64(row, at + 3);
        op->spec->ctor_cycles = (uint32_t)sqlite3_column_int64(row, at + 4);
        op->spec->dtor_cycles = (uint32_t)sqlite3_column_int64(row, at + 5);
}

static gboolean read_rows(struct op_source *source, struct block *block, sqlite3_stmt *select,
                          enum recorded_state state, GError **error)
{
        uint64_t last_id = MIN(block->first_id + OP_CHECK_ROWS - 1, source->op_total);
        int row;

        sqlite3_reset(select);
        sqlite3_bind_int64(select, 1, (int64_t)block->first_id);
        sqlite3_bind_int64(select, 2, (int64_t)last_id);
        while ((row = recording_step(source->recording, select, error)) > 0) {
                uint64_t id = (uint64_t)sqlite3_column_int64(select, 0);
                struct recorded_op *op;

                if (id < block->first_id || id > last_id) /* an index that lies */
                        continue;
                op = &block->ops[id - block->first_id];
                if (op->state != RECORDED_MISSING) { /* in op and op_open: the finished row counts */
                        if (source->doubt == NULL)
                                source->doubt = g_strdup_printf("op id=%" PRIu64
                                                                " stands in both op and op_open", id);
                        continue;
                }
                read_row(op, select);
                op->state = state;
                if (state == RECORDED_OPEN)
                        read_spec(op, select);
        }
        sqlite3_reset(select);
        return row == 0;
}

static gboolean read_sums(struct op_source *source, uint64_t first_id, struct sums *ret, GError **error)
{
        const struct table *table = &schema_tables[TABLE_OP];
        int row;

        memset(ret, 0, sizeof(*ret));
        sqlite3_reset(source->select_sums);
        sqlite3_bind_int64(source->select_sums, 1, (int64_t)first_id);
        while ((row = recording_step(source->recording, source->select_sums, error)) > 0) {
                const unsigned char *name = sqlite3_column_text(source->select_sums, 0);

                for (uint32_t i = 0; i < table->column_count; i++) {
                        if (name == NULL || strcmp((const char *)name, table->columns[i].name) != 0)
                                continue;
                        ret->known[i] = TRUE;
                        ret->rows = MAX(ret->rows, sqlite3_column_int64(source->select_sums, 1));
                        ret->sum[i] = (uint64_t)sqlite3_column_int64(source->select_sums, 2);
                        ret->weighted_sum[i] = (uint64_t)sqlite3_column_int64(source->select_sums, 3);
                }
        }
        sqlite3_reset(source->select_sums);
        return row == 0;
}

static void doubt(struct op_source *source, const struct block *block, const char *what)
{
        if (source->doubt == NULL)
                source->doubt = g_strdup_printf("ops id=%" PRIu64 " to %" PRIu64
                                                ": %s and table op_check do not agree",
                                                block->first_id,
                                                MIN(block->first_id + OP_CHECK_ROWS - 1, source->op_total), what);
}

/* The one value of a column that was changed, from how far the two sums are off: their ratio is its place. */
static gboolean restore_value(struct block *block, const struct column *column, uint64_t off, uint64_t weighted_off)
{
        for (uint32_t i = 0; i < OP_CHECK_ROWS; i++) {
                struct recorded_op *op = &block->ops[i];

                if (op->state == RECORDED_DONE && off * (i + 1) == weighted_off)
                        return column_restore_field(column, &op->op, column_field(column, &op->row) + off);
        }
        return FALSE;
}

/* The one row that is gone is what the sums have too much. */
static gboolean restore_row(struct block *block, const struct sums *recorded, const struct sums *found, uint32_t at)
{
        const struct table *table = &schema_tables[TABLE_OP];
        struct recorded_op *op = &block->ops[at];

        for (uint32_t i = 0; i < table->column_count; i++) {
                uint64_t field = recorded->sum[i] - found->sum[i];

                if (field * (at + 1) != recorded->weighted_sum[i] - found->weighted_sum[i] ||
                    !column_restore_field(&table->columns[i], &op->op, field))
                        return FALSE;
        }
        op->is_known = op->op.id == block->first_id + at;
        return op->is_known;
}

static void check_sums(struct op_source *source, struct block *block, const struct sums *recorded)
{
        const struct table *table = &schema_tables[TABLE_OP];
        struct sums found = { 0 };
        uint32_t missing_count = 0, missing_at = 0;

        for (uint32_t at = 0; at < OP_CHECK_ROWS; at++) {
                const struct recorded_op *op = &block->ops[at];

                if (op->state == RECORDED_MISSING && block->first_id + at <= source->op_total) {
                        missing_count++;
                        missing_at = at;
                }
                if (op->state != RECORDED_DONE)
                        continue;
                found.rows++;
                for (uint32_t i = 0; i < table->column_count; i++) {
                        uint64_t field = column_field(&table->columns[i], &op->row);

                        found.sum[i] += field;
                        found.weighted_sum[i] += field * (at + 1);
                }
        }
        if (recorded->rows != found.rows) {
                if (missing_count != 1 || recorded->rows != found.rows + 1 ||
                    !restore_row(block, recorded, &found, missing_at))
                        doubt(source, block, "their number");
                return;
        }
        for (uint32_t i = 0; i < table->column_count; i++) {
                uint64_t off = recorded->sum[i] - found.sum[i];
                uint64_t weighted_off = recorded->weighted_sum[i] - found.weighted_sum[i];

                if (found.rows > 0 && !recorded->known[i])
                        doubt(source, block, table->columns[i].name);
                else if ((off != 0 || weighted_off != 0) &&
                         (off == 0 || !restore_value(block, &table->columns[i], off, weighted_off)))
                        doubt(source, block, table->columns[i].name);
        }
}

static struct block *load_block(struct op_source *source, uint64_t number, GError **error)
{
        struct block *block = g_new0(struct block, 1);
        struct sums sums;

        block->first_id = number * OP_CHECK_ROWS + 1;
        if (!read_rows(source, block, source->select_ops, RECORDED_DONE, error) ||
            !read_rows(source, block, source->select_open, RECORDED_OPEN, error) ||
            !read_sums(source, block->first_id, &sums, error)) {
                block_free(block);
                return NULL;
        }
        check_sums(source, block, &sums);
        source->end_id = MAX(source->end_id, block->first_id + OP_CHECK_ROWS);
        g_hash_table_insert(source->blocks, GSIZE_TO_POINTER(number + 1), block);
        return block;
}

const struct recorded_op *op_source_get(struct op_source *source, uint64_t id, GError **error)
{
        uint64_t number = (id - 1) / OP_CHECK_ROWS;

        if (id < 1 || id > source->op_total)
                return NULL;
        if (source->last == NULL || source->last->first_id != number * OP_CHECK_ROWS + 1) {
                source->last = g_hash_table_lookup(source->blocks, GSIZE_TO_POINTER(number + 1));
                if (source->last == NULL)
                        source->last = load_block(source, number, error);
                if (source->last == NULL)
                        return NULL;
        }
        return &source->last->ops[id - source->last->first_id];
}

void op_source_release(struct op_source *source, uint64_t id)
{
        uint64_t number = (id - 1) / OP_CHECK_ROWS;
        struct block *block = g_hash_table_lookup(source->blocks, GSIZE_TO_POINTER(number + 1));

        if (block == NULL || block->ops[id - block->first_id].is_released)
                return;
        block->ops[id - block->first_id].is_released = TRUE;
        if (++block->released < OP_CHECK_ROWS)
                return;
        if (source->last == block)
                source->last = NULL;
        g_hash_table_remove(source->blocks, GSIZE_TO_POINTER(number + 1));
}

uint64_t op_source_first_left(struct op_source *source, GError **error)
{
        uint64_t first_id = 0;
        GHashTableIter iter;
        gpointer value;

        if (op_source_get(source, source->end_id, error) == NULL && source->end_id <= source->op_total)
                return 0;
        g_hash_table_iter_init(&iter, source->blocks); /* the least of all: their order does not matter */
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                const struct block *block = value;

                for (uint32_t at = 0; at < OP_CHECK_ROWS; at++) {
                        const struct recorded_op *op = &block->ops[at];

                        if (op->state == RECORDED_DONE && !op->is_released &&
                            (first_id == 0 || block->first_id + at < first_id))
                                first_id = block->first_id + at;
                }
        }
        return first_id;
}

const char *op_source_doubt(const struct op_source *source)
{
        return source->doubt;
}
