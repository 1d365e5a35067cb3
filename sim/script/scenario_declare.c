/*
 * scenario_declare.c - the functions a scenario's main part is written with: caches, tasks, expectations, parameters
 * and so on; machine{} is in declare_machine.c, load{} in scenario_load.c.
 */
#include <math.h>
#include <string.h>

#include "script/gfp_text.h"
#include "script/quantity.h"
#include "script/scenario_parts.h"
#include "trace/gfp.h"

static struct scenario *scenario_here(lua_State *L)
{
        return lua_touserdata(L, lua_upvalueindex(1));
}

struct scenario *declaring(lua_State *L, const char *what)
{
        struct scenario *scenario = scenario_here(L);

        if (!scenario->is_declaring)
                luaL_error(L, "%s belongs to the main part of the scenario, not into a task", what);
        return scenario;
}

/* -- caches ------------------------------------------------------------------------------------------------------- */

static uint32_t read_cache_flags(lua_State *L, const char *what)
{
        uint32_t flags = 0, value;
        const char *word;
        size_t length;

        if (lua_type(L, -1) == LUA_TTABLE) {
                for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
                        lua_rawgeti(L, -1, i);
                        flags |= read_cache_flags(L, what);
                        lua_pop(L, 1);
                }
                return flags;
        }
        if (lua_type(L, -1) != LUA_TSTRING)
                luaL_error(L, "%s: flags is a list of texts", what);
        if (!cache_flags_parse(lua_tostring(L, -1), &value, &word, &length)) {
                char *words = cache_flags_words();

                lua_pushlstring(L, word, length);
                lua_pushstring(L, words);
                g_free(words);
                luaL_error(L, "%s: '%s' is no flag of a cache; there are %s", what, lua_tostring(L, -2),
                           lua_tostring(L, -1));
        }
        return value;
}

/* What a constructor or destructor takes for an object: a number of cycles, or a time as text. */
static uint32_t read_object_cycles(struct scenario *scenario, lua_State *L, int index, const char *what,
                                   const char *field)
{
        uint64_t cycles = 0;
        int is_integer;

        if (!fields_push(L, index, field))
                return 0;
        if (lua_type(L, -1) == LUA_TSTRING) {
                const char *name = lua_pushfstring(L, "%s: %s", what, field);
                uint64_t ns = value_time(L, -2, name);

                cycles = ns < 1000000000 ? (ns * scenario->config.cpu_mhz + 999) / 1000 : 0;
                scenario->clock_is_used = true;
                lua_pop(L, 1);
        } else if (lua_type(L, -1) == LUA_TNUMBER) {
                cycles = (uint64_t)lua_tointegerx(L, -1, &is_integer);
                cycles = is_integer ? cycles : 0;
        }
        if (cycles < 1 || cycles > 1000000000)
                luaL_error(L, "%s: %s is what it takes for an object: 1 to 1000000000 cycles, "
                              "or a time such as \"50ns\"", what,
                           field);
        lua_pop(L, 1);
        return (uint32_t)cycles;
}

void declare_cache_spec(struct scenario *scenario, lua_State *L, int index, const char *what, struct cache_spec *ret)
{
        static const char *const known[] = { "name", "size", "align", "flags", "ctor", "dtor", "shrinker", NULL };
        const char *name = NULL;
        uint64_t number = 0;

        fields_check(L, index, what, known);
        memset(ret, 0, sizeof(*ret));
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        if (strlen(name) > CACHE_NAME_MAX)
                luaL_error(L, "%s: a name has at most %d bytes", what, CACHE_NAME_MAX);
        for (const char *c = name; *c; c++)
                if ((unsigned char)*c <= ' ' || (unsigned char)*c == 0x7f)
                        luaL_error(L, "%s: a name has no blanks and no control characters", what);
        g_strlcpy(ret->name, name, sizeof(ret->name));
        fields_need(L, fields_size(L, index, what, "size", 131072, &number), what, "size");
        ret->size_bytes = (uint32_t)number;
        if (fields_size(L, index, what, "align", PAGE_BYTES, &number)) {
                if (number & (number - 1))
                        luaL_error(L, "%s: align is a power of two", what);
                ret->align_bytes = (uint32_t)number;
        }
        if (fields_push(L, index, "flags")) {
                ret->flags = read_cache_flags(L, what);
                lua_pop(L, 1);
        }
        ret->ctor_cycles = read_object_cycles(scenario, L, index, what, "ctor");
        ret->dtor_cycles = read_object_cycles(scenario, L, index, what, "dtor");
}

