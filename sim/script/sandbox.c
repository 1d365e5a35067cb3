/*
 * sandbox.c - the state, its bounds, files and errors. The library functions are in sandbox_base.c, sandbox_table.c and
 * sandbox_string.c.
 */
#include "script/sandbox.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "script/sandbox_lib.h"

#define HOOK_EVERY          1000 /* instructions */
#define BYTES_PER_COUNT     32   /* allocated bytes that count as one instruction */
#define REPORT_BYTES        (1u << 20) /* more memory while an error is put into words */
#define FRAMES_MAX          16
#define STRING_MESSAGE      "a string of more than 1 MiB"
#define MEMORY_MESSAGE                                                                                                 \
        "the scenario needs more than %" G_GUINT64_FORMAT " MiB of memory (--memory SIZE allows more)"
#define LIBRARY_FOLDER      "lua/"

/* Which source a Lua function is from. An address may be used again by a function of another file; then a message names
 * the wrong file, no more. */
#define PLACE_MEMOS 64

struct place_memo {
        const void *function;
        uint32_t source;
        bool is_library;
};

struct sandbox {
        lua_State *L;
        struct sandbox_limits limits;
        size_t used_bytes, reserve_bytes;
        uint64_t allocated_bytes; /* since the hook last looked */
        uint64_t burst, total;
        bool string_refused;      /* the last refusal was a string too long */
        enum sandbox_fault fault;
        char *fault_text, *fault_frames; /* as they were when it was raised */
        bool is_sealed;
        uint64_t serial;
        struct prng prng;
        const volatile sig_atomic_t *stop;
        void (*print)(const char *line, void *context);
        void *print_context;
        char *folder, *library;
        GPtrArray *sources;           /* struct sandbox_source */
        struct place_memo memos[PLACE_MEMOS];
        locale_t locale, outer_locale;
};

static const volatile sig_atomic_t never_stop;

/* -- memory and instructions -------------------------------------------------------------------------------------- */

static void *allocate(void *context, void *block, size_t old_bytes, size_t new_bytes)
{
        struct sandbox *sandbox = context;

        if (new_bytes == 0) {
                sandbox->used_bytes -= block ? old_bytes : 0;
                free(block);
                return NULL;
        }
        if (!block) {
                if (old_bytes == LUA_TSTRING && new_bytes > SANDBOX_STRING_BYTES + 64) {
                        sandbox->string_refused = true;
                        return NULL;
                }
                old_bytes = 0;
        }
        if (new_bytes > old_bytes) {
                if (sandbox->used_bytes + (new_bytes - old_bytes) >
                    sandbox->limits.memory_bytes + sandbox->reserve_bytes) {
                        sandbox->string_refused = false;
                        return NULL;
                }
                sandbox->allocated_bytes += new_bytes - old_bytes;
        }
        block = realloc(block, new_bytes);
        if (block)
                sandbox->used_bytes += new_bytes - old_bytes;
        return block;
}

int sandbox_fault_raise(lua_State *L, enum sandbox_fault fault, int level, const char *format, ...)
{
        struct sandbox *sandbox = sandbox_of(L);
        char *where = sandbox_place_text(sandbox, sandbox_place(sandbox, L, level)), *what;
        va_list args;

        va_start(args, format);
        what = g_strdup_vprintf(format, args);
        va_end(args);
        sandbox->fault = fault;
        sandbox->reserve_bytes = REPORT_BYTES;
        g_free(sandbox->fault_text);
        g_free(sandbox->fault_frames);
        sandbox->fault_text = g_strconcat(where, ": ", what, NULL);
        sandbox->fault_frames = sandbox_frames(L);
        g_free(where);
        g_free(what);
        lua_pushstring(L, sandbox->fault_text);
        return lua_error(L);
}

static void count(struct sandbox *sandbox, lua_State *L, uint64_t instructions, int level)
{
        sandbox->burst += instructions;
        sandbox->total += instructions;
        if (*sandbox->stop)
                sandbox_fault_raise(L, SANDBOX_FAULT_STOP, level, "interrupted");
        if (sandbox->fault) { /* something like __close goes on while the fault is on its way up */
                lua_pushstring(L, sandbox->fault_text);
                lua_error(L);
        }
        if (sandbox->burst > sandbox->limits.burst)
                sandbox_fault_raise(L, SANDBOX_FAULT_SCRIPT, level,
                                    "more than %" G_GUINT64_FORMAT
                                    " instructions without a request to the simulation: an "
                                    "endless loop? (--limit N allows more)",
                                    sandbox->limits.burst);
        if (sandbox->total > sandbox->limits.total)
                sandbox_fault_raise(L, SANDBOX_FAULT_SCRIPT, level,
                                    "more than %" G_GUINT64_FORMAT " instructions in all: does the scenario never end? "
                                    "(--limit N allows 200 times N)", sandbox->limits.total);
}

