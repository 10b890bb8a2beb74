/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of blocks, branches and exception handlers.
 *
 * At a label every operand is in its home slot and no accumulator is known.
 * Where a branch goes is a word of 32 bits in the branch (or in a br_table's
 * entries), in bytes from the unit that the word stands in; until the label
 * is met the words that wait for it are chained through themselves.
 *
 * Code behind an unconditional branch is skipped, not translated.
 */
#include "wasm/translate.h"

#include <string.h>

/* ---- labels ---- */

static uint32_t *word(struct wasm_translator *t, uint32_t w)
{
	return (uint32_t *)t->ops + w;
}

static void resolve(struct wasm_translator *t, uint32_t chain, uint32_t pos)
{
	/* After a failure the words are anything (tr_emit). */
	while (chain != NONE && !t->trap) {
		uint32_t *w = word(t, chain), next = *w;

		*w = (uint32_t)(((int64_t)pos - chain / 4) * 16);
		chain = next;
	}
}

static uint32_t imm_word(const struct wasm_translator *t, const struct wasm_op *op)
{
	return (uint32_t)(op - t->ops) * 4 + 3;
}

/* Let the word go to the label of c. */
static void wait_for(struct wasm_translator *t, struct ctl *c, uint32_t w)
{
	if (c->kind == WASM_ROW_LOOP) {
		*word(t, w) = (uint32_t)(((int64_t)c->pos - w / 4) * 16);
	} else {
		*word(t, w) = c->fix;
		c->fix = w;
	}
}

static void put_label(struct wasm_translator *t)
{
	tr_forget(t);
	tr_fuel_begin(t);
}

static struct ctl *label(struct wasm_translator *t, uint32_t depth)
{
	return &t->ctl[t->nctl - 1 - depth];
}
static uint32_t arity(const struct ctl *c)
{
	return c->kind == WASM_ROW_LOOP ? c->nparams : c->nresults;
}
/* The function's own block: a branch to it returns. */
static bool is_function(const struct wasm_translator *t, const struct ctl *c)
{
	return c == t->ctl;
}

/* ---- blocks ---- */

static void block_type(struct wasm_translator *t, const struct wasm_insn *in, struct ctl *c)
{
	if (in->a != WASM_BLOCK_INLINE) {
		const struct wasm_deftype *d = wasm_type_get(t->st->types, t->m->types[in->a]);

		c->nparams = d->nparams;
		c->params = d->types;
		c->nresults = d->nresults;
		c->results = d->types + d->nparams;
	} else if (wasm_type_kind(in->type) != WASM_BOT) {
		c->one = tr_canon(t, in->type);
		c->nresults = 1;
	}
}

static struct ctl *push_ctl(struct wasm_translator *t, unsigned kind)
{
	struct ctl *c;

	if (!tr_grow((void **)&t->ctl, &t->cap_ctl, t->nctl + 1, sizeof(*t->ctl))) {
		tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
		t->nctl = 0;
	}
	c = &t->ctl[t->nctl++];
	*c = (struct ctl){ .kind = (uint8_t)kind, .fix = NONE, .else_fix = NONE, .stub_of = NONE };
	return c;
}

/* All operands are at home: from here on the block's parameters are its own. */
static struct ctl *begin(struct wasm_translator *t, const struct wasm_insn *in)
{
	struct ctl *c;

	tr_flush(t);
	c = push_ctl(t, in->row);
	block_type(t, in, c);
	c->height = t->sp - c->nparams;
	c->slot = t->sp > c->height ? t->stack[c->height].slot :
		  t->sp ? t->stack[t->sp - 1].slot + tr_slots(t->stack[t->sp - 1].type) : t->base;
	c->try_from = t->nops;
	return c;
}

/* The frame of the function itself. */
void tr_begin(struct wasm_translator *t)
{
	struct ctl *c = push_ctl(t, WASM_ROW_BLOCK);

	c->nresults = t->nresults;
	c->results = t->results;
	c->slot = (uint16_t)t->base;
	put_label(t);
}

static void push_types(struct wasm_translator *t, const struct wasm_type *types, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		tr_push(t, tr_type(t, types[i]));
}

