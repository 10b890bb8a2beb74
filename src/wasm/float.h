/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalar floating point as WebAssembly has it (core spec 4.3.3): IEEE 754 in
 * round-to-nearest, with rules of its own for NaNs, signed zeros, conversions
 * out of range.  Relies on the host's float and double being IEEE binary32 and
 * binary64 in registers of that width, on the default rounding mode, and on
 * -ffp-contract=off (fused multiply-add would round once where twice is meant).
 * Never calls the C library.
 *
 * Every operation that makes a NaN makes a quiet one.  Which of the allowed
 * NaNs it is depends on the host, unless WASM_DETERMINISTIC is defined where
 * this is included: then it is the canonical positive one (appendix,
 * Profiles).
 */
#ifndef WASM_FLOAT_H
#define WASM_FLOAT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define FLOAT_INLINE static inline __attribute__((always_inline, unused))

FLOAT_INLINE float float_of32(uint32_t b)
{
	float f;

	memcpy(&f, &b, sizeof(f));
	return f;
}
FLOAT_INLINE double float_of64(uint64_t b)
{
	double f;

	memcpy(&f, &b, sizeof(f));
	return f;
}
FLOAT_INLINE uint32_t float_bits32(float f)
{
	uint32_t b;

	memcpy(&b, &f, sizeof(b));
	return b;
}
FLOAT_INLINE uint64_t float_bits64(double f)
{
	uint64_t b;

	memcpy(&b, &f, sizeof(b));
	return b;
}

