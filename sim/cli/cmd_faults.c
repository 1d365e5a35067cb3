/*
 * cmd_faults.c - kmemsim faults SCENARIO.lua: request number 1 fails, then 2, then 3, ..., one run each.
 *
 * A first run without a fault counts the requests for pages and for objects that could fail. Then each of them fails in
 * a run of its own; the runs are equal up to that request, so that all numbers exist. After each run every structure is
 * recounted. A run is a child process, since a failed CHECK ends its process; as many go side by side as there are
 * CPUs. Results are reported in order of number, whichever run ended first.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "observe/observer.h"
#include "script/figures.h"
#include "script/scenario.h"

#define JOBS_MAX      64
#define MESSAGE_BYTES 480

static const char examples[] =
        "Examples:\n"
        "  kmemsim faults scenarios/fault_sweep.lua                 every request for pages and objects, "
        "one failure each\n"
        "  kmemsim faults scenarios/fault_sweep.lua --kind page     those for pages alone\n"
        "  kmemsim faults scenarios/quickstart.lua --kind page --from 1 --to 200\n"
        "  kmemsim run scenarios/fault_sweep.lua --fault page:3     one of these runs, recorded";

static const char exit_codes[] =
        "Requests with __GFP_NOFAIL are not counted and never fail; all others do, those that may wait as well.\n"
        "\n"
        "Exit codes: 0 every run ended well, 2 usage, 3 a run ended in a scenario error, 4 a file cannot be read, "
        "10 a run left a\n"
        "broken invariant or expectation, 11 a run ended in a simulated failure that the scenario did not handle, 130\n"
        "interrupted. Of several, the first of: broken invariant, simulated failure, scenario error, "
        "broken expectation.\n";

static const struct command_help help = {
        .name = "faults",
        .what = "fail each request of a scenario in turn, one run each",
        .arguments = "SCENARIO.lua",
        .examples = examples,
        .notes = exit_codes,
};

/* How a run ended, the worst first. */
enum ending { END_INVARIANT, END_SIMULATED, END_SCRIPT, END_EXPECTATION, END_GOOD, END_COUNT };

static const struct {
        const char *words, *key;
        int exit_code;
} endings[END_COUNT] = {
        [END_INVARIANT] = { "broken invariant", "broken_invariant", EXIT_INVARIANT },
        [END_SIMULATED] = { "simulated failure", "simulated_failure", EXIT_SIMULATED },
        [END_SCRIPT] = { "scenario error", "scenario_error", EXIT_SCENARIO },
        [END_EXPECTATION] = { "broken expectation", "broken_expectation", EXIT_INVARIANT },
        [END_GOOD] = { "handled", "handled", EXIT_OK },
};

/* What a child writes into the memory it shares with us. */
struct outcome {
        uint32_t is_complete; /* else the process died before */
        int32_t code;         /* exit code as of `run` */
        uint64_t asked[FAULT_CAPABILITY_COUNT], injected[FAULT_CAPABILITY_COUNT];
        char message[MESSAGE_BYTES];
};

struct fault {
        enum fault_capability capability;
        uint32_t number;
        enum ending ending;
        char *message; /* NULL: handled */
};

struct job {
        pid_t pid; /* 0: none */
        guint fault;
        int errors; /* memory file with its standard error */
};

struct faults {
        int argc;
        char **argv;
        char *scenario_path;
        char **settings;
        uint64_t seed;
        gboolean wanted[FAULT_CAPABILITY_COUNT];
        uint32_t from, to, job_count;
        gboolean as_json;

        struct outcome *shared; /* by job, then one for the first run */
        struct job jobs[JOBS_MAX];
        uint64_t asked[FAULT_CAPABILITY_COUNT];
        GArray *faults; /* struct fault, in the order they are reported */
        guint next, done;
        uint32_t count[END_COUNT];
        struct messages messages;
        gint64 started_us;
};

/* -- messages ----------------------------------------------------------------------------------------------------- */

static int fail(struct faults *faults, int code)
{
        progress_clear(&faults->messages);
        say_repeat(faults->argc, faults->argv);
        return code;
}

static void show_progress(struct faults *faults)
{
        uint32_t count = faults->faults->len;
        gint64 wall_us = g_get_monotonic_time() - faults->started_us;

        if (progress_is_due(&faults->messages)) /* one run at least is done */
                progress_show(&faults->messages, "%u of %u runs, %u not handled, about %" G_GINT64_FORMAT " s left",
                              faults->done, count, faults->done - faults->count[END_GOOD],
                              wall_us * (count - faults->done) / faults->done / 1000000);
}

