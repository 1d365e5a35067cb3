---@meta
-- What a scenario can name, for editors that read LuaLS annotations. Nothing of this is run. scenarios/API.md has the same
-- names with more words; a test holds both against what the program offers.

---@alias size integer|string # bytes, or a text with a unit: 100, "4KiB", "1.5GiB" (B K M G KiB MiB GiB)
---@alias time integer|string # ns, or a text with a unit: 500, "20us", "1.5ms" (ns us ms s)
---@alias gfp_mask integer|string # words with commas, such as "atomic" or "kernel,dma", or a sum of constants of gfp
---@alias cache_ref cache|string # what cache{} returned, or a name such as "size-64"
---@alias failure_policy "nil"|"count"|"fatal"
---@alias cache_flag
---| "none"
---| "hwcache_align"
---| "cache_dma"
---| "must_hwcache_align"
---| "reclaim_account"
---| "panic"
---| "destroy_by_rcu"
---| "mem_spread"
---| "debug_initial" # this one and the next three: debug_slab machines
---| "red_zone"
---| "poison"
---| "store_user"
---@alias alloc_path
---| "magazine"
---| "shared"
---| "partial_slab"
---| "free_slab"
---| "new_slab"
---| "page_list"
---| "page_list_bulk"
---| "buddy"
---| "min_watermark"
---| "reserves"
---| "mempool_direct"
---| "mempool_reserve"
---| "mempool_waited"

-- -- declarations: the main part of a scenario --------------------------------------------------------------------------

---The machine: once, or not at all for the defaults.
---@param fields machine_fields
function machine(fields) end

---@class machine_fields
---@field arch? "x86_64"|"i386" # default "x86_64"
---@field cpus? integer # 1 to 8; default 2
---@field memory? size # 8 MiB to 64 GiB (i386: 4 GiB), in whole MiB, of all nodes together; default 256 MiB
---@field numa? boolean # a NUMA kernel, x86_64 only; true with nodes
---@field nodes? integer|machine_node[] # 1 to 4: memory in equal parts, CPU c on node c mod nodes; or one table for each
---@field reserved? size # at the bottom of memory, never given out; in whole pages; default 1 MiB
---@field reserved_pages? integer # the same in pages
---@field cache_line? size # 64 or 128; i386 32, 64 or 128; default 64, on i386 32
---@field hz? 100|250|300|1000 # default 250
---@field cpu_mhz? integer # default 3000
---@field rcu_grace? time # destroy_by_rcu: from then on its slabs may go, at a tick; default 0: at the end of the op
---@field costs? machine_costs # what each step takes, in cycles
---@field audit? "none"|"op"|"step" # recount every structure after every op, or step
---@field threads? integer # room for t:spawn; default 256
---@field debug_slab? boolean # a kernel with CONFIG_DEBUG_SLAB: red zones, poison, last users, and the checks
---@field swap? size # whole pages; default none
---@field vm? vm_settings # of the virtual memory, in force before the first task begins

---@class vm_settings
---@field swappiness? integer # 0 to 100, default 60
---@field write_time? time # of the device for one page; default 0: what was started ends with the next wait of anybody
---@field panic_on_oom? boolean|integer # a panic in place of the OOM killer
---@field congested? boolean|integer # the device is write-congested
---@field laptop_mode? boolean|integer
---@field dirty_ratio? integer # percent, default 40
---@field dirty_background_ratio? integer # percent, default 10
---@field vfs_cache_pressure? integer # percent, default 100
---@field zone_reclaim_mode? integer # 1 on, 2 may write, 4 may unmap
---@field min_unmapped_ratio? integer # percent of a zone, default 1
---@field min_slab_ratio? integer # percent of a zone, default 5

---@class machine_node
---@field memory size # 4 MiB or more, in whole MiB
---@field cpus? integer[] # its CPUs, {} for none; if one node names them all must be named. CPU 0 is on node 0

