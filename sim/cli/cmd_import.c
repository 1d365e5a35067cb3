/*
 * cmd_import.c - kmemsim import TRACE [-o FILE.ops]
 *
 * Puts the figures of the trace on standard output and the ops into a file. The file is written under another name
 * beside its place and moved there when it is whole, so an import that is stopped leaves no half file and takes nothing
 * away. Something that is no regular file (a pipe, /dev/stdout) is written to as it is.
 */
#include "cli/cli.h"
#include "import/import.h"
#include "import/ops_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOP_DEFAULT 6
#define TSC_KHZ_MAX 100000000 /* 100 GHz */

static const char examples[] =
        "Examples:\n"
        "  kmemsim import trace.txt                      ops into trace.ops, figures on standard output\n"
        "  kmemsim import trace.dat.txt.xz -o t.ops      plain, .gz, .xz, .bz2 and .zst are read alike\n"
        "  kmemsim import -n --json trace.txt            figures alone, as JSON\n"
        "  perf script --ns | kmemsim import - -o t.ops  what perf recorded\n"
        "  kmemsim ops t.ops                             run the ops\n"
        "\n"
        "TRACE is what `cat /sys/kernel/tracing/trace`, `trace-cmd report` or `perf script` prints, with the kmem\n"
        "events kmalloc, kfree, kmem_cache_alloc, kmem_cache_free, mm_page_alloc and mm_page_free switched on. Its\n"
        "format is found out. A line that cannot be read is counted and does not stop the import.";

static const struct command_help help = {
        .name = "import",
        .what = "turn a kernel trace text into ops",
        .arguments = "TRACE",
        .examples = examples,
};

struct command {
        int argc; /* as it was typed */
        char **argv;
        char *path, *output_path;
        char *pages_word, *page_offset_word, *progress_word;
        gboolean force, no_output, json;
        gint cpus, mem_mib, top_count;
        gint64 tsc_khz;
        struct import_options options;
        int output_fd;
        struct messages messages;
};

static int fail(struct command *command, int status)
{
        progress_clear(&command->messages);
        say_repeat(command->argc, command->argv);
        return status;
}

static bool show_progress(const struct import_progress *progress, void *data)
{
        struct command *command = data;
        g_autofree char *where = NULL;

        if (stop_asked)
                return false;
        if (!progress_is_due(&command->messages))
                return true;
        if (!progress->is_writing && progress->bytes_total)
                where = g_strdup_printf(", %" G_GUINT64_FORMAT " %% of the file",
                                        progress->bytes_read * 100 / progress->bytes_total);
        progress_show(&command->messages, "%" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT " M events%s",
                      progress->events / 1000000, progress->events / 100000 % 10,
                      progress->is_writing ? ", writing" : where ? where : "");
        return true;
}

/* trace.ftrace.txt.xz -> trace.ftrace.ops */
static char *default_output(const char *path)
{
        static const char *const packed[] = { ".xz", ".gz", ".bz2", ".zst" };
        g_autofree char *name = strcmp(path, "-") == 0 ? g_strdup("trace") : g_path_get_basename(path);

        for (size_t i = 0; i < G_N_ELEMENTS(packed); i++) {
                if (g_str_has_suffix(name, packed[i]) && strlen(name) > strlen(packed[i])) {
                        name[strlen(name) - strlen(packed[i])] = '\0';
                        break;
                }
        }
        if (g_str_has_suffix(name, ".txt") && strlen(name) > strlen(".txt"))
                name[strlen(name) - strlen(".txt")] = '\0';
        return g_strconcat(name, ".ops", NULL);
}

static bool parse_words(struct command *command, GError **error)
{
        char *end = NULL;

        if (!command->pages_word || strcmp(command->pages_word, "user") == 0)
                command->options.pages = IMPORT_PAGES_USER;
        else if (strcmp(command->pages_word, "none") == 0)
                command->options.pages = IMPORT_PAGES_NONE;
        else if (strcmp(command->pages_word, "all") == 0)
                command->options.pages = IMPORT_PAGES_ALL;
        else {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--pages is none, user or all, not \"%s\"",
                            command->pages_word);
                return false;
        }
        if (command->cpus < 0 || command->cpus > (int)OPS_CPUS_MAX) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--cpus is 1 to %u, not %d", OPS_CPUS_MAX,
                            command->cpus);
                return false;
        }
        if (command->mem_mib != 0 && (command->mem_mib < 8 || command->mem_mib > 65536)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--mem-mib is 8 to 65536, not %d",
                            command->mem_mib);
                return false;
        }
        if (command->top_count < 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--top is 0 or more, not %d",
                            command->top_count);
                return false;
        }
        if (command->tsc_khz < 0 || command->tsc_khz > TSC_KHZ_MAX) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--tsc-khz is 1 to %d", TSC_KHZ_MAX);
                return false;
        }
        if (command->page_offset_word) {
                errno = 0;
                command->options.page_offset = g_ascii_strtoull(command->page_offset_word, &end, 16);
                if (errno || *end || command->options.page_offset == 0) {
                        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                                    "--page-offset is a hexadecimal address, not \"%s\"", command->page_offset_word);
                        return false;
                }
        }
        command->options.cpus = (unsigned)command->cpus;
        command->options.mem_mib = (unsigned)command->mem_mib;
        command->options.tsc_khz = (uint64_t)command->tsc_khz;
        return true;
}

