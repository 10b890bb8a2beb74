/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores: their life, what the embedder makes in them, and what a host
 * function asks of them.  Everything made in a store is freed with it, so
 * nothing here counts references.
 *
 * The function area and the value stack are reserved address space: creation
 * takes no time for them, and untouched pages no memory.
 */
#include "wasm/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/gc.h"
#include "wasm/trace_call.h"

enum {
	FUNCS_MAX = 16 << 20, FUNCS_MIN = 64 << 10,
	STACK_DEFAULT = 8 << 20, STACK_MIN = 64 << 10, STACK_MAX = 1 << 30,
};

const char *wasm_rt_trap_message(enum wasm_trap t)
{
	static const char *const message[WASM_TRAPS] = {
		[WASM_OK] = "no trap",
		[WASM_TRAP_UNREACHABLE] = "unreachable",
		[WASM_TRAP_MEMORY] = "out of bounds memory access",
		[WASM_TRAP_TABLE] = "out of bounds table access",
		[WASM_TRAP_UNDEFINED_ELEMENT] = "undefined element",
		[WASM_TRAP_UNINITIALIZED_ELEMENT] = "uninitialized element",
		[WASM_TRAP_INDIRECT_TYPE] = "indirect call type mismatch",
		[WASM_TRAP_DIV_ZERO] = "integer divide by zero",
		[WASM_TRAP_INT_OVERFLOW] = "integer overflow",
		[WASM_TRAP_INVALID_CONVERSION] = "invalid conversion to integer",
		[WASM_TRAP_NULL_REFERENCE] = "null reference",
		[WASM_TRAP_NULL_FUNC] = "null function reference",
		[WASM_TRAP_NULL_STRUCT] = "null structure reference",
		[WASM_TRAP_NULL_ARRAY] = "null array reference",
		[WASM_TRAP_NULL_I31] = "null i31 reference",
		[WASM_TRAP_NULL_EXN] = "null exception reference",
		[WASM_TRAP_ARRAY] = "out of bounds array access",
		[WASM_TRAP_CAST] = "cast failure",
		[WASM_TRAP_STACK] = "call stack exhausted",
		[WASM_TRAP_EXCEPTION] = "unhandled exception",
		[WASM_TRAP_UNALIGNED] = "unaligned atomic",
		[WASM_TRAP_EXPECTED_SHARED] = "expected shared memory",
		[WASM_TRAP_OUT_OF_MEMORY] = "allocation failure",
		[WASM_TRAP_FUEL] = "all fuel consumed",
		[WASM_TRAP_INTERRUPT] = "interrupted",
		[WASM_TRAP_HOST] = "host function failed",
		[WASM_TRAP_EXIT] = "exit",
	};

	return (unsigned)t < WASM_TRAPS && message[t] ? message[t] : "unknown trap";
}

/* ---- life ---- */

/* One area: the functions, then the stack, then a guard page. */
static uint64_t area_size(const struct wasm_store *s)
{
	return s->owned->func_cap * sizeof(*s->funcs) + s->limits.stack;
}

static int area_map(struct wasm_store *s, struct err *e)
{
	uint64_t stack = s->limits.stack ? s->limits.stack : STACK_DEFAULT;

	s->limits.stack = (uint32_t)MIN(align_up(MAX(stack, (uint64_t)STACK_MIN), 4096),
					(uint64_t)STACK_MAX);
	for (uint32_t n = FUNCS_MAX; !s->funcs && n >= FUNCS_MIN; n /= 16) {
		s->owned->func_cap = n;
		s->funcs = mem_area_map(area_size(s));
	}
	if (!s->funcs)
		return err_set(e, ENOMEM, "no memory for a store");
	s->nfuncs = 1;
	s->stack = (uint64_t *)(s->funcs + s->owned->func_cap);
	s->stack_end = s->stack + s->limits.stack / 8;
	s->sp = s->stack;
	return 0;
}

