/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the expressions of simd.def are made of: vector types and, where C's
 * vector arithmetic does not say it (or compilers make too much of it),
 * functions.  Core spec 4.3 (numerics), 4.4.3 (vector instructions).
 *
 * The portable form of each function stands here.  Those for which x86-64 has
 * an instruction that compilers do not find have a second form, chosen by what
 * the file that includes this is compiled for: SSE2 is always there, SSSE3,
 * SSE4.1 and FMA with -march=x86-64-v3.  AArch64 has what is saturating or
 * widens, and table lookups.  SIMD_PORTABLE asks for no host's.
 *
 * WASM_DETERMINISTIC selects the deterministic profile: canonical NaNs, and
 * choice 0 of every relaxed operation.
 */
#ifndef WASM_SIMD_H
#define WASM_SIMD_H

#include "wasm/float.h"
#include "wasm/simd_int.h"

/* ---- floats ---- */

/* Around float results. */
#ifdef WASM_DETERMINISTIC
#define CANON32X4(x) simd__canon32x4(x)
#define CANON64X2(x) simd__canon64x2(x)
#else
#define CANON32X4(x) (x)
#define CANON64X2(x) (x)
#endif

SIMD_INLINE f32x4 simd__canon32x4(f32x4 x)
{
	return SIMD_SELECT(f32x4, x == x, x, SPLAT(u32x4, 0x7fc00000));
}
SIMD_INLINE f64x2 simd__canon64x2(f64x2 x)
{
	return SIMD_SELECT(f64x2, x == x, x, SPLAT(u64x2, 0x7ff8000000000000));
}

SIMD_INLINE v128 simd_abs_f32x4(v128 a) { return a & (v128)SPLAT(u32x4, 0x7fffffff); }
SIMD_INLINE v128 simd_neg_f32x4(v128 a) { return a ^ (v128)SPLAT(u32x4, 0x80000000); }
SIMD_INLINE v128 simd_abs_f64x2(v128 a) { return a & SPLAT(u64x2, ~0ull >> 1); }
SIMD_INLINE v128 simd_neg_f64x2(v128 a) { return a ^ SPLAT(u64x2, 1ull << 63); }

#define SIMD_EACH32(x, f) ((f32x4){ f((x)[0]), f((x)[1]), f((x)[2]), f((x)[3]) })
#define SIMD_EACH64(x, f) ((f64x2){ f((x)[0]), f((x)[1]) })

#if defined(SIMD_SSE2)
SIMD_INLINE f32x4 simd_sqrt_f32x4(f32x4 x) { return (f32x4)_mm_sqrt_ps((__m128)x); }
SIMD_INLINE f64x2 simd_sqrt_f64x2(f64x2 x) { return (f64x2)_mm_sqrt_pd((__m128d)x); }
#elif defined(SIMD_NEON)
SIMD_INLINE f32x4 simd_sqrt_f32x4(f32x4 x) { return (f32x4)vsqrtq_f32((float32x4_t)x); }
SIMD_INLINE f64x2 simd_sqrt_f64x2(f64x2 x) { return (f64x2)vsqrtq_f64((float64x2_t)x); }
#else
SIMD_INLINE f32x4 simd_sqrt_f32x4(f32x4 x) { return SIMD_EACH32(x, float__sqrt32); }
SIMD_INLINE f64x2 simd_sqrt_f64x2(f64x2 x) { return SIMD_EACH64(x, float__sqrt64); }
#endif

/* Roundings: float.h says how; here without a branch. */
#if defined(SIMD_SSE41)
#define SIMD_ROUND(name, mode)                                                  \
	SIMD_INLINE f32x4 simd_##name##_f32x4(f32x4 x)                          \
	{                                                                       \
		return (f32x4)_mm_round_ps((__m128)x, (mode) | _MM_FROUND_NO_EXC); \
	}                                                                       \
	SIMD_INLINE f64x2 simd_##name##_f64x2(f64x2 x)                          \
	{                                                                       \
		return (f64x2)_mm_round_pd((__m128d)x, (mode) | _MM_FROUND_NO_EXC); \
	}
