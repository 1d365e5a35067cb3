-- workloads - ready-made work for a scenario: each function declares the tasks and interrupts of one kind of work.
--
--      local workloads = require "workloads"
--      local net = workloads.network_receive { cpu = 0, workers = { 1, 2 }, count = 5000 }
--      expect("no packet is lost", function(r) return net.failed == 0 end)
--
-- They are called in the main part, with a table of options; every option has a default, written at the head of the
-- function, and a `name`, which the names of its tasks begin with: give another one to use the same workload twice. `kernel`
-- is a set of caches (require "caches"), x86_64 if not given. What is returned is a tally:
--
--      tally.live.dentry_cache    objects of that cache which it holds; at the end of the run r.caches.dentry_cache.live_objs
--                                 is the sum over all workloads
--      tally.kmallocs             pieces of kmalloc that it holds
--      tally.pages                pages that it holds
--      tally.done                 rounds done: packets served, files opened, processes forked, ...
--      tally.failed               requests that got no memory; a piece of work that lacks a part of it is undone

local bag = require "bag"
local mix = require "mix"
local caches = require "caches"

local workloads = {}

-- -- options, tallies ----------------------------------------------------------------------------------------------

local function options_of(what, given, defaults)
        local options = {}

        for field in pairs(given or {}) do
                if defaults[field] == nil and field ~= "kernel" then
                        error("workloads." .. what .. " has no option '" .. tostring(field) .. "'", 3)
                end
        end
        for field, value in pairs(defaults) do
                options[field] = value
        end
        for field, value in pairs(given or {}) do
                options[field] = value
        end
        options.kernel = options.kernel or caches "x86_64"
        return options
end

local function new_tally()
        return { live = {}, kmallocs = 0, pages = 0, done = 0, failed = 0 }
end

-- Declares the caches, in this order, and begins to count their objects.
local function use(tally, kernel, names)
        for _, name in ipairs(names) do
                local _ = kernel[name]
                tally.live[name] = 0
        end
end

local function count_failed(tally, object)
        if not object then
                tally.failed = tally.failed + 1
        end
        return object
end

local function alloc(t, tally, kernel, name, gfp)
        local object = t:alloc(kernel[name], gfp)

        if object then
                tally.live[name] = tally.live[name] + 1
        end
        return count_failed(tally, object)
end

local function free(t, tally, kernel, name, object)
        if object then
                t:free(object, kernel[name])
                tally.live[name] = tally.live[name] - 1
        end
end

local function kmalloc(t, tally, size, gfp)
        local object = t:kmalloc(size, gfp)

        if object then
                tally.kmallocs = tally.kmallocs + 1
        end
        return count_failed(tally, object)
end

local function kfree(t, tally, object)
        if object then
                t:kfree(object)
                tally.kmallocs = tally.kmallocs - 1
        end
end

local function pages(t, tally, order, gfp)
        local block = t:pages(order, gfp)

        if block then
                tally.pages = tally.pages + (1 << order)
        end
        return count_failed(tally, block)
end

local function free_pages(t, tally, block)
        if block then
                local order = block.order

                t:free_pages(block)
                tally.pages = tally.pages - (1 << order)
        end
end

-- -- network ---------------------------------------------------------------------------------------------------------

-- Packets come in by interrupt on one CPU and are freed by workers on others. An skbuff is a head of its own cache and data
-- from kmalloc: 1880 bytes are what a driver of then asked for 1500 bytes of packet, headroom and skb_shared_info.
function workloads.network_receive(given)
        local o = options_of("network_receive", given, {
                name = "eth0", cpu = 0, workers = { 1 }, every = "20us", jitter = "2us", count = 1000,
                packets = 4,            -- at most so many for one interrupt
                data = 1880, work = "2us",
        })
        local kernel, tally = o.kernel, new_tally()
        local queue = mailbox(o.name .. " queue")

        use(tally, kernel, { "skbuff_head_cache" })
        tally.received, tally.backlog_max = 0, 0

        interrupt { name = o.name, cpu = o.cpu, every = o.every, jitter = o.jitter, count = o.count, run = function(i)
                for _ = 1, i:random(o.packets) do
                        local head = alloc(i, tally, kernel, "skbuff_head_cache")
                        local data = head and kmalloc(i, tally, o.data)

                        if data then
                                tally.received = tally.received + 1
                                tally.backlog_max = math.max(tally.backlog_max, tally.received - tally.done)
                                i:send(queue, { head = head, data = data })
                        else
                                free(i, tally, kernel, "skbuff_head_cache", head)
                        end
                end
        end }

        for number, cpu in ipairs(o.workers) do
                task { name = o.name .. " worker " .. number, cpu = cpu, daemon = true, run = function(t)
                        while true do
                                local packet = t:receive(queue)

                                t:work(o.work)
                                kfree(t, tally, packet.data)
                                free(t, tally, kernel, "skbuff_head_cache", packet.head)
                                tally.done = tally.done + 1
                        end
                end }
        end
        return tally
