/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of numeric instructions, conditions and selects: which form of
 * a row's handler fits where the operands are.
 */
#include <string.h>

#include "wasm/translate.h"

/* ---- what op.def says of a row, as numbers ---- */

enum { CLASS_NONE, CLASS_UN, CLASS_BIN };
struct shape {
	uint8_t class, result, operand;
	bool nan, cmp;
};
#define K_PURE1(r, t, ...) { CLASS_UN, WASM_##r, WASM_##t, false, false }
#define K_PURE2(r, t, ...) { CLASS_BIN, WASM_##r, WASM_##t, false, false }
#define K_NAN1(r, t, ...) { CLASS_UN, WASM_##r, WASM_##t, true, false }
#define K_NAN2(r, t, ...) { CLASS_BIN, WASM_##r, WASM_##t, true, false }
#define K_TRAP1(r, t, ...) { CLASS_UN, WASM_##r, WASM_##t, false, false }
#define K_TRAP2(r, t, ...) { CLASS_BIN, WASM_##r, WASM_##t, false, false }
#define K_CMP1(t, ...) { CLASS_UN, WASM_I32, WASM_##t, false, true }
#define K_CMP2(t, ...) { CLASS_BIN, WASM_I32, WASM_##t, false, true }
#define K_LOAD(...) { 0 }
#define K_STORE(...) { 0 }
#define K_ATOMIC_LOAD(...) { 0 }
#define K_ATOMIC_STORE(...) { 0 }
#define K_ATOMIC_RMW(...) { 0 }
#define K_ATOMIC_CMPXCHG(...) { 0 }
#define K_CONST { 0 }
#define K_CONTROL { 0 }
#define K_SPECIAL { 0 }
static const struct shape shapes[WASM_ROWS] = {
#define OP(id, code, text, imm, sig, sem) [WASM_ROW_##id] = K_##sem,
#define WASM_NO_SIMD
#include "wasm/op.def"
#undef OP
};

static bool commutes(unsigned row)
{
	switch (row) {
	case WASM_ROW_I32_ADD: case WASM_ROW_I32_MUL: case WASM_ROW_I32_AND:
	case WASM_ROW_I32_OR: case WASM_ROW_I32_XOR: case WASM_ROW_I32_EQ: case WASM_ROW_I32_NE:
	case WASM_ROW_I64_ADD: case WASM_ROW_I64_MUL: case WASM_ROW_I64_AND:
	case WASM_ROW_I64_OR: case WASM_ROW_I64_XOR: case WASM_ROW_I64_EQ: case WASM_ROW_I64_NE:
		return true;
	}
	return false;
}

/* a < b is b > a: the row with its operands exchanged; the row itself: none. */
static unsigned mirrored(unsigned row)
{
	switch (row) {
#define MIRROR(t, x, y) \
	case WASM_ROW_##t##_##x: return WASM_ROW_##t##_##y; \
	case WASM_ROW_##t##_##y: return WASM_ROW_##t##_##x;
	MIRROR(I32, LT_S, GT_S) MIRROR(I32, LT_U, GT_U) MIRROR(I32, LE_S, GE_S) MIRROR(I32, LE_U, GE_U)
	MIRROR(I64, LT_S, GT_S) MIRROR(I64, LT_U, GT_U) MIRROR(I64, LE_S, GE_S) MIRROR(I64, LE_U, GE_U)
	MIRROR(F32, LT, GT) MIRROR(F32, LE, GE) MIRROR(F64, LT, GT) MIRROR(F64, LE, GE)
#undef MIRROR
	}
	return row;
}

/* May the constant be an immediate of 32 bits (or, for f64, a unit)? */
static bool fits(unsigned type, uint64_t bits)
{
	return type != WASM_I64 || bits == (uint64_t)(int64_t)(int32_t)bits;
}


/* An operand of an operation in the making. */
struct operand {
	enum loc loc;
	uint16_t slot;
	uint64_t bits;
	bool only;              /* nowhere but in the accumulator */
};
static struct operand operand(const struct wasm_translator *t, const struct ent *e)
{
	struct operand o = { .only = e->kind == ENT_ACC };

