/*
 * pairing.c - see pairing.h.
 */
#include "import/pairing.h"

#include "import/big_memory.h"

#define SLOTS_AT_START 4096u
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

void pairing_init(struct pairing *pairing, struct import_report *report)
{
        *pairing = (struct pairing){
                .report = report,
                .slots = big_memory_new(SLOTS_AT_START * sizeof(struct pair_object)),
                .slot_count = SLOTS_AT_START,
                .hash_shift = 64 - 12,
        };
}

void pairing_clear(struct pairing *pairing)
{
        if (pairing->slots)
                big_memory_free(pairing->slots, pairing->slot_count * sizeof(struct pair_object));
        *pairing = (struct pairing){ 0 };
}

/*
 * The slot where the search for an address begins. One multiplication is not enough: objects of a slab lie at equal
 * distances, and many slabs of a few sizes pile up on the same slots.
 */
static inline uint64_t first_slot(const struct pairing *pairing, uint64_t ptr)
{
        uint64_t hash = ptr * HASH_FACTOR;

        hash = (hash ^ hash >> 32) * HASH_FACTOR;
        return hash >> pairing->hash_shift;
}

/* The slot of the address, or the empty one where it belongs. */
static inline struct pair_object *find(const struct pairing *pairing, uint64_t ptr)
{
        uint64_t slot = first_slot(pairing, ptr);

        while (pairing->slots[slot].ptr && pairing->slots[slot].ptr != ptr)
                slot = (slot + 1) & (pairing->slot_count - 1);
        return &pairing->slots[slot];
}

void pairing_expect(const struct pairing *pairing, uint64_t ptr)
{
        __builtin_prefetch(&pairing->slots[first_slot(pairing, ptr)], 1);
}

static void grow(struct pairing *pairing)
{
        struct pair_object *old = pairing->slots;
        uint64_t old_count = pairing->slot_count;

        pairing->slot_count *= 2;
        pairing->hash_shift--;
        pairing->slots = big_memory_new(pairing->slot_count * sizeof(struct pair_object));
        for (uint64_t slot = 0; slot < old_count; slot++) {
                if (old[slot].ptr)
                        *find(pairing, old[slot].ptr) = old[slot];
        }
        big_memory_free(old, old_count * sizeof(struct pair_object));
}

static inline struct pair_object *find_or_add(struct pairing *pairing, uint64_t ptr)
{
        struct pair_object *object = find(pairing, ptr);

        if (object->ptr)
                return object;
        if (pairing->used >= pairing->slot_count / 5 * 3) {
                grow(pairing);
                object = find(pairing, ptr);
        }
        pairing->used++;
        object->ptr = ptr;
        return object;
}

static struct cache_figures *figures_of(struct import_report *report, const struct pair_object *object)
{
        return &g_array_index(report->caches[object->interface], struct cache_figures, object->cache);
}

static void take_off(struct pairing *pairing, const struct pair_object *object)
{
        pairing->live_objects--;
        pairing->live_allocated_bytes -= object->bytes_alloc;
        pairing->live_requested_bytes -= object->bytes_req;
}

struct pair_object *pairing_alloc(struct pairing *pairing, const struct pair_object *object,
                                  struct pair_object *ret_old)
{
        struct import_report *report = pairing->report;
        struct pair_object *slot = find_or_add(pairing, object->ptr);
        struct cache_figures *cache = figures_of(report, object);

        *ret_old = *slot;
        report->object_ops++;
        report->object_allocs++;
        report->requested_bytes += object->bytes_req;
        report->allocated_bytes += object->bytes_alloc;
        cache->allocs++;
        cache->requested_bytes += object->bytes_req;
        cache->allocated_bytes += object->bytes_alloc;
        if (slot->live) {
                report->object_allocs_over_live++;
                figures_of(report, slot)->allocs_over_live++;
                take_off(pairing, slot);
        }
        *slot = *object;
        slot->op = report->object_ops;
        slot->live = true;
        pairing->live_objects++;
        pairing->live_allocated_bytes += object->bytes_alloc;
        pairing->live_requested_bytes += object->bytes_req;
        if (pairing->live_objects > report->peak_live_objects)
                report->peak_live_objects = pairing->live_objects;
        if (pairing->live_allocated_bytes > report->peak_live_allocated_bytes) {
                report->peak_live_allocated_bytes = pairing->live_allocated_bytes;
                report->peak_live_requested_bytes = pairing->live_requested_bytes;
                report->peak_at_op = report->object_ops;
        }
        return slot;
}

bool pairing_free(struct pairing *pairing, uint64_t ptr, uint64_t time, uint16_t cpu, enum object_interface interface,
                  struct pair_object *ret_object)
{
        struct import_report *report = pairing->report;
        struct pair_object *slot = find_or_add(pairing, ptr);
        struct cache_figures *cache;

        report->object_ops++;
        report->object_frees++;
        if (!slot->live) {
                if (slot->op == 0)
                        report->object_frees_unknown++;
                else
                        report->object_frees_again++;
                slot->op = report->object_ops; /* the address has been freed now, whatever it was before */
                return false;
        }
        cache = figures_of(report, slot);
        report->object_frees_matched++;
        cache->frees_matched++;
        if (slot->cpu != cpu) {
                report->object_frees_remote++;
                cache->frees_remote++;
        }
        if (slot->interface != interface) {
                report->cross_interface_frees++;
                cache->frees_crossed++;
        }
        lifetimes_add(&report->lifetimes_ops, report->object_ops - slot->op);
        lifetimes_add(&report->lifetimes_time, time > slot->time ? time - slot->time : 0);
        take_off(pairing, slot);
        *ret_object = *slot;
        slot->live = false;
        return true;
}

void pairing_finish(struct pairing *pairing)
{
        struct import_report *report = pairing->report;

        report->live_objects_end = pairing->live_objects;
        report->live_allocated_bytes_end = pairing->live_allocated_bytes;
        report->live_requested_bytes_end = pairing->live_requested_bytes;
        for (uint64_t slot = 0; slot < pairing->slot_count; slot++) {
                if (pairing->slots[slot].live)
                        figures_of(report, &pairing->slots[slot])->live_end++;
        }
        g_assert(report->object_allocs ==
                 report->object_frees_matched + report->object_allocs_over_live + report->live_objects_end);
}
