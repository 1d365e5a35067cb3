/*
 * ops_writer.c - see ops_writer.h.
 */
#include "import/ops_writer.h"

#include "import/block_ring.h"
#include "import/spool.h"
#include "trace/op.h"

#include <assert.h>
#include <gio/gio.h>
#include <string.h>

#define SPOOL_MEMORY_MAX (96u * 1024 * 1024)
#define BUFFER_BYTES (256u * 1024)
#define LINE_ROOM (4u * 1024) /* the longest line: two texts of TEXT_BYTES_MAX and a few numbers */
#define TEXT_BYTES_MAX 1024u
#define SNIPPET_BYTES 47u

enum op_line { LINE_CACHE_ALLOC, LINE_KMALLOC, LINE_PAGES, LINE_PAGES_FOR_KMALLOC, LINE_FREE, LINE_FREE_IMPLIED };

/* One line of the file to come. There are as many as events, so they are kept small. */
struct line_record {
        uint64_t t_ns;
        uint64_t id_cpu_line; /* id << ID_SHIFT | cpu << CPU_SHIFT | enum op_line */
        uint32_t what;        /* cache_model, bytes or order */
        uint32_t task;
        uint32_t site;
        uint32_t gfp; /* gfp_model */
};

#define CPU_SHIFT 3u
#define ID_SHIFT 16u

static_assert(TRACE_CPU_MAX < 1u << (ID_SHIFT - CPU_SHIFT), "a CPU fits between the line and the id");
static_assert(LINE_FREE_IMPLIED < 1 << CPU_SHIFT, "so does the line below it");
static_assert(sizeof(struct line_record) == 32, "no padding");

/* A cache to be created: one for each different pair of sizes that a name was seen with. */
struct cache_key {
        uint32_t name; /* id in report->cache_names[FROM_CACHE] */
        uint32_t bytes_req, bytes_alloc;
};

struct cache_model {
        struct cache_key key;
        uint32_t size;
        bool hwcache_align;
        bool too_large;
        bool created;
        char text[CACHE_NAME_MAX + 1];
};

struct gfp_model {
        uint32_t flags;
        uint32_t unknown;
        uint32_t words[GFP_USE_COUNT]; /* id in writer->words */
        uint32_t dropped[GFP_USE_COUNT];
};

/* The tasks asked for last, by their pid: nearly every event is of one of them. */
struct task_memo {
        int32_t pid;
        uint32_t length_plus_1; /* 0: none */
        char comm[16];
        uint32_t task;
};

#define TASK_MEMOS 64u

struct ops_writer {
        struct import_report *report;
        bool keep;
        struct spool spool;
        struct line_record *last; /* added last, NULL: none yet */
        uint64_t last_id;
        struct intern tasks; /* as they are printed */
        struct task_memo task_memo[TASK_MEMOS];
        struct intern gfps; /* as the trace prints them */
        GArray *gfp_models; /* struct gfp_model, by id in gfps */
        struct intern words;
        struct intern cache_keys;  /* struct cache_key */
        GArray *cache_models;      /* struct cache_model, by id in cache_keys */
        GArray *cache_names_taken; /* bool, by id of the name: there is a model of it */
        GHashTable *cache_texts;
};

struct ops_writer *ops_writer_new(struct import_report *report, bool keep)
{
        struct ops_writer *writer = g_new0(struct ops_writer, 1);

        writer->report = report;
        writer->keep = keep;
        spool_init(&writer->spool, sizeof(struct line_record), SPOOL_MEMORY_MAX);
        intern_init(&writer->tasks);
        intern_init(&writer->gfps);
        intern_init(&writer->words);
        intern_id(&writer->words, "", 0); /* id 0: no gfp= at all */
        writer->gfp_models = g_array_new(FALSE, FALSE, sizeof(struct gfp_model));
        intern_init(&writer->cache_keys);
        writer->cache_models = g_array_new(FALSE, FALSE, sizeof(struct cache_model));
        writer->cache_names_taken = g_array_new(FALSE, TRUE, sizeof(bool));
        writer->cache_texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        return writer;
}

