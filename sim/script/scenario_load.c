/*
 * scenario_load.c - work declared as data: load { ... } and the distributions it is written with, and how loads are
 * carried out beside tasks, without Lua.
 *
 * A load is one actor that allocates and frees, or two when it frees on another CPU. Each step asks the feed what its
 * thread does now (workload/feed.h); the plan behind it is made while it is carried out.
 *
 * Values of distributions are times or sizes; a text says which by its unit, and a plain number fits both. What is made
 * of texts of one kind is refused where the other is wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "script/quantity.h"
#include "script/scenario_parts.h"
#include "workload/feed.h"

#define ORDER_MAX 20u /* as t:pages: orders from 11 on always fail */
#define ASKS_MAX 4096u

enum unit { UNIT_NONE, UNIT_TIME, UNIT_SIZE };

static const char *const unit_words[] = { "plain numbers", "times", "sizes" };

struct dist_value {
        struct sandbox_handle handle;
        enum unit unit;
        struct dist dist;
        struct dist_choice choices[];
};

struct arrival_value {
        struct sandbox_handle handle;
        struct arrival arrival;
        uint64_t times[];
};

/* What a load allocates from, by the number of its ask; in userdata as well. */
struct ask_cache {
        struct declared_cache *declared; /* or */
        const char *name;
        uint32_t id;
};

struct load_source {
        struct scenario *scenario;
        char *name;
        struct load_spec spec;
        struct ask_cache *caches;
        uint32_t gfp;
        uint8_t node_plus_1;                   /* 0: the node of the CPU */
        struct actor *actors[FEED_ROLE_COUNT]; /* the consumer may be NULL */
        bool is_done[FEED_ROLE_COUNT];
        struct feed *feed;
};

/* -- amounts ------------------------------------------------------------------------------------------------------ */

/* A whole number, a time or a size; *unit becomes what it is, and must not have been the other one. */
static uint64_t read_amount(lua_State *L, int index, const char *what, enum unit *unit)
{
        uint64_t value = 0;
        enum unit found;
        int is_integer;

        if (lua_type(L, index) == LUA_TNUMBER) {
                value = (uint64_t)lua_tointegerx(L, index, &is_integer);
                if (!is_integer || (int64_t)value < 0)
                        luaL_error(L, "%s: %s is no whole number, 0 or more", what, luaL_tolstring(L, index, NULL));
                return value;
        }
        if (lua_type(L, index) != LUA_TSTRING)
                luaL_error(L, "%s needs a number, a time or a size, not a %s", what,
                           lua_isnoneornil(L, index) ? "missing value" : luaL_typename(L, index));
        found = quantity_time(lua_tostring(L, index), &value) ? UNIT_SIZE : UNIT_TIME;
        if (found == UNIT_SIZE && quantity_size(lua_tostring(L, index), &value))
                luaL_error(L, "%s: \"%s\" is no number, no time (ns, us, ms, s) and no size (K, M, G, KiB, MiB, GiB)",
                           what, lua_tostring(L, index));
        if (*unit != UNIT_NONE && *unit != found)
                luaL_error(L, "%s: \"%s\" does not go with the others, which are %s", what, lua_tostring(L, index),
                           unit_words[*unit]);
        *unit = found;
        return value;
}

static uint64_t field_amount(lua_State *L, const char *what, const char *field, enum unit *unit, bool *ret_is_there)
{
        uint64_t value = 0;
        const char *name = lua_pushfstring(L, "%s: %s", what, field);

        *ret_is_there = lua_getfield(L, 1, field) != LUA_TNIL;
        if (*ret_is_there)
                value = read_amount(L, -1, name, unit);
        lua_pop(L, 2);
        return value;
}

/* The field as Q32: a number, or a text such as "3/2". A Lua number times 2^32 is exact, and then rounded once. */
static uint64_t field_shape(lua_State *L, const char *what, const char *field)
{
        uint64_t part, whole, shape = UINT64_MAX;
        int type = lua_getfield(L, 1, field);

        if (type == LUA_TNUMBER) {
                lua_Number number = lua_tonumber(L, -1);

                if (number >= 0 && number <= 64)
                        shape = (uint64_t)(number * (lua_Number)DIST_SHAPE_ONE + (lua_Number)0.5);
        } else if (type == LUA_TSTRING && !quantity_ratio(lua_tostring(L, -1), &part, &whole)) {
                unsigned __int128 ratio = (((unsigned __int128)part << 32) + whole / 2) / whole;

                if (ratio <= DIST_SHAPE_MAX)
                        shape = (uint64_t)ratio;
        }
        if (shape == UINT64_MAX)
                luaL_error(L, "%s: %s is a number from 0 to 64, or a text such as \"3/2\"", what, field);
        lua_pop(L, 1);
        return shape;
}

