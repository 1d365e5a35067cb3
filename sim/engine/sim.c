#include "base/core_only.h"
#include "engine/sim.h"

#include "engine/sim_private.h"
#include "path/hit.h"

#define OBJECTS_PER_PAGE 400u /* room for handles: more objects than this do not fit on a page */

static const struct arch *arch_of(const struct sim_config *config)
{
        if (config->arch == ARCH_I386)
                return config->debug_slab ? &arch_i386_debug : &arch_i386;
        if (config->numa)
                return config->debug_slab ? &arch_x86_64_numa_debug : &arch_x86_64_numa;
        return config->debug_slab ? &arch_x86_64_debug : &arch_x86_64;
}

static struct thread *thread_init(struct sim *sim, uint32_t id, enum thread_role role, uint32_t cpu)
{
        struct thread *th = &sim->m.threads[id];

        th->id = id;
        th->role = (uint8_t)role;
        th->cpu = (uint8_t)cpu;
        th->top = -1;
        th->state = TH_IDLE;
        th->object = OBJECT_NONE;
        th->ready_ns = TIME_NEVER;
        th->op.cpu = (uint8_t)cpu;
        th->op.origin = role == ROLE_KTHREAD || role == ROLE_SOFTIRQ;
        return th;
}

static struct thread *thread_new(struct sim *sim, enum thread_role role, uint32_t cpu)
{
        return thread_init(sim, ++sim->m.thread_count, role, cpu);
}

static void set_costs(struct machine *m, const struct sim_config *config)
{
        m->ns_per_cycle_q32 = ((1000ull << 32) + config->cpu_mhz / 2) / config->cpu_mhz;
        for (uint32_t i = 0; i < COST_KIND_COUNT; i++) {
                m->cost_cycles[i] = config->cost_cycles[i];
                m->cost_ns[i] = cycles_to_ns(m, config->cost_cycles[i]);
        }
        m->cost_ns[COST_KIND_COUNT] = 0;
        for (uint32_t class = 0; class <= KMALLOC_CLASSES_MAX; class++) {
                uint64_t compares = class < KMALLOC_CLASSES_MAX ? class + 1 : 0;
                uint64_t ns = cycles_to_ns(m, m->cost_cycles[COST_ENTER] + compares * m->cost_cycles[COST_CLASS_COMPARE]);

                m->enter_ns[class] = ns ? ns : 1; /* the first change of an op is never at once */
        }
        m->tick_ns = 1000000000ull / config->hz;
}

/* Injection begins with the end of boot: a fault in it would be a machine that does not come up. */
static void set_faults(struct machine *m, const struct fault_config *config)
{
        const struct fault_attr *attr = config->attr;

        for (int i = 0; i < FAULT_CAPABILITY_COUNT; i++) {
                m->fault.attr[i] = attr[i];
                m->fault.at[i] = config->at[i];
        }
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                random32_seed(&m->fault.rng[cpu], config->seed[cpu]);
        if (attr[FAULT_SLAB].built_in || config->at[FAULT_SLAB])
                m->single_steps |= SINGLE_FAILSLAB;
        m->page_faults = attr[FAULT_PAGE].built_in || config->at[FAULT_PAGE];
}

struct sim *sim_create(const struct sim_config *config, struct tape *tape, const char **ret_problem)
{
        struct arena arena = { 0 };
        struct memory_shape shape = { 0 };
        struct sim *sim = arena_take(&arena, 1, sizeof(*sim));
        uint32_t threads = config->threads_max + 4 * MACHINE_CPUS_MAX + 2;
        uint64_t pages = 0;

        *ret_problem = NULL;
        if (!sim) {
                *ret_problem = "there is no memory for the simulator";
                return NULL;
        }
        shape.arch = arch_of(config);
        shape.numa = config->numa;
        shape.cpus = config->cpus;
        shape.nodes = config->nodes;
        shape.reserved_pages = config->reserved_pages;
        shape.line_bytes = config->line_bytes;
        shape.hz = config->hz;
        for (uint32_t node = 0; node < config->nodes; node++) {
                shape.node_mib[node] = config->node_mib[node];
                pages += (uint64_t)config->node_mib[node] << (20 - PAGE_SHIFT);
        }
        memcpy(shape.cpu_node_plus_1, config->cpu_node_plus_1, sizeof(shape.cpu_node_plus_1));
        sim->config = *config;
        sim->object_cap = pages * OBJECTS_PER_PAGE < UINT32_MAX - 1 ? (uint32_t)(pages * OBJECTS_PER_PAGE) :
                                                                      UINT32_MAX - 1;
        sim->due_cap = 3 * threads + 4 * MACHINE_CPUS_MAX;
        shape.objects_max = sim->object_cap;
        memory_init(&sim->m.mem, &shape, &arena);
        sim->m.threads = arena_take(&arena, threads + 1 + MACHINE_NODES_MAX, sizeof(struct thread));
        sim->m.reclaims = arena_take(&arena, threads + 1 + MACHINE_NODES_MAX, sizeof(struct reclaim));
        sim->specs = arena_take(&arena, threads + 1, sizeof(struct cache_spec));
        sim->due = arena_take(&arena, sim->due_cap, sizeof(struct due));
        sim->objects = arena_take(&arena, sim->object_cap, sizeof(struct object));
        if (arena.failed) {
                *ret_problem = "the address space for this machine cannot be reserved (limit on virtual memory?)";
                arena_release(&arena);
                return NULL;
        }
        arena_seal(&arena);
        sim->arena = arena;
        sim->object_unused = OBJECT_NONE;
        sim->m.tape = tape;
        sim->m.manual_clock = config->manual_clock;
        sim->m.rcu_grace_ns = config->rcu_grace_ns;
        sim->m.audit_steps = config->audit > 1;
#ifdef KMEMSIM_AUDIT_FULL
        sim->m.single_steps = SINGLE_AUDIT;
#else
        sim->m.single_steps = sim->m.audit_steps ? SINGLE_AUDIT : 0;
#endif
        if (config->debug_slab)
                sim->m.single_steps |= SINGLE_DEBUG;
        set_costs(&sim->m, config);
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++) {
                sim->m.cpus[cpu].next_ns = TIME_NEVER;
                sim->m.cpus[cpu].call_thread = thread_new(sim, ROLE_CALL, cpu)->id;
                sim->m.cpus[cpu].reap_thread = thread_new(sim, ROLE_KTHREAD, cpu)->id;
                sim->m.cpus[cpu].rcu_thread = thread_new(sim, ROLE_SOFTIRQ, cpu)->id;
                sim->m.cpus[cpu].exit_thread = thread_new(sim, ROLE_KTHREAD, cpu)->id;
        }
        for (uint32_t node = 0; node < config->nodes; node++) /* behind all others: they have no number of their own */
                sim->m.kswapd_thread[node] = thread_init(sim, threads + 1 + node, ROLE_KTHREAD, 0)->id;
        *ret_problem = sim_boot(sim);
        if (*ret_problem) {
                sim_destroy(sim);
                return NULL;
        }
        set_faults(&sim->m, &config->fault);
        if (!config->manual_clock) {
                for (uint32_t cpu = 0; cpu < config->cpus; cpu++)
                        sched_arm_reap(sim, cpu, config->hz);
        }
        sim->task_first = sim->m.thread_count;
        return sim;
}

void sim_destroy(struct sim *sim)
{
        struct arena arena = sim->arena; /* it lies in its own first span */

        arena_release(&arena);
}

uint32_t sim_thread_new(struct sim *sim, enum thread_kind kind, uint32_t cpu)
{
        struct thread *th;

        if (sim->m.thread_count - sim->task_first == sim->config.threads_max)
                return 0;
        CHECK(cpu < sim->m.mem.cpus);
        if (kind == THREAD_IRQ && !(sim->m.mem.online & (1u << cpu)))
                cpu = 0;
        th = thread_new(sim, kind == THREAD_IRQ ? ROLE_IRQ : ROLE_TASK, cpu);
        th->home = (uint8_t)cpu;
        th->op.task = (uint16_t)(th->id - sim->task_first);
        return th->op.task;
}

/* Every thread in turn: from 0, ends with NULL. */
static const struct thread *thread_next(const struct sim *sim, uint32_t *index)
{
        uint32_t i = ++*index;

        if (i <= sim->m.thread_count)
                return &sim->m.threads[i];
        i -= sim->m.thread_count + 1;
        return i < sim->m.mem.nodes ? &sim->m.threads[sim->m.kswapd_thread[i]] : NULL;
}

void sim_thread_make_it_fail(struct sim *sim, uint32_t thread)
{
        sim->m.threads[sim->task_first + thread].make_it_fail = 1;
}

bool sim_thread_makes_fail(const struct sim *sim, uint32_t thread)
{
        return sim->m.threads[sim->task_first + thread].make_it_fail != 0;
}

uint64_t sim_fault_seen(const struct sim *sim, enum fault_capability capability)
{
        return sim->m.fault.seen[capability];
}

uint64_t sim_fault_injected(const struct sim *sim, enum fault_capability capability)
{
        return sim->m.fault.injected[capability];
}

static struct thread *workload_thread(const struct sim *sim, uint32_t thread)
{
        CHECK(thread - 1 < sim->m.thread_count - sim->task_first);
        return &sim->m.threads[sim->task_first + thread];
}