---@class machine_costs
---@field enter? integer
---@field class_compare? integer
---@field irq? integer
---@field mag_pop? integer
---@field mag_put? integer
---@field free_lookup? integer
---@field lock? integer
---@field lock_transfer? integer
---@field shared_move? integer
---@field shared_obj? integer
---@field take_obj? integer
---@field relink? integer
---@field return_obj? integer
---@field shift? integer
---@field shift_quarter? integer
---@field grow? integer
---@field init_obj? integer
---@field init_page? integer
---@field pcp? integer
---@field pcp_page? integer
---@field buddy? integer
---@field split? integer
---@field merge? integer
---@field watermark? integer
---@field watermark_step? integer
---@field zero_page? integer
---@field miss? integer
---@field ipi? integer
---@field reap_cache? integer
---@field switch? integer
---@field poison_byte? integer # this one and the next four: debug_slab machines
---@field fill_word? integer
---@field debug_obj? integer
---@field list_check? integer
---@field free_walk? integer
---@field step? integer
---@field page_scan? integer # this one and the next five: reclaim
---@field page_unmap? integer
---@field page_write? integer
---@field active_scan? integer
---@field referenced? integer
---@field list_put? integer

---An object cache, made before the tasks begin.
---@param fields cache_fields
---@return cache
function cache(fields) end

---@class cache

---@class cache_fields
---@field name string # at most 31 bytes, no blanks
---@field size size # 8 (i386: 4) to 131072 bytes
---@field align? size # a power of two, at most 4096
---@field flags? cache_flag|cache_flag[]
---@field ctor? integer|string # what the constructor takes for each object of a new slab: cycles, or a time such as "80ns"
---@field dtor? integer|string # and the destructor for each object of one that goes
---@field shrinker? shrinker_fields # cache{} only: its unused objects (t:put) can be freed under pressure

---@class shrinker_fields
---@field seeks? integer # what it costs to make an object again; 1 to 255, default 2
---@field fs? boolean # its callback refuses without __GFP_FS, as those of dentries and inodes do; default true
---@field hundreds? boolean # it reports (unused / 100) * vfs_cache_pressure, as those two do; default false

---A memory pool, made after the caches and before the tasks begin.
---@param fields mempool_fields
---@return mempool
function mempool(fields) end

---A memory pool; its fields are as it is now, `name` and `live` besides.
---@class mempool: result_mempool

---@class mempool_fields
---@field name string # at most 31 bytes
---@field min_nr integer # elements in reserve
---@field cache? cache_ref # elements are its objects; one of cache, size and order is needed
---@field size? size # elements are kmalloc objects of so many bytes
---@field order? integer # elements are blocks of 2^order pages
---@field node? integer # memory node of the pool's own record and array; default: that of the CPU

---Fault injection into requests for objects: the attributes of /debug/failslab, or "interval,probability,space,times".
---@param fields failslab_fields|string
function failslab(fields) end

---Fault injection into requests for pages: the attributes of /debug/fail_page_alloc, or "interval,probability,space,times".
---@param fields fail_page_alloc_fields|string
function fail_page_alloc(fields) end

---@class failslab_fields
---@field probability? integer # per cent, default 0
---@field interval? integer # only every so many-th request is considered, default 1
---@field times? integer # failures at most; default 1, -1: no limit
---@field space? size # bytes of objects, or pages, that are let through first
---@field verbose? integer # 0: no report, 1: a line, 2 (default): a stack trace as well
---@field task_filter? boolean # only requests of tasks with make_it_fail
---@field ignore_gfp_wait? boolean # default true: requests with __GFP_WAIT never fail
---@field ignore_gfp_highmem? boolean # default true: nor those with __GFP_HIGHMEM
---@field require? string|false # only inside of this function of the kernel
---@field reject? string|false # never inside of this function
---@field stacktrace_depth? integer # callers these two look at, default 32

---@class fail_page_alloc_fields
---@field probability? integer # per cent, default 0
---@field interval? integer # only every so many-th request is considered, default 1
---@field times? integer # failures at most; default 1, -1: no limit
---@field space? size # bytes of objects, or pages, that are let through first
---@field verbose? integer # 0: no report, 1: a line, 2 (default): a stack trace as well
---@field task_filter? boolean # only requests of tasks with make_it_fail
---@field ignore_gfp_wait? boolean # default true: requests with __GFP_WAIT never fail
---@field ignore_gfp_highmem? boolean # default true: nor those with __GFP_HIGHMEM
---@field require? string|false # only inside of this function of the kernel
---@field reject? string|false # never inside of this function
---@field stacktrace_depth? integer # callers these two look at, default 32
---A process that the OOM killer may kill.
---@param fields process_fields
---@return process
function process(fields) end

---As it is now; `name`, `alive` and `nice` besides.
---@class process: result_process

