/*
 * scenario.c - a scenario from file to end of run; errors, expectations and the table that expectations are given.
 */
#include "script/scenario.h"

#include <string.h>

#include "script/scenario_parts.h"

G_DEFINE_QUARK(kmemsim-scenario-error, scenario_error)

#define SPARE_THREADS 256u

/* -- errors ------------------------------------------------------------------------------------------------------- */

void scenario_fail(struct scenario *scenario, enum scenario_error code, const char *format, ...)
{
        va_list args;

        if (scenario->error)
                return;
        va_start(args, format);
        scenario->error = g_error_new_valist(SCENARIO_ERROR, code, format, args);
        va_end(args);
}

int scenario_raise(struct scenario *scenario, lua_State *L, enum scenario_error code, const char *format, ...)
{
        va_list args;
        char *text;

        scenario->error_code = code;
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        lua_pushstring(L, text);
        g_free(text);
        return sandbox_fault_raise(L, SANDBOX_FAULT_HOST, 1, "%s", lua_tostring(L, -1));
}

void scenario_take_error(struct scenario *scenario, lua_State *thread, const struct actor *actor)
{
        g_autofree char *message = NULL, *frames = NULL, *who = g_strdup("");
        enum scenario_error code = SCENARIO_ERROR_SCRIPT;

        switch (sandbox_take_error(scenario->sandbox, thread, &message, &frames)) {
        case SANDBOX_FAULT_HOST:
                code = scenario->error_code;
                break;
        case SANDBOX_FAULT_STOP:
                code = SCENARIO_ERROR_INTERRUPTED;
                break;
        default:
                break;
        }
        if (actor) {
                uint64_t now_ns = sim_now_ns(scenario->sim);

                g_free(who);
                who = g_strdup_printf("  %s '%s' on CPU %u at %" G_GUINT64_FORMAT ".%03u us\n",
                                      actor->kind == ACTOR_INTERRUPT ? "interrupt" : "task", actor->name,
                                      actor_cpu(actor), now_ns / 1000, (unsigned)(now_ns % 1000));
        }
        if (code == SCENARIO_ERROR_INTERRUPTED)
                scenario_fail(scenario, code, "interrupted");
        else if (code == SCENARIO_ERROR_USAGE)
                scenario_fail(scenario, code, "%s", strstr(message, "--set"));
        else
                scenario_fail(scenario, code, "%s\n%s%s", message, frames, who);
}

static void strip_newlines(GError *error)
{
        g_strchomp(error->message);
}

void scenario_message(struct scenario *scenario, const char *line)
{
        if (scenario->options.message)
                scenario->options.message(line, scenario->options.context);
        else
                fprintf(stderr, "%s\n", line);
}

static void print_line(const char *line, void *context)
{
        scenario_message(context, line);
}

/* -- load --------------------------------------------------------------------------------------------------------- */

static void free_param(void *data)
{
        struct scenario_param *param = data;

        g_free(param->name);
        g_free(param->value);
        g_free(param->preset);
        g_free(param->unit);
        g_free(param->description);
        g_free(param->values);
        g_free(param);
}

static void free_mailbox(void *data)
{
        g_free(((struct mailbox *)data)->name);
        g_free(data);
}

static void free_event(void *data)
{
        g_free(((struct event_flag *)data)->name);
        g_free(data);
}

static void free_actor(void *data)
{
        actor_free(data);
}

static void clear_expectation(void *data)
{
        g_free(((struct expectation *)data)->text);
}

static struct scenario *scenario_new(const char *path, const struct scenario_options *options)
{
        struct scenario *scenario = g_new0(struct scenario, 1);

