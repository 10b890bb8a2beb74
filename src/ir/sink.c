/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `sink`: a test that one branch, guard or select of its block uses goes
 * right before it, where the lowering makes one instruction of the two.
 */
#include "ir/internal.h"

bool ir__pass_sink(struct ir_func *f)
{
	ir_count_uses(f);
	for (uint32_t o = 0; o < f->norder; o++) {
		uint32_t b = f->order[o];

		for (IR_EACH(f, b, r)) {
			const struct ir_insn *i = &f->insn[r];
			ir_ref c = i->a[0];

			if (i->op != IR_BRANCH && i->op != IR_GUARD && i->op != IR_SELECT)
				continue;
			/* A test that raises flags stays before exits that it stood before. */
			if (ir_has(&f->insn[c], IR_CMP) && f->uses[c] == 1 && f->block_of[c] == b &&
			    ir__speculable(&f->insn[c]))
				ir_move_before(f, c, r);
		}
	}
	return true;
}
