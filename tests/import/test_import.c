/*
 * test_import.c - whole traces, from text to ops file.
 */
#include "import/import.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

struct result {
        GString *ops;
        struct import_report *report;
        GError *error;
        bool good;
};

static struct result import_file(const char *path, const struct import_options *options)
{
        struct result result = { .ops = g_string_new(NULL) };
        struct ops_sink sink = { ops_sink_append, result.ops };

        result.good = import_trace(path, options, &sink, &result.report, &result.error);
        g_assert_true(result.good == (result.error == NULL));
        g_assert_true(!result.good || result.report != NULL);
        return result;
}

static void clear(struct result *result)
{
        g_string_free(result->ops, TRUE);
        import_report_free(result->report);
        g_clear_error(&result->error);
}

static struct result import_data(const char *name, const struct import_options *options)
{
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "data", name, NULL);

        return import_file(path, options);
}

/* A file with these bytes; g_file_set_contents would wait for the disk. */
static char *make_file(const char *bytes, size_t length)
{
        char *path = NULL;
        int fd = g_file_open_tmp("kmemsim-test-XXXXXX", &path, NULL);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, bytes, length), ==, (gssize)length);
        close(fd);
        return path;
}

static struct result import_bytes(const char *bytes, size_t length, const struct import_options *options)
{
        g_autofree char *path = make_file(bytes, length);
        struct result result = import_file(path, options);

        g_unlink(path);
        return result;
}

static struct result import_text(const char *text, const struct import_options *options)
{
        struct result result = import_bytes(text, strlen(text), options);

        if (!result.good)
                g_test_message("%s", result.error->message);
        return result;
}

/* The lines of the ops one by one. g_strsplit would look through the whole rest for each under a checker of memory. */
static GPtrArray *split_lines(const struct result *result)
{
        GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
        const char *at = result->ops->str, *end = at + result->ops->len, *newline;

        for (; at < end; at = newline + 1) {
                newline = memchr(at, '\n', (size_t)(end - at));
                g_assert_nonnull(newline);
                g_ptr_array_add(lines, g_strndup(at, (size_t)(newline - at)));
        }
        return lines;
}

/* What the ops do: without the lines at the beginning and at the end that hold names and figures. */
static char *op_lines(const struct result *result, bool with_times)
{
        g_autoptr(GPtrArray) lines = split_lines(result);
        GString *out = g_string_new(NULL);

        for (unsigned i = 3; i + 1 < lines->len; i++) {
                char *line = lines->pdata[i], *time = strstr(line, " t="), *rest;

                if (!with_times && time) {
                        rest = strchr(time + 1, ' ');
                        *time = '\0';
                        g_string_append(out, line);
                        g_string_append(out, rest ? rest : "");
                } else {
                        g_string_append(out, line);
                }
                g_string_append_c(out, '\n');
        }
        return g_string_free(out, FALSE);
}

/*
 * What every ops file promises: ids count up from 1 without a gap, what is freed is live, times do not go back, a cache
 * is created once and before it is used.
 */
static void check_ops(const struct result *result)
{
        g_autoptr(GPtrArray) lines = split_lines(result);
        g_autoptr(GHashTable) live = g_hash_table_new(NULL, NULL);
        g_autoptr(GHashTable) caches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        uint64_t last_id = 0, last_time = 0, frees = 0;

        g_assert_cmpuint(lines->len, >=, 4);
        g_assert_cmpstr(lines->pdata[0], ==, "kmemops 1");
        g_assert_true(g_str_has_prefix(lines->pdata[1], "# "));
        g_assert_true(g_str_has_prefix(lines->pdata[2], "machine arch=x86_64 numa=0 cpus="));
        g_assert_true(g_str_has_prefix(lines->pdata[lines->len - 1], "trace format="));
        for (unsigned i = 3; i + 1 < lines->len; i++) {
                g_auto(GStrv) words = g_strsplit(lines->pdata[i], " ", -1);
                uint64_t id, time = 0;

                if (strcmp(words[0], "create") == 0) {
                        g_assert_cmpuint(strlen(words[1]), <=, 31);
                        g_assert_true(g_hash_table_add(caches, g_strdup(words[1])));
                        continue;
                }
                g_assert_true(strlen(words[0]) == 1 && strchr("ampf", words[0][0]));
                g_assert_cmpuint(g_ascii_strtoull(words[1], NULL, 10), <, 8);
                id = g_ascii_strtoull(words[2], NULL, 10);
                if (words[0][0] == 'f') {
                        g_assert_true(g_hash_table_remove(live, GSIZE_TO_POINTER(id)));
                        frees++;
                } else {
                        g_assert_cmpuint(id, ==, ++last_id);
                        g_hash_table_add(live, GSIZE_TO_POINTER(id));
                        if (words[0][0] == 'a')
                                g_assert_true(g_hash_table_contains(caches, words[3]));
                }
                for (int word = 3; words[word]; word++) {
                        if (g_str_has_prefix(words[word], "t="))
                                time = g_ascii_strtoull(words[word] + 2, NULL, 10);
                }
                g_assert_cmpuint(time, >=, last_time);
                last_time = time;
        }
        g_assert_cmpuint(frees, ==, result->report->ops_free);
        g_assert_cmpuint(last_id, ==,
                         result->report->ops_cache_alloc + result->report->ops_kmalloc + result->report->ops_pages);
}

