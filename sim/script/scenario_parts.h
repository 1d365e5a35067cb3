/*
 * scenario_parts.h - inside of a running scenario: the data that the files of this room share.
 *
 *      scenario.c          load, run, errors, expectations
 *      scenario_declare.c  the global functions: machine, cache, task, interrupt, param, expect, trace ...
 *      actor.c             the life of tasks and interrupts, and the main loop
 *      init.c              what happens before they begin
 *      request.c           how a request goes to the sim and its result comes back; arguments of methods
 *      methods.c           the methods of tasks and interrupts: allocate, free, memory pools, chance
 *      methods_machine.c   those that change the machine: caches, CPUs, fault injection
 *      methods_wait.c      those by which tasks wait and meet: time, messages, events
 *      failure.c           failed requests, what the kernel prints, BUGs
 *      faults.c            failslab, fail_page_alloc
 *      object.c            what kmalloc, alloc and pages return
 *      pressure.c          pages that reclaim can take, shrinkers, settings of the virtual memory
 *      call_sites.c        where in the scenario requests come from: last users of a debug_slab machine
 *      process.c           process{}: what the OOM killer judges
 *      trace_player.c      an ops file replayed without Lua
 *      scenario_load.c     load { ... }: work declared as data, carried out without Lua
 *
 * An actor is whoever makes requests: a Lua task, an interrupt handler, the C function that makes the declared caches,
 * a CPU of a replayed trace. Each has one thread of the sim. States:
 *
 *      IDLE        not begun, or an interrupt between two deliveries
 *      READY       will go on when its turn comes, at this simulated moment (ready queue)
 *      RUNNING     its code is on the C stack
 *      REQUEST     a request is with the sim                  -> SIM_DONE
 *      SLEEPING    until a time                               -> SIM_WAKE
 *      WAITING     for a message, an event or the end of a task, perhaps with a timeout -> actor_wake or SIM_WAKE
 *      ENDED
 *
 * Invariants:
 *      an actor is in a wait queue exactly when it is WAITING, unless it waits for the exit of a process
 *      foreground == actors that keep the run going and have not ENDED
 *      busy == actors in READY, RUNNING or REQUEST
 */
#ifndef KMEMSIM_SCRIPT_SCENARIO_PARTS_H
#define KMEMSIM_SCRIPT_SCENARIO_PARTS_H

#include <lauxlib.h>
#include <lua.h>

#include "base/prng.h"
#include "base/units.h"
#include "observe/kernel_log.h"
#include "script/ops_file.h"
#include "script/scenario.h"

enum actor_kind { ACTOR_INIT, ACTOR_TASK, ACTOR_INTERRUPT, ACTOR_PLAYER, ACTOR_LOAD };
enum actor_state { ACTOR_IDLE, ACTOR_READY, ACTOR_RUNNING, ACTOR_REQUEST, ACTOR_SLEEPING, ACTOR_WAITING, ACTOR_ENDED };
enum failure_policy { FAILURE_NIL, FAILURE_COUNT, FAILURE_FATAL, FAILURE_DEFAULT };

/* Why a call returned nil. */
enum failure_reason {
        REASON_NO_PAGES, REASON_FAULT, REASON_NO_CLASS, REASON_ORDER, REASON_NO_CACHE,
        REASON_DUPLICATE, REASON_GEOMETRY, REASON_RESERVE, REASON_ELEMENTS,
        REASON_COUNT
};

struct actor;

/* Actors that wait for the same thing, first come first. */
struct wait_queue {
        struct actor *first, *last;
};

/* Of the Lua values a scenario holds things by (handle.c); BOX_*: a struct box. */
enum handle_kind {
        BOX_ACTOR, BOX_MAILBOX, BOX_EVENT, BOX_CACHE, BOX_MEMPOOL, BOX_PROCESS,
        HANDLE_OBJECT, HANDLE_PAGES, HANDLE_DISTRIBUTION, HANDLE_ARRIVALS,
        HANDLE_KINDS
};

struct box {
        struct sandbox_handle handle;
        void *part; /* struct actor, mailbox, event_flag, declared_cache, declared_mempool, declared_process */
};

