/*
 * test_reclaim.c - reclaim in parts: shrink_slab's arithmetic (the worked example of spec 05 section 1), what the scan
 * decides about a page (section 4.4, row by row), writes and who waits for them, swap slots, process exit, drop_caches.
 */
#include <glib.h>

#include "engine/sim_private.h"
#include "support/testbed.h"

#define DMA 0u

/* One zone of 12 MiB, no page stays on a CPU's lists. */
static struct testbed *small(uint32_t cpus)
{
        struct sim_config config = testbed_config(cpus, 12);

        config.reserved_pages = 64;
        return testbed_new(&config);
}

static struct thread *thread_of(const struct testbed *bed)
{
        return &bed->sim->m.threads[bed->sim->task_first + bed->task[0]];
}

static struct reclaim *reclaim_ready(struct testbed *bed)
{
        struct reclaim *r = reclaim_of(&bed->sim->m, thread_of(bed));

        memset(r, 0, sizeof(*r));
        r->gfp = GFP_KERNEL;
        r->may_swap = 1;
        r->batch = LRU_CLUSTER;
        r->swappiness = 60;
        r->priority = DEF_PRIORITY;
        r->zone = DMA;
        return r;
}

/* A path by itself, in no time. Returns what it left. */
static uint64_t run_path(struct testbed *bed, enum state state)
{
        struct machine *m = &bed->sim->m;
        uint64_t now_ns = m->now_ns;
        struct thread *th = thread_of(bed);

        call_path(th, state, CACHE_ID_NONE);
        th->ret = PLACE_NONE;
        sched_run_alone(m, th);
        m->now_ns = now_ns;
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        testbed_flush(bed);
        return th->ret;
}

struct handle {
        uint32_t object, pfn;
        uint64_t op;
};

static struct handle page_new(struct testbed *bed, uint8_t flags, uint16_t owner)
{
        struct request request = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .flags = flags, .owner = owner };
        const struct op_record *op = testbed_do(bed, 0, &request);
        struct handle handle = { sim_result_object(bed->sim, bed->task[0]), op->pfn, op->id };

        g_assert_cmphex(op->pfn, !=, PFN_NONE);
        return handle;
}

static uint32_t act(struct testbed *bed, enum op_kind kind, const struct handle *handle)
{
        struct request request = { .kind = (uint8_t)kind, .object = handle->object, .op = handle->op };

        return testbed_do(bed, 0, &request)->result;
}

static void set(struct testbed *bed, enum vm_setting setting, uint64_t value)
{
        struct request request = { .kind = OP_VM_SET, .order = (uint8_t)setting, .size_bytes = value };

        g_assert_cmpuint(testbed_do(bed, 0, &request)->result, ==, 0);
}

static struct lru_page *record(const struct testbed *bed, const struct handle *handle)
{
        return &bed->sim->m.mem.lru.pages[handle->pfn];
}

static bool is_alive(const struct testbed *bed, const struct handle *handle)
{
        struct sim_object view;

        return sim_object_get(bed->sim, handle->object, &view) && view.live && view.op == handle->op;
}

static const struct page_list *list_of(const struct testbed *bed, enum lru_list which)
{
        return &bed->mem->zones[DMA].lru[which];
}

/* Puts what is on the add lists on the lists. */
static void drain(struct testbed *bed)
{
        struct machine *m = &bed->sim->m;
        uint64_t now_ns = m->now_ns;

        call_add_drain(thread_of(bed), 0, LRU_LISTS);
        sched_run_alone(m, thread_of(bed));
        m->now_ns = now_ns;
}

/* One look of shrink_page_list at all inactive pages. Returns how many it freed. */
static uint64_t scan(struct testbed *bed, uint32_t gfp, bool may_write, bool may_swap)
{
        struct reclaim *r = reclaim_ready(bed);

        drain(bed);
        r->gfp = gfp;
        r->may_write = may_write;
        r->may_swap = may_swap;
        r->max = 1;
        run_path(bed, SINACTIVE_BEGIN);
        return r->freed;
}

/* Shrinkers. */

static uint32_t shrinkable(struct testbed *bed, uint32_t size_bytes, uint32_t seeks, uint8_t flags, uint32_t unused)
{
        uint32_t cache = testbed_create(bed, "unused", size_bytes, 0, CACHE_RECLAIM_ACCOUNT);
        struct request shrinker = { .kind = OP_SHRINKER, .cache = cache, .order = (uint8_t)seeks, .flags = flags };

        g_assert_cmpuint(testbed_do(bed, 0, &shrinker)->result, ==, 0);
        for (uint32_t i = 0; i < unused; i++) {
                struct handle handle = { .object = testbed_alloc(bed, 0, cache, GFP_KERNEL) };

                handle.op = bed->done.id;
                g_assert_cmpuint(act(bed, OP_PUT, &handle), ==, 0);
        }
        return cache;
}

static int64_t shrink(struct testbed *bed, uint64_t scanned, uint64_t lru_pages, uint32_t gfp)
{
        struct reclaim *r = reclaim_ready(bed);

        r->scanned = scanned;
        r->lru_pages = lru_pages;
        r->gfp = gfp;
        run_path(bed, SSLAB_BEGIN);
        return bed->mem->lru.shrinkers[bed->mem->lru.shrinker_first].nr;
}