/* Requests: what is impossible is said before anything has happened. */

static const char must_not_wait[] = "BUG: sleeping function called from invalid context: an interrupt handler cannot use "
                                    "a gfp mask with __GFP_WAIT (use \"atomic\")";

static const char *check_object_gfp(uint32_t gfp, const struct thread *th)
{
        if (gfp & ~(__GFP_DMA | GFP_LEVEL_MASK))
                return "kernel BUG at mm/slab.c:2730! a slab cannot be asked for with these gfp bits (zero, highmem and "
                       "dma32 are for pages)";
        if ((gfp & __GFP_WAIT) && th->role == ROLE_IRQ)
                return must_not_wait;
        return NULL;
}

static const char no_such_process[] = "there is no such process";
static const char no_such_node[] = "there is no such node";

/* The allocation that has just been set up names a node: on NUMA it begins in `state`, else that changes nothing. */
static const char *ask_node(struct sim *sim, struct thread *th, const struct request *request, enum state state)
{
        struct frame *f = &th->frames[0];

        if (request->node_plus_1 > sim->m.mem.nodes) {
                th->top = -1;
                return no_such_node;
        }
        if (sim->m.mem.numa) {
                f->state = (uint16_t)state;
                f->node = (uint8_t)(request->node_plus_1 - 1u);
        }
        return NULL;
}

static const char *begin_kmalloc(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem = check_object_gfp(request->gfp, th);
        struct frame *f;

        if (problem)
                return problem;
        f = call_path(th, ALLOC_SIZE_CLASS, CACHE_ID_NONE);
        f->gfp = request->gfp;
        f->alloc.size_bytes = request->size_bytes;
        th->op.size_bytes = request->size_bytes;
        return request->node_plus_1 ? ask_node(sim, th, request, ALLOCN_SIZE_CLASS) : NULL;
}

/* Whether it is still live is looked at when the op begins (sim_begins). */
static const char *find_cache(const struct sim *sim, uint32_t id)
{
        return id < sim->m.mem.cache_count ? NULL : "there is no such cache";
}

static const char *begin_alloc(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem = find_cache(sim, request->cache);
        const struct kmem_cache *cache;
        uint32_t gfp = request->gfp;
        struct frame *f;

        if (!problem)
                problem = check_object_gfp(gfp, th);
        if (problem)
                return problem;
        cache = &sim->m.mem.caches[request->cache];
        th->op.cache = request->cache;
        gfp |= cache->gfpflags; /* allocations from a DMA cache always carry it */
        if ((gfp & __GFP_DMA) && !cache->gfpflags)
                return "kernel BUG at mm/slab.c:2647! __GFP_DMA asked of a cache without SLAB_CACHE_DMA";
        f = call_path(th, ALLOC_IRQ_OFF, request->cache);
        f->gfp = gfp;
        f->alloc.size_bytes = cache->spec.size_bytes;
        th->op.size_bytes = cache->spec.size_bytes;
        th->op.gfp = gfp;
        return request->node_plus_1 ? ask_node(sim, th, request, ALLOCN_IRQ_OFF) : NULL;
}

static const char *begin_pages(struct sim *sim, struct thread *th, const struct request *request)
{
        if (request->order > 63)
                return "the order of a page request is at most 63 (from 11 on it fails)";
        if ((request->gfp & __GFP_WAIT) && th->role == ROLE_IRQ)
                return must_not_wait;
        if (request->node_plus_1 > sim->m.mem.nodes)
                return no_such_node;
        call_pages(&sim->m, th, CACHE_ID_NONE, request->gfp, request->order,
                   request->node_plus_1 ? request->node_plus_1 - 1u : sim->m.mem.node_of_cpu[th->cpu]);
        th->op.size_bytes = request->order < MAX_ORDER ? (uint64_t)PAGE_BYTES << request->order : 0;
        th->op.order = request->order;
        return NULL;
}

static const char address_too_high[] = "an address is a physical one, below 16 TiB";

/* Of a request that names an address: it is in the record from the beginning. */
static void note_address(struct thread *th, const struct request *request)
{
        th->op.pfn = place_pfn(request->place);
        th->op.offset = place_offset(request->place);
        th->op.size_bytes = request->size_bytes;
}

/* kfree of whatever address: a second time, or past the start of an object. The debug code will look. */
static const char *begin_free_address(struct sim *sim, struct thread *th, const struct request *request)
{
        struct frame *f;

        (void)sim;
        if (request->place >> 44)
                return address_too_high;
        f = call_path(th, FREE_LOOKUP, CACHE_ID_NONE);
        f->free.place = request->place;
        f->free.size_bytes = request->size_bytes;
        note_address(th, request);
        return NULL;
}

static const char *begin_write(struct sim *sim, struct thread *th, const struct request *request)
{
        struct frame *f;

        if (!sim->config.debug_slab)
                return "only a machine with debug_slab knows what its objects hold";
        if (request->size_bytes < 1 || request->size_bytes > (PAGE_BYTES << 10))
                return "a write is 1 byte to 4 MiB";
        if (request->order < 1 || request->order > 4)
                return "the bytes of a write repeat after 1 to 4";
        if (request->place >> 44)
                return address_too_high;
        f = call_path(th, WRITE_BYTES, CACHE_ID_NONE);
        f->write.place = request->place;
        f->write.count = (uint32_t)request->size_bytes;
        f->write.period = request->order;
        for (uint32_t i = 0; i < 4; i++)
                f->write.pattern[i] = (uint8_t)(request->gfp >> (8 * i));
        th->op.order = request->order;
        th->op.frees = request->op;
        note_address(th, request);
        return NULL;
}

static const char *begin_free(struct sim *sim, struct thread *th, const struct request *request)
{
        struct object *object = &sim->objects[request->object];
        struct frame *f;

        if (request->object < sim->object_count && object->state == OBJECT_PUT)
                return "the object lies unused on the LRU of its cache's shrinker: get it back before it is freed";
        if (request->object < sim->object_count && object->state == OBJECT_PAGE)
                return "a page of the page cache or of a process goes with page_delete";
        if (request->object < sim->object_count && object->state == OBJECT_ELEMENT)
                return "an element of a memory pool goes back with mempool_free";
        if (request->object == OBJECT_NONE && sim->config.debug_slab)
                return begin_free_address(sim, th, request);
        if (request->object >= sim->object_count || object->state != OBJECT_LIVE)
                return "there is no such live object";
        object->state = OBJECT_BEING_FREED;
        th->object = request->object;
        th->op.size_bytes = object->size_bytes;
        th->op.frees = object->op;
        th->op.order = object->order;
        th->op.cache = object->cache;
        if (object->cache == CACHE_ID_NONE) {
                f = call_path(th, PF_ENTER, CACHE_ID_NONE);
                f->order = object->order;
                f->pages.pfn = object->pfn;
        } else {
                f = call_path(th, FREE_LOOKUP, object->cache);
                f->free.place = place_of(object->pfn, object->offset);
                f->free.size_bytes = object->size_bytes;
        }
        return NULL;
}

static const char *begin_create(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem = cache_spec_problem(request->spec, sim->m.mem.arch);

        if (problem)
                return problem;
        if (sim->m.mem.cache_count + sim->config.threads_max >= CACHES_MAX)
                return "a run can create at most 200000 caches";
        call_path(th, CREATE_LOCK, CACHE_ID_NONE);
        sim->specs[th->id] = *request->spec; /* until the op begins and the cache gets its id */
        th->op.size_bytes = request->spec->size_bytes;
        return NULL;
}

static const char *begin_on_cache(struct sim *sim, struct thread *th, const struct request *request, enum state state)
{
        const char *problem = find_cache(sim, request->cache);

        if (problem)
                return problem;
        if (state == DESTROY_LOCK && sim->m.mem.caches[request->cache].boot)
                return "a cache of the boot sequence cannot be destroyed";
        call_path(th, state, request->cache);
        th->op.cache = request->cache;
        return NULL;
}

/* Entries of which the kernel's 32-bit count of bytes would wrap, and memory be overwritten. */
static const char *check_entries(const struct sim *sim, const struct request *request)
{
        uint32_t limit = (uint32_t)request->size_bytes, batchcount = (uint32_t)(request->size_bytes >> 32);
        uint64_t most = UINT64_C(1) << (sim->m.mem.arch->word_bytes == 8 ? 29 : 30);

        if ((int32_t)limit < 1 || (int32_t)batchcount < 1 || batchcount > limit || (int32_t)request->gfp < 0)
                return NULL; /* changes nothing */
        if (limit >= most)
                return most == 1u << 29 ? "the bytes of a magazine of this limit overflow 32 bits, and the kernel would overwrite "
                                          "memory: a limit is below 536870912" :
                                          "the bytes of a magazine of this limit overflow 32 bits, and the kernel would overwrite "
                                          "memory: a limit is below 1073741824";
        if (array_bytes(&sim->m, limit) <= KMALLOC_MAX && (uint64_t)batchcount * request->gfp >= most)
                return "the bytes of a shared array of batchcount * shared entries overflow 32 bits, and the kernel would "
                       "overwrite memory: ask for less";
        return NULL;
}

