/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `memory`: loads of what has been stored or loaded, within a block and
 * on from it to blocks that only it leads to.  Two accesses of one alias class
 * are apart when base and index are the same values and the bytes do not
 * overlap; classes never overlap.  Plain loads may see older values than
 * another thread's latest, as RISC-V and Wasm allow; ordered ones and fences
 * end what is known.
 *
 * XLATE: a translation serves a later one of bytes inside its range; one of
 * nearby bytes makes it wider, if both are of one block, so that a row of
 * accesses to a structure or a stack frame is checked once.
 *
 * What is known of a class that nothing in the function writes holds wherever
 * it dominates; so do translations, when nothing changes them.
 */
#include "ir/internal.h"

enum { KNOWN_MAX = 48, WIDEST = 8 /* log2 of the bytes of a merged translation */ };

struct known {
	uint8_t alias, ct, type, aux; /* aux: scale; of XLATE, the access */
	ir_ref base, index;
	int32_t offset;
	uint32_t size;
	ir_ref value;
	ir_ref by;                /* who: XLATE only */
};

struct table {
	uint32_t n;
	struct known k[];
};

struct mem {
	struct ir_func *f;
	struct ir_cfg c;
	ir_ref *fwd;
	struct known k[KNOWN_MAX];
	uint32_t n;
	struct table **out;       /* by block, for those that someone goes on from */
	uint32_t stays;           /* classes that nothing in the function changes */
};

static bool same_place(const struct known *a, const struct known *b)
{
	return a->alias == b->alias && a->base == b->base && a->index == b->index && a->aux == b->aux;
}

static bool apart(const struct known *a, const struct known *b)
{
	int64_t x = a->offset, y = b->offset;

	return a->base == b->base && a->index == b->index && a->aux == b->aux &&
	       (x + a->size <= y || y + b->size <= x);
}

static void forget(struct mem *m, uint32_t classes, const struct known *but_apart)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < m->n; k++)
		if (!(classes >> m->k[k].alias & 1) || (but_apart && apart(&m->k[k], but_apart)))
			m->k[n++] = m->k[k];
	m->n = n;
}

static void remember(struct mem *m, struct known k)
{
	if (m->n == KNOWN_MAX) /* the oldest is the least likely to be asked for */
		memmove(m->k, m->k + 1, --m->n * sizeof(*m->k));
	m->k[m->n++] = k;
}

static struct known describe(const struct ir_func *f, const struct ir_insn *i)
{
	struct known k = { .ct = i->ct, .type = i->type, .offset = i->imm, .size = ir_type_size(i->ct) };

	if (ir_rows[i->op].flags & IR_STATE) {
		k.alias = IR_ALIAS_STATE;
		if (i->op == IR_PUTSTATE)
			k.type = f->insn[i->a[0]].type;
		return k;
	}
	k.alias = i->aux & IR_MEM_ALIAS;
	k.aux = i->aux & IR_MEM_SCALE;
	k.base = i->a[0];
	k.index = i->a[1];
	if (i->op == IR_STORE)
		k.type = f->insn[i->a[2]].type;
	return k;
}

static void replace(struct mem *m, ir_ref r, ir_ref v)
{
	m->fwd[r] = v;
	ir_unlink(m->f, r);
}

static void on_load(struct mem *m, ir_ref r)
{
	struct known k = describe(m->f, &m->f->insn[r]);

	for (uint32_t n = m->n; n-- > 0;) {
		const struct known *o = &m->k[n];

		if (!o->by && same_place(o, &k) && o->offset == k.offset && o->ct == k.ct && o->type == k.type) {
			replace(m, r, o->value);
			return;
		}
	}
	k.value = r;
	remember(m, k);
}

/* Narrow stores cut the value, so that only whole ones are what is loaded. */
static void on_store(struct mem *m, ir_ref r)
{
	const struct ir_insn *i = &m->f->insn[r];
	struct known k = describe(m->f, i);

	forget(m, 1u << k.alias, &k);
	if (k.ct != k.type)
		return;
	k.value = i->op == IR_STORE ? i->a[2] : i->a[0];
	remember(m, k);
}

/* ---- translations ----------------------------------------------------------------- */

/* A page that may be written may be read. */
static bool serves(unsigned had, unsigned want)
{
	return had == want || (had == IR_ACCESS_RMW && want != IR_ACCESS_EXEC) ||
	       (had == IR_ACCESS_WRITE && want == IR_ACCESS_READ);
}

/* Make o's range hold k's too; false when that is too wide. */
static bool widen(struct mem *m, struct known *o, const struct known *k)
{
	int64_t low = MIN(o->offset, k->offset);
	int64_t high = MAX((int64_t)o->offset + o->size, (int64_t)k->offset + k->size);
	struct ir_insn *i = &m->f->insn[o->by];
	unsigned log2 = i->aux >> 2;

	while (low + (1 << log2) < high)
		log2++;
	if (log2 > WIDEST)
		return false;
	o->offset = i->imm = (int32_t)low;
	o->size = 1u << log2;
	i->aux = (uint8_t)((i->aux & 3) | log2 << 2);
	return true;
}

