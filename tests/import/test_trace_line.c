/*
 * test_trace_line.c - one line at a time: every printing of the tools, and lines that are none.
 */
#include "import/trace_line.h"

#include <glib.h>
#include <string.h>

static struct trace_event event;
static struct trace_dialect dialect;

/* The parser gets a copy that ends with the line's last byte, so that a checker of memory sees every byte too far. */
static enum trace_kind parse_bytes(const char *line, size_t length)
{
        static char *copy;
        enum trace_kind kind;

        g_free(copy);
        copy = g_malloc(length ? length : 1);
        memcpy(copy, line, length);
        kind = trace_line_parse(&dialect, copy, length, &event);
        g_assert_cmpint(kind, ==, event.kind);
        return kind;
}

static enum trace_kind parse(const char *line)
{
        return parse_bytes(line, strlen(line));
}

/* As the first line of a file. */
static enum trace_kind parse_alone(const char *line)
{
        dialect = (struct trace_dialect){ 0 };
        return parse(line);
}

static void assert_text(struct text text, const char *expected)
{
        g_autofree char *copy = g_strndup(text.at, text.length);

        g_assert_cmpstr(copy, ==, expected);
}

static void assert_task(const char *comm, int pid, unsigned cpu, uint64_t time)
{
        assert_text(event.comm, comm);
        g_assert_cmpint(event.pid, ==, pid);
        g_assert_cmpuint(event.cpu, ==, cpu);
        g_assert_cmpuint(event.time, ==, time);
}

#define FIELDS_FTRACE                                                                                   \
        "kmalloc: call_site=alloc_fdtable+0x55/0x140 ptr=ffff888100d065c0 bytes_req=56 bytes_alloc=64 " \
        "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO node=-1 accounted=true"
#define FIELDS_PERF                                                                                      \
        "kmem:kmalloc: call_site=alloc_fdtable+0x55 ptr=0xffff888100d065c0 bytes_req=56 bytes_alloc=64 " \
        "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO node=-1 accounted=true"

static void assert_fields(void)
{
        g_assert_cmpint(event.kind, ==, TRACE_KMALLOC);
        assert_text(event.site, "alloc_fdtable+0x55");
        g_assert_cmphex(event.ptr, ==, 0xffff888100d065c0);
        g_assert_cmpuint(event.bytes_req, ==, 56);
        g_assert_cmpuint(event.bytes_alloc, ==, 64);
        assert_text(event.gfp, "GFP_KERNEL_ACCOUNT|__GFP_ZERO");
        g_assert_true(event.accounted);
}