static bool parse_progress(struct command *command, GError **error)
{
        const char *word = command->progress_word ? command->progress_word : "auto";

        progress_begin(&command->messages);
        if (strcmp(word, "none") == 0)
                command->messages.next_us = G_MAXINT64;
        else if (strcmp(word, "auto") != 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--progress is auto or none, not \"%s\"",
                            word);
                return false;
        }
        command->options.progress = show_progress;
        command->options.progress_data = command;
        return true;
}

static int parse_command(struct command *command, int argc, char **argv)
{
        const GOptionEntry entries[] = {
                { "output", 'o', 0, G_OPTION_ARG_FILENAME, &command->output_path,
                  "where the ops go; - is standard output (default: name of the trace with .ops, in this folder)",
                  "FILE.ops" },
                { "force", 0, 0, G_OPTION_ARG_NONE, &command->force, "overwrite FILE.ops", NULL },
                { "no-output", 'n', 0, G_OPTION_ARG_NONE, &command->no_output, "figures alone, no ops", NULL },
                { "json", 0, 0, G_OPTION_ARG_NONE, &command->json, "figures as JSON, with all caches and call sites",
                  NULL },
                { "top", 0, 0, G_OPTION_ARG_INT, &command->top_count,
                  "so many caches and call sites of each kind among the figures (default: 6)", "N" },
                { "pages", 0, 0, G_OPTION_ARG_STRING, &command->pages_word,
                  "which page blocks become ops: user (default; not those of slabs and of large kmallocs), none, all",
                  "WHICH" },
                { "page-offset", 0, 0, G_OPTION_ARG_STRING, &command->page_offset_word,
                  "where the kernel's linear mapping begins (default: found out)", "ADDRESS" },
                { "cpus", 0, 0, G_OPTION_ARG_INT, &command->cpus,
                  "CPUs of the machine (default: those of the trace, at most 8)", "N" },
                { "mem-mib", 0, 0, G_OPTION_ARG_INT, &command->mem_mib, "memory of the machine (default: 2048)",
                  "MIB" },
                { "tsc-khz", 0, 0, G_OPTION_ARG_INT64, &command->tsc_khz,
                  "ticks per millisecond, for traces with the x86-tsc clock (default: times are event numbers)", "N" },
                { "progress", 0, 0, G_OPTION_ARG_STRING, &command->progress_word, "auto (default) or none", "HOW" },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        g_autoptr(GError) error = NULL;
        int code;

        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code == EXIT_OK ? code : fail(command, code);
        if (!parse_words(command, &error) || !parse_progress(command, &error)) {
                say(&command->messages, "%s", error->message);
                return fail(command, EXIT_USAGE);
        }
        if (argc != 2) {
                say(&command->messages, argc < 2 ? "TRACE is missing (kmemsim import --help shows examples)"
                                                  : "one TRACE at a time");
                return fail(command, EXIT_USAGE);
        }
        command->path = g_strdup(argv[1]);
        if (command->no_output && command->output_path) {
                say(&command->messages, "--no-output and --output do not go together");
                return fail(command, EXIT_USAGE);
        }
        if (!command->output_path && !command->no_output)
                command->output_path = default_output(command->path);
        return -1;
}

/* An error whose text begins with the name of the file. */
static bool output_error(const struct command *command, int reason, const char *text, GError **error)
{
        g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(reason), "%s: %s",
                    strcmp(command->output_path, "-") == 0 ? "standard output" : command->output_path,
                    text ? text : g_strerror(reason));
        return false;
}

