/*
 * test_kmem_cache.c - the geometry of caches: every table of spec 01 sections 7 and 8, and tunables.
 */
#include <glib.h>
#include <stdio.h>

#include "mm/kmem_cache.h"
#include "mm/memory.h"
#include "support/space.h"

enum { HW = CACHE_HWCACHE_ALIGN, RA = CACHE_RECLAIM_ACCOUNT };

/* One row of a table, columns as there. on: the header lies in the slab. */
struct row {
        uint32_t size, align, flags;                       /* asked for */
        uint32_t a, buffer, order, num, colour, step;      /* what comes of it */
        uint32_t on, header, limit, batch, shared;
};

static void check_row(const struct row *row, const struct arch *arch, uint32_t line, uint32_t break_order)
{
        struct kmem_cache cache = { .spec = { .name = "row", .size_bytes = row->size, .align_bytes = row->align,
                                              .flags = row->flags } };
        uint32_t limit, batchcount, shared;

        g_test_message("%s size %u align %u flags %x line %u break %u", arch->name, row->size, row->align, row->flags,
                       line, break_order);
        g_assert_true(kmem_cache_geometry(&cache, arch, line, break_order, false));
        g_assert_cmpuint(cache.align, ==, row->a);
        g_assert_cmpuint(cache.buffer_size, ==, row->buffer);
        g_assert_cmpuint(cache.gfporder, ==, row->order);
        g_assert_cmpuint(cache.num, ==, row->num);
        g_assert_cmpuint(cache.colour, ==, row->colour);
        g_assert_cmpuint(cache.colour_off, ==, row->step);
        g_assert_cmpuint(cache.off_slab, ==, !row->on);
        g_assert_cmpuint(cache.slab_size, ==, row->header);
        kmem_cache_default_tunables(&arch_x86_64, cache.buffer_size, &limit, &batchcount, &shared);
        g_assert_cmpuint(limit, ==, row->limit);
        g_assert_cmpuint(batchcount, ==, row->batch);
        g_assert_cmpuint(shared, ==, row->shared);
}

static void check_rows(const struct row *rows, size_t count, const struct arch *arch, uint32_t line,
                       uint32_t break_order)
{
        for (size_t i = 0; i < count; i++)
                check_row(&rows[i], arch, line, break_order);
}

/* The general caches are the same with both limits on the slab order, and with the DMA flag. */
static void check_general(const struct row *rows, size_t count, const struct arch *arch, uint32_t line)
{
        for (size_t i = 0; i < count; i++) {
                struct row row = rows[i];

                for (uint32_t break_order = 0; break_order <= 1; break_order++) {
                        row.flags = HW;
                        check_row(&row, arch, line, break_order);
                        row.flags = HW | CACHE_DMA;
                        check_row(&row, arch, line, break_order);
                }
        }
}

static void check_static(const struct arch *arch, uint32_t line, uint32_t buffer, uint32_t num, uint32_t colour,
                         uint32_t header)
{
        struct kmem_cache cache = { 0 };

        kmem_cache_geometry_static(&cache, arch, line);
        g_assert_cmpuint(cache.buffer_size, ==, buffer);
        g_assert_cmpuint(cache.num, ==, num);
        g_assert_cmpuint(cache.gfporder, ==, 0);
        g_assert_cmpuint(cache.colour, ==, colour);
        g_assert_cmpuint(cache.colour_off, ==, line);
        g_assert_cmpuint(cache.slab_size, ==, header);
        g_assert_cmpuint(cache.off_slab, ==, 0);
}

/* size-512 and up: one table, since only the step and the header size change with architecture and line. */
static void check_large(const struct arch *arch, uint32_t line)
{
        uint32_t slab = arch->slab_bytes;
        const struct row rows[] = {
                { 512, 0, 0, line, 512, 0, 8, 0, line, 0, slab + 32, 54, 27, 8 },
                { 1024, 0, 0, line, 1024, 0, 4, 0, line, 0, slab + 16, 54, 27, 8 },
                { 2048, 0, 0, line, 2048, 0, 2, 0, line, 0, slab + 8, 24, 12, 8 },
                { 4096, 0, 0, line, 4096, 0, 1, 0, line, 0, slab + 4, 24, 12, 8 },
                { 8192, 0, 0, line, 8192, 1, 1, 0, line, 0, slab + 4, 8, 4, 0 },
                { 16384, 0, 0, line, 16384, 2, 1, 0, line, 0, slab + 4, 8, 4, 0 },
                { 32768, 0, 0, line, 32768, 3, 1, 0, line, 0, slab + 4, 8, 4, 0 },
                { 65536, 0, 0, line, 65536, 4, 1, 0, line, 0, slab + 4, 8, 4, 0 },
                { 131072, 0, 0, line, 131072, 5, 1, 0, line, 0, slab + 4, 8, 4, 0 },
        };

        check_general(rows, G_N_ELEMENTS(rows), arch, line);
}

