/*
 * test_show.c - the state that show finds by running a recording again is the one the run had: texts taken from the
 * live simulator when an op was done, at a moment, and at the end,
 * are compared with those of the replay at these points.
 */
#include <string.h>

#include "base/units.h"
#include "engine/sim.h"
#include "mm/memory.h"
#include "observe/holders.h"
#include "observe/observer.h"
#include "observe/proc_text.h"
#include "observe/state_text.h"
#include "record/record_error.h"
#include "record/recorder.h"
#include "record/recording.h"
#include "record/replay.h"
#include "record/scratch.h"
#include "trace/gfp.h"

#define TASKS_PER_CPU 2u
#define HELD_MAX      200u

struct taken { /* what the live simulator said */
        struct replay_point point;
        GPtrArray *texts;
        uint64_t hash;
};

struct worker {
        uint64_t random;
        uint32_t left, held_count;
        uint32_t held[HELD_MAX];
        gboolean is_irq;
        uint32_t burst;
};

static uint64_t draw(struct worker *worker, uint64_t below)
{
        worker->random ^= worker->random << 13;
        worker->random ^= worker->random >> 7;
        worker->random ^= worker->random << 17;
        return (worker->random >> 11) % below;
}

static void append_op(uint64_t op, uint64_t now_ns, GString *text, void *context)
{
        (void)context;
        g_string_append_printf(text, "op %" G_GUINT64_FORMAT " seen at %" G_GUINT64_FORMAT, op, now_ns);
}

static char *target_text(const struct sim *sim, const struct state_target *target)
{
        const struct state_names names = { .append_op = append_op };
        GString *text = g_string_new(NULL);
        char *problem = state_text(sim, target, &names, text);

        if (problem == NULL)
                return g_string_free(text, FALSE);
        g_string_free(text, TRUE);
        return problem;
}

/* Every frame has one use, and the uses add up to what the models count. */
static void check_holders(const struct sim *sim)
{
        const struct memory *mem = sim_memory(sim);
        g_autoptr(holders_auto) holders = holders_new(sim);
        uint64_t pages[USE_BLOCK + 1] = { 0 }, free_pages = 0, listed = 0, slabs = 0, blocks = 0, held = 0, objs = 0;
        struct sim_object object;

        for (uint32_t pfn = 0; pfn < holders->page_count; pfn++)
                pages[holders->pages[pfn].use]++;
        for (uint32_t zone = 0; zone < sim_zone_count(sim); zone++) {
                struct zone_view view;

                sim_zone_get(sim, zone, &view);
                free_pages += view.free_pages;
                listed += view.pcp_pages;
        }
        for (uint32_t cache = 0; cache < sim_cache_count(sim); cache++) {
                struct cache_stock stock;

                if (sim_cache_stock(sim, cache, &stock))
                        slabs += (uint64_t)(stock.slabs_partial + stock.slabs_full + stock.slabs_free)
                                 << mem->caches[cache].gfporder;
        }
        for (uint32_t handle = 0; handle < sim_object_count(sim); handle++) {
                if (!sim_object_get(sim, handle, &object))
                        continue;
                blocks += object.cache == CACHE_ID_NONE ? UINT64_C(1) << object.order : 0;
                objs += object.cache != CACHE_ID_NONE && mem->pages[place_pfn(object.place)].state == PAGE_SLAB;
        }
        for (uint32_t id = 0; id < holders->slab_count; id++)
                held += holders->slabs[id].objs;
        g_assert_cmpuint(pages[USE_FREE], ==, free_pages);
        g_assert_cmpuint(pages[USE_LIST], ==, listed);
        g_assert_cmpuint(pages[USE_SLAB], ==, slabs);
        g_assert_cmpuint(pages[USE_BLOCK], <=, blocks); /* one that is being given back may lie on a list already */
        g_assert_cmpuint(held, ==, objs);
}

/* Texts of single things: caches, pages here and there, and of some objects and blocks the workload holds,
 * which must say so. */