struct declared_cache *declare_cache(struct scenario *scenario, lua_State *L, const struct cache_spec *spec)
{
        struct declared_cache *cache = g_new0(struct declared_cache, 1);

        cache->spec = *spec;
        cache->id = CACHE_ID_NONE;
        cache->place = sandbox_place(scenario->sandbox, L, 1);
        g_ptr_array_add(scenario->caches, cache);
        box_push(scenario, L, BOX_CACHE, cache);
        return cache;
}

/* -- memory pools ------------------------------------------------------------------------------------------------- */

static void read_elements(lua_State *L, int index, const char *what, struct declared_mempool *mempool)
{
        struct mempool_spec *spec = &mempool->spec;
        uint64_t number = 0;
        int given = 0;

        spec->cache = CACHE_ID_NONE;
        if (fields_size(L, index, what, "size", 131072, &number)) {
                spec->kind = MEMPOOL_KMALLOC;
                spec->size_bytes = (uint32_t)number;
                given++;
        }
        if (fields_integer(L, index, what, "order", 0, MAX_ORDER - 1, &number)) {
                spec->kind = MEMPOOL_PAGES;
                spec->order = (uint32_t)number;
                given++;
        }
        if (fields_push(L, index, "cache")) {
                mempool->declared = box_part(L, -1, BOX_CACHE);
                if (!mempool->declared && (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) > CACHE_NAME_MAX))
                        luaL_error(L, "%s: cache is what cache{} returned, or a name such as \"size-64\"", what);
                if (!mempool->declared)
                        g_strlcpy(mempool->cache_name, lua_tostring(L, -1), sizeof(mempool->cache_name));
                lua_pop(L, 1);
                spec->kind = MEMPOOL_SLAB;
                given++;
        }
        if (given != 1)
                luaL_error(L, "%s needs one of cache, size and order: where its elements come from", what);
        if (fields_integer(L, index, what, "node", 0, MACHINE_NODES_MAX - 1, &number))
                spec->node_plus_1 = (uint32_t)number + 1;
}

struct declared_mempool *declare_mempool(struct scenario *scenario, lua_State *L, int index, const char *what)
{
        static const char *const known[] = { "name", "min_nr", "cache", "size", "order", "node", NULL };
        struct declared_mempool mempool = { .scenario = scenario }, *kept;
        const char *name = NULL;
        uint64_t number = 0;

        fields_check(L, index, what, known);
        fields_need(L, fields_text(L, index, what, "name", &name), what, "name");
        if (strlen(name) > MEMPOOL_NAME_MAX)
                luaL_error(L, "%s: a name has at most %d bytes", what, MEMPOOL_NAME_MAX);
        for (uint32_t i = 0; i < scenario->mempools->len; i++)
                if (strcmp(((struct declared_mempool *)scenario->mempools->pdata[i])->spec.name, name) == 0)
                        luaL_error(L, "%s: there is a memory pool '%s' already", what, name);
        g_strlcpy(mempool.spec.name, name, sizeof(mempool.spec.name));
        fields_need(L, fields_integer(L, index, what, "min_nr", 1, MEMPOOL_MIN_MAX, &number), what, "min_nr");
        mempool.spec.min_nr = (uint32_t)number;
        read_elements(L, index, what, &mempool);
        mempool.place = sandbox_place(scenario->sandbox, L, 1);
        kept = g_memdup2(&mempool, sizeof(mempool));
        g_ptr_array_add(scenario->mempools, kept);
        box_push(scenario, L, BOX_MEMPOOL, kept);
        return kept;
}

