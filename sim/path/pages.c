/*
 * pages.c - alloc_pages, one walk over a zonelist, and free_pages.
 *
 * Stands for __alloc_pages(), get_page_from_freelist(), buffered_rmqueue(), free_hot_cold_page() and
 * __free_pages_ok() in mm/page_alloc.c of 2.6.20 (spec 03 sections 4 to 9). Order 0 goes through the CPU's hot and cold
 * lists, everything else straight to the buddy lists under the zone lock. Watermarks are read without a lock.
 *
 * A run that never made a page-cache or anonymous page, a shrinker or swap has nothing to reclaim: direct reclaim makes
 * no progress there, kswapd is not woken, and a task that would wait for congestion counts as a victim from then on; it
 * may use every page until its op ends.
 */
#include "base/core_only.h"
#include "path/step.h"

static void call_scan(struct machine *m, struct thread *th, const struct frame *f, enum mark mark, bool flags)
{
        struct frame *scan = call_path(th, SCAN_ZONE, f->cache);

        scan->gfp = f->gfp;
        scan->order = f->order;
        scan->scan.list_node = f->node;
        scan->scan.list_type = (uint8_t)memory_zone_type(&m->mem, f->gfp);
        scan->scan.mark = (uint8_t)mark;
        scan->scan.high = flags && (f->gfp & __GFP_HIGH);
        scan->scan.harder = flags && !(f->gfp & __GFP_WAIT);
        scan->scan.cold = f->gfp & __GFP_COLD ? 1 : 0;
}

static enum outcome got(const struct thread *th)
{
        return th->ret != PLACE_NONE ? OUT_OK : OUT_NO;
}

enum outcome act_pa_fast(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->node][memory_zone_type(&m->mem, f->gfp)];

        if (f->order >= MAX_ORDER || !list->count) { /* refused before anything is tried, without a report */
                th->ret = PLACE_NONE;
                if (op_is_for_pages(th))
                        th->op.path = PATH_FAILED;
                return OUT_DONE;
        }
        call_scan(m, th, f, MARK_LOW, false);
        return OUT_CALL;
}

enum outcome act_pa_fast_got(struct machine *m, struct thread *th, struct frame *f)
{
        if (m->mem.numa && th->ret == PLACE_NONE && (f->gfp & GFP_THISNODE_NUMA) == GFP_THISNODE_NUMA)
                return OUT_ALT;
        return got(th);
}

enum outcome act_pa_wake_kswapd(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->node][memory_zone_type(&m->mem, f->gfp)];
        uint32_t ignored;

        for (uint32_t i = 0; i < list->count; i++) {
                const struct zone *zone = &m->mem.zones[list->zone[i]];

                m->mem.kswapd_wakeups++;
                if (zone_watermark_ok(zone, f->order, zone->pages_low, 0, false, false, &ignored))
                        continue;
                machine_event(m, th, EV_KSWAPD_WOKEN, zone->index, f->order, 0);
                if (!m->mem.lru.in_use)
                        continue;
                if (m->kswapd_order[zone->node] < f->order)
                        m->kswapd_order[zone->node] = f->order;
                sched_wake_kswapd(m, th, zone->node);
        }
        return OUT_OK;
}

enum outcome act_pa_min(struct machine *m, struct thread *th, struct frame *f)
{
        call_scan(m, th, f, MARK_MIN, true);
        return OUT_CALL;
}

enum outcome act_pa_min_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        if (th->ret != PLACE_NONE && op_is_for_pages(th))
                note_path(th, PATH_MIN_WATERMARK);
        return got(th);
}

enum outcome act_pa_rebalance(struct machine *m, struct thread *th, struct frame *f)
{
        if (!(th->victim | th->memalloc || oom_is_marked(m, th)) || th->role == ROLE_IRQ)
                return OUT_OK;
        if (f->gfp & __GFP_NOMEMALLOC)
                return OUT_NO;
        call_scan(m, th, f, MARK_NONE, false);
        return OUT_CALL;
}

