/*
 * test_rebuild.c - the history told twice: zone_sample and cache_sample of a recording are computed once more from its
 * rows of op and event, by other code, and must be equal at every sample. So the events leave nothing out.
 *
 * The first sample is the base. The lists of slabs are compared in the last sample only, when no op is under way: a
 * slab is on its new list a step after its count has changed. What a sample at t must say is
 *   zones: block_taken and block_freed up to t, for the free blocks; pcp_* up to t, for the page lists
 *   caches: slab_*, shared_* and, on NUMA, alien_* up to t; ops that ended up to t and meta_* up to t, for live objects
 *           and their bytes
 */
#include <sqlite3.h>
#include <string.h>

#include "record/scratch.h"
#include "record/workload.h"
#include "trace/event.h"
#include "trace/op.h"

#define ORDERS 11

struct zone {
        int64_t id, node, start, end;
        char *name;
        int64_t blocks[ORDERS], pcp;
};

struct cache {
        gboolean known; /* in the base */
        int64_t num, buffer, order, object;
        int64_t active, slabs, partial, full, empty, shared, live, requested;
};

struct slab {
        int64_t cache, inuse;
        gboolean deferred; /* waits for an RCU grace period */
};

struct ledger {
        sqlite3 *db;
        GArray *zones;
        GArray *caches;
        GHashTable *slabs; /* pfn -> struct slab */
        sqlite3_stmt *events, *ends;
        gboolean has_event, has_end;
};

static sqlite3_stmt *prepare(struct ledger *ledger, const char *sql)
{
        sqlite3_stmt *statement;

        if (sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL) != SQLITE_OK)
                g_error("%s: %s", sql, sqlite3_errmsg(ledger->db));
        return statement;
}

static int64_t get(sqlite3_stmt *row, int column)
{
        return sqlite3_column_int64(row, column);
}

static struct zone *zone_of(struct ledger *ledger, int64_t pfn)
{
        for (guint i = 0; i < ledger->zones->len; i++) {
                struct zone *zone = &g_array_index(ledger->zones, struct zone, i);

                if (pfn >= zone->start && pfn < zone->end)
                        return zone;
        }
        g_error("pfn %" G_GINT64_FORMAT " is in no zone", pfn);
}

static struct zone *zone_with_id(struct ledger *ledger, int64_t id)
{
        for (guint i = 0; i < ledger->zones->len; i++)
                if (g_array_index(ledger->zones, struct zone, i).id == id)
                        return &g_array_index(ledger->zones, struct zone, i);
        g_error("no zone %" G_GINT64_FORMAT, id);
}

static struct cache *cache_at(struct ledger *ledger, int64_t id)
{
        g_assert_cmpint(id, >=, 0);
        g_assert_cmpint(id, <, ledger->caches->len);
        return &g_array_index(ledger->caches, struct cache, id);
}

static void place_slab(struct cache *cache, const struct slab *slab, int64_t sign)
{
        if (slab->inuse == 0)
                cache->empty += sign;
        else if (slab->inuse == cache->num)
                cache->full += sign;
        else
                cache->partial += sign;
}

static void move_slab(struct ledger *ledger, int64_t pfn, int64_t inuse)
{
        struct slab *slab = g_hash_table_lookup(ledger->slabs, GSIZE_TO_POINTER((gsize)pfn + 1));
        struct cache *cache;

        if (slab == NULL)
                g_error("no slab at pfn %" G_GINT64_FORMAT, pfn);
        cache = cache_at(ledger, slab->cache);
        place_slab(cache, slab, -1);
        cache->active += inuse - slab->inuse;
        slab->inuse = inuse;
        place_slab(cache, slab, 1);
}

static void add_slab(struct ledger *ledger, int64_t pfn, int64_t cache_id, int64_t inuse)
{
        struct slab *slab = g_new0(struct slab, 1);

        slab->cache = cache_id;
        slab->inuse = inuse;
        g_assert_true(g_hash_table_insert(ledger->slabs, GSIZE_TO_POINTER((gsize)pfn + 1), slab));
}