/* -- values of distributions -------------------------------------------------------------------------------------- */

/* Kept as long as Lua: what points into it is good. */
static void *value_new(struct scenario *scenario, lua_State *L, enum handle_kind kind, size_t bytes)
{
        void *value = handle_new(scenario, L, kind, bytes);

        lua_pushvalue(L, -1);
        luaL_ref(L, LUA_REGISTRYINDEX);
        return value;
}

static struct dist_value *dist_new(struct scenario *scenario, lua_State *L, uint32_t choices)
{
        return value_new(scenario, L, HANDLE_DISTRIBUTION,
                         sizeof(struct dist_value) + choices * sizeof(struct dist_choice));
}

static void need_arguments(lua_State *L, int count, const char *what, const char *example)
{
        if (lua_gettop(L) != count)
                luaL_error(L, "%s is written %s", what, example);
}

static int made(lua_State *L, const char *what, const char *problem)
{
        return problem ? luaL_error(L, "%s %s", what, problem) : 1;
}

static int one_amount(lua_State *L, const char *what, const char *example,
                      const char *(*make)(struct dist *dist, uint64_t amount))
{
        struct scenario *scenario = declaring(L, what);
        struct dist_value *value;

        need_arguments(L, 1, what, example);
        value = dist_new(scenario, L, 0);
        return made(L, what, make(&value->dist, read_amount(L, 1, what, &value->unit)));
}

static int lua_constant(lua_State *L)
{
        return one_amount(L, "constant", "constant(\"10us\")", dist_constant);
}

static int lua_every(lua_State *L)
{
        return one_amount(L, "every", "every(\"10us\")", dist_constant);
}

static int lua_exponential(lua_State *L)
{
        return one_amount(L, "exponential", "exponential(\"10us\")", dist_exponential);
}

static int lua_poisson(lua_State *L)
{
        return one_amount(L, "poisson", "poisson(\"10us\"): the mean time between two", dist_exponential);
}

static int lua_uniform(lua_State *L)
{
        struct scenario *scenario = declaring(L, "uniform");
        struct dist_value *value;
        uint64_t first, last;

        need_arguments(L, 2, "uniform", "uniform(\"1us\", \"10us\")");
        value = dist_new(scenario, L, 0);
        first = read_amount(L, 1, "uniform", &value->unit);
        last = read_amount(L, 2, "uniform", &value->unit);
        return made(L, "uniform", dist_uniform(&value->dist, first, last));
}

static int lua_lognormal(lua_State *L)
{
        static const char *const known[] = { "median", "sigma", NULL };
        struct scenario *scenario = declaring(L, "lognormal");
        struct dist_value *value;
        uint64_t median;
        bool is_there;

        fields_check(L, 1, "lognormal", known);
        value = dist_new(scenario, L, 0);
        median = field_amount(L, "lognormal", "median", &value->unit, &is_there);
        fields_need(L, is_there, "lognormal", "median");
        return made(L, "lognormal", dist_lognormal(&value->dist, median, field_shape(L, "lognormal", "sigma")));
}

static int lua_pareto(lua_State *L)
{
        static const char *const known[] = { "min", "alpha", "max", NULL };
        struct scenario *scenario = declaring(L, "pareto");
        struct dist_value *value;
        uint64_t min, max;
        bool is_there;

        fields_check(L, 1, "pareto", known);
        value = dist_new(scenario, L, 0);
        min = field_amount(L, "pareto", "min", &value->unit, &is_there);
        fields_need(L, is_there, "pareto", "min");
        max = field_amount(L, "pareto", "max", &value->unit, &is_there);
        return made(L, "pareto",
                    dist_pareto(&value->dist, min, field_shape(L, "pareto", "alpha"), is_there ? max : UINT64_MAX));
}

static int by_value(const void *a, const void *b)
{
        const struct dist_choice *left = a, *right = b;

        return (left->value > right->value) - (left->value < right->value);
}

