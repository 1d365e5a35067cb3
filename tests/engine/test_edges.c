/*
 * test_edges.c - every arrow of the path tables is taken: by random workloads, by the tests of single parts (programs
 * that are its arguments), and by a few scenarios for the rest.
 *
 * Arrows are counted by the core in builds with the full audit; in others this test is skipped. An arrow that cannot be
 * taken yet is listed below with the reason; one that is listed and taken all the same is an error, too.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "path/step.h"
#include "support/pressure.h"
#include "support/workload.h"

#ifdef KMEMSIM_AUDIT_FULL
#define COUNTED true
#else
#define COUNTED false
#endif

static const char *const outcome_names[] = { "ok", "no", "alt", "call", "done", "wait", "sleep", "park" };

static char **others; /* programs whose arrows count as well */
static uint64_t taken[STATE_COUNT][OUT_PARK + 1];

static const char attached[] = "a node with a CPU always has its shared array and alien set";
static const char unanswered[] = "the action never answers so";
static const char guard[] = "a guard: what would lead there is refused before";

static const struct { enum state state; enum outcome outcome; const char *why; } never[] = {
        { CREATE_GEOMETRY, OUT_ALT, guard },
        { REAP_SHARED, OUT_OK, attached },
        { FREE_HOME_CHECK, OUT_ALT, attached },
        { FREE_REMOTE_LOCK, OUT_OK, attached },
        { FREE_REMOTE_DIRECT, OUT_CALL, attached },
        { FREE_REMOTE_UNLOCK, OUT_OK, attached },
        { REAP_MAG, OUT_OK, unanswered },
        { DRAINM_PUT, OUT_OK, unanswered },
};

static void collect(const struct testbed *bed)
{
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                for (uint32_t outcome = 0; outcome <= OUT_PARK; outcome++)
                        taken[state][outcome] += sim_edge_count(bed->sim, state, outcome);
        }
}

/* What the tests of single parts take, which are programs beside this one. */
static void run_others(void)
{
        g_autofree char *folder = g_dir_make_tmp("kmemsim-edges-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(folder, "taken", NULL);
        g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "KMEMSIM_EDGES", path, TRUE);

        for (char **other = others; *other; other++) {
                char *arguments[] = { *other, NULL };
                g_autoptr(GError) error = NULL;
                g_autofree char *text = NULL;
                uint32_t state, outcome;
                int status;

                g_spawn_sync(NULL, arguments, environment, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status,
                             &error);
                g_assert_no_error(error);
                g_assert_true(g_spawn_check_wait_status(status, &error));
                g_file_get_contents(path, &text, NULL, &error);
                g_assert_no_error(error);
                for (const char *at = text; sscanf(at, "%u %u", &state, &outcome) == 2; at = strchr(at, '\n') + 1)
                        taken[state][outcome]++;
                g_remove(path);
        }
        g_rmdir(folder);
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
                shape.tune = seed % 3 == 0;
                shape.caches |= shape.tune;
                config.audit = 0;
                config.debug_slab = seed % 4 == 1;
                bed = testbed_new(&config);
                workload_run(bed, &shape, &result);
                collect(bed);
        }
}

