/*
 * failure.c - what becomes of a failure: of a request that got nothing, of what the kernel prints, and of a BUG.
 *
 * A report of the machine (trace/report.h) becomes a row of table failure with the kernel's text, written while the
 * memory is as it was at that step. About failed allocations the failure policy of the task has a word: "count" wants
 * no rows, "fatal" ends the run. A fatal report (BUG, panic) always ends it: the machine has stopped.
 *
 * Freeing twice, and freeing as what it is not, is found here, before the allocator sees it. 2.6.20 without
 * CONFIG_DEBUG_SLAB finds a double free not at all or much later, so that the text is the one it would have then.
 */
#include <string.h>

#include "mm/memory.h"
#include "observe/slab_log.h"
#include "script/scenario_parts.h"
#include "trace/gfp.h"

#define KERNEL_NAME 15 /* bytes of a task's name in the kernel */

const char *const failure_reason_texts[REASON_COUNT] = {
        [REASON_NO_PAGES] = "page allocation failure",
        [REASON_FAULT] = "fault injected",
        [REASON_NO_CLASS] = "larger than the largest size class",
        [REASON_ORDER] = "larger than the largest block",
        [REASON_NO_CACHE] = "the cache was destroyed",
        [REASON_DUPLICATE] = "duplicate cache name",
        [REASON_GEOMETRY] = "no slab of this size and alignment",
        [REASON_RESERVE] = "the reserve of the memory pool is empty",
        [REASON_ELEMENTS] = "elements of the memory pool are out",
};

enum failure_reason failure_reason(const struct scenario *scenario, const struct op_record *record)
{
        if (record->path == PATH_FAULT_INJECTED)
                return REASON_FAULT;
        if (record->path == PATH_NO_CLASS)
                return REASON_NO_CLASS;
        if (record->kind == OP_MEMPOOL_ALLOC)
                return REASON_RESERVE;
        if (record->kind == OP_MEMPOOL_DESTROY)
                return REASON_ELEMENTS;
        if (record->kind == OP_PAGES && record->order >= MAX_ORDER)
                return REASON_ORDER;
        if (record->kind == OP_ALLOC && record->result != 0)
                return REASON_NO_CACHE;
        if (record->kind == OP_CREATE && scenario->reported_op == record->id) {
                if (scenario->reported == REPORT_CACHE_DUPLICATE)
                        return REASON_DUPLICATE;
                if (scenario->reported == REPORT_CACHE_NO_GEOMETRY)
                        return REASON_GEOMETRY;
        }
        return REASON_NO_PAGES;
}

/* -- what the kernel prints --------------------------------------------------------------------------------------- */

static void keep_row(const struct scenario *scenario, const struct failure *failure)
{
        if (scenario->recorder)
                recorder_add_failure(scenario->recorder, failure);
}

/* The first line that says something, without its level. */
static char *first_line(const char *report)
{
        g_autofree char *plain = kernel_log_plain(report);
        const char *line = plain;

        while (g_str_has_prefix(line, "---") || g_str_has_prefix(line, "printk:") || *line == '\n')
                line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "";
        return g_strndup(line, strcspn(line, "\n"));
}

static enum failure_policy policy_of(const struct scenario *scenario, const struct actor *actor)
{
        return actor && actor->policy != FAILURE_DEFAULT ? actor->policy : scenario->policy;
}

static bool is_about_allocation(enum report_kind kind)
{
        return kind == REPORT_PAGES_FAILED || kind == REPORT_FAULT_INJECTED;
}

static const char *caller_name(uint64_t caller, void *context)
{
        return call_site_name(context, caller);
}

