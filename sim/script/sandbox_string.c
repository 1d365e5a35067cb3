/*
 * sandbox_string.c - the string functions: Lua's own where they are harmless, ours for patterns (pattern.h), rep (an
 * empty string repeated 2^60 times keeps Lua busy) and format (%s and %p would print addresses).
 */
#include <string.h>

#include "script/pattern.h"
#include "script/sandbox_lib.h"

#define STEPS_MAX 10000000u /* of one call: a fraction of a second */

/* -- patterns ----------------------------------------------------------------------------------------------------- */

/* One search: text and pattern from stack indexes 1 and 2. */
struct search {
        struct pattern match;
        const char *text, *pattern;
        size_t text_length;
        bool anchored;
        uint64_t charged;
};

static void search_init(lua_State *L, struct search *search)
{
        size_t length;

        memset(search, 0, sizeof(*search));
        search->text = luaL_checklstring(L, 1, &search->text_length);
        search->pattern = luaL_checklstring(L, 2, &length);
        search->match.text = search->text;
        search->match.text_end = search->text + search->text_length;
        search->match.end = search->pattern + length;
        search->match.steps_max = STEPS_MAX;
}

/* A ^ at the beginning ties the match to its place, and is no part of what pattern_match gets. */
static void search_take_anchor(struct search *search)
{
        search->anchored = search->pattern < search->match.end && *search->pattern == '^';
        search->pattern += search->anchored;
}

static void search_charge(lua_State *L, struct search *search)
{
        uint64_t steps = search->match.steps - search->charged;

        search->charged = search->match.steps;
        if (search->match.problem == pattern_too_much)
                sandbox_fault_raise(L, SANDBOX_FAULT_SCRIPT, 1, "%s (more than %u)", pattern_too_much, STEPS_MAX);
        sandbox_charge(L, steps / 2);
        if (search->match.problem)
                luaL_error(L, "%s", search->match.problem);
}

/* Matches at `at` exactly. */
static const char *search_match(lua_State *L, struct search *search, const char *at)
{
        const char *end = pattern_match(&search->match, at, search->pattern);

        search_charge(L, search);
        return end;
}

/* The first match at `at` or behind it; *ret_begin is where. */
static const char *search_from(lua_State *L, struct search *search, const char *at, const char **ret_begin)
{
        const char *end = NULL;

        for (; at <= search->match.text_end && !search->match.problem; at++) {
                search->match.steps++;
                end = pattern_match(&search->match, at, search->pattern);
                if (end || search->anchored)
                        break;
        }
        *ret_begin = at;
        search_charge(L, search);
        return end;
}

/* Pushes capture number `index`; without any capture, 0 is the whole match. */
static void push_capture(lua_State *L, const struct search *search, int index, const char *begin, const char *end)
{
        if (index >= search->match.captures) {
                if (index != 0)
                        luaL_error(L, "invalid capture index %%%d", index + 1);
                lua_pushlstring(L, begin, (size_t)(end - begin));
        } else if (search->match.capture[index].length == CAPTURE_POSITION) {
                lua_pushinteger(L, search->match.capture[index].begin - search->text + 1);
        } else if (search->match.capture[index].length == CAPTURE_OPEN) {
                luaL_error(L, "unfinished capture");
        } else {
                lua_pushlstring(L, search->match.capture[index].begin, (size_t)search->match.capture[index].length);
        }
}

static int push_captures(lua_State *L, const struct search *search, const char *begin, const char *end, bool whole)
{
        int count = search->match.captures == 0 && whole ? 1 : search->match.captures;

        luaL_checkstack(L, count, "too many captures");
        for (int i = 0; i < count; i++)
                push_capture(L, search, i, begin, end);
        return count;
}

/* The argument `init` as an offset from 0; may lie behind the end. */
static size_t start_offset(lua_State *L, int index, size_t length)
{
        lua_Integer init = luaL_optinteger(L, index, 1);

        if (init > 0)
                return (size_t)init - 1;
        if (init == 0 || init < -(lua_Integer)length)
                return 0;
        return length - (size_t)-init;
}

/* No character of the pattern means anything but itself. */
static bool is_plain(const struct search *search)
{
        for (const char *c = search->pattern; c < search->match.end; c++)
                if (*c && strchr("^$*+?.([%-", *c))
                        return false;
        return true;
}

