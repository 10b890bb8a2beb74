/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine code for x86-64: branches with the moves of their edges, exits and
 * their stubs, calls, translation of addresses, and the trampoline.
 *
 * A stub stores what its exit says and leaves through one piece of code at the
 * end of the unit: RAX is the exit's description, the stack goes back to where
 * jit_enter() left it, however many frames are on it.
 */
#include "jit/x64/x64.h"

#include <stddef.h>
#include <string.h>

#include "base/bits.h"

#define CTX(e, field) ((int32_t)((e)->o->ctx + offsetof(struct jit_ctx, field)))

struct x64__stub *x64__add_stub(struct x64__emit *e, unsigned kind, const struct jit_mi *mi)
{
	if (e->nstub >= e->cstub) {
		void *p = jit__grow(e->m, e->stub, &e->cstub, e->nstub + 1, sizeof(*e->stub));

		if (!p)
			return &e->none;
		e->stub = p;
	}
	e->stub[e->nstub] = (struct x64__stub){ .kind = (uint8_t)kind, .mi = mi, .label = x64_label(&e->a) };
	return &e->stub[e->nstub++];
}

/* ---- branches -------------------------------------------------------------------- */

static void jcc(struct x64__emit *e, unsigned cc, uint32_t label)
{
	struct x64_asm *a = &e->a;

	if (cc == X64__CC_FEQ) {
		uint32_t no = x64_label(a);

		x64_jcc(a, X64_CC_P, no);
		x64_jcc(a, X64_CC_E, label);
		x64_place(a, no);
	} else if (cc == X64__CC_FNE) {
		x64_jcc(a, X64_CC_P, label);
		x64_jcc(a, X64_CC_NE, label);
	} else {
		x64_jcc(a, cc, label);
	}
}

static void go(struct x64__emit *e, const struct jit_edge *g)
{
	x64__edge_moves(e, g);
	if (g->to != e->b + 1)
		x64_jmp(&e->a, e->block[g->to]);
}

static void branch(struct x64__emit *e, const struct jit_mi *mi)
{
	const struct jit_edge *t = &e->m->edge[e->m->block[e->b].edge], *f = t + 1;
	unsigned cc = mi->cc;

	/* The one that falls through, or has moves, is the second. */
	if (!f->nmoves && f->to != e->b + 1 && (t->nmoves || t->to == e->b + 1)) {
		const struct jit_edge *x = t;

		t = f;
		f = x;
		cc = x64__invert(cc);
	}
	if (!t->nmoves) {
		jcc(e, cc, e->block[t->to]);
		go(e, f);
		return;
	}
	if (!f->nmoves) {
		jcc(e, x64__invert(cc), e->block[f->to]);
		go(e, t);
		return;
	}
	uint32_t other = x64_label(&e->a);

	jcc(e, x64__invert(cc), other);
	x64__edge_moves(e, t);
	x64_jmp(&e->a, e->block[t->to]);
	x64_place(&e->a, other);
	go(e, f);
}

static void switch_(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	const struct jit_mblock *k = &e->m->block[e->b];
	unsigned v = x64__g(e, mi, 0), t = x64__g(e, mi, 1);
	uint32_t table = x64_label(a);

	x64_mov_imm(a, t, (uint32_t)mi->imm - 1);
	x64_emit(a, X64_CMP, 4, v, X64_NOREG, x64_r(t), 0);
	x64_emit_cc(a, X64_CMOV, 4, X64_CC_B, t, x64_r(v));
	x64_lea_label(a, X64__SCRATCH, table);
	x64_emit(a, X64_MOVSXD, 8, t, X64_NOREG, x64_mi(X64__SCRATCH, t, 2, 0), 0);
	x64_emit(a, X64_ADD, 8, t, X64_NOREG, x64_r(X64__SCRATCH), 0);
	x64_emit(a, X64_JMP_M, 8, 0, X64_NOREG, x64_r(t), 0);
	x64_align(a, 4);
	x64_place(a, table);
	uint32_t first = a->nlabel;

	for (uint32_t n = 0; n < k->nedge; n++) {
		const struct jit_edge *g = &e->m->edge[k->edge + n];

		/* Labels of edges with moves come one after the other. */
		x64_table(a, table, g->nmoves ? x64_label(a) : e->block[g->to]);
	}
	for (uint32_t n = 0; n < k->nedge; n++) {
		const struct jit_edge *g = &e->m->edge[k->edge + n];

		if (!g->nmoves)
			continue;
		x64_place(a, first++);
		x64__edge_moves(e, g);
		x64_jmp(a, e->block[g->to]);
	}
}

