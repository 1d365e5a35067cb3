/*
 * op.c - the life of an op from its first step on: handle of what it got, users of what it names, record on the tape.
 *
 *      sim_begins   its turn has come: what depends on the order of beginning is settled
 *      sim_complete its frames are done: handle, counts, record
 *      sim_hit      both and all between in one go, for a magazine hit that nothing comes between
 *
 * A handle is a slot in sim.objects. Unused slots form a chain, the one freed last is given first, so that the same
 * requests get the same handles in every run. sim_page_handle and what follows are what path/ asks for: handles of
 * pages, and of objects that lie unused until their cache's shrinker takes them.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"
#include "path/hit.h"

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

/* A request done in one go. Everything here is what submit, begin, the hit and complete would have left. */
__attribute__((noinline)) /* so that sim_hit stays short where it says no, which is most often with several tasks */
static bool hit_now(struct sim *sim, struct thread *th, const struct request *request, uint64_t until_ns)
{
        struct machine *m = &sim->m;
        struct tape *tape = m->tape;
        uint64_t due_ns = sim_due_ns(sim);
        uint64_t horizon_ns = until_ns < due_ns ? until_ns : due_ns;
        uint64_t clock_ns = m->now_ns;
        uint64_t frees = 0, place, size_bytes;
        uint32_t gfp = request->gfp, id, slot = OBJECT_NONE;
        struct kmem_cache *cache;
        struct object *object = NULL;
        struct op_record record = { 0 };

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
                m->steps += 3;
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
                m->steps++;
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
                m->steps++;
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

bool sim_hit(struct sim *sim, uint32_t thread, const struct request *request, uint64_t until_ns)
{
        const struct machine *m = &sim->m;
        struct thread *th = workload_thread(sim, thread);

        if (m->running | m->single_steps | m->mem.rcu_head | sim->config.audit | request->node_plus_1 | th->wake_set |
            th->role | th->state | (~m->mem.online >> th->cpu & 1u))
                return false;
        return hit_now(sim, th, request, until_ns);
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
        bool is_page = op_is_on_page(th->op.kind);

        f->lru_op.pfn = object->pfn;
        if (!is_page)
                th->op.cache = object->cache;
        if (object->op == f->lru_op.made_by &&
            (is_page ? object->state == OBJECT_PAGE
                     : object->state == (th->op.kind == OP_PUT ? OBJECT_LIVE : OBJECT_PUT) &&
                               object->cache != CACHE_ID_NONE))
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
                /* counted when the allocator below gave it */
                if (th->op.kind == OP_MEMPOOL_ALLOC && th->ret != PLACE_NONE) {
                        th->object =
                                object_new(sim, th->op.id, th->ret, NULL, th->op.cache, th->op.result, th->op.order);
                        sim->objects[th->object].state = OBJECT_ELEMENT;
                }
                if (th->op.kind == OP_MEMPOOL_FREE)
                        object_gone(sim, th);
                if (th->op.kind == OP_MEMPOOL_RESIZE)
                        th->ret = PLACE_NONE;
                break;
        default:
                if (!op_is_on_page(th->op.kind))
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

const struct op_record *sim_result(const struct sim *sim, uint32_t thread)
{
        return &workload_thread(sim, thread)->op;
}

uint32_t sim_result_object(const struct sim *sim, uint32_t thread)
{
        const struct thread *th = workload_thread(sim, thread);

        return th->op.kind == OP_FREE || th->op.kind == OP_MEMPOOL_FREE ? OBJECT_NONE : th->object;
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

                while ((th = sim_thread_next(sim, &index))) {
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
