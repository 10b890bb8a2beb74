/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `guards`: tests whose outcome is known because the same test, or one
 * that implies it, was decided on every path.  Facts come from guards that
 * dominate and from the edge by which a block is reached; they hold below
 * their block in the dominator tree.
 *
 * A fact is about a test in canonical form (eq, lt_s, lt_u and the float
 * tests, negated or not), found by its operands, and about the greatest
 * unsigned value that something can have (bounds of indices).
 */
#include "ir/internal.h"

struct fact {
	uint32_t key[4]; /* canonical op | ct << 8 | aux << 16, operands; op 0: free */
	uint32_t block;
	bool truth;
};

struct guards {
	struct ir_func *f;
	struct ir_cfg c;
	struct fact *table;
	uint32_t mask;
	uint64_t *max;      /* by value: greatest unsigned value, in max_block and below */
	uint32_t *max_block;
};

/* The test that v is, as a key; *negated: v is true when the key is false. */
static void canonical(const struct ir_func *f, ir_ref v, uint32_t key[4], bool *negated)
{
	const struct ir_insn *i = &f->insn[v];
	ir_ref a = i->a[0], b = i->a[1];
	unsigned op = i->op;
	bool swap = false;

	*negated = false;
	switch (op) {
	case IR_NE: op = IR_EQ, *negated = true; break;
	case IR_FNE: op = IR_FEQ, *negated = true; break;
	case IR_GE_S: op = IR_LT_S, *negated = true; break;
	case IR_GE_U: op = IR_LT_U, *negated = true; break;
	case IR_GT_S: op = IR_LT_S, swap = true; break;
	case IR_GT_U: op = IR_LT_U, swap = true; break;
	case IR_LE_S: op = IR_LT_S, swap = true, *negated = true; break;
	case IR_LE_U: op = IR_LT_U, swap = true, *negated = true; break;
	case IR_EQ: case IR_LT_S: case IR_LT_U: break;
	default:
		if (ir_rows[op].flags & IR_CMP)
			break;
		/* Any other value is a test against 0. */
		key[0] = IR_NE | IR_I32 << 8, key[1] = v, key[2] = 0, key[3] = 0;
		return;
	}
	key[0] = op | (uint32_t)i->ct << 8 | (uint32_t)i->aux << 16;
	key[1] = swap ? b : a;
	key[2] = swap ? a : b;
	key[3] = 0;
}

static struct fact *find(struct guards *g, const uint32_t key[4])
{
	uint64_t h = (key[0] ^ (uint64_t)key[1] << 32) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 32 ^ key[2]) * 0xbf58476d1ce4e5b9ull >> 32;
	while (g->table[h & g->mask].key[0] && memcmp(g->table[h & g->mask].key, key, sizeof(uint32_t[4])))
		h++;
	return &g->table[h & g->mask];
}

/* ---- ranges: x < c and x <= c, unsigned --------------------------------------------- */

/* The bound that the truth of v gives to its first operand. */
static bool bound_of(const struct ir_func *f, ir_ref v, bool truth, ir_ref *x, uint64_t *max)
{
	const struct ir_insn *i = &f->insn[v];
	unsigned op = i->op;
	uint64_t c;

	if (op != IR_LT_U && op != IR_LE_U && op != IR_GT_U && op != IR_GE_U)
		return false;
	if (!ir_is_const(f, i->a[1]))
		return false;
	c = ir_const_bits(f, i->a[1]);
	*x = i->a[0];
	if (!truth)
		op = op == IR_GE_U ? IR_LT_U : op == IR_GT_U ? IR_LE_U : IR_GT_U;
	if (op == IR_LT_U)
		*max = c - 1;
	else if (op == IR_LE_U)
		*max = c;
	else
		return false;
	return op == IR_LE_U || c;
}

static uint64_t max_of(const struct guards *g, ir_ref v, uint32_t b)
{
	const struct ir_insn *i = &g->f->insn[v];
	uint64_t m = i->type == IR_I32 ? UINT32_MAX : UINT64_MAX;

	if (g->max_block[v] && ir_dominates(&g->c, g->max_block[v] - 1, b))
		m = MIN(m, g->max[v]);
	if (i->op == IR_AND && ir_is_const(g->f, i->a[1]))
		m = MIN(m, ir_const_bits(g->f, i->a[1]));
	if (i->op == IR_EXT_U)
		m = MIN(m, (uint64_t)UINT32_MAX);
	if (i->op == IR_LOAD && (i->ct == IR_U8 || i->ct == IR_U16))
		m = MIN(m, i->ct == IR_U8 ? 255ull : 65535ull);
	return m;
}

