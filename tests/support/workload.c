#include "support/workload.h"

#include <string.h>

#define CACHES 6u
#define THREADS_MAX 256u
#define END_PAUSE_NS 10000000u

struct actor {
        struct prng prng;
        uint32_t thread, cpu;
        bool irq;
        uint32_t free_percent; /* of its requests, while the stock grows */
        uint32_t favourite; /* size of most of its objects, for a while */
        uint8_t kind;       /* of the request under way */
        uint32_t cache;     /* CACHES: none of ours */
        uint32_t left;      /* interrupt: requests still to make */
        struct cache_spec tuned; /* name it writes to /proc/slabinfo */
};

struct workload {
        struct testbed *bed;
        struct workload_shape shape;
        struct workload_result *result;
        struct actor actors[THREADS_MAX];
        uint32_t actor_count, task_count;
        uint32_t alarm; /* thread */
        GArray *live;   /* handles */
        GArray *hoard;  /* pages taken at the beginning */
        uint32_t caches[CACHES]; /* ids, CACHE_ID_NONE: none */
        struct cache_spec specs[CACHES];
        uint32_t creating; /* bit per cache */
        uint32_t nofail;   /* requests under way that never fail */
        uint32_t names;
        bool shrinking;    /* the stock is */
        uint64_t last_ns;  /* when the machine last called back for one of the actors */
        bool ending;
};

static uint32_t below(struct actor *actor, uint32_t bound)
{
        return (uint32_t)prng_below(&actor->prng, bound);
}

static bool chance(struct actor *actor, uint32_t part, uint32_t whole)
{
        return prng_chance(&actor->prng, part, whole);
}

static struct actor *actor_new(struct workload *work, bool irq, uint32_t cpu)
{
        struct actor *actor = &work->actors[work->actor_count++];

        g_assert_cmpuint(work->actor_count, <=, THREADS_MAX);
        actor->irq = irq;
        actor->cpu = cpu;
        actor->thread = sim_thread_new(work->bed->sim, irq ? THREAD_IRQ : THREAD_TASK, cpu);
        prng_init(&actor->prng, work->shape.seed, 1000 + work->actor_count);
        actor->free_percent = chance(actor, 1, 2) ? 35 : chance(actor, 1, 2) ? 10 : 60;
        return actor;
}

static struct actor *actor_of(struct workload *work, uint32_t thread)
{
        for (uint32_t i = 0; i < work->actor_count; i++) {
                if (work->actors[i].thread == thread)
                        return &work->actors[i];
        }
        return NULL;
}

/* A mask for this kind of request. */
static uint32_t draw_gfp(struct workload *work, struct actor *actor, bool pages)
{
        static const uint32_t bases[] = {
                GFP_KERNEL, GFP_KERNEL, GFP_USER, GFP_NOFS, GFP_NOIO, GFP_ATOMIC, GFP_NOWAIT
        };
        static const uint32_t extras[] = { __GFP_HIGH, __GFP_COLD, __GFP_NOWARN, __GFP_NORETRY, __GFP_NOMEMALLOC,
                                           __GFP_REPEAT, __GFP_COMP };
        static const uint32_t zones[] = { __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM, __GFP_ZERO };
        uint32_t gfp = actor->irq ? (chance(actor, 1, 4) ? GFP_NOWAIT : GFP_ATOMIC) :
                                    bases[below(actor, G_N_ELEMENTS(bases))];

        if (chance(actor, 1, 3))
                gfp |= extras[below(actor, G_N_ELEMENTS(extras))];
        if (pages && chance(actor, 1, 4))
                gfp |= zones[below(actor, G_N_ELEMENTS(zones))];
        if (!pages && chance(actor, 1, 12))
                gfp |= __GFP_NO_GROW;
        if (work->shape.nofail && !actor->irq && (gfp & __GFP_WAIT) && work->nofail * 3 + 3 <= work->task_count &&
            !work->ending && chance(actor, 1, 20))
                gfp |= __GFP_NOFAIL; /* others must be left to free something */
        return gfp;
}

