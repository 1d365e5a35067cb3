/*
 * reclaim.c - how pages come back: direct reclaim, kswapd, and the scan of a zone's lists that both use.
 *
 * Stands for try_to_free_pages(), balance_pgdat(), kswapd(), shrink_zone(), shrink_active_list(),
 * shrink_inactive_list(), shrink_page_list() and pageout() in mm/vmscan.c of 2.6.20, for congestion_wait() and
 * throttle_vm_writeout() (spec 05 sections 3 to 5). What a scan has in hand is struct reclaim of its thread.
 *
 * Pages being worked on are off their list (LRU_ISOLATED) and hold a reference, so that everybody else may go on using
 * them; row P12 of the scan catches who did. lru_lock is held where pages are taken and put back, never longer than for
 * a batch; a page is decided about with interrupts on, one page a step.
 */
#include "base/core_only.h"
#include "path/step.h"

#define PAGES_ENOUGH LRU_CLUSTER

static struct lru_page *lru_at(struct machine *m, uint32_t pfn)
{
        return &m->mem.lru.pages[pfn];
}

static struct zone *zone_in_hand(struct machine *m, const struct reclaim *r)
{
        return &m->mem.zones[r->zone];
}

static uint64_t zone_lru_pages(const struct zone *zone)
{
        return (uint64_t)zone->lru[LRU_LIST_ACTIVE].count + zone->lru[LRU_LIST_INACTIVE].count;
}

static bool zone_ok(struct machine *m, const struct zone *zone, uint32_t order, uint32_t class_index)
{
        uint32_t order_steps;
        bool ok = zone_watermark_ok(zone, order, zone->pages_high, class_index, false, false, &order_steps);

        spend(m, COST_WATERMARK, 1);
        spend(m, COST_WATERMARK_STEP, order_steps);
        return ok;
}

/* Waiting for writes. */

/*
 * congestion_wait(). Without a time for writes it lasts its full time and all writes started end with it (the engine
 * ends them); with one, everybody here goes on as soon as any write ends. With a clock that moves by hand it is over at
 * once and so are the writes.
 */
enum outcome wait_for_writes(struct machine *m, struct thread *th, uint32_t part, uint32_t gfp, uint32_t order)
{
        uint64_t wait_ns = m->tick_ns * (m->mem.hz / part);

        if (m->manual_clock && !m->mem.lru.in_use)
                return OUT_OK;
        machine_event(m, th, EV_CONGESTION_WAITED, gfp, order, (uint32_t)wait_ns);
        m->sleep_until_ns = m->now_ns + wait_ns;
        if (m->mem.lru.in_use) {
                th->waits_writes = 1;
                th->next_wait = 0;
                if (m->write_wait_last)
                        m->threads[m->write_wait_last].next_wait = th->id;
                else
                        m->write_wait_first = th->id;
                m->write_wait_last = th->id;
        }
        return OUT_SLEEP;
}

/* get_dirty_limits(): pages that may be dirty before a writer has to write. */
static uint64_t dirty_limit(const struct machine *m)
{
        const struct lru *lru = &m->mem.lru;
        uint64_t mapped = stat_shown(m->mem.stat[NR_MAPPED]) + stat_shown(m->mem.stat[NR_ANON_PAGES]);
        uint64_t mapped_percent = mapped * 100 / lru->vm_total_pages;
        uint64_t unmapped = mapped_percent < 100 ? 100 - mapped_percent : 0;
        uint64_t ratio = lru->setting[VM_DIRTY_RATIO];

        if (ratio > unmapped / 2)
                ratio = unmapped / 2;
        if (ratio < 5)
                ratio = 5;
        return ratio * (lru->vm_total_pages - lru->high_pages) / 100;
}

/* Direct reclaim. */

