-- Why does a cache of dentries give back almost no memory although nearly all of them are freed?
--
-- Names are looked up and let go again: their dentries stay, unused, on the LRU of the cache's shrinker. One in so many is
-- in use all the time: an open file, a current directory. Then drop_caches asks the shrinker for all it has. Every unused
-- dentry is freed, and yet a slab goes back only when all of its dentries are gone: one in use pins it. Once those in use
-- come in a row instead of one here and one there, memory comes back. Try --set apart=1000, --set size=900 (few objects in a slab).
-- `kmemsim show slab_cannot_shrink.db cache dentry_cache` shows who holds which slab.

local dentries = param("dentries", 29000, "looked up", "objects", "1..")
local apart = param("apart", 29, "one in so many is in use", nil, "1..")
local size = param("size", 216, "of a dentry, in bytes", nil, "8..4096")

machine { cpus = 1, memory = "64MiB" }

local function dentry_cache(name)
        return cache { name = name, size = size, flags = { "reclaim_account" }, shrinker = { seeks = 2, fs = true } }
end

local scattered = dentry_cache "dentry_cache"
local in_a_row = dentry_cache "dentry_row"
local figures = {}

local function fill(t, of, is_used)
        local unused = {}

        for i = 1, dentries do
                local dentry = t:alloc(of)

                if not is_used(i) then
                        unused[#unused + 1] = dentry
                end
        end
        for _, dentry in ipairs(unused) do
                t:put(dentry)
        end
        return unused
end

local function gone(t, unused)
        local count = 0

        for _, dentry in ipairs(unused) do
                count = count + (t:alive(dentry) and 0 or 1)
        end
        return count
end

task { name = "lookups", run = function(t)
        local used = dentries // apart
        local a = fill(t, scattered, function(i) return i % apart == 0 end)
        local b = fill(t, in_a_row, function(i) return i <= used end)

        figures.asked = #a
        t:drop_caches(2)
        figures.freed = gone(t, a)
        figures.freed_row = gone(t, b)
end }

expect("the shrinkers free nearly all that is unused", function()
        return figures.freed * 100 >= figures.asked * 95 and figures.freed_row * 100 >= figures.asked * 95
end)
expect("in a row they give back more", function(r)
        return r.caches.dentry_row.slabs < r.caches.dentry_cache.slabs
end)

local function left(r, name)
        local slabs = (dentries + r.caches[name].objects_per_slab - 1) // r.caches[name].objects_per_slab

        return r.caches[name].slabs * 100 / slabs
end

summary("objects in use", function(r)
        return string.format("%d of %d in each cache", r.caches.dentry_cache.live_objs, dentries)
end)
summary("result", function(r)
        return string.format("%.1f %% of the dentries are freed, %.1f %% of the slabs stay; with those in use in a row %.1f %% stay",
                             figures.freed * 100 / dentries, left(r, "dentry_cache"), left(r, "dentry_row"))
end)
