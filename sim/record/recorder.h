/*
 * recorder.h - writes a run into its recording, on two threads of its own.
 *
 * Life: recorder_open; facts about the run (recorder_set_*, recorder_add_*); observer_start with recorder_sink;
 * more facts and failures at any time; recorder_finish. Everything reaches the file in the order of the calls. What is
 * on disk is always a whole number of cuts (observe/batch.h): it commits about once a second, at a cut, so
 * that a run killed at any moment leaves a recording with status "running" that replays to its last commit.
 *
 * When the file cannot be written any more the writer stops, keeps what was committed (status "failed" if even that
 * can be written) and says so through the sink; recorder_finish has the GError.
 */
#ifndef KMEMSIM_RECORD_RECORDER_H
#define KMEMSIM_RECORD_RECORDER_H

#include <glib.h>
#include <stdint.h>

#include "engine/config.h"
#include "engine/sim.h"
#include "observe/observer.h"

struct recorder;

/* A failure to be noted: of an op that began, or of a request that was impossible (sim_submit said why). */
struct failure {
        uint64_t t_ns;
        uint64_t op;                   /* id, 0: none */
        uint32_t task;                 /* thread, 0: none */
        uint32_t cpu;                  /* of op or task */
        const char *kind;              /* one word: alloc_failed, oom, bug, invariant, expectation, ... */
        const char *message;           /* one line */
        const char *report;            /* text of the kernel, or NULL */
        const struct request *refused; /* the impossible request, or NULL; its object counts as `refused_frees` */
        uint64_t refused_frees;        /* id of the op whose object the request would free, 0: none */
};

/*
 * Creates the file. An existing one is replaced only with force, and only if it is a regular file. Errors: EXISTS,
 * IO. From here on a file size limit is an error and no signal: SIGXFSZ is ignored.
 */
struct recorder *recorder_open(const char *path, gboolean force, GError **error);

/* Facts for table run; a later value replaces an earlier one. */
void recorder_set_text(struct recorder *recorder, const char *key, const char *value);
void recorder_set_int(struct recorder *recorder, const char *key, int64_t value);
void recorder_set_config(struct recorder *recorder, const struct sim_config *config);

void recorder_add_source(struct recorder *recorder, const char *name, const char *text, gssize text_bytes);
/* make_it_fail: as sim_thread_make_it_fail was called. */
void recorder_add_thread(struct recorder *recorder, uint32_t id, enum thread_kind kind, uint32_t cpu, const char *name,
                         gboolean make_it_fail);
/* One origin of requests of a trace (observer_note_site); name and task may be NULL. id from 1. */
/* A process that was declared, before its first task; and a task of it. */
void recorder_add_process(struct recorder *recorder, uint32_t id, const struct process_spec *spec);
void recorder_join_process(struct recorder *recorder, uint32_t thread, uint32_t process);
/* A memory pool that was declared; before the op that creates it. */
void recorder_add_mempool(struct recorder *recorder, uint32_t id, const struct mempool_spec *spec);
void recorder_add_site(struct recorder *recorder, uint32_t id, const char *name, const char *task);
void recorder_add_failure(struct recorder *recorder, const struct failure *failure);

/* Wall time between two commits, for tests; about a second otherwise. */
void recorder_set_commit_every(struct recorder *recorder, gint64 wall_us);

/* What observer_start takes. */
struct sink recorder_sink(struct recorder *recorder);

/*
 * After observer_end: waits until all is written, adds digest, latency and counts, sets the status ("done", "failed"
 * or "interrupted"), closes the file and frees the recorder. FALSE: the recording is incomplete.
 */
gboolean recorder_finish(struct recorder *recorder, struct observer *observer, const char *status, GError **error);

/* For last words: waits until all that was handed over is committed, and closes. The recorder must not be used again. */
void recorder_last_words(struct recorder *recorder, const char *status);

/* Gives up: the file stays as it was at the last commit. */
void recorder_abandon(struct recorder *recorder);

#endif
