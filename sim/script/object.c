/*
 * object.c - what kmalloc, alloc and pages return, as a scenario sees it: fields to read, and a memory of where it came
 * from, so that a second free can say so.
 */
#include <string.h>

#include "script/scenario_parts.h"

struct object *object_new(struct scenario *scenario, lua_State *L)
{
        struct object *object = handle_new(scenario, L, HANDLE_OBJECT, sizeof(*object));

        object->object = OBJECT_NONE;
        return object;
}

struct object *object_check(lua_State *L, int index)
{
        struct object *object = handle_part(L, index, HANDLE_OBJECT);

        if (!object)
                luaL_typeerror(L, index, "object");
        return object;
}

static const char *cache_name(const struct scenario *scenario, uint32_t cache)
{
        struct cache_view view;

        return scenario->sim && cache != CACHE_ID_NONE && sim_cache_get(scenario->sim, cache, &view) ? view.name : "?";
}

/* NULL: it is no element of a memory pool. */
static const char *mempool_name(const struct scenario *scenario, const struct object *object)
{
        return object->mempool ? sim_memory(scenario->sim)->mempools[object->mempool].spec.name : NULL;
}

char *object_text(const struct scenario *scenario, const struct object *object)
{
        if (object->mempool)
                return g_strdup_printf("mempool element of '%s' (op %" G_GUINT64_FORMAT ", page %u, offset %u)",
                                       mempool_name(scenario, object), object->op, place_pfn(object->place),
                                       place_offset(object->place));
        if (object->is_pages)
                return g_strdup_printf("block of order %u (op %" G_GUINT64_FORMAT ", page %u)", object->order,
                                       object->op, place_pfn(object->place));
        return g_strdup_printf("%s object (op %" G_GUINT64_FORMAT ", page %u, offset %u)",
                               cache_name(scenario, object->cache), object->op, place_pfn(object->place),
                               place_offset(object->place));
}

/* Upvalue 1: the scenario. */
static int object_index(lua_State *L)
{
        static const char *const fields[] = { "size",  "cache", "pfn",  "offset", "address", "op",
                                              "order", "freed", "path", "dur_ns", "mempool", NULL };
        const struct scenario *scenario = lua_touserdata(L, lua_upvalueindex(1));
        const struct object *object = lua_touserdata(L, 1);
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
        int field = 0;

        while (fields[field] && strcmp(fields[field], name) != 0)
                field++;
        switch (field) {
        case 0: lua_pushinteger(L, (lua_Integer)object->size_bytes); break;
        case 1:
                if (object->cache == CACHE_ID_NONE)
                        lua_pushnil(L);
                else
                        lua_pushstring(L, cache_name(scenario, object->cache));
                break;
        case 2: lua_pushinteger(L, place_pfn(object->place)); break;
        case 3: lua_pushinteger(L, place_offset(object->place)); break;
        case 4: lua_pushinteger(L, (lua_Integer)object->place); break;
        case 5: lua_pushinteger(L, (lua_Integer)object->op); break;
        case 6: lua_pushinteger(L, object->order); break;
        case 7: lua_pushboolean(L, object->is_freed); break;
        case 8: lua_pushstring(L, op_path_names[object->path]); break;
        case 9: lua_pushinteger(L, (lua_Integer)object->dur_ns); break;
        case 10: lua_pushstring(L, mempool_name(scenario, object)); break; /* nil if there is none */
        default: return luaL_error(L, "an object has no field '%s'", name);
        }
        return 1;
}

static int object_tostring(lua_State *L)
{
        const struct scenario *scenario = lua_touserdata(L, lua_upvalueindex(1));
        const struct object *object = lua_touserdata(L, 1);

        if (object->mempool)
                lua_pushfstring(L, "element of mempool \"%s\", op %I", mempool_name(scenario, object),
                                (LUAI_UACINT)object->op);
        else if (object->is_pages)
                lua_pushfstring(L, "block of order %d, op %I", object->order, (LUAI_UACINT)object->op);
        else
                lua_pushfstring(L, "%s object, op %I", cache_name(scenario, object->cache), (LUAI_UACINT)object->op);
        return 1;
}

static int object_newindex(lua_State *L)
{
        return luaL_error(L, "the fields of an object are for reading");
}

void object_open(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg functions[] = {
                { "__index", object_index }, { "__newindex", object_newindex }, { "__tostring", object_tostring },
                { NULL, NULL },
        };

        handle_open(scenario, L, HANDLE_OBJECT, "object", functions);
}
