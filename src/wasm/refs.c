/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boundary between the embedder's values and the engine's slots: handles,
 * calls into the store and calls of host functions.
 *
 * A handle is in its store's ring, where the collector finds and updates its
 * word.  Their number is bounded: guests make them by calling host functions
 * with references, and it is the embedder who drops them.
 */
#include "wasm/store.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/gc.h"
#include "wasm/trace_call.h"

enum { REFS_MAX = 1 << 20, FEW = 16 };

/* ---- handles ---- */

bool wasm__ref_new(struct wasm_store *s, wasm_word w, struct wasm_type type,
		   struct wasm_ref **out)
{
	struct wasm_ref *r;

	*out = NULL;
	if (!w)
		return true;
	if (s->owned->nrefs >= REFS_MAX || !(r = base_alloc(sizeof(*r))))
		return false;
	s->owned->nrefs++;
	*r = (struct wasm_ref){
		.word = w, .top = (uint8_t)(wasm__top(s, type) - WASM_HEAP_ABSTRACT),
		.next = &s->refs, .prev = s->refs.prev,
	};
	r->prev->next = r->next->prev = r;
	return *out = r, true;
}

static void ref_free(struct wasm_store *s, struct wasm_ref *r)
{
	r->prev->next = r->next;
	r->next->prev = r->prev;
	s->owned->nrefs--;
	base_free(r);
}

void wasm_ref_drop(struct wasm_store *s, struct wasm_ref *r)
{
	if (!r || r->dropped)
		return;
	if (!s->owned->host_depth) {
		ref_free(s, r);
		return;
	}
	r->dropped = true;
	r->next_dropped = s->owned->dropped;
	s->owned->dropped = r;
}

void wasm_store_drop_refs(struct wasm_store *s)
{
	struct wasm_ref *next;

	for (struct wasm_ref *r = s->refs.next; r != &s->refs; r = next) {
		next = r->next;
		wasm_ref_drop(s, r);
	}
}

static uint32_t ref_top(const struct wasm_ref *r)
{
	return WASM_HEAP_ABSTRACT + r->top;
}

struct wasm_ref *wasm_ref_host(struct wasm_store *s, uint64_t number)
{
	wasm_word w = wasm_gc_host(s, number);
	struct wasm_ref *r = NULL;

	if (w)
		wasm__ref_new(s, w, wasm_type_ref(WASM_HEAP_EXTERN, true), &r);
	return r;
}

static bool is_heap_ref(const struct wasm_ref *r)
{
	return r && (ref_top(r) == WASM_HEAP_EXTERN || ref_top(r) == WASM_HEAP_ANY);
}

bool wasm_ref_host_number(struct wasm_store *s, struct wasm_ref *r, uint64_t *number)
{
	return is_heap_ref(r) && !(r->word & 1) && wasm_gc_host_value(s, r->word, number);
}

bool wasm_ref_is_i31(struct wasm_store *s, struct wasm_ref *r, uint32_t *value)
{
	(void)s;
	if (!is_heap_ref(r) || !(r->word & 1))
		return false;
	*value = r->word >> 1;
	return true;
}

struct wasm_ref *wasm_ref_of_func(struct wasm_store *s, struct wasm_rt_func *f)
{
	struct wasm_ref *r;

	wasm__ref_new(s, wasm__func_word(s, f), wasm_type_ref(WASM_HEAP_FUNC, true), &r);
	return r;
}

struct wasm_rt_func *wasm_ref_func(struct wasm_store *s, struct wasm_ref *r)
{
	return r && ref_top(r) == WASM_HEAP_FUNC ? &s->funcs[r->word] : NULL;
}

uint32_t wasm_ref_heap(struct wasm_store *s, struct wasm_ref *r)
{
	if (!r)
		return WASM_HEAP_NONE;
	if (ref_top(r) == WASM_HEAP_FUNC)
		return s->funcs[r->word].type;
	if (ref_top(r) == WASM_HEAP_EXN)
		return WASM_HEAP_EXN;
	return r->word & 1 ? (uint32_t)WASM_HEAP_I31 : wasm_gc_type(s, r->word);
}