const char *declare_mempool_in_sim(struct declared_mempool *mempool)
{
        struct scenario *scenario = mempool->scenario;
        const char *problem;

        if (mempool->spec.kind == MEMPOOL_SLAB) {
                mempool->spec.cache = mempool->declared ? mempool->declared->id :
                                                          sim_cache_find(scenario->sim, mempool->cache_name);
                if (mempool->spec.cache == CACHE_ID_NONE)
                        return "its cache is not there";
        }
        mempool->id = sim_mempool_declare(scenario->sim, &mempool->spec, &problem);
        if (mempool->id && scenario->recorder)
                recorder_add_mempool(scenario->recorder, mempool->id, &mempool->spec);
        return problem;
}

static int declare_mempool_here(lua_State *L)
{
        struct scenario *scenario = declaring(L, "mempool");

        declare_mempool(scenario, L, 1, "mempool");
        scenario->declared_mempools = scenario->mempools->len;
        return 1;
}

/* pool.curr_nr and so on: as it is now. */
static int mempool_index(lua_State *L)
{
        static const char *const fields[] = { "name",    "min_nr", "curr_nr", "live",    "waiters",
                                              "taken",   "put",    "waits",   "refused", NULL };
        const struct declared_mempool *mempool = ((const struct box *)lua_touserdata(L, 1))->part;
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
        struct mempool_view view = { .min_nr = mempool->spec.min_nr };
        int field = 0;

        if (mempool->id)
                sim_mempool_get(mempool->scenario->sim, mempool->id, &view);
        while (fields[field] && strcmp(fields[field], name) != 0)
                field++;
        switch (field) {
        case 0: lua_pushstring(L, mempool->spec.name); break;
        case 1: lua_pushinteger(L, view.min_nr); break;
        case 2: lua_pushinteger(L, view.curr_nr); break;
        case 3: lua_pushboolean(L, view.live != 0); break;
        case 4: lua_pushinteger(L, view.waiters); break;
        case 5: lua_pushinteger(L, (lua_Integer)view.taken); break;
        case 6: lua_pushinteger(L, (lua_Integer)view.put); break;
        case 7: lua_pushinteger(L, (lua_Integer)view.waits); break;
        case 8: lua_pushinteger(L, (lua_Integer)view.refused); break;
        default: return luaL_error(L, "a memory pool has no field '%s'", name);
        }
        return 1;
}

static int declare_cache_here(lua_State *L)
{
        struct scenario *scenario = declaring(L, "cache");
        struct request shrinker = { 0 };
        struct cache_spec spec;

        declare_cache_spec(scenario, L, 1, "cache", &spec);
        if (lua_getfield(L, 1, "shrinker") != LUA_TNIL)
                declare_shrinker(L, lua_gettop(L), "cache: shrinker", &shrinker);
        for (uint32_t i = 0; i < scenario->caches->len; i++)
                if (strcmp(((struct declared_cache *)scenario->caches->pdata[i])->spec.name, spec.name) == 0)
                        return luaL_error(L, "cache '%s' is declared twice", spec.name);
        declare_cache(scenario, L, &spec)->shrinker = shrinker;
        scenario->declared_caches = scenario->caches->len;
        return 1;
}

/* -- tasks, interrupts, mailboxes, events ------------------------------------------------------------------------- */

static int declare_task(lua_State *L)
{
        actor_declare_task(declaring(L, "task"), L, 1, "task");
        return 1;
}

static int declare_interrupt(lua_State *L)
{
        actor_declare_interrupt(declaring(L, "interrupt"), L, 1);
        return 1;
}

struct mailbox *mailbox_new(struct scenario *scenario, lua_State *L, const char *name)
{
        struct mailbox *mailbox;
        int values_ref;

        lua_newtable(L);
        values_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        mailbox = g_new0(struct mailbox, 1);
        mailbox->name = g_strdup(name);
        mailbox->values_ref = values_ref;
        g_ptr_array_add(scenario->mailboxes, mailbox);
        return mailbox;
}

