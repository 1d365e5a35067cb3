/*
 * test_order.c - what happens in which order at one moment: the rules at the top of sim.h.
 */
#include <glib.h>
#include <string.h>

#include "support/testbed.h"

static const struct request work_500 = { .kind = OP_WORK, .size_bytes = 500 };

/* The next thing the machine wants of the workload. */
static void expect_next(struct testbed *bed, enum sim_what what, uint32_t thread, uint64_t t_ns)
{
        uint32_t who;

        g_assert_cmpint(sim_run(bed->sim, &who), ==, what);
        g_assert_cmpuint(who, ==, thread);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, t_ns);
}

static void submit(struct testbed *bed, uint32_t thread, const struct request *request)
{
        g_assert_cmpstr(sim_submit(bed->sim, thread, request), ==, NULL);
}

static void test_nothing_to_do(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        expect_next(bed, SIM_IDLE, 0, 0); /* the reap timers alone do not keep it going */
        expect_next(bed, SIM_IDLE, 0, 0);
}

/* Both end at the same moment: the lower CPU is first, whoever began first. */
static void test_lowest_cpu_first(void)
{
        struct sim_config config = testbed_config(3, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        submit(bed, bed->task[2], &work_500);
        submit(bed, bed->task[0], &work_500);
        submit(bed, bed->task[1], &work_500);
        expect_next(bed, SIM_DONE, bed->task[0], 500);
        expect_next(bed, SIM_DONE, bed->task[1], 500);
        expect_next(bed, SIM_DONE, bed->task[2], 500);
        g_assert_cmpuint(sim_result(bed->sim, bed->task[2])->id, ==, 1); /* ids are in order of beginning */
        g_assert_cmpuint(sim_result(bed->sim, bed->task[0])->id, ==, 2);
        g_assert_cmpuint(sim_result(bed->sim, bed->task[1])->id, ==, 3);
}

/* Steps, then interrupts, then wake-ups in the order they were asked for. */
static void test_classes(void)
{
        struct sim_config config = testbed_config(3, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t late = sim_thread_new(bed->sim, THREAD_TASK, 0);
        uint32_t early = sim_thread_new(bed->sim, THREAD_TASK, 1);
        uint32_t irq_0 = sim_thread_new(bed->sim, THREAD_IRQ, 0);
        uint32_t irq_1 = sim_thread_new(bed->sim, THREAD_IRQ, 1);

        sim_wake_at(bed->sim, early, 500);
        sim_wake_at(bed->sim, late, 500);
        g_assert_true(sim_raise(bed->sim, irq_1, 500));
        g_assert_true(sim_raise(bed->sim, irq_0, 500));
        submit(bed, bed->task[2], &work_500);
        expect_next(bed, SIM_DONE, bed->task[2], 500);
        expect_next(bed, SIM_WAKE, irq_1, 500);
        sim_irq_return(bed->sim, irq_1);
        expect_next(bed, SIM_WAKE, irq_0, 500);
        sim_irq_return(bed->sim, irq_0);
        expect_next(bed, SIM_WAKE, early, 500);
        expect_next(bed, SIM_WAKE, late, 500);
        expect_next(bed, SIM_IDLE, 0, 500);
}

/* Starts are in the order of asking, also between CPUs and when one has to wait for its turn at that moment. */
static void test_starts_in_order(void)
{
        struct sim_config config = testbed_config(4, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t task[4];
        uint64_t id[4];

        for (uint32_t i = 0; i < 4; i++) {
                task[i] = sim_thread_new(bed->sim, THREAD_TASK, 3 - i);
                sim_wake_at(bed->sim, task[i], 1000);
        }
        for (uint32_t i = 0; i < 4; i++) {
                expect_next(bed, SIM_WAKE, task[i], 1000);
                submit(bed, task[i], &work_500);
        }
        for (uint32_t i = 4; i-- > 0;) { /* CPU 0 is done first */
                expect_next(bed, SIM_DONE, task[i], 1500);
                id[i] = sim_result(bed->sim, task[i])->id;
                g_assert_cmpuint(sim_result(bed->sim, task[i])->t_ns, ==, 1000);
        }
        for (uint32_t i = 0; i < 4; i++)
                g_assert_cmpuint(id[i], ==, i + 1);
}

/* One CPU takes its requests in the order they came and one at a time. */
static void test_one_cpu_in_turn(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t task[5];

        for (uint32_t i = 0; i < 5; i++) {
                task[i] = sim_thread_new(bed->sim, THREAD_TASK, 0);
                submit(bed, task[i], &work_500);
        }
        for (uint32_t i = 0; i < 5; i++) {
                expect_next(bed, SIM_DONE, task[i], 500 * (i + 1));
                g_assert_cmpuint(sim_result(bed->sim, task[i])->t_ns, ==, 500 * i);
                g_assert_cmpuint(sim_result(bed->sim, task[i])->dur_ns, ==, 500);
        }
}

/* Even when nothing costs anything an op changes something only after the moment it began. */
static void test_no_change_at_once(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;

        memset(config.cost_cycles, 0, sizeof(config.cost_cycles));
        bed = testbed_new(&config);
        for (uint32_t i = 0; i < 40; i++) {
                struct request request = { .kind = OP_KMALLOC, .size_bytes = 100 << (i % 8), .gfp = GFP_KERNEL };
                const struct op_record *op = testbed_do(bed, 0, &request);

                g_assert_cmpuint(op->t_ns, ==, i);
                g_assert_cmpuint(op->dur_ns, ==, 1);
        }
        for (uint32_t i = 0; i < bed->events->len; i++) {
                const struct event_record *event = &g_array_index(bed->events, struct event_record, i);

                g_assert_cmpuint(event->t_ns, ==, event->op); /* op n began at n - 1 */
        }
}

/* Makes an op that sleeps for congestion: memory is used up and the request may wait but not call the killer. */
static void use_up_memory(struct testbed *bed)
{
        while (testbed_pages(bed, 0, 5, GFP_KERNEL | __GFP_NORETRY) != OBJECT_NONE)
                ;
        while (testbed_pages(bed, 0, 0, GFP_ATOMIC) != OBJECT_NONE)
                ;
        testbed_forget(bed);
}

static uint64_t sleep_in_op(struct play_item *items, uint32_t count)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct event_record *event;

        use_up_memory(bed);
        testbed_play(bed, items, count);
        event = testbed_event(bed, EV_CONGESTION_WAITED, 0, 0);
        g_assert_nonnull(event);
        g_assert_cmpuint(event->c, ==, 20000000); /* HZ / 50 ticks */
        return event->t_ns + event->c;
}

/* A woken op goes first on its CPU; then an interrupt; then what the workload starts at that moment. */
static void test_woken_op_first(void)
{
        const struct request noio = { .kind = OP_PAGES, .gfp = GFP_NOIO };
        struct play_item alone[] = { { .t_ns = 10000000, .request = { noio } } };
        uint64_t woken_ns = sleep_in_op(alone, 1);
        struct play_item items[] = {
                { .t_ns = 10000000, .request = { noio } },
                { .t_ns = woken_ns, .request = { work_500 } },
                { .t_ns = woken_ns, .irq = true, .count = 1, .request = { { .kind = OP_WORK, .size_bytes = 700 } } },
        };
        uint64_t irq_end, sleeper_end;

        g_assert_cmpuint(alone[0].done[0].path, ==, PATH_RESERVES);
        g_assert_cmpuint(sleep_in_op(items, G_N_ELEMENTS(items)), ==, woken_ns);
        irq_end = items[2].done[0].t_ns + items[2].done[0].dur_ns;
        sleeper_end = items[0].done[0].t_ns + items[0].done[0].dur_ns;
        g_assert_cmpuint(items[2].woken_ns, ==, woken_ns);                 /* the interrupt comes in at once */
        g_assert_cmpuint(items[1].woken_ns, ==, woken_ns);                 /* the task is asked as well, */
        g_assert_cmpuint(sleeper_end, >, irq_end);
        g_assert_cmpuint(sleeper_end, ==, alone[0].done[0].t_ns + alone[0].done[0].dur_ns + 700);
        g_assert_cmpuint(items[1].done[0].t_ns, ==, sleeper_end);          /* but the op that slept has the CPU first */
}

/* sim_run_until: stops behind the moment named, and what is left goes on as if nothing had been. */
static void test_run_until(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t who;

        submit(bed, bed->task[0], &work_500);
        g_assert_cmpint(sim_run_until(bed->sim, 499, &who), ==, SIM_IDLE);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 499);
        g_assert_cmpint(sim_run_until(bed->sim, 500, &who), ==, SIM_DONE);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 500);
        g_assert_cmpint(sim_run_until(bed->sim, 9000, &who), ==, SIM_IDLE);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 500); /* nothing is left: time stays */
        sim_wake_at(bed->sim, bed->task[0], 7000);
        g_assert_cmpint(sim_run_until(bed->sim, 6999, &who), ==, SIM_IDLE);
        g_assert_cmpuint(sim_now_ns(bed->sim), ==, 6999);
        g_assert_cmpint(sim_run_until(bed->sim, 7000, &who), ==, SIM_WAKE);
        g_assert_cmpuint(who, ==, bed->task[0]);
}

