#include "base/core_only.h"
#include "mm/lru.h"

#include "mm/memory.h"
#include "trace/gfp.h"
#include "trace/op.h"

const struct vm_setting_info vm_setting_infos[VM_SETTING_COUNT] = {
#define X(id, name, standard, least, most, what) [VM_##id] = { name, standard, least, most, what },
        VM_SETTINGS(X)
#undef X
};

static struct lru_page *page_at(struct memory *memory, uint32_t pfn)
{
        return &memory->lru.pages[pfn];
}

static void count(struct memory *memory, uint32_t cpu, uint32_t pfn, enum zone_stat item, int32_t delta)
{
        zone_stat_add(memory, memory_zone_of(memory, pfn), cpu, item, delta);
}

void lru_init(struct memory *memory)
{
        struct lru *lru = &memory->lru;
        const struct zonelist *list = &memory->zonelists[0][memory_zone_type(memory, GFP_HIGHUSER)];

        for (uint32_t i = 0; i < VM_SETTING_COUNT; i++)
                lru->setting[i] = vm_setting_infos[i].standard;
        for (uint32_t i = 0; i < list->count; i++)
                lru->vm_total_pages += memory->zones[list->zone[i]].present_pages;
        lru->write_first = PFN_NONE;
        lru->write_last = PFN_NONE;
        lru->write_due_ns = TIME_NEVER;
        lru->shrinker_first = SHRINKER_NONE;
        lru->shrinker_last = SHRINKER_NONE;
        for (uint32_t z = 0; z < memory->zone_count; z++) {
                struct zone *zone = &memory->zones[z];

                page_list_init(&zone->lru[LRU_LIST_INACTIVE]);
                page_list_init(&zone->lru[LRU_LIST_ACTIVE]);
                zone->prev_priority = DEF_PRIORITY;
                if (memory->arch->highmem && zone->type == 2)
                        lru->high_pages += zone->spanned_pages;
        }
}

void lru_page_init(struct memory *memory, uint32_t cpu, uint32_t pfn, uint32_t bits, uint32_t owner)
{
        struct lru_page *page = page_at(memory, pfn);

        CHECK(!(bits & (LRU_ON_LIST | LRU_ADDING | LRU_ISOLATED | LRU_WRITEBACK | LRU_SWAP_CACHE | LRU_SWAP_ENTRY)));
        memory->pages[pfn].state = PAGE_LRU;
        *page = (struct lru_page){ .bits = bits & ~(uint32_t)LRU_DIRTY, .object = OBJECT_NONE, .write_next = PFN_NONE,
                                   .owner_next = PFN_NONE, .owner_prev = PFN_NONE };
        if (bits & LRU_CACHED)
                count(memory, cpu, pfn, NR_FILE_PAGES, 1);
        if (bits & LRU_MAPPED) {
                count(memory, cpu, pfn, bits & LRU_ANON ? NR_ANON_PAGES : NR_MAPPED, 1);
                lru_own(memory, pfn, owner);
        }
        if (bits & LRU_DIRTY)
                lru_set_dirty(memory, cpu, pfn);
}

void lru_page_gone(struct memory *memory, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        CHECK(lru_count(page) == 0);
        CHECK(!(page->bits & (LRU_ON_LIST | LRU_WRITEBACK | LRU_SWAP_ENTRY)));
        CHECK(page->object == OBJECT_NONE);
        *page = (struct lru_page){ 0 };
        memory->pages[pfn].state = PAGE_ALLOCATED;
}

static struct page_list *list_of(struct memory *memory, uint32_t pfn)
{
        return &memory_zone_of(memory, pfn)->lru[lru_list_of(page_at(memory, pfn))];
}

void lru_add(struct memory *memory, uint32_t pfn)
{
        CHECK(!(page_at(memory, pfn)->bits & LRU_ON_LIST));
        page_at(memory, pfn)->bits |= LRU_ON_LIST;
        page_list_add_head(memory->pages, list_of(memory, pfn), pfn);
}

void lru_remove(struct memory *memory, uint32_t pfn)
{
        CHECK(page_at(memory, pfn)->bits & LRU_ON_LIST);
        page_at(memory, pfn)->bits &= ~(uint32_t)LRU_ON_LIST;
        page_list_remove(memory->pages, list_of(memory, pfn), pfn);
}

