/*
 * Arrivals, and the plan of a load: what it promises without any machine.
 */
#include <glib.h>

#include "base/units.h"
#include "trace/op.h"
#include "workload/load.h"

/* -- arrivals ----------------------------------------------------------------------------------------------------- */

static void check_times(const struct arrival *arrival, uint64_t start_ns, const uint64_t *expected, uint32_t count)
{
        struct arrival_clock clock;
        struct prng prng;

        prng_init(&prng, 1, 1);
        g_assert_null(arrival_problem(arrival));
        arrival_begin(&clock, start_ns);
        for (uint32_t i = 0; i < count; i++)
                g_assert_cmpuint(arrival_next(arrival, &clock, &prng), ==, expected[i]);
}

static void test_constant_arrivals(void)
{
        static const uint64_t expected[] = { 130, 160, 190 };
        struct arrival arrival = { .kind = ARRIVAL_GAPS };

        dist_constant(&arrival.gap, 30);
        check_times(&arrival, 100, expected, 3);
}

static void test_bursts(void)
{
        static const uint64_t expected[] = { 100, 110, 120, 145, 155, 165, 190 };
        struct arrival arrival = { .kind = ARRIVAL_BURSTS };

        dist_constant(&arrival.on, 25);
        dist_constant(&arrival.off, 20);
        dist_constant(&arrival.gap, 10);
        check_times(&arrival, 100, expected, 7);
}

static void test_short_bursts_have_one_request(void)
{
        static const uint64_t expected[] = { 0, 20, 40, 60 };
        struct arrival arrival = { .kind = ARRIVAL_BURSTS };

        dist_constant(&arrival.on, 0);
        dist_constant(&arrival.off, 20);
        dist_constant(&arrival.gap, 10);
        check_times(&arrival, 0, expected, 4);
}

static void test_times_of_a_trace(void)
{
        static const uint64_t times[] = { 0, 5, 5, 9 };
        static const uint64_t expected[] = { 1000, 1005, 1005, 1009, TIME_NEVER, TIME_NEVER };
        struct arrival arrival = { .kind = ARRIVAL_TIMES, .times = times, .time_count = 4 };

        check_times(&arrival, 1000, expected, 6);
}

static void test_time_that_stands_still(void)
{
        struct arrival arrival = { .kind = ARRIVAL_GAPS };

        dist_constant(&arrival.gap, 0);
        g_assert_nonnull(arrival_problem(&arrival));
        arrival.kind = ARRIVAL_BURSTS;
        dist_constant(&arrival.gap, 1);
        dist_constant(&arrival.on, 0);
        dist_constant(&arrival.off, 0);
        g_assert_nonnull(arrival_problem(&arrival));
        arrival.kind = ARRIVAL_TIMES;
        g_assert_nonnull(arrival_problem(&arrival));
}

/* -- plans -------------------------------------------------------------------------------------------------------- */

static struct dist_choice size_choices[] = { { .value = 64, .weight = 5 }, { .value = 1500, .weight = 1 } };
static struct load_ask ask = { .kind = OP_KMALLOC };

/* Poisson arrivals a microsecond apart, two sizes, nothing is freed. */
static struct load_spec plain_spec(void)
{
        struct load_spec spec = { .name = "test", .seed = 1, .asks = &ask, .ask_count = 1, .count = UINT64_MAX,
                                  .duration_ns = TIME_NEVER };

        if (!ask.amount.count)
                dist_empirical(&ask.amount, size_choices, 2);
        dist_exponential(&spec.arrival.gap, 1000);
        dist_constant(&spec.batch, 1);
        return spec;
}

struct plan {
        GArray *actions; /* struct load_action, slots replaced by the number of the allocation */
        uint32_t allocs, frees, live_peak;
};

/* Runs a load to its end and checks what holds for every plan. */
static struct plan make_plan(const struct load_spec *spec)
{
        struct plan plan = { .actions = g_array_new(FALSE, FALSE, sizeof(struct load_action)) };
        g_autoptr(GHashTable) live = g_hash_table_new(NULL, NULL);
        struct load *load = load_new(spec);
        struct load_action action;
        uint64_t before_ns = 0;

