#include "observe/kmemgold.h"

#include <inttypes.h>

#include "mm/memory.h"

static const char *const list_names[SLAB_LIST_KINDS] = { "", "partial", "full", "free" };

void slabinfo_line(const struct sim *sim, uint32_t cache, GString *text)
{
        const struct memory *mem = sim_memory(sim);
        const struct kmem_cache *c = &mem->caches[cache];
        uint64_t active_objs = 0;
        uint64_t active_slabs = 0;
        uint64_t num_slabs = 0;

        for (uint32_t node = 0; node < mem->nodes; node++) {
                const struct slab_list *lists = memory_lists(mem, cache, node)->list;

                active_objs += (uint64_t)lists[SLABS_FULL].count * c->num;
                for (uint32_t id = lists[SLABS_PARTIAL].head; id; id = mem->slabs[id].next)
                        active_objs += mem->slabs[id].inuse;
                active_slabs += lists[SLABS_FULL].count + lists[SLABS_PARTIAL].count;
                num_slabs += lists[SLABS_FREE].count;
        }
        num_slabs += active_slabs;
        g_string_append_printf(text,
                               "%-17s %6" PRIu64 " %6" PRIu64 " %6u %4u %4d : tunables %4u %4u %4u : slabdata %6" PRIu64
                               " %6" PRIu64 " %6" PRIu64 "\n",
                               c->spec.name, active_objs, num_slabs * c->num, c->buffer_size, c->num,
                               1 << c->gfporder, c->limit, c->batchcount, c->shared, active_slabs, num_slabs,
                               memory_shared_objs(mem, cache));
}

static void snap_cache(const struct memory *mem, uint32_t cache, GString *text)
{
        const struct kmem_cache *c = &mem->caches[cache];
        const char *name = c->spec.name;

        g_string_append_printf(text,
                               "stat %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                               " %" PRIu64 " %" PRIu64 " 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                               name, c->allochit, c->allocmiss, c->freehit, c->freemiss, c->allocs, c->high, c->grown,
                               c->reaped, c->max_freeable, c->node_allocs, c->node_frees, c->node_overflow);
        g_string_append_printf(text, "geom %s %u %u %u %u %u %u %u %u %u %u", name, c->buffer_size, c->num, c->gfporder,
                               c->colour, c->colour_off, c->slab_size, c->off_slab, c->limit, c->batchcount, c->shared);
        for (uint32_t node = 0; node < mem->nodes; node++) {
                const struct slab_lists *lists = memory_lists(mem, cache, node);

                if (lists->present)
                        g_string_append_printf(text, " %u", lists->free_limit);
                else
                        g_string_append(text, " -");
        }
        g_string_append_c(text, '\n');
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                const struct array_cache *ac;

                if (!c->array[cpu])
                        continue;
                ac = memory_array(mem, c->array[cpu]);
                g_string_append_printf(text, "array %s %u %u %u %u %u\n", name, cpu, ac->avail, ac->limit,
                                       ac->batchcount, ac->touched);
        }
        for (uint32_t node = 0; node < mem->nodes; node++) {
                const struct slab_lists *lists = memory_lists(mem, cache, node);

                if (lists->shared)
                        g_string_append_printf(text, "shared %s %u %u\n", name, node,
                                               memory_array(mem, lists->shared)->avail);
                for (uint32_t home = 0; mem->numa && home < mem->nodes; home++) {
                        uint32_t array = memory_aliens(mem, cache, node)->array[home];

                        if (array)
                                g_string_append_printf(text, "alien %s %u %u %u\n", name, node, home,
                                                       memory_array(mem, array)->avail);
                }
                if (lists->present)
                        g_string_append_printf(text, "list3 %s %u %u %u %u %" PRIu64 " %u %u %" PRIu64 "\n", name, node,
                                               lists->list[SLABS_PARTIAL].count, lists->list[SLABS_FULL].count,
                                               lists->list[SLABS_FREE].count, lists->free_objects, lists->colour_next,
                                               lists->free_touched, lists->next_reap);
        }
}

static void snap_zone(const struct memory *mem, const struct zone *zone, GString *text)
{
        g_string_append_printf(text,
                               "zone %u %s free %" PRIu64 " min %u low %u high %u present %u spanned %u start %u "
                                                          "reserve",
                               zone->node, mem->arch->zone_names[zone->type], zone->free_pages, zone->pages_min,
                               zone->pages_low, zone->pages_high, zone->present_pages, zone->spanned_pages,
                               zone->start_pfn);
        for (uint32_t type = 0; type < ZONE_TYPES; type++)
                g_string_append_printf(text, " %u", zone->lowmem_reserve[type]);
        g_string_append_printf(text, " hot %u %u cold %u %u nr_free", zone->pcp[0][0].batch, zone->pcp[0][0].high,
                               zone->pcp[0][1].batch, zone->pcp[0][1].high);
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                g_string_append_printf(text, " %u", zone->free_area[order].count);
        g_string_append_c(text, '\n');
}

