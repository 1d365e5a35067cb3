/*
 * measure.c - one measurement of one workload: see bench.h for the modes.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include "bare_sqlite.h"
#include "bench.h"
#include "import/import.h"
#include "import/line_reader.h"
#include "record/recorder.h"
#include "script/scenario.h"

#define TAPE_OPS    4096u
#define TAPE_EVENTS 8192u

const char *const mode_names[MODE_COUNT] = { "core", "run", "record", "sqlite" };

/* -- the clock ----------------------------------------------------------------------------------------------------- */

static double cpu_seconds(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void stopwatch_start(struct stopwatch *watch)
{
        struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
                                        .size = sizeof(attr),
                                        .config = PERF_COUNT_HW_INSTRUCTIONS,
                                        .inherit = 1,
                                        .exclude_kernel = 1,
                                        .exclude_hv = 1 };

        watch->counter = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
        watch->cpu_s = cpu_seconds();
        watch->wall_us = g_get_monotonic_time();
}

void stopwatch_stop(struct stopwatch *watch, struct measured *ret)
{
        ret->wall_s = (double)(g_get_monotonic_time() - watch->wall_us) / 1e6;
        ret->cpu_s = cpu_seconds() - watch->cpu_s;
        if (watch->counter < 0)
                return;
        if (read(watch->counter, &ret->instructions, sizeof(ret->instructions)) != sizeof(ret->instructions))
                ret->instructions = 0;
        close(watch->counter);
}

/* -- what is measured ---------------------------------------------------------------------------------------------- */

/* One workload about to run: a machine, and for a scenario the scenario it came from. */
struct bench_run {
        const struct work *work;
        enum mode mode;
        uint64_t count;
        const struct measure_options *options;
        struct measured *ret;
        struct sim_config config;
        struct scenario *scenario;
        struct observer *observer;
        struct sim *sim;
        struct tape tape; /* mode core */
};

static gboolean problem(struct bench_run *run, const char *text)
{
        g_snprintf(run->ret->problem, sizeof(run->ret->problem), "%s", text);
        return FALSE;
}

char *measured_file(const struct work *work, enum mode mode, const struct measure_options *options)
{
        return g_strdup_printf("%s/%s.%s.db", options->folder, work->name, mode_names[mode]);
}