static void test_wake_up_replaced(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);

        sim_wake_at(bed->sim, bed->task[0], 100);
        sim_wake_at(bed->sim, bed->task[0], 5000); /* instead */
        expect_next(bed, SIM_WAKE, bed->task[0], 5000);
        sim_wake_at(bed->sim, bed->task[0], 9000);
        sim_wake_at(bed->sim, bed->task[0], 6000); /* an earlier one as well */
        expect_next(bed, SIM_WAKE, bed->task[0], 6000);
        sim_wake_at(bed->sim, bed->task[0], 7000);
        submit(bed, bed->task[0], &work_500); /* and a request drops it */
        expect_next(bed, SIM_DONE, bed->task[0], 6500);
        expect_next(bed, SIM_IDLE, 0, 6500);
        for (uint32_t i = 0; i < 100000; i++) /* replaced ones do not pile up */
                sim_wake_at(bed->sim, bed->task[0], 8000 + i);
        expect_next(bed, SIM_WAKE, bed->task[0], 107999);
}

/* Requests that cannot be: a sentence, and nothing has happened. */
static void test_impossible_requests(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t boot_cache = sim_cache_find(bed->sim, "size-64");
        uint32_t object = testbed_kmalloc(bed, 0, 10, GFP_KERNEL);
        const struct cache_spec too_small = { .name = "small", .size_bytes = 1 };
        const struct request impossible[] = {
                { .kind = OP_NONE },
                { .kind = OP_KIND_COUNT },
                { .kind = OP_ALLOC, .cache = 1000, .gfp = GFP_KERNEL },
                { .kind = OP_ALLOC, .cache = boot_cache, .gfp = GFP_KERNEL | __GFP_DMA },
                { .kind = OP_ALLOC, .cache = boot_cache, .gfp = GFP_KERNEL | __GFP_ZERO },
                { .kind = OP_KMALLOC, .size_bytes = 10, .gfp = GFP_KERNEL | __GFP_HIGHMEM },
                { .kind = OP_KMALLOC, .size_bytes = 10, .gfp = GFP_KERNEL | __GFP_DMA32 },
                { .kind = OP_PAGES, .gfp = GFP_KERNEL, .node_plus_1 = 2 },
                { .kind = OP_PAGES, .gfp = GFP_KERNEL, .order = 64 },
                { .kind = OP_FREE, .object = OBJECT_NONE },
                { .kind = OP_FREE, .object = object + 1 },
                { .kind = OP_CREATE, .spec = &too_small },
                { .kind = OP_DESTROY, .cache = boot_cache },
                { .kind = OP_SHRINK, .cache = CACHE_ID_NONE },
                { .kind = OP_TICK, .size_bytes = 1 },
                { .kind = OP_CPU_DOWN, .cpu = 0 },
                { .kind = OP_WORK, .size_bytes = UINT64_MAX },
        };
        uint64_t hash = sim_state_hash(bed->sim);
        uint64_t ops = bed->tape.op_total;

        for (size_t i = 0; i < G_N_ELEMENTS(impossible); i++) {
                const char *problem = sim_submit(bed->sim, bed->task[0], &impossible[i]);

                if (!problem)
                        g_test_message("impossible request %u was taken", (uint32_t)i);
                g_assert_nonnull(problem);
        }
        expect_next(bed, SIM_IDLE, 0, sim_now_ns(bed->sim));
        g_assert_cmpuint(sim_state_hash(bed->sim), ==, hash);
        g_assert_cmpuint(bed->tape.op_total, ==, ops);
        testbed_release(bed, 0, object); /* the thread is as good as before */
        g_assert_nonnull(sim_submit(bed->sim, bed->task[0], &(struct request){ .kind = OP_FREE, .object = object }));
}