static void test_shrink_slab(void)
{
        struct sim_config config = testbed_config(1, 12);
        g_autoptr(testbed) bed = NULL;
        struct vm_view vm;

        config.audit = 0; /* 50,000 ops */
        config.reserved_pages = 64;
        bed = testbed_new(&config);
        shrinkable(bed, 32, 2, SHRINKER_NEEDS_FS, 23456);
        g_assert_cmpint(shrink(bed, 64, 14000, GFP_KERNEL), ==, 86); /* 214: one batch */
        g_assert_cmpuint(bed->mem->lru.shrinkers[0].unused, ==, 23328);
        g_assert_cmpuint(thread_of(bed)->ret, ==, 128);
        g_assert_cmpint(shrink(bed, 0, 14000, GFP_KERNEL), ==, 64); /* 106 + 86: one batch */
        g_assert_cmpuint(bed->mem->lru.shrinkers[0].unused, ==, 23200);
        /* without FS: nothing is freed, the pressure grows, up to twice what there is */
        g_assert_cmpint(shrink(bed, 64, 14000, GFP_NOFS), ==, 64 + 128 * 23200 / 14001);
        g_assert_cmpint(shrink(bed, 1000000, 1000, GFP_NOFS), ==, 2 * 23200);
        g_assert_cmpuint(bed->mem->lru.shrinkers[0].unused, ==, 23200);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.events.slabs_scanned, ==, 256);
        /* the next one with FS works it off */
        g_assert_cmpint(shrink(bed, 0, UINT32_MAX, GFP_KERNEL), ==, 46400 % 128);
        g_assert_cmpuint(bed->mem->lru.shrinkers[0].unused, ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_OBJECT_SHRUNK, 0), ==, 23456);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

static void test_seeks(void)
{
        struct sim_config config = testbed_config(1, 12);
        g_autoptr(testbed) bed = NULL;

        config.audit = 0;
        bed = testbed_new(&config);
        shrinkable(bed, 32, 3, 0, 23456);
        g_assert_cmpint(shrink(bed, 64, 14000, GFP_NOWAIT), ==, 14); /* 142: one batch */
}

