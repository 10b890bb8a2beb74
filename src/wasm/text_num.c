/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of the text format (6.3.1, 6.3.2).  Floats are rounded once, to
 * nearest, ties to even, from the exact value that the text denotes, whatever
 * the program's locale is.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "wasm/text_int.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static unsigned hex_value(char c)
{
	return is_digit(c) ? (unsigned)(c - '0') : ((unsigned)(c | 0x20) - 'a' + 10);
}
static bool is_hex(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The lexer has checked the form: digits and underscores. */
static bool parse_nat(const char *p, const char *end, uint64_t *out)
{
	bool hex = end - p > 2 && p[0] == '0' && p[1] == 'x';
	unsigned base = hex ? 16 : 10;
	uint64_t v = 0;

	for (p += hex ? 2 : 0; p < end; p++) {
		if (*p == '_')
			continue;
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, hex_value(*p), &v))
			return false;
	}
	*out = v;
	return true;
}

bool text__is_nat(const struct text *t)
{
	return t->tok.kind == TEXT_INT && is_digit(t->s[t->tok.off]);
}

uint64_t text__nat(struct text *t, uint64_t max, const char *what)
{
	const char *p = t->s + t->tok.off;
	uint64_t v = 0;

	if (!text__is_nat(t)) {
		text__unexpected(t);
		return 0;
	}
	if (!parse_nat(p, p + t->tok.len, &v) || v > max) {
		text__fail(t, "%s constant out of range", what);
		return 0;
	}
	text__next(t);
	return v;
}

uint32_t text__u32(struct text *t)
{
	return (uint32_t)text__nat(t, UINT32_MAX, "i32");
}

uint64_t text__nat_after(struct text *t, unsigned skip)
{
	const char *p = t->s + t->tok.off;
	uint64_t v = 0;

	if (!parse_nat(p + skip, p + t->tok.len, &v)) {
		text__fail(t, "i64 constant out of range");
		return 0;
	}
	text__next(t);
	return v;
}

uint64_t text__int(struct text *t, unsigned bits)
{
	const char *p = t->s + t->tok.off, *end = p + t->tok.len;
	uint64_t v = 0, max = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
	bool minus = *p == '-';

	if (t->tok.kind != TEXT_INT) {
		text__unexpected(t);
		return 0;
	}
	if (!parse_nat(p + (minus || *p == '+'), end, &v) ||
	    v > (minus ? 1ull << (bits - 1) : max)) {
		text__fail(t, "i%u constant out of range", bits);
		return 0;
	}
	text__next(t);
	return (minus ? -v : v) & max;
}

/* The formats: bits of the significand (the hidden one included), exponents. */
struct format {
	unsigned bits;
	int min_exp, max_exp;   /* of a normal number 1.x * 2^e */
	const char *name;
};
static const struct format f32 = { 24, -126, 127, "f32" };
static const struct format f64 = { 53, -1022, 1023, "f64" };

/* An exponent, kept within what still matters after 2^28 digits. */
static int64_t parse_exponent(const char *p, const char *end)
{
	bool minus = p < end && *p == '-';
	int64_t v = 0;

	for (p += p < end && (*p == '-' || *p == '+'); p < end; p++)
		if (*p != '_' && v < 1ll << 40)
			v = v * 10 + (*p - '0');
	return minus ? -v : v;
}

/* m * 2^e (sticky: and a little more) to bits; false: too large. */
static bool round_binary(const struct format *f, uint64_t m, int64_t e, bool sticky, uint64_t *out)
{
	int64_t top, drop;
	uint64_t half, rest;

	if (!m) {
		*out = 0;
		return true;
	}
	top = 63 - __builtin_clzll(m) + e;      /* exponent of the leading bit */
	if (top > f->max_exp)
		return false;
	/* Weight of the last bit that is kept, and how many lie below. */
	drop = MAX(top, (int64_t)f->min_exp) - (int64_t)(f->bits - 1) - e;
	if (drop <= 0) {
		m <<= -drop;
	} else if (drop > 64) {
		m = 0;
	} else {
		half = 1ull << (drop - 1);
		rest = drop == 64 ? m : m & ((half << 1) - 1);
		m = drop == 64 ? 0 : m >> drop;
		if (rest > half || (rest == half && (sticky || (m & 1))))
			m++;
	}
	/* The hidden bit adds one to the exponent; a carry does it too. */
	*out = m + ((uint64_t)(MAX(top, (int64_t)f->min_exp) - f->min_exp) << (f->bits - 1));
	return *out >> (f->bits - 1) < (uint64_t)(2 * f->max_exp + 1);
}