void lru_own(struct memory *memory, uint32_t pfn, uint32_t owner)
{
        struct lru_page *page = page_at(memory, pfn);
        struct lru_owner *of = &memory->lru.owner[owner];

        CHECK(owner < PROCESSES_MAX);
        page->owner = (uint16_t)owner;
        page->owner_next = PFN_NONE;
        page->owner_prev = of->count ? of->last : PFN_NONE;
        if (of->count)
                page_at(memory, of->last)->owner_next = pfn;
        else
                of->first = pfn;
        of->last = pfn;
        of->count++;
}

void lru_disown(struct memory *memory, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);
        struct lru_owner *of = &memory->lru.owner[page->owner];

        CHECK(of->count > 0);
        if (page->owner_prev != PFN_NONE)
                page_at(memory, page->owner_prev)->owner_next = page->owner_next;
        else
                of->first = page->owner_next;
        if (page->owner_next != PFN_NONE)
                page_at(memory, page->owner_next)->owner_prev = page->owner_prev;
        else
                of->last = page->owner_prev;
        of->count--;
        page->owner_next = PFN_NONE;
        page->owner_prev = PFN_NONE;
        page->owner = 0;
}

bool lru_access(struct memory *memory, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        if (!(page->bits & LRU_ACTIVE) && (page->bits & LRU_REFERENCED) && (page->bits & LRU_ON_LIST)) {
                lru_remove(memory, pfn);
                page->bits &= ~(uint32_t)LRU_REFERENCED;
                page->bits |= LRU_ACTIVE;
                lru_add(memory, pfn);
                memory->lru.events.pgactivate++;
                return true;
        }
        page->bits |= LRU_REFERENCED;
        return false;
}

uint32_t lru_referenced(struct memory *memory, uint32_t pfn, bool holds_lock)
{
        struct lru_page *page = page_at(memory, pfn);
        uint32_t referenced = !!(page->bits & LRU_REFERENCED);

        page->bits &= ~(uint32_t)LRU_REFERENCED;
        if (!(page->bits & LRU_MAPPED))
                return referenced;
        if (!(page->bits & LRU_ANON) && !holds_lock && (page->bits & LRU_LOCKED))
                return referenced + 1;
        if (page->bits & LRU_YOUNG) {
                page->bits &= ~(uint32_t)LRU_YOUNG;
                referenced++;
        }
        return referenced;
}

static void forget_entry(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        count(memory, cpu, pfn, page->bits & LRU_ANON ? NR_ANON_PAGES : NR_MAPPED, -1);
        page->bits &= ~(uint32_t)(LRU_MAPPED | LRU_YOUNG | LRU_ENTRY_DIRTY | LRU_MLOCKED);
}

bool lru_unmap(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        CHECK(page->bits & LRU_MAPPED);
        if (page->bits & LRU_MLOCKED)
                return false;
        if (page->bits & LRU_YOUNG) {
                page->bits &= ~(uint32_t)LRU_YOUNG;
                return false;
        }
        if (page->bits & LRU_ENTRY_DIRTY)
                lru_set_dirty(memory, cpu, pfn);
        forget_entry(memory, cpu, pfn);
        if (page->bits & LRU_ANON) {
                CHECK(page->bits & LRU_SWAP_CACHE);
                page->bits |= LRU_SWAP_ENTRY; /* it stays among its owner's pages */
        } else {
                lru_disown(memory, pfn);
        }
        return true;
}

void lru_zap(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);
        uint32_t bits = page->bits;

        CHECK(bits & LRU_MAPPED);
        if (!(bits & LRU_ANON) && (bits & LRU_ENTRY_DIRTY))
                lru_set_dirty(memory, cpu, pfn);
        if (!(bits & LRU_ANON) && (bits & LRU_YOUNG))
                lru_access(memory, pfn);
        forget_entry(memory, cpu, pfn);
}

void lru_set_dirty(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        if (page->bits & LRU_DIRTY)
                return;
        page->bits |= LRU_DIRTY;
        if (!(page->bits & (LRU_ANON | LRU_NO_WRITE)))
                count(memory, cpu, pfn, NR_DIRTY, 1);
}

