/*
 * test_slab_debug.c - the bytes of a slab, which slab_debug.h makes up from records and pieces,
 * against an array of bytes.
 */
#include <glib.h>

#include "base/prng.h"
#include "support/testbed.h"

struct model {
        struct memory *mem; /* the test changes a machine that stands still */
        uint32_t id;
        const struct slab *slab;
        const struct kmem_cache *cache;
        uint32_t bytes, word;
        uint8_t *is;        /* what every byte should be */
};

static void read_all(const struct model *model, uint8_t *ret)
{
        for (uint32_t at = 0; at < model->bytes; at += SLAB_DEBUG_READ_MAX)
                slab_debug_read(model->mem, model->id, at, SLAB_DEBUG_READ_MAX, ret + at);
}

static void expect_same(const struct model *model)
{
        g_autofree uint8_t *bytes = g_malloc(model->bytes);

        read_all(model, bytes);
        for (uint32_t i = 0; i < model->bytes; i++) {
                if (bytes[i] != model->is[i])
                        g_error("byte %u is %02x and should be %02x", i, bytes[i], model->is[i]);
        }
}

static void put_word(struct model *model, uint32_t at, uint32_t value)
{
        for (uint32_t i = 0; i < model->word; i++)
                model->is[at + i] = i < 4 ? (uint8_t)(value >> (8 * i)) : 0;
}

static void random_step(struct model *model, struct prng *prng)
{
        uint32_t index = (uint32_t)prng_below(prng, model->slab->num);
        uint32_t at = model->slab->colouroff + index * model->cache->buffer_size;
        uint64_t place = place_of(model->slab->pfn, at);
        uint32_t user = at + model->cache->obj_offset, size = model->cache->obj_size;
        uint32_t tail = at + model->cache->buffer_size - model->word;
        uint32_t first = model->slab->colouroff; /* the header has its own rules */

        switch (prng_below(prng, 5)) {
        case 0: {
                uint8_t fill = prng_chance(prng, 1, 2) ? POISON_FREE : POISON_IN_USE;

                slab_debug_fill(model->mem, place, fill);
                memset(model->is + user, fill, size);
                model->is[user + size - 1] = POISON_END;
                break;
        }
        case 1: {
                bool in_use = prng_chance(prng, 1, 2);

                slab_debug_set_zones(model->mem, place, in_use);
                put_word(model, at, in_use ? RED_ZONE_IN_USE : RED_ZONE_FREE);
                put_word(model, tail - model->word, in_use ? RED_ZONE_IN_USE : RED_ZONE_FREE);
                break;
        }
        case 2: {
                uint32_t caller = (uint32_t)prng_below(prng, UINT32_MAX);

                slab_debug_set_caller(model->mem, place, caller);
                put_word(model, tail, caller);
                break;
        }
        default: {
                uint32_t from = first + (uint32_t)prng_below(prng, model->bytes - first);
                uint32_t count = 1 + (uint32_t)prng_below(prng, prng_chance(prng, 1, 4) ? 300 : 12);
                uint32_t period = 1 + (uint32_t)prng_below(prng, 4);
                uint8_t pattern[4];

                for (uint32_t i = 0; i < 4; i++)
                        pattern[i] = prng_chance(prng, 1, 2) ? POISON_FREE : (uint8_t)prng_below(prng, 256);
                slab_debug_write(model->mem, model->id, from, count, pattern, period);
                for (uint32_t i = 0; i < count && from + i < model->bytes; i++)
                        model->is[from + i] = pattern[i % period];
                break;
        }
        }
}

