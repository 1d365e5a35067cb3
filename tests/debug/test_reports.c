/*
 * test_reports.c - damage, and what the debug code of 2.6.20 prints about it: every text of spec 07 section 10.5, byte
 * for byte, on the examples of the spec and beyond.
 */
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "observe/slab_log.h"
#include "support/testbed.h"

#define TRACE_64 "<4>\n<4>Call Trace:\n<4>\n"
#define TRACE_32 "<4> =======================\n"
#define BUG      "<0>------------[ cut here ]------------\n<2>kernel BUG at mm/slab.c:"

struct listener {
        struct testbed *bed;
        GString *log;
        uint32_t fatal;
};

static const char *caller_name(uint64_t caller, void *context)
{
        (void)context;
        return caller == 1 ? "foo_get" : caller == 2 ? "foo_put" : caller == CALLER_TASK + 1 ? "tester" : NULL;
}

static void hear(const struct report *report, void *context)
{
        struct listener *listener = context;

        slab_log_report(listener->bed->sim, report, caller_name, NULL, listener->log);
        listener->fatal += report_kind_infos[report->kind].is_fatal;
}

/* A machine, somebody who reads its log, and a cache. */
struct desk {
        struct testbed *bed;
        struct listener listener;
        uint32_t cache;
        uint64_t base;      /* what an address is more than a place */
};

static struct desk *desk_new(enum machine_arch arch, uint32_t size, uint32_t align, uint32_t flags)
{
        struct desk *desk = g_new0(struct desk, 1);
        struct sim_config config = testbed_config(1, 64);

        config.debug_slab = 1;
        config.arch = arch;
        config.line_bytes = arch == ARCH_I386 ? 32 : 64;
        desk->bed = testbed_new(&config);
        desk->listener = (struct listener){ desk->bed, g_string_new(NULL), 0 };
        desk->bed->tape.report = hear;
        desk->bed->tape.report_context = &desk->listener;
        desk->cache = testbed_create(desk->bed, "foo", size, align, flags);
        desk->base = desk->bed->mem->arch->virtual_base;
        return desk;
}

static void desk_free(struct desk *desk)
{
        g_string_free(desk->listener.log, TRUE);
        testbed_free(desk->bed);
        g_free(desk);
}
typedef struct desk desk_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(desk_auto, desk_free)

static uint32_t get(struct desk *desk)
{
        sim_set_site(desk->bed->sim, desk->bed->task[0], 1);
        return testbed_alloc(desk->bed, 0, desk->cache, GFP_KERNEL);
}

static void put(struct desk *desk, uint32_t object)
{
        sim_set_site(desk->bed->sim, desk->bed->task[0], 2);
        testbed_release(desk->bed, 0, object);
}

/* Does not come back from a fatal one: nothing more happens on the machine. */
static void put_address(struct desk *desk, uint64_t place, bool fatal)
{
        struct request request = { .kind = OP_FREE, .object = OBJECT_NONE, .place = place, .size_bytes = 40 };
        uint32_t who;

        sim_set_site(desk->bed->sim, desk->bed->task[0], 2);
        g_assert_null(sim_submit(desk->bed->sim, desk->bed->task[0], &request));
        g_assert_cmpint(sim_run(desk->bed->sim, &who), ==, fatal ? SIM_IDLE : SIM_DONE);
        testbed_flush(desk->bed);
}

static void write_bytes(struct desk *desk, uint64_t place, const char *bytes, uint32_t period, uint32_t count)
{
        struct request request = { .kind = OP_WRITE, .order = (uint8_t)period, .place = place, .size_bytes = count };
        const struct op_record *op;

        for (uint32_t i = 0; i < period; i++)
                request.gfp |= (uint32_t)(uint8_t)bytes[i] << (8 * i);
        op = testbed_do(desk->bed, 0, &request);
        g_assert_cmpuint(op->pfn, ==, place_pfn(place));
        g_assert_cmpuint(op->offset, ==, place_offset(place));
}

static void poke(struct desk *desk, uint64_t place, uint8_t byte)
{
        write_bytes(desk, place, (const char *)&byte, 1, 1);
}

static uint64_t at(const struct desk *desk, uint32_t object)
{
        return testbed_place(desk->bed, object);
}

