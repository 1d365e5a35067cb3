/*
 * test_steps.c - the table of paths itself: every arrow leads somewhere, every state can be reached, calls name what
 * they call.
 */
#include <glib.h>
#include <string.h>

#include "path/step.h"

/* Where a path begins: asked for by a request, by boot, by a timer, or on another CPU. Callees begin paths as well. */
static const enum state entries[] = {
        ALLOC_SIZE_CLASS, ALLOC_IRQ_OFF, ALLOCN_SIZE_CLASS, ALLOCN_IRQ_OFF, PA_FAULT, FAULT_SET, PA_FAST, PF_ENTER,
        FREE_LOOKUP, CREATE_LOCK, SHRINK_LOCK, DESTROY_LOCK, REAP_TRYLOCK, DRAINP_NEXT, UP_LOCK, DOWN_LOCK, WORK_END,
        TICK_ADD, BOOTC_DESCRIPTOR, BOOTR_ALLOC, TUNE_WORK, TUNEW_LOCK, PAGESETS_NEXT, IPI_SWAP, DRAINM_LOCK, RCU_NEXT,
        RCU_CALLBACK, OP_END, OP_REFUSED, PX_BEGIN, PROCESS_SET, MPC_RECORD, MP_BEGIN, MPF_TEST, MPR_LOCK, MPD_TEST,
        WRITE_BYTES, KSWAPD_BEGIN, PAGEN_BEGIN, PAGE_DO, PAGE_DELETE_BEGIN, EXIT_BEGIN, DROP_BEGIN, SHRINKER_SET,
        SHRINKER_UNSET, UNUSED_DO, VM_SET_DO,
};

static void test_arrows(void)
{
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                const struct step *step = &steps[state];

                g_assert_cmpint(strlen(step_texts[state].name), >, 2);
                g_assert_cmpint(strlen(step_texts[state].what), >, 2);
                for (uint32_t outcome = OUT_OK; outcome <= OUT_CALL; outcome++)
                        g_assert_cmpuint(step->next[outcome], <=, DONE);
                /* a call names what it calls */
                g_assert_cmpint(step->next[OUT_CALL] != DONE, ==, step->callee != DONE);
                g_assert_cmpuint(step->cost, <=, COST_KIND_COUNT);
        }
        g_assert_cmpuint(STATE_COUNT, <, (uint64_t)1 << (8 * sizeof(steps[0].next[0]))); /* DONE has a number as well */
        g_assert_cmpuint(STATE_COUNT, <=, (uint64_t)1 << (8 * sizeof(((struct frame *)0)->state)));
}

/* Only what a CPU does for itself with interrupts off, or what changes nothing, may run ahead of the others' clocks. */
static void test_local(void)
{
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                if (!steps[state].shared && steps[state].held != HELD_OFF)
                        g_assert_true(state == ALLOC_SELECT_CACHE || state == ALLOCN_SELECT_CACHE);
        }
}

static void reach(bool *reached, uint32_t state)
{
        if (state == DONE || reached[state])
                return;
        reached[state] = true;
        for (uint32_t outcome = OUT_OK; outcome <= OUT_CALL; outcome++)
                reach(reached, steps[state].next[outcome]);
        reach(reached, steps[state].callee);
}

static void test_reachable(void)
{
        bool reached[STATE_COUNT] = { false };

        for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
                reach(reached, entries[i]);
        for (uint32_t state = 0; state < STATE_COUNT; state++) {
                if (!reached[state])
                        g_test_message("nothing leads to %s", step_texts[state].name);
                g_assert_true(reached[state]);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/path/steps/every-arrow-leads-somewhere", test_arrows);
        g_test_add_func("/path/steps/only-private-steps-run-ahead", test_local);
        g_test_add_func("/path/steps/every-state-can-be-reached", test_reachable);
        return g_test_run();
}
