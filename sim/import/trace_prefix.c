/*
 * trace_prefix.c - see trace_prefix.h. The shapes are described in trace_line.h.
 */
#include "import/trace_prefix.h"

#include "import/trace_scan.h"

#include <assert.h>

const char *const kmem_event_names[TRACE_KMEM_COUNT] = {
#define X(id, name) name,
        KMEM_EVENTS(X)
#undef X
};

/*
 * Seconds with a fraction, microseconds with "us", or a bare count, then ':'. ftrace's latency form puts a mark that
 * shows how long the gap to the next event is between "us" and the colon.
 */
static bool take_time(const char **p, const char *end, struct trace_event *event)
{
        static const uint16_t scale[] = { 1000, 100, 10, 1 }; /* for 6, 7, 8 and 9 digits */
        const char *fraction;
        uint64_t whole, part;
        size_t digits;

        if (!take_decimal(p, end, &whole))
                return false;
        if (*p < end && **p == '.') {
                fraction = ++*p;
                if (!take_decimal(p, end, &part))
                        return false;
                digits = (size_t)(*p - fraction);
                if (digits < 6 || digits > 9 || whole > UINT64_MAX / 1000000000 - 1)
                        return false;
                event->time = whole * 1000000000 + part * scale[digits - 6];
                event->unit = digits > 6 ? TRACE_UNIT_NS : TRACE_UNIT_US;
        } else if (end - *p >= 3 && (*p)[0] == 'u' && (*p)[1] == 's') {
                if (whole > UINT64_MAX / 1000)
                        return false;
                *p += (*p)[2] == ':' ? 2 : 3;
                event->time = whole * 1000;
                event->unit = TRACE_UNIT_US;
        } else {
                event->time = whole;
                event->unit = TRACE_UNIT_TICKS;
        }
        return take_char(p, end, ':');
}

static enum trace_kind kind_of_name(const char *name, size_t length)
{
        static const struct {
                const char *name;
                enum trace_kind kind;
        } others[] = {
                { "tracing_mark_write", TRACE_MARKER },
                { "print", TRACE_MARKER },
                { "kmalloc_node", TRACE_KMALLOC }, /* separate events before Linux 6.1 */
                { "kmem_cache_alloc_node", TRACE_CACHE_ALLOC },
        };

        for (int kind = 0; kind < TRACE_KMEM_COUNT; kind++) {
                if (strlen(kmem_event_names[kind]) == length && memcmp(kmem_event_names[kind], name, length) == 0)
                        return (enum trace_kind)kind;
        }
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                if (strlen(others[i].name) == length && memcmp(others[i].name, name, length) == 0)
                        return others[i].kind;
        }
        return TRACE_OTHER;
}

/* What stands where the name of an event should be. */
static enum trace_kind kind_without_name(const char *p, const char *end, struct trace_event *event)
{
        if (LITERAL_AT(p, end, "<stack trace>"))
                return TRACE_IGNORED;
        if (!LITERAL_AT(p, end, "PERF_RECORD_LOST")) /* "PERF_RECORD_LOST lost 8", also PERF_RECORD_LOST_SAMPLES */
                return TRACE_OTHER;
        p = skip_blanks(skip_word(p, end), end);
        event->count = 0;
        if (LITERAL_AT(p, end, "lost ")) {
                p = skip_blanks(p + sizeof("lost ") - 1, end);
                if (!take_decimal(&p, end, &event->count))
                        event->count = 0;
        }
        return TRACE_LOST;
}

/*
 * The name of an event: letters, digits, '_', '-' and, inside, ':' (perf's "kmem:kfree"), up to ": " or ':' at the end.
 * Lines like ftrace's "sys_read -> 0x10" and perf's "PERF_RECORD_LOST lost 8" have none. A name that breaks off is a
 * damaged line.
 */
static bool take_other_name(const char **p, const char *end, struct trace_event *event)
{
        const char *at = *p;

        for (; at < end; at++) {
                char c = *at;

                if ((unsigned char)((c | 0x20) - 'a') < 26 || is_digit(c) || c == '_' || c == '-')
                        continue;
                if (c == ':' && at > *p) {
                        if (at + 1 < end && at[1] != ' ')
                                continue;
                        event->kind = kind_of_name(*p, (size_t)(at - *p));
                        *p = at + 1;
                        return true;
                }
                if (c != ' ' && c != '(' && c != '<') /* ftrace's "<stack trace>" */
                        return false;
                event->kind = kind_without_name(*p, end, event);
                return true;
        }
        return false;
}

#define TAKE_NAME(name, its_kind)             \
        if (LITERAL_AT(at, end, name ": ")) { \
                *p = at + sizeof(name);       \
                event->kind = (its_kind);     \
                return true;                  \
        }

