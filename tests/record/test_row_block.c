/*
 * test_row_block.c - rows that go in by blocks are the rows that INSERT ... VALUES would have made: all sizes of
 * numbers, NULLs, texts, any number of rows, several blocks in one transaction, entries of an index.
 */
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "base/prng.h"
#include "observe/sampler.h"
#include "record/row_block.h"
#include "record/schema.h"

static const enum table_id tables[] = { TABLE_OP, TABLE_EVENT, TABLE_ZONE_SAMPLE };

static void make_tables(sqlite3 *db)
{
        for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
                g_autofree char *table = schema_table_sql(tables[i]), *index = schema_index_sql(tables[i]);

                g_assert_cmpint(sqlite3_exec(db, table, NULL, NULL, NULL), ==, SQLITE_OK);
                g_assert_cmpint(sqlite3_exec(db, index, NULL, NULL, NULL), ==, SQLITE_OK);
        }
}

static sqlite3 *open_tables(void)
{
        sqlite3 *db;

        g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
        make_tables(db);
        return db;
}

static int take_line(void *text, int columns, char **values, char **names)
{
        (void)names;
        for (int i = 0; i < columns; i++)
                g_string_append_printf(text, "%s ", values[i] ? values[i] : "NULL");
        g_string_append_c(text, '\n');
        return 0;
}

/* All rows, each value with its type. */
static char *dump(sqlite3 *db, enum table_id table)
{
        GString *sql = g_string_new("SELECT rowid");
        GString *text = g_string_new(NULL);

        for (uint32_t i = 0; i < schema_tables[table].column_count; i++) {
                const char *name = schema_tables[table].columns[i].name;

                g_string_append_printf(sql, ", %s, typeof(%s)", name, name);
        }
        g_string_append_printf(sql, " FROM main.%s ORDER BY rowid", schema_tables[table].name);
        g_assert_cmpint(sqlite3_exec(db, sql->str, take_line, text, NULL), ==, SQLITE_OK);
        g_string_free(sql, TRUE);
        return g_string_free(text, FALSE);
}

static void check_integrity(sqlite3 *db)
{
        g_autoptr(GString) text = g_string_new(NULL);

        g_assert_cmpint(sqlite3_exec(db, "PRAGMA main.integrity_check", take_line, text, NULL), ==, SQLITE_OK);
        g_assert_cmpstr(text->str, ==, "ok \n");
}

/* A number of any size; the edges of what a record holds in so many bytes are as likely as the rest. */
static uint64_t any_number(struct prng *prng)
{
        uint64_t number = UINT64_C(1) << prng_below(prng, 64);

        switch (prng_below(prng, 5)) {
        case 0: return 0;
        case 1: return number - 1;
        case 2: return number;
        case 3: return UINT64_MAX - number;
        default: return prng_next(prng) >> prng_below(prng, 64);
        }
}

static void fill_op(struct op_record *op, struct prng *prng, uint64_t id)
{
        uint32_t small[7];

        for (guint i = 0; i < G_N_ELEMENTS(small); i++)
                small[i] = (uint32_t)any_number(prng);
        *op = (struct op_record){ .id = id,
                                  .t_ns = any_number(prng),
                                  .dur_ns = any_number(prng),
                                  .size_bytes = any_number(prng),
                                  .frees = any_number(prng),
                                  .first_seq = small[0],
                                  .irq = small[1],
                                  .gfp = small[2],
                                  .cache = small[3],
                                  .pfn = small[4],
                                  .offset = prng_chance(prng, 1, 2) ? 0 : small[5],
                                  .result = small[6],
                                  .task = (uint16_t)any_number(prng),
                                  .kind = (uint8_t)any_number(prng) };
}

static void check_code(int code)
{
        g_assert_cmpint(code, ==, SQLITE_OK);
}

static void copy_block(struct row_block *block)
{
        row_block_end(block);
        check_code(row_block_copy(block));
}

/* It is full: the row that was not taken is the first of the next. */
static void next_block(struct row_block *block, enum table_id table)
{
        copy_block(block);
        row_block_begin(block, table);
}