/* -- one run, in its own process ---------------------------------------------------------------------------------- */

static void ignore_line(const char *line, void *context)
{
        (void)line, (void)context;
}

static void set_message(struct outcome *outcome, int code, const char *message)
{
        outcome->code = code;
        g_strlcpy(outcome->message, message, sizeof(outcome->message));
}

static void run_one(const struct faults *faults, enum fault_capability capability, uint32_t number,
                    struct outcome *outcome)
{
        g_autofree char *library = data_dir("lua");
        struct scenario_options options = { .seed = faults->seed, .settings = (const char *const *)faults->settings,
                                            .library = library, .stop = &stop_asked, .message = ignore_line };
        g_autoptr(GError) error = NULL;
        struct observer *observer;
        struct scenario *scenario;
        struct figures *figures;
        const char *problem;
        struct sim *sim;

        sandbox_limits_default(&options.limits);
        if (number)
                options.fault_at[capability] = number;
        else /* count both */
                options.fault_at[FAULT_SLAB] = options.fault_at[FAULT_PAGE] = UINT32_MAX;
        scenario = scenario_load(faults->scenario_path, &options, &error);
        if (!scenario) {
                set_message(outcome, scenario_exit_code(error), error->message);
                return;
        }
        observer = observer_new();
        sim = sim_create(scenario_config(scenario), observer_tape(observer), &problem);
        if (!sim) {
                set_message(outcome, EXIT_SCENARIO, problem);
                return;
        }
        observer_start(observer, sim, NULL);
        if (!scenario_run(scenario, sim, observer, NULL, &error))
                set_message(outcome, scenario_exit_code(error), error->message);
        g_clear_error(&error);
        observer_end(observer);
        figures = figures_new(sim, observer);
        problem = sim_audit(sim);
        if (problem)
                set_message(outcome, EXIT_INTERNAL, problem);
        else if (outcome->code == EXIT_OK && !scenario_expect(scenario, figures, &error))
                set_message(outcome, scenario_exit_code(error), error->message);
        memcpy(outcome->asked, figures->faults_asked, sizeof(outcome->asked));
        memcpy(outcome->injected, figures->faults_injected, sizeof(outcome->injected));
} /* the process ends: nothing is freed */

/* Starts a process for one run; number 0: no fault. */
static gboolean start(struct faults *faults, uint32_t slot, enum fault_capability capability, uint32_t number)
{
        struct outcome *outcome = &faults->shared[slot];
        struct job *job = &faults->jobs[slot];

        memset(outcome, 0, sizeof(*outcome));
        job->errors = memfd_create("errors", MFD_CLOEXEC);
        fflush(NULL);
        job->pid = job->errors < 0 ? -1 : fork();
        if (job->pid < 0) {
                say(&faults->messages, "a process cannot be made: %s", g_strerror(errno));
                job->pid = 0;
                return FALSE;
        }
        if (job->pid > 0)
                return TRUE;
        signal(SIGINT, SIG_IGN); /* the parent ends us */
        dup2(job->errors, STDERR_FILENO);
        dup2(job->errors, STDOUT_FILENO);
        run_one(faults, capability, number, outcome);
        outcome->is_complete = 1;
        _exit(EXIT_OK);
}

/* -- results ------------------------------------------------------------------------------------------------------ */

static enum ending ending_of(const struct outcome *outcome)
{
        if (!outcome->is_complete || outcome->code == EXIT_INTERNAL)
                return END_INVARIANT;
        switch (outcome->code) {
        case EXIT_OK: return END_GOOD;
        case EXIT_SIMULATED: return END_SIMULATED;
        case EXIT_INVARIANT: return END_EXPECTATION;
        default: return END_SCRIPT;
        }
}

/* What a process that died said last. */
static char *last_words(const struct job *job, int status)
{
        char text[4096];
        ssize_t length = pread(job->errors, text, sizeof(text) - 1, 0);
        g_autofree char *shown = NULL;

        text[MAX(length, 0)] = '\0';
        shown = g_strndup(text, strcspn(text, "\n"));
        if (*shown)
                return g_strdup(shown);
        return WIFSIGNALED(status) ? g_strdup_printf("the process was ended by signal %d", WTERMSIG(status)) :
                                     g_strdup_printf("the process ended with code %d", WEXITSTATUS(status));
}

