/*
 * test_buddy.c - zone.c against a bitmap and plain lists: random operations on zones with awkward borders, and every
 * short sequence on a small zone.
 */
#include <glib.h>
#include <string.h>

#include "mm/zone.h"
#include "support/buddy_model.h"
#include "support/property.h"

#define HELD_MAX 4096u

struct block {
        uint32_t pfn, order;
};

enum { TAKE, GIVE, GIVE_NEWEST };

static const char *const kinds[] = { "take", "give", "give-newest", NULL };

static void draw(struct prng *prng, struct prop_op *op)
{
        op->kind = prng_chance(prng, 1, 2) ? TAKE : prng_chance(prng, 2, 3) ? GIVE : GIVE_NEWEST;
        op->a = op->kind == TAKE ? (uint32_t)prng_below(prng, prng_chance(prng, 1, 8) ? 11 : 4) :
                                   (uint32_t)prng_next(prng);
        op->b = 0;
}

/* All pages become free, in blocks as large as alignment, borders and chance allow. */
static void fill(struct zone *zone, struct page *pages, struct buddy_model *model, struct prng *prng)
{
        for (uint32_t pfn = zone->start_pfn; pfn < zone->end_pfn;) {
                uint32_t order = (uint32_t)prng_below(prng, MAX_ORDER);

                while (pfn % (1u << order) || pfn + (1u << order) > zone->end_pfn)
                        order--;
                zone_free_block(zone, pages, pfn, order);
                buddy_model_give(model, pfn, order);
                pfn += 1u << order;
        }
}

static const char *run(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        g_autofree struct block *held = g_new(struct block, HELD_MAX);
        g_autofree struct page *pages = NULL;
        struct buddy_model model;
        struct zone zone = { 0 };
        uint32_t held_count = 0;
        const char *problem;
        struct prng prng;
        uint32_t start, end;

        prng_init(&prng, seed, prng_stream_of("borders"));
        start = (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 4) ? 1 : 2500);
        end = start + 1 + (uint32_t)prng_below(&prng, prng_chance(&prng, 1, 2) ? 100 : 4000);
        pages = g_new0(struct page, end);
        zone_init(&zone, &arch_x86_64, 0, 0, start, end, false);
        buddy_model_init(&model, start, end);
        fill(&zone, pages, &model, &prng);
        problem = buddy_model_compare(&model, &zone, pages);
        for (uint32_t i = 0; i < count && !problem; i++) {
                if (ops[i].kind == TAKE && held_count < HELD_MAX) {
                        uint32_t from = MAX_ORDER;
                        uint32_t pfn = zone_take_block(&zone, pages, ops[i].a, &from);
                        uint32_t expected = buddy_model_take(&model, ops[i].a);

                        if (pfn != expected)
                                problem = property_says("order %u: pfn %u, not %u", ops[i].a, pfn, expected);
                        else if (pfn != PFN_NONE && (from < ops[i].a || from >= MAX_ORDER))
                                problem = property_says("order %u cut from order %u", ops[i].a, from);
                        else if (pfn != PFN_NONE)
                                held[held_count++] = (struct block){ pfn, ops[i].a };
                } else if (ops[i].kind != TAKE && held_count) {
                        uint32_t which = ops[i].kind == GIVE ? ops[i].a % held_count : held_count - 1;
                        struct block block = held[which];

                        held[which] = held[--held_count];
                        zone_free_block(&zone, pages, block.pfn, block.order);
                        buddy_model_give(&model, block.pfn, block.order);
                }
                if (!problem && (i % 16 == 0 || i + 1 == count || count < 40))
                        problem = buddy_model_compare(&model, &zone, pages);
        }
        while (held_count && !problem) { /* everything back: the blocks of the empty zone again */
                held_count--;
                zone_free_block(&zone, pages, held[held_count].pfn, held[held_count].order);
                buddy_model_give(&model, held[held_count].pfn, held[held_count].order);
        }
        if (!problem)
                problem = buddy_model_compare(&model, &zone, pages);
        if (!problem && zone.free_pages != zone.spanned_pages)
                problem = property_says("%u pages did not come back",
                                        zone.spanned_pages - (uint32_t)zone.free_pages);
        buddy_model_clear(&model);
        return problem;
}

