/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator: runs a function, one instruction after the other, on a
 * machine that the caller gives.  It is what the passes and the back ends are
 * compared with, so it is plain and slow.  Whatever the function (it has been
 * verified), it reads and writes only m->state, m->frame and what the
 * callbacks allow.
 */
#include "ir/ir.h"

#include "base/alloc.h"
#include "ir/internal.h"
#include "ir/only.h"

struct eval {
	struct ir_func *f;
	struct ir_machine *m;
	struct ir_end *end;
	union ir_value *v;   /* of each instruction */
	union ir_value *tmp; /* arguments of an edge, read before any is written */
	bool done;
};

static union ir_value get(const struct eval *e, ir_ref r)
{
	union ir_value v = { .v128 = { 0, 0 } };

	if (e->f->insn[r].op == IR_CONST)
		ir__value_of(e->f, r, &v);
	else if (e->f->insn[r].op == IR_PIN)
		v.i64 = e->m->pin[(unsigned)e->f->insn[r].imm % IR_PINS];
	else
		v = e->v[r];
	return v;
}

static uint8_t *state_at(const struct ir_machine *m, uint32_t offset, unsigned size)
{
	if (offset >= IR_FRAME) {
		offset -= IR_FRAME;
		return size <= m->frame_size && offset <= m->frame_size - size ? m->frame + offset : NULL;
	}
	return size <= m->state_size && offset <= m->state_size - size ? m->state + offset : NULL;
}

/* Bytes of memory type mt as a value of type t. */
static union ir_value widen(const uint8_t *p, unsigned mt, unsigned t)
{
	union ir_value v = { .v128 = { 0, 0 } };

	memcpy(&v, p, ir_type_size(mt));
	switch (mt) {
	case IR_S8: v.i64 = (uint64_t)(int64_t)(int8_t)v.i64; break;
	case IR_S16: v.i64 = (uint64_t)(int64_t)(int16_t)v.i64; break;
	case IR_S32: v.i64 = (uint64_t)(int64_t)(int32_t)v.i64; break;
	default: break;
	}
	if (t == IR_I32)
		v.i64 = v.i32;
	return v;
}

static void leave(struct eval *e, uint32_t x)
{
	const struct ir_exit *exit = &e->f->exit[x];
	const uint32_t *s = e->f->list + exit->slots;

	for (uint32_t n = 0; n < exit->nslots; n++, s += 2) {
		union ir_value v = get(e, s[1]);
		unsigned size = ir_type_size(ir_type(e->f, s[1]));
		uint8_t *p;

		switch (s[0] >> 24) {
		case IR_HOW_SEXT: v.i64 = (uint64_t)(int64_t)(int32_t)v.i32, size = 8; break;
		case IR_HOW_ZEXT: v.i64 = v.i32, size = 8; break;
		case IR_HOW_BOX: v.i64 = v.i32 | 0xffffffffull << 32, size = 8; break;
		case IR_HOW_8: size = 1; break;
		case IR_HOW_16: size = 2; break;
		case IR_HOW_32: size = 4; break;
		default: break;
		}
		p = state_at(e->m, s[0] & IR_OFFSET_MASK, size);
		if (p)
			memcpy(p, &v, size);
	}
	e->end->how = IR_LEFT;
	e->end->kind = exit->kind;
	e->end->cookie = exit->cookie;
	e->done = true;
}

/* ---- memory --------------------------------------------------------------------- */

static uint64_t rmw(unsigned op, uint64_t old, uint64_t v)
{
	switch (op) {
#define OP(id, text, types, sig, flags, rules, e) IR_ONLY_##sig(case IR_##id: return e;)
#define RMW(x) (x)
#define HAND v
#include "ir/op.def"
#undef OP
	default:
		return v;
	}
}

/* The whole value that an atomic of width ct compares and computes with. */
static uint64_t atomic_operand(unsigned ct, union ir_value v)
{
	return widen((const uint8_t *)&v, ct, IR_I64).i64;
}

