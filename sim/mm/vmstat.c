#include "base/core_only.h"
#include "mm/vmstat.h"

#include "mm/memory.h"

static int32_t fls32(uint32_t value)
{
        int32_t bits = 0;

        for (; value; value >>= 1)
                bits++;
        return bits;
}

/* refresh_zone_stat_thresholds() */
uint32_t zone_stat_threshold(const struct zone *zone, uint32_t online_cpus)
{
        int32_t threshold = 2 * fls32(online_cpus) * (1 + fls32(zone->present_pages >> 15));

        return (uint32_t)(threshold < 125 ? threshold : 125);
}

void zone_stat_add(struct memory *memory, struct zone *zone, uint32_t cpu, enum zone_stat item, int32_t delta)
{
        int32_t x = delta + zone->stat_diff[cpu][item];
        int32_t threshold = 0;

        if (memory->stat_thresholds_set)
                threshold = (int32_t)zone_stat_threshold(zone, (uint32_t)__builtin_popcount(memory->online));
        if (x > threshold || x < -threshold) {
                zone->stat[item] += x;
                memory->stat[item] += x;
                x = 0;
        }
        zone->stat_diff[cpu][item] = (int16_t)x;
}

void zone_stat_fold(struct memory *memory, uint32_t cpu)
{
        for (uint32_t z = 0; z < memory->zone_count; z++) {
                struct zone *zone = &memory->zones[z];

                for (uint32_t item = 0; item < ZONE_STAT_COUNT; item++) {
                        zone->stat[item] += zone->stat_diff[cpu][item];
                        memory->stat[item] += zone->stat_diff[cpu][item];
                        zone->stat_diff[cpu][item] = 0;
                }
        }
}

int64_t zone_stat_exact(const struct zone *zone, enum zone_stat item)
{
        int64_t sum = zone->stat[item];

        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                sum += zone->stat_diff[cpu][item];
        return sum;
}
