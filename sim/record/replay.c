/*
 * replay.c - see replay.h.
 *
 * Requests are asked for (sim_submit, sim_raise) one after the other in order of id. The engine gives the ids when ops
 * begin, so a request must be asked for such that it begins after all with a lower id and before all with a higher
 * one. Between different times that is no question. At one moment t there are, in the engine's order (sim.h): steps of
 * running ops, the machine's timers, interrupts, and wake-ups of the workload. The original asked at one of these
 * points, and the replay is called there too:
 *   - after a step, as SIM_DONE of the same op,
 *   - in an interrupt, as SIM_WAKE or SIM_DONE of the same handler,
 *   - else at the alarm, a wake-up of a thread of our own at t.
 * pump() is called at each of them, and asks for all requests that are due now and whose turn it is. It is not the
 * turn of a request while an op of the machine with a lower id has not begun, or while the request before it has not
 * begun and could be overtaken (it waits for a CPU that was busy when it was asked for, or an interrupt comes next);
 * then the alarm is set again to the same moment, behind what is due by now.
 */
#include "record/replay.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "engine/sim.h"
#include "mm/slab_debug.h"
#include "observe/observer.h"
#include "observe/sampler.h"
#include "record/op_source.h"
#include "record/schema.h"
#include "record/totals.h"
#include "trace/tape.h"

#define BLOCK_OPS        4096u
#define BLOCK_EVENTS     8192u
#define LAST_ROWS        8u   /* shown before a difference */
#define ALARMS_AT_ONE_NS 100u /* then something does not come that should */

/* A thread of the recording. */
struct player {
        enum thread_kind kind;
        uint32_t cpu;
        uint64_t op;        /* asked for and not done, 0: none */
        gboolean is_raised; /* irq: sim_raise, no SIM_WAKE yet */
        gboolean in_handler; /* irq: between SIM_WAKE and sim_irq_return, and idle */
        uint32_t irq;       /* irq: number of the interrupt, as recorded */
};

struct last_row {
        const struct table *table;
        union {
                struct op_record op;
                struct event_record event;
        } record;
};

struct replay {
        struct recording *recording;
        struct run_info info;
        struct sim *sim;
        struct tape tape;
        struct op_source *source;
        sqlite3_stmt *events; /* stands behind the last event compared */
        struct digest *digest;
        struct sampler *sampler;
        struct totals *totals;
        gboolean has_cut; /* FALSE: killed before the first commit of the run itself */
        sqlite3_stmt *sites; /* NULL: of no op it is known where it came from */

        struct player *players; /* by thread id */
        uint32_t player_count;
        uint32_t alarm_thread;
        uint64_t alarm_ns; /* TIME_NEVER: not set */
        uint64_t tried_ns; /* the moment for which try_later counts */
        uint32_t tried_count;
        uint32_t cpu_load[MACHINE_CPUS_MAX]; /* requests asked for and not done */
        uint64_t moves;                      /* of threads, that cpu_load has taken into account */
        GHashTable *objects;                 /* op id -> handle + 1, of what is live */

        uint64_t next_id;      /* the next request to ask for is not below it */
        uint64_t machine_id;   /* the last op of the machine below it: must have begun */
        uint64_t asked_id;     /* the request asked for last */
        gboolean asked_behind; /* its CPU was busy */

        uint64_t op_count, event_count; /* compared */
        struct replay_point point;
        uint64_t limit_ns; /* where play() ends at the latest */
        gboolean until_done;
        struct last_row last[LAST_ROWS];
        uint32_t last_count;

        GString *difference; /* NULL: none so far */
        GError *error;
};

static gboolean is_over(const struct replay *replay)
{
        return replay->difference != NULL || replay->error != NULL || replay->until_done;
}

static gboolean is_cut(const struct replay *replay)
{
        return strcmp(replay->info.status, "done") != 0;
}

/* -- telling a difference ------------------------------------------------------------------------------------------- */

/* What a number stands for, or NULL. */
static const char *meaning_of(const struct table *table, const struct column *column, int64_t value)
{
        gboolean is_event = table == &schema_tables[TABLE_EVENT];

        if (strcmp(column->name, "kind") == 0 && is_event)
                return value >= 0 && value < EVENT_KIND_COUNT ? event_kind_names[value].name : NULL;
        if (strcmp(column->name, "kind") == 0)
                return value >= 0 && value < OP_KIND_COUNT ? op_kind_names[value] : NULL;
        if (strcmp(column->name, "path") == 0)
                return value >= 0 && value < OP_PATH_COUNT ? op_path_names[value] : NULL;
        return NULL;
}

static void append_value(GString *text, const struct table *table, const struct column *column, const void *record)
{
        const char *meaning;
        int64_t value;

        if (!column_value(column, record, &value)) {
                g_string_append(text, "NULL");
                return;
        }
        g_string_append_printf(text, "%" PRId64, value);
        meaning = meaning_of(table, column, value);
        if (meaning != NULL)
                g_string_append_printf(text, " (%s)", meaning);
}

static void append_record(GString *text, const struct table *table, const void *record)
{
        for (uint32_t i = 0; i < table->column_count; i++) {
                const struct column *column = &table->columns[i];

                if (column->bytes == 0)
                        continue;
                g_string_append_printf(text, "%s%s=", i > 0 ? " " : "", column->name);
                append_value(text, table, column, record);
        }
        g_string_append_c(text, '\n');
}

struct cpu_text {
        GString *cpus[MACHINE_CPUS_MAX];
        uint32_t cache; /* of the lowest op under way */
};

static void append_pending(const struct op_record *op, const struct cache_spec *spec, void *context)
{
        struct cpu_text *texts = context;
        GString *text = texts->cpus[op->cpu % MACHINE_CPUS_MAX];

        (void)spec;
        g_string_append_printf(text,
                               "%s op %" PRIu64 " %s of %s %u since %" PRIu64 " ns", text->len ? "," : "",
                               op->id, op_kind_names[op->kind],
                               op->origin != 0 ? "the machine, thread" : op->irq != 0 ? "interrupt handler" : "task",
                               op->task, op->t_ns);
        if (texts->cache == CACHE_ID_NONE)
                texts->cache = op->cache;
}

static void append_cache(GString *text, struct sim *sim, uint32_t cache)
{
        struct cache_stock stock;
        struct cache_view view;

        if (cache == CACHE_ID_NONE || !sim_cache_get(sim, cache, &view) || !sim_cache_stock(sim, cache, &stock))
                return;
        g_string_append_printf(text,
                               "  cache %s: %" PRIu64 " of %" PRIu64
                               " objects out of slabs, %" PRIu64 " live, %" PRIu64
                               " in magazines, %" PRIu64 " shared; slabs %u partial, %u full, %u free\n",
                               view.spec.name, stock.active_objs, stock.num_objs, stock.live_objs, stock.magazine_objs,
                               stock.shared_objs, stock.slabs_partial, stock.slabs_full, stock.slabs_free);
}

static void append_state(GString *text, const struct replay *replay, uint32_t cache)
{
        struct cpu_text texts = { .cache = cache };

        g_string_append_printf(text, "state of the replay at %" PRIu64 " ns:\n", sim_now_ns(replay->sim));
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                texts.cpus[cpu] = g_string_new(NULL);
        sim_pending(replay->sim, append_pending, &texts);
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                if (cpu < replay->info.config.cpus)
                        g_string_append_printf(text, "  CPU %u:%s\n", cpu,
                                               texts.cpus[cpu]->len > 0 ? texts.cpus[cpu]->str : " no op");
                g_string_free(texts.cpus[cpu], TRUE);
        }
        for (uint32_t i = 0; i < sim_zone_count(replay->sim); i++) {
                struct zone_view zone;

                sim_zone_get(replay->sim, i, &zone);
                if (zone.present_pages == 0)
                        continue;
                g_string_append_printf(text, "  zone %s of node %u: %" PRIu64 " free pages, blocks by order",
                                       zone.name, zone.node, zone.free_pages);
                for (uint32_t order = 0; order < MAX_ORDER; order++)
                        g_string_append_printf(text, " %u", zone.free_blocks[order]);
                g_string_append_printf(text, ", %u pages on page lists\n", zone.pcp_pages);
        }
        append_cache(text, replay->sim, texts.cache);
}

