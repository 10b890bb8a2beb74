/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of simd.h (which see) that needs no floating point: vector types,
 * lanes, bits, permutations, integers.
 */
#ifndef WASM_SIMD_INT_H
#define WASM_SIMD_INT_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(SIMD_PORTABLE)
#define SIMD_SSE2
#endif
#if defined(__SSSE3__) && !defined(SIMD_PORTABLE)
#define SIMD_SSSE3
#endif
#if defined(__SSE4_1__) && !defined(SIMD_PORTABLE)
#define SIMD_SSE41
#endif
#if defined(__FMA__) && !defined(SIMD_PORTABLE)
#define SIMD_FMA
#endif
#if defined(__aarch64__) && !defined(SIMD_PORTABLE)
#define SIMD_NEON
#endif
#if defined(SIMD_SSE2)
#include <immintrin.h>
#elif defined(SIMD_NEON)
#include <arm_neon.h>
#endif

#define SIMD_TYPE(name, T, size) typedef T name __attribute__((vector_size(size)))
SIMD_TYPE(i8x16, int8_t, 16);
SIMD_TYPE(u8x16, uint8_t, 16);
SIMD_TYPE(i16x8, int16_t, 16);
SIMD_TYPE(u16x8, uint16_t, 16);
SIMD_TYPE(i32x4, int32_t, 16);
SIMD_TYPE(u32x4, uint32_t, 16);
SIMD_TYPE(i64x2, int64_t, 16);
SIMD_TYPE(u64x2, uint64_t, 16);
SIMD_TYPE(f32x4, float, 16);
SIMD_TYPE(f64x2, double, 16);
/* halves */
SIMD_TYPE(i8x8, int8_t, 8);
SIMD_TYPE(u8x8, uint8_t, 8);
SIMD_TYPE(i16x4, int16_t, 8);
SIMD_TYPE(u16x4, uint16_t, 8);
SIMD_TYPE(i32x2, int32_t, 8);
SIMD_TYPE(u32x2, uint32_t, 8);
SIMD_TYPE(f32x2, float, 8);
typedef u64x2 v128;

#define SIMD_INLINE static inline __attribute__((always_inline, unused))

SIMD_INLINE v128 simd_load(const void *p)
{
	v128 v;

	memcpy(&v, p, sizeof(v));
	return v;
}
SIMD_INLINE void simd_store(void *p, v128 v)
{
	memcpy(p, &v, sizeof(v));
}

/* A number in every lane; the lanes of a half, widened. */
#define SIMD_LANE(shape) __typeof__(((shape){ 0 })[0])
#define SPLAT(shape, x) ((shape){ 0 } + (SIMD_LANE(shape))(x))
#define WIDEN(half, shape) __builtin_convertvector(half, shape)

/* A lane of a vector, and a vector with a lane replaced.  The latter is made
 * by a mask: a lane stored into a vector in memory makes the next load of the
 * vector wait for both stores. */
