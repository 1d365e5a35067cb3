/*
 * cmd_run.c - kmemsim run SCENARIO.lua [-o FILE.db] [--seed N] [--set KEY=VALUE]... [--record rows|none] ...
 *
 * Loads the scenario, builds its machine, lets it run while the recorder writes beside it, audits the end state,
 * evaluates the expectations and prints the summary on standard output. All else goes to standard error.
 */
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/cli.h"
#include "observe/observer.h"
#include "record/recorder.h"
#include "script/figures.h"
#include "script/quantity.h"
#include "script/scenario.h"

#define PROGRESS_JSON_US (1000 * 1000)
#define TOTAL_PER_BURST  200
#define MEMORY_MIN       (1u << 20)
#define TEXT_BYTES       32 /* of a figure in words */

static const char examples[] =
        "Examples:\n"
        "  kmemsim run scenarios/quickstart.lua                    records into quickstart.db\n"
        "  kmemsim run scenarios/quickstart.lua --help             what the scenario asks, and its parameters\n"
        "  kmemsim run scenarios/quickstart.lua --set files=500 --seed 7 -o seven.db\n"
        "  kmemsim run scenarios/quickstart.lua --record none      the summary alone, no file";

static const char exit_codes[] = "Exit codes: 0 done, 2 usage, 3 the scenario is wrong, 4 a file cannot be read or "
                                 "written, 10 an expectation or an\n"
                                 "invariant is broken, 11 a simulated failure that the scenario did not handle, 130 "
                                 "interrupted. The recording is\n"
                                 "valid in all cases, up to the point where the run ended.\n";

static const struct command_help help = {
        .name = "run",
        .what = "run a scenario and record it",
        .arguments = "SCENARIO.lua",
        .examples = examples,
        .notes = exit_codes,
};

enum progress_style { PROGRESS_AUTO, PROGRESS_JSON, PROGRESS_NONE };

struct run {
        int argc; /* as given, for the last line of a failure */
        char **argv;

        /* options */
        char *scenario_path, *output_path;
        uint64_t seed, limit, memory_bytes;
        uint32_t fault_at[FAULT_CAPABILITY_COUNT];
        char **settings;
        gboolean is_recorded, force;
        enum progress_style progress;
        const char *bold, *plain;

        struct scenario *scenario;
        struct observer *observer;
        struct recorder *recorder;
        struct sim *sim;
        struct messages messages;
        gint64 started_us;
        gboolean file_made; /* by this run */
};

/* -- messages ----------------------------------------------------------------------------------------------------- */

/* The command that does it again; the file of this run would be in its way. */
static int fail(struct run *run, int code)
{
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        gboolean has_force = FALSE;

        progress_clear(&run->messages);
        for (int i = 0; i < run->argc; i++) {
                g_ptr_array_add(words, run->argv[i]);
                has_force |= strcmp(run->argv[i], "--force") == 0;
        }
        if (run->file_made && !has_force)
                g_ptr_array_add(words, (char *)"--force");
        say_repeat((int)words->len, (char **)words->pdata);
        return code;
}

static void show_message(const char *line, void *context)
{
        struct run *run = context;

        progress_clear(&run->messages);
        fprintf(stderr, "%s\n", line);
}

static void show_progress(void *context)
{
        struct run *run = context;
        uint64_t ops, time_ns;
        gint64 wall_us;

        if (!progress_is_due(&run->messages))
                return;
        wall_us = g_get_monotonic_time() - run->started_us;
        ops = observer_op_count(run->observer);
        time_ns = sim_now_ns(run->sim);
        if (run->progress == PROGRESS_JSON)
                fprintf(stderr, "{\"ops\": %" PRIu64 ", \"time_ns\": %" PRIu64 ", \"wall_ms\": %" G_GINT64_FORMAT "}\n",
                        ops, time_ns, wall_us / 1000);
        else
                progress_show(&run->messages, "%.1f M ops, %.3f s simulated, %.1f M ops/s", (double)ops / 1e6,
                              (double)time_ns / 1e9, (double)ops / (double)wall_us);
}