/* One line of it. */
static char *one_line(const char *message)
{
        static const char known[] = "expectation broken: ";

        if (g_str_has_prefix(message, known))
                message += strlen(known);
        return g_strndup(message, strcspn(message, "\n"));
}

/* Waits for a process to end and keeps its result. Returns its slot; -1: interrupted, or none is left. */
static int collect(struct faults *faults)
{
        int status;
        pid_t pid = waitpid(-1, &status, 0);

        for (uint32_t slot = 0; pid > 0 && slot <= faults->job_count; slot++) {
                struct job *job = &faults->jobs[slot];
                const struct outcome *outcome = &faults->shared[slot];

                if (job->pid != pid)
                        continue;
                job->pid = 0;
                if (slot < faults->job_count) {
                        struct fault *fault = &g_array_index(faults->faults, struct fault, job->fault);

                        fault->ending = ending_of(outcome);
                        if (fault->ending != END_GOOD)
                                fault->message = outcome->is_complete ? one_line(outcome->message)
                                                                      : last_words(job, status);
                        faults->count[fault->ending]++;
                        faults->done++;
                }
                close(job->errors);
                return (int)slot;
        }
        return -1;
}

static void end_all(struct faults *faults)
{
        for (uint32_t slot = 0; slot <= faults->job_count; slot++) {
                struct job *job = &faults->jobs[slot];

                if (job->pid <= 0)
                        continue;
                kill(job->pid, SIGKILL);
                while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
                job->pid = 0;
        }
}

/* The run without a fault: how many requests there are. -1: it ended well; else an exit code. */
static int count_requests(struct faults *faults)
{
        const struct outcome *outcome = &faults->shared[faults->job_count];

        if (!start(faults, faults->job_count, FAULT_PAGE, 0))
                return fail(faults, EXIT_INTERNAL);
        while (collect(faults) < 0) {
                if (stop_asked) {
                        end_all(faults);
                        return fail(faults, EXIT_INTERRUPTED);
                }
        }
        if (outcome->is_complete && (outcome->code == EXIT_IO || outcome->code == EXIT_USAGE)) {
                say(&faults->messages, "%s", outcome->message);
                return fail(faults, outcome->code);
        }
        if (!outcome->is_complete || outcome->code != EXIT_OK) {
                say(&faults->messages, "%s does not end well without any fault: %s", faults->scenario_path,
                    outcome->is_complete ? outcome->message : "a broken invariant (see kmemsim run)");
                return fail(faults,
                            outcome->is_complete && outcome->code != EXIT_INTERNAL ? outcome->code : EXIT_INVARIANT);
        }
        memcpy(faults->asked, outcome->asked, sizeof(faults->asked));
        return -1;
}

static void list_faults(struct faults *faults)
{
        static const enum fault_capability order[] = { FAULT_PAGE, FAULT_SLAB };

        for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
                enum fault_capability capability = order[i];

                for (uint64_t number = faults->from;
                     faults->wanted[capability] && number <= MIN(faults->asked[capability], faults->to); number++) {
                        struct fault fault = { .capability = capability,
                                               .number = (uint32_t)number,
                                               .ending = END_GOOD };

                        g_array_append_val(faults->faults, fault);
                }
        }
}

/* FALSE: interrupted, or no more processes can be made. */
static gboolean run_all(struct faults *faults)
{
        uint32_t running = 0;

        for (uint32_t slot = 0; slot < faults->job_count && faults->next < faults->faults->len; slot++, running++) {
                const struct fault *fault = &g_array_index(faults->faults, struct fault, faults->next);

                faults->jobs[slot].fault = faults->next++;
                if (!start(faults, slot, fault->capability, fault->number))
                        return FALSE;
        }
        while (running > 0) {
                int slot = collect(faults);

                if (stop_asked)
                        return FALSE;
                if (slot < 0)
                        continue;
                show_progress(faults);
                if (faults->next == faults->faults->len) {
                        running--;
                        continue;
                }
                faults->jobs[slot].fault = faults->next++;
                if (!start(faults, (uint32_t)slot,
                           g_array_index(faults->faults, struct fault, faults->next - 1).capability,
                           g_array_index(faults->faults, struct fault, faults->next - 1).number))
                        return FALSE;
        }
        return TRUE;
}

/* -- report ------------------------------------------------------------------------------------------------------- */

