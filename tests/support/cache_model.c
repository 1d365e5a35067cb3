#include "support/cache_model.h"

#include "support/property.h"

#define REFILL_CAP 16u /* objects a magazine gets that has not been used since the last reap */

static GArray *objects_new(void)
{
        return g_array_new(FALSE, FALSE, sizeof(struct model_object));
}

static void slab_free(gpointer data)
{
        struct model_slab *slab = data;

        g_array_unref(slab->chain);
        g_free(slab);
}

void cache_model_init(struct cache_model *model, const struct cache_shape *shape)
{
        *model = (struct cache_model){ .shape = *shape, .next_reap = shape->next_reap };
        model->partial = g_ptr_array_new();
        model->full = g_ptr_array_new();
        model->empty = g_ptr_array_new();
        for (uint32_t cpu = 0; cpu < shape->cpus; cpu++)
                model->magazine[cpu] = objects_new();
        model->shared = objects_new();
}

void cache_model_clear(struct cache_model *model)
{
        g_ptr_array_foreach(model->partial, (GFunc)(void *)slab_free, NULL);
        g_ptr_array_foreach(model->full, (GFunc)(void *)slab_free, NULL);
        g_ptr_array_foreach(model->empty, (GFunc)(void *)slab_free, NULL);
        g_ptr_array_unref(model->partial);
        g_ptr_array_unref(model->full);
        g_ptr_array_unref(model->empty);
        for (uint32_t cpu = 0; cpu < model->shape.cpus; cpu++)
                g_array_unref(model->magazine[cpu]);
        g_array_unref(model->shared);
}

/* GROW: a slab of the next colour, at the tail of the empty ones. */
static void grow(struct cache_model *model)
{
        struct model_slab *slab = g_new0(struct model_slab, 1);

        slab->pfn = PFN_NONE;
        slab->offset = model->shape.first_offset + model->next_colour * model->shape.colour_step;
        slab->chain = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        for (uint32_t i = 0; i < model->shape.num; i++)
                g_array_append_val(slab->chain, i);
        model->next_colour++;
        if (model->next_colour >= model->shape.colours)
                model->next_colour = 0;
        g_ptr_array_add(model->empty, slab);
        model->free_objects += model->shape.num;
        model->grown++;
}

/* REFILL_FROM_SHARED: the newest entries, in their order. */
static bool refill_from_shared(struct cache_model *model, GArray *magazine, uint32_t want)
{
        uint32_t count = MIN(want, model->shared->len);
        struct model_object *first;

        count = MIN(count, model->shape.limit - magazine->len);
        if (!count)
                return false;
        first = &g_array_index(model->shared, struct model_object, model->shared->len - count);
        g_array_append_vals(magazine, first, count);
        g_array_set_size(model->shared, model->shared->len - count);
        return true;
}

static void refill_from_slabs(struct cache_model *model, GArray *magazine, uint32_t want)
{
        while (want) {
                GPtrArray *from = model->partial;
                struct model_slab *slab;

                if (!from->len) {
                        model->free_touched = true;
                        from = model->empty;
                }
                if (!from->len)
                        break;
                slab = g_ptr_array_steal_index(from, 0);
                while (slab->chain->len && want) {
                        struct model_object object = { slab, g_array_index(slab->chain, uint32_t, 0) };

                        g_array_remove_index(slab->chain, 0);
                        g_array_append_val(magazine, object);
                        slab->inuse++;
                        want--;
                        model->moved++;
                        model->out++;
                        model->out_max = MAX(model->out_max, model->out);
                }
                g_ptr_array_insert(slab->chain->len ? model->partial : model->full, 0, slab);
        }
        model->free_objects -= magazine->len;
}

struct model_object cache_model_alloc(struct cache_model *model, uint32_t cpu)
{
        GArray *magazine = model->magazine[cpu];
        struct model_object object;

        if (magazine->len)
                model->hits++;
        else
                model->misses++;
        while (!magazine->len) {
                uint32_t want = model->shape.batchcount;

                if (!model->touched[cpu])
                        want = MIN(want, REFILL_CAP);
                if (!refill_from_shared(model, magazine, want))
                        refill_from_slabs(model, magazine, want);
                if (!magazine->len)
                        grow(model);
        }
        model->touched[cpu] = true;
        object = g_array_index(magazine, struct model_object, magazine->len - 1);
        g_array_set_size(magazine, magazine->len - 1);
        return object;
}

