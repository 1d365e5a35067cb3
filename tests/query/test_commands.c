/*
 * test_commands.c - query, show and diff through the program: PROGRAM CHECKOUT are the arguments.
 *
 * expected/NAME.txt is what the named query NAME says of small.lua. After a change of the model that is meant, write
 * them anew with KMEMSIM_UPDATE=1, and read the difference.
 */
#include <glib/gstdio.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "mm/memory.h"
#include "observe/proc_text.h"
#include "record/record_error.h"
#include "record/recording.h"
#include "record/replay.h"
#include "record/scratch.h"

static const char *program, *checkout;
static char *small, *empty, *failing, *killed, *traced, *fragmented;

static GPtrArray *reports; /* names of all named queries */

struct answer {
        int code;
        char *out, *err;
};

static void clear(struct answer *answer)
{
        g_free(answer->out);
        g_free(answer->err);
}

/* Runs the program with these words, NULL at the end. */
static struct answer ask(const char *first, ...)
{
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        g_autoptr(GError) error = NULL;
        struct answer answer;
        va_list more;
        int status;

        g_ptr_array_add(words, (char *)program);
        va_start(more, first);
        for (const char *word = first; word != NULL; word = va_arg(more, const char *))
                g_ptr_array_add(words, (char *)word);
        va_end(more);
        g_ptr_array_add(words, NULL);
        g_spawn_sync(NULL, (char **)words->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &answer.out, &answer.err, &status,
                     &error);
        g_assert_no_error(error);
        g_assert_true(WIFEXITED(status));
        answer.code = WEXITSTATUS(status);
        return answer;
}

/* Exit code 0, nothing on stderr; returns what it says. */
static char *say(struct answer answer)
{
        if (answer.code != 0 || *answer.err != '\0')
                g_error("exit code %d: %s", answer.code, answer.err);
        g_free(answer.err);
        return answer.out;
}

#define SAY(...) say(ask(__VA_ARGS__, NULL))

/* A usage error: says this, and how to repeat it. */
static void expect_error(struct answer answer, int code, const char *text)
{
        if (answer.code != code || strstr(answer.err, text) == NULL ||
            strstr(answer.err, "\nrepeat with: kmemsim ") == NULL)
                g_error("exit code %d, not %d with \"%s\": %s", answer.code, code, text, answer.err);
        g_assert_cmpstr(answer.out, ==, "");
        clear(&answer);
}

static char *record_scenario(const char *name)
{
        g_autofree char *file = g_strconcat(name, ".lua", NULL);
        g_autofree char *scenario = g_build_filename(checkout, "tests", "query", file, NULL);
        g_autofree char *base = g_strconcat(name, ".db", NULL);
        char *path = scratch_path(base);
        struct answer answer = ask("run", scenario, "-o", path, "--progress", "none", NULL);

        if (answer.code != 0)
                g_error("%s: %s%s", name, answer.out, answer.err);
        clear(&answer);
        return path;
}

static int64_t value_in(const char *path, const char *sql)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *select = NULL;
        int64_t value = -1;

        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
            sqlite3_prepare_v2(db, sql, -1, &select, NULL) == SQLITE_OK && sqlite3_step(select) == SQLITE_ROW)
                value = sqlite3_column_int64(select, 0);
        sqlite3_finalize(select);
        sqlite3_close(db);
        return value;
}

/* An endless run must not stay when a check fails here. */
static void die_with_parent(gpointer unused)
{
        (void)unused;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A run that goes on until it is killed, once it has committed some thousand ops. */
static GPid start_endless(const char *path)
{
        g_autofree char *scenario = g_build_filename(checkout, "tests", "query", "endless.lua", NULL);
        const char *words[] = { (char *)program, "run", scenario, "-o", path, "--progress", "none", NULL };
        g_autoptr(GError) error = NULL;
        GPid pid;

        g_spawn_async(NULL, (char **)words, NULL,
                      G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                      die_with_parent, NULL, &pid, &error);
        g_assert_no_error(error);
        for (int i = 0; i < 6000 && value_in(path, "SELECT value FROM run WHERE key = 'op_count'") < 3000; i++)
                g_usleep(10000);
        return pid;
}

static void stop_endless(GPid pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static char *record_killed(void)
{
        char *path = scratch_path("killed.db");

        stop_endless(start_endless(path));
        return path;
}

/* The same of two recordings, the second as schema b. */
static int64_t value_in_two(const char *path, const char *path_b, const char *sql)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *select = NULL;
        g_autofree char *attach = g_strdup_printf("ATTACH '%s' AS b", path_b);
        int64_t value = -1;

        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
            sqlite3_exec(db, attach, NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_prepare_v2(db, sql, -1, &select, NULL) == SQLITE_OK && sqlite3_step(select) == SQLITE_ROW)
                value = sqlite3_column_int64(select, 0);
        sqlite3_finalize(select);
        sqlite3_close(db);
        return value;
}

static void expect_code(struct answer answer, int code)
{
        g_assert_cmpint(answer.code, ==, code);
        clear(&answer);
}

static void read_report_names(void)
{
        g_autofree char *list = SAY("query", "--list");
        g_auto(GStrv) lines = g_strsplit(list, "\n", -1);

        reports = g_ptr_array_new_with_free_func(g_free);
        for (char **line = lines; *line != NULL; line++)
                if (g_ascii_isalpha(**line))
                        g_ptr_array_add(reports, g_strndup(*line, strcspn(*line, " ")));
        g_assert_cmpuint(reports->len, >=, 15);
}

/* -- what the queries say ------------------------------------------------------------------------------------------ */

static void test_expected(void)
{
        for (size_t i = 0; i < reports->len; i++) {
                const char *report = reports->pdata[i];
                g_autofree char *file = g_strconcat(report, ".txt", NULL);
                g_autofree char *path = g_build_filename(checkout, "tests", "query", "expected", file, NULL);
                g_autofree char *said = SAY("query", small, report);
                g_autofree char *expected = NULL;
                char *wall = strstr(said, "wall time");

                if (wall != NULL) /* the one figure that is not the same every time */
                        *wall = '\0';
                if (g_getenv("KMEMSIM_UPDATE") != NULL)
                        g_file_set_contents(path, said, -1, NULL);
                if (!g_file_get_contents(path, &expected, NULL, NULL))
                        g_error("there is no %s (KMEMSIM_UPDATE=1 writes it)", path);
                g_assert_cmpstr(said, ==, expected);
        }
}

static gboolean is_json(const char *text)
{
        sqlite3 *db;
        sqlite3_stmt *select;
        gboolean valid;

        g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_prepare_v2(db, "SELECT json_valid(?)", -1, &select, NULL), ==, SQLITE_OK);
        sqlite3_bind_text(select, 1, text, -1, SQLITE_STATIC);
        g_assert_cmpint(sqlite3_step(select), ==, SQLITE_ROW);
        valid = sqlite3_column_int(select, 0);
        sqlite3_finalize(select);
        sqlite3_close(db);
        return valid;
}

