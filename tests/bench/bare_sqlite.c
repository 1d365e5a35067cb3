/*
 * bare_sqlite.c - see bare_sqlite.h.
 */
#include "bare_sqlite.h"

#include <sqlite3.h>

#include "record/schema.h"

#define TABLES 3

static const enum table_id tables[TABLES] = { TABLE_OP, TABLE_EVENT, TABLE_OP_SITE };

struct bare {
        sqlite3 *db;
        enum bare_way way;
        const GPtrArray *batches;
        const struct batch *batch; /* what the virtual tables show */
        int code;
};

/* -- a value of a row ------------------------------------------------------------------------------------------------ */

static struct field op_fields[OP_COLUMNS_MAX], event_fields[OP_COLUMNS_MAX];

static inline gboolean field_value(const struct field *field, const void *record, sqlite3_int64 *ret)
{
        uint64_t value = field_get(field, record);

        *ret = (sqlite3_int64)value;
        return !field_is_null(field, value, record);
}

/* -- bind ------------------------------------------------------------------------------------------------------------ */

static int bind_record(sqlite3_stmt *insert, const struct field *fields, uint32_t count, const void *record)
{
        for (uint32_t i = 0; i < count; i++) {
                sqlite3_int64 value;

                if (field_value(&fields[i], record, &value))
                        sqlite3_bind_int64(insert, (int)i + 1, value);
                else
                        sqlite3_bind_null(insert, (int)i + 1);
        }
        sqlite3_step(insert);
        return sqlite3_reset(insert);
}

static int bind_site(sqlite3_stmt *insert, uint64_t op, uint32_t site)
{
        sqlite3_bind_int64(insert, 1, (sqlite3_int64)op);
        sqlite3_bind_int64(insert, 2, site);
        sqlite3_step(insert);
        return sqlite3_reset(insert);
}

static int bind_batch(sqlite3_stmt *const *inserts, const struct batch *batch)
{
        uint32_t op_columns = schema_tables[TABLE_OP].column_count, event_columns = schema_tables[TABLE_EVENT].column_count;
        int code = SQLITE_OK;

        for (uint32_t i = 0; code == SQLITE_OK && i < batch->op_count; i++)
                code = bind_record(inserts[0], op_fields, op_columns, &batch->ops[i]);
        for (uint32_t i = 0; code == SQLITE_OK && i < batch->event_count; i++)
                code = bind_record(inserts[1], event_fields, event_columns, &batch->events[i]);
        for (uint32_t i = 0; code == SQLITE_OK && batch->sites && i < batch->op_count; i++)
                if (batch->sites[i] != 0)
                        code = bind_site(inserts[2], batch->ops[i].id, batch->sites[i]);
        return code;
}

/* -- vtab ------------------------------------------------------------------------------------------------------------ */

struct bare_vtab {
        sqlite3_vtab base;
        const struct bare *bare;
};

struct bare_cursor {
        sqlite3_vtab_cursor base;
        uint32_t at, count;
        const struct op_record *ops;
        const struct event_record *events;
        const uint32_t *sites;
};

static int connect_table(sqlite3 *db, void *bare, enum table_id table, sqlite3_vtab **ret)
{
        g_autoptr(GString) declaration = g_string_new("CREATE TABLE t (");
        struct bare_vtab *vtab = sqlite3_malloc(sizeof(*vtab));

        if (vtab == NULL)
                return SQLITE_NOMEM;
        *vtab = (struct bare_vtab){ .bare = bare };
        *ret = &vtab->base;
        for (uint32_t i = 0; i < schema_tables[table].column_count; i++)
                g_string_append_printf(declaration, "%s%s", i > 0 ? "," : "", schema_tables[table].columns[i].name);
        g_string_append_c(declaration, ')');
        return sqlite3_declare_vtab(db, declaration->str);
}

