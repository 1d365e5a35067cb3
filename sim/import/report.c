/*
 * report.c - see report.h. Printing only: the figures are brought in by those who count. No floating point, so the text
 * is the same everywhere.
 */
#include "import/report.h"

#include "import/gfp_names.h"

#include <string.h>

static const struct {
        const char *name;
        size_t offset;
} figures[] = {
#define X(name) { #name, offsetof(struct import_report, name) },
        IMPORT_FIGURES(X)
#undef X
};

static uint64_t figure_value(const struct import_report *report, size_t index)
{
        return *(const uint64_t *)(const void *)((const char *)report + figures[index].offset);
}

static const struct {
        const char *name;
        unsigned per_mille;
} quantiles[] = {
        { "0.01", 10 },  { "0.1", 100 }, { "0.25", 250 }, { "0.5", 500 },
        { "0.75", 750 }, { "0.9", 900 }, { "0.99", 990 }, { "0.999", 999 },
};

struct import_report *import_report_new(void)
{
        struct import_report *report = g_new0(struct import_report, 1);

        intern_init(&report->site_names);
        report->sites = g_array_new(FALSE, TRUE, sizeof(struct site_figures));
        for (int i = 0; i < OBJECT_INTERFACE_COUNT; i++) {
                intern_init(&report->cache_names[i]);
                report->caches[i] = g_array_new(FALSE, TRUE, sizeof(struct cache_figures));
        }
        return report;
}

void import_report_free(struct import_report *report)
{
        if (!report)
                return;
        for (int i = 0; i < OBJECT_INTERFACE_COUNT; i++) {
                intern_clear(&report->cache_names[i]);
                g_array_unref(report->caches[i]);
        }
        intern_clear(&report->site_names);
        g_array_unref(report->sites);
        lifetimes_clear(&report->lifetimes_ops);
        lifetimes_clear(&report->lifetimes_time);
        g_free(report->first_unreadable_text);
        g_free(report);
}

const char *import_report_format(const struct import_report *report)
{
        switch ((enum trace_tool)report->dialect.tool) {
        case TRACE_TOOL_FTRACE: return "ftrace";
        case TRACE_TOOL_TRACECMD: return "trace-cmd";
        case TRACE_TOOL_PERF: return "perf";
        case TRACE_TOOL_UNKNOWN: break;
        }
        return "unknown";
}

static const char *clock_unit(const struct import_report *report)
{
        static const char *const names[] = {
                [TRACE_UNIT_NS] = "ns", [TRACE_UNIT_US] = "us", [TRACE_UNIT_TICKS] = "ticks"
        };

        return names[report->unit];
}

/* part / whole * scale, rounded; 0 if there is no whole. */
static uint64_t ratio(uint64_t part, uint64_t whole, uint64_t scale)
{
        while (part > UINT64_MAX / scale || whole > UINT64_MAX / 2) { /* the digits lost are not among those printed */
                part >>= 1;
                whole >>= 1;
        }
        return whole ? (part * scale + whole / 2) / whole : 0;
}

/* A share in percent with three digits; the bytes asked for can exceed those given only in a damaged trace. */
static void append_waste(const struct import_report *report, GString *out)
{
        uint64_t allocated = report->allocated_bytes, requested = report->requested_bytes;
        bool negative = requested > allocated;
        uint64_t share = ratio(negative ? requested - allocated : allocated - requested, allocated, 100000);

        g_string_append_printf(out, "%s%" G_GUINT64_FORMAT ".%03u", negative ? "-" : "", share / 1000,
                               (unsigned)(share % 1000));
}

static void append_remote(const struct import_report *report, GString *out)
{
        uint64_t share = ratio(report->object_frees_remote, report->object_frees_matched, 10000);

        g_string_append_printf(out, "%" G_GUINT64_FORMAT ".%02u", share / 100, (unsigned)(share % 100));
}

static uint64_t ops_per_s(const struct import_report *report)
{
        return ratio(report->object_ops, report->span_ns, 1000000000);
}

/* Lifetimes are counted in units of the clock column. */
static uint64_t lifetime_scale(const struct import_report *report)
{
        return report->unit == TRACE_UNIT_US ? 1000 : 1;
}

static const char *lifetime_name(const struct import_report *report)
{
        return report->unit == TRACE_UNIT_TICKS ? "lifetime_ticks" : "lifetime_ns";
}

/* Names that come from the trace hold anything. */
static void append_visible(GString *out, const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];

                g_string_append_c(out, c > ' ' && c != 0x7f ? text[i] : '_');
        }
}

