/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pass `promote`: guest state becomes values.
 *
 * A slot is a place in guest state that is only ever read and written whole,
 * with one type.  Each GETSTATE of a slot is replaced by the value that the
 * last PUTSTATE wrote, parameters of blocks being made where paths meet (as
 * Braun et al., "Simple and Efficient Construction of SSA Form"), and each
 * PUTSTATE goes.  What state does not hold yet at a point ("dirty") is written
 *     by the tables of exits, when the code leaves there,
 *     before calls (and loads and stores by pointer) that read guest state,
 *     before RET and TAIL, but for slots of the frame (IR_FRAME),
 * and after what may write guest state, slots are read again when needed.
 *
 * Other accesses to state (narrow ones, overlapping ones) stay as they are:
 * they overlap no slot.
 */
#include "ir/internal.h"

struct slot {
	uint32_t offset;
	uint8_t type, size;
	bool bad; /* overlaps another, or not whole */
};

/* A parameter that was made for a slot and whose arguments are to be found. */
struct pending {
	uint32_t block, slot;
	ir_ref param;
	uint32_t args; /* index into promote.args, one for each predecessor */
};

struct promote {
	struct ir_func *f;
	struct ir_cfg c;
	struct slot *slot;
	uint32_t nslot, words;
	uint32_t *table, mask;  /* offset -> slot + 1 */
	uint32_t *value;        /* [block * nslot + slot]: at its end (or so far) */
	ir_ref *clobber;        /* by block: the last instruction that may write state */
	uint64_t *dirty_in, *gen, *now;
	uint8_t *flush;         /* by block: has a point where everything is written */
	ir_ref *fwd;
	uint32_t nfwd;
	struct pending *pending;
	uint32_t npending, cpending;
	ir_ref *args;
	uint32_t nargs, cargs;
	uint32_t shared, nshared; /* slots of the last exit, while still true; 0 */
};

enum { TABLE_MAX = 1 << 24 };

/* ---- slots ------------------------------------------------------------------------ */

static uint32_t *find(struct promote *p, uint32_t offset)
{
	uint32_t h = offset * 0x9e3779b1u >> 7;

	while (p->table[h & p->mask] && p->slot[p->table[h & p->mask] - 1].offset != offset)
		h++;
	return &p->table[h & p->mask];
}

static void note_access(struct promote *p, const struct ir_insn *i)
{
	unsigned t = i->op == IR_GETSTATE ? i->type : ir_type(p->f, i->a[0]);
	uint32_t *e = find(p, (uint32_t)i->imm);

	if (!*e) {
		p->slot[p->nslot] = (struct slot){ (uint32_t)i->imm, (uint8_t)t, (uint8_t)ir_type_size(i->ct), false };
		*e = ++p->nslot;
	}
	/* Same place, another type: only as 64 or 32 bits of the other file. */
	if (i->ct != t || p->slot[*e - 1].size != ir_type_size(i->ct) ||
	    (p->slot[*e - 1].type != t && t == IR_V128))
		p->slot[*e - 1].bad = true;
	p->slot[*e - 1].size = (uint8_t)MAX((unsigned)p->slot[*e - 1].size, ir_type_size(i->ct));
}

/* Sizes are at most 16, so what overlaps begins at most 15 bytes before. */
static void note_overlaps(struct promote *p)
{
	for (uint32_t s = 0; s < p->nslot; s++)
		for (uint32_t d = 1; d < p->slot[s].size; d++) {
			uint32_t *e = find(p, p->slot[s].offset + d);

			if (*e)
				p->slot[s].bad = p->slot[*e - 1].bad = true;
		}
}

/* Slots that stay get new numbers, others none. */
static void keep_good(struct promote *p)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < p->nslot; s++)
		if (!p->slot[s].bad)
			p->slot[n++] = p->slot[s];
	p->nslot = n;
	memset(p->table, 0, (p->mask + 1) * sizeof(*p->table));
	for (uint32_t s = 0; s < n; s++)
		*find(p, p->slot[s].offset) = s + 1;
}

static bool collect(struct promote *p)
{
	struct ir_func *f = p->f;
	uint32_t n = 0, size = 64;

	for (uint32_t k = 0; k < p->c.n; k++)
		for (IR_EACH(f, p->c.rpo[k], i))
			n += !!ir_has(&f->insn[i], IR_STATE);
	while (size < n * 4)
		size *= 2;
	p->mask = size - 1;
	p->table = ir__scratch(f, size, sizeof(*p->table));
	p->slot = ir__scratch(f, n, sizeof(*p->slot));
	if (!p->table || !p->slot)
		return false;
	for (uint32_t k = 0; k < p->c.n; k++)
		for (IR_EACH(f, p->c.rpo[k], i))
			if (ir_has(&f->insn[i], IR_STATE))
				note_access(p, &f->insn[i]);
	note_overlaps(p);
	keep_good(p);
	/* A table of blocks by slots must stay within reason. */
	if (p->nslot > TABLE_MAX / f->nblock) {
		p->nslot = TABLE_MAX / f->nblock;
		memset(p->table, 0, size * sizeof(*p->table));
		for (uint32_t s = 0; s < p->nslot; s++)
			*find(p, p->slot[s].offset) = s + 1;
	}
	p->words = (p->nslot + 63) / 64;
	return true;
}