        while (load_next(load, &action)) {
                gpointer slot = GUINT_TO_POINTER(action.slot + 1), number;

                g_assert_cmpuint(action.t_ns, >=, before_ns);
                before_ns = action.t_ns;
                if (action.is_free) {
                        g_assert_true(g_hash_table_steal_extended(live, slot, NULL, &number));
                        load_release(load, action.slot);
                        action.slot = GPOINTER_TO_UINT(number);
                        plan.frees++;
                } else {
                        action.slot = ++plan.allocs;
                        g_assert_true(g_hash_table_insert(live, slot, GUINT_TO_POINTER(action.slot)));
                }
                g_assert_cmpuint(load_live(load), ==, plan.allocs - plan.frees);
                plan.live_peak = MAX(plan.live_peak, load_live(load));
                if (plan.actions->len % 997 == 0)
                        g_assert_cmpstr(load_audit(load), ==, NULL);
                g_array_append_val(plan.actions, action);
        }
        g_assert_cmpstr(load_audit(load), ==, NULL);
        load_free(load);
        return plan;
}

static const struct load_action *action_at(const struct plan *plan, uint32_t index)
{
        return &g_array_index(plan->actions, struct load_action, index);
}

static void plan_clear(struct plan *plan)
{
        g_array_unref(plan->actions);
}

/* Times and amounts of the allocations alone. */
static void assert_same_allocations(const struct plan *a, const struct plan *b)
{
        uint32_t i = 0, j = 0;

        g_assert_cmpuint(a->allocs, ==, b->allocs);
        for (uint32_t n = 0; n < a->allocs; n++, i++, j++) {
                while (action_at(a, i)->is_free)
                        i++;
                while (action_at(b, j)->is_free)
                        j++;
                g_assert_cmpuint(action_at(a, i)->t_ns, ==, action_at(b, j)->t_ns);
                g_assert_cmpuint(action_at(a, i)->amount, ==, action_at(b, j)->amount);
        }
}

static void test_count_and_duration(void)
{
        struct load_spec spec = plain_spec();
        struct plan plan;

        spec.count = 1000;
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.allocs, ==, 1000);
        g_assert_cmpuint(plan.frees, ==, 0);
        plan_clear(&plan);
        spec.count = UINT64_MAX;
        spec.start_ns = 5000;
        spec.duration_ns = 1000000;
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.allocs, >, 800);
        g_assert_cmpuint(plan.allocs, <, 1200);
        g_assert_cmpuint(action_at(&plan, 0)->t_ns, >=, 5000);
        g_assert_cmpuint(action_at(&plan, plan.actions->len - 1)->t_ns, <, 1005000);
        plan_clear(&plan);
}

static void test_batches(void)
{
        struct load_spec spec = plain_spec();
        struct plan plan;

        dist_constant(&spec.batch, 8);
        spec.count = 803; /* the last batch is cut */
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.allocs, ==, 803);
        for (uint32_t i = 0; i + 8 <= 800; i += 8)
                g_assert_cmpuint(action_at(&plan, i)->t_ns, ==, action_at(&plan, i + 7)->t_ns);
        plan_clear(&plan);
}

static void test_lifetimes(void)
{
        struct load_spec spec = plain_spec();
        uint64_t born_ns[1001] = { 0 };
        struct plan plan;

        spec.count = 1000;
        spec.has_lifetime = spec.drain = true;
        dist_constant(&spec.lifetime, 7777);
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.frees, ==, 1000);
        for (uint32_t i = 0; i < plan.actions->len; i++) {
                const struct load_action *action = action_at(&plan, i);

                if (action->is_free)
                        g_assert_cmpuint(action->t_ns, ==, born_ns[action->slot] + 7777);
                else
                        born_ns[action->slot] = action->t_ns;
        }
        plan_clear(&plan);
        spec.drain = false;
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.frees, <, 1000);
        g_assert_cmpuint(plan.frees, >, 950);
        plan_clear(&plan);
}