static void begin_loop(struct wasm_translator *t, const struct wasm_insn *in)
{
	struct ctl *c = begin(t, in);

	c->pos = t->nops;
	put_label(t);
	if (tr_grow((void **)&t->loops, &t->cap_loops, t->nloops + 1, sizeof(*t->loops)))
		t->loops[t->nloops++] = (struct wasm_loop){ c->pos, 0 };
	else
		tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
}

static void begin_if(struct wasm_translator *t, const struct wasm_insn *in)
{
	struct tr_cond cond = tr_cond_pop(t);
	struct ctl *c;
	struct wasm_op *op;

	c = begin(t, in);
	cond.when = !cond.when;
	op = tr_cond_branch(t, &cond, false);
	c->else_fix = imm_word(t, op);
	*word(t, c->else_fix) = NONE;
	tr_fuel_begin(t);
}

/* ---- branches ---- */

/* From so many values on they are moved by one operation, so that what is
 * made of a branch does not grow with them. */
enum { MANY = 8 };

static void move_many(struct wasm_translator *t, uint32_t n, uint32_t slot)
{
	const struct ent *first = &t->stack[t->sp - n], *last = tr_top(t, 0);
	struct wasm_op *op;

	tr_home_top(t, n);
	if (first->slot == slot)
		return;
	op = tr_emit(t, wasm__op_movn, 1);
	op->d = (uint16_t)slot;
	op->a = first->slot;
	op->u32 = last->slot + tr_slots(last->type) - first->slot;
	for (uint32_t i = 0; i < ACCS; i++)
		tr_clobber(t, i);
}

/* Copy what the label wants to where it wants it. */
static void moves(struct wasm_translator *t, const struct ctl *c)
{
	const uint32_t n = arity(c);
	uint32_t slot = c->slot;

	if (n >= MANY) {
		move_many(t, n, slot);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct ent *e = &t->stack[t->sp - n + i];

		tr_copy(t, e, slot);
		slot += tr_slots(e->type);
	}
}
static bool in_place(const struct wasm_translator *t, const struct ctl *c)
{
	const uint32_t n = arity(c);
	uint32_t slot = c->slot;

	for (uint32_t i = 0; i < n; i++) {
		const struct ent *e = &t->stack[t->sp - n + i];

		if (e->kind != ENT_HOME || e->slot != slot)
			return false;
		slot += tr_slots(e->type);
	}
	return true;
}

/* Go to the label of c, from here on for good. */
static void branch(struct wasm_translator *t, struct ctl *c)
{
	if (is_function(t, c)) {
		tr_return(t);
		return;
	}
	moves(t, c);
	wait_for(t, c, imm_word(t, tr_emit(t, c->kind == WASM_ROW_LOOP ? wasm__op_br_back :
						   wasm__op_br, 1)));
}

/* Before a conditional branch to c: is it one without copies on its way?
 * What can be home at no cost for those who stay goes home. */
static bool direct(struct wasm_translator *t, const struct ctl *c)
{
	const uint32_t n = arity(c);

	if (is_function(t, c)) {
		if (n > 1 || (n == 1 && (tr_top(t, 0)->kind == ENT_CONST ||
					 tr_top(t, 0)->type == WASM_V128)))
			tr_home_top(t, n);
		return false;
	}
	if (n >= MANY || (n && t->stack[t->sp - n].slot == c->slot))
		tr_home_top(t, n);
	return in_place(t, c);
}

/* Nobody stays. */
static void branch_away(struct wasm_translator *t, struct ctl *c)
{
	if (!is_function(t, c))
		direct(t, c);
	branch(t, c);
}

/* A branch around what happens when the real one is taken. */
static void around(struct wasm_translator *t, struct ctl *c, uint32_t over)
{
	*word(t, over) = NONE;
	branch(t, c);
	resolve(t, over, t->nops);
	t->last.ok = false;
}

