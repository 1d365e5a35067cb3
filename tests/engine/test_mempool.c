/*
 * test_mempool.c - memory pools (spec 07 section 11): what they take from the allocator, the masks it sees, the order
 * of try, reserve and wait, who is woken, resize and the end.
 *
 * The machine of 8 MiB has zone DMA alone and no per-CPU page lists: when its memory is used up, nothing below a pool
 * gives anything.
 */
#include <glib.h>

#include "support/testbed.h"

#define MS 1000000ull
#define S  (1000 * MS)

static uint32_t declare(struct testbed *bed, const struct mempool_spec *spec)
{
        const char *problem;
        uint32_t id = sim_mempool_declare(bed->sim, spec, &problem);

        g_assert_cmpstr(problem, ==, NULL);
        return id;
}

static const struct op_record *ask(struct testbed *bed, uint32_t cpu, enum op_kind kind, uint32_t mempool, uint32_t gfp,
                                   uint64_t count)
{
        struct request request = { .kind = (uint8_t)kind, .mempool = mempool, .gfp = gfp, .size_bytes = count };

        testbed_forget(bed);
        return testbed_do(bed, cpu, &request);
}

/* OBJECT_NONE: NULL. */
static uint32_t take(struct testbed *bed, uint32_t mempool, uint32_t gfp)
{
        return ask(bed, 0, OP_MEMPOOL_ALLOC, mempool, gfp, 0)->pfn == PFN_NONE
                       ? OBJECT_NONE
                       : sim_result_object(bed->sim, bed->task[0]);
}

static void give(struct testbed *bed, uint32_t object)
{
        struct request request = { .kind = OP_MEMPOOL_FREE, .object = object };

        testbed_forget(bed);
        testbed_do(bed, 0, &request);
}

static struct mempool_view view_of(const struct testbed *bed, uint32_t mempool)
{
        struct mempool_view view;

        g_assert_true(sim_mempool_get(bed->sim, mempool, &view));
        return view;
}

static uint32_t new_pages_pool(struct testbed *bed, uint32_t min_nr)
{
        struct mempool_spec spec = { .name = "pages", .min_nr = min_nr, .kind = MEMPOOL_PAGES };
        uint32_t id = declare(bed, &spec);

        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_CREATE, id, 0, 0)->pfn, !=, PFN_NONE);
        return id;
}

static void use_up(struct testbed *bed)
{
        while (testbed_pages(bed, 0, 0, GFP_KERNEL) != OBJECT_NONE)
                ;
        testbed_forget(bed);
}

/* The nth mask the allocator below a pool was asked with in vain. */
static uint32_t refused_gfp(const struct testbed *bed, uint32_t nth)
{
        return testbed_event(bed, EV_MEMPOOL_REFUSED, 0, nth)->b;
}

