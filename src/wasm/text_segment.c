/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, memories and their segments in the text format (6.6.5 to 6.6.10). */
#include <string.h>

#include "base/bits.h"
#include "wasm/module.h"
#include "wasm/text_field.h"

/* ---- limits ---- */

enum { LIMITS_MAX = 1, LIMITS_SHARED = 2, LIMITS_64 = 4, LIMITS_PAGE = 8 };

static bool address_type(struct text *t)
{
	return !text__take_word(t, TEXT_I32_) && text__take_word(t, TEXT_I64_);
}

struct limits {
	uint64_t min, max;
	unsigned flags, page_shift;
};

static void limits_numbers(struct text *t, struct limits *l)
{
	l->min = text__nat(t, UINT64_MAX, "i64");
	if (text__is_nat(t)) {
		l->max = text__nat(t, UINT64_MAX, "i64");
		l->flags |= LIMITS_MAX;
	}
}

static void write_limits(struct ser_writer *w, const struct limits *l)
{
	ser_u8(w, (uint8_t)l->flags);
	text__u(w, l->min);
	if (l->flags & LIMITS_MAX)
		text__u(w, l->max);
	if (l->flags & LIMITS_PAGE)
		text__u(w, l->page_shift);
}

static void page_size(struct text *t, struct limits *l)
{
	uint32_t at = t->tok.off;
	uint64_t n;

	if (!text__take_list(t, TEXT_PAGESIZE_))
		return;
	n = text__nat(t, UINT64_MAX, "i64");
	if (!is_pow2(n))
		text__fail_at(t, at, "invalid custom page size");
	else
		l->page_shift = (unsigned)__builtin_ctzll(n);
	l->flags |= LIMITS_PAGE;
	text__expect(t, TEXT_RPAR);
}

/* After the address type. */
static void memory_limits(struct text *t, struct limits *l)
{
	limits_numbers(t, l);
	if ((t->features & WASM_FEATURE_THREADS) && text__take_word(t, TEXT_SHARED_))
		l->flags |= LIMITS_SHARED;
	page_size(t, l);
}

void text__memory_type(struct text *t, struct ser_writer *w)
{
	struct limits l = { .flags = address_type(t) ? LIMITS_64 : 0 };

	memory_limits(t, &l);
	write_limits(w, &l);
}

void text__table_type(struct text *t, struct ser_writer *w)
{
	struct limits l = { .flags = address_type(t) ? LIMITS_64 : 0 };

	limits_numbers(t, &l);
	text__ref_type(t, w);
	write_limits(w, &l);
}

/* ---- data ---- */

/* Strings to the data section's current segment; their bytes. */
static void data_strings(struct text *t, struct ser_writer *out)
{
	out->len = 0;
	for (; t->tok.kind == TEXT_STRING; text__next(t)) {
		text__decode(t, t->tok, &t->string);
		text__append(out, &t->string);
	}
}

static void offset_zero(struct ser_writer *w, bool is64)
{
	text__opcode(w, is64 ? WASM_ROW_I64_CONST : WASM_ROW_I32_CONST);
	ser_u8(w, 0);
	text__opcode(w, WASM_ROW_END);
}

static void memory_with_data(struct text *t, uint32_t index, struct limits *l)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_DATA];
	uint64_t page = 1ull << (l->flags & LIMITS_PAGE ? l->page_shift : 16);

	t->count[TEXT_SPACE_DATA]++;
	data_strings(t, &t->scratch);
	text__expect(t, TEXT_RPAR);
	ser_u8(w, index ? 2 : 0);
	if (index)
		text__u(w, index);
	offset_zero(w, l->flags & LIMITS_64);
	text__u(w, t->scratch.len);
	text__append(w, &t->scratch);
	t->sec_n[TEXT_SEC_DATA]++;
	l->min = l->max = (t->scratch.len + page - 1) / page;
	l->flags |= LIMITS_MAX;
}

void text__memory_rest(struct text *t, uint32_t index)
{
	struct limits l = { .flags = address_type(t) ? LIMITS_64 : 0 };

	page_size(t, &l);
	if (text__take_list(t, TEXT_DATA_))
		memory_with_data(t, index, &l);
	else
		memory_limits(t, &l);
	write_limits(&t->sec[TEXT_SEC_MEMORY], &l);
	t->sec_n[TEXT_SEC_MEMORY]++;
}

/* "(offset instr*)" or one folded instruction. */
static void offset(struct text *t, struct ser_writer *w)
{
	if (text__take_list(t, TEXT_OFFSET_)) {
		text__expr(t, w);
		text__expect(t, TEXT_RPAR);
	} else {
		text__folded_expr(t, w);
	}
}

void text__data_field(struct text *t)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_DATA];
	uint32_t memory = 0;
	bool explicit_memory;

	text__field_head(t, TEXT_SPACE_DATA);
	explicit_memory = text__take_list(t, TEXT_MEMORY_);
	if (explicit_memory) {
		memory = text__index(t, TEXT_SPACE_MEMORY);
		text__expect(t, TEXT_RPAR);
	}
	if (explicit_memory || t->tok.kind == TEXT_LPAR) {
		ser_u8(w, memory ? 2 : 0);
		if (memory)
			text__u(w, memory);
		offset(t, w);
	} else {
		ser_u8(w, 1);
	}
	data_strings(t, &t->scratch);
	text__u(w, t->scratch.len);
	text__append(w, &t->scratch);
	t->sec_n[TEXT_SEC_DATA]++;
}

/* ---- elements ---- */

