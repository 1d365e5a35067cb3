/*
 * replay_end.c - what a replay compares when the run is over: that nothing recorded is left, caches, history, totals,
 * the digest, and that what failed still does.
 */
#include "record/replay_private.h"

#include <inttypes.h>

#include "observe/observer.h"

/* -- rows --------------------------------------------------------------------------------------------------------- */

static void check_nothing_left(struct replay *replay)
{
        g_autofree char *stray_op = replay_stray_row(replay, TABLE_OP, replay->info.op_total);
        g_autofree char *stray_event = replay_stray_row(replay, TABLE_EVENT, replay->info.event_count);
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
                replay_differ_row(replay, TABLE_OP, what, &op->row, op->row.cache);
                return;
        }
        if (replay->op_count != replay->info.op_count) {
                what = g_strdup_printf("run op_count: recorded %" PRIu64 ", replayed %" PRIu64, replay->info.op_count,
                                       replay->op_count);
                replay_differ_row(replay, TABLE_OP, what, NULL, CACHE_ID_NONE);
                return;
        }
        if (stray_op != NULL || stray_event != NULL) {
                replay_differ_row(replay, TABLE_OP, stray_op != NULL ? stray_op : stray_event, NULL, CACHE_ID_NONE);
                return;
        }
        row = replay_next_event(replay, &event, &bad, &bad_text);
        if (row > 0)
                what = g_strdup_printf("event seq=%" PRId64 ": recorded, not replayed", (int64_t)event.seq);
        else if (row == 0 && replay->event_count < replay->info.event_count)
                what = g_strdup_printf("run event_count: recorded %" PRIu64 ", replayed %" PRIu64,
                                       replay->info.event_count, replay->event_count);
        if (what != NULL)
                replay_differ_row(replay, TABLE_EVENT, what, row > 0 ? &event : NULL, CACHE_ID_NONE);
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
        replay_differ_value(replay, where, column->name, stored != NULL ? stored : "NULL",
                            text != NULL ? text : "NULL");
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
                        replay_differ_value(replay, where, "id", (const char *)sqlite3_column_text(select, 0),
                                            "no such cache");
                        break;
                }
                if (name == NULL || strcmp((const char *)name, view.spec.name) != 0)
                        replay_differ_value(replay, where, "name", name != NULL ? (const char *)name : "NULL",
                                            view.spec.name);
                if (!is_cut(replay) || sqlite3_column_int(select, 16) != 0)
                        compare_mirrors(replay, TABLE_CACHE, select, &view, where, is_cut(replay) ? changing : NULL);
                count++;
        }
        if (!is_over(replay) && !is_cut(replay) && count != sim_cache_count(replay->sim)) {
                g_autofree char *where = g_strdup_printf("cache id=%u", count);

                replay_differ_value(replay, where, "id", "no row", "a cache");
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
                replay_differ_value(replay, where, "cache", "a row", at == NULL ? "none" : "that of another cache");
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
                    sqlite3_column_type(select, 1) != SQLITE_INTEGER ||
                    sqlite3_column_int64(select, 1) != cache->cache ||
                    find_other_field(TABLE_CACHE_SAMPLE, select, &cache->stock, NULL) >= 0)
                        differ_by_cache_sample(replay, select, cache);
        }
        for (guint i = 0; i < samples->len; i++)
                expected += ((const struct sample *)samples->pdata[i])->cache_count;
        if (!is_over(replay) && !is_cut(replay) && count != expected)
                replay_differ_count(replay, "cache_sample", count, expected);
}

static void differ_by_zone_sample(struct replay *replay, sqlite3_stmt *row, const struct zone_view *zone,
                                  uint32_t order)
{
        g_autofree char *where = g_strdup_printf("zone_sample t_ns=%" PRId64 ", node=%d, zone=%s, order_=%d",
                                                 (int64_t)sqlite3_column_int64(row, 0), sqlite3_column_int(row, 1),
                                                 (const char *)sqlite3_column_text(row, 2), sqlite3_column_int(row, 3));
        g_autofree char *replayed = NULL;

        if (zone != NULL)
                replayed = g_strdup_printf(
                        "zone %s of node %u, order %u, free_blocks %u, free_pages %" PRIu64 ", pcp_pages %u",
                        zone->name, zone->node, order, zone->free_blocks[order], zone->free_pages, zone->pcp_pages);
        replay_differ_value(replay, where, "free_blocks, free_pages or pcp_pages", "other values",
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
                               "ORDER BY rowid",
                               &select, &replay->error))
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
                replay_differ_count(replay, "zone_sample", count, expected);
}

