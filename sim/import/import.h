/*
 * import.h - a kernel trace text becomes an ops file: the door of this room.
 *
 * The rooms' parts, in the order in which a line passes through them: line_reader (lines out of plain or compressed
 * files), trace_line (one line), pairing and page_map (which free belongs to which alloc, which pages are slabs),
 * ops_writer (the file), report (the figures). gfp_names, intern, lifetimes and spool serve them.
 *
 * A trace is read once, from beginning to end, in memory that grows with what is live and with the number of different
 * addresses. Only if the linear mapping turns out not to be where it was looked for is it begun again.
 */
#ifndef KMEMSIM_IMPORT_IMPORT_H
#define KMEMSIM_IMPORT_IMPORT_H

#include "import/ops_writer.h"
#include "import/report.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum import_pages {
        IMPORT_PAGES_USER, /* page blocks that are not the pages of a slab or of a large kmalloc */
        IMPORT_PAGES_NONE,
        IMPORT_PAGES_ALL,
};

struct import_progress {
        uint64_t bytes_read, bytes_total; /* of the file, before decompression; total 0: not known */
        uint64_t events;
        bool is_writing; /* reading is over */
};

struct import_options {
        enum import_pages pages;
        unsigned cpus;        /* of the machine line, 1 to 8; 0: as many as the trace shows */
        unsigned mem_mib;     /* of the machine line; 0: 2048 */
        uint64_t tsc_khz;     /* length of a tick of an x86-tsc clock; 0: such times become event numbers */
        uint64_t page_offset; /* where the linear mapping begins; 0: found out from the trace */
        /* Called every few thousand lines. false stops the import with G_IO_ERROR_CANCELLED. */
        bool (*progress)(const struct import_progress *progress, void *data);
        void *progress_data;
};

#define IMPORT_ERROR (import_error_quark())
GQuark import_error_quark(void);

enum import_error {
        IMPORT_ERROR_NO_EVENTS, /* the file was read to its end and holds no kmem event that could be used */
};

/*
 * path: "-" is standard input. sink: where the ops file goes, NULL for the figures alone; nothing is written to it
 * before the whole trace has been read. *ret_report is set if the trace could be read to its end, that is when true is
 * returned, and with IMPORT_ERROR_NO_EVENTS. options may be NULL. Errors are G_IO_ERROR or IMPORT_ERROR.
 */
bool import_trace(const char *path, const struct import_options *options, const struct ops_sink *sink,
                  struct import_report **ret_report, GError **error);

#endif
