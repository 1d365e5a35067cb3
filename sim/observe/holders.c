/*
 * holders.c - see holders.h.
 */
#include "observe/holders.h"

#include "mm/memory.h"

static void walk_zone(struct holders *holders, const struct memory *mem, const struct zone *zone)
{
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                for (uint32_t pfn = zone->free_area[order].head; pfn != PFN_NONE; pfn = mem->pages[pfn].next)
                        for (uint32_t i = 0; i < 1u << order; i++)
                                holders->pages[pfn + i] = (struct page_holder){ USE_FREE, order, pfn };
        for (uint32_t list = 0; list < 2 * MACHINE_CPUS_MAX; list++)
                for (uint32_t pfn = zone->pcp[list / 2][list % 2].list.head; pfn != PFN_NONE;
                     pfn = mem->pages[pfn].next)
                        holders->pages[pfn] = (struct page_holder){ USE_LIST, 0, list };
}

static void walk_slabs(struct holders *holders, const struct memory *mem, uint32_t cache)
{
        for (uint32_t node = 0; node < mem->nodes; node++) {
                const struct slab_lists *lists = memory_lists(mem, cache, node);

                for (int kind = SLABS_PARTIAL; kind < SLAB_LIST_KINDS; kind++)
                        for (uint32_t id = lists->list[kind].head; id != SLAB_NONE; id = mem->slabs[id].next)
                                for (uint32_t i = 0; i < 1u << mem->caches[cache].gfporder; i++)
                                        holders->pages[mem->slabs[id].pfn + i] =
                                                (struct page_holder){ USE_SLAB, 0, id };
        }
}

static void add_object(struct holders *holders, const struct memory *mem, uint32_t handle)
{
        struct sim_object object, oldest;
        struct slab_holder *slab;

        /* swapped out */
        if (!sim_object_get(holders->sim, handle, &object) || place_pfn(object.place) >= mem->page_count)
                return;
        if (object.cache == CACHE_ID_NONE) {
                for (uint32_t i = 0; i < 1u << object.order; i++)
                        holders->pages[place_pfn(object.place) + i] =
                                (struct page_holder){ USE_BLOCK, object.order, handle };
                return;
        }
        if (mem->pages[place_pfn(object.place)].state != PAGE_SLAB) /* on its way back in an op that is not done */
                return;
        slab = &holders->slabs[memory_slab_of(mem, object.place)];
        if (slab->objs++ == 0 || (sim_object_get(holders->sim, slab->oldest, &oldest) && object.op < oldest.op))
                slab->oldest = handle;
}

struct holders *holders_new(const struct sim *sim)
{
        const struct memory *mem = sim_memory(sim);
        struct holders *holders = g_new0(struct holders, 1);

        holders->sim = sim;
        holders->page_count = mem->page_count;
        holders->slab_count = mem->slabs_used;
        holders->pages = g_new0(struct page_holder, mem->page_count);
        holders->slabs = g_new(struct slab_holder, mem->slabs_used);
        for (uint32_t id = 0; id < mem->slabs_used; id++)
                holders->slabs[id] = (struct slab_holder){ 0, OBJECT_NONE };
        for (uint32_t handle = 0; handle < sim_object_count(sim); handle++)
                add_object(holders, mem, handle);
        for (uint32_t z = 0; z < mem->zone_count; z++)
                if (mem->zones[z].present_pages != 0)
                        walk_zone(holders, mem, &mem->zones[z]);
        for (uint32_t cache = mem->chain; cache != CACHE_ID_NONE; cache = mem->caches[cache].next)
                walk_slabs(holders, mem, cache);
        return holders;
}

void holders_free(struct holders *holders)
{
        if (holders == NULL)
                return;
        g_free(holders->pages);
        g_free(holders->slabs);
        g_free(holders);
}

/* -- objects of one slab ------------------------------------------------------------------------------------------- */

struct slab_view {
        const struct memory *mem;
        const struct slab *slab;
        uint32_t id;
        struct object_holder *objects;
};

/* The object at a place, if it is one of this slab. */
static struct object_holder *find_object(const struct slab_view *view, uint64_t place)
{
        const struct page *page = &view->mem->pages[place_pfn(place)];

        if (page->state != PAGE_SLAB || page->slab != view->id)
                return NULL;
        return &view->objects[memory_object_index(view->mem, view->slab, place)];
}

static void note_array(const struct slab_view *view, uint32_t ref, enum object_at at, uint32_t who)
{
        const struct array_cache *array;

        if (ref == 0)
                return;
        array = memory_array(view->mem, ref);
        for (uint32_t i = 0; i < array->avail; i++) {
                struct object_holder *object = find_object(view, array->entry[i]);

                if (object != NULL)
                        *object = (struct object_holder){ at, who, array->avail - 1 - i };
        }
}

static void note_node(const struct slab_view *view, uint32_t node)
{
        note_array(view, memory_lists(view->mem, view->slab->cache, node)->shared, OBJECT_IN_SHARED, node);
        for (uint32_t home = 0; view->mem->numa && home < view->mem->nodes; home++)
                note_array(view, memory_aliens(view->mem, view->slab->cache, node)->array[home], OBJECT_IN_ALIEN, node);
}

struct object_holder *holders_of_slab(const struct sim *sim, uint32_t id)
{
        const struct memory *mem = sim_memory(sim);
        const struct slab *slab = &mem->slabs[id];
        const uint16_t *bufctl = pool_at(&mem->pool, slab->bufctl);
        struct slab_view view = { mem, slab, id, g_new(struct object_holder, slab->num) };
        uint32_t index = slab->free;

        for (uint32_t i = 0; i < slab->num; i++)
                view.objects[i] = (struct object_holder){ OBJECT_ELSEWHERE, 0, 0 };
        for (uint32_t handle = 0; handle < sim_object_count(sim); handle++) {
                struct sim_object object;
                struct object_holder *found;

                if (!sim_object_get(sim, handle, &object) || object.cache != slab->cache)
                        continue;
                found = find_object(&view, object.place);
                if (found != NULL)
                        *found = (struct object_holder){ OBJECT_HELD, handle, 0 };
        }
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                note_array(&view, mem->caches[slab->cache].array[cpu], OBJECT_IN_MAGAZINE, cpu);
        for (uint32_t node = 0; node < mem->nodes; node++)
                note_node(&view, node);
        for (uint32_t number = 0; index != BUFCTL_END && number < slab->num; index = bufctl[index], number++)
                view.objects[index] = (struct object_holder){ OBJECT_ON_SLAB, 0, number };
        return view.objects;
}