static void test_lifetime_of_nothing(void)
{
        struct load_spec spec = plain_spec();
        struct plan plan;

        spec.count = 100;
        spec.has_lifetime = true;
        dist_constant(&spec.lifetime, 0);
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.frees, ==, 100);
        for (uint32_t i = 0; i < 200; i += 2)
                g_assert_cmpuint(action_at(&plan, i)->slot, ==, action_at(&plan, i + 1)->slot);
        plan_clear(&plan);
}

static void test_target(void)
{
        struct load_spec spec = plain_spec();
        struct plan plan;

        spec.count = 20000;
        spec.has_target = true;
        spec.live = 300;
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.live_peak, ==, 300);
        g_assert_cmpuint(plan.frees, ==, 20000 - 300);
        plan_clear(&plan);
}

static void test_phases(void)
{
        struct load_spec spec = plain_spec();
        struct load_action action;
        struct load *load;
        uint32_t holds = 0;

        spec.start_ns = 1000000;
        spec.has_target = spec.has_phases = true;
        spec.live = 5000;
        spec.grow_ns = 10000000; /* two arrivals for each step of the target */
        spec.hold_ns = 20000000;
        spec.shrink_ns = 5000000;
        load = load_new(&spec);
        while (load_next(load, &action)) {
                uint64_t after_ns = action.t_ns - spec.start_ns, live = load_live(load);
                uint64_t target = load_target(&spec, after_ns);

                if (action.is_free) {
                        load_release(load, action.slot);
                        continue;
                }
                g_assert_cmpuint(live, <=, target);
                g_assert_cmpuint(live + 150, >, target); /* not far behind */
                holds += after_ns >= spec.grow_ns && after_ns < spec.grow_ns + spec.hold_ns && live == 5000;
        }
        g_assert_cmpuint(holds, >, 19000); /* nearly all of the hold phase */
        g_assert_cmpuint(load_live(load), ==, 0);
        g_assert_cmpuint(action.t_ns, ==, spec.start_ns + 35000000);
        load_free(load);
}

static void test_target_of_phases(void)
{
        struct load_spec spec = { .has_target = true, .has_phases = true, .live = 1000, .grow_ns = 100, .hold_ns = 50,
                                  .shrink_ns = 200 };

        g_assert_cmpuint(load_target(&spec, 0), ==, 0);
        g_assert_cmpuint(load_target(&spec, 1), ==, 10);
        g_assert_cmpuint(load_target(&spec, 99), ==, 990);
        g_assert_cmpuint(load_target(&spec, 100), ==, 1000);
        g_assert_cmpuint(load_target(&spec, 149), ==, 1000);
        g_assert_cmpuint(load_target(&spec, 250), ==, 500);
        g_assert_cmpuint(load_target(&spec, 349), ==, 5);
        g_assert_cmpuint(load_target(&spec, 350), ==, 0);
        spec.shrink_ns = 0;
        g_assert_cmpuint(load_target(&spec, 1000), ==, 1000);
}

static void test_target_with_lifetimes(void)
{
        struct load_spec spec = plain_spec();
        struct plan plan;

        spec.count = 200000;
        spec.has_target = spec.has_lifetime = spec.drain = true;
        spec.live = 100;
        dist_pareto(&spec.lifetime, 20000, DIST_SHAPE_ONE, UINT64_MAX); /* long ones: most are displaced */
        plan = make_plan(&spec);
        g_assert_cmpuint(plan.live_peak, ==, 100);
        g_assert_cmpuint(plan.frees, ==, plan.allocs);
        plan_clear(&plan);
}