static void keep_report(struct scenario *scenario, const struct report *report, const struct actor *actor,
                        GString *text)
{
        g_autofree char *kthread = g_strdup_printf("events/%u", report->cpu), *message = NULL, *plain = NULL;
        struct failure failure = { .t_ns = report->t_ns, .op = report->op, .task = report->task, .cpu = report->cpu,
                                   .kind = report_kind_infos[report->kind].name };

        if (slab_log_is_about(report))
                slab_log_report(scenario->sim, report, caller_name, scenario, text);
        else
                kernel_log_report(scenario->sim, report, actor ? actor->name : kthread, text);
        message = first_line(text->str);
        failure.message = message;
        failure.report = text->str;
        keep_row(scenario, &failure);
        scenario->reported_op = report->op;
        scenario->reported = report->kind;
        g_free(scenario->report_text);
        scenario->report_text = g_strdup(text->str);
        if (is_about_allocation(report->kind))
                return;
        plain = kernel_log_plain(text->str);
        if (slab_log_is_about(report)) {
                char *where = g_strdup_printf("at %" G_GUINT64_FORMAT ".%03u us, CPU %u, task %s, op %" G_GUINT64_FORMAT
                                              ":\n%s",
                                              report->t_ns / 1000, (unsigned)(report->t_ns % 1000), report->cpu,
                                              actor ? actor->name : kthread, report->op, plain);

                g_free(plain);
                plain = where;
        }
        if (report_kind_infos[report->kind].is_fatal)
                scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s", plain);
        else
                scenario_message(scenario, g_strchomp(plain));
}

/* What nobody is to read costs next to nothing: a workload may fail a million times. */
static void hear(const struct report *report, void *context)
{
        struct scenario *scenario = context;
        const struct actor *actor = report->task < scenario->threads->len ? scenario->threads->pdata[report->task]
                                                                          : NULL;
        enum failure_policy policy = policy_of(scenario, actor);
        g_autoptr(GString) text = NULL;

        if (is_about_allocation(report->kind) && policy == FAILURE_COUNT)
                return;
        text = g_string_new(NULL);
        if (((report->kind == REPORT_PAGES_FAILED && policy != FAILURE_FATAL) || report->kind == REPORT_OOM_INVOKED) &&
            !kernel_log_ratelimit(&scenario->log_limit, scenario->sim, text))
                return;
        keep_report(scenario, report, actor, text);
}

void failure_listen(struct scenario *scenario)
{
        struct tape *tape = observer_tape(scenario->observer);

        tape->report = hear;
        tape->report_context = scenario;
}

/* -- requests that got nothing ------------------------------------------------------------------------------------ */

/* What ends the run when the policy is "fatal": where, why, and what the kernel printed or would have. */
static void fail_fatal(struct actor *actor, const char *message, const char *report)
{
        struct scenario *scenario = actor->scenario;
        struct sandbox_place place = actor->L ? sandbox_place(scenario->sandbox, actor->L, 0) : actor->declared;
        g_autofree char *where = sandbox_place_text(scenario->sandbox, place);
        g_autofree char *frames = actor->L ? sandbox_frames(actor->L) : g_strdup("");
        g_autofree char *plain = kernel_log_plain(report);

        scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s: %s\n%s%s", where, message, frames, plain);
}

static char *failed_text(const struct actor *actor, const struct op_record *record)
{
        enum failure_reason reason = failure_reason(actor->scenario, record);

        if (record->kind == OP_MEMPOOL_ALLOC)
                return g_strdup_printf("%.*s: mempool_alloc: the allocator below gives nothing, "
                                       "the reserve is empty, and a mask without __GFP_WAIT does not wait (mode:0x%x)",
                                       KERNEL_NAME, actor->name, record->gfp);
        if (record->kind == OP_PAGES)
                return g_strdup_printf("%.*s: pages of order %u: %s", KERNEL_NAME, actor->name, record->order,
                                       failure_reason_texts[reason]);
        return g_strdup_printf("%.*s: %s of %" G_GUINT64_FORMAT " bytes: %s", KERNEL_NAME, actor->name,
                               op_kind_names[record->kind], record->size_bytes, failure_reason_texts[reason]);
}

