/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection for x86-64: what all selectors share (operands,
 * addresses, conditions, folding), and the integers.
 *
 * 32-bit values have zeros in the upper half of their register, always.
 */
#include "jit/x64/x64.h"

#include <string.h>

#include "base/bits.h"

struct jit_mi *x64__mi(struct jit_lower *l, unsigned op, unsigned form, unsigned w)
{
	return jit__mi(l, op, form, w);
}

void x64__put_rm(struct jit_lower *l, const struct x64__rm *rm, uint32_t flags)
{
	struct jit_mi *mi = &l->group[l->ngroup - 1];

	mi->mem = rm->mem;
	if (!rm->mem) {
		jit__use(l, rm->reg, JIT_USE | JIT_MEM | flags);
		return;
	}
	mi->disp = rm->disp;
	mi->data = rm->data;
	mi->high = rm->high;
	if (rm->mem & X64__BASE)
		jit__use(l, rm->base, JIT_USE | flags);
	if (rm->mem & X64__INDEX)
		jit__use(l, rm->index, JIT_USE | flags);
	if (rm->exit)
		jit__exit(l, rm->exit, flags & JIT_LATE);
}

struct x64__rm x64__rm_const(uint64_t lo, uint64_t hi)
{
	return (struct x64__rm){ .mem = X64__IS_MEM | X64__RIP, .data = lo, .high = hi };
}

struct x64__rm x64__rm_reg(uint32_t reg) { return (struct x64__rm){ .reg = reg }; }

/* ---- addresses --------------------------------------------------------------- */

static bool fits(int64_t v) { return v == (int32_t)v; }

/* A constant that is added to v goes to the displacement. */
static ir_ref peel(const struct ir_func *f, ir_ref v, int64_t factor, int32_t *disp)
{
	const struct ir_insn *i = &f->insn[v];

	while (i->op == IR_ADD && i->type == IR_I64 && ir_is_const(f, i->a[1])) {
		int64_t c = (int64_t)ir_const_bits(f, i->a[1]);

		if (!fits(c) || !fits(*disp + c * factor))
			break;
		*disp += (int32_t)(c * factor);
		v = i->a[0];
		i = &f->insn[v];
	}
	return v;
}

struct x64__rm x64__address(struct jit_lower *l, ir_ref base, ir_ref index, unsigned scale, int32_t disp)
{
	const struct ir_func *f = l->f;
	struct x64__rm rm = { .mem = X64__IS_MEM | X64__BASE };
	const struct ir_insn *i;

	base = peel(f, base, 1, &disp);
	i = &f->insn[base];
	if (!index && i->op == IR_ADD && f->uses[base] == 1 && !l->vreg_of[base]) {
		index = i->a[1];
		base = peel(f, i->a[0], 1, &disp);
		i = &f->insn[base];
		if (f->insn[index].op == IR_PIN || (i->op == IR_SHL && f->insn[index].op != IR_SHL)) {
			ir_ref t = base; /* what is shifted is the index */

			base = index;
			index = t;
		}
	}
	if (index) {
		const struct ir_insn *x;

		index = peel(f, index, 1 << scale, &disp);
		x = &f->insn[index];
		if (x->op == IR_SHL && ir_is_const(f, x->a[1]) && !l->vreg_of[index] &&
		    (ir_const_bits(f, x->a[1]) & 63) + scale <= 3) {
			scale += (unsigned)ir_const_bits(f, x->a[1]) & 63;
			index = peel(f, x->a[0], 1 << scale, &disp);
		}
		rm.mem |= X64__INDEX | scale << X64__SCALE_SHIFT;
	}
	rm.base = jit__in(l, base);
	if (index)
		rm.index = jit__in(l, index);
	rm.disp = disp;
	return rm;
}

/* ---- operands ------------------------------------------------------------------ */

