/*
 * memory_audit.c - recounts every structure of the allocator and compares.
 */
#include "base/core_only.h"
#include "mm/memory.h"

/* While list_lock is held a slab may be between two lists: then only the links are looked at. */
static const char *audit_list(const struct memory *memory, uint32_t cache, uint32_t node, enum slab_list_kind kind,
                              uint64_t *free_objects, uint64_t *inuse)
{
        const struct slab_lists *lists = memory_lists(memory, cache, node);
        bool locked = lists->lock.holder != 0;
        const struct kmem_cache *c = &memory->caches[cache];
        uint8_t seen[2048];
        uint32_t count = 0;
        uint32_t prev = SLAB_NONE;

        for (uint32_t id = lists->list[kind].head; id; prev = id, id = memory->slabs[id].next) {
                const struct slab *slab = &memory->slabs[id];
                const char *problem;

                if (++count > lists->list[kind].count || slab->prev != prev)
                        return "a slab list is torn";
                if (slab->list != kind || slab->cache != cache || slab->num != c->num ||
                    (slab->node != node && !memory->strayed))
                        return "a slab is on a list where it does not belong";
                if (slab->num > sizeof(seen))
                        return "a slab has more objects than can be";
                problem = slab_audit(slab, &memory->pool, seen);
                if (!problem && memory->slab_debug)
                        problem = slab_debug_audit(memory, id, seen);
                if (problem)
                        return problem;
                if (!locked && kind == SLABS_FULL && slab->inuse != slab->num)
                        return "a slab on the full list has free objects";
                if (!locked && kind == SLABS_FREE && slab->inuse != 0)
                        return "a slab on the free list is in use";
                for (uint32_t i = 0; i < 1u << c->gfporder; i++) {
                        if (memory->pages[slab->pfn + i].state != PAGE_SLAB || memory->pages[slab->pfn + i].slab != id)
                                return "a page of a slab does not name it";
                }
                *free_objects += slab->num - slab->inuse;
                *inuse += slab->inuse;
        }
        if (count != lists->list[kind].count || prev != lists->list[kind].tail)
                return "a slab list and its count differ";
        return NULL;
}

/* Every object of an array must be of this cache and of the node that the array is for. */
static const char *audit_array(const struct memory *memory, uint32_t cache, uint32_t node, uint32_t array)
{
        const struct array_cache *ac = memory_array(memory, array);

        if (ac->avail > ac->limit)
                return "an array holds more objects than its limit";
        for (uint32_t i = 0; i < ac->avail; i++) {
                const struct page *page = &memory->pages[place_pfn(ac->entry[i])];

                if (page->state != PAGE_SLAB || memory->slabs[page->slab].cache != cache)
                        return "an array holds an object of another cache";
                if (memory->slabs[page->slab].node != node && !memory->strayed)
                        return "an array holds an object of another node";
        }
        return NULL;
}

/* An alien array holds objects of its home node; the node itself has none. */
static const char *audit_aliens(const struct memory *memory, uint32_t cache, uint32_t node, uint64_t *in_arrays)
{
        const struct alien_set *set = memory_aliens(memory, cache, node);

        if (set->array[node])
                return "a node has an alien array for itself";
        for (uint32_t home = 0; home < memory->nodes; home++) {
                const char *problem = set->array[home] ? audit_array(memory, cache, home, set->array[home]) : NULL;

                if (problem)
                        return problem;
                if (set->array[home])
                        *in_arrays += memory_array(memory, set->array[home])->avail;
        }
        return NULL;
}

const char *memory_audit_cache(const struct memory *memory, uint32_t cache, bool under_way)
{
        const struct kmem_cache *c = &memory->caches[cache];
        const char *problem = NULL;
        uint64_t inuse = 0;
        uint64_t in_arrays = 0;
        bool locked = false;

        for (uint32_t node = 0; node < memory->nodes; node++) {
                const struct slab_lists *lists = memory_lists(memory, cache, node);
                uint64_t free_objects = 0;

                for (int kind = SLABS_PARTIAL; kind < SLAB_LIST_KINDS && !problem; kind++)
                        problem = audit_list(memory, cache, node, (enum slab_list_kind)kind, &free_objects, &inuse);
                if (problem)
                        return problem;
                if (lists->lock.holder) { /* objects may be between an array and a slab */
                        locked = true;
                        continue;
                }
                if (free_objects != lists->free_objects && !memory->strayed)
                        return "free_objects is not the sum over partial and free slabs";
                if (lists->shared) {
                        problem = audit_array(memory, cache, node, lists->shared);
                        if (problem)
                                return problem;
                        in_arrays += memory_array(memory, lists->shared)->avail;
                }
        }
        for (uint32_t node = 0; memory->numa && node < memory->nodes && !locked; node++) {
                problem = audit_aliens(memory, cache, node, &in_arrays);
                if (problem)
                        return problem;
        }
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX && !locked; cpu++) {
                if (!c->array[cpu])
                        continue;
                problem = audit_array(memory, cache, memory->node_of_cpu[cpu], c->array[cpu]);
                if (problem)
                        return problem;
                in_arrays += memory_array(memory, c->array[cpu])->avail;
        }
        if (!locked && inuse != c->num_active)
                return "num_active is not the sum of inuse over all slabs";
        if (!locked && !under_way && inuse != in_arrays + c->live_objs)
                return "an object is neither in an array nor with its owner";
        return NULL;
}

const char *memory_audit(const struct memory *memory, bool under_way)
{
        for (uint32_t zone = 0; zone < memory->zone_count; zone++) {
                const char *problem = zone_audit(&memory->zones[zone], memory->pages);

                if (problem)
                        return problem;
        }
        if (memory->lru.in_use) {
                const char *problem = lru_audit(memory, under_way);

                if (problem)
                        return problem;
        }
        for (uint32_t id = memory->chain; id != CACHE_ID_NONE; id = memory->caches[id].next) {
                const char *problem = memory_audit_cache(memory, id, under_way);

                if (problem)
                        return problem;
        }
        for (uint32_t id = 1; id <= memory->mempool_count; id++) {
                const char *problem = mempool_audit(&memory->mempools[id]);

                if (problem)
                        return problem;
        }
        return NULL;
}
