/* SPDX-License-Identifier: Apache-2.0 */
/* Immediates of instructions in the text format (6.5), by their kind. */
#include <string.h>

#include "base/bits.h"
#include "wasm/text_int.h"

void text__opcode(struct ser_writer *w, unsigned row)
{
	uint32_t code = wasm_ops[row].code;

	if (code >> 16) {
		ser_u8(w, (uint8_t)(code >> 16));
		text__u(w, code & 0xffff);
	} else {
		ser_u8(w, (uint8_t)code);
	}
}

/* Two indices follow, or one (none). */
static bool two_indices(struct text *t)
{
	uint32_t at = t->tok.off;
	bool two;

	if (!text__is_index(t))
		return false;
	text__next(t);
	two = text__is_index(t);
	if (!t->failed)
		text__seek(t, at);
	return two;
}

static void optional_index(struct text *t, enum text_space space, struct ser_writer *w)
{
	text__u(w, text__is_index(t) ? text__index(t, space) : 0);
}

/* None, or both. */
static void optional_pair(struct text *t, enum text_space space, struct ser_writer *w)
{
	bool there = text__is_index(t);

	text__u(w, there ? text__index(t, space) : 0);
	text__u(w, there ? text__index(t, space) : 0);
}

/* "place? segment" in the text, segment and place in the binary. */
static void segment_and_place(struct text *t, enum text_space segment, enum text_space place,
			      struct ser_writer *w)
{
	uint32_t p = two_indices(t) ? text__index(t, place) : 0;

	text__u(w, text__index(t, segment));
	text__u(w, p);
}

uint32_t text__label(struct text *t)
{
	struct text_token k = t->tok;
	uint32_t s, place;

	if (k.kind != TEXT_ID)
		return text__u32(t);
	s = text__symbol(t);
	place = s == UINT32_MAX ? 0 : t->symbols[s].label;
	if (!place) {
		text__fail_at(t, k.off, "unknown label %.*s", (int)MIN(k.len, 60u), t->s + k.off);
		return 0;
	}
	return t->nlabels - place;
}

static void labels(struct text *t, struct ser_writer *w)
{
	struct ser_writer v;
	uint32_t n = 0;

	ser_writer_init(&v);
	do {
		text__u(&v, text__label(t));
		n++;
	} while (text__is_index(t));
	text__u(w, n - 1);
	text__append(w, &v);
	ser_writer_fini(&v);
}

static uint32_t local(struct text *t)
{
	struct text_token k = t->tok;
	uint32_t s;

	if (k.kind != TEXT_ID)
		return text__u32(t);
	s = text__symbol(t);
	if (s == UINT32_MAX)
		return 0;
	if (!t->symbols[s].local || t->symbols[s].local_func != t->func_number)
		text__fail_at(t, k.off, "unknown local %.*s", (int)MIN(k.len, 60u), t->s + k.off);
	return t->symbols[s].local - 1;
}

static void memarg_rest(struct text *t, unsigned row, uint32_t mem, struct ser_writer *w)
{
	uint64_t offset = 0, align = 1ull << wasm_op_align(wasm_ops[row].code);
	unsigned flags;

	if (t->tok.kind == TEXT_WORD && t->tok.word == TEXT_OFFSET_EQ)
		offset = text__nat_after(t, 7);
	if (t->tok.kind == TEXT_WORD && t->tok.word == TEXT_ALIGN_EQ) {
		uint32_t at = t->tok.off;

		align = text__nat_after(t, 6);
		if (!is_pow2(align)) {
			text__fail_at(t, at, "alignment must be a power of two");
			return;
		}
	}
	flags = (unsigned)__builtin_ctzll(align);
	text__u(w, mem ? flags | 0x40 : flags);
	if (mem)
		text__u(w, mem);
	text__u(w, offset);
}

static void lane(struct text *t, struct ser_writer *w)
{
	ser_u8(w, (uint8_t)text__nat(t, 255, "i8"));
}

static bool is_memarg_word(const struct text *t)
{
	return t->tok.kind == TEXT_WORD &&
	       (t->tok.word == TEXT_OFFSET_EQ || t->tok.word == TEXT_ALIGN_EQ);
}

/* A number that stands alone is the lane; one before others the memory. */
static void memarg_lane(struct text *t, unsigned row, struct ser_writer *w)
{
	uint32_t at = t->tok.off, mem = 0;
	bool has_mem;

	if (text__is_index(t)) {
		text__next(t);
		has_mem = text__is_index(t) || is_memarg_word(t);
		if (!t->failed)
			text__seek(t, at);
		if (has_mem)
			mem = text__index(t, TEXT_SPACE_MEMORY);
	}
	memarg_rest(t, row, mem, w);
	lane(t, w);
}

static void lanes16(struct text *t, struct ser_writer *w)
{
	for (unsigned i = 0; i < 17; i++) {
		bool number = t->tok.kind == TEXT_INT || t->tok.kind == TEXT_FLOAT;

		if (number != (i < 16)) {
			text__fail(t, "invalid lane length");
			return;
		}
		if (number && !text__is_nat(t))
			text__fail(t, "i8 constant out of range");
		if (number)
			lane(t, w);
	}
}

