/*
 * test_totals.c - the totals of a recording (record/totals.h) against plain SQL over its rows of op and event; and the
 * replay, which must name a row of them that was changed.
 */
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/scratch.h"
#include "record/workload.h"

/* Two queries must have the same rows: what one has and the other has not is shown. */
static void same_rows(const char *path, const char *what, const char *totals, const char *plain)
{
        g_autofree char *more =
                sql_text(path, "SELECT '%s' FROM (%s EXCEPT %s)", "totals have a row more", totals, plain);
        g_autofree char *less = sql_text(path, "SELECT '%s' FROM (%s EXCEPT %s)", "totals lack a row", plain, totals);

        if (*more != '\0' || *less != '\0')
                g_error("%s: %s%s", what, more, less);
}

#define OP_KINDS_ "(SELECT id FROM op_kind WHERE name IN ('kmalloc', 'alloc', 'pages'))"
#define KIND(name) "(SELECT id FROM op_kind WHERE name = '" name "')"
#define EVENT_KIND(name) "(SELECT id FROM event_kind WHERE name = '" name "')"
#define FREED                                                                                                          \
        "(SELECT a.*, f.id AS free_id, f.cpu AS free_cpu, f.t_ns - a.t_ns - a.dur_ns AS life_ns "                      \
        "FROM op f JOIN op a ON a.id = f.frees WHERE f.kind = " KIND("free") ")"
#define HELD                                                                                                           \
        "(SELECT a.* FROM op a WHERE a.kind IN " OP_KINDS_ " AND a.pfn IS NOT NULL "                                   \
        "AND a.id NOT IN (SELECT frees FROM op WHERE frees IS NOT NULL))"

