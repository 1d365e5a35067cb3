/*
 * cmd_show.c - kmemsim show: the state of the allocator at any point of a recording, in the kernel's own text formats.
 *
 * A recording holds no snapshots. Its requests are run again up to the point asked for, each result and event being
 * compared on the way, and the state of the simulator is printed there: it is the state the run itself had.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "observe/proc_text.h"
#include "record/record_error.h"
#include "record/recording.h"
#include "record/replay.h"
#include "script/quantity.h"

static const char examples[] =
        "Examples:\n"
        "  kmemsim show run.db slabinfo                   caches, slabs and objects at the end, as in /proc/slabinfo\n"
        "  kmemsim show run.db buddyinfo --at 12.5ms      free blocks by order after 12.5 ms of simulated time\n"
        "  kmemsim show run.db zoneinfo --at op:1234      watermarks and page lists when op 1234 was done\n"
        "  kmemsim show run.db magazines --at end         what the array of each CPU and each shared array holds\n"
        "\n"
        "WHAT is slabinfo, buddyinfo, zoneinfo (as 2.6.20 prints them) or magazines. The recording is run again up to\n"
        "that point; a long one takes as long as its replay. A moment is after all that happened up to and including it.";

static int usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
static int usage(const char *format, ...)
{
        va_list arguments;

        fprintf(stderr, "kmemsim show: ");
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fprintf(stderr, "\n");
        return EXIT_USAGE;
}

/* "end", "op:1234" or a time with its unit. NULL, or what is wrong with it. */
static const char *parse_point(const char *text, struct replay_point *ret)
{
        *ret = (struct replay_point){ .stop = REPLAY_TO_END };
        if (strcmp(text, "end") == 0)
                return NULL;
        if (g_str_has_prefix(text, "op:")) {
                ret->stop = REPLAY_TO_OP;
                return g_ascii_string_to_unsigned(text + 3, 10, 1, G_MAXINT64, &ret->op, NULL)
                               ? NULL : "is no op: write op:1234";
        }
        ret->stop = REPLAY_TO_TIME;
        return quantity_time(text, &ret->t_ns);
}

struct shown {
        const char *what;
        GString *text;
};

static void show(const struct sim *sim, void *context)
{
        struct shown *shown = context;

        proc_text(sim, shown->what, shown->text);
}

static int show_file(const char *path, const char *what, const struct replay_point *point)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        struct shown shown = { .what = what, .text = text };
        struct replay_result result;
        int code = EXIT_OK;

        recording = recording_open(path, &error);
        if (recording == NULL || !replay_to(recording, point, show, &shown, &result, &error)) {
                fprintf(stderr, "kmemsim show: %s\n", error->message);
                return g_error_matches(error, RECORD_ERROR, RECORD_ERROR_USAGE) ? EXIT_USAGE : EXIT_IO;
        }
        if (result.differs) {
                fprintf(stderr, "kmemsim show: %s differs from its replay, so its state cannot be told\n%s", path,
                        result.difference);
                code = EXIT_DIFFERS;
        } else {
                fputs(text->str, stdout);
                if (fflush(stdout) != 0 || ferror(stdout)) {
                        fprintf(stderr, "kmemsim show: the text could not be written\n");
                        code = EXIT_IO;
                }
        }
        replay_result_clear(&result);
        return code;
}

static int parse_and_run(int argc, char **argv)
{
        g_autofree char *at = NULL;
        const GOptionEntry entries[] = {
                { "at", 0, 0, G_OPTION_ARG_STRING, &at, "12ms, op:1234 or end (default)", "POINT" },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        g_autoptr(GOptionContext) context = g_option_context_new("FILE.db WHAT");
        g_autoptr(GError) error = NULL;
        struct replay_point point;
        gboolean wants_help = FALSE;
        const char *problem;

        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
                wants_help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        g_option_context_set_help_enabled(context, FALSE);
        g_option_context_add_main_entries(context, entries, NULL);
        if (wants_help) {
                g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);

                printf("kmemsim show - the state at any point of a recording\n\n%s\n\n%s", examples, help);
                return EXIT_OK;
        }
        if (!g_option_context_parse(context, &argc, &argv, &error))
                return usage("%s", error->message);
        if (argc < 2)
                return usage("FILE.db is missing (kmemsim show --help shows examples)");
        if (argc < 3)
                return usage("show what? slabinfo, buddyinfo, zoneinfo or magazines");
        if (argc > 3)
                return usage("one text at a time");
        if (!g_strv_contains(proc_names, argv[2]))
                return usage("there is no \"%s\"; there are slabinfo, buddyinfo, zoneinfo, magazines", argv[2]);
        problem = parse_point(at != NULL ? at : "end", &point);
        if (problem != NULL)
                return usage("--at %s %s", at, problem);
        return show_file(argv[1], argv[2], &point);
}

int cmd_show(int argc, char **argv)
{
        g_autofree char **words = g_memdup2(argv, ((gsize)argc + 1) * sizeof(*argv)); /* GOption takes out what it knows */
        int code = parse_and_run(argc, words);

        if (code != EXIT_OK)
                say_repeat(argc, argv);
        return code;
}
