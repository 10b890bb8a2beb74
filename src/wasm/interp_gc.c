/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of structures, arrays, i31 and casts (core spec 4.4.5, 4.4.7): the
 * fast paths of gc_inline.h.  Operands are slots, so that the collector finds
 * references where a safepoint says.
 */
#include "wasm/gc_inline.h"
#include "wasm/interp_ops.h"

/* ---- fields and elements: how they stand in an object ---- */
#define GC_GET_I32(p) SET_I32(*(const uint32_t *)(p))
#define GC_GET_I64(p) SET_I64(*(const uint64_t *)(p))
#define GC_GET_F32(p) SET_F32(*(const float *)(p))
#define GC_GET_F64(p) SET_F64(*(const double *)(p))
#define GC_GET_S8(p) SET_I32((uint32_t)*(const int8_t *)(p))
#define GC_GET_U8(p) SET_I32(*(const uint8_t *)(p))
#define GC_GET_S16(p) SET_I32((uint32_t)*(const int16_t *)(p))
#define GC_GET_U16(p) SET_I32(*(const uint16_t *)(p))
#define GC_PUT_I32 PUT_I32
#define GC_PUT_I64 PUT_I64
#define GC_PUT_F32 PUT_F32
#define GC_PUT_F64 PUT_F64
#define GC_PUT_S8 PUT_I32
#define GC_PUT_U8 PUT_I32
#define GC_PUT_S16 PUT_I32
#define GC_PUT_U16 PUT_I32
#define GC_SET_I32(w, p, v) (*(uint32_t *)(p) = (uint32_t)(v))
#define GC_SET_I64(w, p, v) (*(uint64_t *)(p) = (v))
#define GC_SET_U8(w, p, v) (*(uint8_t *)(p) = (uint8_t)(v))
#define GC_SET_U16(w, p, v) (*(uint16_t *)(p) = (uint16_t)(v))
#define GC_SET_REF(w, p, v) wasm_gc_store(st, w, (wasm_word *)(p), (wasm_word)(v))

#define STRUCT_AT(p, w_)                                                       \
	const wasm_word w = (wasm_word)(w_);                                   \
	if (UNLIKELY(!w))                                                      \
		TRAP(WASM_TRAP_NULL_STRUCT);                                   \
	void *p = wasm_gc_field(st, w, pc->u32)
