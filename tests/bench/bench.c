/*
 * bench.c - the command: which workloads in which modes how often, and the figures as a table and as JSON.
 *
 * Each measurement is a process of its own, so that peak memory is that of one measurement and no measurement finds a
 * heap that another one has used. The modes of a workload are measured in turn, and that as often as --repeat says:
 * what is compared was measured within the same seconds. Shown are medians; the spread is that of all repeats.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "bench_config.h"

#define REPEATS_MAX 99
#define WORKS_MAX   32u

enum { EXIT_USAGE = 2, EXIT_IO = 4, EXIT_DIFFERS = 10 };

static const struct work scenario_works[] = {
        { .name = "lua_tasks", .what = "4 Lua tasks, each replacing its 100 objects in turn", .count = 1000000,
          .tiny_count = 20000, .scenario = "lua_tasks.lua" },
        { .name = "load", .what = "declared loads: 3 sources with lifetimes and a live set", .count = 1000000,
          .tiny_count = 20000, .scenario = "load.lua" },
        { .name = "trace", .what = "an imported trace of a kernel, the sample in scenarios/traces",
          .scenario = "trace.lua", .is_trace = TRUE },
        { .name = "trace_large", .what = "another one, of 934511 events; not in the repository",
          .scenario = "trace.lua", .is_trace = TRUE, .is_large = TRUE },
        { .name = "import", .what = "events of the sample read from plain text and written as an ops file",
          .is_import = TRUE },
        { .name = "import_large", .what = "the same of the trace of 934511 events", .is_import = TRUE,
          .is_large = TRUE },
};

struct options {
        char **only, **modes;
        char *json, *folder, *trace, *count_text;
        double seconds;
        int repeat;
        gboolean tiny, update, list;
        /* made of them */
        uint64_t count; /* 0: that of the workload */
        gboolean has_mode[MODE_COUNT];
        gboolean folder_is_ours;
        char *large_trace;
        struct measure_options measure;
};

/* All repeats of one workload. */
struct row {
        const struct work *work;
        uint64_t count;
        int repeats;
        struct measured m[MODE_COUNT][REPEATS_MAX];
};

static G_GNUC_PRINTF(1, 2) void say(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        fputs("bench: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
}

/* -- one measurement ----------------------------------------------------------------------------------------------- */

static void measure_in_child(const struct work *work, enum mode mode, uint64_t count,
                             const struct measure_options *options, struct measured *ret)
{
        struct rusage usage;
        int ends[2], status;
        pid_t child;
        ssize_t got;

        memset(ret, 0, sizeof(*ret));
        fflush(NULL);
        if (pipe(ends) != 0 || (child = fork()) < 0)
                g_error("no process for a measurement: %s", g_strerror(errno));
        if (child == 0) {
                close(ends[0]);
                measure(work, mode, count, options, ret);
                _exit(write(ends[1], ret, sizeof(*ret)) == sizeof(*ret) ? 0 : 1);
        }
        close(ends[1]);
        got = read(ends[0], ret, sizeof(*ret)); /* less than a pipe holds: in one piece */
        close(ends[0]);
        while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR)
                continue;
        if (got != sizeof(*ret)) {
                memset(ret, 0, sizeof(*ret));
                if (WIFSIGNALED(status))
                        g_snprintf(ret->problem, sizeof(ret->problem), "killed by signal %d", WTERMSIG(status));
                else
                        g_snprintf(ret->problem, sizeof(ret->problem), "exit code %d", WEXITSTATUS(status));
        }
        ret->peak_kib = (uint64_t)usage.ru_maxrss;
}

/* -- medians ------------------------------------------------------------------------------------------------------- */

struct median {
        double mid, low, high;
};

