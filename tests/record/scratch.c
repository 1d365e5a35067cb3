/*
 * scratch.c - see scratch.h.
 */
#include "record/scratch.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <unistd.h>

#include "record/recording.h"

static char *folder;

char *scratch_path(const char *name)
{
        if (folder == NULL)
                folder = g_dir_make_tmp("kmemsim-test-XXXXXX", NULL);
        g_assert_nonnull(folder);
        return g_build_filename(folder, name, NULL);
}

void scratch_remove_all(void)
{
        g_autoptr(GDir) dir = folder != NULL ? g_dir_open(folder, 0, NULL) : NULL;
        const char *name;

        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
                g_autofree char *path = g_build_filename(folder, name, NULL);

                g_remove(path);
        }
        if (folder != NULL)
                g_rmdir(folder);
        g_clear_pointer(&folder, g_free);
}

static sqlite3 *open_db(const char *path)
{
        sqlite3 *db;

        g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), ==, SQLITE_OK);
        return db;
}

gboolean sql_try(const char *path, const char *sql)
{
        sqlite3 *db = open_db(path);
        gboolean ok = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

        sqlite3_close(db);
        return ok;
}

void sql_do(const char *path, const char *format, ...)
{
        sqlite3 *db = open_db(path);
        g_autofree char *sql = NULL;
        char *problem = NULL;
        va_list arguments;

        va_start(arguments, format);
        sql = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        sqlite3_exec(db, sql, NULL, NULL, &problem);
        if (problem != NULL)
                g_error("%s: %s", sql, problem);
        sqlite3_close(db);
}

static char *first_value(const char *path, const char *sql)
{
        sqlite3 *db = open_db(path);
        sqlite3_stmt *statement;
        char *text = g_strdup("");

        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
                g_error("%s: %s", sql, sqlite3_errmsg(db));
        if (sqlite3_step(statement) == SQLITE_ROW) {
                g_free(text);
                text = g_strdup(sqlite3_column_type(statement, 0) == SQLITE_NULL
                                        ? "NULL" : (const char *)sqlite3_column_text(statement, 0));
        }
        g_assert_cmpint(sqlite3_finalize(statement), ==, SQLITE_OK);
        sqlite3_close(db);
        return text;
}

int64_t sql_int(const char *path, const char *format, ...)
{
        g_autofree char *sql = NULL;
        g_autofree char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        sql = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        text = first_value(path, sql);
        return g_ascii_strtoll(text, NULL, 10);
}

char *sql_text(const char *path, const char *format, ...)
{
        g_autofree char *sql = NULL;
        va_list arguments;

        va_start(arguments, format);
        sql = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        return first_value(path, sql);
}

void copy_file(const char *from, const char *to)
{
        char *bytes;
        gsize length;

        g_assert_true(g_file_get_contents(from, &bytes, &length, NULL));
        g_assert_true(g_file_set_contents(to, bytes, (gssize)length, NULL));
        g_free(bytes);
}

void record(const struct workload *workload, const char *path, struct workload_result *ret)
{
        g_autoptr(GError) error = NULL;

        workload_run(workload, path, ret, &error);
        g_assert_no_error(error);
}

void replay(const char *path, uint64_t until_op, struct replay_result *ret)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;

        recording = recording_open(path, &error);
        g_assert_no_error(error);
        replay_run(recording, until_op, ret, &error);
        g_assert_no_error(error);
}

void replay_equal(const char *path, struct replay_result *ret)
{
        replay(path, 0, ret);
        if (ret->differs)
                g_error("%s", ret->difference);
}
