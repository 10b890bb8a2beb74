/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point as RISC-V defines it (unpriv. spec, F D Zfh Zfa): IEEE 754
 * results exact to the last bit, the five rounding modes, the five accrued
 * flags with tininess detected after rounding, canonical NaN results; on the
 * host's own instructions where these are sure to give the same.
 * Arguments as in fp_soft.h, whose functions riscv__softN_* have here the names
 * riscv__fN_*.
 *
 * The host computes with its default rounding (RNE) and its flags are never
 * read.  Which flags an operation raises is told from the result instead:
 *   - A result that is neither infinite, NaN, zero nor near the denormals shows
 *     that nothing but "inexact" can have happened, whatever the operands were.
 *   - If NX is accrued already, inexact or not makes no difference.
 *   - If not, a few cheap tests prove that the result is exact.
 * All else goes to the soft routine, which computes result and flags anew.
 *
 * Nanoseconds an operation, measured on an x86-64 server of 2023: here with NX accrued,
 * here on integer values without NX, and soft.
 *     f64 add  1.1  1.6   8       f64 sqrt  2.4  soft  123
 *     f64 mul  1.1  2.1  10       f64 fma   1.7   3.1   13
 *     f64 div  1.7  2.9   9       f32 fma   2.0   3.6   19
 *
 * Relies on: arithmetic in the format's own precision (FLT_EVAL_METHOD 0), the
 * compiler keeping IEEE semantics (no -ffast-math), and the thread's FP control
 * register in its default state, which riscv__fp_enter() makes sure of.
 * Elsewhere every function here is the soft one.
 */
#ifndef RISCV_FP_H
#define RISCV_FP_H

#include <float.h>
#include <string.h>

#include "base/cpu.h"
#include "riscv/fp_soft.h"

#if FLT_EVAL_METHOD == 0 && !defined(__FAST_MATH__) && \
	(defined(__x86_64__) || defined(__aarch64__) || (defined(__riscv_flen) && __riscv_flen >= 64))
#define RISCV_FP_HOST 1
#else
#define RISCV_FP_HOST 0
#endif

#define FP_LIKELY(x) __builtin_expect(!!(x), 1)

/* ---- the host's FP environment ------------------------------------------- */

/* Around riscv_run(): put the host's FP control register into its default state
 * (RNE, denormals kept, no traps), and back as the embedding program had it. */
static inline uint32_t riscv__fp_enter(void)
{
	uint32_t was = 0;
#if defined(__x86_64__)
	uint32_t plain = 0x1f80;

	__asm__ volatile("stmxcsr %0" : "=m"(was));
	if ((was & 0xffc0) != plain)
		__asm__ volatile("ldmxcsr %0" : : "m"(plain));
#elif defined(__aarch64__)
	uint64_t fpcr;

	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	was = (uint32_t)fpcr;
	if (was)
		__asm__ volatile("msr fpcr, %0" : : "r"(0ull));
#elif defined(__riscv_flen)
	__asm__ volatile("fsrm %0, zero" : "=r"(was));
#endif
	return was;
}

static inline void riscv__fp_leave(uint32_t was)
{
#if defined(__x86_64__)
	if ((was & 0xffc0) != 0x1f80)
		__asm__ volatile("ldmxcsr %0" : : "m"(was));
#elif defined(__aarch64__)
	if (was)
		__asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)was));
#elif defined(__riscv_flen)
	__asm__ volatile("fsrm %0" : : "r"(was));
#else
	(void)was;
#endif
}

#if RISCV_FP_HOST

static inline double fp_d(uint64_t v)
{
	double d;

	memcpy(&d, &v, 8);
	return d;
}

static inline uint64_t fp_d_bits(double d)
{
	uint64_t v;

	memcpy(&v, &d, 8);
	return v;
}

static inline float fp_s(uint64_t v)
{
	uint32_t w = (uint32_t)v;
	float s;

	memcpy(&s, &w, 4);
	return s;
}