#define LANE(shape, v, lane) (((shape)(v))[lane])
#define REPLACE(shape, v, x, lane)                                              \
	({                                                                      \
		v128 here_ = (v128)(SIMD_NUMBERS_##shape == SPLAT(shape, lane)); \
		simd_select(here_, (v128)SPLAT(shape, x), (v128)(v));           \
	})
#define SIMD_NUMBERS_u8x16 \
	((u8x16){ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 })
#define SIMD_NUMBERS_u16x8 ((u16x8){ 0, 1, 2, 3, 4, 5, 6, 7 })
#define SIMD_NUMBERS_u32x4 ((u32x4){ 0, 1, 2, 3 })
#define SIMD_NUMBERS_u64x2 ((u64x2){ 0, 1 })

/* ---- bits ---- */

SIMD_INLINE v128 simd_select(v128 mask, v128 a, v128 b)
{
	return b ^ ((a ^ b) & mask);
}
#define SIMD_SELECT(shape, mask, a, b) \
	((shape)simd_select((v128)(mask), (v128)(a), (v128)(b)))

SIMD_INLINE uint32_t simd_any_true(v128 a)
{
	return (a[0] | a[1]) != 0;
}

#ifdef SIMD_SSE2
#define SIMD_BITMASKS                                                           \
	SIMD_BITMASK(i8x16, _mm_movemask_epi8((__m128i)a))                      \
	SIMD_BITMASK(i16x8, _mm_movemask_epi8(_mm_packs_epi16((__m128i)a, _mm_setzero_si128()))) \
	SIMD_BITMASK(i32x4, _mm_movemask_ps((__m128)a))                         \
	SIMD_BITMASK(i64x2, _mm_movemask_pd((__m128d)a))
#define SIMD_BITMASK(shape, e) \
	SIMD_INLINE uint32_t simd_bitmask_##shape(v128 a) { return (uint32_t)(e); }
#else
/* The sign bits, each at its lane's place, gathered by a sum. */
#define SIMD_BITMASKS                                                           \
	SIMD_BITMASK(i8x16, u8x16, 7)                                           \
	SIMD_BITMASK(i16x8, u16x8, 15)                                          \
	SIMD_BITMASK(i32x4, u32x4, 31)                                          \
	SIMD_BITMASK(i64x2, u64x2, 63)
#define SIMD_BITMASK(shape, ushape, top)                                        \
	SIMD_INLINE uint32_t simd_bitmask_##shape(v128 a)                       \
	{                                                                       \
		ushape s = (ushape)a >> top;                                    \
		uint32_t m = 0;                                                 \
                                                                                \
		for (unsigned i = 0; i < sizeof(s) / sizeof(s[0]); i++)         \
			m |= (uint32_t)s[i] << i;                               \
		return m;                                                       \
	}
#endif
SIMD_BITMASKS

#ifdef SIMD_SSE2
#define SIMD_ALL_TRUE(shape) \
	SIMD_INLINE uint32_t simd_all_true_##shape(v128 a) \
	{ \
		return _mm_movemask_epi8((__m128i)((shape)a == 0)) == 0; \
	}
#else
#define SIMD_ALL_TRUE(shape) \
	SIMD_INLINE uint32_t simd_all_true_##shape(v128 a) \
	{ \
		return !simd_any_true((v128)((shape)a == 0)); \
	}
#endif
SIMD_ALL_TRUE(i8x16)
SIMD_ALL_TRUE(i16x8)
SIMD_ALL_TRUE(i32x4)
SIMD_ALL_TRUE(i64x2)

/* ---- permutations ---- */

/* A lane of b outside of a selects 0. */
SIMD_INLINE v128 simd_swizzle(v128 a, v128 b)
{
#if defined(SIMD_SSSE3)
	/* pshufb looks at bit 7 and the low four: 16.. becomes 128.. */
	return (v128)_mm_shuffle_epi8((__m128i)a, _mm_adds_epu8((__m128i)b, _mm_set1_epi8(0x70)));
#elif defined(SIMD_NEON)
	return (v128)vqtbl1q_u8((uint8x16_t)a, (uint8x16_t)b);
#else
	u8x16 from = (u8x16)a, at = (u8x16)b, r = { 0 };

	for (unsigned i = 0; i < 16; i++)
		r[i] = from[at[i] & 15];
	return (v128)(r & (u8x16)(at < 16));
#endif
}

/* The validator has seen that every lane of `lanes` is below 32. */
SIMD_INLINE v128 simd_shuffle(v128 a, v128 b, v128 lanes)
{
#if defined(SIMD_SSSE3)
	__m128i l = (__m128i)lanes;

	return (v128)_mm_or_si128(
		_mm_shuffle_epi8((__m128i)a, _mm_add_epi8(l, _mm_set1_epi8(0x70))),
		_mm_shuffle_epi8((__m128i)b, _mm_sub_epi8(l, _mm_set1_epi8(0x10))));
#elif defined(SIMD_NEON)
	uint8x16x2_t both = { { (uint8x16_t)a, (uint8x16_t)b } };

	return (v128)vqtbl2q_u8(both, (uint8x16_t)lanes);
#else
	uint8_t both[32], at[16], r[16];

	simd_store(both, a);
	simd_store(both + 16, b);
	simd_store(at, lanes);
	for (unsigned i = 0; i < 16; i++)
		r[i] = both[at[i] & 31];
	return simd_load(r);
#endif
}

/* ---- halves, widened ---- */

#define SIMD_HALVES(shape, half, wide)                                          \
	SIMD_INLINE wide simd_low_##shape(v128 a)                               \
	{                                                                       \
		return WIDEN((half)a[0], wide);                                 \
	}                                                                       \
	SIMD_INLINE wide simd_high_##shape(v128 a)                              \
	{                                                                       \
		return WIDEN((half)a[1], wide);                                 \
	}
#ifdef SIMD_SSE2
/* Unpacked beside themselves, or beside zeros. */
#define SIMD_UNPACK(shape, bits, width)                                         \
	SIMD_INLINE i##shape simd_low_i##bits(v128 a)                           \
	{                                                                       \
		return (i##shape)_mm_unpacklo_epi##width((__m128i)a, (__m128i)a) >> width; \
	}                                                                       \
	SIMD_INLINE i##shape simd_high_i##bits(v128 a)                          \
	{                                                                       \
		return (i##shape)_mm_unpackhi_epi##width((__m128i)a, (__m128i)a) >> width; \
	}                                                                       \
	SIMD_INLINE u##shape simd_low_u##bits(v128 a)                           \
	{                                                                       \
		return (u##shape)_mm_unpacklo_epi##width((__m128i)a, _mm_setzero_si128()); \
	}                                                                       \
	SIMD_INLINE u##shape simd_high_u##bits(v128 a)                          \
	{                                                                       \
		return (u##shape)_mm_unpackhi_epi##width((__m128i)a, _mm_setzero_si128()); \
	}
SIMD_UNPACK(16x8, 8x16, 8)
SIMD_UNPACK(32x4, 16x8, 16)
SIMD_INLINE i64x2 simd_low_i32x4(v128 a)
{
	return (i64x2)_mm_unpacklo_epi32((__m128i)a, (__m128i)((i32x4)a < 0));
}
SIMD_INLINE i64x2 simd_high_i32x4(v128 a)
{
	return (i64x2)_mm_unpackhi_epi32((__m128i)a, (__m128i)((i32x4)a < 0));
}
SIMD_INLINE u64x2 simd_low_u32x4(v128 a)
{
	return (u64x2)_mm_unpacklo_epi32((__m128i)a, _mm_setzero_si128());
}
SIMD_INLINE u64x2 simd_high_u32x4(v128 a)
{
	return (u64x2)_mm_unpackhi_epi32((__m128i)a, _mm_setzero_si128());
}
#elif defined(SIMD_NEON)
#define SIMD_MOVL(shape, wide, sfx, neon)                                       \
	SIMD_INLINE wide simd_low_##shape(v128 a)                               \
	{                                                                       \
		return (wide)vmovl_##sfx(vget_low_##sfx((neon)a));              \
	}                                                                       \
	SIMD_INLINE wide simd_high_##shape(v128 a)                              \
	{                                                                       \
		return (wide)vmovl_high_##sfx((neon)a);                         \
	}
SIMD_MOVL(i8x16, i16x8, s8, int8x16_t)
SIMD_MOVL(u8x16, u16x8, u8, uint8x16_t)
SIMD_MOVL(i16x8, i32x4, s16, int16x8_t)
SIMD_MOVL(u16x8, u32x4, u16, uint16x8_t)
SIMD_MOVL(i32x4, i64x2, s32, int32x4_t)
SIMD_MOVL(u32x4, u64x2, u32, uint32x4_t)
#else
SIMD_HALVES(i8x16, i8x8, i16x8)
SIMD_HALVES(u8x16, u8x8, u16x8)
SIMD_HALVES(i16x8, i16x4, i32x4)
SIMD_HALVES(u16x8, u16x4, u32x4)
SIMD_HALVES(i32x4, i32x2, i64x2)
SIMD_HALVES(u32x4, u32x2, u64x2)
#endif

/* The even lanes, sign-extended in place. */
SIMD_INLINE i16x8 simd_low_i8(i16x8 a)
{
	return (i16x8)((u16x8)a << 8) >> 8;
}
SIMD_INLINE i32x4 simd_low_i16(i32x4 a)
{
	return (i32x4)((u32x4)a << 16) >> 16;
}

/* ---- integers ---- */

/* (x ^ m) - m negates where m is all ones. */
#define SIMD_ABS(shape, ushape) \
	SIMD_INLINE ushape simd_abs_##shape(v128 a) \
	{ \
		ushape m = (ushape)((shape)a < 0); \
		return ((ushape)a ^ m) - m; \
	}
SIMD_ABS(i8x16, u8x16)
SIMD_ABS(i16x8, u16x8)
SIMD_ABS(i32x4, u32x4)
SIMD_ABS(i64x2, u64x2)

/* Set bits of each byte: by pairs, fours, eights; or by a table. */
SIMD_INLINE u8x16 simd_popcnt(v128 a)
{
#ifdef SIMD_SSSE3
	const __m128i bits = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m128i low = _mm_set1_epi8(15);
	__m128i hi = _mm_and_si128(_mm_srli_epi16((__m128i)a, 4), low);

	return (u8x16)_mm_add_epi8(_mm_shuffle_epi8(bits, _mm_and_si128((__m128i)a, low)),
				   _mm_shuffle_epi8(bits, hi));
#else
	v128 m1 = (v128)SPLAT(u8x16, 0x55), m2 = (v128)SPLAT(u8x16, 0x33);
	v128 m4 = (v128)SPLAT(u8x16, 0x0f);
	u8x16 x = (u8x16)a - (u8x16)(a >> 1 & m1);

	x = (u8x16)((v128)x & m2) + (u8x16)((v128)x >> 2 & m2);
	return (u8x16)((v128)(x + (u8x16)((v128)x >> 4)) & m4);
#endif
}

/* Shifts take the count modulo the width.  Bytes are shifted as halves, and
 * what crossed over is masked; a signed shift is a logical one whose sign bit,
 * wherever it went, is spread by (x ^ m) - m. */
#ifdef SIMD_SSE2
#define SIMD_SHL(bits, a, n) _mm_sll_epi##bits((__m128i)(a), _mm_cvtsi32_si128((int)(n)))
#define SIMD_SHR(bits, a, n) _mm_srl_epi##bits((__m128i)(a), _mm_cvtsi32_si128((int)(n)))
#define SIMD_SAR(bits, a, n) _mm_sra_epi##bits((__m128i)(a), _mm_cvtsi32_si128((int)(n)))
#else
#define SIMD_SHL(bits, a, n) ((SIMD_U(bits))(a) << SPLAT(SIMD_U(bits), n))
#define SIMD_SHR(bits, a, n) ((SIMD_U(bits))(a) >> SPLAT(SIMD_U(bits), n))
#define SIMD_SAR(bits, a, n) ((SIMD_I(bits))(a) >> SPLAT(SIMD_I(bits), n))
#define SIMD_U(bits) SIMD_U_##bits
#define SIMD_I(bits) SIMD_I_##bits
#define SIMD_U_16 u16x8
#define SIMD_U_32 u32x4
#define SIMD_U_64 u64x2
#define SIMD_I_16 i16x8
#define SIMD_I_32 i32x4
#endif
SIMD_INLINE v128 simd_shl_i8x16(v128 a, uint64_t b)
{
	unsigned n = b & 7;

	return (v128)SIMD_SHL(16, a, n) & (v128)SPLAT(u8x16, 0xff << n);
}
SIMD_INLINE v128 simd_shr_u8x16(v128 a, uint64_t b)
{
	unsigned n = b & 7;

	return (v128)SIMD_SHR(16, a, n) & (v128)SPLAT(u8x16, 0xff >> n);
}
SIMD_INLINE v128 simd_shr_i8x16(v128 a, uint64_t b)
{
	u8x16 m = SPLAT(u8x16, 0x80 >> (b & 7));

	return (v128)(((u8x16)simd_shr_u8x16(a, b) ^ m) - m);
}
SIMD_INLINE v128 simd_shl_i16x8(v128 a, uint64_t b) { return (v128)SIMD_SHL(16, a, b & 15); }
SIMD_INLINE v128 simd_shr_i16x8(v128 a, uint64_t b) { return (v128)SIMD_SAR(16, a, b & 15); }
SIMD_INLINE v128 simd_shr_u16x8(v128 a, uint64_t b) { return (v128)SIMD_SHR(16, a, b & 15); }
SIMD_INLINE v128 simd_shl_i32x4(v128 a, uint64_t b) { return (v128)SIMD_SHL(32, a, b & 31); }
SIMD_INLINE v128 simd_shr_i32x4(v128 a, uint64_t b) { return (v128)SIMD_SAR(32, a, b & 31); }
SIMD_INLINE v128 simd_shr_u32x4(v128 a, uint64_t b) { return (v128)SIMD_SHR(32, a, b & 31); }
SIMD_INLINE v128 simd_shl_i64x2(v128 a, uint64_t b) { return (v128)SIMD_SHL(64, a, b & 63); }
SIMD_INLINE v128 simd_shr_u64x2(v128 a, uint64_t b) { return (v128)SIMD_SHR(64, a, b & 63); }
SIMD_INLINE v128 simd_shr_i64x2(v128 a, uint64_t b)
{
	u64x2 m = SPLAT(u64x2, 1ull << 63 >> (b & 63));

	return (v128)((simd_shr_u64x2(a, b) ^ m) - m);
}

/* What SSE2 has for bytes and halves under one name each. */
#define SIMD_VIA(name, insn) \
	SIMD_INLINE v128 simd_##name(v128 a, v128 b) \
	{ \
		return (v128)_mm_##insn((__m128i)a, (__m128i)b); \
	}
#define SIMD_MIN(shape) \
	SIMD_INLINE v128 simd_min_##shape(v128 a, v128 b) \
	{ \
		return simd_select((v128)((shape)a < (shape)b), a, b); \
	}
#define SIMD_MAX(shape) \
	SIMD_INLINE v128 simd_max_##shape(v128 a, v128 b) \
	{ \
		return simd_select((v128)((shape)a > (shape)b), a, b); \
	}
#ifdef SIMD_SSE2
SIMD_VIA(add_sat_i8x16, adds_epi8)
SIMD_VIA(add_sat_u8x16, adds_epu8)
SIMD_VIA(add_sat_i16x8, adds_epi16)
SIMD_VIA(add_sat_u16x8, adds_epu16)
SIMD_VIA(sub_sat_i8x16, subs_epi8)
SIMD_VIA(sub_sat_u8x16, subs_epu8)
SIMD_VIA(sub_sat_i16x8, subs_epi16)
SIMD_VIA(sub_sat_u16x8, subs_epu16)
SIMD_VIA(avgr_u8x16, avg_epu8)
SIMD_VIA(avgr_u16x8, avg_epu16)
SIMD_VIA(narrow_i8x16, packs_epi16)
SIMD_VIA(narrow_u8x16, packus_epi16)
SIMD_VIA(narrow_i16x8, packs_epi32)
SIMD_VIA(min_u8x16, min_epu8)
SIMD_VIA(max_u8x16, max_epu8)
SIMD_VIA(min_i16x8, min_epi16)
SIMD_VIA(max_i16x8, max_epi16)
SIMD_VIA(dot, madd_epi16)
#else
/* Overflow has the sign bit of both operands and not that of the sum; then
 * the bound is the one on a's side. */
#define SIMD_SATURATING(shape, ushape, top)                                     \
	SIMD_INLINE v128 simd_add_sat_##ushape(v128 a, v128 b)                  \
	{                                                                       \
		ushape s = (ushape)a + (ushape)b;                               \
		return (v128)(s | (ushape)(s < (ushape)a));                     \
	}                                                                       \
	SIMD_INLINE v128 simd_sub_sat_##ushape(v128 a, v128 b)                  \
	{                                                                       \
		ushape d = (ushape)a - (ushape)b;                               \
		return (v128)(d & (ushape)((ushape)a >= (ushape)b));            \
	}                                                                       \
	SIMD_INLINE v128 simd_add_sat_##shape(v128 a, v128 b)                   \
	{                                                                       \
		v128 s = (v128)((ushape)a + (ushape)b);                         \
		v128 over = (v128)((shape)((a ^ s) & (b ^ s)) < 0);             \
		ushape bound = ((ushape)a >> top) + (SIMD_LANE(shape))(~0ull >> 1 >> (63 - top)); \
		return simd_select(over, (v128)bound, s);                       \
	}                                                                       \
	SIMD_INLINE v128 simd_sub_sat_##shape(v128 a, v128 b)                   \
	{                                                                       \
		v128 d = (v128)((ushape)a - (ushape)b);                         \
		v128 over = (v128)((shape)((a ^ b) & (a ^ d)) < 0);             \
		ushape bound = ((ushape)a >> top) + (SIMD_LANE(shape))(~0ull >> 1 >> (63 - top)); \
		return simd_select(over, (v128)bound, d);                       \
	}                                                                       \
	SIMD_INLINE v128 simd_avgr_##ushape(v128 a, v128 b)                     \
	{                                                                       \
		return (v128)((ushape)(a | b) - ((ushape)(a ^ b) >> 1));        \
	}
SIMD_SATURATING(i8x16, u8x16, 7)
SIMD_SATURATING(i16x8, u16x8, 15)
#undef SIMD_SATURATING
SIMD_MIN(u8x16)
SIMD_MAX(u8x16)
SIMD_MIN(i16x8)
SIMD_MAX(i16x8)
#ifdef SIMD_NEON
#define SIMD_NARROW(name, insn, neon)                                           \
	SIMD_INLINE v128 simd_narrow_##name(v128 a, v128 b)                     \
	{                                                                       \
		return (v128){ (uint64_t)insn((neon)a), (uint64_t)insn((neon)b) }; \
	}
SIMD_NARROW(i8x16, vqmovn_s16, int16x8_t)
SIMD_NARROW(u8x16, vqmovun_s16, int16x8_t)
SIMD_NARROW(i16x8, vqmovn_s32, int32x4_t)
SIMD_NARROW(u16x8, vqmovun_s32, int32x4_t)
#else
#define SIMD_NARROW(name, half, from, min, max)                                 \
	SIMD_INLINE v128 simd_narrow_##name(v128 a, v128 b)                     \
	{                                                                       \
		from x = (from)a, y = (from)b;                                  \
		from lo = SPLAT(from, min), hi = SPLAT(from, max);              \
                                                                                \
		x = SIMD_SELECT(from, x < lo, lo, SIMD_SELECT(from, x > hi, hi, x)); \
		y = SIMD_SELECT(from, y < lo, lo, SIMD_SELECT(from, y > hi, hi, y)); \
		return (v128){ (uint64_t)WIDEN(x, half), (uint64_t)WIDEN(y, half) }; \
	}
SIMD_NARROW(i8x16, i8x8, i16x8, -128, 127)
SIMD_NARROW(u8x16, u8x8, i16x8, 0, 255)
SIMD_NARROW(i16x8, i16x4, i32x4, -32768, 32767)
SIMD_NARROW(u16x8, u16x4, i32x4, 0, 65535)
#endif
/* Products of even and of odd lanes; only -32768 four times over wraps. */
SIMD_INLINE v128 simd_dot(v128 a, v128 b)
{
	i32x4 even = simd_low_i16((i32x4)a) * simd_low_i16((i32x4)b);
	i32x4 odd = ((i32x4)a >> 16) * ((i32x4)b >> 16);

	return (v128)((u32x4)even + (u32x4)odd);
}
#endif

#ifdef SIMD_SSE41
SIMD_VIA(min_i8x16, min_epi8)
SIMD_VIA(max_i8x16, max_epi8)
SIMD_VIA(min_u16x8, min_epu16)
SIMD_VIA(max_u16x8, max_epu16)
SIMD_VIA(min_i32x4, min_epi32)
SIMD_VIA(max_i32x4, max_epi32)
SIMD_VIA(min_u32x4, min_epu32)
SIMD_VIA(max_u32x4, max_epu32)
SIMD_VIA(narrow_u16x8, packus_epi32)
#else
SIMD_MIN(i8x16)
SIMD_MAX(i8x16)
SIMD_MIN(u16x8)
SIMD_MAX(u16x8)
SIMD_MIN(i32x4)
SIMD_MAX(i32x4)
SIMD_MIN(u32x4)
SIMD_MAX(u32x4)
#ifdef SIMD_SSE2
/* packssdw on what was moved down by 2^15; without the negative ones nothing
 * wraps. */
SIMD_INLINE v128 simd_narrow_u16x8(v128 a, v128 b)
{
	i32x4 x = (i32x4)a & ((i32x4)a > 0), y = (i32x4)b & ((i32x4)b > 0);

	return (v128)((u16x8)_mm_packs_epi32((__m128i)(x - 0x8000), (__m128i)(y - 0x8000)) +
		      SPLAT(u16x8, 0x8000));
}
#endif
#endif

SIMD_INLINE v128 simd_mul_u32x4(v128 a, v128 b)
{
	return (v128)((u32x4)a * (u32x4)b);
}

/* 32 by 32 to 64 bits.  A signed product is the unsigned one less, in its high
 * half, each operand whose partner is negative. */
#ifdef SIMD_SSE2
SIMD_INLINE v128 simd__mul_even_u(__m128i a, __m128i b) { return (v128)_mm_mul_epu32(a, b); }
SIMD_INLINE v128 simd__mul_even_i(__m128i a, __m128i b)
{
#ifdef SIMD_SSE41
	return (v128)_mm_mul_epi32(a, b);
#else
	u32x4 x = (u32x4)a & (u32x4)((i32x4)b < 0), y = (u32x4)b & (u32x4)((i32x4)a < 0);

	return (v128)_mm_mul_epu32(a, b) - ((v128)(x + y) << 32);
#endif
}
#define SIMD_EXTMUL(shape, s)                                                   \
	SIMD_INLINE v128 simd_extmul_low_##shape(v128 a, v128 b)                \
	{                                                                       \
		return simd__mul_even_##s(_mm_shuffle_epi32((__m128i)a, 0x50),  \
					  _mm_shuffle_epi32((__m128i)b, 0x50)); \
	}                                                                       \
	SIMD_INLINE v128 simd_extmul_high_##shape(v128 a, v128 b)               \
	{                                                                       \
		return simd__mul_even_##s(_mm_shuffle_epi32((__m128i)a, 0xfa),  \
					  _mm_shuffle_epi32((__m128i)b, 0xfa)); \
	}
#else
#define SIMD_EXTMUL(shape, s)                                                   \
	SIMD_INLINE v128 simd_extmul_low_##shape(v128 a, v128 b)                \
	{                                                                       \
		return (v128)(simd_low_##shape(a) * simd_low_##shape(b));       \
	}                                                                       \
	SIMD_INLINE v128 simd_extmul_high_##shape(v128 a, v128 b)               \
	{                                                                       \
		return (v128)(simd_high_##shape(a) * simd_high_##shape(b));     \
	}
#endif
SIMD_EXTMUL(i32x4, i)
SIMD_EXTMUL(u32x4, u)

/* (a * b + 2^14) >> 15; only -1 times -1 does not fit. */
SIMD_INLINE v128 simd__q15mulr(v128 a, v128 b)
{
#if defined(SIMD_SSSE3)
	return (v128)_mm_mulhrs_epi16((__m128i)a, (__m128i)b);
#elif defined(SIMD_SSE2)
	/* hi * 2 and the top two bits of lo, of which the lower rounds. */
	u16x8 hi = (u16x8)_mm_mulhi_epi16((__m128i)a, (__m128i)b);
	u16x8 lo = (u16x8)a * (u16x8)b;

	return (v128)((hi << 1) + (((lo >> 14) + 1) >> 1));
#else
	i32x4 lo = (simd_low_i16x8(a) * simd_low_i16x8(b) + 0x4000) >> 15;
	i32x4 hi = (simd_high_i16x8(a) * simd_high_i16x8(b) + 0x4000) >> 15;

	return (v128){ (uint64_t)WIDEN(lo, i16x4), (uint64_t)WIDEN(hi, i16x4) };
#endif
}
SIMD_INLINE v128 simd_q15mulr_sat(v128 a, v128 b)
{
#ifdef SIMD_NEON
	return (v128)vqrdmulhq_s16((int16x8_t)a, (int16x8_t)b);
#else
	i16x8 r = (i16x8)simd__q15mulr(a, b);

	return (v128)(r ^ (r == INT16_MIN));
#endif
}

#endif
