/*
 * scratch.h - for tests of recordings: a folder that goes away at the end, and SQL on files in it.
 */
#ifndef KMEMSIM_TESTS_RECORD_SCRATCH_H
#define KMEMSIM_TESTS_RECORD_SCRATCH_H

#include <glib.h>
#include <stdint.h>

#include "record/replay.h"
#include "record/workload.h"

/* A path in this test program's folder. Newly allocated. */
char *scratch_path(const char *name);
void scratch_remove_all(void);

/* SQL on a file; a mistake in it ends the test. sql_try says whether it could be done. */
gboolean sql_try(const char *path, const char *sql);
void sql_do(const char *path, const char *format, ...) G_GNUC_PRINTF(2, 3);
int64_t sql_int(const char *path, const char *format, ...) G_GNUC_PRINTF(2, 3);
char *sql_text(const char *path, const char *format, ...) G_GNUC_PRINTF(2, 3); /* NULL is "NULL", no row is "" */

void copy_file(const char *from, const char *to);

/* Records a workload at `path`; that it fails ends the test. */
void record(const struct workload *workload, const char *path, struct workload_result *ret);

/* Replays what is at `path`, to the end of op until_op (0: all); that it cannot ends the test. replay_equal: so does a
 * difference. */
void replay(const char *path, uint64_t until_op, struct replay_result *ret);
void replay_equal(const char *path, struct replay_result *ret);

#endif