static inline uint64_t fp_s_bits(float s)
{
	uint32_t w;

	memcpy(&w, &s, 4);
	return w;
}

/* Exponent field from 2 to the largest of a finite number: if this is a rounded result, then no
 * operand was infinite or NaN and the operation neither over- nor underflowed.
 * (1 is left out: a tiny value may have been rounded up to it.) */
static inline bool fp_plain64(uint64_t r)
{
	return (r << 1) - (2ull << 53) < (0x7ffull << 53) - (2ull << 53);
}

static inline bool fp_plain32(uint64_t r)
{
	return (uint32_t)(r << 1) - (2u << 24) < (0xffu << 24) - (2u << 24);
}

static inline bool fp_finite64(uint64_t r)
{
	return r << 1 < 0x7ffull << 53;
}

static inline bool fp_finite32(uint64_t r)
{
	return (uint32_t)(r << 1) < 0xffu << 24;
}

/* Trailing zeros of the significand. */
static inline int fp_zeros64(uint64_t v)
{
	return __builtin_ctzll(v | 1ull << 52);
}

/* Knuth's two-sum: whether a + b == s exactly.  A spurious overflow inside gives
 * NaN, thus "no". */
static inline bool fp_sum_exact64(double a, double b, double s)
{
	double v = s - a;

	return (a - (s - v)) + (b - v) == 0;
}

static inline bool fp_sum_exact32(float a, float b, float s)
{
	float v = s - a;

	return (a - (s - v)) + (b - v) == 0;
}

/* (The builtins would call libm for a negative operand's errno.) */
static inline double fp_sqrt64(double a)
{
#if defined(__x86_64__)
	__asm__("sqrtsd %0, %0" : "+x"(a));
	return a;
#else
	return __builtin_sqrt(a);
#endif
}

static inline float fp_sqrt32(float a)
{
#if defined(__x86_64__)
	__asm__("sqrtss %0, %0" : "+x"(a));
	return a;
#else
	return __builtin_sqrtf(a);
#endif
}

/* ---- double --------------------------------------------------------------- */

/* A finite sum is exact if it is denormal, so any finite one will do. */
static inline uint64_t riscv__f64_add(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	double x = fp_d(a), y = fp_d(b), s = x + y;
	uint64_t r = fp_d_bits(s);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_finite64(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || fp_sum_exact64(x, y, s)))
		return r;
	return riscv__soft64_add(a, b, rm, fl);
}

static inline uint64_t riscv__f64_sub(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	double x = fp_d(a), y = fp_d(b), s = x - y;
	uint64_t r = fp_d_bits(s);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_finite64(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || fp_sum_exact64(x, -y, s)))
		return r;
	return riscv__soft64_sub(a, b, rm, fl);
}

/* A product of significands of m and n bits has at most m + n bits. */
static inline uint64_t riscv__f64_mul(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	uint64_t r = fp_d_bits(fp_d(a) * fp_d(b));

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_plain64(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || fp_zeros64(a) + fp_zeros64(b) >= 53))
		return r;
	return riscv__soft64_mul(a, b, rm, fl);
}

/* The quotient is exact if quotient times divisor, itself exact, is the dividend. */
static inline uint64_t riscv__f64_div(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	uint64_t r = fp_d_bits(fp_d(a) / fp_d(b));

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_plain64(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) ||
	     (fp_zeros64(r) + fp_zeros64(b) >= 53 && fp_plain64(a) && fp_d(r) * fp_d(b) == fp_d(a))))
		return r;
	return riscv__soft64_div(a, b, rm, fl);
}

static inline uint64_t riscv__f64_sqrt(uint64_t a, unsigned rm, uint8_t *fl)
{
	double root = fp_sqrt64(fp_d(a));
	uint64_t r = fp_d_bits(root);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_plain64(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) ||
	     (2 * fp_zeros64(r) >= 53 && fp_plain64(a) && root * root == fp_d(a))))
		return r;
	return riscv__soft64_sqrt(a, rm, fl);
}