/* The slot of a GETSTATE or PUTSTATE + 1; 0: not promoted. */
static uint32_t slot_of(struct promote *p, const struct ir_insn *i)
{
	return ir_rows[i->op].flags & IR_STATE ? *find(p, (uint32_t)i->imm) : 0;
}

static bool flushes(const struct ir_func *f, const struct ir_insn *i)
{
	return !(ir_rows[i->op].flags & IR_STATE) &&
	       ((ir__reads(f, i) | ir__writes(f, i)) & BIT(IR_ALIAS_STATE));
}

static bool clobbers(const struct ir_func *f, const struct ir_insn *i)
{
	return !(ir_rows[i->op].flags & IR_STATE) && (ir__writes(f, i) & BIT(IR_ALIAS_STATE));
}

/* ---- dirty: may be not in state yet -------------------------------------------------- */

static void local_dirty(struct promote *p, uint32_t b)
{
	struct ir_func *f = p->f;
	uint64_t *gen = p->gen + (size_t)b * p->words;

	for (IR_EACH(f, b, i)) {
		const struct ir_insn *in = &f->insn[i];
		uint32_t s = slot_of(p, in);

		if (s && in->op == IR_PUTSTATE) {
			gen[(s - 1) / 64] |= BIT((s - 1) % 64);
		} else if (flushes(f, in)) {
			memset(gen, 0, p->words * sizeof(*gen));
			p->flush[b] = 1;
		}
	}
}

static void flow_dirty(struct promote *p)
{
	bool changed = true;

	for (uint32_t k = 0; k < p->c.n; k++)
		local_dirty(p, p->c.rpo[k]);
	while (changed) {
		changed = false;
		for (uint32_t k = 0; k < p->c.n; k++) {
			uint32_t b = p->c.rpo[k], n;
			struct ir_edge *e = ir_edges(p->f, b, &n);

			for (uint32_t w = 0; w < p->words; w++) {
				uint64_t out = p->gen[(size_t)b * p->words + w];

				if (!p->flush[b])
					out |= p->dirty_in[(size_t)b * p->words + w];
				for (uint32_t j = 0; j < n; j++) {
					uint64_t *in = &p->dirty_in[(size_t)e[j].target * p->words + w];

					changed |= (out & ~*in) != 0;
					*in |= out;
				}
			}
		}
	}
}

/* ---- values ----------------------------------------------------------------------------- */

static uint32_t *value_at(struct promote *p, uint32_t b, uint32_t s)
{
	return &p->value[(size_t)b * p->nslot + s];
}

/* What is made during the pass is forwarded to nothing. */
static ir_ref forward(const struct promote *p, ir_ref v)
{
	while (v < p->nfwd && p->fwd[v])
		v = p->fwd[v];
	return v;
}

static ir_ref reload(struct promote *p, uint32_t b, uint32_t s, ir_ref after)
{
	struct ir_insn i = { .op = IR_GETSTATE, .type = p->slot[s].type, .ct = p->slot[s].type,
			     .imm = (int32_t)p->slot[s].offset };
	struct ir_func *f = p->f;

	if (after) {
		while (f->insn[f->insn[after].next].op == IR_RESULT)
			after = f->insn[after].next;
		return ir_insert_after(f, after, &i);
	}
	after = f->block[b].first;
	while (after && f->insn[after].op == IR_PARAM)
		after = f->insn[after].next;
	return ir_insert_before(f, after, &i);
}

/* Doubling, in the arena: what is left behind goes with the pass. */
static bool room(struct promote *p, void *pp, uint32_t n, uint32_t *cap, uint32_t need, size_t size)
{
	void **at = pp, *q;

	if (n + need <= *cap)
		return true;
	*cap = MAX(*cap * 2, n + need + 64);
	q = ir__scratch(p->f, *cap, size);
	if (!q)
		return false;
	if (n)
		memcpy(q, *at, n * size);
	*at = q;
	return true;
}

static ir_ref make_param(struct promote *p, uint32_t b, uint32_t s)
{
	ir_ref v = ir_param(p->f, b, (enum ir_type)p->slot[s].type);

	if (!room(p, &p->pending, p->npending, &p->cpending, 1, sizeof(*p->pending)))
		return 0;
	p->pending[p->npending++] = (struct pending){ b, s, v, 0 };
	return v;
}

