/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of op.def, as C: IR_ROW(types, sig, e) becomes the cases of a
 * switch over the controlling type, each of which reads its operands from
 * a, b, c and writes *r.  Rows that need a machine become nothing.
 * Floating point in the C sense; ir_compute() sets rounding and collects
 * flags around it.  Included by compute.c only.
 */
#ifndef IR_SEM_H
#define IR_SEM_H

#include <fenv.h>
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "ir/ir.h"

/* ---- sets of controlling types ------------------------------------------- */

#define IR_SET_NONE(SIG, e) default: SIG(NONE, e)
#define IR_SET_INT(SIG, e) case IR_I32: SIG(I32, e) case IR_I64: SIG(I64, e)
#define IR_SET_I64(SIG, e) case IR_I64: SIG(I64, e)
#define IR_SET_FLT(SIG, e) case IR_F32: SIG(F32, e) case IR_F64: SIG(F64, e)
#define IR_SET_ANY(SIG, e)
#define IR_SET_MEM(SIG, e)
#define IR_SET_V128(SIG, e) case IR_V128: SIG(V128, e)
#define IR_SET_VINT(SIG, e)                                                     \
	case IR_I8X16: SIG(I8X16, e) case IR_I16X8: SIG(I16X8, e)               \
	case IR_I32X4: SIG(I32X4, e) case IR_I64X2: SIG(I64X2, e)
#define IR_SET_VFLT(SIG, e) case IR_F32X4: SIG(F32X4, e) case IR_F64X2: SIG(F64X2, e)
#define IR_SET_VALL(SIG, e) IR_SET_VINT(SIG, e) IR_SET_VFLT(SIG, e)

/* T, ST, W of each; the field of union ir_value. */
#define IR_IN_NONE
#define IR_IN_I32 typedef uint32_t T __attribute__((unused)); typedef int32_t ST __attribute__((unused)); enum { W = 32 };
#define IR_IN_I64 typedef uint64_t T __attribute__((unused)); typedef int64_t ST __attribute__((unused)); enum { W = 64 };
#define IR_IN_F32 typedef float T __attribute__((unused)); typedef float ST __attribute__((unused)); enum { W = 32 };
#define IR_IN_F64 typedef double T __attribute__((unused)); typedef double ST __attribute__((unused)); enum { W = 64 };
#define IR_IN_LANES(t, st, n, w)                                                \
	typedef t T __attribute__((vector_size(16), unused));                           \
	typedef st ST __attribute__((vector_size(16), unused));                         \
	typedef t LT __attribute__((unused));                                                         \
	enum { W = w, LANES = n };
#define IR_IN_V128 IR_IN_LANES(uint64_t, int64_t, 2, 64)
#define IR_IN_I8X16 IR_IN_LANES(uint8_t, int8_t, 16, 8)
#define IR_IN_I16X8 IR_IN_LANES(uint16_t, int16_t, 8, 16)
#define IR_IN_I32X4 IR_IN_LANES(uint32_t, int32_t, 4, 32)
#define IR_IN_I64X2 IR_IN_LANES(uint64_t, int64_t, 2, 64)
#define IR_IN_F32X4 IR_IN_LANES(float, int32_t, 4, 32)
#define IR_IN_F64X2 IR_IN_LANES(double, int64_t, 2, 64)
#define IR_FIELD_I32 i32
#define IR_FIELD_I64 i64
#define IR_FIELD_F32 f32
#define IR_FIELD_F64 f64
#define IR_SCALAR_I8X16 i32
#define IR_SCALAR_I16X8 i32
#define IR_SCALAR_I32X4 i32
#define IR_SCALAR_I64X2 i64
#define IR_SCALAR_F32X4 f32
#define IR_SCALAR_F64X2 f64

/* ---- signatures ------------------------------------------------------------- */

#define IR_VAL(name, from, field) __typeof__(from->field) name __attribute__((unused)) = from->field;
#define IR_VEC(name, from) T name __attribute__((unused)); memcpy(&name, from, 16);
#define IR_PUT_T(t, e) r->IR_FIELD_##t = (e);
#define IR_PUT_i(e) r->i32 = (uint32_t)(e);
#define IR_PUT_I(e) r->i64 = (uint64_t)(e);
#define IR_PUT_f(e) r->f32 = (e);
#define IR_PUT_F(e) r->f64 = (e);
#define IR_PUT_V(e) { __typeof__(e) v_ = (e); memcpy(r, &v_, 16); }