static void on_xlate(struct mem *m, ir_ref r)
{
	const struct ir_insn *i = &m->f->insn[r];
	struct known k = { .alias = IR_ALIAS_TLB, .base = i->a[0], .offset = i->imm, .size = 1u << (i->aux >> 2),
			   .aux = i->aux & 3, .value = r, .by = r };

	for (uint32_t n = m->n; n-- > 0;) {
		struct known *o = &m->k[n];

		if (!o->by || o->base != k.base || !serves(o->aux, k.aux))
			continue;
		if ((k.offset >= o->offset && (int64_t)k.offset + k.size <= (int64_t)o->offset + o->size) ||
		    (m->f->block_of[o->by] == m->f->block_of[r] && widen(m, o, &k))) {
			replace(m, r, o->value);
			return;
		}
	}
	remember(m, k);
}

/* ---- the walk ------------------------------------------------------------------------ */

static void one(struct mem *m, ir_ref r)
{
	struct ir_func *f = m->f;
	const struct ir_insn *i = &f->insn[r];
	uint32_t flags = ir_rows[i->op].flags;
	bool ordered = (flags & IR_MEM) && (i->aux & IR_MEM_ORDERED);

	if (i->op == IR_XLATE)
		on_xlate(m, r);
	else if (i->op == IR_FENCE)
		forget(m, BIT(IR_ALIAS_MEM) | BIT(IR_ALIAS_MEM1), NULL);
	else if (ordered)
		forget(m, BIT(IR_ALIAS_MEM) | BIT(IR_ALIAS_MEM1) | ir__writes(f, i), NULL);
	else if (i->op == IR_LOAD || i->op == IR_GETSTATE)
		on_load(m, r);
	else if (i->op == IR_STORE || i->op == IR_PUTSTATE)
		on_store(m, r);
	else if (ir__writes(f, i))
		forget(m, ir__writes(f, i), NULL);
}

/* What its only predecessor knew at its end; where paths meet, what all of
 * them have passed and nothing in the function changes. */
static void inherit(struct mem *m, uint32_t b)
{
	bool meet = m->c.pred_at[b + 1] - m->c.pred_at[b] != 1;
	const struct table *t;

	m->n = 0;
	if (meet && (!m->stays || b == m->c.rpo[0]))
		return;
	t = m->out[meet ? m->c.idom[b] : m->c.edge_from[m->c.pred[m->c.pred_at[b]]]];
	for (uint32_t k = 0; t && k < t->n; k++)
		if (!meet || (m->stays >> t->k[k].alias & 1))
			m->k[m->n++] = t->k[k];
}

/* Classes that are read (or translated by) and never written; 0: no need to
 * know who dominates whom. */
static uint32_t what_stays(const struct mem *m)
{
	uint32_t reads = 0, writes = 0;

	for (uint32_t k = 0; k < m->c.n; k++)
		for (IR_EACH(m->f, m->c.rpo[k], r)) {
			const struct ir_insn *i = &m->f->insn[r];

			reads |= i->op == IR_XLATE ? BIT(IR_ALIAS_TLB) : ir__reads(m->f, i);
			writes |= ir__writes(m->f, i);
		}
	/* Others may write guest memory, and a loop may wait for it. */
	if (!m->f->alone)
		writes |= BIT(IR_ALIAS_MEM) | BIT(IR_ALIAS_MEM1);
	return reads & ~writes;
}

static bool leave_behind(struct mem *m, uint32_t b)
{
	uint32_t n;
	struct ir_edge *e = ir_edges(m->f, b, &n);

	for (uint32_t k = 0; k < n && m->n; k++) {
		uint32_t t = e[k].target;

		if (!m->stays && m->c.pred_at[t + 1] - m->c.pred_at[t] != 1)
			continue;
		m->out[b] = ir__scratch(m->f, 1, sizeof(struct table) + m->n * sizeof(*m->k));
		if (!m->out[b])
			return false;
		m->out[b]->n = m->n;
		memcpy(m->out[b]->k, m->k, m->n * sizeof(*m->k));
		break;
	}
	return true;
}

bool ir__pass_memory(struct ir_func *f)
{
	struct mem *m = ir__scratch(f, 1, sizeof(*m));

	if (!m || !ir_cfg(f, &m->c))
		return false;
	m->f = f;
	m->fwd = ir__scratch(f, f->ninsn, sizeof(*m->fwd));
	m->out = ir__scratch(f, f->nblock, sizeof(*m->out));
	if (!m->fwd || !m->out)
		return false;
	m->stays = what_stays(m);
	if (m->stays && !ir_dominators(f, &m->c))
		return false;
	for (uint32_t k = 0; k < m->c.n; k++) {
		uint32_t b = m->c.rpo[k];

		inherit(m, b);
		for (IR_EACH(f, b, i)) {
			IR__EACH_OPERAND(f, i, p, *p = ir__fwd(m->fwd, *p));
			one(m, i);
		}
		if (!leave_behind(m, b))
			return false;
	}
	ir__forward(f, m->fwd);
	return true;
}