/* Begins the text of the first difference; NULL if there was one before. */
static GString *differ(struct replay *replay)
{
        if (is_over(replay))
                return NULL;
        replay->difference = g_string_new(NULL);
        return replay->difference;
}

static void end_difference(struct replay *replay, uint32_t cache)
{
        uint32_t shown = MIN(replay->last_count, LAST_ROWS);

        if (shown > 0)
                g_string_append(replay->difference, "rows before it, equal in both:\n");
        for (uint32_t i = replay->last_count - shown; i < replay->last_count; i++) {
                const struct last_row *last = &replay->last[i % LAST_ROWS];

                g_string_append_printf(replay->difference, "  %s ", last->table->name);
                append_record(replay->difference, last->table, &last->record);
        }
        append_state(replay->difference, replay, cache);
}

static void remember(struct replay *replay, enum table_id table, const void *record, size_t size)
{
        struct last_row *last = &replay->last[replay->last_count++ % LAST_ROWS];

        last->table = &schema_tables[table];
        memcpy(&last->record, record, size);
}

/* A row that only one side has. */
static void differ_by_row(struct replay *replay, enum table_id table, const char *what, const void *record,
                          uint32_t cache)
{
        GString *text = differ(replay);

        if (text == NULL)
                return;
        g_string_append_printf(text, "%s\n", what);
        if (record != NULL) {
                g_string_append(text, "  row: ");
                append_record(text, &schema_tables[table], record);
        }
        end_difference(replay, cache);
}

/* Two records of the same row. bad_column: what stands there in the recording is bad_text, whatever `recorded` says. */
static void differ_by_field(struct replay *replay, enum table_id id, const void *recorded, const void *replayed,
                            int bad_column, const char *bad_text, uint32_t cache)
{
        const struct table *table = &schema_tables[id];
        gboolean first = TRUE;
        GString *text = differ(replay);

        if (text == NULL)
                return;
        for (uint32_t i = 0; i < table->column_count; i++) {
                const struct column *column = &table->columns[i];

                if (column->bytes == 0 ||
                    ((int)i != bad_column && column_field(column, recorded) == column_field(column, replayed)))
                        continue;
                g_string_append_printf(text, first ? "%s %s=%" PRIu64 ", column %s: recorded " : "  also ",
                                       table->name, table->columns[0].name, column_field(&table->columns[0], replayed),
                                       column->name);
                if (!first)
                        g_string_append_printf(text, "%s: recorded ", column->name);
                if ((int)i == bad_column)
                        g_string_append_printf(text, "'%s'", bad_text);
                else
                        append_value(text, table, column, recorded);
                g_string_append(text, ", replayed ");
                append_value(text, table, column, replayed);
                g_string_append_c(text, '\n');
                first = FALSE;
        }
        g_string_append(text, "  recorded: ");
        append_record(text, table, recorded);
        g_string_append(text, "  replayed: ");
        append_record(text, table, replayed);
        end_difference(replay, cache);
}

/* -- comparing ------------------------------------------------------------------------------------------------------ */

/* A row the run cannot have made: its number is not one of those the run gave. Also names it when a number is missing. */
static char *find_stray_row(struct replay *replay, enum table_id table, uint64_t total)
{
        const char *key = schema_tables[table].columns[0].name;
        g_autofree char *sql = g_strdup_printf("SELECT %s FROM %s WHERE %s < 1 OR %s > ? ORDER BY %s LIMIT 1", key,
                                               schema_tables[table].name, key, key, key);
        g_autoptr(sqlite3_stmt) select = NULL;

        if (!recording_prepare(replay->recording, sql, &select, &replay->error))
                return NULL;
        sqlite3_bind_int64(select, 1, (int64_t)total);
        if (recording_step(replay->recording, select, &replay->error) <= 0)
                return NULL;
        return g_strdup_printf("the recording has a row %s %s=%" PRId64 ", and the run made 1 to %" PRIu64,
                               schema_tables[table].name, key, (int64_t)sqlite3_column_int64(select, 0), total);
}

/* A number that the recording lacks. */
static void differ_by_missing(struct replay *replay, enum table_id table, uint64_t number, uint64_t total,
                              const void *record, uint32_t cache)
{
        g_autofree char *stray = find_stray_row(replay, table, total);
        g_autofree char *what = NULL;

        if (replay->error != NULL)
                return;
        what = g_strdup_printf("%s %s=%" PRIu64 ": the recording has no such row%s%s", schema_tables[table].name,
                               schema_tables[table].columns[0].name, number, stray != NULL ? "; " : "",
                               stray != NULL ? stray : "");
        differ_by_row(replay, table, what, record, cache);
}

/* The next row of event: 1, 0: no more, -1: error. */
static int next_event(struct replay *replay, struct event_record *ret, int *ret_bad, char **ret_bad_text)
{
        const struct table *table = &schema_tables[TABLE_EVENT];
        int row = recording_step(replay->recording, replay->events, &replay->error);

        *ret_bad = -1;
        memset(ret, 0, sizeof(*ret));
        for (uint32_t i = 0; row > 0 && i < table->column_count; i++) {
                const unsigned char *text;

                if (column_set_field(&table->columns[i], ret, sqlite3_column_value(replay->events, (int)i)) ||
                    *ret_bad >= 0)
                        continue;
                *ret_bad = (int)i;
                text = sqlite3_column_text(replay->events, (int)i);
                *ret_bad_text = g_strdup(text != NULL ? (const char *)text : "NULL");
        }
        return row;
}

static void compare_event(struct replay *replay, const struct event_record *event)
{
        g_autofree char *bad_text = NULL;
        struct event_record recorded;
        int bad, row;

        if (event->seq > replay->info.event_count) {
                if (!is_cut(replay))
                        differ_by_row(replay, TABLE_EVENT, "the replay goes on with an event after the last one recorded",
                                      event, CACHE_ID_NONE);
                return;
        }
        digest_events(replay->digest, event, 1);
        row = next_event(replay, &recorded, &bad, &bad_text);
        if (row < 0)
                return;
        if (row == 0 || (int64_t)recorded.seq > (int64_t)event->seq) {
                differ_by_missing(replay, TABLE_EVENT, event->seq, replay->info.event_count, event, CACHE_ID_NONE);
        } else if (recorded.seq != event->seq) {
                g_autofree char *what = g_strdup_printf("event seq=%" PRId64 ": recorded, not replayed",
                                                        (int64_t)recorded.seq);

                differ_by_row(replay, TABLE_EVENT, what, &recorded, CACHE_ID_NONE);
        } else if (bad >= 0 || memcmp(&recorded, event, sizeof(recorded)) != 0) {
                differ_by_field(replay, TABLE_EVENT, &recorded, event, bad, bad_text, CACHE_ID_NONE);
        } else {
                remember(replay, TABLE_EVENT, event, sizeof(*event));
                totals_event(replay->totals, event);
                replay->event_count++;
        }
}

/* Where an op came from: no replay can tell, so that it is taken from the recording. */
static uint32_t site_of(struct replay *replay, uint64_t op)
{
        uint32_t site = 0;

        if (replay->sites == NULL)
                return 0;
        sqlite3_bind_int64(replay->sites, 1, (int64_t)op);
        if (recording_step(replay->recording, replay->sites, &replay->error) > 0)
                site = (uint32_t)sqlite3_column_int64(replay->sites, 0);
        sqlite3_reset(replay->sites);
        return site;
}

