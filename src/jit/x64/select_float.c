/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection for x86-64: scalar floats, with the processor's own arithmetic:
 * its flags are the guest's, and where the NaN matters a test for an unordered
 * result stands behind the operation.
 */
#include "jit/x64/x64.h"

#include <math.h>

#include "base/bits.h"

enum { SD = 1 }; /* the row after ...SS is ...SD */

static bool is_double(unsigned ct) { return ct == IR_F64; }

/* Does the operation need another rounding mode than the host may be in? */
bool x64__needs_mode(struct jit_lower *l, const struct ir_insn *n)
{
	unsigned rm = n->aux & IR_FP_RM;

	return rm != IR_FP_DYN && !(rm == 0 && l->o->fp_nearest);
}

static void mode(struct jit_lower *l, const struct ir_insn *n)
{
	if (x64__needs_mode(l, n))
		x64__mi(l, X64__P_MODE, X64__PSEUDO, 4)->imm = n->aux & 3;
}

static void mode_end(struct jit_lower *l, const struct ir_insn *n)
{
	if (x64__needs_mode(l, n))
		x64__mi(l, X64__P_MODE_END, X64__PSEUDO, 4);
}

/* Where the operation writes; canon() makes the value of it. */
static uint32_t raw_out(struct jit_lower *l, ir_ref i)
{
	uint32_t d = jit__out(l, i), t;

	if (!(l->f->insn[i].aux & IR_FP_CANON))
		return d;
	t = jit__tmp(l, JIT_FPR);
	jit__hint(l, t, d);
	return t;
}

static void canon(struct jit_lower *l, ir_ref i, uint32_t raw)
{
	uint32_t d = jit__out(l, i);

	if (raw == d)
		return;
	x64__mi(l, X64__P_CANON, X64__PSEUDO, (unsigned)ir_type_size(l->f->insn[i].type));
	jit__use(l, d, JIT_DEF);
	jit__use(l, raw, JIT_USE);
	jit__hint(l, d, raw);
}

static void binary(struct jit_lower *l, ir_ref i, unsigned op)
{
	const struct ir_insn *n = &l->f->insn[i];
	unsigned w = is_double(n->ct) ? 8 : 4;
	uint32_t d = raw_out(l, i), a = jit__in(l, n->a[0]);
	struct x64__rm rm = x64__rm_of(l, n->a[1], w);

	mode(l, n);
	x64__mi(l, op + is_double(n->ct), X64__D_S_RM, w)->cc = ir_has(n, IR_COMM);
	jit__use(l, d, JIT_DEF);
	jit__use(l, a, JIT_USE);
	x64__put_rm(l, &rm, ir_has(n, IR_COMM) && !rm.mem ? 0 : JIT_LATE);
	jit__hint(l, d, a);
	mode_end(l, n);
	canon(l, i, d);
}

static void unary(struct jit_lower *l, ir_ref i, unsigned op, unsigned w)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = raw_out(l, i);
	struct x64__rm rm = x64__rm_of(l, n->a[0], w);

	mode(l, n);
	x64__d_rm(l, op, w, d, &rm);
	mode_end(l, n);
	canon(l, i, d);
}

static void round_to(struct jit_lower *l, ir_ref i, int how)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = raw_out(l, i);
	struct x64__rm rm = x64__rm_of(l, n->a[0], is_double(n->ct) ? 8 : 4);

	x64__d_rm_i(l, X64_ROUNDSS + is_double(n->ct), 4, d, &rm, how | 8);
	canon(l, i, d);
}

static void sign(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint64_t bit = is_double(n->ct) ? BIT(63) : BIT(31), all = is_double(n->ct) ? ~0ull : UINT32_MAX;
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]);
	struct x64__rm rm;

	if (n->op != IR_COPYSIGN) {
		rm = n->op == IR_FNEG ? x64__rm_const(bit, 0) : x64__rm_const(all & ~bit, ~0ull);
		x64__d_s_rm(l, n->op == IR_FNEG ? X64_XORPS : X64_ANDPS, 16, d, a, &rm);
		return;
	}
	uint32_t b = jit__in(l, n->a[1]), t = jit__tmp(l, JIT_VEC), u = jit__tmp(l, JIT_VEC);

	rm = x64__rm_const(all & ~bit, 0);
	x64__d_s_rm(l, X64_ANDPS, 16, t, a, &rm);
	rm = x64__rm_const(bit, 0);
	x64__d_s_rm(l, X64_ANDPS, 16, u, b, &rm);
	rm = x64__rm_reg(u);
	x64__d_s_rm(l, X64_ORPS, 16, d, t, &rm);
}

