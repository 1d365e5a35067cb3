/*
 * test_traces.c - the real traces: every figure that was taken from them by other means must come out again.
 *
 *   test_traces samples     the small printings, with the figures of a second reader written for this table
 *   test_traces WORKLOAD    one of the large captures, with its facts.json
 *
 * The traces are not part of the repository: without them (KMEMSIM_SHARED/traces, or ../shared/traces beside the
 * checkout) the test is skipped. The two JSON texts, theirs and ours, are compared by SQL.
 */
#include "import/import.h"

#include <glib.h>
#include <sqlite3.h>
#include <string.h>

#define EXIT_SKIPPED 77

static char *shared_path(const char *name)
{
        const char *shared = g_getenv("KMEMSIM_SHARED");

        if (shared && *shared)
                return g_build_filename(shared, "traces", name, NULL);
        return g_test_build_filename(G_TEST_DIST, "..", "..", "..", "shared", "traces", name, NULL);
}

static struct import_report *read_figures(const char *name)
{
        g_autofree char *path = shared_path(name);
        struct import_report *report = NULL;
        g_autoptr(GError) error = NULL;

        import_trace(path, NULL, NULL, &report, &error);
        g_assert_no_error(error);
        return report;
}

/* -- the small ones ------------------------------------------------------------------------------------------------ */

static const struct sample {
        const char *name;
        uint64_t lines, events, allocs, frees, null_frees, matched, remote, unknown, again, over_live;
        uint64_t pages_matched, pages_unknown, pages_remote, requested_bytes, allocated_bytes, peak_bytes;
        uint64_t lost;
} samples[] = {
        /* clang-format off */
        { "callchain.perf-head400.txt", 400, 23, 10, 4, 1, 4, 1, 0, 0, 0, 0, 0, 0, 5935, 6352, 4160, 0 },
        { "lost.perf-head500.txt", 500, 499, 33, 267, 61, 10, 1, 257, 0, 0, 9, 50, 0, 26551, 27056, 13792, 8 },
        { "lost.trace_pipe-head700.txt", 700, 698, 281, 265, 45, 156, 0, 109, 0, 0,
          3, 32, 0, 265607, 266784, 34008, 10010 },
        { "overrun.ftrace-head400.txt", 400, 387, 133, 125, 43, 58, 0, 67, 0, 0,
          2, 28, 0, 104440, 104856, 17024, 10121 },
        { "perf-pidtid-head300.txt", 300, 300, 33, 216, 1, 10, 1, 206, 0, 0, 0, 26, 0, 26551, 27056, 13792, 0 },
        { "same.ftrace-hashed-head400.txt", 400, 388, 156, 96, 47, 93, 0, 3, 0, 4, 1, 18, 0, 50554, 51288, 39624, 0 },
        { "same.ftrace-latency-head420.txt", 420, 402, 161, 101, 48, 98, 4, 3, 0, 4, 1, 18, 0, 51706, 52440, 39624, 0 },
        { "same.ftrace-noirqinfo-head300.txt", 300, 294, 123, 69, 23, 66, 0, 3, 0, 0,
          1, 18, 0, 43578, 44296, 39624, 0 },
        { "same.ftrace-tgid-head300.txt", 300, 288, 123, 66, 20, 63, 0, 3, 0, 0, 1, 18, 0, 43578, 44296, 39624, 0 },
        { "same.ftrace.txt.xz", 5378, 5366, 2121, 1783, 529, 1770, 478, 13, 0, 28,
          319, 50, 91, 1199044, 1293808, 265760, 0 },
        { "same.tracecmd-R-head400.txt", 400, 399, 161, 100, 48, 97, 3, 3, 0, 4, 1, 18, 0, 51706, 52440, 39624, 0 },
        { "same.tracecmd-l-head400.txt", 400, 399, 161, 100, 48, 97, 3, 3, 0, 4, 1, 18, 0, 51706, 52440, 39624, 0 },
        { "same.tracecmd-t-head400.txt", 400, 399, 161, 100, 48, 97, 3, 3, 0, 4, 1, 18, 0, 51706, 52440, 39624, 0 },
        { "same.tracecmd.txt.xz", 5367, 5366, 2121, 1783, 529, 1770, 478, 13, 0, 28,
          319, 50, 91, 1199044, 1293808, 265760, 0 },
        { "stack.ftrace-excerpt.txt", 501, 376, 207, 114, 24, 112, 13, 2, 0, 0, 0, 6, 0, 75208, 77248, 26928, 0 },
        { "tiny.ftrace.txt", 2412, 2400, 1106, 828, 221, 826, 180, 2, 0, 9, 70, 0, 6, 678623, 765136, 240144, 0 },
        { "tiny.perf-ns.txt", 2628, 2628, 937, 1103, 361, 712, 135, 391, 0, 0, 34, 51, 7, 473786, 483088, 195168, 0 },
        { "tiny.perf.txt", 2628, 2628, 937, 1103, 361, 712, 135, 391, 0, 0, 34, 51, 7, 473786, 483088, 195168, 0 },
        { "tiny.tracecmd-ns.txt", 2401, 2400, 1106, 828, 221, 826, 180, 2, 0, 9, 70, 0, 6, 678623, 765136, 240144, 0 },
        { "tiny.tracecmd.txt", 2401, 2400, 1106, 828, 221, 826, 180, 2, 0, 9, 70, 0, 6, 678623, 765136, 240144, 0 },
        { "tscclock.ftrace-head300.txt", 300, 288, 123, 58, 14, 56, 53, 2, 0, 0, 1, 21, 0, 44146, 44872, 40200, 0 },
        /* clang-format on */
};

