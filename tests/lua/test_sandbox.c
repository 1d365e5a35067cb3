/*
 * test_sandbox.c - ways out of the sandbox, ways to run for ever, and ways to differ from run to run; one by one.
 */
#include <glib.h>
#include <lauxlib.h>
#include <locale.h>
#include <string.h>

#include "script/sandbox.h"
#include "support.h"

/* The result of a chunk as text, or its error. */
struct answer {
        bool good;
        char *text, *frames;
        enum sandbox_fault fault;
};

static GString *printed;

static void keep_line(const char *line, void *context)
{
        (void)context;
        g_string_append_printf(printed, "%s\n", line);
}

static void answer_clear(struct answer *answer)
{
        g_free(answer->text);
        g_free(answer->frames);
}

/* Chunks are files of the test's folder; "s.lua" is how they are called in the answer. */
static struct answer run_chunk(const char *chunk, const struct sandbox_limits *limits, uint64_t seed,
                               const volatile sig_atomic_t *stop)
{
        struct sandbox *sandbox = sandbox_new(limits, seed);
        g_autofree char *path = support_write("s.lua", chunk);
        g_autofree char *library = g_build_filename(support_folder(), "library", NULL);
        struct answer answer = { 0 };
        GError *error = NULL;
        lua_State *thread;
        int results;

        g_string_truncate(printed, 0);
        sandbox_set_folders(sandbox, support_folder(), library);
        sandbox_set_print(sandbox, keep_line, NULL);
        if (stop)
                sandbox_set_stop(sandbox, stop);
        thread = sandbox_load(sandbox, path, &error);
        if (!thread) {
                answer.text = g_strdup(error->message);
                answer.fault = SANDBOX_FAULT_SCRIPT;
                g_error_free(error);
        } else if (sandbox_resume(sandbox, thread, 0, &results) == LUA_OK) {
                answer.good = true;
                answer.text =
                        g_strdup(results > 0 && lua_tostring(thread, -results) ? lua_tostring(thread, -results) : "");
        } else {
                answer.fault = sandbox_take_error(sandbox, thread, &answer.text, &answer.frames);
        }
        sandbox_free(sandbox);
        if (strstr(answer.text, support_folder())) {
                g_autofree char *prefix = g_strconcat(support_folder(), "/", NULL);
                g_auto(GStrv) parts = g_strsplit(answer.text, prefix, -1);

                g_free(answer.text);
                answer.text = g_strjoinv("", parts);
        }
        return answer;
}

static struct sandbox_limits limits_now = { .memory_bytes = 64 << 20, .burst = 5000000, .total = 1000000000 };

static struct answer run(const char *chunk)
{
        return run_chunk(chunk, &limits_now, 1, NULL);
}

static void gives(const char *chunk, const char *expected)
{
        struct answer answer = run(chunk);

        if (!answer.good)
                g_test_message("%s", chunk);
        g_assert_cmpstr(answer.text, ==, expected);
        g_assert_true(answer.good);
        answer_clear(&answer);
}

static void fails(const char *chunk, const char *expected)
{
        struct answer answer = run(chunk);

        g_assert_cmpstr(answer.text, ==, expected);
        g_assert_false(answer.good);
        answer_clear(&answer);
}

/* -- nothing leads outside ---------------------------------------------------------------------------------------- */

static void test_allow_list(void)
{
        gives("local function names(t) local l = {} for name in pairs(t) do l[#l + 1] = name end return "
              "table.concat(l, ' ') end\n"
              "return names(_G) .. '\\n' .. names(math) .. '\\n' .. names(string) .. '\\n' .. names(table)",
              "_G _VERSION assert error getmetatable ipairs math next pairs pcall print rawequal rawget rawlen rawset "
              "require "
              "select setmetatable string table tonumber tostring type\n"
              "abs ceil floor fmod huge max maxinteger min mininteger modf pi random sqrt tointeger type ult\n"
              "byte char find format gmatch gsub len lower match rep reverse sub upper\n"
              "concat insert move pack remove sort unpack");
}