/* -- options ------------------------------------------------------------------------------------------------------ */

struct option_words {
        char *seed, *fault, *record, *progress, *color, *limit, *memory;
};

static gboolean bad_value(GError **error, const char *option, const char *allowed, const char *word)
{
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is %s, not \"%s\"", option, allowed, word);
        return FALSE;
}

static gboolean read_words(struct run *run, const struct option_words *words, GError **error)
{
        const char *word;
        guint64 limit;
        gboolean color;

        run->seed = 1;
        if (words->seed && !g_ascii_string_to_unsigned(words->seed, 10, 0, G_MAXUINT64, &run->seed, NULL))
                return bad_value(error, "--seed", "a whole number, 0 or more", words->seed);
        if (words->fault && !fault_parse(words->fault, run->fault_at))
                return bad_value(error, "--fault", "page:N or slab:N, N from 1", words->fault);
        if (words->limit) {
                if (!g_ascii_string_to_unsigned(words->limit, 10, 1000, G_MAXINT64 / TOTAL_PER_BURST, &limit, NULL))
                        return bad_value(error, "--limit", "a number of instructions, 1000 or more", words->limit);
                run->limit = limit;
        }
        if (words->memory && (quantity_size(words->memory, &run->memory_bytes) || run->memory_bytes < MEMORY_MIN))
                return bad_value(error, "--memory", "a size of 1 MiB or more, such as 512MiB", words->memory);
        word = words->record ? words->record : "rows";
        run->is_recorded = strcmp(word, "rows") == 0;
        if (!run->is_recorded && strcmp(word, "none") != 0)
                return bad_value(error, "--record", "rows or none", word);
        word = words->progress ? words->progress : "auto";
        run->progress = strcmp(word, "json") == 0   ? PROGRESS_JSON
                        : strcmp(word, "none") == 0 ? PROGRESS_NONE
                                                    : PROGRESS_AUTO;
        if (run->progress == PROGRESS_AUTO && strcmp(word, "auto") != 0)
                return bad_value(error, "--progress", "auto, json or none", word);
        word = words->color ? words->color : "auto";
        color = strcmp(word, "always") == 0;
        if (strcmp(word, "auto") == 0)
                color = isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR");
        else if (!color && strcmp(word, "never") != 0)
                return bad_value(error, "--color", "auto, always or never", word);
        run->bold = color ? "\033[1m" : "";
        run->plain = color ? "\033[0m" : "";
        if (run->progress == PROGRESS_JSON)
                run->messages.every_us = PROGRESS_JSON_US;
        return TRUE;
}

/* quickstart.lua -> quickstart.db, in the current folder */
static char *default_output(const char *path)
{
        g_autofree char *name = g_path_get_basename(path);

        if (g_str_has_suffix(name, ".lua") && strlen(name) > strlen(".lua"))
                name[strlen(name) - strlen(".lua")] = '\0';
        return g_strconcat(name, ".db", NULL);
}

static void scenario_options(struct run *run, const char *library, struct scenario_options *ret)
{
        *ret = (struct scenario_options){ .seed = run->seed,
                                          .settings = (const char *const *)run->settings,
                                          .library = library,
                                          .stop = &stop_asked,
                                          .message = show_message,
                                          .context = run };
        sandbox_limits_default(&ret->limits);
        memcpy(ret->fault_at, run->fault_at, sizeof(ret->fault_at));
        if (run->progress != PROGRESS_NONE)
                ret->progress = show_progress;
        if (run->memory_bytes)
                ret->limits.memory_bytes = run->memory_bytes;
        if (run->limit) {
                ret->limits.burst = run->limit;
                ret->limits.total = run->limit * TOTAL_PER_BURST;
        }
}

/* -- help --------------------------------------------------------------------------------------------------------- */