struct ranked {
        const struct intern *names;
        uint32_t id;
        uint64_t weight;
        const void *figures;
};

/* Heaviest first; equals in the order in which they were first seen. */
static int compare_ranks(const void *a, const void *b)
{
        const struct ranked *left = a, *right = b;

        if (left->weight != right->weight)
                return left->weight < right->weight ? 1 : -1;
        return (left->id > right->id) - (left->id < right->id);
}

static GArray *ranked_caches(const struct import_report *report, enum object_interface interface)
{
        GArray *ranking = g_array_new(FALSE, FALSE, sizeof(struct ranked));
        struct ranked one = { .names = &report->cache_names[interface] };

        for (one.id = 0; one.id < report->caches[interface]->len; one.id++) {
                const struct cache_figures *cache =
                        &g_array_index(report->caches[interface], struct cache_figures, one.id);

                one.figures = cache;
                one.weight = cache->allocs;
                g_array_append_val(ranking, one);
        }
        g_array_sort(ranking, compare_ranks);
        return ranking;
}

static GArray *ranked_sites(const struct import_report *report, bool by_frees)
{
        GArray *ranking = g_array_new(FALSE, FALSE, sizeof(struct ranked));
        struct ranked one = { .names = &report->site_names };

        for (one.id = 0; one.id < report->sites->len; one.id++) {
                const struct site_figures *site = &g_array_index(report->sites, struct site_figures, one.id);

                one.figures = site;
                one.weight = by_frees ? site->frees[FROM_CACHE] + site->frees[FROM_KMALLOC]
                                      : site->allocs[FROM_CACHE] + site->allocs[FROM_KMALLOC];
                if (one.weight)
                        g_array_append_val(ranking, one);
        }
        g_array_sort(ranking, compare_ranks);
        return ranking;
}

#define NAME_WIDTH 30

static void line_name(GString *out, const char *name)
{
        g_string_append_printf(out, "%-*s ", NAME_WIDTH, name);
}

static void line_text(GString *out, const char *name, const char *text)
{
        line_name(out, name);
        g_string_append_printf(out, "%s\n", text);
}

static void line_number(GString *out, const char *name, uint64_t value)
{
        line_name(out, name);
        g_string_append_printf(out, "%" G_GUINT64_FORMAT "\n", value);
}

static void line_indexed(GString *out, const char *name, const char *index, uint64_t value)
{
        g_autofree char *full = g_strdup_printf("%s.%s", name, index);

        line_number(out, full, value);
}

static void line_of_orders(GString *out, const char *name, const uint64_t *by_order)
{
        line_name(out, name);
        for (unsigned order = 0; order <= TRACE_ORDER_MAX; order++) {
                if (by_order[order])
                        g_string_append_printf(out, "%u:%" G_GUINT64_FORMAT " ", order, by_order[order]);
        }
        g_string_truncate(out, out->str[out->len - 1] == ' ' ? out->len - 1 : out->len);
        g_string_append_c(out, '\n');
}

static void lines_of_lifetimes(GString *out, const char *name, const struct lifetimes *lifetimes, uint64_t scale)
{
        if (!lifetimes->count)
                return;
        for (size_t i = 0; i < G_N_ELEMENTS(quantiles); i++)
                line_indexed(out, name, quantiles[i].name,
                             lifetimes_quantile(lifetimes, quantiles[i].per_mille) * scale);
        line_indexed(out, name, "max", lifetimes->max * scale);
}

static void lines_of_caches(const struct import_report *report, enum object_interface interface, unsigned top_count,
                            GString *out)
{
        g_autoptr(GArray) ranking = ranked_caches(report, interface);

        for (unsigned i = 0; i < ranking->len && i < top_count; i++) {
                const struct ranked *one = &g_array_index(ranking, struct ranked, i);
                const struct cache_figures *cache = one->figures;
                g_autoptr(GString) name = g_string_new(interface == FROM_CACHE ? "cache." : "");
                const char *text;
                size_t length;

                text = intern_text(one->names, one->id, &length);
                append_visible(name, text, length);
                line_name(out, name->str);
                g_string_append_printf(out,
                                       "%" G_GUINT64_FORMAT " allocs, %" G_GUINT64_FORMAT " matched, %" G_GUINT64_FORMAT
                                       " remote, %" G_GUINT64_FORMAT " over live, %" G_GUINT64_FORMAT
                                       " crossed, %" G_GUINT64_FORMAT " live at end\n",
                                       cache->allocs, cache->frees_matched, cache->frees_remote,
                                       cache->allocs_over_live, cache->frees_crossed, cache->live_end);
        }
}

