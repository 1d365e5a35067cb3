/*
 * cmd_diff.c - kmemsim diff: what differs between two recordings.
 *
 * In the order in which one would look: the machine, the workload, the first op and the first event that are not the
 * same, and the headline figures side by side (those of the named query summary, and the latencies). Equal things are
 * left out, except for the figures. Wall time is no difference.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "record/record_error.h"
#include "record/recording.h"
#include "record/schema.h"

static const char examples[] =
        "Examples:\n"
        "  kmemsim diff before.db after.db                what changed between two runs\n"
        "  kmemsim diff a.db b.db --exit-code && echo same\n"
        "\n"
        "Prints the facts of machine and workload that differ, the first op and the first event that differ, and the\n"
        "figures of both side by side. The last line is result: equal or result: "
        "different. Exit code 0 either way; with\n"
        "--exit-code 13 if they differ.";

static const struct command_help help = {
        .name = "diff",
        .what = "what differs between two recordings",
        .arguments = "A.db B.db",
        .examples = examples,
};

struct diff {
        struct recording *a, *b;
        gboolean differs;
        GError *error;
};

/* -- facts --------------------------------------------------------------------------------------------------------- */

static char *column_text(sqlite3_stmt *row, int column)
{
        const unsigned char *text = sqlite3_column_text(row, column);

        return text != NULL ? g_utf8_make_valid((const char *)text, -1) : NULL;
}

/* Names with their values, in the order in which they were read. */
struct facts {
        GPtrArray *names;
        GHashTable *values; /* name -> value */
};

static void facts_free(struct facts *facts)
{
        g_ptr_array_unref(facts->names);
        g_hash_table_unref(facts->values);
        g_free(facts);
}

typedef struct facts facts_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(facts_auto, facts_free)

/* First and second column of what `sql` answers; as far as it goes, with diff->error. */
static struct facts *read_facts(struct diff *diff, struct recording *recording, const char *sql)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        struct facts *facts = g_new0(struct facts, 1);

        facts->names = g_ptr_array_new_with_free_func(g_free);
        facts->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
        if (diff->error != NULL || !recording_prepare(recording, sql, &select, &diff->error))
                return facts;
        while (recording_step(recording, select, &diff->error) > 0) {
                char *name = column_text(select, 0), *value = column_text(select, 1);

                if (name == NULL)
                        name = g_strdup("");
                g_ptr_array_add(facts->names, name);
                g_hash_table_replace(facts->values, name, value != NULL ? value : g_strdup(""));
        }
        return facts;
}

static const char *find_value(const struct facts *facts, const char *name)
{
        return g_hash_table_lookup(facts->values, name);
}

/* A long text is told by its size. */
static char *short_text(const char *text)
{
        if (text == NULL)
                return g_strdup("(none)");
        return strchr(text, '\n') != NULL || strlen(text) > 60 ? g_strdup_printf("(%zu bytes)", strlen(text))
                                                               : g_strdup(text);
}

static void print_pair(const char *name, const char *a, const char *b)
{
        g_autofree char *left = short_text(a);
        g_autofree char *right = short_text(b);

        printf("  %-40s  %-32s  %s\n", name, left, right);
}

/* Prints what is not the same in both, under a title. */
static void diff_facts(struct diff *diff, const char *title, const char *sql)
{
        g_autoptr(facts_auto) a = read_facts(diff, diff->a, sql);
        g_autoptr(facts_auto) b = read_facts(diff, diff->b, sql);
        gboolean has_title = FALSE;

        for (int side = 0; side < 2 && diff->error == NULL; side++) {
                const GPtrArray *names = side == 0 ? a->names : b->names;

                for (guint i = 0; i < names->len; i++) {
                        const char *name = names->pdata[i];
                        const char *left = find_value(a, name), *right = find_value(b, name);

                        if (g_strcmp0(left, right) == 0 || (side == 1 && left != NULL)) /* shown with the first side */
                                continue;
                        if (!has_title)
                                printf("%s\n", title);
                        has_title = TRUE;
                        print_pair(name, left, right);
                        diff->differs = TRUE;
                }
        }
        if (has_title)
                printf("\n");
}

