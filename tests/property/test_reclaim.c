/*
 * test_reclaim.c - the scans of the active and inactive list against a naive model of them, written from spec 05
 * section 4 with plain arrays: same order of both lists after each operation, same bits,
 * same pages reclaimed and written.
 */
#include <glib.h>
#include <string.h>

#include "engine/sim_private.h"
#include "support/property.h"
#include "support/testbed.h"

enum { NEW_FILE, NEW_ANON, ACCESS, TOUCH, WRITE, MLOCK, MUNLOCK, LOCK, UNLOCK, PIN, UNPIN, DELETE, SCAN_INACTIVE,
       SCAN_ACTIVE, END_WRITE, KINDS };

static const char *const kinds[] = { "new-file",      "new-anon",    "access",    "touch", "write", "mlock",
                                     "munlock",       "lock",        "unlock",    "pin",   "unpin", "delete",
                                     "scan-inactive", "scan-active", "end-write", NULL };

static void draw(struct prng *prng, struct prop_op *op)
{
        static const uint8_t often[] = { NEW_FILE, NEW_FILE, NEW_FILE,      NEW_ANON,   NEW_ANON,
                                         ACCESS,   TOUCH,    SCAN_INACTIVE, SCAN_ACTIVE };
        uint32_t which = (uint32_t)prng_below(prng, KINDS + 3 * sizeof(often));

        op->kind = which < KINDS ? which : often[(which - KINDS) % sizeof(often)];
        op->a = (uint32_t)prng_below(prng, 1000);
        op->b = (uint32_t)prng_below(prng, 1000);
}

/* -- the model ----------------------------------------------------------------------------------------------------- */

struct mpage {
        bool live, has_user, anon, no_write, file_mapped, cached, swap_cache, swap_entry, active, referenced, mapped,
                young, entry_dirty, mlocked, dirty, writeback, reclaim, locked, adding, isolated, on_list;
        uint32_t pins, held, pfn, object;
        uint64_t op;
};

struct model {
        GArray *pages; /* struct mpage, by number */
        GArray *list[2]; /* numbers, index 0 is the head: inactive, active */
        GArray *add[2];
        GArray *writes, *reclaimed; /* numbers in order */
        uint32_t swap_free;
        uint64_t pages_scanned, freed;
};

static struct mpage *page_at(struct model *m, uint32_t number)
{
        return &g_array_index(m->pages, struct mpage, number);
}

static uint32_t count_of(const struct mpage *p)
{
        return (p->cached || p->swap_cache) + p->mapped + p->adding + p->isolated + p->pins + p->held;
}

static void to_head(struct model *m, uint32_t number)
{
        struct mpage *p = page_at(m, number);

        p->on_list = true;
        g_array_prepend_val(m->list[p->active], number);
}

static void off_list(struct model *m, uint32_t number)
{
        struct mpage *p = page_at(m, number);

        for (uint32_t i = 0; i < m->list[p->active]->len; i++) {
                if (g_array_index(m->list[p->active], uint32_t, i) == number) {
                        g_array_remove_index(m->list[p->active], i);
                        p->on_list = false;
                        return;
                }
        }
        g_assert_not_reached();
}

/* A reference has gone. Every page freed revives the zone: nothing stays on this machine's per-CPU lists. */
static void maybe_gone(struct model *m, uint32_t number)
{
        struct mpage *p = page_at(m, number);

        if (!(p->cached || p->mapped || p->swap_entry || p->pins))
                p->has_user = false;
        if (!p->live || count_of(p))
                return;
        if (p->on_list)
                off_list(m, number);
        p->live = false;
        m->pages_scanned = 0;
}

static void add_drain(struct model *m)
{
        for (uint32_t which = 0; which < 2; which++) {
                for (uint32_t i = 0; i < m->add[which]->len; i++) {
                        uint32_t number = g_array_index(m->add[which], uint32_t, i);

                        page_at(m, number)->adding = false;
                        page_at(m, number)->held++;
                        to_head(m, number);
                }
                for (uint32_t i = 0; i < m->add[which]->len; i++) {
                        uint32_t number = g_array_index(m->add[which], uint32_t, i);

                        page_at(m, number)->held--;
                        maybe_gone(m, number);
                }
                g_array_set_size(m->add[which], 0);
        }
}

static uint32_t referenced(struct mpage *p, bool holds_lock)
{
        uint32_t n = p->referenced;

        p->referenced = false;
        if (p->mapped && !p->anon && !holds_lock && p->locked)
                return n + 1;
        if (p->mapped && p->young) {
                p->young = false;
                n++;
        }
        return n;
}

