/*
 * test_numa.c - machines with several memory nodes, as a scenario declares and uses them.
 */
#include "support.h"

#define TASK(body) "task { name = 'a', run = function(t) " body " end }"
#define IN_MAIN    "\n  at s.lua:1 in the main part"

static void fails(const char *text, const char *expected)
{
        assert_fails(text, SCENARIO_ERROR_SCRIPT, expected);
}

/* CPU c on node c mod nodes, or where the table says. */
static void test_placement(void)
{
        static const char body[] = TASK("for cpu = 1, 3 do t:spawn { name = 'c' .. cpu, cpu = cpu, run = function(w) "
                                        "w:sleep(1000 * cpu); print(w:cpu(), w:node(), w:node(w:kmalloc(100)), "
                                        "w:node(w:pages(0))) end } end print(t:node())");
        g_autofree char *even = g_strconcat("machine { nodes = 2, cpus = 4, memory = '64MiB' }\n", body, NULL);
        g_autofree char *told = g_strconcat("machine { nodes = { { memory = '32MiB', cpus = { 0, 3 } }, "
                                            "{ memory = '16MiB', cpus = {} }, { memory = '16MiB', "
                                            "cpus = { 2, 1 } } } }\n",
                                            body, NULL);

        assert_prints(even, "0\n1\t1\t1\t1\n2\t0\t0\t0\n3\t1\t1\t1\n");
        assert_prints(told, "0\n1\t2\t2\t2\n2\t2\t2\t2\n3\t0\t0\t0\n");
}

static void test_asked_node(void)
{
        assert_prints("machine { nodes = 3, cpus = 1, memory = '48MiB' }\n local c = cache { name = 'c', size = 100 }\n"
                      TASK("for node = -1, 2 do print(t:node(t:kmalloc(500, 'kernel', node)), "
                           "t:node(t:alloc(c, nil, node)), t:node(t:pages(1, 'kernel', node))) end "
                           "print(t:alloc(c, 'kernel', 1).path)"),
                      "0\t0\t0\n0\t0\t0\n1\t1\t1\n2\t2\t2\npartial_slab\n");
        assert_prints("machine { numa = true, memory = '32MiB' }\n" TASK("print(t:node(t:kmalloc(9, 'kernel', 0)))"),
                      "0\n");
        /* all pages of node 1 alone: thisnode gives up where others would help */
        assert_prints("machine { nodes = 2, memory = '16MiB' } on_failure 'count'\n"
                      TASK("local n, last = 0 repeat last = t:pages(0, 'kernel,thisnode', 1) n = n + (last and "
                           "t:node(last) or 0)"
                           " until not last print(n > 1900, n < 2048, t:node(t:pages(0, 'kernel', 1)))"),
                      "true\ttrue\t0\n");
}

/* An object freed on another node waits in the alien array; the books see it. */
static void test_alien_objs(void)
{
        static const char text[] =
                "machine { nodes = 2, memory = '32MiB' } local c = cache { name = 'c', size = 100 }\n"
                "local to = task { name = 'b', cpu = 1, run = function(t) for _ = 1, 15 do t:free(t:receive()) end end "
                "}\n"
                TASK("for _ = 1, 15 do t:send(to, t:alloc(c)) end") "\n"
                "expect('3 wait', function(r) local c = r.caches.c return c.alien_objs == 3 and c.node_frees == 15 and "
                "c.alien_overflows == 1 and c.shared_objs == 15 end)\n"
                "expect('counted', function(r) local z = r.zones[1] return z.numa_hit > 0 and z.numa_hit == "
                "z.numa_local end)";

        assert_prints(text, "");
}

static void test_loads(void)
{
        assert_prints("machine { nodes = 2, memory = '32MiB' }\n"
                      "load { name = 'l', arrival = '1us', alloc = { pages = 3 }, node = 1, count = 100 }\n"
                      "expect('there', function(r) local free = {} for _, z in ipairs(r.zones) do "
                      "free[z.node] = (free[z.node] or 0) + z.free_pages end return free[1] < 4096 - 800 and "
                      "free[0] > 3500 end)", "");
        fails("machine { nodes = 2, memory = '32MiB' } load { name = 'l', arrival = '1us', "
              "alloc = { pages = 3 }, node = 2 }",
              "s.lua:1: load: node is a whole number from 0 to 1" IN_MAIN);
}

