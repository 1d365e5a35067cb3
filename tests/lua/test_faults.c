/*
 * test_faults.c - fault injection from Lua and --set, and the reasons that calls return.
 */
#include "support.h"

#define MACHINE "machine { memory = '16MiB', cpus = 1 }\n"
#define TASK(body) "task { name = 'a', run = function(t)\n" body " end }"

static void test_page_faults(void)
{
        assert_prints(MACHINE "fail_page_alloc { probability = 100, times = 2 }\n"
                              TASK("print(t:pages(0, 'atomic')) print(t:pages(0)) print(t:pages(1, 'atomic'))\n"
                                   "print(t:pages(0, 'atomic'))"),
                      "nil\tfault injected\nblock of order 0, op 2\nnil\tfault injected\nblock of order 0, op 4\n");
}

static void test_slab_faults(void)
{
        /* before the magazine is looked at: the hit fails as well; ignore-gfp-wait spares the others */
        assert_prints(MACHINE "failslab { probability = 100, times = -1, space = '100' }\n"
                              TASK("local o = t:kmalloc(100) t:kfree(o)\n"
                                   "print(t:kmalloc(100, 'atomic')) print(t:kmalloc(100))"),
                      "nil\tfault injected\nsize-128 object, op 4\n");
}

static void test_changed_during_the_run(void)
{
        assert_prints(MACHINE "failslab {}\n"
                              TASK("print(t:kmalloc(32, 'atomic'))\n"
                                   "t:failslab { probability = 100, times = 1 } print(t:kmalloc(32, 'atomic'))\n"
                                   "print(t:kmalloc(32, 'atomic'))"),
                      "size-32 object, op 1\nnil\tfault injected\nsize-32 object, op 5\n");
}

static void test_task_filter(void)
{
        assert_prints(MACHINE "failslab { probability = 100, times = -1, task_filter = true, "
                              "ignore_gfp_wait = false }\n"
                              "task { name = 'b', make_it_fail = true, run = function(t) print('b', t:kmalloc(32))\n"
                              "t:make_it_fail(false) print('b', t:kmalloc(32)) end }\n"
                              TASK("t:sleep('10us') print('a', t:kmalloc(32)) t:make_it_fail()\n"
                                   "t:spawn { name = 'c', run = function(t) print('c', t:kmalloc(32)) end }\n"
                                   "t:spawn { name = 'd', make_it_fail = false, run = function(t) print('d', "
                                   "t:kmalloc(32)) "
                                   "end }"),
                      "b\tnil\tfault injected\nb\tsize-32 object, op 3\na\tsize-32 object, op 4\n"
                      "c\tnil\tfault injected\nd\tsize-32 object, op 7\n");
}

static void test_call_sites(void)
{
        /* what grows a cache inside of kmem_cache_create fails, and nothing else */
        assert_prints(MACHINE "fail_page_alloc { probability = 100, times = -1, ignore_gfp_wait = false, "
                              "require = 'kmem_cache_create' }\n"
                              TASK("local made, why = 0\n"
                                   "repeat local c c, why = t:create { name = 'c' .. made, "
                                   "size = 100 } made = made + 1 until "
                                   "not c\nprint(why) print(t:pages(0) ~= nil, t:kmalloc(5000) ~= nil)"),
                      "enable_cpucache failed for c0, error 12.\nfault injected\ntrue\ttrue\n");
}

static void test_settings(void)
{
        static const char *const settings[] = { "fail_page_alloc.probability=100",
                                                "fail_page_alloc.ignore_gfp_wait=false", "rounds=3", NULL };
        static const char *const boot[] = { "failslab=1,100,0,-1", NULL };
        static const char *const bad[][2] = {
                { "failslab.probability=x", "--set failslab.probability=x: probability is a whole number, 0 or more" },
                { "failslab.task_filter=2", "--set failslab.task_filter=2: task_filter is true or false" },
                { "failslab=1,2,3", "--set failslab=1,2,3: failslab=INTERVAL,PROBABILITY,SPACE,TIMES" },
                { "failslab.times", "--set failslab.times: needs KEY=VALUE" },
                { "fail_page_alloc.reject=foo", "--set fail_page_alloc.reject=foo: reject is a function of the "
                                                "allocator such "
                                                "as cache_grow" },
        };
        static const char text[] = MACHINE "local rounds = param('rounds', 1, 'how many')\n"
                                           TASK("for i = 1, rounds do print(t:pages(0)) end print(t:kmalloc(8, "
                                                "'atomic'))");
        g_autoptr(outcome_auto) outcome = support_run(text, settings, 1);
        g_autoptr(outcome_auto) booted = support_run(text, boot, 1);

        g_assert_cmpstr(outcome->printed->str, ==,
                        "nil\tfault injected\nblock of order 0, op 2\nblock of order 0, op 3\nsize-32 object, op 4\n");
        g_assert_cmpuint(outcome->figures->faults_injected[FAULT_PAGE], ==, 1);
        g_assert_cmpuint(outcome->figures->pages_failed, ==, 1);
        g_assert_cmpstr(booted->printed->str, ==, "block of order 0, op 1\nnil\tfault injected\n");
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                const char *const wrong[] = { bad[i][0], NULL };
                g_autoptr(outcome_auto) refused = support_run(text, wrong, 1);

                g_assert_cmpint(refused->code, ==, SCENARIO_ERROR_USAGE);
                g_assert_cmpstr(refused->error, ==, bad[i][1]);
        }
}

