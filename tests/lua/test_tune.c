/*
 * test_tune.c - what a scenario sets of a cache: tunables, as through /proc/slabinfo (spec 07 section 8), constructors,
 * and when slabs go that RCU frees.
 */
#include "support.h"

#define TASK(body) "task { name = 'a', run = function(t) " body " end }"
#define CACHE      "local c = cache { name = 'thing', size = 200 }\n"

/* What the kernel makes of a text: the bytes taken, or an error; and useless values that are no error. */
static void test_texts(void)
{
        static const struct { const char *text, *prints; } cases[] = {
                { "thing 40 20 4", "13" },
                { "thing 40 20 4\\n", "14" },
                { "thing\t40 20 4", "nil\tEINVAL" },          /* the name is 'thing\t40' */
                { "thing 40 20", "nil\tEINVAL" },
                { "thing 40 20 x", "nil\tEINVAL" },
                { "thing 40 +20 4", "nil\tEINVAL" },
                { "thing  40\t20\\n4 and more", "23" },
                { "thing 40 20 4and more", "21" },
                { "thing", "nil\tEINVAL" },
                { "", "nil\tEINVAL" },
                { " 40 20 4", "nil\tEINVAL" },                /* the name is '' */
                { "nothing 40 20 4", "nil\tEINVAL" },
                { "thing -40 20 4", "14" },                   /* useless, and taken */
                { "thing 20 40 4", "13" },
                { "thing 4294967336 20 4", "21" },            /* cut to 32 bits: 40 */
                { "thing 20000 20 4", "nil\tENOMEM" },        /* no class of kmalloc is as large as that magazine */
        };
        g_autoptr(GString) text = g_string_new(CACHE), expected = g_string_new("");

        g_string_append(text, "task { name = 'a', run = function(t)\n");
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_string_append_printf(text, "print(t:write_slabinfo('%s'))\n", cases[i].text);
                g_string_append_printf(expected, "%s\n", cases[i].prints);
        }
        g_string_append(text, "print(t:write_slabinfo('thing 40 20 4' .. (' '):rep(115)))\n"
                              "print(t:write_slabinfo('thing 40 20 4' .. (' '):rep(116)))\n"
                              "print(t:write_slabinfo('thing\\0 40 20 4')) end }\n");
        g_string_append(expected, "128\nnil\tEINVAL\nnil\tEINVAL\n");
        assert_prints(text->str, expected->str);
}

/* With magazines of 4 objects and batches of 2 every other allocation is a refill,
 * or more where a slab ends within a batch. */
static void test_effect(void)
{
        assert_prints(CACHE TASK("local function round() local hits, o = 0, {} for i = 1, 100 do o[i] = t:alloc(c) "
                                 "hits = hits + "
                                 "(o[i].path == 'magazine' and 1 or 0) end for i = 1, 100 do t:free(o[i]) end return "
                                 "hits end\n"
                                 "round() print(round(), t:tune(c, { limit = 4, batchcount = 2 })) t:shrink(c) local n "
                                 "= round() print(n > 40 and n <= 50) "
                                 "print(t:tune('thing', { limit = 200, batchcount = 100, shared = 0 })) round() "
                                 "print(round())")
                      "\nexpect('tuned', function(r) return r.paths.tune.none == 2 end)",
                      "100\ttrue\ntrue\ntrue\n100\n");
}

