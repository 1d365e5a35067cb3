#include "workload/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/units.h"
#include "trace/op.h"

/* Actions that are planned and not begun; a ring whose size is a power of two. */
struct queue {
        struct load_action *at;
        uint32_t first, count, cap;
};

enum handle_state { HANDLE_PENDING, HANDLE_LIVE, HANDLE_FAILED };

struct handle {
        uint32_t object;
        uint8_t state;
};

struct feed {
        struct load *load;
        bool has_consumer, has_next, is_exhausted;
        bool consumer_waits;
        uint32_t consumer_slot;  /* for the allocation of this one */
        struct load_action next; /* planned, and in no queue yet */
        struct queue queues[FEED_ROLE_COUNT];
        struct load_action in_hand[FEED_ROLE_COUNT];
        struct handle *handles; /* by slot */
        uint32_t handle_cap;
        struct feed_figures figures;
};

struct feed *feed_new(struct load *load, bool has_consumer)
{
        struct feed *feed = calloc(1, sizeof(*feed));

        CHECK(feed != NULL);
        feed->load = load;
        feed->has_consumer = has_consumer;
        return feed;
}

void feed_free(struct feed *feed)
{
        if (!feed)
                return;
        load_free(feed->load);
        for (int role = 0; role < FEED_ROLE_COUNT; role++)
                free(feed->queues[role].at);
        free(feed->handles);
        free(feed);
}

/* -- queues ------------------------------------------------------------------------------------------------------- */

static void queue_put(struct queue *queue, const struct load_action *action)
{
        if (queue->count == queue->cap) {
                uint32_t cap = queue->cap ? queue->cap * 2 : 2 * FEED_AHEAD;
                struct load_action *at = malloc(cap * sizeof(*at));

                CHECK(at != NULL);
                for (uint32_t i = 0; i < queue->count; i++)
                        at[i] = queue->at[(queue->first + i) & (queue->cap - 1)];
                free(queue->at);
                *queue = (struct queue){ .at = at, .count = queue->count, .cap = cap };
        }
        queue->at[(queue->first + queue->count++) & (queue->cap - 1)] = *action;
}

static const struct load_action *queue_first(const struct queue *queue)
{
        return queue->count ? &queue->at[queue->first] : NULL;
}

static void queue_drop(struct queue *queue)
{
        queue->first = (queue->first + 1) & (queue->cap - 1);
        queue->count--;
}

/* -- the plan ----------------------------------------------------------------------------------------------------- */

static bool look(struct feed *feed)
{
        if (!feed->has_next && !feed->is_exhausted) {
                feed->has_next = load_next(feed->load, &feed->next);
                feed->is_exhausted = !feed->has_next;
        }
        return feed->has_next;
}

static void note_slot(struct feed *feed, uint32_t slot)
{
        if (slot >= feed->handle_cap) {
                uint32_t cap = feed->handle_cap ? feed->handle_cap : 256;

                while (cap <= slot)
                        cap *= 2;
                feed->handles = realloc(feed->handles, cap * sizeof(*feed->handles));
                CHECK(feed->handles != NULL);
                feed->handle_cap = cap;
        }
        feed->handles[slot] = (struct handle){ .object = OBJECT_NONE, .state = HANDLE_PENDING };
}

/* Brings the next planned action to its queue. */
static void take_next(struct feed *feed)
{
        enum feed_role role = feed->next.is_free && feed->has_consumer ? FEED_CONSUMER : FEED_PRODUCER;

        if (!feed->next.is_free)
                note_slot(feed, feed->next.slot);
        queue_put(&feed->queues[role], &feed->next);
        feed->has_next = false;
}

/* Until the role has something to do, the time of which is known then; or nothing is planned before `ret->t_ns`. */
static const struct load_action *find(struct feed *feed, enum feed_role role, uint64_t now_ns)
{
        struct queue *mine = &feed->queues[role], *other = &feed->queues[!role];

        while (mine->count == 0 && look(feed) && (feed->next.t_ns <= now_ns || other->count < FEED_AHEAD))
                take_next(feed);
        return queue_first(mine);
}

/* -- carrying out ------------------------------------------------------------------------------------------------- */

static void begin(struct feed *feed, enum feed_role role, uint64_t now_ns, const struct load_action *action)
{
        uint64_t late_ns = now_ns - action->t_ns;

        if (late_ns > 0) {
                feed->figures.late++;
                feed->figures.late_ns_total += late_ns;
                if (late_ns > feed->figures.late_ns_max)
                        feed->figures.late_ns_max = late_ns;
        }
        feed->in_hand[role] = *action;
}

enum feed_verdict feed_next(struct feed *feed, enum feed_role role, uint64_t now_ns, struct load_action *ret,
                            uint32_t *ret_object)
{
        const struct load_action *action;

        while ((action = find(feed, role, now_ns))) {
                const struct handle *handle = &feed->handles[action->slot];

                if (action->t_ns > now_ns) {
                        ret->t_ns = action->t_ns;
                        return FEED_SLEEP;
                }
                if (action->is_free && handle->state == HANDLE_FAILED) {
                        load_release(feed->load, action->slot);
                        queue_drop(&feed->queues[role]);
                        continue;
                }
                if (action->is_free && handle->state == HANDLE_PENDING) {
                        CHECK(role == FEED_CONSUMER);
                        feed->consumer_waits = true;
                        feed->consumer_slot = action->slot;
                        return FEED_WAIT;
                }
                begin(feed, role, now_ns, action);
                *ret = *action;
                *ret_object = handle->object;
                queue_drop(&feed->queues[role]);
                return FEED_REQUEST;
        }
        if (!feed->has_next)
                return FEED_END;
        ret->t_ns = feed->next.t_ns;
        return FEED_SLEEP;
}

bool feed_done(struct feed *feed, enum feed_role role, uint32_t object)
{
        const struct load_action *action = &feed->in_hand[role];
        struct feed_figures *figures = &feed->figures;
        struct handle *handle = &feed->handles[action->slot];
        bool wakes;

        if (action->is_free) {
                figures->frees++;
                figures->live--;
                load_release(feed->load, action->slot);
                return false;
        }
        handle->object = object;
        handle->state = object == OBJECT_NONE ? HANDLE_FAILED : HANDLE_LIVE;
        figures->allocs++;
        if (object == OBJECT_NONE) {
                figures->failed++;
        } else if (++figures->live > figures->live_peak) {
                figures->live_peak = figures->live;
        }
        wakes = feed->consumer_waits && feed->consumer_slot == action->slot;
        feed->consumer_waits &= !wakes;
        return wakes;
}

const struct feed_figures *feed_figures(const struct feed *feed)
{
        return &feed->figures;
}