static void test_mistakes(void)
{
        assert_fails(MACHINE "failslab { chance = 5 }\n" TASK(""), SCENARIO_ERROR_SCRIPT,
                     "s.lua:2: failslab has no field 'chance'; it has probability, interval, times, space, verbose, "
                     "task_filter, stacktrace_depth, require, reject, ignore_gfp_wait, ignore_gfp_highmem\n"
                     "  at s.lua:2 in the main part");
        assert_fails(MACHINE TASK("t:failslab { probability = 5 }"), SCENARIO_ERROR_SCRIPT,
                     "s.lua:3: failslab: this kernel is built without that kind of fault injection (the main part says "
                     "failslab { ... })\n  at s.lua:3 in the function at line 2\n  task 'a' on CPU 0 at T us");
        assert_fails("failslab {}\nfailslab {}\n" TASK(""), SCENARIO_ERROR_SCRIPT,
                     "s.lua:2: failslab is declared twice\n  at s.lua:2 in the main part");
        assert_fails("param('failslab', 1, 'x')\n" TASK(""), SCENARIO_ERROR_SCRIPT,
                     "s.lua:1: param: 'failslab' belongs to fault injection\n  at s.lua:1 in the main part");
}

/* The same seed, the same faults; another seed, others. A machine without faults draws nothing. */
static void test_seeds(void)
{
        static const char text[] = MACHINE "fail_page_alloc { probability = 50, times = -1 }\n"
                                           TASK("local s = '' for i = 1, 40 do s = s .. (t:pages(0, 'atomic') and '+' "
                                                "or '-') "
                                                "end print(s)");
        g_autoptr(outcome_auto) first = support_run(text, NULL, 1), again = support_run(text, NULL, 1),
                                other = support_run(text, NULL, 2);

        g_assert_cmpstr(first->printed->str, ==, again->printed->str);
        g_assert_cmpstr(first->digest, ==, again->digest);
        g_assert_cmpstr(first->printed->str, !=, other->printed->str);
        g_assert_nonnull(strstr(first->printed->str, "-"));
        g_assert_nonnull(strstr(first->printed->str, "+"));
}

static void test_kernel_texts(void)
{
        assert_prints(MACHINE TASK("print(t:create { name = 'x', size = 100 }) print(t:create { name = 'x', "
                                   "size = 64 })"),
                      "cache \"x\"\nkmem_cache_create: duplicate cache x\n\nCall Trace:\nnil\tduplicate cache name\n");
        assert_fails(MACHINE "failslab { probability = 100, ignore_gfp_wait = false }\n"
                             TASK("t:create { name = 'x', size = 100, flags = 'panic' }"),
                     SCENARIO_ERROR_SIMULATED,
                     "Kernel panic - not syncing: kmem_cache_create(): failed to create slab `x'");
        assert_fails(MACHINE TASK("t:create { name = 'x', size = 4 }"), SCENARIO_ERROR_SIMULATED,
                     "s.lua:3: kernel BUG at mm/slab.c:2130! the object size of a cache is from one machine word to "
                     "131072 "
                     "bytes\n  at s.lua:3 in the function at line 2\n  task 'a' on CPU 0 at T us");
}

static void add_tests(void)
{
        g_test_add_func("/script/faults/pages", test_page_faults);
        g_test_add_func("/script/faults/objects", test_slab_faults);
        g_test_add_func("/script/faults/attributes-change-during-the-run", test_changed_during_the_run);
        g_test_add_func("/script/faults/task-filter-and-inheritance", test_task_filter);
        g_test_add_func("/script/faults/call-site-filter", test_call_sites);
        g_test_add_func("/script/faults/settings", test_settings);
        g_test_add_func("/script/faults/mistakes", test_mistakes);
        g_test_add_func("/script/faults/seeds", test_seeds);
        g_test_add_func("/script/faults/kernel-texts", test_kernel_texts);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
