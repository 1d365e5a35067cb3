/*
 * trace_line.c - see trace_line.h. The fields of an event, and the lines that are no event.
 */
#include "import/trace_line.h"

#include "import/trace_prefix.h"
#include "import/trace_scan.h"

#include <assert.h>
#include <string.h>

static_assert(TRACE_KMALLOC < 4 && TRACE_KFREE < 4 && TRACE_CACHE_ALLOC < 4 && TRACE_CACHE_FREE == 3,
              "the events of objects come first");

enum {
        HAS_PTR = 1,
        HAS_REQ = 2,
        HAS_ALLOC = 4,
        HAS_GFP = 8,
        HAS_PFN = 16,
        HAS_ORDER = 32,
};

/* What a line must have to count as read. The rest (site, cache name, accounted) varies with kernel and tool. */
static const uint8_t required_fields[TRACE_KMEM_COUNT] = {
        [TRACE_KMALLOC] = HAS_PTR | HAS_REQ | HAS_ALLOC | HAS_GFP,
        [TRACE_KFREE] = HAS_PTR,
        [TRACE_CACHE_ALLOC] = HAS_PTR | HAS_REQ | HAS_ALLOC | HAS_GFP,
        [TRACE_CACHE_FREE] = HAS_PTR,
        [TRACE_PAGE_ALLOC] = HAS_PFN | HAS_ORDER | HAS_GFP,
        [TRACE_PAGE_FREE] = HAS_PFN | HAS_ORDER,
        [TRACE_PAGE_FREE_BATCHED] = HAS_PFN,
        [TRACE_ZONE_LOCKED] = HAS_PFN | HAS_ORDER,
        [TRACE_PCPU_DRAIN] = HAS_PFN | HAS_ORDER,
        [TRACE_EXTFRAG] = HAS_PFN,
        [TRACE_RSS_STAT] = 0,
};

/* A kernel address with or without 0x, or the two spellings of NULL. Old kernels pad "(null)" to the width of one. */
static bool take_ptr(const char **p, const char *end, uint64_t *ret_ptr)
{
        if (*p < end && **p == ' ')
                *p = skip_blanks(*p, end);
        if (LITERAL_AT(*p, end, "(nil)")) {
                *p += sizeof("(nil)") - 1;
                *ret_ptr = 0;
        } else if (LITERAL_AT(*p, end, "(null)")) {
                *p += sizeof("(null)") - 1;
                *ret_ptr = 0;
        } else {
                if (LITERAL_AT(*p, end, "0x"))
                        *p += 2;
                if (!take_hex(p, end, ret_ptr))
                        return false;
        }
        return at_word_end(*p, end);
}

static bool take_u32(const char **p, const char *end, uint32_t *ret_value)
{
        uint64_t value;

        if (!take_decimal(p, end, &value) || value > UINT32_MAX || !at_word_end(*p, end))
                return false;
        *ret_value = (uint32_t)value;
        return true;
}

/* Kernels before 5.x print the pfn in decimal. */
static bool take_pfn(const char **p, const char *end, uint64_t *ret_pfn)
{
        bool taken;

        if (LITERAL_AT(*p, end, "0x")) {
                *p += 2;
                taken = take_hex(p, end, ret_pfn);
        } else {
                taken = take_decimal(p, end, ret_pfn);
        }
        return taken && *ret_pfn <= TRACE_PFN_MAX && at_word_end(*p, end);
}

static bool take_order(const char **p, const char *end, uint16_t *ret_order)
{
        uint64_t order;

        if (!take_decimal(p, end, &order) || order > TRACE_ORDER_MAX || !at_word_end(*p, end))
                return false;
        *ret_order = (uint16_t)order;
        return true;
}

/* "func+0xoff/0xsize [module]": what follows the offset depends on the tool and is left out. */
static inline void take_site(const char **p, const char *end, struct text *ret_site)
{
        const char *from = *p, *at = skip_to_blank_or_slash(from, end);

        *ret_site = (struct text){ from, (uint32_t)(at - from) };
        at = skip_word(at, end);
        if (end - at >= 2 && at[1] == '[')
                at = skip_word(at + 1, end);
        *p = at;
}

/* A cache's name may hold blanks: in an alloc it goes on to the next field, in a free to the end of the line. */
static inline void take_cache_name(const char **p, const char *end, enum trace_kind kind, struct text *ret_name)
{
        const char *from = *p, *at = from;

        if (kind == TRACE_CACHE_FREE) {
                at = end;
        } else {
                for (at = skip_word(at, end); at < end && !LITERAL_AT(at, end, " bytes_req="); at = skip_word(at, end))
                        at++;
        }
        *p = at;
        while (at > from && at[-1] == ' ')
                at--;
        *ret_name = (struct text){ from, (uint32_t)(at - from) };
}

#define FIELD_AT(literal) (LITERAL_AT(p, end, literal) && (p += sizeof(literal) - 1, true))

