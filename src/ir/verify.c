/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a function well formed?  Types against the rows, links, edges, exits,
 * calls, and that every value is made before it is used on every path.
 * Passes may rely on all of it; the parser uses it to refuse bad text.
 */
#include "ir/ir.h"

#include <stdarg.h>
#include <stdio.h>

#include "ir/internal.h"

struct check {
	struct ir_func *f;
	struct ir_cfg cfg;
	char *buf;
	size_t size;
	ir_ref *where;
	uint32_t block;
	uint32_t *pos; /* place of each instruction in its block */
	uint8_t *exit_used;
	bool bad;
};

static __attribute__((format(printf, 3, 4))) void complain(struct check *k, ir_ref i, const char *fmt, ...)
{
	char what[128];
	va_list ap;

	if (k->bad)
		return;
	k->bad = true;
	*k->where = i;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(k->buf, k->size, "block %u, value %u (%s): %s", k->block, i, ir_rows[k->f->insn[i].op].text,
		 what);
}

#define VERIFY(k, i, cond, ...) ((cond) ? (void)0 : complain(k, i, __VA_ARGS__))

/* ---- types -------------------------------------------------------------------- */

/* May memory of type mt become (or be made from) a value of type t? */
static bool memory_fits(unsigned mt, unsigned t)
{
	switch (mt) {
	case IR_U8: case IR_S8: case IR_U16: case IR_S16:
		return t == IR_I32 || t == IR_I64;
	case IR_U32: case IR_S32:
		return t == IR_I64;
	default:
		return mt == t;
	}
}

static void check_memory(struct check *k, ir_ref r)
{
	const struct ir_insn *i = &k->f->insn[r];
	uint32_t flags = ir_rows[i->op].flags;
	unsigned t = i->type;

	if (i->op == IR_STORE)
		t = ir_type(k->f, i->a[2]);
	else if (i->op == IR_PUTSTATE)
		t = ir_type(k->f, i->a[0]);
	VERIFY(k, r, memory_fits(i->ct, t), "memory of this type does not hold this value");
	if (flags & IR_STATE) {
		VERIFY(k, r, i->imm >= 0 && i->imm <= IR_OFFSET_MASK, "state offset out of range");
		return;
	}
	VERIFY(k, r, (i->aux & IR_MEM_ALIAS) < IR_ALIASES, "no such alias class");
	if (i->op == IR_LOAD || i->op == IR_STORE)
		return;
	VERIFY(k, r, t == IR_I32 || t == IR_I64, "an atomic of this type");
	VERIFY(k, r, ir_type(k->f, i->a[1]) == t && (i->op != IR_CAS || ir_type(k->f, i->a[2]) == t),
	      "operands of an atomic differ in type");
}

static void check_imm(struct check *k, ir_ref r)
{
	const struct ir_insn *i = &k->f->insn[r];
	unsigned low = i->imm & 255, n = (unsigned)i->imm >> 8, lanes;

	switch (i->op) {
	case IR_BFX_U: case IR_BFX_S: case IR_BFI:
		VERIFY(k, r, n >= 1 && low + n <= (i->ct == IR_I64 ? 64u : 32u), "bit field out of range");
		break;
	case IR_VLANE: case IR_VREPLACE:
		lanes = i->ct == IR_I8X16 ? 16 : i->ct == IR_I16X8 ? 8 : i->ct == IR_I32X4 || i->ct == IR_F32X4 ? 4 : 2;
		VERIFY(k, r, (uint32_t)i->imm < lanes, "no such lane");
		break;
	case IR_XLATE:
		VERIFY(k, r, i->aux >> 2 <= 12, "range too large");
		break;
	case IR_RESULT:
		VERIFY(k, r, k->f->insn[i->a[0]].op == IR_CALL && i->imm > 0, "not a result of a call");
		break;
	default:
		break;
	}
}

static void check_args(struct check *k, ir_ref r)
{
	const struct ir_insn *i = &k->f->insn[r];
	const struct ir_row *row = &ir_rows[i->op];

	for (unsigned n = 0; n < 3; n++) {
		enum ir_type want = ir__operand_type(i->op, i->ct, n);

		if (n >= row->nargs) {
			VERIFY(k, r, !i->a[n], "too many operands");
			continue;
		}
		if (!i->a[n]) {
			VERIFY(k, r, n == 1 && (i->op == IR_LOAD || i->op == IR_STORE), "operand %u is missing", n);
			continue;
		}
		VERIFY(k, r, i->a[n] < k->f->ninsn, "no such operand");
		if (!k->bad && want)
			VERIFY(k, r, ir_type(k->f, i->a[n]) == want, "operand %u is %s, not %s", n,
			      ir_type_names[ir_type(k->f, i->a[n])], ir_type_names[want]);
	}
}