bool lru_clear_dirty(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        if (!(page->bits & LRU_DIRTY))
                return false;
        page->bits &= ~(uint32_t)LRU_DIRTY;
        if (!(page->bits & (LRU_ANON | LRU_NO_WRITE)))
                count(memory, cpu, pfn, NR_DIRTY, -1);
        return true;
}

void lru_cache_leave(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);
        struct lru *lru = &memory->lru;

        CHECK(page->bits & (LRU_CACHED | LRU_SWAP_CACHE));
        CHECK(!(page->bits & LRU_WRITEBACK));
        count(memory, cpu, pfn, NR_FILE_PAGES, -1);
        lru_clear_dirty(memory, cpu, pfn);
        if (page->bits & LRU_SWAP_CACHE) {
                lru->swap_cache_pages--;
                lru->swap_cache_del++;
                if (!(page->bits & LRU_SWAP_ENTRY))
                        lru->swap_used--;
        }
        page->bits &= ~(uint32_t)(LRU_CACHED | LRU_SWAP_CACHE);
}

bool lru_swap_cache_enter(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);
        struct lru *lru = &memory->lru;

        CHECK((page->bits & LRU_ANON) && !(page->bits & LRU_SWAP_CACHE));
        if (lru_swap_free(lru) == 0)
                return false;
        lru->swap_used++;
        lru->swap_cache_pages++;
        lru->swap_cache_add++;
        count(memory, cpu, pfn, NR_FILE_PAGES, 1);
        page->bits |= LRU_SWAP_CACHE | LRU_DIRTY;
        return true;
}

void lru_entry_kept(struct memory *memory, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);

        CHECK(page->bits & LRU_SWAP_ENTRY);
        memory->lru.owner[page->owner].swapped++;
        page->bits &= ~(uint32_t)LRU_SWAP_ENTRY;
        lru_disown(memory, pfn);
}

void lru_write_start(struct memory *memory, uint32_t cpu, uint32_t pfn)
{
        struct lru_page *page = page_at(memory, pfn);
        struct lru *lru = &memory->lru;

        CHECK(!(page->bits & LRU_WRITEBACK));
        page->bits |= LRU_WRITEBACK;
        count(memory, cpu, pfn, NR_WRITEBACK, 1);
        page->write_next = PFN_NONE;
        if (lru->write_last != PFN_NONE)
                page_at(memory, lru->write_last)->write_next = pfn;
        else
                lru->write_first = pfn;
        lru->write_last = pfn;
        lru->write_count++;
        if (page->bits & LRU_ANON)
                lru->events.pswpout++;
}

uint32_t lru_write_end(struct memory *memory, uint32_t cpu)
{
        struct lru *lru = &memory->lru;
        uint32_t pfn = lru->write_first;
        struct lru_page *page = page_at(memory, pfn);

        CHECK(pfn != PFN_NONE);
        lru->write_first = page->write_next;
        if (lru->write_first == PFN_NONE)
                lru->write_last = PFN_NONE;
        page->write_next = PFN_NONE;
        lru->write_count--;
        if (page->bits & LRU_RECLAIM) {
                page->bits &= ~(uint32_t)LRU_RECLAIM;
                if (!(page->bits & (LRU_LOCKED | LRU_DIRTY | LRU_ACTIVE)) && (page->bits & LRU_ON_LIST)) {
                        struct page_list *list = list_of(memory, pfn);

                        page_list_remove(memory->pages, list, pfn);
                        page_list_add_tail(memory->pages, list, pfn);
                        lru->events.pgrotated++;
                }
        }
        page->bits &= ~(uint32_t)LRU_WRITEBACK;
        count(memory, cpu, pfn, NR_WRITEBACK, -1);
        return pfn;
}

/* Shrinkers. */

uint64_t shrinker_freeable(const struct lru *lru, const struct shrinker *shrinker)
{
        if (shrinker->by_hundreds)
                return shrinker->unused / 100 * lru->setting[VM_VFS_CACHE_PRESSURE];
        return shrinker->unused;
}

