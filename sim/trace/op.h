/*
 * op.h - the language going in: one op is one request to the allocator, and how it ended.
 *
 * A request is what a task, an interrupt handler, an ops file or a recording asks for. The engine turns it into an
 * op record when it is done: the record is what the digest covers, what SQLite stores and what replay compares.
 * Records hold integers and ids only, no pointers and no padding, so that they can be hashed byte for byte.
 */
#ifndef KMEMSIM_TRACE_OP_H
#define KMEMSIM_TRACE_OP_H

#include <stdbool.h>
#include <stdint.h>

/* What is asked for. X(enum suffix, name in SQL and Lua, what it is) */
#define OP_KINDS(X)                                                                                                    \
        X(NONE, "none", "no request")                                                                                  \
        X(KMALLOC, "kmalloc", "kmalloc(size_bytes, gfp)")                                                              \
        X(ALLOC, "alloc", "kmem_cache_alloc(cache, gfp)")                                                              \
        X(PAGES, "pages", "alloc_pages(gfp, order)")                                                                   \
        X(FREE, "free", "kfree, kmem_cache_free or __free_pages of what op `frees` returned")                          \
        X(CREATE, "create", "kmem_cache_create")                                                                       \
        X(SHRINK, "shrink", "kmem_cache_shrink")                                                                       \
        X(DESTROY, "destroy", "kmem_cache_destroy")                                                                    \
        X(REAP, "reap", "one pass of cache_reap on this CPU")                                                          \
        X(DRAIN, "drain", "give this CPU's page lists back to the buddy lists")                                        \
        X(CPU_UP, "cpu_up", "bring a CPU up")                                                                          \
        X(CPU_DOWN, "cpu_down", "take a CPU down")                                                                     \
        X(TICK, "tick", "jiffies move by size_bytes ticks (ops files only)")                                           \
        X(WORK, "work", "the task computes for size_bytes nanoseconds")                                                \
        X(MEMPOOL_CREATE, "mempool_create", "mempool_create of the pool declared with the id in result")               \
        X(MEMPOOL_ALLOC, "mempool_alloc", "mempool_alloc(pool in result, gfp)")                                        \
        X(MEMPOOL_FREE, "mempool_free", "mempool_free of what op `frees` returned")                                    \
        X(MEMPOOL_RESIZE, "mempool_resize", "mempool_resize(pool in result, size_bytes elements, gfp)")                \
        X(MEMPOOL_DESTROY, "mempool_destroy", "mempool_destroy(pool in result)")                                       \
        X(WRITE, "write", "the task writes size_bytes bytes at pfn, offset (debug_slab machines)")                     \
        X(TUNE, "tune", "a write of limit, batchcount and shared to /proc/slabinfo")                                   \
        X(PAGE_NEW, "page_new", "a page-cache or anonymous page: flags says which (PAGE_NEW_*), owner who maps it")    \
        X(PAGE_ACCESS, "page_access", "a read or write call touches the page (mark_page_accessed)")                    \
        X(PAGE_TOUCH, "page_touch", "its process touches the mapped page: the entry is young")                         \
        X(PAGE_WRITE, "page_write", "the page is written to: mapped: its entry is dirty; else the page")               \
        X(PAGE_MLOCK, "page_mlock", "mlock of the mapped page")                                                        \
        X(PAGE_MUNLOCK, "page_munlock", "munlock")                                                                     \
        X(PAGE_LOCK, "page_lock", "lock_page")                                                                         \
        X(PAGE_UNLOCK, "page_unlock", "unlock_page")                                                                   \
        X(PAGE_PIN, "page_pin", "get_page: one more reference")                                                        \
        X(PAGE_UNPIN, "page_unpin", "put_page")                                                                        \
        X(PAGE_DELETE, "page_delete", "its owner gives the page up: truncate, munmap")                                 \
        X(PROCESS_EXIT, "process_exit", "all pages of process `owner` go")                                             \
        X(SHRINKER, "shrinker", "set_shrinker (order: seeks, flags: SHRINKER_*) or remove_shrinker for a cache")       \
        X(PUT, "put", "the object is unused from now on: to the head of its cache's LRU")                              \
        X(GET, "get", "an unused object is used again: off the LRU")                                                   \
        X(DROP_CACHES, "drop_caches", "flags is what is written to vm.drop_caches: 1 page cache, 2 shrinkers, 3 both") \
        X(VM_SET, "vm_set", "setting number `order` (VM_SETTINGS) becomes size_bytes")                                 \
        X(KSWAPD, "kswapd", "one run of kswapd of node target_cpu (the machine asks); result: pages it freed")         \
        X(RCU, "rcu", "the machine releases slabs of RCU caches after their grace period")                             \
        X(PROCESS_SET, "process_set", "attribute order_ of the process in result becomes size_bytes")                  \
        X(FAULT_SET, "fault_set", "fault injection: attribute order_ % 32 of capability order_ / 32 becomes size_bytes")