#if defined(__x86_64__)
static inline bool fp_have_fma(void)
{
#ifdef __FMA__
	return true;
#else
	return cpu_has(CPU_FMA);
#endif
}
static inline double fp_fma64(double a, double b, double c)
{
	__asm__("vfmadd231sd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
	return c;
}
static inline float fp_fma32(float a, float b, float c)
{
	__asm__("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
	return c;
}
#else
static inline bool fp_have_fma(void)
{
	return true;
}
static inline double fp_fma64(double a, double b, double c)
{
	return __builtin_fma(a, b, c);
}
static inline float fp_fma32(float a, float b, float c)
{
	return __builtin_fmaf(a, b, c);
}
#endif

/* Without NX: exact if the product is, and then the sum is. */
static inline uint64_t riscv__f64_fma(uint64_t a, uint64_t b, uint64_t c, unsigned rm, uint8_t *fl)
{
	if (FP_LIKELY(rm == RISCV_FP_RNE)) {
		if (FP_LIKELY(*fl & RISCV_FP_NX)) {
			if (FP_LIKELY(fp_have_fma())) {
				uint64_t r = fp_d_bits(fp_fma64(fp_d(a), fp_d(b), fp_d(c)));

				if (FP_LIKELY(fp_plain64(r)))
					return r;
			}
		} else if (fp_zeros64(a) + fp_zeros64(b) >= 53) {
			double p = fp_d(a) * fp_d(b), z = fp_d(c), s = p + z;

			if (fp_plain64(fp_d_bits(p)) && fp_plain64(fp_d_bits(s)) &&
			    fp_sum_exact64(p, z, s))
				return fp_d_bits(s);
		}
	}
	return riscv__soft64_fma(a, b, c, rm, fl);
}

/* ---- single ---------------------------------------------------------------
 * Twice the significand of a float fits a double: products are exact there. */

static inline uint64_t riscv__f32_add(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	float x = fp_s(a), y = fp_s(b), s = x + y;
	uint64_t r = fp_s_bits(s);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_finite32(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || fp_sum_exact32(x, y, s)))
		return r;
	return riscv__soft32_add(a, b, rm, fl);
}

static inline uint64_t riscv__f32_sub(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	float x = fp_s(a), y = fp_s(b), s = x - y;
	uint64_t r = fp_s_bits(s);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_finite32(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || fp_sum_exact32(x, -y, s)))
		return r;
	return riscv__soft32_sub(a, b, rm, fl);
}

static inline uint64_t riscv__f32_mul(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	float x = fp_s(a), y = fp_s(b), p = x * y;
	uint64_t r = fp_s_bits(p);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_plain32(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || (double)p == (double)x * y))
		return r;
	return riscv__soft32_mul(a, b, rm, fl);
}

static inline uint64_t riscv__f32_div(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl)
{
	float x = fp_s(a), y = fp_s(b), q = x / y;
	uint64_t r = fp_s_bits(q);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_plain32(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || (double)q * y == x))
		return r;
	return riscv__soft32_div(a, b, rm, fl);
}

static inline uint64_t riscv__f32_sqrt(uint64_t a, unsigned rm, uint8_t *fl)
{
	float x = fp_s(a), root = fp_sqrt32(x);
	uint64_t r = fp_s_bits(root);

	if (FP_LIKELY(rm == RISCV_FP_RNE && fp_plain32(r)) &&
	    (FP_LIKELY(*fl & RISCV_FP_NX) || (double)root * root == x))
		return r;
	return riscv__soft32_sqrt(a, rm, fl);
}

