#include "base/core_only.h"
#include "mm/array_cache.h"

#include "base/check.h"

uint32_t array_cache_move_top(struct array_cache *to, struct array_cache *from, uint32_t want)
{
        uint32_t count = from->avail < want ? from->avail : want;

        if (count > to->limit - to->avail)
                count = to->limit - to->avail;
        memcpy(&to->entry[to->avail], &from->entry[from->avail - count], sizeof(to->entry[0]) * count);
        from->avail -= count;
        to->avail += count;
        return count;
}

void array_cache_drop_oldest(struct array_cache *ac, uint32_t count)
{
        CHECK(count <= ac->avail);
        ac->avail -= count;
        memmove(&ac->entry[0], &ac->entry[count], sizeof(ac->entry[0]) * ac->avail);
}
