#include "base/core_only.h"
#include "mm/slab_debug.h"

#include "base/check.h"
#include "mm/memory.h"

#define CHUNK        8u
#define BUFCTL_WORD  4u
#define BUFCTL_RAW_END  0xffffffffu
#define BUFCTL_RAW_MARK 0xfffffffeu /* and one less while traced for leaks: both are marks */

/* Where things lie in a slab of this cache, bytes from its first page. */
struct layout {
        const struct kmem_cache *cache;
        const struct slab *slab;
        uint32_t word;
        uint32_t header;     /* of the slab, meaningful if it is on-slab */
        uint32_t inuse, free, nodeid, bufctl; /* fields of struct slab, from its start */
        uint32_t zone2, user_word; /* from the start of an object; buffer_size: there is none */
};

static struct layout layout_of(const struct memory *memory, uint32_t id)
{
        const struct slab *slab = &memory->slabs[id];
        const struct kmem_cache *cache = &memory->caches[slab->cache];
        uint32_t word = memory->arch->word_bytes;
        uint32_t end = cache->buffer_size;
        struct layout at = { .cache = cache, .slab = slab, .word = word };

        at.header = cache->off_slab ? 0 : slab->colouroff - cache->slab_size;
        at.inuse = 4 * word; /* behind two list pointers, colouroff and s_mem */
        at.free = at.inuse + 4;
        at.nodeid = at.inuse + 8;
        at.bufctl = memory->arch->slab_bytes;
        at.user_word = cache->flags & CACHE_STORE_USER ? end - word : end;
        at.zone2 = cache->flags & CACHE_RED_ZONE ? at.user_word - word : end;
        return at;
}

static uint32_t slab_bytes(const struct layout *at)
{
        return PAGE_BYTES << at->cache->gfporder;
}

static struct object_debug *objects_of(const struct memory *memory, uint32_t id)
{
        return pool_at(&memory->pool, memory->slab_debug[id].objects);
}

static struct slab_piece *piece_at(const struct memory *memory, uint32_t ref)
{
        return pool_at(&memory->pool, ref);
}

/* Index of the object whose first byte `place` is; false if it is none. */
static bool is_object(const struct memory *memory, uint64_t place, uint32_t *ret_slab, uint32_t *ret_index)
{
        const struct page *page = &memory->pages[place_pfn(place)];
        const struct slab *slab;
        uint64_t first;

        if (page->state != PAGE_SLAB)
                return false;
        slab = &memory->slabs[page->slab];
        first = place_of(slab->pfn, 0) + slab->colouroff;
        *ret_slab = page->slab;
        if (place < first || (place - first) % memory->caches[slab->cache].buffer_size)
                return false;
        *ret_index = (uint32_t)((place - first) / memory->caches[slab->cache].buffer_size);
        return *ret_index < slab->num;
}

static uint32_t object_offset(const struct layout *at, uint32_t index)
{
        return at->slab->colouroff + index * at->cache->buffer_size;
}

/* -- what lies where before anybody writes over it ----------------------------------------------------------------- */

static uint64_t virtual_of(const struct memory *memory, uint64_t place)
{
        return memory->arch->virtual_base + place;
}

static uint64_t header_place(const struct memory *memory, uint32_t id)
{
        const struct layout at = layout_of(memory, id);

        return at.cache->off_slab ? at.slab->header : place_of(at.slab->pfn, 0) + at.header;
}

/* A link of the slab's list: the header of a neighbour, or the head in struct kmem_list3 (partial, full, free). */
static uint64_t link_address(const struct memory *memory, const struct slab *slab, uint32_t neighbour, bool is_next)
{
        static const uint32_t head[SLAB_LIST_KINDS] = { [SLABS_PARTIAL] = 0, [SLABS_FULL] = 1, [SLABS_FREE] = 2 };
        const struct slab_lists *lists = memory_lists(memory, slab->cache, slab->node);

        if (slab->list == SLABS_NOWHERE) /* list_del leaves LIST_POISON1 and 2 */
                return is_next ? 0x00100100u : 0x00200200u;
        if (neighbour)
                return virtual_of(memory, header_place(memory, neighbour));
        return virtual_of(memory, lists->place) + (uint64_t)head[slab->list] * 2 * memory->arch->word_bytes;
}