---@class process_fields
---@field name string
---@field pid? integer # 1: init, never killed
---@field parent? process
---@field total_vm? size # address space
---@field anon? size # anonymous memory it has from the start
---@field cpu_time? time # used at time 0
---@field age? time # since its start, at time 0
---@field nice? integer
---@field uid? integer # default 1000; 0: root
---@field euid? integer
---@field caps? ("sys_admin"|"sys_rawio")[]
---@field oom_adj? integer # -17 (never killed) to 15
---@field swapoff? boolean
---@field kernel? boolean # a kernel thread
---@field shares? process # whose memory it uses
---@field on_exit? fun(t: task) # runs when its memory is back: gives back what else it held
---@field exiting? boolean # stuck on its way out

---A task on one CPU. The run ends when all tasks that are no daemons have ended.
---@param fields task_fields
---@return task
function task(fields) end

---@class task_fields
---@field name string
---@field run fun(t: task)
---@field cpu? integer # default 0
---@field at? time # when it begins; default 0
---@field daemon? boolean # does not keep the run going
---@field process? process # it is a task of
---@field on_failure? failure_policy
---@field make_it_fail? boolean # the task filters of fault injection find it; of t:spawn: inherited

---An interrupt handler on one CPU. It must not wait; its requests are "atomic" if nothing else is said.
---@param fields interrupt_fields
---@return actor
function interrupt(fields) end

---@class interrupt_fields
---@field name string
---@field run fun(i: actor)
---@field cpu? integer # default 0
---@field every? time # this or `at` is needed
---@field at? time # the first time; default: after the first period
---@field count? integer # how often; default: for ever, without `every` once
---@field jitter? time # each is up to so much later
---@field on_failure? failure_policy

---@class mailbox
---@class event

---A queue of messages for t:send and t:receive.
---@param name string
---@return mailbox
function mailbox(name) end

---A flag for t:signal and t:wait; once signalled it stays so.
---@param name string
---@return event
function event(name) end

---What should hold after the run; a false or nil value makes the exit code 10.
---@param text string
---@param check fun(r: result): any
function expect(text, check) end

---A line "text: value" of the summary.
---@param text string
---@param value fun(r: result): string|number
function summary(text, value) end

---A value that --set name=... can change. Its type is that of the default; with the unit "time" or "size", one of these: the
---text as it was given, or ns or bytes if the default is a number.
---@generic T: integer|number|boolean|string
---@param name string
---@param default T
---@param description string
---@param unit? string
---@param values? string # what it may be: "0..100", "1us..", "random|oldest"
---@return T
function param(name, default, description, unit, values) end

---What becomes of a request that got no memory: "nil" (reported), "count" (quietly) or "fatal" (the run ends, exit code 11).
---@param policy failure_policy
function on_failure(policy) end

---Ends the run at a simulated time. Needed if there are only daemons and endless interrupts.
---@param at time
function stop_at(at) end

---The seed of the run.
---@return integer
function seed() end

---Replays the kmem events of a trace text, or an ops file, beside the tasks.
---@param fields trace_fields
function trace(fields) end

---@class trace_fields
---@field file string # from the folder of the scenario
---@field speed? number|string # 2, "0.5", "3/4"; default 1
---@field pace? "as_recorded"|"asap"

---Work declared as data and carried out without Lua. Returns its end, for t:wait.
---@param fields load_fields
---@return event
function load(fields) end

---@class load_fields
---@field name string # at most 56 bytes
---@field arrival arrivals|distribution|time # every one allocates `batch` times
---@field alloc load_alloc|load_alloc[]
---@field cpu? integer # default 0
---@field free_cpu? integer # frees on another CPU
---@field gfp? gfp_mask # default "kernel"
---@field node? integer # memory node asked for; default: that of the CPU
---@field lifetime? distribution|time # of what was allocated
---@field batch? distribution|integer # default 1
---@field live? integer # target of the live set: above it any one is freed first
---@field phases? load_phases
---@field count? integer # allocations
---@field duration? time
---@field at? time # when it begins; default 0
---@field drain? boolean # frees what is left at the end
---@field on_failure? failure_policy
---@field make_it_fail? boolean # the task filters of fault injection find it

---One of kmalloc, cache and pages.
---@class load_alloc
---@field kmalloc? distribution|size # bytes
---@field cache? cache_ref
---@field pages? distribution|integer # order
---@field weight? integer # among the others; default 1

---@class load_phases
---@field grow? time
---@field hold? time
---@field shrink? time

