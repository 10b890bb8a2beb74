/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `gvn`: pure instructions that are equal to one that dominates them.
 * Blocks are walked in preorder of the dominator tree; what the table finds
 * counts only if its block dominates the present one, and an entry that does
 * not can be overwritten, because its subtree has been left for good.
 */
#include "ir/internal.h"

struct gvn {
	struct ir_func *f;
	struct ir_cfg c;
	ir_ref *fwd;
	uint32_t *table, mask;
	bool fp_env_changes; /* flags or mode are set somewhere */
};

static bool movable(const struct gvn *g, const struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (!(flags & IR_PURE))
		return false;
	/* A flag that is raised twice is raised, unless it was cleared between. */
	return !(flags & IR_FP) || !g->fp_env_changes ||
	       (!(i->aux & IR_FP_FLAGS) && (i->aux & IR_FP_RM) != IR_FP_DYN);
}

static bool sets_fp_env(const struct ir_func *f, const struct ir_insn *i)
{
	return i->op == IR_FPFLAGS || i->op == IR_SETFPFLAGS || i->op == IR_SETFPMODE ||
	       (ir__writes(f, i) & BIT(IR_ALIAS_FP));
}

static void one(struct gvn *g, ir_ref r)
{
	struct ir_func *f = g->f;
	struct ir_insn *i = &f->insn[r];
	uint32_t b = f->block_of[r], h;

	if (!movable(g, i))
		return;
	for (h = ir__hash(i) & g->mask; g->table[h]; h = (h + 1) & g->mask) {
		ir_ref v = g->table[h];

		if (!ir__same(&f->insn[v], i))
			continue;
		if (ir_dominates(&g->c, f->block_of[v], b)) {
			g->fwd[r] = v;
			ir_unlink(f, r);
			return;
		}
		break;
	}
	g->table[h] = r;
}

bool ir__pass_gvn(struct ir_func *f)
{
	struct gvn g = { .f = f };
	uint32_t size = 256;

	while (size < f->ninsn * 2)
		size *= 2;
	g.mask = size - 1;
	g.fwd = ir__scratch(f, f->ninsn, sizeof(*g.fwd));
	g.table = ir__scratch(f, size, sizeof(*g.table));
	if (!g.fwd || !g.table || !ir_cfg(f, &g.c) || !ir_dominators(f, &g.c))
		return false;
	ir__remove_unreachable(f, &g.c);
	for (uint32_t k = 0; k < g.c.n; k++)
		for (IR_EACH(f, g.c.rpo[k], i))
			g.fp_env_changes |= sets_fp_env(f, &f->insn[i]);
	for (uint32_t k = 0; k < g.c.n; k++)
		for (IR_EACH(f, g.c.dom_order[k], i)) {
			IR__EACH_OPERAND(f, i, p, *p = ir__fwd(g.fwd, *p));
			one(&g, i);
		}
	ir__forward(f, g.fwd); /* arguments of edges that go back */
	return true;
}