/* Record and array come from the general caches, then the elements; all of it goes back in the end. */
static void test_life(void)
{
        static const struct {
                enum mempool_kind kind;
                uint32_t size_bytes, order;
        } kinds[] = {
                { MEMPOOL_KMALLOC, 500, 0 }, { MEMPOOL_SLAB, 0, 0 }, { MEMPOOL_PAGES, 0, 0 }, { MEMPOOL_PAGES, 0, 2 }
        };

        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
                struct sim_config config = testbed_config(2, 64);
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t cache = testbed_create(bed, "bio", 200, 0, 0);
                struct mempool_spec spec = { .name = "pool", .min_nr = 20, .kind = kinds[i].kind, .cache = cache,
                                             .size_bytes = kinds[i].size_bytes, .order = kinds[i].order };
                uint32_t id = declare(bed, &spec);
                uint32_t record_cache = sim_cache_find(bed->sim, "size-128"); /* 72 bytes, a line of 64 */
                uint32_t array_cache = sim_cache_find(bed->sim, "size-192");  /* 20 * 8 */
                uint32_t element_cache = kinds[i].kind == MEMPOOL_SLAB ? cache : sim_cache_find(bed->sim, "size-512");
                bool pages = kinds[i].kind == MEMPOOL_PAGES;
                uint64_t free_before, live[3];
                uint32_t caches[3] = { record_cache, array_cache, element_cache };
                const struct op_record *op;

                testbed_trim(bed);
                free_before = testbed_free_pages(bed);
                for (int c = 0; c < 3; c++)
                        live[c] = bed->mem->caches[caches[c]].live_objs;
                op = ask(bed, 0, OP_MEMPOOL_CREATE, id, 0, 0);
                g_assert_cmpuint(op->result, ==, id);
                g_assert_cmpuint(op->size_bytes, ==,
                                 pages ? 4096u << spec.order : kinds[i].kind == MEMPOOL_SLAB ? 200 : 500);
                g_assert_cmpuint(testbed_event(bed, EV_META_ALLOCATED, 0, 0)->a, ==, record_cache);
                g_assert_cmpuint(testbed_event(bed, EV_META_ALLOCATED, 0, 0)->b, ==, op->pfn);
                g_assert_cmpuint(testbed_event(bed, EV_META_ALLOCATED, 0, 1)->a, ==, array_cache);
                g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_PUT, 0), ==, 20);
                g_assert_cmpuint(bed->mem->caches[record_cache].live_objs, >, live[0]); /* slab headers as well */
                g_assert_cmpuint(bed->mem->caches[array_cache].live_objs, >, live[1]);
                g_assert_cmpuint(bed->mem->caches[element_cache].live_objs, ==, live[2] + (pages ? 0 : 20));
                g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 20);
                g_assert_cmpuint(view_of(bed, id).live, ==, 1);

                ask(bed, 0, OP_MEMPOOL_DESTROY, id, 0, 0);
                g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_DESTROYED, 0), ==, 1);
                g_assert_cmpuint(view_of(bed, id).live, ==, 0);
                testbed_trim(bed);
                for (int c = 0; c < 3; c++)
                        g_assert_cmpuint(bed->mem->caches[caches[c]].live_objs, ==, live[c]);
                g_assert_cmpuint(testbed_free_pages(bed), ==, free_before);
                g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0); /* nobody keeps it any more */
        }
}

/* While memory is there a pool is a plain allocator; what comes back beyond min_nr goes below. */
static void test_direct(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t id = new_pages_pool(bed, 2);
        uint32_t object = take(bed, id, GFP_KERNEL);

        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_DIRECT);
        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_REFUSED, 0) + testbed_count(bed, EV_MEMPOOL_TAKEN, 0), ==, 0);
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 2);
        give(bed, object);
        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_DIRECT);
        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_PUT, 0), ==, 0);
}

/* The reserve is a stack, filled again before anything goes below, whatever the element's origin. */
static void test_reserve(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t id = new_pages_pool(bed, 3);
        uint32_t own = take(bed, id, GFP_KERNEL), first, second;
        uint64_t own_place = testbed_place(bed, own), newest;

        newest = testbed_event(bed, EV_PCP_TAKEN, 0, 0) ? own_place - PAGE_BYTES : 0;
        use_up(bed);
        first = take(bed, id, GFP_KERNEL);
        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_RESERVE);
        g_assert_cmpuint(testbed_place(bed, first), ==, newest); /* the last one that filled it: pages ascend */
        g_assert_cmpuint(testbed_event(bed, EV_MEMPOOL_TAKEN, 0, 0)->b, ==, 2);
        second = take(bed, id, GFP_KERNEL);
        g_assert_cmpuint(testbed_place(bed, second), ==, newest - PAGE_BYTES);
        give(bed, own); /* came from below, goes into the reserve */
        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_RESERVE);
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 2);
        give(bed, second);
        give(bed, first);
        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_DIRECT); /* full */
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 3);
        first = take(bed, id, GFP_ATOMIC);
        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_RESERVE); /* the page below is under the watermark */
        g_assert_cmpuint(testbed_place(bed, first), ==, newest - PAGE_BYTES);
        first = take(bed, id, GFP_ATOMIC);
        g_assert_cmpuint(testbed_place(bed, first), ==, own_place);
}