static uint8_t byte_of(uint64_t value, uint32_t at)
{
        return at < 8 ? (uint8_t)(value >> (8 * at)) : 0;
}

static uint32_t raw_bufctl(uint16_t link)
{
        return link == BUFCTL_END ? BUFCTL_RAW_END : link == BUFCTL_MARK ? BUFCTL_RAW_MARK : link;
}

/* Byte `o` of struct slab and its bufctls. */
static uint8_t header_byte(const struct memory *memory, const struct layout *at, uint32_t o)
{
        const struct slab *slab = at->slab;
        const uint16_t *bufctl = pool_at(&memory->pool, slab->bufctl);
        uint32_t word = at->word;

        if (o >= at->bufctl)
                return byte_of(raw_bufctl(bufctl[(o - at->bufctl) / BUFCTL_WORD]), (o - at->bufctl) % BUFCTL_WORD);
        if (o < word)
                return byte_of(link_address(memory, slab, slab->next, true), o);
        if (o < 2 * word)
                return byte_of(link_address(memory, slab, slab->prev, false), o - word);
        if (o < 3 * word)
                return byte_of(slab->colouroff, o - 2 * word);
        if (o < 4 * word)
                return byte_of(virtual_of(memory, place_of(slab->pfn, 0)) + slab->colouroff, o - 3 * word);
        if (o < at->free)
                return byte_of(slab->inuse, o - at->inuse);
        if (o < at->nodeid)
                return byte_of(raw_bufctl(slab->free), o - at->free);
        return byte_of(slab->node, o - at->nodeid);
}

static uint8_t object_byte(const struct layout *at, const struct object_debug *object, uint32_t o)
{
        const struct kmem_cache *cache = at->cache;
        uint32_t zone = object->in_use ? RED_ZONE_IN_USE : RED_ZONE_FREE;

        if (o < cache->obj_offset)
                return byte_of(zone, o);
        if (o < cache->obj_offset + cache->obj_size)
                return o + 1 == cache->obj_offset + cache->obj_size ? POISON_END : object->fill;
        if (o >= at->user_word)
                return byte_of(object->caller, o - at->user_word);
        if (o >= at->zone2)
                return byte_of(zone, o - at->zone2);
        return 0;
}

static uint8_t base_byte(const struct memory *memory, const struct layout *at, uint32_t id, uint32_t o)
{
        uint32_t index;

        if (o >= slab_bytes(at))
                return 0;
        if (!at->cache->off_slab && o >= at->header && o < at->header + at->bufctl + BUFCTL_WORD * at->slab->num)
                return header_byte(memory, at, o - at->header);
        if (o < at->slab->colouroff)
                return 0;
        index = (o - at->slab->colouroff) / at->cache->buffer_size;
        if (index >= at->slab->num)
                return 0;
        return object_byte(at, &objects_of(memory, id)[index], (o - at->slab->colouroff) % at->cache->buffer_size);
}

/* -- what lies over it --------------------------------------------------------------------------------------------- */

static bool is_written(const struct memory *memory, uint32_t id, uint32_t from, uint32_t to)
{
        for (uint32_t ref = memory->slab_debug[id].written; ref; ref = piece_at(memory, ref)->next) {
                const struct slab_piece *piece = piece_at(memory, ref);

                for (uint32_t i = 0; i < CHUNK; i++) {
                        uint32_t o = piece->chunk * CHUNK + i;

                        if ((piece->mask & (1u << i)) && o >= from && o < to)
                                return true;
                }
                if (piece->chunk * CHUNK >= to)
                        return false;
        }
        return false;
}

static void clear(struct memory *memory, uint32_t id, uint32_t from, uint32_t to)
{
        uint32_t *link = &memory->slab_debug[id].written;

        while (*link) {
                uint32_t ref = *link;
                struct slab_piece *piece = piece_at(memory, ref);

                if (piece->chunk * CHUNK >= to)
                        return;
                for (uint32_t i = 0; i < CHUNK; i++) {
                        uint32_t o = piece->chunk * CHUNK + i;

                        if (o >= from && o < to) {
                                piece->mask &= (uint8_t)~(1u << i);
                                piece->bytes[i] = 0;
                        }
                }
                if (piece->mask) {
                        link = &piece->next;
                } else {
                        *link = piece->next;
                        pool_give(&memory->pool, ref, sizeof(struct slab_piece));
                }
        }
}