/* ---- leaving ------------------------------------------------------------------------ */

static void pop_frame(struct x64__emit *e)
{
	if (e->frame)
		x64_emit(&e->a, X64_ADD_I, 8, 0, X64_NOREG, x64_r(X64_RSP), (int32_t)e->frame);
}

static void store_reg(struct x64__emit *e, unsigned how, enum ir_type t, uint16_t loc, struct x64_rm to)
{
	struct x64_asm *a = &e->a;
	unsigned r = loc & 15, size = ir_type_size(t);
	bool xmm = jit__class(t) != JIT_GPR;

	if (loc >= JIT_SLOT) { /* through a scratch register */
		r = xmm ? X64__XSCRATCH : X64__SCRATCH;
		x64_emit(a, !xmm ? X64_MOV : t == IR_V128 ? X64_MOVUPS : X64_MOVSD, 8, r, X64_NOREG,
			 x64__slot(e, loc), 0);
	}
	if (xmm) {
		x64_emit(a, t == IR_V128 ? X64_MOVUPS_M : t == IR_F64 ? X64_MOVSD_M : X64_MOVSS_M, 4, r, X64_NOREG,
			 to, 0);
		if (how == IR_HOW_BOX) {
			to.disp += 4;
			x64_emit(a, X64_MOV_I, 4, 0, X64_NOREG, to, -1);
		}
		return;
	}
	switch (how) {
	case IR_HOW_SEXT:
		x64_emit(a, X64_MOVSXD, 8, X64__SCRATCH, X64_NOREG, x64_r(r), 0);
		r = X64__SCRATCH;
		size = 8;
		break;
	case IR_HOW_ZEXT: size = 8; break;
	case IR_HOW_8: size = 1; break;
	case IR_HOW_16: size = 2; break;
	case IR_HOW_32: size = 4; break;
	}
	x64_emit(a, size == 1 ? X64_MOV_MB : size == 2 ? X64_MOV_MW : X64_MOV_M, size == 8 ? 8 : 4, r, X64_NOREG, to, 0);
}

static void store_imm(struct x64__emit *e, uint64_t v, unsigned size, struct x64_rm to)
{
	struct x64_asm *a = &e->a;

	if (size < 8 || (int64_t)v == (int32_t)v) {
		x64_emit(a, size == 1 ? X64_MOV_BI : size == 2 ? X64_MOV_WI : X64_MOV_I, size == 8 ? 8 : 4, 0,
			 X64_NOREG, to, (int32_t)v);
		return;
	}
	x64_mov_imm(a, X64__SCRATCH, v);
	x64_emit(a, X64_MOV_M, 8, X64__SCRATCH, X64_NOREG, to, 0);
}

static void store_const(struct x64__emit *e, unsigned how, enum ir_type t, ir_ref c, struct x64_rm to)
{
	struct ir_func *f = e->m->ir;
	uint64_t v = ir_const_bits(f, c);
	unsigned size = ir_type_size(t);

	switch (how) {
	case IR_HOW_SEXT: v = (uint64_t)(int64_t)(int32_t)v, size = 8; break;
	case IR_HOW_ZEXT: v = (uint32_t)v, size = 8; break;
	case IR_HOW_BOX: v |= 0xffffffffull << 32, size = 8; break;
	case IR_HOW_8: size = 1; break;
	case IR_HOW_16: size = 2; break;
	case IR_HOW_32: size = 4; break;
	}
	store_imm(e, v, MIN(size, 8u), to);
	if (size == 16) {
		to.disp += 8;
		store_imm(e, ir_const_high(f, c), 8, to);
	}
}

/* What the exit's table says goes to the guest state. */
static void store_state(struct x64__emit *e, const struct jit_mi *mi)
{
	struct ir_func *f = e->m->ir;
	const struct ir_exit *x = &f->exit[mi->exit];
	unsigned op = mi->nops - mi->nexit;

	for (uint32_t s = 0; s < x->nslots; s++) {
		uint32_t w = f->list[x->slots + 2 * s];
		ir_ref v = f->list[x->slots + 2 * s + 1], b = v;
		enum ir_type t = ir_type(f, v);
		struct x64_rm to = x64_m(X64__STATE, (int32_t)(w & IR_OFFSET_MASK));
		bool framed = (w & IR_OFFSET_MASK) >= IR_FRAME; /* dead once it is left */

		while (f->insn[b].op == IR_EXT_U)
			b = f->insn[b].a[0];
		if (f->insn[b].op != IR_CONST) {
			if (!framed)
				store_reg(e, w >> 24, t, x64__loc(e, mi, op), to);
			op++;
		} else if (!framed) {
			store_const(e, w >> 24, t, b, to);
		}
	}
}

