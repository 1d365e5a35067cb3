/*
 * batch.c - see batch.h.
 */
#include "observe/batch.h"

void cut_free(struct cut *cut)
{
        if (cut == NULL)
                return;
        g_ptr_array_unref(cut->samples);
        g_array_unref(cut->open);
        g_array_unref(cut->caches);
        g_clear_pointer(&cut->slabs, g_array_unref);
        g_free(cut);
}

struct batch *batch_new(uint32_t op_cap, uint32_t event_cap)
{
        struct batch *batch = g_new0(struct batch, 1);

        batch->op_cap = op_cap;
        batch->event_cap = event_cap;
        batch->ops = g_new(struct op_record, op_cap);
        batch->events = g_new(struct event_record, event_cap);
        return batch;
}

void batch_clear(struct batch *batch)
{
        g_clear_pointer(&batch->cut, cut_free);
        g_clear_pointer(&batch->sites, g_free);
        batch->op_count = 0;
        batch->event_count = 0;
}

void batch_free(struct batch *batch)
{
        if (batch == NULL)
                return;
        batch_clear(batch);
        g_free(batch->ops);
        g_free(batch->events);
        g_free(batch->sites);
        g_free(batch);
}
