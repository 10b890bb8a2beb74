/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arrays of a function: growth, constants, links, uses; see ir.h.
 * Every array's element 0 stands for "none", so that a failed allocation
 * gives an index that is safe to read.
 */
#include "ir/ir.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "ir/internal.h"

_Static_assert(IR_OPS <= 256 && sizeof(struct ir_insn) == 32, "two instructions fit a cache line");

/* Room for `need` elements in *pp, doubling. */
static bool grow(struct ir_func *f, void *pp, uint32_t *cap, uint32_t need, size_t size)
{
	void **p = pp;
	uint32_t n = *cap ? *cap : 64;
	void *q;

	if (need <= *cap)
		return true;
	if (f->failed || need > 4 * IR_INSNS_MAX)
		return f->failed = true, false;
	while (n < need)
		n *= 2;
#ifdef IR_STRESS /* every growth moves the array: what keeps a pointer is found */
	n = need;
#endif
	q = base_realloc(*p, n * size);
	if (!q)
		return f->failed = true, false;
	*p = q;
	*cap = n;
	return true;
}

static bool grow_insn(struct ir_func *f, uint32_t need)
{
	uint32_t cap = f->cinsn, c1 = cap, c2 = cap;

	if (need <= cap)
		return true;
	if (need > IR_INSNS_MAX)
		return f->failed = true, false;
	/* cinsn last: what fails halfway is only larger than it says. */
	if (!grow(f, &f->block_of, &c1, need, sizeof(*f->block_of)) ||
	    !grow(f, &f->uses, &c2, need, sizeof(*f->uses)) ||
	    !grow(f, &f->insn, &cap, need, sizeof(*f->insn)))
		return false;
	f->cinsn = cap;
	return true;
}

bool ir__room(struct ir_func *f, uint32_t n)
{
	return grow_insn(f, f->ninsn + n);
}

void ir_reset(struct ir_func *f)
{
	memset(f->insn, 0, sizeof(*f->insn));
	f->block_of[0] = IR_NO_BLOCK;
	f->uses[0] = 0;
	f->list[0] = 0;
	f->pool[0] = 0;
	memset(f->edge, 0, sizeof(*f->edge));
	memset(f->exit, 0, sizeof(*f->exit));
	memset(f->hash, 0, f->nhash * sizeof(*f->hash));
	f->ninsn = f->nlist = f->npool = f->nexit = f->nedge = 1;
	f->nblock = f->norder = f->nhelper = f->hash_used = 0;
	f->cur = f->at = 0;
	f->nresults = 0;
	f->failed = f->raw = f->alone = false;
	f->name[0] = 0;
	ir__scratch_reset(f);
}

int ir_init(struct ir_func *f)
{
	*f = (struct ir_func){ 0 };
	arena_init(&f->scratch, 0);
	f->nhash = 256;
	f->hash = base_calloc(f->nhash, sizeof(*f->hash));
	if (!f->hash || !grow_insn(f, 64) || !grow(f, &f->list, &f->clist, 64, sizeof(*f->list)) ||
	    !grow(f, &f->edge, &f->cedge, 16, sizeof(*f->edge)) ||
	    !grow(f, &f->exit, &f->cexit, 16, sizeof(*f->exit)) ||
	    !grow(f, &f->pool, &f->cpool, 16, sizeof(*f->pool)) ||
	    !grow(f, &f->block, &f->cblock, 16, sizeof(*f->block)) ||
	    !grow(f, &f->order, &f->corder, 16, sizeof(*f->order)) ||
	    !grow(f, &f->helper, &f->chelper, 8, sizeof(*f->helper))) {
		ir_fini(f);
		return -ENOMEM;
	}
	ir_reset(f);
	return 0;
}

void ir_fini(struct ir_func *f)
{
	base_free(f->insn);
	base_free(f->block_of);
	base_free(f->block);
	base_free(f->edge);
	base_free(f->list);
	base_free(f->exit);
	base_free(f->pool);
	base_free(f->helper);
	base_free(f->order);
	base_free(f->hash);
	base_free(f->uses);
	arena_fini(&f->scratch);
	*f = (struct ir_func){ 0 };
}

void ir__scratch_reset(struct ir_func *f)
{
	arena_fini(&f->scratch);
}