/* A value of which only the low 32 bits are read. */
uint32_t x64__in32(struct jit_lower *l, ir_ref v)
{
	const struct ir_insn *i = &l->f->insn[v];

	return jit__in(l, i->op == IR_WRAP && !l->vreg_of[v] ? i->a[0] : v);
}

/* May the load v be done by its only user, the current instruction? */
static bool can_fold_load(struct jit_lower *l, ir_ref v, unsigned w)
{
	const struct ir_func *f = l->f;
	const struct ir_insn *i = &f->insn[v];
	unsigned n = 0;

	if ((i->op != IR_LOAD && i->op != IR_GETSTATE) || f->uses[v] != 1 || l->vreg_of[v] || l->folded[v] ||
	    f->block_of[v] != l->block || ir_type_size(i->ct) != w || ir_type_size(i->type) != w)
		return false;
	if (w == 16 && !x64__features(l->o).avx)
		return false; /* would have to be aligned */
	for (ir_ref k = i->next; k != l->cur; k = f->insn[k].next)
		if (!k || ++n > 8 || ir_has(&f->insn[k], IR_EFFECT | IR_EXITS | IR_WRITES))
			return false;
	/* A folded load's exit takes the place of the user's: it has none. */
	return !(i->op == IR_LOAD && i->x) || !ir_has(&f->insn[l->cur], IR_EXITS | IR_TERM);
}

struct x64__rm x64__rm_of(struct jit_lower *l, ir_ref v, unsigned w)
{
	const struct ir_insn *i = &l->f->insn[v];
	struct x64__rm rm;

	if (i->op == IR_CONST && jit__class(i->type) != JIT_GPR)
		return x64__rm_const(ir_const_bits(l->f, v), i->type == IR_V128 ? ir_const_high(l->f, v) : 0);
	if (!can_fold_load(l, v, w))
		return x64__rm_reg(w == 4 && i->type == IR_I32 ? x64__in32(l, v) : jit__in(l, v));
	l->folded[v] = true;
	if (i->op == IR_GETSTATE) {
		rm = (struct x64__rm){ .mem = X64__IS_MEM | X64__BASE, .base = X64__STATE, .disp = i->imm };
		if (i->imm >= IR_FRAME)
			rm = (struct x64__rm){ .mem = X64__IS_MEM | X64__FRAME, .disp = i->imm - IR_FRAME };
		return rm;
	}
	rm = x64__address(l, i->a[0], i->a[1], (i->aux & IR_MEM_SCALE) >> IR_MEM_SCALE_SHIFT, i->imm);
	rm.exit = i->x;
	return rm;
}

/* ---- common shapes -------------------------------------------------------------- */

void x64__d_rm(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, const struct x64__rm *rm)
{
	/* Some clear d before, for what they leave in its upper part. */
	bool clears = op < X64_IDS && x64_rows[op].flags & X64_V && !(x64_rows[op].flags & X64_TIED);

	x64__mi(l, op, X64__D_RM, w);
	jit__use(l, d, JIT_DEF);
	x64__put_rm(l, rm, clears && rm->mem ? JIT_LATE : 0);
}

void x64__d_rm_i(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, const struct x64__rm *rm, int32_t imm)
{
	x64__mi(l, op, X64__D_RM_I, w)->imm = imm;
	jit__use(l, d, JIT_DEF);
	x64__put_rm(l, rm, rm->mem ? JIT_LATE : 0);
}

/* d = s op rm: d is made from s, so it must not be what rm reads. */
void x64__d_s_rm(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, uint32_t s, const struct x64__rm *rm)
{
	x64__mi(l, op, X64__D_S_RM, w);
	jit__use(l, d, JIT_DEF);
	jit__use(l, s, JIT_USE);
	x64__put_rm(l, rm, JIT_LATE);
	jit__hint(l, d, s);
}