static int compare_doubles(const void *a, const void *b)
{
        return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static struct median median_of(const double *values, int count)
{
        double sorted[REPEATS_MAX];

        memcpy(sorted, values, (size_t)count * sizeof(*values));
        qsort(sorted, (size_t)count, sizeof(*sorted), compare_doubles);
        return (struct median){ .mid = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2,
                                .low = sorted[0],
                                .high = sorted[count - 1] };
}

/* The figures that are shown: one value of each repeat. */
enum figure {
        FIGURE_RATE,           /* requests/s */
        FIGURE_NS,             /* ns per request, wall */
        FIGURE_CPU_NS,         /* processor ns per request, all threads */
        FIGURE_INSTRUCTIONS,   /* per request */
        FIGURE_PEAK_MIB,
        FIGURE_ROW_RATE,       /* rows/s */
        FIGURE_ROW_BYTES,      /* of the file, per request */
        FIGURE_RATIO,          /* record: speed beside sqlite, wall */
        FIGURE_RATIO_POSSIBLE, /* record: beside the slower of sqlite and run, which go on at the same time */
        FIGURE_RATIO_CPU,      /* record: processor time of run and sqlite together, beside its own */
        FIGURE_IMPORT_RATE,    /* events/s */
        FIGURE_IMPORT_INSTRUCTIONS, /* per event */
};

static double figure(const struct row *row, enum mode mode, enum figure which, int i)
{
        const struct measured *m = &row->m[mode][i], *bare = &row->m[MODE_SQLITE][i], *run = &row->m[MODE_RUN][i];
        double requests = (double)m->requests;

        switch (which) {
        case FIGURE_RATE: return requests / m->wall_s;
        case FIGURE_NS: return m->wall_s * 1e9 / requests;
        case FIGURE_CPU_NS: return m->cpu_s * 1e9 / requests;
        case FIGURE_INSTRUCTIONS: return (double)m->instructions / requests;
        case FIGURE_PEAK_MIB: return (double)m->peak_kib / 1024;
        case FIGURE_ROW_RATE: return (double)(m->op_rows + m->event_rows) / m->wall_s;
        case FIGURE_ROW_BYTES: return (double)m->file_bytes / requests;
        case FIGURE_RATIO: return bare->wall_s / m->wall_s;
        case FIGURE_RATIO_POSSIBLE: return MAX(bare->wall_s, run->wall_s) / m->wall_s;
        case FIGURE_RATIO_CPU: return (bare->cpu_s + run->cpu_s) / m->cpu_s;
        case FIGURE_IMPORT_RATE: return (double)m->import_events / m->import_s;
        case FIGURE_IMPORT_INSTRUCTIONS: return (double)m->import_instructions / (double)m->import_events;
        }
        return 0;
}

static struct median figure_of(const struct row *row, enum mode mode, enum figure which)
{
        double values[REPEATS_MAX];

        for (int i = 0; i < row->repeats; i++)
                values[i] = figure(row, mode, which, i);
        return median_of(values, row->repeats);
}

/* -- what must be the same ----------------------------------------------------------------------------------------- */

/* The mode that knows the digest; MODE_COUNT: none was measured. */
static enum mode digest_mode(const struct options *options)
{
        for (enum mode mode = MODE_RUN; mode < MODE_COUNT; mode++)
                if (options->has_mode[mode])
                        return mode;
        return MODE_COUNT;
}

static const char *digest_of(const struct options *options, const struct row *row)
{
        enum mode mode = digest_mode(options);

        return mode < MODE_COUNT ? row->m[mode][0].digest : "";
}

/* The same work in all modes and repeats: digests, and where there is none the state of the machine at the end. */
static gboolean is_same_work(const struct row *row, enum mode mode, const struct measured *m)
{
        gboolean same = TRUE;

        for (enum mode other = 0; other <= mode; other++) {
                const struct measured *first = &row->m[other][0];

                if (first->requests == 0)
                        continue;
                if (m->digest[0] && first->digest[0] && strcmp(m->digest, first->digest) != 0)
                        same = FALSE;
                if (m->state_hash != first->state_hash || m->simulated_ns != first->simulated_ns)
                        same = FALSE;
        }
        if (!same)
                say("%s: mode %s did other work than the modes before: digest %s, state %016" PRIx64, row->work->name,
                    mode_names[mode], m->digest, m->state_hash);
        return same;
}

static int count_rows(void *ret, int columns, char **values, char **names)
{
        (void)columns, (void)names;
        *(uint64_t *)ret = g_ascii_strtoull(values[0], NULL, 10);
        return 0;
}

/* The bare loop has written what the recording holds, row by row. */
static gboolean has_same_rows(const struct options *options, const struct work *work)
{
        static const char *const tables[] = { "op", "event", "op_site" };
        g_autofree char *recording = measured_file(work, MODE_RECORD, &options->measure);
        g_autofree char *bare = measured_file(work, MODE_SQLITE, &options->measure);
        g_autofree char *attach = g_strdup_printf("ATTACH '%s' AS bare", bare);
        gboolean same = TRUE;
        sqlite3 *db;

        if (sqlite3_open_v2(recording, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
            sqlite3_exec(db, attach, NULL, NULL, NULL) != SQLITE_OK)
                g_error("%s: %s", recording, sqlite3_errmsg(db));
        for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
                g_autofree char *sql = g_strdup_printf(
                        "SELECT (SELECT count(*) FROM (SELECT * FROM main.%1$s EXCEPT SELECT * FROM bare.%1$s)) + "
                        "abs((SELECT count(*) FROM main.%1$s) - (SELECT count(*) FROM bare.%1$s))",
                        tables[i]);
                uint64_t different = 1;

                if (sqlite3_exec(db, sql, count_rows, &different, NULL) != SQLITE_OK)
                        g_error("%s: %s", recording, sqlite3_errmsg(db));
                if (different == 0)
                        continue;
                say("%s: %" PRIu64 " rows of %s differ between the recording and the bare loop", work->name, different,
                    tables[i]);
                same = FALSE;
        }
        sqlite3_close(db);
        g_unlink(recording);
        g_unlink(bare);
        return same;
}

/* -- carrying out -------------------------------------------------------------------------------------------------- */

static gboolean has_mode(const struct options *options, const struct work *work, enum mode mode)
{
        if (work->is_import && mode != MODE_RUN)
                return FALSE;
        return options->has_mode[mode] && !(mode == MODE_CORE && work->scenario);
}

static const char *trace_of(const struct options *options, const struct work *work)
{
        return work->is_large ? options->large_trace : options->trace;
}

/* So many requests that mode `run` takes about as long as asked for; in round numbers, so that two machines of about
 * the same speed do the same work. */
static uint64_t count_for_seconds(const struct options *options, const struct work *work,
                                  const struct measure_options *measure_options)
{
        static const uint64_t round[] = { 1, 2, 5 };
        struct measured probe;
        double wanted;
        uint64_t power = 1000;

        measure_in_child(work, MODE_RUN, work->count / 10, measure_options, &probe);
        if (probe.problem[0])
                return work->count;
        wanted = (double)probe.requests / probe.wall_s * options->seconds;
        for (;; power *= 10)
                for (guint i = 0; i < G_N_ELEMENTS(round); i++)
                        if ((double)(round[i] * power) * 1.5 >= wanted)
                                return round[i] * power;
}

/* FALSE: it went wrong, or the work was not the same. */
static gboolean carry_out(const struct options *options, const struct work *work, struct row *row)
{
        struct measure_options measure_options = options->measure;
        gboolean keep = options->tiny && has_mode(options, work, MODE_RECORD) && has_mode(options, work, MODE_SQLITE);

        row->work = work;
        row->repeats = options->repeat;
        measure_options.trace = trace_of(options, work);
        measure_options.keep = keep;
        row->count = options->count ? options->count : options->tiny ? work->tiny_count : work->count;
        if (options->seconds > 0 && work->count > 0)
                row->count = count_for_seconds(options, work, &measure_options);
        for (int i = 0; i < row->repeats; i++)
                for (enum mode mode = 0; mode < MODE_COUNT; mode++) {
                        struct measured *m = &row->m[mode][i];

                        if (!has_mode(options, work, mode))
                                continue;
                        measure_in_child(work, mode, row->count, &measure_options, m);
                        if (m->problem[0]) {
                                say("%s, mode %s: %s", work->name, mode_names[mode], m->problem);
                                return FALSE;
                        }
                        if (!is_same_work(row, mode, m))
                                return FALSE;
                }
        return !keep || has_same_rows(options, work);
}

/* -- the table ----------------------------------------------------------------------------------------------------- */

/* Half of the way from the lowest to the highest, beside the median. */
static double spread_percent(struct median median)
{
        return median.mid > 0 ? 50 * (median.high - median.low) / median.mid : 0;
}

static void print_rate(const struct options *options, const struct row *row, enum mode mode)
{
        struct median rate;

        if (!has_mode(options, row->work, mode)) {
                printf(" %13s", "-");
                return;
        }
        rate = figure_of(row, mode, FIGURE_RATE);
        printf(" %7.3f ±%3.0f%%", rate.mid / 1e6, spread_percent(rate));
}

static void print_count(const struct options *options, const struct row *row, enum mode mode, enum figure which,
                        const char *format)
{
        if (has_mode(options, row->work, mode))
                printf(format, figure_of(row, mode, which).mid);
        else
                printf(" %8s", "-");
}

static void print_head(void)
{
        printf("%-12s %9s %13s %13s %13s %13s %8s %8s %8s %6s %6s %6s %8s %8s  %s\n", "workload", "requests",
               "core M/s", "run M/s", "record M/s", "sqlite M/s", "core ins", "run ins", "rec ins", "/sqlit", "/poss.",
               "cpu", "MiB run", "MiB rec", "digest");
}

static void print_row(const struct options *options, const struct row *row)
{
        const struct measured *last = NULL;
        gboolean both = has_mode(options, row->work, MODE_RECORD) && has_mode(options, row->work, MODE_SQLITE);

        for (enum mode mode = 0; mode < MODE_COUNT; mode++)
                if (has_mode(options, row->work, mode))
                        last = &row->m[mode][0];
        if (!last) {
                printf("%-12s has none of these modes\n", row->work->name);
                return;
        }
        printf("%-12s %9" PRIu64, row->work->name, last->requests);
        for (enum mode mode = 0; mode < MODE_COUNT; mode++)
                print_rate(options, row, mode);
        for (enum mode mode = 0; mode < MODE_SQLITE; mode++)
                print_count(options, row, mode, FIGURE_INSTRUCTIONS, " %8.0f");
        if (both) {
                printf(" %6.2f", figure_of(row, MODE_RECORD, FIGURE_RATIO).mid);
                if (options->has_mode[MODE_RUN])
                        printf(" %6.2f %6.2f", figure_of(row, MODE_RECORD, FIGURE_RATIO_POSSIBLE).mid,
                               figure_of(row, MODE_RECORD, FIGURE_RATIO_CPU).mid);
                else
                        printf(" %6s %6s", "-", "-");
        } else {
                printf(" %6s %6s %6s", "-", "-", "-");
        }
        print_count(options, row, MODE_RUN, FIGURE_PEAK_MIB, " %8.1f");
        print_count(options, row, MODE_RECORD, FIGURE_PEAK_MIB, " %8.1f");
        printf("  %s\n", digest_of(options, row));
        fflush(stdout);
}

/* -- JSON ---------------------------------------------------------------------------------------------------------- */

static void json_text(FILE *out, const char *text)
{
        fputc('"', out);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        fprintf(out, "\\%c", *text);
                else if ((unsigned char)*text < ' ')
                        fprintf(out, "\\u%04x", (unsigned)*text);
                else
                        fputc(*text, out);
        }
        fputc('"', out);
}

