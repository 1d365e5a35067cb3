/*
 * work_core.c - the workloads that are written against the API of the core: no Lua, no files.
 *
 * One request at a time where there is one flow of control; in `contended` eight tasks at once.
 */
#include <string.h>

#include "base/check.h"
#include "base/prng.h"
#include "base/units.h"
#include "bench.h"
#include "trace/gfp.h"

#define NODE_MIB 512u

/* -- carrying out requests ----------------------------------------------------------------------------------------- */

static uint32_t task_new(struct driver *driver, uint32_t cpu)
{
        uint32_t task = sim_thread_new(driver->sim, THREAD_TASK, cpu);

        CHECK(task != 0);
        return task;
}

static void submit(struct driver *driver, uint32_t task, const struct request *request)
{
        const char *problem = sim_submit(driver->sim, task, request);

        CHECK(problem == NULL);
}

/* Whose request is done; 0: there is none any more. */
static uint32_t next_done(struct driver *driver)
{
        uint32_t task;
        enum sim_what what = driver->observer ? observed_run(driver->observer, &task) : sim_run(driver->sim, &task);

        CHECK(what != SIM_WAKE);
        return what == SIM_DONE ? task : 0;
}

/* One request, and nothing else under way: as the Lua binding does it, by the short cut first. */
static void carry_out(struct driver *driver, uint32_t task, const struct request *request)
{
        uint32_t done;

        if (driver->observer ? observed_hit(driver->observer, task, request, TIME_NEVER)
                             : sim_hit(driver->sim, task, request, TIME_NEVER))
                return;
        submit(driver, task, request);
        done = next_done(driver);
        CHECK(done == task);
}

static uint32_t carry_out_alloc(struct driver *driver, uint32_t task, const struct request *request)
{
        uint32_t object;

        carry_out(driver, task, request);
        object = sim_result_object(driver->sim, task);
        CHECK(object != OBJECT_NONE);
        return object;
}

static struct request kmalloc_request(uint64_t size_bytes)
{
        return (struct request){ .kind = OP_KMALLOC, .gfp = GFP_KERNEL, .size_bytes = size_bytes };
}

static void carry_out_free(struct driver *driver, uint32_t task, uint32_t object)
{
        const struct request request = { .kind = OP_FREE, .object = object };

        carry_out(driver, task, &request);
}

/* -- one CPU ------------------------------------------------------------------------------------------------------- */

static void one_cpu(struct sim_config *config)
{
        config->cpus = 1;
        config->node_mib[0] = NODE_MIB;
}

/* The shortest way there is: what is freed is handed out again, from the magazine and back. */
static uint64_t hit_loop(struct driver *driver, uint64_t count)
{
        const struct request ask = kmalloc_request(64);
        uint32_t task = task_new(driver, 0);

        for (uint64_t i = 0; i < count / 2; i++)
                carry_out_free(driver, task, carry_out_alloc(driver, task, &ask));
        return count / 2 * 2;
}

/* `depth` objects are asked for, then all given back in the same order, until there were `count` requests. */
static uint64_t waves(struct driver *driver, uint64_t count, const struct request *ask, uint32_t depth)
{
        g_autofree uint32_t *objects = g_new(uint32_t, depth);
        uint32_t task = task_new(driver, 0);

        for (uint64_t left = count / 2; left > 0;) {
                uint32_t now = (uint32_t)MIN(left, depth);

                for (uint32_t i = 0; i < now; i++)
                        objects[i] = carry_out_alloc(driver, task, ask);
                for (uint32_t i = 0; i < now; i++)
                        carry_out_free(driver, task, objects[i]);
                left -= now;
        }
        return count / 2 * 2;
}

/* More than a magazine of this class holds (120): refills and flushes between magazine, shared array and slabs. */
static uint64_t bursts(struct driver *driver, uint64_t count)
{
        const struct request ask = kmalloc_request(128);

        return waves(driver, count, &ask, 200);
}

/* Slabs are made and, but for those within the free limit, given back. */
static uint64_t grow_shrink(struct driver *driver, uint64_t count)
{
        const struct request ask = kmalloc_request(256);

        return waves(driver, count, &ask, 20000);
}

/* Single pages, one of 1000 slots at random: page lists with now and then a batch from or to the buddy lists. */
static uint64_t single_pages(struct driver *driver, uint64_t count)
{
        const struct request ask = { .kind = OP_PAGES, .gfp = GFP_KERNEL };
        uint32_t slots[1000];
        uint32_t task = task_new(driver, 0);
        struct prng prng;

        prng_init(&prng, 1, prng_stream_of("pages"));
        memset(slots, 0xff, sizeof(slots));
        for (uint64_t i = 0; i < count; i++) {
                uint32_t *slot = &slots[prng_below(&prng, G_N_ELEMENTS(slots))];

                if (*slot == OBJECT_NONE) {
                        *slot = carry_out_alloc(driver, task, &ask);
                } else {
                        carry_out_free(driver, task, *slot);
                        *slot = OBJECT_NONE;
                }
        }
        return count;
}

/* -- four CPUs in turn --------------------------------------------------------------------------------------------- */

#define MIXED_SLOTS       20000u
#define MIXED_CPUS        4u
#define MIXED_SWITCH_EVERY 64u

static void four_cpus(struct sim_config *config)
{
        config->cpus = MIXED_CPUS;
        config->node_mib[0] = NODE_MIB;
}

