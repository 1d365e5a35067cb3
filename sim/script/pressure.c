/*
 * pressure.c - what a scenario does with memory that can be reclaimed: page-cache and anonymous pages, caches with a
 * shrinker, swap and the other settings of the virtual memory.
 *
 * A page, or a set of pages, is one userdata: for each page the handle of the sim and the op that made it. Reclaim may
 * take a page at any moment; the sim knows by those two whether it is still the same. A method on a set is one request
 * for each page, in order, submitted one after the other without going back to Lua.
 */
#include <string.h>

#include "mm/lru.h"
#include "script/scenario_parts.h"
#include "trace/gfp.h"

#define PAGES_MAX (1 << 24)

struct page_ref {
        uint64_t op;
        uint32_t object, pfn;
};

struct pages {
        struct sandbox_handle handle;
        uint32_t count, room;
        bool is_single, has_failed;
        uint8_t reason; /* of the request that failed */
        struct page_ref ref[];
};

/* -- pages as Lua values ------------------------------------------------------------------------------------------- */

static struct pages *pages_new(struct scenario *scenario, lua_State *L, uint32_t room, bool is_single)
{
        struct pages *pages = handle_new(scenario, L, HANDLE_PAGES, sizeof(*pages) + room * sizeof(pages->ref[0]));

        pages->room = room;
        pages->is_single = is_single;
        return pages;
}

static struct pages *pages_check(lua_State *L, int index, const char *what)
{
        struct pages *pages = handle_part(L, index, HANDLE_PAGES);

        if (!pages)
                luaL_error(L, "%s needs a page or a set of pages: what t:file_page, t:anon_page, "
                              "t:page_cache or t:anon_pages returned", what);
        return pages;
}

/* Has reclaim, or a delete, taken what the handle stood for? */
bool pressure_is_alive(const struct scenario *scenario, uint32_t object, uint64_t op)
{
        struct sim_object view;

        return scenario->sim && object != OBJECT_NONE && sim_object_get(scenario->sim, object, &view) && view.live &&
               view.op == op;
}

static uint32_t alive_count(const struct scenario *scenario, const struct pages *pages)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < pages->count; i++)
                count += pressure_is_alive(scenario, pages->ref[i].object, pages->ref[i].op);
        return count;
}

/* Upvalue 1: the scenario. pages[i], pages.pfn, pages.op, pages.count, pages.alive */
static int pages_index(lua_State *L)
{
        struct scenario *scenario = lua_touserdata(L, lua_upvalueindex(1));
        const struct pages *pages = lua_touserdata(L, 1);
        const char *name;

        if (lua_type(L, 2) == LUA_TNUMBER) {
                lua_Integer i = lua_tointeger(L, 2);
                struct pages *one;

                if (i < 1 || i > (lua_Integer)pages->count) {
                        lua_pushnil(L);
                        return 1;
                }
                one = pages_new(scenario, L, 1, true);
                one->ref[0] = pages->ref[i - 1];
                one->count = 1;
                return 1;
        }
        name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
        if (strcmp(name, "count") == 0)
                lua_pushinteger(L, pages->count);
        else if (strcmp(name, "alive") == 0 && pages->is_single)
                lua_pushboolean(L, alive_count(scenario, pages) == 1);
        else if (strcmp(name, "alive") == 0)
                lua_pushinteger(L, alive_count(scenario, pages));
        else if (strcmp(name, "pfn") == 0 && pages->is_single)
                lua_pushinteger(L, pages->ref[0].pfn);
        else if (strcmp(name, "op") == 0 && pages->is_single)
                lua_pushinteger(L, (lua_Integer)pages->ref[0].op);
        else
                return luaL_error(L, pages->is_single ? "a page has no field '%s' (pfn, op, alive, count)" :
                                                        "a set of pages has no field '%s' (count, alive, [i])", name);
        return 1;
}

static int pages_length(lua_State *L)
{
        lua_pushinteger(L, ((const struct pages *)lua_touserdata(L, 1))->count);
        return 1;
}

static int pages_tostring(lua_State *L)
{
        const struct pages *pages = lua_touserdata(L, 1);

        if (pages->is_single)
                lua_pushfstring(L, "page, op %I", (LUAI_UACINT)pages->ref[0].op);
        else
                lua_pushfstring(L, "%d pages", (int)pages->count);
        return 1;
}

static int pages_newindex(lua_State *L)
{
        return luaL_error(L, "the fields of pages are for reading");
}