static void draw_spec(struct workload *work, struct actor *actor, struct cache_spec *spec)
{
        static const uint32_t flags[] = { 0, 0, CACHE_HWCACHE_ALIGN, CACHE_DMA, CACHE_RECLAIM_ACCOUNT,
                                          CACHE_DESTROY_BY_RCU, CACHE_DESTROY_BY_RCU | CACHE_HWCACHE_ALIGN };
        uint32_t small = (uint32_t)prng_between(&actor->prng, 8, 600);

        memset(spec, 0, sizeof(*spec));
        g_snprintf(spec->name, sizeof(spec->name), "cache-%u", chance(actor, 1, 20) ? work->names : ++work->names);
        spec->size_bytes = chance(actor, 3, 4) ? small : (uint32_t)prng_between(&actor->prng, 600, 9000);
        spec->flags = flags[below(actor, G_N_ELEMENTS(flags))];
        if (work->shape.tune && chance(actor, 1, 3)) {
                spec->ctor_cycles = (uint32_t)prng_between(&actor->prng, 1, 500);
                spec->dtor_cycles = spec->flags & CACHE_DESTROY_BY_RCU ? 0 : 70;
        }
}

/* The newest, the oldest or any: the order of frees decides which slabs become empty. */
static uint32_t take_live(struct workload *work, struct actor *actor)
{
        uint32_t way = below(actor, 3);
        uint32_t which = way == 0 ? work->live->len - 1 : way == 1 ? 0 : below(actor, work->live->len);
        uint32_t object = g_array_index(work->live, uint32_t, which);

        g_array_remove_index_fast(work->live, which);
        return object;
}

static uint32_t draw_size(struct workload *work, struct actor *actor)
{
        if (!actor->favourite || chance(actor, 1, 100))
                actor->favourite = (uint32_t)prng_between(&actor->prng, 1, chance(actor, 3, 4) ? 300 : 5000);
        if (chance(actor, 3, 5))
                return actor->favourite;
        return (uint32_t)prng_between(&actor->prng, 0, chance(actor, 3, 4) ? 300 : work->shape.size_max);
}

/* A write to /proc/slabinfo: of any cache, also of one that was there once; now and then of no use. */
static void draw_tunables(struct workload *work, struct actor *actor, struct request *request)
{
        uint32_t id = below(actor, sim_cache_count(work->bed->sim));
        uint32_t batchcount = (uint32_t)prng_between(&actor->prng, chance(actor, 1, 10) ? 0 : 1, 70);
        uint32_t limit = batchcount * (uint32_t)prng_between(&actor->prng, 1, 3) + below(actor, 5);
        struct cache_view view;

        sim_cache_get(work->bed->sim, id, &view);
        memset(&actor->tuned, 0, sizeof(actor->tuned));
        g_strlcpy(actor->tuned.name, view.name, sizeof(actor->tuned.name));
        if (chance(actor, 1, 20))
                limit = chance(actor, 1, 2) ? 20000 : 16000; /* larger than the largest class, or most of it */
        request->spec = &actor->tuned;
        request->size_bytes = limit | (uint64_t)batchcount << 32;
        request->gfp = below(actor, 10);
}

/* A CPU comes or goes; now and then one that is where it should be already. */
static bool draw_hotplug(struct workload *work, struct actor *actor, struct request *request)
{
        uint32_t cpu = below(actor, work->bed->mem->cpus);
        bool online = sim_cpu_online(work->bed->sim, cpu);

        if (cpu == 0)
                return false;
        request->kind = online != chance(actor, 1, 10) ? OP_CPU_DOWN : OP_CPU_UP;
        request->cpu = (uint8_t)cpu;
        return true;
}