static void test_table_a(void)
{
        static const struct row rows[] = {
                { 32, 0, 0, 32, 32, 0, 112, 0, 64, 1, 512, 120, 60, 8 },
                { 64, 0, 0, 64, 64, 0, 59, 0, 64, 1, 320, 120, 60, 8 },
                { 128, 0, 0, 64, 128, 0, 30, 1, 64, 1, 192, 120, 60, 8 },
                { 192, 0, 0, 64, 192, 0, 20, 2, 64, 1, 128, 120, 60, 8 },
                { 256, 0, 0, 64, 256, 0, 15, 2, 64, 1, 128, 120, 60, 8 },
                { 512, 0, 0, 64, 512, 0, 8, 0, 64, 0, 80, 54, 27, 8 },
                { 1024, 0, 0, 64, 1024, 0, 4, 0, 64, 0, 64, 54, 27, 8 },
                { 2048, 0, 0, 64, 2048, 0, 2, 0, 64, 0, 56, 24, 12, 8 },
                { 4096, 0, 0, 64, 4096, 0, 1, 0, 64, 0, 52, 24, 12, 8 },
        };

        check_general(rows, G_N_ELEMENTS(rows), &arch_x86_64, 64);
        check_large(&arch_x86_64, 64);
        check_static(&arch_x86_64, 64, 192, 20, 2, 128);
}

static void test_table_b(void)
{
        static const struct row rows[] = {
                { 32, 0, 0, 32, 32, 0, 113, 0, 32, 1, 480, 120, 60, 8 },
                { 64, 0, 0, 32, 64, 0, 59, 1, 32, 1, 288, 120, 60, 8 },
                { 96, 0, 0, 32, 96, 0, 40, 2, 32, 1, 192, 120, 60, 8 },
                { 128, 0, 0, 32, 128, 0, 30, 3, 32, 1, 160, 120, 60, 8 },
                { 192, 0, 0, 32, 192, 0, 20, 4, 32, 1, 128, 120, 60, 8 },
                { 256, 0, 0, 32, 256, 0, 15, 5, 32, 1, 96, 120, 60, 8 },
                { 512, 0, 0, 32, 512, 0, 8, 0, 32, 0, 60, 54, 27, 8 },
                { 1024, 0, 0, 32, 1024, 0, 4, 0, 32, 0, 44, 54, 27, 8 },
                { 2048, 0, 0, 32, 2048, 0, 2, 0, 32, 0, 36, 24, 12, 8 },
                { 4096, 0, 0, 32, 4096, 0, 1, 0, 32, 0, 32, 24, 12, 8 },
        };

        check_general(rows, G_N_ELEMENTS(rows), &arch_i386, 32);
        check_large(&arch_i386, 32);
        check_static(&arch_i386, 32, 128, 30, 3, 160);
}

static void test_table_c(void)
{
        static const struct row rows[] = {
                { 32, 0, 0, 32, 32, 0, 113, 0, 128, 1, 480, 120, 60, 8 },
                { 64, 0, 0, 64, 64, 0, 59, 0, 128, 1, 320, 120, 60, 8 },
                { 128, 0, 0, 128, 128, 0, 30, 0, 128, 1, 256, 120, 60, 8 },
                { 256, 0, 0, 128, 256, 0, 15, 1, 128, 1, 128, 120, 60, 8 },
        };

        check_general(rows, G_N_ELEMENTS(rows), &arch_i386, 128);
        check_large(&arch_i386, 128);
        check_static(&arch_i386, 128, 128, 30, 0, 256);
}