static void br_if(struct wasm_translator *t, uint32_t depth)
{
	struct tr_cond cond = tr_cond_pop(t);
	struct ctl *c = label(t, depth);

	if (direct(t, c)) {
		wait_for(t, c, imm_word(t, tr_cond_branch(t, &cond, c->kind == WASM_ROW_LOOP)));
	} else {
		cond.when = !cond.when;
		around(t, c, imm_word(t, tr_cond_branch(t, &cond, false)));
	}
	tr_fuel_begin(t);
}

/* The entry of a br_table: the label itself, or a stub that copies. */
static void table_entry(struct wasm_translator *t, uint32_t w, uint32_t depth, uint32_t table)
{
	struct ctl *c = label(t, depth);

	if (!is_function(t, c) && in_place(t, c)) {
		wait_for(t, c, w);
		return;
	}
	if (c->stub_of != table) {
		c->stub_of = table;
		c->stub = t->nops;
		branch(t, c);
	}
	*word(t, w) = (uint32_t)(((int64_t)c->stub - w / 4) * 16);
}

static void br_table(struct wasm_translator *t, const struct wasm_insn *in)
{
	const uint8_t *list = in->list;
	struct wasm_op *op;
	uint32_t table, last = 0;
	uint16_t slot;
	enum loc loc = tr_loc(t, tr_top(t, 0), &slot);

	for (uint32_t i = 0; i <= in->n; i++)
		last = wasm_op_next_label(&list);
	list = in->list;

	if (loc == LOC_I)
		slot = tr_slot(t, tr_top(t, 0));
	tr_pop(t, 1);
	/* All labels want as many values; a stub must find them unchanged. */
	tr_home_top(t, arity(label(t, last)));
	table = t->nops;
	op = tr_emit(t, loc == LOC_R ? wasm__op_br_table_r : wasm__op_br_table_s,
		     1 + (in->n + 1 + 3) / 4);
	op->a = slot;
	op->u32 = in->n;
	for (uint32_t i = 0; i <= in->n && !t->trap; i++)
		table_entry(t, (table + 1) * 4 + i, wasm_op_next_label(&list), table);
	t->dead = true;
}

/* br_on_null and so on: op tests slot a (or r) and goes. */
static void br_on(struct wasm_translator *t, struct ctl *c, bool null)
{
	static wasm_op_fn *const fns[2][2] = {
		{ wasm__op_br_nonnull_s, wasm__op_br_nonnull_r },
		{ wasm__op_br_null_s, wasm__op_br_null_r },
	};
	struct wasm_op *op;
	uint16_t slot;
	enum loc loc;

	/* br_on_null: the label wants what is below the reference, which stays
	 * on the stack if it is not null; br_on_non_null: the reference too. */
	if (tr_top(t, 0)->kind == ENT_CONST)
		tr_home(t, tr_top(t, 0));
	if (null) {
		struct ent save;
		bool ok;

		tr_home(t, tr_top(t, 0));
		save = *tr_top(t, 0);
		loc = tr_loc(t, &save, &slot);
		tr_pop(t, 1);
		ok = direct(t, c);
		op = tr_emit(t, fns[ok][loc == LOC_R], 1);
		op->a = slot;
		if (ok)
			wait_for(t, c, imm_word(t, op));
		else
			around(t, c, imm_word(t, op));
		tr_push(t, save.type)->kind = ENT_HOME;
	} else {
		bool ok = direct(t, c);

		loc = tr_loc(t, tr_top(t, 0), &slot);
		op = tr_emit(t, fns[!ok][loc == LOC_R], 1);
		op->a = slot;
		if (ok)
			wait_for(t, c, imm_word(t, op));
		else
			around(t, c, imm_word(t, op));
		tr_pop(t, 1);
	}
	tr_fuel_begin(t);
}

/* br_on_cast: the test in r, then as br_if. */
static void br_on_cast(struct wasm_translator *t, const struct wasm_insn *in)
{
	struct ctl *c = label(t, in->a);
	struct tr_cond cond = { .row = WASM_ROW_I32_EQZ, .form = FORM_R,
		.when = in->row == WASM_ROW_BR_ON_CAST_FAIL };
	bool ok;

	tr_home(t, tr_top(t, 0));
	tr_clobber_all(t);
	ok = direct(t, c);
	tr_ref_test(t, tr_top(t, 0)->slot, tr_canon_heap(t, in->heap2), in->flags >> 1 & 1);
	if (ok) {
		wait_for(t, c, imm_word(t, tr_cond_branch(t, &cond, c->kind == WASM_ROW_LOOP)));
	} else {
		cond.when = !cond.when;
		around(t, c, imm_word(t, tr_cond_branch(t, &cond, false)));
	}
	tr_fuel_begin(t);
}

