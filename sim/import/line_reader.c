/*
 * line_reader.c - see line_reader.h.
 *
 * The first blocks are read as they are asked for. If the file goes on, a thread of its own reads and decompresses
 * ahead, so that this costs no time where there is a second CPU. Lines are handed out straight from the block; only one
 * that crosses the edge of a block is put together in a buffer.
 */
#include "import/line_reader.h"

#include "import/block_ring.h"

#include <archive.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_BYTES (256u * 1024)
#define BLOCKS_BEFORE_THREAD 4u /* small files are read without one */

struct block {
        size_t length;
        uint64_t bytes_read; /* of the file, when this block was full */
        char bytes[READ_BYTES];
};

struct line_reader {
        struct archive *archive; /* belongs to the thread once there is one */
        char *path;
        const char *at, *end; /* what is left of the block */
        char *edge;           /* a line that crosses blocks, LINE_BYTES_MAX */
        struct block_ring ring;
        struct block *blocks; /* BLOCK_RING_COUNT of them */
        unsigned blocks_read;
        bool all_read; /* without the thread: the archive has ended */
        GThread *thread;
        bool has_block;   /* one was taken from the ring and not given back */
        const char *rest; /* what the archive has handed out and no block has taken */
        size_t rest_length;
        GError *bad_end; /* set by the thread before it ends the ring */
        uint64_t bytes_read, bytes_total;
        bool was_cut;
        bool at_end;
};

typedef struct archive text_archive;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(text_archive, archive_read_free)

static void fail_open(struct archive *archive, const char *path, GError **error)
{
        int number = archive_errno(archive);

        g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(number), "%s: %s", path,
                    number > 0 ? g_strerror(number) : archive_error_string(archive));
}

static void fail_read(struct archive *archive, const char *path, GError **error)
{
        const char *reason = archive_error_string(archive);

        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: is damaged or cut off: %s", path,
                    reason ? reason : "unknown reason");
}

struct line_reader *line_reader_open(const char *path, GError **error)
{
        g_autoptr(text_archive) archive = archive_read_new();
        struct line_reader *reader;
        struct archive_entry *entry;
        struct stat status = { 0 };
        bool is_stdin = strcmp(path, "-") == 0, is_empty = false;

        /* Named one by one: "all" would also run programs found on the PATH and try uudecode on text. */
        if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
            archive_read_support_filter_xz(archive) != ARCHIVE_OK ||
            archive_read_support_filter_bzip2(archive) != ARCHIVE_OK ||
            archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
            archive_read_support_format_raw(archive) != ARCHIVE_OK ||
            archive_read_support_format_empty(archive) != ARCHIVE_OK) {
                fail_read(archive, path, error);
                return NULL;
        }
        if (!is_stdin && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY, "%s: is a directory", path);
                return NULL;
        }
        if (archive_read_open_filename(archive, is_stdin ? NULL : path, READ_BYTES) != ARCHIVE_OK) {
                fail_open(archive, path, error);
                return NULL;
        }
        switch (archive_read_next_header(archive, &entry)) {
        case ARCHIVE_OK:
        case ARCHIVE_WARN: break;
        case ARCHIVE_EOF: is_empty = true; break;
        default: fail_read(archive, path, error); return NULL;
        }
        reader = g_new0(struct line_reader, 1);
        reader->archive = g_steal_pointer(&archive);
        reader->path = g_strdup(is_stdin ? "standard input" : path);
        reader->edge = g_malloc(LINE_BYTES_MAX);
        reader->at = reader->end = reader->edge;
        reader->bytes_total = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
        reader->blocks = g_new(struct block, BLOCK_RING_COUNT);
        block_ring_init(&reader->ring, reader->blocks, sizeof(*reader->blocks));
        reader->all_read = is_empty;
        if (is_empty)
                block_ring_end(&reader->ring);
        return reader;
}

void line_reader_close(struct line_reader *reader)
{
        if (!reader)
                return;
        if (reader->thread) {
                block_ring_stop(&reader->ring);
                g_thread_join(reader->thread);
        }
        block_ring_clear(&reader->ring);
        g_clear_error(&reader->bad_end);
        archive_read_free(reader->archive);
        g_free(reader->blocks);
        g_free(reader->path);
        g_free(reader->edge);
        g_free(reader);
}

/* What the archive hands out next; false at the end, with error set if something is wrong with the file. */
static bool read_more(struct line_reader *reader, GError **error)
{
        const void *bytes;
        la_int64_t offset;

        do {
                switch (archive_read_data_block(reader->archive, &bytes, &reader->rest_length, &offset)) {
                case ARCHIVE_OK:
                case ARCHIVE_WARN: break;
                case ARCHIVE_RETRY: reader->rest_length = 0; break;
                case ARCHIVE_EOF: reader->rest_length = 0; return false;
                default:
                        reader->rest_length = 0;
                        fail_read(reader->archive, reader->path, error);
                        return false;
                }
        } while (reader->rest_length == 0);
        reader->rest = bytes;
        return true;
}