struct event_flag *event_new(struct scenario *scenario, const char *name)
{
        struct event_flag *event = g_new0(struct event_flag, 1);

        event->name = g_strdup(name);
        g_ptr_array_add(scenario->events, event);
        return event;
}

static int declare_mailbox(lua_State *L)
{
        struct scenario *scenario = scenario_here(L);

        box_push(scenario, L, BOX_MAILBOX, mailbox_new(scenario, L, luaL_checkstring(L, 1)));
        return 1;
}

static int declare_event(lua_State *L)
{
        struct scenario *scenario = scenario_here(L);

        box_push(scenario, L, BOX_EVENT, event_new(scenario, luaL_checkstring(L, 1)));
        return 1;
}

static int declare_process_here(lua_State *L)
{
        process_declare(declaring(L, "process"), L, 1);
        return 1;
}

/* -- expect, summary, policies ------------------------------------------------------------------------------------ */

static void add_expectation(lua_State *L, const char *what, GArray *to)
{
        struct expectation expectation;

        if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TFUNCTION || lua_gettop(L) != 2)
                luaL_error(L, "%s needs a text and a function: %s(\"...\", function(r) ... end)", what, what);
        expectation.function_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        expectation.text = g_strdup(lua_tostring(L, 1));
        g_array_append_val(to, expectation);
}

static int declare_expect(lua_State *L)
{
        add_expectation(L, "expect", declaring(L, "expect")->expectations);
        return 0;
}

static int declare_summary(lua_State *L)
{
        add_expectation(L, "summary", declaring(L, "summary")->summaries);
        return 0;
}

static int declare_on_failure(lua_State *L)
{
        declaring(L, "on_failure")->policy = value_policy(L, 1, "on_failure");
        return 0;
}

static int declare_stop_at(lua_State *L)
{
        declaring(L, "stop_at")->stop_at_ns = value_time(L, 1, "stop_at");
        return 0;
}

static int declare_seed(lua_State *L)
{
        lua_pushinteger(L, (lua_Integer)scenario_here(L)->seed);
        return 1;
}

/* -- param -------------------------------------------------------------------------------------------------------- */

static const char *const param_type_words[] = {
        [PARAM_INTEGER] = "a whole number", [PARAM_NUMBER] = "a number", [PARAM_BOOLEAN] = "true or false",
        [PARAM_TEXT] = "a text",            [PARAM_TIME] = "a time",     [PARAM_SIZE] = "a size",
};

static const char *find_setting(const struct scenario *scenario, const char *name)
{
        const char *value = NULL;
        size_t length = strlen(name);

        for (const char *const *setting = scenario->settings; setting && *setting; setting++)
                if (strncmp(*setting, name, length) == 0 && (*setting)[length] == '=')
                        value = *setting + length + 1; /* the last one counts */
        return value;
}

/* Pushes the value as the parameter's type; false if the text is none. */
static bool push_param(lua_State *L, const struct scenario_param *param, const char *text)
{
        uint64_t quantity;
        int is_number;

        switch (param->type) {
        case PARAM_INTEGER:
        case PARAM_NUMBER:
                if (lua_stringtonumber(L, text) == 0)
                        return false;
                if (param->type == PARAM_NUMBER)
                        return true;
                quantity = (uint64_t)lua_tointegerx(L, -1, &is_number);
                lua_pop(L, 1);
                lua_pushinteger(L, (lua_Integer)quantity);
                return is_number;
        case PARAM_BOOLEAN:
                lua_pushboolean(L, strcmp(text, "true") == 0);
                return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
        case PARAM_TIME:
        case PARAM_SIZE:
                if ((param->type == PARAM_TIME ? quantity_time(text, &quantity) : quantity_size(text, &quantity)) !=
                    NULL)
                        return false;
                if (param->is_amount)
                        lua_pushinteger(L, (lua_Integer)quantity);
                else
                        lua_pushstring(L, text);
                return true;
        case PARAM_TEXT:
                break;
        }
        lua_pushstring(L, text);
        return true;
}

