/*
 * methods.c - the Lua methods of tasks and interrupts: t:kmalloc, t:alloc, t:pages, the frees, t:write, memory pools,
 * chance and names; and the table of all methods, with those of methods_machine.c, methods_wait.c and pressure.c.
 */
#include "script/scenario_parts.h"

/* -- allocate ----------------------------------------------------------------------------------------------------- */

static int submit_alloc(lua_State *L, struct actor *self)
{
        struct scenario *scenario = self->scenario;

        self->object = object_new(scenario, L); /* on top of the stack: the result */
        self->object->allocated = sandbox_place(scenario->sandbox, L, 1);
        self->object->allocated_by = (uint16_t)self->thread;
        return actor_submit(L, self);
}

static int task_kmalloc(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        int is_integer;
        lua_Integer size = lua_tointegerx(L, 2, &is_integer);

        if (!is_integer || size < 0 || lua_type(L, 2) != LUA_TNUMBER)
                size = (lua_Integer)value_size(L, 2, "kmalloc");
        self->request = (struct request){ .kind = OP_KMALLOC, .size_bytes = (uint64_t)size,
                                          .gfp = actor_gfp_argument(L, self, 3, "kmalloc"),
                                          .node_plus_1 = actor_node_argument(L, self, 4, "kmalloc") };
        return submit_alloc(L, self);
}

static int task_alloc(lua_State *L)
{
        struct actor *self = actor_self_of(L);

        self->request = (struct request){ .kind = OP_ALLOC, .cache = actor_cache_argument(L, self, 2, "alloc", NULL),
                                          .gfp = actor_gfp_argument(L, self, 3, "alloc"),
                                          .node_plus_1 = actor_node_argument(L, self, 4, "alloc") };
        return submit_alloc(L, self);
}

static int task_pages(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        lua_Integer order = luaL_checkinteger(L, 2);

        luaL_argcheck(L, order >= 0 && order <= 20, 2, "an order is 0 or more (11 and more always fail)");
        self->request = (struct request){ .kind = OP_PAGES, .order = (uint8_t)order,
                                          .gfp = actor_gfp_argument(L, self, 3, "pages"),
                                          .node_plus_1 = actor_node_argument(L, self, 4, "pages") };
        return submit_alloc(L, self);
}

/* -- free --------------------------------------------------------------------------------------------------------- */

/* In a debug_slab machine the kernel's own checks look at what is not, or no longer, an object. */
static int submit_free_address(lua_State *L, struct actor *self, const struct object *object, lua_Integer offset)
{
        self->object = NULL;
        self->request = (struct request){ .kind = OP_FREE,
                                          .object = OBJECT_NONE,
                                          .place = object->place + (uint64_t)offset,
                                          .size_bytes = object->size_bytes };
        return actor_submit(L, self);
}

static int submit_free(lua_State *L, struct actor *self, struct object *object)
{
        struct scenario *scenario = self->scenario;

        if (scenario->config.debug_slab && object->is_freed && !object->is_pages)
                return submit_free_address(L, self, object, 0);
        if (object->is_freed)
                return failure_double_free(L, self, object);
        if (object->mempool)
                return luaL_error(L, "an element of a memory pool goes back with t:mempool_free");
        if (object->was_put && !pressure_is_alive(scenario, object->object, object->op))
                return luaL_error(
                        L, "the shrinker of its cache has freed this object: t:get says whether it is still there");
        actor_need_yieldable(L);
        object->is_freed = 1;
        object->freed = sandbox_place(scenario->sandbox, L, 1);
        object->freed_by = (uint16_t)self->thread;
        object->freed_ns = sim_now_ns(scenario->sim);
        self->object = object;
        self->request = (struct request){ .kind = OP_FREE, .object = object->object };
        return actor_submit(L, self);
}

/* An offset from an object's address that stays an address of the machine's. */
static lua_Integer debug_offset(lua_State *L, const struct actor *self, const struct object *object, int index,
                                const char *what)
{
        lua_Integer offset = luaL_checkinteger(L, index);

        if (!self->scenario->config.debug_slab)
                luaL_error(L, "%s: only a machine with debug_slab = true looks at what is not an object", what);
        if (offset < -(lua_Integer)object->place || offset >= ((lua_Integer)1 << 44) - (lua_Integer)object->place)
                luaL_error(L, "%s: there is no address at this offset", what);
        return offset;
}

