#include "support/testbed.h"

#include <stdlib.h>
#include <string.h>

#include "path/step.h"

#define BLOCK_DEFAULT 64u

struct sim_config testbed_config(uint32_t cpus, uint32_t mib)
{
        struct sim_config config;

        sim_config_default(&config);
        config.cpus = cpus;
        config.node_mib[0] = mib;
        config.audit = 1;
        return config;
}

struct sim_config testbed_config_numa(uint32_t cpus, uint32_t nodes, uint32_t mib)
{
        struct sim_config config = testbed_config(cpus, mib);

        config.numa = 1;
        config.nodes = nodes;
        for (uint32_t node = 0; node < nodes; node++)
                config.node_mib[node] = mib;
        return config;
}

static void keep(struct tape *tape, void *context)
{
        struct testbed *bed = context;

        g_array_append_vals(bed->ops, tape->ops, tape->op_count);
        g_array_append_vals(bed->events, tape->events, tape->event_count);
        tape->op_count = 0;
        tape->event_count = 0;
}

struct testbed *testbed_new_blocks(const struct sim_config *config, uint32_t block)
{
        struct testbed *bed = g_new0(struct testbed, 1);
        const char *problem = sim_config_problem(config);

        g_assert_cmpstr(problem, ==, NULL);
        bed->ops = g_array_new(FALSE, FALSE, sizeof(struct op_record));
        bed->events = g_array_new(FALSE, FALSE, sizeof(struct event_record));
        bed->tape.ops = g_new0(struct op_record, block);
        bed->tape.events = g_new0(struct event_record, block);
        bed->tape.op_cap = block;
        bed->tape.event_cap = block;
        bed->tape.full = keep;
        bed->tape.context = bed;
        bed->sim = sim_create(config, &bed->tape, &problem);
        g_assert_cmpstr(problem, ==, NULL);
        g_assert_nonnull(bed->sim);
        bed->mem = sim_memory(bed->sim);
        for (uint32_t cpu = 0; cpu < config->cpus; cpu++)
                bed->task[cpu] = sim_thread_new(bed->sim, THREAD_TASK, cpu);
        return bed;
}

struct testbed *testbed_new(const struct sim_config *config)
{
        return testbed_new_blocks(config, BLOCK_DEFAULT);
}

/*
 * A build with the full audit counts the arrows of the path tables that are taken. Where KMEMSIM_EDGES names a file the
 * program leaves them there, "state outcome" by number, for the test that wants all of them (engine/test_edges.c).
 */
static bool edges_taken[STATE_COUNT][OUT_PARK + 1];

static void write_edges(void)
{
        g_autoptr(GString) text = g_string_new(NULL);

        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                for (uint32_t outcome = 0; outcome <= OUT_PARK; outcome++) {
                        if (edges_taken[state][outcome])
                                g_string_append_printf(text, "%u %u\n", state, outcome);
                }
        }
        g_file_set_contents(g_getenv("KMEMSIM_EDGES"), text->str, (gssize)text->len, NULL);
}

static void note_edges(const struct sim *sim)
{
        static gsize at_exit;

        if (!g_getenv("KMEMSIM_EDGES"))
                return;
        if (g_once_init_enter(&at_exit)) {
                atexit(write_edges);
                g_once_init_leave(&at_exit, 1);
        }
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                for (uint32_t outcome = 0; outcome <= OUT_PARK; outcome++)
                        edges_taken[state][outcome] |= sim_edge_count(sim, state, outcome) > 0;
        }
}

void testbed_free(struct testbed *bed)
{
        if (!bed)
                return;
        note_edges(bed->sim);
        sim_destroy(bed->sim);
        g_array_unref(bed->ops);
        g_array_unref(bed->events);
        g_free(bed->tape.ops);
        g_free(bed->tape.events);
        g_free(bed);
}

void testbed_flush(struct testbed *bed)
{
        keep(&bed->tape, bed);
}

void testbed_forget(struct testbed *bed)
{
        testbed_flush(bed);
        g_array_set_size(bed->ops, 0);
        g_array_set_size(bed->events, 0);
}

/* -- one request at a time ----------------------------------------------------------------------------------------- */

const struct op_record *testbed_do(struct testbed *bed, uint32_t cpu, const struct request *request)
{
        uint32_t task = bed->task[cpu];
        const char *problem = sim_submit(bed->sim, task, request);
        uint32_t who;

        g_assert_cmpstr(problem, ==, NULL);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_DONE);
        g_assert_cmpuint(who, ==, task);
        testbed_flush(bed);
        bed->done = *sim_result(bed->sim, task);
        return &bed->done;
}

static uint32_t object_of(struct testbed *bed, uint32_t cpu, const struct request *request)
{
        const struct op_record *op = testbed_do(bed, cpu, request);

        return op->pfn == PFN_NONE ? OBJECT_NONE : sim_result_object(bed->sim, bed->task[cpu]);
}