---Whole numbers, times or sizes by chance.
---@class distribution
---@class arrivals

---@param value time|size
---@return distribution
function constant(value) end

---@param first time|size
---@param last time|size
---@return distribution
function uniform(first, last) end

---@param mean time|size
---@return distribution
function exponential(mean) end

---@param fields lognormal_fields
---@return distribution
function lognormal(fields) end

---@class lognormal_fields
---@field median time|size
---@field sigma number|string

---@param fields pareto_fields
---@return distribution
function pareto(fields) end

---@class pareto_fields
---@field min time|size
---@field alpha number|string
---@field max? time|size

---{ [value] = weight, ... } or { { value, weight }, ... }
---@param choices table
---@return distribution
function empirical(choices) end

---The same.
---@param choices table
---@return distribution
function sizes(choices) end

---Arrivals in even steps.
---@param period time
---@return distribution
function every(period) end

---Arrivals by chance.
---@param mean time # between two
---@return distribution
function poisson(mean) end

---Arrivals in bursts, with silence between them.
---@param fields bursts_fields
---@return arrivals
function bursts(fields) end

---@class bursts_fields
---@field on distribution|time
---@field off distribution|time
---@field gap distribution|time # between two in a burst

---The times of the allocations of an ops file.
---@param file string # from the folder of the scenario
---@param speed? number|string
---@return arrivals
function arrivals_of(file, speed) end

---The bits of a gfp mask. The words of a mask given as text are these; without a base word (kernel, user, highuser, atomic,
---nowait, noio, nofs) the mask is "kernel" with what is said.
---@class gfp
---@field kernel integer
---@field user integer
---@field highuser integer
---@field atomic integer
---@field nowait integer
---@field noio integer
---@field nofs integer
---@field dma integer
---@field dma32 integer
---@field highmem integer
---@field wait integer
---@field high integer
---@field cold integer
---@field nowarn integer
---@field ["repeat"] integer
---@field noretry integer
---@field nofail integer # waits for ever
---@field nogrow integer
---@field comp integer
---@field zero integer
---@field nomemalloc integer
---@field hardwall integer
---@field thisnode integer
gfp = {}

-- -- tasks and interrupts: what `run` is called with -------------------------------------------------------------------------

---@class actor
local actor = {}

---@class task: actor
local task = {}

---nil and the reason as a text if there is no memory.
---@param bytes size
---@param mask? gfp_mask # default "kernel", in an interrupt "atomic"
---@param node? integer # memory node asked for; default, and -1: that of the CPU
---@return object? object
---@return string? reason
function actor:kmalloc(bytes, mask, node) end

---@param object object? # nil does nothing
---@param offset? integer # debug_slab machines: kfree of the address so many bytes behind that of the object
function actor:kfree(object, offset) end

---debug_slab machines: writes bytes from an offset on, also before the object, behind it, or when it was freed. What is
---written shows when the allocator looks: at the next kfree, when the object is handed out again, when its slab goes.
---@param object object # of a cache, freed or not
---@param offset integer # from the object's address, may be negative
---@param bytes string
---@param count? integer # so many bytes in all, `bytes` over and over; default #bytes
function actor:write(object, offset, bytes, count) end

---kmem_cache_alloc.
---@param from cache_ref
---@param mask? gfp_mask
---@param node? integer # memory node asked for; default, and -1: that of the CPU
---@return object? object
---@return string? reason
function actor:alloc(from, mask, node) end

---kmem_cache_free. With a cache given, the object must be of that cache.
---@param object object
---@param cache? cache_ref
function actor:free(object, cache) end

---2^order pages in one block.
---@param order integer
---@param mask? gfp_mask
---@param node? integer # memory node asked for; default, and -1: that of the CPU
---@return object? block
---@return string? reason
function actor:pages(order, mask, node) end

---@param block object? # nil does nothing
function actor:free_pages(block) end

---An element: from the allocator below, else from the reserve, else after waiting for one. nil only with a mask that does
---not wait.
---@param pool mempool
---@param mask? gfp_mask # default "kernel", in an interrupt "atomic"
---@return object? element
---@return "failed"? failed
function actor:mempool_alloc(pool, mask) end

---Into the reserve if it is not full, else to the allocator below. With a pool given, the element must be of it.
---@param element object
---@param pool? mempool
function actor:mempool_free(element, pool) end

---Is the page still there, or the object that was put? Of a set of pages: how many.
---@param of pages|object
---@return boolean|integer
function actor:alive(of) end

