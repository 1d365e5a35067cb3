/*
 * test_numa.c - several nodes: objects go home through alien arrays, requests for a node, other nodes when this one is
 * empty (spec 02 section 8), with more than one CPU at a time.
 *
 * CPU c is on node c mod nodes.
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000u

enum { LOCK_ALIEN = 3 }; /* argument `lock` of lock_waited */

static const struct array_cache *alien(const struct testbed *bed, uint32_t cache, uint32_t node, uint32_t home)
{
        return memory_array(bed->mem, memory_aliens(bed->mem, cache, node)->array[home]);
}

static const struct array_cache *shared(const struct testbed *bed, uint32_t cache, uint32_t node)
{
        return memory_array(bed->mem, memory_lists(bed->mem, cache, node)->shared);
}

static uint32_t node_of(const struct testbed *bed, uint32_t object)
{
        return bed->mem->slabs[memory_slab_of(bed->mem, testbed_place(bed, object))].node;
}

/* Alien arrays of this cache that the op drained. */
static uint32_t drains_of(const struct testbed *bed, uint32_t cache, uint64_t op)
{
        const struct event_record *event;
        uint32_t count = 0;

        for (uint32_t i = 0; (event = testbed_event(bed, EV_ALIEN_DRAINED, op, i)); i++)
                count += event->a == cache;
        return count;
}

static uint32_t alloc_node(struct testbed *bed, uint32_t cpu, uint32_t cache, uint32_t node, uint32_t gfp)
{
        const struct request request = {
                .kind = OP_ALLOC, .cache = cache, .gfp = gfp, .node_plus_1 = (uint8_t)(node + 1)
        };

        return testbed_do(bed, cpu, &request)->pfn == PFN_NONE ? OBJECT_NONE :
                                                                sim_result_object(bed->sim, bed->task[cpu]);
}

static void test_own_node(void)
{
        struct sim_config config = testbed_config_numa(4, 4, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "any", 200, 0, 0);

        for (uint32_t cpu = 0; cpu < 4; cpu++) {
                uint64_t place = testbed_place(bed, testbed_alloc(bed, cpu, cache, GFP_KERNEL));

                g_assert_cmpuint(memory_zone_of((struct memory *)bed->mem, place_pfn(place))->node, ==, cpu);
        }
}

/* A dozen at a time: the thirteenth free sends the twelve before it to the shared array of their node. */
static void test_overflow(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "far", 200, 0, 0);
        uint32_t object[13];
        uint64_t place[13];

        for (uint32_t i = 0; i < 13; i++) {
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
                place[i] = testbed_place(bed, object[i]);
        }
        testbed_forget(bed);
        for (uint32_t i = 0; i < 12; i++)
                testbed_release(bed, 1, object[i]);
        g_assert_cmpuint(alien(bed, cache, 1, 0)->avail, ==, 12);
        g_assert_cmpuint(shared(bed, cache, 0)->avail, ==, 0);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_ALIEN_PUT, 0), ==, 12);
        testbed_release(bed, 1, object[12]);
        g_assert_cmpuint(testbed_event(bed, EV_ALIEN_DRAINED, bed->done.id, 0)->b, ==, 12);
        g_assert_cmpuint(bed->done.path, ==, PATH_SHARED);
        g_assert_cmpuint(alien(bed, cache, 1, 0)->avail, ==, 1);
        g_assert_cmpuint(alien(bed, cache, 1, 0)->entry[0], ==, place[12]);
        g_assert_cmpuint(shared(bed, cache, 0)->avail, ==, 12);
        for (uint32_t i = 0; i < 12; i++)
                g_assert_cmpuint(shared(bed, cache, 0)->entry[i], ==, place[i]);
        g_assert_cmpuint(shared(bed, cache, 0)->touched, ==, 1);
        g_assert_cmpuint(bed->mem->caches[cache].node_overflow, ==, 1);
        g_assert_cmpuint(bed->mem->caches[cache].node_frees, ==, 13);
}

