/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the heap knows of types: sizes, where references are, the display of
 * supertypes; and tests of an object's type, in constant time.
 *
 * Entries are made when the first object of a type is.  Relies on the layout
 * that the type store gives a defined type.
 */
#include "wasm/gc_heap.h"

#include <assert.h>

/* Words of function references are indices, not heap offsets: they stay. */
static bool moves(const struct wasm_gc *g, struct wasm_field f)
{
	return !f.packed && wasm_type_is_ref(f.type) &&
	       wasm_heap_top(g->store->types, wasm_type_heap(f.type)) != WASM_HEAP_FUNC;
}

static unsigned element_shift(struct wasm_field f)
{
	if (f.packed)
		return f.packed == WASM_PACKED_I8 ? 0 : 1;
	switch (wasm_type_kind(f.type)) {
	case WASM_I64:
	case WASM_F64:
		return 3;
	case WASM_V128:
		return 4;
	default:
		return 2;
	}
}

static bool fill_struct(struct wasm_gc *g, struct wasm_gc_type *t, const struct wasm_deftype *d)
{
	uint32_t n = 0, *offsets;

	for (uint32_t i = 0; i < d->nfields; i++)
		n += moves(g, d->fields[i]);
	offsets = arena_alloc(&g->arena, MAX(n, 1u) * sizeof(*offsets));
	if (!offsets)
		return false;
	t->offsets = offsets;
	t->nrefs = n;
	for (uint32_t i = 0; i < d->nfields; i++)
		if (moves(g, d->fields[i]))
			*offsets++ = d->offsets[i];
	t->bytes = align_up(MAX(d->size, 8u), 8);
	t->size = t->bytes <= GC_LARGE ? t->bytes : 0;
	return true;
}

const struct wasm_gc_type *gc__type(struct wasm_gc *g, uint32_t id)
{
	struct wasm_gc_type *t = &g->types[id];

	if (LIKELY(t->kind))
		return t;

	const struct wasm_deftype *d = wasm_type_get(g->store->types, id);

	assert(d->comp != WASM_COMP_FUNC);
	t->depth = d->depth;
	t->display = d->display;
	if (d->comp == WASM_COMP_STRUCT) {
		if (!fill_struct(g, t, d))
			return NULL;
		t->kind = GC_KIND_STRUCT;
	} else {
		t->shift = element_shift(d->fields[0]);
		t->refs = moves(g, d->fields[0]);
		t->kind = GC_KIND_ARRAY;
	}
	return t;
}

void gc__types_init(struct wasm_gc *g)
{
	g->types[WASM_HEAP_EXTERN].kind = GC_KIND_HOST;
	g->types[WASM_HEAP_EXN].kind = GC_KIND_EXN;
	g->types[GC_TYPE_FILLER].kind = GC_KIND_FILLER;
}

/* The payload has the types of the tag's parameters, in slots. */
void gc__exn_fields(struct wasm_gc *g, struct gc_exn *x, gc_slot_fn *fn, void *arg)
{
	const struct wasm_deftype *d = wasm_type_get(g->store->types, x->tag->type);
	uint32_t at = 0;

	for (uint32_t i = 0; i < d->nparams && at < x->len; i++) {
		struct wasm_type t = d->types[i];

		if (wasm_type_is_ref(t) &&
		    wasm_heap_top(g->store->types, wasm_type_heap(t)) != WASM_HEAP_FUNC)
			fn(g, (wasm_word *)&x->slots[at], arg);
		at += wasm_type_kind(t) == WASM_V128 ? 2 : 1;
	}
}

uint32_t wasm_gc_type(const struct wasm_store *s, wasm_word w)
{
	return w & 1 ? (uint32_t)WASM_HEAP_I31 : wasm_gc_obj_type(s, w);
}

/* Host boxes are of any and extern only (any.convert_extern); everything is
 * of extern once converted (extern.convert_any). */
bool wasm_gc_is(const struct wasm_store *s, wasm_word w, uint32_t heap)
{
	if (heap == WASM_HEAP_ANY || heap == WASM_HEAP_EXTERN || heap == WASM_HEAP_EXN)
		return true;
	if (w & 1)
		return heap == WASM_HEAP_EQ || heap == WASM_HEAP_I31;

	uint32_t id = wasm_gc_obj_type(s, w);

	if (id == heap)
		return true;

	const struct wasm_gc_type *t = &s->gc->types[id];

	if (heap >= WASM_HEAP_ABSTRACT)
		return (heap == WASM_HEAP_STRUCT && t->kind == GC_KIND_STRUCT) ||
		       (heap == WASM_HEAP_ARRAY && t->kind == GC_KIND_ARRAY) ||
		       (heap == WASM_HEAP_EQ &&
			(t->kind == GC_KIND_STRUCT || t->kind == GC_KIND_ARRAY));

	/* Depth of the target, from its own display. */
	uint32_t depth = wasm_type_get(s->types, heap)->depth;

	return t->depth > depth && t->display[depth] == heap;
}