/* Masks of the spec: KERNEL 0x11280, later 0x112d0; NOIO 0x11200, then 0x11210; ATOMIC 0x11220 only. */
static void test_masks(void)
{
        static const struct {
                uint32_t gfp, first, later;
        } masks[] = {
                { GFP_KERNEL, 0x11280, 0x112d0 }, { GFP_NOIO, 0x11200, 0x11210 }, { GFP_NOFS, 0x11200, 0x11250 },
                { GFP_ATOMIC, 0x11220, 0 },       { GFP_NOWAIT, 0x11200, 0 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(masks); i++) {
                struct sim_config config = testbed_config(1, 8);
                g_autoptr(testbed) bed = testbed_new(&config);
                uint32_t id = new_pages_pool(bed, 1);
                uint32_t object;

                use_up(bed);
                object = take(bed, id, masks[i].gfp);
                g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_RESERVE);
                g_assert_cmphex(refused_gfp(bed, 0), ==, masks[i].first);
                g_assert_cmphex(testbed_event(bed, EV_PAGES_FAILED, 0, 0)->a, ==, masks[i].first);
                if (!masks[i].later) {
                        g_assert_cmpuint(take(bed, id, masks[i].gfp), ==, OBJECT_NONE);
                        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
                        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_REFUSED, 0), ==, 1);
                        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, 0), ==, 0);
                        continue;
                }
                {
                        struct play_item items[] = {
                                { .t_ns = sim_now_ns(bed->sim) + MS,
                                  .request = { { .kind = OP_MEMPOOL_ALLOC, .mempool = id, .gfp = masks[i].gfp } } },
                                { .t_ns = sim_now_ns(bed->sim) + 12 * S,
                                  .request = { { .kind = OP_MEMPOOL_FREE, .object = object } } },
                        };

                        testbed_forget(bed);
                        testbed_play(bed, items, 2);
                        g_assert_cmpuint(items[0].done[0].path, ==, PATH_MEMPOOL_WAITED);
                        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_WAITED, 0), ==, 3); /* 5 s, 5 s, woken */
                        g_assert_cmpuint(testbed_event(bed, EV_MEMPOOL_WAITED, 0, 0)->b, ==, 0);
                        g_assert_cmpuint(testbed_event(bed, EV_MEMPOOL_WAITED, 0, 1)->b, ==, 0);
                        g_assert_cmpuint(testbed_event(bed, EV_MEMPOOL_WAITED, 0, 2)->b, ==, 1);
                        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_REFUSED, 0), ==, 4);
                        g_assert_cmphex(refused_gfp(bed, 0), ==, masks[i].first);
                        for (uint32_t n = 1; n < 4; n++) /* also after it was woken: below first, then the reserve */
                                g_assert_cmphex(refused_gfp(bed, n), ==, masks[i].later);
                        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, 0), ==, 3); /* once a round */
                        g_assert_cmpuint(testbed_count(bed, EV_OOM_KILLED, 0), ==, 0);
                        g_assert_cmpuint(items[0].done[0].dur_ns, >=, 12 * S - MS);
                        g_assert_cmpuint(items[0].done[0].dur_ns, <, 12 * S + MS);
                }
        }
}