/* -- the first row that differs ------------------------------------------------------------------------------------ */

static char *select_mirrors(enum table_id id, const char *from)
{
        const struct table *table = &schema_tables[id];
        GString *sql = g_string_new("SELECT ");

        for (uint32_t i = 0; i < table->column_count; i++)
                g_string_append_printf(sql, "%s%s", i > 0 ? ", " : "", table->columns[i].name);
        g_string_append_printf(sql, " FROM %s WHERE %s >= %s ORDER BY %s", table->name, table->columns[0].name, from,
                               table->columns[0].name);
        return g_string_free(sql, FALSE);
}

static gboolean is_same_value(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
        return sqlite3_column_int64(a, column) == sqlite3_column_int64(b, column) &&
               (sqlite3_column_type(a, column) == SQLITE_NULL) == (sqlite3_column_type(b, column) == SQLITE_NULL);
}

static gboolean is_same_row(sqlite3_stmt *a, sqlite3_stmt *b, uint32_t count)
{
        for (int i = 0; i < (int)count; i++)
                if (!is_same_value(a, b, i))
                        return FALSE;
        return TRUE;
}

/* Names of the columns in which two rows differ. */
static void print_differing(sqlite3_stmt *a, sqlite3_stmt *b, const struct table *table)
{
        printf("  differ in:");
        for (int i = 0; i < (int)table->column_count; i++)
                if (!is_same_value(a, b, i))
                        printf(" %s", table->columns[i].name);
        printf("\n");
}

/* The row as people read it, from the view with names. */
static void print_named(struct diff *diff, struct recording *recording, const char *label, enum table_id table,
                        int64_t id)
{
        static const char op_sql[] = "SELECT * FROM op_named WHERE id = ?";
        static const char event_sql[] = "SELECT seq, t_ns, cpu, op, kind, args, cache, node, zone "
                                        "FROM event_named WHERE seq = ?";
        const char *sql = table == TABLE_OP ? op_sql : event_sql;
        g_autoptr(sqlite3_stmt) select = NULL;

        if (diff->error != NULL || !recording_prepare(recording, sql, &select, &diff->error))
                return;
        sqlite3_bind_int64(select, 1, id);
        printf("  %s:", label);
        if (recording_step(recording, select, &diff->error) <= 0) {
                printf(" no such row\n");
                return;
        }
        for (int i = 0; i < sqlite3_column_count(select); i++) {
                g_autofree char *text = column_text(select, i);

                if (text != NULL)
                        printf(" %s=%s", sqlite3_column_name(select, i), text);
        }
        printf("\n");
}

/* from: the lowest number that can differ, as SQL. */
static void diff_rows(struct diff *diff, enum table_id id, const char *from)
{
        const struct table *table = &schema_tables[id];
        g_autofree char *sql = select_mirrors(id, from);
        g_autoptr(sqlite3_stmt) a = NULL;
        g_autoptr(sqlite3_stmt) b = NULL;
        int has_a = 1, has_b = 1;
        int64_t number;

        if (diff->error != NULL || !recording_prepare(diff->a, sql, &a, &diff->error) ||
            !recording_prepare(diff->b, sql, &b, &diff->error))
                return;
        do {
                has_a = recording_step(diff->a, a, &diff->error);
                has_b = has_a < 0 ? -1 : recording_step(diff->b, b, &diff->error);
        } while (has_a > 0 && has_b > 0 && is_same_row(a, b, table->column_count));
        if (diff->error != NULL || (has_a == 0 && has_b == 0))
                return;
        if (has_a > 0 && has_b > 0)
                number = MIN(sqlite3_column_int64(a, 0), sqlite3_column_int64(b, 0));
        else
                number = sqlite3_column_int64(has_a > 0 ? a : b, 0);
        printf("first %s that differs: %s %" PRId64 "\n", table->name, table->columns[0].name, number);
        print_named(diff, diff->a, "a", id, number);
        print_named(diff, diff->b, "b", id, number);
        if (has_a > 0 && has_b > 0 && is_same_value(a, b, 0))
                print_differing(a, b, table);
        printf("\n");
        diff->differs = TRUE;
}

