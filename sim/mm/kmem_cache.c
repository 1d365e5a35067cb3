#include "base/core_only.h"
#include "mm/kmem_cache.h"

#include "base/units.h"

#define OBJECT_BYTES_MAX 131072u
#define SLAB_ORDER_MAX   5u
#define BUFCTL_BYTES     4u

static uint32_t round_up(uint32_t value, uint32_t step)
{
        return (value + step - 1) / step * step;
}

/* cache_estimate(): objects and waste of a slab of this order. */
static uint32_t estimate(uint32_t order, uint32_t size, uint32_t align, bool off_slab, uint32_t slab_bytes,
                         uint32_t *ret_left)
{
        uint32_t total = PAGE_BYTES << order;
        uint32_t num, header;

        if (off_slab) {
                num = total / size;
                *ret_left = total - num * size;
                return num;
        }
        if (total < slab_bytes) {
                *ret_left = total;
                return 0;
        }
        num = (total - slab_bytes) / (size + BUFCTL_BYTES);
        header = round_up(slab_bytes + BUFCTL_BYTES * num, align);
        if (num && header + num * size > total) {
                num--;
                header = round_up(slab_bytes + BUFCTL_BYTES * num, align);
        }
        *ret_left = num ? total - num * size - header : total;
        return num;
}

bool kmem_cache_geometry(struct kmem_cache *cache, const struct arch *arch, uint32_t line_bytes, uint32_t break_order,
                         bool early)
{
        const struct cache_spec *spec = &cache->spec;
        uint32_t size = round_up(spec->size_bytes, arch->word_bytes);
        uint32_t align = arch->word_bytes;
        uint32_t left = 0;
        bool off_slab = !early && size >= PAGE_BYTES / 8;

        if (spec->flags & CACHE_HWCACHE_ALIGN) {
                align = line_bytes;
                while (size <= align / 2)
                        align /= 2;
        }
        if (align < spec->align_bytes)
                align = spec->align_bytes;
        size = round_up(size, align);

        cache->num = 0;
        for (uint32_t order = 0; order <= SLAB_ORDER_MAX; order++) {
                uint32_t remainder;
                uint32_t num = estimate(order, size, align, off_slab, arch->slab_bytes, &remainder);

                if (num == 0)
                        continue;
                if (off_slab && num > (size - arch->slab_bytes) / BUFCTL_BYTES)
                        break;
                cache->num = num;
                cache->gfporder = order;
                left = remainder;
                if (spec->flags & CACHE_RECLAIM_ACCOUNT)
                        break;
                if (order >= break_order)
                        break;
                if (left * 8 <= PAGE_BYTES << order)
                        break;
        }
        if (cache->num == 0)
                return false;

        cache->slab_size = round_up(cache->num * BUFCTL_BYTES + arch->slab_bytes, align);
        if (off_slab && left >= cache->slab_size) { /* room enough after all: the header moves on-slab */
                off_slab = false;
                left -= cache->slab_size;
        }
        if (off_slab)
                cache->slab_size = cache->num * BUFCTL_BYTES + arch->slab_bytes;
        cache->off_slab = off_slab;
        cache->colour_off = align > line_bytes ? align : line_bytes;
        cache->colour = left / cache->colour_off;
        cache->gfpflags = spec->flags & CACHE_DMA ? 0x1u : 0;
        cache->flags = spec->flags;
        cache->buffer_size = size;
        cache->align = align;
        return true;
}

void kmem_cache_geometry_static(struct kmem_cache *cache, const struct arch *arch, uint32_t line_bytes)
{
        uint32_t left = 0;

        cache->buffer_size = round_up(arch->descriptor_bytes, line_bytes);
        for (cache->gfporder = 0; cache->gfporder < MAX_ORDER; cache->gfporder++) {
                cache->num = estimate(cache->gfporder, cache->buffer_size, line_bytes, false, arch->slab_bytes, &left);
                if (cache->num)
                        break;
        }
        cache->align = line_bytes;
        cache->colour_off = line_bytes;
        cache->colour = left / line_bytes;
        cache->slab_size = round_up(cache->num * BUFCTL_BYTES + arch->slab_bytes, line_bytes);
}

void kmem_cache_default_tunables(uint32_t buffer_size, uint32_t *ret_limit, uint32_t *ret_batchcount,
                                 uint32_t *ret_shared)
{
        uint32_t limit;

        if (buffer_size > 131072)
                limit = 1;
        else if (buffer_size > PAGE_BYTES)
                limit = 8;
        else if (buffer_size > 1024)
                limit = 24;
        else if (buffer_size > 256)
                limit = 54;
        else
                limit = 120;
        *ret_limit = limit;
        *ret_batchcount = (limit + 1) / 2;
        *ret_shared = buffer_size <= PAGE_BYTES ? 8 : 0;
}

const char *cache_spec_problem(const struct cache_spec *spec, const struct arch *arch)
{
        if (spec->name[0] == '\0' || memchr(spec->name, '\0', sizeof(spec->name)) == NULL)
                return "a cache needs a name of 1 to 31 bytes";
        if (spec->size_bytes < arch->word_bytes || spec->size_bytes > OBJECT_BYTES_MAX)
                return "the object size of a cache is from one machine word to 131072 bytes (kernel BUG in "
                       "kmem_cache_create)";
        if (spec->align_bytes & (spec->align_bytes - 1))
                return "the alignment of a cache is a power of two";
        if (spec->align_bytes > PAGE_BYTES)
                return "the alignment of a cache is at most 4096 bytes";
        if (spec->flags & ~0x7fu)
                return "unknown cache flags";
        return NULL;
}