static void on_count(lua_State *L, lua_Debug *ar)
{
        struct sandbox *sandbox = sandbox_of(L);
        uint64_t copied = sandbox->allocated_bytes / BYTES_PER_COUNT;

        (void)ar;
        sandbox->allocated_bytes = 0;
        count(sandbox, L, HOOK_EVERY + copied, 0);
}

void sandbox_charge(lua_State *L, uint64_t instructions)
{
        count(sandbox_of(L), L, instructions, 1);
}

void sandbox_burst_begin(struct sandbox *sandbox)
{
        sandbox->burst = 0;
}

bool sandbox_has_fault(lua_State *L)
{
        return sandbox_of(L)->fault != SANDBOX_FAULT_NONE;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

static int panic(lua_State *L)
{
        g_error("Lua error outside of a protected call: %s", lua_tostring(L, -1)); /* aborts; a bug of ours */
        return 0;
}

static int open_environment(lua_State *L)
{
        lua_pushglobaltable(L);
        sandbox_open_base(L);
        sandbox_open_table(L);
        sandbox_open_string(L);
        return 0;
}

static void free_source(void *data)
{
        struct sandbox_source *source = data;

        g_free(source->name);
        g_free(source->text);
        g_free(source);
}

void sandbox_limits_default(struct sandbox_limits *limits)
{
        *limits = (struct sandbox_limits){ .memory_bytes = UINT64_C(256) << 20, .burst = 500 * 1000 * 1000,
                                           .total = UINT64_C(200) * 500 * 1000 * 1000 };
}

struct sandbox *sandbox_new(const struct sandbox_limits *limits, uint64_t seed)
{
        struct sandbox *sandbox = g_new0(struct sandbox, 1);

        sandbox->limits = *limits;
        sandbox->stop = &never_stop;
        sandbox->sources = g_ptr_array_new_with_free_func(free_source);
        prng_init(&sandbox->prng, seed, prng_stream_of("math.random"));
        sandbox->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        sandbox->outer_locale = uselocale(sandbox->locale);
        sandbox->L = lua_newstate(allocate, sandbox);
        g_assert(sandbox->L);
        lua_atpanic(sandbox->L, panic);
        *(void **)lua_getextraspace(sandbox->L) = NULL;
        lua_pushcfunction(sandbox->L, open_environment);
        if (lua_pcall(sandbox->L, 0, 0, 0) != LUA_OK)
                g_error("the sandbox cannot be opened: %s", lua_tostring(sandbox->L, -1)); /* limits below 1 MiB */
        lua_sethook(sandbox->L, on_count, LUA_MASKCOUNT, HOOK_EVERY);
        return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
        if (!sandbox)
                return;
        lua_close(sandbox->L);
        uselocale(sandbox->outer_locale);
        freelocale(sandbox->locale);
        g_ptr_array_unref(sandbox->sources);
        g_free(sandbox->fault_text);
        g_free(sandbox->fault_frames);
        g_free(sandbox->folder);
        g_free(sandbox->library);
        g_free(sandbox);
}

lua_State *sandbox_state(struct sandbox *sandbox)
{
        return sandbox->L;
}

struct sandbox *sandbox_of(lua_State *L)
{
        void *context;

        lua_getallocf(L, &context);
        return context;
}

uint64_t sandbox_serial(struct sandbox *sandbox)
{
        return ++sandbox->serial;
}

struct prng *sandbox_prng(struct sandbox *sandbox)
{
        return &sandbox->prng;
}

void sandbox_set_stop(struct sandbox *sandbox, const volatile sig_atomic_t *stop)
{
        sandbox->stop = stop;
}

void sandbox_set_print(struct sandbox *sandbox, void (*print)(const char *line, void *context), void *context)
{
        sandbox->print = print;
        sandbox->print_context = context;
}

void sandbox_print(lua_State *L, const char *line)
{
        struct sandbox *sandbox = sandbox_of(L);

        if (sandbox->print)
                sandbox->print(line, sandbox->print_context);
        else
                fprintf(stderr, "%s\n", line);
}

/* -- files -------------------------------------------------------------------------------------------------------- */

void sandbox_set_folders(struct sandbox *sandbox, const char *folder, const char *library)
{
        g_free(sandbox->folder);
        g_free(sandbox->library);
        sandbox->folder = g_strdup(folder);
        sandbox->library = g_strdup(library);
}

/* Passes over a long bracket that opens at `at`, counting lines; NULL if there is none. */
static const char *skip_long_bracket(const char *at, const char *end, uint32_t *line)
{
        const char *open = at + 1;
        size_t level;

        while (open < end && *open == '=')
                open++;
        if (open >= end || *open != '[')
                return NULL;
        level = (size_t)(open - at) - 1;
        for (at = open + 1; at < end; at++) {
                if (*at == '\n')
                        ++*line;
                if (*at != ']')
                        continue;
                const char *close = at + 1;
                while (close < end && *close == '=')
                        close++;
                if (close < end && *close == ']' && (size_t)(close - at) - 1 == level)
                        return close + 1;
        }
        return end;
}

static const char *skip_string(const char *at, const char *end, uint32_t *line)
{
        char quote = *at;

        for (at++; at < end && *at != quote && *at != '\n'; at++)
                if (*at == '\\' && at + 1 < end && *++at == '\n')
                        ++*line;
        return at < end && *at == quote ? at + 1 : at;
}

/* The line of the first ^ operator in a text, 0 if there is none. */
static uint32_t find_power(const char *text, size_t length)
{
        const char *at = text, *end = text + length, *after;
        uint32_t line = 1;

        while (at < end) {
                bool is_comment = at[0] == '-' && at + 1 < end && at[1] == '-';
                const char *bracket = is_comment ? at + 2 : at;

                if (bracket < end && *bracket == '[' && (after = skip_long_bracket(bracket, end, &line))) {
                        at = after;
                } else if (is_comment) {
                        while (at < end && *at != '\n')
                                at++;
                } else if (*at == '"' || *at == '\'') {
                        at = skip_string(at, end, &line);
                } else if (*at == '^') {
                        return line;
                } else {
                        line += *at++ == '\n';
                }
        }
        return 0;
}

static bool read_source(struct sandbox *sandbox, const char *path, const char *name, GError **error)
{
        g_autofree char *text = NULL;
        gsize length;
        uint32_t line;
        struct sandbox_source *source;

        if (g_access(path, R_OK) != 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot read %s: %s", path,
                            g_strerror(errno));
                return false;
        }
        if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ISDIR, "cannot read %s: it is not a regular file", path);
                return false;
        }
        if (!g_file_get_contents(path, &text, &length, error))
                return false;
        if (length > SANDBOX_SOURCE_BYTES) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: a Lua file may have %u MiB", path,
                            SANDBOX_SOURCE_BYTES >> 20);
                return false;
        }
        if (length > 0 && text[0] == LUA_SIGNATURE[0]) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: compiled Lua is refused, only text is read",
                            path);
                return false;
        }
        line = find_power(text, length);
        if (line > 0) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "%s:%u: the operator ^ is refused, the last digit of its result differs between machines: "
                            "write a product, or 1 << n", name, line);
                return false;
        }
        source = g_new0(struct sandbox_source, 1);
        source->name = g_strdup(name);
        source->length = length;
        source->text = g_steal_pointer(&text);
        g_ptr_array_add(sandbox->sources, source);
        return true;
}