static void compare_op(struct replay *replay, const struct op_record *op)
{
        const struct recorded_op *recorded;

        if (op->id > replay->info.op_total) {
                if (!is_cut(replay))
                        differ_by_row(replay, TABLE_OP, "the replay goes on with an op after the last one recorded", op,
                                      op->cache);
                return;
        }
        recorded = op_source_get(replay->source, op->id, &replay->error);
        if (recorded == NULL)
                return;
        if (recorded->state == RECORDED_OPEN && is_cut(replay))
                return; /* it ends after the recording does */
        digest_ops(replay->digest, op, 1);
        if (recorded->state != RECORDED_DONE) {
                differ_by_missing(replay, TABLE_OP, op->id, replay->info.op_total, op, op->cache);
        } else if (recorded->bad_column >= 0 || memcmp(&recorded->row, op, sizeof(*op)) != 0) {
                differ_by_field(replay, TABLE_OP, &recorded->row, op, recorded->bad_column, recorded->bad_text,
                                op->cache);
        } else {
                remember(replay, TABLE_OP, op, sizeof(*op));
                totals_op(replay->totals, op, site_of(replay, op->id));
                replay->op_count++;
                replay->until_done = replay->point.stop == REPLAY_TO_OP && op->id == replay->point.op;
                op_source_release(replay->source, op->id);
        }
}

/* Compares what the tape has got. An op comes after its events. */
static void unload_tape(struct replay *replay)
{
        for (uint32_t i = 0; i < replay->tape.event_count && !is_over(replay); i++)
                compare_event(replay, &replay->tape.events[i]);
        for (uint32_t i = 0; i < replay->tape.op_count && !is_over(replay); i++)
                compare_op(replay, &replay->tape.ops[i]);
        replay->tape.event_count = 0;
        replay->tape.op_count = 0;
}

static void tape_is_full(struct tape *tape, void *context)
{
        (void)tape;
        unload_tape(context);
}

/* -- asking for the requests ---------------------------------------------------------------------------------------- */

/* Why a request of the recording cannot be made. */
static void differ_by_request(struct replay *replay, const struct op_record *op, const char *why)
{
        g_autofree char *what = g_strdup_printf("op id=%" PRIu64 ": recorded, and cannot be repeated: %s", op->id,
                                                why);

        differ_by_row(replay, TABLE_OP, what, op, op->cache);
}

/* The next request of the workload by id, NULL: none left. */
static const struct recorded_op *next_request(struct replay *replay)
{
        for (; replay->next_id <= replay->info.op_total; replay->next_id++) {
                const struct recorded_op *op = op_source_get(replay->source, replay->next_id, &replay->error);

                if (op == NULL)
                        return NULL;
                if (op->state == RECORDED_MISSING && !op->is_known) {
                        differ_by_missing(replay, TABLE_OP, replay->next_id, replay->info.op_total, NULL, CACHE_ID_NONE);
                        return NULL;
                }
                if (op->op.origin == 0)
                        return op;
                replay->machine_id = replay->next_id;
        }
        return NULL;
}

static struct player *player_of(struct replay *replay, const struct op_record *op)
{
        return op->task >= 1 && op->task <= replay->player_count ? &replay->players[op->task] : NULL;
}

static void set_alarm(struct replay *replay, uint64_t t_ns)
{
        if (replay->alarm_ns == t_ns)
                return;
        sim_wake_at(replay->sim, replay->alarm_thread, t_ns);
        replay->alarm_ns = t_ns;
}

/* Again at this moment, behind all that is due by now. FALSE: that has been tried often enough. */
static gboolean try_later(struct replay *replay)
{
        uint64_t now_ns = sim_now_ns(replay->sim);

        if (replay->tried_ns != now_ns)
                replay->tried_count = 0;
        replay->tried_ns = now_ns;
        if (replay->alarm_ns != now_ns && ++replay->tried_count > ALARMS_AT_ONE_NS)
                return FALSE;
        set_alarm(replay, now_ns);
        return TRUE;
}

/* What kmem_cache_create was asked for: the row of the cache that came of it. */
static const struct cache_spec *find_spec(struct replay *replay, const struct recorded_op *op, struct cache_spec *spec)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        const unsigned char *name;

        if (op->state == RECORDED_OPEN)
                return op->spec;
        if (!recording_prepare(replay->recording, "SELECT name, size_bytes, align_bytes, flags, ctor_cycles, dtor_cycles FROM cache WHERE id = ?",
                               &select, &replay->error))
                return NULL;
        sqlite3_bind_int64(select, 1, op->op.cache);
        if (recording_step(replay->recording, select, &replay->error) <= 0)
                return NULL;
        name = sqlite3_column_text(select, 0);
        if (name == NULL || strlen((const char *)name) > CACHE_NAME_MAX)
                return NULL;
        memset(spec, 0, sizeof(*spec));
        g_strlcpy(spec->name, (const char *)name, sizeof(spec->name));
        spec->size_bytes = (uint32_t)sqlite3_column_int64(select, 1);
        spec->align_bytes = (uint32_t)sqlite3_column_int64(select, 2);
        spec->flags = (uint32_t)sqlite3_column_int64(select, 3);
        spec->ctor_cycles = (uint32_t)sqlite3_column_int64(select, 4);
        spec->dtor_cycles = (uint32_t)sqlite3_column_int64(select, 5);
        return spec;
}

/* The name that was written to /proc/slabinfo: "", which no cache has, if it was that of none. */
static gboolean find_name(struct replay *replay, const struct op_record *op, struct cache_spec *spec)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        const char *name;

        memset(spec, 0, sizeof(*spec));
        if (op->cache == CACHE_ID_NONE)
                return TRUE;
        if (!recording_prepare(replay->recording, "SELECT name FROM cache WHERE id = ?", &select, &replay->error))
                return FALSE;
        sqlite3_bind_int64(select, 1, op->cache);
        if (recording_step(replay->recording, select, &replay->error) <= 0)
                return FALSE;
        name = (const char *)sqlite3_column_text(select, 0);
        return name != NULL && g_strlcpy(spec->name, name, sizeof(spec->name)) < sizeof(spec->name);
}

/* Does it name a page or object by the op that made it? Reclaim may have taken that: the core looks. */
static bool asks_for_object(const struct op_record *op)
{
        return (op->kind >= OP_PAGE_ACCESS && op->kind <= OP_PAGE_DELETE) || op->kind == OP_PUT || op->kind == OP_GET;
}

/* Threads whose CPU went down are somewhere else now. */
static void follow_moves(struct replay *replay)
{
        if (replay->moves == sim_moves(replay->sim))
                return;
        replay->moves = sim_moves(replay->sim);
        memset(replay->cpu_load, 0, sizeof(replay->cpu_load));
        for (uint32_t i = 1; i <= replay->player_count; i++) {
                struct player *player = &replay->players[i];

                player->cpu = sim_thread_cpu(replay->sim, i);
                replay->cpu_load[player->cpu] += player->op != 0;
        }
}