/* Race 10: what lies in an alien array cannot be had before it has gone home. */
static void test_out_of_reach(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "far", 200, 0, 0);
        uint32_t object[19];

        for (uint32_t i = 0; i < 19; i++) /* one slab */
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        for (uint32_t i = 0; i < 12; i++)
                testbed_release(bed, 1, object[i]);
        g_assert_cmpuint(testbed_alloc(bed, 0, cache, GFP_KERNEL | __GFP_NO_GROW), ==, OBJECT_NONE);
        testbed_reap(bed, 1); /* the first pass of CPU 1 is for the node after its own: node 0 */
        g_assert_cmpuint(alien(bed, cache, 1, 0)->avail, ==, 0);
        g_assert_cmpuint(testbed_alloc(bed, 0, cache, GFP_KERNEL | __GFP_NO_GROW), !=, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_SHARED);
}

/* Shared arrays are drained less eagerly when aliens came: the mark goes first. */
static void test_touched_shared(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 32);
        g_autoptr(testbed) bed = NULL;
        uint32_t object[13];
        uint32_t cache;

        config.manual_clock = 1;
        bed = testbed_new(&config);
        cache = testbed_create(bed, "far", 200, 0, 0);
        for (uint32_t i = 0; i < 13; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        for (uint32_t i = 0; i < 13; i++)
                testbed_release(bed, 1, object[i]);
        testbed_tick(bed, 3000);
        testbed_reap(bed, 0);
        g_assert_cmpuint(shared(bed, cache, 0)->touched, ==, 0);
        g_assert_cmpuint(shared(bed, cache, 0)->avail, ==, 12);
        testbed_tick(bed, 1000);
        testbed_reap(bed, 0);
        g_assert_cmpuint(shared(bed, cache, 0)->avail, ==, 6); /* half of what is there */
}

/* A request for another node goes to its slabs, past magazines and shared array. */
static void test_named_node(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "far", 200, 0, 0);
        uint32_t object;

        object = alloc_node(bed, 0, cache, 1, GFP_KERNEL);
        g_assert_cmpuint(node_of(bed, object), ==, 1);
        g_assert_cmpuint(bed->done.path, ==, PATH_NEW_SLAB);
        g_assert_cmpuint(bed->mem->caches[cache].node_allocs, ==, 1);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->avail, ==, 0);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 0);
        testbed_release(bed, 1, object); /* at home there: its magazine */
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 1);
        g_assert_cmpuint(node_of(bed, alloc_node(bed, 0, cache, 1, GFP_KERNEL)), ==, 1);
        g_assert_cmpuint(bed->done.path, ==, PATH_PARTIAL_SLAB);
        g_assert_cmpuint(testbed_magazine(bed, cache, 1)->avail, ==, 1); /* not touched */
        alloc_node(bed, 0, cache, 0, GFP_KERNEL); /* its own node: the ordinary way */
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->avail, ==, 15);
}

/* This node has no page left: an object of another node's slab, then a slab of another node's page. */
static void test_fallback(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "far", 200, 0, 0);
        uint32_t far, object, block;

        far = testbed_alloc(bed, 1, cache, GFP_KERNEL); /* three more are on this slab */
        block = testbed_pages(bed, 1, 7, GFP_KERNEL);
        while (testbed_pages(bed, 0, 0, GFP_KERNEL) != OBJECT_NONE)
                ;
        object = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        g_assert_cmpuint(node_of(bed, object), ==, 1);
        g_assert_cmpuint(bed->done.path, ==, PATH_PARTIAL_SLAB);
        g_assert_cmpuint(testbed_count(bed, EV_GROW_FAILED, bed->done.id), ==, 2); /* this node was asked twice */
        g_assert_cmpuint(place_pfn(testbed_place(bed, object)), ==, place_pfn(testbed_place(bed, far)));
        testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_release(bed, 1, block);
        object = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        g_assert_cmpuint(node_of(bed, object), ==, 1);
        g_assert_cmpuint(bed->done.path, ==, PATH_NEW_SLAB);
        g_assert_cmpuint(testbed_magazine(bed, cache, 0)->avail, ==, 0);
        testbed_release(bed, 0, object); /* and it goes home from here */
        g_assert_cmpuint(alien(bed, cache, 0, 1)->avail, ==, 1);
}

