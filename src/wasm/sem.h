/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of op.def's last column: what each operation of the scalar
 * instructions does to values, by name, never by a C operator, so that other
 * readers of the table (a lifter to IR, a folder of constants) can give the
 * names their own meaning.  Here they mean C, on
 *
 *     C_I32 uint32_t    C_I64 uint64_t    C_F32 float    C_F64 double
 *
 * Whoever includes this and expands rows that trap defines
 * SEM_TRAP(WASM_TRAP_...), a statement that leaves the expansion.
 * Relies on float.h for everything in which IEEE 754 and C differ.
 */
#ifndef WASM_SEM_H
#define WASM_SEM_H

#include <stdint.h>

#include "wasm/float.h"

#define C_I32 uint32_t
#define C_I64 uint64_t
#define C_F32 float
#define C_F64 double

/* Rows tell their class first: SEM_CLASS_ turns PURE2(r, t, e) into
 * PURE2, r, t, e, so that a macro can choose ROW_PURE2(id, r, t, e). */
#define SEM_CLASS_PURE1(...) PURE1, __VA_ARGS__
#define SEM_CLASS_PURE2(...) PURE2, __VA_ARGS__
#define SEM_CLASS_NAN1(...) NAN1, __VA_ARGS__
#define SEM_CLASS_NAN2(...) NAN2, __VA_ARGS__
#define SEM_CLASS_TRAP1(...) TRAP1, __VA_ARGS__
#define SEM_CLASS_TRAP2(...) TRAP2, __VA_ARGS__
#define SEM_CLASS_CMP1(...) CMP1, __VA_ARGS__
#define SEM_CLASS_CMP2(...) CMP2, __VA_ARGS__
#define SEM_CLASS_LOAD(...) LOAD, __VA_ARGS__
#define SEM_CLASS_STORE(...) STORE, __VA_ARGS__
#define SEM_CLASS_ATOMIC_LOAD(...) ATOMIC_LOAD, __VA_ARGS__
#define SEM_CLASS_ATOMIC_STORE(...) ATOMIC_STORE, __VA_ARGS__
#define SEM_CLASS_ATOMIC_RMW(...) ATOMIC_RMW, __VA_ARGS__
#define SEM_CLASS_ATOMIC_CMPXCHG(...) ATOMIC_CMPXCHG, __VA_ARGS__
#define SEM_CLASS_CONST CONST, 0
#define SEM_CLASS_CONTROL CONTROL, 0
#define SEM_CLASS_SPECIAL SPECIAL, 0

/* ---- comparisons: 0 or 1 ---- */
#define EQZ32(a) ((a) == 0)
#define EQZ64(a) ((a) == 0)
#define SEM__S32(a) ((int32_t)(a))
#define SEM__S64(a) ((int64_t)(a))
#define EQ32(a, b) ((a) == (b))
#define NE32(a, b) ((a) != (b))
#define LTS32(a, b) (SEM__S32(a) < SEM__S32(b))
#define LTU32(a, b) ((a) < (b))
#define GTS32(a, b) (SEM__S32(a) > SEM__S32(b))
#define GTU32(a, b) ((a) > (b))
#define LES32(a, b) (SEM__S32(a) <= SEM__S32(b))
#define LEU32(a, b) ((a) <= (b))
#define GES32(a, b) (SEM__S32(a) >= SEM__S32(b))
#define GEU32(a, b) ((a) >= (b))
#define EQ64(a, b) ((a) == (b))
#define NE64(a, b) ((a) != (b))
#define LTS64(a, b) (SEM__S64(a) < SEM__S64(b))
#define LTU64(a, b) ((a) < (b))
#define GTS64(a, b) (SEM__S64(a) > SEM__S64(b))
#define GTU64(a, b) ((a) > (b))
#define LES64(a, b) (SEM__S64(a) <= SEM__S64(b))
#define LEU64(a, b) ((a) <= (b))
#define GES64(a, b) (SEM__S64(a) >= SEM__S64(b))
#define GEU64(a, b) ((a) >= (b))
#define EQF32(a, b) ((a) == (b))
#define NEF32(a, b) ((a) != (b))
#define LTF32(a, b) ((a) < (b))
#define GTF32(a, b) ((a) > (b))
#define LEF32(a, b) ((a) <= (b))
#define GEF32(a, b) ((a) >= (b))
#define EQF64(a, b) ((a) == (b))
#define NEF64(a, b) ((a) != (b))
#define LTF64(a, b) ((a) < (b))
#define GTF64(a, b) ((a) > (b))
#define LEF64(a, b) ((a) <= (b))
#define GEF64(a, b) ((a) >= (b))