/* More pages than there is memory, with swap and without. */
static void run_pressure(void)
{
        for (uint64_t seed = 1; seed <= 15; seed++) {
                struct pressure_shape shape = { .seed = seed, .requests = 6000, .swap_pages = seed % 2 ? 800 : 0,
                                                .write_ns = seed % 3 ? 40000 : 0, .zone_reclaim_mode = seed % 8 };
                struct sim_config config = pressure_config(seed);
                g_autoptr(testbed) bed = testbed_new(&config);

                pressure_run(bed, &shape);
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
        struct sim_config machines[] = { testbed_config(3, 8), testbed_config_numa(3, 3, 6),
                                         testbed_config_numa(4, 2, 40) };

        for (size_t i = 0; i < G_N_ELEMENTS(machines); i++) {
                machines[i].manual_clock = 1;
                machines[i].audit = 0;
                if (i < 2)
                        run_short_of_pages(&machines[i]);
                run_hotplug(&machines[i]);
        }
}

/* The original's unlikely turns need a certain moment, or the last page in a certain hand. */

/* Somebody frees a lot while another one is about to call the killer. */
static void run_saved_from_the_killer(void)
{
        struct sim_config config = testbed_config(2, 8);
        g_autoptr(testbed) bed = NULL;
        uint32_t block;

        config.cost_cycles[COST_SWITCH] = 3000000; /* 1 ms of direct reclaim */
        bed = testbed_new(&config);
        block = testbed_pages(bed, 0, 9, GFP_KERNEL);
        testbed_starve(bed, 0);
        {
                uint64_t start = sim_now_ns(bed->sim) + 1000000;
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0, .request = { { .kind = OP_PAGES, .gfp = GFP_KERNEL } } },
                        { .t_ns = start + 500000, .cpu = 1, .request = { { .kind = OP_FREE, .object = block } } },
                };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(testbed_count(bed, EV_OOM_KILLED, items[0].done[0].id), ==, 0);
                g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
        }
        collect(bed);
}

/*
 * Node 0 is empty and a CPU of it goes to node 1: for an object there, or for its last page. Then a CPU of node 1 that
 * wants an object as well comes `offset` later (0: not at all). Returns when the first one had what it wanted, counted
 * from its beginning.
 */
static uint64_t fall_back(bool free_object, uint64_t offset)
{
        struct sim_config config = testbed_config_numa(2, 2, 4);
        const struct event_record *event;
        g_autoptr(testbed) bed = NULL;
        uint32_t object, page, cache;
        uint64_t start;

        config.audit = 0;
        bed = testbed_new(&config);
        cache = testbed_create(bed, "wanted", 2100, 0, CACHE_RECLAIM_ACCOUNT); /* one to a slab, with its header */
        object = testbed_alloc(bed, 1, cache, GFP_KERNEL);
        page = testbed_pages(bed, 1, 0, GFP_KERNEL);
        testbed_starve(bed, 0);
        if (free_object) {
                testbed_release(bed, 1, object);
                testbed_reap(bed, 1); /* the first pass forgives, the second takes it back to its slab */
                testbed_reap(bed, 1);
        } else {
                testbed_release(bed, 1, page);
                testbed_drain(bed);
        }
        testbed_forget(bed);
        start = sim_now_ns(bed->sim) + 1000000;
        {
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0,
                          .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL } } },
                        { .t_ns = start + offset, .cpu = 1,
                          .request = { { .kind = OP_ALLOC, .cache = cache, .gfp = GFP_KERNEL | __GFP_NORETRY } } },
                };

                testbed_play(bed, items, offset ? 2 : 1);
                event = testbed_event(bed, free_object ? EV_SLAB_TAKEN : EV_SLAB_GROWN, items[0].done[0].id, 0);
        }
        collect(bed);
        g_assert_true(event || offset);
        return event ? event->t_ns - start : 0;
}

/* The second CPU comes at every moment before that. */
static void run_fallback_race(bool free_object, enum state state, enum outcome outcome)
{
        uint64_t at = fall_back(free_object, 0);

        for (uint64_t offset = at > 250 ? at - 250 : 1; offset <= at && !taken[state][outcome]; offset++)
                fall_back(free_object, offset);
}

/* An interrupt takes the work area that has just been freed, and there are no pages for the lists of the new cache. */
static void run_stolen_work_area(void)
{
        for (uint64_t offset = 100; offset < 20000 && !taken[KML_FAIL_LISTS][OUT_OK]; offset += 50) {
                static const struct cache_spec spec = { .name = "made", .size_bytes = 100 };
                struct sim_config config = testbed_config(1, 8);
                g_autoptr(testbed) bed = NULL;
                uint32_t object;
                uint64_t start;

                config.audit = 0;
                bed = testbed_new(&config);
                object = testbed_kmalloc(bed, 0, 100, GFP_KERNEL);
                testbed_starve(bed, 4); /* descriptor, magazine and its header, shared array */
                testbed_release(bed, 0, object);
                start = sim_now_ns(bed->sim) + 1000000;
                {
                        struct play_item items[] = {
                                { .t_ns = start, .request = { { .kind = OP_CREATE, .spec = &spec } } },
                                { .t_ns = start + offset, .irq = true, .count = 1,
                                  .request = { { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_ATOMIC } } },
                        };

                        testbed_play(bed, items, 2);
                }
                collect(bed);
        }
}

