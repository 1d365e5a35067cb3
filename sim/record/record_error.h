/*
 * record_error.h - what can go wrong with a recording: the GError domain of this room. Messages name the file.
 */
#ifndef KMEMSIM_RECORD_RECORD_ERROR_H
#define KMEMSIM_RECORD_RECORD_ERROR_H

#include <glib.h>
#include <sqlite3.h>

#define RECORD_ERROR record_error_quark()

enum record_error {
        RECORD_ERROR_IO,      /* cannot be opened, read or written; disk full */
        RECORD_ERROR_EXISTS,  /* the output is there already */
        RECORD_ERROR_FORMAT,  /* not a recording, or a damaged one */
        RECORD_ERROR_VERSION, /* a recording of another format or model */
        RECORD_ERROR_USAGE,   /* what is asked for is not in it */
};

GQuark record_error_quark(void);

/* Turns what SQLite says about `path` into a GError; doing: "write", "read". Returns FALSE. */
gboolean record_fail(GError **error, sqlite3 *db, int code, const char *doing, const char *path);

/* The path as SQLite takes it: a file and nothing else, whatever it is called (":memory:"). */
char *record_file_name(const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3, sqlite3_close_v2)

#endif