        scenario->path = g_strdup(path);
        scenario->seed = options->seed;
        scenario->settings = options->settings;
        scenario->options = *options;
        scenario->stop_at_ns = TIME_NEVER;
        scenario->spare_threads = SPARE_THREADS;
        sim_config_default(&scenario->config);
        scenario->caches = g_ptr_array_new_with_free_func(g_free);
        scenario->mempools = g_ptr_array_new_with_free_func(g_free);
        scenario->processes = g_ptr_array_new_with_free_func(g_free);
        scenario->actors = g_ptr_array_new_with_free_func(free_actor);
        scenario->actors_by_name = g_hash_table_new(g_str_hash, g_str_equal);
        scenario->mailboxes = g_ptr_array_new_with_free_func(free_mailbox);
        scenario->events = g_ptr_array_new_with_free_func(free_event);
        scenario->vm_requests = g_array_new(FALSE, FALSE, sizeof(struct request));
        scenario->expectations = g_array_new(FALSE, FALSE, sizeof(struct expectation));
        scenario->summaries = g_array_new(FALSE, FALSE, sizeof(struct expectation));
        g_array_set_clear_func(scenario->expectations, clear_expectation);
        g_array_set_clear_func(scenario->summaries, clear_expectation);
        scenario->summary_lines = g_ptr_array_new_with_free_func(g_free);
        scenario->params = g_ptr_array_new_with_free_func(free_param);
        scenario->loads = g_ptr_array_new_with_free_func(load_source_free);
        scenario->threads = g_ptr_array_new();
        g_ptr_array_add(scenario->threads, NULL);
        return scenario;
}

void scenario_free(struct scenario *scenario)
{
        if (!scenario)
                return;
        trace_player_free(scenario->player);
        g_ptr_array_unref(scenario->loads);
        sandbox_free(scenario->sandbox);
        g_ptr_array_unref(scenario->caches);
        g_ptr_array_unref(scenario->mempools);
        g_ptr_array_unref(scenario->processes);
        g_hash_table_unref(scenario->actors_by_name);
        g_ptr_array_unref(scenario->actors);
        g_ptr_array_unref(scenario->mailboxes);
        g_ptr_array_unref(scenario->events);
        g_array_unref(scenario->vm_requests);
        g_array_unref(scenario->expectations);
        g_array_unref(scenario->summaries);
        g_ptr_array_unref(scenario->summary_lines);
        g_ptr_array_unref(scenario->params);
        g_ptr_array_unref(scenario->threads);
        g_clear_pointer(&scenario->call_sites, g_hash_table_unref);
        g_clear_pointer(&scenario->call_site_names, g_ptr_array_unref);
        g_clear_error(&scenario->error);
        g_free(scenario->path);
        g_free(scenario->question);
        g_free(scenario->report_text);
        g_free(scenario);
}

/* The comment lines at the top of a text. */
static char *read_question(const char *text)
{
        GString *question = g_string_new(NULL);

        if (strncmp(text, "#!", 2) == 0)
                text = strchr(text, '\n') ? strchr(text, '\n') + 1 : "";
        while (strncmp(text, "--", 2) == 0 && text[2] != '[') {
                const char *end = strchrnul(text, '\n');
                const char *line = text + 2 + (text[2] == ' ');

                g_string_append_len(question, line, end - line);
                g_string_append_c(question, '\n');
                text = *end ? end + 1 : end;
        }
        return g_string_free(question, FALSE);
}

static int open_all(lua_State *L)
{
        struct scenario *scenario = lua_touserdata(L, 1);

        declare_open(scenario, L);
        object_open(scenario, L);
        methods_open(scenario, L);
        return 0;
}

static bool check_settings(struct scenario *scenario)
{
        for (const char *const *setting = scenario->settings; setting && *setting; setting++) {
                const char *equals = strchr(*setting, '=');
                size_t length = equals ? (size_t)(equals - *setting) : strlen(*setting);
                bool known = faults_is_setting(*setting);

                for (uint32_t i = 0; i < scenario->params->len && !known; i++) {
                        const char *name = ((const struct scenario_param *)scenario->params->pdata[i])->name;

                        known = strlen(name) == length && strncmp(name, *setting, length) == 0;
                }
                if (!known) {
                        GString *names = g_string_new(NULL);

                        for (uint32_t i = 0; i < scenario->params->len; i++)
                                g_string_append_printf(
                                        names, "%s%s", i ? ", " : "",
                                        ((const struct scenario_param *)scenario->params->pdata[i])->name);
                        scenario_fail(scenario, SCENARIO_ERROR_USAGE, "--set %s: %s has no parameter '%.*s'; it has %s",
                                      *setting, scenario->path, (int)length, *setting,
                                      names->len ? names->str : "none");
                        g_string_free(names, TRUE);
                        return false;
                }
                if (!equals) {
                        scenario_fail(scenario, SCENARIO_ERROR_USAGE, "--set %s: needs KEY=VALUE", *setting);
                        return false;
                }
        }
        return true;
}

