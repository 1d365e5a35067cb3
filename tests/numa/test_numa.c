/*
 * test_numa.c - machines with several memory nodes: objects of a named node, all CPUs at once, no memory left, CPUs
 * that come and go. Recounted all the time; at the end every page must come back, and the events must account for what
 * the shared and alien arrays hold.
 */
#include <glib.h>
#include <string.h>

#include "base/units.h"
#include "engine/sim.h"
#include "mm/memory.h"
#include "trace/event.h"
#include "trace/gfp.h"

#define CACHES 4096u

struct world {
        struct sim_config config;
        struct sim *sim;
        const struct memory *mem;
        struct tape tape;
        struct op_record ops[256];
        struct event_record events[256];
        uint32_t task[MACHINE_CPUS_MAX], irq[MACHINE_CPUS_MAX];
        GRand *random;
        GArray *live;              /* uint32_t handles */
        GArray *caches;            /* uint32_t ids of caches of ours */
        int64_t in_arrays[CACHES]; /* objects in shared and alien arrays, from events */
        uint64_t alien_puts, alien_drains, failures;
};

/* -- the machine --------------------------------------------------------------------------------------------------- */

static void keep_account(struct tape *tape, void *context)
{
        struct world *w = context;

        for (uint32_t i = 0; i < tape->event_count; i++) {
                const struct event_record *event = &tape->events[i];

                switch (event->kind) {
                case EV_SHARED_PUT:
                        w->in_arrays[event->a] += event->b;
                        break;
                case EV_SHARED_TAKEN:
                case EV_SHARED_SHED:
                        w->in_arrays[event->a] -= event->b;
                        break;
                case EV_ALIEN_PUT:
                        w->in_arrays[event->a]++;
                        w->alien_puts++;
                        break;
                case EV_ALIEN_DRAINED:
                        w->in_arrays[event->a] -= event->c;
                        w->alien_drains++;
                        break;
                default:
                        break;
                }
        }
        tape->op_count = 0;
        tape->event_count = 0;
}

static struct world *world_new(uint32_t nodes, uint32_t cpus, uint32_t node_mib, bool manual_clock, uint32_t audit,
                               uint32_t seed)
{
        struct world *w = g_new0(struct world, 1);
        const char *problem;

        sim_config_default(&w->config);
        w->config.numa = 1;
        w->config.nodes = nodes;
        w->config.cpus = cpus;
        for (uint32_t node = 0; node < nodes; node++)
                w->config.node_mib[node] = node_mib;
        w->config.manual_clock = manual_clock;
        w->config.audit = audit;
        g_assert_cmpstr(sim_config_problem(&w->config), ==, NULL);
        w->tape.ops = w->ops;
        w->tape.op_cap = G_N_ELEMENTS(w->ops);
        w->tape.events = w->events;
        w->tape.event_cap = G_N_ELEMENTS(w->events);
        w->tape.full = keep_account;
        w->tape.context = w;
        w->sim = sim_create(&w->config, &w->tape, &problem);
        g_assert_cmpstr(problem, ==, NULL);
        w->mem = sim_memory(w->sim);
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
                w->task[cpu] = sim_thread_new(w->sim, THREAD_TASK, cpu);
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
                w->irq[cpu] = sim_thread_new(w->sim, THREAD_IRQ, cpu);
        w->random = g_rand_new_with_seed(seed);
        w->live = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        w->caches = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        for (uint32_t id = 0; id < w->mem->cache_count; id++) {
                struct cache_stock stock;

                g_assert_true(sim_cache_stock(w->sim, id, &stock));
                w->in_arrays[id] = (int64_t)stock.shared_objs;
        }
        return w;
}

static void world_free(struct world *w)
{
        sim_destroy(w->sim);
        g_rand_free(w->random);
        g_array_unref(w->live);
        g_array_unref(w->caches);
        g_free(w);
}

static uint32_t below(struct world *w, uint32_t end)
{
        return (uint32_t)g_rand_int_range(w->random, 0, (gint32)end);
}

static const struct op_record *carry_out(struct world *w, uint32_t cpu, const struct request *request)
{
        uint32_t thread;

        g_assert_cmpstr(sim_submit(w->sim, w->task[cpu], request), ==, NULL);
        while (sim_run(w->sim, &thread) != SIM_DONE)
                g_assert_not_reached();
        return sim_result(w->sim, w->task[cpu]);
}

static uint32_t an_online_cpu(struct world *w)
{
        uint32_t cpu;

        do
                cpu = below(w, w->config.cpus);
        while (!sim_cpu_online(w->sim, cpu));
        return cpu;
}

