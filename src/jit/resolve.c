/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the scan: slots of the frame, the place of every operand, and the
 * moves between the parts of a split interval, inside of blocks and on edges.
 *
 * A value never changes, so it is stored once: right after it was made when
 * that is not executed more often than where it is spilled; then the other
 * moves to its slot are left out.
 */
#include "jit/scan.h"
#include "jit/lower.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

void jit__add_move(struct jit_mir *m, uint32_t at, uint16_t from, uint16_t to, unsigned cls, ir_ref constant)
{
	if (from == to)
		return;
	if (m->nmove >= m->cmove) {
		void *p = jit__grow(m, m->move, &m->cmove, m->nmove + 1, sizeof(*m->move));

		if (!p)
			return;
		m->move = p;
	}
	m->move[m->nmove++] = (struct jit_move){ at, from, to, (uint8_t)cls, constant };
}

uint16_t jit__loc_at(struct jit__scan *s, uint32_t vreg, uint32_t pos)
{
	uint32_t i = s->first[vreg];

	while (s->itv[i].sibling && pos >= s->itv[s->itv[i].sibling].from)
		i = s->itv[i].sibling;
	return s->itv[i].loc;
}

/* ---- slots -------------------------------------------------------------------- */

struct spilled { uint32_t from, to, vreg; };