void x64__d_s_rm_i(struct jit_lower *l, unsigned op, uint32_t d, uint32_t s, const struct x64__rm *rm, int32_t imm)
{
	x64__mi(l, op, X64__D_S_RM_I, 4)->imm = imm;
	jit__use(l, d, JIT_DEF);
	jit__use(l, s, JIT_USE);
	x64__put_rm(l, rm, JIT_LATE);
	jit__hint(l, d, s);
}

void x64__d_s_i(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, uint32_t s, int32_t imm)
{
	x64__mi(l, op, X64__D_S_I, w)->imm = imm;
	jit__use(l, d, JIT_DEF);
	jit__use(l, s, JIT_USE);
	jit__hint(l, d, s);
}

static void d_s(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, uint32_t s)
{
	x64__mi(l, op, X64__D_S, w);
	jit__use(l, d, JIT_DEF);
	jit__use(l, s, JIT_USE);
	jit__hint(l, d, s);
}

/* A move; w 4 clears the upper half. */
void x64__move(struct jit_lower *l, uint32_t d, uint32_t s, unsigned w)
{
	x64__mi(l, JIT_MI_MOVE, X64__PSEUDO, w);
	jit__use(l, d, JIT_DEF);
	jit__use(l, s, JIT_USE | JIT_MEM);
	jit__hint(l, d, s);
	jit__hint(l, s, d);
}

/* ---- conditions ------------------------------------------------------------------- */

static const uint8_t int_cc[] = {
	[IR_EQ - IR_EQ] = X64_CC_E, [IR_NE - IR_EQ] = X64_CC_NE, [IR_LT_S - IR_EQ] = X64_CC_L,
	[IR_LT_U - IR_EQ] = X64_CC_B, [IR_GT_S - IR_EQ] = X64_CC_G, [IR_GT_U - IR_EQ] = X64_CC_A,
	[IR_LE_S - IR_EQ] = X64_CC_LE, [IR_LE_U - IR_EQ] = X64_CC_BE, [IR_GE_S - IR_EQ] = X64_CC_GE,
	[IR_GE_U - IR_EQ] = X64_CC_AE,
};

static void test_reg(struct jit_lower *l, uint32_t r, unsigned w)
{
	x64__mi(l, X64_TEST, X64__RM_S, w);
	jit__use(l, r, JIT_USE);
	jit__use(l, r, JIT_USE);
}

/* x & y against 0, without the value of x & y */
static void test_and(struct jit_lower *l, const struct ir_insn *n, unsigned w)
{
	struct ir_func *f = l->f;
	uint32_t a = w == 4 ? x64__in32(l, n->a[0]) : jit__in(l, n->a[0]);

	if (ir_is_const(f, n->a[1]) && (w == 4 || fits((int64_t)ir_const_bits(f, n->a[1])))) {
		x64__mi(l, X64_TEST_I, X64__RM_I, w)->imm = (int32_t)ir_const_bits(f, n->a[1]);
		jit__use(l, a, JIT_USE | JIT_MEM);
	} else {
		uint32_t b = w == 4 ? x64__in32(l, n->a[1]) : jit__in(l, n->a[1]);

		x64__mi(l, X64_TEST, X64__RM_S, w);
		jit__use(l, a, JIT_USE);
		jit__use(l, b, JIT_USE);
	}
}

