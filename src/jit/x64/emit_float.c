/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine code for x86-64: floats where one instruction does not do what
 * IEEE 754-2019, Wasm or RISC-V says: minima, conversions at the edges of the
 * integers, canonical NaNs, rounding modes, flags.
 */
#include "jit/x64/x64.h"

#include <stddef.h>

#include "base/bits.h"

#define R(n) x64_r(n)
enum { SCRATCH = X64__SCRATCH, XS = X64__XSCRATCH };

static void op(struct x64__emit *e, enum x64_id id, unsigned w, unsigned reg, struct x64_rm rm)
{
	x64_emit(&e->a, id, w, reg, X64_NOREG, rm, 0);
}

static void opi(struct x64__emit *e, enum x64_id id, unsigned w, unsigned reg, int32_t imm)
{
	x64_emit(&e->a, id, w, 0, X64_NOREG, R(reg), imm);
}

static bool dbl(const struct jit_mi *mi) { return mi->w == 8; }

/* A constant of the float's type, given as a double's and a single's bits. */
static struct x64_rm constant(struct x64__emit *e, const struct jit_mi *mi, uint64_t d, uint32_t s)
{
	return x64_at(x64__pool(e, dbl(mi) ? d : s, 0, 8));
}

static struct x64_rm two63(struct x64__emit *e, const struct jit_mi *mi)
{
	return constant(e, mi, 0x43e0000000000000, 0x5f000000);
}

static struct x64_rm nan_of(struct x64__emit *e, const struct jit_mi *mi)
{
	return constant(e, mi, 0x7ff8ull << 48, 0x7fc00000);
}

/* kind: 0 minimum, 1 maximum, 2 minimumNumber, 3 maximumNumber */
static void min_max(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__x(e, mi, 0), x = x64__x(e, mi, 1), y = x64__x(e, mi, 2);
	bool max = mi->cc & 1, number = mi->cc & 2;
	uint32_t end = x64_label(a), nan = x64_label(a), differ = x64_label(a);

	op(e, X64_MOVAPS, 4, d, R(x));
	op(e, X64_UCOMISS + dbl(mi), 4, x, R(y));
	x64_jcc(a, X64_CC_P, nan);
	x64_jcc(a, X64_CC_NE, differ);
	op(e, max ? X64_ANDPS : X64_ORPS, 4, d, R(y)); /* equal, but for the sign of 0 */
	x64_jmp(a, end);
	x64_place(a, nan);
	if (number) { /* y, unless that is the NaN */
		op(e, X64_UCOMISS + dbl(mi), 4, y, R(y));
		x64_jcc(a, X64_CC_P, end);
		op(e, X64_MOVAPS, 4, d, R(y));
	} else {
		op(e, X64_ADDSS + dbl(mi), 4, d, R(y));
	}
	x64_jmp(a, end);
	x64_place(a, differ);
	op(e, (max ? X64_MAXSS : X64_MINSS) + dbl(mi), 4, d, R(y));
	x64_place(a, end);
}

/* ---- to integers -------------------------------------------------------------------- */

/* The signed ones: the machine says MIN for everything it cannot; that stays
 * for what is below, NaN gives `nan` and what is above MAX. */
static void to_signed(struct x64__emit *e, const struct jit_mi *mi, enum x64_id cvt, bool nan_max)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__g(e, mi, 0), s = x64__x(e, mi, 1), w = mi->cc & 2 ? 8 : 4;
	uint32_t end = x64_label(a), above = x64_label(a);

	op(e, cvt, w, d, R(s));
	opi(e, X64_CMP_I, w, d, 1);
	x64_jcc(a, X64_CC_NO, end);
	/* The second look must not raise anything: a quiet compare of the sign. */
	op(e, X64_UCOMISS + dbl(mi), 4, s, R(s));
	if (nan_max) {
		x64_jcc(a, X64_CC_P, above);
	} else {
		uint32_t number = x64_label(a);

		x64_jcc(a, X64_CC_NP, number);
		x64_mov_imm(a, d, 0);
		x64_jmp(a, end);
		x64_place(a, number);
	}
	op(e, dbl(mi) ? X64_MOVQ_M : X64_MOVD_M, 8, s, R(SCRATCH));
	op(e, X64_TEST, dbl(mi) ? 8 : 4, SCRATCH, R(SCRATCH));
	x64_jcc(a, X64_CC_S, end);
	x64_place(a, above);
	x64_mov_imm(a, d, w == 8 ? INT64_MAX : INT32_MAX);
	x64_place(a, end);
}