---The counters of /proc/vmstat by name (those by zone also summed under the name without zone), or one of them.
---@param name? string
---@return table<string, integer>|integer
function actor:vmstat(name) end

---Computes for a time: the CPU is busy.
---@param duration time
function actor:work(duration) end

---@return integer ns # since the end of boot
function actor:now() end

---Never waits. To a task or its name, or a mailbox.
---@param to task|mailbox|string
---@param message any # not nil
function actor:send(to, message) end

---@param event event
function actor:signal(event) end

---A new task, at once.
---@param fields task_fields
---@return task
function actor:spawn(fields) end

---From this actor's own stream: 1 to last, or first to last.
---@param first integer
---@param last? integer
---@return integer
function actor:random(first, last) end

---True in part of whole cases.
---@param part integer
---@param whole integer
---@return boolean
function actor:chance(part, whole) end

---Any one of a list.
---@generic T
---@param list T[]
---@return T
function actor:pick(list) end

---Puts a list in any order, in place.
---@generic T
---@param list T[]
---@return T[]
function actor:shuffle(list) end

---@return string
function actor:name() end

---@return integer
function actor:cpu() end

---@param cpu integer
---@return boolean
function actor:online(cpu) end

---The memory node of its CPU, or of what it allocated.
---@param of? object
---@return integer
function actor:node(of) end

---Waits without using the CPU.
---@param duration time
function task:sleep(duration) end

---The next message of the mailbox, or of the task's own; nil and "timeout" if none came in time.
---@overload fun(self: task, timeout?: time): any, "timeout"?
---@param from mailbox
---@param timeout? time
---@return any message
---@return "timeout"? timeout
function task:receive(from, timeout) end

---Until an event is signalled or a task has ended.
---@param for_what event|task|process
---@param timeout? time
---@return true? done
---@return "timeout"? timeout
function task:wait(for_what, timeout) end

---kmem_cache_create while the run goes on.
---@param fields cache_fields
---@return cache? cache
---@return string? reason
function task:create(fields) end

---kmem_cache_shrink.
---@param cache cache_ref
---@return boolean is_empty # no slab is left
function task:shrink(cache) end

---kmem_cache_destroy; false and "busy" if objects are alive.
---@param cache cache_ref
---@return boolean
---@return "busy"?
function task:destroy(cache) end

---@param process process
---@param what "oom_adj"|"nice"|"total_vm"|"swapoff"
---@param value integer|size|boolean
function task:process_set(process, what, value) end

---mempool_create while the run goes on.
---@param fields mempool_fields
---@return mempool? pool
---@return "failed"? failed
function task:mempool_create(fields) end

---nil and "failed" if there is no memory for a larger array.
---@param pool mempool
---@param min_nr integer
---@param mask? gfp_mask # default "kernel"
---@return true? done
---@return "failed"? failed
function task:mempool_resize(pool, min_nr, mask) end

---All elements must be back: a missing one is a kernel BUG.
---@param pool mempool
---@return true? done
---@return "failed"? failed # other requests to it are under way
function task:mempool_destroy(pool) end

---Writes the attributes given to the control files of failslab; the main part must have declared it.
---@param fields failslab_fields
function task:failslab(fields) end

---The same of fail_page_alloc.
---@param fields fail_page_alloc_fields
function task:fail_page_alloc(fields) end

---The task's own flag for the task filters of fault injection.
---@param on? boolean # default true
function task:make_it_fail(on) end

---@class file_page_fields
---@field dirty? boolean
---@field mapped? boolean # into the process, and young
---@field writable? boolean # false: of a file system in memory, which has no write method; default true
---@field read_ahead? boolean # nobody has accessed it yet
---@field gfp? gfp_mask # default "highuser"
---@field node? integer
---@field process? integer|process # whose table maps it; default that of the task

---@class anon_page_fields
---@field gfp? gfp_mask # default "highuser"
---@field node? integer
---@field process? integer|process # whose it is; default that of the task

---A page of the page cache; nil and a reason if there is none.
---@param fields? file_page_fields
---@return page? page
---@return string? failed
function task:file_page(fields) end

---A page of a process: mapped, young, its entry dirty.
---@param fields? anon_page_fields
---@return page? page
---@return string? failed
function task:anon_page(fields) end

---So many pages of the page cache, one request each. With a reason: it ended early.
---@param count integer
---@param fields? file_page_fields
---@return pages pages
---@return string? failed
function task:page_cache(count, fields) end

