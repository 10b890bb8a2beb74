/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine instructions to bytes: operands, moves, and the instructions whose
 * arrangement a form describes.
 */
#include "jit/x64/x64.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"

/* ---- operands ------------------------------------------------------------------- */

uint16_t x64__loc(const struct x64__emit *e, const struct jit_mi *mi, unsigned n)
{
	return e->m->loc[mi->ops + n];
}

unsigned x64__g(const struct x64__emit *e, const struct jit_mi *mi, unsigned n)
{
	uint16_t loc = x64__loc(e, mi, n);

	assert(loc < 16);
	return loc & 15;
}

unsigned x64__x(const struct x64__emit *e, const struct jit_mi *mi, unsigned n)
{
	uint16_t loc = x64__loc(e, mi, n);

	assert(loc >= X64__XMM && loc < X64__XMM + 16);
	return loc & 15;
}

struct x64_rm x64__slot(const struct x64__emit *e, uint16_t loc)
{
	if (loc == JIT__SCRATCH)
		return x64_m(X64_RSP, -16);
	assert(loc >= JIT_SLOT && loc != JIT_NOWHERE);
	return x64_m(X64_RSP, (int32_t)(e->slots + 8u * (loc - JIT_SLOT)));
}

uint32_t x64__pool(struct x64__emit *e, uint64_t lo, uint64_t hi, unsigned size)
{
	size = size == 16 ? 16 : 8;
	for (uint32_t k = e->npool; k-- > 0 && k + 16 >= e->npool;)
		if (e->pool[k].lo == lo && e->pool[k].size >= size && (size < 16 || e->pool[k].hi == hi))
			return e->pool[k].label;
	if (e->npool >= e->cpool) {
		void *p = jit__grow(e->m, e->pool, &e->cpool, e->npool + 1, sizeof(*e->pool));

		if (!p)
			return 0;
		e->pool = p;
	}
	e->pool[e->npool] = (struct x64__const){ lo, hi, x64_label(&e->a), (uint8_t)size };
	return e->pool[e->npool++].label;
}

struct x64_rm x64__rm(struct x64__emit *e, const struct jit_mi *mi, unsigned first)
{
	struct x64_rm rm = { X64_NOREG, X64_NOREG, X64_NOREG, 0, mi->disp, 0 };

	if (!(mi->mem & X64__IS_MEM)) {
		uint16_t loc = x64__loc(e, mi, first);

		return loc < JIT_REGS ? x64_r(loc & 15) : x64__slot(e, loc);
	}
	if (mi->mem & X64__RIP)
		return x64_at(x64__pool(e, mi->data, mi->high, mi->w));
	if (mi->mem & X64__FRAME)
		return x64_m(X64_RSP, (int32_t)(e->slots + 8 * e->m->nslots) + mi->disp);
	if (mi->mem & X64__OUT)
		return x64_m(X64_RSP, mi->disp >= 0 ? mi->disp : (int32_t)e->frame - mi->disp);
	if (mi->mem & X64__BASE)
		rm.base = (uint8_t)x64__g(e, mi, first++);
	if (mi->mem & X64__INDEX) {
		rm.index = (uint8_t)x64__g(e, mi, first);
		rm.scale = mi->mem >> X64__SCALE_SHIFT & 3;
	}
	return rm;
}

/* ---- moves ------------------------------------------------------------------------ */

static bool in_memory(uint16_t loc) { return loc >= JIT_SLOT; }

void x64__mov_loc(struct x64__emit *e, uint16_t from, uint16_t to, unsigned cls)
{
	struct x64_asm *a = &e->a;
	enum x64_id load = cls == JIT_GPR ? X64_MOV : cls == JIT_FPR ? X64_MOVSD : X64_MOVUPS;
	enum x64_id store = cls == JIT_GPR ? X64_MOV_M : cls == JIT_FPR ? X64_MOVSD_M : X64_MOVUPS_M;
	unsigned scratch = cls == JIT_GPR ? X64__SCRATCH : X64__XSCRATCH;

	if (from == to)
		return;
	if (in_memory(from) && in_memory(to)) {
		x64_emit(a, load, 8, scratch, X64_NOREG, x64__slot(e, from), 0);
		x64_emit(a, store, 8, scratch, X64_NOREG, x64__slot(e, to), 0);
	} else if (in_memory(from)) {
		x64_emit(a, load, 8, to & 15, X64_NOREG, x64__slot(e, from), 0);
	} else if (in_memory(to)) {
		x64_emit(a, store, 8, from & 15, X64_NOREG, x64__slot(e, to), 0);
	} else {
		x64_emit(a, cls == JIT_GPR ? X64_MOV : X64_MOVAPS, 8, to & 15, X64_NOREG, x64_r(from & 15), 0);
	}
}

