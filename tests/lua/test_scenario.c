/*
 * test_scenario.c - every function a scenario is written with: what it does, and the words of its errors.
 */
#include <glib.h>
#include <string.h>

#include "support.h"

/* A scenario of one task on CPU 0. */
#define TASK(body) "task { name = 'a', run = function(t)\n" body "\nend }"

/* What a failing task adds to its error: the frame and who it was. */
#define IN_TASK(line) "\n  at s.lua:" line " in the function at line 1\n  task 'a' on CPU 0 at T us"

static void fails(const char *text, const char *expected)
{
        assert_fails(text, SCENARIO_ERROR_SCRIPT, expected);
}

/* -- objects ------------------------------------------------------------------------------------------------------ */

static void test_kmalloc(void)
{
        assert_prints(TASK("local o = t:kmalloc(100) print(o.size, o.cache, o.order, o.freed, o.path, o.op)\n"
                           "assert(o.address == o.pfn * 4096 + o.offset and o.dur_ns > 0)\n"
                           "t:kfree(o) print(o.freed) t:kfree(nil)\n"
                           "print(t:kmalloc('4KiB', 'atomic').size, t:kmalloc(0, gfp.kernel | gfp.dma).cache)\n"
                           "print(t:kmalloc('1MiB'))\n"
                           "print(t:kmalloc(64))"),
                      "100\tsize-128\t0\tfalse\tmagazine\t1\ntrue\n4096\tsize-32(DMA)\n"
                      "nil\tlarger than the largest size class\nsize-64 object, "
                      "op 6\n");
}

static void test_caches(void)
{
        assert_prints("local c = cache { name = 'thing', size = 100, align = 64, flags = { 'hwcache_align', "
                      "'reclaim_account' } }\n" TASK(
                              "print(c) local o = t:alloc(c) print(o.cache, o.size) t:free(o) t:free(t:alloc(c), c)\n"
                              "local p = t:alloc('size-64', 'atomic') print(p.cache) t:free(p, 'size-64')\n"
                              "print(t:shrink(c), t:destroy(c))\n"
                              "local d = t:create { name = 'late', size = '1KiB', flags = 'none' } print(d)\n"
                              "local o = t:alloc(d) print(t:destroy(d)) t:free(o, d) print(t:destroy(d))\n"
                              "t:reap() t:drain()"),
                      "cache \"thing\"\nthing\t100\nsize-64\ntrue\ttrue\ncache \"late\"\n"
                      "slab error in kmem_cache_destroy(): cache `late': Can't free all objects\n\nCall Trace:\n"
                      "false\tbusy\ntrue\n");
}

static void test_pages(void)
{
        assert_prints(
                TASK("local b = t:pages(3) print(b, b.order, b.size, b.cache, b.pfn % 8, b.offset) t:free_pages(b)\n"
                     "print(t:pages(0, 'highuser').order, t:pages(11)) t:free_pages(nil)"),
                "block of order 3, op 1\t3\t32768\tnil\t0\t0\n0\tnil\tlarger than the largest block\n");
}

static void test_argument_errors(void)
{
        fails(TASK("t:kmalloc(-1)"), "s.lua:2: kmalloc: a size is a whole number, 0 or more" IN_TASK("2"));
        fails(TASK("t:kmalloc()"), "s.lua:2: kmalloc needs a size, not a missing argument" IN_TASK("2"));
        fails(TASK("t:kmalloc('4KX')"),
              "s.lua:2: kmalloc: \"4KX\" is no size: write bytes, or a number with K, M, G, KiB, MiB or GiB" IN_TASK(
                      "2"));
        fails(TASK("t:kmalloc(1.5)"), "s.lua:2: kmalloc: a size is a whole number, 0 or more" IN_TASK("2"));
        fails(TASK("t:kmalloc(1, 'atomik')"), "s.lua:2: kmalloc: 'atomik' is no gfp flag; there are kernel, user, "
              "highuser, atomic, nowait, noio, nofs, dma, dma32, highmem, wait, high, cold, nowarn, repeat, "
              "noretry, nofail, "
              "nogrow, comp, zero, nomemalloc, hardwall, thisnode" IN_TASK("2"));
        fails(TASK("t:kmalloc(1, {})"),
              "s.lua:2: kmalloc: a gfp mask is a text such as \"atomic\" or \"kernel,dma\", not a table" IN_TASK("2"));
        fails(TASK("t:kmalloc(1, gfp.atomik)"), "s.lua:2: gfp has no flag 'atomik'" IN_TASK("2"));
        fails(TASK("t:alloc('none')"), "s.lua:2: alloc: there is no cache 'none'" IN_TASK("2"));
        fails(TASK("t:alloc()"), "s.lua:2: alloc needs a cache: what cache{} returned, or a name such as \"size-64\""
              IN_TASK("2"));
        fails(TASK("t:kfree(5)"), "s.lua:2: bad argument #1 to 'kfree' (object expected, got number)" IN_TASK("2"));
        fails(TASK("t:kfree(t)"), "s.lua:2: bad argument #1 to 'kfree' (object expected, got task)" IN_TASK("2"));
        fails(TASK("t.kmalloc(5)"), "s.lua:2: a method is called with a colon: t:kmalloc(...), not t.kmalloc(...)"
              IN_TASK("2"));
        fails(TASK("t:kmaloc(5)"), "s.lua:2: a task has no method 'kmaloc'" IN_TASK("2"));
        fails(TASK("t:sleep('5')"),
              "s.lua:2: sleep: \"5\" is no time: write a number with ns, us, ms or s" IN_TASK("2"));
        fails(TASK("print(t:kmalloc(5).colour)"), "s.lua:2: an object has no field 'colour'" IN_TASK("2"));
        fails(TASK("t:kmalloc(5).size = 3"), "s.lua:2: the fields of an object are for reading" IN_TASK("2"));
        fails(TASK("cache { name = 'x', size = 5 }"),
              "s.lua:2: cache belongs to the main part of the scenario, not into a task" IN_TASK("2"));
        fails(TASK("require 'x'"), "s.lua:2: require belongs to the main part of the scenario" IN_TASK("2"));
        fails(TASK("table.sort({ 2, 1 }, function(a, b) t:kmalloc(5) end)"),
              "s.lua:2: the simulation cannot go on inside of a function called by sort, gsub or a metamethod\n"
              "  at s.lua:2 in the function at line 2\n  at s.lua:2 in the function at line 1\n  task 'a' on CPU 0 at "
              "T us");
}

