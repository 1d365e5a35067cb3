/*
 * cost.h - what each action of the paths takes, in CPU cycles: the list is cost_kinds.def.
 */
#ifndef KMEMSIM_PATH_COST_H
#define KMEMSIM_PATH_COST_H

#include <stdint.h>

enum cost_kind {
#define COST(id, name, cycles, basis) COST_##id,
#include "path/cost_kinds.def"
#undef COST
        COST_KIND_COUNT
};

struct cost_info {
        const char *name;  /* what a scenario overrides */
        uint32_t cycles;   /* the default */
        const char *basis; /* what it is and where the figure comes from */
};

extern const struct cost_info cost_infos[COST_KIND_COUNT];

#endif
