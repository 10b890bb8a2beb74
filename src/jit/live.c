/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which virtual registers live across blocks, and the small containers of
 * mir.h.  Only what is used outside of the block that defines it gets a bit,
 * so that the sets of large functions stay small.
 */
#include "jit/mir.h"

#include <string.h>

#include "base/bits.h"

void *jit__grow(struct jit_mir *m, void *old, uint32_t *cap, uint32_t need, size_t size)
{
	uint32_t n = MAX(MAX(need, *cap * 2), 64u);
	void *p = n > JIT_REG_MASK ? NULL : arena_alloc(m->arena, n * size);

	if (!p) {
		m->failed = true;
		return NULL;
	}
	if (*cap)
		memcpy(p, old, *cap * size);
	*cap = n;
	return p;
}

uint32_t jit__vreg(struct jit_mir *m, enum jit_class cls)
{
	if (m->nvreg >= m->cvreg) {
		void *p = jit__grow(m, m->vreg, &m->cvreg, m->nvreg + 1, sizeof(*m->vreg));

		if (!p)
			return JIT_VREGS;
		m->vreg = p;
	}
	m->vreg[m->nvreg] = (struct jit_vreg){ .cls = (uint8_t)cls };
	return m->nvreg++;
}

uint32_t jit__op(struct jit_mir *m, uint32_t op)
{
	if (m->nop >= m->cop) {
		void *p = jit__grow(m, m->op, &m->cop, m->nop + 1, sizeof(*m->op));

		if (!p)
			return 0;
		m->op = p;
	}
	m->op[m->nop] = op;
	return m->nop++;
}

/* Number the registers that are seen in more than one block. */
static bool number(struct jit_mir *m, struct jit_live *l)
{
	uint32_t *home = arena_alloc(m->arena, m->nvreg * sizeof(*home)); /* block + 1 */

	l->dense = arena_alloc(m->arena, m->nvreg * sizeof(*l->dense));
	l->vreg = arena_alloc(m->arena, m->nvreg * sizeof(*l->vreg));
	if (!home || !l->dense || !l->vreg)
		return false;
	for (uint32_t b = 0; b < m->nblock; b++) {
		struct jit_mblock *k = &m->block[b];
		uint32_t n = k->nparams, o = k->params, i = k->first, e = 0;

		for (;;) {
			for (; n; n--, o++) {
				uint32_t v = jit__reg(m->op[o]);

				if (v < JIT_VREGS || m->op[o] & JIT_CONST || home[v] == b + 1)
					continue;
				if (!home[v])
					home[v] = b + 1;
				else if (!l->dense[v]) {
					l->vreg[l->n] = v;
					l->dense[v] = ++l->n;
				}
			}
			if (i < k->end)
				n = m->insn[i].nops, o = m->insn[i].ops, i++;
			else if (e < k->nedge)
				n = m->edge[k->edge + e].n, o = m->edge[k->edge + e].ops, e++;
			else
				break;
		}
	}
	return true;
}

static inline void set(uint64_t *w, uint32_t bit) { w[bit / 64] |= BIT(bit % 64); }
static inline void clear(uint64_t *w, uint32_t bit) { w[bit / 64] &= ~BIT(bit % 64); }

/* in[] becomes what the block reads before it writes it, def what it writes. */
static void local_sets(struct jit_mir *m, struct jit_live *l, uint32_t b, uint64_t *use, uint64_t *def)
{
	struct jit_mblock *k = &m->block[b];

	for (uint32_t e = 0; e < k->nedge; e++) {
		const struct jit_edge *g = &m->edge[k->edge + e];

		for (uint32_t o = 0; o < g->n; o++) {
			uint32_t op = m->op[g->ops + o];
			uint32_t d = op & JIT_CONST ? 0 : l->dense[jit__reg(op)];

			if (d)
				set(use, d - 1);
		}
	}
	for (uint32_t i = k->end; i-- > k->first;) {
		const struct jit_mi *mi = &m->insn[i];

		for (uint32_t o = 0; o < mi->nops; o++) {
			uint32_t op = m->op[mi->ops + o], d = l->dense[jit__reg(op)];

			if (d && op & JIT_DEF && !(op & JIT_USE))
				set(def, d - 1), clear(use, d - 1);
		}
		for (uint32_t o = 0; o < mi->nops; o++) {
			uint32_t op = m->op[mi->ops + o], d = l->dense[jit__reg(op)];

			if (d && op & JIT_USE)
				set(use, d - 1);
		}
	}
	for (uint32_t o = 0; o < k->nparams; o++) {
		uint32_t d = l->dense[jit__reg(m->op[k->params + o])];

		if (d)
			set(def, d - 1), clear(use, d - 1);
	}
}

bool jit__liveness(struct jit_mir *m, struct jit_live *l)
{
	uint64_t *def;
	size_t size;
	bool again = true;

	*l = (struct jit_live){ 0 };
	if (!number(m, l))
		return false;
	l->words = (l->n + 63) / 64;
	size = (size_t)l->words * m->nblock * 8;
	if (size > 128 << 20)
		return false;
	l->in = arena_alloc(m->arena, size + 8);
	l->out = arena_alloc(m->arena, size + 8);
	def = arena_alloc(m->arena, size + 8);
	if (!l->in || !l->out || !def)
		return false;
	for (uint32_t b = 0; b < m->nblock && l->words; b++)
		local_sets(m, l, b, l->in + (size_t)b * l->words, def + (size_t)b * l->words);
	/* Layout is close to reverse postorder: two or three rounds do. */
	while (again && l->words) {
		again = false;
		for (uint32_t b = m->nblock; b-- > 0;) {
			struct jit_mblock *k = &m->block[b];
			uint64_t *in = l->in + (size_t)b * l->words, *out = l->out + (size_t)b * l->words;
			uint64_t *d = def + (size_t)b * l->words;

			for (uint32_t w = 0; w < l->words; w++) {
				uint64_t o = 0, n;

				for (uint32_t e = 0; e < k->nedge; e++)
					o |= l->in[(size_t)m->edge[k->edge + e].to * l->words + w];
				out[w] = o;
				n = in[w] | (o & ~d[w]);
				again |= n != in[w];
				in[w] = n;
			}
		}
	}
	return true;
}
