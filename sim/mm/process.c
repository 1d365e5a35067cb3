#include "base/core_only.h"
#include "mm/process.h"

uint64_t process_isqrt(uint64_t value)
{
        uint64_t root = 0;

        for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
                if ((root + bit) * (root + bit) <= value)
                        root += bit;
        return root;
}

/* SHIFT_HZ of the kernel: the power of two nearest below HZ times 4/3 or so. */
static uint32_t shift_hz(uint32_t hz)
{
        uint32_t shift = 6; /* HZ 48 .. 95 */

        for (uint32_t limit = 96; hz >= limit && shift < 16; limit *= 2)
                shift++;
        return shift;
}

uint64_t process_badness(const struct process_table *table, uint32_t id, uint64_t now_s, uint32_t hz,
                         uint32_t word_bytes)
{
        const struct process *process = &table->process[id];
        const uint64_t word = word_bytes == 4 ? UINT32_MAX : UINT64_MAX;
        const struct process_spec *spec = &process->spec;
        uint64_t points, root;

        if (!process->mm)
                return 0;
        points = spec->total_vm_pages;
        if (spec->flags & PROCESS_SWAPOFF)
                return word;
        for (uint32_t child = process_next_child(table, id, 0); child; child = process_next_child(table, id, child)) {
                const struct process *other = &table->process[child];

                if (other->mm && other->mm != process->mm)
                        points = (points + other->spec.total_vm_pages / 2 + 1) & word;
        }
        root = process_isqrt((spec->cpu_ticks & word) >> (shift_hz(hz) + 3));
        if (root)
                points /= root;
        root = process_isqrt(process_isqrt((spec->age_s + now_s) >> 10));
        if (root)
                points /= root;
        if (spec->nice > 0)
                points = points * 2 & word;
        if (spec->flags & (PROCESS_ROOT | PROCESS_SYS_ADMIN))
                points /= 4;
        if (spec->flags & PROCESS_RAWIO)
                points /= 4;
        if (spec->oom_adj > 0)
                points = points << spec->oom_adj & word;
        else if (spec->oom_adj < 0)
                points >>= -spec->oom_adj;
        return points;
}

enum process_choice process_select(const struct process_table *table, uint32_t current, uint64_t now_s, uint32_t hz,
                                   uint32_t word_bytes, uint32_t *ret_id, uint64_t *ret_points)
{
        *ret_id = 0;
        *ret_points = 0;
        for (uint32_t id = 1; id <= table->count; id++) {
                const struct process *process = &table->process[id];
                uint64_t points;

                if (!process->mm || process->spec.pid == 1)
                        continue;
                if (process->dying || (process->exiting && id != current))
                        return PROCESS_WAIT;
                if (process->exiting) { /* who asks is on its way out: it goes first */
                        *ret_id = id;
                        *ret_points = word_bytes == 4 ? UINT32_MAX : UINT64_MAX;
                        continue;
                }
                if (process->spec.oom_adj == OOM_DISABLE)
                        continue;
                points = process_badness(table, id, now_s, hz, word_bytes);
                if (points > *ret_points || !*ret_id) {
                        *ret_id = id;
                        *ret_points = points;
                }
        }
        return *ret_id ? PROCESS_CHOSEN : PROCESS_NOBODY;
}

uint32_t process_next_child(const struct process_table *table, uint32_t parent, uint32_t after)
{
        for (uint32_t id = after + 1; id <= table->count; id++)
                if (table->process[id].spec.parent == parent)
                        return id;
        return 0;
}

bool process_mm_is_shared(const struct process_table *table, uint32_t id)
{
        for (uint32_t other = 1; other <= table->count; other++)
                if (other != id && table->process[other].mm && table->process[other].mm == table->process[id].mm)
                        return true;
        return false;
}