/* Bits of an element segment's first number (5.5.12). */
enum { ELEM_NOT_ACTIVE = 1, ELEM_EXPLICIT = 2, ELEM_EXPRS = 4 };

static uint32_t func_indices(struct text *t, struct ser_writer *w, bool as_exprs)
{
	uint32_t n = 0;

	for (; text__is_index(t); n++) {
		uint32_t f = text__index(t, TEXT_SPACE_FUNC);

		if (as_exprs)
			text__opcode(w, WASM_ROW_REF_FUNC);
		text__u(w, f);
		if (as_exprs)
			text__opcode(w, WASM_ROW_END);
	}
	return n;
}

static uint32_t elem_exprs(struct text *t, struct ser_writer *w)
{
	uint32_t n = 0;

	for (; t->tok.kind == TEXT_LPAR; n++) {
		if (text__take_list(t, TEXT_ITEM_)) {
			text__expr(t, w);
			text__expect(t, TEXT_RPAR);
		} else {
			text__folded_expr(t, w);
		}
	}
	return n;
}

static bool is_funcref(const struct ser_writer *type)
{
	return type->len == 1 && type->buf[0] == 0x70;
}

/* A segment from its parts: `type` is a reference type, empty for indices. */
static void write_elem(struct text *t, unsigned flags, uint32_t table,
		       const struct ser_writer *offset_expr, const struct ser_writer *type,
		       uint32_t n, const struct ser_writer *items)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_ELEM];
	bool active = !(flags & ELEM_NOT_ACTIVE);

	flags |= type->len ? ELEM_EXPRS : 0;
	if (active && (table || (type->len && !is_funcref(type))))
		flags |= ELEM_EXPLICIT;
	text__u(w, flags);
	if (active && (flags & ELEM_EXPLICIT))
		text__u(w, table);
	if (active)
		text__append(w, offset_expr);
	if (flags & (ELEM_NOT_ACTIVE | ELEM_EXPLICIT)) {
		if (type->len)
			text__append(w, type);
		else
			ser_u8(w, 0);
	}
	text__u(w, n);
	text__append(w, items);
	t->sec_n[TEXT_SEC_ELEM]++;
}

struct elem_parts {
	struct ser_writer offset, type, items;
};

static void fini_parts(struct elem_parts *p)
{
	ser_writer_fini(&p->offset);
	ser_writer_fini(&p->type);
	ser_writer_fini(&p->items);
}

static void table_with_elems(struct text *t, uint32_t index, struct limits *l,
			     const struct ser_writer *type)
{
	struct elem_parts p = { 0 };
	uint32_t n;

	t->count[TEXT_SPACE_ELEM]++;
	offset_zero(&p.offset, l->flags & LIMITS_64);
	if (t->tok.kind == TEXT_LPAR) {
		text__append(&p.type, type);
		n = elem_exprs(t, &p.items);
	} else {
		/* Indices have the type (ref func): others need expressions. */
		if (!is_funcref(type))
			text__append(&p.type, type);
		n = func_indices(t, &p.items, !is_funcref(type));
	}
	text__expect(t, TEXT_RPAR);
	write_elem(t, 0, index, &p.offset, &p.type, n, &p.items);
	fini_parts(&p);
	l->min = l->max = n;
	l->flags |= LIMITS_MAX;
}

void text__table_rest(struct text *t, uint32_t index)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_TABLE], type;
	struct limits l = { .flags = address_type(t) ? LIMITS_64 : 0 };
	bool has_init = false;

	ser_writer_init(&type);
	if (text__is_nat(t)) {
		limits_numbers(t, &l);
		text__ref_type(t, &type);
		has_init = t->tok.kind != TEXT_RPAR;
	} else {
		text__ref_type(t, &type);
		if (text__take_list(t, TEXT_ELEM_))
			table_with_elems(t, index, &l, &type);
		else
			text__unexpected(t);
	}
	if (has_init) { /* 5.5.7 */
		ser_u8(w, 0x40);
		ser_u8(w, 0);
	}
	text__append(w, &type);
	write_limits(w, &l);
	if (has_init)
		text__expr(t, w);
	t->sec_n[TEXT_SEC_TABLE]++;
	ser_writer_fini(&type);
}

void text__elem_field(struct text *t)
{
	struct elem_parts p = { 0 };
	unsigned flags = ELEM_NOT_ACTIVE;
	uint32_t table = 0, n;
	bool plain = false;

	text__field_head(t, TEXT_SPACE_ELEM);
	if (text__take_word(t, TEXT_DECLARE_)) {
		flags |= ELEM_EXPLICIT;
	} else if (text__take_list(t, TEXT_TABLE_)) {
		flags = 0;
		table = text__index(t, TEXT_SPACE_TABLE);
		text__expect(t, TEXT_RPAR);
		offset(t, &p.offset);
	} else if (t->tok.kind == TEXT_LPAR && !text__at_list(t, TEXT_REF_)) {
		flags = 0;
		offset(t, &p.offset);
		plain = true; /* "func" may be left out */
	}
	if (text__take_word(t, TEXT_FUNC_)) {
		n = func_indices(t, &p.items, false);
	} else if (text__is_ref_type(t)) {
		text__ref_type(t, &p.type);
		n = elem_exprs(t, &p.items);
	} else {
		if (!plain)
			text__unexpected(t);
		n = func_indices(t, &p.items, false);
	}
	write_elem(t, flags, table, &p.offset, &p.type, n, &p.items);
	fini_parts(&p);
}