static void test_absent_names(void)
{
        static const char *const names[] = { "io",   "os",         "debug",    "package", "coroutine",      "utf8",
                                             "load", "loadstring", "loadfile", "dofile",  "collectgarbage", "xpcall",
                                             "warn" };

        for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *chunk = g_strdup_printf("\nreturn %s", names[i]);
                g_autofree char *expected = g_strdup_printf("s.lua:2: '%s' is not offered to scenarios", names[i]);

                fails(chunk, expected);
        }
        fails("return foo", "s.lua:1: 'foo' is not defined");
        gives("return tostring(rawget(_G, 'io'))", "nil");
        gives("x = 5 return x", "5");
        fails("return math.sin(1)", "s.lua:1: attempt to call a nil value (field 'sin')");
        fails("return string.dump(print)", "s.lua:1: attempt to call a nil value (field 'dump')");
        fails("return ('x'):pack()", "s.lua:1: attempt to call a nil value (method 'pack')");
}

static void test_metatables_are_kept(void)
{
        gives("return tostring(getmetatable(''))", "nil");
        gives("return tostring(getmetatable(_G))", "false");
        fails("setmetatable(_G, nil)", "s.lua:1: cannot change a protected metatable");
        fails("setmetatable('', {})", "s.lua:1: bad argument #1 to 'setmetatable' (table expected, got string)");
        gives("local mt = { __index = { a = 1 } } local t = setmetatable({}, mt)\n"
              "return tostring(getmetatable(t) == mt) .. t.a", "true1");
        gives("return getmetatable(setmetatable({}, { __metatable = 'mine' }))", "mine");
        fails("setmetatable(setmetatable({}, { __metatable = 'mine' }), nil)",
              "s.lua:1: cannot change a protected metatable");
        gives("local t = setmetatable({}, { __index = function() return 'x' end })\n"
              "setmetatable(t, nil) return tostring(t.a)", "nil");
        gives("local mt = {} local t = setmetatable({}, mt) mt.__index = { a = 'late' }\n"
              "return tostring(t.a) .. ' ' .. setmetatable(t, mt).a", "nil late");
}

static void test_require(void)
{
        g_free(support_write("library/tool.lua", "return { name = 'library tool' }"));
        g_free(support_write("library/other.lua", "return 'other'"));
        g_free(support_write("tool.lua", "return { name = 'own tool' }"));
        g_free(support_write("sub/part.lua", "#!/usr/bin/lua\nreturn ... == nil"));
        g_free(support_write("loop.lua", "return require 'loop'"));
        g_free(support_write("broken.lua", "\nreturn +"));
        g_free(support_write("fails.lua", "\nerror('no')"));
        g_free(support_write("compiled.lua", "\033Lua"));
        g_free(support_write("none.lua", "x = 1"));
        gives("return require('tool').name", "own tool");
        gives("return require('other')", "other");
        gives("return tostring(require('sub.part'))", "true");
        gives("return tostring(require('tool') == require('tool'))", "true");
        gives("return tostring(require('none')) .. x", "true1");
        fails("require 'loop'", "loop.lua:1: module 'loop' requires itself");
        fails("require 'broken'", "broken.lua:2: unexpected symbol near '+'");
        fails("require 'fails'", "fails.lua:2: no");
        fails("require 'compiled'", "s.lua:1: compiled.lua: compiled Lua is refused, only text is read");
        fails("require 'absent'",
              "s.lua:1: there is no module 'absent': neither in the scenario's folder nor in the library");
        for (const char *const *name =
                     (const char *const[]){ "../s", "/etc/passwd", "a/b", "a..b", ".a", "a.", "", "a b", NULL };
             *name; name++) {
                g_autofree char *chunk = g_strdup_printf("require '%s'", *name);
                g_autofree char *expected =
                        g_strdup_printf("s.lua:1: '%s' is no module name: letters, digits, _ and . only", *name);

                fails(chunk, expected);
        }
}

static void test_only_text(void)
{
        fails("\033LuaS", "s.lua: compiled Lua is refused, only text is read");
        fails("x = = 1", "s.lua:1: unexpected symbol near '='");
        gives("#!/usr/bin/env kmemsim\nreturn 'first line passed over'", "first line passed over");
}

/* -- nothing runs for ever ---------------------------------------------------------------------------------------- */

#define ENDLESS \
        "more than 5000000 instructions without a request to the simulation: an endless loop? (--limit N allows more)"

