/*
 * sim.h - the API of the core: create a machine, give it requests, let time pass, look at its state.
 *
 * The engine owns simulated time. The workload (a Lua scenario, an ops file, a recording being replayed, a benchmark)
 * owns threads: tasks bound to a CPU, and interrupt handlers. It submits one request per thread at a time and calls
 * sim_run, which lets all CPUs go on until something needs the workload:
 *
 *      while ((what = sim_run(sim, &thread)) != SIM_IDLE)
 *              SIM_DONE: the request of `thread` is done: sim_result(). It may submit again, sleep or stay idle.
 *              SIM_WAKE: the time asked by sim_wake_at has come, or the interrupt of sim_raise is being delivered.
 *              SIM_KILLED: the OOM killer has killed the process of `thread`; its last request, if it had one, is done.
 *                          The thread is gone: it must not submit again.
 *
 * Order of things at one moment t: first the steps of running ops, lowest CPU first; then wake-ups of ops that slept
 * and the machine's own timers; then interrupts; then workload wake-ups and starts of new ops, in the order they
 * were asked for. An op that starts at t makes its first change at t + 1 ns or later. So a workload that starts the
 * same ops at the same times gets the same run, whoever it is: that is what replay rests on.
 *
 * One CPU carries out the requests of its threads in turn (a kernel without preemption: a request is only left where
 * it sleeps or where an interrupt comes in while interrupts are on). All memory is taken by sim_create.
 */
#ifndef KMEMSIM_ENGINE_SIM_H
#define KMEMSIM_ENGINE_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/config.h"
#include "mm/lru.h"
#include "mm/vmstat.h"
#include "trace/op.h"
#include "trace/tape.h"

struct sim;
struct memory;

enum sim_what { SIM_IDLE, SIM_DONE, SIM_WAKE, SIM_KILLED };

enum thread_kind { THREAD_TASK, THREAD_IRQ };

/*
 * Builds and boots a machine; time 0 is the end of boot, and nothing of boot is written to the tape. The tape must
 * outlive the sim. Returns NULL with *ret_problem set to one sentence if the memory cannot be taken or the machine
 * cannot boot (too little memory). config must have passed sim_config_problem.
 */
struct sim *sim_create(const struct sim_config *config, struct tape *tape, const char **ret_problem);
void sim_destroy(struct sim *sim);

/* A new thread on `cpu`; ids count from 1 in order of creation and are what op_record.task holds. 0: no room left. */
uint32_t sim_thread_new(struct sim *sim, enum thread_kind kind, uint32_t cpu);

/* The task filter of fault injection finds this task from now on (make-it-fail), or asks whether it does. */
void sim_thread_make_it_fail(struct sim *sim, uint32_t thread);
bool sim_thread_makes_fail(const struct sim *sim, uint32_t thread);

/*
 * Gives an idle thread a request. A task's request waits for its CPU; a request of an interrupt handler is allowed
 * only between its SIM_WAKE and sim_irq_return, and starts at once. Returns NULL, or one sentence saying why the
 * request is impossible (a bug of the workload: no such cache, handle not live, ...); then nothing has happened.
 */
const char *sim_submit(struct sim *sim, uint32_t thread, const struct request *request);

/*
 * Says where in the program the next request of this thread comes from, a number of the caller's up to 0x7fffffff: what
 * the debug code of a debug_slab machine stores as last user of objects. Holds until said otherwise; 0: not known.
 */
void sim_set_site(struct sim *sim, uint32_t thread, uint32_t site);

/*
 * A short cut for an idle task: if the request is a magazine hit that is over by until_ns before anything else
 * happens on the machine, it is done at once and the answer is true: what sim_submit and a sim_run with SIM_DONE for
 * this thread would have left is there, the op record on the tape included. False: nothing has happened, and
 * sim_submit says what there is to say.
 */
bool sim_hit(struct sim *sim, uint32_t thread, const struct request *request, uint64_t until_ns);

/* SIM_WAKE for an idle task at t_ns (not before now). Replaces a wake-up still pending; sim_submit drops it. */
void sim_wake_at(struct sim *sim, uint32_t thread, uint64_t t_ns);

/* Raises the interrupt of an IRQ thread at t_ns >= now: SIM_WAKE comes when its CPU takes it (interrupts on). One at
 * a time per thread: returns false (lost, as a pending interrupt line would) if it is pending or running already. */
bool sim_raise(struct sim *sim, uint32_t thread, uint64_t t_ns);

/* The handler is finished: its CPU goes back to what was interrupted. Only after SIM_WAKE/SIM_DONE of that thread. */
void sim_irq_return(struct sim *sim, uint32_t thread);

/* Goes on until the workload is needed. *ret_thread: whose. SIM_IDLE: no request, wake-up or interrupt is left
 * (machine timers alone do not keep it going). */
enum sim_what sim_run(struct sim *sim, uint32_t *ret_thread);

/* As sim_run, but stops at the first moment after until_ns with SIM_IDLE and now == until_ns. */
enum sim_what sim_run_until(struct sim *sim, uint64_t until_ns, uint32_t *ret_thread);

