/*
 * cmd_query.c - kmemsim query: a named query of reports/, or any SQL, asked of a recording; read-only.
 *
 * A report is one .sql file with one SELECT. Its opening comment is what --list and --help show of it:
 *
 *      -- The question it answers?          first line
 *      -- Parameters:
 *      --   :name = default in VALUES   meaning     any number; -p name=value replaces the default
 *      -- Columns:
 *      --   name              meaning, with the unit in the name or here
 *
 * VALUES says what else may be given, words with | between them: A..B whole numbers from A to B (none: no end), caches
 * the name of any cache of the recording, times a number of ns or a text with a unit, or the word itself. Without "in"
 * everything may.
 *
 * stdout carries the answer alone: an aligned table, CSV (RFC 4180) or JSON (an array of objects).
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/why_failed.h"
#include "record/record_error.h"
#include "record/recording.h"
#include "script/quantity.h"

static const char examples[] =
        "Examples:\n"
        "  kmemsim query --list                                    the named queries\n"
        "  kmemsim query run.db summary                            one of them\n"
        "  kmemsim query run.db fragmentation -p order=5 --csv     with a parameter, as CSV\n"
        "  kmemsim query --sql latency                             its SQL, to start from\n"
        "  kmemsim query run.db \"SELECT * FROM op_named LIMIT 10\"  any SQL\n"
        "  kmemsim query run.db \"SELECT * FROM column_doc\"         what is in a recording, with units\n"
        "\n"
        "FILE.db is opened read-only. NAME is a file of reports/, without .sql.";

static const struct command_help help = {
        .name = "query",
        .what = "ask a recording",
        .arguments = "FILE.db NAME|SQL",
        .examples = examples,
};

enum format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON };

struct query {
        char **parameters; /* name=value */
        enum format format;
        const char *path;
        const char *what; /* name or SQL */
};

/* -- reports ------------------------------------------------------------------------------------------------------- */

static int compare_texts(gconstpointer a, gconstpointer b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of all reports, in order. */
static GPtrArray *report_names(void)
{
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *folder = data_dir("reports");
        g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
        const char *file;

        while (dir != NULL && (file = g_dir_read_name(dir)) != NULL)
                if (g_str_has_suffix(file, ".sql") && file[0] != '.')
                        g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(".sql")));
        g_ptr_array_sort(names, compare_texts);
        return names;
}

/* Text of a report, or NULL if there is none of that name. */
static char *report_text(const char *name)
{
        g_autofree char *folder = data_dir("reports");
        g_autofree char *file = g_strconcat(name, ".sql", NULL);
        g_autofree char *path = g_build_filename(folder, file, NULL);
        char *text = NULL;

        g_file_get_contents(path, &text, NULL, NULL);
        return text;
}

