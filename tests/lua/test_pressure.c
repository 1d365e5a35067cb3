/*
 * test_pressure.c - memory that can be reclaimed as a scenario uses it: pages and sets of pages, caches with a
 * shrinker, swap and settings, what the methods return, and what is refused with which sentence.
 */
#include "support.h"

static void test_pages(void)
{
        assert_prints("machine { cpus = 1, memory = '12MiB' } "
                      "task { name = 't', run = function(t) "
                      "local p = t:file_page { dirty = true } "
                      "local s = t:page_cache(20, { mapped = true }) "
                      "local a = t:anon_pages(5) "
                      "print(p, s, #s, s.count, s.alive, a[5].alive, a[6], p.alive, t:alive(p), t:alive(s)) "
                      "print(p.pfn > 0, p.op, s[1].op, a[1].op) "
                      "print(t:access(p), t:access(s), t:touch(s), t:touch(p), t:mlock(a), t:munlock(a), "
                      "t:set_page_dirty(s)) "
                      "print(t:lock_page(p), t:lock_page(p), t:delete_page(p), t:unlock_page(p), "
                      "t:delete_page(p), t:alive(p)) "
                      "print(t:get_page(s[1]), t:delete_page(s), s.alive, t:put_page(s[1]), s.alive, t:delete_page(s)) "
                      "print(t:vmstat('nr_anon_pages') >= 0, t:vmstat().pgsteal, t:drop_caches(1)) end } "
                      "expect('r', function(r) return r.paths.page_new.none + r.paths.page_new.page_list + "
                      "r.paths.page_new.page_list_bulk == 26 and r.vmstat.allocstall == 0 end)",
                      "page, op 1\t20 pages\t20\t20\t20\ttrue\tnil\ttrue\ttrue\t20\n"
                      "true\t1\t2\t22\n"
                      "true\t20\t20\tfalse\t5\t5\t20\n"
                      "true\tfalse\tfalse\ttrue\ttrue\tfalse\n"
                      "true\t20\t1\ttrue\t0\t0\n"
                      "true\t0\t0\n");
}

static void test_taken(void)
{
        assert_prints("machine { cpus = 1, memory = '12MiB', swap = '4MiB', vm = { swappiness = 100, write_time = "
                      "'50us' } } "
                      "task { name = 't', run = function(t) "
                      "local first = t:page_cache(200) local one = first[1] "
                      "for i = 1, 60 do t:page_cache(100) end "
                      "print(first.alive, one.alive, t:access(one), t:access(first), t:get_page(one)) "
                      "print(t:vmstat('pgsteal') > 3000, t:vmstat('swap_total'), t:vm_set('swap', '8MiB'), "
                      "t:vmstat('swap_total')) end }",
                      "0\tfalse\tfalse\t0\tfalse\ntrue\t1024\ttrue\t2048\n");
}

static void test_shrinker(void)
{
        assert_prints("machine { cpus = 1, memory = '12MiB' } "
                      "local c = cache { name = 'names', size = 100, shrinker = { seeks = 2, fs = false } } "
                      "task { name = 't', run = function(t) "
                      "local o, n = {}, 0 for i = 1, 600 do o[i] = t:alloc(c) t:put(o[i]) end "
                      "print(t:get(o[1]), t:get(o[1]), t:put(o[1]), t:put(o[1]), t:alive(o[1])) "
                      "t:drop_caches(2) "
                      "for i = 1, 600 do n = n + (t:alive(o[i]) and 1 or 0) end "
                      "print(n < 128, t:get(o[2]), t:destroy(c)) "
                      "local d = t:create { name = 'late', size = 64 } "
                      "print(t:set_shrinker(d), t:remove_shrinker(d), t:remove_shrinker(d), t:destroy(d)) end }",
                      "true\tfalse\ttrue\tfalse\ttrue\ntrue\tfalse\tfalse\tbusy\ntrue\ttrue\tfalse\ttrue\n");
}

static void test_refused(void)
{
        assert_fails("machine { swap = '5000B' }", SCENARIO_ERROR_SCRIPT,
                     "s.lua:1: machine: swap comes in whole pages of 4096 bytes\n"
                     "  at s.lua:1 in the main part");
        assert_fails("machine { vm = { swappiness = 200 } }", SCENARIO_ERROR_SCRIPT,
                     "s.lua:1: machine: vm: swappiness is from 0 to 100\n  at s.lua:1 in the main part");
        assert_fails("task { name = 't', run = function(t) t:file_page { gfp = 'atomic' } end }", SCENARIO_ERROR_SCRIPT,
                     "s.lua:1: file_page: pages for the page cache and for processes are asked for with a mask that "
                     "may wait, such as "
                     "\"highuser\" or \"nofs\"\n  at s.lua:1 in the function at line 1\n  task 't' on CPU 0 at T us");
        assert_fails("task { name = 't', run = function(t) t:access(7) end }", SCENARIO_ERROR_SCRIPT,
                     "s.lua:1: access needs a page or a set of pages: what t:file_page, t:anon_page, "
                     "t:page_cache or t:anon_pages "
                     "returned\n  at s.lua:1 in the function at line 1\n  task 't' on CPU 0 at T us");
        assert_fails(
                "local c = cache { name = 'c', size = 64, shrinker = {} } "
                "task { name = 't', run = function(t) local o = t:alloc(c) t:put(o) t:free(o) end }",
                SCENARIO_ERROR_SCRIPT,
                "s.lua:1: the object lies unused on the LRU of its cache's shrinker: get it back before it is freed\n"
                "  at s.lua:1 in the function at line 1\n  task 't' on CPU 0 at T us");
        assert_fails(
                "interrupt { name = 'i', at = '1us', run = function(i) i:page_cache(1) end }", SCENARIO_ERROR_SCRIPT,
                "s.lua:1: page_cache: the interrupt 'i' must not wait\n  at s.lua:1 in the function at line 1\n"
                "  interrupt 'i' on CPU 0 at T us");
}

static void add_tests(void)
{
        g_test_add_func("/lua/pressure/pages", test_pages);
        g_test_add_func("/lua/pressure/taken", test_taken);
        g_test_add_func("/lua/pressure/shrinker", test_shrinker);
        g_test_add_func("/lua/pressure/refused", test_refused);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