static void goto_const(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64__stub *s;

	store_state(e, mi);
	pop_frame(e);
	s = x64__add_stub(e, X64__STUB_EXIT, mi);
	s->stored = true;
	s->target = mi->data;
	uint32_t n = e->nstub, label = s->label, site = x64_jmp_patchable(&e->a, label);

	e->stub[n - 1].site = site;
	if (e->nsite >= e->csite) {
		void *p = jit__grow(e->m, e->site, &e->csite, e->nsite + 1, sizeof(*e->site));

		if (!p)
			return;
		e->site = p;
	}
	e->site[e->nsite++] = site;
}

/* The code for a guest address, from the table of the state. */
static void goto_value(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	const struct jit_tlb *t = &e->o->jumps;
	unsigned v = x64__g(e, mi, 0), r = X64__SCRATCH;
	struct x64__stub *s;

	store_state(e, mi);
	pop_frame(e);
	s = x64__add_stub(e, X64__STUB_GOTO, mi);
	s->stored = true;
	if (!t->bits) {
		x64_jmp(a, s->label);
		return;
	}
	uint32_t miss = s->label;

	x64_emit(a, X64_MOV, 8, r, X64_NOREG, x64_r(v), 0);
	if (t->page_bits < t->entry_bits)
		x64_emit(a, X64_SHL_I, 8, 0, X64_NOREG, x64_r(r), (int32_t)(t->entry_bits - t->page_bits));
	else if (t->page_bits > t->entry_bits)
		x64_emit(a, X64_SHR_I, 8, 0, X64_NOREG, x64_r(r), (int32_t)(t->page_bits - t->entry_bits));
	x64_emit(a, X64_AND_I, 4, 0, X64_NOREG, x64_r(r), (int32_t)((BIT(t->bits) - 1) << t->entry_bits));
	x64_emit(a, X64_CMP, 8, v, X64_NOREG, x64_mi(X64__STATE, r, 0, (int32_t)t->offset), 0);
	x64_jcc(a, X64_CC_NE, miss);
	x64_emit(a, X64_JMP_M, 8, 0, X64_NOREG, x64_mi(X64__STATE, r, 0, (int32_t)t->offset + 8), 0);
}

static void poll(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64__stub *s = x64__add_stub(e, X64__STUB_EXIT, mi);
	uint32_t label = s->label;

	if (mi->imm) {
		x64_emit(&e->a, X64_SUB_I, 8, 0, X64_NOREG, x64_m(X64__STATE, CTX(e, budget)), mi->imm);
		x64_jcc(&e->a, X64_CC_S, label);
	}
	x64_emit(&e->a, X64_CMP_I, 4, 0, X64_NOREG, x64_m(X64__STATE, CTX(e, stop)), 0);
	x64_jcc(&e->a, X64_CC_NE, label);
}

/*
 * The addend of a guest address: index the table by the page, compare the tag
 * with the page of the last byte, so that what crosses a page misses.
 */
static void translate(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	const struct jit_tlb *t = &e->o->tlb[mi->cc & 3];
	unsigned d = x64__g(e, mi, 0), x = x64__g(e, mi, 1), v = x64__g(e, mi, 2), r = X64__SCRATCH;
	unsigned bytes = 1u << (mi->cc >> 2);
	struct x64__stub *s = x64__add_stub(e, X64__STUB_MISS, mi);
	uint32_t miss = s->label, back = x64_label(a);

	s->back = back;
	x64_emit(a, X64_LEA, 8, d, X64_NOREG, x64_m(v, mi->imm), 0);
	if (!t->bits) {
		x64_jmp(a, miss);
	} else {
		x64_emit(a, X64_MOV, 8, x, X64_NOREG, x64_r(d), 0);
		x64_emit(a, X64_SHR_I, 8, 0, X64_NOREG, x64_r(x), (int32_t)(t->page_bits - t->entry_bits));
		x64_emit(a, X64_AND_I, 4, 0, X64_NOREG, x64_r(x), (int32_t)((BIT(t->bits) - 1) << t->entry_bits));
		x64_emit(a, X64_LEA, 8, r, X64_NOREG, x64_m(d, (int32_t)bytes - 1), 0);
		x64_emit(a, X64_AND_I, 8, 0, X64_NOREG, x64_r(r), -(int32_t)(1u << t->page_bits));
		x64_emit(a, X64_CMP, 8, r, X64_NOREG, x64_mi(X64__STATE, x, 0, (int32_t)t->offset), 0);
		x64_jcc(a, X64_CC_NE, miss);
		x64_emit(a, X64_MOV, 8, d, X64_NOREG, x64_mi(X64__STATE, x, 0, (int32_t)t->offset + 8), 0);
	}
	x64_place(a, back);
}