static void test_own_task_only(void)
{
        fails("local other\n" TASK("other = t t:sleep('10us')") "\ntask { name = 'b', at = '1us', run = function(t) "
                                                                "other:now() end }",
              "s.lua:5: the methods of 'a' cannot be called inside of 'b'\n  at s.lua:5 in the function at line 5\n  "
              "task 'b' on CPU 0 at T us");
}

/* -- misuse that the simulated kernel does not survive ------------------------------------------------------------ */

static void bug(const char *text, const char *expected)
{
        assert_fails(text, SCENARIO_ERROR_SIMULATED, expected);
}

static void test_double_free(void)
{
        bug(TASK("local o = t:kmalloc(100)\nt:kfree(o)\nt:work('1us')\nt:kfree(o)"),
            "s.lua:5: kernel BUG: double free of a size-128 object (op 1, page P, offset O)\n  allocated at s.lua:2 by "
            "'a' at T us\n"
            "  first freed at s.lua:3 by 'a' at T us" IN_TASK("5"));
        bug("local b = task { name = 'b', cpu = 1, daemon = true, run = function(t) t:kfree(t:receive()) t:receive() "
            "end }\n"
            "task { name = 'a', run = function(t)\nlocal o = t:kmalloc(100)\nt:send(b, o)\nt:sleep('1us')\n"
            "pcall(t.kfree, t, o) end }",
            "s.lua:6: kernel BUG: double free of a size-128 object (op 1, page P, offset O)\n  allocated at s.lua:3 by "
            "'a' at T us\n"
            "  first freed at s.lua:1 by 'b' at T us\n  at s.lua:6 in the function at line 2\n"
            "  task 'a' on CPU 0 at T us");
        bug(TASK("local b = t:pages(1)\nt:free_pages(b) t:free_pages(b)"),
            "s.lua:3: kernel BUG: double free of a block of order 1 (op 1, page P)\n"
            "  allocated at s.lua:2 by 'a' at T us\n"
            "  first freed at s.lua:3 by 'a' at T us" IN_TASK("3"));
}

static void test_wrong_free(void)
{
        bug("local c = cache { name = 'thing', size = 100 }\n" TASK("t:free(t:kmalloc(100), c)"),
            "s.lua:3: kernel BUG: kmem_cache_free to another cache of a size-128 object (op 2, page P, offset O)\n"
            "  allocated at s.lua:3 by 'a' at T us\n  at s.lua:3 in the function at line 2\n"
            "  task 'a' on CPU 0 at T us");
        bug(TASK("t:kfree(t:pages(0))"), "s.lua:2: kernel BUG: kfree of a block of order 0 (op 1, page P)\n"
                                         "  allocated at s.lua:2 by 'a' at T us" IN_TASK("2"));
        bug(TASK("t:free_pages(t:kmalloc(5))"),
            "s.lua:2: kernel BUG: __free_pages of a size-32 object (op 1, page P, offset O)\n"
            "  allocated at s.lua:2 by 'a' at T us" IN_TASK("2"));
        bug(TASK("t:kmalloc(100, 'zero')"),
            "s.lua:2: kernel BUG at mm/slab.c:2730! a slab cannot be asked for with these gfp bits "
            "(zero, highmem and dma32 are for pages)" IN_TASK("2"));
}

static void test_failure_policies(void)
{
        static const char machine[] = "machine { memory = '16MiB', cpus = 1 }\n";
        g_autofree char *handled = g_strconcat(machine,
                                               TASK("local b, why repeat b, why = t:pages(5, 'atomic')\n"
                                                    "until not b print(why) print(t:pages(20, 'nowarn'))"),
                                               NULL);
        g_autofree char *fatal = g_strconcat(machine, "on_failure 'fatal'\n",
                                             TASK("for i = 1, 1000 do\nt:pages(5, 'atomic')\nend"), NULL);
        g_autofree char *own =
                g_strconcat(machine,
                            "on_failure 'fatal'\ntask { name = 'a', on_failure = 'count', run = function(t)\n"
                            "for i = 1, 1000 do t:pages(5, 'atomic') end end }\n"
                            "expect('counted', function(r) return r.failures > 500 end)",
                            NULL);
        g_autoptr(outcome_auto) outcome = NULL;

        assert_prints(handled, "page allocation failure\nnil\tlarger than the largest block\n");
        outcome = support_run(fatal, NULL, 1);
        g_assert_cmpint(outcome->code, ==, SCENARIO_ERROR_SIMULATED);
        g_assert_true(g_str_has_prefix(outcome->error, "s.lua:5: a: page allocation failure. order:5, mode:0x20\n"
                                                       "  at s.lua:5 in the function at line 3\n"
                                                       "a: page allocation failure. order:5, mode:0x20\n"));
        g_assert_nonnull(strstr(outcome->error, "\nMem-info:\n"));
        assert_prints(own, "");
        fails("on_failure 'never'", "s.lua:1: on_failure: on_failure is \"nil\", \"count\" or \"fatal\"\n"
                                    "  at s.lua:1 in the main part");
}

