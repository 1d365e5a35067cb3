/*
 * test_fuzz_ops.c - ops files drawn at random, of the kinds of the reference vectors: NUMA with nodes of any size and
 * without CPUs, whole nodes going offline, i386 with and without high memory, odd amounts of memory, all geometries of
 * caches, memory running out and time running past the wrap of jiffies.
 *
 * Each op is valid: it is carried out here as it is drawn, with everything recounted now and then. Then `kmemsim ops`
 * reads the file and must accept every line, end well and print the same results. In a build with the full audit every
 * step is recounted. KMEMSIM_TEST_SEED=N runs one seed, KMEMSIM_TEST_SEEDS=N so many of them;
 * the file of a seed that fails is kept.
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/prng.h"
#include "cli/cli.h"
#include "observe/kmemgold.h"
#include "script/gfp_text.h"
#include "trace/gfp.h"

#define LIVE_MAX   4000u
#define CACHES     40u

struct live {
        uint64_t id;
        uint32_t handle; /* OBJECT_NONE: the allocation failed; it is freed all the same */
};

struct fuzz {
        struct prng prng;
        struct sim_config config;
        struct sim *sim;
        struct tape tape;
        struct op_record ops[64];
        struct event_record events[64];
        uint32_t task[MACHINE_CPUS_MAX];
        GString *file, *expected; /* the ops file, and what it must print but for snapshots */
        GArray *live;
        char *caches[CACHES];     /* names of caches of ours that are there */
        uint64_t next_id;
        uint32_t names;
        /* what this file is made of */
        uint32_t caches_percent, pages_percent, remote_percent, hotplug_percent, huge_percent, live_target;
        bool starves;
};

static uint32_t below(struct fuzz *f, uint32_t bound)
{
        return (uint32_t)prng_below(&f->prng, bound);
}

static bool chance(struct fuzz *f, uint32_t part, uint32_t whole)
{
        return prng_chance(&f->prng, part, whole);
}

static uint32_t between(struct fuzz *f, uint32_t first, uint32_t last)
{
        return (uint32_t)prng_between(&f->prng, first, last);
}

static uint32_t online_cpu(struct fuzz *f)
{
        for (;;) {
                uint32_t cpu = below(f, f->config.cpus);

                if (sim_cpu_online(f->sim, cpu))
                        return cpu;
        }
}

/* -- machines ------------------------------------------------------------------------------------------------------ */

static void draw_machine(struct fuzz *f)
{
        static const uint32_t usual[] = { 16, 24, 32, 33, 48, 64, 96, 128, 160, 300 };
        struct sim_config *config = &f->config;
        uint32_t way = below(f, 10);

        sim_config_default(config);
        config->manual_clock = 1;
        config->cpus = between(f, 1, 8);
        config->node_mib[0] = chance(f, 1, 2) ? usual[below(f, G_N_ELEMENTS(usual))] : between(f, 9, 200);
        config->reserved_pages = chance(f, 1, 2) ? 256 : below(f, 600);
        if (way < 3) {
                config->arch = ARCH_I386;
                config->line_bytes = chance(f, 1, 3) ? 128 : 32;
                if (chance(f, 1, 2))
                        config->node_mib[0] = between(f, 880, 1100); /* on both sides of where high memory begins */
        } else if (way < 7) {
                config->numa = 1;
                config->nodes = between(f, 1, 4);
                for (uint32_t node = 0; node < config->nodes; node++)
                        config->node_mib[node] = chance(f, 1, 3) ? between(f, 4, 16) : between(f, 8, 130);
                config->node_mib[0] = MAX(config->node_mib[0], 12);
                config->reserved_pages = MIN(config->reserved_pages, 400);
        } else {
                config->line_bytes = chance(f, 1, 3) ? 128 : 64;
                if (way == 9)
                        config->node_mib[0] = between(f, 4090, 4400); /* a little Normal above DMA32 */
        }
        g_string_append_printf(f->file, "kmemops 1\nmachine arch=%s numa=%u cpus=%u nodes=%u mem_mib=",
                               config->arch == ARCH_I386 ? "i386" : "x86_64", config->numa, config->cpus,
                               config->nodes);
        for (uint32_t node = 0; node < config->nodes; node++)
                g_string_append_printf(f->file, "%s%u", node ? "," : "", config->node_mib[node]);
        g_string_append_printf(f->file, " reserved_pages=%u l1=%u hz=250\n", config->reserved_pages,
                               config->line_bytes);
}

