/*
 * recording.c - see recording.h.
 */
#include "record/recording.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "record/schema.h"

#define WRITER_WAIT_MS 10000 /* how long a commit of a running recorder may hold us up */

static gboolean read_pragma(struct recording *recording, const char *sql, int64_t *ret, GError **error)
{
        g_autoptr(sqlite3_stmt) statement = NULL;
        int row;

        if (!recording_prepare(recording, sql, &statement, error))
                return FALSE;
        row = recording_step(recording, statement, error);
        if (row > 0)
                *ret = sqlite3_column_int64(statement, 0);
        return row > 0;
}

/* What a killed writer left half done is rolled back by the first who may write. */
static void roll_back_journal(const char *path, const char *file_name)
{
        g_autofree char *journal = g_strconcat(path, "-journal", NULL);
        struct stat info;
        sqlite3 *db;

        if (g_stat(journal, &info) != 0 || info.st_size == 0)
                return;
        if (sqlite3_open_v2(file_name, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
                sqlite3_busy_timeout(db, WRITER_WAIT_MS);
                sqlite3_exec(db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
        }
        sqlite3_close_v2(db);
}

static gboolean is_readable_file(const char *path, GError **error)
{
        struct stat info;

        if (g_stat(path, &info) != 0) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot read %s: %s", path, g_strerror(errno));
                return FALSE;
        }
        if (!S_ISREG(info.st_mode)) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is not a recording (no regular file)", path);
                return FALSE;
        }
        if (g_access(path, R_OK) != 0) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_IO, "cannot read %s: %s", path, g_strerror(errno));
                return FALSE;
        }
        return TRUE;
}

static gboolean check_versions(struct recording *recording, GError **error)
{
        int64_t application_id, format_version;

        if (!read_pragma(recording, "PRAGMA application_id", &application_id, error) ||
            !read_pragma(recording, "PRAGMA user_version", &format_version, error))
                return FALSE;
        if (application_id != RECORD_APPLICATION_ID) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT,
                            "%s is not a recording of kmemsim (its SQLite application_id is 0x%08x, not 0x%08x)",
                            recording->path, (unsigned)application_id, (unsigned)RECORD_APPLICATION_ID);
                return FALSE;
        }
        if (format_version != RECORD_FORMAT_VERSION) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_VERSION,
                            "%s is a recording of format version %d; this program reads version %d", recording->path,
                            (int)format_version, RECORD_FORMAT_VERSION);
                return FALSE;
        }
        return TRUE;
}

/* SQLite takes a last page that lacks some bytes for a whole one. */
static gboolean check_size(struct recording *recording, GError **error)
{
        int64_t page_count, page_bytes;
        struct stat info;

        if (!read_pragma(recording, "PRAGMA page_count", &page_count, error) ||
            !read_pragma(recording, "PRAGMA page_size", &page_bytes, error))
                return FALSE;
        if (g_stat(recording->path, &info) == 0 && info.st_size < page_count * page_bytes) { /* may be growing */
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT,
                            "%s is truncated: %" PRId64 " of %" PRId64 " bytes are there", recording->path,
                            (int64_t)info.st_size, page_count * page_bytes);
                return FALSE;
        }
        return TRUE;
}

struct recording *recording_open(const char *path, GError **error)
{
        struct recording *recording;
        g_autofree char *file_name = record_file_name(path);
        int code;