/* What has been printed since the last time. Lines of `expected` may have %p (address of places[0], [1], ...). */
static void expect(struct desk *desk, const char *expected, const uint64_t *places)
{
        g_autoptr(GString) text = g_string_new(NULL);
        int digits = (int)desk->bed->mem->arch->word_bytes * 2;

        for (const char *from = expected; *from; from++) {
                if (from[0] == '%' && from[1] == 'p') {
                        g_string_append_printf(text, "%0*" PRIx64, digits, desk->base + *places++);
                        from++;
                } else {
                        g_string_append_c(text, *from);
                }
        }
        g_assert_cmpstr(desk->listener.log->str, ==, text->str);
        g_string_truncate(desk->listener.log, 0);
}

/* Objects from the middle of a slab, ascending; the magazine hands out the highest index first. */
static void three(struct desk *desk, uint32_t ret[3])
{
        for (uint32_t i = 3; i-- > 0;)
                ret[i] = get(desk);
        for (uint32_t i = 0; i < 2; i++)
                g_assert_cmpuint(at(desk, ret[i]) + desk->bed->mem->caches[desk->cache].buffer_size, ==,
                                 at(desk, ret[i + 1]));
}

/* The example of the spec: bytes 3, 16 and 33 of a freed object were changed; 16 begins the untested line. */
static void test_corruption(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        uint32_t object[3];
        uint64_t places[3];

        three(desk, object);
        for (uint32_t i = 0; i < 3; i++)
                places[i] = at(desk, object[i]);
        put(desk, object[1]);
        poke(desk, places[1] + 3, 0x6a);
        poke(desk, places[1] + 16, 0x00);
        poke(desk, places[1] + 33, 0x6f);
        expect(desk, "", NULL);
        g_assert_cmpuint(at(desk, get(desk)), ==, places[1]);
        expect(desk,
               "<3>Slab corruption: start=%p, len=40\n"
               "<3>Redzone: 0x5a2cf071/0x5a2cf071.\n"
               "<3>Last user: [<0000000000000002>](foo_put)\n"
               "<3>000: 6b 6b 6b 6a 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n"
               "<3>Single bit error detected. Probably bad RAM.\n"
               "<3>Run memtest86+ or a similar memory test tool.\n"
               "<3>020: 6b 6f 6b 6b 6b 6b 6b a5\n"
               "<3>Prev obj: start=%p, len=40\n"
               "<3>Redzone: 0x170fc2a5/0x170fc2a5.\n"
               "<3>Last user: [<0000000000000001>](foo_get)\n"
               "<3>000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a\n"
               "<3>010: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a\n"
               "<3>Next obj: start=%p, len=40\n"
               "<3>Redzone: 0x170fc2a5/0x170fc2a5.\n"
               "<3>Last user: [<0000000000000001>](foo_get)\n"
               "<3>000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a\n"
               "<3>010: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a\n",
               (uint64_t[]){ places[1], places[0], places[2] });
        /* it was filled anew and handed out: nothing more is found */
        g_assert_cmpuint(testbed_count(desk->bed, EV_SLAB_ERROR, 0), ==, 1);
}

/* Nothing but the untested byte is damaged: nobody sees it;
 * a destroyed 0xa5 one bit off the fill looks like bad RAM. */
static void test_corners(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        uint32_t first = get(desk); /* the highest index of the batch: 15 */
        uint64_t place = at(desk, first), before = place - 64, after = place + 64;

        put(desk, first);
        poke(desk, place + 39, 0x6a);
        g_assert_cmpuint(at(desk, get(desk)), ==, place);
        expect(desk,
               "<3>Slab corruption: start=%p, len=40\n"
               "<3>Redzone: 0x5a2cf071/0x5a2cf071.\n"
               "<3>Last user: [<0000000000000002>](foo_put)\n"
               "<3>020: 6b 6b 6b 6b 6b 6b 6b 6a\n"
               "<3>Single bit error detected. Probably bad RAM.\n"
               "<3>Run memtest86+ or a similar memory test tool.\n"
               "<3>Prev obj: start=%p, len=40\n"
               "<3>Redzone: 0x5a2cf071/0x5a2cf071.\n"
               "<3>Last user: [<0000000000000000>](0x0)\n"
               "<3>000: 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n"
               "<3>010: 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n"
               "<3>Next obj: start=%p, len=40\n"
               "<3>Redzone: 0x5a2cf071/0x5a2cf071.\n"
               "<3>Last user: [<0000000000000000>](0x0)\n"
               "<3>000: 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n"
               "<3>010: 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b\n",
               (uint64_t[]){ place, before, after });
}