#define IR_SIG_T_T(t, e) { IR_IN_##t IR_VAL(A, a, IR_FIELD_##t) IR_PUT_T(t, e) break; }
#define IR_SIG_TT_T(t, e) { IR_IN_##t IR_VAL(A, a, IR_FIELD_##t) IR_VAL(B, b, IR_FIELD_##t) IR_PUT_T(t, e) break; }
#define IR_SIG_TTT_T(t, e) { IR_IN_##t IR_VAL(A, a, IR_FIELD_##t) IR_VAL(B, b, IR_FIELD_##t) IR_VAL(C, c, IR_FIELD_##t) IR_PUT_T(t, e) break; }
#define IR_SIG_TT_i(t, e) { IR_IN_##t IR_VAL(A, a, IR_FIELD_##t) IR_VAL(B, b, IR_FIELD_##t) IR_PUT_i(e) break; }
#define IR_SIG_T_i(t, e) { IR_IN_##t IR_VAL(A, a, IR_FIELD_##t) IR_PUT_i(e) break; }
#define IR_SIG_T_I(t, e) { IR_IN_##t IR_VAL(A, a, IR_FIELD_##t) IR_PUT_I(e) break; }
#define IR_SIG_i_T(t, e) { IR_IN_##t IR_VAL(A, a, i32) IR_PUT_T(t, e) break; }
#define IR_SIG_I_T(t, e) { IR_IN_##t IR_VAL(A, a, i64) IR_PUT_T(t, e) break; }
#define IR_SIG_I_i(t, e) { IR_VAL(A, a, i64) IR_PUT_i(e) break; }
#define IR_SIG_i_I(t, e) { IR_VAL(A, a, i32) IR_PUT_I(e) break; }
#define IR_SIG_F_f(t, e) { IR_VAL(A, a, f64) IR_PUT_f(e) break; }
#define IR_SIG_f_F(t, e) { IR_VAL(A, a, f32) IR_PUT_F(e) break; }
#define IR_SIG_f_i(t, e) { IR_VAL(A, a, f32) IR_PUT_i(e) break; }
#define IR_SIG_f_I(t, e) { IR_VAL(A, a, f32) IR_PUT_I(e) break; }
#define IR_SIG_F_I(t, e) { IR_VAL(A, a, f64) IR_PUT_I(e) break; }
#define IR_SIG_i_f(t, e) { IR_VAL(A, a, i32) IR_PUT_f(e) break; }
#define IR_SIG_I_F(t, e) { IR_VAL(A, a, i64) IR_PUT_F(e) break; }
#define IR_SIG_I_f(t, e) { IR_VAL(A, a, i64) IR_PUT_f(e) break; }
#define IR_SIG_V_V(t, e) { IR_IN_##t IR_VEC(A, a) IR_PUT_V(e) break; }
#define IR_SIG_VV_V(t, e) { IR_IN_##t IR_VEC(A, a) IR_VEC(B, b) IR_PUT_V(e) break; }
#define IR_SIG_VVV_V(t, e) { IR_IN_##t IR_VEC(A, a) IR_VEC(B, b) IR_VEC(C, c) IR_PUT_V(e) break; }
#define IR_SIG_Vi_V(t, e) { IR_IN_##t IR_VEC(A, a) IR_VAL(B, b, i32) IR_PUT_V(e) break; }
#define IR_SIG_E_V(t, e) { IR_IN_##t IR_VAL(A, a, IR_SCALAR_##t) IR_PUT_V(e) break; }
#define IR_SIG_V_E(t, e) { IR_IN_##t IR_VEC(A, a) r->IR_SCALAR_##t = (e); break; }
#define IR_SIG_VE_V(t, e) { IR_IN_##t IR_VEC(A, a) IR_VAL(B, b, IR_SCALAR_##t) IR_PUT_V(e) break; }
/* These need a machine. */
#define IR_SIG_N_N(t, e) return false;
#define IR_SIG_N_T(t, e) return false;
#define IR_SIG_N_I(t, e) return false;
#define IR_SIG_N_i(t, e) return false;
#define IR_SIG_N_A(t, e) return false;
#define IR_SIG_A_N(t, e) return false;
#define IR_SIG_A_T(t, e) return false;
#define IR_SIG_i_N(t, e) return false;
#define IR_SIG_I_N(t, e) return false;
#define IR_SIG_I_I(t, e) return false;
#define IR_SIG_iTT_T(t, e) return false;
#define IR_SIG_II_A(t, e) return false;
#define IR_SIG_IA_A(t, e) return false;
#define IR_SIG_IAA_A(t, e) return false;
#define IR_SIG_IIA_N(t, e) return false;