static inline uint64_t riscv__f32_fma(uint64_t a, uint64_t b, uint64_t c, unsigned rm, uint8_t *fl)
{
	if (FP_LIKELY(rm == RISCV_FP_RNE)) {
		if (FP_LIKELY(*fl & RISCV_FP_NX) && fp_have_fma()) {
			uint64_t r = fp_s_bits(fp_fma32(fp_s(a), fp_s(b), fp_s(c)));

			if (FP_LIKELY(fp_plain32(r)))
				return r;
		} else {
			/* Rounding the sum twice is right if the first time was exact or
			 * did not end halfway between two floats. */
			double p = (double)fp_s(a) * fp_s(b), z = fp_s(c), s = p + z;
			float f = (float)s;
			uint64_t r = fp_s_bits(f);

			if (fp_plain32(r) && (*fl & RISCV_FP_NX ?
					      (fp_d_bits(s) & 0x1fffffff) != 0x10000000 :
					      f == s && fp_sum_exact64(p, z, s)))
				return r;
		}
	}
	return riscv__soft32_fma(a, b, c, rm, fl);
}

/* ---- conversions ------------------------------------------------------------ */

static inline uint64_t riscv__f64_to_32(uint64_t a, unsigned rm, uint8_t *fl)
{
	float s = (float)fp_d(a);
	uint64_t r = fp_s_bits(s);

	if (FP_LIKELY(s == fp_d(a)) ||
	    (rm == RISCV_FP_RNE && *fl & RISCV_FP_NX && fp_plain32(r)))
		return r;
	return riscv__soft64_to_32(a, rm, fl);
}

static inline uint64_t riscv__f32_to_64(uint64_t a, unsigned rm, uint8_t *fl)
{
	double d = fp_s(a);

	return FP_LIKELY(d == d) ? fp_d_bits(d) : riscv__soft32_to_64(a, rm, fl);
}

static inline uint64_t riscv__f64_from_i64(int64_t v, unsigned rm, uint8_t *fl)
{
	/* 54 bits with the sign: exact */
	if (FP_LIKELY((uint64_t)v + (1ull << 53) <= 1ull << 54 ||
		      (rm == RISCV_FP_RNE && *fl & RISCV_FP_NX)))
		return fp_d_bits((double)v);
	return riscv__soft64_from_i64(v, rm, fl);
}

static inline uint64_t riscv__f64_from_u64(uint64_t v, unsigned rm, uint8_t *fl)
{
	return FP_LIKELY(v <= INT64_MAX) ? riscv__f64_from_i64((int64_t)v, rm, fl) :
					   riscv__soft64_from_u64(v, rm, fl);
}

static inline uint64_t riscv__f32_from_i64(int64_t v, unsigned rm, uint8_t *fl)
{
	if (FP_LIKELY((uint64_t)v + (1ull << 24) <= 1ull << 25 ||
		      (rm == RISCV_FP_RNE && *fl & RISCV_FP_NX)))
		return fp_s_bits((float)v);
	return riscv__soft32_from_i64(v, rm, fl);
}

static inline uint64_t riscv__f32_from_u64(uint64_t v, unsigned rm, uint8_t *fl)
{
	return FP_LIKELY(v <= INT64_MAX) ? riscv__f32_from_i64((int64_t)v, rm, fl) :
					   riscv__soft32_from_u64(v, rm, fl);
}

/* Truncated in the host; *v is the result if this returns true.  An integer is the
 * same in every rounding mode, the rest is for the soft routine unless RTZ. */
static inline bool fp_truncate(double d, unsigned rm, uint8_t *fl, int64_t *v)
{
	if (!(d > -0x1p62 && d < 0x1p62))
		return false;
	*v = (int64_t)d;
	return (double)*v == d || (rm == RISCV_FP_RTZ && *fl & RISCV_FP_NX);
}