static void lines_of_sites(const struct import_report *report, bool by_frees, unsigned top_count, GString *out)
{
        g_autoptr(GArray) ranking = ranked_sites(report, by_frees);

        for (unsigned i = 0; i < ranking->len && i < top_count; i++) {
                const struct ranked *one = &g_array_index(ranking, struct ranked, i);
                g_autoptr(GString) name = g_string_new(by_frees ? "free_site." : "alloc_site.");
                const char *text;
                size_t length;

                text = intern_text(one->names, one->id, &length);
                append_visible(name, text, length);
                line_number(out, name->str, one->weight);
        }
}

void import_report_print(const struct import_report *report, unsigned top_count, GString *out)
{
        char index[16];

        line_text(out, "format", import_report_format(report));
        line_text(out, "clock_unit", clock_unit(report));
        line_name(out, "page_offset");
        g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x\n", report->page_offset);
        line_number(out, "page_offset_votes", report->page_offset_votes);
        for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
                line_number(out, figures[i].name, figure_value(report, i));
        line_name(out, "waste_percent");
        append_waste(report, out);
        g_string_append_c(out, '\n');
        line_name(out, "remote_percent");
        append_remote(report, out);
        g_string_append_c(out, '\n');
        line_number(out, "object_ops_per_s", ops_per_s(report));
        for (int kind = 0; kind < TRACE_KMEM_COUNT; kind++)
                line_indexed(out, "events", kmem_event_names[kind], report->event_count[kind]);
        for (unsigned cpu = 0; cpu <= TRACE_CPU_MAX; cpu++) {
                if (report->cpu_lines[cpu]) {
                        g_snprintf(index, sizeof(index), "%u", cpu);
                        line_indexed(out, "cpu_lines", index, report->cpu_lines[cpu]);
                }
        }
        line_of_orders(out, "page_allocs_by_order", report->page_allocs_by_order);
        line_of_orders(out, "slab_blocks_by_order", report->slab_blocks_by_order);
        lines_of_lifetimes(out, "lifetime_ops", &report->lifetimes_ops, 1);
        lines_of_lifetimes(out, lifetime_name(report), &report->lifetimes_time, lifetime_scale(report));
        for (unsigned bit = 0; bit <= GFP_BITS; bit++) {
                if (report->gfp_dropped[bit])
                        line_indexed(out, "gfp_dropped", bit < GFP_BITS ? gfp_flag_name(bit) : "unknown",
                                     report->gfp_dropped[bit]);
        }
        for (int interface = 0; interface < OBJECT_INTERFACE_COUNT; interface++)
                lines_of_caches(report, (enum object_interface)interface, top_count, out);
        lines_of_sites(report, false, top_count, out);
        lines_of_sites(report, true, top_count, out);
        if (report->first_unreadable_text) {
                line_number(out, "first_unreadable.line", report->first_unreadable_line);
                line_text(out, "first_unreadable.text", report->first_unreadable_text);
        }
}

/* A JSON string. What is no UTF-8 becomes U+FFFD, byte by byte. */
static void json_string(GString *out, const char *text, size_t length)
{
        const char *end = text + length;
        gunichar c;

        g_string_append_c(out, '"');
        while (text < end) {
                c = g_utf8_get_char_validated(text, end - text);
                if (c == (gunichar)-1 || c == (gunichar)-2) {
                        g_string_append(out, "\\ufffd");
                        text++;
                        continue;
                }
                if (c == '"' || c == '\\')
                        g_string_append_printf(out, "\\%c", (char)c);
                else if (c < ' ' || c == 0x7f)
                        g_string_append_printf(out, "\\u%04x", c);
                else
                        g_string_append_unichar(out, c);
                text += c ? g_unichar_to_utf8(c, NULL) : 1;
        }
        g_string_append_c(out, '"');
}

/* Members and elements are each followed by a comma; the last one is taken back. */
static void json_close(GString *out, const char *bracket)
{
        gsize end = out->len;

        while (end && (out->str[end - 1] == ' ' || out->str[end - 1] == '\n'))
                end--;
        if (end && out->str[end - 1] == ',')
                g_string_erase(out, (gssize)end - 1, 1);
        g_string_append(out, bracket);
}

static void json_number(GString *out, const char *name, uint64_t value)
{
        g_string_append_printf(out, "\"%s\": %" G_GUINT64_FORMAT ", ", name, value);
}

