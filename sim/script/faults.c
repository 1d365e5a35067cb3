/*
 * faults.c - fault injection as a scenario and the command line ask for it.
 *
 * failslab { probability = 10, ... } and fail_page_alloc { ... } in the main part build the capability into the kernel;
 * so does --set failslab.probability=10. "1,10,0,-1" (interval, probability, space, times) is the form of the boot
 * parameters. The random numbers come from a stream of their own: each CPU's seed is drawn from the seed of the run and
 * is kept in the recording.
 */
#include <string.h>

#include "base/prng.h"
#include "script/scenario_parts.h"

/* Field names in Lua, and keys behind "failslab." on the command line: those of struct fault_attr. */
static const char *const attribute_names[FAULT_ATTR_COUNT + 1] = {
#define X(id, field, name, what) #field,
        FAULT_ATTRIBUTES(X)
#undef X
};

enum value_type { VALUE_UNSIGNED, VALUE_SIGNED, VALUE_SWITCH, VALUE_FUNCTION };

static enum value_type type_of(enum fault_attribute attribute)
{
        switch (attribute) {
        case FAULT_ATTR_TIMES:
        case FAULT_ATTR_SPACE:
                return VALUE_SIGNED;
        case FAULT_ATTR_TASK_FILTER:
        case FAULT_ATTR_IGNORE_WAIT:
        case FAULT_ATTR_IGNORE_HIGHMEM:
                return VALUE_SWITCH;
        case FAULT_ATTR_REQUIRE:
        case FAULT_ATTR_REJECT:
                return VALUE_FUNCTION;
        default:
                return VALUE_UNSIGNED;
        }
}

/* The function's number + 1, "" is 0: none. False: there is no such function. */
static bool find_function(const char *name, uint32_t *ret)
{
        *ret = 0;
        if (*name == '\0')
                return true;
        for (uint32_t i = 0; i < fault_function_count; i++)
                if (strcmp(fault_functions[i].name, name) == 0)
                        *ret = i + 1;
        return *ret != 0;
}

static char *function_list(void)
{
        GString *list = g_string_new(NULL);

        for (uint32_t i = 0; i < fault_function_count; i++)
                g_string_append_printf(list, "%s%s", i ? ", " : "", fault_functions[i].name);
        return g_string_free(list, FALSE);
}

static int no_function(lua_State *L, const char *what, const char *field)
{
        char *list = function_list();

        lua_pushstring(L, list);
        g_free(list);
        return luaL_error(L, "%s: %s is a function of the allocator: %s", what, field, lua_tostring(L, -1));
}

bool faults_field(lua_State *L, int index, enum fault_capability capability, enum fault_attribute attribute,
                  uint32_t *ret)
{
        const char *what = fault_capability_names[capability], *field = attribute_names[attribute], *text;
        uint64_t number = 0;
        bool is_on, is_there;

        switch (type_of(attribute)) {
        case VALUE_UNSIGNED:
                is_there = fields_integer(L, index, what, field, 0, UINT32_MAX, &number);
                *ret = (uint32_t)number;
                return is_there;
        case VALUE_SIGNED:
                if (attribute == FAULT_ATTR_SPACE && capability == FAULT_SLAB)
                        is_there = fields_size(L, index, what, field, INT32_MAX, &number);
                else
                        is_there = fields_integer(L, index, what, field, INT32_MIN, INT32_MAX, &number);
                *ret = (uint32_t)number;
                return is_there;
        case VALUE_SWITCH:
                is_there = fields_boolean(L, index, what, field, &is_on);
                *ret = is_there && is_on;
                return is_there;
        case VALUE_FUNCTION:
                break;
        }
        if (lua_getfield(L, index, field) == LUA_TBOOLEAN && !lua_toboolean(L, -1)) { /* false: none any more */
                lua_pop(L, 1);
                *ret = 0;
                return true;
        }
        lua_pop(L, 1);
        if (!fields_text(L, index, what, field, &text))
                return false;
        if (!find_function(text, ret))
                no_function(L, what, field);
        return true;
}

void faults_check(lua_State *L, int index, enum fault_capability capability)
{
        fields_check(L, index, fault_capability_names[capability], attribute_names);
}

/* "interval,probability,space,times": false: not four numbers. */
static bool parse_boot_form(struct fault_attr *attr, const char *text)
{
        static const enum fault_attribute order[] = { FAULT_ATTR_INTERVAL, FAULT_ATTR_PROBABILITY, FAULT_ATTR_SPACE,
                                                      FAULT_ATTR_TIMES };
        g_auto(GStrv) words = g_strsplit(text, ",", -1);

        if (g_strv_length(words) != G_N_ELEMENTS(order))
                return false;
        for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
                char *end;
                gint64 value = g_ascii_strtoll(words[i], &end, 0);

                if (end == words[i] || *end || value < INT32_MIN || value > UINT32_MAX)
                        return false;
                fault_attr_set(attr, order[i], (uint32_t)value);
        }
        return true;
}

