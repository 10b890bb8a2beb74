/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LEB128 integers (core spec 5.2.2), exactly: no more bytes than the width
 * needs, no bits beyond it.  A reader moves *p past the integer and returns
 * NULL, or leaves *p at the byte that is wrong and returns what is wrong with
 * it, in the words of the specification's tests.  Never reads at or past end.
 */
#ifndef WASM_LEB_H
#define WASM_LEB_H

#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"

#define WASM_MSG_END "unexpected end of section or function"

const char *wasm__leb_unsigned(const uint8_t **p, const uint8_t *end, unsigned width,
			       uint64_t *out);
const char *wasm__leb_signed(const uint8_t **p, const uint8_t *end, unsigned width,
			     int64_t *out);

static inline const char *wasm_leb_u32(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
	uint64_t v = 0;
	const char *why;

	if (LIKELY(*p < end && **p < 0x80)) {
		*out = *(*p)++;
		return NULL;
	}
	why = wasm__leb_unsigned(p, end, 32, &v);
	*out = (uint32_t)v;
	return why;
}

static inline const char *wasm_leb_u64(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	if (LIKELY(*p < end && **p < 0x80)) {
		*out = *(*p)++;
		return NULL;
	}
	return wasm__leb_unsigned(p, end, 64, out);
}

/* Width 32, 33 or 64; sign-extended. */
static inline const char *wasm_leb_signed(const uint8_t **p, const uint8_t *end,
					  unsigned width, int64_t *out)
{
	if (LIKELY(*p < end && **p < 0x80)) {
		*out = sext(*(*p)++, 7);
		return NULL;
	}
	return wasm__leb_signed(p, end, width, out);
}

#endif
