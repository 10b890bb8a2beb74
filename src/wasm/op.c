/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of instructions and the reader of one; see op.h.  Reads bytes
 * that nobody has checked; knows of no module, so indices stay unchecked.
 */
#include "wasm/op.h"

#include "wasm/leb.h"
#include "wasm/module.h"

const struct wasm_op_info wasm_ops[WASM_ROWS] = {
#define OP(id, code, text, imm, sig, sem) { code, WASM_IMM_##imm, sig, text },
#include "wasm/op.def"
#undef OP
};

const char wasm_op_illegal[] = "illegal opcode";

/* Codes squeezed into one index: the single bytes, then each prefix. */
enum { SLOT_FB = 256, SLOT_FC = SLOT_FB + 32, SLOT_FD = SLOT_FC + 32, SLOT_FE = SLOT_FD + 512,
	SLOTS = SLOT_FE + 128 };
#define SLOT(code) \
	((code) >> 16 == 0xfb ? SLOT_FB + ((code) & 31) : \
	 (code) >> 16 == 0xfc ? SLOT_FC + ((code) & 31) : \
	 (code) >> 16 == 0xfd ? SLOT_FD + ((code) & 511) : \
	 (code) >> 16 == 0xfe ? SLOT_FE + ((code) & 127) : (code) & 255)

/* Row + 1; 0: no such instruction. */
static const uint16_t slots[SLOTS] = {
#define OP(id, code, text, imm, sig, sem) [SLOT(code)] = WASM_ROW_##id + 1,
#include "wasm/op.def"
#undef OP
};

enum wasm_row wasm_op_row(uint32_t code)
{
	static const struct { uint16_t slot, n; } prefixes[] = {
		{ SLOT_FB, 32 }, { SLOT_FC, 32 }, { SLOT_FD, 512 }, { SLOT_FE, 128 },
	};
	uint32_t prefix = code >> 16, number = code & 0xffff;
	uint16_t row = 0;

	if (code < 256)
		row = slots[code];
	else if (prefix >= 0xfb && prefix <= 0xfe && number < prefixes[prefix - 0xfb].n)
		row = slots[prefixes[prefix - 0xfb].slot + number];
	return row ? row - 1u : (unsigned)WASM_ROWS;
}

/* ---- types ---- */

static const char *read_abstract(uint8_t byte, uint32_t *out)
{
	static const uint8_t heaps[] = {
		WASM_HEAP_NOEXN - WASM_HEAP_ABSTRACT, WASM_HEAP_NOFUNC - WASM_HEAP_ABSTRACT,
		WASM_HEAP_NOEXTERN - WASM_HEAP_ABSTRACT, WASM_HEAP_NONE - WASM_HEAP_ABSTRACT,
		WASM_HEAP_FUNC - WASM_HEAP_ABSTRACT, WASM_HEAP_EXTERN - WASM_HEAP_ABSTRACT,
		WASM_HEAP_ANY - WASM_HEAP_ABSTRACT, WASM_HEAP_EQ - WASM_HEAP_ABSTRACT,
		WASM_HEAP_I31 - WASM_HEAP_ABSTRACT, WASM_HEAP_STRUCT - WASM_HEAP_ABSTRACT,
		WASM_HEAP_ARRAY - WASM_HEAP_ABSTRACT, WASM_HEAP_EXN - WASM_HEAP_ABSTRACT,
	};

	if (byte < 0x69 || byte > 0x74)
		return "malformed heap type";
	*out = WASM_HEAP_ABSTRACT + heaps[0x74 - byte];
	return NULL;
}

const char *wasm_read_heaptype(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
	const uint8_t *start = *p;
	const char *why;
	int64_t v;

	why = wasm_leb_signed(p, end, 33, &v);
	if (why)
		return why;
	if (v >= 0) {
		if (v >= WASM_MAX_TYPES) {
			*p = start;
			return "unknown type";
		}
		*out = (uint32_t)v;
		return NULL;
	}
	why = *p - start == 1 ? read_abstract(*start, out) : "malformed heap type";
	if (why)
		*p = start;
	return why;
}

const char *wasm_read_reftype(const uint8_t **p, const uint8_t *end, struct wasm_type *out)
{
	uint32_t heap = 0;
	bool nullable = true;
	const char *why;

	if (*p >= end)
		return WASM_MSG_END;
	if (**p == 0x63 || **p == 0x64) {
		nullable = *(*p)++ == 0x63;
		why = wasm_read_heaptype(p, end, &heap);
	} else if (!read_abstract(**p, &heap)) {
		++*p;
		why = NULL;
	} else {
		why = **p & 0x80 ? "integer representation too long" : "malformed reference type";
	}
	*out = wasm_type_ref(heap, nullable);
	return why;
}