static int by_from(const void *a, const void *b)
{
	const struct spilled *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* Slots are shared by those whose hulls do not overlap; not a wide one by two
 * narrow ones, so that moves either read the same or nothing of one another. */
static bool slots(struct jit__scan *s)
{
	struct jit_mir *m = s->m;
	struct spilled *sp = arena_alloc(m->arena, m->nvreg * sizeof(*sp));
	uint32_t n = 0;
	uint32_t *until = NULL, cuntil = 0; /* until when each slot is taken */
	uint32_t *written = arena_alloc(m->arena, m->nvreg * sizeof(*written));

	if (!sp || !written)
		return false;
	/* Parameters are written at the end of every block that goes to theirs. */
	for (uint32_t e = 0; e < m->nedge; e++) {
		const struct jit_mblock *k = &m->block[m->edge[e].to];

		for (uint32_t o = k->params; o < k->params + k->nparams; o++) {
			uint32_t *w = &written[jit__reg(m->op[o])];

			*w = MAX(*w, jit__block_to(m, m->edge[e].from));
		}
	}
	for (uint32_t v = JIT_VREGS; v < m->nvreg; v++) {
		bool any = false;
		uint32_t to = written[v];

		for (uint32_t i = s->first[v]; i; i = s->itv[i].sibling) {
			any |= s->itv[i].loc == JIT_SLOT;
			to = MAX(to, s->itv[i].to);
		}
		if (any)
			sp[n++] = (struct spilled){ s->itv[s->first[v]].from, to, v };
	}
	qsort(sp, n, sizeof(*sp), by_from);
	for (uint32_t k = 0; k < n; k++) {
		bool wide = m->vreg[sp[k].vreg].cls == JIT_VEC;
		uint32_t slot = 0, step = wide ? 2 : 1;

		/* First fit; frames are small. */
		for (; slot < m->nslots; slot += step)
			if (until[slot] >> 1 <= sp[k].from && (until[slot] & 1) == wide &&
			    (!wide || (slot + 1 < m->nslots && until[slot + 1] & 1)))
				break;
		if (slot >= m->nslots)
			slot = wide ? (uint32_t)align_up(m->nslots, 2) : m->nslots;
		if (slot + step > m->nslots) {
			if (slot + step > cuntil) {
				until = jit__grow(m, until, &cuntil, slot + step, sizeof(*until));
				if (!until)
					return false;
			}
			for (; m->nslots < slot + step; m->nslots++)
				until[m->nslots] = 0;
		}
		until[slot] = sp[k].to << 1 | wide; /* positions are far below 2^31 */
		if (wide)
			until[slot + 1] = until[slot];
		if (JIT_SLOT + slot + 1 >= JIT_NOWHERE)
			return false;
		for (uint32_t i = s->first[sp[k].vreg]; i; i = s->itv[i].sibling)
			if (s->itv[i].loc == JIT_SLOT)
				s->itv[i].loc = (uint16_t)(JIT_SLOT + slot);
	}
	m->nslots = (uint32_t)align_up(m->nslots, 2);
	return true;
}

/* ---- inside of blocks ----------------------------------------------------------- */

static bool is_block_start(struct jit__scan *s, uint32_t pos)
{
	return pos == jit__block_from(s->m, s->block_of[pos / 2]);
}

/*
 * Store v once, where it is made; true when that was possible.  Not when it
 * is made in a loop and spilled outside, and not when it is written twice.
 */
static bool store_at_definition(struct jit__scan *s, uint32_t v)
{
	struct jit_mir *m = s->m;
	uint32_t def = s->def[v], depth, i = s->first[v];
	struct jit__itv *it;
	uint16_t slot = JIT_NOWHERE;

	if (s->twice[v] || def == JIT__FAR)
		return false;
	/* The part that is defined: others may stand before it in the layout. */
	while (s->itv[i].sibling && def >= s->itv[s->itv[i].sibling].from)
		i = s->itv[i].sibling;
	it = &s->itv[i];
	if (it->loc >= JIT_SLOT)
		return false;
	depth = m->block[s->block_of[def / 2]].depth;
	for (i = s->first[v]; i; i = s->itv[i].sibling) {
		if (s->itv[i].loc < JIT_SLOT)
			continue;
		slot = s->itv[i].loc;
		if (m->block[s->block_of[MIN(s->itv[i].from / 2, m->ninsn - 1)]].depth < depth)
			return false;
	}
	if (slot == JIT_NOWHERE)
		return false;
	/* A parameter is there before the first instruction of its block, others
	 * after theirs, which is not the last of a block. */
	uint32_t at = def & 1 ? def / 2 + 1 : def / 2;
	for (uint32_t u = it->uses; u; u = s->use[u].next)
		if (s->use[u].pos == def && m->op[s->use[u].op] & JIT_DEF)
			at = def / 2 + 1; /* EARLY ones too, where a block begins */
	jit__add_move(m, at, it->loc, slot, m->vreg[v].cls, 0);
	return true;
}

static void inside(struct jit__scan *s, uint32_t v, bool stored)
{
	struct jit_mir *m = s->m;

	for (uint32_t i = s->first[v]; s->itv[i].sibling; i = s->itv[i].sibling) {
		struct jit__itv *it = &s->itv[i], *c = &s->itv[it->sibling];

		if (it->to < c->from || is_block_start(s, c->from))
			continue;
		if (c->loc >= JIT_SLOT && (stored || it->loc >= JIT_SLOT))
			continue;
		jit__add_move(m, c->from / 2, it->loc, c->loc, m->vreg[v].cls, 0);
	}
}

static void operands(struct jit__scan *s)
{
	for (uint32_t i = 1; i < s->nitv; i++)
		for (uint32_t u = s->itv[i].uses; u; u = s->use[u].next)
			s->m->loc[s->use[u].op] = s->itv[i].loc;
}

/* ---- edges ------------------------------------------------------------------------ */

static void edge(struct jit__scan *s, struct jit_edge *g, const uint64_t *split, const uint64_t *stored)
{
	struct jit_mir *m = s->m;
	struct jit_mblock *to = &m->block[g->to];
	uint32_t end = jit__block_to(m, g->from) - 1, start = jit__block_from(m, g->to);
	const uint64_t *in = s->live.in + (size_t)g->to * s->live.words;

	g->moves = m->nmove;
	for (uint32_t w = 0; w < s->live.words; w++) {
		for (uint64_t b = in[w] & split[w]; b; b &= b - 1) {
			uint32_t v = s->live.vreg[w * 64 + (uint32_t)__builtin_ctzll(b)];
			uint16_t l = jit__loc_at(s, v, start);

			if (l >= JIT_SLOT && stored[w] & (b & -b))
				continue;
			jit__add_move(m, 0, jit__loc_at(s, v, end), l, m->vreg[v].cls, 0);
		}
	}
	for (uint32_t k = 0; k < to->nparams && k < g->n; k++) {
		uint32_t p = jit__reg(m->op[to->params + k]), a = m->op[g->ops + k];
		uint16_t l = jit__loc_at(s, p, start);

		if (!s->itv[s->first[p]].range)
			continue;
		if (a & JIT_CONST)
			jit__add_move(m, 0, JIT_NOWHERE, l, m->vreg[p].cls, jit__reg(a));
		else if (jit__reg(a) < JIT_VREGS)
			jit__add_move(m, 0, (uint16_t)jit__reg(a), l, m->vreg[p].cls, 0);
		else
			jit__add_move(m, 0, jit__loc_at(s, jit__reg(a), end), l, m->vreg[p].cls, 0);
	}
	g->nmoves = m->nmove - g->moves;
	m->failed |= g->nmoves > JIT__MOVES;
}

static int by_at(const void *a, const void *b)
{
	const struct jit_move *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

bool jit__sort_moves(struct jit_mir *m)
{
	if (m->nmove)
		qsort(m->move, m->nmove, sizeof(*m->move), by_at);
	m->nmove_at = m->nmove;
	return !m->failed;
}

bool jit__resolve(struct jit__scan *s)
{
	struct jit_mir *m = s->m;
	uint64_t *split = arena_alloc(m->arena, (s->live.words + 1) * 8);
	uint64_t *stored = arena_alloc(m->arena, (s->live.words + 1) * 8);

	m->loc = arena_alloc(m->arena, (m->nop + 1) * sizeof(*m->loc));
	if (!split || !stored || !m->loc || !slots(s))
		return false;
	for (uint32_t o = 0; o < m->nop; o++)
		m->loc[o] = jit__reg(m->op[o]) < JIT_VREGS ? (uint16_t)jit__reg(m->op[o]) : JIT_NOWHERE;
	operands(s);
	for (uint32_t v = JIT_VREGS; v < m->nvreg; v++) {
		uint32_t d = s->live.dense[v];
		bool st;

		if (!s->itv[s->first[v]].sibling)
			continue;
		st = store_at_definition(s, v);
		inside(s, v, st);
		if (d) {
			split[(d - 1) / 64] |= BIT((d - 1) % 64);
			if (st)
				stored[(d - 1) / 64] |= BIT((d - 1) % 64);
		}
	}
	if (!jit__sort_moves(m))
		return false;
	for (uint32_t e = 0; e < m->nedge; e++)
		edge(s, &m->edge[e], split, stored);
	return !m->failed;
}