enum outcome act_pa_reserves_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        if (th->ret != PLACE_NONE) {
                if (op_is_for_pages(th))
                        note_path(th, PATH_RESERVES);
                return OUT_OK;
        }
        return f->gfp & __GFP_NOFAIL ? OUT_ALT : OUT_NO;
}

/* With a clock that moves by hand one request runs at a time: nothing can come while this one waits, and it would wait
 * for ever. The machine stops there. */
enum outcome act_pa_nofail_wait(struct machine *m, struct thread *th, struct frame *f)
{
        if (m->manual_clock && !m->mem.lru.in_use)
                return machine_halt(m);
        return wait_for_writes(m, th, 50, f->gfp, f->order);
}

enum outcome act_pa_atomic(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)th;
        return f->gfp & __GFP_WAIT ? OUT_OK : OUT_NO;
}

enum outcome act_pa_reclaim(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *reclaim;

        if (!m->mem.lru.in_use) {
                machine_event(m, th, EV_RECLAIM_TRIED, f->gfp, f->order, 0);
                return OUT_NO;
        }
        reclaim = call_path(th, RECLAIM_BEGIN, CACHE_ID_NONE);
        reclaim->gfp = f->gfp;
        reclaim->order = f->order;
        reclaim->node = f->node;
        return OUT_CALL;
}

enum outcome act_pa_reclaim_got(struct machine *m, struct thread *th, struct frame *f)
{
        uint64_t progress = th->ret;

        (void)m;
        (void)f;
        th->ret = PLACE_NONE;
        return progress ? OUT_OK : OUT_NO;
}

enum outcome act_pa_after_reclaim(struct machine *m, struct thread *th, struct frame *f)
{
        call_scan(m, th, f, MARK_MIN, true);
        return OUT_CALL;
}

enum outcome act_pa_after_reclaim_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return got(th);
}

enum outcome act_pa_oom(struct machine *m, struct thread *th, struct frame *f)
{
        if (!(f->gfp & __GFP_FS) || (f->gfp & __GFP_NORETRY))
                return OUT_NO;
        call_scan(m, th, f, MARK_HIGH, false);
        return OUT_CALL;
}

enum outcome act_pa_oom_got(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return got(th);
}

enum outcome act_pa_retry(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->gfp & __GFP_NORETRY)
                return OUT_NO;
        if (f->order > 3 && !(f->gfp & (__GFP_REPEAT | __GFP_NOFAIL)))
                return OUT_NO;
        if (!m->mem.lru.in_use)
                th->victim = 1;
        return wait_for_writes(m, th, 50, f->gfp, f->order);
}

enum outcome act_pa_nopage(struct machine *m, struct thread *th, struct frame *f)
{
        machine_event(m, th, EV_PAGES_FAILED, f->gfp, f->order, 0);
        if (!(f->gfp & __GFP_NOWARN))
                machine_report(m, th, REPORT_PAGES_FAILED, f->gfp, f->order, 0);
        th->ret = PLACE_NONE;
        if (op_is_for_pages(th))
                th->op.path = PATH_FAILED;
        return OUT_DONE;
}

enum outcome act_pa_done(struct machine *m, struct thread *th, struct frame *f)
{
        struct page *page = &m->mem.pages[place_pfn(th->ret)];

        page->state = PAGE_ALLOCATED;
        page->order = f->order;
        return OUT_DONE;
}

/* One walk over a zonelist. Returns the place of the block or PLACE_NONE. */

/*
 * Sets scan.next to the next zone worth a look; false: there is none. With __GFP_THISNODE the list ends behind the node
 * of its first zone. On NUMA zones found full lately are passed over,
 * and if that led to nothing all are looked at again.
 */
static bool next_zone(const struct machine *m, struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->scan.list_node][f->scan.list_type];
        uint32_t full = m->mem.zonelist_caches[f->scan.list_node][f->scan.list_type].full;

        for (;;) {
                while (f->scan.cached && f->scan.next < list->count && (full & (1u << f->scan.next)))
                        f->scan.next++;
                if (f->scan.next < list->count &&
                    !((f->gfp & __GFP_THISNODE) &&
                      m->mem.zones[list->zone[f->scan.next]].node != m->mem.zones[list->zone[0]].node))
                        return true;
                if (!f->scan.cached)
                        return false;
                f->scan.cached = 0;
                f->scan.next = 0;
        }
}