static void check_totals(const char *path)
{
        same_rows(path, "op_total",
                  "SELECT kind, path, cache, origin, ops, dur_ns, max_ns, size_bytes FROM op_total",
                  "SELECT kind, path, cache, origin, count(*), sum(dur_ns), max(dur_ns), sum(size_bytes) FROM op "
                  "GROUP BY kind, path, cache, origin");
        same_rows(path, "op_total.failed", "SELECT coalesce(sum(failed), 0) FROM op_total",
                  "SELECT count(*) FROM op_failed");
        same_rows(path, "op_duration, exact below 4096 ns",
                  "SELECT t.kind, t.path, t.cache, t.origin, d.dur_ns, d.ops FROM op_duration d JOIN op_total t "
                  "ON t.id = d.total WHERE d.dur_ns < 4096",
                  "SELECT kind, path, cache, origin, dur_ns, count(*) FROM op WHERE dur_ns < 4096 "
                  "GROUP BY kind, path, cache, origin, dur_ns");
        same_rows(path, "op_duration", "SELECT total, sum(ops) FROM op_duration GROUP BY total",
                  "SELECT id, ops FROM op_total");
        same_rows(path, "op_failed", "SELECT op FROM op_failed",
                  "SELECT id FROM op WHERE (kind IN " OP_KINDS_ " AND pfn IS NULL) OR (result = 1 AND kind IN "
                  "(SELECT id FROM op_kind WHERE name IN ('create', 'destroy')))");
        same_rows(path, "lock_total", "SELECT lock, subject, waits, ops, wait_ns, max_ns FROM lock_total",
                  "SELECT a, b, count(*), count(DISTINCT op), sum(c), max(c) FROM event WHERE kind = "
                  EVENT_KIND("lock_waited") " GROUP BY a, b");
        same_rows(path, "slab_total",
                  "SELECT cache, slabs_start, grown, released, slabs, grow_failed, first_ns, last_ns FROM slab_total",
                  "SELECT cache, sum(s), sum(g), sum(r), sum(s + g - r), sum(f), min(t) FILTER (WHERE g), "
                  "max(t) FILTER (WHERE g) FROM ("
                  "SELECT cache, 1 AS s, 0 AS g, 0 AS r, 0 AS f, 0 AS t FROM boot_slab "
                  "UNION ALL SELECT b, 0, 1, 0, 0, t_ns FROM event WHERE kind = " EVENT_KIND("slab_grown")
                  " UNION ALL SELECT b, 0, 0, 1, 0, 0 FROM event WHERE kind = " EVENT_KIND("slab_released")
                  " UNION ALL SELECT a, 0, 0, 0, 1, 0 FROM event WHERE kind = " EVENT_KIND("grow_failed")
                  ") GROUP BY cache");
        same_rows(path, "slab_total.peak", "SELECT cache, peak FROM slab_total WHERE slabs_start + grown > 0",
                  "SELECT cache, max(slabs) FROM (SELECT cache, sum(d) OVER (PARTITION BY cache ORDER BY seq) AS slabs "
                  "FROM (SELECT cache, count(*) AS d, 0 AS seq FROM boot_slab GROUP BY cache "
                  "UNION ALL SELECT b, CASE kind WHEN " EVENT_KIND("slab_grown") " THEN 1 ELSE -1 END, seq FROM event "
                  "WHERE kind IN (" EVENT_KIND("slab_grown") ", " EVENT_KIND("slab_released") "))) GROUP BY cache");
        same_rows(path, "slab, as many as slab_total says", "SELECT cache, count(*) FROM slab GROUP BY cache",
                  "SELECT cache, slabs FROM slab_total WHERE slabs > 0");
        same_rows(path, "slab.inuse: what the last event of each said",
                  "SELECT pfn, inuse FROM slab WHERE grown_ns IS NOT NULL",
                  "SELECT s.pfn, CASE e.kind WHEN " EVENT_KIND("slab_grown") " THEN 0 ELSE e.c END FROM ("
                  "SELECT *, row_number() OVER (PARTITION BY a ORDER BY seq DESC) AS nr FROM event WHERE kind IN ("
                  EVENT_KIND("slab_grown") ", " EVENT_KIND("slab_taken") ", " EVENT_KIND("slab_put") ")) e "
                  "JOIN slab s ON s.pfn = e.a WHERE e.nr = 1 AND s.grown_ns IS NOT NULL");
        same_rows(path, "slab.held", "SELECT pfn, held, oldest_op FROM slab WHERE held > 0 OR oldest_op IS NOT NULL",
                  "SELECT (SELECT max(s.pfn) FROM slab s WHERE s.pfn <= o.pfn), count(*), min(o.id) FROM " HELD
                  " o WHERE o.cache IS NOT NULL GROUP BY 1");
        same_rows(path, "free_total", "SELECT cache, alloc_cpu, free_cpu, frees, size_bytes FROM free_total",
                  "SELECT cache, cpu, free_cpu, count(*), sum(size_bytes) FROM " FREED
                  " GROUP BY cache, cpu, free_cpu");
        same_rows(path, "lifetime_total", "SELECT id, frees, size_bytes, life_ns FROM lifetime_total",
                  "SELECT l.id, count(*), sum(f.size_bytes), sum(f.life_ns) FROM " FREED
                  " f CROSS JOIN lifetime_total l "
                  "ON f.cache IS l.cache AND f.life_ns >= l.from_ns AND f.life_ns < l.to_ns GROUP BY l.id");
        same_rows(path, "site_total",
                  "SELECT task, site, cache, allocs, failed, size_bytes, dur_ns, frees, coalesce(life_ns, "
                  "0), live_objs, live_bytes FROM site_total",
                  "SELECT o.task, os.site, o.cache, count(*), count(*) - count(o.pfn), "
                  "sum(o.size_bytes), sum(o.dur_ns), count(f.id), coalesce(sum(f.t_ns - o.t_ns - o.dur_ns), 0), "
                  "count(o.pfn) - count(f.id), coalesce(sum(o.size_bytes) FILTER (WHERE o.pfn IS NOT NULL "
                  "AND f.id IS NULL), 0) "
                  "FROM op o LEFT JOIN op_site os ON os.op = o.id LEFT JOIN op f ON f.frees = o.id "
                  "WHERE o.kind IN " OP_KINDS_ " GROUP BY o.task, os.site, o.cache");
        same_rows(path, "live_object", "SELECT pfn, offset, op FROM live_object",
                  "SELECT pfn, offset, id FROM " HELD
                  " WHERE EXISTS (SELECT 1 FROM run WHERE key = 'live_object_count')");
}

/* And the replay has the same totals. */
static void check_recording(const char *path)
{
        struct replay_result result;

        check_totals(path);
        replay_equal(path, &result);
        replay_result_clear(&result);
}

