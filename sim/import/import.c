/*
 * import.c - see import.h. The importer itself: takes each event to the parts that want it.
 */
#include "import/import.h"

#include "import/ops_writer.h"
#include "import/page_map.h"
#include "import/pairing.h"
#include "import/trace_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_AHEAD         16u
#define COPY_BYTES          (64u * 1024)
#define MEM_MIB_DEFAULT     2048u
#define ZERO_SIZE_PTR       0x10u /* what kmalloc(0) returns */
#define SLAB_KMALLOC_MAX    8192u /* a kmalloc that took more has pages of its own */
#define HASHED_PTR_MAX      UINT32_MAX
#define VOTES_TO_BEGIN_ANEW 4u
#define UNREADABLE_SHOWN    100u

/* clang-format off: it would put blanks into the name */
G_DEFINE_QUARK(kmemsim-import-error, import_error)
/* clang-format on */

/* kmalloc events name no cache: the size of the slot and three flags stand for it. */
struct kmalloc_memo {
        uint32_t bytes_alloc;
        uint32_t flags;
        uint32_t cache;
        bool known;
};

#define KMALLOC_MEMOS 64u

struct importer {
        const struct import_options *options;
        struct import_report *report;
        struct pairing pairing;
        struct page_map pages;
        struct ops_writer *writer;
        struct kmalloc_memo kmalloc_memo[KMALLOC_MEMOS];
        uint32_t task;                         /* of the last event; OPS_NO_TEXT: not looked up yet */
        uint64_t first_time, last_time;        /* in units of the clock column */
        uint64_t objects_seen, objects_hashed; /* events with an address, and those with one that is no address */
        bool offset_settled;                   /* the linear mapping is where page_offset says */
};

static void init_importer(struct importer *importer, const struct import_options *options, uint64_t page_offset,
                          bool keep_ops)
{
        *importer = (struct importer){ .options = options, .report = import_report_new(), .task = OPS_NO_TEXT };
        pairing_init(&importer->pairing, importer->report);
        page_map_init(&importer->pages, importer->report, page_offset);
        importer->writer = ops_writer_new(importer->report, keep_ops);
}

static void clear_importer(struct importer *importer)
{
        pairing_clear(&importer->pairing);
        page_map_clear(&importer->pages);
        ops_writer_free(importer->writer);
        import_report_free(importer->report);
}

/* Time since the first event in units of the clock column; never less than that of the event before. */
static bool take_time(struct importer *importer, const struct trace_event *event, uint64_t *ret_since)
{
        struct import_report *report = importer->report;

        if (report->kmem_events == 0) {
                report->unit = (enum trace_unit)event->unit;
                importer->first_time = importer->last_time = event->time;
        } else if ((event->unit == TRACE_UNIT_TICKS) != (report->unit == TRACE_UNIT_TICKS)) {
                return false; /* a clock column of another kind: the line is damaged */
        }
        if (event->time < importer->last_time)
                report->times_backwards++;
        else
                importer->last_time = event->time;
        *ret_since = importer->last_time - importer->first_time;
        return true;
}

static uint64_t time_ns(const struct importer *importer, uint64_t since)
{
        uint64_t khz = importer->options->tsc_khz;

        if (importer->report->unit != TRACE_UNIT_TICKS)
                return since;
        if (!khz)
                return importer->report->kmem_events; /* the number of the event, from 0 */
        return since / khz * 1000000 + since % khz * 1000000 / khz;
}

/* Makes room for what is counted by the id of a name. */
static void grow_to(GArray *figures, uint32_t id)
{
        if (G_UNLIKELY(id >= figures->len))
                g_array_set_size(figures, id + 1);
}

