#include "workload/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/units.h"
#include "trace/op.h"

#define NO_SLOT UINT32_MAX
#define HEAP_ARITY 4 /* sift_down counts on it */
#define BATCH_MAX 65536u

/* Streams of one source. A task of the same name has its own: see actor.c. */
enum stream { STREAM_ARRIVAL = 0x10, STREAM_BATCH, STREAM_ASK, STREAM_LIFETIME, STREAM_VICTIM, STREAM_END };

struct slot {
        uint64_t serial;     /* of the allocation, from 1; 0: not live in the plan */
        uint32_t live_index; /* place in load.live; of a slot nobody uses: the next such one */
};

/* When a slot is to be freed. Stale if the slot has another serial by now. */
struct death {
        uint64_t t_ns, serial;
        uint32_t slot;
};

struct load {
        struct load_spec spec;
        struct prng streams[STREAM_END - STREAM_ARRIVAL];
        struct arrival_clock clock;
        uint64_t end_ns;     /* arrivals from here on do not count */
        uint64_t arrival_ns; /* of the batch in hand, or the next one */
        uint64_t batch_left; /* allocations of it still to come; 0: arrival_ns is ahead */
        uint64_t made;       /* allocations */
        bool is_over;        /* no more arrivals */
        uint64_t over_ns;    /* then: when the end was */

        struct slot *slots;
        uint32_t slot_count, slot_cap, unused;
        uint32_t *live;
        uint32_t live_count, live_cap;
        struct death *heap; /* the earliest first; 4 children each */
        size_t heap_count, heap_cap;
        uint32_t mortal_count; /* live slots that are in the heap */
};

/* -- what is declared --------------------------------------------------------------------------------------------- */

const char *load_spec_problem(const struct load_spec *spec)
{
        const char *problem = arrival_problem(&spec->arrival);

        if (problem)
                return problem;
        if (spec->ask_count == 0)
                return "needs something to allocate";
        if (spec->has_target && (spec->live == 0 || spec->live >= UINT32_MAX / 2))
                return "needs a live set of 1 to 2147483646 objects";
        if (spec->has_phases && !spec->has_target)
                return "needs a live set that the phases lead to: live = N";
        if (spec->has_phases && (spec->grow_ns > DIST_MAX || spec->hold_ns > DIST_MAX || spec->shrink_ns > DIST_MAX))
                return "has a phase that is too long";
        if (spec->has_phases && spec->duration_ns != TIME_NEVER)
                return "has phases, and they say how long it takes: no duration beside them";
        return NULL;
}

bool load_spec_is_endless(const struct load_spec *spec)
{
        return spec->arrival.kind != ARRIVAL_TIMES && spec->count == UINT64_MAX && spec->duration_ns == TIME_NEVER &&
               !spec->has_phases;
}

/* part / whole of n, rounded up. */
static uint64_t share(uint64_t n, uint64_t part, uint64_t whole)
{
        return (uint64_t)(((unsigned __int128)n * part + whole - 1) / whole);
}

uint64_t load_target(const struct load_spec *spec, uint64_t after_ns)
{
        if (!spec->has_target)
                return UINT64_MAX;
        if (!spec->has_phases)
                return spec->live;
        if (after_ns < spec->grow_ns)
                return share(spec->live, after_ns, spec->grow_ns);
        after_ns -= spec->grow_ns;
        if (after_ns < spec->hold_ns || spec->shrink_ns == 0)
                return spec->live;
        after_ns -= spec->hold_ns;
        return after_ns < spec->shrink_ns ? share(spec->live, spec->shrink_ns - after_ns, spec->shrink_ns) : 0;
}

/* -- memory ------------------------------------------------------------------------------------------------------- */

static void *grown(void *array, size_t *cap, size_t size)
{
        *cap = *cap ? *cap * 2 : 256;
        array = realloc(array, *cap * size);
        CHECK(array != NULL);
        return array;
}

static uint32_t slot_new(struct load *load)
{
        uint32_t slot = load->unused;

        if (slot != NO_SLOT) {
                load->unused = load->slots[slot].live_index;
                return slot;
        }
        if (load->slot_count == load->slot_cap) {
                size_t cap = load->slot_cap;

                load->slots = grown(load->slots, &cap, sizeof(*load->slots));
                CHECK(cap < NO_SLOT);
                load->slot_cap = (uint32_t)cap;
        }
        return load->slot_count++;
}

void load_release(struct load *load, uint32_t slot)
{
        CHECK(slot < load->slot_count);
        CHECK(load->slots[slot].serial == 0);
        load->slots[slot].live_index = load->unused;
        load->unused = slot;
}

/* -- the live set ------------------------------------------------------------------------------------------------- */

