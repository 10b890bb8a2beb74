/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values are live between blocks.  Only values that cross a block's
 * border have a bit, so the sets stay small; leaves are never live, because
 * they are made where they are used.
 */
#include "ir/internal.h"

struct live_pass {
	struct ir_func *f;
	struct ir_live *l;
	uint64_t *use, *def; /* used before they are made; made (by block) */
};

static void set_bit(uint64_t *s, uint32_t n) { s[n / 64] |= 1ull << n % 64; }
static bool leaf(const struct ir_func *f, ir_ref v) { return ir_rows[f->insn[v].op].flags & IR_LEAF; }

/* Give a bit to every value that is used outside of its block. */
static bool number(struct ir_func *f, struct ir_live *l)
{
	l->dense = ir__scratch(f, f->ninsn, sizeof(*l->dense));
	l->value = ir__scratch(f, f->ninsn, sizeof(*l->value));
	if (!l->dense || !l->value)
		return false;
	memset(l->dense, 0xff, f->ninsn * sizeof(*l->dense));
	for (uint32_t o = 0; o < f->norder; o++) {
		uint32_t b = f->order[o];

		for (IR_EACH(f, b, i))
			IR__EACH_OPERAND(f, i, p,
				if (f->block_of[*p] != b && !leaf(f, *p) && l->dense[*p] == ~0u)
					l->value[l->dense[*p] = l->n++] = *p);
	}
	l->words = (l->n + 63) / 64;
	return true;
}

static void scan(struct live_pass *p, uint32_t b)
{
	struct ir_func *f = p->f;
	uint64_t *use = p->use + (size_t)b * p->l->words, *def = p->def + (size_t)b * p->l->words;

	for (IR_EACH(f, b, i)) {
		IR__EACH_OPERAND(f, i, q,
			if (f->block_of[*q] != b && p->l->dense[*q] != ~0u)
				set_bit(use, p->l->dense[*q]));
		if (p->l->dense[i] != ~0u)
			set_bit(def, p->l->dense[i]);
	}
}

/* out = union of in of the successors; in = use | (out & ~def) */
static bool step(struct live_pass *p, uint32_t b)
{
	uint32_t n, w = p->l->words;
	struct ir_edge *e = ir_edges(p->f, b, &n);
	uint64_t *in = p->l->in + (size_t)b * w, *out = p->l->out + (size_t)b * w, diff = 0;

	for (uint32_t k = 0; k < w; k++) {
		uint64_t v = 0, was = in[k];

		for (uint32_t j = 0; j < n; j++)
			v |= p->l->in[(size_t)e[j].target * w + k];
		out[k] = v;
		in[k] = p->use[(size_t)b * w + k] | (v & ~p->def[(size_t)b * w + k]);
		diff |= was ^ in[k];
	}
	return diff;
}

bool ir_liveness(struct ir_func *f, const struct ir_cfg *c, struct ir_live *l)
{
	struct live_pass p = { .f = f, .l = l };
	bool changed = true;
	size_t size;

	*l = (struct ir_live){ 0 };
	if (!number(f, l))
		return false;
	size = (size_t)f->nblock * l->words;
	l->in = ir__scratch(f, size, sizeof(*l->in));
	l->out = ir__scratch(f, size, sizeof(*l->out));
	p.use = ir__scratch(f, size, sizeof(*p.use));
	p.def = ir__scratch(f, size, sizeof(*p.def));
	if (!l->in || !l->out || !p.use || !p.def)
		return false;
	for (uint32_t k = 0; k < c->n; k++)
		scan(&p, c->rpo[k]);
	while (changed) {
		changed = false;
		for (uint32_t k = c->n; k-- > 0;)
			changed |= step(&p, c->rpo[k]);
	}
	return true;
}