/* Flags as they were before, and NV. */
static void invalid(struct x64__emit *e, const struct jit_mi *mi, unsigned scratch)
{
	op(e, X64_LDMXCSR, 4, 0, x64_m(X64_RSP, -16));
	op(e, X64_CVTSS2SI + dbl(mi), 4, scratch, nan_of(e, mi));
}

/*
 * 32 bits unsigned, by way of 64 signed.  For RISC-V what does not fit must
 * raise NV and nothing else: the flags are as before, then NV is raised.
 */
static void to_u32(struct x64__emit *e, const struct jit_mi *mi, enum x64_id cvt, bool exact)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__g(e, mi, 0), s = x64__x(e, mi, 1);
	uint32_t end = x64_label(a), zero = x64_label(a), max = x64_label(a);

	if (exact)
		op(e, X64_STMXCSR, 4, 0, x64_m(X64_RSP, -16));
	op(e, cvt, 8, d, R(s));
	op(e, X64_MOV, 4, SCRATCH, R(d));
	op(e, X64_CMP, 8, SCRATCH, R(d));
	x64_jcc(a, X64_CC_E, end);
	if (exact)
		invalid(e, mi, d);
	op(e, X64_UCOMISS + dbl(mi), 4, s, R(s));
	x64_jcc(a, X64_CC_P, exact ? max : zero);
	op(e, dbl(mi) ? X64_MOVQ_M : X64_MOVD_M, 8, s, R(SCRATCH));
	op(e, X64_TEST, dbl(mi) ? 8 : 4, SCRATCH, R(SCRATCH));
	x64_jcc(a, X64_CC_S, zero);
	x64_place(a, max);
	x64_mov_imm(a, d, UINT32_MAX);
	x64_jmp(a, end);
	x64_place(a, zero);
	x64_mov_imm(a, d, 0);
	x64_place(a, end);
}

static void to_u64(struct x64__emit *e, const struct jit_mi *mi, enum x64_id cvt, bool exact)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__g(e, mi, 0), s = x64__x(e, mi, 1);
	uint32_t end = x64_label(a), max = x64_label(a), big = x64_label(a), fits = x64_label(a);
	uint32_t nan = x64_label(a);

	if (exact)
		op(e, X64_STMXCSR, 4, 0, x64_m(X64_RSP, -16));
	op(e, X64_UCOMISS + dbl(mi), 4, s, two63(e, mi));
	x64_jcc(a, X64_CC_P, nan);
	x64_jcc(a, X64_CC_AE, big);
	op(e, cvt, 8, d, R(s));
	op(e, X64_TEST, 8, d, R(d));
	x64_jcc(a, X64_CC_NS, end);
	if (exact)
		invalid(e, mi, d);
	if (!exact)
		x64_place(a, nan);
	x64_mov_imm(a, d, 0);
	x64_jmp(a, end);
	if (exact) {
		x64_place(a, nan);
		invalid(e, mi, d);
		x64_jmp(a, max);
	}
	x64_place(a, big); /* the difference is exact, unless it does not fit */
	op(e, X64_MOVAPS, 4, XS, R(s));
	op(e, X64_SUBSS + dbl(mi), 4, XS, two63(e, mi));
	op(e, cvt, 8, d, R(XS));
	op(e, X64_TEST, 8, d, R(d));
	x64_jcc(a, X64_CC_NS, fits);
	if (exact)
		invalid(e, mi, d);
	x64_jmp(a, max);
	x64_place(a, fits);
	x64_mov_imm(a, SCRATCH, 1ull << 63);
	op(e, X64_XOR, 8, d, R(SCRATCH));
	x64_jmp(a, end);
	x64_place(a, max);
	x64_mov_imm(a, d, ~0ull);
	x64_place(a, end);
}