/* Opens the file the ops go to. *ret_temporary is what to rename in the end, NULL if the file is written in place. */
static bool open_output(struct command *command, char **ret_temporary, GError **error)
{
        const char *path = command->output_path;
        struct stat status;
        bool exists = stat(path, &status) == 0;

        if (strcmp(path, "-") == 0) {
                command->output_fd = STDOUT_FILENO;
                return true;
        }
        if (exists && S_ISREG(status.st_mode) && !command->force)
                return output_error(command, EEXIST, "is there already (--force overwrites it)", error);
        if (exists && S_ISDIR(status.st_mode))
                return output_error(command, EISDIR, NULL, error);
        if (exists && !S_ISREG(status.st_mode)) {
                command->output_fd = g_open(path, O_WRONLY | O_CLOEXEC, 0);
        } else {
                *ret_temporary = g_strdup_printf("%s.%d.tmp", path, (int)getpid());
                g_unlink(*ret_temporary); /* of a process that had this number before and was killed */
                command->output_fd = g_open(*ret_temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        }
        if (command->output_fd >= 0)
                return true;
        output_error(command, errno, NULL, error);
        g_clear_pointer(ret_temporary, g_free);
        return false;
}

static bool write_output(void *data, const char *bytes, size_t length, GError **error)
{
        const struct command *command = data;
        ssize_t now;

        for (; length; bytes += now, length -= (size_t)now) {
                now = write(command->output_fd, bytes, length);
                if (now < 0 && errno == EINTR)
                        now = 0;
                if (now < 0)
                        return output_error(command, errno, NULL, error);
        }
        return true;
}

/* Some file systems find out only now that there is no room. */
static bool close_output(struct command *command, GError **error)
{
        int fd = command->output_fd;

        command->output_fd = -1;
        if (fd < 0 || fd == STDOUT_FILENO)
                return true;
        return close(fd) == 0 || output_error(command, errno, NULL, error);
}

static void print_figures(const struct command *command, const struct import_report *report, FILE *to)
{
        g_autoptr(GString) text = g_string_new(NULL);

        if (command->json)
                import_report_print_json(report, text);
        else
                import_report_print(report, (unsigned)command->top_count, text);
        fwrite(text->str, 1, text->len, to);
}

/* The trace becomes the file. *ret_report as in import_trace. */
static bool import_to_output(struct command *command, struct import_report **ret_report, GError **error)
{
        struct ops_sink sink = { write_output, command };
        g_autofree char *temporary = NULL;
        bool good;

        if (!command->output_path)
                return import_trace(command->path, &command->options, NULL, ret_report, error);
        if (!open_output(command, &temporary, error))
                return false;
        good = import_trace(command->path, &command->options, &sink, ret_report, error);
        good = close_output(command, good ? error : NULL) && good;
        if (good && temporary && g_rename(temporary, command->output_path) < 0)
                good = output_error(command, errno, NULL, error);
        if (!good && temporary)
                g_unlink(temporary);
        return good;
}

static int run(struct command *command)
{
        struct import_report *report = NULL;
        g_autoptr(GPtrArray) warnings = NULL;
        g_autoptr(GError) error = NULL;
        bool to_stdout = command->output_path && strcmp(command->output_path, "-") == 0;
        bool good = import_to_output(command, &report, &error);

        progress_clear(&command->messages);
        if (report) {
                warnings = import_report_warnings(report);
                for (unsigned i = 0; i < warnings->len; i++)
                        say(&command->messages, "%s", (const char *)warnings->pdata[i]);
                if (good)
                        print_figures(command, report, to_stdout ? stderr : stdout);
                import_report_free(report);
        }
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
                say(&command->messages, "interrupted, nothing was written");
                return fail(command, EXIT_INTERRUPTED);
        }
        if (good && (fflush(stdout) != 0 || ferror(stdout))) {
                say(&command->messages, "standard output: %s", g_strerror(errno));
                return fail(command, EXIT_IO);
        }
        if (!good) {
                say(&command->messages, "%s", error->message);
                return fail(command, EXIT_IO);
        }
        if (command->output_path && !to_stdout)
                say(&command->messages, "ops are in %s", command->output_path);
        return EXIT_OK;
}

int cmd_import(int argc, char **argv)
{
        struct command command = { .argc = argc, .argv = argv, .top_count = TOP_DEFAULT, .output_fd = -1,
                                   .messages = messages_of("import") };
        g_autofree char **arguments = g_new0(char *, (gsize)argc + 1);
        int status;

        memcpy(arguments, argv, (size_t)argc * sizeof(*argv)); /* GOption takes out what it has understood */
        stop_watch(0);
        status = parse_command(&command, argc, arguments);
        if (status < 0)
                status = run(&command);
        g_free(command.path);
        g_free(command.output_path);
        g_free(command.pages_word);
        g_free(command.page_offset_word);
        g_free(command.progress_word);
        return status;
}
