/*
 * fault.c - see fault.h; and the two states of the tables where a request is judged.
 */
#include "base/core_only.h"
#include "path/fault.h"

#include "path/step.h"

const char *const fault_capability_names[FAULT_CAPABILITY_COUNT] = { "failslab", "fail_page_alloc" };

/* An outer function comes with all it calls that has no frame of its own here. */
const struct fault_function fault_functions[] = {
        { "__kmalloc", ALLOC_SIZE_CLASS, ALLOC_SELECT_CACHE },
        { "kmem_cache_alloc", ALLOC_IRQ_OFF, REFILL_REGROWN },
        { "cache_alloc_refill", REFILL_BATCH, REFILL_REGROWN },
        { "kmem_cache_alloc_node", ALLOCN_SIZE_CLASS, ALLOC_NODE_GOT },
        { "__cache_alloc_node", NODE_LOCK, NODE_END },
        { "fallback_alloc", FALLBACK_ZONE, FALLBACK_TAKEN },
        { "cache_grow", GROW_BEGIN, GROW_FAIL },
        { "kmem_getpages", GROW_PAGES, GROW_PAGES_GOT },
        { "alloc_slabmgmt", GROW_HEADER, GROW_HEADER_GOT },
        { "__alloc_pages", PA_FAULT, PA_DONE },
        { "kmem_cache_create", CREATE_LOCK, CREATE_FAIL },
        { "do_tune_cpucache", TUNE_WORK, KML_END },
        { "alloc_kmemlist", KML_NODE, KML_END },
        { "cpuup_callback", UP_LOCK, UP_CANCELED },
};

const uint32_t fault_function_count = sizeof(fault_functions) / sizeof(fault_functions[0]);

#define DEPTH_MAX 32u

void random32_seed(struct random32 *rng, uint32_t seed)
{
        rng->s1 = 69069u * (seed ? seed : 1);
        rng->s2 = 69069u * rng->s1;
        rng->s3 = 69069u * rng->s2;
        for (int i = 0; i < 6; i++)
                random32_next(rng);
}

uint32_t random32_next(struct random32 *rng)
{
        rng->s1 = (rng->s1 & 0xfffffffeu) << 12 ^ ((rng->s1 << 13 ^ rng->s1) >> 19);
        rng->s2 = (rng->s2 & 0xfffffff8u) << 4 ^ ((rng->s2 << 2 ^ rng->s2) >> 25);
        rng->s3 = (rng->s3 & 0xfffffff0u) << 17 ^ ((rng->s3 << 3 ^ rng->s3) >> 11);
        return rng->s1 ^ rng->s2 ^ rng->s3;
}

void fault_attr_default(struct fault_attr *attr)
{
        memset(attr, 0, sizeof(*attr));
        attr->interval = 1;
        attr->times = 1;
        attr->verbose = 2;
        attr->stacktrace_depth = DEPTH_MAX;
        attr->ignore_gfp_wait = 1;
        attr->ignore_gfp_highmem = 1;
}

const char *fault_attr_problem(enum fault_attribute attribute, uint32_t value)
{
        switch (attribute) {
        case FAULT_ATTR_TASK_FILTER:
        case FAULT_ATTR_IGNORE_WAIT:
        case FAULT_ATTR_IGNORE_HIGHMEM:
        case FAULT_MAKE_IT_FAIL:
                return value > 1 ? "a switch of fault injection is 0 or 1" : NULL;
        case FAULT_ATTR_REQUIRE:
        case FAULT_ATTR_REJECT:
                return value > fault_function_count ? "no such function" : NULL;
        default:
                return attribute < FAULT_ATTR_COUNT ? NULL : "there is no such attribute of fault injection";
        }
}

void fault_attr_set(struct fault_attr *attr, enum fault_attribute attribute, uint32_t value)
{
        switch (attribute) {
#define X(id, field, name, what)                                                                                       \
        case FAULT_ATTR_##id:                                                                                          \
                memcpy(&attr->field, &value, sizeof(value));                                                           \
                break;
        FAULT_ATTRIBUTES(X)
#undef X
        case FAULT_ATTR_COUNT:
        case FAULT_MAKE_IT_FAIL:
                CHECK(!"an attribute of a capability");
        }
        if (attr->stacktrace_depth > DEPTH_MAX)
                attr->stacktrace_depth = DEPTH_MAX;
}

uint32_t fault_attr_get(const struct fault_attr *attr, enum fault_attribute attribute)
{
        switch (attribute) {
#define X(id, field, name, what)                                                                                       \
        case FAULT_ATTR_##id:                                                                                          \
                return (uint32_t)attr->field;
        FAULT_ATTRIBUTES(X)
#undef X
        case FAULT_ATTR_COUNT:
        case FAULT_MAKE_IT_FAIL:
                break;
        }
        CHECK(!"an attribute of a capability");
        return 0;
}

/* The filters of section 9.3. The first address found on the stack is that of the test itself. */
static bool stack_allows(const struct fault_attr *attr, const struct fault_caller *caller)
{
        bool found = attr->require == 0;

        for (uint32_t i = 0; i < caller->stack_count && i + 1 < attr->stacktrace_depth; i++) {
                uint16_t state = caller->stack[i];

                if (attr->reject && state >= fault_functions[attr->reject - 1].first &&
                    state <= fault_functions[attr->reject - 1].last)
                        return false;
                if (attr->require && state >= fault_functions[attr->require - 1].first &&
                    state <= fault_functions[attr->require - 1].last)
                        found = true;
        }
        return found;
}