/* -- time, one another -------------------------------------------------------------------------------------------- */

static void test_time(void)
{
        assert_prints("task { name = 'a', at = '5us', run = function(t) print(t:now()) t:sleep('10us') print(t:now()) "
                      "t:sleep(0)\n"
                      "t:work('2us') print(t:now()) t:sleep(500) print(t:now(), t:name(), t:cpu()) end }",
                      "5000\n15000\n17000\n17500\ta\t0\n");
}

static void test_mailboxes(void)
{
        assert_prints("local q = mailbox 'queue'\n"
                      "task { name = 'a', run = function(t)\n"
                      "t:send('b', 1) t:send('b', { 2 }) t:sleep('1us') t:send('b', 'three') t:send(q, 4) end }\n"
                      "task { name = 'b', cpu = 1, run = function(t)\n"
                      "print(t:receive(), t:receive()[1], t:now()) print(t:receive(), t:now()) print(t:receive(q))\n"
                      "print(t:receive('5us'), t:now()) print(t:receive(q, '5us')) print(q) end }",
                      "1\t2\t0\nthree\t1000\n4\nnil\t6000\nnil\ttimeout\nmailbox \"queue\"\n");
        /* who waits first is served first; a timeout that lost its race does nothing later */
        assert_prints("local q = mailbox 'queue'\n"
                      "for i = 1, 3 do task { name = 'w' .. i, cpu = 1, run = function(t)\n"
                      "print(t:name(), t:receive(q, '10us')) t:sleep('20us') print(t:name(), t:now()) end } end\n"
                      "task { name = 'a', run = function(t) t:sleep('1us') t:send(q, 'x') t:send(q, 'y') end }",
                      "w1\tx\nw2\ty\nw3\tnil\ttimeout\nw1\t21000\nw2\t21000\nw3\t30000\n");
        fails(TASK("t:send('b', 1)"), "s.lua:2: send: there is no task 'b'" IN_TASK("2"));
        fails(TASK("t:send(t)"), "s.lua:2: send: nil cannot be sent" IN_TASK("2"));
        fails(TASK("t:send(5, 1)"), "s.lua:2: send needs a task, its name, or a mailbox" IN_TASK("2"));
}

static void test_waiting(void)
{
        assert_prints(
                "local go = event 'go'\n"
                "local a = task { name = 'a', run = function(t) t:sleep('3us') t:signal(go) t:sleep('4us') end }\n"
                "task { name = 'b', cpu = 1, run = function(t)\n"
                "print(t:wait(go, '1us')) print(t:wait(go), t:now()) print(t:wait(a), t:now()) print(t:wait(a), "
                "t:wait(go)) end }",
                "nil\ttimeout\ntrue\t3000\ntrue\t7000\ntrue\ttrue\n");
        fails(TASK("t:wait(t)"), "s.lua:2: wait: 'a' would wait for itself" IN_TASK("2"));
        fails(TASK("t:wait(5)"), "s.lua:2: wait needs an event, a task or a process" IN_TASK("2"));
        fails(TASK("t:signal(5)"), "s.lua:2: signal needs an event" IN_TASK("2"));
}

static void test_spawn(void)
{
        assert_prints(TASK("local list = {}\n"
                           "for i = 1, 3 do list[i] = t:spawn { name = 'child' .. i, cpu = i % 2, run = function(c)\n"
                           "c:work(i * 1000) print(c:name(), c:now()) end } end\n"
                           "for i = 1, 3 do t:wait(list[i]) end print(t:now())"),
                      "child1\t1000\nchild2\t2000\nchild3\t4000\n4000\n");
        fails(TASK("t:spawn { name = 'a', run = print }"),
              "s.lua:2: spawn: there is a task or interrupt 'a' already" IN_TASK("2"));
        fails(TASK("t:spawn { name = 'b', cpu = 2, run = print }"),
              "s.lua:2: spawn: the machine has no CPU 2" IN_TASK("2"));
        fails("machine { threads = 3 }\n" TASK("for i = 1, 100 do t:spawn { name = 'b' .. i, run = print } end"),
              "s.lua:3: no room for one more task: machine { threads = N } allows N that are not declared\n"
              "  at s.lua:3 in the function at line 2\n  task 'a' on CPU 0 at T us");
}

