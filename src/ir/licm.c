/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `licm`: instructions whose operands do not change in a loop go before
 * it, as far out as that is true.  Pure ones, and loads that cannot fault,
 * from pinned pointers, of a class that nothing in the loop writes.  Each loop
 * gets a block of its own before its header to put them in.
 *
 * A translation (XLATE) that every turn of the loop makes goes too, when the
 * loop begins with a POLL: what the POLL's exit says of guest state is true at
 * the header, so that, with the header's parameters replaced by what they are
 * at first, it tells how to leave before the loop.  Code that leaves by the
 * exit of an XLATE is continued by a lower tier from there (op.def).
 */
#include "ir/internal.h"

struct licm {
	struct ir_func *f;
	struct ir_cfg c;
	uint32_t *before;  /* by header: the block before the loop */
	uint16_t *writes;  /* by header: classes that the loop writes */
};

/* Outside edges into h go to a new block, which hands their arguments on. */
static void make_preheader(struct licm *l, uint32_t h)
{
	struct ir_func *f = l->f;
	uint32_t p = ir_block(f), n = f->block[h].nparams, e = ir__edges(f, 1), args = n ? ir_list(f, n) : 0;
	struct ir_insn jump = { .op = IR_JUMP, .imm = (int32_t)e, .x = 1 };
	ir_ref q;

	if (f->failed)
		return;
	q = f->block[h].first;
	for (uint32_t k = 0; k < n; k++, q = f->insn[q].next) {
		ir_ref v = ir_param(f, p, ir_type(f, q));

		if (f->failed)
			return;
		f->list[args + k] = v;
	}
	f->edge[e] = (struct ir_edge){ .target = h, .args = args };
	for (uint32_t j = l->c.pred_at[h]; j < l->c.pred_at[h + 1]; j++) {
		struct ir_edge *in = &f->edge[l->c.pred[j]];

		if (ir_dominates(&l->c, h, l->c.edge_from[l->c.pred[j]]))
			continue;
		in->target = p;
		f->edge[e].weight += in->weight;
		f->block[p].freq += in->weight;
	}
	f->block[p].cookie = f->block[h].cookie;
	ir_append(f, p, &jump);
	/* In the layout it stands before the header. */
	for (uint32_t k = 0; k + 1 < f->norder; k++)
		if (f->order[k] == h) {
			memmove(f->order + k + 1, f->order + k, (f->norder - 1 - k) * sizeof(*f->order));
			f->order[k] = p;
			break;
		}
}

/* The block before the loop, IR_NO_BLOCK when it has none of its own. */
static uint32_t preheader(struct licm *l, uint32_t h)
{
	uint32_t from = IR_NO_BLOCK;

	for (uint32_t j = l->c.pred_at[h]; j < l->c.pred_at[h + 1]; j++) {
		uint32_t p = l->c.edge_from[l->c.pred[j]];

		if (ir_dominates(&l->c, h, p))
			continue;
		if (from != IR_NO_BLOCK)
			return IR_NO_BLOCK;
		from = p;
	}
	return from != IR_NO_BLOCK && l->f->insn[l->f->block[from].last].op == IR_JUMP ? from : IR_NO_BLOCK;
}

static bool analyse(struct licm *l)
{
	return ir_cfg(l->f, &l->c) && ir_dominators(l->f, &l->c) && ir_loops(l->f, &l->c);
}

static bool in_loop(const struct licm *l, uint32_t b, uint32_t h)
{
	uint32_t at = l->c.loop[b];

	while (at != IR_NO_BLOCK && at != h)
		at = l->c.parent[at];
	return at == h;
}

static bool may_move(const struct licm *l, const struct ir_insn *i, uint32_t h)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (ir__speculable(i))
		return true;
	if (i->op == IR_GETSTATE)
		return !(l->writes[h] & BIT(IR_ALIAS_STATE));
	if (i->op != IR_LOAD || i->x || (i->aux & IR_MEM_ORDERED) || i->a[1])
		return false;
	if (!l->f->alone && (ir__reads(l->f, i) & (BIT(IR_ALIAS_MEM) | BIT(IR_ALIAS_MEM1))))
		return false; /* a loop that waits for another thread */
	return l->f->insn[i->a[0]].op == IR_PIN && !(l->writes[h] & ir__reads(l->f, i)) && (flags & IR_READS);
}

static bool invariant(const struct licm *l, const struct ir_insn *i, uint32_t h)
{
	for (unsigned k = 0; k < 3; k++) {
		uint32_t b = i->a[k] ? l->f->block_of[i->a[k]] : IR_NO_BLOCK;

		if (b != IR_NO_BLOCK && in_loop(l, b, h))
			return false;
	}
	return true;
}

/* ---- translations ------------------------------------------------------------- */

/* The POLL with which loop h begins; 0: it does not. */
static ir_ref first_poll(const struct licm *l, uint32_t h)
{
	for (IR_EACH(l->f, h, i)) {
		const struct ir_insn *in = &l->f->insn[i];

		if (in->op == IR_POLL)
			return i;
		if (in->op != IR_PARAM && !(ir_rows[in->op].flags & IR_PURE) && in->op != IR_GETSTATE)
			return 0;
	}
	return 0;
}

