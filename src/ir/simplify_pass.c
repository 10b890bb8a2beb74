/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `simplify`: the rules of simplify.c over the whole function, in an
 * order in which operands come first; parameters that are always the same
 * value; branches, guards and switches that are decided; blocks that follow
 * each other become one.
 */
#include "ir/internal.h"

struct simp {
	struct ir_func *f;
	struct ir_cfg c;
	ir_ref *fwd;
	uint32_t nfwd; /* instructions made later have no entry */
};

static ir_ref fwd(const struct simp *s, ir_ref v)
{
	while (v < s->nfwd && s->fwd[v])
		v = s->fwd[v];
	return v;
}

/* ---- parameters ----------------------------------------------------------------- */

/* The one value that all edges bring (or the parameter itself); 0: several. */
static ir_ref only_value(struct simp *s, uint32_t b, ir_ref p)
{
	struct ir_func *f = s->f;
	ir_ref only = 0;

	for (uint32_t j = s->c.pred_at[b]; j < s->c.pred_at[b + 1]; j++) {
		ir_ref v = fwd(s, f->list[f->edge[s->c.pred[j]].args + (uint32_t)f->insn[p].imm]);

		if (v == p || v == only)
			continue;
		if (only)
			return 0;
		only = v;
	}
	return only;
}

/* A parameter of a loop may turn out to be one value only when those of other
 * loops have; a few rounds find what is worth finding. */
static void params(struct simp *s)
{
	bool changed = true;

	for (unsigned round = 0; changed && round < 4; round++) {
		changed = false;
		for (uint32_t k = 1; k < s->c.n; k++) {
			uint32_t b = s->c.rpo[k];

			for (IR_EACH(s->f, b, p)) {
				ir_ref v;

				if (s->f->insn[p].op != IR_PARAM)
					break;
				if (s->fwd[p])
					continue;
				v = only_value(s, b, p);
				if (v) {
					s->fwd[p] = v;
					changed = true;
				}
			}
		}
	}
}

/* ---- control ---------------------------------------------------------------------- */

/* Everything after i (and i itself) goes. */
static void cut(struct ir_func *f, ir_ref i)
{
	while (i) {
		ir_ref next = f->insn[i].next;

		ir_unlink(f, i);
		i = next;
	}
}

static void to_jump(struct ir_insn *i, uint32_t edge)
{
	i->op = IR_JUMP;
	i->a[0] = 0;
	i->imm = (int32_t)edge;
	i->x = 1;
}

/* branch x == 0 -> a, b  is  branch x -> b, a */
static void turn_branch(struct ir_func *f, struct ir_insn *i)
{
	const struct ir_insn *c = &f->insn[i->a[0]];
	struct ir_edge t;

	if (c->op != IR_EQ || c->ct != IR_I32 || !ir_is_const(f, c->a[1]) || ir_const_bits(f, c->a[1]))
		return;
	i->a[0] = c->a[0];
	t = f->edge[i->imm];
	f->edge[i->imm] = f->edge[i->imm + 1];
	f->edge[i->imm + 1] = t;
}

static bool same_edges(const struct ir_func *f, const struct ir_edge *a, const struct ir_edge *b)
{
	return a->target == b->target &&
	       !memcmp(f->list + a->args, f->list + b->args, f->block[a->target].nparams * sizeof(*f->list));
}

static void control(struct ir_func *f, ir_ref r)
{
	struct ir_insn *i = &f->insn[r];
	bool known = i->a[0] && ir_is_const(f, i->a[0]);
	uint32_t c = known ? (uint32_t)ir_const_bits(f, i->a[0]) : 0;

	switch (i->op) {
	case IR_BRANCH:
		turn_branch(f, i);
		if (known)
			to_jump(i, (uint32_t)i->imm + !c);
		else if (same_edges(f, &f->edge[i->imm], &f->edge[i->imm + 1]))
			to_jump(i, (uint32_t)i->imm);
		break;
	case IR_SWITCH:
		if (known || i->x == 1)
			to_jump(i, (uint32_t)i->imm + (known ? MIN(c, i->x - 1) : 0));
		break;
	case IR_GUARD:
		if (known && c) {
			ir_unlink(f, r);
		} else if (known) {
			cut(f, i->next);
			i->op = IR_LEAVE;
			i->a[0] = 0;
		}
		break;
	default:
		break;
	}
}

/* A block whose only predecessor goes nowhere else is its continuation. */
static void merge_blocks(struct ir_func *f)
{
	struct ir_cfg c;
	uint32_t left = 0;

	if (!ir_cfg(f, &c))
		return;
	ir__remove_unreachable(f, &c);
	for (uint32_t k = 0; k < c.n; k++) {
		uint32_t b = c.rpo[k], n, t;
		struct ir_edge *e;

		for (;;) {
			if (f->block[b].flags & IR_BLOCK_DEAD)
				break;
			e = ir_edges(f, b, &n);
			t = n == 1 ? e->target : b;
			if (n != 1 || f->insn[f->block[b].last].op != IR_JUMP || t == b ||
			    c.pred_at[t + 1] - c.pred_at[t] != 1 || f->block[t].nparams)
				break;
			ir_unlink(f, f->block[b].last);
			for (IR_EACH(f, t, i))
				f->block_of[i] = b;
			f->insn[f->block[t].first].prev = f->block[b].last;
			*(f->block[b].last ? &f->insn[f->block[b].last].next : &f->block[b].first) = f->block[t].first;
			f->block[b].last = f->block[t].last;
			f->block[t].first = f->block[t].last = 0;
			f->block[t].flags |= IR_BLOCK_DEAD;
		}
	}
	for (uint32_t k = 0; k < f->norder; k++)
		if (!(f->block[f->order[k]].flags & IR_BLOCK_DEAD))
			f->order[left++] = f->order[k];
	f->norder = left;
}

/* ---- the walk ------------------------------------------------------------------------ */

static void one(struct simp *s, ir_ref r)
{
	struct ir_func *f = s->f;
	struct ir_insn i;
	ir_ref v;

	IR__EACH_OPERAND(f, r, p, *p = fwd(s, *p));
	i = f->insn[r];
	f->at = r;
	v = ir__simplify(f, &i);
	if (v && !f->failed) {
		s->fwd[r] = v;
		ir_unlink(f, r);
		return;
	}
	/* Operands may have changed places. */
	f->insn[r].op = i.op;
	memcpy(f->insn[r].a, i.a, sizeof(i.a));
	control(f, r);
}

bool ir__pass_simplify(struct ir_func *f)
{
	struct simp s = { .f = f, .nfwd = f->ninsn };

	s.fwd = ir__scratch(f, s.nfwd, sizeof(*s.fwd));
	if (!s.fwd || !ir_cfg(f, &s.c))
		return false;
	ir__remove_unreachable(f, &s.c);
	params(&s);
	for (uint32_t k = 0; k < s.c.n && !f->failed; k++)
		for (ir_ref i = f->block[s.c.rpo[k]].first, next; i; i = next) {
			next = f->insn[i].next;
			one(&s, i);
			/* A guard that never holds has cut off what follows. */
			if (f->block_of[i] != IR_NO_BLOCK)
				next = f->insn[i].next;
		}
	f->at = 0;
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], i))
			IR__EACH_OPERAND(f, i, p, *p = fwd(&s, *p));
	merge_blocks(f);
	return !f->failed;
}