#define FP_TO_INT(N, get)                                                            \
	static inline uint64_t riscv__f##N##_to_i32(uint64_t a, unsigned rm, uint8_t *fl) \
	{                                                                            \
		int64_t v;                                                           \
									             \
		return FP_LIKELY(fp_truncate(get(a), rm, fl, &v) && v == (int32_t)v) ? \
			       (uint64_t)v : riscv__soft##N##_to_i32(a, rm, fl);     \
	}                                                                            \
	static inline uint64_t riscv__f##N##_to_u32(uint64_t a, unsigned rm, uint8_t *fl) \
	{                                                                            \
		int64_t v;                                                           \
									             \
		return FP_LIKELY(fp_truncate(get(a), rm, fl, &v) && v == (uint32_t)v) ? \
			       (uint64_t)(int32_t)v : riscv__soft##N##_to_u32(a, rm, fl); \
	}                                                                            \
	static inline uint64_t riscv__f##N##_to_i64(uint64_t a, unsigned rm, uint8_t *fl) \
	{                                                                            \
		int64_t v;                                                           \
									             \
		return FP_LIKELY(fp_truncate(get(a), rm, fl, &v)) ?                  \
			       (uint64_t)v : riscv__soft##N##_to_i64(a, rm, fl);     \
	}                                                                            \
	static inline uint64_t riscv__f##N##_to_u64(uint64_t a, unsigned rm, uint8_t *fl) \
	{                                                                            \
		int64_t v;                                                           \
									             \
		return FP_LIKELY(fp_truncate(get(a), rm, fl, &v) && v >= 0) ?        \
			       (uint64_t)v : riscv__soft##N##_to_u64(a, rm, fl);     \
	}
FP_TO_INT(32, fp_s)
FP_TO_INT(64, fp_d)
#undef FP_TO_INT

/* ---- comparisons, minimum, maximum --------------------------------------------
 * Ordered operands raise nothing; unordered ones go the soft way. */

#define FP_COMPARE(N, get, name, op)                                                 \
	static inline uint64_t riscv__f##N##_##name(uint64_t a, uint64_t b, uint8_t *fl) \
	{                                                                            \
		if (FP_LIKELY(!__builtin_isunordered(get(a), get(b))))               \
			return get(a) op get(b);                                     \
		return riscv__soft##N##_##name(a, b, fl);                            \
	}
#define FP_EXTREME(N, get, name, op)                                                 \
	static inline uint64_t riscv__f##N##_##name(uint64_t a, uint64_t b, uint8_t *fl) \
	{                                                                            \
		if (FP_LIKELY(get(a) op get(b)))                                     \
			return a;                                                    \
		if (FP_LIKELY(get(b) op get(a)))                                     \
			return b;                                                    \
		return riscv__soft##N##_##name(a, b, fl);                            \
	}
#define FP_COMPARES(N, get)                                                          \
	FP_COMPARE(N, get, eq, ==)                                                   \
	FP_COMPARE(N, get, lt, <)                                                    \
	FP_COMPARE(N, get, le, <=)                                                   \
	FP_COMPARE(N, get, ltq, <)                                                   \
	FP_COMPARE(N, get, leq, <=)                                                  \
	FP_EXTREME(N, get, min, <)                                                   \
	FP_EXTREME(N, get, max, >)                                                   \
	FP_EXTREME(N, get, minm, <)                                                  \
	FP_EXTREME(N, get, maxm, >)
FP_COMPARES(32, fp_s)
FP_COMPARES(64, fp_d)
#undef FP_COMPARES
#undef FP_COMPARE
#undef FP_EXTREME

