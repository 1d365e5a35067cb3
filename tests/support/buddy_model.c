#include "support/buddy_model.h"

#include <string.h>

#include "support/property.h"

void buddy_model_init(struct buddy_model *model, uint32_t start, uint32_t end)
{
        model->start = start;
        model->end = end;
        model->map = g_new0(uint8_t, end - start);
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                model->lists[order] = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

void buddy_model_clear(struct buddy_model *model)
{
        g_free(model->map);
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                g_array_unref(model->lists[order]);
}

uint32_t buddy_model_take(struct buddy_model *model, uint32_t order)
{
        for (uint32_t k = order; k < MAX_ORDER; k++) {
                uint32_t pfn;

                if (!model->lists[k]->len)
                        continue;
                pfn = g_array_index(model->lists[k], uint32_t, 0);
                g_array_remove_index(model->lists[k], 0);
                for (; k > order; k--) {
                        uint32_t upper = pfn + (1u << (k - 1));

                        g_array_prepend_val(model->lists[k - 1], upper);
                }
                memset(&model->map[pfn - model->start], 0, 1u << order);
                return pfn;
        }
        return PFN_NONE;
}

static bool take_from_list(GArray *list, uint32_t pfn)
{
        for (uint32_t i = 0; i < list->len; i++) {
                if (g_array_index(list, uint32_t, i) == pfn) {
                        g_array_remove_index(list, i);
                        return true;
                }
        }
        return false;
}

void buddy_model_give(struct buddy_model *model, uint32_t pfn, uint32_t order)
{
        memset(&model->map[pfn - model->start], 1, 1u << order);
        while (order + 1 < MAX_ORDER && take_from_list(model->lists[order], pfn ^ (1u << order))) {
                pfn -= pfn % (2u << order);
                order++;
        }
        g_array_prepend_val(model->lists[order], pfn);
}

static bool all_free(const struct buddy_model *model, uint32_t pfn, uint32_t count)
{
        if (pfn < model->start || pfn + count > model->end)
                return false;
        return memchr(&model->map[pfn - model->start], 0, count) == NULL;
}

/* Largest free aligned block that `pfn` lies in. */
static uint32_t block_order(const struct buddy_model *model, uint32_t pfn)
{
        uint32_t order = 0;

        while (order + 1 < MAX_ORDER) {
                uint32_t count = 2u << order;

                if (!all_free(model, pfn - pfn % count, count))
                        break;
                order++;
        }
        return order;
}

const char *buddy_model_compare(const struct buddy_model *model, const struct zone *zone, const struct page *pages)
{
        uint32_t counts[MAX_ORDER] = { 0 };
        uint64_t free_pages = 0;

        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                uint32_t pfn = zone->free_area[order].head;

                for (uint32_t i = 0; i < model->lists[order]->len; i++, pfn = pages[pfn].next) {
                        uint32_t expected = g_array_index(model->lists[order], uint32_t, i);

                        if (pfn != expected)
                                return property_says("free_area[%u], place %u: pfn %u, not %u", order, i, pfn,
                                                     expected);
                }
                if (pfn != PFN_NONE)
                        return property_says("free_area[%u] has more blocks than %u", order, model->lists[order]->len);
        }
        for (uint32_t pfn = model->start; pfn < model->end;) {
                uint32_t order;

                if (!model->map[pfn - model->start]) {
                        pfn++;
                        continue;
                }
                order = block_order(model, pfn);
                counts[order]++;
                free_pages += 1u << order;
                pfn += 1u << order;
        }
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                if (counts[order] != zone->free_area[order].count)
                        return property_says("free_area[%u] counts %u blocks, the map %u", order,
                                             zone->free_area[order].count, counts[order]);
        }
        if (free_pages != zone->free_pages)
                return property_says("free_pages is %" G_GUINT64_FORMAT ", the map has %" G_GUINT64_FORMAT,
                                     zone->free_pages, free_pages);
        return zone_audit(zone, pages);
}