static void test_unused(void)
{
        g_autoptr(testbed) bed = small(1);
        uint32_t cache = shrinkable(bed, 32, 2, SHRINKER_BY_HUNDREDS, 199);
        struct handle handle = { .object = testbed_alloc(bed, 0, cache, GFP_KERNEL) };
        struct request drop = { .kind = OP_DROP_CACHES, .flags = 2 };
        struct request gone = { .kind = OP_SHRINKER, .cache = cache, .flags = SHRINKER_REMOVE };
        struct request free = { .kind = OP_FREE, .object = handle.object };

        handle.op = bed->done.id;
        g_assert_cmpuint(shrinker_freeable(&bed->mem->lru, &bed->mem->lru.shrinkers[0]), ==, 100);
        g_assert_cmpuint(act(bed, OP_GET, &handle), ==, 1); /* it is in use */
        g_assert_cmpuint(act(bed, OP_PUT, &handle), ==, 0);
        g_assert_cmpuint(act(bed, OP_PUT, &handle), ==, 1); /* a second time */
        g_assert_cmpstr(sim_submit(bed->sim, bed->task[0], &free), !=, NULL);
        g_assert_cmpuint(act(bed, OP_GET, &handle), ==, 0);
        g_assert_cmpuint(act(bed, OP_PUT, &handle), ==, 0);
        g_assert_cmpuint(shrinker_freeable(&bed->mem->lru, &bed->mem->lru.shrinkers[0]), ==, 200);
        g_assert_cmpuint(testbed_destroy(bed, 0, cache), ==, 1); /* a cache with a shrinker stays */
        testbed_do(bed, 0, &drop);
        g_assert_false(is_alive(bed, &handle)); /* 200 and then fewer than 100: the callback says none is left */
        g_assert_cmpuint(act(bed, OP_GET, &handle), ==, 1);
        g_assert_cmpuint(testbed_do(bed, 0, &gone)->result, ==, 0);
        g_assert_cmpuint(testbed_do(bed, 0, &gone)->result, ==, 1);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* What the scan decides about a page, row by row. */

static void test_rows(void)
{
        g_autoptr(testbed) bed = small(1);
        struct handle page;
        struct lru_page *p;

        page = page_new(bed, 0, 0); /* clean, unmapped: freed although referenced */
        g_assert_true(record(bed, &page)->bits & LRU_REFERENCED);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 1);
        g_assert_false(is_alive(bed, &page));

        page = page_new(bed, 0, 0); /* P1: locked, not even counted */
        g_assert_cmpuint(act(bed, OP_PAGE_LOCK, &page), ==, 0);
        g_assert_cmpuint(act(bed, OP_PAGE_LOCK, &page), ==, 1);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 1);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 0);
        g_assert_cmpuint(reclaim_of(&bed->sim->m, thread_of(bed))->scanned, ==, 0);
        g_assert_cmpuint(act(bed, OP_PAGE_UNLOCK, &page), ==, 0);
        g_assert_cmpuint(act(bed, OP_PAGE_UNLOCK, &page), ==, 1);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 0);

        page = page_new(bed, PAGE_NEW_MAPPED, 7); /* P2 */
        p = record(bed, &page);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, false), ==, 0);
        g_assert_cmpuint(reclaim_of(&bed->sim->m, thread_of(bed))->scanned, ==, 1);
        g_assert_true(p->bits & LRU_REFERENCED);
        scan(bed, GFP_KERNEL, true, true); /* P4: referenced and mapped: activated, both bits gone */
        g_assert_cmpuint(reclaim_of(&bed->sim->m, thread_of(bed))->scanned, ==, 2);
        g_assert_cmpuint(p->bits & (LRU_ACTIVE | LRU_REFERENCED | LRU_YOUNG), ==, LRU_ACTIVE);
        g_assert_cmpuint(list_of(bed, LRU_LIST_ACTIVE)->count, ==, 1);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 0);

        page = page_new(bed, PAGE_NEW_MAPPED | PAGE_NEW_UNREAD, 7); /* P6: mlocked */
        p = record(bed, &page);
        p->bits &= ~(uint32_t)LRU_YOUNG;
        g_assert_cmpuint(act(bed, OP_PAGE_MLOCK, &page), ==, 0);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_cmpuint(p->bits & (LRU_ACTIVE | LRU_MAPPED), ==, LRU_ACTIVE | LRU_MAPPED);
        g_assert_cmpuint(act(bed, OP_PAGE_MUNLOCK, &page), ==, 0);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 0);

        page = page_new(bed, PAGE_NEW_DIRTY, 0); /* P7: referenced; the second visit: P8 without FS, P9, P10 */
        p = record(bed, &page);
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_DIRTY), ==, 1);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_cmpuint(p->bits & (LRU_DIRTY | LRU_REFERENCED | LRU_WRITEBACK), ==, LRU_DIRTY);
        scan(bed, GFP_NOFS, true, true);
        scan(bed, GFP_KERNEL, false, true);
        g_assert_cmpuint(p->bits & (LRU_DIRTY | LRU_WRITEBACK), ==, LRU_DIRTY);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_cmpuint(p->bits & (LRU_DIRTY | LRU_WRITEBACK | LRU_RECLAIM), ==, LRU_WRITEBACK | LRU_RECLAIM);
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_DIRTY), ==, 0);
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_WRITEBACK), ==, 1);
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_VMSCAN_WRITE), ==, 1);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 0); /* P3 */
        g_assert_cmphex(lru_write_end(&bed->sim->m.mem, 0), ==, page.pfn);
        g_assert_cmpuint(bed->mem->lru.events.pgrotated, ==, 1);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 1); /* P13 */

        page = page_new(bed, PAGE_NEW_DIRTY | PAGE_NEW_NO_WRITE | PAGE_NEW_UNREAD, 0); /* O3 */
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_DIRTY), ==, 0);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_true(record(bed, &page)->bits & LRU_ACTIVE);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 0);

        page = page_new(bed, PAGE_NEW_DIRTY | PAGE_NEW_UNREAD, 0); /* O4, O1 */
        set(bed, VM_CONGESTED, 1);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_true(record(bed, &page)->bits & LRU_DIRTY);
        set(bed, VM_CONGESTED, 0);
        g_assert_cmpuint(act(bed, OP_PAGE_PIN, &page), ==, 0);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_true(record(bed, &page)->bits & LRU_DIRTY);
        record(bed, &page)->bits &= ~(uint32_t)LRU_REFERENCED;
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 0); /* pinned: the handle stays until it is let go */
        g_assert_true(is_alive(bed, &page));
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 1);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 0); /* P12: no mapping */
        g_assert_cmpuint(act(bed, OP_PAGE_UNPIN, &page), ==, 0);
        g_assert_false(is_alive(bed, &page));
        g_assert_cmpuint(act(bed, OP_PAGE_UNPIN, &page), ==, 1);
        g_assert_cmpuint(list_of(bed, LRU_LIST_ACTIVE)->count + list_of(bed, LRU_LIST_INACTIVE)->count, ==, 0);

        page = page_new(bed, PAGE_NEW_MAPPED | PAGE_NEW_UNREAD, 7); /* P12: pinned, and yet unmapped */
        record(bed, &page)->bits &= ~(uint32_t)LRU_YOUNG;
        g_assert_cmpuint(act(bed, OP_PAGE_PIN, &page), ==, 0);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 0);
        g_assert_false(record(bed, &page)->bits & LRU_MAPPED);
        g_assert_cmpuint(act(bed, OP_PAGE_TOUCH, &page), ==, 1);
        g_assert_cmpuint(act(bed, OP_PAGE_UNPIN, &page), ==, 0);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 1);
}

