/*
 * lru_ops.c - what a workload does to page-cache and anonymous pages (spec 05 sections 2.2 and 9.2).
 *
 * Stands for add_to_page_cache_lru(), lru_cache_add_active(), mark_page_accessed(), set_page_dirty(), truncation and
 * munmap, and for drop_caches. A page is named by the handle it was made with; reclaim may take it at any moment, and
 * an op on a page that is gone fails.
 */
#include "base/core_only.h"
#include "path/step.h"

static struct lru_page *lru_at(struct machine *m, uint32_t pfn)
{
        return &m->mem.lru.pages[pfn];
}

static enum outcome op_failed(struct thread *th)
{
        th->ret = PLACE_NONE;
        th->op.path = PATH_FAILED;
        th->op.result = 1;
        return OUT_DONE;
}

/* A new page. */

enum outcome act_pagen_begin(struct machine *m, struct thread *th, struct frame *f)
{
        m->mem.lru.in_use = 1;
        call_pages(m, th, CACHE_ID_NONE, f->gfp, 0, f->node);
        return OUT_CALL;
}

static uint32_t bits_of(uint8_t flags)
{
        uint32_t bits;

        if (flags & PAGE_NEW_ANON)
                return LRU_ANON | LRU_MAPPED | LRU_YOUNG | LRU_ENTRY_DIRTY | LRU_ACTIVE;
        bits = LRU_CACHED;
        if (flags & PAGE_NEW_MAPPED)
                bits |= LRU_MAPPED | LRU_YOUNG | LRU_FILE_MAPPED;
        if (flags & PAGE_NEW_DIRTY)
                bits |= LRU_DIRTY;
        if (flags & PAGE_NEW_NO_WRITE)
                bits |= LRU_NO_WRITE;
        if (!(flags & PAGE_NEW_UNREAD))
                bits |= LRU_REFERENCED; /* the one access mark of the call that made it */
        return bits;
}

enum outcome act_pagen_got(struct machine *m, struct thread *th, struct frame *f)
{
        struct add_list *add;
        uint32_t pfn, which;

        (void)f;
        if (th->ret == PLACE_NONE)
                return op_failed(th);
        pfn = place_pfn(th->ret);
        th->kept_ret = th->ret;
        lru_page_init(&m->mem, th->cpu, pfn, bits_of(th->op.flags), th->op.owner);
        lru_at(m, pfn)->bits |= LRU_ADDING;
        lru_at(m, pfn)->object = sim_page_handle(m, th, pfn);
        which = lru_list_of(lru_at(m, pfn));
        add = &m->mem.lru.add[th->cpu][which];
        add->pfn[add->count++] = pfn;
        if (add->count < LRU_GROUP)
                return OUT_DONE;
        call_add_drain(th, which, which + 1);
        return OUT_CALL;
}

enum outcome act_pagen_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        th->ret = th->kept_ret;
        return OUT_DONE;
}

/* A page that exists. frame: lru_op. */

/*
 * A reference of the owner or a pin has gone: was it the last? Then the page is on its zone's list, for while it is on
 * an add list or in the hands of a scanner these hold one, too.
 */
static enum outcome dropped(struct machine *m, struct thread *th, uint32_t pfn)
{
        if (!lru_has_user(lru_at(m, pfn)))
                reclaim_gone(m, th, pfn);
        if (lru_count(lru_at(m, pfn)) > 0)
                return OUT_DONE;
        CHECK(lru_at(m, pfn)->bits & LRU_ON_LIST);
        return OUT_NO;
}

