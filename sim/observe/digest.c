/*
 * digest.c - see digest.h. The byte order of the records is the only thing that is not libxxhash's.
 */
#include "observe/digest.h"

#include <glib.h>
#include <xxhash.h>

struct stream {
        XXH3_state_t *state;
        uint64_t records;
};

struct digest {
        struct stream ops, events;
};

static void stream_open(struct stream *stream)
{
        stream->state = XXH3_createState();
        if (stream->state == NULL || XXH3_128bits_reset(stream->state) != XXH_OK)
                g_error("no memory for a digest");
}

static void stream_add(struct stream *stream, const void *bytes, size_t byte_count, size_t record_count)
{
        XXH3_128bits_update(stream->state, bytes, byte_count);
        stream->records += record_count;
}

struct digest *digest_new(void)
{
        struct digest *digest = g_new0(struct digest, 1);

        stream_open(&digest->ops);
        stream_open(&digest->events);
        return digest;
}

void digest_free(struct digest *digest)
{
        if (digest == NULL)
                return;
        XXH3_freeState(digest->ops.state);
        XXH3_freeState(digest->events.state);
        g_free(digest);
}

#if G_BYTE_ORDER == G_LITTLE_ENDIAN

void digest_ops(struct digest *digest, const struct op_record *ops, size_t count)
{
        stream_add(&digest->ops, ops, count * sizeof(*ops), count);
}

void digest_events(struct digest *digest, const struct event_record *events, size_t count)
{
        stream_add(&digest->events, events, count * sizeof(*events), count);
}

#else

void digest_ops(struct digest *digest, const struct op_record *ops, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct op_record op = ops[i];

                op.id = GUINT64_TO_LE(op.id);
                op.t_ns = GUINT64_TO_LE(op.t_ns);
                op.dur_ns = GUINT64_TO_LE(op.dur_ns);
                op.size_bytes = GUINT64_TO_LE(op.size_bytes);
                op.frees = GUINT64_TO_LE(op.frees);
                op.first_seq = GUINT32_TO_LE(op.first_seq);
                op.irq = GUINT32_TO_LE(op.irq);
                op.gfp = GUINT32_TO_LE(op.gfp);
                op.cache = GUINT32_TO_LE(op.cache);
                op.pfn = GUINT32_TO_LE(op.pfn);
                op.offset = GUINT32_TO_LE(op.offset);
                op.result = GUINT32_TO_LE(op.result);
                op.task = GUINT16_TO_LE(op.task);
                stream_add(&digest->ops, &op, sizeof(op), 1);
        }
}

void digest_events(struct digest *digest, const struct event_record *events, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct event_record event = events[i];

                event.seq = GUINT64_TO_LE(event.seq);
                event.t_ns = GUINT64_TO_LE(event.t_ns);
                event.op = GUINT64_TO_LE(event.op);
                event.a = GUINT32_TO_LE(event.a);
                event.b = GUINT32_TO_LE(event.b);
                event.c = GUINT32_TO_LE(event.c);
                event.spare = GUINT16_TO_LE(event.spare);
                stream_add(&digest->events, &event, sizeof(event), 1);
        }
}

#endif

void digest_text(const struct digest *digest, char ret_text[DIGEST_TEXT_BYTES])
{
        struct {
                XXH128_canonical_t ops, events;
                uint64_t op_count, event_count;
        } both;
        XXH128_canonical_t whole;

        XXH128_canonicalFromHash(&both.ops, XXH3_128bits_digest(digest->ops.state));
        XXH128_canonicalFromHash(&both.events, XXH3_128bits_digest(digest->events.state));
        both.op_count = GUINT64_TO_LE(digest->ops.records);
        both.event_count = GUINT64_TO_LE(digest->events.records);
        XXH128_canonicalFromHash(&whole, XXH3_128bits(&both, sizeof(both)));
        for (size_t i = 0; i < sizeof(whole.digest); i++)
                g_snprintf(ret_text + 2 * i, 3, "%02x", whole.digest[i]);
}
