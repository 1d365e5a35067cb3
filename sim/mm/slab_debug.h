/*
 * slab_debug.h - what the bytes of a slab hold, in a machine with CONFIG_DEBUG_SLAB: red zones, poison, last users, and
 * whatever a workload has written over them.
 *
 * Stands for poison_obj(), dbg_redzone1(), dbg_redzone2(), dbg_userword() and the tests of check_slabp() in mm/slab.c
 * of 2.6.20 (spec 07 sections 10.2, 10.4, 10.5). A machine without slab debugging has none of this and no bytes at
 * all.
 *
 * Bytes are not kept. Each object has a record of 8 bytes that says what the debug code last put there, and from that
 * and the slab itself every byte follows: header and bufctls, zone 1, the user's object, zone 2, caller word. What
 * somebody else has written lies over it as pieces of 8 aligned bytes, 16 bytes of memory each. When debug code writes
 * a word or fills an object, what lay over it is gone.
 *
 *      0            obj_offset                     buffer_size - 2 words   buffer_size - 1 word
 *      | zone 1     | the user's object, obj_size  | ... | zone 2          | caller word |
 *
 * The object of a cache without red zones or caller word has no such words. Objects of caches without poison, and what
 * the workload keeps in its own, count as filled with the pattern of objects in use until something is written.
 *
 * Damage to inuse, free and the bufctls of an on-slab header is looked at by slab_debug_check, and what it finds in
 * order is the slab's from then on. Damage to the links, colouroff and s_mem stays without effect: the kernel would
 * take a fault on them sooner or later. An off-slab header counts as undamaged.
 *
 * Invariants (slab_debug_audit): pieces are sorted, inside the slab, none is empty; the bufctl of an object is a mark
 * exactly if the object is not in the free chain.
 */
#ifndef KMEMSIM_MM_SLAB_DEBUG_H
#define KMEMSIM_MM_SLAB_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/kmem_cache.h"
#include "mm/slab.h"

#define RED_ZONE_FREE    0x5a2cf071u
#define RED_ZONE_IN_USE  0x170fc2a5u
#define POISON_FREE      0x6bu
#define POISON_IN_USE    0x5au
#define POISON_END       0xa5u /* the last byte of either fill */
#define BUFCTL_MARK      0xfffeu /* BUFCTL_FREE of the kernel, in 16 bits: the object is out of the slab */

/* Caller words: a call site of the workload (table site), below; a task whose call site is not known; a function of the
 * allocator itself; 0: nobody yet. */
#define CALLER_TASK      0x80000000u /* + id of the thread */
#define CALLER_KERNEL    0xffff0000u /* + enum kernel_caller */

/* X(enum suffix, function of 2.6.20) */
#define KERNEL_CALLERS(X)                                                                                              \
        X(CACHE_CREATE, "kmem_cache_create")                                                                           \
        X(CACHE_DESTROY, "__kmem_cache_destroy")                                                                       \
        X(ALLOC_ARRAY, "alloc_arraycache")                                                                             \
        X(FREE_ALIENS, "free_alien_cache")                                                                             \
        X(TUNE, "do_tune_cpucache")                                                                                    \
        X(KMEMLIST, "alloc_kmemlist")                                                                                  \
        X(SLABMGMT, "alloc_slabmgmt")                                                                                  \
        X(SLAB_DESTROY, "slab_destroy")                                                                                \
        X(CPUUP, "cpuup_callback")                                                                                     \
        X(ZONES, "process_zones")                                                                                      \
        X(FREE_ZONES, "free_zone_pagesets")                                                                            \
        X(MEMPOOL_CREATE, "mempool_create_node")                                                                       \
        X(MEMPOOL_ALLOC, "mempool_alloc_slab")                                                                         \
        X(MEMPOOL_FREE, "mempool_free_slab")                                                                           \
        X(MEMPOOL_RESIZE, "mempool_resize")                                                                            \
        X(MEMPOOL_DESTROY, "mempool_destroy")                                                                          \
        X(SHRINK_SLAB, "shrink_slab")

