/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection for x86-64: v128, with SSE4.2 as the base.  What the machine has
 * no instruction for (lanes of bytes shifted, 64-bit products and minima) is
 * composed here from what it has.
 */
#include "jit/x64/x64.h"

#include "base/bits.h"

static uint32_t vec(struct jit_lower *l) { return jit__tmp(l, JIT_VEC); }

static void op2(struct jit_lower *l, unsigned op, uint32_t d, uint32_t a, uint32_t b)
{
	struct x64__rm rm = x64__rm_reg(b);

	x64__d_s_rm(l, op, 16, d, a, &rm);
}

static void op2c(struct jit_lower *l, unsigned op, uint32_t d, uint32_t a, uint64_t lo, uint64_t hi)
{
	struct x64__rm rm = x64__rm_const(lo, hi);

	x64__d_s_rm(l, op, 16, d, a, &rm);
}

static unsigned lane(unsigned ct) /* 0 bytes .. 3 quads */
{
	return ct == IR_I8X16 ? 0 : ct == IR_I16X8 ? 1 : ct == IR_I32X4 || ct == IR_F32X4 ? 2 : 3;
}

static void binary(struct jit_lower *l, ir_ref i, unsigned op)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]);
	struct x64__rm rm = x64__rm_of(l, n->a[1], 16);

	x64__d_s_rm(l, op, 16, d, a, &rm);
}

static void not(struct jit_lower *l, uint32_t d, uint32_t a) { op2c(l, X64_PXOR, d, a, ~0ull, ~0ull); }

/* ---- floats --------------------------------------------------------------------- */

/* Lanes that are NaN become the canonical one. */
static void canon(struct jit_lower *l, uint32_t d, uint32_t r, bool pd)
{
	uint32_t m = vec(l), x = vec(l), y = vec(l);
	uint64_t nan = pd ? 0x7ff8ull << 48 : 0x7fc000007fc00000;
	struct x64__rm rm = x64__rm_reg(r);

	x64__d_s_rm_i(l, pd ? X64_CMPPD : X64_CMPPS, m, r, &rm, 3); /* unordered */
	op2(l, X64_PANDN, x, m, r);
	op2c(l, X64_PAND, y, m, nan, nan);
	op2(l, X64_POR, d, x, y);
}

static void arithmetic(struct jit_lower *l, ir_ref i, unsigned ps, unsigned pd)
{
	const struct ir_insn *n = &l->f->insn[i];
	bool dbl = n->ct == IR_F64X2, mode = x64__needs_mode(l, n);
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), r = n->aux & IR_FP_CANON ? vec(l) : d;
	struct x64__rm rm = x64__rm_of(l, n->a[1], 16);

	if (mode)
		x64__mi(l, X64__P_MODE, X64__PSEUDO, 4)->imm = n->aux & 3;
	x64__d_s_rm(l, dbl ? pd : ps, 16, r, a, &rm);
	if (mode)
		x64__mi(l, X64__P_MODE_END, X64__PSEUDO, 4);
	if (r != d)
		canon(l, d, r, dbl);
}

/* ---- products ------------------------------------------------------------------- */

static void mul(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]);

	if (n->ct == IR_I16X8 || n->ct == IR_I32X4) {
		op2(l, n->ct == IR_I16X8 ? X64_PMULLW : X64_PMULLD, d, a, b);
	} else if (n->ct == IR_I64X2) { /* low * low + (high * low + low * high << 32) */
		uint32_t ah = vec(l), bh = vec(l), x = vec(l), y = vec(l), s = vec(l), t = vec(l), p = vec(l);

		x64__d_s_i(l, X64_PSRLQ_I, 16, ah, a, 32);
		x64__d_s_i(l, X64_PSRLQ_I, 16, bh, b, 32);
		op2(l, X64_PMULUDQ, x, ah, b);
		op2(l, X64_PMULUDQ, y, bh, a);
		op2(l, X64_PADDQ, s, x, y);
		x64__d_s_i(l, X64_PSLLQ_I, 16, t, s, 32);
		op2(l, X64_PMULUDQ, p, a, b);
		op2(l, X64_PADDQ, d, p, t);
	} else { /* bytes: even and odd ones as words */
		uint32_t ah = vec(l), bh = vec(l), x = vec(l), y = vec(l), e = vec(l), o = vec(l);

		x64__d_s_i(l, X64_PSRLW_I, 16, ah, a, 8);
		x64__d_s_i(l, X64_PSRLW_I, 16, bh, b, 8);
		op2(l, X64_PMULLW, x, ah, bh);
		x64__d_s_i(l, X64_PSLLW_I, 16, o, x, 8);
		op2(l, X64_PMULLW, y, a, b);
		op2c(l, X64_PAND, e, y, 0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff);
		op2(l, X64_POR, d, e, o);
	}
}