/* { [value] = weight, ... } or { { value, weight }, ... }: the pair at -2, -1. */
static void read_choice(lua_State *L, const char *what, enum unit *unit, struct dist_choice *ret)
{
        int top = lua_gettop(L), weight = top, is_integer;
        lua_Integer number;

        if (lua_type(L, top) == LUA_TTABLE) {
                lua_rawgeti(L, top, 1);
                lua_rawgeti(L, top, 2);
                ret->value = read_amount(L, top + 1, what, unit);
                weight = top + 2;
        } else {
                ret->value = read_amount(L, top - 1, what, unit);
        }
        number = lua_tointegerx(L, weight, &is_integer);
        if (lua_type(L, weight) != LUA_TNUMBER || !is_integer || number < 0)
                luaL_error(L, "%s: a weight is a whole number, 0 or more: %s { [64] = 5, [1500] = 1 }", what, what);
        ret->weight = (uint64_t)number;
        lua_settop(L, top);
}

static int read_choices(lua_State *L, const char *what)
{
        struct scenario *scenario = declaring(L, what);
        struct dist_value *value;
        uint32_t count = 0;

        if (lua_type(L, 1) != LUA_TTABLE || lua_gettop(L) != 1)
                return luaL_error(L, "%s is written %s { [VALUE] = WEIGHT, ... }", what, what);
        for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
                if (++count > DIST_CHOICES_MAX)
                        return luaL_error(L, "%s has too many values, %d is the most", what, (int)DIST_CHOICES_MAX);
        value = dist_new(scenario, L, count);
        count = 0;
        for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
                read_choice(L, what, &value->unit, &value->choices[count++]);
        qsort(value->choices, count, sizeof(*value->choices), by_value); /* the order of lua_next means nothing */
        for (uint32_t i = 1; i < count; i++)
                if (value->choices[i].value == value->choices[i - 1].value)
                        return luaL_error(L, "%s: the value %I is there twice", what,
                                          (LUAI_UACINT)value->choices[i].value);
        return made(L, what, dist_empirical(&value->dist, value->choices, count));
}

static int lua_empirical(lua_State *L)
{
        return read_choices(L, "empirical");
}

static int lua_sizes(lua_State *L)
{
        return read_choices(L, "sizes");
}

/* A distribution, or a value that always comes. */
static struct dist dist_argument(lua_State *L, int index, const char *what, enum unit unit)
{
        const struct dist_value *value = handle_part(L, index, HANDLE_DISTRIBUTION);
        const char *problem;
        struct dist dist;

        if (value && value->unit != UNIT_NONE && value->unit != unit)
                luaL_error(L, "%s needs %s, and this distribution has %s", what, unit_words[unit],
                           unit_words[value->unit]);
        if (value)
                return value->dist;
        if (lua_type(L, index) != LUA_TNUMBER && lua_type(L, index) != LUA_TSTRING)
                luaL_error(L, "%s needs a value or a distribution of %s, not a %s", what, unit_words[unit],
                           luaL_typename(L, index));
        if (unit == UNIT_NONE && lua_type(L, index) == LUA_TSTRING)
                luaL_error(L, "%s needs a number, or a distribution of them", what);
        problem = dist_constant(&dist, unit == UNIT_SIZE   ? value_size(L, index, what)
                                       : unit == UNIT_TIME ? value_time(L, index, what)
                                                           : read_amount(L, index, what, &unit));
        if (problem)
                luaL_error(L, "%s %s", what, problem);
        return dist;
}

static bool dist_field(lua_State *L, int index, const char *what, const char *field, enum unit unit, struct dist *ret)
{
        const char *name = lua_pushfstring(L, "%s: %s", what, field);
        bool is_there = lua_getfield(L, index, field) != LUA_TNIL;

        if (is_there)
                *ret = dist_argument(L, lua_gettop(L), name, unit);
        lua_pop(L, 2);
        return is_there;
}

/* -- arrivals ----------------------------------------------------------------------------------------------------- */

static int lua_bursts(lua_State *L)
{
        static const char *const known[] = { "on", "off", "gap", NULL };
        struct scenario *scenario = declaring(L, "bursts");
        struct arrival_value *value;

        fields_check(L, 1, "bursts", known);
        value = value_new(scenario, L, HANDLE_ARRIVALS, sizeof(*value));
        value->arrival.kind = ARRIVAL_BURSTS;
        fields_need(L, dist_field(L, 1, "bursts", "on", UNIT_TIME, &value->arrival.on), "bursts", "on");
        fields_need(L, dist_field(L, 1, "bursts", "off", UNIT_TIME, &value->arrival.off), "bursts", "off");
        fields_need(L, dist_field(L, 1, "bursts", "gap", UNIT_TIME, &value->arrival.gap), "bursts", "gap");
        return made(L, "bursts", arrival_problem(&value->arrival));
}

