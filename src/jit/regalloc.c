/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linear scan: intervals in order of their start get a register that is
 * free for as long as possible; when none is, the one whose next use is
 * farthest away goes to the frame until then.  (Poletto and Sarkar 1999;
 * Wimmer and Moessenboeck, "Optimized Interval Splitting", 2005.)
 *
 * Splits are made at even positions, before an instruction, and moved out of
 * loops where the interval is not used between.
 */
#include "jit/scan.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"

struct walk {
	struct jit__scan *s;
	struct jit_mir *m;
	uint32_t active[JIT_REGS];      /* interval in each register; 0: none */
	uint64_t busy;                  /* registers with an active interval */
	uint32_t *inactive;             /* those in a hole */
	uint32_t ninactive, cinactive;
	uint32_t clobber;               /* first at or after the position */
	uint32_t pos;
	uint64_t mask[JIT_CLASSES], full[JIT_CLASSES];
};

static struct jit__itv *itv(struct walk *w, uint32_t i) { return &w->s->itv[i]; }

static void enqueue(struct walk *w, uint32_t i)
{
	struct jit__itv *it = itv(w, i);

	it->queue = w->s->queue[it->from];
	w->s->queue[it->from] = i;
}

/* ---- uses ----------------------------------------------------------------- */

/* Does this use want a register?  One that may be in memory does, where it is
 * executed more often than the code at `depth`. */
static bool wants(struct walk *w, const struct jit__use *u, bool must, unsigned depth)
{
	uint32_t op = w->m->op[u->op];

	if (op & JIT_ANY)
		return false;
	if (!(op & JIT_MEM))
		return true;
	return !must || w->m->block[w->s->block_of[u->pos / 2]].depth > depth;
}

static uint32_t next_use(struct walk *w, struct jit__itv *it, uint32_t pos, bool must, unsigned depth)
{
	struct jit__scan *s = w->s;
	uint32_t u = it->use_at;

	for (; u && s->use[u].pos < pos; u = s->use[u].next)
		it->last_use = s->use[u].pos;
	it->use_at = u;
	for (; u; u = s->use[u].next)
		if (wants(w, &s->use[u], must, depth))
			return s->use[u].pos;
	return JIT__FAR;
}

static unsigned depth_at(struct walk *w, uint32_t pos)
{
	uint32_t i = MIN(pos / 2, w->m->ninsn - 1);

	return w->m->block[w->s->block_of[i]].depth;
}

/*
 * How far the next use is, for the choice of whom to spill: what was used
 * earlier in a loop around is used again when the loop comes round; and what
 * is used only outside of the loop is far.
 */
static uint32_t distance(struct walk *w, struct jit__itv *it, uint32_t pos)
{
	struct jit__scan *s = w->s;
	uint32_t d = next_use(w, it, pos, false, 0);

	for (uint32_t l = s->loop_of[s->block_of[MIN(pos / 2, w->m->ninsn - 1)]]; l; l = s->loop[l].outer) {
		if (d < s->loop[l].to)
			return d;
		if (it->to > s->loop[l].to && it->last_use >= s->loop[l].from && it->last_use)
			return MAX(s->loop[l].to - 1, pos + 3); /* not by this instruction */
	}
	return d;
}

/* ---- splitting -------------------------------------------------------------- */

/* Where between min and max (both possible) a split costs least: as late as it
 * can be in the block that is executed least. */
static uint32_t best_split(struct walk *w, uint32_t min, uint32_t max)
{
	struct jit_mir *m = w->m;
	uint32_t a, b, best;

	max &= ~1u;
	min = (min + 1) & ~1u;
	if (max <= min)
		return max;
	a = w->s->block_of[MIN(min / 2, m->ninsn - 1)];
	b = w->s->block_of[MIN(max / 2, m->ninsn - 1)];
	best = max;
	unsigned depth = m->block[b].depth;

	for (uint32_t k = b, n = 0; k > a && n < 64; k--, n++) {
		if (m->block[k - 1].depth < depth && jit__block_from(m, k) >= min) {
			depth = m->block[k - 1].depth;
			best = jit__block_from(m, k);
		}
	}
	return best;
}

