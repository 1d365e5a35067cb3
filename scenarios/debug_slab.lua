-- What does a kernel with CONFIG_DEBUG_SLAB find, and what does finding it cost?
--
-- A driver with two mistakes: it writes a few bytes more than it asked memory for, and it writes to a buffer that it has
-- given back. With debugging the allocator keeps a red zone on both sides of an object, fills what is free with a pattern, and
-- remembers who used an object last. So the overrun is seen when the buffer is freed, the late write when the buffer is handed
-- out again, and both reports name the line of this file that used it last. They are on standard error while it runs and in
-- table `failure`: `kmemsim query debug_slab.db 'SELECT report FROM failure'`. The price is paid by everybody: `--set
-- debug=false` runs the same without debugging, and then nobody sees anything.

local debug = param("debug", true, "a kernel with CONFIG_DEBUG_SLAB")
local objects = param("objects", 4000, "how many objects an honest task holds", "objects", "0..")
local overrun = param("overrun", 4, "bytes that the driver writes too many", "bytes", "1..4000")

machine { arch = "x86_64", cpus = 2, memory = "256MiB", debug_slab = debug }

-- what a page holds without debugging
local in_a_page = { [32] = 112, [64] = 59, [128] = 30, [192] = 20, [256] = 15, [512] = 8, [1024] = 4, [2048] = 2 }
local sizes = { 32, 64, 128, 192, 256, 512, 1024, 2048 }

local function late_write(t, buffer)
        t:kfree(buffer)
        if debug then
                t:write(buffer, 16, "\x01")   -- the interrupt handler still had the pointer
        end
end

task { name = "driver", cpu = 1, run = function(t)
        local packet = t:kmalloc(192)
        local buffer

        if debug then
                t:write(packet, 0, "\xee", 192 + overrun)
        end
        t:kfree(packet)                       -- here the red zone is looked at

        late_write(t, t:kmalloc(500))
        t:sleep("1ms")
        buffer = t:kmalloc(500)               -- here the fill
        t:kfree(buffer)
end }

task { name = "server", cpu = 0, run = function(t)
        for i = 1, objects do
                t:kmalloc(sizes[i % #sizes + 1])
                t:work("200ns")
        end
end }

-- bytes of slabs for one object of each size: with the debug words or as it is, and without
local function slab_bytes(r)
        local is, plain = 0, 0

        for _, size in ipairs(sizes) do
                local cache = r.caches["size-" .. size]

                is = is + (4096 << cache.order) / cache.objects_per_slab
                plain = plain + 4096 / in_a_page[size]
        end
        return is, plain
end

expect("both mistakes are found, and nothing else", function(r)
        return r.slab_errors == (debug and 2 or 0)
end)
expect("the objects are as large as the debug words make them", function(r)
        return r.caches["size-128"].size == (debug and 152 or 128)
end)

summary("result", function(r)
        local is, plain = slab_bytes(r)

        return string.format("%d mistakes found; objects of 32 to 2048 bytes take %.1f %% more memory, an allocation takes %.0f ns",
                             r.slab_errors, 100 * (is - plain) / plain, r.latency.alloc.p50)
end)
