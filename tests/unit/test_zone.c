/*
 * test_zone.c - buddy lists, page list sizes and the watermark test of one zone (spec 03 sections 2, 3 and 5).
 */
#include <glib.h>

#include "mm/zone.h"
#include "support/dies.h"

/* A zone of its own, pages [start, end), all of them allocated. */
struct field {
        struct zone zone;
        struct page *pages;
};

static void field_init(struct field *field, uint32_t start_pfn, uint32_t end_pfn)
{
        *field = (struct field){ 0 };
        field->pages = g_new0(struct page, end_pfn);
        zone_init(&field->zone, &arch_x86_64, 0, 0, start_pfn, end_pfn, false);
}

static void field_clear(struct field *field)
{
        g_assert_cmpstr(zone_audit(&field->zone, field->pages), ==, NULL);
        g_free(field->pages);
}

/* What free_area[order] holds, head first, as text. */
static char *listed(const struct field *field, uint32_t order)
{
        GString *text = g_string_new(NULL);

        for (uint32_t pfn = field->zone.free_area[order].head; pfn != PFN_NONE; pfn = field->pages[pfn].next)
                g_string_append_printf(text, text->len ? " %u" : "%u", pfn);
        return g_string_free(text, FALSE);
}

static void expect_list(const struct field *field, uint32_t order, const char *expected)
{
        g_autofree char *text = listed(field, order);

        g_assert_cmpstr(text, ==, expected);
}

static uint32_t take(struct field *field, uint32_t order, uint32_t *ret_from)
{
        return zone_take_block(&field->zone, field->pages, order, ret_from);
}

static uint32_t give(struct field *field, uint32_t pfn, uint32_t order)
{
        return zone_free_block(&field->zone, field->pages, pfn, order);
}

static void test_split(void)
{
        struct field field;
        uint32_t from;

        field_init(&field, 0, 1024);
        give(&field, 0, 10);
        g_assert_cmpuint(take(&field, 0, &from), ==, 0); /* the lower half goes on, the upper halves stay */
        g_assert_cmpuint(from, ==, 10);
        for (uint32_t order = 0; order < 10; order++) {
                g_autofree char *half = g_strdup_printf("%u", 1u << order);

                expect_list(&field, order, half);
        }
        expect_list(&field, 10, "");
        g_assert_cmpuint(field.zone.free_pages, ==, 1023);
        g_assert_cmpuint(take(&field, 0, &from), ==, 1); /* no split: a page of its own was there */
        g_assert_cmpuint(from, ==, 0);
        g_assert_cmpuint(take(&field, 3, &from), ==, 8);
        g_assert_cmpuint(from, ==, 3);
        g_assert_cmpuint(take(&field, 3, &from), ==, 16); /* order 3 is empty, order 4 is cut */
        g_assert_cmpuint(from, ==, 4);
        expect_list(&field, 3, "24");
        field_clear(&field);
}

static void test_merge(void)
{
        struct field field;
        uint32_t from;

        field_init(&field, 0, 1024);
        give(&field, 0, 10);
        for (uint32_t i = 0; i < 1024; i++)
                g_assert_cmpuint(take(&field, 0, &from), ==, i);
        g_assert_cmpuint(take(&field, 0, &from), ==, PFN_NONE);
        g_assert_cmpuint(field.zone.free_pages, ==, 0);
        g_assert_cmpuint(give(&field, 5, 0), ==, 0);  /* buddy 4 is in use */
        g_assert_cmpuint(give(&field, 7, 0), ==, 0);  /* 6 as well */
        g_assert_cmpuint(give(&field, 6, 0), ==, 1);  /* 6 and 7 */
        g_assert_cmpuint(give(&field, 4, 0), ==, 2);  /* 4..7 */
        expect_list(&field, 0, "");
        expect_list(&field, 1, "");
        expect_list(&field, 2, "4");
        for (uint32_t i = 0; i < 1024; i++) {
                if (i < 4 || i > 7)
                        give(&field, i, 0);
        }
        expect_list(&field, 10, "0");
        field_clear(&field);
}

static void test_buddy_of_another_order(void)
{
        struct field field;

        field_init(&field, 0, 16);
        give(&field, 4, 0); /* the buddy of block 0..3 starts here, but is only one page */
        g_assert_cmpuint(give(&field, 0, 2), ==, 2);
        expect_list(&field, 2, "0");
        expect_list(&field, 0, "4");
        field_clear(&field);
}

