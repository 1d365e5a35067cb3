/*
 * common.c - what the commands share: where the data is, options and help, messages, and the last line of a failure.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "script/scenario.h"
#include "sim_config.h"

#define PROGRESS_TERMINAL_US (200 * 1000)
#define PROGRESS_LINE_US     (10 * 1000 * 1000)

/*
 * In this order: $KMEMSIM_DATADIR; the checkout whose build folder the program runs from; the installed folder; the
 * checkout it was built from.
 */
char *data_dir(const char *sub)
{
        const char *set = g_getenv("KMEMSIM_DATADIR");
        g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
        char *found;

        if (set)
                return g_build_filename(set, sub, NULL);
        if (program) { /* CHECKOUT/build/sim/kmemsim */
                g_autofree char *sim = g_path_get_dirname(program);
                g_autofree char *build = g_path_get_dirname(sim);
                g_autofree char *top = g_path_get_dirname(build);
                g_autofree char *marker = g_build_filename(top, "sim", "cli", "main.c", NULL);

                if (g_file_test(marker, G_FILE_TEST_EXISTS))
                        return g_build_filename(top, sub, NULL);
        }
        found = g_build_filename(KMEMSIM_DATADIR, sub, NULL);
        if (g_file_test(found, G_FILE_TEST_IS_DIR))
                return found;
        g_free(found);
        return g_build_filename(KMEMSIM_SOURCE_DIR, sub, NULL);
}

const char *const fault_words[FAULT_CAPABILITY_COUNT] = { [FAULT_SLAB] = "slab", [FAULT_PAGE] = "page" };

int fault_parse(const char *text, uint32_t at[FAULT_CAPABILITY_COUNT])
{
        for (int i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                size_t length = strlen(fault_words[i]);
                guint64 number;

                if (strncmp(text, fault_words[i], length) != 0 || text[length] != ':')
                        continue;
                if (!g_ascii_string_to_unsigned(text + length + 1, 10, 1, UINT32_MAX - 1, &number, NULL))
                        return 0;
                at[i] = (uint32_t)number;
                return 1;
        }
        return 0;
}

/* -- options and help --------------------------------------------------------------------------------------------- */

enum help_wanted help_take(int *argc, char **argv)
{
        enum help_wanted wanted = HELP_NONE;
        int kept = 0;
        gboolean is_over = FALSE;

        for (int i = 0; i < *argc; i++) {
                is_over |= strcmp(argv[i], "--") == 0;
                if (!is_over && strcmp(argv[i], "--help") == 0)
                        wanted = HELP_LONG;
                else if (!is_over && strcmp(argv[i], "-h") == 0)
                        wanted = MAX(wanted, HELP_SHORT);
                else
                        argv[kept++] = argv[i];
        }
        *argc = kept;
        argv[kept] = NULL;
        return wanted;
}

