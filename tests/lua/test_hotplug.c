/*
 * test_hotplug.c - CPUs that a scenario takes down and brings up (engine/hotplug.c).
 */
#include "support.h"

#define TASK(body) "task { name = 'a', run = function(t) " body " end }\n"

static void test_moves(void)
{
        assert_prints("machine { cpus = 3 }\n"
                      "local b = task { name = 'b', cpu = 2, run = function(t) t:kmalloc(10) print(t:cpu()) "
                      "t:receive() print(t:cpu()) "
                      "t:kmalloc(10) t:receive() print(t:cpu()) end }\n"
                      "task { name = 'late', cpu = 2, at = '5ms', run = function(t) print('late', t:cpu()) end }\n"
                      TASK("t:sleep('1ms') print(t:online(2), t:cpu_down(2), t:online(2)) print(t:cpu_down(2)) "
                           "t:send(b, 1) "
                           "t:sleep('1ms') print(t:cpu_up(2), t:online(2)) print(t:cpu_up(2)) t:send(b, "
                           "1) t:sleep('5ms')")
                      "expect('down and up', function(r) return r.paths.cpu_down.none == 1 and r.paths.cpu_up.none == "
                      "1 and "
                      "r.paths.cpu_up.failed == 1 end)",
                      "2\ntrue\ttrue\tfalse\nnil\tEINVAL\n0\ntrue\ttrue\nnil\tEINVAL\n0\nlate\t2\n");
}

/* The magazines of a CPU that goes are emptied; spawn on an offline CPU falls back. */
static void test_memory(void)
{
        assert_prints("machine { cpus = 2 } local c = cache { name = 'c', size = 200 }\n"
                      "local b = task { name = 'b', cpu = 1, run = function(t) local o = {} for i = 1, 100 do o[i] = "
                      "t:alloc(c) end "
                      "for i = 1, 100 do t:free(o[i]) end end }\n"
                      TASK("t:wait(b) t:cpu_down(1) t:wait(t:spawn { name = 's', cpu = 1, run = function(s) "
                           "s:kmalloc(5) print(s:cpu()) "
                           "end })")
                      "expect('all back', function(r) return r.caches.c.active_objs == 0 and r.caches.c.slabs == 0 "
                      "end)", "0\n");
}

static void test_errors(void)
{
        static const char in_task[] = "\n  at s.lua:1 in the function at line 1\n  task 'a' on CPU 0 at T us";
        g_autofree char *zero = g_strconcat("s.lua:1: cpu_down: a CPU is a whole number from 1 to 1; CPU 0 "
                                            "stays", in_task, NULL);
        g_autofree char *none = g_strconcat("s.lua:1: cpu_up: a CPU is a whole number from 1 to 1; CPU 0 "
                                            "stays", in_task, NULL);

        assert_fails(TASK("t:cpu_down(0)"), SCENARIO_ERROR_SCRIPT, zero);
        assert_fails(TASK("t:cpu_up(2)"), SCENARIO_ERROR_SCRIPT, none);
}

static void add_tests(void)
{
        g_test_add_func("/lua/hotplug/moves", test_moves);
        g_test_add_func("/lua/hotplug/memory", test_memory);
        g_test_add_func("/lua/hotplug/errors", test_errors);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
