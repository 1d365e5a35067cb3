/*
 * test_reclaim_vectors.c - the worked examples of spec 05 section 10: V4 (kswapd on clean page cache), direct reclaim
 * on the same lists, and V5 up to the OOM killer. Machine R1 with CPU 1 up; page frames and all.
 */
#include <glib.h>

#include "support/r1.h"

#define DMA   0u
#define DMA32 1u

static struct testbed *r1(void)
{
        struct sim_config config = testbed_config(2, 64);

        config.audit = 0; /* 14,000 ops: looked at where it matters */
        return testbed_new(&config);
}

/* One op on CPU 0, then whatever it woke runs to its end. */
static const struct op_record *do_op(struct testbed *bed, const struct request *request)
{
        static struct op_record done;
        uint32_t who;

        done = *testbed_do(bed, 0, request);
        g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_IDLE);
        testbed_flush(bed);
        return &done;
}

static uint32_t new_page(struct testbed *bed, uint8_t flags, uint16_t owner)
{
        struct request request = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = flags, .owner = owner };

        return do_op(bed, &request)->pfn;
}

static const struct zone *zone_at(const struct testbed *bed, uint32_t zone)
{
        return &bed->mem->zones[zone];
}

static void expect_scan(const struct testbed *bed, uint32_t zone, uint64_t active, uint64_t inactive)
{
        g_assert_cmpuint(zone_at(bed, zone)->nr_scan[LRU_LIST_ACTIVE], ==, active);
        g_assert_cmpuint(zone_at(bed, zone)->nr_scan[LRU_LIST_INACTIVE], ==, inactive);
}

/* The frames of the events of this kind, in order, must be those of pages [first, first + count). */
static void expect_reclaimed(const struct testbed *bed, const uint32_t *pages, uint32_t first, uint32_t count)
{
        g_assert_cmpuint(testbed_count(bed, EV_PAGE_RECLAIMED, 0), ==, count);
        for (uint32_t i = 0; i < count; i++)
                g_assert_cmphex(testbed_event(bed, EV_PAGE_RECLAIMED, 0, i)->a, ==, pages[first + i]);
}

static void test_v4(void)
{
        g_autoptr(testbed) bed = r1();
        g_autofree uint32_t *pfn = g_new0(uint32_t, 14800);
        const struct pcp *cold;
        struct vm_view vm;
        uint32_t page = 0;

        g_assert_cmpuint(zone_at(bed, DMA32)->free_pages, ==, 12033);
        for (; page < 14646; page++)
                pfn[page] = new_page(bed, 0, 0);
        g_assert_cmphex(pfn[0], ==, 0x10ef);
        g_assert_cmphex(pfn[1], ==, 0x1100);
        g_assert_cmphex(pfn[2], ==, 0x1101);
        g_assert_cmphex(pfn[11795], ==, 0x1712);
        g_assert_cmphex(pfn[11796], ==, 1);
        g_assert_cmphex(pfn[11797], ==, 2);
        g_assert_cmpuint(zone_at(bed, DMA32)->free_pages, ==, 237);
        g_assert_cmpuint(zone_at(bed, DMA)->free_pages, ==, 125);
        g_assert_cmpuint(zone_at(bed, DMA)->lru[LRU_LIST_INACTIVE].count, ==, 2848);
        g_assert_cmpuint(zone_at(bed, DMA32)->lru[LRU_LIST_INACTIVE].count, ==, 11796);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_WOKEN, 0), ==, 0);
        testbed_forget(bed);

        pfn[page] = new_page(bed, 0, 0); /* both zones below pages_low: kswapd runs */
        g_assert_cmphex(pfn[page++], ==, 0x1713);
        expect_reclaimed(bed, pfn, 0, 64);
        g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, 0), ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_CONGESTION_WAITED, 0, 0)->c, ==, 25u * 4000000u);
        g_assert_cmpuint(testbed_event(bed, EV_KSWAPD_STARTED, 0, 0)->c, ==, DMA32);
        g_assert_cmpuint(testbed_event(bed, EV_KSWAPD_STARTED, 0, 1)->c, ==, UINT32_MAX);
        g_assert_cmpuint(testbed_count(bed, EV_INACTIVE_SCANNED, 0), ==, 2); /* 45 means two calls of 32 */
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.events.pageoutrun, ==, 2);
        g_assert_cmpuint(vm.pgscan_kswapd[DMA32], ==, 64);
        g_assert_cmpuint(vm.pgsteal[DMA32], ==, 64);
        g_assert_cmpuint(vm.events.kswapd_steal, ==, 64);
        g_assert_cmpuint(zone_at(bed, DMA)->prev_priority, ==, 12);
        g_assert_cmpuint(zone_at(bed, DMA32)->prev_priority, ==, 12);
        expect_scan(bed, DMA, 4, 12);
        expect_scan(bed, DMA32, 4, 0);
        g_assert_cmpuint(zone_at(bed, DMA32)->lru[LRU_LIST_INACTIVE].count, ==, 11733);
        g_assert_cmpuint(zone_at(bed, DMA)->free_pages, ==, 125);
        expect_blocks(bed, DMA32, 299,
                      "o0: 113e 113a 10ef; o1: 113c 1138; o2: 1714; o3: 1130 1718; o4: 1120; o5: 1100 1720; o6: 1740; "
                      "o7: 1780");
        cold = &zone_at(bed, DMA32)->pcp[0][1];
        g_assert_cmpuint(cold->list.count, ==, 1);
        g_assert_cmphex(cold->list.head, ==, 0x113b);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        testbed_forget(bed);

        for (; page < 14709; page++)
                pfn[page] = new_page(bed, 0, 0);
        g_assert_cmphex(pfn[14647], ==, 0x113e);
        g_assert_cmphex(pfn[14648], ==, 0x113a);
        g_assert_cmphex(pfn[14649], ==, 0x10ef);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_WOKEN, 0), ==, 0);
        testbed_forget(bed);
        pfn[page] = new_page(bed, 0, 0);
        g_assert_cmphex(pfn[14709], ==, 0x1113);
        expect_reclaimed(bed, pfn, 64, 64);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/*
 * DMA32 alone with 9840 inactive pages, and a request that no block can meet,
 * so that its task reclaims while kswapd has not yet had the CPU.
 */
