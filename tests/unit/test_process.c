/*
 * test_process.c - whom the OOM killer finds worst: the worked example of spec 05 section 6.3, each rule of the score,
 * and the order of the search.
 */
#include <glib.h>
#include <string.h>

#include "mm/process.h"

static struct process processes[16];
static struct process_table table;

static void reset(void)
{
        memset(processes, 0, sizeof(processes));
        table = (struct process_table){ .process = processes };
}

static uint32_t add(struct process_spec spec)
{
        uint32_t id = ++table.count;

        processes[id].spec = spec;
        processes[id].mm = spec.flags & PROCESS_KTHREAD ? 0 : spec.shares ? processes[spec.shares].mm : id;
        processes[id].exiting = spec.flags & PROCESS_EXITING ? 1 : 0;
        return id;
}

static uint64_t points(uint32_t id)
{
        return process_badness(&table, id, 0, 250, 8);
}

static uint64_t score(struct process_spec spec)
{
        reset();
        return points(add(spec));
}

/* HZ 250, uptime 7200 s. */
static void test_worked(void)
{
        const uint32_t root = PROCESS_ROOT | PROCESS_SYS_ADMIN | PROCESS_RAWIO;
        uint32_t chosen, first, hog;
        uint64_t best;

        reset();
        first = add((struct process_spec){
                .pid = 812, .total_vm_pages = 5300, .cpu_ticks = 68000, .age_s = 6200, .flags = root });
        add((struct process_spec){
                .pid = 813, .parent = first, .total_vm_pages = 5300, .cpu_ticks = 23000, .age_s = 6200 });
        add((struct process_spec){
                .pid = 814, .parent = first, .total_vm_pages = 5400, .cpu_ticks = 23000, .age_s = 6200 });
        hog = add((struct process_spec){ .pid = 901, .total_vm_pages = 14800, .cpu_ticks = 10200, .age_s = 1200 });
        g_assert_cmpuint(points(first), ==, 133);
        g_assert_cmpuint(points(first + 1), ==, 1766);
        g_assert_cmpuint(points(first + 2), ==, 1800);
        g_assert_cmpuint(points(hog), ==, 7400);
        g_assert_cmpint(process_select(&table, 0, 0, 250, 8, &chosen, &best), ==, PROCESS_CHOSEN);
        g_assert_cmpuint(chosen, ==, hog);
        g_assert_cmpuint(best, ==, 7400);
}

static void test_rules(void)
{
        const struct process_spec plain = { .pid = 2, .total_vm_pages = 10000 };
        struct process_spec spec = plain;
        uint32_t parent;

        g_assert_cmpuint(score(spec), ==, 10000);
        spec.nice = 1;
        g_assert_cmpuint(score(spec), ==, 20000);
        spec.nice = -20; /* a negative nice does not help */
        g_assert_cmpuint(score(spec), ==, 10000);
        spec = plain, spec.flags = PROCESS_ROOT;
        g_assert_cmpuint(score(spec), ==, 2500);
        spec.flags = PROCESS_SYS_ADMIN | PROCESS_ROOT;
        g_assert_cmpuint(score(spec), ==, 2500);
        spec.flags = PROCESS_SYS_ADMIN | PROCESS_RAWIO;
        g_assert_cmpuint(score(spec), ==, 625);
        spec = plain, spec.flags = PROCESS_SWAPOFF;
        g_assert_cmpuint(score(spec), ==, UINT64_MAX);
        spec = plain, spec.flags = PROCESS_KTHREAD;
        g_assert_cmpuint(score(spec), ==, 0);
        spec = plain, spec.oom_adj = 3;
        g_assert_cmpuint(score(spec), ==, 80000);
        spec.oom_adj = -16;
        g_assert_cmpuint(score(spec), ==, 0);
        spec = plain, spec.cpu_ticks = 4 * 2048 - 1; /* HZ 250: units of 2048 ticks; 3 has root 1 */
        g_assert_cmpuint(score(spec), ==, 10000);
        spec.cpu_ticks = 4 * 2048;
        g_assert_cmpuint(score(spec), ==, 5000);
        g_assert_cmpuint(process_badness(&table, 1, 0, 100, 8), ==, 10000 / 2);  /* units of 1024: 8, root 2 */
        g_assert_cmpuint(process_badness(&table, 1, 0, 1000, 8), ==, 10000 / 1); /* units of 8192: 1 */
        spec = plain, spec.age_s = 16 * 1024 - 1; /* the fourth root of 15 is 1 */
        g_assert_cmpuint(score(spec), ==, 10000);
        spec.age_s = 16 * 1024;
        g_assert_cmpuint(score(spec), ==, 5000);
        g_assert_cmpuint(process_badness(&table, 1, 65 * 1024 - 1, 250, 8), ==, 5000); /* time goes on: 80, */
        g_assert_cmpuint(process_badness(&table, 1, 65 * 1024, 250, 8), ==, 3333);     /* 81 has root 3 */

        reset(); /* children with memory of their own count half and one */
        parent = add(plain);
        add((struct process_spec){ .pid = 3, .parent = parent, .total_vm_pages = 101 });
        add((struct process_spec){ .pid = 4, .parent = parent, .shares = parent, .total_vm_pages = 5000 });
        add((struct process_spec){ .pid = 5, .parent = parent, .flags = PROCESS_KTHREAD, .total_vm_pages = 5000 });
        g_assert_cmpuint(points(parent), ==, 10000 + 51);
}