static void open_blocks(sqlite3 *db, gboolean in_place, struct row_block **ret, uint32_t count)
{
        check_code(row_blocks_new(tables, G_N_ELEMENTS(tables), ret, count));
        check_code(row_blocks_attach(db, in_place, ret, count));
}

/* The same rows by blocks into one database and one by one into another. */
static void compare_ops(gboolean in_place, uint32_t block_rows, uint32_t blocks)
{
        g_autofree char *insert_sql = table_insert_sql(&schema_tables[TABLE_OP], "INSERT");
        g_autofree char *by_block = NULL, *one_by_one = NULL;
        sqlite3 *db = open_tables(), *other = open_tables();
        struct row_block *block;
        sqlite3_stmt *insert;
        struct prng prng;
        uint64_t id = 0;

        prng_init(&prng, 1, block_rows);
        open_blocks(db, in_place, &block, 1);
        check_code(sqlite3_prepare_v2(other, insert_sql, -1, &insert, NULL));
        check_code(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
        check_code(sqlite3_exec(other, "BEGIN", NULL, NULL, NULL));
        for (uint32_t i = 0; i < blocks; i++) {
                row_block_begin(block, TABLE_OP);
                for (uint32_t k = 0; k < block_rows; k++) {
                        struct op_record op;

                        id += 1 + (prng_chance(&prng, 1, 4) ? any_number(&prng) >> 16 : 0);
                        fill_op(&op, &prng, id);
                        while (!row_block_add_record(block, &op))
                                next_block(block, TABLE_OP);
                        table_bind_mirrors(&schema_tables[TABLE_OP], insert, &op);
                        sqlite3_step(insert);
                        check_code(sqlite3_reset(insert));
                }
                copy_block(block);
        }
        check_code(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
        check_code(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL));
        by_block = dump(db, TABLE_OP);
        one_by_one = dump(other, TABLE_OP);
        g_assert_cmpstr(by_block, ==, one_by_one);
        row_block_free(block);
        check_integrity(db);
        sqlite3_finalize(insert);
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_close(other), ==, SQLITE_OK);
}

static void test_numbers(gconstpointer in_place)
{
        static const uint32_t rows[] = { 0, 1, 2, 700, 2000, 20000 }; /* none, one, one leaf, several, several images */

        for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
                compare_ops(in_place != NULL, rows[i], 3);
}

static gboolean add_texts(struct row_block *block, int i)
{
        row_block_int(block, i);
        row_block_int(block, 0);
        row_block_text(block, i % 3 == 0 ? "DMA" : i % 3 == 1 ? "" : "HighMem");
        for (int k = 0; k < 6; k++)
                row_block_int(block, -i);
        return row_block_end_row(block);
}

