/*
 * slab_log.c - see slab_log.h. Stands for print_objinfo(), dump_line(), check_poison_obj() and the messages of the
 * debug checks in mm/slab.c.
 */
#include "observe/slab_log.h"

#include <inttypes.h>

#include "mm/memory.h"
#include "observe/kernel_log.h"

#define LINE_BYTES 16u
#define LINES_MAX  6u /* of a damaged object */

/* The report at hand. */
struct slab_log {
        const struct sim *sim;
        const struct memory *mem;
        slab_log_caller name;
        void *context;
        GString *text;
};

static const char *const kernel_functions[KERNEL_CALLER_COUNT] = {
#define X(id, name) [CALLER_##id] = name,
        KERNEL_CALLERS(X)
#undef X
};

void slab_log_symbol(uint64_t caller, slab_log_caller name, void *context, GString *text)
{
        const char *known = name != NULL ? name(caller, context) : NULL;

        if (caller >= CALLER_KERNEL && caller < (uint64_t)CALLER_KERNEL + KERNEL_CALLER_COUNT)
                known = kernel_functions[caller - CALLER_KERNEL];
        if (known != NULL)
                g_string_append(text, known);
        else
                g_string_append_printf(text, "0x%" PRIx64, caller);
}

/* %p of the kernel address of a place. */
static void append_address(const struct slab_log *log, uint64_t place)
{
        uint64_t address = log->mem->arch->virtual_base + place;

        g_string_append_printf(log->text, "%0*" PRIx64, (int)log->mem->arch->word_bytes * 2,
                               log->mem->arch->word_bytes == 4 ? (uint32_t)address : address);
}

static const struct kmem_cache *cache_at(const struct slab_log *log, uint64_t place)
{
        return &log->mem->caches[log->mem->slabs[memory_slab_of(log->mem, place)].cache];
}

/* Bytes [offset, offset + count) of the user's object. */
static void read_user(const struct slab_log *log, uint64_t place, uint32_t offset, uint32_t count, uint8_t *ret)
{
        uint32_t id = memory_slab_of(log->mem, place);
        uint64_t first = place_of(log->mem->slabs[id].pfn, 0);

        slab_debug_read(log->mem, id, (uint32_t)(place + cache_at(log, place)->obj_offset + offset - first), count,
                        ret);
}

static void append_hex_line(const struct slab_log *log, uint64_t place, uint32_t offset)
{
        uint32_t count = MIN(LINE_BYTES, cache_at(log, place)->obj_size - offset);
        uint8_t bytes[LINE_BYTES], error = 0;
        uint32_t bad_count = 0;

        read_user(log, place, offset, count, bytes);
        g_string_append_printf(log->text, "<3>%03x:", offset);
        for (uint32_t i = 0; i < count; i++) {
                g_string_append_printf(log->text, " %02x", bytes[i]);
                if (bytes[i] != POISON_FREE) {
                        error = bytes[i] ^ POISON_FREE;
                        bad_count++;
                }
        }
        g_string_append_c(log->text, '\n');
        if (bad_count == 1 && (error & (error - 1)) == 0)
                g_string_append(log->text, "<3>Single bit error detected. Probably bad RAM.\n"
                                           "<3>Run memtest86+ or a similar memory test tool.\n");
}

/* print_objinfo() */
static void append_info(const struct slab_log *log, uint64_t place, uint32_t lines)
{
        const struct kmem_cache *cache = cache_at(log, place);
        uint64_t zone1, zone2, caller;

        if (cache->flags & CACHE_RED_ZONE) {
                slab_debug_zones(log->mem, place, &zone1, &zone2);
                g_string_append_printf(log->text, "<3>Redzone: 0x%" PRIx64 "/0x%" PRIx64 ".\n", zone1, zone2);
        }
        if (cache->flags & CACHE_STORE_USER) {
                caller = slab_debug_caller(log->mem, place);
                g_string_append_printf(log->text, "<3>Last user: [<%0*" PRIx64 ">](",
                                       (int)log->mem->arch->word_bytes * 2, caller);
                slab_log_symbol(caller, log->name, log->context, log->text);
                g_string_append(log->text, ")\n");
        }
        for (uint32_t i = 0; i < lines && i * LINE_BYTES < cache->obj_size; i++)
                append_hex_line(log, place, i * LINE_BYTES);
}

static void append_start(const struct slab_log *log, const char *what, uint64_t place)
{
        g_string_append_printf(log->text, "<3>%s: start=", what);
        append_address(log, place + cache_at(log, place)->obj_offset);
        g_string_append_printf(log->text, ", len=%u\n", cache_at(log, place)->obj_size);
}