static void const_to_xmm(struct x64__emit *e, unsigned x, uint64_t lo, uint64_t hi, unsigned size)
{
	if (!lo && !hi)
		x64_emit(&e->a, X64_XORPS, 4, x, X64_NOREG, x64_r(x), 0);
	else
		x64_emit(&e->a, size == 16 ? X64_MOVAPS : size == 8 ? X64_MOVSD : X64_MOVSS, 4, x, X64_NOREG,
			 x64_at(x64__pool(e, lo, hi, size)), 0);
}

static void imm_to_slot(struct x64__emit *e, uint64_t v, struct x64_rm rm)
{
	if ((int64_t)v == (int32_t)v) {
		x64_emit(&e->a, X64_MOV_I, 8, 0, X64_NOREG, rm, (int32_t)v);
	} else {
		x64_mov_imm(&e->a, X64__SCRATCH, v);
		x64_emit(&e->a, X64_MOV_M, 8, X64__SCRATCH, X64_NOREG, rm, 0);
	}
}

void x64__mov_const(struct x64__emit *e, ir_ref c, uint16_t to)
{
	struct ir_func *f = e->m->ir;
	uint64_t lo = ir_const_bits(f, c), hi = ir_type(f, c) == IR_V128 ? ir_const_high(f, c) : 0;

	if (!in_memory(to)) {
		if (to < X64__XMM)
			x64_mov_imm(&e->a, to, lo);
		else
			const_to_xmm(e, to & 15, lo, hi, ir_type_size(ir_type(f, c)));
		return;
	}
	struct x64_rm rm = x64__slot(e, to);

	imm_to_slot(e, lo, rm);
	if (ir_type(f, c) == IR_V128) {
		rm.disp += 8;
		imm_to_slot(e, hi, rm);
	}
}

static void one_move(const struct jit_move *mv, void *arg)
{
	if (mv->from == JIT_NOWHERE)
		x64__mov_const(arg, mv->constant, mv->to);
	else
		x64__mov_loc(arg, mv->from, mv->to, mv->cls);
}

static void moves(struct x64__emit *e, uint32_t first, uint32_t n)
{
	if (n == 1)
		one_move(&e->m->move[first], e);
	else if (n)
		jit__order_moves(e->m->move + first, n, one_move, e);
}

static void moves_before(struct x64__emit *e, uint32_t i)
{
	uint32_t first = e->next_move;

	while (e->next_move < e->m->nmove_at && e->m->move[e->next_move].at == i)
		e->next_move++;
	for (uint32_t k; first < e->next_move; first += k) {
		k = MIN(e->next_move - first, (uint32_t)JIT__MOVES);
		moves(e, first, k);
	}
}

void x64__edge_moves(struct x64__emit *e, const struct jit_edge *g) { moves(e, g->moves, g->nmoves); }

/* ---- instructions ------------------------------------------------------------------- */

/* d = s, before d is changed in place. */
static void tie(struct x64__emit *e, const struct jit_mi *mi, uint16_t d, uint16_t s)
{
	if (d == s)
		return;
	if (d < X64__XMM)
		x64_emit(&e->a, X64_MOV, mi->w == 8 ? 8 : 4, d, X64_NOREG, x64_r(s), 0);
	else
		x64_emit(&e->a, X64_MOVAPS, 4, d & 15, X64_NOREG, x64_r(s & 15), 0);
}

/* The next instruction may fault: its exit is taken then. */
static void may_fault(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64__stub *s;

	if (!mi->exit || !(mi->mem & X64__IS_MEM))
		return;
	s = x64__add_stub(e, X64__STUB_EXIT, mi);
	if (e->ntrap >= e->ctrap) {
		void *p = jit__grow(e->m, e->trap, &e->ctrap, e->ntrap + 1, sizeof(*e->trap));

		if (!p)
			return;
		e->trap = p;
	}
	e->trap[e->ntrap] = (struct x64__trap){ x64_label(&e->a), s->label };
	x64_place(&e->a, e->trap[e->ntrap++].at);
}