static void test_endless_loops(void)
{
        static const char *const chunks[] = {
                "while true do end",
                "::again:: goto again",
                "while true do pcall(function() while true do end end) end",
                "local t = setmetatable({}, { __index = function(t, k) while true do end end }) local x = t.y",
                "table.sort({ 3, 2, 1 }, function() while true do end end)",
                "string.gsub('a', 'a', function() while true do end end)",
                "for k in pairs(setmetatable({}, { __pairs = function() while true do end end })) do end",
                ("pcall(function() local t <close> = setmetatable({}, { __close = function() while true do end end }) "
                 "while true do end end)"),
                "local function f() return f() end f()",
                "local s = ('x'):rep(100000) while true do local t = s .. 'y' end",
                "local t = {} for i = 1, 1e9 do table.insert(t, 1, i) table.remove(t, 1) table.insert(t, i) end",
                "local t = {} for i = 1, 100000 do t[i] = i end while true do next(t) end",
                "local t = {} for i = 1, 100000 do t[i] = i end while true do for k in pairs(t) do break end end",
                "table.move({}, 1, 1 << 60, 2)",
                "table.move({}, math.mininteger, math.maxinteger - 1, 1)",
        };

        for (gsize i = 0; i < G_N_ELEMENTS(chunks); i++) {
                g_autofree char *chunk = g_strconcat("\n", chunks[i], NULL);
                g_autofree char *expected = g_strdup_printf("s.lua:2: %s", ENDLESS);
                struct answer answer = run(chunk);

                g_test_message("%s", chunks[i]);
                g_assert_cmpstr(answer.text, ==, expected);
                g_assert_cmpint(answer.fault, ==, SANDBOX_FAULT_SCRIPT);
                answer_clear(&answer);
        }
}

static void test_total(void)
{
        struct sandbox_limits limits = { .memory_bytes = 64 << 20, .burst = 1000000, .total = 500000 };
        struct answer answer = run_chunk("while true do end", &limits, 1, NULL);

        g_assert_cmpstr(answer.text, ==, "s.lua:1: more than 500000 instructions in all: does the scenario never end? "
                                         "(--limit N allows 200 times N)");
        answer_clear(&answer);
}

static void test_no_hidden_loops(void)
{
        gives("return #(''):rep(1 << 60)", "0");
        gives("return #(''):rep(1 << 60, '')", "0");
        fails("return table.unpack({}, 1, 1 << 60)", "s.lua:1: too many results to unpack");
        fails("return table.unpack({}, 1, 1e6)", "s.lua:1: too many results to unpack");
        fails("return table.unpack({}, math.mininteger, math.maxinteger)", "s.lua:1: too many results to unpack");
        fails("return table.concat({}, '', 1, 1 << 60)", "s.lua:1: " ENDLESS);
        gives("local t = setmetatable({}, { __len = function() return 1 << 60 end })\n"
              "table.insert(t, 'a') table.sort(t) return table.remove(t) .. table.concat(t)", "a");
}

static void test_memory(void)
{
        static const char full[] = "s.lua:1: the scenario needs more than 8 MiB of memory (--memory SIZE allows more)";
        static const char too_long[] = "s.lua:1: a string of more than 1 MiB";
        uint64_t memory_bytes = limits_now.memory_bytes;

        limits_now.memory_bytes = 8 << 20;
        fails("local t = {} while true do t[#t + 1] = {} end", full);
        fails("local t = {} while true do pcall(function() while true do t[#t + 1] = { {} } end end) end", full);
        fails("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", full);
        fails("return ('x'):rep(1e9)", too_long);
        fails("return ('x'):rep(1 << 60)", too_long);
        fails("pcall(string.rep, 'x', 1 << 21) return 'went on'", too_long);
        fails("local s = 'x' while true do s = s .. s end", too_long);
        fails("local s = 'x' while true do pcall(function() s = s .. s end) end", too_long);
        fails("return table.concat({ ('x'):rep(1000000), ('x'):rep(1000000) })", too_long);
        fails("return (('x'):rep(1000)):gsub('x', ('y'):rep(2000))", too_long);
        gives("return #('x'):rep(1 << 20)", "1048576");
        limits_now.memory_bytes = memory_bytes;
}