static void test_direct(void)
{
        g_autoptr(testbed) bed = r1();
        struct request kernel = { .kind = OP_PAGES, .gfp = GFP_KERNEL };
        struct request large = { .kind = OP_PAGES, .gfp = GFP_HIGHUSER, .order = 10 };
        uint32_t pfn[9842], handle[2];
        struct page_view page;
        struct vm_view vm;

        for (uint32_t i = 0; i < G_N_ELEMENTS(pfn); i++) {
                pfn[i] = new_page(bed, 0, 0);
                if (i < 2)
                        handle[i] = sim_result_object(bed->sim, bed->task[0]);
        }
        for (uint32_t i = 0; i < 2; i++) { /* lists grow by 14: two pages less */
                struct request delete = { .kind = OP_PAGE_DELETE, .object = handle[i], .op = i + 1 };

                g_assert_true(sim_page_get(bed->sim, pfn[i], &page));
                g_assert_cmpuint(page.object, ==, handle[i]);
                g_assert_cmpuint(do_op(bed, &delete)->result, ==, 0);
                g_assert_false(sim_page_get(bed->sim, pfn[i], &page));
        }
        while (zone_at(bed, DMA32)->free_pages > 238)
                do_op(bed, &kernel);
        kernel.gfp |= __GFP_DMA;
        while (zone_at(bed, DMA)->free_area[10].count) /* the smallest blocks go first */
                do_op(bed, &kernel);
        g_assert_cmpuint(zone_at(bed, DMA32)->lru[LRU_LIST_INACTIVE].count, ==, 9840);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_WOKEN, 0), ==, 0);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.events.allocstall, ==, 0);
        expect_scan(bed, DMA32, 0, 0);
        testbed_forget(bed);

        testbed_do(bed, 0, &large);
        g_assert_cmphex(bed->done.pfn, ==, PFN_NONE); /* order > 3: progress, yet no page, and no retry */
        g_assert_cmpuint(testbed_event(bed, EV_RECLAIM_TRIED, 0, 0)->c, ==, 64);
        expect_reclaimed(bed, pfn, 2, 64);
        expect_scan(bed, DMA32, 4, 0);
        g_assert_cmpuint(zone_at(bed, DMA32)->prev_priority, ==, 9);
        g_assert_cmpuint(zone_at(bed, DMA)->prev_priority, ==, 9);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.events.allocstall, ==, 1);
        g_assert_cmpuint(vm.pgscan_direct[DMA32], ==, 64);
        g_assert_cmpuint(vm.pgsteal[DMA32], ==, 64);
        g_assert_cmpuint(vm.events.kswapd_steal, ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, 0), ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* Active pages of a zone looked at between two events. */