static void check_object(const struct model *model, uint32_t index)
{
        uint32_t at = model->slab->colouroff + index * model->cache->buffer_size;
        uint64_t place = place_of(model->slab->pfn, at), zone1, zone2, is1 = 0, is2 = 0, user = 0;
        uint32_t tail = at + model->cache->buffer_size - model->word;
        bool poisoned = true;

        for (uint32_t i = model->word; i-- > 0;) {
                is1 = is1 << 8 | model->is[at + i];
                is2 = is2 << 8 | model->is[tail - model->word + i];
                user = user << 8 | model->is[tail + i];
        }
        slab_debug_zones(model->mem, place, &zone1, &zone2);
        g_assert_cmphex(zone1, ==, is1);
        g_assert_cmphex(zone2, ==, is2);
        g_assert_cmphex(slab_debug_caller(model->mem, place), ==, user);
        for (uint32_t i = 0; i < model->cache->obj_size; i++)
                poisoned &= model->is[at + model->cache->obj_offset + i] ==
                            (i + 1 == model->cache->obj_size ? POISON_END : POISON_FREE);
        g_assert_cmpint(slab_debug_is_poisoned(model->mem, place), ==, poisoned);
}

static void run(uint32_t arch, uint32_t size, uint64_t seed)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = NULL;
        struct model model = { 0 };
        struct prng prng;
        uint8_t seen[4096];
        uint64_t units;

        config.debug_slab = 1;
        config.arch = arch;
        config.line_bytes = arch == ARCH_I386 ? 32 : 64;
        bed = testbed_new(&config);
        model.mem = (struct memory *)(uintptr_t)bed->mem;
        model.word = bed->mem->arch->word_bytes;
        model.id = memory_slab_of(
                bed->mem,
                testbed_place(bed, testbed_alloc(bed, 0, testbed_create(bed, "foo", size, 0, 0), GFP_KERNEL)));
        model.slab = &bed->mem->slabs[model.id];
        model.cache = &bed->mem->caches[model.slab->cache];
        model.bytes = PAGE_BYTES << model.cache->gfporder;
        model.is = g_malloc(model.bytes);
        read_all(&model, model.is);
        prng_init(&prng, seed, 1);
        for (uint32_t step = 0; step < 400; step++) {
                random_step(&model, &prng);
                expect_same(&model);
                for (uint32_t i = 0; i < model.slab->num; i++)
                        check_object(&model, i);
                g_assert_cmpstr(slab_debug_audit(bed->mem, model.id, seen), ==, NULL);
        }
        /* all of it mended: no piece is left, and the pool has them all back for the next time */
        for (uint32_t i = 0; i < model.slab->num; i++) {
                uint64_t place = memory_object_place(bed->mem, model.slab, i);

                slab_debug_fill(model.mem, place, POISON_FREE);
                slab_debug_set_zones(model.mem, place, false);
                slab_debug_set_caller(model.mem, place, 0);
        }
        for (uint32_t at = model.slab->colouroff + model.slab->num * model.cache->buffer_size; at < model.bytes; at++)
                slab_debug_write(model.mem, model.id, at, 1, (const uint8_t[]){ 0 }, 1);
        for (uint32_t i = 0; i < model.slab->num; i++) { /* padding between object and zone 2 */
                uint32_t from = model.slab->colouroff + i * model.cache->buffer_size + model.cache->obj_offset +
                                model.cache->obj_size;
                uint32_t to = model.slab->colouroff + (i + 1) * model.cache->buffer_size - 2 * model.word;

                if (to > from)
                        slab_debug_write(model.mem, model.id, from, to - from, (const uint8_t[]){ 0 }, 1);
        }
        g_assert_cmpuint(bed->mem->slab_debug[model.id].written, ==, 0);
        units = bed->mem->pool.next_unit;
        slab_debug_write(model.mem, model.id, model.slab->colouroff, 100, (const uint8_t[]){ 1 }, 1);
        g_assert_cmpuint(bed->mem->pool.next_unit, ==, units);
        slab_debug_write(model.mem, model.id, model.slab->colouroff, model.bytes, (const uint8_t[]){ 2 }, 1);
        slab_debug_write(model.mem, model.id, model.bytes, 1, (const uint8_t[]){ 2 }, 1); /* behind the end: nothing */
        g_assert_cmpstr(slab_debug_audit(bed->mem, model.id, seen), ==, NULL);
        g_free(model.is);
}

static void test_random(void)
{
        static const uint32_t sizes[] = { 8, 40, 200, 201, 1100 };

        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                run(ARCH_X86_64, sizes[i], 1 + i);
                run(ARCH_I386, sizes[i], 101 + i);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/slab_debug/random-writes-against-an-array", test_random);
        return g_test_run();
}
