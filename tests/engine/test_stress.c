/*
 * test_stress.c - everything at once, from many seeds, recounted all the time; at the end every page must come back.
 *
 * KMEMSIM_TEST_SEED=N runs one seed, KMEMSIM_TEST_SEEDS=N so many of them.
 */
#include <glib.h>
#include <stdio.h>

#include "base/check.h"
#include "support/workload.h"

static uint32_t debug_slab; /* of the machines of this test */

static void say_seed(void *context)
{
        fprintf(stderr, "to repeat it: KMEMSIM_TEST_SEED=%" G_GUINT64_FORMAT "\n", *(const uint64_t *)context);
}

/* Of the objects of this cache, how many are headers of slabs. */
static uint64_t headers_in(const struct memory *mem, uint32_t cache)
{
        uint64_t count = 0;

        for (uint32_t id = mem->chain; id != CACHE_ID_NONE; id = mem->caches[id].next)
                count += mem->caches[id].off_slab && mem->caches[id].slabp_cache == cache ? mem->caches[id].slab_count
                                                                                          : 0;
        return count;
}

/* What is free on such a machine when the allocator keeps only what it needs for itself. */
static char *trimmed_lists(struct testbed *bed, bool blocks)
{
        GString *text = g_string_new(NULL);

        testbed_trim(bed);
        for (uint32_t zone = 0; blocks && zone < sim_zone_count(bed->sim); zone++) {
                struct zone_view view;

                sim_zone_get(bed->sim, zone, &view);
                g_string_append_printf(text, "%s %" G_GUINT64_FORMAT " free:", view.name, view.free_pages);
                for (uint32_t order = 0; order < MAX_ORDER; order++)
                        g_string_append_printf(text, " %u", view.free_blocks[order]);
                g_string_append_c(text, '\n');
                g_assert_cmpuint(view.pcp_pages, ==, 0);
        }
        for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next)
                g_string_append_printf(text, "%s %" G_GUINT64_FORMAT "\n", bed->mem->caches[id].spec.name,
                                       bed->mem->caches[id].live_objs - headers_in(bed->mem, id));
        return g_string_free(text, FALSE);
}

/* Every CPU is there again. */
static void all_online(struct testbed *bed)
{
        for (uint32_t cpu = 0; cpu < bed->mem->cpus; cpu++) {
                if (!sim_cpu_online(bed->sim, cpu))
                        g_assert_cmpuint(testbed_cpu(bed, true, cpu), ==, 0);
        }
}

/* Default tunables for all caches, as they were before anybody wrote to /proc/slabinfo. */
static void tune_back(struct testbed *bed)
{
        for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next) {
                uint32_t limit, batchcount, shared;
                struct cache_spec spec = bed->mem->caches[id].spec;
                struct request request = { .kind = OP_TUNE, .spec = &spec };

                kmem_cache_default_tunables(bed->mem->arch, bed->mem->caches[id].buffer_size, &limit, &batchcount,
                                            &shared);
                request.size_bytes = limit | (uint64_t)batchcount << 32;
                request.gfp = shared;
                g_assert_cmpuint(testbed_do(bed, 0, &request)->result, ==, 0);
        }
}

/* tuned: somebody writes tunables all the time. Then the allocator's own arrays end up in other places: their number
 * must be what it was, but the free blocks may be others. */
static void run_seed(uint64_t seed, uint32_t audit, uint32_t requests, bool tuned, bool hotplug,
                     struct workload_result *ret)
{
        struct workload_shape shape;
        struct sim_config config;
        g_autoptr(testbed) bed = NULL;
        g_autoptr(testbed) untouched = NULL;
        g_autofree char *lists = NULL, *expected = NULL;