static void test_random(void)
{
        assert_prints(
                TASK("local n = 0 for i = 1, 1000 do local x = t:random(6) assert(x >= 1 and x <= 6) n = n + x end\n"
                     "assert(n > 3300 and n < 3700) assert(t:random(5, 5) == 5)\n"
                     "local l = t:shuffle { 1, 2, 3, 4, 5 } table.sort(l) print(table.concat(l))\n"
                     "assert(({ a = 1, b = 1 })[t:pick { 'a', 'b' }]) print(t:chance(0, 3), t:chance(3, 3))"),
                "12345\nfalse\ttrue\n");
        fails(TASK("t:random(0)"), "s.lua:2: bad argument #1 to 'random' (interval is empty)" IN_TASK("2"));
        fails(TASK("t:chance(4, 3)"),
              "s.lua:2: bad argument #1 to 'chance' (a chance is PART of WHOLE: 0 <= PART <= WHOLE)" IN_TASK("2"));
        fails(TASK("t:pick {}"), "s.lua:2: bad argument #1 to 'pick' (the list is empty)" IN_TASK("2"));
}

static void test_interrupts(void)
{
        assert_prints("interrupt { name = 'once', cpu = 1, at = '3us', run = function(i) print('once', i:now()) end }\n"
                      "interrupt { name = 'often', cpu = 0, every = '10us', count = 3, run = function(i)\n"
                      "local o = i:kmalloc(100) i:send('a', o) print('often', i:now()) end }\n"
                      "task { name = 'a', cpu = 1, run = function(t) for i = 1, 3 do t:kfree(t:receive()) end "
                      "print('a', t:now()) end }",
                      "once\t3000\noften\t10019\noften\t20019\noften\t30019\na\t30038\n");
        /* it comes in the middle of a task's work */
        assert_prints("interrupt { name = 'x', at = '5us', run = function(i) i:work('1us') print(i:now()) end }\n"
                      TASK("t:work('10us') print(t:now())"), "6000\n11000\n");
        /* a handler that takes longer than its period loses some */
        assert_prints("interrupt { name = 'slow', every = '1us', count = 10, run = function(i) i:work('2500ns') end }\n"
                      "expect('lost', function(r) print(r.interrupts, r.interrupts_lost) return r.interrupts + "
                      "r.interrupts_lost == 10 end)",
                      "4\t6\n");
        fails("interrupt { name = 'x', every = '1us', count = 1, run = function(i) i:kmalloc(1, 'kernel') end }",
              "s.lua:1: kmalloc: the interrupt 'x' must not wait, and a gfp mask with __GFP_WAIT may: use \"atomic\"\n"
              "  at s.lua:1 in the function at line 1\n  interrupt 'x' on CPU 0 at T us");
        fails("interrupt { name = 'x', at = '1us', run = function(i) i:sleep(1) end }",
              "s.lua:1: sleep: the interrupt 'x' must not wait\n"
              "  at s.lua:1 in the function at line 1\n  interrupt 'x' on CPU 0 at T us");
        fails("interrupt { name = 'x', run = print }", "s.lua:1: interrupt needs every = \"...\" or at = \"...\"\n"
                                                       "  at s.lua:1 in the main part");
        fails("interrupt { name = 'x', every = '1us', run = print }",
              "s.lua: daemons, endless interrupts and endless loads alone do not say when the run is over: add "
              "stop_at(\"1s\"), or a count or duration to a load");
}

static void test_ends(void)
{
        static const char deadlock[] = "deadlock: nothing is left that could happen, and\n";
        g_autofree char *expected =
                g_strconcat(deadlock,
                            "  'a' waits for a message to 'a' at s.lua:2\n"
                            "  'b' waits for the end of 'a' at s.lua:5\n"
                            "A task that serves others for as long as there is work is declared with daemon = true.",
                            NULL);

        fails("local a = task { name = 'a', run = function(t)\nt:receive()\nend }\n"
              "task { name = 'b', run = function(t)\nt:wait(a)\nend }", expected);
        assert_prints("task { name = 'd', daemon = true, run = function(t) while true do t:receive() t:work('1us') "
                      "print(t:now()) end end }\n" TASK("t:send('d', 1) t:send('d', 2)"),
                      "1000\n2000\n");
        assert_prints("stop_at '1ms'\n"
                      "interrupt { name = 'x', every = '400us', run = function(i) print(i:now()) end }",
                      "400000\n800000\n");
        assert_prints("stop_at '1ms'\n" TASK("while true do t:sleep('600us') print(t:now()) end"), "600000\n");
        fails("local x = 1", "s.lua: there is no task, so nothing would happen");
        fails(TASK("while true do t:send(t, 1) t:receive() end"),
              "s.lua:2: more than 20000000 instructions without a request to the simulation: an endless loop? (--limit "
              "N allows more)" IN_TASK("2"));
        fails(TASK("while true do t:sleep(0) end"),
              "s.lua:2: more than 20000000 instructions without a request to the simulation: an endless loop? (--limit "
              "N allows more)" IN_TASK("2"));
}

/* -- declarations ------------------------------------------------------------------------------------------------- */

#define IN_MAIN "\n  at s.lua:1 in the main part"

