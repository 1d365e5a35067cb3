/*
 * proc_text.c - see proc_text.h.
 */
#include "observe/proc_text.h"

#include <inttypes.h>
#include <string.h>

#include "mm/memory.h"
#include "observe/fragmentation.h"
#include "observe/kmemgold.h"

#define STAT_THRESHOLD_MAX 125u

/* What a kernel with CONFIG_DEBUG_SLAB has counted; the four tabs are its own. */
static void append_statistics(const struct kmem_cache *cache, GString *text)
{
        g_string_append_printf(text,
                               " : globalstat %7" PRIu64 " %6" PRIu64 " %5" PRIu64 " %4" PRIu64 " \t\t\t\t%4u %4" PRIu64
                               " %4" PRIu64 " %4" PRIu64 " %4" PRIu64,
                               cache->allocs, cache->high, cache->grown, cache->reaped, 0u, cache->max_freeable,
                               cache->node_allocs, cache->node_frees, cache->node_overflow);
        g_string_append_printf(text, " : cpustat %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6" PRIu64, cache->allochit,
                               cache->allocmiss, cache->freehit, cache->freemiss);
}

void proc_slabinfo(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);
        gboolean debug = mem->arch->debug_slab != 0;

        g_string_append_printf(
                text,
                "slabinfo - version: 2.1%s\n"
                "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
                "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>%s\n",
                debug ? " (statistics)" : "",
                debug ? " : globalstat <listallocs> <maxobjs> <grown> <reaped> <error> <maxfreeable> <nodeallocs> "
                        "<remotefrees> <alienoverflow> : cpustat <allochit> <allocmiss> <freehit> <freemiss>" : "");
        for (uint32_t cache = mem->chain; cache != CACHE_ID_NONE; cache = mem->caches[cache].next) {
                slabinfo_line(sim, cache, text);
                if (!debug)
                        continue;
                g_string_truncate(text, text->len - 1);
                append_statistics(&mem->caches[cache], text);
                g_string_append_c(text, '\n');
        }
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

static const char *const zone_stat_names[ZONE_STAT_COUNT] = {
#define X(id, name) [NR_##id] = name,
        ZONE_STATS(X)
#undef X
};

static void append_counters(const struct memory *mem, const struct zone_view *zone, GString *text)
{
        const struct numa_counters *numa = &mem->numa_counters[zone->node * ZONE_TYPES + zone->type];

        for (int i = 0; i < ZONE_STAT_COUNT; i++)
                g_string_append_printf(text, "\n    %-12s %" PRIu64, zone_stat_names[i], zone->stat[i]);
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
                struct zone_view view;

                if (zone->present_pages == 0)
                        continue;
                sim_zone_get(sim, z, &view);
                append_zone_name(mem, zone, text);
                g_string_append_printf(text,
                                       "\n  pages free     %" PRIu64
                                       "\n        min      %u"
                                       "\n        low      %u"
                                       "\n        high     %u"
                                       "\n        active   %" PRIu64
                                       "\n        inactive %" PRIu64
                                       "\n        scanned  %" PRIu64 " (a: %" PRIu64 " i: %" PRIu64 ")"
                                       "\n        spanned  %u"
                                       "\n        present  %u",
                                       view.free_pages, view.pages_min, view.pages_low, view.pages_high, view.nr_active,
                                       view.nr_inactive, view.pages_scanned, view.nr_scan_active, view.nr_scan_inactive,
                                       view.spanned_pages, view.present_pages);
                append_counters(mem, &view, text);
                g_string_append(text, "\n        protection: (");
                for (uint32_t type = 0; type < ZONE_TYPES; type++)
                        g_string_append_printf(text, "%s%u", type > 0 ? ", " : "", view.lowmem_reserve[type]);
                g_string_append_c(text, ')');
                append_pagesets(mem, zone, text);
                g_string_append_printf(text,
                                       "\n  all_unreclaimable: %u"
                                       "\n  prev_priority:     %u"
                                       "\n  start_pfn:         %u\n",
                                       view.all_unreclaimable, view.prev_priority, view.start_pfn);
        }
}

