/* SPDX-License-Identifier: Apache-2.0 */
/* The host's floating point (fp.h) gives what the integer one (fp_soft.h) gives,
 * value and flags, whether NX was accrued before or not, in every rounding mode. */
#include "riscv/fp.h"
#include "tests/riscv/fp_values.h"
#include "tests/test.h"

enum { ROUNDS = 1500000 };

static struct fp_random rnd = { 2 };

static void same(const char *what, uint64_t a, uint64_t b, uint64_t c, unsigned rm,
		 uint64_t fast, uint8_t ffl, uint64_t soft, uint8_t sfl)
{
	if (fast != soft || ffl != sfl)
		TEST_FAIL("%s(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") rm %u: %#" PRIx64
			  " flags %#x, soft %#" PRIx64 " flags %#x",
			  what, a, b, c, rm, fast, ffl, soft, sfl);
}

/* Two times of three RNE, the mode in which there is a fast path. */
#define EACH(what, a, b, c, fast, soft)                                              \
	do {                                                                         \
		for (unsigned i_ = 0; i_ < 6; i_++) {                                \
			unsigned rm = i_ < 4 ? 0 : 1 + (unsigned)(fp_next(&rnd) & 3); \
			uint8_t was = i_ & 1 ? RISCV_FP_NX : 0, f1 = was, f2 = was;   \
			uint8_t *fl = &f1;                                           \
			uint64_t r1 = (fast), r2;                                    \
									             \
			fl = &f2;                                                    \
			r2 = (soft);                                                 \
			same(what, a, b, c, rm, r1, f1, r2, f2);                     \
			(void)rm;                                                    \
		}                                                                    \
	} while (0)

#define TWO(N, op) EACH("f" #N "_" #op, a, b, 0, riscv__f##N##_##op(a, b, rm, fl),     \
			riscv__soft##N##_##op(a, b, rm, fl))
#define ONE(N, op) EACH("f" #N "_" #op, a, 0, 0, riscv__f##N##_##op(a, rm, fl),        \
			riscv__soft##N##_##op(a, rm, fl))
#define CMP(N, op) EACH("f" #N "_" #op, a, b, 0, riscv__f##N##_##op(a, b, fl),         \
			riscv__soft##N##_##op(a, b, fl))
#define INT(N, op) EACH("f" #N "_" #op, v, 0, 0, riscv__f##N##_##op((__typeof__(v))v, rm, fl), \
			riscv__soft##N##_##op((__typeof__(v))v, rm, fl))

