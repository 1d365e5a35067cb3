/*
 * test_recorder.c - the file: what is in it, what it may not overwrite, and what is left of it when the program is
 * killed or the disk is full.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/record_error.h"
#include "record/recorder.h"
#include "record/recording.h"
#include "record/schema.h"
#include "record/scratch.h"
#include "record/workload.h"

static void check_integrity(const char *path)
{
        g_autofree char *answer = sql_text(path, "PRAGMA integrity_check");

        g_assert_cmpstr(answer, ==, "ok");
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

static void expect_refusal(const char *path, gboolean force, int code, const char *text)
{
        g_autoptr(GError) error = NULL;
        struct recorder *recorder = recorder_open(path, force, &error);

        g_assert_null(recorder);
        g_assert_error(error, RECORD_ERROR, code);
        g_assert_nonnull(strstr(error->message, text));
        g_assert_nonnull(strstr(error->message, path));
        g_assert_null(strchr(error->message, '\n'));
}

static void test_refusals(void)
{
        g_autofree char *path = scratch_path("there.db");
        g_autofree char *folder = scratch_path("folder");
        g_autofree char *below_file = g_strconcat(path, "/below.db", NULL);
        g_autofree char *nowhere = scratch_path("no-such-folder/run.db");
        g_autofree char *text = NULL;

        g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
        g_assert_cmpint(g_mkdir(folder, 0777), ==, 0);
        expect_refusal(path, FALSE, RECORD_ERROR_EXISTS, "--force");
        expect_refusal(folder, FALSE, RECORD_ERROR_EXISTS, "exists");
        expect_refusal(folder, TRUE, RECORD_ERROR_EXISTS, "not a regular file");
        expect_refusal("/dev/null", TRUE, RECORD_ERROR_EXISTS, "not a regular file");
        expect_refusal(below_file, FALSE, RECORD_ERROR_IO, "cannot create");
        expect_refusal(nowhere, TRUE, RECORD_ERROR_IO, "there is no folder");
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "precious");
        if (geteuid() != 0) {
                g_autofree char *locked = g_build_filename(folder, "run.db", NULL);

                g_chmod(folder, 0555);
                expect_refusal(locked, FALSE, RECORD_ERROR_IO, "cannot create");
                g_chmod(folder, 0777);
        }
        g_rmdir(folder);
}

static void test_force(void)
{
        g_autofree char *path = scratch_path("forced.db");
        g_autofree char *journal = g_strconcat(path, "-journal", NULL);
        struct workload workload;
        struct workload_result result;
        struct replay_result replayed;

        workload_default(&workload);
        workload.op_count = 500;
        g_assert_true(g_file_set_contents(path, "something else", -1, NULL));
        g_assert_true(g_file_set_contents(journal, "left over", -1, NULL));
        record(&workload, path, &result);
        replay_equal(path, &replayed);
        g_assert_cmpuint(replayed.op_count, ==, result.op_count);
        replay_result_clear(&replayed);
        g_assert_false(g_file_test(journal, G_FILE_TEST_EXISTS)); /* a finished run leaves one file */
}

/* -- content ------------------------------------------------------------------------------------------------------- */

static void test_documented(void)
{
        g_autofree char *path = scratch_path("documented.db");
        g_autofree char *table = NULL;
        g_autofree char *key = NULL;
        g_autofree char *kind = NULL;
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        workload.op_count = 2000;
        record(&workload, path, &result);
        g_assert_cmpint(sql_int(path, "PRAGMA application_id"), ==, 0x6b6d656d);
        g_assert_cmpint(sql_int(path, "PRAGMA user_version"), ==, RECORD_FORMAT_VERSION);
        table = sql_text(path, "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c "
                               "WHERE m.type = 'table' AND NOT EXISTS (SELECT 1 FROM column_doc d "
                               "WHERE d.table_ = m.name AND d.column_ = c.name AND d.meaning <> '')");
        g_assert_cmpstr(table, ==, "");
        key = sql_text(path, "SELECT key FROM run WHERE NOT EXISTS (SELECT 1 FROM column_doc WHERE table_ = 'run' "
                             "AND column_ = key AND meaning <> '')");
        g_assert_cmpstr(key, ==, "");
        kind = sql_text(path, "SELECT id FROM op_named WHERE kind IS NULL OR path IS NULL OR task IS NULL "
                              "UNION SELECT seq FROM event_named WHERE kind IS NULL OR args IS NULL");
        g_assert_cmpstr(kind, ==, "");
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM op"), ==, (int64_t)result.op_count);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM event"), ==, (int64_t)result.event_count);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM op_open"), ==, 0);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM source WHERE length(sha256) = 64"), ==, 1);
        check_integrity(path);
}

