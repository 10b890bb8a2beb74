/* SPDX-License-Identifier: Apache-2.0 */
/* Machine code for x86-64: what takes more than one instruction, on integers. */
#include "jit/x64/x64.h"

#include "base/bits.h"

#define R(n) x64_r(n)

static void op(struct x64__emit *e, enum x64_id id, unsigned w, unsigned reg, struct x64_rm rm)
{
	x64_emit(&e->a, id, w, reg, X64_NOREG, rm, 0);
}

static void opi(struct x64__emit *e, enum x64_id id, unsigned w, unsigned reg, int32_t imm)
{
	x64_emit(&e->a, id, w, 0, X64_NOREG, R(reg), imm);
}

/* d = a + b or a + imm, in as few instructions as the registers allow. */
static void add(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), a = x64__g(e, mi, 1);

	if (mi->nops == 2) {
		if (d == a)
			opi(e, X64_ADD_I, mi->w, d, mi->imm);
		else
			op(e, X64_LEA, mi->w, d, x64_m(a, mi->imm));
		return;
	}
	uint16_t bl = x64__loc(e, mi, 2);

	if (bl >= JIT_SLOT) {
		if (d != a)
			op(e, X64_MOV, mi->w, d, R(a));
		op(e, X64_ADD, mi->w, d, x64__slot(e, bl));
	} else if (d == a) {
		op(e, X64_ADD, mi->w, d, R(bl));
	} else if (d == bl) {
		op(e, X64_ADD, mi->w, d, R(a));
	} else {
		/* RBP and R13 as a base need a displacement. */
		op(e, X64_LEA, mi->w, d, (a & 7) == X64_RBP ? x64_mi(bl, a, 0, 0) : x64_mi(a, bl, 0, 0));
	}
}

static void setcc(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), cc = mi->cc;

	if (cc == X64__CC_FEQ || cc == X64__CC_FNE) {
		x64_emit_cc(&e->a, X64_SETCC, 4, cc == X64__CC_FEQ ? X64_CC_NP : X64_CC_P, 0, R(X64__SCRATCH));
		x64_emit_cc(&e->a, X64_SETCC, 4, cc == X64__CC_FEQ ? X64_CC_E : X64_CC_NE, 0, R(d));
		op(e, cc == X64__CC_FEQ ? X64_AND : X64_OR, 4, d, R(X64__SCRATCH));
	} else {
		x64_emit_cc(&e->a, X64_SETCC, 4, cc, 0, R(d));
	}
	op(e, X64_MOVZX_B, 4, d, R(d));
}

/* d = cc ? a : b */
static void cmov(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), b = x64__g(e, mi, 1), cc = mi->cc;
	struct x64_rm a = x64__rm(e, mi, 2);

	if (cc == X64__CC_FEQ) { /* b unless equal: two ways of being not */
		uint32_t no = x64_label(&e->a);

		if (d != b)
			op(e, X64_MOV, 8, d, R(b));
		x64_jcc(&e->a, X64_CC_P, no);
		x64_emit_cc(&e->a, X64_CMOV, 8, X64_CC_E, d, a);
		x64_place(&e->a, no);
		return;
	}
	if (d != b)
		op(e, X64_MOV, 8, d, R(b));
	if (cc == X64__CC_FNE) {
		x64_emit_cc(&e->a, X64_CMOV, 8, X64_CC_P, d, a);
		cc = X64_CC_NE;
	}
	x64_emit_cc(&e->a, X64_CMOV, 8, cc, d, a);
}

static void select_xmm(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__x(e, mi, 0), b = x64__x(e, mi, 1), a = x64__x(e, mi, 2), cc = mi->cc;
	uint32_t end = x64_label(&e->a), take = x64_label(&e->a);

	if (d != b)
		op(e, X64_MOVAPS, 4, d, R(b));
	if (cc == X64__CC_FEQ) {
		x64_jcc(&e->a, X64_CC_P, end);
		cc = X64_CC_E;
	} else if (cc == X64__CC_FNE) {
		x64_jcc(&e->a, X64_CC_P, take);
		cc = X64_CC_NE;
	}
	x64_jcc(&e->a, cc ^ 1, end);
	x64_place(&e->a, take);
	op(e, X64_MOVAPS, 4, d, R(a));
	x64_place(&e->a, end);
}

