/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft floating point: add, subtract, multiply, divide, square root, fused
 * multiply-add, for f16, f32 and f64 (IEEE 754-2019 5.4.1).
 *
 * A finite operand is a 64-bit significand with its leading bit on top, so at
 * least 11 low bits are zero: room for the guard bits that exact rounding needs.
 */
#include "riscv/fp_soft.h"
#include "riscv/fp_core.h"

FP_INLINE bool nan_operand(struct fp_num a, struct fp_num b, uint8_t *fl)
{
	if (a.kind != FP_NAN && b.kind != FP_NAN)
		return false;
	if (a.snan || b.snan)
		*fl |= RISCV_FP_NV;
	return true;
}

/* Rounding mode's sign of an exact zero sum of two unlike signs (IEEE 754 6.3). */
FP_INLINE uint64_t zero_sum(struct fp_format f, bool a, bool b, unsigned rm)
{
	return fp_zero(f, a == b ? a : rm == RISCV_FP_RDN);
}

/* Add two finite nonzero values of 126-bit significands (bit 126 leads). */
FP_INLINE uint64_t add_aligned(struct fp_format f, bool as, int ae, fp_u128 a,
			       bool bs, int be, fp_u128 b, unsigned rm, uint8_t *fl)
{
	fp_u128 sum;
	uint64_t hi;
	int lz;

	/* Only operands one bit apart or less can cancel deeply, and they lose no
	 * bit here; else the jammed bit stays below the rounding position. */
	if (ae < be || (ae == be && a < b)) {
		fp_u128 t = a;
		int te = ae;
		bool ts = as;

		a = b, ae = be, as = bs;
		b = t, be = te, bs = ts;
	}
	b = fp_shift_jam128(b, (unsigned)(ae - be));
	sum = as == bs ? a + b : a - b;
	if (!sum)
		return zero_sum(f, as, bs, rm);
	hi = (uint64_t)(sum >> 64);
	lz = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)sum);
	sum <<= lz;
	hi = (uint64_t)(sum >> 64) | ((uint64_t)sum != 0);
	return fp_pack(f, as, ae + 1 - lz, hi, rm, fl);
}

FP_INLINE uint64_t add(struct fp_format f, uint64_t av, uint64_t bv, unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, av), b = fp_unpack(f, bv);

	if (nan_operand(a, b, fl))
		return fp_nan(f);
	if (a.kind == FP_INF)
		return b.kind == FP_INF && a.sign != b.sign ? fp_invalid(f, fl) : av;
	if (b.kind == FP_INF)
		return bv;
	if (a.kind == FP_ZERO)
		return b.kind == FP_ZERO ? zero_sum(f, a.sign, b.sign, rm) : bv;
	if (b.kind == FP_ZERO)
		return av;
	return add_aligned(f, a.sign, a.exp, (fp_u128)a.sig << 63,
			   b.sign, b.exp, (fp_u128)b.sig << 63, rm, fl);
}

FP_INLINE uint64_t mul(struct fp_format f, uint64_t av, uint64_t bv, unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, av), b = fp_unpack(f, bv);
	bool sign = a.sign ^ b.sign;
	fp_u128 p;
	uint64_t hi;
	int carry;

	if (nan_operand(a, b, fl))
		return fp_nan(f);
	if (a.kind == FP_INF || b.kind == FP_INF)
		return a.kind == FP_ZERO || b.kind == FP_ZERO ? fp_invalid(f, fl) : fp_inf(f, sign);
	if (a.kind == FP_ZERO || b.kind == FP_ZERO)
		return fp_zero(f, sign);
	p = (fp_u128)a.sig * b.sig;
	carry = (int)(p >> 127);
	p <<= 1 - carry;
	hi = (uint64_t)(p >> 64) | ((uint64_t)p != 0);
	return fp_pack(f, sign, a.exp + b.exp + carry, hi, rm, fl);
}

FP_INLINE uint64_t div(struct fp_format f, uint64_t av, uint64_t bv, unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, av), b = fp_unpack(f, bv);
	bool sign = a.sign ^ b.sign, less;
	fp_u128 n;
	uint64_t q;

	if (nan_operand(a, b, fl))
		return fp_nan(f);
	if (a.kind == FP_INF)
		return b.kind == FP_INF ? fp_invalid(f, fl) : fp_inf(f, sign);
	if (b.kind == FP_INF)
		return fp_zero(f, sign);
	if (b.kind == FP_ZERO) {
		if (a.kind == FP_ZERO)
			return fp_invalid(f, fl);
		*fl |= RISCV_FP_DZ;
		return fp_inf(f, sign);
	}
	if (a.kind == FP_ZERO)
		return fp_zero(f, sign);
	less = a.sig < b.sig;
	n = (fp_u128)a.sig << (63 + less);      /* makes the quotient's bit 63 lead */
	q = (uint64_t)(n / b.sig);
	q |= (fp_u128)q * b.sig != n;
	return fp_pack(f, sign, a.exp - b.exp - less, q, rm, fl);
}