/* All rows of all tables, but for what depends on wall time. */
static char *content_of(const char *path)
{
        g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
        sqlite3_stmt *tables, *rows;
        sqlite3 *db;

        g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", -1,
                                           &tables, NULL), ==, SQLITE_OK);
        while (sqlite3_step(tables) == SQLITE_ROW) {
                const char *name = (const char *)sqlite3_column_text(tables, 0);
                g_autofree char *sql = g_strdup_printf("SELECT * FROM \"%s\"%s", name,
                                                       strcmp(name, "run") == 0 ? " WHERE key NOT GLOB 'wall_*'" : "");

                g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), ==, SQLITE_OK);
                while (sqlite3_step(rows) == SQLITE_ROW) {
                        for (int i = 0; i < sqlite3_column_count(rows); i++) {
                                const char *text = (const char *)sqlite3_column_text(rows, i);

                                g_checksum_update(checksum, (const guchar *)(text != NULL ? text : "\001"), -1);
                                g_checksum_update(checksum, (const guchar *)"\002", 1);
                        }
                }
                sqlite3_finalize(rows);
        }
        sqlite3_finalize(tables);
        sqlite3_close(db);
        return g_strdup(g_checksum_get_string(checksum));
}

/* What is recorded does not depend on when it was committed, nor on how the tape was cut into blocks. */
static void test_same_content(void)
{
        g_autofree char *path = scratch_path("content.db");
        g_autofree char *first = NULL;
        g_autofree char *second = NULL;
        g_autofree char *third = NULL;
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        record(&workload, path, &result);
        first = content_of(path);
        workload.commit_every_us = 0;
        workload.block_ops = 100;
        workload.block_events = 50;
        record(&workload, path, &result);
        second = content_of(path);
        workload.commit_every_us = 3000;
        workload.block_ops = 17;
        record(&workload, path, &result);
        third = content_of(path);
        g_assert_cmpstr(first, ==, second);
        g_assert_cmpstr(first, ==, third);
}

struct reader {
        const char *path;
        sqlite3 *db;
        uint64_t calls, reads;
        int64_t last;
};

/* Another connection sees whole commits while the run goes on, and does not stop it. */
static void read_along(void *context)
{
        struct reader *reader = context;
        sqlite3_stmt *select;

        if (++reader->calls % 2000 != 0)
                return;
        if (reader->db == NULL) {
                g_assert_cmpint(sqlite3_open_v2(reader->path, &reader->db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
                sqlite3_busy_timeout(reader->db, 10000);
        }
        g_assert_cmpint(sqlite3_prepare_v2(reader->db,
                                           "SELECT (SELECT count(*) FROM op), (SELECT value FROM run "
                                           "WHERE key = 'op_count'), (SELECT value FROM run WHERE key = 'status')",
                                           -1, &select, NULL), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_step(select), ==, SQLITE_ROW);
        g_assert_cmpint(sqlite3_column_int64(select, 0), ==, sqlite3_column_int64(select, 1));
        g_assert_cmpint(sqlite3_column_int64(select, 0), >=, reader->last);
        g_assert_cmpstr((const char *)sqlite3_column_text(select, 2), ==, "running");
        reader->last = sqlite3_column_int64(select, 0);
        reader->reads++;
        sqlite3_finalize(select);
}

static void test_reader(void)
{
        g_autofree char *path = scratch_path("read.db");
        struct reader reader = { .path = path };
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        workload.commit_every_us = 1000;
        workload.op_count = 40000;
        workload.each = read_along;
        workload.each_context = &reader;
        record(&workload, path, &result);
        g_assert_cmpuint(reader.reads, >, 5);
        g_assert_cmpint(reader.last, >, 0);
        sqlite3_close(reader.db);
        check_integrity(path);
}

/* The views answer at once; the bound is generous for slow machines. */
static void test_views_are_fast(void)
{
        static const char *const questions[] = {
                "SELECT count(*), sum(unusable_index + fragmentation_index) FROM fragmentation_history",
                "SELECT count(*), sum(slabs + utilisation_permille) FROM cache_history",
                "SELECT max(t_ns) FROM cache_history WHERE cache = 'size-64'",
                "SELECT max(t_ns) FROM fragmentation_history WHERE zone = 'DMA32' AND order_ = 9",
        };
        g_autofree char *path = scratch_path("views.db");
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        workload.op_count = 60000;
        record(&workload, path, &result);
        for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
                gint64 started_us = g_get_monotonic_time();
                g_autofree char *answer = sql_text(path, "%s", questions[i]);

                g_assert_cmpstr(answer, !=, "");
                g_test_message("%.1f ms: %s", (double)(g_get_monotonic_time() - started_us) / 1e3, questions[i]);
                g_assert_cmpint(g_get_monotonic_time() - started_us, <, 500000);
        }
}

/* What becomes known when the run is over, such as a broken expectation, is in the recording with its end. */
static void test_late_facts(void)
{
        const struct failure failure = { .kind = "expectation", .message = "said at the end" };
        g_autofree char *path = scratch_path("late.db");
        g_autoptr(GError) error = NULL;
        struct observer *observer = observer_new();
        struct recorder *recorder;
        struct sim_config config;
        const char *problem;
        struct sink sink;
        struct sim *sim;

        sim_config_default(&config);
        recorder = recorder_open(path, TRUE, &error);
        g_assert_no_error(error);
        recorder_set_config(recorder, &config);
        sink = recorder_sink(recorder);
        sim = sim_create(&config, observer_tape(observer), &problem);
        g_assert_nonnull(sim);
        observer_start(observer, sim, &sink);
        observer_end(observer);
        recorder_add_failure(recorder, &failure);
        recorder_set_text(recorder, "late", "text");
        g_assert_true(recorder_finish(recorder, observer, "failed", &error));
        g_assert_no_error(error);
        sim_destroy(sim);
        observer_free(observer);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM failure WHERE message = 'said at the end'"), ==, 1);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM run WHERE (key, value) IN (VALUES ('late', 'text'), "
                                      "('status', 'failed'), ('live_object_count', 0))"), ==, 3);
        check_integrity(path);
}