/* Words that can be the name of a report; all else is SQL. */
static gboolean is_name(const char *what)
{
        return what[0] != '\0' && strspn(what, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(what);
}

/* The comment lines a report opens with, without their dashes, up to and without the first other line. */
static GPtrArray *report_comment(const char *text)
{
        GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
        g_auto(GStrv) all = g_strsplit(text, "\n", -1);

        for (char **line = all; *line != NULL && g_str_has_prefix(*line, "--"); line++)
                g_ptr_array_add(lines, g_strdup(*line + 2));
        return lines;
}

/* A line of the comment that declares a parameter, "  :name = default in VALUES   meaning", in parts; NULL: another. */
enum { PARAMETER_NAME = 1, PARAMETER_USUAL, PARAMETER_VALUES /* NULL: any */ };

static char **parse_parameter(const char *line)
{
        g_autoptr(GRegex) regex = g_regex_new("^ *:(\\w+) *= *(\\S+)(?: +in +(\\S+))?", 0, 0, NULL);
        g_autoptr(GMatchInfo) found = NULL;

        return g_regex_match(regex, line, 0, &found) ? g_match_info_fetch_all(found) : NULL;
}

static int list_reports(void)
{
        g_autoptr(GPtrArray) names = report_names();

        for (guint i = 0; i < names->len; i++) {
                g_autofree char *text = report_text(names->pdata[i]);
                g_autoptr(GPtrArray) comment = report_comment(text != NULL ? text : "");

                printf("%-16s%s\n", (const char *)names->pdata[i],
                       comment->len > 0 ? (const char *)comment->pdata[0] : "");
                for (guint line = 1; line < comment->len; line++) {
                        g_auto(GStrv) parts = parse_parameter(comment->pdata[line]);

                        if (parts != NULL)
                                printf("%-16s   -p %s\n", "", strchr(comment->pdata[line], ':') + 1);
                }
        }
        return EXIT_OK;
}

/* -- parameters ---------------------------------------------------------------------------------------------------- */

static void bind_word(sqlite3_stmt *statement, int at, const char *word)
{
        gint64 number;
        double real;
        char *end;

        real = g_ascii_strtod(word, &end);
        if (g_ascii_string_to_signed(word, 10, G_MININT64, G_MAXINT64, &number, NULL))
                sqlite3_bind_int64(statement, at, number);
        else if (*word != '\0' && *end == '\0')
                sqlite3_bind_double(statement, at, real);
        else if (strcmp(word, "NULL") == 0)
                sqlite3_bind_null(statement, at);
        else
                sqlite3_bind_text(statement, at, word, -1, SQLITE_TRANSIENT);
}

/* The parts of the line that declares the parameter; NULL: the comment does not. */
static char **find_parameter(const GPtrArray *comment, const char *name)
{
        for (guint i = 0; i < comment->len; i++) {
                g_auto(GStrv) parts = parse_parameter(comment->pdata[i]);

                if (parts != NULL && strcmp(parts[PARAMETER_NAME], name) == 0)
                        return g_steal_pointer(&parts);
        }
        return NULL;
}

/* What -p says of a parameter, the last one if there are several. NULL: nothing. */
static const char *find_given(const struct query *query, const char *name)
{
        const char *found = NULL;

        for (char **given = query->parameters; given != NULL && *given != NULL; given++) {
                gsize length = strcspn(*given, "=");

                if (length == strlen(name) && strncmp(*given, name, length) == 0)
                        found = *given + length + 1;
        }
        return found;
}

/* "A..B", either of them left out. */
static gboolean parse_range(const char *word, gint64 *ret_first, gint64 *ret_last)
{
        g_auto(GStrv) ends = g_strsplit(word, "..", 2);

        if (strstr(word, "..") == NULL)
                return FALSE;
        *ret_first = G_MININT64;
        *ret_last = G_MAXINT64;
        return (*ends[0] == '\0' || g_ascii_string_to_signed(ends[0], 10, G_MININT64, G_MAXINT64, ret_first, NULL)) &&
               (*ends[1] == '\0' || g_ascii_string_to_signed(ends[1], 10, G_MININT64, G_MAXINT64, ret_last, NULL));
}

static gboolean is_cache(const struct recording *recording, const char *name)
{
        g_autoptr(sqlite3_stmt) select = NULL;

        if (sqlite3_prepare_v2(recording->db, "SELECT 1 FROM cache WHERE name = ?", -1, &select, NULL) != SQLITE_OK)
                return FALSE;
        sqlite3_bind_text(select, 1, name, -1, SQLITE_TRANSIENT);
        return sqlite3_step(select) == SQLITE_ROW;
}

static gboolean is_whole_number(const char *text)
{
        return g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, NULL, NULL);
}

/* Is the value one of those that this word allows? A time becomes a number of ns. */
static gboolean is_allowed(const struct recording *recording, const char *word, char **value)
{
        gint64 first, last;
        uint64_t t_ns;

        if (strcmp(word, "caches") == 0)
                return is_cache(recording, *value);
        if (strcmp(word, "times") == 0) {
                if (g_ascii_string_to_unsigned(*value, 10, 0, G_MAXINT64, NULL, NULL))
                        return TRUE;
                if (quantity_time(*value, &t_ns) != NULL || t_ns > G_MAXINT64)
                        return FALSE;
                g_free(*value);
                *value = g_strdup_printf("%" PRIu64, t_ns);
                return TRUE;
        }
        if (parse_range(word, &first, &last))
                return g_ascii_string_to_signed(*value, 10, first, last, NULL, NULL);
        return strcmp(word, *value) == 0;
}

