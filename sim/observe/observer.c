/*
 * observer.c - see observer.h.
 *
 * The tape writes straight into the current batch: handing over is passing a pointer.
 */
#include "observe/observer.h"

#include <string.h>

#include "base/units.h"
#include "mm/memory.h"
#include "trace/tape.h"

struct observer {
        struct tape tape;
        struct batch *batch; /* where the tape writes */
        struct sim *sim;     /* NULL before observer_start */
        struct digest *digest;
        struct latency *latency;
        struct sampler *sampler; /* NULL: nobody wants the history */
        struct sink sink;        /* deliver NULL: none */
        GArray *caches;          /* struct cache_view: as they were at the last cut */
        GPtrArray *sites;        /* by thread: GQueue of the sites of its requests that have no op yet;
                                  * NULL: no thread has */
        uint64_t op_count, event_count;
        gboolean want_history, was_cut;
};

/* Puts an empty batch in place; also when the sink is broken and has none. */
static void load_tape(struct observer *observer, struct batch *batch)
{
        observer->batch = batch;
        observer->tape.ops = batch->ops;
        observer->tape.op_cap = batch->op_cap;
        observer->tape.op_count = 0;
        observer->tape.events = batch->events;
        observer->tape.event_cap = batch->event_cap;
        observer->tape.event_count = 0;
}

/* A thread has one request at a time, so its ops end in the order of its requests. */
static void take_sites(struct observer *observer, struct batch *batch)
{
        if (observer->sites == NULL || batch->op_count == 0)
                return;
        batch->sites = g_new0(uint32_t, batch->op_cap);
        for (uint32_t i = 0; i < batch->op_count; i++) {
                uint32_t thread = batch->ops[i].task;
                GQueue *queue = thread < observer->sites->len ? observer->sites->pdata[thread] : NULL;

                if (queue != NULL && batch->ops[i].origin == 0)
                        batch->sites[i] = GPOINTER_TO_UINT(g_queue_pop_head(queue));
        }
}

static void free_queue(gpointer queue)
{
        if (queue != NULL)
                g_queue_free(queue);
}

void observer_note_site(struct observer *observer, uint32_t thread, uint32_t site)
{
        if (observer->sites == NULL)
                observer->sites = g_ptr_array_new_with_free_func(free_queue);
        if (thread >= observer->sites->len)
                g_ptr_array_set_size(observer->sites, (gint)thread + 1);
        if (observer->sites->pdata[thread] == NULL)
                observer->sites->pdata[thread] = g_queue_new();
        g_queue_push_tail(observer->sites->pdata[thread], GUINT_TO_POINTER(site));
}

/* Takes in what the tape has written since the last time. */
static void unload_tape(struct observer *observer)
{
        struct batch *batch = observer->batch;

        batch->op_count = observer->tape.op_count;
        batch->event_count = observer->tape.event_count;
        digest_ops(observer->digest, batch->ops, batch->op_count);
        digest_events(observer->digest, batch->events, batch->event_count);
        latency_add(observer->latency, batch->ops, batch->op_count);
        take_sites(observer, batch);
        observer->op_count += batch->op_count;
        observer->event_count += batch->event_count;
}

static void pass_on(struct observer *observer)
{
        struct batch *batch = observer->batch;

        if (observer->sink.deliver != NULL)
                batch = observer->sink.deliver(observer->sink.context, batch);
        batch_clear(batch);
        load_tape(observer, batch);
}

static void tape_is_full(struct tape *tape, void *context)
{
        struct observer *observer = context;

        g_assert(tape == &observer->tape);
        unload_tape(observer);
        pass_on(observer);
}

struct observer *observer_new(void)
{
        return observer_new_sized(OBSERVER_BLOCK_OPS, OBSERVER_BLOCK_EVENTS);
}

struct observer *observer_new_sized(uint32_t block_ops, uint32_t block_events)
{
        struct observer *observer = g_new0(struct observer, 1);

        observer->digest = digest_new();
        observer->latency = latency_new();
        observer->caches = g_array_new(FALSE, TRUE, sizeof(struct cache_view));
        observer->tape.full = tape_is_full;
        observer->tape.context = observer;
        load_tape(observer, batch_new(block_ops, block_events));
        return observer;
}

void observer_free(struct observer *observer)
{
        if (observer == NULL)
                return;
        batch_free(observer->batch);
        digest_free(observer->digest);
        latency_free(observer->latency);
        sampler_free(observer->sampler);
        g_array_unref(observer->caches);
        g_clear_pointer(&observer->sites, g_ptr_array_unref);
        g_free(observer);
}

struct tape *observer_tape(struct observer *observer)
{
        return &observer->tape;
}

static void add_open_op(const struct op_record *op, const struct cache_spec *spec, void *context)
{
        struct open_op open = { .op = *op };

        if (spec != NULL)
                open.spec = *spec;
        g_array_append_val(context, open);
}

