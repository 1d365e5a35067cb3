/*
 * test_interrupts.c - handlers come in where interrupts are on, wait where they are off, do not nest, and take their
 * time from what they interrupt.
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000u

static struct request work(uint64_t ns)
{
        return (struct request){ .kind = OP_WORK, .size_bytes = ns };
}

static struct play_item irq_at(uint64_t t_ns, uint32_t cpu, uint32_t count, struct request request)
{
        struct play_item item = { .t_ns = t_ns, .cpu = cpu, .irq = true, .count = count };

        for (uint32_t i = 0; i < count; i++)
                item.request[i] = request;
        return item;
}

static uint64_t end_of(const struct op_record *op)
{
        return op->t_ns + op->dur_ns;
}

static void test_idle_cpu(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[] = { irq_at(777, 1, 1, work(10)) };

        testbed_play(bed, items, 1);
        g_assert_cmpuint(items[0].woken_ns, ==, 777);
        g_assert_cmpuint(items[0].done[0].t_ns, ==, 777);
        g_assert_cmpuint(items[0].done[0].cpu, ==, 1);
        g_assert_cmpuint(items[0].done[0].irq, ==, 1);
}

static void test_stolen_time(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[] = {
                { .t_ns = 1000, .request = { work(10000) } },
                irq_at(3000, 0, 2, work(500)),
                irq_at(6000, 0, 1, work(70)),
        };

        testbed_play(bed, items, 3);
        g_assert_cmpuint(items[1].woken_ns, ==, 3000);
        g_assert_cmpuint(items[2].woken_ns, ==, 6000);
        g_assert_cmpuint(items[0].done[0].dur_ns, ==, 10000 + 2 * 500 + 70);
        g_assert_cmpuint(items[0].done[0].irq, ==, 0);
        g_assert_cmpuint(items[0].done[0].id, ==, 1);
        g_assert_cmpuint(items[1].done[0].id, ==, 2);
        g_assert_cmpuint(items[1].done[1].t_ns, ==, end_of(&items[1].done[0]));
        g_assert_cmpuint(items[1].done[0].task, !=, items[0].done[0].task);
}

/* A handler that asks for nothing takes no time and gets no number; the others are numbered as they ask first. */
static void test_numbers(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[] = {
                { .t_ns = 0, .request = { work(10000) } },
                irq_at(1000, 0, 0, work(0)),
                irq_at(2000, 1, 2, work(5)),
                irq_at(3000, 0, 0, work(0)),
                irq_at(4000, 0, 1, work(5)),
        };

        testbed_play(bed, items, G_N_ELEMENTS(items));
        g_assert_cmpuint(items[0].done[0].dur_ns, ==, 10005);
        g_assert_cmpuint(items[2].done[0].irq, ==, 1);
        g_assert_cmpuint(items[2].done[1].irq, ==, 1);
        g_assert_cmpuint(items[4].done[0].irq, ==, 2);
        g_assert_cmpuint(bed->ops->len, ==, 4);
}

/* While a handler runs another one of the same CPU waits, in the order they were raised; another CPU's does not. */
static void test_no_nesting(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[] = {
                { .t_ns = 0, .request = { work(100000) } },
                irq_at(1000, 0, 2, work(5000)), /* to 11000 */
                irq_at(4000, 0, 1, work(100)),
                irq_at(3000, 0, 1, work(200)),
                irq_at(2000, 1, 1, work(300)),
        };

        testbed_play(bed, items, G_N_ELEMENTS(items));
        g_assert_cmpuint(items[1].woken_ns, ==, 1000);
        g_assert_cmpuint(items[4].woken_ns, ==, 2000);
        g_assert_cmpuint(items[3].woken_ns, ==, 11000);
        g_assert_cmpuint(items[2].woken_ns, ==, 11200);
        g_assert_cmpuint(items[0].done[0].dur_ns, ==, 100000 + 10000 + 300);
}

/* One line, one pending interrupt. */
static void test_lost(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t irq = sim_thread_new(bed->sim, THREAD_IRQ, 0);
        uint32_t who;

        g_assert_true(sim_raise(bed->sim, irq, 100));
        g_assert_false(sim_raise(bed->sim, irq, 50)); /* pending */
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 100);
        g_assert_false(sim_raise(bed->sim, irq, 200)); /* running */
        sim_irq_return(bed->sim, irq);
        g_assert_true(sim_raise(bed->sim, irq, 200));
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 200);
        sim_irq_return(bed->sim, irq);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_IDLE);
}

