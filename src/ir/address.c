/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `address`: base + (index << scale) + offset, as far as a host's
 * addressing modes go, so that additions of constants and small shifts of
 * indices cost nothing.  XLATE's address is taken apart in the same way:
 * accesses that have a base in common can share one.
 */
#include "ir/internal.h"

/* v = x + c with c constant: *c += it, the x.  Else v. */
static ir_ref strip(const struct ir_func *f, ir_ref v, int64_t *offset, unsigned shift)
{
	for (;;) {
		const struct ir_insn *i = &f->insn[v];
		int64_t c, sum;

		if (i->op != IR_ADD || i->ct != IR_I64 || !ir_is_const(f, i->a[1]))
			return v;
		c = (int64_t)ir_const_bits(f, i->a[1]);
		if (c != (int32_t)c)
			return v;
		sum = *offset + (int64_t)((uint64_t)c << shift);
		if (sum != (int32_t)sum)
			return v;
		*offset = sum;
		v = i->a[0];
	}
}

static void memory(struct ir_func *f, struct ir_insn *i)
{
	unsigned scale = (i->aux & IR_MEM_SCALE) >> IR_MEM_SCALE_SHIFT;
	bool has_index = i->op == IR_LOAD || i->op == IR_STORE;
	int64_t offset = i->imm;

	i->a[0] = strip(f, i->a[0], &offset, 0);
	if (has_index && !i->a[1] && f->insn[i->a[0]].op == IR_ADD) {
		i->a[1] = f->insn[i->a[0]].a[1];
		i->a[0] = f->insn[i->a[0]].a[0];
		i->a[0] = strip(f, i->a[0], &offset, 0);
	}
	if (has_index && i->a[1]) {
		const struct ir_insn *x;

		i->a[1] = strip(f, i->a[1], &offset, scale);
		x = &f->insn[i->a[1]];
		if (!scale && x->op != IR_SHL && f->insn[i->a[0]].op == IR_SHL) {
			ir_ref t = i->a[0];

			i->a[0] = i->a[1];
			i->a[1] = t;
			x = &f->insn[t];
		}
		if (!scale && x->op == IR_SHL && ir_is_const(f, x->a[1]) && ir_const_bits(f, x->a[1]) <= 3) {
			scale = (unsigned)ir_const_bits(f, x->a[1]);
			i->a[1] = strip(f, x->a[0], &offset, scale);
		}
	}
	i->aux = (uint8_t)((i->aux & ~IR_MEM_SCALE) | scale << IR_MEM_SCALE_SHIFT);
	i->imm = (int32_t)offset;
}

bool ir__pass_address(struct ir_func *f)
{
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], r)) {
			struct ir_insn *i = &f->insn[r];

			if (i->op == IR_XLATE) {
				int64_t offset = i->imm;

				i->a[0] = strip(f, i->a[0], &offset, 0);
				i->imm = (int32_t)offset;
			} else if (ir_rows[i->op].flags & IR_MEM) {
				memory(f, i);
			}
		}
	return true;
}