static void append_array(const struct memory *mem, uint32_t cache, const char *where, uint32_t ref, GString *text)
{
        const struct array_cache *array = memory_array(mem, ref);

        g_string_append_printf(text, "%-17s %-12s %7u %7u %12u %9u\n", mem->caches[cache].spec.name, where,
                               array->avail, array->limit, array->batchcount, array->touched);
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

/* -- vmstat and meminfo -------------------------------------------------------------------------------------------- */

static void append_count(GString *text, const char *name, uint64_t count)
{
        g_string_append_printf(text, "%s %" PRIu64 "\n", name, count);
}

/* One line for each type of zone: "pgalloc_dma 12". */
static void append_by_zone(const struct memory *mem, const char *name, const uint64_t *counts, GString *text)
{
        for (uint32_t type = 0; type < ZONE_TYPES; type++) {
                g_autofree char *zone = g_ascii_strdown(mem->arch->zone_names[type], -1);

                if (strcmp(zone, "highmem") == 0)
                        zone[strlen("high")] = '\0';
                g_string_append_printf(text, "%s_%s %" PRIu64 "\n", name, zone, counts[type]);
        }
}

static void append_numa(const struct memory *mem, GString *text)
{
        struct numa_counters sum = memory_numa_counters(mem);

        append_count(text, "numa_hit", sum.hit);
        append_count(text, "numa_miss", sum.miss);
        append_count(text, "numa_foreign", sum.foreign);
        append_count(text, "numa_interleave", 0);
        append_count(text, "numa_local", sum.local);
        append_count(text, "numa_other", sum.other);
}

void proc_vmstat(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);
        struct vm_view vm;

        sim_vm_get(sim, &vm);
        for (size_t i = 0; i < ZONE_STAT_COUNT; i++)
                append_count(text, zone_stat_names[i], vm.stat[i]);
        if (mem->numa)
                append_numa(mem, text);
        append_count(text, "pgpgin", 0);
        append_count(text, "pgpgout", 0);
        append_count(text, "pswpin", vm.events.pswpin);
        append_count(text, "pswpout", vm.events.pswpout);
        append_by_zone(mem, "pgalloc", vm.pgalloc, text);
        append_count(text, "pgfree", vm.pgfree);
        append_count(text, "pgactivate", vm.events.pgactivate);
        append_count(text, "pgdeactivate", vm.events.pgdeactivate);
        append_count(text, "pgfault", 0);
        append_count(text, "pgmajfault", 0);
        append_by_zone(mem, "pgrefill", vm.pgrefill, text);
        append_by_zone(mem, "pgsteal", vm.pgsteal, text);
        append_by_zone(mem, "pgscan_kswapd", vm.pgscan_kswapd, text);
        append_by_zone(mem, "pgscan_direct", vm.pgscan_direct, text);
        append_count(text, "pginodesteal", 0);
        append_count(text, "slabs_scanned", vm.events.slabs_scanned);
        append_count(text, "kswapd_steal", vm.events.kswapd_steal);
        append_count(text, "kswapd_inodesteal", 0);
        append_count(text, "pageoutrun", vm.events.pageoutrun);
        append_count(text, "allocstall", vm.events.allocstall);
        append_count(text, "pgrotated", vm.events.pgrotated);
}

static void append_kb(GString *text, const char *name, uint64_t kb)
{
        g_autofree char *label = g_strconcat(name, ":", NULL);

        g_string_append_printf(text, "%-14s%8" PRIu64 " kB\n", label, kb);
}

/* On i386 what is left of the kernel's last GiB behind lowmem and a gap of at least 8 MiB, up to the kmap area. */
static uint64_t vmalloc_total_kb(const struct memory *mem)
{
        uint64_t low_bytes = 0, start;

        if (mem->arch->word_bytes == 8)
                return 34359738367u;
        for (uint32_t z = 0; z < mem->zone_count; z++)
                if (mem->zones[z].type != 2 && mem->zones[z].spanned_pages != 0)
                        low_bytes = MAX(low_bytes, (uint64_t)mem->zones[z].end_pfn * PAGE_BYTES);
        start = (0xc0000000u + low_bytes + 0xffffffu) & ~(uint64_t)0x7fffffu;
        return (0xff7fe000u - start) / 1024;
}

