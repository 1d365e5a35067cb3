/*
 * schema.c - see schema.h.
 */
#include "record/schema.h"

#include <stddef.h>
#include <string.h>

#include "engine/sim.h"
#include "observe/latency.h"
#include "record/totals.h"
#include "trace/gfp.h"

#define INT  "INTEGER"
#define TEXT "TEXT"
#define PK   "INTEGER PRIMARY KEY"

/* A column of its own, and one that mirrors a field of `record`. */
#define OWN(name, type, unit, meaning) { name, type, unit, meaning, 0, 0, 0 }
#define MIRROR(record, field, name, type, unit, null, meaning)                                                         \
        { name, type, unit, meaning, offsetof(struct record, field), sizeof(((struct record *)NULL)->field), null }

#define OP(field, name, type, unit, null, meaning)    MIRROR(op_record, field, name, type, unit, null, meaning)
#define EVENT_(field, name, type, unit, null, meaning) MIRROR(event_record, field, name, type, unit, null, meaning)
#define CACHE(field, name, unit, null, meaning)       MIRROR(cache_view, field, name, INT, unit, null, meaning)
#define ZONE(field, name, unit, meaning)              MIRROR(zone_view, field, name, INT, unit, NULL_NEVER, meaning)
#define STOCK(field, name, unit, meaning)             MIRROR(cache_stock, field, name, INT, unit, NULL_NEVER, meaning)

static const struct column run_columns[] = {
        OWN("key", "TEXT PRIMARY KEY", "", "name; all are explained in column_doc as columns of run"),
        OWN("value", "", "", "text or integer"),
};

static const struct column source_columns[] = {
        OWN("name", "TEXT PRIMARY KEY", "", "name of the Lua file as the run saw it"),
        OWN("text", TEXT, "", "its text"),
        OWN("sha256", TEXT, "", "SHA-256 of the text, 64 hex digits"),
};

static const struct column cache_columns[] = {
        OWN("id", PK, "", "number of the cache, in order of creation; never reused"),
        OWN("name", TEXT, "", "as in /proc/slabinfo"),
        CACHE(spec.size_bytes, "size_bytes", "bytes", NULL_NEVER, "object size asked for"),
        CACHE(spec.align_bytes, "align_bytes", "bytes", NULL_NEVER, "alignment asked for"),
        CACHE(spec.flags, "flags", "", NULL_NEVER,
              "asked for: 1 HWCACHE_ALIGN, 2 DMA, 4 MUST_HWCACHE_ALIGN, 8 RECLAIM_ACCOUNT, 16 PANIC, 32 DESTROY_BY_RCU, "
              "64 MEM_SPREAD, 256 DEBUG_INITIAL, 512 RED_ZONE, 1024 POISON, 2048 STORE_USER"),
        CACHE(buffer_size, "buffer_size", "bytes", NULL_NEVER, "what an object takes in a slab"),
        CACHE(num, "num", "objects", NULL_NEVER, "objects per slab"),
        CACHE(gfporder, "gfporder", "", NULL_NEVER, "a slab is 2^gfporder pages"),
        CACHE(colour, "colour", "", NULL_NEVER, "number of colours"),
        CACHE(colour_off, "colour_off", "bytes", NULL_NEVER, "distance of two colours"),
        CACHE(slab_size, "slab_size", "bytes", NULL_NEVER, "slab header with its free chain"),
        CACHE(off_slab, "off_slab", "", NULL_NEVER, "1: the header is an object of another cache"),
        CACHE(limit, "limit_", "objects", NULL_NEVER, "capacity of a magazine"),
        CACHE(batchcount, "batchcount", "objects", NULL_NEVER, "moved by a refill or a flush"),
        CACHE(shared, "shared", "", NULL_NEVER, "the shared array holds shared * batchcount objects"),
        CACHE(boot, "boot", "", NULL_NEVER, "1: made while booting, before time 0"),
        CACHE(live, "live", "", NULL_NEVER, "0: destroyed, or its creation failed"),
        CACHE(created_ns, "created_ns", "ns", NULL_IF_ONES, "when it was made"),
        CACHE(destroyed_ns, "destroyed_ns", "ns", NULL_IF_ONES, "when it was destroyed; NULL: it was not"),
        CACHE(spec.ctor_cycles, "ctor_cycles", "cycles", NULL_NEVER, "what the constructor takes for an object; 0: none"),
        CACHE(spec.dtor_cycles, "dtor_cycles", "cycles", NULL_NEVER, "the same of the destructor"),
        CACHE(obj_size, "obj_size", "bytes", NULL_NEVER, "of buffer_size the user's: the rest is alignment, red zones and caller word"),
        CACHE(obj_offset, "obj_offset", "bytes", NULL_NEVER, "where the user's bytes begin: behind the red zone of a debug_slab machine"),
        CACHE(debug, "debug", "", NULL_NEVER, "debugging in force: bits as in flags"),
};

static const struct column boot_slab_columns[] = {
        OWN("pfn", PK, "", "its first page frame"),
        OWN("cache", INT, "", "cache.id"),
        OWN("inuse", INT, "objects", "objects out of it, in arrays or in use"),
};

static const struct column thread_columns[] = {
        OWN("id", PK, "", "what op.task holds"),
        OWN("kind", TEXT, "", "task or irq (an interrupt handler)"),
        OWN("cpu", INT, "", "where it runs"),
        OWN("name", TEXT, "", "given by the scenario"),
        OWN("make_it_fail", INT, "", "1: the task filters of fault injection find it"),
        OWN("process", INT, "", "process.id it is a task of; NULL: of none"),
};

static const struct column process_columns[] = {
        OWN("id", PK, "", "in order of creation; what events name"),
        OWN("name", TEXT, "", "the first 15 bytes of it"),
        OWN("pid", INT, "", "1: init"),
        OWN("parent", INT, "", "process.id; NULL: none"),
        OWN("shares", INT, "", "process.id whose memory it uses; NULL: it has its own"),
        OWN("flags", INT, "", "1 kernel thread, 2 runs swapoff, 4 uid or euid 0, 8 CAP_SYS_ADMIN, 16 CAP_SYS_RAWIO, 32 exiting"),
        OWN("nice", INT, "", "at time 0, as what follows; op process_set changes it"),
        OWN("oom_adj", INT, "", "-17 (never killed) to 15"),
        OWN("total_vm_pages", INT, "pages", "address space"),
        OWN("cpu_ticks", INT, "", "user and system time used, in ticks of 1/HZ s"),
        OWN("age_s", INT, "s", "how long it has run"),
};

static const struct column mempool_columns[] = {
        OWN("id", PK, "", "what op.result holds of the mempool kinds"),
        OWN("name", TEXT, "", "given by the scenario"),
        OWN("min_nr", INT, "elements", "kept in reserve, as asked for at its creation"),
        OWN("kind", TEXT, "", "where its elements come from: kmalloc, slab or pages"),
        OWN("size_bytes", INT, "bytes", "kmalloc: of an element; NULL: others"),
        OWN("cache", INT, "", "slab: cache.id; NULL: others"),
        OWN("order_", INT, "", "pages: an element is 2^order_ pages; NULL: others"),
        OWN("node_plus_1", INT, "", "1 + memory node of its record and array; 0: that of the CPU"),
};

