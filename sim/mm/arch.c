#include "base/core_only.h"
#include "mm/arch.h"

#include "base/units.h"

/* What does not depend on NUMA and slab debugging. */
#define X86_64                                                                                                         \
        .name = "x86_64", .zone_names = { "DMA", "DMA32", "Normal" }, .zone_end_pfn = { 4096, 1048576, PFN_NONE },     \
        .word_bytes = 8, .array_cache_bytes = 24, .list3_bytes = 104, .slab_bytes = 48, .page_bytes = 56,              \
        .group_pages = 64, .group_order = 6, .virtual_base = 0xffff810000000000u,                                      \
        .lowmem_reserve_ratio = { 256, 256, 0 }, .has_dma32 = 1

#define I386                                                                                                           \
        .name = "i386", .zone_names = { "DMA", "Normal", "HighMem" }, .zone_end_pfn = { 4096, 229376, PFN_NONE },      \
        .word_bytes = 4, .array_cache_bytes = 20, .list3_bytes = 56, .slab_bytes = 28, .page_bytes = 32,               \
        .group_pages = 32, .group_order = 5, .virtual_base = 0xc0000000u, .highmem = 1,                                \
        .lowmem_reserve_ratio = { 256, 32, 0 }

const struct arch arch_x86_64 = { X86_64, .descriptor_bytes = 184 };
const struct arch arch_x86_64_numa = { X86_64, .descriptor_bytes = 208, .pageset_bytes = 128 };
const struct arch arch_i386 = { I386, .descriptor_bytes = 112 };

/* CONFIG_DEBUG_SLAB: statistics, obj_offset and obj_size make the descriptor larger (spec 07 section 10.1). */
const struct arch arch_x86_64_debug = { X86_64, .descriptor_bytes = 288, .debug_slab = 1 };
const struct arch arch_x86_64_numa_debug = { X86_64, .descriptor_bytes = 312, .pageset_bytes = 128, .debug_slab = 1 };
const struct arch arch_i386_debug = { I386, .descriptor_bytes = 176, .debug_slab = 1 };
