/*
 * sandbox_base.c - the basic functions and math, as far as a scenario gets them (sandbox.h says what differs and why).
 */
#include <string.h>

#include "script/sandbox_lib.h"

void sandbox_copy_fields(lua_State *L, int from, int to, const char *const *names)
{
        from = lua_absindex(L, from);
        to = lua_absindex(L, to);
        for (; *names; names++) {
                lua_getfield(L, from, *names);
                lua_setfield(L, to, *names);
        }
}

/* -- tostring, print ---------------------------------------------------------------------------------------------- */

static const char numbers_key, originals_key; /* addresses are keys of the registry */

/* The number of a table, function or thread: given when it is first asked for. */
static lua_Integer number_of(lua_State *L, int index)
{
        lua_Integer number;

        lua_rawgetp(L, LUA_REGISTRYINDEX, &numbers_key);
        lua_pushvalue(L, index);
        if (lua_rawget(L, -2) == LUA_TNUMBER) {
                number = lua_tointeger(L, -1);
        } else {
                number = (lua_Integer)(lua_rawgeti(L, -2, 0) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0) + 1;
                lua_pop(L, 1);
                lua_pushinteger(L, number);
                lua_rawseti(L, -3, 0);
                lua_pushvalue(L, index);
                lua_pushinteger(L, number);
                lua_rawset(L, -4);
        }
        lua_pop(L, 2);
        return number;
}

const char *sandbox_tolstring(lua_State *L, int index, size_t *ret_length)
{
        int type;

        index = lua_absindex(L, index);
        luaL_checkstack(L, 8, NULL);
        if (luaL_callmeta(L, index, "__tostring")) {
                if (lua_type(L, -1) != LUA_TSTRING)
                        luaL_error(L, "'__tostring' must return a string");
                return lua_tolstring(L, -1, ret_length);
        }
        switch (lua_type(L, index)) {
        case LUA_TNUMBER:
                if (!lua_isinteger(L, index) && lua_tonumber(L, index) != lua_tonumber(L, index))
                        lua_pushliteral(L, "nan"); /* its sign differs between machines */
                else
                        lua_pushvalue(L, index);
                break;
        case LUA_TSTRING:
                lua_pushvalue(L, index);
                break;
        case LUA_TBOOLEAN:
                lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
                break;
        case LUA_TNIL:
                lua_pushliteral(L, "nil");
                break;
        default:
                type = luaL_getmetafield(L, index, "__name");
                if (type != LUA_TSTRING) {
                        lua_pop(L, type == LUA_TNIL ? 0 : 1);
                        lua_pushstring(L, luaL_typename(L, index));
                }
                lua_pushfstring(L, "%s: %I", lua_tostring(L, -1), (LUAI_UACINT)number_of(L, index));
                lua_remove(L, -2);
        }
        return lua_tolstring(L, -1, ret_length);
}

static int base_tostring(lua_State *L)
{
        luaL_checkany(L, 1);
        sandbox_tolstring(L, 1, NULL);
        return 1;
}

static int base_print(lua_State *L)
{
        int args = lua_gettop(L);
        luaL_Buffer line;

        for (int i = 1; i <= args; i++) {
                sandbox_tolstring(L, i, NULL);
                lua_replace(L, i);
        }
        luaL_buffinit(L, &line);
        for (int i = 1; i <= args; i++) {
                if (i > 1)
                        luaL_addchar(&line, '\t');
                lua_pushvalue(L, i);
                luaL_addvalue(&line);
        }
        luaL_pushresult(&line);
        sandbox_print(L, lua_tostring(L, -1));
        return 0;
}

/* -- pairs, next -------------------------------------------------------------------------------------------------- */

enum key_rank { KEY_NUMBER, KEY_STRING, KEY_BOOLEAN, KEY_HANDLE, KEY_NONE };

/* A key in C, to be sorted: valid while the table is not changed. */
struct key {
        uint8_t rank;
        bool is_float;
        uint32_t index; /* where it is in the list of keys */
        lua_Integer integer;
        lua_Number number;
        const char *text;
        size_t length;
};

static int compare_numbers(const struct key *a, const struct key *b)
{
        lua_Integer whole;

        if (!a->is_float && !b->is_float)
                return a->integer < b->integer ? -1 : a->integer > b->integer;
        if (a->is_float && b->is_float)
                return a->number < b->number ? -1 : a->number > b->number;
        if (!a->is_float)
                return -compare_numbers(b, a);
        /* A float key is no integer: Lua turns those into integers. Exact, also where a double skips integers. */
        if (a->number >= 0x1p63)
                return 1;
        if (a->number < -0x1p63)
                return -1;
        whole = (lua_Integer)a->number;
        return whole - ((lua_Number)whole > a->number) >= b->integer ? 1 : -1;
}