/* -- new pages ----------------------------------------------------------------------------------------------------- */

/* One request a page; at: pages asked for so far. Stack: the task, the set. */
static int make_on(lua_State *L, int status, lua_KContext at)
{
        struct actor *self = actor_task_of(L, "pages");
        struct pages *pages = lua_touserdata(L, 2);

        (void)status;
        while (at < (lua_KContext)pages->room && !pages->has_failed) {
                at++;
                actor_submit_then(L, self, at, make_on);
        }
        self->pages = NULL;
        if (pages->is_single && pages->has_failed)
                lua_pushnil(L);
        else
                lua_pushvalue(L, 2);
        if (!pages->has_failed)
                return 1;
        lua_rawgeti(L, LUA_REGISTRYINDEX, self->scenario->reason_refs[pages->reason]);
        return 2;
}

void pressure_took_page(struct actor *actor, const struct op_record *record)
{
        struct pages *pages = actor->pages;

        if (record->pfn == PFN_NONE) {
                pages->has_failed = true;
                pages->reason = (uint8_t)failure_reason(actor->scenario, record);
                return;
        }
        pages->ref[pages->count++] =
                (struct page_ref){ record->id, sim_result_object(actor->scenario->sim, actor->thread), record->pfn };
}

static int make_pages(lua_State *L, const char *what, lua_Integer count, bool is_single, int fields, uint8_t flags)
{
        static const char *const file_fields[] = { "dirty", "mapped", "writable", "read_ahead",
                                                   "gfp",   "node",   "process",  NULL };
        static const char *const anon_fields[] = { "gfp", "node", "process", NULL };
        struct actor *self = actor_task_of(L, what);
        struct request request = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = flags };
        bool flag;

        if (!lua_isnoneornil(L, fields)) {
                fields_check(L, fields, what, flags & PAGE_NEW_ANON ? anon_fields : file_fields);
                if (fields_boolean(L, fields, what, "dirty", &flag) && flag)
                        request.flags |= PAGE_NEW_DIRTY;
                if (fields_boolean(L, fields, what, "mapped", &flag) && flag)
                        request.flags |= PAGE_NEW_MAPPED;
                if (fields_boolean(L, fields, what, "writable", &flag) && !flag)
                        request.flags |= PAGE_NEW_NO_WRITE;
                if (fields_boolean(L, fields, what, "read_ahead", &flag) && flag)
                        request.flags |= PAGE_NEW_UNREAD;
                if (lua_getfield(L, fields, "gfp") != LUA_TNIL)
                        request.gfp = actor_gfp_argument(L, self, -1, what);
                if (lua_getfield(L, fields, "node") != LUA_TNIL)
                        request.node_plus_1 = actor_node_argument(L, self, lua_gettop(L), what);
                if (lua_getfield(L, fields, "process") != LUA_TNIL)
                        request.owner = actor_process_argument(L, self, lua_gettop(L), what);
                else
                        request.owner = actor_process_of(self);
        } else {
                request.owner = actor_process_of(self);
        }
        if (!(request.gfp & __GFP_WAIT))
                return luaL_error(L, "%s: pages for the page cache and for processes are asked for with a mask that "
                                     "may wait, such as \"highuser\" or \"nofs\"", what);
        lua_settop(L, 1);
        self->pages = pages_new(self->scenario, L, (uint32_t)count, is_single);
        self->request = request;
        actor_need_yieldable(L);
        return make_on(L, LUA_OK, 0);
}

static lua_Integer count_argument(lua_State *L, const char *what)
{
        lua_Integer count = luaL_checkinteger(L, 2);

        if (count < 1 || count > PAGES_MAX)
                luaL_error(L, "%s: 1 to %d pages at a time", what, PAGES_MAX);
        return count;
}

static int task_file_page(lua_State *L)
{
        return make_pages(L, "file_page", 1, true, 2, 0);
}

static int task_anon_page(lua_State *L)
{
        return make_pages(L, "anon_page", 1, true, 2, PAGE_NEW_ANON);
}

static int task_page_cache(lua_State *L)
{
        return make_pages(L, "page_cache", count_argument(L, "page_cache"), false, 3, 0);
}

static int task_anon_pages(lua_State *L)
{
        return make_pages(L, "anon_pages", count_argument(L, "anon_pages"), false, 3, PAGE_NEW_ANON);
}

/* -- what is done to pages ----------------------------------------------------------------------------------------- */