/*
 * The first block of ops whose sums (schema.h) are not the same begins with this id: no op before it needs to be read.
 * A row that was changed by hand is not found by its sums; that is what replay is for.
 */
static int64_t first_op_block(struct diff *diff)
{
        static const char sql[] = "SELECT first_id, rows, sum_, weighted_sum FROM op_check ORDER BY first_id, column_";
        g_autoptr(sqlite3_stmt) a = NULL;
        g_autoptr(sqlite3_stmt) b = NULL;
        int64_t first_id = 1;

        if (diff->error != NULL || !recording_prepare(diff->a, sql, &a, &diff->error) ||
            !recording_prepare(diff->b, sql, &b, &diff->error))
                return 1;
        while (recording_step(diff->a, a, &diff->error) > 0) {
                first_id = sqlite3_column_int64(a, 0);
                if (recording_step(diff->b, b, &diff->error) <= 0 || !is_same_row(a, b, 4))
                        break;
        }
        return first_id;
}

/* The digest is over all ops and events: with the same one there is nothing to look for. */
static gboolean has_same_digest(struct diff *diff)
{
        static const char sql[] = "SELECT key, value FROM run WHERE key IN ('digest', 'op_count', "
                                  "'event_count') ORDER BY key";
        g_autoptr(facts_auto) a = read_facts(diff, diff->a, sql);
        g_autoptr(facts_auto) b = read_facts(diff, diff->b, sql);

        for (guint i = 0; i < a->names->len; i++)
                if (g_strcmp0(find_value(a, a->names->pdata[i]), find_value(b, a->names->pdata[i])) != 0)
                        return FALSE;
        return a->names->len == 3;
}

/* -- figures ------------------------------------------------------------------------------------------------------- */

/* The named query, so that both commands mean the same by a figure. */
static char *summary_sql(void)
{
        g_autofree char *folder = data_dir("reports");
        g_autofree char *path = g_build_filename(folder, "summary.sql", NULL);
        g_autofree char *text = NULL;

        if (!g_file_get_contents(path, &text, NULL, NULL))
                return NULL;
        g_strchomp(text);
        if (g_str_has_suffix(text, ";"))
                text[strlen(text) - 1] = '\0';
        return g_strdup_printf("SELECT figure || CASE unit WHEN '' THEN '' ELSE ', ' || unit END, value FROM (%s) "
                               "WHERE figure NOT IN ('wall time', 'seed') "
                               "UNION ALL SELECT * FROM (SELECT key, value FROM run WHERE key GLOB 'latency_*' ORDER "
                               "BY key)",
                               text);
}

/* How much b is more than a, in percent, or "". */
static char *change_text(const char *a, const char *b)
{
        gint64 left, right;

        if (a == NULL || b == NULL || !g_ascii_string_to_signed(a, 10, G_MININT64, G_MAXINT64, &left, NULL) ||
            !g_ascii_string_to_signed(b, 10, G_MININT64, G_MAXINT64, &right, NULL) || left == right)
                return g_strdup("");
        if (left == 0)
                return g_strdup("new");
        {
                char number[G_ASCII_DTOSTR_BUF_SIZE];

                return g_strconcat(right > left ? "+" : "",
                                   g_ascii_formatd(number, sizeof(number), "%.1f",
                                                   ((double)right - (double)left) * 100 / (double)ABS(left)),
                                   " %", NULL);
        }
}

static void diff_figures(struct diff *diff)
{
        g_autofree char *sql = summary_sql();
        g_autoptr(facts_auto) a = NULL;
        g_autoptr(facts_auto) b = NULL;

        if (sql == NULL)
                return;
        a = read_facts(diff, diff->a, sql);
        b = read_facts(diff, diff->b, sql);
        if (diff->error != NULL)
                return;
        printf("%-52s  %-32s  %-32s  %s\n", "figures", "a", "b", "change");
        for (guint i = 0; i < a->names->len; i++) {
                const char *name = a->names->pdata[i];
                const char *left = find_value(a, name), *right = find_value(b, name);
                g_autofree char *change = change_text(left, right);
                gboolean is_same = g_strcmp0(left, right) == 0;

                printf("  %-50s  %-32s  %-32s  %s\n", name, left, right != NULL ? right : "",
                       is_same || *change != '\0' ? change : "differs");
                diff->differs = diff->differs || !is_same;
        }
        for (guint i = 0; i < b->names->len; i++)
                if (find_value(a, b->names->pdata[i]) == NULL)
                        printf("  %-50s  %-32s  %s\n", (const char *)b->names->pdata[i], "",
                               find_value(b, b->names->pdata[i]));
        printf("\n");
}

