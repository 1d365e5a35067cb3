/*
 * sandbox.h - a Lua 5.4 state in which a scenario can neither reach outside, nor run away, nor differ from run to run.
 *
 * An allow-list: what is not put into the environment is not there. No io, os, debug, package, load, coroutine or
 * collectgarbage; `require` finds text files in the scenario's own folder and in the Lua library only.
 *
 * Bounds, each an error with file and line that pcall cannot catch (sandbox_fault):
 *   memory      all that Lua allocates, and one string at most SANDBOX_STRING_BYTES
 *   burst       instructions between two requests to the simulation (an endless loop)
 *   total       instructions of the whole run
 * Work that one instruction can start in C is counted as instructions too: bytes allocated, steps of a pattern match,
 * elements moved. So no call can hang for long, and the stop flag (Ctrl-C) is seen within a fraction of a second.
 *
 * What could differ between two runs, and what is done about it (sandbox_base.c, sandbox_table.c, sandbox_string.c):
 *   pairs, next       the seed of Lua's string hash comes from the clock: here numbers ascending, then strings by
 *                     byte, false, true, then objects, caches and tasks in order of creation; tables and functions as
 *                     keys are refused by pairs
 *   tostring          no addresses: "table: 1", numbered as they are first asked for; %p is refused
 *   math.random       draws from the run's seed
 *   table.sort        Lua picks pivots by the clock when a partition is bad: here a stable merge sort
 *   setmetatable      __gc and __mode would let the collector be seen: refused, and the metatable is copied so that
 *                     they cannot be smuggled in later (the copy is taken at the call)
 *   sin, exp, ^ ...   the last digit belongs to the C library: not offered, a source with ^ is refused
 *   locale            the thread runs in the C locale while a sandbox exists
 * What is left: `#t` of a table with holes is any border, and may not be relied upon.
 */
#ifndef KMEMSIM_SCRIPT_SANDBOX_H
#define KMEMSIM_SCRIPT_SANDBOX_H

#include <glib.h>
#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

#define SANDBOX_STRING_BYTES (1u << 20)
#define SANDBOX_SOURCE_BYTES (4u << 20) /* one Lua file */

struct sandbox;

struct sandbox_limits {
        uint64_t memory_bytes;
        uint64_t burst;
        uint64_t total;
};

/* 256 MiB, 500 million instructions between two requests, 200 times as many in total. */
void sandbox_limits_default(struct sandbox_limits *limits);

/* Why a run of Lua code ended before its end. All but SCRIPT pass through pcall. */
enum sandbox_fault {
        SANDBOX_FAULT_NONE,
        SANDBOX_FAULT_SCRIPT, /* an ordinary Lua error, or a limit */
        SANDBOX_FAULT_STOP,   /* the stop flag was seen */
        SANDBOX_FAULT_HOST,   /* sandbox_fault_raise: the embedder's own reason */
};

/* Every userdata that a scenario can hold begins with this. */
struct sandbox_handle {
        uint64_t serial; /* from sandbox_serial: the order in which pairs visits them */
        uint32_t kind;   /* the embedder's */
};

struct sandbox *sandbox_new(const struct sandbox_limits *limits, uint64_t seed);
void sandbox_free(struct sandbox *sandbox);

lua_State *sandbox_state(struct sandbox *sandbox);
struct sandbox *sandbox_of(lua_State *L);
uint64_t sandbox_serial(struct sandbox *sandbox);

/* The stream behind math.random. */
struct prng *sandbox_prng(struct sandbox *sandbox);

/* Seen by the instruction hook; the flag outlives the sandbox. */
void sandbox_set_stop(struct sandbox *sandbox, const volatile sig_atomic_t *stop);

/* What print does with a line (without newline). Default: standard error. */
void sandbox_set_print(struct sandbox *sandbox, void (*print)(const char *line, void *context), void *context);

/* -- files -------------------------------------------------------------------------------------------------------- */

/* One Lua file that took part. */
struct sandbox_source {
        char *name; /* as in error messages: the path as given, or lua/NAME.lua for the library */
        char *text;
        size_t length;
};

/* Where require looks: `folder` (shown as such) first, then the library (shown as lua/). */
void sandbox_set_folders(struct sandbox *sandbox, const char *folder, const char *library);

/* Reads and compiles a file; on success the chunk is the only thing on the returned thread's stack. */
lua_State *sandbox_load(struct sandbox *sandbox, const char *path, GError **error);

/* From here on no file is read. */
void sandbox_seal(struct sandbox *sandbox);

uint32_t sandbox_source_count(const struct sandbox *sandbox);
const struct sandbox_source *sandbox_source(const struct sandbox *sandbox, uint32_t index);

/* -- running ------------------------------------------------------------------------------------------------------ */

/* A request was made: the burst counter starts anew. */
void sandbox_burst_begin(struct sandbox *sandbox);

/* LUA_OK, LUA_YIELD, or an error that sandbox_take_error describes. */
int sandbox_resume(struct sandbox *sandbox, lua_State *thread, int args, int *ret_results);

/* After an error of sandbox_resume: the message, and the frames of the scenario, "  at FILE:LINE in NAME" each. */
enum sandbox_fault sandbox_take_error(struct sandbox *sandbox, lua_State *thread, char **ret_message,
                                      char **ret_frames);

/* The frames of a thread that waits or failed; "" if there are none. */
char *sandbox_frames(lua_State *thread);

/* Ends the run: as luaL_error, but pcall cannot catch it. level: 0 hook, 1 caller of the C function. */
int sandbox_fault_raise(lua_State *L, enum sandbox_fault fault, int level, const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Counts work done in C as instructions; may raise. */
void sandbox_charge(lua_State *L, uint64_t instructions);

/* A line of a scenario: source is an index for sandbox_source. */
struct sandbox_place {
        uint32_t source;
        uint32_t line; /* 0: unknown */
};

/* The innermost line of the scenario that is running on L, library frames passed over, from frame `level` outwards: 0
 * is the running function, 1 its caller. */
struct sandbox_place sandbox_place(struct sandbox *sandbox, lua_State *L, int level);
char *sandbox_place_text(const struct sandbox *sandbox, struct sandbox_place place);

#endif