static const char *begin_tune(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem = check_entries(sim, request);
        struct frame *f;

        if (problem)
                return problem;
        f = call_path(th, TUNEW_LOCK, CACHE_ID_NONE);
        memcpy(f->slabinfo.name, request->spec->name, sizeof(f->slabinfo.name));
        f->slabinfo.limit = (uint32_t)request->size_bytes;
        f->slabinfo.batchcount = (uint32_t)(request->size_bytes >> 32);
        f->slabinfo.shared = request->gfp;
        th->op.size_bytes = request->size_bytes;
        return NULL;
}

static const char *begin_hotplug(struct sim *sim, struct thread *th, const struct request *request)
{
        bool up = request->kind == OP_CPU_UP;
        struct frame *f;

        if (request->cpu == 0 || request->cpu >= sim->m.mem.cpus)
                return "CPU 0 cannot go down, and a CPU has a number below the machine's count";
        if (sim->m.manual_clock && !!(sim->m.mem.online & (1u << request->cpu)) == up)
                return up ? "this CPU is online already" : "this CPU is offline already";
        f = call_path(th, up ? UP_LOCK : DOWN_LOCK, CACHE_ID_NONE);
        f->hotplug.cpu = request->cpu;
        return NULL;
}

/* A write to a control file of fault injection, or to /proc/PID/make-it-fail. */
static const char *begin_fault_set(struct sim *sim, struct thread *th, const struct request *request)
{
        enum fault_attribute attribute = (enum fault_attribute)(request->order & 31u);
        uint32_t capability = request->order >> 5;

        if (request->size_bytes > UINT32_MAX)
                return "an attribute of fault injection has 32 bits";
        if (fault_attr_problem(attribute, (uint32_t)request->size_bytes))
                return fault_attr_problem(attribute, (uint32_t)request->size_bytes);
        if (attribute != FAULT_MAKE_IT_FAIL &&
            (capability >= FAULT_CAPABILITY_COUNT || !sim->m.fault.attr[capability].built_in))
                return "this kernel is built without that kind of fault injection";
        call_path(th, FAULT_SET, CACHE_ID_NONE);
        th->op.order = request->order;
        th->op.size_bytes = request->size_bytes;
        return NULL;
}

/* Memory pools. Whether the pool is there is looked at when the op begins. */

static uint64_t element_bytes(const struct sim *sim, const struct mempool_spec *spec)
{
        switch ((enum mempool_kind)spec->kind) {
        case MEMPOOL_KMALLOC:
                return spec->size_bytes;
        case MEMPOOL_SLAB:
                return spec->cache < sim->m.mem.cache_count ? sim->m.mem.caches[spec->cache].spec.size_bytes : 0;
        case MEMPOOL_PAGES:
                break;
        }
        return (uint64_t)PAGE_BYTES << spec->order;
}

/* The first frame of a request to a memory pool, NULL with *ret_problem. */
static struct frame *begin_mempool(struct sim *sim, struct thread *th, const struct request *request, enum state state,
                                   const char **ret_problem)
{
        const struct mempool_spec *spec;
        struct frame *f;

        *ret_problem = NULL;
        if (request->mempool - 1 >= sim->m.mem.mempool_count) {
                *ret_problem = "there is no such memory pool";
                return NULL;
        }
        spec = &sim->m.mem.mempools[request->mempool].spec;
        if (spec->kind == MEMPOOL_SLAB)
                *ret_problem = find_cache(sim, spec->cache);
        if ((state == MP_BEGIN || state == MPR_LOCK) && !*ret_problem) {
                if (spec->kind != MEMPOOL_PAGES || state == MPR_LOCK)
                        *ret_problem = check_object_gfp(request->gfp, th);
                else if ((request->gfp & __GFP_WAIT) && th->role == ROLE_IRQ)
                        *ret_problem = must_not_wait;
        }
        if (*ret_problem)
                return NULL;
        f = call_path(th, state, CACHE_ID_NONE);
        f->gfp = request->gfp;
        f->node = (uint8_t)(spec->node_plus_1 ? spec->node_plus_1 - 1u : sim->m.mem.node_of_cpu[th->cpu]);
        f->mempool.id = request->mempool;
        th->op.result = request->mempool;
        th->op.cache = spec->kind != MEMPOOL_KMALLOC ? spec->cache :
                       sim->m.mem.class_cache[sim->m.mem.class_of[(spec->size_bytes + 31) / 32]]
                                             [request->gfp & __GFP_DMA ? 1 : 0];
        th->op.order = (uint8_t)spec->order;
        th->op.node_plus_1 = (uint8_t)spec->node_plus_1;
        th->op.size_bytes = element_bytes(sim, spec);
        return f;
}

static const char *begin_mempool_free(struct sim *sim, struct thread *th, const struct request *request)
{
        struct object *object = &sim->objects[request->object];
        struct request own = *request;
        const char *problem;
        struct frame *f;

        if (request->object >= sim->object_count || object->state != OBJECT_ELEMENT)
                return "there is no such live element of a memory pool";
        if (!own.mempool)
                own.mempool = object->size_bytes;
        if (own.mempool != object->size_bytes)
                return "the element is of another memory pool";
        f = begin_mempool(sim, th, &own, MPF_TEST, &problem);
        if (!f)
                return problem;
        object->state = OBJECT_ELEMENT_BEING_FREED;
        f->mempool.place = place_of(object->pfn, object->offset);
        th->object = request->object;
        th->op.frees = object->op;
        return NULL;
}

static const char *begin_mempool_resize(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem;
        struct frame *f;

        if (request->size_bytes < 1 || request->size_bytes > MEMPOOL_MIN_MAX)
                return "kernel BUG: a memory pool is resized to 1 element or more, and at most 16384";
        f = begin_mempool(sim, th, request, MPR_LOCK, &problem);
        if (!f)
                return problem;
        f->mempool.new_min = (uint32_t)request->size_bytes;
        th->op.size_bytes = request->size_bytes;
        return NULL;
}

/* Page-cache and anonymous pages, shrinkers. Whether a handle still stands for what it did is looked at when the op
 * begins. */

static const char *begin_page_new(struct sim *sim, struct thread *th, const struct request *request)
{
        struct frame *f;

        if (!(request->gfp & __GFP_WAIT))
                return "a page for the page cache or a process is asked for with a mask that may wait (highuser, user, nofs)";
        if (request->flags & ~0x1fu)
                return "a new page is anonymous, mapped, dirty, unread or without write method";
        if ((request->flags & PAGE_NEW_ANON) && (request->flags & ~PAGE_NEW_ANON))
                return "an anonymous page is mapped and its entry dirty; it has no file that could be";
        if (request->node_plus_1 > sim->m.mem.nodes)
                return no_such_node;
        f = call_path(th, PAGEN_BEGIN, CACHE_ID_NONE);
        f->gfp = request->gfp;
        f->node = (uint8_t)(request->node_plus_1 ? request->node_plus_1 - 1u : sim->m.mem.node_of_cpu[th->cpu]);
        th->op.size_bytes = PAGE_BYTES;
        return NULL;
}

static const char *begin_on_object(struct sim *sim, struct thread *th, const struct request *request, enum state state)
{
        struct frame *f;

        if (request->object >= sim->object_count)
                return "there has been no such object";
        f = call_path(th, state, CACHE_ID_NONE);
        f->gfp = GFP_KERNEL;
        f->lru_op.object = request->object;
        f->lru_op.made_by = request->op;
        th->op.frees = request->op;
        return NULL;
}

static const char *begin_shrinker(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem = find_cache(sim, request->cache);

        if (problem)
                return problem;
        if (!(request->flags & SHRINKER_REMOVE) && request->order < 1)
                return "seeks of a shrinker are 1 or more (the kernel's own use 2)";
        if (!(request->flags & SHRINKER_REMOVE) && sim->m.mem.lru.shrinker_count >= SHRINKERS_MAX / 2)
                return "a run can register at most 2048 shrinkers"; /* the rest is room for requests under way */
        call_path(th, request->flags & SHRINKER_REMOVE ? SHRINKER_UNSET : SHRINKER_SET, CACHE_ID_NONE);
        th->op.cache = request->cache;
        th->op.order = request->order;
        return NULL;
}

static const char *begin_vm_set(struct sim *sim, struct thread *th, const struct request *request)
{
        (void)sim;
        if (request->order >= VM_SETTING_COUNT)
                return "there is no such setting";
        if (request->size_bytes < vm_setting_infos[request->order].least ||
            request->size_bytes > vm_setting_infos[request->order].most)
                return "the value of this setting is out of range";
        call_path(th, VM_SET_DO, CACHE_ID_NONE);
        th->op.order = request->order;
        th->op.size_bytes = request->size_bytes;
        return NULL;
}

/* The task list. */

static const char *begin_process_set(struct sim *sim, struct thread *th, const struct request *request)
{
        static const uint64_t most[PROCESS_ATTRIBUTE_COUNT] = {
                [PROCESS_SET_OOM_ADJ] = 15 + 17, [PROCESS_SET_TOTAL_VM] = UINT32_MAX,
                [PROCESS_SET_NICE] = 19 + 20,   [PROCESS_SET_SWAPOFF] = 1,
        };

        if (request->order >= PROCESS_ATTRIBUTE_COUNT || request->size_bytes > most[request->order])
                return "a process has no such attribute, or it cannot have this value";
        if (request->process - 1 >= sim->m.mem.processes.count)
                return no_such_process;
        call_path(th, PROCESS_SET, CACHE_ID_NONE);
        th->op.result = request->process;
        th->op.order = request->order;
        th->op.size_bytes = request->size_bytes;
        return NULL;
}

