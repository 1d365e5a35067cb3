/*
 * test_pairing.c - the parts that remember: which free belongs to which alloc, which page blocks are slabs, how long
 * objects lived; each against a plain model of itself.
 */
#include "import/gfp_names.h"
#include "import/page_map.h"
#include "import/pairing.h"
#include "import/spool.h"

#include <string.h>

/* Numbers that are the same in every run. */
static uint64_t random_state = 1;

static uint64_t next_random(uint64_t below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state % below;
}

/* -- objects ------------------------------------------------------------------------------------------------------- */

struct fixture {
        struct import_report *report;
        struct pairing pairing;
        struct page_map *pages;
};

static void set_up(struct fixture *fixture, gconstpointer data)
{
        (void)data;
        fixture->report = import_report_new();
        pairing_init(&fixture->pairing, fixture->report);
        fixture->pages = g_new(struct page_map, 1);
        page_map_init(fixture->pages, fixture->report, PAGE_OFFSET_DEFAULT);
        for (int i = 0; i < OBJECT_INTERFACE_COUNT; i++)
                g_array_set_size(fixture->report->caches[i], 4);
}

static void tear_down(struct fixture *fixture, gconstpointer data)
{
        (void)data;
        pairing_clear(&fixture->pairing);
        page_map_clear(fixture->pages);
        g_free(fixture->pages);
        import_report_free(fixture->report);
}

static bool alloc(struct fixture *fixture, uint64_t ptr, uint64_t id, uint32_t bytes, uint16_t cpu)
{
        struct pair_object object = { .ptr = ptr, .id = id, .bytes_req = bytes - 1, .bytes_alloc = bytes, .cpu = cpu },
                           old;

        pairing_alloc(&fixture->pairing, &object, &old);
        return old.live;
}

static void test_kinds_of_free(struct fixture *fixture, gconstpointer data)
{
        const struct import_report *report = fixture->report;
        struct pair_object object;

        (void)data;
        g_assert_false(alloc(fixture, 0x1000, 1, 64, 0));
        g_assert_false(alloc(fixture, 0x2000, 2, 32, 0));
        g_assert_true(pairing_free(&fixture->pairing, 0x1000, 7, 1, FROM_CACHE, &object));
        g_assert_cmpuint(object.id, ==, 1);
        g_assert_cmpuint(report->object_frees_remote, ==, 1);
        g_assert_cmpuint(report->cross_interface_frees, ==, 0);
        g_assert_false(pairing_free(&fixture->pairing, 0x1000, 8, 1, FROM_CACHE, &object));
        g_assert_cmpuint(report->object_frees_again, ==, 1);
        g_assert_false(pairing_free(&fixture->pairing, 0x3000, 8, 1, FROM_CACHE, &object));
        g_assert_cmpuint(report->object_frees_unknown, ==, 1);
        g_assert_false(pairing_free(&fixture->pairing, 0x3000, 8, 1, FROM_CACHE, &object));
        g_assert_cmpuint(report->object_frees_again, ==, 2); /* it was the subject of a free before */
        g_assert_true(alloc(fixture, 0x2000, 3, 128, 0));
        g_assert_cmpuint(report->object_allocs_over_live, ==, 1);
        g_assert_true(pairing_free(&fixture->pairing, 0x2000, 9, 0, FROM_KMALLOC, &object));
        g_assert_cmpuint(object.id, ==, 3);
        g_assert_cmpuint(report->cross_interface_frees, ==, 1);
        g_assert_cmpuint(report->peak_live_allocated_bytes, ==, 128);
        g_assert_cmpuint(report->peak_live_requested_bytes, ==, 127);
        g_assert_cmpuint(report->peak_at_op, ==, 7);
        g_assert_cmpuint(report->peak_live_objects, ==, 2);
        pairing_finish(&fixture->pairing);
        g_assert_cmpuint(report->live_objects_end, ==, 0);
}

