/*
 * test_mempool.c - memory pools as a scenario uses them: declared or created while the run goes on, what the methods
 * give, and what is an error.
 */
#include "support.h"

#define MACHINE "machine { cpus = 2, memory = '16MiB' } "
/* takes every page a request that cannot wait gets */
#define EAT                                                                                                            \
        "local all = {} while true do local p = t:pages(0, 'atomic,nowarn') "                                          \
        "if not p then break end all[#all + 1] = p end "

static void test_life(void)
{
        assert_prints(MACHINE
                      "local bio = cache { name = 'bio', size = 104 } "
                      "local a = mempool { name = 'a', min_nr = 8, cache = bio } "
                      "local b = mempool { name = 'b', min_nr = 4, order = 1 } "
                      "print(a, a.name, a.min_nr, a.curr_nr, a.live) "
                      "task { name = 't', run = function(t) "
                      "print(a.curr_nr, a.live, b.curr_nr, b.put) "
                      "local c = t:mempool_create { name = 'c', min_nr = 2, size = 300 } "
                      "local x, y, z = t:mempool_alloc(a), t:mempool_alloc(b, 'noio'), t:mempool_alloc(c, 'atomic') "
                      "print(x.size, x.cache, x.mempool, y.size, y.order, y.cache, z.size, z.cache, z.path) "
                      "print(z) "
                      "t:mempool_free(x) t:mempool_free(y, b) t:mempool_free(z) "
                      "print(x.freed, t:mempool_resize(a, 3), a.min_nr, a.curr_nr, t:mempool_resize(a, 30), a.curr_nr) "
                      "print(t:destroy(bio)) "
                      "print(t:mempool_destroy(a), a.live, a.curr_nr, t:destroy(bio)) end } "
                      "expect('r', function(r) return r.mempools.b.curr_nr == 4 and r.mempools.c.put == 2 and "
                      "r.paths.mempool_alloc.mempool_direct == 3 and r.paths.mempool_create.none == 3 end)",
                      "mempool \"a\"\ta\t8\t0\tfalse\n"
                      "8\ttrue\t4\t4\n"
                      "104\tbio\ta\t8192\t1\tnil\t300\tsize-512\tmempool_direct\n"
                      "element of mempool \"c\", op 7\n"
                      "true\ttrue\t3\t3\ttrue\t30\n"
                      "false\tbusy\n"
                      "true\tfalse\t0\ttrue\n");
}

static void test_pressure(void)
{
        assert_prints(MACHINE
                      "local pool = mempool { name = 'p', min_nr = 2, order = 0 } "
                      "task { name = 't', run = function(t) " EAT
                      "local x, y = t:mempool_alloc(pool, 'noio'), t:mempool_alloc(pool, 'atomic') "
                      "print(x.path, y.path, pool.curr_nr) "
                      "print(t:mempool_alloc(pool, 'atomic')) "
                      "t:spawn { name = 'u', cpu = 1, run = function(u) u:sleep('6s') u:mempool_free(x) end } "
                      "local z = t:mempool_alloc(pool, 'noio') "
                      "print(z.path, z.dur_ns // 1000000, pool.waits, pool.refused, z.pfn == x.pfn) "
                      "t:mempool_free(y) t:mempool_free(z) print(pool.curr_nr, pool.waiters) end }",
                      "mempool_reserve\tmempool_reserve\t0\n"
                      "nil\tthe reserve of the memory pool is empty\n"
                      "mempool_waited\t6000\t2\t6\ttrue\n"
                      "2\t0\n");
}

static void test_errors(void)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "mempool { name = 'p' }", "s.lua:1: mempool needs a field 'min_nr'\n  at s.lua:1 in the main part" },
                { "mempool { name = 'p', min_nr = 0, size = 1 }",
                  "s.lua:1: mempool: min_nr is a whole number from 1 to 16384\n  at s.lua:1 in the main part" },
                { "mempool { name = 'p', min_nr = 1 }",
                  "s.lua:1: mempool needs one of cache, size and order: where its elements come from\n"
                  "  at s.lua:1 in the main part" },
                { "mempool { name = 'p', min_nr = 1, size = 64, order = 0 }",
                  "s.lua:1: mempool needs one of cache, size and order: where its elements come from\n"
                  "  at s.lua:1 in the main part" },
                { "mempool { name = 'p', min_nr = 1, order = 0 } mempool { name = 'p', min_nr = 1, order = 0 }",
                  "s.lua:1: mempool: there is a memory pool 'p' already\n  at s.lua:1 in the main part" },
                { "mempool { name = 'p', min_nr = 1, cache = 'nothing' } task { name = 't', run = function(t) end }",
                  "s.lua:1: memory pool 'p': its cache is not there" },
        };

        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
                assert_fails(cases[i].text, SCENARIO_ERROR_SCRIPT, cases[i].expected);
        assert_fails("mempool { name = 'p', min_nr = 16384, order = 4 } task { name = 't', run = function(t) end }",
                     SCENARIO_ERROR_SIMULATED, "s.lua:1: the memory pool 'p' could not be created");
        assert_fails(MACHINE "on_failure 'fatal' local pool = mempool { name = 'p', min_nr = 1, order = 0 } "
                             "task { name = 't', on_failure = 'count', run = function(t) " EAT
                             "t:mempool_alloc(pool, 'atomic') t:spawn { name = 'u', run = function(u) "
                             "u:mempool_alloc(pool, 'atomic') end } end }",
                     SCENARIO_ERROR_SIMULATED,
                     "s.lua:1: u: mempool_alloc: the allocator below gives nothing, the reserve is empty, "
                     "and a mask without "
                     "__GFP_WAIT does not wait (mode:0x20)\n  at s.lua:1 in the function at line 1");
}

static void test_misuse(void)
{
        assert_fails("local p = mempool { name = 'p', min_nr = 1, size = 64 } task { name = 't', run = function(t) "
                     "local x = t:mempool_alloc(p) t:mempool_free(x) t:mempool_free(x) end }",
                     SCENARIO_ERROR_SIMULATED,
                     "s.lua:1: kernel BUG: double free of a mempool element of 'p' (op 2, page P, offset O)\n"
                     "  allocated at s.lua:1 by 't' at T us\n  first freed at s.lua:1 by 't' at T us\n"
                     "  at s.lua:1 in the function at line 1\n  task 't' on CPU 0 at T us");
        assert_prints("local p = mempool { name = 'p', min_nr = 1, size = 64 } "
                      "local q = mempool { name = 'q', min_nr = 1, size = 64 } "
                      "task { name = 't', run = function(t) local x, o = t:mempool_alloc(p), t:kmalloc(1) "
                      "print(pcall(t.kfree, t, x)) print(pcall(t.mempool_free, t, o)) print(pcall(t.mempool_free, "
                      "t, x, q)) "
                      "print(pcall(t.mempool_alloc, t, 'p')) end }",
                      "false\tan element of a memory pool goes back with t:mempool_free\n"
                      "false\tmempool_free needs what t:mempool_alloc returned\n"
                      "false\tmempool_free: the element is of another memory pool\n"
                      "false\tmempool_alloc needs a memory pool: what mempool{} returned\n");
}

static void add_tests(void)
{
        g_test_add_func("/lua/mempool/life", test_life);
        g_test_add_func("/lua/mempool/under-pressure", test_pressure);
        g_test_add_func("/lua/mempool/errors", test_errors);
        g_test_add_func("/lua/mempool/misuse", test_misuse);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