/* A handler cannot sleep. */
static void test_no_sleep(void)
{
        static const struct cache_spec spec = { .name = "made", .size_bytes = 100 };
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "there", 100, 0, 0);
        uint32_t irq = sim_thread_new(bed->sim, THREAD_IRQ, 0);
        const struct request impossible[] = {
                { .kind = OP_KMALLOC, .size_bytes = 10, .gfp = GFP_KERNEL },
                { .kind = OP_KMALLOC, .size_bytes = 10, .gfp = GFP_NOIO },
                { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL },
                { .kind = OP_PAGES, .gfp = GFP_KERNEL },
                { .kind = OP_CREATE, .spec = &spec },
                { .kind = OP_SHRINK, .cache = cache },
                { .kind = OP_DESTROY, .cache = cache },
                { .kind = OP_REAP },
        };
        uint32_t who;

        g_assert_true(sim_raise(bed->sim, irq, sim_now_ns(bed->sim) + 100));
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        for (size_t i = 0; i < G_N_ELEMENTS(impossible); i++)
                g_assert_nonnull(sim_submit(bed->sim, irq, &impossible[i]));
        g_assert_cmpstr(sim_submit(bed->sim, irq, &(struct request){ .kind = OP_PAGES, .gfp = GFP_ATOMIC }), ==, NULL);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_DONE);
        g_assert_cmpuint(sim_result(bed->sim, irq)->irq, ==, 1); /* what was refused took no number */
        sim_irq_return(bed->sim, irq);
}

/* A machine where a slab takes 1 ms to add (interrupts on if the mask waits) and an object 100 us to take (off). */
static struct testbed *slow(uint32_t cpus, uint32_t *ret_cache)
{
        struct sim_config config = testbed_config(cpus, 64);
        struct testbed *bed;

        config.cost_cycles[COST_TAKE_OBJ] = 300000;
        config.cost_cycles[COST_GROW] = 3000000;
        bed = testbed_new(&config);
        *ret_cache = testbed_create(bed, "slow", 200, 0, 0);
        testbed_forget(bed);
        return bed;
}

/* In the window of a growing cache a handler comes in, unless the mask has no __GFP_WAIT. */
static void test_window(void)
{
        static const uint32_t masks[] = { GFP_KERNEL, GFP_NOIO, GFP_ATOMIC, GFP_NOWAIT };

        for (size_t i = 0; i < G_N_ELEMENTS(masks); i++) {
                uint32_t cache;
                g_autoptr(testbed) bed = slow(1, &cache);
                uint64_t start = sim_now_ns(bed->sim) + MS;
                struct play_item items[] = {
                        { .t_ns = start, .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = masks[i] } } },
                        irq_at(start + MS / 2, 0, 1, work(300)), /* in the middle of it */
                };
                uint64_t end;

                testbed_play(bed, items, 2);
                end = end_of(&items[0].done[0]);
                if (masks[i] & __GFP_WAIT) {
                        g_assert_cmpuint(items[1].woken_ns, ==, start + MS / 2);
                        g_assert_cmpuint(end, >, start + MS + 16 * 100000);
                } else {
                        /* when interrupts are restored, with the result */
                        g_assert_cmpuint(items[1].woken_ns, ==, end);
                }
        }
}

/* A refill has interrupts off, whatever the mask: the handler waits for its end. */
static void test_refill(void)
{
        uint32_t cache;
        g_autoptr(testbed) bed = slow(1, &cache);
        uint64_t start;

        testbed_alloc(bed, 0, cache, GFP_KERNEL); /* 16 of 19 objects are out of the slab now */
        for (int i = 0; i < 15; i++)
                testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL } } },
                        irq_at(start + 150000, 0, 1, work(300)),
                };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(items[0].done[0].path, ==, PATH_PARTIAL_SLAB);
                g_assert_cmpuint(items[0].done[0].dur_ns, >, 3 * 100000);
                g_assert_cmpuint(items[1].woken_ns, ==, end_of(&items[0].done[0]));
        }
}

/* A CPU that spins on a lock has interrupts off as well. */
static void test_spinning(void)
{
        uint32_t cache;
        g_autoptr(testbed) bed = slow(2, &cache);
        uint64_t start;

        for (int i = 0; i < 16; i++)
                testbed_alloc(bed, 0, cache, GFP_KERNEL);
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0,
                          .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_ATOMIC } } },
                        { .t_ns = start + 1000, .cpu = 1,
                          .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_ATOMIC } } },
                        irq_at(start + 100000, 1, 1, work(300)),
                };
                const struct event_record *waited;

                testbed_play(bed, items, 3);
                waited = testbed_event(bed, EV_LOCK_WAITED, items[1].done[0].id, 0);
                g_assert_nonnull(waited);
                g_assert_cmpuint(waited->t_ns, >, start + 100000);
                g_assert_cmpuint(items[2].woken_ns, ==, end_of(&items[1].done[0]));
        }
}