bool fault_should_fail(struct fault_attr *attr, uint32_t *count, struct random32 *rng, uint32_t size,
                       const struct fault_caller *caller)
{
        if (attr->task_filter && (caller->in_interrupt || !caller->make_it_fail)) /* F1 */
                return false;
        if (attr->times == 0) /* F2 */
                return false;
        if (attr->space > (int32_t)size) { /* F3 */
                attr->space -= (int32_t)size;
                return false;
        }
        if (attr->interval > 1 && ++*count % attr->interval != 0) /* F4 */
                return false;
        if (attr->probability <= random32_next(rng) % 100) /* F5 */
                return false;
        if (!stack_allows(attr, caller)) /* F6 */
                return false;
        if (attr->times != -1) /* F8; the message of F7 is the caller's */
                attr->times = (int32_t)((uint32_t)attr->times - 1u);
        return true;
}

/* -- where the tables ask ----------------------------------------------------------------------------------------- */

static bool is_interrupt(const struct thread *th)
{
        return th->role == ROLE_IRQ || th->role == ROLE_CALL;
}

static void inject(struct machine *m, struct thread *th, enum fault_capability capability, uint32_t subject)
{
        m->fault.injected[capability]++;
        th->faulted_op = th->op.id;
        machine_event(m, th, EV_FAULT_INJECTED, (uint32_t)capability, (uint32_t)m->fault.seen[capability], subject);
        if (m->fault.attr[capability].verbose > 0)
                machine_report(m, th, REPORT_FAULT_INJECTED, (uint64_t)capability, m->fault.seen[capability],
                               m->fault.attr[capability].verbose);
}

/* is_exempt: the kernel does not ask for this request at all. */
static bool is_to_fail(struct machine *m, struct thread *th, enum fault_capability capability, uint32_t size,
                       bool is_exempt)
{
        struct fault_state *fault = &m->fault;
        uint16_t stack[FRAMES_MAX];
        struct fault_caller caller = { .in_interrupt = is_interrupt(th),
                                       .make_it_fail = th->make_it_fail,
                                       .stack = stack };

        fault->seen[capability]++;
        if (fault->at[capability] && fault->seen[capability] == fault->at[capability])
                return true;
        if (!fault->attr[capability].built_in || is_exempt)
                return false;
        if (!caller.in_interrupt || m->mem.arch->word_bytes == 4) {
                for (int top = th->top; top >= 0; top--)
                        stack[caller.stack_count++] = th->frames[top].state;
        }
        return fault_should_fail(&fault->attr[capability], &fault->count[capability], &fault->rng[th->cpu], size,
                                 &caller);
}

/* should_failslab(). UMA: NULL. NUMA: the magazine is passed over, and the node's slabs may well have an object. */
enum outcome act_alloc_fault(struct machine *m, struct thread *th, struct frame *f)
{
        const struct kmem_cache *cache = &m->mem.caches[f->cache];
        const struct fault_attr *attr = &m->fault.attr[FAULT_SLAB];
        bool is_exempt = f->cache == m->mem.cache_cache || ((f->gfp & __GFP_WAIT) && attr->ignore_gfp_wait);

        if ((f->gfp & __GFP_NOFAIL) || !is_to_fail(m, th, FAULT_SLAB, cache->buffer_size, is_exempt))
                return OUT_OK;
        inject(m, th, FAULT_SLAB, f->cache);
        if (!m->mem.numa)
                return OUT_NO;
        call_node_alloc(th, f, f->gfp, m->mem.node_of_cpu[th->cpu], is_own(th, f));
        return OUT_CALL;
}

/* should_fail_alloc_page(). An order that is too large is refused before. */
enum outcome act_pa_fault(struct machine *m, struct thread *th, struct frame *f)
{
        const struct fault_attr *attr = &m->fault.attr[FAULT_PAGE];
        bool is_exempt = ((f->gfp & __GFP_WAIT) && attr->ignore_gfp_wait) ||
                         ((f->gfp & __GFP_HIGHMEM) && attr->ignore_gfp_highmem);

        if (f->order >= MAX_ORDER || (f->gfp & __GFP_NOFAIL) ||
            !is_to_fail(m, th, FAULT_PAGE, 1u << f->order, is_exempt))
                return OUT_OK;
        inject(m, th, FAULT_PAGE, f->order);
        th->ret = PLACE_NONE;
        if (th->op.kind == OP_PAGES)
                th->op.path = (uint8_t)failed_path(th);
        return OUT_DONE;
}

/* A write to an attribute of a capability, or to the task's own make-it-fail. */
enum outcome act_fault_set(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t attribute = th->op.order & 31u;

        (void)f;
        if (attribute == FAULT_MAKE_IT_FAIL)
                th->make_it_fail = (uint8_t)th->op.size_bytes;
        else
                fault_attr_set(&m->fault.attr[th->op.order >> 5], (enum fault_attribute)attribute,
                               (uint32_t)th->op.size_bytes);
        return OUT_DONE;
}