const char *wasm_read_valtype(const uint8_t **p, const uint8_t *end, struct wasm_type *out)
{
	static const uint8_t kinds[] = {
		WASM_V128, WASM_F64, WASM_F32, WASM_I64, WASM_I32,
	};

	if (*p >= end)
		return WASM_MSG_END;
	if (**p >= 0x7b && **p <= 0x7f) {
		*out = wasm_type_num(kinds[*(*p)++ - 0x7b]);
		return NULL;
	}
	return wasm_read_reftype(p, end, out);
}

/* A value type, 0x40, or an index as an s33 (5.4.1). */
static const char *read_blocktype(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	out->a = WASM_BLOCK_INLINE;
	out->type = wasm_type_num(WASM_BOT);
	if (*p >= end)
		return WASM_MSG_END;
	if (**p == 0x40) {
		++*p;
		return NULL;
	}
	if ((**p & 0xc0) == 0x40)       /* one byte, negative */
		return wasm_read_valtype(p, end, &out->type);
	return wasm_read_heaptype(p, end, &out->a);
}

/* ---- immediates ---- */

static const char *read_memarg(const uint8_t **p, const uint8_t *end, struct wasm_memarg *m)
{
	const uint8_t *start = *p;
	uint32_t flags;
	const char *why = wasm_leb_u32(p, end, &flags);

	if (why)
		return why;
	if (flags >= 0x80) {
		*p = start;
		return "malformed memop flags";
	}
	m->mem = 0;
	m->align = flags & 0x3f;
	if (flags & 0x40)
		why = wasm_leb_u32(p, end, &m->mem);
	return why ? why : wasm_leb_u64(p, end, &m->offset);
}

/* The length of a list whose elements take a byte or more each. */
static const char *read_count(const uint8_t **p, const uint8_t *end, uint32_t *n)
{
	const uint8_t *start = *p;
	const char *why = wasm_leb_u32(p, end, n);

	if (!why && *n > (size_t)(end - *p)) {
		*p = start;
		why = "length out of bounds";
	}
	return why;
}

static const char *read_labels(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	uint32_t label;
	const char *why = read_count(p, end, &out->n);

	if (!why && out->n > WASM_MAX_BR_TABLE)
		why = "too many br_table targets";
	out->list = *p;
	for (uint32_t i = 0; !why && i <= out->n; i++)
		why = wasm_leb_u32(p, end, &label);
	return why;
}

static const char *read_try_table(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	const char *why = read_blocktype(p, end, out);
	uint32_t x;

	if (!why)
		why = read_count(p, end, &out->n);
	out->list = *p;
	for (uint32_t i = 0; !why && i < out->n; i++) {
		uint8_t kind;

		if (*p >= end)
			return WASM_MSG_END;
		kind = **p;
		if (kind > WASM_CATCH_ALL_REF)
			return "malformed catch clause";
		++*p;
		if (kind <= WASM_CATCH_REF)
			why = wasm_leb_u32(p, end, &x);
		if (!why)
			why = wasm_leb_u32(p, end, &x);
	}
	return why;
}

static const char *read_valtypes(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	const char *why = read_count(p, end, &out->n);

	out->list = *p;
	for (uint32_t i = 0; !why && i < out->n; i++) {
		struct wasm_type t;

		why = wasm_read_valtype(p, end, &t);
		if (!i)
			out->type = t;
	}
	return why;
}

static const char *read_cast(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	const char *why;

	if (*p >= end)
		return WASM_MSG_END;
	if (**p & 0xfc)
		return "malformed br_on_cast flags";
	out->flags = *(*p)++;
	why = wasm_leb_u32(p, end, &out->a);
	if (!why)
		why = wasm_read_heaptype(p, end, &out->heap);
	return why ? why : wasm_read_heaptype(p, end, &out->heap2);
}

static const char *read_byte(const uint8_t **p, const uint8_t *end, uint8_t *out)
{
	if (*p >= end)
		return WASM_MSG_END;
	*out = *(*p)++;
	return NULL;
}

static const char *read_bytes(const uint8_t **p, const uint8_t *end, unsigned n, void *out)
{
	if ((size_t)(end - *p) < n) {
		*p = end;
		return WASM_MSG_END;
	}
	memcpy(out, *p, n);
	*p += n;
	return NULL;
}

static const char *read_u128(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	uint8_t copy[16];

	out->bytes = *p;
	return read_bytes(p, end, 16, copy);
}

static const char *read_zero(const uint8_t **p, const uint8_t *end)
{
	if (*p >= end)
		return WASM_MSG_END;
	if (**p)
		return "zero byte expected";
	++*p;
	return NULL;
}