/* Sets the kind. The names that make up nearly all of a trace are looked for one by one. */
static inline bool take_name_of_event(const char **p, const char *end, struct trace_event *event)
{
        const char *at = *p;

        if (LITERAL_AT(at, end, "kmem:"))
                at += sizeof("kmem:") - 1;
        TAKE_NAME("kmem_cache_alloc", TRACE_CACHE_ALLOC)
        TAKE_NAME("kmem_cache_free", TRACE_CACHE_FREE)
        TAKE_NAME("kfree", TRACE_KFREE)
        TAKE_NAME("kmalloc", TRACE_KMALLOC)
        TAKE_NAME("mm_page_alloc", TRACE_PAGE_ALLOC)
        TAKE_NAME("mm_page_free", TRACE_PAGE_FREE)
        *p = at;
        return take_other_name(p, end, event);
}

static bool take_cpu(const char **p, const char *end, uint16_t *ret_cpu)
{
        uint64_t cpu;

        if (!take_decimal(p, end, &cpu) || cpu > TRACE_CPU_MAX)
                return false;
        *ret_cpu = (uint16_t)cpu;
        return true;
}

static bool take_pid(const char **p, const char *end, int32_t *ret_pid)
{
        bool negative = *p < end && **p == '-';
        uint64_t pid;

        *p += negative;
        if (!take_decimal(p, end, &pid) || pid > INT32_MAX)
                return false;
        *ret_pid = negative ? -(int32_t)pid : (int32_t)pid;
        return true;
}

static inline void set_comm(struct trace_event *event, const char *from, const char *to)
{
        from = skip_blanks(from, to);
        while (to > from && to[-1] == ' ')
                to--;
        event->comm = (struct text){ from, (uint32_t)(to - from) };
}

/* `[cpu]`, perhaps flags, `time:`, and the name: common to TASK16 and PERF, and what makes a match a match. */
static bool take_bracket_to_name(const char **p, const char *end, struct trace_event *event)
{
        const char *flags;

        if (!take_char(p, end, '[') || !take_cpu(p, end, &event->cpu) || !take_char(p, end, ']'))
                return false;
        *p = skip_blanks(*p, end);
        flags = *p;
        if (!take_time(p, end, event)) { /* flags like "d..1." stand before the time, if they are printed at all */
                *p = skip_word(flags, end);
                if (*p == flags || *p - flags > 8)
                        return false;
                *p = skip_blanks(*p, end);
                if (!take_time(p, end, event))
                        return false;
        }
        *p = skip_blanks(*p, end);
        return take_name_of_event(p, end, event);
}

static void remember_task(struct trace_dialect *dialect, const char *line, const char *task_end,
                          const struct trace_event *event)
{
        dialect->task_end = 0;
        if (task_end - line >= (ptrdiff_t)TRACE_TASK_COLUMNS)
                return; /* the pid may go on behind what is remembered */
        memcpy(dialect->task, line, TRACE_TASK_COLUMNS);
        dialect->task_end = (uint8_t)(task_end - line);
        dialect->comm_start = (uint8_t)(event->comm.at - line);
        dialect->comm_length = (uint8_t)event->comm.length;
        dialect->pid = event->pid;
}

/* This line's task was found in another way than by its columns. */
static void forget_task(struct trace_dialect *dialect, struct trace_event *event)
{
        dialect->task_end = 0;
        event->same_task = false;
}

static inline bool is_same_task(const char *line, const char *task)
{
        static_assert(TRACE_TASK_COLUMNS == 3 * sizeof(uint64_t), "three words");

        return load_word(line) == load_word(task) && load_word(line + 8) == load_word(task + 8) &&
               load_word(line + 16) == load_word(task + 16);
}

/* Comm in 16 columns, `between`, pid. The line has at least TRACE_TASK_COLUMNS. */
static inline bool take_task(struct trace_dialect *dialect, const char **p, const char *end, char between,
                             struct trace_event *event)
{
        const char *line = *p;

        if (line[16] != between)
                return false;
        if (dialect->task_end && is_same_task(line, dialect->task)) {
                event->same_task = true;
                event->comm = (struct text){ line + dialect->comm_start, dialect->comm_length };
                event->pid = dialect->pid;
                *p = line + dialect->task_end;
                return true;
        }
        *p = skip_blanks(line + 17, end);
        if (!take_pid(p, end, &event->pid))
                return false;
        set_comm(event, line, line + 16);
        if (*p < end && **p == '/') { /* perf's pid/tid: the tid is what the others print */
                ++*p;
                if (!take_pid(p, end, &event->pid))
                        return false;
        }
        remember_task(dialect, line, *p, event);
        return true;
}

static bool take_prefix_task16(struct trace_dialect *dialect, const char **p, const char *end,
                               struct trace_event *event)
{
        if (end - *p < (ptrdiff_t)TRACE_TASK_COLUMNS || !take_task(dialect, p, end, '-', event))
                return false;
        *p = skip_blanks(*p, end);
        if (*p < end && **p == '(') { /* option record-tgid: "(  912)" or "(-------)" */
                *p = memchr(*p, ')', (size_t)(end - *p));
                if (!*p)
                        return false;
                *p = skip_blanks(*p + 1, end);
        }
        return take_bracket_to_name(p, end, event);
}