/* A page of a process with swap takes two visits: unmapped and written, then freed; its slot stays with the entry. */
static void test_swap(void)
{
        g_autoptr(testbed) bed = small(1);
        struct request exit = { .kind = OP_PROCESS_EXIT, .owner = 5 };
        struct handle page[3];
        struct vm_view vm;

        set(bed, VM_SWAP_PAGES, 2);
        for (uint32_t i = 0; i < 3; i++) {
                page[i] = page_new(bed, PAGE_NEW_ANON, 5);
                drain(bed);
                record(bed, &page[i])->bits &= ~(uint32_t)LRU_YOUNG;
        }
        g_assert_cmpuint(list_of(bed, LRU_LIST_ACTIVE)->count, ==, 3);
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_ANON_PAGES), ==, 3);
        reclaim_ready(bed)->priority = 0; /* distress: mapped pages too */
        reclaim_of(&bed->sim->m, thread_of(bed))->max = 32;
        run_path(bed, SACTIVE_BEGIN);
        g_assert_cmpuint(list_of(bed, LRU_LIST_INACTIVE)->count, ==, 3);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 0);
        g_assert_true(record(bed, &page[2])->bits & LRU_ACTIVE); /* P5: no slot is left */
        g_assert_cmpuint(bed->mem->lru.write_count, ==, 2);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.swap_free, ==, 0);
        g_assert_cmpuint(vm.swap_cache_pages, ==, 2);
        g_assert_cmpuint(vm.events.pswpout, ==, 2);
        lru_write_end(&bed->sim->m.mem, 0);
        lru_write_end(&bed->sim->m.mem, 0);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 2);
        g_assert_false(is_alive(bed, &page[0]));
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.swap_free, ==, 0); /* the entries have them */
        g_assert_cmpuint(vm.swap_cache_pages, ==, 0);
        g_assert_cmpuint(bed->mem->lru.owner[5].swapped, ==, 2);
        g_assert_cmpuint(bed->mem->lru.owner[5].count, ==, 1);
        g_assert_cmpuint(testbed_do(bed, 0, &exit)->result, ==, 1);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.swap_free, ==, 2);
        g_assert_false(is_alive(bed, &page[2]));
        g_assert_cmpuint(zone_stat_exact(&bed->mem->zones[DMA], NR_ANON_PAGES), ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* Entries of pages that are in the swap cache alone: gone with the process, or left behind while they are written. */
static void test_swap_cache_exit(void)
{
        g_autoptr(testbed) bed = small(2);
        struct request exit = { .kind = OP_PROCESS_EXIT, .owner = 5 };
        struct handle page[4];
        struct vm_view vm;

        set(bed, VM_SWAP_PAGES, 100);
        for (uint32_t i = 0; i < 4; i++)
                page[i] = page_new(bed, PAGE_NEW_ANON, 5);
        drain(bed);
        for (uint32_t i = 0; i < 3; i++) {
                record(bed, &page[i])->bits &= ~(uint32_t)(LRU_YOUNG | LRU_ACTIVE);
                page_list_remove(bed->sim->m.mem.pages, &bed->sim->m.mem.zones[DMA].lru[LRU_LIST_ACTIVE], page[i].pfn);
                page_list_add_head(bed->sim->m.mem.pages, &bed->sim->m.mem.zones[DMA].lru[LRU_LIST_INACTIVE],
                                   page[i].pfn);
        }
        scan(bed, GFP_KERNEL, true, true);
        g_assert_cmpuint(bed->mem->lru.write_count, ==, 3);
        lru_write_end(&bed->sim->m.mem, 0);
        g_assert_cmpuint(testbed_do(bed, 0, &exit)->result, ==, 4);
        for (uint32_t i = 0; i < 4; i++)
                g_assert_false(is_alive(bed, &page[i]));
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.swap_cache_pages, ==, 2); /* these two are still being written */
        g_assert_cmpuint(vm.swap_free, ==, 98);
        lru_write_end(&bed->sim->m.mem, 0);
        lru_write_end(&bed->sim->m.mem, 0);
        g_assert_cmpuint(scan(bed, GFP_KERNEL, true, true), ==, 2);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.swap_free, ==, 100);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* Order of the frees at exit: with two CPUs groups of 14, each from the last to the first; with one as they come. */
