/*
 * cmd_ops.c - kmemsim ops FILE.ops: run an ops file one op at a time and print what came of it as `kmemgold 1`.
 *
 * The ops go through the same engine as a scenario: one task on each CPU, each request carried to its end before the
 * next begins, jiffies moved by `tick` lines only.
 */
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/cli.h"
#include "observe/kernel_log.h"
#include "observe/kmemgold.h"
#include "script/ops_file.h"

struct runner {
        struct ops_file *file;
        struct sim *sim;
        struct tape tape;
        struct op_record op_block[64];
        struct event_record event_block[64];
        uint32_t task_of_cpu[MACHINE_CPUS_MAX];
        GArray *handles; /* uint32_t by object number of the file, OBJECT_NONE: failed */
        GString *text;
        uint32_t snap_count, dump_count;
        char *last_words; /* what the kernel printed when it stopped, NULL: nothing, or it runs */
};

static void hear(const struct report *report, void *context)
{
        struct runner *run = context;
        g_autoptr(GString) text = g_string_new(NULL);

        if (!report_kind_infos[report->kind].is_fatal)
                return;
        kernel_log_report(run->sim, report, "ops", text);
        g_free(run->last_words);
        run->last_words = kernel_log_plain(text->str);
        g_strstrip(run->last_words);
}

static gboolean fail_at(const struct runner *run, const struct ops_line *line, const char *problem, GError **error)
{
        g_set_error(error, OPS_ERROR, OPS_ERROR_FORMAT, "%s:%u: %s", run->file->path, line->line, problem);
        return FALSE;
}

/* The kernel has stopped, or would wait for ever: a simulated failure. */
static gboolean fail_stopped(const struct runner *run, const struct ops_line *line, GError **error)
{
        g_set_error(error, OPS_ERROR, OPS_ERROR_STOPPED, "%s:%u: %s", run->file->path, line->line,
                    run->last_words ? run->last_words :
                                      "a request with __GFP_NOFAIL that can never be met: no page is left, "
                                      "and while it waits no other line can free one (the kernel would wait for ever)");
        return FALSE;
}

/* Carries one request to its end on `cpu`. */
static gboolean carry_out(struct runner *run, const struct ops_line *line, uint32_t cpu, const struct request *request,
                          const struct op_record **ret_op, GError **error)
{
        const char *problem;
        uint32_t task;

        if (cpu >= run->file->machine.cpus)
                return fail_at(run, line, "the machine has no such CPU", error);
        problem = sim_submit(run->sim, run->task_of_cpu[cpu], request);
        if (problem)
                return fail_at(run, line, problem, error);
        if (sim_run(run->sim, &task) != SIM_DONE)
                return fail_stopped(run, line, error);
        *ret_op = sim_result(run->sim, task);
        return TRUE;
}

static void flush(struct runner *run)
{
        fwrite(run->text->str, 1, run->text->len, stdout);
        g_string_truncate(run->text, 0);
}

static gboolean run_allocation(struct runner *run, const struct ops_line *line, GError **error)
{
        struct request request = { .gfp = line->gfp, .node_plus_1 = line->node_plus_1 };
        const struct op_record *op;
        uint32_t handle;

        switch (line->kind) {
        case OPS_KMALLOC:
                request.kind = OP_KMALLOC;
                request.size_bytes = line->size;
                break;
        case OPS_PAGES:
                request.kind = OP_PAGES;
                request.order = line->order;
                break;
        default:
                request.kind = OP_ALLOC;
                request.cache = sim_cache_find(run->sim, ops_file_name(run->file, line->name));
                if (request.cache == CACHE_ID_NONE)
                        return fail_at(run, line, "there is no cache of this name", error);
                break;
        }
        if (!carry_out(run, line, line->cpu, &request, &op, error))
                return FALSE;
        handle = op->pfn == PFN_NONE ? OBJECT_NONE : sim_result_object(run->sim, run->task_of_cpu[line->cpu]);
        if (run->handles->len <= line->object)
                g_array_set_size(run->handles, line->object + 1);
        g_array_index(run->handles, uint32_t, line->object) = handle;
        if (op->pfn == PFN_NONE) {
                g_string_append_printf(run->text, "%" PRIu64 " fail\n", line->id);
        } else if (line->kind == OPS_PAGES) {
                g_string_append_printf(run->text, "%" PRIu64 " - %u 0\n", line->id, op->pfn);
        } else {
                struct cache_view view;

                sim_cache_get(run->sim, op->cache, &view);
                g_string_append_printf(run->text, "%" PRIu64 " %s %u %u\n", line->id, view.name, op->pfn, op->offset);
        }
        return TRUE;
}