static const char *read_imm(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	const char *why;
	int64_t v;

	switch ((enum wasm_imm)out->imm) {
	case WASM_IMM_NONE:
		return NULL;
	case WASM_IMM_ZERO:
		return read_zero(p, end);
	case WASM_IMM_BLOCK:
		return read_blocktype(p, end, out);
	case WASM_IMM_LABELS:
		return read_labels(p, end, out);
	case WASM_IMM_TRY_TABLE:
		return read_try_table(p, end, out);
	case WASM_IMM_VALTYPES:
		return read_valtypes(p, end, out);
	case WASM_IMM_LABEL: case WASM_IMM_FUNC: case WASM_IMM_TYPE: case WASM_IMM_TAG:
	case WASM_IMM_LOCAL: case WASM_IMM_GLOBAL: case WASM_IMM_TABLE: case WASM_IMM_ELEM:
	case WASM_IMM_MEM: case WASM_IMM_DATA:
		return wasm_leb_u32(p, end, &out->a);
	case WASM_IMM_TYPE_TABLE: case WASM_IMM_TABLE2: case WASM_IMM_ELEM_TABLE:
	case WASM_IMM_MEM2: case WASM_IMM_DATA_MEM: case WASM_IMM_FIELD: case WASM_IMM_TYPE_N:
	case WASM_IMM_TYPE_DATA: case WASM_IMM_TYPE_ELEM: case WASM_IMM_TYPE2:
		why = wasm_leb_u32(p, end, &out->a);
		return why ? why : wasm_leb_u32(p, end, &out->b);
	case WASM_IMM_MEMARG:
		return read_memarg(p, end, &out->mem);
	case WASM_IMM_MEMARG_LANE:
		why = read_memarg(p, end, &out->mem);
		return why ? why : read_byte(p, end, &out->lane);
	case WASM_IMM_LANE:
		return read_byte(p, end, &out->lane);
	case WASM_IMM_LANES16: case WASM_IMM_V128:
		return read_u128(p, end, out);
	case WASM_IMM_I32:
		why = wasm_leb_signed(p, end, 32, &v);
		out->i32 = (int32_t)v;
		return why;
	case WASM_IMM_I64:
		return wasm_leb_signed(p, end, 64, &out->i64);
	case WASM_IMM_F32:
		return read_bytes(p, end, 4, &out->f32);
	case WASM_IMM_F64:
		return read_bytes(p, end, 8, &out->f64);
	case WASM_IMM_HEAP:
		return wasm_read_heaptype(p, end, &out->heap);
	case WASM_IMM_CAST:
		return read_cast(p, end, out);
	}
	return wasm_op_illegal;
}

const char *wasm_op_decode(const uint8_t **p, const uint8_t *end, struct wasm_insn *out)
{
	const uint8_t *start = *p;
	enum wasm_row row;
	uint32_t code;

	if (start >= end)
		return WASM_MSG_END;
	code = *(*p)++;
	if (UNLIKELY(code >= 0xfb && code <= 0xfe)) {
		uint32_t number;
		const char *why = wasm_leb_u32(p, end, &number);

		if (why)
			return why;
		code = number < 0x10000 ? code << 16 | number : UINT32_MAX;
	}
	row = LIKELY(code < 256) ? slots[code] - 1u : wasm_op_row(code);
	if (row >= WASM_ROWS) {
		*p = start;
		return wasm_op_illegal;
	}
	out->row = (uint16_t)row;
	out->imm = wasm_ops[row].imm;
	return read_imm(p, end, out);
}

/* ---- lists that are known to be well formed ---- */

static uint32_t next_u32(const uint8_t **p)
{
	uint32_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint32_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
}

uint32_t wasm_op_next_label(const uint8_t **p)
{
	return next_u32(p);
}

void wasm_op_next_catch(const uint8_t **p, struct wasm_catch *out)
{
	out->kind = *(*p)++;
	out->tag = out->kind <= WASM_CATCH_REF ? next_u32(p) : 0;
	out->label = next_u32(p);
}

/* ---- facts of memory and lane instructions ---- */

unsigned wasm_op_align(uint32_t code)
{
	static const uint8_t plain[] = {        /* from 0x28 */
		2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 2, 3, 2, 3, 0, 1, 0, 1, 2,
	};
	static const uint8_t atomic[7] = { 2, 3, 0, 1, 0, 1, 2 };       /* from 0xfe10 */
	static const uint8_t vector[] = {       /* from 0xfd00 */
		4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3, 4,
	};
	static const uint8_t lane[] = { 0, 1, 2, 3, 0, 1, 2, 3, 2, 3 };  /* from 0xfd54 */
	uint32_t n = code & 0xffff;

	if (code < 0x100)
		return code >= 0x28 && code - 0x28 < sizeof(plain) ? plain[code - 0x28] : 0;
	if (code >> 16 == 0xfe)
		return n >= 0x10 ? atomic[(n - 0x10) % 7] : n == 2 ? 3 : 2;
	return n < sizeof(vector) ? vector[n] :
		n >= 0x54 && n - 0x54 < sizeof(lane) ? lane[n - 0x54] : 0;
}

unsigned wasm_op_lanes(uint32_t code)
{
	static const uint8_t lanes[] = {        /* extract and replace, from 0xfd15 */
		16, 16, 16, 8, 8, 8, 4, 4, 2, 2, 4, 4, 2, 2,
	};
	uint32_t n = (code & 0xffff) - 0x15;

	return n < sizeof(lanes) ? lanes[n] : 0;
}