static void test_deep_recursion(void)
{
        gives("local function f(n) return 1 + f(n) end\n"
              "local good, why = pcall(f) return tostring(good) .. ' ' .. why:match('stack overflow')",
              "false stack overflow");
        gives("local t = setmetatable({}, {}) getmetatable(t).__index = t return 'no loop'", "no loop");
        gives("local function f() return tostring(setmetatable({}, { __tostring = f })) end\n"
              "local good, why = pcall(f) return (why:match('C stack overflow'))", "C stack overflow");
        gives("local s = ('('):rep(190) .. 'a' .. (')'):rep(190)\n"
              "local good, why = pcall(string.match, 'a', s) return why", "too many captures");
        gives("local good, why = pcall(string.match, ('a'):rep(400), ('a?'):rep(400)) return why",
              "pattern too complex");
}

static void test_errors_in_errors(void)
{
        gives("local good, e = pcall(error, setmetatable({}, { __tostring = function() error('again') end }))\n"
              "local better, why = pcall(tostring, e) return why", "s.lua:1: again");
        fails("error({})", "s.lua:1: an error that is no text but a table value");
        fails("error()", "s.lua:1: an error that is no text but a nil value");
        fails("error('plain', 0)", "s.lua:1: plain");
        fails("local x <close> = setmetatable({}, { __close = function() error('in close') end }) error('first')",
              "s.lua:1: first");
}

static void test_stop_flag(void)
{
        static const volatile sig_atomic_t stop = 1;
        struct sandbox_limits limits;
        struct answer answer;

        sandbox_limits_default(&limits);
        answer = run_chunk("while true do pcall(function() while true do end end) end", &limits, 1, &stop);
        g_assert_cmpint(answer.fault, ==, SANDBOX_FAULT_STOP);
        answer_clear(&answer);
}

/* -- nothing differs from run to run ------------------------------------------------------------------------------ */

static void test_pairs(void)
{
        gives("local t = { z = 1, [3] = 1, a = 1, [1] = 1, [2.5] = 1, [true] = 1, [-7] = 1, [2] = 1, [false] = 1, "
              "['a\\0b'] = 1,\n"
              "            [1e300] = 1, [-0.5] = 1, ['Z'] = 1, [''] = 1, [math.maxinteger] = 1, [math.mininteger] = 1 "
              "}\n"
              "local l = {} for k, v in pairs(t) do l[#l + 1] = tostring(k) end return table.concat(l, ' ')",
              "-9223372036854775808 -7 -0.5 1 2 2.5 3 9223372036854775807 1e+300  Z a a"); /* ends at the NUL */
        gives("local t = { 'a', 'b', 'c' } local l = {} for k, v in pairs(t) do l[#l + 1] = k .. v end return "
              "table.concat(l)",
              "1a2b3c");
        gives("local t, l = { b = 1, a = 1, c = 1, d = 1 }, {}\n"
              "for k in pairs(t) do l[#l + 1] = k t[k] = nil t.c = nil t['new' .. k] = 1 end return table.concat(l)",
              "abd");
        gives("local t, n = {}, 0 for i = 1000, 1, -1 do t['k' .. i] = i end\n"
              "local last = '' for k in pairs(t) do assert(last < k) last = k n = n + 1 end return n", "1000");
        gives("return tostring(next({})) .. tostring(next({ 'a' })) .. next({ b = 1, a = 1 }) .. next({ b = 1, a = 1 "
              "}, 'a')",
              "nil1ab");
        gives("local t, l, k = { x = 1, [1] = 1, [true] = 1, y = 1 }, {} repeat k = next(t, k) l[#l + 1] = tostring(k) "
              "until k == nil\n"
              "return table.concat(l, ' ')",
              "1 x y true nil");
        fails("for k in pairs({ [{}] = 1 }) do end",
              "s.lua:1: a table as key has no order that is the same in every run; keep a list beside the table");
        fails("next({ [print] = 1 })",
              "s.lua:1: a function as key has no order that is the same in every run; keep a list beside the table");
        gives("local l = {} for k, v in pairs(setmetatable({}, { __pairs = function() return function(_, k)\n"
              "return not k and 'own' or nil end end })) do l[#l + 1] = k end return table.concat(l)", "own");
        fails("pairs()", "s.lua:1: bad argument #1 to 'pairs' (value expected)");
        fails("pairs(5)", "s.lua:1: bad argument #1 to 'pairs' (table expected, got number)");
}