static int compare_keys(const struct key *a, const struct key *b)
{
        int order;

        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        switch (a->rank) {
        case KEY_NUMBER:
                return compare_numbers(a, b);
        case KEY_STRING:
                order = memcmp(a->text, b->text, MIN(a->length, b->length));
                return order ? order : (a->length > b->length) - (a->length < b->length);
        default:
                return a->integer < b->integer ? -1 : a->integer > b->integer;
        }
}

static int compare_keys_with_data(const void *a, const void *b, void *data)
{
        (void)data;
        return compare_keys(a, b);
}

static struct key key_at(lua_State *L, int index)
{
        struct key key = { .rank = KEY_NONE };

        switch (lua_type(L, index)) {
        case LUA_TNUMBER:
                key.rank = KEY_NUMBER;
                key.is_float = !lua_isinteger(L, index);
                if (key.is_float)
                        key.number = lua_tonumber(L, index);
                else
                        key.integer = lua_tointeger(L, index);
                break;
        case LUA_TSTRING:
                key.rank = KEY_STRING;
                key.text = lua_tolstring(L, index, &key.length);
                break;
        case LUA_TBOOLEAN:
                key.rank = KEY_BOOLEAN;
                key.integer = lua_toboolean(L, index);
                break;
        case LUA_TUSERDATA:
                key.rank = KEY_HANDLE;
                key.integer = (lua_Integer)((const struct sandbox_handle *)lua_touserdata(L, index))->serial;
                break;
        default:
                break;
        }
        return key;
}

static struct key checked_key(lua_State *L, int index)
{
        struct key key = key_at(L, index);

        if (key.rank == KEY_NONE)
                luaL_error(L, "a %s as key has no order that is the same in every run; keep a list beside the table",
                           luaL_typename(L, index));
        return key;
}

/* next(table, key): the smallest key above `key`. It looks at every key, so a loop is better made with pairs. */
static int base_next(lua_State *L)
{
        struct key from, best = { .rank = KEY_NONE };
        bool has_from;
        uint64_t seen = 0;

        luaL_checktype(L, 1, LUA_TTABLE);
        lua_settop(L, 2);
        has_from = !lua_isnil(L, 2);
        if (has_from)
                from = checked_key(L, 2);
        lua_pushnil(L); /* 3: the best so far */
        for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), seen++) {
                struct key key = checked_key(L, -2);

                if ((has_from && compare_keys(&key, &from) <= 0) ||
                    (best.rank != KEY_NONE && compare_keys(&key, &best) >= 0))
                        continue;
                best = key;
                lua_pushvalue(L, -2);
                lua_replace(L, 3);
        }
        sandbox_charge(L, seen);
        lua_settop(L, 3);
        if (lua_isnil(L, 3))
                return 1;
        lua_pushvalue(L, 3);
        lua_rawget(L, 1);
        return 2;
}

/* Upvalues: the table, its keys in order (nil: 1, 2, 3 ...), how many, how many are done. */
static int pairs_step(lua_State *L)
{
        lua_Integer count = lua_tointeger(L, lua_upvalueindex(3));
        lua_Integer done = lua_tointeger(L, lua_upvalueindex(4));
        bool is_list = lua_isnil(L, lua_upvalueindex(2));

        while (done < count) {
                done++;
                if (is_list)
                        lua_pushinteger(L, done);
                else
                        lua_rawgeti(L, lua_upvalueindex(2), done);
                lua_pushvalue(L, -1);
                if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
                        lua_pushinteger(L, done);
                        lua_replace(L, lua_upvalueindex(4));
                        return 2;
                }
                lua_pop(L, 2); /* removed since the loop began */
        }
        lua_pushinteger(L, done);
        lua_replace(L, lua_upvalueindex(4));
        lua_pushnil(L);
        return 1;
}

/* Pushes a list of the keys of the table at index 1, sorted, or nil if they are 1, 2, 3 ...; returns their number. */
static lua_Integer push_sorted_keys(lua_State *L)
{
        lua_Integer count = 0, i = 0;
        bool is_list = true, in_order = true;
        struct key *keys;

        for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
                count++;
                is_list = is_list && lua_isinteger(L, -2) && lua_tointeger(L, -2) == count;
        }
        sandbox_charge(L, (uint64_t)count);
        if (is_list) {
                lua_pushnil(L);
                return count;
        }
        if (count > INT32_MAX)
                luaL_error(L, "too many keys");
        lua_createtable(L, (int)count, 0);
        keys = lua_newuserdatauv(L, (size_t)count * sizeof(*keys), 0);
        for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
                keys[i] = checked_key(L, -2);
                keys[i].index = (uint32_t)i + 1;
                in_order = in_order && (i == 0 || compare_keys(&keys[i - 1], &keys[i]) < 0);
                lua_pushvalue(L, -2);
                lua_rawseti(L, -5, ++i);
        }
        if (!in_order) {
                g_qsort_with_data(keys, (int)count, sizeof(*keys), compare_keys_with_data, NULL);
                lua_createtable(L, (int)count, 0);
                for (i = 0; i < count; i++) {
                        lua_rawgeti(L, -3, keys[i].index);
                        lua_rawseti(L, -2, i + 1);
                }
                lua_replace(L, -3);
        }
        lua_pop(L, 1);
        return count;
}