/* Pages of one node only: refused at once, without reclaim and without a killer. */
static void test_thisnode(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 8);
        g_autoptr(testbed) bed = testbed_new(&config);

        testbed_pages(bed, 1, 0, GFP_KERNEL | GFP_THISNODE_NUMA);
        while (testbed_pages(bed, 1, 0, GFP_KERNEL | GFP_THISNODE_NUMA) != OBJECT_NONE)
                g_assert_cmpuint(memory_zone_of((struct memory *)bed->mem, bed->done.pfn)->node, ==, 1);
        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, bed->done.id), ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_WOKEN, bed->done.id), ==, 0);
        g_assert_cmpuint(bed->mem->zones[1 * ZONE_TYPES].free_pages, ==, bed->mem->zones[1 * ZONE_TYPES].pages_low);
        g_assert_cmpuint(bed->mem->zones[0].free_pages, >, 1000);
        g_assert_cmpuint(testbed_pages(bed, 1, 0, GFP_KERNEL), !=, OBJECT_NONE); /* others may have any */
        g_assert_cmpuint(memory_zone_of((struct memory *)bed->mem, bed->done.pfn)->node, ==, 0);
}

/* The CPUs of a node share its alien arrays, and wait for their lock in turn. */
static void test_alien_lock(void)
{
        static const uint32_t arrivals[] = { 3, 7, 1, 5 };
        struct sim_config config = testbed_config_numa(8, 2, 32);
        g_autoptr(testbed) bed = NULL;
        struct play_item items[4];
        uint32_t object[4];
        uint32_t cache;
        uint64_t start;

        /* the lock is dropped in the step that puts: it is held while it is taken */
        config.cost_cycles[COST_MAG_PUT] = 300000;
        config.cost_cycles[COST_LOCK] = 300000;
        bed = testbed_new(&config);
        cache = testbed_create(bed, "far", 200, 0, 0);
        for (uint32_t i = 0; i < 4; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        for (uint32_t i = 0; i < 4; i++)
                items[i] = (struct play_item){ .t_ns = start + i * 1000, .cpu = arrivals[i],
                                               .request = { { .kind = OP_FREE, .object = object[i] } } };
        testbed_play(bed, items, 4);
        g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, 0), ==, 3);
        for (uint32_t i = 1; i < 4; i++) {
                const struct event_record *event = testbed_event(bed, EV_LOCK_WAITED, 0, i - 1);

                g_assert_cmpuint(event->op, ==, items[i].done[0].id);
                g_assert_cmpuint(event->a, ==, LOCK_ALIEN);
                g_assert_cmpuint(event->b, ==, cache);
        }
        g_assert_cmpuint(alien(bed, cache, 1, 0)->avail, ==, 4);
}

/* Two CPUs of different nodes send objects to each other, at every offset: nothing is lost, nobody waits for ever. */
static void test_crossing(void)
{
        for (uint32_t offset = 0; offset < 400; offset += 3) {
                struct sim_config config = testbed_config_numa(2, 2, 16);
                g_autoptr(testbed) bed = NULL;
                struct play_item items[8];
                uint32_t object[2][16];
                uint32_t cache;
                uint64_t start;

                config.audit = 0;
                bed = testbed_new(&config);
                cache = testbed_create(bed, "far", 1000, 0, 0);
                for (uint32_t i = 0; i < 16; i++) {
                        object[0][i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
                        object[1][i] = testbed_alloc(bed, 1, cache, GFP_KERNEL);
                }
                for (uint32_t i = 0; i < 12; i++) { /* both alien arrays are full */
                        testbed_release(bed, 1, object[0][i]);
                        testbed_release(bed, 0, object[1][i]);
                }
                start = sim_now_ns(bed->sim) + MS;
                for (uint32_t i = 0; i < 4; i++) {
                        items[2 * i] =
                                (struct play_item){ .t_ns = start + i,
                                                    .cpu = 1,
                                                    .request = { { .kind = OP_FREE, .object = object[0][12 + i] } } };
                        items[2 * i + 1] =
                                (struct play_item){ .t_ns = start + offset + i,
                                                    .cpu = 0,
                                                    .request = { { .kind = OP_FREE, .object = object[1][12 + i] } } };
                }
                testbed_play(bed, items, 8);
                g_assert_cmpuint(alien(bed, cache, 0, 1)->avail, ==, 4);
                g_assert_cmpuint(alien(bed, cache, 1, 0)->avail, ==, 4);
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
                g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 0);
        }
}

