/*
 * replay.c - see replay.h: a replay from its beginning to its end. replay_private.h says what the other parts do.
 */
#include "record/replay_private.h"

#include <inttypes.h>

#define BLOCK_OPS 4096u
#define BLOCK_EVENTS 8192u

static gboolean damaged(struct replay *replay, const char *what)
{
        g_set_error(&replay->error, RECORD_ERROR, RECORD_ERROR_FORMAT, "%s is damaged: %s", replay->recording->path,
                    what);
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

        if (!recording_prepare(
                    replay->recording,
                    "SELECT id, name, pid, parent, shares, flags, nice, oom_adj, total_vm_pages, cpu_ticks, age_s "
                    "FROM process ORDER BY id",
                    &select, &replay->error) ||
            !recording_prepare(replay->recording,
                               "SELECT id, process FROM thread WHERE process IS NOT NULL AND kind = 'task' ORDER BY id",
                               &tasks, &replay->error))
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
                if (sqlite3_column_int64(select, 0) != ++count ||
                    sim_process_new(replay->sim, &spec, &problem) != count)
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
                        .kind = g_strcmp0(kind, "kmalloc") == 0 ? MEMPOOL_KMALLOC
                                : g_strcmp0(kind, "slab") == 0  ? MEMPOOL_SLAB
                                                                : MEMPOOL_PAGES,
                        .size_bytes = (uint32_t)sqlite3_column_int64(select, 4),
                        .cache = (uint32_t)sqlite3_column_int64(select, 5),
                        .order = (uint32_t)sqlite3_column_int64(select, 6),
                        .node_plus_1 = (uint32_t)sqlite3_column_int64(select, 7),
                };
                const char *problem;

                g_strlcpy(spec.name, name != NULL ? name : "", sizeof(spec.name));
                if (sqlite3_column_int64(select, 0) != ++count ||
                    sim_mempool_declare(replay->sim, &spec, &problem) != count)
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
                        return usage(replay,
                                     g_strdup_printf("%s ends at %" PRIu64 " ns, before %" PRIu64 " ns",
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
        if (op->op.origin != 0 && op->op.t_ns <= replay->info.end_ns &&
            op->op.dur_ns <= replay->info.end_ns - op->op.t_ns) {
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
            !recording_prepare(replay->recording, "SELECT site FROM op_site WHERE op = ?", &replay->sites,
                               &replay->error))
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
        if (!is_over(replay) && result->is_whole) /* also when the op never came */
                replay_check_end(replay, result);
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
                .full = replay_tape_full,
                .context = replay,
        };
        if (prepare_replay(replay)) {
                sampler_take(replay->sampler, replay->sim);
                replay_begin_totals(replay);
                replay_play(replay);
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
