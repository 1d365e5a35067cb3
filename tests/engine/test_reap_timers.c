/*
 * test_reap_timers.c - when cache_reap runs on which CPU (spec 02 section 9),
 * and that its passes are ops of the machine.
 */
#include <glib.h>

#include "support/testbed.h"

/* R(d, cpu) in the arithmetic of the machine: unsigned long of 32 or 64 bits. Returns the delay in ticks. */
static uint64_t rounded_delay(uint64_t now, uint32_t delay, uint32_t cpu, uint32_t hz, bool is_32)
{
        uint64_t mask = is_32 ? UINT32_MAX : UINT64_MAX;
        uint64_t t = (now + delay + 3 * cpu) & mask;
        uint64_t r = t % hz;

        if (r < hz / 4)
                t -= r;
        else
                t += hz - r;
        t = (t - 3 * cpu) & mask;
        return t <= now ? delay : t - now;
}

/* An idle machine for some time: every pass must begin at the tick expected. */
static void expect_passes(uint32_t arch, uint32_t hz, uint32_t cpus, uint32_t seconds)
{
        struct sim_config config = testbed_config(cpus, 16);
        g_autoptr(testbed) bed = NULL;
        bool is_32 = arch == ARCH_I386;
        uint64_t tick_ns = 1000000000u / hz;
        uint64_t initial = (uint32_t)(0u - 300u * hz);
        uint64_t next[MACHINE_CPUS_MAX];
        uint32_t who;

        config.arch = arch;
        config.line_bytes = is_32 ? 32 : 64;
        config.hz = hz;
        config.audit = 0;
        bed = testbed_new(&config);
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
                next[cpu] = rounded_delay(initial, hz, cpu, hz, is_32);
        sim_wake_at(bed->sim, bed->task[0], seconds * (uint64_t)1000000000);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        testbed_flush(bed);
        g_assert_cmpuint(bed->ops->len, >=, cpus * (seconds / 3));
        for (uint32_t i = 0; i < bed->ops->len; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);
                uint64_t ticks = op->t_ns / tick_ns;
                uint64_t now = is_32 ? (uint32_t)(initial + ticks) : initial + ticks;

                if (op->t_ns != next[op->cpu] * tick_ns)
                        g_test_message("HZ %u CPU %u: pass at tick %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, hz,
                                       op->cpu, ticks, next[op->cpu]);
                g_assert_cmpuint(op->t_ns, ==, next[op->cpu] * tick_ns);
                g_assert_cmpuint(op->kind, ==, OP_REAP);
                g_assert_cmpuint(op->origin, ==, 1);
                g_assert_cmpuint(op->task, ==, 0);
                next[op->cpu] += rounded_delay(now, 2 * hz, op->cpu, hz, is_32);
        }
        for (uint32_t cpu = 0; cpu < cpus; cpu++) /* none was left out */
                g_assert_cmpuint(next[cpu] * tick_ns, >=, seconds * (uint64_t)1000000000);
}

static void test_first_passes(void)
{
        static const uint32_t hz[] = { 100, 250, 300, 1000 };

        for (size_t i = 0; i < G_N_ELEMENTS(hz); i++) {
                for (uint32_t cpus = 1; cpus <= 8; cpus += cpus == 1 ? 3 : 4) {
                        expect_passes(ARCH_X86_64, hz[i], cpus, 20);
                        expect_passes(ARCH_I386, hz[i], cpus, 20);
                }
        }
}

/* HZ 250, counted by hand: the first pass of CPU 0 comes 204 ticks after boot, then two seconds after each. */
static void test_by_hand(void)
{
        struct sim_config config = testbed_config(2, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        static const struct { uint32_t cpu; uint64_t ticks; } expected[] = {
                { 1, 201 }, { 0, 204 }, { 1, 701 }, { 0, 704 }, { 1, 1201 }, { 0, 1204 },
        };
        uint32_t who;

        sim_wake_at(bed->sim, bed->task[0], 5000000000u);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        testbed_flush(bed);
        g_assert_cmpuint(bed->ops->len, ==, G_N_ELEMENTS(expected));
        for (uint32_t i = 0; i < bed->ops->len; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);

                g_assert_cmpuint(op->cpu, ==, expected[i].cpu);
                g_assert_cmpuint(op->t_ns, ==, expected[i].ticks * 4000000);
        }
}