/* What this actor asks for next. False: it has nothing to ask. */
static bool draw_request(struct workload *work, struct actor *actor, struct request *request)
{
        uint32_t slot = below(actor, CACHES);
        uint32_t way;

        if (work->live->len >= work->shape.live_max)
                work->shrinking = true;
        else if (work->live->len <= work->shape.live_max / 10)
                work->shrinking = false;
        *request = (struct request){ 0 };
        actor->cache = CACHES;
        if (work->ending || below(actor, 100) < (work->shrinking ? 80u : actor->free_percent)) {
                if (!work->live->len)
                        return false;
                request->kind = OP_FREE;
                request->object = take_live(work, actor);
                return true;
        }
        if (work->shape.hotplug && !actor->irq && chance(actor, 1, 60) && draw_hotplug(work, actor, request))
                return true;
        if (work->bed->mem->numa && chance(actor, 1, 3))
                request->node_plus_1 = (uint8_t)(1 + below(actor, work->bed->mem->nodes));
        way = below(actor, 100);
        if (way < 90 || actor->irq) {
                if (chance(actor, work->shape.pages_percent, 100)) {
                        request->kind = OP_PAGES;
                        request->order = (uint8_t)below(actor, chance(actor, 1, 6) ? work->shape.order_max + 1 : 2);
                        request->gfp = draw_gfp(work, actor, true);
                        if (request->order > 3) /* such a request may never be met, and would wait for ever */
                                request->gfp &= ~__GFP_REPEAT;
                        if (request->order > 0 || (request->gfp & (__GFP_DMA | __GFP_DMA32)))
                                request->gfp &= ~__GFP_NOFAIL; /* page lists may hide the last pages of a zone,
                                                                * and split blocks */
                        return true;
                }
                request->gfp = draw_gfp(work, actor, false) & ~__GFP_NOFAIL; /* slabs may be of a higher order */
                if (work->shape.caches && work->caches[slot] != CACHE_ID_NONE && chance(actor, 1, 2)) {
                        request->kind = OP_ALLOC;
                        request->cache = work->caches[slot];
                        return true;
                }
                request->kind = OP_KMALLOC;
                request->size_bytes = draw_size(work, actor);
                if (chance(actor, 1, 16))
                        request->gfp |= __GFP_DMA;
                return true;
        }
        request->node_plus_1 = 0;
        if (!work->shape.caches || way < 93) {
                request->kind = chance(actor, 1, 10) ? OP_DRAIN : OP_WORK;
                request->size_bytes = request->kind == OP_WORK ? below(actor, 3000) : 0;
                return true;
        }
        if (way < 94) {
                request->kind = work->shape.tune && chance(actor, 1, 2) ? OP_TUNE : OP_REAP;
                if (request->kind == OP_TUNE)
                        draw_tunables(work, actor, request);
                return true;
        }
        if (work->caches[slot] == CACHE_ID_NONE && !(work->creating & (1u << slot))) {
                request->kind = OP_CREATE;
                draw_spec(work, actor, &work->specs[slot]);
                request->spec = &work->specs[slot];
                work->creating |= 1u << slot;
                actor->cache = slot;
                return true;
        }
        request->kind = way < 97 ? OP_SHRINK : OP_DESTROY;
        request->cache = work->caches[slot];
        actor->cache = slot;
        if (request->cache == CACHE_ID_NONE || chance(actor, 1, 8)) { /* any cache can be shrunk */
                request->kind = OP_SHRINK;
                request->cache = below(actor, sim_cache_count(work->bed->sim));
                actor->cache = CACHES;
        }
        return true;
}

static void submit(struct workload *work, struct actor *actor, const struct request *request)
{
        const char *problem = sim_submit(work->bed->sim, actor->thread, request);

        g_assert_cmpstr(problem, ==, NULL);
        actor->kind = request->kind;
        work->result->requests++;
        if (request->kind != OP_TUNE && (request->gfp & __GFP_NOFAIL))
                work->nofail++;
}