static void four_cpus_two_nodes(struct sim_config *config)
{
        config->cpus = MIXED_CPUS;
        config->numa = 1;
        config->nodes = 2;
        config->node_mib[0] = config->node_mib[1] = NODE_MIB / 2;
}

/* Ten sizes; a slot at random is filled or emptied, the CPU changes every 64 requests. */
static uint64_t mixed(struct driver *driver, uint64_t count)
{
        static const uint32_t sizes[] = { 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096 };
        g_autofree uint32_t *slots = g_new(uint32_t, MIXED_SLOTS);
        uint32_t tasks[MIXED_CPUS];
        struct request ask = kmalloc_request(0);
        uint64_t random = UINT64_C(88172645463325252); /* xorshift: cheap beside a request */

        for (uint32_t cpu = 0; cpu < MIXED_CPUS; cpu++)
                tasks[cpu] = task_new(driver, cpu);
        memset(slots, 0xff, MIXED_SLOTS * sizeof(*slots));
        for (uint64_t i = 0; i < count; i++) {
                uint32_t task = tasks[i / MIXED_SWITCH_EVERY % MIXED_CPUS];
                uint32_t *slot;

                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                slot = &slots[(random >> 20) % MIXED_SLOTS];
                if (*slot == OBJECT_NONE) {
                        ask.size_bytes = sizes[(random >> 50) % G_N_ELEMENTS(sizes)];
                        *slot = carry_out_alloc(driver, task, &ask);
                } else {
                        carry_out_free(driver, task, *slot);
                        *slot = OBJECT_NONE;
                }
        }
        return count;
}

/* -- eight CPUs at once -------------------------------------------------------------------------------------------- */

#define CONTENDED_CPUS  8u
#define CONTENDED_DEPTH 300u

static void eight_cpus(struct sim_config *config)
{
        config->cpus = CONTENDED_CPUS;
        config->node_mib[0] = NODE_MIB;
}

/* A task fills its 300 places and empties them again, over and over. */
struct filler {
        uint32_t objects[CONTENDED_DEPTH];
        uint32_t at;
        gboolean is_emptying;
};

static void submit_next(struct driver *driver, uint32_t task, struct filler *filler)
{
        const struct request ask = kmalloc_request(256);
        const struct request give = { .kind = OP_FREE, .object = filler->objects[filler->at] };

        submit(driver, task, filler->is_emptying ? &give : &ask);
}

/* All of one class, far beyond their magazines: they meet at the list_lock of its cache and at the zone's lock. */
static uint64_t contended(struct driver *driver, uint64_t count)
{
        g_autofree struct filler *fillers = g_new0(struct filler, CONTENDED_CPUS);
        uint32_t tasks[CONTENDED_CPUS], task;
        uint64_t submitted = 0;

        for (uint32_t cpu = 0; cpu < CONTENDED_CPUS; cpu++)
                tasks[cpu] = task_new(driver, cpu);
        for (uint32_t cpu = 0; cpu < CONTENDED_CPUS && submitted < count; cpu++, submitted++)
                submit_next(driver, tasks[cpu], &fillers[cpu]);
        while ((task = next_done(driver)) != 0) {
                struct filler *filler = &fillers[task - tasks[0]];

                if (!filler->is_emptying) {
                        filler->objects[filler->at] = sim_result_object(driver->sim, task);
                        CHECK(filler->objects[filler->at] != OBJECT_NONE);
                }
                if (++filler->at == CONTENDED_DEPTH) {
                        filler->at = 0;
                        filler->is_emptying = !filler->is_emptying;
                }
                if (submitted < count) {
                        submit_next(driver, task, filler);
                        submitted++;
                }
        }
        return submitted;
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define MILLION UINT64_C(1000000)

const struct work core_works[] = {
        { .name = "hit", .what = "kmalloc(64) and kfree in turn, 1 CPU", .count = 4 * MILLION, .tiny_count = 20000,
          .configure = one_cpu, .drive = hit_loop },
        { .name = "mixed", .what = "10 sizes from 32 to 4096, 20000 slots, 4 CPUs in turn", .count = 2 * MILLION,
          .tiny_count = 60000, .configure = four_cpus, .drive = mixed },
        { .name = "bursts", .what = "200 x 128 bytes asked for, then given back, 1 CPU", .count = 2 * MILLION,
          .tiny_count = 20000, .configure = one_cpu, .drive = bursts },
        { .name = "grow_shrink", .what = "20000 x 256 bytes asked for, then given back, 1 CPU", .count = 2 * MILLION,
          .tiny_count = 80000, .configure = one_cpu, .drive = grow_shrink },
        { .name = "pages", .what = "single pages, 1000 slots, 1 CPU", .count = 2 * MILLION, .tiny_count = 20000,
          .configure = one_cpu, .drive = single_pages },
        { .name = "contended", .what = "300 x 256 bytes filled and emptied by each of 8 CPUs at once",
          .count = 2 * MILLION, .tiny_count = 20000, .configure = eight_cpus, .drive = contended },
        { .name = "numa_mixed", .what = "mixed on 2 nodes", .count = 2 * MILLION, .tiny_count = 60000,
          .configure = four_cpus_two_nodes, .drive = mixed },
};
const uint32_t core_work_count = G_N_ELEMENTS(core_works);