void ops_writer_free(struct ops_writer *writer)
{
        if (!writer)
                return;
        spool_clear(&writer->spool);
        intern_clear(&writer->tasks);
        intern_clear(&writer->gfps);
        intern_clear(&writer->words);
        intern_clear(&writer->cache_keys);
        g_array_unref(writer->gfp_models);
        g_array_unref(writer->cache_models);
        g_array_unref(writer->cache_names_taken);
        g_hash_table_unref(writer->cache_texts);
        g_free(writer);
}

/* Appends the text as a value of the ops file, cut to length_max bytes.
 * Bytes that are no UTF-8 are replaced as well. */
static void append_value(GString *out, const char *text, size_t length, size_t length_max)
{
        bool utf8 = g_utf8_validate(text, (gssize)length, NULL);

        if (length > length_max) {
                for (length = length_max; utf8 && length && ((unsigned char)text[length] & 0xc0) == 0x80;)
                        length--;
        }
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];
                bool keep = c > ' ' && c != 0x7f && c != '#' && c != '=' && (c < 0x80 || utf8);

                g_string_append_c(out, keep ? (char)c : '_');
        }
}

static uint32_t add_task(struct ops_writer *writer, struct text comm, int32_t pid)
{
        g_autoptr(GString) text = g_string_new(NULL);

        append_value(text, comm.at, comm.length, TEXT_BYTES_MAX);
        g_string_append_printf(text, "-%d", pid);
        return intern_id(&writer->tasks, text->str, text->len);
}

uint32_t ops_writer_task(struct ops_writer *writer, struct text comm, int32_t pid)
{
        struct task_memo *memo = &writer->task_memo[(uint32_t)pid % TASK_MEMOS];

        if (G_LIKELY(memo->pid == pid && memo->length_plus_1 == comm.length + 1 &&
                     memcmp(memo->comm, comm.at, comm.length) == 0))
                return memo->task;
        if (comm.length > sizeof(memo->comm))
                return add_task(writer, comm, pid);
        memo->pid = pid;
        memo->length_plus_1 = comm.length + 1;
        memcpy(memo->comm, comm.at, comm.length);
        return memo->task = add_task(writer, comm, pid);
}

uint32_t ops_writer_gfp(struct ops_writer *writer, struct text gfp, uint32_t *ret_flags)
{
        uint32_t id = intern_id(&writer->gfps, gfp.at, gfp.length);
        struct gfp_model model;
        char words[GFP_WORDS_MAX];

        if (G_UNLIKELY(id == writer->gfp_models->len)) {
                model.flags = gfp_names_parse(gfp.at, gfp.length, &model.unknown);
                for (int use = 0; use < GFP_USE_COUNT; use++) {
                        gfp_names_translate(model.flags, (enum gfp_use)use, words, &model.dropped[use]);
                        model.words[use] = intern_id(&writer->words, words, strlen(words));
                }
                g_array_append_val(writer->gfp_models, model);
        }
        *ret_flags = g_array_index(writer->gfp_models, struct gfp_model, id).flags;
        return id;
}

static uint64_t add_record(struct ops_writer *writer, const struct ops_request *request, enum op_line line, uint64_t id,
                           uint32_t what)
{
        struct line_record *record;

        if (!writer->keep)
                return id;
        record = writer->last = spool_add(&writer->spool);
        *record = (struct line_record){
                .t_ns = request->t_ns,
                .id_cpu_line = id << ID_SHIFT | (uint64_t)request->cpu << CPU_SHIFT | line,
                .what = what,
                .task = request->task,
                .site = request->site,
                .gfp = request->gfp,
        };
        return id;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
        return (value + to - 1) / to * to;
}

static bool is_kernels_own(const char *name, size_t length)
{
        return (length == strlen("kmem_cache") && memcmp(name, "kmem_cache", length) == 0) ||
               (length >= strlen("size-") && memcmp(name, "size-", strlen("size-")) == 0);
}

/*
 * A name that no other cache has. 2.6.20 has caches of its own called kmem_cache and size-N: one of the same name gets
 * a '~', a cache whose name was seen with other sizes before gets '~' and its size.
 */