/* What came of the request of this actor. */
static void take_result(struct workload *work, struct actor *actor)
{
        const struct op_record *op = sim_result(work->bed->sim, actor->thread);
        uint32_t object = sim_result_object(work->bed->sim, actor->thread);

        g_assert_cmpuint(op->kind, ==, actor->kind);
        if (op->kind == OP_CPU_DOWN || op->kind == OP_CPU_UP) {
                work->result->hotplugs += op->result == 0;
                work->result->failed_ups += op->kind == OP_CPU_UP && op->result != 0 &&
                                            !sim_cpu_online(work->bed->sim, op->target_cpu);
                return;
        }
        if (op->kind == OP_TUNE) { /* its gfp is the shared factor */
                work->result->refused += op->result != 0;
                return;
        }
        if (op->gfp & __GFP_NOFAIL) {
                work->nofail--;
                if (!(op->gfp & (__GFP_NORETRY | __GFP_NO_GROW | __GFP_NOMEMALLOC)) && op->kind == OP_PAGES)
                        g_assert_cmpuint(object, !=, OBJECT_NONE); /* NORETRY beats NOFAIL, a victim needs memory
                                                                    * reserves */
        }
        switch (op->kind) {
        case OP_KMALLOC:
        case OP_ALLOC:
        case OP_PAGES:
                if (object != OBJECT_NONE)
                        g_array_append_val(work->live, object);
                else
                        work->result->failed++;
                break;
        case OP_CREATE:
                work->creating &= ~(1u << actor->cache);
                if (op->result == 0)
                        work->caches[actor->cache] = op->cache;
                else
                        work->result->failed++;
                break;
        case OP_DESTROY:
                if (op->result == 0)
                        work->caches[actor->cache] = CACHE_ID_NONE;
                else
                        work->result->refused++;
                break;
        default:
                break;
        }
}

static void raise_some(struct workload *work, struct actor *actor)
{
        uint32_t irqs = work->actor_count - work->task_count;
        uint32_t which;

        if (!irqs || work->ending || !chance(actor, 1, 5))
                return;
        which = work->task_count + below(actor, irqs);
        if (!sim_raise(work->bed->sim, work->actors[which].thread, sim_now_ns(work->bed->sim) + below(actor, 4000)))
                work->result->lost_interrupts++;
}

static void next_of_task(struct workload *work, struct actor *actor)
{
        struct request request;

        if (work->result->requests >= work->shape.requests && !work->ending) {
                work->ending = true;
                g_array_append_vals(work->live, work->hoard->data, work->hoard->len);
                g_array_set_size(work->hoard, 0);
        }
        raise_some(work, actor);
        if (!work->ending && chance(actor, 1, 8)) {
                sim_wake_at(work->bed->sim, actor->thread, sim_now_ns(work->bed->sim) + below(actor, 20000));
                return;
        }
        if (draw_request(work, actor, &request))
                submit(work, actor, &request);
        else if (!work->ending)
                sim_wake_at(work->bed->sim, actor->thread, sim_now_ns(work->bed->sim) + 1000);
}

static void next_of_irq(struct workload *work, struct actor *actor)
{
        struct request request;

        if (actor->left && draw_request(work, actor, &request)) {
                actor->left--;
                submit(work, actor, &request);
                return;
        }
        sim_irq_return(work->bed->sim, actor->thread);
}

static bool is_over(const struct workload *work)
{
        return work->ending && !work->live->len;
}

static enum sim_what run(struct workload *work, uint32_t *ret_thread)
{
        struct sim *sim = work->bed->sim;
        enum sim_what what;

        if (!work->shape.step_ns)
                return sim_run(sim, ret_thread);
        do { /* as long as time moves on, something is left */
                uint64_t until_ns = sim_now_ns(sim) + work->shape.step_ns;

                what = sim_run_until(sim, until_ns, ret_thread);
                if (what != SIM_IDLE || sim_now_ns(sim) != until_ns)
                        return what;
        } while (true);
}

