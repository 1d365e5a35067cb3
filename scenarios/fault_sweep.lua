-- Does a driver that cannot get its memory give back all it has got so far?
--
-- A driver is loaded and unloaded again: it makes two caches, sets the tunables of one, takes a ring of pages and fills it
-- with descriptors. Every step may fail, and then the steps before it must be undone. Without a fault none does, so that
-- this run alone says nothing; the answer comes from failing each request in turn, one run each:
--
--      kmemsim faults scenarios/fault_sweep.lua
--
-- It fails every request for pages and for objects that the driver, or kmem_cache_create on its behalf, makes, and finds
-- that each failure is handled. With --set bug=true the driver forgets its ring when the descriptors cannot be had:
--
--      kmemsim faults scenarios/fault_sweep.lua --set bug=true
--
-- names the requests for which that shows, each with the command that repeats it.

local entries = param("entries", 24, "descriptors of the ring", nil, "1..")
local bug = param("bug", false, "the driver forgets to free its ring")

machine { cpus = 2, memory = "32MiB", audit = "op" }
on_failure "count"

-- Undoes what was done, the last first.
local function unload(t, driver)
        for _, descriptor in ipairs(driver.descriptors) do
                t:free(descriptor, driver.descriptor_cache)
        end
        if driver.ring and not (bug and #driver.descriptors < entries) then
                t:free_pages(driver.ring)
        end
        if driver.buffer_cache then
                t:destroy(driver.buffer_cache)
        end
        if driver.descriptor_cache then
                t:destroy(driver.descriptor_cache)
        end
end

local function load_driver(t, driver)
        driver.descriptor_cache = t:create { name = "ring_descriptor", size = 192, flags = "hwcache_align" }
        driver.buffer_cache = driver.descriptor_cache and t:create { name = "ring_buffer", size = 2048 }
        if not driver.buffer_cache or not t:tune(driver.buffer_cache, { limit = 16, batchcount = 8, shared = 2 }) then
                return false
        end
        driver.ring = t:pages(1)
        for i = 1, driver.ring and entries or 0 do
                driver.descriptors[i] = t:alloc(driver.descriptor_cache)
                if not driver.descriptors[i] then
                        return false
                end
        end
        return driver.ring ~= nil
end

local loaded

task { name = "insmod", run = function(t)
        local driver = { descriptors = {} }

        loaded = load_driver(t, driver)
        unload(t, driver)
end }

summary("result", function(r)
        return string.format("the driver %s; %d requests got memory, %d gave it back, %d failed",
                             loaded and "can be loaded" or "cannot be loaded", r.allocs + r.pages - r.failures, r.frees, r.failures)
end)

expect("all that was got is given back", function(r) return r.frees == r.allocs + r.pages - r.failures end)

local function is_left(r, name)
        return pcall(function() return r.caches[name].size end)
end

expect("no cache is left", function(r) return not is_left(r, "ring_descriptor") and not is_left(r, "ring_buffer") end)