void slab_debug_read(const struct memory *memory, uint32_t id, uint32_t from, uint32_t count, uint8_t *ret)
{
        const struct layout at = layout_of(memory, id);

        CHECK(count <= SLAB_DEBUG_READ_MAX);
        for (uint32_t i = 0; i < count; i++)
                ret[i] = base_byte(memory, &at, id, from + i);
        for (uint32_t ref = memory->slab_debug[id].written; ref; ref = piece_at(memory, ref)->next) {
                const struct slab_piece *piece = piece_at(memory, ref);

                if (piece->chunk * CHUNK >= from + count)
                        return;
                for (uint32_t i = 0; i < CHUNK; i++) {
                        uint32_t o = piece->chunk * CHUNK + i;

                        if ((piece->mask & (1u << i)) && o >= from && o < from + count)
                                ret[o - from] = piece->bytes[i];
                }
        }
}

void slab_debug_write(struct memory *memory, uint32_t id, uint32_t from, uint32_t count, const uint8_t *pattern,
                      uint32_t period)
{
        const struct layout at = layout_of(memory, id);
        uint32_t *link = &memory->slab_debug[id].written;
        uint32_t end = slab_bytes(&at);

        if (from >= end)
                return;
        if (count > end - from)
                count = end - from;
        clear(memory, id, from, from + count);
        for (uint32_t i = 0; i < count; i++) { /* only what differs from what should be there is kept */
                uint32_t o = from + i;
                uint8_t byte = pattern[i % period];
                struct slab_piece *piece;

                if (byte == base_byte(memory, &at, id, o))
                        continue;
                while (*link && piece_at(memory, *link)->chunk < o / CHUNK)
                        link = &piece_at(memory, *link)->next;
                if (!*link || piece_at(memory, *link)->chunk != o / CHUNK) {
                        uint32_t ref = pool_take(&memory->pool, sizeof(struct slab_piece));

                        piece = piece_at(memory, ref);
                        memset(piece, 0, sizeof(*piece));
                        piece->chunk = (uint16_t)(o / CHUNK);
                        piece->next = *link;
                        *link = ref;
                }
                piece = piece_at(memory, *link);
                piece->mask |= (uint8_t)(1u << o % CHUNK);
                piece->bytes[o % CHUNK] = byte;
        }
}

static uint64_t read_word(const struct memory *memory, uint32_t id, uint32_t from, uint32_t bytes)
{
        uint8_t raw[8];
        uint64_t value = 0;

        slab_debug_read(memory, id, from, bytes, raw);
        for (uint32_t i = bytes; i-- > 0;)
                value = value << 8 | raw[i];
        return value;
}

/* -- objects ------------------------------------------------------------------------------------------------------- */

void slab_debug_init(struct memory *memory, uint32_t id)
{
        const struct slab *slab = &memory->slabs[id];
        struct slab_debug *debug = &memory->slab_debug[id];
        struct object_debug *object;

        debug->written = 0;
        debug->objects = pool_take(&memory->pool, (uint32_t)sizeof(*object) * slab->num);
        object = objects_of(memory, id);
        for (uint32_t i = 0; i < slab->num; i++)
                object[i] = (struct object_debug){ .fill = POISON_FREE };
}

void slab_debug_drop(struct memory *memory, uint32_t id)
{
        struct slab_debug *debug = &memory->slab_debug[id];

        clear(memory, id, 0, UINT32_MAX);
        pool_give(&memory->pool, debug->objects, (uint32_t)sizeof(struct object_debug) * memory->slabs[id].num);
        *debug = (struct slab_debug){ 0 };
}

static void put_word(struct memory *memory, uint64_t place, uint64_t value)
{
        const struct page *page = &memory->pages[place_pfn(place)];
        uint8_t raw[8];

        if (page->state != PAGE_SLAB)
                return;
        for (uint32_t i = 0; i < sizeof(raw); i++)
                raw[i] = byte_of(value, i);
        slab_debug_write(memory, page->slab, (uint32_t)(place - place_of(memory->slabs[page->slab].pfn, 0)),
                         memory->arch->word_bytes, raw, 8);
}

uint64_t slab_debug_word(const struct memory *memory, uint64_t place)
{
        const struct page *page = &memory->pages[place_pfn(place)];

        if (place_pfn(place) >= memory->page_count || page->state != PAGE_SLAB)
                return 0;
        return read_word(memory, page->slab, (uint32_t)(place - place_of(memory->slabs[page->slab].pfn, 0)),
                         memory->arch->word_bytes);
}