void shrinker_put(struct lru *lru, uint32_t shrinker, uint32_t object)
{
        struct shrinker *s = &lru->shrinkers[shrinker];

        CHECK(object < lru->unused_cap);
        lru->unused[object] = (struct unused_link){ .next = s->head, .prev = OBJECT_NONE };
        if (s->head != OBJECT_NONE)
                lru->unused[s->head].prev = object;
        else
                s->tail = object;
        s->head = object;
        s->unused++;
}

void shrinker_remove(struct lru *lru, uint32_t shrinker, uint32_t object)
{
        struct shrinker *s = &lru->shrinkers[shrinker];
        struct unused_link link = lru->unused[object];

        CHECK(s->unused > 0);
        if (link.prev != OBJECT_NONE)
                lru->unused[link.prev].next = link.next;
        else
                s->head = link.next;
        if (link.next != OBJECT_NONE)
                lru->unused[link.next].prev = link.prev;
        else
                s->tail = link.prev;
        lru->unused[object] = (struct unused_link){ OBJECT_NONE, OBJECT_NONE };
        s->unused--;
}

uint32_t shrinker_new(struct lru *lru, uint32_t cache, uint32_t seeks, bool needs_fs, bool by_hundreds, uint64_t place)
{
        uint32_t id = lru->shrinker_count++;

        CHECK(id < SHRINKERS_MAX);
        lru->shrinkers[id] = (struct shrinker){ .cache = cache, .next = SHRINKER_NONE, .seeks = seeks,
                                                .needs_fs = needs_fs, .by_hundreds = by_hundreds, .live = 1,
                                                .place = place, .head = OBJECT_NONE, .tail = OBJECT_NONE };
        if (lru->shrinker_last != SHRINKER_NONE)
                lru->shrinkers[lru->shrinker_last].next = id;
        else
                lru->shrinker_first = id;
        lru->shrinker_last = id;
        return id;
}

uint32_t shrinker_of(const struct lru *lru, uint32_t cache)
{
        uint32_t id = lru->shrinker_first;

        while (id != SHRINKER_NONE && lru->shrinkers[id].cache != cache)
                id = lru->shrinkers[id].next;
        return id;
}

void shrinker_drop(struct lru *lru, uint32_t shrinker)
{
        uint32_t prev = SHRINKER_NONE;

        for (uint32_t id = lru->shrinker_first; id != shrinker; id = lru->shrinkers[id].next)
                prev = id;
        if (prev != SHRINKER_NONE)
                lru->shrinkers[prev].next = lru->shrinkers[shrinker].next;
        else
                lru->shrinker_first = lru->shrinkers[shrinker].next;
        if (lru->shrinker_last == shrinker)
                lru->shrinker_last = prev;
        lru->shrinkers[shrinker].live = 0;
}

/* The audit. */

static const char *audit_lists(const struct memory *memory, const struct zone *zone)
{
        for (uint32_t which = 0; which < LRU_LISTS; which++) {
                const struct page_list *list = &zone->lru[which];
                uint32_t prev = PFN_NONE;
                uint32_t found = 0;

                for (uint32_t pfn = list->head; pfn != PFN_NONE; prev = pfn, pfn = memory->pages[pfn].next) {
                        const struct lru_page *page = &memory->lru.pages[pfn];

                        if (memory->pages[pfn].prev != prev || ++found > list->count)
                                return "a list of a zone's pages is torn";
                        if (memory->pages[pfn].state != PAGE_LRU || !(page->bits & LRU_ON_LIST) ||
                            lru_list_of(page) != which)
                                return "a page on a zone's list is not marked so";
                        if (&memory->zones[memory->zone_of_section[pfn >> SECTION_SHIFT]] != zone)
                                return "a page is on the list of another zone";
                }
                if (found != list->count || prev != list->tail)
                        return "a list of a zone's pages and its count differ";
        }
        return NULL;
}