/* Thousands of addresses at the distances of slabs, against a GHashTable. */
static void test_against_hash_table(struct fixture *fixture, gconstpointer data)
{
        g_autoptr(GHashTable) model = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        struct pair_object object;
        uint64_t live_bytes = 0, peak = 0;

        (void)data;
        for (uint64_t op = 1; op < 200000; op++) {
                uint64_t ptr = UINT64_C(0xffff888100000000) + next_random(3000) * 4096 + next_random(16) * 256;
                gpointer known = g_hash_table_lookup(model, &ptr);

                if (next_random(2)) {
                        g_assert_true(alloc(fixture, ptr, op, 256, 0) == (known != NULL));
                        g_hash_table_insert(model, g_memdup2(&ptr, sizeof(ptr)), GSIZE_TO_POINTER(op));
                        live_bytes += known ? 0 : 256;
                        peak = MAX(peak, live_bytes);
                } else {
                        g_assert_true(pairing_free(&fixture->pairing, ptr, op, 0, FROM_CACHE, &object) ==
                                      (known != NULL));
                        if (known) {
                                g_assert_cmpuint(object.id, ==, GPOINTER_TO_SIZE(known));
                                g_hash_table_remove(model, &ptr);
                                live_bytes -= 256;
                        }
                }
        }
        pairing_finish(&fixture->pairing);
        g_assert_cmpuint(fixture->report->live_objects_end, ==, g_hash_table_size(model));
        g_assert_cmpuint(fixture->report->live_allocated_bytes_end, ==, live_bytes);
        g_assert_cmpuint(fixture->report->peak_live_allocated_bytes, ==, peak);
}

/* -- pages --------------------------------------------------------------------------------------------------------- */

static uint64_t address_of(uint64_t pfn, uint64_t offset)
{
        return PAGE_OFFSET_DEFAULT + (pfn << 12) + offset;
}

static void alloc_block(struct fixture *fixture, uint64_t pfn, unsigned order, uint64_t id)
{
        struct page_block old;

        page_map_alloc(fixture->pages, pfn, order, 0, &old)->id = id;
}

static void test_slab_blocks(struct fixture *fixture, gconstpointer data)
{
        const struct import_report *report = fixture->report;
        struct page_block block;

        (void)data;
        alloc_block(fixture, 0x1000, 3, 1);
        alloc_block(fixture, 0x1008, 0, 2);
        alloc_block(fixture, 0x3000, 2, 3);
        page_map_object(fixture->pages, address_of(0x1007, 4095), false); /* last byte of the first block */
        page_map_object(fixture->pages, address_of(0x1007, 0), false);
        page_map_object(fixture->pages, address_of(0x1009, 0), false); /* in none */
        page_map_object(fixture->pages, 0x1234, false);                /* no address of the linear mapping */
        g_assert_cmpuint(report->slab_blocks, ==, 1);
        g_assert_cmpuint(report->slab_block_pages, ==, 8);
        g_assert_false(page_map_object(fixture->pages, address_of(0x3000, 0), true));
        g_assert_true(page_map_object(fixture->pages, address_of(0x3000, 0), true));
        g_assert_true(page_map_object(fixture->pages, address_of(0x3000, 0), false)); /* its kfree makes it no slab */
        g_assert_cmpuint(report->slab_blocks, ==, 1);
        g_assert_cmpuint(report->large_kmalloc_blocks, ==, 1);
        g_assert_cmpuint(fixture->pages->taken->len, ==, 2);
        g_assert_cmpuint(g_array_index(fixture->pages->taken, uint64_t, 0), ==, 1);
        g_assert_cmpuint(g_array_index(fixture->pages->taken, uint64_t, 1), ==, 3);
        g_assert_true(page_map_free(fixture->pages, 0x1000, 3, 1, &block));
        g_assert_cmpuint(block.id, ==, 1);
        g_assert_cmpuint(report->page_frees_remote, ==, 1);
        g_assert_cmpuint(report->slab_blocks_freed, ==, 1);
        alloc_block(fixture, 0x1000, 3, 4); /* the same pages, now somebody else's */
        g_assert_cmpuint(fixture->pages->taken->len, ==, 2);
        g_assert_false(page_map_free(fixture->pages, 0x1001, 0, 1, &block)); /* not its first page */
        page_map_finish(fixture->pages);
        g_assert_cmpuint(report->live_pages_end, ==, 8 + 1 + 4);
        g_assert_cmpuint(report->peak_live_pages, ==, 13);
}