void *ir__scratch(struct ir_func *f, size_t n, size_t size)
{
	void *p = arena_alloc(&f->scratch, MAX(n, (size_t)1) * size);

	if (!p)
		f->failed = true;
	return p;
}

/* ---- blocks, edges, lists, exits ------------------------------------------ */

uint32_t ir_block(struct ir_func *f)
{
	if (!grow(f, &f->block, &f->cblock, f->nblock + 1, sizeof(*f->block)) ||
	    !grow(f, &f->order, &f->corder, f->norder + 1, sizeof(*f->order)))
		return 0;
	f->block[f->nblock] = (struct ir_block){ 0 };
	f->order[f->norder++] = f->nblock;
	return f->nblock++;
}

uint32_t ir_list(struct ir_func *f, uint32_t n)
{
	uint32_t at = f->nlist;

	if (n > IR_INSNS_MAX || !grow(f, &f->list, &f->clist, f->nlist + n, sizeof(*f->list)))
		return f->failed = true, 0;
	f->nlist += n;
	return at;
}

uint32_t ir__edges(struct ir_func *f, uint32_t n)
{
	uint32_t at = f->nedge;

	if (n > IR_INSNS_MAX || !grow(f, &f->edge, &f->cedge, f->nedge + n, sizeof(*f->edge)))
		return f->failed = true, 0;
	memset(f->edge + at, 0, n * sizeof(*f->edge));
	f->nedge += n;
	return at;
}

uint32_t ir_exit(struct ir_func *f, uint32_t kind, uint64_t cookie)
{
	if (!grow(f, &f->exit, &f->cexit, f->nexit + 1, sizeof(*f->exit)))
		return 0;
	f->exit[f->nexit] = (struct ir_exit){ .cookie = cookie, .kind = kind };
	return f->nexit++;
}

void ir_exit_slot(struct ir_func *f, uint32_t exit, uint32_t offset, enum ir_how how, ir_ref v)
{
	struct ir_exit *x = &f->exit[exit];
	uint32_t old = x->slots, at;

	/* At the end of list[] it grows in place, else it moves there. */
	if (x->nslots && old + 2 * x->nslots == f->nlist) {
		at = ir_list(f, 2);
	} else {
		at = ir_list(f, 2 * x->nslots + 2);
		if (f->failed)
			return;
		memcpy(f->list + at, f->list + old, 2 * x->nslots * sizeof(*f->list));
		x->slots = at;
		at += 2 * x->nslots;
	}
	if (f->failed)
		return;
	f->list[at] = (offset & IR_OFFSET_MASK) | (uint32_t)how << 24;
	f->list[at + 1] = v;
	x->nslots++;
}

void ir_results(struct ir_func *f, const enum ir_type *t, unsigned n)
{
	f->nresults = (uint8_t)MIN(n, (unsigned)ARRAY_LEN(f->result));
	for (unsigned i = 0; i < f->nresults; i++)
		f->result[i] = (uint8_t)t[i];
}

uint32_t ir_helper(struct ir_func *f, const struct ir_helper *h)
{
	for (uint32_t i = f->nhelper; i-- > 0;)
		if (f->helper[i] == h)
			return i;
	if (!grow(f, &f->helper, &f->chelper, f->nhelper + 1, sizeof(*f->helper)))
		return 0;
	f->helper[f->nhelper] = h;
	return f->nhelper++;
}

/* ---- instructions ------------------------------------------------------------ */

ir_ref ir__new(struct ir_func *f, const struct ir_insn *i)
{
	ir_ref r = f->ninsn;
	struct ir_insn v = *i; /* *i may be in insn[] */

	if (f->failed || !grow_insn(f, r + 1))
		return 0;
	v.prev = v.next = 0;
	f->insn[r] = v;
	f->block_of[r] = IR_NO_BLOCK;
	f->uses[r] = 0;
	f->ninsn++;
	return r;
}

static void link_between(struct ir_func *f, uint32_t b, ir_ref r, ir_ref prev, ir_ref next)
{
	f->block_of[r] = b;
	f->insn[r].prev = prev;
	f->insn[r].next = next;
	*(prev ? &f->insn[prev].next : &f->block[b].first) = r;
	*(next ? &f->insn[next].prev : &f->block[b].last) = r;
}

