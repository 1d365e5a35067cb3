/*
 * bench.h - what the parts of the benchmark share: a workload, a measurement of it, and what came out.
 *
 * A workload is the same requests every time: of a given count its digest and the state of the machine at the end are
 * the same in every mode, build and run. A measurement is one workload in one mode, in a process of its own:
 *      core     the engine alone: records are written to the tape and dropped
 *      run      as `kmemsim run --record none`: digest, latency
 *      record   as `kmemsim run`: digest, latency, history and the recording, from opening the file to closing it
 *      sqlite   the rows that `record` puts into op and event, already in memory, written by a bare loop
 */
#ifndef KMEMSIM_TESTS_BENCH_H
#define KMEMSIM_TESTS_BENCH_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"
#include "observe/observer.h"

enum mode { MODE_CORE, MODE_RUN, MODE_RECORD, MODE_SQLITE, MODE_COUNT };

extern const char *const mode_names[MODE_COUNT];

/* Who carries out the requests of a workload of C: a machine, watched or not. */
struct driver {
        struct sim *sim;
        struct observer *observer; /* NULL: the engine alone */
};

struct work {
        const char *name;
        const char *what;
        uint64_t count, tiny_count; /* requests unless asked otherwise; 0: as many as the input has */
        /* Work written in C: */
        void (*configure)(struct sim_config *config);
        uint64_t (*drive)(struct driver *driver, uint64_t count); /* returns how many requests it made */
        /* Work of a scenario, which has no mode `core`: */
        const char *scenario; /* its file in this folder */
        gboolean is_trace;    /* of the kernel: imported first, which is measured as well */
        gboolean is_large;    /* the trace is not in the repository */
        /* Or a trace only read, from plain text: mode `run` alone, and its requests are events. */
        gboolean is_import;
};

extern const struct work core_works[];
extern const uint32_t core_work_count;

/* One measurement. Plain bytes: it comes through a pipe. */
struct measured {
        char problem[512];     /* not "": nothing else counts */
        double wall_s, cpu_s;  /* of the measured part; cpu_s of all threads */
        uint64_t instructions; /* the same, in user mode; 0: this machine does not tell */
        uint64_t requests;     /* of the workload */
        uint64_t op_rows, event_rows, lock_waits;
        uint64_t simulated_ns;
        uint64_t state_hash;   /* core, run, record */
        char digest[DIGEST_TEXT_BYTES]; /* run, record, sqlite */
        uint64_t file_bytes;            /* record, sqlite */
        uint64_t peak_kib;     /* of the process */
        double bind_s, vtab_s; /* sqlite: its two ways; wall_s is the shorter */
        double import_s, import_cpu_s; /* a trace */
        uint64_t import_instructions;
        uint64_t import_events;
};

struct measure_options {
        const char *folder;  /* for recordings; each is removed after its measurement unless keep */
        const char *trace;   /* file */
        const char *source;  /* folder of the scenarios of this benchmark */
        const char *library; /* folder of the Lua library */
        gboolean keep;
};

/* In a process of its own. count 0: as the input has it. */
void measure(const struct work *work, enum mode mode, uint64_t count, const struct measure_options *options,
             struct measured *ret);

/* The files of the two modes that write one, for comparison (keep). */
char *measured_file(const struct work *work, enum mode mode, const struct measure_options *options);

/* A clock over the measured part: wall time, processor time of the process and,
 * where there are counters, instructions. */
struct stopwatch {
        gint64 wall_us;
        double cpu_s;
        int counter;
};

void stopwatch_start(struct stopwatch *watch);
void stopwatch_stop(struct stopwatch *watch, struct measured *ret);

#endif
