/*
 * test_hotplug.c - CPUs come and go while the machine runs: where tasks, interrupts, timers and callbacks go, and what
 * is freed (spec 02 sections 9 and 11, 06 section 4; engine/hotplug.c).
 */
#include <glib.h>
#include <string.h>

#include "support/testbed.h"

#define MS 1000000u

static void sleep_until(struct testbed *bed, uint64_t t_ns)
{
        uint32_t who;

        sim_wake_at(bed->sim, bed->task[0], t_ns);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        testbed_flush(bed);
}

/* Idle tasks go to the first CPU of their node, else of the machine, and stay; interrupts go to CPU 0. */
static void test_where_to(void)
{
        struct sim_config config = testbed_config_numa(6, 2, 32); /* 0 2 4 on node 0, 1 3 5 on node 1 */
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t irq = sim_thread_new(bed->sim, THREAD_IRQ, 3), fresh = sim_thread_new(bed->sim, THREAD_TASK, 3);
        const struct event_record *event;

        for (uint32_t cpu = 0; cpu < 6; cpu++)
                testbed_release(bed, cpu, testbed_kmalloc(bed, cpu, 100, GFP_KERNEL));
        testbed_forget(bed);
        g_assert_cmpuint(testbed_cpu(bed, false, 3), ==, 0);
        g_assert_false(sim_cpu_online(bed->sim, 3));
        g_assert_cmpuint(sim_thread_cpu(bed->sim, bed->task[3]), ==, 1);
        g_assert_cmpuint(sim_thread_cpu(bed->sim, irq), ==, 0);
        event = testbed_event(bed, EV_CPU_OFFLINE, 0, 0);
        g_assert_cmpuint(event->a, ==, 3);
        g_assert_cmpuint(event->b, ==, 1); /* the fresh task has nothing to move */
        g_assert_cmpuint(event->c, ==, 1);
        g_assert_cmpuint(testbed_cpu(bed, false, 1), ==, 0);
        g_assert_cmpuint(sim_thread_cpu(bed->sim, bed->task[3]), ==, 5);
        g_assert_cmpuint(testbed_cpu(bed, false, 5), ==, 0);
        g_assert_cmpuint(sim_thread_cpu(bed->sim, bed->task[3]), ==, 0); /* no CPU is left on node 1 */
        g_assert_cmpuint(sim_thread_cpu(bed->sim, fresh), ==, 0);        /* if it ran now */
        g_assert_cmpuint(testbed_cpu(bed, true, 3), ==, 0);
        g_assert_cmpuint(testbed_event(bed, EV_CPU_ONLINE, bed->done.id, 0)->b, ==, 1);
        g_assert_cmpuint(sim_thread_cpu(bed->sim, bed->task[3]), ==, 0); /* nothing brings it back */
        g_assert_cmpuint(sim_thread_cpu(bed->sim, irq), ==, 0);
        g_assert_cmpuint(sim_thread_cpu(bed->sim, fresh), ==, 3);        /* it begins where it was made for */
        testbed_release(bed, 3, testbed_kmalloc(bed, 3, 100, GFP_KERNEL));
        g_assert_cmpuint(bed->done.cpu, ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

static void test_refused(void)
{
        struct sim_config config = testbed_config(3, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct request request = { .kind = OP_CPU_DOWN };
        uint64_t start = 10 * MS;

        for (request.cpu = 0; request.cpu < 4; request.cpu += 3)
                g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &request), ==,
                                "CPU 0 cannot go down, and a CPU has a number below the machine's count");
        g_assert_cmpuint(testbed_cpu(bed, true, 1), ==, ERRNO_EINVAL); /* online already */
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
        request.cpu = 1;
        { /* two want the same: the second finds it done */
                struct play_item items[] = { { .t_ns = start, .cpu = 0, .request = { request } },
                                             { .t_ns = start + 100, .cpu = 2, .request = { request } } };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(items[0].done[0].result, ==, 0);
                g_assert_cmpuint(items[1].done[0].result, ==, ERRNO_EINVAL);
                g_assert_cmpuint(items[1].done[0].t_ns + items[1].done[0].dur_ns, >,
                                 items[0].done[0].t_ns + items[0].done[0].dur_ns);
        }
        g_assert_cmpuint(testbed_cpu(bed, false, 1), ==, ERRNO_EINVAL);
        g_assert_null(bed->mem->chain_mutex.holder ? "the mutex is held" : NULL);
}

/* The CPU stops between two requests: the one in hand is finished there,
 * what waits behind it is carried out elsewhere. */
static void test_busy(void)
{
        struct sim_config config = testbed_config(3, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint64_t start = 10 * MS;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 2, .count = 2,
                  .request = { { .kind = OP_WORK, .size_bytes = 5 * MS },
                               { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_KERNEL } } },
                { .t_ns = start + MS, .cpu = 2,
                  .request = { { .kind = OP_KMALLOC, .size_bytes = 64, .gfp = GFP_KERNEL } } },
                { .t_ns = start + 2 * MS, .cpu = 0, .request = { { .kind = OP_CPU_DOWN, .cpu = 2 } } },
                { .t_ns = start + 4 * MS, .cpu = 2, .irq = true, .count = 1,
                  .request = { { .kind = OP_KMALLOC, .size_bytes = 32, .gfp = GFP_ATOMIC } } },
        };

        testbed_play(bed, items, 4);
        /* the work ends where it was, after the handler that came in between */
        g_assert_cmpuint(items[0].done[0].cpu, ==, 2);
        g_assert_cmpuint(items[3].done[0].cpu, ==, 2);
        g_assert_cmpuint(items[0].done[0].dur_ns, ==, 5 * MS + items[3].done[0].dur_ns);
        g_assert_cmpuint(items[1].done[0].cpu, ==, 0); /* all CPUs are of one node: the first */
        /* CPU 0 is at the notifiers */
        g_assert_cmpuint(items[1].done[0].t_ns, >, items[0].done[0].t_ns + items[0].done[0].dur_ns);
        g_assert_cmpuint(items[0].done[1].cpu, ==, 0);
        g_assert_cmpuint(testbed_event(bed, EV_CPU_OFFLINE, items[2].done[0].id, 0)->t_ns, ==,
                         items[0].done[0].t_ns + items[0].done[0].dur_ns);
}

