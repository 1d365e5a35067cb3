/*
 * ops_writer.h - the ops file that an import makes.
 *
 * The file is in the `kmemops 1` format, with these fields added at the end of a, m, p and f lines:
 *
 *   t=NS             when, in ns since the first event of the trace; never less than in the line before
 *   task=COMM-PID    who was running
 *   site=FUNC+0xOFF  who called; page events do not say
 *
 * and with one line at the end that holds the trace's own figures: trace KEY=VALUE ...
 * Blanks, control bytes, '#' and '=' inside a value are replaced by '_'.
 *
 * What the file begins with (the number of CPUs) and which page blocks belong in it is known only at the end of the
 * trace. So ops are added first, under ids of their own, and written when all is known; ids in the file count up from 1
 * without a gap. Objects that cannot exist in 2.6.20 get id 0 and are left out together with their frees.
 */
#ifndef KMEMSIM_IMPORT_OPS_WRITER_H
#define KMEMSIM_IMPORT_OPS_WRITER_H

#include "import/gfp_names.h"
#include "import/report.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define OPS_CPUS_MAX 8u         /* what the modelled kernel is built for */
#define OBJECT_SIZE_MAX 131072u /* the largest object of a cache and of kmalloc */
#define BLOCK_ORDER_MAX 10u

struct ops_writer;

/* Who asks, and when. */
struct ops_request {
        uint64_t t_ns;
        uint32_t task; /* of ops_writer_task; OPS_NO_TEXT: not known */
        uint32_t site; /* id in report->site_names; OPS_NO_TEXT: not known */
        uint32_t gfp;  /* of ops_writer_gfp; not for frees */
        uint16_t cpu;
};

#define OPS_NO_TEXT UINT32_MAX

/* keep: there will be a file. Without one the ops are only looked at. */
struct ops_writer *ops_writer_new(struct import_report *report, bool keep);
void ops_writer_free(struct ops_writer *writer);

uint32_t ops_writer_task(struct ops_writer *writer, struct text comm, int32_t pid);
uint32_t ops_writer_gfp(struct ops_writer *writer, struct text gfp, uint32_t *ret_flags);

/* Each returns the id of what is allocated; 0 if it cannot be. cache: id in report->cache_names[FROM_CACHE]. */
uint64_t ops_writer_add_cache_alloc(struct ops_writer *writer, const struct ops_request *request, uint32_t cache,
                                    uint32_t bytes_req, uint32_t bytes_alloc);
uint64_t ops_writer_add_kmalloc(struct ops_writer *writer, const struct ops_request *request, uint32_t bytes_req);
/* The kmalloc with this id was printed once more, now with its real caller. */
void ops_writer_add_caller(struct ops_writer *writer, const struct ops_request *request, uint64_t id);
uint64_t ops_writer_add_pages(struct ops_writer *writer, const struct ops_request *request, unsigned order);
/* implied: there was no event of this free. Nothing happens if id is 0. */
void ops_writer_add_free(struct ops_writer *writer, const struct ops_request *request, uint64_t id, bool implied);

/* Where the text goes. */
struct ops_sink {
        bool (*write)(void *data, const char *bytes, size_t length, GError **error);
        void *data;
};

/* For a sink whose data is a GString. */
bool ops_sink_append(void *data, const char *bytes, size_t length, GError **error);

struct ops_layout {
        const char *source; /* for a comment: where the trace came from */
        unsigned cpus;      /* 1 to OPS_CPUS_MAX */
        unsigned mem_mib;
        uint64_t *left_out; /* ids of page blocks that are left out; sorted on the way */
        size_t left_out_count;
        bool (*go_on)(void *data); /* asked now and then; false: stop with G_IO_ERROR_CANCELLED */
        void *go_on_data;
};

/* Writes the file and fills in the ops_ figures of the report. */
bool ops_writer_write(struct ops_writer *writer, const struct ops_layout *layout, const struct ops_sink *sink,
                      GError **error);

#endif
