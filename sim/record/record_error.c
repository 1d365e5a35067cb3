/*
 * record_error.c - see record_error.h.
 */
#include "record/record_error.h"

#include <errno.h>

G_DEFINE_QUARK(record-error-quark, record_error)

/* Of the last call of the system that failed on the database or its journal, 0: none did. */
static int last_errno(sqlite3 *db)
{
        int code = sqlite3_system_errno(db);
        sqlite3_file *journal = NULL;

        if (code == 0)
                sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &code);
        if (code == 0)
                sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
        if (journal != NULL && journal->pMethods != NULL)
                journal->pMethods->xFileControl(journal, SQLITE_FCNTL_LAST_ERRNO, &code);
        return code;
}

gboolean record_fail(GError **error, sqlite3 *db, int code, const char *doing, const char *path)
{
        int system_errno = db != NULL ? last_errno(db) : 0;

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