/* True if the block is full, so that there may be more. */
static bool fill_block(struct line_reader *reader, struct block *block, GError **error)
{
        la_int64_t bytes_read;
        size_t now;

        for (block->length = 0; block->length < READ_BYTES; block->length += now) {
                if (reader->rest_length == 0 && !read_more(reader, error))
                        break;
                now = MIN(reader->rest_length, READ_BYTES - block->length);
                memcpy(block->bytes + block->length, reader->rest, now);
                reader->rest += now;
                reader->rest_length -= now;
        }
        bytes_read = archive_filter_bytes(reader->archive, -1);
        block->bytes_read = bytes_read > 0 ? (uint64_t)bytes_read : 0;
        return block->length == READ_BYTES;
}

static gpointer read_ahead(gpointer data)
{
        struct line_reader *reader = data;
        struct block *block;
        bool more = true;

        while (more && (block = block_ring_fill(&reader->ring))) {
                more = fill_block(reader, block, &reader->bad_end);
                block_ring_filled(&reader->ring);
        }
        block_ring_end(&reader->ring);
        return NULL;
}

/* false at the end, with error set if something is wrong with the file. */
static bool next_block(struct line_reader *reader, GError **error)
{
        struct block *block;

        if (reader->has_block)
                block_ring_taken(&reader->ring);
        reader->has_block = false;
        if (!reader->thread && !reader->all_read) {
                if (reader->blocks_read++ == BLOCKS_BEFORE_THREAD) {
                        reader->thread = g_thread_new("read-ahead", read_ahead, reader);
                } else {
                        block = block_ring_fill(&reader->ring);
                        reader->all_read = !fill_block(reader, block, &reader->bad_end);
                        block_ring_filled(&reader->ring);
                        if (reader->all_read)
                                block_ring_end(&reader->ring);
                }
        }
        block = block_ring_take(&reader->ring);
        if (block) {
                reader->has_block = true;
                reader->bytes_read = block->bytes_read;
                reader->at = block->bytes;
                reader->end = reader->at + block->length;
                if (block->length)
                        return true;
        }
        reader->at_end = true;
        if (reader->bad_end)
                g_propagate_error(error, g_steal_pointer(&reader->bad_end));
        return false;
}

bool line_reader_next(struct line_reader *reader, const char **ret_line, size_t *ret_length, GError **error)
{
        g_autoptr(GError) bad_end = NULL;
        const char *newline;
        size_t length, room, edge_length = 0;

        reader->was_cut = false;
        if (reader->at == reader->end && (reader->at_end || !next_block(reader, error)))
                return false;
        newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        if (G_LIKELY(newline)) {
                length = (size_t)(newline - reader->at);
                if (length > LINE_BYTES_MAX) {
                        length = LINE_BYTES_MAX;
                        reader->was_cut = true;
                }
                *ret_line = reader->at;
                *ret_length = length;
                reader->at = newline + 1;
                return true;
        }
        for (;;) {
                length = (size_t)((newline ? newline : reader->end) - reader->at);
                room = LINE_BYTES_MAX - edge_length;
                if (length > room)
                        reader->was_cut = true;
                memcpy(reader->edge + edge_length, reader->at, MIN(length, room));
                edge_length += MIN(length, room);
                if (newline) {
                        reader->at = newline + 1;
                        break;
                }
                reader->at = reader->end;
                if (!next_block(reader, &bad_end)) {
                        if (bad_end) { /* half a line before a damaged block is not worth having */
                                g_propagate_error(error, g_steal_pointer(&bad_end));
                                return false;
                        }
                        break; /* the last line has no newline */
                }
                newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        }
        *ret_line = reader->edge;
        *ret_length = edge_length;
        return true;
}

unsigned line_reader_next_lines(struct line_reader *reader, struct line *ret_lines, unsigned count_max, GError **error)
{
        const char *newline;
        unsigned count = 0;
        size_t length;

        while (count < count_max && (newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at)))) {
                length = (size_t)(newline - reader->at);
                ret_lines[count++] = (struct line){ reader->at, MIN(length, LINE_BYTES_MAX), length > LINE_BYTES_MAX };
                reader->at = newline + 1;
        }
        if (count) /* what is left of the block, if anything, goes on in the next one */
                return count;
        if (!line_reader_next(reader, &ret_lines->text, &ret_lines->length, error))
                return 0;
        ret_lines->was_cut = reader->was_cut;
        return 1;
}

bool line_reader_was_cut(const struct line_reader *reader)
{
        return reader->was_cut;
}

uint64_t line_reader_bytes_read(const struct line_reader *reader)
{
        return reader->bytes_read;
}

uint64_t line_reader_bytes_total(const struct line_reader *reader)
{
        return reader->bytes_total;
}
