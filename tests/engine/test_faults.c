/*
 * test_faults.c - injected faults in a running machine: what they leave untouched, whom they spare, what NUMA makes of
 * them (spec 07 section 9.4); and a machine that stops at a panic.
 */
#include <glib.h>
#include <string.h>

#include "engine/sim_private.h"
#include "observe/kernel_log.h"
#include "support/testbed.h"

static struct sim_config failing(struct sim_config config, enum fault_capability capability)
{
        struct fault_attr *attr = &config.fault.attr[capability];

        attr->built_in = 1;
        attr->probability = 100;
        attr->times = -1;
        attr->ignore_gfp_wait = 0;
        return config;
}

static void set(struct testbed *bed, enum fault_capability capability, enum fault_attribute attribute, uint32_t value)
{
        struct request request = { .kind = OP_FAULT_SET,
                                   .order = FAULT_ATTR_OF(capability, attribute),
                                   .size_bytes = value };

        testbed_do(bed, 0, &request);
}

static uint32_t count_events(struct testbed *bed, enum event_kind kind)
{
        uint32_t count = 0;

        testbed_flush(bed);
        for (guint i = 0; i < bed->events->len; i++)
                count += g_array_index(bed->events, struct event_record, i).kind == kind;
        return count;
}

static struct kmem_cache *class_cache(const struct testbed *bed, uint32_t bytes)
{
        return &bed->mem->caches[bed->mem->class_cache[bed->mem->class_of[(bytes + 31) / 32]][0]];
}

/* Before the magazine: neither a hit nor a miss is counted, and the object stays where it is. */
static void test_slab_fault_touches_nothing(void)
{
        struct sim_config config = failing(testbed_config(1, 16), FAULT_SLAB);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct kmem_cache *cache = class_cache(bed, 100);
        const struct array_cache *ac;
        uint64_t hits, misses, hash;

        set(bed, FAULT_SLAB, FAULT_ATTR_PROBABILITY, 0);
        testbed_release(bed, 0, testbed_kmalloc(bed, 0, 100, GFP_KERNEL));
        set(bed, FAULT_SLAB, FAULT_ATTR_PROBABILITY, 100);
        ac = memory_array(bed->mem, cache->array[0]);
        g_assert_cmpuint(ac->avail, >, 0);
        hits = cache->allochit;
        misses = cache->allocmiss;
        hash = sim_state_hash(bed->sim);
        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100, GFP_KERNEL), ==, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAULT_INJECTED);
        g_assert_cmpuint(cache->allochit, ==, hits);
        g_assert_cmpuint(cache->allocmiss, ==, misses);
        g_assert_cmpuint(sim_state_hash(bed->sim), ==, hash);
        g_assert_cmpuint(count_events(bed, EV_FAULT_INJECTED), ==, 1);
        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100, GFP_KERNEL | __GFP_NOFAIL), !=, OBJECT_NONE);
        set(bed, FAULT_SLAB, FAULT_ATTR_IGNORE_WAIT, 1);
        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100, GFP_KERNEL), !=, OBJECT_NONE);
        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100, GFP_ATOMIC), ==, OBJECT_NONE);
}

/* The magazine is passed over, and the object comes straight from the slabs of the node. */
static void test_slab_fault_on_numa(void)
{
        struct sim_config config = failing(testbed_config_numa(2, 2, 16), FAULT_SLAB);
        g_autoptr(testbed) bed = testbed_new(&config);
        const struct kmem_cache *cache = class_cache(bed, 100);
        const struct array_cache *ac = memory_array(bed->mem, cache->array[0]);
        uint32_t avail = ac->avail;

        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100, GFP_KERNEL), !=, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, !=, PATH_FAULT_INJECTED);
        g_assert_cmpuint(ac->avail, ==, avail);
        g_assert_cmpuint(count_events(bed, EV_FAULT_INJECTED), ==, 1);
        g_assert_null(sim_audit(bed->sim));
}