/* CPUs where the machine says, and a node with none: its memory is asked for by others. */
static void test_placed_cpus(void)
{
        struct sim_config config = testbed_config_numa(3, 3, 16);
        g_autoptr(testbed) bed = NULL;
        uint32_t cache, object;

        config.cpu_node_plus_1[1] = 1;
        config.cpu_node_plus_1[2] = 3;
        bed = testbed_new(&config);
        cache = testbed_create(bed, "any", 200, 0, 0);
        for (uint32_t cpu = 0; cpu < 3; cpu++)
                g_assert_cmpuint(node_of(bed, testbed_alloc(bed, cpu, cache, GFP_KERNEL)), ==, cpu == 2 ? 2 : 0);
        g_assert_cmpuint(bed->mem->cpus_on_node[0], ==, 2);
        g_assert_cmpuint(bed->mem->cpus_on_node[1], ==, 0);
        object = alloc_node(bed, 1, cache, 1, GFP_KERNEL);
        g_assert_cmpuint(node_of(bed, object), ==, 1);
        testbed_release(bed, 2, object);
        g_assert_cmpuint(alien(bed, cache, 2, 1)->avail, ==, 1);
        /* (1 + CPUs of the node) * batchcount + objects of a slab */
        g_assert_cmpuint(memory_lists(bed->mem, cache, 0)->free_limit, ==, 3 * 60 + 19);
        g_assert_cmpuint(memory_lists(bed->mem, cache, 1)->free_limit, ==, 60 + 19);
        g_assert_cmpuint(memory_lists(bed->mem, cache, 2)->free_limit, ==, 2 * 60 + 19);
}

static void test_refused(void)
{
        struct sim_config config = testbed_config_numa(3, 2, 16);

        g_assert_null(sim_config_problem(&config));
        config.cpu_node_plus_1[2] = 3;
        g_assert_cmpstr(sim_config_problem(&config), ==, "a CPU is on one of the machine's nodes");
        config.cpu_node_plus_1[2] = 2;
        config.cpu_node_plus_1[0] = 2;
        g_assert_cmpstr(sim_config_problem(&config), ==, "CPU 0, which boots, is on node 0");
        config.cpu_node_plus_1[0] = 1;
        g_assert_null(sim_config_problem(&config));
        config.node_mib[1] = 3;
        g_assert_nonnull(strstr(sim_config_problem(&config), "at least 4 MiB"));
}

/*
 * next_reap_node() over simulated time: each pass of a CPU is for one node, the one after its own first, its own in
 * turn as well. What is held for that node goes home then, and a batch of each of the CPU's page lists there.
 */
static void test_reap_in_turn(void)
{
        struct sim_config config = testbed_config_numa(3, 3, 200);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "far", 200, 0, 0);
        uint64_t pass = 0;
        uint32_t who;

        config.audit = 0;
        for (uint32_t home = 1; home < 3; home++) {
                for (uint32_t i = 0; i < 7; i++)
                        testbed_release(bed, 0, testbed_alloc(bed, home, cache, GFP_KERNEL));
        }
        testbed_pages(bed, 0, 0, GFP_KERNEL);
        /* a refill of a batch leaves pages of that node on this CPU's list */
        for (uint32_t home = 1; home < 3; home++) {
                const struct request request = { .kind = OP_PAGES,
                                                 .gfp = GFP_KERNEL,
                                                 .node_plus_1 = (uint8_t)(home + 1) };

                testbed_do(bed, 0, &request);
        }
        testbed_forget(bed);
        sim_wake_at(bed->sim, bed->task[0], 9 * (uint64_t)1000000000);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        testbed_flush(bed);
        for (uint32_t i = 0; i < bed->ops->len; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);
                static const uint32_t turns[] = { 1, 2, 0, 1 };
                uint32_t home, drained = 0;

                if (op->cpu != 0)
                        continue;
                g_assert_cmpint(op->kind, ==, OP_REAP);
                g_assert_cmpuint(op->t_ns, ==, (204 + 500 * pass) * 4000000);
                home = turns[pass % 3];
                for (uint32_t k = 0; testbed_event(bed, EV_PCP_DRAINED, op->id, k); k++) {
                        drained++;
                        g_assert_cmpuint(testbed_event(bed, EV_PCP_DRAINED, op->id, k)->a / ZONE_TYPES, ==, home);
                }
                g_assert_cmpuint(drains_of(bed, cache, op->id), ==, home != 0 && pass < 3);
                /* the list in zone DMA32 of the node; all of it, being less than a batch */
                g_assert_cmpuint(drained, ==, home != 0 && pass < 3);
                pass++;
        }
        g_assert_cmpuint(pass, >=, 4);
        /* they came to the shared array of their node and marked it touched: the first due pass there takes the mark
         * away, the second half of the objects */
        g_assert_cmpuint(shared(bed, cache, 1)->avail, ==, 3);
}