static gboolean ask(struct replay *replay, const struct recorded_op *recorded, struct player *player)
{
        const struct op_record *op = &recorded->op;
        struct cache_spec spec;
        struct request request = {
                .kind = op->kind,
                .order = op->order,
                .cpu = op->target_cpu,
                .flags = op->flags,
                .owner = op->owner,
                .node_plus_1 = op->node_plus_1,
                .gfp = op->gfp,
                .size_bytes = op->size_bytes,
                .cache = op->cache,
        };
        const char *problem;

        if (op->kind >= OP_MEMPOOL_CREATE && op->kind <= OP_MEMPOOL_DESTROY)
                request.mempool = op->result;
        if (op->kind == OP_PROCESS_SET)
                request.process = op->result;
        if (op->kind == OP_FREE && op->frees == 0) { /* of an address, in a debug_slab machine */
                request.object = OBJECT_NONE;
        } else if (op->kind == OP_FREE || op->kind == OP_MEMPOOL_FREE) {
                gpointer handle = g_hash_table_lookup(replay->objects, GSIZE_TO_POINTER(op->frees));

                if (handle == NULL) {
                        differ_by_request(replay, op, "it frees what is not live");
                        return FALSE;
                }
                request.object = (uint32_t)GPOINTER_TO_SIZE(handle) - 1;
        }
        if (asks_for_object(op)) {
                gpointer handle = g_hash_table_lookup(replay->objects, GSIZE_TO_POINTER(op->frees));

                if (handle == NULL) {
                        differ_by_request(replay, op, "there was no such page or object");
                        return FALSE;
                }
                request.object = (uint32_t)GPOINTER_TO_SIZE(handle) - 1;
                request.op = op->frees;
        }
        if (request.object == OBJECT_NONE || op->kind == OP_WRITE) {
                request.place = place_of(op->pfn, op->offset);
                request.op = op->frees;
        }
        if (replay->info.config.debug_slab)
                sim_set_site(replay->sim, op->task, site_of(replay, op->id) & (CALLER_TASK - 1));
        if (op->kind == OP_CREATE) {
                request.spec = find_spec(replay, recorded, &spec);
                if (request.spec == NULL) {
                        differ_by_request(replay, op, "table cache does not say what was asked for");
                        return FALSE;
                }
        }
        if (op->kind == OP_TUNE) {
                request.spec = &spec;
                if (!find_name(replay, op, &spec)) {
                        differ_by_request(replay, op, "table cache does not name the cache that was tuned");
                        return FALSE;
                }
        }
        problem = sim_submit(replay->sim, op->task, &request);
        if (problem != NULL) {
                differ_by_request(replay, op, problem);
                return FALSE;
        }
        if (op->kind == OP_FREE || op->kind == OP_MEMPOOL_FREE)
                g_hash_table_remove(replay->objects, GSIZE_TO_POINTER(op->frees));
        player->op = op->id;
        player->cpu = sim_thread_cpu(replay->sim, op->task);
        replay->cpu_load[player->cpu]++;
        player->in_handler = FALSE;
        follow_moves(replay);
        replay->asked_behind = player->kind == THREAD_TASK &&
                               (replay->cpu_load[player->cpu] > 1 || sim_cpu_stopping(replay->sim, player->cpu));
        replay->asked_id = op->id;
        replay->next_id = op->id + 1;
        return TRUE;
}

/* Is it the turn of the next request, whose time has come? An interrupt would come before all that is asked for. */
static gboolean is_turn(const struct replay *replay, const struct player *player)
{
        uint64_t begun_id = replay->tape.op_total;

        if (begun_id < replay->machine_id)
                return FALSE;
        return begun_id >= replay->asked_id || !(replay->asked_behind || player->kind == THREAD_IRQ);
}

/* Asks for the next request if it can be: TRUE: it was, and there may be more. */
static gboolean ask_next(struct replay *replay)
{
        uint64_t now_ns = sim_now_ns(replay->sim);
        const struct recorded_op *recorded = next_request(replay);
        const struct op_record *op;
        struct player *player;

        if (recorded == NULL || is_over(replay))
                return FALSE;
        op = &recorded->op;
        player = player_of(replay, op);
        if (player == NULL) {
                differ_by_request(replay, op, "table thread has no such task");
                return FALSE;
        }
        if (op->t_ns < now_ns || op->t_ns > replay->info.end_ns) {
                differ_by_request(replay, op, op->t_ns < now_ns ? "its time is over when its turn comes"
                                                                : "it begins after the end of the recording");
                return FALSE;
        }
        if (op->t_ns > now_ns) {
                set_alarm(replay, op->t_ns);
                return FALSE;
        }
        if (is_turn(replay, player) && player->op == 0) {
                if (player->kind == THREAD_TASK || (player->in_handler && player->irq == op->irq))
                        return ask(replay, recorded, player);
                if (!player->in_handler && !player->is_raised && sim_raise(replay->sim, op->task, now_ns)) {
                        player->is_raised = TRUE;
                        player->irq = op->irq;
                        return FALSE; /* SIM_WAKE comes */
                }
                if (player->is_raised)
                        return FALSE;
        }
        if (!try_later(replay))
                differ_by_request(replay, op, "its task is busy, or what began before it in the recording does not begin");
        return FALSE;
}

static void pump(struct replay *replay)
{
        while (ask_next(replay))
                ;
}

static void on_done(struct replay *replay, uint32_t thread)
{
        struct player *player = &replay->players[thread];
        const struct op_record *op = sim_result(replay->sim, thread);
        uint32_t object = sim_result_object(replay->sim, thread);

        if (object != OBJECT_NONE)
                g_hash_table_insert(replay->objects, GSIZE_TO_POINTER(op->id), GSIZE_TO_POINTER((gsize)object + 1));
        follow_moves(replay);
        player->op = 0;
        replay->cpu_load[player->cpu]--;
        player->in_handler = player->kind == THREAD_IRQ;
}

/* Is the next request of the recording one more of this handler, in the interrupt it is in? */
static bool is_next_of_handler(struct replay *replay, uint32_t thread)
{
        const struct player *player = &replay->players[thread];
        const struct recorded_op *next = next_request(replay);

        return player->in_handler && next != NULL && next->op.task == thread && next->op.irq == player->irq &&
               next->op.t_ns == sim_now_ns(replay->sim);
}

/* Did the handler ask for more in the same interrupt? If not it returns. */
static void leave_handler(struct replay *replay, uint32_t thread)
{
        struct player *player = &replay->players[thread];

        if (!player->in_handler)
                return;
        player->in_handler = FALSE;
        sim_irq_return(replay->sim, thread);
        pump(replay); /* the next interrupt of this thread may have waited for that */
}

/* All that a recording without an end has was compared: there is nothing to wait for. */
static gboolean is_complete(const struct replay *replay)
{
        return is_cut(replay) && replay->op_count == replay->info.op_count &&
               replay->event_count == replay->info.event_count;
}

static void play(struct replay *replay)
{
        gboolean waits_for_end = FALSE;

        pump(replay);
        while (!is_over(replay)) {
                uint32_t thread;
                enum sim_what what = sampled_run(replay->sampler, replay->sim, replay->limit_ns, &thread);

                unload_tape(replay);
                if (is_over(replay))
                        return;
                if (what == SIM_IDLE) { /* at the end, or the workload slept up to there */
                        if (waits_for_end || sim_now_ns(replay->sim) >= replay->limit_ns || is_complete(replay))
                                return;
                        waits_for_end = TRUE;
                        set_alarm(replay, replay->limit_ns);
                        continue;
                }
                if (what == SIM_WAKE && thread == replay->alarm_thread) {
                        replay->alarm_ns = TIME_NEVER;
                        pump(replay);
                        continue;
                }
                if (what == SIM_KILLED) { /* its last request is done, or it had none */
                        if (replay->players[thread].op != 0)
                                on_done(replay, thread);
                        pump(replay);
                        continue;
                }
                if (what == SIM_WAKE) {
                        replay->players[thread].is_raised = FALSE;
                        replay->players[thread].in_handler = TRUE;
                } else {
                        on_done(replay, thread);
                        if (!is_next_of_handler(replay, thread)) { /* its CPU is free for what begins now */
                                leave_handler(replay, thread);
                                pump(replay);
                                continue;
                        }
                }
                pump(replay);
                leave_handler(replay, thread);
        }
}

/* -- what must be equal at the end ---------------------------------------------------------------------------------- */

static void check_nothing_left(struct replay *replay)
{
        g_autofree char *stray_op = find_stray_row(replay, TABLE_OP, replay->info.op_total);
        g_autofree char *stray_event = find_stray_row(replay, TABLE_EVENT, replay->info.event_count);
        uint64_t left_id = op_source_first_left(replay->source, &replay->error);
        g_autofree char *bad_text = NULL;
        g_autofree char *what = NULL;
        struct event_record event;
        int bad, row;

        if (is_over(replay))
                return;
        if (left_id != 0) {
                const struct recorded_op *op = op_source_get(replay->source, left_id, &replay->error);

                what = g_strdup_printf("op id=%" PRIu64 ": recorded, not done in the replay", left_id);
                differ_by_row(replay, TABLE_OP, what, &op->row, op->row.cache);
                return;
        }
        if (replay->op_count != replay->info.op_count) {
                what = g_strdup_printf("run op_count: recorded %" PRIu64 ", replayed %" PRIu64,
                                       replay->info.op_count, replay->op_count);
                differ_by_row(replay, TABLE_OP, what, NULL, CACHE_ID_NONE);
                return;
        }
        if (stray_op != NULL || stray_event != NULL) {
                differ_by_row(replay, TABLE_OP, stray_op != NULL ? stray_op : stray_event, NULL, CACHE_ID_NONE);
                return;
        }
        row = next_event(replay, &event, &bad, &bad_text);
        if (row > 0)
                what = g_strdup_printf("event seq=%" PRId64 ": recorded, not replayed", (int64_t)event.seq);
        else if (row == 0 && replay->event_count < replay->info.event_count)
                what = g_strdup_printf("run event_count: recorded %" PRIu64 ", replayed %" PRIu64,
                                       replay->info.event_count, replay->event_count);
        if (what != NULL)
                differ_by_row(replay, TABLE_EVENT, what, row > 0 ? &event : NULL, CACHE_ID_NONE);
}

