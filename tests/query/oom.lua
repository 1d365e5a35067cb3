-- A run whose OOM killer finds a parent, kills its child, and then the parent: the requester goes on with its pages.
machine { cpus = 2, memory = "16MiB" }
local parent = process { name = "parent", pid = 20, total_vm = "16MiB", anon = "2MiB" }
process { name = "child", pid = 21, parent = parent, total_vm = "1MiB" }
task { name = "eater", run = function(t)
        while parent.alive do
                t:pages(0, "highuser")
        end
end }