/* ---- exception handlers ---- */

static void add_handler(struct wasm_translator *t, struct wasm_handler h)
{
	if (!tr_grow((void **)&t->handlers, &t->cap_handlers, t->nhandlers + 1, sizeof(h))) {
		tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
		return;
	}
	t->handlers[t->nhandlers++] = h;
}

static void landing(struct wasm_translator *t, struct ctl *c)
{
	struct wasm_op *op;

	if (!is_function(t, c)) {
		wait_for(t, c, imm_word(t, tr_emit(t, c->kind == WASM_ROW_LOOP ? wasm__op_br_back :
							   wasm__op_br, 1)));
		return;
	}
	/* The unwinder puts values there that nobody may ever have pushed. */
	if (c->slot + t->result_slots > t->max_slot)
		t->max_slot = c->slot + t->result_slots;
	op = tr_emit(t, wasm__op_retn, 1);
	op->d = (uint16_t)t->param_slots;
	op->a = c->slot;
	op->u32 = t->result_slots;
}

/* The catch clauses stand in front of the body; each gets a landing, a branch
 * to its label, which the body's code begins by jumping over. */
static void begin_try_table(struct wasm_translator *t, const struct wasm_insn *in)
{
	const uint8_t *list = in->list;
	uint32_t over, first;
	struct ctl *c;

	tr_flush(t);
	over = imm_word(t, tr_emit(t, wasm__op_br, 1));
	*word(t, over) = NONE;
	first = t->nops;
	/* Landings: the unwinder has put the values where the label wants
	 * them, so that each is a branch. */
	for (uint32_t i = 0; i < in->n; i++) {
		struct wasm_catch k;

		wasm_op_next_catch(&list, &k);
		landing(t, label(t, k.label));
	}
	resolve(t, over, t->nops);
	c = begin(t, in);
	c->pos = first;
	put_label(t);
	c->catches = in->list;
	c->ncatches = in->n;
}

/* The handlers of a try_table are known; they cover what was translated. */
static void end_try_table(struct wasm_translator *t, const struct ctl *c)
{
	const uint8_t *list = c->catches;

	for (uint32_t i = 0; i < c->ncatches; i++) {
		struct wasm_catch k;
		struct wasm_handler h = { .from = c->try_from, .end = t->nops, .to = c->pos + i,
			.depth = t->nctl };

		wasm_op_next_catch(&list, &k);
		h.kind = (uint8_t)(WASM_HANDLER_CATCH + k.kind);
		h.tag = k.tag;
		h.slot = label(t, k.label + 1)->slot;
		add_handler(t, h);
	}
}

/* ---- the ends of blocks ---- */

/* What the block starts with once more: its parameters at home. */
static void restart(struct wasm_translator *t, struct ctl *c)
{
	tr_pop(t, t->sp - c->height);
	push_types(t, c->params, c->nparams);
	t->flushed = t->sp;
	t->dead = false;
}

static void begin_else(struct wasm_translator *t)
{
	struct ctl *c = label(t, 0);

	if (!t->dead)
		branch_away(t, c);
	resolve(t, c->else_fix, t->nops);
	c->else_fix = NONE;
	c->kind = WASM_ROW_ELSE;
	restart(t, c);
	put_label(t);
}