/* Whom the killer took, in place of whom, and what came back. */
static void test_oom_kills(void)
{
        g_autofree char *oom = record_scenario("oom");
        g_autofree char *said = SAY("query", oom, "oom_kills", "--csv");
        g_auto(GStrv) lines = g_strsplit(said, "\r\n", -1);
        g_auto(GStrv) first = NULL, second = NULL;

        g_assert_cmpuint(g_strv_length(lines), ==, 4); /* names, two kills, the end */
        g_assert_cmpstr(lines[0], ==, "t_ns,asked_by,order_,gfp,chosen,score,killed,exit_ns,pages");
        first = g_strsplit(lines[1], ",", -1);
        second = g_strsplit(lines[2], ",", -1);
        g_assert_cmpstr(first[1], ==, "eater");
        g_assert_cmpstr(first[2], ==, "0");
        g_assert_cmpstr(first[3], ==, "GFP_HIGHUSER");
        g_assert_cmpstr(first[4], ==, "parent (20)");
        g_assert_cmpstr(first[5], ==, "4225"); /* 4096 + 256 / 2 + 1 */
        g_assert_cmpstr(first[6], ==, "child (21)");
        g_assert_cmpstr(first[8], ==, "0");
        g_assert_cmpstr(second[4], ==, "parent (20)");
        g_assert_cmpstr(second[5], ==, "4096");
        g_assert_cmpstr(second[6], ==, "parent (20)");
        g_assert_cmpstr(second[8], ==, "512");
        g_assert_cmpuint(g_ascii_strtoull(second[0], NULL, 10), >, g_ascii_strtoull(first[0], NULL, 10));
        g_assert_cmpuint(g_ascii_strtoull(second[7], NULL, 10), >, 1000);
        g_assert_cmpuint(g_ascii_strtoull(second[7], NULL, 10), <, 4000000);
}

/* Every query on every kind of recording, in every format. */
static void test_all(void)
{
        const char *const recordings[] = { small, empty, failing, killed, traced };

        for (size_t r = 0; r < G_N_ELEMENTS(recordings); r++) {
                for (size_t i = 0; i < reports->len; i++) {
                        const char *report = reports->pdata[i];
                        g_autofree char *table = SAY("query", recordings[r], report);
                        g_autofree char *csv = SAY("query", recordings[r], report, "--csv");
                        g_autofree char *json = SAY("query", recordings[r], report, "--json");
                        g_auto(GStrv) lines = g_strsplit(table, "\n", -1);

                        g_assert_true(is_json(json));
                        g_assert_cmpuint(g_strv_length(lines), >=, 3); /* names, dashes, and the end of the last line */
                        g_assert_nonnull(strstr(csv, "\r\n"));
                }
        }
}

/* Every report begins as reports/README.md promises, and all columns it has are explained. */
static void test_documented(void)
{
        g_autofree char *list = SAY("query", "--list");
        g_autofree char *readme_path = g_build_filename(checkout, "reports", "README.md", NULL);
        g_autofree char *readme = NULL;

        g_assert_true(g_file_get_contents(readme_path, &readme, NULL, NULL));
        for (size_t i = 0; i < reports->len; i++) {
                const char *report = reports->pdata[i];
                g_autofree char *sql = SAY("query", "--sql", report);
                g_autofree char *csv = SAY("query", small, report, "--csv");
                g_autofree char *in_list = g_strdup_printf("%-16s", report);
                g_autofree char *in_readme = g_strdup_printf("| `%s` | %.*s |", report, (int)strcspn(sql + 3, "\n"),
                                                             sql + 3);
                const char *comment_end = strstr(sql, "\nSELECT") != NULL ? strstr(sql, "\nSELECT") : sql;
                g_autofree char *comment = g_strndup(sql, (gsize)(comment_end - sql));
                g_auto(GStrv) columns = NULL;

                csv[strcspn(csv, "\r")] = '\0';
                columns = g_strsplit(csv, ",", -1);
                g_assert_true(g_str_has_prefix(sql, "-- "));
                g_assert_nonnull(strstr(list, in_list));
                if (strstr(readme, in_readme) == NULL)
                        g_error("reports/README.md has no row %s", in_readme);
                for (char **column = columns; *column != NULL; column++) {
                        g_autofree char *pattern = g_strdup_printf("\n--   ([a-z0-9_]+, )*%s\\b", *column);

                        if (!g_regex_match_simple(pattern, comment, 0, 0))
                                g_error("%s.sql does not explain %s", report, *column);
                }
        }
        /* every parameter has a meaning */
        for (const char *at = strstr(list, "-p "); at != NULL; at = strstr(at + 1, "-p "))
                g_assert_true(g_regex_match_simple("^-p [a-z_]+ = [^ ]+ in [^ ]+ +[^ ]+", at, 0, 0));
}

static void test_csv(void)
{
        g_autofree char *csv = SAY("query", small, "SELECT 1 AS a, 'x,y' AS \"b c\", 'say \"no\"' AS d, 'two\n"
                                                   "lines' AS e, NULL AS f, "
                                                   "'' AS g, 1.5 AS h, x'00ff' AS i", "--csv");

        g_assert_cmpstr(csv, ==, "a,b c,d,e,f,g,h,i\r\n1,\"x,y\",\"say \"\"no\"\"\",\"two\n"
                                 "lines\",,\"\",1.5,x'00ff'\r\n");
}