/* Stack: the task, the pages. at: pages looked at so far. Those that are gone are passed over. */
static int act_on(lua_State *L, int status, lua_KContext at)
{
        struct actor *self = actor_task_of(L, "pages");
        const struct pages *pages = lua_touserdata(L, 2);

        (void)status;
        while (at < (lua_KContext)pages->count) {
                const struct page_ref *ref = &pages->ref[at++];

                if (!pressure_is_alive(self->scenario, ref->object, ref->op))
                        continue;
                self->request.object = ref->object;
                self->request.op = ref->op;
                actor_submit_then(L, self, at, act_on);
        }
        if (!pages->is_single) {
                lua_pushinteger(L, (lua_Integer)self->pages_done);
                return 1;
        }
        lua_pushboolean(L, self->pages_done == 1);
        return 1;
}

static int act(lua_State *L, const char *what, enum op_kind kind)
{
        struct actor *self = actor_task_of(L, what);

        pages_check(L, 2, what);
        actor_need_yieldable(L);
        lua_settop(L, 2);
        self->request = (struct request){ .kind = (uint8_t)kind };
        self->pages_done = 0;
        return act_on(L, LUA_OK, 0);
}

#define PAGE_METHODS(X)                                                                                                \
        X(access, OP_PAGE_ACCESS)                                                                                      \
        X(touch, OP_PAGE_TOUCH)                                                                                        \
        X(set_page_dirty, OP_PAGE_WRITE)                                                                               \
        X(mlock, OP_PAGE_MLOCK)                                                                                        \
        X(munlock, OP_PAGE_MUNLOCK)                                                                                    \
        X(lock_page, OP_PAGE_LOCK)                                                                                     \
        X(unlock_page, OP_PAGE_UNLOCK)                                                                                 \
        X(get_page, OP_PAGE_PIN)                                                                                       \
        X(put_page, OP_PAGE_UNPIN)                                                                                     \
        X(delete_page, OP_PAGE_DELETE)

