#include "support/space.h"

struct space *space_new(const struct arch *arch, uint32_t nodes, uint32_t mib, uint32_t line_bytes)
{
        struct space *space = g_new0(struct space, 1);
        struct memory_shape shape = {
                .arch = arch,
                .numa = nodes > 1,
                .cpus = 1,
                .nodes = nodes,
                .reserved_pages = 256,
                .line_bytes = line_bytes,
                .hz = 250,
        };

        for (uint32_t node = 0; node < nodes; node++)
                shape.node_mib[node] = mib;
        g_assert_true(memory_init(&space->mem, &shape, &space->arena));
        return space;
}

void space_free(struct space *space)
{
        arena_release(&space->arena);
        g_free(space);
}