/* RETURN_TO_SLABS of the oldest `count` entries; they stay in the array, the caller takes them out. */
static void return_to_slabs(struct cache_model *model, const GArray *array, uint32_t count)
{
        for (uint32_t i = 0; i < count; i++) {
                struct model_object object = g_array_index(array, struct model_object, i);
                struct model_slab *slab = object.slab;

                if (!g_ptr_array_remove(model->full, slab) && !g_ptr_array_remove(model->partial, slab))
                        g_error("the model lost a slab");
                g_array_prepend_val(slab->chain, object.index);
                slab->inuse--;
                model->out--;
                model->free_objects++;
                if (slab->inuse) {
                        g_ptr_array_add(model->partial, slab);
                } else if (model->free_objects <= model->shape.free_limit) {
                        g_ptr_array_insert(model->empty, 0, slab);
                } else {
                        model->free_objects -= model->shape.num;
                        slab_free(slab);
                }
        }
}

void cache_model_free(struct cache_model *model, uint32_t cpu, struct model_object object)
{
        GArray *magazine = model->magazine[cpu];

        if (magazine->len == model->shape.limit) {
                uint32_t count = model->shape.batchcount;
                uint32_t room = model->shape.shared_limit - model->shared->len;

                model->free_misses++;
                if (room) {
                        count = MIN(count, room);
                        g_array_append_vals(model->shared, magazine->data, count);
                } else {
                        return_to_slabs(model, magazine, count);
                }
                g_array_remove_range(magazine, 0, count);
                model->empty_max = MAX(model->empty_max, model->empty->len);
        } else {
                model->free_hits++;
        }
        g_array_append_val(magazine, object);
}

/* DRAIN_ARRAY */
static void drain_array(struct cache_model *model, GArray *array, uint32_t limit, bool *touched, bool force)
{
        uint32_t count;

        if (!array->len)
                return;
        if (!force && touched && *touched) {
                *touched = false;
                return;
        }
        count = force ? array->len : (limit + 4) / 5;
        if (count > array->len)
                count = (array->len + 1) / 2;
        return_to_slabs(model, array, count);
        g_array_remove_range(array, 0, count);
}

/* DRAIN_FREE: from the tail. */
static uint32_t drain_empty(struct cache_model *model, uint64_t want)
{
        uint32_t count = 0;

        while (count < want && model->empty->len) {
                slab_free(g_ptr_array_steal_index(model->empty, model->empty->len - 1));
                model->free_objects -= model->shape.num;
                count++;
        }
        return count;
}

void cache_model_reap(struct cache_model *model, uint32_t cpu, uint64_t jiffies)
{
        uint32_t num = model->shape.num;

        drain_array(model, model->magazine[cpu], model->shape.limit, &model->touched[cpu], false);
        if (model->next_reap > jiffies)
                return;
        model->next_reap = jiffies + 4 * model->shape.hz;
        drain_array(model, model->shared, model->shape.shared_limit, NULL, false); /* never touched without NUMA */
        if (model->free_touched)
                model->free_touched = false;
        else
                model->reaped += drain_empty(model, (model->shape.free_limit + 5 * num - 1) / (5 * num));
}

uint32_t cache_model_shrink(struct cache_model *model, uint32_t cpu)
{
        for (uint32_t other = 0; other < model->shape.cpus; other++) {
                if (other != cpu)
                        drain_array(model, model->magazine[other], 0, NULL, true);
        }
        drain_array(model, model->magazine[cpu], 0, NULL, true);
        drain_array(model, model->shared, 0, NULL, true);
        drain_empty(model, UINT64_MAX);
        return model->partial->len || model->full->len;
}

static uint64_t place_in_slab(struct model_object object, uint32_t buffer_size)
{
        return object.slab->offset + (uint64_t)object.index * buffer_size;
}

bool cache_model_found(struct cache_model *model, struct model_object object, uint64_t place)
{
        uint64_t inside = place_in_slab(object, model->shape.buffer_size);

        if (place < inside || (place - inside) % PAGE_BYTES)
                return false;
        if (object.slab->pfn == PFN_NONE)
                object.slab->pfn = place_pfn(place - inside);
        return object.slab->pfn == place_pfn(place - inside);
}

/* -- comparing ----------------------------------------------------------------------------------------------------- */