bool wasm_ref_eq(struct wasm_store *s, struct wasm_ref *a, struct wasm_ref *b)
{
	uint64_t x, y;

	if (!a || !b)
		return a == b;
	if ((ref_top(a) == WASM_HEAP_FUNC) != (ref_top(b) == WASM_HEAP_FUNC))
		return false;
	/* A host value is one value, however often it was boxed. */
	return a->word == b->word ||
	       (wasm_ref_host_number(s, a, &x) && wasm_ref_host_number(s, b, &y) && x == y);
}

bool wasm__word_is(const struct wasm_store *s, wasm_word w, struct wasm_type type)
{
	uint32_t heap = wasm_type_heap(type);

	if (!w)
		return wasm_type_nullable(type);
	switch (wasm__top(s, type)) {
	case WASM_HEAP_FUNC:
		return w < s->nfuncs && wasm_heap_sub(s->types, s->funcs[w].type, heap);
	case WASM_HEAP_EXTERN:
		return heap == WASM_HEAP_EXTERN;
	case WASM_HEAP_EXN:
		return heap == WASM_HEAP_EXN;
	default:
		return heap == WASM_HEAP_ANY || wasm_gc_is(s, w, heap);
	}
}

static bool val_is(const struct wasm_store *s, union wasm_val v, struct wasm_type t)
{
	if (!wasm_type_is_ref(t))
		return true;
	if (!v.ref)
		return wasm_type_nullable(t);
	return ref_top(v.ref) == wasm__top(s, t) && wasm__word_is(s, v.ref->word, t);
}

/* ---- values and slots ---- */

unsigned wasm__val_to_slots(union wasm_val v, struct wasm_type t, uint64_t *slots)
{
	switch (wasm_type_kind(t)) {
	case WASM_I32:
	case WASM_F32:
		slots[0] = v.f32;
		return 1;
	case WASM_V128:
		memcpy(slots, v.v128, 16);
		return 2;
	case WASM_REF:
		slots[0] = v.ref ? v.ref->word : 0;
		return 1;
	default:
		slots[0] = v.f64;
		return 1;
	}
}

unsigned wasm__slots_to_val(struct wasm_store *s, const uint64_t *slots,
			    struct wasm_type t, union wasm_val *v)
{
	memset(v, 0, sizeof(*v));
	switch (wasm_type_kind(t)) {
	case WASM_I32:
	case WASM_F32:
		v->f32 = (uint32_t)slots[0];
		return 1;
	case WASM_V128:
		memcpy(v->v128, slots, 16);
		return 2;
	case WASM_REF:
		return wasm__ref_new(s, (wasm_word)slots[0], t, &v->ref);
	default:
		v->f64 = slots[0];
		return 1;
	}
}

static bool slots_to_vals(struct wasm_store *s, const uint64_t *slots,
			  const struct wasm_type *types, uint32_t n, union wasm_val *v)
{
	for (uint32_t i = 0; i < n; i++) {
		unsigned used = wasm__slots_to_val(s, slots, types[i], &v[i]);

		if (!used)
			return false;
		slots += used;
	}
	return true;
}

static void vals_to_slots(const union wasm_val *v, const struct wasm_type *types, uint32_t n,
			  uint64_t *slots)
{
	for (uint32_t i = 0; i < n; i++)
		slots += wasm__val_to_slots(v[i], types[i], slots);
}

/* ---- calls ---- */

uint32_t wasm_rt_func_type(const struct wasm_rt_func *f)
{
	return f->type;
}

enum wasm_trap wasm_call(struct wasm_store *s, struct wasm_rt_func *f,
			 const union wasm_val *args, union wasm_val *results)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, f->type);
	uint32_t n = MAX(f->param_slots, f->result_slots);
	uint64_t few[2 * FEW], *slots = few;
	base_auto uint64_t *many = NULL;
	enum wasm_trap t;

	for (uint32_t i = 0; i < d->nparams; i++)
		if (!val_is(s, args[i], d->types[i]))
			return wasm_store_trap(s, "argument %u has another type", i);
	if (n > ARRAY_LEN(few)) {
		slots = many = base_calloc(n, sizeof(*many));
		if (!many)
			return WASM_TRAP_OUT_OF_MEMORY;
	}
	vals_to_slots(args, d->types, d->nparams, slots);
	t = wasm__interp_call(s, f, slots);
	if (!t && !slots_to_vals(s, slots, d->types + d->nparams, d->nresults, results))
		t = WASM_TRAP_OUT_OF_MEMORY;
	return t;
}