/* So many pages are left, and so many objects of 128 bytes on the slabs of a node. */
static struct testbed *nearly_starved(const struct sim_config *config, uint32_t node, uint32_t pages, uint32_t objects,
                                      uint32_t down)
{
        struct testbed *bed = testbed_new(config);
        g_autofree uint32_t *held = g_new(uint32_t, objects);
        uint32_t cpu = node;

        for (uint32_t i = 0; i < objects; i++) {
                const struct request request = { .kind = OP_KMALLOC, .size_bytes = 128, .gfp = GFP_KERNEL,
                                                 .node_plus_1 = (uint8_t)(node + 1) };

                testbed_do(bed, cpu, &request);
                held[i] = sim_result_object(bed->sim, bed->task[cpu]);
        }
        if (down)
                testbed_cpu(bed, false, down);
        testbed_starve(bed, pages);
        for (uint32_t i = 0; i < objects; i++)
                testbed_release(bed, 0, held[i]);
        testbed_shrink(bed, 0, sim_cache_find(bed->sim, "size-128"));
        return bed;
}

/* The lists of the second node of a new cache, and the page sets of a new CPU: the last thing that is allocated. */
static void run_last_object(void)
{
        struct sim_config config = testbed_config_numa(3, 3, 4);
        uint32_t too_few = 0, enough = 256;

        config.manual_clock = 1;
        config.audit = 0;
        for (uint32_t pages = 4; pages < 8; pages++) {
                for (uint32_t objects = 2; objects < 8; objects++) {
                        g_autoptr(testbed) bed = nearly_starved(&config, 1, pages, objects, 0);

                        testbed_create(bed, "made", 100, 0, 0);
                        collect(bed);
                }
        }
        while (enough - too_few > 1) {
                uint32_t pages = (too_few + enough) / 2;
                g_autoptr(testbed) bed = nearly_starved(&config, 2, pages, 0, 2);

                if (testbed_cpu(bed, true, 2) == 0)
                        enough = pages;
                else
                        too_few = pages;
        }
        for (uint32_t objects = 0; objects <= 30 && !taken[PAGESETS_GOT][OUT_NO]; objects++) {
                for (uint32_t less = 1; less <= 2; less++) {
                        g_autoptr(testbed) bed = nearly_starved(&config, 2, enough - less, objects, 2);

                        testbed_cpu(bed, true, 2);
                        collect(bed);
                }
        }
}

/* A NOFAIL request waits until a task of the same CPU frees the page it needs. */
static void run_nofail(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t object = testbed_pages(bed, 0, 0, GFP_KERNEL);
        uint64_t start;

        while (testbed_pages(bed, 0, 0, GFP_KERNEL) != OBJECT_NONE)
                ;
        start = sim_now_ns(bed->sim) + 1000000;
        {
                struct play_item items[] = {
                        { .t_ns = start, .request = { { .kind = OP_PAGES, .gfp = GFP_KERNEL | __GFP_NOFAIL } } },
                        { .t_ns = start + 70000000, .request = { { .kind = OP_FREE, .object = object } } },
                };

                testbed_play(bed, items, 2);
                g_assert_cmpuint(items[0].object[0], !=, OBJECT_NONE);
        }
        collect(bed);
}

static uint32_t pool_of(struct testbed *bed, enum mempool_kind kind, uint32_t min_nr)
{
        struct mempool_spec spec = { .name = "pool", .min_nr = min_nr, .kind = kind, .size_bytes = 200,
                                     .cache = sim_cache_find(bed->sim, "size-64") };
        const char *problem;

        return sim_mempool_declare(bed->sim, &spec, &problem);
}