static void load_base(struct ledger *ledger)
{
        sqlite3_stmt *row = prepare(ledger, "SELECT id, node, name, start_pfn, spanned_pages FROM zone ORDER BY id");

        ledger->zones = g_array_new(FALSE, TRUE, sizeof(struct zone));
        ledger->caches = g_array_new(FALSE, TRUE, sizeof(struct cache));
        ledger->slabs = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        while (sqlite3_step(row) == SQLITE_ROW) {
                struct zone zone = { get(row, 0), get(row, 1), get(row, 3), get(row, 3) + get(row, 4),
                                     g_strdup((const char *)sqlite3_column_text(row, 2)), { 0 }, 0 };

                g_array_append_val(ledger->zones, zone);
        }
        sqlite3_finalize(row);
        row = prepare(ledger, "SELECT z.id, s.order_, s.free_blocks, s.pcp_pages FROM zone_sample s "
                              "JOIN zone z ON z.node = s.node AND z.name = s.zone WHERE t_ns = 0");
        while (sqlite3_step(row) == SQLITE_ROW) {
                struct zone *zone = zone_with_id(ledger, get(row, 0));

                zone->blocks[get(row, 1)] = get(row, 2);
                zone->pcp = get(row, 3);
        }
        sqlite3_finalize(row);
        row = prepare(ledger, "SELECT id, num, buffer_size, gfporder, size_bytes FROM cache ORDER BY id");
        while (sqlite3_step(row) == SQLITE_ROW) {
                struct cache cache = { .num = get(row, 1), .buffer = get(row, 2), .order = get(row, 3),
                                       .object = get(row, 4) };

                g_assert_cmpint(get(row, 0), ==, ledger->caches->len);
                g_array_append_val(ledger->caches, cache);
        }
        sqlite3_finalize(row);
        row = prepare(ledger, "SELECT cache, active_objs, num_objs, slabs_partial, slabs_full, "
                              "slabs_free, shared_objs, live_objs, requested_bytes FROM cache_sample WHERE t_ns = 0");
        while (sqlite3_step(row) == SQLITE_ROW) {
                struct cache *cache = cache_at(ledger, get(row, 0));

                cache->known = TRUE;
                cache->active = get(row, 1);
                cache->slabs = get(row, 3) + get(row, 4) + get(row, 5);
                cache->partial = get(row, 3);
                cache->full = get(row, 4);
                cache->empty = get(row, 5);
                cache->shared = get(row, 6);
                cache->live = get(row, 7);
                cache->requested = get(row, 8);
                g_assert_cmpint(cache->slabs * cache->num, ==, get(row, 2));
        }
        sqlite3_finalize(row);
        row = prepare(ledger, "SELECT pfn, cache, inuse FROM boot_slab");
        while (sqlite3_step(row) == SQLITE_ROW)
                add_slab(ledger, get(row, 0), get(row, 1), get(row, 2));
        sqlite3_finalize(row);
}

static void check_boot_slabs(struct ledger *ledger)
{
        GHashTableIter iter;
        gpointer value;
        int64_t slabs = 0, active = 0, known_slabs = 0, known_active = 0;

        g_hash_table_iter_init(&iter, ledger->slabs);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                slabs++;
                active += ((const struct slab *)value)->inuse;
        }
        for (guint i = 0; i < ledger->caches->len; i++) {
                known_slabs += cache_at(ledger, i)->slabs;
                known_active += cache_at(ledger, i)->active;
        }
        g_assert_cmpint(slabs, ==, known_slabs);
        g_assert_cmpint(active, ==, known_active);
}