static void check_call(struct check *k, ir_ref r)
{
	const struct ir_func *f = k->f;
	const struct ir_insn *i = &f->insn[r];
	const uint32_t *l = &f->list[i->imm];
	const char *s;

	VERIFY(k, r, i->imm > 0 && (uint32_t)i->imm + 2 <= f->nlist && l[0] < f->nhelper &&
		    (uint32_t)i->imm + 2 + l[1] <= f->nlist, "bad list of arguments");
	if (k->bad)
		return;
	s = f->helper[l[0]]->sig;
	for (uint32_t n = 0; n < l[1] && !k->bad; n++, s++) {
		static const char letters[IR_VALUE_TYPES] = { 0, 'i', 'I', 'f', 'F', 'V' };

		VERIFY(k, r, l[2 + n] && l[2 + n] < f->ninsn && *s == letters[ir_type(f, l[2 + n])],
		      "argument %u of %s", n, f->helper[l[0]]->name);
	}
	VERIFY(k, r, *s == ':', "number of arguments of %s", f->helper[l[0]]->name);
	if (i->op == IR_CALL && !k->bad)
		VERIFY(k, r, (s[1] ? strchr("?iIfFV", s[1]) - "?iIfFV" : 0) == i->type, "result of %s",
		      f->helper[l[0]]->name);
}

static void check_exit(struct check *k, ir_ref r)
{
	const struct ir_func *f = k->f;
	const struct ir_insn *i = &f->insn[r];
	const struct ir_exit *x;

	if (!i->x) {
		VERIFY(k, r, (ir_rows[i->op].flags & (IR_MEM | IR_CALLS)), "it needs an exit");
		return;
	}
	VERIFY(k, r, i->x < f->nexit, "no such exit");
	if (k->bad)
		return;
	VERIFY(k, r, !k->exit_used[i->x]++, "its exit is another's too");
	x = &f->exit[i->x];
	VERIFY(k, r, x->slots <= f->nlist && x->nslots <= (f->nlist - x->slots) / 2, "bad list of slots");
	for (uint32_t n = 0; n < x->nslots && !k->bad; n++) {
		uint32_t how = f->list[x->slots + 2 * n] >> 24;
		ir_ref v = f->list[x->slots + 2 * n + 1];
		enum ir_type t = v && v < f->ninsn ? ir_type(f, v) : IR_VOID;

		VERIFY(k, r, how < IR_HOWS && t, "bad slot");
		VERIFY(k, r, how == IR_HOW_PLAIN || (how == IR_HOW_BOX ? t == IR_F32 : how == IR_HOW_SEXT || how == IR_HOW_ZEXT ?
		      t == IR_I32 : t == IR_I32 || t == IR_I64), "a slot of this type");
	}
}

static void check_edges(struct check *k, ir_ref r)
{
	struct ir_func *f = k->f;
	const struct ir_insn *i = &f->insn[r];

	VERIFY(k, r, i->x >= 1 && i->imm > 0 && (uint32_t)i->imm < f->nedge && i->x <= f->nedge - (uint32_t)i->imm,
	      "bad edges");
	for (uint32_t n = 0; n < i->x && !k->bad; n++) {
		const struct ir_edge *e = &f->edge[(uint32_t)i->imm + n];
		ir_ref p;
		uint32_t j = 0;

		VERIFY(k, r, e->target < f->nblock && !(f->block[e->target].flags & IR_BLOCK_DEAD),
		      "edge %u goes nowhere", n);
		VERIFY(k, r, e->target != f->order[0], "an edge goes to the first block");
		if (k->bad)
			return;
		p = f->block[e->target].first;
		for (; j < f->block[e->target].nparams && !k->bad; j++, p = f->insn[p].next) {
			ir_ref v = f->list[e->args + j];

			VERIFY(k, r, v && v < f->ninsn && ir_type(f, v) == ir_type(f, p), "argument %u of edge %u", j, n);
		}
	}
}

static void check_ret(struct check *k, ir_ref r)
{
	const struct ir_func *f = k->f;
	const struct ir_insn *i = &f->insn[r];

	for (uint32_t n = 0; n < f->nresults && !k->bad; n++) {
		ir_ref v = f->list[(uint32_t)i->imm + n];

		VERIFY(k, r, v && v < f->ninsn && ir_type(f, v) == (enum ir_type)f->result[n], "result %u", n);
	}
}

