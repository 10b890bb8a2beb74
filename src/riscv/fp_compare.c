/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft floating point without rounding: comparisons, minimum and maximum,
 * classification, and the constants of FLI.
 */
#include "riscv/fp_soft.h"
#include "riscv/fp_core.h"

FP_INLINE bool is_nan(struct fp_format f, uint64_t v)
{
	return (v & (fp_sign_bit(f, 1) - 1)) > fp_inf(f, 0);
}

FP_INLINE bool is_snan(struct fp_format f, uint64_t v)
{
	return is_nan(f, v) && !(v >> (f.mant - 1) & 1);
}

/* Numbers in the order of integers, -0 just below +0. */
FP_INLINE int64_t order(struct fp_format f, uint64_t v)
{
	uint64_t mag = v & (fp_sign_bit(f, 1) - 1);

	return v & fp_sign_bit(f, 1) ? (int64_t)~mag : (int64_t)mag;
}

FP_INLINE bool both_zero(struct fp_format f, uint64_t a, uint64_t b)
{
	return !((a | b) & (fp_sign_bit(f, 1) - 1));
}

/* Unordered operands: signal, if it is due, and say so. */
FP_INLINE bool unordered(struct fp_format f, uint64_t a, uint64_t b, bool quiet, uint8_t *fl)
{
	if (!is_nan(f, a) && !is_nan(f, b))
		return false;
	if (!quiet || is_snan(f, a) || is_snan(f, b))
		*fl |= RISCV_FP_NV;
	return true;
}

FP_INLINE uint64_t less(struct fp_format f, uint64_t a, uint64_t b, bool quiet, uint8_t *fl)
{
	return !unordered(f, a, b, quiet, fl) && !both_zero(f, a, b) && order(f, a) < order(f, b);
}

FP_INLINE uint64_t less_equal(struct fp_format f, uint64_t a, uint64_t b, bool quiet, uint8_t *fl)
{
	return !unordered(f, a, b, quiet, fl) && (both_zero(f, a, b) || order(f, a) <= order(f, b));
}

FP_INLINE uint64_t equal(struct fp_format f, uint64_t a, uint64_t b, uint8_t *fl)
{
	return !unordered(f, a, b, true, fl) && (both_zero(f, a, b) || a == b);
}

/* minimumNumber and maximumNumber: a number wins over a NaN; a signaling NaN
 * signals.  With `pass_nan`, minimum and maximum: a NaN wins. */
FP_INLINE uint64_t extreme(struct fp_format f, uint64_t a, uint64_t b, bool max,
			   bool pass_nan, uint8_t *fl)
{
	if (unordered(f, a, b, true, fl)) {
		if (pass_nan || (is_nan(f, a) && is_nan(f, b)))
			return fp_nan(f);
		return is_nan(f, a) ? b : a;
	}
	return (order(f, a) < order(f, b)) != max ? a : b;
}

/* unpriv. spec, F, "Single-Precision Floating-Point Classify Instruction" */
FP_INLINE unsigned classify(struct fp_format f, uint64_t v)
{
	uint64_t mag = v & (fp_sign_bit(f, 1) - 1);
	bool sign = v != mag;

	if (is_nan(f, v))
		return is_snan(f, v) ? 1 << 8 : 1 << 9;
	if (mag == fp_inf(f, 0))
		return sign ? 1 << 0 : 1 << 7;
	if (mag == 0)
		return sign ? 1 << 3 : 1 << 4;
	if (mag >> f.mant == 0)
		return sign ? 1 << 2 : 1 << 5;
	return sign ? 1 << 1 : 1 << 6;
}

/* FLI (unpriv. spec, Zfa): values 2 to 29 as quarters and a power of two, exact in
 * f32 and f64; -1.0, the least normal number, infinity and NaN are apart. */
