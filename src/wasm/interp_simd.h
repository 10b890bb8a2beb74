/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of the vector instructions, one for each row of simd.def.  This is
 * the body of interp_simd*.c, which differ in what they are compiled for: each
 * defines SIMD_TABLE and SIMD_TABLE_GUARDED, the names of its tables.
 *
 * Operands and results are slots (v128: two); no accumulator is read or
 * changed.  Where they stand:
 *
 *     V_V, V_S, S_V     d result, a operand
 *     VV_V, VS_V        d result, a, b operands
 *     VVV_V             d result, a, b, c operands
 *     VL_S              d result, a operand, b lane
 *     VSL_V             d result, a vector, b scalar, c lane
 *     VVL_V             d result, a, b operands; one unit more: the 16 lanes
 *     VCONST            d result; one unit more: the value
 *     VLOAD             d result, a address; one unit more: memory, offset
 *     VSTORE            d value, a address; one unit more: memory, offset
 *     VLOAD_LANE        d result, a address, b vector, c lane; one unit more
 *     VSTORE_LANE       d vector, a address, c lane; one unit more
 *     guarded VLOAD     d result, a address, u32 offset
 *     guarded VSTORE    d value, a address, u32 offset
 */
#include "wasm/interp_ops.h"
#include "wasm/simd.h"

#define VEC(s) simd_load(&fp[s])
#define VPUT(s, e) simd_store(&fp[s], (v128)(e))

#define V_V(e) v128 A = VEC(pc->a); VPUT(pc->d, e); NEXT(1);
#define VV_V(e) v128 A = VEC(pc->a), B = VEC(pc->b); VPUT(pc->d, e); NEXT(1);
#define VVV_V(e) \
	v128 A = VEC(pc->a), B = VEC(pc->b), C = VEC(pc->c); VPUT(pc->d, e); NEXT(1);
#define VS_V(e) v128 A = VEC(pc->a); uint64_t B = fp[pc->b]; VPUT(pc->d, e); NEXT(1);
#define S_V(e) uint64_t A = fp[pc->a]; VPUT(pc->d, e); NEXT(1);
#define V_S(e) v128 A = VEC(pc->a); fp[pc->d] = (e); NEXT(1);
#define VVL_V(e) \
	v128 A = VEC(pc->a), B = VEC(pc->b), L = simd_load(EXT(pc, 1)); VPUT(pc->d, e); NEXT(2);
#define VCONST VPUT(pc->d, simd_load(EXT(pc, 1))); NEXT(2);
/* A lane by its number is a place in memory: in the slots themselves. */
#undef LANE
#define LANE(shape, v, lane) (((const SIMD_LANE(shape) *)(v))[lane])
#define VL_S(e) const uint64_t *A = &fp[pc->a]; unsigned L = pc->b; fp[pc->d] = (e); NEXT(1);
#define VSL_V(e) \
	v128 A = VEC(pc->a); uint64_t B = fp[pc->b]; unsigned L = pc->c; VPUT(pc->d, e); NEXT(1);