/* Pushes the compiled chunk of the source read last, or the message. A first line with #! is passed over. */
static int compile_source(struct sandbox *sandbox, lua_State *L)
{
        const struct sandbox_source *source = sandbox->sources->pdata[sandbox->sources->len - 1];
        g_autofree char *chunk = g_strconcat("@", source->name, NULL);
        const char *text = source->text, *end = text + source->length;

        if (source->length > 1 && text[0] == '#')
                while (text < end && *text != '\n')
                        text++;
        return luaL_loadbufferx(L, text, (size_t)(end - text), chunk, "t");
}

lua_State *sandbox_load(struct sandbox *sandbox, const char *path, GError **error)
{
        lua_State *thread;

        if (!read_source(sandbox, path, path, error))
                return NULL;
        thread = lua_newthread(sandbox->L); /* stays on the stack of the main state, so it is not collected */
        if (compile_source(sandbox, thread) != LUA_OK) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s", lua_tostring(thread, -1));
                return NULL;
        }
        return thread;
}

static bool is_module_name(const char *name)
{
        bool begins = true;

        for (; *name; name++) {
                if (g_ascii_isalpha(*name) || *name == '_' || (!begins && g_ascii_isdigit(*name)))
                        begins = false;
                else if (*name == '.' && !begins)
                        begins = true;
                else
                        return false;
        }
        return !begins;
}

