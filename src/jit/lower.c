/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over the IR and what every target needs of it; see lower.h. */
#include "jit/lower.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"

enum jit_class jit__class(enum ir_type t)
{
	return t == IR_V128 ? JIT_VEC : t == IR_F32 || t == IR_F64 ? JIT_FPR : JIT_GPR;
}

uint32_t jit__tmp(struct jit_lower *l, enum jit_class cls) { return jit__vreg(&l->m, cls); }

/* 32-bit values have zeros above: to extend them is nothing. */
static ir_ref strip(const struct ir_func *f, ir_ref v)
{
	while (f->insn[v].op == IR_EXT_U)
		v = f->insn[v].a[0];
	return v;
}

uint32_t jit__in(struct jit_lower *l, ir_ref v)
{
	const struct ir_insn *i;

	v = strip(l->f, v);
	i = &l->f->insn[v];
	if (i->op == IR_PIN)
		return l->t->pin[i->imm];
	if (i->op == IR_CONST) {
		uint32_t r = jit__tmp(l, jit__class(i->type));
		struct jit_mi *mi = jit__mi(l, JIT_MI_CONST, 0, (unsigned)ir_type_size(i->type));

		mi->imm = (int32_t)v;
		jit__use(l, r, JIT_DEF);
		return r;
	}
	if (!l->vreg_of[v])
		l->vreg_of[v] = jit__tmp(l, jit__class(i->type));
	return l->vreg_of[v];
}

uint32_t jit__out(struct jit_lower *l, ir_ref i)
{
	if (!l->vreg_of[i])
		l->vreg_of[i] = jit__tmp(l, jit__class(l->f->insn[i].type));
	return l->vreg_of[i];
}

struct jit_mi *jit__mi(struct jit_lower *l, unsigned op, unsigned form, unsigned w)
{
	struct jit_mi *mi = &l->group[l->ngroup];

	if (l->ngroup + 1 >= JIT__GROUP)
		l->m.failed = true;
	else
		l->ngroup++;
	*mi = (struct jit_mi){ .op = (uint16_t)op, .form = (uint8_t)form, .w = (uint8_t)w, .ops = l->m.nop };
	return mi;
}

void jit__use(struct jit_lower *l, uint32_t reg, uint32_t flags)
{
	struct jit_mi *mi = &l->group[l->ngroup - 1];

	assert(mi->ops + mi->nops == l->m.nop);
	jit__op(&l->m, reg | flags);
	mi->nops++;
}

void jit__exit(struct jit_lower *l, uint32_t x, uint32_t flags)
{
	struct jit_mi *mi = &l->group[l->ngroup - 1];
	const struct ir_exit *e = &l->f->exit[x];
	uint32_t n = mi->nops;

	mi->exit = x;
	for (uint32_t s = 0; s < e->nslots; s++) {
		ir_ref v = strip(l->f, l->f->list[e->slots + 2 * s + 1]);

		if (l->f->insn[v].op != IR_CONST)
			jit__use(l, jit__in(l, v), JIT_USE | JIT_ANY | flags);
	}
	mi->nexit = mi->nops - n;
}

void jit__hint(struct jit_lower *l, uint32_t reg, uint32_t to)
{
	if (reg >= JIT_VREGS && !l->m.vreg[reg].hint && to != reg)
		l->m.vreg[reg].hint = to;
}

/* The current instruction destroys these registers.  Its number is counted
 * from the end until the list is turned round. */
void jit__clobbers(struct jit_lower *l, uint64_t regs)
{
	struct jit_mir *m = &l->m;

	if (m->nclobber >= m->cclobber) {
		void *p = jit__grow(m, m->clobber, &m->cclobber, m->nclobber + 1, sizeof(*m->clobber));

		if (!p)
			return;
		m->clobber = p;
	}
	m->clobber[m->nclobber++] = (struct jit_clobber){ l->ngroup - 1, regs };
}

