/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References of the C API: counted, listed in their store, found again by the
 * engine's object (see api.h).
 */
#include "process/api.h"

/* ---- the table of a store -------------------------------------------------------- */

static size_t bucket_of(const wasm_store_t *s, const void *object)
{
	uint64_t x = (uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u;

	return (size_t)(x >> 32) & (s->nbuckets - 1);
}

/* Without memory for a larger table the old one goes on, only slower. */
static bool grow_table(wasm_store_t *s)
{
	size_t n = s->nbuckets ? s->nbuckets * 2 : API_BUCKETS;
	wasm_ref_t **old = s->buckets, **new = base_calloc(n, sizeof(*new));
	size_t nold = s->nbuckets;

	if (!new)
		return old;
	s->buckets = new;
	s->nbuckets = n;
	for (size_t i = 0; i < nold; i++)
		for (wasm_ref_t *r = old[i], *next; r; r = next) {
			size_t b = bucket_of(s, r->object);

			next = r->bucket;
			r->bucket = new[b];
			new[b] = r;
		}
	base_free(old);
	return true;
}

static bool add_object(wasm_store_t *s, wasm_ref_t *r)
{
	size_t b;

	if (s->nobjects >= s->nbuckets && !grow_table(s))
		return false;
	b = bucket_of(s, r->object);
	r->bucket = s->buckets[b];
	s->buckets[b] = r;
	s->nobjects++;
	return true;
}

static void remove_object(wasm_ref_t *r)
{
	wasm_ref_t **p = &r->store->buckets[bucket_of(r->store, r->object)];

	while (*p != r)
		p = &(*p)->bucket;
	*p = r->bucket;
	r->store->nobjects--;
}

wasm_ref_t *process__api_ref_new(wasm_store_t *s, enum api_kind kind, void *object)
{
	wasm_ref_t *r = base_zalloc(sizeof(*r));

	if (!r)
		return NULL;
	*r = (wasm_ref_t){ .kind = (uint8_t)kind, .refs = 1, .store = s, .object = object };
	if (object && !add_object(s, r)) {
		base_free(r);
		return NULL;
	}
	if (!s)
		return r;
	r->next = s->refs;
	r->link = &s->refs;
	if (r->next)
		r->next->link = &r->next;
	s->refs = r;
	return r;
}

wasm_ref_t *process__api_ref_of(wasm_store_t *s, enum api_kind kind, void *object)
{
	wasm_ref_t *r = s->nbuckets ? s->buckets[bucket_of(s, object)] : NULL;

	while (r && r->object != object)
		r = r->bucket;
	return r ? process__api_ref_hold(r) : process__api_ref_new(s, kind, object);
}

/* ---- ownership ----------------------------------------------------------------------- */

wasm_ref_t *process__api_ref_hold(const wasm_ref_t *r)
{
	((wasm_ref_t *)r)->refs++;
	return (wasm_ref_t *)r;
}

static void trap_free(struct api_trap *t)
{
	if (!t)
		return;
	base_free(t->message);
	base_free(t->backtrace);
	base_free(t->frames);
	base_free(t);
}

/* What belongs to the reference itself. */
static void release(wasm_ref_t *r)
{
	void (*finalizer)(void *) = r->finalizer;

	r->finalizer = NULL;
	if (finalizer)
		finalizer(r->info);
	if (r->kind == API_MODULE)
		process__api_module_drop(base_steal(&r->module));
	else if (r->kind == API_TRAP)
		trap_free(base_steal(&r->trap));
	else if (r->kind == API_OBJECT && r->store)
		wasm_ref_drop(r->store->rt, base_steal(&r->handle));
}

static void unlist(wasm_ref_t *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
}

/* Objects of the engine live as long as the store, and so does what the
 * embedder has hung on them. */
static bool stays(const wasm_ref_t *r)
{
	return r->store && (r->kept || (r->object && (r->info || r->finalizer)));
}

void process__api_ref_drop(wasm_ref_t *r)
{
	if (!r || --r->refs || stays(r))
		return;
	if (r->store) {
		if (r->object)
			remove_object(r);
		unlist(r);
	}
	release(r);
	base_free(r);
}

void process__api_refs_end(wasm_store_t *s)
{
	while (s->refs) {
		wasm_ref_t *r = s->refs;

		unlist(r);
		/* A module and a trap need no store; their owners have them still. */
		if (!r->refs || (r->kind != API_MODULE && r->kind != API_TRAP))
			release(r);
		r->store = NULL;
		r->object = NULL;
		if (!r->refs)
			base_free(r);
	}
	base_free(s->boxed);
	base_free(s->buckets);
	s->buckets = NULL;
	s->boxed = NULL;
	s->nboxed = 0;
	s->nbuckets = s->nobjects = 0;
}

/* ---- the functions of each kind ------------------------------------------------------------ */

static void set_info(wasm_ref_t *r, void *info, void (*finalizer)(void *))
{
	void (*old)(void *) = r->finalizer;

	r->finalizer = NULL;
	if (old)
		old(r->info);
	r->info = info;
	r->finalizer = finalizer;
}

#define REF_BASE(name)                                                         \
	void wasm_##name##_delete(wasm_##name##_t *r)                          \
	{                                                                      \
		process__api_ref_drop((wasm_ref_t *)r);                        \
	}                                                                      \
	wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *r)          \
	{                                                                      \
		return (wasm_##name##_t *)process__api_ref_hold((const wasm_ref_t *)r); \
	}                                                                      \
	void *wasm_##name##_get_host_info(const wasm_##name##_t *r)            \
	{                                                                      \
		return ((const wasm_ref_t *)r)->info;                          \
	}                                                                      \
	void wasm_##name##_set_host_info(wasm_##name##_t *r, void *info)       \
	{                                                                      \
		set_info((wasm_ref_t *)r, info, NULL);                         \
	}                                                                      \
	void wasm_##name##_set_host_info_with_finalizer(                       \
		wasm_##name##_t *r, void *info, void (*finalizer)(void *))     \
	{                                                                      \
		set_info((wasm_ref_t *)r, info, finalizer);                    \
	}                                                                      \
	bool wasm_##name##_same(const wasm_##name##_t *a, const wasm_##name##_t *b) \
	{                                                                      \
		return same((const wasm_ref_t *)a, (const wasm_ref_t *)b);     \
	}

#define REF(name, is)                                                          \
	REF_BASE(name)                                                         \
	wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *r)                   \
	{                                                                      \
		return (wasm_ref_t *)r;                                        \
	}                                                                      \
	wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *r)                     \
	{                                                                      \
		return r && (is) ? (wasm_##name##_t *)r : NULL;                \
	}                                                                      \
	const wasm_ref_t *wasm_##name##_as_ref_const(const wasm_##name##_t *r) \
	{                                                                      \
		return (const wasm_ref_t *)r;                                  \
	}                                                                      \
	const wasm_##name##_t *wasm_ref_as_##name##_const(const wasm_ref_t *r) \
	{                                                                      \
		return r && (is) ? (const wasm_##name##_t *)r : NULL;          \
	}

/* Two handles may be of one object. */
static bool same(const wasm_ref_t *a, const wasm_ref_t *b)
{
	if (a == b)
		return true;
	return a && b && a->kind == API_OBJECT && b->kind == API_OBJECT && a->store &&
	       a->store == b->store && wasm_ref_eq(a->store->rt, a->handle, b->handle);
}

REF_BASE(ref)
REF(func, r->kind == API_FUNC)
REF(global, r->kind == API_GLOBAL)
REF(table, r->kind == API_TABLE)
REF(memory, r->kind == API_MEMORY)
REF(tag, r->kind == API_TAG)
REF(extern, r->kind <= API_TAG)
REF(instance, r->kind == API_INSTANCE)
REF(module, r->kind == API_MODULE)
REF(trap, r->kind == API_TRAP)
REF(foreign, r->kind == API_FOREIGN)

wasm_foreign_t *wasm_foreign_new(wasm_store_t *s)
{
	return (wasm_foreign_t *)process__api_ref_new(s, API_FOREIGN, NULL);
}

/* ---- externs -------------------------------------------------------------------------------- */

wasm_ref_t *process__api_extern_ref(wasm_store_t *s, const struct wasm_extern *x)
{
	switch (x->kind) {
	case WASM_EXTERN_FUNC:
		return process__api_ref_of(s, API_FUNC, x->func);
	case WASM_EXTERN_TABLE:
		return process__api_ref_of(s, API_TABLE, x->table);
	case WASM_EXTERN_MEMORY:
		return process__api_ref_of(s, API_MEMORY, x->memory);
	case WASM_EXTERN_GLOBAL:
		return process__api_ref_of(s, API_GLOBAL, x->global);
	default:
		return process__api_ref_of(s, API_TAG, x->tag);
	}
}

struct wasm_extern process__api_extern_rt(const wasm_ref_t *r)
{
	switch (r->kind) {
	case API_FUNC:
		return (struct wasm_extern){ .kind = WASM_EXTERN_FUNC, .func = r->object };
	case API_TABLE:
		return (struct wasm_extern){ .kind = WASM_EXTERN_TABLE, .table = r->object };
	case API_MEMORY:
		return (struct wasm_extern){ .kind = WASM_EXTERN_MEMORY, .memory = r->object };
	case API_GLOBAL:
		return (struct wasm_extern){ .kind = WASM_EXTERN_GLOBAL, .global = r->object };
	default:
		return (struct wasm_extern){ .kind = WASM_EXTERN_TAG, .tag = r->object };
	}
}

wasm_externkind_t wasm_extern_kind(const wasm_extern_t *x)
{
	return ((const wasm_ref_t *)x)->kind;
}

#define EXTERN(name, k)                                                        \
	wasm_extern_t *wasm_##name##_as_extern(wasm_##name##_t *r)             \
	{                                                                      \
		return (wasm_extern_t *)r;                                     \
	}                                                                      \
	wasm_##name##_t *wasm_extern_as_##name(wasm_extern_t *x)               \
	{                                                                      \
		return x && ((wasm_ref_t *)x)->kind == (k) ? (wasm_##name##_t *)x : NULL; \
	}                                                                      \
	const wasm_extern_t *wasm_##name##_as_extern_const(const wasm_##name##_t *r) \
	{                                                                      \
		return (const wasm_extern_t *)r;                               \
	}                                                                      \
	const wasm_##name##_t *wasm_extern_as_##name##_const(const wasm_extern_t *x) \
	{                                                                      \
		return x && ((const wasm_ref_t *)x)->kind == (k)               \
			       ? (const wasm_##name##_t *)x : NULL;            \
	}
EXTERN(func, API_FUNC)
EXTERN(global, API_GLOBAL)
EXTERN(table, API_TABLE)
EXTERN(memory, API_MEMORY)
EXTERN(tag, API_TAG)
