/*
 * trace_player.c - an ops file, or an imported kernel trace, as a workload: no Lua runs while it plays.
 *
 * One actor for each CPU of the trace, on CPU number n mod the machine's CPUs, carries out that CPU's lines in order. A
 * line begins when
 *      its actor is done with the line before,
 *      its time has come (pace "as_recorded"; times are divided by the speed),
 *      for a free: the allocation is done, and
 *      no line that stands for the whole machine (create, shrink, destroy, reap) is open before it; such a line itself
 *      waits until all lines before it are done.
 * Since every line waits for earlier lines only, the one that comes first in the file can always go on.
 *
 * The memory and the CPUs are those of the scenario's machine; the `machine` line of the file is not looked at.
 */
#include <gio/gio.h>
#include <string.h>

#include "import/import.h"
#include "import/ops_writer.h"
#include "script/scenario_parts.h"

#define NO_LINE UINT32_MAX

enum block_state { BLOCK_PENDING, BLOCK_LIVE, BLOCK_FAILED, BLOCK_FREED };

/* What an allocating line returned. */
struct block {
        uint32_t object; /* handle of the sim */
        uint32_t waiter; /* index of the player that waits to free it, NO_LINE: none */
        uint8_t state;
};

struct player {
        struct actor *actor;
        GArray *lines;    /* uint32_t, indexes of ops_file lines */
        uint32_t next;    /* of them */
        bool waits_for_barrier;
};

struct trace_player {
        struct scenario *scenario;
        struct ops_file *ops;
        char *file;
        uint64_t speed_part, speed_whole;
        bool asap;
        uint64_t start_ns;   /* of the sim, when the first line may begin */
        uint32_t player_count;
        struct player *players;
        struct block *blocks;
        uint32_t *cache_ids; /* by name in the ops file; CACHE_ID_NONE: not looked up yet */
        uint32_t *site_ids;  /* by line, what the recording calls its site and task, from 1; 0: the line has neither */
        uint32_t done_count; /* lines */
        uint32_t barrier;    /* index of the first line for the whole machine that is not done, or line count */
        uint64_t allocations, failures, requested_bytes, allocated_bytes;
        struct cache_spec tuned; /* name in the tune line being asked for */
};

/* -- load --------------------------------------------------------------------------------------------------------- */

static char *find_file(const struct scenario *scenario, const char *file)
{
        g_autofree char *folder = g_path_get_dirname(scenario->path);
        char *path;

        if (g_path_is_absolute(file))
                return g_strdup(file);
        path = g_build_filename(folder, file, NULL);
        if (g_file_test(path, G_FILE_TEST_EXISTS) || !g_file_test(file, G_FILE_TEST_EXISTS))
                return path;
        g_free(path);
        return g_strdup(file);
}

static bool go_on_importing(const struct import_progress *progress, void *data)
{
        const struct scenario *scenario = data;

        (void)progress;
        return !scenario->options.stop || !*scenario->options.stop;
}

static struct ops_file *import_text(struct scenario *scenario, const char *path, GError **error)
{
        g_autoptr(GString) text = g_string_new(NULL);
        struct ops_sink sink = { .write = ops_sink_append, .data = text };
        struct import_options options = { .progress = go_on_importing, .progress_data = scenario };
        struct import_report *report = NULL;
        struct ops_file *ops = NULL;
        g_autofree char *name = g_strconcat(path, " (imported)", NULL);

        if (import_trace(path, &options, &sink, &report, error)) {
                g_autoptr(GPtrArray) warnings = import_report_warnings(report);

                for (uint32_t i = 0; i < warnings->len; i++) {
                        g_autofree char *line = g_strdup_printf("%s: %s", path, (const char *)warnings->pdata[i]);

                        scenario_message(scenario, line);
                }
                ops = ops_file_parse(name, text->str, text->len, error);
        }
        import_report_free(report);
        return ops;
}

/* Lines that the player cannot carry out. */
static bool check_lines(struct scenario *scenario, const struct ops_file *ops)
{
        for (uint32_t i = 0; i < ops_file_count(ops); i++) {
                const struct ops_line *line = ops_file_line(ops, i);
                const char *word = line->kind == OPS_TICK ? "tick" : line->kind == OPS_CPU_DOWN ? "cpu_down" :
                                   line->kind == OPS_CPU_UP ? "cpu_up" : line->kind == OPS_DRAIN ? "drain" : NULL;

                if (!word)
                        continue;
                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT,
                              "%s:%u: `%s' cannot be replayed beside tasks; run the file with "
                              "kmemsim ops",
                              ops->path, line->line, word);
                return false;
        }
        return true;
}

