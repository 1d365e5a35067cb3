#include "observe/kernel_log.h"

#include <inttypes.h>

#include "mm/memory.h"

static const char *zone_name(const struct memory *mem, const struct zone *zone)
{
        return mem->arch->zone_names[zone->type];
}

static void show_page_lists(const struct memory *mem, const struct zone *zone, GString *text)
{
        g_string_append_printf(text, "<4>%s per-cpu:\n", zone_name(mem, zone));
        for (uint32_t cpu = 0; cpu < mem->cpus; cpu++) {
                const struct pcp *hot = &zone->pcp[cpu][0];
                const struct pcp *cold = &zone->pcp[cpu][1];

                if (!(mem->online & (1u << cpu)))
                        continue;
                g_string_append_printf(text,
                                       "<4>CPU %4u: Hot: hi:%5u, btch:%4u usd:%4u   Cold: hi:%5u, btch:%4u usd:%4u\n",
                                       cpu, hot->high, hot->batch, hot->list.count, cold->high, cold->batch,
                                       cold->list.count);
        }
}

static void show_zone(const struct memory *mem, const struct zone *zone, GString *text)
{
        g_string_append_printf(text,
                               "<4>%s free:%" PRIu64 "kB min:%ukB low:%ukB high:%ukB active:0kB inactive:0kB "
                               "present:%ukB pages_scanned:0 all_unreclaimable? no\n<4>lowmem_reserve[]:",
                               zone_name(mem, zone), zone->free_pages * 4, zone->pages_min * 4, zone->pages_low * 4,
                               zone->pages_high * 4, zone->present_pages * 4);
        for (uint32_t type = 0; type < ZONE_TYPES; type++)
                g_string_append_printf(text, " %u", zone->lowmem_reserve[type]);
        g_string_append_c(text, '\n');
}

static void show_free_area(const struct memory *mem, const struct zone *zone, GString *text)
{
        uint64_t pages = 0;

        g_string_append_printf(text, "<4>%s: ", zone_name(mem, zone));
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                g_string_append_printf(text, "%u*%ukB ", zone->free_area[order].count, 4u << order);
                pages += (uint64_t)zone->free_area[order].count << order;
        }
        g_string_append_printf(text, "= %" PRIu64 "kB\n", pages * 4);
}

void kernel_log_show_mem(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);
        uint64_t free_pages = 0;
        uint64_t slab_pages = 0;
        uint64_t highmem = 0;

        g_string_append(text, "<6>Mem-info:\n");
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                free_pages += zone->free_pages;
                slab_pages += zone->nr_slab_reclaimable + zone->nr_slab_unreclaimable;
                if (mem->arch->highmem && zone->type == 2)
                        highmem += zone->spanned_pages;
                if (zone->present_pages)
                        show_page_lists(mem, zone, text);
        }
        g_string_append_printf(text,
                               "<4>Active:0 inactive:0 dirty:0 writeback:0 unstable:0 free:%" PRIu64 " slab:%" PRIu64
                               " mapped:0 pagetables:0\n",
                               free_pages, slab_pages);
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                if (mem->zones[z].present_pages)
                        show_zone(mem, &mem->zones[z], text);
        }
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                if (mem->zones[z].present_pages)
                        show_free_area(mem, &mem->zones[z], text);
        }
        g_string_append(text, "<4>Swap cache: add 0, delete 0, find 0/0, race 0+0\n"
                              "<4>Free swap  = 0kB\n<4>Total swap = 0kB\n<6>Free swap:            0kB\n");
        g_string_append_printf(text, "<6>%u pages of RAM\n", mem->page_count);
        if (mem->arch->highmem)
                g_string_append_printf(text, "<6>%" PRIu64 " pages of HIGHMEM\n", highmem);
        g_string_append_printf(text, "<6>%u reserved pages\n<6>0 pages shared\n<6>0 pages swap cached\n",
                               mem->reserved_pages);
        if (mem->arch->highmem)
                g_string_append_printf(text,
                                       "<6>0 pages dirty\n<6>0 pages writeback\n<6>0 pages mapped\n<6>%" PRIu64
                                       " pages slab\n<6>0 pages pagetables\n",
                                       slab_pages);
}

void kernel_log_page_failure(const struct sim *sim, const char *task, uint32_t order, uint32_t gfp, GString *text)
{
        const struct memory *mem = sim_memory(sim);

        g_string_append_printf(text, "<4>%.15s: page allocation failure. order:%u, mode:0x%x\n", task, order, gfp);
        if (mem->arch->word_bytes == 8)
                g_string_append(text, "<4>\n<4>Call Trace:\n<4>\n");
        else
                g_string_append(text, "<4> =======================\n");
        kernel_log_show_mem(sim, text);
}
