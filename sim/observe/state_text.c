/*
 * state_text.c - see state_text.h.
 */
#include "observe/state_text.h"

#include <inttypes.h>

#include "mm/memory.h"
#include "observe/slab_log.h"
#include "observe/holders.h"

#define NEIGHBOURS 3u /* objects shown on either side of one */

struct state {
        const struct sim *sim;
        const struct memory *mem;
        const struct state_names *names;
        GString *text;
};

static void line(const struct state *state, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void line(const struct state *state, const char *name, const char *format, ...)
{
        va_list arguments;

        g_string_append_printf(state->text, "%-16s", name);
        va_start(arguments, format);
        g_string_append_vprintf(state->text, format, arguments);
        va_end(arguments);
        g_string_append_c(state->text, '\n');
}

static void append_op(const struct state *state, uint64_t op)
{
        state->names->append_op(op, sim_now_ns(state->sim), state->text, state->names->context);
}

static void op_line(const struct state *state, const char *name, uint64_t op)
{
        g_string_append_printf(state->text, "%-16s", name);
        append_op(state, op);
        g_string_append_c(state->text, '\n');
}

static const char *list_name(const struct slab *slab)
{
        static const char *const names[] = {
                [SLABS_NOWHERE] = "none", [SLABS_PARTIAL] = "partial", [SLABS_FULL] = "full", [SLABS_FREE] = "free",
        };

        return names[slab->list];
}

/* -- cache --------------------------------------------------------------------------------------------------------- */

static void cache_geometry(const struct state *state, uint32_t id)
{
        const struct kmem_cache *cache = &state->mem->caches[id];
        g_autoptr(GString) flags = g_string_new(NULL);
        static const struct {
                uint32_t flag;
                const char *name;
        } names[] = {
                { CACHE_HWCACHE_ALIGN, "HWCACHE_ALIGN" },     { CACHE_DMA, "CACHE_DMA" },
                { CACHE_MUST_HWCACHE_ALIGN, "MUST_HWCACHE_ALIGN" }, { CACHE_RECLAIM_ACCOUNT, "RECLAIM_ACCOUNT" },
                { CACHE_PANIC, "PANIC" },                     { CACHE_DESTROY_BY_RCU, "DESTROY_BY_RCU" },
                { CACHE_MEM_SPREAD, "MEM_SPREAD" },           { CACHE_DEBUG_INITIAL, "DEBUG_INITIAL" },
                { CACHE_RED_ZONE, "RED_ZONE" },               { CACHE_POISON, "POISON" },
                { CACHE_STORE_USER, "STORE_USER" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                if (cache->flags & names[i].flag)
                        g_string_append_printf(flags, "%s%s", flags->len > 0 ? "|" : "", names[i].name);
        line(state, "cache", "%s, id %u%s", cache->spec.name, id, cache->boot ? ", made at boot" : "");
        line(state, "object", "%u bytes asked for, %u in a slab, aligned to %u", cache->spec.size_bytes,
             cache->buffer_size, cache->align);
        line(state, "slab", "%u objects in %u pages (order %u), %u colours %u bytes apart", cache->num,
             1u << cache->gfporder, cache->gfporder, cache->colour, cache->colour_off);
        line(state, "slab header", "%u bytes, %s%s", cache->slab_size,
             cache->off_slab ? "an object of " : "on the slab",
             cache->off_slab ? state->mem->caches[cache->slabp_cache].spec.name : "");
        line(state, "flags", "%s", flags->len > 0 ? flags->str : "none");
        line(state, "tunables", "limit %u, batchcount %u, sharedfactor %u", cache->limit, cache->batchcount,
             cache->shared);
}

static void cache_stock(const struct state *state, uint32_t id)
{
        const struct kmem_cache *cache = &state->mem->caches[id];
        struct cache_stock stock = { 0 };

        sim_cache_stock(state->sim, id, &stock);
        line(state, "objects",
             "%" PRIu64 " active of %" PRIu64 ": %" PRIu64 " live, %" PRIu64 " in magazines, %" PRIu64
             " in shared arrays",
             stock.active_objs, stock.num_objs, stock.live_objs, stock.magazine_objs, stock.shared_objs);
        line(state, "slabs", "%u: %u partial, %u full, %u free",
             stock.slabs_partial + stock.slabs_full + stock.slabs_free, stock.slabs_partial, stock.slabs_full,
             stock.slabs_free);
        line(state, "bytes", "%" PRIu64 " asked for by live objects, %" PRIu64 " in slabs", stock.requested_bytes,
             stock.slab_bytes);
        line(state, "allocations", "%" PRIu64 " hits, %" PRIu64 " misses; %" PRIu64 " objects came from slabs",
             cache->allochit, cache->allocmiss, cache->allocs);
        line(state, "frees", "%" PRIu64 " hits, %" PRIu64 " misses", cache->freehit, cache->freemiss);
        line(state, "history", "grown %" PRIu64 ", reaped %" PRIu64 ", most active %" PRIu64 ", most freeable %" PRIu64,
             cache->grown, cache->reaped, cache->high, cache->max_freeable);
}

static void array_row(const struct state *state, const char *what, uint32_t who, uint32_t ref)
{
        const struct array_cache *array;

        if (ref == 0)
                return;
        array = memory_array(state->mem, ref);
        g_string_append_printf(state->text, "%s %-8u %7u %7u %12u %9u\n", what, who, array->avail, array->limit,
                               array->batchcount, array->touched);
}

static void cache_arrays(const struct state *state, uint32_t id)
{
        g_string_append(state->text, "\n# array        <avail> <limit> <batchcount> <touched>\n");
        for (uint32_t cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                array_row(state, "cpu   ", cpu, state->mem->caches[id].array[cpu]);
        for (uint32_t node = 0; node < state->mem->nodes; node++) {
                array_row(state, "shared", node, memory_lists(state->mem, id, node)->shared);
                for (uint32_t home = 0; state->mem->numa && home < state->mem->nodes; home++)
                        array_row(state, "alien ", home, memory_aliens(state->mem, id, node)->array[home]);
        }
}

static void cache_nodes(const struct state *state, const struct holders *holders, uint32_t id)
{
        g_string_append(state->text, "\n# node <free_objects> <free_limit> <next_colour> <next_reap> <list_lock>\n");
        for (uint32_t node = 0; node < state->mem->nodes; node++) {
                const struct slab_lists *lists = memory_lists(state->mem, id, node);

                if (lists->present)
                        g_string_append_printf(state->text, "%-6u %14" PRIu64 " %12u %13u %11" PRIu64 " %s\n", node,
                                               lists->free_objects, lists->free_limit, lists->colour_next,
                                               lists->next_reap, lists->lock.holder ? "held" : "free");
        }
        g_string_append(state->text, "\n# slab     <node> <list>  <inuse> <num> <held> <colour>\n");
        for (uint32_t node = 0; node < state->mem->nodes; node++)
                for (int kind = SLABS_PARTIAL; kind < SLAB_LIST_KINDS; kind++)
                        for (uint32_t at = memory_lists(state->mem, id, node)->list[kind].head; at != SLAB_NONE;
                             at = state->mem->slabs[at].next) {
                                const struct slab *slab = &state->mem->slabs[at];

                                g_string_append_printf(state->text, "%-10u %6u %-7s %7u %5u %6u %8u\n", slab->pfn, node,
                                                       list_name(slab), slab->inuse, slab->num, holders->slabs[at].objs,
                                                       slab->colouroff);
                        }
}

static char *cache_text(const struct state *state, const char *name)
{
        uint32_t id = memory_cache_find(state->mem, name);
        g_autoptr(holders_auto) holders = NULL;

        if (id == CACHE_ID_NONE)
                return g_strdup_printf("there is no cache \"%s\" at this moment", name);
        holders = holders_new(state->sim);
        cache_geometry(state, id);
        cache_stock(state, id);
        cache_arrays(state, id);
        cache_nodes(state, holders, id);
        return NULL;
}

/* -- objects ------------------------------------------------------------------------------------------------------- */

static void append_holder(const struct state *state, const struct object_holder *holder)
{
        struct sim_object object;

        switch (holder->at) {
        case OBJECT_ON_SLAB:
                g_string_append_printf(state->text, "free on the slab: %u before it in the chain", holder->number);
                break;
        case OBJECT_IN_MAGAZINE:
                g_string_append_printf(state->text, "free in the magazine of CPU %u: %u above it", holder->who,
                                       holder->number);
                break;
        case OBJECT_IN_SHARED:
                g_string_append_printf(state->text, "free in the shared array of node %u: %u above it", holder->who,
                                       holder->number);
                break;
        case OBJECT_IN_ALIEN:
                g_string_append_printf(state->text, "free in an alien array of node %u: %u above it", holder->who,
                                       holder->number);
                break;
        case OBJECT_HELD:
                sim_object_get(state->sim, holder->who, &object);
                append_op(state, object.op);
                break;
        default: g_string_append(state->text, "the allocator's own, or on its way in an op"); break;
        }
}

static void object_row(const struct state *state, uint32_t id, uint32_t index, const struct object_holder *holder,
                       gboolean mark)
{
        uint64_t place = memory_object_place(state->mem, &state->mem->slabs[id], index);

        g_string_append_printf(state->text, "%s%5u %8u:%-6u ", mark ? ">" : " ", index, place_pfn(place),
                               place_offset(place));
        append_holder(state, holder);
        g_string_append_c(state->text, '\n');
}

/* The slab a page is part of; NULL: of none. */
static const struct slab *slab_of_page(const struct state *state, uint32_t pfn, const struct holders *holders,
                                       uint32_t *ret_id)
{
        if (holders->pages[pfn].use != USE_SLAB)
                return NULL;
        *ret_id = holders->pages[pfn].id;
        return &state->mem->slabs[*ret_id];
}

static void slab_head(const struct state *state, const struct slab *slab, const struct slab_holder *held)
{
        const struct kmem_cache *cache = &state->mem->caches[slab->cache];
        struct sim_object oldest;

        line(state, "slab", "%u pages from page %u, cache %s, node %u, %s list", 1u << cache->gfporder, slab->pfn,
             cache->spec.name, slab->node, list_name(slab));
        line(state, "objects", "%u of %u out of it, %u of them held by the workload", slab->inuse, slab->num,
             held->objs);
        line(state, "first object", "%u bytes into the slab", slab->colouroff);
        if (slab->header != PLACE_NONE)
                line(state, "header", "at %u:%u", place_pfn(slab->header), place_offset(slab->header));
        if (sim_object_get(state->sim, held->oldest, &oldest) && held->objs > 0)
                op_line(state, "oldest held", oldest.op);
}

static char *check_pfn(const struct state *state, uint32_t pfn)
{
        return pfn < state->mem->page_count ? NULL
                                            : g_strdup_printf("there is no page %u: the machine has pages 0 to %u", pfn,
                                                              state->mem->page_count - 1);
}

static char *slab_text(const struct state *state, uint32_t pfn)
{
        g_autoptr(holders_auto) holders = NULL;
        g_autofree struct object_holder *objects = NULL;
        const struct slab *slab;
        uint32_t id;

        holders = holders_new(state->sim);
        slab = slab_of_page(state, pfn, holders, &id);
        if (slab == NULL)
                return g_strdup_printf("page %u is part of no slab at this moment (show page %u says of "
                                       "what)", pfn, pfn);
        slab_head(state, slab, &holders->slabs[id]);
        objects = holders_of_slab(state->sim, id);
        g_string_append(state->text, "\n# index     pfn:offset <holder>\n");
        for (uint32_t i = 0; i < slab->num; i++)
                object_row(state, id, i, &objects[i], FALSE);
        return NULL;
}

static void block_lines(const struct state *state, uint32_t handle)
{
        struct sim_object object;

        sim_object_get(state->sim, handle, &object);
        line(state, "block", "2^%u pages from page %u", object.order, place_pfn(object.place));
        op_line(state, "held by", object.op);
}

static char *object_text(const struct state *state, uint32_t pfn, uint32_t offset)
{
        uint64_t place = place_of(pfn, offset), first;
        g_autoptr(holders_auto) holders = NULL;
        g_autofree struct object_holder *objects = NULL;
        const struct kmem_cache *cache;
        const struct slab *slab;
        uint32_t id, index;

        if (offset >= PAGE_BYTES)
                return g_strdup_printf("a page has bytes 0 to 4095, not %u", offset);
        holders = holders_new(state->sim);
        slab = slab_of_page(state, pfn, holders, &id);
        if (slab == NULL && holders->pages[pfn].use == USE_BLOCK) {
                block_lines(state, holders->pages[pfn].id);
                return NULL;
        }
        if (slab == NULL)
                return g_strdup_printf("there is no object in page %u at this moment (show page %u says what it "
                                       "is)", pfn, pfn);
        cache = &state->mem->caches[slab->cache];
        first = place_of(slab->pfn, 0) + slab->colouroff;
        if (place < first || (place - first) / cache->buffer_size >= slab->num)
                return g_strdup_printf("%u:%u lies outside of the objects of its slab: they begin at %u:%u, "
                                       "%u of %u bytes", pfn,
                                       offset, place_pfn(first), place_offset(first), slab->num, cache->buffer_size);
        index = memory_object_index(state->mem, slab, place);
        objects = holders_of_slab(state->sim, id);
        line(state, "object", "%u of %u in its slab, at %u:%u, %u bytes in", index, slab->num,
             place_pfn(memory_object_place(state->mem, slab, index)),
             place_offset(memory_object_place(state->mem, slab, index)),
             (uint32_t)(place - memory_object_place(state->mem, slab, index)));
        g_string_append_printf(state->text, "%-16s", "held by");
        append_holder(state, &objects[index]);
        g_string_append_c(state->text, '\n');
        if (objects[index].at == OBJECT_HELD) {
                struct sim_object object;

                sim_object_get(state->sim, objects[index].who, &object);
                line(state, "size", "%" PRIu64 " bytes asked for, %u taken", object.size_bytes, cache->buffer_size);
        }
        if (state->mem->arch->debug_slab)
                slab_log_object(state->sim, memory_object_place(state->mem, slab, index), state->names->caller,
                                state->names->context, state->text);
        slab_head(state, slab, &holders->slabs[id]);
        g_string_append(state->text, "\n# index     pfn:offset <holder>\n");
        for (uint32_t i = index > NEIGHBOURS ? index - NEIGHBOURS : 0; i < slab->num && i <= index + NEIGHBOURS; i++)
                object_row(state, id, i, &objects[i], i == index);
        return NULL;
}

/* -- page ---------------------------------------------------------------------------------------------------------- */

/* A page of a file or of a process, which reclaim may take back: what is known of it. */
static void reclaimable_line(const struct state *state, uint32_t pfn)
{
        static const struct {
                uint32_t bit;
                const char *name;
        } bits[] = {
#define X(id, bit, name, what) { LRU_##id, name },
                LRU_BITS(X)
#undef X
        };
        g_autoptr(GString) names = g_string_new(NULL);
        struct page_view view;

        if (!sim_page_get(state->sim, pfn, &view))
                return;
        for (size_t i = 0; i < G_N_ELEMENTS(bits); i++)
                if (view.bits & bits[i].bit)
                        g_string_append_printf(names, "%s%s", names->len > 0 ? " " : "", bits[i].name);
        line(state, "reclaimable", "%s; %u references, %u of them pins", names->str, view.count, view.pins);
        if (view.owner != 0)
                line(state, "mapped by", "process %u", view.owner);
}

static void page_use(const struct state *state, const struct holders *holders, uint32_t pfn)
{
        const struct page_holder *page = &holders->pages[pfn];
        const struct slab *slab;
        uint32_t id;

        switch (page->use) {
        case USE_FREE:
                line(state, "state", "free, in the block of 2^%u pages from page %u", page->order, page->id);
                break;
        case USE_LIST:
                line(state, "state", "free, on the %s list of CPU %u", page->id % 2 ? "cold" : "hot", page->id / 2);
                break;
        case USE_SLAB:
                slab = slab_of_page(state, pfn, holders, &id);
                line(state, "state", "in use, page %u of a slab", pfn - slab->pfn);
                slab_head(state, slab, &holders->slabs[id]);
                break;
        case USE_BLOCK:
                line(state, "state", "in use, the workload's");
                block_lines(state, page->id);
                break;
        default:
                line(state, "state", "%s",
                     pfn < state->mem->reserved_pages ? "reserved: never with the allocator"
                                                      : "in use by the allocator itself or by an op under way");
                break;
        }
}

static char *page_text(const struct state *state, uint32_t pfn)
{
        const struct zone *zone = &state->mem->zones[state->mem->zone_of_section[pfn >> SECTION_SHIFT]];
        g_autoptr(holders_auto) holders = holders_new(state->sim);

        line(state, "page", "%u, address 0x%" PRIx64 ", node %u, zone %s", pfn, place_of(pfn, 0), zone->node,
             state->mem->arch->zone_names[zone->type]);
        page_use(state, holders, pfn);
        reclaimable_line(state, pfn);
        g_string_append(state->text, "\n# order    <first> <free> <in use>   of the aligned block around it\n");
        for (uint32_t order = 0; order < MAX_ORDER; order++) {
                uint32_t first = pfn & ~((1u << order) - 1), free = 0;

                if (first < zone->start_pfn || first + (1u << order) > zone->end_pfn)
                        break;
                for (uint32_t i = 0; i < 1u << order; i++)
                        free += holders->pages[first + i].use == USE_FREE;
                g_string_append_printf(state->text, "%-8u %9u %6u %8u\n", order, first, free, (1u << order) - free);
        }
        return NULL;
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

char *state_text(const struct sim *sim, const struct state_target *target, const struct state_names *names,
                 GString *text)
{
        const struct state state = { sim, sim_memory(sim), names, text };
        char *problem = target->kind != STATE_CACHE ? check_pfn(&state, target->pfn) : NULL;

        if (problem != NULL)
                return problem;
        switch (target->kind) {
        case STATE_CACHE: return cache_text(&state, target->name);
        case STATE_PAGE: return page_text(&state, target->pfn);
        case STATE_SLAB: return slab_text(&state, target->pfn);
        default: return object_text(&state, target->pfn, target->offset);
        }
}