#define OP_COLUMNS                                                                                                     \
        OP(id, "id", PK, "", NULL_NEVER, "number of the op, from 1 in the order the ops began"),                       \
        OP(t_ns, "t_ns", INT, "ns", NULL_NEVER, "when it began, since the end of boot"),                               \
        OP(dur_ns, "dur_ns", INT, "ns", NULL_NEVER, "how long it took, waiting included"),                             \
        OP(cpu, "cpu", INT, "", NULL_NEVER, "where it began"),                                                         \
        OP(task, "task", INT, "", NULL_NEVER, "thread.id of the task or interrupt handler; 0: the machine itself"),    \
        OP(kind, "kind", INT, "", NULL_NEVER, "what was asked for: op_kind.id"),                                       \
        OP(cache, "cache", INT, "", NULL_IF_ONES, "cache.id of the object's cache; NULL: pages or none"),              \
        OP(size_bytes, "size_bytes", INT, "bytes", NULL_NEVER,                                                         \
           "kmalloc: asked for; alloc: object size asked for at creation; pages: 4096 << order_; tick: ticks; work: ns; "       \
           "mempool: of an element, resize: elements; write: bytes; vm_set: the value"),                                                  \
        OP(gfp, "gfp", INT, "", NULL_NEVER, "gfp mask, bits as in gfp_flag; write: the bytes, the lowest first"),      \
        OP(frees, "frees", INT, "", NULL_IF_ZERO,                                                                      \
           "free, mempool_free: id of the op whose object or pages it gives back, NULL: kfree of an address; "         \
           "write, page_*, put, get: id of the op whose object is meant"),                                                               \
        OP(path, "path", INT, "", NULL_NEVER, "which way it went: op_path.id"),                                        \
        OP(pfn, "pfn", INT, "", NULL_IF_ONES, "page frame of what was returned or freed; NULL: failed or nothing"),    \
        OP(offset, "offset", INT, "bytes", NULL_WITHOUT_PFN, "byte in the page"),                                      \
        OP(order, "order_", INT, "", NULL_NEVER, "pages: 2^order_ pages; write: so many bytes of gfp over and over"),  \
        OP(irq, "irq", INT, "", NULL_NEVER, "number of the interrupt it ran in; 0: a task"),                           \
        OP(first_seq, "first_seq", INT, "", NULL_NEVER, "low 32 bits of the last event.seq before it began"),          \
        OP(result, "result", INT, "", NULL_NEVER,                                                                      \
           "shrink, destroy: 0 or 1; create: 1 = failed; reap: slabs released; mempool_*: mempool.id; "           \
           "page_*, put, get, shrinker: 1 = failed; kswapd, drop_caches, process_exit: pages"),                                       \
        OP(origin, "origin", INT, "", NULL_NEVER, "0: the workload asked; 1: the machine itself (reaper)"),            \
        OP(node_plus_1, "node_plus_1", INT, "", NULL_NEVER, "1 + memory node asked for; 0: that of its CPU"),          \
        OP(target_cpu, "target_cpu", INT, "", NULL_NEVER, "cpu_up, cpu_down: which CPU; kswapd: which node"),          \
        OP(flags, "flags", INT, "", NULL_NEVER,                                                                        \
           "page_new: 1 anonymous, 2 mapped, 4 dirty, 8 no write method, 16 read ahead; shrinker: 1 needs FS, "        \
           "2 reports hundreds, 128 removed; drop_caches: what is written to it"),                                     \
        OP(owner, "owner", INT, "", NULL_NEVER, "page_new, process_exit: the process")

static const struct column op_columns[] = { OP_COLUMNS };

static const struct column op_open_columns[] = {
        OP_COLUMNS,
        OWN("create_name", TEXT, "", "create: the spec asked for, as in cache"),
        OWN("create_size_bytes", INT, "bytes", "the same"),
        OWN("create_align_bytes", INT, "bytes", "the same"),
        OWN("create_flags", INT, "", "the same"),
        OWN("create_ctor_cycles", INT, "cycles", "the same"),
        OWN("create_dtor_cycles", INT, "cycles", "the same"),
};

static const struct column event_columns[] = {
        EVENT_(seq, "seq", PK, "", NULL_NEVER, "number of the event, from 1 in the order things happened"),
        EVENT_(t_ns, "t_ns", INT, "ns", NULL_NEVER, "when, since the end of boot"),
        EVENT_(cpu, "cpu", INT, "", NULL_NEVER, "where"),
        EVENT_(op, "op", INT, "", NULL_NEVER, "op.id it belongs to"),
        EVENT_(kind, "kind", INT, "", NULL_NEVER, "event_kind.id"),
        EVENT_(a, "a", INT, "", NULL_NEVER, "first argument, named by event_kind.a"),
        EVENT_(b, "b", INT, "", NULL_NEVER, "second argument, named by event_kind.b"),
        EVENT_(c, "c", INT, "", NULL_NEVER, "third argument, named by event_kind.c"),
};

static const struct column op_check_columns[] = {
        OWN("first_id", INT, "", "the sums are over the rows of op with id first_id .. first_id + 1023"),
        OWN("column_", TEXT, "", "and this column of theirs"),
        OWN("rows", INT, "", "number of rows"),
        OWN("sum_", INT, "", "sum of the values modulo 2^64; NULL counts as all ones in the bits of the field"),
        OWN("weighted_sum", INT, "", "the same with each value times id - first_id + 1"),
};

static const struct column zone_columns[] = {
        OWN("id", PK, "", "zone number in events: node * 3 + type"),
        OWN("name", TEXT, "", "DMA, DMA32, Normal or HighMem"),
        ZONE(node, "node", "", "its node"),
        ZONE(type, "type", "", "0, 1, 2 from low to high addresses"),
        ZONE(start_pfn, "start_pfn", "", "first page frame"),
        ZONE(spanned_pages, "spanned_pages", "pages", "to the last page frame, holes included"),
        ZONE(present_pages, "present_pages", "pages", "spanned less holes and page descriptors"),
        ZONE(pages_min, "pages_min", "pages", "watermark"),
        ZONE(pages_low, "pages_low", "pages", "watermark"),
        ZONE(pages_high, "pages_high", "pages", "watermark"),
        ZONE(lowmem_reserve[0], "lowmem_reserve_0", "pages", "kept back from requests that could use zone type 0"),
        ZONE(lowmem_reserve[1], "lowmem_reserve_1", "pages", "the same for type 1"),
        ZONE(lowmem_reserve[2], "lowmem_reserve_2", "pages", "the same for type 2"),
};