/* Split before `pos`, which is even and inside: what comes after is returned. */
static uint32_t split(struct walk *w, uint32_t i, uint32_t pos)
{
	struct jit__scan *s = w->s;
	struct jit__itv *it, *c;
	uint32_t r, last = 0, u, ulast = 0, n;

	if (s->nitv >= s->citv) {
		void *p = jit__grow(w->m, s->itv, &s->citv, s->nitv + 1, sizeof(*s->itv));

		if (!p)
			return 0;
		s->itv = p;
	}
	n = s->nitv++;
	it = itv(w, i);
	c = itv(w, n);
	assert(pos > it->from && pos < it->to && !(pos & 1));
	*c = (struct jit__itv){ .vreg = it->vreg, .to = it->to, .loc = JIT_NOWHERE, .sibling = it->sibling,
				.last_use = it->last_use };
	it->sibling = n;
	for (r = it->range; r && s->range[r].to <= pos; r = s->range[r].next)
		last = r;
	if (s->range[r].from < pos) { /* in the middle of a range */
		if (s->nrange >= s->crange) {
			void *p = jit__grow(w->m, s->range, &s->crange, s->nrange + 1, sizeof(*s->range));

			if (!p)
				return 0;
			s->range = p;
		}
		s->range[s->nrange] = (struct jit__range){ pos, s->range[r].to, s->range[r].next };
		s->range[r].to = pos;
		s->range[r].next = 0;
		last = r;
		r = s->nrange++;
	} else {
		s->range[last].next = 0;
	}
	c->range = c->at = r;
	c->from = s->range[r].from;
	it->to = s->range[last].to;
	if (it->at && s->range[it->at].from >= pos)
		it->at = 0;
	for (u = it->uses; u && s->use[u].pos < pos; u = s->use[u].next)
		ulast = u;
	c->uses = c->use_at = u;
	if (ulast)
		s->use[ulast].next = 0;
	else
		it->uses = 0;
	if (!it->use_at || s->use[it->use_at].pos >= pos)
		it->use_at = 0;
	return n;
}

/* To the frame, from where it starts on; back before the next use that wants
 * a register. */
static void spill(struct walk *w, uint32_t i, uint32_t after)
{
	struct jit__itv *it = itv(w, i);
	unsigned depth = depth_at(w, it->from);
	uint32_t use = next_use(w, it, it->from, true, depth), at, c;

	it->loc = JIT_SLOT;
	if (use == JIT__FAR || use >= it->to)
		return;
	at = best_split(w, MAX(it->from + 1, after), use);
	if (at <= it->from || at >= it->to) /* only where the use is at the start: not spilled then */
		at = MAX(use & ~1u, (it->from + 2) & ~1u);
	if (at <= it->from || at >= it->to)
		return;
	c = split(w, i, at);
	if (c)
		enqueue(w, c);
}

/* Take the register from interval i at `pos`. */
static void evict(struct walk *w, uint32_t i, uint32_t pos)
{
	struct jit__itv *it = itv(w, i);
	uint32_t at, c;

	next_use(w, it, pos, true, 0); /* last_use */
	at = best_split(w, MAX(it->last_use, it->from) + 1, pos);
	if (at <= it->from || (it->last_use && at <= it->last_use && at < pos))
		at = pos & ~1u;
	if (at <= it->from) { /* it began at this very instruction */
		it->loc = JIT_NOWHERE;
		spill(w, i, pos);
		return;
	}
	if (at >= it->to)
		return;
	c = split(w, i, at);
	if (!c)
		return;
	if (itv(w, c)->from >= pos)
		enqueue(w, c); /* a hole: the rest has still to come */
	else
		spill(w, c, pos);
}

