/*
 * step.h - CPUs, threads and frames as data, and the table that moves them.
 *
 * A thread is one flow of control: a task, an interrupt handler, a kernel thread (the reaper), or the other end of a
 * call on all CPUs. What the kernel keeps on a stack is here a short array of frames: which state, which cache, which
 * counters. So a CPU can stop between any two steps, be printed, hashed, saved and gone on with.
 *
 * The contract of an action (one per state, named in steps.def): it is entered at machine->now_ns, changes models, may
 * take or drop a lock, puts what it costs beyond the table's figure into machine->spent_cycles, and answers with an
 * outcome; the table says the next state. run.c is the loop.
 *
 * Who may wait where:
 *   WAIT   a spinlock is held: the CPU spins, interrupts off, until the holder hands over (first come, first served)
 *   SLEEP  the mutex is held, congestion wait: interrupts on, the thread leaves its CPU to others
 *   PARK   a call on all CPUs is under way: the CPU is kept, interrupts on
 */
#ifndef KMEMSIM_PATH_STEP_H
#define KMEMSIM_PATH_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/units.h"
#include "mm/memory.h"
#include "path/cost.h"
#include "path/fault.h"
#include "trace/event.h"
#include "trace/gfp.h"
#include "trace/op.h"
#include "trace/tape.h"

#define FRAMES_MAX 32u /* a NUMA cache being made needs 15: create, tune, alien set, alloc, node, fallback, ...; direct
                        * reclaim below that 10 more: shrink_slab, free, alien array, objects, slab, header, ... */

enum state {
#define STEP(id, action, cost, held, order, ok, no, alt, call, callee, what) id,
#include "path/steps.def"
#undef STEP
        STATE_COUNT,
        DONE = STATE_COUNT, /* the path ends */
};

enum outcome { OUT_OK, OUT_NO, OUT_ALT, OUT_CALL, OUT_DONE, OUT_WAIT, OUT_SLEEP, OUT_PARK };

enum held { HELD_ON, HELD_OFF, HELD_LIST, HELD_ZONE, HELD_ALIEN, HELD_CHAIN, HELD_MEMPOOL, HELD_LRU };

struct machine;
struct thread;
struct frame;

#define COST_NONE    COST_KIND_COUNT
#define ORDER_LOCAL  0
#define ORDER_SHARED 1

struct step {
        uint8_t cost;     /* enum cost_kind, COST_KIND_COUNT: none */
        uint8_t shared;   /* 1: ordered among all CPUs */
        uint8_t held;     /* enum held */
        uint16_t next[4]; /* by outcome OK, NO, ALT, CALL */
        uint16_t callee;
};

struct step_text {
        const char *name;
        const char *what;
};

extern const struct step steps[STATE_COUNT];
extern const struct step_text step_texts[STATE_COUNT];

/* Which look a zonelist walk takes at the zones. */
enum mark { MARK_LOW, MARK_MIN, MARK_HIGH, MARK_NONE };