/* help_take() has been there: only the text of the help knows these two. */
static GOptionContext *options_new(const char *arguments, const GOptionEntry *entries, gboolean for_help)
{
        static gboolean unused;
        static const GOptionEntry help_entries[] = {
                { "help", 'h', 0, G_OPTION_ARG_NONE, &unused, "these options; --help: examples first", NULL },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        GOptionContext *context = g_option_context_new(arguments);

        g_option_context_set_help_enabled(context, FALSE);
        g_option_context_add_main_entries(context, entries, NULL);
        if (for_help)
                g_option_context_add_main_entries(context, help_entries, NULL);
        return context;
}

void help_print(const struct command_help *help, const GOptionEntry *entries, enum help_wanted wanted)
{
        g_autoptr(GOptionContext) context = options_new(help->arguments, entries, TRUE);
        g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
        g_auto(GStrv) parts = g_strsplit(text, "\342\200\246", -1); /* GLib's ellipsis */
        g_autofree char *ascii = g_strjoinv("...", parts);

        if (wanted == HELP_LONG)
                printf("kmemsim %s - %s\n\n%s\n\n", help->name, help->what, help->examples);
        fputs(ascii, stdout);
        if (wanted == HELP_LONG && help->notes)
                fputs(help->notes, stdout);
}

gboolean options_take(const GOptionEntry *entries, int *argc, char **argv, GError **error)
{
        g_autoptr(GOptionContext) context = options_new(NULL, entries, FALSE);

        return g_option_context_parse(context, argc, &argv, error);
}

int options_parse(const struct command_help *help, const GOptionEntry *entries, int *argc, char **argv)
{
        enum help_wanted wanted = help_take(argc, argv);
        g_autoptr(GError) error = NULL;

        if (wanted) {
                help_print(help, entries, wanted);
                return EXIT_OK;
        }
        return options_take(entries, argc, argv, &error) ? -1 : usage_error(help, "%s", error->message);
}

/* -- messages ----------------------------------------------------------------------------------------------------- */

static void say_line(const char *command, const char *format, va_list arguments)
{
        fprintf(stderr, "kmemsim %s: ", command);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
}

int usage_error(const struct command_help *help, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        say_line(help->name, format, arguments);
        va_end(arguments);
        return EXIT_USAGE;
}

struct messages messages_of(const char *command)
{
        gboolean on_terminal = isatty(STDERR_FILENO);

        return (struct messages){ .command = command,
                                  .on_terminal = on_terminal,
                                  .every_us = on_terminal ? PROGRESS_TERMINAL_US : PROGRESS_LINE_US };
}

void say(struct messages *messages, const char *format, ...)
{
        va_list arguments;

        progress_clear(messages);
        va_start(arguments, format);
        say_line(messages->command, format, arguments);
        va_end(arguments);
}

void progress_begin(struct messages *messages)
{
        messages->next_us = g_get_monotonic_time() + messages->every_us;
}

gboolean progress_is_due(struct messages *messages)
{
        gint64 now_us = g_get_monotonic_time();

        if (now_us < messages->next_us)
                return FALSE;
        messages->next_us = now_us + messages->every_us;
        return TRUE;
}

/* Of standard error; a line that is longer would not be rewritten but scroll. */
static int terminal_columns(void)
{
        struct winsize size;

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void progress_show(struct messages *messages, const char *format, ...)
{
        g_autofree char *text = NULL;
        g_autofree char *line = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        line = g_strdup_printf("%s: %s", messages->command, text);
        messages->progress_shown = messages->on_terminal;
        if (!messages->on_terminal)
                fprintf(stderr, "%s\n", line);
        else
                fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, line);
}

void progress_clear(struct messages *messages)
{
        if (messages->progress_shown)
                fputs("\r\033[K", stderr);
        messages->progress_shown = FALSE;
}

/* -- interruptions ------------------------------------------------------------------------------------------------- */

volatile sig_atomic_t stop_asked;

static gboolean later_one_ends;
static struct timespec first_asked;

static void on_stop(int signal_number)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        if (stop_asked == 0) {
                first_asked = now;
        } else if (later_one_ends && now.tv_sec - first_asked.tv_sec > 1) {
                signal(signal_number, SIG_DFL);
                raise(signal_number);
        }
        stop_asked = signal_number;
}

void stop_watch(gboolean later_ends)
{
        struct sigaction action = { .sa_handler = on_stop }, before; /* no SA_RESTART: waitpid returns */

        later_one_ends = later_ends;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
                sigaction(SIGHUP, &action, NULL);
}

/* -- failures ----------------------------------------------------------------------------------------------------- */

const char *command_name(void)
{
        const char *name = g_getenv("KMEMSIM_COMMAND");

        return name != NULL && name[0] != '\0' ? name : "kmemsim";
}

int scenario_exit_code(const GError *error)
{
        static const int codes[] = {
                [SCENARIO_ERROR_USAGE] = EXIT_USAGE,
                [SCENARIO_ERROR_SCRIPT] = EXIT_SCENARIO,
                [SCENARIO_ERROR_FILE] = EXIT_IO,
                [SCENARIO_ERROR_SIMULATED] = EXIT_SIMULATED,
                [SCENARIO_ERROR_EXPECTATION] = EXIT_INVARIANT,
                [SCENARIO_ERROR_INTERRUPTED] = EXIT_INTERRUPTED,
        };

        return error->domain == SCENARIO_ERROR ? codes[error->code] : EXIT_IO;
}

char *repeat_text(int argc, char **argv)
{
        GString *text = g_string_new(command_name());

        for (int i = 0; i < argc; i++) {
                g_autofree char *quoted = NULL;

                if (argv[i][0] && argv[i][strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                          "0123456789_-./=+:,@%")] == '\0') {
                        g_string_append_printf(text, " %s", argv[i]);
                        continue;
                }
                quoted = g_shell_quote(argv[i]);
                g_string_append_printf(text, " %s", quoted);
        }
        return g_string_free(text, FALSE);
}

void say_repeat(int argc, char **argv)
{
        g_autofree char *text = repeat_text(argc, argv);

        fprintf(stderr, "repeat with: %s\n", text);
}

int command_run(int argc, char **argv, int (*carry_out)(int argc, char **argv), int answer)
{
        g_autofree char **words = g_memdup2(argv, ((gsize)argc + 1) * sizeof(*argv));
        int code = carry_out(argc, words);

        if (code != EXIT_OK && code != answer)
                say_repeat(argc, argv);
        return code;
}