static bool create(struct world *w, uint32_t cpu, const char *name, uint32_t size_bytes, uint32_t flags)
{
        struct cache_spec spec = { .size_bytes = size_bytes, .flags = flags };
        struct request request = { .kind = OP_CREATE, .spec = &spec };
        const struct op_record *op;
        uint32_t id;

        g_strlcpy(spec.name, name, sizeof(spec.name));
        op = carry_out(w, cpu, &request);
        id = op->cache;
        g_assert_cmpuint(id, <, CACHES);
        if (op->result)
                return false;
        g_array_append_val(w->caches, id);
        return true;
}

static uint32_t take_live(struct world *w, uint32_t index)
{
        uint32_t handle = g_array_index(w->live, uint32_t, index);

        g_array_remove_index_fast(w->live, index);
        return handle;
}

/* -- what must hold at the end ------------------------------------------------------------------------------------- */

static void check_account(struct world *w)
{
        keep_account(&w->tape, w);
        for (uint32_t id = 0; id < w->mem->cache_count; id++) {
                struct cache_stock stock;

                if (sim_cache_stock(w->sim, id, &stock))
                        g_assert_cmpint(w->in_arrays[id], ==, (int64_t)stock.shared_objs);
        }
}

/* Frees everything, destroys our caches, empties what can be emptied. */
static void give_all_back(struct world *w)
{
        struct request request = { .kind = OP_FREE };

        check_account(w);
        while (w->live->len) {
                request.object = take_live(w, w->live->len - 1);
                carry_out(w, an_online_cpu(w), &request);
        }
        request = (struct request){ .kind = OP_DESTROY };
        while (w->caches->len) {
                request.cache = g_array_index(w->caches, uint32_t, w->caches->len - 1);
                g_assert_cmpuint(carry_out(w, 0, &request)->result, ==, 0);
                g_array_set_size(w->caches, w->caches->len - 1);
        }
        request.kind = OP_SHRINK;
        for (int round = 0; round < 3; round++) { /* a shrink may free headers and so on of another cache */
                for (request.cache = 0; request.cache < w->mem->cache_count; request.cache++)
                        carry_out(w, 0, &request);
        }
        request = (struct request){ .kind = OP_DRAIN };
        for (uint32_t cpu = 0; cpu < w->config.cpus; cpu++) {
                if (sim_cpu_online(w->sim, cpu))
                        carry_out(w, cpu, &request);
        }
        check_account(w);
        g_assert_cmpstr(sim_audit(w->sim), ==, NULL);
}

/* Every page is on the buddy lists or in a slab that the allocator itself needs. */
static void check_pages(struct world *w)
{
        uint64_t pages = 0;
        uint64_t slab_pages = 0;

        for (uint32_t zone = 0; zone < sim_zone_count(w->sim); zone++) {
                struct zone_view view;

                sim_zone_get(w->sim, zone, &view);
                g_assert_cmpuint(view.pcp_pages, ==, 0);
                pages += view.free_pages;
                slab_pages += (uint64_t)(zone_stat_exact(&w->mem->zones[zone], NR_SLAB_RECLAIMABLE) +
                                         zone_stat_exact(&w->mem->zones[zone], NR_SLAB_UNRECLAIMABLE));
        }
        for (uint32_t id = 0; id < w->mem->cache_count; id++) {
                struct cache_stock stock;

                if (sim_cache_stock(w->sim, id, &stock)) {
                        pages += stock.slab_bytes / PAGE_BYTES;
                        slab_pages -= stock.slab_bytes / PAGE_BYTES;
                }
        }
        g_assert_cmpuint(pages, ==, w->mem->page_count - w->config.reserved_pages);
        g_assert_cmpuint(slab_pages, ==, 0);
}

/* -- requests ------------------------------------------------------------------------------------------------------ */

/* Allocates or frees something; frees_percent decides which. */
static struct request any_request(struct world *w, uint32_t frees_percent, bool atomic)
{
        struct request request = { 0 };
        uint32_t kind = below(w, 100);

        if (w->live->len && below(w, 100) < frees_percent) {
                request.kind = OP_FREE;
                request.object = take_live(w, below(w, w->live->len));
                return request;
        }
        request.gfp = atomic || below(w, 4) == 0 ? GFP_ATOMIC : below(w, 10) ? GFP_KERNEL : GFP_NOFS;
        if (below(w, 40) == 0)
                request.gfp |= GFP_THISNODE_NUMA;
        if (below(w, 60) == 0)
                request.gfp |= __GFP_NO_GROW;
        if (below(w, 4) == 0)
                request.node_plus_1 = (uint8_t)(1 + below(w, w->config.nodes));
        if (kind < 70) {
                request.kind = OP_KMALLOC;
                request.size_bytes = 1 + below(w, below(w, 5) ? 300 : below(w, 20) ? 5000 : 131072);
                if (below(w, 30) == 0)
                        request.gfp |= __GFP_DMA;
        } else if (kind < 90 && w->caches->len) {
                request.kind = OP_ALLOC;
                request.cache = g_array_index(w->caches, uint32_t, below(w, w->caches->len));
        } else {
                request.kind = OP_PAGES;
                request.order = (uint8_t)(below(w, 3) ? 0 : below(w, 5));
        }
        return request;
}