static GArray *take(struct model *m, uint32_t which, uint32_t most)
{
        GArray *taken = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        uint32_t length = m->list[which]->len;

        for (uint32_t i = 0; i < most && i < length; i++) {
                uint32_t number = g_array_index(m->list[which], uint32_t, m->list[which]->len - 1);

                g_array_set_size(m->list[which], m->list[which]->len - 1);
                page_at(m, number)->on_list = false;
                page_at(m, number)->isolated = true;
                g_array_append_val(taken, number);
                m->pages_scanned++;
        }
        return taken;
}

/* Puts a page back; the 14th of a group lets all of them go. */
static void put_back(struct model *m, GArray *group, uint32_t number, bool last)
{
        if (number != UINT32_MAX) {
                page_at(m, number)->isolated = false;
                page_at(m, number)->held++;
                to_head(m, number);
                g_array_append_val(group, number);
        }
        if (group->len == 14 || (last && group->len)) {
                add_drain(m);
                for (uint32_t i = 0; i < group->len; i++) {
                        page_at(m, g_array_index(group, uint32_t, i))->held--;
                        maybe_gone(m, g_array_index(group, uint32_t, i));
                }
                g_array_set_size(group, 0);
        }
}

static void model_scan_active(struct model *m, uint32_t n, bool mapped_too, uint64_t swap_pages)
{
        GArray *group = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        GArray *keep = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        GArray *taken;
        uint64_t length = m->list[0]->len + m->list[1]->len;

        mapped_too |= m->pages_scanned >= 3 * length;
        add_drain(m);
        taken = take(m, 1, n);
        for (uint32_t pass = 0; pass < 2; pass++) {
                for (uint32_t i = 0; i < (pass ? keep : taken)->len; i++) {
                        uint32_t number = g_array_index(pass ? keep : taken, uint32_t, i);
                        struct mpage *p = page_at(m, number);

                        if (!pass && p->mapped &&
                            (!mapped_too || (!swap_pages && p->anon) || referenced(p, false))) {
                                g_array_append_val(keep, number);
                                g_array_index(taken, uint32_t, i) = UINT32_MAX;
                        }
                }
        }
        for (uint32_t i = 0; i < taken->len; i++) {
                uint32_t number = g_array_index(taken, uint32_t, i);

                if (number == UINT32_MAX)
                        continue;
                page_at(m, number)->active = false;
                put_back(m, group, number, false);
        }
        for (uint32_t i = 0; i < keep->len; i++)
                put_back(m, group, g_array_index(keep, uint32_t, i), false);
        put_back(m, group, UINT32_MAX, true);
        g_array_unref(group);
        g_array_unref(keep);
        g_array_unref(taken);
}

/* 'k' kept, 'a' activated, 'f' freed */
static char look(struct model *m, uint32_t number, bool fs, bool io, bool may_write, bool may_swap)
{
        struct mpage *p = page_at(m, number);
        uint32_t ref;

        if (p->locked || (!may_swap && p->mapped) || p->writeback)
                return 'k';
        ref = referenced(p, true);
        if (ref && (p->mapped || p->swap_cache || p->file_mapped))
                return 'a';
        if (p->anon && !p->swap_cache) {
                if (!m->swap_free)
                        return 'a';
                m->swap_free--;
                p->swap_cache = p->dirty = true;
        }
        if (p->mapped) {
                if (p->mlocked)
                        return 'a';
                if (p->young) {
                        p->young = false;
                        return 'a';
                }
                p->dirty |= p->entry_dirty;
                p->mapped = p->entry_dirty = false;
                p->swap_entry = p->anon;
        }
        if (p->dirty) {
                if (ref || !(fs || (p->swap_cache && io)) || !may_write || count_of(p) != 2 ||
                    !(p->cached || p->swap_cache))
                        return 'k';
                if (p->no_write)
                        return 'a';
                p->dirty = false;
                p->writeback = p->reclaim = true;
                g_array_append_val(m->writes, number);
                return 'k';
        }
        return !(p->cached || p->swap_cache) || count_of(p) != 2 ? 'k' : 'f';
}