static void test_all_printings(void)
{
        static const struct {
                const char *line, *comm;
                int pid;
                unsigned cpu;
                uint64_t time;
                enum trace_unit unit;
                enum trace_tool tool;
                enum trace_shape shape;
        } cases[] = {
                { "            bash-7914    [001] .....  3206.955679: " FIELDS_FTRACE, "bash", 7914, 1, 3206955679000,
                  TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 },
                { "            bash-7914    [001] d.s1.  3206.955679: " FIELDS_FTRACE, "bash", 7914, 1, 3206955679000,
                  TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 }, /* softirq */
                { "            bash-7914    [001] d.s.  3206.955679: " FIELDS_FTRACE, "bash", 7914, 1, 3206955679000,
                  TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 }, /* four flags, before Linux 5.16 */
                { "            bash-7914    [001]   3206.955679: " FIELDS_FTRACE, "bash", 7914, 1, 3206955679000,
                  TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 }, /* option noirq-info */
                { "            bash-7914    (-------) [001] .....  3206.955679: " FIELDS_FTRACE, "bash", 7914, 1,
                  3206955679000, TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 }, /* option record-tgid */
                { "            bash-7914    (   7914) [001] .....  3206.955679: " FIELDS_FTRACE, "bash", 7914, 1,
                  3206955679000, TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 },
                { "            bash-7914    [001] ..... 6416995138564: " FIELDS_FTRACE, "bash", 7914, 1, 6416995138564,
                  TRACE_UNIT_TICKS, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 }, /* trace_clock x86-tsc */
                { "    bash-7914      1..... 1015566us : " FIELDS_FTRACE, "bash", 7914, 1, 1015566000, TRACE_UNIT_US,
                  TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK8 }, /* option latency-format */
                { "    bash-7914      1..... 1015566us+: " FIELDS_FTRACE, "bash", 7914, 1, 1015566000, TRACE_UNIT_US,
                  TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK8 },
                { "    bash-7914     17dNh2. 1015566us!: " FIELDS_FTRACE, "bash", 7914, 17, 1015566000, TRACE_UNIT_US,
                  TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK8 },
                { "            bash-7914  [001]  3206.955679:  kmalloc:              (alloc_fdtable+0x55) "
                  "call_site=alloc_fdtable+0x55 ptr=0xffff888100d065c0 bytes_req=56 bytes_alloc=64 "
                  "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO node=-1 accounted=true",
                  "bash", 7914, 1, 3206955679000, TRACE_UNIT_US, TRACE_TOOL_TRACECMD, TRACE_SHAPE_TASK16 },
                { "            bash-7914  [001]  3206.955678697: kmalloc:              (alloc_fdtable+0x55) "
                  "call_site=alloc_fdtable+0x55 ptr=0xffff888100d065c0 bytes_req=56 bytes_alloc=64 "
                  "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO node=-1 accounted=true",
                  "bash", 7914, 1, 3206955678697, TRACE_UNIT_NS, TRACE_TOOL_TRACECMD, TRACE_SHAPE_TASK16 }, /* -t */
                { "    bash-7914    1.....  3206.955679: kmalloc:              (alloc_fdtable+0x55) "
                  "call_site=alloc_fdtable+0x55 ptr=0xffff888100d065c0 bytes_req=56 bytes_alloc=64 "
                  "gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO node=-1 accounted=1",
                  "bash", 7914, 1, 3206955679000, TRACE_UNIT_US, TRACE_TOOL_TRACECMD, TRACE_SHAPE_TASK8 }, /* -l */
                { "            bash  7914 [001]  3206.955679:                   " FIELDS_PERF, "bash", 7914, 1,
                  3206955679000, TRACE_UNIT_US, TRACE_TOOL_PERF, TRACE_SHAPE_PERF },
                { "            bash  7914 [001]  3206.955678697:                   " FIELDS_PERF, "bash", 7914, 1,
                  3206955678697, TRACE_UNIT_NS, TRACE_TOOL_PERF, TRACE_SHAPE_PERF }, /* --ns */
                { "            bash  7914/7915  [001]  3206.955679:                   " FIELDS_PERF, "bash", 7915, 1,
                  3206955679000, TRACE_UNIT_US, TRACE_TOOL_PERF, TRACE_SHAPE_PERF }, /* -F pid,tid */
                { "bash  7914 [001]  3206.955679:                   " FIELDS_PERF, "bash", 7914, 1, 3206955679000,
                  TRACE_UNIT_US, TRACE_TOOL_PERF, TRACE_SHAPE_PERF }, /* with call chains */
                { "             :-1    -1 [001]  3206.955679:                   " FIELDS_PERF, ":-1", -1, 1,
                  3206955679000, TRACE_UNIT_US, TRACE_TOOL_PERF, TRACE_SHAPE_PERF },
                { ":-1    -1 [001]  3206.955679:                   " FIELDS_PERF, ":-1", -1, 1, 3206955679000,
                  TRACE_UNIT_US, TRACE_TOOL_PERF, TRACE_SHAPE_PERF },
                { "            bash-7914    [001] .....  3206.955679: " FIELDS_FTRACE "\r", "bash", 7914, 1,
                  3206955679000, TRACE_UNIT_US, TRACE_TOOL_FTRACE, TRACE_SHAPE_TASK16 }, /* a text from elsewhere */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                parse_alone(cases[i].line);
                assert_fields();
                assert_task(cases[i].comm, cases[i].pid, cases[i].cpu, cases[i].time);
                g_assert_cmpint(event.unit, ==, cases[i].unit);
                g_assert_cmpint(dialect.tool, ==, cases[i].tool);
                g_assert_cmpint(dialect.shape, ==, cases[i].shape);
                for (size_t before = 0; before < G_N_ELEMENTS(cases); before++) { /* and whatever came before */
                        parse(cases[before].line);
                        parse(cases[i].line);
                        assert_fields();
                        assert_task(cases[i].comm, cases[i].pid, cases[i].cpu, cases[i].time);
                }
        }
}