/* Around the result of whatever can make a NaN. */
#ifdef WASM_DETERMINISTIC
#define FLOAT_CANON(n, x, canon)                                                \
	({ __typeof__(x) x_ = (x); x_ == x_ ? x_ : float_of##n(canon); })
#define CANON32(x) FLOAT_CANON(32, x, 0x7fc00000)
#define CANON64(x) FLOAT_CANON(64, x, 0x7ff8000000000000)
#else
#define CANON32(x) (x)
#define CANON64(x) (x)
#endif

/* Bits only: no NaN becomes quiet.  Compilers have them without a call. */
#define FLOAT_ABS32(x) __builtin_fabsf(x)
#define FLOAT_ABS64(x) __builtin_fabs(x)
#define FLOAT_NEG32(x) (-(x))
#define FLOAT_NEG64(x) (-(x))
#define FLOAT_COPYSIGN32(x, y) __builtin_copysignf(x, y)
#define FLOAT_COPYSIGN64(x, y) __builtin_copysign(x, y)

/*
 * Both widths are written once.  `magic` is the power of two from which on a
 * float has no fraction: adding and subtracting it rounds to an integer, ties
 * to even.  x + 0 passes everything but makes a signaling NaN quiet.
 */
#define FLOAT_WIDTH(n, T, magic)                                                \
	/* Rounded to an integer; not of a NaN or what has no fraction. */      \
	FLOAT_INLINE T float__round##n(T x)                                     \
	{                                                                       \
		T a = FLOAT_ABS##n(x);                                          \
                                                                                \
		return FLOAT_COPYSIGN##n((a + (T)(magic)) - (T)(magic), x);     \
	}                                                                       \
	FLOAT_INLINE bool float__whole##n(T x)                                  \
	{                                                                       \
		return !(FLOAT_ABS##n(x) < (T)(magic));                         \
	}                                                                       \
	/* 4.3.3 fmin: a NaN wins, then -0 is below +0.  a | b and a & b        \
	 * differ from a only for zeros. */                                     \
	FLOAT_INLINE T float_min##n(T a, T b)                                   \
	{                                                                       \
		if (__builtin_expect(a < b, 1))                                 \
			return a;                                               \
		if (b < a)                                                      \
			return b;                                               \
		if (a == b)                                                     \
			return float_of##n(float_bits##n(a) | float_bits##n(b)); \
		return CANON##n(a + b);                                         \
	}                                                                       \
	FLOAT_INLINE T float_max##n(T a, T b)                                   \
	{                                                                       \
		if (__builtin_expect(a > b, 1))                                 \
			return a;                                               \
		if (b > a)                                                      \
			return b;                                               \
		if (a == b)                                                     \
			return float_of##n(float_bits##n(a) & float_bits##n(b)); \
		return CANON##n(a + b);                                         \
	}

FLOAT_WIDTH(32, float, 0x1p23f)
FLOAT_WIDTH(64, double, 0x1p52)

/* Portable roundings; float_ceil32 and so on are these or the host's. */
#define FLOAT_ROUNDINGS(n, T)                                                   \
	FLOAT_INLINE T float__nearest##n(T x)                                   \
	{                                                                       \
		return float__whole##n(x) ? x + 0 : float__round##n(x);         \
	}                                                                       \
	FLOAT_INLINE T float__ceil##n(T x)                                      \
	{                                                                       \
		T r = float__round##n(x);                                       \
                                                                                \
		return float__whole##n(x) ? x + 0 :                             \
		       FLOAT_COPYSIGN##n(r < x ? r + 1 : r, x);                 \
	}                                                                       \
	FLOAT_INLINE T float__floor##n(T x)                                     \
	{                                                                       \
		T r = float__round##n(x);                                       \
                                                                                \
		return float__whole##n(x) ? x + 0 :                             \
		       FLOAT_COPYSIGN##n(r > x ? r - 1 : r, x);                 \
	}                                                                       \
	FLOAT_INLINE T float__trunc##n(T x)                                     \
	{                                                                       \
		T a = FLOAT_ABS##n(x);                                          \
		T r = float__round##n(a);                                       \
                                                                                \
		return float__whole##n(x) ? x + 0 :                             \
		       FLOAT_COPYSIGN##n(r > a ? r - 1 : r, x);                 \
	}
FLOAT_ROUNDINGS(32, float)
FLOAT_ROUNDINGS(64, double)

/* The host's instructions for a scalar, by way of lane 0. */
#if defined(__x86_64__)
FLOAT_INLINE float float__sqrt32(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
FLOAT_INLINE double float__sqrt64(double x)
{
	__m128d v = _mm_set_sd(x);

	return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
}
#elif defined(__aarch64__)
FLOAT_INLINE float float__sqrt32(float x)
{
	return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0);
}
FLOAT_INLINE double float__sqrt64(double x)
{
	return vget_lane_f64(vsqrt_f64(vdup_n_f64(x)), 0);
}
#else
FLOAT_INLINE float float__sqrt32(float x) { return __builtin_sqrtf(x); }
FLOAT_INLINE double float__sqrt64(double x) { return __builtin_sqrt(x); }
#endif

#if defined(__SSE4_1__)
#define FLOAT__ROUND(name, mode)                                                \
	FLOAT_INLINE float float__host_##name##32(float x)                      \
	{                                                                       \
		__m128 v = _mm_set_ss(x);                                       \
                                                                                \
		return _mm_cvtss_f32(_mm_round_ss(v, v, (mode) | _MM_FROUND_NO_EXC)); \
	}                                                                       \
	FLOAT_INLINE double float__host_##name##64(double x)                    \
	{                                                                       \
		__m128d v = _mm_set_sd(x);                                      \
                                                                                \
		return _mm_cvtsd_f64(_mm_round_sd(v, v, (mode) | _MM_FROUND_NO_EXC)); \
	}
FLOAT__ROUND(ceil, _MM_FROUND_TO_POS_INF)
FLOAT__ROUND(floor, _MM_FROUND_TO_NEG_INF)
FLOAT__ROUND(trunc, _MM_FROUND_TO_ZERO)
FLOAT__ROUND(nearest, _MM_FROUND_TO_NEAREST_INT)
#undef FLOAT__ROUND
#define FLOAT__HOST(name, n, x) float__host_##name##n(x)
#elif defined(__aarch64__)
#define FLOAT__ROUND(name, insn)                                                \
	FLOAT_INLINE float float__host_##name##32(float x)                      \
	{                                                                       \
		return vget_lane_f32(insn##_f32(vdup_n_f32(x)), 0);             \
	}                                                                       \
	FLOAT_INLINE double float__host_##name##64(double x)                    \
	{                                                                       \
		return vget_lane_f64(insn##_f64(vdup_n_f64(x)), 0);             \
	}
FLOAT__ROUND(ceil, vrndp)
FLOAT__ROUND(floor, vrndm)
FLOAT__ROUND(trunc, vrnd)
FLOAT__ROUND(nearest, vrndn)
#undef FLOAT__ROUND
#define FLOAT__HOST(name, n, x) float__host_##name##n(x)
#else
#define FLOAT__HOST(name, n, x) float__##name##n(x)
#endif

#define FLOAT_UNARY(n, T)                                                       \
	FLOAT_INLINE T float_ceil##n(T x) { return CANON##n(FLOAT__HOST(ceil, n, x)); } \
	FLOAT_INLINE T float_floor##n(T x) { return CANON##n(FLOAT__HOST(floor, n, x)); } \
	FLOAT_INLINE T float_trunc##n(T x) { return CANON##n(FLOAT__HOST(trunc, n, x)); } \
	FLOAT_INLINE T float_nearest##n(T x) { return CANON##n(FLOAT__HOST(nearest, n, x)); } \
	FLOAT_INLINE T float_sqrt##n(T x) { return CANON##n(float__sqrt##n(x)); }
FLOAT_UNARY(32, float)
FLOAT_UNARY(64, double)

FLOAT_INLINE float float_demote(double x) { return CANON32((float)x); }
FLOAT_INLINE double float_promote(float x) { return CANON64((double)x); }

/*
 * Truncation to integers.  float_fits_F_I: is the truncated value in the
 * range of I?  False for NaN.  The bounds are the nearest values outside, -1 and
 * 2^32 for u32; where -2^31 - 1 or -2^63 - 1 is no value of F, the lower bound
 * is the value inside.
 * float_to_F_I converts what fits.
 */
#define FLOAT_FITS(F, I, T, lo, hi)                                             \
	FLOAT_INLINE bool float_fits_##F##_##I(T x) { return x lo && x < (hi); }
FLOAT_FITS(f32, s32, float, >= -0x1p31f, 0x1p31f)
FLOAT_FITS(f32, u32, float, > -1.0f, 0x1p32f)
FLOAT_FITS(f32, s64, float, >= -0x1p63f, 0x1p63f)
FLOAT_FITS(f32, u64, float, > -1.0f, 0x1p64f)
FLOAT_FITS(f64, s32, double, > -0x1.00000002p31, 0x1p31)
FLOAT_FITS(f64, u32, double, > -1.0, 0x1p32)
FLOAT_FITS(f64, s64, double, >= -0x1p63, 0x1p63)
FLOAT_FITS(f64, u64, double, > -1.0, 0x1p64)

#define FLOAT_TO(F, T)                                                          \
	FLOAT_INLINE uint32_t float_to_##F##_s32(T x) { return (uint32_t)(int32_t)x; } \
	/* By way of s64: one instruction, and -0.9 is no business of C's. */   \
	FLOAT_INLINE uint32_t float_to_##F##_u32(T x) { return (uint32_t)(int64_t)x; } \
	FLOAT_INLINE uint64_t float_to_##F##_s64(T x) { return (uint64_t)(int64_t)x; } \
	FLOAT_INLINE uint64_t float_to_##F##_u64(T x)                           \
	{                                                                       \
		return x < (T)0x1p63 ? (uint64_t)(int64_t)x :                   \
		       (uint64_t)(int64_t)(x - (T)0x1p63) ^ 1ull << 63;         \
	}
FLOAT_TO(f32, float)
FLOAT_TO(f64, double)

/* Saturating: NaN is 0, what does not fit is the nearest bound. */
#define FLOAT_SAT(F, I, T, R, min, max)                                         \
	FLOAT_INLINE R float_sat_##F##_##I(T x)                                 \
	{                                                                       \
		if (__builtin_expect(float_fits_##F##_##I(x), 1))               \
			return float_to_##F##_##I(x);                           \
		return x < 0 ? (R)(min) : x > 0 ? (R)(max) : 0;                 \
	}
#define FLOAT_SATS(F, T)                                                        \
	FLOAT_SAT(F, s32, T, uint32_t, INT32_MIN, INT32_MAX)                    \
	FLOAT_SAT(F, u32, T, uint32_t, 0, UINT32_MAX)                           \
	FLOAT_SAT(F, s64, T, uint64_t, INT64_MIN, INT64_MAX)                    \
	FLOAT_SAT(F, u64, T, uint64_t, 0, UINT64_MAX)
FLOAT_SATS(f32, float)
FLOAT_SATS(f64, double)

#endif