static void to_int(struct x64__emit *e, const struct jit_mi *mi)
{
	bool exact = mi->op == X64__P_CVT, truncate = !exact || mi->imm;
	enum x64_id cvt = (truncate ? X64_CVTTSS2SI : X64_CVTSS2SI) + dbl(mi);

	if (!(mi->cc & 1))
		to_signed(e, mi, cvt, exact);
	else if (mi->cc & 2)
		to_u64(e, mi, cvt, exact);
	else
		to_u32(e, mi, cvt, exact);
}

/* ---- from integers -------------------------------------------------------------------- */

/* Above 2^63: half of it, the lost bit kept sticky, doubled. */
static void from_u64(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__x(e, mi, 0), s = x64__g(e, mi, 1);
	uint32_t end = x64_label(a), big = x64_label(a);

	op(e, X64_XORPS, 4, d, R(d));
	op(e, X64_TEST, 8, s, R(s));
	x64_jcc(a, X64_CC_S, big);
	op(e, X64_CVTSI2SS + dbl(mi), 8, d, R(s));
	x64_jmp(a, end);
	x64_place(a, big);
	op(e, X64_MOV, 8, SCRATCH, R(s));
	opi(e, X64_SHR_I, 8, SCRATCH, 1);
	/* bit 0 of s: into the flags by a test, then or'ed */
	opi(e, X64_TEST_I, 4, s, 1);
	uint32_t even = x64_label(a);
	x64_jcc(a, X64_CC_E, even);
	opi(e, X64_OR_I, 8, SCRATCH, 1);
	x64_place(a, even);
	op(e, X64_CVTSI2SS + dbl(mi), 8, d, R(SCRATCH));
	op(e, X64_ADDSS + dbl(mi), 4, d, R(d));
	x64_place(a, end);
}

static void unbox(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__x(e, mi, 0), s = x64__g(e, mi, 1);
	uint32_t end = x64_label(a);

	op(e, X64_MOVD, 4, d, R(s));
	op(e, X64_MOV, 8, SCRATCH, R(s));
	opi(e, X64_SAR_I, 8, SCRATCH, 32);
	opi(e, X64_CMP_I, 8, SCRATCH, -1);
	x64_jcc(a, X64_CC_E, end);
	op(e, X64_MOVSS, 4, d, x64_at(x64__pool(e, 0x7fc00000, 0, 8)));
	x64_place(a, end);
}

static void canonical(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned d = x64__x(e, mi, 0), s = x64__x(e, mi, 1);
	struct x64__stub *st;

	if (d != s)
		op(e, X64_MOVAPS, 4, d, R(s));
	op(e, X64_UCOMISS + dbl(mi), 4, d, R(d));
	st = x64__add_stub(e, X64__STUB_CANON, mi);
	uint32_t label = st->label;

	st->back = x64_label(&e->a);
	x64_jcc(&e->a, X64_CC_P, label);
	x64_place(&e->a, st->back);
}

/* ---- the environment -------------------------------------------------------------------- */

/* MXCSR: flags IE DE ZE OE UE PE in bits 0-5, rounding in 13-14: nearest,
 * down, up, zero; the IR's are nearest, zero, down, up. */
static uint32_t rounding(unsigned rm)
{
	static const uint8_t of[4] = { 0, 3, 1, 2 };

	return (uint32_t)of[rm & 3] << 13;
}

/* Until mode_end() the mode of before is kept in the context, where nobody
 * looks while translated code runs; there may be a call in between. */
static struct x64_rm kept(const struct x64__emit *e)
{
	return x64_m(X64__STATE, (int32_t)(e->o->ctx + offsetof(struct jit_ctx, fp)));
}

