/*
 * sim_private.h - what engine/ keeps besides the machine: queue of what comes when, handles, counts.
 */
#ifndef KMEMSIM_ENGINE_SIM_PRIVATE_H
#define KMEMSIM_ENGINE_SIM_PRIVATE_H

#include "base/arena.h"
#include "engine/sim.h"
#include "path/step.h"

/* What can be due. The class decides the order at one moment (see sim.h); then the order of asking. */
enum due_kind {
        DUE_RESUME,   /* class 0: a thread that slept inside its op goes on */
        DUE_REAP,     /* class 0: the reap timer of CPU `who` */
        DUE_WRITTEN,  /* class 0: the device has written a page */
        DUE_STOP,     /* class 0: CPU `who` goes offline if it has nothing in hand */
        DUE_RCU,      /* class 0: RCU callbacks of CPU `who` */
        DUE_CALL,     /* class 0: a call from another CPU reaches CPU `who` */
        DUE_IRQ,      /* class 1: interrupt of thread `who` is raised */
        DUE_DELIVER,  /* class 1: CPU `who` has interrupts on again and something is pending */
        DUE_WAKE,     /* class 2: wake-up the workload asked for */
        DUE_DISPATCH, /* class 2: CPU `who` is idle and has threads waiting */
};

struct due {
        uint64_t t_ns;
        uint64_t order; /* class << 60 | number */
        uint32_t kind;  /* enum due_kind */
        uint32_t who;
};

/* What a handle stands for. 24 bytes: with struct page, 40 for each page that somebody has asked for singly. */
struct object {
        uint64_t op;         /* that allocated it; of an unused slot: the free slot behind it */
        uint32_t pfn;
        uint32_t size_bytes; /* as op_record.size_bytes: at most 4096 << 10; of an element: id of its memory pool */
        uint32_t cache;      /* CACHE_ID_NONE: pages */
        uint16_t offset;     /* byte in the page */
        uint8_t order;
        uint8_t state;       /* enum object_state */
};
_Static_assert(sizeof(struct object) == 24, "at most 40 bytes a simulated page are promised");

/* An element is what a memory pool gave. */
enum object_state { OBJECT_UNUSED, OBJECT_LIVE, OBJECT_BEING_FREED, OBJECT_ELEMENT, OBJECT_ELEMENT_BEING_FREED,
                    OBJECT_PAGE /* record in mm/lru.h */, OBJECT_PUT /* unused, on the LRU of its cache's shrinker */ };

struct sim {
        struct machine m; /* first: path/ hands its address back to us */
        struct arena arena;
        struct sim_config config;
        struct sim_counts counts;

        struct cache_spec *specs; /* [thread id]: what a kmem_cache_create that has not begun asks for */

        struct due *due; /* binary heap */
        uint32_t due_count, due_cap;
        uint64_t due_number;

        struct object *objects;
        uint32_t object_count; /* slots ever used */
        uint32_t object_cap;
        uint32_t object_unused;

        uint64_t moves;        /* threads that went to another CPU */
        uint8_t reap_pending[MACHINE_CPUS_MAX]; /* the reap timer of the CPU runs, or its pass is under way */
        uint8_t reap_at[MACHINE_CPUS_MAX];      /* where: another CPU if it has gone meanwhile */

        uint32_t busy;         /* threads with a request, wake-up or interrupt under way */
        uint32_t task_first;   /* id of the first workload thread */
        uint64_t irq_number;   /* interrupts delivered */
};

static inline uint64_t sim_due_ns(const struct sim *sim) /* when the next of the queue is due */
{
        return sim->due_count ? sim->due[0].t_ns : TIME_NEVER;
}

/* by the number the workload knows */
static inline struct thread *workload_thread(const struct sim *sim, uint32_t thread)
{
        CHECK(thread - 1 < sim->m.thread_count - sim->task_first);
        return &sim->m.threads[sim->task_first + thread];
}

static inline void cancel_wake(struct sim *sim, struct thread *th) /* of sim_wake_at, if one is pending */
{
        if (!th->wake_set)
                return;
        th->wake_set = 0;
        sim->busy--;
}

/* hand_over.c: what is not reserved goes to the buddy lists. */
void hand_over_memory(struct memory *mem);

/* boot.c: fills the machine. NULL, or why it cannot boot. */
const char *sim_boot(struct sim *sim);

/* sched.c */
enum sim_what sched_run(struct sim *sim, uint64_t until_ns, uint32_t *ret_thread);
void sched_start_or_queue(struct sim *sim, struct thread *th);
void sched_start_in_irq(struct sim *sim, struct thread *th);
void sched_due(struct sim *sim, uint64_t t_ns, enum due_kind kind, uint32_t who);
void sched_exit(struct sim *sim, uint32_t process, uint32_t cpu); /* its pages go back, on this CPU */
void sched_leave_irq(struct sim *sim, struct thread *th);
void sched_arm_reap(struct sim *sim, uint32_t cpu, uint32_t delay_ticks);
void sched_run_alone(struct machine *m, struct thread *th); /* boot: all frames of th, no time passes */

/* hotplug.c */
uint32_t hotplug_fallback(const struct memory *mem, uint32_t cpu); /* where a task of a CPU that is offline runs */
/* th is not on a CPU; it may stand in a queue of its old one */
void hotplug_move(struct sim *sim, struct thread *th, uint32_t cpu);
/* machine.stop_caller wanted that: the CPU has nothing in hand */
void hotplug_stopped(struct sim *sim, uint32_t dead);
/* sched.c: from the queue of `from` to that of his CPU of now */
void sched_requeue(struct sim *sim, struct thread *th, uint32_t from);
/* sched.c: who waits there goes to the queues of his CPU of now */
void sched_empty_queues(struct sim *sim, uint32_t cpu);

/* sim.c */
/* every thread in turn: from 0, ends with NULL */
const struct thread *sim_thread_next(const struct sim *sim, uint32_t *index);

/* submit.c */
/* it ends before it began; what it was to free is as it was */
void sim_request_dropped(struct sim *sim, struct thread *th);
/* of one element; 0: no such cache */
uint64_t request_element_bytes(const struct sim *sim, const struct mempool_spec *spec);
extern const char request_no_such_node[];

/* op.c */
void sim_begins(struct sim *sim, struct thread *th);   /* an op that names a cache, memory pool or handle begins */
void sim_complete(struct sim *sim, struct thread *th); /* an op has reached the end of its frames */

/* view.c */
const char *sim_audit_now(const struct sim *sim); /* memory_audit, told whether ops are under way */

#endif