static void refuse_value(const struct recording *recording, char **parts, const char *value)
{
        g_auto(GStrv) words = g_strsplit(parts[PARAMETER_VALUES] != NULL ? parts[PARAMETER_VALUES] : "..", "|", -1);
        guint count = g_strv_length(words);
        const char *usual = parts[PARAMETER_USUAL];

        fprintf(stderr, "kmemsim query: the parameter %s is ", parts[PARAMETER_NAME]);
        if (!is_whole_number(usual) && !g_strv_contains((const char *const *)words, usual))
                fprintf(stderr, "%s%s", usual, count > 1 ? ", " : " or ");
        for (guint i = 0; i < count; i++) {
                const char *dots = strstr(words[i], "..");

                fputs(i == 0 ? "" : i + 1 < count ? ", " : " or ", stderr);
                if (strcmp(words[i], "caches") == 0)
                        fputs("the name of a cache", stderr);
                else if (strcmp(words[i], "times") == 0)
                        fputs("a time, as a number of ns or with ns, us, ms or s", stderr);
                else if (dots == NULL)
                        fputs(words[i], stderr);
                else if (dots == words[i])
                        fputs("a whole number", stderr);
                else if (dots[2] == '\0')
                        fprintf(stderr, "a whole number, %.*s or more", (int)(dots - words[i]), words[i]);
                else
                        fprintf(stderr, "a whole number from %.*s to %s", (int)(dots - words[i]), words[i], dots + 2);
        }
        fprintf(stderr, ", not \"%s\"", value);
        if (g_strv_contains((const char *const *)words, "caches"))
                fprintf(stderr, " (kmemsim query %s \"SELECT name FROM cache\" has the names)", recording->path);
        fputc('\n', stderr);
}

/*
 * Value of a parameter: what -p says, else the report's default. Newly allocated. NULL: neither, or it is not one that
 * the report can do with, and stderr says so.
 */
static char *find_value(const struct query *query, const struct recording *recording, const GPtrArray *comment,
                        const char *name)
{
        g_auto(GStrv) parts = find_parameter(comment, name);
        g_autofree char *value = g_strdup(find_given(query, name));
        g_auto(GStrv) words = NULL;

        if (value == NULL && parts != NULL)
                return g_strdup(parts[PARAMETER_USUAL]);
        if (value == NULL)
                fprintf(stderr, "kmemsim query: the parameter :%s has no value: -p %s=VALUE\n", name, name);
        if (value == NULL || parts == NULL || strcmp(value, parts[PARAMETER_USUAL]) == 0)
                return g_steal_pointer(&value);
        if (parts[PARAMETER_VALUES] == NULL && (!is_whole_number(parts[PARAMETER_USUAL]) || is_whole_number(value)))
                return g_steal_pointer(&value);
        words = g_strsplit(parts[PARAMETER_VALUES] != NULL ? parts[PARAMETER_VALUES] : "", "|", -1);
        for (char **word = words; *word != NULL; word++)
                if (is_allowed(recording, *word, &value))
                        return g_steal_pointer(&value);
        refuse_value(recording, parts, value);
        return NULL;
}

static void unknown_parameter(const char *name, sqlite3_stmt *statement)
{
        int count = sqlite3_bind_parameter_count(statement);

        fprintf(stderr, "kmemsim query: this query has no parameter \"%s\"; it has", name);
        for (int at = 1; at <= count; at++) {
                const char *spelled = sqlite3_bind_parameter_name(statement, at);

                fprintf(stderr, "%s %s", at > 1 ? "," : "", spelled != NULL ? spelled + 1 : "?");
        }
        fprintf(stderr, "%s\n", count == 0 ? " none" : "");
}

static gboolean bind_parameters(const struct query *query, const struct recording *recording, const char *text,
                                sqlite3_stmt *statement)
{
        g_autoptr(GPtrArray) comment = report_comment(text);
        int count = sqlite3_bind_parameter_count(statement);

        for (char **given = query->parameters; given != NULL && *given != NULL; given++) {
                g_autofree char *name = g_strndup(*given, strcspn(*given, "="));
                g_autofree char *spelled = g_strconcat(":", name, NULL);

                if (strchr(*given, '=') == NULL) {
                        fprintf(stderr, "kmemsim query: -p %s: say -p NAME=VALUE\n", *given);
                        return FALSE;
                }
                if (sqlite3_bind_parameter_index(statement, spelled) == 0) {
                        unknown_parameter(name, statement);
                        return FALSE;
                }
        }
        for (int at = 1; at <= count; at++) {
                const char *spelled = sqlite3_bind_parameter_name(statement, at);
                g_autofree char *value = NULL;

                if (spelled == NULL) {
                        fprintf(stderr, "kmemsim query: a parameter needs a name, such as :bytes, "
                                        "for -p bytes=VALUE\n");
                        return FALSE;
                }
                value = find_value(query, recording, comment, spelled + 1);
                if (value == NULL)
                        return FALSE;
                bind_word(statement, at, value);
        }
        return TRUE;
}