static void print_params(const struct scenario *scenario)
{
        printf("%s", scenario_question(scenario));
        if (scenario_param_count(scenario) == 0) {
                printf("\n%s has no parameters.\n", scenario_path(scenario));
                return;
        }
        printf("\nParameters of %s (--set NAME=VALUE):\n", scenario_path(scenario));
        for (uint32_t i = 0; i < scenario_param_count(scenario); i++) {
                const struct scenario_param *param = scenario_param(scenario, i);
                g_autofree char *preset = g_strdup_printf("%s=%s", param->name, param->preset);
                const char *unit = param->type != PARAM_TIME && param->type != PARAM_SIZE ? param->unit : "";
                const char *comma = *unit && *param->values ? ", " : "";

                if (strlen(preset) > 24) /* a line of its own */
                        printf("  %s\n  %24s", preset, "");
                else
                        printf("  %-24s", preset);
                printf(" %s", param->description);
                if (*unit || *param->values)
                        printf(" (%s%s%s)", unit, comma, param->values);
                putchar('\n');
        }
}

/* The options; of a scenario if one is named: what it says about itself, and its parameters. */
static int print_help(struct run *run, const GOptionEntry *entries, enum help_wanted wanted)
{
        g_autofree char *library = data_dir("lua");
        struct scenario_options options;
        g_autoptr(GError) error = NULL;

        if (run->scenario_path) {
                scenario_options(run, library, &options);
                run->scenario = scenario_load(run->scenario_path, &options, &error);
                if (!run->scenario) {
                        say(&run->messages, "%s", error->message);
                        return fail(run, scenario_exit_code(error));
                }
                print_params(run->scenario);
                return EXIT_OK;
        }
        help_print(&help, entries, wanted);
        return EXIT_OK;
}

/* -1: go on; else the exit code. */
static int parse_options(struct run *run, int argc, char **argv)
{
        struct option_words words = { 0 };
        const GOptionEntry entries[] = {
                { "output", 'o', 0, G_OPTION_ARG_FILENAME, &run->output_path,
                  "the recording (default: name of the scenario with .db, in this folder)", "FILE.db" },
                { "seed", 0, 0, G_OPTION_ARG_STRING, &words.seed, "of all random numbers (default: 1)", "N" },
                { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &run->settings,
                  "a parameter of the scenario (SCENARIO.lua --help lists them), or an attribute of fault injection "
                  "such as fail_page_alloc.probability; may be repeated",
                  "KEY=VALUE" },
                { "fault", 0, 0, G_OPTION_ARG_STRING, &words.fault,
                  "the request for pages, or for an object, with this number fails (kmemsim faults)", "page:N|slab:N" },
                { "record", 0, 0, G_OPTION_ARG_STRING, &words.record, "rows (default) or none: no file", "HOW" },
                { "force", 0, 0, G_OPTION_ARG_NONE, &run->force, "overwrite FILE.db", NULL },
                { "limit", 0, 0, G_OPTION_ARG_STRING, &words.limit,
                  "Lua instructions between two requests (default: 500000000); 200 times as many in all", "N" },
                { "memory", 0, 0, G_OPTION_ARG_STRING, &words.memory, "memory for Lua (default: 256MiB)", "SIZE" },
                { "progress", 0, 0, G_OPTION_ARG_STRING, &words.progress, "auto (default), json or none", "HOW" },
                { "color", 0, 0, G_OPTION_ARG_STRING, &words.color, "auto (default), always or never", "WHEN" },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        /* the parser moves what it does not know to the front */
        g_autofree char **left = g_memdup2(argv, ((gsize)argc + 1) * sizeof(char *));
        g_autoptr(GError) error = NULL;
        enum help_wanted wanted = help_take(&argc, left);
        gboolean good = options_take(entries, &argc, left, &error) && read_words(run, &words, &error);

        g_free(words.seed);
        g_free(words.fault);
        g_free(words.record);
        g_free(words.progress);
        g_free(words.color);
        g_free(words.limit);
        g_free(words.memory);
        if (!good) {
                say(&run->messages, "%s", error->message);
                return fail(run, EXIT_USAGE);
        }
        run->scenario_path = argc > 1 ? g_strdup(left[1]) : NULL;
        if (wanted)
                return print_help(run, entries, wanted);
        if (argc != 2) {
                say(&run->messages, argc < 2 ? "SCENARIO.lua is missing (kmemsim run --help shows examples)"
                                                : "one scenario at a time");
                return fail(run, EXIT_USAGE);
        }
        if (!run->is_recorded && run->output_path) {
                say(&run->messages, "--record none and --output do not go together");
                return fail(run, EXIT_USAGE);
        }
        if (run->is_recorded && !run->output_path)
                run->output_path = default_output(run->scenario_path);
        return -1;
}

/* -- summary ------------------------------------------------------------------------------------------------------ */

/* Thousandths of `whole` as "12.3". */
static const char *percent(uint64_t part, uint64_t whole, char ret[TEXT_BYTES])
{
        uint64_t permille = whole ? (uint64_t)(((unsigned __int128)part * 1000 + whole / 2) / whole) : 0;

        snprintf(ret, TEXT_BYTES, "%" PRIu64 ".%" PRIu64, permille / 10, permille % 10);
        return ret;
}

static const char *bytes_text(uint64_t bytes, char ret[TEXT_BYTES])
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
        uint64_t unit = 1;
        int i = 0;

        for (; i < 3 && bytes / unit >= 1024; i++)
                unit *= 1024;
        if (i == 0)
                snprintf(ret, TEXT_BYTES, "%" PRIu64 " B", bytes);
        else
                snprintf(ret, TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " %s", bytes / unit, bytes % unit * 10 / unit,
                         units[i]);
        return ret;
}

