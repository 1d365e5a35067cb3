/*
 * workload.c - see workload.h. It keeps the rules of sim.h and has no other state than its own random numbers, so that
 * the same struct workload makes the same requests.
 */
#include "record/workload.h"

#include <string.h>

#include "base/units.h"
#include "trace/gfp.h"

#define CACHES_MAX 4u

struct member { /* a task or an interrupt handler */
        enum thread_kind kind;
        uint32_t cpu;
        uint64_t random;
        uint64_t left;      /* requests to make */
        uint32_t *objects;  /* handles it holds */
        uint32_t object_count;
        uint32_t burst;     /* irq: requests left in this interrupt */
        uint32_t busy_cache; /* index + 1 of the cache it creates or destroys, 0: none */
        gboolean draining;  /* it gives back all it holds */
};

struct cache_slot {
        uint32_t id; /* CACHE_ID_NONE: not there */
        uint32_t users; /* objects out and requests under way */
        gboolean closing;
};

struct party {
        const struct workload *workload;
        struct sim *sim;
        struct member *members; /* by thread id */
        uint32_t member_count;
        struct cache_slot caches[CACHES_MAX];
        uint32_t created;
        GHashTable *cache_of; /* handle + 1 -> slot + 1, of objects from our caches */
};

static uint64_t draw(struct member *member, uint64_t below)
{
        uint64_t x = member->random; /* xorshift64* */

        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        member->random = x;
        return (x * UINT64_C(2685821657736338717) >> 11) % below;
}

void workload_default(struct workload *workload)
{
        *workload = (struct workload){
                .seed = 1,
                .cpus = 2,
                .tasks_per_cpu = 2,
                .irqs_per_cpu = 1,
                .mib = 64,
                .cpu_mhz = 3000,
                .op_count = 20000,
                .live_max = 300,
                .commit_every_us = -1,
        };
}

static void submit(struct party *party, uint32_t thread, const struct request *request)
{
        const char *problem = sim_submit(party->sim, thread, request);

        if (problem != NULL)
                g_error("the test workload asked for the impossible: %s", problem);
}

static gboolean submit_free(struct party *party, uint32_t thread)
{
        struct member *member = &party->members[thread];
        uint32_t at;
        struct request request = { .kind = OP_FREE };

        if (member->object_count == 0)
                return FALSE;
        at = (uint32_t)draw(member, member->object_count);
        request.object = member->objects[at];
        member->objects[at] = member->objects[--member->object_count];
        submit(party, thread, &request);
        return TRUE;
}

static void submit_alloc(struct party *party, uint32_t thread)
{
        struct member *member = &party->members[thread];
        gboolean is_irq = member->kind == THREAD_IRQ;
        uint64_t which = draw(member, 100);
        struct cache_slot *slot = &party->caches[draw(member, CACHES_MAX)];
        struct request request = { .gfp = is_irq ? GFP_ATOMIC : GFP_KERNEL };

        if (which < 15) {
                request.kind = OP_PAGES;
                request.order = (uint8_t)draw(member, draw(member, 4) == 0 ? 6 : 2);
                request.gfp |= draw(member, 8) == 0 ? __GFP_COLD : 0;
                request.gfp |= draw(member, 16) == 0 ? __GFP_DMA : 0;
        } else if (which < 35 && slot->id != CACHE_ID_NONE && !slot->closing) {
                request.kind = OP_ALLOC;
                request.cache = slot->id;
                slot->users++;
        } else {
                request.kind = OP_KMALLOC;
                request.size_bytes = 1 + draw(member, draw(member, 3) == 0 ? 40000 : 700);
                request.size_bytes = draw(member, 500) == 0 ? 140000 : request.size_bytes; /* no class */
                request.gfp |= draw(member, 32) == 0 ? __GFP_DMA : 0;
        }
        if (party->workload->nodes > 0) {
                request.node_plus_1 = (uint8_t)(draw(member, 3) == 0 ? 1 + draw(member, party->workload->nodes) : 0);
                request.gfp |= request.node_plus_1 && draw(member, 4) == 0 ? GFP_THISNODE_NUMA : 0;
        }
        submit(party, thread, &request);
}

