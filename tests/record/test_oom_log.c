/*
 * test_oom_log.c - what the kernel prints when memory runs out, byte for byte: the examples of spec 07 sections 2 and 4
 * on machine R1 (with the stack traces empty), and the panics.
 */
#include <glib.h>
#include <string.h>

#include "observe/kernel_log.h"
#include "support/r1.h"

struct log {
        const struct sim *sim;
        const char *task;
        GString *text;
};

static void hear(const struct report *report, void *context)
{
        struct log *log = context;

        kernel_log_report(log->sim, report, log->task, log->text);
}

static void listen_to(struct testbed *bed, struct log *log, const char *task)
{
        *log = (struct log){ .sim = bed->sim, .task = task, .text = g_string_new(NULL) };
        bed->tape.report = hear;
        bed->tape.report_context = log;
}

static struct testbed *r1(void)
{
        struct sim_config config = testbed_config(2, 64);

        config.audit = 0;
        return testbed_new(&config);
}

static void add(struct testbed *bed, const char *name, uint32_t pid, uint32_t total_vm, uint32_t ticks, uint32_t age_s)
{
        struct process_spec spec = { .pid = pid, .total_vm_pages = total_vm, .cpu_ticks = ticks, .age_s = age_s };
        const char *problem;

        g_strlcpy(spec.name, name, sizeof(spec.name));
        g_assert_cmpuint(sim_process_new(bed->sim, &spec, &problem), !=, 0);
}

/* The line of the text that begins so, with its newline. */
static char *line_of(const GString *text, const char *beginning)
{
        const char *at = strstr(text->str, beginning);

        g_assert_nonnull(at);
        return g_strndup(at, strcspn(at, "\n") + 1);
}

static void expect_line(const GString *text, const char *beginning, const char *expected)
{
        g_autofree char *line = line_of(text, beginning);

        g_assert_cmpstr(line, ==, expected);
}

/* In the vector kswapd runs only while the requester sleeps: it is held until the last page before that. */
static void fill(struct testbed *bed, uint16_t owner)
{
        struct request anon = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = PAGE_NEW_ANON, .owner = owner };
        struct thread *kswapd = &bed->sim->m.threads[bed->sim->m.kswapd_thread[0]];

        for (uint32_t page = 0; page < 14709; page++) {
                if (page == 14646)
                        kswapd->state = TH_QUEUED;
                if (page == 14708)
                        kswapd->state = TH_IDLE;
                testbed_do(bed, 0, &anon);
        }
}

static void test_v5(void)
{
        g_autoptr(testbed) bed = r1();
        struct log log;

        add(bed, "hog", 901, 14800, 10200, 1200);
        add(bed, "bash", 950, 700, 0, 100);
        sim_thread_join(bed->sim, bed->task[0], 2);
        listen_to(bed, &log, "shell");
        fill(bed, 1);
        g_assert_true(g_str_has_prefix(log.text->str,
                                       "<4>bash invoked oom-killer: gfp_mask=0x200d2, order=0, oomkilladj=0\n"
                                       "<4>\n<4>Call Trace:\n<4>\n<6>Mem-info:\n<4>DMA per-cpu:\n"
                                       "<4>CPU    0: Hot: hi:    0, btch:   1 usd:   0   Cold: hi:    0, btch: "
                                       "  1 usd:   0\n"));
        expect_line(log.text, "<4>Active:",
                    "<4>Active:14708 inactive:0 dirty:0 writeback:0 unstable:0 free:300 slab:30 mapped:0 "
                    "pagetables:0\n");
        expect_line(log.text, "<4>DMA free:",
                    "<4>DMA free:440kB min:252kB low:312kB high:376kB active:11460kB inactive:0kB present:16160kB "
                    "pages_scanned:17211 all_unreclaimable? yes\n");
        expect_line(log.text, "<4>DMA32 free:",
                    "<4>DMA32 free:760kB min:760kB low:948kB high:1140kB active:47372kB inactive:0kB present:48480kB "
                    "pages_scanned:71073 all_unreclaimable? yes\n");
        expect_line(log.text, "<4>DMA: ",
                    "<4>DMA: 0*4kB 1*8kB 1*16kB 1*32kB 0*64kB 1*128kB 1*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = "
                    "440kB\n");
        expect_line(log.text, "<4>DMA32: ",
                    "<4>DMA32: 0*4kB 1*8kB 1*16kB 1*32kB 1*64kB 1*128kB 0*256kB 1*512kB 0*1024kB 0*2048kB 0*4096kB = "
                    "760kB\n");
        g_assert_true(g_str_has_suffix(log.text->str, "<6>0 pages shared\n<6>0 pages swap cached\n"
                                                      "<3>Out of memory: kill process 901 (hog) score 7400 or a child\n"
                                                      "<3>Killed process 901 (hog)\n"));
        g_string_free(log.text, TRUE);
}

