#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#endif
#include "base/arena.h"

#include <sys/mman.h>

#include "base/check.h"

void *arena_take(struct arena *arena, size_t count, size_t size)
{
        void *base;
        size_t bytes;

        CHECK(!arena->sealed);
        CHECK(arena->count < ARENA_SPANS_MAX);
        if (arena->failed || __builtin_mul_overflow(count, size, &bytes)) {
                arena->failed = true;
                return NULL;
        }
        if (bytes == 0)
                bytes = 1;
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED) {
                arena->failed = true;
                return NULL;
        }
        arena->spans[arena->count++] = (struct arena_span){ base, bytes };
        return base;
}

void arena_seal(struct arena *arena)
{
        arena->sealed = true;
}

void arena_release(struct arena *arena)
{
        for (uint32_t i = 0; i < arena->count; i++)
                munmap(arena->spans[i].base, arena->spans[i].bytes);
        *arena = (struct arena){ 0 };
}
