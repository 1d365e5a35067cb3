/*
 * test_run.c - kmemsim run as a user meets it: exit codes, the last line of a failure, files, signals; and the same
 * digest whatever the process is given.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "support.h"

struct result {
        int code;
        char *out, *err;
};

static void result_free(struct result *result)
{
        g_free(result->out);
        g_free(result->err);
        g_free(result);
}

typedef struct result result_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(result_auto, result_free)

/* Runs `kmemsim WORDS` in the test's folder; environ NULL: that of the test. */
static struct result *command_in(char **environ_, const char *words)
{
        g_autofree char *line = g_strdup_printf("%s %s", g_getenv("KMEMSIM"), words);
        g_auto(GStrv) argv = NULL;
        struct result *result = g_new0(struct result, 1);
        int status;

        g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
        g_assert_true(g_spawn_sync(support_folder(), argv, environ_, G_SPAWN_DEFAULT, NULL, NULL, &result->out,
                                   &result->err, &status, NULL));
        g_assert_true(WIFEXITED(status));
        result->code = WEXITSTATUS(status);
        return result;
}

static struct result *run_in(char **environ_, const char *words)
{
        g_autofree char *all = g_strdup_printf("run %s", words);

        return command_in(environ_, all);
}

static struct result *run(const char *words)
{
        return run_in(NULL, words);
}

static char *last_line(const char *text)
{
        g_autofree char *copy = g_strchomp(g_strdup(text));
        const char *newline = strrchr(copy, '\n');

        return g_strdup(newline ? newline + 1 : copy);
}

/* The value behind a heading of the summary. */
static char *heading(const char *out, const char *word)
{
        g_auto(GStrv) lines = g_strsplit(out, "\n", -1);

        for (char **line = lines; *line; line++)
                if (g_str_has_prefix(*line, word) && (*line)[strlen(word)] == ' ')
                        return g_strstrip(g_strdup(*line + strlen(word)));
        return NULL;
}

/* One value of a recording, as text. */
static char *query(const char *file, const char *sql)
{
        g_autofree char *path = g_build_filename(support_folder(), file, NULL);
        sqlite3 *db = NULL;
        sqlite3_stmt *statement = NULL;
        char *text = NULL;

        g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), ==, SQLITE_OK);
        if (sqlite3_step(statement) == SQLITE_ROW)
                text = g_strdup((const char *)sqlite3_column_text(statement, 0));
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return text;
}

static bool exists(const char *file)
{
        g_autofree char *path = g_build_filename(support_folder(), file, NULL);

        return g_file_test(path, G_FILE_TEST_EXISTS);
}

static const char small[] =
        "-- What is this?\n"
        "-- A small scenario.\n"
        "local rounds = param('rounds', 100, 'how many rounds', 'rounds')\n"
        "local c = cache { name = 'thing', size = 300 }\n"
        "local q = mailbox 'q'\n"
        "task { name = 'a', cpu = 0, run = function(t)\n"
        "        local live = {}\n"
        "        for i = 1, rounds do live['k' .. t:random(1000)] = t:kmalloc(t:random(2000)) t:send(q, t:alloc(c)) "
        "end\n"
        "        for k, o in pairs(live) do t:kfree(o) end\n"
        "        t:kmalloc(#tostring({}) + #string.format('%s %.3f', print, 1.5) + math.random(100))\n"
        "end }\n"
        "task { name = 'b', cpu = 1, daemon = true, run = function(t) while true do t:free(t:receive(q), c) end end "
        "}\n";