/* A cache goes while a request for it waits for its CPU: the request is refused, nothing breaks. */
static void test_cache_gone_while_queued(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "short", 100, 0, 0);
        uint64_t at = sim_now_ns(bed->sim) + 1000;
        struct play_item items[] = {
                { .t_ns = at, .cpu = 0, .request = { { .kind = OP_WORK, .size_bytes = 1000000 } } },
                { .t_ns = at + 1, .cpu = 0, .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL } } },
                { .t_ns = at + 2, .cpu = 1, .request = { { .kind = OP_DESTROY, .cache = cache } } },
                { .t_ns = at + 3, .cpu = 1, .request = { { .kind = OP_DESTROY, .cache = cache } } },
                { .t_ns = at + 4, .cpu = 1, .request = { { .kind = OP_SHRINK, .cache = cache } } },
        };

        testbed_play(bed, items, G_N_ELEMENTS(items));
        g_assert_cmpuint(items[2].done[0].result, ==, 0);
        g_assert_cmpuint(items[1].object[0], ==, OBJECT_NONE);
        g_assert_cmpuint(items[1].done[0].path, ==, PATH_FAILED);
        g_assert_cmpuint(items[3].done[0].result, ==, 1);
        g_assert_cmpuint(items[4].done[0].result, ==, 1);
        g_assert_cmpuint(testbed_count(bed, EV_CACHE_DESTROYED, 0), ==, 1);
}