#define MEM_V128 v128
#define VLOAD(type, e)                                                         \
	CHECKED_AT(p_, fp[pc->a], sizeof(MEM_##type));                         \
	MEM_##type M;                                                          \
	memcpy(&M, p_, sizeof(M));                                             \
	VPUT(pc->d, e);                                                        \
	NEXT(2);
#define VSTORE(type)                                                           \
	const MEM_##type v_ = VEC(pc->d);                                      \
	CHECKED_AT(p_, fp[pc->a], sizeof(v_));                                 \
	memcpy(p_, &v_, sizeof(v_));                                           \
	NEXT(2);
#define VLOAD_LANE(type, shape)                                                \
	CHECKED_AT(p_, fp[pc->a], sizeof(MEM_##type));                         \
	MEM_##type m_;                                                         \
	memcpy(&m_, p_, sizeof(m_));                                           \
	VPUT(pc->d, REPLACE(shape, VEC(pc->b), m_, pc->c));                    \
	NEXT(2);
#define VSTORE_LANE(type, shape)                                               \
	const MEM_##type m_ = ((const MEM_##type *)&fp[pc->d])[pc->c];         \
	CHECKED_AT(p_, fp[pc->a], sizeof(m_));                                 \
	memcpy(p_, &m_, sizeof(m_));                                           \
	NEXT(2);

#define OP(id, code, text, imm, sig, sem) static HANDLER void v_##id(OP_ARGS) { sem }
#include "wasm/simd.def"
#undef OP

RELTAB_BEGIN(SIMD_TABLE)
#define OP(id, code, text, imm, sig, sem) RELTAB(SIMD_TABLE, v_##id)
#include "wasm/simd.def"
#undef OP
RELTAB_END

/* ---- guarded: VLOAD and VSTORE only, one access of full width ---- */
#undef V_V
#undef VV_V
#undef VVV_V
#undef VS_V
#undef S_V
#undef V_S
#undef VVL_V
#undef VCONST
#undef VL_S
#undef VSL_V
#undef VLOAD
#undef VSTORE
#undef VLOAD_LANE
#undef VSTORE_LANE
#define SIMD_CLASS_V_V(e) NONE, 0
#define SIMD_CLASS_VV_V(e) NONE, 0
#define SIMD_CLASS_VVV_V(e) NONE, 0
#define SIMD_CLASS_VS_V(e) NONE, 0
#define SIMD_CLASS_S_V(e) NONE, 0
#define SIMD_CLASS_V_S(e) NONE, 0
#define SIMD_CLASS_VVL_V(e) NONE, 0
#define SIMD_CLASS_VCONST NONE, 0
#define SIMD_CLASS_VL_S(e) NONE, 0
#define SIMD_CLASS_VSL_V(e) NONE, 0
#define SIMD_CLASS_VLOAD(...) LOAD, __VA_ARGS__
#define SIMD_CLASS_VSTORE(type) STORE, type
#define SIMD_CLASS_VLOAD_LANE(...) NONE, 0
#define SIMD_CLASS_VSTORE_LANE(...) NONE, 0
#define SIMD_ROW(id, ...) SIMD_ROW_(id, __VA_ARGS__)
#define SIMD_ROW_(id, class, ...) SIMD_ROW_##class(id, __VA_ARGS__)

#if WASM_GUARDS
#if defined(__x86_64__) && defined(__AVX__)
#define LOAD_V(a) LOAD__("vmovdqu (%2,%3), %0", v128, "x", a)
#define STORE_V(a, v) STORE__("vmovdqu %1, (%2,%3)", "x", a, v)
#elif defined(__x86_64__)
#define LOAD_V(a) LOAD__("movdqu (%2,%3), %0", v128, "x", a)
#define STORE_V(a, v) STORE__("movdqu %1, (%2,%3)", "x", a, v)
#else
#define LOAD_V(a) LOAD__("ldr %q0, [%1, %2]", v128, "w", a)
/* A store that crosses into a page without access may have written its first
 * part (Arm ARM B2.2.1): its last byte is touched before. */
#define STORE_V(a, v)                                                          \
	do { (void)LOAD_I32_U8((a) + 15); STORE__("str %q0, [%1, %2]", "w", a, v); } while (0)
#endif
#define LOAD_V_U8(a) LOAD_I32_U8(a)
#define LOAD_V_U16(a) LOAD_I32_U16(a)
#define LOAD_V_U32(a) LOAD_I32_U32(a)
#define LOAD_V_U64(a) LOAD_I64_U64(a)
#define LOAD_V_V128(a) LOAD_V(a)
#define SIMD_ROW_NONE(...)
#define SIMD_ROW_LOAD(id, type, e)                                             \
	static HANDLER void g_##id(OP_ARGS)                                    \
	{                                                                      \
		const uint64_t ea_ = (uint64_t)SLOT_I32(pc->a) + pc->u32;      \
		MEM_##type M = (MEM_##type)LOAD_V_##type(ea_);                 \
		VPUT(pc->d, e);                                                \
		NEXT(1);                                                       \
	}
#define SIMD_ROW_STORE(id, type)                                               \
	static HANDLER void g_##id(OP_ARGS)                                    \
	{                                                                      \
		const uint64_t ea_ = (uint64_t)SLOT_I32(pc->a) + pc->u32;      \
		const v128 v_ = VEC(pc->d);                                    \
		STORE_V(ea_, v_);                                              \
		NEXT(1);                                                       \
	}
#define OP(id, code, text, imm, sig, sem) SIMD_ROW(id, SIMD_CLASS_##sem)
#include "wasm/simd.def"
#undef OP
#undef SIMD_ROW_NONE
#undef SIMD_ROW_LOAD
#undef SIMD_ROW_STORE
#define SIMD_ROW_LOAD(id, ...) RELTAB(SIMD_TABLE_GUARDED, g_##id)
#define SIMD_ROW_STORE(id, ...) RELTAB(SIMD_TABLE_GUARDED, g_##id)
#else
#define SIMD_ROW_LOAD(...) RELTAB_NONE
#define SIMD_ROW_STORE(...) RELTAB_NONE
#endif
#define SIMD_ROW_NONE(...) RELTAB_NONE

RELTAB_BEGIN(SIMD_TABLE_GUARDED)
#define OP(id, code, text, imm, sig, sem) SIMD_ROW(id, SIMD_CLASS_##sem)
#include "wasm/simd.def"
#undef OP
RELTAB_END
