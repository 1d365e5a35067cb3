/*
 * testbed.h - a small machine with everything it writes kept, and short words for asking it things.
 *
 * Two ways to use it. One request at a time: testbed_kmalloc and so on carry one request to its end on the CPU named.
 * Several at once: testbed_play starts each item of a list at its time, on a thread of its own, and lets the machine
 * run until nothing is left; so a test says who does what when, and then reads what came of it.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_TESTBED_H
#define KMEMSIM_TESTS_SUPPORT_TESTBED_H

#include <glib.h>

#include "base/units.h"
#include "engine/sim.h"
#include "mm/memory.h"
#include "trace/gfp.h"

/* One case of so many is run where the core recounts its structures after each step. */
#ifdef KMEMSIM_AUDIT_FULL
#define TEST_THINNED 8u
#else
#define TEST_THINNED 1u
#endif

struct testbed {
        struct sim *sim;
        const struct memory *mem;  /* of sim */
        struct tape tape;
        GArray *ops;               /* struct op_record */
        GArray *events;            /* struct event_record */
        uint32_t task[MACHINE_CPUS_MAX]; /* one task on each CPU, for one request at a time */
        struct op_record done;     /* what testbed_do did last */
};

/* x86_64, all defaults but CPUs and memory; audit 1. With several nodes each has `mib`. */
struct sim_config testbed_config(uint32_t cpus, uint32_t mib);
struct sim_config testbed_config_numa(uint32_t cpus, uint32_t nodes, uint32_t mib);

/* Fails the test if the machine cannot boot. block: records in a block of the tape. */
struct testbed *testbed_new(const struct sim_config *config);
struct testbed *testbed_new_blocks(const struct sim_config *config, uint32_t block);
void testbed_free(struct testbed *bed);
typedef struct testbed testbed; /* the name g_autoptr needs */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(testbed, testbed_free)

/* Moves what lies in the tape's blocks to ops and events. The helpers below do so when they return. */
void testbed_flush(struct testbed *bed);
void testbed_forget(struct testbed *bed); /* empties ops and events */

/* -- one request at a time ----------------------------------------------------------------------------------------- */

const struct op_record *testbed_do(struct testbed *bed, uint32_t cpu, const struct request *request); /* bed->done */
uint32_t testbed_kmalloc(struct testbed *bed, uint32_t cpu, uint64_t size_bytes, uint32_t gfp); /* handles; */
/* OBJECT_NONE: failed */
uint32_t testbed_alloc(struct testbed *bed, uint32_t cpu, uint32_t cache, uint32_t gfp);
uint32_t testbed_pages(struct testbed *bed, uint32_t cpu, uint32_t order, uint32_t gfp);
void testbed_release(struct testbed *bed, uint32_t cpu, uint32_t object); /* frees it */
uint32_t testbed_create(struct testbed *bed, const char *name, uint32_t size_bytes, uint32_t align_bytes,
                        uint32_t flags); /* cache id, CACHE_ID_NONE: failed */
uint32_t testbed_shrink(struct testbed *bed, uint32_t cpu, uint32_t cache);  /* op_record.result */
uint32_t testbed_destroy(struct testbed *bed, uint32_t cpu, uint32_t cache); /* the same */
void testbed_reap(struct testbed *bed, uint32_t cpu);
void testbed_drain(struct testbed *bed);                /* page lists of every CPU */
void testbed_tick(struct testbed *bed, uint64_t ticks); /* manual clock only */
uint32_t testbed_cpu(struct testbed *bed, bool up, uint32_t cpu); /* op_record.result */

/* -- several at once ----------------------------------------------------------------------------------------------- */

#define PLAY_REQUESTS_MAX 4

struct play_item {
        uint64_t t_ns;      /* when the task asks, or the interrupt is raised */
        uint32_t cpu;
        bool irq;           /* an interrupt handler; it returns after its last request */
        uint32_t count;     /* requests, one after the other; 0 in an initializer means 1 for a task */
        struct request request[PLAY_REQUESTS_MAX];
        /* what came of it */
        struct op_record done[PLAY_REQUESTS_MAX];
        uint32_t object[PLAY_REQUESTS_MAX];
        uint64_t woken_ns;  /* when it got its turn */
        uint32_t done_count;
};

void testbed_play(struct testbed *bed, struct play_item *items, uint32_t count);

/* -- reading what happened ----------------------------------------------------------------------------------------- */

/* How many events of this kind are there, op 0: of any op. */
uint32_t testbed_count(const struct testbed *bed, enum event_kind kind, uint64_t op);

/* The nth event (from 0) of this kind and op (0: any); NULL if there are fewer. */
const struct event_record *testbed_event(const struct testbed *bed, enum event_kind kind, uint64_t op, uint32_t nth);

const struct slab_lists *testbed_lists(const struct testbed *bed, uint32_t cache);
const struct array_cache *testbed_magazine(const struct testbed *bed, uint32_t cache, uint32_t cpu);
const struct array_cache *testbed_shared(const struct testbed *bed, uint32_t cache);
uint64_t testbed_place(const struct testbed *bed, uint32_t object);
uint64_t testbed_free_pages(const struct testbed *bed); /* on the buddy lists of all zones */

/* Takes every page and every object that CPU 0 can get, then gives back so many single pages: whatever it asks for next
 * must make do with those. */
void testbed_starve(struct testbed *bed, uint32_t pages);

/* Shrinks every cache until that changes nothing and drains the page lists: what is left is what the allocator keeps
 * for itself. */
void testbed_trim(struct testbed *bed);

/* All the bytes a run left: every op and every event. Equal runs, equal text. */
char *testbed_bytes(const struct testbed *bed, gsize *ret_length);

/* Fails the test with both records if two runs differ. */
void testbed_same(const struct testbed *a, const struct testbed *b, const char *what);

#endif