static void name_model(struct ops_writer *writer, struct cache_model *model)
{
        bool *is_taken = &g_array_index(writer->cache_names_taken, bool, model->key.name);
        size_t length;
        const char *name = intern_text(&writer->report->cache_names[FROM_CACHE], model->key.name, &length);
        g_autoptr(GString) text = g_string_new(NULL);
        char suffix[24] = "";

        if (*is_taken)
                g_snprintf(suffix, sizeof(suffix), "~%u", model->key.bytes_alloc);
        else if (is_kernels_own(name, length))
                g_strlcpy(suffix, "~", sizeof(suffix));
        *is_taken = true;
        for (unsigned number = writer->cache_models->len;; number++) {
                g_string_truncate(text, 0);
                append_value(text, name, length, CACHE_NAME_MAX - strlen(suffix));
                g_string_append(text, suffix);
                if (text->len && !g_hash_table_contains(writer->cache_texts, text->str))
                        break;
                /* The names differ only in bytes that were replaced or cut off, or in bytes_req. */
                g_snprintf(suffix, sizeof(suffix), "~%u~%u", model->key.bytes_alloc, number);
        }
        g_hash_table_add(writer->cache_texts, g_strdup(text->str));
        g_strlcpy(model->text, text->str, sizeof(model->text));
}

static uint32_t cache_model(struct ops_writer *writer, const struct cache_key *key)
{
        uint32_t id = intern_id(&writer->cache_keys, (const char *)key, sizeof(*key));
        struct cache_model model = { .key = *key, .size = key->bytes_req };

        if (G_LIKELY(id < writer->cache_models->len))
                return id;
        if (key->name >= writer->cache_names_taken->len)
                g_array_set_size(writer->cache_names_taken, key->name + 1);
        /* The slot is as large as 2.6.20 would make it by one of two rules,
         * or else the object is taken as that large. */
        if (key->bytes_alloc != round_up(key->bytes_req, 8)) {
                if (key->bytes_alloc == round_up(key->bytes_req, 64))
                        model.hwcache_align = true;
                else
                        model.size = key->bytes_alloc;
        }
        model.size = MAX(model.size, (uint32_t)sizeof(uint64_t)); /* smaller ones are refused */
        model.too_large = model.size > OBJECT_SIZE_MAX;
        if (model.too_large)
                writer->report->caches_too_large++;
        else
                name_model(writer, &model);
        g_array_append_val(writer->cache_models, model);
        return id;
}

uint64_t ops_writer_add_cache_alloc(struct ops_writer *writer, const struct ops_request *request, uint32_t cache,
                                    uint32_t bytes_req, uint32_t bytes_alloc)
{
        struct cache_key key = { cache, bytes_req, bytes_alloc };
        uint32_t model = cache_model(writer, &key);

        if (g_array_index(writer->cache_models, struct cache_model, model).too_large) {
                writer->report->objects_too_large++;
                return 0;
        }
        return add_record(writer, request, LINE_CACHE_ALLOC, ++writer->last_id, model);
}

uint64_t ops_writer_add_kmalloc(struct ops_writer *writer, const struct ops_request *request, uint32_t bytes_req)
{
        unsigned order = 0;

        if (bytes_req <= OBJECT_SIZE_MAX)
                return add_record(writer, request, LINE_KMALLOC, ++writer->last_id, bytes_req);
        while (UINT64_C(4096) << order < bytes_req)
                order++;
        if (order > BLOCK_ORDER_MAX) {
                writer->report->objects_too_large++;
                return 0;
        }
        return add_record(writer, request, LINE_PAGES_FOR_KMALLOC, ++writer->last_id, order);
}

void ops_writer_add_caller(struct ops_writer *writer, const struct ops_request *request, uint64_t id)
{
        if (writer->last && writer->last->id_cpu_line >> ID_SHIFT == id)
                writer->last->site = request->site;
}

uint64_t ops_writer_add_pages(struct ops_writer *writer, const struct ops_request *request, unsigned order)
{
        if (order > BLOCK_ORDER_MAX) {
                writer->report->page_blocks_too_large++;
                return 0;
        }
        return add_record(writer, request, LINE_PAGES, ++writer->last_id, order);
}

void ops_writer_add_free(struct ops_writer *writer, const struct ops_request *request, uint64_t id, bool implied)
{
        if (id)
                add_record(writer, request, implied ? LINE_FREE_IMPLIED : LINE_FREE, id, 0);
}

/*
 * The second half: from records to text. A thread of its own makes the text, block by block; the caller's thread takes
 * the blocks to the sink.
 */