/* One element wakes all who wait; the newest takes it, the others sleep again. A CPU each. */
static void test_wake_all(void)
{
        struct sim_config config = testbed_config(4, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t id = new_pages_pool(bed, 1);
        uint32_t object;
        uint64_t start;

        use_up(bed);
        object = take(bed, id, GFP_NOIO);
        start = sim_now_ns(bed->sim) + MS;
        {
                struct request wait = { .kind = OP_MEMPOOL_ALLOC, .mempool = id, .gfp = GFP_NOIO };
                struct play_item items[] = {
                        { .t_ns = start, .cpu = 0, .request = { wait } },
                        { .t_ns = start + MS, .cpu = 0, .request = { wait } },
                        { .t_ns = start + 2 * MS, .cpu = 0, .request = { wait } },
                        { .t_ns = start + 100 * MS,
                          .cpu = 3,
                          .request = { { .kind = OP_MEMPOOL_FREE, .object = object } } },
                };
                const struct event_record *put;

                testbed_forget(bed);
                {
                        uint32_t who, thread[4];

                        for (int i = 0; i < 4; i++) {
                                thread[i] = sim_thread_new(bed->sim, THREAD_TASK, items[i].cpu);
                                sim_wake_at(bed->sim, thread[i], items[i].t_ns);
                        }
                        for (int i = 0; i < 4; i++) { /* nobody is done before the free is asked for */
                                g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
                                g_assert_cmpuint(who, ==, thread[i]);
                                g_assert_cmpstr(sim_submit(bed->sim, who, &items[i].request[0]), ==, NULL);
                        }
                        g_assert_cmpint(sim_run_until(bed->sim, start + 200 * MS, &who), ==, SIM_DONE);
                        g_assert_cmpuint(who, ==, thread[3]);
                        g_assert_cmpint(sim_run_until(bed->sim, start + 200 * MS, &who), ==, SIM_DONE);
                        g_assert_cmpuint(who, ==, thread[2]); /* the last one that came */
                        g_assert_cmpint(sim_run_until(bed->sim, start + 200 * MS, &who), ==, SIM_IDLE);
                        testbed_flush(bed);
                        put = testbed_event(bed, EV_MEMPOOL_PUT, 0, 0);
                        g_assert_cmpuint(put->c, ==, 3);
                        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_WAITED, 0), ==, 3);
                        g_assert_cmpuint(view_of(bed, id).waiters, ==, 2);

                        testbed_forget(bed); /* their five seconds begin anew: the old ends mean nothing */
                        g_assert_cmpint(sim_run_until(bed->sim, start + 5099 * MS, &who), ==, SIM_IDLE);
                        testbed_flush(bed);
                        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_WAITED, 0), ==, 0);
                        g_assert_cmpint(sim_run_until(bed->sim, start + 5200 * MS, &who), ==, SIM_IDLE);
                        testbed_flush(bed);
                        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_WAITED, 0), ==, 2);
                        g_assert_cmpuint(testbed_event(bed, EV_MEMPOOL_WAITED, 0, 0)->b, ==, 0);
                }
        }
}

/* Fewer: the top ones go, the array stays. More: a new array, and elements as long as they come. */
static void test_resize(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t id = new_pages_pool(bed, 10);
        uint64_t free_pages = testbed_free_pages(bed);
        uint32_t size_32 = sim_cache_find(bed->sim, "size-32"), size_128 = sim_cache_find(bed->sim, "size-128");
        uint32_t objects[4];

        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_RESIZE, id, GFP_KERNEL, 4)->path, !=, PATH_FAILED);
        g_assert_cmpuint(view_of(bed, id).min_nr, ==, 4);
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 4);
        g_assert_cmpuint(testbed_free_pages(bed), ==, free_pages + 6);
        g_assert_cmpuint(testbed_count(bed, EV_META_FREED, 0) + testbed_count(bed, EV_META_ALLOCATED, 0), ==, 0);

        ask(bed, 0, OP_MEMPOOL_RESIZE, id, GFP_KERNEL, 3);
        ask(bed, 0, OP_MEMPOOL_RESIZE, id, GFP_KERNEL, 4); /* larger than min_nr: a new array though the old has room */
        g_assert_cmpuint(testbed_event(bed, EV_META_ALLOCATED, 0, 0)->a, ==, size_32);
        g_assert_cmpuint(testbed_event(bed, EV_META_FREED, 0, 0)->a, ==, size_128); /* 10 * 8 */
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 4);

        for (int i = 0; i < 2; i++)
                objects[i] = take(bed, id, GFP_KERNEL);
        use_up(bed);
        for (int i = 2; i < 4; i++)
                objects[i] = take(bed, id, GFP_KERNEL);
        /* size-64 has room */
        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_RESIZE, id, GFP_NOWAIT, 6)->path, !=, PATH_FAILED);
        g_assert_cmpuint(view_of(bed, id).min_nr, ==, 6);
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 2); /* the first NULL ended it; frees fill it later */
        for (int i = 0; i < 4; i++)
                give(bed, objects[i]);
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 6);
        /* -ENOMEM */
        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_RESIZE, id, GFP_KERNEL | __GFP_NORETRY, 16000)->path, ==, PATH_FAILED);
        g_assert_cmpuint(view_of(bed, id).min_nr, ==, 6);
        ask(bed, 0, OP_MEMPOOL_DESTROY, id, 0, 0);
        g_assert_cmpuint(view_of(bed, id).live, ==, 0);
}