static const char *begin_request(struct sim *sim, struct thread *th, const struct request *request)
{
        const char *problem;

        switch ((enum op_kind)request->kind) {
        case OP_KMALLOC:
                return begin_kmalloc(sim, th, request);
        case OP_ALLOC:
                return begin_alloc(sim, th, request);
        case OP_PAGES:
                return begin_pages(sim, th, request);
        case OP_FREE:
                return begin_free(sim, th, request);
        case OP_CREATE:
                return begin_create(sim, th, request);
        case OP_SHRINK:
                return begin_on_cache(sim, th, request, SHRINK_LOCK);
        case OP_DESTROY:
                return begin_on_cache(sim, th, request, DESTROY_LOCK);
        case OP_REAP:
                call_path(th, REAP_TRYLOCK, CACHE_ID_NONE);
                return NULL;
        case OP_DRAIN:
                call_drain_pages(&sim->m, th, th->cpu);
                return NULL;
        case OP_CPU_UP:
        case OP_CPU_DOWN:
                return begin_hotplug(sim, th, request);
        case OP_PAGE_NEW:
                return begin_page_new(sim, th, request);
        case OP_PAGE_ACCESS:
        case OP_PAGE_TOUCH:
        case OP_PAGE_WRITE:
        case OP_PAGE_MLOCK:
        case OP_PAGE_MUNLOCK:
        case OP_PAGE_LOCK:
        case OP_PAGE_UNLOCK:
        case OP_PAGE_PIN:
        case OP_PAGE_UNPIN:
                return begin_on_object(sim, th, request, PAGE_DO);
        case OP_PAGE_DELETE:
                return begin_on_object(sim, th, request, PAGE_DELETE_BEGIN);
        case OP_PUT:
        case OP_GET:
                return begin_on_object(sim, th, request, UNUSED_DO);
        case OP_PROCESS_EXIT:
                if (!request->owner)
                        return "processes are numbered from 1";
                if (!sim->m.mem.processes.count) {
                        call_exit(&sim->m, th, request->owner);
                        return NULL;
                }
                if (request->owner > sim->m.mem.processes.count)
                        return no_such_process;
                if (sim->m.mem.processes.process[request->owner].threads)
                        return "a process with tasks of its own exits when it is killed";
                call_path(th, PX_BEGIN, CACHE_ID_NONE)->px.process = request->owner;
                return NULL;
        case OP_SHRINKER:
                return begin_shrinker(sim, th, request);
        case OP_DROP_CACHES:
                if (request->flags < 1 || request->flags > 3)
                        return "1, 2 or 3 is written to drop_caches";
                call_path(th, DROP_BEGIN, CACHE_ID_NONE);
                return NULL;
        case OP_VM_SET:
                return begin_vm_set(sim, th, request);
        case OP_TICK:
                if (!sim->m.manual_clock)
                        return "jiffies follow simulated time here";
                call_path(th, TICK_ADD, CACHE_ID_NONE);
                th->op.size_bytes = request->size_bytes;
                return NULL;
        case OP_WRITE:
                return begin_write(sim, th, request);
        case OP_FAULT_SET:
                return begin_fault_set(sim, th, request);
        case OP_WORK:
                if (request->size_bytes > 1000000000000000ull)
                        return "a task can work for at most 1000000 s at a time";
                call_path(th, WORK_END, CACHE_ID_NONE);
                th->op.size_bytes = request->size_bytes;
                return NULL;
        case OP_PROCESS_SET:
                return begin_process_set(sim, th, request);
        case OP_MEMPOOL_CREATE:
                begin_mempool(sim, th, request, MPC_RECORD, &problem);
                return problem;
        case OP_MEMPOOL_ALLOC:
                begin_mempool(sim, th, request, MP_BEGIN, &problem);
                return problem;
        case OP_MEMPOOL_FREE:
                return begin_mempool_free(sim, th, request);
        case OP_MEMPOOL_RESIZE:
                return begin_mempool_resize(sim, th, request);
        case OP_MEMPOOL_DESTROY:
                begin_mempool(sim, th, request, MPD_TEST, &problem);
                return problem;
        case OP_TUNE:
                return begin_tune(sim, th, request);
        default:
                return "unknown kind of request";
        }
}

void sim_set_site(struct sim *sim, uint32_t thread, uint32_t site)
{
        CHECK(site < CALLER_TASK);
        workload_thread(sim, thread)->site = site;
}

static void cancel_wake(struct sim *sim, struct thread *th)
{
        if (!th->wake_set)
                return;
        th->wake_set = 0;
        sim->busy--;
}

const char *sim_submit(struct sim *sim, uint32_t thread, const struct request *request)
{
        struct thread *th = workload_thread(sim, thread);
        const char *problem;

        CHECK(th->top < 0);
        if (th->role == ROLE_IRQ) {
                CHECK(th->state == TH_HANDLER);
                if ((request->kind >= OP_CREATE && request->kind <= OP_CPU_DOWN) || request->kind == OP_TUNE ||
                    request->kind == OP_MEMPOOL_CREATE || request->kind == OP_MEMPOOL_RESIZE ||
                    request->kind == OP_MEMPOOL_DESTROY || (request->kind >= OP_PAGE_NEW && request->kind <= OP_VM_SET) ||
                    request->kind == OP_FAULT_SET)
                        return "BUG: sleeping function called from invalid context: an interrupt handler can only "
                               "allocate, free and work";
        } else {
                CHECK(th->state == TH_IDLE);
                cancel_wake(sim, th);
        }
        if (!(sim->m.mem.online & (1u << th->cpu))) { /* it has not run yet: all others have moved when the CPU went */
                if (sim->m.manual_clock)
                        return "its CPU is offline";
                hotplug_move(sim, th, hotplug_fallback(&sim->m.mem, th->cpu));
        }
        th->op.kind = request->kind;
        th->op.gfp = request->gfp;
        th->op.cache = CACHE_ID_NONE;
        th->op.order = 0;
        th->op.node_plus_1 = request->node_plus_1;
        th->op.target_cpu = request->cpu;
        th->op.flags = request->flags;
        th->op.owner = request->owner;
        th->op.size_bytes = 0;
        th->op.frees = 0;
        th->object = OBJECT_NONE;
        th->op.path = PATH_NONE;
        th->op.result = 0;
        th->ret = PLACE_NONE;
        problem = begin_request(sim, th, request);
        if (problem)
                return problem;
        if (th->role == ROLE_IRQ)
                sched_start_in_irq(sim, th);
        else
                sched_start_or_queue(sim, th);
        return NULL;
}

void sim_wake_at(struct sim *sim, uint32_t thread, uint64_t t_ns)
{
        struct thread *th = workload_thread(sim, thread);

        CHECK(th->role == ROLE_TASK);
        CHECK(th->state == TH_IDLE);
        CHECK(t_ns >= sim->m.now_ns);
        cancel_wake(sim, th);
        th->wake_set = 1;
        sim->busy++;
        sched_due(sim, t_ns, DUE_WAKE, th->id);
}

bool sim_raise(struct sim *sim, uint32_t thread, uint64_t t_ns)
{
        struct thread *th = workload_thread(sim, thread);

        CHECK(th->role == ROLE_IRQ);
        CHECK(t_ns >= sim->m.now_ns);
        if (th->irq_pending || th->state != TH_IDLE)
                return false;
        th->irq_pending = 1;
        sim->busy++;
        sched_due(sim, t_ns, DUE_IRQ, th->id);
        return true;
}

void sim_irq_return(struct sim *sim, uint32_t thread)
{
        struct thread *th = workload_thread(sim, thread);

        CHECK(th->state == TH_HANDLER);
        CHECK(th->top < 0);
        sched_leave_irq(sim, th);
}

void sim_request_dropped(struct sim *sim, struct thread *th)
{
        struct object *object = &sim->objects[th->object];

        if (th->op.kind == OP_FREE && th->object != OBJECT_NONE && object->state == OBJECT_BEING_FREED)
                object->state = OBJECT_LIVE;
        if (th->op.kind == OP_MEMPOOL_FREE && object->state == OBJECT_ELEMENT_BEING_FREED)
                object->state = OBJECT_ELEMENT;
}

/* The task of a killed process has left the kernel; with the last one the process exits. */
static void thread_gone(struct sim *sim, struct thread *th)
{
        CHECK(th->killed == KILLED_SOON);
        th->killed = KILLED_GONE;
        if (!--sim->m.mem.processes.process[th->process].threads)
                sched_exit(sim, th->process, th->cpu);
}

static enum sim_what run(struct sim *sim, uint64_t until_ns, uint32_t *ret_thread)
{
        uint32_t id = 0;
        enum sim_what what = sched_run(sim, until_ns, &id);

        *ret_thread = what == SIM_IDLE ? 0 : id - sim->task_first;
        if (what != SIM_IDLE && sim->m.threads[id].killed) {
                thread_gone(sim, &sim->m.threads[id]);
                what = SIM_KILLED;
        }
        return what;
}