static void apply_event(struct ledger *ledger, sqlite3_stmt *row)
{
        int64_t a = get(row, 2), b = get(row, 3), c = get(row, 4);
        struct zone *zone;
        struct slab *slab;
        gboolean deferred;

        switch ((enum event_kind)get(row, 1)) {
        case EV_BLOCK_TAKEN:
                zone = zone_of(ledger, a);
                zone->blocks[c]--;
                for (int64_t order = b; order < c; order++)
                        zone->blocks[order]++;
                break;
        case EV_BLOCK_FREED:
                zone = zone_of(ledger, a);
                for (int64_t order = b; order < c; order++)
                        zone->blocks[order]--;
                zone->blocks[c]++;
                break;
        case EV_PCP_PUT: zone_of(ledger, a)->pcp++; break;
        case EV_PCP_TAKEN: zone_of(ledger, a)->pcp--; break;
        case EV_PCP_REFILLED: zone_with_id(ledger, a)->pcp += c; break;
        case EV_PCP_DRAINED: zone_with_id(ledger, a)->pcp -= c; break;
        case EV_SHARED_TAKEN: cache_at(ledger, a)->shared -= b; break;
        case EV_SHARED_PUT: cache_at(ledger, a)->shared += b; break;
        case EV_SHARED_SHED: cache_at(ledger, a)->shared -= b; break;
        case EV_ALIEN_PUT: cache_at(ledger, a)->shared++; break;
        case EV_ALIEN_DRAINED: cache_at(ledger, a)->shared -= c; break; /* b only moved on to a shared array */
        case EV_SLAB_TAKEN: move_slab(ledger, a, c); break;
        case EV_SLAB_PUT: move_slab(ledger, a, c); break;
        case EV_SLAB_GROWN:
                add_slab(ledger, a, b, 0);
                cache_at(ledger, b)->slabs++;
                cache_at(ledger, b)->empty++;
                break;
        case EV_SLAB_DEFERRED: /* on no list from here on; its pages are still there */
                slab = g_hash_table_lookup(ledger->slabs, GSIZE_TO_POINTER((gsize)a + 1));
                g_assert_nonnull(slab);
                g_assert_cmpint(slab->inuse, ==, 0);
                slab->deferred = TRUE;
                cache_at(ledger, b)->empty--;
                break;
        case EV_SLAB_RELEASED:
                slab = g_hash_table_lookup(ledger->slabs, GSIZE_TO_POINTER((gsize)a + 1));
                g_assert_nonnull(slab);
                g_assert_cmpint(slab->inuse, ==, 0);
                g_assert_cmpint(slab->cache, ==, b);
                deferred = slab->deferred;
                g_hash_table_remove(ledger->slabs, GSIZE_TO_POINTER((gsize)a + 1));
                cache_at(ledger, b)->slabs--;
                cache_at(ledger, b)->empty -= !deferred;
                break;
        case EV_META_ALLOCATED:
                cache_at(ledger, a)->live++;
                cache_at(ledger, a)->requested += cache_at(ledger, a)->object;
                break;
        case EV_META_FREED:
                cache_at(ledger, a)->live--;
                cache_at(ledger, a)->requested -= cache_at(ledger, a)->object;
                break;
        default: break;
        }
}

static void apply_end(struct ledger *ledger, sqlite3_stmt *row)
{
        struct cache *cache = cache_at(ledger, get(row, 2));
        int64_t sign = get(row, 1) == OP_FREE ? -1 : 1;

        cache->live += sign;
        cache->requested += sign * get(row, 3);
}

static void go_to(struct ledger *ledger, int64_t t_ns)
{
        while (ledger->has_event && get(ledger->events, 0) <= t_ns) {
                apply_event(ledger, ledger->events);
                ledger->has_event = sqlite3_step(ledger->events) == SQLITE_ROW;
        }
        while (ledger->has_end && get(ledger->ends, 0) <= t_ns) {
                apply_end(ledger, ledger->ends);
                ledger->has_end = sqlite3_step(ledger->ends) == SQLITE_ROW;
        }
}

#define SAME(what, told, counted)                                                                                      \
        do {                                                                                                           \
                if ((told) != (counted))                                                                               \
                        g_error("t_ns=%" G_GINT64_FORMAT " %s %s: the sample says %" G_GINT64_FORMAT                   \
                                ", ops and events make %" G_GINT64_FORMAT,                                            \
                                t_ns, name, what, (int64_t)(told), (int64_t)(counted));                                \
        } while (0)