static void test_summary(void)
{
        g_autoptr(result_auto) result = NULL;
        g_autofree char *machine = NULL, *digest = NULL, *stored = NULL, *status = NULL, *source = NULL, *param = NULL,
                        *sum = NULL;

        g_free(support_write("small.lua", small));
        result = run("small.lua");
        g_assert_cmpstr(result->err, ==, "");
        g_assert_cmpint(result->code, ==, 0);
        machine = heading(result->out, "machine");
        g_assert_cmpstr(machine, ==, "x86_64, 2 CPUs, 256 MiB, cache line 64 bytes, HZ 250, 3000 MHz");
        for (const char *const *word = (const char *const[]){ "scenario", "simulated", "objects", "latency", "inside",
                                                              "outside", "recording", NULL };
             *word; word++) {
                g_autofree char *value = heading(result->out, *word);

                g_assert_nonnull(value);
        }
        g_assert_nonnull(strstr(result->out,
                                "\nNext:\n  kmemsim replay small.db\n  kmemsim query small.db fragmentation\n"
                                "  sqlite3 small.db 'SELECT "));
        digest = heading(result->out, "digest");
        stored = query("small.db", "SELECT value FROM run WHERE key = 'digest'");
        g_assert_cmpstr(digest, ==, stored);
        status = query("small.db", "SELECT value FROM run WHERE key = 'status'");
        g_assert_cmpstr(status, ==, "done");
        source = query("small.db", "SELECT name || ' ' || text FROM source");
        g_assert_true(g_str_has_prefix(source, "small.lua -- What is this?"));
        sum = query("small.db", "SELECT sha256 FROM source");
        stored = (g_free(stored), g_compute_checksum_for_string(G_CHECKSUM_SHA256, small, -1));
        g_assert_cmpstr(sum, ==, stored);
        param = query("small.db", "SELECT value FROM run WHERE key = 'param_rounds'");
        g_assert_cmpstr(param, ==, "100");
}

static void test_files_are_safe(void)
{
        g_autoptr(result_auto) first = NULL, again = NULL, forced = NULL, none = NULL, named = NULL, bad = NULL;
        g_autofree char *repeat = NULL;

        g_free(support_write("safe.lua", small));
        first = run("safe.lua");
        g_assert_cmpint(first->code, ==, 0);
        again = run("safe.lua");
        g_assert_cmpint(again->code, ==, 4);
        g_assert_cmpstr(again->out, ==, "");
        g_assert_cmpstr(again->err, ==,
                        "kmemsim run: safe.db is there already: --force overwrites it, -o names another file\n"
                        "repeat with: kmemsim run safe.lua\n");
        forced = run("safe.lua --force");
        g_assert_cmpint(forced->code, ==, 0);
        none = run("safe.lua --record none");
        g_assert_cmpint(none->code, ==, 0);
        g_assert_null(strstr(none->out, "recording"));
        named = run("safe.lua -o 'a name.db'");
        g_assert_cmpint(named->code, ==, 0);
        g_assert_true(exists("a name.db"));
        g_assert_nonnull(strstr(named->out, "kmemsim replay 'a name.db'\n"));
        bad = run("safe.lua -o none/x.db");
        g_assert_cmpint(bad->code, ==, 4);
        repeat = last_line(bad->err);
        g_assert_cmpstr(repeat, ==, "repeat with: kmemsim run safe.lua -o none/x.db");
}