/* RAX by b; what the machine would trap on has RISC-V's results. */
static void divide(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	unsigned b = x64__g(e, mi, 0), w = mi->w;
	bool is_signed = mi->cc & 1, rem = mi->cc & 2;
	uint32_t end = x64_label(a), zero = x64_label(a), minus = x64_label(a), div = x64_label(a);
	bool check_zero = !(mi->imm & IR_DIV_NONZERO), check_minus = is_signed && !(mi->imm & IR_DIV_NO_OVERFLOW);

	if (check_zero) {
		op(e, X64_TEST, w, b, R(b));
		x64_jcc(a, X64_CC_E, zero);
	}
	if (check_minus) {
		opi(e, X64_CMP_I, w, b, -1);
		x64_jcc(a, X64_CC_E, minus);
	}
	x64_place(a, div);
	if (is_signed)
		op(e, w == 8 ? X64_CQO : X64_CDQ, w, 0, R(0));
	else
		op(e, X64_XOR, 4, X64_RDX, R(X64_RDX));
	op(e, is_signed ? X64_IDIV1 : X64_DIV1, w, 0, R(b));
	if (check_zero || check_minus)
		x64_jmp(a, end);
	x64_place(a, zero); /* quotient -1, remainder the dividend */
	if (check_zero) {
		if (rem)
			op(e, X64_MOV, w, X64_RDX, R(X64_RAX));
		else if (w == 8)
			x64_mov_imm(a, X64_RAX, ~0ull);
		else
			x64_mov_imm(a, X64_RAX, UINT32_MAX);
		if (check_minus)
			x64_jmp(a, end);
	}
	x64_place(a, minus); /* x / -1 = -x, remainder 0 */
	if (check_minus) {
		if (rem)
			op(e, X64_XOR, 4, X64_RDX, R(X64_RDX));
		else
			op(e, X64_NEG, w, 0, R(X64_RAX));
	}
	x64_place(a, end);
}

/* ---- atomics ------------------------------------------------------------------------ */

static void fault_here(struct x64__emit *e, const struct jit_mi *mi, uint32_t stub)
{
	if (!mi->exit)
		return;
	if (e->ntrap >= e->ctrap) {
		void *p = jit__grow(e->m, e->trap, &e->ctrap, e->ntrap + 1, sizeof(*e->trap));

		if (!p)
			return;
		e->trap = p;
	}
	e->trap[e->ntrap] = (struct x64__trap){ x64_label(&e->a), stub };
	x64_place(&e->a, e->trap[e->ntrap++].at);
}

static void cmpxchg(struct x64__emit *e, const struct jit_mi *mi, struct x64_rm m, unsigned reg, uint32_t stub)
{
	unsigned size = mi->w;

	fault_here(e, mi, stub);
	x64_lock(&e->a);
	op(e, size == 1 ? X64_CMPXCHG_B : size == 2 ? X64_CMPXCHG_W : X64_CMPXCHG, size == 8 ? 8 : 4, reg, m);
}

static void rmw_loop(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	unsigned s = x64__g(e, mi, 0), t = x64__g(e, mi, 2), w = mi->w == 8 ? 8 : 4, size = mi->w, r = X64__SCRATCH;
	struct x64_rm m = x64__rm(e, mi, 3);
	uint32_t again = x64_label(a), stub = mi->exit ? x64__add_stub(e, X64__STUB_EXIT, mi)->label : 0;
	unsigned which = mi->cc + IR_RMW_ADD;
	/* What the type widens with zeros is never negative (the evaluator's rmw()). */
	bool is_signed = mi->imm == IR_S8 || mi->imm == IR_S16 || mi->imm == IR_S32 || mi->imm == IR_I64;

	if (!is_signed && which == IR_RMW_MIN_S)
		which = IR_RMW_MIN_U;
	if (!is_signed && which == IR_RMW_MAX_S)
		which = IR_RMW_MAX_U;
	is_signed = which == IR_RMW_MIN_S || which == IR_RMW_MAX_S;
	fault_here(e, mi, stub);
	op(e, size == 1 ? X64_MOVZX_B : size == 2 ? X64_MOVZX_W : X64_MOV, w, X64_RAX, m);
	x64_place(a, again);
	if (which == IR_RMW_AND || which == IR_RMW_OR || which == IR_RMW_XOR) {
		op(e, X64_MOV, w, t, R(X64_RAX));
		op(e, which == IR_RMW_AND ? X64_AND : which == IR_RMW_OR ? X64_OR : X64_XOR, w, t, R(s));
	} else { /* narrow values are compared as the type widens them */
		enum x64_id wide = size == 1 ? is_signed ? X64_MOVSX_B : X64_MOVZX_B :
			size == 2 ? is_signed ? X64_MOVSX_W : X64_MOVZX_W : X64_MOV;

		op(e, wide, w, r, R(s));
		op(e, wide, w, t, R(X64_RAX));
		op(e, X64_CMP, w, t, R(r));
		x64_emit_cc(a, X64_CMOV, 8,
			    which == IR_RMW_MIN_S ? X64_CC_G : which == IR_RMW_MAX_S ? X64_CC_L :
			    which == IR_RMW_MIN_U ? X64_CC_A : X64_CC_B, t, R(r));
	}
	cmpxchg(e, mi, m, t, stub);
	x64_jcc(a, X64_CC_NE, again);
}

