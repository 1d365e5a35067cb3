-- caches - the caches of a 2.6.20 system, declared when a scenario first names them.
--
--      local kernel = require "caches" "x86_64"       -- or "i386"
--      t:alloc(kernel.dentry_cache)                   -- name it in the main part at least once: that declares it
--      kernel.specs.dentry_cache.size                 -- 208, without declaring it
--      kernel:all()                                   -- declares every one
--
-- Sizes are those of the structures, before the allocator rounds and aligns them; the kernel's own order and alignment
-- follow from them in the model. How sure they are differs, and the column "known" says it:
--
--      exact   follows from a constant or from fields whose sizes are fixed on that architecture
--      near    as slabinfo of systems of that time showed it, within a few words: the real one depends on the kernel's
--              configuration (SMP, auditing, extended attributes, netfilter, ...) and on the release
--
-- Flags are those the kernel's own creation calls give, as far as the model knows them; of nothing is said that it is
-- complete. The general caches (size-32 ... size-131072) and kmem_cache itself exist on every machine and are not here.

local HW, RA, SPREAD, PANIC, RCU = "hwcache_align", "reclaim_account", "mem_spread", "panic", "destroy_by_rcu"

--      name                    x86_64  i386    known     flags                align (bytes)
local list = {
        -- processes
        { "task_struct",          1856,  1360, "near",  { PANIC },             16 },
        { "mm_struct",             848,   420, "near",  { HW, PANIC } },
        { "vm_area_struct",        176,    88, "near",  { PANIC } },
        { "files_cache",           704,   356, "near",  { HW, PANIC } },
        { "fs_cache",               64,    36, "near",  { HW, PANIC } },
        { "signal_cache",          696,   436, "near",  { HW, PANIC } },
        { "sighand_cache",        2088,  1328, "near",  { HW, PANIC, RCU } },
        { "sigqueue",              160,   144, "exact", { PANIC } },
        { "anon_vma",               24,    12, "exact", { RCU, PANIC } },
        { "pid",                    64,    36, "exact", { HW, PANIC } },
        -- files and names
        { "dentry_cache",          208,   132, "near",  { RA, PANIC, SPREAD } },
        { "inode_cache",           560,   340, "near",  { RA, PANIC, SPREAD } },
        { "ext3_inode_cache",      760,   492, "near",  { RA, SPREAD } },
        { "proc_inode_cache",      592,   356, "near",  { RA, SPREAD } },
        { "sock_inode_cache",      608,   372, "near",  { HW, RA, SPREAD } },
        { "filp",                  208,   144, "near",  { HW, PANIC } },
        { "names_cache",          4096,  4096, "exact", { HW, PANIC } },
        -- page cache and block I/O
        { "radix_tree_node",       552,   288, "near",  { PANIC } },
        { "buffer_head",           104,    56, "near",  { RA, PANIC, SPREAD } },
        { "bio",                   104,    64, "near",  { HW, PANIC } },
        { "biovec-1",               16,    12, "exact", { HW, PANIC } },
        { "biovec-4",               64,    48, "exact", { HW, PANIC } },
        { "biovec-16",             256,   192, "exact", { HW, PANIC } },
        { "biovec-64",            1024,   768, "exact", { HW, PANIC } },
        { "biovec-128",           2048,  1536, "exact", { HW, PANIC } },
        { "biovec-256",           4096,  3072, "exact", { HW, PANIC } },
        -- network
        { "skbuff_head_cache",     232,   164, "near",  { HW, PANIC } },
        { "skbuff_fclone_cache",   472,   332, "near",  { HW, PANIC } },
        { "TCP",                  1536,  1056, "near",  { HW } },
        { "UDP",                   856,   524, "near",  { HW } },
        { "UNIX",                  656,   408, "near",  { HW } },
}

local columns = { x86_64 = 2, i386 = 3 }
local methods = {}
local sets = {}

local function declare(set, name)
        local spec = set.specs[name]

        if not spec then
                error("caches: this list has no '" .. tostring(name) .. "'", 3)
        end
        local declared = cache { name = name, size = spec.size, flags = spec.flags, align = spec.align }

        rawset(set, name, declared)
        return declared
end

-- Declares every cache of the list that is not there yet.
function methods.all(set)
        for _, row in ipairs(list) do
                local _ = set[row[1]]
        end
        return set
end

local function new_set(arch)
        local column = columns[arch] or error("caches: the architecture is \"x86_64\" or \"i386\"", 3)
        local specs = {}

        for _, row in ipairs(list) do
                specs[row[1]] = { size = row[column], known = row[4], flags = row[5], align = row[6] }
        end
        return setmetatable({ specs = specs, arch = arch },
                            { __index = function(set, name) return methods[name] or declare(set, name) end })
end

return function(arch)
        arch = arch or "x86_64"
        sets[arch] = sets[arch] or new_set(arch)
        return sets[arch]
end
