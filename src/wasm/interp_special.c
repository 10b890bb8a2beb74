/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operations do in C, behind `special`: rare or long work.  Operands are
 * in s[0], s[1], ... (v128: two), the result goes to s[0]; x holds what the
 * translator put in for each.  The frame is in order: these may collect, and
 * words in s[] are visited; a word in a C variable across it is not.
 */
#include <string.h>

#include "wasm/gc.h"
#include "wasm/interp.h"
#include "wasm/store.h"

#define SPECIAL(name) \
	enum wasm_trap wasm__special_##name(struct wasm_instance *i, uint64_t *s, \
					    const union wasm_op_ext *x)
#define UNUSED() ((void)i, (void)s, (void)x)

/* ---- memories and tables; x: indices ---- */
SPECIAL(memory_grow)
{
	const struct wasm_rt_memory *m = i->memories[x->u32[0]];
	int64_t n = wasm__memory_grow(i->store, i->memories[x->u32[0]], s[0]);

	s[0] = m->limits.is64 ? (uint64_t)n : (uint32_t)n;
	return WASM_OK;
}
SPECIAL(memory_init)
{
	return wasm__memory_init(i, x->u32[1], x->u32[0], s[0], (uint32_t)s[1], (uint32_t)s[2]);
}
SPECIAL(memory_copy)
{
	return wasm__memory_copy(i, x->u32[0], x->u32[1], s[0], s[1], s[2]);
}
SPECIAL(memory_fill)
{
	return wasm__memory_fill(i, x->u32[0], s[0], (uint8_t)s[1], s[2]);
}
SPECIAL(data_drop)
{
	UNUSED();
	wasm__data_drop(i, x->u32[0]);
	return WASM_OK;
}
SPECIAL(table_init)
{
	return wasm__table_init(i, x->u32[1], x->u32[0], s[0], (uint32_t)s[1], (uint32_t)s[2]);
}
SPECIAL(table_copy)
{
	return wasm__table_copy(i, x->u32[0], x->u32[1], s[0], s[1], s[2]);
}
SPECIAL(table_fill)
{
	return wasm__table_fill(i, x->u32[0], s[0], (wasm_word)s[1], s[2]);
}
SPECIAL(table_grow)
{
	struct wasm_rt_table *t = i->tables[x->u32[0]];
	int64_t n = wasm__table_grow(i->store, t, s[1], (wasm_word)s[0]);

	if (n >= 0 && wasm__bulk_pay(i->store, s[1] * sizeof(wasm_word)))
		return WASM_TRAP_FUEL;
	s[0] = t->limits.is64 ? (uint64_t)n : (uint32_t)n;
	return WASM_OK;
}
SPECIAL(table_size)
{
	s[0] = i->tables[x->u32[0]]->size;
	return WASM_OK;
}
SPECIAL(elem_drop)
{
	UNUSED();
	wasm__elem_drop(i, x->u32[0]);
	return WASM_OK;
}

/* ---- threads; x: memory | size << 32, offset ---- */
static enum wasm_trap effective(const struct wasm_instance *i, const union wasm_op_ext *x,
				uint64_t a, unsigned size, uint64_t *out)
{
	const struct wasm_rt_memory *m = i->memories[x->u32[0]];
	const uint64_t have = mem_linear_size(m->mem);

	if ((a + x->u64[1]) & (size - 1))
		return WASM_TRAP_UNALIGNED;
	if (have < size || x->u64[1] > have - size || a > have - size - x->u64[1])
		return WASM_TRAP_MEMORY;
	*out = a + x->u64[1];
	return WASM_OK;
}
SPECIAL(atomic_notify)
{
	uint64_t at = 0;
	enum wasm_trap t = effective(i, x, s[0], 4, &at);
	int64_t n;

	if (t)
		return t;
	n = wasm__atomic_notify(i->store, i->memories[x->u32[0]], at, (uint32_t)s[1]);
	if (n < 0)
		return (enum wasm_trap)-n;
	s[0] = (uint32_t)n;
	return WASM_OK;
}
SPECIAL(atomic_wait)
{
	const unsigned size = x->u32[1];
	uint64_t at = 0;
	enum wasm_trap t = effective(i, x, s[0], size, &at);
	int n;

	if (t)
		return t;
	n = wasm__atomic_wait(i->store, i->memories[x->u32[0]], at, size, s[1], (int64_t)s[2]);
	if (n < 0)
		return (enum wasm_trap)-n;
	s[0] = (uint32_t)n;
	return WASM_OK;
}
SPECIAL(atomic_fence)
{
	UNUSED();
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return WASM_OK;
}

/* ---- exceptions; x: the tag ---- */
SPECIAL(throw_)
{
	wasm_word w = wasm_gc_exn(i->store, x->ptr[0], s);

	if (!w)
		return WASM_TRAP_OUT_OF_MEMORY;
	i->store->exception = w;
	return WASM_TRAP_EXCEPTION;
}
SPECIAL(throw_ref)
{
	UNUSED();
	if (!(wasm_word)s[0])
		return WASM_TRAP_NULL_EXN;
	i->store->exception = (wasm_word)s[0];
	return WASM_TRAP_EXCEPTION;
}

