/*
 * test_oom.c - the OOM killer at work: vector V5 of spec 05 section 10.3 to its end, who dies in place of whom, what
 * the mark is good for, the exit of the victim, and the ways to panic. Machine R1 with CPU 1 up.
 */
#include <glib.h>

#include "support/r1.h"

#define MS 1000000ull

#define DMA   0u
#define DMA32 1u

#define ROOT (PROCESS_ROOT | PROCESS_SYS_ADMIN | PROCESS_RAWIO)

enum { INIT = 1, SERVER, WORKER_A, WORKER_B, HOG, BASH }; /* process ids */

/* The tasks of spec 05 section 6.3 at an uptime of 7200 s, init and the requester. */
static const struct process_spec tasks[] = {
        { .name = "init", .pid = 1, .total_vm_pages = 700, .age_s = 7200, .flags = ROOT },
        { .name = "server", .pid = 812, .parent = INIT, .total_vm_pages = 5300, .cpu_ticks = 68000, .age_s = 6200,
          .flags = ROOT },
        { .name = "worker", .pid = 813, .parent = SERVER, .total_vm_pages = 5300, .cpu_ticks = 23000, .age_s = 6200 },
        { .name = "worker", .pid = 814, .parent = SERVER, .total_vm_pages = 5400, .cpu_ticks = 23000, .age_s = 6200 },
        { .name = "hog", .pid = 901, .parent = INIT, .total_vm_pages = 14800, .cpu_ticks = 10200, .age_s = 1200 },
        { .name = "bash", .pid = 950, .parent = INIT, .total_vm_pages = 700, .age_s = 100 },
};

static uint32_t add_process(struct testbed *bed, const struct process_spec *spec)
{
        const char *problem;
        uint32_t id = sim_process_new(bed->sim, spec, &problem);

        g_assert_cmpstr(problem, ==, NULL);
        return id;
}

/* R1 with those tasks; CPU 0's task is bash. */
static struct testbed *machine(void)
{
        struct sim_config config = testbed_config(2, 64);
        struct testbed *bed;

        config.audit = 0; /* 14,000 ops: looked at where it matters */
        bed = testbed_new(&config);
        for (size_t i = 0; i < G_N_ELEMENTS(tasks); i++)
                g_assert_cmpuint(add_process(bed, &tasks[i]), ==, i + 1);
        sim_thread_join(bed->sim, bed->task[0], BASH);
        return bed;
}

static struct process_view view_of(const struct testbed *bed, uint32_t process)
{
        struct process_view view;

        g_assert_true(sim_process_get(bed->sim, process, &view));
        return view;
}

static struct request anon_of(uint32_t owner)
{
        return (struct request){
                .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = PAGE_NEW_ANON, .owner = (uint16_t)owner
        };
}

/* Anonymous pages for `owner`, down to the last one that needs no killer. */
static void fill(struct testbed *bed, uint32_t owner)
{
        struct request anon = anon_of(owner);

        for (uint32_t page = 0; page < 14708; page++)
                testbed_do(bed, 0, &anon);
        g_assert_cmpuint(testbed_count(bed, EV_OOM_INVOKED, 0), ==, 0);
        testbed_forget(bed);
}

/* The task of CPU 0 asks for one page more: what sim_run says in the end. */
static enum sim_what one_more(struct testbed *bed, const struct request *request, uint64_t for_ns)
{
        enum sim_what what;
        uint32_t who;

        g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], request), ==, NULL);
        what = sim_run_until(bed->sim, sim_now_ns(bed->sim) + for_ns, &who);
        testbed_flush(bed);
        if (what != SIM_IDLE)
                g_assert_cmpuint(who, ==, bed->task[0]);
        bed->done = *sim_result(bed->sim, bed->task[0]);
        return what;
}

/* Events of this kind, and the arguments of the nth. */
static void expect_event(const struct testbed *bed, enum event_kind kind, uint32_t nth, uint32_t a, uint32_t b,
                         uint32_t c)
{
        const struct event_record *event = testbed_event(bed, kind, 0, nth);

        g_assert_nonnull(event);
        g_assert_cmpuint(event->a, ==, a);
        g_assert_cmpuint(event->b, ==, b);
        g_assert_cmpuint(event->c, ==, c);
}

