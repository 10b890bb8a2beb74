/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's fast paths, for the interpreter's operations (compiled code
 * does the same with the same offsets): making a small struct, reading a
 * type, casts, the write barrier.
 *
 * A word that comes from here is an object of the guest's, never null; null
 * and i31 are the caller's to test where the text says so.
 */
#ifndef WASM_GC_INLINE_H
#define WASM_GC_INLINE_H

#include <string.h>

#include "base/bits.h"
#include "wasm/gc.h"

static inline struct wasm_gc_start *wasm_gc_start(const struct wasm_store *s)
{
	return (struct wasm_gc_start *)s->gc;
}

/* A struct whose fields the caller writes, every one, before anything else
 * happens (struct.new): the bytes are whatever was there.  0: as gc_struct. */
static inline wasm_word wasm_gc_struct_raw(struct wasm_store *s, uint32_t type)
{
	struct wasm_gc_start *g = wasm_gc_start(s);
	uint32_t size = g->types ? g->types[type].size : 0;

	/* An unknown or large type has size 0. */
	if (UNLIKELY(!size || (size_t)(g->limit - g->bump) < size))
		return wasm_gc_struct(s, type);
	struct wasm_obj *o = (struct wasm_obj *)g->bump;
	wasm_word w = (g->bump - g->base) / 4;

	g->bump += size;
	o->head = type << WASM_OBJ_TYPE_SHIFT;
	return w;
}
/* Zeroed (struct.new_default). */
static inline wasm_word wasm_gc_struct_zero(struct wasm_store *s, uint32_t type)
{
	wasm_word w = wasm_gc_struct_raw(s, type);

	if (LIKELY(w)) {
		const struct wasm_gc_type *t = &wasm_gc_start(s)->types[type];

		memset(&wasm_gc_obj(s, w)->len, 0, t->bytes - 4);
	}
	return w;
}

/* Type id of an object (not of an i31): canonical, or WASM_HEAP_EXTERN (a host
 * box) or WASM_HEAP_EXN. */
static inline uint32_t wasm_gc_obj_type(const struct wasm_store *s, wasm_word w)
{
	return wasm_gc_obj(s, w)->head >> WASM_OBJ_TYPE_SHIFT;
}
/* Is w, which is neither null nor known, of the defined type `type`, whose
 * chain of supertypes has length `depth`? */
static inline bool wasm_gc_is_def(const struct wasm_store *s, wasm_word w, uint32_t type,
				  uint32_t depth)
{
	if (w & 1)
		return false;
	uint32_t id = wasm_gc_obj_type(s, w);

	if (id == type)
		return true;
	const struct wasm_gc_type *t = &wasm_gc_start(s)->types[id];

	return t->depth > depth && t->display[depth] == type;
}

static inline uint32_t wasm_gc_array_len(const struct wasm_store *s, wasm_word a)
{
	return wasm_gc_obj(s, a)->len;
}
static inline void *wasm_gc_field(const struct wasm_store *s, wasm_word w, uint32_t offset)
{
	return (uint8_t *)wasm_gc_obj(s, w) + offset;
}
/* Element i of an array whose elements take 1 << shift bytes; i was checked. */
static inline void *wasm_gc_elem(const struct wasm_store *s, wasm_word a, uint32_t i,
				 unsigned shift)
{
	return (uint8_t *)wasm_gc_obj(s, a) + WASM_ARRAY_DATA + ((uint64_t)i << shift);
}

/* Does a store of value into obj have to be told?  Null and i31 never: the
 * rotation makes odd words large, and null wraps. */
static inline bool wasm_gc_watched(const struct wasm_gc_start *g, wasm_word obj, wasm_word value)
{
	return UNLIKELY((value >> 1 | value << 31) - 1 < g->watched) && obj >= g->young_end;
}
/* struct.set and array.set of a reference (any, extern, exn hierarchies; a
 * function reference is stored plainly). */
static inline void wasm_gc_store(struct wasm_store *s, wasm_word obj, wasm_word *slot,
				 wasm_word value)
{
	*slot = value;
	if (wasm_gc_watched(wasm_gc_start(s), obj, value))
		wasm_gc_wrote_at(s, obj, slot, value);
}

#endif