/* Now and then a task makes a cache, shrinks one, or destroys one that is not in use. */
static gboolean submit_cache_op(struct party *party, uint32_t thread)
{
        struct member *member = &party->members[thread];
        uint32_t at = (uint32_t)draw(member, CACHES_MAX);
        struct cache_slot *slot = &party->caches[at];
        struct request request = { 0 };
        struct cache_spec spec = { .align_bytes = 0 };

        if (slot->closing)
                return FALSE;
        if (slot->id == CACHE_ID_NONE) {
                g_snprintf(spec.name, sizeof(spec.name), "test-%u", ++party->created);
                spec.size_bytes = (uint32_t)(24 + draw(member, 3000));
                spec.flags = draw(member, 2) == 0 ? CACHE_HWCACHE_ALIGN : 0;
                if (party->workload->rcu_grace_ns && draw(member, 2) == 0)
                        spec.flags |= CACHE_DESTROY_BY_RCU;
                else if (party->workload->rcu_grace_ns)
                        spec.ctor_cycles = 1 + (uint32_t)draw(member, 300);
                if (spec.ctor_cycles && draw(member, 2) == 0)
                        spec.dtor_cycles = 100;
                request.kind = OP_CREATE;
                request.spec = &spec;
                slot->closing = TRUE; /* nobody else creates it meanwhile */
        } else if (party->workload->tune && draw(member, 3) == 0) {
                struct cache_view view = { .name = "nobody" };
                uint64_t batchcount = draw(member, 60);
                uint32_t id = (uint32_t)draw(member, sim_cache_count(party->sim) + 1);

                if (sim_cache_get(party->sim, id, &view))
                        g_strlcpy(spec.name, view.name, sizeof(spec.name));
                request.kind = OP_TUNE;
                request.spec = &spec;
                request.size_bytes = (batchcount + draw(member, 80)) | batchcount << 32;
                request.gfp = (uint32_t)draw(member, 9);
                submit(party, thread, &request);
                return TRUE;
        } else if (slot->users == 0 && draw(member, 2) == 0) {
                request.kind = OP_DESTROY;
                request.cache = slot->id;
                slot->closing = TRUE;
        } else {
                request.kind = OP_SHRINK;
                request.cache = slot->id;
                slot->users++;
        }
        member->busy_cache = at + 1;
        submit(party, thread, &request);
        return TRUE;
}

static void raise_somebody(struct party *party, struct member *member)
{
        uint32_t thread = 1 + (uint32_t)draw(member, party->member_count);

        if (party->members[thread].kind == THREAD_IRQ)
                sim_raise(party->sim, thread,
                          sim_now_ns(party->sim) + draw(member, 3) * (party->workload->cpu_mhz == 1 ? 1000 : 977));
}

static void go_on(struct party *party, uint32_t thread)
{
        struct member *member = &party->members[thread];
        uint64_t what;

        if (member->left == 0) {
                member->draining = TRUE;
                submit_free(party, thread); /* or it is finished and stays idle */
                return;
        }
        member->left--;
        if (draw(member, 10) == 0)
                raise_somebody(party, member);
        what = draw(member, 100);
        if (what < 4 && !party->workload->no_sleep) {
                uint64_t pause_ns = draw(member, 10) == 0 ? 4000000 * draw(member, 200) : draw(member, 20000);

                if (party->workload->cpu_mhz == 1) /* wake-ups meet steps and timers */
                        pause_ns -= pause_ns % 1000;

                sim_wake_at(party->sim, thread, sim_now_ns(party->sim) + pause_ns);
                return;
        }
        if (what < 7) {
                struct request request = { .kind = OP_WORK, .size_bytes = draw(member, 5000) };

                submit(party, thread, &request);
                return;
        }
        if (what < 8 && party->workload->hotplug && draw(member, 4) == 0) {
                struct request request = { .kind = draw(member, 2) == 0 ? OP_CPU_UP : OP_CPU_DOWN };

                request.cpu = (uint8_t)(1 + draw(member, party->workload->cpus - 1));
                submit(party, thread, &request);
                return;
        }
        if (what < 8 && !party->workload->no_caches && submit_cache_op(party, thread))
                return;
        if (member->object_count >= party->workload->live_max)
                member->draining = TRUE;
        else if (member->object_count <= party->workload->live_max / 3)
                member->draining = FALSE;
        if (draw(member, 10) < (member->draining ? 8u : 3u) && submit_free(party, thread))
                return;
        submit_alloc(party, thread);
}

static void go_on_in_irq(struct party *party, uint32_t thread)
{
        struct member *member = &party->members[thread];

        if (member->burst == 0) {
                sim_irq_return(party->sim, thread);
                return;
        }
        member->burst--;
        if (!(member->object_count >= 60 || draw(member, 2) == 0) || !submit_free(party, thread))
                submit_alloc(party, thread);
}