/* The command that makes one of the runs. Newly allocated. */
static char *command_of(const struct faults *faults, const struct fault *fault)
{
        g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

        g_ptr_array_add(words, g_strdup("run"));
        g_ptr_array_add(words, g_strdup(faults->scenario_path));
        for (char **setting = faults->settings; setting && *setting; setting++) {
                g_ptr_array_add(words, g_strdup("--set"));
                g_ptr_array_add(words, g_strdup(*setting));
        }
        g_ptr_array_add(words, g_strdup("--seed"));
        g_ptr_array_add(words, g_strdup_printf("%" PRIu64, faults->seed));
        g_ptr_array_add(words, g_strdup("--fault"));
        g_ptr_array_add(words, g_strdup_printf("%s:%u", fault_words[fault->capability], fault->number));
        return repeat_text((int)words->len, (char **)words->pdata);
}

static void print_table(const struct faults *faults)
{
        printf("scenario   %s, seed %" PRIu64 ": %" PRIu64 " requests for pages, %" PRIu64 " for objects\n",
               faults->scenario_path, faults->seed, faults->asked[FAULT_PAGE], faults->asked[FAULT_SLAB]);
        printf("runs       %u with one fault each: %u handled", faults->done, faults->count[END_GOOD]);
        for (int ending = 0; ending < END_GOOD; ending++)
                printf(", %u %s%s", faults->count[ending], endings[ending].words,
                       faults->count[ending] == 1 ? "" : "s");
        printf("\n");
        for (guint i = 0; i < faults->faults->len; i++) {
                const struct fault *fault = &g_array_index(faults->faults, struct fault, i);
                g_autofree char *name = NULL, *command = NULL;

                if (!fault->message)
                        continue;
                name = g_strdup_printf("%s:%u", fault_words[fault->capability], fault->number);
                command = command_of(faults, fault);
                printf("%-10s %s: %s\n           %s\n", name, endings[fault->ending].words, fault->message, command);
        }
}

static void print_json_text(const char *text)
{
        putchar('"');
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        printf("\\%c", *text);
                else if ((unsigned char)*text < 0x20)
                        printf("\\u%04x", (unsigned)*text);
                else
                        putchar(*text);
        }
        putchar('"');
}

static void print_json(const struct faults *faults)
{
        gboolean first = TRUE;

        printf("{\"scenario\": ");
        print_json_text(faults->scenario_path);
        printf(", \"seed\": %" PRIu64 ", \"page_requests\": %" PRIu64 ", \"slab_requests\": %" PRIu64 ", \"runs\": %u",
               faults->seed, faults->asked[FAULT_PAGE], faults->asked[FAULT_SLAB], faults->done);
        for (int ending = 0; ending < END_COUNT; ending++)
                printf(", \"%s\": %u", endings[ending].key, faults->count[ending]);
        printf(", \"not_handled\": [");
        for (guint i = 0; i < faults->faults->len; i++) {
                const struct fault *fault = &g_array_index(faults->faults, struct fault, i);
                g_autofree char *command = NULL;

                if (!fault->message)
                        continue;
                command = command_of(faults, fault);
                printf("%s\n  {\"kind\": \"%s\", \"number\": %u, \"ending\": \"%s\", \"message\": ", first ? "" : ",",
                       fault_words[fault->capability], fault->number, endings[fault->ending].key);
                print_json_text(fault->message);
                printf(", \"repeat\": ");
                print_json_text(command);
                printf("}");
                first = FALSE;
        }
        printf("]}\n");
}

/* -- options ------------------------------------------------------------------------------------------------------ */

struct option_words {
        char *seed, *kind, *from, *to, *jobs;
};

static gboolean read_number(const char *option, const char *word, uint64_t min, uint64_t max, uint32_t *ret,
                            GError **error)
{
        guint64 number;

        if (!word)
                return TRUE;
        if (!g_ascii_string_to_unsigned(word, 10, min, max, &number, NULL)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "%s is a whole number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", option, min, max, word);
                return FALSE;
        }
        *ret = (uint32_t)number;
        return TRUE;
}

static gboolean read_words(struct faults *faults, const struct option_words *words, GError **error)
{
        const char *kind = words->kind ? words->kind : "both";

        faults->seed = 1;
        faults->from = 1;
        faults->to = UINT32_MAX - 1;
        faults->job_count = MIN(g_get_num_processors(), JOBS_MAX - 1);
        if (words->seed && !g_ascii_string_to_unsigned(words->seed, 10, 0, G_MAXUINT64, &faults->seed, NULL)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "--seed is a whole number, 0 or more, not \"%s\"", words->seed);
                return FALSE;
        }
        faults->wanted[FAULT_PAGE] = strcmp(kind, "slab") != 0;
        faults->wanted[FAULT_SLAB] = strcmp(kind, "page") != 0;
        if (strcmp(kind, "page") != 0 && strcmp(kind, "slab") != 0 && strcmp(kind, "both") != 0) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--kind is page, slab or both, not \"%s\"",
                            kind);
                return FALSE;
        }
        return read_number("--from", words->from, 1, UINT32_MAX - 1, &faults->from, error) &&
               read_number("--to", words->to, faults->from, UINT32_MAX - 1, &faults->to, error) &&
               read_number("--jobs", words->jobs, 1, JOBS_MAX - 1, &faults->job_count, error);
}