/* Every row of fragmentation_history, indices included. */
static int64_t check_zones(struct ledger *ledger, sqlite3_stmt *row, int64_t t_ns)
{
        int64_t count = 0;

        for (; sqlite3_column_type(row, 0) != SQLITE_NULL && get(row, 0) == t_ns; count++) {
                const struct zone *zone = NULL;
                const char *name = (const char *)sqlite3_column_text(row, 2);
                int64_t order = get(row, 3), free_pages = 0, blocks = 0, suitable = 0, unusable, index;

                for (guint i = 0; i < ledger->zones->len; i++) {
                        const struct zone *other = &g_array_index(ledger->zones, struct zone, i);

                        if (other->node == get(row, 1) && strcmp(other->name, name) == 0)
                                zone = other;
                }
                g_assert_nonnull(zone);
                for (int64_t i = 0; i < ORDERS; i++) {
                        free_pages += zone->blocks[i] << i;
                        blocks += zone->blocks[i];
                        suitable += i >= order ? zone->blocks[i] << (i - order) : 0;
                }
                unusable = free_pages == 0 ? 1000 : (free_pages - (suitable << order)) * 1000 / free_pages;
                if (blocks == 0)
                        index = 0;
                else if (suitable > 0)
                        index = -1000;
                else
                        index = 1000 - (1000 + free_pages * 1000 / (1 << order)) / blocks;
                SAME("free_blocks", get(row, 5), zone->blocks[order]);
                SAME("free_pages", get(row, 4), free_pages);
                SAME("unusable_index", get(row, 6), unusable);
                SAME("fragmentation_index", get(row, 7), index);
                SAME("pcp_pages", get(row, 8), zone->pcp);
                if (sqlite3_step(row) != SQLITE_ROW)
                        return count + 1;
        }
        return count;
}

static int64_t check_caches(struct ledger *ledger, sqlite3_stmt *row, int64_t t_ns, gboolean is_quiet)
{
        int64_t count = 0;

        for (; sqlite3_column_type(row, 0) != SQLITE_NULL && get(row, 0) == t_ns; count++) {
                const struct cache *cache = cache_at(ledger, get(row, 1));
                const char *name = (const char *)sqlite3_column_text(row, 2);

                SAME("active_objs", get(row, 3), cache->active);
                SAME("num_objs", get(row, 4), cache->slabs * cache->num);
                SAME("slabs", get(row, 5), cache->slabs);
                g_assert_cmpint(get(row, 6) + get(row, 7) + get(row, 8), <=, cache->slabs);
                if (is_quiet) {
                        SAME("slabs_partial", get(row, 6), cache->partial);
                        SAME("slabs_full", get(row, 7), cache->full);
                        SAME("slabs_free", get(row, 8), cache->empty);
                }
                SAME("shared_objs", get(row, 9), cache->shared);
                SAME("live_objs", get(row, 10), cache->live);
                SAME("magazine_objs", get(row, 11), cache->active - cache->shared - cache->live);
                SAME("requested_bytes", get(row, 12), cache->requested);
                SAME("allocated_bytes", get(row, 13), cache->live * cache->buffer);
                SAME("slab_bytes", get(row, 14), cache->slabs * (4096 << cache->order));
                if (sqlite3_step(row) != SQLITE_ROW)
                        return count + 1;
        }
        return count;
}