        workload_draw(seed, &config, &shape);
        shape.requests = requests;
        shape.tune = tuned;
        shape.hotplug = hotplug;
        shape.caches |= tuned;
        config.rcu_grace_ns = tuned && seed % 2 ? 5000000 : 0;
        config.audit = audit;
        config.debug_slab = debug_slab;
        if (audit == 2) /* every page list is walked after every step */
                config.node_mib[0] = MIN(config.node_mib[0], 24);
        check_set_last_words(say_seed, &seed);
        g_test_message("seed %" G_GUINT64_FORMAT ": %u CPUs, %u MiB, %u tasks and %u interrupts a CPU", seed,
                       config.cpus, config.node_mib[0], shape.tasks_per_cpu, shape.irqs_per_cpu);
        bed = testbed_new(&config);
        workload_run(bed, &shape, ret);
        workload_check_tape(bed);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        g_assert_cmpuint(testbed_count(bed, EV_SLAB_ERROR, 0), ==, 0); /* a debug build finds nothing wrong */
        if (hotplug)
                all_online(bed);
        if (tuned || hotplug)
                tune_back(bed);
        lists = trimmed_lists(bed, !tuned && !hotplug);
        config.audit = 0;
        untouched = testbed_new(&config);
        expected = trimmed_lists(untouched, !tuned && !hotplug);
        if (!ret->failed_ups) /* else arrays are lost, as the kernel loses them */
                g_assert_cmpstr(lists, ==, expected);
        check_set_last_words(NULL, NULL);
}

static void run_seeds(uint64_t first, uint32_t count, uint32_t audit, uint32_t requests, bool tuned, bool hotplug)
{
        const char *one = g_getenv("KMEMSIM_TEST_SEED");
        const char *many = g_getenv("KMEMSIM_TEST_SEEDS");
        struct workload_result sum = { 0 };

        if (one)
                first = g_ascii_strtoull(one, NULL, 10), count = 1;
        else if (many)
                count = (uint32_t)g_ascii_strtoull(many, NULL, 10);
        for (uint64_t seed = first; seed < first + count; seed++) {
                struct workload_result result;

                run_seed(seed, audit, requests, tuned, hotplug, &result);
                sum.requests += result.requests;
                sum.failed += result.failed;
                sum.refused += result.refused;
                sum.lost_interrupts += result.lost_interrupts;
                sum.hotplugs += result.hotplugs;
        }
        g_test_message("%" G_GUINT64_FORMAT " requests, %" G_GUINT64_FORMAT " failed, %" G_GUINT64_FORMAT
                       " destroys refused, %" G_GUINT64_FORMAT " CPUs up or down",
                       sum.requests, sum.failed, sum.refused, sum.hotplugs);
        if (hotplug && !one && !many)
                g_assert_cmpuint(sum.hotplugs, >, 0);
}

static void test_every_step(void)
{
        run_seeds(1, 16 / TEST_THINNED, 2, 600, false, false);
}

static void test_every_op(void)
{
        run_seeds(101, 24 / TEST_THINNED, 1, 4000, false, false);
}

static void test_long(void)
{
        run_seeds(201, 8 / TEST_THINNED, 0, 60000 / TEST_THINNED, false, false);
}

static void test_tuned(void)
{
        run_seeds(301, 24 / TEST_THINNED, 1, 3000, true, false);
        run_seeds(401, 8 / TEST_THINNED, 2, 600, true, false);
}

static void test_debug_build(void)
{
        debug_slab = 1;
        run_seeds(301, 8 / TEST_THINNED, 2, 600, false, false);
        run_seeds(401, 12 / MIN(TEST_THINNED, 4), 1, 4000, false, false);
        run_seeds(501, 4 / MIN(TEST_THINNED, 4), 1, 4000, true, false);
        debug_slab = 0;
}

static void test_hotplug(void)
{
        run_seeds(501, 32 / TEST_THINNED, 1, 4000, false, true);
        run_seeds(601, 16 / TEST_THINNED, 2, 800, true, true);
        run_seeds(701, 8 / TEST_THINNED, 0, 20000 / TEST_THINNED, true, true);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/stress/recounted-after-every-step", test_every_step);
        g_test_add_func("/engine/stress/recounted-after-every-op", test_every_op);
        g_test_add_func("/engine/stress/recounted-at-the-end", test_long);
        g_test_add_func("/engine/stress/tunables-written-all-the-time", test_tuned);
        g_test_add_func("/engine/stress/of-a-debug-build", test_debug_build);
        g_test_add_func("/engine/stress/cpus-come-and-go", test_hotplug);
        return g_test_run();
}