static uint64_t file_bytes(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void drop_records(struct tape *tape, void *context)
{
        (void)context;
        tape->op_count = 0;
        tape->event_count = 0;
}

static bool write_ops(void *file, const char *bytes, size_t length, GError **error)
{
        if (fwrite(bytes, 1, length, file) == length)
                return true;
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the ops file cannot be written");
        return false;
}

/* The trace becomes an ops file; how long that takes is a figure of its own. */
static gboolean import_it(struct bench_run *run, const char *trace, const char *ops_path)
{
        struct import_report *report = NULL;
        g_autoptr(GError) error = NULL;
        FILE *file = g_fopen(ops_path, "w");
        struct ops_sink sink = { write_ops, file };
        struct measured import = { 0 };
        struct stopwatch watch;
        bool good;

        if (!file)
                return problem(run, "the ops file cannot be made");
        stopwatch_start(&watch);
        good = import_trace(trace, NULL, &sink, &report, &error);
        good = fclose(file) == 0 && good;
        stopwatch_stop(&watch, &import);
        if (report) {
                run->ret->import_s = import.wall_s;
                run->ret->import_cpu_s = import.cpu_s;
                run->ret->import_instructions = import.instructions;
                run->ret->import_events = report->kmem_events;
                import_report_free(report);
        }
        return good ? TRUE : problem(run, error ? error->message : "the ops file cannot be written");
}

/* The trace as plain text, whatever it is packed with. */
static gboolean unpack(struct bench_run *run, const char *to)
{
        g_autoptr(GError) error = NULL;
        struct line_reader *reader = line_reader_open(run->options->trace, &error);
        FILE *file = g_fopen(to, "w");
        const char *line;
        size_t length;
        gboolean good = reader && file;

        while (good && line_reader_next(reader, &line, &length, &error))
                good = fwrite(line, 1, length, file) == length && fputc('\n', file) != EOF;
        if (file)
                good = fclose(file) == 0 && good;
        if (reader)
                line_reader_close(reader);
        return good && !error ? TRUE : problem(run, error ? error->message : "the trace cannot be unpacked");
}

static void print_message(const char *line, void *context)
{
        (void)context;
        g_printerr("%s\n", line);
}

static gboolean load_scenario(struct bench_run *run)
{
        g_autofree char *path = g_build_filename(run->options->source, run->work->scenario, NULL);
        g_autofree char *ops_path = g_strdup_printf("%s/%s.ops", run->options->folder, run->work->name);
        g_autofree char *count = g_strdup_printf("requests=%" G_GUINT64_FORMAT, run->count);
        g_autofree char *trace = g_strdup_printf("trace=%s", ops_path);
        const char *const settings[] = { run->work->is_trace ? trace : count, NULL };
        struct scenario_options options = { .seed = 1,
                                            .settings = settings,
                                            .library = run->options->library,
                                            .message = print_message };
        g_autoptr(GError) error = NULL;

        if (run->work->is_trace && !import_it(run, run->options->trace, ops_path))
                return FALSE;
        sandbox_limits_default(&options.limits);
        options.limits.total = UINT64_MAX;
        run->scenario = scenario_load(path, &options, &error);
        if (run->work->is_trace)
                g_unlink(ops_path);
        if (!run->scenario)
                return problem(run, error->message);
        run->config = *scenario_config(run->scenario);
        return TRUE;
}

static gboolean prepare(struct bench_run *run)
{
        const char *text;

        if (run->work->scenario) {
                if (!load_scenario(run))
                        return FALSE;
        } else {
                sim_config_default(&run->config);
                run->work->configure(&run->config);
        }
        if (run->mode == MODE_CORE) {
                run->tape = (struct tape){ .ops = g_new(struct op_record, TAPE_OPS),
                                           .op_cap = TAPE_OPS,
                                           .events = g_new(struct event_record, TAPE_EVENTS),
                                           .event_cap = TAPE_EVENTS,
                                           .full = drop_records };
        } else {
                run->observer = observer_new();
        }
        run->sim = sim_create(&run->config, run->observer ? observer_tape(run->observer) : &run->tape, &text);
        return run->sim ? TRUE : problem(run, text);
}

static gboolean carry_out(struct bench_run *run, struct recorder *recorder)
{
        struct driver driver = { .sim = run->sim, .observer = run->observer };
        g_autoptr(GError) error = NULL;

        if (run->scenario) {
                if (!scenario_run(run->scenario, run->sim, run->observer, recorder, &error))
                        return problem(run, error->message);
        } else {
                run->ret->requests = run->work->drive(&driver, run->count);
        }
        if (run->observer)
                observer_end(run->observer);
        return TRUE;
}

/* What the observer knows: before recorder_finish, since it is handed over first. */
static void take_figures(struct bench_run *run)
{
        struct measured *ret = run->ret;

        if (!run->observer)
                return;
        observer_digest(run->observer, ret->digest);
        ret->op_rows = observer_op_count(run->observer);
        ret->event_rows = observer_event_count(run->observer);
        if (run->scenario)
                ret->requests = ret->op_rows;
}

/* -- the modes ----------------------------------------------------------------------------------------------------- */

static gboolean measure_run(struct bench_run *run)
{
        struct stopwatch watch;
        gboolean good;

        stopwatch_start(&watch);
        if (run->observer)
                observer_start(run->observer, run->sim, NULL);
        good = carry_out(run, NULL);
        stopwatch_stop(&watch, run->ret);
        take_figures(run);
        return good;
}

static gboolean measure_record(struct bench_run *run)
{
        g_autofree char *path = measured_file(run->work, MODE_RECORD, run->options);
        g_autoptr(GError) error = NULL;
        struct recorder *recorder;
        struct stopwatch watch;
        struct sink sink;

        stopwatch_start(&watch);
        recorder = recorder_open(path, TRUE, &error);
        if (!recorder)
                return problem(run, error->message);
        recorder_set_config(recorder, &run->config);
        sink = recorder_sink(recorder);
        observer_start(run->observer, run->sim, &sink);
        if (!carry_out(run, recorder))
                return FALSE;
        take_figures(run);
        if (!recorder_finish(recorder, run->observer, "done", &error))
                return problem(run, error->message);
        stopwatch_stop(&watch, run->ret);
        run->ret->file_bytes = file_bytes(path);
        if (!run->options->keep)
                g_unlink(path);
        return TRUE;
}

/* How fast plain text becomes an ops file; the digest is that of the ops file. */
static gboolean measure_import(struct bench_run *run)
{
        g_autofree char *text_path = g_strdup_printf("%s/%s.txt", run->options->folder, run->work->name);
        g_autofree char *ops_path = g_strdup_printf("%s/%s.ops", run->options->folder, run->work->name);
        g_autoptr(GMappedFile) ops = NULL;
        struct measured *ret = run->ret;
        gboolean good = unpack(run, text_path) && import_it(run, text_path, ops_path);

        if (good) {
                XXH128_hash_t hash;

                ops = g_mapped_file_new(ops_path, FALSE, NULL);
                hash = XXH3_128bits(ops ? g_mapped_file_get_contents(ops) : "",
                                    ops ? g_mapped_file_get_length(ops) : 0);
                g_snprintf(ret->digest, sizeof(ret->digest), "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
                ret->requests = ret->import_events;
                ret->wall_s = ret->import_s;
                ret->cpu_s = ret->import_cpu_s;
                ret->instructions = ret->import_instructions;
        }
        g_unlink(text_path);
        g_unlink(ops_path);
        return good;
}

/* A sink that keeps the batches. */
static struct batch *keep_batch(void *batches, struct batch *full)
{
        struct batch *empty = batch_new(full->op_cap, full->event_cap);

        g_ptr_array_add(batches, full);
        return empty;
}

static uint64_t count_waits(const GPtrArray *batches)
{
        uint64_t waits = 0;

        for (guint i = 0; i < batches->len; i++) {
                const struct batch *batch = batches->pdata[i];

                for (uint32_t k = 0; k < batch->event_count; k++)
                        waits += batch->events[k].kind == EV_LOCK_WAITED;
        }
        return waits;
}

static gboolean measure_sqlite(struct bench_run *run)
{
        g_autoptr(GPtrArray) batches = g_ptr_array_new_with_free_func((GDestroyNotify)batch_free);
        g_autofree char *path = measured_file(run->work, MODE_SQLITE, run->options);
        g_autofree char *journal = g_strconcat(path, "-journal", NULL);
        gint state = 0;
        const struct sink sink = { .deliver = keep_batch, .context = batches, .state = &state };
        struct recorder *recorder;
        struct measured ways[2];
        g_autoptr(GError) error = NULL;

        recorder = recorder_open(path, TRUE, &error); /* only so that the sites of a trace are noted */
        if (!recorder)
                return problem(run, error->message);
        observer_start(run->observer, run->sim, &sink);
        if (!carry_out(run, recorder))
                return FALSE;
        recorder_abandon(recorder);
        g_unlink(journal);
        take_figures(run);
        for (enum bare_way way = BARE_BIND; way <= BARE_VTAB; way++) {
                struct stopwatch watch;
                const char *text;

                ways[way] = *run->ret;
                g_unlink(path);
                stopwatch_start(&watch);
                text = bare_write(path, way, batches);
                stopwatch_stop(&watch, &ways[way]);
                if (text)
                        return problem(run, text);
        }
        *run->ret = ways[ways[BARE_VTAB].wall_s < ways[BARE_BIND].wall_s ? BARE_VTAB : BARE_BIND];
        run->ret->bind_s = ways[BARE_BIND].wall_s;
        run->ret->vtab_s = ways[BARE_VTAB].wall_s;
        run->ret->lock_waits = count_waits(batches);
        run->ret->file_bytes = file_bytes(path);
        if (!run->options->keep)
                g_unlink(path);
        return TRUE;
}

void measure(const struct work *work, enum mode mode, uint64_t count, const struct measure_options *options,
             struct measured *ret)
{
        struct bench_run run = { .work = work, .mode = mode, .count = count, .options = options, .ret = ret };
        const char *broken;

        if (work->is_import) {
                measure_import(&run);
                return;
        }
        if (!prepare(&run))
                return;
        if (mode == MODE_SQLITE   ? measure_sqlite(&run)
            : mode == MODE_RECORD ? measure_record(&run)
                                  : measure_run(&run)) {
                broken = sim_audit(run.sim);
                if (broken)
                        problem(&run, broken);
                ret->simulated_ns = sim_now_ns(run.sim);
                ret->state_hash = sim_state_hash(run.sim);
        }
        sim_destroy(run.sim); /* the rest goes with the process */
}