/* What can be said only when everything is declared. */
static bool check_declarations(struct scenario *scenario)
{
        uint32_t endless = 0, finite = scenario->player ? 1 : 0;

        for (uint32_t i = 0; i < scenario->actors->len; i++) {
                const struct actor *actor = scenario->actors->pdata[i];
                g_autofree char *where = sandbox_place_text(scenario->sandbox, actor->declared);

                if (actor->is_foreground)
                        finite++;
                else
                        endless++;
                if (actor->cpu >= scenario->config.cpus) {
                        scenario_fail(scenario, SCENARIO_ERROR_SCRIPT,
                                      "%s: '%s' is on CPU %u, and the machine has %u, counted from 0", where,
                                      actor->name, actor->cpu, scenario->config.cpus);
                        return false;
                }
        }
        scenario->runs_until_stop = finite == 0 && scenario->stop_at_ns != TIME_NEVER;
        if (finite == 0 && !scenario->runs_until_stop) {
                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT,
                              endless ? "%s: daemons, endless interrupts and endless loads alone do not say when the "
                                        "run is over: add stop_at(\"1s\"), or a count or duration to a load"
                                      : "%s: there is no task, so nothing would happen",
                              scenario->path);
                return false;
        }
        scenario->config.threads_max = scenario->actors->len + 1 + 8 + scenario->spare_threads;
        return true;
}

static bool run_main_part(struct scenario *scenario)
{
        int results, status;

        scenario->is_declaring = true;
        status = sandbox_resume(scenario->sandbox, scenario->main, 0, &results);
        scenario->is_declaring = false;
        sandbox_seal(scenario->sandbox);
        if (status != LUA_OK) {
                scenario_take_error(scenario, scenario->main, NULL);
                return false;
        }
        lua_settop(scenario->main, 0);
        return check_settings(scenario) && faults_settle(scenario) && check_declarations(scenario);
}

struct scenario *scenario_load(const char *path, const struct scenario_options *options, GError **error)
{
        struct scenario *scenario = scenario_new(path, options);
        g_autofree char *folder = g_path_get_dirname(path);
        GError *problem = NULL;
        lua_State *L;

        scenario->sandbox = sandbox_new(&options->limits, options->seed);
        sandbox_set_folders(scenario->sandbox, folder, options->library);
        sandbox_set_print(scenario->sandbox, print_line, scenario);
        if (options->stop)
                sandbox_set_stop(scenario->sandbox, options->stop);
        L = sandbox_state(scenario->sandbox);
        lua_pushcfunction(L, open_all);
        lua_pushlightuserdata(L, scenario);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK)
                g_error("the scenario's functions cannot be opened: %s", lua_tostring(L, -1));

        scenario->main = sandbox_load(scenario->sandbox, path, &problem);
        if (!scenario->main) {
                scenario_fail(scenario,
                              problem->code == G_FILE_ERROR_INVAL ? SCENARIO_ERROR_SCRIPT : SCENARIO_ERROR_FILE, "%s",
                              problem->message);
                g_error_free(problem);
        } else {
                scenario->question = read_question(sandbox_source(scenario->sandbox, 0)->text);
        }
        if (scenario->error || !run_main_part(scenario)) {
                strip_newlines(scenario->error);
                g_propagate_error(error, g_steal_pointer(&scenario->error));
                scenario_free(scenario);
                return NULL;
        }
        return scenario;
}

const char *scenario_path(const struct scenario *scenario)
{
        return scenario->path;
}

const struct sim_config *scenario_config(const struct scenario *scenario)
{
        return &scenario->config;
}

struct sandbox *scenario_sandbox(const struct scenario *scenario)
{
        return scenario->sandbox;
}

uint32_t scenario_param_count(const struct scenario *scenario)
{
        return scenario->params->len;
}

const struct scenario_param *scenario_param(const struct scenario *scenario, uint32_t index)
{
        return scenario->params->pdata[index];
}

const char *scenario_question(const struct scenario *scenario)
{
        return scenario->question;
}

bool scenario_trace(const struct scenario *scenario, struct scenario_trace *ret)
{
        if (!scenario->player)
                return false;
        trace_player_figures(scenario->player, ret);
        return true;
}

/* -- run ---------------------------------------------------------------------------------------------------------- */

