/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `layout`: the order of blocks.  From the first block on, the likeliest
 * successor that has no place yet follows; then the next chain begins with
 * the first block in reverse postorder that is left.  What was never seen to
 * run while its branch was, and what is marked cold, comes last.
 */
#include "ir/internal.h"

struct layout {
	struct ir_func *f;
	struct ir_cfg c;
	uint8_t *placed, *cold;
	uint32_t *order, n;
};

/* A cold block makes cold what only it leads to. */
static void find_cold(struct layout *l)
{
	struct ir_func *f = l->f;

	for (uint32_t k = 1; k < l->c.n; k++) {
		uint32_t b = l->c.rpo[k], hot = 0;

		for (uint32_t j = l->c.pred_at[b]; j < l->c.pred_at[b + 1]; j++) {
			uint32_t e = l->c.pred[j], from = l->c.edge_from[e], n;
			struct ir_edge *all = ir_edges(f, from, &n);
			uint64_t sum = 0;

			for (uint32_t i = 0; i < n; i++)
				sum += all[i].weight;
			if (l->c.rpo_index[from] < k)
				hot += !l->cold[from] && !(sum && !f->edge[e].weight);
		}
		l->cold[b] = !hot || (f->block[b].flags & IR_BLOCK_COLD);
	}
}

static void place(struct layout *l, uint32_t b)
{
	l->placed[b] = 1;
	l->order[l->n++] = b;
}

/* The successor to follow b; IR_NO_BLOCK: none.  With equal weights the one
 * deeper in loops, then the last, which is where a branch does not go. */
static uint32_t follower(const struct layout *l, uint32_t b)
{
	uint32_t n, best = IR_NO_BLOCK;
	struct ir_edge *e = ir_edges(l->f, b, &n), *be = NULL;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t t = e[k].target;

		if (l->placed[t] || l->cold[t] != l->cold[b])
			continue;
		if (!be || e[k].weight > be->weight ||
		    (e[k].weight == be->weight && l->c.depth[t] >= l->c.depth[best]))
			best = t, be = &e[k];
	}
	return best;
}

bool ir__pass_layout(struct ir_func *f)
{
	struct layout l = { .f = f };

	if (!ir_cfg(f, &l.c) || !ir_dominators(f, &l.c) || !ir_loops(f, &l.c))
		return false;
	ir__remove_unreachable(f, &l.c);
	l.placed = ir__scratch(f, f->nblock, 1);
	l.cold = ir__scratch(f, f->nblock, 1);
	l.order = ir__scratch(f, f->nblock, sizeof(*l.order));
	if (!l.placed || !l.cold || !l.order)
		return false;
	find_cold(&l);
	for (uint8_t cold = 0; cold < 2; cold++)
		for (uint32_t k = 0; k < l.c.n; k++) {
			uint32_t b = l.c.rpo[k];

			while (b != IR_NO_BLOCK && !l.placed[b] && l.cold[b] == cold) {
				place(&l, b);
				b = follower(&l, b);
			}
		}
	memcpy(f->order, l.order, l.n * sizeof(*f->order));
	for (uint32_t k = 0; k < l.n; k++)
		if (l.cold[l.order[k]])
			f->block[l.order[k]].flags |= IR_BLOCK_COLD;
	return true;
}