static void json_bool(GString *out, const char *name, bool value)
{
        g_string_append_printf(out, "  \"%s\": %s,\n", name, value ? "true" : "false");
}

static void json_orders(GString *out, const char *name, const uint64_t *by_order)
{
        char index[16];

        g_string_append_printf(out, "  \"%s\": {", name);
        for (unsigned order = 0; order <= TRACE_ORDER_MAX; order++) {
                if (by_order[order]) {
                        g_snprintf(index, sizeof(index), "%u", order);
                        json_number(out, index, by_order[order]);
                }
        }
        json_close(out, "},\n");
}

static void json_lifetimes(GString *out, const char *name, const struct lifetimes *lifetimes, uint64_t scale)
{
        g_string_append_printf(out, "  \"%s\": {", name);
        for (size_t i = 0; i < G_N_ELEMENTS(quantiles) && lifetimes->count; i++)
                json_number(out, quantiles[i].name, lifetimes_quantile(lifetimes, quantiles[i].per_mille) * scale);
        json_number(out, "max", lifetimes->max * scale);
        json_close(out, "},\n");
}

static void json_caches(const struct import_report *report, enum object_interface interface, const char *name,
                        GString *out)
{
        g_autoptr(GArray) ranking = ranked_caches(report, interface);

        g_string_append_printf(out, "  \"%s\": [\n", name);
        for (unsigned i = 0; i < ranking->len; i++) {
                const struct ranked *one = &g_array_index(ranking, struct ranked, i);
                const struct cache_figures *cache = one->figures;
                const char *text;
                size_t length;

                text = intern_text(one->names, one->id, &length);
                g_string_append(out, "    {\"name\": ");
                json_string(out, text, length);
                g_string_append(out, ", ");
                json_number(out, "allocs", cache->allocs);
                json_number(out, "frees_matched", cache->frees_matched);
                json_number(out, "frees_remote", cache->frees_remote);
                json_number(out, "frees_crossed", cache->frees_crossed);
                json_number(out, "allocs_over_live", cache->allocs_over_live);
                json_number(out, "live_end", cache->live_end);
                json_number(out, "requested_bytes", cache->requested_bytes);
                json_number(out, "allocated_bytes", cache->allocated_bytes);
                json_close(out, "},\n");
        }
        json_close(out, "],\n");
}

static void json_sites(const struct import_report *report, GString *out)
{
        g_string_append(out, "  \"sites\": [\n");
        for (uint32_t id = 0; id < report->sites->len; id++) {
                const struct site_figures *site = &g_array_index(report->sites, struct site_figures, id);
                const char *text;
                size_t length;

                text = intern_text(&report->site_names, id, &length);
                g_string_append(out, "    {\"site\": ");
                json_string(out, text, length);
                g_string_append(out, ", ");
                json_number(out, "kmalloc", site->allocs[FROM_KMALLOC]);
                json_number(out, "kfree", site->frees[FROM_KMALLOC]);
                json_number(out, "kmem_cache_alloc", site->allocs[FROM_CACHE]);
                json_number(out, "kmem_cache_free", site->frees[FROM_CACHE]);
                json_close(out, "},\n");
        }
        json_close(out, "],\n");
}