void failure_noted(struct actor *actor, const struct op_record *record)
{
        struct scenario *scenario = actor->scenario;
        enum failure_policy policy = policy_of(scenario, actor);
        enum failure_reason reason = failure_reason(scenario, record);
        bool is_known = scenario->reported_op == record->id; /* it has a row */
        g_autoptr(GString) report = NULL;
        g_autofree char *message = NULL;
        struct failure failure = { .t_ns = sim_now_ns(scenario->sim), .op = record->id, .task = actor->thread,
                                   .cpu = actor_cpu(actor), .kind = "alloc_failed" };

        if (policy == FAILURE_COUNT)
                return;
        report = g_string_new(is_known ? scenario->report_text : NULL);
        if (policy != FAILURE_FATAL) { /* the kernel is silent about the rest */
                if (is_known || (reason != REASON_NO_CLASS && reason != REASON_ORDER) || (record->gfp & __GFP_NOWARN) ||
                    !kernel_log_ratelimit(&scenario->log_limit, scenario->sim, report))
                        return;
                g_string_truncate(report, 0);
        }
        message = is_known && scenario->reported == REPORT_PAGES_FAILED ? first_line(report->str) :
                                                                          failed_text(actor, record);
        failure.message = message;
        if (!is_known)
                keep_row(scenario, &failure);
        if (policy == FAILURE_FATAL)
                fail_fatal(actor, message, report->str);
}

/* -- BUGs --------------------------------------------------------------------------------------------------------- */

/* What the kernel prints for a request that sim_submit refused with "kernel BUG at FILE:LINE! ...". */
static char *bug_text(const struct actor *actor, const char *message)
{
        static const char at[] = "kernel BUG at ";
        g_autoptr(GString) text = g_string_new(NULL);
        const char *line = strchr(message, ':');

        if (actor->request.kind == OP_CREATE && actor->request.spec)
                g_string_append_printf(text, "<3>kmem_cache_create: Early error in slab %s\n",
                                       actor->request.spec->name);
        if (g_str_has_prefix(message, at) && line) {
                g_autofree char *file = g_strndup(message + strlen(at), (gsize)(line - message) - strlen(at));

                kernel_log_bug(file, (uint32_t)g_ascii_strtoull(line + 1, NULL, 10), text);
        }
        return g_strdup(text->str);
}

static void note_bug(struct actor *actor, const char *message)
{
        struct scenario *scenario = actor->scenario;
        g_autofree char *text = bug_text(actor, message);
        g_autofree char *plain = kernel_log_plain(text);
        struct failure failure = { .t_ns = sim_now_ns(scenario->sim), .task = actor->thread, .cpu = actor_cpu(actor),
                                   .kind = "bug", .message = message, .report = text, .refused = &actor->request };

        keep_row(scenario, &failure);
        scenario_message(scenario, g_strchomp(plain));
}

enum scenario_error failure_of_submit(struct actor *actor, const char *problem)
{
        if (!g_str_has_prefix(problem, "kernel BUG"))
                return SCENARIO_ERROR_SCRIPT;
        note_bug(actor, problem);
        return SCENARIO_ERROR_SIMULATED;
}

/*
 * The simulated kernel stops here: `text` (freed here) is what it prints;
 * on the stack stands what is known beyond that, in lines.
 */
static int raise_bug(lua_State *L, struct actor *self, char *text, const struct request *refused,
                     uint64_t refused_frees)
{
        struct scenario *scenario = self->scenario;
        const char *why = lua_tostring(L, -1);
        const char *message = luaL_gsub(L, why, "\n  ", ", ");
        char *plain = kernel_log_plain(text);
        struct failure failure = { .t_ns = sim_now_ns(scenario->sim), .task = self->thread, .cpu = actor_cpu(self),
                                   .kind = "bug", .message = message, .report = text, .refused = refused,
                                   .refused_frees = refused_frees };

        keep_row(scenario, &failure);
        scenario_message(scenario, g_strchomp(plain));
        g_free(plain);
        g_free(text);
        return scenario_raise(scenario, L, SCENARIO_ERROR_SIMULATED, "%s", why);
}