static uint64_t looked_at(const struct testbed *bed, uint32_t zone, uint64_t after_seq, uint64_t before_seq)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < bed->events->len; i++) {
                const struct event_record *event = &g_array_index(bed->events, struct event_record, i);

                if (event->kind == EV_ACTIVE_SCANNED && event->a == zone && event->seq > after_seq &&
                    event->seq < before_seq)
                        sum += event->b;
        }
        return sum;
}

static uint64_t seq_of(const struct testbed *bed, enum event_kind kind, uint32_t nth)
{
        const struct event_record *event = testbed_event(bed, kind, 0, nth);

        g_assert_nonnull(event);
        return event->seq;
}

static void test_v5(void)
{
        g_autoptr(testbed) bed = r1();
        struct request anon = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = PAGE_NEW_ANON, .owner = 901 };
        struct thread *kswapd = &bed->sim->m.threads[bed->sim->m.kswapd_thread[0]];
        uint64_t first, second;
        struct vm_view vm;

        for (uint32_t page = 0; page < 14708; page++) {
                testbed_do(bed, 0, &anon);
                g_assert_cmphex(bed->done.pfn, !=, PFN_NONE);
                if (page == 14645) { /* the next one wakes kswapd, which runs only when the requester sleeps */
                        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_WOKEN, 0), ==, 0);
                        kswapd->state = TH_QUEUED;
                }
                if (page == 14646)
                        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_WOKEN, 0), ==, 1); /* DMA lacks only its
                                                                                          * reserve */
        }
        kswapd->state = TH_IDLE;
        g_assert_cmpuint(zone_at(bed, DMA32)->free_pages, ==, 190);
        g_assert_cmpuint(zone_at(bed, DMA)->free_pages, ==, 110);
        g_assert_cmpuint(bed->mem->lru.owner[901].count, ==, 14708);
        testbed_forget(bed);

        testbed_do(bed, 0, &anon);
        first = seq_of(bed, EV_RECLAIM_TRIED, 0);
        g_assert_cmpuint(looked_at(bed, DMA32, 0, first), ==, 23691);
        g_assert_cmpuint(looked_at(bed, DMA, 0, first), ==, 5737);
        g_assert_cmpuint(testbed_count(bed, EV_INACTIVE_SCANNED, 0), ==, 0);
        /* progress: it waits HZ/50 and tries again */
        g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, 0), ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_CONGESTION_WAITED, 0, 0)->c, ==, 5u * 4000000u);
        g_assert_cmpuint(seq_of(bed, EV_CONGESTION_WAITED, 0), >, first);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_STARTED, 0), ==, 3);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_SLEPT, 0), ==, 1);
        for (uint32_t i = 0; i < 2; i++) {
                uint64_t from = seq_of(bed, EV_KSWAPD_STARTED, i), to = seq_of(bed, EV_KSWAPD_STARTED, i + 1);

                g_assert_cmpuint(looked_at(bed, DMA32, from, to), ==, 23691); /* 47382, then 71073 in all */
                g_assert_cmpuint(looked_at(bed, DMA, from, to), ==, 5737);    /* 11474, 17211 */
        }
        g_assert_cmpuint(testbed_count(bed, EV_ZONE_DEAD, 0), ==, 2);
        g_assert_cmpuint(testbed_event(bed, EV_ZONE_DEAD, 0, 0)->a, ==, DMA);
        g_assert_cmpuint(testbed_event(bed, EV_ZONE_DEAD, 0, 0)->b, ==, 17211);
        g_assert_cmpuint(testbed_event(bed, EV_ZONE_DEAD, 0, 0)->c, ==, 2865);
        g_assert_cmpuint(testbed_event(bed, EV_ZONE_DEAD, 0, 1)->b, ==, 71073);
        g_assert_cmpuint(testbed_event(bed, EV_ZONE_DEAD, 0, 1)->c, ==, 11843);
        second = seq_of(bed, EV_RECLAIM_TRIED, 1);
        g_assert_cmpuint(second, >, seq_of(bed, EV_KSWAPD_SLEPT, 0));
        g_assert_cmpuint(seq_of(bed, EV_OOM_KILLED, 0), >, second);
        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, 0), ==, 2);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.events.pageoutrun, ==, 3);
        g_assert_cmpuint(vm.events.allocstall, ==, 2);
        g_assert_cmpuint(vm.events.pgdeactivate, ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/reclaim/v4-kswapd-on-clean-page-cache", test_v4);
        g_test_add_func("/engine/reclaim/direct-on-one-zone", test_direct);
        g_test_add_func("/engine/reclaim/v5-anonymous-memory-without-swap", test_v5);
        return g_test_run();
}