struct wasm_store *wasm_store_create(struct wasm_type_store *types,
				     const struct wasm_store_limits *l, struct err *e)
{
	struct wasm_store *s = base_zalloc(sizeof(*s));
	bool gc = false;

	if (s)
		s->owned = base_zalloc(sizeof(*s->owned));
	if (!s || !s->owned) {
		base_free(s);
		err_set(e, ENOMEM, "no memory for a store");
		return NULL;
	}
	s->types = types;
	if (l)
		s->limits = *l;
	if (!s->limits.heap)
		s->limits.heap = 1ull << 30;
	if (!s->limits.table)
		s->limits.table = 10000000;
	if (!s->limits.memory)
		s->limits.memory = UINT64_MAX;
	s->fuel = s->limits.fuel;
	s->refs.next = s->refs.prev = &s->refs;
	s->owned->objects_end = &s->owned->objects;
	s->owned->instances_end = &s->instances;
	if (!area_map(s, e)) {
		gc = !wasm_gc_init(s, e);
		if (gc && !wasm__interp_store_init(s, e))
			return s;
	}
	if (gc)
		wasm_gc_fini(s);
	mem_area_unmap(s->funcs, area_size(s));
	base_free(s->owned);
	base_free(s);
	return NULL;
}

static void instance_free(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;

	wasm__interp_instance_fini(i);
	for (uint32_t k = m->nmemories_imported; k < m->nmemories; k++)
		wasm__memory_fini(i->store, i->memories[k]);
	for (uint32_t k = m->ntables_imported; k < m->ntables; k++)
		wasm__table_fini(i->store, i->tables[k]);
	for (uint32_t k = 0; k < m->nelems; k++)
		base_free(i->elems[k].words);
	base_free(i);
}

static void objects_free(struct wasm_store *s)
{
	struct wasm__object *next;

	for (struct wasm__object *o = s->owned->objects; o; o = next) {
		next = o->next;
		if (o->kind == WASM_EXTERN_MEMORY)
			wasm__memory_fini(s, &o->memory);
		else if (o->kind == WASM_EXTERN_TABLE)
			wasm__table_fini(s, &o->table);
		base_free(o);
	}
}

void wasm_store_destroy(struct wasm_store *s)
{
	struct wasm_instance *next;

	if (!s)
		return;
	wasm_store_drop_refs(s);
	for (struct wasm_instance *i = s->instances; i; i = next) {
		next = i->next;
		instance_free(i);
	}
	objects_free(s);
	wasm__interp_store_fini(s);
	wasm_gc_fini(s);
	mem_area_unmap(s->funcs, area_size(s));
	wasm__trace_fini(s);
	base_free(s->backtrace);
	base_free(s->owned);
	base_free(s);
}

/* ---- what the embedder makes ---- */

uint32_t wasm__slots(const struct wasm_type *types, uint32_t n)
{
	uint32_t slots = n;

	for (uint32_t i = 0; i < n; i++)
		slots += wasm_type_kind(types[i]) == WASM_V128;
	return slots;
}

struct wasm_rt_func *wasm__func_alloc(struct wasm_store *s)
{
	return s->nfuncs < s->owned->func_cap ? &s->funcs[s->nfuncs++] : NULL;
}

struct wasm_rt_func *wasm_rt_func_new_host(struct wasm_store *s, uint32_t type,
					   wasm_host_fn *fn, void *ctx, struct err *e)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, type);
	struct wasm_rt_func *f = wasm__func_alloc(s);

	if (!f) {
		err_set(e, ENOMEM, "too many functions in a store");
		return NULL;
	}
	f->type = type;
	f->host = fn;
	f->ctx = ctx;
	f->param_slots = wasm__slots(d->types, d->nparams);
	f->result_slots = wasm__slots(d->types + d->nparams, d->nresults);
	wasm__interp_prepare(s, f);
	return f;
}

static struct wasm__object *object_new(uint8_t kind, struct err *e)
{
	struct wasm__object *o = base_zalloc(sizeof(*o));

	if (o)
		o->kind = kind;
	else
		err_set(e, ENOMEM, "out of memory");
	return o;
}

static void object_add(struct wasm_store *s, struct wasm__object *o)
{
	*s->owned->objects_end = o;
	s->owned->objects_end = &o->next;
}

struct wasm_rt_table *wasm_rt_table_new(struct wasm_store *s, const struct wasm_table *t,
					union wasm_val init, struct err *e)
{
	struct wasm__object *o = object_new(WASM_EXTERN_TABLE, e);