static void test_v5(void)
{
        g_autoptr(testbed) bed = machine();
        struct request anon = anon_of(HOG);
        const struct event_record *killed, *exited;

        fill(bed, HOG);
        g_assert_cmpuint(view_of(bed, SERVER).points, ==, 133);
        g_assert_cmpuint(view_of(bed, WORKER_A).points, ==, 1766);
        g_assert_cmpuint(view_of(bed, WORKER_B).points, ==, 1800);
        g_assert_cmpuint(view_of(bed, HOG).points, ==, 7400);
        g_assert_cmpuint(bed->mem->lru.owner[HOG].count, ==, 14708);

        g_assert_cmpint(one_more(bed, &anon, 1000 * MS), ==, SIM_DONE);
        g_assert_cmpuint(testbed_count(bed, EV_OOM_INVOKED, 0), ==, 1);
        expect_event(bed, EV_OOM_INVOKED, 0, GFP_HIGHUSER, 0, BASH);
        expect_event(bed, EV_OOM_CHOSEN, 0, HOG, 7400, 0);
        expect_event(bed, EV_PROCESS_KILLED, 0, HOG, HOG, 901);
        expect_event(bed, EV_PROCESS_EXITED, 0, HOG, 14708, 0);
        g_assert_cmpuint(testbed_count(bed, EV_PROCESS_KILLED, 0), ==, 1);
        killed = testbed_event(bed, EV_PROCESS_KILLED, 0, 0);
        exited = testbed_event(bed, EV_PROCESS_EXITED, 0, 0);
        g_assert_cmpuint(exited->t_ns - killed->t_ns, <, 4 * MS); /* while the killer sleeps its tick */
        g_assert_cmpuint(exited->cpu, ==, 0);
        g_assert_cmpuint(bed->done.t_ns + bed->done.dur_ns, >=, killed->t_ns + 4 * MS);
        g_assert_cmpuint(bed->done.path, ==, PATH_PAGE_LIST); /* the page freed last */
        g_assert_cmpuint(view_of(bed, HOG).exited, ==, 1);
        g_assert_cmpuint(view_of(bed, HOG).killed_ns, ==, killed->t_ns);
        g_assert_cmpuint(bed->mem->lru.owner[HOG].count, ==, 1); /* the new one */
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        { /* an op of the machine says what the exit was */
                const struct op_record *op = NULL;

                for (guint i = 0; i < bed->ops->len; i++) {
                        op = &g_array_index(bed->ops, struct op_record, i);
                        if (op->kind == OP_PROCESS_EXIT)
                                break;
                }
                g_assert_cmpuint(op->kind, ==, OP_PROCESS_EXIT);
                g_assert_cmpuint(op->origin, ==, 1);
                g_assert_cmpuint(op->owner, ==, HOG);
                g_assert_cmpuint(op->result, ==, 14708);
        }
}

/* What is chosen and what dies are two things: the first child with memory of its own goes. */
static void test_child(void)
{
        g_autoptr(testbed) bed = machine();
        struct request anon = anon_of(WORKER_A);
        struct process_spec thread = { .name = "hog2", .pid = 902, .parent = HOG, .shares = HOG };
        struct process_spec kernel = { .name = "kjob", .pid = 903, .parent = HOG, .flags = PROCESS_KTHREAD };
        struct process_spec spared = {
                .name = "spared", .pid = 904, .parent = HOG, .total_vm_pages = 10, .oom_adj = -17
        };
        struct process_spec child = { .name = "child", .pid = 905, .parent = HOG, .total_vm_pages = 10 };

        add_process(bed, &thread);
        add_process(bed, &kernel);
        add_process(bed, &spared);
        add_process(bed, &child);
        fill(bed, WORKER_A);
        g_assert_cmpint(one_more(bed, &anon, 1000 * MS), ==, SIM_DONE);
        expect_event(bed, EV_OOM_CHOSEN, 0, HOG, 7400 + (10 / 2 + 1) / 2 * 2, 0); /* (14800 + 6 + 6) / 2 */
        expect_event(bed, EV_PROCESS_KILLED, 0, BASH + 4, HOG, 905); /* not one that shares, has none, or is spared */
        expect_event(bed, EV_PROCESS_EXITED, 0, BASH + 4, 0, 0);
        /* that freed nothing: now hog itself, which shares its memory, so that nothing comes of that either;
         * then ... */
        expect_event(bed, EV_PROCESS_KILLED, 1, HOG, HOG, 901);
        g_assert_cmpuint(view_of(bed, WORKER_A).killed, ==, 1);
        g_assert_cmpuint(view_of(bed, WORKER_A).exited, ==, 1);
        g_assert_cmpuint(view_of(bed, BASH).killed, ==, 0);
        g_assert_cmpuint(view_of(bed, INIT).killed, ==, 0);
}