static void model_scan_inactive(struct model *m, uint32_t max, bool fs, bool io, bool may_write, bool may_swap)
{
        GArray *group = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        uint32_t looked = 0;

        add_drain(m);
        do {
                GArray *taken = take(m, 0, 32);
                uint32_t count = taken->len;

                looked += count;
                for (uint32_t i = 0; i < taken->len; i++) {
                        uint32_t number = g_array_index(taken, uint32_t, i);
                        struct mpage *p = page_at(m, number);
                        char fate = look(m, number, fs, io, may_write, may_swap);

                        if (fate == 'a')
                                p->active = true;
                        if (fate != 'f')
                                continue;
                        m->swap_free += p->swap_cache && !p->swap_entry;
                        p->cached = p->swap_cache = p->isolated = p->live = p->has_user = false;
                        m->pages_scanned = 0;
                        m->freed++;
                        g_array_append_val(m->reclaimed, number);
                        g_array_remove_index(taken, i--);
                }
                for (uint32_t i = 0; i < taken->len; i++)
                        put_back(m, group, g_array_index(taken, uint32_t, i), false);
                g_array_unref(taken);
                if (!count)
                        break;
        } while (looked < max);
        put_back(m, group, UINT32_MAX, true);
        g_array_unref(group);
}

static void model_access(struct model *m, uint32_t number)
{
        struct mpage *p = page_at(m, number);

        if (!p->active && p->referenced && p->on_list) {
                off_list(m, number);
                p->active = true;
                p->referenced = false;
                to_head(m, number);
        } else {
                p->referenced = true;
        }
}

static void model_end_write(struct model *m)
{
        uint32_t number;
        struct mpage *p;

        if (!m->writes->len)
                return;
        number = g_array_index(m->writes, uint32_t, 0);
        p = page_at(m, number);
        g_array_remove_index(m->writes, 0);
        p->writeback = false;
        if (p->reclaim && !p->locked && !p->dirty && !p->active && p->on_list) {
                off_list(m, number);
                p->on_list = true;
                g_array_append_val(m->list[0], number);
        }
        p->reclaim = false;
}

static void model_delete(struct model *m, uint32_t number)
{
        struct mpage *p = page_at(m, number);

        if (p->mapped)
                add_drain(m);
        if (p->locked || !(p->cached || p->mapped || p->swap_entry))
                return;
        if (p->mapped && !p->anon) {
                p->dirty |= p->entry_dirty;
                if (p->young)
                        model_access(m, number);
        }
        p->mapped = p->young = p->entry_dirty = p->mlocked = false;
        if (p->cached)
                p->cached = p->dirty = false;
        if (p->swap_cache && !p->writeback && count_of(p) == 1) { /* the cache alone */
                p->swap_cache = p->dirty = false;
                m->swap_free++;
        }
        p->swap_entry = false;
        maybe_gone(m, number);
}

/* -- side by side -------------------------------------------------------------------------------------------------- */

#define SWAP_PAGES 60u

static uint32_t model_bits(const struct mpage *p)
{
        return (p->anon ? LRU_ANON : 0) | (p->no_write ? LRU_NO_WRITE : 0) | (p->file_mapped ? LRU_FILE_MAPPED : 0) |
               (p->cached ? LRU_CACHED : 0) | (p->swap_cache ? LRU_SWAP_CACHE : 0) |
               (p->swap_entry ? LRU_SWAP_ENTRY : 0) | (p->on_list ? LRU_ON_LIST : 0) | (p->active ? LRU_ACTIVE : 0) |
               (p->referenced ? LRU_REFERENCED : 0) | (p->mapped ? LRU_MAPPED : 0) | (p->young ? LRU_YOUNG : 0) |
               (p->entry_dirty ? LRU_ENTRY_DIRTY : 0) | (p->mlocked ? LRU_MLOCKED : 0) | (p->dirty ? LRU_DIRTY : 0) |
               (p->writeback ? LRU_WRITEBACK : 0) | (p->reclaim ? LRU_RECLAIM : 0) | (p->locked ? LRU_LOCKED : 0) |
               (p->adding ? LRU_ADDING : 0);
}