/* -- real printings ------------------------------------------------------------------------------------------------ */

static void test_printings_agree(void)
{
        static const char *const names[] = { "ftrace-latency.txt", "ftrace-noirqinfo.txt", "ftrace-tgid.txt",
                                             "tracecmd.txt",       "tracecmd-l.txt",       "tracecmd-t.txt",
                                             "tracecmd-R.txt" };
        struct result first = import_data("ftrace.txt", NULL);
        g_autofree char *first_ops = op_lines(&first, false);

        g_assert_no_error(first.error);
        check_ops(&first);
        g_assert_cmpuint(first.report->kmem_events, ==, 18);
        g_assert_cmpuint(first.report->lines_unreadable, ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                struct result other = import_data(names[i], NULL);
                g_autofree char *ops = op_lines(&other, false);

                g_assert_no_error(other.error);
                check_ops(&other);
                g_assert_cmpstr(ops, ==, first_ops);
                g_assert_cmpuint(other.report->lines_unreadable, ==, 0);
#define SAME(figure) g_assert_cmpuint(other.report->figure, ==, first.report->figure)
                SAME(kmem_events);
                SAME(object_allocs);
                SAME(object_allocs_accounted);
                SAME(object_frees);
                SAME(object_frees_null);
                SAME(object_frees_unknown);
                SAME(requested_bytes);
                SAME(allocated_bytes);
                SAME(peak_live_allocated_bytes);
                SAME(page_allocs);
                SAME(alloc_sites);
                SAME(free_sites);
#undef SAME
                clear(&other);
        }
        clear(&first);
}

static void test_first_lines(void)
{
        struct result result = import_data("tracecmd-t.txt", NULL);
        g_autofree char *ops = op_lines(&result, true);

        g_assert_true(g_str_has_prefix(ops, "create task_struct size=5952 align=0 flags=none\n"
                                            "a 1 1 task_struct t=26350 task=bash-7914 site=copy_process+0x18a\n"
                                            "create pid size=184 align=0 flags=hwcache_align\n"
                                            "a 1 2 pid t=35276 task=bash-7914 site=prepare_creds+0x1c\n"
                                            "m 1 3 11 t=38120 task=bash-7914 site=lsm_blob_alloc+0x3b\n"));
        clear(&result);
}

static void test_hashed_pointers(void)
{
        struct result result = import_data("ftrace-hashed.txt", NULL);
        g_autoptr(GPtrArray) warnings = import_report_warnings(result.report);

        check_ops(&result);
        g_assert_true(result.report->pointers_hashed);
        g_assert_false(result.report->pages_told_apart);
        g_assert_cmpuint(result.report->ops_pages, ==, result.report->page_allocs);
        g_assert_cmpuint(warnings->len, ==, 1);
        g_assert_nonnull(strstr(warnings->pdata[0], "hashed"));
        clear(&result);
}

static void test_large_kmallocs(void)
{
        struct result result = import_data("ftrace-large.txt", NULL);
        g_autofree char *ops = op_lines(&result, true);

        check_ops(&result);
        g_assert_cmpuint(result.report->object_allocs, ==, 6); /* the two large ones are printed twice */
        g_assert_cmpuint(result.report->object_allocs_over_live, ==, 2);
        g_assert_cmpuint(result.report->kmalloc_events_repeated, ==, 2);
        g_assert_cmpuint(result.report->large_kmalloc_blocks, ==, 2);
        g_assert_cmpuint(result.report->slab_blocks, ==, 0);
        g_assert_cmpstr(ops, ==,
                        "m 1 1 7168 t=0 task=kmcost-9373 site=iovec_from_user+0xcf\n"
                        "f 1 1 t=1000 task=kmcost-9373 site=vfs_writev+0x9c\n"
                        "m 1 2 8192 t=2000 task=kmcost-9373 site=iovec_from_user+0xcf\n"
                        "f 1 2 t=2000 task=kmcost-9373 site=vfs_writev+0x9c\n"
                        "m 1 3 8208 t=4000 task=kmcost-9373 site=iovec_from_user+0xcf\n"
                        "f 1 3 t=6000 task=kmcost-9373 site=vfs_writev+0x9c\n"
                        "m 1 4 8960 t=8000 task=kmcost-9373 site=iovec_from_user+0xcf\n"
                        "f 1 4 t=9000 task=kmcost-9373 site=vfs_writev+0x9c\n"
                        "p 1 5 2 gfp=kernel,comp t=10000 task=kmcost-9373\n"); /* its kmalloc is cut off */
        clear(&result);
}