/* Which caches differ from what the last cut said. */
static GArray *changed_caches(struct observer *observer)
{
        GArray *changes = g_array_new(FALSE, TRUE, sizeof(struct cache_change));
        uint32_t count = sim_cache_count(observer->sim);

        for (uint32_t cache = 0; cache < count; cache++) {
                struct cache_change change = { .cache = cache };
                struct cache_view *known;

                if (!sim_cache_get(observer->sim, cache, &change.view))
                        continue;
                change.view.name = NULL;
                if (cache >= observer->caches->len)
                        g_array_set_size(observer->caches, cache + 1);
                known = &g_array_index(observer->caches, struct cache_view, cache);
                if (memcmp(known, &change.view, sizeof(*known)) != 0) {
                        *known = change.view;
                        g_array_append_val(changes, change);
                }
        }
        return changes;
}

static gint by_cache_and_pfn(gconstpointer a, gconstpointer b)
{
        const struct boot_slab *left = a, *right = b;

        if (left->cache != right->cache)
                return left->cache < right->cache ? -1 : 1;
        return (left->pfn > right->pfn) - (left->pfn < right->pfn);
}

GArray *observer_slabs(const struct sim *sim)
{
        const struct memory *memory = sim_memory(sim);
        GArray *slabs = g_array_new(FALSE, TRUE, sizeof(struct boot_slab));

        for (uint32_t id = 1; id <= memory->slabs_used; id++) {
                const struct slab *slab = &memory->slabs[id];
                struct boot_slab row = { slab->pfn, slab->cache, slab->inuse };

                if (slab->list != SLABS_NOWHERE)
                        g_array_append_val(slabs, row);
        }
        g_array_sort(slabs, by_cache_and_pfn);
        return slabs;
}

static struct cut *cut_new(struct observer *observer)
{
        struct cut *cut = g_new0(struct cut, 1);

        cut->now_ns = sim_now_ns(observer->sim);
        cut->op_total = observer->tape.op_total;
        cut->op_count = observer->op_count;
        cut->event_total = observer->event_count;
        digest_text(observer->digest, cut->digest);
        cut->sample_interval_ns = sampler_interval_ns(observer->sampler);
        cut->samples = sampler_steal(observer->sampler);
        cut->open = g_array_new(FALSE, TRUE, sizeof(struct open_op));
        sim_pending(observer->sim, add_open_op, cut->open);
        cut->caches = changed_caches(observer);
        if (!observer->was_cut)
                cut->slabs = observer_slabs(observer->sim);
        observer->was_cut = TRUE;
        return cut;
}

static void deliver_cut(struct observer *observer)
{
        unload_tape(observer);
        if (observer->sink.deliver != NULL) {
                g_atomic_int_and((guint *)observer->sink.state, ~(guint)SINK_WANTS_CUT);
                observer->batch->cut = cut_new(observer);
        }
        pass_on(observer);
}

void observer_want_history(struct observer *observer)
{
        observer->want_history = TRUE;
}

void observer_start(struct observer *observer, struct sim *sim, const struct sink *sink)
{
        g_assert(observer->sim == NULL);
        observer->sim = sim;
        if (sink != NULL)
                observer->sink = *sink;
        if (sink != NULL || observer->want_history) {
                observer->sampler = sampler_new();
                sampler_take(observer->sampler, sim);
        }
        deliver_cut(observer);
}

gboolean observer_is_broken(const struct observer *observer)
{
        return observer->sink.state != NULL && (g_atomic_int_get(observer->sink.state) & SINK_IS_BROKEN) != 0;
}

enum sim_what observed_run(struct observer *observer, uint32_t *ret_thread)
{
        return observed_run_until(observer, TIME_NEVER, ret_thread);
}

enum sim_what observed_run_until(struct observer *observer, uint64_t until_ns, uint32_t *ret_thread)
{
        if (observer->sink.state != NULL) {
                gint state = g_atomic_int_get(observer->sink.state);

                if (G_UNLIKELY(state != 0)) {
                        if ((state & SINK_IS_BROKEN) != 0)
                                return SIM_IDLE;
                        deliver_cut(observer);
                }
        }
        if (observer->sampler != NULL)
                return sampled_run(observer->sampler, observer->sim, until_ns, ret_thread);
        return until_ns == TIME_NEVER ? sim_run(observer->sim, ret_thread)
                                      : sim_run_until(observer->sim, until_ns, ret_thread);
}

bool observed_hit(struct observer *observer, uint32_t thread, const struct request *request, uint64_t until_ns)
{
        if (observer->sink.state != NULL && g_atomic_int_get(observer->sink.state) != 0)
                return false;
        if (observer->sampler != NULL)
                until_ns = MIN(until_ns, sampler_due_ns(observer->sampler));
        return sim_hit(observer->sim, thread, request, until_ns);
}

void observer_end(struct observer *observer)
{
        if (observer->sampler != NULL)
                sampler_end(observer->sampler, observer->sim);
        deliver_cut(observer);
}

void observer_last_words(struct observer *observer)
{
        if (observer->sim != NULL)
                deliver_cut(observer);
}

void observer_digest(struct observer *observer, char ret_text[DIGEST_TEXT_BYTES])
{
        unload_tape(observer);
        pass_on(observer);
        digest_text(observer->digest, ret_text);
}

const struct latency *observer_latency(const struct observer *observer)
{
        return observer->latency;
}

const struct sampler *observer_sampler(const struct observer *observer)
{
        return observer->sampler;
}

uint64_t observer_op_count(const struct observer *observer)
{
        return observer->op_count + observer->tape.op_count;
}

uint64_t observer_event_count(const struct observer *observer)
{
        return observer->event_count + observer->tape.event_count;
}