static const struct column zone_sample_columns[] = {
        OWN("t_ns", INT, "ns", "moment: after all that happened up to and including it"),
        OWN("node", INT, "", "node of the zone"),
        OWN("zone", TEXT, "", "name of the zone"),
        OWN("order_", INT, "", "order of the blocks"),
        OWN("free_blocks", INT, "blocks", "free blocks of 2^order_ pages"),
        OWN("free_pages", INT, "pages", "pages in the free blocks of all orders of this zone"),
        OWN("all_blocks", INT, "blocks", "free blocks of all orders of this zone"),
        OWN("suitable_pages", INT, "pages", "pages in free blocks of this order and larger"),
        OWN("pcp_pages", INT, "pages", "on the page lists of all CPUs, not part of free_pages"),
};

static const struct column cache_sample_columns[] = {
        OWN("t_ns", INT, "ns", "moment: after all that happened up to and including it"),
        OWN("cache", INT, "", "cache.id"),
        STOCK(active_objs, "active_objs", "objects",
              "out of the slabs, as slabinfo counts: live, in magazines or shared arrays"),
        STOCK(num_objs, "num_objs", "objects", "room in all slabs"),
        STOCK(slabs_partial, "slabs_partial", "slabs",
              "on the list of slabs with some objects out; one that is just being moved is on no list"),
        STOCK(slabs_full, "slabs_full", "slabs", "on the list of slabs with all objects out"),
        STOCK(slabs_free, "slabs_free", "slabs", "on the list of slabs with no object out"),
        STOCK(shared_objs, "shared_objs", "objects", "in shared and alien arrays"),
        STOCK(magazine_objs, "magazine_objs", "objects", "in magazines, or in an op on its way"),
        STOCK(live_objs, "live_objs", "objects", "with the workload or the allocator itself"),
        STOCK(requested_bytes, "requested_bytes", "bytes", "asked for, of live objects"),
        STOCK(allocated_bytes, "allocated_bytes", "bytes", "live_objs * buffer_size"),
        STOCK(slab_bytes, "slab_bytes", "bytes", "pages of all slabs"),
};

static const struct column failure_columns[] = {
        OWN("id", PK, "", "from 1"),
        OWN("t_ns", INT, "ns", "when"),
        OWN("op", INT, "", "op.id of the op that failed; NULL: none"),
        OWN("task", INT, "", "thread.id of the task or interrupt handler; NULL: none"),
        OWN("cpu", INT, "", "where; NULL: nowhere"),
        OWN("kind", TEXT, "", "what sort of failure"),
        OWN("message", TEXT, "", "one line"),
        OWN("report", TEXT, "", "the text the kernel would print"),
        OWN("request_kind", INT, "", "a request that was impossible: op_kind.id; NULL: the failure is that of op"),
        OWN("request_frees", INT, "", "its op to free; NULL: none"),
        OWN("request_cache", INT, "", "its cache; NULL: none"),
        OWN("request_size_bytes", INT, "bytes", "its size"),
        OWN("request_gfp", INT, "", "its gfp mask"),
        OWN("request_order", INT, "", "its order"),
};

static const struct column site_columns[] = {
        OWN("id", PK, "", "what op_site.site holds, from 1"),
        OWN("name", TEXT, "", "where in the program the request came from, as the trace says; NULL: not known"),
        OWN("task", TEXT, "", "the task that asked, as the trace says; NULL: not known"),
};

static const struct column op_site_columns[] = {
        OWN("op", PK, "", "op.id; ops whose origin is not known have no row"),
        OWN("site", INT, "", "site.id"),
};

static const struct column op_failed_columns[] = {
        OWN("op", PK, "", "op.id of a request that got no memory, or of a create or destroy that failed"),
};

#define SLAB_(field, name, type, unit, null, meaning) MIRROR(slab_row, field, name, type, unit, null, meaning)

static const struct column slab_columns[] = {
        SLAB_(pfn, "pfn", PK, "", NULL_NEVER, "its first page frame"),
        SLAB_(cache, "cache", INT, "", NULL_NEVER, "cache.id"),
        SLAB_(inuse, "inuse", INT, "objects", NULL_NEVER, "objects out of it, in arrays or in use"),
        SLAB_(held, "held", INT, "objects", NULL_NEVER, "of them, with the workload"),
        SLAB_(oldest_op, "oldest_op", INT, "", NULL_IF_ZERO, "op.id that asked for the oldest object held; NULL: none is"),
        SLAB_(grown_ns, "grown_ns", INT, "ns", NULL_IF_ONES, "when the cache grew by it; NULL: while booting"),
        SLAB_(grown_op, "grown_op", INT, "", NULL_IF_ZERO, "op.id that made it grow; NULL: while booting"),
};

static const struct column live_object_columns[] = {
        OWN("pfn", INT, "", "page frame it begins in"),
        OWN("offset", INT, "bytes", "byte in the page"),
        OWN("op", INT, "", "op.id that asked for it"),
};

#define TOTAL(field, name, type, unit, null, meaning) MIRROR(op_total, field, name, type, unit, null, meaning)

static const struct column op_total_columns[] = {
        TOTAL(head.id, "id", PK, "", NULL_NEVER, "in the order in which they first occurred"),
        TOTAL(kind, "kind", INT, "", NULL_NEVER, "op_kind.id"),
        TOTAL(path, "path", INT, "", NULL_NEVER, "op_path.id"),
        TOTAL(cache, "cache", INT, "", NULL_IF_ONES, "cache.id; NULL: pages or none"),
        TOTAL(origin, "origin", INT, "", NULL_NEVER, "0: the workload asked; 1: the machine itself"),
        TOTAL(ops, "ops", INT, "ops", NULL_NEVER, "ops done"),
        TOTAL(failed, "failed", INT, "ops", NULL_NEVER, "of them, with a row in op_failed"),
        TOTAL(dur_ns, "dur_ns", INT, "ns", NULL_NEVER, "time they took, waiting included"),
        TOTAL(max_ns, "max_ns", INT, "ns", NULL_NEVER, "the longest"),
        TOTAL(size_bytes, "size_bytes", INT, "bytes", NULL_NEVER, "sum of op.size_bytes"),
};

static const struct column op_duration_columns[] = {
        MIRROR(op_duration, head.id, "id", PK, "", NULL_NEVER, "in the order in which they first occurred"),
        MIRROR(op_duration, total, "total", INT, "", NULL_NEVER, "op_total.id"),
        MIRROR(op_duration, dur_ns, "dur_ns", INT, "ns", NULL_NEVER,
               "how long they took; above 4096 ns the middle of a bucket, within 0.4 %"),
        MIRROR(op_duration, ops, "ops", INT, "ops", NULL_NEVER, "ops that took so long"),
};

#define LOCK(field, name, type, unit, meaning) MIRROR(lock_total, field, name, type, unit, NULL_NEVER, meaning)

static const struct column lock_total_columns[] = {
        LOCK(head.id, "id", PK, "", "in the order in which they were first waited for"),
        LOCK(lock, "lock", INT, "", "0: list_lock of cache subject, 1: lock of zone subject, 2: cache_chain_mutex, 3: alien array of cache subject, 4: mempool subject, 5: lru_lock of zone subject"),
        LOCK(subject, "subject", INT, "", "cache.id, zone.id, mempool.id or nothing"),
        LOCK(waits, "waits", INT, "waits", "how often it was waited for"),
        LOCK(ops, "ops", INT, "ops", "ops that had to wait for it"),
        LOCK(wait_ns, "wait_ns", INT, "ns", "waiting time in all"),
        LOCK(max_ns, "max_ns", INT, "ns", "the longest wait"),
};

