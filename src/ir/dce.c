/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `dce`: what nobody uses and what has no effect goes, parameters of
 * blocks with their arguments too (an argument is used only when its parameter
 * is, so that values which only feed each other around a loop go).
 */
#include "ir/internal.h"

struct dce {
	struct ir_func *f;
	struct ir_cfg c;
	uint8_t *live;
	ir_ref *work;
	uint32_t n;
};

static void mark(struct dce *d, ir_ref v)
{
	if (d->live[v] || (ir_rows[d->f->insn[v].op].flags & IR_LEAF))
		return;
	d->live[v] = 1;
	d->work[d->n++] = v;
}

static bool root(const struct ir_func *f, const struct ir_insn *i)
{
	if (i->op == IR_PARAM)
		return false;
	if (i->op == IR_CALL)
		return !(f->helper[f->list[i->imm]]->flags & IR_CALL_PURE);
	if (i->op == IR_RESULT)
		return false;
	return !ir__removable(i);
}

/* Arguments of edges are marked from the parameter's side. */
static void mark_operands(struct dce *d, ir_ref v)
{
	struct ir_func *f = d->f;
	struct ir_insn *i = &f->insn[v];
	uint32_t b = f->block_of[v];

	if (i->op == IR_JUMP || i->op == IR_BRANCH || i->op == IR_SWITCH) {
		if (i->a[0])
			mark(d, i->a[0]);
	} else if (i->op == IR_PARAM) {
		for (uint32_t j = d->c.pred_at[b]; j < d->c.pred_at[b + 1]; j++)
			mark(d, f->list[f->edge[d->c.pred[j]].args + (uint32_t)i->imm]);
	} else {
		IR__EACH_OPERAND(f, v, p, mark(d, *p));
	}
}

/* The arguments of dead parameters out of the edges, then the parameters. */
static void drop_params(struct dce *d, uint32_t b)
{
	struct ir_func *f = d->f;
	uint32_t n = 0, k = 0;

	for (IR_EACH(f, b, p)) {
		if (f->insn[p].op != IR_PARAM)
			break;
		if (d->live[p]) {
			for (uint32_t j = d->c.pred_at[b]; j < d->c.pred_at[b + 1]; j++) {
				uint32_t *args = &f->list[f->edge[d->c.pred[j]].args];

				args[n] = args[k];
			}
			f->insn[p].imm = (int32_t)n++;
		} else {
			ir_unlink(f, p);
		}
		k++;
	}
	f->block[b].nparams = n;
}

bool ir__pass_dce(struct ir_func *f)
{
	struct dce d = { .f = f };

	d.live = ir__scratch(f, f->ninsn, 1);
	d.work = ir__scratch(f, f->ninsn, sizeof(*d.work));
	if (!d.live || !d.work || !ir_cfg(f, &d.c))
		return false;
	ir__remove_unreachable(f, &d.c);
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], i))
			if (root(f, &f->insn[i]) || (f->insn[i].op == IR_PARAM && !o))
				mark(&d, i);
	while (d.n)
		mark_operands(&d, d.work[--d.n]);
	for (uint32_t o = 0; o < f->norder; o++) {
		uint32_t b = f->order[o];

		if (o)
			drop_params(&d, b);
		for (IR_EACH(f, b, i))
			if (!d.live[i])
				ir_unlink(f, i);
	}
	return true;
}
