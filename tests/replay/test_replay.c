/*
 * test_replay.c - a recording replays to the same run, whole, in part or cut short; what is no recording is refused.
 */
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "record/record_error.h"
#include "record/recording.h"
#include "record/replay.h"
#include "record/scratch.h"
#include "record/workload.h"
#include "trace/gfp.h"

/* Records the workload at `path` and replays it: the same run. */
static void check_equal(const struct workload *workload, const char *path)
{
        struct replay_result result;
        struct workload_result run;

        record(workload, path, &run);
        replay_equal(path, &result);
        g_assert_cmpstr(result.status, ==, workload->stop_ns ? "interrupted" : "done");
        g_assert_true(result.is_whole);
        g_assert_cmpuint(result.op_count, ==, run.op_count);
        g_assert_cmpuint(result.event_count, ==, run.event_count);
        g_assert_cmpstr(result.digest, ==, run.digest);
        g_assert_cmpstr(result.recorded_digest, ==, run.digest);
        replay_result_clear(&result);
}

static void test_equal(void)
{
        g_autofree char *path = scratch_path("equal.db");
        struct workload workload;

        for (uint64_t seed = 1; seed <= 24; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.op_count = 8000;
                workload.cpus = 1 + (uint32_t)seed % 8;
                workload.tasks_per_cpu = 1 + (uint32_t)seed % 3;
                workload.irqs_per_cpu = (uint32_t)seed % 4;
                workload.no_sleep = seed % 5 == 0;
                workload.mib = seed % 2 == 0 ? 16 : 64;
                workload.live_max = seed % 2 == 0 ? 2000 : 300; /* 16 MiB run out */
                workload.ends_asleep = seed % 4 == 1;
                check_equal(&workload, path);
        }
}

/* Nodes asked for, alien arrays, CPUs on any node: all of it is in the recording. */
static void test_numa(void)
{
        g_autofree char *path = scratch_path("numa.db");
        struct workload workload;

        for (uint64_t seed = 1; seed <= 16; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.op_count = 6000;
                workload.nodes = 1 + (uint32_t)seed % 4;
                workload.cpus = 1 + (uint32_t)seed % 8;
                workload.irqs_per_cpu = (uint32_t)seed % 3;
                workload.mib = seed % 2 == 0 ? 8 : 48;
                workload.live_max = seed % 2 == 0 ? 2000 : 300; /* nodes run out */
                workload.cpu_mhz = seed % 5 == 0 ? 1 : 3000;
                workload.ends_asleep = seed % 4 == 1;
                workload.tune = seed % 3 == 0;
                check_equal(&workload, path);
                if (workload.nodes > 1)
                        g_assert_cmpint(sql_int(path, "SELECT count(DISTINCT node_plus_1) FROM op"), >, 2);
        }
}

/* Tunables written while everybody allocates: of caches that are there, that are being made and that are gone. */
static void test_tune(void)
{
        g_autofree char *path = scratch_path("tune.db");
        struct workload workload;
        int64_t done = 0, refused = 0, failed = 0;

        for (uint64_t seed = 1; seed <= 8; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.tune = TRUE;
                workload.cpus = 1 + (uint32_t)seed % 8;
                workload.mib = seed % 2 == 0 ? 8 : 64;
                workload.live_max = seed % 2 == 0 ? 3000 : 300;
                workload.stop_ns = seed == 7 ? 2000000 : 0;
                check_equal(&workload, path);
                done += sql_int(path, "SELECT count(*) FROM op_named WHERE kind = 'tune' AND result = 0");
                refused += sql_int(path, "SELECT count(*) FROM op_named WHERE kind = 'tune' AND result = 22");
                failed += sql_int(path, "SELECT count(*) FROM op_named WHERE kind = 'tune' AND result = 12");
        }
        g_assert_cmpint(done, >, 100);
        g_assert_cmpint(refused, >, 0);
        g_assert_cmpint(failed, >=, 0);
}

/* Slabs that wait for a grace period, constructors and destructors. */
static void test_rcu(void)
{
        g_autofree char *path = scratch_path("rcu.db");
        struct workload workload;
        int64_t deferred = 0, ops = 0;

        for (uint64_t seed = 1; seed <= 10; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.op_count = 15000;
                workload.cpus = 1 + (uint32_t)seed % 8;
                workload.rcu_grace_ns = seed % 3 == 0 ? 1 : 9000000;
                workload.cpu_mhz = seed % 4 == 0 ? 1 : 3000;
                workload.stop_ns = seed % 5 == 0 ? 50000000 : 0;
                workload.ends_asleep = seed % 2 == 0;
                check_equal(&workload, path);
                deferred += sql_int(path, "SELECT count(*) FROM event_named WHERE kind = 'slab_deferred'");
                ops += sql_int(path, "SELECT count(*) FROM op_named WHERE kind = 'rcu' AND result > 0 AND origin = 1");
        }
        g_assert_cmpint(deferred, >, 0);
        g_assert_cmpint(ops, >, 0);
}