#define STRUCT_GET(K)                                                          \
	static HANDLER void sg_##K##_s_r(OP_ARGS) { STRUCT_AT(p, fp[pc->a]); GC_GET_##K(p); NEXT(1); } \
	static HANDLER void sg_##K##_r_r(OP_ARGS) { STRUCT_AT(p, r); GC_GET_##K(p); NEXT(1); } \
	static HANDLER void sg_##K##_s_s(OP_ARGS)                              \
	{ STRUCT_AT(p, fp[pc->a]); GC_GET_##K(p); GC_PUT_##K(pc->d); NEXT(1); } \
	static HANDLER void sg_##K##_r_s(OP_ARGS)                              \
	{ STRUCT_AT(p, r); GC_GET_##K(p); GC_PUT_##K(pc->d); NEXT(1); }
#define STRUCT_SET(K)                                                          \
	static HANDLER void ss_##K(OP_ARGS) { STRUCT_AT(p, fp[pc->a]); GC_SET_##K(w, p, fp[pc->d]); NEXT(1); }

/* a: array, b: index. */
#define ARRAY_AT(p, shift)                                                     \
	const wasm_word w = (wasm_word)fp[pc->a];                              \
	if (UNLIKELY(!w))                                                      \
		TRAP(WASM_TRAP_NULL_ARRAY);                                    \
	const uint32_t i_ = (uint32_t)fp[pc->b];                               \
	if (UNLIKELY(i_ >= wasm_gc_array_len(st, w)))                          \
		TRAP(WASM_TRAP_ARRAY);                                         \
	void *p = wasm_gc_elem(st, w, i_, (shift))
#define ARRAY_GET(K, shift)                                                    \
	static HANDLER void ag_##K##_r(OP_ARGS) { ARRAY_AT(p, shift); GC_GET_##K(p); NEXT(1); } \
	static HANDLER void ag_##K##_s(OP_ARGS)                                \
	{ ARRAY_AT(p, shift); GC_GET_##K(p); GC_PUT_##K(pc->d); NEXT(1); }
#define ARRAY_SET(K, shift)                                                    \
	static HANDLER void as_##K(OP_ARGS) { ARRAY_AT(p, shift); GC_SET_##K(w, p, fp[pc->d]); NEXT(1); }
#define GETS(X) X(I32, 2) X(I64, 3) X(F32, 2) X(F64, 3) X(S8, 0) X(U8, 0) X(S16, 1) X(U16, 1)
#define SETS(X) X(I32, 2) X(I64, 3) X(U8, 0) X(U16, 1) X(REF, 2)
#define EXPAND(K, shift) STRUCT_GET(K) ARRAY_GET(K, shift)
GETS(EXPAND)
#undef EXPAND
#define EXPAND(K, shift) STRUCT_SET(K) ARRAY_SET(K, shift)
SETS(EXPAND)
#undef EXPAND

wasm_op_fn *const wasm__h_struct_get[WASM_GC_GETS][4] = {
#define EXPAND(K, shift) [WASM_GC_GET_##K] = { sg_##K##_s_r, sg_##K##_r_r, sg_##K##_s_s, sg_##K##_r_s },
GETS(EXPAND)
#undef EXPAND
};
wasm_op_fn *const wasm__h_array_get[WASM_GC_GETS][2] = {
#define EXPAND(K, shift) [WASM_GC_GET_##K] = { ag_##K##_r, ag_##K##_s },
GETS(EXPAND)
#undef EXPAND
};
wasm_op_fn *const wasm__h_struct_set[WASM_GC_SETS] = {
#define EXPAND(K, shift) [WASM_GC_SET_##K] = ss_##K,
SETS(EXPAND)
#undef EXPAND
};
wasm_op_fn *const wasm__h_array_set[WASM_GC_SETS] = {
#define EXPAND(K, shift) [WASM_GC_SET_##K] = as_##K,
SETS(EXPAND)
#undef EXPAND
};

OP_FN(array_len_r)
{
	if (UNLIKELY(!SLOT_I32(pc->a)))
		TRAP(WASM_TRAP_NULL_ARRAY);
	r = wasm_gc_array_len(st, SLOT_I32(pc->a));
	NEXT(1);
}
OP_FN(array_len_s)
{
	if (UNLIKELY(!SLOT_I32(pc->a)))
		TRAP(WASM_TRAP_NULL_ARRAY);
	fp[pc->d] = r = wasm_gc_array_len(st, SLOT_I32(pc->a));
	NEXT(1);
}

/* ---- struct.new: d the fields' first slot and the result, u32 the type; a
 * units follow with a word for each field: kind << 28 | offset ---- */
static inline void fields_init(struct wasm_store *st, wasm_word w, const uint32_t *field,
			       uint32_t n, const uint64_t *s)
{
	for (uint32_t i = 0; i < n; i++) {
		void *p = wasm_gc_field(st, w, field[i] & 0x0fffffff);

		switch (field[i] >> 28) {
		case WASM_GC_SET_I32:
			*(uint32_t *)p = (uint32_t)s[0];
			break;
		case WASM_GC_SET_I64:
			*(uint64_t *)p = s[0];
			break;
		case WASM_GC_SET_U8:
			*(uint8_t *)p = (uint8_t)s[0];
			break;
		case WASM_GC_SET_U16:
			*(uint16_t *)p = (uint16_t)s[0];
			break;
		case WASM_GC_SET_REF:
			wasm_gc_store(st, w, p, (wasm_word)s[0]);
			break;
		default:
			memcpy(p, s, 16);
			s++;
		}
		s++;
	}
}
OP_FN(struct_new)
{
	wasm_word w;

	SYNC();
	w = wasm_gc_struct_raw(st, pc->u32);
	if (UNLIKELY(!w))
		TRAP(WASM_TRAP_OUT_OF_MEMORY);
	fields_init(st, w, EXT(pc, 1)->u32 + 1, EXT(pc, 1)->u32[0], fp + pc->d);
	fp[pc->d] = r = w;
	NEXT(1 + pc->a);
}

/* ---- tests and casts: a the reference; unit 1: type, depth, null too ---- */
static inline bool is_def(const struct wasm_store *st, const struct wasm_op *pc, wasm_word w)
{
	const uint32_t *x = EXT(pc, 1)->u32;

	return w ? wasm_gc_is_def(st, w, x[0], x[1]) : x[2];
}
static inline bool is_abstract(const struct wasm_store *st, const struct wasm_op *pc, wasm_word w)
{
	const uint32_t *x = EXT(pc, 1)->u32;

	return w ? wasm_gc_is(st, w, x[0]) : x[2];
}
static inline bool is_func(const struct wasm_store *st, const struct wasm_op *pc, wasm_word w)
{
	const uint32_t *x = EXT(pc, 1)->u32;

	return w ? wasm_heap_sub(st->types, st->funcs[w].type, x[0]) : x[2];
}
#define TEST_AND_CAST(kind)                                                    \
	OP_FN(ref_test_##kind##_r) { r = is_##kind(st, pc, SLOT_I32(pc->a)); NEXT(2); } \
	OP_FN(ref_test_##kind##_s) { fp[pc->d] = r = is_##kind(st, pc, SLOT_I32(pc->a)); NEXT(2); } \
	OP_FN(ref_cast_##kind)                                                 \
	{                                                                      \
		if (UNLIKELY(!is_##kind(st, pc, SLOT_I32(pc->a))))             \
			TRAP(WASM_TRAP_CAST);                                  \
		NEXT(2);                                                       \
	}
TEST_AND_CAST(def)
TEST_AND_CAST(abstract)
TEST_AND_CAST(func)

OP_FN(ref_eq_r) { r = SLOT_I32(pc->a) == SLOT_I32(pc->b); NEXT(1); }
OP_FN(ref_eq_s) { fp[pc->d] = r = SLOT_I32(pc->a) == SLOT_I32(pc->b); NEXT(1); }

/* ---- i31 ---- */
OP_FN(ref_i31_r) { r = (uint32_t)(SLOT_I32(pc->a) << 1 | 1); NEXT(1); }
OP_FN(ref_i31_s) { fp[pc->d] = r = (uint32_t)(SLOT_I32(pc->a) << 1 | 1); NEXT(1); }
#define I31_GET(name, T, ...)                                                  \
	OP_FN(name)                                                            \
	{                                                                      \
		if (UNLIKELY(!SLOT_I32(pc->a)))                                \
			TRAP(WASM_TRAP_NULL_I31);                              \
		r = (uint32_t)((T)SLOT_I32(pc->a) >> 1);                       \
		__VA_ARGS__                                                    \
		NEXT(1);                                                       \
	}
I31_GET(i31_get_s_r, int32_t)
I31_GET(i31_get_s_s, int32_t, fp[pc->d] = r;)
I31_GET(i31_get_u_r, uint32_t)
I31_GET(i31_get_u_s, uint32_t, fp[pc->d] = r;)