static void exit_order(uint32_t cpus)
{
        g_autoptr(testbed) bed = small(cpus);
        struct request exit = { .kind = OP_PROCESS_EXIT, .owner = 5 };
        uint32_t count = 40;
        g_autofree uint32_t *pfn = g_new0(uint32_t, count);

        for (uint32_t i = 0; i < count; i++)
                pfn[i] = page_new(bed, PAGE_NEW_ANON, 5).pfn;
        testbed_forget(bed);
        g_assert_cmpuint(testbed_do(bed, 0, &exit)->result, ==, count);
        g_assert_cmpuint(testbed_count(bed, EV_PCP_PUT, 0), ==, count);
        for (uint32_t i = 0; i < count; i++) {
                uint32_t group = i / 14 * 14, length = MIN(14, count - group);
                uint32_t expected = cpus == 1 ? i : group + length - 1 - (i - group);

                g_assert_cmphex(testbed_event(bed, EV_PCP_PUT, 0, i)->a, ==, pfn[expected]);
                g_assert_cmpuint(testbed_event(bed, EV_PCP_PUT, 0, i)->b, ==, 0);
        }
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

static void test_exit(void)
{
        exit_order(1);
        exit_order(2);
}

/* File pages of a process stay in the page cache: dirty entries make them dirty, young ones are an access. */
static void test_exit_file(void)
{
        g_autoptr(testbed) bed = small(2);
        struct request exit = { .kind = OP_PROCESS_EXIT, .owner = 9 };
        struct handle clean = page_new(bed, PAGE_NEW_MAPPED, 9), written = page_new(bed, PAGE_NEW_MAPPED, 9);

        drain(bed);
        g_assert_cmpuint(act(bed, OP_PAGE_WRITE, &written), ==, 0);
        record(bed, &written)->bits &= ~(uint32_t)LRU_YOUNG;
        g_assert_cmpuint(testbed_do(bed, 0, &exit)->result, ==, 2);
        g_assert_true(is_alive(bed, &clean));
        g_assert_true(record(bed, &clean)->bits & LRU_ACTIVE); /* referenced before, and now young */
        g_assert_false(record(bed, &clean)->bits & LRU_DIRTY);
        g_assert_true(record(bed, &written)->bits & LRU_DIRTY);
        g_assert_false(record(bed, &written)->bits & LRU_ACTIVE);
        g_assert_cmpuint(bed->mem->lru.owner[9].count, ==, 0);
}

/* Two accesses activate; on an add list they do not. */
static void test_access(void)
{
        g_autoptr(testbed) bed = small(1);
        struct handle page = page_new(bed, PAGE_NEW_UNREAD, 0);

        g_assert_cmpuint(act(bed, OP_PAGE_ACCESS, &page), ==, 0);
        act(bed, OP_PAGE_ACCESS, &page);
        g_assert_cmpuint(record(bed, &page)->bits & (LRU_ACTIVE | LRU_REFERENCED), ==, LRU_REFERENCED);
        drain(bed);
        act(bed, OP_PAGE_ACCESS, &page);
        g_assert_cmpuint(record(bed, &page)->bits & (LRU_ACTIVE | LRU_REFERENCED), ==, LRU_ACTIVE);
        g_assert_cmpuint(bed->mem->lru.events.pgactivate, ==, 1);
        act(bed, OP_PAGE_ACCESS, &page);
        g_assert_cmpuint(record(bed, &page)->bits & (LRU_ACTIVE | LRU_REFERENCED), ==, LRU_ACTIVE | LRU_REFERENCED);
}

/* A device that takes its time writes one page after the other, and wakes who waits. */
static void test_device(void)
{
        g_autoptr(testbed) bed = small(1);
        struct handle page[3];
        uint64_t from_ns;

        set(bed, VM_WRITE_NS, 1000000);
        for (uint32_t i = 0; i < 3; i++)
                page[i] = page_new(bed, PAGE_NEW_DIRTY | PAGE_NEW_UNREAD, 0);
        scan(bed, GFP_KERNEL, true, true);
        g_assert_cmpuint(bed->mem->lru.write_count, ==, 3);
        testbed_forget(bed);
        from_ns = sim_now_ns(bed->sim);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page[2]), ==, 0); /* truncate waits for the end of its write */
        g_assert_cmpuint(testbed_count(bed, EV_PAGES_WRITTEN, 0), ==, 3);
        g_assert_cmpuint(bed->mem->lru.write_count, ==, 0);
        g_assert_cmpuint(sim_now_ns(bed->sim) - from_ns, >=, 3000000);
        g_assert_cmpuint(sim_now_ns(bed->sim) - from_ns, <, 3100000);
        g_assert_true(is_alive(bed, &page[0]));
        g_assert_false(is_alive(bed, &page[2]));
}

/* Without a time of their own writes end with the wait of whoever waits. */
static void test_no_device(void)
{
        g_autoptr(testbed) bed = small(1);
        struct handle page = page_new(bed, PAGE_NEW_DIRTY | PAGE_NEW_UNREAD, 0);
        uint64_t from_ns;

        scan(bed, GFP_KERNEL, true, true);
        from_ns = sim_now_ns(bed->sim);
        g_assert_cmpuint(act(bed, OP_PAGE_DELETE, &page), ==, 0);
        g_assert_cmpuint(sim_now_ns(bed->sim) - from_ns, >=, 20000000); /* HZ/50 */
        g_assert_cmpuint(bed->mem->lru.write_count, ==, 0);
}

static void test_drop_caches(void)
{
        g_autoptr(testbed) bed = small(1);
        struct handle clean[20], dirty, mapped, pinned;
        struct request drop = { .kind = OP_DROP_CACHES, .flags = 1 };

        for (uint32_t i = 0; i < 20; i++)
                clean[i] = page_new(bed, 0, 0);
        dirty = page_new(bed, PAGE_NEW_DIRTY, 0);
        mapped = page_new(bed, PAGE_NEW_MAPPED, 1);
        pinned = page_new(bed, 0, 0);
        act(bed, OP_PAGE_PIN, &pinned);
        act(bed, OP_PAGE_LOCK, &clean[0]);
        g_assert_cmpuint(testbed_do(bed, 0, &drop)->result, ==, 19);
        act(bed, OP_PAGE_UNLOCK, &clean[0]);
        g_assert_cmpuint(testbed_do(bed, 0, &drop)->result, ==, 1);
        for (uint32_t i = 0; i < 20; i++)
                g_assert_false(is_alive(bed, &clean[i]));
        g_assert_true(is_alive(bed, &dirty) && is_alive(bed, &mapped) && is_alive(bed, &pinned));
}

/* Everybody stops while more pages are being written than may be dirty. */
static void test_throttle(void)
{
        g_autoptr(testbed) bed = small(1);
        struct request request = { .kind = OP_PAGES, .gfp = GFP_KERNEL };
        uint32_t made = 0;

        set(bed, VM_WRITE_NS, 100000);
        set(bed, VM_DIRTY_RATIO, 0); /* at least 5 percent all the same */
        while (testbed_free_pages(bed) > 200) {
                page_new(bed, PAGE_NEW_DIRTY | PAGE_NEW_UNREAD, 0);
                made++;
        }
        for (uint32_t i = 0; i < 400; i++)
                testbed_do(bed, 0, &request);
        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_THROTTLED, 0), >, 0);
        for (uint32_t i = 0; i < testbed_count(bed, EV_RECLAIM_THROTTLED, 0); i++) {
                const struct event_record *event = testbed_event(bed, EV_RECLAIM_THROTTLED, 0, i);

                g_assert_cmpuint(event->c, ==, bed->mem->lru.vm_total_pages * 5 / 100 * 11 / 10);
                g_assert_cmpuint(event->b, >, event->c);
        }
        g_assert_cmpuint(made, >, 2000);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

