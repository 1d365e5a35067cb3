/*
 * spool.h - records put aside now and read once later, in order: in memory at first, in a temporary file when there are
 * many. The file has no name, so nothing is left behind however the program ends.
 */
#ifndef KMEMSIM_IMPORT_SPOOL_H
#define KMEMSIM_IMPORT_SPOOL_H

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

struct spool {
        size_t record_bytes;
        GPtrArray *chunks;        /* in memory, all full but the last */
        size_t chunk_bytes, used; /* used: of the last chunk */
        unsigned chunks_max;      /* in memory; then they go to the file */
        int fd;                   /* -1: none yet */
        uint64_t chunks_in_file;
        GError *error; /* the first thing that went wrong; from then on records are not kept */
};

void spool_init(struct spool *spool, size_t record_bytes, size_t memory_bytes_max);
void spool_clear(struct spool *spool);

/* Room for one more record, to be filled in before the next call. */
void *spool_add(struct spool *spool);

/*
 * Calls each() with runs of records in the order in which they were added, until it returns false; then false is
 * returned without an error.
 */
bool spool_read(struct spool *spool, bool (*each)(const void *records, size_t count, void *data), void *data,
                GError **error);

#endif