static void live_add(struct load *load, uint32_t slot)
{
        if (load->live_count == load->live_cap) {
                size_t cap = load->live_cap;

                load->live = grown(load->live, &cap, sizeof(*load->live));
                load->live_cap = (uint32_t)cap;
        }
        load->slots[slot].live_index = load->live_count;
        load->live[load->live_count++] = slot;
}

static void live_remove(struct load *load, uint32_t slot)
{
        uint32_t index = load->slots[slot].live_index, last = load->live[--load->live_count];

        load->live[index] = last;
        load->slots[last].live_index = index;
        load->slots[slot].serial = 0;
}

/* -- deaths ------------------------------------------------------------------------------------------------------- */

/* Earlier deaths have smaller keys, and no two have the same: a serial is there once. One number, since in a heap no
 * comparison can be foreseen and two of them in a row would be two wrong guesses. */
static unsigned __int128 key(const struct death *death)
{
        return (unsigned __int128)death->t_ns << 64 | death->serial;
}

static bool is_earlier(const struct death *a, const struct death *b)
{
        return key(a) < key(b);
}

static bool is_stale(const struct load *load, const struct death *death)
{
        return load->slots[death->slot].serial != death->serial;
}

static void sift_down(struct load *load, size_t at, struct death death)
{
        struct death *heap = load->heap;

        for (;;) {
                size_t child = at * HEAP_ARITY + 1, least = child;

                if (child + HEAP_ARITY <= load->heap_count) { /* nearly always: four, without a branch */
                        size_t left = child + is_earlier(&heap[child + 1], &heap[child]);
                        size_t right = child + 2 + is_earlier(&heap[child + 3], &heap[child + 2]);

                        least = is_earlier(&heap[right], &heap[left]) ? right : left;
                } else {
                        if (child >= load->heap_count)
                                break;
                        for (size_t i = child + 1; i < load->heap_count; i++)
                                if (is_earlier(&heap[i], &heap[least]))
                                        least = i;
                }
                if (!is_earlier(&heap[least], &death))
                        break;
                heap[at] = heap[least];
                at = least;
        }
        heap[at] = death;
}

/* Leaves out what is stale. What is left comes out in the same order, since that order is total. */
static void heap_compact(struct load *load)
{
        size_t count = 0;

        for (size_t i = 0; i < load->heap_count; i++)
                if (!is_stale(load, &load->heap[i]))
                        load->heap[count++] = load->heap[i];
        load->heap_count = count;
        for (size_t i = count / HEAP_ARITY + 1; i-- > 0;)
                if (i < count)
                        sift_down(load, i, load->heap[i]);
}

static void heap_add(struct load *load, struct death death)
{
        size_t at;

        if (load->heap_count > 1024 && load->heap_count / 2 > load->mortal_count)
                heap_compact(load);
        if (load->heap_count == load->heap_cap)
                load->heap = grown(load->heap, &load->heap_cap, sizeof(*load->heap));
        at = load->heap_count++;
        while (at > 0) {
                size_t parent = (at - 1) / HEAP_ARITY;

                if (!is_earlier(&death, &load->heap[parent]))
                        break;
                load->heap[at] = load->heap[parent];
                at = parent;
        }
        load->heap[at] = death;
        load->mortal_count++;
}

static void heap_drop_first(struct load *load)
{
        struct death last = load->heap[--load->heap_count];

        if (load->heap_count > 0)
                sift_down(load, 0, last);
}

/* The next death of the plan, NULL if none is planned. */
static const struct death *heap_first(struct load *load)
{
        while (load->heap_count > 0 && is_stale(load, &load->heap[0]))
                heap_drop_first(load);
        return load->heap_count > 0 ? &load->heap[0] : NULL;
}

/* -- the plan ----------------------------------------------------------------------------------------------------- */

static struct prng *stream(struct load *load, enum stream which)
{
        return &load->streams[which - STREAM_ARRIVAL];
}

static void next_arrival(struct load *load)
{
        uint64_t before_ns = load->arrival_ns;

        load->arrival_ns = arrival_next(&load->spec.arrival, &load->clock, stream(load, STREAM_ARRIVAL));
        if (load->made < load->spec.count && load->arrival_ns < load->end_ns)
                return;
        load->is_over = true;
        load->over_ns = load->end_ns != TIME_NEVER && load->made < load->spec.count ? load->end_ns : before_ns;
}

struct load *load_new(const struct load_spec *spec)
{
        struct load *load = calloc(1, sizeof(*load));
        uint64_t duration_ns = spec->duration_ns;

        CHECK(load != NULL);
        CHECK(load_spec_problem(spec) == NULL);
        load->spec = *spec;
        load->unused = NO_SLOT;
        if (spec->has_phases)
                duration_ns = spec->grow_ns + spec->hold_ns + spec->shrink_ns;
        load->end_ns = duration_ns < TIME_NEVER - spec->start_ns ? spec->start_ns + duration_ns : TIME_NEVER;
        for (uint32_t i = STREAM_ARRIVAL; i < STREAM_END; i++)
                prng_init(stream(load, (enum stream)i), spec->seed, prng_stream_of(spec->name) ^ i);
        load->arrival_ns = spec->start_ns;
        arrival_begin(&load->clock, spec->start_ns);
        next_arrival(load);
        return load;
}