/* The actor that makes the declared caches comes first: thread 1. */
static bool attach_all(struct scenario *scenario)
{
        uint32_t declared = scenario->actors->len;

        if (!process_attach_all(scenario))
                return false;
        scenario->init = actor_new(scenario, ACTOR_INIT, "init", 0);
        scenario->init->is_foreground = true;
        if (!actor_attach(scenario->init))
                return false;
        for (uint32_t i = 0; i < declared; i++)
                if (!actor_attach(scenario->actors->pdata[i]))
                        return false;
        if (scenario->player && !trace_player_attach(scenario->player))
                return false;
        scenario->foreground += scenario->runs_until_stop;
        return true;
}

bool scenario_run(struct scenario *scenario, struct sim *sim, struct observer *observer, struct recorder *recorder,
                  GError **error)
{
        bool good;

        scenario->sim = sim;
        scenario->observer = observer;
        scenario->recorder = recorder;
        failure_listen(scenario);
        good = attach_all(scenario) && actor_run_all(scenario);
        if (!good) {
                strip_newlines(scenario->error);
                g_propagate_error(error, g_steal_pointer(&scenario->error));
        }
        return good;
}

/* -- expectations ------------------------------------------------------------------------------------------------- */

static void set_ratio(lua_State *L, const char *name, uint64_t part, uint64_t whole)
{
        lua_pushnumber(L, whole ? (lua_Number)part / (lua_Number)whole : 0);
        lua_setfield(L, -2, name);
}

/* r.paths.kmalloc.magazine and so on: how many ops went which way. */
static void push_paths(lua_State *L, const struct figures *figures)
{
        lua_newtable(L);
        for (uint32_t kind = 1; kind < OP_KIND_COUNT; kind++) {
                lua_newtable(L);
                for (uint32_t path = 0; path < OP_PATH_COUNT; path++)
                        result_set(L, op_path_names[path], figures->by_path[kind][path]);
                lua_setfield(L, -2, op_kind_names[kind]);
        }
}

static void push_latency(lua_State *L, const struct figures *figures)
{
        lua_newtable(L);
        for (uint32_t i = 0; i < LATENCY_CLASS_COUNT; i++) {
                const struct figures_latency *latency = &figures->latency[i];

                lua_newtable(L);
                result_set(L, "count", latency->count);
                result_set(L, "p50", latency->p50_ns);
                result_set(L, "p90", latency->p90_ns);
                result_set(L, "p99", latency->p99_ns);
                result_set(L, "p999", latency->p999_ns);
                result_set(L, "max", latency->max_ns);
                lua_setfield(L, -2, latency_class_names[i]);
        }
}

static void push_caches(lua_State *L, const struct figures *figures)
{
        lua_newtable(L);
        for (uint32_t i = 0; i < figures->cache_count; i++) {
                const struct figures_cache *cache = &figures->caches[i];
                const struct cache_stock *stock = &cache->stock;

                lua_newtable(L);
                result_set(L, "size", cache->view.buffer_size);
                result_set(L, "objects_per_slab", cache->view.num);
                result_set(L, "order", cache->view.gfporder);
                result_set(L, "active_objs", stock->active_objs);
                result_set(L, "num_objs", stock->num_objs);
                result_set(L, "live_objs", stock->live_objs);
                result_set(L, "magazine_objs", stock->magazine_objs);
                result_set(L, "shared_objs", stock->shared_objs);
                result_set(L, "alien_objs", cache->alien_objs);
                result_set(L, "node_allocs", cache->node_allocs);
                result_set(L, "node_frees", cache->node_frees);
                result_set(L, "alien_overflows", cache->alien_overflows);
                result_set(L, "slabs_full", stock->slabs_full);
                result_set(L, "slabs_partial", stock->slabs_partial);
                result_set(L, "slabs_free", stock->slabs_free);
                result_set(L, "slabs", (uint64_t)stock->slabs_full + stock->slabs_partial + stock->slabs_free);
                result_set(L, "requested_bytes", stock->requested_bytes);
                result_set(L, "allocated_bytes", stock->allocated_bytes);
                result_set(L, "slab_bytes", stock->slab_bytes);
                lua_setfield(L, -2, cache->view.name);
        }
        result_seal(L, "cache");
}

