/*
 * test_footprint.c - what a simulated page costs in real memory: at most 40 bytes, also when every page is in use.
 */
#include <glib.h>

#include "support/resident.h"
#include "support/testbed.h"

#define BYTES_A_PAGE 40u
#define FIXED_BYTES  (2u << 20) /* what is there whatever the size of the machine: code, GLib, the boot caches */

static void expect_footprint(uint32_t mib, uint64_t before, const char *when)
{
        uint64_t pages = (uint64_t)mib * 256;
        uint64_t now = resident_bytes();
        uint64_t used = now > before ? now - before : 0;

        g_test_message("%u MiB, %s: %" G_GUINT64_FORMAT " KiB, %.1f bytes a page", mib, when, used / 1024,
                       (double)used / (double)pages);
        g_assert_cmpuint(used, <=, pages * BYTES_A_PAGE + FIXED_BYTES);
}

/* The tape's records are dropped: they are the recorder's business. */
static struct sim *boot(uint32_t mib)
{
        static struct op_record ops[64];
        static struct event_record events[64];
        static struct tape tape;
        struct sim_config config = testbed_config(1, mib);
        const char *problem;
        struct sim *sim;

        config.audit = 0;
        tape = (struct tape){ .ops = ops, .events = events, .op_cap = 64, .event_cap = 64 };
        sim = sim_create(&config, &tape, &problem);
        g_assert_nonnull(sim);
        return sim;
}

static void test_boots(void)
{
        static const uint32_t sizes[] = { 8, 64, 1024, 65536 };

        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                uint64_t before = resident_bytes();
                struct sim *sim = boot(sizes[i]);

                expect_footprint(sizes[i], before, "after boot");
                g_assert_cmpuint(sim_memory(sim)->page_count, ==, sizes[i] * 256);
                sim_destroy(sim);
        }
}

/* Every page of a machine becomes an order-0 block of the workload. */
static void test_all_pages(void)
{
        const uint32_t mib = 1024;
        uint64_t before = resident_bytes();
        struct sim *sim = boot(mib);
        uint32_t task = sim_thread_new(sim, THREAD_TASK, 0);
        const struct request request = { .kind = OP_PAGES, .gfp = GFP_KERNEL };
        uint32_t count = 0;
        uint32_t who;

        do {
                g_assert_cmpstr(sim_submit(sim, task, &request), ==, NULL);
                g_assert_cmpint(sim_run(sim, &who), ==, SIM_DONE);
                count++;
        } while (sim_result_object(sim, task) != OBJECT_NONE);
        g_assert_cmpuint(count, >, mib * 256 - 1000);
        expect_footprint(mib, before, "every page in use");
        sim_destroy(sim);
}

/* The same pages in slabs of the smallest objects need more, but not without measure: places of objects in magazines
 * and the chains of the slabs. */
static void test_all_slabs(void)
{
        const uint32_t mib = 32;
        uint64_t before = resident_bytes();
        struct sim *sim = boot(mib);
        uint32_t task = sim_thread_new(sim, THREAD_TASK, 0);
        const struct request request = { .kind = OP_KMALLOC, .size_bytes = 32, .gfp = GFP_KERNEL };
        uint64_t used;
        uint32_t count = 0;
        uint32_t who;

        do {
                g_assert_cmpstr(sim_submit(sim, task, &request), ==, NULL);
                g_assert_cmpint(sim_run(sim, &who), ==, SIM_DONE);
                count++;
        } while (sim_result_object(sim, task) != OBJECT_NONE);
        used = resident_bytes() - before;
        g_test_message("%u objects of 32 bytes: %.1f bytes each", count, (double)used / count);
        g_assert_cmpuint(count, >, 112 * (mib * 256 - 1000));
        g_assert_cmpuint(used, <=, count * (uint64_t)48 + FIXED_BYTES);
        sim_destroy(sim);
}

/* Creating and destroying machines gives back what they took. */
static void test_no_leak(void)
{
        uint64_t before;

        sim_destroy(boot(64));
        before = resident_bytes();
        for (int i = 0; i < 200; i++)
                sim_destroy(boot(64));
        g_assert_cmpuint(resident_bytes(), <, before + (4u << 20));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/footprint/machines-of-8-mib-to-64-gib-boot", test_boots);
        g_test_add_func("/engine/footprint/every-page-in-use", test_all_pages);
        g_test_add_func("/engine/footprint/every-page-full-of-small-objects", test_all_slabs);
        g_test_add_func("/engine/footprint/a-machine-gives-back-what-it-took", test_no_leak);
        return g_test_run();
}
