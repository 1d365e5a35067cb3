-- Everything the OOM killer can meet at once: processes with tasks on three CPUs, their pages, objects and blocks, memory
-- pools, changes of oom_adj. tests/cli/kills runs it with a few seeds and replays each run.
machine { cpus = 3, memory = "16MiB", audit = "op" }
on_failure "count"
stop_at "3s"

local bio = cache { name = "bio", size = 104 }
local pools = {
        mempool { name = "a", min_nr = 4, cache = bio }, mempool { name = "b", min_nr = 3, order = 0 },
        mempool { name = "c", min_nr = 5, size = 700 },
}
local processes = {}

process { name = "init", pid = 1, uid = 0 }
for i = 1, 6 do
        processes[i] = process {
                name = "p" .. i, anon = i * 100 .. "KiB", total_vm = i * 400 .. "KiB", parent = i > 3 and processes[i - 3] or nil,
                on_exit = i % 2 == 0 and function(t)
                        t:work("5us")
                        t:kfree(t:kmalloc(100, "noio,noretry,nowarn"))
                end or nil,
        }
end

local function give_one(t, held)
        local one = table.remove(held, t:random(#held))

        if one.cache then
                t:kfree(one)
        else
                t:free_pages(one)
        end
end

local function work(t, has_process)
        local held, elements = {}, {}

        for _ = 1, 1200 do
                local what = t:random(14)

                if what <= 3 then
                        held[#held + 1] = t:kmalloc(t:random(6000), t:pick { "kernel", "noio", "atomic" })
                elseif what <= 5 then
                        held[#held + 1] = t:pages(t:random(0, 2), t:pick { "highuser", "atomic", "kernel,noretry", "nofs" })
                elseif what <= 8 and has_process then
                        t:anon_page()
                elseif what == 9 then
                        elements[#elements + 1] = t:mempool_alloc(t:pick(pools), t:pick { "noio", "atomic", "kernel" })
                elseif what == 10 and #elements > 0 then
                        t:mempool_free(table.remove(elements, t:random(#elements)))
                elseif what == 11 then
                        t:sleep(t:random(50000))
                elseif what == 12 and t:chance(1, 20) then
                        t:mempool_resize(t:pick(pools), t:random(9), t:pick { "kernel,noretry", "noio" })
                elseif what == 13 then
                        t:process_set(t:pick(processes), "oom_adj", t:random(-17, 15))
                elseif #held > 230 or (what == 14 and #held > 0) then
                        give_one(t, held)
                end
                while #elements > 6 do
                        t:mempool_free(table.remove(elements))
                end
                while #held > 260 do
                        give_one(t, held)
                end
        end
        for _, element in ipairs(elements) do
                t:mempool_free(element)
        end
end

for i = 0, 8 do
        task { name = "worker " .. i, cpu = i % 3, daemon = i > 0, process = i > 0 and processes[(i - 1) % 6 + 1] or nil,
               run = function(t) work(t, i > 0) end }
end

summary("killed", function(r)
        local killed = 0

        for _, p in pairs(r.processes) do
                killed = killed + (p.killed and 1 or 0)
        end
        return killed
end)