static void test_errors(void)
{
        fails("machine { nodes = 5 }", "s.lua:1: machine: nodes is a number from 1 to 4, or a list of tables" IN_MAIN);
        fails("machine { nodes = '2' }", "s.lua:1: machine: nodes is a number from 1 to 4, or a list of "
                                         "tables" IN_MAIN);
        fails("machine { nodes = {} }", "s.lua:1: machine: nodes is a list of 1 to 4 tables, "
                                        "one for each node" IN_MAIN);
        fails("machine { nodes = 3, memory = '64MiB' }",
              "s.lua:1: machine: memory of 64 MiB is not divided by 3 nodes; say nodes = { { memory = ... }, ... "
              "}" IN_MAIN);
        fails("machine { memory = '64MiB', nodes = { { memory = '64MiB' } } }",
              "s.lua:1: machine: memory is given twice: with each of the nodes, or in all with nodes = N" IN_MAIN);
        fails("machine { numa = false, nodes = 2 }",
              "s.lua:1: machine: nodes are those of a NUMA kernel: leave out numa = false" IN_MAIN);
        fails("machine { nodes = { { cpus = { 0 } } } }", "s.lua:1: machine.nodes needs a field 'memory'" IN_MAIN);
        fails("machine { nodes = { { memory = '64MiB', cpu = 0 } } }",
              "s.lua:1: machine.nodes has no field 'cpu'; it has memory, cpus" IN_MAIN);
        fails("machine { nodes = { { memory = '64MiB', cpus = { 0, 1 } }, { memory = '64MiB', cpus = { 1 } } } }",
              "s.lua:1: machine.nodes: CPU 1 is on two nodes" IN_MAIN);
        fails("machine { nodes = { { memory = '64MiB', cpus = { 0, 2 } }, { memory = '64MiB' } } }",
              "s.lua:1: machine.nodes: CPU 1 is on no node" IN_MAIN);
        fails("machine { cpus = 2, nodes = { { memory = '64MiB', cpus = { 0, 1, 2 } } } }",
              "s.lua:1: machine.nodes: the machine has no CPU 2" IN_MAIN);
        fails("machine { nodes = { { memory = '64MiB', cpus = { 8 } } } }",
              "s.lua:1: machine.nodes: a CPU is a whole number from 0 to 7" IN_MAIN);
        fails("machine { nodes = { { memory = '64MiB', cpus = { 1 } }, { memory = '64MiB', cpus = { 0 } } } }",
              "s.lua:1: machine: CPU 0, which boots, is on node 0" IN_MAIN);
        fails("machine { nodes = { { memory = '64MiB' }, { memory = '2MiB' } } }",
              "s.lua:1: machine: each node of a NUMA machine has at least 4 MiB of memory "
              "(the kernel ignores a smaller one)"
              IN_MAIN);
        fails("machine { arch = 'i386', nodes = 2 }", "s.lua:1: machine: a NUMA machine is an x86_64 one" IN_MAIN);
        /* what failed leaves nothing behind */
        assert_prints("assert(not pcall(machine, { nodes = 3, cpus = 7, hz = 1 })) machine { memory = '16MiB' }\n"
                      TASK("print(t:node())"), "0\n");
        fails("machine { nodes = 2 }\n" TASK("t:kmalloc(1, 'kernel', 2)"),
              "s.lua:2: kmalloc: a node is a whole number from 0 to 1, or -1 for that of the CPU\n"
              "  at s.lua:2 in the function at line 2\n  task 'a' on CPU 0 at T us");
        fails(TASK("t:pages(1, 'kernel', 1)"),
              "s.lua:1: pages: the only node of this machine is 0 (machine { nodes = N } makes more)\n"
              "  at s.lua:1 in the function at line 1\n  task 'a' on CPU 0 at T us");
}

static void add_tests(void)
{
        g_test_add_func("/lua/numa/cpus-and-nodes", test_placement);
        g_test_add_func("/lua/numa/a-node-asked-for", test_asked_node);
        g_test_add_func("/lua/numa/alien-objects", test_alien_objs);
        g_test_add_func("/lua/numa/loads", test_loads);
        g_test_add_func("/lua/numa/errors", test_errors);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