static void take_result(struct party *party, uint32_t thread)
{
        struct member *member = &party->members[thread];
        const struct op_record *op = sim_result(party->sim, thread);
        uint32_t object = sim_result_object(party->sim, thread);
        struct cache_slot *slot = NULL;

        for (uint32_t i = 0; i < CACHES_MAX && op->kind == OP_ALLOC; i++)
                if (party->caches[i].id == op->cache)
                        slot = &party->caches[i];
        if (object != OBJECT_NONE) {
                member->objects = g_renew(uint32_t, member->objects, member->object_count + 1);
                member->objects[member->object_count++] = object;
                if (slot != NULL)
                        g_hash_table_insert(party->cache_of, GSIZE_TO_POINTER(op->id),
                                            GSIZE_TO_POINTER((gsize)(slot - party->caches) + 1));
        } else if (slot != NULL) {
                slot->users--;
        }
        if (op->kind == OP_FREE) {
                gsize at = GPOINTER_TO_SIZE(g_hash_table_lookup(party->cache_of, GSIZE_TO_POINTER(op->frees)));

                if (at != 0)
                        party->caches[at - 1].users--;
                g_hash_table_remove(party->cache_of, GSIZE_TO_POINTER(op->frees));
        }
        if (member->busy_cache != 0 && op->kind != OP_FREE) {
                slot = &party->caches[member->busy_cache - 1];
                member->busy_cache = 0;
                if (op->kind == OP_SHRINK) {
                        slot->users--;
                } else {
                        slot->closing = FALSE;
                        if (op->kind == OP_CREATE)
                                slot->id = op->result == 0 ? op->cache : CACHE_ID_NONE;
                        else if (op->result == 0)
                                slot->id = CACHE_ID_NONE;
                }
        }
}

static void turn(struct party *party, enum sim_what what, uint32_t thread)
{
        struct member *member = &party->members[thread];

        if (what == SIM_DONE)
                take_result(party, thread);
        if (member->kind == THREAD_TASK) {
                go_on(party, thread);
                return;
        }
        if (what == SIM_WAKE)
                member->burst = (uint32_t)draw(member, 4);
        go_on_in_irq(party, thread);
}

static void config_of(const struct workload *workload, struct sim_config *config)
{
        sim_config_default(config);
        config->cpus = workload->cpus;
        config->numa = workload->nodes > 0;
        config->nodes = MAX(workload->nodes, 1);
        for (uint32_t node = 0; node < config->nodes; node++)
                config->node_mib[node] = workload->mib;
        for (uint32_t cpu = 1; cpu < config->cpus && workload->nodes > 0; cpu++)
                config->cpu_node_plus_1[cpu] = 1 + (uint32_t)(workload->seed + cpu) * 7 / 3 % workload->nodes;
        config->cpu_mhz = workload->cpu_mhz;
        config->rcu_grace_ns = workload->rcu_grace_ns;
        config->threads_max = workload->cpus * (workload->tasks_per_cpu + workload->irqs_per_cpu);
}

static struct sim *boot(const struct sim_config *config, struct tape *tape)
{
        const char *problem;
        struct sim *sim = sim_create(config, tape, &problem);

        if (sim == NULL)
                g_error("the test machine does not boot: %s", problem);
        return sim;
}

static void party_start(struct party *party, const struct workload *workload, struct sim *sim,
                        struct recorder *recorder)
{
        uint32_t per_cpu = workload->tasks_per_cpu + workload->irqs_per_cpu;

        memset(party, 0, sizeof(*party));
        party->workload = workload;
        party->sim = sim;
        party->members = g_new0(struct member, workload->cpus * per_cpu + 1);
        party->cache_of = g_hash_table_new(NULL, NULL);
        for (uint32_t i = 0; i < CACHES_MAX; i++)
                party->caches[i].id = CACHE_ID_NONE;
        for (uint32_t i = 0; i < workload->cpus * per_cpu; i++) {
                enum thread_kind kind = i % per_cpu < workload->tasks_per_cpu ? THREAD_TASK : THREAD_IRQ;
                uint32_t cpu = i / per_cpu;
                uint32_t thread = sim_thread_new(sim, kind, cpu);
                g_autofree char *name = g_strdup_printf("%s-%u", kind == THREAD_IRQ ? "irq" : "task", i);

                party->members[thread] = (struct member){
                        .kind = kind,
                        .cpu = cpu,
                        .random = (workload->seed + 1) * 0x9e3779b97f4a7c15u + thread * 0xbf58476d1ce4e5b9u,
                        .left = workload->op_count / (workload->cpus * MAX(workload->tasks_per_cpu, 1)),
                };
                party->member_count = MAX(party->member_count, thread);
                if (recorder != NULL)
                        recorder_add_thread(recorder, thread, kind, cpu, name, FALSE);
        }
}