/* -- the answer ---------------------------------------------------------------------------------------------------- */

/*
 * A value as text; NULL for NULL. Real numbers look the same in every locale. It lies in the row or in `scratch`,
 * until the next call.
 */
static const char *cell_text(sqlite3_stmt *row, int column, GString *scratch)
{
        char number[G_ASCII_DTOSTR_BUF_SIZE];
        g_autofree char *valid = NULL;
        const char *text;
        int bytes;

        switch (sqlite3_column_type(row, column)) {
        case SQLITE_NULL: return NULL;
        case SQLITE_FLOAT:
                return g_string_assign(scratch,
                                       g_ascii_dtostr(number, sizeof(number), sqlite3_column_double(row, column)))
                        ->str;
        case SQLITE_BLOB:
                g_string_assign(scratch, "x'");
                for (int i = 0; i < sqlite3_column_bytes(row, column); i++)
                        g_string_append_printf(scratch, "%02x", ((const guchar *)sqlite3_column_blob(row, column))[i]);
                return g_string_append_c(scratch, '\'')->str;
        default:
                text = (const char *)sqlite3_column_text(row, column);
                bytes = sqlite3_column_bytes(row, column);
                if (sqlite3_column_type(row, column) == SQLITE_INTEGER || g_utf8_validate_len(text, (gsize)bytes, NULL))
                        return text;
                valid = g_utf8_make_valid(text, bytes);
                return g_string_assign(scratch, valid)->str;
        }
}

static gboolean is_number(int type)
{
        return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static void put_json_text(const char *text)
{
        putchar('"');
        for (const char *at = text; *at != '\0'; at++) {
                switch (*at) {
                case '"': fputs("\\\"", stdout); break;
                case '\\': fputs("\\\\", stdout); break;
                case '\n': fputs("\\n", stdout); break;
                case '\r': fputs("\\r", stdout); break;
                case '\t': fputs("\\t", stdout); break;
                default:
                        if ((guchar)*at < 0x20 || *at == 0x7f)
                                printf("\\u%04x", (guchar)*at);
                        else
                                putchar(*at);
                }
        }
        putchar('"');
}

static void put_json_value(const char *text, int type)
{
        gboolean is_infinite = text != NULL && type == SQLITE_FLOAT && strpbrk(text, "iInN") != NULL;

        if (text == NULL || is_infinite) /* which JSON does not know */
                fputs("null", stdout);
        else if (is_number(type))
                fputs(text, stdout);
        else
                put_json_text(text);
}

/* Names of the columns; a name that comes again gets a number, so that objects keep all values. */
static char **column_names(sqlite3_stmt *statement)
{
        int count = sqlite3_column_count(statement);
        char **names = g_new0(char *, (gsize)count + 1);

        for (int i = 0; i < count; i++) {
                int same = 1;

                for (int other = 0; other < i; other++)
                        same += strcmp(sqlite3_column_name(statement, other), sqlite3_column_name(statement, i)) == 0;
                names[i] = same > 1 ? g_strdup_printf("%s_%d", sqlite3_column_name(statement, i), same)
                                    : g_strdup(sqlite3_column_name(statement, i));
        }
        return names;
}

static int answer_json(sqlite3_stmt *statement)
{
        g_autoptr(GString) scratch = g_string_new(NULL);
        g_auto(GStrv) names = column_names(statement);
        gboolean first = TRUE;
        int code;

        putchar('[');
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                fputs(first ? "\n{" : ",\n{", stdout);
                first = FALSE;
                for (int i = 0; names[i] != NULL; i++) {
                        int type = sqlite3_column_type(statement, i); /* before it is made a text */

                        fputs(i > 0 ? ", " : "", stdout);
                        put_json_text(names[i]);
                        fputs(": ", stdout);
                        put_json_value(cell_text(statement, i, scratch), type);
                }
                putchar('}');
        }
        fputs(first ? "]\n" : "\n]\n", stdout);
        return code;
}

