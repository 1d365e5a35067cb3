/*
 * sandbox_lib.h - inside of the sandbox: what sandbox.c and the three files with its library functions share.
 */
#ifndef KMEMSIM_SCRIPT_SANDBOX_LIB_H
#define KMEMSIM_SCRIPT_SANDBOX_LIB_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "script/sandbox.h"

/* The environment table is on top of the stack; each adds its part and leaves the stack as it was. */
void sandbox_open_base(lua_State *L);
void sandbox_open_table(lua_State *L);
void sandbox_open_string(lua_State *L);

/* Fields of a fresh original library table at `from` that go to the table at `to`. names ends with NULL. */
void sandbox_copy_fields(lua_State *L, int from, int to, const char *const *names);

/* As luaL_tolstring, without addresses: pushes the text of the value at index. */
const char *sandbox_tolstring(lua_State *L, int index, size_t *ret_length);

void sandbox_print(lua_State *L, const char *line);

/* A fault is on its way up and pcall must let it pass. */
bool sandbox_has_fault(lua_State *L);

/* An allocation was refused: ends the run with the sentence that says which bound it was. */
int sandbox_fault_memory(lua_State *L);

/* require: pushes what the module returned. */
int sandbox_require(lua_State *L);

#endif