static void json_fact(FILE *out, const char *key, const char *value)
{
        fprintf(out, "    \"%s\": ", key);
        json_text(out, value);
        fputs(",\n", out);
}

/* The first line of a file of the system that begins with `key`, after the colon. Newly allocated. */
static char *system_fact(const char *file, const char *key)
{
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (!g_file_get_contents(file, &text, NULL, NULL))
                return g_strdup("");
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
                char *colon = strchr(*line, ':');

                if (g_str_has_prefix(*line, key) && colon)
                        return g_strstrip(g_strdup(colon + 1));
        }
        return g_strdup("");
}

static void json_machine(FILE *out)
{
        g_autofree char *processor = system_fact("/proc/cpuinfo", "model name");
        g_autofree char *memory = system_fact("/proc/meminfo", "MemTotal");
        double load[3] = { 0, 0, 0 };
        struct utsname name;

        uname(&name);
        if (getloadavg(load, 3) < 0)
                load[0] = 0;
        fputs("  \"machine\": {\n", out);
        json_fact(out, "processor", processor);
        json_fact(out, "memory", memory);
        json_fact(out, "system", name.sysname);
        json_fact(out, "kernel", name.release);
        json_fact(out, "architecture", name.machine);
        json_fact(out, "compiler", BENCH_COMPILER);
        json_fact(out, "build_type", BENCH_BUILD_TYPE);
        json_fact(out, "options", BENCH_OPTIONS);
        json_fact(out, "program_version", BENCH_VERSION);
        json_fact(out, "sqlite", sqlite3_libversion());
        fprintf(out, "    \"cores\": %u,\n    \"load_average\": %.2f\n  },\n", g_get_num_processors(), load[0]);
}