static bool is_allocation(const struct ops_line *line)
{
        return line->kind == OPS_ALLOC || line->kind == OPS_ALLOC_NODE || line->kind == OPS_KMALLOC ||
               line->kind == OPS_PAGES;
}

static int by_time(const void *a, const void *b)
{
        const uint64_t *left = a, *right = b;

        return (*left > *right) - (*left < *right);
}

/* Times of the allocations, divided by the speed. */
static void push_times(struct scenario *scenario, lua_State *L, const struct ops_file *ops, uint64_t part,
                       uint64_t whole)
{
        struct arrival_value *value;
        uint64_t count = 0;

        for (uint32_t i = 0; i < ops_file_count(ops); i++)
                count += is_allocation(ops_file_line(ops, i)) && ops_file_line(ops, i)->t_ns != OPS_NO_TIME;
        value = value_new(scenario, L, HANDLE_ARRIVALS, sizeof(*value) + count * sizeof(uint64_t));
        for (uint32_t i = 0; i < ops_file_count(ops); i++) {
                const struct ops_line *line = ops_file_line(ops, i);
                unsigned __int128 t_ns = (unsigned __int128)line->t_ns * whole / part;

                if (is_allocation(line) && line->t_ns != OPS_NO_TIME)
                        value->times[value->arrival.time_count++] = t_ns < TIME_NEVER ? (uint64_t)t_ns : TIME_NEVER - 1;
        }
        qsort(value->times, count, sizeof(uint64_t), by_time);
        value->arrival.kind = ARRIVAL_TIMES;
        value->arrival.times = value->times;
}

struct times_call {
        struct scenario *scenario;
        const struct ops_file *ops;
        uint64_t part, whole;
};

/* In a call of its own, since it may fail while the file is open. */
static int push_times_protected(lua_State *L)
{
        const struct times_call *call = lua_touserdata(L, 1);

        push_times(call->scenario, L, call->ops, call->part, call->whole);
        return 1;
}

/* arrivals_of(FILE [, SPEED]) */
static int lua_arrivals_of(lua_State *L)
{
        struct scenario *scenario = declaring(L, "arrivals_of");
        struct times_call call = { .scenario = scenario, .part = 1, .whole = 1 };
        const char *file = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL, *problem;
        char *folder = NULL, *path = NULL;
        struct ops_file *ops;
        GError *error = NULL;
        int status;

        if (!file || lua_gettop(L) > 2)
                return luaL_error(L, "arrivals_of is written arrivals_of(\"FILE.ops\" [, SPEED])");
        if (!lua_isnoneornil(L, 2)) {
                problem = lua_tostring(L, 2) ? quantity_ratio(lua_tostring(L, 2), &call.part, &call.whole)
                                             : "is no ratio";
                if (problem)
                        return luaL_error(L, "arrivals_of: the speed %s %s", luaL_tolstring(L, 2, NULL), problem);
        }
        folder = g_path_get_dirname(scenario->path);
        path = g_path_is_absolute(file) ? g_strdup(file) : g_build_filename(folder, file, NULL);
        g_free(folder);
        if (!ops_file_is_one(path) && g_file_test(path, G_FILE_TEST_EXISTS)) {
                lua_pushstring(L, path);
                g_free(path);
                return scenario_raise(scenario, L, SCENARIO_ERROR_FILE,
                                      "%s is no ops file; make one of a trace with: "
                                      "kmemsim import %s",
                                      lua_tostring(L, -1), lua_tostring(L, -1));
        }
        ops = ops_file_read(path, &error);
        g_free(path);
        if (!ops) {
                lua_pushstring(L, error->message);
                g_error_free(error);
                return scenario_raise(scenario, L, SCENARIO_ERROR_FILE, "%s", lua_tostring(L, -1));
        }
        call.ops = ops;
        lua_pushcfunction(L, push_times_protected);
        lua_pushlightuserdata(L, &call);
        status = lua_pcall(L, 1, 1, 0);
        ops_file_free(ops);
        if (status != LUA_OK)
                return lua_error(L);
        return made(L, "arrivals_of: the file",
                    arrival_problem(&((struct arrival_value *)lua_touserdata(L, -1))->arrival));
}

