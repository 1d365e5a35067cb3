/*
 * fields.c - arguments of a scenario's functions: the fields of a table, and values that are an integer or a text with
 * a unit. Every table is read strictly: a field that is not known is an error that names the known ones.
 */
#include <string.h>

#include "script/gfp_text.h"
#include "script/quantity.h"
#include "script/scenario_parts.h"
#include "trace/gfp.h"

void fields_push_list(lua_State *L, const char *const *words)
{
        luaL_Buffer list;

        luaL_buffinit(L, &list);
        for (int i = 0; words[i]; i++) {
                if (i > 0)
                        luaL_addstring(&list, ", ");
                luaL_addstring(&list, words[i]);
        }
        luaL_pushresult(&list);
}

void fields_check(lua_State *L, int index, const char *what, const char *const *known)
{
        index = lua_absindex(L, index);
        if (lua_type(L, index) != LUA_TTABLE)
                luaL_error(L, "%s needs a table: %s { ... }", what, what);
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
                bool found = false;

                if (lua_type(L, -2) == LUA_TSTRING)
                        for (int i = 0; known[i] && !found; i++)
                                found = strcmp(known[i], lua_tostring(L, -2)) == 0;
                if (found)
                        continue;
                fields_push_list(L, known);
                if (lua_type(L, -3) == LUA_TSTRING)
                        luaL_error(L, "%s has no field '%s'; it has %s", what, lua_tostring(L, -3),
                                   lua_tostring(L, -1));
                luaL_error(L, "%s has fields with names only: %s", what, lua_tostring(L, -1));
        }
}

void fields_need(lua_State *L, bool is_there, const char *what, const char *field)
{
        if (!is_there)
                luaL_error(L, "%s needs a field '%s'", what, field);
}

bool fields_push(lua_State *L, int index, const char *field)
{
        if (lua_getfield(L, index, field) != LUA_TNIL)
                return true;
        lua_pop(L, 1);
        return false;
}

/* The text stays alive as long as the table has it. */
bool fields_text(lua_State *L, int index, const char *what, const char *field, const char **ret)
{
        if (!fields_push(L, index, field))
                return false;
        if (lua_type(L, -1) != LUA_TSTRING)
                luaL_error(L, "%s: %s is a text, not a %s", what, field, luaL_typename(L, -1));
        *ret = lua_tostring(L, -1);
        if (strlen(*ret) != lua_rawlen(L, -1) || **ret == '\0')
                luaL_error(L, "%s: %s is empty or holds a NUL byte", what, field);
        lua_pop(L, 1);
        return true;
}

bool fields_integer(lua_State *L, int index, const char *what, const char *field, lua_Integer min, lua_Integer max,
                    uint64_t *ret)
{
        int is_integer;
        lua_Integer value;

        if (!fields_push(L, index, field))
                return false;
        value = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || lua_type(L, -1) != LUA_TNUMBER || value < min || value > max)
                luaL_error(L, "%s: %s is a whole number from %I to %I", what, field, (LUAI_UACINT)min,
                           (LUAI_UACINT)max);
        lua_pop(L, 1);
        *ret = (uint64_t)value;
        return true;
}

bool fields_boolean(lua_State *L, int index, const char *what, const char *field, bool *ret)
{
        if (!fields_push(L, index, field))
                return false;
        if (!lua_isboolean(L, -1))
                luaL_error(L, "%s: %s is true or false", what, field);
        *ret = lua_toboolean(L, -1);
        lua_pop(L, 1);
        return true;
}

void result_set(lua_State *L, const char *field, uint64_t value)
{
        lua_pushinteger(L, (lua_Integer)MIN(value, INT64_MAX));
        lua_setfield(L, -2, field);
}

/* Upvalue 1: what there is none of. */
static int is_not_there(lua_State *L)
{
        return luaL_error(L, "there is no %s '%s'", lua_tostring(L, lua_upvalueindex(1)), luaL_tolstring(L, 2, NULL));
}

void result_seal(lua_State *L, const char *noun)
{
        lua_newtable(L);
        lua_pushstring(L, noun);
        lua_pushcclosure(L, is_not_there, 1);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, -2);
}

static uint64_t read_quantity(lua_State *L, int index, const char *what, const char *noun,
                              const char *(*parse)(const char *text, uint64_t *ret))
{
        const char *problem;
        uint64_t value = 0;
        int is_integer;

        if (lua_type(L, index) == LUA_TSTRING) {
                problem = parse(lua_tostring(L, index), &value);
                if (problem)
                        luaL_error(L, "%s: \"%s\" %s", what, lua_tostring(L, index), problem);
                return value;
        }
        value = (uint64_t)lua_tointegerx(L, index, &is_integer);
        if (lua_type(L, index) != LUA_TNUMBER)
                luaL_error(L, "%s needs a %s, not a %s", what, noun,
                           lua_isnone(L, index) ? "missing argument" : luaL_typename(L, index));
        if (!is_integer || (int64_t)value < 0)
                luaL_error(L, "%s: a %s is a whole number, 0 or more", what, noun);
        return value;
}

uint64_t value_size(lua_State *L, int index, const char *what)
{
        return read_quantity(L, index, what, "size", quantity_size);
}

uint64_t value_time(lua_State *L, int index, const char *what)
{
        return read_quantity(L, index, what, "time", quantity_time);
}

bool fields_size(lua_State *L, int index, const char *what, const char *field, uint64_t max, uint64_t *ret)
{
        const char *name;

        if (!fields_push(L, index, field))
                return false;
        name = lua_pushfstring(L, "%s: %s", what, field);
        *ret = value_size(L, -2, name);
        if (*ret > max)
                luaL_error(L, "%s: at most %I bytes", name, (LUAI_UACINT)max);
        lua_pop(L, 2);
        return true;
}

bool fields_time(lua_State *L, int index, const char *what, const char *field, uint64_t *ret)
{
        const char *name;

        if (!fields_push(L, index, field))
                return false;
        name = lua_pushfstring(L, "%s: %s", what, field);
        *ret = value_time(L, -2, name);
        lua_pop(L, 2);
        return true;
}

uint32_t value_gfp(lua_State *L, int index, const char *what, bool numa)
{
        const char *text, *word;
        size_t length;
        uint32_t gfp;
        int is_integer;
        lua_Integer value;

        if (lua_type(L, index) == LUA_TNUMBER) {
                value = lua_tointegerx(L, index, &is_integer);
                if (!is_integer || value < 0 || value > 0x7ffff)
                        luaL_error(L, "%s: a gfp mask is a sum of the constants in gfp", what);
                return (uint32_t)value;
        }
        if (lua_type(L, index) != LUA_TSTRING)
                luaL_error(L, "%s: a gfp mask is a text such as \"atomic\" or \"kernel,dma\", not a %s", what,
                           luaL_typename(L, index));
        text = lua_tostring(L, index);
        if (!gfp_parse(text, numa, &gfp, &word, &length)) {
                char *words = gfp_words();

                lua_pushlstring(L, word, length);
                lua_pushstring(L, words);
                g_free(words);
                luaL_error(L, "%s: '%s' is no gfp flag; there are %s", what, lua_tostring(L, -2), lua_tostring(L, -1));
        }
        return gfp;
}

enum failure_policy value_policy(lua_State *L, int index, const char *what)
{
        static const char *const names[] = { "nil", "count", "fatal" };
        const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";

        for (int i = 0; i < 3; i++)
                if (strcmp(text, names[i]) == 0)
                        return (enum failure_policy)i;
        luaL_error(L, "%s: on_failure is \"nil\", \"count\" or \"fatal\"", what);
        return FAILURE_NIL;
}
