-- A run in which nothing is asked for.
machine { cpus = 1, memory = "16MiB" }
task { name = "idle", run = function() end }
