#include "base/core_only.h"
#include "mm/array_cache.h"

#include "base/check.h"

void array_cache_drop_oldest(struct array_cache *ac, uint32_t count)
{
        CHECK(count <= ac->avail);
        ac->avail -= count;
        memmove(&ac->entry[0], &ac->entry[count], sizeof(ac->entry[0]) * ac->avail);
}