static void tied(struct x64__emit *e, const struct jit_mi *mi)
{
	uint16_t d = x64__loc(e, mi, 0), s = x64__loc(e, mi, 1);
	const struct x64_row *row = &x64_rows[mi->op];
	struct x64_rm rm = x64__rm(e, mi, 2);

	if (mi->cc && rm.reg == (d & 15) && s != d) { /* s op d is as good */
		rm = x64_r(s & 15);
		s = d;
	}
	if (e->a.avx && row->flags & X64_V) {
		may_fault(e, mi);
		x64_emit(&e->a, mi->op, mi->w, d & 15, s & 15, rm, mi->imm);
		return;
	}
	tie(e, mi, d, s);
	may_fault(e, mi);
	x64_emit(&e->a, mi->op, mi->w, d & 15, X64_NOREG, rm, mi->imm);
}

/* d = op(rm), of which some keep a part of d: they would wait for it. */
static void plain(struct x64__emit *e, const struct jit_mi *mi)
{
	uint16_t d = x64__loc(e, mi, 0);
	const struct x64_row *row = &x64_rows[mi->op];
	struct x64_rm rm = x64__rm(e, mi, 1);
	unsigned v = d & 15;

	if (row->flags & X64_V && !(row->flags & X64_TIED)) {
		bool same_kind = row->kinds[1] == 'x' && rm.reg != X64_NOREG;

		if (same_kind && e->a.avx)
			v = rm.reg;
		else if (!same_kind || rm.reg != v)
			x64_emit(&e->a, X64_XORPS, 4, v, X64_NOREG, x64_r(v), 0);
	}
	may_fault(e, mi);
	x64_emit(&e->a, mi->op, mi->w, d & 15, v, rm, mi->imm);
}

static void shape(struct x64__emit *e, const struct jit_mi *mi)
{
	struct x64_asm *a = &e->a;
	uint16_t r0 = mi->nops ? x64__loc(e, mi, 0) : 0, r1;

	switch (mi->form) {
	case X64__D_RM:
	case X64__D_RM_I: plain(e, mi); break;
	case X64__D_S_RM:
	case X64__D_S_RM_I: tied(e, mi); break;
	case X64__D_S_I:
		tie(e, mi, r0, x64__loc(e, mi, 1));
		x64_emit(a, mi->op, mi->w, 0, X64_NOREG, x64_r(r0 & 15), mi->imm);
		break;
	case X64__D_S:
		tie(e, mi, r0, x64__loc(e, mi, 1));
		x64_emit(a, mi->op, mi->w, r0 & 15, X64_NOREG, x64_r(r0 & 15), 0);
		break;
	case X64__S_RM:
	case X64__RM_S: {
		struct x64_rm rm = x64__rm(e, mi, 1);

		may_fault(e, mi);
		x64_emit(a, mi->op, mi->w, r0 & 15, X64_NOREG, rm, mi->imm);
		break;
	}
	case X64__M:
	case X64__RM_I: {
		struct x64_rm rm = x64__rm(e, mi, 0);

		may_fault(e, mi);
		x64_emit(a, mi->op, mi->w, 0, X64_NOREG, rm, mi->imm);
		break;
	}
	case X64__D_RM_S:
		r1 = x64__loc(e, mi, 1);
		x64_emit(a, mi->op, mi->w, r0 & 15, r1 & 15, x64__rm(e, mi, 2), 0);
		break;
	case X64__D_V_RM:
		tie(e, mi, r0, x64__loc(e, mi, 1));
		x64_emit(a, mi->op, mi->w, r0 & 15, x64__loc(e, mi, 2) & 15, x64__rm(e, mi, 3), 0);
		break;
	case X64__RM_S_LOCK: {
		struct x64_rm rm = x64__rm(e, mi, 2);

		tie(e, mi, r0, x64__loc(e, mi, 1));
		may_fault(e, mi);
		if (mi->cc)
			x64_lock(a);
		x64_emit(a, mi->op, mi->w, r0 & 15, X64_NOREG, rm, 0);
		break;
	}
	default:
		x64_emit(a, mi->op, mi->w, 0, X64_NOREG, x64_r(0), 0);
	}
}

static void constant(struct x64__emit *e, const struct jit_mi *mi)
{
	uint16_t d = x64__loc(e, mi, 0);

	if (mi->imm == -1) /* the target's own */
		x64_mov_imm(&e->a, d, mi->data);
	else
		x64__mov_const(e, (ir_ref)mi->imm, d);
}