static void test_head_first(void)
{
        struct field field;
        uint32_t from;

        field_init(&field, 0, 64);
        give(&field, 0, 2);
        give(&field, 8, 2);
        give(&field, 16, 2);
        expect_list(&field, 2, "16 8 0"); /* last freed first */
        g_assert_cmpuint(take(&field, 1, &from), ==, 16);
        give(&field, 32, 1);
        expect_list(&field, 1, "32 18");
        g_assert_cmpuint(take(&field, 1, &from), ==, 32);
        field_clear(&field);
}

/* A run of ascending frees leaves its highest block at the head, so memory is used from the top block down. */
static void test_highest_block_first(void)
{
        struct field field;
        uint32_t from;

        field_init(&field, 0, 4096);
        for (uint32_t pfn = 0; pfn < 4096; pfn += 64)
                give(&field, pfn, 6);
        expect_list(&field, 10, "3072 2048 1024 0");
        g_assert_cmpuint(take(&field, 0, &from), ==, 3072);
        g_assert_cmpuint(take(&field, 0, &from), ==, 3073);
        field_clear(&field);
}

static void test_no_merge_beyond_1024(void)
{
        struct field field;

        field_init(&field, 0, 2048);
        g_assert_cmpuint(give(&field, 0, 10), ==, 10);
        g_assert_cmpuint(give(&field, 1024, 10), ==, 10);
        expect_list(&field, 10, "1024 0");
        field_clear(&field);
}

static void test_no_merge_across_borders(void)
{
        struct field low, high;

        field_init(&low, 0, 96);
        field_init(&high, 96, 200);
        g_free(low.pages);
        low.pages = high.pages; /* one array of frames, two zones */
        g_assert_cmpuint(give(&low, 64, 5), ==, 5);
        g_assert_cmpuint(give(&high, 96, 5), ==, 5); /* its buddy is free, but next door */
        g_assert_cmpuint(give(&high, 192, 3), ==, 3); /* its buddy would be behind the end */
        g_assert_cmpstr(zone_audit(&low.zone, low.pages), ==, NULL);
        field_clear(&high);
}

static void free_outside(void *data)
{
        struct field *field = data;

        give(field, 8, 4);
}

static void free_twice(void *data)
{
        struct field *field = data;

        give(field, 4, 0);
        give(field, 4, 0);
}

static void test_misuse(void)
{
        struct field field;

        field_init(&field, 4, 16);
        test_dies(free_outside, &field, "zone->end_pfn");
        test_dies(free_twice, &field, "PAGE_BUDDY");
        field_clear(&field);
}

/* present = spanned less the page descriptors (spec 03 section 1.1). */
static void test_present(void)
{
        struct zone zone = { 0 };

        zone_init(&zone, &arch_x86_64, 0, 0, 0, 4096, false);
        g_assert_cmpuint(zone.present_pages, ==, 4040);
        zone_init(&zone, &arch_x86_64, 0, 1, 4096, 16384, false);
        g_assert_cmpuint(zone.spanned_pages, ==, 12288);
        g_assert_cmpuint(zone.present_pages, ==, 12120);
        zone_init(&zone, &arch_i386, 0, 1, 4096, 229376, false);
        g_assert_cmpuint(zone.present_pages, ==, 223520);
        zone_init(&zone, &arch_x86_64, 2, 1, 4096, 4096, false);
        g_assert_cmpuint(zone.present_pages, ==, 0);
        g_assert_cmpuint(zone.index, ==, 2 * ZONE_TYPES + 1);
}

/* Spec 03 section 3: B and the sizes of the page lists at every border of the table. */
static void test_page_list_sizes(void)
{
        static const struct { uint32_t present, hot_high, hot_batch, cold_high, cold_batch; } table[] = {
                { 1, 0, 1, 0, 1 },         { 8191, 0, 1, 0, 1 },      { 8192, 6, 1, 2, 1 },
                { 12287, 6, 1, 2, 1 },     { 12288, 18, 3, 6, 1 },    { 24575, 18, 3, 6, 1 },
                { 24576, 42, 7, 14, 3 },   { 45055, 42, 7, 14, 3 },   { 45056, 90, 15, 30, 7 },
                { 90111, 90, 15, 30, 7 },  { 90112, 186, 31, 62, 15 }, { 16000000, 186, 31, 62, 15 },
        };
        struct arch flat = arch_x86_64;

        flat.page_bytes = 0; /* so that present is what we say */
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                struct zone zone = { 0 };

                zone_init(&zone, &flat, 0, 0, 0, table[i].present, false);
                g_assert_cmpuint(zone.present_pages, ==, table[i].present);
                for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                        g_assert_cmpuint(zone.pcp[cpu][0].high, ==, table[i].hot_high);
                        g_assert_cmpuint(zone.pcp[cpu][0].batch, ==, table[i].hot_batch);
                        g_assert_cmpuint(zone.pcp[cpu][1].high, ==, table[i].cold_high);
                        g_assert_cmpuint(zone.pcp[cpu][1].batch, ==, table[i].cold_batch);
                }
        }
}

