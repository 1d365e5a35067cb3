/*
 * cmd_show.c - kmemsim show: the state of the allocator at any point of a recording, in the kernel's own text formats.
 *
 * And the same for one cache, page, slab or object, with who has it. A recording holds no snapshots. Its requests are
 * run again up to the point asked for, each result and event being compared on the way, and the state of the simulator
 * is printed there: it is the state the run itself had.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "mm/slab_debug.h"
#include "observe/proc_text.h"
#include "observe/slab_log.h"
#include "observe/state_text.h"
#include "record/record_error.h"
#include "record/recording.h"
#include "record/replay.h"
#include "script/quantity.h"

static const char examples[] =
        "Examples:\n"
        "  kmemsim show run.db slabinfo                   caches, slabs and objects at the end, as in /proc/slabinfo\n"
        "  kmemsim show run.db buddyinfo --at 12.5ms      free blocks by order after 12.5 ms of simulated time\n"
        "  kmemsim show run.db zoneinfo --at op:1234      watermarks and page lists when op 1234 was done\n"
        "  kmemsim show run.db fragmentation --at 1s      the indices of later kernels, by zone and order\n"
        "  kmemsim show run.db cache dentry_cache         geometry, magazines, lists and slabs of one cache\n"
        "  kmemsim show run.db page 7200 --at 3ms         what a page frame is, who has it, and the blocks around it\n"
        "  kmemsim show run.db slab 7200                  who has each object of a slab\n"
        "  kmemsim show run.db object 7200:512            who asked for an object, and its neighbours\n"
        "  kmemsim show run.db failure 2                  the second failure noted, as the kernel reports it\n"
        "\n"
        "WHAT is slabinfo, buddyinfo, zoneinfo, vmstat or meminfo (as 2.6.20 prints them), slab_allocators "
        "(of a machine with\n"
        "debug_slab), magazines, fragmentation, cache NAME, page PFN, slab PFN (any page of it), "
        "object PFN:OFFSET, or failure [N]\n"
        "(the last one if no number is given). The recording is run again up to that point; "
        "a long one takes as long as its\n"
        "replay. A moment is after all that happened up to and including it.";

static const struct command_help help = {
        .name = "show",
        .what = "the state at any point of a recording",
        .arguments = "FILE.db WHAT [WHICH]",
        .examples = examples,
};

/* "end", "op:1234" (or the number alone: times have units) or a time. NULL, or what is wrong with it. */
static const char *parse_point(const char *text, struct replay_point *ret)
{
        *ret = (struct replay_point){ .stop = REPLAY_TO_END };
        if (strcmp(text, "end") == 0)
                return NULL;
        if (g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &ret->op, NULL)) {
                ret->stop = REPLAY_TO_OP;
                return NULL;
        }
        if (g_str_has_prefix(text, "op:")) {
                ret->stop = REPLAY_TO_OP;
                return g_ascii_string_to_unsigned(text + 3, 10, 1, G_MAXINT64, &ret->op, NULL)
                               ? NULL : "is no op: write op:1234";
        }
        ret->stop = REPLAY_TO_TIME;
        return quantity_time(text, &ret->t_ns);
}

struct shown {
        const char *what;           /* one of proc_names, or NULL: target */
        struct state_target target;
        struct recording *recording;
        GString *text;
        char *caller, *problem;
        GError *error;
};

static const char allocators[] = "slab_allocators";

/* "op 12: kmalloc of 100 bytes, GFP_KERNEL, by worker at 2483 ns, 118866 ns ago". */
static void append_op(uint64_t op, uint64_t now_ns, GString *text, void *context)
{
        struct shown *shown = context;
        g_autoptr(sqlite3_stmt) select = NULL;

        g_string_append_printf(text, "op %" PRIu64, op);
        if (shown->error != NULL ||
            !recording_prepare(shown->recording,
                               "SELECT kind || CASE WHEN kind = 'pages' THEN ' of order ' || order_ "
                               "WHEN kind = 'alloc' THEN ' from ' || coalesce(cache, '?') "
                               "ELSE ' of ' || size_bytes || ' bytes' END || coalesce(', ' || gfp, '') || coalesce(', "
                               "at ' || site, '') || ', by ' || coalesce(site_task, task), t_ns FROM op_named "
                               "WHERE id = ?", &select, &shown->error))
                return;
        sqlite3_bind_int64(select, 1, (int64_t)op);
        if (recording_step(shown->recording, select, &shown->error) <= 0)
                return;
        g_string_append_printf(text, ": %s at %" PRIu64 " ns, %" PRIu64 " ns ago",
                               (const char *)sqlite3_column_text(select, 0), (uint64_t)sqlite3_column_int64(select, 1),
                               now_ns - (uint64_t)sqlite3_column_int64(select, 1));
}

