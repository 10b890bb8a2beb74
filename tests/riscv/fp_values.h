/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands that hurt, for the floating-point tests: special values, significands
 * of few bits (exact results and ties), neighbors of powers of two, near-equal
 * exponents (cancellation), and plain random bits.
 */
#ifndef TESTS_RISCV_FP_VALUES_H
#define TESTS_RISCV_FP_VALUES_H

#include <stdint.h>

struct fp_random {
	uint64_t s;
};

static inline uint64_t fp_next(struct fp_random *r)     /* splitmix64 */
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* A value of `mant` stored significand bits and `ebits` exponent bits. */
static inline uint64_t fp_operand(struct fp_random *r, int mant, int ebits)
{
	uint64_t emask = (1ull << ebits) - 1, bias = emask >> 1;
	uint64_t v = fp_next(r), pick = fp_next(r), e = v >> mant & emask, m = v & ((1ull << mant) - 1);
	uint64_t sign = v >> 63;

	switch (pick >> 8 & 7) {
	case 0:         /* the ends of the range */
		switch (pick >> 16 & 3) {
		case 0: e = 0; break;
		case 1: e = emask; break;
		case 2: e = emask - 1 - (pick >> 20 & 1); break;
		default: e = 1 + (pick >> 20 & 1);
		}
		break;
	case 1:         /* underflow and overflow within reach of one operation */
		e = (pick >> 16 & 1 ? bias + bias / 2 : bias / 2) + (pick >> 20 & 7) - 4;
		break;
	case 2:
	case 3:
	case 4:         /* near 1: cancellation, integers */
		e = bias + (pick >> 16) % (2 * (unsigned)mant + 24) - (unsigned)mant / 2;
		break;
	default:
		break;
	}
	if (e > emask)
		e = bias;
	switch (pick & 7) {
	case 0: m = 0; break;
	case 1: m = 1; break;
	case 2: m = (1ull << mant) - 1; break;
	case 3: m = 1ull << (mant - 1); break;
	case 4: m &= ~0ull << (pick >> 32) % (unsigned)mant; break;      /* few bits */
	case 5: m &= ~(~0ull << (pick >> 32) % (unsigned)mant); break;
	default: break;
	}
	return sign << (mant + ebits) | e << mant | m;
}

static inline uint64_t fp_operand64(struct fp_random *r)
{
	return fp_operand(r, 52, 11);
}

static inline uint64_t fp_operand32(struct fp_random *r)
{
	return fp_operand(r, 23, 8);
}

static inline uint64_t fp_operand16(struct fp_random *r)
{
	return fp_operand(r, 10, 5);
}

/* Integers: any, and those of any width. */
static inline uint64_t fp_integer(struct fp_random *r)
{
	uint64_t v = fp_next(r), pick = fp_next(r);

	v >>= pick & 63;
	if (pick & 64)
		v &= ~0ull << (pick >> 8 & 63);
	if (pick & 128)
		v += (pick >> 16 & 3) - 1;
	return pick >> 18 & 1 ? -v : v;
}

#endif