static void atomic(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	uint64_t addr = get(e, i->a[0]).i64 + (uint64_t)(int64_t)i->imm, old, v;
	unsigned size = ir_type_size(i->ct);
	uint8_t buf[16] = { 0 };

	if (!e->m->load(e->m, addr, size, buf)) {
		leave(e, i->x);
		return;
	}
	e->v[r] = widen(buf, i->ct, i->type);
	old = widen(buf, i->ct, IR_I64).i64;
	v = atomic_operand(i->ct, get(e, i->a[1]));
	if (i->op != IR_CAS)
		v = rmw(i->op, old, v);
	else
		v = v == old ? get(e, i->a[2]).i64 : old;
	if (!e->m->store(e->m, addr, size, &v))
		leave(e, i->x);
}

static void memory(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	uint64_t index = i->a[1] ? get(e, i->a[1]).i64 : 0;
	uint64_t addr = get(e, i->a[0]).i64 + (uint64_t)(int64_t)i->imm +
			(index << ((i->aux & IR_MEM_SCALE) >> IR_MEM_SCALE_SHIFT));
	unsigned size = ir_type_size(i->ct);
	uint8_t buf[16] = { 0 };

	if (i->op == IR_LOAD) {
		if (e->m->load(e->m, addr, size, buf))
			e->v[r] = widen(buf, i->ct, i->type);
		else
			leave(e, i->x);
	} else {
		union ir_value v = get(e, i->a[2]);

		if (!e->m->store(e->m, addr, size, &v))
			leave(e, i->x);
	}
}

static void state(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	unsigned size = ir_type_size(i->ct);
	uint8_t *p = state_at(e->m, (uint32_t)i->imm, size);

	if (i->op == IR_GETSTATE) {
		if (p)
			e->v[r] = widen(p, i->ct, i->type);
	} else if (p) {
		union ir_value v = get(e, i->a[0]);

		memcpy(p, &v, size);
	}
}

static void xlate(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	uint64_t addr = get(e, i->a[0]).i64 + (uint64_t)(int64_t)i->imm, addend = 0;

	if (e->m->xlate && e->m->xlate(e->m, addr, i->aux & 3, 1u << (i->aux >> 2), &addend))
		e->v[r].i64 = addend;
	else
		leave(e, i->x);
}

/* ---- control ------------------------------------------------------------------------ */

static void call(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	const uint32_t *l = e->f->list + i->imm;
	union ir_value args[16], result[8];
	unsigned n = MIN(l[1], (uint32_t)ARRAY_LEN(args));

	memset(result, 0, sizeof(result));
	for (unsigned k = 0; k < n; k++)
		args[k] = get(e, l[2 + k]);
	e->m->call(e->m, e->f->helper[l[0]], args, n, result);
	e->v[r] = result[0];
	for (unsigned k = 0; k < ARRAY_LEN(result); k++)
		e->end->value[k] = result[k]; /* for RESULT, until the next call */
	if (i->op == IR_TAIL) {
		e->end->how = IR_TAILED;
		e->done = true;
	}
}

static uint32_t follow(struct eval *e, uint32_t edge)
{
	const struct ir_edge *ed = &e->f->edge[edge];
	uint32_t n = e->f->block[ed->target].nparams;
	ir_ref p = e->f->block[ed->target].first;

	for (uint32_t k = 0; k < n; k++)
		e->tmp[k] = get(e, e->f->list[ed->args + k]);
	for (uint32_t k = 0; k < n; k++, p = e->f->insn[p].next)
		e->v[p] = e->tmp[k];
	return ed->target;
}

static void ret(struct eval *e, const struct ir_insn *i)
{
	for (uint32_t k = 0; k < e->f->nresults; k++)
		e->end->value[k] = get(e, e->f->list[(uint32_t)i->imm + k]);
	e->end->n = e->f->nresults;
	e->end->how = IR_RETURNED;
	e->done = true;
}

