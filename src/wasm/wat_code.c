/* SPDX-License-Identifier: Apache-2.0 */
/* Function bodies and expressions for the printer: flat, indented. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/wat_int.h"

/* ---- floats: exactly, and the same in every locale ---- */

static void print_float(struct wat *w, uint64_t v, unsigned frac_bits, unsigned exp_bits)
{
	uint64_t frac = v & ((1ull << frac_bits) - 1);
	int exp = (int)(v >> frac_bits & ((1u << exp_bits) - 1));
	int bias = (1 << (exp_bits - 1)) - 1;
	bool minus = v >> (frac_bits + exp_bits) & 1;
	unsigned digits = (frac_bits + 3) / 4;

	wat__puts(w, minus ? " -" : " ");
	if (exp == (1 << exp_bits) - 1) {
		if (frac)
			wat__printf(w, "nan:0x%" PRIx64, frac);
		else
			wat__puts(w, "inf");
		return;
	}
	if (!exp && !frac) {
		wat__puts(w, "0");
		return;
	}
	/* Small whole numbers are readable. */
	if (exp >= bias && exp - bias <= 20) {
		uint64_t m = frac | 1ull << frac_bits;
		unsigned below = frac_bits - (unsigned)(exp - bias);

		if (!(m & ((1ull << below) - 1))) {
			wat__printf(w, "%" PRIu64, m >> below);
			return;
		}
	}
	frac <<= digits * 4 - frac_bits;
	while (digits > 1 && !(frac & 15)) {
		frac >>= 4;
		digits--;
	}
	wat__printf(w, "0x%d.%0*" PRIx64 "p%d", exp ? 1 : 0, (int)digits, frac,
		    exp ? exp - bias : 1 - bias);
}

/* ---- immediates ---- */

static void memarg(struct wat *w, const struct wasm_insn *i)
{
	if (i->mem.mem)
		wat__index(w, TEXT_SPACE_MEMORY, i->mem.mem);
	if (i->mem.offset)
		wat__printf(w, " offset=%" PRIu64, i->mem.offset);
	if (i->mem.align != wasm_op_align(wasm_ops[i->row].code))
		wat__printf(w, " align=%llu", 1ull << (i->mem.align & 63));
}

static void block_type(struct wat *w, const struct wasm_insn *i)
{
	if (i->a != WASM_BLOCK_INLINE) {
		wat__puts(w, " (type");
		wat__index(w, TEXT_SPACE_TYPE, i->a);
		wat__puts(w, ")");
	} else if (wasm_type_kind(i->type) != WASM_BOT) {
		wat__puts(w, " (result");
		wat__val_type(w, i->type);
		wat__puts(w, ")");
	}
}

static void catches(struct wat *w, const struct wasm_insn *i)
{
	static const char *const words[] = { "catch", "catch_ref", "catch_all", "catch_all_ref" };
	const uint8_t *p = i->list;

	for (uint32_t n = 0; n < i->n && !w->failed; n++) {
		struct wasm_catch c;

		wasm_op_next_catch(&p, &c);
		wat__printf(w, " (%s", words[c.kind]);
		if (c.kind == WASM_CATCH || c.kind == WASM_CATCH_REF)
			wat__index(w, TEXT_SPACE_TAG, c.tag);
		wat__printf(w, " %u)", c.label);
	}
}

static void labels(struct wat *w, const struct wasm_insn *i)
{
	const uint8_t *p = i->list;

	for (uint32_t n = 0; n <= i->n && !w->failed; n++)
		wat__printf(w, " %u", wasm_op_next_label(&p));
}

static void val_types(struct wat *w, const struct wasm_insn *i)
{
	const uint8_t *p = i->list, *end = w->m->bytes + w->m->len;
	struct wasm_type t;

	wat__puts(w, " (result");
	for (uint32_t n = 0; n < i->n && !w->failed && !wasm_read_valtype(&p, end, &t); n++)
		wat__val_type(w, t);
	wat__puts(w, ")");
}