enum op_kind {
#define X(id, name, what) OP_##id,
        OP_KINDS(X)
#undef X
        OP_KIND_COUNT
};

/* PAGE_ACCESS to PAGE_DELETE: something is done with the page that a PAGE_NEW made. */
static inline bool op_is_on_page(uint8_t kind)
{
        return kind >= OP_PAGE_ACCESS && kind <= OP_PAGE_DELETE;
}

/*
 * Which way an op went. The deepest stage it needed is the path: a kmalloc that had to add a slab is NEW_SLAB even
 * though it also looked at the shared array and the slab lists. NUMA: a free into an alien array with room is MAGAZINE,
 * one that had to send the array home first SHARED. X(enum suffix, name, what it means)
 */
#define OP_PATHS(X)                                                                                                    \
        X(NONE, "none", "nothing to allocate or free")                                                                 \
        X(MAGAZINE, "magazine", "alloc: hit in this CPU's magazine; free: it had room")                                \
        X(SHARED, "shared", "alloc: refilled from the shared array; free: flushed to it")                              \
        X(PARTIAL_SLAB, "partial_slab", "refilled from partial slabs")                                                 \
        X(FREE_SLAB, "free_slab", "refilled from a free slab as well")                                                 \
        X(NEW_SLAB, "new_slab", "the cache grew by a slab")                                                            \
        X(SLABS, "slabs", "free: flushed to the slabs")                                                                \
        X(SLAB_RELEASED, "slab_released", "free: a slab became empty and went back to the buddy lists")                \
        X(PAGE_LIST, "page_list", "pages: from or to this CPU's hot or cold page list")                                \
        X(PAGE_LIST_BULK, "page_list_bulk", "pages: the page list was refilled from or drained to the buddy lists")    \
        X(BUDDY, "buddy", "pages: straight from or to the buddy lists")                                                \
        X(MIN_WATERMARK, "min_watermark", "pages: only below pages_low, down to pages_min")                            \
        X(RESERVES, "reserves", "pages: after reclaim and the OOM killer, without watermarks")                         \
        X(NO_CLASS, "no_class", "failed: larger than the largest kmalloc class")                                       \
        X(FAILED, "failed", "failed: no memory, or refused")                                                           \
        X(MEMPOOL_DIRECT, "mempool_direct", "mempool: from or to the allocator below it")                              \
        X(MEMPOOL_RESERVE, "mempool_reserve", "mempool: from or to its reserve")                                       \
        X(MEMPOOL_WAITED, "mempool_waited", "mempool: after waiting, the reserve being empty")                         \
        X(FAULT_INJECTED, "fault_injected", "failed: a fault was injected into it")

enum op_path {
#define X(id, name, what) PATH_##id,
        OP_PATHS(X)
#undef X
        OP_PATH_COUNT
};

extern const char *const op_kind_names[OP_KIND_COUNT];
extern const char *const op_path_names[OP_PATH_COUNT];

/* Results of a TUNE: the kernel's error numbers. */
#define ERRNO_ENOMEM 12u
#define ERRNO_EINVAL 22u

/* PAGE_NEW, flags. A file page is clean, unmapped, and its mapping can write, unless they say otherwise. */
#define PAGE_NEW_ANON      0x01u /* anonymous: mapped, young, its entry dirty, bound for the active list */
#define PAGE_NEW_MAPPED    0x02u /* file: mapped into a process and young */
#define PAGE_NEW_DIRTY     0x04u /* file: written to */
#define PAGE_NEW_NO_WRITE  0x08u /* file: of a file system in memory (no write method) */
#define PAGE_NEW_UNREAD    0x10u /* file: read ahead; nobody has accessed it yet */

/* SHRINKER, flags. */
#define SHRINKER_NEEDS_FS    0x01u /* its callback refuses without __GFP_FS */
#define SHRINKER_BY_HUNDREDS 0x02u /* reports (unused / 100) * vfs_cache_pressure, as dentries and inodes do */
#define SHRINKER_REMOVE      0x80u

#define CACHE_NAME_MAX 31

