/*
 * main.c - kmemsim: which command is meant.
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lua.h>
#include <sqlite3.h>

#include "cli/cli.h"
#include "record/schema.h"
#include "sim_config.h"

struct command {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *what;
};

static const struct command commands[] = {
        { "run", cmd_run, "run a Lua scenario and record it" },
        { "faults", cmd_faults, "fail each request of a scenario in turn, one run each" },
        { "replay", cmd_replay, "run a recording again without Lua and compare everything" },
        { "query", cmd_query, "ask a recording a named question, or any SQL" },
        { "show", cmd_show, "the state at any point of a recording: slabinfo, zoneinfo, cache NAME, page PFN, ..." },
        { "diff", cmd_diff, "what differs between two recordings" },
        { "import", cmd_import, "turn a kernel trace into an ops file" },
        { "ops", cmd_ops, "run an ops file, print placements and state" },
        { "paths", cmd_paths, "the state tables of the allocator, as text or graph" },
};

static void print_summary(FILE *to)
{
        fprintf(to, "kmemsim: a simulator of the Linux 2.6.20 kernel memory allocation path\n\n");
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                fprintf(to, "  kmemsim %-8s %s\n", commands[i].name, commands[i].what);
        fprintf(to, "\nTry: kmemsim run scenarios/quickstart.lua\n"
                    "     kmemsim COMMAND --help, kmemsim --version\n");
}

static void print_version(void)
{
        printf("kmemsim %s, recording format %d, Lua %s.%s, SQLite %s\n", KMEMSIM_VERSION, RECORD_FORMAT_VERSION,
               LUA_VERSION_MAJOR, LUA_VERSION_MINOR "." LUA_VERSION_RELEASE, sqlite3_libversion());
}

static int run_command(int argc, char **argv)
{
        const char *word = argc > 1 ? argv[1] : "--help";

        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
                print_summary(stdout);
                return EXIT_OK;
        }
        if (strcmp(word, "--version") == 0) {
                print_version();
                return EXIT_OK;
        }
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
                if (strcmp(word, commands[i].name) == 0) {
                        g_autofree char *name = g_strconcat("kmemsim ", word, NULL);

                        g_set_prgname(name); /* for the line of usage */
                        return commands[i].run(argc - 1, argv + 1);
                }
        }
        fprintf(stderr, "kmemsim: there is no command \"%s\"; there are", word);
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                fprintf(stderr, "%s %s", i > 0 ? "," : "", commands[i].name);
        fputc('\n', stderr);
        say_repeat(argc - 1, argv + 1);
        return EXIT_USAGE;
}

/* What could not be printed in full, on a full disk or a closed file, is no answer. */
int main(int argc, char **argv)
{
        g_autofree char **words = g_memdup2(argv, ((gsize)argc + 1) * sizeof(*argv)); /* commands move theirs about */
        int code = run_command(argc, argv);

        if ((code == EXIT_OK || code == EXIT_DIFFERS) && (fflush(stdout) != 0 || ferror(stdout))) {
                fprintf(stderr, "kmemsim: standard output: %s\n", errno != 0 ? g_strerror(errno) : "cannot be written");
                say_repeat(argc - 1, words + 1);
                code = EXIT_IO;
        }
        return code;
}