/* "overrun.lua:12 [writer]" for a caller word; valid until the next one. */
static const char *caller_name(uint64_t caller, void *context)
{
        struct shown *shown = context;
        gboolean is_task = caller >= CALLER_TASK;
        g_autoptr(sqlite3_stmt) select = NULL;

        g_clear_pointer(&shown->caller, g_free);
        if (shown->error != NULL ||
            !recording_prepare(shown->recording, is_task ? "SELECT name FROM thread WHERE id = ?" :
                               "SELECT coalesce(name, '?') || coalesce(' [' || task || ']', '') FROM site WHERE id = ?",
                               &select, &shown->error))
                return NULL;
        sqlite3_bind_int64(select, 1, (int64_t)(is_task ? caller - CALLER_TASK : caller));
        if (recording_step(shown->recording, select, &shown->error) > 0)
                shown->caller = g_strdup((const char *)sqlite3_column_text(select, 0));
        return shown->caller;
}

static void show(const struct sim *sim, void *context)
{
        struct shown *shown = context;
        const struct state_names names = { append_op, caller_name, shown };

        if (g_strcmp0(shown->what, allocators) == 0) {
                if (!slab_log_allocators(sim, caller_name, shown, shown->text))
                        shown->problem = g_strdup("slab_allocators is of machines with debug_slab = true");
        } else if (shown->what != NULL)
                proc_text(sim, shown->what, shown->text);
        else
                shown->problem = state_text(sim, &shown->target, &names, shown->text);
}

static int fail(const GError *error)
{
        fprintf(stderr, "kmemsim show: %s\n", error->message);
        return g_error_matches(error, RECORD_ERROR, RECORD_ERROR_USAGE) ? EXIT_USAGE : EXIT_IO;
}

static int show_replayed(struct recording *recording, struct shown *shown, const struct replay_point *point)
{
        g_autoptr(GError) error = NULL;
        struct replay_result result;
        int code;

        if (!replay_to(recording, point, show, shown, &result, &error))
                return fail(error);
        if (result.differs) {
                fprintf(stderr, "kmemsim show: %s differs from its replay, so its state cannot be told\n%s",
                        recording->path, result.difference);
                code = EXIT_DIFFERS;
        } else if (shown->error != NULL) {
                code = fail(shown->error);
        } else if (shown->problem != NULL) {
                code = usage_error(&help, "%s", shown->problem);
        } else {
                fputs(shown->text->str, stdout);
                code = EXIT_OK;
        }
        replay_result_clear(&result);
        return code;
}

/* The text of failure `number`, or of the last one up to the point; nothing has to be run again for it. */
static int show_failure(struct recording *recording, int64_t number, const struct replay_point *point)
{
        static const char sql[] =
                "SELECT coalesce(report, message), nr FROM (SELECT *, row_number() OVER (ORDER BY id) AS nr, "
                "count(*) OVER () AS whole FROM failure WHERE t_ns <= ?2 AND coalesce(op, 0) <= ?3) "
                "WHERE nr = CASE ?1 WHEN 0 THEN whole ELSE ?1 END";
        g_autoptr(sqlite3_stmt) select = NULL;
        g_autoptr(GError) error = NULL;
        const char *text;
        int found;

        if (!recording_prepare(recording, sql, &select, &error))
                return fail(error);
        sqlite3_bind_int64(select, 1, number);
        sqlite3_bind_int64(select, 2,
                           point->stop == REPLAY_TO_TIME ? (int64_t)MIN(point->t_ns, G_MAXINT64) : G_MAXINT64);
        sqlite3_bind_int64(select, 3, point->stop == REPLAY_TO_OP ? (int64_t)point->op : G_MAXINT64);
        found = recording_step(recording, select, &error);
        if (found < 0)
                return fail(error);
        if (found == 0 && number == 0)
                return usage_error(&help,
                                   "no failure was noted up to this point (kmemsim query %s failures shows what "
                                   "failed)",
                                   recording->path);
        if (found == 0)
                return usage_error(&help, "there is no failure %" PRId64 " up to this point", number);
        text = (const char *)sqlite3_column_text(select, 0);
        if (text == NULL)
                return usage_error(&help, "failure %d has no text", sqlite3_column_int(select, 1));
        printf("%s%s", text, g_str_has_suffix(text, "\n") ? "" : "\n");
        return EXIT_OK;
}