static void put_csv_cell(const char *text, gboolean last)
{
        if (text != NULL && (*text == '\0' || strpbrk(text, "\",\r\n") != NULL)) {
                putchar('"');
                for (const char *at = text; *at != '\0'; at++) {
                        if (*at == '"')
                                putchar('"');
                        putchar(*at);
                }
                putchar('"');
        } else if (text != NULL) {
                fputs(text, stdout);
        }
        fputs(last ? "\r\n" : ",", stdout);
}

static int answer_csv(sqlite3_stmt *statement)
{
        g_autoptr(GString) scratch = g_string_new(NULL);
        int count = sqlite3_column_count(statement);
        int code;

        for (int i = 0; i < count; i++)
                put_csv_cell(sqlite3_column_name(statement, i), i + 1 == count);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                for (int i = 0; i < count; i++)
                        put_csv_cell(cell_text(statement, i, scratch), i + 1 == count);
        }
        return code;
}

static glong display_width(const char *text)
{
        glong width = 0;

        for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
                gunichar c = (guchar)*at < 0x80 ? (gunichar)*at : g_utf8_get_char(at);

                width += c < 0x80 ? 1 : g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        }
        return width;
}

/* Appends a text and its final 0. Lines and control characters would break the table, or worse, the terminal. */
static void append_one_line(GString *to, const char *text)
{
        for (const char *at = text; *at != '\0'; at++) {
                if (*at == '\n')
                        g_string_append(to, "\\n");
                else if ((guchar)*at < 0x20 || *at == 0x7f)
                        g_string_append_printf(to, "\\x%02x", (guchar)*at);
                else
                        g_string_append_c(to, *at);
        }
        g_string_append_c(to, '\0');
}

static void put_blanks(glong count)
{
        for (; count > 0; count--)
                putchar_unlocked(' ');
}

static void put_table_cell(const char *text, glong width, gboolean right, gboolean last)
{
        glong pad = width - display_width(text);

        if (right)
                put_blanks(pad);
        fputs(text, stdout);
        if (!right && !last)
                put_blanks(pad);
        fputs(last ? "\n" : "  ", stdout);
}

static int answer_table(sqlite3_stmt *statement)
{
        int count = sqlite3_column_count(statement);
        g_autoptr(GString) scratch = g_string_new(NULL);
        /* each with its final 0: the width is known when all have been seen */
        g_autoptr(GString) cells = g_string_new(NULL);
        g_autofree glong *widths = g_new0(glong, (gsize)count);
        g_autofree gboolean *is_text = g_new0(gboolean, (gsize)count);
        int code;

        for (int i = 0; i < count; i++)
                widths[i] = display_width(sqlite3_column_name(statement, i));
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                for (int i = 0; i < count; i++) {
                        gboolean number = is_number(sqlite3_column_type(statement, i));
                        const char *text = cell_text(statement, i, scratch);
                        gsize at = cells->len;

                        append_one_line(cells, text != NULL ? text : "");
                        if (text != NULL && !number)
                                is_text[i] = TRUE;
                        widths[i] = MAX(widths[i], display_width(cells->str + at));
                }
        }
        for (int i = 0; i < count; i++)
                put_table_cell(sqlite3_column_name(statement, i), widths[i], !is_text[i], i + 1 == count);
        for (int i = 0; i < count; i++) {
                g_autofree char *line = g_strnfill((gsize)widths[i], '-');

                put_table_cell(line, widths[i], FALSE, i + 1 == count);
        }
        for (const char *at = cells->str, *end = at + cells->len; at < end;)
                for (int i = 0; i < count; i++, at += strlen(at) + 1)
                        put_table_cell(at, widths[i], !is_text[i], i + 1 == count);
        return code;
}

/* -- asking -------------------------------------------------------------------------------------------------------- */