static unsigned compare_int(struct jit_lower *l, ir_ref v)
{
	struct ir_func *f = l->f;
	const struct ir_insn *n = &f->insn[v], *a = &f->insn[n->a[0]];
	unsigned w = n->ct == IR_I64 ? 8 : 4, cc = int_cc[n->op - IR_EQ];
	bool once = f->uses[v] == 1 || l->cur == v;

	if (ir_is_const(f, n->a[1])) {
		uint64_t c = ir_const_bits(f, n->a[1]);

		if (c == 0 && a->op == IR_AND && f->uses[n->a[0]] == 1 && !l->vreg_of[n->a[0]] && once &&
		    (n->op == IR_EQ || n->op == IR_NE)) {
			test_and(l, a, w);
			return cc;
		}
		if (w == 4 || fits((int64_t)c)) {
			struct x64__rm rm = once ? x64__rm_of(l, n->a[0], w) :
				x64__rm_reg(w == 4 ? x64__in32(l, n->a[0]) : jit__in(l, n->a[0]));

			if (c == 0 && !rm.mem) {
				test_reg(l, rm.reg, w);
			} else {
				x64__mi(l, X64_CMP_I, X64__RM_I, w)->imm = (int32_t)c;
				x64__put_rm(l, &rm, 0);
			}
			return cc;
		}
	}
	uint32_t s = w == 4 ? x64__in32(l, n->a[0]) : jit__in(l, n->a[0]);
	struct x64__rm rm = once ? x64__rm_of(l, n->a[1], w) :
		x64__rm_reg(w == 4 ? x64__in32(l, n->a[1]) : jit__in(l, n->a[1]));

	x64__mi(l, X64_CMP, X64__S_RM, w);
	jit__use(l, s, JIT_USE);
	x64__put_rm(l, &rm, 0);
	return cc;
}

unsigned x64__condition(struct jit_lower *l, ir_ref v)
{
	const struct ir_insn *n = &l->f->insn[v];

	/* Only in the same block: else its operands would live on for it. */
	if (!l->vreg_of[v] && ir_has(n, IR_CMP) && (l->f->block_of[v] == l->block || v == l->cur))
		return ir_has(n, IR_FP) ? x64__compare_float(l, n) : compare_int(l, v);
	test_reg(l, x64__in32(l, v), 4);
	return X64_CC_NE;
}

static void setcc(struct jit_lower *l, ir_ref i)
{
	uint32_t d = jit__out(l, i);
	const struct ir_insn *n = &l->f->insn[i];
	unsigned cc = ir_has(n, IR_FP) ? x64__compare_float(l, n) : compare_int(l, i);

	x64__mi(l, X64__P_SETCC, X64__PSEUDO, 4)->cc = (uint8_t)cc;
	jit__use(l, d, JIT_DEF);
}

static void select_value(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[1]), b = jit__in(l, n->a[2]);
	bool gpr = jit__class(n->type) == JIT_GPR;
	unsigned cc = x64__condition(l, n->a[0]);

	x64__mi(l, gpr ? X64__P_CMOV : X64__P_SELECT_X, X64__PSEUDO, 8)->cc = (uint8_t)cc;
	jit__use(l, d, JIT_DEF);
	jit__use(l, b, JIT_USE);
	jit__use(l, a, JIT_USE | JIT_LATE | (gpr ? JIT_MEM : 0));
	jit__hint(l, d, b);
}

/* ---- integers ----------------------------------------------------------------------- */

static uint32_t in_w(struct jit_lower *l, ir_ref v, unsigned w)
{
	return w == 4 ? x64__in32(l, v) : jit__in(l, v);
}

static bool const_fits(const struct ir_func *f, ir_ref v, unsigned w)
{
	return ir_is_const(f, v) && (w == 4 || fits((int64_t)ir_const_bits(f, v)));
}

static void add(struct jit_lower *l, ir_ref i, unsigned w)
{
	const struct ir_func *f = l->f;
	const struct ir_insn *n = &f->insn[i];
	uint32_t d = jit__out(l, i);

	if (const_fits(f, n->a[1], w)) {
		uint32_t a = in_w(l, n->a[0], w);

		x64__mi(l, X64__P_ADD, X64__PSEUDO, w)->imm = (int32_t)ir_const_bits(f, n->a[1]);
		jit__use(l, d, JIT_DEF);
		jit__use(l, a, JIT_USE);
		jit__hint(l, d, a);
		return;
	}
	const struct ir_insn *s = &f->insn[n->a[1]];
	if (w == 8 && s->op == IR_SHL && f->uses[n->a[1]] == 1 && !l->vreg_of[n->a[1]] && ir_is_const(f, s->a[1]) &&
	    ir_const_bits(f, s->a[1]) - 1 < 3) {
		struct x64__rm rm = x64__address(l, n->a[0], n->a[1], 0, 0);

		x64__d_rm(l, X64_LEA, 8, d, &rm);
		return;
	}
	uint32_t a = in_w(l, n->a[0], w);
	struct x64__rm rm = x64__rm_of(l, n->a[1], w);

	if (rm.mem) {
		x64__d_s_rm(l, X64_ADD, w, d, a, &rm);
		return;
	}
	x64__mi(l, X64__P_ADD, X64__PSEUDO, w);
	jit__use(l, d, JIT_DEF);
	jit__use(l, a, JIT_USE);
	jit__use(l, rm.reg, JIT_USE);
	jit__hint(l, d, a);
}

