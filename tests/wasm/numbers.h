/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for tests of arithmetic: random ones, and those at which it breaks. */
#ifndef TESTS_WASM_NUMBERS_H
#define TESTS_WASM_NUMBERS_H

#include <math.h>
#include <stdint.h>

#include "wasm/float.h"

static uint64_t random_state = 0x9e3779b97f4a7c15;
static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1d;
}
/* Bits of an integer or, for 32 and 64, also of a float of that width. */
static uint64_t special(unsigned bits)
{
	static const double f[] = {
		0, 0.5, 1, 1.5, 2.5, 0.49999997, 127, 32767, 65535, 8388607.5, 8388608, 16777216,
		2147483647, 2147483648, 2147483649, 4294967295, 4294967296, 4294967040, 2147483520,
		9.2e18, 1e30, 3.5e38, 1e300, 0x1p-149, 0x1p-1074, 0x1p-126, 4503599627370495.5,
		4503599627370496, 9007199254740994, 0.1, 3, INFINITY,
	};
	static const uint64_t n[] = { 0x7fc00000, 0x7f800001, 0x7fa00000, 0x7fffffff };
	static const uint64_t d[] = { 0x7ff8000000000000, 0x7ff0000000000001, 0x7ffc000000000000 };
	static const uint64_t k[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, ~0ull, 0x5555555555555555,
	};
	uint64_t sign = random64() >> 63 << (bits == 32 ? 31 : 63), r = random64();
	unsigned i = (unsigned)(random64() >> 33);

	switch (r >> 60) {
	case 0 ... 5:
		if (bits == 32)
			return float_bits32((float)f[i % (sizeof(f) / 8)]) ^ sign;
		if (bits == 64)
			return float_bits64(f[i % (sizeof(f) / 8)]) ^ sign;
		return k[i % (sizeof(k) / 8)];
	case 6 ... 7:
		return bits == 32 ? n[i % 4] ^ sign : bits == 64 ? d[i % 3] ^ sign : k[i % (sizeof(k) / 8)];
	case 8 ... 10:
		return k[i % (sizeof(k) / 8)];
	case 11 ... 12: /* numbers of a usual size */
		if (bits == 32)
			return float_bits32((float)((int32_t)r / 65536.0));
		if (bits == 64)
			return float_bits64((double)(int64_t)r / 0x1p40);
		return r & 15;
	default:
		return r;
	}
}

#endif