#define GROWTH(field, name, type, unit, null, meaning) MIRROR(slab_total, field, name, type, unit, null, meaning)

static const struct column slab_total_columns[] = {
        GROWTH(head.id, "id", PK, "", NULL_NEVER, "in the order in which they first had slabs"),
        GROWTH(cache, "cache", INT, "", NULL_NEVER, "cache.id"),
        GROWTH(slabs_start, "slabs_start", INT, "slabs", NULL_NEVER, "at time 0"),
        GROWTH(grown, "grown", INT, "slabs", NULL_NEVER, "added"),
        GROWTH(released, "released", INT, "slabs", NULL_NEVER, "given back empty"),
        GROWTH(slabs, "slabs", INT, "slabs", NULL_NEVER, "now: slabs_start + grown - released"),
        GROWTH(peak, "peak", INT, "slabs", NULL_NEVER, "most at once"),
        GROWTH(grow_failed, "grow_failed", INT, "", NULL_NEVER, "times it could not grow"),
        GROWTH(first_ns, "first_ns", INT, "ns", NULL_IF_ONES, "when it first grew; NULL: never"),
        GROWTH(last_ns, "last_ns", INT, "ns", NULL_IF_ONES, "when it last grew; NULL: never"),
};

#define FREES(field, name, type, unit, null, meaning) MIRROR(free_total, field, name, type, unit, null, meaning)

static const struct column free_total_columns[] = {
        FREES(head.id, "id", PK, "", NULL_NEVER, "in the order in which they first occurred"),
        FREES(cache, "cache", INT, "", NULL_IF_ONES, "cache.id; NULL: pages"),
        FREES(alloc_cpu, "alloc_cpu", INT, "", NULL_NEVER, "CPU that asked for the objects"),
        FREES(free_cpu, "free_cpu", INT, "", NULL_NEVER, "CPU that gave them back"),
        FREES(frees, "frees", INT, "ops", NULL_NEVER, "objects, or blocks of pages, given back"),
        FREES(size_bytes, "size_bytes", INT, "bytes", NULL_NEVER, "bytes asked for, of them"),
};

#define LIFE(field, name, type, unit, null, meaning) MIRROR(lifetime_total, field, name, type, unit, null, meaning)

static const struct column lifetime_total_columns[] = {
        LIFE(head.id, "id", PK, "", NULL_NEVER, "in the order in which they first occurred"),
        LIFE(cache, "cache", INT, "", NULL_IF_ONES, "cache.id; NULL: pages"),
        LIFE(from_ns, "from_ns", INT, "ns", NULL_NEVER, "lived at least so long, from the end of the request to the free"),
        LIFE(to_ns, "to_ns", INT, "ns", NULL_NEVER, "and less than this"),
        LIFE(frees, "frees", INT, "ops", NULL_NEVER, "objects, or blocks of pages, given back at that age"),
        LIFE(size_bytes, "size_bytes", INT, "bytes", NULL_NEVER, "bytes asked for, of them"),
        LIFE(life_ns, "life_ns", INT, "ns", NULL_NEVER, "sum of their ages"),
};

#define SITE(field, name, type, unit, null, meaning) MIRROR(site_total, field, name, type, unit, null, meaning)

static const struct column site_total_columns[] = {
        SITE(head.id, "id", PK, "", NULL_NEVER, "in the order in which they first occurred"),
        SITE(task, "task", INT, "", NULL_NEVER, "thread.id of the task or interrupt handler that asked"),
        SITE(site, "site", INT, "", NULL_IF_ZERO, "site.id the requests came from; NULL: not known"),
        SITE(cache, "cache", INT, "", NULL_IF_ONES, "cache.id; NULL: pages"),
        SITE(allocs, "allocs", INT, "ops", NULL_NEVER, "requests for objects or pages"),
        SITE(failed, "failed", INT, "ops", NULL_NEVER, "of them, that got nothing"),
        SITE(size_bytes, "size_bytes", INT, "bytes", NULL_NEVER, "bytes asked for"),
        SITE(dur_ns, "dur_ns", INT, "ns", NULL_NEVER, "time the requests took"),
        SITE(frees, "frees", INT, "ops", NULL_NEVER, "of the objects, given back by whoever"),
        SITE(life_ns, "life_ns", INT, "ns", NULL_NEVER, "sum of the ages at which they were given back"),
        SITE(live_objs, "live_objs", INT, "objects", NULL_NEVER, "not given back"),
        SITE(live_bytes, "live_bytes", INT, "bytes", NULL_NEVER, "bytes asked for, of those"),
};

static const struct column op_kind_columns[] = {
        OWN("id", PK, "", "op.kind"),
        OWN("name", TEXT, "", "as in op_named"),
        OWN("meaning", TEXT, "", "what is asked for"),
};

static const struct column op_path_columns[] = {
        OWN("id", PK, "", "op.path"),
        OWN("name", TEXT, "", "as in op_named"),
        OWN("meaning", TEXT, "", "the deepest stage the op needed"),
};

static const struct column event_kind_columns[] = {
        OWN("id", PK, "", "event.kind"),
        OWN("name", TEXT, "", "as in event_named"),
        OWN("a", TEXT, "", "name of argument a; NULL: unused"),
        OWN("b", TEXT, "", "name of argument b; NULL: unused"),
        OWN("c", TEXT, "", "name of argument c; NULL: unused"),
};

static const struct column gfp_flag_columns[] = {
        OWN("bit", PK, "", "value of the bit"),
        OWN("name", TEXT, "", "its name"),
};

static const struct column gfp_mask_columns[] = {
        OWN("value", PK, "", "value of a whole mask"),
        OWN("name", TEXT, "", "its name"),
};

static const struct column column_doc_columns[] = {
        OWN("table_", TEXT, "", "table, or run for a key of run"),
        OWN("column_", TEXT, "", "column, or key of run; NULL: the table itself"),
        OWN("unit", TEXT, "", "ns, bytes, pages, ...; empty for ids and plain numbers"),
        OWN("meaning", TEXT, "", "what it is"),
};

#define TABLE(name, columns, constraint, options, meaning)                                                             \
        { name, meaning, columns, G_N_ELEMENTS(columns), constraint, options, NULL, 0 }

/* The one index: what happened below an op. One on op (frees) would cost a sixth of the time of recording; who wants it
 * can make it in a copy. */
#define EVENT_BY_OP "event_by_op", 3

