#include "observe/kernel_log.h"

#include <inttypes.h>
#include <string.h>

#include "mm/memory.h"

#define MEM_MAP_PLACE     0x1000000u /* physical address of the page descriptors */
#define RATELIMIT_COST_S  5u /* printk_ratelimit_jiffies in seconds, and printk_ratelimit_burst */
#define RATELIMIT_BURST   10u

/* A line about a zone begins with its name, on NUMA builds with its node before. */
static void append_zone(const struct memory *mem, const struct zone *zone, GString *text)
{
        g_string_append(text, "<4>");
        if (mem->numa)
                g_string_append_printf(text, "Node %u ", zone->node);
        g_string_append(text, mem->arch->zone_names[zone->type]);
}

static void show_page_lists(const struct memory *mem, const struct zone *zone, GString *text)
{
        append_zone(mem, zone, text);
        g_string_append(text, " per-cpu:\n");
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
        append_zone(mem, zone, text);
        g_string_append_printf(text,
                               " free:%" PRIu64 "kB min:%ukB low:%ukB high:%ukB active:%" PRIu64 "kB inactive:%" PRIu64
                               "kB present:%ukB pages_scanned:%" PRIu64 " all_unreclaimable? %s\n<4>lowmem_reserve[]:",
                               zone->free_pages * 4, zone->pages_min * 4, zone->pages_low * 4, zone->pages_high * 4,
                               (uint64_t)zone->lru[LRU_LIST_ACTIVE].count * 4,
                               (uint64_t)zone->lru[LRU_LIST_INACTIVE].count * 4, zone->present_pages * 4,
                               (uint64_t)zone->pages_scanned, zone->all_unreclaimable ? "yes" : "no");
        for (uint32_t type = 0; type < ZONE_TYPES; type++)
                g_string_append_printf(text, " %u", zone->lowmem_reserve[type]);
        g_string_append_c(text, '\n');
}

static void show_free_area(const struct memory *mem, const struct zone *zone, GString *text)
{
        uint64_t pages = 0;

        append_zone(mem, zone, text);
        g_string_append(text, ": ");
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                g_string_append_printf(text, "%u*%ukB ", zone->free_area[order].count, 4u << order);
                pages += (uint64_t)zone->free_area[order].count << order;
        }
        g_string_append_printf(text, "= %" PRIu64 "kB\n", pages * 4);
}

/* Walks every page descriptor, as show_mem() does: references beyond the first, and pages of the swap cache. */
static void count_pages(const struct memory *mem, uint64_t *ret_shared, uint64_t *ret_cached)
{
        *ret_shared = *ret_cached = 0;
        for (uint32_t pfn = 0; mem->lru.in_use && pfn < mem->page_count; pfn++) {
                const struct lru_page *page = &mem->lru.pages[pfn];
                uint32_t count;

                if (mem->pages[pfn].state != PAGE_LRU)
                        continue;
                count = lru_count(page);
                if (page->bits & LRU_SWAP_CACHE)
                        ++*ret_cached;
                else if (count > 0)
                        *ret_shared += count - 1;
        }
}

void kernel_log_show_mem(const struct sim *sim, GString *text)
{
        const struct memory *mem = sim_memory(sim);
        uint64_t free_pages = 0, highmem = 0, slab_pages, swap_free_kb, shared, cached;
        struct vm_view vm;

        sim_vm_get(sim, &vm);
        slab_pages = vm.stat[NR_SLAB_RECLAIMABLE] + vm.stat[NR_SLAB_UNRECLAIMABLE];
        g_string_append(text, "<6>Mem-info:\n");
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                free_pages += zone->free_pages;
                if (mem->arch->highmem && zone->type == 2)
                        highmem += zone->spanned_pages;
                if (zone->present_pages)
                        show_page_lists(mem, zone, text);
        }
        g_string_append_printf(text,
                               "<4>Active:%" PRIu64 " inactive:%" PRIu64 " dirty:%" PRIu64 " writeback:%" PRIu64
                               " unstable:%" PRIu64 " free:%" PRIu64 " slab:%" PRIu64 " mapped:%" PRIu64
                               " pagetables:%" PRIu64 "\n",
                               vm.active, vm.inactive, vm.stat[NR_DIRTY], vm.stat[NR_WRITEBACK], vm.stat[NR_UNSTABLE],
                               free_pages, slab_pages, vm.stat[NR_MAPPED], vm.stat[NR_PAGE_TABLE_PAGES]);
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                if (mem->zones[z].present_pages)
                        show_zone(mem, &mem->zones[z], text);
        }
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                if (mem->zones[z].present_pages)
                        show_free_area(mem, &mem->zones[z], text);
        }
        swap_free_kb = vm.swap_free * 4;
        count_pages(mem, &shared, &cached);
        g_string_append_printf(text,
                               "<4>Swap cache: add %" PRIu64 ", delete %" PRIu64 ", find 0/0, race 0+0\n"
                               "<4>Free swap  = %" PRIu64 "kB\n<4>Total swap = %" PRIu64
                               "kB\n<6>Free swap:       %6" PRIu64 "kB\n<6>%u pages of RAM\n",
                               vm.swap_cache_add, vm.swap_cache_del, swap_free_kb, vm.swap_total * 4, swap_free_kb,
                               mem->page_count);
        if (mem->arch->highmem)
                g_string_append_printf(text, "<6>%" PRIu64 " pages of HIGHMEM\n", highmem);
        g_string_append_printf(text,
                               "<6>%u reserved pages\n<6>%" PRIu64 " pages shared\n<6>%" PRIu64 " pages swap cached\n",
                               mem->reserved_pages, shared, cached);
        if (mem->arch->highmem)
                g_string_append_printf(text,
                                       "<6>%" PRIu64 " pages dirty\n<6>%" PRIu64 " pages writeback\n<6>%" PRIu64
                                       " pages mapped\n<6>%" PRIu64 " pages slab\n<6>%" PRIu64 " pages pagetables\n",
                                       vm.stat[NR_DIRTY], vm.stat[NR_WRITEBACK], vm.stat[NR_MAPPED], slab_pages,
                                       vm.stat[NR_PAGE_TABLE_PAGES]);
}