/* A node full of page cache: with zone_reclaim_mode pages are freed there before the other node is asked. */
static void zone_reclaim(uint64_t mode)
{
        struct sim_config config = testbed_config_numa(2, 2, 12);
        g_autoptr(testbed) bed = NULL;
        struct numa_counters before;
        uint32_t made = 0;

        config.audit = 0;
        bed = testbed_new(&config);
        while (bed->mem->numa_counters[0].miss == 0 && bed->mem->numa_counters[DMA].foreign == 0) {
                page_new(bed, 0, 0);
                made++;
        }
        g_assert_cmpuint(made, >, 2000);
        set(bed, VM_ZONE_RECLAIM_MODE, mode);
        testbed_forget(bed);
        before = bed->mem->numa_counters[DMA];
        for (uint32_t i = 0; i < 200; i++)
                page_new(bed, 0, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        if (mode) {
                g_assert_cmpuint(bed->mem->numa_counters[DMA].foreign, ==, before.foreign);
                g_assert_cmpuint(bed->mem->numa_counters[DMA].hit, ==, before.hit + 200);
                g_assert_cmpuint(testbed_count(bed, EV_PAGE_RECLAIMED, 0), >=, 200 - 32);
                g_assert_cmpuint(bed->mem->zones[DMA].prev_priority, <=, 4);
        } else {
                g_assert_cmpuint(bed->mem->numa_counters[DMA].foreign, >=, before.foreign + 150);
                g_assert_cmpuint(testbed_count(bed, EV_PAGE_RECLAIMED, 0), <, 150);
        }
}

static void test_zone_reclaim(void)
{
        zone_reclaim(0);
        zone_reclaim(1);
}

/* The scan of the inactive list looks at whole batches, and again at what it has just put back (section 4.3). */
static void test_short_list(void)
{
        static const struct {
                uint32_t pages, amount, looked;
        } cases[] = { { 10, 32, 40 }, { 14, 32, 42 }, { 32, 32, 32 }, { 40, 1, 32 }, { 10, 10, 10 }, { 1, 32, 32 } };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(testbed) bed = small(1);
                const struct zone *zone = &bed->mem->zones[DMA];
                g_autofree struct handle *page = g_new(struct handle, cases[i].pages);
                uint32_t pfn, first = cases[i].looked % cases[i].pages;

                for (uint32_t k = 0; k < cases[i].pages; k++) {
                        page[k] = page_new(bed, 0, 0);
                        g_assert_cmpuint(act(bed, OP_PAGE_PIN, &page[k]), ==, 0);
                }
                drain(bed);
                testbed_forget(bed);
                reclaim_ready(bed)->max = cases[i].amount;
                run_path(bed, SINACTIVE_BEGIN);
                g_assert_cmpuint(zone->pages_scanned, ==, cases[i].looked);
                g_assert_cmpuint(zone->pgscan_direct, ==, cases[i].looked);
                g_assert_cmpuint(zone->pgsteal, ==, 0);
                g_assert_cmpuint(reclaim_of(&bed->sim->m, thread_of(bed))->scanned, ==, cases[i].looked);
                g_assert_cmpuint(testbed_count(bed, EV_INACTIVE_SCANNED, 0), ==,
                                 (cases[i].looked + cases[i].pages - 1) / cases[i].pages);
                g_assert_cmpuint(list_of(bed, LRU_LIST_INACTIVE)->count, ==, cases[i].pages);
                pfn = list_of(bed, LRU_LIST_INACTIVE)->tail; /* whoever was looked at went to the head, oldest first */
                for (uint32_t k = 0; k < cases[i].pages; k++, pfn = bed->mem->pages[pfn].prev) {
                        g_assert_cmphex(pfn, ==, page[(first + k) % cases[i].pages].pfn);
                        g_assert_cmpuint(lru_count(record(bed, &page[k])), ==, 2); /* page cache and pin */
                }
        }
}

/*
 * What the shrinkers gave back after the visit of the first zone is enough for the second: kswapd finds all balanced
 * and ends without the wait and the second look that follow a round in which some zone was short (section 3.3, B5).
 */
static void test_kswapd_round(void)
{
        struct sim_config config = testbed_config(1, 64);
        g_autoptr(testbed) bed = NULL;
        const struct zone *zone;
        struct reclaim *r;
        struct vm_view vm;
        uint64_t before;

        config.audit = 0; /* 14,000 ops */
        bed = testbed_new(&config);
        zone = &bed->mem->zones[1];
        shrinkable(bed, 1000, 2, 0, 640);
        while (zone->free_pages >= zone->pages_high)
                testbed_pages(bed, 0, 0, GFP_KERNEL);
        g_assert_cmpuint(zone->free_pages, >, zone->pages_low);
        sim_vm_get(bed->sim, &vm);
        before = vm.events.pageoutrun;
        testbed_forget(bed);
        thread_of(bed)->op.target_cpu = 0; /* the node */
        run_path(bed, KSWAPD_BEGIN);
        sim_vm_get(bed->sim, &vm);
        g_assert_cmpuint(vm.events.pageoutrun, ==, before + 1);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_STARTED, 0), ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_KSWAPD_STARTED, 0, 0)->c, ==, 1); /* the zone that was short */
        g_assert_cmpuint(testbed_count(bed, EV_OBJECT_SHRUNK, 0), ==, 640);
        g_assert_cmpuint(zone->free_pages, >, zone->pages_high);
        g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, 0), ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_SLEPT, 0), ==, 1);
        /* the list of the first is as empty, but its visit freed something (B4) */
        g_assert_false(bed->mem->zones[DMA].all_unreclaimable);
        g_assert_true(zone->all_unreclaimable);

        r = reclaim_ready(bed); /* the end of such a round where one that was short waits, and looks again */
        r->is_kswapd = 1;
        r->all_ok = 1;
        r->total_scanned = 100;
        r->priority = 5;
        memset(r->note, 5, sizeof(r->note));
        testbed_forget(bed);
        run_path(bed, KSWAPD_ROUND);
        g_assert_cmpuint(testbed_count(bed, EV_CONGESTION_WAITED, 0), ==, 0);
        g_assert_cmpuint(testbed_count(bed, EV_KSWAPD_SLEPT, 0), ==, 1);
        g_assert_cmpuint(r->priority, ==, 5);
        g_assert_cmpuint(bed->mem->zones[DMA].prev_priority, ==, 5);
}