/* CPUs go, with what waits for them, and come back. */
static void test_hotplug(void)
{
        g_autofree char *path = scratch_path("hotplug.db");
        struct workload workload;
        int64_t gone = 0, moved = 0;

        for (uint64_t seed = 1; seed <= 24; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.op_count = 8000;
                workload.hotplug = TRUE;
                workload.cpus = 2 + (uint32_t)seed % 7;
                workload.tasks_per_cpu = 1 + (uint32_t)seed % 3;
                workload.irqs_per_cpu = (uint32_t)seed % 3;
                workload.nodes = seed % 3 == 0 ? 1 + (uint32_t)seed % 4 : 0;
                workload.mib = seed % 4 == 0 ? 8 : 64;
                workload.live_max = seed % 4 == 0 ? 2500 : 300;
                workload.cpu_mhz = seed % 2 == 0 ? 1 : 3000; /* much at the same moment */
                workload.rcu_grace_ns = seed % 5 == 0 ? 3000000 : 0;
                workload.stop_ns = seed % 6 == 0 ? 20000000 : 0;
                workload.no_sleep = seed % 7 == 0;
                workload.ends_asleep = seed % 3 == 1;
                check_equal(&workload, path);
                gone += sql_int(path, "SELECT count(*) FROM event_named WHERE kind = 'cpu_offline'");
                moved += sql_int(path, "SELECT coalesce(sum(e.b), 0) FROM event_named e WHERE kind = 'cpu_offline'");
        }
        g_assert_cmpint(gone, >, 100);
        g_assert_cmpint(moved, >, 100);
}

/* A cycle of 1000 ns: timers, wake-ups, interrupts and ends of ops on all CPUs fall on the same moments. */
static void test_ties(void)
{
        g_autofree char *path = scratch_path("ties.db");
        struct workload workload;

        for (uint64_t seed = 1; seed <= 30; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.op_count = 15000;
                workload.cpus = 1 + (uint32_t)seed % 8;
                workload.cpu_mhz = 1;
                check_equal(&workload, path);
        }
}

static void test_interrupted(void)
{
        g_autofree char *path = scratch_path("interrupted.db");
        struct workload workload;
        guint open_count = 0;

        for (uint64_t stop_ns = 1; stop_ns < 60000000; stop_ns = stop_ns * 7 / 4 + 13) {
                workload_default(&workload);
                workload.cpus = 4;
                workload.stop_ns = stop_ns;
                check_equal(&workload, path);
                open_count += (guint)sql_int(path, "SELECT count(*) FROM op_open");
        }
        g_assert_cmpuint(open_count, >, 20); /* it was interrupted in the middle of ops */
}

static void test_until(void)
{
        static const uint64_t points[] = { 1, 2, 77, 1024, 1025, 3000 };
        g_autofree char *path = scratch_path("until.db");
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct workload_result run;
        struct workload workload;
        struct replay_result result;

        workload_default(&workload);
        workload.op_count = 4000;
        record(&workload, path, &run);
        for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
                replay(path, points[i], &result);
                g_assert_false(result.differs);
                g_assert_false(result.is_whole);
                g_assert_cmpuint(result.op_count, >=, points[i] > 20 ? points[i] - 20 : 1);
                g_assert_cmpuint(result.op_count, <, points[i] + 20);
                replay_result_clear(&result);
        }
        recording = recording_open(path, &error);
        g_assert_false(replay_run(recording, 1000000, &result, &error));
        g_assert_error(error, RECORD_ERROR, RECORD_ERROR_USAGE);
}

/* -- failures ------------------------------------------------------------------------------------------------------ */