static void ref_type(struct wat *w, uint32_t heap, bool nullable)
{
	wat__val_type(w, wasm_type_ref(heap, nullable));
}

static void two(struct wat *w, const struct wasm_insn *i, enum text_space a, enum text_space b)
{
	wat__index(w, a, i->a);
	wat__index(w, b, i->b);
}

/* Both or none; the text has them in the binary's order. */
static void pair(struct wat *w, const struct wasm_insn *i, enum text_space space)
{
	if (i->a || i->b)
		two(w, i, space, space);
}

static void constant(struct wat *w, const struct wasm_insn *i)
{
	switch (i->imm) {
	case WASM_IMM_I32:
		wat__printf(w, " %" PRId32, i->i32);
		break;
	case WASM_IMM_I64:
		wat__printf(w, " %" PRId64, i->i64);
		break;
	case WASM_IMM_F32:
		print_float(w, i->f32, 23, 8);
		break;
	case WASM_IMM_F64:
		print_float(w, i->f64, 52, 11);
		break;
	case WASM_IMM_V128:
		wat__puts(w, " i32x4");
		for (unsigned k = 0; k < 4; k++)
			wat__printf(w, " 0x%08x", ld_le32(i->bytes + 4 * k));
		break;
	default: /* LANES16 */
		for (unsigned k = 0; k < 16; k++)
			wat__printf(w, " %u", i->bytes[k]);
	}
}

static void composed(struct wat *w, const struct wasm_insn *i)
{
	switch (i->imm) {
	case WASM_IMM_TYPE_TABLE:
		if (i->b)
			wat__index(w, TEXT_SPACE_TABLE, i->b);
		wat__puts(w, " (type");
		wat__index(w, TEXT_SPACE_TYPE, i->a);
		wat__puts(w, ")");
		break;
	case WASM_IMM_ELEM_TABLE:
		wat__index(w, TEXT_SPACE_TABLE, i->b);
		wat__index(w, TEXT_SPACE_ELEM, i->a);
		break;
	case WASM_IMM_DATA_MEM:
		wat__index(w, TEXT_SPACE_MEMORY, i->b);
		wat__index(w, TEXT_SPACE_DATA, i->a);
		break;
	case WASM_IMM_FIELD:
	case WASM_IMM_TYPE_N:
		wat__index(w, TEXT_SPACE_TYPE, i->a);
		wat__printf(w, " %u", i->b);
		break;
	case WASM_IMM_TYPE_DATA: two(w, i, TEXT_SPACE_TYPE, TEXT_SPACE_DATA); break;
	case WASM_IMM_TYPE_ELEM: two(w, i, TEXT_SPACE_TYPE, TEXT_SPACE_ELEM); break;
	case WASM_IMM_TYPE2: two(w, i, TEXT_SPACE_TYPE, TEXT_SPACE_TYPE); break;
	case WASM_IMM_CAST:
		wat__printf(w, " %u", i->a);
		ref_type(w, i->heap, i->flags & 1);
		ref_type(w, i->heap2, i->flags & 2);
		break;
	default:
		constant(w, i);
	}
}

