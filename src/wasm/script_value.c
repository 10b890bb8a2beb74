/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments and expected results of scripts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "wasm/rt.h"
#include "wasm/script_int.h"

/* "(ref.extern N)", "(ref.host N)": the host's value N, as the parameter's
 * hierarchy has it. */
static struct wasm_ref *host_ref(struct script *s, struct wasm_type want)
{
	struct wasm_ref *r = wasm_ref_host(s->store, text__u32(&s->t)), *any;
	const struct wasm_type anyref = wasm_type_ref(WASM_HEAP_ANY, true);

	if (!r || !wasm_type_is_ref(want) ||
	    wasm_heap_top(s->types, wasm_type_heap(want)) != WASM_HEAP_ANY)
		return r;
	return wasm__ref_new(s->store, r->word, anyref, &any) ? any : NULL;
}

bool script__argument(struct script *s, struct wasm_type want, union wasm_val *v)
{
	enum wasm_kind kind = WASM_BOT;
	unsigned word;

	memset(v, 0, sizeof(*v));
	if (!text__expect(&s->t, TEXT_LPAR))
		return false;
	word = s->t.tok.kind == TEXT_WORD ? s->t.tok.word : (unsigned)TEXT_UNKNOWN;
	if (word == TEXT_UNKNOWN)
		return text__unexpected(&s->t);
	text__next(&s->t);
	switch (word) {
	case WASM_ROW_I32_CONST:
		kind = WASM_I32;
		v->i32 = (int32_t)text__int(&s->t, 32);
		break;
	case WASM_ROW_I64_CONST:
		kind = WASM_I64;
		v->i64 = (int64_t)text__int(&s->t, 64);
		break;
	case WASM_ROW_F32_CONST:
		kind = WASM_F32;
		v->f32 = text__f32(&s->t);
		break;
	case WASM_ROW_F64_CONST:
		kind = WASM_F64;
		v->f64 = text__f64(&s->t);
		break;
	case WASM_ROW_V128_CONST:
		kind = WASM_V128;
		text__v128(&s->t, v->v128);
		break;
	case WASM_ROW_REF_NULL:
		kind = WASM_REF;
		text__next(&s->t);
		break;
	case TEXT_REF_EXTERN_:
	case TEXT_REF_HOST_:
		kind = WASM_REF;
		v->ref = host_ref(s, want);
		break;
	default:
		return text__fail(&s->t, "not a constant");
	}
	if (!s->t.failed && kind != wasm_type_kind(want))
		return text__fail(&s->t, "the argument has the wrong type");
	return text__expect(&s->t, TEXT_RPAR);
}

/* ---- results ---- */

enum nan { NAN_NONE, NAN_CANONICAL, NAN_ARITHMETIC };

static enum nan take_nan(struct text *t)
{
	if (text__take_word(t, TEXT_NAN_CANONICAL_))
		return NAN_CANONICAL;
	return text__take_word(t, TEXT_NAN_ARITHMETIC_) ? NAN_ARITHMETIC : NAN_NONE;
}

/* Canonical: the payload's top bit and no other; arithmetic: that bit at least. */
static bool is_nan(enum nan nan, uint64_t v, unsigned bits)
{
	unsigned frac = bits == 32 ? 23 : 52;
	uint64_t quiet = (bits == 32 ? 0x1ffull : 0xfffull) << (frac - 1);

	v &= ~(1ull << (bits - 1));
	quiet &= ~(1ull << (bits - 1));
	return nan == NAN_CANONICAL ? v == quiet : (v & quiet) == quiet;
}

static bool match_float(struct text *t, unsigned bits, uint64_t v)
{
	enum nan nan = take_nan(t);

	if (nan)
		return is_nan(nan, v, bits);
	return v == (bits == 32 ? text__f32(t) : text__f64(t));
}

static bool match_v128(struct script *s, const uint8_t v[16])
{
	static const struct { uint16_t word; uint8_t lanes; bool is_float; } shapes[] = {
		{ TEXT_I8X16_, 16, false }, { TEXT_I16X8_, 8, false }, { TEXT_I32X4_, 4, false },
		{ TEXT_I64X2_, 2, false }, { TEXT_F32X4_, 4, true }, { TEXT_F64X2_, 2, true },
	};
	bool ok = true;

	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		unsigned size = 16 / shapes[i].lanes;

		if (!text__take_word(&s->t, shapes[i].word))
			continue;
		for (unsigned l = 0; l < shapes[i].lanes; l++) {
			uint64_t x = 0;

			memcpy(&x, v + l * size, size);
			if (shapes[i].is_float)
				ok &= match_float(&s->t, size * 8, x);
			else
				ok &= text__int(&s->t, size * 8) == x;
		}
		return ok;
	}
	return text__unexpected(&s->t);
}

static bool is_below(struct script *s, struct wasm_ref *r, uint32_t heap)
{
	return r && wasm_heap_sub(s->types, wasm_ref_heap(s->store, r), heap);
}

