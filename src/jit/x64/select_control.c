/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection for x86-64: terminators, guards, calls.
 *
 * Arguments are where the C convention has them, for calls of helpers and of
 * translated code; results beyond C's two registers of a kind follow in the
 * order below.  Translated code keeps no register for its caller.
 */
#include "jit/x64/x64.h"

#include <string.h>

#include "base/bits.h"

static const uint8_t arg_gpr[6] = { X64_RDI, X64_RSI, X64_RDX, X64_RCX, X64_R8, X64_R9 };
static const uint8_t ret_gpr[6] = { X64_RAX, X64_RDX, X64_RCX, X64_RSI, X64_RDI, X64_R8 };

struct places { unsigned gpr, fpr, stack; };

/* The register of the next argument; JIT_SLOT: the stack. */
static uint32_t place(struct places *p, enum jit_class cls)
{
	if (cls == JIT_GPR && p->gpr < 6)
		return arg_gpr[p->gpr++];
	if (cls != JIT_GPR && p->fpr < 8)
		return X64__XMM + p->fpr++;
	return JIT_NOWHERE;
}

static unsigned move_width(unsigned type)
{
	return ir_type_size(type);
}

void x64__prologue(struct jit_lower *l)
{
	struct ir_func *f = l->f;
	struct jit_mir *m = &l->m;
	const struct ir_block *b = &f->block[m->block[1].ir];
	struct jit_edge *g = &m->edge[m->nedge];
	struct places p = { 0, 0, 0 };
	ir_ref k = b->first;

	g->ops = m->nop;
	g->n = b->nparams;
	for (uint32_t n = 0; n < b->nparams; n++, k = f->insn[k].next) {
		uint32_t v = jit__tmp(l, jit__class(f->insn[k].type)), to = jit__out(l, k);

		jit__op(m, v | JIT_USE | JIT_ANY);
		jit__hint(l, to, v);
		jit__hint(l, v, to);
	}
	/* Registers first: what comes from the stack may want them. */
	k = b->first;
	for (uint32_t n = 0; n < b->nparams; n++, k = f->insn[k].next) {
		unsigned t = f->insn[k].type;
		uint32_t r = place(&p, jit__class(t)), v = jit__reg(m->op[g->ops + n]);

		if (r == JIT_NOWHERE)
			continue;
		x64__mi(l, JIT_MI_MOVE, X64__PSEUDO, move_width(t));
		jit__use(l, v, JIT_DEF);
		jit__use(l, r, JIT_USE);
		m->vreg[v].hint = r;
	}
	p = (struct places){ 0, 0, 0 };
	k = b->first;
	for (uint32_t n = 0; n < b->nparams; n++, k = f->insn[k].next) {
		unsigned t = f->insn[k].type;
		struct x64__rm rm = { .mem = X64__IS_MEM | X64__OUT };

		if (place(&p, jit__class(t)) != JIT_NOWHERE)
			continue;
		rm.disp = -(int32_t)(8 * ++p.stack); /* below: above the return address */
		x64__d_rm(l, t == IR_V128 ? X64_MOVUPS : t == IR_F32 ? X64_MOVSS : t == IR_F64 ? X64_MOVSD : X64_MOV,
			  move_width(t), jit__reg(m->op[g->ops + n]), &rm);
		if (t == IR_V128)
			p.stack++;
		if (l->ngroup > JIT__GROUP - 8) {
			m->failed = true;
			return;
		}
	}
	x64__mi(l, X64__P_JUMP, X64__PSEUDO, 8);
}

/* ---- calls -------------------------------------------------------------------- */