static void test_failures(void)
{
        static const struct { const char *name, *text, *words; int code; const char *error;
        } cases[] = {
                { "script.lua", "x = = 1", "", 3, "script.lua:1: unexpected symbol near '='" },
                { "error.lua", "task { name = 'a', run = function(t)\nlocal x = y.z end }", "", 3,
                  "error.lua:2: 'y' is not defined" },
                { "double.lua",
                  "task { name = 'a', run = function(t) local o = t:kmalloc(1) t:kfree(o) t:kfree(o) end }", "", 11,
                  "double.lua:1: kernel BUG: double free of a size-32 object" },
                { "bug.lua", "task { name = 'a', run = function(t) t:alloc('size-64', 'atomic,dma') end }", "", 11,
                  "bug.lua:1: kernel BUG at mm/slab.c:2647! __GFP_DMA asked of a cache without SLAB_CACHE_DMA" },
                { "fatal.lua",
                  "on_failure 'fatal' task { name = 'eater', run = function(t) while true do t:pages(10, 'atomic') end "
                  "end }",
                  "", 11, "fatal.lua:1: eater: page allocation failure. order:10, mode:0x20" },
                { "expect.lua",
                  "task { name = 'a', run = function(t) end } expect('more', function(r) return r.ops > 5 end)", "", 10,
                  "expectation broken: more" },
                { "loop.lua", "while true do end", "--limit 100000", 3, "loop.lua:1: more than 100000 instructions" },
                { "none.lua", NULL, "", 4, "none.lua" },
                { "set.lua", "param('a', 1, 'b')", "--set c=1", 2,
                  "--set c=1: set.lua has no parameter 'c'; it has a" },
                { "usage.lua", "", "--seed x", 2, "--seed is a whole number, 0 or more, not \"x\"" },
                { "usage.lua", "", "--record blocks", 2, "--record is rows or none, not \"blocks\"" },
                { "usage.lua", "", "--progress loud", 2, "--progress is auto, json or none, not \"loud\"" },
                { "usage.lua", "", "--color maybe", 2, "--color is auto, always or never, not \"maybe\"" },
                { "usage.lua", "", "--limit 5", 2, "--limit is a number of instructions, 1000 or more, not \"5\"" },
                { "usage.lua", "", "--memory 5K", 2,
                  "--memory is a size of 1 MiB or more, such as 512MiB, not \"5K\"" },
                { "usage.lua", "", "--nonsense", 2, "Unknown option --nonsense" },
                { "usage.lua", "", "another.lua", 2, "one scenario at a time" },
        };

        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *words = g_strdup_printf("%s --force %s", cases[i].name, cases[i].words);
                g_autofree char *expected = g_strdup_printf("repeat with: kmemsim run %s --force%s%s", cases[i].name,
                                                            *cases[i].words ? " " : "", cases[i].words);
                g_autofree char *last = NULL;
                g_autoptr(result_auto) result = NULL;

                if (cases[i].text)
                        g_free(support_write(cases[i].name, cases[i].text));
                result = run(words);
                if (!strstr(result->err, cases[i].error))
                        g_test_message("%s: %s", cases[i].name, result->err);
                g_assert_cmpint(result->code, ==, cases[i].code);
                g_assert_nonnull(strstr(result->err, cases[i].error));
                last = last_line(result->err);
                g_assert_cmpstr(last, ==, expected);
        }
        {
                g_autofree char *kind = query("double.db", "SELECT kind FROM failure");
                g_autofree char *message = query("fatal.db", "SELECT message FROM failure");
                g_autofree char *report = query("fatal.db", "SELECT report FROM failure");
                g_autofree char *broken = query("expect.db", "SELECT message FROM failure");
                g_autofree char *status = query("expect.db", "SELECT value FROM run WHERE key = 'status'");

                g_assert_cmpstr(kind, ==, "bug");
                g_assert_cmpstr(message, ==, "eater: page allocation failure. order:10, mode:0x20");
                g_assert_true(g_str_has_prefix(report, "<4>eater: page allocation failure. order:10, mode:0x20\n"));
                g_assert_cmpstr(broken, ==, "expectation broken: more");
                g_assert_cmpstr(status, ==, "failed");
        }
        for (const char *const *name = (const char *const[]){ "double", "bug", "fatal", NULL }; *name; name++) {
                g_autofree char *words = g_strdup_printf("replay %s.db", *name);
                g_autoptr(result_auto) result = command_in(NULL, words);

                g_assert_cmpint(result->code, ==, 0);
                g_assert_nonnull(strstr(result->out, "(reproduced)\n"));
        }
        g_assert_false(exists("script.db")); /* no file is made for a scenario that does not load */
}

/* The repeat line names a file that this run has made: it must get past it. */
static void test_repeat_works(void)
{
        g_autoptr(result_auto) result = NULL;
        g_autofree char *last = NULL;

        g_free(support_write("again.lua", "task { name = 'a', run = function(t) error('no') end }"));
        result = run("again.lua");
        last = last_line(result->err);
        g_assert_cmpstr(last, ==, "repeat with: kmemsim run again.lua --force");
}

static void test_help(void)
{
        g_autoptr(result_auto) brief = run("-h");
        g_autoptr(result_auto) long_ = run("--help");
        g_autoptr(result_auto) scenario = NULL;

        g_free(support_write("small.lua", small));
        scenario = run("small.lua --help");
        g_assert_cmpint(brief->code, ==, 0);
        g_assert_null(strstr(brief->out, "Examples:"));
        g_assert_true(g_str_has_prefix(long_->out, "kmemsim run - run a scenario and record it\n\nExamples:\n"));
        g_assert_cmpstr(scenario->out, ==,
                        "What is this?\nA small scenario.\n\nParameters of small.lua (--set NAME=VALUE):\n"
                        "  rounds=100               how many rounds (rounds)\n");
}

static void test_output_channels(void)
{
        g_autoptr(result_auto) result = NULL, json = NULL;

        g_free(support_write("say.lua",
                             "print('from main')\ntask { name = 'a', run = function(t) print('from task', 1) end }"));
        result = run("say.lua --record none");
        g_assert_cmpstr(result->err, ==, "from main\nfrom task\t1\n");
        g_assert_null(strstr(result->out, "from"));
        g_assert_null(strchr(result->out, '\033'));
        json = run("say.lua --record none --color always --progress json");
        g_assert_nonnull(strstr(json->out, "\033[1m"));
}

/* -- the same digest ---------------------------------------------------------------------------------------------- */

