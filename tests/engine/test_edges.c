/*
 * test_edges.c - every arrow of the path tables is taken: by random workloads and by a few scenarios for the rest.
 *
 * Arrows are counted by the core in builds with the full audit; in others this test is skipped. An arrow that cannot be
 * taken yet is listed below with the reason; one that is listed and taken all the same is an error, too.
 */
#include <glib.h>
#include <string.h>

#include "path/step.h"
#include "support/workload.h"

#ifdef KMEMSIM_AUDIT_FULL
#define COUNTED true
#else
#define COUNTED false
#endif

static const char *const outcome_names[] = { "ok", "no", "alt", "call", "done", "wait", "sleep", "park" };

static uint64_t taken[STATE_COUNT][OUT_PARK + 1];

static const char reclaim[] = "direct reclaim makes no progress yet";
static const char retune[] = "no request tunes a cache again yet";
static const char guard[] = "a guard: what would lead there is refused before";

static const struct { enum state state; enum outcome outcome; const char *why; } never[] = {
        { PA_RECLAIM, OUT_OK, reclaim },
        { PA_AFTER_RECLAIM, OUT_CALL, reclaim },
        { PA_AFTER_RECLAIM_GOT, OUT_OK, reclaim },
        { PA_AFTER_RECLAIM_GOT, OUT_NO, reclaim },
        { KML_OLD_PUT, OUT_CALL, retune },
        { KML_ATTACH, OUT_CALL, retune },
        { KML_ATTACHED, OUT_CALL, retune },
        { CREATE_GEOMETRY, OUT_ALT, guard },
};

static void collect(const struct testbed *bed)
{
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                for (uint32_t outcome = 0; outcome <= OUT_PARK; outcome++)
                        taken[state][outcome] += sim_edge_count(bed->sim, state, outcome);
        }
}

/* Everything at once, also with little memory and on several nodes. */
static void run_workloads(void)
{
        for (uint64_t seed = 1; seed <= 24; seed++) {
                struct workload_shape shape;
                struct workload_result result;
                struct sim_config config;
                g_autoptr(testbed) bed = NULL;

                workload_draw(seed, &config, &shape);
                shape.requests = 2500;
                config.audit = 0;
                bed = testbed_new(&config);
                workload_run(bed, &shape, &result);
                collect(bed);
        }
}

/* With ever more pages left a cache can be made ever further, then a CPU brought up. */
static void run_short_of_pages(const struct sim_config *config)
{
        bool created = false, up = false;

        for (uint32_t pages = 0; !created; pages++) {
                g_autoptr(testbed) bed = testbed_new(config);

                testbed_starve(bed, pages);
                created = testbed_create(bed, "made", 100, 0, 0) != CACHE_ID_NONE;
                collect(bed);
        }
        for (uint32_t pages = 0; !up; pages += pages < 10 ? 1 : 3) {
                g_autoptr(testbed) bed = testbed_new(config);

                testbed_cpu(bed, false, config->cpus - 1);
                testbed_starve(bed, pages);
                up = testbed_cpu(bed, true, config->cpus - 1) == 0;
                collect(bed);
        }
}

/* CPUs go, the last of their node among them, with something in every array and list of theirs; and come back. */
static void run_hotplug(const struct sim_config *config)
{
        g_autoptr(testbed) bed = testbed_new(config);
        uint32_t cpus = config->cpus;
        GArray *objects = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        for (uint32_t i = 0; i < 700; i++) {
                uint32_t object = i % 7 ? testbed_kmalloc(bed, i % cpus, 1000, GFP_KERNEL) :
                                          testbed_pages(bed, i % cpus, 0, GFP_KERNEL);

                g_array_append_val(objects, object);
        }
        for (uint32_t i = 0; i < objects->len; i++)
                testbed_release(bed, (i + i / 300) % cpus, g_array_index(objects, uint32_t, i));
        for (uint32_t cpu = 1; cpu < cpus; cpu++)
                g_assert_cmpuint(testbed_cpu(bed, false, cpu), ==, 0);
        testbed_reap(bed, 0);
        testbed_tick(bed, 3000);
        testbed_reap(bed, 0);
        for (uint32_t cpu = 1; cpu < cpus; cpu++)
                g_assert_cmpuint(testbed_cpu(bed, true, cpu), ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        collect(bed);
        g_array_unref(objects);
}

static void run_manual(void)
{
        struct sim_config machines[] = { testbed_config(3, 8), testbed_config_numa(3, 3, 6), testbed_config_numa(4, 2, 40) };

        for (size_t i = 0; i < G_N_ELEMENTS(machines); i++) {
                machines[i].manual_clock = 1;
                machines[i].audit = 0;
                if (i < 2)
                        run_short_of_pages(&machines[i]);
                run_hotplug(&machines[i]);
        }
}

static const char *why_never(uint32_t state, uint32_t outcome)
{
        for (size_t i = 0; i < G_N_ELEMENTS(never); i++) {
                if (never[i].state == state && never[i].outcome == outcome)
                        return never[i].why;
        }
        return NULL;
}

static void test_edges(void)
{
        uint32_t missed = 0, edges = 0;

        if (!COUNTED) {
                g_test_skip("arrows are counted in builds with -Daudit=full");
                return;
        }
        run_workloads();
        run_manual();
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                for (uint32_t outcome = OUT_OK; outcome <= OUT_CALL; outcome++) {
                        const char *why = why_never(state, outcome);

                        if (steps[state].next[outcome] == DONE)
                                continue;
                        edges++;
                        if (!taken[state][outcome] && !why)
                                g_test_message("never taken: %s %s", step_texts[state].name, outcome_names[outcome]);
                        if (taken[state][outcome] && why)
                                g_test_message("taken, but listed as \"%s\": %s %s", why, step_texts[state].name,
                                               outcome_names[outcome]);
                        missed += (taken[state][outcome] != 0) == (why != NULL);
                }
        }
        g_test_message("%u arrows, %u of them cannot be taken yet", edges, (uint32_t)G_N_ELEMENTS(never));
        g_assert_cmpuint(missed, ==, 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/edges/every-arrow-is-taken", test_edges);
        return g_test_run();
}