/* trace-cmd pads the name, and prints the site a first time in brackets. What follows begins with one blank. */
static inline const char *skip_padding(const char *p, const char *end)
{
        if (end - p < 2 || p[1] != ' ')
                return p;
        p = skip_blanks(p, end);
        return p < end && *p == '(' ? skip_word(p, end) : p - 1;
}

/*
 * The fields of an object event when they come in the order in which the kernel declares them, each behind one blank.
 * False if they do not, or if anything is odd: then take_fields looks at them one by one.
 */
static inline bool take_fields_in_order(const char *p, const char *end, struct trace_event *event)
{
        bool is_alloc = event->kind == TRACE_KMALLOC || event->kind == TRACE_CACHE_ALLOC;

        if (!FIELD_AT(" call_site="))
                return false;
        take_site(&p, end, &event->site);
        if (!FIELD_AT(" ptr=") || !take_ptr(&p, end, &event->ptr))
                return false;
        if (event->kind == TRACE_CACHE_ALLOC || event->kind == TRACE_CACHE_FREE) {
                if (!FIELD_AT(" name="))
                        return false;
                take_cache_name(&p, end, event->kind, &event->name);
        }
        if (!is_alloc)
                return p == end;
        if (!FIELD_AT(" bytes_req=") || !take_u32(&p, end, &event->bytes_req) || !FIELD_AT(" bytes_alloc=") ||
            !take_u32(&p, end, &event->bytes_alloc) || !FIELD_AT(" gfp_flags="))
                return false;
        event->gfp.at = p;
        p = skip_word(p, end);
        event->gfp.length = (uint32_t)(p - event->gfp.at);
        if (!event->gfp.length || !FIELD_AT(" node="))
                return false;
        while (p < end && *p != ' ')
                p++;
        if (!FIELD_AT(" accounted="))
                return false;
        event->accounted = p < end && (*p == 't' || *p == '1');
        return true;
}

/* The fields by their first letter. One that is not known is passed over up to the next blank. */
static bool take_fields(const char *p, const char *end, struct trace_event *event)
{
        unsigned seen = 0;
        bool good = true;

        event->site = event->name = event->gfp = (struct text){ end, 0 };
        event->accounted = event->percpu_refill = false;
        if (event->kind <= TRACE_CACHE_FREE) {
                if (take_fields_in_order(skip_padding(p, end), end, event))
                        return true;
                event->site = event->name = event->gfp = (struct text){ end, 0 };
                event->accounted = false;
        }
        while (good && (p = skip_blanks(p, end)) < end) {
                switch (*p) {
                case 'c':
                        if (FIELD_AT("call_site=")) {
                                take_site(&p, end, &event->site);
                                continue;
                        }
                        break;
                case 'p':
                        if (FIELD_AT("ptr=")) {
                                good = take_ptr(&p, end, &event->ptr);
                                seen |= HAS_PTR;
                                continue;
                        }
                        if (FIELD_AT("pfn=")) {
                                good = take_pfn(&p, end, &event->pfn);
                                seen |= HAS_PFN;
                                continue;
                        }
                        if (FIELD_AT("percpu_refill="))
                                event->percpu_refill = p < end && *p == '1';
                        break;
                case 'n':
                        if (FIELD_AT("name=")) {
                                take_cache_name(&p, end, event->kind, &event->name);
                                continue;
                        }
                        break;
                case 'b':
                        if (FIELD_AT("bytes_req=")) {
                                good = take_u32(&p, end, &event->bytes_req);
                                seen |= HAS_REQ;
                                continue;
                        }
                        if (FIELD_AT("bytes_alloc=")) {
                                good = take_u32(&p, end, &event->bytes_alloc);
                                seen |= HAS_ALLOC;
                                continue;
                        }
                        break;
                case 'g':
                        if (FIELD_AT("gfp_flags=")) {
                                event->gfp.at = p;
                                p = skip_word(p, end);
                                event->gfp.length = (uint32_t)(p - event->gfp.at);
                                good = event->gfp.length > 0;
                                seen |= HAS_GFP;
                                continue;
                        }
                        break;
                case 'o':
                        if (FIELD_AT("order=")) {
                                good = take_order(&p, end, &event->order);
                                seen |= HAS_ORDER;
                                continue;
                        }
                        break;
                case 'a':
                        if (FIELD_AT("accounted="))
                                event->accounted = p < end && (*p == 't' || *p == '1');
                        break;
                default: break;
                }
                p = skip_word(p, end);
        }
        return good && (required_fields[event->kind] & ~seen) == 0;
}

/* "# entries-in-buffer/entries-written: 2569/12690", and in the latency form "... us, #5366/5366, CPU#0". */
static enum trace_kind parse_comment(struct trace_dialect *dialect, const char *line, const char *end,
                                     struct trace_event *event)
{
        static const char entries[] = "# entries-in-buffer/entries-written: ", latency[] = "# latency: ";
        uint64_t in_buffer, written;
        const char *p;