enum kernel_caller {
#define X(id, name) CALLER_##id,
        KERNEL_CALLERS(X)
#undef X
        KERNEL_CALLER_COUNT
};

struct memory;

struct object_debug {
        uint32_t caller; /* caller word as the debug code wrote it */
        uint8_t in_use;  /* 1: both red zones say so */
        uint8_t fill;    /* POISON_FREE or POISON_IN_USE */
        uint16_t spare;
};

struct slab_debug {
        uint32_t objects; /* pool reference: struct object_debug[num] */
        uint32_t written; /* pool reference of the first piece, 0: nothing was written over */
};

struct slab_piece {
        uint32_t next;  /* pool reference */
        uint16_t chunk; /* bytes 8 * chunk .. 8 * chunk + 7 of the slab, from its first page on */
        uint8_t mask;   /* which of them were written */
        uint8_t spare;
        uint8_t bytes[8];
};
_Static_assert(sizeof(struct slab_piece) == 16, "a piece is one unit of the pool");

/* The records of a new slab: all objects free, nobody has used them. And when it goes. */
void slab_debug_init(struct memory *memory, uint32_t slab);
void slab_debug_drop(struct memory *memory, uint32_t slab);

/* Bytes [from, from + count) of the slab, counted from its first page; count at most SLAB_DEBUG_READ_MAX. */
#define SLAB_DEBUG_READ_MAX 64u
void slab_debug_read(const struct memory *memory, uint32_t slab, uint32_t from, uint32_t count, uint8_t *ret);

/* Somebody writes there, `count` bytes of a pattern that repeats every `period` bytes. */
void slab_debug_write(struct memory *memory, uint32_t slab, uint32_t from, uint32_t count, const uint8_t *pattern,
                      uint32_t period);

/* The same by physical address, a machine word (zero-extended) and whole objects: `place` is raw, where red zone 1 is.
 * A place that is no object's start reads and writes what it finds there. */
uint64_t slab_debug_word(const struct memory *memory, uint64_t place);
void slab_debug_zones(const struct memory *memory, uint64_t place, uint64_t *ret_zone1, uint64_t *ret_zone2);
void slab_debug_set_zones(struct memory *memory, uint64_t place, bool in_use);
uint64_t slab_debug_caller(const struct memory *memory, uint64_t place);
void slab_debug_set_caller(struct memory *memory, uint64_t place, uint32_t caller);
void slab_debug_fill(struct memory *memory, uint64_t place, uint8_t fill); /* poison_obj */

/* Does the user's object hold the free fill, all of it that check_poison_obj looks at? */
bool slab_debug_is_poisoned(const struct memory *memory, uint64_t place);

/* check_slabp: is the free chain in order, as the bytes of the header say? Damage that keeps it so is taken in. */
bool slab_debug_check(struct memory *memory, uint32_t slab);

/* Is the bufctl of the object a mark, so that it can come back to the slab? */
bool slab_debug_is_out(const struct memory *memory, uint32_t slab, uint32_t index);

/* The debug half of slab_get and slab_put: what lay over the words they write is gone. */
void slab_debug_taken(struct memory *memory, uint32_t slab, uint32_t index);
void slab_debug_put(struct memory *memory, uint32_t slab, uint32_t index);

/* Does the header say another node than the slab's? (nodeid was written over) */
bool slab_debug_is_other_node(const struct memory *memory, uint32_t slab);

/* Is the object with a user at this moment, as its red zones were written? (BUFCTL_ACTIVE of the kernel) */
bool slab_debug_is_active(const struct memory *memory, uint32_t slab, uint32_t index);

/* Header and bufctls as bytes, on-slab or off: their number, and byte `at` of them. */
uint32_t slab_debug_header_bytes(const struct memory *memory, uint32_t slab);
uint8_t slab_debug_header_byte(const struct memory *memory, uint32_t slab, uint32_t at);

/* NULL or the broken invariant. `seen` as in slab_audit. */
const char *slab_debug_audit(const struct memory *memory, uint32_t slab, uint8_t *seen);

#endif