/* Where the page of the last request is. */
static uint32_t node_of(const struct testbed *bed)
{
        g_assert_cmphex(bed->done.pfn, !=, PFN_NONE);
        return memory_zone_of(&bed->sim->m.mem, bed->done.pfn)->node;
}

/* Two nodes, so many pages of this kind in the page cache of the first, which is below its low mark. */
static struct testbed *full_node(uint32_t page_count, uint8_t flags, uint64_t mode)
{
        struct sim_config config = testbed_config_numa(2, 2, 12);
        struct testbed *bed;

        config.audit = 0; /* 3,000 ops */
        bed = testbed_new(&config);
        for (uint32_t i = 0; i < page_count; i++)
                page_new(bed, flags, 0);
        while (bed->mem->numa_counters[DMA].foreign == 0)
                testbed_pages(bed, 0, 0, GFP_KERNEL);
        drain(bed);
        set(bed, VM_ZONE_RECLAIM_MODE, mode);
        testbed_forget(bed);
        return bed;
}

/* Pages looked at from priority 4 to `end` (section 4.1): amounts add up to 32 and are taken whole, in parts of 32. */
static uint32_t looked_at(uint32_t inactive, uint32_t end)
{
        uint32_t looked = 0, amount = 0;

        for (uint32_t priority = 4;; priority--) {
                amount += (inactive >> priority) + 1;
                if (amount >= LRU_CLUSTER) {
                        looked += (amount + LRU_CLUSTER - 1) / LRU_CLUSTER * LRU_CLUSTER;
                        amount = 0;
                }
                if (priority == end)
                        return looked;
        }
}

/* A block of several pages; and a zone so far below its mark that what was reclaimed does not get it there. */
static void test_zone_reclaim_enough(void)
{
        for (uint32_t order = 0; order <= 2; order += 2) {
                g_autoptr(testbed) bed = full_node(900, 0, 1);
                struct zone *zone = &bed->sim->m.mem.zones[DMA];
                uint64_t foreign = bed->mem->numa_counters[DMA].foreign;
                uint32_t looked = looked_at(list_of(bed, LRU_LIST_INACTIVE)->count, 4);

                zone->pages_low += 500;
                testbed_pages(bed, 0, order, GFP_KERNEL);
                g_assert_cmpuint(node_of(bed), ==, 0);
                g_assert_cmpuint(bed->mem->numa_counters[DMA].foreign, ==, foreign);
                g_assert_cmpuint(zone->free_pages, <, zone->pages_low); /* not tested again */
                g_assert_cmpuint(looked, ==, 64);
                g_assert_cmpuint(zone->pgscan_direct, ==, looked);
                g_assert_cmpuint(zone->pgsteal, ==, looked); /* 1/16 of the list is enough */
                g_assert_cmpuint(zone->prev_priority, ==, 4);
                g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, 0), ==, 1);
                g_assert_cmpuint(testbed_event(bed, EV_RECLAIM_TRIED, 0, 0)->c, ==, looked);
                g_assert_cmpuint(bed->mem->lru.events.allocstall, ==, 0);
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        }
}

/* Dirty pages: without bit 2 nothing is freed at any priority, and the other node serves; with it they are written. */
static void test_zone_reclaim_dirty(void)
{
        for (uint64_t mode = 1; mode <= 3; mode += 2) {
                g_autoptr(testbed) bed = full_node(300, PAGE_NEW_DIRTY | PAGE_NEW_UNREAD, mode);
                const struct zone *zone = &bed->mem->zones[DMA];
                uint64_t foreign = bed->mem->numa_counters[DMA].foreign, dirty = zone_stat_exact(zone, NR_DIRTY);
                uint32_t inactive = list_of(bed, LRU_LIST_INACTIVE)->count;

                testbed_pages(bed, 0, 0, GFP_KERNEL);
                g_assert_cmpuint(node_of(bed), ==, 1);
                g_assert_cmpuint(bed->mem->numa_counters[DMA].foreign, ==, foreign + 1);
                g_assert_cmpuint(zone->prev_priority, ==, 0);
                g_assert_cmpuint(zone->pgscan_direct, ==, looked_at(inactive, 0));
                g_assert_cmpuint(zone->pgsteal, ==, 0);
                g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, 0), ==, 1);
                g_assert_cmpuint(testbed_event(bed, EV_RECLAIM_TRIED, 0, 0)->c, ==, 0);
                g_assert_cmpuint(testbed_event(bed, EV_ZONE_REFUSED, 0, 0)->a, ==, DMA);
                g_assert_cmpuint(list_of(bed, LRU_LIST_INACTIVE)->count, ==, inactive);
                g_assert_cmpuint(zone_stat_exact(zone, NR_DIRTY), ==, mode == 1 ? dirty : 0);
                g_assert_cmpuint(testbed_count(bed, EV_PAGE_WRITE_STARTED, 0), ==, mode == 1 ? 0 : dirty);
                g_assert_cmpuint(bed->mem->lru.events.allocstall, ==, 0);
                g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        }
}