/* At most six lines of a large object; on i386, where the words are 4 bytes. */
static void test_six_lines(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_I386, 200, 0, 0);
        g_autoptr(GString) expected = g_string_new("<3>Slab corruption: start=%p, len=200\n"
                                                   "<3>Redzone: 0x5a2cf071/0x5a2cf071.\n"
                                                   "<3>Last user: [<00000002>](foo_put)\n");
        uint32_t object[3];
        uint64_t places[3];

        three(desk, object);
        for (uint32_t i = 0; i < 3; i++)
                places[i] = at(desk, object[i]);
        put(desk, object[1]);
        write_bytes(desk, places[1], "ABCD", 4, 200);
        get(desk);
        for (uint32_t line = 0; line < 6; line++)
                g_string_append_printf(expected, "<3>%03x: 41 42 43 44 41 42 43 44 41 42 43 44 41 42 43 44\n",
                                       line * 16);
        for (uint32_t i = 0; i < 2; i++)
                g_string_append_printf(expected,
                                       "<3>%s obj: start=%%p, len=200\n"
                                       "<3>Redzone: 0x170fc2a5/0x170fc2a5.\n"
                                       "<3>Last user: [<00000001>](foo_get)\n"
                                       "<3>000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a\n"
                                       "<3>010: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a\n",
                                       i ? "Next" : "Prev");
        expect(desk, expected->str, (uint64_t[]){ places[1], places[0], places[2] });
}

/* The example of the spec: the byte 4 before the object was set to 1; and a byte behind the end. */
static void test_red_zones(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        uint32_t object = get(desk);
        uint64_t place = at(desk, object);

        poke(desk, place - 4, 1);
        put(desk, object);
        expect(desk,
               "<3>slab error in verify_redzone_free(): cache `foo': memory outside object was overwritten\n" TRACE_64
               "<3>%p: redzone 1:0x1170fc2a5, redzone 2:0x170fc2a5.\n",
               (uint64_t[]){ place - 8 });
        object = get(desk);
        g_assert_cmpuint(at(desk, object), ==, place);
        expect(desk, "", NULL); /* the free had set the zones */
        poke(desk, place + 40, 0);
        put(desk, object);
        expect(desk,
               "<3>slab error in verify_redzone_free(): cache `foo': memory outside object was overwritten\n" TRACE_64
               "<3>%p: redzone 1:0x170fc2a5, redzone 2:0x170fc200.\n",
               (uint64_t[]){ place - 8 });
        /* a zone of a free object */
        poke(desk, place + 47, 0x80);
        get(desk);
        expect(desk,
               "<3>slab error in cache_alloc_debugcheck_after(): cache `foo': double free, "
               "or memory outside object was overwritten\n"
               TRACE_64 "<3>%p: redzone 1:0x5a2cf071, redzone 2:0x800000005a2cf071\n",
               (uint64_t[]){ place - 8 });
        g_assert_cmpuint(testbed_count(desk->bed, EV_SLAB_ERROR, 0), ==, 3);
}

/* An overrun goes over zone, caller word and the next object's zone, and is seen where it was done and next door. */
static void test_long_overrun(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_I386, 40, 0, 0);
        uint32_t object[3];
        uint64_t places[3];

        three(desk, object);
        for (uint32_t i = 0; i < 3; i++)
                places[i] = at(desk, object[i]);
        write_bytes(desk, places[0] + 40, "\x11\x22\x33\x44", 4, 12);
        put(desk, object[0]);
        expect(desk,
               "<3>slab error in verify_redzone_free(): cache `foo': memory outside object was overwritten\n" TRACE_32
               "<3>%p: redzone 1:0x170fc2a5, redzone 2:0x44332211.\n",
               (uint64_t[]){ places[0] - 4 });
        put(desk, object[1]);
        expect(desk,
               "<3>slab error in verify_redzone_free(): cache `foo': memory outside object was overwritten\n" TRACE_32
               "<3>%p: redzone 1:0x44332211, redzone 2:0x170fc2a5.\n",
               (uint64_t[]){ places[1] - 4 });
        put(desk, object[2]);
        expect(desk, "", NULL);
}