enum sim_what sim_run(struct sim *sim, uint32_t *ret_thread)
{
        return run(sim, TIME_NEVER, ret_thread);
}

enum sim_what sim_run_until(struct sim *sim, uint64_t until_ns, uint32_t *ret_thread)
{
        return run(sim, until_ns, ret_thread);
}

/* The cache of a memory pool has a user more from the pool's creation to its end: it cannot be destroyed meanwhile. */
static bool mempool_begins(struct sim *sim, const struct thread *th)
{
        struct mempool *mempool = &sim->m.mem.mempools[th->op.result];

        if (th->op.kind != OP_MEMPOOL_CREATE) {
                if (mempool->state != MEMPOOL_LIVE || (th->op.kind == OP_MEMPOOL_DESTROY && mempool->users))
                        return false;
                if (th->op.kind == OP_MEMPOOL_DESTROY)
                        mempool->state = MEMPOOL_GOING;
                else
                        mempool->users++;
                return true;
        }
        if (mempool->state != MEMPOOL_DECLARED)
                return false;
        if (mempool->spec.kind == MEMPOOL_SLAB) {
                if (sim->m.mem.caches[mempool->spec.cache].live != CACHE_LIVE)
                        return false;
                sim->m.mem.caches[mempool->spec.cache].users++;
        }
        mempool->state = MEMPOOL_MAKING;
        return true;
}

static void mempool_ends(struct sim *sim, const struct thread *th)
{
        struct mempool *mempool = &sim->m.mem.mempools[th->op.result];

        if (th->op.kind != OP_MEMPOOL_CREATE && th->op.kind != OP_MEMPOOL_DESTROY) {
                mempool->users--;
                return;
        }
        mempool->state = th->op.kind == OP_MEMPOOL_CREATE && th->op.path != PATH_FAILED ? MEMPOOL_LIVE : MEMPOOL_GONE;
        if (mempool->state == MEMPOOL_GONE && mempool->spec.kind == MEMPOOL_SLAB)
                sim->m.mem.caches[mempool->spec.cache].users--;
}

/* The handle stands for what it did when it was handed out: reclaim has not taken it. */
static void find_object(const struct sim *sim, struct thread *th)
{
        struct frame *f = &th->frames[0];
        const struct object *object = &sim->objects[f->lru_op.object];
        bool is_page = th->op.kind <= OP_PAGE_DELETE;

        f->lru_op.pfn = object->pfn;
        if (!is_page)
                th->op.cache = object->cache;
        if (object->op == f->lru_op.made_by &&
            (is_page ? object->state == OBJECT_PAGE :
                       object->state == (th->op.kind == OP_PUT ? OBJECT_LIVE : OBJECT_PUT) && object->cache != CACHE_ID_NONE))
                return;
        th->op.cache = CACHE_ID_NONE;
        f->state = OP_REFUSED;
        th->refused = 1;
}

/* An op begins: what depends on the order in which ops begin is settled here, not when they were asked for. */
void sim_begins(struct sim *sim, struct thread *th)
{
        struct frame *f = &th->frames[0];
        struct kmem_cache *cache;

        if (th->op.kind == OP_CREATE) {
                f->cache = memory_cache_new(&sim->m.mem, &sim->specs[th->id]);
                CHECK(f->cache != CACHE_ID_NONE);
                th->op.cache = f->cache;
                return;
        }
        if (th->op.kind >= OP_MEMPOOL_CREATE && th->op.kind <= OP_MEMPOOL_DESTROY) {
                if (!mempool_begins(sim, th)) {
                        f->state = OP_REFUSED;
                        th->refused = 1;
                }
                return;
        }
        if (th->op.kind >= OP_PAGE_ACCESS && th->op.kind != OP_SHRINKER) {
                if (th->op.kind != OP_PROCESS_EXIT)
                        find_object(sim, th);
                return;
        }
        cache = &sim->m.mem.caches[th->op.cache];
        if (cache->live != CACHE_LIVE || (th->op.kind == OP_DESTROY && cache->users)) {
                f->state = OP_REFUSED;
                th->refused = 1;
                return;
        }
        if (th->op.kind == OP_DESTROY)
                cache->live = CACHE_GOING;
        else
                cache->users++;
}

/* The end of an op: handles, counts, record. */

/* A handle for what op `op` got; cache NULL: pages of `order`, or an element of a memory pool. */
static inline uint32_t object_new(struct sim *sim, uint64_t op, uint64_t place, struct kmem_cache *cache, uint32_t id,
                                  uint32_t size_bytes, uint8_t order)
{
        uint32_t slot = sim->object_unused;

        if (slot != OBJECT_NONE) {
                sim->object_unused = (uint32_t)sim->objects[slot].op;
        } else {
                CHECK(sim->object_count < sim->object_cap);
                slot = sim->object_count++;
        }
        sim->objects[slot] = (struct object){ .op = op,
                                              .pfn = place_pfn(place),
                                              .size_bytes = size_bytes,
                                              .cache = id,
                                              .offset = (uint16_t)place_offset(place),
                                              .order = order,
                                              .state = OBJECT_LIVE };
        if (cache) {
                cache->live_objs++;
                cache->requested_bytes += size_bytes;
        }
        return slot;
}

static void object_gone(struct sim *sim, struct thread *th)
{
        struct object *object = &sim->objects[th->object];

        if (th->object == OBJECT_NONE) { /* a debug machine: it was freed already, and its owner counted off then */
                struct kmem_cache *cache = &sim->m.mem.caches[th->op.cache];

                cache->live_objs--;
                cache->requested_bytes -= th->op.size_bytes;
                th->ret = place_of(th->op.pfn, th->op.offset);
                return;
        }
        th->ret = place_of(object->pfn, object->offset);
        if (object->cache != CACHE_ID_NONE && object->state != OBJECT_ELEMENT_BEING_FREED) {
                struct kmem_cache *cache = &sim->m.mem.caches[object->cache];

                cache->live_objs--;
                cache->requested_bytes -= object->size_bytes;
        }
        object->state = OBJECT_UNUSED;
        object->op = sim->object_unused;
        sim->object_unused = th->object;
}

/* Completes the record of an op: now_ns is its end, or the moment of looking at it. */
static inline void fill_record(struct op_record *op, uint64_t ret, uint64_t now_ns)
{
        op->dur_ns = now_ns - op->t_ns;
        op->pfn = ret == PLACE_NONE ? PFN_NONE : place_pfn(ret);
        op->offset = ret == PLACE_NONE ? 0 : place_offset(ret);
}

/* Field by field: a copy of the whole would have to wait until the fields have left the CPU's store buffer. */
static inline void write_record(struct op_record *to, const struct op_record *from)
{
        to->id = from->id;
        to->t_ns = from->t_ns;
        to->dur_ns = from->dur_ns;
        to->size_bytes = from->size_bytes;
        to->frees = from->frees;
        to->first_seq = from->first_seq;
        to->irq = from->irq;
        to->gfp = from->gfp;
        to->cache = from->cache;
        to->pfn = from->pfn;
        to->offset = from->offset;
        to->result = from->result;
        to->task = from->task;
        to->cpu = from->cpu;
        to->kind = from->kind;
        to->path = from->path;
        to->order = from->order;
        to->origin = from->origin;
        to->node_plus_1 = from->node_plus_1;
        to->target_cpu = from->target_cpu;
        to->flags = from->flags;
        to->owner = from->owner;
}

static void make_room(struct tape *tape)
{
        if (tape->full)
                tape->full(tape, tape->context);
        else
                tape->op_count = 0;
}

void sim_complete(struct sim *sim, struct thread *th)
{
        struct tape *tape = sim->m.tape;

        th->victim = 0;
        switch ((enum op_kind)th->op.kind) {
        case OP_ALLOC:
                if (!th->refused)
                        sim->m.mem.caches[th->op.cache].users--;
                /* fall through */
        case OP_KMALLOC:
        case OP_PAGES:
                if (th->ret != PLACE_NONE) {
                        uint32_t id = th->op.kind == OP_PAGES ? CACHE_ID_NONE : th->op.cache;
                        struct kmem_cache *cache = id == CACHE_ID_NONE ? NULL : &sim->m.mem.caches[id];

                        th->object = object_new(sim, th->op.id, th->ret, cache, id, (uint32_t)th->op.size_bytes,
                                                th->op.order);
                }
                break;
        case OP_FREE:
                object_gone(sim, th);
                break;
        case OP_WRITE:
        case OP_PAGE_NEW:
        case OP_PAGE_ACCESS:
        case OP_PAGE_TOUCH:
        case OP_PAGE_WRITE:
        case OP_PAGE_MLOCK:
        case OP_PAGE_MUNLOCK:
        case OP_PAGE_LOCK:
        case OP_PAGE_UNLOCK:
        case OP_PAGE_PIN:
        case OP_PAGE_UNPIN:
        case OP_PAGE_DELETE:
                break;
        case OP_SHRINKER: /* a cache with a shrinker has a user more: it cannot be destroyed */
                if (!th->refused && (th->op.result || (th->op.flags & SHRINKER_REMOVE)))
                        sim->m.mem.caches[th->op.cache].users--;
                if (!th->op.result && (th->op.flags & SHRINKER_REMOVE))
                        sim->m.mem.caches[th->op.cache].users--;
                th->ret = PLACE_NONE;
                break;
        case OP_DESTROY:
                if (th->op.result && !th->refused) /* objects in use: the cache stays */
                        sim->m.mem.caches[th->op.cache].live = CACHE_LIVE;
                th->ret = PLACE_NONE;
                break;
        case OP_SHRINK:
                if (!th->refused)
                        sim->m.mem.caches[th->op.cache].users--;
                th->ret = PLACE_NONE;
                break;
        case OP_MEMPOOL_CREATE:
        case OP_MEMPOOL_ALLOC:
        case OP_MEMPOOL_FREE:
        case OP_MEMPOOL_RESIZE:
        case OP_MEMPOOL_DESTROY:
                if (!th->refused)
                        mempool_ends(sim, th);
                if (th->op.kind == OP_MEMPOOL_ALLOC && th->ret != PLACE_NONE) { /* counted when the allocator below gave it */
                        th->object = object_new(sim, th->op.id, th->ret, NULL, th->op.cache, th->op.result, th->op.order);
                        sim->objects[th->object].state = OBJECT_ELEMENT;
                }
                if (th->op.kind == OP_MEMPOOL_FREE)
                        object_gone(sim, th);
                if (th->op.kind == OP_MEMPOOL_RESIZE)
                        th->ret = PLACE_NONE;
                break;
        default:
                th->ret = PLACE_NONE;
                break;
        }
        th->refused = 0;
        fill_record(&th->op, th->ret, sim->m.now_ns);
        sim->counts.ops_by_path[th->op.kind][th->op.path]++;
        if (tape->op_count == tape->op_cap)
                make_room(tape);
        write_record(&tape->ops[tape->op_count++], &th->op);
        if (sim->config.audit) {
                const char *problem = sim_audit_now(sim);

                if (problem)
                        check_failed(problem, __FILE__, __LINE__);
        }
}