/* Two CPUs make a pool larger at once: the smaller one finds its work done and frees its array. */
static void test_resize_race(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t id = new_pages_pool(bed, 2);
        uint64_t start = sim_now_ns(bed->sim) + MS;
        struct play_item items[] = {
                { .t_ns = start, .cpu = 0,
                  .request = { { .kind = OP_MEMPOOL_RESIZE, .mempool = id, .gfp = GFP_KERNEL, .size_bytes = 40 } } },
                { .t_ns = start, .cpu = 1,
                  .request = { { .kind = OP_MEMPOOL_RESIZE, .mempool = id, .gfp = GFP_KERNEL, .size_bytes = 40 } } },
        };

        testbed_forget(bed);
        testbed_play(bed, items, 2);
        g_assert_cmpuint(view_of(bed, id).min_nr, ==, 40);
        g_assert_cmpuint(view_of(bed, id).curr_nr, ==, 40);
        g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_RESIZED, 0), ==, 1);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* Leaves so many pages and tries to create a pool; what is free after a trim. */
static uint64_t create_with(uint32_t pages, const struct mempool_spec *spec, bool *ret_created)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);

        testbed_starve(bed, pages);
        if (spec) {
                uint32_t id = declare(bed, spec);

                *ret_created = ask(bed, 0, OP_MEMPOOL_CREATE, id, 0, 0)->pfn != PFN_NONE;
                g_assert_cmpint(view_of(bed, id).live, ==, *ret_created);
                g_assert_cmpuint(testbed_count(bed, EV_MEMPOOL_CREATED, 0), ==, *ret_created);
                if (*ret_created)
                        ask(bed, 0, OP_MEMPOOL_DESTROY, id, 0, 0);
        }
        testbed_trim(bed);
        return testbed_free_pages(bed);
}

/* Creation fails for want of the first page, the second, ... and leaves nothing behind. */
static void test_create_fails_anywhere(void)
{
        struct mempool_spec spec = { .name = "pool", .min_nr = 5, .kind = MEMPOOL_PAGES };
        bool created = false;
        uint32_t pages;

        for (pages = 0; !created; pages++) {
                uint64_t left = create_with(pages, &spec, &created);

                g_assert_cmpuint(left, ==, create_with(pages, NULL, NULL));
        }
        g_assert_cmpuint(pages, >, 6);
}

/* What is impossible is said; a pool that is not there refuses; its cache stays as long as the pool. */
static void test_refusals(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t cache = testbed_create(bed, "bio", 200, 0, 0);
        struct mempool_spec spec = { .name = "bios", .min_nr = 4, .kind = MEMPOOL_SLAB, .cache = cache };
        struct mempool_spec bad[] = {
                { .name = "none", .kind = MEMPOOL_KMALLOC, .size_bytes = 64 },
                { .name = "much", .min_nr = 20000, .kind = MEMPOOL_KMALLOC, .size_bytes = 64 },
                { .name = "large", .min_nr = 1, .kind = MEMPOOL_KMALLOC, .size_bytes = 200000 },
                { .name = "order", .min_nr = 1, .kind = MEMPOOL_PAGES, .order = 11 },
                { .name = "node", .min_nr = 1, .kind = MEMPOOL_PAGES, .node_plus_1 = 2 },
        };
        uint32_t id = declare(bed, &spec), object, other;
        const char *problem;

        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_assert_cmpuint(sim_mempool_declare(bed->sim, &bad[i], &problem), ==, 0);
                g_assert_nonnull(problem);
        }
        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_ALLOC, id, GFP_KERNEL, 0)->path, ==, PATH_FAILED); /* not created */
        g_assert_cmpuint(bed->done.result, ==, id);
        ask(bed, 0, OP_MEMPOOL_CREATE, id, 0, 0);
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 1);
        object = take(bed, id, GFP_KERNEL);
        other = new_pages_pool(bed, 1);
        {
                struct request impossible[] = {
                        { .kind = OP_FREE, .object = object },
                        { .kind = OP_MEMPOOL_FREE, .object = object, .mempool = other },
                        { .kind = OP_MEMPOOL_FREE, .object = object + 1000 },
                        { .kind = OP_MEMPOOL_ALLOC, .mempool = 77 },
                        { .kind = OP_MEMPOOL_ALLOC, .mempool = id, .gfp = GFP_KERNEL | __GFP_ZERO },
                        { .kind = OP_MEMPOOL_RESIZE, .mempool = id, .gfp = GFP_KERNEL },
                };

                for (size_t i = 0; i < G_N_ELEMENTS(impossible); i++)
                        g_assert_nonnull(sim_submit(bed->sim, bed->task[0], &impossible[i]));
        }
        give(bed, object);
        ask(bed, 0, OP_MEMPOOL_DESTROY, id, 0, 0);
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 0);
        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_DESTROY, id, 0, 0)->path, ==, PATH_FAILED);
}