struct frame {
        uint16_t state;
        uint8_t irq_saved; /* interrupts were off when this path turned them off */
        uint8_t node;
        uint32_t cache;
        uint32_t gfp;
        uint8_t order;
        uint8_t own; /* NODE_*, FALLBACK_*: for the request itself, see is_own */
        uint8_t spare[2];
        union {
                struct {
                        uint64_t size_bytes; /* asked for */
                        uint32_t want;       /* objects the refill still wants */
                        uint32_t slab;       /* slab being emptied */
                } alloc;
                struct {
                        uint64_t header; /* place of an off-slab header, PLACE_NONE: on-slab */
                        uint32_t pfn;
                        uint32_t slab;
                        uint32_t colour_bytes;
                        uint32_t supplied; /* 1: the pages are here already */
                } grow;
                struct {
                        uint32_t slab;
                } node_alloc;
                struct {
                        uint8_t list_node, list_type; /* the zonelist */
                        uint8_t next;                 /* index of the zone to look at */
                } fallback;
                struct {
                        uint32_t pfn; /* free: first page */
                        uint8_t high, harder;
                        uint8_t cold; /* free: to the cold list */
                } pages;
                struct {
                        uint32_t pfn;
                        uint8_t list_node, list_type; /* the zonelist */
                        uint8_t next;                 /* index of the zone to look at */
                        uint8_t zone;                 /* zone in hand */
                        uint8_t mark;                 /* enum mark */
                        uint8_t high, harder, cold;
                        uint8_t cached;       /* NUMA: zones found full lately are passed over */
                        uint8_t cache_set_up; /* NUMA: that has been turned on before */
                } scan;
                struct {
                        uint64_t place;
                        uint64_t size_bytes; /* what had been asked for */
                        uint32_t moved;      /* objects a flush moves */
                        uint32_t home;       /* NUMA: node of its slab */
                } free;
                struct {
                        uint64_t place;
                        uint32_t count; /* bytes */
                        uint8_t pattern[4], period;
                } write;
                struct {
                        uint32_t array;     /* pool reference, 0: the one object at `place` */
                        uint32_t next, end; /* entries [next, end) go back */
                        uint32_t slab;
                        uint64_t place;
                } ret;
                struct {
                        uint32_t array;  /* alien array being drained */
                        uint32_t shared; /* objects that went to the shared array */
                        uint32_t index;  /* home node in turn */
                        uint32_t is_new; /* 1: memory.new_aliens, 0: the set of frame.node */
                } alien;
                struct {
                        uint32_t slab;
                        uint64_t header; /* kept for after the slab is gone */
                } slabd;
                struct {
                        uint32_t array;
                        uint32_t count;
                        uint8_t force, is_shared;
                } drain;
                struct {
                        uint64_t want; /* slabs */
                        uint32_t freed;
                } drainf;
                struct {
                        uint32_t waited; /* destroy: a grace period has passed */
                        uint32_t freed;  /* soft interrupt: slabs */
                } rcu;
                struct {
                        uint32_t next; /* cache id */
                        uint32_t reaped;
                } reap;
                struct {
                        uint64_t work; /* place of the work area */
                        uint32_t limit, batchcount, shared;
                        uint32_t index;     /* CPU or node in turn */
                        uint32_t array;     /* old magazine or new shared array */
                        uint32_t old_array;
                } tune;
                struct {
                        char name[CACHE_NAME_MAX + 1]; /* of the cache to tune; there may be none */
                        uint32_t limit, batchcount, shared;
                } slabinfo;
                struct {
                        uint32_t index;
                        uint32_t what; /* enum boot_replace */
                } boot;
                struct {
                        uint64_t place, shared_place; /* of the new magazine and shared array */
                        uint32_t cpu, next, array;
                        uint32_t shared; /* shared array that goes with the last CPU of its node */
                        uint32_t last;   /* 1: the CPU was the last one of its node, so its alien arrays go */
                } hotplug;
                struct {
                        uint32_t cpu, zone, end, cold; /* lists of zones [zone, end) */
                        uint32_t batch_only;           /* 1: at most a batch of each list */
                } drainp;
                struct {
                        uint64_t place;    /* element in hand, or new array */
                        uint64_t since_ns; /* asleep since */
                        uint32_t id, new_min;
                        uint32_t try_gfp;  /* mask of the next try */
                } mempool;
                struct {
                        uint32_t which, end;           /* add lists [which, end) of this CPU: LRU_LIST_* */
                        uint32_t next;                 /* entry of the list in hand */
                        uint32_t zone;                 /* whose lock is held */
                        uint32_t cpu;                  /* whose lists: this CPU's, or a dead one's */
                } add;
                struct {
                        struct page_list freed;        /* pages off every list whose last reference went */
                        uint32_t next;                 /* entry of the group in hand */
                        uint32_t pfn;
                        uint8_t from;                  /* enum group_from */
                        uint8_t cold;
                        uint8_t cpu;                   /* whose add list */
                } release;
                struct {
                        struct page_list list;         /* freed from the last to the first */
                        uint8_t cold;
                } pagefree;
                struct {
                        uint64_t made_by;              /* op that made the object */
                        uint32_t pfn;
                        uint32_t object;
                } lru_op;
                struct {
                        uint32_t owner;
                        uint32_t zapped;               /* pages of the batch, still on the owner's list */
                        uint32_t last;                 /* the last of them */
                        uint32_t present;              /* pages since the last end of a block of 1024 */
                        uint32_t gone;
                } exit;
                struct {
                        uint64_t freed;
                        uint64_t slab_pages;           /* reclaimable ones when it began with them, 0: not yet */
                        uint32_t zone;
                } zreclaim;
                struct {
                        uint32_t next;                 /* pfn to look at */
                        uint32_t freed;
                } drop;
                struct {
                        uint64_t total;                /* objects the shrinker in hand is to scan */
                        uint64_t before, max;
                        uint64_t result;
                        uint32_t id;                   /* shrinker in hand */
                        uint32_t left;                 /* of a batch */
                        uint32_t scanned_1, freed;     /* asked so far, freed so far */
                } slabs;
                struct {
                        uint64_t points;
                        uint32_t chosen; /* process */
                } oom;
                struct {
                        uint32_t process;
                } px;
                uint64_t words[6];
        };
};
_Static_assert(sizeof(struct frame) == 64, "a frame is one cache line");