static bool is_number(const struct text *t)
{
	return t->tok.kind == TEXT_INT || t->tok.kind == TEXT_FLOAT;
}

static unsigned count_numbers(struct text *t)
{
	uint32_t at = t->tok.off;
	unsigned n = 0;

	for (; is_number(t) && n <= 16; n++)
		text__next(t);
	/* What is no literal at all is told as such. */
	if (t->tok.kind == TEXT_RESERVED || (t->tok.kind == TEXT_WORD && t->tok.word == TEXT_UNKNOWN))
		text__unexpected(t);
	if (!t->failed)
		text__seek(t, at);
	return n;
}

void text__v128(struct text *t, uint8_t out[16])
{
	static const struct { uint16_t word; uint8_t lanes; bool is_float; } shapes[] = {
		{ TEXT_I8X16_, 16, false }, { TEXT_I16X8_, 8, false }, { TEXT_I32X4_, 4, false },
		{ TEXT_I64X2_, 2, false }, { TEXT_F32X4_, 4, true }, { TEXT_F64X2_, 2, true },
	};
	unsigned s = 0;

	while (s < ARRAY_LEN(shapes) &&
	       !(t->tok.kind == TEXT_WORD && t->tok.word == shapes[s].word))
		s++;
	if (s == ARRAY_LEN(shapes)) {
		text__unexpected(t);
		return;
	}
	text__next(t);
	if (count_numbers(t) != shapes[s].lanes) {
		text__fail(t, "wrong number of lane literals");
		return;
	}
	for (unsigned i = 0, size = 16 / shapes[s].lanes; i < shapes[s].lanes; i++) {
		uint64_t v = !shapes[s].is_float ? text__int(t, size * 8) :
			     size == 4 ? text__f32(t) : text__f64(t);

		v = le64(v);
		memcpy(out + i * size, &v, size);
	}
}

/* "(catch tag label)" and its kin (5.4.1). */
void text__catches(struct text *t, struct ser_writer *w)
{
	static const uint16_t words[] = { WASM_ROW_CATCH, TEXT_CATCH_REF_, WASM_ROW_CATCH_ALL,
					  TEXT_CATCH_ALL_REF_ };
	struct ser_writer v;
	uint32_t n = 0;
	unsigned i;

	ser_writer_init(&v);
	for (;; n++) {
		for (i = 0; i < 4 && !text__take_list(t, words[i]); i++)
			;
		if (i == 4)
			break;
		ser_u8(&v, (uint8_t)i);
		if (i < 2)
			text__u(&v, text__index(t, TEXT_SPACE_TAG));
		text__u(&v, text__label(t));
		text__expect(t, TEXT_RPAR);
	}
	text__u(w, n);
	text__append(w, &v);
	ser_writer_fini(&v);
}

static void field(struct text *t, struct ser_writer *w)
{
	uint32_t key[2], at, *found;

	key[0] = text__index(t, TEXT_SPACE_TYPE);
	text__u(w, key[0]);
	if (t->tok.kind != TEXT_ID) {
		text__u(w, text__u32(t));
		return;
	}
	at = t->tok.off;
	key[1] = text__symbol(t);
	found = t->failed ? NULL : text__map_find(&t->field_map, key, sizeof(key));
	if (found)
		text__u(w, *found);
	else
		text__fail_at(t, at, "unknown field");
}

static void cast(struct text *t, struct ser_writer *w)
{
	struct ser_writer heaps;
	bool from, to;
	uint32_t label = text__label(t);

	ser_writer_init(&heaps);
	text__ref_type_parts(t, &from, &heaps);
	text__ref_type_parts(t, &to, &heaps);
	ser_u8(w, (uint8_t)(from | to << 1));
	text__u(w, label);
	text__append(w, &heaps);
	ser_writer_fini(&heaps);
}

/* ref.null has a heap type; ref.test and ref.cast a reference type, whose
 * nullability chooses the row. */
static void heap(struct text *t, unsigned *row, struct ser_writer *w)
{
	bool nullable;

	if (*row == WASM_ROW_REF_NULL) {
		text__heap_type(t, w);
		return;
	}
	text__ref_type_parts(t, &nullable, w);
	if (*row == WASM_ROW_REF_TEST && nullable)
		*row = WASM_ROW_REF_TEST_NULL;
	else if (*row == WASM_ROW_REF_CAST && nullable)
		*row = WASM_ROW_REF_CAST_NULL;
}

static void val_types(struct text *t, struct ser_writer *w)
{
	struct ser_writer v;
	uint32_t n = 0;

	ser_writer_init(&v);
	while (text__take_list(t, TEXT_RESULT_)) {
		for (; t->tok.kind != TEXT_RPAR && !t->failed; n++)
			text__val_type(t, &v);
		text__expect(t, TEXT_RPAR);
	}
	text__u(w, n);
	text__append(w, &v);
	ser_writer_fini(&v);
}