/* With one decimal, rounded; below ten of a unit in the smaller one. */
static const char *time_text(uint64_t ns, char ret[TEXT_BYTES])
{
        static const struct {
                const char *name;
                uint64_t ns;
        } units[] = { { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };
        uint64_t tenths;
        int i = 0;

        if (ns < 10000) {
                snprintf(ret, TEXT_BYTES, "%" PRIu64 " ns", ns);
                return ret;
        }
        while (i < 2 && ns / units[i + 1].ns >= 10)
                i++;
        tenths = (ns + units[i].ns / 20) / (units[i].ns / 10);
        snprintf(ret, TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[i].name);
        return ret;
}

static void heading(const struct run *run, const char *word)
{
        printf("%s%-11s%s", run->bold, word, run->plain);
}

static void print_latency(const struct run *run, const struct figures *figures)
{
        gboolean any = FALSE;
        char p50[TEXT_BYTES], p99[TEXT_BYTES], max[TEXT_BYTES];

        for (uint32_t i = 0; i < LATENCY_CLASS_COUNT; i++) {
                const struct figures_latency *latency = &figures->latency[i];

                if (latency->count == 0)
                        continue;
                heading(run, any ? "" : "latency");
                printf("%-6s p50 %s, p99 %s, longest %s\n", latency_class_names[i], time_text(latency->p50_ns, p50),
                       time_text(latency->p99_ns, p99), time_text(latency->max_ns, max));
                any = TRUE;
        }
}

/* How far the memory is from being used well: inside of slabs, and in the free blocks outside. */
static void print_fragmentation(const struct run *run, const struct figures *figures)
{
        static const uint32_t orders[] = { 1, 3, 5, 9 };
        char requested[TEXT_BYTES], slabs[TEXT_BYTES], share[TEXT_BYTES];
        bool is_numa = scenario_config(run->scenario)->numa != 0;

        heading(run, "inside");
        printf("%s asked for by live objects, in slabs of %s: %s %% in use\n",
               bytes_text(figures->requested_bytes, requested), bytes_text(figures->slab_bytes, slabs),
               percent(figures->requested_bytes, figures->slab_bytes, share));
        for (uint32_t i = 0; i < figures->zone_count; i++) {
                const struct figures_zone *zone = &figures->zones[i];

                heading(run, i ? "" : "outside");
                if (is_numa)
                        printf("node %u ", zone->view.node);
                printf("%-7s %s free, unusable for order", zone->view.name,
                       bytes_text(zone->view.free_pages * 4096, requested));
                for (uint32_t k = 0; k < G_N_ELEMENTS(orders); k++)
                        printf("%s %u: %s %%", k ? "," : "", orders[k],
                               percent((uint64_t)zone->unusable[orders[k]], 1000, share));
                printf("\n");
        }
}

static void print_trace(const struct run *run)
{
        struct scenario_trace trace;
        char requested[TEXT_BYTES], allocated[TEXT_BYTES], share[TEXT_BYTES];

        if (!scenario_trace(run->scenario, &trace))
                return;
        heading(run, "trace");
        printf("%s: %" PRIu64 " operations, %" PRIu64 " allocations, %" PRIu64 " failed\n", trace.file, trace.lines,
               trace.allocations, trace.failures);
        heading(run, "");
        printf("simulated: %s requested, %s allocated, %s %% lost to rounding\n",
               bytes_text(trace.simulated_requested_bytes, requested),
               bytes_text(trace.simulated_allocated_bytes, allocated),
               percent(trace.simulated_allocated_bytes -
                               MIN(trace.simulated_requested_bytes, trace.simulated_allocated_bytes),
                       trace.simulated_allocated_bytes, share));
        if (!trace.has_own_bytes)
                return;
        heading(run, "");
        printf("traced:    %s requested, %s allocated, %s %% lost to rounding\n",
               bytes_text(trace.own_requested_bytes, requested), bytes_text(trace.own_allocated_bytes, allocated),
               percent(trace.own_allocated_bytes - MIN(trace.own_requested_bytes, trace.own_allocated_bytes),
                       trace.own_allocated_bytes, share));
}

static void print_summary(const struct run *run, const struct figures *figures, const char *status)
{
        const struct sim_config *config = scenario_config(run->scenario);
        const GPtrArray *lines = scenario_summary(run->scenario);
        char text[TEXT_BYTES], hits[TEXT_BYTES], refills[TEXT_BYTES];
        uint32_t mib = 0;

        heading(run, "scenario");
        printf("%s, seed %" PRIu64 ": %s\n", run->scenario_path, run->seed, status);
        heading(run, "machine");
        for (uint32_t node = 0; node < config->nodes; node++)
                mib += config->node_mib[node];
        printf("%s, %u CPU%s, %u MiB", config->arch == ARCH_I386 ? "i386" : "x86_64", config->cpus,
               config->cpus == 1 ? "" : "s", mib);
        if (config->numa)
                printf(" on %u node%s", config->nodes, config->nodes == 1 ? "" : "s");
        printf(", cache line %u bytes, HZ %u, %u MHz\n", config->line_bytes, config->hz, config->cpu_mhz);
        heading(run, "simulated");
        printf("%s, %" PRIu64 " ops, %" PRIu64 " events\n", time_text(figures->time_ns, text), figures->ops,
               figures->events);
        heading(run, "objects");
        printf("%" PRIu64 " allocations: %s %% magazine hits, %s %% refills, %" PRIu64 " slabs made, %" PRIu64
               " failed\n",
               figures->objects_asked, percent(figures->magazine_hits, figures->objects_asked, hits),
               percent(figures->refills, figures->objects_asked, refills), figures->slabs_made,
               figures->objects_failed);
        if (figures->pages_asked) {
                heading(run, "pages");
                printf("%" PRIu64 " allocations, %" PRIu64 " failed\n", figures->pages_asked, figures->pages_failed);
        }
        if (figures->faults_asked[FAULT_SLAB] || figures->faults_asked[FAULT_PAGE]) {
                heading(run, "faults");
                printf("%" PRIu64 " of %" PRIu64 " requests for objects, %" PRIu64 " of %" PRIu64 " for pages\n",
                       figures->faults_injected[FAULT_SLAB], figures->faults_asked[FAULT_SLAB],
                       figures->faults_injected[FAULT_PAGE], figures->faults_asked[FAULT_PAGE]);
        }
        print_latency(run, figures);
        print_fragmentation(run, figures);
        print_trace(run);
        for (guint i = 0; i < lines->len; i++) {
                g_auto(GStrv) parts = g_strsplit(lines->pdata[i], "\t", 2);

                printf("%s%s%s: %s\n", run->bold, parts[0], run->plain, parts[1]);
        }
        heading(run, "digest");
        printf("%s\n", figures->digest);
        if (!run->recorder)
                return;
        heading(run, "recording");
        printf("%s\n", run->output_path);
}

static void print_next(const struct run *run)
{
        g_autofree char *file = g_shell_quote(run->output_path);
        gboolean plain =
                run->output_path[strspn(run->output_path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                          "0123456789_-./")] == '\0';
        const char *name = plain ? run->output_path : file;

        printf("\n%sNext:%s\n", run->bold, run->plain);
        printf("  %s replay %s\n", command_name(), name);
        printf("  %s query %s fragmentation\n", command_name(), name);
        printf("  sqlite3 %s 'SELECT kind, path, count(*), avg(dur_ns) FROM op_named GROUP BY kind, path'\n", name);
}

/* -- run ---------------------------------------------------------------------------------------------------------- */

/* A CHECK has failed: what is known goes to the recording and to standard error. */
static void last_words(void *context)
{
        struct run *run = context;

        say(&run->messages, "at %" PRIu64 " ns, in op %" PRIu64 ", seed %" PRIu64, sim_now_ns(run->sim),
            observer_tape(run->observer)->op_total, run->seed);
        observer_last_words(run->observer);
        if (run->recorder)
                recorder_last_words(run->recorder, "failed");
        fail(run, EXIT_INTERNAL);
}

/* Which trace was replayed: its ops are in the recording, but not where they came from. */
static void record_trace(struct run *run)
{
        g_autofree char *text = NULL, *sha256 = NULL;
        struct scenario_trace trace;
        gsize length;

        if (!scenario_trace(run->scenario, &trace) || !g_file_get_contents(trace.file, &text, &length, NULL))
                return;
        sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, length);
        recorder_set_text(run->recorder, "trace", trace.file);
        recorder_set_text(run->recorder, "trace_sha256", sha256);
}