static void test_declaration_errors(void)
{
        fails("machine { cpu = 2 }",
              "s.lua:1: machine has no field 'cpu'; it has arch, cpus, memory, numa, nodes, reserved, reserved_pages, "
              "cache_line, hz, cpu_mhz, costs, audit, threads, debug_slab, rcu_grace, swap, vm" IN_MAIN);
        fails("machine { cpus = 9 }", "s.lua:1: machine: cpus is a whole number from 1 to 8" IN_MAIN);
        fails("machine { memory = '100KiB' }", "s.lua:1: machine: memory comes in whole MiB" IN_MAIN);
        fails("machine { memory = '1MiB' }", "s.lua:1: machine: a machine has 8 MiB to 64 GiB of memory" IN_MAIN);
        fails("machine { hz = 99 }", "s.lua:1: machine: HZ is 100, 250, 300 or 1000" IN_MAIN);
        fails("machine { arch = 'arm' }", "s.lua:1: machine: arch is \"x86_64\" or \"i386\"" IN_MAIN);
        fails("machine { audit = 'yes' }", "s.lua:1: machine: audit is \"none\", \"op\" or \"step\"" IN_MAIN);
        fails("machine {} machine {}", "s.lua:1: machine is declared twice" IN_MAIN);
        fails("machine(5)", "s.lua:1: machine needs a table: machine { ... }" IN_MAIN);
        fails("machine { 5 }",
              "s.lua:1: machine has fields with names only: arch, cpus, memory, numa, nodes, reserved, "
              "reserved_pages, cache_line, "
              "hz, cpu_mhz, costs, audit, threads, debug_slab, rcu_grace, swap, vm" IN_MAIN);
        fails("machine { costs = { mag_pop = -1 } }",
              "s.lua:1: costs: mag_pop is a whole number from 0 to 1000000000" IN_MAIN);
        fails("cache { size = 5 }", "s.lua:1: cache needs a field 'name'" IN_MAIN);
        fails("cache { name = 'x' }", "s.lua:1: cache needs a field 'size'" IN_MAIN);
        fails("cache { name = 'x', size = '1MiB' }", "s.lua:1: cache: size: at most 131072 bytes" IN_MAIN);
        fails("cache { name = 'x y', size = 5 }",
              "s.lua:1: cache: a name has no blanks and no control characters" IN_MAIN);
        fails("cache { name = 'x', size = 5, align = 3 }", "s.lua:1: cache: align is a power of two" IN_MAIN);
        fails("cache { name = 'x', size = 5, flags = { 'y' } }", "s.lua:1: cache: 'y' is no flag of a cache; "
                                                                 "there are none, "
              "hwcache_align, cache_dma, must_hwcache_align, reclaim_account, panic, destroy_by_rcu, mem_spread, "
              "debug_initial, red_zone, poison, store_user" IN_MAIN);
        fails("cache { name = 'x', size = 50 } cache { name = 'x', size = 50 }",
              "s.lua:1: cache 'x' is declared twice" IN_MAIN);
        fails("task { name = 'a' }", "s.lua:1: task needs a function 'run'" IN_MAIN);
        fails("task { name = 'a', run = print, cpu = '0' }",
              "s.lua:1: task: cpu is a whole number from 0 to 7" IN_MAIN);
        fails("task { name = 'a', run = print, cpu = 5 }", "s.lua:1: 'a' is on CPU 5, and the machine has 2, counted "
                                                           "from 0");
        fails("task { name = 'a', run = print } task { name = 'a', run = print }",
              "s.lua:1: task: there is a task or interrupt 'a' already" IN_MAIN);
        fails("task { name = 'a', run = print, at = 'soon' }",
              "s.lua:1: task: at: \"soon\" is no time: write a number with ns, us, ms or s" IN_MAIN);
        fails("expect('x')",
              "s.lua:1: expect needs a text and a function: expect(\"...\", function(r) ... end)" IN_MAIN);
        fails("task { name = 'a', run = function(t) end }\nsummary('x', function(r) return {} end)",
              "summary \"x\" gives a table, not a text or a number");
        fails("foo {}", "s.lua:1: 'foo' is not defined" IN_MAIN);
}

static void test_params(void)
{
        static const char text[] =
                "local n = param('rounds', 10, 'how many', 'rounds')\nlocal f = param('share', 0.5, 'how much')\n"
                "local b = param('fast', true, 'whether')\nlocal s = param('word', 'x', 'which')\n"
                "local p = param('period', '10us', 'how long', 'time')\nlocal m = param('room', '4K', 'how much', "
                "'size')\n"
                "print(math.type(n), n, math.type(f), f, b, s, p, m)\n" TASK("");
        static const struct { const char *setting, *error;
        } bad[] = {
                { "rounds=x", "--set rounds=x: rounds is a whole number (how many)" },
                { "rounds=1.5", "--set rounds=1.5: rounds is a whole number (how many)" },
                { "share=", "--set share=: share is a number (how much)" },
                { "fast=1", "--set fast=1: fast is true or false (whether)" },
                { "period=10", "--set period=10: period is a time, such as 500ns, 20us, 1.5ms or 2s (how long)" },
                { "room=big", "--set room=big: room is a size, such as 100, 4KiB or 1.5GiB (how much)" },
                { "speed=1",
                  "--set speed=1: s.lua has no parameter 'speed'; it has rounds, share, fast, word, period, room" },
                { "rounds", "--set rounds: needs KEY=VALUE" },
        };
        g_autoptr(outcome_auto) plain = support_run(text, NULL, 1);
        g_autoptr(outcome_auto) set =
                support_run(text,
                            (const char *const[]){ "rounds=7", "share=2", "fast=false", "word=a=b", "period=1s",
                                                   "room=8K", "rounds=8", NULL },
                            1);

        g_assert_cmpstr(plain->printed->str, ==, "integer\t10\tfloat\t0.5\ttrue\tx\t10us\t4K\n");
        g_assert_cmpstr(set->printed->str, ==, "integer\t8\tinteger\t2\tfalse\ta=b\t1s\t8K\n");
        for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autoptr(outcome_auto) outcome = support_run(text, (const char *const[]){ bad[i].setting, NULL }, 1);

                g_assert_cmpstr(outcome->error, ==, bad[i].error);
                g_assert_cmpint(outcome->code, ==, SCENARIO_ERROR_USAGE);
        }
        fails("param('x')", "s.lua:1: param needs a name, a default and a description: "
                            "param(\"rounds\", 1000, \"how many rounds\" [, \"rounds\"])" IN_MAIN);
        fails("param('x', '10', 'y', 'time')", "s.lua:1: param 'x': the default \"10\" is not a time, such as "
                                                  "500ns, 20us, 1.5ms or 2s" IN_MAIN);
        fails("param('x', 1, 'y') param('x', 1, 'y')", "s.lua:1: param 'x' is declared twice" IN_MAIN);
        assert_prints("print(seed())\n" TASK(""), "1\n");
}