SIMD_ROUND(ceil, _MM_FROUND_TO_POS_INF)
SIMD_ROUND(floor, _MM_FROUND_TO_NEG_INF)
SIMD_ROUND(trunc, _MM_FROUND_TO_ZERO)
SIMD_ROUND(nearest, _MM_FROUND_TO_NEAREST_INT)
#elif defined(SIMD_NEON)
#define SIMD_ROUND(name, insn)                                                  \
	SIMD_INLINE f32x4 simd_##name##_f32x4(f32x4 x)                          \
	{                                                                       \
		return (f32x4)insn##_f32((float32x4_t)x);                       \
	}                                                                       \
	SIMD_INLINE f64x2 simd_##name##_f64x2(f64x2 x)                          \
	{                                                                       \
		return (f64x2)insn##_f64((float64x2_t)x);                       \
	}
SIMD_ROUND(ceil, vrndpq)
SIMD_ROUND(floor, vrndmq)
SIMD_ROUND(trunc, vrndq)
SIMD_ROUND(nearest, vrndnq)
#else
/* r is a rounded to nearest, a the magnitude; `adjust` makes r what is asked
 * for, in terms of the signed values r and x. */
#define SIMD_ROUND(name, shape, ushape, magic, one, adjust)                     \
	SIMD_INLINE shape simd_##name##_##shape(shape x)                        \
	{                                                                       \
		v128 sign = (v128)x ^ simd_abs_##shape((v128)x);                \
		shape a = (shape)((v128)x ^ sign);                              \
		shape r = (a + (magic)) - (magic);                              \
		v128 small = (v128)(a < (magic));                               \
                                                                                \
		r = (shape)((v128)r | sign);                                    \
		r = (shape)(simd_abs_##shape((v128)(adjust)) | sign);           \
		return SIMD_SELECT(shape, small, r, x + 0);                     \
	}
#define SIMD_ONE(shape, one, cond) ((shape)((v128)(cond) & (v128)SPLAT(shape, one)))
#define SIMD_ROUNDS(shape, ushape, magic, one)                                  \
	SIMD_ROUND(nearest, shape, ushape, magic, one, r)                       \
	SIMD_ROUND(ceil, shape, ushape, magic, one, r + SIMD_ONE(shape, one, r < x)) \
	SIMD_ROUND(floor, shape, ushape, magic, one, r - SIMD_ONE(shape, one, r > x)) \
	SIMD_ROUND(trunc, shape, ushape, magic, one,                            \
		   (shape)simd_abs_##shape((v128)r) -                           \
		   SIMD_ONE(shape, one, (shape)simd_abs_##shape((v128)r) > a))
SIMD_ROUNDS(f32x4, u32x4, 0x1p23f, 1.0f)
SIMD_ROUNDS(f64x2, u64x2, 0x1p52, 1.0)
#endif

/* Both orders of the host's minimum (which answers with the second operand
 * when it cannot tell) differ for NaNs and zeros only: ORed, they are -0 or a
 * NaN.  Where unordered all bits are set, then those below the quiet bit
 * cleared.  The same for the maximum, with the sign of a zero ANDed. */
#ifdef SIMD_SSE2
#define SIMD_FMINMAX(shape, m, sfx, quiet_shift)                                \
	SIMD_INLINE shape simd_min_##shape(shape x, shape y)                    \
	{                                                                       \
		m a = (m)x, b = (m)y;                                           \
		m r = _mm_or_##sfx(_mm_min_##sfx(a, b), _mm_min_##sfx(b, a));   \
		m nan = _mm_cmpunord_##sfx(a, b);                               \
                                                                                \
		r = _mm_or_##sfx(r, nan);                                       \
		return (shape)_mm_andnot_##sfx((m)SIMD_SRL(shape, nan, quiet_shift), r); \
	}                                                                       \
	SIMD_INLINE shape simd_max_##shape(shape x, shape y)                    \
	{                                                                       \
		m a = (m)x, b = (m)y;                                           \
		m r = _mm_and_##sfx(_mm_max_##sfx(a, b), _mm_max_##sfx(b, a));  \
		m nan = _mm_cmpunord_##sfx(a, b);                               \
                                                                                \
		r = _mm_or_##sfx(r, nan);                                       \
		return (shape)_mm_andnot_##sfx((m)SIMD_SRL(shape, nan, quiet_shift), r); \
	}                                                                       \
	SIMD_INLINE shape simd_pmin_##shape(shape x, shape y)                   \
	{                                                                       \
		return (shape)_mm_min_##sfx((m)y, (m)x);                        \
	}                                                                       \
	SIMD_INLINE shape simd_pmax_##shape(shape x, shape y)                   \
	{                                                                       \
		return (shape)_mm_max_##sfx((m)y, (m)x);                        \
	}
#define SIMD_SRL(shape, v, n) SIMD_SRL_##shape(v, n)
#define SIMD_SRL_f32x4(v, n) _mm_srli_epi32((__m128i)(v), n)
#define SIMD_SRL_f64x2(v, n) _mm_srli_epi64((__m128i)(v), n)
SIMD_FMINMAX(f32x4, __m128, ps, 10)
SIMD_FMINMAX(f64x2, __m128d, pd, 13)
#else
#define SIMD_FMINMAX(shape)                                                     \
	SIMD_INLINE shape simd_min_##shape(shape a, shape b)                    \
	{                                                                       \
		v128 same = (v128)a | (v128)b;                                  \
		shape r = SIMD_SELECT(shape, a == b, same, a + b);              \
                                                                                \
		r = SIMD_SELECT(shape, a < b, a, r);                            \
		return SIMD_SELECT(shape, a > b, b, r);                         \
	}                                                                       \
	SIMD_INLINE shape simd_max_##shape(shape a, shape b)                    \
	{                                                                       \
		v128 same = (v128)a & (v128)b;                                  \
		shape r = SIMD_SELECT(shape, a == b, same, a + b);              \
                                                                                \
		r = SIMD_SELECT(shape, a > b, a, r);                            \
		return SIMD_SELECT(shape, a < b, b, r);                         \
	}                                                                       \
	SIMD_INLINE shape simd_pmin_##shape(shape a, shape b)                   \
	{                                                                       \
		return SIMD_SELECT(shape, b < a, b, a);                         \
	}                                                                       \
	SIMD_INLINE shape simd_pmax_##shape(shape a, shape b)                   \
	{                                                                       \
		return SIMD_SELECT(shape, a < b, b, a);                         \
	}
SIMD_FMINMAX(f32x4)
SIMD_FMINMAX(f64x2)
#endif

/* ---- conversions ---- */

#ifdef SIMD_SSE2
SIMD_INLINE f32x4 simd_demote(f64x2 x) { return (f32x4)_mm_cvtpd_ps((__m128d)x); }
SIMD_INLINE f64x2 simd_promote(f32x4 x) { return (f64x2)_mm_cvtps_pd((__m128)x); }
SIMD_INLINE f64x2 simd_convert_low_i32x4(i32x4 x) { return (f64x2)_mm_cvtepi32_pd((__m128i)x); }
#else
SIMD_INLINE f32x4 simd_demote(f64x2 x) { return (f32x4){ (float)x[0], (float)x[1], 0, 0 }; }
SIMD_INLINE f64x2 simd_promote(f32x4 x) { return (f64x2){ (double)x[0], (double)x[1] }; }
SIMD_INLINE f64x2 simd_convert_low_i32x4(i32x4 x) { return (f64x2){ x[0], x[1] }; }
#endif
SIMD_INLINE f32x4 simd_convert_i32x4(i32x4 x)
{
	return __builtin_convertvector(x, f32x4);
}
/* Both halves are exact, so their sum is rounded once. */
SIMD_INLINE f32x4 simd_convert_u32x4(u32x4 x)
{
	return simd_convert_i32x4((i32x4)(x >> 16)) * 0x1p16f +
	       simd_convert_i32x4((i32x4)(x & 0xffff));
}
/* As the low bits of 2^52, less 2^52. */
SIMD_INLINE f64x2 simd_convert_low_u32x4(u32x4 x)
{
	return (f64x2)(simd_low_u32x4((v128)x) | SPLAT(u64x2, 0x4330000000000000)) - 0x1p52;
}

#ifdef SIMD_SSE2
/* cvttps2dq and cvttpd2dq answer 2^31 to what they cannot convert; what is
 * too large in the positive becomes 2^31 - 1 by inversion, NaN is zeroed before. */
SIMD_INLINE i32x4 simd_trunc_sat_f32x4_s(f32x4 x)
{
	i32x4 big = x >= 0x1p31f;

	x = (f32x4)((i32x4)x & (x == x));
	return (i32x4)_mm_cvttps_epi32((__m128)x) ^ big;
}
/* maxps answers with its second operand to a NaN.  From 2^31 on, 2^31 is
 * subtracted and put back as a bit. */
SIMD_INLINE i32x4 simd_trunc_sat_f32x4_u(f32x4 x)
{
	x = (f32x4)_mm_max_ps((__m128)x, _mm_setzero_ps());

	i32x4 big = x >= 0x1p31f;
	f32x4 y = x - (f32x4)(big & (i32x4)SPLAT(f32x4, 0x1p31f));
	i32x4 over = y >= 0x1p31f;

	return ((i32x4)_mm_cvttps_epi32((__m128)y) ^ (i32x4)((u32x4)big << 31)) | over;
}
SIMD_INLINE i32x4 simd_trunc_sat_f64x2_s(f64x2 x)
{
	__m128d max = _mm_set1_pd(2147483647.0), v = (__m128d)x;

	v = _mm_and_pd(_mm_min_pd(v, max), _mm_cmpord_pd(v, v));
	return (i32x4)_mm_cvttpd_epi32(v);
}
SIMD_INLINE i32x4 simd_trunc_sat_f64x2_u(f64x2 x)
{
	__m128d max = _mm_set1_pd(4294967295.0), half = _mm_set1_pd(0x1p31);
	__m128d v = _mm_min_pd(_mm_max_pd((__m128d)x, _mm_setzero_pd()), max);
	__m128d big = _mm_cmpge_pd(v, half);
	__m128i r = _mm_cvttpd_epi32(_mm_sub_pd(v, _mm_and_pd(big, half)));
	/* the low words of both masks, beside each other */
	__m128i top = _mm_slli_epi32(_mm_shuffle_epi32((__m128i)big, 0x08), 31);

	return (i32x4)_mm_xor_si128(r, _mm_move_epi64(top));
}
#elif defined(SIMD_NEON)
SIMD_INLINE i32x4 simd_trunc_sat_f32x4_s(f32x4 x) { return (i32x4)vcvtq_s32_f32((float32x4_t)x); }
SIMD_INLINE i32x4 simd_trunc_sat_f32x4_u(f32x4 x) { return (i32x4)vcvtq_u32_f32((float32x4_t)x); }
SIMD_INLINE i32x4 simd_trunc_sat_f64x2_s(f64x2 x)
{
	return (i32x4)(v128){ (uint64_t)vqmovn_s64(vcvtq_s64_f64((float64x2_t)x)), 0 };
}
SIMD_INLINE i32x4 simd_trunc_sat_f64x2_u(f64x2 x)
{
	return (i32x4)(v128){ (uint64_t)vqmovn_u64(vcvtq_u64_f64((float64x2_t)x)), 0 };
}
#else
#define SIMD_SAT4(x, f) \
	((i32x4)(u32x4){ f((x)[0]), f((x)[1]), f((x)[2]), f((x)[3]) })
#define SIMD_SAT2(x, f) ((i32x4)(u32x4){ f((x)[0]), f((x)[1]), 0, 0 })
SIMD_INLINE i32x4 simd_trunc_sat_f32x4_s(f32x4 x) { return SIMD_SAT4(x, float_sat_f32_s32); }
SIMD_INLINE i32x4 simd_trunc_sat_f32x4_u(f32x4 x) { return SIMD_SAT4(x, float_sat_f32_u32); }
SIMD_INLINE i32x4 simd_trunc_sat_f64x2_s(f64x2 x) { return SIMD_SAT2(x, float_sat_f64_s32); }
SIMD_INLINE i32x4 simd_trunc_sat_f64x2_u(f64x2 x) { return SIMD_SAT2(x, float_sat_f64_u32); }
#endif

/* ---- relaxed (4.3.4) ----
 * What the host does best among the allowed; the choices R are, with SSE2:
 * fmin = fmax = 2, trunc_s = 1; with SSSE3 also swizzle = iq15mulr = idot = 1;
 * with FMA fmadd = 1.  All others, and all on other hosts, are 0. */

#if defined(SIMD_SSE2) && !defined(WASM_DETERMINISTIC)
SIMD_INLINE f32x4 simd_relaxed_min_f32x4(f32x4 x, f32x4 y) { return (f32x4)_mm_min_ps((__m128)x, (__m128)y); }
SIMD_INLINE f32x4 simd_relaxed_max_f32x4(f32x4 x, f32x4 y) { return (f32x4)_mm_max_ps((__m128)x, (__m128)y); }
SIMD_INLINE f64x2 simd_relaxed_min_f64x2(f64x2 x, f64x2 y) { return (f64x2)_mm_min_pd((__m128d)x, (__m128d)y); }
SIMD_INLINE f64x2 simd_relaxed_max_f64x2(f64x2 x, f64x2 y) { return (f64x2)_mm_max_pd((__m128d)x, (__m128d)y); }
SIMD_INLINE i32x4 simd_relaxed_trunc_f32x4_s(f32x4 x) { return (i32x4)_mm_cvttps_epi32((__m128)x); }
SIMD_INLINE i32x4 simd_relaxed_trunc_f64x2_s(f64x2 x) { return (i32x4)_mm_cvttpd_epi32((__m128d)x); }
#else
#define simd_relaxed_min_f32x4 simd_min_f32x4
#define simd_relaxed_max_f32x4 simd_max_f32x4
#define simd_relaxed_min_f64x2 simd_min_f64x2
#define simd_relaxed_max_f64x2 simd_max_f64x2
#define simd_relaxed_trunc_f32x4_s simd_trunc_sat_f32x4_s
#define simd_relaxed_trunc_f64x2_s simd_trunc_sat_f64x2_s
#endif

#if defined(SIMD_SSSE3) && !defined(WASM_DETERMINISTIC)
SIMD_INLINE v128 simd_relaxed_swizzle(v128 a, v128 b)
{
	return (v128)_mm_shuffle_epi8((__m128i)a, (__m128i)b);
}
#define simd_relaxed_q15mulr simd__q15mulr
/* Signed a times unsigned b, pairs added with saturation: pmaddubsw has the
 * operands in the other order. */
SIMD_INLINE v128 simd_relaxed_dot(v128 a, v128 b)
{
	return (v128)_mm_maddubs_epi16((__m128i)b, (__m128i)a);
}
#else
#define simd_relaxed_swizzle simd_swizzle
#define simd_relaxed_q15mulr simd_q15mulr_sat
/* Only -128 four times over, 2^15, saturates. */
SIMD_INLINE v128 simd_relaxed_dot(v128 a, v128 b)
{
	i16x8 even = simd_low_i8((i16x8)a) * simd_low_i8((i16x8)b);
	i16x8 odd = ((i16x8)a >> 8) * ((i16x8)b >> 8);

	return simd_add_sat_i16x8((v128)even, (v128)odd);
}
#endif
SIMD_INLINE v128 simd_relaxed_dot_add(v128 a, v128 b, v128 c)
{
	i32x4 d = (i32x4)simd_relaxed_dot(a, b);

	return (v128)((u32x4)((d >> 16) + simd_low_i16(d)) + (u32x4)c);
}

#if defined(SIMD_FMA) && !defined(WASM_DETERMINISTIC)
SIMD_INLINE f32x4 simd_madd_f32x4(f32x4 a, f32x4 b, f32x4 c)
{
	return (f32x4)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
}
SIMD_INLINE f64x2 simd_madd_f64x2(f64x2 a, f64x2 b, f64x2 c)
{
	return (f64x2)_mm_fmadd_pd((__m128d)a, (__m128d)b, (__m128d)c);
}
#else
SIMD_INLINE f32x4 simd_madd_f32x4(f32x4 a, f32x4 b, f32x4 c) { return a * b + c; }
SIMD_INLINE f64x2 simd_madd_f64x2(f64x2 a, f64x2 b, f64x2 c) { return a * b + c; }
#endif

#endif