/* A comm holds any bytes up to 15; what looks like a prefix inside it must not be taken for one. */
static void test_names_that_are_sentences(void)
{
        static const char *const comms[] = {
                "a",
                "kworker/0:2-ev",
                "<...>",
                "<idle>",
                "a b c",
                "x-1 [000] 1.0",
                "tmux: server",
                "[kthread]",
                "(sd-pam)",
                "1 [000] 1.000:",
                "-",
                "--1",
                "a-12 [001] d:",
                "3206.955679: k",
                "=> do_syscall",
                "#comment",
                "cpus=2",
                "CPU:1 [LOST 5",
                "a  7 [000]",
                "5/7 [1] 2.5:",
                "\xc3\xa4\xc3\xb6\xc3\xbc",
                "kfree: ptr=0x1",
                "\t",
                "a=b c=d",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(comms); i++) {
                g_autofree char *ftrace =
                        g_strdup_printf("%16s-%-7d [001] .....  3206.955679: " FIELDS_FTRACE, comms[i], 7914);
                g_autofree char *perf =
                        g_strdup_printf("%16s %5d [001]  3206.955679:                   " FIELDS_PERF, comms[i], 7914);
                g_autofree char *chain = g_strdup_printf("%s %5d [001]  3206.955679: " FIELDS_PERF, comms[i], 7914);
                const char *stripped = comms[i];

                parse_alone(ftrace);
                assert_fields();
                assert_task(stripped, 7914, 1, 3206955679000);
                parse_alone(perf);
                assert_fields();
                assert_task(stripped, 7914, 1, 3206955679000);
                parse_alone("perf  8019 [000]  3210.787038:       kmem:kfree: call_site=a+0x1 ptr=0x10");
                parse(chain);
                assert_fields();
                assert_task(stripped, 7914, 1, 3206955679000);
        }
}