#define IR_ROW(types, sig, e) IR_SET_##types(IR_SIG_##sig, e)

/* ---- integers ------------------------------------------------------------------ */

#define S(x) ((ST)(x))
#define DIVS(x, y) ((y) == 0 ? (T)-1 : (y) == (T)-1 ? (T)0 - (x) : (T)(S(x) / S(y)))
#define REMS(x, y) ((y) == 0 ? (x) : (y) == (T)-1 ? (T)0 : (T)(S(x) % S(y)))
#define CLZ(x) ((T)((x) ? __builtin_clzll(x) - (64 - W) : W))
#define CTZ(x) ((T)((x) ? __builtin_ctzll(x) : W))
#define BSWAP(x) ((T)(__builtin_bswap64(x) >> (64 - W)))
#define IR__WIDTH(i) ((unsigned)(i) >> 8 & 255)
#define IR__MASK(i) ((T)-1 >> ((W - IR__WIDTH(i)) & (W - 1)))
#define BFX(x, i) ((T)((x) >> ((i) & (W - 1)) & IR__MASK(i)))
#define BFXS(x, i) ((T)(S((x) << ((W - IR__WIDTH(i) - ((i) & 255)) & (W - 1))) >> ((W - IR__WIDTH(i)) & (W - 1))))
#define BFI(x, y, i) ((T)(((x) & ~(IR__MASK(i) << ((i) & (W - 1)))) | ((y) & IR__MASK(i)) << ((i) & (W - 1))))

static inline uint64_t ir_orc_b(uint64_t x)
{
	uint64_t r = 0;

	for (unsigned i = 0; i < 64; i += 8)
		if (x >> i & 255)
			r |= 255ull << i;
	return r;
}
static inline uint64_t ir_clmul(uint64_t x, uint64_t y)
{
	uint64_t r = 0;

	for (unsigned i = 0; i < 64; i++)
		if (y >> i & 1)
			r ^= x << i;
	return r;
}
static inline uint64_t ir_clmulh(uint64_t x, uint64_t y)
{
	uint64_t r = 0;

	for (unsigned i = 1; i < 64; i++)
		if (y >> i & 1)
			r ^= x >> (64 - i);
	return r;
}

/* ---- floats ---------------------------------------------------------------------- */

/* These flags and no others. */
static __attribute__((noinline, unused)) void ir_raise(int e)
{
	feclearexcept(FE_ALL_EXCEPT);
	if (e)
		feraiseexcept(e);
}
static inline uint32_t ir_bits32(float f) { uint32_t v; memcpy(&v, &f, 4); return v; }
static inline uint64_t ir_bits64(double f) { uint64_t v; memcpy(&v, &f, 8); return v; }
static inline float ir_of32(uint32_t v) { float f; memcpy(&f, &v, 4); return f; }
static inline double ir_of64(uint64_t v) { double f; memcpy(&f, &v, 8); return f; }
static inline unsigned ir_fclass(uint64_t v, unsigned exp_bits, unsigned frac_bits)
{
	bool neg = v >> (exp_bits + frac_bits) & 1;
	uint64_t frac = v & (BIT(frac_bits) - 1), exp = v >> frac_bits & (BIT(exp_bits) - 1);

	if (exp == BIT(exp_bits) - 1)
		return frac ? frac >> (frac_bits - 1) ? 512 : 256 : neg ? 1 : 128;
	if (exp)
		return neg ? 2 : 64;
	return frac ? neg ? 4 : 32 : neg ? 8 : 16;
}
static inline unsigned ir_fclass32(float f) { return ir_fclass(ir_bits32(f), 8, 23); }
static inline unsigned ir_fclass64(double f) { return ir_fclass(ir_bits64(f), 11, 52); }