/* Of a run that goes on, all that a command reads is of one moment: its commits wait, and go on behind it. */
static void test_while_it_runs(void)
{
        static const char count[] = "SELECT value FROM run WHERE key = 'op_count'";
        char *path = scratch_path("running.db");
        GPid pid = start_endless(path);
        g_autoptr(GError) error = NULL;
        struct recording *recording;
        int64_t first, later;

        recording = recording_open(path, &error);
        g_assert_no_error(error);
        recording_get_int(recording, "op_count", 0, G_MAXINT64, &first, &error);
        g_assert_no_error(error);
        g_usleep(1200000);
        recording_get_int(recording, "op_count", 0, G_MAXINT64, &later, &error);
        g_assert_no_error(error);
        recording_close(recording);
        g_assert_cmpint(first, ==, later);
        for (int i = 0; i < 6000 && value_in(path, count) <= first; i++)
                g_usleep(10000);
        g_assert_cmpint(value_in(path, count), >, first);
        g_free(SAY("replay", path));
        stop_endless(pid);
        g_free(path);
}

static void test_json(void)
{
        g_autofree char *json = SAY("query", small, "SELECT 1 AS a, 'quote\" back\\ tab\t bell\a' AS b, NULL AS c, "
                                                    "0.25 AS d, 1e999 AS e, 2 AS a", "--json");
        g_autofree char *none = SAY("query", small, "SELECT 1 WHERE 0", "--json");

        g_assert_cmpstr(json, ==, "[\n{\"a\": 1, \"b\": \"quote\\\" back\\\\ tab\\t bell\\u0007\", \"c\": null, \"d\": "
                                  "0.25, \"e\": null, \"a_2\": 2}\n]\n");
        g_assert_true(is_json(json));
        g_assert_cmpstr(none, ==, "[]\n");
}

static void test_parameters(void)
{
        g_autofree char *one = SAY("query", small, "top_sites", "-p", "limit=1", "-p", "by=task", "--csv");
        g_autofree char *last =
                SAY("query", small, "top_sites", "-p", "limit=3", "-p", "limit=1", "-p", "by=task", "--csv");
        g_autofree char *sql = SAY("query", small, "SELECT :a || :b AS x", "-p", "a=1", "-p", "b=it's", "--csv");
        g_autofree char *by_name = SAY("query", small, "latency", "-p", "cache=node", "--csv");
        g_autofree char *pages = SAY("query", small, "latency", "-p", "cache=pages", "--csv");

        g_assert_cmpstr(one, ==, last);
        g_assert_cmpstr(sql, ==, "x\r\n1it's\r\n");
        g_assert_nonnull(strstr(by_name, "\r\nalloc,magazine,"));
        g_assert_null(strstr(by_name, "kmalloc"));
        g_assert_nonnull(strstr(pages, "pages,"));
        expect_error(ask("query", small, "latency", "-p", "cach=node", NULL), 2, "no parameter \"cach\"; it has cache");
        expect_error(ask("query", small, "lock_waits", "-p", "cache=node", NULL), 2,
                     "no parameter \"cache\"; it has none");
        expect_error(ask("query", small, "pinning", "-p", "limit=few", NULL), 2,
                     "limit is a whole number, 0 or more, not \"few\"");
        expect_error(ask("query", small, "pinning", "-p", "limit=1.5", NULL), 2, "whole number");
        expect_error(ask("query", small, "pinning", "-p", "limit", NULL), 2, "NAME=VALUE");
        expect_error(ask("query", small, "SELECT :x", NULL), 2, "no value");
        expect_error(ask("query", small, "SELECT ?", NULL), 2, "a parameter needs a name");
}

/* A value that a query knows nothing of is refused: it would answer with nothing, or to another question. */
static void test_parameter_values(void)
{
        g_autofree char *in_ns = SAY("query", small, "waste", "-p", "at=50000", "--csv");
        g_autofree char *in_ms = SAY("query", small, "waste", "-p", "at=50us", "--csv");
        g_autofree char *at_end = SAY("query", small, "waste", "-p", "at=end", "--csv");
        g_autofree char *all = SAY("query", small, "fragmentation", "-p", "order=-1", "-p", "points=1", "--csv");

        g_assert_cmpstr(in_ns, ==, in_ms);
        g_assert_cmpstr(in_ns, !=, at_end);
        g_assert_nonnull(strstr(all, ",10,"));
        expect_error(ask("query", small, "waste", "-p", "at=-1", NULL), 2, "at is end or a time");
        expect_error(ask("query", small, "waste", "-p", "at=noon", NULL), 2, "with ns, us, ms or s, not \"noon\"");
        expect_error(ask("query", small, "latency", "-p", "cache=nodes", NULL), 2,
                     "cache is all, the name of a cache or pages, not \"nodes\"");
        expect_error(ask("query", small, "pinning", "-p", "cache=pages", NULL), 2,
                     "cache is all or the name of a cache, not");
        expect_error(ask("query", small, "top_sites", "-p", "by=who", NULL), 2,
                     "by is site, task or cache, not \"who\"");
        expect_error(ask("query", small, "top_sites", "-p", "order=", NULL), 2,
                     "order is live, bytes, allocs, failed or time");
        expect_error(ask("query", small, "fragmentation", "-p", "order=11", NULL), 2, "from -1 to 10, not \"11\"");
        expect_error(ask("query", small, "pinning", "-p", "limit=-1", NULL), 2, "0 or more, not \"-1\"");
        expect_error(ask("query", failing, "why_failed", "-p", "failure=0", NULL), 2, "1 or more");
        expect_error(ask("query", failing, "why_failed", "-p", "op=-1", NULL), 2, "0 or more");
}

