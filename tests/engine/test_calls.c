/*
 * test_calls.c - work that has to be done on every CPU: shrink empties each magazine, a new cache gets one on each,
 * while the other CPUs are busy.
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000u

/* A cache with some objects in the magazine of every CPU. */
static uint32_t spread(struct testbed *bed)
{
        uint32_t cache = testbed_create(bed, "spread", 200, 0, 0);

        for (uint32_t cpu = 0; cpu < bed->mem->cpus; cpu++)
                testbed_release(bed, cpu, testbed_alloc(bed, cpu, cache, GFP_KERNEL));
        testbed_forget(bed);
        return cache;
}

/* One at a time: the other CPUs ascending, then the caller (spec 06 section 5). */
static void test_order(void)
{
        static const uint32_t expected[] = { 0, 1, 3, 2 };
        struct sim_config config = testbed_config(4, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = spread(bed);

        g_assert_cmpuint(testbed_shrink(bed, 2, cache), ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_MAGAZINE_SHED, 0), ==, 4);
        for (uint32_t i = 0; i < 4; i++) {
                const struct event_record *event = testbed_event(bed, EV_MAGAZINE_SHED, 0, i);

                g_assert_cmpuint(event->cpu, ==, expected[i]);
                g_assert_cmpuint(event->a, ==, cache);
                g_assert_cmpuint(event->c, ==, 0);
                g_assert_cmpuint(event->op, ==, bed->done.id); /* all of it belongs to the op that called */
        }
        for (uint32_t cpu = 0; cpu < 4; cpu++)
                g_assert_cmpuint(testbed_magazine(bed, cache, cpu)->avail, ==, 0);
        g_assert_cmpuint(testbed_lists(bed, cache)->free_objects, ==, 0);
}

/* A busy CPU answers as soon as its interrupts are on; the caller waits for all. */
static void test_busy_cpu(void)
{
        struct sim_config config = testbed_config(3, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t cache, slow;
        uint64_t start;

        config.cost_cycles[COST_TAKE_OBJ] = 300000; /* 100 us an object: a refill of 16 takes 1.6 ms, interrupts off */
        bed = testbed_new(&config);
        cache = spread(bed);
        slow = testbed_create(bed, "slow", 8, 0, 0);
        testbed_alloc(bed, 0, slow, GFP_KERNEL);
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start,
                          .cpu = 1,
                          .request = { { .kind = OP_ALLOC, .cache = slow, .gfp = GFP_KERNEL } } },
                        { .t_ns = start + 1000, .cpu = 0, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                };
                uint64_t busy_until, shrunk;

                testbed_play(bed, items, 2);
                busy_until = items[0].done[0].t_ns + items[0].done[0].dur_ns;
                shrunk = items[1].done[0].t_ns + items[1].done[0].dur_ns;
                g_assert_cmpuint(busy_until, >, start + 16 * 100000);
                g_assert_cmpuint(shrunk, >, busy_until);
                g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 0)->cpu, ==, 2); /* was idle */
                g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 0)->t_ns, <, busy_until);
                g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 1)->cpu, ==, 1);
                g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 1)->t_ns, >=, busy_until);
                g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 2)->cpu, ==, 0); /* the caller, at last */
        }
}

/* A CPU that computes with interrupts on is interrupted: the call takes a little of its time. */
static void test_working_cpu(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = spread(bed);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 1, .request = { { .kind = OP_WORK, .size_bytes = MS } } },
                { .t_ns = start + 1000, .cpu = 0, .request = { { .kind = OP_SHRINK, .cache = cache } } },
        };

        testbed_play(bed, items, 2);
        g_assert_cmpuint(items[0].done[0].dur_ns, >, MS);
        g_assert_cmpuint(items[0].done[0].dur_ns, <, MS + 10000);
        g_assert_cmpuint(items[1].done[0].dur_ns, <, MS / 2);
}

/* A handler is not interrupted by a call; the call comes when it returns. */
static void test_handler_first(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = spread(bed);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 1, .irq = true, .count = 1,
                  .request = { { .kind = OP_WORK, .size_bytes = 500000 } } },
                { .t_ns = start + 1000, .cpu = 0, .request = { { .kind = OP_SHRINK, .cache = cache } } },
        };

        testbed_play(bed, items, 2);
        g_assert_cmpuint(items[0].done[0].dur_ns, ==, 500000);
        g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 0)->cpu, ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_MAGAZINE_SHED, 0, 0)->t_ns, >=, start + 500000);
}

