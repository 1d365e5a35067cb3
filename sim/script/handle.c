/*
 * handle.c - the Lua values a scenario holds things by: full userdata that begin with a struct sandbox_handle, whose
 * kind says what they are. A scenario cannot make userdata of its own, so the kind is proof enough.
 *
 * A box is a handle that points to something which lives as long as the scenario: task, mailbox, event, cache, memory
 * pool, process. Objects, sets of pages, distributions and arrivals are handles that hold the thing themselves.
 */
#include <string.h>

#include "script/scenario_parts.h"

void *handle_new(struct scenario *scenario, lua_State *L, enum handle_kind kind, size_t bytes)
{
        struct sandbox_handle *handle = lua_newuserdatauv(L, bytes, 0);

        memset(handle, 0, bytes);
        handle->serial = sandbox_serial(scenario->sandbox);
        handle->kind = kind;
        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->meta_refs[kind]);
        lua_setmetatable(L, -2);
        return handle;
}

void *handle_part(lua_State *L, int index, enum handle_kind kind)
{
        struct sandbox_handle *handle = lua_type(L, index) == LUA_TUSERDATA ? lua_touserdata(L, index) : NULL;

        return handle && handle->kind == (uint32_t)kind ? handle : NULL;
}

void handle_open(struct scenario *scenario, lua_State *L, enum handle_kind kind, const char *name,
                 const luaL_Reg *metamethods)
{
        lua_newtable(L);
        lua_pushlightuserdata(L, scenario);
        luaL_setfuncs(L, metamethods, 1);
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__name");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        scenario->meta_refs[kind] = luaL_ref(L, LUA_REGISTRYINDEX);
}

struct box *box_push(struct scenario *scenario, lua_State *L, enum handle_kind kind, void *part)
{
        struct box *box = handle_new(scenario, L, kind, sizeof(*box));

        box->part = part;
        return box;
}

void *box_part(lua_State *L, int index, enum handle_kind kind)
{
        struct box *box = handle_part(L, index, kind);

        return box ? box->part : NULL;
}

int box_tostring(lua_State *L)
{
        const struct box *box = lua_touserdata(L, 1);

        switch ((enum handle_kind)box->handle.kind) {
        case BOX_ACTOR: {
                const struct actor *actor = box->part;

                lua_pushfstring(L, "%s \"%s\"", actor->kind == ACTOR_INTERRUPT ? "interrupt" : "task", actor->name);
                break;
        }
        case BOX_MAILBOX:
                lua_pushfstring(L, "mailbox \"%s\"", ((const struct mailbox *)box->part)->name);
                break;
        case BOX_EVENT:
                lua_pushfstring(L, "event \"%s\"", ((const struct event_flag *)box->part)->name);
                break;
        case BOX_CACHE:
                lua_pushfstring(L, "cache \"%s\"", ((const struct declared_cache *)box->part)->spec.name);
                break;
        case BOX_MEMPOOL:
                lua_pushfstring(L, "mempool \"%s\"", ((const struct declared_mempool *)box->part)->spec.name);
                break;
        case BOX_PROCESS:
                lua_pushfstring(L, "process \"%s\"", ((const struct declared_process *)box->part)->name);
                break;
        case HANDLE_OBJECT:
        case HANDLE_PAGES:
        case HANDLE_DISTRIBUTION:
        case HANDLE_ARRIVALS:
        case HANDLE_KINDS:
                break;
        }
        return 1;
}
