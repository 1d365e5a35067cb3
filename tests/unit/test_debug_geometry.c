/*
 * test_debug_geometry.c - caches of a kernel with CONFIG_DEBUG_SLAB: every table of spec 07 section 10.3.
 */
#include <glib.h>

#include "mm/kmem_cache.h"

enum { HW = CACHE_HWCACHE_ALIGN, RA = CACHE_RECLAIM_ACCOUNT, RCU = CACHE_DESTROY_BY_RCU };
enum { RZ = CACHE_RED_ZONE | CACHE_STORE_USER, P = CACHE_POISON };

static struct kmem_cache made(const struct arch *arch, uint32_t line, uint32_t break_order, uint32_t size,
                              uint32_t align, uint32_t flags)
{
        struct kmem_cache cache = { .spec = {
                                            .name = "row", .size_bytes = size, .align_bytes = align, .flags = flags } };

        g_test_message("%s size %u align %u flags %x line %u break %u", arch->name, size, align, flags, line,
                       break_order);
        g_assert_true(kmem_cache_geometry(&cache, arch, line, break_order, false));
        return cache;
}

static void check_tunables(const struct arch *arch, uint32_t buffer, uint32_t limit, uint32_t batchcount,
                           uint32_t shared)
{
        uint32_t is_limit, is_batchcount, is_shared;

        kmem_cache_default_tunables(arch, buffer, &is_limit, &is_batchcount, &is_shared);
        g_assert_cmpuint(is_limit, ==, limit);
        g_assert_cmpuint(is_batchcount, ==, batchcount);
        g_assert_cmpuint(is_shared, ==, shared);
}

/* One row of the tables of the general caches. */
struct general {
        uint32_t user, buffer, align, num, order, colours, on, header, limit, batchcount, shared;
};

static void check_general(const struct general *row, const struct arch *arch, uint32_t line, uint32_t break_order)
{
        for (uint32_t dma = 0; dma < 2; dma++) {
                struct kmem_cache cache = made(arch, line, break_order, row->user, 0,
                                               HW | CACHE_PANIC | (dma ? CACHE_DMA : 0));

                g_assert_cmpuint(cache.obj_size, ==, row->user);
                g_assert_cmpuint(cache.buffer_size, ==, row->buffer);
                g_assert_cmpuint(cache.align, ==, row->align);
                g_assert_cmpuint(cache.num, ==, row->num);
                g_assert_cmpuint(cache.gfporder, ==, row->order);
                g_assert_cmpuint(cache.colour, ==, row->colours);
                g_assert_cmpuint(cache.colour_off, ==, line);
                g_assert_cmpuint(cache.off_slab, ==, !row->on);
                g_assert_cmpuint(cache.slab_size, ==, row->header);
                g_assert_cmpuint(cache.flags & CACHE_DEBUG_FLAGS, ==, row->user < 4096 ? RZ | P : P);
                g_assert_cmpuint(cache.obj_offset, ==, row->user < 4096 ? arch->word_bytes : 0);
                check_tunables(arch, cache.buffer_size, row->limit, row->batchcount, row->shared);
        }
}

static void check_static(const struct arch *arch, uint32_t line, uint32_t user, uint32_t buffer, uint32_t num,
                         uint32_t colours, uint32_t header)
{
        struct kmem_cache cache = { 0 };

        kmem_cache_geometry_static(&cache, arch, line);
        g_assert_cmpuint(cache.obj_size, ==, user);
        g_assert_cmpuint(cache.buffer_size, ==, buffer);
        g_assert_cmpuint(cache.num, ==, num);
        g_assert_cmpuint(cache.gfporder, ==, 0);
        g_assert_cmpuint(cache.colour, ==, colours);
        g_assert_cmpuint(cache.slab_size, ==, header);
        g_assert_cmpuint(cache.flags, ==, 0);
        g_assert_cmpuint(cache.obj_offset, ==, 0);
        check_tunables(arch, buffer, 32, 16, 8);
}