static void record_facts(struct run *run)
{
        const struct sandbox *sandbox = scenario_sandbox(run->scenario);

        recorder_set_config(run->recorder, scenario_config(run->scenario));
        recorder_set_text(run->recorder, "scenario", run->scenario_path);
        recorder_set_int(run->recorder, "seed", (int64_t)run->seed);
        for (uint32_t i = 0; i < scenario_param_count(run->scenario); i++) {
                const struct scenario_param *param = scenario_param(run->scenario, i);
                g_autofree char *key = g_strconcat("param_", param->name, NULL);

                recorder_set_text(run->recorder, key, param->value);
        }
        for (uint32_t i = 0; i < sandbox_source_count(sandbox); i++) {
                const struct sandbox_source *source = sandbox_source(sandbox, i);

                recorder_add_source(run->recorder, source->name, source->text, (gssize)source->length);
        }
        record_trace(run);
}

static gboolean is_same_file(const char *a, const char *b)
{
        struct stat stat_a, stat_b;

        return stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0 && stat_a.st_dev == stat_b.st_dev &&
               stat_a.st_ino == stat_b.st_ino;
}

/* Opens everything; an exit code, or -1. */
static int prepare(struct run *run)
{
        g_autofree char *library = data_dir("lua");
        struct scenario_options options;
        g_autoptr(GError) error = NULL;
        const char *problem;

        if (run->is_recorded && !run->force && g_file_test(run->output_path, G_FILE_TEST_EXISTS)) {
                say(&run->messages, "%s is there already: --force overwrites it, -o names another file",
                    run->output_path);
                return fail(run, EXIT_IO);
        }
        if (run->is_recorded && is_same_file(run->output_path, run->scenario_path)) {
                say(&run->messages, "%s is the scenario itself: -o names another file", run->output_path);
                return fail(run, EXIT_USAGE);
        }
        scenario_options(run, library, &options);
        run->scenario = scenario_load(run->scenario_path, &options, &error);
        if (!run->scenario) {
                say(&run->messages, "%s", error->message);
                return fail(run, scenario_exit_code(error));
        }
        run->observer = observer_new();
        run->sim = sim_create(scenario_config(run->scenario), observer_tape(run->observer), &problem);
        if (!run->sim) {
                say(&run->messages, "%s: the machine cannot be built: %s", run->scenario_path, problem);
                return fail(run, EXIT_SCENARIO);
        }
        if (run->is_recorded) {
                run->recorder = recorder_open(run->output_path, run->force, &error);
                if (!run->recorder) {
                        say(&run->messages, "%s", error->message);
                        return fail(run, EXIT_IO);
                }
                run->file_made = TRUE;
                record_facts(run);
        }
        check_set_last_words(last_words, run);
        return -1;
}