/* "(ref.i31)" and so on: a reference that is no null, of that kind. */
static bool match_ref(struct script *s, unsigned word, struct wasm_type type,
		      const union wasm_val *v)
{
	uint32_t top = wasm_heap_top(s->types, wasm_type_heap(type));
	uint32_t i31, want;
	uint64_t number;

	switch (word) {
	case WASM_ROW_REF_NULL:
		if (s->t.tok.kind != TEXT_RPAR)
			text__next(&s->t); /* which null it is does not show */
		return !v->ref;
	case WASM_ROW_REF_FUNC:
		if (s->t.tok.kind != TEXT_RPAR)
			text__next(&s->t);
		return v->ref && top == WASM_HEAP_FUNC;
	case TEXT_REF_EXTERN_:
	case TEXT_REF_HOST_:
		if (word == TEXT_REF_EXTERN_ && s->t.tok.kind == TEXT_RPAR)
			return v->ref && top == WASM_HEAP_EXTERN;
		want = text__u32(&s->t);
		return wasm_ref_host_number(s->store, v->ref, &number) && number == want;
	case WASM_ROW_REF_I31:
		return v->ref && wasm_ref_is_i31(s->store, v->ref, &i31);
	case WASM_ROW_REF_EQ:
		return v->ref && (wasm_ref_is_i31(s->store, v->ref, &i31) ||
				  is_below(s, v->ref, WASM_HEAP_EQ));
	case TEXT_REF_STRUCT_:
		return is_below(s, v->ref, WASM_HEAP_STRUCT);
	case TEXT_REF_ARRAY_:
		return is_below(s, v->ref, WASM_HEAP_ARRAY);
	case TEXT_REF_ANY_:
		return v->ref && top == WASM_HEAP_ANY;
	default:
		return v->ref && top == WASM_HEAP_EXN;
	}
}

static bool match_word(struct script *s, unsigned word, struct wasm_type type,
		       const union wasm_val *v)
{
	enum wasm_kind kind = wasm_type_kind(type);

	switch (word) {
	case WASM_ROW_I32_CONST:
		return ((uint32_t)text__int(&s->t, 32) == (uint32_t)v->i32) & (kind == WASM_I32);
	case WASM_ROW_I64_CONST:
		return (text__int(&s->t, 64) == (uint64_t)v->i64) & (kind == WASM_I64);
	case WASM_ROW_F32_CONST:
		return match_float(&s->t, 32, v->f32) & (kind == WASM_F32);
	case WASM_ROW_F64_CONST:
		return match_float(&s->t, 64, v->f64) & (kind == WASM_F64);
	case WASM_ROW_V128_CONST:
		return match_v128(s, v->v128) & (kind == WASM_V128);
	case WASM_ROW_REF_NULL: case WASM_ROW_REF_FUNC: case WASM_ROW_REF_I31:
	case WASM_ROW_REF_EQ: case TEXT_REF_STRUCT_: case TEXT_REF_ARRAY_: case TEXT_REF_ANY_:
	case TEXT_REF_EXTERN_: case TEXT_REF_HOST_: case TEXT_REF_EXN_:
		if (kind == WASM_REF)
			return match_ref(s, word, type, v);
		while (s->t.tok.kind != TEXT_RPAR && s->t.tok.kind != TEXT_EOF)
			text__next(&s->t);
		return false;
	default:
		return text__unexpected(&s->t);
	}
}

bool script__match(struct script *s, struct wasm_type type, const union wasm_val *v)
{
	bool ok = false;
	unsigned word;

	if (text__take_list(&s->t, TEXT_EITHER_)) {
		while (s->t.tok.kind == TEXT_LPAR)
			ok |= script__match(s, type, v);
		return text__expect(&s->t, TEXT_RPAR) && ok;
	}
	if (!text__expect(&s->t, TEXT_LPAR))
		return false;
	word = s->t.tok.kind == TEXT_WORD ? s->t.tok.word : (unsigned)TEXT_UNKNOWN;
	if (word == TEXT_UNKNOWN)
		return text__unexpected(&s->t);
	text__next(&s->t);
	ok = match_word(s, word, type, v);
	return text__expect(&s->t, TEXT_RPAR) && ok;
}

static void print_ref(struct script *s, struct wasm_type type, struct wasm_ref *r, char *buf,
		      size_t n)
{
	char name[100];
	uint64_t number;
	uint32_t i31;

	if (!r)
		snprintf(buf, n, "(ref.null)");
	else if (wasm_ref_is_i31(s->store, r, &i31))
		snprintf(buf, n, "(ref.i31 %u)", i31);
	else if (wasm_ref_host_number(s->store, r, &number))
		snprintf(buf, n, "(ref.host %" PRIu64 ")", number);
	else
		snprintf(buf, n, "a %s", wasm_type_print(s->types, type, name, sizeof(name)));
}

void script__print(struct script *s, struct wasm_type type, const union wasm_val *v, char *buf,
		   size_t n)
{
	float f;
	double d;

	switch (wasm_type_kind(type)) {
	case WASM_I32:
		snprintf(buf, n, "(i32.const %" PRId32 ")", v->i32);
		break;
	case WASM_I64:
		snprintf(buf, n, "(i64.const %" PRId64 ")", v->i64);
		break;
	case WASM_F32:
		memcpy(&f, &v->f32, sizeof(f));
		snprintf(buf, n, "(f32.const %a) = 0x%08" PRIx32, (double)f, v->f32);
		break;
	case WASM_F64:
		memcpy(&d, &v->f64, sizeof(d));
		snprintf(buf, n, "(f64.const %a) = 0x%016" PRIx64, d, v->f64);
		break;
	case WASM_V128:
		snprintf(buf, n, "(v128.const i32x4 0x%08x 0x%08x 0x%08x 0x%08x)",
			 ld_le32(v->v128), ld_le32(v->v128 + 4), ld_le32(v->v128 + 8),
			 ld_le32(v->v128 + 12));
		break;
	default:
		print_ref(s, type, v->ref, buf, n);
	}
}