/* On i386 the score is a word of 32 bits, and what does not fit is lost. */
static void test_word(void)
{
        reset();
        add((struct process_spec){ .pid = 2, .total_vm_pages = 0x30000, .oom_adj = 15 });
        g_assert_cmpuint(process_badness(&table, 1, 0, 250, 8), ==, UINT64_C(0x30000) << 15);
        g_assert_cmpuint(process_badness(&table, 1, 0, 250, 4), ==, (UINT64_C(0x30000) << 15) & UINT32_MAX);
        processes[1].spec.flags = PROCESS_SWAPOFF;
        g_assert_cmpuint(process_badness(&table, 1, 0, 250, 4), ==, UINT32_MAX);
}

static enum process_choice search(uint32_t current, uint32_t *ret_id)
{
        uint64_t best;

        return process_select(&table, current, 0, 250, 8, ret_id, &best);
}

static void test_search(void)
{
        uint32_t id, a, b;

        reset();
        g_assert_cmpint(search(0, &id), ==, PROCESS_NOBODY);
        add((struct process_spec){ .pid = 1, .total_vm_pages = 90000 });
        add((struct process_spec){ .pid = 2, .flags = PROCESS_KTHREAD });
        add((struct process_spec){ .pid = 3, .total_vm_pages = 80000, .oom_adj = OOM_DISABLE });
        g_assert_cmpint(search(0, &id), ==, PROCESS_NOBODY);
        a = add((struct process_spec){ .pid = 4, .total_vm_pages = 0 });
        g_assert_cmpint(search(0, &id), ==, PROCESS_CHOSEN); /* a score of 0 can be chosen */
        g_assert_cmpuint(id, ==, a);
        b = add((struct process_spec){ .pid = 5, .total_vm_pages = 100 });
        add((struct process_spec){ .pid = 6, .total_vm_pages = 100 });
        g_assert_cmpint(search(0, &id), ==, PROCESS_CHOSEN);
        g_assert_cmpuint(id, ==, b); /* ties: the first */
        processes[a].exiting = 1;
        g_assert_cmpint(search(0, &id), ==, PROCESS_WAIT);
        g_assert_cmpint(search(a, &id), ==, PROCESS_CHOSEN); /* who asks is exiting */
        g_assert_cmpuint(id, ==, a);
        processes[a].exiting = 0;
        processes[6].dying = 1;
        g_assert_cmpint(search(0, &id), ==, PROCESS_WAIT);
        processes[6].mm = 0; /* its memory is gone: the next one may be killed */
        g_assert_cmpint(search(0, &id), ==, PROCESS_CHOSEN);
}

static void test_isqrt(void)
{
        for (uint64_t n = 0; n < 70000; n++) {
                uint64_t root = process_isqrt(n);

                g_assert_cmpuint(root * root, <=, n);
                g_assert_cmpuint((root + 1) * (root + 1), >, n);
        }
        g_assert_cmpuint(process_isqrt(UINT64_MAX), ==, UINT32_MAX);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mm/process/worked-example", test_worked);
        g_test_add_func("/mm/process/each-rule-of-the-score", test_rules);
        g_test_add_func("/mm/process/a-machine-word", test_word);
        g_test_add_func("/mm/process/search", test_search);
        g_test_add_func("/mm/process/integer-square-root", test_isqrt);
        return g_test_run();
}