struct output_block {
        size_t used;
        char bytes[BUFFER_BYTES];
};

struct output {
        struct ops_writer *writer;
        const struct ops_layout *layout;
        struct block_ring ring;
        struct output_block *block; /* being filled */
        struct snippet *sites;      /* by id of the site */
        struct snippet *tasks;      /* by id of the task */
        GError *error;              /* of the thread */
};

/* The block is full: on to the next. False if nobody wants it any more. */
static bool next_block(struct output *output)
{
        if (output->block)
                block_ring_filled(&output->ring);
        output->block = block_ring_fill(&output->ring);
        if (!output->block)
                return false;
        output->block->used = 0;
        return true;
}

static bool make_room(struct output *output, size_t bytes)
{
        return BUFFER_BYTES - output->block->used >= bytes || next_block(output);
}

/* A text that is put often: if it is short, in a piece of fixed size, which costs less to copy. */
struct snippet {
        uint8_t length; /* 0: not made yet, or too long */
        char bytes[SNIPPET_BYTES];
};

static inline char *put_text(char *at, const char *text, size_t length)
{
        memcpy(at, text, length);
        return at + length;
}

#define PUT(at, literal) put_text((at), (literal), sizeof(literal) - 1)

static inline char *put_number(char *at, uint64_t value)
{
        static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                    "8081828384858687888990919293949596979899";
        char digits[20];
        unsigned from = sizeof(digits);

        for (; value >= 100; value /= 100) {
                from -= 2;
                memcpy(digits + from, pairs + 2 * (value % 100), 2);
        }
        if (value >= 10) {
                from -= 2;
                memcpy(digits + from, pairs + 2 * value, 2);
        } else {
                digits[--from] = (char)('0' + value);
        }
        memcpy(at, digits + from, sizeof(digits) - from);
        return at + sizeof(digits) - from;
}