/* Digit by digit: one bit of the root a step, one more than the format keeps;
 * what remains of the radicand only says "inexact". */
FP_INLINE uint64_t root(struct fp_format f, uint64_t av, unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, av);
	uint64_t rest, q = 0, sum = 0, bit = 1ull << 58;        /* 1.0 is bit 58 of q */

	if (nan_operand(a, a, fl))
		return fp_nan(f);
	if (a.kind == FP_ZERO)
		return av;
	if (a.sign)
		return fp_invalid(f, fl);
	if (a.kind == FP_INF)
		return av;
	rest = a.sig >> 5 << (a.exp & 1);       /* twice the radicand in [1, 4), 1.0 is bit 57 */
	for (int i = 0; i < f.mant + 2; i++, bit >>= 1, rest <<= 1) {
		uint64_t t = sum + bit;

		if (t > rest)
			continue;
		sum = t + bit;
		rest -= t;
		q |= bit;
	}
	return fp_pack(f, false, a.exp >> 1, q << 5 | (rest != 0), rm, fl);
}

FP_INLINE uint64_t mul_add(struct fp_format f, uint64_t av, uint64_t bv, uint64_t cv,
			   unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, av), b = fp_unpack(f, bv), c = fp_unpack(f, cv);
	bool sign = a.sign ^ b.sign;
	bool invalid = (a.kind == FP_INF && b.kind == FP_ZERO) ||
		       (a.kind == FP_ZERO && b.kind == FP_INF);
	bool nan = nan_operand(a, b, fl);
	fp_u128 p;
	int carry;

	/* Infinity times zero is invalid even if c is a quiet NaN (unpriv. spec, F). */
	if (invalid)
		*fl |= RISCV_FP_NV;
	if (nan_operand(c, c, fl) || nan || invalid)
		return fp_nan(f);
	if (a.kind == FP_INF || b.kind == FP_INF)
		return c.kind == FP_INF && c.sign != sign ? fp_invalid(f, fl) : fp_inf(f, sign);
	if (c.kind == FP_INF)
		return cv;
	if (a.kind == FP_ZERO || b.kind == FP_ZERO)
		return c.kind == FP_ZERO ? zero_sum(f, sign, c.sign, rm) : cv;
	p = (fp_u128)a.sig * b.sig;
	carry = (int)(p >> 127);
	p >>= carry;                            /* at least 22 low bits are zero */
	if (c.kind == FP_ZERO) {
		uint64_t hi = (uint64_t)(p >> 63) | ((uint64_t)(p << 1) != 0);

		return fp_pack(f, sign, a.exp + b.exp + carry, hi, rm, fl);
	}
	return add_aligned(f, sign, a.exp + b.exp + carry, p,
			   c.sign, c.exp, (fp_u128)c.sig << 63, rm, fl);
}

#define ARITH(N)                                                                     \
	uint64_t riscv__soft##N##_add(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl) \
	{                                                                            \
		return add(FP_F##N, a, b, rm, fl);                                   \
	}                                                                            \
	uint64_t riscv__soft##N##_sub(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl) \
	{                                                                            \
		return add(FP_F##N, a, b ^ 1ull << (N - 1), rm, fl);                 \
	}                                                                            \
	uint64_t riscv__soft##N##_mul(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl) \
	{                                                                            \
		return mul(FP_F##N, a, b, rm, fl);                                   \
	}                                                                            \
	uint64_t riscv__soft##N##_div(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl) \
	{                                                                            \
		return div(FP_F##N, a, b, rm, fl);                                   \
	}                                                                            \
	uint64_t riscv__soft##N##_sqrt(uint64_t a, unsigned rm, uint8_t *fl)        \
	{                                                                            \
		return root(FP_F##N, a, rm, fl);                                     \
	}                                                                            \
	uint64_t riscv__soft##N##_fma(uint64_t a, uint64_t b, uint64_t c,            \
				      unsigned rm, uint8_t *fl)                     \
	{                                                                            \
		return mul_add(FP_F##N, a, b, c, rm, fl);                            \
	}

ARITH(16)
ARITH(32)
ARITH(64)