/*
 * The value of slot s at the end of block b (which is where it is now, in the
 * block that is being walked).  Up a chain of single predecessors without
 * recursion, then down again, so that every block of the chain knows.
 */
static ir_ref read(struct promote *p, uint32_t b, uint32_t s)
{
	uint32_t top = b;
	ir_ref v;

	while (!(v = *value_at(p, top, s))) {
		uint32_t npred = p->c.pred_at[top + 1] - p->c.pred_at[top];

		if (p->clobber[top])
			v = reload(p, top, s, p->clobber[top]);
		else if (npred == 0)
			v = reload(p, top, s, 0);
		else if (npred > 1)
			v = make_param(p, top, s);
		if (v || p->f->failed) {
			*value_at(p, top, s) = v;
			break;
		}
		top = p->c.edge_from[p->c.pred[p->c.pred_at[top]]];
	}
	while (b != top) {
		*value_at(p, b, s) = v;
		b = p->c.edge_from[p->c.pred[p->c.pred_at[b]]];
	}
	return forward(p, v);
}

/* v as a value of type t: the slot has been used as the other kind of register. */
static ir_ref as_type(struct promote *p, ir_ref v, enum ir_type t, ir_ref before)
{
	static const uint8_t op[IR_VALUE_TYPES] = { [IR_I32] = IR_BITS32, [IR_I64] = IR_BITS64,
						    [IR_F32] = IR_OF32, [IR_F64] = IR_OF64 };

	if (ir_type(p->f, v) == t)
		return v;
	p->f->at = before;
	v = ir_1(p->f, op[t], IR_VOID, v);
	p->f->at = 0;
	return v;
}

/* ---- the walk ------------------------------------------------------------------------------ */

#define EACH_DIRTY(p, s)                                                             \
	for (uint32_t w_ = 0; w_ < (p)->words; w_++)                                 \
		for (uint64_t m_ = (p)->now[w_]; m_; m_ &= m_ - 1)                   \
			for (uint32_t s = w_ * 64 + (uint32_t)__builtin_ctzll(m_), o_ = 1; o_; o_ = 0)

static void write_back(struct promote *p, uint32_t b, ir_ref before, bool frame)
{
	EACH_DIRTY(p, s) {
		struct ir_insn i = { .op = IR_PUTSTATE, .ct = p->slot[s].type, .imm = (int32_t)p->slot[s].offset };

		if (!frame && p->slot[s].offset >= IR_FRAME)
			continue;
		i.a[0] = read(p, b, s);
		ir_insert_before(p->f, before, &i);
	}
}

/* What the table of an exit says already is newer than any PUTSTATE. */
static bool has_slot(const struct ir_func *f, const struct ir_exit *x, uint32_t offset)
{
	for (uint32_t n = 0; n < x->nslots; n++)
		if ((f->list[x->slots + 2 * n] & IR_OFFSET_MASK) == offset)
			return true;
	return false;
}

/* Exits between two changes of state have the same table: one list for all. */
static void fill_exit(struct promote *p, uint32_t b, struct ir_exit *x)
{
	struct ir_func *f = p->f;
	uint32_t index = (uint32_t)(x - f->exit);
	bool own = x->nslots;

	if (p->shared && !own) {
		x->slots = p->shared;
		x->nslots = p->nshared;
		return;
	}
	EACH_DIRTY(p, s)
		if (!own || !has_slot(f, x, p->slot[s].offset))
			ir_exit_slot(f, index, p->slot[s].offset, IR_HOW_PLAIN, read(p, b, s));
	x = &f->exit[index];
	p->shared = own ? 0 : x->slots;
	p->nshared = x->nslots;
}

static void touch_state(struct promote *p, uint32_t b, ir_ref r, uint32_t s)
{
	struct ir_func *f = p->f;
	struct ir_insn i = f->insn[r];

	if (i.op == IR_GETSTATE) {
		p->fwd[r] = as_type(p, read(p, b, s), (enum ir_type)i.type, r);
	} else {
		*value_at(p, b, s) = as_type(p, i.a[0], (enum ir_type)p->slot[s].type, r);
		p->now[s / 64] |= BIT(s % 64);
		p->shared = 0;
	}
	ir_unlink(f, r);
}