static void snap_numa(const struct memory *mem, GString *text)
{
        struct numa_counters sum = memory_numa_counters(mem);

        g_string_append_printf(text, "vmstat numa_hit %" PRIu64 "\n", sum.hit);
        g_string_append_printf(text, "vmstat numa_miss %" PRIu64 "\n", sum.miss);
        g_string_append_printf(text, "vmstat numa_foreign %" PRIu64 "\n", sum.foreign);
        g_string_append_printf(text, "vmstat numa_local %" PRIu64 "\n", sum.local);
        g_string_append_printf(text, "vmstat numa_other %" PRIu64 "\n", sum.other);
}

static void snap_vmstat(const struct memory *mem, GString *text)
{
        uint64_t pgalloc[ZONE_TYPES] = { 0 };
        uint64_t pgfree = 0;
        uint64_t reclaimable = 0;
        uint64_t unreclaimable = 0;

        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                pgalloc[zone->type] += zone->pgalloc;
                pgfree += zone->pgfree;
                reclaimable += (uint64_t)zone_stat_exact(zone, NR_SLAB_RECLAIMABLE);
                unreclaimable += (uint64_t)zone_stat_exact(zone, NR_SLAB_UNRECLAIMABLE);
        }
        for (uint32_t type = 0; type < ZONE_TYPES; type++) {
                /* the kernel's counter of zone HighMem is called pgalloc_high */
                const char *zone_name = mem->arch->highmem && type == 2 ? "high" : mem->arch->zone_names[type];
                g_autofree char *name = g_ascii_strdown(zone_name, -1);

                g_string_append_printf(text, "vmstat pgalloc_%s %" PRIu64 "\n", name, pgalloc[type]);
        }
        g_string_append_printf(text, "vmstat pgfree %" PRIu64 "\n", pgfree);
        g_string_append_printf(text, "vmstat nr_slab_reclaimable %" PRIu64 "\n", reclaimable);
        g_string_append_printf(text, "vmstat nr_slab_unreclaimable %" PRIu64 "\n", unreclaimable);
        if (mem->numa)
                snap_numa(mem, text);
        g_string_append_printf(text, "vmstat kswapd_wakeups %" PRIu64 "\n", mem->kswapd_wakeups);
        g_string_append_printf(text, "vmstat oom %" PRIu64 "\n", mem->oom_kills);
}

void kmemgold_snap(const struct sim *sim, uint32_t number, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        g_string_append_printf(text, "snap %u\n", number);
        for (uint32_t id = mem->chain; id != CACHE_ID_NONE; id = mem->caches[id].next) {
                g_string_append(text, "slabinfo ");
                slabinfo_line(sim, id, text);
        }
        for (uint32_t id = mem->chain; id != CACHE_ID_NONE; id = mem->caches[id].next)
                snap_cache(mem, id, text);
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                if (mem->zones[z].present_pages)
                        snap_zone(mem, &mem->zones[z], text);
        }
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                for (uint32_t cpu = 0; cpu < mem->cpus && zone->present_pages; cpu++) {
                        if (mem->online & (1u << cpu))
                                g_string_append_printf(text, "pcp %u %s %u %u %u\n", zone->node,
                                                       mem->arch->zone_names[zone->type], cpu,
                                                       zone->pcp[cpu][0].list.count, zone->pcp[cpu][1].list.count);
                }
        }
        snap_vmstat(mem, text);
        if (mem->arch->word_bytes == 4)
                g_string_append_printf(text, "jiffies %u\n", sim_jiffies(sim));
        else
                g_string_append_printf(text, "jiffies %" PRIu64 "\n", sim_jiffies64(sim));
        g_string_append(text, "endsnap\n");
}

static void append_place(uint64_t place, GString *text)
{
        g_string_append_printf(text, " %u:%u", place_pfn(place), place_offset(place));
}

static void dump_pages(const struct memory *mem, const struct page_list *list, GString *text)
{
        for (uint32_t pfn = list->head; pfn != PFN_NONE; pfn = mem->pages[pfn].next)
                g_string_append_printf(text, " %u", pfn);
        g_string_append_c(text, '\n');
}