static void end(struct wasm_translator *t)
{
	struct ctl *c = label(t, 0);
	const bool joined = c->fix != NONE || c->else_fix != NONE;

	if (is_function(t, c)) {
		if (!t->dead)
			tr_return(t);
		t->nctl = 0;
		return;
	}
	if (c->kind == WASM_ROW_TRY_TABLE)
		end_try_table(t, c);
	if (!t->dead && (joined || c->kind == WASM_ROW_CATCH)) {
		direct(t, c);
		moves(t, c);
	}
	if (c->kind == WASM_ROW_LOOP && !joined) {
		t->nctl--;
		return;
	}
	if (joined) {
		resolve(t, c->fix, t->nops);
		resolve(t, c->else_fix, t->nops);
	}
	if (joined || (!t->dead && c->kind == WASM_ROW_CATCH)) {
		const struct ctl block = *c;

		tr_pop(t, t->sp - c->height);
		push_types(t, block.results ? block.results : &block.one, block.nresults);
		t->flushed = t->sp;
		put_label(t);
		t->dead = false;
	}
	t->nctl--;
}

/* ---- legacy exceptions ----
 * In a catch the exception itself is an operand below the tag's values. */

static void legacy_catch(struct wasm_translator *t, const struct wasm_insn *in)
{
	struct ctl *c = label(t, 0);
	const bool all = in->row == WASM_ROW_CATCH_ALL;
	struct wasm_handler h = { .tag = in->a, .kind = all ? WASM_HANDLER_LEGACY_ALL :
		WASM_HANDLER_LEGACY, .depth = t->nctl };

	if (!t->dead)
		branch_away(t, c);
	if (c->kind == WASM_ROW_TRY)
		c->try_end = t->nops;
	c->kind = WASM_ROW_CATCH;
	h.from = c->try_from;
	h.end = c->try_end;
	h.to = t->nops;
	h.slot = c->slot;
	add_handler(t, h);
	tr_pop(t, t->sp - c->height);
	tr_push(t, WASM_REF);
	if (!all) {
		const struct wasm_deftype *d = wasm_type_get(t->st->types, t->m->tags[in->a].type);

		push_types(t, d->types, d->nparams);
	}
	t->flushed = t->sp;
	t->dead = false;
	put_label(t);
}

static void delegate(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct ctl *c = label(t, 0);
	struct wasm_handler h = { .from = c->try_from, .end = t->nops, .to = t->nctl - 1 - in->a,
		.depth = t->nctl, .kind = WASM_HANDLER_DELEGATE };

	add_handler(t, h);
	end(t);
}

bool tr_control(struct wasm_translator *t, const struct wasm_insn *in)
{
	switch (in->row) {
	case WASM_ROW_NOP:
		return true;
	case WASM_ROW_UNREACHABLE:
		tr_emit(t, wasm__op_unreachable, 1);
		t->dead = true;
		return true;
	case WASM_ROW_BLOCK:
	case WASM_ROW_TRY:
		begin(t, in);
		return true;
	case WASM_ROW_LOOP:
		begin_loop(t, in);
		return true;
	case WASM_ROW_IF:
		begin_if(t, in);
		return true;
	case WASM_ROW_ELSE:
		begin_else(t);
		return true;
	case WASM_ROW_TRY_TABLE:
		begin_try_table(t, in);
		return true;
	case WASM_ROW_CATCH:
	case WASM_ROW_CATCH_ALL:
		legacy_catch(t, in);
		return true;
	case WASM_ROW_DELEGATE:
		delegate(t, in);
		return true;
	case WASM_ROW_END:
		end(t);
		return true;
	case WASM_ROW_BR:
		branch_away(t, label(t, in->a));
		t->dead = true;
		return true;
	case WASM_ROW_BR_IF:
		br_if(t, in->a);
		return true;
	case WASM_ROW_BR_TABLE:
		br_table(t, in);
		return true;
	case WASM_ROW_RETURN:
		tr_return(t);
		t->dead = true;
		return true;
	case WASM_ROW_BR_ON_NULL:
	case WASM_ROW_BR_ON_NON_NULL:
		br_on(t, label(t, in->a), in->row == WASM_ROW_BR_ON_NULL);
		return true;
	case WASM_ROW_BR_ON_CAST:
	case WASM_ROW_BR_ON_CAST_FAIL:
		br_on_cast(t, in);
		return true;
	}
	return false;
}

/* The catch that a rethrow names. */
uint16_t tr_catch_slot(struct wasm_translator *t, uint32_t depth)
{
	return label(t, depth)->slot;
}