static void visit(struct promote *p, uint32_t b, ir_ref r)
{
	struct ir_func *f = p->f;
	uint32_t s = slot_of(p, &f->insn[r]);
	uint32_t flags = ir_rows[f->insn[r].op].flags;

	/* Targets may have got parameters for which edges have no arguments yet:
	 * arguments are forwarded at the end. */
	if (flags & IR_TERM && !(flags & (IR_EXITS | IR_CALLS)) && f->insn[r].op != IR_RET)
		f->insn[r].a[0] = forward(p, f->insn[r].a[0]);
	else
		IR__EACH_OPERAND(f, r, q, *q = forward(p, *q));
	if (s) {
		touch_state(p, b, r, s - 1);
		return;
	}
	if (flushes(f, &f->insn[r])) {
		/* Written before and clean at its exit. */
		write_back(p, b, r, true);
		memset(p->now, 0, p->words * sizeof(*p->now));
		p->shared = 0;
	}
	if ((flags & IR_EXITS) && f->insn[r].x)
		fill_exit(p, b, &f->exit[f->insn[r].x]);
	if (clobbers(f, &f->insn[r])) {
		memset(value_at(p, b, 0), 0, p->nslot * sizeof(*p->value));
		p->clobber[b] = r;
	}
	if (f->insn[r].op == IR_RET || f->insn[r].op == IR_TAIL)
		write_back(p, b, r, false);
}

/* Arguments for the parameters that were made; finding them makes more. */
static void find_args(struct promote *p)
{
	for (uint32_t k = 0; k < p->npending && !p->f->failed; k++) {
		uint32_t b = p->pending[k].block, s = p->pending[k].slot;
		uint32_t from = p->c.pred_at[b], n = p->c.pred_at[b + 1] - from;

		if (!room(p, &p->args, p->nargs, &p->cargs, n, sizeof(*p->args)))
			return;
		p->pending[k].args = p->nargs;
		p->nargs += n;
		for (uint32_t j = 0; j < n; j++) {
			ir_ref v = read(p, p->c.edge_from[p->c.pred[from + j]], s);

			p->args[p->pending[k].args + j] = v;
		}
	}
}

static void add_args(struct promote *p)
{
	struct ir_func *f = p->f;
	uint32_t *had = ir__scratch(f, f->nblock, sizeof(*had));

	if (!had)
		return;
	for (uint32_t k = 0; k < p->npending; k++)
		had[p->pending[k].block]++;
	/* Longer lists first, for every edge into a block that has got some. */
	for (uint32_t b = 0; b < f->nblock; b++)
		for (uint32_t j = p->c.pred_at[b]; had[b] && j < p->c.pred_at[b + 1]; j++) {
			uint32_t at = ir_list(f, f->block[b].nparams);
			struct ir_edge *e = &f->edge[p->c.pred[j]];

			if (f->failed)
				return;
			memcpy(f->list + at, f->list + e->args, (f->block[b].nparams - had[b]) * sizeof(*f->list));
			e->args = at;
		}
	for (uint32_t k = 0; k < p->npending; k++) {
		const struct pending *q = &p->pending[k];
		uint32_t from = p->c.pred_at[q->block], n = p->c.pred_at[q->block + 1] - from;

		for (uint32_t j = 0; j < n; j++)
			f->list[f->edge[p->c.pred[from + j]].args + (uint32_t)f->insn[q->param].imm] =
				p->args[q->args + j];
	}
}

static bool allocate(struct promote *p)
{
	struct ir_func *f = p->f;
	size_t set = (size_t)f->nblock * p->words;

	p->value = ir__scratch(f, (size_t)f->nblock * p->nslot, sizeof(*p->value));
	p->clobber = ir__scratch(f, f->nblock, sizeof(*p->clobber));
	p->dirty_in = ir__scratch(f, set, sizeof(*p->dirty_in));
	p->gen = ir__scratch(f, set, sizeof(*p->gen));
	p->now = ir__scratch(f, p->words, sizeof(*p->now));
	p->flush = ir__scratch(f, f->nblock, 1);
	p->nfwd = f->ninsn;
	p->fwd = ir__scratch(f, p->nfwd, sizeof(*p->fwd));
	return p->value && p->clobber && p->dirty_in && p->gen && p->now && p->flush && p->fwd;
}

bool ir__pass_promote(struct ir_func *f)
{
	struct promote p = { .f = f };

	if (!ir_cfg(f, &p.c))
		return false;
	ir__remove_unreachable(f, &p.c);
	if (!collect(&p) || !allocate(&p))
		return false;
	if (!p.nslot)
		return true;
	flow_dirty(&p);
	for (uint32_t k = 0; k < p.c.n && !f->failed; k++) {
		uint32_t b = p.c.rpo[k];

		memcpy(p.now, p.dirty_in + (size_t)b * p.words, p.words * sizeof(*p.now));
		p.shared = 0;
		for (IR_EACH(f, b, i)) {
			visit(&p, b, i);
			if (f->failed)
				break;
		}
	}
	find_args(&p);
	if (f->failed)
		return false;
	add_args(&p);
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], i))
			IR__EACH_OPERAND(f, i, q, *q = forward(&p, *q));
	return !f->failed;
}