static uint32_t kmalloc_cache(struct importer *importer, uint32_t bytes_alloc, uint32_t flags)
{
        struct import_report *report = importer->report;
        struct kmalloc_memo *memo;
        char name[40];
        int length;

        flags &= GFP_FLAG_DMA | GFP_FLAG_RECLAIMABLE | GFP_FLAG_ACCOUNT;
        memo = &importer->kmalloc_memo[(bytes_alloc / 8 + bytes_alloc / 512 + flags % 61) % KMALLOC_MEMOS];
        if (G_LIKELY(memo->known && memo->bytes_alloc == bytes_alloc && memo->flags == flags))
                return memo->cache;
        if (bytes_alloc > SLAB_KMALLOC_MAX)
                length = g_snprintf(name, sizeof(name), "kmalloc-large");
        else
                length = g_snprintf(name, sizeof(name), "%skmalloc-%s%u%s", flags & GFP_FLAG_DMA ? "dma-" : "",
                                    flags & GFP_FLAG_DMA           ? ""
                                    : flags & GFP_FLAG_RECLAIMABLE ? "rcl-"
                                    : flags & GFP_FLAG_ACCOUNT     ? "cg-"
                                                                   : "",
                                    bytes_alloc >= 1024 && bytes_alloc % 1024 == 0 ? bytes_alloc / 1024 : bytes_alloc,
                                    bytes_alloc >= 1024 && bytes_alloc % 1024 == 0 ? "k" : "");
        *memo = (struct kmalloc_memo){
                .bytes_alloc = bytes_alloc,
                .flags = flags,
                .cache = intern_id(&report->cache_names[FROM_KMALLOC], name, (size_t)length),
                .known = true,
        };
        grow_to(report->caches[FROM_KMALLOC], memo->cache);
        return memo->cache;
}

static uint32_t named_cache(struct importer *importer, const struct trace_event *event)
{
        struct import_report *report = importer->report;
        char made_up[24];
        uint32_t cache;

        if (G_LIKELY(event->name.length))
                cache = intern_id(&report->cache_names[FROM_CACHE], event->name.at, event->name.length);
        else /* older kernels do not say which */
                cache = intern_id(&report->cache_names[FROM_CACHE], made_up,
                                  (size_t)g_snprintf(made_up, sizeof(made_up), "cache-%u", event->bytes_alloc));
        grow_to(report->caches[FROM_CACHE], cache);
        return cache;
}

static uint32_t site_of(struct importer *importer, const struct trace_event *event, enum object_interface interface,
                        bool is_alloc)
{
        struct import_report *report = importer->report;
        struct site_figures *figures;
        uint32_t site;

        if (!event->site.length)
                return OPS_NO_TEXT;
        site = intern_id(&report->site_names, event->site.at, event->site.length);
        grow_to(report->sites, site);
        figures = &g_array_index(report->sites, struct site_figures, site);
        if (is_alloc)
                report->alloc_sites += figures->allocs[interface]++ == 0;
        else
                report->free_sites += figures->frees[interface]++ == 0;
        return site;
}

/* True if the address lies in a block that is known to be a large kmalloc's. */
static bool note_address(struct importer *importer, uint64_t ptr, bool is_large)
{
        importer->objects_seen++;
        importer->objects_hashed += ptr <= HASHED_PTR_MAX;
        return page_map_object(&importer->pages, ptr, is_large);
}

/*
 * Some kernels print a large kmalloc twice, once inside kmalloc and once with its caller. They are the same if the
 * block was not freed in between; in a trace without page events, if they follow each other.
 */
static bool is_repeated(const struct importer *importer, const struct pair_object *old, const struct pair_object *now,
                        bool in_known_block)
{
        return old->live && old->interface == FROM_KMALLOC && old->bytes_req == now->bytes_req &&
               old->bytes_alloc == now->bytes_alloc && old->cpu == now->cpu &&
               (in_known_block || old->op + 1 == importer->report->object_ops);
}