enum outcome act_reclaim_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        const struct zonelist *list = &m->mem.zonelists[f->node][memory_zone_type(&m->mem, f->gfp)];

        memset(r, 0, sizeof(*r));
        m->mem.lru.events.allocstall++;
        th->memalloc = 1;
        r->gfp = f->gfp;
        r->order = f->order;
        r->list_node = f->node;
        r->list_type = (uint8_t)memory_zone_type(&m->mem, f->gfp);
        r->may_write = !m->mem.lru.setting[VM_LAPTOP_MODE];
        r->may_swap = 1;
        r->batch = LRU_CLUSTER;
        r->swappiness = (uint8_t)m->mem.lru.setting[VM_SWAPPINESS];
        r->priority = DEF_PRIORITY;
        for (uint32_t i = 0; i < list->count; i++)
                r->lru_pages += zone_lru_pages(&m->mem.zones[list->zone[i]]);
        return OUT_OK;
}

enum outcome act_reclaim_round(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        r->scanned = 0;
        r->all_dead = 1;
        r->next_zone = 0;
        return OUT_OK;
}

enum outcome act_reclaim_zone(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        const struct zonelist *list = &m->mem.zonelists[r->list_node][r->list_type];

        (void)f;
        while (r->next_zone < list->count) {
                struct zone *zone = &m->mem.zones[list->zone[r->next_zone++]];

                if (zone->prev_priority > r->priority)
                        zone->prev_priority = r->priority;
                if (zone->all_unreclaimable && r->priority != DEF_PRIORITY)
                        continue;
                r->all_dead = 0;
                r->zone = zone->index;
                call_path(th, SZONE_BEGIN, CACHE_ID_NONE);
                return OUT_CALL;
        }
        return OUT_NO;
}

enum outcome act_reclaim_zone_done(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        r->reclaimed += r->freed;
        return OUT_OK;
}