void kernel_log_trace(const struct sim *sim, GString *text)
{
        g_string_append(text, sim_memory(sim)->arch->word_bytes == 8 ? "<4>\n<4>Call Trace:\n<4>\n"
                                                                     : "<4> =======================\n");
}

void kernel_log_page_failure(const struct sim *sim, const char *task, uint32_t order, uint32_t gfp, GString *text)
{
        g_string_append_printf(text, "<4>%.15s: page allocation failure. order:%u, mode:0x%x\n", task, order, gfp);
        kernel_log_trace(sim, text);
        kernel_log_show_mem(sim, text);
}

void kernel_log_bug(const char *file, uint32_t line, GString *text)
{
        g_string_append_printf(text, "<0>------------[ cut here ]------------\n<2>kernel BUG at %s:%u!\n", file, line);
}

void kernel_log_panic(const char *what, GString *text)
{
        g_string_append_printf(text, "<0>Kernel panic - not syncing: %s\n<0>\n", what);
}

void kernel_log_slab_error(const struct sim *sim, const char *function, const char *cache, const char *what,
                           GString *text)
{
        g_string_append_printf(text, "<3>slab error in %s(): cache `%s': %s\n", function, cache, what);
        kernel_log_trace(sim, text);
}

/* The descriptors of node 0 begin where they do on the reference machine of spec 04 section 7. */
void kernel_log_bad_page(const struct sim *sim, const char *task, uint32_t pfn, uint64_t flags, int count,
                         GString *text)
{
        const struct memory *mem = sim_memory(sim);
        const struct zone *zone = &mem->zones[mem->zone_of_section[pfn >> SECTION_SHIFT]];
        int digits = (int)mem->arch->word_bytes * 2;
        uint64_t descriptor = mem->arch->virtual_base + MEM_MAP_PLACE +
                              (uint64_t)pfn * mem->arch->page_bytes;

        if (mem->arch->word_bytes == 4)
                flags |= mem->arch->highmem ? (uint64_t)zone->type << 30 : (uint64_t)zone->type << 31;
        else
                flags |= mem->numa ? (uint64_t)zone->node << 58 | (uint64_t)zone->type << 56 :
                                     (uint64_t)zone->type << 62;
        g_string_append_printf(text,
                               "<0>Bad page state in process '%.15s'\n<0>page:%0*" PRIx64 " flags:0x%0*" PRIx64
                               " mapping:%0*d mapcount:0 count:%d\n<0>Trying to fix it up, but a reboot is needed\n"
                               "<0>Backtrace:\n",
                               task, digits, descriptor, digits, flags, digits, 0, count);
        kernel_log_trace(sim, text);
}

gboolean kernel_log_ratelimit(struct kernel_log_limit *limit, const struct sim *sim, GString *text)
{
        uint64_t hz = sim_memory(sim)->hz;
        uint64_t cost = RATELIMIT_COST_S * hz, now = sim_now_ns(sim) / (1000000000u / hz);

        if (!limit->is_set) {
                limit->is_set = TRUE;
                limit->tokens = RATELIMIT_BURST * cost;
        }
        limit->tokens = MIN(limit->tokens + now - limit->last, RATELIMIT_BURST * cost);
        limit->last = now;
        if (limit->tokens < cost) {
                limit->missed++;
                return FALSE;
        }
        limit->tokens -= cost;
        if (limit->missed > 0)
                g_string_append_printf(text, "<4>printk: %u messages suppressed.\n", limit->missed);
        limit->missed = 0;
        return TRUE;
}