static void draw_mix(struct fuzz *f)
{
        f->caches_percent = below(f, 60);
        f->pages_percent = below(f, 50);
        f->remote_percent = below(f, 60);
        f->hotplug_percent = chance(f, 1, 2) ? below(f, 3) : 0;
        f->huge_percent = below(f, 8);
        f->live_target = between(f, 50, LIVE_MAX);
        f->starves = chance(f, 1, 3);
}

static const char *at_work; /* path of the ops file, for who looks into a failure */

/* -- operations ---------------------------------------------------------------------------------------------------- */

static const struct op_record *carry_out(struct fuzz *f, uint32_t cpu, const struct request *request)
{
        const char *problem = sim_submit(f->sim, f->task[cpu], request);
        uint32_t who;

        if (problem || sim_run(f->sim, &who) != SIM_DONE) {
                g_file_set_contents(at_work, f->file->str, -1, NULL);
                g_error("%s: the last line: %s", at_work, problem ? problem : "it does not end");
        }
        return sim_result(f->sim, who);
}

/* " gfp=..." of the file, and what it means. */
static uint32_t draw_gfp(struct fuzz *f, bool pages, char text[128])
{
        static const char *const bases[] = { "kernel", "kernel", "atomic", "nowait", "noio", "nofs", "user" };
        static const char *const extras[] = { "cold", "nowarn",   "repeat",   "noretry", "high",  "nomemalloc",
                                              "comp", "hardwall", "thisnode", "wait",    "nogrow" };
        static const char *const zones[] = { "dma", "dma32", "highmem", "zero" };
        GString *words = g_string_new(bases[below(f, G_N_ELEMENTS(bases))]);
        const char *word;
        size_t length;
        uint32_t gfp;

        if (pages && chance(f, 1, 6))
                g_string_assign(words, "highuser");
        if (chance(f, 1, 4))
                g_string_append_printf(words, ",%s", extras[below(f, G_N_ELEMENTS(extras) - pages)]);
        if (pages && chance(f, 1, 5))
                g_string_append_printf(words, ",%s",
                                       zones[below(f, G_N_ELEMENTS(zones) - (f->config.arch == ARCH_I386))]);
        else if (!pages && chance(f, 1, 14))
                g_string_append(words, ",dma");
        if (f->config.arch == ARCH_I386 && strstr(words->str, "dma32"))
                g_string_assign(words, "kernel");
        g_assert_true(gfp_parse(words->str, f->config.numa, &gfp, &word, &length));
        if (gfp == GFP_KERNEL && chance(f, 1, 2))
                text[0] = '\0';
        else
                g_snprintf(text, 128, " gfp=%s", words->str);
        g_string_free(words, TRUE);
        return gfp;
}

static void note_allocation(struct fuzz *f, uint32_t cpu, uint64_t id, const struct op_record *op)
{
        struct live live = { id, OBJECT_NONE };
        struct cache_view view;

        if (op->pfn == PFN_NONE) {
                g_string_append_printf(f->expected, "%" PRIu64 " fail\n", id);
        } else {
                live.handle = sim_result_object(f->sim, f->task[cpu]);
                if (op->kind != OP_PAGES)
                        g_assert_true(sim_cache_get(f->sim, op->cache, &view));
                g_string_append_printf(f->expected, "%" PRIu64 " %s %u %u\n", id,
                                       op->kind == OP_PAGES ? "-" : view.name, op->pfn,
                                       op->kind == OP_PAGES ? 0 : op->offset);
        }
        g_array_append_val(f->live, live);
}

