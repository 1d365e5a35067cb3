-- Which names does a scenario really have? Prints them, "name X" each, for tests/lua_library/check.
--
-- Tables are walked; the fields that a declaration knows are in the message about one that it does not; methods and fields of
-- objects, which cannot be walked, are looked up by the names given with --set.

local methods = param("methods", "", "names of methods to look up, with commas")
local fields = param("fields", "", "names of fields of objects to look up, with commas")

local function show(name)
        print("name " .. name)
end

local function show_keys(prefix, keys)
        for key in pairs(keys) do
                show(prefix .. key)
        end
end

local libraries = { math = true, string = true, table = true, gfp = true }

for name, value in pairs(_G) do
        show(name)
        if libraries[name] then
                show_keys(name .. ".", value)
        end
end

local function show_fields(prefix, declare, wrong)
        local good, message = pcall(declare, wrong)

        assert(not good, prefix)
        for name in message:match("it has (.*)$"):gmatch("[%w_]+") do
                show(prefix .. "." .. name)
        end
end

show_fields("cache", cache, { ["?"] = 1 })
show_fields("process", process, { ["?"] = 1 })
show_fields("mempool", mempool, { ["?"] = 1 })
show_fields("failslab", failslab, { ["?"] = 1 })
show_fields("fail_page_alloc", fail_page_alloc, { ["?"] = 1 })
show_fields("task", task, { ["?"] = 1 })
show_fields("interrupt", interrupt, { ["?"] = 1 })
show_fields("trace", trace, { ["?"] = 1 })
show_fields("lognormal", lognormal, { ["?"] = 1 })
show_fields("pareto", pareto, { ["?"] = 1 })
show_fields("bursts", bursts, { ["?"] = 1 })
show_fields("load", load, { ["?"] = 1 })
show_fields("load.alloc", load, { name = "l", arrival = "1us", alloc = { ["?"] = 1 } })
show_fields("load.phases", load, { name = "l", arrival = "1us", phases = { ["?"] = 1 } })
show_fields("machine", machine, { ["?"] = 1 })
show_fields("costs", machine, { costs = { ["?"] = 1 } })
show_fields("machine.vm", machine, { vm = { ["?"] = 1 } })
show_fields("shrinker", cache, { name = "c", size = 100, shrinker = { ["?"] = 1 } })
show_fields("machine.nodes", machine, { nodes = { { ["?"] = 1 } } })

mempool { name = "pool", min_nr = 1, size = 100 }
process { name = "init", pid = 1 }
load { name = "one", arrival = "1us", alloc = { kmalloc = 100 }, count = 1 }
trace { file = "few-events.txt", pace = "asap" }

task { name = "looks", run = function(t)
        local object = t:kmalloc(100)

        for name in methods:gmatch("[%w_]+") do
                if type(t[name]) == "function" then
                        show("task:" .. name)
                end
        end
        for name in fields:gmatch("[%w_]+") do
                if pcall(function() return object[name] end) then
                        show("object." .. name)
                end
        end
        show_fields("task", function(wrong) t:spawn(wrong) end, { ["?"] = 1 })
        show_fields("tune", function(wrong) t:tune("size-64", wrong) end, { ["?"] = 1 })
        show_fields("cache", function(wrong) t:create(wrong) end, { ["?"] = 1 })
        show_fields("file_page", function(wrong) t:file_page(wrong) end, { ["?"] = 1 })
        show_fields("anon_page", function(wrong) t:anon_page(wrong) end, { ["?"] = 1 })
        for prefix, value in pairs({ page = t:file_page(), pages = t:page_cache(1) }) do
                for _, name in ipairs({ "count", "alive", "pfn", "op" }) do
                        if pcall(function() return value[name] end) and not (prefix == "page" and name < "n") then
                                show(prefix .. "." .. name)
                        end
                end
        end
end }

summary("the result", function(r)
        show_keys("r.", r)
        show_keys("r.paths.", r.paths)
        show_keys("r.paths[].", r.paths.kmalloc)
        show_keys("r.latency.", r.latency)
        show_keys("r.latency[].", r.latency.alloc)
        show_keys("r.caches[].", r.caches["size-128"])
        show_keys("r.mempools[].", r.mempools.pool)
        show_keys("r.processes[].", r.processes.init)
        show("r.processes[].killed_ns")
        show_keys("r.zones[].", r.zones[1])
        show_keys("r.loads[].", r.loads.one)
        show_keys("r.trace.", r.trace)
        return "walked"
end)