/* The group, last instruction first, to the (backward) list. */
static void flush(struct jit_lower *l, uint32_t *clobber)
{
	struct jit_mir *m = &l->m;

	if (m->ninsn + l->ngroup > m->cinsn) {
		void *p = jit__grow(m, m->insn, &m->cinsn, m->ninsn + l->ngroup, sizeof(*m->insn));

		if (!p)
			return;
		m->insn = p;
	}
	/* Of one group only the order matters, so turn it: */
	for (uint32_t a = *clobber, b = m->nclobber; a + 1 < b; a++, b--) {
		struct jit_clobber c = m->clobber[a];

		m->clobber[a] = m->clobber[b - 1];
		m->clobber[b - 1] = c;
	}
	for (; *clobber < m->nclobber; ++*clobber)
		m->clobber[*clobber].insn = m->ninsn + (l->ngroup - 1 - m->clobber[*clobber].insn);
	while (l->ngroup)
		m->insn[m->ninsn++] = l->group[--l->ngroup];
}

/* The arguments that an edge gives, and hints that make them the same as the
 * parameters. */
static void edge_args(struct jit_lower *l, struct jit_edge *g, const struct ir_edge *e)
{
	struct ir_func *f = l->f;
	const struct ir_block *to = &f->block[e->target];
	ir_ref p = to->first;

	g->ops = l->m.nop;
	g->n = to->nparams;
	for (uint32_t k = 0; k < to->nparams; k++, p = f->insn[p].next) {
		ir_ref a = strip(f, f->list[e->args + k]);
		uint32_t r, param = jit__out(l, p);

		if (f->insn[a].op == IR_CONST) {
			jit__op(&l->m, a | JIT_USE | JIT_CONST);
			continue;
		}
		/* jit__in() emits nothing here: it is no constant. */
		r = jit__in(l, a);
		jit__op(&l->m, r | JIT_USE | JIT_ANY);
		jit__hint(l, r, param);
		if (g->to > g->from)
			jit__hint(l, param, r);
	}
}

static void block_edges(struct jit_lower *l, uint32_t b, uint32_t ir)
{
	struct jit_mir *m = &l->m;
	struct jit_mblock *k = &m->block[b];
	struct ir_edge *e = ir_edges(l->f, ir, &k->nedge);

	k->edge = m->nedge;
	for (uint32_t i = 0; i < k->nedge; i++, e++) {
		struct jit_edge *g = &m->edge[m->nedge++];

		*g = (struct jit_edge){ .from = b, .to = l->number[e->target] };
		edge_args(l, g, e);
	}
}

/* Must it be done though nobody wants its value?  A load may fault. */
static bool has_effect(const struct ir_insn *n)
{
	return ir_has(n, IR_EFFECT) || (ir_has(n, IR_EXITS) && n->x) ||
	       (ir_has(n, IR_MEM) && n->aux & IR_MEM_ORDERED);
}

static void block(struct jit_lower *l, uint32_t b, uint32_t ir, uint32_t *clobber)
{
	struct jit_mir *m = &l->m;
	struct jit_mblock *k = &m->block[b];
	struct ir_func *f = l->f;

	l->block = ir;
	k->ir = ir;
	k->cold = f->block[ir].flags & IR_BLOCK_COLD;
	k->first = m->ninsn; /* turned round later */
	block_edges(l, b, ir);
	for (ir_ref i = f->block[ir].last; i; i = f->insn[i].prev) {
		const struct ir_insn *n = &f->insn[i];

		if (n->op == IR_PARAM)
			break;
		if (l->folded[i] || (!l->vreg_of[i] && !has_effect(n)))
			continue;
		l->cur = i;
		l->t->select(l, i);
		flush(l, clobber);
		if (m->failed)
			return;
	}
	k->end = m->ninsn;
	k->params = m->nop;
	k->nparams = f->block[ir].nparams;
	ir_ref p = f->block[ir].first;
	for (uint32_t n = 0; n < k->nparams; n++, p = f->insn[p].next)
		jit__op(m, jit__out(l, p) | JIT_DEF);
}

/* Block 0: the parameters of the function go to those of the first block,
 * which may be the head of a loop. */
static void entry(struct jit_lower *l, uint32_t *clobber)
{
	struct jit_mir *m = &l->m;
	struct jit_mblock *k = &m->block[0];

	k->ir = IR_NO_BLOCK;
	k->first = m->ninsn;
	k->edge = m->nedge;
	k->nedge = 1;
	m->edge[m->nedge] = (struct jit_edge){ .from = 0, .to = 1, .ops = 0, .n = 0 };
	l->t->prologue(l);
	m->nedge++;
	flush(l, clobber);
	k->end = m->ninsn;
}