enum thread_role { ROLE_TASK, ROLE_IRQ, ROLE_KTHREAD, ROLE_CALL, ROLE_SOFTIRQ };

/* Its process was killed: it ends when its op does, or has ended. */
enum thread_killed { KILLED_NOT, KILLED_SOON, KILLED_GONE };

/* What a thread is doing, as the engine sees it. */
enum thread_state {
        TH_IDLE,     /* no request */
        TH_QUEUED,   /* has a request or a wake-up, waits for its CPU */
        TH_ON_CPU,   /* its CPU carries it out, or it was interrupted there */
        TH_SLEEPING, /* left the CPU until a time or the mutex */
        TH_HANDLER,  /* an interrupt handler between requests */
};

/* Ordered by use: what a magazine hit touches comes first. */
struct thread {
        uint64_t ret;        /* what the last path returned */
        struct op_record op; /* the request in hand and how it goes; the last one when idle */
        int8_t top;          /* frame in hand, -1: none */
        uint8_t cpu;
        uint8_t role;        /* enum thread_role */
        uint8_t state;       /* enum thread_state */
        uint8_t victim;      /* OOM killed: takes pages without watermarks until its op ends */
        uint8_t refused;     /* the op ended before it began */
        uint8_t rcu_busy;    /* works off what a grace period has set free */
        uint8_t wake_set;
        uint32_t id;
        uint32_t object;     /* handle freed or returned */
        uint32_t site;       /* call site of the request in hand, 0: not known; CONFIG_DEBUG_SLAB only */
        struct frame frames[FRAMES_MAX];
        uint8_t memalloc;    /* PF_MEMALLOC: reclaims, and so may use every page and does not reclaim again */
        uint8_t waits_writes; /* in the queue of congestion_wait() */
        uint64_t ready_ns;   /* next step, while interrupted; TIME_NEVER: parked */
        uint64_t stolen_ns;  /* interrupted at */
        uint64_t kept_ret;   /* ret, kept while a grace period is worked off */
        uint64_t wake_order; /* of the wake-up that counts; one asked for earlier is stale */
        uint64_t wait_since_ns;
        uint32_t wait_kind;  /* which lock it waits for: as event lock_waited */
        uint32_t wait_subject;
        uint32_t next_wait;  /* thread behind it in the queue of a lock or CPU */
        uint32_t below;      /* thread it interrupted, 0: the CPU was idle */
        uint32_t next_waiter; /* thread behind it in the wait queue of a memory pool */
        uint64_t sleep_order; /* of the resumption that counts, while it sleeps; one due earlier is stale */
        uint32_t process;    /* it is a task of, 0: none */
        uint32_t waits_for_exit; /* SIM_WAKE when this process has exited, 0: none */
        uint8_t killed;      /* enum thread_killed */
        uint8_t waits_for_mempool; /* stands in such a queue */
        uint64_t faulted_op; /* the op a fault was injected into last; ids are from 1 */
        uint8_t irq_pending; /* raised, not delivered */
        uint8_t home;        /* CPU it was made for: where its first op is to run */
        uint8_t make_it_fail; /* task flag of fault injection */
};

