/*
 * test_cost.c - cycles become nanoseconds by rounding to the nearest, whatever the speed of the machine.
 */
#include <glib.h>

#include "engine/sim_private.h"
#include "support/testbed.h"

static void set_speed(struct machine *m, uint32_t mhz)
{
        struct sim_config config = testbed_config(1, 8);
        const char *problem;
        struct tape tape = { 0 };
        struct op_record ops[1];
        struct event_record events[1];
        struct sim *sim;

        config.cpu_mhz = mhz;
        tape.ops = ops;
        tape.events = events;
        tape.op_cap = 1;
        tape.event_cap = 1;
        sim = sim_create(&config, &tape, &problem);
        g_assert_nonnull(sim);
        m->ns_per_cycle_q32 = sim->m.ns_per_cycle_q32;
        for (uint32_t i = 0; i < COST_KIND_COUNT; i++) {
                g_assert_cmpuint(sim->m.cost_ns[i], ==, cycles_to_ns(m, config.cost_cycles[i]));
                g_assert_cmpuint(sim->m.cost_cycles[i], ==, config.cost_cycles[i]);
        }
        sim_destroy(sim);
}

/* The exact figure, rounded half up. */
static uint64_t rounded(uint64_t cycles, uint32_t mhz)
{
        unsigned __int128 twice = (unsigned __int128)cycles * 2000 + mhz;

        return (uint64_t)(twice / (2 * (uint64_t)mhz));
}

static void test_rounding(void)
{
        static const uint32_t speeds[] = { 1, 100, 233, 1000, 1500, 2000, 2400, 3000, 3333, 4000, 100000 };
        g_autofree struct machine *m = g_new0(struct machine, 1);

        for (size_t s = 0; s < G_N_ELEMENTS(speeds); s++) {
                set_speed(m, speeds[s]);
                for (uint64_t cycles = 0; cycles <= 20000; cycles++)
                        g_assert_cmpuint(cycles_to_ns(m, cycles), ==, rounded(cycles, speeds[s]));
        }
}

/* Spec 06 section 6.2 on its nominal machine of 3 GHz. */
static void test_default_table(void)
{
        static const struct { enum cost_kind kind; uint32_t cycles, ns;
        } table[] = {
                { COST_ENTER, 10, 3 },       { COST_IRQ, 37, 12 },        { COST_MAG_POP, 7, 2 },
                { COST_MAG_PUT, 7, 2 },      { COST_LOCK, 40, 13 },       { COST_LOCK_TRANSFER, 100, 33 },
                { COST_TAKE_OBJ, 8, 3 },     { COST_RETURN_OBJ, 25, 8 },  { COST_GROW, 150, 50 },
                { COST_PCP, 60, 20 },        { COST_BUDDY, 40, 13 },      { COST_SPLIT, 15, 5 },
                { COST_MERGE, 30, 10 },      { COST_WATERMARK, 15, 5 },   { COST_IPI, 3000, 1000 },
                { COST_REAP_CACHE, 60, 20 }, { COST_SWITCH, 3000, 1000 },
        };
        g_autofree struct machine *m = g_new0(struct machine, 1);

        set_speed(m, 3000);
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_assert_cmpuint(cost_infos[table[i].kind].cycles, ==, table[i].cycles);
                g_assert_cmpuint(cycles_to_ns(m, table[i].cycles), ==, table[i].ns);
        }
}

/* The largest cost a configuration may have, many times in one step, on the slowest machine it may have. */
static void test_largest(void)
{
        g_autofree struct machine *m = g_new0(struct machine, 1);

        set_speed(m, 1);
        g_assert_cmpuint(cycles_to_ns(m, 1000000000u), ==, 1000000000000u);
        g_assert_cmpuint(cycles_to_ns(m, 1000000000000u), ==, 1000000000000000u);
        set_speed(m, 3000);
        g_assert_cmpuint(cycles_to_ns(m, 3000000000000u), >=, 999999999000u);
        g_assert_cmpuint(cycles_to_ns(m, 3000000000000u), <=, 1000000001000u);
}

/* A magazine hit costs what the decomposition of spec 06 says: entry, class search, irq, pop. */
static void test_magazine_hit(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct request request = { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_KERNEL };
        const struct op_record *op;

        testbed_release(bed, 0, testbed_kmalloc(bed, 0, 100, GFP_KERNEL));
        op = testbed_do(bed, 0, &request);
        g_assert_cmpuint(op->path, ==, PATH_MAGAZINE);
        g_assert_cmpuint(op->dur_ns, ==, rounded(10 + 2 * 3, 3000) + 12 + 2); /* size-128 is the third class */
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/path/cost/cycles-round-to-the-nearest-nanosecond", test_rounding);
        g_test_add_func("/path/cost/defaults-are-those-of-the-table", test_default_table);
        g_test_add_func("/path/cost/the-largest-costs-do-not-overflow", test_largest);
        g_test_add_func("/path/cost/a-magazine-hit-is-entry-irq-and-pop", test_magazine_hit);
        return g_test_run();
}