static void run_actors(struct workload *work)
{
        enum sim_what what;
        uint32_t thread;

        while ((what = run(work, &thread)) != SIM_IDLE) {
                struct actor *actor = actor_of(work, thread);

                if (!actor) { /* the alarm clock */
                        if (!is_over(work))
                                sim_wake_at(work->bed->sim, thread, sim_now_ns(work->bed->sim) + work->shape.alarm_ns);
                        continue;
                }
                work->last_ns = sim_now_ns(work->bed->sim);
                if (what == SIM_DONE)
                        take_result(work, actor);
                else if (actor->irq)
                        actor->left = below(actor, 4);
                if (actor->irq)
                        next_of_irq(work, actor);
                else
                        next_of_task(work, actor);
        }
}

void workload_run(struct testbed *bed, const struct workload_shape *shape, struct workload_result *ret)
{
        struct workload *work = g_new0(struct workload, 1);
        uint32_t who;

        memset(ret, 0, sizeof(*ret));
        work->bed = bed;
        work->shape = *shape;
        work->result = ret;
        work->live = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        work->hoard = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        for (uint32_t i = 0; i < CACHES; i++)
                work->caches[i] = CACHE_ID_NONE;
        while (shape->pages_left && testbed_free_pages(bed) > shape->pages_left) {
                uint32_t object = testbed_pages(bed, 0, 0, GFP_KERNEL);

                g_array_append_val(work->hoard, object);
        }
        for (uint32_t i = 0; i < shape->tasks_per_cpu * bed->mem->cpus; i++)
                actor_new(work, false, i % bed->mem->cpus);
        work->task_count = work->actor_count;
        for (uint32_t i = 0; i < shape->irqs_per_cpu * bed->mem->cpus; i++)
                actor_new(work, true, i % bed->mem->cpus);
        for (uint32_t i = 0; i < work->task_count; i++)
                sim_wake_at(bed->sim, work->actors[i].thread, sim_now_ns(bed->sim) + below(&work->actors[i], 2000));
        if (shape->alarm_ns) {
                work->alarm = sim_thread_new(bed->sim, THREAD_TASK, 0);
                sim_wake_at(bed->sim, work->alarm, sim_now_ns(bed->sim) + shape->alarm_ns);
        }
        run_actors(work);
        /* behind the last alarm, whatever its period */
        sim_wake_at(bed->sim, bed->task[0], work->last_ns + END_PAUSE_NS);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_WAKE);
        while (work->live->len) { /* a task may have put one back after the others had gone */
                testbed_release(bed, 0, g_array_index(work->live, uint32_t, work->live->len - 1));
                g_array_set_size(work->live, work->live->len - 1);
        }
        for (uint32_t i = 0; i < CACHES; i++) {
                if (work->caches[i] != CACHE_ID_NONE)
                        g_assert_cmpuint(testbed_destroy(bed, 0, work->caches[i]), ==, 0);
        }
        testbed_flush(bed);
        g_array_unref(work->live);
        g_array_unref(work->hoard);
        g_free(work);
}