static void test_errors(void)
{
        static const char in_task[] = "\n  at s.lua:1 in the function at line 1\n  task 'a' on CPU 0 at T us";
        static const char in_irq[] = "\n  at s.lua:1 in the function at line 1\n  interrupt 'i' on CPU 0 at T us";
        static const struct { const char *body, *error; } cases[] = {
                { "t:tune('size-64', { limits = 1 })", "tune has no field 'limits'; it has limit, batchcount, shared" },
                { "t:tune('size-64')", "tune needs a table: tune { ... }" },
                { "t:tune('none', {})", "tune: there is no cache 'none'" },
                { "t:tune('size-64', { limit = 1 << 29 })",
                  "the bytes of a magazine of this limit overflow 32 bits, and the kernel would overwrite memory: "
                  "a limit is below "
                  "536870912" },
                { "t:tune('size-64', { limit = 1 << 31 })", "tune: limit is a whole number from -2147483648 to "
                                                            "2147483647" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text =
                        g_strconcat("task { name = 'a', run = function(t) ", cases[i].body, " end }", NULL);
                g_autofree char *expected = g_strconcat("s.lua:1: ", cases[i].error, in_task, NULL);

                assert_fails(text, SCENARIO_ERROR_SCRIPT, expected);
        }
        {
                g_autofree char *expected = g_strconcat("s.lua:1: tune: the interrupt 'i' must not wait", in_irq, NULL);

                assert_fails("interrupt { name = 'i', at = '1us', run = function(i) i:tune('size-64', "
                             "{ limit = 1 }) end }",
                             SCENARIO_ERROR_SCRIPT, expected);
        }
}

/* In a trace, or an ops file. */
static void test_ops_file(void)
{
        g_free(support_write("tuned.ops", "kmemops 1\nmachine arch=x86_64 numa=0 cpus=2 nodes=1 mem_mib=64 l1=64 "
                                          "hz=250\n"
                                          "create thing size=200 align=0 flags=none\ntune thing 10 5 1 t=1000\n"
                                          "a 0 1 thing t=2000\nf 0 1 t=3000\n"));
        assert_prints("machine { cpus = 2 }\ntrace { file = 'tuned.ops' }\n"
                      "expect('tuned', function(r) return r.paths.tune.none == 1 and r.caches.thing.magazine_objs == 5 "
                      "end)", "");
}

/* Constructors take cycles or a time; RCU slabs outlive their objects by a grace period. */
static void test_constructors(void)
{
        static const char in_main[] = "\n  at s.lua:1 in the main part";
        static const struct { const char *text, *error; } cases[] = {
                { "cache { name = 'c', size = 100, ctor = 0 }",
                  "cache: ctor is what it takes for an object: 1 to 1000000000 cycles, or a time such as \"50ns\"" },
                { "cache { name = 'c', size = 100, ctor = true }",
                  "cache: ctor is what it takes for an object: 1 to 1000000000 cycles, or a time such as \"50ns\"" },
                { "cache { name = 'c', size = 100, ctor = '1us' } machine {}",
                  "machine comes before caches whose ctor or dtor is a time" },
                { "machine { rcu_grace = '5s' }", "machine: rcu_grace is at most 4s" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *expected = g_strconcat("s.lua:1: ", cases[i].error, in_main, NULL);

                assert_fails(cases[i].text, SCENARIO_ERROR_SCRIPT, expected);
        }
        assert_prints("machine { cpu_mhz = 2000 } local a = cache { name = 'a', size = 2000, ctor = '1us', "
                      "dtor = '500ns' }\n"
                      "local b = cache { name = 'b', size = 2000, ctor = 2000 } local c = cache { name = 'c', "
                      "size = 2000 }\n"
                      TASK("t:free(t:alloc(a)) t:shrink(a) t:free(t:alloc(b)) t:shrink(b) t:free(t:alloc(c)) "
                           "t:shrink(c) "
                           "local x, y, z = t:alloc(a), t:alloc(b), t:alloc(c) print(x.dur_ns - z.dur_ns, "
                           "y.dur_ns - z.dur_ns)"),
                      "2000\t2000\n");
}

static void test_grace(void)
{
        assert_prints("machine { cpus = 1, rcu_grace = '10ms' }\n"
                      "local c = cache { name = 'c', size = 200, flags = 'destroy_by_rcu' }\n"
                      TASK("t:free(t:alloc(c)) t:shrink(c) t:sleep('9ms') "
                           "local start = t:now() print(t:destroy(c)) print(t:now() - start > 7000000)") "\n"
                      "expect('by the machine', function(r) return r.paths.rcu.none == 1 end)",
                      "true\ntrue\n");
        assert_prints("machine { cpus = 1 }\nlocal c = cache { name = 'c', size = 200, flags = 'destroy_by_rcu' }\n"
                      TASK("t:free(t:alloc(c)) t:shrink(c) local start = t:now() print(t:destroy(c)) print(t:now() - "
                           "start < 50000)")
                      "\nexpect('at once', function(r) return r.paths.rcu.none == 0 end)", "true\ntrue\n");
}

static void add_tests(void)
{
        g_test_add_func("/lua/tune/constructors", test_constructors);
        g_test_add_func("/lua/tune/rcu-grace", test_grace);
        g_test_add_func("/lua/tune/texts", test_texts);
        g_test_add_func("/lua/tune/effect", test_effect);
        g_test_add_func("/lua/tune/errors", test_errors);
        g_test_add_func("/lua/tune/ops-file", test_ops_file);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