static void json_figure(FILE *out, const struct row *row, enum mode mode, const char *key, enum figure which)
{
        struct median median = figure_of(row, mode, which);

        fprintf(out, ",\n        \"%s\": { \"median\": %.6g, \"lowest\": %.6g, \"highest\": %.6g }", key, median.mid,
                median.low, median.high);
}

static void json_mode(FILE *out, const struct options *options, const struct row *row, enum mode mode)
{
        const struct measured *m = &row->m[mode][0];

        fprintf(out, "      \"%s\": {\n        \"requests\": %" PRIu64, mode_names[mode], m->requests);
        json_figure(out, row, mode, "requests_per_s", FIGURE_RATE);
        json_figure(out, row, mode, "ns_per_request", FIGURE_NS);
        json_figure(out, row, mode, "cpu_ns_per_request", FIGURE_CPU_NS);
        if (m->instructions)
                json_figure(out, row, mode, "instructions_per_request", FIGURE_INSTRUCTIONS);
        json_figure(out, row, mode, "peak_mib", FIGURE_PEAK_MIB);
        if (mode >= MODE_RECORD) {
                json_figure(out, row, mode, "rows_per_s", FIGURE_ROW_RATE);
                json_figure(out, row, mode, "file_bytes_per_request", FIGURE_ROW_BYTES);
                fprintf(out, ",\n        \"file_bytes\": %" PRIu64, m->file_bytes);
        }
        if (mode == MODE_RECORD && options->has_mode[MODE_SQLITE]) {
                json_figure(out, row, mode, "speed_to_sqlite", FIGURE_RATIO);
                if (options->has_mode[MODE_RUN]) {
                        json_figure(out, row, mode, "speed_to_possible", FIGURE_RATIO_POSSIBLE);
                        json_figure(out, row, mode, "cpu_of_run_and_sqlite_to_own", FIGURE_RATIO_CPU);
                }
        }
        if (mode == MODE_SQLITE)
                fprintf(out, ",\n        \"bind_s\": %.6g,\n        \"vtab_s\": %.6g,\n"
                             "        \"lock_waits\": %" PRIu64,
                        m->bind_s, m->vtab_s, m->lock_waits);
        if (m->import_events) {
                json_figure(out, row, mode, "import_events_per_s", FIGURE_IMPORT_RATE);
                if (m->import_instructions)
                        json_figure(out, row, mode, "import_instructions_per_event", FIGURE_IMPORT_INSTRUCTIONS);
                fprintf(out, ",\n        \"import_events\": %" PRIu64, m->import_events);
        }
        fputs("\n      }", out);
}