static const char *compare(struct model *m, const struct testbed *bed)
{
        const struct zone *zone = &bed->mem->zones[0];

        for (uint32_t which = 0; which < 2; which++) {
                uint32_t pfn = zone->lru[which].head;

                for (uint32_t i = 0; i < m->list[which]->len; i++, pfn = bed->mem->pages[pfn].next) {
                        const struct mpage *p = page_at(m, g_array_index(m->list[which], uint32_t, i));

                        if (pfn != p->pfn)
                                return property_says("%s list, place %u: page frame %u, the model has %u",
                                                     which ? "active" : "inactive", i, pfn, p->pfn);
                }
                if (pfn != PFN_NONE)
                        return property_says("the %s list is longer than the model's", which ? "active" : "inactive");
        }
        for (uint32_t i = 0; i < m->pages->len; i++) {
                const struct mpage *p = page_at(m, i);
                struct sim_object view;
                bool alive = sim_object_get(bed->sim, p->object, &view) && view.live && view.op == p->op;

                if (alive != p->has_user)
                        return property_says("page %u: its handle is %s", i, alive ? "alive" : "gone");
                if (p->live && bed->mem->lru.pages[p->pfn].bits != model_bits(p))
                        return property_says("page %u: bits %x, the model has %x", i, bed->mem->lru.pages[p->pfn].bits,
                                             model_bits(p));
        }
        if (zone->pages_scanned != m->pages_scanned)
                return property_says("pages_scanned %u, the model has %u", (uint32_t)zone->pages_scanned,
                                     (uint32_t)m->pages_scanned);
        if (lru_swap_free(&bed->mem->lru) != m->swap_free)
                return property_says("%u slots are free, the model has %u", (uint32_t)lru_swap_free(&bed->mem->lru),
                                     m->swap_free);
        return sim_audit(bed->sim);
}

static struct reclaim *ready(struct testbed *bed)
{
        struct thread *th = &bed->sim->m.threads[bed->sim->task_first + bed->task[0]];
        struct reclaim *r = reclaim_of(&bed->sim->m, th);

        memset(r, 0, sizeof(*r));
        r->batch = LRU_CLUSTER;
        r->swappiness = 60;
        return r;
}

static void run_path(struct testbed *bed, enum state state)
{
        struct machine *m = &bed->sim->m;
        uint64_t now_ns = m->now_ns;
        struct thread *th = &m->threads[bed->sim->task_first + bed->task[0]];

        call_path(th, state, CACHE_ID_NONE);
        sched_run_alone(m, th);
        m->now_ns = now_ns;
}

static uint32_t ask(struct testbed *bed, enum op_kind kind, const struct mpage *p)
{
        struct request request = { .kind = (uint8_t)kind, .object = p->object, .op = p->op };

        return testbed_do(bed, 0, &request)->result;
}

static void both_new(struct model *m, struct testbed *bed, bool anon, uint32_t a, uint32_t b)
{
        struct mpage p = { .live = true, .has_user = true, .anon = anon, .adding = true };
        struct request request = { .kind = OP_PAGE_NEW, .gfp = GFP_HIGHUSER, .owner = 3 };
        uint32_t number = m->pages->len;

        if (anon) {
                request.flags = PAGE_NEW_ANON;
                p.mapped = p.young = p.entry_dirty = p.active = true;
        } else {
                request.flags = (uint8_t)((a % 3 ? 0 : PAGE_NEW_MAPPED) | (a % 4 ? 0 : PAGE_NEW_DIRTY) |
                                          (b % 7 ? 0 : PAGE_NEW_NO_WRITE) | (b % 2 ? 0 : PAGE_NEW_UNREAD));
                p.cached = true;
                p.mapped = p.young = p.file_mapped = request.flags & PAGE_NEW_MAPPED;
                p.dirty = request.flags & PAGE_NEW_DIRTY;
                p.no_write = request.flags & PAGE_NEW_NO_WRITE;
                p.referenced = !(request.flags & PAGE_NEW_UNREAD);
        }
        p.pfn = testbed_do(bed, 0, &request)->pfn;
        p.op = bed->done.id;
        p.object = sim_result_object(bed->sim, bed->task[0]);
        g_array_append_val(m->pages, p);
        g_array_append_val(m->add[p.active], number);
        if (m->add[p.active]->len == 14) {
                GArray *other = m->add[!p.active], *empty = g_array_new(FALSE, FALSE, sizeof(uint32_t));

                m->add[!p.active] = empty; /* this list alone */
                add_drain(m);
                m->add[!p.active] = other;
                g_array_unref(empty);
        }
}