static void test_lost_events(void)
{
        static const struct {
                const char *name;
                uint64_t lost, places, events;
        } cases[] = {
                { "trace_pipe-lost.txt", 5199 + 4811, 2, 7 },
                { "ftrace-overrun.txt", 10121, 1, 4 },
                { "perf-lost.txt", 8, 1, 6 },
                { "perf.txt", 0, 0, 14 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                struct result result = import_data(cases[i].name, NULL);
                g_autoptr(GPtrArray) warnings = import_report_warnings(result.report);

                check_ops(&result);
                g_assert_cmpuint(result.report->lost_events, ==, cases[i].lost);
                g_assert_cmpuint(result.report->lost_places, ==, cases[i].places);
                g_assert_cmpuint(result.report->kmem_events, ==, cases[i].events);
                g_assert_cmpuint(warnings->len, ==, cases[i].lost ? 1 : 0);
                clear(&result);
        }
}

static void test_stacks_are_passed_over(void)
{
        static const struct {
                const char *name;
                uint64_t events;
        } cases[] = { { "ftrace-stack.txt", 11 },
                      { "perf-callchain.txt", 3 },
                      { "tracecmd-marker.txt", 5 },
                      { "perf-pidtid.txt", 6 } };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                struct result result = import_data(cases[i].name, NULL);

                g_assert_no_error(result.error);
                g_assert_cmpuint(result.report->kmem_events, ==, cases[i].events);
                g_assert_cmpuint(result.report->lines_unreadable, ==, 0);
                g_assert_cmpuint(result.report->other_events, ==, 0);
                clear(&result);
        }
}

static void test_ticks(void)
{
        struct import_options options = { .tsc_khz = 2000000 };
        struct result order = import_data("ftrace-tsc.txt", NULL), ticks = import_data("ftrace-tsc.txt", &options);

        g_assert_true(order.report->times_are_order);
        g_assert_cmpuint(order.report->span_ns, ==, 0);
        g_assert_nonnull(strstr(order.ops->str, " t=2 "));
        g_assert_null(strstr(order.ops->str, " t=10 "));
        g_assert_false(ticks.report->times_are_order);
        g_assert_cmpuint(ticks.report->span_ns, >, 10000);
        check_ops(&order);
        check_ops(&ticks);
        clear(&order);
        clear(&ticks);
}

/* -- rules, on lines made for them --------------------------------------------------------------------------------- */

#define AT(cpu, us) "            bash-7914    [" cpu "] .....  3206." us ": "
#define OBJECT(ptr, name, req, alloc)                                                                          \
        "kmem_cache_alloc: call_site=f+0x1/0x2 ptr=" ptr " name=" name " bytes_req=" req " bytes_alloc=" alloc \
        " gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
#define BUFFER(ptr, req, alloc)                                                         \
        "kmalloc: call_site=f+0x1/0x2 ptr=" ptr " bytes_req=" req " bytes_alloc=" alloc \
        " gfp_flags=GFP_KERNEL node=-1 accounted=false\n"
#define PAGES(pfn, order) "mm_page_alloc: page=0 pfn=" pfn " order=" order " migratetype=0 gfp_flags=GFP_KERNEL\n"

static void assert_ops(const char *trace, const char *expected)
{
        struct result result = import_text(trace, NULL);
        g_autofree char *ops = NULL;

        g_assert_no_error(result.error);
        check_ops(&result);
        ops = op_lines(&result, true);
        g_assert_cmpstr(ops, ==, expected);
        clear(&result);
}

static void test_frees_without_event(void)
{
        assert_ops(
                AT("000", "000001") OBJECT("ffff888100000100", "x", "64", "64")
                AT("001", "000002") "kfree: call_site=f+0x1 ptr=ffff888100000200\n"
                AT("001", "000003") "kfree: call_site=f+0x1 ptr=0000000000000000\n"
                AT("001", "000004") OBJECT("ffff888100000100", "x", "64", "64")
                AT("000", "000005") "kfree: call_site=g+0x1/0x2 ptr=ffff888100000100\n"
                AT("000", "000006") "kfree: call_site=g+0x1/0x2 ptr=ffff888100000100\n"
                AT("000", "000007") PAGES("0x500", "1")
                AT("001", "000008") PAGES("0x500", "0"),
                "create x size=64 align=0 flags=none\n"
                "a 0 1 x t=0 task=bash-7914 site=f+0x1\n"
                "f 1 1 t=3000\n"
                "a 1 2 x t=3000 task=bash-7914 site=f+0x1\n"
                "f 0 2 t=4000 task=bash-7914 site=g+0x1\n"
                "p 0 3 1 t=6000 task=bash-7914\n"
                "f 1 3 t=7000\n"
                "p 1 4 0 t=7000 task=bash-7914\n");
}