/* i386 with 64-byte lines, below table C. */
static void test_table_c_64(void)
{
        static const struct row rows[] = {
                { 32, 0, 0, 32, 32, 0, 113, 0, 64, 1, 480, 120, 60, 8 },
                { 64, 0, 0, 64, 64, 0, 59, 0, 64, 1, 320, 120, 60, 8 },
                { 128, 0, 0, 64, 128, 0, 30, 1, 64, 1, 192, 120, 60, 8 },
                { 192, 0, 0, 64, 192, 0, 20, 2, 64, 1, 128, 120, 60, 8 },
                { 256, 0, 0, 64, 256, 0, 15, 2, 64, 1, 128, 120, 60, 8 },
        };

        check_general(rows, G_N_ELEMENTS(rows), &arch_i386, 64);
        check_large(&arch_i386, 64);
}

static void test_table_d(void)
{
        static const struct row rows[] = {
                { 32, 0, 0, 32, 32, 0, 112, 0, 128, 1, 512, 120, 60, 8 },
                { 64, 0, 0, 64, 64, 0, 59, 0, 128, 1, 320, 120, 60, 8 },
                { 128, 0, 0, 128, 128, 0, 30, 0, 128, 1, 256, 120, 60, 8 },
                { 192, 0, 0, 128, 256, 0, 15, 1, 128, 1, 128, 120, 60, 8 },
                { 256, 0, 0, 128, 256, 0, 15, 1, 128, 1, 128, 120, 60, 8 },
        };

        check_general(rows, G_N_ELEMENTS(rows), &arch_x86_64, 128);
        check_large(&arch_x86_64, 128);
}

static void test_other_caches_x86_64(void)
{
        static const struct row rows[] = {
                { 8, 0, 0, 8, 8, 0, 337, 0, 64, 1, 1400, 120, 60, 8 },
                { 24, 0, 0, 8, 24, 0, 144, 0, 64, 1, 624, 120, 60, 8 },
                { 40, 0, 0, 8, 40, 0, 92, 0, 64, 1, 416, 120, 60, 8 },
                { 40, 0, HW, 64, 64, 0, 59, 0, 64, 1, 320, 120, 60, 8 },
                { 72, 0, HW, 64, 128, 0, 30, 1, 64, 1, 192, 120, 60, 8 },
                { 136, 0, HW, 64, 192, 0, 20, 2, 64, 1, 128, 120, 60, 8 },
                { 200, 0, 0, 8, 200, 0, 19, 2, 64, 1, 128, 120, 60, 8 },
                { 216, 0, RA, 8, 216, 0, 18, 1, 64, 1, 120, 120, 60, 8 },
                { 328, 0, 0, 8, 328, 0, 12, 1, 64, 1, 96, 54, 27, 8 },
                { 400, 0, HW, 64, 448, 0, 8, 6, 64, 1, 128, 54, 27, 8 },
                { 504, 0, 0, 8, 504, 0, 7, 7, 64, 1, 80, 54, 27, 8 },
                { 512, 0, 0, 8, 512, 0, 8, 0, 64, 0, 80, 54, 27, 8 },
                { 520, 0, 0, 8, 520, 0, 7, 5, 64, 1, 80, 54, 27, 8 },
                { 576, 0, HW, 64, 576, 0, 7, 1, 64, 0, 76, 54, 27, 8 },
                { 640, 0, HW | RA, 64, 640, 0, 6, 2, 64, 1, 128, 54, 27, 8 },
                { 832, 0, HW, 64, 832, 1, 9, 9, 64, 1, 128, 54, 27, 8 },
                { 1100, 0, 0, 8, 1104, 1, 7, 6, 64, 1, 80, 24, 12, 8 },
                { 1360, 0, 0, 8, 1360, 0, 3, 0, 64, 0, 60, 24, 12, 8 },
                { 1536, 0, HW, 64, 1536, 1, 5, 6, 64, 1, 128, 24, 12, 8 },
                { 1728, 0, RA, 8, 1728, 0, 2, 9, 64, 1, 56, 24, 12, 8 },
                { 2100, 0, 0, 8, 2104, 1, 3, 28, 64, 1, 64, 24, 12, 8 },
                { 4200, 0, 0, 8, 4200, 1, 1, 61, 64, 1, 56, 8, 4, 0 },
                { 9000, 0, 0, 8, 9000, 2, 1, 114, 64, 1, 56, 8, 4, 0 },
                { 33000, 0, 0, 8, 33000, 4, 1, 507, 64, 1, 56, 8, 4, 0 },
                { 100000, 0, 0, 8, 100000, 5, 1, 484, 64, 1, 56, 8, 4, 0 },
                { 64, 256, 0, 256, 256, 0, 15, 0, 256, 1, 256, 120, 60, 8 },
                { 100, 128, HW, 128, 128, 0, 30, 0, 128, 1, 256, 120, 60, 8 },
        };
        static const struct row differ[] = { /* BREAK_ORDER 0 */
                { 832, 0, HW, 64, 832, 0, 4, 11, 64, 1, 64, 54, 27, 8 },
                { 1100, 0, 0, 8, 1104, 0, 3, 11, 64, 1, 64, 24, 12, 8 },
                { 1536, 0, HW, 64, 1536, 0, 2, 15, 64, 1, 64, 24, 12, 8 },
                { 2100, 0, 0, 8, 2104, 0, 1, 30, 64, 1, 56, 24, 12, 8 },
        };

        check_rows(rows, G_N_ELEMENTS(rows), &arch_x86_64, 64, 1);
        check_rows(differ, G_N_ELEMENTS(differ), &arch_x86_64, 64, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) { /* "the rest are unchanged" */
                bool differs = false;

                for (size_t d = 0; d < G_N_ELEMENTS(differ); d++)
                        differs |= rows[i].size == differ[d].size && rows[i].flags == differ[d].flags;
                if (!differs)
                        check_row(&rows[i], &arch_x86_64, 64, 0);
        }
}