/* A request done in one go. Everything here is what submit, begin, the hit and complete would have left. */
bool sim_hit(struct sim *sim, uint32_t thread, const struct request *request, uint64_t until_ns)
{
        struct machine *m = &sim->m;
        struct thread *th = workload_thread(sim, thread);
        struct tape *tape = m->tape;
        uint64_t due_ns = sim_due_ns(sim);
        uint64_t horizon_ns = until_ns < due_ns ? until_ns : due_ns;
        uint64_t clock_ns = m->now_ns;
        uint64_t frees = 0, place, size_bytes;
        uint32_t gfp = request->gfp, id, slot = OBJECT_NONE;
        struct kmem_cache *cache;
        struct object *object = NULL;
        struct op_record record = { 0 };

        if (m->running | m->single_steps | m->mem.rcu_head | sim->config.audit | request->node_plus_1 | th->wake_set |
            th->role | th->state | (~m->mem.online >> th->cpu & 1u))
                return false;
        if (due_ns <= clock_ns)
                return false;
        switch ((enum op_kind)request->kind) {
        case OP_KMALLOC:
                size_bytes = request->size_bytes;
                if (size_bytes > KMALLOC_MAX || (gfp & ~(__GFP_DMA | GFP_LEVEL_MASK)))
                        return false;
                clock_ns += m->enter_ns[m->mem.class_of[(size_bytes + 31) / 32]];
                id = hit_class_cache(m, size_bytes, gfp);
                cache = &m->mem.caches[id];
                place = hit_alloc(m, th->cpu, cache, &clock_ns, horizon_ns);
                if (place == PLACE_NONE)
                        return false;
                m->steps += 6;
                break;
        case OP_ALLOC:
                id = request->cache;
                if (id >= m->mem.cache_count || (gfp & ~(__GFP_DMA | GFP_LEVEL_MASK)))
                        return false;
                cache = &m->mem.caches[id];
                gfp |= cache->gfpflags;
                if (cache->live != CACHE_LIVE || ((gfp & __GFP_DMA) && !cache->gfpflags))
                        return false;
                size_bytes = cache->spec.size_bytes;
                clock_ns += m->enter_ns[KMALLOC_CLASSES_MAX];
                place = hit_alloc(m, th->cpu, cache, &clock_ns, horizon_ns);
                if (place == PLACE_NONE)
                        return false;
                m->steps += 4;
                break;
        case OP_FREE:
                slot = request->object;
                object = &sim->objects[slot];
                if (slot >= sim->object_count || object->state != OBJECT_LIVE || object->cache == CACHE_ID_NONE)
                        return false;
                id = object->cache;
                cache = &m->mem.caches[id];
                place = place_of(object->pfn, object->offset);
                clock_ns += m->enter_ns[KMALLOC_CLASSES_MAX];
                if (!hit_free(m, th->cpu, cache, place, &clock_ns, horizon_ns))
                        return false;
                size_bytes = object->size_bytes;
                frees = object->op;
                break;
        default:
                return false;
        }
        if (tape->op_count == tape->op_cap)
                make_room(tape);
        record.id = ++tape->op_total;
        record.t_ns = m->now_ns;
        record.dur_ns = clock_ns - m->now_ns;
        record.size_bytes = size_bytes;
        record.frees = frees;
        record.first_seq = (uint32_t)tape->event_total;
        record.gfp = gfp;
        record.cache = id;
        record.pfn = place_pfn(place);
        record.offset = place_offset(place);
        record.task = th->op.task;
        record.cpu = th->cpu;
        record.kind = request->kind;
        record.path = PATH_MAGAZINE;
        record.target_cpu = request->cpu;
        write_record(&th->op, &record);
        write_record(&tape->ops[tape->op_count++], &record);
        m->now_ns = clock_ns;
        sim->counts.ops_by_path[request->kind][PATH_MAGAZINE]++;
        if (request->kind == OP_FREE) {
                cache->live_objs--;
                cache->requested_bytes -= size_bytes;
                object->state = OBJECT_UNUSED;
                object->op = sim->object_unused;
                sim->object_unused = slot;
                return true;
        }
        th->object = object_new(sim, record.id, place, cache, id, (uint32_t)size_bytes, 0);
        return true;
}

const struct op_record *sim_result(const struct sim *sim, uint32_t thread)
{
        return &workload_thread(sim, thread)->op;
}

uint32_t sim_result_object(const struct sim *sim, uint32_t thread)
{
        const struct thread *th = workload_thread(sim, thread);

        return th->op.kind == OP_FREE || th->op.kind == OP_MEMPOOL_FREE ? OBJECT_NONE : th->object;
}

uint64_t sim_now_ns(const struct sim *sim)
{
        return sim->m.now_ns;
}

uint32_t sim_jiffies(const struct sim *sim)
{
        return (uint32_t)machine_jiffies(&sim->m);
}

uint64_t sim_jiffies64(const struct sim *sim)
{
        return machine_jiffies(&sim->m);
}

const struct memory *sim_memory(const struct sim *sim)
{
        return &sim->m.mem;
}

uint32_t sim_thread_cpu(const struct sim *sim, uint32_t thread)
{
        const struct thread *th = workload_thread(sim, thread);

        return sim->m.mem.online & (1u << th->cpu) || sim->m.manual_clock ? th->cpu : hotplug_fallback(&sim->m.mem, th->cpu);
}

uint64_t sim_moves(const struct sim *sim)
{
        return sim->moves;
}

bool sim_cpu_stopping(const struct sim *sim, uint32_t cpu)
{
        return sim->m.stop_caller && sim->m.stop_cpu == cpu;
}

bool sim_cpu_online(const struct sim *sim, uint32_t cpu)
{
        return cpu < sim->m.mem.cpus && (sim->m.mem.online & (1u << cpu));
}

uint32_t sim_cache_find(const struct sim *sim, const char *name)
{
        uint32_t id = memory_cache_find(&sim->m.mem, name);

        return id != CACHE_ID_NONE && sim->m.mem.caches[id].live == CACHE_LIVE ? id : CACHE_ID_NONE;
}

/* Services of path/: handles of what reclaim takes. */

static void handle_unused(struct sim *sim, uint32_t slot)
{
        sim->objects[slot].state = OBJECT_UNUSED;
        sim->objects[slot].op = sim->object_unused;
        sim->object_unused = slot;
}

uint32_t sim_page_handle(struct machine *m, struct thread *th, uint32_t pfn)
{
        struct sim *sim = (struct sim *)(void *)m;

        th->object = object_new(sim, th->op.id, place_of(pfn, 0), NULL, CACHE_ID_NONE, PAGE_BYTES, 0);
        sim->objects[th->object].state = OBJECT_PAGE;
        return th->object;
}

void sim_page_lost(struct machine *m, uint32_t object)
{
        struct sim *sim = (struct sim *)(void *)m;

        CHECK(sim->objects[object].state == OBJECT_PAGE);
        handle_unused(sim, object);
}

uint64_t sim_object_lost(struct machine *m, uint32_t object, uint64_t *ret_op)
{
        struct sim *sim = (struct sim *)(void *)m;

        CHECK(sim->objects[object].state == OBJECT_PUT);
        *ret_op = sim->objects[object].op;
        handle_unused(sim, object);
        return place_of(sim->objects[object].pfn, sim->objects[object].offset);
}

bool sim_object_unused(struct machine *m, uint32_t object, bool unused)
{
        struct sim *sim = (struct sim *)(void *)m;

        if (sim->objects[object].state != (unused ? OBJECT_LIVE : OBJECT_PUT))
                return false;
        sim->objects[object].state = unused ? OBJECT_PUT : OBJECT_LIVE;
        return true;
}