/* -- the command --------------------------------------------------------------------------------------------------- */

static void diff_all(struct diff *diff)
{
        g_autofree char *from = NULL;

        printf("a: %s\nb: %s\n\n", diff->a->path, diff->b->path);
        diff_facts(diff, "machine",
                   "SELECT r.key || CASE WHEN d.unit <> '' THEN ', ' || d.unit ELSE '' END, CASE r.key "
                   "WHEN 'machine_arch' THEN CASE r.value WHEN 0 THEN 'x86_64' ELSE 'i386' END ELSE r.value END "
                   "FROM run r LEFT JOIN column_doc d ON d.table_ = 'run' AND d.column_ = r.key "
                   "WHERE (r.key GLOB 'machine_*' OR r.key GLOB 'cost_*' OR r.key = 'model_version') "
                   "AND r.key <> 'machine_threads_max' ORDER BY r.key"); /* room for tasks follows from the workload */
        diff_facts(diff, "caches",
                   "SELECT 'cache ' || name, buffer_size || ' bytes, ' || num || ' in ' || "
                   "(1 << gfporder) || ' pages, limit ' || limit_ || '/' || batchcount || '/' || shared "
                   "FROM cache ORDER BY id");
        diff_facts(diff, "workload",
                   "SELECT key, value FROM run WHERE key = 'seed' OR key = 'scenario' OR key GLOB 'param_*' "
                   "OR key GLOB 'trace*' UNION ALL SELECT * FROM (SELECT 'file ' || name, substr(sha256, 1, 16) "
                   "FROM source ORDER BY name) UNION ALL SELECT * FROM (SELECT 'thread ' || id, kind || ' ' || name || "
                   "' on CPU ' || cpu FROM thread ORDER BY id)");
        if (!has_same_digest(diff)) {
                from = g_strdup_printf("%" PRId64, first_op_block(diff));
                diff_rows(diff, TABLE_OP, from);
                diff_rows(diff, TABLE_EVENT, "1");
        }
        diff_figures(diff);
}

static int diff_files(const char *path_a, const char *path_b, gboolean exit_code)
{
        g_autoptr(recording_auto) a = NULL;
        g_autoptr(recording_auto) b = NULL;
        struct diff diff = { 0 };
        g_autoptr(GError) error = NULL;

        a = recording_open(path_a, &error);
        b = a != NULL ? recording_open(path_b, &error) : NULL;
        if (b == NULL) {
                fprintf(stderr, "kmemsim diff: %s\n", error->message);
                return EXIT_IO;
        }
        diff.a = a;
        diff.b = b;
        diff_all(&diff);
        if (diff.error != NULL) {
                fflush(stdout);
                fprintf(stderr, "kmemsim diff: %s\n", diff.error->message);
                g_error_free(diff.error);
                return EXIT_IO;
        }
        printf("result: %s\n", diff.differs ? "different" : "equal");
        return diff.differs && exit_code ? EXIT_DIFFERS : EXIT_OK;
}

static int parse_and_run(int argc, char **argv)
{
        gboolean exit_code = FALSE;
        const GOptionEntry entries[] = {
                { "exit-code", 0, 0, G_OPTION_ARG_NONE, &exit_code, "exit with 13 if they differ", NULL },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        int code;

        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code;
        if (argc != 3)
                return usage_error(&help, argc < 3 ? "two recordings are needed (kmemsim diff --help shows examples)"
                                                   : "two recordings at a time");
        return diff_files(argv[1], argv[2], exit_code);
}

int cmd_diff(int argc, char **argv)
{
        return command_run(argc, argv, parse_and_run, EXIT_DIFFERS);
}