static void take_targets(const struct sim *sim, GPtrArray *texts)
{
        static const char *const caches[] = { "size-64", "size-512", "kmem_cache", "no such cache" };
        const struct memory *mem = sim_memory(sim);

        for (size_t i = 0; i < G_N_ELEMENTS(caches); i++)
                g_ptr_array_add(texts,
                                target_text(sim, &(struct state_target){ .kind = STATE_CACHE, .name = caches[i] }));
        for (uint32_t pfn = 3; pfn < mem->page_count; pfn += mem->page_count / 9)
                for (enum state_kind kind = STATE_PAGE; kind <= STATE_OBJECT; kind++)
                        g_ptr_array_add(texts, target_text(sim, &(struct state_target){ .kind = kind, .pfn = pfn }));
        for (uint32_t handle = 0; handle < sim_object_count(sim); handle++) {
                struct sim_object object;
                g_autofree char *who = NULL;
                struct state_target target = { .kind = STATE_OBJECT };

                if (!sim_object_get(sim, handle, &object) || object.op % 11 != 0)
                        continue;
                who = g_strdup_printf("%-16sop %" G_GUINT64_FORMAT " seen", "held by", object.op);
                target.pfn = place_pfn(object.place);
                target.offset = place_offset(object.place);
                g_ptr_array_add(texts, target_text(sim, &target));
                if (object.live && strstr(texts->pdata[texts->len - 1], who) == NULL)
                        g_error("not %s: %s", who, (const char *)texts->pdata[texts->len - 1]);
                target.kind = object.cache == CACHE_ID_NONE ? STATE_PAGE : STATE_SLAB;
                g_ptr_array_add(texts, target_text(sim, &target));
                g_assert_true(!object.live || strstr(texts->pdata[texts->len - 1], strstr(who, "op ")) != NULL);
        }
}

static void take(const struct sim *sim, void *context)
{
        struct taken *taken = context;

        taken->texts = g_ptr_array_new_with_free_func(g_free);
        for (int i = 0; proc_names[i] != NULL; i++) {
                GString *text = g_string_new(NULL);

                g_assert_true(proc_text(sim, proc_names[i], text));
                g_ptr_array_add(taken->texts, g_string_free(text, FALSE));
        }
        take_targets(sim, taken->texts);
        check_holders(sim);
        taken->hash = sim_state_hash(sim);
}

static const char *text(const struct taken *taken, guint which) /* as in proc_names */
{
        return taken->texts->pdata[which];
}

static void clear(struct taken *taken)
{
        g_ptr_array_unref(taken->texts);
}

static void submit(struct sim *sim, uint32_t thread, struct worker *worker)
{
        struct request request = { .kind = OP_KMALLOC, .gfp = worker->is_irq ? GFP_ATOMIC : GFP_KERNEL };
        const char *problem;

        if (worker->held_count == HELD_MAX || (worker->held_count > 0 && draw(worker, 100) < 48)) {
                uint32_t at = (uint32_t)draw(worker, worker->held_count);

                request = (struct request){ .kind = OP_FREE, .object = worker->held[at] };
                worker->held[at] = worker->held[--worker->held_count];
        } else if (draw(worker, 6) == 0) {
                request.kind = OP_PAGES;
                request.order = (uint8_t)draw(worker, 3);
        } else {
                request.size_bytes = 1 + draw(worker, draw(worker, 4) == 0 ? 9000 : 500);
        }
        problem = sim_submit(sim, thread, &request);
        g_assert_cmpstr(problem, ==, NULL);
}

static void turn(struct sim *sim, enum sim_what what, uint32_t thread, struct worker *worker)
{
        if (what == SIM_DONE && sim_result_object(sim, thread) != OBJECT_NONE)
                worker->held[worker->held_count++] = sim_result_object(sim, thread);
        if (worker->is_irq) {
                worker->burst = what == SIM_WAKE ? 3 : worker->burst - 1;
                if (worker->burst == 0 || worker->held_count == HELD_MAX)
                        sim_irq_return(sim, thread);
                else
                        submit(sim, thread, worker);
                return;
        }
        if (worker->left == 0)
                return;
        worker->left--;
        if (draw(worker, 12) == 0)
                sim_raise(sim, 1 + (uint32_t)draw(worker, 2), sim_now_ns(sim) + draw(worker, 700));
        if (draw(worker, 200) == 0) /* long enough for the reaper to come */
                sim_wake_at(sim, thread, sim_now_ns(sim) + 700000000 * draw(worker, 3) + 1);
        else
                submit(sim, thread, worker);
}