bool sim_object_is(struct machine *m, uint32_t object, uint64_t op)
{
        const struct object *o = &((struct sim *)(void *)m)->objects[object];

        return o->op == op && (o->state == OBJECT_LIVE || o->state == OBJECT_PAGE || o->state == OBJECT_PUT);
}

void sim_object_used(struct machine *m, uint32_t object)
{
        struct sim *sim = (struct sim *)(void *)m;

        sim->objects[object].state = OBJECT_LIVE;
}

/* The address in the request of an op under way, PLACE_NONE: there is none. */
static uint64_t address_asked(const struct thread *th)
{
        if (th->op.kind == OP_WRITE || (th->op.kind == OP_FREE && th->object == OBJECT_NONE))
                return place_of(th->op.pfn, th->op.offset);
        return PLACE_NONE;
}

void sim_pending(const struct sim *sim,
                 void (*visit)(const struct op_record *op, const struct cache_spec *spec, void *context), void *context)
{
        uint64_t after = 0;

        for (;;) { /* few at a time: the next higher id, until there is none */
                const struct thread *next = NULL;
                const struct thread *th;
                struct op_record op;
                uint32_t index = 0;

                while ((th = thread_next(sim, &index))) {
                        if (th->top >= 0 && th->role != ROLE_CALL && th->op.t_ns != TIME_NEVER && th->op.id > after &&
                            (!next || th->op.id < next->op.id))
                                next = th;
                }
                if (!next)
                        return;
                op = next->op;
                fill_record(&op, address_asked(next), sim->m.now_ns);
                visit(&op, next->op.kind == OP_CREATE ? &sim->m.mem.caches[next->op.cache].spec : NULL, context);
                after = next->op.id;
        }
}

uint32_t sim_object_count(const struct sim *sim)
{
        return sim->object_count;
}

bool sim_object_get(const struct sim *sim, uint32_t object, struct sim_object *ret)
{
        const struct object *o = &sim->objects[object];

        if (object >= sim->object_count || o->state == OBJECT_UNUSED)
                return false;
        ret->place = place_of(o->pfn, o->offset);
        ret->op = o->op;
        ret->mempool = o->state == OBJECT_ELEMENT || o->state == OBJECT_ELEMENT_BEING_FREED ? o->size_bytes : 0;
        ret->size_bytes = ret->mempool ? element_bytes(sim, &sim->m.mem.mempools[ret->mempool].spec) : o->size_bytes;
        ret->cache = o->cache;
        ret->order = o->order;
        ret->live = o->state == OBJECT_LIVE || o->state == OBJECT_ELEMENT || o->state == OBJECT_PAGE ||
                    o->state == OBJECT_PUT;
        return true;
}

static const char *process_problem(const struct sim *sim, const struct process_spec *spec)
{
        const struct process_table *table = &sim->m.mem.processes;

        if (table->count == PROCESSES_DECLARED_MAX)
                return "a run can have at most 4095 processes";
        if (spec->parent > table->count || spec->shares > table->count)
                return "parent and shares name processes that were there before";
        if (spec->shares && (!table->process[spec->shares].mm || (spec->flags & PROCESS_KTHREAD)))
                return "a process shares the memory of one that has some, and is no kernel thread";
        if (spec->oom_adj < OOM_DISABLE || spec->oom_adj > 15)
                return "oom_adj is from -17 (never killed) to 15";
        if (spec->nice < -20 || spec->nice > 19)
                return "nice is from -20 to 19";
        if (spec->total_vm_pages > UINT32_MAX)
                return "total_vm is at most 16 TiB";
        if (!spec->pid)
                return "a pid is 1 or more";
        for (uint32_t id = 1; id <= table->count; id++)
                if (table->process[id].spec.pid == spec->pid)
                        return "there is a process with this pid";
        return NULL;
}

uint32_t sim_process_new(struct sim *sim, const struct process_spec *spec, const char **ret_problem)
{
        struct process_table *table = &sim->m.mem.processes;
        struct process *process;

        *ret_problem = process_problem(sim, spec);
        if (*ret_problem)
                return 0;
        process = &table->process[++table->count];
        process->spec = *spec;
        if (!(spec->flags & PROCESS_KTHREAD))
                process->mm = spec->shares ? table->process[spec->shares].mm : table->count;
        process->exiting = spec->flags & PROCESS_EXITING ? 1 : 0;
        process->killed_ns = TIME_NEVER;
        return table->count;
}

void sim_thread_join(struct sim *sim, uint32_t thread, uint32_t process)
{
        struct thread *th = workload_thread(sim, thread);
        struct process *p = &sim->m.mem.processes.process[process];

        CHECK(process - 1 < sim->m.mem.processes.count);
        CHECK(th->role == ROLE_TASK);
        CHECK(th->state == TH_IDLE);
        CHECK(!th->process);
        th->process = process;
        if (!p->threads++)
                p->main_thread = th->id;
}

void sim_wake_on_exit(struct sim *sim, uint32_t thread, uint32_t process)
{
        workload_thread(sim, thread)->waits_for_exit = process;
}

bool sim_process_get(const struct sim *sim, uint32_t process, struct process_view *ret)
{
        const struct process_table *table = &sim->m.mem.processes;
        const struct process *p = &table->process[process];

        if (process - 1 >= table->count)
                return false;
        memset(ret, 0, sizeof(*ret));
        ret->spec = p->spec;
        ret->points = process_badness(table, process, sim->m.now_ns / 1000000000u, sim->m.mem.hz,
                                      sim->m.mem.arch->word_bytes);
        ret->killed = p->killed_ns != TIME_NEVER;
        ret->exited = p->exited;
        ret->killed_ns = p->killed_ns;
        return true;
}

uint32_t sim_process_count(const struct sim *sim)
{
        return sim->m.mem.processes.count;
}

uint32_t sim_process_of(const struct sim *sim, uint32_t thread)
{
        return workload_thread(sim, thread)->process;
}

uint32_t sim_mempool_declare(struct sim *sim, const struct mempool_spec *spec, const char **ret_problem)
{
        struct memory *mem = &sim->m.mem;
        struct mempool *mempool;

        *ret_problem = NULL;
        if (mem->mempool_count == MEMPOOLS_MAX)
                *ret_problem = "a run can have at most 4096 memory pools";
        else if (spec->min_nr < 1 || spec->min_nr > MEMPOOL_MIN_MAX)
                *ret_problem = "a memory pool keeps 1 to 16384 elements in reserve";
        else if (spec->kind > MEMPOOL_PAGES)
                *ret_problem = "a memory pool is over a kmalloc size, a cache or pages";
        else if (spec->kind == MEMPOOL_KMALLOC && spec->size_bytes > KMALLOC_MAX)
                *ret_problem = "kmalloc gives at most 131072 bytes";
        else if (spec->order >= MAX_ORDER)
                *ret_problem = "pages have an order from 0 to 10";
        else if (spec->node_plus_1 > mem->nodes)
                *ret_problem = no_such_node;
        if (*ret_problem)
                return 0;
        mempool = &mem->mempools[++mem->mempool_count];
        mempool->spec = *spec;
        if (spec->kind != MEMPOOL_SLAB)
                mempool->spec.cache = CACHE_ID_NONE;
        mempool->record_place = PLACE_NONE;
        mempool->elements_place = PLACE_NONE;
        return mem->mempool_count;
}

bool sim_mempool_get(const struct sim *sim, uint32_t id, struct mempool_view *ret)
{
        const struct mempool *mempool = &sim->m.mem.mempools[id];

        if (id - 1 >= sim->m.mem.mempool_count)
                return false;
        memset(ret, 0, sizeof(*ret));
        ret->spec = mempool->spec;
        ret->live = mempool->state == MEMPOOL_LIVE;
        ret->element_bytes = element_bytes(sim, &mempool->spec);
        ret->min_nr = mempool->min_nr;
        ret->curr_nr = mempool->curr_nr;
        ret->waiters = mempool->waiters;
        ret->taken = mempool->taken;
        ret->put = mempool->put;
        ret->waits = mempool->waits;
        ret->refused = mempool->refused;
        return true;
}

const struct sim_counts *sim_counts(const struct sim *sim)
{
        return &sim->counts;
}

uint64_t sim_step_count(const struct sim *sim)
{
        return sim->m.steps;
}

uint64_t sim_edge_count(const struct sim *sim, uint32_t state, uint32_t outcome)
{
        CHECK(state < STATE_COUNT);
        CHECK(outcome <= OUT_PARK);
#ifdef KMEMSIM_AUDIT_FULL
        return sim->m.edges[state][outcome];
#else
        (void)sim;
        return 0;
#endif
}

