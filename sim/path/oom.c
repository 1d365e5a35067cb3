/*
 * oom.c - out_of_memory: who is killed, and how a killed process gives its memory back.
 *
 * Stands for mm/oom_kill.c of 2.6.20 (spec 05 section 6); the arithmetic is in mm/process.h. Nothing here is locked:
 * several CPUs may be inside at once, and what keeps them from killing more than one is that a marked process which
 * still has its memory makes every search end with "wait".
 *
 * A kill marks the process and its first task, which may use every page from then on, and ends its tasks: at once those
 * that are in user mode or sleep there, the others when their request is done. When the last one is gone, or there is
 * none, the exit thread of its CPU (of the killer's) gives the pages back while the killer sleeps its tick.
 *
 * A run that declares no process has no task list to search: there the task that asks becomes the victim (pages.c).
 */
#include "base/core_only.h"
#include "path/step.h"

enum constraint { CONSTRAINT_NONE, CONSTRAINT_MEMORY_POLICY };

static struct process *process_at(struct machine *m, uint32_t id)
{
        return &m->mem.processes.process[id];
}

static uint64_t now_s(const struct machine *m)
{
        return m->now_ns / 1000000000u;
}

bool oom_is_marked(const struct machine *m, const struct thread *th)
{
        const struct process *process = &m->mem.processes.process[th->process];

        return th->process && process->dying && process->main_thread == th->id;
}

/* Nodes with memory that the zonelist does not reach: the request was bound by a policy, or asks for a zone that they
 * do not have. */
static enum constraint constraint_of(const struct machine *m, const struct frame *f)
{
        const struct zonelist *list = &m->mem.zonelists[f->node][memory_zone_type(&m->mem, f->gfp)];
        uint32_t nodes = 0;

        if (!m->mem.numa)
                return CONSTRAINT_NONE;
        for (uint32_t zone = 0; zone < m->mem.zone_count; zone++)
                if (m->mem.zones[zone].present_pages)
                        nodes |= 1u << m->mem.zones[zone].node;
        for (uint32_t i = 0; i < list->count; i++)
                nodes &= ~(1u << m->mem.zones[list->zone[i]].node);
        return nodes ? CONSTRAINT_MEMORY_POLICY : CONSTRAINT_NONE;
}

/* __oom_kill_task() */
static void mark(struct machine *m, struct thread *th, uint32_t id, uint32_t chosen, bool verbose)
{
        struct process *process = process_at(m, id);

        if (process->spec.pid == 1 || !process->mm) {
                machine_report(m, th, process->mm ? REPORT_OOM_INIT : REPORT_OOM_NO_MM, id, 0, 0);
                return;
        }
        if (verbose)
                machine_report(m, th, REPORT_OOM_KILLED, id, 0, 0);
        if (process->dying)
                return;
        process->dying = 1;
        process->killed_ns = m->now_ns;
        machine_event(m, th, EV_PROCESS_KILLED, id, chosen, (uint32_t)process->spec.pid);
        m->mem.oom_kills++;
        sched_killed(m, id, th->cpu);
}

/* oom_kill_task() */
static bool kill_task(struct machine *m, struct thread *th, uint32_t id, uint32_t chosen)
{
        const struct process *process = process_at(m, id);

        if (!process->mm || process->spec.oom_adj == OOM_DISABLE)
                return false;
        mark(m, th, id, chosen, true);
        return true;
}

/* oom_kill_process(): a child with memory of its own goes first. False: nothing could be killed. */
static bool kill_process(struct machine *m, struct thread *th, uint32_t id, uint64_t points, enum constraint constraint)
{
        const struct process_table *table = &m->mem.processes;
        const struct process *process = process_at(m, id);

        if (process->exiting) {
                mark(m, th, id, id, false);
                return true;
        }
        machine_report(m, th, REPORT_OOM_CHOSEN, id, points, constraint);
        machine_event(m, th, EV_OOM_CHOSEN, id, points > UINT32_MAX ? UINT32_MAX : (uint32_t)points, constraint);
        for (uint32_t child = process_next_child(table, id, 0); child; child = process_next_child(table, id, child))
                if (table->process[child].mm != process->mm && kill_task(m, th, child, id))
                        return true;
        return kill_task(m, th, id, id);
}

enum outcome act_pa_oom_kill(struct machine *m, struct thread *th, struct frame *f)
{
        struct frame *oom;