/* What a query may do: read. The file is opened read-only as well; this also keeps other files out of reach. */
static int authorize(void *context, int action, const char *first, const char *second, const char *db,
                     const char *trigger)
{
        static const char *const pragmas[] = {
                "application_id", "index_info", "index_list", "index_xinfo", "integrity_check", "quick_check",
                "table_info",     "table_list", "table_xinfo", "user_version", NULL,
        };

        (void)context, (void)db, (void)trigger;
        switch (action) {
        case SQLITE_SELECT:
        case SQLITE_READ:
        case SQLITE_RECURSIVE: return SQLITE_OK;
        case SQLITE_FUNCTION: return g_strcmp0(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
        case SQLITE_PRAGMA: return first != NULL && g_strv_contains(pragmas, first) ? SQLITE_OK : SQLITE_DENY;
        default: return SQLITE_DENY;
        }
}

/* An error of SQLite: that of a damaged file or of the query. */
static int fail_sql(struct recording *recording, int code)
{
        g_autoptr(GError) error = NULL;

        switch (code & 0xff) {
        case SQLITE_AUTH:
        case SQLITE_READONLY:
                fprintf(stderr, "kmemsim query: a query can only read (%s)\n", sqlite3_errmsg(recording->db));
                return EXIT_USAGE;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_BUSY:
                record_fail(&error, recording->db, code, "read", recording->path);
                fprintf(stderr, "kmemsim query: %s\n", error->message);
                return EXIT_IO;
        default:
                fprintf(stderr, "kmemsim query: %s\n", sqlite3_errmsg(recording->db));
                return EXIT_USAGE;
        }
}

/* Is there anything but white space and comments behind the first statement? */
static gboolean has_more(const char *tail)
{
        while (*tail != '\0') {
                if (g_ascii_isspace(*tail) || *tail == ';') {
                        tail++;
                } else if (g_str_has_prefix(tail, "--")) {
                        tail += strcspn(tail, "\n");
                } else if (g_str_has_prefix(tail, "/*") && strstr(tail + 2, "*/") != NULL) {
                        tail = strstr(tail + 2, "*/") + 2;
                } else {
                        return TRUE;
                }
        }
        return FALSE;
}

static int ask(const struct query *query, struct recording *recording, const char *sql)
{
        g_autoptr(sqlite3_stmt) statement = NULL;
        const char *tail;
        int code;

        sqlite3_set_authorizer(recording->db, authorize, NULL);
        code = sqlite3_prepare_v2(recording->db, sql, -1, &statement, &tail);
        if (code != SQLITE_OK)
                return fail_sql(recording, code);
        if (statement == NULL || has_more(tail)) {
                fprintf(stderr, "kmemsim query: %s\n", statement == NULL ? "there is no query" : "one query at a time");
                return EXIT_USAGE;
        }
        if (!bind_parameters(query, recording, sql, statement))
                return EXIT_USAGE;
        switch (query->format) {
        case FORMAT_CSV: code = answer_csv(statement); break;
        case FORMAT_JSON: code = answer_json(statement); break;
        default: code = answer_table(statement); break;
        }
        if (code != SQLITE_DONE)
                return fail_sql(recording, code);
        return EXIT_OK;
}

/* Letters to change, insert or leave out to get from one word to the other. */
static guint edit_distance(const char *a, const char *b)
{
        gsize width = strlen(b) + 1;
        g_autofree guint *row = g_new(guint, width);

        for (gsize j = 0; j < width; j++)
                row[j] = (guint)j;
        for (gsize i = 1; a[i - 1] != '\0'; i++) {
                guint before = row[0];

                row[0] = (guint)i;
                for (gsize j = 1; j < width; j++) {
                        guint change = before + (a[i - 1] != b[j - 1]);

                        before = row[j];
                        row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
                }
        }
        return row[width - 1];
}

static gboolean is_near(const char *asked, const char *name)
{
        return (strlen(asked) >= 3 && (strstr(name, asked) != NULL || strstr(asked, name) != NULL)) ||
               edit_distance(asked, name) <= MAX(strlen(asked) / 3, 1);
}

static int unknown_name(const char *asked)
{
        g_autoptr(GPtrArray) names = report_names();
        gboolean has_near = FALSE;

        for (guint i = 0; i < names->len; i++)
                has_near = has_near || is_near(asked, names->pdata[i]);
        fprintf(stderr, "kmemsim query: there is no query \"%s\"; %s", asked, has_near ? "near it:" : "there are");
        for (guint i = 0, shown = 0; i < names->len; i++)
                if (!has_near || is_near(asked, names->pdata[i]))
                        fprintf(stderr, "%s %s", shown++ > 0 ? "," : "", (const char *)names->pdata[i]);
        fprintf(stderr, "%s\n", has_near ? " (kmemsim query --list shows all)" : "");
        return EXIT_USAGE;
}

static int show_sql(const char *name)
{
        g_autofree char *text = is_name(name) ? report_text(name) : NULL;

        if (text == NULL)
                return unknown_name(name);
        fputs(text, stdout);
        return EXIT_OK;
}

/* What why_failed is about to read; its parameters say of which request. */
static int prepare_why_failed(const struct query *query, struct recording *recording, const char *report)
{
        g_autoptr(GPtrArray) comment = report_comment(report);
        g_autofree char *op = find_value(query, recording, comment, "op");
        g_autofree char *failure = op != NULL ? find_value(query, recording, comment, "failure") : NULL;
        g_autoptr(GError) error = NULL;

        if (failure == NULL)
                return EXIT_USAGE;
        if (why_failed_prepare(recording, (uint64_t)g_ascii_strtoll(op, NULL, 10),
                               (uint64_t)g_ascii_strtoll(failure, NULL, 10), &error))
                return EXIT_OK;
        fprintf(stderr, "kmemsim query: %s\n", error->message);
        return g_error_matches(error, RECORD_ERROR, RECORD_ERROR_USAGE) ? EXIT_USAGE : EXIT_IO;
}

static int run_query(struct query *query)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *report = NULL;

        if (is_name(query->what)) {
                report = report_text(query->what);
                if (report == NULL)
                        return unknown_name(query->what);
        }
        recording = recording_open(query->path, &error);
        if (recording == NULL) {
                fprintf(stderr, "kmemsim query: %s\n", error->message);
                return EXIT_IO;
        }
        if (strcmp(query->what, WHY_FAILED_NAME) == 0) {
                int code = prepare_why_failed(query, recording, report);

                if (code != EXIT_OK)
                        return code;
        }
        return ask(query, recording, report != NULL ? report : query->what);
}