        if (LITERAL_AT(line, end, "# tracer: "))
                dialect->tool = TRACE_TOOL_FTRACE;
        if (LITERAL_AT(line, end, entries)) {
                p = line + sizeof(entries) - 1;
        } else if (LITERAL_AT(line, end, latency)) {
                p = memchr(line + 1, '#', (size_t)(end - line - 1));
                if (!p)
                        return TRACE_IGNORED;
                p++;
        } else {
                return TRACE_IGNORED;
        }
        if (!take_decimal(&p, end, &in_buffer) || !take_char(&p, end, '/') || !take_decimal(&p, end, &written) ||
            written <= in_buffer)
                return TRACE_IGNORED;
        event->count = written - in_buffer;
        return TRACE_OVERWRITTEN;
}

/* Lines that begin in the first column with something that is no task: told apart before any prefix is tried. */
static enum trace_kind parse_bare(struct trace_dialect *dialect, const char *line, const char *end,
                                  struct trace_event *event)
{
        const char *p;
        uint64_t cpu;

        if (LITERAL_AT(line, end, "cpus=")) {
                p = line + sizeof("cpus=") - 1;
                if (take_decimal(&p, end, &cpu) && p == end) {
                        dialect->tool = TRACE_TOOL_TRACECMD;
                        return TRACE_IGNORED;
                }
        } else if (LITERAL_AT(line, end, "CPU ")) { /* trace-cmd: "CPU 1 is empty" */
                p = line + sizeof("CPU ") - 1;
                if (take_decimal(&p, end, &cpu) && LITERAL_AT(p, end, " is empty"))
                        return TRACE_IGNORED;
        } else if (LITERAL_AT(line, end, "CPU:")) {
                /* "[LOST 52 EVENTS]", "[LOST EVENTS]", "[52 EVENTS DROPPED]", "[EVENTS DROPPED]" */
                p = line + sizeof("CPU:") - 1;
                if (!take_decimal(&p, end, &cpu) || !take_char(&p, end, ' ') || !take_char(&p, end, '['))
                        return TRACE_KIND_COUNT;
                if (LITERAL_AT(p, end, "LOST "))
                        p += sizeof("LOST ") - 1;
                event->count = 0;
                if (p < end && is_digit(*p) && (!take_decimal(&p, end, &event->count) || !take_char(&p, end, ' ')))
                        return TRACE_UNREADABLE;
                return LITERAL_AT(p, end, "EVENTS") ? TRACE_LOST : TRACE_UNREADABLE;
        }
        return TRACE_KIND_COUNT;
}

static void note_tool(struct trace_dialect *dialect, const char *p, const char *end)
{
        if (dialect->shape == TRACE_SHAPE_PERF)
                dialect->tool = TRACE_TOOL_PERF;
        else if (end - p >= 2 && p[0] == ' ' && p[1] == ' ') /* trace-cmd pads the name */
                dialect->tool = TRACE_TOOL_TRACECMD;
        else
                dialect->tool = TRACE_TOOL_FTRACE;
}

/* Lines that no task printed, and lines that cannot be read. */
static enum trace_kind parse_without_prefix(struct trace_dialect *dialect, const char *line, const char *end,
                                            struct trace_event *event)
{
        enum trace_kind kind;

        if (line == end || *line == '\t' || LITERAL_AT(line, end, " => ")) /* frames of the stack: perf, ftrace */
                return TRACE_IGNORED;
        if (*line == '#')
                return parse_comment(dialect, line, end, event);
        kind = parse_bare(dialect, line, end, event);
        if (kind != TRACE_KIND_COUNT)
                return kind;
        return skip_blanks(line, end) == end ? TRACE_IGNORED : TRACE_UNREADABLE;
}

enum trace_kind trace_line_parse(struct trace_dialect *dialect, const char *line, size_t length,
                                 struct trace_event *event)
{
        const char *p = line, *end = line + length;

        event->same_task = false;
        if (length && end[-1] == '\r')
                end--;
        /* Only an unpadded comm could begin like a comment or a frame of a call chain. */
        if (length && (*line == '#' || *line == '\t') && dialect->shape != TRACE_SHAPE_PERF)
                return event->kind = parse_without_prefix(dialect, line, end, event);
        if (!trace_prefix_take(dialect, &p, end, event))
                return event->kind = parse_without_prefix(dialect, line, end, event);
        if (event->kind < TRACE_KMEM_COUNT) {
                if (dialect->tool == TRACE_TOOL_UNKNOWN)
                        note_tool(dialect, p, end);
                if (!take_fields(p, end, event))
                        event->kind = TRACE_UNREADABLE;
        } else if (event->kind == TRACE_RAW && dialect->tool == TRACE_TOOL_UNKNOWN) {
                dialect->tool = TRACE_TOOL_FTRACE;
        }
        return event->kind;
}