enum outcome act_scan_zone(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->scan.list_node][f->scan.list_type];
        const struct zone *zone;
        uint32_t mark, order_steps;
        bool allowed;

        if (!next_zone(m, f)) {
                th->ret = PLACE_NONE;
                return OUT_DONE;
        }
        f->scan.zone = list->zone[f->scan.next++];
        zone = &m->mem.zones[f->scan.zone];
        if (f->scan.mark != MARK_NONE) {
                mark = f->scan.mark == MARK_LOW ? zone->pages_low :
                       f->scan.mark == MARK_MIN ? zone->pages_min : zone->pages_high;
                allowed = zone_watermark_ok(zone, f->order, mark, m->mem.zones[list->zone[0]].type, f->scan.high,
                                            f->scan.harder, &order_steps);
                spend(m, COST_WATERMARK, 1);
                spend(m, COST_WATERMARK_STEP, order_steps);
                if (!allowed && m->mem.lru.setting[VM_ZONE_RECLAIM_MODE] && zone_reclaim_wanted(m, th, f->gfp, zone)) {
                        struct frame *reclaim = call_path(th, ZRECLAIM_BEGIN, CACHE_ID_NONE);

                        reclaim->gfp = f->gfp;
                        reclaim->order = f->order;
                        reclaim->zreclaim.zone = zone->index;
                        return OUT_CALL;
                }
                if (!allowed) {
                        machine_event(m, th, EV_ZONE_REFUSED, zone->index, f->order,
                                      zone->free_pages > UINT32_MAX ? UINT32_MAX : (uint32_t)zone->free_pages);
                        return OUT_NO;
                }
        }
        return f->order == 0 ? OUT_OK : OUT_ALT;
}

enum outcome act_scan_reclaimed(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zone *zone = &m->mem.zones[f->scan.zone];

        if (th->ret)
                return f->order == 0 ? OUT_OK : OUT_ALT;
        machine_event(m, th, EV_ZONE_REFUSED, zone->index, f->order,
                      zone->free_pages > UINT32_MAX ? UINT32_MAX : (uint32_t)zone->free_pages);
        return OUT_NO;
}

/* zlc_mark_zone_full() and zlc_setup(): the zone in hand gave no page. The first time in a walk the marks come into
 * use, all cleared (this one too) if the last time was more than a second ago. */
enum outcome act_scan_full(struct machine *m, struct thread *th, struct frame *f)
{
        struct zonelist_cache *cache = &m->mem.zonelist_caches[f->scan.list_node][f->scan.list_type];

        (void)th;
        if (!m->mem.numa)
                return OUT_OK;
        cache->full |= 1u << (f->scan.next - 1);
        if (f->scan.cache_set_up)
                return OUT_OK;
        if (machine_jiffies(m) - cache->last_reset > m->mem.hz) {
                cache->full = 0;
                cache->last_reset = machine_jiffies(m);
        }
        f->scan.cached = 1;
        f->scan.cache_set_up = 1;
        return OUT_OK;
}

/* zone_statistics(): was the zone that served the one asked for, and is it near? */
static void count_numa(struct machine *m, const struct thread *th, const struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->scan.list_node][f->scan.list_type];
        uint32_t node = m->mem.zones[f->scan.zone].node;
        struct numa_counters *counters = &m->mem.numa_counters[f->scan.zone];

        if (node == m->mem.zones[list->zone[0]].node) {
                counters->hit++;
        } else {
                counters->miss++;
                m->mem.numa_counters[list->zone[0]].foreign++;
        }
        if (node == m->mem.node_of_cpu[th->cpu])
                counters->local++;
        else
                counters->other++;
}

static struct pcp *page_list_of(struct machine *m, const struct thread *th, const struct frame *f)
{
        return &m->mem.zones[f->scan.zone].pcp[th->cpu][f->scan.cold];
}

