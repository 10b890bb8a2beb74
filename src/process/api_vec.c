/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of the C API: of bytes, of values, and of pointers to what the
 * vector owns.  Out of memory gives an empty vector.
 */
#include <string.h>

#include "process/api.h"

/* Room for n elements, zeroed; NULL when n is 0 or there is no memory. */
static void *room(size_t n, size_t each)
{
	return n ? base_calloc(n, each) : NULL;
}

#define VEC_COMMON(name, element)                                              \
	void wasm_##name##_vec_new_empty(wasm_##name##_vec_t *out)             \
	{                                                                      \
		*out = (wasm_##name##_vec_t){ 0, NULL };                       \
	}                                                                      \
	void wasm_##name##_vec_new_uninitialized(wasm_##name##_vec_t *out, size_t n) \
	{                                                                      \
		out->data = room(n, sizeof(element));                          \
		out->size = out->data ? n : 0;                                 \
	}                                                                      \
	void wasm_##name##_vec_new(wasm_##name##_vec_t *out, size_t n,         \
				   element const data[])                       \
	{                                                                      \
		wasm_##name##_vec_new_uninitialized(out, n);                   \
		if (out->size)                                                 \
			memcpy(out->data, data, n * sizeof(element));          \
	}

/* Elements are plain values. */
VEC_COMMON(byte, wasm_byte_t)

void wasm_byte_vec_copy(wasm_byte_vec_t *out, const wasm_byte_vec_t *v)
{
	wasm_byte_vec_new(out, v->size, v->data);
}

void wasm_byte_vec_delete(wasm_byte_vec_t *v)
{
	base_free(v->data);
	wasm_byte_vec_new_empty(v);
}

/* Elements hold a reference. */
VEC_COMMON(val, wasm_val_t)

void wasm_val_vec_copy(wasm_val_vec_t *out, const wasm_val_vec_t *v)
{
	wasm_val_vec_new_uninitialized(out, v->size);
	for (size_t i = 0; i < out->size; i++)
		wasm_val_copy(&out->data[i], &v->data[i]);
}

void wasm_val_vec_delete(wasm_val_vec_t *v)
{
	for (size_t i = 0; i < v->size; i++)
		wasm_val_delete(&v->data[i]);
	base_free(v->data);
	wasm_val_vec_new_empty(v);
}

/* Elements are owned pointers; NULL where there is nothing. */
#define VEC_OWNED(name)                                                        \
	VEC_COMMON(name, wasm_##name##_t *)                                    \
	void wasm_##name##_vec_copy(wasm_##name##_vec_t *out,                  \
				    const wasm_##name##_vec_t *v)              \
	{                                                                      \
		wasm_##name##_vec_new_uninitialized(out, v->size);             \
		for (size_t i = 0; i < out->size; i++)                         \
			out->data[i] = v->data[i] ? wasm_##name##_copy(v->data[i]) : NULL; \
	}                                                                      \
	void wasm_##name##_vec_delete(wasm_##name##_vec_t *v)                  \
	{                                                                      \
		for (size_t i = 0; i < v->size; i++)                           \
			wasm_##name##_delete(v->data[i]);                      \
		base_free(v->data);                                            \
		wasm_##name##_vec_new_empty(v);                                \
	}

VEC_OWNED(valtype)
VEC_OWNED(functype)
VEC_OWNED(globaltype)
VEC_OWNED(tabletype)
VEC_OWNED(memorytype)
VEC_OWNED(tagtype)
VEC_OWNED(externtype)
VEC_OWNED(importtype)
VEC_OWNED(exporttype)
VEC_OWNED(frame)
VEC_OWNED(extern)