#define CALL_PENDING    1u /* a call from another CPU */
#define SOFTIRQ_PENDING 2u /* RCU callbacks whose grace period is over */

struct cpu {
        uint64_t next_ns;   /* next step of `thread`; TIME_NEVER: idle, spinning, or the workload has the turn */
        uint32_t thread;    /* on the CPU, 0: idle */
        uint8_t irq_off;
        uint8_t deliver_set; /* a delivery is in the queue */
        uint8_t dispatch_set;
        uint8_t spare;
        uint32_t resumed_head, resumed_tail; /* threads that go on: slept in an op, kernel threads */
        uint32_t queued_head, queued_tail;   /* threads with a new request */
        uint32_t irq_head, irq_tail;         /* interrupts raised, in order */
        uint32_t call_pending;               /* CALL_PENDING, SOFTIRQ_PENDING: what waits for interrupts on */
        uint32_t call_thread;                /* the thread that answers calls */
        uint32_t exit_thread;                /* gives back the memory of killed processes */
        uint32_t reap_thread;
        uint32_t rcu_thread;                 /* the soft interrupt that runs RCU callbacks */
};

/* A call on all CPUs under way (smp_call_function): one at a time, under cache_chain_mutex. */
struct cross_call {
        uint32_t caller; /* thread id, 0: none */
        uint32_t left;   /* CPUs that have not answered */
        uint16_t state;  /* where the called threads begin */
        uint32_t cache;
};

/* Where the pages of a release group lie. */
enum group_from { GROUP_OF_RECLAIM, GROUP_OF_INACTIVE_ADD, GROUP_OF_ACTIVE_ADD };

/*
 * What a thread that reclaims has in hand: struct scan_control and the local variables of mm/vmscan.c. One for each
 * thread; reclaim never runs inside reclaim. Also the release group of an exiting process.
 */
struct reclaim {
        uint64_t reclaimed, total_scanned; /* since the start of a direct reclaim or BALANCE */
        uint64_t reclaimed_slab;           /* pages of slabs destroyed meanwhile */
        uint64_t lru_pages;
        uint64_t scanned;                  /* inactive pages; mapped ones twice */
        uint64_t todo[LRU_LISTS];          /* SHRINK_ZONE: still to scan */
        uint64_t freed;                    /* SHRINK_ZONE: pages */
        uint64_t looked, max;              /* SHRINK_INACTIVE */
        uint32_t gfp;
        uint32_t zone;                     /* in hand */
        uint32_t batch;
        uint32_t taken_count, batch_looked, batch_freed, batch_activated;
        uint32_t group[LRU_GROUP];         /* pages put back, with a reference each */
        uint32_t group_count;
        struct page_list taken;            /* isolated, oldest first */
        struct page_list back[2];          /* SHRINK_ACTIVE: to inactive, to active; SHRINK_INACTIVE: [0] to either */
        struct page_list gone;             /* freed, not yet released */
        uint8_t priority;
        uint8_t may_write, may_swap, is_kswapd, reclaim_mapped, swappiness, all_dead, all_ok;
        uint8_t order, list_node, list_type, next_zone, end_zone, node, congested_ok;
        uint8_t note[ZONE_TYPES];          /* kswapd: priority each zone was last scanned at */
};

/* Reasons in machine.single_steps. */
#define SINGLE_AUDIT    0x1u
#define SINGLE_FAILSLAB 0x2u
#define SINGLE_DEBUG    0x4u /* CONFIG_DEBUG_SLAB */