end

-- Frames of 9000 bytes: a driver of then wanted each in one piece, so the interrupt asks for a block of 2^order pages
-- (2 for 16 KiB) which the handler of the packet gives back after `hold_ns`.
function workloads.jumbo_frames(given)
        local o = options_of("jumbo_frames", given, {
                name = "jumbo", cpu = 0, every = "50us", jitter = "0us", count = 1000, order = 2,
                hold_ns = 100000,
        })
        local tally = new_tally()
        local queue = mailbox(o.name .. " queue")

        interrupt { name = o.name, cpu = o.cpu, every = o.every, jitter = o.jitter, count = o.count, on_failure = "count",
                    run = function(i)
                            local block = pages(i, tally, o.order)

                            if block then
                                    i:send(queue, { block = block, since_ns = i:now() })
                            end
                    end }
        task { name = o.name .. " reader", cpu = o.cpu, daemon = true, run = function(t)
                while true do
                        local frame = t:receive(queue)
                        local early_ns = frame.since_ns + o.hold_ns - t:now()

                        if early_ns > 0 then
                                t:sleep(early_ns)
                        end
                        free_pages(t, tally, frame.block)
                        tally.done = tally.done + 1
                end
        end }
        return tally
end

-- -- files -----------------------------------------------------------------------------------------------------------

-- Dentries and inodes: `count` files are opened one after another, each with an open file and a name for a moment; then they
-- are dropped until `keep` of them are left, any of them first ("random") or the oldest first ("oldest").
function workloads.files(given)
        local o = options_of("files", given, {
                name = "files", cpu = 0, count = 10000, keep = 1000, drop = "random", inode = "ext3_inode_cache",
                shrink = true,
        })
        local kernel, tally = o.kernel, new_tally()

        use(tally, kernel, { "dentry_cache", o.inode, "filp", "names_cache" })

        local function open_file(t)
                local name = alloc(t, tally, kernel, "names_cache")
                local file = alloc(t, tally, kernel, "filp")
                local opened = { dentry = alloc(t, tally, kernel, "dentry_cache"), inode = alloc(t, tally, kernel, o.inode) }

                free(t, tally, kernel, "filp", file)
                free(t, tally, kernel, "names_cache", name)
                tally.done = tally.done + 1
                return opened
        end

        task { name = o.name, cpu = o.cpu, run = function(t)
                local cached, oldest = bag(), 1

                for _ = 1, o.count do
                        cached:put(open_file(t))
                end
                for left = o.count, o.keep + 1, -1 do
                        local file

                        if o.drop == "random" then
                                file = cached:take(t)
                        else
                                file = cached[oldest]
                                oldest = oldest + 1
                        end
                        free(t, tally, kernel, o.inode, file.inode)
                        free(t, tally, kernel, "dentry_cache", file.dentry)
                end
                if o.shrink then
                        t:shrink(kernel.dentry_cache)
                        t:shrink(kernel[o.inode])
                end
        end }
        return tally
end