/* ---- compares, minima --------------------------------------------------------------- */

static const uint16_t eq[4] = { X64_PCMPEQB, X64_PCMPEQW, X64_PCMPEQD, X64_PCMPEQQ };
static const uint16_t gt[4] = { X64_PCMPGTB, X64_PCMPGTW, X64_PCMPGTD, X64_PCMPGTQ };
static const uint16_t min_s[4] = { X64_PMINSB, X64_PMINSW, X64_PMINSD };
static const uint16_t min_u[4] = { X64_PMINUB, X64_PMINUW, X64_PMINUD };
static const uint16_t max_s[4] = { X64_PMAXSB, X64_PMAXSW, X64_PMAXSD };
static const uint16_t max_u[4] = { X64_PMAXUB, X64_PMAXUW, X64_PMAXUD };

/* t = a > b, unsigned of 64 bits: the signs turned. */
static void gt_u64(struct jit_lower *l, uint32_t t, uint32_t a, uint32_t b)
{
	uint32_t x = vec(l), y = vec(l);

	op2c(l, X64_PXOR, x, a, BIT(63), BIT(63));
	op2c(l, X64_PXOR, y, b, BIT(63), BIT(63));
	op2(l, X64_PCMPGTQ, t, x, y);
}

static void compare(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	unsigned k = lane(n->ct);
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]), t = vec(l);

	switch (n->op) {
	case IR_VEQ: op2(l, eq[k], d, a, b); break;
	case IR_VNE: op2(l, eq[k], t, a, b); not(l, d, t); break;
	case IR_VLT_S: op2(l, gt[k], d, b, a); break;
	case IR_VLE_S: op2(l, gt[k], t, a, b); not(l, d, t); break;
	case IR_VLE_U:
		if (k == 3) {
			gt_u64(l, t, a, b);
			not(l, d, t);
		} else {
			op2(l, min_u[k], t, a, b);
			op2(l, eq[k], d, t, a);
		}
		break;
	default: /* VLT_U: not b <= a */
		if (k == 3) {
			gt_u64(l, d, b, a);
		} else {
			uint32_t u = vec(l);

			op2(l, min_u[k], t, b, a);
			op2(l, eq[k], u, t, b);
			not(l, d, u);
		}
	}
}

/* d = m ? a : b, by bits */
static void blend(struct jit_lower *l, uint32_t d, uint32_t a, uint32_t b, uint32_t m)
{
	uint32_t x = vec(l), y = vec(l);

	op2(l, X64_PAND, x, a, m);
	op2(l, X64_PANDN, y, m, b);
	op2(l, X64_POR, d, x, y);
}

static void extremum(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	unsigned k = lane(n->ct);
	bool max = n->op == IR_VMAX_S || n->op == IR_VMAX_U, is_signed = n->op == IR_VMIN_S || n->op == IR_VMAX_S;
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]), m;

	if (k < 3) {
		op2(l, (max ? is_signed ? max_s : max_u : is_signed ? min_s : min_u)[k], d, a, b);
		return;
	}
	m = vec(l);
	if (is_signed)
		op2(l, X64_PCMPGTQ, m, max ? a : b, max ? b : a);
	else
		gt_u64(l, m, max ? a : b, max ? b : a);
	blend(l, d, a, b, m);
}

/* ---- shifts ---------------------------------------------------------------------------- */

static void shift(struct jit_lower *l, ir_ref i)
{
	static const uint16_t left[4] = { 0, X64_PSLLW, X64_PSLLD, X64_PSLLQ };
	static const uint16_t right[4] = { 0, X64_PSRLW, X64_PSRLD, X64_PSRLQ };
	static const uint16_t sar[4] = { 0, X64_PSRAW, X64_PSRAD, 0 };
	const struct ir_insn *n = &l->f->insn[i];
	unsigned k = lane(n->ct), bits = 8u << k;
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), c = jit__tmp(l, JIT_GPR), x = vec(l);
	uint32_t b = x64__in32(l, n->a[1]);
	struct x64__rm rm = x64__rm_reg(c);

	x64__d_s_i(l, X64_AND_I, 4, c, b, (int32_t)bits - 1);
	x64__d_rm(l, X64_MOVD, 4, x, &rm);
	if (k == 0) {
		/* Words, of bytes that stand in their upper half with zeros or
		 * their sign around, and back. */
		uint32_t hi = vec(l), h2 = vec(l), l2 = vec(l), l0 = vec(l), h3 = vec(l), l3 = vec(l);
		bool left_shift = n->op == IR_VSHL;
		unsigned op = left_shift ? X64_PSLLW : n->op == IR_VSHR_S ? X64_PSRAW : X64_PSRLW;

		op2c(l, X64_PAND, hi, a, 0xff00ff00ff00ff00, 0xff00ff00ff00ff00);
		x64__d_s_i(l, X64_PSLLW_I, 16, l0, a, 8);
		op2(l, op, h2, hi, x);
		op2(l, op, l2, l0, x);
		op2c(l, X64_PAND, h3, h2, 0xff00ff00ff00ff00, 0xff00ff00ff00ff00);
		x64__d_s_i(l, X64_PSRLW_I, 16, l3, l2, 8);
		op2(l, X64_POR, d, h3, l3);
	} else if (k == 3 && n->op == IR_VSHR_S) { /* (a >> n ^ m) - m, m: the sign bit >> n */
		uint32_t s = vec(l), m = vec(l), y = vec(l), z = vec(l);
		struct x64__rm sign = x64__rm_const(BIT(63), BIT(63));

		x64__d_rm(l, X64_MOVAPS, 16, s, &sign);
		op2(l, X64_PSRLQ, m, s, x);
		op2(l, X64_PSRLQ, y, a, x);
		op2(l, X64_PXOR, z, y, m);
		op2(l, X64_PSUBQ, d, z, m);
	} else {
		op2(l, (n->op == IR_VSHL ? left : n->op == IR_VSHR_U ? right : sar)[k], d, a, x);
	}
}

