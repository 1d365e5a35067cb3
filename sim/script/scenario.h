/*
 * scenario.h - a scenario from file to end of run: the door of this room for the commands.
 *
 *      scenario_load       runs the main part of the Lua file in a sandbox: machine, caches, tasks, expectations
 *      scenario_config     what sim_create needs
 *      scenario_run        the tasks as coroutines against an observed sim, until the work is done
 *      scenario_expect     the expectations and summary lines, after observer_end
 *
 * A task is a Lua coroutine bound to one thread of the sim. A call such as t:kmalloc(100) submits a request and lets
 * the other CPUs go on; the coroutine resumes when the request is done. Lua runs between two moments of the simulation
 * and takes no simulated time.
 */
#ifndef KMEMSIM_SCRIPT_SCENARIO_H
#define KMEMSIM_SCRIPT_SCENARIO_H

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/config.h"
#include "engine/sim.h"
#include "observe/observer.h"
#include "record/recorder.h"
#include "script/figures.h"
#include "script/sandbox.h"

#define SCENARIO_ERROR scenario_error_quark()
GQuark scenario_error_quark(void);

/* The exit code of `run` that belongs to each is in cli/common.c. */
enum scenario_error {
        SCENARIO_ERROR_USAGE,       /* --set of an unknown key or with an impossible value */
        SCENARIO_ERROR_SCRIPT,      /* the scenario is wrong: file and line in the message */
        SCENARIO_ERROR_FILE,        /* a file that the scenario names cannot be read, or the scenario itself */
        SCENARIO_ERROR_SIMULATED,   /* a simulated failure that nobody handled: fatal allocation failure, kernel BUG */
        SCENARIO_ERROR_EXPECTATION, /* broken */
        SCENARIO_ERROR_INTERRUPTED, /* the stop flag */
};

struct scenario_options {
        uint64_t seed;
        const char *const *settings;       /* "KEY=VALUE", ends with NULL; may be NULL */
        const char *library;               /* folder of the Lua library */
        struct sandbox_limits limits;
        uint32_t fault_at[FAULT_CAPABILITY_COUNT]; /* this request fails, whatever the attributes say; 0: none */
        const volatile sig_atomic_t *stop; /* may be NULL */
        /* Called about every thousand events of the workload while the sim runs; may be NULL. */
        void (*progress)(void *context);
        /* A line of the scenario's print, or a warning about an imported trace. NULL: standard error. */
        void (*message)(const char *line, void *context);
        void *context;
};

/* A value that --set can change. Texts belong to the scenario. */
struct scenario_param {
        char *name, *value, *preset, *unit, *description;
        char *values; /* what it may be: "FIRST..LAST", either left out, or words with | between them; "": anything */
        enum { PARAM_INTEGER, PARAM_NUMBER, PARAM_BOOLEAN, PARAM_TEXT, PARAM_TIME, PARAM_SIZE } type;
        bool is_amount; /* PARAM_TIME, PARAM_SIZE: the scenario gets a number of ns or bytes, not the text */
        bool is_set;    /* by --set */
};

struct scenario;

struct scenario *scenario_load(const char *path, const struct scenario_options *options, GError **error);
void scenario_free(struct scenario *scenario);

const char *scenario_path(const struct scenario *scenario);
const struct sim_config *scenario_config(const struct scenario *scenario);
struct sandbox *scenario_sandbox(const struct scenario *scenario); /* for the list of sources */

uint32_t scenario_param_count(const struct scenario *scenario);
const struct scenario_param *scenario_param(const struct scenario *scenario, uint32_t index);

/* The comment at the top of the file, without its dashes. */
const char *scenario_question(const struct scenario *scenario);

/* recorder may be NULL. FALSE: error says why the run ended before its end; the recording is valid up to there. */
bool scenario_run(struct scenario *scenario, struct sim *sim, struct observer *observer, struct recorder *recorder,
                  GError **error);

/* Evaluates expectations and summary lines. FALSE: broken (EXPECTATION, one line each) or wrong (SCRIPT). */
bool scenario_expect(struct scenario *scenario, const struct figures *figures, GError **error);

/* After scenario_expect: what the scenario wants to have in the summary, "LABEL\tTEXT" each. */
const GPtrArray *scenario_summary(const struct scenario *scenario);

/* What an imported trace said and what became of it; false if the scenario replays none. */
struct scenario_trace {
        const char *file;
        uint64_t lines;                                            /* operations in it */
        uint64_t allocations, failures;                            /* simulated */
        uint64_t simulated_requested_bytes, simulated_allocated_bytes; /* summed over all allocations of objects */
        bool has_own_bytes;
        uint64_t own_requested_bytes, own_allocated_bytes;         /* as the traced kernel had them */
};
bool scenario_trace(const struct scenario *scenario, struct scenario_trace *ret);

#endif