/* A cache in use by an op under way cannot be destroyed meanwhile. */
static void test_cache_in_use(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = NULL;
        uint32_t cache;
        uint64_t at;

        config.cost_cycles[COST_GROW] = 3000000; /* 1 ms in the window of the growing slab */
        bed = testbed_new(&config);
        cache = testbed_create(bed, "short", 100, 0, 0);
        at = sim_now_ns(bed->sim) + 1000;
        {
                struct play_item items[] = {
                        { .t_ns = at,
                          .cpu = 0,
                          .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL } } },
                        { .t_ns = at + 500000, .cpu = 1, .request = { { .kind = OP_DESTROY, .cache = cache } } },
                };

                testbed_play(bed, items, G_N_ELEMENTS(items));
                g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
                g_assert_cmpuint(items[1].done[0].result, ==, 1);
                testbed_release(bed, 0, items[0].object[0]);
        }
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
}

static void note_pending(const struct op_record *op, const struct cache_spec *spec, void *context)
{
        (void)spec;
        g_array_append_val((GArray *)context, *op);
}

/* Ops under way can be listed, in order of their ids. */
static void test_pending(void)
{
        struct sim_config config = testbed_config(4, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        g_autoptr(GArray) pending = g_array_new(FALSE, FALSE, sizeof(struct op_record));
        uint32_t waiting = sim_thread_new(bed->sim, THREAD_TASK, 1);
        uint32_t who;

        for (uint32_t cpu = 4; cpu-- > 0;)
                submit(bed, bed->task[cpu], &work_500);
        submit(bed, waiting, &work_500); /* has not begun: CPU 1 is busy */
        g_assert_cmpint(sim_run_until(bed->sim, 100, &who), ==, SIM_IDLE);
        sim_pending(bed->sim, note_pending, pending);
        g_assert_cmpuint(pending->len, ==, 4);
        for (uint32_t i = 0; i < 4; i++) {
                g_assert_cmpuint(g_array_index(pending, struct op_record, i).id, ==, i + 1);
                g_assert_cmpuint(g_array_index(pending, struct op_record, i).cpu, ==, 3 - i);
                g_assert_cmpuint(g_array_index(pending, struct op_record, i).t_ns, ==, 0);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/order/without-requests-time-stands-still", test_nothing_to_do);
        g_test_add_func("/engine/order/steps-go-by-cpu-number", test_lowest_cpu_first);
        g_test_add_func("/engine/order/steps-then-interrupts-then-wake-ups", test_classes);
        g_test_add_func("/engine/order/starts-are-in-the-order-of-asking", test_starts_in_order);
        g_test_add_func("/engine/order/one-cpu-takes-requests-in-turn", test_one_cpu_in_turn);
        g_test_add_func("/engine/order/nothing-changes-at-the-moment-an-op-begins", test_no_change_at_once);
        g_test_add_func("/engine/order/an-op-that-slept-goes-before-new-ones", test_woken_op_first);
        g_test_add_func("/engine/order/run-until-stops-behind-its-moment", test_run_until);
        g_test_add_func("/engine/order/the-last-wake-up-counts", test_wake_up_replaced);
        g_test_add_func("/engine/order/impossible-requests-change-nothing", test_impossible_requests);
        g_test_add_func("/engine/order/a-request-for-a-cache-that-went-is-refused", test_cache_gone_while_queued);
        g_test_add_func("/engine/order/a-cache-in-use-stays", test_cache_in_use);
        g_test_add_func("/engine/order/ops-under-way-are-listed-by-id", test_pending);
        return g_test_run();
}