/* "Life of a double free" with red zones: parked twice, handed out twice. */
static void test_double_free(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 16, 0, 0);
        uint32_t object[3], again;
        uint64_t place, before;

        three(desk, object);
        place = at(desk, object[1]);
        before = at(desk, object[0]);
        put(desk, object[1]);
        put_address(desk, place, false);
        expect(desk,
               "<3>slab error in verify_redzone_free(): cache `foo': double free detected\n" TRACE_64
               "<3>%p: redzone 1:0x5a2cf071, redzone 2:0x5a2cf071.\n",
               (uint64_t[]){ place - 8 });
        g_assert_cmpuint(testbed_magazine(desk->bed, desk->cache, 0)->entry[13], ==, place - 8);
        g_assert_cmpuint(testbed_magazine(desk->bed, desk->cache, 0)->entry[14], ==, place - 8);
        again = get(desk);
        g_assert_cmpuint(at(desk, again), ==, place);
        expect(desk, "", NULL);
        g_assert_cmpuint(at(desk, get(desk)), ==, place);
        expect(desk,
               "<3>Slab corruption: start=%p, len=16\n"
               "<3>Redzone: 0x170fc2a5/0x170fc2a5.\n"
               "<3>Last user: [<0000000000000001>](foo_get)\n"
               "<3>000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a a5\n"
               "<3>Prev obj: start=%p, len=16\n"
               "<3>Redzone: 0x170fc2a5/0x170fc2a5.\n"
               "<3>Last user: [<0000000000000001>](foo_get)\n"
               "<3>000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a a5\n"
               "<3>Next obj: start=%p, len=16\n"
               "<3>Redzone: 0x170fc2a5/0x170fc2a5.\n"
               "<3>Last user: [<0000000000000001>](foo_get)\n"
               "<3>000: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a a5\n"
               "<3>slab error in cache_alloc_debugcheck_after(): cache `foo': double free, "
               "or memory outside object was overwritten\n"
               TRACE_64 "<3>%p: redzone 1:0x170fc2a5, redzone 2:0x170fc2a5\n",
               (uint64_t[]){ place, before, at(desk, object[2]), place - 8 });
        g_assert_cmpstr(sim_audit(desk->bed->sim), ==, NULL);
}

/* Both copies flow back to the slab: the machine stops. The lock stays held, and nothing happens any more. */
static void test_double_free_in_slab(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        struct request request = { .kind = OP_SHRINK, .cache = desk->cache };
        uint32_t object = get(desk), who;
        uint64_t place = at(desk, object);

        put(desk, object);
        put_address(desk, place, false);
        g_string_truncate(desk->listener.log, 0);
        g_assert_null(sim_submit(desk->bed->sim, desk->bed->task[0], &request));
        g_assert_cmpint(sim_run(desk->bed->sim, &who), ==, SIM_IDLE);
        expect(desk, "<3>slab: double free detected in cache 'foo', objp %p\n" BUG "2681!\n",
               (uint64_t[]){ place - 8 });
        g_assert_cmpuint(desk->listener.fatal, ==, 1);
        g_assert_cmpint(sim_run(desk->bed->sim, &who), ==, SIM_IDLE);
}

