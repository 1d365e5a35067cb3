-- Who dies when a small leak fills the machine: the leak, or the database that everybody needs?
--
-- 2.6.20 judges by address space (total_vm), not by the memory a process holds, and takes long life and much work for a sign of
-- worth. A database that was restarted ten minutes ago has a large mapping, most of it untouched, and nothing in its favour: it
-- dies for a helper that leaks page after page. The kernel's lines on stderr say who was chosen and with what score; the
-- leak goes on, and the killer comes again. What helps: --set cpu=400s (a database that has worked for its keep),
-- --set adj=-17 (spared by oom_adj), --set limit=24MiB (a leak that stays small). Compare
-- `kmemsim query oom_wrong_victim.db "SELECT t_ns, kind, args FROM event_named WHERE kind LIKE 'oom%' OR kind LIKE 'process%'"`.

local memory = param("memory", "64MiB", "of the machine", "size", "16MiB..64GiB")
local adj = param("adj", 0, "oom_adj of the database; -17: never killed", nil, "-17..15")
local cpu = param("cpu", "6s", "CPU time the database has used", "time")
local age = param("age", "600s", "time since the database was started", "time")
local limit = param("limit", "60MiB", "the leak ends here", "size", "1MiB..")

machine { cpus = 2, memory = memory }

local init = process { name = "init", pid = 1, uid = 0, total_vm = "2MiB", age = "90000s" }
local database = process { name = "mysqld", pid = 2040, parent = init, total_vm = "180MiB", anon = "12MiB",
                           cpu_time = cpu, age = age, oom_adj = adj }
local shell = process { name = "sshd", pid = 1800, parent = init, uid = 0, total_vm = "6MiB", anon = "1MiB", age = "80000s" }
local helper = process { name = "helper", pid = 2300, parent = init, total_vm = "61MiB", age = "300s" }

local leaked = 0                                -- pages
local served = 0

task { name = "database", cpu = 1, process = database, daemon = true, run = function(t)
        while true do
                local row = t:kmalloc(300)

                t:work("20us")
                t:kfree(row)
                served = served + 1
                t:sleep("200us")
        end
end }

local bytes = { [""] = 1, B = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30 }
local number, unit = limit:match("^([%d.]+) *(%a?)")
local most = tonumber(number) * bytes[unit] // 4096

local scores = {}                               -- when the leak begins

task { name = "leak", cpu = 0, process = helper, run = function(t)
        scores.database, scores.helper = database.score, helper.score
        while leaked < most do
                t:anon_page()
                leaked = leaked + 1
                if leaked % 64 == 0 then
                        t:sleep("10us")
                end
        end
end }

-- names of those who were killed, in order
local function deaths(r)
        local names = {}

        for _, name in ipairs { "init", "mysqld", "sshd", "helper" } do
                if r.processes[name].killed then
                        names[#names + 1] = name
                end
        end
        table.sort(names, function(a, b)
                return r.processes[a].killed_ns < r.processes[b].killed_ns
        end)
        return names
end

expect("somebody died, or there was room for the whole leak", function(r)
        return #deaths(r) > 0 or leaked == most
end)
expect("the first to die is the one with the highest score", function(r)
        local first = deaths(r)[1]

        return first == nil or first == (adj > -17 and scores.database > scores.helper and "mysqld" or "helper")
end)
expect("what is spared by oom_adj = -17 is not killed", function(r)
        return adj > -17 or not r.processes.mysqld.killed
end)
expect("root's shell, with a sixteenth of the score, survives, and so does init", function(r)
        return not r.processes.sshd.killed and not r.processes.init.killed
end)

summary("result", function(r)
        local names = deaths(r)

        return string.format("%s; the leak held %.1f MiB, the database had answered %d times",
                             #names == 0 and "nobody dies" or table.concat(names, " dies, then ") .. " dies", leaked / 256, served)
end)