/* The number, ns or bytes that a text stands for; only to be compared. */
static bool param_amount(const struct scenario_param *param, const char *text, double *ret)
{
        uint64_t quantity = 0;
        const char *problem = NULL;
        char *end;

        if (param->type == PARAM_INTEGER || param->type == PARAM_NUMBER) {
                *ret = g_ascii_strtod(text, &end);
                return *text != '\0' && *end == '\0';
        }
        problem = param->type == PARAM_TIME ? quantity_time(text, &quantity) : quantity_size(text, &quantity);
        *ret = (double)quantity;
        return problem == NULL;
}

/* "0..100" into "0" and "100", either of them empty. False: no such text,
 * or the bounds are not of the parameter's type. */
static bool param_bounds(const struct scenario_param *param, char **ret_first, char **ret_last)
{
        const char *dots = strstr(param->values, "..");
        double first = -HUGE_VAL, last = HUGE_VAL;

        *ret_first = g_strndup(param->values, dots ? (size_t)(dots - param->values) : 0);
        *ret_last = g_strdup(dots ? dots + 2 : "");
        return dots && (**ret_first || **ret_last) && (!**ret_first || param_amount(param, *ret_first, &first)) &&
               (!**ret_last || param_amount(param, *ret_last, &last)) && first <= last;
}

/* Can anything be among the values? */
static bool param_values_make_sense(const struct scenario_param *param)
{
        g_autofree char *first = NULL;
        g_autofree char *last = NULL;

        return !*param->values || param->type == PARAM_TEXT ||
               (param->type != PARAM_BOOLEAN && param_bounds(param, &first, &last));
}

/* Is the text, which is one of this type, among the values? */
static bool param_holds(const struct scenario_param *param, const char *text)
{
        g_autofree char *first = NULL;
        g_autofree char *last = NULL;
        double amount = 0, bound;

        if (!*param->values)
                return true;
        if (param->type == PARAM_TEXT) {
                g_auto(GStrv) words = g_strsplit(param->values, "|", -1);

                return g_strv_contains((const char *const *)words, text);
        }
        param_bounds(param, &first, &last);
        param_amount(param, text, &amount);
        return !(*first && param_amount(param, first, &bound) && amount < bound) &&
               !(*last && param_amount(param, last, &bound) && amount > bound);
}

/* "a whole number from 0 to 100", "random or oldest". Newly allocated. */
static char *param_wanted(const struct scenario_param *param)
{
        const char *type = param_type_words[param->type];
        g_autofree char *first = NULL;
        g_autofree char *last = NULL;

        if (!*param->values)
                return g_strconcat(type, param->type == PARAM_TIME   ? ", such as 500ns, 20us, 1.5ms or 2s"
                                         : param->type == PARAM_SIZE ? ", such as 100, 4KiB or 1.5GiB"
                                                                     : "", NULL);
        if (param->type == PARAM_TEXT) {
                g_auto(GStrv) words = g_strsplit(param->values, "|", -1);
                g_autofree char *commas = g_strjoinv(", ", words);
                char *comma = g_strrstr(commas, ", ");

                return comma ? g_strdup_printf("%.*s or %s", (int)(comma - commas), commas, comma + 2)
                             : g_strdup(commas);
        }
        param_bounds(param, &first, &last);
        return !*last    ? g_strdup_printf("%s, %s or more", type, first)
               : !*first ? g_strdup_printf("%s, at most %s", type, last)
                         : g_strdup_printf("%s from %s to %s", type, first, last);
}

/* The same, where it lives until the error it is part of is raised. */
static const char *push_wanted(lua_State *L, const struct scenario_param *param)
{
        char *wanted = param_wanted(param);

        lua_pushstring(L, wanted);
        g_free(wanted);
        return lua_tostring(L, -1);
}

