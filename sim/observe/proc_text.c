/*
 * proc_text.c - see proc_text.h.
 */
#include "observe/proc_text.h"

#include <inttypes.h>
#include <string.h>

#include "mm/memory.h"
#include "observe/kmemgold.h"

#define DEF_PRIORITY       12u /* prev_priority of a zone that is not being reclaimed */
#define STAT_THRESHOLD_MAX 125u

void proc_slabinfo(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        g_string_append(text,
                        "slabinfo - version: 2.1\n"
                        "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
                        "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
        for (uint32_t cache = mem->chain; cache != CACHE_ID_NONE; cache = mem->caches[cache].next)
                slabinfo_line(sim, cache, text);
}

static void append_zone_name(const struct memory *mem, const struct zone *zone, GString *text)
{
        g_string_append_printf(text, "Node %u, zone %8s", zone->node, mem->arch->zone_names[zone->type]);
}

void proc_buddyinfo(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                if (zone->present_pages == 0)
                        continue;
                append_zone_name(mem, zone, text);
                g_string_append_c(text, ' ');
                for (uint32_t order = 0; order < MAX_ORDER; order++)
                        g_string_append_printf(text, "%6u ", zone->free_area[order].count);
                g_string_append_c(text, '\n');
        }
}

/* fls(): 1-based position of the highest set bit. */
static uint32_t highest_bit(uint32_t value)
{
        return value == 0 ? 0 : 32u - (uint32_t)__builtin_clz(value);
}

/* calculate_threshold() of mm/vmstat.c: how far a CPU's counters may be off before they are folded. */
static uint32_t stat_threshold(const struct memory *mem, const struct zone *zone)
{
        uint32_t cpus_online = (uint32_t)__builtin_popcount(mem->online);

        return MIN(2 * highest_bit(cpus_online) * (1 + highest_bit(zone->present_pages >> 15)), STAT_THRESHOLD_MAX);
}

static void append_counters(const struct memory *mem, const struct zone *zone, GString *text)
{
        const struct {
                const char *name;
                uint64_t value;
        } counters[] = {
                { "nr_anon_pages", 0 },
                { "nr_mapped", 0 },
                { "nr_file_pages", 0 },
                { "nr_slab_reclaimable", zone->nr_slab_reclaimable },
                { "nr_slab_unreclaimable", zone->nr_slab_unreclaimable },
                { "nr_page_table_pages", 0 },
                { "nr_dirty", 0 },
                { "nr_writeback", 0 },
                { "nr_unstable", 0 },
                { "nr_bounce", 0 },
                { "nr_vmscan_write", 0 },
        };
        const struct numa_counters *numa = &mem->numa_counters[zone->index];

        for (size_t i = 0; i < G_N_ELEMENTS(counters); i++)
                g_string_append_printf(text, "\n    %-12s %" PRIu64, counters[i].name, counters[i].value);
        if (mem->numa)
                g_string_append_printf(text,
                                       "\n    %-12s %" PRIu64 "\n    %-12s %" PRIu64 "\n    %-12s %" PRIu64
                                       "\n    %-12s 0\n    %-12s %" PRIu64 "\n    %-12s %" PRIu64,
                                       "numa_hit", numa->hit, "numa_miss", numa->miss, "numa_foreign", numa->foreign,
                                       "numa_interleave", "numa_local", numa->local, "numa_other", numa->other);
}

static void append_pagesets(const struct memory *mem, const struct zone *zone, GString *text)
{
        g_string_append(text, "\n  pagesets");
        for (uint32_t cpu = 0; cpu < mem->cpus; cpu++) {
                if (!(mem->online & (1u << cpu)) ||
                    zone->pcp[cpu][0].list.count + zone->pcp[cpu][1].list.count == 0)
                        continue;
                for (uint32_t cold = 0; cold < 2; cold++) {
                        const struct pcp *pcp = &zone->pcp[cpu][cold];

                        g_string_append_printf(text,
                                               "\n    cpu: %u pcp: %u"
                                               "\n              count: %u"
                                               "\n              high:  %u"
                                               "\n              batch: %u",
                                               cpu, cold, pcp->list.count, pcp->high, pcp->batch);
                }
                g_string_append_printf(text, "\n  vm stats threshold: %u", stat_threshold(mem, zone));
        }
}

