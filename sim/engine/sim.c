/*
 * sim.c - a machine is made, run and given back; its threads, processes and memory pools are made known.
 *
 * What a thread asks for is in submit.c, what becomes of it in op.c, who goes next in sched.c, how the machine looks
 * from outside in view.c.
 */
#include "base/core_only.h"
#include "engine/sim_private.h"

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
                uint64_t ns =
                        cycles_to_ns(m, m->cost_cycles[COST_ENTER] + compares * m->cost_cycles[COST_CLASS_COMPARE]);

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

const struct thread *sim_thread_next(const struct sim *sim, uint32_t *index)
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

void sim_set_site(struct sim *sim, uint32_t thread, uint32_t site)
{
        CHECK(site < CALLER_TASK);
        workload_thread(sim, thread)->site = site;
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
                *ret_problem = request_no_such_node;
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
