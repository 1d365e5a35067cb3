-- How much memory do the size classes of kmalloc waste, and does a 32-bit kernel waste less?
--
-- kmalloc serves a request from the smallest class that holds it: 32, 64, 128, 256 and so on, with 192 where the cache line is
-- shorter than 128 bytes and 96 where it is shorter than 64. The scenario asks for many sizes, checks the class of every
-- single object, and adds up what was asked for and what was given. Try --set arch=i386 (its line of 32 bytes adds the
-- class of 96), --set line=128, and --set sizes=powers for a program that asks for powers of two.

local arch = param("arch", "x86_64", "of the machine", nil, "x86_64|i386")
local line = param("line", 0, "bytes of a cache line: 32 (i386 only), 64 or 128; 0: 64, on i386 32", "bytes")
local count = param("count", 60000, "how many pieces are asked for", "pieces", "1..")
local live = param("live", 4000, "how many of them live at a time", "pieces", "1..")
local sizes = param("sizes", "mixed",
                    "mixed: few large and many small; powers: powers of two; uniform: 1 to 4096", nil, "mixed|powers|uniform")

local bag = require "bag"
local mix = require "mix"
local workloads = require "workloads"

if line == 0 then
        line = arch == "i386" and 32 or 64
end
machine { arch = arch, cpus = 1, memory = "256MiB", cache_line = line }

local choices = {
        mixed = mix(workloads.kmalloc_sizes),
        powers = function(t) return 1 << t:random(3, 13) end,
        uniform = function(t) return t:random(4096) end,
}
local size_of = choices[sizes] or error("--set sizes: mixed, powers or uniform")

local classes = { 32, 64 }

if line < 64 then
        table.insert(classes, 96)
end
table.insert(classes, 128)
if line < 128 then
        table.insert(classes, 192)
end
for power = 8, 17 do
        table.insert(classes, 1 << power)
end

local function class_of(size)
        for _, class in ipairs(classes) do
                if size <= class then
                        return class
                end
        end
end

local asked, given, wrong = 0, 0, 0

task { name = "kmalloc", cpu = 0, run = function(t)
        local pieces = bag()

        for _ = 1, count do
                local size = size_of(t)
                local piece = t:kmalloc(size)
                local class = class_of(size)

                asked, given = asked + size, given + class
                if piece.cache ~= "size-" .. class or piece.size ~= size then
                        wrong = wrong + 1
                end
                pieces:put(piece)
                if #pieces > live then
                        t:kfree(pieces:take(t))
                end
        end
end }

expect("every piece comes from the smallest class that holds it", function(r) return wrong == 0 and given > 0 end)
expect("powers of two waste nothing from 32 bytes on, other sizes do", function(r)
        if sizes == "powers" then
                return given - asked <= count * 24
        end
        return given > asked
end)
expect("a large working set needs few pages beyond its objects", function(r)
        return live < 1000 or r.slab_bytes < 1.35 * r.allocated_bytes
end)

summary("result", function(r)
        return string.format("%s, cache line %d: %.1f %% of the memory given to kmalloc was not asked for", arch, line,
                             100 * (given - asked) / given)
end)