int failure_refused(lua_State *L, struct actor *self, const char *message)
{
        lua_pushstring(L, message);
        return raise_bug(L, self, bug_text(self, message), &self->request, 0);
}

/* Pushes a text and frees it, so that nothing is lost when an error is raised. */
static const char *push_text(lua_State *L, char *text)
{
        lua_pushstring(L, text);
        g_free(text);
        return lua_tostring(L, -1);
}

/* Pushes "s.lua:2 by 'rx' at 1.234 us". */
static const char *push_origin(lua_State *L, const struct scenario *scenario, struct sandbox_place place,
                               uint16_t thread, uint64_t t_ns)
{
        const struct actor *actor = scenario->threads->pdata[thread];
        char *where = sandbox_place_text(scenario->sandbox, place);
        char *text = g_strdup_printf("%s by '%s' at %" G_GUINT64_FORMAT ".%03u us", where, actor->name, t_ns / 1000,
                                     (unsigned)(t_ns % 1000));

        g_free(where);
        return push_text(L, text);
}

static const char *cache_name_of(const struct scenario *scenario, const struct object *object)
{
        return sim_memory(scenario->sim)->caches[object->cache].spec.name;
}

int failure_double_free(lua_State *L, struct actor *self, const struct object *object)
{
        const struct scenario *scenario = self->scenario;
        const struct arch *arch = sim_memory(scenario->sim)->arch;
        struct request refused = { .kind = OP_FREE, .object = object->object };
        const char *what = push_text(L, object_text(scenario, object));
        const char *allocated =
                push_origin(L, scenario, object->allocated, object->allocated_by, object->allocated_ns);
        const char *freed = push_origin(L, scenario, object->freed, object->freed_by, object->freed_ns);
        GString *text = g_string_new(NULL);

        lua_pushfstring(L, "kernel BUG: double free of a %s\n  allocated at %s\n  first freed at %s", what, allocated,
                        freed);
        if (object->cache == CACHE_ID_NONE) {
                kernel_log_bad_page(scenario->sim, self->name, place_pfn(object->place), 0, -1, text);
        } else {
                g_string_append_printf(text, "<3>slab: double free detected in cache '%s', objp %0*" G_GINT64_MODIFIER
                                       "x\n", cache_name_of(scenario, object), (int)arch->word_bytes * 2,
                                       arch->virtual_base + object->place);
                kernel_log_bug("mm/slab.c", 2681, text);
        }
        return raise_bug(L, self, g_string_free(text, FALSE), &refused, object->op);
}

int failure_wrong_free(lua_State *L, struct actor *self, const struct object *object, enum wrong_free how)
{
        static const struct {
                const char *call;
                uint32_t line; /* of the BUG in mm/slab.c, 0: the page allocator finds it */
        } calls[] = {
                [WRONG_KFREE] = { "kfree", 597 },
                [WRONG_CACHE_FREE] = { "kmem_cache_free", 597 },
                [WRONG_CACHE] = { "kmem_cache_free to another cache", 3733 },
                [WRONG_FREE_PAGES] = { "__free_pages", 0 },
        };
        const struct scenario *scenario = self->scenario;
        const char *what = push_text(L, object_text(scenario, object));
        const char *allocated =
                push_origin(L, scenario, object->allocated, object->allocated_by, object->allocated_ns);
        GString *text = g_string_new(NULL);

        lua_pushfstring(L, "kernel BUG: %s of a %s\n  allocated at %s", calls[how].call, what, allocated);
        if (calls[how].line)
                kernel_log_bug("mm/slab.c", calls[how].line, text);
        else
                kernel_log_bad_page(scenario->sim, self->name, place_pfn(object->place), KERNEL_LOG_PG_SLAB, 0, text);
        return raise_bug(L, self, g_string_free(text, FALSE), NULL, 0);
}