/* Messages in order of sending; the values are in a Lua table, at indexes taken + 1 .. sent. */
struct mailbox {
        char *name;
        int values_ref;
        lua_Integer sent, taken;
        struct wait_queue receivers;
};

/* Once signalled it stays so. The end of a task is one too. */
struct event_flag {
        char *name;
        bool is_set;
        struct wait_queue waiters;
};

struct declared_cache {
        struct cache_spec spec;
        uint32_t id; /* CACHE_ID_NONE: not created yet, or destroyed */
        bool is_destroyed;
        struct request shrinker; /* kind OP_SHRINKER: registered once the cache is there */
        struct sandbox_place place;
};

struct declared_mempool {
        struct scenario *scenario;
        struct mempool_spec spec;
        struct declared_cache *declared; /* its cache, NULL: none, or one of this name: */
        char cache_name[CACHE_NAME_MAX + 1];
        uint32_t id;                     /* of the sim, 0: not declared there yet */
        struct sandbox_place place;
};

struct declared_process {
        struct scenario *scenario;
        struct process_spec spec;
        char name[64];
        uint32_t id;          /* of the sim */
        uint64_t cpu_ns;      /* CPU time it has used */
        uint64_t anon_pages;  /* made before the tasks begin */
        uint64_t anon_made;   /* asked for so far */
        struct sandbox_place place;
};

/* What kmalloc, alloc, pages or mempool_alloc returned, as Lua userdata. */
struct object {
        struct sandbox_handle handle;
        uint64_t op;
        uint64_t place, size_bytes, dur_ns;
        uint32_t object; /* handle of the sim */
        uint32_t cache;
        struct sandbox_place allocated, freed;
        uint64_t allocated_ns, freed_ns;
        uint16_t allocated_by, freed_by; /* threads */
        uint8_t order, path;
        uint32_t mempool; /* id of the memory pool it is an element of, 0: none */
        uint8_t was_put; /* its cache's shrinker may have freed it */
        uint8_t is_pages, is_freed; /* is_freed from the moment the free is submitted */
};

struct actor {
        struct scenario *scenario;
        enum actor_kind kind;
        enum actor_state state;
        char *name;
        uint32_t thread, cpu;
        bool is_foreground; /* keeps the run going */
        bool makes_fail;    /* the task filter of fault injection finds it */
        enum failure_policy policy;
        uint64_t start_ns;
        struct sandbox_place declared;
        struct prng prng;

        /* Lua */
        lua_State *L;
        int thread_ref, function_ref, box_ref;
        struct box *box;

        /* the request in hand */
        struct request request;
        uint32_t call_site;          /* debug_slab machines */
        struct object *object;       /* being allocated or freed; lives on the coroutine's stack */
        struct declared_cache *cache; /* being created or destroyed */
        struct declared_mempool *mempool; /* being created */
        struct pages *pages;          /* being made, one after the other; lives on the coroutine's stack */
        uint64_t pages_done;          /* of a set so far */
        const struct declared_process *process; /* it is a task of; of the actor that makes them:
                                                 * whose page is being made */
        lua_Integer written;          /* bytes written to /proc/slabinfo, -1: t:tune */

        /* waiting */
        struct wait_queue *queue;
        struct actor *next, *previous; /* in the wait queue; next in the ready queue */
        const char *waits_for, *waits_name; /* WAITING: in words */
        const struct declared_process *exit_of; /* begins when this process has exited */
        uint32_t waits_for_exit; /* WAITING, in no queue: of this process of the sim */
        bool has_begun; /* a task's function was called */
        bool has_alarm; /* SLEEPING, or WAITING with a timeout: the next SIM_WAKE is meant */
        int results;    /* READY: values on the coroutine's stack that its call returns */
        struct mailbox *inbox;
        struct event_flag *ended;

        /* interrupts: times are first + n * every, plus jitter */
        uint64_t every_ns, first_ns, jitter_ns;
        uint64_t count; /* deliveries that are still to come; UINT64_MAX: endless */
        uint64_t periods, delivered, lost;

        uint32_t player_index; /* of a CPU of a replayed trace */
        struct load_source *load;
        int load_role; /* enum feed_role */
};

struct expectation {
        char *text;
        int function_ref;
};

struct trace_player;
struct load_source;