static void test_each_event(void)
{
#define FTRACE "            bash-7914    [000] .....  3206.955679: "
        g_assert_cmpint(parse_alone(FTRACE "kfree: call_site=kfree_link+0x9/0x10 ptr=0000000000000000"), ==,
                        TRACE_KFREE);
        g_assert_cmphex(event.ptr, ==, 0);
        assert_text(event.site, "kfree_link+0x9");
        g_assert_cmpint(parse(FTRACE "kfree: call_site=do_it+0x9/0x10 [ext4] ptr=ffff88810247a3c0"), ==, TRACE_KFREE);
        assert_text(event.site, "do_it+0x9");
        g_assert_cmphex(event.ptr, ==, 0xffff88810247a3c0);
        g_assert_cmpint(parse(FTRACE "kfree: call_site=ffffffff81634d4d ptr=          (null)"), ==, TRACE_KFREE);
        g_assert_cmphex(event.ptr, ==, 0);
        g_assert_cmpint(parse(FTRACE "kmem_cache_alloc: call_site=a+0x1/0x2 ptr=0000000000000010 name=x bytes_req=0 "
                                     "bytes_alloc=0 gfp_flags=none node=0 accounted=false"),
                        ==, TRACE_CACHE_ALLOC);
        g_assert_cmphex(event.ptr, ==, 0x10);
        g_assert_false(event.accounted);
        g_assert_cmpint(parse(FTRACE "kmem_cache_alloc: call_site=a+0x1/0x2 ptr=000000001a64f2a5 name=my dear cache "
                                     "bytes_req=24 bytes_alloc=32 gfp_flags=GFP_NOWAIT node=-1 accounted=false"),
                        ==, TRACE_CACHE_ALLOC);
        assert_text(event.name, "my dear cache");
        g_assert_cmpuint(event.bytes_alloc, ==, 32);
        g_assert_cmpint(parse(FTRACE "kmem_cache_free: call_site=a+0x1/0x2 ptr=000000001a64f2a5 name=my dear cache "),
                        ==, TRACE_CACHE_FREE);
        assert_text(event.name, "my dear cache");
        g_assert_cmpint(parse(FTRACE "kmem_cache_free: call_site=a+0x1/0x2 ptr=ffff88811aff41c0"), ==,
                        TRACE_CACHE_FREE);
        g_assert_cmpuint(event.name.length, ==, 0); /* before Linux 5.12 */
        g_assert_cmpint(parse(FTRACE
                              "kmalloc_node: call_site=a+0x1/0x2 ptr=000000001a64f2a5 bytes_req=24 bytes_alloc=32 "
                              "gfp_flags=GFP_KERNEL node=0"),
                        ==, TRACE_KMALLOC);
        g_assert_cmpint(parse(FTRACE "kmem_cache_alloc_node: call_site=a+0x1/0x2 ptr=00000000ff64f2a5 bytes_req=24 "
                                     "bytes_alloc=32 gfp_flags=GFP_KERNEL node=0"),
                        ==, TRACE_CACHE_ALLOC);
        g_assert_cmphex(event.ptr, ==, 0xff64f2a5);
        g_assert_cmpint(parse(FTRACE "mm_page_alloc: page=ffffea000461f940 pfn=0x1187e5 order=9 migratetype=0 "
                                     "gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP"),
                        ==, TRACE_PAGE_ALLOC);
        g_assert_cmphex(event.pfn, ==, 0x1187e5);
        g_assert_cmpuint(event.order, ==, 9);
        g_assert_cmpint(parse(FTRACE "mm_page_alloc:         pfn=0x1187e5 order=0 gfp_flags=0x440dc0 migratetype=0"),
                        ==, TRACE_PAGE_ALLOC); /* trace-cmd -R */
        assert_text(event.gfp, "0x440dc0");
        g_assert_cmpint(parse(FTRACE "mm_page_alloc: page=000000009ea2 pfn=1148901 order=0 migratetype=0 "
                                     "gfp_flags=GFP_KERNEL"),
                        ==, TRACE_PAGE_ALLOC); /* before Linux 5.18 */
        g_assert_cmphex(event.pfn, ==, 0x1187e5);
        g_assert_cmpint(parse(FTRACE "mm_page_free: page=ffffea000461f940 pfn=0x1187e5 order=3"), ==, TRACE_PAGE_FREE);
        g_assert_cmpint(parse(FTRACE "mm_page_free_batched: page=ffffea000461f940 pfn=0x1187e5 order=0"), ==,
                        TRACE_PAGE_FREE_BATCHED);
        g_assert_cmpint(parse(FTRACE "mm_page_alloc_zone_locked: page=0x14b55e pfn=0x14b55e order=1 migratetype=2 "
                                     "percpu_refill=1"),
                        ==, TRACE_ZONE_LOCKED);
        g_assert_true(event.percpu_refill);
        g_assert_cmpint(parse(FTRACE "mm_page_pcpu_drain: page=0x14b55e pfn=0x14b55e order=1 migratetype=2"), ==,
                        TRACE_PCPU_DRAIN);
        g_assert_cmpint(parse(FTRACE "mm_page_alloc_extfrag: page=0x2f5400 pfn=0x2f5400 alloc_order=1"), ==,
                        TRACE_EXTFRAG);
        g_assert_cmpint(parse(FTRACE "rss_stat: mm_id=2379956846 curr=1 type=MM_ANONPAGES size=6389760B"), ==,
                        TRACE_RSS_STAT);
        g_assert_cmpint(parse(FTRACE "tracing_mark_write: kfree: ptr=0x1"), ==, TRACE_MARKER);
        g_assert_cmpint(parse(FTRACE "print:                tracing_mark_write: capture start"), ==, TRACE_MARKER);
        g_assert_cmpint(parse(FTRACE "sched_switch: prev_comm=a prev_pid=1"), ==, TRACE_OTHER);
        g_assert_cmpint(parse(FTRACE "sys_read -> 0x10"), ==, TRACE_OTHER);
        g_assert_cmpint(parse(FTRACE "sys_openat(dfd: ffffff9c)"), ==, TRACE_OTHER);
        g_assert_cmpint(parse(FTRACE "vfs_read <-ksys_read"), ==, TRACE_OTHER);
        g_assert_cmpint(parse(FTRACE "<stack trace>"), ==, TRACE_IGNORED);
        g_assert_cmpint(parse("7914 1 3206955632077 type: 656"), ==, TRACE_RAW);
        g_assert_cmpuint(event.cpu, ==, 1);
}