---@param count integer
---@param fields? anon_page_fields
---@return pages pages
---@return string? failed
function task:anon_pages(count, fields) end

---A read or write call touches the page: mark_page_accessed.
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:access(pages) end

---The process touches the mapped page: its entry is young.
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:touch(pages) end

---The page is written to: a mapped one by its entry, another by write().
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:set_page_dirty(pages) end

---Of a mapped page: it stays.
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:mlock(pages) end

---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:munlock(pages) end

---false if it is locked already.
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:lock_page(pages) end

---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:unlock_page(pages) end

---One more reference: reclaim leaves it alone.
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:get_page(pages) end

---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:put_page(pages) end

---Its owner gives it up: truncate, munmap. Waits while the page is being written; false for a locked page.
---@param pages pages
---@return boolean|integer done # of one page: whether; of a set: for how many, those gone passed over
function task:delete_page(pages) end

---It exits by itself: its pages go. It must have no tasks. A scenario without process{} numbers its processes.
---@param process process|integer
---@return integer pages
function task:process_exit(process) end

---set_shrinker for a cache.
---@param of cache_ref
---@param fields? shrinker_fields
---@return boolean done # false: no memory
function task:set_shrinker(of, fields) end

---Its unused objects stay, and are ordinary ones from then on.
---@param of cache_ref
---@return boolean done
function task:remove_shrinker(of) end

---The object is unused from now on: the newest of its cache's LRU, which the shrinker frees from the other end.
---@param object object
---@return boolean done
function task:put(object) end

---An unused object is used again; false if the shrinker has freed it.
---@param object object
---@return boolean done
function task:get(object) end

---Writes 1 (page cache), 2 (shrinkers) or 3 to vm.drop_caches.
---@param what integer
---@return integer pages # of the page cache
function task:drop_caches(what) end

---Changes a setting: "swap", or one of machine.vm.
---@param name string
---@param value any
---@return boolean done # false: more swap is in use
function task:vm_set(name, value) end

---Takes a CPU offline: it stops between two requests. Its tasks go to the first CPU of their node, else of the machine, and stay
---there; its interrupts go to CPU 0.
---@param cpu integer # 1 or more
---@return true? done
---@return "EINVAL"? error # it is offline already
function task:cpu_down(cpu) end

---@param cpu integer
---@return true? done
---@return "EINVAL"? error # it is online already, or there was no memory for its arrays
function task:cpu_up(cpu) end

---@class tune_fields
---@field limit? integer # objects a magazine holds
---@field batchcount? integer # objects moved at a time
---@field shared? integer # batches the shared array holds

---Writes tunables to /proc/slabinfo; what is not given stays as it is. Useless values change nothing, which is no error.
---@param of cache_ref
---@param fields tune_fields
---@return true? done # nil and "ENOMEM" if there is no memory for the new arrays
---@return "ENOMEM"? error
function task:tune(of, fields) end

---The same as text: "name limit batchcount shared".
---@param text string
---@return integer? bytes # written
---@return "EINVAL"|"ENOMEM"? error
function task:write_slabinfo(text) end

---One pass of cache_reap on this CPU.
---@return integer slabs # given back
function task:reap() end

---Gives this CPU's page lists back to the buddy lists.
function task:drain() end

-- -- objects --------------------------------------------------------------------------------------------------------------------

---What kmalloc, alloc, pages and mempool_alloc return. To read, not to write.
---@class object
---@field size integer # bytes asked for
---@field cache string? # name of its cache; nil for pages
---@field pfn integer # page frame
---@field offset integer # bytes in the page
---@field address integer # pfn * 4096 + offset
---@field op integer # id of the op that allocated it
---@field order integer # of a block of pages
---@field mempool string? # name of the memory pool it is an element of
---@field freed boolean
---@field path alloc_path # which way the allocation went
---@field dur_ns integer # how long it took, waiting included

---Pages of the page cache or of processes, which reclaim can take at any moment. pages[i] is one of them.
---@class pages
---@field count integer
---@field alive integer|boolean # how many are still there; of one page: whether
---@operator len: integer

---@class page: pages
---@field pfn integer # page frame
---@field op integer # id of the op that made it

-- -- the result: what expect and summary are given ------------------------------------------------------------------------------