/* The example of the spec: 59 objects, 16 of them out, the bufctl of object 50 says 70. */
static void test_chain(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        struct request request = { .kind = OP_SHRINK, .cache = desk->cache };
        uint32_t object = get(desk), who;
        uint64_t place = at(desk, object), slab = place_of(place_pfn(place), 0);
        g_autofree char *head = NULL, *s_mem = NULL;
        const char *log;

        put(desk, object);
        write_bytes(desk, slab + 48 + 4 * 50, "\x46\0\0\0", 4, 4);
        g_assert_null(sim_submit(desk->bed->sim, desk->bed->task[0], &request));
        g_assert_cmpint(sim_run(desk->bed->sim, &who), ==, SIM_IDLE);
        log = desk->listener.log->str;
        head = g_strdup_printf("<3>slab: Internal list corruption detected in cache 'foo'(59), slabp %016" PRIx64
                               "(16). Hexdump:\n<4>\n<4>000: 00 01 10 00 00 00 00 00 00 02 20 00 00 00 00 00\n"
                               "<4>010: 20 01",
                               desk->base + slab);
        g_assert_true(g_str_has_prefix(log, head));
        s_mem = g_strdup_printf(" 00 00 00 00 00 00 20 %02x %02x %02x 00 81 ff ff\n"
                                "<4>020: 10 00 00 00 10 00 00 00 00 00 00 00"
                                " 00 00 00 00\n<4>030: fe ff ff ff fe ff ff ff fe ff ff ff fe ff ff ff\n",
                                (unsigned)(slab >> 8 & 0xff) + 1, (unsigned)(slab >> 16 & 0xff),
                                (unsigned)(slab >> 24 & 0xff));
        g_assert_nonnull(strstr(log, s_mem));
        g_assert_nonnull(strstr(log, "\n<4>070: 11 00 00 00 12 00 00 00 13 00 00 00 14 00 00 00\n"));
        g_assert_nonnull(strstr(log, "\n<4>0f0: 31 00 00 00 32 00 00 00 46 00 00 00 34 00 00 00\n"));
        g_assert_true(g_str_has_suffix(log, "\n<4>110: 39 00 00 00 3a 00 00 00 ff ff ff ff\n" BUG "2938!\n"));
}

/* The chain is checked while the slab is on a list as well: the links are those of the list. */
static void test_chain_on_list(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_I386, 200, 0, 0);
        struct request request = { .kind = OP_ALLOC, .cache = desk->cache, .gfp = GFP_KERNEL };
        uint32_t who, first = get(desk);
        uint64_t slab = place_of(place_pfn(at(desk, first)), 0);
        uint64_t list3 = desk->base + testbed_lists(desk->bed, desk->cache)->place;
        g_autofree char *expected = NULL;

        for (uint32_t i = 1; i < 16; i++)
                get(desk);
        poke(desk, slab + 16, 9); /* inuse, 16 */
        g_assert_null(sim_submit(desk->bed->sim, desk->bed->task[0], &request));
        g_assert_cmpint(sim_run(desk->bed->sim, &who), ==, SIM_IDLE);
        expected = g_strdup_printf("<3>slab: Internal list corruption detected in cache 'foo'(18), "
                                   "slabp %08x(9). Hexdump:\n"
                                   "<4>\n<4>000: %02x %02x %02x %02x %02x %02x %02x %02x 64 00 00 00 64",
                                   (uint32_t)(desk->base + slab), (unsigned)(list3 & 0xff),
                                   (unsigned)(list3 >> 8 & 0xff), (unsigned)(list3 >> 16 & 0xff),
                                   (unsigned)(list3 >> 24 & 0xff), (unsigned)(list3 & 0xff),
                                   (unsigned)(list3 >> 8 & 0xff), (unsigned)(list3 >> 16 & 0xff),
                                   (unsigned)(list3 >> 24 & 0xff));
        g_assert_true(g_str_has_prefix(desk->listener.log->str, expected));
        g_assert_true(g_str_has_suffix(desk->listener.log->str, BUG "2938!\n"));
}

/* A chain in another order that is one all the same is the slab's from then on. */
static void test_chain_reordered(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 1100, 0, 0); /* 7 objects, header on-slab */
        uint32_t first = get(desk);
        const struct slab *slab;
        uint64_t header, place;

        for (uint32_t i = 1; i < 7; i++)
                get(desk);
        place = at(desk, first);
        put(desk, first);
        testbed_shrink(desk->bed, 0, desk->cache);
        slab = &desk->bed->mem->slabs[memory_slab_of(desk->bed->mem, place)];
        header = place_of(slab->pfn, 0) + slab->colouroff - desk->bed->mem->caches[desk->cache].slab_size;
        g_assert_cmpuint(slab->inuse, ==, 6);
        expect(desk, "", NULL);
        poke(desk, header + 40, 0xff); /* nodeid */
        get(desk);
        expect(desk, "<4>BUG: at mm/slab.c:2662 slab_get_obj()\n" TRACE_64, NULL);
        put(desk, first);
        testbed_shrink(desk->bed, 0, desk->cache);
        expect(desk, "<4>BUG: at mm/slab.c:2676 slab_put_obj()\n" TRACE_64, NULL);
}

