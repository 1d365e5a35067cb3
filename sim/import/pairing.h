/*
 * pairing.h - which free belongs to which alloc: one map from address to object for all interfaces together.
 *
 * kfree may free what kmem_cache_alloc returned, so objects pair by address alone. An address stays in the map when its
 * object is freed, to tell a second free from the free of something allocated before the trace began; memory grows with
 * the number of different addresses, not with the length of the trace. Fills in the figures of objects in the report;
 * report.h defines them.
 */
#ifndef KMEMSIM_IMPORT_PAIRING_H
#define KMEMSIM_IMPORT_PAIRING_H

#include "import/report.h"

#include <stdbool.h>
#include <stdint.h>

struct pair_object {
        uint64_t ptr;  /* 0: no entry */
        uint64_t time; /* of the alloc, in units of the clock column */
        uint64_t op;   /* number of the alloc */
        uint64_t id;   /* what the caller wants to find again; 0 is as good as any */
        uint32_t bytes_req;
        uint32_t bytes_alloc;
        uint32_t cache; /* id of the name in report->cache_names[interface] */
        uint16_t cpu;
        uint8_t interface; /* enum object_interface */
        bool live;
};

struct pairing {
        struct import_report *report;
        struct pair_object *slots; /* open addressing, linear probing */
        uint64_t slot_count;       /* a power of two, more than 5/3 of used */
        unsigned hash_shift;
        uint64_t used;
        uint64_t live_objects, live_allocated_bytes, live_requested_bytes;
};

void pairing_init(struct pairing *pairing, struct import_report *report);
void pairing_clear(struct pairing *pairing);

/* The address is about to be asked for: brings its slot near while other things are done. */
void pairing_expect(const struct pairing *pairing, uint64_t ptr);

/*
 * The caller sets ptr (not 0), time, id, the two sizes, cache, cpu and interface, or id afterwards in what is returned,
 * which lives until the next call. ret_old->live says whether the address was live; if so *ret_old is that object.
 */
struct pair_object *pairing_alloc(struct pairing *pairing, const struct pair_object *object,
                                  struct pair_object *ret_old);

/* True if the address was live; *ret_object is what was freed. */
bool pairing_free(struct pairing *pairing, uint64_t ptr, uint64_t time, uint16_t cpu, enum object_interface interface,
                  struct pair_object *ret_object);

/* Brings the figures at the end of the trace into the report. */
void pairing_finish(struct pairing *pairing);

#endif