/* The reaper does not wait for an alien array: while a CPU of its node is at it, it goes on without. */
static void test_reaper_meets_free(void)
{
        const uint64_t due = 204 * (uint64_t)4000000;
        uint32_t left = 0, drained = 0;

        for (uint64_t before = 0; before < 40 * MS; before += 2 * MS) {
                struct sim_config config = testbed_config_numa(3, 2, 16);
                g_autoptr(testbed) bed = NULL;
                struct play_item item = { .cpu = 2 };
                uint32_t object, cache;

                config.audit = 0;
                config.cost_cycles[COST_LOCK] = 30000000; /* 10 ms: whoever frees holds the array for so long */
                config.cost_cycles[COST_IRQ] = 30000000;
                bed = testbed_new(&config);
                cache = testbed_create(bed, "far", 200, 0, 0);
                for (uint32_t i = 0; i < 2; i++) {
                        object = testbed_alloc(bed, 1, cache, GFP_KERNEL);
                        if (i == 0)
                                testbed_release(bed, 0, object);
                }
                testbed_forget(bed);
                g_assert_cmpuint(sim_now_ns(bed->sim), <, due - 40 * MS);
                item.t_ns = due - before;
                item.request[0] = (struct request){ .kind = OP_FREE, .object = object };
                testbed_play(bed, &item, 1);
                sim_wake_at(bed->sim, bed->task[0], due + 400 * MS);
                g_assert_cmpint(sim_run(bed->sim, &object), ==, SIM_WAKE);
                testbed_flush(bed);
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
                for (uint32_t i = 0; i < bed->ops->len; i++) {
                        const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);

                        if (op->kind != OP_REAP || op->cpu != 0)
                                continue;
                        if (drains_of(bed, cache, op->id))
                                drained++;
                        else
                                left++;
                }
                g_assert_cmpuint(testbed_count(bed, EV_LOCK_WAITED, 0), ==,
                                 testbed_count(bed, EV_LOCK_WAITED, item.done[0].id));
        }
        g_assert_cmpuint(left, >, 0);
        g_assert_cmpuint(drained, >, 0);
}

/* The audit must see an object that is on the wrong node. */
static void test_audit(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "far", 200, 0, 0);
        struct array_cache *magazine;
        uint64_t place;

        testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_alloc(bed, 1, cache, GFP_KERNEL);
        magazine = memory_array(bed->mem, bed->mem->caches[cache].array[0]);
        place = magazine->entry[0];
        magazine->entry[0] = testbed_magazine(bed, cache, 1)->entry[0];
        g_assert_cmpstr(sim_audit(bed->sim), ==, "an array holds an object of another node");
        magazine->entry[0] = place;
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/numa/objects-come-from-the-node-of-the-cpu", test_own_node);
        g_test_add_func("/engine/numa/alien-arrays-go-home-by-the-dozen", test_overflow);
        g_test_add_func("/engine/numa/10-aliens-are-out-of-reach", test_out_of_reach);
        g_test_add_func("/engine/numa/aliens-touch-the-shared-array", test_touched_shared);
        g_test_add_func("/engine/numa/a-named-node-gives-from-its-slabs", test_named_node);
        g_test_add_func("/engine/numa/an-empty-node-turns-to-the-others", test_fallback);
        g_test_add_func("/engine/numa/pages-of-one-node-only", test_thisnode);
        g_test_add_func("/engine/numa/alien-arrays-are-locked-in-turn", test_alien_lock);
        g_test_add_func("/engine/numa/nodes-that-free-for-each-other", test_crossing);
        g_test_add_func("/engine/numa/cpus-and-nodes-as-told", test_placed_cpus);
        g_test_add_func("/engine/numa/machines-that-cannot-be", test_refused);
        g_test_add_func("/engine/numa/one-node-for-each-reap-pass", test_reap_in_turn);
        g_test_add_func("/engine/numa/the-reaper-does-not-wait-for-aliens", test_reaper_meets_free);
        g_test_add_func("/engine/numa/the-audit-sees-the-wrong-node", test_audit);
        return g_test_run();
}
