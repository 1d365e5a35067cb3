/*
 * arena.h - all memory of a machine: address space reserved once at start, never given back before the end.
 *
 * A machine is a handful of arrays. Each is reserved at its largest possible size; the operating system backs only
 * what is touched, and untouched memory reads as zero. After arena_seal nothing more can be taken. The spans are
 * known, so the state can be hashed, saved and restored as bytes.
 */
#ifndef KMEMSIM_BASE_ARENA_H
#define KMEMSIM_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_SPANS_MAX 32

struct arena_span {
        void *base;
        size_t bytes; /* reserved */
};

struct arena {
        struct arena_span spans[ARENA_SPANS_MAX];
        uint32_t count;
        bool failed; /* a reservation was refused; everything taken since is NULL */
        bool sealed;
};

/* count * size zero bytes, aligned to a page; NULL and arena->failed if the system refuses. */
void *arena_take(struct arena *arena, size_t count, size_t size);
void arena_seal(struct arena *arena);
void arena_release(struct arena *arena);

#endif