/* Interrupt handlers take and give back, with a mask that does not wait. */
static void test_handler(void)
{
        struct sim_config config = testbed_config(1, 8);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t id = new_pages_pool(bed, 1);

        use_up(bed);
        {
                struct play_item items[] = {
                        { .t_ns = sim_now_ns(bed->sim) + MS, .irq = true, .count = 2,
                          .request = { { .kind = OP_MEMPOOL_ALLOC, .mempool = id, .gfp = GFP_ATOMIC },
                                       { .kind = OP_MEMPOOL_ALLOC, .mempool = id, .gfp = GFP_ATOMIC } } },
                };

                testbed_play(bed, items, 1);
                g_assert_cmpuint(items[0].done[0].path, ==, PATH_MEMPOOL_RESERVE);
                g_assert_cmpuint(items[0].done[1].path, ==, PATH_FAILED);
        }
        {
                uint32_t irq = sim_thread_new(bed->sim, THREAD_IRQ, 0), who;
                struct request wait = { .kind = OP_MEMPOOL_ALLOC, .mempool = id, .gfp = GFP_NOIO };
                struct request resize = { .kind = OP_MEMPOOL_RESIZE, .mempool = id, .size_bytes = 3 };

                g_assert_true(sim_raise(bed->sim, irq, sim_now_ns(bed->sim)));
                g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
                g_assert_nonnull(sim_submit(bed->sim, irq, &wait));
                g_assert_nonnull(sim_submit(bed->sim, irq, &resize));
                sim_irq_return(bed->sim, irq);
        }
}

/* On NUMA the record and its array lie on the node asked for. */
static void test_node(void)
{
        struct sim_config config = testbed_config_numa(2, 2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct mempool_spec spec = {
                .name = "far", .min_nr = 16, .kind = MEMPOOL_KMALLOC, .size_bytes = 64, .node_plus_1 = 2
        };
        uint32_t id = declare(bed, &spec);
        const uint32_t first_pfn = 64u << (20 - PAGE_SHIFT);

        g_assert_cmpuint(ask(bed, 0, OP_MEMPOOL_CREATE, id, 0, 0)->pfn, >=, first_pfn);
        g_assert_cmpuint(testbed_event(bed, EV_META_ALLOCATED, 0, 1)->b, >=, first_pfn);
        g_assert_cmpuint(testbed_event(bed, EV_META_ALLOCATED, 0, 2)->b, <, first_pfn); /* the elements are local */
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/mempool/record-array-and-elements-come-and-go", test_life);
        g_test_add_func("/engine/mempool/with-memory-it-is-a-plain-allocator", test_direct);
        g_test_add_func("/engine/mempool/the-reserve-is-a-stack-filled-first", test_reserve);
        g_test_add_func("/engine/mempool/masks-below-and-waits", test_masks);
        g_test_add_func("/engine/mempool/one-element-wakes-all", test_wake_all);
        g_test_add_func("/engine/mempool/resize", test_resize);
        g_test_add_func("/engine/mempool/two-resizes-at-once", test_resize_race);
        g_test_add_func("/engine/mempool/creation-fails-anywhere-and-leaves-nothing", test_create_fails_anywhere);
        g_test_add_func("/engine/mempool/what-is-impossible-is-said", test_refusals);
        g_test_add_func("/engine/mempool/handlers-do-not-wait", test_handler);
        g_test_add_func("/engine/mempool/record-on-a-node", test_node);
        return g_test_run();
}