static void test_x86_64(void)
{
        static const struct general rows[] = {
                { 32, 56, 8, 67, 0, 0, 1, 320, 32, 16, 8 },     { 64, 88, 8, 44, 0, 0, 1, 224, 32, 16, 8 },
                { 128, 152, 8, 25, 0, 2, 1, 152, 32, 16, 8 },   { 192, 216, 8, 18, 0, 1, 1, 120, 32, 16, 8 },
                { 256, 280, 8, 14, 0, 1, 1, 104, 32, 16, 8 },   { 512, 536, 8, 7, 0, 4, 1, 80, 32, 16, 8 },
                { 1024, 1048, 8, 7, 1, 12, 1, 80, 24, 12, 8 },  { 2048, 2072, 8, 3, 1, 29, 1, 64, 24, 12, 8 },
                { 4096, 4096, 64, 1, 0, 0, 0, 52, 24, 12, 8 },  { 8192, 8192, 64, 1, 1, 0, 0, 52, 8, 4, 0 },
                { 16384, 16384, 64, 1, 2, 0, 0, 52, 8, 4, 0 },  { 32768, 32768, 64, 1, 3, 0, 0, 52, 8, 4, 0 },
                { 65536, 65536, 64, 1, 4, 0, 0, 52, 8, 4, 0 },  { 131072, 131072, 64, 1, 5, 0, 0, 52, 8, 4, 0 },
        };
        static const struct general small[] = {
                { 1024, 1048, 8, 3, 0, 13, 1, 64, 24, 12, 8 },
                { 2048, 2072, 8, 1, 0, 30, 1, 56, 24, 12, 8 },
        };
        struct arch wide = arch_x86_64_debug;

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                check_general(&rows[i], &arch_x86_64_debug, 64, 1);
                if (rows[i].user != 1024 && rows[i].user != 2048)
                        check_general(&rows[i], &arch_x86_64_debug, 64, 0);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(small); i++)
                check_general(&small[i], &arch_x86_64_debug, 64, 0);
        check_static(&arch_x86_64_debug, 64, 288, 320, 12, 2, 128);
        wide.descriptor_bytes = 792; /* 64 nodes */
        check_static(&wide, 64, 792, 832, 4, 11, 64);
        g_assert_cmpuint(arch_x86_64_numa_debug.descriptor_bytes, ==, 8 * 8 + 8 * 4 + 216);
}