uint32_t testbed_kmalloc(struct testbed *bed, uint32_t cpu, uint64_t size_bytes, uint32_t gfp)
{
        struct request request = { .kind = OP_KMALLOC, .size_bytes = size_bytes, .gfp = gfp };

        return object_of(bed, cpu, &request);
}

uint32_t testbed_alloc(struct testbed *bed, uint32_t cpu, uint32_t cache, uint32_t gfp)
{
        struct request request = { .kind = OP_ALLOC, .cache = cache, .gfp = gfp };

        return object_of(bed, cpu, &request);
}

uint32_t testbed_pages(struct testbed *bed, uint32_t cpu, uint32_t order, uint32_t gfp)
{
        struct request request = { .kind = OP_PAGES, .order = (uint8_t)order, .gfp = gfp };

        return object_of(bed, cpu, &request);
}

void testbed_release(struct testbed *bed, uint32_t cpu, uint32_t object)
{
        struct request request = { .kind = OP_FREE, .object = object };

        testbed_do(bed, cpu, &request);
}

uint32_t testbed_create(struct testbed *bed, const char *name, uint32_t size_bytes, uint32_t align_bytes,
                        uint32_t flags)
{
        struct cache_spec spec = { .size_bytes = size_bytes, .align_bytes = align_bytes, .flags = flags };
        struct request request = { .kind = OP_CREATE, .spec = &spec };
        const struct op_record *op;

        g_strlcpy(spec.name, name, sizeof(spec.name));
        op = testbed_do(bed, 0, &request);
        return op->result ? CACHE_ID_NONE : op->cache;
}

uint32_t testbed_shrink(struct testbed *bed, uint32_t cpu, uint32_t cache)
{
        struct request request = { .kind = OP_SHRINK, .cache = cache };

        return testbed_do(bed, cpu, &request)->result;
}

uint32_t testbed_destroy(struct testbed *bed, uint32_t cpu, uint32_t cache)
{
        struct request request = { .kind = OP_DESTROY, .cache = cache };

        return testbed_do(bed, cpu, &request)->result;
}

void testbed_reap(struct testbed *bed, uint32_t cpu)
{
        struct request request = { .kind = OP_REAP };

        testbed_do(bed, cpu, &request);
}

void testbed_drain(struct testbed *bed)
{
        struct request request = { .kind = OP_DRAIN };

        for (uint32_t cpu = 0; cpu < bed->mem->cpus; cpu++) {
                if (sim_cpu_online(bed->sim, cpu))
                        testbed_do(bed, cpu, &request);
        }
}

void testbed_tick(struct testbed *bed, uint64_t ticks)
{
        struct request request = { .kind = OP_TICK, .size_bytes = ticks };

        testbed_do(bed, 0, &request);
}

uint32_t testbed_cpu(struct testbed *bed, bool up, uint32_t cpu)
{
        struct request request = { .kind = up ? OP_CPU_UP : OP_CPU_DOWN, .cpu = (uint8_t)cpu };

        return testbed_do(bed, 0, &request)->result;
}

/* -- several at once ----------------------------------------------------------------------------------------------- */

static void submit_next(struct testbed *bed, struct play_item *item, uint32_t thread)
{
        const char *problem = sim_submit(bed->sim, thread, &item->request[item->done_count]);

        g_assert_cmpstr(problem, ==, NULL);
}

void testbed_play(struct testbed *bed, struct play_item *items, uint32_t count)
{
        g_autofree uint32_t *threads = g_new0(uint32_t, count);
        enum sim_what what;
        uint32_t who;

        for (uint32_t i = 0; i < count; i++) {
                struct play_item *item = &items[i];

                if (!item->irq && !item->count)
                        item->count = 1;
                item->done_count = 0;
                threads[i] = sim_thread_new(bed->sim, item->irq ? THREAD_IRQ : THREAD_TASK, item->cpu);
                g_assert_cmpuint(threads[i], !=, 0);
                if (item->irq)
                        g_assert_true(sim_raise(bed->sim, threads[i], item->t_ns));
                else
                        sim_wake_at(bed->sim, threads[i], item->t_ns);
        }
        while ((what = sim_run(bed->sim, &who)) != SIM_IDLE) {
                struct play_item *item;
                uint32_t i = 0;

                while (i < count && threads[i] != who)
                        i++;
                g_assert_cmpuint(i, <, count);
                item = &items[i];
                if (what == SIM_WAKE) {
                        item->woken_ns = sim_now_ns(bed->sim);
                } else {
                        item->done[item->done_count] = *sim_result(bed->sim, who);
                        item->object[item->done_count] = sim_result_object(bed->sim, who);
                        item->done_count++;
                }
                if (item->done_count < item->count)
                        submit_next(bed, item, who);
                else if (item->irq)
                        sim_irq_return(bed->sim, who);
        }
        testbed_flush(bed);
        for (uint32_t i = 0; i < count; i++)
                g_assert_cmpuint(items[i].done_count, ==, items[i].count);
}