/* The requester itself is the worst: it goes on with every page there is, and ends when its request is done. */
static void test_current(void)
{
        g_autoptr(testbed) bed = machine();
        struct request anon = anon_of(BASH), adj = {
                .kind = OP_PROCESS_SET, .process = BASH, .order = PROCESS_SET_OOM_ADJ, .size_bytes = 17 + 10
        };
        uint64_t free_pages;

        testbed_do(bed, 0, &adj);
        g_assert_cmpuint(view_of(bed, BASH).points, ==, 700 << 10);
        fill(bed, BASH);
        free_pages = testbed_free_pages(bed);
        g_assert_cmpint(one_more(bed, &anon, 1000 * MS), ==, SIM_KILLED);
        expect_event(bed, EV_PROCESS_KILLED, 0, BASH, BASH, 950);
        g_assert_cmpuint(bed->done.path, ==, PATH_RESERVES);
        g_assert_cmpuint(testbed_free_pages(bed), <, free_pages);
        g_assert_cmpuint(view_of(bed, BASH).exited, ==, 0);
        {
                uint32_t who;

                g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_IDLE);
                testbed_flush(bed);
        }
        expect_event(bed, EV_PROCESS_EXITED, 0, BASH, 14709, 0);
        g_assert_cmpuint(testbed_free_pages(bed), >, free_pages + 14000);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* Tasks of the victim: one that sleeps in user mode ends at once, one in a request when that is done; then its memory
 * goes. Who waits for the exit is woken. */
static void test_tasks(void)
{
        g_autoptr(testbed) bed = machine();
        uint32_t idle = sim_thread_new(bed->sim, THREAD_TASK, 1), busy = sim_thread_new(bed->sim, THREAD_TASK, 1);
        uint32_t waits = sim_thread_new(bed->sim, THREAD_TASK, 0);
        struct request anon = anon_of(HOG), work = { .kind = OP_WORK, .size_bytes = 10 * MS };
        uint64_t killed_ns, gone_ns;
        enum sim_what what;
        uint32_t who;

        sim_thread_join(bed->sim, idle, HOG);
        sim_thread_join(bed->sim, busy, HOG);
        fill(bed, HOG);
        sim_wake_at(bed->sim, idle, sim_now_ns(bed->sim) + 60000 * MS);
        sim_wake_on_exit(bed->sim, waits, HOG);
        g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &anon), ==, NULL);
        g_assert_cmpstr(sim_submit(bed->sim, busy, &work), ==, NULL);
        /* one piece of work after the other, until the killer comes */
        while ((what = sim_run(bed->sim, &who)) == SIM_DONE) {
                g_assert_cmpuint(who, ==, busy);
                g_assert_cmpstr(sim_submit(bed->sim, busy, &work), ==, NULL);
        }
        killed_ns = view_of(bed, HOG).killed_ns;
        g_assert_cmpint(what, ==, SIM_KILLED);
        g_assert_cmpuint(who, ==, idle);
        g_assert_cmpuint(sim_now_ns(bed->sim), >=, killed_ns);
        g_assert_cmpuint(sim_now_ns(bed->sim), <=, killed_ns + 1000);
        g_assert_false(view_of(bed, HOG).exited);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_KILLED);
        g_assert_cmpuint(who, ==, busy);
        gone_ns = sim_now_ns(bed->sim);
        g_assert_cmpint(sim_result(bed->sim, busy)->kind, ==, OP_WORK); /* it was done to its end */
        g_assert_cmpuint(sim_result(bed->sim, busy)->dur_ns, ==, 10 * MS);
        g_assert_false(view_of(bed, HOG).exited);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        g_assert_cmpuint(who, ==, waits);
        g_assert_true(view_of(bed, HOG).exited);
        g_assert_cmpuint(sim_now_ns(bed->sim), >, gone_ns);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_DONE);
        g_assert_cmpuint(who, ==, bed->task[0]);
        testbed_flush(bed);
        g_assert_cmpuint(testbed_event(bed, EV_PROCESS_EXITED, 0, 0)->cpu, ==, 1); /* on the CPU of its last task */
        g_assert_cmpuint(testbed_count(bed, EV_PROCESS_KILLED, 0), ==, 1);
        g_assert_cmpuint(testbed_count(bed, EV_OOM_INVOKED, 0), >, 1); /* the killer waits for it, tick by tick */
}