FP_INLINE uint64_t load_immediate(struct fp_format f, unsigned i)
{
	static const struct { int8_t quarters, exp; } t[32] = {
		[2] = { 4, -16 }, [3] = { 4, -15 }, [4] = { 4, -8 }, [5] = { 4, -7 },
		[6] = { 4, -4 }, [7] = { 4, -3 },
		[8] = { 4, -2 }, [9] = { 5, -2 }, [10] = { 6, -2 }, [11] = { 7, -2 },
		[12] = { 4, -1 }, [13] = { 5, -1 }, [14] = { 6, -1 }, [15] = { 7, -1 },
		[16] = { 4, 0 }, [17] = { 5, 0 }, [18] = { 6, 0 }, [19] = { 7, 0 },
		[20] = { 4, 1 }, [21] = { 5, 1 }, [22] = { 6, 1 },
		[23] = { 4, 2 }, [24] = { 4, 3 }, [25] = { 4, 4 }, [26] = { 4, 7 },
		[27] = { 4, 8 }, [28] = { 4, 15 }, [29] = { 4, 16 },
	};
	uint8_t none = 0;

	switch (i & 31) {
	case 0:
		return fp_sign_bit(f, 1) | (uint64_t)fp_bias(f) << f.mant;
	case 1:
		return 1ull << f.mant;
	case 30:
		return fp_inf(f, 0);
	case 31:
		return fp_nan(f);
	default:
		/* f16: 2^-16 and 2^-15 are denormal, 2^16 is infinity. */
		return fp_pack(f, false, t[i & 31].exp, (uint64_t)t[i & 31].quarters << 61,
			       RISCV_FP_RNE, &none);
	}
}

#define COMPARE(N)                                                                   \
	uint64_t riscv__soft##N##_min(uint64_t a, uint64_t b, uint8_t *fl)          \
	{                                                                            \
		return extreme(FP_F##N, a, b, false, false, fl);                     \
	}                                                                            \
	uint64_t riscv__soft##N##_max(uint64_t a, uint64_t b, uint8_t *fl)          \
	{                                                                            \
		return extreme(FP_F##N, a, b, true, false, fl);                      \
	}                                                                            \
	uint64_t riscv__soft##N##_minm(uint64_t a, uint64_t b, uint8_t *fl)         \
	{                                                                            \
		return extreme(FP_F##N, a, b, false, true, fl);                      \
	}                                                                            \
	uint64_t riscv__soft##N##_maxm(uint64_t a, uint64_t b, uint8_t *fl)         \
	{                                                                            \
		return extreme(FP_F##N, a, b, true, true, fl);                       \
	}                                                                            \
	uint64_t riscv__soft##N##_eq(uint64_t a, uint64_t b, uint8_t *fl)           \
	{                                                                            \
		return equal(FP_F##N, a, b, fl);                                     \
	}                                                                            \
	uint64_t riscv__soft##N##_lt(uint64_t a, uint64_t b, uint8_t *fl)           \
	{                                                                            \
		return less(FP_F##N, a, b, false, fl);                               \
	}                                                                            \
	uint64_t riscv__soft##N##_le(uint64_t a, uint64_t b, uint8_t *fl)           \
	{                                                                            \
		return less_equal(FP_F##N, a, b, false, fl);                         \
	}                                                                            \
	uint64_t riscv__soft##N##_ltq(uint64_t a, uint64_t b, uint8_t *fl)          \
	{                                                                            \
		return less(FP_F##N, a, b, true, fl);                                \
	}                                                                            \
	uint64_t riscv__soft##N##_leq(uint64_t a, uint64_t b, uint8_t *fl)          \
	{                                                                            \
		return less_equal(FP_F##N, a, b, true, fl);                          \
	}                                                                            \
	unsigned riscv__f##N##_class(uint64_t a)                                     \
	{                                                                            \
		return classify(FP_F##N, a);                                         \
	}                                                                            \
	uint64_t riscv__f##N##_li(unsigned i)                                        \
	{                                                                            \
		return load_immediate(FP_F##N, i);                                   \
	}

COMPARE(16)
COMPARE(32)
COMPARE(64)
