/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction sequences of the text format (6.5): plain, structured and
 * folded ones.  A folded instruction's own bytes wait in `pending` until its
 * operands are written.  What is open is a stack on the heap, so that nesting
 * costs memory in proportion to the text and nothing else.
 */
#include <string.h>

#include "base/bits.h"
#include "wasm/text_int.h"

enum frame_kind {
	FRAME_PLAIN,            /* (op ...: only folded operands, then ")" */
	FRAME_BLOCK,            /* block ... end */
	FRAME_FOLDED,           /* (block ... ) */
	FRAME_IF,               /* (if ...: operands, then "(then" */
	FRAME_THEN, FRAME_ELSE, /* inside of those lists */
	FRAME_IF_DONE,          /* after "(then ...)": "(else" or ")" */
	FRAME_TRY,              /* (try: "(do", catches, "(delegate" (legacy) */
	FRAME_TRY_PART,         /* inside of one of those lists */
	FRAME_TRY_CLOSED,       /* after "(delegate ...)" */
};

struct text_frame {
	uint8_t kind;
	uint16_t row;
	bool hinted, has_else;
	uint8_t part;           /* of a try: enum try_part */
	uint8_t hint;
	uint32_t symbol;        /* of the label */
	size_t pending;         /* where the instruction's bytes start */
	uint32_t pos;           /* of the word */
};

/* What a legacy try has had: parts come in this order. */
enum try_part { PART_NONE, PART_DO, PART_CATCH, PART_CATCH_ALL };

/* May `row` come next?  Then it is what there was. */
static bool next_part(struct text_frame *f, unsigned row)
{
	switch (row) {
	case WASM_ROW_CATCH:
	case WASM_ROW_CATCH_ALL:
		if (f->part != PART_DO && f->part != PART_CATCH)
			return false;
		f->part = row == WASM_ROW_CATCH ? PART_CATCH : PART_CATCH_ALL;
		return true;
	case WASM_ROW_DELEGATE:
		return f->part == PART_DO;
	default: /* do */
		if (f->part != PART_NONE)
			return false;
		f->part = PART_DO;
		return true;
	}
}

static struct text_frame *push_frame(struct text *t, enum frame_kind kind, unsigned row)
{
	if (!text__grow(t, &t->frames, &t->frame_cap, t->nframes + 1, sizeof(*t->frames)))
		return NULL;
	t->frames[t->nframes] = (struct text_frame){
		.kind = (uint8_t)kind, .row = (uint16_t)row, .symbol = UINT32_MAX,
		.pending = t->pending.len,
	};
	return &t->frames[t->nframes++];
}

static void push_label(struct text *t, uint32_t symbol)
{
	struct text_label *l;

	if (!text__grow(t, &t->labels, &t->label_cap, t->nlabels + 1, sizeof(*t->labels)))
		return;
	l = &t->labels[t->nlabels++];
	*l = (struct text_label){ 0 };
	if (symbol != UINT32_MAX) {
		l->symbol = symbol + 1;
		l->shadowed = t->symbols[symbol].label;
		t->symbols[symbol].label = t->nlabels;
	}
}

static void pop_label(struct text *t)
{
	const struct text_label *l;

	if (!t->nlabels)
		return;
	l = &t->labels[--t->nlabels];
	if (l->symbol)
		t->symbols[l->symbol - 1].label = l->shadowed;
}

/* ---- branch hints ---- */

/* The hint before this instruction, if there is one, goes to *hint. */
static bool take_hint(struct text *t, unsigned row, uint8_t *hint)
{
	if (!t->hint_set)
		return false;
	t->hint_set = false;
	*hint = t->hint;
	if (row != WASM_ROW_IF && row != WASM_ROW_BR_IF)
		text__fail_at(t, t->hint_pos,
			      "@metadata.code.branch_hint annotation: invalid target");
	return true;
}

static void write_hint(struct text *t, const struct ser_writer *out, uint8_t hint)
{
	text__u(&t->hints, out->len); /* from the start of the locals */
	ser_u8(&t->hints, 1);
	ser_u8(&t->hints, hint);
	t->nhints++;
}

/* ---- one instruction ---- */

static bool is_block(unsigned row)
{
	return row == WASM_ROW_BLOCK || row == WASM_ROW_LOOP || row == WASM_ROW_IF ||
	       row == WASM_ROW_TRY || row == WASM_ROW_TRY_TABLE;
}

static bool is_separator(unsigned row)
{
	return row == WASM_ROW_ELSE || row == WASM_ROW_END || row == WASM_ROW_CATCH ||
	       row == WASM_ROW_CATCH_ALL || row == WASM_ROW_DELEGATE;
}