static void alu(struct jit_lower *l, ir_ref i, unsigned w, unsigned op, unsigned op_i, bool comm)
{
	const struct ir_func *f = l->f;
	const struct ir_insn *n = &f->insn[i];
	uint32_t d = jit__out(l, i), a;

	if (n->op == IR_AND && w == 8 && ir_is_const(f, n->a[1]) && ir_const_bits(f, n->a[1]) == UINT32_MAX) {
		x64__move(l, d, jit__in(l, n->a[0]), 4);
		return;
	}
	if (n->op == IR_SUB && ir_is_const(f, n->a[0]) && !ir_const_bits(f, n->a[0])) {
		d_s(l, X64_NEG, w, d, in_w(l, n->a[1], w));
		return;
	}
	if (n->op == IR_XOR && ir_is_const(f, n->a[1]) &&
	    ir_const_bits(f, n->a[1]) == (w == 8 ? UINT64_MAX : UINT32_MAX)) {
		d_s(l, X64_NOT, w, d, in_w(l, n->a[0], w));
		return;
	}
	a = in_w(l, n->a[0], w);
	if (const_fits(f, n->a[1], w)) {
		x64__d_s_i(l, op_i, w, d, a, (int32_t)ir_const_bits(f, n->a[1]));
		return;
	}
	struct x64__rm rm = x64__rm_of(l, n->a[1], w);

	x64__mi(l, op, X64__D_S_RM, w)->cc = comm;
	jit__use(l, d, JIT_DEF);
	jit__use(l, a, JIT_USE);
	/* Either order will do: then d may also be the second. */
	x64__put_rm(l, &rm, comm && !rm.mem ? 0 : JIT_LATE);
	jit__hint(l, d, a);
}

static void multiply(struct jit_lower *l, ir_ref i, unsigned w)
{
	const struct ir_func *f = l->f;
	const struct ir_insn *n = &f->insn[i];

	if (const_fits(f, n->a[1], w)) {
		uint32_t d = jit__out(l, i);
		struct x64__rm rm = x64__rm_of(l, n->a[0], w);

		x64__d_rm_i(l, X64_IMUL_I, w, d, &rm, (int32_t)ir_const_bits(f, n->a[1]));
		return;
	}
	alu(l, i, w, X64_IMUL, X64_IMUL_I, true);
}

/* a * b to RDX:RAX; the upper half is wanted. */
static void multiply_high(struct jit_lower *l, ir_ref i, unsigned w)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = in_w(l, n->a[0], w), b = in_w(l, n->a[1], w), t;

	x64__move(l, X64_RAX, a, w);
	x64__mi(l, n->op == IR_MULH_S ? X64_IMUL1 : X64_MUL1, X64__M, w);
	jit__use(l, b, JIT_USE | JIT_LATE | JIT_MEM);
	jit__use(l, X64_RAX, JIT_USE);
	jit__use(l, X64_RAX, JIT_DEF);
	jit__use(l, X64_RDX, JIT_DEF);
	if (n->op != IR_MULH_SU) {
		x64__move(l, d, X64_RDX, w);
		return;
	}
	/* a signed: less b where a is negative */
	uint32_t h = jit__tmp(l, JIT_GPR), m = jit__tmp(l, JIT_GPR), k = jit__tmp(l, JIT_GPR);
	struct x64__rm rm;

	t = h;
	x64__move(l, t, X64_RDX, w);
	x64__d_s_i(l, X64_SAR_I, w, m, a, (int32_t)(w * 8 - 1));
	rm = x64__rm_reg(b);
	x64__d_s_rm(l, X64_AND, w, k, m, &rm);
	rm = x64__rm_reg(k);
	x64__d_s_rm(l, X64_SUB, w, d, t, &rm);
}