        if (!m->mem.processes.count) {
                m->mem.oom_kills++;
                th->victim = 1;
                machine_event(m, th, EV_OOM_KILLED, th->id, f->order, f->gfp);
                return OUT_OK;
        }
        oom = call_path(th, OOM_REPORT, CACHE_ID_NONE);
        oom->gfp = f->gfp;
        oom->order = f->order;
        oom->node = f->node;
        return OUT_CALL;
}

enum outcome act_oom_report(struct machine *m, struct thread *th, struct frame *f)
{
        machine_report(m, th, REPORT_OOM_INVOKED, f->gfp, f->order, th->process);
        machine_event(m, th, EV_OOM_INVOKED, f->gfp, f->order, th->process);
        return OUT_OK;
}

enum outcome act_oom_constraint(struct machine *m, struct thread *th, struct frame *f)
{
        if (constraint_of(m, f) != CONSTRAINT_NONE)
                return OUT_NO;
        if (!m->mem.lru.setting[VM_PANIC_ON_OOM])
                return OUT_OK;
        machine_report(m, th, REPORT_OOM_PANIC, 0, 0, 0);
        return machine_halt(m);
}

/* A bound request hits whoever makes it; a task that is no process has no memory to give. */
enum outcome act_oom_kill_current(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        if (th->process)
                kill_process(m, th, th->process, 0, CONSTRAINT_MEMORY_POLICY);
        return OUT_OK;
}

enum outcome act_oom_select(struct machine *m, struct thread *th, struct frame *f)
{
        uint32_t chosen;
        uint64_t points;

        switch (process_select(&m->mem.processes, th->process, now_s(m), m->mem.hz, m->mem.arch->word_bytes, &chosen,
                               &points)) {
        case PROCESS_CHOSEN:
                f->oom.chosen = chosen;
                f->oom.points = points;
                return OUT_OK;
        case PROCESS_WAIT:
                return OUT_NO;
        case PROCESS_NOBODY:
                break;
        }
        machine_report(m, th, REPORT_OOM_NOBODY, 0, 0, 0);
        return machine_halt(m);
}

enum outcome act_oom_kill(struct machine *m, struct thread *th, struct frame *f)
{
        return kill_process(m, th, f->oom.chosen, f->oom.points, CONSTRAINT_NONE) ? OUT_OK : OUT_NO;
}

/* Time for the victim to get out of the way; the victim itself goes on. */
enum outcome act_oom_tick(struct machine *m, struct thread *th, struct frame *f)
{
        (void)f;
        if (oom_is_marked(m, th))
                return OUT_OK;
        m->sleep_until_ns = m->now_ns + m->tick_ns;
        return OUT_SLEEP;
}

/* The exit of a process: its pages go. The moment that begins it has no memory any more for a search (exit_mm), so that
 * another process may be chosen while they go. */
enum outcome act_px_begin(struct machine *m, struct thread *th, struct frame *f)
{
        struct process *process = process_at(m, f->px.process);
        uint32_t mm = process->mm;
        bool shared = process_mm_is_shared(&m->mem.processes, f->px.process);

        process->mm = 0;
        if (!mm || shared || !m->mem.lru.in_use) /* a kernel thread, somebody else still uses them, or there are none */
                return OUT_OK;
        call_exit(m, th, mm);
        return OUT_CALL;
}

enum outcome act_px_end(struct machine *m, struct thread *th, struct frame *f)
{
        struct process *process = process_at(m, f->px.process);

        process->exited = 1;
        process->dying = 0;
        machine_event(m, th, EV_PROCESS_EXITED, f->px.process, th->op.result, 0);
        th->ret = PLACE_NONE;
        sched_exited(m, f->px.process);
        return OUT_DONE;
}

/* What a scenario changes in the task list, or in /proc/sys/vm. */
enum outcome act_process_set(struct machine *m, struct thread *th, struct frame *f)
{
        struct process_table *table = &m->mem.processes;
        struct process_spec *spec = &table->process[th->op.result].spec;
        uint64_t value = th->op.size_bytes;

        (void)f;
        switch ((enum process_attribute)th->op.order) {
        case PROCESS_SET_OOM_ADJ:
                spec->oom_adj = (int32_t)value + OOM_DISABLE;
                break;
        case PROCESS_SET_TOTAL_VM:
                spec->total_vm_pages = value;
                break;
        case PROCESS_SET_NICE:
                spec->nice = (int32_t)value - 20;
                break;
        case PROCESS_SET_SWAPOFF:
                spec->flags = value ? spec->flags | PROCESS_SWAPOFF : spec->flags & ~PROCESS_SWAPOFF;
                break;
        case PROCESS_ATTRIBUTE_COUNT:
                break;
        }
        th->ret = PLACE_NONE;
        return OUT_DONE;
}
