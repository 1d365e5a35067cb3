/*
 * test_damage.c - a recording with one thing changed: replay finds it, names the row and tells both values.
 *
 * A value is changed in the file, the file replayed, and the value changed back; rows are changed in copies.
 */
#include <sqlite3.h>
#include <string.h>

#include "record/record_error.h"
#include "record/recording.h"
#include "record/replay.h"
#include "record/schema.h"
#include "record/scratch.h"
#include "record/workload.h"

/* The difference replay tells, or the error it refuses with; NULL: it found nothing. */
static char *replay_text(const char *path, gboolean *ret_refused)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct replay_result result;
        char *text;

        *ret_refused = FALSE;
        recording = recording_open(path, &error);
        if (recording == NULL || !replay_run(recording, 0, &result, &error)) {
                *ret_refused = TRUE;
                return g_strdup(error->message);
        }
        g_assert_true(result.differs == (result.difference != NULL));
        text = g_strdup(result.difference);
        replay_result_clear(&result);
        return text;
}

static void expect_difference(const char *path, const char *what, const char *row, const char *column,
                              const char *recorded, const char *replayed)
{
        g_autofree char *told = g_strdup_printf("column %s: recorded %s", column, recorded);
        /* no record holds it */
        g_autofree char *quoted = g_strdup_printf("column %s: recorded '%s'", column, recorded);
        g_autofree char *both = g_strdup_printf("replayed %s", replayed);
        g_autofree char *first_line = NULL;
        gboolean is_refused;
        g_autofree char *text = replay_text(path, &is_refused);

        if (text == NULL || is_refused)
                g_error("%s: %s", what, text == NULL ? "not found" : text);
        first_line = g_strndup(text, strcspn(text, "\n"));
        if (!g_str_has_prefix(first_line, row) ||
            (strstr(first_line, told) == NULL && strstr(first_line, quoted) == NULL) ||
            strstr(first_line, both) == NULL)
                g_error("%s: expected %s %s %s, told\n%s", what, row, told, both, text);
        /* what stood before it, and the state around it */
        g_assert_nonnull(strstr(text, "  recorded: "));
        g_assert_nonnull(strstr(text, "  replayed: "));
        g_assert_nonnull(strstr(text, "state of the replay at"));
        g_assert_nonnull(strstr(text, "  CPU 0:"));
        g_assert_nonnull(strstr(text, "  zone DMA"));
}

static void make_recording(const char *path)
{
        struct workload workload;
        struct workload_result run;

        workload_default(&workload);
        workload.op_count = 2500;
        workload.mib = 16;
        workload.live_max = 1000; /* so that some requests fail */
        workload.ends_asleep = TRUE; /* and the reaper runs */
        record(&workload, path, &run);
}

/* Values that differ from the one there, of every type. */
static const char *const changes[] = { "coalesce(%s, 0) + 1", "coalesce(%s, 5) - 1", "CASE WHEN %s IS NULL THEN 0 END",
                                       "coalesce(%s, 0) + 4294967296", "'abc'", "coalesce(%s, 1) + 0.5", "x'0102'",
                                       "-7" };

static void change_column(const char *path, enum table_id id, uint32_t column, int64_t row)
{
        const struct table *table = &schema_tables[id];
        const char *name = table->columns[column].name, *key = table->columns[0].name;
        g_autofree char *where = g_strdup_printf("%s %s=%" G_GINT64_FORMAT, table->name, key, row);
        g_autofree char *before =
                sql_text(path, "SELECT quote(%s) FROM %s WHERE %s = %" G_GINT64_FORMAT, name, table->name, key, row);

        for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
                g_autofree char *change = g_strdup(changes[i]);
                g_autofree char *what = NULL;
                g_autofree char *after = NULL;
                char *at;

                if ((at = strstr(change, "%s")) != NULL) {
                        char *named = g_strdup_printf("%.*s%s%s", (int)(at - change), change, name, at + 2);

                        g_free(change);
                        change = named;
                }
                sql_do(path, "UPDATE %s SET %s = %s WHERE %s = %" G_GINT64_FORMAT, table->name, name, change, key, row);
                after = sql_text(path, "SELECT quote(%s) FROM %s WHERE %s = %" G_GINT64_FORMAT, name, table->name, key,
                                 row);
                if (strcmp(after, before) != 0) {
                        g_autofree char *text = sql_text(path, "SELECT %s FROM %s WHERE %s = %" G_GINT64_FORMAT, name,
                                                         table->name, key, row);

                        what = g_strdup_printf("%s %s: %s -> %s", where, name, before, after);
                        expect_difference(path, what, where, name, text, before);
                }
                sql_do(path, "UPDATE %s SET %s = %s WHERE %s = %" G_GINT64_FORMAT, table->name, name, before, key, row);
        }
}

