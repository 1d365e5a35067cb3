/*
 * holders.h - who holds each page frame, and each object of a slab, at one moment.
 *
 * The models know where things are, not whose they are: struct page has no owner, a slab only counts. Here the lists
 * are walked once (free lists, page lists of the CPUs, slabs) and the workload's handles are laid over them, so that
 * every frame has one use. What is left over belongs to nobody who could be named: the pages boot kept, those the
 * allocator uses for itself, and blocks on their way in an op that is not done.
 *
 * An object or block is the workload's until the op that gives it back is done: when the workload asked for that is
 * nothing the allocator knows.
 *
 * Reads the models and changes nothing. O(pages + slabs + handles), 8 bytes a page frame while it lives.
 */
#ifndef KMEMSIM_OBSERVE_HOLDERS_H
#define KMEMSIM_OBSERVE_HOLDERS_H

#include <glib.h>
#include <stdint.h>

#include "engine/sim.h"

enum page_use {
        USE_OTHER,
        USE_FREE,  /* in a block on a free list; id: its first frame */
        USE_LIST,  /* on a page list of a CPU; id: cpu * 2 + 1 if cold */
        USE_SLAB,  /* id: slab id */
        USE_BLOCK, /* the workload's; id: handle */
};

struct page_holder {
        uint32_t use : 4; /* enum page_use */
        uint32_t order : 28; /* of the block: FREE, BLOCK */
        uint32_t id;
};

/* What the workload holds in a slab. */
struct slab_holder {
        uint32_t objs;
        uint32_t oldest; /* handle of the object of the lowest op; OBJECT_NONE if there is none */
};

struct holders {
        const struct sim *sim;
        uint32_t page_count, slab_count;
        struct page_holder *pages; /* by pfn */
        struct slab_holder *slabs; /* by slab id */
};

struct holders *holders_new(const struct sim *sim);
void holders_free(struct holders *holders);

typedef struct holders holders_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(holders_auto, holders_free)

/* Where an object of a slab is. */
enum object_at { OBJECT_ON_SLAB, OBJECT_IN_MAGAZINE, OBJECT_IN_SHARED, OBJECT_IN_ALIEN, OBJECT_HELD, OBJECT_ELSEWHERE };

struct object_holder {
        uint32_t at;     /* enum object_at; ELSEWHERE: the allocator's own, or on its way in an op that is not done */
        uint32_t who;    /* IN_MAGAZINE: CPU; IN_SHARED: node; IN_ALIEN: node that holds it; HELD: handle */
        uint32_t number; /* ON_SLAB: place in the free chain from 0, handed out first; in an array: from the top,
                          * 0 next */
};

/* For all objects of a slab, by index. Free with g_free. */
struct object_holder *holders_of_slab(const struct sim *sim, uint32_t slab);

#endif