/* Who takes its own CPU down goes on at CPU 0. */
static void test_own(void)
{
        struct sim_config config = testbed_config(3, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct request request = { .kind = OP_CPU_DOWN, .cpu = 2 };

        testbed_do(bed, 2, &request);
        g_assert_cmpuint(bed->done.result, ==, 0);
        g_assert_cmpuint(bed->done.cpu, ==, 0);
        g_assert_cmpuint(sim_thread_cpu(bed->sim, bed->task[2]), ==, 0);
        g_assert_cmpuint(bed->mem->online, ==, 3);
}

/* Spec 02 section 9: the timer fires once more, on the CPU that ran the notifiers; the CPU has none when it is back. */
static void test_reap_timers(void)
{
        struct sim_config config = testbed_config(3, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t passes[3] = { 0 };
        /* first passes of CPUs 2, 1, 0; each comes again 500 ticks later */
        static const uint64_t ticks[] = { 198, 201, 204 };

        config.audit = 0;
        g_assert_cmpuint(testbed_cpu(bed, false, 1), ==, 0);
        g_assert_cmpuint(testbed_cpu(bed, true, 1), ==, 0);
        testbed_forget(bed);
        sleep_until(bed, 1000 * (uint64_t)MS);
        g_assert_cmpuint(bed->ops->len, ==, 3);
        for (uint32_t i = 0; i < 3; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);

                g_assert_cmpuint(op->kind, ==, OP_REAP);
                g_assert_cmpuint(op->cpu, ==, i == 0 ? 2 : 0); /* that of CPU 1 on CPU 0 */
                g_assert_cmpuint(op->t_ns, ==, ticks[i] * 4 * MS);
        }
        testbed_forget(bed);
        sleep_until(bed, 9000 * (uint64_t)MS);
        for (uint32_t i = 0; i < bed->ops->len; i++)
                passes[g_array_index(bed->ops, struct op_record, i).cpu]++;
        g_assert_cmpuint(passes[0], ==, 4);
        g_assert_cmpuint(passes[1], ==, 0);
        g_assert_cmpuint(passes[2], ==, 4);
        { /* CPU 1 inherits the timer of CPU 2: after that pass its own runs again */
                const struct request request = { .kind = OP_CPU_DOWN, .cpu = 2 };

                testbed_do(bed, 1, &request);
                g_assert_cmpuint(bed->done.cpu, ==, 1);
        }
        testbed_forget(bed);
        sleep_until(bed, 20000 * (uint64_t)MS);
        passes[0] = passes[1] = 0;
        for (uint32_t i = 0; i < bed->ops->len; i++)
                passes[g_array_index(bed->ops, struct op_record, i).cpu]++;
        g_assert_cmpuint(passes[0], ==, 5);
        g_assert_cmpuint(passes[1], ==, 5);
}

/* Slabs that wait for a grace period on a CPU that goes wait for another one on the CPU of the notifiers. */
static void test_callbacks(void)
{
        static const struct cache_spec spec = { .name = "rcu", .size_bytes = 1000, .flags = CACHE_DESTROY_BY_RCU };
        const struct request create = { .kind = OP_CREATE, .spec = &spec };
        struct sim_config config = testbed_config(2, 32);
        g_autoptr(testbed) bed = NULL;
        const struct op_record *op;
        uint32_t cache;

        config.rcu_grace_ns = 20 * MS;
        bed = testbed_new(&config);
        testbed_do(bed, 0, &create);
        cache = bed->done.cache;
        testbed_release(bed, 1, testbed_alloc(bed, 1, cache, GFP_KERNEL));
        testbed_shrink(bed, 1, cache);
        g_assert_cmpuint(bed->mem->rcu_waiting[1].head, !=, 0);
        sleep_until(bed, 10 * MS);
        g_assert_cmpuint(testbed_cpu(bed, false, 1), ==, 0);
        g_assert_cmpuint(bed->mem->rcu_waiting[1].head, ==, 0);
        g_assert_cmpuint(bed->mem->rcu_waiting[0].head, !=, 0);
        testbed_forget(bed);
        sleep_until(bed, 31 * MS);
        g_assert_cmpuint(bed->ops->len, ==, 0); /* 20 ms from the first moment are over */
        sleep_until(bed, 40 * MS);
        op = &g_array_index(bed->ops, struct op_record, 0);
        g_assert_cmpuint(op->kind, ==, OP_RCU);
        g_assert_cmpuint(op->cpu, ==, 0);
        g_assert_cmpuint(op->t_ns, ==, 32 * MS);
        g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 0);
}