static void test_sample(gconstpointer data)
{
        const struct sample *sample = data;
        g_autofree char *name = g_build_filename("samples", sample->name, NULL);
        struct import_report *report = read_figures(name);

        g_assert_cmpuint(report->lines, ==, sample->lines);
        g_assert_cmpuint(report->lines_unreadable, ==, 0);
        g_assert_cmpuint(report->other_events, ==, 0);
        g_assert_cmpuint(report->kmem_events, ==, sample->events);
        g_assert_cmpuint(report->object_allocs, ==, sample->allocs);
        g_assert_cmpuint(report->object_frees, ==, sample->frees);
        g_assert_cmpuint(report->object_frees_null, ==, sample->null_frees);
        g_assert_cmpuint(report->object_frees_matched, ==, sample->matched);
        g_assert_cmpuint(report->object_frees_remote, ==, sample->remote);
        g_assert_cmpuint(report->object_frees_unknown, ==, sample->unknown);
        g_assert_cmpuint(report->object_frees_again, ==, sample->again);
        g_assert_cmpuint(report->object_allocs_over_live, ==, sample->over_live);
        g_assert_cmpuint(report->page_frees_matched, ==, sample->pages_matched);
        g_assert_cmpuint(report->page_frees_unknown, ==, sample->pages_unknown);
        g_assert_cmpuint(report->page_frees_remote, ==, sample->pages_remote);
        g_assert_cmpuint(report->requested_bytes, ==, sample->requested_bytes);
        g_assert_cmpuint(report->allocated_bytes, ==, sample->allocated_bytes);
        g_assert_cmpuint(report->peak_live_allocated_bytes, ==, sample->peak_bytes);
        g_assert_cmpuint(report->lost_events, ==, sample->lost);
        import_report_free(report);
}

/* One buffer printed three times: not only the sums, all that is printed about it must agree. */
static void test_tiny_agrees(void)
{
        static const char *const names[] = { "samples/tiny.ftrace.txt", "samples/tiny.tracecmd.txt",
                                             "samples/tiny.tracecmd-ns.txt" };
        g_autofree char *first = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                struct import_report *report = read_figures(names[i]);
                g_autoptr(GString) text = g_string_new(NULL);
                char *from, *to;

                g_assert_cmpuint(report->kmalloc_events_repeated, ==, 6);
                report->dialect.tool = TRACE_TOOL_FTRACE; /* what may differ */
                report->unit = TRACE_UNIT_US;
                report->lines = 0;
                report->span_ns = 0;
                import_report_print(report, UINT32_MAX, text);
                from = strstr(text->str, "lifetime_ns.");
                to = strstr(from, "cache.");
                g_string_erase(text, from - text->str, to - from);
                if (first)
                        g_assert_cmpstr(text->str, ==, first);
                else
                        first = g_strdup(text->str);
                import_report_free(report);
        }
}

/* -- the large ones ------------------------------------------------------------------------------------------------ */

static const struct {
        const char *name, *trace;
} workloads[] = {
        { "forkexec", "forkexec/trace.ftrace.txt.xz" }, { "filestorm", "filestorm/trace.tracecmd.txt.xz" },
        { "netload", "netload/trace.perf.txt.xz" },     { "findstat", "findstat/trace.ftrace.txt.xz" },
        { "compile", "compile/trace.ftrace.txt.xz" },
};