/* kmem_cache_create's flags (spec 01 section 4); the values are our own. */
#define CACHE_HWCACHE_ALIGN      0x01u
#define CACHE_DMA                0x02u
#define CACHE_MUST_HWCACHE_ALIGN 0x04u
#define CACHE_RECLAIM_ACCOUNT    0x08u
#define CACHE_PANIC              0x10u
#define CACHE_DESTROY_BY_RCU     0x20u
#define CACHE_MEM_SPREAD         0x40u
#define CACHE_DEBUG_INITIAL      0x100u /* these four with CONFIG_DEBUG_SLAB only */
#define CACHE_RED_ZONE           0x200u
#define CACHE_POISON             0x400u
#define CACHE_STORE_USER         0x800u
#define CACHE_DEBUG_FLAGS        (CACHE_DEBUG_INITIAL | CACHE_RED_ZONE | CACHE_POISON | CACHE_STORE_USER)

/* Arguments of kmem_cache_create. size and align in bytes. */
struct cache_spec {
        char name[CACHE_NAME_MAX + 1];
        uint32_t size_bytes;
        uint32_t align_bytes;
        uint32_t flags;
        uint32_t ctor_cycles; /* what the constructor takes for an object; 0: there is none */
        uint32_t dtor_cycles; /* the same of the destructor */
};

/* What the OOM killer looks at in a process. */
#define PROCESS_NAME_MAX 15 /* TASK_COMM_LEN less its NUL */

#define PROCESS_KTHREAD   0x01u /* has no memory of its own */
#define PROCESS_SWAPOFF   0x02u /* runs swapoff */
#define PROCESS_ROOT      0x04u /* uid or euid 0 */
#define PROCESS_SYS_ADMIN 0x08u /* CAP_SYS_ADMIN */
#define PROCESS_RAWIO     0x10u /* CAP_SYS_RAWIO */
#define PROCESS_EXITING   0x20u /* on its way out, with its memory still there */

struct process_spec {
        char name[PROCESS_NAME_MAX + 1];
        uint32_t pid;            /* 1: init, which is never killed */
        uint32_t parent;         /* process id, 0: none */
        uint32_t shares;         /* process id whose memory it uses, 0: it has its own */
        uint32_t flags;          /* PROCESS_* */
        int32_t nice;            /* -20 .. 19 */
        int32_t oom_adj;         /* -17 .. 15 */
        uint64_t total_vm_pages; /* address space, resident or not */
        uint64_t cpu_ticks;      /* user and system time used */
        uint64_t age_s;          /* how long it has run at time 0 */
};

/* What PROCESS_SET changes. Values are 0 or more: what can be negative counts from its least value. */
enum process_attribute {
        PROCESS_SET_OOM_ADJ,      /* oom_adj + 17 */
        PROCESS_SET_TOTAL_VM,     /* pages */
        PROCESS_SET_NICE,         /* nice + 20 */
        PROCESS_SET_SWAPOFF,      /* 0, 1 */
        PROCESS_ATTRIBUTE_COUNT,
};

/* Where the elements of a memory pool come from: the ready-made pairs of functions of mempool.h. */
enum mempool_kind { MEMPOOL_KMALLOC, MEMPOOL_SLAB, MEMPOOL_PAGES };

#define MEMPOOL_NAME_MAX 31
#define MEMPOOL_MIN_MAX  16384u /* elements: on x86_64 their array is then the largest kmalloc */

/* Arguments of mempool_create_node. */
struct mempool_spec {
        char name[MEMPOOL_NAME_MAX + 1]; /* ours: the kernel's pools have none */
        uint32_t min_nr;                 /* elements in reserve, 1 .. MEMPOOL_MIN_MAX */
        uint32_t kind;                   /* enum mempool_kind */
        uint32_t size_bytes;             /* MEMPOOL_KMALLOC */
        uint32_t cache;                  /* MEMPOOL_SLAB: cache id; others CACHE_ID_NONE */
        uint32_t order;                  /* MEMPOOL_PAGES */
        uint32_t node_plus_1;            /* node of the record and its array + 1; 0: the CPU's own */
};

#define CACHE_ID_NONE  UINT32_MAX /* caches are numbered in order of creation, boot first; numbers are never reused */
#define OBJECT_NONE    UINT32_MAX /* handle of what an alloc, kmalloc or pages op returned, see sim_submit */