static void test_other_caches_i386(void)
{
        static const struct row rows[] = {
                { 40, 0, 0, 4, 40, 0, 92, 0, 32, 1, 396, 120, 60, 8 },
                { 72, 0, HW, 32, 96, 0, 40, 2, 32, 1, 192, 120, 60, 8 },
                { 136, 0, HW, 32, 160, 0, 24, 4, 32, 1, 128, 120, 60, 8 },
                { 200, 0, 0, 4, 200, 0, 19, 6, 32, 1, 104, 120, 60, 8 },
                { 216, 0, RA, 4, 216, 0, 18, 3, 32, 1, 100, 120, 60, 8 },
                { 400, 0, HW, 32, 416, 0, 9, 9, 32, 1, 64, 54, 27, 8 },
                { 520, 0, 0, 4, 520, 0, 7, 12, 32, 1, 56, 54, 27, 8 },
                { 576, 0, HW, 32, 576, 0, 7, 0, 32, 1, 64, 54, 27, 8 },
                { 1000, 0, 0, 4, 1000, 0, 4, 1, 32, 1, 44, 54, 27, 8 },
                { 1360, 0, 0, 4, 1360, 0, 3, 0, 32, 0, 40, 24, 12, 8 },
                { 1728, 0, RA, 4, 1728, 0, 2, 18, 32, 1, 36, 24, 12, 8 },
                { 2100, 0, 0, 4, 2100, 1, 3, 57, 32, 1, 40, 24, 12, 8 },
                { 6000, 0, 0, 4, 6000, 1, 1, 67, 32, 1, 32, 8, 4, 0 },
        };

        check_rows(rows, G_N_ELEMENTS(rows), &arch_i386, 32, 1);
}

/* A descriptor for 8 CPUs and 64 nodes, as in spec 01 section 7. */
static void test_static_cache_of_many_nodes(void)
{
        struct arch wide = arch_x86_64;
        uint32_t limit, batchcount, shared;

        wide.descriptor_bytes = 688;
        check_static(&wide, 64, 704, 5, 7, 128);
        kmem_cache_default_tunables(&arch_x86_64, 704, &limit, &batchcount, &shared);
        g_assert_cmpuint(limit, ==, 54);
        g_assert_cmpuint(batchcount, ==, 27);
        g_assert_cmpuint(shared, ==, 8);
        check_static(&arch_x86_64_numa, 64, 256, 15, 2, 128);
}

