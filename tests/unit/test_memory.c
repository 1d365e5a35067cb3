/*
 * test_memory.c - the allocator as data: arrays, slab and cache ids, the chain, and that the audit sees what is broken.
 */
#include <glib.h>

#include "support/dies.h"
#include "support/space.h"
#include "support/testbed.h"

static void test_arrays(void)
{
        g_autoptr(space) space = space_new(&arch_x86_64, 1, 8, 64);
        uint32_t a = memory_array_new(&space->mem, 24, 12, 4096);
        struct array_cache *ac = memory_array(&space->mem, a);

        g_assert_cmpuint(ac->avail, ==, 0);
        g_assert_cmpuint(ac->limit, ==, 24);
        g_assert_cmpuint(ac->batchcount, ==, 12);
        g_assert_cmpuint(ac->touched, ==, 0);
        g_assert_cmpuint(ac->place, ==, 4096);
        ac->avail = 3;
        ac->touched = 1;
        memory_array_drop(&space->mem, a);
        g_assert_cmpuint(memory_array_new(&space->mem, 24, 12, 8192), ==, a); /* the same piece, as good as new */
        g_assert_cmpuint(ac->avail, ==, 0);
        g_assert_cmpuint(ac->touched, ==, 0);
}

static void test_slab_ids(void)
{
        g_autoptr(space) space = space_new(&arch_x86_64, 1, 8, 64);
        uint32_t a = memory_slab_new(&space->mem, 20);
        uint32_t b = memory_slab_new(&space->mem, 1);

        g_assert_cmpuint(a, ==, 1); /* 0 is none */
        g_assert_cmpuint(b, ==, 2);
        space->mem.slabs[a].inuse = 5;
        memory_slab_drop(&space->mem, a);
        memory_slab_drop(&space->mem, b);
        g_assert_cmpuint(memory_slab_new(&space->mem, 7), ==, b); /* last dropped first */
        g_assert_cmpuint(memory_slab_new(&space->mem, 7), ==, a);
        g_assert_cmpuint(space->mem.slabs[a].inuse, ==, 0);
        g_assert_cmpuint(memory_slab_new(&space->mem, 7), ==, 3);
}

static void test_chain(void)
{
        g_autoptr(space) space = space_new(&arch_x86_64, 1, 8, 64);
        struct memory *mem = &space->mem;
        uint32_t id[3];

        for (uint32_t i = 0; i < 3; i++) {
                struct cache_spec spec = { .name = { (char)('a' + i) }, .size_bytes = 8 };

                id[i] = memory_cache_new(mem, &spec);
                g_assert_cmpuint(id[i], ==, i);
                g_assert_cmpuint(memory_cache_find(mem, spec.name), ==, CACHE_ID_NONE);
                memory_chain_add(mem, id[i]);
                g_assert_cmpuint(memory_cache_find(mem, spec.name), ==, id[i]);
        }
        g_assert_cmpuint(mem->chain, ==, id[2]); /* newest first */
        g_assert_cmpuint(mem->caches[id[2]].next, ==, id[1]);
        memory_chain_remove(mem, id[1]);
        g_assert_cmpuint(mem->caches[id[2]].next, ==, id[0]);
        g_assert_cmpuint(memory_cache_find(mem, "b"), ==, CACHE_ID_NONE);
        memory_chain_remove(mem, id[2]);
        memory_chain_remove(mem, id[0]);
        g_assert_cmpuint(mem->chain, ==, CACHE_ID_NONE);
}

static void remove_stranger(void *data)
{
        struct space *space = data;
        struct cache_spec spec = { .name = "a", .size_bytes = 8 };

        memory_chain_remove(&space->mem, memory_cache_new(&space->mem, &spec));
}

static void test_stranger(void)
{
        g_autoptr(space) space = space_new(&arch_x86_64, 1, 8, 64);

        test_dies(remove_stranger, space, "CACHE_ID_NONE");
}

/* One field of a booted machine is changed and the audit must say what is wrong with it. */
static struct memory *open_memory(const struct testbed *bed)
{
        return (struct memory *)bed->mem;
}

static void expect_audit(const struct testbed *bed, const char *problem)
{
        g_assert_cmpstr(sim_audit(bed->sim), ==, problem);
}

static void test_audit(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct memory *mem = open_memory(bed);
        uint32_t id = testbed_create(bed, "watched", 256, 0, 0);
        struct kmem_cache *cache = &mem->caches[id];
        struct slab_lists *lists = memory_lists(mem, id, 0);
        struct array_cache *magazine;
        struct slab *slab;
        uint64_t place;

        testbed_alloc(bed, 0, id, GFP_KERNEL);
        magazine = memory_array(mem, cache->array[0]);
        slab = &mem->slabs[lists->list[SLABS_FULL].head];
        g_assert_cmpuint(lists->list[SLABS_FULL].count, ==, 1); /* 15 objects, 16 wanted */
        expect_audit(bed, NULL);

        lists->free_objects++;
        expect_audit(bed, "free_objects is not the sum over partial and free slabs");
        lists->free_objects--;
        cache->num_active++;
        expect_audit(bed, "num_active is not the sum of inuse over all slabs");
        cache->num_active--;
        cache->live_objs++;
        expect_audit(bed, "an object is neither in an array nor with its owner");
        cache->live_objs--;
        magazine->limit = 1;
        expect_audit(bed, "an array holds more objects than its limit");
        magazine->limit = 120;
        place = magazine->entry[2];
        magazine->entry[2] = 256 * 4096;
        expect_audit(bed, "an array holds an object of another cache");
        magazine->entry[2] = place;
        slab->list = SLABS_PARTIAL;
        expect_audit(bed, "a slab is on a list where it does not belong");
        slab->list = SLABS_FULL;
        slab->prev = 1;
        expect_audit(bed, "a slab list is torn");
        slab->prev = SLAB_NONE;
        slab->inuse = 14;
        g_assert_nonnull(sim_audit(bed->sim));
        slab->inuse = 15;
        mem->pages[slab->pfn].slab++;
        expect_audit(bed, "a page of a slab does not name it");
        mem->pages[slab->pfn].slab--;
        lists->list[SLABS_FULL].tail = 0;
        expect_audit(bed, "a slab list and its count differ");
        lists->list[SLABS_FULL].tail = lists->list[SLABS_FULL].head;
        expect_audit(bed, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/memory/arrays-start-empty", test_arrays);
        g_test_add_func("/mm/memory/slab-ids-are-used-again", test_slab_ids);
        g_test_add_func("/mm/memory/the-chain-is-newest-first", test_chain);
        g_test_add_func("/mm/memory/only-what-is-on-the-chain-leaves-it", test_stranger);
        g_test_add_func("/mm/memory/the-audit-sees-what-is-broken", test_audit);
        return g_test_run();
}
