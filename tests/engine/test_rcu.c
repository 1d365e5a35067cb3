/*
 * test_rcu.c - constructors and destructors take their time; slabs of RCU caches stay until a grace period has passed,
 * and a cache is destroyed only after it (spec 02 sections 4, 7 and 10).
 */
#include <glib.h>
#include <string.h>

#include "support/testbed.h"

#define MS 1000000u

static uint32_t create(struct testbed *bed, const struct cache_spec *spec)
{
        const struct request request = { .kind = OP_CREATE, .spec = spec };

        return testbed_do(bed, 0, &request)->result ? CACHE_ID_NONE : bed->done.cache;
}

static void sleep_until(struct testbed *bed, uint64_t t_ns)
{
        uint32_t who;

        sim_wake_at(bed->sim, bed->task[0], t_ns);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        testbed_flush(bed);
}

/* A slab of 19 objects: 19 times as long as the constructor takes; the destructor, when the slab goes. */
static void test_constructor(void)
{
        struct cache_spec plain = { .name = "plain", .size_bytes = 200 };
        struct cache_spec built = { .name = "built", .size_bytes = 200, .ctor_cycles = 300, .dtor_cycles = 600 };
        struct sim_config config = testbed_config(1, 32);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache[2] = { create(bed, &plain), create(bed, &built) };
        uint64_t alloc_ns[2], shrink_ns[2];

        for (uint32_t i = 0; i < 2; i++) { /* to have pages and headers at hand alike */
                testbed_release(bed, 0, testbed_alloc(bed, 0, cache[i], GFP_KERNEL));
                testbed_shrink(bed, 0, cache[i]);
        }
        for (uint32_t i = 0; i < 2; i++) {
                uint32_t object = testbed_alloc(bed, 0, cache[i], GFP_KERNEL);

                alloc_ns[i] = bed->done.dur_ns;
                testbed_release(bed, 0, object);
                g_assert_cmpuint(testbed_shrink(bed, 0, cache[i]), ==, 0);
                shrink_ns[i] = bed->done.dur_ns;
        }
        g_assert_cmpuint(bed->mem->caches[cache[1]].num, ==, 19);
        g_assert_cmpuint(alloc_ns[1] - alloc_ns[0], ==, 19 * 100); /* 300 cycles at 3000 MHz */
        g_assert_cmpuint(shrink_ns[1] - shrink_ns[0], ==, 19 * 200);
}

static void test_refused(void)
{
        static const struct { struct cache_spec spec; const char *problem; } cases[] = {
                { { .name = "a", .size_bytes = 100, .dtor_cycles = 1 },
                  "a cache with a destructor needs a constructor (kernel BUG in kmem_cache_create)" },
                { { .name = "b", .size_bytes = 100, .ctor_cycles = 1, .dtor_cycles = 1, .flags = CACHE_DESTROY_BY_RCU },
                  "a cache freed by RCU cannot have a destructor (kernel BUG at mm/slab.c:2186!)" },
        };
        struct sim_config config = testbed_config(1, 16);
        g_autoptr(testbed) bed = testbed_new(&config);

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const struct request request = { .kind = OP_CREATE, .spec = &cases[i].spec };

                g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &request), ==, cases[i].problem);
        }
        config.rcu_grace_ns = 1;
        config.manual_clock = 1;
        g_assert_cmpstr(sim_config_problem(&config), ==, "with a manual clock there is no time for RCU grace periods");
}

