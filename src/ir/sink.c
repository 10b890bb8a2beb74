/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `sink`: work goes to where it is needed.  A test that one branch, guard
 * or select of its block uses goes right before it, where the lowering makes
 * one instruction of the two.  An extension or NaN boxing that only exits use
 * goes into their tables: it is done when the code leaves, which is rare.
 */
#include "ir/internal.h"

/* Uses by exits alone are what uses[] has more than others[] has. */
static void count_others(struct ir_func *f, uint32_t *others)
{
	memcpy(others, f->uses, f->ninsn * sizeof(*others));
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], r)) {
			const struct ir_insn *i = &f->insn[r];
			const struct ir_exit *x = &f->exit[i->x];

			if (!(ir_rows[i->op].flags & IR_EXITS) || !i->x)
				continue;
			for (uint32_t k = 0; k < x->nslots; k++)
				others[f->list[x->slots + 2 * k + 1]]--;
		}
}

/* A list that several exits share is changed once: what is not plain any more
 * is left alone. */
static void into_table(struct ir_func *f, const struct ir_exit *x, const uint32_t *others)
{
	for (uint32_t k = 0; k < x->nslots; k++) {
		uint32_t *slot = &f->list[x->slots + 2 * k], how;
		const struct ir_insn *v = &f->insn[slot[1]];

		if (slot[0] >> 24 != IR_HOW_PLAIN || others[slot[1]])
			continue;
		how = v->op == IR_EXT_S ? IR_HOW_SEXT : v->op == IR_EXT_U ? IR_HOW_ZEXT :
		      v->op == IR_BOX ? IR_HOW_BOX : IR_HOW_PLAIN;
		if (how == IR_HOW_PLAIN)
			continue;
		slot[0] |= how << 24;
		slot[1] = v->a[0];
	}
}

/* A test that raises flags stays before exits that it stood before. */
static bool fuses(const struct ir_func *f, const struct ir_insn *i, uint32_t b)
{
	ir_ref c = i->a[0];

	return (i->op == IR_BRANCH || i->op == IR_GUARD || i->op == IR_SELECT) && ir_has(&f->insn[c], IR_CMP) &&
	       f->uses[c] == 1 && f->block_of[c] == b && ir__speculable(&f->insn[c]);
}

bool ir__pass_sink(struct ir_func *f)
{
	uint32_t *others = ir__scratch(f, f->ninsn, sizeof(*others));

	if (!others)
		return false;
	ir_count_uses(f);
	count_others(f, others);
	for (uint32_t o = 0; o < f->norder; o++) {
		uint32_t b = f->order[o];

		for (IR_EACH(f, b, r)) {
			const struct ir_insn *i = &f->insn[r];

			if ((ir_rows[i->op].flags & IR_EXITS) && i->x)
				into_table(f, &f->exit[i->x], others);
			if (fuses(f, i, b))
				ir_move_before(f, i->a[0], r);
		}
	}
	return true;
}