static void both_act(struct model *m, struct testbed *bed, uint32_t kind, uint32_t number)
{
        static const uint8_t ops[KINDS] = {
                [ACCESS] = OP_PAGE_ACCESS, [TOUCH] = OP_PAGE_TOUCH,     [WRITE] = OP_PAGE_WRITE,
                [MLOCK] = OP_PAGE_MLOCK,   [MUNLOCK] = OP_PAGE_MUNLOCK, [LOCK] = OP_PAGE_LOCK,
                [UNLOCK] = OP_PAGE_UNLOCK, [PIN] = OP_PAGE_PIN,         [UNPIN] = OP_PAGE_UNPIN,
                [DELETE] = OP_PAGE_DELETE
        };
        struct mpage *p = page_at(m, number);

        if (kind == DELETE && p->cached && p->writeback)
                return; /* it would wait, and end all writes */
        ask(bed, (enum op_kind)ops[kind], p);
        if (!p->has_user)
                return;
        switch (kind) {
        case ACCESS: model_access(m, number); break;
        case TOUCH: p->young |= p->mapped; break;
        case WRITE:
                if (p->mapped) {
                        p->young = p->entry_dirty = true;
                } else {
                        p->dirty = true;
                        model_access(m, number);
                }
                break;
        case MLOCK: p->mlocked |= p->mapped; break;
        case MUNLOCK: p->mlocked = false; break;
        case LOCK: p->locked = true; break;
        case UNLOCK: p->locked = false; break;
        case PIN: p->pins++; break;
        case UNPIN:
                if (p->pins) {
                        p->pins--;
                        maybe_gone(m, number);
                }
                break;
        default: model_delete(m, number); break;
        }
}

static const char *run(uint64_t seed, const struct prop_op *ops, uint32_t count)
{
        struct sim_config config = testbed_config(1, 12);
        struct request swap = { .kind = OP_VM_SET, .order = VM_SWAP_PAGES, .size_bytes = seed % 3 ? SWAP_PAGES : 0 };
        struct model m = { .pages = g_array_new(FALSE, TRUE, sizeof(struct mpage)),
                           .swap_free = (uint32_t)swap.size_bytes };
        struct testbed *bed;
        const char *problem = NULL;

        config.audit = 0;
        bed = testbed_new(&config);
        for (uint32_t i = 0; i < 2; i++) {
                m.list[i] = g_array_new(FALSE, FALSE, sizeof(uint32_t));
                m.add[i] = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        }
        m.writes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        m.reclaimed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        testbed_do(bed, 0, &swap);
        for (uint32_t i = 0; i < count && !problem; i++) {
                const struct prop_op *op = &ops[i];
                struct reclaim *r;

                testbed_forget(bed);
                g_array_set_size(m.reclaimed, 0);
                switch (op->kind) {
                case NEW_FILE:
                case NEW_ANON:
                        both_new(&m, bed, op->kind == NEW_ANON, op->a, op->b);
                        break;
                case SCAN_INACTIVE:
                        r = ready(bed);
                        r->gfp = op->b % 4 == 0 ? GFP_NOIO : op->b % 4 == 1 ? GFP_NOFS : GFP_KERNEL;
                        r->may_write = op->b % 5 > 0;
                        r->may_swap = op->b % 7 > 0;
                        r->max = 1 + op->a % 60;
                        run_path(bed, SINACTIVE_BEGIN);
                        model_scan_inactive(&m, 1 + op->a % 60, op->b % 4 > 1, op->b % 4 > 0, op->b % 5 > 0,
                                            op->b % 7 > 0);
                        break;
                case SCAN_ACTIVE:
                        r = ready(bed);
                        r->gfp = GFP_KERNEL;
                        r->may_swap = 1;
                        r->priority = op->b % 3 ? 1 : 12; /* from priority 1 on mapped pages too, with little mapped */
                        r->max = 1 + op->a % 32;
                        run_path(bed, SACTIVE_BEGIN);
                        model_scan_active(&m, 1 + op->a % 32, op->b % 3 > 0, swap.size_bytes);
                        break;
                case END_WRITE:
                        if (m.writes->len)
                                lru_write_end(&bed->sim->m.mem, 0);
                        model_end_write(&m);
                        break;
                default:
                        if (m.pages->len)
                                both_act(&m, bed, op->kind, (op->a * 1000 + op->b) % m.pages->len);
                        break;
                }
                testbed_flush(bed);
                problem = compare(&m, bed);
                for (uint32_t k = 0; k < m.reclaimed->len && !problem; k++) {
                        const struct event_record *event = testbed_event(bed, EV_PAGE_RECLAIMED, 0, k);

                        if (!event || event->a != page_at(&m, g_array_index(m.reclaimed, uint32_t, k))->pfn)
                                problem = property_says("the model reclaims another page as number %u", k);
                }
                if (!problem && testbed_count(bed, EV_PAGE_RECLAIMED, 0) != m.reclaimed->len)
                        problem = property_says("more is reclaimed than in the model");
        }
        testbed_free(bed);
        return problem;
}

static void test_scans(void)
{
        static const struct property property = { kinds, 400, draw, run };

        property_test(&property, 120);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/property/reclaim/scans", test_scans);
        return g_test_run();
}