static void change_columns(enum table_id id, uint32_t row_count)
{
        g_autofree char *path = scratch_path("columns.db");
        g_autoptr(GRand) random = g_rand_new_with_seed(5);
        const struct table *table = &schema_tables[id];
        int64_t rows;

        make_recording(path);
        rows = sql_int(path, "SELECT count(*) FROM %s", table->name);
        for (uint32_t column = 1; column < table->column_count; column++)
                for (uint32_t i = 0; i < row_count; i++)
                        change_column(path, id, column, g_rand_int_range(random, 1, (gint32)rows + 1));
}

static void test_op_columns(void)
{
        change_columns(TABLE_OP, 2);
}

static void test_event_columns(void)
{
        change_columns(TABLE_EVENT, 3);
}

/* An id or seq that is another one, a row that is gone, and one that is too many. */
static void test_rows(void)
{
        static const char *const tables[] = { "op", "event" };
        g_autofree char *path = scratch_path("rows.db");
        g_autofree char *copy = scratch_path("rows-copy.db");
        g_autoptr(GRand) random = g_rand_new_with_seed(6);

        make_recording(path);
        for (guint round = 0; round < 24; round++) {
                const char *table = tables[round % 2];
                const char *key = round % 2 == 0 ? "id" : "seq";
                int64_t rows = sql_int(path, "SELECT count(*) FROM %s", table);
                int64_t row = round < 2 ? rows : round < 4 ? 1 : g_rand_int_range(random, 1, (gint32)rows + 1);
                g_autofree char *name = g_strdup_printf("%s %s=%" G_GINT64_FORMAT, table, key, row);
                g_autofree char *text = NULL;
                gboolean is_refused;
                int64_t other = row;

                copy_file(path, copy);
                switch (round / 2 % 4) {
                case 0: sql_do(copy, "DELETE FROM %s WHERE %s = %" G_GINT64_FORMAT, table, key, row); break;
                case 1:
                        other = rows + 1 + g_rand_int_range(random, 0, 1000);
                        sql_do(copy, "UPDATE %s SET %s = %" G_GINT64_FORMAT " WHERE %s = %" G_GINT64_FORMAT, table, key,
                               other, key, row);
                        break;
                case 2: /* one more, as a copy of another */
                        other = g_rand_int_range(random, 0, 2) == 0 ? rows + 1 : -3;
                        sql_do(copy, "CREATE TEMP TABLE t AS SELECT * FROM %s WHERE %s = %" G_GINT64_FORMAT
                                     "; UPDATE t SET %s = %" G_GINT64_FORMAT "; INSERT INTO %s SELECT * FROM t",
                               table, key, row, key, other, table);
                        g_free(name);
                        name = g_strdup_printf("%s %s=%" G_GINT64_FORMAT, table, key, other);
                        break;
                default: /* two change places */
                        other = row == rows ? 1 : row + 1;
                        sql_do(copy,
                               "UPDATE %s SET %s = -1 WHERE %s = %" G_GINT64_FORMAT
                               "; UPDATE %s SET %s = %" G_GINT64_FORMAT " WHERE %s = %" G_GINT64_FORMAT
                               "; UPDATE %s SET %s = %" G_GINT64_FORMAT " WHERE %s = -1",
                               table, key, key, row, table, key, row, key, other, table, key, other, key);
                        break;
                }
                text = replay_text(copy, &is_refused);
                if (text == NULL || is_refused)
                        g_error("round %u, %s: %s", round, name, text != NULL ? text : "not found");
                if (round / 2 % 4 == 3) { /* either of the two is named, or the first that goes wrong by them */
                        g_assert_nonnull(strstr(text, table));
                } else {
                        if (strstr(text, name) == NULL)
                                g_error("round %u: %s is not named in\n%s", round, name, text);
                        if (round / 2 % 4 == 1) {
                                g_autofree char *moved = g_strdup_printf("%s=%" G_GINT64_FORMAT, key, other);

                                g_assert_nonnull(strstr(text, moved));
                        }
                }
        }
}