/* SQL may open with a comment, as every file of reports/ does. */
static void test_comment_first(void)
{
        g_autofree char *sql = SAY("query", "--sql", "slab_growth");
        g_autofree char *named = SAY("query", small, "slab_growth");
        g_autofree char *pasted = SAY("query", small, sql);

        g_assert_cmpstr(pasted, ==, named);
}

static void test_usage(void)
{
        expect_error(ask("query", small, "nosuch", NULL), 2, "there is no query \"nosuch\"; there are cache_hits,");
        expect_error(ask("query", small, "latncy", NULL), 2, "near it: latency (");
        expect_error(ask("query", small, "slab", NULL), 2, "near it: slab_growth, slab_occupancy (");
        expect_error(ask("query", small, "site", NULL), 2, "near it: top_sites");
        expect_error(ask("query", "--sql", "nosuch", NULL), 2, "there is no query");
        expect_error(ask("query", small, NULL), 2, "ask what?");
        expect_error(ask("query", NULL), 2, "FILE.db is missing");
        expect_error(ask("query", small, "SELECT no_such", NULL), 2, "no such column");
        expect_error(ask("query", small, "summary", "--csv", "--json", NULL), 2, "one of");
        expect_error(ask("query", "/no/such/file.db", "summary", NULL), 4, "/no/such/file.db");
        expect_error(ask("query", "/dev/null", "summary", NULL), 4, "not a recording");
        expect_error(ask("show", small, NULL), 2, "show what?");
        expect_error(ask("show", small, "slabs", NULL), 2, "there is no \"slabs\"");
        expect_error(ask("show", small, "slabinfo", "--at", "12 parsecs", NULL), 2, "--at 12 parsecs");
        expect_error(ask("show", small, "slabinfo", "x", NULL), 2, "slabinfo is one text");
        expect_error(ask("show", small, "cache", NULL), 2, "show which cache?");
        expect_error(ask("show", small, "cache", "no such", NULL), 2, "there is no cache \"no such\"");
        expect_error(ask("show", small, "cache", "node", "--at", "1ns", NULL), 2,
                     "there is no cache \"node\" at this moment");
        expect_error(ask("show", small, "page", "x", NULL), 2, "show which page?");
        expect_error(ask("show", small, "page", "8192", NULL), 2, "pages 0 to 8191");
        expect_error(ask("show", small, "slab", "0", NULL), 2, "page 0 is part of no slab");
        expect_error(ask("show", small, "object", "7200", NULL), 2, "show which object?");
        expect_error(ask("show", small, "object", "7200:4096", NULL), 2, "bytes 0 to 4095");
        expect_error(ask("show", small, "object", "0:0", NULL), 2, "there is no object in page 0");
        expect_error(ask("show", small, "failure", "0", NULL), 2, "show which failure?");
        expect_error(ask("show", small, "failure", "99", NULL), 2, "there is no failure 99");
        expect_error(ask("show", small, "failure", "--at", "1ns", NULL), 2, "no failure was noted");
        expect_error(ask("show", small, "slabinfo", "--at", "op:x", NULL), 2, "is no op");
        expect_error(ask("show", small, "slabinfo", "--at", "op:99999999", NULL), 2, "no op 99999999");
        expect_error(ask("show", small, "slabinfo", "--at", "100s", NULL), 2, "ends at");
        expect_error(ask("show", "/no/such/file.db", "slabinfo", NULL), 4, "/no/such/file.db");
        expect_error(ask("diff", small, NULL), 2, "two recordings");
        expect_error(ask("diff", small, "/no/such/file.db", NULL), 4, "/no/such/file.db");
}

/* Nothing that is asked changes the file, or any other. */
static void test_read_only(void)
{
        static const char *const forbidden[] = {
                "DELETE FROM op", "INSERT INTO run VALUES ('x', 1)", "UPDATE run SET value = 1", "DROP TABLE op",
                "CREATE TABLE x (y)", "CREATE TEMP TABLE x (y)", "PRAGMA user_version = 7",
                "PRAGMA journal_mode = DELETE", "ATTACH '/tmp/kmemsim-query-other.db' AS other",
                "VACUUM INTO '/tmp/kmemsim-query-other.db'", "BEGIN", "REINDEX",
                "SELECT load_extension('x')", "SELECT 1; DELETE FROM op",
        };
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        gsize length_before, length_after;
        struct stat stat_before, stat_after;
        g_autofree char *summary = NULL;

        g_assert_true(g_file_get_contents(small, &before, &length_before, NULL));
        g_assert_cmpint(stat(small, &stat_before), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(forbidden); i++) {
                struct answer answer = ask("query", small, forbidden[i], NULL);

                if (answer.code != 2)
                        g_error("%s: exit code %d: %s", forbidden[i], answer.code, answer.err);
                clear(&answer);
        }
        g_assert_false(g_file_test("/tmp/kmemsim-query-other.db", G_FILE_TEST_EXISTS));
        g_chmod(small, 0444);
        summary = SAY("query", small, "summary");
        g_chmod(small, 0644);
        g_assert_true(g_file_get_contents(small, &after, &length_after, NULL));
        g_assert_cmpint(stat(small, &stat_after), ==, 0);
        g_assert_cmpmem(before, length_before, after, length_after);
        g_assert_cmpint(stat_before.st_mtim.tv_sec, ==, stat_after.st_mtim.tv_sec);
        g_assert_cmpint(stat_before.st_mtim.tv_nsec, ==, stat_after.st_mtim.tv_nsec);
}