static int connect_ops(sqlite3 *db, void *bare, int argc, const char *const *argv, sqlite3_vtab **ret, char **problem)
{
        (void)argc, (void)argv, (void)problem;
        return connect_table(db, bare, TABLE_OP, ret);
}

static int connect_events(sqlite3 *db, void *bare, int argc, const char *const *argv, sqlite3_vtab **ret,
                          char **problem)
{
        (void)argc, (void)argv, (void)problem;
        return connect_table(db, bare, TABLE_EVENT, ret);
}

static int connect_sites(sqlite3 *db, void *bare, int argc, const char *const *argv, sqlite3_vtab **ret, char **problem)
{
        (void)argc, (void)argv, (void)problem;
        return connect_table(db, bare, TABLE_OP_SITE, ret);
}

static int disconnect(sqlite3_vtab *vtab)
{
        sqlite3_free(vtab);
        return SQLITE_OK;
}

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
        (void)vtab, (void)info;
        return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret)
{
        struct bare_cursor *cursor = sqlite3_malloc(sizeof(*cursor));

        (void)vtab;
        if (cursor == NULL)
                return SQLITE_NOMEM;
        *cursor = (struct bare_cursor){ .at = 0 };
        *ret = &cursor->base;
        return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
        sqlite3_free(cursor);
        return SQLITE_OK;
}

static int filter_ops(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
        struct bare_cursor *cursor = (struct bare_cursor *)base;
        const struct batch *batch = ((struct bare_vtab *)base->pVtab)->bare->batch;

        (void)number, (void)text, (void)argc, (void)argv;
        cursor->ops = batch->ops;
        cursor->at = 0;
        cursor->count = batch->op_count;
        return SQLITE_OK;
}

static int filter_events(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
        struct bare_cursor *cursor = (struct bare_cursor *)base;
        const struct batch *batch = ((struct bare_vtab *)base->pVtab)->bare->batch;

        (void)number, (void)text, (void)argc, (void)argv;
        cursor->events = batch->events;
        cursor->at = 0;
        cursor->count = batch->event_count;
        return SQLITE_OK;
}

static int filter_sites(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
        struct bare_cursor *cursor = (struct bare_cursor *)base;
        const struct batch *batch = ((struct bare_vtab *)base->pVtab)->bare->batch;

        (void)number, (void)text, (void)argc, (void)argv;
        cursor->ops = batch->ops;
        cursor->sites = batch->sites;
        cursor->count = batch->sites ? batch->op_count : 0;
        for (cursor->at = 0; cursor->at < cursor->count && cursor->sites[cursor->at] == 0; cursor->at++)
                continue;
        return SQLITE_OK;
}

static int next_site(sqlite3_vtab_cursor *base)
{
        struct bare_cursor *cursor = (struct bare_cursor *)base;

        do
                cursor->at++;
        while (cursor->at < cursor->count && cursor->sites[cursor->at] == 0);
        return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
        ((struct bare_cursor *)cursor)->at++;
        return SQLITE_OK;
}

static int is_end(sqlite3_vtab_cursor *cursor)
{
        return ((struct bare_cursor *)cursor)->at >= ((struct bare_cursor *)cursor)->count;
}

static int op_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
        const struct bare_cursor *cursor = (struct bare_cursor *)base;
        sqlite3_int64 value;

        if (field_value(&op_fields[column], &cursor->ops[cursor->at], &value))
                sqlite3_result_int64(result, value);
        return SQLITE_OK;
}

static int event_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
        const struct bare_cursor *cursor = (struct bare_cursor *)base;
        sqlite3_int64 value;

        if (field_value(&event_fields[column], &cursor->events[cursor->at], &value))
                sqlite3_result_int64(result, value);
        return SQLITE_OK;
}

static int site_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
        const struct bare_cursor *cursor = (struct bare_cursor *)base;

        sqlite3_result_int64(result, column == 0 ? (sqlite3_int64)cursor->ops[cursor->at].id : cursor->sites[cursor->at]);
        return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
        *ret = ((struct bare_cursor *)cursor)->at;
        return SQLITE_OK;
}