/* 300 seconds after boot 32-bit jiffies begin again at 0: the sum wraps, and the delay is not rounded there. */
static void test_wrap(void)
{
        expect_passes(ARCH_I386, 250, 4, 310);
        expect_passes(ARCH_I386, 1000, 2, 310);
        expect_passes(ARCH_X86_64, 250, 2, 310);
}

/* A busy CPU reaps when the op in hand is done, before what else waits there; the next pass counts from its end. */
static void test_busy_cpu(void)
{
        struct sim_config config = testbed_config(1, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        const uint64_t due = 204 * (uint64_t)4000000;
        struct play_item items[] = {
                { .t_ns = due - 1000, .request = { { .kind = OP_WORK, .size_bytes = 8000000 } } },
                { .t_ns = due - 500, .request = { { .kind = OP_WORK, .size_bytes = 1000 } } },
                { .t_ns = due + 2100000000u, .request = { { .kind = OP_WORK, .size_bytes = 1000 } } },
        };
        const struct op_record *first = NULL, *second = NULL;

        testbed_play(bed, items, G_N_ELEMENTS(items));
        for (uint32_t i = 0; i < bed->ops->len; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);

                if (op->kind == OP_REAP && !first)
                        first = op;
                else if (op->kind == OP_REAP && !second)
                        second = op;
        }
        g_assert_nonnull(second);
        g_assert_cmpuint(first->t_ns, ==, due - 1000 + 8000000);
        g_assert_cmpuint(items[1].done[0].t_ns, ==, first->t_ns + first->dur_ns);
        /* its end is at tick 205: 205 + 500, rounded back to the whole second, as if it had been on time */
        g_assert_cmpuint(second->t_ns, ==, 704 * (uint64_t)4000000);
}