static void read_arrival(lua_State *L, struct arrival *ret)
{
        const struct arrival_value *value;

        fields_need(L, lua_getfield(L, 1, "arrival") != LUA_TNIL, "load", "arrival");
        value = handle_part(L, -1, HANDLE_ARRIVALS);
        if (value)
                *ret = value->arrival;
        else
                *ret = (struct arrival){ .kind = ARRIVAL_GAPS,
                                         .gap = dist_argument(L, lua_gettop(L), "load: arrival", UNIT_TIME) };
        lua_pop(L, 1);
}

/* -- load { ... } ------------------------------------------------------------------------------------------------- */

/* What is allocated, from the table on top of the stack. The field `weight` is read by the caller. */
static void read_ask(lua_State *L, uint32_t index, struct load_ask *ret, struct ask_cache *ret_cache)
{
        static const char *const known[] = { "kmalloc", "cache", "pages", "weight", NULL };
        int table = lua_gettop(L);
        uint32_t count = 0;

        fields_check(L, table, "alloc", known);
        ret->part = index;
        if (dist_field(L, table, "alloc", "kmalloc", UNIT_SIZE, &ret->amount)) {
                ret->kind = OP_KMALLOC;
                count++;
        }
        if (dist_field(L, table, "alloc", "pages", UNIT_NONE, &ret->amount)) {
                ret->kind = OP_PAGES;
                if (dist_highest(&ret->amount) > ORDER_MAX)
                        luaL_error(L, "alloc: pages has orders of %d at most (11 and more always fail)",
                                   (int)ORDER_MAX);
                count++;
        }
        if (lua_getfield(L, table, "cache") != LUA_TNIL) {
                ret->kind = OP_ALLOC;
                ret_cache->declared = box_part(L, -1, BOX_CACHE);
                ret_cache->name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
                if (!ret_cache->declared && !ret_cache->name)
                        luaL_error(L, "alloc: cache is what cache{} returned, or a name such as \"size-64\"");
                if (ret_cache->name) {
                        lua_pushvalue(L, -1);
                        luaL_ref(L, LUA_REGISTRYINDEX);
                }
                count++;
        }
        lua_pop(L, 1);
        if (count != 1)
                luaL_error(L, "alloc is one of { kmalloc = SIZES }, { cache = CACHE } and { pages = ORDER }, or a list "
                              "of such, each with a weight");
}

/* One table, or a list of tables with weights. Leaves the spec pointing into userdata. */
static struct ask_cache *read_asks(struct scenario *scenario, lua_State *L, struct load_spec *spec)
{
        struct ask_cache *caches;
        struct dist_value *which;
        struct load_ask *asks;
        uint32_t count;
        bool is_list;

        fields_need(L, lua_getfield(L, 1, "alloc") != LUA_TNIL, "load", "alloc");
        is_list = lua_type(L, -1) == LUA_TTABLE && lua_rawlen(L, -1) > 0;
        count = is_list ? (uint32_t)MIN(lua_rawlen(L, -1), ASKS_MAX + 1) : 1;
        if (count > ASKS_MAX)
                luaL_error(L, "alloc has too many parts, %d is the most", (int)ASKS_MAX);
        asks = lua_newuserdatauv(L, count * sizeof(*asks), 0);
        luaL_ref(L, LUA_REGISTRYINDEX);
        caches = lua_newuserdatauv(L, count * sizeof(*caches), 0);
        luaL_ref(L, LUA_REGISTRYINDEX);
        memset(asks, 0, count * sizeof(*asks));
        memset(caches, 0, count * sizeof(*caches));
        which = dist_new(scenario, L, count);
        lua_insert(L, -2); /* below the table */
        for (uint32_t i = 0; i < count; i++) {
                if (is_list)
                        lua_rawgeti(L, -1, i + 1);
                which->choices[i] = (struct dist_choice){ .value = i, .weight = 1 };
                read_ask(L, i, &asks[i], &caches[i]);
                fields_integer(L, lua_gettop(L), "alloc", "weight", 0, (lua_Integer)DIST_WEIGHTS_MAX,
                               &which->choices[i].weight);
                if (is_list)
                        lua_pop(L, 1);
        }
        made(L, "alloc", dist_empirical(&which->dist, which->choices, count));
        lua_pop(L, 2);
        spec->asks = asks;
        spec->ask_count = count;
        spec->which = which->dist;
        return caches;
}

