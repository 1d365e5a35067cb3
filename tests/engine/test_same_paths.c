/*
 * test_same_paths.c - one request at a time and many at once go the same ways: a workload without contention ends in
 * the same state however it was handed to the machine.
 */
#include <glib.h>

#include "base/prng.h"
#include "support/testbed.h"

#define OPS 600u

/* A fixed list of things to do on one CPU; frees name the op whose object they free. */
struct task_op {
        uint32_t kind, size, order, gfp, frees;
};

static void write_list(struct task_op *list, uint64_t seed)
{
        static const uint32_t masks[] = { GFP_KERNEL, GFP_ATOMIC, GFP_NOFS, GFP_KERNEL | __GFP_DMA };
        g_autoptr(GArray) live = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        struct prng prng;

        prng_init(&prng, seed, 0);
        for (uint32_t i = 0; i < OPS; i++) {
                uint32_t way = (uint32_t)prng_below(&prng, 10);

                list[i].gfp = masks[prng_below(&prng, G_N_ELEMENTS(masks))];
                if (way < 4 && live->len) {
                        uint32_t which = (uint32_t)prng_below(&prng, live->len);

                        list[i].kind = OP_FREE;
                        list[i].frees = g_array_index(live, uint32_t, which);
                        g_array_remove_index(live, which);
                        continue;
                }
                list[i].kind = way < 9 ? OP_KMALLOC : OP_PAGES;
                list[i].size = (uint32_t)prng_between(&prng, 1, prng_chance(&prng, 1, 5) ? 20000 : 700);
                list[i].order = (uint32_t)prng_below(&prng, 4);
                g_array_append_val(live, i);
        }
}

static struct request request_of(const struct task_op *op, const uint32_t *objects)
{
        struct request request = { .kind = (uint8_t)op->kind, .gfp = op->gfp };

        if (op->kind == OP_FREE)
                request.object = objects[op->frees];
        else if (op->kind == OP_KMALLOC)
                request.size_bytes = op->size;
        else
                request.order = (uint8_t)op->order;
        return request;
}

/* What must not depend on how the work was handed over: everything but times. */
static void same_work(const struct testbed *a, const struct testbed *b)
{
        g_assert_cmpuint(a->ops->len, ==, b->ops->len);
        g_assert_cmpuint(a->events->len, ==, b->events->len);
        for (uint32_t i = 0; i < a->ops->len; i++) {
                struct op_record x = g_array_index(a->ops, struct op_record, i);
                struct op_record y = g_array_index(b->ops, struct op_record, i);

                x.t_ns = y.t_ns = 0;
                x.task = y.task = 0;
                g_assert_cmpmem(&x, sizeof(x), &y, sizeof(y));
        }
        for (uint32_t i = 0; i < a->events->len; i++) {
                struct event_record x = g_array_index(a->events, struct event_record, i);
                struct event_record y = g_array_index(b->events, struct event_record, i);

                x.t_ns = y.t_ns = 0;
                g_assert_cmpmem(&x, sizeof(x), &y, sizeof(y));
        }
        g_assert_cmpuint(sim_state_hash(a->sim), ==, sim_state_hash(b->sim));
}

static struct testbed *one_by_one(const struct task_op *list, bool manual_clock)
{
        struct sim_config config = testbed_config(1, 64);
        struct testbed *bed;
        uint32_t objects[OPS];

        config.manual_clock = manual_clock;
        bed = testbed_new(&config);
        for (uint32_t i = 0; i < OPS; i++) {
                struct request request = request_of(&list[i], objects);

                testbed_do(bed, 0, &request);
                objects[i] = sim_result_object(bed->sim, bed->task[0]);
        }
        return bed;
}

/* Tasks that hand in the next request of the list as soon as they are done, `tasks` of them in turn. */
static struct testbed *in_turn(const struct task_op *list, uint32_t tasks)
{
        struct sim_config config = testbed_config(1, 64);
        struct testbed *bed = testbed_new(&config);
        uint32_t objects[OPS];
        uint32_t at_of[1024];
        uint32_t submitted = 0;
        uint32_t who;

        for (uint32_t i = 0; i < tasks; i++)
                sim_thread_new(bed->sim, THREAD_TASK, 0);
        /* all that depend on nothing under way are asked for at once; they are carried out in that order */
        for (uint32_t done = 0; done < OPS;) {
                while (submitted < OPS && submitted < done + tasks) {
                        struct request request;

                        if (list[submitted].kind == OP_FREE && list[submitted].frees >= done)
                                break; /* its object does not exist yet */
                        request = request_of(&list[submitted], objects);
                        at_of[2 + submitted % tasks] = submitted;
                        g_assert_cmpstr(sim_submit(bed->sim, 2 + submitted % tasks, &request), ==, NULL);
                        submitted++;
                }
                g_assert_cmpint(sim_run(bed->sim, &who), ==, SIM_DONE);
                g_assert_cmpuint(at_of[who], ==, done);
                objects[done++] = sim_result_object(bed->sim, who);
        }
        testbed_flush(bed);
        return bed;
}

static void test_clocks(void)
{
        for (uint64_t seed = 1; seed <= 5; seed++) {
                struct task_op list[OPS];
                g_autoptr(testbed) manual = NULL;
                g_autoptr(testbed) timed = NULL;

                write_list(list, seed);
                manual = one_by_one(list, true);
                timed = one_by_one(list, false);
                same_work(manual, timed);
        }
}

static void test_queued(void)
{
        for (uint64_t seed = 1; seed <= 5; seed++) {
                struct task_op list[OPS];
                g_autoptr(testbed) one = NULL;
                g_autoptr(testbed) three = NULL;
                g_autoptr(testbed) hundred = NULL;

                write_list(list, seed);
                one = one_by_one(list, true);
                three = in_turn(list, 3);
                hundred = in_turn(list, 100);
                same_work(one, three);
                same_work(one, hundred);
        }
}

/* On several CPUs one after the other, handed over one by one or started by wake-ups far apart. */
static void test_far_apart(void)
{
        for (uint64_t seed = 1; seed <= 5; seed++) {
                struct sim_config config = testbed_config(4, 64);
                g_autoptr(testbed) direct = testbed_new(&config);
                g_autoptr(testbed) woken = testbed_new(&config);
                struct task_op list[OPS];
                uint32_t objects[2][OPS];
                uint32_t who;

                write_list(list, seed);
                for (uint32_t i = 0; i < OPS; i++) {
                        uint32_t cpu = i * 7 / 5 % 4;
                        struct request request = request_of(&list[i], objects[0]);

                        testbed_do(direct, cpu, &request);
                        objects[0][i] = sim_result_object(direct->sim, direct->task[cpu]);
                        sim_wake_at(woken->sim, woken->task[cpu], sim_now_ns(woken->sim) + 100000);
                        g_assert_cmpint(sim_run(woken->sim, &who), ==, SIM_WAKE);
                        request = request_of(&list[i], objects[1]);
                        testbed_do(woken, cpu, &request);
                        objects[1][i] = sim_result_object(woken->sim, woken->task[cpu]);
                }
                same_work(direct, woken);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/engine/same-paths/with-a-manual-clock-and-without", test_clocks);
        g_test_add_func("/engine/same-paths/one-by-one-and-queued", test_queued);
        g_test_add_func("/engine/same-paths/at-once-and-far-apart", test_far_apart);
        return g_test_run();
}