/* What happened after the run itself: the audit first, since with a broken structure no figure means much. */
static void check_end(struct run *run, const struct figures *figures, GError **error, int *ret_code)
{
        const char *broken = sim_audit(run->sim);
        struct failure failure = { .t_ns = sim_now_ns(run->sim), .kind = "invariant", .message = broken };

        if (broken) {
                say(&run->messages, "a broken invariant at the end of the run: %s", broken);
                if (run->recorder)
                        recorder_add_failure(run->recorder, &failure);
                *ret_code = EXIT_INVARIANT;
                return;
        }
        if (*ret_code == EXIT_OK && !scenario_expect(run->scenario, figures, error)) {
                *ret_code = scenario_exit_code(*error);
                say(&run->messages, "%s", (*error)->message);
        }
}

static int carry_out(struct run *run)
{
        struct sink sink = { 0 };
        g_autoptr(GError) error = NULL, trouble = NULL;
        struct figures *figures;
        const char *status = "done";
        int code = EXIT_OK;

        run->started_us = g_get_monotonic_time();
        progress_begin(&run->messages);
        if (run->recorder)
                sink = recorder_sink(run->recorder);
        observer_start(run->observer, run->sim, run->recorder ? &sink : NULL);
        if (!scenario_run(run->scenario, run->sim, run->observer, run->recorder, &error)) {
                code = scenario_exit_code(error);
                if (!observer_is_broken(run->observer))
                        say(&run->messages, "%s", error->message);
                g_clear_error(&error);
        }
        observer_end(run->observer);
        figures = figures_new(run->sim, run->observer);
        check_end(run, figures, &error, &code);
        if (code != EXIT_OK)
                status = code == EXIT_INTERRUPTED ? "interrupted" : "failed";
        progress_clear(&run->messages);
        if (run->recorder && !recorder_finish(run->recorder, run->observer, status, &trouble)) {
                run->recorder = NULL;
                say(&run->messages, "%s", trouble->message);
                code = EXIT_IO;
                status = "failed, the recording is incomplete";
        }
        print_summary(run, figures, status);
        for (int i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                if (run->fault_at[i] > figures->faults_asked[i])
                        say(&run->messages,
                            "--fault %s:%u: the run made %" PRIu64 " such requests, so that none failed",
                            fault_words[i], run->fault_at[i], figures->faults_asked[i]);
        }
        if (run->recorder && code == EXIT_OK)
                print_next(run);
        figures_free(figures);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                say(&run->messages, "standard output: %s", g_strerror(errno));
                code = code == EXIT_OK ? EXIT_IO : code;
        }
        return code == EXIT_OK ? EXIT_OK : fail(run, code);
}

int cmd_run(int argc, char **argv)
{
        struct run run = { .argc = argc, .argv = argv, .bold = "", .plain = "", .messages = messages_of("run") };
        int code = parse_options(&run, argc, argv);

        stop_watch(TRUE);
        if (code < 0)
                code = prepare(&run);
        if (code < 0)
                code = carry_out(&run);
        if (run.sim)
                sim_destroy(run.sim);
        observer_free(run.observer);
        scenario_free(run.scenario);
        g_strfreev(run.settings);
        g_free(run.scenario_path);
        g_free(run.output_path);
        return code;
}