/* Each row of an answer is a figure that is not what it should be. ?1: facts.json, ?2: ours. */
static const struct {
        const char *what, *sql;
} comparisons[] = {
        { "figures",
          "WITH pair(theirs, ours) AS (VALUES"
          "  ('$.objects.allocs', '$.object_allocs'), ('$.objects.allocs_accounted', '$.object_allocs_accounted'),"
          "  ('$.objects.frees', '$.object_frees'), ('$.objects.free_matched', '$.object_frees_matched'),"
          "  ('$.objects.free_null', '$.object_frees_null'), ('$.objects.free_remote', '$.object_frees_remote'),"
          "  ('$.objects.free_unknown', '$.object_frees_unknown'), ('$.object_ops', '$.object_ops'),"
          "  ('$.alloc_over_live_total', '$.object_allocs_over_live'), ('$.cross_total', '$.cross_interface_frees'),"
          "  ('$.live_at_end', '$.live_objects_end'), ('$.live_bytes_alloc_end', '$.live_allocated_bytes_end'),"
          "  ('$.live_bytes_req_end', '$.live_requested_bytes_end'),"
          "  ('$.peak_live_bytes_alloc', '$.peak_live_allocated_bytes'),"
          "  ('$.live_bytes_req_at_peak', '$.peak_live_requested_bytes'), ('$.peak_at_op', '$.peak_at_op'),"
          "  ('$.peak_live_objects', '$.peak_live_objects'), ('$.sum_bytes_req', '$.requested_bytes'),"
          "  ('$.sum_bytes_alloc', '$.allocated_bytes'), ('$.n_alloc_sites', '$.alloc_sites'),"
          "  ('$.n_free_sites', '$.free_sites'), ('$.pages.page_allocs', '$.page_allocs'),"
          "  ('$.pages.pages_allocated', '$.pages_allocated'), ('$.pages.page_frees', '$.page_frees'),"
          "  ('$.pages.pages_freed', '$.pages_freed'), ('$.pages.page_free_unknown', '$.page_frees_unknown'),"
          "  ('$.pages.page_free_matched', '$.page_frees_matched'),"
          "  ('$.pages.page_free_remote', '$.page_frees_remote'),"
          "  ('$.pages.page_alloc_over_live', '$.page_allocs_over_live'), ('$.peak_live_pages', '$.peak_live_pages'),"
          "  ('$.live_pages_end', '$.live_pages_end'), ('$.pages.zone_locked_pages', '$.zone_locked_pages'),"
          "  ('$.pages.zone_locked_percpu_refill', '$.zone_locked_refills'), ('$.none', '$.pcpu_drain_pages'),"
          "  ('$.slab_pages.slab_page_allocs', '$.slab_blocks'),"
          "  ('$.slab_pages.slab_pages_allocated', '$.slab_block_pages'),"
          "  ('$.slab_pages.slab_page_frees_of_known_allocs', '$.slab_blocks_freed'),"
          "  ('$.lifetime_ops_max', '$.lifetime_ops.max'))"
          " SELECT ours, json_extract(?2, ours), json_extract(?1, theirs) FROM pair"
          " WHERE json_extract(?2, ours) IS NOT coalesce(json_extract(?1, theirs), 0)" },
        { "shares and rates",
          "WITH pair(name, theirs, ours) AS (VALUES"
          "  ('waste', round(json_extract(?1, '$.waste_share') * 100, 3), json_extract(?2, '$.waste_percent')),"
          "  ('remote', round(json_extract(?1, '$.remote_share_of_matched') * 100, 2), json_extract(?2, "
          "'$.remote_percent')),"
          "  ('rate', round(json_extract(?1, '$.object_ops_per_s')), json_extract(?2, '$.object_ops_per_s')),"
          "  ('span', round(json_extract(?1, '$.duration_s') * 1e9), json_extract(?2, '$.span_ns')))"
          " SELECT name, ours, theirs FROM pair WHERE ours IS NULL OR abs(ours - theirs) > 1e-9 * theirs" },
        { "events by kind",
          "SELECT t.key, json_extract(?2, '$.events.' || t.key), t.value FROM json_each(?1, '$.events') t"
          " WHERE t.key NOT IN ('print', 'tracing_mark_write')"
          " AND json_extract(?2, '$.events.' || t.key) IS NOT t.value" },
        { "events that they do not have", "SELECT o.key, o.value, 0 FROM json_each(?2, '$.events') o"
                                          " WHERE o.value <> 0 AND json_extract(?1, '$.events.' || o.key) IS NULL" },
        { "marker lines",
          "SELECT 'marker_lines', o, t FROM (SELECT json_extract(?2, '$.marker_lines') o,"
          " coalesce(json_extract(?1, '$.events.print'), json_extract(?1, '$.events.tracing_mark_write'), 0) t)"
          " WHERE o IS NOT t" },
        { "lines of each CPU", "SELECT t.key, json_extract(?2, '$.cpu_lines.\"' || t.key || '\"'), t.value"
                               " FROM json_each(?1, '$.per_cpu_events') t"
                               " WHERE json_extract(?2, '$.cpu_lines.\"' || t.key || '\"') IS NOT t.value" },
        { "page allocs by order",
          "SELECT t.key, json_extract(?2, '$.page_allocs_by_order.\"' || t.key || '\"'), t.value"
          " FROM json_each(?1, '$.page_alloc_by_order') t"
          " WHERE json_extract(?2, '$.page_allocs_by_order.\"' || t.key || '\"') IS NOT t.value" },
        { "slab blocks by order",
          "SELECT t.key, json_extract(?2, '$.slab_blocks_by_order.\"' || t.key || '\"'), t.value"
          " FROM json_each(?1, '$.slab_page_alloc_by_order') t"
          " WHERE json_extract(?2, '$.slab_blocks_by_order.\"' || t.key || '\"') IS NOT t.value" },
        { "lifetimes in ops", "SELECT t.key, json_extract(?2, '$.lifetime_ops.\"' || t.key || '\"'), t.value"
                              " FROM json_each(?1, '$.lifetime_ops') t"
                              " WHERE json_extract(?2, '$.lifetime_ops.\"' || t.key || '\"') IS NOT t.value" },
        { "lifetimes in time", /* one part in 1024 where lifetimes.h rounds */
          "SELECT t.key, o.value, t.value * 1000 FROM json_each(?1, '$.lifetime_us') t"
          " LEFT JOIN json_each(?2, '$.lifetime_ns') o ON o.key = t.key"
          " WHERE o.value IS NULL OR abs(o.value - t.value * 1000) > CASE"
          "  WHEN o.value / iif(json_extract(?2, '$.clock_unit') = 'us', 1000, 1) < 1048576 THEN 0.5"
          "  ELSE o.value / 1024.0 END" },
        { "caches", "SELECT t.key, o.value, t.value FROM json_each(?1, '$.caches') t"
                    " LEFT JOIN json_each(?2, '$.caches') o ON json_extract(o.value, '$.name') = t.key"
                    " WHERE json_extract(o.value, '$.allocs') IS NOT json_extract(t.value, '$.allocs')"
                    " OR json_extract(o.value, '$.frees_matched') IS NOT json_extract(t.value, '$.matched_frees')"
                    " OR json_extract(o.value, '$.frees_remote') IS NOT json_extract(t.value, '$.remote_frees')"
                    " OR json_extract(o.value, '$.live_end') IS NOT json_extract(t.value, '$.live_end')" },
        { "kmalloc caches",
          "SELECT t.key, o.value, t.value FROM json_each(?1, '$.kmalloc_caches') t"
          " LEFT JOIN json_each(?2, '$.kmalloc_caches') o ON json_extract(o.value, '$.name') = t.key"
          " WHERE json_extract(o.value, '$.allocs') IS NOT json_extract(t.value, '$.allocs')"
          " OR json_extract(o.value, '$.frees_matched') IS NOT json_extract(t.value, '$.matched_frees')"
          " OR json_extract(o.value, '$.frees_remote') IS NOT json_extract(t.value, '$.remote_frees')"
          " OR json_extract(o.value, '$.live_end') IS NOT json_extract(t.value, '$.live_end')" },
        { "allocs over a live pointer",
          "SELECT t.key, o.value, t.value FROM json_each(?1, '$.alloc_over_live') t"
          " LEFT JOIN json_each(?2, '$.caches') o ON json_extract(o.value, '$.name') = t.key"
          " WHERE json_extract(o.value, '$.allocs_over_live') IS NOT t.value" },
        { "frees through the other interface",
          "SELECT t.key, o.value, t.value FROM json_each(?1, '$.cross_interface_frees') t"
          " LEFT JOIN json_each(?2, '$.caches') o ON 'kfree of ' || json_extract(o.value, '$.name') = t.key"
          " WHERE json_extract(o.value, '$.frees_crossed') IS NOT t.value" },
        { "busiest sites of allocs",
          "SELECT t.value, o.value, t.value FROM json_each(?1, '$.top_alloc_sites') t "
          "LEFT JOIN json_each(?2, '$.sites') o ON json_extract(o.value, '$.site') ="
          "  substr(json_extract(t.value, '$[0]'), instr(json_extract(t.value, '$[0]'), ' ') + 1)"
          " WHERE json_extract(o.value, '$.' || substr(json_extract(t.value, '$[0]'), 1,"
          "  instr(json_extract(t.value, '$[0]'), ' ') - 1)) IS NOT json_extract(t.value, '$[1]')" },
        { "busiest sites of frees",
          "SELECT t.value, o.value, t.value FROM json_each(?1, '$.top_free_sites') t "
          "LEFT JOIN json_each(?2, '$.sites') o ON json_extract(o.value, '$.site') ="
          "  substr(json_extract(t.value, '$[0]'), instr(json_extract(t.value, '$[0]'), ' ') + 1)"
          " WHERE json_extract(o.value, '$.' || substr(json_extract(t.value, '$[0]'), 1,"
          "  instr(json_extract(t.value, '$[0]'), ' ') - 1)) IS NOT json_extract(t.value, '$[1]')" },
        { "lines", "SELECT 'lines_unreadable', json_extract(?2, '$.lines_unreadable'), 0"
                   " WHERE json_extract(?2, '$.lines_unreadable') + json_extract(?2, '$.lost_events')"
                   " + json_extract(?2, '$.other_events') + json_extract(?2, '$.object_frees_again')"
                   " + json_extract(?2, '$.times_backwards') <> 0" },
};

