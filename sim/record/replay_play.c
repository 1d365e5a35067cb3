/*
 * replay_play.c - the requests of a recording are made again, and what they do is compared record by record.
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
#include "record/replay_private.h"

#include <inttypes.h>

#include "mm/slab_debug.h"

#define ALARMS_AT_ONE_NS 100u /* then something does not come that should */

/* -- comparing ---------------------------------------------------------------------------------------------------- */

char *replay_stray_row(struct replay *replay, enum table_id table, uint64_t total)
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
        g_autofree char *stray = replay_stray_row(replay, table, total);
        g_autofree char *what = NULL;

        if (replay->error != NULL)
                return;
        what = g_strdup_printf("%s %s=%" PRIu64 ": the recording has no such row%s%s", schema_tables[table].name,
                               schema_tables[table].columns[0].name, number, stray != NULL ? "; " : "",
                               stray != NULL ? stray : "");
        replay_differ_row(replay, table, what, record, cache);
}

/* The next row of event: 1, 0: no more, -1: error. */
int replay_next_event(struct replay *replay, struct event_record *ret, int *ret_bad, char **ret_bad_text)
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
                        replay_differ_row(replay, TABLE_EVENT,
                                          "the replay goes on with an event after the last one recorded", event,
                                          CACHE_ID_NONE);
                return;
        }
        digest_events(replay->digest, event, 1);
        row = replay_next_event(replay, &recorded, &bad, &bad_text);
        if (row < 0)
                return;
        if (row == 0 || (int64_t)recorded.seq > (int64_t)event->seq) {
                differ_by_missing(replay, TABLE_EVENT, event->seq, replay->info.event_count, event, CACHE_ID_NONE);
        } else if (recorded.seq != event->seq) {
                g_autofree char *what =
                        g_strdup_printf("event seq=%" PRId64 ": recorded, not replayed", (int64_t)recorded.seq);

                replay_differ_row(replay, TABLE_EVENT, what, &recorded, CACHE_ID_NONE);
        } else if (bad >= 0 || memcmp(&recorded, event, sizeof(recorded)) != 0) {
                replay_differ_field(replay, TABLE_EVENT, &recorded, event, bad, bad_text, CACHE_ID_NONE);
        } else {
                replay_remember(replay, TABLE_EVENT, event, sizeof(*event));
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
                        replay_differ_row(replay, TABLE_OP, "the replay goes on with an op after the last one recorded",
                                          op, op->cache);
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
                replay_differ_field(replay, TABLE_OP, &recorded->row, op, recorded->bad_column, recorded->bad_text,
                                    op->cache);
        } else {
                replay_remember(replay, TABLE_OP, op, sizeof(*op));
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

void replay_tape_full(struct tape *tape, void *context)
{
        (void)tape;
        unload_tape(context);
}

/* -- asking for the requests -------------------------------------------------------------------------------------- */

/* Why a request of the recording cannot be made. */
static void differ_by_request(struct replay *replay, const struct op_record *op, const char *why)
{
        g_autofree char *what = g_strdup_printf("op id=%" PRIu64 ": recorded, and cannot be repeated: %s", op->id, why);

        replay_differ_row(replay, TABLE_OP, what, op, op->cache);
}

/* The next request of the workload by id, NULL: none left. */
static const struct recorded_op *next_request(struct replay *replay)
{
        for (; replay->next_id <= replay->info.op_total; replay->next_id++) {
                const struct recorded_op *op = op_source_get(replay->source, replay->next_id, &replay->error);

                if (op == NULL)
                        return NULL;
                if (op->state == RECORDED_MISSING && !op->is_known) {
                        differ_by_missing(replay, TABLE_OP, replay->next_id, replay->info.op_total, NULL,
                                          CACHE_ID_NONE);
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
        if (!recording_prepare(
                    replay->recording,
                    "SELECT name, size_bytes, align_bytes, flags, ctor_cycles, dtor_cycles FROM cache WHERE id = ?",
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
                differ_by_request(replay, op,
                                  op->t_ns < now_ns ? "its time is over when its turn comes"
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
                differ_by_request(replay, op,
                                  "its task is busy, or what began before it in the recording does not begin");
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

void replay_play(struct replay *replay)
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