/* -- the words ----------------------------------------------------------------------------------------------------- */

static gboolean parse_number(const char *text, uint64_t max, uint64_t *ret)
{
        gboolean hex = g_str_has_prefix(text, "0x");

        return g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0, max, ret, NULL);
}

static const char there_are[] = "there are slabinfo, slab_allocators, buddyinfo, zoneinfo, vmstat, meminfo, magazines, "
                                "fragmentation, cache NAME, page PFN, slab PFN, object PFN:OFFSET, failure [N]";

/* "cache NAME" and so on. NULL, or what is wrong. */
static const char *parse_target(const char *what, const char *which, struct state_target *ret)
{
        static const struct {
                const char *word, *problem;
        } kinds[] = {
                [STATE_CACHE] = { "cache", "show which cache? cache NAME" },
                [STATE_PAGE] = { "page", "show which page? page PFN, a page frame number" },
                [STATE_SLAB] = { "slab", "show which slab? slab PFN, the number of any of its page frames" },
                [STATE_OBJECT] = { "object", "show which object? object PFN:OFFSET" },
        };
        g_auto(GStrv) parts = which != NULL ? g_strsplit(which, ":", -1) : NULL;
        uint64_t pfn, offset = 0;
        size_t kind = 0;

        while (kind < G_N_ELEMENTS(kinds) && strcmp(what, kinds[kind].word) != 0)
                kind++;
        if (kind == G_N_ELEMENTS(kinds))
                return there_are;
        ret->kind = (enum state_kind)kind;
        ret->name = which;
        if (which == NULL)
                return kinds[kind].problem;
        if (kind == STATE_CACHE)
                return NULL;
        if (g_strv_length(parts) != (kind == STATE_OBJECT ? 2 : 1) || !parse_number(parts[0], G_MAXUINT32, &pfn) ||
            (kind == STATE_OBJECT && !parse_number(parts[1], G_MAXUINT32, &offset)))
                return kinds[kind].problem;
        ret->pfn = (uint32_t)pfn;
        ret->offset = (uint32_t)offset;
        return NULL;
}

static int show_file(const char *path, const char *what, const char *which, const struct replay_point *point)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        gboolean is_proc = g_strv_contains(proc_names, what) || strcmp(what, allocators) == 0,
                 is_failure = strcmp(what, "failure") == 0;
        struct shown shown = { .what = is_proc ? what : NULL, .text = text };
        const char *problem = NULL;
        uint64_t number = 0;
        int code;

        if (is_proc && which != NULL)
                return usage_error(&help, "%s is one text: there is no \"%s\" of it", what, which);
        if (is_failure && which != NULL && (!parse_number(which, G_MAXINT64, &number) || number == 0))
                problem = "show which failure? failure [N], counted from 1";
        else if (!is_proc && !is_failure)
                problem = parse_target(what, which, &shown.target);
        if (problem == there_are)
                return usage_error(&help, "there is no \"%s\"; %s", what, there_are);
        if (problem != NULL)
                return usage_error(&help, "%s", problem);
        recording = recording_open(path, &error);
        if (recording == NULL)
                return fail(error);
        if (is_failure)
                return show_failure(recording, (int64_t)number, point);
        shown.recording = recording;
        code = show_replayed(recording, &shown, point);
        g_free(shown.problem);
        g_free(shown.caller);
        g_clear_error(&shown.error);
        return code;
}

static int parse_and_run(int argc, char **argv)
{
        g_autofree char *at = NULL;
        const GOptionEntry entries[] = {
                { "at", 0, 0, G_OPTION_ARG_STRING, &at, "12ms, op:1234 or end (default)", "POINT" },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        struct replay_point point;
        const char *problem;
        int code;

        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code;
        if (argc < 2)
                return usage_error(&help, "FILE.db is missing (kmemsim show --help shows examples)");
        if (argc < 3)
                return usage_error(&help, "show what? slabinfo, slab_allocators, buddyinfo, zoneinfo, vmstat, meminfo, "
                                          "magazines, fragmentation, cache, page, slab, object or failure");
        if (argc > 4)
                return usage_error(&help, "one text at a time");
        problem = parse_point(at != NULL ? at : "end", &point);
        if (problem != NULL)
                return usage_error(&help, "--at %s %s", at, problem);
        return show_file(argv[1], argv[2], argc > 3 ? argv[3] : NULL, &point);
}

int cmd_show(int argc, char **argv)
{
        return command_run(argc, argv, parse_and_run, EXIT_OK);
}