static void divide(struct jit_lower *l, ir_ref i, unsigned w)
{
	const struct ir_insn *n = &l->f->insn[i];
	bool is_signed = n->op == IR_DIV_S || n->op == IR_REM_S, rem = n->op == IR_REM_S || n->op == IR_REM_U;
	uint32_t d = jit__out(l, i), a = in_w(l, n->a[0], w), b = in_w(l, n->a[1], w);
	struct jit_mi *mi;

	x64__move(l, X64_RAX, a, w);
	mi = x64__mi(l, X64__P_DIV, X64__PSEUDO, w);
	mi->cc = (uint8_t)(is_signed | rem << 1);
	mi->imm = n->aux;
	jit__use(l, b, JIT_USE | JIT_LATE);
	jit__use(l, X64_RAX, JIT_USE);
	jit__use(l, X64_RAX, JIT_DEF);
	jit__use(l, X64_RDX, JIT_DEF);
	x64__move(l, d, rem ? X64_RDX : X64_RAX, w);
}

static void shift(struct jit_lower *l, ir_ref i, unsigned w, unsigned op_i, unsigned op_c, unsigned op_x)
{
	const struct ir_func *f = l->f;
	const struct ir_insn *n = &f->insn[i];
	uint32_t d = jit__out(l, i), a, c;

	a = in_w(l, n->a[0], w);
	if (ir_is_const(f, n->a[1])) {
		unsigned k = (unsigned)ir_const_bits(f, n->a[1]) & (w * 8 - 1);

		if (op_i == X64_ROR_I && x64__features(l->o).bmi2) {
			struct x64__rm rm = x64__rm_reg(a);

			x64__d_rm_i(l, X64_RORX, w, d, &rm, (int32_t)k);
		} else {
			x64__d_s_i(l, op_i, w, d, a, (int32_t)k);
		}
		return;
	}
	c = x64__in32(l, n->a[1]);
	if (op_x && x64__features(l->o).bmi2) {
		x64__mi(l, op_x, X64__D_RM_S, w);
		jit__use(l, d, JIT_DEF);
		jit__use(l, c, JIT_USE);
		jit__use(l, a, JIT_USE | JIT_MEM);
		return;
	}
	x64__move(l, X64_RCX, c, 4);
	x64__mi(l, op_c, X64__D_S, w);
	jit__use(l, d, JIT_DEF);
	jit__use(l, a, JIT_USE);
	jit__use(l, X64_RCX, JIT_USE | JIT_LATE);
	jit__hint(l, d, a);
}

static void min_max(struct jit_lower *l, ir_ref i, unsigned w, unsigned cc)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]);

	x64__mi(l, X64_CMP, X64__S_RM, w);
	jit__use(l, a, JIT_USE);
	jit__use(l, b, JIT_USE);
	x64__mi(l, X64__P_CMOV, X64__PSEUDO, w)->cc = (uint8_t)cc; /* a when a cc b, else b */
	jit__use(l, d, JIT_DEF);
	jit__use(l, b, JIT_USE);
	jit__use(l, a, JIT_USE | JIT_LATE | JIT_MEM);
	jit__hint(l, d, b);
}