static bool ok(const struct zone *zone, uint32_t order, uint32_t mark, uint32_t class_index, bool high, bool harder)
{
        uint32_t steps;

        return zone_watermark_ok(zone, order, mark, class_index, high, harder, &steps);
}

/* The worked check of spec 03 section 5.3: DMA32 of R1, free 300, order 3 at the low mark 237. */
static void test_watermark_worked_example(void)
{
        struct zone zone = { 0 };
        uint32_t steps;

        zone.free_pages = 300;
        zone.free_area[0].count = 20;
        zone.free_area[1].count = 10;
        zone.free_area[2].count = 5;
        g_assert_true(zone_watermark_ok(&zone, 3, 237, 1, false, false, &steps));
        g_assert_cmpuint(steps, ==, 3);
        zone.free_pages = 244; /* f = 237: not above the mark */
        g_assert_false(zone_watermark_ok(&zone, 3, 237, 1, false, false, &steps));
        g_assert_cmpuint(steps, ==, 0);
        zone.free_pages = 300;
        zone.free_area[0].count = 293 - 118; /* what is left after order 0 is exactly half the mark */
        g_assert_false(zone_watermark_ok(&zone, 3, 237, 1, false, false, &steps));
        g_assert_cmpuint(steps, ==, 1);
        zone.free_area[0].count = 293 - 119;
        zone.free_area[1].count = (119 - 59) / 2; /* 59 left: not above a quarter of it */
        g_assert_false(zone_watermark_ok(&zone, 3, 237, 1, false, false, &steps));
        g_assert_cmpuint(steps, ==, 2);
}

static void test_watermark_marks(void)
{
        struct zone zone = { 0 };

        zone.free_pages = 100;
        g_assert_false(ok(&zone, 0, 100, 0, false, false)); /* free must be above the mark */
        g_assert_true(ok(&zone, 0, 99, 0, false, false));
        zone.free_pages = 51;
        g_assert_true(ok(&zone, 0, 100, 0, true, false)); /* HIGH: half of it */
        g_assert_false(ok(&zone, 0, 102, 0, true, false));
        zone.free_pages = 76;
        g_assert_true(ok(&zone, 0, 100, 0, false, true)); /* HARDER: a quarter less */
        g_assert_false(ok(&zone, 0, 102, 0, false, true));
        zone.free_pages = 39;
        g_assert_true(ok(&zone, 0, 100, 0, true, true)); /* both: 50 less 12 */
        zone.free_pages = 38;
        g_assert_false(ok(&zone, 0, 100, 0, true, true));
        zone.free_pages = 51; /* odd marks: 101 - 50 = 51; 51 - 12 = 39 */
        g_assert_false(ok(&zone, 0, 101, 0, true, false));
        zone.free_pages = 40;
        g_assert_true(ok(&zone, 0, 101, 0, true, true));
}

static void test_watermark_reserve(void)
{
        struct zone zone = { .free_pages = 150, .lowmem_reserve = { 0, 47, 60 } };

        g_assert_true(ok(&zone, 0, 100, 0, false, false));
        g_assert_true(ok(&zone, 0, 100, 1, false, false));  /* 150 > 147 */
        g_assert_false(ok(&zone, 0, 100, 2, false, false)); /* 150 <= 160 */
        g_assert_true(ok(&zone, 0, 100, 2, true, false));   /* the reserve itself is never halved */
        zone.free_pages = 110;
        g_assert_false(ok(&zone, 0, 100, 2, true, false));
}