static void object_alloc(struct importer *importer, const struct trace_event *event, struct ops_request *request,
                         uint64_t since)
{
        struct import_report *report = importer->report;
        enum object_interface interface = event->kind == TRACE_KMALLOC ? FROM_KMALLOC : FROM_CACHE;
        bool is_large = interface == FROM_KMALLOC && event->bytes_alloc > SLAB_KMALLOC_MAX;
        struct pair_object object = { .ptr = event->ptr,
                                      .bytes_req = event->bytes_req,
                                      .bytes_alloc = event->bytes_alloc,
                                      .cpu = event->cpu,
                                      .interface = (uint8_t)interface };
        struct pair_object old, *entry;
        struct ops_request implied;
        bool in_known_block;
        uint32_t flags;

        if (event->ptr == 0) {
                report->object_allocs_failed++;
                return;
        }
        if (event->ptr == ZERO_SIZE_PTR) {
                report->object_allocs_empty++;
                return;
        }
        page_map_vote(&importer->pages, event->cpu, event->ptr);
        in_known_block = note_address(importer, event->ptr, is_large);
        request->site = site_of(importer, event, interface, true);
        request->gfp = ops_writer_gfp(importer->writer, event->gfp, &flags);
        /* trace-cmd -R leaves this out for kmalloc, where it says no more than the flag */
        report->object_allocs_accounted += event->accounted || (interface == FROM_KMALLOC && flags & GFP_FLAG_ACCOUNT);
        object.time = report->unit == TRACE_UNIT_US ? since / 1000 : since;
        object.cache = interface == FROM_KMALLOC ? kmalloc_cache(importer, event->bytes_alloc, flags)
                                                 : named_cache(importer, event);
        entry = pairing_alloc(&importer->pairing, &object, &old);
        if (is_large && is_repeated(importer, &old, &object, in_known_block)) {
                report->kmalloc_events_repeated++;
                entry->id = old.id;
                ops_writer_add_caller(importer->writer, request, old.id);
                return;
        }
        if (old.live) { /* the free that left no event: nobody knows who did it */
                implied = (struct ops_request){
                        .t_ns = request->t_ns, .cpu = request->cpu, .task = OPS_NO_TEXT, .site = OPS_NO_TEXT
                };
                ops_writer_add_free(importer->writer, &implied, old.id, true);
        }
        if (interface == FROM_KMALLOC)
                entry->id = ops_writer_add_kmalloc(importer->writer, request, event->bytes_req);
        else
                entry->id = ops_writer_add_cache_alloc(importer->writer, request, object.cache, event->bytes_req,
                                                       event->bytes_alloc);
}

static void object_free(struct importer *importer, const struct trace_event *event, struct ops_request *request,
                        uint64_t since)
{
        struct import_report *report = importer->report;
        enum object_interface interface = event->kind == TRACE_KFREE ? FROM_KMALLOC : FROM_CACHE;
        struct pair_object object;

        if (event->ptr == 0) {
                report->object_frees_null++;
                return;
        }
        if (event->ptr == ZERO_SIZE_PTR) {
                report->object_frees_empty++;
                return;
        }
        note_address(importer, event->ptr, false);
        request->site = site_of(importer, event, interface, false);
        if (pairing_free(&importer->pairing, event->ptr, report->unit == TRACE_UNIT_US ? since / 1000 : since,
                         event->cpu, interface, &object))
                ops_writer_add_free(importer->writer, request, object.id, false);
}

static void block_alloc(struct importer *importer, const struct trace_event *event, struct ops_request *request)
{
        struct page_block *block, old;
        struct ops_request implied;
        uint32_t flags;

        if (event->pfn == 0) {
                importer->report->page_allocs_failed++;
                return;
        }
        block = page_map_alloc(&importer->pages, event->pfn, event->order, event->cpu, &old);
        if (importer->options->pages == IMPORT_PAGES_NONE)
                return;
        if (old.pfn) {
                implied = *request;
                implied.task = OPS_NO_TEXT;
                ops_writer_add_free(importer->writer, &implied, old.id, true);
        }
        request->gfp = ops_writer_gfp(importer->writer, event->gfp, &flags);
        block->id = ops_writer_add_pages(importer->writer, request, event->order);
}

static void block_free(struct importer *importer, const struct trace_event *event, struct ops_request *request)
{
        struct page_block block;

        if (page_map_free(&importer->pages, event->pfn, event->order, event->cpu, &block))
                ops_writer_add_free(importer->writer, request, block.id, false);
}