/* -- recordings of all kinds --------------------------------------------------------------------------------------- */

static void test_equal_sql(void)
{
        for (uint64_t seed = 1; seed <= 6; seed++) {
                g_autofree char *path = scratch_path("totals.db");
                struct workload workload;
                struct workload_result result;

                workload_default(&workload);
                workload.seed = seed;
                workload.op_count = 7000;
                workload.cpus = 1 + seed % 4;
                workload.mib = seed == 3 ? 16 : 64; /* little memory: requests fail */
                workload.live_max = seed == 3 ? 3000 : 300;
                workload.cpu_mhz = seed == 4 ? 1 : 3000; /* so slow that ops last long */
                workload.commit_every_us = 1000 * (int64_t)seed;
                record(&workload, path, &result);
                check_recording(path);
        }
}

/* However the records are cut into blocks and commits, the totals are the same, ids included. */
static void test_block_sizes(void)
{
        static const char *const tables[] = {
                "op_total", "op_duration", "lock_total", "slab_total", "free_total", "lifetime_total", "site_total",
                "slab", "live_object", "op_failed",
        };
        g_autofree char *path = scratch_path("blocks.db");
        g_autofree char *small_path = scratch_path("small-blocks.db");
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        workload.op_count = 8000;
        record(&workload, path, &result);
        workload.block_ops = 3;
        workload.block_events = 7;
        workload.commit_every_us = 0;
        record(&workload, small_path, &result);
        for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
                sqlite3 *db;
                sqlite3_stmt *select;
                g_autofree char *attach = g_strdup_printf("ATTACH '%s' AS other", small_path);
                g_autofree char *sql = g_strdup_printf("SELECT (SELECT count(*) FROM main.%s) - (SELECT count(*) FROM "
                                                       "other.%s) + (SELECT count(*) FROM (SELECT * "
                                                       "FROM main.%s EXCEPT SELECT * FROM other.%s))",
                                                       tables[i], tables[i], tables[i], tables[i]);

                g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
                g_assert_cmpint(sqlite3_exec(db, attach, NULL, NULL, NULL), ==, SQLITE_OK);
                g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &select, NULL), ==, SQLITE_OK);
                g_assert_cmpint(sqlite3_step(select), ==, SQLITE_ROW);
                g_assert_cmpint(sqlite3_column_int(select, 0), ==, 0);
                sqlite3_finalize(select);
                sqlite3_close(db);
        }
}

/* A run that was stopped, with ops under way. */
static void test_interrupted(void)
{
        for (uint64_t stop_ns = 50000; stop_ns < 500000; stop_ns += 93331) {
                g_autofree char *path = scratch_path("stopped.db");
                struct workload workload;
                struct workload_result result;

                workload_default(&workload);
                workload.no_sleep = TRUE;
                workload.cpus = 4;
                workload.stop_ns = stop_ns;
                record(&workload, path, &result);
                check_recording(path);
        }
}

/* A run that was killed: the totals are those of the last commit. */
static void test_killed(void)
{
        g_autofree char *path = scratch_path("killed.db");
        g_autofree char *status = NULL;
        struct workload workload;
        gboolean has_ops = FALSE;
        pid_t child;

        workload_default(&workload);
        workload.op_count = 100000000;
        workload.commit_every_us = 2000;
        child = fork();
        g_assert_cmpint(child, >=, 0);
        if (child == 0) {
                struct workload_result result;

                workload_run(&workload, path, &result, NULL);
                _exit(0);
        }
        for (int i = 0; i < 3000 && !has_ops; i++) {
                sqlite3 *db = NULL;
                sqlite3_stmt *select = NULL;

                g_usleep(10000);
                if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                    sqlite3_prepare_v2(db, "SELECT value > 20000 FROM run WHERE key = 'op_count'", -1, &select, NULL) ==
                            SQLITE_OK &&
                    sqlite3_step(select) == SQLITE_ROW)
                        has_ops = sqlite3_column_int(select, 0);
                sqlite3_finalize(select);
                sqlite3_close(db);
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        g_assert_true(has_ops);
        status = sql_text(path, "SELECT value FROM run WHERE key = 'status'");
        g_assert_cmpstr(status, ==, "running");
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM run WHERE key = 'live_object_count'"), ==, 0);
        check_recording(path);
}