/* ---- lanes ------------------------------------------------------------------------------- */

static void splat(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), s = jit__in(l, n->a[0]), t;
	struct x64__rm rm = x64__rm_reg(s);

	if (n->ct == IR_F32X4 || n->ct == IR_F64X2) {
		rm.reg = s;
		x64__mi(l, X64_PSHUFD, X64__D_RM_I, 16)->imm = n->ct == IR_F32X4 ? 0 : 0x44;
		jit__use(l, d, JIT_DEF);
		jit__use(l, s, JIT_USE);
		return;
	}
	t = vec(l);
	x64__d_rm(l, n->ct == IR_I64X2 ? X64_MOVQ : X64_MOVD, n->ct == IR_I64X2 ? 8 : 4, t, &rm);
	if (n->ct == IR_I8X16) {
		op2c(l, X64_PSHUFB, d, t, 0, 0);
	} else if (n->ct == IR_I16X8) {
		op2c(l, X64_PSHUFB, d, t, 0x0100010001000100, 0x0100010001000100);
	} else {
		rm = x64__rm_reg(t);
		x64__mi(l, X64_PSHUFD, X64__D_RM_I, 16)->imm = n->ct == IR_I32X4 ? 0 : 0x44;
		jit__use(l, d, JIT_DEF);
		jit__use(l, t, JIT_USE);
	}
}

static void extract(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), s = jit__in(l, n->a[0]);
	unsigned op;

	switch (n->ct) {
	case IR_I8X16: op = X64_PEXTRB; break;
	case IR_I32X4: op = X64_PEXTRD; break;
	case IR_I64X2: op = X64_PEXTRQ; break;
	case IR_I16X8:
		x64__mi(l, X64_PEXTRW, X64__D_RM_I, 4)->imm = n->imm & 7;
		jit__use(l, d, JIT_DEF);
		jit__use(l, s, JIT_USE);
		return;
	default: /* a float to lane 0 */
		x64__mi(l, X64_PSHUFD, X64__D_RM_I, 16)->imm =
			n->ct == IR_F32X4 ? n->imm & 3 : n->imm & 1 ? 0xee : 0xe4;
		jit__use(l, d, JIT_DEF);
		jit__use(l, s, JIT_USE);
		return;
	}
	{
		struct jit_mi *mi = x64__mi(l, op, X64__RM_S, 4);

		mi->cc = 1;
		mi->imm = n->imm & (n->ct == IR_I8X16 ? 15 : n->ct == IR_I32X4 ? 3 : 1);
	}
	jit__use(l, s, JIT_USE);
	jit__use(l, d, JIT_DEF);
}

static void replace(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]);
	unsigned op;
	int imm = n->imm;

	switch (n->ct) {
	case IR_I8X16: op = X64_PINSRB; imm &= 15; break;
	case IR_I16X8: op = X64_PINSRW; imm &= 7; break;
	case IR_I32X4: op = X64_PINSRD; imm &= 3; break;
	case IR_I64X2: op = X64_PINSRQ; imm &= 1; break;
	case IR_F32X4: op = X64_INSERTPS; imm = (imm & 3) << 4; break;
	default: /* a[1]:b or b:a[0] */
		x64__mi(l, imm & 1 ? X64_PUNPCKLQDQ : X64_SHUFPS, imm & 1 ? X64__D_S_RM : X64__D_S_RM_I, 16)->imm = 0xe4;
		jit__use(l, d, JIT_DEF);
		jit__use(l, imm & 1 ? a : b, JIT_USE);
		jit__use(l, imm & 1 ? b : a, JIT_USE | JIT_LATE);
		jit__hint(l, d, a);
		return;
	}
	x64__mi(l, op, X64__D_S_RM_I, 4)->imm = imm;
	jit__use(l, d, JIT_DEF);
	jit__use(l, a, JIT_USE);
	jit__use(l, b, JIT_USE | JIT_LATE);
	jit__hint(l, d, a);
}

