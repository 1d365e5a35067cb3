/*
 * trace_reader.h - the lines of a trace file with what they say, some hundreds at a time, in order.
 *
 * Puts line_reader and trace_line_parse together. A long file is parsed ahead in a thread of its own; nothing that is
 * handed out depends on that.
 */
#ifndef KMEMSIM_IMPORT_TRACE_READER_H
#define KMEMSIM_IMPORT_TRACE_READER_H

#include "import/line_reader.h"
#include "import/trace_line.h"

#define TRACE_BATCH_LINES 1024u

struct trace_batch {
        unsigned count;
        struct line lines[TRACE_BATCH_LINES];
        struct trace_event events[TRACE_BATCH_LINES]; /* of the line with the same index */
        struct trace_dialect dialect;                 /* behind the last of them */
        uint64_t bytes_read;                          /* of the file */
        size_t text_used, text_room;
        char *text; /* what the lines and events point into */
};

struct trace_reader;

struct trace_reader *trace_reader_open(const char *path, GError **error);
void trace_reader_close(struct trace_reader *reader);

/* Lives until the next call. NULL at the end of the file, with error set if the end is not a good one. */
const struct trace_batch *trace_reader_next(struct trace_reader *reader, GError **error);

/* Bytes of the file before decompression; 0: not known. */
uint64_t trace_reader_bytes_total(const struct trace_reader *reader);

#endif
