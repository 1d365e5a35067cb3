#include "support/property.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH_SECONDS 600u /* all seeds together; more is an endless loop */
#define TRIAL_SECONDS 20u

/* What the copy of the process tells. */
struct told {
        uint64_t seed;
        char what[512];
};

static struct prop_op *draw_all(const struct property *property, uint64_t seed)
{
        struct prop_op *ops = g_new0(struct prop_op, property->length);
        struct prng prng;

        prng_init(&prng, seed, prng_stream_of("operations"));
        for (uint32_t i = 0; i < property->length; i++)
                property->draw(&prng, &ops[i]);
        return ops;
}

/* Runs the seeds first..last, or the sequence given, in a copy of the process. True: all hold. */
static bool run_apart(const struct property *property, struct told *told, uint64_t first, uint64_t last,
                      const GArray *given, bool quiet)
{
        pid_t child;
        int status;

        told->what[0] = '\0'; /* before there is a copy that may write there */
        child = fork();
        g_assert_cmpint(child, >=, 0);
        if (child == 0) {
                if (quiet) {
                        int null_fd = open("/dev/null", O_WRONLY);

                        dup2(null_fd, STDERR_FILENO);
                }
                signal(SIGALRM, SIG_DFL);
                alarm(given ? TRIAL_SECONDS : BATCH_SECONDS);
                for (told->seed = first; told->seed <= last; told->seed++) {
                        struct prop_op *ops = given ? NULL : draw_all(property, told->seed);
                        const char *what = given ?
                                property->run(first, (const struct prop_op *)(const void *)given->data, given->len) :
                                property->run(told->seed, ops, property->length);

                        g_free(ops);
                        if (!what)
                                continue;
                        g_strlcpy(told->what, what, sizeof(told->what));
                        _exit(1);
                }
                _exit(0);
        }
        g_assert_cmpint(waitpid(child, &status, 0), ==, child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return true;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                g_strlcpy(told->what, "it does not come to an end", sizeof(told->what));
        else if (!told->what[0])
                g_snprintf(told->what, sizeof(told->what), "the process died (%s)",
                           WIFSIGNALED(status) ? g_strsignal(WTERMSIG(status)) : "see above");
        return false;
}

/* Takes away as much as can go: halves first, then ever smaller pieces, until no single operation can go. */
static void shorten(const struct property *property, struct told *told, uint64_t seed, GArray *ops)
{
        for (uint32_t piece = ops->len / 2; piece > 0;) {
                bool shorter = false;

                for (uint32_t at = 0; at < ops->len;) {
                        uint32_t count = MIN(piece, ops->len - at);
                        g_autoptr(GArray) rest = g_array_new(FALSE, FALSE, sizeof(struct prop_op));

                        g_array_append_vals(rest, ops->data, at);
                        g_array_append_vals(rest, ops->data + (at + count) * sizeof(struct prop_op),
                                            ops->len - at - count);
                        if (run_apart(property, told, seed, seed, rest, true)) {
                                at += count;
                                continue;
                        }
                        g_array_set_size(ops, 0);
                        g_array_append_vals(ops, rest->data, rest->len);
                        shorter = true;
                }
                if (!shorter || piece > 1)
                        piece = piece == 1 ? 0 : piece / 2;
        }
}

static bool environment_number(const char *name, uint64_t *ret)
{
        const char *text = g_getenv(name);

        return text && g_ascii_string_to_unsigned(text, 10, 1, UINT32_MAX, ret, NULL);
}

bool property_holds(const struct property *property, uint32_t seeds, struct property_failure *ret)
{
        struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t first = 1, last = seeds, number;
        bool holds;

        g_assert_true(told != MAP_FAILED);
        if (environment_number("KMEMSIM_TEST_SEEDS", &number))
                last = number;
        if (environment_number("KMEMSIM_TEST_SEED", &number))
                first = last = number;
        holds = run_apart(property, told, first, last, NULL, false);
        if (!holds) {
                struct prop_op *ops;

                ret->seed = told->seed;
                ret->ops = g_array_new(FALSE, FALSE, sizeof(struct prop_op));
                ops = draw_all(property, ret->seed);
                g_array_append_vals(ret->ops, ops, property->length);
                g_free(ops);
                shorten(property, told, ret->seed, ret->ops);
                run_apart(property, told, ret->seed, ret->seed, ret->ops, false);
                g_strlcpy(ret->what, told->what, sizeof(ret->what));
        }
        munmap(told, sizeof(*told));
        return holds;
}

void property_test(const struct property *property, uint32_t seeds)
{
        struct property_failure failure;

        if (property_holds(property, seeds, &failure))
                return;
        g_test_message("seed %" G_GUINT64_FORMAT ": %s", failure.seed, failure.what);
        for (uint32_t i = 0; i < failure.ops->len; i++) {
                const struct prop_op *op = &g_array_index(failure.ops, struct prop_op, i);

                g_test_message("  %s %u %u", property->kinds[op->kind], op->a, op->b);
        }
        g_test_message("to repeat it: KMEMSIM_TEST_SEED=%" G_GUINT64_FORMAT " %s", failure.seed, g_get_prgname());
        g_printerr("seed %" G_GUINT64_FORMAT ", %u operations: %s\n", failure.seed, failure.ops->len, failure.what);
        g_array_unref(failure.ops);
        g_test_fail();
}

const char *property_says(const char *format, ...)
{
        static char text[512];
        va_list args;

        va_start(args, format);
        g_vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        return text;
}