#else
#define riscv__f64_add riscv__soft64_add
#define riscv__f64_sub riscv__soft64_sub
#define riscv__f64_mul riscv__soft64_mul
#define riscv__f64_div riscv__soft64_div
#define riscv__f64_sqrt riscv__soft64_sqrt
#define riscv__f64_fma riscv__soft64_fma
#define riscv__f64_to_i32 riscv__soft64_to_i32
#define riscv__f64_to_u32 riscv__soft64_to_u32
#define riscv__f64_to_i64 riscv__soft64_to_i64
#define riscv__f64_to_u64 riscv__soft64_to_u64
#define riscv__f64_from_i64 riscv__soft64_from_i64
#define riscv__f64_from_u64 riscv__soft64_from_u64
#define riscv__f64_min riscv__soft64_min
#define riscv__f64_max riscv__soft64_max
#define riscv__f64_minm riscv__soft64_minm
#define riscv__f64_maxm riscv__soft64_maxm
#define riscv__f64_eq riscv__soft64_eq
#define riscv__f64_lt riscv__soft64_lt
#define riscv__f64_le riscv__soft64_le
#define riscv__f64_ltq riscv__soft64_ltq
#define riscv__f64_leq riscv__soft64_leq
#define riscv__f32_add riscv__soft32_add
#define riscv__f32_sub riscv__soft32_sub
#define riscv__f32_mul riscv__soft32_mul
#define riscv__f32_div riscv__soft32_div
#define riscv__f32_sqrt riscv__soft32_sqrt
#define riscv__f32_fma riscv__soft32_fma
#define riscv__f32_to_i32 riscv__soft32_to_i32
#define riscv__f32_to_u32 riscv__soft32_to_u32
#define riscv__f32_to_i64 riscv__soft32_to_i64
#define riscv__f32_to_u64 riscv__soft32_to_u64
#define riscv__f32_from_i64 riscv__soft32_from_i64
#define riscv__f32_from_u64 riscv__soft32_from_u64
#define riscv__f32_min riscv__soft32_min
#define riscv__f32_max riscv__soft32_max
#define riscv__f32_minm riscv__soft32_minm
#define riscv__f32_maxm riscv__soft32_maxm
#define riscv__f32_eq riscv__soft32_eq
#define riscv__f32_lt riscv__soft32_lt
#define riscv__f32_le riscv__soft32_le
#define riscv__f32_ltq riscv__soft32_ltq
#define riscv__f32_leq riscv__soft32_leq
#define riscv__f64_to_32 riscv__soft64_to_32
#define riscv__f32_to_64 riscv__soft32_to_64
#endif

/* ---- always soft ------------------------------------------------------------- */

#define riscv__f16_add riscv__soft16_add
#define riscv__f16_sub riscv__soft16_sub
#define riscv__f16_mul riscv__soft16_mul
#define riscv__f16_div riscv__soft16_div
#define riscv__f16_sqrt riscv__soft16_sqrt
#define riscv__f16_fma riscv__soft16_fma
#define riscv__f16_to_i32 riscv__soft16_to_i32
#define riscv__f16_to_u32 riscv__soft16_to_u32
#define riscv__f16_to_i64 riscv__soft16_to_i64
#define riscv__f16_to_u64 riscv__soft16_to_u64
#define riscv__f16_from_i64 riscv__soft16_from_i64
#define riscv__f16_from_u64 riscv__soft16_from_u64
#define riscv__f16_min riscv__soft16_min
#define riscv__f16_max riscv__soft16_max
#define riscv__f16_minm riscv__soft16_minm
#define riscv__f16_maxm riscv__soft16_maxm
#define riscv__f16_eq riscv__soft16_eq
#define riscv__f16_lt riscv__soft16_lt
#define riscv__f16_le riscv__soft16_le
#define riscv__f16_ltq riscv__soft16_ltq
#define riscv__f16_leq riscv__soft16_leq
#define riscv__f16_round riscv__soft16_round
#define riscv__f16_to_32 riscv__soft16_to_32
#define riscv__f16_to_64 riscv__soft16_to_64
#define riscv__f32_round riscv__soft32_round
#define riscv__f64_round riscv__soft64_round
#define riscv__f32_to_16 riscv__soft32_to_16
#define riscv__f64_to_16 riscv__soft64_to_16
#define riscv__f64_to_mod32 riscv__soft64_to_mod32

#endif
