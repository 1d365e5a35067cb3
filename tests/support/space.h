/*
 * space.h - an empty allocator without an engine: zones, lists and classes laid out, nothing booted.
 */
#ifndef KMEMSIM_TESTS_SUPPORT_SPACE_H
#define KMEMSIM_TESTS_SUPPORT_SPACE_H

#include <glib.h>

#include "mm/memory.h"

struct space {
        struct arena arena;
        struct memory mem;
};

/* One CPU, 256 reserved pages, HZ 250; every node has `mib` MiB. */
struct space *space_new(const struct arch *arch, uint32_t nodes, uint32_t mib, uint32_t line_bytes);
void space_free(struct space *space);
typedef struct space space; /* the name g_autoptr needs */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(space, space_free)

#endif