#define X(name, kind)                                                                                                  \
        static int task_##name(lua_State *L)                                                                           \
        {                                                                                                              \
                return act(L, #name, kind);                                                                            \
        }
PAGE_METHODS(X)
#undef X

/* t:alive(pages): how many are still there; of one page or object: whether. */
static int task_alive(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        const struct object *object;

        if (handle_part(L, 2, HANDLE_PAGES)) {
                lua_getfield(L, 2, "alive");
                return 1;
        }
        object = object_check(L, 2);
        lua_pushboolean(L, !object->is_freed && pressure_is_alive(self->scenario, object->object, object->op));
        return 1;
}

static int task_process_exit(lua_State *L)
{
        struct actor *self = actor_task_of(L, "process_exit");

        self->request = (struct request){ .kind = OP_PROCESS_EXIT,
                                          .owner = actor_process_argument(L, self, 2, "process_exit") };
        return actor_submit(L, self);
}

/* -- shrinkers ----------------------------------------------------------------------------------------------------- */

void declare_shrinker(lua_State *L, int index, const char *what, struct request *ret)
{
        static const char *const known[] = { "seeks", "fs", "hundreds", NULL };
        uint64_t seeks = 2;
        bool fs = true, hundreds = false;

        luaL_checktype(L, index, LUA_TTABLE);
        fields_check(L, index, what, known);
        fields_integer(L, index, what, "seeks", 1, 255, &seeks);
        fields_boolean(L, index, what, "fs", &fs);
        fields_boolean(L, index, what, "hundreds", &hundreds);
        *ret = (struct request){ .kind = OP_SHRINKER,
                                 .order = (uint8_t)seeks,
                                 .flags = (uint8_t)((fs ? SHRINKER_NEEDS_FS : 0) |
                                                    (hundreds ? SHRINKER_BY_HUNDREDS : 0)) };
}

static int task_set_shrinker(lua_State *L)
{
        struct actor *self = actor_task_of(L, "set_shrinker");
        uint32_t cache = actor_cache_argument(L, self, 2, "set_shrinker", NULL);

        if (lua_isnoneornil(L, 3)) {
                lua_settop(L, 2);
                lua_newtable(L);
        }
        declare_shrinker(L, 3, "set_shrinker", &self->request);
        self->request.cache = cache;
        return actor_submit(L, self);
}

static int task_remove_shrinker(lua_State *L)
{
        struct actor *self = actor_task_of(L, "remove_shrinker");

        self->request = (struct request){ .kind = OP_SHRINKER, .flags = SHRINKER_REMOVE,
                                          .cache = actor_cache_argument(L, self, 2, "remove_shrinker", NULL) };
        return actor_submit(L, self);
}

static int put_or_get(lua_State *L, const char *what, enum op_kind kind)
{
        struct actor *self = actor_task_of(L, what);
        struct object *object = object_check(L, 2);

        if (object->is_freed || object->is_pages || object->mempool)
                return luaL_error(L, "%s: an object of a cache with a shrinker, not freed", what);
        object->was_put = 1;
        self->request = (struct request){ .kind = (uint8_t)kind, .object = object->object, .op = object->op };
        return actor_submit(L, self);
}

static int task_put(lua_State *L)
{
        return put_or_get(L, "put", OP_PUT);
}

static int task_get(lua_State *L)
{
        return put_or_get(L, "get", OP_GET);
}

static int task_drop_caches(lua_State *L)
{
        struct actor *self = actor_task_of(L, "drop_caches");
        lua_Integer what = luaL_checkinteger(L, 2);

        luaL_argcheck(L, what >= 1 && what <= 3, 2, "1: page cache, 2: shrinkers, 3: both");
        self->request = (struct request){ .kind = OP_DROP_CACHES, .flags = (uint8_t)what };
        return actor_submit(L, self);
}

/* -- settings ------------------------------------------------------------------------------------------------------ */

static const char *const setting_names[] = {
        "swappiness",         "write_time",     "congested",
        "laptop_mode",        "dirty_ratio",    "dirty_background_ratio",
        "vfs_cache_pressure", "zone_reclaim_mode", "min_unmapped_ratio",
        "min_slab_ratio",     "panic_on_oom",   NULL,
};

/* A setting by the name a scenario knows it by, and its value at stack index `value`. */
static void setting_of(lua_State *L, const char *what, const char *name, int value, struct request *ret)
{
        const struct vm_setting_info *info;
        uint64_t number;
        uint32_t setting = 0;

        if (strcmp(name, "swap") == 0) {
                setting = VM_SWAP_PAGES;
                number = value_size(L, value, "swap");
                if (number % PAGE_BYTES)
                        luaL_error(L, "%s: swap comes in whole pages of 4096 bytes", what);
                number /= PAGE_BYTES;
        } else if (strcmp(name, "write_time") == 0) {
                setting = VM_WRITE_NS;
                number = value_time(L, value, "write_time");
        } else {
                while ((info = sim_vm_setting(setting)) && (strcmp(info->name, name) != 0 || setting == VM_SWAP_PAGES ||
                                                            setting == VM_WRITE_NS))
                        setting++;
                if (!info) {
                        fields_push_list(L, setting_names);
                        luaL_error(L, "%s: there is no setting '%s' (swap, %s)", what, name, lua_tostring(L, -1));
                }
                if (lua_type(L, value) == LUA_TBOOLEAN && info->most == 1)
                        number = (uint64_t)lua_toboolean(L, value);
                else if (lua_isinteger(L, value) && lua_tointeger(L, value) >= 0)
                        number = (uint64_t)lua_tointeger(L, value);
                else
                        number = UINT64_MAX;
        }
        info = sim_vm_setting(setting);
        if (number < info->least || number > info->most)
                luaL_error(L, "%s: %s is from %I to %I", what, name, (LUAI_UACINT)info->least, (LUAI_UACINT)info->most);
        *ret = (struct request){ .kind = OP_VM_SET, .order = (uint8_t)setting, .size_bytes = number };
}

static int task_vm_set(lua_State *L)
{
        struct actor *self = actor_task_of(L, "vm_set");

        luaL_checktype(L, 2, LUA_TSTRING);
        luaL_checkany(L, 3);
        setting_of(L, "vm_set", lua_tostring(L, 2), 3, &self->request);
        return actor_submit(L, self);
}

/* machine { swap = ..., vm = { ... } }: requests that are made before the first task begins, in order of the list. */
void declare_vm(struct scenario *scenario, lua_State *L, int index)
{
        struct request request;

        if (lua_getfield(L, index, "swap") != LUA_TNIL) {
                setting_of(L, "machine", "swap", lua_gettop(L), &request);
                g_array_append_val(scenario->vm_requests, request);
        }
        lua_pop(L, 1);
        if (lua_getfield(L, index, "vm") != LUA_TNIL) {
                luaL_checktype(L, -1, LUA_TTABLE);
                fields_check(L, lua_gettop(L), "machine: vm", setting_names);
                for (int i = 0; setting_names[i]; i++) {
                        if (lua_getfield(L, -1, setting_names[i]) != LUA_TNIL) {
                                setting_of(L, "machine: vm", setting_names[i], lua_gettop(L), &request);
                                g_array_append_val(scenario->vm_requests, request);
                        }
                        lua_pop(L, 1);
                }
        }
        lua_pop(L, 1);
}

/* -- /proc/vmstat -------------------------------------------------------------------------------------------------- */

static void set_by_zone(lua_State *L, const struct sim *sim, const char *name, const uint64_t counts[3])
{
        uint64_t sum = 0;

        for (uint32_t type = 0; type < 3; type++) {
                struct zone_view zone;
                char text[64];
                char *lower;

                sim_zone_get(sim, type, &zone);
                lower = g_ascii_strdown(zone.name, -1);
                g_snprintf(text, sizeof(text), "%s_%s", name, strcmp(lower, "highmem") == 0 ? "high" : lower);
                g_free(lower);
                result_set(L, text, counts[type]);
                sum += counts[type];
        }
        result_set(L, name, sum);
}

/* The counters by their names in /proc/vmstat; of those by zone their sums as well, under the name without the zone. */
void pressure_push_vmstat(lua_State *L, const struct sim *sim)
{
        static const char *const stat_names[] = {
#define X(id, name) name,
                ZONE_STATS(X)
#undef X
        };
        struct vm_view vm;

        sim_vm_get(sim, &vm);
        lua_createtable(L, 0, 48);
        for (uint32_t i = 0; i < ZONE_STAT_COUNT; i++)
                result_set(L, stat_names[i], vm.stat[i]);
        set_by_zone(L, sim, "pgalloc", vm.pgalloc);
        set_by_zone(L, sim, "pgrefill", vm.pgrefill);
        set_by_zone(L, sim, "pgsteal", vm.pgsteal);
        set_by_zone(L, sim, "pgscan_kswapd", vm.pgscan_kswapd);
        set_by_zone(L, sim, "pgscan_direct", vm.pgscan_direct);
        result_set(L, "pgfree", vm.pgfree);
        result_set(L, "pgactivate", vm.events.pgactivate);
        result_set(L, "pgdeactivate", vm.events.pgdeactivate);
        result_set(L, "pswpout", vm.events.pswpout);
        result_set(L, "slabs_scanned", vm.events.slabs_scanned);
        result_set(L, "kswapd_steal", vm.events.kswapd_steal);
        result_set(L, "pageoutrun", vm.events.pageoutrun);
        result_set(L, "allocstall", vm.events.allocstall);
        result_set(L, "pgrotated", vm.events.pgrotated);
        result_set(L, "active", vm.active);
        result_set(L, "inactive", vm.inactive);
        result_set(L, "swap_total", vm.swap_total);
        result_set(L, "swap_free", vm.swap_free);
}

static int task_vmstat(lua_State *L)
{
        struct actor *self = actor_self_of(L);

        lua_settop(L, 2);
        if (!lua_isnil(L, 2))
                luaL_checktype(L, 2, LUA_TSTRING);
        pressure_push_vmstat(L, self->scenario->sim);
        if (lua_isnil(L, 2))
                return 1;
        lua_pushvalue(L, 2);
        if (lua_rawget(L, -2) == LUA_TNIL)
                return luaL_error(L, "vmstat: there is no counter '%s'", lua_tostring(L, 2));
        return 1;
}

void pressure_open(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg functions[] = {
                { "__index", pages_index }, { "__newindex", pages_newindex }, { "__tostring", pages_tostring },
                { "__len", pages_length },  { NULL, NULL },
        };

        handle_open(scenario, L, HANDLE_PAGES, "pages", functions);
}

const luaL_Reg pressure_methods[] = {
        { "file_page", task_file_page },       { "anon_page", task_anon_page },
        { "page_cache", task_page_cache },     { "anon_pages", task_anon_pages },
        { "alive", task_alive },               { "process_exit", task_process_exit },
        { "set_shrinker", task_set_shrinker }, { "remove_shrinker", task_remove_shrinker },
        { "put", task_put },                   { "get", task_get },
        { "drop_caches", task_drop_caches },   { "vm_set", task_vm_set },
        { "vmstat", task_vmstat },
#define X(name, kind) { #name, task_##name },
        PAGE_METHODS(X)
#undef X
        { NULL, NULL },
};
