-- What does a small server do to the allocator?
--
-- Packets come in by interrupt on CPU 0 and are freed by workers on CPUs 1 and 2; CPU 3 opens files, first more and more
-- of them, then drops most in no particular order, as when dentries and inodes are reclaimed. Look at two things in the
-- summary: nearly all allocations end in a magazine although a third of the objects are freed on another CPU, and
-- after the files are gone their slabs are still there, each kept alive by an inode or two ("inside").

local mix = require "mix"
local bag = require "bag"

local files = param("files", 12000, "how many files are opened while the number grows", "files", "1..")
local keep = param("keep", 8, "of a hundred files, how many stay open in the end", "files", "0..100")
local period = param("period", "20us", "time between two receive interrupts", "time", "1ns..")

machine { arch = "x86_64", cpus = 4, memory = "256MiB", cache_line = 64, hz = 250 }

-- caches as that kernel had them
local skbuff = cache { name = "skbuff_head_cache", size = 232, flags = { "hwcache_align" } }
local dentry = cache { name = "dentry_cache", size = 208, flags = { "reclaim_account" } }
local inode = cache { name = "ext3_inode_cache", size = 760, flags = { "reclaim_account" } }
local filp = cache { name = "filp", size = 208, flags = { "hwcache_align" } }

local packet_size = mix { { 40, 128 }, { 20, 256 }, { 10, 600 }, { 30, 1600 } }
local scratch_size = mix { { 30, 32 }, { 25, 64 }, { 20, 100 }, { 15, 500 }, { 8, 2000 }, { 2, "4KiB" } }

local receive_queue = mailbox "receive queue"

interrupt { name = "eth0", cpu = 0, every = period, jitter = "4us", run = function(i)
        for _ = 1, i:random(4) do
                local skb = i:alloc(skbuff)
                local data = skb and i:kmalloc(packet_size(i))

                if data then
                        i:send(receive_queue, { skb = skb, data = data })
                elseif skb then
                        i:free(skb)
                end
        end
end }

-- takes a packet, works on it with some scratch memory, answers
local function serve(t)
        while true do
                local packet = t:receive(receive_queue)
                local scratch = t:kmalloc(scratch_size(t))

                t:work("2us")
                t:kfree(packet.data)
                t:free(packet.skb, skbuff)

                local skb = t:alloc(skbuff)
                local answer = t:kmalloc(packet_size(t))
                t:work("1us")
                t:kfree(answer)
                t:free(skb, skbuff)
                t:kfree(scratch)
        end
end

task { name = "worker1", cpu = 1, daemon = true, run = serve }
task { name = "worker2", cpu = 2, daemon = true, run = serve }

local function open_file(t)
        local file = { dentry = t:alloc(dentry), inode = t:alloc(inode) }
        local handle, name = t:alloc(filp), t:kmalloc(t:random(20, 200))

        t:kfree(name)
        t:free(handle, filp)
        return file
end

local function drop_file(t, file)
        t:free(file.dentry, dentry)
        t:free(file.inode, inode)
end

task { name = "files", cpu = 3, run = function(t)
        local open = bag()

        for _ = 1, files do                             -- the number of files grows
                open:put(open_file(t))
                if t:chance(1, 8) then
                        t:work("5us")
                end
        end
        while #open > files * keep // 100 do            -- and shrinks, any of them going first
                drop_file(t, open:take(t))
                if t:chance(1, 16) then
                        open:put(open_file(t))
                        t:work("5us")
                end
        end
        t:shrink(dentry)                                -- empty slabs go back; the others cannot
        t:shrink(inode)
end }

-- a page cache and a driver's buffers: blocks of different orders, freed at random
task { name = "pages", cpu = 2, run = function(t)
        local order = mix { { 80, 0 }, { 12, 1 }, { 6, 2 }, { 2, 3 } }
        local cached = bag()

        for _ = 1, 6000 do
                local block = t:pages(order(t))

                if block then
                        cached:put(block)
                end
                if #cached > 4000 then
                        t:free_pages(cached:take(t))
                end
                t:sleep(t:random(1000, 8000))
        end
        while #cached > 1000 do
                t:free_pages(cached:take(t))
        end
end }

expect("three of four allocations are magazine hits", function(r) return r.hit_rate > 0.75 end)
expect("nothing fails with so much memory", function(r) return r.failures == 0 end)
expect("the inodes left over hold many slabs", function(r)
        local left = r.caches.ext3_inode_cache

        return left.slabs * left.objects_per_slab > 2 * left.live_objs
end)