static GArray *run_live(const struct sim_config *config, const char *path)
{
        GArray *all = g_array_new(FALSE, TRUE, sizeof(struct taken));
        struct worker *workers = g_new0(struct worker, 2 + config->cpus * TASKS_PER_CPU + 1);
        struct observer *observer = observer_new();
        g_autoptr(GError) error = NULL;
        struct recorder *recorder = recorder_open(path, TRUE, &error);
        const char *problem = NULL;
        uint64_t look_ns = 1000;
        struct sim *sim;
        struct sink sink;
        uint32_t thread;

        g_assert_no_error(error);
        sim = sim_create(config, observer_tape(observer), &problem);
        g_assert_cmpstr(problem, ==, NULL);
        recorder_set_config(recorder, config);
        for (uint32_t i = 0; i < 2 + config->cpus * TASKS_PER_CPU; i++) {
                enum thread_kind kind = i < 2 ? THREAD_IRQ : THREAD_TASK;
                uint32_t cpu = i % config->cpus;

                thread = sim_thread_new(sim, kind, cpu);
                recorder_add_thread(recorder, thread, kind, cpu, "worker", FALSE);
                workers[thread] = (struct worker){ .random = 77 * thread + 1, .left = 800, .is_irq = i < 2 };
        }
        sink = recorder_sink(recorder);
        observer_start(observer, sim, &sink);
        for (thread = 3; thread <= 2 + config->cpus * TASKS_PER_CPU; thread++)
                turn(sim, SIM_WAKE, thread, &workers[thread]);
        for (;;) {
                enum sim_what what = observed_run_until(observer, look_ns, &thread);
                struct taken taken = { .texts = NULL };

                if (what == SIM_IDLE && sim_now_ns(sim) < look_ns)
                        break;
                if (what == SIM_IDLE) {
                        taken.point = (struct replay_point){ .stop = REPLAY_TO_TIME, .t_ns = look_ns };
                        take(sim, &taken);
                        g_array_append_val(all, taken);
                        look_ns = look_ns * 5 / 3 + 17;
                        continue;
                }
                if (what == SIM_DONE && sim_result(sim, thread)->id % 211 == 0) {
                        taken.point = (struct replay_point){ .stop = REPLAY_TO_OP, .op = sim_result(sim, thread)->id };
                        take(sim, &taken);
                        g_array_append_val(all, taken);
                }
                turn(sim, what, thread, &workers[thread]);
        }
        {
                struct taken taken = { .point = { .stop = REPLAY_TO_END } };

                take(sim, &taken);
                g_array_append_val(all, taken);
        }
        observer_end(observer);
        recorder_finish(recorder, observer, "done", &error);
        g_assert_no_error(error);
        sim_destroy(sim);
        observer_free(observer);
        g_free(workers);
        return all;
}

static void check_point(const char *path, const struct taken *live)
{
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct taken shown = { .texts = NULL };
        struct replay_result result;

        recording = recording_open(path, &error);
        g_assert_no_error(error);
        replay_to(recording, &live->point, take, &shown, &result, &error);
        g_assert_no_error(error);
        if (result.differs)
                g_error("%s", result.difference);
        g_assert_cmpuint(shown.texts->len, ==, live->texts->len);
        for (guint i = 0; i < live->texts->len; i++)
                g_assert_cmpstr(shown.texts->pdata[i], ==, live->texts->pdata[i]);
        g_assert_cmpuint(shown.hash, ==, live->hash);
        clear(&shown);
        replay_result_clear(&result);
}