static const struct op_record *ask_pool(struct testbed *bed, enum op_kind kind, uint32_t mempool, uint32_t gfp,
                                        uint64_t count)
{
        struct request request = { .kind = (uint8_t)kind, .mempool = mempool, .gfp = gfp, .size_bytes = count };

        return testbed_do(bed, 0, &request);
}

static uint32_t element_of(struct testbed *bed, uint32_t mempool, uint32_t gfp)
{
        return ask_pool(bed, OP_MEMPOOL_ALLOC, mempool, gfp, 0)->pfn == PFN_NONE
                       ? OBJECT_NONE
                       : sim_result_object(bed->sim, bed->task[0]);
}

/* Two at once on a pool of pages that lacks one element: frees on both CPUs, or a resize and a free. */
static void run_pool_race(bool resize, uint32_t after_ns)
{
        struct sim_config config = testbed_config(2, resize ? 64 : 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t pool = pool_of(bed, MEMPOOL_PAGES, 1), elements[2];
        uint64_t start;

        ask_pool(bed, OP_MEMPOOL_CREATE, pool, 0, 0);
        elements[0] = element_of(bed, pool, GFP_KERNEL);
        if (!resize)
                testbed_starve(bed, 0);
        elements[1] = element_of(bed, pool, GFP_ATOMIC); /* without memory below: out of the reserve */
        start = sim_now_ns(bed->sim) + 1000000;
        {
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0,
                          .request = { resize ? (struct request){ .kind = OP_MEMPOOL_RESIZE, .mempool = pool,
                                                                  .gfp = GFP_KERNEL, .size_bytes = 2 } :
                                                (struct request){ .kind = OP_MEMPOOL_FREE, .object = elements[0] } } },
                        { .t_ns = start + after_ns, .cpu = 1,
                          .request = { { .kind = OP_MEMPOOL_FREE, .object = elements[1] } } },
                };

                testbed_play(bed, items, 2);
        }
        collect(bed);
}

/* Memory pools with and without memory below them. */
static void run_mempools(void)
{
        struct sim_config config = testbed_config(1, 8);
        bool created = false;

        for (uint32_t kind = MEMPOOL_KMALLOC; kind <= MEMPOOL_PAGES; kind++) {
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t pool = pool_of(bed, (enum mempool_kind)kind, 4), object;

                ask_pool(bed, OP_MEMPOOL_CREATE, pool, 0, 0);
                object = element_of(bed, pool, GFP_KERNEL);
                testbed_do(bed, 0, &(struct request){ .kind = OP_MEMPOOL_FREE, .object = object });
                ask_pool(bed, OP_MEMPOOL_RESIZE, pool, GFP_KERNEL, 2);
                ask_pool(bed, OP_MEMPOOL_RESIZE, pool, GFP_KERNEL, 5);
                ask_pool(bed, OP_MEMPOOL_DESTROY, pool, 0, 0);
                collect(bed);
        }
        for (uint32_t pages = 0; !created; pages++) {
                g_autoptr(testbed) bed = testbed_new(&config);

                testbed_starve(bed, pages);
                created = ask_pool(bed, OP_MEMPOOL_CREATE, pool_of(bed, MEMPOOL_PAGES, 4), 0, 0)->pfn != PFN_NONE;
                collect(bed);
        }
        {
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t pool = pool_of(bed, MEMPOOL_PAGES, 1), object;

                ask_pool(bed, OP_MEMPOOL_CREATE, pool, 0, 0);
                testbed_starve(bed, 0);
                object = element_of(bed, pool, GFP_ATOMIC);
                element_of(bed, pool, GFP_ATOMIC);
                ask_pool(bed, OP_MEMPOOL_RESIZE, pool, GFP_KERNEL | __GFP_NORETRY, 16000);
                {
                        uint64_t start = sim_now_ns(bed->sim) + 1000000;
                        struct play_item items[] = {
                                { .t_ns = start,
                                  .request = { { .kind = OP_MEMPOOL_ALLOC, .mempool = pool, .gfp = GFP_NOIO } } },
                                { .t_ns = start + 7000000000u,
                                  .request = { { .kind = OP_MEMPOOL_FREE, .object = object } } },
                        };

                        testbed_play(bed, items, 2);
                }
                collect(bed);
        }
        { /* two make a pool larger: the second finds it done */
                struct sim_config two = testbed_config(2, 64);
                g_autoptr(testbed) bed = testbed_new(&two);
                uint32_t pool = pool_of(bed, MEMPOOL_PAGES, 2);
                uint64_t start = sim_now_ns(bed->sim) + 1000000;
                struct request larger = {
                        .kind = OP_MEMPOOL_RESIZE, .mempool = pool, .gfp = GFP_KERNEL, .size_bytes = 40
                };
                struct play_item items[] = { { .t_ns = start, .cpu = 0, .request = { larger } },
                                             { .t_ns = start, .cpu = 1, .request = { larger } } };

                ask_pool(bed, OP_MEMPOOL_CREATE, pool, 0, 0);
                testbed_play(bed, items, 2);
                collect(bed);
        }
        for (uint32_t after_ns = 0; after_ns < 100 && !taken[MPF_PUT][OUT_NO]; after_ns += 5)
                run_pool_race(false, after_ns);
        for (uint32_t after_ns = 0; after_ns < 2000 && !taken[MPR_PUT][OUT_NO]; after_ns += 10)
                run_pool_race(true, after_ns);
}