/* -- killed -------------------------------------------------------------------------------------------------------- */

static pid_t record_in_child(const struct workload *workload, const char *path)
{
        pid_t child = fork();
        struct workload_result result;

        if (child == 0) {
                workload_run(workload, path, &result, NULL);
                _exit(0);
        }
        g_assert_cmpint(child, >, 0);
        return child;
}

/* kill -9 at many moments: what is there opens, says "running" and replays; later kills leave more of it. */
static void test_kill(void)
{
        g_autofree char *path = scratch_path("killed.db");
        g_autofree char *journal = g_strconcat(path, "-journal", NULL);
        g_autoptr(GRand) random = g_rand_new_with_seed(3);
        guint partial_count = 0;
        gint64 whole_us = 0; /* how long a run takes on this machine */

        for (guint round = 0; round < 60; round++) {
                struct replay_result replayed;
                struct workload workload;
                g_autofree char *status = NULL;
                gint64 started_us = g_get_monotonic_time();
                pid_t child;

                workload_default(&workload);
                workload.seed = round;
                workload.op_count = 60000;
                workload.commit_every_us = round % 3 == 0 ? 0 : g_rand_int_range(random, 0, 40000);
                if (round % 3 == 0) {
                        workload.block_ops = 50;
                        workload.block_events = 60;
                }
                g_remove(path);
                g_remove(journal);
                child = record_in_child(&workload, path);
                if (round > 0) {
                        g_usleep((gulong)g_rand_double_range(random, 0, (double)whole_us * (round < 10 ? 0.1 : 0.9)));
                        kill(child, SIGKILL);
                }
                waitpid(child, NULL, 0);
                if (round == 0)
                        whole_us = g_get_monotonic_time() - started_us;
                if (!g_file_test(path, G_FILE_TEST_EXISTS))
                        continue; /* before there was anything */
                status = sql_text(path, "SELECT value FROM run WHERE key = 'status'");
                if (strcmp(status, "running") == 0) {
                        check_integrity(path);
                } else {
                        g_assert_cmpstr(status, ==, "done");
                }
                if (sql_int(path, "SELECT count(*) FROM run WHERE key = 'machine_cpus'") == 0)
                        continue; /* in the few microseconds between the tables and the machine */
                replay_equal(path, &replayed);
                g_assert_cmpstr(replayed.status, ==, status);
                g_assert_cmpint(sql_int(path, "SELECT count(*) FROM op"), ==, (int64_t)replayed.op_count);
                g_assert_cmpstr(replayed.digest, ==, replayed.recorded_digest);
                if (replayed.op_count > 0 && strcmp(status, "running") == 0)
                        partial_count++;
                replay_result_clear(&replayed);
        }
        g_test_message("%u of 60 were killed in the middle", partial_count);
        g_assert_cmpuint(partial_count, >, 10);
}

/* -- no room ------------------------------------------------------------------------------------------------------- */