/* ---- bits, where the machine is old --------------------------------------------------- */

static void leading_zeros(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), s = x64__g(e, mi, 1), t = x64__g(e, mi, 2), w = mi->w;

	x64_mov_imm(&e->a, t, w * 16 - 1); /* ^ (bits - 1): bits */
	op(e, X64_BSR, w, d, R(s));
	x64_emit_cc(&e->a, X64_CMOV, 4, X64_CC_E, d, R(t));
	opi(e, X64_XOR_I, 4, d, (int32_t)(w * 8 - 1));
}

static void trailing_zeros(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), s = x64__g(e, mi, 1), t = x64__g(e, mi, 2), w = mi->w;

	x64_mov_imm(&e->a, t, w * 8);
	op(e, X64_BSF, w, d, R(s));
	x64_emit_cc(&e->a, X64_CMOV, 4, X64_CC_E, d, R(t));
}

/* The sum of bits in ever wider fields (Warren, Hacker's Delight, 5-1). */
static void population(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), s = x64__g(e, mi, 1), t = x64__g(e, mi, 2), r = X64__SCRATCH;
	static const uint64_t mask[3] = { 0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f };

	op(e, X64_MOV, mi->w, d, R(s));
	for (int k = 0; k < 3; k++) {
		op(e, X64_MOV, 8, t, R(d));
		opi(e, X64_SHR_I, 8, t, 1 << k);
		x64_mov_imm(&e->a, r, mask[k]);
		op(e, X64_AND, 8, t, R(r));
		op(e, X64_AND, 8, d, R(r));
		op(e, X64_ADD, 8, d, R(t));
	}
	x64_mov_imm(&e->a, r, 0x0101010101010101);
	op(e, X64_IMUL, 8, d, R(r));
	opi(e, X64_SHR_I, 8, d, 56);
}

/* Every byte that is not 0 becomes 255: compare with 0, and turn. */
static void orc_b(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__g(e, mi, 0), s = x64__g(e, mi, 1), x = x64__x(e, mi, 2), z = X64__XSCRATCH;

	op(e, X64_XORPS, 4, z, R(z));
	op(e, mi->w == 8 ? X64_MOVQ : X64_MOVD, 8, x, R(s));
	op(e, X64_PCMPEQB, 4, x, R(z));
	op(e, mi->w == 8 ? X64_MOVQ_M : X64_MOVD_M, 8, x, R(d));
	op(e, X64_NOT, mi->w, 0, R(d));
}

void x64__pseudo(struct x64__emit *e, const struct jit_mi *mi)
{
	switch (mi->op) {
	case X64__P_ADD: add(e, mi); break;
	case X64__P_SETCC: setcc(e, mi); break;
	case X64__P_CMOV: cmov(e, mi); break;
	case X64__P_SELECT_X: select_xmm(e, mi); break;
	case X64__P_DIV: divide(e, mi); break;
	case X64__P_RMW_LOOP: rmw_loop(e, mi); break;
	case X64__P_CLZ: leading_zeros(e, mi); break;
	case X64__P_CTZ: trailing_zeros(e, mi); break;
	case X64__P_POPCNT: population(e, mi); break;
	case X64__P_ORC_B: orc_b(e, mi); break;
	case X64__P_CMPXCHG: {
		struct x64_rm m = x64__rm(e, mi, 3);
		uint32_t stub = mi->exit ? x64__add_stub(e, X64__STUB_EXIT, mi)->label : 0;

		cmpxchg(e, mi, m, x64__g(e, mi, 0), stub);
		break;
	}
	}
}