static void float_compare(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	int how = n->op == IR_VFEQ ? 0 : n->op == IR_VFNE ? 4 : n->op == IR_VFLT ? 1 : 2;
	struct x64__rm rm = x64__rm_reg(jit__in(l, n->a[1]));

	x64__d_s_rm_i(l, n->ct == IR_F32X4 ? X64_CMPPS : X64_CMPPD, jit__out(l, i), jit__in(l, n->a[0]), &rm, how);
}

/* ---- carry-less products (RISC-V Zbc), which are done in xmm registers --------------- */

static void clmul(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]);
	uint32_t x = vec(l), y = vec(l), p = vec(l);
	struct x64__rm rm = x64__rm_reg(a);
	struct jit_mi *mi;

	x64__d_rm(l, X64_MOVQ, 8, x, &rm);
	rm = x64__rm_reg(b);
	x64__d_rm(l, X64_MOVQ, 8, y, &rm);
	rm = x64__rm_reg(y);
	x64__d_s_rm_i(l, X64_PCLMULQDQ, p, x, &rm, 0);
	mi = x64__mi(l, n->op == IR_CLMUL ? X64_MOVQ_M : X64_PEXTRQ, X64__RM_S, 8);
	mi->cc = 1;
	mi->imm = 1;
	jit__use(l, p, JIT_USE);
	jit__use(l, d, JIT_DEF);
}

static void bitselect(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]), c = jit__in(l, n->a[2]);

	blend(l, jit__out(l, i), a, b, c);
}

bool x64__select_vector(struct jit_lower *l, ir_ref i)
{
	static const uint16_t add[4] = { X64_PADDB, X64_PADDW, X64_PADDD, X64_PADDQ };
	static const uint16_t sub[4] = { X64_PSUBB, X64_PSUBW, X64_PSUBD, X64_PSUBQ };
	const struct ir_insn *n = &l->f->insn[i];

	switch (n->op) {
	case IR_VAND: binary(l, i, X64_PAND); break;
	case IR_VOR: binary(l, i, X64_POR); break;
	case IR_VXOR: binary(l, i, X64_PXOR); break;
	case IR_VANDN: {
		uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), b = jit__in(l, n->a[1]);

		op2(l, X64_PANDN, d, b, a);
		break;
	}
	case IR_VNOT: not(l, jit__out(l, i), jit__in(l, n->a[0])); break;
	case IR_VBITSELECT: bitselect(l, i); break;
	case IR_VADD: binary(l, i, add[lane(n->ct)]); break;
	case IR_VSUB: binary(l, i, sub[lane(n->ct)]); break;
	case IR_VMUL: mul(l, i); break;
	case IR_VNEG: {
		uint32_t d = jit__out(l, i), a = jit__in(l, n->a[0]), z = vec(l);
		struct x64__rm rm = x64__rm_const(0, 0);

		x64__d_rm(l, X64_MOVAPS, 16, z, &rm);
		op2(l, sub[lane(n->ct)], d, z, a);
		break;
	}
	case IR_VEQ: case IR_VNE: case IR_VLT_S: case IR_VLT_U: case IR_VLE_S: case IR_VLE_U: compare(l, i); break;
	case IR_VMIN_S: case IR_VMIN_U: case IR_VMAX_S: case IR_VMAX_U: extremum(l, i); break;
	case IR_VSHL: case IR_VSHR_U: case IR_VSHR_S: shift(l, i); break;
	case IR_VFADD: arithmetic(l, i, X64_ADDPS, X64_ADDPD); break;
	case IR_VFSUB: arithmetic(l, i, X64_SUBPS, X64_SUBPD); break;
	case IR_VFMUL: arithmetic(l, i, X64_MULPS, X64_MULPD); break;
	case IR_VFDIV: arithmetic(l, i, X64_DIVPS, X64_DIVPD); break;
	case IR_VFEQ: case IR_VFNE: case IR_VFLT: case IR_VFLE: float_compare(l, i); break;
	case IR_VSPLAT: splat(l, i); break;
	case IR_VLANE: extract(l, i); break;
	case IR_VREPLACE: replace(l, i); break;
	case IR_CLMUL: case IR_CLMULH: clmul(l, i); break;
	default: return false;
	}
	return true;
}