static bool parse_hex_float(const struct format *f, const char *p, const char *end, uint64_t *out)
{
	uint64_t m = 0;
	int64_t e = 0;
	bool sticky = false, point = false;

	for (; p < end && *p != 'p' && *p != 'P'; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (!is_hex(*p))
			continue;
		if (m >> 60) { /* full: digits only count for the exponent */
			sticky |= *p != '0';
			e += point ? 0 : 4;
		} else {
			m = m << 4 | hex_value(*p);
			e -= point ? 4 : 0;
		}
	}
	if (p < end)
		e += parse_exponent(p + 1, end);
	return round_binary(f, m, e, sticky, out);
}

/*
 * Decimals become "DIGITSeEXPONENT" without a point, which no locale reads
 * differently; after 800 significant digits only whether any is not zero can
 * matter (the longest exact midpoint has 768).
 */
enum { DIGITS = 800 };
static bool parse_decimal_float(const struct format *f, const char *p, const char *end,
				uint64_t *out)
{
	char buf[DIGITS + 32];
	unsigned n = 0;
	int64_t e = 0;
	bool point = false, sticky = false;

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			point = true;
		} else if (is_digit(*p)) {
			e -= point;
			if (n < DIGITS) {
				if (n || *p != '0')
					buf[n++] = *p;
			} else {
				sticky |= *p != '0';
				e++;
			}
		}
	}
	*out = 0;
	if (!n)
		return true;
	if (p < end)
		e += parse_exponent(p + 1, end);
	if (sticky) {
		buf[n++] = '1';
		e--;
	}
	if (e > 100000 || e < -100000)
		e = e > 0 ? 100000 : -100000;
	snprintf(buf + n, sizeof(buf) - n, "e%d", (int)e);
	if (f->bits == 24) {
		float v = strtof(buf, NULL);
		uint32_t bits;

		memcpy(&bits, &v, 4);
		*out = bits;
		return !isinf(v);
	}
	double v = strtod(buf, NULL);

	memcpy(out, &v, 8);
	return !isinf(v);
}

static uint64_t parse_float(struct text *t, const struct format *f)
{
	const char *p = t->s + t->tok.off, *end = p + t->tok.len;
	uint64_t frac = f->bits - 1, sign, v = 0;
	uint64_t inf = (uint64_t)(2 * f->max_exp + 1) << frac;
	bool ok = true;

	if (t->tok.kind != TEXT_INT && t->tok.kind != TEXT_FLOAT) {
		text__unexpected(t);
		return 0;
	}
	sign = (uint64_t)(*p == '-') << (f->bits == 24 ? 31 : 63);
	p += *p == '-' || *p == '+';
	if (*p == 'i') {
		v = inf;
	} else if (*p == 'n' && end - p == 3) {
		v = inf | 1ull << (frac - 1);
	} else if (*p == 'n') {
		ok = parse_nat(p + 4, end, &v) && v && !(v >> frac);
		v |= inf;
	} else if (end - p > 2 && p[1] == 'x') {
		ok = parse_hex_float(f, p + 2, end, &v);
	} else {
		ok = parse_decimal_float(f, p, end, &v);
	}
	if (!ok) {
		text__fail(t, "%s constant out of range", f->name);
		return 0;
	}
	text__next(t);
	return v | sign;
}

uint32_t text__f32(struct text *t) { return (uint32_t)parse_float(t, &f32); }
uint64_t text__f64(struct text *t) { return parse_float(t, &f64); }
