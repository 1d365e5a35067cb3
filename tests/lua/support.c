#include "support.h"

#include <glib/gstdio.h>
#include <string.h>

#include "observe/observer.h"

static char *folder;

const char *support_folder(void)
{
        if (!folder)
                folder = g_dir_make_tmp("kmemsim-lua-XXXXXX", NULL);
        g_assert_nonnull(folder);
        return folder;
}

char *support_write(const char *name, const char *text)
{
        char *path = g_build_filename(support_folder(), name, NULL);
        g_autofree char *parent = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        return path;
}

/* "/tmp/kmemsim-lua-1234/s.lua" -> "s.lua" */
static char *without_folder(const char *text)
{
        g_autofree char *prefix = g_strconcat(support_folder(), "/", NULL);
        g_auto(GStrv) parts = g_strsplit(text, prefix, -1);

        return g_strjoinv("", parts);
}

/* Simulated times and places are the core's business: "at 1.234 us" -> "at T us", "page 4711, offset 64" -> "page P,
 * offset O". */
static char *without_figures(const char *text)
{
        static const char *const rules[][2] = {
                { "at [0-9]+\\.[0-9]{3} us", "at T us" }, { "page [0-9]+", "page P" }, { "offset [0-9]+", "offset O" },
        };
        char *result = g_strdup(text);

        for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
                g_autoptr(GRegex) regex = g_regex_new(rules[i][0], 0, 0, NULL);
                char *next = g_regex_replace_literal(regex, result, -1, 0, rules[i][1], 0, NULL);

                g_free(result);
                result = next;
        }
        return result;
}

static void keep_line(const char *line, void *context)
{
        struct outcome *outcome = context;
        g_autofree char *shown = without_folder(line);

        g_string_append_printf(outcome->printed, "%s\n", shown);
}

static void take_error(struct outcome *outcome, GError *error)
{
        g_autofree char *shown = NULL;

        g_assert_true(error->domain == SCENARIO_ERROR);
        outcome->code = error->code;
        g_free(outcome->error);
        shown = without_folder(error->message);
        outcome->error = without_figures(shown);
        g_error_free(error);
}

static void run_loaded(struct scenario *scenario, struct outcome *outcome)
{
        struct observer *observer = observer_new();
        const char *problem;
        struct sim *sim = sim_create(scenario_config(scenario), observer_tape(observer), &problem);
        GError *error = NULL;

        g_assert_cmpstr(problem, ==, NULL);
        observer_start(observer, sim, NULL);
        if (!scenario_run(scenario, sim, observer, NULL, &error))
                take_error(outcome, error);
        observer_end(observer);
        g_assert_cmpstr(sim_audit(sim), ==, NULL);
        outcome->figures = figures_new(sim, observer);
        memcpy(outcome->digest, outcome->figures->digest, sizeof(outcome->digest));
        error = NULL;
        if (outcome->code < 0 && !scenario_expect(scenario, outcome->figures, &error))
                take_error(outcome, error);
        for (guint i = 0; i < scenario_summary(scenario)->len; i++) {
                g_auto(GStrv) parts = g_strsplit(scenario_summary(scenario)->pdata[i], "\t", 2);

                g_string_append_printf(outcome->summary, "%s: %s\n", parts[0], parts[1]);
        }
        sim_destroy(sim);
        observer_free(observer);
}

struct outcome *support_run_options(const char *text, struct scenario_options *options)
{
        struct outcome *outcome = g_new0(struct outcome, 1);
        g_autofree char *path = support_write("s.lua", text);
        const char *data = g_getenv("KMEMSIM_DATADIR");
        g_autofree char *library = g_build_filename(data ? data : ".", "lua", NULL);
        struct scenario *scenario;
        GError *error = NULL;

        outcome->code = -1;
        outcome->error = g_strdup("");
        outcome->printed = g_string_new(NULL);
        outcome->summary = g_string_new(NULL);
        options->library = library;
        options->message = keep_line;
        options->context = outcome;
        scenario = scenario_load(path, options, &error);
        if (scenario)
                run_loaded(scenario, outcome);
        else
                take_error(outcome, error);
        scenario_free(scenario);
        return outcome;
}

struct outcome *support_run(const char *text, const char *const *settings, uint64_t seed)
{
        struct scenario_options options = { .seed = seed, .settings = settings };

        sandbox_limits_default(&options.limits);
        options.limits.burst = 20 * 1000 * 1000;
        return support_run_options(text, &options);
}

void outcome_free(struct outcome *outcome)
{
        if (!outcome)
                return;
        g_free(outcome->error);
        g_string_free(outcome->printed, TRUE);
        g_string_free(outcome->summary, TRUE);
        figures_free(outcome->figures);
        g_free(outcome);
}

void assert_prints(const char *text, const char *expected)
{
        g_autoptr(outcome_auto) outcome = support_run(text, NULL, 1);

        g_assert_cmpstr(outcome->error, ==, "");
        g_assert_cmpstr(outcome->printed->str, ==, expected);
}

void assert_fails(const char *text, enum scenario_error code, const char *expected)
{
        g_autoptr(outcome_auto) outcome = support_run(text, NULL, 1);

        g_assert_cmpstr(outcome->error, ==, expected);
        g_assert_cmpint(outcome->code, ==, code);
}

static void remove_folder(const char *path)
{
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
                g_autofree char *entry = g_build_filename(path, name, NULL);

                if (g_file_test(entry, G_FILE_TEST_IS_DIR) && !g_file_test(entry, G_FILE_TEST_IS_SYMLINK))
                        remove_folder(entry);
                else
                        g_unlink(entry);
        }
        g_rmdir(path);
}

int support_main(int argc, char **argv, void (*add_tests)(void))
{
        int result;

        g_test_init(&argc, &argv, NULL);
        add_tests();
        result = g_test_run();
        if (folder)
                remove_folder(folder);
        g_free(folder);
        return result;
}