/* Path and shown name of a module that is there. */
static bool find_module(struct sandbox *sandbox, const char *module, char **ret_path, char **ret_name)
{
        g_autofree char *relative = g_strdelimit(g_strconcat(module, ".lua", NULL), ".", '/');
        size_t length = strlen(relative);

        relative[length - 4] = '.';
        *ret_path = g_build_filename(sandbox->folder ? sandbox->folder : ".", relative, NULL);
        if (g_file_test(*ret_path, G_FILE_TEST_EXISTS)) {
                *ret_name = g_strdup(*ret_path);
                return true;
        }
        g_free(*ret_path);
        *ret_path = g_build_filename(sandbox->library ? sandbox->library : "lua", relative, NULL);
        *ret_name = g_strconcat(LIBRARY_FOLDER, relative, NULL);
        if (g_file_test(*ret_path, G_FILE_TEST_EXISTS))
                return true;
        g_clear_pointer(ret_path, g_free);
        g_clear_pointer(ret_name, g_free);
        return false;
}

/* Upvalue 1: module name -> what it returned, or false while it is being loaded. */
int sandbox_require(lua_State *L)
{
        const char *module = luaL_checkstring(L, 1);
        struct sandbox *sandbox = sandbox_of(L);
        char *path = NULL, *name = NULL;
        GError *error = NULL;
        bool found, good;

        lua_settop(L, 1);
        if (lua_getfield(L, lua_upvalueindex(1), module) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
                return luaL_error(L, "module '%s' requires itself", module);
        if (!lua_isnil(L, -1))
                return 1;
        if (sandbox->is_sealed)
                return luaL_error(L, "require belongs to the main part of the scenario");
        if (!is_module_name(module))
                return luaL_error(L, "'%s' is no module name: letters, digits, _ and . only", module);
        found = find_module(sandbox, module, &path, &name);
        if (!found)
                return luaL_error(L, "there is no module '%s': neither in the scenario's folder nor in the library",
                                  module);
        good = read_source(sandbox, path, name, &error);
        g_free(path);
        g_free(name);
        if (!good) {
                lua_pushstring(L, error->message);
                g_error_free(error);
                return lua_error(L);
        }
        lua_pushboolean(L, 0);
        lua_setfield(L, lua_upvalueindex(1), module);
        if (compile_source(sandbox, L) != LUA_OK)
                return lua_error(L);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) {
                lua_pop(L, 1);
                lua_pushboolean(L, 1);
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, lua_upvalueindex(1), module);
        return 1;
}

void sandbox_seal(struct sandbox *sandbox)
{
        sandbox->is_sealed = true;
}

uint32_t sandbox_source_count(const struct sandbox *sandbox)
{
        return sandbox->sources->len;
}

const struct sandbox_source *sandbox_source(const struct sandbox *sandbox, uint32_t index)
{
        return sandbox->sources->pdata[index];
}

/* -- running ------------------------------------------------------------------------------------------------------ */

int sandbox_resume(struct sandbox *sandbox, lua_State *thread, int args, int *ret_results)
{
        return lua_resume(thread, sandbox->L, args, ret_results);
}

int sandbox_fault_memory(lua_State *L)
{
        struct sandbox *sandbox = sandbox_of(L);

        if (sandbox->string_refused)
                return sandbox_fault_raise(L, SANDBOX_FAULT_SCRIPT, 1, STRING_MESSAGE);
        return sandbox_fault_raise(L, SANDBOX_FAULT_SCRIPT, 1, MEMORY_MESSAGE, sandbox->limits.memory_bytes >> 20);
}

/* "FILE:LINE: ..." */
static bool has_position(const char *message)
{
        const char *colon = strchr(message, ':'), *end = strchrnul(message, '\n');

        for (; colon && colon < end; colon = strchr(colon + 1, ':')) {
                size_t digits = strspn(colon + 1, "0123456789");

                if (digits > 0 && colon[1 + digits] == ':')
                        return true;
        }
        return false;
}