/* What a text meant last time. Lua keeps one copy of a short text, so its address is a good first guess. */
#define TEXT_MEMOS     16
#define TEXT_MEMO_SIZE 32

struct text_memo {
        const char *address;
        uint32_t value;
        char text[TEXT_MEMO_SIZE];
};

struct scenario {
        char *path, *question;
        uint64_t seed;
        const char *const *settings;
        struct scenario_options options;
        struct sandbox *sandbox;
        lua_State *main; /* runs the main part, expectations and summary lines */
        struct sim_config config;
        bool has_machine, is_declaring;
        uint32_t spare_threads;
        GArray *vm_requests;  /* struct request: swap and settings of machine{}, made before the caches */
        uint32_t vm_asked;
        uint64_t stop_at_ns;  /* TIME_NEVER: no limit */
        bool runs_until_stop; /* nothing but stop_at ends it */
        enum failure_policy policy;

        GPtrArray *caches;  /* struct declared_cache; the first declared_caches of them by cache{} */
        uint32_t declared_caches;
        GPtrArray *mempools; /* struct declared_mempool; the first declared_mempools of them by mempool{} */
        uint32_t declared_mempools;
        GPtrArray *processes; /* struct declared_process, by id of the sim less 1 */
        GPtrArray *actors;  /* struct actor */
        GHashTable *actors_by_name;
        GPtrArray *mailboxes, *events;
        GArray *expectations, *summaries; /* struct expectation */
        GPtrArray *summary_lines;
        GPtrArray *params;  /* struct scenario_param */
        struct trace_player *player;
        GPtrArray *loads;   /* struct load_source */
        bool clock_is_used; /* a time was turned into cycles: machine{ } comes too late */

        /* Lua values that are needed where nothing may be allocated */
        int meta_refs[HANDLE_KINDS], reason_refs[REASON_COUNT], timeout_ref, busy_ref, result_ref;
        int einval_ref, enomem_ref;
        struct text_memo gfp_memos[TEXT_MEMOS], cache_memos[TEXT_MEMOS];

        /* while it runs */
        struct sim *sim;
        struct observer *observer;
        struct recorder *recorder;
        struct actor *init; /* makes the declared caches */
        GPtrArray *threads; /* struct actor by thread id; 0 is NULL */
        struct actor *ready_first, *ready_last;
        bool has_stash;     /* what the sim reported while it ran for one actor and another is concerned */
        enum sim_what stash_what;
        uint32_t stash_thread;
        uint32_t foreground, busy;
        uint64_t turns;
        GHashTable *call_sites;     /* struct call_site -> number; NULL: none asked yet */
        GPtrArray *call_site_names; /* by number - CALL_SITE_FIRST */
        uint64_t burst_ns;  /* time of the sim when a request last reset the burst counter */
        struct kernel_log_limit log_limit; /* printk_ratelimit */
        uint64_t reported_op;       /* the op that the kernel printed something about last */
        enum report_kind reported;  /* and what */
        char *report_text;          /* that text */
        enum scenario_error error_code; /* of the fault that was raised */
        GError *error;      /* set once: the run ends */
};

/* -- actor.c ------------------------------------------------------------------------------------------------------ */

struct actor *actor_new(struct scenario *scenario, enum actor_kind kind, const char *name, uint32_t cpu);
void actor_free(struct actor *actor);

/* task{ ... } or t:spawn{ ... }: the table is at `index`; pushes the box. */
struct actor *actor_declare_task(struct scenario *scenario, lua_State *L, int index, const char *what);
struct actor *actor_declare_interrupt(struct scenario *scenario, lua_State *L, int index);

/* Gives an actor its thread in the sim; false with scenario->error if there is no room. */
bool actor_attach(struct actor *actor);
void actor_start(struct actor *actor);

/* Puts it behind those that go on at this moment. */
void actor_make_ready(struct actor *actor);
uint32_t actor_cpu(const struct actor *actor); /* where it is now: its CPU may have gone down */
void actor_set_state(struct actor *actor, enum actor_state state);
void actor_end(struct actor *actor);

/* WAITING, last of the queue; and what it waited for has come: `results` values are on its stack. */
void actor_wait_in(struct actor *actor, struct wait_queue *queue);
void actor_wake(struct actor *actor, int results);
void event_signal(struct event_flag *event); /* wakes all that wait */

