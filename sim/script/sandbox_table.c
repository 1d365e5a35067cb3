/*
 * sandbox_table.c - the table functions. They work on the table itself (no metamethods), and what they move is counted,
 * so that a length invented by a metamethod or a range of 2^60 elements cannot keep them busy.
 */
#include <limits.h>

#include "script/sandbox_lib.h"

#define UNPACK_MAX 100000

static lua_Integer length_of(lua_State *L)
{
        luaL_checktype(L, 1, LUA_TTABLE);
        return (lua_Integer)lua_rawlen(L, 1);
}

/* last - first + 1, or 0 for an empty range; counts them. */
static uint64_t charge_range(lua_State *L, lua_Integer first, lua_Integer last)
{
        uint64_t count = first > last ? 0 : (uint64_t)last - (uint64_t)first + 1;

        if (first <= last && count == 0)
                count = UINT64_MAX / 2;
        sandbox_charge(L, count / 4 + 1);
        return count;
}

static int table_insert(lua_State *L)
{
        lua_Integer end = length_of(L) + 1, position = end;

        if (lua_gettop(L) == 3) {
                position = luaL_checkinteger(L, 2);
                luaL_argcheck(L, position >= 1 && position <= end, 2, "position out of bounds");
                charge_range(L, position, end);
        } else if (lua_gettop(L) != 2) {
                return luaL_error(L, "wrong number of arguments to 'insert'");
        }
        for (lua_Integer i = end; i > position; i--) {
                lua_rawgeti(L, 1, i - 1);
                lua_rawseti(L, 1, i);
        }
        lua_rawseti(L, 1, position);
        return 0;
}

static int table_remove(lua_State *L)
{
        lua_Integer size = length_of(L), position = luaL_optinteger(L, 2, size);

        if (lua_gettop(L) > 1)
                luaL_argcheck(L, (position >= 1 && position <= size + 1) || (size == 0 && position == 0), 2,
                              "position out of bounds");
        lua_rawgeti(L, 1, position);
        charge_range(L, position, size);
        for (; position < size; position++) {
                lua_rawgeti(L, 1, position + 1);
                lua_rawseti(L, 1, position);
        }
        if (position <= size) {
                lua_pushnil(L);
                lua_rawseti(L, 1, position);
        }
        return 1;
}

static int table_move(lua_State *L)
{
        lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), target = luaL_checkinteger(L, 4);
        int to = lua_isnoneornil(L, 5) ? 1 : 5;
        uint64_t count;

        luaL_checktype(L, 1, LUA_TTABLE);
        luaL_checktype(L, to, LUA_TTABLE);
        count = charge_range(L, first, last);
        luaL_argcheck(L, count == 0 || target <= LUA_MAXINTEGER - (lua_Integer)count + 1, 4, "destination wrap around");
        if (target > last || target <= first || to != 1) {
                for (lua_Integer i = 0; i < (lua_Integer)count; i++) {
                        lua_rawgeti(L, 1, first + i);
                        lua_rawseti(L, to, target + i);
                }
        } else {
                for (lua_Integer i = (lua_Integer)count - 1; i >= 0; i--) {
                        lua_rawgeti(L, 1, first + i);
                        lua_rawseti(L, to, target + i);
                }
        }
        lua_pushvalue(L, to);
        return 1;
}

static int table_concat(lua_State *L)
{
        lua_Integer last = length_of(L), i = luaL_optinteger(L, 3, 1);
        size_t separator_length;
        const char *separator = luaL_optlstring(L, 2, "", &separator_length);
        luaL_Buffer text;

        last = luaL_optinteger(L, 4, last);
        charge_range(L, i, last);
        luaL_buffinit(L, &text);
        for (; i <= last; i++) {
                lua_rawgeti(L, 1, i);
                if (!lua_isstring(L, -1))
                        return luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)i);
                luaL_addvalue(&text);
                if (i == last)
                        break;
                luaL_addlstring(&text, separator, separator_length);
        }
        luaL_pushresult(&text);
        return 1;
}

