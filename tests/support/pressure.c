#include "support/pressure.h"

#include "base/prng.h"

#define TASKS_PER_CPU 2
#define KEPT_MAX      2000u

struct kept {
        uint64_t op;
        uint32_t object;
        uint8_t kind; /* of the request that made it */
        uint8_t is_put;
};

struct worker {
        uint32_t thread;
        GArray *kept;   /* struct kept */
        struct kept used; /* what the request in hand is about */
        uint8_t undo;   /* op kind that has to follow: unlock after lock, 0: none */
};

struct pressure {
        struct testbed *bed;
        struct prng prng;
        uint32_t cache[2];
        uint32_t left;
};

struct sim_config pressure_config(uint64_t seed)
{
        struct sim_config config = seed % 5 == 4 ? testbed_config_numa(2 + (uint32_t)(seed % 2), 2, 10) :
                                                   testbed_config(1 + (uint32_t)(seed % 3), 12);

        config.audit = 0;
        return config;
}

static uint32_t below(struct pressure *p, uint32_t bound)
{
        return (uint32_t)prng_below(&p->prng, bound);
}

static bool is_page(const struct kept *kept)
{
        return kept->kind == OP_PAGE_NEW;
}

static void draw_new(struct pressure *p, struct request *request)
{
        uint32_t what = below(p, 10);

        if (what < 6) {
                request->kind = OP_PAGE_NEW;
                request->gfp = below(p, 5) ? GFP_HIGHUSER : GFP_NOFS;
                request->owner = (uint16_t)(1 + below(p, 3));
                request->flags = below(p, 3) == 0 ? PAGE_NEW_ANON
                                                  : (uint8_t)((below(p, 4) ? 0 : PAGE_NEW_MAPPED) |
                                                              (below(p, 3) ? 0 : PAGE_NEW_DIRTY) |
                                                              (below(p, 8) ? 0 : PAGE_NEW_NO_WRITE) |
                                                              (below(p, 2) ? 0 : PAGE_NEW_UNREAD));
        } else if (what < 9) {
                request->kind = OP_ALLOC;
                request->cache = p->cache[below(p, 2)];
                request->gfp = below(p, 4) ? GFP_KERNEL : GFP_NOFS;
        } else {
                request->kind = OP_PAGES;
                request->order = (uint8_t)below(p, 3);
                request->gfp = below(p, 2) ? GFP_KERNEL : GFP_ATOMIC | __GFP_NOWARN;
        }
}

static void draw_use(struct pressure *p, struct worker *worker, struct request *request)
{
        static const uint8_t acts[] = { OP_PAGE_ACCESS, OP_PAGE_TOUCH, OP_PAGE_WRITE, OP_PAGE_MLOCK, OP_PAGE_LOCK,
                                        OP_PAGE_PIN,    OP_PAGE_DELETE, OP_PAGE_ACCESS, OP_PAGE_TOUCH };
        uint32_t index = below(p, worker->kept->len);
        struct kept *kept = &g_array_index(worker->kept, struct kept, index);
        bool gone = false;

        worker->used = *kept;
        request->object = kept->object;
        request->op = kept->op;
        if (is_page(kept)) {
                request->kind = acts[below(p, G_N_ELEMENTS(acts))];
                gone = request->kind == OP_PAGE_DELETE;
                worker->undo = request->kind == OP_PAGE_LOCK  ? OP_PAGE_UNLOCK :
                               request->kind == OP_PAGE_PIN   ? OP_PAGE_UNPIN :
                               request->kind == OP_PAGE_MLOCK ? OP_PAGE_MUNLOCK : 0;
        } else if (kept->kind == OP_ALLOC) {
                request->kind = kept->is_put ? OP_GET : OP_PUT;
                kept->is_put = !kept->is_put;
        } else {
                request->kind = OP_FREE;
                gone = true;
        }
        if (gone)
                g_array_remove_index_fast(worker->kept, index);
}