static gboolean run_free(struct runner *run, const struct ops_line *line, GError **error)
{
        struct request request = { .kind = OP_FREE };
        const struct op_record *op;

        request.object = g_array_index(run->handles, uint32_t, line->object);
        if (request.object == OBJECT_NONE) /* the allocation had failed: nothing to free */
                return TRUE;
        return carry_out(run, line, line->cpu, &request, &op, error);
}

static gboolean run_on_cache(struct runner *run, const struct ops_line *line, GError **error)
{
        const char *name = ops_file_name(run->file, line->name);
        bool shrink = line->kind == OPS_SHRINK;
        struct request request = { .kind = shrink ? OP_SHRINK : OP_DESTROY };
        const struct op_record *op;

        request.cache = sim_cache_find(run->sim, name);
        if (request.cache == CACHE_ID_NONE)
                return fail_at(run, line, "there is no cache of this name", error);
        if (!carry_out(run, line, 0, &request, &op, error))
                return FALSE;
        g_string_append_printf(run->text, "%s %s %u\n", shrink ? "shrink" : "destroy", name, op->result);
        return TRUE;
}

/* tune NAME LIMIT BATCHCOUNT SHARED: a line of this program's own; prints "tune NAME ERR" if it failed. */
static gboolean run_tune(struct runner *run, const struct ops_line *line, GError **error)
{
        struct cache_spec spec = { .name = "" };
        struct request request = { .kind = OP_TUNE, .size_bytes = line->size, .gfp = line->gfp, .spec = &spec };
        const char *name = ops_file_name(run->file, line->name);
        const struct op_record *op;

        if (strlen(name) < sizeof(spec.name))
                g_strlcpy(spec.name, name, sizeof(spec.name));
        if (!carry_out(run, line, 0, &request, &op, error))
                return FALSE;
        if (op->result)
                g_string_append_printf(run->text, "tune %s %d\n", name, -(int)op->result);
        return TRUE;
}

static gboolean run_create(struct runner *run, const struct ops_line *line, GError **error)
{
        const struct cache_spec *spec = &g_array_index(run->file->specs, struct cache_spec, line->spec);
        struct request request = { .kind = OP_CREATE, .spec = spec };
        const struct op_record *op;

        if (!carry_out(run, line, 0, &request, &op, error))
                return FALSE;
        if (op->result)
                g_string_append_printf(run->text, "create %s fail\n", spec->name);
        return TRUE;
}

static gboolean run_drain(struct runner *run, const struct ops_line *line, GError **error)
{
        struct request request = { .kind = OP_DRAIN };
        const struct op_record *op;

        if (line->cpu != OPS_CPU_ALL)
                return carry_out(run, line, line->cpu, &request, &op, error);
        for (uint32_t cpu = 0; cpu < run->file->machine.cpus; cpu++) {
                if (sim_cpu_online(run->sim, cpu) && !carry_out(run, line, cpu, &request, &op, error))
                        return FALSE;
        }
        return TRUE;
}

static gboolean run_hotplug(struct runner *run, const struct ops_line *line, GError **error)
{
        bool up = line->kind == OPS_CPU_UP;
        struct request request = { .kind = up ? OP_CPU_UP : OP_CPU_DOWN, .cpu = (uint8_t)line->cpu };
        const struct op_record *op;

        if (line->cpu >= run->file->machine.cpus)
                return fail_at(run, line, "the machine has no such CPU", error);
        if (!carry_out(run, line, 0, &request, &op, error))
                return FALSE;
        if (op->result)
                g_string_append_printf(run->text, "%s %u %d\n", up ? "cpu_up" : "cpu_down", line->cpu, -(int)op->result);
        return TRUE;
}