/* ---- objects; x: canonical type, ... ---- */
SPECIAL(struct_new_default)
{
	s[0] = wasm_gc_struct(i->store, x->u32[0]);
	return s[0] ? WASM_OK : WASM_TRAP_OUT_OF_MEMORY;
}
/* x: offset, 1 to set. */
SPECIAL(struct_v128)
{
	uint8_t *p = (uint8_t *)wasm_gc_obj(i->store, (wasm_word)s[0]) + x->u32[0];

	if (!(wasm_word)s[0])
		return WASM_TRAP_NULL_STRUCT;
	if (x->u32[1])
		memcpy(p, &s[1], 16);
	else
		memcpy(&s[0], p, 16);
	return WASM_OK;
}
/* x: 1 to set. */
SPECIAL(array_v128)
{
	struct wasm_obj *o = wasm_gc_obj(i->store, (wasm_word)s[0]);
	uint8_t *p;

	if (!(wasm_word)s[0])
		return WASM_TRAP_NULL_ARRAY;
	if ((uint32_t)s[1] >= o->len)
		return WASM_TRAP_ARRAY;
	p = (uint8_t *)o + WASM_ARRAY_DATA + (uint64_t)(uint32_t)s[1] * 16;
	if (x->u32[0])
		memcpy(p, &s[2], 16);
	else
		memcpy(&s[0], p, 16);
	return WASM_OK;
}
/* A new array's zeros cost fuel as what is written does. */
static enum wasm_trap new_zeros(struct wasm_instance *i, uint32_t type, uint32_t n, wasm_word *out)
{
	const struct wasm_deftype *d = wasm_type_get(i->store->types, type);

	if (wasm__bulk_pay(i->store, (uint64_t)n * wasm_field_size(d->fields[0])))
		return WASM_TRAP_FUEL;
	*out = wasm_gc_array(i->store, type, n);
	return *out ? WASM_OK : WASM_TRAP_OUT_OF_MEMORY;
}
/* x: type, slots of the value: value, length. */
SPECIAL(array_new)
{
	const uint32_t slots = x->u32[1], n = (uint32_t)s[slots];
	wasm_word w = 0;
	enum wasm_trap t = new_zeros(i, x->u32[0], n, &w);

	if (!t && (s[0] || (slots == 2 && s[1])))       /* else it is that already */
		t = wasm_gc_array_fill(i->store, w, 0, s, n);
	s[0] = w;
	return t;
}
SPECIAL(array_new_default)
{
	wasm_word w = 0;
	enum wasm_trap t = new_zeros(i, x->u32[0], (uint32_t)s[0], &w);

	s[0] = w;
	return t;
}
/* x: type, count, slots of a value. */
SPECIAL(array_new_fixed)
{
	const uint32_t n = x->u32[1], slots = x->u32[2];
	wasm_word w = wasm_gc_array(i->store, x->u32[0], n);

	if (!w)
		return WASM_TRAP_OUT_OF_MEMORY;
	for (uint32_t k = 0; k < n; k++)
		wasm_gc_array_fill(i->store, w, k, s + (size_t)k * slots, 1);
	s[0] = w;
	return WASM_OK;
}
SPECIAL(array_new_data)
{
	wasm_word w = 0;
	enum wasm_trap t = wasm_gc_array_new_data(i, x->u32[0], x->u32[1], (uint32_t)s[0],
						  (uint32_t)s[1], &w);

	s[0] = w;
	return t;
}
SPECIAL(array_new_elem)
{
	wasm_word w = 0;
	enum wasm_trap t = wasm_gc_array_new_elem(i, x->u32[0], x->u32[1], (uint32_t)s[0],
						  (uint32_t)s[1], &w);

	s[0] = w;
	return t;
}
/* x: slots of the value: array, index, value, count. */
SPECIAL(array_fill)
{
	if (!(wasm_word)s[0])
		return WASM_TRAP_NULL_ARRAY;
	return wasm_gc_array_fill(i->store, (wasm_word)s[0], (uint32_t)s[1], s + 2,
				  (uint32_t)s[2 + x->u32[0]]);
}
SPECIAL(array_copy)
{
	UNUSED();
	if (!(wasm_word)s[0] || !(wasm_word)s[2])
		return WASM_TRAP_NULL_ARRAY;
	return wasm_gc_array_copy(i->store, (wasm_word)s[0], (uint32_t)s[1], (wasm_word)s[2],
				  (uint32_t)s[3], (uint32_t)s[4]);
}
/* x: -, segment. */
SPECIAL(array_init_data)
{
	if (!(wasm_word)s[0])
		return WASM_TRAP_NULL_ARRAY;
	return wasm_gc_array_init_data(i, (wasm_word)s[0], (uint32_t)s[1], x->u32[1],
				       (uint32_t)s[2], (uint32_t)s[3]);
}
SPECIAL(array_init_elem)
{
	if (!(wasm_word)s[0])
		return WASM_TRAP_NULL_ARRAY;
	return wasm_gc_array_init_elem(i, (wasm_word)s[0], (uint32_t)s[1], x->u32[1],
				       (uint32_t)s[2], (uint32_t)s[3]);
}