void proc_zoneinfo(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                if (zone->present_pages == 0)
                        continue;
                append_zone_name(mem, zone, text);
                g_string_append_printf(text,
                                       "\n  pages free     %" PRIu64
                                       "\n        min      %u"
                                       "\n        low      %u"
                                       "\n        high     %u"
                                       "\n        active   0"
                                       "\n        inactive 0"
                                       "\n        scanned  0 (a: 0 i: 0)"
                                       "\n        spanned  %u"
                                       "\n        present  %u",
                                       zone->free_pages, zone->pages_min, zone->pages_low, zone->pages_high,
                                       zone->spanned_pages, zone->present_pages);
                append_counters(mem, zone, text);
                g_string_append(text, "\n        protection: (");
                for (uint32_t type = 0; type < ZONE_TYPES; type++)
                        g_string_append_printf(text, "%s%u", type > 0 ? ", " : "", zone->lowmem_reserve[type]);
                g_string_append_c(text, ')');
                append_pagesets(mem, zone, text);
                g_string_append_printf(text,
                                       "\n  all_unreclaimable: 0"
                                       "\n  prev_priority:     %u"
                                       "\n  start_pfn:         %u\n",
                                       DEF_PRIORITY, zone->start_pfn);
        }
}

static void append_array(const struct memory *mem, uint32_t cache, const char *where, uint32_t ref, GString *text)
{
        const struct array_cache *array = memory_array(mem, ref);

        g_string_append_printf(text, "%-17s %-12s %7u %7u %12u %9u\n", mem->caches[cache].spec.name, where, array->avail,
                               array->limit, array->batchcount, array->touched);
}

/* What a node has beside the magazines of its CPUs: its shared array, and what it holds for other nodes. */
static void append_node_arrays(const struct memory *mem, uint32_t cache, uint32_t node, GString *text)
{
        const struct slab_lists *lists = memory_lists(mem, cache, node);
        char where[32];

        g_snprintf(where, sizeof(where), "node %u", node);
        if (lists->shared != 0)
                append_array(mem, cache, where, lists->shared, text);
        for (uint32_t home = 0; mem->numa && home < mem->nodes; home++) {
                uint32_t ref = memory_aliens(mem, cache, node)->array[home];

                g_snprintf(where, sizeof(where), "node %u for %u", node, home);
                if (ref != 0)
                        append_array(mem, cache, where, ref, text);
        }
}

void proc_magazines(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        g_string_append(text, "# name            <where>      <avail> <limit> <batchcount> <touched>\n");
        for (uint32_t cache = mem->chain; cache != CACHE_ID_NONE; cache = mem->caches[cache].next) {
                for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                        char where[32];

                        g_snprintf(where, sizeof(where), "cpu %u", cpu);
                        if (mem->caches[cache].array[cpu] != 0)
                                append_array(mem, cache, where, mem->caches[cache].array[cpu], text);
                }
                for (uint32_t node = 0; node < mem->nodes; node++)
                        append_node_arrays(mem, cache, node, text);
        }
}

/* -- by name -------------------------------------------------------------------------------------------------------- */

const char *const proc_names[] = { "slabinfo", "buddyinfo", "zoneinfo", "magazines", NULL };

gboolean proc_text(const struct sim *sim, const char *what, GString *text)
{
        static void (*const append[])(const struct sim *, GString *) = {
                proc_slabinfo, proc_buddyinfo, proc_zoneinfo, proc_magazines,
        };

        for (size_t i = 0; i < G_N_ELEMENTS(append); i++) {
                if (strcmp(what, proc_names[i]) != 0)
                        continue;
                append[i](sim, text);
                return TRUE;
        }
        return FALSE;
}
