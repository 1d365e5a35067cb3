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

/* -- a value of a row: written out, so that the compiler sees every field -------------------------------------------- */

/* The columns of op and event in the order of the schema (checked by the comparison of the rows in the tests). */
#define OP_VALUES(X, op)                                                                                               \
        X(0, (op)->id, 0)                                                                                              \
        X(1, (op)->t_ns, 0)                                                                                            \
        X(2, (op)->dur_ns, 0)                                                                                          \
        X(3, (op)->cpu, 0)                                                                                             \
        X(4, (op)->task, 0)                                                                                            \
        X(5, (op)->kind, 0)                                                                                            \
        X(6, (op)->cache, (op)->cache == CACHE_ID_NONE)                                                                \
        X(7, (op)->size_bytes, 0)                                                                                      \
        X(8, (op)->gfp, 0)                                                                                             \
        X(9, (op)->frees, (op)->frees == 0)                                                                            \
        X(10, (op)->path, 0)                                                                                           \
        X(11, (op)->pfn, (op)->pfn == UINT32_MAX)                                                                      \
        X(12, (op)->offset, (op)->pfn == UINT32_MAX && (op)->offset == 0)                                              \
        X(13, (op)->order, 0)                                                                                          \
        X(14, (op)->irq, 0)                                                                                            \
        X(15, (op)->first_seq, 0)                                                                                      \
        X(16, (op)->result, 0)                                                                                         \
        X(17, (op)->origin, 0)                                                                                         \
        X(18, (op)->node_plus_1, 0)                                                                                    \
        X(19, (op)->target_cpu, 0)

#define EVENT_VALUES(X, event)                                                                                         \
        X(0, (event)->seq, 0)                                                                                          \
        X(1, (event)->t_ns, 0)                                                                                         \
        X(2, (event)->cpu, 0)                                                                                          \
        X(3, (event)->op, 0)                                                                                           \
        X(4, (event)->kind, 0)                                                                                         \
        X(5, (event)->a, 0)                                                                                            \
        X(6, (event)->b, 0)                                                                                            \
        X(7, (event)->c, 0)

/* -- bind ------------------------------------------------------------------------------------------------------------ */

static int bind_op(sqlite3_stmt *insert, const struct op_record *op)
{
#define X(column, value, is_null)                                                                                      \
        if (is_null)                                                                                                   \
                sqlite3_bind_null(insert, (column) + 1);                                                               \
        else                                                                                                           \
                sqlite3_bind_int64(insert, (column) + 1, (sqlite3_int64)(value));
        OP_VALUES(X, op)
#undef X
        sqlite3_step(insert);
        return sqlite3_reset(insert);
}

static int bind_event(sqlite3_stmt *insert, const struct event_record *event)
{
#define X(column, value, is_null) sqlite3_bind_int64(insert, (column) + 1, (sqlite3_int64)(value));
        EVENT_VALUES(X, event)
#undef X
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
        int code = SQLITE_OK;

        for (uint32_t i = 0; code == SQLITE_OK && i < batch->op_count; i++)
                code = bind_op(inserts[0], &batch->ops[i]);
        for (uint32_t i = 0; code == SQLITE_OK && i < batch->event_count; i++)
                code = bind_event(inserts[1], &batch->events[i]);
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

static int connect_table(sqlite3 *db, void *bare, const char *declaration, sqlite3_vtab **ret)
{
        struct bare_vtab *vtab = sqlite3_malloc(sizeof(*vtab));

        if (vtab == NULL)
                return SQLITE_NOMEM;
        *vtab = (struct bare_vtab){ .bare = bare };
        *ret = &vtab->base;
        return sqlite3_declare_vtab(db, declaration);
}

static int connect_ops(sqlite3 *db, void *bare, int argc, const char *const *argv, sqlite3_vtab **ret, char **problem)
{
        (void)argc, (void)argv, (void)problem;
        return connect_table(db, bare, "CREATE TABLE t (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t)", ret);
}

static int connect_events(sqlite3 *db, void *bare, int argc, const char *const *argv, sqlite3_vtab **ret,
                          char **problem)
{
        (void)argc, (void)argv, (void)problem;
        return connect_table(db, bare, "CREATE TABLE t (a,b,c,d,e,f,g,h)", ret);
}

static int connect_sites(sqlite3 *db, void *bare, int argc, const char *const *argv, sqlite3_vtab **ret, char **problem)
{
        (void)argc, (void)argv, (void)problem;
        return connect_table(db, bare, "CREATE TABLE t (a,b)", ret);
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

#define X(column, value, is_null)                                                                                      \
        case column:                                                                                                   \
                if (!(is_null))                                                                                        \
                        sqlite3_result_int64(result, (sqlite3_int64)(value));                                          \
                break;

static int op_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
        const struct op_record *op = &((struct bare_cursor *)cursor)->ops[((struct bare_cursor *)cursor)->at];

        switch (column) {
                OP_VALUES(X, op)
        }
        return SQLITE_OK;
}

static int event_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
        const struct event_record *event = &((struct bare_cursor *)cursor)->events[((struct bare_cursor *)cursor)->at];

        switch (column) {
                EVENT_VALUES(X, event)
        }
        return SQLITE_OK;
}

#undef X

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