static void test_no_addresses(void)
{
        gives("local a, b = {}, {} return tostring(b) .. ' ' .. tostring(a) .. ' ' .. tostring(b) .. ' ' .. "
              "tostring(print)",
              "table: 1 table: 2 table: 1 function: 3");
        gives("return string.format('%s %10s|%-4s|%.2s', {}, print, 'x', 'abc')", "table: 1 function: 2|x   |ab");
        gives("return tostring(setmetatable({}, { __name = 'thing' }))", "thing: 1");
        gives("return tostring(setmetatable({}, { __name = 5 }))", "table: 1");
        fails("return string.format('%p', {})", "s.lua:1: %p is refused: an address differs from run to run");
        fails("return ('%5p'):format({})", "s.lua:1: %p is refused: an address differs from run to run");
        gives("return string.format('%d %5.1f %q %x %%', 3, 2.5, 'a\\n', 255)", "3   2.5 \"a\\\n\" ff %");
        gives("return tostring(0/0) .. ' ' .. tostring(-(0/0)) .. ' ' .. string.format('%.1f %s', 0/0, -(0/0))",
              "nan nan nan nan");
        gives("print({}, nil, 1.5, 'x')", "");
        g_assert_cmpstr(printed->str, ==, "table: 1\tnil\t1.5\tx\n");
}

static void test_sort(void)
{
        gives("local t = {} for i = 1, 300 do t[i] = { key = i % 3, i = i } end\n"
              "table.sort(t, function(a, b) return a.key < b.key end)\n"
              "for i = 2, 300 do assert(t[i - 1].key < t[i].key or t[i - 1].i < t[i].i) end return 'stable'", "stable");
        gives("local t = { 5, 2, 8, 1, 9, 3 } table.sort(t) return table.concat(t, ' ')", "1 2 3 5 8 9");
        gives("local t = { 'b', 'a', 'B' } table.sort(t) return table.concat(t)", "Bab");
        gives("local t = { 3, 1, 2 } table.sort(t, function() return true end) return #t", "3");
        fails("table.sort({ 1, 'a' })", "s.lua:1: attempt to compare string with number");
        fails("table.sort({ 1, 2 }, 5)", "s.lua:1: bad argument #2 to 'sort' (function expected, got number)");
}

static void test_table_functions(void)
{
        gives("local t = { 1, 2, 3 } table.insert(t, 4) table.insert(t, 1, 0) return table.concat(t, ',')",
              "0,1,2,3,4");
        gives("local t = { 1, 2, 3 } return table.remove(t, 1) .. table.remove(t) .. #t .. t[1]", "1312");
        gives("local t = table.move({ 1, 2, 3 }, 2, 3, 1) return table.concat(t, ',')", "2,3,3");
        gives("local t = table.move({ 1, 2, 3 }, 1, 3, 2) return table.concat(t, ',')", "1,1,2,3");
        gives("local t = table.move({ 1, 2, 3 }, 1, 3, 1, {}) return table.concat(t, ',')", "1,2,3");
        gives("return table.pack(1, nil, 3).n .. select('#', table.unpack({ 1, nil, 3 }, 1, 3))", "33");
        gives("return tostring(table.remove({}))", "nil");
        fails("table.insert({}, 5, 1)", "s.lua:1: bad argument #2 to 'insert' (position out of bounds)");
        fails("table.concat({ {} })", "s.lua:1: invalid value (at index 1) in table for 'concat'");
}

/* The same seed gives the same numbers, another seed others. */
static void test_random(void)
{
        static const char chunk[] = "local t = {} for i = 1, 5 do t[i] = math.random(1000) end\n"
                                    "return table.concat(t, ' ') .. ' ' .. math.random() .. ' ' .. math.random(-3, 3)";
        struct sandbox_limits limits;
        struct answer first, again, other;

        sandbox_limits_default(&limits);
        first = run_chunk(chunk, &limits, 1, NULL);
        again = run_chunk(chunk, &limits, 1, NULL);
        other = run_chunk(chunk, &limits, 2, NULL);
        g_assert_cmpstr(first.text, ==, again.text);
        g_assert_cmpstr(first.text, !=, other.text);
        answer_clear(&first);
        answer_clear(&again);
        answer_clear(&other);
        fails("math.random(0, -1)", "s.lua:1: bad argument #2 to 'random' (interval is empty)");
        fails("math.random(1, 2, 3)", "s.lua:1: wrong number of arguments");
}