/* Opcode and immediates of a plain instruction, to w. */
static void plain(struct text *t, unsigned row, struct ser_writer *w)
{
	t->scratch.len = 0;
	text__immediates(t, &row, &t->scratch);
	text__opcode(w, row);
	text__append(w, &t->scratch);
}

/* Label, block type and catches of a structured instruction, to w.  Catches
 * do not see the label. */
static uint32_t block_head(struct text *t, unsigned row, struct ser_writer *w)
{
	uint32_t symbol = UINT32_MAX;

	text__opcode(w, row);
	if (t->tok.kind == TEXT_ID)
		symbol = text__symbol(t);
	text__block_type(t, w);
	if (row == WASM_ROW_TRY_TABLE)
		text__catches(t, w);
	return t->failed ? UINT32_MAX : symbol;
}

/* "id?" after end and else. */
static void check_label(struct text *t, const struct text_frame *f)
{
	uint32_t at = t->tok.off;

	if (t->tok.kind == TEXT_ID && text__symbol(t) != f->symbol)
		text__fail_at(t, at, "mismatching label");
}

static struct text_frame *top(struct text *t, uint32_t base)
{
	return t->nframes > base ? &t->frames[t->nframes - 1] : NULL;
}

/* else, end, catch, catch_all, delegate that are not in a list. */
static void separator(struct text *t, uint32_t base, unsigned row, struct ser_writer *out)
{
	struct text_frame *f = top(t, base);
	bool ok = f && f->kind == FRAME_BLOCK;

	if (ok && row == WASM_ROW_ELSE)
		ok = f->row == WASM_ROW_IF && !f->has_else;
	else if (ok && row != WASM_ROW_END)
		ok = f->row == WASM_ROW_TRY && next_part(f, row);
	if (!ok) {
		text__unexpected(t);
		return;
	}
	text__mark(t, out, t->tok.off);
	text__next(t);
	text__opcode(out, row);
	switch (row) {
	case WASM_ROW_ELSE:
		f->has_else = true;
		check_label(t, f);
		break;
	case WASM_ROW_CATCH:
		text__u(out, text__index(t, TEXT_SPACE_TAG));
		break;
	case WASM_ROW_CATCH_ALL:
		break;
	case WASM_ROW_END:
		pop_label(t);
		check_label(t, f);
		t->nframes--;
		break;
	default: /* delegate: its label does not see the block's own */
		pop_label(t);
		text__u(out, text__label(t));
		t->nframes--;
	}
}

/* A word that is not after a parenthesis. */
static void unfolded(struct text *t, uint32_t base, struct ser_writer *out)
{
	const struct text_frame *f = top(t, base);
	unsigned row = t->tok.word;
	uint32_t symbol;
	uint8_t hint;

	if (row >= WASM_ROWS || (f && f->kind != FRAME_BLOCK && f->kind != FRAME_FOLDED &&
				 f->kind != FRAME_THEN && f->kind != FRAME_ELSE &&
				 f->kind != FRAME_TRY_PART)) {
		text__unexpected(t);
		return;
	}
	if (is_separator(row)) {
		separator(t, base, row, out);
		return;
	}
	text__mark(t, out, t->tok.off);
	text__next(t);
	if (take_hint(t, row, &hint))
		write_hint(t, out, hint);
	if (!is_block(row)) {
		plain(t, row, out);
		return;
	}
	symbol = block_head(t, row, out);
	struct text_frame *n = t->failed ? NULL : push_frame(t, FRAME_BLOCK, row);

	if (n) {
		n->part = PART_DO; /* a try starts with it */
		n->symbol = symbol;
		push_label(t, symbol);
	}
}

/* "(" is taken, the current token is a mnemonic. */
static void folded(struct text *t, struct ser_writer *out)
{
	unsigned row = t->tok.word;
	struct text_frame *f;
	uint32_t symbol;

	if (t->tok.kind != TEXT_WORD || row >= WASM_ROWS || is_separator(row)) {
		text__unexpected(t);
		return;
	}
	f = push_frame(t, FRAME_PLAIN, row);
	if (!f)
		return;
	f->pos = t->tok.off;
	text__next(t);
	f->hinted = take_hint(t, row, &f->hint);
	if (!is_block(row)) {
		plain(t, row, &t->pending);
		return;
	}
	/* An if waits for its condition; the others are written at once. */
	f->kind = row == WASM_ROW_IF ? FRAME_IF : row == WASM_ROW_TRY ? FRAME_TRY : FRAME_FOLDED;
	if (row != WASM_ROW_IF)
		text__mark(t, out, f->pos);
	symbol = block_head(t, row, row == WASM_ROW_IF ? &t->pending : out);
	f->symbol = symbol;
	if (row != WASM_ROW_IF)
		push_label(t, symbol);
}