static void compare(sqlite3 *db, const char *what, const char *sql, const char *theirs, const char *ours)
{
        sqlite3_stmt *statement;
        unsigned different = 0;
        int step;

        g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), ==, SQLITE_OK);
        if (sqlite3_bind_parameter_count(statement) >= 1)
                sqlite3_bind_text(statement, 1, theirs, -1, SQLITE_STATIC);
        if (sqlite3_bind_parameter_count(statement) >= 2)
                sqlite3_bind_text(statement, 2, ours, -1, SQLITE_STATIC);
        for (; (step = sqlite3_step(statement)) == SQLITE_ROW; different++)
                g_test_message("%s: %s is %s, not %s", what, sqlite3_column_text(statement, 0),
                               sqlite3_column_text(statement, 1), sqlite3_column_text(statement, 2));
        if (step != SQLITE_DONE)
                g_test_message("%s: %s", what, sqlite3_errmsg(db));
        g_assert_cmpint(step, ==, SQLITE_DONE);
        g_assert_cmpuint(different, ==, 0);
        sqlite3_finalize(statement);
}

static void test_workload(gconstpointer data)
{
        const char *name = data;
        g_autofree char *facts_name = g_build_filename(name, "facts.json", NULL), *facts_path = shared_path(facts_name);
        g_autofree char *facts = NULL;
        g_autoptr(GString) ours = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        struct import_report *report;
        sqlite3 *db;

        g_file_get_contents(facts_path, &facts, NULL, &error);
        g_assert_no_error(error);
        for (size_t i = 0; i < G_N_ELEMENTS(workloads); i++) {
                if (strcmp(workloads[i].name, name) != 0)
                        continue;
                report = read_figures(workloads[i].trace);
                import_report_print_json(report, ours);
                import_report_free(report);
        }
        g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
        for (size_t i = 0; i < G_N_ELEMENTS(comparisons); i++)
                compare(db, comparisons[i].what, comparisons[i].sql, facts, ours->str);
        sqlite3_close(db);
}

int main(int argc, char **argv)
{
        g_autofree char *shared = NULL;
        const char *what;

        g_test_init(&argc, &argv, NULL);
        what = argc > 1 ? argv[1] : "samples";
        shared = shared_path("README.md");
        if (!g_file_test(shared, G_FILE_TEST_EXISTS)) {
                g_printerr("%s is not there\n", shared);
                return EXIT_SKIPPED;
        }
        if (strcmp(what, "samples") == 0) {
                for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
                        g_autofree char *path = g_strconcat("/import/samples/", samples[i].name, NULL);

                        g_test_add_data_func(path, &samples[i], test_sample);
                }
                g_test_add_func("/import/samples/three-printings-of-tiny-agree", test_tiny_agrees);
        } else {
                g_autofree char *path = g_strconcat("/import/traces/", what, NULL);

                g_test_add_data_func(path, what, test_workload);
        }
        return g_test_run();
}
