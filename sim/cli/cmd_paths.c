/*
 * cmd_paths.c - kmemsim paths [--dot] [NAME]: the tables that move the CPUs, as text or as a graph for Graphviz.
 *
 * Printed from the tables themselves (path/steps.def), so what is shown is what runs.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "path/step.h"

static const char *const held_texts[] = {
        [HELD_ON] = "irqs on",        [HELD_OFF] = "irqs off",     [HELD_LIST] = "list_lock",
        [HELD_ZONE] = "zone lock",    [HELD_ALIEN] = "alien lock", [HELD_CHAIN] = "chain mutex",
        [HELD_MEMPOOL] = "pool lock", [HELD_LRU] = "lru_lock",
};
static const char *const outcome_texts[] = { "", "no", "else", "after" };

/* The parts of steps.def, in its order: what a part is about, and its first state (tests/cli/paths compares). */
struct section {
        const char *title;
        int first; /* enum state */
};

static const struct section sections[] = {
        { "kmalloc, kmem_cache_alloc", ALLOC_SIZE_CLASS },
        { "refill of a magazine", REFILL_BATCH },
        { "NUMA: kmem_cache_alloc_node", ALLOCN_SIZE_CLASS },
        { "NUMA: an object of a node", NODE_LOCK },
        { "NUMA: an object of any node", FALLBACK_ZONE },
        { "a new slab", GROW_BEGIN },
        { "alloc_pages", PA_FAULT },
        { "out_of_memory", OOM_REPORT },
        { "walk over a zonelist", SCAN_ZONE },
        { "free_pages", PF_ENTER },
        { "kfree, kmem_cache_free", FREE_LOOKUP },
        { "NUMA: an object of another node", FREE_HOME_CHECK },
        { "NUMA: an alien array goes home", ALIEN_DRAIN_LOCK },
        { "NUMA: all alien arrays of a node", ALIENS_DRAIN_NEXT },
        { "NUMA: an alien set comes and goes", ALIENS_NEW },
        { "objects back to their slabs", RETOBJ_NEXT },
        { "an empty slab goes", SLABD_RCU },
        { "part of an array to the slabs", DRAIN_TEST },
        { "free slabs to the buddy lists", DRAINF_NEXT },
        { "cache_reap", REAP_TRYLOCK },
        { "kmem_cache_create", CREATE_LOCK },
        { "a cache of the boot sequence", BOOTC_DESCRIPTOR },
        { "do_tune_cpucache", TUNE_WORK },
        { "write to /proc/slabinfo", TUNEW_LOCK },
        { "what a cache owns goes back", RELEASE_MAG },
        { "kmem_cache_shrink", SHRINK_LOCK },
        { "kmem_cache_destroy", DESTROY_LOCK },
        { "after a grace period", RCU_NEXT },
        { "the soft interrupt of RCU", RCU_CALLBACK },
        { "page lists to the buddy lists", DRAINP_NEXT },
        { "CPU up", UP_LOCK },
        { "CPU down", DOWN_LOCK },
        { "NUMA: page sets of a CPU", PAGESETS_NEXT },
        { "calls on other CPUs", IPI_SWAP },
        { "memory pools: one element", MPEL_ALLOC },
        { "mempool_create", MPC_RECORD },
        { "what a memory pool holds goes back", MPGONE_ELEMENT },
        { "mempool_alloc", MP_BEGIN },
        { "mempool_free", MPF_TEST },
        { "mempool_resize", MPR_LOCK },
        { "mempool_destroy", MPD_TEST },
        { "direct reclaim", RECLAIM_BEGIN },
        { "NUMA: zone reclaim", ZRECLAIM_BEGIN },
        { "kswapd", KSWAPD_BEGIN },
        { "shrink_zone", SZONE_BEGIN },
        { "shrink_active_list", SACTIVE_BEGIN },
        { "shrink_inactive_list, shrink_page_list", SINACTIVE_BEGIN },
        { "pages onto the lists, freed in groups", ADD_NEXT },
        { "shrink_slab", SSLAB_BEGIN },
        { "what a workload does to pages", PAGEN_BEGIN },
        { "exit_mmap", EXIT_BEGIN },
        { "drop_caches, settings, shrinkers", DROP_BEGIN },
        { "a process exits or changes", PX_BEGIN },
        { "end of an op", OP_END },
        { "requests that take no path: refused, written, work, ticks", OP_REFUSED },
};

