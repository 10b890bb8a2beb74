/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control flow: reverse postorder, predecessors, dominators, loops.  All
 * linear but the dominators, which are near linear on what programs look like
 * (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm").
 * Everything lives in f->scratch.
 */
#include "ir/internal.h"

static uint32_t *words(struct ir_func *f, size_t n)
{
	return ir__scratch(f, n, sizeof(uint32_t));
}

/* Depth first, without recursion: a guest chooses the depth. */
static bool postorder(struct ir_func *f, struct ir_cfg *c)
{
	uint32_t *stack = words(f, f->nblock), *at = words(f, f->nblock), depth = 0, left = f->nblock;

	if (!stack || !at)
		return false;
	for (uint32_t b = 0; b < f->nblock; b++)
		c->rpo_index[b] = IR_NO_BLOCK;
	stack[depth++] = f->order[0];
	c->rpo_index[f->order[0]] = 0; /* seen */
	while (depth) {
		uint32_t b = stack[depth - 1], n;
		struct ir_edge *e = ir_edges(f, b, &n);

		/* Last edge first: then the first successor follows its block. */
		if (at[b] == n) {
			c->rpo[--left] = b;
			depth--;
			continue;
		}
		e += n - 1 - at[b]++;
		if (c->rpo_index[e->target] != IR_NO_BLOCK)
			continue;
		c->rpo_index[e->target] = 0;
		stack[depth++] = e->target;
	}
	c->n = f->nblock - left;
	memmove(c->rpo, c->rpo + left, c->n * sizeof(*c->rpo));
	for (uint32_t k = 0; k < c->n; k++)
		c->rpo_index[c->rpo[k]] = k;
	return true;
}

static bool predecessors(struct ir_func *f, struct ir_cfg *c)
{
	uint32_t n;

	c->pred_at = words(f, f->nblock + 2);
	c->edge_from = words(f, f->nedge);
	c->pred = words(f, f->nedge);
	if (!c->pred_at || !c->edge_from || !c->pred)
		return false;
	for (uint32_t k = 0; k < c->n; k++) {
		struct ir_edge *e = ir_edges(f, c->rpo[k], &n);

		for (uint32_t j = 0; j < n; j++)
			c->pred_at[e[j].target + 2]++;
	}
	for (uint32_t b = 0; b < f->nblock; b++)
		c->pred_at[b + 2] += c->pred_at[b + 1];
	for (uint32_t k = 0; k < c->n; k++) {
		struct ir_edge *e = ir_edges(f, c->rpo[k], &n);

		for (uint32_t j = 0; j < n; j++) {
			uint32_t x = (uint32_t)(e + j - f->edge);

			c->edge_from[x] = c->rpo[k];
			c->pred[c->pred_at[e[j].target + 1]++] = x;
		}
	}
	return true;
}

bool ir_cfg(struct ir_func *f, struct ir_cfg *c)
{
	*c = (struct ir_cfg){ 0 };
	c->rpo = words(f, f->nblock);
	c->rpo_index = words(f, f->nblock);
	return c->rpo && c->rpo_index && postorder(f, c) && predecessors(f, c);
}

static uint32_t intersect(const struct ir_cfg *c, uint32_t a, uint32_t b)
{
	while (a != b) {
		while (c->rpo_index[a] > c->rpo_index[b])
			a = c->idom[a];
		while (c->rpo_index[b] > c->rpo_index[a])
			b = c->idom[b];
	}
	return a;
}

/* Numbers in preorder and postorder of the tree of immediate dominators. */
static bool number_tree(struct ir_func *f, struct ir_cfg *c)
{
	uint32_t *child = words(f, f->nblock), *sibling = words(f, f->nblock), *stack = words(f, f->nblock);
	uint32_t depth = 0, clock = 0, n = 0;

	if (!child || !sibling || !stack)
		return false;
	memset(child, 0xff, f->nblock * sizeof(*child));
	for (uint32_t k = c->n; k-- > 1;) {
		uint32_t b = c->rpo[k], p = c->idom[b];

		sibling[b] = child[p];
		child[p] = b;
	}
	stack[depth++] = c->rpo[0];
	c->dom_in[c->rpo[0]] = clock++;
	c->dom_order[n++] = c->rpo[0];
	while (depth) {
		uint32_t b = stack[depth - 1], k = child[b];

		if (k == IR_NO_BLOCK) {
			c->dom_out[b] = clock++;
			depth--;
			continue;
		}
		child[b] = sibling[k];
		c->dom_in[k] = clock++;
		c->dom_order[n++] = k;
		stack[depth++] = k;
	}
	return true;
}

bool ir_dominators(struct ir_func *f, struct ir_cfg *c)
{
	bool changed = true;

	c->idom = words(f, f->nblock);
	c->dom_in = words(f, f->nblock);
	c->dom_out = words(f, f->nblock);
	c->dom_order = words(f, f->nblock);
	if (!c->idom || !c->dom_in || !c->dom_out || !c->dom_order)
		return false;
	memset(c->idom, 0xff, f->nblock * sizeof(*c->idom));
	/* What is unreachable dominates nothing, and nothing dominates it. */
	for (uint32_t b = 0; b < f->nblock; b++)
		c->dom_in[b] = 1, c->dom_out[b] = 0;
	c->idom[c->rpo[0]] = c->rpo[0];
	while (changed) {
		changed = false;
		for (uint32_t k = 1; k < c->n; k++) {
			uint32_t b = c->rpo[k], d = IR_NO_BLOCK;

			for (uint32_t j = c->pred_at[b]; j < c->pred_at[b + 1]; j++) {
				uint32_t p = c->edge_from[c->pred[j]];

				if (c->idom[p] != IR_NO_BLOCK)
					d = d == IR_NO_BLOCK ? p : intersect(c, p, d);
			}
			if (c->idom[b] != d) {
				c->idom[b] = d;
				changed = true;
			}
		}
	}
	return number_tree(f, c);
}

/* The outermost loop known so far that b is in, as its header. */
static uint32_t outermost(const struct ir_cfg *c, uint32_t b)
{
	uint32_t h = c->loop[b];

	while (h != IR_NO_BLOCK && c->parent[h] != IR_NO_BLOCK)
		h = c->parent[h];
	return h;
}

/* Everything from which `latch` is reached without passing h is in h's loop. */
static void collect(struct ir_cfg *c, uint32_t h, uint32_t *stack)
{
	uint32_t depth = 0;

	for (uint32_t j = c->pred_at[h]; j < c->pred_at[h + 1]; j++) {
		uint32_t p = c->edge_from[c->pred[j]];

		if (ir_dominates(c, h, p))
			stack[depth++] = p;
	}
	if (depth)
		c->loop[h] = h;
	while (depth) {
		uint32_t b = stack[--depth], o = outermost(c, b);

		if (o == h)
			continue;
		if (o == IR_NO_BLOCK) {
			c->loop[b] = h;
			o = b;
		} else {
			c->parent[o] = h;
		}
		for (uint32_t j = c->pred_at[o]; j < c->pred_at[o + 1]; j++) {
			uint32_t p = c->edge_from[c->pred[j]];

			if (ir_dominates(c, h, p) && outermost(c, p) != h)
				stack[depth++] = p;
		}
	}
}

bool ir_loops(struct ir_func *f, struct ir_cfg *c)
{
	uint32_t *stack = words(f, f->nedge + 1);

	c->loop = words(f, f->nblock);
	c->parent = words(f, f->nblock);
	c->depth = words(f, f->nblock);
	if (!stack || !c->loop || !c->parent || !c->depth)
		return false;
	memset(c->loop, 0xff, f->nblock * sizeof(*c->loop));
	memset(c->parent, 0xff, f->nblock * sizeof(*c->parent));
	for (uint32_t k = c->n; k-- > 0;) /* inner loops first */
		collect(c, c->rpo[k], stack);
	for (uint32_t k = 0; k < c->n; k++)
		for (uint32_t h = c->loop[c->rpo[k]]; h != IR_NO_BLOCK; h = c->parent[h])
			c->depth[c->rpo[k]]++;
	return true;
}

bool ir__remove_unreachable(struct ir_func *f, const struct ir_cfg *c)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < f->norder; k++) {
		uint32_t b = f->order[k];

		if (c->rpo_index[b] != IR_NO_BLOCK) {
			f->order[n++] = b;
			continue;
		}
		f->block[b].flags |= IR_BLOCK_DEAD;
		for (IR_EACH(f, b, i))
			f->block_of[i] = IR_NO_BLOCK;
		f->block[b].first = f->block[b].last = 0;
	}
	if (n == f->norder)
		return false;
	f->norder = n;
	return true;
}
