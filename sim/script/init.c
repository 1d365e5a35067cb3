/*
 * init.c - what happens before the tasks begin: one actor makes the swap areas and settings of machine{ }, the declared
 * caches with their shrinkers, the memory pools and the pages that processes have from the start, one request after the
 * other; then the others start.
 */
#include "script/scenario_parts.h"

static void start_all(struct scenario *scenario)
{
        for (uint32_t i = 0; i < scenario->actors->len; i++) {
                struct actor *actor = scenario->actors->pdata[i];

                if (actor->state == ACTOR_IDLE && (actor->kind == ACTOR_TASK || actor->kind == ACTOR_INTERRUPT))
                        actor_start(actor);
                else if (actor->kind == ACTOR_PLAYER)
                        actor_make_ready(actor);
                else if (actor->kind == ACTOR_LOAD)
                        load_start(actor);
        }
}

/* Its request goes to the sim. If that refuses it, the run ends with the text `whose` and why. */
static G_GNUC_PRINTF(2, 3) void submit(struct actor *actor, const char *whose, ...)
{
        const char *problem = sim_submit(actor->scenario->sim, actor->thread, &actor->request);
        g_autofree char *text = NULL;
        va_list args;

        if (!problem) {
                actor_set_state(actor, ACTOR_REQUEST);
                return;
        }
        va_start(args, whose);
        text = g_strdup_vprintf(whose, args);
        va_end(args);
        scenario_fail(actor->scenario, SCENARIO_ERROR_SCRIPT, "%s: %s", text, problem);
}

/*
 * The memory pools that mempool{} declared, one after the other, then the pages that processes have from the start;
 * done: the one whose creation is done, NULL at first.
 */
static void init_mempools(struct actor *actor, const struct declared_mempool *done)
{
        struct scenario *scenario = actor->scenario;
        g_autofree char *where = NULL;
        const char *problem;

        if (done && sim_result(scenario->sim, actor->thread)->path == PATH_FAILED) {
                where = sandbox_place_text(scenario->sandbox, done->place);
                scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s: the memory pool '%s' could not be created",
                              where, done->spec.name);
                return;
        }
        if (actor->process && sim_result(scenario->sim, actor->thread)->pfn == PFN_NONE) {
                where = sandbox_place_text(scenario->sandbox, actor->process->place);
                scenario_fail(scenario, SCENARIO_ERROR_SIMULATED,
                              "%s: there is no memory for the pages of process '%s'", where, actor->process->name);
                return;
        }
        actor->mempool = NULL;
        actor->process = NULL;
        for (uint32_t i = 0; i < scenario->declared_mempools && !actor->mempool; i++) {
                struct declared_mempool *mempool = scenario->mempools->pdata[i];

                if (!mempool->id)
                        actor->mempool = mempool;
        }
        if (!actor->mempool && process_next_anon(scenario, &actor->request, &actor->process)) {
                submit(actor, "process '%s'", actor->process->name);
                return;
        }
        if (!actor->mempool) {
                actor_end(actor);
                start_all(scenario);
                return;
        }
        where = sandbox_place_text(scenario->sandbox, actor->mempool->place);
        problem = declare_mempool_in_sim(actor->mempool);
        actor->request = (struct request){ .kind = OP_MEMPOOL_CREATE, .mempool = actor->mempool->id };
        if (problem)
                scenario_fail(scenario, SCENARIO_ERROR_SCRIPT, "%s: memory pool '%s': %s", where,
                              actor->mempool->spec.name, problem);
        else
                submit(actor, "%s: memory pool '%s'", where, actor->mempool->spec.name);
}

/* done: the cache whose creation, or shrinker, is done, NULL at first. */
static void init_step(struct actor *actor, struct declared_cache *done)
{
        struct scenario *scenario = actor->scenario;
        const struct op_record *record = sim_result(scenario->sim, actor->thread);
        struct declared_cache *next = NULL;
        g_autofree char *where = NULL;

        if (scenario->vm_asked < scenario->vm_requests->len) { /* machine { swap, vm } */
                actor->request = g_array_index(scenario->vm_requests, struct request, scenario->vm_asked++);
                submit(actor, "machine");
                return;
        }
        if (done && record->kind == OP_SHRINKER) {
                if (record->result != 0) {
                        scenario_fail(scenario, SCENARIO_ERROR_SIMULATED,
                                      "the shrinker of cache '%s' could not be registered", done->spec.name);
                        return;
                }
        } else if (done) {
                where = sandbox_place_text(scenario->sandbox, done->place);
                if (record->result != 0) {
                        scenario_fail(scenario, SCENARIO_ERROR_SIMULATED, "%s: the cache '%s' could not be created",
                                      where, done->spec.name);
                        return;
                }
                done->id = record->cache;
                if (done->shrinker.kind == OP_SHRINKER) {
                        actor->request = done->shrinker;
                        actor->request.cache = done->id;
                        submit(actor, "%s: cache '%s'", where, done->spec.name);
                        return;
                }
        }
        for (uint32_t i = 0; i < scenario->declared_caches && !next; i++) {
                struct declared_cache *cache = scenario->caches->pdata[i];

                if (cache->id == CACHE_ID_NONE)
                        next = cache;
        }
        if (!next) {
                actor->cache = NULL;
                init_mempools(actor, NULL);
                return;
        }
        actor->cache = next;
        actor->request = (struct request){ .kind = OP_CREATE, .spec = &next->spec };
        g_free(where);
        where = sandbox_place_text(scenario->sandbox, next->place);
        submit(actor, "%s: cache '%s'", where, next->spec.name);
}

void init_begin(struct actor *actor)
{
        init_step(actor, NULL);
}

void init_done(struct actor *actor)
{
        if (actor->mempool || actor->process)
                init_mempools(actor, actor->mempool);
        else
                init_step(actor, actor->cache);
}
