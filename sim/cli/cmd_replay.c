/*
 * cmd_replay.c - kmemsim replay: run a recording again and say whether it comes out the same.
 *
 * stdout has one "name: value" line per fact, for people and scripts; a difference goes to stderr.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "record/record_error.h"
#include "record/recording.h"
#include "record/replay.h"

static const char examples[] =
        "Examples:\n"
        "  kmemsim replay quickstart.db                 compare the whole run\n"
        "  kmemsim replay quickstart.db --until 12345   up to the end of op 12345\n"
        "\n"
        "Runs the recorded requests again, without the scenario, and compares every result and every event.\n"
        "A recording that was cut short (killed, interrupted) is compared up to where it ends.\n"
        "Exit code 0: equal; 13: it differs, and the first difference is told; 4: no recording, or a damaged one.";

static const struct command_help help = {
        .name = "replay",
        .what = "run a recording again and compare it",
        .arguments = "FILE.db",
        .examples = examples,
};

static void print_result(const char *path, const struct replay_result *result)
{
        gboolean is_done = strcmp(result->status, "done") == 0;

        printf("recording: %s\n", path);
        printf("status: %s\n", result->status);
        printf("ops: %" PRIu64 "\n", result->op_count);
        printf("events: %" PRIu64 "\n", result->event_count);
        if (result->is_whole) {
                printf("caches: %" PRIu64 "\n", result->cache_count);
                printf("end_ns: %" PRIu64 "\n", result->end_ns);
        } else {
                printf("stopped_ns: %" PRIu64 "\n", result->end_ns);
        }
        if (!is_done)
                printf("valid_to: op %" PRIu64 ", event %" PRIu64 ", %" PRIu64 " ns\n", result->op_total,
                       result->event_count, result->end_ns);
        for (guint i = 0; i < result->failures->len; i++)
                printf("failure: %s (reproduced)\n", (const char *)result->failures->pdata[i]);
        printf("digest: %s\n", result->digest);
        if (result->is_whole)
                printf("recorded_digest: %s\n", result->recorded_digest);
        printf("result: equal%s\n", !result->is_whole ? " up to this op" : is_done ? "" : " up to where it ends");
}

static int replay_file(const char *path, gint64 until_op)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct replay_result result;
        int code = EXIT_OK;

        recording = recording_open(path, &error);
        if (recording == NULL || !replay_run(recording, (uint64_t)until_op, &result, &error)) {
                fprintf(stderr, "kmemsim replay: %s\n", error->message);
                return g_error_matches(error, RECORD_ERROR, RECORD_ERROR_USAGE) ? EXIT_USAGE : EXIT_IO;
        }
        if (result.differs) {
                fprintf(stderr, "kmemsim replay: %s differs from its replay\n%s", path, result.difference);
                code = EXIT_DIFFERS;
        } else {
                print_result(path, &result);
        }
        replay_result_clear(&result);
        return code;
}

static int parse_and_run(int argc, char **argv)
{
        gint64 until_op = -1;
        const GOptionEntry entries[] = {
                { "until", 0, 0, G_OPTION_ARG_INT64, &until_op, "stop at the end of op ID", "ID" },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        int code;

        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code;
        if (argc != 2)
                return usage_error(&help, argc < 2 ? "FILE.db is missing (kmemsim replay --help shows examples)"
                                                   : "one recording at a time");
        if (until_op == 0 || until_op < -1)
                return usage_error(&help, "op ids count from 1");
        return replay_file(argv[1], MAX(until_op, 0));
}

int cmd_replay(int argc, char **argv)
{
        return command_run(argc, argv, parse_and_run, EXIT_OK);
}