enum sandbox_fault sandbox_take_error(struct sandbox *sandbox, lua_State *thread, char **ret_message, char **ret_frames)
{
        enum sandbox_fault fault = sandbox->fault ? sandbox->fault : SANDBOX_FAULT_SCRIPT;
        int status = lua_status(thread);

        sandbox->reserve_bytes = REPORT_BYTES;
        if (sandbox->fault) {
                *ret_message = g_strdup(sandbox->fault_text);
        } else if (status == LUA_ERRMEM) {
                g_autofree char *where = sandbox_place_text(sandbox, sandbox_place(sandbox, thread, 0));
                g_autofree char *what = sandbox->string_refused ?
                                                g_strdup(STRING_MESSAGE) :
                                                g_strdup_printf(MEMORY_MESSAGE, sandbox->limits.memory_bytes >> 20);

                *ret_message = g_strconcat(where, ": ", what, NULL);
        } else {
                g_autofree char *where = sandbox_place_text(sandbox, sandbox_place(sandbox, thread, 0));
                g_autofree char *what =
                        lua_type(thread, -1) == LUA_TSTRING
                                ? g_strdup(lua_tostring(thread, -1))
                                : g_strdup_printf("an error that is no text but a %s value", luaL_typename(thread, -1));

                *ret_message = has_position(what) ? g_steal_pointer(&what) : g_strconcat(where, ": ", what, NULL);
        }
        *ret_frames = sandbox->fault ? g_strdup(sandbox->fault_frames) : sandbox_frames(thread);
        return fault;
}

char *sandbox_frames(lua_State *thread)
{
        GString *text = g_string_new(NULL);
        lua_Debug ar;
        int shown = 0;

        for (int level = 0; lua_getstack(thread, level, &ar); level++) {
                lua_getinfo(thread, "Sln", &ar);
                if (ar.currentline <= 0)
                        continue;
                if (++shown > FRAMES_MAX) {
                        g_string_append(text, "  ...\n");
                        break;
                }
                g_string_append_printf(text, "  at %s:%d in ", ar.source + 1, ar.currentline);
                if (*ar.what == 'm')
                        g_string_append(text, "the main part\n");
                else if (*ar.namewhat)
                        g_string_append_printf(text, "%s\n", ar.name);
                else
                        g_string_append_printf(text, "the function at line %d\n", ar.linedefined);
        }
        return g_string_free(text, FALSE);
}

static uint32_t source_index(const struct sandbox *sandbox, const char *chunk)
{
        for (uint32_t i = 0; i < sandbox->sources->len; i++)
                if (strcmp(sandbox_source(sandbox, i)->name, chunk + 1) == 0)
                        return i;
        return 0;
}

/* Of the Lua function on top of the stack, which is popped. */
static const struct place_memo *place_memo(struct sandbox *sandbox, lua_State *L, lua_Debug *ar)
{
        const void *function = lua_topointer(L, -1);
        struct place_memo *memo = &sandbox->memos[((uintptr_t)function >> 5) % PLACE_MEMOS];

        lua_pop(L, 1);
        if (memo->function != function) {
                lua_getinfo(L, "S", ar);
                memo->function = function;
                memo->source = source_index(sandbox, ar->source);
                memo->is_library = strncmp(ar->source, "@" LIBRARY_FOLDER, strlen("@" LIBRARY_FOLDER)) == 0;
        }
        return memo;
}

/* Every request asks: with one source, which is most often, the line tells all. */
struct sandbox_place sandbox_place(struct sandbox *sandbox, lua_State *L, int level)
{
        struct sandbox_place place = { 0, 0 };
        bool has_one_source = sandbox->sources->len == 1;
        lua_Debug ar;

        for (int end = level + FRAMES_MAX; level < end && lua_getstack(L, level, &ar); level++) {
                const struct place_memo *memo = NULL;

                lua_getinfo(L, has_one_source ? "l" : "fl", &ar);
                if (!has_one_source)
                        memo = place_memo(sandbox, L, &ar);
                if (ar.currentline <= 0)
                        continue;
                place.line = (uint32_t)ar.currentline;
                if (!memo)
                        break;
                place.source = memo->source;
                if (!memo->is_library)
                        break;
        }
        return place;
}

char *sandbox_place_text(const struct sandbox *sandbox, struct sandbox_place place)
{
        if (place.line == 0 || place.source >= sandbox->sources->len)
                return g_strdup("?");
        return g_strdup_printf("%s:%u", sandbox_source(sandbox, place.source)->name, place.line);
}