static void json_row(FILE *out, const struct options *options, const struct row *row)
{
        enum mode rows_of = digest_mode(options);
        const char *between = "";

        fprintf(out, "    { \"name\": \"%s\", \"what\": ", row->work->name);
        json_text(out, row->work->what);
        fprintf(out, ",\n      \"digest\": \"%s\",", digest_of(options, row));
        if (rows_of < MODE_COUNT)
                fprintf(out, " \"op_rows\": %" PRIu64 ", \"event_rows\": %" PRIu64 ", \"simulated_ns\": %" PRIu64 ",",
                        row->m[rows_of][0].op_rows, row->m[rows_of][0].event_rows, row->m[rows_of][0].simulated_ns);
        fprintf(out, " \"repeats\": %d,\n      \"modes\": {\n", row->repeats);
        for (enum mode mode = 0; mode < MODE_COUNT; mode++)
                if (has_mode(options, row->work, mode)) {
                        fputs(between, out);
                        json_mode(out, options, row, mode);
                        between = ",\n";
                }
        fputs("\n      } }", out);
}

static gboolean write_json(const struct options *options, struct row *const *rows, guint count)
{
        FILE *out = strcmp(options->json, "-") == 0 ? stdout : g_fopen(options->json, "w");

        if (!out) {
                say("%s: %s", options->json, g_strerror(errno));
                return FALSE;
        }
        fputs("{\n", out);
        json_machine(out);
        fputs("  \"workloads\": [\n", out);
        for (guint i = 0; i < count; i++) {
                json_row(out, options, rows[i]);
                fputs(i + 1 < count ? ",\n" : "\n", out);
        }
        fputs("  ]\n}\n", out);
        if ((out == stdout ? fflush(out) : fclose(out)) == 0)
                return TRUE;
        say("%s: %s", options->json, g_strerror(errno));
        return FALSE;
}