static int section_end(size_t section)
{
        return section + 1 < G_N_ELEMENTS(sections) ? sections[section + 1].first : STATE_COUNT;
}

static void print_text(void)
{
        for (size_t s = 0; s < G_N_ELEMENTS(sections); s++) {
                printf("%s%s\n", s ? "\n" : "", sections[s].title);
                for (int id = sections[s].first; id < section_end(s); id++) {
                        const struct step *step = &steps[id];

                        printf("  %-20s %-11s", step_texts[id].name, held_texts[step->held]);
                        if (step->cost < COST_KIND_COUNT)
                                printf(" %6u cycles", cost_infos[step->cost].cycles);
                        else
                                printf("              ");
                        printf("  %s\n", step_texts[id].what);
                        for (int outcome = OUT_OK; outcome <= OUT_CALL; outcome++) {
                                if (step->next[outcome] == DONE)
                                        continue;
                                printf("  %20s -> %s", outcome_texts[outcome], step_texts[step->next[outcome]].name);
                                if (outcome == OUT_CALL)
                                        printf(", first runs %s", step_texts[step->callee].name);
                                printf("\n");
                        }
                }
        }
}

static void print_dot(void)
{
        printf("digraph paths {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
               "  edge [fontname=\"sans-serif\", fontsize=9];\n");
        for (size_t s = 0; s < G_N_ELEMENTS(sections); s++) {
                printf("  subgraph cluster_%zu {\n    label=\"%s\";\n", s, sections[s].title);
                for (int id = sections[s].first; id < section_end(s); id++)
                        printf("    %s [tooltip=\"%s\"];\n", step_texts[id].name, step_texts[id].what);
                printf("  }\n");
        }
        for (int id = 0; id < STATE_COUNT; id++) {
                for (int outcome = OUT_OK; outcome <= OUT_CALL; outcome++) {
                        if (steps[id].next[outcome] == DONE)
                                continue;
                        printf("  %s -> %s", step_texts[id].name, step_texts[steps[id].next[outcome]].name);
                        if (outcome != OUT_OK)
                                printf(" [label=\"%s\"]", outcome_texts[outcome]);
                        printf(";\n");
                }
                if (steps[id].next[OUT_CALL] != DONE)
                        printf("  %s -> %s [style=dashed, label=\"calls\"];\n", step_texts[id].name,
                               step_texts[steps[id].callee].name);
        }
        printf("}\n");
}

static const char examples[] = "Examples:\n"
                               "  kmemsim paths                                    the state tables as text\n"
                               "  kmemsim paths --dot | dot -Tsvg > paths.svg      as a picture\n"
                               "\n"
                               "One line a state: what is held, what the step costs, what it does; below it\n"
                               "where it goes from there.";

static const struct command_help help = {
        .name = "paths",
        .what = "the state tables of the allocator, as text or graph",
        .examples = examples,
};

static int parse_and_run(int argc, char **argv)
{
        gboolean dot = FALSE;
        const GOptionEntry entries[] = {
                { "dot", 0, 0, G_OPTION_ARG_NONE, &dot, "a graph for Graphviz", NULL },
                { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
        };
        int code;

        code = options_parse(&help, entries, &argc, argv);
        if (code >= 0)
                return code;
        if (argc != 1)
                return usage_error(&help, "unexpected argument %s", argv[1]);
        if (dot)
                print_dot();
        else
                print_text();
        return EXIT_OK;
}

int cmd_paths(int argc, char **argv)
{
        return command_run(argc, argv, parse_and_run, EXIT_OK);
}