static void mode(struct x64__emit *e, const struct jit_mi *mi)
{
	op(e, X64_STMXCSR, 4, 0, kept(e));
	op(e, X64_MOV, 4, SCRATCH, kept(e));
	opi(e, X64_AND_I, 4, SCRATCH, ~0x6000);
	opi(e, X64_OR_I, 4, SCRATCH, (int32_t)rounding((unsigned)mi->imm));
	op(e, X64_MOV_M, 4, SCRATCH, x64_m(X64_RSP, -8));
	op(e, X64_LDMXCSR, 4, 0, x64_m(X64_RSP, -8));
}

static void mode_end(struct x64__emit *e)
{
	op(e, X64_STMXCSR, 4, 0, x64_m(X64_RSP, -8));
	op(e, X64_MOV, 4, SCRATCH, x64_m(X64_RSP, -8));
	opi(e, X64_AND_I, 4, SCRATCH, 0x3f);
	op(e, X64_OR, 4, SCRATCH, kept(e));
	op(e, X64_MOV_M, 4, SCRATCH, x64_m(X64_RSP, -8));
	op(e, X64_LDMXCSR, 4, 0, x64_m(X64_RSP, -8));
}

/* The other way round, and without "denormal": IE ZE OE UE PE -> NX UF OF DZ NV. */
static void flags(struct x64__emit *e, const struct jit_mi *mi)
{
	static const struct { uint8_t from, to; } map[5] = { { 0, 4 }, { 2, 3 }, { 3, 2 }, { 4, 1 }, { 5, 0 } };
	unsigned d = x64__g(e, mi, 0);

	op(e, X64_STMXCSR, 4, 0, x64_m(X64_RSP, -4));
	x64_mov_imm(&e->a, d, 0);
	for (unsigned b = 0; b < 5; b++) {
		uint32_t no = x64_label(&e->a);

		x64_emit(&e->a, X64_TEST_BI, 4, 0, X64_NOREG, x64_m(X64_RSP, -4), 1 << map[b].from);
		x64_jcc(&e->a, X64_CC_E, no);
		opi(e, X64_OR_I, 4, d, 1 << map[b].to);
		x64_place(&e->a, no);
	}
}

static void set_flags(struct x64__emit *e, const struct jit_mi *mi)
{
	static const struct { uint8_t from, to; } map[5] = { { 4, 0 }, { 3, 2 }, { 2, 3 }, { 1, 4 }, { 0, 5 } };
	unsigned s = x64__g(e, mi, 0), t = x64__g(e, mi, 1);

	op(e, X64_STMXCSR, 4, 0, x64_m(X64_RSP, -4));
	op(e, X64_MOV, 4, t, x64_m(X64_RSP, -4));
	opi(e, X64_AND_I, 4, t, ~0x3f);
	for (unsigned b = 0; b < 5; b++) {
		op(e, X64_MOV, 4, SCRATCH, R(s));
		opi(e, X64_AND_I, 4, SCRATCH, 1 << map[b].from);
		if (map[b].to > map[b].from)
			opi(e, X64_SHL_I, 4, SCRATCH, map[b].to - map[b].from);
		else
			opi(e, X64_SHR_I, 4, SCRATCH, map[b].from - map[b].to);
		op(e, X64_OR, 4, t, R(SCRATCH));
	}
	op(e, X64_MOV_M, 4, t, x64_m(X64_RSP, -4));
	op(e, X64_LDMXCSR, 4, 0, x64_m(X64_RSP, -4));
}

static void set_mode(struct x64__emit *e, const struct jit_mi *mi)
{
	unsigned s = x64__g(e, mi, 0), t = x64__g(e, mi, 1);

	op(e, X64_STMXCSR, 4, 0, x64_m(X64_RSP, -4));
	op(e, X64_MOV, 4, SCRATCH, x64_m(X64_RSP, -4));
	opi(e, X64_AND_I, 4, SCRATCH, ~0x6000);
	for (unsigned rm = 1; rm < 4; rm++) {
		uint32_t no = x64_label(&e->a);

		op(e, X64_MOV, 4, t, R(s));
		opi(e, X64_AND_I, 4, t, 3);
		opi(e, X64_CMP_I, 4, t, (int32_t)rm);
		x64_jcc(&e->a, X64_CC_NE, no);
		opi(e, X64_OR_I, 4, SCRATCH, (int32_t)rounding(rm));
		x64_place(&e->a, no);
	}
	op(e, X64_MOV_M, 4, SCRATCH, x64_m(X64_RSP, -4));
	op(e, X64_LDMXCSR, 4, 0, x64_m(X64_RSP, -4));
}

