/*
 * ops_file.h - a kmemops file read into an array: one struct ops_line for each operation.
 *
 * The format is `kmemops 1`: a first line with that name, then `machine ...`, then one operation a line. What an
 * imported trace adds is understood too: fields `t=NS task=NAME site=NAME` behind an operation, and lines
 * `trace KEY=VALUE ...` with what is known about the whole trace.
 *
 * The reader is strict: an unknown word, a number out of range, an id that is used twice or freed before it was handed
 * out stops it with FILE:LINE and a sentence. It knows the file alone, no machine: whether a CPU, a cache or a node
 * exists where the file is run is the runner's question.
 *
 * Ids of the file are translated: `object` counts the allocations from 0, so that a runner needs a plain array.
 */
#ifndef KMEMSIM_SCRIPT_OPS_FILE_H
#define KMEMSIM_SCRIPT_OPS_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/config.h"
#include "import/intern.h"
#include "trace/op.h"

/* X(enum suffix, word in the file) */
#define OPS_KINDS(X)                                                                                                   \
        X(MACHINE, "machine")                                                                                          \
        X(TRACE, "trace")                                                                                              \
        X(CREATE, "create")                                                                                            \
        X(ALLOC, "a")                                                                                                  \
        X(ALLOC_NODE, "n")                                                                                             \
        X(KMALLOC, "m")                                                                                                \
        X(PAGES, "p")                                                                                                  \
        X(FREE, "f")                                                                                                   \
        X(REAP, "reap")                                                                                                \
        X(SHRINK, "shrink")                                                                                            \
        X(DESTROY, "destroy")                                                                                          \
        X(TUNE, "tune")                                                                                                \
        X(TICK, "tick")                                                                                                \
        X(CPU_DOWN, "cpu_down")                                                                                        \
        X(CPU_UP, "cpu_up")                                                                                            \
        X(DRAIN, "drain")                                                                                              \
        X(SNAP, "snap")                                                                                                \
        X(DUMP, "dump")

enum ops_kind {
#define X(id, word) OPS_##id,
        OPS_KINDS(X)
#undef X
        OPS_KIND_COUNT
};

#define OPS_NONE     UINT32_MAX
#define OPS_CPU_ALL  UINT16_MAX /* drain without a CPU: every online CPU, ascending */
#define OPS_CPU_MAX  8191u
#define OPS_NO_TIME  UINT64_MAX

struct ops_line {
        uint64_t id;          /* a n m p f: as in the file */
        uint64_t size;        /* m: bytes; tick: ticks; tune: limit | batchcount << 32 */
        uint64_t t_ns;        /* OPS_NO_TIME: the line has no t= */
        uint32_t line;        /* in the file, from 1 */
        uint32_t object;      /* a n m p f: number of the allocation, from 0 */
        uint32_t name;        /* create a n shrink destroy tune: cache, an id in ops_file.names */
        uint32_t spec;        /* create: index in ops_file.specs */
        uint32_t gfp;         /* a n m p; tune: shared factor */
        uint32_t task, site;  /* ids in ops_file.names, or OPS_NONE */
        uint16_t cpu;         /* where it runs: 0 for create, shrink, destroy, tune; drain: OPS_CPU_ALL */
        uint8_t kind;         /* enum ops_kind; MACHINE and TRACE are no lines of the array */
        uint8_t order;        /* p */
        uint8_t node_plus_1;  /* n p: 0 is the CPU's own node */
};

struct ops_fact {
        char *key, *value;
};

struct ops_file {
        char *path;
        struct sim_config machine; /* manual_clock is 1 */
        uint32_t cpus;             /* as in the file, where there may be more than a machine can have */
        GArray *lines;             /* struct ops_line, in order of the file */
        GArray *specs;             /* struct cache_spec */
        GArray *facts;             /* struct ops_fact: KEY=VALUE of `trace` lines */
        struct intern names;       /* caches, tasks, sites */
        uint32_t object_count;
        uint64_t span_ns;          /* largest t=, 0 if no line has one */
};

/* Plain text, .gz, .xz and so on. NULL with FILE:LINE and a sentence in error. */
struct ops_file *ops_file_read(const char *path, GError **error);
struct ops_file *ops_file_parse(const char *name, const char *text, size_t length, GError **error);
void ops_file_free(struct ops_file *ops);

const struct ops_line *ops_file_line(const struct ops_file *ops, uint32_t index);
uint32_t ops_file_count(const struct ops_file *ops);
const char *ops_file_name(const struct ops_file *ops, uint32_t name);

/* Value of a `trace` fact, NULL if the file has none of that key. */
const char *ops_file_fact(const struct ops_file *ops, const char *key);

/* True if the first line of the file is that of a kmemops file, of any version. */
bool ops_file_is_one(const char *path);

#define OPS_ERROR ops_error_quark()
GQuark ops_error_quark(void);
enum ops_error { OPS_ERROR_IO, OPS_ERROR_FORMAT, OPS_ERROR_STOPPED };

#endif
