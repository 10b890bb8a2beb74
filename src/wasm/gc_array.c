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
#include "wasm/store.h"

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

/* What is there may overlap with where it goes. */
static enum wasm_trap move(struct wasm_store *s, wasm_word a, uint32_t at, const void *from,
			   uint32_t n)
{
	struct wasm_gc *g = s->gc;
	uint8_t *to = element(g, a, at);
	const unsigned shift = gc_type_of(g, gc_obj(g, a))->shift;
	struct wasm__bulk b = { .left = n, .shift = shift,
				.down = (uintptr_t)to > (uintptr_t)from };
	enum wasm_trap t = wasm__bulk_pay(s, (uint64_t)n << shift);

	while (!t && wasm__bulk_next(&b, s, &t)) {
		memmove(to + (b.at << shift), (const uint8_t *)from + (b.at << shift),
			b.n << shift);
		wrote(s, a, at + (uint32_t)b.at, (uint32_t)b.n);
	}
	return t;
}

static void fill(void *p, unsigned shift, const uint64_t *value, uint64_t n)
{
	switch (shift) {
	case 0:
		memset(p, (int)value[0], n);
		break;
	case 1:
		for (uint64_t i = 0; i < n; i++)
			((uint16_t *)p)[i] = (uint16_t)value[0];
		break;
	case 2:
		for (uint64_t i = 0; i < n; i++)
			((uint32_t *)p)[i] = (uint32_t)value[0];
		break;
	case 3:
		for (uint64_t i = 0; i < n; i++)
			((uint64_t *)p)[i] = value[0];
		break;
	default:
		for (uint64_t i = 0; i < n; i++)
			memcpy((uint8_t *)p + 16 * i, value, 16);
	}
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
	const unsigned shift = gc_type_of(g, gc_obj(g, a))->shift;
	struct wasm__bulk b = { .left = n, .shift = shift };
	enum wasm_trap t = wasm__bulk_pay(s, (uint64_t)n << shift);

	while (!t && wasm__bulk_next(&b, s, &t)) {
		fill(p + (b.at << shift), shift, value, b.n);
		wrote(s, a, at + (uint32_t)b.at, (uint32_t)b.n);
	}
	return t;
}

enum wasm_trap wasm_gc_array_copy(struct wasm_store *s, wasm_word d, uint32_t at,
				  wasm_word from, uint32_t src, uint32_t n)
{
	struct wasm_gc *g = s->gc;

	if (!d || !from)
		return WASM_TRAP_NULL_ARRAY;
	if (outside(at, n, gc_obj(g, d)->len) || outside(src, n, gc_obj(g, from)->len))
		return WASM_TRAP_ARRAY;
	return move(s, d, at, element(g, from, src), n);
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
	return move(i->store, a, at, seg->bytes + src, n);
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
	return move(i->store, a, at, seg->words + src, n);
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