enum outcome act_pcp_pick(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return page_list_of(m, th, f)->list.count ? OUT_OK : OUT_NO;
}

enum outcome act_pcp_refill(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = &m->mem.zones[f->scan.zone];
        struct pcp *pcp = page_list_of(m, th, f);
        uint32_t got_count = 0;

        while (got_count < pcp->batch) {
                uint32_t from_order;
                uint32_t pfn = zone_take_block(zone, m->mem.pages, 0, &from_order);

                if (pfn == PFN_NONE)
                        break;
                m->mem.pages[pfn].state = PAGE_PCP;
                page_list_add_tail(m->mem.pages, &pcp->list, pfn);
                machine_event(m, th, EV_BLOCK_TAKEN, pfn, 0, from_order);
                spend(m, COST_SPLIT, from_order);
                got_count++;
        }
        spend(m, COST_PCP_PAGE, got_count);
        lock_drop(m, th, &zone->lock);
        if (!got_count) {
                irq_restore(m, th, f);
                return OUT_NO;
        }
        machine_event(m, th, EV_PCP_REFILLED, zone->index, f->scan.cold, got_count);
        if (op_is_for_pages(th))
                note_path(th, PATH_PAGE_LIST_BULK);
        return OUT_OK;
}

enum outcome act_pcp_take(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = &m->mem.zones[f->scan.zone];
        struct pcp *pcp = page_list_of(m, th, f);
        uint32_t pfn = pcp->list.head;

        CHECK(m->mem.pages[pfn].state == PAGE_PCP);
        page_list_remove(m->mem.pages, &pcp->list, pfn);
        m->mem.pages[pfn].state = PAGE_NONE;
        zone->pgalloc++;
        if (m->mem.numa)
                count_numa(m, th, f);
        machine_event(m, th, EV_PCP_TAKEN, pfn, f->scan.cold, pcp->list.count);
        if (op_is_for_pages(th))
                note_path(th, PATH_PAGE_LIST);
        f->scan.pfn = pfn;
        return OUT_OK;
}

enum outcome act_buddy_lock(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return lock_take(m, th, &m->mem.zones[f->scan.zone].lock, 1, f->scan.zone);
}

enum outcome act_buddy_take(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = &m->mem.zones[f->scan.zone];
        uint32_t from_order;
        uint32_t pfn = zone_take_block(zone, m->mem.pages, f->order, &from_order);

        if (pfn != PFN_NONE) {
                zone->pgalloc += 1u << f->order;
                if (m->mem.numa)
                        count_numa(m, th, f);
                machine_event(m, th, EV_BLOCK_TAKEN, pfn, f->order, from_order);
                spend(m, COST_SPLIT, from_order - f->order);
                if (op_is_for_pages(th))
                        note_path(th, PATH_BUDDY);
        }
        lock_drop(m, th, &zone->lock);
        if (pfn == PFN_NONE) {
                irq_restore(m, th, f);
                return OUT_NO;
        }
        f->scan.pfn = pfn;
        return OUT_OK;
}

enum outcome act_page_prep(struct machine *m, struct thread *th, struct frame *f)
{
        irq_restore(m, th, f);
        if (f->gfp & __GFP_ZERO)
                spend(m, COST_ZERO_PAGE, 1u << f->order);
        th->ret = place_of(f->scan.pfn, 0);
        return OUT_DONE;
}

/* free_pages. frame: pages.pfn, order. */

enum outcome act_pf_enter(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return f->order == 0 ? OUT_OK : OUT_NO;
}

enum outcome act_pf_hot_put(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t pfn = f->pages.pfn;
        struct zone *zone = memory_zone_of(&m->mem, pfn);
        struct pcp *pcp = &zone->pcp[th->cpu][f->pages.cold];

        zone->pgfree++;
        m->mem.pages[pfn].state = PAGE_PCP;
        page_list_add_head(m->mem.pages, &pcp->list, pfn);
        machine_event(m, th, EV_PCP_PUT, pfn, f->pages.cold, pcp->list.count);
        if (is_own(th, f))
                note_path(th, PATH_PAGE_LIST);
        return pcp->list.count >= pcp->high ? OUT_NO : OUT_OK;
}

