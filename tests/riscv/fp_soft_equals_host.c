/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer floating point against the host's hardware, values and flags, in the
 * four rounding modes that <fenv.h> has; to nearest with ties away against exact
 * arithmetic in a wider format.
 *
 * x86-64 only: like RISC-V it detects tininess after rounding.
 */
#include <fenv.h>
#include <math.h>

#include "riscv/fp_soft.h"
#include "tests/riscv/fp_values.h"
#include "tests/test.h"

#if defined(__x86_64__)

enum { ROUNDS = 100000 };

static struct fp_random rnd = { 1 };

static const int modes[4] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };

static uint8_t host_flags(void)
{
	int e = fetestexcept(FE_ALL_EXCEPT);

	return (uint8_t)((e & FE_INEXACT ? RISCV_FP_NX : 0) | (e & FE_UNDERFLOW ? RISCV_FP_UF : 0) |
			 (e & FE_OVERFLOW ? RISCV_FP_OF : 0) | (e & FE_DIVBYZERO ? RISCV_FP_DZ : 0) |
			 (e & FE_INVALID ? RISCV_FP_NV : 0));
}

/* Everything the host computes goes through volatile variables, so that no
 * operation moves across a call of <fenv.h>. */
static volatile double hx64, hy64, hz64, hr64;
static volatile float hx32, hy32, hz32, hr32;
static volatile int64_t hi;

/* Called, not expanded: gcc's expansion gives -0 for a small x rounded down. */
static double (*volatile host_rint)(double) = rint;
static float (*volatile host_rintf)(float) = rintf;
static double (*volatile host_round)(double) = round;

static uint64_t get64(void)
{
	double d = hr64;
	uint64_t v;

	memcpy(&v, &d, 8);
	return d != d ? RISCV_F64_NAN : v;
}

static uint64_t get32(void)
{
	float d = hr32;
	uint32_t v;

	memcpy(&v, &d, 4);
	return d != d ? RISCV_F32_NAN : v;
}

static void put64(volatile double *d, uint64_t v)
{
	memcpy((void *)d, &v, 8);
}

static void put32(volatile float *d, uint64_t v)
{
	uint32_t w = (uint32_t)v;

	memcpy((void *)d, &w, 4);
}

static void check(const char *what, unsigned rm, const uint64_t in[3], uint64_t got, uint8_t fl,
		  uint64_t want, uint8_t wfl)
{
	if (got != want || fl != wfl) {
		fesetround(FE_TONEAREST);
		TEST_FAIL("%s(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") rm %u: %#" PRIx64
			  " flags %#x, host %#" PRIx64 " flags %#x",
			  what, in[0], in[1], in[2], rm, got, fl, want, wfl);
	}
}