/* check_poison_obj(): the byte that starts the line behind a printed one is not looked at. */
static void append_poison(const struct slab_log *log, uint64_t place)
{
        const struct kmem_cache *cache = cache_at(log, place);
        const struct slab *slab = &log->mem->slabs[memory_slab_of(log->mem, place)];
        uint32_t index = memory_object_index(log->mem, slab, place);
        uint32_t lines = 0;

        append_start(log, "Slab corruption", place);
        append_info(log, place, 0);
        for (uint32_t i = 0; i < cache->obj_size && lines < LINES_MAX; i++) {
                uint8_t byte;

                read_user(log, place, i, 1, &byte);
                if (byte == (i + 1 == cache->obj_size ? POISON_END : POISON_FREE))
                        continue;
                i = i / LINE_BYTES * LINE_BYTES;
                append_hex_line(log, place, i);
                i += LINE_BYTES;
                lines++;
        }
        if (index > 0) {
                append_start(log, "Prev obj", place - cache->buffer_size);
                append_info(log, place - cache->buffer_size, 2);
        }
        if (index + 1 < slab->num) {
                append_start(log, "Next obj", place + cache->buffer_size);
                append_info(log, place + cache->buffer_size, 2);
        }
}

static void append_error(const struct slab_log *log, const char *function, uint64_t place, const char *what)
{
        kernel_log_slab_error(log->sim, function, cache_at(log, place)->spec.name, what, log->text);
}

static void append_zones(const struct slab_log *log, uint64_t place, const char *end)
{
        uint64_t zone1, zone2;

        slab_debug_zones(log->mem, place, &zone1, &zone2);
        g_string_append(log->text, "<3>");
        append_address(log, place);
        g_string_append_printf(log->text, ": redzone 1:0x%" PRIx64 ", redzone 2:0x%" PRIx64 "%s\n", zone1, zone2, end);
}

/* check_slabp(): header and bufctls of the slab as they lie there. */
static void append_chain(const struct slab_log *log, uint32_t id)
{
        const struct slab *slab = &log->mem->slabs[id];
        const struct kmem_cache *cache = &log->mem->caches[slab->cache];
        uint32_t bytes = slab_debug_header_bytes(log->mem, id), inuse_at = 4 * log->mem->arch->word_bytes, inuse = 0;
        uint64_t header = cache->off_slab ? slab->header : place_of(slab->pfn, 0) + slab->colouroff - cache->slab_size;

        for (uint32_t i = 4; i-- > 0;)
                inuse = inuse << 8 | slab_debug_header_byte(log->mem, id, inuse_at + i);
        g_string_append_printf(log->text, "<3>slab: Internal list corruption detected in cache '%s'(%u), slabp ",
                               cache->spec.name, cache->num);
        append_address(log, header);
        g_string_append_printf(log->text, "(%d). Hexdump:\n<4>", (int)inuse);
        for (uint32_t i = 0; i < bytes; i++) {
                if (i % LINE_BYTES == 0)
                        g_string_append_printf(log->text, "\n<4>%03x:", i);
                g_string_append_printf(log->text, " %02x", slab_debug_header_byte(log->mem, id, i));
        }
        g_string_append_c(log->text, '\n');
        kernel_log_bug("mm/slab.c", 2938, log->text);
}

static void append_node(const struct slab_log *log, uint32_t line, const char *function)
{
        g_string_append_printf(log->text, "<4>BUG: at mm/slab.c:%u %s()\n", line, function);
        kernel_log_trace(log->sim, log->text);
}

static void append_bad_pointer(const struct slab_log *log, uint64_t place, const char *what, uint32_t line)
{
        uint64_t address = log->mem->arch->virtual_base + place;

        g_string_append_printf(log->text, "<3>kfree_debugcheck: %s ptr %" PRIx64 "h.\n", what,
                               log->mem->arch->word_bytes == 4 ? (uint32_t)address : address);
        kernel_log_bug("mm/slab.c", line, log->text);
}

gboolean slab_log_is_about(const struct report *report)
{
        return report->kind >= REPORT_SLAB_POISON && report->kind <= REPORT_NO_CTOR;
}