static void number(struct text *t, unsigned imm, struct ser_writer *w)
{
	uint8_t v[16] = { 0 };

	switch (imm) {
	case WASM_IMM_I32:
		text__s(w, (int32_t)text__int(t, 32));
		break;
	case WASM_IMM_I64:
		text__s(w, (int64_t)text__int(t, 64));
		break;
	case WASM_IMM_F32:
		ser_u32(w, text__f32(t));
		break;
	case WASM_IMM_F64:
		ser_u64(w, text__f64(t));
		break;
	default:
		text__v128(t, v);
		ser_bytes(w, v, 16);
	}
}

/* Several indices. */
static void composed(struct text *t, unsigned row, struct ser_writer *w)
{
	uint32_t table;

	switch (wasm_ops[row].imm) {
	case WASM_IMM_TYPE_TABLE:
		table = text__is_index(t) ? text__index(t, TEXT_SPACE_TABLE) : 0;
		text__u(w, text__call_type_use(t));
		text__u(w, table);
		break;
	case WASM_IMM_ELEM_TABLE:
		segment_and_place(t, TEXT_SPACE_ELEM, TEXT_SPACE_TABLE, w);
		break;
	case WASM_IMM_DATA_MEM:
		segment_and_place(t, TEXT_SPACE_DATA, TEXT_SPACE_MEMORY, w);
		t->needs_datacount = true;
		break;
	case WASM_IMM_FIELD:
		field(t, w);
		break;
	case WASM_IMM_TYPE_N:
		text__u(w, text__index(t, TEXT_SPACE_TYPE));
		text__u(w, text__u32(t));
		break;
	case WASM_IMM_TYPE_DATA:
		text__u(w, text__index(t, TEXT_SPACE_TYPE));
		text__u(w, text__index(t, TEXT_SPACE_DATA));
		t->needs_datacount = true;
		break;
	case WASM_IMM_TYPE_ELEM:
		text__u(w, text__index(t, TEXT_SPACE_TYPE));
		text__u(w, text__index(t, TEXT_SPACE_ELEM));
		break;
	case WASM_IMM_TYPE2:
		text__u(w, text__index(t, TEXT_SPACE_TYPE));
		text__u(w, text__index(t, TEXT_SPACE_TYPE));
		break;
	default:
		text__unexpected(t);
	}
}

void text__immediates(struct text *t, unsigned *row, struct ser_writer *w)
{
	switch (wasm_ops[*row].imm) {
	case WASM_IMM_NONE:
		if (*row == WASM_ROW_SELECT && text__at_list(t, TEXT_RESULT_)) {
			*row = WASM_ROW_SELECT_T;
			val_types(t, w);
		}
		break;
	case WASM_IMM_ZERO: ser_u8(w, 0); break;
	case WASM_IMM_LABEL: text__u(w, text__label(t)); break;
	case WASM_IMM_LABELS: labels(t, w); break;
	case WASM_IMM_FUNC: text__u(w, text__index(t, TEXT_SPACE_FUNC)); break;
	case WASM_IMM_TYPE: text__u(w, text__index(t, TEXT_SPACE_TYPE)); break;
	case WASM_IMM_TAG: text__u(w, text__index(t, TEXT_SPACE_TAG)); break;
	case WASM_IMM_VALTYPES: val_types(t, w); break;
	case WASM_IMM_LOCAL: text__u(w, local(t)); break;
	case WASM_IMM_GLOBAL: text__u(w, text__index(t, TEXT_SPACE_GLOBAL)); break;
	case WASM_IMM_TABLE: optional_index(t, TEXT_SPACE_TABLE, w); break;
	case WASM_IMM_TABLE2: optional_pair(t, TEXT_SPACE_TABLE, w); break;
	case WASM_IMM_ELEM: text__u(w, text__index(t, TEXT_SPACE_ELEM)); break;
	case WASM_IMM_MEM: optional_index(t, TEXT_SPACE_MEMORY, w); break;
	case WASM_IMM_MEM2: optional_pair(t, TEXT_SPACE_MEMORY, w); break;
	case WASM_IMM_DATA:
		text__u(w, text__index(t, TEXT_SPACE_DATA));
		t->needs_datacount = true;
		break;
	case WASM_IMM_MEMARG:
		memarg_rest(t, *row, text__is_index(t) ? text__index(t, TEXT_SPACE_MEMORY) : 0, w);
		break;
	case WASM_IMM_MEMARG_LANE: memarg_lane(t, *row, w); break;
	case WASM_IMM_LANE: lane(t, w); break;
	case WASM_IMM_LANES16: lanes16(t, w); break;
	case WASM_IMM_V128: case WASM_IMM_I32: case WASM_IMM_I64: case WASM_IMM_F32:
	case WASM_IMM_F64:
		number(t, wasm_ops[*row].imm, w);
		break;
	case WASM_IMM_HEAP: heap(t, row, w); break;
	case WASM_IMM_CAST: cast(t, w); break;
	default: composed(t, *row, w);
	}
}