/* A process that is on its way out makes every search wait; nobody else is killed. */
static void test_wait(void)
{
        g_autoptr(testbed) bed = machine();
        struct process_spec stuck = { .name = "stuck", .pid = 960, .total_vm_pages = 10, .flags = PROCESS_EXITING };
        struct request anon = anon_of(HOG);
        uint32_t ticks;

        add_process(bed, &stuck);
        fill(bed, HOG);
        g_assert_cmpint(one_more(bed, &anon, 1000 * MS), ==, SIM_IDLE); /* goes on for ever */
        ticks = testbed_count(bed, EV_OOM_INVOKED, 0);
        g_assert_cmpuint(ticks, >, 100);
        g_assert_cmpuint(testbed_count(bed, EV_OOM_CHOSEN, 0), ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_PROCESS_KILLED, 0), ==, 0);
}

/* Requests without FS, or with NORETRY, never call the killer. */
static void test_not_called(void)
{
        static const uint32_t masks[] = { GFP_NOFS, GFP_NOIO, GFP_KERNEL | __GFP_NORETRY, GFP_ATOMIC };

        for (size_t i = 0; i < G_N_ELEMENTS(masks); i++) {
                g_autoptr(testbed) bed = machine();
                struct request pages = { .kind = OP_PAGES, .gfp = masks[i] };
                uint32_t got = 0;

                fill(bed, HOG);
                while (one_more(bed, &pages, 300 * MS) == SIM_DONE && bed->done.pfn != PFN_NONE && got < 20000)
                        got++;
                g_assert_cmpuint(testbed_count(bed, EV_OOM_INVOKED, 0), ==, 0);
                g_assert_cmpuint(view_of(bed, HOG).killed, ==, 0);
        }
}

/* The arithmetic is of the moment: what a scenario changes counts at the next search. */
static void test_set(void)
{
        g_autoptr(testbed) bed = machine();
        static const struct {
                uint32_t attribute;
                uint64_t value, points;
        } cases[] = {
                { PROCESS_SET_OOM_ADJ, 17 - 3, 7400 >> 3 }, { PROCESS_SET_OOM_ADJ, 17, 7400 },
                { PROCESS_SET_TOTAL_VM, 1000, 500 },        { PROCESS_SET_NICE, 20 + 5, 1000 },
                { PROCESS_SET_NICE, 0, 500 },               { PROCESS_SET_SWAPOFF, 1, UINT64_MAX },
                { PROCESS_SET_SWAPOFF, 0, 500 },
        };
        struct request wrong[] = {
                { .kind = OP_PROCESS_SET, .process = 99, .order = PROCESS_SET_NICE },
                { .kind = OP_PROCESS_SET, .process = HOG, .order = PROCESS_ATTRIBUTE_COUNT },
                { .kind = OP_PROCESS_SET, .process = HOG, .order = PROCESS_SET_OOM_ADJ, .size_bytes = 33 },
                { .kind = OP_PROCESS_EXIT, .owner = BASH }, /* it has a task */
        };
        struct process_spec bad[] = {
                { .name = "pid", .pid = 901 },           { .name = "none" },
                { .name = "adj", .pid = 5, .oom_adj = 16 }, { .name = "late", .pid = 5, .parent = 50 },
        };
        const char *problem;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                struct request set = { .kind = OP_PROCESS_SET, .process = HOG, .order = (uint8_t)cases[i].attribute,
                                       .size_bytes = cases[i].value };

                testbed_do(bed, 0, &set);
                g_assert_cmpuint(view_of(bed, HOG).points, ==, cases[i].points);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
                g_assert_nonnull(sim_submit(bed->sim, bed->task[1], &wrong[i]));
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_assert_cmpuint(sim_process_new(bed->sim, &bad[i], &problem), ==, 0);
                g_assert_nonnull(problem);
        }
}

/*
 * Nothing locks the search: a process that is spared between its choice and the kill is named in the log and lives,
 * and the search begins again (spec 05 sections 6.1 and 6.4). Somebody spares it `before_ns` before `at_ns`; 0:
 * nobody does. Returns when the first choice was acted upon.
 */