/* The caller waits with interrupts on: handlers of its CPU come in. */
static void test_caller_interrupted(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = spread(bed);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 1, .irq = true, .count = 1, /* keeps the called CPU busy for 0.5 ms */
                  .request = { { .kind = OP_WORK, .size_bytes = 500000 } } },
                { .t_ns = start + 1000, .cpu = 0, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                { .t_ns = start + 100000, .cpu = 0, .irq = true, .count = 1, /* over before the call is answered */
                  .request = { { .kind = OP_KMALLOC, .size_bytes = 10, .gfp = GFP_ATOMIC } } },
                { .t_ns = start + 400000, .cpu = 0, .irq = true, .count = 1, /* the answer comes while it runs */
                  .request = { { .kind = OP_WORK, .size_bytes = 300000 } } },
        };

        testbed_play(bed, items, G_N_ELEMENTS(items));
        g_assert_cmpuint(items[2].woken_ns, ==, start + 100000);
        g_assert_cmpuint(items[3].woken_ns, ==, start + 400000);
        g_assert_cmpuint(items[1].done[0].t_ns + items[1].done[0].dur_ns, >, start + 700000);
        g_assert_cmpuint(items[1].done[0].result, ==, 0);
}

/* A new cache has its magazine on every CPU, and the CPUs went on with their own work meanwhile. */
static void test_create(void)
{
        static const struct cache_spec spec = { .name = "made", .size_bytes = 300 };
        struct sim_config config = testbed_config(8, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[1 + 7 * 8];
        uint32_t count = 1;
        uint32_t cache;

        items[0] = (struct play_item){ .t_ns = 1000, .request = { { .kind = OP_CREATE, .spec = &spec } } };
        for (uint32_t cpu = 1; cpu < 8; cpu++) {
                for (uint32_t i = 0; i < 8; i++)
                        items[count++] = (struct play_item){
                                .t_ns = 1000 + i * 500 + cpu, .cpu = cpu,
                                .request = { { .kind = OP_KMALLOC, .size_bytes = 50 << i, .gfp = GFP_KERNEL } } };
        }
        testbed_play(bed, items, count);
        cache = items[0].done[0].cache;
        g_assert_cmpuint(items[0].done[0].result, ==, 0);
        g_assert_cmpuint(sim_cache_find(bed->sim, "made"), ==, cache);
        for (uint32_t cpu = 0; cpu < 8; cpu++) {
                g_assert_cmpuint(testbed_magazine(bed, cache, cpu)->limit, ==, 54);
                g_assert_cmpuint(testbed_magazine(bed, cache, cpu)->avail, ==, 0);
                g_assert_cmpuint(bed->mem->caches[cache].new_array[cpu], ==, 0);
        }
        g_assert_cmpuint(testbed_shared(bed, cache)->limit, ==, 216);
        for (uint32_t i = 1; i < count; i++)
                g_assert_cmpuint(items[i].object[0], !=, OBJECT_NONE);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* Alone there is nobody to call: no round trip is paid. */
static void test_alone(void)
{
        uint64_t dur_ns[2];

        for (uint32_t cpus = 1; cpus <= 2; cpus++) {
                struct sim_config config = testbed_config(cpus, 64);
                g_autoptr(testbed) bed = NULL;
                uint32_t cache;

                config.cost_cycles[COST_IPI] = 30000000; /* 10 ms */
                bed = testbed_new(&config);
                cache = spread(bed);
                testbed_shrink(bed, 0, cache);
                dur_ns[cpus - 1] = bed->done.dur_ns;
        }
        g_assert_cmpuint(dur_ns[0], <, MS);
        g_assert_cmpuint(dur_ns[1], >, 10 * MS);
}

/* Shrinks from two CPUs at once: the mutex lets one call at a time go out. */
static void test_two_callers(void)
{
        struct sim_config config = testbed_config(4, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = spread(bed);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 0, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                { .t_ns = start, .cpu = 1, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                { .t_ns = start, .cpu = 2, .request = { { .kind = OP_SHRINK, .cache = cache } } },
                { .t_ns = start, .cpu = 3, .request = { { .kind = OP_DESTROY, .cache = cache } } },
        };

        testbed_play(bed, items, G_N_ELEMENTS(items));
        for (uint32_t i = 0; i < 4; i++)
                g_assert_cmpuint(items[i].done[0].result, <=, 1);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/calls/other-cpus-ascending-then-the-caller", test_order);
        g_test_add_func("/engine/calls/a-cpu-answers-when-its-interrupts-are-on", test_busy_cpu);
        g_test_add_func("/engine/calls/a-computing-cpu-is-interrupted", test_working_cpu);
        g_test_add_func("/engine/calls/a-handler-is-not-interrupted", test_handler_first);
        g_test_add_func("/engine/calls/the-caller-takes-interrupts-while-it-waits", test_caller_interrupted);
        g_test_add_func("/engine/calls/a-new-cache-has-a-magazine-everywhere", test_create);
        g_test_add_func("/engine/calls/alone-there-is-nobody-to-call", test_alone);
        g_test_add_func("/engine/calls/callers-take-turns", test_two_callers);
        return g_test_run();
}