const struct table schema_tables[TABLE_COUNT] = {
        [TABLE_RUN] = TABLE("run", run_columns, NULL, "WITHOUT ROWID", "one fact about the run"),
        [TABLE_SOURCE] = TABLE("source", source_columns, NULL, NULL, "one Lua file that took part"),
        [TABLE_CACHE] = TABLE("cache", cache_columns, NULL, NULL, "one kmem_cache: what was asked, geometry, tunables"),
        [TABLE_BOOT_SLAB] = TABLE("boot_slab", boot_slab_columns, NULL, NULL,
                                  "one slab at time 0; events slab_grown and slab_released tell what came and went"),
        [TABLE_THREAD] = TABLE("thread", thread_columns, NULL, NULL, "one task or interrupt handler of the workload"),
        [TABLE_PROCESS] = TABLE("process", process_columns, NULL, NULL, "one process that the OOM killer may judge"),
        [TABLE_MEMPOOL] = TABLE("mempool", mempool_columns, NULL, NULL, "one memory pool, whether it was created or not"),
        [TABLE_OP] = TABLE("op", op_columns, NULL, NULL,
                           "one request that was done: what was asked, when, what was returned, and by which path"),
        [TABLE_EVENT] = { "event", "one step that changed the allocator below the op", event_columns,
                          G_N_ELEMENTS(event_columns), NULL, NULL, EVENT_BY_OP },
        [TABLE_OP_OPEN] = TABLE("op_open", op_open_columns, NULL, NULL,
                                "one request begun and not done where the recording ends; results are not known yet"),
        [TABLE_OP_CHECK] = TABLE("op_check", op_check_columns, "PRIMARY KEY (first_id, column_)", "WITHOUT ROWID",
                                 "two sums over a column of 1024 ops, by which replay finds a changed request"),
        [TABLE_ZONE] = TABLE("zone", zone_columns, NULL, NULL, "one populated zone: what does not change"),
        [TABLE_ZONE_SAMPLE] = TABLE("zone_sample", zone_sample_columns, NULL, NULL,
                                    "free blocks of one order in one zone at one moment"),
        [TABLE_CACHE_SAMPLE] = TABLE("cache_sample", cache_sample_columns, NULL, NULL,
                                     "the stock of one live cache at one moment"),
        [TABLE_FAILURE] = TABLE("failure", failure_columns, NULL, NULL, "one failure that ended the run or was noted"),
        [TABLE_SITE] = TABLE("site", site_columns, NULL, NULL, "one origin of requests of a trace"),
        [TABLE_OP_SITE] = TABLE("op_site", op_site_columns, NULL, NULL, "where one op came from, when a trace tells"),
        [TABLE_OP_FAILED] = TABLE("op_failed", op_failed_columns, NULL, NULL, "one op that failed"),
        [TABLE_SLAB] = TABLE("slab", slab_columns, NULL, NULL, "one slab there is where the recording ends"),
        [TABLE_LIVE_OBJECT] = TABLE("live_object", live_object_columns, NULL, NULL,
                                    "one object or block of pages the workload holds at the end, by place; none if the "
                                    "recording was cut short"),
        [TABLE_OP_TOTAL] = TABLE("op_total", op_total_columns, NULL, NULL,
                                 "all ops of one kind, path, cache and origin added up"),
        [TABLE_OP_DURATION] = TABLE("op_duration", op_duration_columns, NULL, NULL,
                                    "how many of the ops of an op_total took one duration"),
        [TABLE_LOCK_TOTAL] = TABLE("lock_total", lock_total_columns, NULL, NULL, "all waits for one lock added up"),
        [TABLE_SLAB_TOTAL] = TABLE("slab_total", slab_total_columns, NULL, NULL,
                                   "how many slabs one cache got and gave back"),
        [TABLE_FREE_TOTAL] = TABLE("free_total", free_total_columns, NULL, NULL,
                                   "all objects of one cache that one CPU asked for and one gave back"),
        [TABLE_LIFETIME_TOTAL] = TABLE("lifetime_total", lifetime_total_columns, NULL, NULL,
                                       "all objects of one cache that were given back at about one age"),
        [TABLE_SITE_TOTAL] = TABLE("site_total", site_total_columns, NULL, NULL,
                                   "all requests of one task and origin for one cache added up"),
        [TABLE_OP_KIND] = TABLE("op_kind", op_kind_columns, NULL, NULL, "one value of op.kind"),
        [TABLE_OP_PATH] = TABLE("op_path", op_path_columns, NULL, NULL, "one value of op.path"),
        [TABLE_EVENT_KIND] = TABLE("event_kind", event_kind_columns, NULL, NULL, "one value of event.kind"),
        [TABLE_GFP_FLAG] = TABLE("gfp_flag", gfp_flag_columns, NULL, NULL, "one bit of op.gfp"),
        [TABLE_GFP_MASK] = TABLE("gfp_mask", gfp_mask_columns, NULL, NULL, "one gfp mask that has a name"),
        [TABLE_COLUMN_DOC] = TABLE("column_doc", column_doc_columns, NULL, NULL, "what a column, table or key means"),
};

/* -- views ---------------------------------------------------------------------------------------------------------- */

static const char views_sql[] =
        "CREATE VIEW op_named AS -- op with names in place of numbers\n"
        "SELECT o.id, o.t_ns, o.dur_ns, o.cpu,\n"
        "       CASE o.origin WHEN 0 THEN coalesce(t.name, 'task ' || o.task) ELSE 'machine' END AS task,\n"
        "       k.name AS kind, c.name AS cache, o.size_bytes,\n"
        "       CASE WHEN k.name IN ('kmalloc', 'alloc', 'pages', 'mempool_alloc', 'mempool_resize') THEN\n"
        "            coalesce((SELECT name FROM gfp_mask WHERE value = o.gfp),\n"
        "                     (SELECT group_concat(name, '|') FROM gfp_flag WHERE o.gfp & bit)) END AS gfp,\n"
        "       o.frees, p.name AS path, o.pfn, o.offset, o.order_, o.irq, o.first_seq, o.result, o.origin,\n"
        "       o.node_plus_1, o.target_cpu, o.flags, o.owner, s.name AS site, s.task AS site_task\n"
        "FROM op o LEFT JOIN op_kind k ON k.id = o.kind LEFT JOIN op_path p ON p.id = o.path\n"
        "     LEFT JOIN thread t ON t.id = o.task LEFT JOIN cache c ON c.id = o.cache\n"
        "     LEFT JOIN op_site os ON os.op = o.id LEFT JOIN site s ON s.id = os.site;\n"

        "CREATE VIEW event_named AS -- event with names in place of numbers; args spells all arguments that are used\n"
        "SELECT e.seq, e.t_ns, e.cpu, e.op, k.name AS kind,\n"
        "       coalesce(k.a || '=' || e.a, '') || coalesce(' ' || k.b || '=' || e.b, '')\n"
        "               || coalesce(' ' || k.c || '=' || e.c, '') AS args,\n"
        "       (SELECT name FROM cache WHERE id = CASE 'cache' WHEN k.a THEN e.a WHEN k.b THEN e.b WHEN k.c THEN e.c\n"
        "               ELSE CASE WHEN k.name = 'lock_waited' AND e.a IN (0, 3) THEN e.b END END) AS cache,\n"
        "       z.node AS node, z.name AS zone, k.a AS a_name, e.a, k.b AS b_name, e.b, k.c AS c_name, e.c\n"
        "FROM event e LEFT JOIN event_kind k ON k.id = e.kind\n"
        "     LEFT JOIN zone z ON z.id = CASE WHEN k.a = 'zone' THEN e.a\n"
        "                                     WHEN k.name = 'lock_waited' AND e.a IN (1, 5) THEN e.b END;\n"

        "CREATE VIEW fragmentation_history AS -- indices of later kernels in thousandths, for a request of order_\n"
        "SELECT t_ns, node, zone, order_, free_pages, free_blocks,\n"
        "       CASE free_pages WHEN 0 THEN 1000\n"
        "            ELSE (free_pages - suitable_pages) * 1000 / free_pages END AS unusable_index,\n"
        "       CASE WHEN all_blocks = 0 THEN 0 WHEN suitable_pages > 0 THEN -1000\n"
        "            ELSE 1000 - (1000 + free_pages * 1000 / (1 << order_)) / all_blocks END AS fragmentation_index,\n"
        "       pcp_pages\n"
        "FROM zone_sample;\n"

        "CREATE VIEW cache_history AS -- the stock of every cache by name; slabs, and their use in thousandths\n"
        "SELECT s.t_ns, c.name AS cache, s.active_objs, s.num_objs,\n"
        "       coalesce(s.num_objs / c.num, 0) AS slabs, s.requested_bytes, s.allocated_bytes,\n"
        "       s.slab_bytes, CASE s.slab_bytes WHEN 0 THEN NULL\n"
        "                          ELSE s.requested_bytes * 1000 / s.slab_bytes END AS utilisation_permille,\n"
        "       s.live_objs, s.magazine_objs, s.shared_objs, s.slabs_partial, s.slabs_full, s.slabs_free,\n"
        "       s.cache AS cache_id\n"
        "FROM cache_sample s JOIN cache c ON c.id = s.cache;\n";

