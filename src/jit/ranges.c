/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live intervals, by one walk over the code from its end to its beginning
 * (Wimmer and Franz, "Linear Scan Register Allocation on SSA Form", 2010), and
 * the loops as intervals of the layout.
 */
#include "jit/scan.h"

#include <string.h>

#include "base/bits.h"

static uint32_t new_range(struct jit__scan *s, uint32_t from, uint32_t to, uint32_t next)
{
	if (s->nrange >= s->crange) {
		void *p = jit__grow(s->m, s->range, &s->crange, s->nrange + 1, sizeof(*s->range));

		if (!p)
			return 0;
		s->range = p;
	}
	s->range[s->nrange] = (struct jit__range){ from, to, next };
	return s->nrange++;
}

/* Live in [from, to), which is before all that is in the list, or touches it. */
static void add_range(struct jit__scan *s, uint32_t *list, uint32_t from, uint32_t to)
{
	struct jit__range *r = &s->range[*list];

	if (*list && to >= r->from) {
		r->from = MIN(r->from, from);
		r->to = MAX(r->to, to);
	} else {
		*list = new_range(s, from, to, *list);
	}
}

static uint32_t *list_of(struct jit__scan *s, uint32_t reg)
{
	if (reg < JIT_VREGS)
		return &s->fixed[reg];
	return &s->itv[s->first[reg]].range;
}

static void add_use(struct jit__scan *s, uint32_t reg, uint32_t pos, uint32_t op)
{
	if (reg < JIT_VREGS)
		return;
	if (s->nuse >= s->cuse) {
		void *p = jit__grow(s->m, s->use, &s->cuse, s->nuse + 1, sizeof(*s->use));

		if (!p)
			return;
		s->use = p;
	}
	struct jit__itv *it = &s->itv[s->first[reg]];

	s->use[s->nuse] = (struct jit__use){ pos, op, it->uses };
	it->uses = s->nuse++;
}

/* A definition ends (in this walk) the range that reaches up to it. */
static void define(struct jit__scan *s, uint32_t reg, uint32_t pos, uint32_t end)
{
	uint32_t *list = list_of(s, reg);
	struct jit__range *r = &s->range[*list];

	if (*list && r->from <= pos && r->to > pos)
		r->from = pos;
	else
		add_range(s, list, pos, end); /* never read */
	if (reg >= JIT_VREGS) {
		s->twice[reg] |= s->def[reg] != JIT__FAR;
		s->def[reg] = pos;
	}
}

static void walk_insn(struct jit__scan *s, uint32_t i, uint32_t from)
{
	struct jit_mir *m = s->m;
	const struct jit_mi *mi = &m->insn[i];

	for (uint32_t o = mi->ops; o < mi->ops + mi->nops; o++) {
		uint32_t op = m->op[o], reg = jit__reg(op);

		if (!(op & JIT_DEF))
			continue;
		uint32_t pos = 2 * i + !(op & JIT_EARLY);

		if (op & JIT_USE) { /* changed in place */
			add_range(s, list_of(s, reg), 2 * i, 2 * i + 2);
			if (reg >= JIT_VREGS)
				s->twice[reg] = true;
		} else {
			define(s, reg, pos, 2 * i + 2);
			add_use(s, reg, pos, o);
		}
	}
	for (uint32_t o = mi->ops; o < mi->ops + mi->nops; o++) {
		uint32_t op = m->op[o], reg = jit__reg(op);

		if (!(op & JIT_USE))
			continue;
		add_range(s, list_of(s, reg), from, 2 * i + 1 + !!(op & (JIT_LATE | JIT_DEF)));
		add_use(s, reg, 2 * i, o);
	}
}