struct machine {
        struct memory mem;
        struct cpu cpus[MACHINE_CPUS_MAX];
        uint32_t running;       /* mask of the CPUs that have a thread */
        struct thread *threads; /* [id], from 1 */
        uint32_t thread_count;
        struct reclaim *reclaims; /* [thread id] */
        uint64_t now_ns;
        uint64_t horizon_ns;    /* the CPU in hand may run shared steps up to here */
        uint64_t spent_cycles;  /* by the step in hand, beyond the table's figure */
        uint32_t cost_cycles[COST_KIND_COUNT];
        uint64_t cost_ns[COST_KIND_COUNT + 1]; /* rounded; the last is 0: no cost */
        uint64_t enter_ns[KMALLOC_CLASSES_MAX + 1]; /* entry of a kmalloc by class; the last: of any other request */
        uint64_t ns_per_cycle_q32;
        uint64_t tick_ns;
        uint64_t manual_ticks;
        uint64_t rcu_grace_ns;  /* 0: none, what waits for RCU goes at the end of the op */
        uint32_t manual_clock;
        uint32_t booting;       /* nothing goes to the tape */
        uint32_t audit_steps;   /* recount everything after every step */
        uint32_t single_steps;  /* why hits are not taken in one go but state by state: SINGLE_* bits */
        uint32_t kswapd_thread[MACHINE_NODES_MAX];
        uint32_t kswapd_order[MACHINE_NODES_MAX]; /* kswapd_max_order: what has been asked for */
        uint32_t write_wait_first, write_wait_last; /* threads in congestion_wait(), linked through next_wait */
        uint32_t page_faults;   /* 1: page requests begin in PA_FAULT */
        struct fault_state fault;
        struct cross_call call;
        uint32_t stop_cpu;      /* is to go offline as soon as it has nothing in hand */
        uint32_t stop_caller;   /* thread id of who waits for that, 0: none */
        uint32_t moves_to_plus_1; /* after OUT_SLEEP: the CPU the thread goes on at + 1 */
        struct tape *tape;
        /* what path/ asks of the engine (it does not call up: it leaves a note here and engine/ reads it) */
        uint64_t sleep_until_ns; /* after OUT_SLEEP: TIME_NEVER: until woken by the mutex */
        uint64_t steps;
#ifdef KMEMSIM_AUDIT_FULL
        uint64_t edges[STATE_COUNT][OUT_PARK + 1]; /* how often each outcome of each state was seen */
#endif
};

/* The memory of a process is marked for the last reserves (TIF_MEMDIE), and th is its first task. */
bool oom_is_marked(const struct machine *m, const struct thread *th);

/* run.c: takes steps of `th` from *clock_ns on, until it has to stop; *ret_clock_ns: when its next step is due. */
enum run_end {
        RUN_HORIZON, /* the next step is SHARED and somebody else comes first */
        RUN_ENDED,   /* the last frame is done */
        RUN_WAITS,   /* spins on a lock, or parked: whoever hands over makes it ready */
        RUN_SLEEPS,  /* leaves the CPU, see machine.sleep_until_ns */
};
enum run_end run_steps(struct machine *m, struct thread *th, uint64_t *clock_ns);