/* The main loop; false: scenario->error. */
bool actor_run_all(struct scenario *scenario);

/* -- init.c ------------------------------------------------------------------------------------------------------- */

/* For the actor of kind ACTOR_INIT: its first request, and the next one when one is done. May set scenario->error. */
void init_begin(struct actor *actor);
void init_done(struct actor *actor);

/* -- request.c ---------------------------------------------------------------------------------------------------- */

bool actor_hit(struct actor *actor); /* its request is done already; else it is to be submitted */

/* Its request is done: puts what its call returns on its stack, -1 if the run ends here. Allocates nothing. */
int actor_take_result(struct actor *actor);

/* Lets the sim go on until somebody is concerned. */
enum sim_what actor_advance(struct scenario *scenario, uint32_t *ret_thread);

/* The last step of a method: self->request goes to the sim, and the call returns when it is done. */
int actor_submit(lua_State *L, struct actor *self);
/* Not the last one: `then` is called with `at` when it is done, unless the call returns first. */
void actor_submit_then(lua_State *L, struct actor *self, lua_KContext at, lua_KFunction then);
/* The same for what the sim knows already: until `what` happens to the actor. */
int actor_wait_for(lua_State *L, struct actor *self, enum sim_what what);
int actor_wait_for_then(lua_State *L, struct actor *self, enum sim_what what, lua_KContext at, lua_KFunction then);
void actor_need_yieldable(lua_State *L); /* raises an error where the coroutine cannot wait */

int actor_wrong_self(lua_State *L); /* raises an error */

/* The actor whose coroutine this is, which must be the one the method is called on. */
static inline struct actor *actor_self_of(lua_State *L)
{
        struct actor *self = *(struct actor **)lua_getextraspace(L);

        if (!self || lua_touserdata(L, 1) != self->box)
                actor_wrong_self(L);
        return self;
}

struct actor *actor_task_of(lua_State *L, const char *what); /* it is no interrupt either */

/* Arguments at stack index `index` of the method `what`. */
uint32_t actor_gfp_argument(lua_State *L, struct actor *self, int index, const char *what);
uint8_t actor_node_argument(lua_State *L, const struct actor *self, int index, const char *what);
uint32_t actor_cache_argument(lua_State *L, struct actor *self, int index, const char *what,
                              struct declared_cache **ret_declared); /* may be NULL */
uint16_t actor_process_argument(lua_State *L, const struct actor *self, int index, const char *what);
uint16_t actor_process_of(const struct actor *self); /* 0: of none */

/* -- methods.c, methods_machine.c, methods_wait.c ----------------------------------------------------------------- */

void methods_open(struct scenario *scenario, lua_State *L); /* all methods of tasks, those of pressure.c too */
extern const luaL_Reg machine_methods[], wait_methods[];

/* -- pressure.c --------------------------------------------------------------------------------------------------- */

extern const luaL_Reg pressure_methods[]; /* methods of tasks */
void pressure_open(struct scenario *scenario, lua_State *L);
void pressure_took_page(struct actor *actor, const struct op_record *record); /* a page_new is done */
bool pressure_is_alive(const struct scenario *scenario, uint32_t object, uint64_t op);
void pressure_push_vmstat(lua_State *L, const struct sim *sim); /* a table of the counters of /proc/vmstat */
/* shrinker = { seeks, fs, hundreds } at stack index `index` */
void declare_shrinker(lua_State *L, int index, const char *what, struct request *ret);
/* swap and vm of the table at `index` */
void declare_vm(struct scenario *scenario, lua_State *L, int index);

/* -- call_sites.c ------------------------------------------------------------------------------------------------- */

/* debug_slab machines: says where the next request of the actor comes from, the line that is running; and that it has
 * been submitted. Every request of a task or interrupt needs both. Nothing in other machines. */
void call_site_note(struct actor *actor);
void call_site_submitted(struct actor *actor);

/* "overrun.lua:12 [writer]" for a caller word, NULL: it is none that this run gave. */
const char *call_site_name(const struct scenario *scenario, uint64_t caller);

/* -- failure.c ---------------------------------------------------------------------------------------------------- */

