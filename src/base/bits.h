/* SPDX-License-Identifier: Apache-2.0 */
/* Bit fields, alignment, little-endian access to unaligned memory. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ull << (n))
#define LIKELY(c) __builtin_expect(!!(c), 1)
#define UNLIKELY(c) __builtin_expect(!!(c), 0)
#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define container_of(p, type, field) ((type *)((char *)(p) - offsetof(type, field)))

/* Bits hi..lo of v, right-aligned. */
static inline uint64_t bits(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & (~0ull >> (63 - (hi - lo)));
}

/* Sign-extend the low n bits of v (1 <= n <= 64). */
static inline int64_t sext(uint64_t v, unsigned n)
{
	return (int64_t)(v << (64 - n)) >> (64 - n);
}

static inline bool is_pow2(uint64_t v) { return v && !(v & (v - 1)); }
static inline uint64_t align_down(uint64_t v, uint64_t a) { return v & ~(a - 1); }
static inline uint64_t align_up(uint64_t v, uint64_t a) { return (v + a - 1) & ~(a - 1); }

#define BITS_LE(n)                                                          \
	static inline uint##n##_t ld_le##n(const void *p)                   \
	{                                                                   \
		uint##n##_t v;                                              \
		memcpy(&v, p, sizeof(v));                                   \
		return le##n(v);                                            \
	}                                                                   \
	static inline void st_le##n(void *p, uint##n##_t v)                 \
	{                                                                   \
		v = le##n(v);                                               \
		memcpy(p, &v, sizeof(v));                                   \
	}                                                                   \
	static inline uint##n##_t ld_be##n(const void *p)                   \
	{                                                                   \
		uint##n##_t v;                                              \
		memcpy(&v, p, sizeof(v));                                   \
		return be##n(v);                                            \
	}                                                                   \
	static inline void st_be##n(void *p, uint##n##_t v)                 \
	{                                                                   \
		v = be##n(v);                                               \
		memcpy(p, &v, sizeof(v));                                   \
	}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define le16(v) (v)
#define le32(v) (v)
#define le64(v) (v)
#define be16(v) __builtin_bswap16(v)
#define be32(v) __builtin_bswap32(v)
#define be64(v) __builtin_bswap64(v)
#else
#error "big-endian hosts are not supported"
#endif
BITS_LE(16)
BITS_LE(32)
BITS_LE(64)

#endif