/* A mark overwritten: the object cannot come back, which looks like a double free. */
static void test_mark(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        struct request request = { .kind = OP_SHRINK, .cache = desk->cache };
        uint64_t place = at(desk, get(desk)), slab = place_of(place_pfn(place), 0);
        uint32_t who;

        write_bytes(desk, slab + 48, "\x07\0\0\0", 4, 4); /* bufctl of object 0, which is in the magazine */
        g_assert_null(sim_submit(desk->bed->sim, desk->bed->task[0], &request));
        g_assert_cmpint(sim_run(desk->bed->sim, &who), ==, SIM_IDLE);
        expect(desk, "<3>slab: double free detected in cache 'foo', objp %p\n" BUG "2681!\n",
               (uint64_t[]){ slab + 0x120 });
}

/* What lies in a slab that goes is looked at. */
static void test_destroyed(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        uint32_t object = get(desk);
        uint64_t place = at(desk, object);

        put(desk, object);
        poke(desk, place - 8, 0);
        poke(desk, place + 40, 0);
        g_assert_cmpuint(testbed_shrink(desk->bed, 0, desk->cache), ==, 0);
        expect(desk,
               "<3>slab error in slab_destroy_objs(): cache `foo': start of a freed object was overwritten\n" TRACE_64
               "<3>slab error in slab_destroy_objs(): cache `foo': end of a freed object was overwritten\n" TRACE_64,
               NULL);
        object = get(desk);
        place = at(desk, object);
        put(desk, object);
        poke(desk, place, 'x');
        g_assert_cmpuint(testbed_shrink(desk->bed, 0, desk->cache), ==, 0);
        g_assert_true(g_str_has_prefix(desk->listener.log->str, "<3>Slab corruption: start="));
        g_assert_nonnull(strstr(desk->listener.log->str, "<3>000: 78 6b 6b 6b"));
}

/* kfree of what is no object. */
static void test_bad_pointers(void)
{
        struct { uint64_t offset; const char *text; } cases[] = {
                { (uint64_t)1 << 40, "<3>kfree_debugcheck: out of range ptr %lxh.\n" BUG "2822!\n" },
                { (uint64_t)20 << 20, "<3>kfree_debugcheck: bad ptr %lxh.\n" BUG "2828!\n" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
                g_autofree char *address = g_strdup_printf("%" PRIx64, desk->base + cases[i].offset);
                g_auto(GStrv) parts = g_strsplit(cases[i].text, "%lx", 2);
                g_autofree char *expected = g_strjoinv(address, parts);

                put_address(desk, cases[i].offset, true);
                expect(desk, expected, NULL);
                g_assert_cmpuint(desk->listener.fatal, ==, 1);
        }
}

/* An address inside of an object: first its "zones", which are no zones, then the index check. */
static void test_bad_index(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        uint64_t place = at(desk, get(desk));

        put_address(desk, place + 8, true);
        expect(desk,
               "<3>slab error in verify_redzone_free(): cache `foo': memory outside object was overwritten\n" TRACE_64
               "<3>%p: redzone 1:0x5a5a5a5a5a5a5a5a, redzone 2:0x1.\n" BUG "2878!\n",
               (uint64_t[]){ place });
}

static void test_before_first(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        uint64_t slab = place_of(place_pfn(at(desk, get(desk))), 0);

        put_address(desk, slab + 64 + 8, true); /* in the bufctls */
        g_assert_true(g_str_has_suffix(desk->listener.log->str, BUG "2877!\n"));
}

/* A cache without red zones: a double free shows only when both copies are out, or back. Poison alone is looked at. */
static void test_poison_only(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 64, 256, 0);
        uint32_t object = get(desk);
        uint64_t place = at(desk, object);

        g_assert_cmpuint(desk->bed->mem->caches[desk->cache].obj_offset, ==, 0);
        put(desk, object);
        put_address(desk, place, false);
        expect(desk, "", NULL);
        get(desk);
        expect(desk, "", NULL);
        get(desk);
        g_assert_true(g_str_has_prefix(desk->listener.log->str, "<3>Slab corruption: start="));
        g_assert_null(strstr(desk->listener.log->str, "Redzone"));
        g_assert_null(strstr(desk->listener.log->str, "Last user"));
        g_assert_nonnull(strstr(desk->listener.log->str, "<3>030: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a a5\n"));
}