void x64__control(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	struct x64__stub *s;

	switch (mi->op) {
	case X64__P_JUMP: go(e, &e->m->edge[e->m->block[e->b].edge]); break;
	case X64__P_BRANCH: branch(e, mi); break;
	case X64__P_SWITCH: switch_(e, mi); break;
	case X64__P_RET:
		pop_frame(e);
		x64_emit(a, X64_RET, 8, 0, X64_NOREG, x64_r(0), 0);
		break;
	case X64__P_LEAVE:
		s = x64__add_stub(e, X64__STUB_EXIT, mi);
		x64_jmp(a, s->label);
		break;
	case X64__P_GOTO: goto_value(e, mi); break;
	case X64__P_GOTO_CONST: goto_const(e, mi); break;
	case X64__P_TAIL:
		pop_frame(e);
		if (!mi->cc)
			x64_mov_imm(a, X64_R10, mi->data);
		x64_emit(a, X64_JMP_M, 8, 0, X64_NOREG, x64_r(X64_R10), 0);
		break;
	case X64__P_CALL:
		x64_mov_imm(a, X64_RAX, mi->data);
		x64_emit(a, X64_CALL_M, 8, 0, X64_NOREG, x64_r(X64_RAX), 0);
		break;
	case X64__P_CALL_REG: x64_emit(a, X64_CALL_M, 8, 0, X64_NOREG, x64_r(X64_R10), 0); break;
	case X64__P_GUARD: {
		uint32_t label = x64__add_stub(e, X64__STUB_EXIT, mi)->label;

		jcc(e, x64__invert(mi->cc), label);
		break;
	}
	case X64__P_POLL: poll(e, mi); break;
	case X64__P_XLATE: translate(e, mi); break;
	}
}

/* ---- stubs ------------------------------------------------------------------------------ */

/* Ask the front end for a translation: the guest address is in R11 and the
 * addend comes back there; every other register is kept.  RAX: the access. */
static void miss_routine(struct x64__emit *e, uint32_t label)
{
	static const uint8_t keep[] = { X64_RAX, X64_RCX, X64_RDX, X64_RSI, X64_RDI, X64_R8, X64_R9, X64_R10, X64_RBX };
	struct x64_asm *a = &e->a;

	x64_place(a, label);
	for (unsigned k = 0; k < ARRAY_LEN(keep); k++)
		x64_emit(a, X64_PUSH, 8, keep[k], X64_NOREG, x64_r(0), 0);
	x64_emit(a, X64_MOV, 8, X64_RBX, X64_NOREG, x64_r(X64_RSP), 0);
	x64_emit(a, X64_AND_I, 8, 0, X64_NOREG, x64_r(X64_RSP), -16);
	x64_emit(a, X64_SUB_I, 8, 0, X64_NOREG, x64_r(X64_RSP), 256);
	for (int k = 0; k < 16; k++)
		x64_emit(a, X64_MOVUPS_M, 4, (unsigned)k, X64_NOREG, x64_m(X64_RSP, 16 * k), 0);
	x64_emit(a, X64_MOV, 8, X64_RDI, X64_NOREG, x64_r(X64__STATE), 0);
	x64_emit(a, X64_MOV, 8, X64_RSI, X64_NOREG, x64_r(X64__SCRATCH), 0);
	x64_emit(a, X64_MOV, 4, X64_RDX, X64_NOREG, x64_r(X64_RAX), 0);
	x64_mov_imm(a, X64_RAX, (uint64_t)(uintptr_t)e->o->miss);
	x64_emit(a, X64_CALL_M, 8, 0, X64_NOREG, x64_r(X64_RAX), 0);
	x64_emit(a, X64_MOV, 8, X64__SCRATCH, X64_NOREG, x64_r(X64_RAX), 0);
	for (int k = 0; k < 16; k++)
		x64_emit(a, X64_MOVUPS, 4, (unsigned)k, X64_NOREG, x64_m(X64_RSP, 16 * k), 0);
	x64_emit(a, X64_MOV, 8, X64_RSP, X64_NOREG, x64_r(X64_RBX), 0);
	for (unsigned k = ARRAY_LEN(keep); k-- > 0;)
		x64_emit(a, X64_POP, 8, keep[k], X64_NOREG, x64_r(0), 0);
	x64_emit(a, X64_RET, 8, 0, X64_NOREG, x64_r(0), 0);
}