---@class result
---@field time_ns integer # simulated
---@field ops integer # requests done
---@field events integer
---@field failures integer # allocations that got no memory
---@field faults_slab integer # faults injected into requests for objects
---@field faults_page integer # and for pages
---@field allocs integer # kmalloc and kmem_cache_alloc
---@field frees integer # of objects and pages
---@field pages integer # requests for pages
---@field magazine_hits integer # of allocs
---@field refills integer # of allocs
---@field slab_errors integer # damage that a debug_slab machine found: rows of table failure, events slab_error
---@field slabs_made integer # allocs that had to add a slab
---@field live_objs integer # over all caches, also those the allocator itself uses
---@field requested_bytes integer # of live objects
---@field allocated_bytes integer # of live objects, as rounded
---@field slab_bytes integer
---@field hit_rate number # magazine_hits / allocs
---@field interrupts integer # delivered
---@field interrupts_lost integer # periods that were over before the handler was
---@field paths result_paths
---@field latency result_latencies
---@field caches table<string, result_cache> # by name; an unknown name is an error
---@field mempools table<string, result_mempool>
---@field vmstat table<string, integer> # as t:vmstat()
---@field processes table<string, result_process>
---@field zones result_zone[] # populated ones, from the lowest
---@field loads table<string, result_load> # by name; an unknown name is an error
---@field trace result_trace? # nil without a trace

---How many ops of each kind went which way.
---@class result_paths
---@field kmalloc result_counts
---@field alloc result_counts
---@field pages result_counts
---@field free result_counts
---@field create result_counts
---@field shrink result_counts
---@field destroy result_counts
---@field reap result_counts
---@field drain result_counts
---@field write result_counts # debug_slab machines
---@field process_set result_counts
---@field mempool_create result_counts
---@field mempool_alloc result_counts
---@field mempool_free result_counts
---@field mempool_resize result_counts
---@field mempool_destroy result_counts
---@field cpu_up result_counts
---@field cpu_down result_counts
---@field tick result_counts
---@field work result_counts
---@field tune result_counts
---@field page_new result_counts
---@field page_access result_counts
---@field page_touch result_counts
---@field page_write result_counts
---@field page_mlock result_counts
---@field page_munlock result_counts
---@field page_lock result_counts
---@field page_unlock result_counts
---@field page_pin result_counts
---@field page_unpin result_counts
---@field page_delete result_counts
---@field process_exit result_counts
---@field shrinker result_counts
---@field put result_counts
---@field get result_counts
---@field drop_caches result_counts
---@field vm_set result_counts
---@field kswapd result_counts # runs of kswapd
---@field rcu result_counts
---@field fault_set result_counts

---@class result_counts
---@field none integer
---@field magazine integer
---@field shared integer
---@field partial_slab integer
---@field free_slab integer
---@field new_slab integer
---@field slabs integer
---@field slab_released integer
---@field page_list integer
---@field page_list_bulk integer
---@field buddy integer
---@field min_watermark integer
---@field reserves integer
---@field no_class integer
---@field failed integer
---@field mempool_direct integer
---@field mempool_reserve integer
---@field mempool_waited integer
---@field fault_injected integer

---@class result_latencies
---@field alloc result_latency
---@field pages result_latency
---@field free result_latency

---In ns, waiting included; exact below 4096 ns, above off by less than 0.4 %.
---@class result_latency
---@field count integer
---@field p50 integer
---@field p90 integer
---@field p99 integer
---@field p999 integer
---@field max integer

---@class result_process
---@field pid integer
---@field oom_adj integer
---@field total_vm integer # bytes
---@field score integer # badness
---@field killed boolean # by the OOM killer
---@field killed_ns integer?
---@field exited boolean # its memory is given back

---One memory pool at the end of the run.
---@class result_mempool
---@field min_nr integer # elements wanted in reserve
---@field curr_nr integer # elements in reserve
---@field waiters integer # asleep for an element
---@field taken integer # elements that left the reserve
---@field put integer # elements that went into it, those of its creation included
---@field waits integer # times a request slept
---@field refused integer # times the allocator below gave nothing