static void note_result(struct world *w, uint32_t thread)
{
        const struct op_record *op = sim_result(w->sim, thread);
        uint32_t handle = sim_result_object(w->sim, thread);

        if (op->kind != OP_KMALLOC && op->kind != OP_ALLOC && op->kind != OP_PAGES)
                return;
        if (handle == OBJECT_NONE)
                w->failures++;
        else
                g_array_append_val(w->live, handle);
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

static uint32_t node_of(const struct world *w, const struct op_record *op)
{
        return w->mem->zones[w->mem->zone_of_section[op->pfn >> SECTION_SHIFT]].node;
}

static void test_named_node(void)
{
        struct world *w = world_new(4, 4, 16, true, 2, 1);

        for (uint32_t i = 0; i < 400; i++) {
                struct request request = { .kind = i % 2 ? OP_KMALLOC : OP_PAGES, .gfp = GFP_KERNEL };
                uint32_t cpu = below(w, 4);
                uint32_t node = below(w, 4);
                const struct op_record *op;

                request.size_bytes = i % 2 ? 200 : 0;
                op = carry_out(w, cpu, &request);
                g_assert_cmpuint(node_of(w, op), ==, cpu);
                note_result(w, w->task[cpu]);
                request.node_plus_1 = (uint8_t)(node + 1);
                op = carry_out(w, cpu, &request);
                g_assert_cmpuint(node_of(w, op), ==, node);
                note_result(w, w->task[cpu]);
        }
        give_all_back(w);
        check_pages(w);
        world_free(w);
}

/* Nothing stays behind that is not there on a machine which has done nothing. */
static void check_as_untouched(struct world *w)
{
        struct world *untouched = world_new(w->config.nodes, w->config.cpus, w->config.node_mib[0], false, 0, 1);

        give_all_back(untouched);
        for (uint32_t zone = 0; zone < sim_zone_count(w->sim); zone++) {
                struct zone_view view, expected;

                sim_zone_get(w->sim, zone, &view);
                sim_zone_get(untouched->sim, zone, &expected);
                g_assert_cmpuint(view.free_pages, ==, expected.free_pages);
        }
        for (uint32_t id = untouched->mem->chain; id != CACHE_ID_NONE; id = untouched->mem->caches[id].next)
                g_assert_cmpuint(w->mem->caches[id].live_objs, ==, untouched->mem->caches[id].live_objs);
        world_free(untouched);
}

/* Tasks and interrupts of all CPUs at once. */
static void run_all_cpus(uint32_t nodes, uint32_t cpus, uint32_t node_mib, uint32_t audit, uint32_t requests,
                         uint32_t seed)
{
        struct world *w = world_new(nodes, cpus, node_mib, false, audit, seed);
        uint32_t started = 0;
        enum sim_what what;
        uint32_t thread;

        create(w, 0, "small", 40, CACHE_DESTROY_BY_RCU);
        create(w, 0, "odd", 1304, CACHE_HWCACHE_ALIGN);
        create(w, 0, "outside", 3000, 0);
        create(w, 0, "alone", 5000, 0);
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
                sim_wake_at(w->sim, w->task[cpu], sim_now_ns(w->sim) + 1 + below(w, 1000));
        while ((what = sim_run(w->sim, &thread)) != SIM_IDLE) {
                bool in_irq = thread >= w->irq[0];
                uint32_t frees_percent = started / (requests / 4) % 2 ? 65 : 35;
                struct request request;

                if (what == SIM_DONE)
                        note_result(w, thread);
                if (in_irq && (started >= requests || (what == SIM_DONE && below(w, 2)))) {
                        sim_irq_return(w->sim, thread);
                        continue;
                }
                if (started >= requests)
                        continue;
                if (!in_irq && what == SIM_DONE && below(w, 3) == 0) { /* now and then long enough for the reaper */
                        sim_wake_at(w->sim, thread, sim_now_ns(w->sim) + below(w, below(w, 300) ? 3000 : 2000000000));
                        continue;
                }
                if (below(w, 20) == 0) {
                        uint32_t cpu = below(w, cpus);

                        sim_raise(w->sim, w->irq[cpu], sim_now_ns(w->sim) + below(w, 2000));
                }
                request = any_request(w, frees_percent, in_irq);
                if (!in_irq && below(w, 300) == 0) {
                        if (request.kind == OP_FREE)
                                g_array_append_val(w->live, request.object);
                        request = (struct request){ .kind = OP_SHRINK, .cache = below(w, w->mem->cache_count) };
                }
                g_assert_cmpstr(sim_submit(w->sim, thread, &request), ==, NULL);
                started++;
        }
        if (nodes > 1) {
                g_assert_cmpuint(w->alien_puts, >, 0);
                g_assert_cmpuint(w->alien_drains, >, 0);
        }
        give_all_back(w);
        check_pages(w);
        check_as_untouched(w);
        world_free(w);
}

static void test_all_cpus_recounted(void)
{
        run_all_cpus(4, 8, 8, 2, 1200, 1);
        run_all_cpus(2, 6, 8, 2, 1200, 2);
}

static void test_all_cpus(void)
{
        for (uint32_t seed = 10; seed < 16; seed++)
                run_all_cpus(1 + seed % 4, 2 + seed % 7, seed % 2 ? 16 : 8, 0, 20000, seed);
}

/* One request at a time until there is no page left; meanwhile caches and CPUs come and go. */
static void run_short_of_memory(uint32_t nodes, uint32_t cpus, uint32_t seed)
{
        struct world *w = world_new(nodes, cpus, nodes == 1 ? 8 : 4, true, 1, seed);

        for (uint32_t i = 0; i < 18000; i++) {
                uint32_t kind = below(w, 1000);
                uint32_t frees_percent = i / 3000 % 2 ? 70 : 18;
                uint32_t cpu = an_online_cpu(w);
                struct request request = { 0 };

                if (kind < 8) {
                        g_autofree char *name = g_strdup_printf("cache-%u", i);

                        create(w, cpu, name, 8 + below(w, below(w, 2) ? 500 : 20000),
                               below(w, 2) ? CACHE_HWCACHE_ALIGN : below(w, 4) ? 0 : CACHE_DESTROY_BY_RCU);
                } else if (kind < 14 && w->caches->len) {
                        uint32_t index = below(w, w->caches->len);

                        request.kind = OP_DESTROY;
                        request.cache = g_array_index(w->caches, uint32_t, index);
                        if (carry_out(w, cpu, &request)->result == 0)
                                g_array_remove_index_fast(w->caches, index);
                } else if (kind < 30) {
                        request.kind = OP_REAP;
                        carry_out(w, cpu, &request);
                        request.kind = OP_TICK;
                        request.size_bytes = below(w, 400);
                        carry_out(w, 0, &request);
                } else if (kind < 35) {
                        request.cpu = (uint8_t)(1 + below(w, cpus - 1));
                        request.kind = sim_cpu_online(w->sim, request.cpu) ? OP_CPU_DOWN : OP_CPU_UP;
                        carry_out(w, 0, &request);
                } else {
                        request = any_request(w, frees_percent, false);
                        if (request.kind == OP_KMALLOC && frees_percent < 50 && below(w, 2))
                                request = (struct request){ .kind = OP_PAGES, .gfp = request.gfp };
                        carry_out(w, cpu, &request);
                        note_result(w, w->task[cpu]);
                }
        }
        g_assert_cmpuint(w->failures, >, 0);
        g_assert_cmpuint(w->mem->oom_kills, >, 0);
        give_all_back(w);
        check_pages(w);
        world_free(w);
}

static void test_short_of_memory(void)
{
        for (uint32_t seed = 1; seed <= 4; seed++)
                run_short_of_memory(seed, 2 + seed, seed);
}

static void test_refused(void)
{
        struct sim_config config;

        sim_config_default(&config);
        config.numa = 1;
        config.nodes = 5;
        g_assert_nonnull(sim_config_problem(&config));
        config.nodes = 2; /* node 1 has no memory */
        g_assert_nonnull(sim_config_problem(&config));
        config.node_mib[1] = 4;
        g_assert_null(sim_config_problem(&config));
        config.arch = ARCH_I386;
        g_assert_nonnull(sim_config_problem(&config));
        config.arch = ARCH_X86_64;
        config.line_bytes = 128;
        g_assert_nonnull(sim_config_problem(&config));
        config.line_bytes = 64;
        config.numa = 0;
        g_assert_nonnull(sim_config_problem(&config));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/numa/machines-that-cannot-be", test_refused);
        g_test_add_func("/numa/memory-comes-from-the-node-named", test_named_node);
        g_test_add_func("/numa/all-cpus-at-once-recounted-each-step", test_all_cpus_recounted);
        g_test_add_func("/numa/all-cpus-at-once", test_all_cpus);
        g_test_add_func("/numa/short-of-memory-cpus-come-and-go", test_short_of_memory);
        return g_test_run();
}