/* pairs(table): the keys of this moment, in order. What is removed meanwhile is left out, what is added is not seen. */
static int base_pairs(lua_State *L)
{
        lua_Integer count;

        luaL_checkany(L, 1);
        if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
                lua_pushvalue(L, 1);
                lua_call(L, 1, 3);
                return 3;
        }
        luaL_checktype(L, 1, LUA_TTABLE);
        lua_settop(L, 1);
        lua_pushvalue(L, 1);
        count = push_sorted_keys(L);
        lua_pushinteger(L, count);
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, pairs_step, 4);
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        return 3;
}

/* -- pcall -------------------------------------------------------------------------------------------------------- */

static int finish_pcall(lua_State *L, int status, lua_KContext below)
{
        if (status == LUA_OK || status == LUA_YIELD)
                return lua_gettop(L) - (int)below;
        if (sandbox_has_fault(L))
                return lua_error(L);
        if (status == LUA_ERRMEM)
                return sandbox_fault_memory(L);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
}

static int base_pcall(lua_State *L)
{
        int status;

        luaL_checkany(L, 1);
        lua_pushboolean(L, 1);
        lua_insert(L, 1);
        status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
        return finish_pcall(L, status, 0);
}

/* -- metatables --------------------------------------------------------------------------------------------------- */

static const char *const metafields[] = {
        "__index", "__newindex", "__call", "__add", "__sub", "__mul", "__div", "__mod", "__idiv", "__unm", "__band",
        "__bor", "__bxor", "__shl", "__shr", "__bnot", "__concat", "__len", "__eq", "__lt", "__le", "__close",
        "__tostring", "__name", "__pairs", "__metatable", NULL,
};

#define METAFIELDS ((int)(sizeof(metafields) / sizeof(*metafields)) - 1)

/* Upvalues of setmetatable: the copies by original, then the names of the fields. */
static int metafield_upvalue(int field)
{
        return lua_upvalueindex(2 + field);
}

static bool is_same_metatable(lua_State *L, int original, int copy)
{
        bool same = true;

        for (int field = 0; field < METAFIELDS && same; field++) {
                lua_pushvalue(L, metafield_upvalue(field));
                lua_rawget(L, original);
                lua_pushvalue(L, metafield_upvalue(field));
                lua_rawget(L, copy);
                same = lua_rawequal(L, -1, -2);
                lua_pop(L, 2);
        }
        return same;
}

/* Pushes a copy that has the known fields of the table at `original` and leads back to it. */
static void push_metatable_copy(lua_State *L, int original)
{
        lua_newtable(L);
        for (int field = 0; field < METAFIELDS; field++) {
                lua_pushvalue(L, metafield_upvalue(field));
                lua_pushvalue(L, -1);
                lua_rawget(L, original);
                lua_rawset(L, -3);
        }
        lua_pushvalue(L, original);
        lua_rawsetp(L, -2, &originals_key);
        lua_pushvalue(L, original);
        lua_pushvalue(L, -2);
        lua_rawset(L, lua_upvalueindex(1));
}

static int base_setmetatable(lua_State *L)
{
        int type = lua_type(L, 2);

        luaL_checktype(L, 1, LUA_TTABLE);
        luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
        lua_settop(L, 2);
        if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
                return luaL_error(L, "cannot change a protected metatable");
        if (type == LUA_TTABLE) {
                static const char *const refused[] = { "__gc", "__mode" };

                for (int i = 0; i < 2; i++) {
                        lua_pushstring(L, refused[i]);
                        if (lua_rawget(L, 2) != LUA_TNIL)
                                return luaL_error(L, "%s is refused: when memory is collected must not change a run",
                                                  refused[i]);
                        lua_pop(L, 1);
                }
                lua_pushvalue(L, 2);
                lua_rawget(L, lua_upvalueindex(1));
                if (lua_isnil(L, 3) || !is_same_metatable(L, 2, 3)) {
                        lua_settop(L, 2);
                        push_metatable_copy(L, 2);
                }
                lua_replace(L, 2);
        }
        lua_settop(L, 2);
        lua_setmetatable(L, 1);
        return 1;
}