	o.loc = tr_loc(t, e, &o.slot);
	if (o.loc == LOC_I)
		o.bits = e->bits;
	return o;
}

static void to_slot(struct wasm_translator *t, uint32_t from_top, struct operand *o)
{
	tr_home(t, tr_top(t, from_top));
	o->loc = LOC_S;
	o->slot = tr_top(t, from_top)->slot;
}

static const uint8_t form_of[3][3] = {
	[LOC_S] = { [LOC_S] = FORM_SS, [LOC_R] = FORM_SR, [LOC_I] = FORM_SI },
	[LOC_R] = { [LOC_S] = FORM_RS, [LOC_R] = 255, [LOC_I] = FORM_RI },
	[LOC_I] = { [LOC_S] = FORM_IS, [LOC_R] = FORM_IR, [LOC_I] = 255 },
};

static void exchange(struct operand *a, struct operand *b)
{
	struct operand x = *a;

	*a = *b;
	*b = x;
}

static void canonical(struct wasm_translator *t, unsigned type)
{
	const bool is32 = type == WASM_F32;

	tr_emit(t, is32 ? wasm__op_canon_f32_r : wasm__op_canon_f64_r, 1);
	tr_mark(t, WASM_ROW_F64_ADD, 0, 1);
	tr_push_acc(t, type, t->nops - 1, is32 ? wasm__op_canon_f32_s : wasm__op_canon_f64_s);
}

/* The row's handler in a form, of this processor. */
static wasm_op_fn *handler(const struct wasm_translator *t, unsigned row, unsigned form)
{
	wasm_op_fn *fn = t->simd.num ? wasm__num_at(t->simd.num, row, form) : NULL;

	return fn ? fn : wasm__num_at(wasm__h_num, row, form);
}

/* The row's handler in a form has been chosen; operands are popped. */
static void finish(struct wasm_translator *t, unsigned row, unsigned form, unsigned len,
		   struct operand a, struct operand b)
{
	const struct shape *s = &shapes[row];
	const unsigned acc = tr_acc_of(s->result);
	const int32_t before = t->acc_slot[ACC_INT];
	const struct last last = t->last;
	struct wasm_op *op;

	tr_clobber(t, acc);
	op = tr_emit(t, handler(t, row, form), len);
	if (a.loc == LOC_I) {           /* the second is where the first would be */
		const struct operand x = a;

		a = b;
		b = x;
	}
	op->a = a.slot;
	if (b.loc == LOC_I && len == 2)
		memcpy(op + 1, &b.bits, 8);
	else if (b.loc == LOC_I)
		op->imm = (int32_t)b.bits;
	else
		op->b = b.slot;
	t->before = last;
	tr_mark(t, (uint16_t)row, (uint8_t)form, len);
	t->last.acc_before = before;
	if (t->det && s->nan) {
		t->acc_slot[acc] = -1;
		canonical(t, s->result);
		return;
	}
	tr_push_acc(t, s->result, t->last.pos, handler(t, row, form + FORM_D));
}

static void binary(struct wasm_translator *t, unsigned row)
{
	const unsigned type = shapes[row].operand;
	struct operand a = operand(t, tr_top(t, 1)), b = operand(t, tr_top(t, 0));
	unsigned form, len = 1;

	if (a.loc == LOC_I && b.loc == LOC_I)
		to_slot(t, 1, &a);
	if (a.loc == LOC_I) {
		const unsigned other = commutes(row) ? row : mirrored(row);

		if (fits(type, a.bits) && (commutes(row) || other != row)) {
			exchange(&a, &b);
			row = other;
		} else if (type == WASM_I64) {
			to_slot(t, 1, &a);
		}
	}
	/* One of the two may be in the accumulator. */
	if (a.loc == LOC_R && b.loc == LOC_R) {
		if (b.only)
			a.loc = LOC_S;
		else
			b.loc = LOC_S;
	}
	form = form_of[a.loc][b.loc];
	if (b.loc == LOC_I && !fits(type, b.bits)) {
		form = a.loc == LOC_R ? FORM_RK : FORM_SK;
		len = 2;
	} else if ((b.loc == LOC_I || a.loc == LOC_I) && type == WASM_F64) {
		len = 2;
	}
	tr_pop(t, 2);
	finish(t, row, form, len, a, b);
}

