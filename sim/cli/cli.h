/*
 * cli.h - the commands of the program, their exit codes, and what they share.
 */
#ifndef KMEMSIM_CLI_CLI_H
#define KMEMSIM_CLI_CLI_H

#include <glib.h>
#include <stdint.h>

#include "path/fault.h"

enum {
        EXIT_OK = 0,
        EXIT_INTERNAL = 1,
        EXIT_USAGE = 2,
        EXIT_SCENARIO = 3,
        EXIT_IO = 4,
        EXIT_INVARIANT = 10,
        EXIT_SIMULATED = 11,
        EXIT_DIFFERS = 13,
        EXIT_INTERRUPTED = 130,
};

/* Commands. argv[0] is the command's name; they return an exit code. */
int cmd_run(int argc, char **argv);
int cmd_faults(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int cmd_paths(int argc, char **argv);

/* The folder `sub` ("lua", "reports", "scenarios") of the installation or of the checkout. Newly allocated. */
char *data_dir(const char *sub);

/* "page:17" or "slab:3" into at[FAULT_PAGE] or at[FAULT_SLAB]. FALSE: it is neither. */
int fault_parse(const char *text, uint32_t at[FAULT_CAPABILITY_COUNT]);
extern const char *const fault_words[FAULT_CAPABILITY_COUNT]; /* "slab", "page" */

/* How the user called the program: the launcher says it in KMEMSIM_COMMAND, an installed program is "kmemsim". */
const char *command_name(void);

/* Exit code of `run` for an error of scenario_load, scenario_run or scenario_expect. */
int scenario_exit_code(const GError *error);

/* The command of these words, quoted for a shell. Newly allocated. */
char *repeat_text(int argc, char **argv);

/* Last line of every failure: one command that repeats it, quoted for a shell. */
void say_repeat(int argc, char **argv);

#endif