/* -- keys of run ---------------------------------------------------------------------------------------------------- */

#define MACHINE(field, name, unit, meaning) { name, unit, meaning, offsetof(struct sim_config, field), FALSE }
#define SIGNED(field, name, unit, meaning)  { name, unit, meaning, offsetof(struct sim_config, field), TRUE }
#define FAULT_ATTRS(i, name, unit)                                                                                     \
        MACHINE(fault.attr[i].built_in, name "_built_in", "", "1: the kernel has this kind of fault injection"),       \
        MACHINE(fault.attr[i].probability, name "_probability", "%", "chance of a failure"),                           \
        MACHINE(fault.attr[i].interval, name "_interval", "", "only every so many-th request is considered"),          \
        SIGNED(fault.attr[i].times, name "_times", "", "failures at most; -1: no limit"),                              \
        SIGNED(fault.attr[i].space, name "_space", unit, "let through first"),                                         \
        MACHINE(fault.attr[i].verbose, name "_verbose", "", "0: silent, 1: a message, 2: with a stack trace"),         \
        MACHINE(fault.attr[i].task_filter, name "_task_filter", "", "1: only tasks with make_it_fail"),                \
        MACHINE(fault.attr[i].stacktrace_depth, name "_stacktrace_depth", "", "callers the filters look at"),          \
        MACHINE(fault.attr[i].require, name "_require", "", "only inside of this function; 0: anywhere"),              \
        MACHINE(fault.attr[i].reject, name "_reject", "", "never inside of this function; 0: none"),                   \
        MACHINE(fault.attr[i].ignore_gfp_wait, name "_ignore_gfp_wait", "", "1: spares requests with __GFP_WAIT"),     \
        MACHINE(fault.attr[i].ignore_gfp_highmem, name "_ignore_gfp_highmem", "", "1: spares __GFP_HIGHMEM")
#define FAULT_SEED(i) MACHINE(fault.seed[i], "fault_seed_cpu_" #i, "", "of the random numbers of fault injection there")

const struct machine_key machine_keys[] = {
        MACHINE(arch, "machine_arch", "", "0: x86_64, 1: i386"),
        MACHINE(numa, "machine_numa", "", "1: a NUMA kernel"),
        MACHINE(cpus, "machine_cpus", "", "CPUs brought up at boot"),
        MACHINE(nodes, "machine_nodes", "", "memory nodes"),
        MACHINE(node_mib[0], "machine_node_0_mib", "MiB", "memory of node 0"),
        MACHINE(node_mib[1], "machine_node_1_mib", "MiB", "memory of node 1"),
        MACHINE(node_mib[2], "machine_node_2_mib", "MiB", "memory of node 2"),
        MACHINE(node_mib[3], "machine_node_3_mib", "MiB", "memory of node 3"),
        MACHINE(cpu_node_plus_1[0], "machine_cpu_0_node_plus_1", "", "1 + node of CPU 0; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[1], "machine_cpu_1_node_plus_1", "", "1 + node of CPU 1; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[2], "machine_cpu_2_node_plus_1", "", "1 + node of CPU 2; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[3], "machine_cpu_3_node_plus_1", "", "1 + node of CPU 3; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[4], "machine_cpu_4_node_plus_1", "", "1 + node of CPU 4; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[5], "machine_cpu_5_node_plus_1", "", "1 + node of CPU 5; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[6], "machine_cpu_6_node_plus_1", "", "1 + node of CPU 6; 0: its number mod nodes"),
        MACHINE(cpu_node_plus_1[7], "machine_cpu_7_node_plus_1", "", "1 + node of CPU 7; 0: its number mod nodes"),
        MACHINE(reserved_pages, "machine_reserved_pages", "pages", "first pages, never with the allocator"),
        MACHINE(line_bytes, "machine_line_bytes", "bytes", "L1 cache line"),
        MACHINE(hz, "machine_hz", "", "ticks per second"),
        MACHINE(cpu_mhz, "machine_cpu_mhz", "MHz", "cycles of the costs per microsecond"),
        MACHINE(manual_clock, "machine_manual_clock", "", "1: ticks come from requests only, no timers"),
        MACHINE(audit, "machine_audit", "", "1: structures recounted after every op; 2: after every step"),
        MACHINE(rcu_grace_ns, "machine_rcu_grace_ns", "ns",
                "RCU grace period; 0: slabs of RCU caches go at the end of the op that emptied them"),
        MACHINE(threads_max, "machine_threads_max", "", "room for tasks and interrupt handlers"),
        MACHINE(debug_slab, "machine_debug_slab", "", "1: a kernel with CONFIG_DEBUG_SLAB"),
        FAULT_ATTRS(FAULT_SLAB, "failslab", "bytes"),
        FAULT_ATTRS(FAULT_PAGE, "fail_page_alloc", "pages"),
        MACHINE(fault.at[FAULT_SLAB], "fault_at_slab", "", "the request for an object that failed by its number; 0: none"),
        MACHINE(fault.at[FAULT_PAGE], "fault_at_page", "", "the request for pages that failed by its number; 0: none"),
        FAULT_SEED(0),
        FAULT_SEED(1),
        FAULT_SEED(2),
        FAULT_SEED(3),
        FAULT_SEED(4),
        FAULT_SEED(5),
        FAULT_SEED(6),
        FAULT_SEED(7),
};