/* -1: go on; else the exit code. */
static int parse_options(struct faults *faults, int argc, char **argv)
{
        struct option_words words = { 0 };
        gboolean good;
        int code;
        const GOptionEntry entries[] = {
                { "kind", 0, 0, G_OPTION_ARG_STRING, &words.kind, "requests that fail (default: both)",
                  "page|slab|both" },
                { "from", 0, 0, G_OPTION_ARG_STRING, &words.from, "first number (default: 1)", "N" },
                { "to", 0, 0, G_OPTION_ARG_STRING, &words.to, "last number (default: as many as there are)", "N" },
                { "seed", 0, 0, G_OPTION_ARG_STRING, &words.seed, "of all random numbers (default: 1)", "N" },
                { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &faults->settings, "as of run; may be repeated",
                  "KEY=VALUE" },
                { "jobs", 0, 0, G_OPTION_ARG_STRING, &words.jobs, "runs side by side (default: one for each CPU)",
                  "N" },
                { "json", 0, 0, G_OPTION_ARG_NONE, &faults->as_json, "the result as one JSON object", NULL },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        g_autoptr(GError) error = NULL;
        g_autofree char **left = g_memdup2(argv, ((gsize)argc + 1) * sizeof(char *));

        code = options_parse(&help, entries, &argc, left);
        good = code < 0 && read_words(faults, &words, &error);
        g_free(words.seed);
        g_free(words.kind);
        g_free(words.from);
        g_free(words.to);
        g_free(words.jobs);
        if (code >= 0)
                return code == EXIT_OK ? code : fail(faults, code);
        if (!good) {
                say(&faults->messages, "%s", error->message);
                return fail(faults, EXIT_USAGE);
        }
        if (argc != 2) {
                say(&faults->messages, argc < 2 ? "SCENARIO.lua is missing (kmemsim faults --help shows examples)"
                                                : "one scenario at a time");
                return fail(faults, EXIT_USAGE);
        }
        faults->scenario_path = g_strdup(left[1]);
        return -1;
}

static int carry_out(struct faults *faults)
{
        int code = count_requests(faults);
        gboolean is_whole;

        if (code >= 0)
                return code;
        list_faults(faults);
        faults->started_us = g_get_monotonic_time();
        progress_begin(&faults->messages);
        is_whole = run_all(faults);
        end_all(faults);
        progress_clear(&faults->messages);
        if (faults->as_json)
                print_json(faults);
        else
                print_table(faults);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                say(&faults->messages, "standard output: %s", g_strerror(errno));
                return fail(faults, EXIT_IO);
        }
        if (!is_whole)
                say(&faults->messages, "interrupted after %u of %u runs", faults->done, faults->faults->len);
        if (!is_whole)
                return fail(faults, stop_asked ? EXIT_INTERRUPTED : EXIT_INTERNAL);
        for (int ending = 0; ending < END_GOOD; ending++)
                if (faults->count[ending] > 0)
                        return fail(faults, endings[ending].exit_code);
        return EXIT_OK;
}

static void clear_fault(void *data)
{
        g_free(((struct fault *)data)->message);
}

int cmd_faults(int argc, char **argv)
{
        struct faults faults = { .argc = argc, .argv = argv, .messages = messages_of("faults") };
        size_t bytes;
        int code = parse_options(&faults, argc, argv);

        if (code < 0) {
                stop_watch(FALSE);
                bytes = (faults.job_count + 1) * sizeof(struct outcome);
                faults.shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
                if (faults.shared == MAP_FAILED)
                        g_error("no memory for %u runs", faults.job_count);
                faults.faults = g_array_new(FALSE, FALSE, sizeof(struct fault));
                g_array_set_clear_func(faults.faults, clear_fault);
                code = carry_out(&faults);
                munmap(faults.shared, bytes);
                g_array_unref(faults.faults);
        }
        g_strfreev(faults.settings);
        g_free(faults.scenario_path);
        return code;
}
