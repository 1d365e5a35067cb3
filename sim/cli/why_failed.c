/*
 * why_failed.c - see why_failed.h.
 */
#include "cli/why_failed.h"

#include <inttypes.h>
#include <string.h>

#include "mm/memory.h"
#include "observe/holders.h"
#include "record/record_error.h"
#include "record/replay.h"
#include "trace/event.h"
#include "trace/gfp.h"

#define PINS_MAX   1000000u /* rows of why_pin: a larger machine is told of the blocks with the fewest pages in use */
#define PASSES_MAX 4u       /* walks told of: the last ones */

enum pass { PASS_LOW, PASS_MIN, PASS_AFTER_RECLAIM, PASS_OOM };

/* One zone refused, as the event says. */
struct refused {
        uint32_t walk; /* number of the walk over the zonelist, from 0 */
        uint32_t pass; /* enum pass */
        uint32_t zone;
        uint64_t free_pages;
        uint64_t t_ns;
};

/* An aligned block with pages in use. */
struct block {
        uint32_t first, in_use;
        uint64_t oldest_op;
};

struct why {
        struct recording *recording;
        uint64_t op;
        uint32_t order, gfp, node, cpu;
        gboolean has_asked; /* the page allocator */
        GArray *refused;    /* struct refused */
        GError *error;
        sqlite3_stmt *fact, *zone, *block, *pin;
        uint32_t pin_count;
        const struct sim *sim;
        const struct memory *mem;
        struct holders *holders;
};

/* -- what is recorded of it ---------------------------------------------------------------------------------------- */

/* First row, first columns as numbers. FALSE: no row, or an error. */
static gboolean first_row(struct why *why, const char *sql, int64_t parameter, int64_t *ret, int count)
{
        g_autoptr(sqlite3_stmt) select = NULL;

        if (why->error != NULL || !recording_prepare(why->recording, sql, &select, &why->error))
                return FALSE;
        if (sqlite3_bind_parameter_count(select) > 0)
                sqlite3_bind_int64(select, 1, parameter);
        if (recording_step(why->recording, select, &why->error) <= 0)
                return FALSE;
        for (int i = 0; i < count; i++)
                ret[i] = sqlite3_column_int64(select, i);
        return TRUE;
}

static gboolean find_op(struct why *why, uint64_t op, uint64_t number)
{
        int64_t found[3] = { 0 };
        gboolean ok = first_row(why,
                                op != 0 ? "SELECT f.op, o.cpu, o.node_plus_1 FROM op_failed f JOIN op o "
                                          "ON o.id = f.op WHERE f.op = ?"
                                        : "SELECT f.op, o.cpu, o.node_plus_1 FROM op_failed f JOIN op o "
                                          "ON o.id = f.op JOIN op_kind k ON k.id = o.kind "
                                          "WHERE k.name IN ('kmalloc', 'alloc', 'pages') ORDER BY f.op "
                                          "LIMIT 1 OFFSET max(?, 1) - 1",
                                (int64_t)(op != 0 ? op : number), found, 3);

        if (why->error != NULL || (!ok && op == 0 && number <= 1))
                return why->error == NULL; /* nothing has failed: nothing to tell */
        if (!ok && op != 0)
                g_set_error(&why->error, RECORD_ERROR, RECORD_ERROR_USAGE, "op %" PRIu64 " is no request that failed",
                            op);
        else if (!ok)
                g_set_error(&why->error, RECORD_ERROR, RECORD_ERROR_USAGE, "there is no failed request number %" PRIu64
                            " (the query failures names them)", number);
        why->op = (uint64_t)found[0];
        why->cpu = (uint32_t)found[1];
        why->node = found[2] != 0 ? (uint32_t)found[2] - 1 : UINT32_MAX; /* the CPU's own */
        return ok;
}

/*
 * The refusals of the op in order, with the walk they belong to. Walks are told apart by what comes between them:
 * waking kswapd, reclaim, the killer (after which all begins anew). Only two may follow each other directly: those at
 * pages_low and pages_min, if no kswapd had to be woken, and those after reclaim and of the killer. There the second
 * begins with a zone that was refused before. A NUMA kernel may look at all zones of a walk again (its zonelist cache);
 * that says nothing new.
 */
