/*
 * vmstat.h - page counts by zone, kept through per-CPU differences.
 *
 * Stands for enum zone_stat_item, vm_stat[] and mm/vmstat.c of 2.6.20 (spec 03 section 9, 07 section 7.4). A change
 * goes to the CPU's difference; beyond the zone's threshold all of it is folded into the zone's figure and the global
 * one, and the difference is 0 again. Reports and reclaim see folded figures alone, a negative one as 0.
 */
#ifndef KMEMSIM_MM_VMSTAT_H
#define KMEMSIM_MM_VMSTAT_H

#include <stdint.h>

/* X(enum suffix, name in /proc/vmstat), in the order of /proc/vmstat */
#define ZONE_STATS(X)                                                                                                  \
        X(ANON_PAGES, "nr_anon_pages")                                                                                 \
        X(MAPPED, "nr_mapped")                                                                                         \
        X(FILE_PAGES, "nr_file_pages")                                                                                 \
        X(SLAB_RECLAIMABLE, "nr_slab_reclaimable")                                                                     \
        X(SLAB_UNRECLAIMABLE, "nr_slab_unreclaimable")                                                                 \
        X(PAGE_TABLE_PAGES, "nr_page_table_pages")                                                                     \
        X(DIRTY, "nr_dirty")                                                                                           \
        X(WRITEBACK, "nr_writeback")                                                                                   \
        X(UNSTABLE, "nr_unstable")                                                                                     \
        X(BOUNCE, "nr_bounce")                                                                                         \
        X(VMSCAN_WRITE, "nr_vmscan_write")

enum zone_stat {
#define X(id, name) NR_##id,
        ZONE_STATS(X)
#undef X
        ZONE_STAT_COUNT
};

struct memory;
struct zone;

/* mod_zone_page_state() on `cpu`. */
void zone_stat_add(struct memory *memory, struct zone *zone, uint32_t cpu, enum zone_stat item, int32_t delta);

/* refresh_cpu_vm_stats(): the CPU's differences go into the figures. */
void zone_stat_fold(struct memory *memory, uint32_t cpu);

uint32_t zone_stat_threshold(const struct zone *zone, uint32_t online_cpus);

/* What is reported: the folded part, a negative one as 0. */
static inline uint64_t stat_shown(int64_t folded)
{
        return folded > 0 ? (uint64_t)folded : 0;
}

int64_t zone_stat_exact(const struct zone *zone, enum zone_stat item); /* folded part and all differences */

#endif