static void read_phases(lua_State *L, struct load_spec *spec)
{
        static const char *const known[] = { "grow", "hold", "shrink", NULL };
        int phases = lua_gettop(L) + 1;

        spec->has_phases = lua_getfield(L, 1, "phases") != LUA_TNIL;
        if (spec->has_phases) {
                fields_check(L, phases, "phases", known);
                fields_time(L, phases, "phases", "grow", &spec->grow_ns);
                fields_time(L, phases, "phases", "hold", &spec->hold_ns);
                fields_time(L, phases, "phases", "shrink", &spec->shrink_ns);
                if (spec->grow_ns == 0 && spec->hold_ns == 0 && spec->shrink_ns == 0)
                        luaL_error(L, "phases needs grow, hold or shrink");
        }
        lua_pop(L, 1);
}

static void read_spec(struct scenario *scenario, lua_State *L, struct load_spec *spec)
{
        *spec = (struct load_spec){ .seed = scenario->seed, .count = UINT64_MAX, .duration_ns = TIME_NEVER };
        dist_constant(&spec->batch, 1);
        fields_time(L, 1, "load", "at", &spec->start_ns);
        read_arrival(L, &spec->arrival);
        spec->has_lifetime = dist_field(L, 1, "load", "lifetime", UNIT_TIME, &spec->lifetime);
        dist_field(L, 1, "load", "batch", UNIT_NONE, &spec->batch);
        if (dist_lowest(&spec->batch) == 0 || dist_highest(&spec->batch) > 65536)
                luaL_error(L, "load: batch is from 1 to 65536");
        spec->has_target = fields_integer(L, 1, "load", "live", 1, INT32_MAX, &spec->live);
        read_phases(L, spec);
        fields_integer(L, 1, "load", "count", 1, INT64_MAX, &spec->count);
        fields_time(L, 1, "load", "duration", &spec->duration_ns);
        fields_boolean(L, 1, "load", "drain", &spec->drain);
}

static void check_name(struct scenario *scenario, lua_State *L, const char *name)
{
        if (g_hash_table_lookup(scenario->actors_by_name, name))
                luaL_error(L, "load: there is a task, interrupt or load '%s' already", name);
        if (strlen(name) > 56)
                luaL_error(L, "load: a name has at most 56 bytes");
}

static struct actor *add_actor(struct load_source *source, lua_State *L, enum feed_role role, const char *name,
                               uint64_t cpu, enum failure_policy policy)
{
        struct actor *actor = actor_new(source->scenario, ACTOR_LOAD, name, (uint32_t)cpu);

        actor->load = source;
        actor->load_role = role;
        actor->policy = policy;
        actor->is_foreground = !load_spec_is_endless(&source->spec);
        actor->declared = sandbox_place(source->scenario->sandbox, L, 1);
        source->actors[role] = actor;
        g_hash_table_insert(source->scenario->actors_by_name, actor->name, actor);
        return actor;
}

/* Returns an event: its end. */
static int declare_load(lua_State *L)
{
        static const char *const known[] = { "name",     "cpu",   "free_cpu",   "arrival", "alloc", "gfp", "node",
                                             "lifetime", "batch", "live",       "phases",  "count", "duration",
                                             "at",       "drain", "on_failure", "make_it_fail", NULL };
        struct scenario *scenario = declaring(L, "load");
        enum failure_policy policy = FAILURE_DEFAULT;
        struct load_source *source;
        struct ask_cache *caches;
        struct load_spec spec;
        struct event_flag *end;
        const char *name = NULL, *problem;
        uint64_t cpu = 0, free_cpu, node;
        uint8_t node_plus_1 = 0;
        bool makes_fail = false;
        uint32_t gfp;

        fields_check(L, 1, "load", known);
        lua_settop(L, 1);
        fields_need(L, fields_text(L, 1, "load", "name", &name), "load", "name");
        check_name(scenario, L, name);
        fields_integer(L, 1, "load", "cpu", 0, MACHINE_CPUS_MAX - 1, &cpu);
        free_cpu = cpu;
        fields_integer(L, 1, "load", "free_cpu", 0, MACHINE_CPUS_MAX - 1, &free_cpu);
        fields_boolean(L, 1, "load", "make_it_fail", &makes_fail);
        read_spec(scenario, L, &spec);
        caches = read_asks(scenario, L, &spec);
        if (lua_getfield(L, 1, "gfp") == LUA_TNIL)
                lua_pushliteral(L, "kernel");
        gfp = value_gfp(L, lua_gettop(L), "load: gfp", scenario->config.numa);
        if (fields_integer(L, 1, "load", "node", 0, (lua_Integer)scenario->config.nodes - 1, &node))
                node_plus_1 = (uint8_t)(node + 1);
        if (lua_getfield(L, 1, "on_failure") != LUA_TNIL)
                policy = value_policy(L, lua_gettop(L), "load");
        problem = load_spec_problem(&spec);
        if (problem)
                return luaL_error(L, "load '%s' %s", name, problem);

        end = event_new(scenario, name);
        source = g_new0(struct load_source, 1);
        source->scenario = scenario;
        source->name = g_strdup(name);
        source->spec = spec;
        source->spec.name = source->name;
        source->caches = caches;
        source->gfp = gfp;
        source->node_plus_1 = node_plus_1;
        g_ptr_array_add(scenario->loads, source);
        add_actor(source, L, FEED_PRODUCER, name, cpu, policy)->ended = end;
        if (free_cpu != cpu) {
                g_autofree char *free_name = g_strconcat(name, ":free", NULL);

                add_actor(source, L, FEED_CONSUMER, free_name, free_cpu, policy);
        }
        for (int role = 0; role < FEED_ROLE_COUNT; role++)
                if (source->actors[role])
                        source->actors[role]->makes_fail = makes_fail;
        box_push(scenario, L, BOX_EVENT, end);
        return 1;
}