/* Blocks of all orders that overlap, as when frees are missing; the model is the definition, written down slowly. */
static void test_blocks_against_model(struct fixture *fixture, gconstpointer data)
{
        enum { PAGES = 4096, BLOCKS = 20000 };
        struct block {
                uint64_t pfn;
                unsigned order;
                bool live, slab;
        } *blocks = g_new0(struct block, BLOCKS + 1);
        uint64_t *head = g_new0(uint64_t, PAGES), *cover = g_new0(uint64_t, PAGES), slabs = 0, live = 0;
        struct page_block found;

        (void)data;
        for (uint64_t id = 1; id <= BLOCKS; id++) {
                unsigned order = (unsigned)next_random(7);
                uint64_t pfn = (next_random(PAGES) >> order) << order, freed = next_random(PAGES),
                         at = next_random(PAGES);

                if (pfn != 0) {
                        if (head[pfn]) {
                                blocks[head[pfn]].live = false;
                                live--;
                        }
                        alloc_block(fixture, pfn, order, id);
                        blocks[id] = (struct block){ pfn, order, true, false };
                        head[pfn] = id;
                        live++;
                        for (uint64_t page = pfn; page < pfn + (1u << order); page++)
                                cover[page] = id;
                }
                g_assert_true(page_map_free(fixture->pages, freed, 0, 0, &found) == (head[freed] != 0));
                if (head[freed]) {
                        g_assert_cmpuint(found.id, ==, head[freed]);
                        blocks[head[freed]].live = false;
                        head[freed] = 0;
                        live--;
                }
                page_map_object(fixture->pages, address_of(at, 8), false);
                if (cover[at] && blocks[cover[at]].live && !blocks[cover[at]].slab) {
                        blocks[cover[at]].slab = true;
                        slabs++;
                }
                g_assert_cmpuint(fixture->report->slab_blocks, ==, slabs);
        }
        page_map_finish(fixture->pages);
        g_assert_cmpuint(fixture->report->live_page_blocks_end, ==, live);
        g_free(blocks);
        g_free(head);
        g_free(cover);
}

static void test_votes(struct fixture *fixture, gconstpointer data)
{
        const uint64_t elsewhere = UINT64_C(0xffff9ab840000000);
        uint64_t votes;

        (void)data;
        alloc_block(fixture, 0x1234, 1, 1);
        page_map_vote(fixture->pages, 0, elsewhere + (UINT64_C(0x1235) << 12) + 64); /* in its second page */
        g_assert_cmphex(page_map_elected_offset(fixture->pages, &votes), ==, elsewhere);
        g_assert_cmpuint(votes, ==, 1);
        page_map_vote(fixture->pages, 0, elsewhere + (UINT64_C(0x1234) << 12)); /* not the next event */
        alloc_block(fixture, 0x2000, 0, 2);
        page_map_vote(fixture->pages, 1, elsewhere + (UINT64_C(0x2000) << 12)); /* of another CPU */
        page_map_vote(fixture->pages, 0, 0);
        page_map_vote(fixture->pages, 0, elsewhere + (UINT64_C(0x2000) << 12)); /* something else came between */
        alloc_block(fixture, 0x2002, 0, 2);
        page_map_vote(fixture->pages, 0, elsewhere + (UINT64_C(0x2001) << 12)); /* not in it */
        page_map_elected_offset(fixture->pages, &votes);
        g_assert_cmpuint(votes, ==, 1);
        g_assert_cmpuint(page_map_votes_for(fixture->pages, elsewhere), ==, 1);
        g_assert_cmpuint(page_map_votes_for(fixture->pages, PAGE_OFFSET_DEFAULT), ==, 0);
}

/* -- the rest ------------------------------------------------------------------------------------------------------ */