/* What a call that failed returns behind nil. */
extern const char *const failure_reason_texts[REASON_COUNT];
enum failure_reason failure_reason(const struct scenario *scenario, const struct op_record *record);

/* From here on what the simulated kernel prints becomes rows of `failure` and lines for the user. */
void failure_listen(struct scenario *scenario);

/* A request got nothing: what the failure policy says about it, which may be scenario->error. */
void failure_noted(struct actor *actor, const struct op_record *record);

/* What sim_submit refused where there is no Lua: a kernel BUG is noted as one. Returns how the run is to end. */
enum scenario_error failure_of_submit(struct actor *actor, const char *problem);

/* A BUG found before anything happened. These end the run and do not return. */
int failure_refused(lua_State *L, struct actor *self, const char *message);
int failure_double_free(lua_State *L, struct actor *self, const struct object *object);
enum wrong_free { WRONG_KFREE, WRONG_CACHE_FREE, WRONG_CACHE, WRONG_FREE_PAGES };
int failure_wrong_free(lua_State *L, struct actor *self, const struct object *object, enum wrong_free how);

/* -- faults.c ----------------------------------------------------------------------------------------------------- */

/* failslab{ ... } and fail_page_alloc{ ... } of the main part; the argument is at index 1. */
int faults_declare(struct scenario *scenario, lua_State *L, enum fault_capability capability);

/* A table of attributes: refuses unknown ones; reads one, false: it is not in the table. */
void faults_check(lua_State *L, int index, enum fault_capability capability);
bool faults_field(lua_State *L, int index, enum fault_capability capability, enum fault_attribute attribute,
                  uint32_t *ret);

/* Does this key of --set, or name of a parameter, belong to fault injection? */
bool faults_is_setting(const char *name);
/* After the main part: what --set says, and the seeds. False: scenario->error. */
bool faults_settle(struct scenario *scenario);

/* -- handle.c ----------------------------------------------------------------------------------------------------- */

/* The metatable of a kind. name: what luaL_typeerror says; upvalue 1 of the metamethods: the scenario. Once each. */
void handle_open(struct scenario *scenario, lua_State *L, enum handle_kind kind, const char *name,
                 const luaL_Reg *metamethods);

/* Pushes a new one, all zero but its handle. bytes: with the handle at its beginning. */
void *handle_new(struct scenario *scenario, lua_State *L, enum handle_kind kind, size_t bytes);
/* The value at `index`; NULL if it is none of that kind. */
void *handle_part(lua_State *L, int index, enum handle_kind kind);

struct box *box_push(struct scenario *scenario, lua_State *L, enum handle_kind kind, void *part);
/* What is in the box at `index`; NULL if it is none of that kind. */
void *box_part(lua_State *L, int index, enum handle_kind kind);
int box_tostring(lua_State *L);

/* -- object.c ----------------------------------------------------------------------------------------------------- */

void object_open(struct scenario *scenario, lua_State *L);
struct object *object_new(struct scenario *scenario, lua_State *L);
struct object *object_check(lua_State *L, int index);
/* "size-128 object (op 12, page 4711 + 256)" */
char *object_text(const struct scenario *scenario, const struct object *object);

/* -- fields.c ----------------------------------------------------------------------------------------------------- */

/* Fields of a table argument. `what` is the function's name, for messages. */
void fields_check(lua_State *L, int index, const char *what, const char *const *known);
bool fields_text(lua_State *L, int index, const char *what, const char *field, const char **ret);
bool fields_integer(lua_State *L, int index, const char *what, const char *field, lua_Integer min, lua_Integer max,
                    uint64_t *ret);
bool fields_size(lua_State *L, int index, const char *what, const char *field, uint64_t max, uint64_t *ret);
bool fields_time(lua_State *L, int index, const char *what, const char *field, uint64_t *ret);
bool fields_boolean(lua_State *L, int index, const char *what, const char *field, bool *ret);
/* Pushes the field; false (and nothing pushed) if it is nil. */
bool fields_push(lua_State *L, int index, const char *field);
void fields_need(lua_State *L, bool is_there, const char *what, const char *field);

/* Pushes "a, b, c"; words end with NULL. */
void fields_push_list(lua_State *L, const char *const *words);

