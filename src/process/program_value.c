/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people write them on a command line. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "process/program.h"

/* Signed or unsigned, decimal or with 0x. */
static bool parse_int(const char *text, unsigned bits, uint64_t *out)
{
	bool negative = *text == '-';
	const char *digits = text + (negative || *text == '+');
	uint64_t max = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(digits, &end, 0);
	if (!isdigit((unsigned char)*digits) || *end || errno || v > max ||
	    (negative && v > 1ull << (bits - 1)))
		return false;
	*out = negative ? 0 - v : v;
	return true;
}

static bool parse_v128(const char *text, uint8_t *bytes)
{
	/* 0x and 32 digits, the highest lane first, as a number is written. */
	if (strlen(text) != 34 || text[0] != '0' || text[1] != 'x')
		return false;
	for (unsigned i = 0; i < 16; i++) {
		char pair[3] = { text[32 - 2 * i], text[33 - 2 * i], 0 };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			return false;
		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

static bool parse(struct wasm_type t, const char *text, union wasm_val *v)
{
	uint64_t bits;
	char *end;
	float f;
	double d;

	switch (wasm_type_kind(t)) {
	case WASM_I32:
		if (!parse_int(text, 32, &bits))
			return false;
		v->i32 = (int32_t)bits;
		return true;
	case WASM_I64:
		if (!parse_int(text, 64, &bits))
			return false;
		v->i64 = (int64_t)bits;
		return true;
	case WASM_F32:
		errno = 0;
		f = strtof(text, &end);
		memcpy(&v->f32, &f, 4);
		return end != text && !*end && !(errno && isinf(f));
	case WASM_F64:
		errno = 0;
		d = strtod(text, &end);
		memcpy(&v->f64, &d, 8);
		return end != text && !*end && !(errno && isinf(d));
	case WASM_V128:
		return parse_v128(text, v->v128);
	default:
		v->ref = NULL;
		return !strcmp(text, "null") && wasm_type_nullable(t);
	}
}

int program_parse_value(const struct wasm_type_store *ts, struct wasm_type t, const char *text,
			union wasm_val *v, struct err *e)
{
	char name[64];

	memset(v, 0, sizeof(*v));
	if (parse(t, text, v))
		return 0;
	return err_set(e, EINVAL, "'%s' is no %s", text,
		       wasm_type_print(ts, t, name, sizeof(name)));
}

/* The shortest decimal that reads back as the same. */
static void print_float(double d, bool single, char *buf, unsigned n)
{
	for (int digits = single ? 6 : 15; digits <= 17; digits++) {
		snprintf(buf, n, "%.*g", digits, d);
		if (isnan(d) || (single ? strtof(buf, NULL) == (float)d : strtod(buf, NULL) == d))
			return;
	}
}

void program_print_value(struct wasm_store *s, struct wasm_type t, union wasm_val v, char *buf,
			 unsigned n)
{
	uint32_t i31;
	uint64_t hi, lo;
	float f;
	double d;

	switch (wasm_type_kind(t)) {
	case WASM_I32:
		snprintf(buf, n, "%" PRId32, v.i32);
		break;
	case WASM_I64:
		snprintf(buf, n, "%" PRId64, v.i64);
		break;
	case WASM_F32:
		memcpy(&f, &v.f32, 4);
		print_float((double)f, true, buf, n);
		break;
	case WASM_F64:
		memcpy(&d, &v.f64, 8);
		print_float(d, false, buf, n);
		break;
	case WASM_V128:
		lo = ld_le64(v.v128);
		hi = ld_le64(v.v128 + 8);
		snprintf(buf, n, "0x%016" PRIx64 "%016" PRIx64, hi, lo);
		break;
	default:
		if (!v.ref)
			snprintf(buf, n, "null");
		else if (wasm_ref_is_i31(s, v.ref, &i31))
			snprintf(buf, n, "i31 %" PRIu32, i31);
		else
			snprintf(buf, n, "a %s", wasm_ref_func(s, v.ref) ? "function" : "reference");
	}
}
