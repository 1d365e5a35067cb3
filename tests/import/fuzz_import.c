/*
 * fuzz_import.c - no bytes whatever may crash an import or make it write an ops file that breaks its promises.
 *
 * As a test it changes the texts in data/ in random ways for three seconds; every round is decided by its seed alone:
 *
 *   fuzz_import              three seconds, from seed 1 on
 *   fuzz_import SEED         this one round again
 *   fuzz_import SEED COUNT   so many rounds
 *
 * With -DKMEMSIM_LIBFUZZER -fsanitize=fuzzer it is a target for libFuzzer, with data/ as the corpus to start from.
 */
#include "import/import.h"

#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each line on its own, in memory that ends where the line does. */
static void parse_lines(const char *text, size_t length)
{
        struct trace_dialect dialect = { 0 };
        const char *at = text, *end = text + length, *newline;
        struct trace_event event;
        char *line;

        for (; at < end; at = newline + 1) {
                newline = memchr(at, '\n', (size_t)(end - at));
                if (!newline)
                        newline = end;
                line = malloc((size_t)(newline - at) + 1);
                memcpy(line + 1, at, (size_t)(newline - at));
                trace_line_parse(&dialect, line + 1, (size_t)(newline - at), &event);
                free(line);
                if (event.kind < TRACE_KMEM_COUNT)
                        g_assert_cmpuint(event.cpu, <=, TRACE_CPU_MAX);
        }
}