static struct layout layout_at(const struct memory *memory, uint64_t place)
{
        return layout_of(memory, memory_slab_of(memory, place));
}

void slab_debug_zones(const struct memory *memory, uint64_t place, uint64_t *ret_zone1, uint64_t *ret_zone2)
{
        *ret_zone1 = slab_debug_word(memory, place);
        *ret_zone2 = slab_debug_word(memory, place + layout_at(memory, place).zone2);
}

void slab_debug_set_zones(struct memory *memory, uint64_t place, bool in_use)
{
        const struct layout at = layout_at(memory, place);
        uint32_t value = in_use ? RED_ZONE_IN_USE : RED_ZONE_FREE;
        uint32_t id, index;

        if (is_object(memory, place, &id, &index)) {
                uint32_t o = object_offset(&at, index);

                objects_of(memory, id)[index].in_use = in_use;
                clear(memory, id, o, o + at.word);
                clear(memory, id, o + at.zone2, o + at.zone2 + at.word);
                return;
        }
        put_word(memory, place, value);
        put_word(memory, place + at.zone2, value);
}

uint64_t slab_debug_caller(const struct memory *memory, uint64_t place)
{
        return slab_debug_word(memory, place + layout_at(memory, place).user_word);
}

void slab_debug_set_caller(struct memory *memory, uint64_t place, uint32_t caller)
{
        const struct layout at = layout_at(memory, place);
        uint32_t id, index;

        if (is_object(memory, place, &id, &index)) {
                uint32_t o = object_offset(&at, index) + at.user_word;

                objects_of(memory, id)[index].caller = caller;
                clear(memory, id, o, o + at.word);
                return;
        }
        put_word(memory, place + at.user_word, caller);
}

void slab_debug_fill(struct memory *memory, uint64_t place, uint8_t fill)
{
        const struct layout at = layout_at(memory, place);
        uint32_t id, index, o;

        if (!is_object(memory, place, &id, &index))
                return;
        o = object_offset(&at, index) + at.cache->obj_offset;
        objects_of(memory, id)[index].fill = fill;
        clear(memory, id, o, o + at.cache->obj_size);
}

bool slab_debug_is_poisoned(const struct memory *memory, uint64_t place)
{
        const struct layout at = layout_at(memory, place);
        uint32_t id, index, o;

        CHECK(is_object(memory, place, &id, &index));
        o = object_offset(&at, index) + at.cache->obj_offset;
        return objects_of(memory, id)[index].fill == POISON_FREE && !is_written(memory, id, o, o + at.cache->obj_size);
}

/* -- header and free chain ----------------------------------------------------------------------------------------- */

uint32_t slab_debug_header_bytes(const struct memory *memory, uint32_t id)
{
        return memory->arch->slab_bytes + BUFCTL_WORD * memory->slabs[id].num;
}

uint8_t slab_debug_header_byte(const struct memory *memory, uint32_t id, uint32_t o)
{
        const struct layout at = layout_of(memory, id);
        uint8_t byte;

        if (at.cache->off_slab)
                return header_byte(memory, &at, o);
        slab_debug_read(memory, id, at.header + o, 1, &byte);
        return byte;
}

/* A 32-bit field of the header as its bytes say. */
static uint32_t header_field(const struct memory *memory, const struct layout *at, uint32_t id, uint32_t o)
{
        return (uint32_t)read_word(memory, id, at->header + o, 4);
}

/* Takes over the order of a chain that holds the same objects as before. */
static void take_in_chain(struct memory *memory, const struct layout *at, uint32_t id, uint32_t first)
{
        struct slab *slab = &memory->slabs[id];
        uint16_t *bufctl = pool_at(&memory->pool, slab->bufctl);
        uint32_t next = first;

        slab->free = first == BUFCTL_RAW_END ? BUFCTL_END : (uint16_t)first;
        for (uint32_t i = first; i != BUFCTL_RAW_END; i = next) {
                uint32_t o = at->header + at->bufctl + BUFCTL_WORD * i;

                next = header_field(memory, at, id, at->bufctl + BUFCTL_WORD * i);
                bufctl[i] = next == BUFCTL_RAW_END ? BUFCTL_END : (uint16_t)next;
                clear(memory, id, o, o + BUFCTL_WORD);
        }
        clear(memory, id, at->header + at->inuse, at->header + at->nodeid);
}