static int table_pack(lua_State *L)
{
        int count = lua_gettop(L);

        lua_createtable(L, count, 1);
        lua_insert(L, 1);
        for (int i = count; i >= 1; i--)
                lua_rawseti(L, 1, i);
        lua_pushinteger(L, count);
        lua_setfield(L, 1, "n");
        return 1;
}

static int table_unpack(lua_State *L)
{
        lua_Integer last = length_of(L), first = luaL_optinteger(L, 2, 1);
        uint64_t count;

        last = luaL_optinteger(L, 3, last);
        count = first > last ? 0 : (uint64_t)last - (uint64_t)first + 1;
        if (first <= last && (count == 0 || count > UNPACK_MAX || !lua_checkstack(L, (int)count)))
                return luaL_error(L, "too many results to unpack");
        sandbox_charge(L, count / 4 + 1);
        for (uint64_t i = 0; i < count; i++)
                lua_rawgeti(L, 1, first + (lua_Integer)i);
        return (int)count;
}

/* -- sort --------------------------------------------------------------------------------------------------------- */

/* Whether element b of the list at stack index 3 must stand before element a. */
static bool comes_before(lua_State *L, uint32_t b, uint32_t a)
{
        bool result;

        if (lua_isnil(L, 2)) {
                lua_rawgeti(L, 3, b);
                lua_rawgeti(L, 3, a);
                result = lua_compare(L, -2, -1, LUA_OPLT);
                lua_pop(L, 2);
        } else {
                lua_pushvalue(L, 2);
                lua_rawgeti(L, 3, b);
                lua_rawgeti(L, 3, a);
                lua_call(L, 2, 1);
                result = lua_toboolean(L, -1);
                lua_pop(L, 1);
        }
        return result;
}

/* table.sort(list [, less]): stable, so equal elements keep their order; any comparison function ends. */
static int table_sort(lua_State *L)
{
        lua_Integer size = length_of(L);
        uint32_t *from, *to, *swap, count;

        luaL_argcheck(L, size < INT_MAX, 1, "array too big");
        if (!lua_isnoneornil(L, 2))
                luaL_checktype(L, 2, LUA_TFUNCTION);
        lua_settop(L, 2);
        count = (uint32_t)size;
        if (count < 2)
                return 0;
        for (uint32_t width = 1; width < count; width *= 2)
                sandbox_charge(L, count);
        lua_createtable(L, (int)count, 0); /* 3: the elements as they were */
        for (uint32_t i = 1; i <= count; i++) {
                lua_rawgeti(L, 1, i);
                lua_rawseti(L, 3, i);
        }
        from = lua_newuserdatauv(L, 2 * (size_t)count * sizeof(*from), 0);
        to = from + count;
        for (uint32_t i = 0; i < count; i++)
                from[i] = i + 1;
        for (uint64_t width = 1; width < count; width *= 2) {
                for (uint64_t begin = 0; begin < count; begin += 2 * width) {
                        uint64_t left = begin, middle = MIN(begin + width, count), right = middle;
                        uint64_t end = MIN(begin + 2 * width, count);

                        for (uint64_t at = begin; at < end; at++) {
                                if (left < middle && (right >= end || !comes_before(L, from[right], from[left])))
                                        to[at] = from[left++];
                                else
                                        to[at] = from[right++];
                        }
                }
                swap = from;
                from = to;
                to = swap;
        }
        for (uint32_t i = 0; i < count; i++) {
                lua_rawgeti(L, 3, from[i]);
                lua_rawseti(L, 1, i + 1);
        }
        return 0;
}

void sandbox_open_table(lua_State *L)
{
        static const luaL_Reg functions[] = {
                { "concat", table_concat }, { "insert", table_insert }, { "move", table_move }, { "pack", table_pack },
                { "remove", table_remove }, { "sort", table_sort },     { "unpack", table_unpack }, { NULL, NULL },
        };

        luaL_newlib(L, functions);
        lua_setfield(L, -2, "table");
}