/* A run of three requests: an object, its free, and its free once more, which the simulator refuses. */
static void record_double_free(const char *path, uint64_t frees)
{
        struct request request = { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_KERNEL };
        struct failure failure = { .kind = "bug", .message = "double free", .report = "kernel BUG\n" };
        struct observer *observer = observer_new();
        g_autoptr(GError) error = NULL;
        struct recorder *recorder;
        struct sim_config config;
        const char *problem;
        struct sink sink;
        struct sim *sim;
        uint32_t thread, woken;

        sim_config_default(&config);
        config.node_mib[0] = 16;
        recorder = recorder_open(path, TRUE, &error);
        g_assert_no_error(error);
        recorder_set_config(recorder, &config);
        sink = recorder_sink(recorder);
        sim = sim_create(&config, observer_tape(observer), &problem);
        g_assert_nonnull(sim);
        thread = sim_thread_new(sim, THREAD_TASK, 0);
        recorder_add_thread(recorder, thread, THREAD_TASK, 0, "main", FALSE);
        observer_start(observer, sim, &sink);
        g_assert_null(sim_submit(sim, thread, &request));
        g_assert_cmpint(observed_run(observer, &woken), ==, SIM_DONE);
        request = (struct request){ .kind = OP_FREE, .object = sim_result_object(sim, thread) };
        g_assert_null(sim_submit(sim, thread, &request));
        g_assert_cmpint(observed_run(observer, &woken), ==, SIM_DONE);
        failure.t_ns = sim_now_ns(sim);
        failure.task = thread;
        failure.refused = &request;
        failure.refused_frees = frees;
        recorder_add_failure(recorder, &failure);
        observer_end(observer);
        recorder_finish(recorder, observer, "failed", &error);
        g_assert_no_error(error);
        sim_destroy(sim);
        observer_free(observer);
}

static void test_failure(void)
{
        g_autofree char *path = scratch_path("failure.db");
        struct replay_result result;

        record_double_free(path, 1);
        replay_equal(path, &result);
        g_assert_cmpstr(result.status, ==, "failed");
        g_assert_cmpuint(result.failures->len, ==, 1);
        g_assert_nonnull(strstr(result.failures->pdata[0], "double free"));
        replay_result_clear(&result);
}

/* -- refused ------------------------------------------------------------------------------------------------------- */

/* One clear line that names the file, and no result. */
static void expect_refused(const char *path, int code, const char *text)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct replay_result result;

        recording = recording_open(path, &error);
        if (recording != NULL && replay_run(recording, 0, &result, &error))
                g_error("replayed, though it lacks %s:\n%s", text, result.differs ? result.difference : "equal");
        g_assert_error(error, RECORD_ERROR, code);
        g_assert_nonnull(strstr(error->message, path));
        if (strstr(error->message, text) == NULL)
                g_error("%s\ndoes not say: %s", error->message, text);
        g_assert_null(strchr(error->message, '\n'));
}

static void test_no_recording(void)
{
        g_autofree char *text = scratch_path("text.db");
        g_autofree char *empty = scratch_path("empty.db");
        g_autofree char *missing = scratch_path("missing.db");
        g_autofree char *folder = g_path_get_dirname(text);
        g_autofree char *other = scratch_path("other.db");
        sqlite3 *db;

        g_assert_true(g_file_set_contents(text,
                                          "This is not a database, though it is long enough to be looked at "
                                          "as if it could be one, which it is not, not at all, really.",
                                          -1, NULL));
        g_assert_true(g_file_set_contents(empty, "", 0, NULL));
        g_assert_cmpint(sqlite3_open(other, &db), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_exec(db, "CREATE TABLE run (key, value)", NULL, NULL, NULL), ==, SQLITE_OK);
        sqlite3_close(db);
        expect_refused(text, RECORD_ERROR_FORMAT, "is not a recording");
        expect_refused(empty, RECORD_ERROR_FORMAT, "is not a recording");
        expect_refused(other, RECORD_ERROR_FORMAT, "is not a recording");
        expect_refused(folder, RECORD_ERROR_FORMAT, "is not a recording");
        expect_refused(missing, RECORD_ERROR_IO, "No such file");
}

static void test_other_versions(void)
{
        g_autofree char *path = scratch_path("version.db");
        g_autofree char *copy = scratch_path("version-copy.db");
        struct workload_result run;
        struct workload workload;

        workload_default(&workload);
        workload.op_count = 500;
        record(&workload, path, &run);
        copy_file(path, copy);
        sql_do(copy, "PRAGMA user_version = 99");
        expect_refused(copy, RECORD_ERROR_VERSION, "format version 99");
        copy_file(path, copy);
        sql_do(copy, "PRAGMA application_id = 7");
        expect_refused(copy, RECORD_ERROR_FORMAT, "application_id");
        copy_file(path, copy);
        sql_do(copy, "UPDATE run SET value = value + 1 WHERE key = 'model_version'");
        expect_refused(copy, RECORD_ERROR_VERSION, "model version");
        copy_file(path, copy);
        sql_do(copy, "UPDATE run SET value = 99 WHERE key = 'machine_cpus'");
        expect_refused(copy, RECORD_ERROR_FORMAT, "1 to 8 CPUs");
}