#define ARITHMETIC(N)                                                                \
	static void arithmetic##N(void)                                              \
	{                                                                            \
		for (int i = 0; i < ROUNDS / 6; i++) {                               \
			uint64_t a = fp_operand##N(&rnd), b = fp_operand##N(&rnd);   \
			uint64_t c = fp_operand##N(&rnd);                            \
									             \
			TWO(N, add);                                                 \
			TWO(N, sub);                                                 \
			TWO(N, mul);                                                 \
			TWO(N, div);                                                 \
			ONE(N, sqrt);                                                \
			EACH("fma" #N, a, b, c, riscv__f##N##_fma(a, b, c, rm, fl),   \
			     riscv__soft##N##_fma(a, b, c, rm, fl));                 \
		}                                                                    \
	}
ARITHMETIC(32)
ARITHMETIC(64)

/* Results that can be told exact without NX: quotients and roots of products. */
#define EXACT(N)                                                                     \
	static void exact_results##N(void)                                           \
	{                                                                            \
		for (int i = 0; i < ROUNDS / 6; i++) {                               \
			uint8_t none = 1;                                            \
			uint64_t x = fp_operand##N(&rnd), b = fp_operand##N(&rnd);   \
			uint64_t a = riscv__soft##N##_mul(x, b, 0, &none);           \
			uint64_t c = x ^ 1ull << (N - 1);                            \
									             \
			TWO(N, div);                                                 \
			EACH("fma" #N, x, b, c, riscv__f##N##_fma(x, b, c, rm, fl),   \
			     riscv__soft##N##_fma(x, b, c, rm, fl));                 \
			a = riscv__soft##N##_mul(x, x, 0, &none);                    \
			ONE(N, sqrt);                                                \
		}                                                                    \
	}
EXACT(32)
EXACT(64)

#define COMPARISONS(N)                                                               \
	static void comparisons##N(void)                                             \
	{                                                                            \
		for (int i = 0; i < ROUNDS / 12; i++) {                              \
			uint64_t a = fp_operand##N(&rnd), b = fp_operand##N(&rnd);   \
									             \
			if (i % 8 == 0)                                              \
				b = a ^ (fp_next(&rnd) & 1ull << (N - 1));           \
			CMP(N, eq);                                                  \
			CMP(N, lt);                                                  \
			CMP(N, le);                                                  \
			CMP(N, ltq);                                                 \
			CMP(N, leq);                                                 \
			CMP(N, min);                                                 \
			CMP(N, max);                                                 \
			CMP(N, minm);                                                \
			CMP(N, maxm);                                                \
		}                                                                    \
	}
COMPARISONS(32)
COMPARISONS(64)

#define CONVERSIONS(N, M)                                                            \
	static void conversions##N(void)                                             \
	{                                                                            \
		for (int i = 0; i < ROUNDS / 12; i++) {                              \
			uint64_t a = fp_operand##N(&rnd), v = fp_integer(&rnd);      \
									             \
			ONE(N, to_i32);                                              \
			ONE(N, to_u32);                                              \
			ONE(N, to_i64);                                              \
			ONE(N, to_u64);                                              \
			ONE(N, to_##M);                                              \
			INT(N, from_i64);                                            \
			INT(N, from_u64);                                            \
			v = (uint64_t)(int32_t)v;                                    \
			INT(N, from_i64);                                            \
		}                                                                    \
	}
CONVERSIONS(32, 64)
CONVERSIONS(64, 32)

/* An embedding program may run with denormals flushed and another rounding. */
static void host_environment_is_default_inside_and_kept_outside(void)
{
#if defined(__x86_64__)
	uint32_t was, odd = 0x1f80 | 0x8040 | 0x6000, now, kept, fl;
	uint8_t nx = RISCV_FP_NX;
	volatile uint64_t tiny = 3, third;

	__asm__ volatile("stmxcsr %0" : "=m"(was));
	__asm__ volatile("ldmxcsr %0" : : "m"(odd));
	kept = riscv__fp_enter();
	__asm__ volatile("" : : : "memory");
	tiny = riscv__f64_add(tiny, tiny, RISCV_FP_RNE, &nx);
	third = riscv__f64_div(0xbff0000000000000, 0x4008000000000000, RISCV_FP_RNE, &nx);
	__asm__ volatile("" : : : "memory");
	riscv__fp_leave(kept);
	__asm__ volatile("stmxcsr %0" : "=m"(now));
	__asm__ volatile("ldmxcsr %0" : : "m"(was));
	fl = now & 0xffc0;
	CHECK_EQ(tiny, 6);
	CHECK_EQ(third, 0xbfd5555555555555);
	CHECK_EQ(fl, odd & 0xffc0);
#else
	SKIP("the host is not x86-64");
#endif
}

TEST_MAIN({ "arithmetic_f32", arithmetic32 },
	  { "arithmetic_f64", arithmetic64 },
	  { "exact_results_f32", exact_results32 },
	  { "exact_results_f64", exact_results64 },
	  { "comparisons_f32", comparisons32 },
	  { "comparisons_f64", comparisons64 },
	  { "conversions_f32", conversions32 },
	  { "conversions_f64", conversions64 },
	  { "host_environment_is_default_inside_and_kept_outside",
	    host_environment_is_default_inside_and_kept_outside })
