#include "script/figures.h"

#include "observe/fragmentation.h"

static void add_counts(struct figures *figures, const struct sim_counts *counts)
{
        static const enum op_kind object_kinds[] = { OP_KMALLOC, OP_ALLOC };

        for (uint32_t kind = 0; kind < OP_KIND_COUNT; kind++)
                for (uint32_t path = 0; path < OP_PATH_COUNT; path++)
                        figures->by_path[kind][path] = counts->ops_by_path[kind][path];
        for (uint32_t i = 0; i < 2; i++) {
                const uint64_t *by_path = figures->by_path[object_kinds[i]];

                for (uint32_t path = 0; path < OP_PATH_COUNT; path++)
                        figures->objects_asked += by_path[path];
                figures->magazine_hits += by_path[PATH_MAGAZINE];
                figures->refills += by_path[PATH_SHARED] + by_path[PATH_PARTIAL_SLAB] + by_path[PATH_FREE_SLAB] +
                                    by_path[PATH_NEW_SLAB];
                figures->slabs_made += by_path[PATH_NEW_SLAB];
                figures->objects_failed += by_path[PATH_FAILED] + by_path[PATH_NO_CLASS] +
                                           by_path[PATH_FAULT_INJECTED];
        }
        for (uint32_t path = 0; path < OP_PATH_COUNT; path++) {
                figures->pages_asked += figures->by_path[OP_PAGES][path];
                figures->frees += figures->by_path[OP_FREE][path];
        }
        figures->pages_failed = figures->by_path[OP_PAGES][PATH_FAILED] +
                                figures->by_path[OP_PAGES][PATH_FAULT_INJECTED];
}

static void add_latency(struct figures *figures, const struct latency *latency)
{
        for (uint32_t i = 0; i < LATENCY_CLASS_COUNT; i++) {
                enum latency_class which = (enum latency_class)i;

                figures->latency[i] = (struct figures_latency){
                        .count = latency_count(latency, which),
                        .p50_ns = latency_quantile_ns(latency, which, 500),
                        .p90_ns = latency_quantile_ns(latency, which, 900),
                        .p99_ns = latency_quantile_ns(latency, which, 990),
                        .p999_ns = latency_quantile_ns(latency, which, 999),
                        .max_ns = latency_max_ns(latency, which),
                };
        }
}

static void add_zones(struct figures *figures, const struct sim *sim)
{
        uint32_t count = sim_zone_count(sim);

        figures->zones = g_new0(struct figures_zone, count + 1);
        for (uint32_t i = 0; i < count; i++) {
                struct figures_zone *zone = &figures->zones[figures->zone_count];

                sim_zone_get(sim, i, &zone->view);
                if (zone->view.present_pages == 0)
                        continue;
                figures->zone_count++;
                zone->numa = sim_memory(sim)->numa_counters[i];
                for (uint32_t order = 0; order < MAX_ORDER; order++) {
                        zone->unusable[order] = unusable_index(zone->view.free_blocks, order);
                        zone->fragmentation[order] = fragmentation_index(zone->view.free_blocks, order);
                }
        }
}

static void add_caches(struct figures *figures, const struct sim *sim)
{
        uint32_t count = sim_cache_count(sim);

        figures->caches = g_new0(struct figures_cache, count + 1);
        for (uint32_t id = 0; id < count; id++) {
                struct figures_cache *cache = &figures->caches[figures->cache_count];

                if (!sim_cache_get(sim, id, &cache->view) || !cache->view.live ||
                    !sim_cache_stock(sim, id, &cache->stock))
                        continue;
                cache->id = id;
                cache->alien_objs = memory_alien_objs(sim_memory(sim), id);
                cache->node_allocs = sim_memory(sim)->caches[id].node_allocs;
                cache->node_frees = sim_memory(sim)->caches[id].node_frees;
                cache->alien_overflows = sim_memory(sim)->caches[id].node_overflow;
                figures->cache_count++;
                figures->live_objs += cache->stock.live_objs;
                figures->requested_bytes += cache->stock.requested_bytes;
                figures->allocated_bytes += cache->stock.allocated_bytes;
                figures->slab_bytes += cache->stock.slab_bytes;
        }
}

struct figures *figures_new(const struct sim *sim, struct observer *observer)
{
        struct figures *figures = g_new0(struct figures, 1);

        figures->time_ns = sim_now_ns(sim);
        figures->ops = observer_op_count(observer);
        figures->events = observer_event_count(observer);
        figures->slab_errors = sim_memory(sim)->slab_errors;
        observer_digest(observer, figures->digest);
        add_counts(figures, sim_counts(sim));
        for (int i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                figures->faults_asked[i] = sim_fault_seen(sim, (enum fault_capability)i);
                figures->faults_injected[i] = sim_fault_injected(sim, (enum fault_capability)i);
        }
        add_latency(figures, observer_latency(observer));
        add_zones(figures, sim);
        add_caches(figures, sim);
        return figures;
}

void figures_free(struct figures *figures)
{
        if (!figures)
                return;
        g_free(figures->zones);
        g_free(figures->caches);
        g_free(figures);
}
