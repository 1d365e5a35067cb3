/*
 * event.h - the language coming out: one step that changed the allocator below an op.
 *
 * Facts in the past tense, listed in event_kinds.def. A magazine hit or a free into a magazine with room has no event:
 * the op row says it all. Everything else that moves an object, a slab or a page is an event, so that the counts of
 * every structure can be rebuilt from ops and events alone.
 */
#ifndef KMEMSIM_TRACE_EVENT_H
#define KMEMSIM_TRACE_EVENT_H

#include <stdint.h>

enum event_kind {
#define EVENT(id, name, a, b, c) EV_##id,
#include "trace/event_kinds.def"
#undef EVENT
        EVENT_KIND_COUNT
};

struct event_kind_names {
        const char *name;
        const char *args[3];
};

extern const struct event_kind_names event_kind_names[EVENT_KIND_COUNT];

/* One event. 40 bytes, no padding. */
struct event_record {
        uint64_t seq;  /* from 1, in the order things happened */
        uint64_t t_ns; /* simulated ns since the end of boot */
        uint64_t op;   /* the op it belongs to */
        uint32_t a, b, c;
        uint8_t cpu;
        uint8_t kind; /* enum event_kind */
        uint16_t spare;
};
_Static_assert(sizeof(struct event_record) == 40, "event_record has no padding");

#endif