/* Services of the engine that actions use; engine/sched.c. */
/* What th waits for is there: a spinlock or the mutex is theirs, or what they sleep for has come before the time. */
void sched_handed_over(struct machine *m, struct thread *th, uint64_t delay_ns);
void sched_call_others(struct machine *m, struct thread *caller);                /* machine.call is set up */
void sched_irqs_on(struct machine *m, uint32_t cpu);                             /* deliver what is pending */
bool sched_wake_kswapd(struct machine *m, const struct thread *waker, uint32_t node); /* false: it does not wait */
/* its end is timed, if writes take time */
void sched_write_started(struct machine *m);
/* a handle for the page of the op in hand */
uint32_t sim_page_handle(struct machine *m, struct thread *th, uint32_t pfn);
/* reclaim has taken what it stood for */
void sim_page_lost(struct machine *m, uint32_t object);
uint64_t sim_object_lost(struct machine *m, uint32_t object, uint64_t *ret_op);  /* the same, an object: its place */
bool sim_object_unused(struct machine *m, uint32_t object, bool unused); /* false: gone, or it is so already */
void sim_object_used(struct machine *m, uint32_t object);
bool sim_object_is(struct machine *m, uint32_t object, uint64_t op); /* it still stands for what that op got */
/* offline as soon as it has nothing in hand; the caller sleeps until then */
void sched_stop_cpu(struct machine *m, const struct thread *caller, uint32_t cpu);
/* tasks that wait to run at all may do so elsewhere */
void sched_cpu_online(struct machine *m);
/* callbacks of this CPU may be due then */
void sched_rcu_at(struct machine *m, uint32_t cpu, uint64_t t_ns);
/* end its tasks; then it exits, on cpu if it had none */
void sched_killed(struct machine *m, uint32_t process, uint32_t cpu);
void sched_exited(struct machine *m, uint32_t process);               /* tell who waits for that */
void sched_halt(struct machine *m);                                              /* nothing happens any more */

#define INITIAL_JIFFIES 0xfffedb08u /* for HZ 250: -300 * HZ */

/* jiffies so many ticks from now: an unsigned long, which wraps around on i386. */
static inline uint64_t machine_jiffies_in(const struct machine *m, uint64_t ahead_ticks)
{
        uint64_t initial = (uint32_t)(0u - 300u * m->mem.hz);
        uint64_t ticks = m->manual_clock ? m->manual_ticks : m->booting ? 0 : m->now_ns / m->tick_ns;
        uint64_t jiffies = initial + ticks + ahead_ticks;

        return m->mem.arch->word_bytes == 4 ? (uint32_t)jiffies : jiffies;
}

static inline uint64_t machine_jiffies(const struct machine *m)
{
        return machine_jiffies_in(m, 0);
}

/* time_after(a, b) in the word of the machine. */
static inline bool jiffies_after(const struct machine *m, uint64_t a, uint64_t b)
{
        if (m->mem.arch->word_bytes == 4)
                return (int32_t)((uint32_t)b - (uint32_t)a) < 0;
        return (int64_t)(b - a) < 0;
}

/* The first tick at or after the end of a grace period that begins now, in ns. */
static inline uint64_t grace_end_ns(const struct machine *m)
{
        return (m->now_ns + m->rcu_grace_ns + m->tick_ns - 1) / m->tick_ns * m->tick_ns;
}

static inline void spend(struct machine *m, enum cost_kind kind, uint32_t times)
{
        m->spent_cycles += (uint64_t)m->cost_cycles[kind] * times;
}

static inline uint64_t cycles_to_ns(const struct machine *m, uint64_t cycles)
{
        return (uint64_t)(((unsigned __int128)cycles * m->ns_per_cycle_q32 + (1ull << 31)) >> 32);
}

/* Writes an event of the op in hand. */
void machine_event(struct machine *m, const struct thread *th, enum event_kind kind, uint32_t a, uint32_t b,
                   uint32_t c);

/* Tells who reads the kernel log what the kernel prints here (trace/report_kinds.def); no part of the run. */
void machine_report(struct machine *m, const struct thread *th, enum report_kind kind, uint64_t a, uint64_t b,
                    uint64_t c);

/* A BUG or panic has been reported: the machine stops, locks stay held. The action answers with what this returns. */
enum outcome machine_halt(struct machine *m);

/* What an op that got nothing has for a path. */
static inline enum op_path failed_path(const struct thread *th)
{
        return th->op.id && th->faulted_op == th->op.id ? PATH_FAULT_INJECTED : PATH_FAILED;
}

/* Pushes a zeroed frame for path `state` of `cache`. The caller answers OUT_CALL. */
static inline struct frame *call_path(struct thread *th, enum state state, uint32_t cache)
{
        struct frame *f;

        th->top++;
        CHECK((uint32_t)th->top < FRAMES_MAX);
        f = &th->frames[th->top];
        memset(f, 0, sizeof(*f));
        f->state = (uint16_t)state;
        f->cache = cache;
        return f;
}