static void check_machine(const struct sim_config *config)
{
        g_autofree char *path = scratch_path("show.db");
        g_autoptr(GArray) all = run_live(config, path);
        uint32_t counts[3] = { 0 };

        for (guint i = 0; i < all->len; i++) {
                struct taken *taken = &g_array_index(all, struct taken, i);

                counts[taken->point.stop]++;
                check_point(path, taken);
                clear(taken);
        }
        g_assert_cmpuint(counts[REPLAY_TO_END], ==, 1);
        g_assert_cmpuint(counts[REPLAY_TO_OP], >=, 5);
        g_assert_cmpuint(counts[REPLAY_TO_TIME], >=, 10);
}

static void test_x86_64(void)
{
        struct sim_config config;

        sim_config_default(&config);
        config.node_mib[0] = 64;
        config.threads_max = 16;
        check_machine(&config);
        config.cpus = 1;
        check_machine(&config);
}

static void test_i386(void)
{
        struct sim_config config;

        sim_config_default(&config);
        config.arch = ARCH_I386;
        config.line_bytes = 32;
        config.cpus = 4;
        config.node_mib[0] = 128;
        config.threads_max = 16;
        check_machine(&config);
}

static void test_numa(void)
{
        struct sim_config config;

        sim_config_default(&config);
        config.numa = 1;
        config.nodes = 2;
        config.cpus = 4;
        config.node_mib[0] = config.node_mib[1] = 64;
        config.threads_max = 16;
        if (sim_config_problem(&config) != NULL)
                g_test_skip(sim_config_problem(&config));
        else
                check_machine(&config);
}

/* An op of the machine itself: the moment of its end. */
static void test_machine_op(void)
{
        g_autofree char *path = scratch_path("reap.db");
        g_autoptr(recording_auto) recording = NULL;
        g_autoptr(GError) error = NULL;
        struct taken by_op = { .texts = NULL }, by_time = { .texts = NULL };
        struct workload workload;
        struct workload_result done;
        struct replay_result result;
        int64_t op, end_ns;

        workload_default(&workload);
        workload.ends_asleep = TRUE;
        workload.op_count = 2000;
        record(&workload, path, &done);
        op = sql_int(path, "SELECT id FROM op WHERE origin = 1 ORDER BY id LIMIT 1 OFFSET 3");
        end_ns = sql_int(path, "SELECT t_ns + dur_ns FROM op WHERE id = %" G_GINT64_FORMAT, op);
        recording = recording_open(path, &error);
        g_assert_no_error(error);
        g_assert_true(replay_to(recording, &(struct replay_point){ .stop = REPLAY_TO_OP, .op = (uint64_t)op }, take,
                                &by_op, &result, &error));
        g_assert_false(result.differs);
        replay_result_clear(&result);
        g_assert_true(replay_to(recording, &(struct replay_point){ .stop = REPLAY_TO_TIME, .t_ns = (uint64_t)end_ns },
                                take, &by_time, &result, &error));
        g_assert_cmpuint(result.end_ns, ==, (uint64_t)end_ns);
        replay_result_clear(&result);
        g_assert_cmpuint(by_op.texts->len, ==, by_time.texts->len);
        for (guint i = 0; i < by_op.texts->len; i++)
                g_assert_cmpstr(by_op.texts->pdata[i], ==, by_time.texts->pdata[i]);
        clear(&by_op);
        clear(&by_time);
}

static void test_no_such_point(void)
{
        g_autofree char *path = scratch_path("points.db");
        g_autoptr(recording_auto) recording = NULL;
        const struct replay_point points[] = {
                { .stop = REPLAY_TO_OP, .op = 0 },
                { .stop = REPLAY_TO_OP, .op = UINT64_MAX },
                { .stop = REPLAY_TO_TIME, .t_ns = UINT64_MAX },
        };
        struct workload workload;
        struct workload_result done;
        struct replay_result result;
        g_autoptr(GError) error = NULL;

        workload_default(&workload);
        workload.op_count = 100;
        record(&workload, path, &done);
        recording = recording_open(path, &error);
        g_assert_no_error(error);
        for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
                g_assert_false(replay_to(recording, &points[i], NULL, NULL, &result, &error));
                g_assert_error(error, RECORD_ERROR, RECORD_ERROR_USAGE);
                g_clear_error(&error);
        }
}