static uint64_t spare(uint64_t before_ns, uint64_t at_ns)
{
        struct sim_config config = testbed_config(2, 8);
        struct process_spec hog = { .name = "hog", .pid = 5, .total_vm_pages = 1000 };
        struct process_spec next = { .name = "next", .pid = 6, .total_vm_pages = 500 };
        struct request pages = { .kind = OP_PAGES, .gfp = GFP_KERNEL };
        struct request spared = { .kind = OP_PROCESS_SET, .process = 1, .order = PROCESS_SET_OOM_ADJ, .size_bytes = 0 };
        g_autoptr(testbed) bed = NULL;
        enum sim_what what;
        uint32_t who, asks;
        uint64_t chosen_ns;

        config.cost_cycles[COST_STEP] = 30000; /* 10 us from one to the other */
        bed = testbed_new(&config);
        testbed_starve(bed, 0);
        add_process(bed, &hog);
        add_process(bed, &next);
        asks = sim_thread_new(bed->sim, THREAD_TASK, 0);
        g_assert_cmpstr(sim_submit(bed->sim, asks, &pages), ==, NULL);
        if (before_ns)
                sim_wake_at(bed->sim, bed->task[1], at_ns - before_ns);
        what = sim_run_until(bed->sim, sim_now_ns(bed->sim) + 100 * MS, &who);
        if (what == SIM_WAKE) {
                g_assert_cmpstr(sim_submit(bed->sim, bed->task[1], &spared), ==, NULL);
                g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_DONE);
                g_assert_cmpint(sim_run_until(bed->sim, sim_now_ns(bed->sim) + 1 * MS, &who), ==, SIM_IDLE);
        }
        testbed_flush(bed);
        expect_event(bed, EV_OOM_CHOSEN, 0, 1, 1000, 0);
        chosen_ns = testbed_event(bed, EV_OOM_CHOSEN, 0, 0)->t_ns;
        if (!before_ns) {
                expect_event(bed, EV_PROCESS_KILLED, 0, 1, 1, 5);
                return chosen_ns;
        }
        expect_event(bed, EV_OOM_CHOSEN, 1, 2, 500, 0);
        expect_event(bed, EV_PROCESS_KILLED, 0, 2, 2, 6);
        g_assert_cmpuint(testbed_count(bed, EV_OOM_INVOKED, 0), ==, 1); /* one search went on, with no tick between */
        g_assert_cmpuint(view_of(bed, 1).killed, ==, 0);
        return chosen_ns;
}

static void test_spared(void)
{
        uint64_t at_ns = spare(0, 0);

        g_assert_cmpuint(spare(5000, at_ns), ==, at_ns);
}

/* Leaves the task list by itself. */
static void test_exit(void)
{
        g_autoptr(testbed) bed = machine();
        struct request anon = anon_of(HOG), exit = { .kind = OP_PROCESS_EXIT, .owner = HOG };
        uint64_t free_pages;

        for (uint32_t page = 0; page < 1000; page++)
                testbed_do(bed, 0, &anon);
        free_pages = testbed_free_pages(bed);
        testbed_forget(bed);
        testbed_do(bed, 1, &exit);
        g_assert_cmpuint(bed->done.result, ==, 1000);
        g_assert_cmpuint(view_of(bed, HOG).exited, ==, 1);
        g_assert_cmpuint(view_of(bed, HOG).killed, ==, 0);
        g_assert_cmpuint(view_of(bed, HOG).points, ==, 0);
        g_assert_cmpuint(testbed_free_pages(bed), >, free_pages + 900);
        expect_event(bed, EV_PROCESS_EXITED, 0, HOG, 1000, 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/oom/vector-V5", test_v5);
        g_test_add_func("/engine/oom/a-child-dies-first", test_child);
        g_test_add_func("/engine/oom/the-requester-is-the-victim", test_current);
        g_test_add_func("/engine/oom/tasks-of-the-victim-end", test_tasks);
        g_test_add_func("/engine/oom/an-exiting-process-makes-all-wait", test_wait);
        g_test_add_func("/engine/oom/who-never-calls-the-killer", test_not_called);
        g_test_add_func("/engine/oom/attributes-count-when-they-are-set", test_set);
        g_test_add_func("/engine/oom/an-exit-of-its-own", test_exit);
        g_test_add_func("/engine/oom/spared-at-the-last-moment", test_spared);
        return g_test_run();
}
