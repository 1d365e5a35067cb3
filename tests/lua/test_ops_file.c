/*
 * test_ops_file.c - the reader of ops files: what it takes, and that it takes nothing else.
 */
#include <glib.h>
#include <string.h>

#include "script/ops_file.h"
#include "trace/gfp.h"

#define HEAD "kmemops 1\nmachine arch=x86_64 numa=0 cpus=2 nodes=1 mem_mib=64 reserved_pages=300 l1=128 hz=250\n"

static struct ops_file *parse(const char *text)
{
        GError *error = NULL;
        struct ops_file *ops = ops_file_parse("t.ops", text, strlen(text), &error);

        g_assert_no_error(error);
        return ops;
}

static void fails(const char *text, const char *expected)
{
        GError *error = NULL;

        g_assert_null(ops_file_parse("t.ops", text, strlen(text), &error));
        g_assert_error(error, OPS_ERROR, OPS_ERROR_FORMAT);
        g_assert_cmpstr(error->message, ==, expected);
        g_error_free(error);
}

static void test_lines(void)
{
        struct ops_file *ops = parse(
                HEAD "# comment\n\n"
                     "create thing size=100 align=8 flags=hwcache_align,reclaim_account\n"
                     "a 1 10 thing gfp=atomic t=5 task=cc1-7 site=f+0x2   # behind it\n"
                     "n 0 20 size-64 node=0\n"
                     "m 0 30 4096 gfp=dma\r\n"
                     "p 1 40 3 gfp=highuser,cold node=0 t=9\n"
                     "f 0 10\n"
                     "reap 1\nshrink thing\ndestroy thing\ntick 250\ncpu_down 1\ncpu_up 1\ndrain\ndrain 1\nsnap\ndump\n"
                     "trace lines=3 requested_bytes=12\ntrace more=x=y");
        static const uint8_t kinds[] = { OPS_CREATE, OPS_ALLOC,  OPS_ALLOC_NODE, OPS_KMALLOC, OPS_PAGES,    OPS_FREE,
                                         OPS_REAP,   OPS_SHRINK, OPS_DESTROY,    OPS_TICK,    OPS_CPU_DOWN, OPS_CPU_UP,
                                         OPS_DRAIN,  OPS_DRAIN,  OPS_SNAP,       OPS_DUMP };
        const struct ops_line *line;

        g_assert_cmpuint(ops->machine.node_mib[0], ==, 64);
        g_assert_cmpuint(ops->machine.reserved_pages, ==, 300);
        g_assert_cmpuint(ops->machine.line_bytes, ==, 128);
        g_assert_cmpuint(ops->machine.manual_clock, ==, 1);
        g_assert_cmpuint(ops->cpus, ==, 2);
        g_assert_cmpuint(ops_file_count(ops), ==, G_N_ELEMENTS(kinds));
        for (uint32_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                g_assert_cmpuint(ops_file_line(ops, i)->kind, ==, kinds[i]);

        line = ops_file_line(ops, 0);
        g_assert_cmpuint(line->line, ==, 5);
        g_assert_cmpstr(g_array_index(ops->specs, struct cache_spec, line->spec).name, ==, "thing");
        g_assert_cmpuint(g_array_index(ops->specs, struct cache_spec, line->spec).size_bytes, ==, 100);
        g_assert_cmphex(g_array_index(ops->specs, struct cache_spec, line->spec).flags, ==,
                        CACHE_HWCACHE_ALIGN | CACHE_RECLAIM_ACCOUNT);
        line = ops_file_line(ops, 1);
        g_assert_cmpuint(line->cpu, ==, 1);
        g_assert_cmpuint(line->id, ==, 10);
        g_assert_cmpuint(line->object, ==, 0);
        g_assert_cmphex(line->gfp, ==, GFP_ATOMIC);
        g_assert_cmpuint(line->t_ns, ==, 5);
        g_assert_cmpstr(ops_file_name(ops, line->name), ==, "thing");
        g_assert_cmpstr(ops_file_name(ops, line->task), ==, "cc1-7");
        g_assert_cmpstr(ops_file_name(ops, line->site), ==, "f+0x2");
        g_assert_cmpuint(ops_file_line(ops, 2)->node_plus_1, ==, 1);
        g_assert_cmphex(ops_file_line(ops, 2)->gfp, ==, GFP_KERNEL);
        g_assert_cmpuint(ops_file_line(ops, 3)->size, ==, 4096);
        g_assert_cmphex(ops_file_line(ops, 3)->gfp, ==, GFP_KERNEL | __GFP_DMA);
        g_assert_cmpuint(ops_file_line(ops, 4)->order, ==, 3);
        g_assert_cmpuint(ops_file_line(ops, 5)->object, ==, 0);
        g_assert_cmpuint(ops_file_line(ops, 5)->t_ns, ==, OPS_NO_TIME);
        g_assert_cmpuint(ops_file_line(ops, 12)->cpu, ==, OPS_CPU_ALL);
        g_assert_cmpuint(ops_file_line(ops, 13)->cpu, ==, 1);
        g_assert_cmpuint(ops->object_count, ==, 4);
        g_assert_cmpuint(ops->span_ns, ==, 9);
        g_assert_cmpstr(ops_file_fact(ops, "requested_bytes"), ==, "12");
        g_assert_cmpstr(ops_file_fact(ops, "more"), ==, "x=y");
        g_assert_null(ops_file_fact(ops, "less"));
        ops_file_free(ops);
}

static void test_machine(void)
{
        struct ops_file *ops = parse("kmemops 1\nmachine arch=i386 numa=1 cpus=4 nodes=3 mem_mib=64,32,16\n");

        g_assert_cmpuint(ops->machine.arch, ==, ARCH_I386);
        g_assert_cmpuint(ops->machine.node_mib[2], ==, 16);
        ops_file_free(ops);
        ops = parse("kmemops 1\nmachine nodes=2 mem_mib=64\n");
        g_assert_cmpuint(ops->machine.node_mib[1], ==, 64);
        ops_file_free(ops);
}

static void test_errors(void)
{
        fails("", "t.ops:1: this is no kmemops file: it is empty");
        fails("kmemops 2\n", "t.ops:1: this is no kmemops file: the first line must be `kmemops 1'");
        fails("kmemops 1", "t.ops:1: the file has no `machine' line");
        fails("kmemops 1\nm 0 1 5\n", "t.ops:2: the first operation must be `machine'");
        fails(HEAD "machine\n", "t.ops:3: a second `machine' line");
        fails("kmemops 1\nmachine colour=red\n", "t.ops:2: `colour=red' is not understood behind `machine'");
        fails("kmemops 1\nmachine arch=arm\n", "t.ops:2: arch is x86_64 or i386, not `arm'");
        fails("kmemops 1\nmachine nodes=2 mem_mib=1,2,3\n",
              "t.ops:2: mem_mib needs one figure, or one for each of the 2 nodes");
        fails("kmemops 1\nmachine cpus=x\n", "t.ops:2: cpus is no number: `x'");
        fails(HEAD "k 0 1\n", "t.ops:3: `k' is no operation");
        fails(HEAD "m 2 1 5\n", "t.ops:3: a CPU is 2, at most 1 is possible");
        fails(HEAD "m -1 1 5\n", "t.ops:3: a CPU is no number: `-1'");
        fails(HEAD "m\n", "t.ops:3: `m' needs a CPU");
        fails(HEAD "m 0\n", "t.ops:3: `m' needs an id");
        fails(HEAD "m 0 0 5\n", "t.ops:3: an id is 1 or more");
        fails(HEAD "m 0 1\n", "t.ops:3: `m' needs a size");
        fails(HEAD "m 0 1 99999999999999999999\n", "t.ops:3: a size is no number: `99999999999999999999'");
        fails(HEAD "m 0 1 5\nm 1 1 5\n", "t.ops:4: id 1 stands for an earlier allocation already");
        fails(HEAD "f 0 1\n", "t.ops:3: id 1 is freed, but no line above allocated it");
        fails(HEAD "m 0 1 5\nf 0 1\nf 1 1\n", "t.ops:5: id 1 is freed a second time");
        fails(HEAD "m 0 1 5 gfp=kernal\n", "t.ops:3: `kernal' is no gfp flag");
        fails(HEAD "m 0 1 5 node=0\n", "t.ops:3: `node=0' is not understood behind `m'");
        fails(HEAD "m 0 1 5 5\n", "t.ops:3: `5' is not understood behind `m'");
        fails(HEAD "p 0 1 1 node=1\n", "t.ops:3: node is 1, at most 0 is possible");
        fails(HEAD "n 0 1 size-64\n", "t.ops:3: `n' needs node=N");
        fails(HEAD "a 0 1\n", "t.ops:3: `a' needs the name of a cache");
        fails(HEAD "create\n", "t.ops:3: `create' needs the name of a cache");
        fails(HEAD "create x\n", "t.ops:3: `create' needs size=BYTES");
        fails(HEAD "create x size=5 flags=y\n", "t.ops:3: `y' is no flag of a cache");
        fails(HEAD "create x size=5 colour=1\n", "t.ops:3: `colour=1' is not understood behind `create'");
        fails(HEAD "create x123456789012345678901234567890123 size=5\n",
              "t.ops:3: the name of a cache has at most 31 bytes");
        fails(HEAD "snap 1\n", "t.ops:3: `1' is not understood behind `snap'");
        fails(HEAD "trace x\n", "t.ops:3: `trace' needs KEY=VALUE, not `x'");
        fails(HEAD "m 0 1 5 t=-1\n", "t.ops:3: t is no number: `-1'");
}

static void test_nul(void)
{
        static const char text[] = HEAD "m 0 1\0 5\n";
        GError *error = NULL;

        g_assert_null(ops_file_parse("t.ops", text, sizeof(text) - 1, &error));
        g_assert_cmpstr(error->message, ==, "t.ops:3: a NUL byte");
        g_error_free(error);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/script/ops-file/lines", test_lines);
        g_test_add_func("/script/ops-file/machine", test_machine);
        g_test_add_func("/script/ops-file/errors", test_errors);
        g_test_add_func("/script/ops-file/nul-byte", test_nul);
        return g_test_run();
}