static void count(struct jit_lower *l, ir_ref i, unsigned w)
{
	const struct ir_insn *n = &l->f->insn[i];
	struct x64__features has = x64__features(l->o);
	unsigned op = n->op == IR_CLZ ? X64_LZCNT : n->op == IR_CTZ ? X64_TZCNT : X64_POPCNT;
	uint32_t d = jit__out(l, i), a = in_w(l, n->a[0], w);

	if (has.lzcnt && has.popcnt) {
		struct x64__rm rm = x64__rm_reg(a);

		x64__d_rm(l, op, w, d, &rm);
		return;
	}
	x64__mi(l, n->op == IR_CLZ ? X64__P_CLZ : n->op == IR_CTZ ? X64__P_CTZ : X64__P_POPCNT, X64__PSEUDO, w);
	jit__use(l, d, JIT_DEF);
	jit__use(l, a, JIT_USE | JIT_LATE);
	jit__use(l, jit__tmp(l, JIT_GPR), JIT_TEMP);
}

static void field(struct jit_lower *l, ir_ref i, unsigned w)
{
	const struct ir_insn *n = &l->f->insn[i];
	int lo = n->imm & 255, width = n->imm >> 8 & 255, bits = (int)w * 8;
	uint32_t d = jit__out(l, i), a = in_w(l, n->a[0], w), t, u, k;
	struct x64__rm rm;

	if (n->op == IR_BFI) { /* the low bits of b into a */
		uint64_t mask = (width == 64 ? ~0ull : BIT(width) - 1) << lo;
		uint32_t b = in_w(l, n->a[1], w);

		t = jit__tmp(l, JIT_GPR);
		u = jit__tmp(l, JIT_GPR);
		k = jit__tmp(l, JIT_GPR);
		uint32_t b2 = jit__tmp(l, JIT_GPR), mk = jit__tmp(l, JIT_GPR);
		struct jit_mi *mi = x64__mi(l, JIT_MI_CONST, X64__PSEUDO, 8);

		mi->imm = -1; /* not of the IR */
		mi->data = w == 8 ? mask : (uint32_t)mask;
		jit__use(l, mk, JIT_DEF);
		x64__d_s_i(l, X64_SHL_I, w, b2, b, lo);
		rm = x64__rm_reg(a);
		x64__d_s_rm(l, X64_XOR, w, t, b2, &rm);   /* (a ^ b) & mask ^ a */
		rm = x64__rm_reg(mk);
		x64__d_s_rm(l, X64_AND, w, u, t, &rm);
		rm = x64__rm_reg(a);
		x64__d_s_rm(l, X64_XOR, w, d, u, &rm);
		(void)k;
		return;
	}
	if (n->op == IR_BFX_U && lo == 0 && width == 8) {
		rm = x64__rm_reg(a);
		x64__d_rm(l, X64_MOVZX_B, 4, d, &rm);
	} else if (n->op == IR_BFX_U && lo == 0 && width == 16) {
		rm = x64__rm_reg(a);
		x64__d_rm(l, X64_MOVZX_W, 4, d, &rm);
	} else if (n->op == IR_BFX_U && lo == 0 && width < 32) {
		x64__d_s_i(l, X64_AND_I, 4, d, a, (int32_t)(BIT(width) - 1));
	} else if (lo + width == bits) {
		x64__d_s_i(l, n->op == IR_BFX_U ? X64_SHR_I : X64_SAR_I, w, d, a, lo);
	} else if (n->op == IR_BFX_U && width < 32) {
		t = jit__tmp(l, JIT_GPR);
		x64__d_s_i(l, X64_SHR_I, w, t, a, lo);
		x64__d_s_i(l, X64_AND_I, 4, d, t, (int32_t)(BIT(width) - 1));
	} else {
		t = jit__tmp(l, JIT_GPR);
		x64__d_s_i(l, X64_SHL_I, w, t, a, bits - lo - width);
		x64__d_s_i(l, n->op == IR_BFX_U ? X64_SHR_I : X64_SAR_I, w, d, t, bits - width);
	}
}

