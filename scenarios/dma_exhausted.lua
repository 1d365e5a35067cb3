-- Why does the OOM killer run while nine tenths of memory are free?
--
-- Old devices reach the first 16 MiB alone. One driver has taken almost all of that zone for its buffers; another one asks
-- for one page more with GFP_KERNEL | GFP_DMA. Reclaim has nothing to take there, the zone is given up, and the killer is
-- called. It looks at the whole task list and knows nothing of zones: one process after the other dies and gives back memory of
-- the other zones, which helps nobody, until the first driver lets its buffers go. --set mask=kernel,dma,noretry is a driver
-- that can take no for an answer: its request fails at once, and nobody dies. See
-- `kmemsim query dma_exhausted.db "SELECT t_ns, message FROM failure"`.

local memory = param("memory", "256MiB", "of the machine", "size", "32MiB..64GiB")
local mask = param("mask", "kernel,dma", "of the driver that comes late")
local hold = param("hold", "30ms", "the first driver keeps its buffers for so long", "time", "1ms..")
local clients = param("clients", 30, "processes that have nothing to do with it", nil, "0..200")

machine { cpus = 2, memory = memory }
on_failure "count"

local processes = {}

process { name = "init", pid = 1, uid = 0, total_vm = "2MiB" }
for i = 1, clients do
        processes[i] = process { name = "client " .. i, total_vm = "4MiB", anon = "1MiB" }
end

local full = event "full"
local got, asked_ns, ended_ns = nil, 0, 0

task { name = "sound", cpu = 0, run = function(t)
        local buffers = {}

        for order = 5, 0, -1 do
                while true do
                        local block = t:pages(order, "kernel,dma,noretry,nowarn")

                        if not block then
                                break
                        end
                        buffers[#buffers + 1] = block
                end
        end
        t:signal(full)
        t:sleep(hold)
        for _, block in ipairs(buffers) do
                t:free_pages(block)
        end
end }

task { name = "floppy", cpu = 1, run = function(t)
        t:wait(full)
        asked_ns = t:now()
        got = t:pages(0, mask)
        ended_ns = t:now()
end }

local function deaths()
        local count = 0

        for _, client in ipairs(processes) do
                count = count + (client.killed and 1 or 0)
        end
        return count
end

local function outside(r)                       -- bytes free above ZONE_DMA
        local pages = 0

        for i = 2, #r.zones do
                pages = pages + r.zones[i].free_pages
        end
        return pages * 4096
end

local gives_up = mask:find("noretry") ~= nil

expect("a mask that may call the killer gets its page in the end, and processes die for it", function()
        return gives_up or (got ~= nil and deaths() > 0)
end)
expect("with NORETRY the request fails, and nobody dies", function()
        return not gives_up or (got == nil and deaths() == 0)
end)
expect("most of memory was free all the time", function(r)
        return outside(r) > 3 * 1024 * 1024 * 1024 // 16 or memory ~= "256MiB"
end)

summary("result", function(r)
        return string.format("%d of %d processes die for one page, with %.0f MiB free outside of ZONE_DMA; the request %s after %.1f ms",
                             deaths(), clients, outside(r) / (1 << 20), got and "succeeds" or "fails", (ended_ns - asked_ns) / 1e6)
end)
