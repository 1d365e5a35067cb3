/*
 * record_error.c - see record_error.h.
 */
#include "record/record_error.h"

#include <errno.h>

G_DEFINE_QUARK(record-error-quark, record_error)

gboolean record_fail(GError **error, sqlite3 *db, int code, const char *doing, const char *path)
{
        int system_errno = db != NULL ? sqlite3_system_errno(db) : 0;

        switch (code & 0xff) {
        case SQLITE_NOTADB:
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is not a recording (no SQLite database)",
                            path);
                return FALSE;
        case SQLITE_CORRUPT:
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: %s", path,
                            db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
                return FALSE;
        case SQLITE_ERROR: /* a table or column is missing */
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "cannot %s %s: %s", doing, path,
                            db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
                return FALSE;
        case SQLITE_FULL:
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot %s %s: no space left (disk full)", doing,
                            path);
                return FALSE;
        case SQLITE_IOERR:
                if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG) {
                        g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot %s %s: no space left (%s)", doing,
                                    path, g_strerror(system_errno));
                        return FALSE;
                }
                break;
        default: break;
        }
        if (system_errno != 0)
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot %s %s: %s (%s)", doing, path,
                            db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code), g_strerror(system_errno));
        else
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot %s %s: %s", doing, path,
                            db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
        return FALSE;
}

char *record_file_name(const char *path)
{
        return g_path_is_absolute(path) ? g_strdup(path) : g_strconcat("./", path, NULL);
}