/* A float test made into 0 or 1 and then negated: remembered for branches. */
static void unary(struct wasm_translator *t, unsigned row)
{
	struct operand a, none = { .loc = LOC_S };

	/* An integer test negated is another test. */
	if (row == WASM_ROW_I32_EQZ && tr_top(t, 0)->kind == ENT_ACC && t->last.ok &&
	    t->last.pos == tr_top(t, 0)->at && shapes[t->last.row].cmp) {
		static const uint8_t not_[] = {
			/* EQ NE LT_S LT_U GT_S GT_U LE_S LE_U GE_S GE_U */
			1, 0, 8, 9, 6, 7, 4, 5, 2, 3,
		};
		unsigned first = 0, form = t->last.form, now;

		if (t->last.row >= WASM_ROW_I32_EQ && t->last.row <= WASM_ROW_I32_GE_U)
			first = WASM_ROW_I32_EQ;
		else if (t->last.row >= WASM_ROW_I64_EQ && t->last.row <= WASM_ROW_I64_GE_U)
			first = WASM_ROW_I64_EQ;
		if (first) {
			now = first + not_[t->last.row - first];
			t->ops[t->last.pos].fn = wasm__num_at(wasm__h_num, now, form);
			tr_top(t, 0)->store = wasm__num_at(wasm__h_num, now, form + FORM_D);
			t->last.row = (uint16_t)now;
			return;
		}
	}
	a = operand(t, tr_top(t, 0));
	if (a.loc == LOC_I)
		to_slot(t, 0, &a);
	tr_pop(t, 1);
	finish(t, row, a.loc == LOC_R ? FORM_R : FORM_S, 1, a, none);
}

/* i64.extend_i32_u: an i32 is zero-extended wherever it is. */
static void extend_u(struct wasm_translator *t)
{
	tr_top(t, 0)->type = WASM_I64;
}

bool tr_numeric(struct wasm_translator *t, const struct wasm_insn *in)
{
	const unsigned row = in->row;

	switch (row) {
	case WASM_ROW_I32_CONST:
		tr_push_const(t, WASM_I32, (uint32_t)in->i32);
		return true;
	case WASM_ROW_I64_CONST:
		tr_push_const(t, WASM_I64, (uint64_t)in->i64);
		return true;
	case WASM_ROW_F32_CONST:
		tr_push_const(t, WASM_F32, in->f32);
		return true;
	case WASM_ROW_F64_CONST:
		tr_push_const(t, WASM_F64, in->f64);
		return true;
	case WASM_ROW_I64_EXTEND_I32_U:
		extend_u(t);
		return true;
	}
	switch (shapes[row].class) {
	case CLASS_UN:
		unary(t, row);
		return true;
	case CLASS_BIN:
		binary(t, row);
		return true;
	}
	return false;
}

/* ---- conditions ---- */

/* The last operation is a test whose result only the condition uses. */
static bool last_is_test(const struct wasm_translator *t, const struct ent *e)
{
	return e->kind == ENT_ACC && t->last.ok && t->last.pos == e->at &&
	       (shapes[t->last.row].cmp || t->last.row == WASM_ROW_I32_AND);
}

/* Can the test be a branch's, and with which operands? */
static bool as_branch(const struct wasm_translator *t, const struct last *l, struct tr_cond *c)
{
	const struct wasm_op *op = &t->ops[l->pos];

	c->row = l->row;
	c->form = l->form;
	c->a = op->a;
	c->d = op->b;
	if (shapes[l->row].class == CLASS_UN)
		return true;
	if (l->form <= FORM_SR && l->form != FORM_SI)
		return true;
	if (l->form == FORM_RI) {
		uint32_t bits = op->u32;
		bool ok = true;

		if (shapes[l->row].operand == WASM_F64) {
			double v;
			float f;

			memcpy(&v, op + 1, 8);
			f = (float)v;
			ok = (double)f == v;
			memcpy(&bits, &f, 4);
		}
		c->d = (uint16_t)bits;
		c->a = (uint16_t)(bits >> 16);
		return ok;
	}
	if (l->form != FORM_SI)
		return false;
	switch (shapes[l->row].operand) {
	case WASM_I32:
	case WASM_I64:
		c->d = (uint16_t)op->imm;
		return op->imm == (int16_t)op->imm;
	case WASM_F64: {
		double v;

		memcpy(&v, op + 1, 8);
		c->d = (uint16_t)(int16_t)(v >= -32768 && v <= 32767 ? v : 0);
		return v == (double)(int16_t)c->d;
	}
	default: {
		float v;

		memcpy(&v, &op->u32, 4);
		c->d = (uint16_t)(int16_t)(v >= -32768 && v <= 32767 ? v : 0);
		return v == (float)(int16_t)c->d;
	}
	}
}