void workload_draw(uint64_t seed, struct sim_config *ret_config, struct workload_shape *ret_shape)
{
        static const uint32_t hz[] = { 100, 250, 250, 1000 };
        struct prng prng;

        prng_init(&prng, seed, prng_stream_of("shape"));
        *ret_config = testbed_config((uint32_t)prng_between(&prng, 1, 8), 8);
        ret_config->hz = hz[prng_below(&prng, G_N_ELEMENTS(hz))];
        if (prng_chance(&prng, 1, 3)) {
                ret_config->arch = ARCH_I386;
                ret_config->line_bytes = prng_chance(&prng, 1, 2) ? 32 : 128;
        } else if (prng_chance(&prng, 2, 5)) {
                ret_config->numa = 1;
                ret_config->nodes = (uint32_t)prng_between(&prng, 1, 4);
                for (uint32_t node = 0; node < ret_config->nodes; node++)
                        ret_config->node_mib[node] = (uint32_t)prng_between(&prng, node ? 4 : 8, 14);
        }
        if (!ret_config->numa && prng_chance(&prng, 2, 5)) /* two zones; page lists of some length */
                ret_config->node_mib[0] = prng_chance(&prng, 1, 2) ? 24 : (uint32_t)prng_between(&prng, 50, 300);
        if (ret_config->numa && prng_chance(&prng, 1, 4))
                ret_config->node_mib[0] += 60;
        if (prng_chance(&prng, 1, 3)) { /* costs that stretch what is held and what is open */
                static const enum cost_kind kinds[] = { COST_TAKE_OBJ,   COST_GROW,   COST_LOCK,
                                                        COST_RETURN_OBJ, COST_SWITCH, COST_IPI };

                ret_config->cost_cycles[kinds[prng_below(&prng, G_N_ELEMENTS(kinds))]] *= 100;
        } else if (prng_chance(&prng, 1, 8)) {
                memset(ret_config->cost_cycles, 0, sizeof(ret_config->cost_cycles));
        }
        *ret_shape = (struct workload_shape){
                .seed = seed,
                .tasks_per_cpu = (uint32_t)prng_between(&prng, 1, 4),
                .irqs_per_cpu = (uint32_t)prng_below(&prng, 3),
                .requests = 4000,
                .live_max = prng_chance(&prng, 1, 2) ? 3000 : (uint32_t)prng_between(&prng, 100, 1500),
                .pages_percent = (uint32_t)prng_between(&prng, 0, 60),
                .order_max = prng_chance(&prng, 1, 4) ? 11 : 5,
                .pages_left = ret_config->node_mib[0] < 30 && prng_chance(&prng, 1, 2) ?
                        (uint32_t)prng_between(&prng, 20, 400) : 0,
                .size_max = prng_chance(&prng, 1, 2) ? 140000 : 9000,
                .caches = prng_chance(&prng, 3, 4),
                .nofail = prng_chance(&prng, 1, 2),
        };
}

/* -- the tape ------------------------------------------------------------------------------------------------------ */

void workload_check_tape(const struct testbed *bed)
{
        uint64_t total = bed->tape.op_total;
        g_autofree const struct op_record **by_id = g_new0(const struct op_record *, total + 1);
        uint64_t t_ns = 0;

        g_assert_cmpuint(bed->ops->len, ==, total);
        g_assert_cmpuint(bed->events->len, ==, bed->tape.event_total);
        for (uint32_t i = 0; i < bed->ops->len; i++) {
                const struct op_record *op = &g_array_index(bed->ops, struct op_record, i);

                g_assert_cmpuint(op->id, >, 0);
                g_assert_cmpuint(op->id, <=, total);
                g_assert_null(by_id[op->id]);
                by_id[op->id] = op;
                g_assert_cmpuint(op->t_ns + op->dur_ns, >=, t_ns); /* written in the order of their ends */
                t_ns = op->t_ns + op->dur_ns;
                g_assert_cmpuint(op->dur_ns, >, 0);
        }
        t_ns = 0;
        for (uint64_t id = 1; id <= total; id++) { /* numbered in the order of their beginnings */
                g_assert_cmpuint(by_id[id]->t_ns, >=, t_ns);
                t_ns = by_id[id]->t_ns;
                if (by_id[id]->kind == OP_FREE)
                        g_assert_cmpuint(by_id[id]->frees, <, id);
        }
        t_ns = 0;
        for (uint32_t i = 0; i < bed->events->len; i++) {
                const struct event_record *event = &g_array_index(bed->events, struct event_record, i);
                const struct op_record *op;

                g_assert_cmpuint(event->seq, ==, i + 1);
                g_assert_cmpuint(event->t_ns, >=, t_ns);
                t_ns = event->t_ns;
                g_assert_cmpuint(event->op, >, 0);
                g_assert_cmpuint(event->op, <=, total);
                op = by_id[event->op];
                g_assert_cmpuint(event->t_ns, >, op->t_ns); /* not at the moment it began */
                g_assert_cmpuint(event->t_ns, <=, op->t_ns + op->dur_ns);
                g_assert_cmpuint(event->seq, >, op->first_seq);
                g_assert_cmpuint(event->spare, ==, 0);
                g_assert_cmpuint(event->kind, <, EVENT_KIND_COUNT);
        }
}