/* A cache freed by RCU has red zones and no poison: a freed object may be written to. */
static void test_rcu(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 200, 0, CACHE_DESTROY_BY_RCU);
        uint32_t object = get(desk);
        uint64_t place = at(desk, object);

        put(desk, object);
        poke(desk, place, 1);
        get(desk);
        expect(desk, "", NULL);
        poke(desk, place + 200, 1);
        put_address(desk, place, false);
        g_assert_true(g_str_has_prefix(desk->listener.log->str, "<3>slab error in verify_redzone_free(): cache `foo'"));
}

/* Who used it last: the allocator's own functions, a task without call sites, and a word that was written over. */
static void test_callers(void)
{
        g_autoptr(GString) text = g_string_new(NULL);

        slab_log_symbol(CALLER_KERNEL + CALLER_TUNE, caller_name, NULL, text);
        g_string_append_c(text, ' ');
        slab_log_symbol(CALLER_TASK + 1, caller_name, NULL, text);
        g_string_append_c(text, ' ');
        slab_log_symbol(0x4141414141414141u, caller_name, NULL, text);
        g_assert_cmpstr(text->str, ==, "do_tune_cpucache tester 0x4141414141414141");
}

static uint32_t create(struct desk *desk, const char *name, uint32_t flags, uint32_t ctor_cycles, uint32_t dtor_cycles)
{
        struct cache_spec spec = {
                .size_bytes = 200, .flags = flags, .ctor_cycles = ctor_cycles, .dtor_cycles = dtor_cycles
        };
        struct request request = { .kind = OP_CREATE, .spec = &spec };

        g_strlcpy(spec.name, name, sizeof(spec.name));
        g_assert_cmpuint(testbed_do(desk->bed, 0, &request)->result, ==, 0);
        return desk->bed->done.cache;
}

/* How long an allocation from the cache, and the free of what it got, take: a refill and a hit. */
static void time_cache(struct desk *desk, uint32_t cache, uint64_t ret_ns[4])
{
        for (uint32_t i = 0; i < 4; i += 2) {
                uint32_t object = testbed_alloc(desk->bed, 0, cache, GFP_KERNEL);

                ret_ns[i] = desk->bed->done.dur_ns;
                testbed_release(desk->bed, 0, object);
                ret_ns[i + 1] = desk->bed->done.dur_ns;
        }
}

/* 3000 cycles of a constructor are 1 us. A poisoned cache constructs at every allocation and takes down at every free;
 * one without poison when a slab is made (17 objects), as without debugging; SLAB_DEBUG_INITIAL looks at each free. */