-- The page cache: single pages with the radix tree nodes that index them (one for 64 pages), read in one after another; above
-- `cached` pages each new one puts another out, any of them or the oldest first.
function workloads.page_cache(given)
        local o = options_of("page_cache", given, {
                name = "page cache", cpu = 0, count = 10000, cached = 4000, evict = "oldest", gfp = "highuser", pause = "0us",
        })
        local kernel, tally = o.kernel, new_tally()

        use(tally, kernel, { "radix_tree_node" })

        task { name = o.name, cpu = o.cpu, run = function(t)
                local any, nodes, by_age, oldest = bag(), {}, {}, 1

                for number = 1, o.count do
                        if number % 64 == 1 then
                                nodes[#nodes + 1] = alloc(t, tally, kernel, "radix_tree_node")
                        end
                        local page = pages(t, tally, 0, o.gfp)

                        if page and o.evict == "random" then
                                any:put(page)
                        elseif page then
                                by_age[#by_age + 1] = page
                        end
                        if o.evict == "random" and #any > o.cached then
                                free_pages(t, tally, any:take(t))
                        elseif #by_age - oldest >= o.cached then
                                free_pages(t, tally, by_age[oldest])
                                by_age[oldest] = false
                                oldest = oldest + 1
                        end
                        tally.done = number
                        if o.pause ~= "0us" then
                                t:sleep(o.pause)
                        end
                end
        end }
        return tally
end

-- -- processes -------------------------------------------------------------------------------------------------------

-- A storm of fork, exec and exit: a child is a task with its stack (two pages), signals, open files, an address space of
-- `vmas` areas and `touched` pages; exec replaces the address space. More than `alive` children: any of them exits.
function workloads.fork_exec(given)
        local o = options_of("fork_exec", given, {
                name = "fork", cpu = 0, count = 500, alive = 50, vmas = 20, touched = 16, files = 3, gfp = "highuser",
                work = "20us",
        })
        local kernel, tally = o.kernel, new_tally()
        local parts = { "task_struct", "signal_cache", "sighand_cache", "files_cache", "fs_cache", "pid" }

        use(tally, kernel, parts)
        use(tally, kernel, { "mm_struct", "vm_area_struct", "anon_vma", "filp" })

        local function new_space(t)
                local space = { mm = alloc(t, tally, kernel, "mm_struct"), areas = {}, anon = {}, pages = {} }

                for number = 1, o.vmas do
                        space.areas[number] = alloc(t, tally, kernel, "vm_area_struct")
                        if number % 4 == 0 then
                                space.anon[#space.anon + 1] = alloc(t, tally, kernel, "anon_vma")
                        end
                end
                for number = 1, o.touched do
                        space.pages[number] = pages(t, tally, 0, o.gfp)
                end
                return space
        end

        local function drop_space(t, space)
                for number = 1, o.touched do
                        free_pages(t, tally, space.pages[number])
                end
                for number = 1, o.vmas do
                        free(t, tally, kernel, "vm_area_struct", space.areas[number])
                end
                for number = 1, o.vmas // 4 do
                        free(t, tally, kernel, "anon_vma", space.anon[number])
                end
                free(t, tally, kernel, "mm_struct", space.mm)
        end

        local function fork(t)
                local child = { stack = pages(t, tally, 1), open = {} }

                for _, part in ipairs(parts) do
                        child[part] = alloc(t, tally, kernel, part)
                end
                for number = 1, o.files do
                        child.open[number] = alloc(t, tally, kernel, "filp")
                end
                child.space = new_space(t)
                return child
        end

        local function exec(t, child)
                local old = child.space

                child.space = new_space(t)
                drop_space(t, old)
        end

        local function exit(t, child)
                drop_space(t, child.space)
                for number = 1, o.files do
                        free(t, tally, kernel, "filp", child.open[number])
                end
                for _, part in ipairs(parts) do
                        free(t, tally, kernel, part, child[part])
                end
                free_pages(t, tally, child.stack)
        end

        task { name = o.name, cpu = o.cpu, run = function(t)
                local children = bag()

                for number = 1, o.count do
                        local child = fork(t)

                        exec(t, child)
                        t:work(o.work)
                        children:put(child)
                        if #children > o.alive then
                                exit(t, children:take(t))
                        end
                        tally.done = number
                end
                while #children > 0 do
                        exit(t, children:take(t))
                end
        end }
        return tally
end

-- -- memory of one kind ------------------------------------------------------------------------------------------------

-- A log-structured store: segments of `objects` objects of one cache are filled one after another; when `segments` are
-- there, the oldest are dropped whole until `keep` are left, and the log grows again, `rounds` times.
function workloads.grow_shrink(given)
        local o = options_of("grow_shrink", given, {
                name = "log", cpu = 0, cache = "buffer_head", segments = 20, objects = 500, keep = 5, rounds = 3,
        })
        local kernel, tally = o.kernel, new_tally()

        use(tally, kernel, { o.cache })

        task { name = o.name, cpu = o.cpu, run = function(t)
                local log, oldest = {}, 1

                for _ = 1, o.rounds do
                        while #log - oldest + 1 < o.segments do
                                local segment = {}

                                for number = 1, o.objects do
                                        segment[number] = alloc(t, tally, kernel, o.cache)
                                end
                                log[#log + 1] = segment
                                tally.done = tally.done + 1
                        end
                        while #log - oldest + 1 > o.keep do
                                for number = 1, o.objects do
                                        free(t, tally, kernel, o.cache, log[oldest][number])
                                end
                                log[oldest] = false
                                oldest = oldest + 1
                        end
                end
        end }
        return tally
end

-- kmalloc of many sizes: small ones often, large ones seldom; of `live` pieces any is freed for each new one.
workloads.kmalloc_sizes = { { 30, 24 }, { 15, 60 }, { 10, 84 }, { 15, 100 }, { 10, 180 }, { 8, 300 }, { 6, 700 }, { 4, 1500 },
                            { 1, 3000 }, { 1, 6000 } } -- weight, bytes

function workloads.mixed_kmalloc(given)
        local o = options_of("mixed_kmalloc", given, {
                name = "kmalloc", cpu = 0, count = 20000, live = 2000, sizes = workloads.kmalloc_sizes, gfp = "kernel",
        })
        local tally = new_tally()
        local size = mix(o.sizes)

        task { name = o.name, cpu = o.cpu, run = function(t)
                local live = bag()

                for number = 1, o.count do
                        local piece = kmalloc(t, tally, size(t), o.gfp)

                        if piece then
                                live:put(piece)
                        end
                        if #live > o.live then
                                kfree(t, tally, live:take(t))
                        end
                        tally.done = number
                end
                tally.asked = 0                 -- bytes, of the pieces that are left
                for number = 1, #live do
                        tally.asked = tally.asked + live[number].size
                end
        end }
        return tally
end

-- A driver's ring of buffers out of the first 16 MiB (GFP_DMA), each replaced in turn.
function workloads.dma_buffers(given)
        local o = options_of("dma_buffers", given, {
                name = "dma", cpu = 0, count = 2000, ring = 64, size = "8KiB", pause = "10us", gfp = "kernel,dma",
        })
        local tally = new_tally()

        task { name = o.name, cpu = o.cpu, run = function(t)
                local ring = {}

                for number = 1, o.count do
                        local slot = number % o.ring

                        kfree(t, tally, ring[slot])
                        ring[slot] = kmalloc(t, tally, o.size, o.gfp)
                        tally.done = number
                        t:sleep(o.pause)
                end
        end }
        return tally
end

-- Timers and other small things that live for a moment: in each tick those that are due are freed and `armed` new ones
-- made, each for 1 to `longest` ticks.
function workloads.timers(given)
        local o = options_of("timers", given, {
                name = "timers", cpu = 0, ticks = 500, tick = "100us", armed = 20, longest = 16, size = 48,
        })
        local tally = new_tally()

        task { name = o.name, cpu = o.cpu, run = function(t)
                local wheel = {}

                for tick = 1, o.ticks do
                        for _, timer in ipairs(wheel[tick] or {}) do
                                kfree(t, tally, timer)
                                tally.done = tally.done + 1
                        end
                        wheel[tick] = nil
                        for _ = 1, o.armed do
                                local due = tick + t:random(o.longest)
                                local timer = kmalloc(t, tally, o.size)

                                if timer then
                                        wheel[due] = wheel[due] or {}
                                        table.insert(wheel[due], timer)
                                end
                        end
                        t:sleep(o.tick)
                end
        end }
        return tally
end

return workloads