static char *digest_with(char **environ_, const char *words)
{
        g_autoptr(result_auto) result = run_in(environ_, words);

        g_assert_cmpint(result->code, ==, 0);
        return heading(result->out, "digest");
}

/* Each process has its own address layout and its own seed of Lua's string hash; the environment differs on top of
 * that. */
static void test_digest_is_the_same(void)
{
        static const char *const variables[][2] = {
                { "LC_ALL", "tr_TR.UTF-8" }, { "LC_ALL", "de_DE.UTF-8" },   { "LC_ALL", "C.UTF-8" },
                { "TZ", "Asia/Kathmandu" },  { "MALLOC_PERTURB_", "85" },   { "MALLOC_ARENA_TEST", "1" },
                { "FILLING", NULL },         { "G_MESSAGES_DEBUG", "all" },
        };
        g_autofree char *first = NULL, *recorded = NULL, *other_seed = NULL, *filling = g_strnfill(70000, 'x');

        g_free(support_write("small.lua", small));
        first = digest_with(NULL, "small.lua --record none");
        for (int i = 0; i < 5; i++) {
                g_autofree char *again = digest_with(NULL, "small.lua --record none");

                g_assert_cmpstr(first, ==, again);
        }
        for (gsize i = 0; i < G_N_ELEMENTS(variables); i++) {
                g_auto(GStrv) environ_ = g_environ_setenv(g_get_environ(), variables[i][0],
                                                          variables[i][1] ? variables[i][1] : filling, TRUE);
                g_autofree char *digest = digest_with(environ_, "small.lua --record none");

                g_assert_cmpstr(first, ==, digest);
        }
        recorded = digest_with(NULL, "small.lua --force");
        g_assert_cmpstr(first, ==, recorded);
        other_seed = digest_with(NULL, "small.lua --record none --seed 2");
        g_assert_cmpstr(first, !=, other_seed);
}

/* -- signals ------------------------------------------------------------------------------------------------------ */

static void interrupt_with(int signal_number, const char *scenario)
{
        g_autofree char *line = g_strdup_printf("%s run %s --force", g_getenv("KMEMSIM"), scenario);
        g_autofree char *out_text = NULL, *db = g_strdup(scenario), *status_text = NULL;
        g_auto(GStrv) argv = NULL;
        GError *error = NULL;
        GPid pid;
        int out, status;
        g_autoptr(GIOChannel) channel = NULL;

        g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
        g_spawn_async_with_pipes(support_folder(), argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
                                 NULL, NULL, &pid, NULL, &out, NULL, &error);
        g_assert_no_error(error);
        g_usleep(400 * 1000);
        g_assert_cmpint(kill(pid, signal_number), ==, 0);
        channel = g_io_channel_unix_new(out);
        g_io_channel_read_to_end(channel, &out_text, NULL, NULL);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 130);
        g_assert_nonnull(strstr(out_text, ": interrupted\n"));
        g_io_channel_shutdown(channel, FALSE, NULL);
        strcpy(strrchr(db, '.'), ".db");
        status_text = query(db, "SELECT value FROM run WHERE key = 'status'");
        g_assert_cmpstr(status_text, ==, "interrupted");
}

static void test_interrupt(void)
{
        g_free(support_write("forever.lua",
                             "task { name = 'a', run = function(t) while true do t:kfree(t:kmalloc(100)) end end }"));
        g_free(support_write("busy.lua", "task { name = 'a', run = function(t) while true do end end }"));
        interrupt_with(SIGINT, "forever.lua");
        interrupt_with(SIGTERM, "forever.lua");
        interrupt_with(SIGINT, "busy.lua");
}

static void add_tests(void)
{
        g_test_add_func("/run/summary-and-recording", test_summary);
        g_test_add_func("/run/files-are-safe", test_files_are_safe);
        g_test_add_func("/run/failures-and-exit-codes", test_failures);
        g_test_add_func("/run/the-repeat-line-works", test_repeat_works);
        g_test_add_func("/run/help", test_help);
        g_test_add_func("/run/output-channels", test_output_channels);
        g_test_add_func("/run/digest-is-the-same", test_digest_is_the_same);
        g_test_add_func("/run/interrupt", test_interrupt);
}

int main(int argc, char **argv)
{
        if (!g_getenv("KMEMSIM")) {
                g_printerr("$KMEMSIM is the program to test\n");
                return 77; /* skipped */
        }
        return support_main(argc, argv, add_tests);
}