/* The bytes that waited. */
static void write_pending(struct text *t, const struct text_frame *f, struct ser_writer *out)
{
	if (t->failed || t->pending.failed)
		return;
	if (f->hinted)
		write_hint(t, out, f->hint);
	text__mark(t, out, f->pos);
	ser_bytes(out, t->pending.buf + f->pending, t->pending.len - f->pending);
	t->pending.len = f->pending;
}

/* "(do", "(catch", "(catch_all", "(delegate" of a folded try. */
static void try_part(struct text *t, struct text_frame *f, struct ser_writer *out)
{
	unsigned row = t->tok.kind == TEXT_WORD ? t->tok.word : (unsigned)TEXT_UNKNOWN;
	bool is_do = row == TEXT_DO_;

	if ((!is_do && row != WASM_ROW_CATCH && row != WASM_ROW_CATCH_ALL &&
	     row != WASM_ROW_DELEGATE) || !next_part(f, row)) {
		text__unexpected(t);
		return;
	}
	text__mark(t, out, t->tok.off);
	text__next(t);
	if (!is_do)
		text__opcode(out, row);
	if (row == WASM_ROW_DELEGATE) {
		pop_label(t);
		text__u(out, text__label(t));
		text__expect(t, TEXT_RPAR);
		f->kind = FRAME_TRY_CLOSED;
		return;
	}
	if (row == WASM_ROW_CATCH)
		text__u(out, text__index(t, TEXT_SPACE_TAG));
	push_frame(t, FRAME_TRY_PART, row);
}

static void open_list(struct text *t, uint32_t base, struct ser_writer *out)
{
	struct text_frame *f = top(t, base);
	unsigned word;

	text__next(t);
	word = t->tok.kind == TEXT_WORD ? t->tok.word : (unsigned)TEXT_UNKNOWN;
	if (f && f->kind == FRAME_IF && word == TEXT_THEN_) {
		text__next(t);
		write_pending(t, f, out);
		push_label(t, f->symbol);
		f->kind = FRAME_IF_DONE;
		push_frame(t, FRAME_THEN, f->row);
	} else if (f && f->kind == FRAME_IF_DONE && word == WASM_ROW_ELSE && !f->has_else) {
		text__mark(t, out, t->tok.off);
		text__next(t);
		text__opcode(out, WASM_ROW_ELSE);
		f->has_else = true;
		push_frame(t, FRAME_ELSE, f->row);
	} else if (f && f->kind == FRAME_TRY) {
		try_part(t, f, out);
	} else if (f && (f->kind == FRAME_IF_DONE || f->kind == FRAME_TRY_CLOSED)) {
		text__unexpected(t);
	} else {
		folded(t, out);
	}
}

static void close_list(struct text *t, uint32_t base, struct ser_writer *out)
{
	struct text_frame *f = top(t, base);

	switch (f->kind) {
	case FRAME_PLAIN:
		write_pending(t, f, out);
		break;
	case FRAME_FOLDED:
	case FRAME_IF_DONE:
	case FRAME_TRY:
		if (f->kind == FRAME_TRY && f->part == PART_NONE) {
			text__unexpected(t);
			return;
		}
		text__mark(t, out, t->tok.off);
		text__opcode(out, WASM_ROW_END);
		pop_label(t);
		break;
	case FRAME_THEN:
	case FRAME_ELSE:
	case FRAME_TRY_PART:
	case FRAME_TRY_CLOSED:
		break;
	default: /* a block without end, an if without then */
		text__unexpected(t);
		return;
	}
	t->nframes--;
	text__next(t);
}

/* Until the list that encloses it all ends, or after one instruction. */
static void sequence(struct text *t, struct ser_writer *out, bool one)
{
	uint32_t base = t->nframes;

	do {
		switch (t->tok.kind) {
		case TEXT_RPAR:
			if (t->hint_set)
				take_hint(t, WASM_ROW_NOP, &t->hint);
			if (t->nframes == base)
				return;
			close_list(t, base, out);
			break;
		case TEXT_LPAR:
			open_list(t, base, out);
			break;
		case TEXT_WORD:
			unfolded(t, base, out);
			break;
		case TEXT_ANNOT:
			if (t->tok.word == TEXT_ANNOT_HINT && out == &t->body)
				text__annot_hint(t);
			else
				text__unexpected(t);
			break;
		default:
			text__unexpected(t);
		}
	} while (!t->failed && !(one && t->nframes == base));
}

void text__expr(struct text *t, struct ser_writer *out)
{
	sequence(t, out, false);
	text__mark(t, out, t->tok.off);
	text__opcode(out, WASM_ROW_END);
}

void text__folded_expr(struct text *t, struct ser_writer *out)
{
	if (t->tok.kind == TEXT_LPAR)
		sequence(t, out, true);
	else
		text__unexpected(t);
	text__opcode(out, WASM_ROW_END);
}