/* -- totals ------------------------------------------------------------------------------------------------------- */

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
                        replay_differ_value(replay, where, key, "a row", "none");
                else
                        compare_mirrors(replay, id, select, row, where, NULL);
        }
        if (!is_over(replay) && count != totals_row_count(replay->totals, id))
                replay_differ_count(replay, table->name, count, totals_row_count(replay->totals, id));
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
        int64_t last_pfn = -1, last_offset = 0;
        uint64_t count = 0, live_count;

        if (is_over(replay) ||
            !recording_prepare(replay->recording, "SELECT pfn, offset, op FROM live_object ORDER BY rowid", &select,
                               &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; count++) {
                int64_t pfn = sqlite3_column_int64(select, 0), offset = sqlite3_column_int64(select, 1);
                int64_t op = sqlite3_column_int64(select, 2);
                g_autofree char *where = g_strdup_printf("live_object pfn=%" PRId64 ", offset=%" PRId64, pfn, offset);

                if (!totals_is_live(replay->totals, (uint64_t)op, (uint32_t)pfn, (uint32_t)offset))
                        replay_differ_value(replay, where, "op", (const char *)sqlite3_column_text(select, 2), "none");
                else if (pfn < last_pfn || (pfn == last_pfn && offset <= last_offset)) /* so that no row is there twice */
                        replay_differ_value(replay, where, "place", "before the row above", "behind it");
                last_pfn = pfn;
                last_offset = offset;
        }
        live_count = has_live_count(replay) ? totals_live_count(replay->totals) : 0;
        if (!is_over(replay) && count != live_count)
                replay_differ_count(replay, "live_object", count, live_count);
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
                        replay_differ_value(replay, "op_failed", "op", (const char *)sqlite3_column_text(select, 0),
                                            replayed);
                else if (row == 0 && op != 0)
                        replay_differ_value(replay, "op_failed", "op", "none", replayed);
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
void replay_begin_totals(struct replay *replay)
{
        g_autoptr(GArray) slabs = observer_slabs(replay->sim);
        g_autoptr(sqlite3_stmt) select = NULL;
        guint at = 0;

        for (guint i = 0; i < slabs->len; i++) {
                const struct boot_slab *slab = &g_array_index(slabs, struct boot_slab, i);

                totals_boot_slab(replay->totals, slab->pfn, slab->cache, slab->inuse);
        }
        if (!recording_prepare(replay->recording, "SELECT pfn, cache, inuse FROM boot_slab ORDER BY cache, pfn",
                               &select, &replay->error))
                return;
        for (; !is_over(replay) && recording_step(replay->recording, select, &replay->error) > 0; at++) {
                const struct boot_slab *slab = at < slabs->len ? &g_array_index(slabs, struct boot_slab, at) : NULL;
                int64_t pfn = sqlite3_column_int64(select, 0);
                g_autofree char *where = g_strdup_printf("boot_slab pfn=%" PRId64, pfn);

                if (slab == NULL || pfn != slab->pfn || sqlite3_column_int64(select, 1) != slab->cache ||
                    sqlite3_column_int64(select, 2) != slab->inuse)
                        replay_differ_value(replay, where, "pfn, cache or inuse", "a slab",
                                            slab == NULL ? "none" : "another one");
        }
        replay->has_cut = at > 0 || !is_cut(replay);
        if (!is_over(replay) && replay->has_cut && at < slabs->len)
                replay_differ_value(replay, "boot_slab", "number of rows", "less", "more");
}

static void check_digest(struct replay *replay, const char *digest)
{
        if (strcmp(digest, replay->info.digest) != 0)
                replay_differ_value(replay, "run digest", "value", replay->info.digest, digest);
}

/* -- recorded failures -------------------------------------------------------------------------------------------- */

/* Is the request still one that cannot be made? Only asked at the end, where the failure was. */
static gboolean is_refused(struct replay *replay, sqlite3_stmt *row)
{
        uint64_t frees = (uint64_t)sqlite3_column_int64(row, 6);
        int64_t task = sqlite3_column_int64(row, 3);
        uint32_t cache = CACHE_ID_NONE;
        struct cache_view view;

        if (sqlite3_column_int64(row, 5) == OP_FREE)
                return g_hash_table_lookup(replay->objects, GSIZE_TO_POINTER(frees)) == NULL;
        if (sqlite3_column_type(row, 7) != SQLITE_NULL) {
                cache = (uint32_t)sqlite3_column_int64(row, 7);
                if (!sim_cache_get(replay->sim, cache, &view) || !view.live)
                        return TRUE;
        }
        if (task >= 1 && task <= replay->player_count && replay->players[task].kind == THREAD_TASK &&
            replay->players[task].op == 0) {
                struct request request = {
                        .kind = (uint8_t)sqlite3_column_int64(row, 5),
                        .size_bytes = (uint64_t)sqlite3_column_int64(row, 8),
                        .gfp = (uint32_t)sqlite3_column_int64(row, 9),
                        .order = (uint8_t)sqlite3_column_int64(row, 10),
                        .cache = cache,
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
                        replay_differ_value(replay, where, "message", message != NULL ? message : "NULL", "no failure");
                if (sqlite3_column_type(select, 5) != SQLITE_NULL && !is_refused(replay, select))
                        replay_differ_value(replay, where, "message", message != NULL ? message : "NULL",
                                            "the request is possible");
                g_ptr_array_add(lines, g_strdup_printf("%s: %s at %" PRId64 " ns%s%s", kind != NULL ? kind : "failure",
                                                       message != NULL ? message : "",
                                                       (int64_t)sqlite3_column_int64(select, 1),
                                                       sqlite3_column_type(select, 2) != SQLITE_NULL ? ", op " : "",
                                                       sqlite3_column_type(select, 2) != SQLITE_NULL
                                                               ? (const char *)sqlite3_column_text(select, 2)
                                                               : ""));
        }
}

void replay_check_end(struct replay *replay, struct replay_result *result)
{
        check_nothing_left(replay);
        check_digest(replay, result->digest);
        result->cache_count = check_caches(replay);
        if (!is_over(replay) && !is_cut(replay))
                sampler_end(replay->sampler, replay->sim);
        check_zone_samples(replay);
        check_cache_samples(replay);
        check_totals(replay);
        if (!is_over(replay) && op_source_doubt(replay->source) != NULL)
                replay_differ_row(replay, TABLE_OP, op_source_doubt(replay->source), NULL, CACHE_ID_NONE);
        check_failures(replay, result->failures);
}