static inline struct cpu *cpu_of(struct machine *m, const struct thread *th)
{
        return &m->cpus[th->cpu];
}

static inline struct array_cache *magazine_of(struct machine *m, const struct thread *th, uint32_t cache)
{
        return memory_array(&m->mem, m->mem.caches[cache].array[th->cpu]);
}

static inline struct slab_lists *lists_of(struct machine *m, const struct frame *f)
{
        return memory_lists(&m->mem, f->cache, f->node);
}

static inline void irq_save(struct machine *m, const struct thread *th, struct frame *f)
{
        f->irq_saved = m->cpus[th->cpu].irq_off;
        m->cpus[th->cpu].irq_off = 1;
}

static inline void irq_enable(struct machine *m, uint32_t cpu)
{
        m->cpus[cpu].irq_off = 0;
        if (m->cpus[cpu].irq_head || m->cpus[cpu].call_pending)
                sched_irqs_on(m, cpu);
}

static inline void irq_restore(struct machine *m, const struct thread *th, const struct frame *f)
{
        if (!f->irq_saved)
                irq_enable(m, th->cpu);
}

/* Takes a lock or queues for it. kind and subject as in event lock_waited. */
enum outcome lock_take(struct machine *m, struct thread *th, struct spinlock *lock, uint32_t kind, uint32_t subject);
void lock_drop(struct machine *m, struct thread *th, struct spinlock *lock);

/* Requests of internal paths: kmalloc and kfree for the allocator's own structures. */
struct frame *call_kmalloc(struct thread *th, uint64_t size_bytes, uint32_t gfp);
struct frame *call_cache_alloc(struct thread *th, uint32_t cache, uint64_t size_bytes, uint32_t gfp);
/* The same from a node's memory; without NUMA there is only one. */
struct frame *call_kmalloc_node(struct machine *m, struct thread *th, uint64_t size_bytes, uint32_t gfp, uint32_t node);
struct frame *call_cache_alloc_node(struct machine *m, struct thread *th, uint32_t cache, uint64_t size_bytes,
                                    uint32_t gfp, uint32_t node);
struct frame *call_free(struct machine *m, struct thread *th, uint64_t place, uint64_t size_bytes);
struct frame *call_return_objects(struct machine *m, struct thread *th, uint32_t cache, uint32_t node, uint32_t array,
                                  uint32_t end);

/* alloc_pages: a block of 2^order pages, the zonelist of `node` first. Returns its place or PLACE_NONE. */
static inline struct frame *call_pages(struct machine *m, struct thread *th, uint32_t cache, uint32_t gfp,
                                       uint32_t order, uint32_t node)
{
        struct frame *f = call_path(th, m->page_faults ? PA_FAULT : PA_FAST, cache);

        f->gfp = gfp;
        f->order = (uint8_t)order;
        f->node = (uint8_t)node;
        return f;
}

/* NUMA: one object straight from the slabs of a node, for the request in frame f. Leaves an object or PLACE_NONE. */
struct frame *call_node_alloc(struct thread *th, const struct frame *f, uint32_t gfp, uint32_t node, bool own);

/* wait(t) of spec 05 section 4.7: up to hz / part of a second, or until a write ends. The action returns its answer. */
enum outcome wait_for_writes(struct machine *m, struct thread *th, uint32_t part, uint32_t gfp, uint32_t order);