static int find_plain(lua_State *L, struct search *search, size_t start)
{
        size_t length = (size_t)(search->match.end - search->pattern);
        const char *found = memmem(search->text + start, search->text_length - start, search->pattern, length);

        sandbox_charge(L, (search->text_length - start) / 16);
        if (!found) {
                lua_pushnil(L);
                return 1;
        }
        lua_pushinteger(L, found - search->text + 1);
        lua_pushinteger(L, found - search->text + (lua_Integer)length);
        return 2;
}

static int find_or_match(lua_State *L, bool find)
{
        struct search search;
        const char *begin, *end;
        size_t start;

        search_init(L, &search);
        start = start_offset(L, 3, search.text_length);
        if (start > search.text_length) {
                lua_pushnil(L);
                return 1;
        }
        if (find && (lua_toboolean(L, 4) || is_plain(&search)))
                return find_plain(L, &search, start);
        search_take_anchor(&search);
        end = search_from(L, &search, search.text + start, &begin);
        if (!end) {
                lua_pushnil(L);
                return 1;
        }
        if (!find)
                return push_captures(L, &search, begin, end, true);
        lua_pushinteger(L, begin - search.text + 1);
        lua_pushinteger(L, end - search.text);
        return 2 + push_captures(L, &search, begin, end, false);
}

static int string_find(lua_State *L)
{
        return find_or_match(L, true);
}

static int string_match(lua_State *L)
{
        return find_or_match(L, false);
}

/* Upvalues: text, pattern, offset to go on from, end of the last match (or -1). */
static int gmatch_step(lua_State *L)
{
        struct search search;
        const char *at, *begin, *end, *last;

        lua_settop(L, 0);
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushvalue(L, lua_upvalueindex(2));
        search_init(L, &search);
        at = search.text + lua_tointeger(L, lua_upvalueindex(3));
        last = search.text + lua_tointeger(L, lua_upvalueindex(4));
        for (; (end = search_from(L, &search, at, &begin)); at = begin + 1) {
                if (end == last) /* an empty match right behind the last one does not count */
                        continue;
                lua_pushinteger(L, end - search.text);
                lua_copy(L, -1, lua_upvalueindex(3));
                lua_replace(L, lua_upvalueindex(4));
                return push_captures(L, &search, begin, end, true);
        }
        lua_pushinteger(L, (lua_Integer)search.text_length + 1);
        lua_replace(L, lua_upvalueindex(3));
        return 0;
}

static int string_gmatch(lua_State *L)
{
        size_t length, start;

        luaL_checklstring(L, 1, &length);
        luaL_checkstring(L, 2);
        start = start_offset(L, 3, length);
        lua_settop(L, 2);
        lua_pushinteger(L, (lua_Integer)(start > length ? length + 1 : start));
        lua_pushinteger(L, -1);
        lua_pushcclosure(L, gmatch_step, 4);
        return 1;
}

/* Adds the replacement text at index 3, with %0 .. %9 filled in. */
static void add_template(lua_State *L, struct search *search, luaL_Buffer *result, const char *begin, const char *end)
{
        size_t length;
        const char *text = lua_tolstring(L, 3, &length);

        for (const char *at = text; at < text + length; at++) {
                if (*at != '%') {
                        luaL_addchar(result, *at);
                } else if (at + 1 == text + length) {
                        luaL_error(L, "invalid use of '%%' in replacement string");
                } else if (*++at == '%') {
                        luaL_addchar(result, '%');
                } else if (*at == '0') {
                        luaL_addlstring(result, begin, (size_t)(end - begin));
                } else if (*at >= '1' && *at <= '9') {
                        push_capture(L, search, *at - '1', begin, end);
                        luaL_tolstring(L, -1, NULL); /* a position becomes text */
                        lua_remove(L, -2);
                        luaL_addvalue(result);
                } else {
                        luaL_error(L, "invalid use of '%%' in replacement string");
                }
        }
}

static void add_replacement(lua_State *L, struct search *search, luaL_Buffer *result, const char *begin,
                            const char *end)
{
        switch (lua_type(L, 3)) {
        case LUA_TFUNCTION:
                lua_pushvalue(L, 3);
                lua_call(L, push_captures(L, search, begin, end, true), 1);
                break;
        case LUA_TTABLE:
                push_capture(L, search, 0, begin, end);
                lua_gettable(L, 3);
                break;
        default:
                add_template(L, search, result, begin, end);
                return;
        }
        if (!lua_toboolean(L, -1)) {
                lua_pop(L, 1);
                luaL_addlstring(result, begin, (size_t)(end - begin));
        } else if (!lua_isstring(L, -1)) {
                luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
        } else {
                luaL_addvalue(result);
        }
}