/* Several changes at once: found, though no longer each for itself. */
static void test_many(void)
{
        g_autofree char *path = scratch_path("many.db");
        g_autofree char *copy = scratch_path("many-copy.db");
        g_autoptr(GRand) random = g_rand_new_with_seed(7);
        const struct table *table = &schema_tables[TABLE_OP];
        int64_t rows;

        make_recording(path);
        rows = sql_int(path, "SELECT count(*) FROM op");
        for (guint round = 0; round < 60; round++) {
                g_autofree char *text = NULL;
                gboolean is_refused;

                copy_file(path, copy);
                for (guint i = 0; i < 2 + round % 5; i++) {
                        const char *column =
                                table->columns[1 + g_rand_int_range(random, 0, (gint32)table->column_count - 1)].name;

                        sql_do(copy, "UPDATE op SET %s = coalesce(%s, 1) + %d WHERE id = %d", column, column,
                               g_rand_int_range(random, 1, 1 << g_rand_int_range(random, 1, 30)),
                               g_rand_int_range(random, 1, (gint32)rows + 1));
                }
                if (round % 10 == 9)
                        sql_do(copy, "DELETE FROM op_check");
                text = replay_text(copy, &is_refused);
                if (text == NULL)
                        g_error("round %u: nothing found", round);
        }
}

/* Any field of any table: an answer and no crash. What replay compares besides ops and events is never "equal". */
static void test_any_field(void)
{
        static const char *const values[] = { "NULL", "-1", "0", "1", "'x'", "x'00'", "1e300", "9223372036854775807",
                                              "17" };
        static const enum table_id compared[] = { TABLE_CACHE, TABLE_CACHE_SAMPLE };
        g_autofree char *path = scratch_path("any.db");
        g_autofree char *copy = scratch_path("any-copy.db");
        g_autoptr(GRand) random = g_rand_new_with_seed(8);
        guint changed_count = 0;

        make_recording(path);
        for (guint round = 0; round < 160; round++) {
                enum table_id id = round % 2 == 0 ? compared[round / 2 % G_N_ELEMENTS(compared)]
                                                  : (enum table_id)(round / 2 % TABLE_COUNT);
                const struct table *table = &schema_tables[id];
                const char *column = table->columns[g_rand_int_range(random, 0, (gint32)table->column_count)].name;
                const char *key = table->columns[0].name;
                const char *value = values[g_rand_int_range(random, 0, G_N_ELEMENTS(values))];
                int64_t rows = sql_int(path, "SELECT count(*) FROM %s", table->name);
                int64_t at = rows > 0 ? g_rand_int_range(random, 0, (gint32)rows) : 0;
                g_autofree char *select = g_strdup_printf("SELECT quote(%s) FROM %s LIMIT 1 OFFSET %" G_GINT64_FORMAT,
                                                          column, table->name, at);
                g_autofree char *where = g_strdup_printf("%s = (SELECT %s FROM %s LIMIT 1 OFFSET %" G_GINT64_FORMAT ")",
                                                         key, key, table->name, at);
                g_autofree char *update =
                        g_strdup_printf("UPDATE %s SET %s = %s WHERE %s", table->name, column, value, where);
                g_autofree char *before = sql_text(path, "%s", select);
                g_autofree char *after = NULL;
                g_autofree char *text = NULL;
                gboolean is_refused;

                copy_file(path, copy);
                if (rows == 0 || !sql_try(copy, update))
                        continue;
                after = sql_text(copy, "%s", select);
                text = replay_text(copy, &is_refused);
                if (round % 2 == 0 && strcmp(before, after) != 0) {
                        changed_count++;
                        if (text == NULL)
                                g_error("%s, which was %s: not found", update, before);
                }
        }
        g_assert_cmpuint(changed_count, >, 30);
}

int main(int argc, char **argv)
{
        int code;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/replay/damage/every-column-of-op", test_op_columns);
        g_test_add_func("/replay/damage/every-column-of-event", test_event_columns);
        g_test_add_func("/replay/damage/rows-gone-added-moved", test_rows);
        g_test_add_func("/replay/damage/several-changes", test_many);
        g_test_add_func("/replay/damage/any-field-of-any-table", test_any_field);
        code = g_test_run();
        scratch_remove_all();
        return code;
}