/* ---- intersections ------------------------------------------------------------ */

/* First position from `pos` on where the lists of ranges meet. */
static uint32_t meet(struct walk *w, uint32_t a, uint32_t b)
{
	const struct jit__range *r = w->s->range;

	while (a && b) {
		if (r[a].to <= r[b].from)
			a = r[a].next;
		else if (r[b].to <= r[a].from)
			b = r[b].next;
		else
			return MAX(r[a].from, r[b].from);
	}
	return JIT__FAR;
}

static void fixed_limits(struct walk *w, struct jit__itv *it, uint64_t regs, uint32_t *limit)
{
	struct jit__scan *s = w->s;

	for (uint64_t b = regs; b; b &= b - 1) {
		unsigned r = (unsigned)__builtin_ctzll(b);
		uint32_t *f = &s->fixed[r];

		while (*f && s->range[*f].to <= w->pos)
			*f = s->range[*f].next;
		if (*f && s->range[*f].from < it->to)
			limit[r] = MIN(limit[r], meet(w, it->range, *f));
	}
}

/* Calls inside of the interval take the registers that they destroy. */
static void clobber_limits(struct walk *w, struct jit__itv *it, uint64_t regs, uint32_t *limit)
{
	struct jit_mir *m = w->m;
	uint32_t c, r = it->range;

	while (w->clobber < m->nclobber && 2 * m->clobber[w->clobber].insn + 1 < w->pos)
		w->clobber++;
	for (c = w->clobber; c < m->nclobber && regs; c++) {
		uint32_t pos = 2 * m->clobber[c].insn + 1;

		if (pos >= it->to)
			break;
		while (r && w->s->range[r].to <= pos)
			r = w->s->range[r].next;
		if (!r)
			break;
		if (w->s->range[r].from > pos || (it->from == pos && w->s->def[it->vreg] == pos))
			continue;
		for (uint64_t b = regs & m->clobber[c].regs; b; b &= b - 1) {
			unsigned reg = (unsigned)__builtin_ctzll(b);

			limit[reg] = MIN(limit[reg], pos);
		}
		regs &= ~m->clobber[c].regs;
	}
}

/* ---- the scan ------------------------------------------------------------------ */

static void assign(struct walk *w, uint32_t i, unsigned reg)
{
	itv(w, i)->loc = (uint16_t)reg;
	w->active[reg] = i;
	w->busy |= BIT(reg);
	w->m->used |= BIT(reg);
}

static unsigned hint_of(struct walk *w, const struct jit__itv *it)
{
	uint32_t h = w->m->vreg[it->vreg].hint;

	for (int n = 0; h >= JIT_VREGS && n < 4; n++) {
		uint32_t i = w->s->first[h];
		uint16_t loc = JIT_NOWHERE;

		for (; i; i = itv(w, i)->sibling)
			if (itv(w, i)->loc < JIT_REGS)
				loc = itv(w, i)->loc;
		if (loc != JIT_NOWHERE)
			return loc;
		h = w->m->vreg[h].hint;
	}
	return h && h < JIT_VREGS ? h : JIT_NOWHERE;
}

static void free_limits(struct walk *w, struct jit__itv *it, uint64_t regs, uint32_t *limit)
{
	for (uint64_t b = regs; b; b &= b - 1) {
		unsigned r = (unsigned)__builtin_ctzll(b);

		limit[r] = w->busy & BIT(r) ? 0 : JIT__FAR;
	}
	for (uint32_t k = 0; k < w->ninactive; k++) {
		struct jit__itv *o = itv(w, w->inactive[k]);

		if (BIT(o->loc) & regs && limit[o->loc])
			limit[o->loc] = MIN(limit[o->loc], meet(w, it->range, o->at));
	}
	fixed_limits(w, it, regs & ~w->busy, limit);
	clobber_limits(w, it, regs & ~w->busy, limit);
}

