/*
 * test_jiffies.c - the tick counter: where it starts, how it wraps, and how two values compare.
 */
#include <glib.h>

#include "path/step.h"
#include "support/testbed.h"

static struct machine *machine_new(const struct arch *arch, uint32_t hz)
{
        struct machine *m = g_new0(struct machine, 1);

        m->mem.arch = arch;
        m->mem.hz = hz;
        m->tick_ns = 1000000000u / hz;
        return m;
}

static void test_start(void)
{
        g_autofree struct machine *m = machine_new(&arch_x86_64, 250);

        g_assert_cmphex(machine_jiffies(m), ==, 0xfffedb08u); /* -300 s as 32 bits, and no sign beyond */
        g_assert_cmphex(INITIAL_JIFFIES, ==, 0xfffedb08u);
        m->mem.hz = 1000;
        g_assert_cmphex(machine_jiffies(m), ==, (uint32_t)-300000);
}

static void test_follow_time(void)
{
        g_autofree struct machine *m = machine_new(&arch_x86_64, 250);

        m->now_ns = 3999999;
        g_assert_cmphex(machine_jiffies(m), ==, 0xfffedb08u);
        m->now_ns = 4000000;
        g_assert_cmphex(machine_jiffies(m), ==, 0xfffedb09u);
        m->now_ns = 300000000000u; /* the wrap: 32 bits start again at 0, 64 bits go on */
        g_assert_cmphex(machine_jiffies(m), ==, 0x100000000u);
        m->mem.arch = &arch_i386;
        g_assert_cmphex(machine_jiffies(m), ==, 0);
        m->now_ns -= 1;
        g_assert_cmphex(machine_jiffies(m), ==, 0xffffffffu);
}

static void test_manual(void)
{
        g_autofree struct machine *m = machine_new(&arch_i386, 250);

        m->manual_clock = 1;
        m->now_ns = 1000000000;
        g_assert_cmphex(machine_jiffies(m), ==, 0xfffedb08u); /* time passes, ticks do not */
        m->manual_ticks = 75000;
        g_assert_cmphex(machine_jiffies(m), ==, 0);
}

static void test_after_32(void)
{
        g_autofree struct machine *m = machine_new(&arch_i386, 250);

        g_assert_true(jiffies_after(m, 2, 1));
        g_assert_false(jiffies_after(m, 1, 2));
        g_assert_false(jiffies_after(m, 2, 2));
        g_assert_true(jiffies_after(m, 5, 0xfffffff0u)); /* across the wrap */
        g_assert_false(jiffies_after(m, 0xfffffff0u, 5));
        g_assert_true(jiffies_after(m, 0, 0xfffedb08u)); /* 0 is after the start: a list that is never due */
        g_assert_true(jiffies_after(m, 0x7fffffffu, 0));
        g_assert_false(jiffies_after(m, 0x80000001u, 0)); /* half way round it turns */
        g_assert_true(jiffies_after(m, 0x100000005u, 0xfffffff0u)); /* bits beyond 32 do not count */
}

static void test_after_64(void)
{
        g_autofree struct machine *m = machine_new(&arch_x86_64, 250);

        g_assert_true(jiffies_after(m, 2, 1));
        g_assert_false(jiffies_after(m, 0, 0xfffedb08u)); /* 0 is past: the list is due at once */
        g_assert_true(jiffies_after(m, 0x100000005u, 0xfffffff0u));
        g_assert_false(jiffies_after(m, 5, 0xfffffff0u));
        g_assert_true(jiffies_after(m, 1, UINT64_MAX));
}

/* What the API shows. */
static void test_api(void)
{
        struct sim_config config = testbed_config(1, 64);

        config.manual_clock = 1;
        config.arch = ARCH_I386;
        config.line_bytes = 32;
        {
                g_autoptr(testbed) bed = testbed_new(&config);

                g_assert_cmphex(sim_jiffies(bed->sim), ==, 0xfffedb08u);
                testbed_tick(bed, 75001);
                g_assert_cmphex(sim_jiffies64(bed->sim), ==, 1);
        }
        config.arch = ARCH_X86_64;
        config.line_bytes = 64;
        {
                g_autoptr(testbed) bed = testbed_new(&config);

                testbed_tick(bed, 75001);
                g_assert_cmphex(sim_jiffies(bed->sim), ==, 1);
                g_assert_cmphex(sim_jiffies64(bed->sim), ==, 0x100000001u);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/path/jiffies/start-300-s-before-the-wrap", test_start);
        g_test_add_func("/path/jiffies/follow-simulated-time", test_follow_time);
        g_test_add_func("/path/jiffies/stand-still-on-a-manual-clock", test_manual);
        g_test_add_func("/path/jiffies/32-bits-compare-across-the-wrap", test_after_32);
        g_test_add_func("/path/jiffies/64-bits-compare", test_after_64);
        g_test_add_func("/path/jiffies/the-api-shows-both-widths", test_api);
        return g_test_run();
}