/* A whole node loses its CPUs: its shared and alien arrays go, with what is in them,
 * and come back with the first CPU. */
static void test_node(void)
{
        struct sim_config config = testbed_config_numa(4, 2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "thing", 200, 0, 0);
        const struct slab_lists *lists;
        uint32_t object[400];

        for (uint32_t i = 0; i < 400; i++)
                object[i] = testbed_alloc(bed, i < 20 ? 0 : 1, cache, GFP_KERNEL);
        for (uint32_t i = 0; i < 390; i++) /* 20 of node 0 by way of the alien array of node 1; magazines and shared
                                            * array full */
                testbed_release(bed, i < 20 ? 1 : 3, object[i]);
        lists = memory_lists(bed->mem, cache, 1);
        g_assert_cmpuint(memory_array(bed->mem, lists->shared)->avail, >, 100);
        g_assert_cmpuint(memory_array(bed->mem, memory_aliens(bed->mem, cache, 1)->array[0])->avail, ==, 8);
        g_assert_cmpuint(testbed_cpu(bed, false, 3), ==, 0);
        g_assert_cmpuint(lists->shared, !=, 0);
        g_assert_cmpuint(testbed_cpu(bed, false, 1), ==, 0);
        g_assert_cmpuint(lists->shared, ==, 0);
        g_assert_cmpuint(memory_aliens(bed->mem, cache, 1)->attached, ==, 0);
        g_assert_cmpuint(lists->list[SLABS_FREE].count, ==, 0);
        /* for the ten that are left */
        g_assert_cmpuint(lists->list[SLABS_FULL].count + lists->list[SLABS_PARTIAL].count, ==, 1);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        for (uint32_t i = 390; i < 400; i++) /* they go home from node 0, to the slabs */
                testbed_release(bed, 0, object[i]);
        g_assert_cmpuint(testbed_shrink(bed, 0, cache), ==, 0);
        g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 0);
        g_assert_cmpuint(testbed_cpu(bed, true, 3), ==, 0);
        g_assert_cmpuint(lists->shared, !=, 0);
        g_assert_cmpuint(memory_aliens(bed->mem, cache, 1)->attached, ==, 1);
        g_assert_cmpuint(memory_aliens(bed->mem, cache, 1)->array[0], !=, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/*
 * Race 4 of 06: a task sleeps in the middle of an allocation, for a page that is not to be had, and its CPU goes, the
 * last one of the node. It goes on with the magazine of another node and the slabs of its old one.
 */
static void test_stray(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "thing", 2100, 0, 0);
        uint32_t block = testbed_pages(bed, 1, 3, GFP_KERNEL), other;
        uint64_t start;

        testbed_starve(bed, 0);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 1,
                          .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL | __GFP_NOFAIL } } },
                        { .t_ns = start + 2 * MS, .cpu = 0, .request = { { .kind = OP_CPU_DOWN, .cpu = 1 } } },
                        { .t_ns = start + 4 * MS, .cpu = 0, .request = { { .kind = OP_FREE, .object = block } } },
                };

                testbed_play(bed, items, 3);
                g_assert_cmpuint(items[1].done[0].result, ==, 0);
                g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
                g_assert_cmpuint(items[0].done[0].cpu, ==, 0); /* it ended there */
                other = items[0].object[0];
        }
        testbed_release(bed, 0, other);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* What waits on a CPU's way to the LRU lists, and its part of the counters, are not lost. */
