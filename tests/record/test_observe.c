/*
 * test_observe.c - digest, latency and sampler.
 */
#include <stdlib.h>
#include <string.h>

#include "observe/digest.h"
#include "observe/latency.h"
#include "base/units.h"
#include "observe/sampler.h"
#include "record/scratch.h"
#include "record/workload.h"

static uint64_t next_random(uint64_t *state)
{
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        return *state >> 17;
}

static void fill(struct op_record *ops, struct event_record *events, size_t count)
{
        uint64_t state = 7;

        memset(ops, 0, count * sizeof(*ops));
        memset(events, 0, count * sizeof(*events));
        for (size_t i = 0; i < count; i++) {
                ops[i].id = i + 1;
                ops[i].t_ns = next_random(&state);
                ops[i].kind = (uint8_t)(next_random(&state) % (OP_WORK + 1));
                events[i].seq = i + 1;
                events[i].a = (uint32_t)next_random(&state);
        }
}

static void digest_in_blocks(const struct op_record *ops, const struct event_record *events, size_t count,
                             size_t block, char ret_text[DIGEST_TEXT_BYTES])
{
        struct digest *digest = digest_new();

        for (size_t at = 0; at < count; at += block) {
                digest_ops(digest, ops + at, MIN(block, count - at));
                digest_events(digest, events + at, MIN(block, count - at));
        }
        digest_text(digest, ret_text);
        digest_free(digest);
}

#define RECORDS 500

static void test_digest_blocks(void)
{
        static const size_t blocks[] = { 1, 2, 7, 64, 499, 500 };
        static struct op_record ops[RECORDS];
        static struct event_record events[RECORDS];
        char first[DIGEST_TEXT_BYTES], text[DIGEST_TEXT_BYTES];

        fill(ops, events, RECORDS);
        digest_in_blocks(ops, events, RECORDS, RECORDS, first);
        g_assert_cmpuint(strlen(first), ==, 32);
        /* the same on every machine; changes only with the records or the way they are combined */
        g_assert_cmpstr(first, ==, "5ce9e768fb9036c5ef865bcd5fa2f18b");
        for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
                digest_in_blocks(ops, events, RECORDS, blocks[i], text);
                g_assert_cmpstr(text, ==, first);
        }
}

static void test_digest_notices(void)
{
        static struct op_record ops[RECORDS];
        static struct event_record events[RECORDS];
        char first[DIGEST_TEXT_BYTES], text[DIGEST_TEXT_BYTES];
        struct op_record swapped;

        fill(ops, events, RECORDS);
        digest_in_blocks(ops, events, RECORDS, 10, first);
        events[RECORDS / 2].b ^= 1;
        digest_in_blocks(ops, events, RECORDS, 10, text);
        g_assert_cmpstr(text, !=, first);
        events[RECORDS / 2].b ^= 1;
        swapped = ops[3];
        ops[3] = ops[4];
        ops[4] = swapped;
        digest_in_blocks(ops, events, RECORDS, 10, text);
        g_assert_cmpstr(text, !=, first);
        ops[4] = ops[3];
        ops[3] = swapped;
        digest_in_blocks(ops, events, RECORDS - 1, 10, text);
        g_assert_cmpstr(text, !=, first);
}

