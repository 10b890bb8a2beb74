/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of the soft floating point: taking an IEEE 754 value apart,
 * rounding, and putting it together again, generic over the binary formats.
 * Every function is inlined with a constant format, so one text gives a
 * specialized routine for f16, f32 and f64.
 *
 * Integer operations only: same results on every host, no <fenv.h>.
 * Included by fp_*.c, by nobody else.
 */
#ifndef RISCV_FP_CORE_H
#define RISCV_FP_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "riscv/fp_soft.h"

#define FP_INLINE static inline __attribute__((always_inline))

typedef unsigned __int128 fp_u128;

struct fp_format {
	int mant;               /* stored bits of the significand */
	int exp;                /* bits of the exponent */
};

#define FP_F16 ((struct fp_format){ 10, 5 })
#define FP_F32 ((struct fp_format){ 23, 8 })
#define FP_F64 ((struct fp_format){ 52, 11 })

enum fp_kind { FP_ZERO, FP_FINITE, FP_INF, FP_NAN };

/* A finite value is (-1)^sign * sig * 2^(exp - 63) with bit 63 of sig set:
 * exp is the exponent of the leading bit, denormals are normalized. */
struct fp_num {
	enum fp_kind kind;
	bool sign;
	bool snan;
	int exp;
	uint64_t sig;
};

FP_INLINE int fp_emask(struct fp_format f)
{
	return (1 << f.exp) - 1;
}

FP_INLINE int fp_bias(struct fp_format f)
{
	return (1 << (f.exp - 1)) - 1;
}

FP_INLINE uint64_t fp_sign_bit(struct fp_format f, bool sign)
{
	return (uint64_t)sign << (f.mant + f.exp);
}

FP_INLINE uint64_t fp_zero(struct fp_format f, bool sign)
{
	return fp_sign_bit(f, sign);
}

FP_INLINE uint64_t fp_inf(struct fp_format f, bool sign)
{
	return fp_sign_bit(f, sign) | (uint64_t)fp_emask(f) << f.mant;
}

/* The canonical NaN (unpriv. spec, "NaN Generation and Propagation"). */
FP_INLINE uint64_t fp_nan(struct fp_format f)
{
	return fp_inf(f, false) | 1ull << (f.mant - 1);
}

FP_INLINE uint64_t fp_invalid(struct fp_format f, uint8_t *fl)
{
	*fl |= RISCV_FP_NV;
	return fp_nan(f);
}

FP_INLINE struct fp_num fp_unpack(struct fp_format f, uint64_t v)
{
	int e = (int)(v >> f.mant) & fp_emask(f);
	uint64_t frac = v & ((1ull << f.mant) - 1);
	struct fp_num n = {
		.kind = FP_FINITE,
		.sign = v >> (f.mant + f.exp) & 1,
		.exp = e - fp_bias(f),
		.sig = 1ull << 63 | frac << (63 - f.mant),
	};

	if (e == fp_emask(f)) {
		n.kind = frac ? FP_NAN : FP_INF;
		n.snan = frac && !(frac >> (f.mant - 1));
	} else if (e == 0) {
		int lz;

		if (!frac) {
			n.kind = FP_ZERO;
			return n;
		}
		n.sig = frac << (63 - f.mant);
		lz = __builtin_clzll(n.sig);
		n.sig <<= lz;
		n.exp = 1 - fp_bias(f) - lz;
	}
	return n;
}

/* Shift right; a bit that falls off stays visible as bit 0 ("jamming"). */
FP_INLINE uint64_t fp_shift_jam(uint64_t v, unsigned n)
{
	if (n == 0)
		return v;
	if (n >= 64)
		return v != 0;
	return v >> n | (v << (64 - n) != 0);
}

FP_INLINE fp_u128 fp_shift_jam128(fp_u128 v, unsigned n)
{
	if (n == 0)
		return v;
	if (n >= 128)
		return v != 0;
	return v >> n | (v << (128 - n) != 0);
}

/* Whether the magnitude whose bits below the last kept one are `rest` (as a
 * fraction of 2^drop, drop > 0) is rounded up; odd: the last kept bit. */
FP_INLINE bool fp_rounds_up(unsigned rm, bool sign, bool odd, uint64_t rest, unsigned drop)
{
	uint64_t half = 1ull << (drop - 1);

	switch (rm) {
	case RISCV_FP_RNE:
		return rest > half || (rest == half && odd);
	case RISCV_FP_RMM:
		return rest >= half;
	case RISCV_FP_RDN:
		return sign && rest;
	case RISCV_FP_RUP:
		return !sign && rest;
	default:
		return false;
	}
}

/* IEEE 754 7.4: what an overflow delivers. */
FP_INLINE uint64_t fp_overflow(struct fp_format f, bool sign, unsigned rm, uint8_t *fl)
{
	bool to_inf = rm == RISCV_FP_RNE || rm == RISCV_FP_RMM ||
		      rm == (sign ? RISCV_FP_RDN : RISCV_FP_RUP);

	*fl |= RISCV_FP_OF | RISCV_FP_NX;
	return fp_inf(f, sign) - !to_inf;       /* one below infinity: the largest number */
}

/* Round a nonzero sig (bit 63 set, bit 0 may stand for more bits) to the
 * format.  Underflow is signaled when the result is inexact and tiny, tininess
 * detected after rounding (unpriv. spec, F): the value rounded as if the
 * exponent had no lower bound is below the smallest normal number. */
FP_INLINE uint64_t fp_pack(struct fp_format f, bool sign, int exp, uint64_t sig,
			   unsigned rm, uint8_t *fl)
{
	unsigned drop = 63 - (unsigned)f.mant;
	uint64_t mask = (1ull << drop) - 1;
	int emin = 1 - fp_bias(f);
	uint64_t rest, bits;
	bool tiny = false;

	if (exp < emin) {
		tiny = exp < emin - 1 || sig >> drop != (2ull << f.mant) - 1 ||
		       !fp_rounds_up(rm, sign, true, sig & mask, drop);
		sig = fp_shift_jam(sig, (unsigned)(emin - exp));
		exp = emin;
	}
	rest = sig & mask;
	/* The leading bit, if there, adds one to the exponent; so does a carry. */
	bits = ((uint64_t)(exp - emin) << f.mant) + (sig >> drop) +
	       fp_rounds_up(rm, sign, sig >> drop & 1, rest, drop);
	if (exp > fp_bias(f) || bits >> f.mant >= (uint64_t)fp_emask(f))
		return fp_overflow(f, sign, rm, fl);
	if (rest)
		*fl |= RISCV_FP_NX | (tiny ? RISCV_FP_UF : 0);
	return bits | fp_sign_bit(f, sign);
}

#endif