static void argument(struct jit_lower *l, ir_ref v, struct places *p)
{
	unsigned t = l->f->insn[v].type;
	uint32_t r = place(p, jit__class(t)), s = jit__in(l, v);
	struct x64__rm rm = { .mem = X64__IS_MEM | X64__OUT };

	if (r != JIT_NOWHERE) {
		x64__move(l, r, s, move_width(t));
		return;
	}
	rm.disp = (int32_t)(8 * p->stack++);
	x64__mi(l, t == IR_V128 ? X64_MOVUPS_M : t == IR_F32 ? X64_MOVSS_M : t == IR_F64 ? X64_MOVSD_M : X64_MOV_M,
		X64__RM_S, 8);
	jit__use(l, s, JIT_USE);
	x64__put_rm(l, &rm, 0);
	if (t == IR_V128)
		p->stack++;
	l->m.out_slots = MAX(l->m.out_slots, p->stack);
}

static void arguments(struct jit_lower *l, const uint32_t *args, unsigned n, struct places *p)
{
	/* Those of the stack first: they need registers to go through. */
	for (int pass = 0; pass < 2; pass++) {
		struct places q = { 0, 0, 0 };

		for (unsigned k = 0; k < n; k++) {
			struct places before = q;
			bool stack = place(&q, jit__class(l->f->insn[args[k]].type)) == JIT_NOWHERE;

			if (stack && pass == 0)
				argument(l, args[k], &q);
			else if (stack)
				q.stack++;
			else if (pass == 1) {
				q = before;
				argument(l, args[k], &q);
			}
		}
		*p = q;
	}
}

static void use_arguments(struct jit_lower *l, const struct places *p)
{
	for (unsigned k = 0; k < p->gpr; k++)
		jit__use(l, arg_gpr[k], JIT_USE);
	for (unsigned k = 0; k < p->fpr; k++)
		jit__use(l, X64__XMM + k, JIT_USE);
}

/* Result number `want` of classes t[]: its register. */
static uint32_t result_place(const unsigned *t, unsigned want)
{
	unsigned g = 0, x = 0;

	for (unsigned k = 0; k < want; k++)
		if (jit__class(t[k]) == JIT_GPR)
			g++;
		else
			x++;
	return jit__class(t[want]) == JIT_GPR ? ret_gpr[g % 6] : X64__XMM + x;
}

static unsigned letter_type(char c)
{
	return c == 'i' ? IR_I32 : c == 'f' ? IR_F32 : c == 'F' ? IR_F64 : c == 'V' ? IR_V128 : IR_I64;
}

static void call(struct jit_lower *l, ir_ref i, bool tail)
{
	struct ir_func *f = l->f;
	const struct ir_insn *n = &f->insn[i];
	const uint32_t *list = f->list + n->imm;
	const struct ir_helper *h = f->helper[list[0]];
	bool guest = h->flags & IR_CALL_GUEST;
	const char *sig = strchr(h->sig, ':');
	unsigned t[8] = { n->type, IR_I64, IR_I64, IR_I64, IR_I64, IR_I64, IR_I64, IR_I64 };
	struct places p;
	struct jit_mi *mi;

	for (unsigned k = 0; sig && k < 8 && sig[1 + k]; k++)
		t[k] = letter_type(sig[1 + k]);
	if (guest) /* the code's address, kept in R10 until the end */
		x64__move(l, X64_R10, jit__in(l, list[2]), 8);
	arguments(l, list + 2 + guest, list[1] - guest, &p);
	if (tail && p.stack)
		l->m.failed = true;
	mi = x64__mi(l, tail ? X64__P_TAIL : guest ? X64__P_CALL_REG : X64__P_CALL, X64__PSEUDO, 8);
	mi->data = (uint64_t)(uintptr_t)h->fn;
	mi->cc = guest;
	if (guest)
		jit__use(l, X64_R10, JIT_USE);
	use_arguments(l, &p);
	l->m.calls |= !tail;
	if (tail)
		return;
	jit__clobbers(l, guest ? X64__EVERYTHING : X64__CALLER_SAVED);
	unsigned total = (unsigned)(sig ? strlen(sig + 1) : n->type != IR_VOID);
	for (ir_ref r = n->next; r && f->insn[r].op == IR_RESULT; r = f->insn[r].next)
		total = MAX(total, ((unsigned)f->insn[r].imm & 7) + 1);
	for (unsigned k = 0; k < total && k < 8; k++)
		jit__use(l, result_place(t, k), JIT_DEF);
	if (jit__wanted(l, i) && n->type != IR_VOID)
		x64__move(l, l->vreg_of[i], result_place(t, 0), move_width(n->type));
	for (ir_ref r = n->next; r && f->insn[r].op == IR_RESULT; r = f->insn[r].next)
		if (f->insn[r].a[0] == i && jit__wanted(l, r))
			x64__move(l, l->vreg_of[r], result_place(t, (unsigned)f->insn[r].imm & 7),
				  move_width(f->insn[r].type));
}