static void test_cache_sizes_and_names(void)
{
        assert_ops(
                AT("000", "000001") OBJECT("ffff888100000100", "kmem_cache", "40", "64")
                AT("000", "000001") OBJECT("ffff888100000200", "size-64", "41", "48")
                AT("000", "000001") OBJECT("ffff888100000300", "odd", "40", "96")
                AT("000", "000001") OBJECT("ffff888100000400", "odd", "40", "128")
                AT("000", "000001") OBJECT("ffff888100000500", "odd", "44", "128")
                AT("000", "000001") OBJECT("ffff888100000600", "odd", "40", "96")
                AT("000", "000001") OBJECT("ffff888100000700", "a b#c=d", "4", "8")
                AT("000", "000001") OBJECT("ffff888100000800", "a_b_c_d", "4", "8")
                AT("000", "000001") OBJECT("ffff888100000900", "a-name-that-is-longer-than-a-cache-may-have", "2112",
                        "2112")
                AT("000", "000001") OBJECT("ffff888100000a00", "kmem_cache_node", "131072", "131072")
                AT("000", "000001") OBJECT("ffff888100000b00", "huge", "131080", "131080")
                AT("000", "000001") "kmem_cache_free: call_site=f+0x1 ptr=ffff888100000b00 name=huge\n"
                AT("000", "000001") "kmem_cache_alloc: call_site=f+0x1 ptr=ffff888100000c00 bytes_req=8 "
                        "bytes_alloc=8 gfp_flags=GFP_KERNEL|GFP_DMA\n",
                "create kmem_cache~ size=40 align=0 flags=hwcache_align\n"
                "a 0 1 kmem_cache~ t=0 task=bash-7914 site=f+0x1\n"
                "create size-64~ size=41 align=0 flags=none\n"
                "a 0 2 size-64~ t=0 task=bash-7914 site=f+0x1\n"
                "create odd size=96 align=0 flags=none\n"
                "a 0 3 odd t=0 task=bash-7914 site=f+0x1\n"
                "create odd~128 size=128 align=0 flags=none\n"
                "a 0 4 odd~128 t=0 task=bash-7914 site=f+0x1\n"
                "create odd~128~4 size=128 align=0 flags=none\n"
                "a 0 5 odd~128~4 t=0 task=bash-7914 site=f+0x1\n"
                "a 0 6 odd t=0 task=bash-7914 site=f+0x1\n"
                "create a_b_c_d size=8 align=0 flags=none\n"
                "a 0 7 a_b_c_d t=0 task=bash-7914 site=f+0x1\n"
                "create a_b_c_d~8~6 size=8 align=0 flags=none\n"
                "a 0 8 a_b_c_d~8~6 t=0 task=bash-7914 site=f+0x1\n"
                "create a-name-that-is-longer-than-a-ca size=2112 align=0 flags=none\n"
                "a 0 9 a-name-that-is-longer-than-a-ca t=0 task=bash-7914 site=f+0x1\n"
                "create kmem_cache_node size=131072 align=0 flags=none\n"
                "a 0 10 kmem_cache_node t=0 task=bash-7914 site=f+0x1\n"
                "create cache-8 size=8 align=0 flags=none\n"
                "a 0 11 cache-8 t=0 task=bash-7914 site=f+0x1\n");
}

static void test_sizes_beyond_the_classes(void)
{
        assert_ops(
                AT("000", "000001") BUFFER("ffff888100000000", "131072", "131072")
                AT("000", "000002") BUFFER("ffff888101000000", "131073", "262144")
                AT("000", "000003") BUFFER("ffff888102000000", "4194304", "4194304")
                AT("000", "000004") BUFFER("ffff888103000000", "4194305", "8388608")
                AT("000", "000005") "kfree: call_site=f+0x1/0x2 ptr=ffff888103000000\n"
                AT("000", "000006") "kfree: call_site=f+0x1/0x2 ptr=ffff888102000000\n"
                AT("000", "000007") PAGES("0x100000", "11")
                AT("000", "000008") "mm_page_free: page=0 pfn=0x100000 order=11\n"
                AT("000", "000009") PAGES("0x0", "0")
                AT("000", "000010") BUFFER("0000000000000010", "0", "0")
                AT("000", "000011") BUFFER("0000000000000000", "64", "64"),
                "m 0 1 131072 t=0 task=bash-7914 site=f+0x1\n"
                "p 0 2 6 t=1000 task=bash-7914 site=f+0x1\n"
                "p 0 3 10 t=2000 task=bash-7914 site=f+0x1\n"
                "f 0 3 t=5000 task=bash-7914 site=f+0x1\n");
}