static void share_out(struct trace_player *player)
{
        const struct ops_file *ops = player->ops;

        player->player_count = 1;
        for (uint32_t i = 0; i < ops_file_count(ops); i++)
                player->player_count = MAX(player->player_count, ops_file_line(ops, i)->cpu + 1u);
        player->players = g_new0(struct player, player->player_count);
        for (uint32_t i = 0; i < player->player_count; i++)
                player->players[i].lines = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        for (uint32_t i = 0; i < ops_file_count(ops); i++)
                g_array_append_val(player->players[ops_file_line(ops, i)->cpu].lines, i);
}

struct trace_player *trace_player_load(struct scenario *scenario, const char *file, uint64_t speed_part,
                                       uint64_t speed_whole, bool asap)
{
        g_autofree char *path = find_file(scenario, file);
        struct trace_player *player;
        struct ops_file *ops;
        GError *error = NULL;

        ops = ops_file_is_one(path) ? ops_file_read(path, &error) : import_text(scenario, path, &error);
        if (!ops) {
                bool stopped = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

                scenario_fail(scenario, stopped ? SCENARIO_ERROR_INTERRUPTED : SCENARIO_ERROR_FILE, "%s",
                              error->message);
                g_error_free(error);
                return NULL;
        }
        if (!check_lines(scenario, ops)) {
                ops_file_free(ops);
                return NULL;
        }
        player = g_new0(struct trace_player, 1);
        player->scenario = scenario;
        player->ops = ops;
        player->file = g_steal_pointer(&path);
        player->speed_part = speed_part;
        player->speed_whole = speed_whole;
        player->asap = asap;
        player->blocks = g_new0(struct block, ops->object_count + 1);
        player->cache_ids = g_new(uint32_t, ops->names.count + 1);
        for (uint32_t i = 0; i < ops->object_count; i++)
                player->blocks[i].waiter = NO_LINE;
        for (uint32_t i = 0; i < ops->names.count; i++)
                player->cache_ids[i] = CACHE_ID_NONE;
        share_out(player);
        return player;
}

void trace_player_free(struct trace_player *player)
{
        if (!player)
                return;
        for (uint32_t i = 0; i < player->player_count; i++)
                g_array_unref(player->players[i].lines);
        g_free(player->players);
        g_free(player->blocks);
        g_free(player->cache_ids);
        g_free(player->site_ids);
        ops_file_free(player->ops);
        g_free(player->file);
        g_free(player);
}

/* -- play --------------------------------------------------------------------------------------------------------- */

static bool is_for_machine(const struct ops_line *line)
{
        return line->kind == OPS_CREATE || line->kind == OPS_SHRINK || line->kind == OPS_DESTROY ||
               line->kind == OPS_REAP;
}

static void find_barrier(struct trace_player *player, uint32_t from)
{
        while (from < ops_file_count(player->ops) && !is_for_machine(ops_file_line(player->ops, from)))
                from++;
        player->barrier = from;
}