/* Where the requests of a trace came from goes with them. */
static void test_sites(void)
{
        g_autofree char *csv = SAY("query", traced, "top_sites", "--csv", "-p", "order=allocs");
        g_autofree char *tasks = SAY("query", traced, "top_sites", "--csv", "-p", "by=task");
        g_autofree char *named = SAY("query", traced, "SELECT kind, size_bytes, site, site_task FROM op_named "
                                                      "ORDER BY t_ns, id",
                                     "--csv");
        g_autofree char *replayed = SAY("replay", traced);

        g_assert_nonnull(strstr(csv, "\r\nopen_file+0x10,2,0,200,"));
        g_assert_nonnull(strstr(csv, "\r\nread_file+0x24,1,0,300,"));
        g_assert_nonnull(strstr(csv, "\r\ntrace-0,1,0,40,")); /* the line without a site: the task that played it */
        g_assert_nonnull(strstr(tasks, "\r\nwriter,2,0,5100,"));
        g_assert_cmpstr(named, ==,
                        "kind,size_bytes,site,site_task\r\nkmalloc,100,open_file+0x10,reader\r\n"
                        "kmalloc,300,read_file+0x24,reader\r\nkmalloc,100,open_file+0x10,writer\r\n"
                        "free,100,close_file+0x8,writer\r\nkmalloc,5000,write_file+0x44,writer\r\n"
                        "free,300,close_file+0x8,reader\r\nkmalloc,40,,\r\n");
        g_assert_nonnull(strstr(replayed, "result: equal"));
}

/* -- waste --------------------------------------------------------------------------------------------------------- */

struct held {
        uint64_t pages, asked_pages;
};

/* Every page that is neither free nor reserved, counted page by page. */
static void count_held(const struct sim *sim, void *context)
{
        const struct memory *mem = sim_memory(sim);
        struct held *held = context;

        for (uint32_t pfn = mem->reserved_pages; pfn < mem->page_count;) {
                const struct page *page = &mem->pages[pfn];
                uint32_t pages = page->state == PAGE_BUDDY || page->state == PAGE_ALLOCATED ? 1u << page->order : 1;

                g_assert_cmpint(page->state, !=, PAGE_NONE);
                if (page->state != PAGE_BUDDY)
                        held->pages += pages;
                if (page->state == PAGE_ALLOCATED)
                        held->asked_pages += pages;
                pfn += pages;
        }
}

static int64_t part(const char *csv, const char *name)
{
        g_autofree char *line = g_strdup_printf("\r\n%s,", name);
        const char *at = strstr(csv, line);

        g_assert_nonnull(at);
        at = strchr(at + strlen(line), ',');
        return g_ascii_strtoll(at + 1, NULL, 10);
}

static void check_waste(const char *path)
{
        static const char *const parts[] = {
                "objects: bytes asked for",      "pages asked for",
                "rounding up to the size class", "alignment and slab headers",
                "empty places in partial slabs", "free slabs",
                "magazines and shared arrays",   "page lists of the CPUs",
        };
        g_autofree char *csv = SAY("query", path, "waste", "--csv");
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct replay_point point = { .stop = REPLAY_TO_TIME };
        struct held held = { 0 };
        struct replay_result result;
        int64_t sum = 0;

        point.t_ns = (uint64_t)value_in(path, "SELECT max(t_ns) FROM zone_sample");
        recording = recording_open(path, &error);
        g_assert_no_error(error);
        replay_to(recording, &point, count_held, &held, &result, &error);
        g_assert_no_error(error);
        g_assert_false(result.differs);
        replay_result_clear(&result);
        for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
                g_assert_cmpint(part(csv, parts[i]), >=, 0);
                sum += part(csv, parts[i]);
        }
        g_assert_cmpint(sum, ==, part(csv, "held by the allocator"));
        g_assert_cmpint(sum, ==, (int64_t)held.pages * 4096);
        g_assert_cmpint(part(csv, "pages asked for"), ==, (int64_t)held.asked_pages * 4096);
        if (value_in(path, "SELECT value FROM run WHERE key = 'op_total'") ==
            value_in(path, "SELECT value FROM run WHERE key = 'op_count'")) /* what the rows say,
                                                                             * when none is under way */
                g_assert_cmpint(part(csv, "pages asked for"), ==,
                                value_in(path, "SELECT coalesce(sum(size_bytes), 0) FROM op_named o "
                                               "WHERE kind = 'pages' AND pfn IS NOT NULL AND NOT EXISTS (SELECT 1 "
                                               "FROM op f WHERE f.frees = o.id)"));
}

static void test_waste(void)
{
        check_waste(small);
        check_waste(empty);
        check_waste(failing);
        check_waste(traced);
        for (uint64_t seed = 1; seed <= 4; seed++) {
                g_autofree char *path = scratch_path("waste.db");
                struct workload workload;
                struct workload_result result;

                workload_default(&workload);
                workload.seed = seed;
                workload.cpus = (uint32_t)seed;
                workload.op_count = 6000;
                workload.mib = seed == 2 ? 16 : 64;
                record(&workload, path, &result);
                check_waste(path);
        }
}

/* A killed run: the parts add up at its last sample, while ops are under way. */
static void test_waste_of_killed(void)
{
        g_autofree char *csv = SAY("query", killed, "waste", "--csv");
        g_autofree char *at_0 = SAY("query", killed, "waste", "--csv", "-p", "at=0");

        g_assert_cmpint(part(csv, "held by the allocator"), >, part(at_0, "held by the allocator"));
        g_assert_cmpint(part(at_0, "pages asked for"), ==, 0);
        expect_error(ask("query", killed, "waste", "--csv", "-p", "at=-5", NULL), 2, "at is end or a time");
}

/* -- pinning ------------------------------------------------------------------------------------------------------- */

/* What a slab is said to hold, against the ops that hold it: also in a recording that was cut short. */
static void test_pinning(void)
{
        const char *const paths[] = { small, killed };

        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
                g_autofree char *rows =
                        SAY("query", paths[i], "pinning", "--csv", "-p", "permille=1000", "-p", "limit=0");
                g_auto(GStrv) lines = g_strsplit(rows, "\r\n", -1);
                int64_t held = 0, last_op = 0;

                for (char **line = lines + 1; *line != NULL && **line != '\0'; line++) {
                        g_auto(GStrv) cells = g_strsplit(*line, ",", -1);
                        int64_t oldest_op = g_ascii_strtoll(cells[6], NULL, 10);

                        g_assert_cmpint(oldest_op, >, last_op);
                        last_op = oldest_op;
                        held += g_ascii_strtoll(cells[3], NULL, 10);
                }
                g_assert_cmpint(held, >, 0);
                g_assert_cmpint(held, ==,
                                value_in(paths[i], "SELECT count(*) FROM op o JOIN cache c ON c.id = o.cache "
                                                   "JOIN op_kind k ON k.id = o.kind WHERE k.name IN ('kmalloc', "
                                                   "'alloc') AND c.num > 1 AND o.pfn IS NOT NULL "
                                                   "AND o.id NOT IN (SELECT frees FROM op WHERE frees IS NOT NULL)"));
        }
}

