#include "support/dies.h"

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void test_dies(void (*body)(void *data), void *data, const char *words)
{
        char text[4096];
        size_t length = 0;
        ssize_t got;
        int pipe_fds[2];
        int status;
        pid_t child;

        g_assert_cmpint(pipe(pipe_fds), ==, 0);
        child = fork();
        g_assert_cmpint(child, >=, 0);
        if (child == 0) {
                signal(SIGABRT, SIG_DFL);
                dup2(pipe_fds[1], STDERR_FILENO);
                close(pipe_fds[0]);
                body(data);
                _exit(0);
        }
        close(pipe_fds[1]);
        while (length < sizeof(text) - 1 && (got = read(pipe_fds[0], text + length, sizeof(text) - 1 - length)) > 0)
                length += (size_t)got;
        text[length] = '\0';
        close(pipe_fds[0]);
        g_assert_cmpint(waitpid(child, &status, 0), ==, child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                g_test_message("it went on to its end instead of failing with: %s", words);
        g_assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (!strstr(text, words))
                g_test_message("it failed, but with: %s", text);
        g_assert_nonnull(strstr(text, words));
}