static bool try_free(struct walk *w, uint32_t i, uint64_t regs)
{
	struct jit__itv *it = itv(w, i);
	uint32_t limit[JIT_REGS], best = JIT__FAR;
	unsigned h = hint_of(w, it);
	const uint8_t *order = w->m->vreg[it->vreg].cls == JIT_GPR ? w->m->order : w->m->forder;
	uint32_t at, c;

	free_limits(w, it, regs, limit);
	if (h < JIT_REGS && BIT(h) & regs && limit[h] >= it->to) {
		assign(w, i, h);
		return true;
	}
	for (; *order != 255; order++) {
		unsigned r = *order;

		if (!(BIT(r) & regs))
			continue;
		if (limit[r] >= it->to) {
			best = r;
			break;
		}
		if (best == JIT__FAR || limit[r] > limit[best])
			best = r;
	}
	if (best == JIT__FAR || limit[best] <= it->from + 1)
		return false;
	if (limit[best] < it->to) { /* for a part of it */
		if (h < JIT_REGS && BIT(h) & regs && limit[h] == limit[best])
			best = h;
		at = best_split(w, it->from + 2, limit[best]);
		if (at <= it->from)
			return false;
		c = split(w, i, at);
		if (!c)
			return false;
		enqueue(w, c);
	}
	assign(w, i, best);
	return true;
}

/* How far each register's holder is from its next use; limit[]: where the
 * register is needed for something that cannot be moved. */
static void use_limits(struct walk *w, struct jit__itv *it, uint64_t regs, uint32_t *use, uint32_t *limit)
{
	for (uint64_t b = regs; b; b &= b - 1) {
		unsigned r = (unsigned)__builtin_ctzll(b);

		limit[r] = use[r] = JIT__FAR;
		if (w->busy & BIT(r)) {
			struct jit__itv *o = itv(w, w->active[r]);

			/* What the same instruction reads cannot leave before it writes. */
			use[r] = next_use(w, o, it->from & ~1u, true, 0) <= it->from + 1 ? it->from :
				distance(w, o, it->from);
		}
	}
	for (uint32_t k = 0; k < w->ninactive; k++) {
		struct jit__itv *o = itv(w, w->inactive[k]);

		if (BIT(o->loc) & regs && meet(w, it->range, o->at) != JIT__FAR)
			use[o->loc] = MIN(use[o->loc], distance(w, o, it->from));
	}
	fixed_limits(w, it, regs, limit);
	clobber_limits(w, it, regs, limit);
	for (uint64_t b = regs; b; b &= b - 1) {
		unsigned r = (unsigned)__builtin_ctzll(b);

		use[r] = MIN(use[r], limit[r]);
	}
}

static bool take(struct walk *w, uint32_t i, uint64_t regs)
{
	struct jit__itv *it = itv(w, i);
	uint32_t use[JIT_REGS], limit[JIT_REGS], first = next_use(w, it, it->from, true, depth_at(w, it->from));
	unsigned best = JIT_REGS;

	use_limits(w, it, regs, use, limit);
	for (uint64_t b = regs; b; b &= b - 1) {
		unsigned r = (unsigned)__builtin_ctzll(b);

		if (best == JIT_REGS || use[r] > use[best])
			best = r;
	}
	if (best == JIT_REGS)
		return false;
	if (first > it->from + 1 && (first == JIT__FAR || use[best] <= first ||
				     use[best] <= distance(w, it, it->from))) {
		spill(w, i, it->from);
		return true;
	}
	if (use[best] <= it->from + 1 || (limit[best] < it->to && (limit[best] & ~1u) <= it->from))
		return false;
	if (limit[best] < it->to) {
		uint32_t c = split(w, i, best_split(w, it->from + 2, limit[best]));

		if (!c)
			return false;
		enqueue(w, c);
	}
	if (w->busy & BIT(best)) {
		evict(w, w->active[best], itv(w, i)->from);
		w->busy &= ~BIT(best);
	}
	for (uint32_t k = 0; k < w->ninactive; k++) {
		uint32_t o = w->inactive[k];

		if (itv(w, o)->loc != best || meet(w, itv(w, i)->range, itv(w, o)->at) == JIT__FAR)
			continue;
		/* In a hole: what comes after it is allocated again. */
		uint32_t c = split(w, o, w->s->range[itv(w, o)->at].from & ~1u);
		if (c)
			enqueue(w, c);
		w->inactive[k--] = w->inactive[--w->ninactive];
	}
	assign(w, i, best);
	return true;
}