static int parse_and_run(int argc, char **argv)
{
        g_auto(GStrv) parameters = NULL;
        gboolean table = FALSE, csv = FALSE, json = FALSE, list = FALSE, sql = FALSE;
        const GOptionEntry entries[] = {
                { "table", 0, 0, G_OPTION_ARG_NONE, &table, "answer as an aligned table (default)", NULL },
                { "csv", 0, 0, G_OPTION_ARG_NONE, &csv, "answer as CSV", NULL },
                { "json", 0, 0, G_OPTION_ARG_NONE, &json, "answer as JSON, an array of objects", NULL },
                { "parameter", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &parameters, "value of a parameter",
                  "NAME=VALUE" },
                { "list", 0, 0, G_OPTION_ARG_NONE, &list, "the named queries and their parameters", NULL },
                { "sql", 0, 0, G_OPTION_ARG_NONE, &sql, "the SQL of a named query", NULL },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        g_autofree char *comment = NULL;
        struct query query;
        int code;

        for (int i = 1; i < argc; i++)
                if (comment == NULL && g_str_has_prefix(argv[i], "--") && g_ascii_isspace(argv[i][2]))
                        argv[i] = comment = g_strconcat("\n", argv[i], NULL); /* a comment of SQL is no option */
        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code;
        if (table + csv + json > 1)
                return usage_error(&help, "one of --table, --csv and --json");
        if (list)
                return list_reports();
        if (sql)
                return argc < 2 ? usage_error(&help, "the SQL of which query? (kmemsim query --list)")
                                : show_sql(argv[argc - 1]);
        if (argc < 3)
                return usage_error(&help, argc < 2 ? "FILE.db is missing (kmemsim query --help shows examples)"
                                                   : "ask what? A name (kmemsim query --list) or SQL");
        if (argc > 3)
                return usage_error(&help, "one query at a time; SQL goes in quotes");
        query = (struct query){ .parameters = parameters,
                                .format = csv ? FORMAT_CSV : json ? FORMAT_JSON : FORMAT_TABLE,
                                .path = argv[1],
                                .what = argv[2] };
        return run_query(&query);
}

int cmd_query(int argc, char **argv)
{
        return command_run(argc, argv, parse_and_run, EXIT_OK);
}