static void immediates(struct wat *w, const struct wasm_insn *i, const struct wat_name *locals,
		       uint32_t nlocals)
{
	switch (i->imm) {
	case WASM_IMM_NONE: case WASM_IMM_ZERO: break;
	case WASM_IMM_BLOCK: block_type(w, i); break;
	case WASM_IMM_TRY_TABLE:
		block_type(w, i);
		catches(w, i);
		break;
	case WASM_IMM_LABEL: wat__printf(w, " %u", i->a); break;
	case WASM_IMM_LABELS: labels(w, i); break;
	case WASM_IMM_FUNC: wat__index(w, TEXT_SPACE_FUNC, i->a); break;
	case WASM_IMM_TYPE: wat__index(w, TEXT_SPACE_TYPE, i->a); break;
	case WASM_IMM_TAG: wat__index(w, TEXT_SPACE_TAG, i->a); break;
	case WASM_IMM_VALTYPES: val_types(w, i); break;
	case WASM_IMM_LOCAL:
		if (locals && i->a < nlocals && locals[i->a].id)
			wat__name(w, &locals[i->a]);
		else
			wat__printf(w, " %u", i->a);
		break;
	case WASM_IMM_GLOBAL: wat__index(w, TEXT_SPACE_GLOBAL, i->a); break;
	case WASM_IMM_TABLE: wat__index(w, TEXT_SPACE_TABLE, i->a); break;
	case WASM_IMM_TABLE2: pair(w, i, TEXT_SPACE_TABLE); break;
	case WASM_IMM_ELEM: wat__index(w, TEXT_SPACE_ELEM, i->a); break;
	case WASM_IMM_MEM:
		if (i->a)
			wat__index(w, TEXT_SPACE_MEMORY, i->a);
		break;
	case WASM_IMM_MEM2: pair(w, i, TEXT_SPACE_MEMORY); break;
	case WASM_IMM_DATA: wat__index(w, TEXT_SPACE_DATA, i->a); break;
	case WASM_IMM_MEMARG: memarg(w, i); break;
	case WASM_IMM_MEMARG_LANE:
		memarg(w, i);
		wat__printf(w, " %u", i->lane);
		break;
	case WASM_IMM_LANE: wat__printf(w, " %u", i->lane); break;
	case WASM_IMM_HEAP:
		if (i->row == WASM_ROW_REF_NULL)
			wat__heap(w, i->heap);
		else
			ref_type(w, i->heap, i->row == WASM_ROW_REF_TEST_NULL ||
					     i->row == WASM_ROW_REF_CAST_NULL);
		break;
	default:
		composed(w, i);
	}
}

/* ---- sequences ---- */

/* What is known of the function whose body is printed. */
struct body {
	const struct wat_name *locals;
	uint32_t nlocals;
	const uint8_t *base;            /* from which hints count */
	const uint8_t *hints;
	uint32_t nhints;
};

static void print_hint(struct wat *w, struct body *b, uint32_t at)
{
	const uint8_t *p = b->hints;
	uint32_t off, size;

	while (b->nhints && !wasm_leb_u32(&p, w->hints_end, &off) &&
	       !wasm_leb_u32(&p, w->hints_end, &size) && size <= (size_t)(w->hints_end - p)) {
		if (off > at)
			return;
		if (off == at && size == 1 && *p < 2) {
			wat__printf(w, "(@metadata.code.branch_hint \"\\%02x\")", *p);
			wat__newline(w);
		}
		b->hints = p += size;
		b->nhints--;
	}
	b->nhints = b->nhints && b->hints != p ? 0 : b->nhints;
}

static bool opens(unsigned row)
{
	return row == WASM_ROW_BLOCK || row == WASM_ROW_LOOP || row == WASM_ROW_IF ||
	       row == WASM_ROW_TRY || row == WASM_ROW_TRY_TABLE;
}

/* Up to the END that closes the sequence, which the text does not have. */
static void sequence(struct wat *w, bool lines, struct body *b)
{
	unsigned depth = 0, indent = w->indent;

	while (!w->failed) {
		uint32_t at = b->base ? (uint32_t)(w->p - b->base) : 0;
		struct wasm_insn i;
		const char *why = wasm_op_decode(&w->p, w->end, &i);
		bool middle;

		if (why) {
			wat__fail(w, why);
			break;
		}
		if (i.row == WASM_ROW_END && !depth)
			break;
		middle = i.row == WASM_ROW_ELSE || i.row == WASM_ROW_CATCH ||
			 i.row == WASM_ROW_CATCH_ALL;
		if (i.row == WASM_ROW_END || i.row == WASM_ROW_DELEGATE)
			depth -= depth > 0;
		w->indent = indent + depth - (middle && depth);
		if (lines)
			wat__newline(w);
		else
			wat__puts(w, " ");
		if (b->nhints && (i.row == WASM_ROW_IF || i.row == WASM_ROW_BR_IF))
			print_hint(w, b, at);
		wat__puts(w, wasm_ops[i.row].text);
		immediates(w, &i, b->locals, b->nlocals);
		depth += opens(i.row);
	}
	w->indent = indent;
}