static uint32_t terminate(struct eval *e, const struct ir_insn *i)
{
	union ir_value v = get(e, i->a[0]);

	switch (i->op) {
	case IR_JUMP:
		return follow(e, (uint32_t)i->imm);
	case IR_BRANCH:
		return follow(e, (uint32_t)i->imm + !v.i32);
	case IR_SWITCH:
		return follow(e, (uint32_t)i->imm + MIN(v.i32, i->x - 1));
	case IR_GOTO:
		leave(e, i->x);
		e->end->how = IR_WENT;
		e->end->target = v.i64;
		return 0;
	case IR_LEAVE:
		leave(e, i->x);
		return 0;
	case IR_RET:
		ret(e, i);
		return 0;
	default:
		call(e, i, 0);
		return 0;
	}
}

static void poll(struct eval *e, const struct ir_insn *i)
{
	if (i->imm)
		e->m->budget -= i->imm;
	if (e->m->stop || (i->imm && e->m->budget < 0))
		leave(e, i->x);
}

static void pure(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	union ir_value a = get(e, i->a[0]), b = get(e, i->a[1]), c = get(e, i->a[2]);
	uint8_t aux = i->aux, fp;

	if ((ir_rows[i->op].flags & IR_FP) && (aux & IR_FP_RM) == IR_FP_DYN)
		aux = (uint8_t)((aux & ~IR_FP_RM) | (e->m->fp_mode & 3));
	ir_compute(i->op, i->ct, aux, i->imm, &a, &b, &c, &e->v[r], &fp);
	if ((ir_rows[i->op].flags & IR_FP) && (aux & IR_FP_FLAGS))
		e->m->fp_flags |= fp;
}

static void step(struct eval *e, const struct ir_insn *i, ir_ref r)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (flags & IR_PURE) {
		pure(e, i, r);
		return;
	}
	switch (i->op) {
	case IR_LOAD: case IR_STORE: memory(e, i, r); break;
	case IR_GETSTATE: case IR_PUTSTATE: state(e, i, r); break;
	case IR_XLATE: xlate(e, i, r); break;
	case IR_CALL: call(e, i, r); break;
	case IR_RESULT: e->v[r] = e->end->value[(unsigned)i->imm % 8]; break;
	case IR_POLL: poll(e, i); break;
	case IR_FPFLAGS: e->v[r].i64 = e->m->fp_flags; break;
	case IR_SETFPFLAGS: e->m->fp_flags = (uint8_t)(get(e, i->a[0]).i32 & 31); break;
	case IR_SETFPMODE: e->m->fp_mode = (uint8_t)(get(e, i->a[0]).i32 & 3); break;
	case IR_GUARD:
		if (!get(e, i->a[0]).i32)
			leave(e, i->x);
		break;
	default:
		if (flags & IR_MEM)
			atomic(e, i, r);
		break; /* PAUSE, FENCE: one machine alone sees nothing of them */
	}
}

static void run(struct eval *e, uint32_t b)
{
	while (!e->done) {
		ir_ref i = e->f->block[b].first;

		for (; i && !e->done; i = e->f->insn[i].next) {
			const struct ir_insn *in = &e->f->insn[i];

			if (!e->m->steps) {
				e->end->how = IR_STEPS;
				return;
			}
			e->m->steps--;
			if (in->op == IR_PARAM)
				continue;
			if (ir_rows[in->op].flags & IR_TERM) {
				b = terminate(e, in);
				break;
			}
			step(e, in, i);
		}
	}
}

void ir_eval(struct ir_func *f, struct ir_machine *m, const union ir_value *args, unsigned nargs,
	     struct ir_end *end)
{
	struct eval e = { .f = f, .m = m, .end = end };
	uint32_t most = 1;
	ir_ref p;

	*end = (struct ir_end){ .how = IR_NO_MEMORY };
	for (uint32_t b = 0; b < f->nblock; b++)
		most = MAX(most, f->block[b].nparams);
	e.v = base_calloc(f->ninsn, sizeof(*e.v));
	e.tmp = base_calloc(most, sizeof(*e.tmp));
	if (e.v && e.tmp) {
		p = f->block[f->order[0]].first;
		for (unsigned k = 0; k < MIN(nargs, f->block[f->order[0]].nparams); k++, p = f->insn[p].next)
			memcpy(&e.v[p], &args[k], ir_type_size(f->insn[p].type));
		run(&e, f->order[0]);
	}
	base_free(e.v);
	base_free(e.tmp);
}
