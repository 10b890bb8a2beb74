/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8; see utf8.h. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

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

/* Of ASCII, or one of U+0080 to U+009F. */
static bool is_control(const uint8_t *p, unsigned len)
{
	return len == 1 ? p[0] < ' ' || p[0] == 0x7f : p[0] == 0xc2 && p[1] < 0xa0;
}

void base_utf8_clean(char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned len = base_utf8_len(s + i, n - i);

		if (!len || is_control((const uint8_t *)s + i, len))
			memset(s + i, '?', len += !len);
		i += len;
	}
}