const uint32_t machine_key_count = G_N_ELEMENTS(machine_keys);

/* a field added to the machine is a key added here, or replay would not know it */
_Static_assert(sizeof(struct sim_config) == (G_N_ELEMENTS(machine_keys) + COST_KIND_COUNT) * sizeof(uint32_t),
               "every field of struct sim_config is a key of run");

static const struct {
        const char *key, *unit, *meaning;
} run_keys[] = {
        { "program_version", "", "the kmemsim that wrote the recording" },
        { "format_version", "", "of tables and columns; also PRAGMA user_version" },
        { "model_version", "", "of the simulated kernel; replay needs the same" },
        { "status", "", "running (also: was killed), done, failed or interrupted" },
        { "failure_reason", "", "why the recording itself could not go on" },
        { "seed", "", "of all random numbers of the scenario" },
        { "digest", "", "XXH3-128 over all op and event records: equal runs, equal digests" },
        { "end_ns", "ns", "simulated time up to which the recording is complete" },
        { "op_total", "ops", "begun: rows of op and op_open; the last id" },
        { "op_count", "ops", "done: rows of op" },
        { "event_count", "events", "rows of event; the last seq" },
        { "live_object_count", "objects", "rows of live_object; only of a run that came to its end" },
        { "sample_interval_ns", "ns", "distance of two samples; the first is at 0, the last at the end" },
        { "wall_started", "", "when the run began, in wall time (UTC)" },
        { "wall_seconds", "s", "how long it took, in wall time" },
        { "wall_op_rows_per_s", "rows/s", "ops recorded per second of wall time" },
};

char *schema_cost_key(enum cost_kind cost)
{
        return g_strdup_printf("cost_%s_cycles", cost_infos[cost].name);
}

/* -- SQL ------------------------------------------------------------------------------------------------------------ */

char *schema_table_sql(enum table_id id)
{
        const struct table *table = &schema_tables[id];
        GString *sql = g_string_new(NULL);

        g_string_append_printf(sql, "CREATE TABLE %s ( -- one row is %s\n", table->name, table->meaning);
        for (uint32_t i = 0; i < table->column_count; i++) {
                const struct column *column = &table->columns[i];
                gboolean last = i + 1 == table->column_count && table->constraint == NULL;

                g_string_append_printf(sql, "  %s%s%s%s -- %s%s%s\n", column->name, *column->declaration ? " " : "",
                                       column->declaration, last ? "" : ",", column->unit, *column->unit ? ": " : "",
                                       column->meaning);
        }
        if (table->constraint != NULL)
                g_string_append_printf(sql, "  %s\n", table->constraint);
        g_string_append_printf(sql, ")%s%s;\n", table->options != NULL ? " " : "",
                               table->options != NULL ? table->options : "");
        return g_string_free(sql, FALSE);
}

char *schema_index_sql(enum table_id id)
{
        const struct table *table = &schema_tables[id];

        if (table->index_name == NULL)
                return g_strdup("");
        return g_strdup_printf("CREATE INDEX %s ON %s (%s);\n", table->index_name, table->name,
                               table->columns[table->index_column].name);
}

/* Puts in rows of lookup data; the statement of one table stays until rows of another come. */
struct inserter {
        sqlite3 *db;
        const char *sql;
        sqlite3_stmt *insert;
};

/* Integers first, then texts; NULL texts are NULL. sql: the same pointer for the same table. */
static int insert_row(struct inserter *inserter, const char *sql, const int64_t *number, const char *const *texts,
                      int text_count)
{
        int code = SQLITE_OK, at = 1;

        if (inserter->sql != sql) {
                sqlite3_finalize(inserter->insert);
                inserter->insert = NULL;
                code = sqlite3_prepare_v2(inserter->db, sql, -1, &inserter->insert, NULL);
                inserter->sql = code == SQLITE_OK ? sql : NULL;
        }
        if (code != SQLITE_OK)
                return code;
        if (number != NULL)
                sqlite3_bind_int64(inserter->insert, at++, *number);
        for (int i = 0; i < text_count; i++)
                sqlite3_bind_text(inserter->insert, at++, texts[i], -1, SQLITE_STATIC);
        sqlite3_step(inserter->insert);
        return sqlite3_reset(inserter->insert);
}

static int insert_names(struct inserter *inserter)
{
        static const char *const op_kind_meanings[] = {
#define X(id, name, what) what,
                OP_KINDS(X)
#undef X
        };
        static const char *const op_path_meanings[] = {
#define X(id, name, what) what,
                OP_PATHS(X)
#undef X
        };
        int code = SQLITE_OK;

        for (int64_t i = 0; i < OP_KIND_COUNT && code == SQLITE_OK; i++) {
                const char *texts[] = { op_kind_names[i], op_kind_meanings[i] };

                code = insert_row(inserter, "INSERT INTO op_kind VALUES (?, ?, ?)", &i, texts, 2);
        }
        for (int64_t i = 0; i < OP_PATH_COUNT && code == SQLITE_OK; i++) {
                const char *texts[] = { op_path_names[i], op_path_meanings[i] };

                code = insert_row(inserter, "INSERT INTO op_path VALUES (?, ?, ?)", &i, texts, 2);
        }
        for (int64_t i = 0; i < EVENT_KIND_COUNT && code == SQLITE_OK; i++) {
                const struct event_kind_names *names = &event_kind_names[i];
                const char *texts[4] = { names->name };

                for (int arg = 0; arg < 3; arg++) /* "none", "none1" and "-" are unused */
                        if (!g_str_has_prefix(names->args[arg], "none") && strcmp(names->args[arg], "-") != 0)
                                texts[1 + arg] = names->args[arg];
                code = insert_row(inserter, "INSERT INTO event_kind VALUES (?, ?, ?, ?, ?)", &i, texts, 4);
        }
        return code;
}

static int insert_gfp(struct inserter *inserter)
{
        static const struct {
                int64_t value;
                const char *name;
        } flags[] = {
#define FLAG(name) { name, #name }
                FLAG(__GFP_DMA),     FLAG(__GFP_HIGHMEM), FLAG(__GFP_DMA32),  FLAG(__GFP_WAIT),
                FLAG(__GFP_HIGH),    FLAG(__GFP_IO),      FLAG(__GFP_FS),     FLAG(__GFP_COLD),
                FLAG(__GFP_NOWARN),  FLAG(__GFP_REPEAT),  FLAG(__GFP_NOFAIL), FLAG(__GFP_NORETRY),
                FLAG(__GFP_NO_GROW), FLAG(__GFP_COMP),    FLAG(__GFP_ZERO),   FLAG(__GFP_NOMEMALLOC),
                FLAG(__GFP_HARDWALL), FLAG(__GFP_THISNODE),
        }, masks[] = {
                FLAG(GFP_NOWAIT), FLAG(GFP_ATOMIC), FLAG(GFP_NOIO),     FLAG(GFP_NOFS),
                FLAG(GFP_KERNEL), FLAG(GFP_USER),   FLAG(GFP_HIGHUSER),
#undef FLAG
        };
        int code = SQLITE_OK;

        for (size_t i = 0; i < G_N_ELEMENTS(flags) && code == SQLITE_OK; i++)
                code = insert_row(inserter, "INSERT INTO gfp_flag VALUES (?, ?)", &flags[i].value, &flags[i].name, 1);
        for (size_t i = 0; i < G_N_ELEMENTS(masks) && code == SQLITE_OK; i++)
                code = insert_row(inserter, "INSERT INTO gfp_mask VALUES (?, ?)", &masks[i].value, &masks[i].name, 1);
        return code;
}