static const char *audit_page(const struct memory *memory, uint32_t pfn, bool under_way)
{
        const struct lru_page *page = &memory->lru.pages[pfn];
        uint32_t where = !!(page->bits & LRU_ON_LIST) + !!(page->bits & LRU_ADDING) + !!(page->bits & LRU_ISOLATED);

        if (where > 1)
                return "a page is in two places at once";
        if ((page->bits & LRU_ANON) ? (page->bits & LRU_CACHED) : (page->bits & (LRU_SWAP_CACHE | LRU_SWAP_ENTRY)))
                return "a page is in the wrong cache";
        if ((page->bits & LRU_SWAP_ENTRY) && (page->bits & LRU_MAPPED))
                return "a page is mapped and its entry names a swap slot";
        if (!under_way && lru_count(page) == 0)
                return "a page nobody refers to was not freed";
        return NULL;
}

static const char *audit_owners(const struct memory *memory, uint64_t owned)
{
        uint64_t found = 0;

        for (uint32_t id = 0; id < PROCESSES_MAX && found < owned; id++) {
                const struct lru_owner *owner = &memory->lru.owner[id];
                uint32_t prev = PFN_NONE;
                uint32_t pfn = owner->count ? owner->first : PFN_NONE;
                uint32_t seen = 0;

                for (; pfn != PFN_NONE; prev = pfn, pfn = memory->lru.pages[pfn].owner_next) {
                        const struct lru_page *page = &memory->lru.pages[pfn];

                        if (page->owner != id || page->owner_prev != prev || ++seen > owner->count)
                                return "the list of a process's pages is torn";
                        if (!(page->bits & (LRU_MAPPED | LRU_SWAP_ENTRY | LRU_LEAVING)))
                                return "a process has a page that it does not map";
                }
                if (seen != owner->count || (seen && prev != owner->last))
                        return "the list of a process's pages and its count differ";
                found += seen;
        }
        return found == owned ? NULL : "a mapped page is not on the list of a process";
}

const char *lru_audit(const struct memory *memory, bool under_way)
{
        const struct lru *lru = &memory->lru;
        uint64_t sum[ZONES_MAX][ZONE_STAT_COUNT];
        uint64_t on_lists = 0;
        uint64_t owned = 0;
        uint64_t writes = 0;

        if (!lru->in_use)
                return NULL;
        memset(sum, 0, sizeof(sum));
        for (uint32_t pfn = 0; pfn < memory->page_count; pfn++) {
                const struct lru_page *page = &lru->pages[pfn];
                uint64_t *zone = sum[memory->zone_of_section[pfn >> SECTION_SHIFT]];
                const char *problem;

                if (memory->pages[pfn].state != PAGE_LRU)
                        continue;
                problem = audit_page(memory, pfn, under_way);
                if (problem)
                        return problem;
                on_lists += !!(page->bits & LRU_ON_LIST);
                owned += !!(page->bits & (LRU_MAPPED | LRU_SWAP_ENTRY | LRU_LEAVING));
                writes += !!(page->bits & LRU_WRITEBACK);
                zone[NR_ANON_PAGES] += (page->bits & LRU_ANON) && (page->bits & LRU_MAPPED);
                zone[NR_MAPPED] += !(page->bits & LRU_ANON) && (page->bits & LRU_MAPPED);
                zone[NR_FILE_PAGES] += !!(page->bits & (LRU_CACHED | LRU_SWAP_CACHE));
                zone[NR_DIRTY] += (page->bits & LRU_DIRTY) && !(page->bits & (LRU_ANON | LRU_NO_WRITE));
                zone[NR_WRITEBACK] += !!(page->bits & LRU_WRITEBACK);
        }
        for (uint32_t z = 0; z < memory->zone_count; z++) {
                static const enum zone_stat items[] = { NR_ANON_PAGES, NR_MAPPED, NR_FILE_PAGES, NR_DIRTY,
                                                        NR_WRITEBACK };
                const struct zone *zone = &memory->zones[z];
                const char *problem = audit_lists(memory, zone);

                if (problem)
                        return problem;
                on_lists -= zone->lru[LRU_LIST_ACTIVE].count + zone->lru[LRU_LIST_INACTIVE].count;
                for (uint32_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
                        if (zone_stat_exact(zone, items[i]) != (int64_t)sum[z][items[i]])
                                return "a zone's count of pages is not what its pages say";
                }
        }
        if (on_lists)
                return "a page is marked as on a list and is on none";
        if (writes != lru->write_count)
                return "the queue of writes and its count differ";
        return audit_owners(memory, owned);
}