static void test_constructors(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 40, 0, 0);
        static const struct {
                const char *name;
                uint32_t flags, ctor_cycles, dtor_cycles;
                uint64_t more_ns[4]; /* than the same cache without: grow, free, hit, free */
        } cases[] = {
                { "poisoned", 0, 3000, 0, { 1000, 0, 1000, 0 } },
                { "both", 0, 3000, 6000, { 1000, 2000, 1000, 2000 } },
                { "rcu", CACHE_DESTROY_BY_RCU, 3000, 0, { 17000, 0, 0, 0 } },
                { "initial", CACHE_DEBUG_INITIAL, 3000, 0, { 1000, 1000, 1000, 1000 } },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *plain_name = g_strconcat(cases[i].name, "-plain", NULL);
                uint32_t plain = create(desk, plain_name, cases[i].flags & ~CACHE_DEBUG_INITIAL, 0, 0);
                uint32_t cache =
                        create(desk, cases[i].name, cases[i].flags, cases[i].ctor_cycles, cases[i].dtor_cycles);
                uint64_t without[4], with[4];

                time_cache(desk, plain, without);
                time_cache(desk, cache, with);
                for (uint32_t k = 1; k < 4; k++)
                        g_assert_cmpuint(with[k] - without[k], ==, cases[i].more_ns[k]);
                g_assert_cmpuint(with[0] - without[0] + 100, >, cases[i].more_ns[0]); /* page lists may be refilled */
                g_assert_cmpuint(with[0] - without[0], <, cases[i].more_ns[0] + 100);
        }
        expect(desk, "", NULL);
        create(desk, "bare", CACHE_DEBUG_INITIAL, 0, 0);
        expect(desk, "<3>kmem_cache_create: No con, but init state check requested - bare\n", NULL);
        g_assert_cmpuint(desk->bed->mem->caches[desk->bed->done.cache].flags & CACHE_DEBUG_INITIAL, ==, 0);
}

/* Costs of section 10.7: a hit of a debug build takes the steps of an ordinary one, and the checks on top. */
static void test_costs(void)
{
        g_autoptr(desk_auto) desk = desk_new(ARCH_X86_64, 200, 0, 0);
        const struct sim_config config = testbed_config(1, 64);
        const uint32_t *cost = config.cost_cycles;
        uint64_t check = 200 * cost[COST_POISON_BYTE], fill = 50 * cost[COST_FILL_WORD] + 4 * cost[COST_MISS];
        uint32_t object = get(desk), alloc_cycles, free_cycles;

        put(desk, object);
        object = get(desk);
        alloc_cycles = (uint32_t)(check + fill + cost[COST_DEBUG_OBJ]);
        g_assert_cmpuint(desk->bed->done.dur_ns, ==, (cost[COST_ENTER] + 1) / 3 + (cost[COST_IRQ] + 1) / 3 +
                                                     (cost[COST_MAG_POP] + 1) / 3 + (alloc_cycles + 1) / 3);
        put(desk, object);
        free_cycles = (uint32_t)(fill + cost[COST_DEBUG_OBJ]);
        g_assert_cmpuint(desk->bed->done.dur_ns, ==, (cost[COST_ENTER] + 1) / 3 + (cost[COST_IRQ] + 1) / 3 +
                                                     (cost[COST_FREE_LOOKUP] + 1) / 3 + (cost[COST_MAG_PUT] + 1) / 3 +
                                                     (free_cycles + 1) / 3);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/debug/reports/slab-corruption", test_corruption);
        g_test_add_func("/debug/reports/single-bit-in-the-last-byte", test_corners);
        g_test_add_func("/debug/reports/at-most-six-lines", test_six_lines);
        g_test_add_func("/debug/reports/red-zones", test_red_zones);
        g_test_add_func("/debug/reports/an-overrun-into-the-next-object", test_long_overrun);
        g_test_add_func("/debug/reports/life-of-a-double-free", test_double_free);
        g_test_add_func("/debug/reports/double-free-back-in-the-slab", test_double_free_in_slab);
        g_test_add_func("/debug/reports/list-corruption", test_chain);
        g_test_add_func("/debug/reports/list-corruption-of-a-linked-slab", test_chain_on_list);
        g_test_add_func("/debug/reports/wrong-node", test_chain_reordered);
        g_test_add_func("/debug/reports/a-mark-overwritten", test_mark);
        g_test_add_func("/debug/reports/slab-destroyed", test_destroyed);
        g_test_add_func("/debug/reports/kfree-of-bad-pointers", test_bad_pointers);
        g_test_add_func("/debug/reports/kfree-inside-an-object", test_bad_index);
        g_test_add_func("/debug/reports/kfree-before-the-first-object", test_before_first);
        g_test_add_func("/debug/reports/poison-without-red-zones", test_poison_only);
        g_test_add_func("/debug/reports/red-zones-without-poison", test_rcu);
        g_test_add_func("/debug/reports/callers", test_callers);
        g_test_add_func("/debug/constructors", test_constructors);
        g_test_add_func("/debug/costs-of-a-hit", test_costs);
        return g_test_run();
}