/* In the unit the red zone is free, so the call may write below RSP. */
static void miss_stub(struct x64__emit *e, const struct x64__stub *s, uint32_t routine)
{
	struct x64_asm *a = &e->a;
	unsigned d = x64__g(e, s->mi, 0), x = x64__g(e, s->mi, 1);

	x64_emit(a, X64_MOV, 8, X64__SCRATCH, X64_NOREG, x64_r(d), 0);
	/* x is a temporary: RAX is kept there */
	x64_emit(a, X64_MOV, 8, x, X64_NOREG, x64_r(X64_RAX), 0);
	x64_mov_imm(a, X64_RAX, s->mi->cc);
	x64_call(a, routine);
	x64_emit(a, X64_MOV, 8, X64_RAX, X64_NOREG, x64_r(x), 0);
	x64_emit(a, X64_MOV, 8, d, X64_NOREG, x64_r(X64__SCRATCH), 0);
	x64_emit(a, X64_TEST_I, 4, 0, X64_NOREG, x64_r(d), 1);
	x64_jcc(a, X64_CC_E, s->back);
}

/* A NaN came out: the canonical one instead. */
static void canon_stub(struct x64__emit *e, const struct x64__stub *s)
{
	bool dbl = s->mi->w == 8;

	x64_emit(&e->a, dbl ? X64_MOVSD : X64_MOVSS, 4, x64__x(e, s->mi, 0), X64_NOREG,
		 x64_at(x64__pool(e, dbl ? 0x7ff8ull << 48 : 0x7fc00000, 0, 8)), 0);
	x64_jmp(&e->a, s->back);
}

static void stub(struct x64__emit *e, const struct x64__stub *s, uint32_t info, uint32_t leave, uint32_t miss)
{
	struct x64_asm *a = &e->a;

	x64_place(a, s->label);
	if (s->kind == X64__STUB_CANON) {
		canon_stub(e, s);
		return;
	}
	if (s->kind == X64__STUB_MISS && e->o->miss)
		miss_stub(e, s, miss);
	if (s->kind == X64__STUB_GOTO)
		x64_emit(a, X64_MOV_M, 8, x64__g(e, s->mi, 0), X64_NOREG, x64_m(X64__STATE, CTX(e, target)), 0);
	if (!s->stored)
		store_state(e, s->mi);
	x64_lea_label(a, X64_RAX, info);
	x64_jmp(a, leave);
}

static void put64(struct x64_asm *a, uint64_t v) { x64_bytes(a, &v, 8); }

static void describe(struct x64__emit *e, const struct x64__stub *s, uint32_t info)
{
	struct x64_asm *a = &e->a;
	const struct ir_exit *x = &e->m->ir->exit[s->mi->exit];
	uint32_t zero = 0;

	x64_place(a, info);
	put64(a, x->cookie);
	put64(a, s->target);
	x64_bytes(a, &x->kind, 4);
	if (s->site)
		x64_table(a, info, s->site);
	else
		x64_bytes(a, &zero, 4);
	x64_table(a, info, s->label);
	x64_bytes(a, &zero, 4);
}

void x64__stubs(struct x64__emit *e)
{
	struct x64_asm *a = &e->a;
	uint32_t n = e->nstub, leave = x64_label(a), miss = x64_label(a), info = a->nlabel;
	bool misses = false;

	for (uint32_t k = 0; k < n; k++)
		x64_label(a);
	if (a->failed || e->m->failed)
		return;
	for (uint32_t k = 0; k < n; k++) {
		misses |= e->stub[k].kind == X64__STUB_MISS;
		stub(e, &e->stub[k], info + k, leave, miss);
	}
	x64_place(a, leave);
	x64_emit(a, X64_MOV, 8, X64_RSP, X64_NOREG, x64_m(X64__STATE, CTX(e, sp)), 0);
	x64_emit(a, X64_RET, 8, 0, X64_NOREG, x64_r(0), 0);
	if (misses)
		miss_routine(e, miss);
	else
		x64_place(a, miss);
	x64_align(a, 16);
	for (uint32_t k = 0; k < e->npool; k++)
		if (e->pool[k].size == 16) {
			x64_place(a, e->pool[k].label);
			put64(a, e->pool[k].lo);
			put64(a, e->pool[k].hi);
		}
	for (uint32_t k = 0; k < e->npool; k++)
		if (e->pool[k].size != 16) {
			x64_place(a, e->pool[k].label);
			put64(a, e->pool[k].lo);
		}
	for (uint32_t k = 0; k < n; k++)
		if (e->stub[k].kind != X64__STUB_CANON)
			describe(e, &e->stub[k], info + k);
		else
			x64_place(a, info + k);
}