static void kmem_event(struct importer *importer, const struct trace_event *event, uint64_t since)
{
        struct import_report *report = importer->report;
        struct ops_request request = {
                .t_ns = time_ns(importer, since),
                .task = OPS_NO_TEXT,
                .site = OPS_NO_TEXT,
                .cpu = event->cpu,
        };

        report->kmem_events++;
        report->event_count[event->kind]++;
        report->cpu_lines[event->cpu]++;
        if (event->cpu >= report->cpus)
                report->cpus = event->cpu + 1u;
        if (importer->task == OPS_NO_TEXT)
                importer->task = ops_writer_task(importer->writer, event->comm, event->pid);
        request.task = importer->task;
        switch (event->kind) {
        case TRACE_KMALLOC:
        case TRACE_CACHE_ALLOC: object_alloc(importer, event, &request, since); return;
        case TRACE_PAGE_ALLOC: block_alloc(importer, event, &request); return;
        case TRACE_KFREE:
        case TRACE_CACHE_FREE: object_free(importer, event, &request, since); break;
        case TRACE_PAGE_FREE: block_free(importer, event, &request); break;
        case TRACE_ZONE_LOCKED:
                report->zone_locked_pages += UINT64_C(1) << event->order;
                report->zone_locked_refills += event->percpu_refill;
                return; /* stands between the alloc of pages and the object in them */
        case TRACE_PCPU_DRAIN: report->pcpu_drain_pages += UINT64_C(1) << event->order; break;
        default: break;
        }
        page_map_vote(&importer->pages, event->cpu, 0);
}

/* The beginning of the line, with bytes that a terminal should not see written as \xNN. */
static void note_unreadable(struct importer *importer, const char *line, size_t length)
{
        struct import_report *report = importer->report;
        GString *text;

        if (report->lines_unreadable++)
                return;
        text = g_string_new(NULL);
        for (size_t i = 0; i < length && text->len < UNREADABLE_SHOWN; i++) {
                if (line[i] >= ' ' && line[i] <= '~')
                        g_string_append_c(text, line[i]);
                else
                        g_string_append_printf(text, "\\x%02x", (unsigned char)line[i]);
        }
        if (text->len >= UNREADABLE_SHOWN)
                g_string_append(text, "...");
        report->first_unreadable_line = report->lines;
        report->first_unreadable_text = g_string_free(text, FALSE);
}

static void one_line(struct importer *importer, const struct line *line, const struct trace_event *event)
{
        struct import_report *report = importer->report;
        uint64_t since;

        report->lines++;
        if (!event->same_task)
                importer->task = OPS_NO_TEXT;
        switch (event->kind) {
        case TRACE_IGNORED: break;
        case TRACE_OVERWRITTEN:
        case TRACE_LOST:
                report->lost_events += event->count;
                report->lost_places++;
                break;
        case TRACE_MARKER:
                report->marker_lines++;
                report->cpu_lines[event->cpu]++;
                break;
        case TRACE_OTHER: report->other_events++; break;
        case TRACE_RAW: report->raw_events++; break;
        case TRACE_UNREADABLE: note_unreadable(importer, line->text, line->length); break;
        default:
                if (take_time(importer, event, &since))
                        kmem_event(importer, event, since);
                else
                        note_unreadable(importer, line->text, line->length);
        }
}

static void one_batch(struct importer *importer, const struct trace_batch *batch)
{
        for (unsigned i = 0; i < batch->count; i++) {
                /* What a line some way ahead will need from the large table is fetched meanwhile. */
                if (i + LINES_AHEAD < batch->count && batch->events[i + LINES_AHEAD].kind <= TRACE_CACHE_FREE)
                        pairing_expect(&importer->pairing, batch->events[i + LINES_AHEAD].ptr);
                one_line(importer, &batch->lines[i], &batch->events[i]);
        }
        importer->report->dialect = batch->dialect;
}