/* -- pinned digests ------------------------------------------------------------------------------------------------ */

#define PINNED_FILE BENCH_SOURCE_DIR "/digests.txt"

/* digests.txt: "DIGEST NAME" in each line. NULL: none for this workload. Newly allocated. */
static char *pinned_digest(const char *text, const char *name)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, " ", 2);

                if (words[0] && words[1] && strcmp(words[1], name) == 0)
                        return g_strdup(words[0]);
        }
        return NULL;
}

static gboolean write_pinned(const struct options *options, struct row *const *rows, guint count)
{
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;

        for (guint i = 0; i < count; i++)
                g_string_append_printf(text, "%s %s\n", digest_of(options, rows[i]), rows[i]->work->name);
        if (g_file_set_contents(PINNED_FILE, text->str, -1, &error))
                return TRUE;
        say("%s", error->message);
        return FALSE;
}

static gboolean check_pinned(const struct options *options, const char *pinned, const struct row *row)
{
        g_autofree char *expected = pinned_digest(pinned, row->work->name);

        if (expected && strcmp(expected, digest_of(options, row)) == 0)
                return TRUE;
        say("%s: digest %s, expected %s", row->work->name, digest_of(options, row), expected ? expected : "none");
        return FALSE;
}

/* -- options ------------------------------------------------------------------------------------------------------- */

static const char summary[] =
        "Measures how fast the simulator carries out requests, in four modes:\n"
        "  core     the engine alone, records dropped\n"
        "  run      with digest and latency, as kmemsim run --record none\n"
        "  record   with the recording as well, from opening the file to closing it\n"
        "  sqlite   the rows of that recording from memory into SQLite, by a bare loop: the faster of bind and vtab\n"
        "\n"
        "Columns: millions of requests per second of wall time, median of all repeats with half the spread; "
        "instructions per\n"
        "request (user mode, all threads); speed of record beside sqlite, beside the slower of sqlite and run "
        "(which go on\n"
        "at the same time), and processor time of run and sqlite beside that of record; peak memory of the process.";

static gboolean parse_count(const char *text, uint64_t *ret)
{
        char *end;
        uint64_t value = g_ascii_strtoull(text, &end, 10), unit = 1;

        if (*end == 'k' || *end == 'K')
                unit = 1000, end++;
        else if (*end == 'm' || *end == 'M')
                unit = 1000000, end++;
        *ret = value * unit;
        return g_ascii_isdigit(*text) && *end == '\0' && value > 0 && value <= UINT64_C(1000000000000);
}

static const struct work *work_at(guint i)
{
        if (i < core_work_count)
                return &core_works[i];
        i -= core_work_count;
        return i < G_N_ELEMENTS(scenario_works) ? &scenario_works[i] : NULL;
}