/* g_int64_hash would fold the two halves, which are small numbers both, onto each other. */
static guint hash_pair(gconstpointer key)
{
        return (guint)(*(const guint64 *)key * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Numbers the pairs of call site and task, and tells the recorder what they are. */
static void number_sites(struct trace_player *player)
{
        const struct ops_file *ops = player->ops;
        g_autoptr(GHashTable) ids = g_hash_table_new_full(hash_pair, g_int64_equal, g_free, NULL);
        uint32_t count = ops_file_count(ops);

        for (uint32_t i = 0; i < count; i++) {
                const struct ops_line *line = ops_file_line(ops, i);
                gint64 key = (gint64)((uint64_t)line->site << 32 | line->task);
                uint32_t id;

                if (line->site == OPS_NONE && line->task == OPS_NONE)
                        continue;
                id = GPOINTER_TO_UINT(g_hash_table_lookup(ids, &key));
                if (id == 0) {
                        id = g_hash_table_size(ids) + 1;
                        g_hash_table_insert(ids, g_memdup2(&key, sizeof(key)), GUINT_TO_POINTER(id));
                        recorder_add_site(player->scenario->recorder, id,
                                          line->site != OPS_NONE ? ops_file_name(ops, line->site) : NULL,
                                          line->task != OPS_NONE ? ops_file_name(ops, line->task) : NULL);
                }
                if (!player->site_ids)
                        player->site_ids = g_new0(uint32_t, count);
                player->site_ids[i] = id;
        }
}

bool trace_player_attach(struct trace_player *player)
{
        struct scenario *scenario = player->scenario;

        find_barrier(player, 0);
        if (scenario->recorder)
                number_sites(player);
        for (uint32_t i = 0; i < player->player_count; i++) {
                g_autofree char *name = g_strdup_printf("trace-%u", i);
                struct actor *actor = actor_new(scenario, ACTOR_PLAYER, name, i % scenario->config.cpus);

                actor->is_foreground = true;
                actor->player_index = i;
                player->players[i].actor = actor;
                if (!actor_attach(actor))
                        return false;
        }
        return true;
}

static const struct ops_line *current_line(const struct trace_player *player, const struct player *one)
{
        return ops_file_line(player->ops, g_array_index(one->lines, uint32_t, one->next));
}

static void block_done(struct trace_player *player, struct block *block)
{
        if (block->waiter != NO_LINE)
                actor_make_ready(player->players[block->waiter].actor);
        block->waiter = NO_LINE;
}

static void fail_at(struct trace_player *player, const struct ops_line *line, enum scenario_error code,
                    const char *problem)
{
        scenario_fail(player->scenario, code, "%s:%u: %s", player->ops->path, line->line, problem);
}

/* The line is done: notes what came back, and who may go on because of it. */
static void finish_line(struct trace_player *player, struct player *one, bool asked_sim)
{
        const struct ops_line *line = current_line(player, one);
        uint32_t index = g_array_index(one->lines, uint32_t, one->next);
        struct sim *sim = player->scenario->sim;
        const struct op_record *record = asked_sim ? sim_result(sim, one->actor->thread) : NULL;
        struct block *block = line->object != OPS_NONE ? &player->blocks[line->object] : NULL;
        struct cache_view cache;

        switch (line->kind) {
        case OPS_ALLOC:
        case OPS_ALLOC_NODE:
        case OPS_KMALLOC:
        case OPS_PAGES:
                player->allocations++;
                if (record->pfn == PFN_NONE) {
                        player->failures++;
                        block->state = BLOCK_FAILED;
                } else {
                        block->state = BLOCK_LIVE;
                        block->object = sim_result_object(sim, one->actor->thread);
                        if (line->kind != OPS_PAGES && sim_cache_get(sim, record->cache, &cache)) {
                                player->requested_bytes += record->size_bytes;
                                player->allocated_bytes += cache.buffer_size;
                        }
                }
                block_done(player, block);
                break;
        case OPS_FREE:
                block->state = BLOCK_FREED;
                break;
        case OPS_CREATE:
                if (record->result != 0)
                        fail_at(player, line, SCENARIO_ERROR_SCRIPT, "the cache could not be created");
                else
                        player->cache_ids[line->name] = record->cache;
                break;
        case OPS_DESTROY:
                if (record->result == 0)
                        player->cache_ids[line->name] = CACHE_ID_NONE;
                break;
        default:
                break;
        }
        one->next++;
        player->done_count++;
        if (index == player->barrier)
                find_barrier(player, index + 1);
        if (player->done_count == player->barrier || index < player->barrier)
                for (uint32_t i = 0; i < player->player_count; i++)
                        if (player->players[i].waits_for_barrier) {
                                player->players[i].waits_for_barrier = false;
                                actor_make_ready(player->players[i].actor);
                        }
}

static bool make_request(struct trace_player *player, const struct ops_line *line, struct request *ret)
{
        *ret = (struct request){ .gfp = line->gfp, .node_plus_1 = line->node_plus_1, .order = line->order,
                                 .size_bytes = line->size };
        if (line->name != OPS_NONE && line->kind != OPS_CREATE && line->kind != OPS_TUNE) {
                const char *name = ops_file_name(player->ops, line->name);

                if (player->cache_ids[line->name] == CACHE_ID_NONE)
                        player->cache_ids[line->name] = sim_cache_find(player->scenario->sim, name);
                ret->cache = player->cache_ids[line->name];
                if (ret->cache == CACHE_ID_NONE) {
                        g_autofree char *problem = g_strdup_printf("the machine has no cache '%s'", name);

                        fail_at(player, line, SCENARIO_ERROR_SCRIPT, problem);
                        return false;
                }
        }
        switch (line->kind) {
        case OPS_CREATE:
                ret->kind = OP_CREATE;
                ret->spec = &g_array_index(player->ops->specs, struct cache_spec, line->spec);
                break;
        case OPS_ALLOC:
        case OPS_ALLOC_NODE: ret->kind = OP_ALLOC; break;
        case OPS_KMALLOC: ret->kind = OP_KMALLOC; break;
        case OPS_PAGES: ret->kind = OP_PAGES; break;
        case OPS_FREE:
                ret->kind = OP_FREE;
                ret->object = player->blocks[line->object].object;
                break;
        case OPS_REAP: ret->kind = OP_REAP; break;
        case OPS_SHRINK: ret->kind = OP_SHRINK; break;
        case OPS_DESTROY: ret->kind = OP_DESTROY; break;
        case OPS_TUNE:
                ret->kind = OP_TUNE;
                memset(&player->tuned, 0, sizeof(player->tuned));
                if (strlen(ops_file_name(player->ops, line->name)) < sizeof(player->tuned.name))
                        g_strlcpy(player->tuned.name, ops_file_name(player->ops, line->name),
                                  sizeof(player->tuned.name));
                ret->spec = &player->tuned;
                break;
        default: break;
        }
        return true;
}

static uint64_t due_ns(const struct trace_player *player, const struct ops_line *line)
{
        unsigned __int128 t_ns;

        if (player->asap || line->t_ns == OPS_NO_TIME)
                return 0;
        t_ns = (unsigned __int128)line->t_ns * player->speed_whole / player->speed_part + player->start_ns;
        return t_ns < TIME_NEVER ? (uint64_t)t_ns : TIME_NEVER - 1;
}

/* Whether the line may begin now. If not, the actor waits for what is missing. */
static bool may_begin(struct trace_player *player, struct player *one)
{
        const struct ops_line *line = current_line(player, one);
        uint32_t index = g_array_index(one->lines, uint32_t, one->next);
        struct sim *sim = player->scenario->sim;

        if (index > player->barrier || (index == player->barrier && player->done_count < index)) {
                one->waits_for_barrier = true;
                actor_set_state(one->actor, ACTOR_WAITING);
                return false;
        }
        if (due_ns(player, line) > sim_now_ns(sim)) {
                actor_set_state(one->actor, ACTOR_SLEEPING);
                one->actor->has_alarm = true;
                sim_wake_at(sim, one->actor->thread, due_ns(player, line));
                return false;
        }
        if (line->kind == OPS_FREE && player->blocks[line->object].state == BLOCK_PENDING) {
                player->blocks[line->object].waiter = one->actor->player_index;
                actor_set_state(one->actor, ACTOR_WAITING);
                return false;
        }
        return true;
}

static bool needs_sim(const struct trace_player *player, const struct ops_line *line)
{
        if (line->kind == OPS_SNAP || line->kind == OPS_DUMP)
                return false;
        return line->kind != OPS_FREE || player->blocks[line->object].state != BLOCK_FAILED;
}

/* The request of the line in turn. True: it is done already; false: it is under way, or cannot be. */
static bool carry_out(struct trace_player *player, struct player *one)
{
        struct scenario *scenario = player->scenario;
        struct actor *actor = one->actor;
        const struct ops_line *line = current_line(player, one);
        const char *problem = NULL;
        bool is_done;

        if (!make_request(player, line, &actor->request))
                return false;
        if (player->site_ids && scenario->config.debug_slab)
                sim_set_site(scenario->sim, actor->thread,
                             player->site_ids[g_array_index(one->lines, uint32_t, one->next)]);
        is_done = actor_hit(actor);
        if (!is_done)
                problem = sim_submit(scenario->sim, actor->thread, &actor->request);
        if (problem) {
                fail_at(player, line, failure_of_submit(actor, problem), problem);
                return false;
        }
        if (player->site_ids)
                observer_note_site(scenario->observer, actor->thread,
                                   player->site_ids[g_array_index(one->lines, uint32_t, one->next)]);
        if (!is_done)
                actor_set_state(actor, ACTOR_REQUEST);
        return is_done;
}

void trace_player_step(struct actor *actor, enum sim_what what)
{
        struct scenario *scenario = actor->scenario;
        struct trace_player *player = scenario->player;
        struct player *one = &player->players[actor->player_index];

        if (what == SIM_WAKE && !actor->has_alarm)
                return;
        actor->has_alarm = false;
        actor_set_state(actor, ACTOR_RUNNING);
        if (!actor->has_begun && player->start_ns == 0)
                player->start_ns = sim_now_ns(scenario->sim);
        actor->has_begun = true;
        if (what == SIM_DONE)
                finish_line(player, one, true);
        while (!scenario->error) {
                bool asks;

                if (one->next == one->lines->len) {
                        actor_end(actor);
                        return;
                }
                if (!may_begin(player, one))
                        return;
                asks = needs_sim(player, current_line(player, one));
                if (asks && !carry_out(player, one))
                        return;
                finish_line(player, one, asks);
        }
}

/* -- figures ------------------------------------------------------------------------------------------------------ */

static bool fact_number(const struct ops_file *ops, const char *key, uint64_t *ret)
{
        const char *text = ops_file_fact(ops, key);

        return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, ret, NULL);
}

void trace_player_figures(const struct trace_player *player, struct scenario_trace *ret)
{
        *ret = (struct scenario_trace){
                .file = player->file,
                .lines = ops_file_count(player->ops),
                .allocations = player->allocations,
                .failures = player->failures,
                .simulated_requested_bytes = player->requested_bytes,
                .simulated_allocated_bytes = player->allocated_bytes,
        };
        ret->has_own_bytes = fact_number(player->ops, "requested_bytes", &ret->own_requested_bytes) &&
                             fact_number(player->ops, "allocated_bytes", &ret->own_allocated_bytes);
}