/* The op that `thread` has just finished; valid until its next submit. */
const struct op_record *sim_result(const struct sim *sim, uint32_t thread);

/* Handle of what the last alloc, kmalloc or pages op of `thread` returned, OBJECT_NONE if it failed. Handles of
 * freed objects are reused; the workload frees by handle. */
uint32_t sim_result_object(const struct sim *sim, uint32_t thread);

/*
 * Makes a memory pool known; OP_MEMPOOL_CREATE of the id creates it. Ids count from 1 in order of declaration and are
 * what op_record.result of the MEMPOOL kinds holds. Returns 0 with a sentence if there can be no such pool.
 */
uint32_t sim_mempool_declare(struct sim *sim, const struct mempool_spec *spec, const char **ret_problem);

/* A memory pool as it is now; false: no such id. */
struct mempool_view {
        struct mempool_spec spec;
        uint32_t live;    /* 0: not created, or destroyed */
        uint32_t min_nr, curr_nr, waiters;
        uint64_t taken;   /* elements that left the reserve so far */
        uint64_t put;     /* elements that went into it, those of its creation included */
        uint64_t waits;   /* times a request slept for one */
        uint64_t refused; /* times the allocator below gave none */
};
bool sim_mempool_get(const struct sim *sim, uint32_t id, struct mempool_view *ret);

/*
 * A process for the OOM killer to judge; ids count from 1 in order of creation, which is the order of the task list.
 * parent and shares name processes that are there already. Returns 0 with a sentence if there can be no such process.
 * A run with no process has no task list: the task that runs out of memory is the victim then, until its op ends.
 */
uint32_t sim_process_new(struct sim *sim, const struct process_spec *spec, const char **ret_problem);

/* The thread is a task of this process from now on. It must be idle and of no process. */
void sim_thread_join(struct sim *sim, uint32_t thread, uint32_t process);

/* SIM_WAKE for an idle thread when the process has exited; 0: not any more. Told once, and only while it is idle. */
void sim_wake_on_exit(struct sim *sim, uint32_t thread, uint32_t process);

/* A process as it is now; false: no such id. */
struct process_view {
        struct process_spec spec;
        uint64_t points;    /* badness now */
        uint32_t killed;    /* 1: the OOM killer has killed it */
        uint32_t exited;    /* 1: its memory is given back */
        uint64_t killed_ns; /* TIME_NEVER: not killed */
};
bool sim_process_get(const struct sim *sim, uint32_t process, struct process_view *ret);

uint64_t sim_now_ns(const struct sim *sim);
uint32_t sim_jiffies(const struct sim *sim);   /* low 32 bits of the tick counter */
uint64_t sim_jiffies64(const struct sim *sim); /* all of it: 32 bits on i386 */
const struct memory *sim_memory(const struct sim *sim); /* read-only view of every structure: mm/memory.h */

bool sim_cpu_online(const struct sim *sim, uint32_t cpu);

/* The CPU that a thread is on, or will be when it runs: that of sim_thread_new,
 * until it went down (engine/hotplug.c). */
uint32_t sim_thread_cpu(const struct sim *sim, uint32_t thread);
uint64_t sim_moves(const struct sim *sim);                     /* how often a thread went to another CPU */
bool sim_cpu_stopping(const struct sim *sim, uint32_t cpu);    /* a cpu_down waits for it to have nothing in hand */

/* Id of a live cache by name, CACHE_ID_NONE if there is none. */
uint32_t sim_cache_find(const struct sim *sim, const char *name);

/* Ops that have begun and are not done: calls visit(record so far, context) for each, in order of id. The recorder
 * stores them with every commit so that a killed run can be replayed. */
void sim_pending(const struct sim *sim,
                 void (*visit)(const struct op_record *op, const struct cache_spec *spec, void *context),
                 void *context);

/* What an object handle stands for. */
struct sim_object {
        uint64_t place;      /* physical address */
        uint64_t op;         /* id of the op that allocated it */
        uint64_t size_bytes; /* as op_record.size_bytes */
        uint32_t cache;      /* cache id, CACHE_ID_NONE for pages */
        uint32_t mempool;    /* id of the memory pool it is an element of, 0: none */
        uint8_t order;       /* pages: 2^order */
        uint8_t live;        /* 0: freed or being freed */
};
bool sim_object_get(const struct sim *sim, uint32_t object, struct sim_object *ret);
uint32_t sim_object_count(const struct sim *sim); /* handles ever given: 0 to this - 1, unused ones among them */

/* Cumulative counts since the end of boot. */
struct sim_counts {
        uint64_t ops_by_path[OP_KIND_COUNT][OP_PATH_COUNT];
};
const struct sim_counts *sim_counts(const struct sim *sim);
/* Requests that fault injection could make fail, __GFP_NOFAIL left out, and how many it did. 0 when it is off. */
uint64_t sim_fault_seen(const struct sim *sim, enum fault_capability capability);
uint64_t sim_fault_injected(const struct sim *sim, enum fault_capability capability);
uint64_t sim_step_count(const struct sim *sim); /* state machine steps taken, boot included */

