/*
 * exit.c - a process gives up its pages.
 *
 * Stands for exit_mmap(), zap_pte_range(), tlb_flush_mmu(), free_pages_and_swap_cache() and free_swap_and_cache() in
 * mm/memory.c and mm/swap_state.c of 2.6.20 (spec 05 section 2.2). With more than one CPU online pages are unmapped in
 * batches and freed, a batch at a time, in groups of 14 from the last to the first; with one CPU each goes at once.
 */
#include "base/core_only.h"
#include "path/step.h"

#define TLB_BATCH  506u  /* pages collected before they are freed */
#define ZAP_BLOCK  1024u /* present pages after which the batch ends */

static struct lru_page *lru_at(struct machine *m, uint32_t pfn)
{
        return &m->mem.lru.pages[pfn];
}

static struct lru_owner *owner_of(struct machine *m, const struct frame *f)
{
        return &m->mem.lru.owner[f->exit.owner];
}

void call_exit(struct machine *m, struct thread *th, uint32_t process)
{
        struct frame *f = call_path(th, EXIT_BEGIN, CACHE_ID_NONE);

        (void)m;
        CHECK(process < PROCESSES_MAX);
        f->exit.owner = process;
}

enum outcome act_exit_begin(struct machine *m, struct thread *th, struct frame *f)
{
        th->ret = PLACE_NONE;
        if (owner_of(m, f)->exiting) /* somebody else is at it */
                return OUT_DONE;
        owner_of(m, f)->exiting = 1;
        reclaim_of(m, th)->group_count = 0;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

/* The entry of the next page in order of address, behind those already in the batch. */
static uint32_t next_entry(struct machine *m, const struct frame *f)
{
        const struct lru_owner *owner = owner_of(m, f);

        if (f->exit.zapped)
                return lru_at(m, f->exit.last)->owner_next;
        return owner->count ? owner->first : PFN_NONE;
}

/*
 * A page in the swap cache alone: its entry goes, and the page with it unless it is locked or being written. It is
 * freed at once, not with the batch.
 */
static bool entry_dropped(struct machine *m, struct thread *th, uint32_t pfn)
{
        struct reclaim *r = reclaim_of(m, th);
        struct lru_page *page = lru_at(m, pfn);

        page->bits &= ~(uint32_t)LRU_SWAP_ENTRY;
        lru_disown(&m->mem, pfn);
        page->held++;
        leave_swap_cache(m, th, pfn);
        if (!lru_has_user(page))
                reclaim_gone(m, th, pfn);
        if (lru_count(page) > 1) {
                page->held--;
                return false;
        }
        r->group[0] = pfn;
        r->group_count = 1;
        return true;
}

enum outcome act_exit_batch(struct machine *m, struct thread *th, struct frame *f)
{
        bool fast = !(m->mem.online & (m->mem.online - 1)); /* one CPU: nobody else's TLB to flush */
        uint32_t most = fast ? 1 : TLB_BATCH;
        uint32_t pfn;

        while (f->exit.zapped < most && (pfn = next_entry(m, f)) != PFN_NONE) {
                struct lru_page *page = lru_at(m, pfn);

                if (f->exit.present == ZAP_BLOCK) {
                        f->exit.present = 0;
                        if (f->exit.zapped)
                                break;
                }
                f->exit.present++;
                f->exit.gone++;
                if (page->bits & LRU_SWAP_ENTRY) {
                        if (entry_dropped(m, th, pfn))
                                return OUT_ALT;
                        continue;
                }
                lru_zap(&m->mem, th->cpu, pfn);
                page->bits |= LRU_LEAVING;
                if (!lru_has_user(page))
                        reclaim_gone(m, th, pfn);
                f->exit.last = pfn;
                f->exit.zapped++;
                spend(m, COST_LIST_PUT, 1);
        }
        return f->exit.zapped ? OUT_OK : OUT_NO;
}

enum outcome act_exit_drain(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        if (!(m->mem.online & (m->mem.online - 1)))
                return OUT_OK;
        call_add_drain(th, 0, LRU_LISTS);
        return OUT_CALL;
}

enum outcome act_exit_chunk(struct machine *m, struct thread *th, struct frame *f)
{
        struct reclaim *r = reclaim_of(m, th);

        if (!f->exit.zapped)
                return OUT_NO;
        while (f->exit.zapped && r->group_count < LRU_GROUP) {
                uint32_t pfn = owner_of(m, f)->first;
                struct lru_page *page = lru_at(m, pfn);

                CHECK(page->bits & LRU_LEAVING);
                f->exit.zapped--;
                leave_swap_cache(m, th, pfn);
                lru_disown(&m->mem, pfn);
                page->bits &= ~(uint32_t)LRU_LEAVING;
                page->held++;
                r->group[r->group_count++] = pfn;
        }
        call_release(th, GROUP_OF_RECLAIM, false);
        return OUT_CALL;
}

enum outcome act_exit_end(struct machine *m, struct thread *th, struct frame *f)
{
        struct lru_owner *owner = owner_of(m, f);

        m->mem.lru.swap_used -= owner->swapped;
        owner->swapped = 0;
        owner->exiting = 0;
        if (th->op.kind == OP_PROCESS_EXIT)
                th->op.result = f->exit.gone;
        th->ret = PLACE_NONE;
        return OUT_DONE;
}
