/*
 * lru.h - page-cache and anonymous pages: what reclaim works on.
 *
 * Stands for the fields of struct page that mm/vmscan.c and mm/swap.c of 2.6.20 look at (flags, count, mapcount), for
 * struct address_space and the page-table entries as far as they decide a page's fate, and for struct pagevec
 * lru_add_pvecs (spec 05 section 2). One record for each page frame in state PAGE_LRU, in a table of its own that costs
 * nothing where it is not used. Passive: no locks, no time; path/reclaim.c, path/lru_ops.c and path/exit.c move it.
 *
 * The reference count is not stored but counted: lru_count().
 *
 * Invariants (lru_audit):
 *   a page has LRU_ON_LIST exactly if it is on zone.lru[LRU_ACTIVE set] of its own zone, linked by struct page
 *   LRU_ON_LIST, LRU_ADDING (on a CPU's add list) and LRU_ISOLATED (in the hands of a scanner) exclude each other
 *   a page in state PAGE_LRU has lru_count() > 0, unless an op that frees it is under way
 *   LRU_SWAP_CACHE only with LRU_ANON; LRU_CACHED only without; LRU_WRITEBACK only on pages of the queue of writes
 *   LRU_MAPPED or LRU_SWAP_ENTRY, and an owner: the page is on its owner's list, exactly once
 *   zone figures nr_anon_pages, nr_mapped, nr_file_pages, nr_dirty, nr_writeback are the sums over the records
 */
#ifndef KMEMSIM_MM_LRU_H
#define KMEMSIM_MM_LRU_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/limits.h"
#include "mm/page.h"

#define LRU_CLUSTER 32u /* SWAP_CLUSTER_MAX: pages a scan takes at a time */
#define LRU_GROUP   14u /* PAGEVEC_SIZE: pages put on a list, or released, at a time */
#define DEF_PRIORITY 12u
#define PROCESSES_MAX 65536u

/* X(enum suffix, bit, name, what it says) */
#define LRU_BITS(X)                                                                                                    \
        X(ANON, 0, "anonymous", "no file behind it")                                                                   \
        X(NO_WRITE, 1, "no_write", "file: its mapping has no write method (a file system in memory)")                  \
        X(FILE_MAPPED, 2, "file_mapped", "file: somebody has mapped it, though perhaps not this page")                 \
        X(CACHED, 3, "cached", "file: in the page cache")                                                              \
        X(SWAP_CACHE, 4, "swap_cache", "anonymous: in the swap cache, and so has a slot")                              \
        X(SWAP_ENTRY, 5, "swap_entry", "anonymous: the page-table entry names the slot, not the page")                 \
        X(ON_LIST, 6, "lru", "PG_lru: on its zone's active or inactive list")                                          \
        X(ACTIVE, 7, "active", "PG_active: on the active list, or bound for it")                                       \
        X(REFERENCED, 8, "referenced", "PG_referenced: the software bit")                                              \
        X(MAPPED, 9, "mapped", "a page-table entry points at it (one at most in this model)")                          \
        X(YOUNG, 10, "young", "the entry's accessed bit")                                                              \
        X(ENTRY_DIRTY, 11, "entry_dirty", "the entry's dirty bit")                                                     \
        X(MLOCKED, 12, "mlocked", "the mapping is VM_LOCKED")                                                          \
        X(DIRTY, 13, "dirty", "PG_dirty")                                                                              \
        X(WRITEBACK, 14, "writeback", "PG_writeback: being written")                                                   \
        X(RECLAIM, 15, "reclaim", "PG_reclaim: to the tail of inactive when written")                                  \
        X(LOCKED, 16, "locked", "PG_locked")                                                                           \
        X(ADDING, 17, "adding", "on a CPU's add list, which holds a reference")                                        \
        X(ISOLATED, 18, "isolated", "in the hands of a scanner, which holds a reference")                              \
        X(LEAVING, 19, "leaving", "its process exits: unmapped, the reference not yet dropped")

enum lru_bits {
#define X(id, bit, name, what) LRU_##id = 1u << (bit),
        LRU_BITS(X)
#undef X
};

struct lru_page {
        uint32_t bits;       /* LRU_* */
        uint32_t object;     /* handle of the workload, OBJECT_NONE: deleted by its owner, or never had one */
        uint32_t write_next; /* behind it in the queue of writes, PFN_NONE */
        uint32_t owner_next, owner_prev; /* pages of the same process in order of address, PFN_NONE */
        uint16_t owner;      /* process whose table maps it, 0: none */
        uint8_t pins;        /* references of others (get_page) */
        uint8_t held;        /* references of release groups */
};
_Static_assert(sizeof(struct lru_page) == 24, "one record a page");

