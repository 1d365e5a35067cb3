#include "base/core_only.h"
#include "mm/kmem_cache.h"

#include "base/units.h"

#define OBJECT_BYTES_MAX 131072u
#define SLAB_ORDER_MAX   5u
#define BUFCTL_BYTES     4u
#define DEBUG_LIMIT_MAX  32u /* magazines of a debug build are small, so that objects come back to their slabs soon */

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

/* fls(): 1-based position of the highest set bit. */
static uint32_t fls(uint32_t value)
{
        return value ? 32u - (uint32_t)__builtin_clz(value) : 0;
}

/* The debugging that CONFIG_DEBUG_SLAB forces on a cache (spec 07 section 10.1): red zones and the caller word unless
 * they would push the object over a power of two, poison unless freed memory may still be read. */
static uint32_t debug_flags(const struct cache_spec *spec, const struct arch *arch)
{
        uint32_t size = spec->size_bytes;
        uint32_t flags = spec->flags;

        if (!arch->debug_slab)
                return flags;
        if (!spec->ctor_cycles) /* there is no initial state to check */
                flags &= ~CACHE_DEBUG_INITIAL;
        if (size < PAGE_BYTES || fls(size - 1) == fls(size - 1 + 3 * arch->word_bytes))
                flags |= CACHE_RED_ZONE | CACHE_STORE_USER;
        if (!(flags & CACHE_DESTROY_BY_RCU))
                flags |= CACHE_POISON;
        return flags;
}

bool kmem_cache_geometry(struct kmem_cache *cache, const struct arch *arch, uint32_t line_bytes, uint32_t break_order,
                         bool early)
{
        const struct cache_spec *spec = &cache->spec;
        uint32_t flags = debug_flags(spec, arch);
        uint32_t size = round_up(spec->size_bytes, arch->word_bytes);
        uint32_t align = arch->word_bytes;
        uint32_t left = 0;
        bool off_slab;

        if (flags & CACHE_HWCACHE_ALIGN) {
                align = line_bytes;
                while (size <= align / 2)
                        align /= 2;
        }
        if (flags & (CACHE_RED_ZONE | CACHE_STORE_USER))
                align = arch->word_bytes;
        if (align < spec->align_bytes)
                align = spec->align_bytes;
        if (align > arch->word_bytes)
                flags &= ~(CACHE_RED_ZONE | CACHE_STORE_USER);
        cache->obj_size = size;
        cache->obj_offset = 0;
        if (flags & CACHE_RED_ZONE) {
                cache->obj_offset = arch->word_bytes;
                size += 2 * arch->word_bytes;
        }
        if (flags & CACHE_STORE_USER)
                size += arch->word_bytes;
        off_slab = !early && size >= PAGE_BYTES / 8;
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
                if (flags & CACHE_RECLAIM_ACCOUNT)
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
        cache->flags = flags;
        cache->buffer_size = size;
        cache->align = align;
        return true;
}

void kmem_cache_geometry_static(struct kmem_cache *cache, const struct arch *arch, uint32_t line_bytes)
{
        uint32_t left = 0;

        cache->obj_size = arch->descriptor_bytes;
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

void kmem_cache_default_tunables(const struct arch *arch, uint32_t buffer_size, uint32_t *ret_limit,
                                 uint32_t *ret_batchcount, uint32_t *ret_shared)
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
        if (arch->debug_slab && limit > DEBUG_LIMIT_MAX)
                limit = DEBUG_LIMIT_MAX;
        *ret_limit = limit;
        *ret_batchcount = (limit + 1) / 2;
        *ret_shared = buffer_size <= PAGE_BYTES ? 8 : 0;
}

const char *cache_spec_problem(const struct cache_spec *spec, const struct arch *arch)
{
        if (spec->name[0] == '\0' || memchr(spec->name, '\0', sizeof(spec->name)) == NULL)
                return "a cache needs a name of 1 to 31 bytes";
        if (spec->size_bytes < arch->word_bytes || spec->size_bytes > OBJECT_BYTES_MAX)
                return "kernel BUG at mm/slab.c:2130! the object size of a cache is from one machine word to 131072 "
                       "bytes";
        if (spec->align_bytes & (spec->align_bytes - 1))
                return "the alignment of a cache is a power of two";
        if (spec->align_bytes > PAGE_BYTES)
                return "the alignment of a cache is at most 4096 bytes";
        if (spec->flags & CACHE_DEBUG_FLAGS && !arch->debug_slab)
                return "SLAB_DEBUG_INITIAL, RED_ZONE, POISON and STORE_USER are flags of a machine with debug_slab "
                       "(kernel BUG at mm/slab.c:2192!)";
        if ((spec->flags & CACHE_DESTROY_BY_RCU) && (spec->flags & CACHE_POISON))
                return "a cache freed by RCU cannot be poisoned (kernel BUG at mm/slab.c:2183!)";
        if (spec->dtor_cycles && !spec->ctor_cycles)
                return "a cache with a destructor needs a constructor (kernel BUG in kmem_cache_create)";
        if (spec->dtor_cycles && (spec->flags & CACHE_DESTROY_BY_RCU))
                return "a cache freed by RCU cannot have a destructor (kernel BUG at mm/slab.c:2186!)";
        if (spec->flags & ~(0x7fu | CACHE_DEBUG_FLAGS))
                return "unknown cache flags";
        return NULL;
}