static void fused(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = raw_out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]), c = jit__in(l, n->a[2]);
	unsigned w = is_double(n->ct) ? 8 : 4;

	mode(l, n);
	if (x64__features(l->o).fma) {
		x64__mi(l, X64_VFMADD231SS + is_double(n->ct), X64__D_V_RM, w);
		jit__use(l, d, JIT_DEF);
		jit__use(l, c, JIT_USE);
		jit__use(l, a, JIT_USE | JIT_LATE);
		jit__use(l, b, JIT_USE | JIT_LATE | JIT_MEM);
		jit__hint(l, d, c);
	} else {
		struct jit_mi *mi;

		x64__move(l, X64__XMM, a, w);
		x64__move(l, X64__XMM + 1, b, w);
		x64__move(l, X64__XMM + 2, c, w);
		mi = x64__mi(l, X64__P_CALL, X64__PSEUDO, 8);
		mi->data = is_double(n->ct) ? (uint64_t)(uintptr_t)fma : (uint64_t)(uintptr_t)fmaf;
		for (unsigned k = 0; k < 3; k++)
			jit__use(l, X64__XMM + k, JIT_USE);
		jit__use(l, X64__XMM, JIT_DEF);
		jit__clobbers(l, X64__CALLER_SAVED);
		l->m.calls = true;
		x64__move(l, d, X64__XMM, w);
	}
	mode_end(l, n);
	canon(l, i, d);
}

static void min_max(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = raw_out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]);

	x64__mi(l, X64__P_FMINMAX, X64__PSEUDO, is_double(n->ct) ? 8 : 4)->cc = (uint8_t)(n->op - IR_FMIN);
	jit__use(l, d, JIT_TEMP);
	jit__use(l, a, JIT_USE | JIT_LATE);
	jit__use(l, b, JIT_USE | JIT_LATE);
	canon(l, i, d);
}

unsigned x64__compare_float(struct jit_lower *l, const struct ir_insn *n)
{
	bool dbl = is_double(n->ct), swap = n->op == IR_FLT || n->op == IR_FLE;
	bool quiet = n->op == IR_FEQ || n->op == IR_FNE;
	uint32_t a = jit__in(l, n->a[swap]), b = jit__in(l, n->a[!swap]);

	x64__mi(l, (quiet ? X64_UCOMISS : X64_COMISS) + dbl, X64__S_RM, dbl ? 8 : 4);
	jit__use(l, a, JIT_USE);
	jit__use(l, b, JIT_USE | JIT_MEM);
	switch (n->op) {
	case IR_FEQ: return X64__CC_FEQ;
	case IR_FNE: return X64__CC_FNE;
	case IR_FLT: case IR_FGT: return X64_CC_A;
	default: return X64_CC_AE;
	}
}

/* d, s, by a pseudo-instruction that writes d early; how: its kind. */
static void special(struct jit_lower *l, unsigned op, unsigned w, unsigned how, uint32_t d, uint32_t s)
{
	x64__mi(l, op, X64__PSEUDO, w)->cc = (uint8_t)how;
	jit__use(l, d, JIT_TEMP);
	jit__use(l, s, JIT_USE | JIT_LATE);
}

/* To an integer.  how: 0 and 1 of 32 bits, 2 and 3 of 64; odd: unsigned. */
static void to_int(struct jit_lower *l, ir_ref i, unsigned op, unsigned how)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), s = jit__in(l, n->a[0]);
	bool zero = (n->aux & IR_FP_RM) == 1;

	if (op == X64__P_CVT && !zero)
		mode(l, n);
	special(l, op, is_double(n->ct) ? 8 : 4, how, d, s);
	l->group[l->ngroup - 1].imm = zero;
	if (op == X64__P_CVT && !zero)
		mode_end(l, n);
}

static void from_int(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), s = jit__in(l, n->a[0]);

	mode(l, n);
	if (n->op == IR_FROM64_U) {
		special(l, X64__P_FROM_U64, is_double(n->ct) ? 8 : 4, 0, d, s);
	} else {
		struct x64__rm rm = x64__rm_reg(s);

		x64__d_rm(l, X64_CVTSI2SS + is_double(n->ct), n->op == IR_FROM32_S ? 4 : 8, d, &rm);
	}
	mode_end(l, n);
}

static void between(struct jit_lower *l, ir_ref i, unsigned op, unsigned form, unsigned w)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), s = jit__in(l, n->a[0]);

	/* xmm is always the reg field: MOVD_M and MOVQ_M write the r/m */
	if (form == X64__D_RM) {
		struct x64__rm rm = x64__rm_reg(s);

		x64__d_rm(l, op, w, d, &rm);
		return;
	}
	x64__mi(l, op, X64__RM_S, w)->cc = 1;
	jit__use(l, s, JIT_USE);
	jit__use(l, d, JIT_DEF);
}