struct tr_cond tr_cond_pop(struct wasm_translator *t)
{
	struct ent *e = tr_top(t, 0);
	struct tr_cond c = { .when = true };
	struct operand o;

	if (last_is_test(t, e)) {
		/* Under an eqz of it stands a float test, whose negation is
		 * no other float test: NaN. */
		if (t->last.row == WASM_ROW_I32_EQZ && t->last.form == FORM_R && t->before.ok &&
		    (shapes[t->before.row].cmp || t->before.row == WASM_ROW_I32_AND) && t->before.pos + t->before.len == t->last.pos) {
			const struct last test = t->before;

			if (as_branch(t, &test, &c)) {
				tr_pop(t, 1);
				tr_unemit(t);
				t->last = test;
				tr_unemit(t);
				c.when = false;
				return c;
			}
			c.when = true;
		}
		if (as_branch(t, &t->last, &c)) {
			tr_pop(t, 1);
			tr_unemit(t);
			return c;
		}
	}
	o = operand(t, e);
	if (o.loc == LOC_I)
		to_slot(t, 0, &o);
	tr_pop(t, 1);
	c.row = WASM_ROW_I32_EQZ;
	c.form = o.loc == LOC_R ? FORM_R : FORM_S;
	c.a = o.slot;
	c.when = false;
	return c;
}

struct wasm_op *tr_cond_branch(struct wasm_translator *t, const struct tr_cond *c, bool back)
{
	const unsigned cmp = c->row == WASM_ROW_I32_AND ? WASM_CMP_TEST32 : c->row - WASM_CMP_FIRST;
	struct wasm_op *op = tr_emit(t, wasm__br_handler(cmp, c->when, back, c->form), 1);

	op->a = c->a;
	op->d = c->d;
	return op;
}

/* ---- select ---- */

void tr_select(struct wasm_translator *t)
{
	static wasm_op_fn *const fns[ACCS][2][2] = {
		{ { wasm__op_select_s_r, wasm__op_select_s_s },
		  { wasm__op_select_r_r, wasm__op_select_r_s } },
		{ { wasm__op_select_f32_s_r, wasm__op_select_f32_s_s },
		  { wasm__op_select_f32_r_r, wasm__op_select_f32_r_s } },
		{ { wasm__op_select_f64_s_r, wasm__op_select_f64_s_s },
		  { wasm__op_select_f64_r_r, wasm__op_select_f64_r_s } },
	};
	const unsigned type = tr_top(t, 1)->type, acc = tr_acc_of(type);
	struct operand c = operand(t, tr_top(t, 0));
	uint16_t a, b;
	struct wasm_op *op;

	if (c.loc == LOC_I || (c.loc == LOC_R && type == WASM_V128))
		to_slot(t, 0, &c);
	a = tr_slot(t, tr_top(t, 2));
	b = tr_slot(t, tr_top(t, 1));
	tr_pop(t, 3);
	if (acc == ACC_NONE) {
		op = tr_emit(t, wasm__op_select_v128, 1);
		op->d = tr_push(t, type)->slot;
		op->a = a, op->b = b, op->c = c.slot;
		tr_wrote(t, op->d);
		return;
	}
	tr_clobber(t, acc);
	op = tr_emit(t, fns[acc][c.loc == LOC_R][0], 1);
	op->a = a, op->b = b, op->c = c.slot;
	tr_mark(t, WASM_ROW_SELECT, 0, 1);
	tr_push_acc(t, type, t->nops - 1, fns[acc][c.loc == LOC_R][1]);
}