static void check_report(const struct import_report *report, const GString *ops)
{
        uint64_t events = 0, lines = 0;

        for (int kind = 0; kind < TRACE_KMEM_COUNT; kind++)
                events += report->event_count[kind];
        for (size_t i = 0; i < ops->len; i++)
                lines += ops->str[i] == '\n';
        g_assert_cmpuint(events, ==, report->kmem_events);
        g_assert_cmpuint(report->kmem_events + report->lines_unreadable, <=, report->lines);
        g_assert_cmpuint(report->object_ops, ==, report->object_allocs + report->object_frees);
        g_assert_cmpuint(report->object_frees, ==,
                         report->object_frees_matched + report->object_frees_unknown + report->object_frees_again);
        g_assert_cmpuint(lines, ==, report->kmem_events ? report->ops_written + 4 : 0);
        g_assert_cmpuint(report->ops_free, <=, report->ops_cache_alloc + report->ops_kmalloc + report->ops_pages);
        g_assert_true(g_utf8_validate(ops->str, (gssize)ops->len, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        g_autoptr(GString) ops = g_string_new(NULL), text = g_string_new(NULL), json = g_string_new(NULL);
        struct ops_sink sink = { ops_sink_append, ops };
        int fd = memfd_create("trace", MFD_CLOEXEC);
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
        struct import_report *report = NULL;
        g_autoptr(GError) error = NULL;

        parse_lines((const char *)data, size);
        g_assert_cmpint(write(fd, data, size), ==, (ssize_t)size);
        import_trace(path, NULL, &sink, &report, &error);
        if (report) { /* not if the bytes happen to be a damaged compressed file */
                check_report(report, ops);
                import_report_print(report, 5, text);
                import_report_print_json(report, json);
                g_assert_true(g_utf8_validate(json->str, (gssize)json->len, NULL));
                g_ptr_array_unref(import_report_warnings(report));
                import_report_free(report);
        }
        close(fd);
        return 0;
}

#ifndef KMEMSIM_LIBFUZZER

#define ROUND_SECONDS 3
#define INPUT_MAX (256u * 1024)

static uint64_t seed, random_state;

static uint64_t next_random(uint64_t below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state % below;
}

static void say_seed(void)
{
        static char text[64];
        int length = g_snprintf(text, sizeof(text), "repeat with: fuzz_import %" G_GUINT64_FORMAT "\n", seed);

        if (write(STDERR_FILENO, text, (size_t)length) < 0)
                return;
}

static void on_signal(int number)
{
        say_seed();
        signal(number, SIG_DFL);
        raise(number);
}

/* There is one if the program was built with a sanitizer. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static int compare_names(gconstpointer a, gconstpointer b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The order of a folder differs between machines; a seed must not. */
static GPtrArray *read_samples(void)
{
        GPtrArray *samples = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "data", NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        const char *name;
        char *contents;
        gsize length;

        g_assert_nonnull(folder);
        while ((name = g_dir_read_name(folder)))
                g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_sort(names, compare_names);
        for (unsigned i = 0; i < names->len; i++) {
                g_autofree char *file = g_build_filename(path, names->pdata[i], NULL);

                g_assert_true(g_file_get_contents(file, &contents, &length, NULL));
                g_ptr_array_add(samples, g_bytes_new_take(contents, length));
        }
        return samples;
}

static void put_token(GByteArray *input, size_t at)
{
        static const char *const tokens[] = {
                "\n",
                "\r\n",
                " ",
                "  ",
                "\t",
                "-",
                "[",
                "]",
                ":",
                "=",
                "#",
                "|",
                "/",
                "0x",
                "ptr=",
                "pfn=0x",
                "name=",
                "order=",
                "gfp_flags=",
                "bytes_req=",
                "bytes_alloc=",
                " bytes_req=",
                "call_site=",
                "kmem:",
                "kmalloc: ",
                "kfree: ",
                "mm_page_alloc: ",
                "mm_page_free: ",
                "18446744073709551615",
                "18446744073709551616",
                "4294967295",
                "4294967296",
                "131073",
                "0",
                "-1",
                "ffffffffffffffff",
                "ffff888000000000",
                "(nil)",
                "(null)",
                "CPU:1 [LOST 1 EVENTS]\n",
                "cpus=2\n",
                " => x\n",
                "# entries-in-buffer/entries-written: 1/2\n",
                "PERF_RECORD_LOST lost 3\n",
                "\xff",
                "\xc3\xa4",
                "name=kmem_cache ",
                "name=size-64 ",
                "order=11 ",
                "order=20 ",
                "GFP_DMA|",
                "0xffffffff",
        };
        const char *token = tokens[next_random(G_N_ELEMENTS(tokens))];

        size_t length = strlen(token), old_length = input->len;

        g_byte_array_set_size(input, (guint)(old_length + length));
        memmove(input->data + at + length, input->data + at, old_length - at);
        memcpy(input->data + at, token, length);
}

static void change(GByteArray *input, const GPtrArray *samples)
{
        size_t at = next_random(input->len + 1), length = next_random(200), size;
        const guint8 *other;
        guint8 byte = (guint8)next_random(256);

        switch (next_random(9)) {
        case 0:
                if (at < input->len)
                        input->data[at] = byte;
                break;
        case 1:
                if (at < input->len)
                        input->data[at] ^= (guint8)(1u << next_random(8));
                break;
        case 2:
        case 3: put_token(input, at); break;
        case 4:
                if (at < input->len)
                        g_byte_array_remove_range(input, (guint)at, (guint)MIN(length, input->len - at));
                break;
        case 5: /* a piece once more */
                length = MIN(length, input->len - at);
                if (length && input->len + length < INPUT_MAX) {
                        g_autofree guint8 *piece = g_memdup2(input->data + at, length);

                        g_byte_array_append(input, piece, (guint)length);
                }
                break;
        case 6: /* a piece of another text */
                other = g_bytes_get_data(samples->pdata[next_random(samples->len)], &size);
                at = next_random(size);
                length = next_random(2000);
                length = MIN(length, size - at);
                if (input->len + length < INPUT_MAX)
                        g_byte_array_append(input, other + at, (guint)length);
                break;
        case 7:
                if (next_random(10) == 0)
                        g_byte_array_set_size(input, (guint)at);
                break;
        default: /* now and then a line that is longer than any */
                if (next_random(50) == 0 && input->len + 100000 < INPUT_MAX) {
                        size = input->len;
                        g_byte_array_set_size(input, (guint)(size + 100000));
                        memset(input->data + size, byte, 100000);
                }
        }
}

static void one_round(const GPtrArray *samples)
{
        g_autoptr(GByteArray) input = g_byte_array_new();
        const guint8 *sample;
        size_t size;

        random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
        for (unsigned i = 0; i < 8; i++)
                next_random(2);
        sample = g_bytes_get_data(samples->pdata[next_random(samples->len)], &size);
        g_byte_array_append(input, sample, (guint)size);
        for (uint64_t left = next_random(40); left > 0; left--)
                change(input, samples);
        LLVMFuzzerTestOneInput(input->data, input->len);
}

int main(int argc, char **argv)
{
        gint64 end = g_get_monotonic_time() + ROUND_SECONDS * G_USEC_PER_SEC;
        g_autoptr(GPtrArray) samples = NULL;
        uint64_t first, count = UINT64_MAX;

        g_test_init(&argc, &argv, NULL);
        first = argc > 1 ? g_ascii_strtoull(argv[1], NULL, 10) : 1;
        if (argc > 1)
                count = argc > 2 ? g_ascii_strtoull(argv[2], NULL, 10) : 1;
        samples = read_samples();
        signal(SIGABRT, on_signal);
        signal(SIGSEGV, on_signal);
        if (__sanitizer_set_death_callback)
                __sanitizer_set_death_callback(say_seed);
        for (seed = first; seed - first < count; seed++) {
                one_round(samples);
                if (count == UINT64_MAX && g_get_monotonic_time() > end)
                        break;
        }
        printf("seeds %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT "\n", first, seed);
        return 0;
}

#endif
