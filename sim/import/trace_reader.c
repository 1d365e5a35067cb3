/*
 * trace_reader.c - see trace_reader.h.
 */
#include "import/trace_reader.h"

#include "import/block_ring.h"

#include <string.h>

#define BATCHES_BEFORE_THREAD 4u /* small files are parsed without one */
#define TEXT_BYTES (256u * 1024)

struct trace_reader {
        struct line_reader *lines; /* belongs to the thread once there is one */
        struct trace_dialect dialect;
        struct block_ring ring;
        struct trace_batch *batches; /* BLOCK_RING_COUNT of them */
        unsigned batches_read;
        GThread *thread;
        bool has_batch; /* one was taken from the ring and not given back */
        bool all_read;
        GError *bad_end;
        /* Lines that did not fit into the last batch. */
        struct line pending[TRACE_BATCH_LINES];
        unsigned pending_at, pending_count;
        uint64_t bytes_total;
};

struct trace_reader *trace_reader_open(const char *path, GError **error)
{
        struct line_reader *lines = line_reader_open(path, error);
        struct trace_reader *reader;

        if (!lines)
                return NULL;
        reader = g_new0(struct trace_reader, 1);
        reader->lines = lines;
        reader->bytes_total = line_reader_bytes_total(lines);
        reader->batches = g_new0(struct trace_batch, BLOCK_RING_COUNT);
        block_ring_init(&reader->ring, reader->batches, sizeof(*reader->batches));
        return reader;
}

void trace_reader_close(struct trace_reader *reader)
{
        if (!reader)
                return;
        if (reader->thread) {
                block_ring_stop(&reader->ring);
                g_thread_join(reader->thread);
        }
        block_ring_clear(&reader->ring);
        line_reader_close(reader->lines);
        g_clear_error(&reader->bad_end);
        for (unsigned i = 0; i < BLOCK_RING_COUNT; i++)
                g_free(reader->batches[i].text);
        g_free(reader->batches);
        g_free(reader);
}

static void parse(struct trace_reader *reader, const struct line *line, struct trace_event *ret_event)
{
        if (line->was_cut)
                *ret_event = (struct trace_event){ .kind = TRACE_UNREADABLE };
        else
                trace_line_parse(&reader->dialect, line->text, line->length, ret_event);
}

/* The batch keeps its text: the line reader's lives only until it is asked for more. */
static bool add_line(struct trace_reader *reader, struct trace_batch *batch, const struct line *line)
{
        struct line *kept = &batch->lines[batch->count];

        if (batch->count == TRACE_BATCH_LINES || batch->text_room - batch->text_used < line->length)
                return false;
        *kept = *line;
        kept->text = memcpy(batch->text + batch->text_used, line->text, line->length);
        batch->text_used += line->length;
        parse(reader, kept, &batch->events[batch->count++]);
        return true;
}

/* True if there may be more. */
static bool fill_batch(struct trace_reader *reader, struct trace_batch *batch)
{
        bool more = true;

        if (!batch->text) {
                batch->text_room = TEXT_BYTES;
                batch->text = g_malloc(batch->text_room);
        }
        batch->count = 0;
        batch->text_used = 0;
        for (;;) {
                while (reader->pending_at < reader->pending_count &&
                       add_line(reader, batch, &reader->pending[reader->pending_at]))
                        reader->pending_at++;
                if (reader->pending_at < reader->pending_count)
                        break;
                reader->pending_at = 0;
                reader->pending_count =
                        line_reader_next_lines(reader->lines, reader->pending, TRACE_BATCH_LINES, &reader->bad_end);
                if (!reader->pending_count) {
                        more = false;
                        break;
                }
        }
        batch->dialect = reader->dialect;
        batch->bytes_read = line_reader_bytes_read(reader->lines);
        return more;
}

static gpointer parse_ahead(gpointer data)
{
        struct trace_reader *reader = data;
        struct trace_batch *batch;
        bool more = true;

        while (more && (batch = block_ring_fill(&reader->ring))) {
                more = fill_batch(reader, batch);
                block_ring_filled(&reader->ring);
        }
        block_ring_end(&reader->ring);
        return NULL;
}

const struct trace_batch *trace_reader_next(struct trace_reader *reader, GError **error)
{
        const struct trace_batch *batch;

        if (reader->has_batch)
                block_ring_taken(&reader->ring);
        reader->has_batch = false;
        if (!reader->thread && !reader->all_read) {
                if (reader->batches_read++ == BATCHES_BEFORE_THREAD) {
                        reader->thread = g_thread_new("parse-ahead", parse_ahead, reader);
                } else {
                        reader->all_read = !fill_batch(reader, block_ring_fill(&reader->ring));
                        block_ring_filled(&reader->ring);
                        if (reader->all_read)
                                block_ring_end(&reader->ring);
                }
        }
        batch = block_ring_take(&reader->ring);
        reader->has_batch = batch != NULL;
        if (!batch && reader->bad_end)
                g_propagate_error(error, g_steal_pointer(&reader->bad_end));
        return batch;
}

uint64_t trace_reader_bytes_total(const struct trace_reader *reader)
{
        return reader->bytes_total;
}