void import_report_print_json(const struct import_report *report, GString *out)
{
        char index[16];

        g_string_append_printf(out, "{\n  \"format\": \"%s\",\n  \"clock_unit\": \"%s\",\n",
                               import_report_format(report), clock_unit(report));
        json_bool(out, "times_are_order", report->times_are_order);
        json_bool(out, "pointers_hashed", report->pointers_hashed);
        json_bool(out, "pages_told_apart", report->pages_told_apart);
        json_bool(out, "cpus_folded", report->cpus_folded);
        g_string_append_printf(out, "  \"page_offset\": \"0x%" G_GINT64_MODIFIER "x\",\n", report->page_offset);
        g_string_append_printf(out, "  \"page_offset_votes\": %" G_GUINT64_FORMAT ",\n", report->page_offset_votes);
        for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
                g_string_append_printf(out, "  \"%s\": %" G_GUINT64_FORMAT ",\n", figures[i].name,
                                       figure_value(report, i));
        g_string_append(out, "  \"waste_percent\": ");
        append_waste(report, out);
        g_string_append(out, ",\n  \"remote_percent\": ");
        append_remote(report, out);
        g_string_append_printf(out, ",\n  \"object_ops_per_s\": %" G_GUINT64_FORMAT ",\n", ops_per_s(report));
        g_string_append(out, "  \"events\": {");
        for (int kind = 0; kind < TRACE_KMEM_COUNT; kind++)
                json_number(out, kmem_event_names[kind], report->event_count[kind]);
        json_close(out, "},\n");
        g_string_append(out, "  \"cpu_lines\": {");
        for (unsigned cpu = 0; cpu <= TRACE_CPU_MAX; cpu++) {
                if (report->cpu_lines[cpu]) {
                        g_snprintf(index, sizeof(index), "%u", cpu);
                        json_number(out, index, report->cpu_lines[cpu]);
                }
        }
        json_close(out, "},\n");
        json_orders(out, "page_allocs_by_order", report->page_allocs_by_order);
        json_orders(out, "slab_blocks_by_order", report->slab_blocks_by_order);
        json_lifetimes(out, "lifetime_ops", &report->lifetimes_ops, 1);
        json_lifetimes(out, lifetime_name(report), &report->lifetimes_time, lifetime_scale(report));
        g_string_append(out, "  \"gfp_dropped\": {");
        for (unsigned bit = 0; bit <= GFP_BITS; bit++) {
                if (report->gfp_dropped[bit])
                        json_number(out, bit < GFP_BITS ? gfp_flag_name(bit) : "unknown", report->gfp_dropped[bit]);
        }
        json_close(out, "},\n");
        json_caches(report, FROM_CACHE, "caches", out);
        json_caches(report, FROM_KMALLOC, "kmalloc_caches", out);
        json_sites(report, out);
        g_string_append_printf(out,
                               "  \"first_unreadable_line\": %" G_GUINT64_FORMAT ",\n  \"first_unreadable_text\": ",
                               report->first_unreadable_line);
        if (report->first_unreadable_text)
                json_string(out, report->first_unreadable_text, strlen(report->first_unreadable_text));
        else
                g_string_append(out, "null");
        g_string_append(out, "\n}\n");
}

/* Among so many page blocks of a busy machine there are slabs. */
#define SLAB_BLOCKS_EXPECTED 1000u

static void warn(GPtrArray *warnings, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void warn(GPtrArray *warnings, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        g_ptr_array_add(warnings, g_strdup_vprintf(format, arguments));
        va_end(arguments);
}

GPtrArray *import_report_warnings(const struct import_report *report)
{
        GPtrArray *warnings = g_ptr_array_new_with_free_func(g_free);

        if (report->lost_places)
                warn(warnings,
                     "the trace is not complete: %" G_GUINT64_FORMAT
                     "%s events lost; objects whose free is missing stay "
                     "live",
                     report->lost_events, report->lost_events ? "" : " or more");
        if (report->lines_unreadable)
                warn(warnings,
                     "lines that could not be read: %" G_GUINT64_FORMAT ", the first is line %" G_GUINT64_FORMAT ": %s",
                     report->lines_unreadable, report->first_unreadable_line, report->first_unreadable_text);
        if (report->raw_events)
                warn(warnings, "%" G_GUINT64_FORMAT " events have no fields (ftrace's option raw) and were passed over",
                     report->raw_events);
        if (report->times_are_order)
                warn(warnings,
                     "the clock counts ticks of unknown length: times are event numbers (--tsc-khz N says how "
                     "long a tick is)");
        if (report->times_backwards)
                warn(warnings,
                     "%" G_GUINT64_FORMAT " events are earlier than the one before them and were given its time",
                     report->times_backwards);
        if (report->pointers_hashed && report->page_allocs)
                warn(warnings, "addresses are hashed: slab pages cannot be told from other pages (ftrace's option "
                               "hash-ptr=0 would print addresses)");
        else if (report->pages_told_apart && !report->slab_blocks && report->page_allocs >= SLAB_BLOCKS_EXPECTED)
                warn(warnings,
                     "no object lies in a page block of the trace, so no slab pages were left out "
                     "(--page-offset ADDRESS says where the linear mapping begins)");
        if (report->cpus_folded)
                warn(warnings,
                     "the trace has %" G_GUINT64_FORMAT " CPUs, more than the machine: they share those it has",
                     report->cpus);
        if (report->objects_too_large)
                warn(warnings, "%" G_GUINT64_FORMAT " objects are larger than 2.6.20 can allocate and were left out",
                     report->objects_too_large);
        if (report->page_blocks_too_large)
                warn(warnings, "%" G_GUINT64_FORMAT " page blocks are larger than order 10 and were left out",
                     report->page_blocks_too_large);
        return warnings;
}