/* What a process has in its page tables. */
struct lru_owner {
        uint32_t first, last; /* pfns, PFN_NONE (both 0 before first use: see `count`) */
        uint32_t count;       /* pages on that list */
        uint32_t swapped;     /* entries whose page is gone: slots */
        uint32_t exiting;     /* 1: somebody is at it */
};

struct add_list {
        uint32_t count;
        uint32_t pfn[LRU_GROUP]; /* oldest first */
};

/* Events counted for the whole machine (spec 07 section 7.4); those by zone are in struct zone. */
struct vm_events {
        uint64_t pswpin, pswpout, pgactivate, pgdeactivate, slabs_scanned, kswapd_steal, pageoutrun, allocstall,
                pgrotated;
};

/* What a workload can set. X(enum suffix, name, default, least, most, what it is) */
#define VM_SETTINGS(X)                                                                                                 \
        X(SWAP_PAGES, "swap_pages", 0, 0, 1u << 30, "swap slots of one page each; never below those in use")           \
        X(SWAPPINESS, "swappiness", 60, 0, 100, "vm.swappiness")                                                       \
        X(LAPTOP_MODE, "laptop_mode", 0, 0, 1, "vm.laptop_mode: write only when a scan gets nowhere")                  \
        X(DIRTY_RATIO, "dirty_ratio", 40, 0, 100, "vm.dirty_ratio, percent")                                           \
        X(DIRTY_BACKGROUND_RATIO, "dirty_background_ratio", 10, 0, 100, "vm.dirty_background_ratio, percent")          \
        X(VFS_CACHE_PRESSURE, "vfs_cache_pressure", 100, 0, 10000, "vm.vfs_cache_pressure, percent")                   \
        X(ZONE_RECLAIM_MODE, "zone_reclaim_mode", 0, 0, 7, "vm.zone_reclaim_mode: 1 on, 2 may write, 4 may unmap")     \
        X(MIN_UNMAPPED_RATIO, "min_unmapped_ratio", 1, 0, 100, "vm.min_unmapped_ratio, percent of a zone")             \
        X(MIN_SLAB_RATIO, "min_slab_ratio", 5, 0, 100, "vm.min_slab_ratio, percent of a zone")                         \
        X(WRITE_NS, "write_ns", 0, 0, 1000000000000ull,                                                                \
          "time of the device for one page; 0: writes end with the next wait")                                         \
        X(CONGESTED, "congested", 0, 0, 1, "1: the device is write-congested")                                         \
        X(PANIC_ON_OOM, "panic_on_oom", 0, 0, 1, "vm.panic_on_oom: 1: panic instead of a kill")

enum vm_setting {
#define X(id, name, standard, least, most, what) VM_##id,
        VM_SETTINGS(X)
#undef X
        VM_SETTING_COUNT
};

struct vm_setting_info {
        const char *name;
        uint64_t standard, least, most;
        const char *what;
};

extern const struct vm_setting_info vm_setting_infos[VM_SETTING_COUNT];

#define SHRINKER_NONE UINT32_MAX

/* One set_shrinker(): the callback of a cache whose unused objects can be freed (spec 05 section 1). */
struct shrinker {
        uint32_t cache;
        uint32_t next;       /* in the list of shrinkers, SHRINKER_NONE */
        uint32_t seeks;
        uint8_t needs_fs;    /* must not run without __GFP_FS */
        uint8_t by_hundreds; /* reports (unused / 100) * vfs_cache_pressure, as the dentry and inode caches do */
        uint8_t live;
        uint8_t spare;
        int64_t nr;          /* pressure carried over to whoever comes next */
        uint64_t place;      /* of its record: a kmalloc object */
        uint32_t head, tail; /* unused objects by handle, head: put last, tail: oldest, freed first */
        uint64_t unused;     /* how many */
};

/* Unused object of a shrinkable cache, by handle. */
struct unused_link {
        uint32_t next, prev; /* handles, OBJECT_NONE */
};

struct lru {
        uint32_t in_use;         /* 1: the run has used reclaim: page ops, swap or shrinkers */
        uint32_t unused_cap;     /* handles in `unused` */
        struct lru_page *pages;  /* [pfn] */
        struct lru_owner *owner; /* [process] */
        struct add_list add[MACHINE_CPUS_MAX][2]; /* [LRU_LIST_*] */
        uint64_t setting[VM_SETTING_COUNT];
        uint64_t swap_used;      /* slots */
        uint64_t swap_cache_pages, swap_cache_add, swap_cache_del;
        uint64_t vm_total_pages, high_pages; /* fixed at boot */
        uint32_t write_first, write_last; /* queue of pages under writeback, in order of start; PFN_NONE */
        uint64_t write_count;    /* pages in it */
        uint64_t write_due_ns;   /* end of the first one, TIME_NEVER: with the next wait */
        struct vm_events events;

