/*
 * state_text.h - one cache, page frame, slab or object at one moment, for people: what it is, where it stands,
 * who has it.
 *
 * The kernel has no files for these, so the formats are ours: a name, then its value, a line each; tables under a line
 * that begins with "# ". Whose something is the core knows as the op that asked for it;
 * names are added by the caller.
 */
#ifndef KMEMSIM_OBSERVE_STATE_TEXT_H
#define KMEMSIM_OBSERVE_STATE_TEXT_H

#include <glib.h>

#include "engine/sim.h"

enum state_kind { STATE_CACHE, STATE_PAGE, STATE_SLAB, STATE_OBJECT };

struct state_target {
        enum state_kind kind;
        const char *name;     /* CACHE */
        uint32_t pfn, offset; /* offset: OBJECT */
};

/* Says who made an op and when, as in "op 12: ..."; ops are known to whoever has the recording. */
struct state_names {
        void (*append_op)(uint64_t op, uint64_t now_ns, GString *text, void *context);
        /* name of the caller behind a caller word of a debug_slab machine, NULL: not known (observe/slab_log.h) */
        const char *(*caller)(uint64_t caller, void *context);
        void *context;
};

/* NULL, or why there is no such thing at this moment: g_free it. */
char *state_text(const struct sim *sim, const struct state_target *target, const struct state_names *names,
                 GString *text);

#endif