static void add_param(struct scenario *scenario, lua_State *L, int type)
{
        struct scenario_param *param = g_new0(struct scenario_param, 1);

        param->type = type;
        param->name = g_strdup(lua_tostring(L, 1));
        param->preset = g_strdup(lua_tostring(L, -1));
        param->is_amount = lua_type(L, 2) == LUA_TNUMBER;
        param->description = g_strdup(lua_tostring(L, 3));
        param->unit = g_strdup(lua_isnoneornil(L, 4) ? "" : lua_tostring(L, 4));
        param->values = g_strdup(lua_isnoneornil(L, 5) ? "" : lua_tostring(L, 5));
        g_ptr_array_add(scenario->params, param);
}

/* What the unit makes of a parameter: an amount of time or memory, else what it would be. */
static int quantity_or(const char *unit, int type)
{
        return strcmp(unit, "time") == 0 ? PARAM_TIME : strcmp(unit, "size") == 0 ? PARAM_SIZE : type;
}

/* param(name, default, description [, unit [, values]]): the value of --set name=..., else the default. */
static int declare_param(lua_State *L)
{
        struct scenario *scenario = declaring(L, "param");
        const char *name, *unit, *text;
        struct scenario_param *param;
        int type = PARAM_TEXT;

        if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 3) != LUA_TSTRING)
                return luaL_error(L, "param needs a name, a default and a description: "
                                     "param(\"rounds\", 1000, \"how many rounds\" [, \"rounds\"])");
        name = lua_tostring(L, 1);
        unit = luaL_optstring(L, 4, "");
        luaL_optstring(L, 5, "");
        if (*name == '\0' || strpbrk(name, "= \t\n"))
                return luaL_error(L, "param: '%s' is no name", name);
        if (faults_is_setting(name))
                return luaL_error(L, "param: '%s' belongs to fault injection", name);
        for (uint32_t i = 0; i < scenario->params->len; i++)
                if (strcmp(((struct scenario_param *)scenario->params->pdata[i])->name, name) == 0)
                        return luaL_error(L, "param '%s' is declared twice", name);
        switch (lua_type(L, 2)) {
        case LUA_TNUMBER:
                type = lua_isinteger(L, 2) ? quantity_or(unit, PARAM_INTEGER) : PARAM_NUMBER;
                break;
        case LUA_TBOOLEAN:
                type = PARAM_BOOLEAN;
                break;
        case LUA_TSTRING:
                type = quantity_or(unit, PARAM_TEXT);
                break;
        default:
                return luaL_error(L, "param '%s': the default is a number, a text, true or false", name);
        }
        lua_settop(L, 5);
        if (type == PARAM_BOOLEAN)
                lua_pushstring(L, lua_toboolean(L, 2) ? "true" : "false");
        else
                luaL_tolstring(L, 2, NULL);
        if (lua_type(L, 2) == LUA_TNUMBER && (type == PARAM_TIME || type == PARAM_SIZE))
                lua_pushfstring(L, "%s%s", lua_tostring(L, -1), type == PARAM_TIME ? "ns" : "B");
        add_param(scenario, L, type);
        param = scenario->params->pdata[scenario->params->len - 1];
        text = find_setting(scenario, name);
        param->is_set = text != NULL;
        if (!param_values_make_sense(param))
                return luaL_error(L, "param '%s': the values \"%s\" are not FIRST..LAST", name, param->values);
        if (!text && (!push_param(L, param, param->preset) || !param_holds(param, param->preset)))
                return luaL_error(L, "param '%s': the default \"%s\" is not %s", name, param->preset,
                                  push_wanted(L, param));
        if (text && (!push_param(L, param, text) || !param_holds(param, text)))
                return scenario_raise(scenario, L, SCENARIO_ERROR_USAGE, "--set %s=%s: %s is %s (%s)", name, text, name,
                                      push_wanted(L, param), param->description);
        g_free(param->value);
        param->value = g_strdup(text ? text : param->preset);
        return 1;
}

/* -- fault injection ---------------------------------------------------------------------------------------------- */

static int declare_failslab(lua_State *L)
{
        return faults_declare(declaring(L, "failslab"), L, FAULT_SLAB);
}

static int declare_fail_page_alloc(lua_State *L)
{
        return faults_declare(declaring(L, "fail_page_alloc"), L, FAULT_PAGE);
}