/* The OOM killer: somebody else, nobody while one is on its way out,
 * and whoever makes a request that is bound to a zone. */
static void run_oom(void)
{
        for (int which = 0; which < 3; which++) {
                struct sim_config config = which == 2 ? testbed_config_numa(2, 2, 16) : testbed_config(1, 8);
                g_autoptr(testbed) bed = testbed_new(&config);
                struct process_spec hog = {
                        .name = "hog", .pid = 5, .total_vm_pages = 1000, .flags = which == 1 ? PROCESS_EXITING : 0
                };
                struct process_spec shell = { .name = "sh", .pid = 6, .total_vm_pages = 10 };
                struct request anon = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = PAGE_NEW_ANON, .owner = 1 };
                struct request pages = { .kind = OP_PAGES, .gfp = which == 2 ? GFP_KERNEL | __GFP_DMA : GFP_KERNEL };
                struct request nice = {
                        .kind = OP_PROCESS_SET, .process = 1, .order = PROCESS_SET_NICE, .size_bytes = 25
                };
                enum sim_what what = SIM_DONE;
                const char *problem;
                uint32_t who;

                sim_process_new(bed->sim, &hog, &problem);
                sim_process_new(bed->sim, &shell, &problem);
                sim_thread_join(bed->sim, bed->task[0], 2);
                testbed_do(bed, 0, &nice);
                if (which == 0)
                        testbed_do(bed, 0, &anon);
                while (what == SIM_DONE) { /* to the end of the shell */
                        g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &pages), ==, NULL);
                        what = sim_run_until(bed->sim, sim_now_ns(bed->sim) + 100000000u, &who);
                }
                g_assert_cmpint(what, ==, which == 1 ? SIM_IDLE : SIM_KILLED);
                if (which != 1)
                        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_IDLE);
                collect(bed);
        }
}