/* ---- integers (4.3.2) ---- */
#define CLZ32(a) ((a) ? (uint32_t)__builtin_clz(a) : 32)
#define CTZ32(a) ((a) ? (uint32_t)__builtin_ctz(a) : 32)
#define POPCNT32(a) ((uint32_t)__builtin_popcount(a))
#define CLZ64(a) ((a) ? (uint64_t)__builtin_clzll(a) : 64)
#define CTZ64(a) ((a) ? (uint64_t)__builtin_ctzll(a) : 64)
#define POPCNT64(a) ((uint64_t)__builtin_popcountll(a))
#define ADD32(a, b) ((a) + (b))
#define SUB32(a, b) ((a) - (b))
#define MUL32(a, b) ((a) * (b))
#define AND32(a, b) ((a) & (b))
#define OR32(a, b) ((a) | (b))
#define XOR32(a, b) ((a) ^ (b))
#define SHL32(a, b) ((a) << ((b) & 31))
#define SHRS32(a, b) ((uint32_t)(SEM__S32(a) >> ((b) & 31)))
#define SHRU32(a, b) ((a) >> ((b) & 31))
#define ROTL32(a, b) ((a) << ((b) & 31) | (a) >> (-(b) & 31))
#define ROTR32(a, b) ((a) >> ((b) & 31) | (a) << (-(b) & 31))
#define ADD64(a, b) ((a) + (b))
#define SUB64(a, b) ((a) - (b))
#define MUL64(a, b) ((a) * (b))
#define AND64(a, b) ((a) & (b))
#define OR64(a, b) ((a) | (b))
#define XOR64(a, b) ((a) ^ (b))
#define SHL64(a, b) ((a) << ((b) & 63))
#define SHRS64(a, b) ((uint64_t)(SEM__S64(a) >> ((b) & 63)))
#define SHRU64(a, b) ((a) >> ((b) & 63))
#define ROTL64(a, b) ((a) << ((b) & 63) | (a) >> (-(b) & 63))
#define ROTR64(a, b) ((a) >> ((b) & 63) | (a) << (-(b) & 63))

#define SEM__DIV(e, zero, overflow)                                            \
	({ if (__builtin_expect((zero), 0)) SEM_TRAP(WASM_TRAP_DIV_ZERO);      \
	   if (__builtin_expect((overflow), 0)) SEM_TRAP(WASM_TRAP_INT_OVERFLOW); \
	   (e); })
#define DIVU32(a, b) SEM__DIV((a) / (b), (b) == 0, 0)
#define DIVU64(a, b) SEM__DIV((a) / (b), (b) == 0, 0)
#define REMU32(a, b) SEM__DIV((a) % (b), (b) == 0, 0)
#define REMU64(a, b) SEM__DIV((a) % (b), (b) == 0, 0)
#define DIVS32(a, b) SEM__DIV((uint32_t)(SEM__S32(a) / SEM__S32(b)), (b) == 0, \
	SEM__S32(b) == -1 && (a) == 0x80000000u)
#define DIVS64(a, b) SEM__DIV((uint64_t)(SEM__S64(a) / SEM__S64(b)), (b) == 0, \
	SEM__S64(b) == -1 && (a) == 1ull << 63)
/* The least integer modulo -1 is 0, and no instruction of the host's. */
#define REMS32(a, b) SEM__DIV(SEM__S32(b) == -1 ? 0u : (uint32_t)(SEM__S32(a) % SEM__S32(b)), (b) == 0, 0)
#define REMS64(a, b) SEM__DIV(SEM__S64(b) == -1 ? 0ull : (uint64_t)(SEM__S64(a) % SEM__S64(b)), (b) == 0, 0)

#define WRAP(a) ((uint32_t)(a))
#define EXTS32(a) ((uint64_t)(int64_t)(int32_t)(a))
#define EXTU32(a) ((uint64_t)(uint32_t)(a))
#define EXTEND8S32(a) ((uint32_t)(int32_t)(int8_t)(a))
#define EXTEND16S32(a) ((uint32_t)(int32_t)(int16_t)(a))
#define EXTEND8S64(a) ((uint64_t)(int64_t)(int8_t)(a))
#define EXTEND16S64(a) ((uint64_t)(int64_t)(int16_t)(a))
#define EXTEND32S64(a) ((uint64_t)(int64_t)(int32_t)(a))

