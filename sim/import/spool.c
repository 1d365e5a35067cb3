/*
 * spool.c - see spool.h. Chunks beyond the memory limit go to the file one after the other; the chunk being filled is
 * always in memory.
 */
#include "import/spool.h"

#include "import/big_memory.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_RECORDS 65536u

void spool_init(struct spool *spool, size_t record_bytes, size_t memory_bytes_max)
{
        *spool = (struct spool){
                .record_bytes = record_bytes,
                .chunks = g_ptr_array_new(),
                .chunk_bytes = record_bytes * CHUNK_RECORDS,
                .chunks_max = (unsigned)(memory_bytes_max / (record_bytes * CHUNK_RECORDS)),
                .fd = -1,
        };
        spool->used = spool->chunk_bytes;
}

void spool_clear(struct spool *spool)
{
        for (unsigned i = 0; spool->chunks && i < spool->chunks->len; i++)
                big_memory_free(spool->chunks->pdata[i], spool->chunk_bytes);
        if (spool->chunks)
                g_ptr_array_unref(spool->chunks);
        if (spool->fd >= 0)
                close(spool->fd);
        g_clear_error(&spool->error);
        *spool = (struct spool){ .fd = -1 };
}

static void fail(struct spool *spool, const char *what)
{
        int reason = errno;

        if (!spool->error)
                g_set_error(&spool->error, G_IO_ERROR, (gint)g_io_error_from_errno(reason),
                            "%s a temporary file in %s: %s", what, g_get_tmp_dir(), g_strerror(reason));
}

static void write_chunk(struct spool *spool, const char *chunk)
{
        g_autofree char *path = NULL;
        size_t done = 0;
        ssize_t now;

        if (spool->error)
                return;
        if (spool->fd < 0) {
                spool->fd = g_file_open_tmp("kmemsim-XXXXXX", &path, &spool->error);
                if (spool->fd < 0)
                        return;
                g_unlink(path);
        }
        while (done < spool->chunk_bytes) {
                now = write(spool->fd, chunk + done, spool->chunk_bytes - done);
                if (now < 0 && errno == EINTR)
                        continue;
                if (now <= 0) {
                        fail(spool, "cannot write to");
                        return;
                }
                done += (size_t)now;
        }
        spool->chunks_in_file++;
}

void *spool_add(struct spool *spool)
{
        char *last;

        if (G_UNLIKELY(spool->used == spool->chunk_bytes)) {
                if (spool->chunks->len < MAX(spool->chunks_max, 1u))
                        g_ptr_array_add(spool->chunks, big_memory_new(spool->chunk_bytes));
                else
                        write_chunk(spool, spool->chunks->pdata[spool->chunks->len - 1]);
                spool->used = 0;
        }
        last = spool->chunks->pdata[spool->chunks->len - 1];
        spool->used += spool->record_bytes;
        return last + spool->used - spool->record_bytes;
}

static bool read_chunk(struct spool *spool, char *chunk, uint64_t number)
{
        size_t done = 0;
        ssize_t now;

        while (done < spool->chunk_bytes) {
                now = pread(spool->fd, chunk + done, spool->chunk_bytes - done,
                            (off_t)(number * spool->chunk_bytes + done));
                if (now < 0 && errno == EINTR)
                        continue;
                if (now == 0)
                        errno = EIO;
                if (now <= 0) {
                        fail(spool, "cannot read back");
                        return false;
                }
                done += (size_t)now;
        }
        return true;
}

bool spool_read(struct spool *spool, bool (*each)(const void *records, size_t count, void *data), void *data,
                GError **error)
{
        g_autofree char *chunk = NULL;
        unsigned full = spool->chunks->len ? spool->chunks->len - 1 : 0;

        for (unsigned i = 0; i < full && !spool->error; i++) {
                if (!each(spool->chunks->pdata[i], CHUNK_RECORDS, data))
                        return false;
        }
        if (spool->chunks_in_file)
                chunk = g_malloc(spool->chunk_bytes);
        for (uint64_t i = 0; i < spool->chunks_in_file && !spool->error; i++) {
                if (read_chunk(spool, chunk, i) && !each(chunk, CHUNK_RECORDS, data))
                        return false;
        }
        if (spool->error) {
                g_propagate_error(error, g_steal_pointer(&spool->error));
                return false;
        }
        return !spool->chunks->len || each(spool->chunks->pdata[full], spool->used / spool->record_bytes, data);
}