static void differ_by_value(struct replay *replay, const char *where, const char *column, const char *recorded,
                            const char *replayed)
{
        GString *text = differ(replay);

        if (text == NULL)
                return;
        g_string_append_printf(text, "%s, column %s: recorded %s, replayed %s\n", where, column, recorded, replayed);
        end_difference(replay, CACHE_ID_NONE);
}

static void differ_by_count(struct replay *replay, const char *table, uint64_t recorded_count, uint64_t replayed_count)
{
        g_autofree char *recorded = g_strdup_printf("%" PRIu64, recorded_count);
        g_autofree char *replayed = g_strdup_printf("%" PRIu64, replayed_count);

        differ_by_value(replay, table, "number of rows", recorded, replayed);
}

/* Is the stored value that of the field? */
static gboolean is_same_value(const struct column *column, sqlite3_value *stored, const void *record)
{
        int64_t value;

        if (!column_value(column, record, &value))
                return sqlite3_value_type(stored) == SQLITE_NULL;
        return sqlite3_value_type(stored) == SQLITE_INTEGER && sqlite3_value_int64(stored) == value;
}

/* The first column of a row that is not the field it mirrors, -1: none; skip: columns that may differ, or NULL. */
static int find_other_field(enum table_id id, sqlite3_stmt *row, const void *replayed, const char *const *skip)
{
        const struct table *table = &schema_tables[id];

        for (uint32_t i = 0; i < table->column_count; i++) {
                const struct column *column = &table->columns[i];

                if (column->bytes != 0 && !(skip != NULL && g_strv_contains(skip, column->name)) &&
                    !is_same_value(column, sqlite3_column_value(row, (int)i), replayed))
                        return (int)i;
        }
        return -1;
}

/* Compares a row with the fields it mirrors. */
static void compare_mirrors(struct replay *replay, enum table_id id, sqlite3_stmt *row, const void *replayed,
                            const char *where, const char *const *skip)
{
        int at = find_other_field(id, row, replayed, skip);
        const struct column *column = &schema_tables[id].columns[MAX(at, 0)];
        g_autofree char *text = NULL;
        const char *stored;
        int64_t value;

        if (at < 0)
                return;
        stored = (const char *)sqlite3_column_text(row, at);
        if (column_value(column, replayed, &value))
                text = g_strdup_printf("%" PRId64, value);
        differ_by_value(replay, where, column->name, stored != NULL ? stored : "NULL", text != NULL ? text : "NULL");
}

/* Caches as they are now. A cut recording has them as they were a little earlier. */
static uint32_t check_caches(struct replay *replay)
{
        static const char *const changing[] = { "live", "destroyed_ns", "limit_", "batchcount", "shared", NULL };
        g_autoptr(sqlite3_stmt) select = NULL;
        uint32_t count = 0;
        int row;

        if (!recording_prepare(replay->recording, "SELECT * FROM cache ORDER BY id", &select, &replay->error))
                return 0;
        while (!is_over(replay) && (row = recording_step(replay->recording, select, &replay->error)) > 0) {
                g_autofree char *where = g_strdup_printf("cache id=%u", count);
                const unsigned char *name = sqlite3_column_text(select, 1);
                struct cache_view view;

                if (sqlite3_column_int64(select, 0) != count || !sim_cache_get(replay->sim, count, &view)) {
                        differ_by_value(replay, where, "id", (const char *)sqlite3_column_text(select, 0), "no such cache");
                        break;
                }
                if (name == NULL || strcmp((const char *)name, view.spec.name) != 0)
                        differ_by_value(replay, where, "name", name != NULL ? (const char *)name : "NULL",
                                        view.spec.name);
                if (!is_cut(replay) || sqlite3_column_int(select, 16) != 0)
                        compare_mirrors(replay, TABLE_CACHE, select, &view, where, is_cut(replay) ? changing : NULL);
                count++;
        }
        if (!is_over(replay) && !is_cut(replay) && count != sim_cache_count(replay->sim)) {
                g_autofree char *where = g_strdup_printf("cache id=%u", count);

                differ_by_value(replay, where, "id", "no row", "a cache");
        }
        return count;
}

/* The sample at t_ns, from *at on; NULL: there is none. */
static const struct sample *find_sample(const GPtrArray *samples, guint *at, uint64_t t_ns)
{
        while (*at < samples->len && ((const struct sample *)samples->pdata[*at])->t_ns < t_ns)
                ++*at;
        return *at < samples->len && ((const struct sample *)samples->pdata[*at])->t_ns == t_ns ? samples->pdata[*at]
                                                                                              : NULL;
}

static void differ_by_cache_sample(struct replay *replay, sqlite3_stmt *row, const struct cache_at *at)
{
        g_autofree char *where = g_strdup_printf("cache_sample t_ns=%" PRId64 ", cache=%d",
                                                 (int64_t)sqlite3_column_int64(row, 0), sqlite3_column_int(row, 1));

        if (at == NULL || sqlite3_column_type(row, 1) != SQLITE_INTEGER || sqlite3_column_int64(row, 1) != at->cache)
                differ_by_value(replay, where, "cache", "a row", at == NULL ? "none" : "that of another cache");
        else
                compare_mirrors(replay, TABLE_CACHE_SAMPLE, row, &at->stock, where, NULL);
}