/*
 * t:write(object, offset, bytes [, count]): from `at` on. A request is a run of up to four bytes over and over, so that
 * what repeats is one, and other texts are as many as they need.
 */
static int write_on(lua_State *L, int status, lua_KContext at)
{
        struct actor *self = actor_self_of(L);
        const struct object *object = object_check(L, 2);
        size_t length;
        const char *bytes = lua_tolstring(L, 4, &length);
        lua_KContext count = (lua_KContext)lua_tointeger(L, 5);

        (void)status;
        while (at < count) {
                lua_KContext best = 0;
                uint32_t period = 1, pattern = 0;

                for (uint32_t p = 1; p <= 4; p++) {
                        lua_KContext run = 0;

                        while (at + run < count &&
                               bytes[(size_t)(at + run) % length] == bytes[(size_t)(at + run % p) % length])
                                run++;
                        if (run > best) {
                                best = run;
                                period = p;
                        }
                }
                for (uint32_t i = 0; i < period; i++)
                        pattern |= (uint32_t)(uint8_t)bytes[(size_t)(at + i) % length] << (8 * i);
                self->request = (struct request){ .kind = OP_WRITE, .order = (uint8_t)period, .gfp = pattern,
                                                  .size_bytes = (uint64_t)best, .op = object->op,
                                                  .place = object->place + (uint64_t)(lua_tointeger(L, 3) + at) };
                at += best;
                actor_submit_then(L, self, at, write_on);
        }
        return 0;
}

static int task_write(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        const struct object *object = object_check(L, 2);
        size_t length;
        lua_Integer count;

        if (!self->scenario->config.debug_slab)
                return luaL_error(L, "write: only a machine with debug_slab = true knows what its objects hold");
        if (object->is_pages)
                return luaL_error(L, "write: what blocks of pages hold is not modelled; write to objects");
        debug_offset(L, self, object, 3, "write");
        luaL_checktype(L, 4, LUA_TSTRING);
        lua_tolstring(L, 4, &length);
        count = luaL_optinteger(L, 5, (lua_Integer)length);
        luaL_argcheck(L, length > 0, 4, "there are no bytes in it");
        luaL_argcheck(L, count >= 1 && count <= 131072, 5, "a write is 1 to 131072 bytes");
        actor_need_yieldable(L);
        lua_settop(L, 4);
        lua_pushinteger(L, count);
        return write_on(L, LUA_OK, 0);
}

/* t:kfree(object [, offset]): offset, in a debug_slab machine: of an address that far from the object's. */
static int task_kfree(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        struct object *object;

        if (lua_isnil(L, 2))
                return 0; /* kfree(NULL) */
        object = object_check(L, 2);
        if (!lua_isnoneornil(L, 3))
                return submit_free_address(L, self, object, debug_offset(L, self, object, 3, "kfree"));
        if (object->is_pages && self->scenario->config.debug_slab)
                return submit_free_address(L, self, object, 0);
        if (object->is_pages)
                return failure_wrong_free(L, self, object, WRONG_KFREE);
        return submit_free(L, self, object);
}

/* t:free(object [, cache]): kmem_cache_free. With a cache, the object must be of that cache. */
static int task_free(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        struct object *object = object_check(L, 2);

        if (object->is_pages)
                return failure_wrong_free(L, self, object, WRONG_CACHE_FREE);
        if (!lua_isnoneornil(L, 3) && actor_cache_argument(L, self, 3, "free", NULL) != object->cache)
                return failure_wrong_free(L, self, object, WRONG_CACHE);
        return submit_free(L, self, object);
}

static int task_free_pages(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        struct object *object;

        if (lua_isnil(L, 2))
                return 0;
        object = object_check(L, 2);
        if (!object->is_pages)
                return failure_wrong_free(L, self, object, WRONG_FREE_PAGES);
        return submit_free(L, self, object);
}

/* -- memory pools ------------------------------------------------------------------------------------------------- */

static struct declared_mempool *mempool_argument(lua_State *L, int index, const char *what)
{
        struct declared_mempool *mempool = box_part(L, index, BOX_MEMPOOL);

