/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft floating point: between formats, to and from integers, and rounding to
 * an integer in the same format (IEEE 754-2019 5.4, 5.8, 5.9; unpriv. spec F
 * and Zfa).
 */
#include "riscv/fp_soft.h"
#include "riscv/fp_core.h"

/* |a| of a finite a with exp < 64, rounded to an integer; *inexact is set. */
FP_INLINE uint64_t round_int(struct fp_num a, unsigned rm, bool *inexact)
{
	uint64_t whole = 0, rest, frac;

	if (a.exp >= 0) {
		whole = a.sig >> (63 - a.exp);
		frac = a.exp == 63 ? 0 : a.sig << (a.exp + 1);
	} else {
		frac = fp_shift_jam(a.sig, (unsigned)(-1 - a.exp));
	}
	*inexact = frac != 0;
	rest = fp_shift_jam(frac, 1);           /* as a fraction of 2^63 */
	return whole + fp_rounds_up(rm, a.sign, whole & 1, rest, 63);
}

FP_INLINE uint64_t to_int(struct fp_format f, uint64_t v, bool is_signed, int bits,
			  unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, v);
	uint64_t max = is_signed ? (1ull << (bits - 1)) - 1 : ~0ull >> (64 - bits);
	uint64_t min = is_signed ? 1ull << (bits - 1) : 0;      /* magnitude of the least */
	bool negative = a.sign && a.kind != FP_NAN, inexact, fits = false;
	uint64_t mag = 0;

	if (a.kind == FP_ZERO)
		return 0;
	if (a.kind == FP_FINITE && a.exp < 64) {
		mag = round_int(a, rm, &inexact);
		fits = mag <= (negative ? min : max);
	}
	if (fits) {
		*fl |= inexact ? RISCV_FP_NX : 0;
	} else {
		*fl |= RISCV_FP_NV;
		mag = negative ? min : max;
	}
	if (negative)
		mag = -mag;
	return bits == 32 ? (uint64_t)(int32_t)mag : mag;
}

FP_INLINE uint64_t from_int(struct fp_format f, bool sign, uint64_t mag, unsigned rm, uint8_t *fl)
{
	int lz;

	if (!mag)
		return 0;
	lz = __builtin_clzll(mag);
	return fp_pack(f, sign, 63 - lz, mag << lz, rm, fl);
}

FP_INLINE uint64_t round_float(struct fp_format f, uint64_t v, bool exact,
			       unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(f, v);
	bool inexact;
	uint64_t mag;

	if (a.kind == FP_NAN) {
		*fl |= a.snan ? RISCV_FP_NV : 0;
		return fp_nan(f);
	}
	if (a.kind != FP_FINITE || a.exp >= f.mant)
		return v;
	mag = round_int(a, rm, &inexact);
	if (inexact && exact)
		*fl |= RISCV_FP_NX;
	return from_int(f, a.sign, mag, rm, fl) | fp_sign_bit(f, a.sign);
}

FP_INLINE uint64_t convert(struct fp_format from, struct fp_format to, uint64_t v,
			   unsigned rm, uint8_t *fl)
{
	struct fp_num a = fp_unpack(from, v);

	switch (a.kind) {
	case FP_NAN:
		*fl |= a.snan ? RISCV_FP_NV : 0;
		return fp_nan(to);
	case FP_INF:
		return fp_inf(to, a.sign);
	case FP_ZERO:
		return fp_zero(to, a.sign);
	default:
		return fp_pack(to, a.sign, a.exp, a.sig, rm, fl);
	}
}

uint64_t riscv__soft16_to_32(uint64_t a, unsigned rm, uint8_t *fl)
{
	return convert(FP_F16, FP_F32, a, rm, fl);
}

uint64_t riscv__soft16_to_64(uint64_t a, unsigned rm, uint8_t *fl)
{
	return convert(FP_F16, FP_F64, a, rm, fl);
}

uint64_t riscv__soft32_to_64(uint64_t a, unsigned rm, uint8_t *fl)
{
	return convert(FP_F32, FP_F64, a, rm, fl);
}

uint64_t riscv__soft32_to_16(uint64_t a, unsigned rm, uint8_t *fl)
{
	return convert(FP_F32, FP_F16, a, rm, fl);
}

uint64_t riscv__soft64_to_16(uint64_t a, unsigned rm, uint8_t *fl)
{
	return convert(FP_F64, FP_F16, a, rm, fl);
}

uint64_t riscv__soft64_to_32(uint64_t a, unsigned rm, uint8_t *fl)
{
	return convert(FP_F64, FP_F32, a, rm, fl);
}

/* The flags are those of FCVT.W.D (unpriv. spec, Zfa). */
uint64_t riscv__soft64_to_mod32(uint64_t v, uint8_t *fl)
{
	struct fp_num a = fp_unpack(FP_F64, v);
	uint64_t mag = 0;

	riscv__soft64_to_i32(v, RISCV_FP_RTZ, fl);
	if (a.kind != FP_FINITE || a.exp < 0 || a.exp >= 63 + 64)
		return 0;
	mag = a.exp <= 63 ? a.sig >> (63 - a.exp) : a.sig << (a.exp - 63);
	return (uint64_t)(int32_t)(a.sign ? -mag : mag);
}

#define CONVERT(N)                                                                   \
	uint64_t riscv__soft##N##_to_i32(uint64_t a, unsigned rm, uint8_t *fl)      \
	{                                                                            \
		return to_int(FP_F##N, a, true, 32, rm, fl);                         \
	}                                                                            \
	uint64_t riscv__soft##N##_to_u32(uint64_t a, unsigned rm, uint8_t *fl)      \
	{                                                                            \
		return to_int(FP_F##N, a, false, 32, rm, fl);                        \
	}                                                                            \
	uint64_t riscv__soft##N##_to_i64(uint64_t a, unsigned rm, uint8_t *fl)      \
	{                                                                            \
		return to_int(FP_F##N, a, true, 64, rm, fl);                         \
	}                                                                            \
	uint64_t riscv__soft##N##_to_u64(uint64_t a, unsigned rm, uint8_t *fl)      \
	{                                                                            \
		return to_int(FP_F##N, a, false, 64, rm, fl);                        \
	}                                                                            \
	uint64_t riscv__soft##N##_from_i64(int64_t v, unsigned rm, uint8_t *fl)     \
	{                                                                            \
		return from_int(FP_F##N, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v, rm, fl); \
	}                                                                            \
	uint64_t riscv__soft##N##_from_u64(uint64_t v, unsigned rm, uint8_t *fl)    \
	{                                                                            \
		return from_int(FP_F##N, false, v, rm, fl);                          \
	}                                                                            \
	uint64_t riscv__soft##N##_round(uint64_t a, bool exact, unsigned rm, uint8_t *fl) \
	{                                                                            \
		return round_float(FP_F##N, a, exact, rm, fl);                       \
	}

CONVERT(16)
CONVERT(32)
CONVERT(64)