static void dump_zones(const struct memory *mem, GString *text)
{
        for (uint32_t node = 0; node < mem->nodes; node++) {
                for (uint32_t type = 0; type < ZONE_TYPES; type++) {
                        const struct zonelist *list = &mem->zonelists[node][type];

                        g_string_append_printf(text, "zonelist %u %s :", node, mem->arch->zone_names[type]);
                        for (uint32_t i = 0; i < list->count; i++) {
                                const struct zone *zone = &mem->zones[list->zone[i]];

                                g_string_append_printf(text, " %u/%s", zone->node, mem->arch->zone_names[zone->type]);
                        }
                        g_string_append_c(text, '\n');
                }
        }
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];
                const char *name = mem->arch->zone_names[zone->type];

                if (!zone->present_pages)
                        continue;
                for (uint32_t order = 0; order < MAX_ORDER; order++) {
                        g_string_append_printf(text, "freelist %u %s %u :", zone->node, name, order);
                        dump_pages(mem, &zone->free_area[order], text);
                }
                for (uint32_t cpu = 0; cpu < mem->cpus; cpu++) {
                        if (!(mem->online & (1u << cpu)))
                                continue;
                        g_string_append_printf(text, "pcplist %u %s %u hot :", zone->node, name, cpu);
                        dump_pages(mem, &zone->pcp[cpu][0].list, text);
                        g_string_append_printf(text, "pcplist %u %s %u cold :", zone->node, name, cpu);
                        dump_pages(mem, &zone->pcp[cpu][1].list, text);
                }
        }
}

static void dump_array(const struct array_cache *ac, GString *text)
{
        g_string_append(text, " at");
        append_place(ac->place, text);
        g_string_append(text, " :");
        for (uint32_t i = 0; i < ac->avail; i++)
                append_place(ac->entry[i], text);
        g_string_append_c(text, '\n');
}

static void dump_slab(const struct memory *mem, const struct slab *slab, GString *text)
{
        const uint16_t *bufctl = pool_at(&mem->pool, slab->bufctl);

        g_string_append_printf(text, "slab %s %u %s %u colouroff %u inuse %u free", mem->caches[slab->cache].spec.name,
                               slab->node, list_names[slab->list], slab->pfn, slab->colouroff, slab->inuse);
        for (uint32_t index = slab->free; index != BUFCTL_END; index = bufctl[index])
                g_string_append_printf(text, " %u", index);
        if (slab->header != PLACE_NONE) {
                g_string_append(text, " mgmt");
                append_place(slab->header, text);
        }
        g_string_append_c(text, '\n');
}

static void dump_aliens(const struct memory *mem, uint32_t cache, uint32_t node, GString *text)
{
        const struct alien_set *set = memory_aliens(mem, cache, node);
        const char *name = mem->caches[cache].spec.name;

        if (!set->attached)
                return;
        g_string_append_printf(text, "alienptrs %s %u at", name, node);
        append_place(set->place, text);
        g_string_append_c(text, '\n');
        for (uint32_t home = 0; home < mem->nodes; home++) {
                if (!set->array[home])
                        continue;
                g_string_append_printf(text, "entries %s alien %u %u", name, node, home);
                dump_array(memory_array(mem, set->array[home]), text);
        }
}

static void dump_cache(const struct memory *mem, uint32_t cache, GString *text)
{
        const struct kmem_cache *c = &mem->caches[cache];

        if (c->place == PLACE_NONE) {
                g_string_append_printf(text, "cache %s static\n", c->spec.name);
        } else {
                g_string_append_printf(text, "cache %s at", c->spec.name);
                append_place(c->place, text);
                g_string_append_c(text, '\n');
        }
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                if (!c->array[cpu])
                        continue;
                g_string_append_printf(text, "entries %s cpu %u", c->spec.name, cpu);
                dump_array(memory_array(mem, c->array[cpu]), text);
        }
        for (uint32_t node = 0; node < mem->nodes; node++) {
                const struct slab_lists *lists = memory_lists(mem, cache, node);

                if (!lists->present)
                        continue;
                g_string_append_printf(text, "l3 %s %u at", c->spec.name, node);
                append_place(lists->place, text);
                g_string_append_c(text, '\n');
                if (lists->shared) {
                        g_string_append_printf(text, "entries %s shared %u", c->spec.name, node);
                        dump_array(memory_array(mem, lists->shared), text);
                }
                if (mem->numa)
                        dump_aliens(mem, cache, node, text);
                for (int kind = SLABS_PARTIAL; kind < SLAB_LIST_KINDS; kind++) {
                        for (uint32_t id = lists->list[kind].head; id; id = mem->slabs[id].next)
                                dump_slab(mem, &mem->slabs[id], text);
                }
        }
}

void kmemgold_dump(const struct sim *sim, uint32_t number, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        g_string_append_printf(text, "dump %u\n", number);
        dump_zones(mem, text);
        for (uint32_t id = mem->chain; id != CACHE_ID_NONE; id = mem->caches[id].next)
                dump_cache(mem, id, text);
        g_string_append(text, "enddump\n");
}