/* Of tables only: strings, objects and tasks keep theirs to themselves. */
static int base_getmetatable(lua_State *L)
{
        luaL_checkany(L, 1);
        if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) {
                lua_pushnil(L);
                return 1;
        }
        lua_pushliteral(L, "__metatable");
        if (lua_rawget(L, -2) != LUA_TNIL)
                return 1;
        lua_rawgetp(L, -2, &originals_key);
        return 1;
}

/* -- names that are not there ------------------------------------------------------------------------------------- */

static int unknown_global(lua_State *L)
{
        static const char *const absent[] = {
                "io", "os", "debug", "package", "coroutine", "utf8", "load", "loadstring", "loadfile", "dofile",
                "collectgarbage", "xpcall", "warn", NULL,
        };
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

        for (int i = 0; absent[i]; i++)
                if (strcmp(name, absent[i]) == 0)
                        return luaL_error(L, "'%s' is not offered to scenarios", name);
        return luaL_error(L, "'%s' is not defined", name);
}

/* -- math --------------------------------------------------------------------------------------------------------- */

static int math_random(lua_State *L)
{
        struct prng *prng = sandbox_prng(sandbox_of(L));
        lua_Integer first = 1, last;

        switch (lua_gettop(L)) {
        case 0:
                lua_pushnumber(L, (lua_Number)(prng_next(prng) >> 11) * 0x1p-53);
                return 1;
        case 1:
                last = luaL_checkinteger(L, 1);
                if (last == 0) {
                        lua_pushinteger(L, (lua_Integer)prng_next(prng));
                        return 1;
                }
                break;
        case 2:
                first = luaL_checkinteger(L, 1);
                last = luaL_checkinteger(L, 2);
                break;
        default:
                return luaL_error(L, "wrong number of arguments");
        }
        luaL_argcheck(L, first <= last, lua_gettop(L), "interval is empty");
        lua_pushinteger(L, prng_between(prng, first, last));
        return 1;
}

static void open_math(lua_State *L)
{
        static const char *const names[] = {
                "abs", "ceil", "floor", "fmod", "huge", "max", "maxinteger", "min", "mininteger", "modf", "pi", "sqrt",
                "tointeger", "type", "ult", NULL,
        };

        lua_newtable(L);
        lua_pushcfunction(L, luaopen_math);
        lua_call(L, 0, 1);
        sandbox_copy_fields(L, -1, -2, names);
        lua_pop(L, 1);
        lua_pushcfunction(L, math_random);
        lua_setfield(L, -2, "random");
        lua_setfield(L, -2, "math");
}

/* -- all of it ---------------------------------------------------------------------------------------------------- */

/* Pushes a table with weak keys. Scenarios cannot look into it, so they cannot see what is collected. */
static void push_weak_table(lua_State *L)
{
        lua_newtable(L);
        lua_newtable(L);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
}

void sandbox_open_base(lua_State *L)
{
        static const char *const names[] = {
                "assert", "error",  "ipairs",   "rawequal", "rawget", "rawlen",
                "rawset", "select", "tonumber", "type",     NULL,
        };
        static const luaL_Reg functions[] = {
                { "getmetatable", base_getmetatable }, { "next", base_next },         { "pairs", base_pairs },
                { "pcall", base_pcall },               { "print", base_print },       { "tostring", base_tostring },
                { NULL, NULL },
        };

        /* luaopen_base fills the table of globals: let it do so, keep what is wanted, empty the rest. */
        lua_pushcfunction(L, luaopen_base);
        lua_call(L, 0, 0);
        lua_newtable(L);
        sandbox_copy_fields(L, -2, -1, names);
        for (lua_pushnil(L); lua_next(L, -3);) {
                lua_pop(L, 1);
                lua_pushvalue(L, -1);
                lua_pushnil(L);
                lua_rawset(L, -5);
        }
        sandbox_copy_fields(L, -1, -2, names);
        lua_pop(L, 1);

        luaL_setfuncs(L, functions, 0);
        lua_pushvalue(L, -1);
        lua_setfield(L, -2, "_G");
        lua_pushliteral(L, LUA_VERSION);
        lua_setfield(L, -2, "_VERSION");
        open_math(L);

        push_weak_table(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &numbers_key);
        push_weak_table(L);
        for (int field = 0; field < METAFIELDS; field++)
                lua_pushstring(L, metafields[field]);
        lua_pushcclosure(L, base_setmetatable, 1 + METAFIELDS);
        lua_setfield(L, -2, "setmetatable");
        lua_newtable(L);
        lua_pushcclosure(L, sandbox_require, 1);
        lua_setfield(L, -2, "require");

        lua_newtable(L);
        lua_pushcfunction(L, unknown_global);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_setmetatable(L, -2);
}