static void box(struct jit_lower *l, ir_ref i)
{
	uint32_t d = jit__out(l, i), s = jit__in(l, l->f->insn[i].a[0]), t = jit__tmp(l, JIT_GPR);
	uint32_t k = jit__tmp(l, JIT_GPR);
	struct jit_mi *mi;
	struct x64__rm rm = x64__rm_reg(k);

	x64__mi(l, X64_MOVD_M, X64__RM_S, 4)->cc = 1;
	jit__use(l, s, JIT_USE);
	jit__use(l, t, JIT_DEF);
	mi = x64__mi(l, JIT_MI_CONST, X64__PSEUDO, 8);
	mi->imm = -1;
	mi->data = 0xffffffffull << 32;
	jit__use(l, k, JIT_DEF);
	x64__d_s_rm(l, X64_OR, 8, d, t, &rm);
}

static void environment(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t s;

	if (n->op == IR_FPFLAGS) {
		uint32_t d = jit__out(l, i);

		x64__mi(l, X64__P_FPFLAGS, X64__PSEUDO, 4);
		jit__use(l, d, JIT_DEF);
		return;
	}
	s = jit__in(l, n->a[0]);
	x64__mi(l, n->op == IR_SETFPFLAGS ? X64__P_SETFPFLAGS : X64__P_SETFPMODE, X64__PSEUDO, 4);
	jit__use(l, s, JIT_USE | JIT_LATE);
	jit__use(l, jit__tmp(l, JIT_GPR), JIT_TEMP);
}

bool x64__select_float(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	unsigned w = is_double(n->ct) ? 8 : 4;

	switch (n->op) {
	case IR_FABS: case IR_FNEG: case IR_COPYSIGN: sign(l, i); break;
	case IR_FADD: binary(l, i, X64_ADDSS); break;
	case IR_FSUB: binary(l, i, X64_SUBSS); break;
	case IR_FMUL: binary(l, i, X64_MULSS); break;
	case IR_FDIV: binary(l, i, X64_DIVSS); break;
	case IR_FSQRT: unary(l, i, X64_SQRTSS + is_double(n->ct), w); break;
	case IR_FMA: fused(l, i); break;
	case IR_FCEIL: round_to(l, i, 2); break;
	case IR_FFLOOR: round_to(l, i, 1); break;
	case IR_FTRUNC: round_to(l, i, 3); break;
	case IR_FNEAREST: round_to(l, i, 0); break;
	case IR_FMIN: case IR_FMAX: case IR_FMINNUM: case IR_FMAXNUM: min_max(l, i); break;
	case IR_FEQ: case IR_FNE: case IR_FLT: case IR_FLE: case IR_FGT: case IR_FGE: {
		uint32_t d = jit__out(l, i);
		unsigned cc = x64__compare_float(l, n);

		x64__mi(l, X64__P_SETCC, X64__PSEUDO, 4)->cc = (uint8_t)cc;
		jit__use(l, d, JIT_DEF);
		break;
	}
	case IR_FCLASS: special(l, X64__P_FCLASS, w, 0, jit__out(l, i), jit__in(l, n->a[0])); break;
	case IR_SAT32_S: to_int(l, i, X64__P_SAT, 0); break;
	case IR_SAT32_U: to_int(l, i, X64__P_SAT, 1); break;
	case IR_SAT64_S: to_int(l, i, X64__P_SAT, 2); break;
	case IR_SAT64_U: to_int(l, i, X64__P_SAT, 3); break;
	case IR_CVT32_S: to_int(l, i, X64__P_CVT, 0); break;
	case IR_CVT32_U: to_int(l, i, X64__P_CVT, 1); break;
	case IR_CVT64_S: to_int(l, i, X64__P_CVT, 2); break;
	case IR_CVT64_U: to_int(l, i, X64__P_CVT, 3); break;
	case IR_FROM32_S: case IR_FROM32_U: case IR_FROM64_S: case IR_FROM64_U: from_int(l, i); break;
	case IR_DEMOTE: unary(l, i, X64_CVTSD2SS, 8); break;
	case IR_PROMOTE: unary(l, i, X64_CVTSS2SD, 4); break;
	case IR_BITS32: between(l, i, X64_MOVD_M, X64__RM_S, 4); break;
	case IR_BITS64: between(l, i, X64_MOVQ_M, X64__RM_S, 8); break;
	case IR_OF32: between(l, i, X64_MOVD, X64__D_RM, 4); break;
	case IR_OF64: between(l, i, X64_MOVQ, X64__D_RM, 8); break;
	case IR_BOX: box(l, i); break;
	case IR_UNBOX: special(l, X64__P_UNBOX, 4, 0, jit__out(l, i), jit__in(l, n->a[0])); break;
	case IR_FPFLAGS: case IR_SETFPFLAGS: case IR_SETFPMODE: environment(l, i); break;
	default: return false;
	}
	return true;
}