/* -- why a request failed ------------------------------------------------------------------------------------------ */

/* Cell of a row of an answer in CSV without quotes; NULL: there is no such row. Rows count from 1, 0 has the names. */
static char *cell(const char *csv, const char *part, int nr, int column)
{
        g_auto(GStrv) lines = g_strsplit(csv, "\r\n", -1);

        for (char **line = lines + 1; *line != NULL; line++) {
                g_auto(GStrv) cells = g_strsplit(*line, ",", 6);

                if (g_strcmp0(cells[0], part) == 0 && --nr == 0)
                        return g_strdup(cells[column]);
        }
        return NULL;
}

static int64_t number(const char *csv, const char *part, int nr, int column)
{
        g_autofree char *text = cell(csv, part, nr, column);

        g_assert_nonnull(text);
        return g_ascii_strtoll(text, NULL, 10);
}

static void has_cell(const char *csv, const char *part, int nr, int column, const char *text)
{
        g_autofree char *found = cell(csv, part, nr, column);

        if (found == NULL || strstr(found, text) == NULL)
                g_error("%s %d: %s, not %s", part, nr, found != NULL ? found : "no such row", text);
}

enum { ZONE = 1, BLOCKS, PAGES, AGE_NS, DETAIL };

/* Single pages that nobody gave back, one in eight: the ops that hold them, one for each block of order 3. */
#define ONE_IN_EIGHT                                                                                                   \
        "FROM op o JOIN op_kind k ON k.id = o.kind WHERE k.name = 'pages' AND o.order_ = 0 "                           \
        "AND o.pfn % 8 = 0 AND o.id NOT IN (SELECT frees FROM op WHERE frees IS NOT NULL)"

static void test_why_fragmented(void)
{
        g_autofree char *csv = SAY("query", fragmented, "why_failed", "-p", "failure=2", "-p", "limit=0", "--csv");
        int64_t op = value_in(fragmented, "SELECT op FROM op_failed ORDER BY op LIMIT 1 OFFSET 1");
        g_autofree char *op_text = g_strdup_printf("op=%" PRId64, op);
        g_autofree char *by_op = SAY("query", fragmented, "why_failed", "-p", op_text, "-p", "limit=0", "--csv");
        g_autofree char *request = g_strdup_printf("op %" PRId64 ": pages of order 3", op);
        int64_t oldest = value_in(fragmented,
                                  "SELECT min(o.id) " ONE_IN_EIGHT " AND o.pfn / 8 IN (SELECT pfn / 8 FROM op WHERE "
                                  "order_ = 0 AND frees IS NULL GROUP BY pfn / 8 HAVING count(*) = 8)");
        g_autofree char *block_sql = g_strdup_printf("SELECT pfn FROM op WHERE id = %" PRId64, oldest);
        g_autofree char *block = NULL;
        int64_t ample;

        block = g_strdup_printf("from page %" PRId64 ": 1 page, op %" PRId64 " of filler",
                                value_in(fragmented, block_sql), oldest);
        g_assert_cmpstr(by_op, ==, csv);
        has_cell(csv, "request", 1, DETAIL, request);
        has_cell(csv, "request", 1, DETAIL, "order 3, mode 0x20");
        has_cell(csv, "verdict", 1, DETAIL, "fragmentation: ");
        has_cell(csv, "zone", 1, DETAIL, "low: pages_low ");
        has_cell(csv, "zone", 3, DETAIL, "min: pages_min ");
        has_cell(csv, "zone", 3, DETAIL, ": refused at order 3");
        ample = number(csv, "zone", 3, PAGES); /* seven of eight pages, and what was never taken */
        g_assert_cmpint(ample, >, 7 * 8000 / 8);
        g_assert_cmpint(ample, ==,
                        value_in(fragmented, "SELECT c FROM event_named WHERE kind = 'zone_refused' "
                                             "AND zone = 'DMA32' AND op = (SELECT op FROM op_failed ORDER BY op "
                                             "LIMIT 1 OFFSET 1) ORDER BY seq DESC LIMIT 1"));
        has_cell(csv, "holder", 1, DETAIL, "pages of filler (op ");
        g_assert_cmpint(number(csv, "holder", 1, PAGES), ==, value_in(fragmented, "SELECT count(*) " ONE_IN_EIGHT));
        has_cell(csv, "block", 1, DETAIL, block);
        g_assert_cmpint(number(csv, "block", 1, PAGES), ==, 1);
        g_assert_cmpint(number(csv, "block", 1, AGE_NS), >, 9000000);
        for (int nr = 2; nr < 100; nr++) /* fewest pages in use first, then the oldest */
                g_assert_true(number(csv, "block", nr, PAGES) > number(csv, "block", nr - 1, PAGES) ||
                              number(csv, "block", nr, AGE_NS) < number(csv, "block", nr - 1, AGE_NS));
}

/* Out of memory: what the holders have and what is free are all the pages there are. */
static void test_why_lack(void)
{
        g_autofree char *csv = SAY("query", failing, "why_failed", "-p", "limit=0", "--csv");
        int64_t pages = 0;

        has_cell(csv, "verdict", 1, DETAIL, "lack of memory: ");
        has_cell(csv, "zone", 1, DETAIL, "low: ");
        has_cell(csv, "zone", 2, DETAIL, "less half for __GFP_HIGH: ");
        has_cell(csv, "zone", 2, DETAIL, ": refused at order 0");
        for (int nr = 1;; nr++) {
                g_autofree char *row = cell(csv, "holder", nr, PAGES);

                if (row == NULL)
                        break;
                pages += g_ascii_strtoll(row, NULL, 10);
        }
        g_assert_cmpint(number(csv, "zone", 2, PAGES) + pages, ==, 4096 - 256);
        has_cell(csv, "holder", 1, DETAIL, "slabs of size-16384, oldest object of hungry-");
}

