/*
 * test_config.c - which machines can be built, and that the others are refused with a sentence.
 */
#include <glib.h>
#include <string.h>

#include "engine/sim.h"

static struct sim_config usual(void)
{
        struct sim_config config;

        sim_config_default(&config);
        return config;
}

static struct sim_config numa(uint32_t nodes)
{
        struct sim_config config = usual();

        config.numa = 1;
        config.nodes = nodes;
        for (uint32_t node = 0; node < nodes; node++)
                config.node_mib[node] = 64;
        return config;
}

static void test_default(void)
{
        struct sim_config config = usual();

        g_assert_cmpstr(sim_config_problem(&config), ==, NULL);
        g_assert_cmpuint(config.arch, ==, ARCH_X86_64);
        g_assert_cmpuint(config.cpus, ==, 2);
        g_assert_cmpuint(config.node_mib[0], ==, 256);
        g_assert_cmpuint(config.reserved_pages, ==, 256);
        g_assert_cmpuint(config.line_bytes, ==, 64);
        g_assert_cmpuint(config.hz, ==, 250);
        g_assert_cmpuint(config.cpu_mhz, ==, 3000);
        for (uint32_t i = 0; i < COST_KIND_COUNT; i++) {
                g_assert_cmpuint(config.cost_cycles[i], ==, cost_infos[i].cycles);
                g_assert_cmpint(strlen(cost_infos[i].name), >, 0);
        }
}

static void refused(const struct sim_config *config)
{
        const char *problem = sim_config_problem(config);

        g_assert_nonnull(problem);
        g_assert_cmpint(strlen(problem), >, 20); /* a sentence */
}

static void test_refused(void)
{
        struct sim_config config;

        config = usual(), config.arch = 2, refused(&config);
        config = usual(), config.cpus = 0, refused(&config);
        config = usual(), config.cpus = 9, refused(&config);
        config = usual(), config.nodes = 2, refused(&config);
        config = usual(), config.node_mib[0] = 7, refused(&config);
        config = usual(), config.node_mib[0] = 65537, refused(&config);
        config = usual(), config.node_mib[0] = 8, config.reserved_pages = 2048, refused(&config);
        config = usual(), config.line_bytes = 32, refused(&config);
        config = usual(), config.arch = ARCH_I386, config.node_mib[0] = 4097, refused(&config);
        config = numa(2), config.arch = ARCH_I386, refused(&config);
        config = numa(2), config.line_bytes = 128, refused(&config);
        config = numa(2), config.nodes = 0, refused(&config);
        config = numa(2), config.nodes = 5, refused(&config);
        config = numa(2), config.node_mib[1] = 3, refused(&config);
        config = numa(2), config.reserved_pages = 64 * 256, refused(&config);
        config = usual(), config.arch = ARCH_I386, config.line_bytes = 16, refused(&config);
        config = usual(), config.hz = 60, refused(&config);
        config = usual(), config.cpu_mhz = 0, refused(&config);
        config = usual(), config.cost_cycles[COST_LOCK] = 1000000001, refused(&config);
        config = usual(), config.threads_max = 0, refused(&config);
        config = usual(), config.threads_max = 60001, refused(&config);
}

/* The corners of what is allowed must be machines that boot. */
static void boots(const struct sim_config *config)
{
        static struct op_record ops[4];
        static struct event_record events[4];
        struct tape tape = { .ops = ops, .events = events, .op_cap = 4, .event_cap = 4 };
        const char *problem = sim_config_problem(config);
        struct sim *sim;

        g_assert_cmpstr(problem, ==, NULL);
        sim = sim_create(config, &tape, &problem);
        g_assert_cmpstr(problem, ==, NULL);
        g_assert_cmpstr(sim_audit(sim), ==, NULL);
        g_assert_cmpuint(sim_now_ns(sim), ==, 0);
        g_assert_cmpuint(tape.op_total, ==, 0);
        g_assert_cmpuint(tape.event_total, ==, 0);
        sim_destroy(sim);
}

static void test_corners(void)
{
        static const uint32_t hz[] = { 100, 250, 300, 1000 };
        struct sim_config config;

        config = usual(), config.node_mib[0] = 8, boots(&config);
        config = usual(), config.node_mib[0] = 8, config.cpus = 8, config.reserved_pages = 1023, boots(&config);
        config = usual(), config.node_mib[0] = 8, config.reserved_pages = 2048 - 250, boots(&config); /* 1 MiB is left */
        config = usual(), config.node_mib[0] = 65536, boots(&config);
        config = usual(), config.line_bytes = 128, boots(&config);
        config = usual(), config.arch = ARCH_I386, config.line_bytes = 32, config.node_mib[0] = 4096, boots(&config);
        config = usual(), config.arch = ARCH_I386, config.line_bytes = 64, config.node_mib[0] = 8, boots(&config);
        config = usual(), config.arch = ARCH_I386, config.line_bytes = 128, boots(&config);
        config = usual(), config.reserved_pages = 0, boots(&config);
        config = usual(), config.reserved_pages = 1, boots(&config);
        config = usual(), config.threads_max = 60000, boots(&config);
        config = numa(1), boots(&config);
        config = numa(4), config.cpus = 8, boots(&config);
        config = numa(4), config.cpus = 1, boots(&config); /* nodes without CPUs */
        config = numa(3), config.cpus = 2, config.node_mib[0] = 4, config.node_mib[1] = 4, boots(&config);
        config = numa(2), config.reserved_pages = 64 * 256 - 1, boots(&config); /* node 0 is nearly empty */
        for (size_t i = 0; i < G_N_ELEMENTS(hz); i++)
                config = usual(), config.hz = hz[i], boots(&config);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/config/defaults-are-a-machine", test_default);
        g_test_add_func("/engine/config/impossible-machines-are-refused", test_refused);
        g_test_add_func("/engine/config/the-corners-of-what-is-allowed-boot", test_corners);
        return g_test_run();
}