static void test_counters(void)
{
        struct sim_config config = testbed_config(2, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct request page = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER };
        struct lru *lru = (struct lru *)&bed->mem->lru;
        int64_t files = 0;

        for (uint32_t i = 0; i < 3; i++)
                testbed_do(bed, 1, &page);
        testbed_do(bed, 0, &page);
        g_assert_cmpuint(lru->add[1][LRU_LIST_INACTIVE].count, ==, 3);
        g_assert_cmpuint(lru->add[0][LRU_LIST_INACTIVE].count, ==, 1);
        for (uint32_t zone = 0; zone < bed->mem->zone_count; zone++)
                files += bed->mem->zones[zone].stat_diff[1][NR_FILE_PAGES];
        g_assert_cmpint(files, >, 0);
        testbed_forget(bed);
        g_assert_cmpuint(testbed_cpu(bed, false, 1), ==, 0);
        g_assert_cmpuint(lru->add[1][LRU_LIST_INACTIVE].count, ==, 0);
        g_assert_cmpuint(testbed_event(bed, EV_LRU_ADDED, bed->done.id, 0)->c, ==, 3);
        for (uint32_t zone = 0; zone < bed->mem->zone_count; zone++)
                g_assert_cmpint(bed->mem->zones[zone].stat_diff[1][NR_FILE_PAGES], ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/hotplug/where-tasks-and-interrupts-go", test_where_to);
        g_test_add_func("/engine/hotplug/refused", test_refused);
        g_test_add_func("/engine/hotplug/a-busy-cpu-stops-between-requests", test_busy);
        g_test_add_func("/engine/hotplug/ones-own-cpu", test_own);
        g_test_add_func("/engine/hotplug/reap-timers", test_reap_timers);
        g_test_add_func("/engine/hotplug/rcu-callbacks", test_callbacks);
        g_test_add_func("/engine/hotplug/a-whole-node", test_node);
        g_test_add_func("/engine/hotplug/moved-in-the-middle-of-an-allocation", test_stray);
        g_test_add_func("/engine/hotplug/counters", test_counters);
        return g_test_run();
}