static gboolean run_line(struct runner *run, const struct ops_line *line, GError **error)
{
        struct request request = { 0 };
        const struct op_record *op;

        switch ((enum ops_kind)line->kind) {
        case OPS_ALLOC:
        case OPS_ALLOC_NODE:
        case OPS_KMALLOC:
        case OPS_PAGES:
                return run_allocation(run, line, error);
        case OPS_FREE:
                return run_free(run, line, error);
        case OPS_CREATE:
                return run_create(run, line, error);
        case OPS_SHRINK:
        case OPS_DESTROY:
                return run_on_cache(run, line, error);
        case OPS_TUNE:
                return run_tune(run, line, error);
        case OPS_REAP:
                request.kind = OP_REAP;
                return carry_out(run, line, line->cpu, &request, &op, error);
        case OPS_TICK:
                request.kind = OP_TICK;
                request.size_bytes = line->size;
                return carry_out(run, line, 0, &request, &op, error);
        case OPS_DRAIN:
                return run_drain(run, line, error);
        case OPS_CPU_UP:
        case OPS_CPU_DOWN:
                return run_hotplug(run, line, error);
        case OPS_SNAP:
                kmemgold_snap(run->sim, run->snap_count++, run->text);
                return TRUE;
        case OPS_DUMP:
                kmemgold_dump(run->sim, run->dump_count++, run->text);
                return TRUE;
        default:
                return TRUE;
        }
}

static gboolean run_file(struct runner *run, GError **error)
{
        const char *problem = sim_config_problem(&run->file->machine);

        if (!problem)
                run->sim = sim_create(&run->file->machine, &run->tape, &problem);
        if (problem) {
                g_set_error(error, OPS_ERROR, OPS_ERROR_FORMAT, "%s: %s", run->file->path, problem);
                return FALSE;
        }
        for (uint32_t cpu = 0; cpu < run->file->machine.cpus; cpu++)
                run->task_of_cpu[cpu] = sim_thread_new(run->sim, THREAD_TASK, cpu);
        g_string_append(run->text, "kmemgold 1\n");
        kmemgold_snap(run->sim, run->snap_count++, run->text);
        for (uint32_t i = 0; i < ops_file_count(run->file); i++) {
                if (!run_line(run, ops_file_line(run->file, i), error))
                        return FALSE;
                if (run->text->len > 65536)
                        flush(run);
        }
        kmemgold_snap(run->sim, run->snap_count++, run->text);
        g_string_append(run->text, "end\n");
        return TRUE;
}

static const char examples[] =
        "Examples:\n"
        "  kmemsim ops mix.ops > mix.gold     every placement and the state at each `snap`\n"
        "  kmemsim import trace.txt && kmemsim ops trace.ops\n"
        "\n"
        "FILE.ops is a kmemops 1 file (plain, .gz, .xz): `machine ...`, then one operation a line. Each is carried to\n"
        "its end before the next begins. The result is printed in the kmemgold 1 format.";

static const struct command_help help = {
        .name = "ops",
        .what = "run an ops file, print placements and state",
        .arguments = "FILE.ops",
        .examples = examples,
};

static int parse_and_run(int argc, char **argv)
{
        const GOptionEntry entries[] = {
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        g_autoptr(GError) error = NULL;
        struct runner run = { 0 };
        int code;

        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code;
        if (argc != 2)
                return usage_error(&help, "give one ops file (kmemsim ops FILE.ops)");
        code = EXIT_OK;
        run.tape.ops = run.op_block;
        run.tape.op_cap = G_N_ELEMENTS(run.op_block);
        run.tape.events = run.event_block;
        run.tape.event_cap = G_N_ELEMENTS(run.event_block);
        run.tape.report = hear;
        run.tape.report_context = &run;
        run.handles = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        run.text = g_string_new(NULL);
        run.file = ops_file_read(argv[1], &error);
        if (run.file && run_file(&run, &error))
                flush(&run);
        if (!error && fflush(stdout) != 0)
                g_set_error(&error, OPS_ERROR, OPS_ERROR_IO, "standard output: %s", g_strerror(errno));
        if (error) {
                flush(&run);
                fflush(stdout);
                fprintf(stderr, "kmemsim ops: %s\n", error->message);
                code = g_error_matches(error, OPS_ERROR, OPS_ERROR_STOPPED) ? EXIT_SIMULATED : EXIT_IO;
        }
        if (run.sim)
                sim_destroy(run.sim);
        if (run.file)
                ops_file_free(run.file);
        g_array_unref(run.handles);
        g_string_free(run.text, TRUE);
        g_free(run.last_words);
        return code;
}

int cmd_ops(int argc, char **argv)
{
        return command_run(argc, argv, parse_and_run, EXIT_OK);
}