static void test_i386(void)
{
        /* colours by line: 32, 64, 128; UINT32_MAX: there is no such cache with this line */
        static const struct {
                struct general row;
                uint32_t colours[3];
        } rows[] = {
                { { 32, 44, 4, 84, 0, 0, 1, 364, 32, 16, 8 }, { 1, 0, 0 } },
                { { 64, 76, 4, 50, 0, 0, 1, 228, 32, 16, 8 }, { 2, 1, 0 } },
                { { 96, 108, 4, 36, 0, 0, 1, 172, 32, 16, 8 }, { 1, UINT32_MAX, UINT32_MAX } },
                { { 128, 140, 4, 28, 0, 0, 1, 140, 32, 16, 8 }, { 1, 0, 0 } },
                { { 192, 204, 4, 19, 0, 0, 1, 104, 32, 16, 8 }, { 3, 1, UINT32_MAX } },
                { { 256, 268, 4, 14, 0, 0, 1, 84, 32, 16, 8 }, { 8, 4, 2 } },
                { { 512, 524, 4, 7, 0, 0, 1, 56, 32, 16, 8 }, { 11, 5, 2 } },
                { { 1024, 1036, 4, 7, 1, 0, 1, 56, 24, 12, 8 }, { 27, 13, 6 } },
                { { 2048, 2060, 4, 3, 1, 0, 1, 40, 24, 12, 8 }, { 61, 30, 15 } },
                { { 4096, 4096, 0, 1, 0, 0, 0, 32, 24, 12, 8 }, { 0, 0, 0 } },
                { { 8192, 8192, 0, 1, 1, 0, 0, 32, 8, 4, 0 }, { 0, 0, 0 } },
                { { 16384, 16384, 0, 1, 2, 0, 0, 32, 8, 4, 0 }, { 0, 0, 0 } },
                { { 32768, 32768, 0, 1, 3, 0, 0, 32, 8, 4, 0 }, { 0, 0, 0 } },
                { { 65536, 65536, 0, 1, 4, 0, 0, 32, 8, 4, 0 }, { 0, 0, 0 } },
                { { 131072, 131072, 0, 1, 5, 0, 0, 32, 8, 4, 0 }, { 0, 0, 0 } },
        };
        static const struct general small[] = {
                { 1024, 1036, 4, 3, 0, 29, 1, 40, 24, 12, 8 },
                { 2048, 2060, 4, 1, 0, 62, 1, 32, 24, 12, 8 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                for (uint32_t l = 0; l < 3; l++) {
                        struct general row = rows[i].row;

                        row.colours = rows[i].colours[l];
                        if (row.colours == UINT32_MAX)
                                continue;
                        if (!row.align)
                                row.align = 32u << l;
                        check_general(&row, &arch_i386_debug, 32u << l, 1);
                }
        }
        for (size_t i = 0; i < G_N_ELEMENTS(small); i++)
                check_general(&small[i], &arch_i386_debug, 32, 0);
        check_static(&arch_i386_debug, 32, 176, 192, 20, 4, 128);
        check_static(&arch_i386_debug, 64, 176, 192, 20, 2, 128);
        check_static(&arch_i386_debug, 128, 176, 256, 15, 1, 128);
}

struct other {
        uint32_t buffer, order, num, on, header, colours;
};

static void check_other(const struct other *expected, const struct kmem_cache *cache, uint32_t debug)
{
        g_assert_cmpuint(cache->flags & CACHE_DEBUG_FLAGS, ==, debug);
        g_assert_cmpuint(cache->buffer_size, ==, expected->buffer);
        g_assert_cmpuint(cache->gfporder, ==, expected->order);
        g_assert_cmpuint(cache->num, ==, expected->num);
        g_assert_cmpuint(cache->off_slab, ==, !expected->on);
        g_assert_cmpuint(cache->slab_size, ==, expected->header);
        g_assert_cmpuint(cache->colour, ==, expected->colours);
}

static void test_others(void)
{
        static const struct {
                uint32_t size, align, flags, debug_64, debug_32;
                struct other on_64, on_32;
        } rows[] = {
                { 8, 0, 0, RZ | P, RZ | P, { 32, 0, 112, 1, 496, 0 }, { 20, 0, 169, 1, 704, 0 } },
                { 40, 0, 0, RZ | P, RZ | P, { 64, 0, 59, 1, 288, 0 }, { 52, 0, 72, 1, 316, 1 } },
                { 72, 0, HW, RZ | P, RZ | P, { 96, 0, 40, 1, 208, 0 }, { 84, 0, 46, 1, 212, 0 } },
                { 200, 0, 0, RZ | P, RZ | P, { 224, 0, 17, 1, 120, 2 }, { 212, 0, 18, 1, 100, 5 } },
                { 216, 0, RA, RZ | P, RZ | P, { 240, 0, 16, 1, 112, 2 }, { 228, 0, 17, 1, 96, 3 } },
                { 400, 0, HW, RZ | P, RZ | P, { 424, 0, 9, 1, 88, 3 }, { 412, 0, 9, 1, 64, 10 } },
                { 488, 0, 0, RZ | P, RZ | P, { 512, 0, 8, 0, 80, 0 }, { 500, 0, 8, 1, 60, 1 } },
                { 520, 0, 0, RZ | P, RZ | P, { 544, 0, 7, 1, 80, 3 }, { 532, 0, 7, 1, 56, 9 } },
                { 832, 0, HW, RZ | P, RZ | P, { 856, 1, 9, 1, 88, 6 }, { 844, 1, 9, 1, 64, 16 } },
                { 1100, 0, 0, RZ | P, RZ | P, { 1128, 1, 7, 1, 80, 3 }, { 1112, 1, 7, 1, 56, 11 } },
                { 2100, 0, 0, RZ | P, RZ | P, { 2128, 1, 3, 1, 64, 27 }, { 2112, 1, 3, 1, 40, 56 } },
                { 4072, 0, 0, RZ | P, RZ | P, { 4096, 0, 1, 0, 52, 0 }, { 4084, 0, 1, 0, 32, 0 } },
                { 4200, 0, 0, RZ | P, RZ | P, { 4224, 1, 1, 1, 56, 61 }, { 4212, 1, 1, 1, 32, 123 } },
                { 8180, 0, 0, P, RZ | P, { 8184, 1, 1, 0, 52, 0 }, { 8192, 1, 1, 0, 32, 0 } },
                { 64, 256, 0, P, P, { 256, 0, 15, 1, 256, 0 }, { 256, 0, 15, 1, 256, 0 } },
                { 100, 128, HW, P, P, { 128, 0, 30, 1, 256, 0 }, { 128, 0, 30, 1, 256, 0 } },
                { 200, 16, 0, P, P, { 208, 0, 19, 1, 128, 0 }, { 208, 0, 19, 1, 112, 1 } },
                { 200, 0, RCU, RZ, RZ, { 224, 0, 17, 1, 120, 2 }, { 212, 0, 18, 1, 100, 5 } },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                struct kmem_cache on_64 = made(&arch_x86_64_debug, 64, 1, rows[i].size, rows[i].align, rows[i].flags);
                struct kmem_cache on_32 = made(&arch_i386_debug, 32, 1, rows[i].size, rows[i].align, rows[i].flags);

                check_other(&rows[i].on_64, &on_64, rows[i].debug_64);
                check_other(&rows[i].on_32, &on_32, rows[i].debug_32);
                g_assert_cmpuint(on_64.obj_size, ==, (rows[i].size + 7) / 8 * 8);
                g_assert_cmpuint(on_32.obj_size, ==, (rows[i].size + 3) / 4 * 4);
        }
}

/* Which kmalloc class holds an array of so many entries. */
static uint32_t class_for(const struct arch *arch, uint32_t entries, const uint32_t *classes)
{
        uint32_t bytes = arch->array_cache_bytes + arch->word_bytes * entries;

        while (*classes < bytes)
                classes++;
        return *classes;
}

static void test_arrays(void)
{
        static const uint32_t line_64[] = { 32, 64, 128, 192, 256, 512, 1024, 2048, 4096 };
        static const uint32_t line_32[] = { 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096 };
        static const uint32_t line_128[] = { 32, 64, 128, 256, 512, 1024, 2048, 4096 };
        static const struct {
                uint32_t entries, on_64, on_32, on_32_wide;
        } rows[] = {
                { 32, 512, 192, 256 }, { 24, 256, 128, 128 }, { 8, 128, 64, 64 },
                { 16 * 8, 2048, 1024, 1024 }, { 12 * 8, 1024, 512, 512 }, { 0, 32, 32, 32 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_assert_cmpuint(class_for(&arch_x86_64_debug, rows[i].entries, line_64), ==, rows[i].on_64);
                g_assert_cmpuint(class_for(&arch_i386_debug, rows[i].entries, line_32), ==, rows[i].on_32);
                g_assert_cmpuint(class_for(&arch_i386_debug, rows[i].entries, line_128), ==, rows[i].on_32_wide);
        }
}

/* The flags of section 10.1 that a caller may give, and what is refused. */
static void test_flags(void)
{
        struct cache_spec spec = { .name = "spec", .size_bytes = 64, .flags = CACHE_RED_ZONE };
        struct kmem_cache cache;

        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64));
        g_assert_null(cache_spec_problem(&spec, &arch_x86_64_debug));
        spec.flags = CACHE_DESTROY_BY_RCU | CACHE_POISON;
        g_assert_nonnull(strstr(cache_spec_problem(&spec, &arch_x86_64_debug), "mm/slab.c:2183"));
        spec.flags = 0x1000;
        g_assert_nonnull(cache_spec_problem(&spec, &arch_x86_64_debug));
        /* asked for although it would not be forced: 8180 + 3 words goes over 8192 */
        cache = made(&arch_x86_64_debug, 64, 1, 8180, 0, CACHE_RED_ZONE);
        g_assert_cmpuint(cache.flags & CACHE_DEBUG_FLAGS, ==, CACHE_RED_ZONE | CACHE_POISON);
        g_assert_cmpuint(cache.obj_offset, ==, 8);
        g_assert_cmpuint(cache.buffer_size, ==, 8184 + 16);
        cache = made(&arch_x86_64, 64, 1, 40, 0, 0);
        g_assert_cmpuint(cache.obj_offset, ==, 0);
        g_assert_cmpuint(cache.buffer_size, ==, 40);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/kmem_cache/debug/general-caches-on-x86_64", test_x86_64);
        g_test_add_func("/mm/kmem_cache/debug/general-caches-on-i386", test_i386);
        g_test_add_func("/mm/kmem_cache/debug/other-caches", test_others);
        g_test_add_func("/mm/kmem_cache/debug/arrays-live-in-these-classes", test_arrays);
        g_test_add_func("/mm/kmem_cache/debug/flags", test_flags);
        return g_test_run();
}