/* r.zones[1].free_blocks[0], .unusable[4] (thousandths) ... */
static void push_zones(lua_State *L, const struct figures *figures)
{
        lua_newtable(L);
        for (uint32_t i = 0; i < figures->zone_count; i++) {
                const struct figures_zone *zone = &figures->zones[i];

                lua_newtable(L);
                lua_pushstring(L, zone->view.name);
                lua_setfield(L, -2, "name");
                result_set(L, "node", zone->view.node);
                result_set(L, "present_pages", zone->view.present_pages);
                result_set(L, "free_pages", zone->view.free_pages);
                result_set(L, "pages_min", zone->view.pages_min);
                result_set(L, "pages_low", zone->view.pages_low);
                result_set(L, "pages_high", zone->view.pages_high);
                result_set(L, "numa_hit", zone->numa.hit);
                result_set(L, "numa_miss", zone->numa.miss);
                result_set(L, "numa_foreign", zone->numa.foreign);
                result_set(L, "numa_local", zone->numa.local);
                result_set(L, "numa_other", zone->numa.other);
                lua_newtable(L);
                lua_newtable(L);
                lua_newtable(L);
                for (uint32_t order = 0; order < MAX_ORDER; order++) {
                        lua_pushinteger(L, zone->view.free_blocks[order]);
                        lua_rawseti(L, -4, order);
                        lua_pushinteger(L, zone->unusable[order]);
                        lua_rawseti(L, -3, order);
                        lua_pushinteger(L, zone->fragmentation[order]);
                        lua_rawseti(L, -2, order);
                }
                lua_setfield(L, -4, "fragmentation");
                lua_setfield(L, -3, "unusable");
                lua_setfield(L, -2, "free_blocks");
                lua_rawseti(L, -2, i + 1);
        }
}

static void push_mempools(lua_State *L, const struct scenario *scenario)
{
        lua_newtable(L);
        for (uint32_t i = 0; i < scenario->mempools->len; i++) {
                const struct declared_mempool *mempool = scenario->mempools->pdata[i];
                struct mempool_view view;

                if (!sim_mempool_get(scenario->sim, mempool->id, &view))
                        continue;
                lua_newtable(L);
                result_set(L, "min_nr", view.min_nr);
                result_set(L, "curr_nr", view.curr_nr);
                result_set(L, "waiters", view.waiters);
                result_set(L, "taken", view.taken);
                result_set(L, "put", view.put);
                result_set(L, "waits", view.waits);
                result_set(L, "refused", view.refused);
                lua_setfield(L, -2, mempool->spec.name);
        }
        lua_setfield(L, -2, "mempools");
}

static void push_trace(lua_State *L, const struct scenario *scenario)
{
        struct scenario_trace trace;

        if (!scenario_trace(scenario, &trace))
                return;
        lua_newtable(L);
        lua_pushstring(L, trace.file);
        lua_setfield(L, -2, "file");
        result_set(L, "lines", trace.lines);
        result_set(L, "allocations", trace.allocations);
        result_set(L, "failures", trace.failures);
        result_set(L, "requested_bytes", trace.simulated_requested_bytes);
        result_set(L, "allocated_bytes", trace.simulated_allocated_bytes);
        if (trace.has_own_bytes) {
                result_set(L, "own_requested_bytes", trace.own_requested_bytes);
                result_set(L, "own_allocated_bytes", trace.own_allocated_bytes);
        }
        lua_setfield(L, -2, "trace");
}

/* The table r of expect and summary; runs as a C function, since it allocates. */
static int make_result(lua_State *L)
{
        struct scenario *scenario = lua_touserdata(L, 1);
        const struct figures *figures = lua_touserdata(L, 2);
        uint64_t lost = 0, delivered = 0;

        lua_settop(L, 0);
        lua_newtable(L);
        result_set(L, "time_ns", figures->time_ns);
        result_set(L, "ops", figures->ops);
        result_set(L, "events", figures->events);
        result_set(L, "failures", figures->objects_failed + figures->pages_failed);
        result_set(L, "faults_slab", figures->faults_injected[FAULT_SLAB]);
        result_set(L, "faults_page", figures->faults_injected[FAULT_PAGE]);
        result_set(L, "allocs", figures->objects_asked);
        result_set(L, "frees", figures->frees);
        result_set(L, "pages", figures->pages_asked);
        result_set(L, "magazine_hits", figures->magazine_hits);
        result_set(L, "refills", figures->refills);
        result_set(L, "slab_errors", figures->slab_errors);
        result_set(L, "slabs_made", figures->slabs_made);
        result_set(L, "live_objs", figures->live_objs);
        result_set(L, "requested_bytes", figures->requested_bytes);
        result_set(L, "allocated_bytes", figures->allocated_bytes);
        result_set(L, "slab_bytes", figures->slab_bytes);
        set_ratio(L, "hit_rate", figures->magazine_hits, figures->objects_asked);
        for (uint32_t i = 0; i < scenario->actors->len; i++) {
                const struct actor *actor = scenario->actors->pdata[i];

                lost += actor->lost;
                delivered += actor->delivered;
        }
        result_set(L, "interrupts", delivered);
        result_set(L, "interrupts_lost", lost);
        push_paths(L, figures);
        lua_setfield(L, -2, "paths");
        push_latency(L, figures);
        lua_setfield(L, -2, "latency");
        push_caches(L, figures);
        lua_setfield(L, -2, "caches");
        push_zones(L, figures);
        lua_setfield(L, -2, "zones");
        load_push_results(scenario, L);
        lua_setfield(L, -2, "loads");
        pressure_push_vmstat(L, scenario->sim);
        lua_setfield(L, -2, "vmstat");
        push_mempools(L, scenario);
        process_push_results(L, scenario);
        lua_setfield(L, -2, "processes");
        push_trace(L, scenario);
        scenario->result_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        return 0;
}