/* Ops of a handler go in the middle of the op it interrupts, on the same magazine. */
static void test_ops_inside(void)
{
        uint32_t cache;
        g_autoptr(testbed) bed = slow(1, &cache);
        uint32_t other = sim_cache_find(bed->sim, "size-64");
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                { .t_ns = start, .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL } } },
                irq_at(start + MS / 2, 0, 2, (struct request){ .kind = OP_ALLOC, .cache = other, .gfp = GFP_ATOMIC }),
        };

        testbed_play(bed, items, 2);
        g_assert_cmpuint(items[1].done[0].id, ==, items[0].done[0].id + 1);
        g_assert_cmpuint(items[1].done[0].path, ==, PATH_MAGAZINE);
        g_assert_cmpuint(end_of(&items[1].done[1]), <, end_of(&items[0].done[0]));
        g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* While an op sleeps its CPU is free for a handler. */
static void test_sleeping_op(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint64_t start;

        while (testbed_pages(bed, 0, 0, GFP_ATOMIC) != OBJECT_NONE)
                ;
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct play_item items[] = {
                        { .t_ns = start, .request = { { .kind = OP_PAGES, .gfp = GFP_NOIO } } }, /* sleeps for 20 ms */
                        irq_at(start + 5 * MS, 0, 1, work(1000)),
                };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(items[1].woken_ns, ==, start + 5 * MS);
                g_assert_cmpuint(items[0].done[0].dur_ns, >, 20 * MS);
                g_assert_cmpuint(items[0].done[0].dur_ns, <, 21 * MS);
        }
}

/* A handler of a CPU where a request waits for its turn comes before that request. */
static void test_before_the_next_op(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[] = {
                { .t_ns = 0, .request = { work(1000) } },
                { .t_ns = 10, .request = { work(1000) } },
                irq_at(1000, 0, 1, work(50)),
        };

        testbed_play(bed, items, 3);
        g_assert_cmpuint(items[2].woken_ns, ==, 1000);
        g_assert_cmpuint(items[1].done[0].t_ns, ==, 1050);
        g_assert_cmpuint(items[1].done[0].dur_ns, ==, 1000);
}

/* However dense interrupts come, the task below gets on, and every one of them is heard. */
static void test_storm(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct play_item items[101];

        items[0] = (struct play_item){ .t_ns = 0,
                                       .request = { { .kind = OP_KMALLOC, .size_bytes = 3000, .gfp = GFP_KERNEL } } };
        for (uint32_t i = 1; i < G_N_ELEMENTS(items); i++)
                items[i] =
                        irq_at(i, 0, 1, (struct request){ .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_ATOMIC });
        testbed_play(bed, items, G_N_ELEMENTS(items));
        for (uint32_t i = 1; i < G_N_ELEMENTS(items); i++) {
                g_assert_cmpuint(items[i].done[0].irq, ==, i);
                g_assert_cmpuint(items[i].object[0], !=, OBJECT_NONE);
        }
        g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/interrupts/an-idle-cpu-takes-them-at-once", test_idle_cpu);
        g_test_add_func("/engine/interrupts/their-time-is-taken-from-the-op-below", test_stolen_time);
        g_test_add_func("/engine/interrupts/numbers-are-given-with-the-first-op", test_numbers);
        g_test_add_func("/engine/interrupts/handlers-do-not-nest", test_no_nesting);
        g_test_add_func("/engine/interrupts/one-that-is-pending-is-not-raised-again", test_lost);
        g_test_add_func("/engine/interrupts/handlers-cannot-sleep", test_no_sleep);
        g_test_add_func("/engine/interrupts/come-in-while-a-slab-is-made-if-the-mask-waits", test_window);
        g_test_add_func("/engine/interrupts/wait-for-the-end-of-a-refill", test_refill);
        g_test_add_func("/engine/interrupts/wait-while-the-cpu-spins", test_spinning);
        g_test_add_func("/engine/interrupts/ops-of-a-handler-run-inside-another-op", test_ops_inside);
        g_test_add_func("/engine/interrupts/come-in-while-an-op-sleeps", test_sleeping_op);
        g_test_add_func("/engine/interrupts/come-before-the-next-request", test_before_the_next_op);
        g_test_add_func("/engine/interrupts/a-storm-loses-none", test_storm);
        return g_test_run();
}
