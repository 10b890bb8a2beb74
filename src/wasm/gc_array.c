/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions on whole arrays (core spec 4.6.8, array.fill to
 * array.init_elem).  Indices and lengths are the guest's: checked here, the
 * array's before the segment's, in the order of the specification.
 *
 * What is stored is told to the write barrier element by element only when
 * the array is old.
 */
#include "wasm/gc_heap.h"

static bool outside(uint64_t at, uint64_t n, uint64_t len)
{
	return at + n > len;
}

static uint8_t *element(struct wasm_gc *g, wasm_word a, uint32_t i)
{
	return (uint8_t *)gc_obj(g, a) + WASM_ARRAY_DATA +
	       ((uint64_t)i << gc_type_of(g, gc_obj(g, a))->shift);
}

/* Elements at .. at + n of an array were written. */
static void wrote(struct wasm_store *s, wasm_word a, uint32_t at, uint32_t n)
{
	struct wasm_gc *g = s->gc;

	if (gc_is_young(g, a) || !gc_type_of(g, gc_obj(g, a))->refs)
		return;
	wasm_word *e = (wasm_word *)element(g, a, at);

	for (uint32_t i = 0; i < n; i++)
		if (wasm_gc_watched(&g->start, a, e[i]))
			wasm_gc_wrote_at(s, a, &e[i], e[i]);
}

enum wasm_trap wasm_gc_array_fill(struct wasm_store *s, wasm_word a, uint32_t at,
				  const uint64_t *value, uint32_t n)
{
	struct wasm_gc *g = s->gc;

	if (!a)
		return WASM_TRAP_NULL_ARRAY;
	if (outside(at, n, gc_obj(g, a)->len))
		return WASM_TRAP_ARRAY;
	uint8_t *p = element(g, a, at);

	switch (gc_type_of(g, gc_obj(g, a))->shift) {
	case 0:
		memset(p, (int)value[0], n);
		break;
	case 1:
		for (uint32_t i = 0; i < n; i++)
			((uint16_t *)p)[i] = value[0];
		break;
	case 2:
		for (uint32_t i = 0; i < n; i++)
			((uint32_t *)p)[i] = value[0];
		break;
	case 3:
		for (uint32_t i = 0; i < n; i++)
			((uint64_t *)p)[i] = value[0];
		break;
	default:
		for (uint32_t i = 0; i < n; i++)
			memcpy(p + 16ull * i, value, 16);
	}
	wrote(s, a, at, n);
	return WASM_OK;
}

enum wasm_trap wasm_gc_array_copy(struct wasm_store *s, wasm_word d, uint32_t at,
				  wasm_word from, uint32_t src, uint32_t n)
{
	struct wasm_gc *g = s->gc;

	if (!d || !from)
		return WASM_TRAP_NULL_ARRAY;
	if (outside(at, n, gc_obj(g, d)->len) || outside(src, n, gc_obj(g, from)->len))
		return WASM_TRAP_ARRAY;
	memmove(element(g, d, at), element(g, from, src),
		(uint64_t)n << gc_type_of(g, gc_obj(g, d))->shift);
	wrote(s, d, at, n);
	return WASM_OK;
}

enum wasm_trap wasm_gc_array_init_data(struct wasm_instance *i, wasm_word a, uint32_t at,
				       uint32_t data, uint32_t src, uint32_t n)
{
	struct wasm_gc *g = i->store->gc;
	const struct wasm_rt_data *seg = &i->datas[data];

	if (!a)
		return WASM_TRAP_NULL_ARRAY;
	if (outside(at, n, gc_obj(g, a)->len))
		return WASM_TRAP_ARRAY;
	uint64_t bytes = (uint64_t)n << gc_type_of(g, gc_obj(g, a))->shift;

	if (outside(src, bytes, seg->len))
		return WASM_TRAP_MEMORY;
	if (bytes)
		memcpy(element(g, a, at), seg->bytes + src, bytes);
	return WASM_OK;
}

enum wasm_trap wasm_gc_array_init_elem(struct wasm_instance *i, wasm_word a, uint32_t at,
				       uint32_t elem, uint32_t src, uint32_t n)
{
	struct wasm_gc *g = i->store->gc;
	const struct wasm_rt_elem *seg = &i->elems[elem];

	if (!a)
		return WASM_TRAP_NULL_ARRAY;
	if (outside(at, n, gc_obj(g, a)->len))
		return WASM_TRAP_ARRAY;
	if (outside(src, n, seg->n))
		return WASM_TRAP_TABLE;
	if (n)
		memcpy(element(g, a, at), seg->words + src, n * sizeof(wasm_word));
	wrote(i->store, a, at, n);
	return WASM_OK;
}

/* The segment is checked before an array is made whose size the guest chose. */
enum wasm_trap wasm_gc_array_new_data(struct wasm_instance *i, uint32_t type, uint32_t data,
				      uint32_t src, uint32_t n, wasm_word *out)
{
	const struct wasm_deftype *d = wasm_type_get(i->store->types, type);

	if (outside(src, (uint64_t)n * wasm_field_size(d->fields[0]), i->datas[data].len))
		return WASM_TRAP_MEMORY;
	*out = wasm_gc_array(i->store, type, n);
	return *out ? wasm_gc_array_init_data(i, *out, 0, data, src, n) : WASM_TRAP_OUT_OF_MEMORY;
}

enum wasm_trap wasm_gc_array_new_elem(struct wasm_instance *i, uint32_t type, uint32_t elem,
				      uint32_t src, uint32_t n, wasm_word *out)
{
	if (outside(src, n, i->elems[elem].n))
		return WASM_TRAP_TABLE;
	*out = wasm_gc_array(i->store, type, n);
	return *out ? wasm_gc_array_init_elem(i, *out, 0, elem, src, n) : WASM_TRAP_OUT_OF_MEMORY;
}