bool sim_cache_stock(const struct sim *sim, uint32_t cache, struct cache_stock *ret)
{
        const struct kmem_cache *c = &sim->m.mem.caches[cache];

        if (cache >= sim->m.mem.cache_count || c->live == CACHE_GONE)
                return false;
        memset(ret, 0, sizeof(*ret));
        for (uint32_t node = 0; node < sim->m.mem.nodes; node++) {
                const struct slab_lists *lists = memory_lists(&sim->m.mem, cache, node);

                ret->slabs_partial += lists->list[SLABS_PARTIAL].count;
                ret->slabs_full += lists->list[SLABS_FULL].count;
                ret->slabs_free += lists->list[SLABS_FREE].count;
        }
        ret->active_objs = c->num_active;
        ret->num_objs = c->slab_count * c->num;
        ret->shared_objs = memory_shared_objs(&sim->m.mem, cache) + memory_alien_objs(&sim->m.mem, cache);
        ret->live_objs = c->live_objs;
        ret->magazine_objs = ret->active_objs - ret->shared_objs - ret->live_objs;
        ret->requested_bytes = c->requested_bytes;
        ret->allocated_bytes = c->live_objs * c->buffer_size;
        ret->slab_bytes = c->slab_count * ((uint64_t)PAGE_BYTES << c->gfporder);
        return true;
}

uint32_t sim_zone_count(const struct sim *sim)
{
        return sim->m.mem.zone_count;
}

void sim_zone_get(const struct sim *sim, uint32_t zone, struct zone_view *ret)
{
        const struct zone *z = &sim->m.mem.zones[zone];

        CHECK(zone < sim->m.mem.zone_count);
        memset(ret, 0, sizeof(*ret));
        ret->name = sim->m.mem.arch->zone_names[z->type];
        ret->node = z->node;
        ret->type = z->type;
        ret->start_pfn = z->start_pfn;
        ret->spanned_pages = z->spanned_pages;
        ret->present_pages = z->present_pages;
        ret->free_pages = z->free_pages;
        for (uint32_t order = 0; order < MAX_ORDER; order++)
                ret->free_blocks[order] = z->free_area[order].count;
        for (uint32_t cpu = 0; cpu < sim->m.mem.cpus; cpu++)
                ret->pcp_pages += z->pcp[cpu][0].list.count + z->pcp[cpu][1].list.count;
        ret->pages_min = z->pages_min;
        ret->pages_low = z->pages_low;
        ret->pages_high = z->pages_high;
        memcpy(ret->lowmem_reserve, z->lowmem_reserve, sizeof(ret->lowmem_reserve));
        ret->nr_active = z->lru[LRU_LIST_ACTIVE].count;
        ret->nr_inactive = z->lru[LRU_LIST_INACTIVE].count;
        ret->nr_scan_active = z->nr_scan[LRU_LIST_ACTIVE];
        ret->nr_scan_inactive = z->nr_scan[LRU_LIST_INACTIVE];
        ret->pages_scanned = z->pages_scanned;
        ret->all_unreclaimable = z->all_unreclaimable;
        ret->prev_priority = z->prev_priority;
        for (uint32_t item = 0; item < ZONE_STAT_COUNT; item++)
                ret->stat[item] = stat_shown(z->stat[item]);
}

void sim_vm_get(const struct sim *sim, struct vm_view *ret)
{
        const struct memory *mem = &sim->m.mem;
        const struct lru *lru = &mem->lru;

        memset(ret, 0, sizeof(*ret));
        for (uint32_t item = 0; item < ZONE_STAT_COUNT; item++)
                ret->stat[item] = stat_shown(mem->stat[item]);
        ret->events = lru->events;
        ret->vm_total_pages = lru->vm_total_pages;
        ret->swap_total = lru->setting[VM_SWAP_PAGES];
        ret->swap_free = lru_swap_free(lru);
        ret->swap_cache_pages = lru->swap_cache_pages;
        ret->swap_cache_add = lru->swap_cache_add;
        ret->swap_cache_del = lru->swap_cache_del;
        memcpy(ret->setting, lru->setting, sizeof(ret->setting));
        for (uint32_t z = 0; z < mem->zone_count; z++) {
                const struct zone *zone = &mem->zones[z];

                ret->pgalloc[zone->type] += zone->pgalloc;
                ret->pgfree += zone->pgfree;
                ret->pgrefill[zone->type] += zone->pgrefill;
                ret->pgsteal[zone->type] += zone->pgsteal;
                ret->pgscan_kswapd[zone->type] += zone->pgscan_kswapd;
                ret->pgscan_direct[zone->type] += zone->pgscan_direct;
                ret->active += zone->lru[LRU_LIST_ACTIVE].count;
                ret->inactive += zone->lru[LRU_LIST_INACTIVE].count;
        }
}

const struct vm_setting_info *sim_vm_setting(uint32_t setting)
{
        return setting < VM_SETTING_COUNT ? &vm_setting_infos[setting] : NULL;
}

bool sim_page_get(const struct sim *sim, uint32_t pfn, struct page_view *ret)
{
        const struct lru_page *page = &sim->m.mem.lru.pages[pfn];

        if (pfn >= sim->m.mem.page_count || sim->m.mem.pages[pfn].state != PAGE_LRU)
                return false;
        ret->bits = page->bits;
        ret->count = lru_count(page);
        ret->pins = page->pins;
        ret->owner = page->owner;
        ret->object = page->object;
        return true;
}

uint32_t sim_cache_count(const struct sim *sim)
{
        return sim->m.mem.cache_count;
}

bool sim_cache_get(const struct sim *sim, uint32_t cache, struct cache_view *ret)
{
        const struct kmem_cache *c = &sim->m.mem.caches[cache];

        if (cache >= sim->m.mem.cache_count)
                return false;
        memset(ret, 0, sizeof(*ret));
        ret->name = c->spec.name;
        ret->spec = c->spec;
        ret->live = c->live != CACHE_GONE;
        ret->off_slab = c->off_slab != 0;
        ret->boot = c->boot != 0;
        ret->buffer_size = c->buffer_size;
        ret->num = c->num;
        ret->gfporder = c->gfporder;
        ret->colour = c->colour;
        ret->colour_off = c->colour_off;
        ret->slab_size = c->slab_size;
        ret->limit = c->limit;
        ret->batchcount = c->batchcount;
        ret->shared = c->shared;
        ret->obj_size = c->obj_size;
        ret->obj_offset = c->obj_offset;
        ret->debug = c->flags & CACHE_DEBUG_FLAGS;
        ret->created_ns = c->created_ns;
        ret->destroyed_ns = c->destroyed_ns;
        return true;
}

const char *sim_audit_now(const struct sim *sim)
{
        const struct thread *th;
        uint32_t under_way = 0;
        uint32_t index = 0;

        while ((th = thread_next(sim, &index)))
                under_way += th->top >= 0;
        return memory_audit(&sim->m.mem, under_way != 0);
}

const char *sim_audit(const struct sim *sim)
{
        return sim_audit_now(sim);
}

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
        const uint8_t *p = data;

        for (; bytes >= 8; bytes -= 8, p += 8) {
                uint64_t word;

                memcpy(&word, p, 8);
                hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
                hash ^= hash >> 29;
        }
        for (; bytes > 0; bytes--, p++)
                hash = (hash ^ *p) * 0x100000001b3u;
        return hash;
}

uint64_t sim_state_hash(const struct sim *sim)
{
        const struct memory *mem = &sim->m.mem;
        uint64_t hash = 0xcbf29ce484222325u;

        hash = mix(hash, mem->zones, sizeof(mem->zones));
        hash = mix(hash, mem->pages, mem->page_count * sizeof(struct page));
        hash = mix(hash, mem->slabs, mem->slabs_used * sizeof(struct slab));
        hash = mix(hash, mem->pool.base, mem->pool.next_unit * POOL_UNIT);
        hash = mix(hash, mem->caches, mem->cache_count * sizeof(struct kmem_cache));
        hash = mix(hash, mem->lists, (size_t)mem->cache_count * mem->nodes * sizeof(struct slab_lists));
        if (mem->processes.count)
                hash = mix(hash, &mem->processes.process[1], mem->processes.count * sizeof(struct process));
        if (mem->mempool_count)
                hash = mix(hash, &mem->mempools[1], mem->mempool_count * sizeof(struct mempool));
        if (mem->slab_debug)
                hash = mix(hash, mem->slab_debug, mem->slabs_used * sizeof(struct slab_debug));
        hash ^= mem->strayed;
        if (sim->m.rcu_grace_ns)
                hash = mix(hash, mem->rcu_waiting, sizeof(mem->rcu_waiting));
        if (mem->lru.in_use) {
                hash = mix(hash, mem->lru.pages, mem->page_count * sizeof(struct lru_page));
                hash = mix(hash, mem->lru.add, sizeof(mem->lru.add));
                hash = mix(hash, mem->lru.setting, sizeof(mem->lru.setting));
                hash = mix(hash, mem->lru.shrinkers, mem->lru.shrinker_count * sizeof(struct shrinker));
        }
        if (!mem->numa)
                return hash;
        hash = mix(hash, mem->aliens, (size_t)mem->cache_count * mem->nodes * sizeof(struct alien_set));
        hash = mix(hash, mem->zonelist_caches, sizeof(mem->zonelist_caches));
        hash = mix(hash, mem->numa_counters, sizeof(mem->numa_counters));
        hash = mix(hash, mem->pageset_place, sizeof(mem->pageset_place));
        hash = mix(hash, mem->reap_node, sizeof(mem->reap_node));
        return hash;
}

void sim_set_last_words(struct sim *sim, void (*last_words)(void *context), void *context)
{
        (void)sim;
        check_set_last_words(last_words, context);
}