/* Whether a finalizer or a weak table noticed the collector. */
static void test_collector_is_not_seen(void)
{
        static const char garbage[] = " for i = 1, 200000 do local x = { i } end ";
        g_autofree char *late_gc = g_strconcat("local seen = 'no' local mt = {} setmetatable({}, mt)\n"
                                               "mt.__gc = function() seen = 'yes' end", garbage, "return seen", NULL);
        g_autofree char *late_mode = g_strconcat("local mt = {} local t = setmetatable({ {} }, mt) mt.__mode = 'v'",
                                                 garbage, "return #t", NULL);

        fails("setmetatable({}, { __gc = print })",
              "s.lua:1: __gc is refused: when memory is collected must not change a run");
        fails("setmetatable({}, { __mode = 'k' })",
              "s.lua:1: __mode is refused: when memory is collected must not change a run");
        gives(late_gc, "no");
        gives(late_mode, "1");
}

static void test_power(void)
{
        static const char refused[] =
                "the operator ^ is refused, the last digit of its result differs between machines: write a "
                "product, or 1 << n";
        g_autofree char *line_1 = g_strconcat("s.lua:1: ", refused, NULL);
        g_autofree char *line_5 = g_strconcat("s.lua:5: ", refused, NULL);

        fails("return 2 ^ 10", line_1);
        fails("--[[ ^\n ^ ]] local s = '^' .. \"\\\"^\" .. [==[ ^\n]] ^ ]==] -- ^\nlocal t = s --[ ^\nreturn 2^3",
              line_5);
        gives("-- ^\nlocal a = [[^]] return ('x^2'):gsub('^x', 'y')", "y^2");
}

static void test_locale(void)
{
        if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) {
                g_test_skip("no locale with a decimal comma here");
                return;
        }
        gives("return string.format('%.1f ', 1.5) .. 2.5 .. tostring(tonumber('1.5')) .. tostring('a' < 'B')",
              "1.5 2.51.5false");
        setlocale(LC_ALL, "C");
}

static void test_frames(void)
{
        struct answer answer =
                run("local function inner() error('x') end\nlocal function outer() inner() end\nouter()");

        g_assert_cmpstr(answer.text, ==, "s.lua:1: x");
        g_assert_nonnull(strstr(answer.frames, "s.lua:1 in inner\n"));
        g_assert_nonnull(strstr(answer.frames, "s.lua:2 in outer\n"));
        g_assert_nonnull(strstr(answer.frames, "s.lua:3 in the main part\n"));
        answer_clear(&answer);
}

static void add_tests(void)
{
        printed = g_string_new(NULL);
        g_test_add_func("/sandbox/only-what-is-listed", test_allow_list);
        g_test_add_func("/sandbox/absent-names-are-errors", test_absent_names);
        g_test_add_func("/sandbox/metatables-are-kept", test_metatables_are_kept);
        g_test_add_func("/sandbox/require-stays-in-its-folders", test_require);
        g_test_add_func("/sandbox/only-text-is-loaded", test_only_text);
        g_test_add_func("/sandbox/endless-loops-end", test_endless_loops);
        g_test_add_func("/sandbox/total-is-limited", test_total);
        g_test_add_func("/sandbox/no-loops-hidden-in-c", test_no_hidden_loops);
        g_test_add_func("/sandbox/memory-is-limited", test_memory);
        g_test_add_func("/sandbox/deep-recursion-is-an-error", test_deep_recursion);
        g_test_add_func("/sandbox/errors-in-errors", test_errors_in_errors);
        g_test_add_func("/sandbox/stop-flag-is-seen", test_stop_flag);
        g_test_add_func("/sandbox/pairs-has-one-order", test_pairs);
        g_test_add_func("/sandbox/no-addresses", test_no_addresses);
        g_test_add_func("/sandbox/sort-is-stable", test_sort);
        g_test_add_func("/sandbox/table-functions", test_table_functions);
        g_test_add_func("/sandbox/random-comes-from-the-seed", test_random);
        g_test_add_func("/sandbox/collector-is-not-seen", test_collector_is_not_seen);
        g_test_add_func("/sandbox/power-is-refused", test_power);
        g_test_add_func("/sandbox/locale-does-not-matter", test_locale);
        g_test_add_func("/sandbox/frames-are-the-scenario's", test_frames);
}

int main(int argc, char **argv)
{
        return support_main(argc, argv, add_tests);
}