static const char *cache_name(const struct sim *sim, uint64_t cache)
{
        return sim_memory(sim)->caches[cache].spec.name;
}

static const struct process *process_of(const struct sim *sim, uint64_t process)
{
        return &sim_memory(sim)->processes.process[process];
}

/* WARN_ON(): execution goes on. */
static void append_warn(const struct sim *sim, const char *file, uint32_t line, const char *function, GString *text)
{
        g_string_append_printf(text, "<4>BUG: at %s:%u %s()\n", file, line, function);
        kernel_log_trace(sim, text);
}

void kernel_log_report(const struct sim *sim, const struct report *report, const char *task, GString *text)
{
        g_autofree char *panic = NULL;

        switch ((enum report_kind)report->kind) {
        case REPORT_PAGES_FAILED:
                kernel_log_page_failure(sim, task, (uint32_t)report->b, (uint32_t)report->a, text);
                break;
        case REPORT_FAULT_INJECTED:
                g_string_append(text, "<5>FAULT_INJECTION: forcing a failure\n");
                if (report->c > 1)
                        kernel_log_trace(sim, text);
                break;
        case REPORT_CACHE_DUPLICATE:
                g_string_append_printf(text, "<4>kmem_cache_create: duplicate cache %s\n", cache_name(sim, report->a));
                kernel_log_trace(sim, text);
                break;
        case REPORT_CACHE_NO_GEOMETRY:
                g_string_append_printf(text, "<4>kmem_cache_create: couldn't create cache %s.\n",
                                       cache_name(sim, report->a));
                break;
        case REPORT_CPUCACHE_FAILED:
                g_string_append_printf(text, "<3>enable_cpucache failed for %s, error 12.\n",
                                       cache_name(sim, report->a));
                break;
        case REPORT_CACHE_BUSY:
                kernel_log_slab_error(sim, "kmem_cache_destroy", cache_name(sim, report->a), "Can't free all objects",
                                      text);
                break;
        case REPORT_CREATE_PANIC:
                panic = g_strdup_printf("kmem_cache_create(): failed to create slab `%s'", cache_name(sim, report->a));
                kernel_log_panic(panic, text);
                break;
        case REPORT_MEMPOOL_BUSY:
                kernel_log_bug("mm/mempool.c", 187, text);
                break;
        case REPORT_OOM_INVOKED: /* the name is that of the process: its tasks have none of their own in the kernel */
                if (report->c)
                        task = process_of(sim, report->c)->spec.name;
                g_string_append_printf(text,
                                       "<4>%.15s invoked oom-killer: gfp_mask=0x%x, order=%u, oomkilladj=%d\n", task,
                                       (uint32_t)report->a, (uint32_t)report->b,
                                       report->c ? process_of(sim, report->c)->spec.oom_adj : 0);
                kernel_log_trace(sim, text);
                kernel_log_show_mem(sim, text);
                break;
        case REPORT_OOM_CHOSEN:
                g_string_append_printf(text, "<3>%s: kill process %d (%.15s) score %" PRIi64 " or a child\n",
                                       report->c ? "No available memory (MPOL_BIND)" : "Out of memory",
                                       process_of(sim, report->a)->spec.pid, process_of(sim, report->a)->spec.name,
                                       (int64_t)report->b);
                break;
        case REPORT_OOM_KILLED:
                g_string_append_printf(text, "<3>Killed process %d (%.15s)\n", process_of(sim, report->a)->spec.pid,
                                       process_of(sim, report->a)->spec.name);
                break;
        case REPORT_OOM_INIT:
                append_warn(sim, "mm/oom_kill.c", 275, "__oom_kill_task", text);
                g_string_append(text, "<4>tried to kill init!\n");
                break;
        case REPORT_OOM_NO_MM:
                append_warn(sim, "mm/oom_kill.c", 281, "__oom_kill_task", text);
                g_string_append(text, "<4>tried to kill an mm-less task!\n");
                break;
        case REPORT_OOM_PANIC:
                kernel_log_panic("out of memory. panic_on_oom is selected", text);
                break;
        case REPORT_OOM_NOBODY:
                kernel_log_panic("Out of memory and no killable processes...", text);
                break;
        default: /* slab_log.c */
                break;
        }
}

char *kernel_log_plain(const char *text)
{
        GString *plain = g_string_new(NULL);

        while (*text) {
                size_t length = strcspn(text, "\n");

                length += text[length] == '\n';
                if (length >= 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>') {
                        text += 3;
                        length -= 3;
                }
                g_string_append_len(plain, text, (gssize)length);
                text += length;
        }
        return g_string_free(plain, FALSE);
}