        if (!mempool)
                luaL_error(L, "%s needs a memory pool: what mempool{} returned", what);
        if (!mempool->id)
                luaL_error(L, "%s: the memory pool '%s' was not created", what, mempool->spec.name);
        return mempool;
}

static int task_mempool_create(lua_State *L)
{
        struct actor *self = actor_task_of(L, "mempool_create");
        struct declared_mempool *mempool;
        const char *problem;

        actor_need_yieldable(L);
        mempool = declare_mempool(self->scenario, L, 2, "mempool_create");
        problem = declare_mempool_in_sim(mempool);
        if (problem)
                return luaL_error(L, "mempool_create: %s", problem);
        self->request = (struct request){ .kind = OP_MEMPOOL_CREATE, .mempool = mempool->id };
        return actor_submit(L, self);
}

static int task_mempool_alloc(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        const struct declared_mempool *mempool = mempool_argument(L, 2, "mempool_alloc");

        self->request = (struct request){ .kind = OP_MEMPOOL_ALLOC, .mempool = mempool->id,
                                          .gfp = actor_gfp_argument(L, self, 3, "mempool_alloc") };
        return submit_alloc(L, self);
}

/* t:mempool_free(element [, pool]): with a pool, it must be the element's. */
static int task_mempool_free(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        struct object *object = object_check(L, 2);

        if (!object->mempool)
                return luaL_error(L, "mempool_free needs what t:mempool_alloc returned");
        if (!lua_isnoneornil(L, 3) && mempool_argument(L, 3, "mempool_free")->id != object->mempool)
                return luaL_error(L, "mempool_free: the element is of another memory pool");
        if (object->is_freed)
                return failure_double_free(L, self, object);
        actor_need_yieldable(L);
        object->is_freed = 1;
        object->freed = sandbox_place(self->scenario->sandbox, L, 1);
        object->freed_ns = sim_now_ns(self->scenario->sim);
        object->freed_by = (uint16_t)self->thread;
        self->object = object;
        self->request = (struct request){ .kind = OP_MEMPOOL_FREE, .object = object->object };
        return actor_submit(L, self);
}

static int task_mempool_resize(lua_State *L)
{
        struct actor *self = actor_task_of(L, "mempool_resize");
        const struct declared_mempool *mempool = mempool_argument(L, 2, "mempool_resize");
        lua_Integer min_nr = luaL_checkinteger(L, 3);

        luaL_argcheck(L, min_nr >= 1 && min_nr <= (lua_Integer)MEMPOOL_MIN_MAX, 3, "1 to 16384 elements");
        self->request = (struct request){ .kind = OP_MEMPOOL_RESIZE,
                                          .mempool = mempool->id,
                                          .size_bytes = (uint64_t)min_nr,
                                          .gfp = actor_gfp_argument(L, self, 4, "mempool_resize") };
        return actor_submit(L, self);
}

static int task_mempool_destroy(lua_State *L)
{
        struct actor *self = actor_task_of(L, "mempool_destroy");

        self->request = (struct request){ .kind = OP_MEMPOOL_DESTROY,
                                          .mempool = mempool_argument(L, 2, "mempool_destroy")->id };
        return actor_submit(L, self);
}

/* -- time, chance, names ------------------------------------------------------------------------------------------ */

static int task_work(lua_State *L)
{
        struct actor *self = actor_self_of(L);

        self->request = (struct request){ .kind = OP_WORK, .size_bytes = value_time(L, 2, "work") };
        return actor_submit(L, self);
}

static int task_now(lua_State *L)
{
        lua_pushinteger(L, (lua_Integer)sim_now_ns(actor_self_of(L)->scenario->sim));
        return 1;
}

static int task_random(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        lua_Integer first = lua_isnoneornil(L, 3) ? 1 : luaL_checkinteger(L, 2);
        lua_Integer last = luaL_checkinteger(L, lua_isnoneornil(L, 3) ? 2 : 3);

        luaL_argcheck(L, first <= last, 2, "interval is empty");
        lua_pushinteger(L, prng_between(&self->prng, first, last));
        return 1;
}