static bool put_format(struct output *output, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool put_format(struct output *output, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list arguments;
        size_t length;

        va_start(arguments, format);
        text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        length = strlen(text);
        g_assert(length <= BUFFER_BYTES);
        if (!make_room(output, length))
                return false;
        memcpy(output->block->bytes + output->block->used, text, length);
        output->block->used += length;
        return true;
}

/* How many of the blocks that are left out have an id below this one; *ret_is is whether it is one itself. */
static uint64_t left_out_below(const struct ops_layout *layout, uint64_t id, bool *ret_is)
{
        const uint64_t *from = layout->left_out;
        size_t count = layout->left_out_count, half;

        if (count == 0) {
                *ret_is = false;
                return 0;
        }
        while (count > 1) { /* *from is the answer, or the answer lies in the `count` ids from there */
                half = count / 2;
                from += from[half - 1] < id ? half : 0;
                count -= half;
        }
        from += *from < id;
        *ret_is = from < layout->left_out + layout->left_out_count && *from == id;
        return (uint64_t)(from - layout->left_out);
}

static char *make_snippet(struct snippet *snippet, char *at, const GString *text)
{
        if (text->len <= SNIPPET_BYTES) {
                snippet->length = (uint8_t)text->len;
                memcpy(snippet->bytes, text->str, text->len);
        }
        return put_text(at, text->str, text->len);
}

static inline char *put_snippet(char *at, const struct snippet *snippet)
{
        memcpy(at, snippet->bytes, SNIPPET_BYTES); /* LINE_ROOM leaves room for what is too much */
        return at + snippet->length;
}

static char *put_task(struct output *output, char *at, uint32_t task)
{
        g_autoptr(GString) text = NULL;
        const char *bytes;
        size_t length;

        if (G_LIKELY(output->tasks[task].length))
                return put_snippet(at, &output->tasks[task]);
        bytes = intern_text(&output->writer->tasks, task, &length);
        text = g_string_new(" task=");
        g_string_append_len(text, bytes, (gssize)length);
        return make_snippet(&output->tasks[task], at, text);
}

static char *put_site(struct output *output, char *at, uint32_t site)
{
        g_autoptr(GString) text = NULL;
        const char *bytes;
        size_t length;

        if (G_LIKELY(output->sites[site].length))
                return put_snippet(at, &output->sites[site]);
        bytes = intern_text(&output->writer->report->site_names, site, &length);
        text = g_string_new(" site=");
        append_value(text, bytes, length, TEXT_BYTES_MAX);
        return make_snippet(&output->sites[site], at, text);
}

static char *put_gfp(struct output *output, char *at, uint32_t gfp, enum gfp_use use)
{
        const struct gfp_model *model = &g_array_index(output->writer->gfp_models, struct gfp_model, gfp);
        struct import_report *report = output->writer->report;
        const char *words;
        size_t length;

        for (uint32_t left = model->dropped[use]; left; left &= left - 1) {
                report->gfp_dropped[__builtin_ctz(left)]++;
                report->gfp_flags_dropped++;
        }
        report->gfp_dropped[GFP_BITS] += model->unknown;
        report->gfp_flags_dropped += model->unknown;
        words = intern_text(&output->writer->words, model->words[use], &length);
        return length ? put_text(PUT(at, " gfp="), words, length) : at;
}

static char *put_create(struct output *output, char *at, struct cache_model *cache)
{
        cache->created = true;
        output->writer->report->ops_create++;
        return at + g_snprintf(at, LINE_ROOM / 4, "create %s size=%u align=0 flags=%s\n", cache->text, cache->size,
                               cache->hwcache_align ? "hwcache_align" : "none");
}

static char *put_start(char *at, char letter, unsigned cpu, uint64_t id)
{
        *at++ = letter;
        *at++ = ' ';
        at = put_number(at, cpu);
        *at++ = ' ';
        return put_number(at, id);
}

static bool put_record(struct output *output, const struct line_record *record)
{
        struct ops_writer *writer = output->writer;
        struct import_report *report = writer->report;
        enum op_line line = (enum op_line)(record->id_cpu_line & ((1u << CPU_SHIFT) - 1));
        unsigned cpu = (unsigned)(record->id_cpu_line >> CPU_SHIFT & TRACE_CPU_MAX) % output->layout->cpus;
        uint64_t id = record->id_cpu_line >> ID_SHIFT;
        struct cache_model *cache;
        bool is_left_out;
        char *at;

        id -= left_out_below(output->layout, id, &is_left_out);
        if (is_left_out)
                return true;
        if (!make_room(output, LINE_ROOM))
                return false;
        at = output->block->bytes + output->block->used;
        switch (line) {
        case LINE_CACHE_ALLOC:
                cache = &g_array_index(writer->cache_models, struct cache_model, record->what);
                if (!cache->created)
                        at = put_create(output, at, cache);
                report->ops_cache_alloc++;
                at = put_start(at, 'a', cpu, id);
                *at++ = ' ';
                at = put_text(at, cache->text, strlen(cache->text));
                at = put_gfp(output, at, record->gfp, GFP_FOR_CACHE);
                break;
        case LINE_KMALLOC:
                report->ops_kmalloc++;
                at = put_start(at, 'm', cpu, id);
                *at++ = ' ';
                at = put_number(at, record->what);
                at = put_gfp(output, at, record->gfp, GFP_FOR_KMALLOC);
                break;
        case LINE_PAGES_FOR_KMALLOC: report->ops_pages_for_kmalloc++; /* fall through */
        case LINE_PAGES:
                report->ops_pages++;
                at = put_start(at, 'p', cpu, id);
                *at++ = ' ';
                at = put_number(at, record->what);
                at = put_gfp(output, at, record->gfp, GFP_FOR_PAGES);
                break;
        case LINE_FREE_IMPLIED: report->ops_free_implied++; /* fall through */
        case LINE_FREE:
                report->ops_free++;
                at = put_start(at, 'f', cpu, id);
                break;
        }
        at = put_number(PUT(at, " t="), record->t_ns);
        if (record->task != OPS_NO_TEXT)
                at = put_task(output, at, record->task);
        if (record->site != OPS_NO_TEXT)
                at = put_site(output, at, record->site);
        *at++ = '\n';
        output->block->used = (size_t)(at - output->block->bytes);
        return true;
}

static bool put_records(const void *records, size_t count, void *data)
{
        const struct line_record *record = records;

        for (size_t i = 0; i < count; i++) {
                if (!put_record(data, &record[i]))
                        return false;
        }
        return true;
}

static int compare_ids(const void *a, const void *b)
{
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

static bool put_head(struct output *output)
{
        const struct ops_layout *layout = output->layout;
        g_autoptr(GString) source = g_string_new(NULL);

        append_value(source, layout->source, strlen(layout->source), TEXT_BYTES_MAX);
        return put_format(output,
                          "kmemops 1\n"
                          "# the kmem events of %s; t= is ns since the first of them\n"
                          "machine arch=x86_64 numa=0 cpus=%u nodes=1 mem_mib=%u reserved_pages=1024 l1=64 hz=250\n",
                          source->str, layout->cpus, layout->mem_mib);
}

static bool put_tail(struct output *output)
{
        const struct import_report *report = output->writer->report;
        const struct {
                const char *name;
                uint64_t value;
        } figures[] = {
                { "events", report->kmem_events },
                { "lost_events", report->lost_events },
                { "span_ns", report->span_ns },
                { "allocs", report->object_allocs },
                { "frees", report->object_frees },
                { "matched", report->object_frees_matched },
                { "remote", report->object_frees_remote },
                { "unknown", report->object_frees_unknown },
                { "alloc_over_live", report->object_allocs_over_live },
                { "live_at_end", report->live_objects_end },
                { "requested_bytes", report->requested_bytes },
                { "allocated_bytes", report->allocated_bytes },
                { "peak_live_allocated_bytes", report->peak_live_allocated_bytes },
                { "peak_live_requested_bytes", report->peak_live_requested_bytes },
                { "peak_live_objects", report->peak_live_objects },
                { "page_allocs", report->page_allocs },
                { "page_frees", report->page_frees },
                { "peak_live_pages", report->peak_live_pages },
                { "slab_blocks", report->slab_blocks },
        };

        if (!put_format(output, "trace format=%s", import_report_format(report)))
                return false;
        for (size_t i = 0; i < G_N_ELEMENTS(figures); i++) {
                if (!put_format(output, " %s=%" G_GUINT64_FORMAT, figures[i].name, figures[i].value))
                        return false;
        }
        return put_format(output, "\n");
}

bool ops_sink_append(void *data, const char *bytes, size_t length, GError **error)
{
        (void)error;
        g_string_append_len(data, bytes, (gssize)length);
        return true;
}

static gpointer make_text(gpointer data)
{
        struct output *output = data;

        if (next_block(output) && put_head(output) &&
            spool_read(&output->writer->spool, put_records, output, &output->error) && put_tail(output))
                block_ring_filled(&output->ring);
        block_ring_end(&output->ring);
        return NULL;
}

static bool take_to_sink(struct output *output, const struct ops_sink *sink, GError **error)
{
        const struct ops_layout *layout = output->layout;
        const struct output_block *block;

        while ((block = block_ring_take(&output->ring))) {
                if (layout->go_on && !layout->go_on(layout->go_on_data)) {
                        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
                        return false;
                }
                if (!sink->write(sink->data, block->bytes, block->used, error))
                        return false;
                block_ring_taken(&output->ring);
        }
        return true;
}

bool ops_writer_write(struct ops_writer *writer, const struct ops_layout *layout, const struct ops_sink *sink,
                      GError **error)
{
        struct import_report *report = writer->report;
        g_autofree struct output_block *blocks = g_new(struct output_block, BLOCK_RING_COUNT);
        g_autofree struct snippet *sites = g_new0(struct snippet, report->site_names.count);
        g_autofree struct snippet *tasks = g_new0(struct snippet, writer->tasks.count);
        struct output output = { .writer = writer, .layout = layout, .sites = sites, .tasks = tasks };
        GThread *thread;
        bool good;

        if (layout->left_out_count)
                qsort(layout->left_out, layout->left_out_count, sizeof(uint64_t), compare_ids);
        block_ring_init(&output.ring, blocks, sizeof(*blocks));
        thread = g_thread_new("make-text", make_text, &output);
        good = take_to_sink(&output, sink, error);
        block_ring_stop(&output.ring);
        g_thread_join(thread);
        block_ring_clear(&output.ring);
        if (output.error) {
                if (good)
                        g_propagate_error(error, output.error);
                else
                        g_error_free(output.error);
                good = false;
        }
        report->ops_written = report->ops_create + report->ops_cache_alloc + report->ops_kmalloc + report->ops_pages +
                              report->ops_free;
        return good;
}