/* Interrupts come in while the reaper goes from cache to cache. */
static void test_interrupted(void)
{
        struct sim_config config = testbed_config(1, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        const uint64_t due = 204 * (uint64_t)4000000;
        struct play_item items[] = {
                { .t_ns = due + 200, .irq = true, .count = 1,
                  .request = { { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_ATOMIC } } },
                { .t_ns = due + 1000000, .request = { { .kind = OP_WORK, .size_bytes = 1000 } } },
        };
        const struct op_record *reap;

        testbed_play(bed, items, G_N_ELEMENTS(items));
        reap = &g_array_index(bed->ops, struct op_record, 1); /* done after the handler's op, begun before it */
        g_assert_cmpuint(reap->kind, ==, OP_REAP);
        g_assert_cmpuint(reap->id, <, items[0].done[0].id);
        g_assert_cmpuint(items[0].woken_ns, ==, due + 200);
        g_assert_cmpuint(reap->t_ns + reap->dur_ns, >, items[0].done[0].t_ns + items[0].done[0].dur_ns);
}

/* A machine with a manual clock has no timers. */
static void test_manual(void)
{
        struct sim_config config = testbed_config(2, 16);
        g_autoptr(testbed) bed = NULL;
        uint32_t who;

        config.manual_clock = 1;
        bed = testbed_new(&config);
        sim_wake_at(bed->sim, bed->task[0], 60000000000u);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        testbed_flush(bed);
        g_assert_cmpuint(bed->ops->len, ==, 0);
}

/*
 * The list of kmem_cache itself is never given a time to be reaped at and keeps 0 (02 section 9). With 64-bit jiffies
 * that is long over; with 32 bits it lies ahead until jiffies wrap, 300 s after boot:
 * until then its shared array and free slabs stay.
 */
static void test_unset_next_reap(void)
{
        for (uint32_t is_32 = 0; is_32 < 2; is_32++) {
                struct sim_config config = testbed_config(1, 16);
                g_autoptr(testbed) bed = NULL;
                uint64_t seconds = 0;
                uint32_t cache, who;

                config.arch = is_32 ? ARCH_I386 : ARCH_X86_64;
                config.line_bytes = is_32 ? 32 : 64;
                config.audit = 0;
                bed = testbed_new(&config);
                cache = testbed_create(bed, "other", 100, 0, 0);
                g_assert_cmpuint(testbed_lists(bed, bed->mem->cache_cache)->next_reap, ==, 0);
                while (testbed_lists(bed, bed->mem->cache_cache)->next_reap == 0) {
                        uint64_t before = testbed_lists(bed, cache)->next_reap;

                        seconds += 5; /* a list period is 4 s, met by passes 2 s apart: at most 6 */
                        sim_wake_at(bed->sim, bed->task[0], seconds * 1000000000);
                        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
                        testbed_flush(bed);
                        if (seconds % 10 == 0 && seconds > 10)
                                g_assert_cmpuint(testbed_lists(bed, cache)->next_reap, !=, before);
                        g_assert_cmpuint(seconds, <, 400);
                }
                g_assert_cmpuint(seconds, ==, is_32 ? 305 : 5);
        }
}

/* A time to be reaped at that lies behind the wrap of jiffies is an unsigned long of the machine: 32 bits on i386. */
static void test_next_reap_wraps(void)
{
        for (uint32_t is_32 = 0; is_32 < 2; is_32++) {
                struct sim_config config = testbed_config(1, 16);
                g_autoptr(testbed) bed = NULL;
                uint32_t made, reaped;

                config.arch = is_32 ? ARCH_I386 : ARCH_X86_64;
                config.line_bytes = is_32 ? 32 : 64;
                config.manual_clock = 1;
                bed = testbed_new(&config);
                testbed_tick(bed, 300 * 250 - 2300);
                reaped = testbed_create(bed, "reaped", 100, 0, 0);
                testbed_tick(bed, 1800); /* 500 before the wrap, and a period is 1000 */
                made = testbed_create(bed, "made", 100, 0, 0);
                testbed_tick(bed, 499);
                g_assert_cmpuint(testbed_lists(bed, made)->next_reap >> 32, ==, !is_32);
                g_assert_cmpuint((uint32_t)testbed_lists(bed, made)->next_reap, <, 1500);
                testbed_reap(bed, 0);
                g_assert_cmpuint(testbed_lists(bed, reaped)->next_reap, ==, (is_32 ? 0 : UINT64_C(1) << 32) + 999);
        }
}

/* Pages of high memory on a machine in time, and what a refill of the list of the zone takes. */
static void test_high_memory(void)
{
        struct sim_config config = testbed_config(2, 1024);
        g_autoptr(testbed) bed = NULL;
        const uint32_t high = 2;

        config.arch = ARCH_I386;
        config.line_bytes = 32;
        config.audit = 0;
        bed = testbed_new(&config);
        g_assert_cmpuint(bed->mem->zones[high].start_pfn, ==, 229376);
        testbed_pages(bed, 1, 0, GFP_HIGHUSER);
        g_assert_cmpuint(bed->done.pfn, >=, 229376);
        g_assert_cmpuint(bed->mem->zones[high].pcp[1][0].list.count, ==, bed->mem->zones[high].pcp[1][0].batch - 1);
        testbed_pages(bed, 1, 0, GFP_KERNEL);
        g_assert_cmpuint(bed->done.pfn, <, 229376);
        while (testbed_pages(bed, 0, 9, GFP_HIGHUSER | __GFP_NORETRY) != OBJECT_NONE)
                ; /* when high memory is used up, Normal and then DMA serve it, down to what is kept from it */
        g_assert_cmpuint(bed->mem->zones[high].free_pages, <, 1024);
        g_assert_cmpuint(bed->mem->zones[1].free_pages, <, 2048);
        g_assert_cmpuint(bed->mem->zones[0].free_pages, >, 1000);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/reap-timers/passes-begin-when-the-rounding-says", test_first_passes);
        g_test_add_func("/engine/reap-timers/counted-by-hand", test_by_hand);
        g_test_add_func("/engine/reap-timers/jiffies-wrap", test_wrap);
        g_test_add_func("/engine/reap-timers/a-busy-cpu-reaps-as-soon-as-it-can", test_busy_cpu);
        g_test_add_func("/engine/reap-timers/interrupts-come-in-during-a-pass", test_interrupted);
        g_test_add_func("/engine/reap-timers/a-manual-clock-has-none", test_manual);
        g_test_add_func("/engine/reap-timers/lists-without-a-time", test_unset_next_reap);
        g_test_add_func("/engine/reap-timers/next-reap-wraps", test_next_reap_wraps);
        g_test_add_func("/engine/reap-timers/i386-high-memory", test_high_memory);
        return g_test_run();
}