/* A move between places; 32 bits of an integer clear the others. */
static void move(struct x64__emit *e, const struct jit_mi *mi)
{
	uint16_t d = x64__loc(e, mi, 0), s = x64__loc(e, mi, 1);

	if (d < X64__XMM && mi->w == 4)
		x64_emit(&e->a, X64_MOV, 4, d, X64_NOREG, s < JIT_REGS ? x64_r(s) : x64__slot(e, s), 0);
	else
		x64__mov_loc(e, s, d, d < X64__XMM ? JIT_GPR : mi->w == 16 ? JIT_VEC : JIT_FPR);
}

static void instruction(struct x64__emit *e, const struct jit_mi *mi)
{
	if (mi->op < X64_IDS)
		shape(e, mi);
	else if (mi->op == JIT_MI_MOVE)
		move(e, mi);
	else if (mi->op == JIT_MI_CONST)
		constant(e, mi);
	else if (mi->op < X64__P_ADD)
		x64__control(e, mi);
	else if (mi->op < X64__P_FMINMAX)
		x64__pseudo(e, mi);
	else
		x64__pseudo_float(e, mi);
}

/* ---- the whole ------------------------------------------------------------------------- */

static void frame(struct x64__emit *e)
{
	struct jit_mir *m = e->m;
	uint32_t out = (uint32_t)align_up(8 * m->out_slots, 16), area = 0, size;

	for (uint32_t i = 0; i < m->ninsn; i++)
		if (m->insn[i].mem & X64__FRAME)
			area = MAX(area, (uint32_t)m->insn[i].disp + 16);
	e->slots = out;
	size = (uint32_t)align_up(out + 8 * m->nslots + area, 16);
	e->frame = size || m->calls ? size + 8 : 0;
}

static bool output(struct x64__emit *e, struct jit_out *out)
{
	struct x64_asm *a = &e->a;

	out->bytes = a->buf;
	out->size = a->len;
	out->entry = 0;
	out->nfault = e->ntrap;
	out->fault = arena_alloc(e->m->arena, (e->ntrap + 1) * sizeof(*out->fault));
	out->nsites = e->nsite;
	out->site = arena_alloc(e->m->arena, (e->nsite + 1) * sizeof(*out->site));
	if (!out->fault || !out->site)
		return false;
	for (uint32_t k = 0; k < e->ntrap; k++)
		out->fault[k] = (struct jit_fault){ x64_where(a, e->trap[k].at), x64_where(a, e->trap[k].to) };
	for (uint32_t k = 0; k < e->nsite; k++)
		out->site[k] = x64_where(a, e->site[k]);
	return true;
}

static bool body(struct x64__emit *e, struct jit_out *out)
{
	struct jit_mir *m = e->m;

	e->block = arena_alloc(m->arena, (m->nblock + 1) * sizeof(*e->block));
	if (!e->block)
		return false;
	for (uint32_t b = 0; b < m->nblock; b++)
		e->block[b] = x64_label(&e->a);
	frame(e);
	if (e->frame)
		x64_emit(&e->a, X64_SUB_I, 8, 0, X64_NOREG, x64_r(X64_RSP), (int32_t)e->frame);
	for (e->b = 0; e->b < m->nblock; e->b++) {
		x64_place(&e->a, e->block[e->b]);
		for (uint32_t i = m->block[e->b].first; i < m->block[e->b].end; i++) {
			moves_before(e, i);
			instruction(e, &m->insn[i]);
		}
	}
	x64__stubs(e);
	return !m->failed && x64_finish(&e->a, !e->o->quick) && output(e, out);
}

bool x64__assemble(struct jit_mir *m, const struct jit_options *o, struct jit_out *out)
{
	struct x64__emit *e = arena_alloc(m->arena, sizeof(*e));

	if (!e)
		return false;
	e->m = m;
	e->o = o;
	e->has = x64__features(o);
	x64_asm_init(&e->a);
	e->a.avx = e->has.avx;
	bool ok = body(e, out);

	/* The caller copies the bytes before the arena goes. */
	if (ok) {
		uint8_t *p = arena_alloc(m->arena, e->a.len + 1);

		if (p)
			memcpy(p, e->a.buf, e->a.len);
		out->bytes = p;
		ok = p;
	}
	x64_asm_fini(&e->a);
	return ok;
}