static void test_lines_beside_the_events(void)
{
        static const char *const ignored[] = {
                "",
                "   ",
                "# tracer: nop",
                "#",
                "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION",
                " => do_syscall_64",
                "\tffffffff8162e91f kfree+0x20f ([kernel.kallsyms])",
                "\t           2724a [unknown] (/usr/bin/a [1] b)",
                "cpus=2",
                "CPU 1 is empty",
                "##### CPU 1 buffer started ####",
                "# entries-in-buffer/entries-written: 5366/5366   #P:2",
        };

        dialect = (struct trace_dialect){ 0 };
        for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++)
                g_assert_cmpint(parse(ignored[i]), ==, TRACE_IGNORED);
        g_assert_cmpint(parse("CPU:1 [LOST 5199 EVENTS]"), ==, TRACE_LOST);
        g_assert_cmpuint(event.count, ==, 5199);
        g_assert_cmpint(parse("CPU:12 [LOST EVENTS]"), ==, TRACE_LOST);
        g_assert_cmpuint(event.count, ==, 0);
        g_assert_cmpint(parse("CPU:1 [77 EVENTS DROPPED]"), ==, TRACE_LOST);
        g_assert_cmpuint(event.count, ==, 77);
        g_assert_cmpint(parse("CPU:1 [EVENTS DROPPED]"), ==, TRACE_LOST);
        g_assert_cmpint(parse("       perf-exec  8027 [000]  3212.191706: PERF_RECORD_LOST lost 8"), ==, TRACE_LOST);
        g_assert_cmpuint(event.count, ==, 8);
        g_assert_cmpint(parse("       perf-exec  8027 [000]  3212.191706: PERF_RECORD_LOST_SAMPLES lost 9"), ==,
                        TRACE_LOST);
        g_assert_cmpuint(event.count, ==, 9);
        g_assert_cmpint(parse("# entries-in-buffer/entries-written: 2569/12690   #P:2"), ==, TRACE_OVERWRITTEN);
        g_assert_cmpuint(event.count, ==, 10121);
        g_assert_cmpint(parse("# latency: 0 us, #5366/5400, CPU#0 | (M:PREEMPT(none) VP:0, KP:0, SP:0 HP:0 #P:2)"), ==,
                        TRACE_OVERWRITTEN);
        g_assert_cmpuint(event.count, ==, 34);
}

static void test_damaged_lines(void)
{
        static const char *const damaged[] = {
                "hello world",
                "entries: 1349",
                "            bash-7914",
                "[001] 1.000000: kfree: ptr=0x1",
                FTRACE "kfree: call_site=a+0x1/0x2", /* no ptr */
                FTRACE "kfree: call_site=a+0x1/0x2 ptr=",
                FTRACE "kfree: call_site=a+0x1/0x2 ptr=ffff88810247a3c00", /* 17 digits */
                FTRACE "kfree: call_site=a+0x1/0x2 ptr=fffg88810247a3c0",
                FTRACE "kfree: call_site=a+0x1/0x2 ptr=(____ptrval____)",
                FTRACE "kmalloc: call_site=a+0x1/0x2 ptr=ffff88810247a3c0 bytes_req=1",
                FTRACE "kmalloc: call_site=a ptr=1 bytes_req=4294967296 bytes_alloc=1 gfp_flags=GFP_KERNEL",
                FTRACE "kmalloc: call_site=a ptr=1 bytes_req=99999999999999999999 bytes_alloc=1 gfp_flags=GFP_KERNEL",
                FTRACE "kmalloc: call_site=a ptr=1 bytes_req=-1 bytes_alloc=1 gfp_flags=GFP_KERNEL",
                FTRACE "kmalloc: call_site=a ptr=1 bytes_req=1 bytes_alloc=1 gfp_flags=",
                FTRACE "mm_page_alloc: page=1 pfn=0x1187e5 order=21 gfp_flags=GFP_KERNEL",
                FTRACE "mm_page_alloc: page=1 pfn=0xffffffffffffffff order=0 gfp_flags=GFP_KERNEL",
                FTRACE "mm_page_free: page=1 pfn=0x1187e5",
                FTRACE "kmem_cac",
                FTRACE,
                "            bash-7914    [0x1] .....  3206.955679: kfree: call_site=a ptr=1",
                "            bash-7914    [8192] .....  3206.955679: kfree: call_site=a ptr=1",
                "            bash-7914    [001] .....  3206.95567: kfree: call_site=a ptr=1",
                "            bash-7914    [001] .....  3206.9556791234: kfree: call_site=a ptr=1",
                "            bash-7914    [001] .....  99999999999999.955679: kfree: call_site=a ptr=1",
                "            bash-7914    [001] ..........  3206.955679: kfree: call_site=a ptr=1",
                "            bash-99999999999999 [001] .....  3206.955679: kfree: call_site=a ptr=1",
                "CPU:1 [LOST x EVENTS]",
                "CPU:1 [LOST 99999999999999999999 EVENTS]",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
                g_test_message("%s", damaged[i]);
                g_assert_cmpint(parse_alone(damaged[i]), ==, TRACE_UNREADABLE);
        }
}