bool slab_debug_check(struct memory *memory, uint32_t id)
{
        const struct layout at = layout_of(memory, id);
        const uint16_t *bufctl = pool_at(&memory->pool, at.slab->bufctl);
        uint32_t length = 0;
        uint32_t first;

        if (at.cache->off_slab || !memory->slab_debug[id].written ||
            !is_written(memory, id, at.header + at.inuse, at.header + slab_debug_header_bytes(memory, id)))
                return true;
        if (header_field(memory, &at, id, at.inuse) != at.slab->inuse)
                return false;
        first = header_field(memory, &at, id, at.free);
        for (uint32_t i = first; i != BUFCTL_RAW_END; i = header_field(memory, &at, id, at.bufctl + BUFCTL_WORD * i)) {
                if (++length > at.slab->num || i >= at.slab->num || bufctl[i] == BUFCTL_MARK)
                        return false;
        }
        if (length != (uint32_t)(at.slab->num - at.slab->inuse))
                return false;
        take_in_chain(memory, &at, id, first);
        return true;
}

bool slab_debug_is_out(const struct memory *memory, uint32_t id, uint32_t index)
{
        const struct layout at = layout_of(memory, id);
        const uint16_t *bufctl = pool_at(&memory->pool, at.slab->bufctl);
        uint32_t raw = raw_bufctl(bufctl[index]);

        if (!at.cache->off_slab)
                raw = header_field(memory, &at, id, at.bufctl + BUFCTL_WORD * index);
        return raw == BUFCTL_RAW_MARK || raw == BUFCTL_RAW_MARK - 1;
}

/* Links, inuse, free and the object's bufctl are written by slab_get, slab_put and the list functions around them. */
static void header_rewritten(struct memory *memory, uint32_t id, uint32_t index)
{
        const struct layout at = layout_of(memory, id);
        uint32_t o = at.header + at.bufctl + BUFCTL_WORD * index;

        if (at.cache->off_slab || !memory->slab_debug[id].written)
                return;
        clear(memory, id, at.header, at.header + 2 * at.word);
        clear(memory, id, at.header + at.inuse, at.header + at.nodeid);
        clear(memory, id, o, o + BUFCTL_WORD);
}

void slab_debug_taken(struct memory *memory, uint32_t id, uint32_t index)
{
        uint16_t *bufctl = pool_at(&memory->pool, memory->slabs[id].bufctl);

        bufctl[index] = BUFCTL_MARK;
        header_rewritten(memory, id, index);
}

void slab_debug_put(struct memory *memory, uint32_t id, uint32_t index)
{
        header_rewritten(memory, id, index);
}

bool slab_debug_is_other_node(const struct memory *memory, uint32_t id)
{
        const struct layout at = layout_of(memory, id);

        return !at.cache->off_slab && memory->slab_debug[id].written &&
               read_word(memory, id, at.header + at.nodeid, 2) != at.slab->node;
}

bool slab_debug_is_active(const struct memory *memory, uint32_t id, uint32_t index)
{
        return objects_of(memory, id)[index].in_use;
}

const char *slab_debug_audit(const struct memory *memory, uint32_t id, uint8_t *seen)
{
        const struct layout at = layout_of(memory, id);
        const uint16_t *bufctl = pool_at(&memory->pool, at.slab->bufctl);
        uint32_t last = 0;

        for (uint32_t ref = memory->slab_debug[id].written; ref; ref = piece_at(memory, ref)->next) {
                const struct slab_piece *piece = piece_at(memory, ref);

                if (!piece->mask || piece->chunk * CHUNK >= slab_bytes(&at) || (last && piece->chunk < last))
                        return "the bytes written over a slab are out of order";
                last = piece->chunk + 1u;
        }
        memset(seen, 0, at.slab->num);
        for (uint32_t i = at.slab->free; i != BUFCTL_END; i = bufctl[i])
                seen[i] = 1;
        for (uint32_t i = 0; i < at.slab->num; i++) {
                if ((bufctl[i] == BUFCTL_MARK) == seen[i])
                        return "an object out of its slab has no mark in its bufctl";
        }
        return NULL;
}