void wat__expr(struct wat *w)
{
	struct body b = { 0 };

	sequence(w, false, &b);
}

/* The locals' runs as one list; their names follow those of the parameters. */
static void locals(struct wat *w, const struct wat_name *names, uint32_t index, uint32_t total)
{
	uint32_t runs = wat__u32(w);
	bool open = false;

	if (runs)
		wat__newline(w);
	for (; runs && !w->failed; runs--) {
		uint32_t n = wat__u32(w);
		struct wasm_type t;

		if (wasm_read_valtype(&w->p, w->end, &t)) {
			wat__fail(w, "malformed value type");
			return;
		}
		for (; n && !w->failed; n--, index++) {
			bool named = names && index < total && names[index].s;

			if (open && named)
				wat__puts(w, ") ");
			if (!open || named)
				wat__puts(w, "(local");
			if (named)
				wat__name(w, &names[index]);
			wat__val_type(w, t);
			open = !named;
			if (named)
				wat__puts(w, ") ");
		}
	}
	if (open)
		wat__puts(w, ")");
}

/* How many locals there are, parameters not counted; does not move. */
static uint32_t count_locals(struct wat *w)
{
	const uint8_t *p = w->p;
	uint32_t runs, n;
	uint64_t total = 0;
	struct wasm_type t;

	if (wasm_leb_u32(&p, w->end, &runs))
		return 0;
	while (runs-- && !wasm_leb_u32(&p, w->end, &n) && !wasm_read_valtype(&p, w->end, &t))
		total += n;
	return (uint32_t)MIN(total, (uint64_t)WASM_MAX_LOCALS + WASM_MAX_PARAMS);
}

/* The hints of function `index`, if they come next. */
static void take_hints(struct wat *w, uint32_t index, struct body *b)
{
	const uint8_t *p = w->hints;
	uint32_t func, n, off, size;

	if (!w->nhint_funcs || wasm_leb_u32(&p, w->hints_end, &func) ||
	    wasm_leb_u32(&p, w->hints_end, &n) || func > index)
		return;
	if (func == index) {
		b->hints = p;
		b->nhints = n;
	}
	w->nhint_funcs--;
	while (n-- && !wasm_leb_u32(&p, w->hints_end, &off) &&
	       !wasm_leb_u32(&p, w->hints_end, &size) && size <= (size_t)(w->hints_end - p))
		p += size;
	w->hints = p;
}

static void function(struct wat *w, uint32_t type)
{
	struct body b = { .base = w->p };
	uint32_t nparams = wat__nparams(w, type), index;
	struct wat_name *names = NULL;

	wat__puts(w, "(func");
	index = wat__binder(w, TEXT_SPACE_FUNC);
	b.nlocals = nparams + count_locals(w);
	if (w->locals && index < w->count[TEXT_SPACE_FUNC])
		names = wat__inner_names(w, &w->locals[index], &b.nlocals);
	b.locals = names;
	wat__puts(w, " (type");
	wat__index(w, TEXT_SPACE_TYPE, type);
	wat__puts(w, ")");
	wat__signature(w, type, names, names ? MIN(nparams, b.nlocals) : 0);
	w->indent++;
	locals(w, names, nparams, b.nlocals);
	take_hints(w, index, &b);
	sequence(w, true, &b);
	w->indent--;
	wat__puts(w, ")");
	base_free(names);
}

void wat__code_section(struct wat *w)
{
	const uint8_t *end = w->end;
	uint32_t n = wat__u32(w);

	for (uint32_t i = 0; i < n && i < w->ndefined && !w->failed; i++) {
		uint32_t size = wat__u32(w);

		if (w->failed || size > (size_t)(end - w->p)) {
			wat__fail(w, WASM_MSG_END);
			return;
		}
		const uint8_t *next = w->p + size;

		w->end = next;
		wat__newline(w);
		function(w, w->func_types[i]);
		if (w->failed)
			return;
		w->p = next;
		w->end = end;
	}
}