static bool every_turn(const struct licm *l, uint32_t b, uint32_t h)
{
	for (uint32_t j = l->c.pred_at[h]; j < l->c.pred_at[h + 1]; j++) {
		uint32_t p = l->c.edge_from[l->c.pred[j]];

		if (ir_dominates(&l->c, h, p) && !ir_dominates(&l->c, b, p))
			return false;
	}
	return true;
}

/* v, which is known at the header of h, as it is before the loop; 0: it is not. */
static ir_ref before_loop(const struct licm *l, ir_ref v, uint32_t h)
{
	const struct ir_func *f = l->f;
	const struct ir_insn *jump = &f->insn[f->block[l->before[h]].last];

	if (f->block_of[v] == h && f->insn[v].op == IR_PARAM)
		return f->list[f->edge[jump->imm].args + (uint32_t)f->insn[v].imm];
	return f->block_of[v] != IR_NO_BLOCK && in_loop(l, f->block_of[v], h) ? 0 : v;
}

/* The exit of an XLATE before loop h: its own kind, the POLL's place and state. */
static uint32_t exit_before(struct licm *l, uint32_t own, uint32_t poll, uint32_t h)
{
	struct ir_func *f = l->f;
	uint32_t n = f->exit[poll].nslots, x;

	for (uint32_t k = 0; k < n; k++)
		if (!before_loop(l, f->list[f->exit[poll].slots + 2 * k + 1], h))
			return 0;
	x = ir_exit(f, f->exit[own].kind, f->exit[poll].cookie);
	for (uint32_t k = 0; x && k < n && !f->failed; k++) {
		uint32_t *slot = &f->list[f->exit[poll].slots + 2 * k];

		ir_exit_slot(f, x, slot[0] & IR_OFFSET_MASK, (enum ir_how)(slot[0] >> 24),
			     before_loop(l, slot[1], h));
	}
	return x;
}

static void translation(struct licm *l, ir_ref r)
{
	struct ir_func *f = l->f;
	uint32_t b = f->block_of[r], h = l->c.loop[b];

	while (h != IR_NO_BLOCK && l->before[h] != IR_NO_BLOCK && !(l->writes[h] & BIT(IR_ALIAS_TLB)) &&
	       invariant(l, &f->insn[r], h) && every_turn(l, b, h)) {
		ir_ref poll = first_poll(l, h);
		uint32_t x = poll ? exit_before(l, f->insn[r].x, f->insn[poll].x, h) : 0;

		if (!x || f->failed)
			return;
		f->insn[r].x = x;
		b = l->before[h];
		ir_move_before(f, r, f->block[b].last);
		h = l->c.parent[h];
	}
}

static void one(struct licm *l, ir_ref r)
{
	struct ir_func *f = l->f;
	uint32_t h = l->c.loop[f->block_of[r]], to = IR_NO_BLOCK;

	while (h != IR_NO_BLOCK && may_move(l, &f->insn[r], h) && invariant(l, &f->insn[r], h) &&
	       l->before[h] != IR_NO_BLOCK) {
		to = l->before[h];
		h = l->c.parent[h];
	}
	if (to != IR_NO_BLOCK)
		ir_move_before(f, r, f->block[to].last);
}

static void sum_writes(struct licm *l, uint32_t b)
{
	uint32_t w = 0;

	for (IR_EACH(l->f, b, i))
		w |= ir__writes(l->f, &l->f->insn[i]);
	for (uint32_t h = l->c.loop[b]; h != IR_NO_BLOCK; h = l->c.parent[h])
		l->writes[h] |= (uint16_t)w;
}

bool ir__pass_licm(struct ir_func *f)
{
	struct licm l = { .f = f };
	uint32_t loops = 0;

	if (!analyse(&l))
		return false;
	ir__remove_unreachable(f, &l.c);
	for (uint32_t k = 0; k < l.c.n && !f->failed; k++) {
		uint32_t h = l.c.rpo[k];

		if (l.c.loop[h] != h)
			continue;
		loops++;
		if (preheader(&l, h) == IR_NO_BLOCK)
			make_preheader(&l, h);
	}
	if (!loops || f->failed)
		return !f->failed;
	if (!analyse(&l))
		return false;
	l.before = ir__scratch(f, f->nblock, sizeof(*l.before));
	l.writes = ir__scratch(f, f->nblock, sizeof(*l.writes));
	if (!l.before || !l.writes)
		return false;
	for (uint32_t k = 0; k < l.c.n; k++) {
		uint32_t b = l.c.rpo[k];

		if (l.c.loop[b] == b)
			l.before[b] = preheader(&l, b);
		sum_writes(&l, b);
	}
	for (uint32_t k = 0; k < l.c.n; k++) {
		if (l.c.loop[l.c.rpo[k]] == IR_NO_BLOCK)
			continue;
		for (IR_EACH(f, l.c.rpo[k], i))
			if (f->insn[i].op == IR_XLATE)
				translation(&l, i);
			else if (!ir_has(&f->insn[i], IR_EFFECT))
				one(&l, i);
	}
	return !f->failed;
}