void slab_log_report(const struct sim *sim, const struct report *report, slab_log_caller name, void *context,
                     GString *text)
{
        const struct slab_log log = { sim, sim_memory(sim), name, context, text };
        uint64_t place = report->a;

        switch ((enum report_kind)report->kind) {
        case REPORT_SLAB_POISON:
                append_poison(&log, place);
                break;
        case REPORT_SLAB_ALLOC_ZONES:
                append_error(&log, "cache_alloc_debugcheck_after", place,
                             "double free, or memory outside object was overwritten");
                append_zones(&log, place, "");
                break;
        case REPORT_SLAB_DOUBLE_FREE:
                append_error(&log, "verify_redzone_free", place, "double free detected");
                append_zones(&log, place, ".");
                break;
        case REPORT_SLAB_FREE_ZONES:
                append_error(&log, "verify_redzone_free", place, "memory outside object was overwritten");
                append_zones(&log, place, ".");
                break;
        case REPORT_SLAB_DESTROY_START:
                append_error(&log, "slab_destroy_objs", place, "start of a freed object was overwritten");
                break;
        case REPORT_SLAB_DESTROY_END:
                append_error(&log, "slab_destroy_objs", place, "end of a freed object was overwritten");
                break;
        case REPORT_KFREE_RANGE:
                append_bad_pointer(&log, place, "out of range", 2822);
                break;
        case REPORT_KFREE_BAD:
                append_bad_pointer(&log, place, "bad", 2828);
                break;
        case REPORT_SLAB_BUG:
                kernel_log_bug("mm/slab.c", (uint32_t)report->b, text);
                break;
        case REPORT_SLAB_BUFCTL:
                g_string_append_printf(text, "<3>slab: double free detected in cache '%s', objp ",
                                       cache_at(&log, place)->spec.name);
                append_address(&log, place);
                g_string_append_c(text, '\n');
                kernel_log_bug("mm/slab.c", 2681, text);
                break;
        case REPORT_SLAB_CHAIN:
                append_chain(&log, (uint32_t)report->b);
                break;
        case REPORT_SLAB_NODE_GET:
                append_node(&log, 2662, "slab_get_obj");
                break;
        case REPORT_SLAB_NODE_PUT:
                append_node(&log, 2676, "slab_put_obj");
                break;
        case REPORT_NO_CTOR:
                g_string_append_printf(text, "<3>kmem_cache_create: No con, but init state check requested - %s\n",
                                       log.mem->caches[report->a].spec.name);
                break;
        default:
                break;
        }
}

/* -- for show ------------------------------------------------------------------------------------------------------ */

void slab_log_object(const struct sim *sim, uint64_t place, slab_log_caller name, void *context, GString *text)
{
        g_autoptr(GString) info = g_string_new(NULL);
        const struct slab_log log = { sim, sim_memory(sim), name, context, info };
        g_autofree char *plain = NULL;

        append_info(&log, place, UINT32_MAX);
        plain = kernel_log_plain(info->str);
        g_string_append(text, plain);
}

struct holding {
        uint64_t caller, count;
};

static gint by_caller(gconstpointer a, gconstpointer b)
{
        const struct holding *left = a, *right = b;

        return (left->caller > right->caller) - (left->caller < right->caller);
}

/* Adds the objects of a list of slabs, one entry each. */
static void collect_active(const struct memory *mem, const struct slab_list *list, GArray *holdings)
{
        for (uint32_t id = list->head; id != SLAB_NONE; id = mem->slabs[id].next) {
                for (uint32_t i = 0; i < mem->slabs[id].num; i++) {
                        struct holding one = { 0, 1 };

                        if (!slab_debug_is_active(mem, id, i))
                                continue;
                        one.caller = slab_debug_caller(mem, memory_object_place(mem, &mem->slabs[id], i));
                        if (one.caller != 0)
                                g_array_append_val(holdings, one);
                }
        }
}

static void append_holdings(const struct slab_log *log, uint32_t cache, GArray *holdings)
{
        g_array_sort(holdings, by_caller);
        for (guint i = 0; i < holdings->len;) {
                uint64_t caller = g_array_index(holdings, struct holding, i).caller, count = 0;
                g_autoptr(GString) symbol = g_string_new(NULL);

                for (; i < holdings->len && g_array_index(holdings, struct holding, i).caller == caller; i++)
                        count++;
                slab_log_symbol(caller, log->name, log->context, symbol);
                if (g_str_has_prefix(symbol->str, "0x"))
                        g_string_printf(symbol, "%0*" PRIx64, (int)log->mem->arch->word_bytes * 2, caller);
                g_string_append_printf(log->text, "%s: %" PRIu64 " %s\n", log->mem->caches[cache].spec.name, count,
                                       symbol->str);
        }
}

gboolean slab_log_allocators(const struct sim *sim, slab_log_caller name, void *context, GString *text)
{
        const struct slab_log log = { sim, sim_memory(sim), name, context, text };

        if (!log.mem->arch->debug_slab)
                return FALSE;
        for (uint32_t id = log.mem->chain; id != CACHE_ID_NONE; id = log.mem->caches[id].next) {
                uint32_t both = CACHE_RED_ZONE | CACHE_STORE_USER;
                g_autoptr(GArray) holdings = g_array_new(FALSE, FALSE, sizeof(struct holding));

                if ((log.mem->caches[id].flags & both) != both)
                        continue;
                for (uint32_t node = 0; node < log.mem->nodes; node++) {
                        collect_active(log.mem, &memory_lists(log.mem, id, node)->list[SLABS_FULL], holdings);
                        collect_active(log.mem, &memory_lists(log.mem, id, node)->list[SLABS_PARTIAL], holdings);
                }
                append_holdings(&log, id, holdings);
        }
        return TRUE;
}