static void test_texts(gconstpointer in_place)
{
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;
        sqlite3 *db = open_tables();
        struct row_block *block;

        open_blocks(db, in_place != NULL, &block, 1);
        row_block_begin(block, TABLE_ZONE_SAMPLE);
        for (int i = 0; i < 9000; i++)
                while (!add_texts(block, i))
                        next_block(block, TABLE_ZONE_SAMPLE);
        copy_block(block);
        text = dump(db, TABLE_ZONE_SAMPLE);
        lines = g_strsplit(text, "\n", -1);
        g_assert_cmpuint(g_strv_length(lines), ==, 9001);
        g_assert_true(g_str_has_prefix(lines[0], "1 0 integer 0 integer DMA text 0 integer "));
        g_assert_true(g_str_has_prefix(lines[1], "2 1 integer 0 integer  text -1 integer "));
        g_assert_true(g_str_has_prefix(lines[8999], "9000 8999 integer 0 integer HighMem text -8999 integer "));
        row_block_free(block);
        check_integrity(db);
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

/* Events find their way into the index by op, whatever order their ops have;
 * integrity_check compares index and table. */
static void test_index(gconstpointer in_place)
{
        static const uint32_t rows[] = { 0, 1, 100, 9000, 60000 };
        g_autoptr(GString) plan = g_string_new(NULL), counts = g_string_new(NULL);
        sqlite3 *db = open_tables();
        struct row_block *block;
        struct prng prng;
        uint64_t seq = 0;

        prng_init(&prng, 1, 2);
        open_blocks(db, in_place != NULL, &block, 1);
        for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
                for (uint32_t spread = 0; spread < 3; spread++) { /* in order; about in order; in any */
                        row_block_begin(block, TABLE_EVENT);
                        for (uint32_t k = 0; k < rows[i]; k++) {
                                struct event_record event = { .seq = ++seq, .t_ns = any_number(&prng), .kind = 3 };

                                event.op = spread == 2 ? any_number(&prng) >> 1
                                                       : seq / 2 + spread * prng_below(&prng, 20);
                                while (!row_block_add_record(block, &event))
                                        next_block(block, TABLE_EVENT);
                        }
                        copy_block(block);
                }
        row_block_free(block);
        check_integrity(db);
        g_assert_cmpint(sqlite3_exec(db, "EXPLAIN QUERY PLAN SELECT * FROM event WHERE op = 7", take_line, plan, NULL),
                        ==, SQLITE_OK);
        g_assert_nonnull(strstr(plan->str, "event_by_op"));
        g_assert_cmpint(sqlite3_exec(db,
                                     "SELECT (SELECT count(*) FROM event INDEXED BY event_by_op WHERE op >= 0)"
                                     " - (SELECT count(*) FROM event NOT INDEXED), max(seq) FROM event",
                                     take_line, counts, NULL),
                        ==, SQLITE_OK);
        g_assert_cmpstr(counts->str, ==, "0 207303 \n");
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

/* Two blocks are filled in turn, each while the other waits to be copied. */
static void test_two_blocks(void)
{
        g_autoptr(GString) text = g_string_new(NULL);
        sqlite3 *db = open_tables();
        struct row_block *blocks[2];

        open_blocks(db, TRUE, blocks, 2);
        check_code(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
        for (uint64_t round = 0; round < 6; round++) {
                struct row_block *block = blocks[round % 2];

                row_block_begin(block, TABLE_OP);
                for (uint64_t i = 1; i <= 3000; i++) {
                        const struct op_record op = { .id = round * 3000 + i, .t_ns = round };

                        g_assert_true(row_block_add_record(block, &op));
                }
                row_block_end(block);
                if (round > 0)
                        check_code(row_block_copy(blocks[(round + 1) % 2]));
        }
        check_code(row_block_copy(blocks[1]));
        check_code(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
        row_block_free(blocks[0]);
        row_block_free(blocks[1]);
        check_integrity(db);
        g_assert_cmpint(sqlite3_exec(db, "SELECT count(*), sum(t_ns = (id - 1) / 3000) FROM op", take_line, text, NULL),
                        ==, SQLITE_OK);
        g_assert_cmpstr(text->str, ==, "18000 18000 \n");
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

static void add_events(struct row_block *block, uint64_t first_seq, uint32_t count, uint32_t step)
{
        row_block_begin(block, TABLE_EVENT);
        for (uint32_t i = 0; i < count; i++) {
                const struct event_record event = { .seq = first_seq + i * step, .op = (first_seq + i * step) / 2 };

                while (!row_block_add_record(block, &event))
                        next_block(block, TABLE_EVENT);
        }
        copy_block(block);
}

/* Keys without a gap are counted by SQLite, others are not; late ones come before those that are there. */
static void test_gaps(gconstpointer in_place)
{
        g_autoptr(GString) text = g_string_new(NULL);
        sqlite3 *db = open_tables();
        struct row_block *block;

        open_blocks(db, in_place != NULL, &block, 1);
        add_events(block, 1, 5000, 1);
        add_events(block, 5001, 1, 1);
        add_events(block, 5010, 4000, 1);
        add_events(block, 5002, 8, 1);
        add_events(block, 10000, 300, 3);
        add_events(block, 10001, 300, 3);
        add_events(block, 11000, 20000, 1);
        row_block_free(block);
        check_integrity(db);
        g_assert_cmpint(sqlite3_exec(db,
                                     "SELECT count(*), count(DISTINCT seq), max(seq), sum(op = seq / 2), "
                                     "(SELECT count(*) FROM event WHERE seq BETWEEN 1 AND 9009) FROM event NOT INDEXED",
                                     take_line, text, NULL),
                        ==, SQLITE_OK);
        g_assert_cmpstr(text->str, ==, "29609 29609 30999 29609 9009 \n");
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

/* Somebody makes an index in the file while rows go in: it has them all. */
static void test_other_index(gconstpointer sql)
{
        g_autofree char *folder = g_dir_make_tmp("kmemsim-test-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(folder, "rows.db", NULL);
        g_autoptr(GString) text = g_string_new(NULL);
        sqlite3 *db, *other;
        struct row_block *blocks[2];

        check_code(sqlite3_open(path, &db));
        make_tables(db);
        check_code(sqlite3_open(path, &other));
        check_code(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL));
        check_code(sqlite3_exec(other, "PRAGMA synchronous = OFF", NULL, NULL, NULL));
        open_blocks(db, TRUE, blocks, 2);
        add_events(blocks[0], 1, 3000, 1);
        check_code(sqlite3_exec(other, sql, NULL, NULL, NULL));
        add_events(blocks[0], 3001, 3000, 1);
        add_events(blocks[0], 6001, 3000, 1);
        add_events(blocks[1], 9001, 3000, 1);
        row_block_free(blocks[0]);
        row_block_free(blocks[1]);
        check_integrity(db);
        check_integrity(other);
        g_assert_cmpint(sqlite3_exec(other, "SELECT count(*), max(seq), sum(op = seq / 2) FROM event NOT "
                                            "INDEXED", take_line,
                                     text, NULL),
                        ==, SQLITE_OK);
        g_assert_cmpstr(text->str, ==, "12000 12000 12000 \n");
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_close(other), ==, SQLITE_OK);
        g_assert_cmpint(g_unlink(path), ==, 0);
        g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* A row that is there already is an error, and not another row. */
static void test_twice(gconstpointer in_place)
{
        sqlite3 *db = open_tables();
        struct row_block *block;
        struct op_record op = { .id = 7 };
        int code = SQLITE_OK;

        open_blocks(db, in_place != NULL, &block, 1);
        for (int i = 0; i < 2; i++) {
                row_block_begin(block, TABLE_OP);
                g_assert_true(row_block_add_record(block, &op));
                row_block_end(block);
                code = row_block_copy(block);
                g_assert_true(row_block_is_empty(block));
                g_assert_cmpint(code & 0xff, ==, i == 0 ? SQLITE_OK : SQLITE_CONSTRAINT);
        }
        row_block_free(block);
        g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_data_func("/row_block/numbers", "in place", test_numbers);
        g_test_add_data_func("/row_block/numbers_one_by_one", NULL, test_numbers);
        g_test_add_data_func("/row_block/texts", "in place", test_texts);
        g_test_add_data_func("/row_block/texts_one_by_one", NULL, test_texts);
        g_test_add_data_func("/row_block/index", "in place", test_index);
        g_test_add_data_func("/row_block/index_one_by_one", NULL, test_index);
        g_test_add_data_func("/row_block/gaps", "in place", test_gaps);
        g_test_add_data_func("/row_block/gaps_one_by_one", NULL, test_gaps);
        g_test_add_data_func("/row_block/other_index", "CREATE INDEX event_by_kind ON event (kind)", test_other_index);
        g_test_add_data_func("/row_block/index_elsewhere", "CREATE INDEX op_by_cpu ON op (cpu)", test_other_index);
        g_test_add_func("/row_block/two_blocks", test_two_blocks);
        g_test_add_data_func("/row_block/twice", "in place", test_twice);
        g_test_add_data_func("/row_block/twice_one_by_one", NULL, test_twice);
        return g_test_run();
}