/* FREE_BULK: `count` pages from the tail of a page list to the buddy lists; the zone lock is held. */
static void free_bulk(struct machine *m, struct thread *th, struct zone *zone, struct pcp *pcp, uint32_t count,
                      uint32_t cold)
{
        zone->all_unreclaimable = 0;
        zone->pages_scanned = 0;
        for (uint32_t i = 0; i < count; i++) {
                uint32_t pfn = pcp->list.tail;
                uint32_t to_order;

                page_list_remove(m->mem.pages, &pcp->list, pfn);
                m->mem.pages[pfn].state = PAGE_NONE;
                to_order = zone_free_block(zone, m->mem.pages, pfn, 0);
                machine_event(m, th, EV_BLOCK_FREED, pfn, 0, to_order);
                spend(m, COST_MERGE, to_order);
        }
        spend(m, COST_PCP_PAGE, count);
        machine_event(m, th, EV_PCP_DRAINED, zone->index, cold, count);
}

enum outcome act_pf_drain(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = memory_zone_of(&m->mem, f->pages.pfn);
        struct pcp *pcp = &zone->pcp[th->cpu][f->pages.cold];

        free_bulk(m, th, zone, pcp, pcp->batch, f->pages.cold);
        lock_drop(m, th, &zone->lock);
        if (is_own(th, f))
                note_path(th, PATH_PAGE_LIST_BULK);
        return OUT_OK;
}

enum outcome act_pf_buddy(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = memory_zone_of(&m->mem, f->pages.pfn);
        uint32_t to_order;

        zone->pgfree += 1u << f->order;
        zone->all_unreclaimable = 0;
        zone->pages_scanned = 0;
        to_order = zone_free_block(zone, m->mem.pages, f->pages.pfn, f->order);
        machine_event(m, th, EV_BLOCK_FREED, f->pages.pfn, f->order, to_order);
        spend(m, COST_MERGE, to_order - f->order);
        lock_drop(m, th, &zone->lock);
        if (is_own(th, f))
                note_path(th, PATH_BUDDY);
        return OUT_OK;
}

enum outcome act_pf_return(struct machine *m, struct thread *th, struct frame *f)
{
        irq_restore(m, th, f);
        return OUT_DONE;
}

/* Page lists of drainp.cpu back to the buddy lists, zones ascending, hot then cold: all of them, or a batch of each. */

struct frame *call_drain_pages(struct machine *m, struct thread *th, uint32_t cpu)
{
        struct frame *f = call_path(th, DRAINP_NEXT, CACHE_ID_NONE);

        f->drainp.cpu = cpu;
        f->drainp.end = m->mem.zone_count;
        return f;
}

enum outcome act_drainp_next(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        for (; f->drainp.zone < f->drainp.end; f->drainp.zone++, f->drainp.cold = 0) {
                for (; f->drainp.cold < 2; f->drainp.cold++) {
                        if (m->mem.zones[f->drainp.zone].pcp[f->drainp.cpu][f->drainp.cold].list.count)
                                return OUT_OK;
                }
        }
        return OUT_DONE;
}

enum outcome act_drainp_lock(struct machine *m, struct thread *th, struct frame *f)
{
        irq_save(m, th, f);
        return lock_take(m, th, &m->mem.zones[f->drainp.zone].lock, 1, f->drainp.zone);
}

enum outcome act_drainp_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = &m->mem.zones[f->drainp.zone];
        struct pcp *pcp = &zone->pcp[f->drainp.cpu][f->drainp.cold];
        uint32_t count = pcp->list.count;

        if (f->drainp.batch_only && count > pcp->batch)
                count = pcp->batch;
        free_bulk(m, th, zone, pcp, count, f->drainp.cold);
        f->drainp.cold += f->drainp.batch_only; /* what is left stays */
        lock_drop(m, th, &zone->lock);
        irq_restore(m, th, f);
        return OUT_OK;
}