static void split_words(char ***words)
{
        g_autofree char *joined = *words ? g_strjoinv(",", *words) : NULL;

        g_strfreev(*words);
        *words = joined ? g_strsplit(joined, ",", -1) : NULL;
}

static gboolean parse_modes(struct options *options)
{
        for (enum mode mode = 0; mode < MODE_COUNT; mode++)
                options->has_mode[mode] = options->modes == NULL;
        for (char **word = options->modes; word && *word; word++) {
                enum mode mode = 0;

                while (mode < MODE_COUNT && strcmp(*word, mode_names[mode]) != 0)
                        mode++;
                if (mode == MODE_COUNT) {
                        say("there is no mode %s; the modes are core, run, record, sqlite", *word);
                        return FALSE;
                }
                options->has_mode[mode] = TRUE;
        }
        return TRUE;
}

static gboolean check_names(const struct options *options)
{
        for (char **word = options->only; word && *word; word++) {
                const struct work *work = NULL;

                for (guint i = 0; (work = work_at(i)) != NULL && strcmp(work->name, *word) != 0; i++)
                        continue;
                if (!work) {
                        say("there is no workload %s; --list names them", *word);
                        return FALSE;
                }
        }
        return TRUE;
}

/* An exit code, or -1. */
static int parse_options(struct options *options, int argc, char **argv)
{
        const GOptionEntry entries[] = {
                { "only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->only, "these workloads, separated by commas",
                  "NAMES" },
                { "modes", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->modes, "these modes (default: all)", "MODES" },
                { "count", 0, 0, G_OPTION_ARG_STRING, &options->count_text,
                  "requests of each workload, such as 500k or 20M (default: its own)", "N" },
                { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options->seconds,
                  "as many requests as mode run does in about this time", "S" },
                { "repeat", 0, 0, G_OPTION_ARG_INT, &options->repeat, "measure so often (default 5)", "N" },
                { "json", 0, 0, G_OPTION_ARG_FILENAME, &options->json,
                  "write all figures as JSON, - to standard output in place of the table", "FILE" },
                { "tiny", 0, 0, G_OPTION_ARG_NONE, &options->tiny,
                  "once and small, and compare the digests with digests.txt: the test", NULL },
                { "update", 0, 0, G_OPTION_ARG_NONE, &options->update,
                  "with --tiny: write digests.txt anew; read the difference before you commit it", NULL },
                { "folder", 0, 0, G_OPTION_ARG_FILENAME, &options->folder,
                  "where recordings are written (default: a temporary folder)", "FOLDER" },
                { "trace", 0, 0, G_OPTION_ARG_FILENAME, &options->trace, "for workload trace, in place of the sample",
                  "FILE" },
                { "list", 0, 0, G_OPTION_ARG_NONE, &options->list, "name the workloads", NULL },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GError) error = NULL;

        options->repeat = 0;
        g_option_context_set_summary(context, summary);
        g_option_context_add_main_entries(context, entries, NULL);
        if (!g_option_context_parse(context, &argc, &argv, &error)) {
                say("%s", error->message);
                return EXIT_USAGE;
        }
        if (argc > 1) {
                say("%s is no option; --help names them", argv[1]);
                return EXIT_USAGE;
        }
        split_words(&options->only);
        split_words(&options->modes);
        if (options->repeat == 0)
                options->repeat = options->tiny ? 1 : 5;
        if (options->repeat < 1 || options->repeat > REPEATS_MAX) {
                say("--repeat takes 1 to %d", REPEATS_MAX);
                return EXIT_USAGE;
        }
        if (options->count_text && !parse_count(options->count_text, &options->count)) {
                say("--count takes a number of requests such as 500k or 20M, not %s", options->count_text);
                return EXIT_USAGE;
        }
        if (options->update && (!options->tiny || options->only)) {
                say("--update goes with --tiny and all workloads");
                return EXIT_USAGE;
        }
        if (options->tiny && options->modes) {
                say("--tiny takes all modes");
                return EXIT_USAGE;
        }
        if ((options->count > 0) + (options->seconds > 0) + options->tiny > 1) {
                say("--count, --seconds and --tiny do not go together");
                return EXIT_USAGE;
        }
        if (!parse_modes(options) || !check_names(options))
                return EXIT_USAGE;
        if (!options->trace)
                options->trace = g_strdup(BENCH_CHECKOUT "/scenarios/traces/filestorm-head.tracecmd.txt.xz");
        return -1;
}