static void test_empty(void)
{
        g_autofree char *path = scratch_path("empty.db");
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        workload.op_count = 0;
        workload.irqs_per_cpu = 0;
        record(&workload, path, &result);
        check_recording(path);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM live_object"), ==, 0);
        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM slab"), ==,
                        sql_int(path, "SELECT count(*) FROM boot_slab"));
}

/* -- damage -------------------------------------------------------------------------------------------------------- */

static void expect_difference(const char *path, const char *sql, const char *text)
{
        g_autofree char *damaged = scratch_path("damaged.db");
        struct replay_result result;

        copy_file(path, damaged);
        sql_do(damaged, "%s", sql);
        replay(damaged, 0, &result);
        if (!result.differs || strstr(result.difference, text) == NULL)
                g_error("%s: the replay says %s, not %s", sql, result.differs ? result.difference : "equal", text);
        replay_result_clear(&result);
}

static void test_damage(void)
{
        g_autofree char *path = scratch_path("whole.db");
        struct workload workload;
        struct workload_result result;

        workload_default(&workload);
        workload.op_count = 3000;
        record(&workload, path, &result);
        expect_difference(path, "UPDATE op_total SET ops = ops + 1 WHERE id = 3", "op_total id=3, column ops");
        expect_difference(path, "UPDATE op_total SET cache = NULL WHERE id = 1", "op_total id=1, column cache");
        expect_difference(path, "UPDATE op_duration SET dur_ns = 1 WHERE id = 5", "op_duration id=5, column dur_ns");
        expect_difference(path, "DELETE FROM op_duration WHERE id = 1", "op_duration, column number of rows");
        expect_difference(path, "UPDATE lock_total SET wait_ns = 0 WHERE id = 1", "lock_total id=1, column wait_ns");
        expect_difference(path, "UPDATE slab_total SET peak = 'many' WHERE cache = 0", "column peak");
        expect_difference(path, "UPDATE free_total SET free_cpu = 7 WHERE id = 1", "free_total id=1, column free_cpu");
        expect_difference(path, "UPDATE lifetime_total SET life_ns = -1 WHERE id = 2", "lifetime_total id=2");
        expect_difference(path, "UPDATE site_total SET task = 0 WHERE id = 2", "site_total id=2, column task");
        expect_difference(path, "DELETE FROM site_total WHERE id = (SELECT max(id) FROM site_total)", "site_total");
        expect_difference(path, "INSERT INTO slab VALUES (1, 1, 1, 0, NULL, NULL, NULL)", "slab pfn=1");
        expect_difference(path, "UPDATE slab SET inuse = inuse + 1 WHERE pfn = (SELECT max(pfn) FROM slab)",
                          "column inuse");
        expect_difference(path, "UPDATE slab SET held = held + 1 WHERE held > 0", "column held");
        expect_difference(path, "UPDATE slab SET oldest_op = oldest_op + 1 WHERE oldest_op IS NOT NULL",
                          "column oldest_op");
        expect_difference(path, "UPDATE boot_slab SET inuse = 0", "boot_slab pfn=");
        expect_difference(path, "INSERT INTO live_object VALUES (1, 2, 3)", "live_object pfn=1, offset=2");
        expect_difference(path, "DELETE FROM live_object", "live_object, column number of rows");
        expect_difference(path, "DELETE FROM run WHERE key = 'live_object_count'",
                          "live_object, column number of rows");
        expect_difference(path, "INSERT INTO op_failed VALUES (1)", "op_failed");
}

int main(int argc, char **argv)
{
        int result;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/query/totals/equal-plain-sql", test_equal_sql);
        g_test_add_func("/query/totals/do-not-depend-on-blocks", test_block_sizes);
        g_test_add_func("/query/totals/of-an-interrupted-run", test_interrupted);
        g_test_add_func("/query/totals/of-a-killed-run", test_killed);
        g_test_add_func("/query/totals/of-an-empty-run", test_empty);
        g_test_add_func("/query/totals/replay-names-a-changed-row", test_damage);
        result = g_test_run();
        scratch_remove_all();
        return result;
}