void load_source_free(void *data)
{
        struct load_source *source = data;

        feed_free(source->feed);
        g_free(source->name);
        g_free(source);
}

static int dist_tostring(lua_State *L)
{
        lua_pushliteral(L, "distribution");
        return 1;
}

static int arrivals_tostring(lua_State *L)
{
        lua_pushliteral(L, "arrivals");
        return 1;
}

void load_open(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg distribution[] = { { "__tostring", dist_tostring }, { NULL, NULL } };
        static const luaL_Reg arrivals[] = { { "__tostring", arrivals_tostring }, { NULL, NULL } };
        static const luaL_Reg functions[] = {
                { "load", declare_load },
                { "constant", lua_constant },
                { "uniform", lua_uniform },
                { "exponential", lua_exponential },
                { "lognormal", lua_lognormal },
                { "pareto", lua_pareto },
                { "empirical", lua_empirical },
                { "sizes", lua_sizes },
                { "every", lua_every },
                { "poisson", lua_poisson },
                { "bursts", lua_bursts },
                { "arrivals_of", lua_arrivals_of },
                { NULL, NULL },
        };

        handle_open(scenario, L, HANDLE_DISTRIBUTION, "distribution", distribution);
        handle_open(scenario, L, HANDLE_ARRIVALS, "arrivals", arrivals);
        lua_pushglobaltable(L);
        lua_pushlightuserdata(L, scenario);
        luaL_setfuncs(L, functions, 1);
        lua_pop(L, 1);
}

/* -- carrying out ------------------------------------------------------------------------------------------------- */

static void fail_source(struct load_source *source, enum scenario_error code, const char *problem)
{
        struct scenario *scenario = source->scenario;
        g_autofree char *where = sandbox_place_text(scenario->sandbox, source->actors[FEED_PRODUCER]->declared);

        scenario_fail(scenario, code, "%s: load '%s': %s", where, source->name, problem);
}

/* Caches by number. The declared ones are made by now. */
static bool find_caches(struct load_source *source)
{
        for (uint32_t i = 0; i < source->spec.ask_count; i++) {
                struct ask_cache *cache = &source->caches[i];

                if (source->spec.asks[i].kind != OP_ALLOC)
                        continue;
                cache->id = cache->declared ? cache->declared->id : sim_cache_find(source->scenario->sim, cache->name);
                if (cache->id == CACHE_ID_NONE) {
                        g_autofree char *problem = g_strdup_printf(
                                "there is no cache '%s'", cache->declared ? cache->declared->spec.name : cache->name);

                        fail_source(source, SCENARIO_ERROR_SCRIPT, problem);
                        return false;
                }
        }
        return true;
}

void load_start(struct actor *actor)
{
        struct load_source *source = actor->load;

        if (!source->feed) {
                if (!find_caches(source))
                        return;
                source->feed = feed_new(load_new(&source->spec), source->actors[FEED_CONSUMER] != NULL);
        }
        actor_make_ready(actor);
}

static void make_request(const struct load_source *source, const struct load_action *action, uint32_t object,
                         struct request *ret)
{
        const struct load_ask *ask = &source->spec.asks[action->ask];