#define MODULE(connect, filter, next, column)                                                                               \
        { .xConnect = (connect), .xDisconnect = disconnect, .xBestIndex = best_index, .xOpen = open_cursor,            \
          .xClose = close_cursor, .xFilter = (filter), .xNext = (next), .xEof = is_end, .xColumn = (column),         \
          .xRowid = row_id }

static const sqlite3_module op_module = MODULE(connect_ops, filter_ops, next_row, op_column);
static const sqlite3_module event_module = MODULE(connect_events, filter_events, next_row, event_column);
static const sqlite3_module site_module = MODULE(connect_sites, filter_sites, next_site, site_column);

static int step_batch(sqlite3_stmt *const *inserts, const struct batch *batch)
{
        int code = SQLITE_OK;

        for (int i = 0; code == SQLITE_OK && i < TABLES && (i < 2 || batch->sites); i++) {
                sqlite3_step(inserts[i]);
                code = sqlite3_reset(inserts[i]);
        }
        return code;
}

/* -- the loop -------------------------------------------------------------------------------------------------------- */

static int exec(struct bare *bare, const char *sql)
{
        return bare->code == SQLITE_OK ? (bare->code = sqlite3_exec(bare->db, sql, NULL, NULL, NULL)) : bare->code;
}

static gpointer write_rows(gpointer context)
{
        static const char *const rows[TABLES] = { "op_rows", "event_rows", "site_rows" };
        struct bare *bare = context;
        sqlite3_stmt *inserts[TABLES] = { NULL };

        for (int i = 0; i < TABLES && bare->code == SQLITE_OK; i++) {
                const struct table *table = &schema_tables[tables[i]];
                g_autofree char *bind = table_insert_sql(table, "INSERT");
                g_autofree char *vtab = g_strdup_printf("INSERT INTO %s SELECT * FROM %s", table->name, rows[i]);

                bare->code = sqlite3_prepare_v2(bare->db, bare->way == BARE_BIND ? bind : vtab, -1, &inserts[i], NULL);
        }
        for (guint i = 0; bare->code == SQLITE_OK && i < bare->batches->len; i++) {
                bare->batch = bare->batches->pdata[i];
                bare->code = bare->way == BARE_BIND ? bind_batch(inserts, bare->batch) : step_batch(inserts, bare->batch);
        }
        for (int i = 0; i < TABLES; i++)
                sqlite3_finalize(inserts[i]);
        return NULL;
}

const char *bare_write(const char *path, enum bare_way way, const GPtrArray *batches)
{
        struct bare bare = { .way = way, .batches = batches };

        table_fields(&schema_tables[TABLE_OP], op_fields);
        table_fields(&schema_tables[TABLE_EVENT], event_fields);
        bare.code = sqlite3_open_v2(path, &bare.db,
                                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        exec(&bare, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 16384; PRAGMA cache_size = -65536;"
                    "PRAGMA locking_mode = EXCLUSIVE; BEGIN");
        for (int i = 0; i < TABLES; i++) {
                g_autofree char *create = schema_table_sql(tables[i]);

                exec(&bare, create);
        }
        if (bare.code == SQLITE_OK)
                bare.code = sqlite3_create_module(bare.db, "op_rows", &op_module, &bare);
        if (bare.code == SQLITE_OK)
                bare.code = sqlite3_create_module(bare.db, "event_rows", &event_module, &bare);
        if (bare.code == SQLITE_OK)
                bare.code = sqlite3_create_module(bare.db, "site_rows", &site_module, &bare);
        g_thread_join(g_thread_new("bare", write_rows, &bare));
        exec(&bare, "COMMIT");
        sqlite3_close_v2(bare.db);
        return bare.code == SQLITE_OK ? NULL : sqlite3_errstr(bare.code);
}