        struct shrinker *shrinkers; /* [SHRINKERS_MAX] */
        uint32_t shrinker_count, shrinker_first, shrinker_last;
        struct unused_link *unused; /* [handle] */
};

#define SHRINKERS_MAX 4096u

enum lru_list { LRU_LIST_INACTIVE, LRU_LIST_ACTIVE, LRU_LISTS };

struct memory;
struct zone;

static inline uint32_t lru_list_of(const struct lru_page *page)
{
        return page->bits & LRU_ACTIVE ? LRU_LIST_ACTIVE : LRU_LIST_INACTIVE;
}

/* page_count(). */
static inline uint32_t lru_count(const struct lru_page *page)
{
        uint32_t bits = page->bits;

        return !!(bits & (LRU_CACHED | LRU_SWAP_CACHE)) + !!(bits & LRU_MAPPED) + !!(bits & LRU_ADDING) +
               !!(bits & LRU_ISOLATED) + !!(bits & LRU_LEAVING) + page->pins + page->held;
}

/* The page belongs to somebody: a cache, a process, or whoever pinned it. The workload's handle lives as long. */
static inline bool lru_has_user(const struct lru_page *page)
{
        return (page->bits & (LRU_CACHED | LRU_MAPPED | LRU_SWAP_ENTRY)) || page->pins;
}

/* lru.c. `cpu` is whose counter differences take the change. */
void lru_init(struct memory *memory);
/* A page just allocated gets its record: bits says what it is. On no list yet. */
void lru_page_init(struct memory *memory, uint32_t cpu, uint32_t pfn, uint32_t bits, uint32_t owner);
void lru_page_gone(struct memory *memory, uint32_t pfn); /* nobody refers to it any more: its record ends */
void lru_add(struct memory *memory, uint32_t pfn);       /* to the head of its zone's list */
void lru_remove(struct memory *memory, uint32_t pfn);    /* off its list */
void lru_own(struct memory *memory, uint32_t pfn, uint32_t owner); /* at the end: the highest address */
void lru_disown(struct memory *memory, uint32_t pfn);

/* mark_page_accessed(). True: it moved to the active list. */
bool lru_access(struct memory *memory, uint32_t pfn);

/* page_referenced(): how often, and clears what it counted. holds_lock: the caller holds the page lock. */
uint32_t lru_referenced(struct memory *memory, uint32_t pfn, bool holds_lock);

/* try_to_unmap() of a mapped page. False: mlocked, or young (which it is no more). */
bool lru_unmap(struct memory *memory, uint32_t cpu, uint32_t pfn);

/* zap_pte_range() of a mapped page: a dirty entry makes a file page dirty, a young one is an access. It stays on its
 * owner's list: the caller takes it off. */
void lru_zap(struct memory *memory, uint32_t cpu, uint32_t pfn);

void lru_set_dirty(struct memory *memory, uint32_t cpu, uint32_t pfn);
bool lru_clear_dirty(struct memory *memory, uint32_t cpu, uint32_t pfn);     /* false: it was not */
void lru_cache_leave(struct memory *memory, uint32_t cpu, uint32_t pfn);      /* page cache or swap cache */
bool lru_swap_cache_enter(struct memory *memory, uint32_t cpu, uint32_t pfn); /* false: no slot is free */

/* The page goes, the page-table entry of its owner keeps the slot. */
void lru_entry_kept(struct memory *memory, uint32_t pfn);

/* test_set_page_writeback(), and end_page_writeback() of the first page in the queue: its pfn. */
void lru_write_start(struct memory *memory, uint32_t cpu, uint32_t pfn);
uint32_t lru_write_end(struct memory *memory, uint32_t cpu);

static inline uint64_t lru_swap_free(const struct lru *lru)
{
        return lru->setting[VM_SWAP_PAGES] - lru->swap_used;
}

/* set_shrinker(), remove_shrinker(). place: of its record. */
uint32_t shrinker_new(struct lru *lru, uint32_t cache, uint32_t seeks, bool needs_fs, bool by_hundreds, uint64_t place);
void shrinker_drop(struct lru *lru, uint32_t shrinker);
uint32_t shrinker_of(const struct lru *lru, uint32_t cache); /* SHRINKER_NONE: the cache has none */

/* What the callback of a shrinker answers to "how many?". */
uint64_t shrinker_freeable(const struct lru *lru, const struct shrinker *shrinker);
void shrinker_put(struct lru *lru, uint32_t shrinker, uint32_t object);    /* to the head: used last */
void shrinker_remove(struct lru *lru, uint32_t shrinker, uint32_t object);

/* Walks lists and records; NULL or the broken invariant. O(memory). under_way: somebody may have pages in hand that
 * nobody refers to any more and that are not yet freed. */
const char *lru_audit(const struct memory *memory, bool under_way);

#endif