/* Every key that replay reads, gone or spoilt; every table, gone. */
static void test_parts_missing(void)
{
        static const char *const keys[] = { "model_version", "status", "digest", "end_ns", "op_total", "op_count",
                                            "event_count", "machine_cpus", "machine_hz", "cost_enter_cycles" };
        static const char *const tables[] = { "run", "op", "event", "op_open", "op_check", "thread", "cache",
                                              "zone_sample", "cache_sample", "failure" };
        g_autofree char *path = scratch_path("parts.db");
        g_autofree char *copy = scratch_path("parts-copy.db");
        struct workload_result run;
        struct workload workload;

        workload_default(&workload);
        workload.op_count = 500;
        record(&workload, path, &run);
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                copy_file(path, copy);
                sql_do(copy, "DELETE FROM run WHERE key = '%s'", keys[i]);
                expect_refused(copy, RECORD_ERROR_FORMAT, keys[i]);
                sql_do(copy, "INSERT INTO run VALUES ('%s', x'00ff')", keys[i]);
                expect_refused(copy, RECORD_ERROR_FORMAT, keys[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
                copy_file(path, copy);
                sql_do(copy, "DROP VIEW op_named; DROP VIEW event_named; DROP VIEW fragmentation_history; "
                             "DROP VIEW cache_history; DROP TABLE %s", tables[i]);
                expect_refused(copy, RECORD_ERROR_FORMAT, tables[i]);
        }
}

/* Whatever is in the file: an answer or a refusal, and no crash. */
static void try_replay(const char *path)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct replay_result result;

        recording = recording_open(path, &error);
        if (recording != NULL && replay_run(recording, 0, &result, &error))
                replay_result_clear(&result);
        else
                g_assert_nonnull(error);
}

static void test_truncated(void)
{
        g_autofree char *path = scratch_path("whole.db");
        g_autofree char *copy = scratch_path("truncated.db");
        g_autofree char *bytes = NULL;
        struct workload_result run;
        struct workload workload;
        gsize length;

        workload_default(&workload);
        workload.op_count = 1000;
        record(&workload, path, &run);
        g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
        for (gsize left = length - 1; left > 0; left = left * 4 / 5 - (left % 7)) {
                g_autoptr(recording_auto) recording = NULL;
                g_autoptr(GError) error = NULL;
                struct replay_result result;

                g_assert_true(g_file_set_contents(copy, bytes, (gssize)left, NULL));
                recording = recording_open(copy, &error);
                if (recording != NULL)
                        g_assert_false(replay_run(recording, 0, &result, &error));
                g_assert_nonnull(error);
                g_assert_cmpint(error->code, ==, RECORD_ERROR_FORMAT);
                if (left < 50)
                        break;
        }
}

static void test_bytes_changed(void)
{
        g_autofree char *path = scratch_path("whole.db");
        g_autofree char *copy = scratch_path("bytes.db");
        g_autoptr(GRand) random = g_rand_new_with_seed(11);
        g_autofree char *bytes = NULL;
        struct workload_result run;
        struct workload workload;
        gsize length;

        workload_default(&workload);
        workload.op_count = 1000;
        workload.mib = 16;
        record(&workload, path, &run);
        g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
        for (guint round = 0; round < 150; round++) {
                g_autofree char *changed = g_memdup2(bytes, length);

                for (guint i = 0; i < 1 + round % 20; i++) {
                        gsize at = (gsize)g_rand_double_range(random, 0, (double)(round % 3 == 0 ? 60000 : length));

                        changed[at] = (char)g_rand_int(random);
                }
                g_assert_true(g_file_set_contents(copy, changed, (gssize)length, NULL));
                try_replay(copy);
        }
}

int main(int argc, char **argv)
{
        int code;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/replay/equal-to-the-run", test_equal);
        g_test_add_func("/replay/equal-on-several-nodes", test_numa);
        g_test_add_func("/replay/equal-with-tunables-written", test_tune);
        g_test_add_func("/replay/equal-with-grace-periods", test_rcu);
        g_test_add_func("/replay/equal-when-cpus-come-and-go", test_hotplug);
        g_test_add_func("/replay/equal-when-all-happens-at-once", test_ties);
        g_test_add_func("/replay/interrupted-anywhere", test_interrupted);
        g_test_add_func("/replay/stops-after-an-op", test_until);
        g_test_add_func("/replay/reproduces-a-failure", test_failure);
        g_test_add_func("/replay/refuses-what-is-no-recording", test_no_recording);
        g_test_add_func("/replay/refuses-other-versions", test_other_versions);
        g_test_add_func("/replay/refuses-when-parts-are-missing", test_parts_missing);
        g_test_add_func("/replay/refuses-when-truncated", test_truncated);
        g_test_add_func("/replay/survives-any-bytes", test_bytes_changed);
        code = g_test_run();
        scratch_remove_all();
        return code;
}