static void turn(struct jit_mir *m)
{
	uint32_t n = m->ninsn;

	for (uint32_t a = 0, b = n; a + 1 < b; a++, b--) {
		struct jit_mi t = m->insn[a];

		m->insn[a] = m->insn[b - 1];
		m->insn[b - 1] = t;
	}
	for (uint32_t b = 0; b < m->nblock; b++) {
		struct jit_mblock *k = &m->block[b];
		uint32_t first = n - k->end;

		k->end = n - k->first;
		k->first = first;
	}
	for (uint32_t a = 0, b = m->nclobber; a + 1 < b; a++, b--) {
		struct jit_clobber t = m->clobber[a];

		m->clobber[a] = m->clobber[b - 1];
		m->clobber[b - 1] = t;
	}
	for (uint32_t c = 0; c < m->nclobber; c++)
		m->clobber[c].insn = n - 1 - m->clobber[c].insn;
}

/*
 * Does every block stand behind one that goes to it?  The allocator wants
 * values to be made before they are used in the layout; where the layout is
 * not like that, the order of the graph is taken instead.
 */
static bool follows(struct jit_lower *l, const uint32_t *order, uint32_t n)
{
	struct ir_func *f = l->f;
	bool *reached = arena_alloc(l->m.arena, f->nblock);

	for (uint32_t k = 0; k < n && reached; k++) {
		uint32_t ne;
		struct ir_edge *e = ir_edges(f, order[k], &ne);

		if (k && !reached[order[k]])
			return false;
		for (uint32_t i = 0; i < ne; i++)
			reached[e[i].target] = true;
	}
	return reached;
}

static bool prepare(struct jit_lower *l)
{
	struct ir_func *f = l->f;
	struct jit_mir *m = &l->m;
	uint32_t n = 1;
	uint32_t *order = arena_alloc(m->arena, (f->norder + 1) * sizeof(*order));

	l->vreg_of = arena_alloc(m->arena, f->ninsn * sizeof(*l->vreg_of));
	l->folded = arena_alloc(m->arena, f->ninsn);
	l->number = arena_alloc(m->arena, f->nblock * sizeof(*l->number));
	m->block = arena_alloc(m->arena, (f->norder + 1) * sizeof(*m->block));
	m->edge = arena_alloc(m->arena, (f->nedge + 1) * sizeof(*m->edge));
	if (!order || !l->vreg_of || !l->folded || !l->number || !m->block || !m->edge)
		return false;
	/* Cold blocks last, but the entry first. */
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < f->norder; i++) {
			uint32_t b = f->order[i], flags = f->block[b].flags;
			bool late = i && flags & IR_BLOCK_COLD;

			if (!(flags & IR_BLOCK_DEAD) && late == (pass == 1))
				order[n++ - 1] = b;
		}
	if (!follows(l, order, n - 1)) {
		struct ir_cfg c;

		if (!ir_cfg(f, &c))
			return false;
		n = c.n + 1;
		memcpy(order, c.rpo, c.n * sizeof(*order));
	}
	for (uint32_t k = 1; k < n; k++) {
		m->block[k].ir = order[k - 1];
		l->number[order[k - 1]] = k;
	}
	m->nblock = n;
	return true;
}

bool jit__lower(struct jit_lower *l, struct arena *arena, struct ir_func *f, const struct jit_options *o,
		const struct jit_target *t)
{
	struct jit_mir *m = &l->m;
	uint32_t clobber = 0;

	l->f = f;
	l->o = o;
	l->t = t;
	m->arena = arena;
	m->ir = f;
	m->nvreg = JIT_VREGS;
	m->cvreg = 0;
	m->vreg = jit__grow(m, NULL, &m->cvreg, f->ninsn + 2 * JIT_VREGS, sizeof(*m->vreg));
	m->op = jit__grow(m, NULL, &m->cop, 3 * f->ninsn + 64, sizeof(*m->op));
	m->insn = jit__grow(m, NULL, &m->cinsn, f->ninsn + f->ninsn / 2 + 64, sizeof(*m->insn));
	if (m->failed || !prepare(l))
		return false;
	ir_count_uses(f);
	if (f->failed)
		return false;
	for (uint32_t b = m->nblock; b-- > 1 && !m->failed;)
		block(l, b, m->block[b].ir, &clobber);
	if (!m->failed)
		entry(l, &clobber);
	if (m->failed)
		return false;
	turn(m);
	return true;
}