static void allocate(struct fuzz *f)
{
        static const uint32_t classes[] = { 32, 64, 128, 192, 256, 512, 1024, 2048, 4096, 8192 };
        uint32_t cpu = online_cpu(f), cache = below(f, CACHES);
        struct request request = { 0 };
        uint64_t id = f->next_id++;
        char gfp[128], name[CACHE_NAME_MAX + 1];

        if (chance(f, f->pages_percent, 100)) {
                request.kind = OP_PAGES;
                request.gfp = draw_gfp(f, true, gfp);
                request.order = (uint8_t)(chance(f, 1, 10) ? below(f, 12) : below(f, 3));
                g_string_append_printf(f->file, "p %u %" PRIu64 " %u%s", cpu, id, request.order, gfp);
                if (f->config.nodes > 1 && chance(f, 1, 3)) {
                        request.node_plus_1 = (uint8_t)between(f, 1, f->config.nodes);
                        g_string_append_printf(f->file, " node=%u", request.node_plus_1 - 1u);
                }
                g_string_append_c(f->file, '\n');
        } else if (chance(f, f->caches_percent, 100)) {
                struct cache_view view;
                bool node = chance(f, 1, 3);

                if (f->caches[cache])
                        g_strlcpy(name, f->caches[cache], sizeof(name));
                else /* a general one; no size-96, -192 with long lines */
                        g_snprintf(name, sizeof(name), "size-%u",
                                   classes[(3 + (f->config.line_bytes == 128) + below(f, 5)) % 10]);
                request.kind = OP_ALLOC;
                request.gfp = draw_gfp(f, false, gfp);
                request.cache = sim_cache_find(f->sim, name);
                g_assert_cmpuint(request.cache, !=, CACHE_ID_NONE);
                g_assert_true(sim_cache_get(f->sim, request.cache, &view));
                if ((request.gfp & __GFP_DMA) && !(view.spec.flags & CACHE_DMA)) { /* a kernel BUG */
                        request.gfp = GFP_KERNEL;
                        gfp[0] = '\0';
                }
                if (node)
                        request.node_plus_1 = (uint8_t)between(f, 1, f->config.nodes);
                g_string_append_printf(f->file, "%c %u %" PRIu64 " %s", node ? 'n' : 'a', cpu, id, name);
                if (node)
                        g_string_append_printf(f->file, " node=%u", request.node_plus_1 - 1u);
                g_string_append_printf(f->file, "%s\n", gfp);
        } else {
                request.kind = OP_KMALLOC;
                request.gfp = draw_gfp(f, false, gfp);
                request.size_bytes = chance(f, f->huge_percent, 100) ? between(f, 5000, 140000) :
                                     chance(f, 1, 3)                 ? between(f, 300, 5000) :
                                                                       below(f, 300);
                g_string_append_printf(f->file, "m %u %" PRIu64 " %" PRIu64 "%s\n", cpu, id, request.size_bytes, gfp);
        }
        note_allocation(f, cpu, id, carry_out(f, cpu, &request));
}

static void release(struct fuzz *f, uint32_t at)
{
        struct live live = g_array_index(f->live, struct live, at);
        const struct request request = { .kind = OP_FREE, .object = live.handle };
        uint32_t cpu = online_cpu(f);

        g_array_remove_index_fast(f->live, at);
        g_string_append_printf(f->file, "f %u %" PRIu64 "\n", cpu, live.id);
        if (live.handle != OBJECT_NONE)
                carry_out(f, cpu, &request);
}

static void create(struct fuzz *f)
{
        static const char *const flags[] = { "none", "none", "hwcache_align", "cache_dma", "must_hwcache_align",
                                             "reclaim_account", "destroy_by_rcu", "mem_spread",
                                             "hwcache_align,reclaim_account",
                                             "destroy_by_rcu,hwcache_align", "cache_dma,hwcache_align", "panic" };
        uint32_t slot = below(f, CACHES), word_bytes = f->config.arch == ARCH_I386 ? 4 : 8;
        const char *word, *chosen = flags[below(f, G_N_ELEMENTS(flags))];
        struct cache_spec spec = { .name = "" };
        struct request request = { .kind = OP_CREATE, .spec = &spec };
        size_t length;

        if (f->caches[slot])
                return;
        g_snprintf(spec.name, sizeof(spec.name), "c%u", chance(f, 1, 30) && f->names ? f->names : ++f->names);
        spec.size_bytes = chance(f, 1, 12) ? between(f, 9000, 131072) :
                          chance(f, 1, 3)  ? between(f, 500, 9000) : between(f, word_bytes, 500);
        if (chance(f, 1, 3))
                spec.align_bytes = 1u << below(f, 13);
        g_assert_true(cache_flags_parse(chosen, &spec.flags, &word, &length));
        g_string_append_printf(f->file, "create %s size=%u align=%u flags=%s\n", spec.name, spec.size_bytes,
                               spec.align_bytes, chosen);
        if (carry_out(f, 0, &request)->result)
                g_string_append_printf(f->expected, "create %s fail\n", spec.name);
        else
                f->caches[slot] = g_strdup(spec.name);
}