/* Requests of all kinds, some of which a fault makes fail. */
static void run_faults(void)
{
        const struct sim_config machines[] = { testbed_config(2, 16), testbed_config_numa(2, 2, 16) };

        for (size_t i = 0; i < G_N_ELEMENTS(machines); i++) {
                struct sim_config config = machines[i];
                struct request set = { .kind = OP_FAULT_SET,
                                       .order = FAULT_ATTR_OF(FAULT_SLAB, FAULT_ATTR_PROBABILITY),
                                       .size_bytes = 40 };
                g_autoptr(testbed) bed = NULL;

                for (int capability = 0; capability < FAULT_CAPABILITY_COUNT; capability++) {
                        config.fault.attr[capability].built_in = 1;
                        config.fault.attr[capability].probability = 30;
                        config.fault.attr[capability].times = -1;
                        config.fault.attr[capability].ignore_gfp_wait = 0;
                }
                bed = testbed_new(&config);
                testbed_do(bed, 0, &set);
                for (uint32_t k = 0; k < 200; k++) {
                        struct request on_node = { .kind = OP_KMALLOC, .size_bytes = 100, .gfp = GFP_ATOMIC,
                                                   .node_plus_1 = config.numa ? 1 : 0 };

                        testbed_kmalloc(bed, k % 2, 300, GFP_KERNEL);
                        testbed_pages(bed, k % 2, k % 4, GFP_ATOMIC);
                        testbed_do(bed, 0, &on_node);
                }
                collect(bed);
        }
}

/* Useless tunables; CPUs that are where they should be, and one that takes itself down; RCU slabs and their cache. */
static void run_hotplug_and_rcu(void)
{
        static const struct cache_spec spec = { .name = "rcu", .size_bytes = 1000, .flags = CACHE_DESTROY_BY_RCU };
        const struct request create = { .kind = OP_CREATE, .spec = &spec }, down = { .kind = OP_CPU_DOWN, .cpu = 2 };
        const struct request useless = { .kind = OP_TUNE, .spec = &spec };
        struct sim_config config = testbed_config(3, 16);
        g_autoptr(testbed) bed = NULL;
        uint32_t cache, who;

        config.rcu_grace_ns = 1000;
        bed = testbed_new(&config);
        testbed_do(bed, 0, &create);
        cache = bed->done.cache;
        testbed_do(bed, 0, &useless);
        g_assert_cmpuint(bed->done.result, ==, 0);
        testbed_release(bed, 1, testbed_alloc(bed, 1, cache, GFP_KERNEL));
        testbed_shrink(bed, 0, cache);
        sim_wake_at(bed->sim, bed->task[0], 100000000);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
        g_assert_cmpuint(testbed_cpu(bed, true, 1), !=, 0);
        testbed_do(bed, 2, &down);
        g_assert_cmpuint(bed->done.result, ==, 0);
        g_assert_cmpuint(testbed_cpu(bed, false, 2), !=, 0);
        collect(bed);
}

/* A step that has to wait, for a lock, a time or the other CPUs, goes on with `ok`. */
static bool is_taken(uint32_t state, uint32_t outcome)
{
        if (outcome == OUT_OK && taken[state][OUT_WAIT] + taken[state][OUT_SLEEP] + taken[state][OUT_PARK])
                return true;
        return taken[state][outcome] != 0;
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
        run_others();
        run_workloads();
        run_pressure();
        run_manual();
        run_saved_from_the_killer();
        run_fallback_race(true, FALLBACK_ZONE_GOT, OUT_NO);
        run_fallback_race(false, FALLBACK_TAKEN, OUT_NO);
        run_last_object();
        run_stolen_work_area();
        run_nofail();
        run_hotplug_and_rcu();
        run_mempools();
        run_oom();
        run_faults();
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                for (uint32_t outcome = OUT_OK; outcome <= OUT_CALL; outcome++) {
                        const char *why = why_never(state, outcome);

                        if (steps[state].next[outcome] == DONE)
                                continue;
                        edges++;
                        if (!is_taken(state, outcome) && !why)
                                g_test_message("never taken: %s %s", step_texts[state].name, outcome_names[outcome]);
                        if (is_taken(state, outcome) && why)
                                g_test_message("taken, but listed as \"%s\": %s %s", why, step_texts[state].name,
                                               outcome_names[outcome]);
                        missed += is_taken(state, outcome) == (why != NULL);
                }
        }
        g_test_message("%u arrows, %u of them cannot be taken yet", edges, (uint32_t)G_N_ELEMENTS(never));
        g_assert_cmpuint(missed, ==, 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        others = argv + 1;
        g_test_add_func("/engine/edges/every-arrow-is-taken", test_edges);
        return g_test_run();
}