/* Slab pages that the CPUs have not folded yet are missing, up to the threshold of each (4 on this machine). */
static void test_folded(void)
{
        g_autoptr(testbed) bed = r1();
        g_autoptr(GString) before = g_string_new(NULL), after = g_string_new(NULL), reaped = g_string_new(NULL);
        uint32_t cache = testbed_create(bed, "whole-pages", 4096, 0, 0);
        uint64_t exact = 0;

        testbed_reap(bed, 0);
        kernel_log_show_mem(bed->sim, before);
        testbed_alloc(bed, 0, cache, GFP_KERNEL); /* grows by one page */
        kernel_log_show_mem(bed->sim, after);
        for (uint32_t zone = 0; zone < bed->mem->zone_count; zone++)
                exact += (uint64_t)(zone_stat_exact(&bed->mem->zones[zone], NR_SLAB_UNRECLAIMABLE) +
                                    zone_stat_exact(&bed->mem->zones[zone], NR_SLAB_RECLAIMABLE));
        {
                g_autofree char *first = line_of(before, "<4>Active:"), *second = line_of(after, "<4>Active:");
                uint64_t free_first = g_ascii_strtoull(strstr(first, "free:") + 5, NULL, 10);
                uint64_t free_second = g_ascii_strtoull(strstr(second, "free:") + 5, NULL, 10);
                uint64_t slab_first = g_ascii_strtoull(strstr(first, "slab:") + 5, NULL, 10);
                uint64_t slab_second = g_ascii_strtoull(strstr(second, "slab:") + 5, NULL, 10);

                g_assert_cmpuint(free_second, <, free_first);
                g_assert_cmpuint(slab_second, ==, slab_first); /* it is only in this CPU's difference */
                g_assert_cmpuint(exact, >, slab_second);
        }
        testbed_reap(bed, 0); /* the reaper folds */
        kernel_log_show_mem(bed->sim, reaped);
        exact = 0;
        for (uint32_t zone = 0; zone < bed->mem->zone_count; zone++)
                exact += (uint64_t)(zone_stat_exact(&bed->mem->zones[zone], NR_SLAB_UNRECLAIMABLE) +
                                    zone_stat_exact(&bed->mem->zones[zone], NR_SLAB_RECLAIMABLE) -
                                    bed->mem->zones[zone].stat_diff[1][NR_SLAB_UNRECLAIMABLE] -
                                    bed->mem->zones[zone].stat_diff[1][NR_SLAB_RECLAIMABLE]);
        {
                g_autofree char *line = line_of(reaped, "<4>Active:");

                g_assert_cmpuint(g_ascii_strtoull(strstr(line, "slab:") + 5, NULL, 10), ==, exact);
        }
}

/* With nobody to kill, and with panic_on_oom, the machine stops. */
static void test_panics(void)
{
        for (int by_choice = 0; by_choice < 2; by_choice++) {
                g_autoptr(testbed) bed = r1();
                struct request set = { .kind = OP_VM_SET, .order = VM_PANIC_ON_OOM, .size_bytes = 1 };
                struct request anon = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = PAGE_NEW_ANON, .owner = 1 };
                struct log log;
                uint32_t who;

                add(bed, "init", 1, 14800, 0, 1200);
                if (by_choice) {
                        add(bed, "hog", 901, 14800, 0, 1200);
                        testbed_do(bed, 0, &set);
                }
                listen_to(bed, &log, "shell");
                for (uint32_t page = 0; page < 14708; page++)
                        testbed_do(bed, 0, &anon);
                g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &anon), ==, NULL);
                g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_IDLE);
                g_assert_true(g_str_has_prefix(log.text->str, "<4>shell invoked oom-killer: "));
                g_assert_true(g_str_has_suffix(
                        log.text->str, by_choice ?
                                "<0>Kernel panic - not syncing: out of memory. panic_on_oom is selected\n<0>\n" :
                                "<0>Kernel panic - not syncing: Out of memory and no killable processes...\n<0>\n"));
                g_assert_null(strstr(log.text->str, "Killed process"));
                g_string_free(log.text, TRUE);
        }
}

/* A memory pool that is destroyed with an element out. */
static void test_mempool_bug(void)
{
        g_autoptr(testbed) bed = r1();
        struct mempool_spec spec = { .name = "pool", .min_nr = 2, .kind = MEMPOOL_KMALLOC, .size_bytes = 64 };
        struct request create = { .kind = OP_MEMPOOL_CREATE, .mempool = 1 },
                       destroy = { .kind = OP_MEMPOOL_DESTROY, .mempool = 1 };
        struct request alloc = { .kind = OP_MEMPOOL_ALLOC, .mempool = 1, .gfp = GFP_ATOMIC };
        const char *problem;
        struct log log;
        uint32_t who;

        g_assert_cmpuint(sim_mempool_declare(bed->sim, &spec, &problem), ==, 1);
        testbed_do(bed, 0, &create);
        testbed_starve(bed, 0);
        testbed_do(bed, 0, &alloc);
        g_assert_cmpuint(bed->done.path, ==, PATH_MEMPOOL_RESERVE);
        listen_to(bed, &log, "shell");
        g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &destroy), ==, NULL);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_IDLE);
        g_assert_cmpstr(log.text->str, ==,
                        "<0>------------[ cut here ]------------\n<2>kernel BUG at mm/mempool.c:187!\n");
        g_string_free(log.text, TRUE);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/record/oom-log/vector-V5", test_v5);
        g_test_add_func("/record/oom-log/counters-are-folded", test_folded);
        g_test_add_func("/record/oom-log/panics", test_panics);
        g_test_add_func("/record/oom-log/mempool-bug", test_mempool_bug);
        return g_test_run();
}