static void test_random(void)
{
        const struct property property = { kinds, 800, draw, run };

        property_test(&property, 300);
}

/* Every sequence of takes and gives of up to `depth` operations on a zone of 16 pages that starts at pfn 8. */
struct small {
        struct zone zone;
        struct page pages[24];
        struct block held[8];
        uint32_t held_count;
};

static uint64_t sequences;

static void compare_small(const struct small *small)
{
        uint8_t free[24] = { 0 };
        uint32_t covered = 0;

        /* the map of what is not held, and the blocks that must follow from it */
        memset(free + 8, 1, 16);
        for (uint32_t i = 0; i < small->held_count; i++)
                memset(free + small->held[i].pfn, 0, 1u << small->held[i].order);
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                const struct page_list *list = &small->zone.free_area[order];

                for (uint32_t pfn = list->head; pfn != PFN_NONE; pfn = small->pages[pfn].next) {
                        g_assert_cmpuint(pfn, >=, 8);
                        g_assert_cmpuint(pfn + (1u << order), <=, 24);
                        for (uint32_t i = 0; i < 1u << order; i++)
                                g_assert_cmpuint(free[pfn + i]++, ==, 1); /* free, and in one block only */
                        covered += 1u << order;
                }
        }
        g_assert_cmpuint(covered, ==, small->zone.free_pages);
        for (uint32_t pfn = 8; pfn < 24; pfn++)
                g_assert_cmpuint(free[pfn], !=, 1); /* every free page is in a block */
        g_assert_cmpstr(zone_audit(&small->zone, small->pages), ==, NULL);
}

static void try_all(const struct small *small, uint32_t depth)
{
        sequences++;
        compare_small(small);
        if (!depth)
                return;
        for (uint32_t order = 0; order <= 4; order++) {
                struct small next = *small;
                uint32_t from;
                uint32_t pfn = zone_take_block(&next.zone, next.pages, order, &from);

                if (pfn == PFN_NONE) {
                        bool any = false;

                        for (uint32_t o = order; o < MAX_ORDER; o++)
                                any |= small->zone.free_area[o].count > 0;
                        g_assert_false(any);
                        continue;
                }
                g_assert_cmpuint(pfn, ==, small->zone.free_area[from].head);
                next.held[next.held_count++] = (struct block){ pfn, order };
                try_all(&next, depth - 1);
        }
        for (uint32_t i = 0; i < small->held_count; i++) {
                struct small next = *small;
                struct block block = next.held[i];
                uint32_t to = zone_free_block(&next.zone, next.pages, block.pfn, block.order);

                g_assert_cmpuint(to, >=, block.order);
                g_assert_cmpuint(next.zone.free_area[to].head, ==, block.pfn & ~((1u << to) - 1)); /* at the head */
                next.held[i] = next.held[--next.held_count];
                try_all(&next, depth - 1);
        }
}

static void test_all_short(void)
{
        struct small small = { 0 };

        zone_init(&small.zone, &arch_x86_64, 0, 0, 8, 24, false);
        zone_free_block(&small.zone, small.pages, 8, 3);
        zone_free_block(&small.zone, small.pages, 16, 3);
        try_all(&small, 7);
        g_test_message("%" G_GUINT64_FORMAT " sequences", sequences);
        g_assert_cmpuint(sequences, >, 100000);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/zone/buddy-lists-are-those-of-the-model", test_random);
        g_test_add_func("/mm/zone/every-short-sequence-on-16-pages", test_all_short);
        return g_test_run();
}