/* Of the table on top, which results are given in: the field becomes the number; reading a field that is not there is
 * the error "there is no NOUN 'x'". */
void result_set(lua_State *L, const char *field, uint64_t value);
void result_seal(lua_State *L, const char *noun);

/* Values that are an integer or a text with a unit. */
uint64_t value_size(lua_State *L, int index, const char *what);
uint64_t value_time(lua_State *L, int index, const char *what);
uint32_t value_gfp(lua_State *L, int index, const char *what, bool numa);
enum failure_policy value_policy(lua_State *L, int index, const char *what);

/* -- scenario_declare.c ------------------------------------------------------------------------------------------- */

void declare_open(struct scenario *scenario, lua_State *L);

/* The scenario whose main part is running; an error in a task, where `what` would come too late. */
struct scenario *declaring(lua_State *L, const char *what);
int declare_machine(lua_State *L); /* declare_machine.c */

/* name, size, align, flags of cache{} and t:create{} */
void declare_cache_spec(struct scenario *scenario, lua_State *L, int index, const char *what, struct cache_spec *ret);
struct declared_cache *declare_cache(struct scenario *scenario, lua_State *L, const struct cache_spec *spec);

/* name, min_nr and cache, size or order of mempool{} and t:mempool_create{} */
struct declared_mempool *declare_mempool(struct scenario *scenario, lua_State *L, int index, const char *what);
/* Makes it known to the sim: NULL, or a sentence. */
const char *declare_mempool_in_sim(struct declared_mempool *mempool);

struct mailbox *mailbox_new(struct scenario *scenario, lua_State *L, const char *name);
struct event_flag *event_new(struct scenario *scenario, const char *name);

/* -- scenario.c --------------------------------------------------------------------------------------------------- */

/* Ends the run from C: sets scenario->error unless there is one. */
void scenario_fail(struct scenario *scenario, enum scenario_error code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Ends it from inside of a Lua call; does not return. */
int scenario_raise(struct scenario *scenario, lua_State *L, enum scenario_error code, const char *format, ...)
        G_GNUC_PRINTF(4, 5);

/* A thread of Lua ended with an error: what it says becomes scenario->error. who: "task \"x\"", or NULL. */
void scenario_take_error(struct scenario *scenario, lua_State *thread, const struct actor *actor);

void scenario_message(struct scenario *scenario, const char *line);

/* -- process.c ---------------------------------------------------------------------------------------------------- */

void process_declare(struct scenario *scenario, lua_State *L, int index); /* process{ ... }; pushes the box */
bool process_attach_all(struct scenario *scenario);                       /* into the sim; false: scenario->error */
int process_index(lua_State *L);
uint16_t process_memory(const struct declared_process *process); /* owner of its pages */
void process_set_request(lua_State *L, const struct declared_process *process, struct request *ret);
bool process_next_anon(struct scenario *scenario, struct request *ret, const struct declared_process **ret_process);
void process_push_results(lua_State *L, const struct scenario *scenario); /* pushes r.processes */

/* -- trace_player.c ----------------------------------------------------------------------------------------------- */

/* Reads an ops file, or imports a trace text. NULL with scenario->error. */
struct trace_player *trace_player_load(struct scenario *scenario, const char *file, uint64_t speed_part,
                                       uint64_t speed_whole, bool asap);
void trace_player_free(struct trace_player *player);
/* Makes its actors; called when the sim is there. */
bool trace_player_attach(struct trace_player *player);
/* The actor may go on: SIM_DONE, SIM_WAKE or ready. */
void trace_player_step(struct actor *actor, enum sim_what what);
void trace_player_figures(const struct trace_player *player, struct scenario_trace *ret);

/* -- scenario_load.c ---------------------------------------------------------------------------------------------- */

void load_open(struct scenario *scenario, lua_State *L);
void load_source_free(void *source);
/* For each of its actors, when the declared caches are there. May set scenario->error. */
void load_start(struct actor *actor);
/* The actor may go on: SIM_DONE, SIM_WAKE or ready. */
void load_step(struct actor *actor, enum sim_what what);
/* Pushes r.loads. */
void load_push_results(const struct scenario *scenario, lua_State *L);

#endif