static void party_kick_off(struct party *party)
{
        for (uint32_t thread = 1; thread <= party->member_count; thread++)
                if (party->members[thread].kind == THREAD_TASK)
                        go_on(party, thread);
}

static void party_end(struct party *party)
{
        for (uint32_t thread = 1; thread <= party->member_count; thread++)
                g_free(party->members[thread].objects);
        g_free(party->members);
        g_hash_table_unref(party->cache_of);
}

gboolean workload_run(const struct workload *workload, const char *path, struct workload_result *ret, GError **error)
{
        struct recorder *recorder = NULL;
        struct observer *observer;
        struct sim_config config;
        struct sink sink = { 0 };
        struct party party;
        struct sim *sim;
        enum sim_what what;
        const char *status = "done";
        gboolean has_slept = FALSE;
        gint64 started_us;
        uint32_t thread;
        gboolean ok = TRUE;

        config_of(workload, &config);
        if (path != NULL) {
                recorder = recorder_open(path, TRUE, error);
                if (recorder == NULL)
                        return FALSE;
                if (workload->commit_every_us >= 0)
                        recorder_set_commit_every(recorder, workload->commit_every_us);
                recorder_set_config(recorder, &config);
                recorder_set_int(recorder, "seed", (int64_t)workload->seed);
                recorder_add_source(recorder, "workload.lua", "-- none\n", -1);
                sink = recorder_sink(recorder);
        }
        observer = workload->block_ops != 0 ? observer_new_sized(workload->block_ops, workload->block_events)
                                            : observer_new();
        sim = boot(&config, observer_tape(observer));
        started_us = g_get_monotonic_time();
        observer_want_history(observer);
        party_start(&party, workload, sim, recorder);
        observer_start(observer, sim, recorder != NULL ? &sink : NULL);
        party_kick_off(&party);
        for (;;) {
                what = workload->stop_ns != 0 ? observed_run_until(observer, workload->stop_ns, &thread)
                                              : observed_run(observer, &thread);
                if (workload->each != NULL)
                        workload->each(workload->each_context);
                if (what == SIM_IDLE) {
                        if (workload->stop_ns != 0 && sim_now_ns(sim) == workload->stop_ns) {
                                status = "interrupted";
                                break;
                        }
                        if (!workload->ends_asleep || has_slept || observer_is_broken(observer))
                                break;
                        has_slept = TRUE;
                        sim_wake_at(sim, 1, sim_now_ns(sim) + 5000000000);
                        continue;
                }
                if (has_slept)
                        continue;
                turn(&party, what, thread);
        }
        observer_end(observer);
        observer_digest(observer, ret->digest);
        ret->seconds = (double)(g_get_monotonic_time() - started_us) / 1e6;
        ret->op_count = observer_op_count(observer);
        ret->event_count = observer_event_count(observer);
        ret->end_ns = sim_now_ns(sim);
        ret->sample_count = sampler_point_count(observer_sampler(observer));
        ret->is_broken = observer_is_broken(observer);
        if (recorder != NULL)
                ok = recorder_finish(recorder, observer, status, error);
        party_end(&party);
        sim_destroy(sim);
        observer_free(observer);
        return ok;
}

static void drop_nothing(struct tape *tape, void *context)
{
        struct digest *digest = context;

        digest_ops(digest, tape->ops, tape->op_count);
        digest_events(digest, tape->events, tape->event_count);
        tape->op_count = 0;
        tape->event_count = 0;
}

void workload_run_bare(const struct workload *workload, struct workload_result *ret)
{
        struct op_record *ops = g_new(struct op_record, 7);
        struct event_record *events = g_new(struct event_record, 13);
        struct digest *digest = digest_new();
        struct tape tape = { .ops = ops, .op_cap = 7, .events = events, .event_cap = 13, .full = drop_nothing,
                             .context = digest };
        struct sim_config config;
        struct party party;
        struct sim *sim;
        enum sim_what what;
        uint32_t thread;

        memset(ret, 0, sizeof(*ret));
        config_of(workload, &config);
        sim = boot(&config, &tape);
        party_start(&party, workload, sim, NULL);
        party_kick_off(&party);
        while ((what = sim_run(sim, &thread)) != SIM_IDLE)
                turn(&party, what, thread);
        drop_nothing(&tape, digest);
        digest_text(digest, ret->digest);
        ret->end_ns = sim_now_ns(sim);
        party_end(&party);
        sim_destroy(sim);
        digest_free(digest);
        g_free(ops);
        g_free(events);
}
