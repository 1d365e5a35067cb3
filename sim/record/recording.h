/*
 * recording.h - opens a recording for reading and checks that it is one.
 *
 * Nothing is ever written to it, with one exception: a run that was killed leaves a journal beside the file, and the
 * half transaction in it is rolled back when the recording is first opened, as any SQLite client would do.
 * Whatever stands in the file is taken for possibly wrong: every value is checked before it is used.
 */
#ifndef KMEMSIM_RECORD_RECORDING_H
#define KMEMSIM_RECORD_RECORDING_H

#include <glib.h>
#include <sqlite3.h>
#include <stdint.h>

#include "engine/config.h"
#include "observe/digest.h"
#include "record/record_error.h"

struct recording {
        char *path;
        sqlite3 *db;
};

/* Errors: IO (no such file, ...), FORMAT (not a recording), VERSION (another format version). */
struct recording *recording_open(const char *path, GError **error);
void recording_close(struct recording *recording);

typedef struct recording recording_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(recording_auto, recording_close)

/* sqlite3_prepare_v2 with a GError. */
gboolean recording_prepare(struct recording *recording, const char *sql, sqlite3_stmt **ret, GError **error);

/* A step: 1: a row, 0: no more, -1: error. */
int recording_step(struct recording *recording, sqlite3_stmt *statement, GError **error);

/* Values of run; a missing key or one of the wrong type is an error (FORMAT). */
gboolean recording_get_int(struct recording *recording, const char *key, int64_t min, int64_t max, int64_t *ret,
                           GError **error);
char *recording_get_text(struct recording *recording, const char *key, GError **error);

/* What replay needs of table run. */
struct run_info {
        struct sim_config config;
        char *status;
        char *digest;
        uint64_t end_ns, op_total, op_count, event_count;
};

/* Errors: FORMAT, VERSION (recorded by a program with another model). */
gboolean recording_get_info(struct recording *recording, struct run_info *ret, GError **error);
void run_info_clear(struct run_info *info);

#endif