/* An RCU slab becomes empty at t: its pages come back at the first tick at least a grace period later, not before. */
static void test_grace(void)
{
        static const struct cache_spec spec = { .name = "rcu", .size_bytes = 1000, .flags = CACHE_DESTROY_BY_RCU };

        for (uint32_t grace_ns = 0; grace_ns <= 12 * MS; grace_ns += 3 * MS) {
                struct sim_config config = testbed_config(2, 32);
                g_autoptr(testbed) bed = NULL;
                const struct op_record *op;
                uint32_t object[8], cache, slabs;
                uint64_t emptied_ns, due_ns, free_pages;

                config.rcu_grace_ns = grace_ns;
                bed = testbed_new(&config);
                cache = create(bed, &spec);
                for (uint32_t i = 0; i < 8; i++)
                        object[i] = testbed_alloc(bed, 1, cache, GFP_KERNEL);
                slabs = (uint32_t)bed->mem->caches[cache].slab_count;
                g_assert_cmpuint(slabs, ==, 2);
                for (uint32_t i = 0; i < 8; i++)
                        testbed_release(bed, 1, object[i]);
                sleep_until(bed, 5 * MS + 12345);
                testbed_drain(bed);
                free_pages = testbed_free_pages(bed);
                testbed_forget(bed);
                g_assert_cmpuint(testbed_shrink(bed, 1, cache), ==, 0);
                emptied_ns = bed->done.t_ns + bed->done.dur_ns;
                if (!grace_ns) { /* at the end of the op, as the reference vectors have it */
                        g_assert_cmpuint(testbed_count(bed, EV_SLAB_RELEASED, bed->done.id), ==, slabs);
                        g_assert_cmpuint(testbed_count(bed, EV_SLAB_DEFERRED, 0), ==, 0);
                        continue;
                }
                g_assert_cmpuint(testbed_count(bed, EV_SLAB_DEFERRED, bed->done.id), ==, slabs);
                g_assert_cmpuint(testbed_count(bed, EV_SLAB_RELEASED, 0), ==, 0);
                g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, slabs);
                g_assert_cmpuint(testbed_lists(bed, cache)->list[SLABS_FREE].count, ==, 0);
                g_assert_true(memory_rcu_waits(bed->mem, cache));
                g_assert_cmpuint(testbed_free_pages(bed), <=, free_pages);
                due_ns = (testbed_event(bed, EV_SLAB_DEFERRED, 0, 0)->t_ns + grace_ns + 4 * MS - 1) / (4 * MS) *
                         (4 * MS);
                g_assert_cmpuint(due_ns, >=, emptied_ns);
                sleep_until(bed, due_ns - 1);
                g_assert_cmpuint(testbed_count(bed, EV_SLAB_RELEASED, 0), ==, 0);
                sleep_until(bed, due_ns + MS);
                g_assert_cmpuint(testbed_count(bed, EV_SLAB_RELEASED, 0), ==, slabs);
                op = &g_array_index(bed->ops, struct op_record, bed->ops->len - 1);
                g_assert_cmpuint(op->kind, ==, OP_RCU);
                g_assert_cmpuint(op->origin, ==, 1);
                g_assert_cmpuint(op->cpu, ==, 1); /* where it was asked for */
                g_assert_cmpuint(op->t_ns, ==, due_ns);
                g_assert_cmpuint(op->result, ==, slabs);
                g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 0);
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        }
}

/* kmem_cache_destroy waits for what other CPUs have waiting as well, with the mutex held. */
static void test_destroy(void)
{
        static const struct cache_spec spec = { .name = "rcu", .size_bytes = 1000, .flags = CACHE_DESTROY_BY_RCU };
        struct sim_config config = testbed_config(2, 32);
        g_autoptr(testbed) bed = NULL;
        uint32_t object[200], cache;
        uint64_t start;

        config.rcu_grace_ns = 10 * MS;
        bed = testbed_new(&config);
        cache = create(bed, &spec);
        for (uint32_t i = 0; i < 200; i++)
                object[i] = testbed_alloc(bed, 0, cache, GFP_KERNEL);
        for (uint32_t i = 0; i < 200; i++) /* more than free_limit: slabs go on CPU 1 */
                testbed_release(bed, 1, object[i]);
        start = (sim_now_ns(bed->sim) / MS + 1) * MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0, .request = { { .kind = OP_DESTROY, .cache = cache } } },
                        { .t_ns = start + MS,
                          .cpu = 1,
                          .request = { { .kind = OP_SHRINK, .cache = bed->mem->cache_cache } } },
                };
                const struct op_record *destroy = &items[0].done[0], *shrink = &items[1].done[0];

                testbed_forget(bed);
                testbed_play(bed, items, 2);
                g_assert_cmpuint(destroy->result, ==, 0);
                g_assert_cmpuint(destroy->dur_ns, >=, 10 * MS);
                g_assert_cmpuint(destroy->dur_ns, <=, 20 * MS);
                g_assert_cmpuint(shrink->t_ns + shrink->dur_ns, >=, destroy->t_ns + destroy->dur_ns);
                g_assert_cmpuint(
                        testbed_event(bed, EV_CACHE_DESTROYED, 0, 0)->t_ns, >,
                        testbed_event(bed, EV_SLAB_RELEASED, 0, testbed_count(bed, EV_SLAB_RELEASED, 0) - 1)->t_ns -
                                MS);
        }
        g_assert_false(memory_rcu_waits(bed->mem, cache));
        g_assert_cmpuint(bed->mem->caches[cache].slab_count, ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        /* an empty one waits for a grace period all the same */
        cache = create(bed, &spec);
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
        g_assert_cmpuint(bed->done.dur_ns, >=, 10 * MS);
}