        if (action->is_free) {
                *ret = (struct request){ .kind = OP_FREE, .object = object };
                return;
        }
        *ret = (struct request){ .kind = ask->kind, .gfp = source->gfp, .node_plus_1 = source->node_plus_1 };
        if (ask->kind == OP_KMALLOC)
                ret->size_bytes = action->amount;
        else if (ask->kind == OP_PAGES)
                ret->order = (uint8_t)action->amount;
        else
                ret->cache = source->caches[ask->part].id;
}

static void submit(struct actor *actor)
{
        struct load_source *source = actor->load;
        struct scenario *scenario = actor->scenario;
        const char *problem = sim_submit(scenario->sim, actor->thread, &actor->request);

        if (problem)
                fail_source(source, failure_of_submit(actor, problem), problem);
        else
                actor_set_state(actor, ACTOR_REQUEST);
}

/* A load is over when both of its threads are; the producer says so. */
static void end(struct actor *actor)
{
        struct load_source *source = actor->load;

        source->is_done[actor->load_role] = true;
        actor_set_state(actor, ACTOR_IDLE);
        for (int role = 0; role < FEED_ROLE_COUNT; role++)
                if (source->actors[role] && !source->is_done[role])
                        return;
        for (int role = FEED_ROLE_COUNT; role-- > 0;)
                if (source->actors[role])
                        actor_end(source->actors[role]);
}

static void take_result(struct actor *actor)
{
        struct load_source *source = actor->load;
        struct scenario *scenario = actor->scenario;
        uint32_t object = OBJECT_NONE;

        if (actor->request.kind != OP_FREE) {
                object = sim_result_object(scenario->sim, actor->thread);
                if (object == OBJECT_NONE)
                        failure_noted(actor, sim_result(scenario->sim, actor->thread));
        }
        if (feed_done(source->feed, actor->load_role, object))
                actor_make_ready(source->actors[FEED_CONSUMER]);
}

void load_step(struct actor *actor, enum sim_what what)
{
        struct load_source *source = actor->load;
        struct scenario *scenario = actor->scenario;
        enum feed_verdict verdict;
        struct load_action action;
        uint32_t object = OBJECT_NONE;

        if (what == SIM_WAKE && !actor->has_alarm)
                return;
        actor->has_alarm = false;
        actor_set_state(actor, ACTOR_RUNNING);
        if (what == SIM_DONE)
                take_result(actor);
        if (scenario->error)
                return;
        if (scenario->foreground == 0) { /* the run is over, and this load is one that never ends */
                actor_set_state(actor, ACTOR_IDLE);
                return;
        }
        while ((verdict = feed_next(source->feed, actor->load_role, sim_now_ns(scenario->sim), &action, &object)) ==
               FEED_REQUEST) {
                make_request(source, &action, object, &actor->request);
                if (!actor_hit(actor)) {
                        submit(actor);
                        return;
                }
                take_result(actor);
        }
        switch (verdict) {
        case FEED_REQUEST: break;
        case FEED_SLEEP:
                actor->has_alarm = true;
                actor_set_state(actor, ACTOR_SLEEPING);
                sim_wake_at(scenario->sim, actor->thread, action.t_ns);
                break;
        case FEED_WAIT:
                actor->waits_for = "what is allocated by";
                actor->waits_name = source->name;
                actor_set_state(actor, ACTOR_WAITING);
                break;
        case FEED_END: end(actor); break;
        }
}

/* -- results ------------------------------------------------------------------------------------------------------ */

void load_push_results(const struct scenario *scenario, lua_State *L)
{
        static const struct feed_figures nothing;

        lua_newtable(L);
        for (uint32_t i = 0; i < scenario->loads->len; i++) {
                const struct load_source *source = scenario->loads->pdata[i];
                const struct feed_figures *figures = source->feed ? feed_figures(source->feed) : &nothing;

                lua_newtable(L);
                result_set(L, "requests", figures->allocs + figures->frees);
                result_set(L, "allocs", figures->allocs);
                result_set(L, "frees", figures->frees);
                result_set(L, "failed", figures->failed);
                result_set(L, "late", figures->late);
                result_set(L, "late_ns_max", figures->late_ns_max);
                result_set(L, "late_ns_total", figures->late_ns_total);
                result_set(L, "live", figures->live);
                result_set(L, "live_peak", figures->live_peak);
                lua_setfield(L, -2, source->name);
        }
        result_seal(L, "load");
}