static bool look_outside(const struct importer *importer, uint64_t bytes_read, uint64_t bytes_total, bool is_writing,
                         GError **error)
{
        const struct import_options *options = importer->options;
        struct import_progress progress = {
                .bytes_read = bytes_read,
                .bytes_total = bytes_total,
                .events = importer->report->kmem_events,
                .is_writing = is_writing,
        };

        if (!options->progress || options->progress(&progress, options->progress_data))
                return true;
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
        return false;
}

/*
 * Whether the linear mapping is somewhere else than it was taken to be; then *ret_offset says where. A pair of events
 * fits some offset by chance so rarely that a few votes decide.
 */
static bool is_offset_wrong(const struct importer *importer, uint64_t votes_needed, uint64_t *ret_offset)
{
        uint64_t votes, votes_here;

        if (importer->offset_settled)
                return false;
        *ret_offset = page_map_elected_offset(&importer->pages, &votes);
        votes_here = page_map_votes_for(&importer->pages, importer->pages.page_offset);
        return votes >= votes_needed && votes > 2 * votes_here && *ret_offset != importer->pages.page_offset;
}

static void finish_figures(struct importer *importer)
{
        struct import_report *report = importer->report;

        pairing_finish(&importer->pairing);
        page_map_finish(&importer->pages);
        if (report->kmem_events) {
                report->times_are_order = report->unit == TRACE_UNIT_TICKS && !importer->options->tsc_khz;
                report->span_ns = time_ns(importer, importer->last_time - importer->first_time);
                if (report->times_are_order)
                        report->span_ns = 0;
        }
        report->page_offset = importer->pages.page_offset;
        report->page_offset_votes = page_map_votes_for(&importer->pages, report->page_offset);
        report->pointers_hashed = importer->objects_seen && importer->objects_hashed == importer->objects_seen;
        report->pages_told_apart = importer->objects_seen && report->page_allocs && !report->pointers_hashed;
}

/* Reads the whole file. *ret_begin_anew: stopped early, since the linear mapping begins at *ret_offset. */
static bool read_trace(struct importer *importer, const char *path, bool *ret_begin_anew, uint64_t *ret_offset,
                       GError **error)
{
        struct trace_reader *reader = trace_reader_open(path, error);
        const struct trace_batch *batch;
        GError *bad_end = NULL;
        bool good = true;

        *ret_begin_anew = false;
        if (!reader)
                return false;
        while (good && !*ret_begin_anew && (batch = trace_reader_next(reader, &bad_end))) {
                one_batch(importer, batch);
                good = look_outside(importer, batch->bytes_read, trace_reader_bytes_total(reader), false, error);
                *ret_begin_anew = is_offset_wrong(importer, VOTES_TO_BEGIN_ANEW, ret_offset);
        }
        trace_reader_close(reader);
        if (bad_end) {
                g_propagate_error(error, bad_end);
                return false;
        }
        if (good && !*ret_begin_anew)
                *ret_begin_anew = is_offset_wrong(importer, 1, ret_offset);
        return good;
}

static bool go_on_writing(void *data)
{
        const struct importer *importer = data;

        return look_outside(importer, 0, 0, true, NULL);
}

static bool write_ops(struct importer *importer, const char *path, const struct ops_sink *sink, GError **error)
{
        struct import_report *report = importer->report;
        const struct import_options *options = importer->options;
        bool leave_out = options->pages == IMPORT_PAGES_USER;
        g_autofree char *source = g_path_get_basename(path);
        unsigned cpus = options->cpus ? options->cpus : (unsigned)MIN(report->cpus, OPS_CPUS_MAX);
        struct ops_layout layout = {
                .source = source,
                .cpus = cpus,
                .mem_mib = options->mem_mib ? options->mem_mib : MEM_MIB_DEFAULT,
                .left_out = leave_out ? (uint64_t *)(void *)importer->pages.taken->data : NULL,
                .left_out_count = leave_out ? importer->pages.taken->len : 0,
                .go_on = go_on_writing,
                .go_on_data = importer,
        };

        report->cpus_folded = report->cpus > cpus;
        return ops_writer_write(importer->writer, &layout, sink, error);
}