	if (!o)
		return NULL;
	if (wasm__table_setup(s, &o->table, t, e)) {
		base_free(o);
		return NULL;
	}
	for (uint64_t i = 0; init.ref && i < o->table.size; i++)
		o->table.elems[i] = init.ref->word;
	object_add(s, o);
	return &o->table;
}

struct wasm_rt_memory *wasm_rt_memory_new(struct wasm_store *s, const struct wasm_memory *m,
					  struct err *e)
{
	struct wasm__object *o = object_new(WASM_EXTERN_MEMORY, e);

	if (!o)
		return NULL;
	if (wasm__memory_setup(s, &o->memory, m, -1, 0, e)) {
		base_free(o);
		return NULL;
	}
	object_add(s, o);
	return &o->memory;
}

struct mem_linear *wasm_rt_memory_linear(const struct wasm_rt_memory *m)
{
	return m->mem;
}

struct wasm_rt_memory *wasm_rt_memory_share(struct wasm_store *s, struct mem_linear *mem,
					    const struct wasm_memory *m, struct err *e)
{
	struct wasm__object *o = object_new(WASM_EXTERN_MEMORY, e);

	if (!o)
		return NULL;
	o->memory = (struct wasm_rt_memory){
		.base = mem_linear_base(mem), .size = mem_linear_size(mem),
		.mem = mem_linear_ref(mem), .limits = m->limits, .page_shift = m->page_shift,
	};
	/* The pages are counted where they were made. */
	object_add(s, o);
	return &o->memory;
}

struct wasm_rt_global *wasm_rt_global_new(struct wasm_store *s, struct wasm_type t,
					  bool mutable_, union wasm_val v, struct err *e)
{
	struct wasm__object *o = object_new(WASM_EXTERN_GLOBAL, e);

	if (!o)
		return NULL;
	o->global.type = t;
	o->global.mutable_ = mutable_;
	wasm__val_to_slots(v, t, o->global.v);
	object_add(s, o);
	return &o->global;
}

struct wasm_rt_tag *wasm_rt_tag_new(struct wasm_store *s, uint32_t type, struct err *e)
{
	struct wasm__object *o = object_new(WASM_EXTERN_TAG, e);

	if (!o)
		return NULL;
	o->tag.type = type;
	object_add(s, o);
	return &o->tag;
}

/* ---- what a host function, or another thread, asks ---- */

void wasm_interrupt(struct wasm_store *s)
{
	atomic_store(&s->interrupt, true);
	wasm__atomic_interrupt(s);
}

void wasm_interrupt_done(struct wasm_store *s)
{
	atomic_store(&s->interrupt, false);
}

enum wasm_trap wasm_store_trap(struct wasm_store *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->message, sizeof(s->message), fmt, ap);
	va_end(ap);
	return WASM_TRAP_HOST;
}

const char *wasm_store_trap_message(const struct wasm_store *s)
{
	return s->message;
}

enum wasm_trap wasm_store_exit(struct wasm_store *s, uint32_t status)
{
	s->exit_status = status;
	return WASM_TRAP_EXIT;
}

uint32_t wasm_store_exit_status(const struct wasm_store *s)
{
	return s->exit_status;
}

uint64_t wasm_store_fuel(const struct wasm_store *s)
{
	return s->fuel;
}

void wasm_store_add_fuel(struct wasm_store *s, uint64_t fuel)
{
	s->fuel = fuel > UINT64_MAX - s->fuel ? UINT64_MAX : s->fuel + fuel;
}

const char *wasm_store_backtrace(struct wasm_store *s)
{
	return s->backtrace ? s->backtrace : "";
}

struct wasm_instance *wasm_store_caller(struct wasm_store *s)
{
	return s->caller;
}

struct wasm_rt_memory *wasm_store_caller_memory(struct wasm_store *s)
{
	struct wasm_instance *i = s->caller;
	struct wasm_extern x;

	if (!i)
		return NULL;
	/* With one memory, it is that one, and no name has to be looked up. */
	if (i->module->nmemories > 1 && wasm_instance_export(i, "memory", 6, &x) &&
	    x.kind == WASM_EXTERN_MEMORY)
		return x.memory;
	return i->module->nmemories ? i->memories[0] : NULL;
}
