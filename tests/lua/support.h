/*
 * support.h - run a piece of Lua as a scenario, in the test's own process, and see what came of it.
 */
#ifndef KMEMSIM_TESTS_LUA_SUPPORT_H
#define KMEMSIM_TESTS_LUA_SUPPORT_H

#include <glib.h>

#include "script/scenario.h"

/* What a scenario did. Paths of the folder it was in are taken out of all texts: the file is "s.lua". */
struct outcome {
        int code;            /* enum scenario_error, -1: it went well */
        char *error;         /* "" if it went well; simulated times and places are T, P and O */
        GString *printed;    /* lines of print, and warnings */
        GString *summary;    /* "LABEL: TEXT\n" */
        char digest[DIGEST_TEXT_BYTES];
        struct figures *figures; /* NULL: it was not run */
};

/* A folder of the test's own, made at the first call and removed at the end of the program. */
const char *support_folder(void);

/* Writes a file into it and returns the path. */
char *support_write(const char *name, const char *text);

/* settings: as --set, ends with NULL, or NULL. The Lua library is that of the checkout ($KMEMSIM_DATADIR/lua). */
struct outcome *support_run(const char *text, const char *const *settings, uint64_t seed);
struct outcome *support_run_options(const char *text, struct scenario_options *options);
void outcome_free(struct outcome *outcome);
typedef struct outcome outcome_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(outcome_auto, outcome_free)

/* The scenario must end well and print exactly these lines. */
void assert_prints(const char *text, const char *expected);

/* It must end with this error, word for word. */
void assert_fails(const char *text, enum scenario_error code, const char *expected);

/* A test program's main: sets up the environment and runs. */
int support_main(int argc, char **argv, void (*add_tests)(void));

#endif