void proc_meminfo(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);
        uint64_t total = mem->page_count - mem->reserved_pages, free_pages = 0, high = 0, free_high = 0, cached;
        struct vm_view vm;

        sim_vm_get(sim, &vm);
        cached = vm.stat[NR_FILE_PAGES] > vm.swap_cache_pages ? vm.stat[NR_FILE_PAGES] - vm.swap_cache_pages : 0;
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                free_pages += zone->free_pages;
                if (mem->arch->highmem && zone->type == 2) {
                        high += zone->spanned_pages;
                        free_high += zone->free_pages;
                }
        }
        append_kb(text, "MemTotal", total * 4);
        append_kb(text, "MemFree", free_pages * 4);
        append_kb(text, "Buffers", 0);
        append_kb(text, "Cached", cached * 4);
        append_kb(text, "SwapCached", vm.swap_cache_pages * 4);
        append_kb(text, "Active", vm.active * 4);
        append_kb(text, "Inactive", vm.inactive * 4);
        if (mem->arch->highmem) {
                append_kb(text, "HighTotal", high * 4);
                append_kb(text, "HighFree", free_high * 4);
                append_kb(text, "LowTotal", (total - high) * 4);
                append_kb(text, "LowFree", (free_pages - free_high) * 4);
        }
        append_kb(text, "SwapTotal", vm.swap_total * 4);
        append_kb(text, "SwapFree", vm.swap_free * 4);
        append_kb(text, "Dirty", vm.stat[NR_DIRTY] * 4);
        append_kb(text, "Writeback", vm.stat[NR_WRITEBACK] * 4);
        append_kb(text, "AnonPages", vm.stat[NR_ANON_PAGES] * 4);
        append_kb(text, "Mapped", vm.stat[NR_MAPPED] * 4);
        append_kb(text, "Slab", (vm.stat[NR_SLAB_RECLAIMABLE] + vm.stat[NR_SLAB_UNRECLAIMABLE]) * 4);
        append_kb(text, "SReclaimable", vm.stat[NR_SLAB_RECLAIMABLE] * 4);
        append_kb(text, "SUnreclaim", vm.stat[NR_SLAB_UNRECLAIMABLE] * 4);
        append_kb(text, "PageTables", vm.stat[NR_PAGE_TABLE_PAGES] * 4);
        append_kb(text, "NFS_Unstable", vm.stat[NR_UNSTABLE] * 4);
        append_kb(text, "Bounce", vm.stat[NR_BOUNCE] * 4);
        append_kb(text, "CommitLimit", (total * 50 / 100 + vm.swap_total) * 4);
        append_kb(text, "Committed_AS", 0);
        append_kb(text, "VmallocTotal", vmalloc_total_kb(mem));
        append_kb(text, "VmallocUsed", 0);
        append_kb(text, "VmallocChunk", 0);
}

/* -- fragmentation, as later kernels tell it ----------------------------------------------------------------------- */

static void append_indices(const struct memory *mem, const struct zone *zone, gboolean unusable, GString *text)
{
        uint32_t free_blocks[MAX_ORDER];

        for (uint32_t order = 0; order < MAX_ORDER; order++)
                free_blocks[order] = zone->free_area[order].count;
        append_zone_name(mem, zone, text);
        g_string_append_c(text, ' ');
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                int32_t index = unusable ? unusable_index(free_blocks, order) : fragmentation_index(free_blocks, order);

                g_string_append_printf(text, "%s%d.%03d ", index < 0 ? "-" : "", ABS(index) / 1000, ABS(index) % 1000);
        }
        g_string_append_c(text, '\n');
}

void proc_fragmentation(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        for (int unusable = 1; unusable >= 0; unusable--) {
                g_string_append(text, unusable ? "# unusable free space index, order 0 to 10\n"
                                               : "# fragmentation index, order 0 to 10\n");
                for (uint32_t z = 0; z < mem->zone_count; z++)
                        if (mem->zones[z].present_pages != 0)
                                append_indices(mem, &mem->zones[z], unusable, text);
        }
}

/* -- by name ------------------------------------------------------------------------------------------------------- */

const char *const proc_names[] = {
        "slabinfo", "buddyinfo", "zoneinfo", "vmstat", "meminfo", "magazines", "fragmentation", NULL,
};

gboolean proc_text(const struct sim *sim, const char *what, GString *text)
{
        static void (*const append[])(const struct sim *, GString *) = {
                proc_slabinfo, proc_buddyinfo, proc_zoneinfo,      proc_vmstat,
                proc_meminfo,  proc_magazines, proc_fragmentation,
        };

        _Static_assert(G_N_ELEMENTS(append) + 1 == G_N_ELEMENTS(proc_names), "a function for each name");
        for (size_t i = 0; i < G_N_ELEMENTS(append); i++) {
                if (strcmp(what, proc_names[i]) != 0)
                        continue;
                append[i](sim, text);
                return TRUE;
        }
        return FALSE;
}