/* What a parameter may be: bounds in its own unit, or words. */
static void test_param_values(void)
{
        static const char text[] =
                "local n = param('n', 10, 'how many', 'objects', '1..20')\nlocal f = param('f', 0.5, 'share', "
                "nil, '0..1')\n"
                "local w = param('w', 'first', 'which', nil, 'first|last|any')\n"
                "local m = param('m', 100, 'room', 'size', '8..1KiB')\n"
                "local p = param('p', '1ms', 'pause', 'time', '1us..')\nlocal d = param('d', 5, 'delay', 'time')\n"
                "local l = param('l', -3, 'least', nil, '..0')\n"
                "print(n, f, w, m, p, d, l)\n" TASK("");
        static const struct { const char *setting, *error;
        } bad[] = {
                { "n=0", "n=0: n is a whole number from 1 to 20 (how many)" },
                { "n=21", "n=21: n is a whole number from 1 to 20 (how many)" },
                { "n=x", "n=x: n is a whole number from 1 to 20 (how many)" },
                { "f=1.01", "f=1.01: f is a number from 0 to 1 (share)" },
                { "w=next", "w=next: w is first, last or any (which)" },
                { "w=", "w=: w is first, last or any (which)" },
                { "m=7", "m=7: m is a size from 8 to 1KiB (room)" },
                { "m=2KiB", "m=2KiB: m is a size from 8 to 1KiB (room)" },
                { "p=999ns", "p=999ns: p is a time, 1us or more (pause)" },
                { "l=1", "l=1: l is a whole number, at most 0 (least)" },
        };
        g_autoptr(outcome_auto) plain = support_run(text, NULL, 1);
        g_autoptr(outcome_auto) least = support_run(
                text, (const char *const[]){ "n=1", "f=0", "w=any", "m=8B", "p=1us", "d=2us", "l=-9", NULL }, 1);
        g_autoptr(outcome_auto) most =
                support_run(text, (const char *const[]){ "n=20", "f=1", "w=last", "m=1KiB", "p=9s", "l=0", NULL }, 1);

        g_assert_cmpstr(plain->printed->str, ==, "10\t0.5\tfirst\t100\t1ms\t5\t-3\n");
        g_assert_cmpstr(least->printed->str, ==, "1\t0\tany\t8\t1us\t2000\t-9\n");
        g_assert_cmpstr(most->printed->str, ==, "20\t1\tlast\t1024\t9s\t5\t0\n");
        for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autoptr(outcome_auto) outcome = support_run(text, (const char *const[]){ bad[i].setting, NULL }, 1);
                g_autofree char *error = g_strconcat("--set ", bad[i].error, NULL);

                g_assert_cmpstr(outcome->error, ==, error);
                g_assert_cmpint(outcome->code, ==, SCENARIO_ERROR_USAGE);
        }
        fails("param('x', 1, 'y', nil, '2..3')", "s.lua:1: param 'x': the default \"1\" is not a whole number from 2 "
                                                 "to 3" IN_MAIN);
        fails("param('x', 'a', 'y', nil, 'b|c')", "s.lua:1: param 'x': the default \"a\" is not b or c" IN_MAIN);
        fails("param('x', 1, 'y', nil, '3..2')", "s.lua:1: param 'x': the values \"3..2\" are not FIRST..LAST" IN_MAIN);
        fails("param('x', 1, 'y', nil, '..')", "s.lua:1: param 'x': the values \"..\" are not FIRST..LAST" IN_MAIN);
        fails("param('x', '1us', 'y', 'time', '1..2')",
              "s.lua:1: param 'x': the values \"1..2\" are not FIRST..LAST" IN_MAIN);
        fails("param('x', true, 'y', nil, '0..1')", "s.lua:1: param 'x': the values \"0..1\" are not "
                                                    "FIRST..LAST" IN_MAIN);
}