static void test_watermark_large_orders(void)
{
        struct zone zone = { .free_pages = 5 };

        zone.free_area[0].count = 5;
        g_assert_false(ok(&zone, 3, 0, 0, false, false)); /* fewer pages than one block: 5 - 8 + 1 < 0 */
        zone.free_pages = 1024;
        zone.free_area[0].count = 0;
        zone.free_area[10].count = 1;
        g_assert_true(ok(&zone, 10, 0, 0, false, false));
        g_assert_false(ok(&zone, 10, 1, 0, false, false));
        zone.free_area[10].count = 0;
        zone.free_area[9].count = 2;
        g_assert_false(ok(&zone, 10, 0, 0, false, false)); /* two halves are no whole */
        g_assert_true(ok(&zone, 9, 0, 0, false, false));
}

/* The audit must see what it promises to see. */
static void test_audit(void)
{
        struct field field;

        field_init(&field, 0, 64);
        give(&field, 0, 4);
        give(&field, 32, 4);
        field.zone.free_pages++;
        g_assert_cmpstr(zone_audit(&field.zone, field.pages), ==, "a zone's free_pages is not the sum of its free_area "
                                                                  "lists");
        field.zone.free_pages--;
        field.pages[32].order = 3;
        g_assert_nonnull(zone_audit(&field.zone, field.pages));
        field.pages[32].order = 4;
        field.pages[0].state = PAGE_ALLOCATED;
        g_assert_nonnull(zone_audit(&field.zone, field.pages));
        field.pages[0].state = PAGE_BUDDY;
        field.zone.free_area[4].count = 1;
        g_assert_nonnull(zone_audit(&field.zone, field.pages));
        field.zone.free_area[4].count = 2;
        field.pages[0].prev = 5;
        g_assert_cmpstr(zone_audit(&field.zone, field.pages), ==, "a free_area list is torn");
        field.pages[0].prev = 32;
        field.pages[16].state = PAGE_BUDDY; /* a buddy that was forgotten */
        field.pages[16].order = 4;
        page_list_add_tail(field.pages, &field.zone.free_area[4], 16);
        field.zone.free_pages += 16;
        g_assert_cmpstr(zone_audit(&field.zone, field.pages), ==, "two free buddies were not merged");
        page_list_remove(field.pages, &field.zone.free_area[4], 16);
        field.pages[16].state = PAGE_NONE;
        field.zone.free_pages -= 16;
        page_list_add_head(field.pages, &field.zone.pcp[3][1].list, 50);
        g_assert_cmpstr(zone_audit(&field.zone, field.pages), ==, "a page on a per-CPU list is not marked so");
        field.pages[50].state = PAGE_PCP;
        g_assert_cmpstr(zone_audit(&field.zone, field.pages), ==, NULL);
        field.zone.pcp[3][1].list.count = 2;
        g_assert_cmpstr(zone_audit(&field.zone, field.pages), ==, "a per-CPU page list and its count differ");
        page_list_remove(field.pages, &field.zone.pcp[3][1].list, 50);
        field.zone.pcp[3][1].list.count = 0;
        field_clear(&field);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/zone/a-split-keeps-the-lower-half", test_split);
        g_test_add_func("/mm/zone/free-buddies-merge", test_merge);
        g_test_add_func("/mm/zone/a-smaller-buddy-does-not-merge", test_buddy_of_another_order);
        g_test_add_func("/mm/zone/lists-are-used-from-the-head", test_head_first);
        g_test_add_func("/mm/zone/ascending-frees-leave-the-highest-block-first", test_highest_block_first);
        g_test_add_func("/mm/zone/blocks-end-at-1024-pages", test_no_merge_beyond_1024);
        g_test_add_func("/mm/zone/blocks-do-not-merge-across-zones", test_no_merge_across_borders);
        g_test_add_func("/mm/zone/freeing-outside-or-twice-is-an-error", test_misuse);
        g_test_add_func("/mm/zone/present-pages-are-less-the-descriptors", test_present);
        g_test_add_func("/mm/zone/page-list-sizes-follow-the-table", test_page_list_sizes);
        g_test_add_func("/mm/zone/watermark-worked-example", test_watermark_worked_example);
        g_test_add_func("/mm/zone/watermarks-give-way-to-high-and-harder", test_watermark_marks);
        g_test_add_func("/mm/zone/lowmem-reserve-counts-by-class", test_watermark_reserve);
        g_test_add_func("/mm/zone/large-orders-need-large-blocks", test_watermark_large_orders);
        g_test_add_func("/mm/zone/the-audit-sees-what-is-broken", test_audit);
        return g_test_run();
}
