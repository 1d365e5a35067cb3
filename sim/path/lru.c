/*
 * lru.c - pages on their way to and from the lists: per-CPU add lists, release groups, pages nobody refers to any more.
 *
 * Stands for lru_add_drain(), __pagevec_lru_add(), release_pages() and __pagevec_free() in mm/swap.c of 2.6.20 (spec 05
 * sections 2.2, 4.3 and 4.4).
 */
#include "base/core_only.h"
#include "path/step.h"

static struct lru_page *lru_at(struct machine *m, uint32_t pfn)
{
        return &m->mem.lru.pages[pfn];
}

enum outcome lock_lru(struct machine *m, struct thread *th, struct frame *f, uint32_t zone)
{
        irq_save(m, th, f);
        return lock_take(m, th, &m->mem.zones[zone].lru_lock, 5, zone);
}

void unlock_lru(struct machine *m, struct thread *th, struct frame *f, uint32_t zone)
{
        lock_drop(m, th, &m->mem.zones[zone].lru_lock);
        irq_restore(m, th, f);
}

/* The add lists of a CPU, inactive first. It is this one, and kept, or dead: nobody adds to them meanwhile. */

struct frame *call_add_drain(struct thread *th, uint32_t which, uint32_t end)
{
        struct frame *f = call_path(th, ADD_NEXT, CACHE_ID_NONE);

        f->add.cpu = th->cpu;
        f->add.which = which;
        f->add.end = end;
        return f;
}

static struct add_list *add_list_in_hand(struct machine *m, const struct frame *f)
{
        return &m->mem.lru.add[f->add.cpu][f->add.which];
}

enum outcome act_add_next(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        while (f->add.which < f->add.end && !add_list_in_hand(m, f)->count)
                f->add.which++;
        f->add.next = 0;
        return f->add.which < f->add.end ? OUT_OK : OUT_DONE;
}

enum outcome act_add_lock(struct machine *m, struct thread *th, struct frame *f)
{
        f->add.zone = memory_zone_of(&m->mem, add_list_in_hand(m, f)->pfn[f->add.next])->index;
        return lock_lru(m, th, f, f->add.zone);
}

enum outcome act_add_put(struct machine *m, struct thread *th, struct frame *f)
{
        const struct add_list *list = add_list_in_hand(m, f);
        uint32_t first = f->add.next;

        while (f->add.next < list->count && memory_zone_of(&m->mem, list->pfn[f->add.next])->index == f->add.zone) {
                uint32_t pfn = list->pfn[f->add.next++];

                if (f->add.which == LRU_LIST_ACTIVE)
                        lru_at(m, pfn)->bits |= LRU_ACTIVE;
                lru_at(m, pfn)->bits &= ~(uint32_t)LRU_ADDING;
                lru_at(m, pfn)->held++; /* the list's reference, until it is released */
                lru_add(&m->mem, pfn);
                spend(m, COST_LIST_PUT, 1);
        }
        machine_event(m, th, EV_LRU_ADDED, f->add.zone, f->add.which, f->add.next - first);
        unlock_lru(m, th, f, f->add.zone);
        return f->add.next < list->count ? OUT_OK : OUT_NO;
}

enum outcome act_add_release(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        call_release(th, f->add.which == LRU_LIST_ACTIVE ? GROUP_OF_ACTIVE_ADD : GROUP_OF_INACTIVE_ADD, false)
                ->release.cpu = (uint8_t)f->add.cpu;
        return OUT_CALL;
}

enum outcome act_add_done(struct machine *m, struct thread *th, struct frame *f)
{
        (void)th;
        add_list_in_hand(m, f)->count = 0;
        f->add.which++;
        return OUT_OK;
}

/* A group's references go. Who nobody refers to any more leaves its list and is freed with the others of the group. */

struct frame *call_release(struct thread *th, enum group_from from, bool cold)
{
        struct frame *f = call_path(th, GROUP_NEXT, CACHE_ID_NONE);

        f->release.from = (uint8_t)from;
        f->release.cold = cold;
        f->release.cpu = th->cpu;
        page_list_init(&f->release.freed);
        return f;
}

enum outcome act_group_next(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        const struct add_list *add = &m->mem.lru.add[f->release.cpu][f->release.from == GROUP_OF_ACTIVE_ADD];
        bool own = f->release.from == GROUP_OF_RECLAIM;
        uint32_t end = own ? r->group_count : add->count;

        while (f->release.next < end) {
                uint32_t pfn = own ? r->group[f->release.next] : add->pfn[f->release.next];
                struct lru_page *page = lru_at(m, pfn);

                f->release.next++;
                CHECK(page->held > 0);
                page->held--;
                if (lru_count(page) > 0)
                        continue;
                f->release.pfn = pfn;
                if (page->bits & LRU_ON_LIST)
                        return OUT_OK;
                page_list_add_tail(m->mem.pages, &f->release.freed, pfn);
        }
        if (own)
                r->group_count = 0;
        return OUT_NO;
}

enum outcome act_group_lock(struct machine *m, struct thread *th, struct frame *f)
{
        return lock_lru(m, th, f, memory_zone_of(&m->mem, f->release.pfn)->index);
}

enum outcome act_group_unlink(struct machine *m, struct thread *th, struct frame *f)
{
        lru_remove(&m->mem, f->release.pfn);
        unlock_lru(m, th, f, memory_zone_of(&m->mem, f->release.pfn)->index);
        page_list_add_tail(m->mem.pages, &f->release.freed, f->release.pfn);
        return OUT_OK;
}

enum outcome act_group_free(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        if (!f->release.freed.count)
                return OUT_DONE;
        call_free_pages(th, &f->release.freed, f->release.cold);
        return OUT_CALL;
}

/* Pages off every list, from the last to the first, to this CPU's hot or cold list. */

void call_free_pages(struct thread *th, struct page_list *list, bool cold)
{
        struct frame *f = call_path(th, PAGEFREE_NEXT, CACHE_ID_NONE);

        f->pagefree.list = *list;
        f->pagefree.cold = cold;
        page_list_init(list);
}

enum outcome act_pagefree_next(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t pfn = f->pagefree.list.tail;
        struct frame *free;

        if (pfn == PFN_NONE)
                return OUT_DONE;
        page_list_remove(m->mem.pages, &f->pagefree.list, pfn);
        lru_page_gone(&m->mem, pfn);
        free = call_path(th, PF_ENTER, CACHE_ID_NONE);
        free->pages.pfn = pfn;
        free->pages.cold = f->pagefree.cold;
        return OUT_CALL;
}