/* -- reading what happened ----------------------------------------------------------------------------------------- */

const struct event_record *testbed_event(const struct testbed *bed, enum event_kind kind, uint64_t op, uint32_t nth)
{
        for (uint32_t i = 0; i < bed->events->len; i++) {
                const struct event_record *event = &g_array_index(bed->events, struct event_record, i);

                if (event->kind == kind && (!op || event->op == op) && !nth--)
                        return event;
        }
        return NULL;
}

uint32_t testbed_count(const struct testbed *bed, enum event_kind kind, uint64_t op)
{
        uint32_t count = 0;

        while (testbed_event(bed, kind, op, count))
                count++;
        return count;
}

const struct slab_lists *testbed_lists(const struct testbed *bed, uint32_t cache)
{
        return memory_lists(bed->mem, cache, 0);
}

const struct array_cache *testbed_magazine(const struct testbed *bed, uint32_t cache, uint32_t cpu)
{
        return memory_array(bed->mem, bed->mem->caches[cache].array[cpu]);
}

const struct array_cache *testbed_shared(const struct testbed *bed, uint32_t cache)
{
        return memory_array(bed->mem, testbed_lists(bed, cache)->shared);
}

uint64_t testbed_place(const struct testbed *bed, uint32_t object)
{
        struct sim_object view;

        g_assert_true(sim_object_get(bed->sim, object, &view));
        return view.place;
}

uint64_t testbed_free_pages(const struct testbed *bed)
{
        uint64_t sum = 0;

        for (uint32_t zone = 0; zone < bed->mem->zone_count; zone++)
                sum += bed->mem->zones[zone].free_pages;
        return sum;
}

/* All single pages, then every object on any slab. Returns how many of both. */
static uint32_t take_all(struct testbed *bed)
{
        uint32_t count = 0;

        testbed_drain(bed);
        while (testbed_pages(bed, 0, 0, GFP_KERNEL) != OBJECT_NONE)
                count++;
        for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next) {
                for (uint32_t node = 0; node < bed->mem->nodes; node++) {
                        const struct request request = { .kind = OP_ALLOC, .cache = id, .gfp = GFP_NOWAIT,
                                                         .node_plus_1 = (uint8_t)(node + 1) };

                        while (object_of(bed, 0, &request) != OBJECT_NONE)
                                count++;
                }
        }
        return count;
}

void testbed_starve(struct testbed *bed, uint32_t pages)
{
        g_autofree uint32_t *given_back = g_new(uint32_t, pages);
        uint32_t taken;

        for (uint32_t i = 0; i < pages; i++)
                given_back[i] = testbed_pages(bed, 0, 0, GFP_KERNEL);
        do { /* what other CPUs have in their magazines comes to the slabs, and from there to CPU 0 */
                taken = take_all(bed);
                for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next)
                        testbed_shrink(bed, 0, id);
                taken += take_all(bed);
        } while (taken);
        g_assert_cmpuint(testbed_free_pages(bed), ==, 0);
        for (uint32_t i = 0; i < pages; i++)
                testbed_release(bed, 0, given_back[i]);
        testbed_drain(bed);
        g_assert_cmpuint(testbed_free_pages(bed), ==, pages);
        testbed_forget(bed);
}

void testbed_trim(struct testbed *bed)
{
        uint64_t before;

        do {
                before = testbed_free_pages(bed);
                for (uint32_t id = bed->mem->chain; id != CACHE_ID_NONE; id = bed->mem->caches[id].next)
                        testbed_shrink(bed, 0, id);
                testbed_drain(bed);
        } while (testbed_free_pages(bed) != before);
}

char *testbed_bytes(const struct testbed *bed, gsize *ret_length)
{
        gsize ops = bed->ops->len * sizeof(struct op_record);
        gsize events = bed->events->len * sizeof(struct event_record);
        char *bytes = g_malloc(ops + events + 1);

        memcpy(bytes, bed->ops->data, ops);
        memcpy(bytes + ops, bed->events->data, events);
        *ret_length = ops + events;
        return bytes;
}

static void same_records(const GArray *a, const GArray *b, gsize size, const char *kind, const char *what)
{
        for (uint32_t i = 0; i < a->len && i < b->len; i++) {
                if (memcmp(a->data + i * size, b->data + i * size, size) != 0) {
                        g_test_message("%s: the first %s that differs is number %u", what, kind, i);
                        g_assert_cmpmem(a->data + i * size, size, b->data + i * size, size);
                }
        }
        if (a->len != b->len)
                g_test_message("%s: one run has %u %ss, the other %u", what, a->len, kind, b->len);
        g_assert_cmpuint(a->len, ==, b->len);
}

void testbed_same(const struct testbed *a, const struct testbed *b, const char *what)
{
        same_records(a->ops, b->ops, sizeof(struct op_record), "op", what);
        same_records(a->events, b->events, sizeof(struct event_record), "event", what);
}
