/*
 * boot.c - from empty memory to a working allocator, in the kernel's own order (spec 04).
 *
 * Memory goes to the buddy lists; the slab allocator makes its first caches out of static arrays and lists, replaces
 * those by its own objects, tunes every cache; NUMA: CPU 0 gets its page sets; the other CPUs come up; the watermarks
 * are set. All of it runs on CPU 0, takes no simulated time and leaves nothing on the tape.
 * The steps are the same paths as later.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

/* Runs one path to its end on CPU 0; true if it returned something other than PLACE_NONE. */
static bool boot_path(struct sim *sim, struct thread *th, enum state state, uint32_t cache, uint32_t what,
                      uint32_t node)
{
        struct frame *f = call_path(th, state, cache);

        f->boot.what = what;
        f->boot.index = node;
        th->ret = PLACE_NONE;
        sched_run_alone(&sim->m, th);
        return th->ret != PLACE_NONE;
}

static struct cache_spec general_spec(uint32_t bytes, bool dma)
{
        struct cache_spec spec = { .name = "size-", .size_bytes = bytes, .flags = CACHE_HWCACHE_ALIGN | CACHE_PANIC };
        char digits[12];
        uint32_t count = 0;
        uint32_t at = 5;

        for (uint32_t v = bytes; v; v /= 10)
                digits[count++] = (char)('0' + v % 10);
        while (count)
                spec.name[at++] = digits[--count];
        if (dma) {
                memcpy(&spec.name[at], "(DMA)", 6);
                spec.flags |= CACHE_DMA;
        }
        return spec;
}

static bool boot_cache(struct sim *sim, struct thread *th, uint32_t class, bool dma)
{
        struct memory *mem = &sim->m.mem;
        struct cache_spec spec = general_spec(mem->class_bytes[class], dma);
        uint32_t id = memory_cache_new(mem, &spec);

        if (!boot_path(sim, th, BOOTC_DESCRIPTOR, id, 0, 0))
                return false;
        mem->class_cache[class][dma] = id;
        return true;
}

/* kmem_cache itself: everything static. */
static void boot_cache_cache(struct sim *sim)
{
        struct memory *mem = &sim->m.mem;
        struct cache_spec spec = { .name = "kmem_cache", .size_bytes = mem->arch->descriptor_bytes };
        uint32_t id = memory_cache_new(mem, &spec);
        struct kmem_cache *cache = &mem->caches[id];

        kmem_cache_geometry_static(cache, mem->arch, mem->line_bytes);
        cache->limit = 1;
        cache->batchcount = 1;
        cache->shared = 1;
        cache->live = CACHE_LIVE;
        cache->boot = 1;
        cache->array[0] = memory_array_new(mem, 1, 1, PLACE_NONE);
        memory_lists(mem, id, 0)->present = 1;
        memory_chain_add(mem, id);
        mem->cache_cache = id;
}

static bool boot_slab(struct sim *sim, struct thread *th)
{
        struct memory *mem = &sim->m.mem;
        uint32_t ac_class = mem->class_of[(mem->arch->array_cache_bytes + mem->arch->word_bytes + 31) / 32];
        uint32_t l3_class = mem->class_of[(mem->arch->list3_bytes + 31) / 32];
        uint32_t ac, l3;

        boot_cache_cache(sim);
        if (!boot_cache(sim, th, ac_class, false))
                return false;
        mem->slab_state = ac_class == l3_class ? SLAB_STATE_PARTIAL_L3 : SLAB_STATE_PARTIAL_AC;
        if (ac_class != l3_class && !boot_cache(sim, th, l3_class, false))
                return false;
        mem->slab_state = SLAB_STATE_PARTIAL_L3;
        mem->early_init = 0;
        for (uint32_t class = 0; class < mem->class_count; class++) {
                if (mem->class_cache[class][0] == CACHE_ID_NONE && !boot_cache(sim, th, class, false))
                        return false;
                if (!boot_cache(sim, th, class, true))
                        return false;
        }
        ac = mem->class_cache[ac_class][0];
        l3 = mem->class_cache[l3_class][0];
        if (!boot_path(sim, th, BOOTR_ALLOC, mem->cache_cache, 0, 0) || !boot_path(sim, th, BOOTR_ALLOC, ac, 0, 0) ||
            !boot_path(sim, th, BOOTR_ALLOC, mem->cache_cache, 1, 0))
                return false;
        for (uint32_t node = 0; node < mem->nodes; node++) {
                if (!boot_path(sim, th, BOOTR_ALLOC, ac, 1, node) ||
                    (l3 != ac && !boot_path(sim, th, BOOTR_ALLOC, l3, 1, node)))
                        return false;
        }
        for (uint32_t id = mem->chain; id != CACHE_ID_NONE; id = mem->caches[id].next) {
                struct frame *f = call_path(th, TUNE_WORK, id);

                kmem_cache_default_tunables(mem->arch, mem->caches[id].buffer_size, &f->tune.limit,
                                            &f->tune.batchcount, &f->tune.shared);
                sched_run_alone(&sim->m, th);
                if (th->ret != 0)
                        return false;
        }
        mem->slab_state = SLAB_STATE_FULL;
        return true;
}

/*
 * NUMA: CPU 0 gets its page sets. Only now does it count as a CPU of its node, so the free limits set so far are one
 * batch lower (spec 04 section 4).
 */
static bool boot_numa(struct sim *sim, struct thread *th)
{
        if (!sim->m.mem.numa)
                return true;
        call_path(th, PAGESETS_NEXT, CACHE_ID_NONE);
        sched_run_alone(&sim->m, th);
        sim->m.mem.cpus_on_node[0] = 1;
        return th->ret == 0;
}

/* init_reap_node(): the first pass of a CPU is for the node after its own. */
static void set_reap_nodes(struct memory *mem)
{
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                mem->reap_node[cpu] = (mem->node_of_cpu[cpu] + 1) % mem->nodes;
}

const char *sim_boot(struct sim *sim)
{
        static const char too_small[] = "this machine has too little memory to boot";
        struct memory *mem = &sim->m.mem;
        struct thread *th = &sim->m.threads[++sim->m.thread_count];

        th->id = sim->m.thread_count;
        th->top = -1;
        th->role = ROLE_TASK;
        sim->m.booting = 1;
        mem->online = 1;
        mem->cpus_on_node[0] = mem->numa ? 0 : 1;
        hand_over_memory(mem);
        if (!boot_slab(sim, th) || !boot_numa(sim, th))
                return too_small;
        for (uint32_t cpu = 1; cpu < mem->cpus; cpu++) {
                struct frame *f = call_path(th, UP_LOCK, CACHE_ID_NONE);

                f->hotplug.cpu = cpu;
                sched_run_alone(&sim->m, th);
                if (th->op.result)
                        return too_small;
        }
        memory_set_watermarks(mem);
        set_reap_nodes(mem);
        sim->m.booting = 0;
        return NULL;
}