static gboolean read_refusals(struct why *why)
{
        g_autoptr(sqlite3_stmt) select = NULL;
        uint32_t walk = 0, pass = PASS_LOW, seen = 0;
        int64_t numa = 0;

        if (!first_row(why, "SELECT value FROM run WHERE key = 'machine_numa'", 0, &numa, 1) && why->error != NULL)
                return FALSE;
        if (!recording_prepare(why->recording, "SELECT kind, a, b, c, t_ns FROM event WHERE op = ? "
                                               "ORDER BY seq", &select,
                               &why->error))
                return FALSE;
        sqlite3_bind_int64(select, 1, (int64_t)why->op);
        while (recording_step(why->recording, select, &why->error) > 0) {
                uint32_t a = (uint32_t)sqlite3_column_int64(select, 1), b = (uint32_t)sqlite3_column_int64(select, 2);
                struct refused refused;

                switch (sqlite3_column_int(select, 0)) {
                case EV_ZONE_REFUSED:
                        if (a >= ZONES_MAX)
                                continue;
                        if ((seen & (1u << a)) && (numa || pass == PASS_MIN || pass == PASS_OOM))
                                continue;
                        if (seen & (1u << a)) {
                                walk++;
                                seen = 0;
                                pass = pass == PASS_LOW ? PASS_MIN : PASS_OOM;
                        }
                        seen |= 1u << a;
                        refused = (struct refused){ walk, pass, a, (uint64_t)sqlite3_column_int64(select, 3),
                                                    (uint64_t)sqlite3_column_int64(select, 4) };
                        g_array_append_val(why->refused, refused);
                        break;
                case EV_KSWAPD_WOKEN:
                        walk += seen != 0;
                        seen = 0;
                        pass = PASS_MIN;
                        break;
                case EV_RECLAIM_TRIED:
                        walk += seen != 0;
                        seen = 0;
                        pass = PASS_AFTER_RECLAIM;
                        break;
                case EV_OOM_KILLED:
                        walk += seen != 0;
                        seen = 0;
                        pass = PASS_LOW;
                        break;
                case EV_PAGES_FAILED:
                        why->has_asked = TRUE;
                        why->gfp = a;
                        why->order = b;
                        break;
                default: break;
                }
        }
        return why->error == NULL;
}

/* -- tables -------------------------------------------------------------------------------------------------------- */

static gboolean exec(struct why *why, const char *sql)
{
        int code = sqlite3_exec(why->recording->db, sql, NULL, NULL, NULL);

        return code == SQLITE_OK || record_fail(&why->error, why->recording->db, code, "ask", why->recording->path);
}

static gboolean make_tables(struct why *why)
{
        return exec(why, "PRAGMA temp_store = MEMORY;"
                         "CREATE TEMP TABLE why_fact (name TEXT PRIMARY KEY, value);"
                         "CREATE TEMP TABLE why_zone (nr INTEGER PRIMARY KEY, pass TEXT, node, zone TEXT, free_pages, "
                         "is_enough, text);"
                         "CREATE TEMP TABLE why_block (nr INTEGER PRIMARY KEY, first, node, zone TEXT, in_use);"
                         "CREATE TEMP TABLE why_pin (block, kind TEXT, cache, first, pages, objs, op);"
                         "CREATE INDEX temp.why_pin_by_block ON why_pin (block);"
                         "CREATE TEMP VIEW why_pin_named AS SELECT p.*, o.t_ns, c.name AS cache_name, "
                         "coalesce(s.name, s.task, t.name, 'task ' || o.task) AS who "
                         "FROM why_pin p LEFT JOIN cache c ON c.id = p.cache LEFT JOIN op o ON o.id = p.op "
                         "LEFT JOIN thread t ON t.id = o.task LEFT JOIN op_site os ON os.op = p.op LEFT JOIN site s "
                         "ON s.id = os.site;") &&
               recording_prepare(why->recording, "INSERT INTO why_fact VALUES (?, ?)", &why->fact, &why->error) &&
               recording_prepare(why->recording, "INSERT INTO why_zone VALUES (NULL, ?, ?, ?, ?, ?, ?)", &why->zone,
                                 &why->error) &&
               recording_prepare(why->recording, "INSERT INTO why_block VALUES (NULL, ?, ?, ?, ?)", &why->block,
                                 &why->error) &&
               recording_prepare(why->recording, "INSERT INTO why_pin VALUES (?, ?, ?, ?, ?, ?, ?)", &why->pin,
                                 &why->error);
}

static void insert(struct why *why, sqlite3_stmt *statement)
{
        int code;

        sqlite3_step(statement);
        code = sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        if (code != SQLITE_OK && why->error == NULL)
                record_fail(&why->error, why->recording->db, code, "ask", why->recording->path);
}