/* The run cannot be recorded to its end: one clear error, and what is there is valid. */
static void check_full(const char *path, const struct workload *workload)
{
        g_autoptr(GError) error = NULL;
        g_autofree char *status = NULL;
        struct workload_result result;
        struct replay_result replayed;

        if (workload_run(workload, path, &result, &error)) {
                g_assert_false(result.is_broken);
                return; /* it fitted after all */
        }
        g_assert_error(error, RECORD_ERROR, RECORD_ERROR_IO);
        g_assert_nonnull(strstr(error->message, path));
        g_assert_nonnull(strstr(error->message, "no space left"));
        g_assert_null(strchr(error->message, '\n'));
        if (!g_file_test(path, G_FILE_TEST_EXISTS))
                return; /* no room for the tables alone */
        status = sql_text(path, "SELECT value FROM run WHERE key = 'status'");
        g_assert_true(strcmp(status, "failed") == 0 || strcmp(status, "running") == 0);
        check_integrity(path);
        if (sql_int(path, "SELECT count(*) FROM run WHERE key = 'machine_cpus'") == 0)
                return;
        replay_equal(path, &replayed);
        replay_result_clear(&replayed);
}

static void test_file_size_limit(void)
{
        static const rlim_t limits[] = { 20000, 100000, 150000, 300000, 1000000, 2500000, 6000000 };
        g_autofree char *path = scratch_path("limited.db");

        for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
                pid_t child;
                int status;

                g_remove(path);
                child = fork();
                if (child == 0) { /* the limit cannot be taken back */
                        struct rlimit limit = { limits[i], limits[i] };
                        struct workload workload;

                        workload_default(&workload);
                        workload.commit_every_us = 20000;
                        workload.op_count = 100000;
                        setrlimit(RLIMIT_FSIZE, &limit);
                        check_full(path, &workload);
                        _exit(0);
                }
                g_assert_cmpint(waitpid(child, &status, 0), ==, child);
                g_assert_true(WIFEXITED(status));
                g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        }
}

static void test_full_disk(void)
{
        g_autofree char *folder = scratch_path("disk");
        g_autofree char *path = g_build_filename(folder, "run.db", NULL);
        guint failed_count = 0;

        g_assert_cmpint(g_mkdir(folder, 0777), ==, 0);
        for (guint kib = 64; kib < 8000; kib = kib * 5 / 3) {
                g_autofree char *options = g_strdup_printf("size=%uk", kib);
                struct workload workload;

                if (mount("none", folder, "tmpfs", 0, options) != 0) {
                        g_rmdir(folder);
                        g_test_skip("needs the right to mount a tmpfs");
                        return;
                }
                workload_default(&workload);
                workload.commit_every_us = 20000;
                workload.op_count = 60000;
                check_full(path, &workload);
                failed_count++;
                g_assert_cmpint(umount(folder), ==, 0);
        }
        g_assert_cmpuint(failed_count, >, 5);
        g_rmdir(folder);
}

/* What is known of a run comes with its first cut: before that there is a recording, and nothing in it. */
static void test_before_the_run(void)
{
        g_autofree char *path = scratch_path("early.db");
        g_autofree char *expected = g_strdup_printf("%s ends before its run began: nothing was committed to it", path);
        g_autoptr(GError) error = NULL;
        struct recorder *recorder = recorder_open(path, FALSE, &error);
        struct recording *recording;
        struct sim_config config;
        struct run_info info;

        g_assert_no_error(error);
        sim_config_default(&config);
        recorder_set_config(recorder, &config);
        recorder_abandon(recorder);
        recording = recording_open(path, &error);
        g_assert_no_error(error);
        g_assert_false(recording_get_info(recording, &info, &error));
        g_assert_cmpstr(error->message, ==, expected);
        recording_close(recording);
        g_unlink(path);
}

int main(int argc, char **argv)
{
        int code;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/record/recorder/never-overwrites-unasked", test_refusals);
        g_test_add_func("/record/recorder/replaces-when-forced", test_force);
        g_test_add_func("/record/recorder/explains-every-column", test_documented);
        g_test_add_func("/record/recorder/same-content-however-committed", test_same_content);
        g_test_add_func("/record/recorder/can-be-read-meanwhile", test_reader);
        g_test_add_func("/record/recorder/views-answer-at-once", test_views_are_fast);
        g_test_add_func("/record/recorder/late-facts", test_late_facts);
        g_test_add_func("/record/recorder/killed-at-any-moment", test_kill);
        g_test_add_func("/record/recorder/file-size-limit", test_file_size_limit);
        g_test_add_func("/record/recorder/disk-full", test_full_disk);
        g_test_add_func("/record/recorder/killed-before-the-run", test_before_the_run);
        code = g_test_run();
        scratch_remove_all();
        return code;
}