static void test_expectations(void)
{
        g_autoptr(outcome_auto) good =
                support_run("local c = cache { name = 'thing', size = 100 }\n" TASK(
                                    "local keep for i = 1, 100 do keep = t:alloc(c) t:kfree(t:kmalloc(30)) end "
                                    "t:pages(2)") "\nexpect('counts', function(r) return r.allocs == 200 and r.frees "
                                                  "== 100 and r.pages == 1 and r.failures == 0 end)\n"
                                                  "expect('paths', function(r) return r.paths.alloc.new_slab == "
                                                  "r.slabs_made and r.paths.free.magazine == 100 end)\n"
                                                  "expect('cache', function(r) local c = r.caches.thing return "
                                                  "c.live_objs == 100 and c.requested_bytes == 10000 end)\n"
                                                  "expect('latency', function(r) local l = r.latency.alloc return "
                                                  "l.count == 200 and l.p50 <= l.p99 and l.p99 <= l.max end)\n"
                                                  "expect('zones', function(r) local z = r.zones[2] return z.name == "
                                                  "'DMA32' and z.unusable[0] == 0 and\n"
                                                  "z.free_blocks[10] > 0 and z.fragmentation[0] == -1000 end)\n"
                                                  "summary('hits', function(r) return string.format('%.2f', "
                                                  "r.hit_rate) end) summary('ops', function(r) return r.ops end)",
                            NULL, 1);

        g_assert_cmpstr(good->error, ==, "");
        g_assert_cmpstr(good->summary->str, ==, "hits: 0.98\nops: 302\n");
        assert_fails(
                TASK("") "\nexpect('one', function(r) return false end) expect('two', function(r) return true end)\n"
                         "expect('three', function(r) end)",
                SCENARIO_ERROR_EXPECTATION, "expectation broken: one\nexpectation broken: three");
        fails(TASK("") "\nexpect('one', function(r)\nreturn r.caches.none.size > 1 end)",
              "s.lua:5: there is no cache 'none'\n  at s.lua:5 in the function at line 4");
}

/* -- one run like the other --------------------------------------------------------------------------------------- */

static const char busy[] =
        "local junk = ...\n"
        "machine { cpus = 4 }\n"
        "local c = cache { name = 'thing', size = 300 }\n"
        "local q = mailbox 'q'\n"
        "for cpu = 0, 3 do task { name = 'w' .. cpu, cpu = cpu, run = function(t)\n"
        "        local live, bag = {}, {}\n"
        "        for i = 1, 300 do\n"
        "                live['k' .. t:random(1000)] = t:kmalloc(t:random(2000))\n"
        "                if GARBAGE then for k = 1, 50 do bag[k] = { tostring(k), {} } end bag = {} end\n"
        "                if t:chance(1, 3) then t:send(q, t:alloc(c)) end\n"
        "                local o = t:chance(1, 3) and t:receive(q, '1us')\n"
        "                if o then t:free(o, c) end\n"
        "                t:sleep(math.random(500))\n"
        "        end\n"
        "        for k, o in pairs(live) do t:kfree(o) end\n"
        "end } end\n"
        "interrupt { name = 'x', cpu = 2, every = '20us', jitter = '7us', run = function(i) "
        "i:kfree(i:kmalloc(i:random(100))) end }\n";

static void test_same_run_again(void)
{
        g_autofree char *plain = g_strconcat("GARBAGE = false\n", busy, NULL);
        g_autofree char *garbage = g_strconcat("GARBAGE = true\n", busy, NULL);
        g_autoptr(outcome_auto) first = support_run(plain, NULL, 1);
        g_autoptr(outcome_auto) again = support_run(plain, NULL, 1);
        g_autoptr(outcome_auto) other_seed = support_run(plain, NULL, 2);
        g_autoptr(outcome_auto) other_garbage = support_run(garbage, NULL, 1);

        g_assert_cmpstr(first->error, ==, "");
        g_assert_cmpuint(first->figures->ops, >, 2000);
        g_assert_cmpstr(first->digest, ==, again->digest);
        g_assert_cmpstr(first->digest, !=, other_seed->digest);
        g_assert_cmpstr(first->digest, ==, other_garbage->digest); /* when Lua collects does not matter */
}

/* What one task draws does not depend on the others. */
static void test_streams_are_apart(void)
{
        assert_prints("local seen = {}\n"
                      "task { name = 'a', run = function(t) for i = 1, 5 do seen[i] = t:random(1000000) end end }\n"
                      "task { name = 'b', run = function(t) end }\n"
                      "expect('x', function() print(table.concat(seen, ' ')) return true end)",
                      "143062 198502 936059 225044 643440\n");
        assert_prints("local seen = {}\n"
                      "task { name = 'b', run = function(t) for i = 1, 50 do t:random(7) end end }\n"
                      "task { name = 'a', run = function(t) for i = 1, 5 do t:sleep(10) seen[i] = t:random(1000000) "
                      "end end }\n"
                      "expect('x', function() print(table.concat(seen, ' ')) return true end)",
                      "143062 198502 936059 225044 643440\n");
}

/* -- traces ------------------------------------------------------------------------------------------------------- */

static const char ops[] =
        "kmemops 1\n"
        "# a comment\n"
        "machine arch=x86_64 numa=0 cpus=4 nodes=1 mem_mib=64 reserved_pages=256 l1=64 hz=250\n"
        "create thing size=100 align=0 flags=none\n"
        "a 0 1 thing t=1000 task=a-1 site=f+0x1\n"
        "m 1 2 500 gfp=atomic t=1500\n"
        "f 3 1 t=1600\n"
        "p 2 3 2 t=2000\n"
        "f 0 2 t=2500\n"
        "m 0 4 10 t=9000\n"
        "f 1 4 t=9001\n"
        "snap\n"
        "f 0 3 t=9500\n"
        "trace requested_bytes=610 allocated_bytes=740\n";