/* The handles that host functions dropped since there were `until`. */
static void free_dropped(struct wasm_store *s, struct wasm_ref *until)
{
	struct wasm_ref *r;

	while ((r = s->owned->dropped) != until) {
		s->owned->dropped = r->next_dropped;
		ref_free(s, r);
	}
}

static enum wasm_trap host_run(struct wasm_store *s, struct wasm_rt_func *f, uint64_t *slots,
			       union wasm_val *args, union wasm_val *results)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, f->type);
	const struct wasm_type *rt = d->types + d->nparams;
	enum wasm_trap t;

	if (!slots_to_vals(s, slots, d->types, d->nparams, args))
		return WASM_TRAP_OUT_OF_MEMORY;
	memset(results, 0, d->nresults * sizeof(*results));
	t = f->host(f->ctx, s, args, results);
	for (uint32_t i = 0; !t && i < d->nresults; i++)
		if (!val_is(s, results[i], rt[i]))
			t = wasm_store_trap(s, "result %u of a host function has another type",
					    i);
	if (!t)
		vals_to_slots(results, rt, d->nresults, slots);
	return t;
}

enum wasm_trap wasm__host_call(struct wasm_store *s, struct wasm_rt_func *f,
			       struct wasm_instance *caller, uint64_t *slots)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, f->type);
	struct wasm_instance *outer = s->caller;
	struct wasm_ref *dropped = s->owned->dropped;
	union wasm_val few[2 * FEW], *args = few, *results = few + FEW;
	base_auto union wasm_val *many = NULL;
	enum wasm_trap t;

	if (log_tracing(CALL))
		wasm__trace_flush(s);
	if (d->nparams > FEW || d->nresults > FEW) {
		args = many = base_calloc((size_t)d->nparams + d->nresults, sizeof(*many));
		if (!many)
			return WASM_TRAP_OUT_OF_MEMORY;
		results = many + d->nparams;
	}
	s->caller = caller;
	s->owned->host_depth++;
	t = host_run(s, f, slots, args, results);
	s->owned->host_depth--;
	s->caller = outer;
	free_dropped(s, dropped);
	return t;
}

/* ---- globals and tables, for the embedder ---- */

union wasm_val wasm_rt_global_get(struct wasm_store *s, const struct wasm_rt_global *g)
{
	union wasm_val v;

	wasm__slots_to_val(s, g->v, g->type, &v);
	return v;
}

bool wasm_rt_global_set(struct wasm_store *s, struct wasm_rt_global *g, union wasm_val v)
{
	if (!g->mutable_ || !val_is(s, v, g->type))
		return false;
	wasm__val_to_slots(v, g->type, g->v);
	return true;
}

uint64_t wasm_rt_table_size(const struct wasm_rt_table *t)
{
	return t->size;
}

bool wasm_rt_table_get(struct wasm_store *s, struct wasm_rt_table *t, uint64_t i,
		       union wasm_val *v)
{
	memset(v, 0, sizeof(*v));
	return i < t->size && wasm__ref_new(s, t->elems[i], t->type, &v->ref);
}

bool wasm_rt_table_set(struct wasm_store *s, struct wasm_rt_table *t, uint64_t i,
		       union wasm_val v)
{
	if (i >= t->size || !val_is(s, v, t->type))
		return false;
	t->elems[i] = v.ref ? v.ref->word : 0;
	return true;
}

int64_t wasm_rt_table_grow(struct wasm_store *s, struct wasm_rt_table *t, uint64_t n,
			   union wasm_val v)
{
	return val_is(s, v, t->type) ? wasm__table_grow(s, t, n, v.ref ? v.ref->word : 0) : -1;
}