/* Calls the function with r; its first result is at stack index 1 of the main thread. */
static bool evaluate(struct scenario *scenario, const struct expectation *expectation)
{
        lua_State *L = scenario->main;
        int results;

        sandbox_burst_begin(scenario->sandbox);
        lua_rawgeti(L, LUA_REGISTRYINDEX, expectation->function_ref);
        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->result_ref);
        if (sandbox_resume(scenario->sandbox, L, 1, &results) != LUA_OK) {
                scenario_take_error(scenario, L, NULL);
                return false;
        }
        if (results == 0)
                lua_pushnil(L);
        return true;
}

static void note_broken(struct scenario *scenario, const char *text, GString *broken)
{
        g_autofree char *message = g_strdup_printf("expectation broken: %s", text);
        struct failure failure = { .t_ns = sim_now_ns(scenario->sim), .kind = "expectation", .message = message };

        if (scenario->recorder)
                recorder_add_failure(scenario->recorder, &failure);
        g_string_append_printf(broken, "%s%s", broken->len ? "\n" : "", message);
}

static bool add_summary_line(struct scenario *scenario, const struct expectation *summary)
{
        lua_State *L = scenario->main;

        if (lua_type(L, 1) != LUA_TSTRING && lua_type(L, 1) != LUA_TNUMBER) {
                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "summary \"%s\" gives a %s, not a text or a number",
                              summary->text, luaL_typename(L, 1));
                return false;
        }
        g_ptr_array_add(scenario->summary_lines, g_strdup_printf("%s\t%s", summary->text, lua_tostring(L, 1)));
        return true;
}

bool scenario_expect(struct scenario *scenario, const struct figures *figures, GError **error)
{
        lua_State *L = scenario->main;
        g_autoptr(GString) broken = g_string_new(NULL);
        int results;

        lua_settop(L, 0);
        lua_pushcfunction(L, make_result);
        lua_pushlightuserdata(L, scenario);
        lua_pushlightuserdata(L, (void *)figures);
        if (sandbox_resume(scenario->sandbox, L, 2, &results) != LUA_OK)
                scenario_take_error(scenario, L, NULL);
        for (uint32_t i = 0; i < scenario->expectations->len && !scenario->error; i++) {
                const struct expectation *expectation = &g_array_index(scenario->expectations, struct expectation, i);

                if (evaluate(scenario, expectation) && !lua_toboolean(L, 1))
                        note_broken(scenario, expectation->text, broken);
                if (!scenario->error)
                        lua_settop(L, 0);
        }
        for (uint32_t i = 0; i < scenario->summaries->len && !scenario->error; i++) {
                const struct expectation *summary = &g_array_index(scenario->summaries, struct expectation, i);

                if (evaluate(scenario, summary) && add_summary_line(scenario, summary))
                        lua_settop(L, 0);
        }
        if (!scenario->error && broken->len > 0)
                scenario_fail(scenario, SCENARIO_ERROR_EXPECTATION, "%s", broken->str);
        if (!scenario->error)
                return true;
        strip_newlines(scenario->error);
        g_propagate_error(error, g_steal_pointer(&scenario->error));
        return false;
}

const GPtrArray *scenario_summary(const struct scenario *scenario)
{
        return scenario->summary_lines;
}