static void test_which_pages(void)
{
        static const char trace[] = AT("000", "000001") PAGES("0x100", "0")     /* somebody's page */
                AT("000", "000002") PAGES("0x108", "3")                         /* a slab */
                AT("000", "000003") OBJECT("ffff88800010f100", "x", "64", "64") /* in its last page */
                AT("000", "000004") PAGES("0x200", "2")                         /* a large kmalloc */
                AT("000", "000005") BUFFER("ffff888000200000", "9000", "16384")
                AT("000", "000006") "kfree: call_site=f+0x1/0x2 ptr=ffff888000200000\n"
                AT("000", "000007") "mm_page_free: page=0 pfn=0x200 order=2\n"
                AT("000", "000008") "mm_page_free_batched: page=0 pfn=0x100 order=0\n"
                AT("000", "000008") "mm_page_free: page=0 pfn=0x100 order=0\n"
                AT("000", "000009") "mm_page_free: page=0 pfn=0x300 order=0\n";
        static const struct {
                enum import_pages pages;
                const char *ops;
        } cases[] = {
                { IMPORT_PAGES_USER,
                  "p 0 1 0\ncreate x size=64 align=0 flags=none\na 0 2 x\nm 0 3 9000\nf 0 3\nf 0 1\n" },
                { IMPORT_PAGES_NONE, "create x size=64 align=0 flags=none\na 0 1 x\nm 0 2 9000\nf 0 2\n" },
                { IMPORT_PAGES_ALL,
                  "p 0 1 0\np 0 2 3\ncreate x size=64 align=0 flags=none\na 0 3 x\np 0 4 2\nm 0 5 9000\n"
                  "f 0 5\nf 0 4\nf 0 1\n" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                struct import_options options = { .pages = cases[i].pages };
                struct result result = import_text(trace, &options);
                g_autofree char *ops = op_lines(&result, false);
                g_autoptr(GRegex) tail = g_regex_new(" task=.*", 0, 0, NULL);
                g_autofree char *bare = g_regex_replace(tail, ops, -1, 0, "", 0, NULL);

                check_ops(&result);
                g_assert_cmpstr(bare, ==, cases[i].ops);
                g_assert_cmpuint(result.report->slab_blocks, ==, 1);
                g_assert_cmpuint(result.report->large_kmalloc_blocks, ==, 1);
                g_assert_cmpuint(result.report->page_frees_unknown, ==, 1);
                clear(&result);
        }
}

/* A kernel that randomises its layout: found out from pairs of events, and then read from the beginning again. */
static void test_page_offset_is_found(void)
{
        g_autoptr(GString) plain = g_string_new(NULL), moved = g_string_new(NULL);
        struct result expected, found, told;
        g_autofree char *expected_ops = NULL, *found_ops = NULL, *told_ops = NULL;
        struct import_options options = { .page_offset = 0xffff9ab840000000 };

        for (unsigned i = 0; i < 20000; i++) {
                uint64_t pfn = 0x1000 + i;
                GString *both[] = { plain, moved };

                for (int which = 0; which < 2; which++) {
                        uint64_t offset = which ? options.page_offset : UINT64_C(0xffff888000000000);

                        g_string_append_printf(both[which],
                                               AT("000", "%06u") "mm_page_alloc: page=0 pfn=0x%" G_GINT64_MODIFIER "x "
                                                       "order=0 migratetype=0 gfp_flags=GFP_KERNEL\n",
                                               i, pfn);
                        if (i % 3) /* the others are no slabs */
                                g_string_append_printf(
                                        both[which],
                                        AT("000", "%06u") "kmem_cache_alloc: call_site=f+0x1 ptr=%" G_GINT64_MODIFIER
                                                "x name=x bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL\n",
                                        i, offset + (pfn << 12) + 64);
                }
        }
        expected = import_bytes(plain->str, plain->len, NULL);
        found = import_bytes(moved->str, moved->len, NULL);
        told = import_bytes(moved->str, moved->len, &options);
        check_ops(&found);
        g_assert_cmphex(expected.report->page_offset, ==, 0xffff888000000000);
        g_assert_cmphex(found.report->page_offset, ==, options.page_offset);
        g_assert_cmpuint(found.report->slab_blocks, ==, expected.report->slab_blocks);
        g_assert_cmpuint(found.report->ops_pages, ==, (20000 + 2) / 3);
        expected_ops = op_lines(&expected, true);
        found_ops = op_lines(&found, true);
        told_ops = op_lines(&told, true);
        g_assert_cmpstr(found_ops, ==, expected_ops);
        g_assert_cmpstr(told_ops, ==, expected_ops);
        clear(&expected);
        clear(&found);
        clear(&told);
}

static void test_many_cpus(void)
{
        static const char trace[] = AT("000", "000001") BUFFER("ffff888100000000", "64", "64") AT("017", "000002")
                BUFFER("ffff888100001000", "64", "64");
        struct import_options two = { .cpus = 2, .mem_mib = 64 };
        struct result result = import_text(trace, NULL);

        g_assert_nonnull(strstr(result.ops->str, " cpus=8 nodes=1 mem_mib=2048 "));
        g_assert_nonnull(strstr(result.ops->str, "\nm 1 2 64 "));
        g_assert_true(result.report->cpus_folded);
        g_assert_cmpuint(result.report->cpus, ==, 18);
        clear(&result);
        result = import_text(trace, &two);
        g_assert_nonnull(strstr(result.ops->str, " cpus=2 nodes=1 mem_mib=64 "));
        clear(&result);
}

static void test_times_that_go_back(void)
{
        assert_ops(AT("000", "000005") BUFFER("ffff888100000000", "64", "64")
                   AT("000", "000003") BUFFER("ffff888100001000", "64", "64")
                   AT("000", "000007") BUFFER("ffff888100002000", "64", "64"),
                   "m 0 1 64 t=0 task=bash-7914 site=f+0x1\n"
                   "m 0 2 64 t=0 task=bash-7914 site=f+0x1\n"
                   "m 0 3 64 t=2000 task=bash-7914 site=f+0x1\n");
}

/* -- files that are no traces -------------------------------------------------------------------------------------- */

static void test_files_without_events(void)
{
        struct result result;
        static const char *const texts[] = { "",
                                             "\n",
                                             "hello\nworld",
                                             "# tracer: nop\n#\n",
                                             "cpus=2\n",
                                             AT("000", "000001") "sched_switch: prev_comm=a\n" };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                result = import_text(texts[i], NULL);
                g_assert_error(result.error, IMPORT_ERROR, IMPORT_ERROR_NO_EVENTS);
                g_assert_nonnull(result.report);
                g_assert_cmpuint(result.ops->len, ==, 0);
                clear(&result);
        }
        result = import_data("ftrace-raw.txt", NULL);
        g_assert_error(result.error, IMPORT_ERROR, IMPORT_ERROR_NO_EVENTS);
        g_assert_nonnull(strstr(result.error->message, "option raw"));
        g_assert_cmpuint(result.report->raw_events, ==, 10);
        clear(&result);
        result = import_file("/nowhere/to/be/found", NULL);
        g_assert_error(result.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
        g_assert_null(result.report);
        clear(&result);
        result = import_file(g_get_tmp_dir(), NULL);
        g_assert_error(result.error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY);
        clear(&result);
}

static void test_damaged_lines_are_counted(void)
{
        g_autoptr(GString) trace = g_string_new("garbage\1\377line\n");
        struct result result;

        g_string_append(trace, AT("000", "000001") BUFFER("ffff888100000000", "64", "64"));
        g_string_append_len(trace, "\0\0\0\n", 4);
        for (int i = 0; i < 300000; i++) /* longer than a line may be, and than a block of the reader */
                g_string_append(trace, "abcdefgh");
        g_string_append(trace, "\n" AT("000", "000002") BUFFER("ffff888100001000", "64", "64"));
        g_string_append(trace, "\r\n" AT("000", "000003") "kfree: call_site=f ptr=ffff888100000000"); /* no newline */
        result = import_bytes(trace->str, trace->len, NULL);
        g_assert_no_error(result.error);
        check_ops(&result);
        g_assert_cmpuint(result.report->kmem_events, ==, 3);
        g_assert_cmpuint(result.report->object_frees_matched, ==, 1);
        g_assert_cmpuint(result.report->lines, ==, 7);
        g_assert_cmpuint(result.report->lines_unreadable, ==, 3);
        g_assert_cmpuint(result.report->first_unreadable_line, ==, 1);
        g_assert_cmpstr(result.report->first_unreadable_text, ==, "garbage\\x01\\xffline");
        clear(&result);
}

/* Wherever a file breaks off, what came before is imported. */
static void test_cut_at_every_byte(void)
{
        static const char *const names[] = { "perf-pidtid.txt", "ftrace-overrun.txt" };

        for (size_t n = 0; n < G_N_ELEMENTS(names); n++) {
                g_autofree char *path = g_test_build_filename(G_TEST_DIST, "data", names[n], NULL), *text = NULL;
                gsize length;

                g_assert_true(g_file_get_contents(path, &text, &length, NULL));
                for (gsize cut = 0; cut < length; cut++) {
                        struct result result = import_bytes(text, cut, NULL);

                        if (result.good)
                                check_ops(&result);
                        else
                                g_assert_error(result.error, IMPORT_ERROR, IMPORT_ERROR_NO_EVENTS);
                        clear(&result);
                }
        }
}

/* -- long files, and trouble on the way ---------------------------------------------------------------------------- */

/* Long enough for the threads that read, parse and write ahead. */
static GString *long_trace(unsigned pairs)
{
        GString *trace = g_string_new(NULL);

        for (unsigned i = 0; i < pairs; i++) {
                uint64_t ptr = UINT64_C(0xffff888100000000) + i % 5003 * 512;

                g_string_append_printf(
                        trace,
                        "            bash-%-7u [%03u] .....  %4u.%06u: kmalloc: call_site=f%u+0x1/0x2 "
                        "ptr=%" G_GINT64_MODIFIER "x bytes_req=%u bytes_alloc=512 gfp_flags=GFP_KERNEL node=-1 "
                        "accounted=false\n",
                        i % 7, i % 3, i / 1000000, i % 1000000, i % 77, ptr, i % 512 + 1);
                if (i % 5)
                        g_string_append_printf(
                                trace,
                                "              sh-%-7u [%03u] .....  %4u.%06u: kfree: call_site=g+0x1/0x2 "
                                "ptr=%" G_GINT64_MODIFIER "x\n",
                                i % 7, i % 4, i / 1000000, i % 1000000, ptr);
        }
        return trace;
}

static void test_long_trace(void)
{
        unsigned pairs = 60000;
        g_autoptr(GString) trace = long_trace(pairs);
        struct result first = import_bytes(trace->str, trace->len, NULL);
        struct result second = import_bytes(trace->str, trace->len, NULL);
        g_autofree char *first_ops = NULL, *second_ops = NULL;

        g_assert_no_error(first.error);
        check_ops(&first);
        g_assert_cmpuint(first.report->object_allocs, ==, pairs);
        g_assert_cmpuint(first.report->object_frees_matched, ==, pairs - pairs / 5);
        g_assert_cmpuint(first.report->lines_unreadable, ==, 0);
        g_assert_cmpuint(first.report->ops_free, ==, pairs - pairs / 5 + first.report->object_allocs_over_live);
        first_ops = op_lines(&first, true);
        second_ops = op_lines(&second, true);
        g_assert_cmpstr(first_ops, ==, second_ops);
        clear(&first);
        clear(&second);
}

static void test_compressed(void)
{
        g_autoptr(GString) trace = long_trace(20000);
        g_autoptr(GConverter) compressor = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
        g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
        g_autoptr(GOutputStream) stream = g_converter_output_stream_new(memory, compressor);
        g_autofree char *plain_ops = NULL, *packed_ops = NULL;
        struct result plain = import_bytes(trace->str, trace->len, NULL), packed, damaged;
        const char *bytes;
        size_t length;

        g_assert_true(g_output_stream_write_all(stream, trace->str, trace->len, NULL, NULL, NULL));
        g_assert_true(g_output_stream_close(stream, NULL, NULL));
        bytes = g_memory_output_stream_get_data(G_MEMORY_OUTPUT_STREAM(memory));
        length = g_memory_output_stream_get_data_size(G_MEMORY_OUTPUT_STREAM(memory));
        packed = import_bytes(bytes, length, NULL);
        g_assert_no_error(packed.error);
        plain_ops = op_lines(&plain, true);
        packed_ops = op_lines(&packed, true);
        g_assert_cmpstr(packed_ops, ==, plain_ops);
        damaged = import_bytes(bytes, length / 2, NULL);
        g_assert_error(damaged.error, G_IO_ERROR, G_IO_ERROR_FAILED);
        g_assert_cmpuint(damaged.ops->len, ==, 0);
        clear(&plain);
        clear(&packed);
        clear(&damaged);
}

struct patience {
        unsigned calls_left;
        bool seen_writing;
};

static bool go_on(const struct import_progress *progress, void *data)
{
        struct patience *patience = data;

        patience->seen_writing |= progress->is_writing;
        g_assert_cmpuint(progress->bytes_read, <=, progress->bytes_total);
        return patience->calls_left-- > 0;
}

/* Stopped at every point where it can be, in reading and in writing. */
static void test_stopped_anywhere(void)
{
        g_autoptr(GString) trace = long_trace(12000);
        bool done = false, seen_writing = false;

        for (unsigned calls = 0; !done; calls++) {
                struct patience patience = { .calls_left = calls };
                struct import_options options = { .progress = go_on, .progress_data = &patience };
                struct result result = import_bytes(trace->str, trace->len, &options);

                done = result.good;
                if (!done) {
                        g_assert_error(result.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
                        seen_writing |= patience.seen_writing;
                }
                clear(&result);
        }
        g_assert_true(seen_writing);
}

struct small_disk {
        size_t room;
};

static bool write_to_disk(void *data, const char *bytes, size_t length, GError **error)
{
        struct small_disk *disk = data;

        (void)bytes;
        if (length > disk->room) {
                g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no room");
                return false;
        }
        disk->room -= length;
        return true;
}

static void test_full_disk(void)
{
        g_autoptr(GString) trace = long_trace(20000);
        g_autofree char *path = make_file(trace->str, trace->len);

        for (size_t room = 0; room < 4000000; room += 150000) {
                struct small_disk disk = { room };
                struct ops_sink sink = { write_to_disk, &disk };
                struct import_report *report = NULL;
                g_autoptr(GError) error = NULL;

                if (import_trace(path, NULL, &sink, &report, &error)) {
                        import_report_free(report);
                        break;
                }
                g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
                g_assert_null(report);
        }
        g_unlink(path);
}

/* The figures that scenarios/traces/README.md shows. */
static void test_sample_of_the_repository(void)
{
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "..", "scenarios", "traces",
                                                      "filestorm-head.tracecmd.txt.xz", NULL);
        struct result result = import_file(path, NULL);

        g_assert_no_error(result.error);
        check_ops(&result);
        g_assert_cmpuint(result.report->lines_unreadable, ==, 0);
        g_assert_cmpuint(result.report->kmem_events, ==, 79997);
        g_assert_cmpuint(result.report->object_allocs, ==, 40796);
        g_assert_cmpuint(result.report->object_frees, ==, 17124);
        g_assert_cmpuint(result.report->object_frees_matched, ==, 17124);
        g_assert_cmpuint(result.report->object_frees_remote, ==, 44);
        g_assert_cmpuint(result.report->object_frees_null, ==, 12601);
        g_assert_cmpuint(result.report->requested_bytes, ==, 43972762);
        g_assert_cmpuint(result.report->allocated_bytes, ==, 44065640);
        g_assert_cmpuint(result.report->peak_live_allocated_bytes, ==, 5761872);
        g_assert_cmpuint(result.report->page_allocs, ==, 4406);
        g_assert_cmpuint(result.report->pages_allocated, ==, 4997);
        g_assert_cmpuint(result.report->slab_blocks, ==, 757);
        g_assert_cmpuint(result.report->span_ns, ==, 207136000);
        g_assert_cmpuint(result.report->ops_written, ==, 61717);
        g_assert_cmpuint(result.report->ops_cache_alloc, ==, 35990);
        g_assert_cmpuint(result.report->ops_kmalloc, ==, 4806);
        g_assert_cmpuint(result.report->ops_pages, ==, 3649);
        g_assert_cmpuint(result.report->ops_free, ==, 17242);
        clear(&result);
}

static void test_report_text(void)
{
        struct result result = import_data("ftrace.txt", NULL);
        g_autoptr(GString) text = g_string_new(NULL), json = g_string_new(NULL);

        import_report_print(result.report, 3, text);
        import_report_print_json(result.report, json);
        g_assert_nonnull(strstr(text->str, "\nkmem_events                    18\n"));
        g_assert_true(g_str_has_prefix(text->str, "format                         ftrace\n"));
        g_assert_nonnull(strstr(json->str, "\n  \"kmem_events\": 18,\n"));
        g_assert_cmpstr(json->str + json->len - 4, ==, "l\n}\n");
        clear(&result);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/import/printings-of-one-buffer-give-the-same-ops", test_printings_agree);
        g_test_add_func("/import/the-first-lines-are-as-expected", test_first_lines);
        g_test_add_func("/import/hashed-pointers-pair-but-say-nothing-about-pages", test_hashed_pointers);
        g_test_add_func("/import/a-large-kmalloc-printed-twice-is-one-op", test_large_kmallocs);
        g_test_add_func("/import/lost-events-are-counted", test_lost_events);
        g_test_add_func("/import/stacks-and-markers-are-passed-over", test_stacks_are_passed_over);
        g_test_add_func("/import/ticks-are-order-unless-their-length-is-given", test_ticks);
        g_test_add_func("/import/a-free-without-event-is-written-before-the-next-alloc", test_frees_without_event);
        g_test_add_func("/import/caches-get-sizes-and-names-of-their-own", test_cache_sizes_and_names);
        g_test_add_func("/import/sizes-beyond-the-classes-become-pages-or-nothing", test_sizes_beyond_the_classes);
        g_test_add_func("/import/pages-of-slabs-are-left-out", test_which_pages);
        g_test_add_func("/import/the-page-offset-is-found", test_page_offset_is_found);
        g_test_add_func("/import/many-cpus-share-eight", test_many_cpus);
        g_test_add_func("/import/times-never-go-back", test_times_that_go_back);
        g_test_add_func("/import/a-file-without-events-is-an-error", test_files_without_events);
        g_test_add_func("/import/damaged-lines-are-counted-and-do-not-stop-it", test_damaged_lines_are_counted);
        g_test_add_func("/import/a-file-may-break-off-anywhere", test_cut_at_every_byte);
        g_test_add_func("/import/a-long-trace-gives-the-same-bytes-twice", test_long_trace);
        g_test_add_func("/import/compressed-files-are-read-alike", test_compressed);
        g_test_add_func("/import/may-be-stopped-anywhere", test_stopped_anywhere);
        g_test_add_func("/import/a-full-disk-is-an-error", test_full_disk);
        g_test_add_func("/import/the-report-prints", test_report_text);
        g_test_add_func("/import/the-sample-of-the-repository", test_sample_of_the_repository);
        return g_test_run();
}