/*
 * No page cache, but more reclaimable slab pages than may stay: shrink_slab alone (Z6). Whole slabs empty and the node
 * serves; or an object of every slab is in use, so that it frees objects, once more frees none, and no page came back.
 */
static void zone_reclaim_slab(bool in_use)
{
        struct sim_config config = testbed_config_numa(2, 2, 12);
        g_autoptr(testbed) bed = NULL;
        const struct zone *zone;
        uint64_t foreign, slab_pages, unused = 0;
        uint32_t cache;

        config.audit = 0; /* 4,000 ops */
        bed = testbed_new(&config);
        zone = &bed->mem->zones[DMA];
        cache = shrinkable(bed, 1000, 2, 0, 0); /* four to a slab of one page */
        for (uint32_t i = 0; i < 400 * 4; i++) {
                struct handle handle = { .object = testbed_alloc(bed, 0, cache, GFP_KERNEL) };

                handle.op = bed->done.id;
                if (in_use && i % 4 == 0)
                        continue;
                g_assert_cmpuint(act(bed, OP_PUT, &handle), ==, 0);
                unused++;
        }
        slab_pages = stat_shown(zone->stat[NR_SLAB_RECLAIMABLE]); /* without per-CPU differences: what the rows test */
        g_assert_cmpuint(slab_pages, >, zone->present_pages * 5 / 100);
        while (bed->mem->numa_counters[DMA].foreign == 0)
                testbed_pages(bed, 0, 0, GFP_KERNEL);
        foreign = bed->mem->numa_counters[DMA].foreign;
        set(bed, VM_ZONE_RECLAIM_MODE, 1);
        testbed_forget(bed);
        testbed_pages(bed, 0, 0, GFP_KERNEL);
        g_assert_cmpuint(testbed_count(bed, EV_OBJECT_SHRUNK, 0), ==, unused);
        g_assert_cmpuint(node_of(bed), ==, in_use ? 1 : 0);
        g_assert_cmpuint(bed->mem->numa_counters[DMA].foreign, ==, foreign + in_use);
        g_assert_cmpuint(testbed_count(bed, EV_RECLAIM_TRIED, 0), ==, 1);
        g_assert_cmpuint(testbed_event(bed, EV_RECLAIM_TRIED, 0, 0)->c, ==,
                         slab_pages - stat_shown(zone->stat[NR_SLAB_RECLAIMABLE]));
        if (in_use)
                g_assert_cmpuint(stat_shown(zone->stat[NR_SLAB_RECLAIMABLE]), ==, slab_pages);
        else
                g_assert_cmpuint(stat_shown(zone->stat[NR_SLAB_RECLAIMABLE]), <, slab_pages - 200);
        g_assert_cmpuint(zone->prev_priority, ==, DEF_PRIORITY); /* the lists were not scanned */
        g_assert_cmpuint(zone->pgscan_direct, ==, 0);
        g_assert_cmpuint(bed->mem->lru.events.allocstall, ==, 0);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
}

static void test_zone_reclaim_slab(void)
{
        zone_reclaim_slab(false);
        zone_reclaim_slab(true);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/reclaim/shrink-slab-worked-example", test_shrink_slab);
        g_test_add_func("/engine/reclaim/seeks", test_seeks);
        g_test_add_func("/engine/reclaim/unused-objects", test_unused);
        g_test_add_func("/engine/reclaim/rows-of-the-scan", test_rows);
        g_test_add_func("/engine/reclaim/swap", test_swap);
        g_test_add_func("/engine/reclaim/exit-and-swap-cache", test_swap_cache_exit);
        g_test_add_func("/engine/reclaim/exit-order", test_exit);
        g_test_add_func("/engine/reclaim/exit-and-files", test_exit_file);
        g_test_add_func("/engine/reclaim/access", test_access);
        g_test_add_func("/engine/reclaim/writes-take-time", test_device);
        g_test_add_func("/engine/reclaim/writes-end-with-a-wait", test_no_device);
        g_test_add_func("/engine/reclaim/drop-caches", test_drop_caches);
        g_test_add_func("/engine/reclaim/throttle", test_throttle);
        g_test_add_func("/engine/reclaim/zone-reclaim", test_zone_reclaim);
        g_test_add_func("/engine/reclaim/zone-reclaim-is-enough", test_zone_reclaim_enough);
        g_test_add_func("/engine/reclaim/zone-reclaim-of-dirty-pages", test_zone_reclaim_dirty);
        g_test_add_func("/engine/reclaim/zone-reclaim-of-slabs", test_zone_reclaim_slab);
        g_test_add_func("/engine/reclaim/a-list-shorter-than-the-amount", test_short_list);
        g_test_add_func("/engine/reclaim/kswapd-finds-all-balanced", test_kswapd_round);
        return g_test_run();
}
