/*
 * submit.c - a request is submitted: what is impossible is said before anything has happened.
 *
 * For each kind of request a begin_*: NULL, and the thread has one frame in the first state of its path and what was
 * asked for in its op record, or one sentence, and nothing has happened. What the kernel would call a bug of the caller
 * is said here in its words. Whether a cache, memory pool or handle is still live may depend on the order in which ops
 * begin: that is looked at when the op's turn has come (sim_begins in op.c). An object to be freed is
 * OBJECT_BEING_FREED from here on; a request that is dropped before it began puts that back.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

static const char must_not_wait[] = "BUG: sleeping function called from invalid context: "
                                    "an interrupt handler cannot use a gfp mask with __GFP_WAIT (use \"atomic\")";

static const char *check_object_gfp(uint32_t gfp, const struct thread *th)
{
        if (gfp & ~(__GFP_DMA | GFP_LEVEL_MASK))
                return "kernel BUG at mm/slab.c:2730! a slab cannot be asked for with these gfp bits (zero, "
                       "highmem and dma32 are for pages)";
        if ((gfp & __GFP_WAIT) && th->role == ROLE_IRQ)
                return must_not_wait;
        return NULL;
}

static const char no_such_process[] = "there is no such process";
const char request_no_such_node[] = "there is no such node";

/* The allocation that has just been set up names a node: on NUMA it begins in `state`, else that changes nothing. */
static const char *ask_node(struct sim *sim, struct thread *th, const struct request *request, enum state state)
{
        struct frame *f = &th->frames[0];

        if (request->node_plus_1 > sim->m.mem.nodes) {
                th->top = -1;
                return request_no_such_node;
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
                return request_no_such_node;
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
                return most == 1u << 29 ? "the bytes of a magazine of this limit overflow 32 bits, and the kernel "
                                          "would overwrite memory: a limit is below 536870912" :
                                          "the bytes of a magazine of this limit overflow 32 bits, and the kernel "
                                          "would overwrite memory: a limit is below 1073741824";
        if (array_bytes(&sim->m, limit) <= KMALLOC_MAX && (uint64_t)batchcount * request->gfp >= most)
                return "the bytes of a shared array of batchcount * shared entries overflow 32 bits, "
                       "and the kernel would overwrite memory: ask for less";
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

uint64_t request_element_bytes(const struct sim *sim, const struct mempool_spec *spec)
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
        th->op.size_bytes = request_element_bytes(sim, spec);
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
                return "a page for the page cache or a process is asked for with a mask that may wait (highuser, "
                       "user, nofs)";
        if (request->flags & ~0x1fu)
                return "a new page is anonymous, mapped, dirty, unread or without write method";
        if ((request->flags & PAGE_NEW_ANON) && (request->flags & ~PAGE_NEW_ANON))
                return "an anonymous page is mapped and its entry dirty; it has no file that could be";
        if (request->node_plus_1 > sim->m.mem.nodes)
                return request_no_such_node;
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
                return op_is_on_page(request->kind) ? begin_on_object(sim, th, request, PAGE_DO)
                                                    : "unknown kind of request";
        }
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
                    request->kind == OP_MEMPOOL_DESTROY ||
                    (request->kind >= OP_PAGE_NEW && request->kind <= OP_VM_SET) || request->kind == OP_FAULT_SET)
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

void sim_request_dropped(struct sim *sim, struct thread *th)
{
        struct object *object = &sim->objects[th->object];

        if (th->op.kind == OP_FREE && th->object != OBJECT_NONE && object->state == OBJECT_BEING_FREED)
                object->state = OBJECT_LIVE;
        if (th->op.kind == OP_MEMPOOL_FREE && object->state == OBJECT_ELEMENT_BEING_FREED)
                object->state = OBJECT_ELEMENT;
}