static void test_trace(void)
{
        g_free(support_write("t.ops", ops));
        assert_prints("machine { cpus = 2 }\ntrace { file = 't.ops' }\n"
                      "expect('x', function(r) local x = r.trace print(x.lines, x.allocations, x.failures, "
                      "x.requested_bytes,\n"
                      "x.allocated_bytes, x.own_requested_bytes, x.own_allocated_bytes) print(r.ops, r.live_objs > 0, "
                      "r.time_ns // 1000)\n"
                      "return r.caches.thing.live_objs == 0 end)",
                      "10\t4\t0\t610\t648\t610\t740\n9\ttrue\t9\n");
        assert_prints("machine { cpus = 1 }\ntrace { file = 't.ops', speed = '1/2' }\n"
                      "expect('x', function(r) print(r.time_ns // 1000) return true end)", "19\n");
        assert_prints("trace { file = 't.ops', pace = 'asap' }\n" TASK("t:sleep('50us')")
                      "\nexpect('x', function(r) print(r.time_ns, r.frees) return true end)", "50000\t4\n");
}

static void test_trace_errors(void)
{
        g_free(support_write("bad.ops", "kmemops 1\nmachine cpus=1\nm 0 1 10\nf 0 2\n"));
        g_free(support_write("tick.ops", "kmemops 1\nmachine cpus=1\ntick 5\n"));
        g_free(support_write("nocache.ops", "kmemops 1\nmachine cpus=1\na 0 1 thing\n"));
        g_free(support_write("bug.ops", "kmemops 1\nmachine cpus=1\na 0 1 size-64 gfp=atomic,dma\n"));
        assert_fails("trace { file = 'none.ops' }", SCENARIO_ERROR_FILE,
                     "s.lua:1: none.ops: No such file or directory" IN_MAIN);
        assert_fails("trace { file = 'bad.ops' }", SCENARIO_ERROR_FILE,
                     "s.lua:1: bad.ops:4: id 2 is freed, but no line above allocated it" IN_MAIN);
        fails("trace { file = 'tick.ops' }",
              "s.lua:1: tick.ops:3: `tick' cannot be replayed beside tasks; run the file with kmemsim ops" IN_MAIN);
        fails("trace { file = 'nocache.ops' }", "nocache.ops:3: the machine has no cache 'thing'");
        assert_fails("trace { file = 'bug.ops' }", SCENARIO_ERROR_SIMULATED,
                     "bug.ops:3: kernel BUG at mm/slab.c:2647! __GFP_DMA asked of a cache without SLAB_CACHE_DMA");
        fails("trace { file = 't.ops', pace = 'slow' }", "s.lua:1: trace: pace is \"as_recorded\" or \"asap\"" IN_MAIN);
        fails("trace { file = 't.ops', speed = 0 }",
              "s.lua:1: trace: speed 0 is no ratio: write 2, 0.5 or 3/4" IN_MAIN);
        fails("trace {}", "s.lua:1: trace needs a field 'file'" IN_MAIN);
}

static void test_costs(void)
{
        assert_prints(
                "machine { cpu_mhz = 1000, costs = { enter = 0, class_compare = 0, irq = 0, mag_pop = 500 } }\n" TASK(
                        "t:kfree(t:kmalloc(100)) local ns = t:kmalloc(100).dur_ns print(ns >= 500 and ns < 520)"),
                "true\n");
}

static void add_tests(void)
{
        g_test_add_func("/scenario/kmalloc-and-kfree", test_kmalloc);
        g_test_add_func("/scenario/caches", test_caches);
        g_test_add_func("/scenario/pages", test_pages);
        g_test_add_func("/scenario/argument-errors", test_argument_errors);
        g_test_add_func("/scenario/a-task-calls-its-own-methods", test_own_task_only);
        g_test_add_func("/scenario/double-free-says-where", test_double_free);
        g_test_add_func("/scenario/wrong-free-is-a-kernel-bug", test_wrong_free);
        g_test_add_func("/scenario/failure-policies", test_failure_policies);
        g_test_add_func("/scenario/time", test_time);
        g_test_add_func("/scenario/mailboxes", test_mailboxes);
        g_test_add_func("/scenario/waiting", test_waiting);
        g_test_add_func("/scenario/spawn", test_spawn);
        g_test_add_func("/scenario/random", test_random);
        g_test_add_func("/scenario/interrupts", test_interrupts);
        g_test_add_func("/scenario/ends", test_ends);
        g_test_add_func("/scenario/declaration-errors", test_declaration_errors);
        g_test_add_func("/scenario/params", test_params);
        g_test_add_func("/scenario/param-values", test_param_values);
        g_test_add_func("/scenario/expectations", test_expectations);
        g_test_add_func("/scenario/same-run-again", test_same_run_again);
        g_test_add_func("/scenario/streams-are-apart", test_streams_are_apart);
        g_test_add_func("/scenario/trace", test_trace);
        g_test_add_func("/scenario/trace-errors", test_trace_errors);
        g_test_add_func("/scenario/costs", test_costs);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