/* How often `outcome` (enum outcome) was the answer of `state` (enum state), boot included: 0 unless the core was
 * built with the full audit. For tests that want every edge of the tables taken. */
uint64_t sim_edge_count(const struct sim *sim, uint32_t state, uint32_t outcome);

/* What cache_sample holds: the stock of one cache at this moment. Objects of an op that has not finished count where
 * they were when it began, so that samples agree with what finished ops and events add up to. */
struct cache_stock {
        uint64_t active_objs;     /* out of the slabs, as slabinfo counts */
        uint64_t num_objs;        /* room in all slabs */
        uint32_t slabs_partial, slabs_full, slabs_free;
        uint64_t shared_objs;     /* in shared arrays and, on NUMA, alien arrays: shared_put + and shared_taken,
                                   * shared_shed -, alien_put + 1, alien_drained - what went to slabs */
        uint64_t live_objs;       /* with the workload or the allocator itself */
        uint64_t magazine_objs;   /* active - shared - live: in magazines or in an op on its way */
        uint64_t requested_bytes; /* of live objects; the allocator's own count with the object size of their cache */
        uint64_t allocated_bytes; /* live_objs * buffer_size */
        uint64_t slab_bytes;      /* pages of all slabs */
};
bool sim_cache_stock(const struct sim *sim, uint32_t cache, struct cache_stock *ret); /* false: no such live cache */

/* A zone as it is now. Zones are numbered node * 3 + type; count them with sim_zone_count. */
struct zone_view {
        const char *name; /* "DMA", "DMA32", "Normal", "HighMem" */
        uint32_t node, type;
        uint32_t start_pfn, spanned_pages, present_pages; /* present 0: the zone is not populated */
        uint64_t free_pages;                              /* on the buddy lists */
        uint32_t free_blocks[11];                         /* by order */
        uint32_t pcp_pages;                               /* on the page lists of all CPUs */
        uint32_t pages_min, pages_low, pages_high;
        uint32_t lowmem_reserve[3];
        uint64_t nr_active, nr_inactive;                  /* pages on its lists */
        uint64_t nr_scan_active, nr_scan_inactive;        /* amounts still to scan */
        uint64_t pages_scanned;                           /* since a page last came back to the buddy lists */
        uint32_t all_unreclaimable, prev_priority;
        uint64_t stat[ZONE_STAT_COUNT];                   /* NR_*, folded, as /proc/zoneinfo shows them */
};
uint32_t sim_zone_count(const struct sim *sim);
void sim_zone_get(const struct sim *sim, uint32_t zone, struct zone_view *ret);

/* Memory as /proc/vmstat counts it: since the end of boot, summed over all CPUs. Arrays of 3 are by zone type. */
struct vm_view {
        uint64_t stat[ZONE_STAT_COUNT]; /* NR_*: pages, folded */
        struct vm_events events;
        uint64_t pgalloc[3], pgfree, pgrefill[3], pgsteal[3], pgscan_kswapd[3], pgscan_direct[3]; /* pages */
        uint64_t active, inactive;      /* pages on the lists of all zones, exact */
        uint64_t vm_total_pages;
        uint64_t swap_total, swap_free, swap_cache_pages; /* slots, pages */
        uint64_t swap_cache_add, swap_cache_del;
        uint64_t setting[VM_SETTING_COUNT];
};
void sim_vm_get(const struct sim *sim, struct vm_view *ret);
const struct vm_setting_info *sim_vm_setting(uint32_t setting); /* NULL: no such setting */

/* A page-cache or anonymous page. False: the frame is none. */
struct page_view {
        uint32_t bits;   /* LRU_*, see mm/lru.h */
        uint32_t count;  /* references */
        uint32_t pins;
        uint32_t owner;  /* process that maps it, 0: none */
        uint32_t object; /* its handle, OBJECT_NONE */
};
bool sim_page_get(const struct sim *sim, uint32_t pfn, struct page_view *ret);

/* A cache: geometry and tunables. Ids run from 0 to sim_cache_count - 1, destroyed ones included. */
struct cache_view {
        const char *name;
        struct cache_spec spec;   /* as asked for */
        uint8_t live;             /* 0: destroyed, or creation failed */
        uint8_t off_slab;
        uint8_t boot;             /* 1: made by boot, before time 0 */
        uint32_t buffer_size, num, gfporder, colour, colour_off, slab_size;
        uint32_t obj_size, obj_offset; /* what the user may use, and where it begins: 0 without debug_slab */
        uint32_t debug;                /* CACHE_RED_ZONE, CACHE_POISON ... in force */
        uint32_t limit, batchcount, shared;
        uint64_t created_ns, destroyed_ns; /* TIME_NEVER while live */
};
uint32_t sim_cache_count(const struct sim *sim);
bool sim_cache_get(const struct sim *sim, uint32_t cache, struct cache_view *ret);

/* Recounts every structure (O(memory)). Returns NULL or the first broken invariant in one sentence. */
const char *sim_audit(const struct sim *sim);

/* A 64-bit hash over the whole state of the allocator (not of the workload's threads): equal states, equal hashes. */
uint64_t sim_state_hash(const struct sim *sim);

#endif