int faults_declare(struct scenario *scenario, lua_State *L, enum fault_capability capability)
{
        struct fault_attr *attr = &scenario->config.fault.attr[capability];
        const char *what = fault_capability_names[capability];

        if (attr->built_in)
                return luaL_error(L, "%s is declared twice", what);
        if (lua_type(L, 1) == LUA_TSTRING) {
                if (!parse_boot_form(attr, lua_tostring(L, 1)))
                        return luaL_error(L, "%s: \"%s\" is not interval,probability,space,times", what,
                                          lua_tostring(L, 1));
                attr->built_in = 1;
                return 0;
        }
        faults_check(L, 1, capability);
        for (uint32_t i = 0; i < FAULT_ATTR_COUNT; i++) {
                uint32_t value;

                if (faults_field(L, 1, capability, (enum fault_attribute)i, &value))
                        fault_attr_set(attr, (enum fault_attribute)i, value);
        }
        attr->built_in = 1;
        return 0;
}

/* -- the command line --------------------------------------------------------------------------------------------- */

/* Which capability a setting "failslab.times=3" or "failslab=1,10,0,-1" is about, or the name of one alone;
 * FAULT_CAPABILITY_COUNT: none. */
static enum fault_capability capability_of(const char *setting, const char **ret_rest)
{
        for (int i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                size_t length = strlen(fault_capability_names[i]);

                if (strncmp(setting, fault_capability_names[i], length) == 0 &&
                    (setting[length] == '\0' || setting[length] == '.' || setting[length] == '=')) {
                        *ret_rest = setting + length;
                        return (enum fault_capability)i;
                }
        }
        return FAULT_CAPABILITY_COUNT;
}

bool faults_is_setting(const char *name)
{
        const char *rest;

        return capability_of(name, &rest) != FAULT_CAPABILITY_COUNT;
}

/* NULL, or what a value of this type is. */
static const char *parse_value(enum fault_attribute attribute, const char *text, uint32_t *ret)
{
        char *end;
        gint64 value;

        switch (type_of(attribute)) {
        case VALUE_SWITCH:
                if (g_ascii_strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
                    g_ascii_strcasecmp(text, "y") == 0)
                        *ret = 1;
                else if (g_ascii_strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 ||
                         g_ascii_strcasecmp(text, "n") == 0)
                        *ret = 0;
                else
                        return "true or false";
                return NULL;
        case VALUE_FUNCTION:
                return find_function(text, ret) ? NULL : "a function of the allocator such as cache_grow";
        case VALUE_SIGNED:
        case VALUE_UNSIGNED:
                break;
        }
        value = g_ascii_strtoll(text, &end, 0);
        if (end == text || *end || value < (type_of(attribute) == VALUE_SIGNED ? INT32_MIN : 0) ||
            value > (type_of(attribute) == VALUE_SIGNED ? INT32_MAX : UINT32_MAX))
                return type_of(attribute) == VALUE_SIGNED ? "a whole number of 32 bits" : "a whole number, 0 or more";
        *ret = (uint32_t)value;
        return NULL;
}

static bool apply(struct scenario *scenario, const char *setting, enum fault_capability capability, const char *rest)
{
        struct fault_attr *attr = &scenario->config.fault.attr[capability];
        const char *equals = strchr(rest, '='), *problem;
        g_autofree char *name = NULL, *list = NULL;

        if (!equals) {
                scenario_fail(scenario, SCENARIO_ERROR_USAGE, "--set %s: needs KEY=VALUE", setting);
                return false;
        }
        attr->built_in = 1;
        if (*rest == '=') {
                if (parse_boot_form(attr, equals + 1))
                        return true;
                scenario_fail(scenario, SCENARIO_ERROR_USAGE, "--set %s: %s=INTERVAL,PROBABILITY,SPACE,TIMES", setting,
                              fault_capability_names[capability]);
                return false;
        }
        name = g_strndup(rest + 1, (gsize)(equals - rest) - 1);
        for (uint32_t i = 0; i < FAULT_ATTR_COUNT; i++) {
                uint32_t value;

                if (strcmp(name, attribute_names[i]) != 0)
                        continue;
                problem = parse_value((enum fault_attribute)i, equals + 1, &value);
                if (problem) {
                        scenario_fail(scenario, SCENARIO_ERROR_USAGE, "--set %s: %s is %s", setting, name, problem);
                        return false;
                }
                fault_attr_set(attr, (enum fault_attribute)i, value);
                return true;
        }
        list = g_strjoinv(", ", (char **)attribute_names);
        scenario_fail(scenario, SCENARIO_ERROR_USAGE, "--set %s: %s has no attribute '%s'; it has %s", setting,
                      fault_capability_names[capability], name, list);
        return false;
}

bool faults_settle(struct scenario *scenario)
{
        struct fault_config *fault = &scenario->config.fault;
        bool is_on = false;
        struct prng prng;

        for (const char *const *setting = scenario->settings; setting && *setting; setting++) {
                const char *rest;
                enum fault_capability capability = capability_of(*setting, &rest);

                if (capability != FAULT_CAPABILITY_COUNT && !apply(scenario, *setting, capability, rest))
                        return false;
        }
        for (int i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                fault->at[i] = scenario->options.fault_at[i];
                is_on |= fault->attr[i].built_in;
        }
        if (!is_on)
                return true;
        prng_init(&prng, scenario->seed, prng_stream_of("fault injection"));
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                fault->seed[cpu] = (uint32_t)prng_next(&prng);
        return true;
}