        if (!is_readable_file(path, error))
                return NULL;
        roll_back_journal(path, file_name);
        recording = g_new0(struct recording, 1);
        recording->path = g_strdup(path);
        code = sqlite3_open_v2(file_name, &recording->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
        if (code == SQLITE_OK) {
                sqlite3_busy_timeout(recording->db, WRITER_WAIT_MS);
                /* a damaged file must not make SQLite run what stands in its schema */
                sqlite3_db_config(recording->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
                sqlite3_db_config(recording->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
                /* a run that goes on commits between two statements: all of them read the same moment of it */
                code = sqlite3_exec(recording->db, "BEGIN", NULL, NULL, NULL);
        }
        if (code == SQLITE_OK ? !check_versions(recording, error) || !check_size(recording, error)
                              : !record_fail(error, recording->db, code, "read", path)) {
                recording_close(recording);
                return NULL;
        }
        return recording;
}

void recording_close(struct recording *recording)
{
        if (recording == NULL)
                return;
        sqlite3_close_v2(recording->db);
        g_free(recording->path);
        g_free(recording);
}

gboolean recording_prepare(struct recording *recording, const char *sql, sqlite3_stmt **ret, GError **error)
{
        int code = sqlite3_prepare_v2(recording->db, sql, -1, ret, NULL);

        return code == SQLITE_OK ? TRUE : record_fail(error, recording->db, code, "read", recording->path);
}

int recording_step(struct recording *recording, sqlite3_stmt *statement, GError **error)
{
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                return 1;
        if (code == SQLITE_DONE)
                return 0;
        record_fail(error, recording->db, code, "read", recording->path);
        return -1;
}

/* With the first cut everything that is known of a run before it begins is there. */
static gboolean has_begun(struct recording *recording)
{
        g_autoptr(sqlite3_stmt) statement = NULL;

        return recording_prepare(recording, "SELECT 1 FROM run WHERE key = 'sample_interval_ns'", &statement, NULL) &&
               recording_step(recording, statement, NULL) != 0;
}

/* The statement stands on the value of `key`. */
static gboolean find_key(struct recording *recording, const char *key, sqlite3_stmt **ret, GError **error)
{
        int row;

        if (!recording_prepare(recording, "SELECT value FROM run WHERE key = ?", ret, error))
                return FALSE;
        sqlite3_bind_text(*ret, 1, key, -1, SQLITE_STATIC);
        row = recording_step(recording, *ret, error);
        if (row == 0 && !has_begun(recording))
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT,
                            "%s ends before its run began: nothing was committed to it", recording->path);
        else if (row == 0)
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: table run has no %s",
                            recording->path, key);
        return row > 0;
}

gboolean recording_get_int(struct recording *recording, const char *key, int64_t min, int64_t max, int64_t *ret,
                           GError **error)
{
        g_autoptr(sqlite3_stmt) statement = NULL;
        gboolean is_int;
        int64_t value;

        if (!find_key(recording, key, &statement, error))
                return FALSE;
        is_int = sqlite3_column_type(statement, 0) == SQLITE_INTEGER; /* asked before anything converts it */
        value = sqlite3_column_int64(statement, 0);
        if (!is_int || value < min || value > max) {
                const unsigned char *text = sqlite3_column_text(statement, 0);

                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: %s in table run is '%s'",
                            recording->path, key, text != NULL ? (const char *)text : "NULL");
                return FALSE;
        }
        *ret = value;
        return TRUE;
}

char *recording_get_text(struct recording *recording, const char *key, GError **error)
{
        g_autoptr(sqlite3_stmt) statement = NULL;
        const unsigned char *text;
        gboolean is_text;

        if (!find_key(recording, key, &statement, error))
                return NULL;
        is_text = sqlite3_column_type(statement, 0) == SQLITE_TEXT;
        text = sqlite3_column_text(statement, 0);
        if (!is_text || text == NULL) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: %s in table run is no text",
                            recording->path, key);
                return NULL;
        }
        return g_strdup((const char *)text);
}

static gboolean get_config(struct recording *recording, struct sim_config *config, GError **error)
{
        const char *problem;
        int64_t value;

        for (uint32_t i = 0; i < machine_key_count; i++) {
                void *field = (char *)config + machine_keys[i].offset;

                gboolean is_signed = machine_keys[i].is_signed;

                if (!recording_get_int(recording, machine_keys[i].name, is_signed ? INT32_MIN : 0,
                                       is_signed ? INT32_MAX : UINT32_MAX, &value, error))
                        return FALSE;
                *(uint32_t *)field = (uint32_t)value;
        }
        for (int cost = 0; cost < COST_KIND_COUNT; cost++) {
                g_autofree char *key = schema_cost_key((enum cost_kind)cost);

                if (!recording_get_int(recording, key, 0, UINT32_MAX, &value, error))
                        return FALSE;
                config->cost_cycles[cost] = (uint32_t)value;
        }
        problem = sim_config_problem(config);
        if (problem != NULL)
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: %s", recording->path, problem);
        return problem == NULL;
}

static gboolean get_count(struct recording *recording, const char *key, uint64_t *ret, GError **error)
{
        int64_t value;

        if (!recording_get_int(recording, key, 0, INT64_MAX, &value, error))
                return FALSE;
        *ret = (uint64_t)value;
        return TRUE;
}

gboolean recording_get_info(struct recording *recording, struct run_info *ret, GError **error)
{
        struct run_info info = { 0 };
        int64_t model;

        if (!recording_get_int(recording, "model_version", 0, INT64_MAX, &model, error))
                return FALSE;
        if (model != RECORD_MODEL_VERSION) {
                g_set_error(error, RECORD_ERROR, RECORD_ERROR_VERSION,
                            "%s was recorded with model version %" PRId64
                            "; this program has version %d and would not get the same run",
                            recording->path, model, RECORD_MODEL_VERSION);
                return FALSE;
        }
        if (get_config(recording, &info.config, error) && get_count(recording, "end_ns", &info.end_ns, error) &&
            get_count(recording, "op_total", &info.op_total, error) &&
            get_count(recording, "op_count", &info.op_count, error) &&
            get_count(recording, "event_count", &info.event_count, error) &&
            (info.status = recording_get_text(recording, "status", error)) != NULL &&
            (info.digest = recording_get_text(recording, "digest", error)) != NULL) {
                *ret = info;
                return TRUE;
        }
        run_info_clear(&info);
        return FALSE;
}

void run_info_clear(struct run_info *info)
{
        g_clear_pointer(&info->status, g_free);
        g_clear_pointer(&info->digest, g_free);
}