ir_ref ir_append(struct ir_func *f, uint32_t b, const struct ir_insn *i)
{
	ir_ref r = ir__new(f, i);

	if (r)
		link_between(f, b, r, f->block[b].last, 0);
	return r;
}

ir_ref ir_insert_before(struct ir_func *f, ir_ref at, const struct ir_insn *i)
{
	ir_ref r = ir__new(f, i);

	if (r)
		link_between(f, f->block_of[at], r, f->insn[at].prev, at);
	return r;
}

ir_ref ir_insert_after(struct ir_func *f, ir_ref at, const struct ir_insn *i)
{
	ir_ref r = ir__new(f, i);

	if (r)
		link_between(f, f->block_of[at], r, at, f->insn[at].next);
	return r;
}

ir_ref ir__place(struct ir_func *f, const struct ir_insn *i)
{
	return f->at ? ir_insert_before(f, f->at, i) : ir_append(f, f->cur, i);
}

void ir_unlink(struct ir_func *f, ir_ref r)
{
	uint32_t b = f->block_of[r];
	ir_ref prev = f->insn[r].prev, next = f->insn[r].next;

	*(prev ? &f->insn[prev].next : &f->block[b].first) = next;
	*(next ? &f->insn[next].prev : &f->block[b].last) = prev;
	f->block_of[r] = IR_NO_BLOCK;
}

void ir_move_before(struct ir_func *f, ir_ref r, ir_ref at)
{
	if (r == at || f->insn[r].next == at)
		return;
	ir_unlink(f, r);
	link_between(f, f->block_of[at], r, f->insn[at].prev, at);
}

ir_ref ir_param(struct ir_func *f, uint32_t b, enum ir_type t)
{
	struct ir_insn i = { .op = IR_PARAM, .type = (uint8_t)t, .ct = (uint8_t)t };
	ir_ref r, after = 0;

	i.imm = (int32_t)f->block[b].nparams;
	for (ir_ref p = f->block[b].first; p && f->insn[p].op == IR_PARAM; p = f->insn[p].next)
		after = p;
	r = ir__new(f, &i);
	if (!r)
		return 0;
	link_between(f, b, r, after, after ? f->insn[after].next : f->block[b].first);
	f->block[b].nparams++;
	return r;
}

void ir_each_operand(struct ir_func *f, ir_ref i, void (*fn)(ir_ref *p, void *arg), void *arg)
{
	IR__EACH_OPERAND(f, i, p, fn(p, arg));
}

void ir_count_uses(struct ir_func *f)
{
	memset(f->uses, 0, f->ninsn * sizeof(*f->uses));
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], i))
			IR__EACH_OPERAND(f, i, p, f->uses[*p]++);
}

void ir__forward(struct ir_func *f, const ir_ref *fwd)
{
	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], i))
			IR__EACH_OPERAND(f, i, p, *p = ir__fwd(fwd, *p));
}

/* ---- leaves -------------------------------------------------------------------- */

uint32_t ir__hash(const struct ir_insn *i)
{
	uint64_t h = i->op | i->type << 8 | i->ct << 16 | (uint32_t)i->aux << 24;

	h = (h ^ (uint64_t)i->a[0] << 32) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29 ^ i->a[1] ^ (uint64_t)i->a[2] << 32) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 32 ^ (uint32_t)i->imm) * 0x94d049bb133111ebull;
	return (uint32_t)(h >> 32);
}

bool ir__same(const struct ir_insn *a, const struct ir_insn *b)
{
	return a->op == b->op && a->type == b->type && a->ct == b->ct && a->aux == b->aux &&
	       a->a[0] == b->a[0] && a->a[1] == b->a[1] && a->a[2] == b->a[2] && a->imm == b->imm;
}

/* Equal constants of the pool are one entry, because leaves are interned by
 * value: see leaf_same(). */
static bool leaf_same(const struct ir_func *f, const struct ir_insn *a, uint64_t lo, uint64_t hi,
		      const struct ir_insn *key)
{
	if (a->op != key->op || a->type != key->type || a->aux != key->aux)
		return false;
	if (a->op == IR_CONST && a->aux)
		return f->pool[a->imm] == lo && (a->type != IR_V128 || f->pool[a->imm + 1] == hi);
	return a->imm == key->imm;
}