void load_free(struct load *load)
{
        if (!load)
                return;
        free(load->slots);
        free(load->live);
        free(load->heap);
        free(load);
}

static void make_allocation(struct load *load, struct load_action *ret)
{
        const struct load_spec *spec = &load->spec;
        struct prng *asks = stream(load, STREAM_ASK);
        uint16_t ask = spec->ask_count > 1 ? (uint16_t)dist_draw(&spec->which, asks) : 0;
        uint32_t slot = slot_new(load);

        load->slots[slot].serial = ++load->made;
        live_add(load, slot);
        *ret = (struct load_action){ .t_ns = load->arrival_ns, .slot = slot, .ask = ask };
        if (spec->asks[ask].kind != OP_ALLOC)
                ret->amount = dist_draw(&spec->asks[ask].amount, asks);
        if (spec->has_lifetime) {
                uint64_t lifetime_ns = dist_draw(&spec->lifetime, stream(load, STREAM_LIFETIME));
                uint64_t left_ns = TIME_NEVER - 1 - load->arrival_ns;

                heap_add(load,
                         (struct death){ .t_ns = load->arrival_ns + (lifetime_ns < left_ns ? lifetime_ns : left_ns),
                                         .serial = load->made,
                                         .slot = slot });
        }
}

static void make_free(struct load *load, uint32_t slot, uint64_t t_ns, struct load_action *ret)
{
        live_remove(load, slot);
        *ret = (struct load_action){ .t_ns = t_ns, .slot = slot, .is_free = true };
}

static void make_death(struct load *load, struct load_action *ret)
{
        struct death death = load->heap[0];

        heap_drop_first(load);
        load->mortal_count--;
        make_free(load, death.slot, death.t_ns, ret);
}

/* Any one of the live set. */
static void make_victim(struct load *load, uint64_t t_ns, struct load_action *ret)
{
        uint32_t slot = load->live[dist_below(stream(load, STREAM_VICTIM), load->live_count)];

        if (load->spec.has_lifetime)
                load->mortal_count--;
        make_free(load, slot, t_ns, ret);
}

/* After the last arrival. */
static bool make_end(struct load *load, const struct death *death, struct load_action *ret)
{
        bool empties = load->spec.drain || (load->spec.has_phases && load->spec.shrink_ns > 0);

        if (death && (load->spec.drain || death->t_ns <= load->over_ns)) {
                load->over_ns = death->t_ns > load->over_ns ? death->t_ns : load->over_ns;
                make_death(load, ret);
                return true;
        }
        if (!empties || load->live_count == 0)
                return false;
        make_victim(load, load->over_ns, ret);
        return true;
}

bool load_next(struct load *load, struct load_action *ret)
{
        const struct load_spec *spec = &load->spec;
        const struct death *death = heap_first(load);

        if (load->is_over)
                return make_end(load, death, ret);
        if (death && death->t_ns <= load->arrival_ns) {
                make_death(load, ret);
                return true;
        }
        if (load->batch_left == 0) {
                load->batch_left = dist_draw(&spec->batch, stream(load, STREAM_BATCH));
                if (load->batch_left == 0)
                        load->batch_left = 1;
                if (load->batch_left > BATCH_MAX)
                        load->batch_left = BATCH_MAX;
        }
        if (load->live_count > 0 && load->live_count >= load_target(spec, load->arrival_ns - spec->start_ns)) {
                make_victim(load, load->arrival_ns, ret);
                return true;
        }
        make_allocation(load, ret);
        if (--load->batch_left == 0 || load->made == spec->count) {
                load->batch_left = 0;
                next_arrival(load);
        }
        return true;
}

uint32_t load_live(const struct load *load)
{
        return load->live_count;
}

const char *load_audit(const struct load *load)
{
        uint32_t mortal_count = 0;

        for (uint32_t i = 0; i < load->live_count; i++) {
                if (load->live[i] >= load->slot_count || load->slots[load->live[i]].live_index != i)
                        return "a live slot does not know its place";
                if (load->slots[load->live[i]].serial == 0)
                        return "a live slot has no serial";
        }
        for (size_t i = 0; i < load->heap_count; i++) {
                mortal_count += !is_stale(load, &load->heap[i]);
                if (i > 0 && is_earlier(&load->heap[i], &load->heap[(i - 1) / HEAP_ARITY]))
                        return "the heap is out of order";
        }
        if (mortal_count != load->mortal_count || (load->spec.has_lifetime && mortal_count != load->live_count))
                return "a live slot with a lifetime is not in the heap";
        return NULL;
}
