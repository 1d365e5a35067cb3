/*
 * test_golden.c - reference vectors: what `kmemsim ops` prints must be the recorded result, byte for byte.
 *
 * A vector is a pair NAME.ops, NAME.gold in the folder given as argument; without an argument, golden/ in
 * $KMEMSIM_SHARED or in shared/ beside the checkout. A folder that is not there is no failure (77, skipped).
 */
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

#define CONTEXT_LINES 4

/* Runs the command in a copy of the process with its output in a file. Returns its exit code. */
static int run_ops(const char *ops_path, const char *output_path)
{
        int status;
        pid_t child = fork();

        g_assert_cmpint(child, >=, 0);
        if (child == 0) {
                char *argv[] = { (char *)"ops", (char *)ops_path, NULL };
                int fd = open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

                dup2(fd, STDOUT_FILENO);
                _exit(cmd_ops(2, argv));
        }
        g_assert_cmpint(waitpid(child, &status, 0), ==, child);
        g_assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void say_difference(const char *name, char **expected, char **got, guint line)
{
        g_test_message("%s.gold:%u differs", name, line + 1);
        for (guint i = line > CONTEXT_LINES ? line - CONTEXT_LINES : 0; i < line; i++)
                g_test_message("           %s", expected[i]);
        g_test_message("expected:  %s", expected[line] ? expected[line] : "(nothing more)");
        g_test_message("got:       %s", got[line] ? got[line] : "(nothing more)");
        g_printerr("%s.gold:%u differs\n", name, line + 1);
}

static void test_vector(gconstpointer data)
{
        const char *ops_path = data;
        g_autofree char *base = g_strndup(ops_path, strlen(ops_path) - strlen(".ops"));
        g_autofree char *gold_path = g_strconcat(base, ".gold", NULL);
        g_autofree char *output_path = NULL;
        g_autofree char *expected = NULL, *got = NULL;
        g_auto(GStrv) expected_lines = NULL, got_lines = NULL;
        gsize expected_length, got_length;
        guint line = 0;
        int fd = g_file_open_tmp("kmemsim-golden-XXXXXX", &output_path, NULL);

        g_assert_cmpint(fd, >=, 0);
        close(fd);
        g_assert_cmpint(run_ops(ops_path, output_path), ==, 0);
        g_assert_true(g_file_get_contents(gold_path, &expected, &expected_length, NULL));
        g_assert_true(g_file_get_contents(output_path, &got, &got_length, NULL));
        unlink(output_path);
        if (expected_length == got_length && memcmp(expected, got, got_length) == 0)
                return;
        expected_lines = g_strsplit(expected, "\n", -1);
        got_lines = g_strsplit(got, "\n", -1);
        while (g_strcmp0(expected_lines[line], got_lines[line]) == 0 && expected_lines[line])
                line++;
        say_difference(base, expected_lines, got_lines, line);
        g_test_fail();
}

static int by_name(gconstpointer a, gconstpointer b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
        const char *shared = g_getenv("KMEMSIM_SHARED");
        g_autofree char *folder = NULL;
        g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GDir) dir = NULL;
        const char *name;

        g_test_init(&argc, &argv, NULL);
        if (argc > 1)
                folder = g_strdup(argv[1]);
        else if (shared)
                folder = g_build_filename(shared, "golden", NULL);
        else
                folder = g_build_filename(SOURCE_ROOT, "..", "shared", "golden", NULL);
        dir = g_dir_open(folder, 0, NULL);
        if (!dir) {
                printf("no vectors in %s\n", folder);
                return 77;
        }
        while ((name = g_dir_read_name(dir))) {
                char *path = g_build_filename(folder, name, NULL);

                if (g_str_has_suffix(name, ".ops"))
                        g_ptr_array_add(paths, path);
                else
                        g_free(path);
        }
        g_ptr_array_sort(paths, by_name);
        g_assert_cmpuint(paths->len, >, 0);
        for (guint i = 0; i < paths->len; i++) {
                g_autofree char *base = g_path_get_basename(paths->pdata[i]);
                g_autofree char *test_name = g_strdup_printf("/golden/%.*s", (int)strlen(base) - 4, base);

                g_test_add_data_func(test_name, paths->pdata[i], test_vector);
        }
        return g_test_run();
}