static void test_why_other(void)
{
        g_autofree char *none = SAY("query", empty, "why_failed", "--csv");
        g_autofree char *no_class = SAY("query", small, "why_failed", "--csv");

        g_assert_cmpstr(none, ==, "part,zone,blocks,pages,age_ns,detail\r\n");
        has_cell(no_class, "request", 1, DETAIL, "path no_class");
        has_cell(no_class, "verdict", 1, DETAIL, "no watermark refused it");
        expect_error(ask("query", small, "why_failed", "-p", "failure=2", NULL), 2, "no failed request number 2");
        expect_error(ask("query", small, "why_failed", "-p", "op=1", NULL), 2, "op 1 is no request that failed");
        expect_error(ask("query", small, "why_failed", "-p", "op=x", NULL), 2, "op is a whole number");
}

/* -- show and diff ------------------------------------------------------------------------------------------------- */

static void test_show(void)
{
        for (int i = 0; proc_names[i] != NULL; i++) {
                g_autofree char *text = SAY("show", small, proc_names[i]);
                g_autofree char *end = SAY("show", small, proc_names[i], "--at", "end");
                g_autofree char *early = SAY("show", small, proc_names[i], "--at", "1us");
                g_autofree char *at_op = SAY("show", small, proc_names[i], "--at", "op:300");
                g_autofree char *of_killed = SAY("show", killed, proc_names[i]);

                g_assert_cmpstr(text, ==, end);
                g_assert_cmpstr(text, !=, early);
                g_assert_true(g_str_has_suffix(at_op, "\n"));
                g_assert_true(g_str_has_suffix(of_killed, "\n"));
        }
}

/* Objects and blocks the ops say are held: show must know whose they are, and when. */
static void test_show_holders(void)
{
        static const char *const kinds[] = { "kmalloc", "alloc", "pages" };

        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
                g_autofree char *where = g_strdup_printf("FROM live_object l JOIN op o ON o.id = l.op JOIN op_kind k "
                                                         "ON k.id = o.kind WHERE k.name = '%s'", kinds[i]);
                g_autofree char *op_sql = g_strdup_printf("SELECT max(o.id) %s", where);
                int64_t op = value_in(small, op_sql);
                g_autofree char *pfn_sql = g_strdup_printf("SELECT pfn FROM op WHERE id = %" PRId64, op);
                g_autofree char *offset_sql = g_strdup_printf("SELECT offset FROM op WHERE id = %" PRId64, op);
                g_autofree char *t_sql = g_strdup_printf("SELECT t_ns FROM op WHERE id = %" PRId64, op);
                g_autofree char *pfn = g_strdup_printf("%" PRId64, value_in(small, pfn_sql));
                g_autofree char *place = g_strdup_printf("%s:%" PRId64, pfn, value_in(small, offset_sql));
                g_autofree char *at = g_strdup_printf("%" PRId64, op);
                g_autofree char *who = g_strdup_printf("\nheld by         op %" PRId64 ": %s ", op, kinds[i]);
                g_autofree char *when = g_strdup_printf(" at %" PRId64 " ns, ", value_in(small, t_sql));
                g_autofree char *object = SAY("show", small, "object", place);
                g_autofree char *page = SAY("show", small, "page", pfn, "--at", at);

                if (strstr(object, strcmp(kinds[i], "pages") == 0 ? strchr(who, 'h') : who) == NULL ||
                    strstr(object, when) == NULL)
                        g_error("show object %s does not say%s%s: %s", place, who, when, object);
                g_assert_nonnull(strstr(page, "\nstate           in use, "));
        }
}

static void test_show_failure(void)
{
        g_autofree char *last = SAY("show", small, "failure");
        g_autofree char *first = SAY("show", small, "failure", "1");

        g_assert_cmpstr(last, ==, first);
        g_assert_cmpstr(first, ==, "mixer: kmalloc of 200000 bytes: larger than the largest size class\n");
}

static void test_show_damaged(void)
{
        g_autofree char *damaged = scratch_path("damaged.db");

        copy_file(small, damaged);
        sql_do(damaged, "UPDATE op SET pfn = pfn + 1 WHERE id = (SELECT min(id) FROM op WHERE pfn IS NOT NULL "
                        "AND id > 99)");
        expect_error(ask("show", damaged, "slabinfo", NULL), 13, ", column pfn: recorded ");
}

static gboolean has_line(const char *answer, const char *text)
{
        return strstr(answer, text) != NULL;
}

static char *run_other(const char *name, const char *scenario, const char *option, const char *value)
{
        g_autofree char *source = g_build_filename(checkout, "tests", "query", scenario, NULL);
        char *path = scratch_path(name);
        struct answer answer = ask("run", source, "-o", path, "--force", "--progress", "none", option, value, NULL);

        if (answer.code != 0)
                g_error("%s: %s%s", scenario, answer.out, answer.err);
        clear(&answer);
        return path;
}

static void test_diff_equal(void)
{
        g_autofree char *again = run_other("again.db", "mixed.lua", NULL, NULL);
        g_autofree char *once = run_other("once.db", "mixed.lua", NULL, NULL);
        g_autofree char *same = SAY("diff", again, once, "--exit-code");

        g_assert_true(g_str_has_suffix(same, "\nresult: equal\n"));
        g_assert_true(has_line(same, "\nfigures "));
        g_assert_false(has_line(same, "differs"));
        g_assert_false(has_line(same, "\nmachine\n"));
        g_assert_false(has_line(same, "\nworkload\n"));
        g_assert_false(has_line(same, "first op"));
}