enum outcome act_page_do(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t pfn = f->lru_op.pfn;
        struct lru_page *page = lru_at(m, pfn);

        if (!sim_object_is(m, f->lru_op.object, f->lru_op.made_by))
                return op_failed(th);
        th->ret = place_of(pfn, 0);
        switch ((enum op_kind)th->op.kind) {
        case OP_PAGE_ACCESS:
                lru_access(&m->mem, pfn);
                return OUT_DONE;
        case OP_PAGE_TOUCH:
        case OP_PAGE_MLOCK:
        case OP_PAGE_MUNLOCK:
                if (!(page->bits & LRU_MAPPED))
                        return op_failed(th);
                if (th->op.kind == OP_PAGE_TOUCH)
                        page->bits |= LRU_YOUNG;
                else if (th->op.kind == OP_PAGE_MLOCK)
                        page->bits |= LRU_MLOCKED;
                else
                        page->bits &= ~(uint32_t)LRU_MLOCKED;
                return OUT_DONE;
        case OP_PAGE_WRITE:
                if (page->bits & LRU_MAPPED) {
                        page->bits |= LRU_YOUNG | LRU_ENTRY_DIRTY;
                } else {
                        lru_set_dirty(&m->mem, th->cpu, pfn);
                        lru_access(&m->mem, pfn);
                }
                return OUT_DONE;
        case OP_PAGE_LOCK:
                if (page->bits & LRU_LOCKED)
                        return op_failed(th);
                page->bits |= LRU_LOCKED;
                return OUT_DONE;
        case OP_PAGE_UNLOCK:
                if (!(page->bits & LRU_LOCKED))
                        return op_failed(th);
                page->bits &= ~(uint32_t)LRU_LOCKED;
                return OUT_DONE;
        case OP_PAGE_PIN:
                if (page->pins == UINT8_MAX)
                        return op_failed(th);
                page->pins++;
                return OUT_DONE;
        case OP_PAGE_UNPIN:
                if (!page->pins)
                        return op_failed(th);
                page->pins--;
                return dropped(m, th, pfn);
        default:
                CHECK(!"an op on a page");
                return OUT_DONE;
        }
}

/* remove_exclusive_swap_page(): nobody but the swap cache and the one who leaves refers to it. */
void leave_swap_cache(struct machine *m, const struct thread *th, uint32_t pfn)
{
        const struct lru_page *page = lru_at(m, pfn);

        if ((page->bits & LRU_SWAP_CACHE) && !(page->bits & (LRU_LOCKED | LRU_WRITEBACK)) && lru_count(page) == 2)
                lru_cache_leave(&m->mem, th->cpu, pfn);
}

enum outcome act_page_wait_write(struct machine *m, struct thread *th, struct frame *f)
{
        return wait_for_writes(m, th, 50, f->gfp, 0);
}

enum outcome act_page_delete_begin(struct machine *m, struct thread *th, struct frame *f)
{
        if (!sim_object_is(m, f->lru_op.object, f->lru_op.made_by) || !(lru_at(m, f->lru_op.pfn)->bits & LRU_MAPPED))
                return OUT_OK;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

/* truncate, or munmap of one page. A page that others have pinned stays, with nobody's name on it,
 * until they let go. */
enum outcome act_page_delete(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t pfn = f->lru_op.pfn;
        struct lru_page *page = lru_at(m, pfn);

        th->ret = place_of(pfn, 0);
        if (!sim_object_is(m, f->lru_op.object, f->lru_op.made_by) || (page->bits & LRU_LOCKED) ||
            !(page->bits & (LRU_CACHED | LRU_MAPPED | LRU_SWAP_ENTRY)))
                return op_failed(th); /* taken while it waited; locked; nobody's any more */
        if ((page->bits & LRU_CACHED) && (page->bits & LRU_WRITEBACK))
                return OUT_OK;
        if (page->bits & LRU_MAPPED) {
                lru_zap(&m->mem, th->cpu, pfn);
                lru_disown(&m->mem, pfn);
        } else if (page->bits & LRU_SWAP_ENTRY) {
                page->bits &= ~(uint32_t)LRU_SWAP_ENTRY;
                lru_disown(&m->mem, pfn);
        }
        if (page->bits & LRU_CACHED) {
                lru_cache_leave(&m->mem, th->cpu, pfn);
        } else {
                page->bits |= LRU_LEAVING;
                leave_swap_cache(m, th, pfn);
                page->bits &= ~(uint32_t)LRU_LEAVING;
        }
        return dropped(m, th, pfn);
}

enum outcome act_page_drop_lock(struct machine *m, struct thread *th, struct frame *f)
{
        return lock_lru(m, th, f, memory_zone_of(&m->mem, f->lru_op.pfn)->index);
}

/* A scanner may have come before the lock: it leaves a page that nobody refers to where it is. */
enum outcome act_page_drop(struct machine *m, struct thread *th, struct frame *f)
{
        lru_remove(&m->mem, f->lru_op.pfn);
        unlock_lru(m, th, f, memory_zone_of(&m->mem, f->lru_op.pfn)->index);
        return OUT_OK;
}

enum outcome act_page_drop_free(struct machine *m, struct thread *th, struct frame *f)
{
        struct page_list list;