/* The CPU stands glued to the flags: "1..s1.". */
static bool take_prefix_task8(struct trace_dialect *dialect, const char **p, const char *end, struct trace_event *event)
{
        const char *line = *p;

        forget_task(dialect, event);
        if (end - line < 16 || line[8] != '-')
                return false;
        *p = line + 9;
        if (!take_pid(p, end, &event->pid))
                return false;
        set_comm(event, line, line + 8);
        *p = skip_blanks(*p, end);
        if (!take_cpu(p, end, &event->cpu))
                return false;
        *p = skip_blanks(skip_word(*p, end), end);
        if (!take_time(p, end, event))
                return false;
        *p = skip_blanks(*p, end);
        return take_name_of_event(p, end, event);
}

/* Backwards from the '[' of the CPU: pid, or pid/tid. The start of it is the end of the comm. */
static const char *find_pid(const char *line, const char *bracket, int32_t *ret_pid)
{
        const char *pid_end = bracket, *start, *at;

        while (pid_end > line && pid_end[-1] == ' ')
                pid_end--;
        if (pid_end == bracket)
                return NULL;
        for (start = pid_end; start > line && is_digit(start[-1]);)
                start--;
        if (start > line && start[-1] == '-') /* a task that perf does not know has pid -1 */
                start--;
        at = start;
        if (!take_pid(&at, pid_end, ret_pid))
                return NULL;
        if (start > line && start[-1] == '/') {
                for (start--; start > line && (is_digit(start[-1]) || start[-1] == '-');)
                        start--;
        }
        return start == line || start[-1] == ' ' ? start : NULL;
}

/*
 * "comm pid [cpu] time: event:". perf pads the comm to 16 columns, so one that begins with a blank ends in column 16.
 * With call chains it does not pad, and the first place after which everything fits is taken: a comm has 15 bytes, too
 * few to hold a pid, a CPU, a time with its six digits and the name of an event.
 */
static bool take_prefix_perf(struct trace_dialect *dialect, const char **p, const char *end, struct trace_event *event)
{
        const char *line = *p, *bracket = line, *pid_start;

        if (end - line >= (ptrdiff_t)TRACE_TASK_COLUMNS && *line == ' ' && take_task(dialect, p, end, ' ', event)) {
                *p = skip_blanks(*p, end);
                if (take_bracket_to_name(p, end, event) && event->unit != TRACE_UNIT_TICKS)
                        return true;
        }
        forget_task(dialect, event);
        for (; (bracket = memchr(bracket, '[', (size_t)(end - bracket))); bracket++) {
                pid_start = find_pid(line, bracket, &event->pid);
                *p = bracket;
                if (pid_start && take_bracket_to_name(p, end, event) && event->unit != TRACE_UNIT_TICKS) {
                        set_comm(event, line, pid_start);
                        return true;
                }
        }
        return false;
}

/* "pid cpu time type: id": nothing says which event the id is. */
static bool take_prefix_raw(struct trace_dialect *dialect, const char **p, const char *end, struct trace_event *event)
{
        uint64_t id;

        forget_task(dialect, event);
        *p = skip_blanks(*p, end);
        if (!take_pid(p, end, &event->pid) || !take_char(p, end, ' ') || !take_cpu(p, end, &event->cpu) ||
            !take_char(p, end, ' ') || !take_decimal(p, end, &event->time) || !LITERAL_AT(*p, end, " type: "))
                return false;
        *p += sizeof(" type: ") - 1;
        event->unit = TRACE_UNIT_NS;
        event->comm = (struct text){ *p, 0 };
        event->kind = TRACE_RAW;
        return take_decimal(p, end, &id);
}

static bool take_prefix_shape(struct trace_dialect *dialect, enum trace_shape shape, const char **p, const char *end,
                              struct trace_event *event)
{
        switch (shape) {
        case TRACE_SHAPE_TASK16: return take_prefix_task16(dialect, p, end, event);
        case TRACE_SHAPE_TASK8: return take_prefix_task8(dialect, p, end, event);
        case TRACE_SHAPE_PERF: return take_prefix_perf(dialect, p, end, event);
        case TRACE_SHAPE_RAW: return take_prefix_raw(dialect, p, end, event);
        case TRACE_SHAPE_COUNT: break;
        }
        return false;
}

bool trace_prefix_take(struct trace_dialect *dialect, const char **p, const char *end, struct trace_event *event)
{
        const char *line = *p;

        if (take_prefix_shape(dialect, (enum trace_shape)dialect->shape, p, end, event))
                return true;
        for (int shape = 0; shape < TRACE_SHAPE_COUNT; shape++) {
                *p = line;
                if (shape != dialect->shape && take_prefix_shape(dialect, (enum trace_shape)shape, p, end, event)) {
                        dialect->shape = (uint8_t)shape;
                        return true;
                }
        }
        return false;
}
