/*
 * test_pattern.c - find, match, gmatch and gsub of the sandbox against Lua's own, on fixed and on random cases; and
 * what happens when a pattern would take for ever.
 */
#include <glib.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/prng.h"
#include "script/sandbox.h"

/* One string that tells everything the four functions do with a text and a pattern. Of errors only that there is one.
 * */
static const char tell[] =
        "local text, pattern, template = ...\n"
        "local out = {}\n"
        "local function add(what, good, ...)\n"
        "        local list = good and { ... } or { 'error' }\n"
        "        for i = 1, good and select('#', ...) or 1 do list[i] = tostring(list[i]) end\n"
        "        out[#out + 1] = what .. ': ' .. table.concat(list, '|')\n"
        "end\n"
        "add('find', pcall(string.find, text, pattern))\n"
        "add('find from 3', pcall(string.find, text, pattern, 3))\n"
        "add('find from -2', pcall(string.find, text, pattern, -2))\n"
        "add('find plain', pcall(string.find, text, pattern, 1, true))\n"
        "add('match', pcall(string.match, text, pattern))\n"
        "add('gsub', pcall(string.gsub, text, pattern, template))\n"
        "add('gsub 2', pcall(string.gsub, text, pattern, '<%0>', 2))\n"
        "add('gsub function', pcall(string.gsub, text, pattern, function(a, b) return b and a .. b end))\n"
        "add('gsub table', pcall(string.gsub, text, pattern, { a = 'A', b = 1, ab = false }))\n"
        "add('gmatch', pcall(function()\n"
        "        local all = {}\n"
        "        for a, b in string.gmatch(text, pattern) do all[#all + 1] = tostring(a) .. ',' .. tostring(b) end\n"
        "        return table.concat(all, ';')\n"
        "end))\n"
        "return table.concat(out, '\\n')\n";

struct both {
        struct sandbox *sandbox;
        lua_State *ours, *lua;
};

static void set_up(struct both *both, gconstpointer data)
{
        struct sandbox_limits limits;

        (void)data;
        sandbox_limits_default(&limits);
        both->sandbox = sandbox_new(&limits, 1);
        both->ours = sandbox_state(both->sandbox);
        both->lua = luaL_newstate();
        luaL_openlibs(both->lua);
        g_assert_cmpint(luaL_loadstring(both->ours, tell), ==, LUA_OK);
        g_assert_cmpint(luaL_loadstring(both->lua, tell), ==, LUA_OK);
}

static void tear_down(struct both *both, gconstpointer data)
{
        (void)data;
        lua_close(both->lua);
        sandbox_free(both->sandbox);
}

static char *ask(lua_State *L, const char *text, size_t length, const char *pattern, const char *template)
{
        char *answer;

        lua_settop(L, 1);
        lua_pushvalue(L, 1);
        lua_pushlstring(L, text, length);
        lua_pushstring(L, pattern);
        lua_pushstring(L, template);
        g_assert_cmpint(lua_pcall(L, 3, 1, 0), ==, LUA_OK);
        answer = g_strdup(lua_tostring(L, -1));
        return answer;
}

static void compare(struct both *both, const char *text, size_t length, const char *pattern, const char *template)
{
        g_autofree char *ours = ask(both->ours, text, length, pattern, template);
        g_autofree char *lua = ask(both->lua, text, length, pattern, template);

        if (strcmp(ours, lua) != 0)
                g_test_message("text '%s', pattern '%s', template '%s'", text, pattern, template);
        g_assert_cmpstr(ours, ==, lua);
}