/* One request. Fields a kind does not use are 0. */
struct request {
        uint8_t kind;        /* enum op_kind */
        uint8_t order;       /* PAGES: 2^order pages */
        uint8_t cpu;         /* CPU_UP, CPU_DOWN: which one */
        uint8_t node_plus_1; /* KMALLOC, ALLOC, PAGES: node asked for + 1; 0: none, the CPU's own */
        uint32_t gfp;        /* KMALLOC, ALLOC, PAGES, MEMPOOL_ALLOC, MEMPOOL_RESIZE; TUNE: shared factor */
        uint64_t size_bytes; /* KMALLOC: bytes; TICK: ticks; WORK: ns; MEMPOOL_RESIZE: elements;
                              * TUNE: limit | batchcount << 32 */
        uint32_t cache;      /* ALLOC, SHRINK, DESTROY: cache id */
        uint32_t object;     /* FREE, MEMPOOL_FREE, PAGE_ACCESS to PAGE_DELETE, PUT, GET: handle. FREE: OBJECT_NONE:
                              * kfree of the address `place`, which held size_bytes (debug_slab machines) */
        uint32_t mempool;    /* MEMPOOL_*: id, see sim_mempool_declare */
        uint32_t process;    /* PROCESS_SET: id, see sim_process_new */
        const struct cache_spec *spec; /* CREATE; TUNE: its name alone, of a cache or not;
                                        * read during sim_submit only */
        uint64_t place;      /* WRITE, FREE without handle: address. WRITE: size_bytes bytes from there on become the
                              * first `order` (1 to 4) bytes of gfp, the lowest first, over and over */
        uint64_t op;         /* WRITE: id of the op that got the object meant, 0: none; nothing depends on it.
                              * PAGE_ACCESS to PAGE_DELETE, PUT, GET: id of the op that made the object; if the handle
                              * is another one's by now, or nobody's (reclaim took it),
                              * the op ends with path failed, result 1 */
        uint16_t owner;      /* PAGE_NEW, PROCESS_EXIT: process */
        uint8_t flags;       /* PAGE_NEW, SHRINKER, DROP_CACHES */
};

/* One op, done. 80 bytes, no padding. */
struct op_record {
        uint64_t id;         /* from 1, in the order the ops began */
        uint64_t t_ns;       /* when it began, simulated ns since the end of boot */
        uint64_t dur_ns;     /* how long it took, waiting included */
        uint64_t size_bytes; /* KMALLOC: asked bytes; ALLOC: object size asked at creation; PAGES: 4096 << order;
                              * MEMPOOL_*: of an element, RESIZE: elements asked for; TUNE: as in the request;
                              * PAGE_NEW: 4096; VM_SET: the value */
        uint64_t frees;      /* FREE, MEMPOOL_FREE: id of the op that allocated it, 0: kfree of an address (debug_slab);
                              * WRITE, PAGE_ACCESS to PAGE_DELETE, PUT, GET: whose object is meant; others 0 */
        uint32_t first_seq;  /* low 32 bits of the event counter when it began */
        uint32_t irq;        /* number of the interrupt it ran in, 0: task */
        uint32_t gfp;
        uint32_t cache;      /* id of the cache of the object, CACHE_ID_NONE: pages or none */
        uint32_t pfn;        /* of what was returned or freed; PFN_NONE: failed or nothing */
        uint32_t offset;     /* byte in the page */
        uint32_t result;     /* SHRINK, DESTROY: 0/1; CREATE: 0 or 1 = failed; REAP, RCU: slabs released; MEMPOOL_*: the
                              * pool's id; SHRINKER, PAGE_*, PUT, GET: 0 or 1 = failed; KSWAPD, DROP_CACHES: pages
                              * freed; PROCESS_EXIT: pages given up; TUNE: 0, ENOMEM (12) or EINVAL (22):
                              * no such cache */
        uint16_t task;       /* id of the task or interrupt handler, see sim_thread_new */
        uint8_t cpu;
        uint8_t kind;        /* enum op_kind */
        uint8_t path;        /* enum op_path */
        uint8_t order;
        uint8_t origin;      /* 0: the workload asked; 1: the machine itself (reaper) */
        uint8_t node_plus_1; /* as asked; 0: the CPU's own node */
        uint8_t target_cpu;  /* CPU_UP, CPU_DOWN: which one */
        uint8_t flags;       /* PAGE_NEW, SHRINKER, DROP_CACHES: as asked */
        uint16_t owner;      /* PAGE_NEW, PROCESS_EXIT: process */
};
_Static_assert(sizeof(struct op_record) == 80, "op_record has no padding");

#endif