static void rehash(struct ir_func *f)
{
	uint32_t n = f->nhash * 2, *old = f->hash, *t = base_calloc(n, sizeof(*t));

	if (!t) {
		f->failed = true;
		return;
	}
	f->hash_used = 0;
	for (uint32_t i = 0; i < f->nhash; i++) {
		struct ir_insn *v = &f->insn[old[i]];
		uint32_t h;

		if (!old[i] || (v->op != IR_CONST && v->op != IR_PIN && f->block_of[old[i]] != f->cur))
			continue;
		if (v->op == IR_CONST && v->aux)
			h = (uint32_t)((f->pool[v->imm] + v->type) * 0x9e3779b97f4a7c15ull >> 32);
		else
			h = ir__hash(v);
		while (t[h & (n - 1)])
			h++;
		t[h & (n - 1)] = old[i];
		f->hash_used++;
	}
	base_free(old);
	f->hash = t;
	f->nhash = n;
}

/* Half full at most: probing ends soon, and ends. */
void ir__hash_room(struct ir_func *f)
{
	if (f->hash_used * 2 >= f->nhash)
		rehash(f);
}

static ir_ref leaf(struct ir_func *f, struct ir_insn *key, uint64_t lo, uint64_t hi)
{
	uint32_t h, at;

	ir__hash_room(f);
	if (f->failed)
		return 0;
	h = key->aux ? (uint32_t)((lo + key->type) * 0x9e3779b97f4a7c15ull >> 32) : ir__hash(key);
	for (; f->hash[at = h & (f->nhash - 1)]; h++)
		if (leaf_same(f, &f->insn[f->hash[at]], lo, hi, key))
			return f->hash[at];
	if (key->aux) {
		unsigned n = key->type == IR_V128 ? 2 : 1;

		if (!grow(f, &f->pool, &f->cpool, f->npool + n, sizeof(*f->pool)))
			return 0;
		key->imm = (int32_t)f->npool;
		f->pool[f->npool] = lo;
		if (n == 2)
			f->pool[f->npool + 1] = hi;
		f->npool += n;
	}
	f->hash[at] = ir__new(f, key);
	f->hash_used++;
	return f->hash[at];
}

ir_ref ir_const(struct ir_func *f, enum ir_type t, uint64_t v)
{
	struct ir_insn i = { .op = IR_CONST, .type = (uint8_t)t, .ct = (uint8_t)t };

	if (t == IR_V128)
		return ir_v128(f, v, 0);
	if (t == IR_I32 || t == IR_F32)
		v = (uint32_t)v, i.imm = (int32_t)v;
	else if ((int64_t)v == (int32_t)v)
		i.imm = (int32_t)v;
	else
		i.aux = 1;
	return leaf(f, &i, v, 0);
}

ir_ref ir_v128(struct ir_func *f, uint64_t lo, uint64_t hi)
{
	struct ir_insn i = { .op = IR_CONST, .type = IR_V128, .ct = IR_V128, .aux = 1 };

	return leaf(f, &i, lo, hi);
}

ir_ref ir_pin(struct ir_func *f, unsigned n)
{
	struct ir_insn i = { .op = IR_PIN, .type = IR_I64, .imm = (int32_t)n };

	return leaf(f, &i, 0, 0);
}

uint64_t ir_const_bits(const struct ir_func *f, ir_ref v)
{
	const struct ir_insn *i = &f->insn[v];

	if (i->aux)
		return f->pool[i->imm];
	return i->type == IR_I32 || i->type == IR_F32 ? (uint32_t)i->imm : (uint64_t)(int64_t)i->imm;
}

uint64_t ir_const_high(const struct ir_func *f, ir_ref v)
{
	return f->insn[v].type == IR_V128 ? f->pool[f->insn[v].imm + 1] : 0;
}

void ir__value_of(const struct ir_func *f, ir_ref v, union ir_value *out)
{
	out->v128[0] = ir_const_bits(f, v);
	out->v128[1] = ir_const_high(f, v);
}

ir_ref ir__const_of(struct ir_func *f, enum ir_type t, const union ir_value *v)
{
	if (t == IR_V128)
		return ir_v128(f, v->v128[0], v->v128[1]);
	return ir_const(f, t, t == IR_I32 || t == IR_F32 ? v->i32 : v->i64);
}