/* No look at the zones, no kswapd, no reclaim, no counter, no report of the page allocator. */
static void test_page_fault_touches_nothing(void)
{
        struct sim_config config = failing(testbed_config(1, 16), FAULT_PAGE);
        g_autoptr(testbed) bed = testbed_new(&config);
        uint64_t hash = sim_state_hash(bed->sim);

        testbed_forget(bed);
        g_assert_cmpuint(testbed_pages(bed, 0, 3, GFP_KERNEL), ==, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAULT_INJECTED);
        g_assert_cmpuint(sim_state_hash(bed->sim), ==, hash);
        testbed_flush(bed);
        g_assert_cmpuint(bed->events->len, ==, 1);
        g_assert_cmpuint(testbed_pages(bed, 0, 11, GFP_KERNEL), ==, OBJECT_NONE); /* refused before anybody asks */
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_KERNEL | __GFP_NOFAIL), !=, OBJECT_NONE);
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_HIGHUSER), !=, OBJECT_NONE); /* the bit counts, also on x86_64 */
        set(bed, FAULT_PAGE, FAULT_ATTR_IGNORE_HIGHMEM, 0);
        g_assert_cmpuint(testbed_pages(bed, 0, 0, GFP_HIGHUSER), ==, OBJECT_NONE);
        g_assert_cmpuint(sim_fault_injected(bed->sim, FAULT_PAGE), ==, 2);
}

/* An op whose slab could not grow because of a fault says so; one that fails later on its own does not. */
static void test_path_of_later_failures(void)
{
        struct sim_config config = failing(testbed_config(1, 16), FAULT_PAGE);
        g_autoptr(testbed) bed = testbed_new(&config);

        set(bed, FAULT_PAGE, FAULT_ATTR_TIMES, 1);
        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100000, GFP_KERNEL), ==, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAULT_INJECTED);
        while (testbed_pages(bed, 0, 5, GFP_ATOMIC) != OBJECT_NONE)
                ;
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
        g_assert_cmpuint(testbed_kmalloc(bed, 0, 100000, GFP_ATOMIC), ==, OBJECT_NONE);
        g_assert_cmpuint(bed->done.path, ==, PATH_FAILED);
}

/* The request with the number of config.fault.at fails, and nothing else differs up to there. */
static void test_numbered_fault(void)
{
        for (uint32_t number = 1; number <= 6; number++) {
                struct sim_config config = testbed_config(1, 16);
                g_autoptr(testbed) bed = NULL;
                uint32_t failed = 0;

                config.fault.at[FAULT_PAGE] = number;
                bed = testbed_new(&config);
                for (uint32_t i = 1; i <= 6; i++) {
                        bool got = testbed_pages(bed, 0, 1, GFP_KERNEL) != OBJECT_NONE;

                        g_assert_cmpint(got, ==, i != number);
                        failed += !got;
                }
                g_assert_cmpuint(failed, ==, 1);
                g_assert_cmpuint(sim_fault_seen(bed->sim, FAULT_PAGE), ==, 6);
        }
}

static void count_report(const struct report *report, void *context)
{
        uint32_t *counts = context;

        counts[report->kind]++;
}

/* SLAB_PANIC: the machine stops in the op, with nothing broken; nobody gets a turn any more. */
static void test_panic(void)
{
        struct sim_config config = failing(testbed_config(2, 16), FAULT_SLAB);
        struct cache_spec spec = { .name = "needed", .size_bytes = 100, .flags = CACHE_PANIC };
        struct request create = { .kind = OP_CREATE, .spec = &spec }, work = { .kind = OP_WORK, .size_bytes = 1000000 };
        g_autoptr(testbed) bed = testbed_new(&config);
        uint32_t counts[REPORT_KIND_COUNT] = { 0 }, thread;

        set(bed, FAULT_SLAB, FAULT_ATTR_SPACE, 0);
        bed->tape.report = count_report;
        bed->tape.report_context = counts;
        g_assert_null(sim_submit(bed->sim, bed->task[0], &create));
        g_assert_null(sim_submit(bed->sim, bed->task[1], &work));
        g_assert_cmpint(sim_run(bed->sim, &thread), ==, SIM_IDLE);
        g_assert_cmpint(sim_run(bed->sim, &thread), ==, SIM_IDLE);
        g_assert_cmpuint(counts[REPORT_CREATE_PANIC], ==, 1);
        g_assert_cmpuint(counts[REPORT_FAULT_INJECTED], >, 0);
        g_assert_null(sim_audit(bed->sim));
}