/* What is changed about a source changes nothing else about it. */
static void test_streams_are_apart(void)
{
        struct load_spec spec = plain_spec();
        struct plan plain, other;

        spec.count = 5000;
        plain = make_plan(&spec);
        spec.has_lifetime = true;
        dist_lognormal(&spec.lifetime, 50000, DIST_SHAPE_ONE);
        other = make_plan(&spec);
        assert_same_allocations(&plain, &other);
        plan_clear(&other);
        spec.has_target = true;
        spec.live = 10;
        other = make_plan(&spec);
        assert_same_allocations(&plain, &other);
        plan_clear(&other);
        spec.name = "another";
        other = make_plan(&spec);
        g_assert_cmpuint(action_at(&plain, 0)->t_ns, !=, action_at(&other, 0)->t_ns);
        plan_clear(&other);
        plan_clear(&plain);
}

/* Releasing late, as a slow machine does, gives slots other numbers and nothing else. */
static void test_late_releases_change_nothing(void)
{
        struct load_spec spec = plain_spec();
        struct load *prompt, *slow;
        g_autoptr(GArray) held = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        struct load_action a, b;
        bool same_slots = true;

        spec.count = 20000;
        spec.has_lifetime = spec.has_target = true;
        spec.live = 200;
        dist_exponential(&spec.lifetime, 150000);
        prompt = load_new(&spec);
        slow = load_new(&spec);
        while (load_next(prompt, &a)) {
                g_assert_true(load_next(slow, &b));
                g_assert_cmpuint(a.t_ns, ==, b.t_ns);
                g_assert_cmpuint(a.amount, ==, b.amount);
                g_assert_cmpint(a.is_free, ==, b.is_free);
                same_slots &= a.slot == b.slot;
                if (!a.is_free)
                        continue;
                load_release(prompt, a.slot);
                g_array_append_val(held, b.slot);
                for (uint32_t i = 0; held->len == 64 && i < 64; i++)
                        load_release(slow, g_array_index(held, uint32_t, i));
                if (held->len == 64)
                        g_array_set_size(held, 0);
        }
        g_assert_false(load_next(slow, &b));
        g_assert_false(same_slots);
        load_free(prompt);
        load_free(slow);
}

static void test_problems(void)
{
        struct load_spec spec = plain_spec();

        g_assert_null(load_spec_problem(&spec));
        g_assert_true(load_spec_is_endless(&spec));
        spec.has_phases = true;
        g_assert_nonnull(load_spec_problem(&spec));
        spec.has_target = true;
        spec.live = 1;
        g_assert_null(load_spec_problem(&spec));
        g_assert_false(load_spec_is_endless(&spec));
        spec.duration_ns = 1;
        g_assert_nonnull(load_spec_problem(&spec));
        spec.has_phases = false;
        spec.ask_count = 0;
        g_assert_nonnull(load_spec_problem(&spec));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/workload/arrival/constant", test_constant_arrivals);
        g_test_add_func("/workload/arrival/bursts", test_bursts);
        g_test_add_func("/workload/arrival/short-bursts-have-one-request", test_short_bursts_have_one_request);
        g_test_add_func("/workload/arrival/times-of-a-trace", test_times_of_a_trace);
        g_test_add_func("/workload/arrival/time-that-stands-still", test_time_that_stands_still);
        g_test_add_func("/workload/load/count-and-duration", test_count_and_duration);
        g_test_add_func("/workload/load/batches", test_batches);
        g_test_add_func("/workload/load/lifetimes", test_lifetimes);
        g_test_add_func("/workload/load/lifetime-of-nothing", test_lifetime_of_nothing);
        g_test_add_func("/workload/load/target", test_target);
        g_test_add_func("/workload/load/phases", test_phases);
        g_test_add_func("/workload/load/target-of-phases", test_target_of_phases);
        g_test_add_func("/workload/load/target-with-lifetimes", test_target_with_lifetimes);
        g_test_add_func("/workload/load/streams-are-apart", test_streams_are_apart);
        g_test_add_func("/workload/load/late-releases-change-nothing", test_late_releases_change_nothing);
        g_test_add_func("/workload/load/problems", test_problems);
        return g_test_run();
}
