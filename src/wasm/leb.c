/* SPDX-License-Identifier: Apache-2.0 */
/* The longer LEB128 integers; see leb.h. */
#include "wasm/leb.h"

/* Bits of the last byte that are beyond the width must be zero.  The check of
 * the value comes before the one of the continuation bit, as in the
 * specification's grammar. */
const char *wasm__leb_unsigned(const uint8_t **p, const uint8_t *end, unsigned width,
			       uint64_t *out)
{
	uint64_t v = 0;

	*out = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint8_t b;

		if (shift >= width)
			return "integer representation too long";
		if (*p >= end)
			return WASM_MSG_END;
		b = **p;
		if (width - shift < 7 && (b & 0x7f) >> (width - shift))
			return "integer too large";
		v |= (uint64_t)(b & 0x7f) << shift;
		++*p;
		if (b < 0x80)
			break;
	}
	*out = v;
	return NULL;
}

/* Likewise; the spare bits must equal the sign. */
const char *wasm__leb_signed(const uint8_t **p, const uint8_t *end, unsigned width,
			     int64_t *out)
{
	uint64_t v = 0;

	*out = 0;
	for (unsigned shift = 0;; shift += 7) {
		unsigned left = width - shift;
		uint8_t b;

		if (shift >= width)
			return "integer representation too long";
		if (*p >= end)
			return WASM_MSG_END;
		b = **p;
		if (left < 7) {
			uint8_t spare = 0x7f & ~((1u << (left - 1)) - 1);

			if ((b & spare) && (b & spare) != spare)
				return "integer too large";
		}
		v |= (uint64_t)(b & 0x7f) << shift;
		++*p;
		if (b < 0x80) {
			if (shift + 7 < 64)
				v = (uint64_t)sext(v, shift + 7);
			break;
		}
	}
	*out = (int64_t)v;
	return NULL;
}