static void test_fixed(struct both *both, gconstpointer data)
{
        static const char *const patterns[] = {
                "",      "a",      ".",     "b*",        "b+",     "b-",        "b?",
                "^b",    "b$",     "^$",    "^",         "$",      "a$b",       "a^b",
                "%a+",   "%s*",    "%d%d",  "[ab]+",     "[^ab]+", "[a-c]",     "[%a_]",
                "[]]",   "[^]]",   "[a-]",  "[-a]",      "[%]]",   "(a)(b)",    "()",
                "()b()", "(a(b))", "(b-)a", "%b()",      "%bab",   "%f[%w]%w+", "%f[%z]",
                "%f[a]", "(a)%1",  "(.)%1", "%%",        "%.",     "%w*$",      "^(%s*)(.-)%s*$",
                "a.-b",  ".*",     ".-",    "(.*)b(.*)", "[a",     "[",         "%",
                "(",     ")",      "(a",    "a)",        "%1",     "(a)%2",     "%f",
                "%fa",   "%b",     "%ba",   "[%",        "[a-",    "%x+",       "%p",
                "%c",    "%g+",    "%l%u",  "%A",        "%S+",    "[%d.]+",    "a%-b",
                "-",     "*",      "+",     "?",         "[[]",    "[%w%s]+",
        };
        static const char *const texts[] = {
                "",       "a",     "b",     "ab",  "aabb",    "abab",  "(a(b)c)", "  hello  world ", "key = value",
                "x12.5y", "a]b[c", "aa bb", "%a%", "ABC abc", "a-b-c", "bbb",     "a\tb\n",
        };

        (void)data;
        for (gsize i = 0; i < G_N_ELEMENTS(patterns); i++)
                for (gsize k = 0; k < G_N_ELEMENTS(texts); k++) {
                        compare(both, texts[k], strlen(texts[k]), patterns[i], "[%0%1]");
                        compare(both, texts[k], strlen(texts[k]), patterns[i], "x");
                }
        compare(both, "a\0b\0c", 5, "%z", "0");
        compare(both, "a\0b\0c", 5, "[^a]+", "0");
        compare(both, "aXb", 3, "X", "%");
        compare(both, "aXb", 3, "X", "%y");
        compare(both, "aXb", 3, "X", "%2");
        compare(both, "aXb", 3, "(X)", "%%%1%1");
}

static void test_random(struct both *both, gconstpointer data)
{
        static const char *const pieces[] = { "a", "b",  "c",  ".", "%a", "[ab]", "[^a]",  "*",     "+",  "-", "?", "(",
                                              ")", "()", "%1", "^", "$",  "%b()", "%f[a]", "[b-c]", "%s", " ", "%W" };
        static const char letters[] = "aabbc ()";
        struct prng prng;

        (void)data;
        prng_init(&prng, 1, prng_stream_of("patterns"));
        for (int round = 0; round < 20000; round++) {
                g_autoptr(GString) pattern = g_string_new(NULL);
                char text[13];
                size_t length = prng_below(&prng, sizeof(text));

                for (uint64_t i = prng_below(&prng, 7); i > 0; i--)
                        g_string_append(pattern, pieces[prng_below(&prng, G_N_ELEMENTS(pieces))]);
                for (size_t i = 0; i < length; i++)
                        text[i] = letters[prng_below(&prng, sizeof(letters) - 1)];
                text[length] = '\0';
                compare(both, text, length, pattern->str, "%0");
        }
}

/* Lua's own matcher would be busy for longer than there is time. */
static void test_too_much(struct both *both, gconstpointer data)
{
        static const char *const chunks[] = {
                "return string.find(('a'):rep(100), ('a?'):rep(60) .. ('.-'):rep(20) .. 'b')",
                "return string.match(('a'):rep(1000), ('.-'):rep(12) .. 'b')",
                "return string.gsub(('a'):rep(10000), '.-.-.-b', '')",
                "for x in string.gmatch(('a'):rep(100000), '.-.-b') do end",
        };

        (void)data;
        for (gsize i = 0; i < G_N_ELEMENTS(chunks); i++) {
                struct sandbox_limits limits;
                struct sandbox *sandbox;
                lua_State *L;

                sandbox_limits_default(&limits);
                sandbox = sandbox_new(&limits, 1);
                L = sandbox_state(sandbox);
                g_assert_cmpint(luaL_loadstring(L, chunks[i]), ==, LUA_OK);
                g_assert_cmpint(lua_pcall(L, 0, 0, 0), !=, LUA_OK);
                g_assert_nonnull(
                        strstr(lua_tostring(L, -1), "pattern matching takes too many steps (more than 10000000)"));
                sandbox_free(sandbox);
        }
        (void)both;
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add("/script/pattern/as-lua-does-it", struct both, NULL, set_up, test_fixed, tear_down);
        g_test_add("/script/pattern/as-lua-does-it-at-random", struct both, NULL, set_up, test_random, tear_down);
        g_test_add("/script/pattern/gives-up-in-time", struct both, NULL, set_up, test_too_much, tear_down);
        return g_test_run();
}