static int insert_doc(struct inserter *inserter, const char *table, const char *column, const char *unit, const char *meaning)
{
        const char *texts[] = { table, column, unit, meaning };

        return insert_row(inserter, "INSERT INTO column_doc VALUES (?, ?, ?, ?)", NULL, texts, 4);
}

static int insert_latency_docs(struct inserter *inserter)
{
        static const char *const figures[][3] = {
                { "count", "ops", "ops of the workload in this class" },
                { "p50_ns", "ns", "half of them took no longer (above 4096 ns within 0.4 %)" },
                { "p90_ns", "ns", "90 % of them took no longer" },
                { "p99_ns", "ns", "99 % of them took no longer" },
                { "max_ns", "ns", "the longest" },
        };
        int code = SQLITE_OK;

        for (int which = 0; which < LATENCY_CLASS_COUNT; which++) {
                for (size_t i = 0; i < G_N_ELEMENTS(figures) && code == SQLITE_OK; i++) {
                        char *key = g_strdup_printf("latency_%s_%s", latency_class_names[which], figures[i][0]);

                        code = insert_doc(inserter, "run", key, figures[i][1], figures[i][2]);
                        g_free(key);
                }
        }
        return code;
}

static int insert_docs(struct inserter *inserter)
{
        int code = SQLITE_OK;

        for (int id = 0; id < TABLE_COUNT && code == SQLITE_OK; id++) {
                const struct table *table = &schema_tables[id];

                code = insert_doc(inserter, table->name, NULL, "", table->meaning);
                for (uint32_t i = 0; i < table->column_count && code == SQLITE_OK; i++)
                        code = insert_doc(inserter, table->name, table->columns[i].name, table->columns[i].unit,
                                          table->columns[i].meaning);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(run_keys) && code == SQLITE_OK; i++)
                code = insert_doc(inserter, "run", run_keys[i].key, run_keys[i].unit, run_keys[i].meaning);
        if (code == SQLITE_OK)
                code = insert_latency_docs(inserter);
        for (uint32_t i = 0; i < machine_key_count && code == SQLITE_OK; i++)
                code = insert_doc(inserter, "run", machine_keys[i].name, machine_keys[i].unit, machine_keys[i].meaning);
        for (int cost = 0; cost < COST_KIND_COUNT && code == SQLITE_OK; cost++) {
                char *key = schema_cost_key((enum cost_kind)cost);

                code = insert_doc(inserter, "run", key, "cycles", cost_infos[cost].basis);
                g_free(key);
        }
        return code;
}

int schema_create(sqlite3 *db)
{
        struct inserter inserter = { .db = db };
        int code = SQLITE_OK;

        for (int id = 0; id < TABLE_COUNT && code == SQLITE_OK; id++) {
                char *table = schema_table_sql((enum table_id)id), *index = schema_index_sql((enum table_id)id);

                code = sqlite3_exec(db, table, NULL, NULL, NULL);
                if (code == SQLITE_OK)
                        code = sqlite3_exec(db, index, NULL, NULL, NULL);
                g_free(table);
                g_free(index);
        }
        if (code == SQLITE_OK)
                code = sqlite3_exec(db, views_sql, NULL, NULL, NULL);
        if (code == SQLITE_OK)
                code = insert_names(&inserter);
        if (code == SQLITE_OK)
                code = insert_gfp(&inserter);
        if (code == SQLITE_OK)
                code = insert_docs(&inserter);
        sqlite3_finalize(inserter.insert);
        return code;
}

/* -- fields --------------------------------------------------------------------------------------------------------- */

uint32_t table_fields(const struct table *table, struct field *ret)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < table->column_count; i++) {
                const struct column *column = &table->columns[i];
                uint32_t in_word = column->offset % 8u;

                if (column->bytes == 0)
                        continue;
                g_assert(count < OP_COLUMNS_MAX);
                g_assert(in_word + column->bytes <= 8); /* fields lie as the compiler lays them: none in two words */
                ret[count++] = (struct field){
                        .word_at = (uint16_t)(column->offset - in_word),
                        .shift = (uint8_t)(8 * (G_BYTE_ORDER == G_LITTLE_ENDIAN ? in_word : 8 - in_word - column->bytes)),
                        .null = column->null,
                        .mask = column_ones(column),
                };
        }
        return count;
}

void table_bind_mirrors(const struct table *table, sqlite3_stmt *statement, const void *record)
{
        int64_t value;

        for (uint32_t i = 0; i < table->column_count; i++) {
                if (table->columns[i].bytes == 0)
                        continue;
                if (column_value(&table->columns[i], record, &value))
                        sqlite3_bind_int64(statement, (int)i + 1, value);
                else
                        sqlite3_bind_null(statement, (int)i + 1);
        }
}

char *table_insert_sql(const struct table *table, const char *verb)
{
        GString *sql = g_string_new(NULL);

        g_string_append_printf(sql, "%s INTO %s VALUES (?", verb, table->name);
        for (uint32_t i = 1; i < table->column_count; i++)
                g_string_append(sql, ", ?");
        return g_string_free(g_string_append_c(sql, ')'), FALSE);
}

gboolean column_restore_field(const struct column *column, void *record, uint64_t field)
{
        char *at = (char *)record + column->offset;

        if (field > column_ones(column))
                return FALSE;
        switch (column->bytes) {
        case 1: *(uint8_t *)at = (uint8_t)field; break;
        case 2: *(uint16_t *)(void *)at = (uint16_t)field; break;
        case 4: *(uint32_t *)(void *)at = (uint32_t)field; break;
        default: *(uint64_t *)(void *)at = field; break;
        }
        return TRUE;
}

gboolean column_set_field(const struct column *column, void *record, sqlite3_value *value)
{
        uint64_t field;

        column_restore_field(column, record, 0);
        switch (sqlite3_value_type(value)) {
        case SQLITE_NULL: field = column->null == NULL_IF_ONES ? column_ones(column) : 0; break;
        case SQLITE_INTEGER: field = (uint64_t)sqlite3_value_int64(value); break;
        default: return FALSE;
        }
        if (!column_restore_field(column, record, field))
                return FALSE;
        if (column_is_null(column, record, field) == (sqlite3_value_type(value) == SQLITE_NULL))
                return TRUE;
        column_restore_field(column, record, 0);
        return FALSE;
}
