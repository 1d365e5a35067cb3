/*
 * cli.h - the commands of the program, their exit codes, and what they share.
 */
#ifndef KMEMSIM_CLI_CLI_H
#define KMEMSIM_CLI_CLI_H

#include <glib.h>
#include <signal.h>
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

/* What a command says of itself. */
struct command_help {
        const char *name;      /* "replay" */
        const char *what;      /* "run a recording again and compare it" */
        const char *arguments; /* "FILE.db", NULL: none */
        const char *examples;  /* how --help begins; no line break at its end */
        const char *notes;     /* how --help ends, with a line break; NULL: nothing */
};

enum help_wanted { HELP_NONE, HELP_SHORT, HELP_LONG };

/* Takes -h and --help before "--" out of *argc words, and says which was there: the longer, if both. */
enum help_wanted help_take(int *argc, char **argv);

/* The same text in every locale: the options; HELP_LONG has the examples first and the notes last. */
void help_print(const struct command_help *help, const GOptionEntry *entries, enum help_wanted wanted);

/* Takes the options of the command out of *argc words. FALSE with *error: one is unknown or has no good value. */
gboolean options_take(const GOptionEntry *entries, int *argc, char **argv, GError **error);

/* All of these. -1: go on; EXIT_OK: help was asked for and is printed; EXIT_USAGE: what is wrong is on stderr. */
int options_parse(const struct command_help *help, const GOptionEntry *entries, int *argc, char **argv);

/* "kmemsim NAME: what is wrong" on stderr; returns EXIT_USAGE. */
int usage_error(const struct command_help *help, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* What a command that works for a while says on standard error: messages, and one line of progress between them. */
struct messages {
        const char *command;      /* its name */
        gboolean on_terminal;     /* the line of progress is written over; else each is one more, and they are rare */
        gboolean progress_shown;  /* the line stands on the terminal */
        gint64 every_us, next_us; /* when the line is due; next_us G_MAXINT64: never */
};

struct messages messages_of(const char *command);

/* "kmemsim COMMAND: text", in place of the line of progress if that is shown. */
void say(struct messages *messages, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* From now on the time runs to the first line of progress. */
void progress_begin(struct messages *messages);

/* TRUE as often as the line should be shown; the next time is some while after that. */
gboolean progress_is_due(struct messages *messages);

/* "COMMAND: text" as the line of progress; taken away. */
void progress_show(struct messages *messages, const char *format, ...) G_GNUC_PRINTF(2, 3);
void progress_clear(struct messages *messages);

/* The signal that asked the command to stop; 0: none has. */
extern volatile sig_atomic_t stop_asked;

/*
 * From now on SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under nohup) ask for it. later_ends: one that comes
 * a second or more after the first ends the program at once; those that come together are one (timeout(1)
 * sends two).
 */
void stop_watch(gboolean later_ends);

/* How the user called the program: the launcher says it in KMEMSIM_COMMAND, an installed program is "kmemsim". */
const char *command_name(void);

/* Exit code of `run` for an error of scenario_load, scenario_run or scenario_expect. */
int scenario_exit_code(const GError *error);

/* The command of these words, quoted for a shell. Newly allocated. */
char *repeat_text(int argc, char **argv);

/* Last line of every failure: one command that repeats it, quoted for a shell. */
void say_repeat(int argc, char **argv);

/*
 * A command whose exit code says all: carry_out gets its words in a copy, since GOption takes out what it knows. Any
 * code but EXIT_OK and `answer` is a failure and ends with say_repeat; EXIT_OK for `answer`:
 * there is no other good code.
 */
int command_run(int argc, char **argv, int (*carry_out)(int argc, char **argv), int answer);

#endif