/* RISC-V 21.9: bit 0 -inf, 1 -normal, 2 -subnormal, 3 -0, 4 +0, 5 +subnormal,
 * 6 +normal, 7 +inf, 8 signaling NaN, 9 quiet NaN. */
static void classify(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__g(e, mi, 0), s = x64__x(e, mi, 1), w = mi->w, r = SCRATCH;
	uint32_t end = x64_label(a), sign = x64_label(a), next;
	static const struct { uint64_t d; uint32_t s; uint8_t cc; int plus; } test[] = {
		{ 0, 0, X64_CC_E, 4 },                                             /* 0 */
		{ 0x10ull << 48 << 1, 0x00800000u << 1, X64_CC_B, 5 },             /* subnormal */
		{ 0x7ff0ull << 48 << 1, 0x7f800000u << 1, X64_CC_B, 6 },           /* normal */
		{ 0x7ff0ull << 48 << 1, 0x7f800000u << 1, X64_CC_E, 7 },           /* infinite */
	};

	op(e, w == 8 ? X64_MOVQ_M : X64_MOVD_M, 8, s, R(r));
	op(e, X64_ADD, w, r, R(r)); /* without the sign */
	for (unsigned k = 0; k < ARRAY_LEN(test); k++) {
		next = x64_label(a);
		x64_mov_imm(a, d, w == 8 ? test[k].d : test[k].s);
		op(e, X64_CMP, w, r, R(d));
		x64_jcc(a, test[k].cc ^ 1, next);
		x64_mov_imm(a, d, test[k].plus);
		x64_jmp(a, sign);
		x64_place(a, next);
	}
	/* NaN: quiet has the highest bit of the mantissa */
	x64_mov_imm(a, d, w == 8 ? 0x7ff8ull << 48 << 1 : (uint32_t)(0x7fc00000u << 1));
	op(e, X64_CMP, w, r, R(d));
	x64_mov_imm(a, d, 1 << 9);
	x64_jcc(a, X64_CC_AE, end);
	x64_mov_imm(a, d, 1 << 8);
	x64_jmp(a, end);
	x64_place(a, sign); /* negative: 7 - it */
	op(e, w == 8 ? X64_MOVQ_M : X64_MOVD_M, 8, s, R(r));
	op(e, X64_TEST, w, r, R(r));
	next = x64_label(a);
	x64_jcc(a, X64_CC_NS, next);
	opi(e, X64_XOR_I, 4, d, 7);
	x64_place(a, next);
	x64_mov_imm(a, r, 1);
	/* 1 << d, without CL: d is 0 .. 7 */
	for (unsigned k = 0; k < 3; k++) {
		uint32_t no = x64_label(a);

		opi(e, X64_TEST_I, 4, d, 1 << k);
		x64_jcc(a, X64_CC_E, no);
		opi(e, X64_SHL_I, 4, r, 1 << k);
		x64_place(a, no);
	}
	op(e, X64_MOV, 4, d, R(r));
	x64_place(a, end);
}

void x64__pseudo_float(struct x64__emit *e, const struct jit_mi *mi)
{
	switch (mi->op) {
	case X64__P_FMINMAX: min_max(e, mi); break;
	case X64__P_SAT:
	case X64__P_CVT: to_int(e, mi); break;
	case X64__P_FROM_U64: from_u64(e, mi); break;
	case X64__P_CANON: canonical(e, mi); break;
	case X64__P_MODE: mode(e, mi); break;
	case X64__P_MODE_END: mode_end(e); break;
	case X64__P_FPFLAGS: flags(e, mi); break;
	case X64__P_SETFPFLAGS: set_flags(e, mi); break;
	case X64__P_SETFPMODE: set_mode(e, mi); break;
	case X64__P_FCLASS: classify(e, mi); break;
	case X64__P_UNBOX: unbox(e, mi); break;
	}
}