static void check_recording(const char *path)
{
        struct ledger ledger = { 0 };
        sqlite3_stmt *times, *zones, *caches;
        int64_t zone_rows = 0, cache_rows = 0, moments = 0;
        int64_t end_ns = sql_int(path, "SELECT value FROM run WHERE key = 'end_ns'");
        gboolean is_done = sql_int(path, "SELECT value = 'done' FROM run WHERE key = 'status'");

        g_assert_cmpint(sqlite3_open_v2(path, &ledger.db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
        load_base(&ledger);
        check_boot_slabs(&ledger);
        ledger.events = prepare(&ledger, "SELECT t_ns, kind, a, b, c FROM event ORDER BY t_ns, seq");
        ledger.ends = prepare(&ledger, "SELECT t_ns + dur_ns AS end_ns, kind, cache, size_bytes FROM op "
                                       "WHERE cache IS NOT NULL AND pfn IS NOT NULL AND kind IN (1, 2, 4) "
                                       "ORDER BY end_ns, id");
        times = prepare(&ledger, "SELECT DISTINCT t_ns FROM zone_sample ORDER BY t_ns");
        zones = prepare(&ledger, "SELECT t_ns, node, zone, order_, free_pages, free_blocks, unusable_index, "
                                 "fragmentation_index, pcp_pages FROM fragmentation_history ORDER BY t_ns");
        caches = prepare(&ledger, "SELECT t_ns, cache_id, cache, active_objs, num_objs, slabs, "
                                  "slabs_partial, slabs_full, slabs_free, shared_objs, live_objs, magazine_objs, "
                                  "requested_bytes, allocated_bytes, slab_bytes FROM cache_history ORDER BY t_ns");
        ledger.has_event = sqlite3_step(ledger.events) == SQLITE_ROW;
        ledger.has_end = sqlite3_step(ledger.ends) == SQLITE_ROW;
        sqlite3_step(zones);
        sqlite3_step(caches);
        while (sqlite3_step(times) == SQLITE_ROW) {
                go_to(&ledger, get(times, 0));
                zone_rows += check_zones(&ledger, zones, get(times, 0));
                cache_rows += check_caches(&ledger, caches, get(times, 0), is_done && get(times, 0) == end_ns);
                moments++;
        }
        g_assert_cmpint(zone_rows, ==, moments * ledger.zones->len * ORDERS);
        g_assert_cmpint(cache_rows, ==, sql_int(path, "SELECT count(*) FROM cache_sample"));
        g_assert_false(ledger.has_event); /* the last sample is at the end */
        g_assert_false(ledger.has_end);
        sqlite3_finalize(times);
        sqlite3_finalize(zones);
        sqlite3_finalize(caches);
        sqlite3_finalize(ledger.events);
        sqlite3_finalize(ledger.ends);
        sqlite3_close(ledger.db);
        for (guint i = 0; i < ledger.zones->len; i++)
                g_free(g_array_index(ledger.zones, struct zone, i).name);
        g_array_unref(ledger.zones);
        g_array_unref(ledger.caches);
        g_hash_table_unref(ledger.slabs);
}

static void rebuild(uint32_t nodes_max, uint64_t seeds)
{
        g_autofree char *path = scratch_path("rebuild.db");
        struct workload workload;
        struct workload_result result;

        for (uint64_t seed = 1; seed <= seeds; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.cpus = 1 + (uint32_t)seed % 8;
                workload.no_sleep = seed % 3 == 0;
                workload.cpu_mhz = seed % 4 == 0 ? 1 : 3000;
                workload.mib = seed % 2 == 0 ? 16 : 64;
                workload.nodes = nodes_max ? 1 + (uint32_t)seed % nodes_max : 0;
                workload.ends_asleep = seed % 3 == 1;
                workload.tune = seed % 4 == 3;
                workload.hotplug = seed % 2 == 1 && workload.cpus > 1;
                workload.rcu_grace_ns = seed % 4 == 2 ? 10000000 : 0;
                workload.stop_ns = seed == 5 ? 3000000 : 0;
                record(&workload, path, &result);
                check_recording(path);
                if (workload.nodes > 1 && workload.cpus > 1)
                        g_assert_cmpint(sql_int(path, "SELECT count(*) FROM event_named WHERE kind = "
                                                      "'alien_put'"), >, 0);
        }
}

static void test_rebuild(void)
{
        rebuild(0, 12);
}

/* Objects that wait in alien arrays are with nobody: shared_objs counts them. */
static void test_numa(void)
{
        rebuild(4, 8);
}

int main(int argc, char **argv)
{
        int code;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/record/rebuild/history-follows-from-ops-and-events", test_rebuild);
        g_test_add_func("/record/rebuild/history-of-several-nodes", test_numa);
        code = g_test_run();
        scratch_remove_all();
        return code;
}