static void extend(struct jit_lower *l, ir_ref i, unsigned op, unsigned w)
{
	uint32_t d = jit__out(l, i);
	struct x64__rm rm = x64__rm_reg(x64__in32(l, l->f->insn[i].a[0]));

	x64__d_rm(l, op, w, d, &rm);
}

bool x64__select_int(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	unsigned w = n->type == IR_I64 ? 8 : 4;

	switch (n->op) {
	case IR_ADD: add(l, i, w); break;
	case IR_SUB: alu(l, i, w, X64_SUB, X64_SUB_I, false); break;
	case IR_AND: alu(l, i, w, X64_AND, X64_AND_I, true); break;
	case IR_OR: alu(l, i, w, X64_OR, X64_OR_I, true); break;
	case IR_XOR: alu(l, i, w, X64_XOR, X64_XOR_I, true); break;
	case IR_MUL: multiply(l, i, w); break;
	case IR_MULH_S: case IR_MULH_U: case IR_MULH_SU: multiply_high(l, i, w); break;
	case IR_DIV_S: case IR_DIV_U: case IR_REM_S: case IR_REM_U: divide(l, i, w); break;
	case IR_SHL: shift(l, i, w, X64_SHL_I, X64_SHL_C, X64_SHLX); break;
	case IR_SHR_U: shift(l, i, w, X64_SHR_I, X64_SHR_C, X64_SHRX); break;
	case IR_SHR_S: shift(l, i, w, X64_SAR_I, X64_SAR_C, X64_SARX); break;
	case IR_ROTL: shift(l, i, w, X64_ROL_I, X64_ROL_C, 0); break;
	case IR_ROTR: shift(l, i, w, X64_ROR_I, X64_ROR_C, 0); break;
	case IR_MIN_S: min_max(l, i, w, X64_CC_L); break;
	case IR_MIN_U: min_max(l, i, w, X64_CC_B); break;
	case IR_MAX_S: min_max(l, i, w, X64_CC_G); break;
	case IR_MAX_U: min_max(l, i, w, X64_CC_A); break;
	case IR_CLZ: case IR_CTZ: case IR_POPCNT: count(l, i, w); break;
	case IR_BSWAP: d_s(l, X64_BSWAP, w, jit__out(l, i), in_w(l, n->a[0], w)); break;
	case IR_ORC_B: {
		uint32_t d = jit__out(l, i), a = in_w(l, n->a[0], w);

		x64__mi(l, X64__P_ORC_B, X64__PSEUDO, w);
		jit__use(l, d, JIT_DEF);
		jit__use(l, a, JIT_USE);
		jit__use(l, jit__tmp(l, JIT_FPR), JIT_TEMP);
		break;
	}
	case IR_EXT8_S: extend(l, i, X64_MOVSX_B, w); break;
	case IR_EXT16_S: extend(l, i, X64_MOVSX_W, w); break;
	case IR_BFX_U: case IR_BFX_S: case IR_BFI: field(l, i, w); break;
	case IR_WRAP: x64__move(l, jit__out(l, i), jit__in(l, n->a[0]), 4); break;
	case IR_EXT_S: {
		uint32_t d = jit__out(l, i);
		struct x64__rm rm = x64__rm_of(l, n->a[0], 4);

		x64__d_rm(l, X64_MOVSXD, 8, d, &rm);
		break;
	}
	case IR_SELECT: select_value(l, i); break;
	default:
		if (n->op >= IR_EQ && n->op <= IR_GE_U) {
			setcc(l, i);
			break;
		}
		return false;
	}
	return true;
}

void x64__select(struct jit_lower *l, ir_ref i)
{
	if (x64__select_int(l, i) || x64__select_mem(l, i) || x64__select_control(l, i) ||
	    x64__select_float(l, i) || x64__select_vector(l, i))
		return;
	l->m.failed = true; /* no row of op.def is without one: tests/jit sees it */
}