static void walk_block(struct jit__scan *s, uint32_t b)
{
	struct jit_mir *m = s->m;
	struct jit_mblock *k = &m->block[b];
	uint32_t from = jit__block_from(m, b), to = jit__block_to(m, b);
	const uint64_t *out = s->live.out + (size_t)b * s->live.words;

	for (uint32_t w = 0; w < s->live.words; w++)
		for (uint64_t bits = out[w]; bits; bits &= bits - 1)
			add_range(s, list_of(s, s->live.vreg[w * 64 + (uint32_t)__builtin_ctzll(bits)]), from, to);
	for (uint32_t e = 0; e < k->nedge; e++) {
		const struct jit_edge *g = &m->edge[k->edge + e];

		for (uint32_t o = g->ops; o < g->ops + g->n; o++)
			if (!(m->op[o] & JIT_CONST) && jit__reg(m->op[o]) >= JIT_VREGS)
				add_range(s, list_of(s, jit__reg(m->op[o])), from, to);
	}
	for (uint32_t i = k->end; i-- > k->first;)
		walk_insn(s, i, from);
	for (uint32_t o = k->params; o < k->params + k->nparams; o++) {
		uint32_t reg = jit__reg(m->op[o]);

		if (s->itv[s->first[reg]].range)
			define(s, reg, from, from + 1);
	}
}

/*
 * Loops by the layout: whatever a branch goes back over.  Not the loops of the
 * graph, but what matters here is what is executed often, in positions.
 */
static bool loops(struct jit__scan *s)
{
	struct jit_mir *m = s->m;
	uint32_t *end = arena_alloc(m->arena, m->nblock * sizeof(*end)), cur = 0;

	s->loop = arena_alloc(m->arena, (m->nblock + 1) * sizeof(*s->loop));
	s->loop_of = arena_alloc(m->arena, (m->nblock + 1) * sizeof(*s->loop_of));
	s->block_of = arena_alloc(m->arena, (m->ninsn + 1) * sizeof(*s->block_of));
	if (!end || !s->loop || !s->loop_of || !s->block_of)
		return false;
	s->loop[0].to = JIT__FAR;
	s->nloop = 1;
	for (uint32_t e = 0; e < m->nedge; e++)
		if (m->edge[e].to <= m->edge[e].from && !m->block[m->edge[e].from].cold)
			end[m->edge[e].to] = MAX(end[m->edge[e].to], m->edge[e].from + 1);
	for (uint32_t b = 0; b < m->nblock; b++) {
		for (uint32_t i = m->block[b].first; i < m->block[b].end; i++)
			s->block_of[i] = b;
		while (cur && s->loop[cur].to <= jit__block_from(m, b))
			cur = s->loop[cur].outer;
		if (end[b]) {
			uint32_t to = jit__block_to(m, end[b] - 1);

			s->loop[s->nloop] = (struct jit__loop){ jit__block_from(m, b),
								MIN(to, s->loop[cur].to), cur };
			cur = s->nloop++;
		}
		s->loop_of[b] = cur;
		uint32_t depth = 0;
		for (uint32_t l = cur; l; l = s->loop[l].outer)
			depth++;
		m->block[b].depth = m->block[b].cold ? 0 : (uint16_t)(depth + 1);
	}
	return true;
}

bool jit__ranges(struct jit__scan *s)
{
	struct jit_mir *m = s->m;
	uint32_t n = 1;

	s->first = arena_alloc(m->arena, m->nvreg * sizeof(*s->first));
	s->twice = arena_alloc(m->arena, m->nvreg);
	s->def = arena_alloc(m->arena, m->nvreg * sizeof(*s->def));
	s->citv = m->nvreg + 64;
	s->itv = arena_alloc(m->arena, s->citv * sizeof(*s->itv));
	if (!s->first || !s->itv || !s->twice || !s->def || !loops(s))
		return false;
	memset(s->def, 0xff, m->nvreg * sizeof(*s->def));
	for (uint32_t v = JIT_VREGS; v < m->nvreg; v++, n++) {
		s->first[v] = n;
		s->itv[n] = (struct jit__itv){ .vreg = v, .loc = JIT_NOWHERE };
	}
	s->nitv = n;
	/* Index 0 is no range, no use. */
	new_range(s, 0, 0, 0);
	s->use = jit__grow(m, NULL, &s->cuse, m->nop + 1, sizeof(*s->use));
	s->nuse = 1;
	if (!s->range || !s->use)
		return false;
	for (uint32_t b = m->nblock; b-- > 0;)
		walk_block(s, b);
	for (uint32_t i = 1; i < n; i++) {
		struct jit__itv *it = &s->itv[i];
		uint32_t r = it->range;

		if (!r)
			continue;
		it->from = s->range[r].from;
		while (s->range[r].next)
			r = s->range[r].next;
		it->to = s->range[r].to;
		it->at = it->range;
		it->use_at = it->uses;
	}
	return !m->failed;
}