/* The tick finds the CPU with interrupts off, or in a handler: callbacks run when it is done;
 * and on top of a task's op. */
static void test_soft_interrupt(void)
{
        static const struct cache_spec spec = { .name = "rcu", .size_bytes = 1000, .flags = CACHE_DESTROY_BY_RCU };

        for (uint32_t way = 0; way < 3; way++) {
                struct sim_config config = testbed_config(1, 32);
                g_autoptr(testbed) bed = NULL;
                const struct op_record *rcu = NULL, *other;
                uint32_t cache;
                struct play_item items[2] = { { .cpu = 0 }, { .cpu = 0 } };

                config.rcu_grace_ns = 1;
                config.cost_cycles[COST_MAG_POP] = 12000000; /* 4 ms with interrupts off */
                bed = testbed_new(&config);
                cache = create(bed, &spec);
                testbed_release(bed, 0, testbed_alloc(bed, 0, cache, GFP_KERNEL));
                testbed_forget(bed);
                items[0].t_ns = 400 * MS + 1; /* due at 404 ms */
                items[0].request[0] = (struct request){ .kind = OP_SHRINK, .cache = cache };
                items[1].t_ns = 403 * MS;
                items[1].irq = way == 1;
                items[1].count = 1;
                items[1].request[0] =
                        way == 2 ? (struct request){ .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_ATOMIC }
                                 : (struct request){ .kind = OP_WORK, .size_bytes = 3 * MS };
                testbed_play(bed, items, 2);
                sleep_until(bed, 420 * MS);
                other = &items[1].done[0];
                for (uint32_t i = 0; i < bed->ops->len; i++)
                        if (g_array_index(bed->ops, struct op_record, i).kind == OP_RCU)
                                rcu = &g_array_index(bed->ops, struct op_record, i);
                g_assert_nonnull(rcu);
                g_assert_cmpuint(rcu->result, ==, 1);
                if (way == 0) { /* the task computes: interrupted, and later by as much */
                        g_assert_cmpuint(rcu->t_ns, ==, 404 * MS);
                        g_assert_cmpuint(other->dur_ns, ==, 3 * MS + rcu->dur_ns);
                } else { /* after the handler, or when interrupts are on again */
                        g_assert_cmpuint(rcu->t_ns, >=, other->t_ns + other->dur_ns);
                        g_assert_cmpuint(rcu->t_ns, <=, other->t_ns + other->dur_ns + 10);
                }
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/rcu/constructor-and-destructor-take-time", test_constructor);
        g_test_add_func("/engine/rcu/refused", test_refused);
        g_test_add_func("/engine/rcu/grace-period", test_grace);
        g_test_add_func("/engine/rcu/destroy-waits", test_destroy);
        g_test_add_func("/engine/rcu/soft-interrupt", test_soft_interrupt);
        return g_test_run();
}