static int task_chance(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        lua_Integer part = luaL_checkinteger(L, 2), whole = luaL_checkinteger(L, 3);

        luaL_argcheck(L, whole > 0 && part >= 0 && part <= whole, 2, "a chance is PART of WHOLE: 0 <= PART <= WHOLE");
        lua_pushboolean(L, prng_chance(&self->prng, (uint64_t)part, (uint64_t)whole));
        return 1;
}

static int task_pick(lua_State *L)
{
        struct actor *self = actor_self_of(L);

        luaL_checktype(L, 2, LUA_TTABLE);
        luaL_argcheck(L, lua_rawlen(L, 2) > 0, 2, "the list is empty");
        lua_rawgeti(L, 2, prng_between(&self->prng, 1, (lua_Integer)lua_rawlen(L, 2)));
        return 1;
}

static int task_shuffle(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        lua_Integer count;

        luaL_checktype(L, 2, LUA_TTABLE);
        count = (lua_Integer)lua_rawlen(L, 2);
        sandbox_charge(L, (uint64_t)count);
        for (lua_Integer i = count; i > 1; i--) {
                lua_Integer other = prng_between(&self->prng, 1, i);

                lua_rawgeti(L, 2, i);
                lua_rawgeti(L, 2, other);
                lua_rawseti(L, 2, i);
                lua_rawseti(L, 2, other);
        }
        lua_settop(L, 2);
        return 1;
}

static int task_name(lua_State *L)
{
        lua_pushstring(L, actor_self_of(L)->name);
        return 1;
}

static int task_cpu(lua_State *L)
{
        const struct actor *self = actor_self_of(L);

        lua_pushinteger(L, actor_cpu(self));
        return 1;
}

/* t:node(): of its CPU. t:node(object): of the memory that an object or a block of pages lies in. */
static int task_node(lua_State *L)
{
        struct actor *self = actor_self_of(L);
        const struct memory *mem = sim_memory(self->scenario->sim);
        uint32_t node = mem->node_of_cpu[actor_cpu(self)];

        if (!lua_isnoneornil(L, 2)) {
                uint32_t pfn = place_pfn(object_check(L, 2)->place);

                node = mem->zones[mem->zone_of_section[pfn >> SECTION_SHIFT]].node;
        }
        lua_pushinteger(L, node);
        return 1;
}

static int unknown_method(lua_State *L)
{
        return luaL_error(L, "a task has no method '%s'", luaL_tolstring(L, 2, NULL));
}

void methods_open(struct scenario *scenario, lua_State *L)
{
        static const luaL_Reg methods[] = {
                { "alloc", task_alloc },
                { "chance", task_chance },
                { "cpu", task_cpu },
                { "free", task_free },
                { "free_pages", task_free_pages },
                { "kfree", task_kfree },
                { "kmalloc", task_kmalloc },
                { "mempool_alloc", task_mempool_alloc },
                { "mempool_create", task_mempool_create },
                { "mempool_destroy", task_mempool_destroy },
                { "mempool_free", task_mempool_free },
                { "mempool_resize", task_mempool_resize },
                { "name", task_name },
                { "node", task_node },
                { "now", task_now },
                { "pages", task_pages },
                { "pick", task_pick },
                { "random", task_random },
                { "shuffle", task_shuffle },
                { "work", task_work },
                { "write", task_write },
                { NULL, NULL },
        };

        pressure_open(scenario, L);
        lua_rawgeti(L, LUA_REGISTRYINDEX, scenario->meta_refs[BOX_ACTOR]);
        luaL_newlib(L, methods);
        luaL_setfuncs(L, machine_methods, 0);
        luaL_setfuncs(L, wait_methods, 0);
        luaL_setfuncs(L, pressure_methods, 0);
        lua_newtable(L);
        lua_pushcfunction(L, unknown_method);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, -2);
        lua_setfield(L, -2, "__index");
        lua_pop(L, 1);

        for (int reason = 0; reason < REASON_COUNT; reason++) {
                lua_pushstring(L, failure_reason_texts[reason]);
                scenario->reason_refs[reason] = luaL_ref(L, LUA_REGISTRYINDEX);
        }
        lua_pushliteral(L, "timeout");
        scenario->timeout_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushliteral(L, "busy");
        scenario->busy_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushliteral(L, "EINVAL");
        scenario->einval_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushliteral(L, "ENOMEM");
        scenario->enomem_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
