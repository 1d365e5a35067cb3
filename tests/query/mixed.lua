-- Random work on two CPUs, for comparing runs: another seed, another machine.
local arch = param("arch", "x86_64", "x86_64 or i386")

machine { arch = arch, cpus = 2, memory = "64MiB" }
load { name = "kmalloc", arrival = poisson("500ns"), alloc = { kmalloc = uniform(16, 3000) }, cpu = 0, free_cpu = 1,
       lifetime = exponential("50us"), count = 3000, drain = true }
load { name = "pages", arrival = poisson("2us"), alloc = { { pages = 0, weight = 5 }, { pages = 2, weight = 1 } }, cpu = 1,
       live = 200, count = 800 }