static void check_insn(struct check *k, ir_ref r)
{
	const struct ir_insn *i = &k->f->insn[r];
	const struct ir_row *row = &ir_rows[i->op];
	bool open = strchr(row->sig, '_')[1] == 'A';

	VERIFY(k, r, !(row->flags & IR_LEAF), "a leaf in a block");
	VERIFY(k, r, row->types ? i->ct < IR_TYPES && (row->types >> i->ct & 1) : !i->ct, "controlling type");
	VERIFY(k, r, i->type < IR_VALUE_TYPES && (open || i->type == ir__result_type(i->op, i->ct, IR_VOID)),
	      "type of the value");
	VERIFY(k, r, !open || i->type || (row->flags & IR_CALLS), "type of the value is missing");
	if (!k->bad)
		check_args(k, r);
	if (!k->bad && (row->flags & (IR_MEM | IR_STATE)))
		check_memory(k, r);
	if (!k->bad && (row->flags & IR_IMM))
		check_imm(k, r);
	if (!k->bad && (row->flags & IR_CALLS))
		check_call(k, r);
	if (!k->bad && (row->flags & IR_EXITS))
		check_exit(k, r);
	if (!k->bad && (i->op == IR_JUMP || i->op == IR_BRANCH || i->op == IR_SWITCH))
		check_edges(k, r);
	if (!k->bad && i->op == IR_RET)
		check_ret(k, r);
}

/* ---- structure ------------------------------------------------------------------ */

static void check_block(struct check *k, uint32_t b)
{
	struct ir_func *f = k->f;
	ir_ref prev = 0;
	uint32_t params = 0, n = 0;

	k->block = b;
	for (ir_ref i = f->block[b].first; i && !k->bad; prev = i, i = f->insn[i].next) {
		VERIFY(k, i, f->insn[i].prev == prev && f->block_of[i] == b, "bad links");
		VERIFY(k, i, f->insn[i].op < IR_OPS && f->insn[i].op != IR_NOP, "bad operation");
		if (f->insn[i].op == IR_PARAM) {
			VERIFY(k, i, params == n && (uint32_t)f->insn[i].imm == n, "a parameter out of order");
			params++;
		}
		VERIFY(k, i, !(ir_rows[f->insn[i].op].flags & IR_TERM) == !!f->insn[i].next,
		      "not one terminator, at the end");
		k->pos[i] = n++;
		if (!k->bad)
			check_insn(k, i);
	}
	VERIFY(k, f->block[b].last, f->block[b].first && f->block[b].last == prev, "an empty block, or bad links");
	VERIFY(k, f->block[b].first, f->block[b].nparams == params, "wrong number of parameters");
}

/* Made before it is used? */
static void check_use(struct check *k, ir_ref user, ir_ref v)
{
	struct ir_func *f = k->f;
	uint32_t b = k->block, d = f->block_of[v];

	if (ir_rows[f->insn[v].op].flags & IR_LEAF)
		return;
	VERIFY(k, user, d != IR_NO_BLOCK, "value %u stands in no block", v);
	if (k->bad)
		return;
	if (d == b)
		VERIFY(k, user, k->pos[v] < k->pos[user], "value %u is used before it is made", v);
	else
		VERIFY(k, user, ir_dominates(&k->cfg, d, b), "value %u is not made on every path", v);
}

static void check_uses(struct check *k)
{
	struct ir_func *f = k->f;

	for (uint32_t n = 0; n < k->cfg.n && !k->bad; n++) {
		k->block = k->cfg.rpo[n];
		for (IR_EACH(f, k->block, i))
			IR__EACH_OPERAND(f, i, p, check_use(k, i, *p));
	}
}

const char *ir__verify(struct ir_func *f, char *buf, size_t size, ir_ref *where)
{
	struct check k = { .f = f, .buf = buf, .size = size, .where = where };

	if (f->failed)
		return "out of memory";
	if (!f->norder)
		return "no block";
	k.exit_used = ir__scratch(f, f->nexit, 1);
	k.pos = ir__scratch(f, f->ninsn, sizeof(*k.pos));
	for (uint32_t n = 0; !f->failed && n < f->norder && !k.bad; n++)
		check_block(&k, f->order[n]);
	if (!f->failed && !k.bad && ir_cfg(f, &k.cfg) && ir_dominators(f, &k.cfg))
		check_uses(&k);
	ir__scratch_reset(f);
	return f->failed ? "out of memory" : k.bad ? buf : NULL;
}

const char *ir_verify(struct ir_func *f, char *buf, size_t size)
{
	ir_ref where;

	return ir__verify(f, buf, size, &where);
}
