/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soft floating point: RISC-V's arithmetic (unpriv. spec, F D Zfh Zfa) in
 * integers alone, the same on every host: no <fenv.h>, no state.  The reference
 * for fp.h, which everybody else calls, and where it goes for the hard cases.
 *
 * Values are passed as bits in the low end of a uint64_t, not NaN-boxed (see
 * riscv__f32_unbox); rm is a resolved rounding mode, RNE to RMM; flags are or-ed
 * into *fl.
 */
#ifndef RISCV_FP_SOFT_H
#define RISCV_FP_SOFT_H

#include <stdbool.h>
#include <stdint.h>

/* Rounding modes as encoded in frm and in the rm field. */
enum {
	RISCV_FP_RNE = 0,       /* to nearest, ties to even */
	RISCV_FP_RTZ = 1,       /* toward zero */
	RISCV_FP_RDN = 2,       /* down */
	RISCV_FP_RUP = 3,       /* up */
	RISCV_FP_RMM = 4,       /* to nearest, ties away from zero */
	RISCV_FP_DYN = 7,       /* in an instruction only: frm */
};

/* Accrued exceptions as encoded in fflags. */
enum {
	RISCV_FP_NX = 1,        /* inexact */
	RISCV_FP_UF = 2,        /* underflow */
	RISCV_FP_OF = 4,        /* overflow */
	RISCV_FP_DZ = 8,        /* divide by zero */
	RISCV_FP_NV = 16,       /* invalid operation */
};

#define RISCV_F16_NAN 0x7e00u
#define RISCV_F32_NAN 0x7fc00000u
#define RISCV_F64_NAN 0x7ff8000000000000ull

/* What is not a NaN-boxed value of the narrow format reads as the canonical NaN
 * (unpriv. spec, "NaN Boxing of Narrower Values"). */
static inline uint64_t riscv__f32_unbox(uint64_t f)
{
	return f >> 32 == 0xffffffff ? (uint32_t)f : RISCV_F32_NAN;
}

static inline uint64_t riscv__f16_unbox(uint64_t f)
{
	return f >> 16 == 0xffffffffffff ? (uint16_t)f : RISCV_F16_NAN;
}

static inline uint64_t riscv__f32_box(uint64_t v)
{
	return v | 0xffffffff00000000;
}

static inline uint64_t riscv__f16_box(uint64_t v)
{
	return v | 0xffffffffffff0000;
}

/* For N = 16, 32, 64.  fma is a * b + c, rounded once.  to_* saturate and
 * signal NV as FCVT does; the 32-bit ones are sign-extended, both of them.
 * min and max are minimumNumber and maximumNumber, minm and maxm minimum and
 * maximum of IEEE 754-2019.  le and lt signal for every NaN; eq, leq and ltq only for
 * signaling ones.  round: to an integer in the format; exact: signal NX. */
#define RISCV_FP_DECLARE(N)                                                          \
	uint64_t riscv__soft##N##_add(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl); \
	uint64_t riscv__soft##N##_sub(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl); \
	uint64_t riscv__soft##N##_mul(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl); \
	uint64_t riscv__soft##N##_div(uint64_t a, uint64_t b, unsigned rm, uint8_t *fl); \
	uint64_t riscv__soft##N##_sqrt(uint64_t a, unsigned rm, uint8_t *fl);            \
	uint64_t riscv__soft##N##_fma(uint64_t a, uint64_t b, uint64_t c,                 \
				      unsigned rm, uint8_t *fl);                         \
	uint64_t riscv__soft##N##_to_i32(uint64_t a, unsigned rm, uint8_t *fl);          \
	uint64_t riscv__soft##N##_to_u32(uint64_t a, unsigned rm, uint8_t *fl);          \
	uint64_t riscv__soft##N##_to_i64(uint64_t a, unsigned rm, uint8_t *fl);          \
	uint64_t riscv__soft##N##_to_u64(uint64_t a, unsigned rm, uint8_t *fl);          \
	uint64_t riscv__soft##N##_from_i64(int64_t v, unsigned rm, uint8_t *fl);         \
	uint64_t riscv__soft##N##_from_u64(uint64_t v, unsigned rm, uint8_t *fl);        \
	uint64_t riscv__soft##N##_round(uint64_t a, bool exact, unsigned rm, uint8_t *fl); \
	uint64_t riscv__soft##N##_min(uint64_t a, uint64_t b, uint8_t *fl);              \
	uint64_t riscv__soft##N##_max(uint64_t a, uint64_t b, uint8_t *fl);              \
	uint64_t riscv__soft##N##_minm(uint64_t a, uint64_t b, uint8_t *fl);             \
	uint64_t riscv__soft##N##_maxm(uint64_t a, uint64_t b, uint8_t *fl);             \
	uint64_t riscv__soft##N##_eq(uint64_t a, uint64_t b, uint8_t *fl);               \
	uint64_t riscv__soft##N##_lt(uint64_t a, uint64_t b, uint8_t *fl);               \
	uint64_t riscv__soft##N##_le(uint64_t a, uint64_t b, uint8_t *fl);               \
	uint64_t riscv__soft##N##_ltq(uint64_t a, uint64_t b, uint8_t *fl);              \
	uint64_t riscv__soft##N##_leq(uint64_t a, uint64_t b, uint8_t *fl);              \
	unsigned riscv__f##N##_class(uint64_t a);       /* FCLASS: one bit of ten */     \
	uint64_t riscv__f##N##_li(unsigned i)           /* FLI: constant i, 0 to 31 */

RISCV_FP_DECLARE(16);
RISCV_FP_DECLARE(32);
RISCV_FP_DECLARE(64);

/* Between formats; widening is exact in every rounding mode. */
uint64_t riscv__soft16_to_32(uint64_t a, unsigned rm, uint8_t *fl);
uint64_t riscv__soft16_to_64(uint64_t a, unsigned rm, uint8_t *fl);
uint64_t riscv__soft32_to_64(uint64_t a, unsigned rm, uint8_t *fl);
uint64_t riscv__soft32_to_16(uint64_t a, unsigned rm, uint8_t *fl);
uint64_t riscv__soft64_to_16(uint64_t a, unsigned rm, uint8_t *fl);
uint64_t riscv__soft64_to_32(uint64_t a, unsigned rm, uint8_t *fl);
/* FCVTMOD.W.D: toward zero, modulo 2^32, sign-extended. */
uint64_t riscv__soft64_to_mod32(uint64_t a, uint8_t *fl);

#endif