/* The examples of spec 07 sections 5 and 6. */
static void test_texts(void)
{
        struct sim_config config = testbed_config(2, 64);
        g_autoptr(testbed) bed = testbed_new(&config);
        g_autoptr(GString) text = g_string_new(NULL);

        kernel_log_bad_page(bed->sim, "a-name-longer-than-15", 0x1200, 0x80010, 0, text);
        g_assert_cmpstr(text->str, ==,
                        "<0>Bad page state in process 'a-name-longer-t'\n"
                        "<0>page:ffff81000103f000 flags:0x4000000000080010 mapping:0000000000000000 mapcount:0 "
                        "count:0\n"
                        "<0>Trying to fix it up, but a reboot is needed\n<0>Backtrace:\n<4>\n<4>Call Trace:\n<4>\n");
        g_string_truncate(text, 0);
        kernel_log_slab_error(bed->sim, "kmem_cache_destroy", "foo", "Can't free all objects", text);
        g_assert_true(g_str_has_prefix(text->str, "<3>slab error in kmem_cache_destroy(): cache `foo': "
                                                  "Can't free all objects\n"));
        g_string_truncate(text, 0);
        kernel_log_bug("mm/slab.c", 597, text);
        g_assert_cmpstr(text->str, ==, "<0>------------[ cut here ]------------\n<2>kernel BUG at mm/slab.c:597!\n");
}

/* Ten messages at once, then one every five seconds, which says how many there would have been (section 1.2). */
static void test_rate_limit(void)
{
        struct sim_config config = testbed_config(1, 16);
        g_autoptr(testbed) bed = testbed_new(&config);
        struct request wait = { .kind = OP_WORK, .size_bytes = 5000000000u };
        struct kernel_log_limit limit = { 0 };
        g_autoptr(GString) text = g_string_new(NULL);

        for (int i = 0; i < 10; i++)
                g_assert_true(kernel_log_ratelimit(&limit, bed->sim, text));
        for (int i = 0; i < 3; i++)
                g_assert_false(kernel_log_ratelimit(&limit, bed->sim, text));
        g_assert_cmpstr(text->str, ==, "");
        testbed_do(bed, 0, &wait);
        g_assert_true(kernel_log_ratelimit(&limit, bed->sim, text));
        g_assert_cmpstr(text->str, ==, "<4>printk: 3 messages suppressed.\n");
        g_assert_false(kernel_log_ratelimit(&limit, bed->sim, text));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/faults/objects-nothing-is-touched", test_slab_fault_touches_nothing);
        g_test_add_func("/engine/faults/objects-on-numa-come-from-the-slabs", test_slab_fault_on_numa);
        g_test_add_func("/engine/faults/pages-nothing-is-touched", test_page_fault_touches_nothing);
        g_test_add_func("/engine/faults/path-is-of-the-op-that-was-hit", test_path_of_later_failures);
        g_test_add_func("/engine/faults/by-number", test_numbered_fault);
        g_test_add_func("/engine/faults/panic-stops-the-machine", test_panic);
        g_test_add_func("/engine/faults/texts", test_texts);
        g_test_add_func("/engine/faults/printk-ratelimit", test_rate_limit);
        return g_test_run();
}