/* Numbers at their edges, where eight digits are read at once. */
static void test_numbers_of_every_length(void)
{
        for (unsigned digits = 1; digits <= 16; digits++) {
                g_autofree char *ptr = g_strndup("fedcba9876543210", digits);
                g_autofree char *line = g_strdup_printf(FTRACE "kfree: call_site=a ptr=%s", ptr);

                g_assert_cmpint(parse_alone(line), ==, TRACE_KFREE);
                g_assert_cmphex(event.ptr, ==, g_ascii_strtoull(ptr, NULL, 16));
        }
        for (unsigned at = 0; at < 16; at++) { /* every byte in every place: a digit or not */
                for (unsigned c = 1; c < 256; c++) {
                        char ptr[] = "0123456789abcdef", line[128];

                        ptr[at] = (char)c;
                        g_snprintf(line, sizeof(line), FTRACE "kfree: call_site=a ptr=%s", ptr);
                        parse_alone(line);
                        if (g_ascii_isxdigit((char)c)) {
                                g_assert_cmpint(event.kind, ==, TRACE_KFREE);
                                g_assert_cmphex(event.ptr, ==, g_ascii_strtoull(ptr, NULL, 16));
                        } else if (c != ' ' && !(c == 'x' && at == 1) && !(c == '\r' && at == 15)) {
                                g_assert_cmpint(event.kind, ==, TRACE_UNREADABLE);
                        }
                }
        }
        for (unsigned digits = 1; digits <= 10; digits++) {
                g_autofree char *size = g_strndup("1234567890", digits);
                g_autofree char *line = g_strdup_printf(
                        FTRACE "kmalloc: call_site=a ptr=1 bytes_req=%s bytes_alloc=%s gfp_flags=x", size, size);

                g_assert_cmpint(parse_alone(line), ==, TRACE_KMALLOC);
                g_assert_cmpuint(event.bytes_req, ==, g_ascii_strtoull(size, NULL, 10));
                g_assert_cmpuint(event.bytes_alloc, ==, event.bytes_req);
        }
}

static void test_task_of_the_line_before(void)
{
        parse_alone("            bash-7914    [001] .....  3206.955679: kfree: call_site=a ptr=1");
        g_assert_false(event.same_task);
        parse("            bash-7914    [000] .....  3206.955680: kfree: call_site=a ptr=1");
        g_assert_true(event.same_task);
        assert_task("bash", 7914, 0, 3206955680000);
        parse("            bash-79141   [000] .....  3206.955680: kfree: call_site=a ptr=1");
        g_assert_false(event.same_task);
        g_assert_cmpint(event.pid, ==, 79141);
        parse("           sh [3-7914    [000] .....  3206.955680: kfree: call_site=a ptr=1");
        g_assert_false(event.same_task);
        parse("    bash-7914      1..... 1015566us : kfree: call_site=a ptr=1");
        parse("           sh [3-7914    [000] .....  3206.955680: kfree: call_site=a ptr=1");
        g_assert_false(event.same_task);
        /* seven digits fill the columns, eight go beyond them */
        parse("            bash-1234567 [000] .....  3206.955680: kfree: call_site=a ptr=1");
        parse("            bash-12345678 [000] .....  3206.955680: kfree: call_site=a ptr=1");
        g_assert_cmpint(event.pid, ==, 12345678);
        parse("            bash-12345679 [000] .....  3206.955680: kfree: call_site=a ptr=1");
        g_assert_cmpint(event.pid, ==, 12345679);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/import/trace-line/all-printings-say-the-same", test_all_printings);
        g_test_add_func("/import/trace-line/a-comm-may-look-like-anything", test_names_that_are_sentences);
        g_test_add_func("/import/trace-line/each-event-has-its-fields", test_each_event);
        g_test_add_func("/import/trace-line/lines-beside-the-events-are-known", test_lines_beside_the_events);
        g_test_add_func("/import/trace-line/damaged-lines-are-unreadable", test_damaged_lines);
        g_test_add_func("/import/trace-line/numbers-of-every-length", test_numbers_of_every_length);
        g_test_add_func("/import/trace-line/the-task-of-the-line-before", test_task_of_the_line_before);
        return g_test_run();
}