#define IR__F(x, f32, f64) _Generic((x), float: f32, double: f64)
#define FABS(x) IR__F(x, fabsf, fabs)(x)
#define COPYSIGN(x, y) IR__F(x, copysignf, copysign)(x, y)
#define FSQRT(x) IR__F(x, sqrtf, sqrt)(x)
#define FMA(x, y, z) IR__F(x, fmaf, fma)(x, y, z)
/* x + 0 of what is not a number makes it quiet and raises NV when it was not. */
#define IR__ROUND(x, f, d) (__builtin_isnan(x) ? (x) + (x) : IR__F(x, f, d)(x))
#define FCEIL(x) IR__ROUND(x, ceilf, ceil)
#define FFLOOR(x) IR__ROUND(x, floorf, floor)
#define FTRUNC(x) IR__ROUND(x, truncf, trunc)
#define FNEAREST(x) IR__ROUND(x, roundevenf, roundeven)
#define FCLASS(x) IR__F(x, ir_fclass32, ir_fclass64)(x)
#define IR__SNAN(x) (FCLASS(x) == 256)
#define IR__LESS(x, y) ((x) < (y) || ((x) == (y) && __builtin_signbit(x)))
#define FMINIMUM(x, y) (__builtin_isunordered(x, y) ? (x) + (y) : IR__LESS(x, y) ? (x) : (y))
#define FMAXIMUM(x, y) (__builtin_isunordered(x, y) ? (x) + (y) : IR__LESS(x, y) ? (y) : (x))
#define IR__NUM(x, y, both)                                                      \
	((IR__SNAN(x) || IR__SNAN(y) ? feraiseexcept(FE_INVALID) : 0),           \
	 __builtin_isnan(x) ? __builtin_isnan(y) ? (x) + (y) : (y) : __builtin_isnan(y) ? (x) : (both))
#define FMINNUM(x, y) IR__NUM(x, y, IR__LESS(x, y) ? (x) : (y))
#define FMAXNUM(x, y) IR__NUM(x, y, IR__LESS(x, y) ? (y) : (x))
#define IR__TWO(n) ((T)(1ull << ((n) - 1)) * 2)
#define SAT(x, I, lo, hi, n, nan)                                                \
	(__builtin_isnan(x) ? (I)(nan) : (x) <= (T)(lo) ? (lo) : (x) >= IR__TWO(n) ? (hi) : (I)(x))
/* Out of range raises NV alone, else inexact NX: said here, because compilers
 * convert in ways that raise more. */
#define CVT(x, I, lo, hi, n)                                                     \
	({ T v_ = __builtin_isnan(x) ? (x) : IR__F(x, nearbyintf, nearbyint)(x); \
	   int e_ = 0;                                                           \
	   I r_;                                                                 \
	   if (__builtin_isnan(x) || v_ >= IR__TWO(n))                           \
		   e_ = FE_INVALID, r_ = (hi);                                   \
	   else if (v_ < (T)(lo))                                                \
		   e_ = FE_INVALID, r_ = (lo);                                   \
	   else                                                                  \
		   e_ = v_ != (x) ? FE_INEXACT : 0, r_ = (I)v_;                  \
	   ir_raise(e_);                                                         \
	   r_; })
/* Tests that raise NV for every NaN; C compilers do not promise that. */
#define ORDERED(x, y, test) (__builtin_isunordered(x, y) ? (ir_raise(FE_INVALID), 0) : (test))
/* From unsigned 64 bits: the signed conversion of half of it, whose lowest bit
 * stands for both that were lowest, rounds right in every mode. */
#define FROM_U64(x)                                                              \
	((x) >> 63 ? (T)(int64_t)((x) >> 1 | ((x) & 1)) * 2 : (T)(int64_t)(x))

/* ---- lanes ------------------------------------------------------------------------ */

#define VPICK(m, x, y) ((T)(((T)(m) & (x)) | (~(T)(m) & (y))))
#define VSPLAT(x) ({ T v_; for (unsigned l_ = 0; l_ < LANES; l_++) v_[l_] = (LT)(x); v_; })
#define VREPLACE(x, y, n) ({ T v_ = (x); v_[n] = (LT)(y); v_; })

#endif