static int compare_values(gconstpointer a, gconstpointer b)
{
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

static void test_lifetimes(void)
{
        static const unsigned per_mille[] = { 0, 1, 10, 100, 250, 500, 750, 900, 990, 999 };
        g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        struct lifetimes lifetimes = { 0 };

        g_assert_cmpuint(lifetimes_quantile(&lifetimes, 500), ==, 0);
        for (unsigned i = 0; i < 30011; i++) {
                uint64_t value = next_random(UINT64_C(1) << next_random(64));

                g_array_append_val(values, value);
                lifetimes_add(&lifetimes, value);
        }
        g_array_sort(values, compare_values);
        for (size_t i = 0; i < G_N_ELEMENTS(per_mille); i++) {
                uint64_t exact = g_array_index(values, uint64_t, values->len * (uint64_t)per_mille[i] / 1000);
                uint64_t ours = lifetimes_quantile(&lifetimes, per_mille[i]);

                if (exact < LIFETIMES_EXACT)
                        g_assert_cmpuint(ours, ==, exact);
                else
                        g_assert_true(ours <= exact && exact - ours <= exact / LIFETIMES_PARTS);
        }
        g_assert_cmpuint(lifetimes.max, ==, g_array_index(values, uint64_t, values->len - 1));
        lifetimes_clear(&lifetimes);
}

static void test_gfp_words(void)
{
        static const struct {
                const char *text, *for_cache, *for_kmalloc, *for_pages;
        } cases[] = {
                { "GFP_KERNEL", "", "", "" },
                { "0xcc0", "", "", "" },
                { "GFP_KERNEL|__GFP_ZERO", "", "", "kernel,zero" },
                { "GFP_KERNEL_ACCOUNT|__GFP_ZERO|__GFP_COMP", "kernel,comp", "kernel,comp", "kernel,comp,zero" },
                { "0x440dc0", "kernel,comp", "kernel,comp", "kernel,comp,zero" },
                { "GFP_NOWAIT", "nowait,nowarn", "nowait,nowarn", "nowait,nowarn" },
                { "0x2800", "nowait,nowarn", "nowait,nowarn", "nowait,nowarn" },
                { "GFP_ATOMIC", "atomic", "atomic", "atomic" },
                { "GFP_ATOMIC|__GFP_NOWARN|__GFP_NOMEMALLOC", "atomic,nowarn,nomemalloc", "atomic,nowarn,nomemalloc",
                  "atomic,nowarn,nomemalloc" },
                { "GFP_NOFS|__GFP_RETRY_MAYFAIL", "nofs,repeat", "nofs,repeat", "nofs,repeat" },
                { "GFP_NOIO", "noio", "noio", "noio" },
                { "GFP_USER|__GFP_NORETRY", "user,noretry", "user,noretry", "user,noretry" },
                { "GFP_HIGHUSER_MOVABLE|__GFP_COMP", "user,comp", "user,comp", "highuser,comp" },
                { "GFP_KERNEL|GFP_DMA", "", "kernel,dma", "kernel,dma" },
                { "GFP_KERNEL|GFP_DMA32", "", "", "kernel,dma32" },
                { "GFP_KERNEL|__GFP_HIGH", "kernel,high", "kernel,high", "kernel,high" },
                { "GFP_NOFS|__GFP_HARDWALL|__GFP_HIGHMEM", "nofs,hardwall", "nofs,hardwall", "nofs,highmem,hardwall" },
                { "__GFP_IO|__GFP_FS|__GFP_NOWARN|__GFP_NORETRY", "nowait,nowarn,noretry", "nowait,nowarn,noretry",
                  "nowait,nowarn,noretry" },
                { "none", "nowait", "nowait", "nowait" },
                { "0", "nowait", "nowait", "nowait" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const char *expected[] = { cases[i].for_cache, cases[i].for_kmalloc, cases[i].for_pages };
                uint32_t unknown, dropped, flags = gfp_names_parse(cases[i].text, strlen(cases[i].text), &unknown);
                char words[GFP_WORDS_MAX];

                g_assert_cmpuint(unknown, ==, 0);
                for (int use = 0; use < GFP_USE_COUNT; use++) {
                        gfp_names_translate(flags, (enum gfp_use)use, words, &dropped);
                        g_assert_cmpstr(words, ==, expected[use]);
                }
        }
}

static void test_gfp_dropped(void)
{
        uint32_t unknown, dropped, flags;
        char words[GFP_WORDS_MAX];

        flags = gfp_names_parse("GFP_KERNEL_ACCOUNT|__GFP_NOFAIL|__GFP_NEWS|0x80000000|GFP", 57, &unknown);
        g_assert_cmpuint(unknown, ==, 3);
        gfp_names_translate(flags, GFP_FOR_CACHE, words, &dropped);
        g_assert_cmphex(dropped, ==, GFP_FLAG_ACCOUNT | GFP_FLAG_NOFAIL);
        gfp_names_translate(GFP_FLAG_DMA | GFP_FLAG_KSWAPD_RECLAIM | GFP_FLAG_ZERO, GFP_FOR_CACHE, words, &dropped);
        g_assert_cmphex(dropped, ==, GFP_FLAG_DMA);
        gfp_names_translate(UINT32_MAX, GFP_FOR_PAGES, words, &dropped); /* all words at once fit */
        g_assert_cmpuint(strlen(words), <, GFP_WORDS_MAX - 1);
        g_assert_cmpstr(gfp_flag_name(22), ==, "ACCOUNT");
        g_assert_null(gfp_flag_name(9));
        g_assert_null(gfp_flag_name(32));
}

struct expected_records {
        uint64_t next;
        uint64_t stop_at;
};

static bool check_records(const void *records, size_t count, void *data)
{
        struct expected_records *expected = data;

        for (size_t i = 0; i < count; i++, expected->next++) {
                if (expected->next == expected->stop_at)
                        return false;
                g_assert_cmpuint(((const uint64_t *)records)[i], ==, expected->next);
        }
        return true;
}

/* The same records come back in order, whether they fit into memory or not. */
static void test_spool(void)
{
        static const uint64_t counts[] = { 0, 1, 65535, 65536, 65537, 65536 * 2, 65536 * 3 + 5, 65536 * 7 };

        for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
                g_autoptr(GError) error = NULL;
                struct expected_records all = { 0, UINT64_MAX }, some = { 0, counts[i] / 2 };
                struct spool spool;

                spool_init(&spool, sizeof(uint64_t), 2 * 65536 * sizeof(uint64_t));
                for (uint64_t record = 0; record < counts[i]; record++)
                        *(uint64_t *)spool_add(&spool) = record;
                g_assert_true(spool_read(&spool, check_records, &all, &error));
                g_assert_no_error(error);
                g_assert_cmpuint(all.next, ==, counts[i]);
                if (counts[i] > 1)
                        g_assert_false(spool_read(&spool, check_records, &some, &error));
                g_assert_no_error(error);
                spool_clear(&spool);
        }
}

static void test_intern(void)
{
        struct intern intern;
        char text[24];

        intern_init(&intern);
        for (int round = 0; round < 2; round++) {
                for (uint32_t i = 0; i < 5000; i++) {
                        g_snprintf(text, sizeof(text), "%0*u", (int)(i % 20), i);
                        g_assert_cmpuint(intern_id(&intern, text, strlen(text)), ==, i);
                }
        }
        g_assert_cmpuint(intern.count, ==, 5000);
        for (uint32_t i = 0; i < 5000; i++) {
                g_snprintf(text, sizeof(text), "%0*u", (int)(i % 20), i);
                g_assert_cmpstr(intern_text(&intern, i, NULL), ==, text);
        }
        g_assert_cmpuint(intern_id(&intern, "a\0b", 3), ==, 5000); /* not the same as "a" */
        g_assert_cmpuint(intern_id(&intern, "a", 1), ==, 5001);
        g_assert_cmpuint(intern_id(&intern, "", 0), ==, 5002);
        intern_clear(&intern);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add(path, struct fixture, NULL, set_up, function, tear_down)
        ADD("/import/pairing/frees-are-matched-unknown-or-again", test_kinds_of_free);
        ADD("/import/pairing/agrees-with-a-hash-table", test_against_hash_table);
        ADD("/import/page-map/a-block-with-an-object-in-it-is-a-slab", test_slab_blocks);
        ADD("/import/page-map/agrees-with-its-definition", test_blocks_against_model);
        ADD("/import/page-map/a-new-block-and-its-first-object-show-the-page-offset", test_votes);
        g_test_add_func("/import/lifetimes/quantiles-are-those-of-the-sorted-list", test_lifetimes);
        g_test_add_func("/import/gfp-names/modern-flags-in-old-words", test_gfp_words);
        g_test_add_func("/import/gfp-names/what-has-no-word-is-counted", test_gfp_dropped);
        g_test_add_func("/import/spool/gives-back-what-it-was-given", test_spool);
        g_test_add_func("/import/intern/a-text-has-one-id", test_intern);
        return g_test_run();
}