static void check_cache_samples(struct replay *replay)
{
        const GPtrArray *samples = sampler_samples(replay->sampler);
        g_autoptr(sqlite3_stmt) select = NULL;
        uint64_t last_ns = UINT64_MAX, count = 0, expected = 0;
        uint32_t next = 0;
        guint at = 0;

        if (!recording_prepare(replay->recording, "SELECT * FROM cache_sample ORDER BY rowid", &select, &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; count++) {
                uint64_t t_ns = (uint64_t)sqlite3_column_int64(select, 0);
                const struct sample *sample = find_sample(samples, &at, t_ns);
                const struct cache_at *cache;

                next = t_ns == last_ns ? next + 1 : 0;
                last_ns = t_ns;
                if (sample == NULL && is_cut(replay))
                        continue;
                cache = sample != NULL && next < sample->cache_count ? &sample->caches[next] : NULL;
                if (cache == NULL || sqlite3_column_type(select, 0) != SQLITE_INTEGER ||
                    sqlite3_column_type(select, 1) != SQLITE_INTEGER || sqlite3_column_int64(select, 1) != cache->cache ||
                    find_other_field(TABLE_CACHE_SAMPLE, select, &cache->stock, NULL) >= 0)
                        differ_by_cache_sample(replay, select, cache);
        }
        for (guint i = 0; i < samples->len; i++)
                expected += ((const struct sample *)samples->pdata[i])->cache_count;
        if (!is_over(replay) && !is_cut(replay) && count != expected)
                differ_by_count(replay, "cache_sample", count, expected);
}

static void differ_by_zone_sample(struct replay *replay, sqlite3_stmt *row, const struct zone_view *zone, uint32_t order)
{
        g_autofree char *where = g_strdup_printf("zone_sample t_ns=%" PRId64 ", node=%d, zone=%s, order_=%d",
                                                 (int64_t)sqlite3_column_int64(row, 0), sqlite3_column_int(row, 1),
                                                 (const char *)sqlite3_column_text(row, 2), sqlite3_column_int(row, 3));
        g_autofree char *replayed = NULL;

        if (zone != NULL)
                replayed = g_strdup_printf("zone %s of node %u, order %u, free_blocks %u, free_pages %" PRIu64 ", pcp_pages %u",
                                           zone->name, zone->node, order, zone->free_blocks[order], zone->free_pages,
                                           zone->pcp_pages);
        differ_by_value(replay, where, "free_blocks, free_pages or pcp_pages", "other values",
                        replayed != NULL ? replayed : "no row");
}

static void check_zone_samples(struct replay *replay)
{
        const GPtrArray *samples = sampler_samples(replay->sampler);
        g_autoptr(sqlite3_stmt) select = NULL;
        uint64_t last_ns = UINT64_MAX, count = 0, expected = 0;
        uint32_t next = 0;
        guint at = 0;

        if (!recording_prepare(replay->recording,
                               "SELECT t_ns, node, zone, order_, free_blocks, pcp_pages, free_pages FROM zone_sample "
                               "ORDER BY rowid", &select, &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; count++) {
                uint64_t t_ns = (uint64_t)sqlite3_column_int64(select, 0);
                const struct sample *sample = find_sample(samples, &at, t_ns);
                const struct zone_view *zone = NULL;
                uint32_t order;

                next = t_ns == last_ns ? next + 1 : 0;
                last_ns = t_ns;
                order = next % MAX_ORDER;
                if (sample == NULL && is_cut(replay))
                        continue;
                if (sample != NULL && next / MAX_ORDER < sample->zone_count)
                        zone = &sample->zones[next / MAX_ORDER];
                if (zone == NULL || g_strcmp0((const char *)sqlite3_column_text(select, 2), zone->name) != 0 ||
                    sqlite3_column_int64(select, 1) != zone->node || sqlite3_column_int64(select, 3) != order ||
                    sqlite3_column_int64(select, 4) != zone->free_blocks[order] ||
                    sqlite3_column_int64(select, 5) != zone->pcp_pages ||
                    (uint64_t)sqlite3_column_int64(select, 6) != zone->free_pages)
                        differ_by_zone_sample(replay, select, zone, order);
        }
        for (guint i = 0; i < samples->len; i++)
                expected += ((const struct sample *)samples->pdata[i])->zone_count * MAX_ORDER;
        if (!is_over(replay) && !is_cut(replay) && count != expected)
                differ_by_count(replay, "zone_sample", count, expected);
}

/* -- totals --------------------------------------------------------------------------------------------------------- */

static void check_total_rows(struct replay *replay, enum table_id id)
{
        const struct table *table = &schema_tables[id];
        const char *key = table->columns[0].name;
        g_autofree char *sql = g_strdup_printf("SELECT * FROM %s ORDER BY %s", table->name, key);
        g_autoptr(sqlite3_stmt) select = NULL;
        uint64_t count = 0;

        if (is_over(replay) || !recording_prepare(replay->recording, sql, &select, &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; count++) {
                int64_t value = sqlite3_column_int64(select, 0);
                g_autofree char *where = g_strdup_printf("%s %s=%" PRId64, table->name, key, value);
                const void *row = totals_row(replay->totals, id, value);

                if (row == NULL)
                        differ_by_value(replay, where, key, "a row", "none");
                else
                        compare_mirrors(replay, id, select, row, where, NULL);
        }
        if (!is_over(replay) && count != totals_row_count(replay->totals, id)) {
                g_autofree char *recorded = g_strdup_printf("%" PRIu64, count);
                g_autofree char *replayed = g_strdup_printf("%" PRIu64, totals_row_count(replay->totals, id));

                differ_by_value(replay, table->name, "number of rows", recorded, replayed);
        }
}

/* Does the recording say what the workload held at the end? One that was cut short does not. */
static gboolean has_live_count(struct replay *replay)
{
        g_autoptr(sqlite3_stmt) select = NULL;

        return recording_prepare(replay->recording, "SELECT value FROM run WHERE key = 'live_object_count'", &select,
                                 &replay->error) &&
               recording_step(replay->recording, select, &replay->error) > 0;
}

static void check_live_objects(struct replay *replay)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        uint64_t count = 0, live_count;

        if (is_over(replay) ||
            !recording_prepare(replay->recording, "SELECT pfn, offset, op FROM live_object", &select, &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; count++) {
                int64_t pfn = sqlite3_column_int64(select, 0), offset = sqlite3_column_int64(select, 1);
                int64_t op = sqlite3_column_int64(select, 2);
                g_autofree char *where = g_strdup_printf("live_object pfn=%" PRId64 ", offset=%" PRId64, pfn, offset);

                if (!totals_is_live(replay->totals, (uint64_t)op, (uint32_t)pfn, (uint32_t)offset))
                        differ_by_value(replay, where, "op", (const char *)sqlite3_column_text(select, 2), "none");
        }
        live_count = has_live_count(replay) ? totals_live_count(replay->totals) : 0;
        if (!is_over(replay) && count != live_count) {
                g_autofree char *recorded = g_strdup_printf("%" PRIu64, count);
                g_autofree char *replayed = g_strdup_printf("%" PRIu64, live_count);

                differ_by_value(replay, "live_object", "number of rows", recorded, replayed);
        }
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

static void check_failed_ops(struct replay *replay)
{
        g_autoptr(GArray) failed = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        g_autoptr(sqlite3_stmt) select = NULL;
        int row = 1;

        g_array_append_vals(failed, totals_failed_ops(replay->totals)->data, totals_failed_ops(replay->totals)->len);
        g_array_sort(failed, compare_ids);
        if (is_over(replay) ||
            !recording_prepare(replay->recording, "SELECT op FROM op_failed ORDER BY op", &select, &replay->error))
                return;
        for (guint at = 0; !is_over(replay) && row > 0; at++) {
                uint64_t op = at < failed->len ? g_array_index(failed, uint64_t, at) : 0;
                g_autofree char *replayed = op != 0 ? g_strdup_printf("%" PRIu64, op) : g_strdup("none");

                row = recording_step(replay->recording, select, &replay->error);
                if (row > 0 && (uint64_t)sqlite3_column_int64(select, 0) != op)
                        differ_by_value(replay, "op_failed", "op", (const char *)sqlite3_column_text(select, 0), replayed);
                else if (row == 0 && op != 0)
                        differ_by_value(replay, "op_failed", "op", "none", replayed);
        }
}

static void check_totals(struct replay *replay)
{
        if (!replay->has_cut)
                return;
        for (int i = 0; totals_tables[i] != TABLE_COUNT; i++)
                check_total_rows(replay, totals_tables[i]);
        check_live_objects(replay);
        check_failed_ops(replay);
}

/* The slabs that boot leaves: compared, and where the totals start from. */
static void begin_totals(struct replay *replay)
{
        g_autoptr(GArray) slabs = observer_slabs(replay->sim);
        g_autoptr(sqlite3_stmt) select = NULL;
        guint at = 0;

        for (guint i = 0; i < slabs->len; i++) {
                const struct boot_slab *slab = &g_array_index(slabs, struct boot_slab, i);

                totals_boot_slab(replay->totals, slab->pfn, slab->cache, slab->inuse);
        }
        if (!recording_prepare(replay->recording, "SELECT pfn, cache, inuse FROM boot_slab ORDER BY cache, pfn", &select,
                               &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; at++) {
                const struct boot_slab *slab = at < slabs->len ? &g_array_index(slabs, struct boot_slab, at) : NULL;
                int64_t pfn = sqlite3_column_int64(select, 0);
                g_autofree char *where = g_strdup_printf("boot_slab pfn=%" PRId64, pfn);

                if (slab == NULL || pfn != slab->pfn || sqlite3_column_int64(select, 1) != slab->cache ||
                    sqlite3_column_int64(select, 2) != slab->inuse)
                        differ_by_value(replay, where, "pfn, cache or inuse", "a slab", slab == NULL ? "none" : "another one");
        }
        replay->has_cut = at > 0 || !is_cut(replay);
        if (!is_over(replay) && replay->has_cut && at < slabs->len)
                differ_by_value(replay, "boot_slab", "number of rows", "less", "more");
}

static void check_digest(struct replay *replay, const char *digest)
{
        if (strcmp(digest, replay->info.digest) != 0)
                differ_by_value(replay, "run digest", "value", replay->info.digest, digest);
}

/* -- recorded failures ---------------------------------------------------------------------------------------------- */

/* Is the request still one that cannot be made? Only asked at the end, where the failure was. */
static gboolean is_refused(struct replay *replay, sqlite3_stmt *row)
{
        uint64_t frees = (uint64_t)sqlite3_column_int64(row, 6);
        int64_t task = sqlite3_column_int64(row, 3);
        struct cache_view view;

        if (sqlite3_column_int64(row, 5) == OP_FREE)
                return g_hash_table_lookup(replay->objects, GSIZE_TO_POINTER(frees)) == NULL;
        if (sqlite3_column_type(row, 7) != SQLITE_NULL)
                return !sim_cache_get(replay->sim, (uint32_t)sqlite3_column_int64(row, 7), &view) || !view.live;
        if (task >= 1 && task <= replay->player_count && replay->players[task].kind == THREAD_TASK &&
            replay->players[task].op == 0) {
                struct request request = {
                        .kind = (uint8_t)sqlite3_column_int64(row, 5),
                        .size_bytes = (uint64_t)sqlite3_column_int64(row, 8),
                        .gfp = (uint32_t)sqlite3_column_int64(row, 9),
                        .order = (uint8_t)sqlite3_column_int64(row, 10),
                };

                return sim_submit(replay->sim, (uint32_t)task, &request) != NULL;
        }
        return TRUE; /* an interrupt handler's: its turn is over */
}

static void check_failures(struct replay *replay, GPtrArray *lines)
{
        g_autoptr(sqlite3_stmt) select = NULL;

        if (!recording_prepare(replay->recording,
                               "SELECT id, t_ns, op, task, kind, request_kind, request_frees, request_cache, "
                               "request_size_bytes, request_gfp, request_order, message FROM failure ORDER BY id",
                               &select, &replay->error))
                return;
        while (!is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0) {
                const char *kind = (const char *)sqlite3_column_text(select, 4);
                const char *message = (const char *)sqlite3_column_text(select, 11);
                g_autofree char *where = g_strdup_printf("failure id=%d", sqlite3_column_int(select, 0));

                if (g_strcmp0(kind, "invariant") == 0 && sim_audit(replay->sim) == NULL)
                        differ_by_value(replay, where, "message", message != NULL ? message : "NULL", "no failure");
                if (sqlite3_column_type(select, 5) != SQLITE_NULL && !is_refused(replay, select))
                        differ_by_value(replay, where, "message", message != NULL ? message : "NULL",
                                        "the request is possible");
                g_ptr_array_add(lines, g_strdup_printf("%s: %s at %" PRId64 " ns%s%s",
                                                       kind != NULL ? kind : "failure",
                                                       message != NULL ? message : "",
                                                       (int64_t)sqlite3_column_int64(select, 1),
                                                       sqlite3_column_type(select, 2) != SQLITE_NULL ? ", op " : "",
                                                       sqlite3_column_type(select, 2) != SQLITE_NULL ?
                                                               (const char *)sqlite3_column_text(select, 2) : ""));
        }
}

/* -- the whole ------------------------------------------------------------------------------------------------------ */

static gboolean damaged(struct replay *replay, const char *what)
{
        g_set_error(&replay->error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: %s", replay->recording->path, what);
        return FALSE;
}

/* The threads of the workload, and one more: the alarm. */
static gboolean make_threads(struct replay *replay)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        int row;

        if (!recording_prepare(replay->recording, "SELECT id, kind, cpu, make_it_fail FROM thread ORDER BY id", &select,
                               &replay->error))
                return FALSE;
        replay->players = g_new0(struct player, replay->info.config.threads_max + 2);
        while ((row = recording_step(replay->recording, select, &replay->error)) > 0) {
                const char *kind = (const char *)sqlite3_column_text(select, 1);
                int64_t cpu = sqlite3_column_int64(select, 2);
                struct player *player;

                if (replay->player_count == replay->info.config.threads_max ||
                    sqlite3_column_int64(select, 0) != replay->player_count + 1 || cpu < 0 ||
                    cpu >= replay->info.config.cpus || (g_strcmp0(kind, "task") != 0 && g_strcmp0(kind, "irq") != 0))
                        return damaged(replay, "table thread does not hold the tasks and interrupt handlers of a run");
                player = &replay->players[++replay->player_count];
                player->kind = strcmp(kind, "irq") == 0 ? THREAD_IRQ : THREAD_TASK;
                player->cpu = (uint32_t)cpu;
                if (sim_thread_new(replay->sim, player->kind, player->cpu) != replay->player_count)
                        return damaged(replay, "its tasks and interrupt handlers cannot be made");
                if (sqlite3_column_int(select, 3) != 0)
                        sim_thread_make_it_fail(replay->sim, replay->player_count);
        }
        if (row < 0)
                return FALSE;
        replay->alarm_thread = sim_thread_new(replay->sim, THREAD_TASK, 0);
        return replay->alarm_thread != 0 ? TRUE : damaged(replay, "no room for one more task");
}

static gboolean make_processes(struct replay *replay)
{
        g_autoptr(sqlite3_stmt) select = NULL, tasks = NULL;
        uint32_t count = 0;
        int row;

        if (!recording_prepare(replay->recording,
                               "SELECT id, name, pid, parent, shares, flags, nice, oom_adj, total_vm_pages, cpu_ticks, age_s "
                               "FROM process ORDER BY id",
                               &select, &replay->error) ||
            !recording_prepare(replay->recording,
                               "SELECT id, process FROM thread WHERE process IS NOT NULL AND kind = 'task' ORDER BY id", &tasks,
                               &replay->error))
                return FALSE;
        while ((row = recording_step(replay->recording, select, &replay->error)) > 0) {
                const char *name = (const char *)sqlite3_column_text(select, 1);
                struct process_spec spec = {
                        .pid = (uint32_t)sqlite3_column_int64(select, 2),
                        .parent = (uint32_t)sqlite3_column_int64(select, 3),
                        .shares = (uint32_t)sqlite3_column_int64(select, 4),
                        .flags = (uint32_t)sqlite3_column_int64(select, 5),
                        .nice = (int32_t)sqlite3_column_int64(select, 6),
                        .oom_adj = (int32_t)sqlite3_column_int64(select, 7),
                        .total_vm_pages = (uint64_t)sqlite3_column_int64(select, 8),
                        .cpu_ticks = (uint64_t)sqlite3_column_int64(select, 9),
                        .age_s = (uint64_t)sqlite3_column_int64(select, 10),
                };
                const char *problem;

                g_strlcpy(spec.name, name != NULL ? name : "", sizeof(spec.name));
                if (sqlite3_column_int64(select, 0) != ++count || sim_process_new(replay->sim, &spec, &problem) != count)
                        return damaged(replay, "table process does not hold the processes of a run");
        }
        while (row == 0 && (row = recording_step(replay->recording, tasks, &replay->error)) > 0) {
                int64_t thread = sqlite3_column_int64(tasks, 0), process = sqlite3_column_int64(tasks, 1);

                if (thread < 1 || thread > replay->player_count || process < 1 || process > count)
                        return damaged(replay, "table thread names a process that is not there");
                sim_thread_join(replay->sim, (uint32_t)thread, (uint32_t)process);
                row = 0;
        }
        return row == 0;
}

static gboolean make_mempools(struct replay *replay)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        uint32_t count = 0;
        int row;

        if (!recording_prepare(replay->recording,
                               "SELECT id, name, min_nr, kind, size_bytes, cache, order_, node_plus_1 FROM mempool "
                               "ORDER BY id",
                               &select, &replay->error))
                return FALSE;
        while ((row = recording_step(replay->recording, select, &replay->error)) > 0) {
                const char *name = (const char *)sqlite3_column_text(select, 1);
                const char *kind = (const char *)sqlite3_column_text(select, 3);
                struct mempool_spec spec = {
                        .min_nr = (uint32_t)sqlite3_column_int64(select, 2),
                        .kind = g_strcmp0(kind, "kmalloc") == 0 ? MEMPOOL_KMALLOC :
                                g_strcmp0(kind, "slab") == 0    ? MEMPOOL_SLAB :
                                                                  MEMPOOL_PAGES,
                        .size_bytes = (uint32_t)sqlite3_column_int64(select, 4),
                        .cache = (uint32_t)sqlite3_column_int64(select, 5),
                        .order = (uint32_t)sqlite3_column_int64(select, 6),
                        .node_plus_1 = (uint32_t)sqlite3_column_int64(select, 7),
                };
                const char *problem;

                g_strlcpy(spec.name, name != NULL ? name : "", sizeof(spec.name));
                if (sqlite3_column_int64(select, 0) != ++count || sim_mempool_declare(replay->sim, &spec, &problem) != count)
                        return damaged(replay, "table mempool does not hold the memory pools of a run");
        }
        return row == 0;
}

static gboolean usage(struct replay *replay, char *problem)
{
        g_set_error_literal(&replay->error, RECORD_ERROR, RECORD_ERROR_USAGE, problem);
        g_free(problem);
        return FALSE;
}

/* Is the point in the recording? Sets limit_ns. */
static gboolean find_point(struct replay *replay)
{
        const struct replay_point *point = &replay->point;
        const struct recorded_op *op;

        replay->limit_ns = replay->info.end_ns;
        if (point->stop == REPLAY_TO_TIME) {
                if (point->t_ns > replay->info.end_ns)
                        return usage(replay, g_strdup_printf("%s ends at %" PRIu64 " ns, before %" PRIu64 " ns",
                                                             replay->recording->path, replay->info.end_ns, point->t_ns));
                replay->limit_ns = point->t_ns;
        }
        if (point->stop != REPLAY_TO_OP)
                return TRUE;
        if (point->op < 1 || point->op > replay->info.op_total)
                return usage(replay, g_strdup_printf("%s has ops 1 to %" PRIu64 ", and no op %" PRIu64,
                                                     replay->recording->path, replay->info.op_total, point->op));
        op = op_source_get(replay->source, point->op, &replay->error);
        if (op == NULL)
                return FALSE;
        if (op->state == RECORDED_OPEN)
                return usage(replay, g_strdup_printf("op %" PRIu64 " of %s is not done where the recording ends",
                                                     point->op, replay->recording->path));
        if (op->op.origin != 0 && op->op.t_ns <= replay->info.end_ns && op->op.dur_ns <= replay->info.end_ns - op->op.t_ns) {
                /* nobody is told when an op of the machine is done: only its time says when that is */
                replay->point.stop = REPLAY_TO_TIME;
                replay->limit_ns = op->op.t_ns + op->op.dur_ns;
        }
        return TRUE;
}

static gboolean has_sites(struct replay *replay)
{
        g_autoptr(sqlite3_stmt) select = NULL;

        return recording_prepare(replay->recording, "SELECT 1 FROM op_site LIMIT 1", &select, &replay->error) &&
               recording_step(replay->recording, select, &replay->error) > 0;
}

static gboolean prepare_replay(struct replay *replay)
{
        struct sim_config config;
        const char *problem;

        if (!recording_get_info(replay->recording, &replay->info, &replay->error))
                return FALSE;
        replay->source = op_source_new(replay->recording, replay->info.op_total, &replay->error);
        if (replay->source == NULL || !find_point(replay) ||
            !recording_prepare(replay->recording, "SELECT seq, t_ns, cpu, op, kind, a, b, c FROM event ORDER BY seq",
                               &replay->events, &replay->error))
                return FALSE;
        if (has_sites(replay) && replay->error == NULL &&
            !recording_prepare(replay->recording, "SELECT site FROM op_site WHERE op = ?", &replay->sites, &replay->error))
                return FALSE;
        config = replay->info.config;
        config.threads_max++;
        replay->sim = sim_create(&config, &replay->tape, &problem);
        if (replay->sim == NULL)
                return damaged(replay, problem);
        return make_threads(replay) && make_processes(replay) && make_mempools(replay);
}

static void finish_replay(struct replay *replay, struct replay_result *result)
{
        digest_text(replay->digest, result->digest);
        result->is_whole = replay->point.stop != REPLAY_TO_TIME && !replay->until_done;
        if (!is_over(replay) && result->is_whole) { /* also when the op never came */
                check_nothing_left(replay);
                check_digest(replay, result->digest);
                result->cache_count = check_caches(replay);
                if (!is_over(replay) && !is_cut(replay))
                        sampler_end(replay->sampler, replay->sim);
                check_zone_samples(replay);
                check_cache_samples(replay);
                check_totals(replay);
                if (!is_over(replay) && op_source_doubt(replay->source) != NULL)
                        differ_by_row(replay, TABLE_OP, op_source_doubt(replay->source), NULL, CACHE_ID_NONE);
                check_failures(replay, result->failures);
        }
        result->sample_count = sampler_point_count(replay->sampler);
        result->op_count = replay->op_count;
        result->event_count = replay->event_count;
        result->op_total = replay->info.op_total;
        result->end_ns = sim_now_ns(replay->sim);
        if (replay->difference != NULL) {
                result->differs = TRUE;
                result->difference = g_string_free(g_steal_pointer(&replay->difference), FALSE);
        }
}

gboolean replay_run(struct recording *recording, uint64_t until_op, struct replay_result *ret, GError **error)
{
        const struct replay_point point = { .stop = until_op != 0 ? REPLAY_TO_OP : REPLAY_TO_END, .op = until_op };

        return replay_to(recording, &point, NULL, NULL, ret, error);
}

gboolean replay_to(struct recording *recording, const struct replay_point *point, replay_visit visit, void *context,
                   struct replay_result *ret, GError **error)
{
        struct replay *replay = g_new0(struct replay, 1);
        gboolean ok;

        memset(ret, 0, sizeof(*ret));
        ret->failures = g_ptr_array_new_with_free_func(g_free);
        replay->recording = recording;
        replay->point = *point;
        replay->alarm_ns = TIME_NEVER;
        replay->tried_ns = TIME_NEVER;
        replay->next_id = 1;
        replay->digest = digest_new();
        replay->sampler = sampler_new();
        replay->totals = totals_new();
        replay->objects = g_hash_table_new(NULL, NULL);
        replay->tape = (struct tape){
                .ops = g_new(struct op_record, BLOCK_OPS),
                .op_cap = BLOCK_OPS,
                .events = g_new(struct event_record, BLOCK_EVENTS),
                .event_cap = BLOCK_EVENTS,
                .full = tape_is_full,
                .context = replay,
        };
        if (prepare_replay(replay)) {
                sampler_take(replay->sampler, replay->sim);
                begin_totals(replay);
                play(replay);
                if (visit != NULL && replay->difference == NULL && replay->error == NULL)
                        visit(replay->sim, context);
                finish_replay(replay, ret);
        }
        ret->status = g_steal_pointer(&replay->info.status);
        ret->recorded_digest = g_steal_pointer(&replay->info.digest);
        ok = replay->error == NULL;
        if (!ok) {
                g_propagate_error(error, g_steal_pointer(&replay->error));
                replay_result_clear(ret);
        }
        if (replay->difference != NULL)
                g_string_free(replay->difference, TRUE);
        run_info_clear(&replay->info);
        sqlite3_finalize(replay->events);
        sqlite3_finalize(replay->sites);
        totals_free(replay->totals);
        op_source_free(replay->source);
        g_clear_pointer(&replay->sim, sim_destroy);
        g_hash_table_unref(replay->objects);
        sampler_free(replay->sampler);
        digest_free(replay->digest);
        g_free(replay->tape.ops);
        g_free(replay->tape.events);
        g_free(replay->players);
        g_free(replay);
        return ok;
}

void replay_result_clear(struct replay_result *result)
{
        g_clear_pointer(&result->difference, g_free);
        g_clear_pointer(&result->status, g_free);
        g_clear_pointer(&result->recorded_digest, g_free);
        g_clear_pointer(&result->failures, g_ptr_array_unref);
}