static void add_fact(struct why *why, const char *name, int64_t value)
{
        sqlite3_bind_text(why->fact, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(why->fact, 2, value);
        insert(why, why->fact);
}

static void add_text(struct why *why, const char *name, const char *value)
{
        sqlite3_bind_text(why->fact, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(why->fact, 2, value, -1, SQLITE_TRANSIENT);
        insert(why, why->fact);
}

/* -- the watermark ------------------------------------------------------------------------------------------------- */

/* How the test of a zone went: zone_watermark_ok(), told step by step. */
struct tested {
        gboolean is_refused, is_enough; /* enough: as many pages are free, in blocks of any size */
        char *text;
};

static const struct zonelist *zonelist_of(const struct why *why)
{
        uint32_t node = why->node != UINT32_MAX ? why->node : why->mem->node_of_cpu[why->cpu];

        return &why->mem->zonelists[node][memory_zone_type(why->mem, why->gfp)];
}

static struct tested test_zone(const struct why *why, const struct zone *zone, enum pass pass)
{
        static const char *const marks[] = { "pages_low", "pages_min", "pages_min", "pages_high" };
        gboolean flags = pass == PASS_MIN || pass == PASS_AFTER_RECLAIM;
        int64_t mark = pass == PASS_LOW ? zone->pages_low : pass == PASS_OOM ? zone->pages_high : zone->pages_min;
        int64_t min = mark, free_pages = (int64_t)zone->free_pages - (INT64_C(1) << why->order) + 1;
        uint32_t class_index = why->mem->zones[zonelist_of(why)->zone[0]].type;
        int64_t reserve = zone->lowmem_reserve[class_index];
        g_autoptr(GString) text = g_string_new(NULL);
        struct tested tested = { FALSE, TRUE, NULL };

        g_string_append_printf(text, "%s %" PRId64, marks[pass], mark);
        if (flags && (why->gfp & __GFP_HIGH)) {
                min -= min / 2;
                g_string_append_printf(text, ", less half for __GFP_HIGH: %" PRId64, min);
        }
        if (flags && !(why->gfp & __GFP_WAIT)) {
                min -= min / 4;
                g_string_append_printf(text, ", less a quarter without __GFP_WAIT: %" PRId64, min);
        }
        if (reserve != 0)
                g_string_append_printf(text, ", lowmem_reserve %" PRId64, reserve);
        g_string_append_printf(text, "; free %" PRIu64, zone->free_pages);
        if (why->order > 0)
                g_string_append_printf(text, " - %u = %" PRId64, (1u << why->order) - 1, free_pages);
        if (free_pages <= min + reserve) {
                g_string_append_printf(text, " <= %" PRId64 ": refused at order 0%s", min + reserve,
                                       free_pages > min ? ", for the reserve alone" : "");
                tested.is_refused = TRUE;
                tested.is_enough = FALSE;
        } else {
                g_string_append_printf(text, " > %" PRId64, min + reserve);
        }
        for (uint32_t order = 0; order < why->order && !tested.is_refused; order++) {
                free_pages -= (int64_t)zone->free_area[order].count << order;
                min >>= 1;
                tested.is_refused = free_pages <= min;
                if (tested.is_refused)
                        g_string_append_printf(text, ", but in blocks of order %u and up %" PRId64 " <= %" PRId64
                                               ": refused at order %u", order + 1, free_pages, min, order + 1);
        }
        if (!tested.is_refused)
                g_string_append(text, ": allowed a moment later");
        tested.text = g_string_free(g_steal_pointer(&text), FALSE);
        return tested;
}

static gboolean add_zones(struct why *why)
{
        static const char *const names[] = { "low", "min", "after reclaim", "oom" };
        uint32_t last = why->refused->len > 0 ? g_array_index(why->refused, struct refused, why->refused->len - 1).walk
                                              : 0;
        gboolean is_enough = FALSE;

        for (guint i = 0; i < why->refused->len; i++) {
                const struct refused *refused = &g_array_index(why->refused, struct refused, i);
                const struct zone *zone = &why->mem->zones[refused->zone];
                struct tested tested;

                if (refused->walk + PASSES_MAX <= last)
                        continue;
                tested = test_zone(why, zone, (enum pass)refused->pass);
                if (refused->free_pages != zone->free_pages || !tested.is_refused) { /* it has moved on since */
                        g_free(tested.text);
                        tested.text = g_strdup_printf("free %" PRIu64 " then", refused->free_pages);
                        tested.is_enough = FALSE;
                }
                is_enough = is_enough || (refused->walk == last && tested.is_enough);
                sqlite3_bind_text(why->zone, 1, names[refused->pass], -1, SQLITE_STATIC);
                sqlite3_bind_int64(why->zone, 2, zone->node);
                sqlite3_bind_text(why->zone, 3, why->mem->arch->zone_names[zone->type], -1, SQLITE_STATIC);
                sqlite3_bind_int64(why->zone, 4, (int64_t)refused->free_pages);
                sqlite3_bind_int64(why->zone, 5, tested.is_enough);
                sqlite3_bind_text(why->zone, 6, tested.text, -1, SQLITE_TRANSIENT);
                insert(why, why->zone);
                g_free(tested.text);
        }
        return is_enough;
}

static void add_verdict(struct why *why, gboolean is_enough)
{
        g_autofree char *text = NULL;

        if (is_enough)
                text = g_strdup_printf("fragmentation: enough pages are free, but too few of them in blocks of 2^%u "
                                       "pages and larger",
                                       why->order);
        else
                text = g_strdup("lack of memory: no zone has as many free pages as its watermark and reserve ask for");
        add_text(why, "verdict", is_enough ? "fragmentation" : "lack of memory");
        add_text(why, "text", text);
}

/* -- who is in the way --------------------------------------------------------------------------------------------- */

static uint64_t op_of(const struct why *why, const struct page_holder *page, uint32_t *ret_objs)
{
        uint32_t handle = page->use == USE_BLOCK  ? page->id
                          : page->use == USE_SLAB ? why->holders->slabs[page->id].oldest
                                                  : OBJECT_NONE;
        struct sim_object object;

        *ret_objs = page->use == USE_SLAB ? why->holders->slabs[page->id].objs : 0;
        return handle != OBJECT_NONE && sim_object_get(why->sim, handle, &object) ? object.op : 0;
}

/* The oldest op that has a page of the block; 0: nobody who asked. */
static struct block look_at(const struct why *why, uint32_t first)
{
        struct block block = { first, 0, 0 };

        for (uint32_t i = 0; i < 1u << why->order; i++) {
                const struct page_holder *page = &why->holders->pages[first + i];
                uint32_t objs;
                uint64_t op;

                if (page->use == USE_FREE)
                        continue;
                op = op_of(why, page, &objs);
                block.in_use++;
                if (op != 0 && (block.oldest_op == 0 || op < block.oldest_op))
                        block.oldest_op = op;
        }
        return block;
}

static int by_effort(const void *a, const void *b)
{
        const struct block *left = a, *right = b;

        if (left->in_use != right->in_use)
                return left->in_use < right->in_use ? -1 : 1;
        if (left->oldest_op != right->oldest_op) /* those nobody asked for (0) come last */
                return left->oldest_op - 1 < right->oldest_op - 1 ? -1 : 1;
        return left->first < right->first ? -1 : 1; /* blocks are different: no ties */
}

/* What is one to whoever would free it: a slab, a block of pages;
 * or a run of pages of the same kind nobody asked for. */
static gboolean is_same_pin(const struct page_holder *a, const struct page_holder *b)
{
        if (a->use != b->use)
                return FALSE;
        return a->use == USE_OTHER || a->use == USE_LIST || a->id == b->id;
}

static void add_pin(struct why *why, const struct block *block, uint32_t first, uint32_t pages)
{
        static const char *const kinds[] = {
                [USE_OTHER] = "other", [USE_LIST] = "page list", [USE_SLAB] = "slab", [USE_BLOCK] = "pages",
        };
        const struct page_holder *page = &why->holders->pages[first];
        uint32_t objs;
        uint64_t op = op_of(why, page, &objs);

        sqlite3_bind_int64(why->pin, 1, block->first);
        sqlite3_bind_text(why->pin, 2, kinds[page->use], -1, SQLITE_STATIC);
        if (page->use == USE_SLAB)
                sqlite3_bind_int64(why->pin, 3, why->mem->slabs[page->id].cache);
        sqlite3_bind_int64(why->pin, 4, first);
        sqlite3_bind_int64(why->pin, 5, pages);
        sqlite3_bind_int64(why->pin, 6, objs);
        if (op != 0)
                sqlite3_bind_int64(why->pin, 7, (int64_t)op);
        insert(why, why->pin);
        why->pin_count++;
}

static void add_block(struct why *why, const struct block *block)
{
        const struct zone *zone = &why->mem->zones[why->mem->zone_of_section[block->first >> SECTION_SHIFT]];
        uint32_t size = 1u << why->order;

        sqlite3_bind_int64(why->block, 1, block->first);
        sqlite3_bind_int64(why->block, 2, zone->node);
        sqlite3_bind_text(why->block, 3, why->mem->arch->zone_names[zone->type], -1, SQLITE_STATIC);
        sqlite3_bind_int64(why->block, 4, block->in_use);
        insert(why, why->block);
        for (uint32_t at = 0; at < size;) {
                const struct page_holder *page = &why->holders->pages[block->first + at];
                uint32_t pages = 1;

                while (at + pages < size && is_same_pin(page, page + pages))
                        pages++;
                if (page->use != USE_FREE)
                        add_pin(why, block, block->first + at, pages);
                at += pages;
        }
}

static void add_blocks(struct why *why)
{
        g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct block));
        uint32_t size = 1u << why->order, zones = 0;

        for (guint i = 0; i < why->refused->len; i++)
                zones |= 1u << g_array_index(why->refused, struct refused, i).zone;
        for (uint32_t z = 0; z < why->mem->zone_count; z++) {
                const struct zone *zone = &why->mem->zones[z];

                if (!(zones & (1u << z)))
                        continue;
                for (uint32_t first = (zone->start_pfn + size - 1) & ~(size - 1); first + size <= zone->end_pfn;
                     first += size) {
                        struct block block = look_at(why, first);

                        /* or it could never have been free */
                        if (block.in_use > 0 && first >= why->mem->reserved_pages)
                                g_array_append_val(blocks, block);
                }
        }
        g_array_sort(blocks, by_effort);
        for (guint i = 0; i < blocks->len && why->pin_count < PINS_MAX && why->error == NULL; i++)
                add_block(why, &g_array_index(blocks, struct block, i));
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static void visit(const struct sim *sim, void *context)
{
        struct why *why = context;

        why->sim = sim;
        why->mem = sim_memory(sim);
        why->holders = holders_new(sim);
        add_verdict(why, add_zones(why));
        add_blocks(why);
        holders_free(why->holders);
}

/* A fault was injected into it: nothing was short. */
static gboolean add_fault(struct why *why)
{
        int64_t found[2];
        g_autofree char *text = NULL;

        if (!first_row(why, "SELECT e.a, e.b FROM event e JOIN event_kind k ON k.id = e.kind WHERE e.op = ? AND "
                            "k.name = 'fault_injected' ORDER BY e.seq DESC LIMIT 1", (int64_t)why->op, found, 2) ||
            !first_row(why, "SELECT 1 FROM op o JOIN op_path p ON p.id = o.path WHERE o.id = ? "
                            "AND p.name = 'fault_injected'",
                       (int64_t)why->op, &(int64_t){ 0 }, 1))
                return FALSE;
        text = g_strdup_printf("nothing was short: %s made request %" PRId64 " for %s fail",
                               fault_capability_names[found[0] & 1], found[1],
                               found[0] == FAULT_SLAB ? "objects" : "pages");
        add_text(why, "verdict", "fault injected");
        add_text(why, "text", text);
        return TRUE;
}

static gboolean fill(struct why *why)
{
        struct replay_point point = { .stop = REPLAY_TO_TIME };
        struct replay_result result;

        if (why->op == 0)
                return TRUE;
        add_fact(why, "op", (int64_t)why->op);
        if (add_fault(why) || why->error != NULL)
                return why->error == NULL;
        if (!why->has_asked || why->refused->len == 0) {
                add_text(why, "verdict", "no refusal");
                add_text(why, "text", "no watermark refused it: the page allocator was not asked, or did not fail "
                                      "(see its path)");
                return why->error == NULL;
        }
        point.t_ns = g_array_index(why->refused, struct refused, why->refused->len - 1).t_ns;
        add_fact(why, "order_", why->order);
        add_fact(why, "gfp", why->gfp);
        add_fact(why, "t_ns", (int64_t)point.t_ns);
        if (why->error != NULL || !replay_to(why->recording, &point, visit, why, &result, &why->error))
                return FALSE;
        if (result.differs && why->error == NULL)
                g_set_error(&why->error, RECORD_ERROR, RECORD_ERROR_FORMAT,
                            "%s differs from its replay, so its state cannot be told\n%s", why->recording->path,
                            result.difference);
        replay_result_clear(&result);
        return why->error == NULL;
}

gboolean why_failed_prepare(struct recording *recording, uint64_t op, uint64_t number, GError **error)
{
        struct why why = { .recording = recording };
        gboolean ok;

        why.refused = g_array_new(FALSE, FALSE, sizeof(struct refused));
        ok = find_op(&why, op, number) && read_refusals(&why) && make_tables(&why) && fill(&why);
        sqlite3_finalize(why.fact);
        sqlite3_finalize(why.zone);
        sqlite3_finalize(why.block);
        sqlite3_finalize(why.pin);
        g_array_unref(why.refused);
        if (!ok)
                g_propagate_error(error, why.error);
        return ok;
}