/* The files as the kernel prints them, on a machine that has just booted (the reference machine R1). */
static void test_format(void)
{
        static const char slabinfo[] =
                "slabinfo - version: 2.1\n"
                "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
                "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
        struct op_record ops[4];
        struct event_record events[4];
        struct tape tape = { .ops = ops, .op_cap = 4, .events = events, .event_cap = 4 };
        struct taken taken = { .texts = NULL };
        struct sim_config config;
        const char *problem;
        struct sim *sim;

        sim_config_default(&config);
        config.node_mib[0] = 64;
        config.reserved_pages = 1024;
        config.cpus = 1;
        sim = sim_create(&config, &tape, &problem);
        take(sim, &taken);
        g_assert_true(g_str_has_prefix(text(&taken, 0), slabinfo));
        g_assert_nonnull(strstr(text(&taken, 0), "\nsize-4096             11     11   4096    1    1 : tunables   24   "
                                                 "12    8"
                                                " : slabdata     11     11      0\n"));
        g_assert_nonnull(strstr(text(&taken, 0), "\nkmem_cache            28     40    192   20    1 : tunables  120   "
                                                 "60    8"
                                                " : slabdata      2      2      0\n"));
        g_assert_true(g_str_has_prefix(text(&taken, 1), "Node 0, zone      DMA "));
        g_assert_true(g_str_has_suffix(text(&taken, 1), " \n"));
        g_assert_nonnull(strstr(text(&taken, 2), "Node 0, zone    DMA32\n  pages free     "));
        g_assert_nonnull(strstr(text(&taken, 2), "\n        min      190\n        low      237\n        high     285\n"
                                                "        active   0\n        inactive 0\n        scanned  0 (a: "
                                                "0 i: 0)\n"
                                                "        spanned  12288\n        present  12120\n"
                                                "    nr_anon_pages 0\n    nr_mapped    0\n"));
        g_assert_nonnull(strstr(text(&taken, 2), "\n        protection: (0, 0, 0)\n  pagesets"));
        g_assert_true(g_str_has_suffix(text(&taken, 2), "\n  all_unreclaimable: 0\n  prev_priority:     12\n"
                                                       "  start_pfn:         4096\n"));
        g_assert_true(g_str_has_prefix(text(&taken, 3), "nr_anon_pages 0\nnr_mapped 0\nnr_file_pages 0\n"
                                                        "nr_slab_reclaimable 0\n"
                                                        "nr_slab_unreclaimable "));
        g_assert_nonnull(strstr(text(&taken, 3), "\nnr_vmscan_write 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n"
                                                 "pgalloc_dma "));
        g_assert_nonnull(strstr(text(&taken, 3), "\npgalloc_normal 0\npgfree "));
        g_assert_true(g_str_has_suffix(text(&taken, 3), "\npageoutrun 0\nallocstall 0\npgrotated 0\n"));
        g_assert_true(g_str_has_prefix(text(&taken, 4), "MemTotal:        61440 kB\nMemFree:         "));
        g_assert_nonnull(strstr(text(&taken, 4), " kB\nPageTables:          0 kB\nNFS_Unstable:        0 kB\n"
                                                 "Bounce:              0 kB\n"
                                                 "CommitLimit:     30720 kB\nCommitted_AS:        0 kB\n"
                                                 "VmallocTotal: 34359738367 kB\nVmallocUsed:         0 kB\n"));
        clear(&taken);
        sim_destroy(sim);
}

int main(int argc, char **argv)
{
        int result;

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/query/show/equals-the-live-state", test_x86_64);
        g_test_add_func("/query/show/equals-the-live-state-i386", test_i386);
        g_test_add_func("/query/show/equals-the-live-state-numa", test_numa);
        g_test_add_func("/query/show/op-of-the-machine", test_machine_op);
        g_test_add_func("/query/show/points-outside-of-the-recording", test_no_such_point);
        g_test_add_func("/query/show/the-kernels-formats", test_format);
        result = g_test_run();
        scratch_remove_all();
        return result;
}