/* Is v, an unsigned comparison with a constant, decided by the range? */
static bool by_range(const struct guards *g, ir_ref v, uint32_t b, bool *truth)
{
	const struct ir_insn *i = &g->f->insn[v];
	uint64_t m, c;

	if ((i->op != IR_LT_U && i->op != IR_LE_U && i->op != IR_GT_U && i->op != IR_GE_U) ||
	    !ir_is_const(g->f, i->a[1]))
		return false;
	m = max_of(g, i->a[0], b);
	c = ir_const_bits(g->f, i->a[1]);
	*truth = i->op == IR_LT_U || i->op == IR_LE_U;
	return i->op == IR_LT_U || i->op == IR_GE_U ? m < c : m <= c;
}

/* ---- facts -------------------------------------------------------------------------- */

static void learn(struct guards *g, ir_ref v, bool truth, uint32_t b)
{
	uint32_t key[4];
	struct fact *k;
	bool negated;
	uint64_t max;
	ir_ref x;

	if (ir_is_const(g->f, v))
		return;
	canonical(g->f, v, key, &negated);
	k = find(g, key);
	if (!k->key[0] || !ir_dominates(&g->c, k->block, b)) {
		memcpy(k->key, key, sizeof(key));
		k->block = b;
		k->truth = truth != negated;
	}
	if (bound_of(g->f, v, truth, &x, &max) && max < max_of(g, x, b)) {
		g->max[x] = max;
		g->max_block[x] = b + 1;
	}
}

static bool known(struct guards *g, ir_ref v, uint32_t b, bool *truth)
{
	uint32_t key[4];
	const struct fact *k;
	bool negated;

	if (ir_is_const(g->f, v))
		return false; /* simplify's */
	canonical(g->f, v, key, &negated);
	k = find(g, key);
	if (k->key[0] && ir_dominates(&g->c, k->block, b)) {
		*truth = k->truth != negated;
		return true;
	}
	return by_range(g, v, b, truth);
}

/* How b was reached says what the branch's test was. */
static void learn_from_edge(struct guards *g, uint32_t b)
{
	uint32_t n, e;
	struct ir_edge *edges;
	uint32_t from;

	if (g->c.pred_at[b + 1] - g->c.pred_at[b] != 1)
		return;
	e = g->c.pred[g->c.pred_at[b]];
	from = g->c.edge_from[e];
	edges = ir_edges(g->f, from, &n);
	if (g->f->insn[g->f->block[from].last].op == IR_BRANCH)
		learn(g, g->f->insn[g->f->block[from].last].a[0], e == (uint32_t)(edges - g->f->edge), b);
}

static void one(struct guards *g, ir_ref r, uint32_t b)
{
	struct ir_func *f = g->f;
	struct ir_insn *i = &f->insn[r];
	bool truth;
	ir_ref c;

	if (i->op != IR_GUARD && i->op != IR_BRANCH && i->op != IR_SELECT)
		return;
	if (known(g, i->a[0], b, &truth)) {
		if (i->op == IR_GUARD && truth) {
			ir_unlink(f, r);
			return;
		}
		c = ir_i32(f, truth); /* simplify does the rest; insn[] may have moved */
		f->insn[r].a[0] = c;
		return;
	}
	if (i->op == IR_GUARD)
		learn(g, i->a[0], true, b);
}

bool ir__pass_guards(struct ir_func *f)
{
	struct guards g = { .f = f };
	uint32_t tests = 0, size = 64;

	if (!ir_cfg(f, &g.c) || !ir_dominators(f, &g.c))
		return false;
	ir__remove_unreachable(f, &g.c);
	for (uint32_t k = 0; k < g.c.n; k++)
		for (IR_EACH(f, g.c.rpo[k], i))
			tests += f->insn[i].op == IR_GUARD || f->insn[i].op == IR_BRANCH;
	while (size < (tests + g.c.n) * 4)
		size *= 2;
	g.mask = size - 1;
	g.table = ir__scratch(f, size, sizeof(*g.table));
	/* Constants may be made: f->ninsn + 2 is room for them (0 and 1). */
	g.max = ir__scratch(f, f->ninsn + 2, sizeof(*g.max));
	g.max_block = ir__scratch(f, f->ninsn + 2, sizeof(*g.max_block));
	if (!g.table || !g.max || !g.max_block)
		return false;
	for (uint32_t k = 0; k < g.c.n && !f->failed; k++) {
		uint32_t b = g.c.dom_order[k];

		learn_from_edge(&g, b);
		for (IR_EACH(f, b, i))
			one(&g, i, b);
	}
	return !f->failed;
}