static void shrink_or_destroy(struct fuzz *f, bool destroy)
{
        uint32_t slot = below(f, CACHES);
        struct request request = { .kind = destroy ? OP_DESTROY : OP_SHRINK };
        const struct op_record *op;

        if (!f->caches[slot])
                return;
        request.cache = sim_cache_find(f->sim, f->caches[slot]);
        g_string_append_printf(f->file, "%s %s\n", destroy ? "destroy" : "shrink", f->caches[slot]);
        op = carry_out(f, 0, &request);
        g_string_append_printf(f->expected, "%s %s %u\n", destroy ? "destroy" : "shrink", f->caches[slot], op->result);
        if (destroy && !op->result)
                g_clear_pointer(&f->caches[slot], g_free);
}

static void hotplug(struct fuzz *f, uint32_t cpu)
{
        bool up = !sim_cpu_online(f->sim, cpu);
        const struct request request = { .kind = up ? OP_CPU_UP : OP_CPU_DOWN, .cpu = (uint8_t)cpu };

        if (cpu == 0)
                return;
        g_string_append_printf(f->file, "%s %u\n", up ? "cpu_up" : "cpu_down", cpu);
        if (carry_out(f, 0, &request)->result)
                g_string_append_printf(f->expected, "%s %u -22\n", up ? "cpu_up" : "cpu_down", cpu);
}

static void some_hotplug(struct fuzz *f)
{
        uint32_t node = below(f, f->config.nodes);

        if (f->config.nodes > 1 && chance(f, 1, 2)) { /* a whole node */
                for (uint32_t cpu = node; cpu < f->config.cpus; cpu += f->config.nodes)
                        hotplug(f, cpu);
        } else {
                hotplug(f, below(f, f->config.cpus));
        }
}

static void small_op(struct fuzz *f)
{
        uint32_t cpu = online_cpu(f);
        struct request request = { .kind = OP_REAP };

        switch (below(f, 8)) {
        case 0:
        case 1:
        case 2:
                g_string_append_printf(f->file, "reap %u\n", cpu);
                break;
        case 3:
        case 4:
                request.kind = OP_TICK;
                /* now and then past the wrap */
                request.size_bytes = chance(f, 1, 20) ? between(f, 70000, 90000) : below(f, 1200);
                g_string_append_printf(f->file, "tick %" PRIu64 "\n", request.size_bytes);
                cpu = 0;
                break;
        case 5:
                request.kind = OP_DRAIN;
                g_string_append_printf(f->file, "drain %u\n", cpu);
                break;
        case 6:
                shrink_or_destroy(f, false);
                return;
        default:
                shrink_or_destroy(f, true);
                return;
        }
        carry_out(f, cpu, &request);
}

/* Everything is taken with requests of all kinds, then much of it goes. */
static void starve(struct fuzz *f)
{
        uint32_t failed = 0, before = f->expected->len;

        while (failed < 40 && f->live->len < 3 * LIVE_MAX) {
                gsize length = f->expected->len;

                allocate(f);
                failed += g_str_has_suffix(f->expected->str + length, "fail\n");
        }
        (void)before;
        create(f);
        some_hotplug(f);
        for (uint32_t left = f->live->len / 4; f->live->len > left;)
                release(f, below(f, f->live->len));
}

static void draw_op(struct fuzz *f)
{
        uint32_t way = below(f, 1000);

        if (way < f->hotplug_percent * 4)
                some_hotplug(f);
        else if (way < 20)
                create(f);
        else if (way < 50)
                small_op(f);
        else if (f->live->len && chance(f, f->live->len > f->live_target ? 70 : 40, 100))
                release(f, chance(f, 1, 2) ? f->live->len - 1 : below(f, f->live->len));
        else
                allocate(f);
}

/* -- a file -------------------------------------------------------------------------------------------------------- */

