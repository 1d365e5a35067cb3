#include "base/core_only.h"
#include "path/cost.h"

const struct cost_info cost_infos[COST_KIND_COUNT] = {
#define COST(id, name, cycles, basis) [COST_##id] = { name, cycles, basis },
#include "path/cost_kinds.def"
#undef COST
};
