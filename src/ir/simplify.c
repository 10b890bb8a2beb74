/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one instruction can become without looking at control flow: folding
 * of constants (by the row's meaning), the row's algebraic rules, and the
 * rules below, which join a few rows.  Used while building and by the pass
 * `simplify`.  Every rule holds for all values: tests build random expressions
 * with and without them and compare.
 */
#include "ir/internal.h"

static bool konst(const struct ir_func *f, ir_ref v, uint64_t *c)
{
	if (!ir_is_const(f, v))
		return false;
	*c = ir_const_bits(f, v);
	return true;
}

static bool is(const struct ir_func *f, ir_ref v, enum ir_op op) { return f->insn[v].op == op; }
static bool is_cmp(const struct ir_func *f, ir_ref v) { return ir_rows[f->insn[v].op].flags & IR_CMP; }
static unsigned width(unsigned t) { return t == IR_I64 ? 64 : 32; }
static uint64_t ones(unsigned t) { return t == IR_I64 ? ~0ull : 0xffffffff; }

static ir_ref make(struct ir_func *f, enum ir_op op, unsigned ct, ir_ref a, ir_ref b)
{
	return ir_emit(f, op, (enum ir_type)ct, a, b, 0, 0, 0);
}

/* x op y = y mirror(op) x; its own when there is none. */
static enum ir_op mirror(unsigned op)
{
	switch (op) {
	case IR_LT_S: return IR_GT_S;
	case IR_GT_S: return IR_LT_S;
	case IR_LT_U: return IR_GT_U;
	case IR_GT_U: return IR_LT_U;
	case IR_LE_S: return IR_GE_S;
	case IR_GE_S: return IR_LE_S;
	case IR_LE_U: return IR_GE_U;
	case IR_GE_U: return IR_LE_U;
	case IR_FLT: return IR_FGT;
	case IR_FGT: return IR_FLT;
	case IR_FLE: return IR_FGE;
	case IR_FGE: return IR_FLE;
	default: return op;
	}
}

/* The test that is true when op is not; NOP when there is none. */
static enum ir_op inverse(unsigned op)
{
	switch (op) {
	case IR_EQ: return IR_NE;
	case IR_NE: return IR_EQ;
	case IR_LT_S: return IR_GE_S;
	case IR_GE_S: return IR_LT_S;
	case IR_LT_U: return IR_GE_U;
	case IR_GE_U: return IR_LT_U;
	case IR_GT_S: return IR_LE_S;
	case IR_LE_S: return IR_GT_S;
	case IR_GT_U: return IR_LE_U;
	case IR_LE_U: return IR_GT_U;
	case IR_FEQ: return IR_FNE;
	case IR_FNE: return IR_FEQ;
	default: return IR_NOP;
	}
}

/* Constants to the right; otherwise the older value to the left. */
static void canonical_order(struct ir_func *f, struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;
	enum ir_op m = flags & IR_COMM ? i->op : mirror(i->op);
	bool c0, c1;
	ir_ref t;

	if (!(flags & (IR_COMM | IR_CMP)) || (!(flags & IR_COMM) && m == i->op))
		return;
	c0 = ir_is_const(f, i->a[0]), c1 = ir_is_const(f, i->a[1]);
	if (c0 == c1 ? (flags & IR_COMM) && i->a[0] > i->a[1] : c0) {
		t = i->a[0], i->a[0] = i->a[1], i->a[1] = t;
		i->op = (uint8_t)m;
	}
}

static ir_ref fold(struct ir_func *f, const struct ir_insn *i)
{
	const struct ir_row *row = &ir_rows[i->op];
	union ir_value v[3], r;
	uint8_t fp;

	for (unsigned k = 0; k < row->nargs; k++) {
		if (!ir_is_const(f, i->a[k]))
			return 0;
		ir__value_of(f, i->a[k], &v[k]);
	}
	if (!row->nargs || ((row->flags & IR_FP) && (i->aux & IR_FP_RM) > 3))
		return 0;
	if (!ir_compute(i->op, i->ct, i->aux, i->imm, &v[0], &v[1], &v[2], &r, &fp))
		return 0;
	if ((row->flags & IR_FP) && (i->aux & IR_FP_FLAGS) && fp)
		return 0;
	return ir__const_of(f, i->type, &r);
}

/* The column `rules`: what the row says of itself. */
static ir_ref by_row(struct ir_func *f, struct ir_insn *i)
{
	const struct ir_row *row = &ir_rows[i->op];
	uint32_t r = row->rules;
	ir_ref x = i->a[0], y = i->a[1];
	uint64_t c;

	if (!r)
		return 0;
	if (row->nargs == 1) {
		if ((r & IR_SELF) && is(f, x, i->op) && f->insn[x].ct == i->ct)
			return f->insn[x].a[0];
		if ((r & IR_IDEM) && is(f, x, i->op) && f->insn[x].ct == i->ct)
			return x;
		return 0;
	}
	if (x == y) {
		if (r & IR_RX_X)
			return x;
		if (r & (IR_RX_0 | IR_RX_1))
			return ir_const(f, i->type, r & IR_RX_1 ? 1 : 0);
	}
	if (konst(f, x, &c)) {
		if ((c == 0 && (r & IR_L0_0)) || (c == ones(i->ct) && (r & IR_LM_M)))
			return ir_const(f, i->type, c);
	}
	if (!konst(f, y, &c))
		return 0;
	if (c == 0) {
		if (r & IR_R0_X)
			return x;
		if (r & (IR_R0_0 | IR_R0_1 | IR_R0_M))
			return ir_const(f, i->type, r & IR_R0_1 ? 1 : r & IR_R0_M ? ones(i->type) : 0);
	} else if (c == 1) {
		if (r & IR_R1_X)
			return x;
		if (r & IR_R1_0)
			return ir_const(f, i->type, 0);
	} else if (c == ones(i->ct)) {
		if (r & IR_RM_X)
			return x;
		if (r & (IR_RM_M | IR_RM_0 | IR_RM_1))
			return ir_const(f, i->type, r & IR_RM_M ? ones(i->type) : r & IR_RM_1 ? 1 : 0);
	}
	if ((r & IR_ASSOC) && is(f, x, i->op) && f->insn[x].ct == i->ct && ir_is_const(f, f->insn[x].a[1]))
		return make(f, i->op, i->ct, f->insn[x].a[0], make(f, i->op, i->ct, f->insn[x].a[1], y));
	return 0;
}

/* ---- extensions ---------------------------------------------------------------- */

/* Is the i64 v equal to its low half sign-extended (zero-extended)? */
static bool extended(const struct ir_func *f, ir_ref v, bool sign)
{
	const struct ir_insn *i = &f->insn[v];
	uint64_t c;

	switch (i->op) {
	case IR_CONST:
		c = ir_const_bits(f, v);
		return sign ? (int64_t)c == (int32_t)c : c == (uint32_t)c;
	case IR_EXT_S:
		return sign;
	case IR_EXT_U:
		return !sign || is_cmp(f, i->a[0]);
	case IR_LOAD:
	case IR_GETSTATE:
		return i->ct == IR_U8 || i->ct == IR_U16 ||
		       (sign ? i->ct == IR_S8 || i->ct == IR_S16 || i->ct == IR_S32 : i->ct == IR_U32);
	case IR_AND:
		return konst(f, i->a[1], &c) && (sign ? c <= INT32_MAX : c <= UINT32_MAX);
	case IR_SHR_U:
		return konst(f, i->a[1], &c) && (c & 63) >= (sign ? 33 : 32);
	case IR_SHR_S:
		return sign && konst(f, i->a[1], &c) && (c & 63) >= 32;
	case IR_EXT8_S:
	case IR_EXT16_S:
		return sign;
	case IR_CLZ: case IR_CTZ: case IR_POPCNT:
		return true;
	default:
		return false;
	}
}

/* The i32 below an extended value (or a constant), 0 when there is none at hand. */
static ir_ref low_half(struct ir_func *f, ir_ref v)
{
	uint64_t c;

	if (is(f, v, IR_EXT_S) || is(f, v, IR_EXT_U))
		return f->insn[v].a[0];
	if (konst(f, v, &c))
		return ir_i32(f, (uint32_t)c);
	return 0;
}

/* wrap(x op y) = wrap(x) op wrap(y): where the halves are at hand. */
static ir_ref simplify_wrap(struct ir_func *f, struct ir_insn *i)
{
	struct ir_insn x = f->insn[i->a[0]];
	ir_ref p, q;
	uint64_t c;

	switch (x.op) {
	case IR_EXT_S:
	case IR_EXT_U:
		return x.a[0];
	case IR_BOX:
		return make(f, IR_BITS32, 0, x.a[0], 0);
	case IR_SHL:
		if (!konst(f, x.a[1], &c) || (c & 63) > 31)
			return 0;
		p = low_half(f, x.a[0]);
		return p ? make(f, IR_SHL, IR_I32, p, ir_i32(f, (uint32_t)c & 63)) : 0;
	case IR_ADD: case IR_SUB: case IR_MUL: case IR_AND: case IR_OR: case IR_XOR:
		p = low_half(f, x.a[0]);
		q = low_half(f, x.a[1]);
		return p && q ? make(f, x.op, IR_I32, p, q) : 0;
	default:
		return 0;
	}
}

static ir_ref simplify_ext(struct ir_func *f, struct ir_insn *i)
{
	ir_ref x = i->a[0];

	if (is(f, x, IR_WRAP) && extended(f, f->insn[x].a[0], i->op == IR_EXT_S))
		return f->insn[x].a[0];
	if (i->op == IR_EXT_S && is_cmp(f, x))
		return make(f, IR_EXT_U, 0, x, 0);
	return 0;
}

/* ---- arithmetic ------------------------------------------------------------------ */

static ir_ref simplify_add(struct ir_func *f, struct ir_insn *i)
{
	for (unsigned k = 0; k < 2; k++) {
		ir_ref x = i->a[k], y = i->a[1 - k];
		uint64_t c;

		if (!is(f, x, IR_SUB))
			continue;
		if (f->insn[x].a[1] == y) /* (p - y) + y */
			return f->insn[x].a[0];
		if (konst(f, f->insn[x].a[0], &c) && c == 0) /* (0 - p) + y */
			return make(f, IR_SUB, i->ct, y, f->insn[x].a[1]);
	}
	return 0;
}

static ir_ref simplify_sub(struct ir_func *f, struct ir_insn *i)
{
	ir_ref x = i->a[0], y = i->a[1];
	uint64_t c;

	if (konst(f, y, &c))
		return make(f, IR_ADD, i->ct, x, ir_const(f, i->ct, 0 - c));
	if (is(f, x, IR_ADD) && f->insn[x].a[0] == y)
		return f->insn[x].a[1];
	if (is(f, x, IR_ADD) && f->insn[x].a[1] == y)
		return f->insn[x].a[0];
	return 0;
}

static ir_ref simplify_mul(struct ir_func *f, struct ir_insn *i)
{
	uint64_t c;

	if (!konst(f, i->a[1], &c))
		return 0;
	if (is_pow2(c))
		return make(f, IR_SHL, i->ct, i->a[0], ir_const(f, i->ct, (uint64_t)__builtin_ctzll(c)));
	if (c == ones(i->ct))
		return make(f, IR_SUB, i->ct, ir_const(f, i->ct, 0), i->a[0]);
	return 0;
}

static ir_ref simplify_div(struct ir_func *f, struct ir_insn *i)
{
	uint64_t c;

	if (!konst(f, i->a[1], &c) || !is_pow2(c))
		return 0;
	if (i->op == IR_DIV_U)
		return make(f, IR_SHR_U, i->ct, i->a[0], ir_const(f, i->ct, (uint64_t)__builtin_ctzll(c)));
	if (i->op == IR_REM_U)
		return make(f, IR_AND, i->ct, i->a[0], ir_const(f, i->ct, c - 1));
	return 0;
}

/* A shift of a shift by constants: one shift, a mask, or an extension. */
static ir_ref shift_of_shift(struct ir_func *f, struct ir_insn *i, unsigned n)
{
	struct ir_insn x = f->insn[i->a[0]];
	unsigned w = width(i->ct), m;
	uint64_t c;

	if ((x.op != IR_SHL && x.op != IR_SHR_U && x.op != IR_SHR_S) || x.ct != i->ct || !konst(f, x.a[1], &c))
		return 0;
	m = (unsigned)c & (w - 1);
	if (x.op == i->op) {
		if (n + m < w)
			return make(f, i->op, i->ct, x.a[0], ir_const(f, i->ct, n + m));
		if (i->op == IR_SHR_S)
			return make(f, i->op, i->ct, x.a[0], ir_const(f, i->ct, w - 1));
		return ir_const(f, i->ct, 0);
	}
	if (n != m)
		return 0;
	if (i->op == IR_SHL) /* the low bits cleared */
		return make(f, IR_AND, i->ct, x.a[0], ir_const(f, i->ct, ones(i->ct) << n));
	if (x.op != IR_SHL)
		return 0;
	if (i->op == IR_SHR_U)
		return make(f, IR_AND, i->ct, x.a[0], ir_const(f, i->ct, ones(i->ct) >> n));
	if (w - n == 8 || w - n == 16)
		return make(f, w - n == 8 ? IR_EXT8_S : IR_EXT16_S, i->ct, x.a[0], 0);
	if (w - n == 32)
		return make(f, IR_EXT_S, 0, make(f, IR_WRAP, 0, x.a[0], 0), 0);
	return 0;
}

static ir_ref simplify_shift(struct ir_func *f, struct ir_insn *i)
{
	unsigned w = width(i->ct);
	uint64_t c;

	if (!konst(f, i->a[1], &c)) {
		/* The count is taken modulo the width anyway. */
		struct ir_insn *y = &f->insn[i->a[1]];

		if (y->op == IR_AND && konst(f, y->a[1], &c) && (c & (w - 1)) == w - 1)
			i->a[1] = y->a[0];
		return 0;
	}
	if (c >= w)
		return make(f, i->op, i->ct, i->a[0], ir_const(f, i->ct, c & (w - 1)));
	if (i->op == IR_ROTR)
		return make(f, IR_ROTL, i->ct, i->a[0], ir_const(f, i->ct, (w - c) & (w - 1)));
	if (i->op == IR_ROTL)
		return 0;
	return shift_of_shift(f, i, (unsigned)c);
}

static ir_ref simplify_and(struct ir_func *f, struct ir_insn *i)
{
	uint64_t c;

	if (i->ct == IR_I64 && konst(f, i->a[1], &c)) {
		if (c == 0xffffffff)
			return make(f, IR_EXT_U, 0, make(f, IR_WRAP, 0, i->a[0], 0), 0);
		if (is(f, i->a[0], IR_EXT_U) && c >> 32)
			return make(f, IR_AND, IR_I64, i->a[0], ir_i64(f, (uint32_t)c));
	}
	if (konst(f, i->a[1], &c) && c == 1) {
		ir_ref x = i->a[0];

		if (i->ct == IR_I32 ? is_cmp(f, x) : is(f, x, IR_EXT_U) && is_cmp(f, f->insn[x].a[0]))
			return x;
	}
	return 0;
}

/* ---- tests ------------------------------------------------------------------------- */

/* x == 0 or x != 0 */
static ir_ref against_zero(struct ir_func *f, struct ir_insn *i)
{
	ir_ref v = i->a[0];
	struct ir_insn x = f->insn[v];
	enum ir_op inv;

	if (x.op == IR_EXT_U || x.op == IR_EXT_S)
		return make(f, i->op, IR_I32, x.a[0], ir_i32(f, 0));
	if (x.op == IR_SUB || x.op == IR_XOR)
		return make(f, i->op, i->ct, x.a[0], x.a[1]);
	if (!is_cmp(f, v))
		return 0;
	if (i->op == IR_NE)
		return v;
	inv = inverse(x.op);
	return inv ? ir_emit(f, inv, x.ct, x.a[0], x.a[1], 0, 0, x.aux) : 0;
}

/* Both sides are extended from i32: the order is the halves'. */
static ir_ref narrow_test(struct ir_func *f, struct ir_insn *i)
{
	static const uint8_t to_unsigned[IR_OPS] = { [IR_LT_S] = IR_LT_U, [IR_GT_S] = IR_GT_U,
						     [IR_LE_S] = IR_LE_U, [IR_GE_S] = IR_GE_U };
	ir_ref x = i->a[0], y = i->a[1];
	unsigned op = i->op;
	bool sign = is(f, x, IR_EXT_S);

	if (!sign && !is(f, x, IR_EXT_U))
		return 0;
	if (!(ir_is_const(f, y) ? extended(f, y, sign) : is(f, y, sign ? IR_EXT_S : IR_EXT_U)))
		return 0;
	if (!sign && to_unsigned[op])
		op = to_unsigned[op];
	return make(f, op, IR_I32, f->insn[x].a[0], low_half(f, y));
}

static ir_ref simplify_test(struct ir_func *f, struct ir_insn *i)
{
	ir_ref x = i->a[0], y = i->a[1];
	uint64_t c, d;

	if (i->ct == IR_I64) {
		ir_ref r = narrow_test(f, i);

		if (r)
			return r;
	}
	if (!konst(f, y, &c))
		return 0;
	if (i->op == IR_EQ || i->op == IR_NE) {
		if (c == 0)
			return against_zero(f, i);
		if (is(f, x, IR_ADD) && konst(f, f->insn[x].a[1], &d))
			return make(f, i->op, i->ct, f->insn[x].a[0], ir_const(f, i->ct, c - d));
		return 0;
	}
	if ((i->op == IR_LT_U && c == 1) || (i->op == IR_LE_U && c == 0))
		return make(f, IR_EQ, i->ct, x, ir_const(f, i->ct, 0));
	if ((i->op == IR_GE_U && c == 1) || (i->op == IR_GT_U && c == 0))
		return make(f, IR_NE, i->ct, x, ir_const(f, i->ct, 0));
	return 0;
}

static ir_ref simplify_select(struct ir_func *f, struct ir_insn *i)
{
	ir_ref v = i->a[0];
	struct ir_insn *x = &f->insn[v];
	uint64_t c, d;

	if (konst(f, v, &c))
		return c ? i->a[1] : i->a[2];
	if (i->a[1] == i->a[2])
		return i->a[1];
	if ((x->op == IR_EQ || x->op == IR_NE) && x->ct == IR_I32 && konst(f, x->a[1], &c) && c == 0) {
		ir_ref t = x->op == IR_EQ ? i->a[2] : i->a[1];
		ir_ref e = x->op == IR_EQ ? i->a[1] : i->a[2];

		return ir_emit(f, IR_SELECT, i->ct, x->a[0], t, e, 0, 0);
	}
	if (is_cmp(f, v) && konst(f, i->a[1], &c) && konst(f, i->a[2], &d) && c == 1 && d == 0) {
		if (i->ct == IR_I32)
			return v;
		if (i->ct == IR_I64)
			return make(f, IR_EXT_U, 0, v, 0);
	}
	return 0;
}

/* op(inverse(x)) = x for the pairs of moves between files of registers */
static ir_ref cancel(struct ir_func *f, struct ir_insn *i, enum ir_op inner)
{
	return is(f, i->a[0], inner) ? f->insn[i->a[0]].a[0] : 0;
}

static ir_ref by_hand(struct ir_func *f, struct ir_insn *i)
{
	switch (i->op) {
	case IR_ADD: return simplify_add(f, i);
	case IR_SUB: return simplify_sub(f, i);
	case IR_MUL: return simplify_mul(f, i);
	case IR_DIV_U:
	case IR_REM_U: return simplify_div(f, i);
	case IR_SHL: case IR_SHR_U: case IR_SHR_S: case IR_ROTL: case IR_ROTR: return simplify_shift(f, i);
	case IR_AND: return simplify_and(f, i);
	case IR_WRAP: return simplify_wrap(f, i);
	case IR_EXT_S:
	case IR_EXT_U: return simplify_ext(f, i);
	case IR_EQ: case IR_NE: case IR_LT_S: case IR_LT_U: case IR_GT_S: case IR_GT_U:
	case IR_LE_S: case IR_LE_U: case IR_GE_S: case IR_GE_U: return simplify_test(f, i);
	case IR_SELECT: return simplify_select(f, i);
	case IR_BITS32: return cancel(f, i, IR_OF32);
	case IR_BITS64: return cancel(f, i, IR_OF64);
	case IR_OF32: return cancel(f, i, IR_BITS32);
	case IR_OF64: return cancel(f, i, IR_BITS64);
	case IR_UNBOX: return cancel(f, i, IR_BOX);
	default: return 0;
	}
}

/* Conditions: only whether they are 0 counts. */
static void strip_condition(struct ir_func *f, struct ir_insn *i)
{
	for (;;) {
		struct ir_insn *x = &f->insn[i->a[0]];
		uint64_t c;

		if (x->op == IR_NE && x->ct == IR_I32 && konst(f, x->a[1], &c) && c == 0)
			i->a[0] = x->a[0];
		else
			return;
	}
}

ir_ref ir__simplify(struct ir_func *f, struct ir_insn *i)
{
	ir_ref r;

	if (i->op == IR_GUARD || i->op == IR_BRANCH)
		strip_condition(f, i);
	if (!(ir_rows[i->op].flags & IR_PURE))
		return 0;
	canonical_order(f, i);
	r = fold(f, i);
	if (!r)
		r = by_row(f, i);
	return r ? r : by_hand(f, i);
}