static void ret(struct jit_lower *l, const struct ir_insn *n)
{
	struct ir_func *f = l->f;
	unsigned t[8];

	for (unsigned k = 0; k < f->nresults; k++)
		t[k] = f->insn[f->list[(uint32_t)n->imm + k]].type;
	for (unsigned k = 0; k < f->nresults; k++)
		x64__move(l, result_place(t, k), jit__in(l, f->list[(uint32_t)n->imm + k]), move_width(t[k]));
	x64__mi(l, X64__P_RET, X64__PSEUDO, 8);
	for (unsigned k = 0; k < f->nresults; k++)
		jit__use(l, result_place(t, k), JIT_USE);
}

/* ---- the rest ------------------------------------------------------------------- */

static void switch_(struct jit_lower *l, const struct ir_insn *n)
{
	uint32_t v = x64__in32(l, n->a[0]);

	x64__mi(l, X64__P_SWITCH, X64__PSEUDO, 4)->imm = (int32_t)n->x;
	jit__use(l, v, JIT_USE | JIT_LATE);
	jit__use(l, jit__tmp(l, JIT_GPR), JIT_TEMP);
}

static void goto_(struct jit_lower *l, const struct ir_insn *n)
{
	struct ir_func *f = l->f;

	if (ir_is_const(f, n->a[0])) {
		x64__mi(l, X64__P_GOTO_CONST, X64__PSEUDO, 8)->data = ir_const_bits(f, n->a[0]);
	} else {
		uint32_t v = jit__in(l, n->a[0]);

		x64__mi(l, X64__P_GOTO, X64__PSEUDO, 8);
		jit__use(l, v, JIT_USE | JIT_LATE);
	}
	jit__exit(l, n->x, JIT_LATE);
}

bool x64__select_control(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	unsigned cc;

	switch (n->op) {
	case IR_JUMP: x64__mi(l, X64__P_JUMP, X64__PSEUDO, 8); break;
	case IR_BRANCH:
		cc = x64__condition(l, n->a[0]);
		x64__mi(l, X64__P_BRANCH, X64__PSEUDO, 8)->cc = (uint8_t)cc;
		break;
	case IR_SWITCH: switch_(l, n); break;
	case IR_RET: ret(l, n); break;
	case IR_LEAVE:
		x64__mi(l, X64__P_LEAVE, X64__PSEUDO, 8);
		jit__exit(l, n->x, 0);
		break;
	case IR_GOTO: goto_(l, n); break;
	case IR_GUARD:
		cc = x64__condition(l, n->a[0]);
		x64__mi(l, X64__P_GUARD, X64__PSEUDO, 8)->cc = (uint8_t)cc;
		jit__exit(l, n->x, 0);
		break;
	case IR_POLL:
		x64__mi(l, X64__P_POLL, X64__PSEUDO, 8)->imm = n->imm;
		jit__exit(l, n->x, 0);
		break;
	case IR_CALL: call(l, i, false); break;
	case IR_TAIL: call(l, i, true); break;
	case IR_RESULT: break; /* taken by its call */
	case IR_PAUSE: x64__mi(l, X64_PAUSE, X64__N, 4); break;
	default: return false;
	}
	return true;
}