/* Reclaim: pages of a CPU's add lists [which, end) to their zones' lists; references of a group dropped. */
struct frame *call_add_drain(struct thread *th, uint32_t which, uint32_t end);
struct frame *call_release(struct thread *th, enum group_from from, bool cold);
void call_free_pages(struct thread *th, struct page_list *list, bool cold); /* takes the list */
enum outcome lock_lru(struct machine *m, struct thread *th, struct frame *f, uint32_t zone); /* interrupts off */
void unlock_lru(struct machine *m, struct thread *th, struct frame *f, uint32_t zone);
/* NUMA, zone_reclaim_mode: is it worth it, and allowed, to reclaim in this zone before the next one is tried? */
bool zone_reclaim_wanted(const struct machine *m, const struct thread *th, uint32_t gfp, const struct zone *zone);
void reclaim_gone(struct machine *m, struct thread *th, uint32_t pfn); /* tells the owner of its handle */

/* exit_mmap(): all pages of a process, then its swap slots. */
void call_exit(struct machine *m, struct thread *th, uint32_t process);

void leave_swap_cache(struct machine *m, const struct thread *th, uint32_t pfn); /* lru_ops.c */

static inline struct reclaim *reclaim_of(struct machine *m, const struct thread *th)
{
        return &m->reclaims[th->id];
}

/* Whose op is a request for pages: it gets their path. */
static inline bool op_is_for_pages(const struct thread *th)
{
        return th->op.kind == OP_PAGES || th->op.kind == OP_PAGE_NEW;
}

/* All page lists of a CPU back to the buddy lists. */
struct frame *call_drain_pages(struct machine *m, struct thread *th, uint32_t cpu);

/* Constructor and destructor of `count` objects of a cache: what they do with the objects is the workload's affair,
 * here they take their time. */
static inline void construct(struct machine *m, const struct kmem_cache *cache, uint32_t count)
{
        m->spent_cycles += (uint64_t)cache->spec.ctor_cycles * count;
}

static inline void destruct(struct machine *m, const struct kmem_cache *cache, uint32_t count)
{
        m->spent_cycles += (uint64_t)cache->spec.dtor_cycles * count;
}

/* No longer online, and not counted on its node. */
static inline void machine_cpu_offline(struct memory *mem, uint32_t cpu)
{
        mem->online &= ~(1u << cpu);
        mem->cpus_on_node[mem->node_of_cpu[cpu]]--;
}

/* What several files need of one another's paths. */
/* alloc.c: they belong to a slab now */
void count_slab_pages(struct machine *m, const struct thread *th, uint32_t cache, uint32_t pfn);
void call_drain_alien(struct thread *th, uint32_t cache, uint32_t home, uint32_t array); /* numa.c; its lock is held */
void call_drain_aliens(struct thread *th, uint32_t cache, uint32_t node);
void call_free_aliens(struct thread *th, uint32_t cache, uint32_t node, bool is_new);
/* debug.c: the debug halves of taking objects from slabs, putting them back, and of slabs that come and go. The first
 * and third answer false when the machine has to halt. */
bool debug_check_slab(struct machine *m, struct thread *th, uint32_t slab);
void debug_taken(struct machine *m, struct thread *th, uint32_t slab, uint32_t index);
bool debug_put(struct machine *m, struct thread *th, uint32_t slab, uint32_t index);
void debug_created(struct machine *m, struct thread *th, uint32_t cache);
void debug_grown(struct machine *m, uint32_t slab);
void debug_destroyed(struct machine *m, struct thread *th, uint32_t slab);
uint64_t array_bytes(const struct machine *m, uint32_t entries); /* cache.c: struct array_cache with so many */
void call_free_array(struct machine *m, struct thread *th, uint32_t array);

/* The op in hand asked for this itself (it is not a nested request). */
static inline bool is_own(const struct thread *th, const struct frame *f)
{
        return f == &th->frames[0];
}

/* CONFIG_DEBUG_SLAB. */
static inline bool is_debug(const struct machine *m)
{
        return m->single_steps & SINGLE_DEBUG;
}

static inline void note_path(struct thread *th, enum op_path path)
{
        if (th->op.path < path)
                th->op.path = (uint8_t)path;
}

#define STEP(id, action, cost, held, order, ok, no, alt, call, callee, what)                                           \
        enum outcome act_##action(struct machine *m, struct thread *th, struct frame *f);
#include "path/steps.def"
#undef STEP

#endif