static void submit(struct pressure *p, struct worker *worker)
{
        struct request request = { 0 };
        uint32_t what = below(p, 1000);
        const char *problem;

        if (worker->undo) {
                request =
                        (struct request){ .kind = worker->undo, .object = worker->used.object, .op = worker->used.op };
                worker->undo = 0;
        } else if (what < 4) {
                request = (struct request){ .kind = OP_PROCESS_EXIT, .owner = (uint16_t)(1 + below(p, 3)) };
        } else if (what < 8) {
                request = (struct request){ .kind = OP_DROP_CACHES, .flags = (uint8_t)(1 + below(p, 3)) };
        } else if (what < 30) {
                request = (struct request){ .kind = OP_WORK, .size_bytes = 1000 + below(p, 2000000) };
        } else if (worker->kept->len && (what < 400 || worker->kept->len >= KEPT_MAX)) {
                draw_use(p, worker, &request);
        } else {
                draw_new(p, &request);
        }
        problem = sim_submit(p->bed->sim, worker->thread, &request);
        g_assert_cmpstr(problem, ==, NULL);
        p->left -= p->left > 0;
}

static void done(struct pressure *p, struct worker *worker)
{
        const struct op_record *op = sim_result(p->bed->sim, worker->thread);
        struct kept kept = { .op = op->id, .object = sim_result_object(p->bed->sim, worker->thread), .kind = op->kind };

        if ((op->kind == OP_PAGE_NEW || op->kind == OP_ALLOC || op->kind == OP_PAGES) && op->pfn != PFN_NONE)
                g_array_append_val(worker->kept, kept);
        if (worker->undo && op->result)
                worker->undo = 0; /* there was nothing to lock */
}

void pressure_run(struct testbed *bed, const struct pressure_shape *shape)
{
        uint32_t count = bed->mem->cpus * TASKS_PER_CPU;
        struct pressure p = { .bed = bed, .left = shape->requests };
        struct worker *workers = g_new0(struct worker, count);
        const struct { enum vm_setting setting; uint64_t value; } settings[] = {
                { VM_SWAP_PAGES, shape->swap_pages },
                { VM_WRITE_NS, shape->write_ns },
                { VM_ZONE_RECLAIM_MODE, shape->zone_reclaim_mode },
        };
        uint32_t who;

        prng_init(&p.prng, shape->seed, 7);
        for (uint32_t i = 0; i < G_N_ELEMENTS(settings); i++) {
                struct request request = { .kind = OP_VM_SET,
                                           .order = settings[i].setting,
                                           .size_bytes = settings[i].value };

                testbed_do(bed, 0, &request);
        }
        for (uint32_t i = 0; i < 2; i++) {
                struct request request = { .kind = OP_SHRINKER,
                                           .order = (uint8_t)(2 + i),
                                           .flags = i ? SHRINKER_BY_HUNDREDS : SHRINKER_NEEDS_FS };

                p.cache[i] = testbed_create(bed, i ? "inodes" : "names", i ? 500 : 120, 0, CACHE_RECLAIM_ACCOUNT);
                request.cache = p.cache[i];
                testbed_do(bed, 0, &request);
        }
        for (uint32_t i = 0; i < count; i++) {
                workers[i].thread = sim_thread_new(bed->sim, THREAD_TASK, i % bed->mem->cpus);
                workers[i].kept = g_array_new(FALSE, FALSE, sizeof(struct kept));
                sim_wake_at(bed->sim, workers[i].thread, sim_now_ns(bed->sim) + i);
        }
        for (enum sim_what what; (what = sim_run(bed->sim, &who)) != SIM_IDLE;) {
                struct worker *worker = &workers[who - workers[0].thread];

                if (what == SIM_DONE)
                        done(&p, worker);
                if (p.left || worker->undo)
                        submit(&p, worker);
        }
        testbed_flush(bed);
        g_assert_cmpstr(sim_audit(bed->sim), ==, NULL);
        for (uint32_t i = 0; i < count; i++)
                g_array_unref(workers[i].kept);
        g_free(workers);
}