static int string_gsub(lua_State *L)
{
        struct search search;
        lua_Integer limit, count = 0;
        const char *at, *end, *last = NULL;
        luaL_Buffer result;
        int type = lua_type(L, 3);

        search_init(L, &search);
        search_take_anchor(&search);
        luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE,
                         3, "string/function/table");
        limit = luaL_optinteger(L, 4, (lua_Integer)search.text_length + 1);
        luaL_buffinit(L, &result);
        for (at = search.text; count < limit;) {
                end = search_match(L, &search, at);
                if (end && end != last) {
                        count++;
                        add_replacement(L, &search, &result, at, end);
                        at = last = end;
                } else if (at < search.match.text_end) {
                        luaL_addchar(&result, *at++);
                } else {
                        break;
                }
                if (search.anchored)
                        break;
        }
        luaL_addlstring(&result, at, (size_t)(search.match.text_end - at));
        luaL_pushresult(&result);
        lua_pushinteger(L, count);
        return 2;
}

/* -- rep, format -------------------------------------------------------------------------------------------------- */

static int string_rep(lua_State *L)
{
        size_t length, separator_length;
        const char *text = luaL_checklstring(L, 1, &length);
        lua_Integer count = luaL_checkinteger(L, 2);
        const char *separator = luaL_optlstring(L, 3, "", &separator_length);
        luaL_Buffer result;
        char *at;

        if (count <= 0 || length + separator_length == 0) {
                lua_pushliteral(L, "");
                return 1;
        }
        if ((uint64_t)count > SANDBOX_STRING_BYTES / (length + separator_length) + 1)
                return sandbox_fault_raise(L, SANDBOX_FAULT_SCRIPT, 1, "a string of more than %u MiB",
                                           SANDBOX_STRING_BYTES >> 20);
        sandbox_charge(L, (uint64_t)count / 16);
        at = luaL_buffinitsize(L, &result, (size_t)count * (length + separator_length));
        for (lua_Integer i = 1; i < count; i++) {
                at = (char *)memcpy(at, text, length) + length;
                at = (char *)memcpy(at, separator, separator_length) + separator_length;
        }
        memcpy(at, text, length);
        luaL_pushresultsize(&result, (size_t)count * (length + separator_length) - separator_length);
        return 1;
}

/* Upvalue 1: Lua's own format. Arguments of %s become text without addresses first. */
static int string_format(lua_State *L)
{
        const char *at = luaL_checkstring(L, 1);
        int args = lua_gettop(L), arg = 1;

        for (; *at; at++) {
                if (*at != '%')
                        continue;
                if (*++at == '%')
                        continue;
                at += strspn(at, "-+ #0123456789.");
                if (++arg > args || *at == '\0')
                        break; /* the original says what is wrong */
                if (*at == 'p')
                        return luaL_error(L, "%%p is refused: an address differs from run to run");
                if (*at == 's' || (lua_type(L, arg) == LUA_TNUMBER && lua_tonumber(L, arg) != lua_tonumber(L, arg))) {
                        if (*at == 's')
                                sandbox_tolstring(L, arg, NULL);
                        else
                                lua_pushnumber(L, (lua_Number)__builtin_nan("")); /* without a sign */
                        lua_replace(L, arg);
                }
        }
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, args, 1);
        return 1;
}

void sandbox_open_string(lua_State *L)
{
        static const char *const names[] = { "byte", "char", "len", "lower", "reverse", "sub", "upper", NULL };
        static const luaL_Reg functions[] = {
                { "find", string_find }, { "gmatch", string_gmatch }, { "gsub", string_gsub },
                { "match", string_match }, { "rep", string_rep },     { NULL, NULL },
        };

        luaL_newlib(L, functions);
        lua_pushcfunction(L, luaopen_string); /* also gives strings their metatable */
        lua_call(L, 0, 1);
        sandbox_copy_fields(L, -1, -2, names);
        lua_getfield(L, -1, "format");
        lua_pushcclosure(L, string_format, 1);
        lua_setfield(L, -3, "format");
        lua_pop(L, 1);

        lua_pushliteral(L, "");
        lua_getmetatable(L, -1);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "__index");
        lua_pop(L, 2);
        lua_setfield(L, -2, "string");
}