enum outcome act_reclaim_slab(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        call_path(th, SSLAB_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_reclaim_slab_done(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        r->reclaimed += r->reclaimed_slab;
        r->reclaimed_slab = 0;
        r->total_scanned += r->scanned;
        return r->reclaimed >= PAGES_ENOUGH ? OUT_NO : OUT_OK;
}

enum outcome act_reclaim_wait(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (r->total_scanned > LRU_CLUSTER + LRU_CLUSTER / 2)
                r->may_write = 1;
        if (r->scanned && r->priority < DEF_PRIORITY - 2)
                return wait_for_writes(m, th, 10, r->gfp, r->order);
        return OUT_OK;
}

enum outcome act_reclaim_next(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (r->priority == 0)
                return OUT_NO;
        r->priority--;
        return OUT_OK;
}

enum outcome act_reclaim_end(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        const struct zonelist *list = &m->mem.zonelists[r->list_node][r->list_type];

        for (uint32_t i = 0; i < list->count; i++)
                m->mem.zones[list->zone[i]].prev_priority = r->priority;
        th->memalloc = 0;
        th->ret = r->reclaimed >= PAGES_ENOUGH || !r->all_dead;
        machine_event(m, th, EV_RECLAIM_TRIED, f->gfp, f->order, (uint32_t)r->reclaimed);
        return OUT_DONE;
}

/* Zone reclaim. */

/* Page cache that nobody maps; unsigned, as the kernel has it: with more mapped than cached it is huge. */
static uint64_t unmapped_pages(const struct zone *zone)
{
        return stat_shown(zone->stat[NR_FILE_PAGES]) - stat_shown(zone->stat[NR_MAPPED]);
}

static uint64_t reclaimable_slab(const struct zone *zone)
{
        return stat_shown(zone->stat[NR_SLAB_RECLAIMABLE]);
}

static uint64_t may_stay(const struct machine *m, const struct zone *zone, enum vm_setting ratio)
{
        return zone->present_pages * m->mem.lru.setting[ratio] / 100;
}

bool zone_reclaim_wanted(const struct machine *m, const struct thread *th, uint32_t gfp, const struct zone *zone)
{
        if (!m->mem.numa || (unmapped_pages(zone) <= may_stay(m, zone, VM_MIN_UNMAPPED_RATIO) &&
                             reclaimable_slab(zone) <= may_stay(m, zone, VM_MIN_SLAB_RATIO)))
                return false;
        if (!(gfp & __GFP_WAIT) || zone->all_unreclaimable || zone->reclaim_in_progress || th->memalloc)
                return false;
        return !m->mem.cpus_on_node[zone->node] || zone->node == m->mem.node_of_cpu[th->cpu];
}

enum outcome act_zreclaim_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint64_t mode = m->mem.lru.setting[VM_ZONE_RECLAIM_MODE];
        const struct zone *zone = &m->mem.zones[f->zreclaim.zone];

        memset(r, 0, sizeof(*r));
        th->memalloc = 1;
        r->gfp = f->gfp;
        r->zone = f->zreclaim.zone;
        r->order = f->order;
        r->congested_ok = 1;
        r->may_write = mode & 2 ? 1 : 0;
        r->may_swap = mode & 4 ? 1 : 0;
        r->batch = 1u << f->order > LRU_CLUSTER ? 1u << f->order : LRU_CLUSTER;
        r->swappiness = (uint8_t)m->mem.lru.setting[VM_SWAPPINESS];
        r->lru_pages = f->order; /* what the kernel gives shrink_slab here */
        r->priority = 4;
        return unmapped_pages(zone) > may_stay(m, zone, VM_MIN_UNMAPPED_RATIO) ? OUT_OK : OUT_NO;
}

enum outcome act_zreclaim_zone(struct machine *m, struct thread *th, struct frame *f)
{
        struct zone *zone = &m->mem.zones[f->zreclaim.zone];

        if (zone->prev_priority > reclaim_of(m, th)->priority)
                zone->prev_priority = reclaim_of(m, th)->priority;
        call_path(th, SZONE_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_zreclaim_zone_done(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        f->zreclaim.freed += r->freed;
        if (f->zreclaim.freed >= 1u << f->order || r->priority == 0)
                return OUT_NO;
        r->priority--;
        return OUT_OK;
}

enum outcome act_zreclaim_slab(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zone *zone = &m->mem.zones[f->zreclaim.zone];

        if (!f->zreclaim.slab_pages) {
                if (reclaimable_slab(zone) <= may_stay(m, zone, VM_MIN_SLAB_RATIO))
                        return OUT_NO;
                f->zreclaim.slab_pages = reclaimable_slab(zone);
        }
        call_path(th, SSLAB_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_zreclaim_slab_done(struct machine *m, struct thread *th, struct frame *f)
{
        const struct zone *zone = &m->mem.zones[f->zreclaim.zone];

        return th->ret && reclaimable_slab(zone) > f->zreclaim.slab_pages - (1u << f->order) ? OUT_OK : OUT_NO;
}

enum outcome act_zreclaim_end(struct machine *m, struct thread *th, struct frame *f)
{
        if (f->zreclaim.slab_pages)
                f->zreclaim.freed += f->zreclaim.slab_pages - reclaimable_slab(&m->mem.zones[f->zreclaim.zone]);
        th->memalloc = 0;
        th->ret = (int64_t)f->zreclaim.freed >= (int64_t)1 << f->order;
        machine_event(m, th, EV_RECLAIM_TRIED, f->gfp, f->order, (uint32_t)f->zreclaim.freed);
        return OUT_DONE;
}

/* kswapd. */

enum outcome act_kswapd_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        memset(r, 0, sizeof(*r));
        r->is_kswapd = 1;
        r->congested_ok = 1;
        r->node = th->op.target_cpu;
        r->gfp = GFP_KERNEL;
        r->may_swap = 1;
        r->batch = LRU_CLUSTER;
        r->order = (uint8_t)m->kswapd_order[r->node];
        f->order = r->order;
        return OUT_OK;
}

enum outcome act_kswapd_start(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        m->mem.lru.events.pageoutrun++;
        r->total_scanned = 0;
        r->reclaimed = 0;
        r->reclaimed_slab = 0;
        r->may_write = !m->mem.lru.setting[VM_LAPTOP_MODE];
        r->swappiness = (uint8_t)m->mem.lru.setting[VM_SWAPPINESS];
        r->priority = DEF_PRIORITY;
        memset(r->note, DEF_PRIORITY, sizeof(r->note));
        return OUT_OK;
}

enum outcome act_kswapd_find(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint32_t end = ZONE_TYPES;

        (void)f;
        r->all_ok = 1;
        while (end-- > 0) {
                const struct zone *zone = &m->mem.zones[r->node * ZONE_TYPES + end];

                if (!zone->present_pages || (zone->all_unreclaimable && r->priority != DEF_PRIORITY))
                        continue;
                if (!zone_ok(m, zone, r->order, 0))
                        break;
        }
        if (r->priority == DEF_PRIORITY)
                machine_event(m, th, EV_KSWAPD_STARTED, r->node, r->order,
                              end < ZONE_TYPES ? r->node * ZONE_TYPES + end : UINT32_MAX);
        if (end >= ZONE_TYPES) /* none: wrapped round */
                return OUT_NO;
        r->end_zone = (uint8_t)end;
        r->next_zone = 0;
        r->lru_pages = 0;
        for (uint32_t i = 0; i <= end; i++)
                r->lru_pages += zone_lru_pages(&m->mem.zones[r->node * ZONE_TYPES + i]);
        return OUT_OK;
}

enum outcome act_kswapd_zone(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        while (r->next_zone <= r->end_zone) {
                struct zone *zone = &m->mem.zones[r->node * ZONE_TYPES + r->next_zone];

                if (!zone->present_pages || (zone->all_unreclaimable && r->priority != DEF_PRIORITY)) {
                        r->next_zone++;
                        continue;
                }
                if (!zone_ok(m, zone, r->order, r->end_zone))
                        r->all_ok = 0;
                r->note[r->next_zone] = r->priority;
                if (zone->prev_priority > r->priority)
                        zone->prev_priority = r->priority;
                r->scanned = 0;
                r->zone = zone->index;
                call_path(th, SZONE_BEGIN, CACHE_ID_NONE);
                return OUT_CALL;
        }
        return OUT_NO;
}

enum outcome act_kswapd_slab(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        r->reclaimed += r->freed;
        r->reclaimed_slab = 0;
        call_path(th, SSLAB_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_kswapd_dead(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        struct zone *zone = zone_in_hand(m, r);

        (void)f;
        r->reclaimed += r->reclaimed_slab;
        r->total_scanned += r->scanned;
        r->next_zone++;
        if (zone->all_unreclaimable)
                return OUT_OK;
        if (th->ret == 0 && zone->pages_scanned >= 6 * zone_lru_pages(zone)) {
                zone->all_unreclaimable = 1;
                machine_event(m, th, EV_ZONE_DEAD, zone->index, (uint32_t)zone->pages_scanned,
                              (uint32_t)zone_lru_pages(zone));
        }
        if (r->total_scanned > 2 * LRU_CLUSTER && r->total_scanned > r->reclaimed + r->reclaimed / 2)
                r->may_write = 1;
        return OUT_OK;
}

enum outcome act_kswapd_round(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (r->all_ok)
                return OUT_NO;
        if (r->total_scanned && r->priority < DEF_PRIORITY - 2)
                return wait_for_writes(m, th, 10, r->gfp, r->order);
        return OUT_OK;
}

enum outcome act_kswapd_next(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (r->reclaimed >= PAGES_ENOUGH || r->priority == 0)
                return OUT_NO;
        r->priority--;
        return OUT_OK;
}

enum outcome act_kswapd_end(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        for (uint32_t i = 0; i < ZONE_TYPES; i++)
                m->mem.zones[r->node * ZONE_TYPES + i].prev_priority = r->note[i];
        th->op.result += (uint32_t)r->reclaimed;
        return r->all_ok ? OUT_OK : OUT_NO;
}

/* It counts as waiting from here on: nobody comes between this look at the order and its sleep. */
enum outcome act_kswapd_check(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint32_t order = m->kswapd_order[r->node];

        (void)f;
        m->kswapd_order[r->node] = 0;
        if (order > r->order) {
                r->order = (uint8_t)order;
                return OUT_OK;
        }
        machine_event(m, th, EV_KSWAPD_SLEPT, r->node, r->order, th->op.result);
        return OUT_DONE;
}

/* One zone. */

enum outcome act_szone_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        struct zone *zone = zone_in_hand(m, r);

        (void)f;
        zone->reclaim_in_progress++;
        r->freed = 0;
        for (uint32_t which = 0; which < LRU_LISTS; which++) {
                zone->nr_scan[which] += (zone->lru[which].count >> r->priority) + 1;
                r->todo[which] = 0;
                if (zone->nr_scan[which] < r->batch)
                        continue;
                r->todo[which] = zone->nr_scan[which];
                zone->nr_scan[which] = 0;
        }
        return OUT_OK;
}

static uint64_t take_amount(struct reclaim *r, enum lru_list which)
{
        uint64_t n = r->todo[which] < r->batch ? r->todo[which] : r->batch;

        r->todo[which] -= n;
        return n;
}

enum outcome act_szone_active(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (!r->todo[LRU_LIST_ACTIVE] && !r->todo[LRU_LIST_INACTIVE])
                return OUT_NO;
        if (!r->todo[LRU_LIST_ACTIVE])
                return OUT_OK;
        r->max = take_amount(r, LRU_LIST_ACTIVE);
        call_path(th, SACTIVE_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_szone_inactive(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (!r->todo[LRU_LIST_INACTIVE])
                return OUT_OK;
        r->max = take_amount(r, LRU_LIST_INACTIVE);
        call_path(th, SINACTIVE_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_szone_throttle(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint64_t limit = dirty_limit(m);
        uint64_t writes = stat_shown(m->mem.stat[NR_WRITEBACK]) + stat_shown(m->mem.stat[NR_UNSTABLE]);

        (void)f;
        limit += limit / 10;
        if (writes > limit) {
                machine_event(m, th, EV_RECLAIM_THROTTLED, r->zone, (uint32_t)writes, (uint32_t)limit);
                return wait_for_writes(m, th, 10, r->gfp, r->order);
        }
        zone_in_hand(m, r)->reclaim_in_progress--;
        return OUT_DONE;
}

/* Pages leave the tail of a list for the hands of the scanner. A page nobody refers to is being freed elsewhere: it is
 * looked at, goes to the head and is not taken. */
static void take_pages(struct machine *m, struct reclaim *r, enum lru_list which, uint64_t most)
{
        struct zone *zone = zone_in_hand(m, r);
        struct page_list *list = &zone->lru[which];
        uint32_t length = list->count;

        page_list_init(&r->taken);
        r->batch_looked = 0;
        while (r->batch_looked < most && r->batch_looked < length) {
                uint32_t pfn = list->tail;

                r->batch_looked++;
                page_list_remove(m->mem.pages, list, pfn);
                if (lru_count(lru_at(m, pfn)) == 0) {
                        page_list_add_head(m->mem.pages, list, pfn);
                        continue;
                }
                lru_at(m, pfn)->bits &= ~(uint32_t)LRU_ON_LIST;
                lru_at(m, pfn)->bits |= LRU_ISOLATED;
                page_list_add_tail(m->mem.pages, &r->taken, pfn);
        }
        zone->pages_scanned += r->batch_looked;
        r->taken_count = r->taken.count;
}

/* The oldest page of a list in the scanner's hands. */
static uint32_t next_page(struct machine *m, struct page_list *list)
{
        uint32_t pfn = list->head;

        if (pfn != PFN_NONE)
                page_list_remove(m->mem.pages, list, pfn);
        return pfn;
}

/* A page goes from the scanner's hands to the head of its list; its reference moves to the release group. */
static void put_back(struct machine *m, struct reclaim *r, uint32_t pfn)
{
        struct lru_page *page = lru_at(m, pfn);

        page->bits &= ~(uint32_t)LRU_ISOLATED;
        page->held++;
        lru_add(&m->mem, pfn);
        spend(m, COST_LIST_PUT, 1);
        r->group[r->group_count++] = pfn;
}

enum outcome act_lock_zone_lru(struct machine *m, struct thread *th, struct frame *f)
{
        return lock_lru(m, th, f, reclaim_of(m, th)->zone);
}

enum outcome act_release_group(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_release(th, GROUP_OF_RECLAIM, f->state != EXIT_SWAPPED && f->state != DROP_RELEASE);
        return OUT_CALL;
}

/* The active list. */

static bool may_deactivate_mapped(const struct machine *m, const struct reclaim *r, const struct zone *zone)
{
        uint64_t mapped = stat_shown(m->mem.stat[NR_MAPPED]) + stat_shown(m->mem.stat[NR_ANON_PAGES]);
        uint32_t priority = zone->prev_priority < r->priority ? zone->prev_priority : r->priority;

        if (!r->may_swap)
                return false;
        if (zone->pages_scanned >= 3 * zone_lru_pages(zone))
                return true;
        return mapped * 100 / m->mem.lru.vm_total_pages / 2 + (100u >> priority) + r->swappiness >= 100;
}

enum outcome act_sactive_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        r->reclaim_mapped = may_deactivate_mapped(m, r, zone_in_hand(m, r));
        page_list_init(&r->back[0]);
        page_list_init(&r->back[1]);
        r->group_count = 0;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

enum outcome act_sactive_take(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        take_pages(m, r, LRU_LIST_ACTIVE, r->max);
        unlock_lru(m, th, f, r->zone);
        return OUT_OK;
}

enum outcome act_sactive_page(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint32_t pfn = next_page(m, &r->taken);
        const struct lru_page *page;
        bool keep;

        (void)f;
        if (pfn == PFN_NONE) {
                zone_in_hand(m, r)->pgrefill += r->batch_looked;
                m->mem.lru.events.pgdeactivate += r->back[0].count;
                if (r->batch_looked)
                        machine_event(m, th, EV_ACTIVE_SCANNED, r->zone, r->batch_looked, r->back[0].count);
                return OUT_NO;
        }
        page = lru_at(m, pfn);
        spend(m, COST_ACTIVE_SCAN, 1);
        keep = false;
        if (page->bits & LRU_MAPPED) {
                keep = !r->reclaim_mapped || (!m->mem.lru.setting[VM_SWAP_PAGES] && (page->bits & LRU_ANON));
                if (!keep) {
                        spend(m, COST_REFERENCED, 1);
                        keep = lru_referenced(&m->mem, pfn, false) > 0;
                }
        }
        page_list_add_tail(m->mem.pages, &r->back[keep], pfn);
        return OUT_OK;
}

enum outcome act_sactive_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        while (r->group_count < LRU_GROUP) {
                bool keep = r->back[0].count == 0;
                uint32_t pfn = next_page(m, &r->back[keep]);

                if (pfn == PFN_NONE)
                        break;
                if (keep)
                        lru_at(m, pfn)->bits |= LRU_ACTIVE;
                else
                        lru_at(m, pfn)->bits &= ~(uint32_t)LRU_ACTIVE;
                put_back(m, r, pfn);
        }
        unlock_lru(m, th, f, r->zone);
        if (!r->group_count)
                return OUT_DONE;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

enum outcome act_sactive_more(struct machine *m, struct thread *th, struct frame *f)
{
        const struct reclaim *r = reclaim_of(m, th);

        (void)f;
        return r->back[0].count || r->back[1].count ? OUT_OK : OUT_DONE;
}

/* The inactive list. */

enum outcome act_sinactive_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        r->looked = 0;
        r->group_count = 0;
        page_list_init(&r->gone);
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

enum outcome act_sinactive_take(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        take_pages(m, r, LRU_LIST_INACTIVE, r->batch);
        r->looked += r->batch_looked;
        r->batch_freed = 0;
        r->batch_activated = 0;
        page_list_init(&r->back[0]);
        unlock_lru(m, th, f, r->zone);
        return OUT_OK;
}

enum page_fate { PAGE_KEPT, PAGE_ACTIVATED, PAGE_FREED };

/* pageout(), rows O1 to O6. True: the page is clean and may go. */
static bool write_out(struct machine *m, struct thread *th, struct reclaim *r, uint32_t pfn, enum page_fate *ret_fate)
{
        struct lru_page *page = lru_at(m, pfn);

        *ret_fate = PAGE_KEPT;
        if (lru_count(page) != 2 || !(page->bits & (LRU_CACHED | LRU_SWAP_CACHE)))
                return false;
        if (page->bits & LRU_NO_WRITE) {
                *ret_fate = PAGE_ACTIVATED;
                return false;
        }
        if (m->mem.lru.setting[VM_CONGESTED] && !r->congested_ok)
                return false;
        lru_clear_dirty(&m->mem, th->cpu, pfn);
        page->bits |= LRU_RECLAIM;
        lru_write_start(&m->mem, th->cpu, pfn);
        zone_stat_add(&m->mem, memory_zone_of(&m->mem, pfn), th->cpu, NR_VMSCAN_WRITE, 1);
        spend(m, COST_PAGE_WRITE, 1);
        machine_event(m, th, EV_PAGE_WRITE_STARTED, pfn, !!(page->bits & LRU_ANON), (uint32_t)m->mem.lru.write_count);
        sched_write_started(m);
        return false;
}

/* shrink_page_list() for one page: the rows P1 to P13 in order. */
static enum page_fate scan_page(struct machine *m, struct thread *th, struct reclaim *r, uint32_t pfn)
{
        struct lru_page *page = lru_at(m, pfn);
        enum page_fate fate;
        uint32_t referenced;

        spend(m, COST_PAGE_SCAN, 1);
        if (page->bits & LRU_LOCKED)
                return PAGE_KEPT;
        r->scanned++;
        if (!r->may_swap && (page->bits & LRU_MAPPED))
                return PAGE_KEPT;
        if (page->bits & (LRU_MAPPED | LRU_SWAP_CACHE))
                r->scanned++;
        if (page->bits & LRU_WRITEBACK)
                return PAGE_KEPT;
        referenced = lru_referenced(&m->mem, pfn, true);
        if (referenced && ((page->bits & (LRU_MAPPED | LRU_SWAP_CACHE | LRU_FILE_MAPPED))))
                return PAGE_ACTIVATED;
        if ((page->bits & LRU_ANON) && !(page->bits & LRU_SWAP_CACHE)) {
                if (!lru_swap_cache_enter(&m->mem, th->cpu, pfn))
                        return PAGE_ACTIVATED;
                spend(m, COST_PAGE_WRITE, 1);
        }
        if (page->bits & LRU_MAPPED) {
                spend(m, COST_PAGE_UNMAP, 1);
                if (!lru_unmap(&m->mem, th->cpu, pfn))
                        return PAGE_ACTIVATED;
        }
        if (page->bits & LRU_DIRTY) {
                uint32_t gfp = r->gfp;

                if (referenced)
                        return PAGE_KEPT;
                if (!(gfp & __GFP_FS) && !((page->bits & LRU_SWAP_CACHE) && (gfp & __GFP_IO)))
                        return PAGE_KEPT;
                if (!r->may_write)
                        return PAGE_KEPT;
                if (!write_out(m, th, r, pfn, &fate))
                        return fate;
        }
        if (!(page->bits & (LRU_CACHED | LRU_SWAP_CACHE)) || lru_count(page) != 2 || (page->bits & LRU_DIRTY))
                return PAGE_KEPT;
        return PAGE_FREED;
}

/* remove_mapping(): out of its cache; only the scanner's reference is left, and that goes with the group. */
static void take_away(struct machine *m, struct thread *th, struct reclaim *r, uint32_t pfn)
{
        struct lru_page *page = lru_at(m, pfn);
        uint32_t swapped = !!(page->bits & LRU_SWAP_CACHE);

        machine_event(m, th, EV_PAGE_RECLAIMED, pfn, swapped, page->owner);
        lru_cache_leave(&m->mem, th->cpu, pfn);
        if (page->bits & LRU_SWAP_ENTRY)
                lru_entry_kept(&m->mem, pfn);
        page->bits &= ~(uint32_t)LRU_ISOLATED;
        reclaim_gone(m, th, pfn);
        page_list_add_tail(m->mem.pages, &r->gone, pfn);
        r->batch_freed++;
}

void reclaim_gone(struct machine *m, struct thread *th, uint32_t pfn)
{
        struct lru_page *page = lru_at(m, pfn);

        (void)th;
        if (page->object != OBJECT_NONE)
                sim_page_lost(m, page->object);
        page->object = OBJECT_NONE;
}

enum outcome act_sinactive_page(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint32_t pfn;

        (void)f;
        if (r->gone.count == LRU_GROUP || (!r->taken.count && r->gone.count))
                return OUT_ALT;
        pfn = next_page(m, &r->taken);
        if (pfn == PFN_NONE)
                return OUT_NO;
        switch (scan_page(m, th, r, pfn)) {
        case PAGE_FREED:
                take_away(m, th, r, pfn);
                return OUT_OK;
        case PAGE_ACTIVATED:
                lru_at(m, pfn)->bits |= LRU_ACTIVE;
                r->batch_activated++;
                break;
        case PAGE_KEPT:
                break;
        }
        page_list_add_tail(m->mem.pages, &r->back[0], pfn);
        return OUT_OK;
}

enum outcome act_sinactive_free(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        call_free_pages(th, &r->gone, true);
        return OUT_CALL;
}

enum outcome act_sinactive_count(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        struct zone *zone = zone_in_hand(m, r);

        (void)f;
        m->mem.lru.events.pgactivate += r->batch_activated;
        if (r->is_kswapd)
                zone->pgscan_kswapd += r->batch_looked;
        else
                zone->pgscan_direct += r->batch_looked;
        zone->pgsteal += r->batch_freed;
        if (r->is_kswapd)
                m->mem.lru.events.kswapd_steal += r->batch_freed;
        r->freed += r->batch_freed;
        if (r->batch_looked)
                machine_event(m, th, EV_INACTIVE_SCANNED, r->zone, r->batch_looked, r->batch_freed);
        if (r->batch_activated)
                machine_event(m, th, EV_PAGES_ACTIVATED, r->zone, r->batch_activated, r->priority);
        return r->taken_count ? OUT_OK : OUT_NO;
}

enum outcome act_sinactive_put(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        while (r->group_count < LRU_GROUP) {
                uint32_t pfn = next_page(m, &r->back[0]);

                if (pfn == PFN_NONE)
                        break;
                put_back(m, r, pfn);
        }
        unlock_lru(m, th, f, r->zone);
        if (r->group_count < LRU_GROUP)
                return OUT_OK;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

/* A release group that is not full stays over to the next batch of the same call, as the kernel's does. */
enum outcome act_sinactive_more(struct machine *m, struct thread *th, struct frame *f)
{
        const struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (r->back[0].count)
                return OUT_OK;
        return r->looked < r->max ? OUT_NO : OUT_ALT;
}

enum outcome act_sinactive_rest(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        if (!reclaim_of(m, th)->group_count)
                return OUT_DONE;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}