#define HOST(N, what, soft, host)                                                    \
	do {                                                                         \
		uint8_t f1 = 0, f2, *fl = &f1;                                       \
		uint64_t got = (soft);                                               \
									             \
		fesetround(modes[rm]);                                               \
		feclearexcept(FE_ALL_EXCEPT);                                        \
		host;                                                                \
		f2 = host_flags();                                                   \
		check(what, rm, in, got, f1, get##N(), f2);                          \
	} while (0)

#define ARITHMETIC(N, fma, sqrt)                                                     \
	static void arithmetic##N(void)                                              \
	{                                                                            \
		for (int i = 0; i < ROUNDS; i++) {                                   \
			uint64_t in[3] = { fp_operand##N(&rnd), fp_operand##N(&rnd), \
					   fp_operand##N(&rnd) };                    \
			uint64_t a = in[0], b = in[1], c = in[2];                    \
									             \
			put##N(&hx##N, a), put##N(&hy##N, b), put##N(&hz##N, c);     \
			for (unsigned rm = 0; rm < 4; rm++) {                        \
				HOST(N, "add", riscv__soft##N##_add(a, b, rm, fl), hr##N = hx##N + hy##N); \
				HOST(N, "sub", riscv__soft##N##_sub(a, b, rm, fl), hr##N = hx##N - hy##N); \
				HOST(N, "mul", riscv__soft##N##_mul(a, b, rm, fl), hr##N = hx##N * hy##N); \
				HOST(N, "div", riscv__soft##N##_div(a, b, rm, fl), hr##N = hx##N / hy##N); \
				HOST(N, "sqrt", riscv__soft##N##_sqrt(a, rm, fl), hr##N = sqrt(hx##N)); \
				/* the host need not signal inf * 0 + quiet NaN */   \
				if (hz##N == hz##N)                                  \
					HOST(N, "fma", riscv__soft##N##_fma(a, b, c, rm, fl), \
					     hr##N = fma(hx##N, hy##N, hz##N));      \
			}                                                            \
			fesetround(FE_TONEAREST);                                    \
		}                                                                    \
	}
ARITHMETIC(64, fma, sqrt)
ARITHMETIC(32, fmaf, sqrtf)

static void conversions(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t in[3] = { fp_operand64(&rnd), fp_operand32(&rnd), fp_integer(&rnd) };

		put64(&hx64, in[0]), put32(&hx32, in[1]);
		hi = (int64_t)in[2];
		for (unsigned rm = 0; rm < 4; rm++) {
			HOST(32, "f64_to_32", riscv__soft64_to_32(in[0], rm, fl), hr32 = (float)hx64);
			HOST(64, "f32_to_64", riscv__soft32_to_64(in[1], rm, fl), hr64 = (double)hx32);
			HOST(64, "i64_to_f64", riscv__soft64_from_i64(hi, rm, fl), hr64 = (double)hi);
			HOST(32, "i64_to_f32", riscv__soft32_from_i64(hi, rm, fl), hr32 = (float)hi);
			HOST(64, "froundnx", riscv__soft64_round(in[0], true, rm, fl), hr64 = host_rint(hx64));
			HOST(32, "froundnx", riscv__soft32_round(in[1], true, rm, fl), hr32 = host_rintf(hx32));
			HOST(64, "fround", riscv__soft64_round(in[0], false, rm, fl), hr64 = nearbyint(hx64));
		}
		fesetround(FE_TONEAREST);
	}
}

/* To integers: the rounded value is the host's rint; range and flags follow. */
#define TO_INT(name, type, min, max)                                                 \
	do {                                                                         \
		uint8_t fl = 0, want_fl = 0;                                         \
		uint64_t got = riscv__soft64_to_##name(in[0], rm, &fl), want;        \
									             \
		if (x != x || r > (long double)(max)) {                              \
			want = (uint64_t)(max), want_fl = RISCV_FP_NV;               \
		} else if (r < (long double)(min)) {                                 \
			want = (uint64_t)(min), want_fl = RISCV_FP_NV;               \
		} else {                                                             \
			want = (uint64_t)(type)r;                                    \
			want_fl = r != x ? RISCV_FP_NX : 0;                          \
		}                                                                    \
		if (sizeof(type) == 4)                                               \
			want = (uint64_t)(int32_t)want;                              \
		check("f64_to_" #name, rm, in, got, fl, want, want_fl);              \
	} while (0)

static void integers(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t in[3] = { fp_operand64(&rnd) };
		double x;

		put64(&hx64, in[0]);
		x = hx64;
		for (unsigned rm = 0; rm < 5; rm++) {
			double r;

			fesetround(modes[rm & 3]);
			r = rm == RISCV_FP_RMM ? host_round(hx64) : host_rint(hx64);
			fesetround(FE_TONEAREST);
			TO_INT(i32, int32_t, INT32_MIN, INT32_MAX);
			TO_INT(u32, uint32_t, 0, UINT32_MAX);
			TO_INT(i64, int64_t, INT64_MIN, INT64_MAX);
			TO_INT(u64, uint64_t, 0, UINT64_MAX);
		}
	}
}

/* RMM: of the two neighbors that RDN and RUP deliver the nearer one to the exact
 * result, the one farther from zero when they are equally near. */
static void to_nearest_ties_away(void)
{
	uint64_t ties = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t in[3] = { fp_operand64(&rnd), fp_operand64(&rnd) };
		uint8_t fl = 0;

		put64(&hx64, in[0]), put64(&hy64, in[1]);
		for (int op = 0; op < 2; op++) {
			uint64_t got = op ? riscv__soft64_mul(in[0], in[1], RISCV_FP_RMM, &fl) :
					    riscv__soft64_add(in[0], in[1], RISCV_FP_RMM, &fl);
			__float128 exact, down, up;
			uint64_t lo, hi_;

			/* within the 113 bits of the wide format */
			if (!isfinite(hx64) || !isfinite(hy64) ||
			    (!op && fabs(logb(hx64) - logb(hy64)) > 55))
				continue;
			exact = op ? (__float128)hx64 * hy64 : (__float128)hx64 + hy64;
			fesetround(FE_DOWNWARD);
			hr64 = op ? hx64 * hy64 : hx64 + hy64;
			down = hr64, lo = get64();
			fesetround(FE_UPWARD);
			hr64 = op ? hx64 * hy64 : hx64 + hy64;
			up = hr64, hi_ = get64();
			fesetround(FE_TONEAREST);
			if (!isfinite((double)down) || !isfinite((double)up) || exact == 0)
				continue;
			ties += exact - down == up - exact && lo != hi_;
			if (exact - down < up - exact || (exact - down == up - exact && exact < 0))
				check("rmm", RISCV_FP_RMM, in, got, 0, lo, 0);
			else
				check("rmm", RISCV_FP_RMM, in, got, 0, hi_, 0);
		}
	}
	CHECK(ties > 100);
}
#define NEEDS_X86
#else
#define NEEDS_X86 SKIP("the host is not x86-64")
static void arithmetic64(void) { NEEDS_X86; }
static void arithmetic32(void) { NEEDS_X86; }
static void conversions(void) { NEEDS_X86; }
static void integers(void) { NEEDS_X86; }
static void to_nearest_ties_away(void) { NEEDS_X86; }
#endif

/* Sums and products of halves are exact in a double. */
static void half_by_way_of_double(void)
{
	struct fp_random r = { 3 };

	for (int i = 0; i < 500000; i++) {
		uint64_t a = fp_operand16(&r), b = fp_operand16(&r), x, y, v;
		unsigned rm = (unsigned)(fp_next(&r) % 5);
		uint8_t f1 = 0, f2 = 0;
		double dx, dy;

		if ((a & 0x7c00) == 0x7c00 || (b & 0x7c00) == 0x7c00)
			continue;
		x = riscv__soft16_to_64(a, 0, &f2), y = riscv__soft16_to_64(b, 0, &f2);
		memcpy(&dx, &x, 8), memcpy(&dy, &y, 8);
		dx *= dy;
		memcpy(&v, &dx, 8);
		CHECK_EQ(riscv__soft16_mul(a, b, rm, &f1), riscv__soft64_to_16(v, rm, &f2));
		CHECK_EQ(f1, f2);
		f1 = f2 = 0;
		memcpy(&dx, &x, 8);
		dx += dy;
		memcpy(&v, &dx, 8);
		if (dx != 0)    /* the sign of an exact zero depends on rm */
			CHECK_EQ(riscv__soft16_add(a, b, rm, &f1), riscv__soft64_to_16(v, rm, &f2));
		CHECK_EQ(f1, f2);
	}
}

/* Constants of the specification's tables. */
static void load_immediate_table(void)
{
	static const uint32_t f32[32] = {
		0xbf800000, 0x00800000, 0x37800000, 0x38000000, 0x3b800000, 0x3c000000,
		0x3d800000, 0x3e000000, 0x3e800000, 0x3ea00000, 0x3ec00000, 0x3ee00000,
		0x3f000000, 0x3f200000, 0x3f400000, 0x3f600000, 0x3f800000, 0x3fa00000,
		0x3fc00000, 0x3fe00000, 0x40000000, 0x40200000, 0x40400000, 0x40800000,
		0x41000000, 0x41800000, 0x43000000, 0x43800000, 0x47000000, 0x47800000,
		0x7f800000, 0x7fc00000,
	};
	uint8_t fl = 0;

	for (unsigned i = 0; i < 32; i++) {
		CHECK_EQ(riscv__f32_li(i), f32[i]);
		if (i != 1) {
			CHECK_EQ(riscv__f64_li(i), riscv__soft32_to_64(f32[i], 0, &fl));
			CHECK_EQ(riscv__f16_li(i), riscv__soft32_to_16(f32[i], 0, &fl));
		}
	}
	CHECK_EQ(riscv__f64_li(1), 0x0010000000000000);
	CHECK_EQ(riscv__f16_li(1), 0x0400);
}

static void classes(void)
{
	static const uint64_t v[10] = {
		0xfff0000000000000, 0xbff0000000000000, 0x8000000000000001, 0x8000000000000000,
		0, 0x000fffffffffffff, 0x0010000000000000, 0x7ff0000000000000,
		0x7ff0000000000001, 0xfff8000000000000,
	};

	for (unsigned i = 0; i < 10; i++)
		CHECK_EQ(riscv__f64_class(v[i]), 1 << i);
}

static void modular_conversion(void)
{
	static const struct { double d; uint64_t v; uint8_t fl; } t[] = {
		{ 0, 0, 0 }, { -0.5, 0, RISCV_FP_NX }, { 1.5, 1, RISCV_FP_NX },
		{ 0x1p31, 0xffffffff80000000, RISCV_FP_NV }, { -0x1p31, 0xffffffff80000000, 0 },
		{ 0x1p32 + 5, 5, RISCV_FP_NV }, { -0x1p33 - 7, -7ull, RISCV_FP_NV },
		{ 0x1.8p64, 0, RISCV_FP_NV }, { 0x1.fffffffffffffp83, 0xffffffff80000000, RISCV_FP_NV },
		{ 0x1p84, 0, RISCV_FP_NV }, { (double)INFINITY, 0, RISCV_FP_NV },
		{ (double)NAN, 0, RISCV_FP_NV }, { 0x1.00000001p32 + 0.5, 1, RISCV_FP_NV },
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t fl = 0;
		uint64_t bits;

		memcpy(&bits, &t[i].d, 8);
		CHECK_EQ(riscv__soft64_to_mod32(bits, &fl), t[i].v);
		CHECK_EQ(fl, t[i].fl);
	}
}

TEST_MAIN({ "arithmetic_f64", arithmetic64 },
	  { "arithmetic_f32", arithmetic32 },
	  { "conversions", conversions },
	  { "integers", integers },
	  { "to_nearest_ties_away", to_nearest_ties_away },
	  { "half_by_way_of_double", half_by_way_of_double },
	  { "load_immediate_table", load_immediate_table },
	  { "classes", classes },
	  { "modular_conversion", modular_conversion })