/* Trouble while something is copied. */
static bool copy_error(const char *path, int reason, GError **error)
{
        g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(reason), "%s: cannot be kept in %s: %s", path,
                    g_get_tmp_dir(), g_strerror(reason));
        return false;
}

/* What comes from a pipe cannot be begun again, so it is put into a file first. */
static bool copy_all(int from, int to, const char *path, const struct import_options *options, GError **error)
{
        struct import_progress progress = { 0 };
        g_autofree char *buffer = g_malloc(COPY_BYTES);
        ssize_t got, put;

        while ((got = read(from, buffer, COPY_BYTES)) != 0) {
                if (options->progress && !options->progress(&progress, options->progress_data)) {
                        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
                        return false;
                }
                if (got < 0 && errno != EINTR)
                        return copy_error(path, errno, error);
                for (ssize_t done = 0; done < got; done += put) {
                        put = write(to, buffer + done, (size_t)(got - done));
                        if (put < 0 && errno == EINTR)
                                put = 0;
                        if (put < 0)
                                return copy_error(path, errno, error);
                }
                progress.bytes_read += got > 0 ? (uint64_t)got : 0;
        }
        return true;
}

static bool import_file(const char *path, const char *shown_path, const struct import_options *options,
                        const struct ops_sink *sink, struct import_report **ret_report, GError **error)
{
        uint64_t page_offset = options->page_offset ? options->page_offset : PAGE_OFFSET_DEFAULT, elsewhere = 0;
        g_autofree struct importer *importer = g_new(struct importer, 1);
        bool good, begin_anew;

        init_importer(importer, options, page_offset, sink != NULL);
        importer->offset_settled = options->page_offset != 0;
        good = read_trace(importer, path, &begin_anew, &elsewhere, error);
        if (good && begin_anew) {
                clear_importer(importer);
                init_importer(importer, options, elsewhere, sink != NULL);
                importer->offset_settled = true;
                good = read_trace(importer, path, &begin_anew, &elsewhere, error);
        }
        if (good) {
                finish_figures(importer);
                if (importer->report->kmem_events == 0) {
                        g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_NO_EVENTS, "%s: %s", shown_path,
                                    importer->report->raw_events
                                            ? "was printed with ftrace's option raw, which leaves out all fields"
                                            : "no kmem event in it (a text of ftrace, trace-cmd report or perf script "
                                              "with kmem events is wanted)");
                        *ret_report = g_steal_pointer(&importer->report);
                        good = false;
                } else if (sink) {
                        good = write_ops(importer, shown_path, sink, error);
                }
        }
        if (good)
                *ret_report = g_steal_pointer(&importer->report);
        clear_importer(importer);
        return good;
}

/* From a pipe, or a file without a size like those of tracefs, whose contents are gone once they were read. */
static bool import_stream(int from, const char *shown_path, const struct import_options *options,
                          const struct ops_sink *sink, struct import_report **ret_report, GError **error)
{
        g_autofree char *copy = NULL;
        int to = g_file_open_tmp("kmemsim-XXXXXX", &copy, error);
        bool good;

        if (to < 0)
                return false;
        good = copy_all(from, to, shown_path, options, error) &&
               import_file(copy, shown_path, options, sink, ret_report, error);
        g_unlink(copy);
        close(to);
        return good;
}

bool import_trace(const char *path, const struct import_options *options, const struct ops_sink *sink,
                  struct import_report **ret_report, GError **error)
{
        static const struct import_options no_options = { 0 };
        struct stat status;
        bool good;
        int fd;

        *ret_report = NULL;
        if (!options)
                options = &no_options;
        if (strcmp(path, "-") == 0)
                return import_stream(STDIN_FILENO, "standard input", options, sink, ret_report, error);
        if (stat(path, &status) < 0 || S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size > 0))
                return import_file(path, path, options, sink, ret_report, error);
        fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0) {
                g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(errno), "%s: %s", path, g_strerror(errno));
                return false;
        }
        good = import_stream(fd, path, options, sink, ret_report, error);
        close(fd);
        return good;
}