/* ---- floats (4.3.3) ---- */
#define BITS_I32(a) float_bits32(a)
#define BITS_I64(a) float_bits64(a)
#define BITS_F32(a) float_of32(a)
#define BITS_F64(a) float_of64(a)
#define ABSF32(a) FLOAT_ABS32(a)
#define NEGF32(a) FLOAT_NEG32(a)
#define COPYSIGNF32(a, b) FLOAT_COPYSIGN32(a, b)
#define CEILF32(a) float_ceil32(a)
#define FLOORF32(a) float_floor32(a)
#define TRUNCF32(a) float_trunc32(a)
#define NEARESTF32(a) float_nearest32(a)
#define SQRTF32(a) float_sqrt32(a)
#define ADDF32(a, b) ((a) + (b))
#define SUBF32(a, b) ((a) - (b))
#define MULF32(a, b) ((a) * (b))
#define DIVF32(a, b) ((a) / (b))
#define MINF32(a, b) float_min32(a, b)
#define MAXF32(a, b) float_max32(a, b)
#define ABSF64(a) FLOAT_ABS64(a)
#define NEGF64(a) FLOAT_NEG64(a)
#define COPYSIGNF64(a, b) FLOAT_COPYSIGN64(a, b)
#define CEILF64(a) float_ceil64(a)
#define FLOORF64(a) float_floor64(a)
#define TRUNCF64(a) float_trunc64(a)
#define NEARESTF64(a) float_nearest64(a)
#define SQRTF64(a) float_sqrt64(a)
#define ADDF64(a, b) ((a) + (b))
#define SUBF64(a, b) ((a) - (b))
#define MULF64(a, b) ((a) * (b))
#define DIVF64(a, b) ((a) / (b))
#define MINF64(a, b) float_min64(a, b)
#define MAXF64(a, b) float_max64(a, b)
#define DEMOTE(a) float_demote(a)
#define PROMOTE(a) float_promote(a)

#define SEM__TRUNC(a, F, I)                                                    \
	({ if (__builtin_expect(!float_fits_##F##_##I(a), 0)) {                \
		if ((a) != (a)) SEM_TRAP(WASM_TRAP_INVALID_CONVERSION);        \
		else SEM_TRAP(WASM_TRAP_INT_OVERFLOW);                         \
	   }                                                                   \
	   float_to_##F##_##I(a); })
#define TRUNC_F32_S32(a) SEM__TRUNC(a, f32, s32)
#define TRUNC_F32_U32(a) SEM__TRUNC(a, f32, u32)
#define TRUNC_F64_S32(a) SEM__TRUNC(a, f64, s32)
#define TRUNC_F64_U32(a) SEM__TRUNC(a, f64, u32)
#define TRUNC_F32_S64(a) SEM__TRUNC(a, f32, s64)
#define TRUNC_F32_U64(a) SEM__TRUNC(a, f32, u64)
#define TRUNC_F64_S64(a) SEM__TRUNC(a, f64, s64)
#define TRUNC_F64_U64(a) SEM__TRUNC(a, f64, u64)
#define SAT_F32_S32(a) float_sat_f32_s32(a)
#define SAT_F32_U32(a) float_sat_f32_u32(a)
#define SAT_F64_S32(a) float_sat_f64_s32(a)
#define SAT_F64_U32(a) float_sat_f64_u32(a)
#define SAT_F32_S64(a) float_sat_f32_s64(a)
#define SAT_F32_U64(a) float_sat_f32_u64(a)
#define SAT_F64_S64(a) float_sat_f64_s64(a)
#define SAT_F64_U64(a) float_sat_f64_u64(a)
#define CONVERT_S32_F32(a) ((float)(int32_t)(a))
#define CONVERT_U32_F32(a) ((float)(uint32_t)(a))
#define CONVERT_S64_F32(a) ((float)(int64_t)(a))
#define CONVERT_U64_F32(a) ((float)(uint64_t)(a))
#define CONVERT_S32_F64(a) ((double)(int32_t)(a))
#define CONVERT_U32_F64(a) ((double)(uint32_t)(a))
#define CONVERT_S64_F64(a) ((double)(int64_t)(a))
#define CONVERT_U64_F64(a) ((double)(uint64_t)(a))

/* ---- memory: what LOAD and STORE call the bytes there ---- */
#define MEM_U8 uint8_t
#define MEM_S8 int8_t
#define MEM_U16 uint16_t
#define MEM_S16 int16_t
#define MEM_U32 uint32_t
#define MEM_S32 int32_t
#define MEM_U64 uint64_t

#endif