/* Intervals that have ended or fallen into a hole leave their register. */
static void advance(struct walk *w, uint32_t pos)
{
	const struct jit__range *range = w->s->range;

	for (uint64_t b = w->busy; b; b &= b - 1) {
		unsigned r = (unsigned)__builtin_ctzll(b);
		uint32_t i = w->active[r];
		struct jit__itv *it = itv(w, i);

		while (it->at && range[it->at].to <= pos)
			it->at = range[it->at].next;
		if (it->at && range[it->at].from <= pos)
			continue;
		w->busy &= ~BIT(r);
		if (!it->at)
			continue;
		if (w->ninactive >= w->cinactive) {
			void *p = jit__grow(w->m, w->inactive, &w->cinactive, w->ninactive + 1, 4);

			if (!p)
				return;
			w->inactive = p;
		}
		w->inactive[w->ninactive++] = i;
	}
	for (uint32_t k = 0; k < w->ninactive; k++) {
		uint32_t i = w->inactive[k];
		struct jit__itv *it = itv(w, i);

		while (it->at && range[it->at].to <= pos)
			it->at = range[it->at].next;
		if (it->at && range[it->at].from > pos)
			continue;
		w->inactive[k--] = w->inactive[--w->ninactive];
		if (it->at) {
			assert(!(w->busy & BIT(it->loc)));
			w->active[it->loc] = i;
			w->busy |= BIT(it->loc);
		}
	}
}

static bool place(struct walk *w, uint32_t i)
{
	unsigned cls = w->m->vreg[itv(w, i)->vreg].cls;

	return try_free(w, i, w->mask[cls]) || take(w, i, w->mask[cls]) ||
	       /* fewer registers were asked for than this needs */
	       (w->mask[cls] != w->full[cls] && (try_free(w, i, w->full[cls]) || take(w, i, w->full[cls])));
}

static bool scan(struct jit__scan *s)
{
	struct jit_mir *m = s->m;
	struct walk *w = arena_alloc(m->arena, sizeof(*w));
	uint32_t end = 2 * m->ninsn;

	s->queue = arena_alloc(m->arena, (end + 2) * sizeof(*s->queue));
	if (!w || !s->queue)
		return false;
	w->s = s;
	w->m = m;
	for (unsigned c = 0; c < JIT_CLASSES; c++) {
		const uint8_t *o = c == JIT_GPR ? m->order : m->forder;

		for (; *o != 255; o++)
			w->full[c] |= BIT(*o);
		w->mask[c] = w->full[c] & m->allocatable;
	}
	for (uint32_t i = s->nitv; i-- > 1;)
		if (s->itv[i].range)
			enqueue(w, i);
	for (uint32_t pos = 0; pos < end && !m->failed; pos++) {
		if (!s->queue[pos])
			continue;
		w->pos = pos;
		advance(w, pos);
		while (s->queue[pos]) {
			uint32_t i = s->queue[pos];

			s->queue[pos] = itv(w, i)->queue;
			if (!place(w, i))
				return false;
			assert(itv(w, i)->loc != JIT_NOWHERE);
		}
	}
	return !m->failed;
}

bool jit__linear_scan(struct jit_mir *m)
{
	struct jit__scan *s = arena_alloc(m->arena, sizeof(*s));

	if (!s)
		return false;
	s->m = m;
	return jit__liveness(m, &s->live) && jit__ranges(s) && scan(s) && jit__resolve(s);
}
