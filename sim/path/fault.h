/*
 * fault.h - fault injection: which requests fail although there is memory.
 *
 * Stands for lib/fault-inject.c and random32() of 2.6.20, and for should_failslab() and should_fail_alloc_page() (spec
 * 07 section 9). Two capabilities, each with its own attributes: failslab makes object requests fail before the
 * magazine is looked at, fail_page_alloc makes page requests fail before the zonelist is. A capability that is not
 * built in takes no part: no test, no random number.
 *
 * Beside the kernel's attributes stands `at`: the one request with this number fails, whatever the attributes say. That
 * is for sweeps over all requests of a run, one failure each.
 *
 * Invariants:
 *   seen counts the requests since the end of boot that could fail, NOFAIL ones left out; request number `seen` is
 *   being judged
 *   space and times only ever go down, by steps F3 and F8
 */
#ifndef KMEMSIM_PATH_FAULT_H
#define KMEMSIM_PATH_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/limits.h"

enum fault_capability { FAULT_SLAB, FAULT_PAGE, FAULT_CAPABILITY_COUNT };

extern const char *const fault_capability_names[FAULT_CAPABILITY_COUNT]; /* "failslab", "fail_page_alloc" */

/* X(enum suffix, field, name of the control file, what it is): the attributes of section 9.1. Functions are numbers + 1
 * in fault_functions, 0: none is named. */
#define FAULT_ATTRIBUTES(X)                                                                                            \
        X(PROBABILITY, probability, "probability", "chance of a failure in percent")                                   \
        X(INTERVAL, interval, "interval", "only every so many-th request is considered")                               \
        X(TIMES, times, "times", "failures at most; -1: no limit")                                                     \
        X(SPACE, space, "space", "so many bytes (slab) or pages are let through first")                                \
        X(VERBOSE, verbose, "verbose", "0: silent, 1: a message, 2: with a stack trace")                               \
        X(TASK_FILTER, task_filter, "task-filter", "1: only tasks with make-it-fail")                                  \
        X(DEPTH, stacktrace_depth, "stacktrace-depth", "callers the filters look at, at most 32")                      \
        X(REQUIRE, require, "require", "only inside of this function")                                                 \
        X(REJECT, reject, "reject", "never inside of this function")                                                   \
        X(IGNORE_WAIT, ignore_gfp_wait, "ignore-gfp-wait", "1: requests with __GFP_WAIT never fail")                   \
        X(IGNORE_HIGHMEM, ignore_gfp_highmem, "ignore-gfp-highmem", "1: requests with __GFP_HIGHMEM never fail (pages)")

enum fault_attribute {
#define X(id, field, name, what) FAULT_ATTR_##id,
        FAULT_ATTRIBUTES(X)
#undef X
        FAULT_ATTR_COUNT,
        FAULT_MAKE_IT_FAIL = 31, /* of the task itself: /proc/PID/make-it-fail */
};

/* What op_record.order of an OP_FAULT_SET holds. */
#define FAULT_ATTR_OF(capability, attribute) ((capability) << 5 | (attribute))

/* Every field has 4 bytes: a recording keeps them by name (record/schema.c). */
struct fault_attr {
        uint32_t built_in; /* 1: the kernel has this capability */
        uint32_t probability, interval;
        int32_t times, space;
        uint32_t verbose, task_filter, stacktrace_depth, require, reject, ignore_gfp_wait, ignore_gfp_highmem;
};

struct fault_config {
        struct fault_attr attr[FAULT_CAPABILITY_COUNT];
        uint32_t at[FAULT_CAPABILITY_COUNT];   /* request that fails whatever the attributes say; 0: none */
        uint32_t seed[MACHINE_CPUS_MAX];       /* of each CPU's random32 */
};

/* random32(): three shift registers (Tausworthe, L'Ecuyer), one set per CPU. */
struct random32 {
        uint32_t s1, s2, s3;
};

void random32_seed(struct random32 *rng, uint32_t seed); /* 0 counts as 1 */
uint32_t random32_next(struct random32 *rng);

/* The attributes of section 9.1 with their defaults, not built in. */
void fault_attr_default(struct fault_attr *attr);

/* NULL if the attribute can have this value, else one sentence. value: a signed one is passed as its 32 bits. */
const char *fault_attr_problem(enum fault_attribute attribute, uint32_t value);
void fault_attr_set(struct fault_attr *attr, enum fault_attribute attribute, uint32_t value);
uint32_t fault_attr_get(const struct fault_attr *attr, enum fault_attribute attribute);

/* Who asks, for the filters. */
struct fault_caller {
        bool in_interrupt;
        bool make_it_fail;     /* flag of the task */
        const uint16_t *stack; /* enum state of each frame, the innermost first: what the kernel reads off its stack */
        uint32_t stack_count;
};

/*
 * SHOULD_FAIL: steps F1 to F8 of section 9.2. size: bytes of the object or pages of the block. *count is the
 * capability's counter of step F4. A draw is made exactly when F1 to F4 let the request through.
 */
bool fault_should_fail(struct fault_attr *attr, uint32_t *count, struct random32 *rng, uint32_t size,
                       const struct fault_caller *caller);

/* Functions of the kernel that the filters can name:
 * a function is on the stack when a frame is in one of its states. */
struct fault_function {
        const char *name;
        uint16_t first, last; /* enum state */
};
extern const struct fault_function fault_functions[];
extern const uint32_t fault_function_count;

/* What the machine keeps. */
struct fault_state {
        struct fault_attr attr[FAULT_CAPABILITY_COUNT];
        uint32_t count[FAULT_CAPABILITY_COUNT];
        uint32_t at[FAULT_CAPABILITY_COUNT];
        uint64_t seen[FAULT_CAPABILITY_COUNT];
        uint64_t injected[FAULT_CAPABILITY_COUNT];
        struct random32 rng[MACHINE_CPUS_MAX];
};

#endif