/* -- trace -------------------------------------------------------------------------------------------------------- */

static int declare_trace(lua_State *L)
{
        static const char *const known[] = { "file", "speed", "pace", NULL };
        struct scenario *scenario = declaring(L, "trace");
        const char *file = NULL, *text, *problem;
        uint64_t part = 1, whole = 1;
        bool asap = false;

        fields_check(L, 1, "trace", known);
        if (scenario->player)
                return luaL_error(L, "one trace is enough");
        fields_need(L, fields_text(L, 1, "trace", "file", &file), "trace", "file");
        if (fields_push(L, 1, "speed")) {
                text = lua_tostring(L, -1);
                problem = text ? quantity_ratio(text, &part, &whole) : "is no ratio";
                if (problem)
                        return luaL_error(L, "trace: speed %s %s", text ? text : "", problem);
                lua_pop(L, 1);
        }
        if (fields_text(L, 1, "trace", "pace", &text)) {
                asap = strcmp(text, "asap") == 0;
                if (!asap && strcmp(text, "as_recorded") != 0)
                        return luaL_error(L, "trace: pace is \"as_recorded\" or \"asap\"");
        }
        scenario->player = trace_player_load(scenario, file, part, whole, asap);
        if (!scenario->player) {
                lua_pushstring(L, scenario->error->message);
                scenario->error_code = (enum scenario_error)scenario->error->code;
                g_clear_error(&scenario->error);
                return scenario_raise(scenario, L, scenario->error_code, "%s", lua_tostring(L, -1));
        }
        return 0;
}

/* -- all of them -------------------------------------------------------------------------------------------------- */

static int unknown_gfp(lua_State *L)
{
        return luaL_error(L, "gfp has no flag '%s'", luaL_tolstring(L, 2, NULL));
}

static void open_gfp(lua_State *L)
{
        const struct flag_word *const lists[] = { gfp_bases, gfp_modifiers };

        lua_newtable(L);
        for (int i = 0; i < 2; i++)
                for (const struct flag_word *word = lists[i]; word->name; word++) {
                        lua_pushinteger(L, word->value);
                        lua_setfield(L, -2, word->name);
                }
        lua_newtable(L);
        lua_pushcfunction(L, unknown_gfp);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_setmetatable(L, -2);
        lua_setglobal(L, "gfp");
}

void declare_open(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg box[] = { { "__tostring", box_tostring }, { NULL, NULL } };
        static const luaL_Reg mempool[] = { { "__tostring", box_tostring },
                                            { "__index", mempool_index },
                                            { NULL, NULL } };
        static const luaL_Reg process[] = { { "__tostring", box_tostring },
                                            { "__index", process_index },
                                            { NULL, NULL } };
        static const luaL_Reg functions[] = {
                { "machine", declare_machine },       { "cache", declare_cache_here }, { "task", declare_task },
                { "interrupt", declare_interrupt },   { "mailbox", declare_mailbox },  { "event", declare_event },
                { "expect", declare_expect },         { "summary", declare_summary },  { "param", declare_param },
                { "on_failure", declare_on_failure }, { "stop_at", declare_stop_at },  { "seed", declare_seed },
                { "failslab", declare_failslab },     { "fail_page_alloc", declare_fail_page_alloc },
                { "trace", declare_trace },           { "mempool", declare_mempool_here },
                { "process", declare_process_here },
                { NULL, NULL },
        };

        handle_open(scenario, L, BOX_ACTOR, "task", box);
        handle_open(scenario, L, BOX_MAILBOX, "mailbox", box);
        handle_open(scenario, L, BOX_EVENT, "event", box);
        handle_open(scenario, L, BOX_CACHE, "cache", box);
        handle_open(scenario, L, BOX_MEMPOOL, "mempool", mempool);
        handle_open(scenario, L, BOX_PROCESS, "process", process);
        lua_pushglobaltable(L);
        lua_pushlightuserdata(L, scenario);
        luaL_setfuncs(L, functions, 1);
        lua_pop(L, 1);
        load_open(scenario, L);
        open_gfp(L);
}