static int compare_ns(const void *a, const void *b)
{
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

/* Against sorting: exact below 4096 ns, off by less than 0.4 % above; the largest is exact. */
static void test_latency(void)
{
        static const uint32_t permilles[] = { 1, 10, 250, 500, 900, 990, 999, 1000 };
        enum { COUNT = 20000 };
        static struct op_record ops[COUNT];
        static uint64_t sorted[COUNT];

        for (unsigned bits = 4; bits <= 60; bits += 7) {
                struct latency *latency = latency_new();
                uint64_t state = bits;

                for (size_t i = 0; i < COUNT; i++) {
                        ops[i].kind = i % 2 == 0 ? OP_KMALLOC : OP_ALLOC;
                        ops[i].dur_ns = (next_random(&state) << 17 ^ next_random(&state)) &
                                        ((UINT64_C(1) << (1 + next_random(&state) % bits)) - 1);
                        sorted[i] = ops[i].dur_ns;
                }
                qsort(sorted, COUNT, sizeof(sorted[0]), compare_ns);
                latency_add(latency, ops, COUNT / 2);
                latency_add(latency, ops + COUNT / 2, COUNT / 2);
                g_assert_cmpuint(latency_count(latency, LATENCY_ALLOC), ==, COUNT);
                g_assert_cmpuint(latency_count(latency, LATENCY_FREE), ==, 0);
                g_assert_cmpuint(latency_max_ns(latency, LATENCY_ALLOC), ==, sorted[COUNT - 1]);
                for (size_t i = 0; i < G_N_ELEMENTS(permilles); i++) {
                        uint64_t truth = sorted[(COUNT * permilles[i] + 999) / 1000 - 1];
                        uint64_t told = latency_quantile_ns(latency, LATENCY_ALLOC, permilles[i]);
                        uint64_t off = told > truth ? told - truth : truth - told;

                        if (truth < 4096)
                                g_assert_cmpuint(told, ==, truth);
                        else
                                g_assert_cmpuint(off, <=, truth / 250);
                }
                g_assert_cmpuint(latency_quantile_ns(latency, LATENCY_PAGES, 500), ==, 0);
                latency_free(latency);
        }
}

static void test_latency_classes(void)
{
        struct latency *latency = latency_new();
        struct op_record ops[] = {
                { .kind = OP_PAGES, .dur_ns = 5 },
                { .kind = OP_FREE, .dur_ns = 7 },
                { .kind = OP_CREATE, .dur_ns = 9 },
                { .kind = OP_REAP, .dur_ns = 11, .origin = 1 },
        };

        latency_add(latency, ops, G_N_ELEMENTS(ops));
        g_assert_cmpuint(latency_count(latency, LATENCY_ALLOC), ==, 0);
        g_assert_cmpuint(latency_quantile_ns(latency, LATENCY_PAGES, 500), ==, 5);
        g_assert_cmpuint(latency_quantile_ns(latency, LATENCY_FREE, 990), ==, 7);
        latency_free(latency);
}

/* The grid on a machine where nothing happens but a task that wakes up now and then. */
static void check_grid(uint64_t end_ns)
{
        struct op_record ops[16];
        struct event_record events[16];
        struct tape tape = { .ops = ops, .op_cap = 16, .events = events, .event_cap = 16 };
        struct sampler *sampler = sampler_new();
        struct sim_config config;
        const char *problem;
        const GPtrArray *samples;
        struct sim *sim;
        uint64_t interval_ns;
        uint32_t thread, points;

        sim_config_default(&config);
        config.node_mib[0] = 16;
        config.cpus = 1;
        config.manual_clock = 1; /* no reaper: this test is about time */
        sim = sim_create(&config, &tape, &problem);
        g_assert_nonnull(sim);
        thread = sim_thread_new(sim, THREAD_TASK, 0);
        sampler_take(sampler, sim);
        sim_wake_at(sim, thread, end_ns);
        g_assert_cmpint(sampled_run(sampler, sim, TIME_NEVER, &thread), ==, SIM_WAKE);
        g_assert_cmpint(sampled_run(sampler, sim, TIME_NEVER, &thread), ==, SIM_IDLE);
        g_assert_cmpuint(sim_now_ns(sim), ==, end_ns);
        sampler_end(sampler, sim);
        interval_ns = sampler_interval_ns(sampler);
        points = sampler_point_count(sampler);
        samples = sampler_samples(sampler);
        g_assert_cmpuint(points, ==, samples->len);
        g_assert_cmpuint(points, <=, SAMPLER_POINTS_MAX + 1);
        if (end_ns >= SAMPLER_POINTS_MAX / 2 * SAMPLER_FIRST_INTERVAL_NS)
                g_assert_cmpuint(points, >=, SAMPLER_POINTS_MAX / 2);
        for (guint i = 0; i + 1 < samples->len; i++)
                g_assert_cmpuint(((const struct sample *)samples->pdata[i])->t_ns, ==, i * interval_ns);
        g_assert_cmpuint(((const struct sample *)samples->pdata[samples->len - 1])->t_ns, ==, end_ns);
        sim_destroy(sim);
        sampler_free(sampler);
}

static void test_sampler_grid(void)
{
        static const uint64_t ends_ns[] = {
                1,       999,     1000,    1001,       123456,        255000,         255999,  256000,
                511000,  511001,  512000,  512001,     1023999,       1024000,        2047000, 2047001,
                2048000, 2048001, 5000000, 1000000000, 2048000000000, 86400000000000,
        };

        for (size_t i = 0; i < G_N_ELEMENTS(ends_ns); i++)
                check_grid(ends_ns[i]);
}

/* A real run: as many points as promised, and none of it changes what happens. */
static void test_same_digest(void)
{
        g_autofree char *path = scratch_path("same.db");
        struct workload workload;
        struct workload_result bare, plain, small, recorded;

        for (uint64_t seed = 1; seed <= 6; seed++) {
                workload_default(&workload);
                workload.seed = seed;
                workload.cpus = (uint32_t)seed;
                workload.cpu_mhz = seed % 2 == 0 ? 1 : 3000;
                workload_run_bare(&workload, &bare);
                g_assert_true(workload_run(&workload, NULL, &plain, NULL));
                record(&workload, path, &recorded);
                workload.block_ops = 1;
                workload.block_events = 3;
                g_assert_true(workload_run(&workload, NULL, &small, NULL));
                g_assert_cmpstr(plain.digest, ==, bare.digest);
                g_assert_cmpstr(small.digest, ==, bare.digest);
                g_assert_cmpstr(recorded.digest, ==, bare.digest);
                g_assert_cmpuint(plain.end_ns, ==, bare.end_ns);
                g_assert_cmpuint(recorded.sample_count, ==, plain.sample_count);
                g_assert_cmpuint(plain.sample_count, >=, SAMPLER_POINTS_MAX / 2);
                g_assert_cmpuint(plain.sample_count, <=, SAMPLER_POINTS_MAX + 1);
        }
}

int main(int argc, char **argv)
{
        int code;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/observe/digest/same-for-any-block-size", test_digest_blocks);
        g_test_add_func("/observe/digest/notices-any-change", test_digest_notices);
        g_test_add_func("/observe/latency/agrees-with-sorting", test_latency);
        g_test_add_func("/observe/latency/counts-each-class", test_latency_classes);
        g_test_add_func("/observe/sampler/keeps-a-grid", test_sampler_grid);
        g_test_add_func("/observe/observer/changes-nothing", test_same_digest);
        code = g_test_run();
        scratch_remove_all();
        return code;
}