/* Early in boot the header must be on the slab, whatever the size. */
static void test_early(void)
{
        struct kmem_cache cache = { .spec = { .name = "early", .size_bytes = 512, .flags = HW } };

        g_assert_true(kmem_cache_geometry(&cache, &arch_x86_64, 64, 1, true));
        g_assert_cmpuint(cache.off_slab, ==, 0);
        g_assert_cmpuint(cache.num, ==, 7);
}

/* The wish for an off-slab header looks at the size before it is rounded up to the alignment. */
static void test_off_slab_border(void)
{
        struct kmem_cache cache = { .spec = { .name = "border", .size_bytes = 504, .align_bytes = 64 } };

        g_assert_true(kmem_cache_geometry(&cache, &arch_x86_64, 64, 1, false));
        g_assert_cmpuint(cache.buffer_size, ==, 512);
        g_assert_cmpuint(cache.off_slab, ==, 0);
        cache.spec.size_bytes = 505; /* 512 as a multiple of the word */
        g_assert_true(kmem_cache_geometry(&cache, &arch_x86_64, 64, 1, false));
        g_assert_cmpuint(cache.off_slab, ==, 1);
}

static void test_tunables(void)
{
        static const struct { uint32_t size, limit, batch, shared; } table[] = {
                { 8, 120, 60, 8 },     { 256, 120, 60, 8 },  { 257, 54, 27, 8 },    { 1024, 54, 27, 8 },
                { 1025, 24, 12, 8 },   { 4096, 24, 12, 8 },  { 4097, 8, 4, 0 },     { 131072, 8, 4, 0 },
                { 131073, 1, 1, 0 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                uint32_t limit, batchcount, shared;

                kmem_cache_default_tunables(&arch_x86_64, table[i].size, &limit, &batchcount, &shared);
                g_assert_cmpuint(limit, ==, table[i].limit);
                g_assert_cmpuint(batchcount, ==, table[i].batch);
                g_assert_cmpuint(shared, ==, table[i].shared);
        }
}

/* Spec 01 section 6: objects of size-256 start at +0x80 and at +0xc0 in turn, object 14 of the second at +0xec0. */
static void test_places(void)
{
        g_autoptr(space) space = space_new(&arch_x86_64, 1, 8, 64);
        struct cache_spec spec = { .name = "size-256", .size_bytes = 256, .flags = HW };
        uint32_t id = memory_cache_new(&space->mem, &spec);
        struct kmem_cache *cache = &space->mem.caches[id];
        struct slab slab = { .pfn = 0x10ef, .cache = id };

        g_assert_true(kmem_cache_geometry(cache, &arch_x86_64, 64, 1, false));
        slab.num = (uint16_t)cache->num;
        slab.colouroff = cache->slab_size;
        g_assert_cmpuint(memory_object_place(&space->mem, &slab, 0), ==, 0x10ef080);
        slab.colouroff = cache->slab_size + cache->colour_off;
        g_assert_cmpuint(memory_object_place(&space->mem, &slab, 14), ==, 0x10efec0);
        for (uint32_t i = 0; i < cache->num; i++)
                g_assert_cmpuint(memory_object_index(&space->mem, &slab,
                                                     memory_object_place(&space->mem, &slab, i)), ==, i);
}

/* The largest number of objects that fits beside its header, found by trying. */
static uint32_t most_objects(uint32_t total, uint32_t size, uint32_t align, uint32_t slab_bytes, bool off_slab,
                             uint32_t *ret_left)
{
        uint32_t num = 0;
        uint32_t used = 0;

        for (uint32_t n = 1;; n++) {
                uint32_t header = off_slab ? 0 : (slab_bytes + 4 * n + align - 1) / align * align;

                if (header + n * size > total)
                        break;
                num = n;
                used = header + n * size;
        }
        *ret_left = total - used;
        return num;
}

/* Every size up to 4 KiB and some above, with every line: the slab must hold what geometry says, and no more fits. */
static void test_all_sizes(void)
{
        static const struct { const struct arch *arch; uint32_t line;
        } machines[] = {
                { &arch_x86_64, 64 }, { &arch_x86_64, 128 }, { &arch_i386, 32 },
                { &arch_i386, 64 },   { &arch_i386, 128 },
        };
        static const uint32_t flags[] = { 0, HW, RA, HW | RA };

        for (size_t m = 0; m < G_N_ELEMENTS(machines); m++) {
                const struct arch *arch = machines[m].arch;

                for (uint32_t size = arch->word_bytes; size <= 131072; size += size < 4200 ? arch->word_bytes : 4093) {
                        for (size_t f = 0; f < 2 * G_N_ELEMENTS(flags); f++) {
                                uint32_t break_order = (uint32_t)(f & 1);
                                struct kmem_cache cache = { .spec = { .size_bytes = size, .flags = flags[f / 2] } };
                                uint32_t header, left, num, total;

                                g_assert_true(kmem_cache_geometry(&cache, arch, machines[m].line, break_order, false));
                                total = 4096u << cache.gfporder;
                                header = cache.off_slab ? 0 : cache.slab_size;
                                num = most_objects(total, cache.buffer_size, cache.align, arch->slab_bytes,
                                                   size >= 512, &left);
                                g_assert_cmpuint(cache.num, ==, num);
                                g_assert_cmpuint(header + cache.num * cache.buffer_size, <=, total);
                                g_assert_cmpuint(cache.buffer_size, >=, size);
                                g_assert_cmpuint(cache.buffer_size % cache.align, ==, 0);
                                g_assert_cmpuint(cache.colour * cache.colour_off, <=,
                                                 total - header - cache.num * cache.buffer_size);
                                g_assert_cmpuint(cache.num, <, BUFCTL_END);
                                if (!cache.off_slab) /* else the wish was granted: there was no room */
                                        g_assert_cmpuint(cache.slab_size, >=, arch->slab_bytes + 4 * num);
                                else
                                        g_assert_cmpuint(left, <, (cache.slab_size + cache.align - 1) / cache.align *
                                                                          cache.align);
                                if (cache.gfporder > break_order) /* nothing smaller holds one */
                                        g_assert_cmpuint(most_objects(total / 2, cache.buffer_size, cache.align,
                                                                      arch->slab_bytes, size >= 512, &left), ==, 0);
                        }
                }
        }
}

static void test_impossible_specs(void)
{
        struct cache_spec good = { .name = "good", .size_bytes = 8 };
        struct cache_spec spec;

        g_assert_cmpstr(cache_spec_problem(&good, &arch_x86_64), ==, NULL);
        spec = good;
        spec.name[0] = '\0';
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        spec = good;
        memset(spec.name, 'x', sizeof(spec.name)); /* no end */
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        spec = good;
        spec.size_bytes = 7;
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        g_assert_cmpstr(cache_spec_problem(&spec, &arch_i386), ==, NULL); /* its word has 4 bytes */
        spec.size_bytes = 131072;
        g_assert_cmpstr(cache_spec_problem(&spec, &arch_x86_64), ==, NULL);
        spec.size_bytes = 131073;
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        spec = good;
        spec.align_bytes = 24;
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        spec.align_bytes = 8192;
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        spec = good;
        spec.flags = 0x80;
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/kmem-cache/table-a-x86-64-lines-of-64", test_table_a);
        g_test_add_func("/mm/kmem-cache/table-b-i386-lines-of-32", test_table_b);
        g_test_add_func("/mm/kmem-cache/table-c-i386-lines-of-128", test_table_c);
        g_test_add_func("/mm/kmem-cache/table-c-i386-lines-of-64", test_table_c_64);
        g_test_add_func("/mm/kmem-cache/table-d-x86-64-lines-of-128", test_table_d);
        g_test_add_func("/mm/kmem-cache/other-caches-of-x86-64", test_other_caches_x86_64);
        g_test_add_func("/mm/kmem-cache/other-caches-of-i386", test_other_caches_i386);
        g_test_add_func("/mm/kmem-cache/the-descriptor-grows-with-the-nodes", test_static_cache_of_many_nodes);
        g_test_add_func("/mm/kmem-cache/early-headers-are-on-the-slab", test_early);
        g_test_add_func("/mm/kmem-cache/off-slab-looks-at-the-size-before-alignment", test_off_slab_border);
        g_test_add_func("/mm/kmem-cache/tunables-follow-the-size", test_tunables);
        g_test_add_func("/mm/kmem-cache/colours-shift-the-objects", test_places);
        g_test_add_func("/mm/kmem-cache/no-slab-could-hold-more", test_all_sizes);
        g_test_add_func("/mm/kmem-cache/impossible-caches-are-refused", test_impossible_specs);
        return g_test_run();
}
