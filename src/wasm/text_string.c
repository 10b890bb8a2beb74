/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of the text format (6.3.3): UTF-8 and escapes. */
#include <string.h>

#include "base/bits.h"
#include "base/utf8.h"
#include "wasm/text_int.h"

bool text__check_utf8(struct text *t)
{
	const uint8_t *p = (const uint8_t *)t->s;

	for (uint32_t i = 0; i < t->end;) {
		unsigned len = base_utf8_len(p + i, t->end - i);

		if (!len)
			return text__fail_at(t, i, "malformed UTF-8 encoding");
		i += len;
	}
	return true;
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static int hex_value(uint8_t c)
{
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The hex number in \u{...}: digits with single underscores between. */
static const char *unicode_escape(struct text *t, uint32_t *pos, uint32_t *out)
{
	uint32_t p = *pos, v = 0;
	bool digit = false;

	if (p >= t->end || t->s[p++] != '{')
		return "illegal escape";
	for (;; p++) {
		int h = p < t->end ? hex_value(t->s[p]) : -1;

		if (h >= 0) {
			v = v > 0x10ffff ? v : v << 4 | (uint32_t)h;
			digit = true;
		} else if (p < t->end && t->s[p] == '_' && digit) {
			digit = false;
		} else {
			break;
		}
	}
	if (p >= t->end || t->s[p] != '}' || !digit)
		return "illegal escape";
	if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return "illegal escape: not a Unicode scalar value";
	*pos = p + 1;
	*out = v;
	return NULL;
}

/* One escape after the backslash at *pos; up to 4 bytes to out. */
static const char *escape(struct text *t, uint32_t *pos, uint8_t out[4], unsigned *n)
{
	static const char from[] = "tnr\"'\\", to[] = "\t\n\r\"'\\";
	char c = *pos < t->end ? t->s[*pos] : 0;
	const char *simple = c ? strchr(from, c) : NULL;
	uint32_t v;

	*n = 1;
	++*pos;
	if (simple) {
		out[0] = (uint8_t)to[simple - from];
		return NULL;
	}
	if (hex_value(c) >= 0 && *pos < t->end && hex_value(t->s[*pos]) >= 0) {
		out[0] = (uint8_t)(hex_value(c) << 4 | hex_value(t->s[*pos]));
		++*pos;
		return NULL;
	}
	if (c != 'u')
		return "illegal escape";
	const char *why = unicode_escape(t, pos, &v);

	if (why)
		return why;
	if (v < 0x80) {
		out[0] = (uint8_t)v;
	} else if (v < 0x800) {
		*n = 2;
		out[0] = (uint8_t)(0xc0 | v >> 6);
	} else if (v < 0x10000) {
		*n = 3;
		out[0] = (uint8_t)(0xe0 | v >> 12);
	} else {
		*n = 4;
		out[0] = (uint8_t)(0xf0 | v >> 18);
	}
	for (unsigned i = 1; i < *n; i++)
		out[i] = (uint8_t)(0x80 | (v >> 6 * (*n - 1 - i) & 0x3f));
	return NULL;
}

/* Pass over a string whose opening quote is at t->pos; NULL or what is wrong. */
const char *text__skip_string(struct text *t)
{
	uint8_t bytes[4];
	unsigned n;

	for (t->pos++; t->pos < t->end;) {
		uint8_t c = (uint8_t)t->s[t->pos];

		if (c == '\n' || c == '\r')
			return "unclosed string";
		if (c < 0x20 || c == 0x7f)
			return "illegal control character in string literal";
		t->pos++;
		if (c == '"')
			return NULL;
		if (c == '\\') {
			const char *why = escape(t, &t->pos, bytes, &n);

			if (why)
				return why;
		}
	}
	return "unclosed string";
}

void text__decode(struct text *t, struct text_token k, struct ser_writer *w)
{
	uint32_t pos = k.off + (k.kind == TEXT_ID ? 2 : 1), end = k.off + k.len - 1;

	w->len = 0;
	while (pos < end) {
		const char *slash = memchr(t->s + pos, '\\', end - pos);
		uint32_t run = slash ? (uint32_t)(slash - (t->s + pos)) : end - pos;
		uint8_t bytes[4];
		unsigned n;

		ser_bytes(w, t->s + pos, run);
		pos += run;
		if (slash) {
			pos++;
			escape(t, &pos, bytes, &n); /* was checked by the lexer */
			ser_bytes(w, bytes, n);
		}
	}
	if (w->failed)
		text__oom(t);
}