/* The same scenario with another seed: what differs first must be what plain SQL finds. */
static void test_diff_seeds(void)
{
        g_autofree char *one = run_other("one.db", "mixed.lua", NULL, NULL);
        g_autofree char *two = run_other("two.db", "mixed.lua", "--seed", "2");
        g_autofree char *different = SAY("diff", one, two);
        const char *op_sql = "SELECT min(id) FROM (SELECT * FROM op EXCEPT SELECT * FROM b.op)";
        const char *event_sql = "SELECT min(seq) FROM (SELECT * FROM event EXCEPT SELECT * FROM b.event)";
        g_autofree char *op =
                g_strdup_printf("\nfirst op that differs: id %" PRId64 "\n  a: id=", value_in_two(one, two, op_sql));
        g_autofree char *event = g_strdup_printf("\nfirst event that differs: seq %" PRId64 "\n  a: seq=",
                                                 value_in_two(one, two, event_sql));

        g_assert_true(g_str_has_suffix(different, "\nresult: different\n"));
        g_assert_false(has_line(different, "\nmachine\n"));
        g_assert_true(has_line(different, "\nworkload\n  seed                                      1                   "
                                          "              2\n"));
        if (!has_line(different, op) || !has_line(different, event))
                g_error("not %s and %s: %s", op, event, different);
        g_assert_true(has_line(different, "\n  differ in: "));
        expect_code(ask("diff", one, two, "--exit-code", NULL), 13);
        expect_code(ask("diff", two, one, "--exit-code", NULL), 13);
}

static void test_diff_machines(void)
{
        g_autofree char *one = run_other("one.db", "mixed.lua", NULL, NULL);
        g_autofree char *two = run_other("two.db", "mixed.lua", "--set", "arch=i386");
        g_autofree char *different = SAY("diff", one, two);

        g_assert_true(has_line(different, "\nmachine\n  machine_arch                              x86_64               "
                                          "             i386\n"));
        g_assert_true(has_line(different, "\n  machine_line_bytes, bytes                 64                            "
                                          "    32\n"));
        g_assert_true(has_line(different, "\ncaches\n"));
        g_assert_true(has_line(different, "\n  cache size-96                             (none)                        "
                                          "    96 bytes, "));
        g_assert_true(has_line(different, "\n  param_arch                                x86_64                        "
                                          "    i386\n"));
        g_assert_false(has_line(different, "machine_threads_max"));
}

/* One is the beginning of the other: the first op that differs is the first that the shorter one does not have. */
static void test_diff_shorter(void)
{
        g_autofree char *whole = run_other("whole.db", "mixed.lua", NULL, NULL);
        g_autofree char *cut = scratch_path("cut.db");
        g_autofree char *different = NULL;
        g_autofree char *turned = NULL;

        copy_file(whole, cut);
        sql_do(cut, "DELETE FROM op WHERE id > 2000; DELETE FROM op_check WHERE first_id > 1024; UPDATE run SET value "
                    "= 'cut' WHERE key = 'digest'");
        different = SAY("diff", whole, cut);
        turned = SAY("diff", cut, whole);
        g_assert_true(has_line(different, "\nfirst op that differs: id 2001\n  a: id=2001 "));
        g_assert_true(has_line(different, "\n  b: no such row\n"));
        g_assert_true(has_line(turned, "\nfirst op that differs: id 2001\n  a: no such row\n  b: id=2001 "));
        g_assert_false(has_line(different, "first event"));
}

static void test_diff_scenarios(void)
{
        g_autofree char *different = SAY("diff", small, failing);
        g_autofree char *of_killed = SAY("diff", killed, small);

        g_assert_true(g_str_has_suffix(different, "\nresult: different\n"));
        g_assert_true(has_line(different, "\nmachine\n"));
        g_assert_true(has_line(different, "\n  allocations failed, ops "));
        g_assert_true(g_str_has_suffix(of_killed, "\nresult: different\n"));
}

int main(int argc, char **argv)
{
        int result;

        g_test_init(&argc, &argv, NULL);
        if (argc != 3)
                g_error("PROGRAM CHECKOUT are the arguments");
        program = argv[1];
        checkout = argv[2];
        read_report_names();
        small = record_scenario("small");
        empty = record_scenario("empty");
        failing = record_scenario("failing");
        fragmented = record_scenario("fragmented");
        traced = record_scenario("trace");
        killed = record_killed();
        g_test_add_func("/query/named/expected-text", test_expected);
        g_test_add_func("/query/named/oom-kills", test_oom_kills);
        g_test_add_func("/query/named/every-recording-every-format", test_all);
        g_test_add_func("/query/named/questions-and-columns-explained", test_documented);
        g_test_add_func("/query/csv/quoting", test_csv);
        g_test_add_func("/query/json/valid", test_json);
        g_test_add_func("/query/while-it-runs", test_while_it_runs);
        g_test_add_func("/query/parameters", test_parameters);
        g_test_add_func("/query/parameter-values", test_parameter_values);
        g_test_add_func("/query/comment-first", test_comment_first);
        g_test_add_func("/query/usage", test_usage);
        g_test_add_func("/query/read-only", test_read_only);
        g_test_add_func("/query/top_sites/of-a-trace", test_sites);
        g_test_add_func("/query/waste/adds-up-to-the-pages-held", test_waste);
        g_test_add_func("/query/waste/of-a-killed-run", test_waste_of_killed);
        g_test_add_func("/query/pinning/with-and-without-an-end", test_pinning);
        g_test_add_func("/query/why-failed/fragmentation", test_why_fragmented);
        g_test_add_func("/query/why-failed/lack-of-memory", test_why_lack);
        g_test_add_func("/query/why-failed/other-reasons", test_why_other);
        g_test_add_func("/query/show/who-holds-what", test_show_holders);
        g_test_add_func("/query/show/failure", test_show_failure);
        g_test_add_func("/query/show/texts", test_show);
        g_test_add_func("/query/show/damaged-recording", test_show_damaged);
        g_test_add_func("/query/diff/equal", test_diff_equal);
        g_test_add_func("/query/diff/seeds", test_diff_seeds);
        g_test_add_func("/query/diff/machines", test_diff_machines);
        g_test_add_func("/query/diff/one-is-shorter", test_diff_shorter);
        g_test_add_func("/query/diff/scenarios", test_diff_scenarios);
        result = g_test_run();
        scratch_remove_all();
        return result;
}
