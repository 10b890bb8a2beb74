/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8; see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>

unsigned base_utf8_len(const void *at, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = at;
	unsigned len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 :
		       p[0] >> 3 == 30 ? 4 : 0;
	uint32_t c = p[0] & (0xff >> (len + 1));

	if (len == 1)
		return 1;
	if (!len || len > n)
		return 0;
	for (unsigned i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

bool base_utf8(const void *at, size_t n)
{
	const uint8_t *p = at;

	for (size_t i = 0; i < n;) {
		unsigned len = base_utf8_len(p + i, n - i);

		if (!len)
			return false;
		i += len;
	}
	return true;
}