---One cache at the end of the run.
---@class result_cache
---@field size integer # bytes from one object to the next
---@field objects_per_slab integer
---@field order integer # of a slab
---@field active_objs integer # as in slabinfo: not on slabs, so those in magazines too
---@field num_objs integer # room for so many
---@field live_objs integer # with the workload, or the allocator itself
---@field magazine_objs integer
---@field shared_objs integer
---@field alien_objs integer # NUMA: of shared_objs, what nodes hold for one another
---@field node_allocs integer # NUMA: taken from a node's slabs past a magazine
---@field node_frees integer # NUMA: freed on another node than the object's
---@field alien_overflows integer # NUMA: and the alien array was full
---@field slabs_full integer
---@field slabs_partial integer
---@field slabs_free integer
---@field slabs integer
---@field requested_bytes integer
---@field allocated_bytes integer
---@field slab_bytes integer

---One zone at the end of the run.
---@class result_zone
---@field name "DMA"|"DMA32"|"Normal"|"HighMem"
---@field node integer
---@field present_pages integer
---@field free_pages integer # on the buddy lists
---@field pages_min integer
---@field pages_low integer
---@field pages_high integer
---@field numa_hit integer # NUMA: page requests that asked for this node and got it
---@field numa_miss integer # served here, another had been asked for
---@field numa_foreign integer # asked for here, another served
---@field numa_local integer # served for a CPU of this node
---@field numa_other integer # served for a CPU of another node
---@field free_blocks table<integer, integer> # by order, 0 to 10
---@field unusable table<integer, integer> # by order: thousandths of free_pages that cannot serve it
---@field fragmentation table<integer, integer> # by order: thousandths, near 1000 fragmentation; -1000: it would not fail

---What became of a load{}.
---@class result_load
---@field requests integer # done
---@field allocs integer
---@field frees integer
---@field failed integer # of allocs
---@field late integer # requests that began after their time
---@field late_ns_max integer
---@field late_ns_total integer
---@field live integer # at the end
---@field live_peak integer

---@class result_trace
---@field file string
---@field lines integer
---@field allocations integer # simulated
---@field failures integer
---@field requested_bytes integer # of all allocations of objects, simulated
---@field allocated_bytes integer
---@field own_requested_bytes integer? # as the traced kernel had them, if the trace says so
---@field own_allocated_bytes integer?

-- -- the part of Lua's library that a scenario has ------------------------------------------------------------------------
-- No os, io, debug, coroutine, utf8; `load` is another. With "runtime.builtin" switched off (see scenarios/API.md) the
-- editor knows these only.

---@type table
_G = {}
---@type string
_VERSION = ""

function assert(value, message, ...) end
function error(message, level) end
function getmetatable(object) end
function ipairs(list) end
function next(list, key) end

---Always in one order: numbers, texts, false, true, then objects, caches and tasks as they came into being. Tables and
---functions as keys are refused.
function pairs(list) end

---What ends a run (interrupt, limits, kernel BUG) passes through it.
function pcall(call, ...) end

---A line on standard error.
function print(...) end
function rawequal(a, b) end
function rawget(list, key) end
function rawlen(list) end
function rawset(list, key, value) end

---A module of the scenario's folder or of the library: "bag", "mix", "machines", "caches", "workloads".
function require(module) end
function select(n, ...) end

---Takes a copy of the metatable; __gc and __mode are refused.
function setmetatable(list, metatable) end
function tonumber(value, base) end

---Without addresses, which would differ from run to run: "table: 1".
function tostring(value) end
function type(value) end

math = {}
---@type number
math.huge = nil
---@type integer
math.maxinteger = nil
---@type integer
math.mininteger = nil
---@type number
math.pi = nil
function math.abs(x) end
function math.ceil(x) end
function math.floor(x) end
function math.fmod(x, y) end
function math.max(x, ...) end
function math.min(x, ...) end
function math.modf(x) end

---From a stream that the seed of the run decides. Tasks have their own: t:random.
function math.random(first, last) end
function math.sqrt(x) end
function math.tointeger(x) end
function math.type(x) end
function math.ult(a, b) end

string = {}
function string.byte(s, i, j) end
function string.char(...) end
function string.find(s, pattern, init, plain) end
function string.format(format, ...) end
function string.gmatch(s, pattern, init) end
function string.gsub(s, pattern, replacement, n) end
function string.len(s) end
function string.lower(s) end
function string.match(s, pattern, init) end
function string.rep(s, n, separator) end
function string.reverse(s) end
function string.sub(s, i, j) end
function string.upper(s) end

table = {}
function table.concat(list, separator, i, j) end
function table.insert(list, position, value) end
function table.move(from, first, last, at, to) end
function table.pack(...) end
function table.remove(list, position) end

---Stable.
function table.sort(list, before) end
function table.unpack(list, i, j) end