static const char *compare_slab(const struct model_slab *expected, const struct slab *slab, const struct pool *pool)
{
        const uint16_t *bufctl = pool_at(pool, slab->bufctl);
        uint32_t index = slab->free;

        if (expected->pfn != PFN_NONE && slab->pfn != expected->pfn)
                return property_says("a slab lies at pfn %u, not %u", slab->pfn, expected->pfn);
        if (slab->colouroff != expected->offset)
                return property_says("slab %u: objects start at +%u, not +%u", slab->pfn, slab->colouroff,
                                     expected->offset);
        if (slab->inuse != expected->inuse)
                return property_says("slab %u: inuse is %u, not %u", slab->pfn, slab->inuse, expected->inuse);
        for (uint32_t i = 0; i < expected->chain->len; i++, index = bufctl[index]) {
                if (index != g_array_index(expected->chain, uint32_t, i))
                        return property_says("slab %u: free chain has %u, not %u, at place %u", slab->pfn, index,
                                             g_array_index(expected->chain, uint32_t, i), i);
        }
        return index == BUFCTL_END ? NULL : "a free chain is too long";
}

static const char *compare_list(const GPtrArray *expected, const struct memory *mem, const struct slab_lists *lists,
                                enum slab_list_kind kind, const char *name)
{
        uint32_t id = lists->list[kind].head;

        if (lists->list[kind].count != expected->len)
                return property_says("%u slabs are %s, not %u", lists->list[kind].count, name, expected->len);
        for (uint32_t i = 0; i < expected->len; i++, id = mem->slabs[id].next) {
                const char *problem = compare_slab(expected->pdata[i], &mem->slabs[id], &mem->pool);

                if (problem)
                        return property_says("%s list, place %u: %s", name, i, g_strdup(problem));
        }
        return NULL;
}

static const char *compare_array(const GArray *expected, const struct array_cache *ac, uint32_t buffer_size,
                                 const char *name)
{
        if (ac->avail != expected->len)
                return property_says("%s holds %u objects, not %u", name, ac->avail, expected->len);
        for (uint32_t i = 0; i < expected->len; i++) {
                struct model_object object = g_array_index(expected, struct model_object, i);
                uint64_t place = place_of(object.slab->pfn, 0) + place_in_slab(object, buffer_size);

                if (object.slab->pfn != PFN_NONE && ac->entry[i] != place)
                        return property_says("%s, entry %u: %u+%u, not %u+%u", name, i, place_pfn(ac->entry[i]),
                                             place_offset(ac->entry[i]), place_pfn(place), place_offset(place));
        }
        return NULL;
}

static const char *compare_number(const char *name, uint64_t real, uint64_t expected)
{
        if (real == expected)
                return NULL;
        return property_says("%s is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, name, real, expected);
}

const char *cache_model_compare(const struct cache_model *model, const struct memory *mem, uint32_t cache)
{
        const struct slab_lists *lists = memory_lists(mem, cache, 0);
        const struct kmem_cache *c = &mem->caches[cache];
        const struct { const char *name; uint64_t real, expected; } numbers[] = {
                { "free_objects", lists->free_objects, model->free_objects },
                { "free_touched", lists->free_touched, model->free_touched },
                { "colour_next", lists->colour_next, model->next_colour },
                { "next_reap", lists->next_reap, model->next_reap },
                { "allochit", c->allochit, model->hits },
                { "allocmiss", c->allocmiss, model->misses },
                { "freehit", c->freehit, model->free_hits },
                { "freemiss", c->freemiss, model->free_misses },
                { "allocs", c->allocs, model->moved },
                { "num_active", c->num_active, model->out },
                { "high", c->high, model->out_max },
                { "grown", c->grown, model->grown },
                { "reaped", c->reaped, model->reaped },
                { "max_freeable", c->max_freeable, model->empty_max },
                { "slab_count", c->slab_count, model->partial->len + model->full->len + model->empty->len },
        };
        const char *problem = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(numbers) && !problem; i++)
                problem = compare_number(numbers[i].name, numbers[i].real, numbers[i].expected);
        if (!problem)
                problem = compare_list(model->partial, mem, lists, SLABS_PARTIAL, "partial");
        if (!problem)
                problem = compare_list(model->full, mem, lists, SLABS_FULL, "full");
        if (!problem)
                problem = compare_list(model->empty, mem, lists, SLABS_FREE, "free");
        for (uint32_t cpu = 0; cpu < model->shape.cpus && !problem; cpu++) {
                const struct array_cache *ac = memory_array(mem, c->array[cpu]);

                problem = compare_number("touched", ac->touched, model->touched[cpu]);
                if (!problem)
                        problem = compare_array(model->magazine[cpu], ac, model->shape.buffer_size, "a magazine");
        }
        if (!problem)
                problem = compare_array(model->shared, memory_array(mem, lists->shared), model->shape.buffer_size,
                                        "the shared array");
        return problem;
}
