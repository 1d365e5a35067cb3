/*
 * line_reader.h - the lines of a file, plain or compressed (gzip, xz, bzip2, zstd), or of standard input.
 *
 * A line is handed out as a piece of the reader's memory and lives until the next call. A line that is longer than
 * LINE_BYTES_MAX is no trace line: it is handed out as its first LINE_BYTES_MAX bytes and the rest is passed over. So
 * memory stays bounded whatever the file holds.
 */
#ifndef KMEMSIM_IMPORT_LINE_READER_H
#define KMEMSIM_IMPORT_LINE_READER_H

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#define LINE_BYTES_MAX (64u * 1024)

struct line_reader;

/* "-" is standard input. */
struct line_reader *line_reader_open(const char *path, GError **error);
void line_reader_close(struct line_reader *reader);

/* false at the end of the file, with error set if the end is not a good one. */
bool line_reader_next(struct line_reader *reader, const char **ret_line, size_t *ret_length, GError **error);

struct line {
        const char *text;
        size_t length;
        bool was_cut; /* to LINE_BYTES_MAX */
};

/* One to count_max lines at once, which all live until the next call. 0 at the end of the file, as above. */
unsigned line_reader_next_lines(struct line_reader *reader, struct line *ret_lines, unsigned count_max, GError **error);

/* true if the line handed out last by line_reader_next had more bytes than it has now */
bool line_reader_was_cut(const struct line_reader *reader);

/* Bytes taken from the file so far, before decompression, and what it holds (0: not known). */
uint64_t line_reader_bytes_read(const struct line_reader *reader);
uint64_t line_reader_bytes_total(const struct line_reader *reader);

#endif