/* What `kmemsim ops` prints but for the snapshots. */
static char *results_of(const char *ops_path, const char *output_path)
{
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;
        GString *results = g_string_new(NULL);
        bool in_snap = false;
        int status;
        pid_t child = fork();

        g_assert_cmpint(child, >=, 0);
        if (child == 0) {
                char *argv[] = { (char *)"ops", (char *)ops_path, NULL };

                dup2(open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
                _exit(cmd_ops(2, argv));
        }
        g_assert_cmpint(waitpid(child, &status, 0), ==, child);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
        g_assert_true(g_file_get_contents(output_path, &text, NULL, NULL));
        g_assert_true(g_str_has_prefix(text, "kmemgold 1\n"));
        g_assert_true(g_str_has_suffix(text, "\nend\n"));
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines + 1; *line && strcmp(*line, "end") != 0; line++) {
                in_snap |= g_str_has_prefix(*line, "snap ") || g_str_has_prefix(*line, "dump ");
                if (!in_snap)
                        g_string_append_printf(results, "%s\n", *line);
                if (strcmp(*line, "endsnap") == 0 || strcmp(*line, "enddump") == 0)
                        in_snap = false;
        }
        return g_string_free(results, FALSE);
}

static void say_path(void *context)
{
        (void)context;
        g_printerr("the ops file: %s\n", at_work);
}

/* False: the machine is too small to boot. */
static bool run_seed(uint64_t seed, uint32_t count)
{
        struct fuzz *f = g_new0(struct fuzz, 1);
        g_autofree char *path =
                g_strdup_printf("%s/kmemsim-fuzz-%d-%" PRIu64 ".ops", g_get_tmp_dir(), (int)getpid(), seed);
        g_autofree char *output = g_strconcat(path, ".gold", NULL);
        g_autofree char *results = NULL;
        const char *problem;
        bool boots;

        prng_init(&f->prng, seed, prng_stream_of("ops"));
        f->file = g_string_new(NULL);
        f->expected = g_string_new(NULL);
        f->live = g_array_new(FALSE, FALSE, sizeof(struct live));
        f->next_id = 1;
        draw_machine(f);
        draw_mix(f);
        g_assert_cmpstr(sim_config_problem(&f->config), ==, NULL);
        f->tape = (struct tape){ .ops = f->ops, .op_cap = G_N_ELEMENTS(f->ops), .events = f->events,
                                 .event_cap = G_N_ELEMENTS(f->events) };
        f->sim = sim_create(&f->config, &f->tape, &problem);
        boots = f->sim != NULL;
        at_work = path;
        check_set_last_words(say_path, NULL);
        for (uint32_t cpu = 0; boots && cpu < f->config.cpus; cpu++)
                f->task[cpu] = sim_thread_new(f->sim, THREAD_TASK, cpu);
        for (uint32_t i = 0; boots && i < count; i++) {
                draw_op(f);
                if (f->starves && i == count / 2)
                        starve(f);
                if (i % 500 == 499) {
                        g_string_append(f->file, chance(f, 1, 4) ? "dump\n" : "snap\n");
                        g_assert_true(g_file_set_contents(path, f->file->str, -1, NULL));
                        g_assert_cmpstr(sim_audit(f->sim), ==, NULL);
                }
        }
        if (boots) {
                g_assert_true(g_file_set_contents(path, f->file->str, -1, NULL));
                results = results_of(path, output);
                g_assert_cmpstr(results, ==, f->expected->str);
                sim_destroy(f->sim);
        }
        check_set_last_words(NULL, NULL);
        g_unlink(path);
        g_unlink(output);
        for (uint32_t i = 0; i < CACHES; i++)
                g_free(f->caches[i]);
        g_string_free(f->file, TRUE);
        g_string_free(f->expected, TRUE);
        g_array_unref(f->live);
        g_free(f);
        return boots;
}

static void test_fuzz(void)
{
        const char *one = g_getenv("KMEMSIM_TEST_SEED"), *many = g_getenv("KMEMSIM_TEST_SEEDS");
        uint64_t first = one ? g_ascii_strtoull(one, NULL, 10) : 1;
        uint64_t seeds = one ? 1 : many ? g_ascii_strtoull(many, NULL, 10) : 30;
        uint32_t booted = 0;

        for (uint64_t seed = first; seed < first + seeds; seed++)
                booted += run_seed(seed, 3000);
        g_test_message("%u of %" PRIu64 " machines had enough memory to boot", booted, seeds);
        g_assert_cmpuint(booted * 4, >=, seeds * 3 - (one ? 3 : 0));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/golden/fuzz/ops-files", test_fuzz);
        return g_test_run();
}
