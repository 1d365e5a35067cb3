/*
 * replay_differ.c - the first difference between a recording and its replay, in words: where, what stands in both, the
 * rows before it, and the state of the machine there.
 */
#include "record/replay_private.h"

#include <inttypes.h>

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
        g_string_append_printf(text, "%s op %" PRIu64 " %s of %s %u since %" PRIu64 " ns", text->len ? "," : "", op->id,
                               op_kind_names[op->kind],
                               op->origin != 0 ? "the machine, thread"
                               : op->irq != 0  ? "interrupt handler"
                                               : "task",
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
                               "  cache %s: %" PRIu64 " of %" PRIu64 " objects out of slabs, %" PRIu64 " live, %" PRIu64
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
                g_string_append_printf(text, "  zone %s of node %u: %" PRIu64 " free pages, blocks by order", zone.name,
                                       zone.node, zone.free_pages);
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

void replay_remember(struct replay *replay, enum table_id table, const void *record, size_t size)
{
        struct last_row *last = &replay->last[replay->last_count++ % LAST_ROWS];

        last->table = &schema_tables[table];
        memcpy(&last->record, record, size);
}

/* A row that only one side has. */
void replay_differ_row(struct replay *replay, enum table_id table, const char *what, const void *record, uint32_t cache)
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
void replay_differ_field(struct replay *replay, enum table_id id, const void *recorded, const void *replayed,
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
                g_string_append_printf(text, first ? "%s %s=%" PRIu64 ", column %s: recorded " : "  also ", table->name,
                                       table->columns[0].name, column_field(&table->columns[0], replayed),
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

void replay_differ_value(struct replay *replay, const char *where, const char *column, const char *recorded,
                         const char *replayed)
{
        GString *text = differ(replay);

        if (text == NULL)
                return;
        g_string_append_printf(text, "%s, column %s: recorded %s, replayed %s\n", where, column, recorded, replayed);
        end_difference(replay, CACHE_ID_NONE);
}

void replay_differ_count(struct replay *replay, const char *table, uint64_t recorded_count, uint64_t replayed_count)
{
        g_autofree char *recorded = g_strdup_printf("%" PRIu64, recorded_count);
        g_autofree char *replayed = g_strdup_printf("%" PRIu64, replayed_count);

        replay_differ_value(replay, table, "number of rows", recorded, replayed);
}