/* The traces beside the checkout, or where KMEMSIM_SHARED says. */
static void find_large_trace(struct options *options)
{
        static const char name[] = "traces/findstat/trace.ftrace.txt.xz";
        const char *shared = g_getenv("KMEMSIM_SHARED");
        char *path = shared && *shared ? g_build_filename(shared, name, NULL)
                                       : g_build_filename(BENCH_CHECKOUT, "..", "shared", name, NULL);

        if (g_file_test(path, G_FILE_TEST_EXISTS))
                options->large_trace = path;
        else
                g_free(path);
}

static gboolean is_wanted(const struct options *options, const struct work *work)
{
        if (options->only && !g_strv_contains((const char *const *)options->only, work->name))
                return FALSE;
        if (!work->is_large || options->large_trace)
                return options->only || !(options->tiny && work->is_large);
        if (options->only)
                say("%s: the large traces are not there (KMEMSIM_SHARED names the folder of traces/)", work->name);
        return FALSE;
}

static void list_works(void)
{
        const struct work *work;

        for (guint i = 0; (work = work_at(i)) != NULL; i++)
                printf("%-12s %s\n", work->name, work->what);
}

static gboolean make_folder(struct options *options)
{
        g_autoptr(GError) error = NULL;

        if (!options->folder) {
                options->folder = g_dir_make_tmp("kmemsim-bench-XXXXXX", &error);
                options->folder_is_ours = TRUE;
        }
        if (!options->folder)
                say("%s", error->message);
        options->measure = (struct measure_options){ .folder = options->folder,
                                                     .source = BENCH_SOURCE_DIR,
                                                     .library = BENCH_CHECKOUT "/lua" };
        return options->folder != NULL;
}

static int bench(struct options *options)
{
        struct row *rows[WORKS_MAX];
        g_autofree char *pinned = NULL;
        const struct work *work;
        guint row_count = 0;
        gboolean table = !options->json || strcmp(options->json, "-") != 0;
        int code = 0;

        if (options->list) {
                list_works();
                return 0;
        }
        if (options->tiny && !options->update && !g_file_get_contents(PINNED_FILE, &pinned, NULL, NULL)) {
                say("%s cannot be read", PINNED_FILE);
                return EXIT_IO;
        }
        if (!make_folder(options))
                return EXIT_IO;
        find_large_trace(options);
        if (table)
                print_head();
        for (guint i = 0; (work = work_at(i)) != NULL; i++) {
                struct row *row;

                if (!is_wanted(options, work))
                        continue;
                row = g_new0(struct row, 1);
                if (!carry_out(options, work, row)) {
                        code = EXIT_DIFFERS;
                        g_free(row);
                        continue;
                }
                if (table)
                        print_row(options, row);
                if (pinned && !check_pinned(options, pinned, row))
                        code = EXIT_DIFFERS;
                rows[row_count++] = row;
        }
        if (options->update && code == 0 && !write_pinned(options, rows, row_count))
                code = EXIT_IO;
        if (options->json && !write_json(options, rows, row_count))
                code = EXIT_IO;
        if (options->folder_is_ours)
                g_rmdir(options->folder);
        for (guint i = 0; i < row_count; i++)
                g_free(rows[i]);
        return code;
}

int main(int argc, char **argv)
{
        struct options options = { 0 };
        int code = parse_options(&options, argc, argv);

        if (code < 0)
                code = bench(&options);
        g_strfreev(options.only);
        g_strfreev(options.modes);
        g_free(options.json);
        g_free(options.folder);
        g_free(options.trace);
        g_free(options.count_text);
        g_free(options.large_trace);
        return code;
}