        page_list_init(&list);
        page_list_add_tail(m->mem.pages, &list, f->lru_op.pfn);
        call_free_pages(th, &list, false);
        return OUT_CALL;
}

enum outcome act_page_dropped(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        th->ret = place_of(f->lru_op.pfn, 0);
        return OUT_DONE;
}

/* drop_caches. */

enum outcome act_drop_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        memset(r, 0, sizeof(*r));
        return th->op.flags & 1 ? OUT_OK : OUT_NO;
}

/* invalidate_inode_pages() of every file, 14 pages at a time. The model has no files: in order of page frame. */
enum outcome act_drop_group(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);
        uint32_t looked = 0;

        while (f->drop.next < m->mem.page_count && looked < LRU_GROUP) {
                uint32_t pfn = f->drop.next++;
                struct lru_page *page = lru_at(m, pfn);

                if (m->mem.pages[pfn].state != PAGE_LRU || !(page->bits & LRU_CACHED))
                        continue;
                looked++;
                if (lru_count(page) != 1 || (page->bits & (LRU_DIRTY | LRU_WRITEBACK | LRU_LOCKED)))
                        continue;
                machine_event(m, th, EV_PAGE_RECLAIMED, pfn, 0, page->owner);
                page->held++;
                lru_cache_leave(&m->mem, th->cpu, pfn);
                reclaim_gone(m, th, pfn);
                r->group[r->group_count++] = pfn;
                f->drop.freed++;
        }
        if (!looked)
                return OUT_NO;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

enum outcome act_drop_slab(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        (void)f;
        if (!(th->op.flags & 2))
                return OUT_NO;
        r->scanned = 1000;
        r->lru_pages = 1000;
        r->gfp = GFP_KERNEL;
        call_path(th, SSLAB_BEGIN, CACHE_ID_NONE);
        return OUT_CALL;
}

enum outcome act_drop_slab_done(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        (void)f;
        return th->ret > 10 ? OUT_OK : OUT_NO;
}

enum outcome act_drop_end(struct machine *m, struct thread *th, struct frame *f)
{
        (void)m;
        th->op.result = f->drop.freed;
        th->ret = PLACE_NONE;
        return OUT_DONE;
}

/* A setting. Swap never shrinks below what is in use. */
enum outcome act_vm_set_do(struct machine *m, struct thread *th, struct frame *f)
{
        struct lru *lru = &m->mem.lru;
        uint64_t value = th->op.size_bytes;

        (void)f;
        th->ret = PLACE_NONE;
        if (th->op.order == VM_SWAP_PAGES && value < lru->swap_used)
                return op_failed(th);
        lru->setting[th->op.order] = value;
        if (th->op.order == VM_SWAP_PAGES)
                lru->in_use = 1;
        if (th->op.order == VM_WRITE_NS)
                sched_write_started(m);
        return OUT_DONE;
}
