/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random functions of the IR and machines to run them on, for tests and the
 * fuzzer.  A stream of numbers decides everything; a function that comes out
 * is well formed, and no two alias classes share an address:
 *     MEM 0..127, TABLE 128..255, HOST 256..383, guest state at 0x10000
 */
#ifndef TESTS_IR_GEN_H
#define TESTS_IR_GEN_H

#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

enum { GEN_STATE = 128, GEN_FRAME = 64, GEN_MEM = 384, GEN_STATE_AT = 0x10000, GEN_ADDEND = 0 };

struct gen {
	struct ir_func *f;
	uint32_t (*next)(void *arg);
	void *arg;
	ir_ref pool[IR_VALUE_TYPES][24]; /* values at hand; they dominate */
	unsigned n[IR_VALUE_TYPES];
	unsigned left;                   /* instructions still to make */
	unsigned depth, cookie;
	ir_ref base;                     /* of the last access: often the next one's */
	uint8_t base_alias;
};

/* ---- a machine ----------------------------------------------------------------- */

struct gen_world {
	struct ir_machine m;
	uint8_t state[GEN_STATE], frame[GEN_FRAME], mem[GEN_MEM];
	uint64_t trace; /* of calls */
};

static inline uint8_t *gen_at(struct gen_world *w, uint64_t addr, unsigned size)
{
	if (addr < GEN_MEM && addr + size <= GEN_MEM)
		return w->mem + addr;
	if (addr >= GEN_STATE_AT && addr + size <= GEN_STATE_AT + GEN_STATE)
		return w->state + (addr - GEN_STATE_AT);
	return NULL;
}
static inline bool gen_load(struct ir_machine *m, uint64_t addr, unsigned size, void *to)
{
	uint8_t *p = gen_at(m->arg, addr, size);

	if (p)
		memcpy(to, p, size);
	return p;
}
static inline bool gen_store(struct ir_machine *m, uint64_t addr, unsigned size, const void *from)
{
	uint8_t *p = gen_at(m->arg, addr, size);

	if (p)
		memcpy(p, from, size);
	return p;
}
static inline bool gen_xlate(struct ir_machine *m, uint64_t addr, unsigned access, unsigned size, uint64_t *addend)
{
	(void)m, (void)addr, (void)access, (void)size;
	*addend = GEN_ADDEND;
	return true;
}
static inline void gen_call(struct ir_machine *m, const struct ir_helper *h, const union ir_value *args, unsigned n,
			    union ir_value *result)
{
	struct gen_world *w = m->arg;
	uint64_t v = 0x1234567;

	for (unsigned k = 0; k < n; k++)
		v = (v ^ (h->sig[k] == 'i' ? args[k].i32 : args[k].i64)) * 0x9e3779b97f4a7c15ull;
	if (h->reads & 1 << IR_ALIAS_STATE)
		for (unsigned k = 0; k < GEN_STATE; k++)
			v = (v ^ w->state[k]) * 0x100000001b3ull;
	if (h->writes & 1 << IR_ALIAS_STATE)
		w->state[v % GEN_STATE] ^= (uint8_t)(v >> 32);
	if (h->writes & 1 << IR_ALIAS_MEM)
		w->mem[v % 128] ^= (uint8_t)(v >> 40);
	if (!(h->flags & IR_CALL_PURE))
		w->trace = (w->trace ^ v) * 0x100000001b3ull;
	result[0].i64 = v;
	result[1].i64 = v >> 7;
}

static const struct ir_helper gen_helpers[] = {
	{ "pure", NULL, "II:I", 0, 0, IR_CALL_PURE },
	{ "reads", NULL, "I:I", 1 << IR_ALIAS_STATE, 1 << IR_ALIAS_MEM, 0 },
	{ "writes", NULL, "Ii:I", 1 << IR_ALIAS_STATE, 1 << IR_ALIAS_STATE, 0 },
	{ NULL, NULL, NULL, 0, 0, 0 },
};

static inline void gen_world_init(struct gen_world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	for (unsigned k = 0; k < GEN_STATE; k++)
		w->state[k] = (uint8_t)((seed = seed * 6364136223846793005ull + 1442695040888963407ull) >> 56);
	for (unsigned k = 0; k < GEN_MEM; k++)
		w->mem[k] = (uint8_t)((seed = seed * 6364136223846793005ull + 1442695040888963407ull) >> 56);
	w->m = (struct ir_machine){ .state = w->state, .state_size = GEN_STATE, .frame = w->frame,
				    .frame_size = GEN_FRAME, .budget = 50, .steps = 20000, .arg = w,
				    .load = gen_load, .store = gen_store, .xlate = gen_xlate, .call = gen_call };
	w->m.pin[IR_PIN_STATE] = GEN_STATE_AT;
}

/* ---- choices ---------------------------------------------------------------------- */

static inline uint32_t gen_pick(struct gen *g, uint32_t n) { return g->next(g->arg) % n; }

static inline void gen_keep(struct gen *g, ir_ref v)
{
	enum ir_type t = ir_type(g->f, v);

	if (!t)
		return;
	if (g->n[t] == 24)
		g->pool[t][gen_pick(g, 24)] = v;
	else
		g->pool[t][g->n[t]++] = v;
}

static inline ir_ref gen_value(struct gen *g, enum ir_type t)
{
	static const uint64_t special[] = { 0, 1, ~0ull, 2, 8, 31, 32, 33, 63, 0x7fffffff, 0x80000000, 0xffffffff,
					    1ull << 63, 0x7fffffffffffffff, 0xff, 0xffff, 0x7ff0000000000000,
					    0x7f800000, 0x3f800000, 0x3ff0000000000000, 0xffffffff7f800000 };

	if (!g->n[t] || gen_pick(g, 4) == 0) {
		uint64_t v = gen_pick(g, 3) ? special[gen_pick(g, sizeof(special) / sizeof(*special))] :
					      (uint64_t)g->next(g->arg) << 32 | g->next(g->arg);

		return t == IR_V128 ? ir_v128(g->f, v, v * 3) : ir_const(g->f, t, v);
	}
	return g->pool[t][gen_pick(g, g->n[t])];
}

static inline enum ir_type gen_type(struct gen *g)
{
	static const uint8_t t[] = { IR_I32, IR_I64, IR_I64, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128 };

	return (enum ir_type)t[gen_pick(g, 8)];
}

static inline uint32_t gen_exit(struct gen *g)
{
	return ir_exit(g->f, 1 + gen_pick(g, 3), ++g->cookie);
}

/* ---- instructions -------------------------------------------------------------------- */

static inline enum ir_type gen_letter(char c, enum ir_type ct)
{
	switch (c) {
	case 'T': return ct;
	case 'i': return IR_I32;
	case 'I': return IR_I64;
	case 'f': return IR_F32;
	case 'F': return IR_F64;
	case 'V': return IR_V128;
	case 'E': return ct == IR_I64X2 ? IR_I64 : ct == IR_F32X4 ? IR_F32 : ct == IR_F64X2 ? IR_F64 : IR_I32;
	default: return IR_VOID;
	}
}

/* A pure row, with an imm and aux that are legal for it; 0: not this one. */
static inline ir_ref gen_pure(struct gen *g)
{
	enum ir_op op = (enum ir_op)gen_pick(g, IR_OPS);
	const struct ir_row *row = &ir_rows[op];
	enum ir_type ct = IR_VOID;
	ir_ref a[3] = { 0 };
	uint8_t aux = 0;
	int32_t imm = 0;

	if (!(row->flags & IR_PURE))
		return 0;
	while (row->types && !(row->types >> ct & 1))
		ct = (enum ir_type)gen_pick(g, IR_TYPES);
	for (unsigned k = 0; k < row->nargs; k++)
		a[k] = gen_value(g, gen_letter(row->sig[k], ct));
	/* Flags of vectors would depend on the order of lanes only: leave them. */
	if (row->flags & IR_FP)
		aux = (uint8_t)(IR_FP_CANON | (ct < IR_V128 && gen_pick(g, 3) == 0 ? IR_FP_FLAGS : 0) |
				(gen_pick(g, 4) ? 0 : gen_pick(g, 4)));
	if (op == IR_BFX_U || op == IR_BFX_S || op == IR_BFI) {
		unsigned w = ct == IR_I64 ? 64 : 32, low = gen_pick(g, w), n = 1 + gen_pick(g, w - low);

		imm = (int32_t)(low | n << 8);
	} else if (row->flags & IR_IMM) {
		imm = (int32_t)gen_pick(g, 2);
	}
	return ir_emit(g->f, op, ct, a[0], a[1], a[2], imm, aux);
}

static inline void gen_state(struct gen *g)
{
	/* Mostly whole slots of 8 bytes, sometimes narrow or across. */
	static const uint8_t type[] = { IR_I64, IR_I64, IR_I64, IR_F64, IR_I32, IR_F32, IR_V128 };
	enum ir_type t = (enum ir_type)type[gen_pick(g, 7)], mt = t;
	uint32_t offset = gen_pick(g, 8) * 8;

	if (t == IR_I32 || t == IR_F32)
		offset = 64 + gen_pick(g, 4) * 4;
	if (t == IR_V128)
		offset = 80;
	if (gen_pick(g, 40) == 0)
		offset = 60 + gen_pick(g, 12);
	if (t == IR_I64 && gen_pick(g, 12) == 0)
		offset = 96, mt = gen_pick(g, 2) ? IR_U8 : IR_S32;
	if (t == IR_I64 && mt == t && gen_pick(g, 4) == 0)
		offset = IR_FRAME + gen_pick(g, 4) * 8;
	if (gen_pick(g, 2))
		gen_keep(g, ir_getstate(g->f, t, mt, offset));
	else
		ir_putstate(g->f, mt, offset, gen_value(g, t));
}

static inline void gen_memory(struct gen *g)
{
	static const uint8_t type[] = { IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32, IR_I64, IR_I32, IR_F64, IR_I64 };
	static const uint8_t alias[] = { IR_ALIAS_MEM, IR_ALIAS_MEM, IR_ALIAS_TABLE, IR_ALIAS_HOST };
	enum ir_type mt = (enum ir_type)type[gen_pick(g, 10)], t = mt;
	unsigned k = gen_pick(g, 4), kind = gen_pick(g, 12);
	ir_ref base = gen_value(g, IR_I64), index = 0;
	uint32_t x = gen_pick(g, 3) ? gen_exit(g) : 0;
	static const uint8_t offsets[] = { 0, 8, 8, 16, 12, 10, 24, 1 };
	int32_t offset = offsets[gen_pick(g, 8)];
	uint8_t mem = ir_mem((enum ir_alias)alias[k], 0);
	struct ir_func *f = g->f;

	if (mt == IR_I64 && gen_pick(g, 5) == 0) { /* guest state by pointer */
		base = ir_pin(f, IR_PIN_STATE);
		mem = ir_mem(IR_ALIAS_STATE, 0);
		offset &= ~7;
	} else if (g->base && gen_pick(g, 2)) {
		base = g->base;
		mem = g->base_alias;
	} else {
		base = ir_2(f, IR_AND, IR_I64, base, ir_i64(f, 56));
		if (alias[k] != IR_ALIAS_MEM)
			base = ir_2(f, IR_ADD, IR_I64, base, ir_i64(f, alias[k] == IR_ALIAS_TABLE ? 128 : 256));
		else if (x && gen_pick(g, 6) == 0) /* may fault */
			base = ir_2(f, IR_ADD, IR_I64, base, ir_i64(f, 1ull << 40));
		if (gen_pick(g, 3) == 0) {
			index = ir_2(f, IR_AND, IR_I64, gen_value(g, IR_I64), ir_i64(f, 3));
			index = ir_2(f, IR_SHL, IR_I64, index, ir_i64(f, gen_pick(g, 4)));
			if (gen_pick(g, 2))
				base = ir_2(f, IR_ADD, IR_I64, base, index), index = 0;
		}
		if (!x || alias[k] != IR_ALIAS_MEM)
			g->base = base, g->base_alias = mem;
		if (gen_pick(g, 4) == 0) {
			ir_ref a = ir_xlate(f, base, offset, gen_pick(g, 3), 3, gen_exit(g));

			base = ir_2(f, IR_ADD, IR_I64, base, a);
		}
	}
	if (mt >= IR_VALUE_TYPES)
		t = mt == IR_U32 || mt == IR_S32 || gen_pick(g, 2) ? IR_I64 : IR_I32;
	if (kind < 5)
		gen_keep(g, ir_load(f, t, mt, base, index, offset, mem, x));
	else if (kind < 10 || t == IR_F64)
		ir_store(f, mt, base, index, offset, gen_value(g, t), mem, x);
	else {
		enum ir_op op = (enum ir_op)(IR_RMW_ADD + gen_pick(g, IR_CAS - IR_RMW_ADD + 1));
		ir_ref v = gen_value(g, t), w = op == IR_CAS ? gen_value(g, t) : 0;

		offset &= ~7;
		if (index) /* atomics have none */
			base = ir_2(f, IR_ADD, IR_I64, base, index);
		gen_keep(g, ir_atomic(f, op, t, mt, base, offset, v, w, mem, x));
	}
}

static inline void gen_other(struct gen *g)
{
	struct ir_func *f = g->f;
	ir_ref args[2];

	switch (gen_pick(g, 12)) {
	case 0:
		args[0] = gen_value(g, IR_I64), args[1] = gen_value(g, IR_I64);
		gen_keep(g, ir_call(f, &gen_helpers[0], args, 2, 0));
		break;
	case 1:
		args[0] = gen_value(g, IR_I64);
		args[0] = ir_call(f, &gen_helpers[1], args, 1, 0);
		if (gen_pick(g, 2))
			gen_keep(g, ir_result(f, args[0], IR_I64, 1));
		gen_keep(g, args[0]);
		break;
	case 2:
		args[0] = gen_value(g, IR_I64), args[1] = gen_value(g, IR_I32);
		gen_keep(g, ir_call(f, &gen_helpers[2], args, 2, gen_exit(g)));
		break;
	case 3:
		ir_poll(f, gen_pick(g, 3), gen_exit(g));
		break;
	case 4:
		gen_keep(g, ir_emit(f, IR_FPFLAGS, IR_VOID, 0, 0, 0, 0, 0));
		break;
	case 5:
		ir_emit(f, IR_SETFPFLAGS, IR_VOID, gen_value(g, IR_I32), 0, 0, 0, 0);
		break;
	case 6:
		ir_emit(f, IR_FENCE, IR_VOID, 0, 0, 0, 0x33, 0);
		break;
	case 7: /* a bound, then a use of it */
		args[0] = gen_value(g, IR_I32);
		args[1] = ir_2(f, IR_LT_U, IR_I32, args[0], ir_i32(f, 1 + gen_pick(g, 40)));
		ir_guard(f, args[1], gen_exit(g));
		break;
	default:
		ir_guard(f, ir_2(f, (enum ir_op)(IR_EQ + gen_pick(g, 10)), IR_I32, gen_value(g, IR_I32),
				 gen_value(g, IR_I32)), gen_exit(g));
	}
}

static inline void gen_insns(struct gen *g, unsigned n)
{
	for (unsigned k = 0; k < n && g->left && !g->f->failed; g->left--, k++) {
		unsigned c = gen_pick(g, 16);
		ir_ref v;

		if (c < 8) {
			for (unsigned t = 0; t < 4; t++)
				if ((v = gen_pure(g))) {
					gen_keep(g, v);
					break;
				}
		} else if (c < 12) {
			gen_state(g);
		} else if (c < 15) {
			gen_memory(g);
		} else {
			gen_other(g);
		}
	}
}

/* ---- control ------------------------------------------------------------------------------ */

static inline void gen_part(struct gen *g);

/* What is made inside of a branch or loop is not at hand after it. */
struct gen_scope {
	unsigned n[IR_VALUE_TYPES];
	ir_ref pool[IR_VALUE_TYPES][24];
	ir_ref base;
};
static inline void gen_save(struct gen *g, struct gen_scope *s)
{
	s->base = g->base;
	memcpy(s->n, g->n, sizeof(s->n));
	memcpy(s->pool, g->pool, sizeof(s->pool));
}
static inline void gen_restore(struct gen *g, const struct gen_scope *s)
{
	g->base = s->base;
	memcpy(g->n, s->n, sizeof(s->n));
	memcpy(g->pool, s->pool, sizeof(s->pool));
}

static inline void gen_if(struct gen *g)
{
	struct ir_func *f = g->f;
	struct gen_scope *s = malloc(sizeof(*s));
	uint32_t arm[3], join = ir_block(f), narm = 2 + gen_pick(g, 2);
	enum ir_type t[2] = { gen_type(g), gen_type(g) };
	ir_ref p[2], args[2], c = gen_value(g, IR_I32);
	struct ir_to to[3];

	if (!s)
		abort();
	for (unsigned k = 0; k < 2; k++)
		p[k] = ir_param(f, join, t[k]);
	for (unsigned k = 0; k < narm; k++) {
		arm[k] = ir_block(f);
		to[k] = IR_TO(arm[k]);
		to[k].weight = gen_pick(g, 3) * 10;
	}
	if (narm == 3)
		ir_switch(f, c, to, 3);
	else
		ir_branch(f, gen_pick(g, 2) ? c : ir_2(f, IR_LT_S, IR_I32, c, gen_value(g, IR_I32)), to[0], to[1]);
	gen_save(g, s);
	for (unsigned k = 0; k < narm; k++) {
		gen_restore(g, s);
		ir_at(f, arm[k]);
		gen_part(g);
		if (k && gen_pick(g, 12) == 0) {
			if (gen_pick(g, 2))
				ir_leave(f, gen_exit(g));
			else
				ir_goto(f, gen_value(g, IR_I64), gen_exit(g));
			continue;
		}
		args[0] = gen_value(g, t[0]);
		args[1] = gen_value(g, t[1]);
		ir_jump(f, (struct ir_to){ join, args, 2, 0 });
	}
	gen_restore(g, s);
	free(s);
	ir_at(f, join);
	gen_keep(g, p[0]);
	gen_keep(g, p[1]);
}

/* A loop that counts down, with one value that it carries. */
static inline void gen_loop(struct gen *g)
{
	struct ir_func *f = g->f;
	struct gen_scope *s = malloc(sizeof(*s));
	uint32_t head = ir_block(f), out = ir_block(f);
	enum ir_type t = gen_type(g);
	ir_ref args[2] = { ir_i32(f, 1 + gen_pick(g, 5)), gen_value(g, t) };
	ir_ref count = ir_param(f, head, IR_I32), carried = ir_param(f, head, t), r = ir_param(f, out, t);

	if (!s)
		abort();
	ir_jump(f, (struct ir_to){ head, args, 2, 0 });
	gen_save(g, s);
	ir_at(f, head);
	gen_keep(g, count);
	gen_keep(g, carried);
	gen_part(g);
	args[0] = ir_2(f, IR_SUB, IR_I32, count, ir_i32(f, 1));
	args[1] = gen_value(g, t);
	ir_branch(f, args[0], (struct ir_to){ head, args, 2, 20 }, (struct ir_to){ out, &carried, 1, 3 });
	gen_restore(g, s);
	free(s);
	ir_at(f, out);
	gen_keep(g, r);
}

static inline void gen_part(struct gen *g)
{
	g->depth++;
	do {
		gen_insns(g, 1 + gen_pick(g, 10));
		if (g->depth < 6 && g->left && !g->f->failed)
			switch (gen_pick(g, 4)) {
			case 0: gen_if(g); break;
			case 1: gen_loop(g); break;
			default: break;
			}
	} while (g->left && gen_pick(g, 3) && !g->f->failed);
	g->depth--;
}

/* A whole function of about n instructions: (i64, i32, f64, f32) -> (i64, i32, f64) */
static inline void gen_function(struct gen *g, unsigned n)
{
	static const enum ir_type args[] = { IR_I64, IR_I32, IR_F64, IR_F32 };
	static const enum ir_type results[] = { IR_I64, IR_I32, IR_F64 };
	struct ir_func *f = g->f;
	uint32_t b = ir_block(f);
	ir_ref v[3];

	memset(g->n, 0, sizeof(g->n));
	g->base = 0;
	g->left = n;
	g->depth = g->cookie = 0;
	strcpy(f->name, "random");
	ir_results(f, results, 3);
	for (unsigned k = 0; k < 4; k++)
		gen_keep(g, ir_param(f, b, args[k]));
	ir_at(f, b);
	while (g->left && !f->failed)
		gen_part(g);
	v[0] = gen_value(g, IR_I64);
	v[1] = gen_value(g, IR_I32);
	v[2] = gen_value(g, IR_F64);
	ir_ret(f, v, 3);
}

/* Run; the rest of the world tells what it did. */
static inline void gen_run(struct ir_func *f, struct gen_world *w, uint64_t seed, struct ir_end *end)
{
	union ir_value args[4] = { { .i64 = seed * 0x9e3779b97f4a7c15ull }, { .i32 = (uint32_t)seed },
				   { .f64 = (double)(int64_t)seed / 3 }, { .f32 = (float)(seed & 0xff) } };

	ir_eval(f, &w->m, args, 4, end);
}

/* NULL when both did the same, else what differs. */
static inline const char *gen_differ(const struct gen_world *a, const struct ir_end *x, const struct gen_world *b,
				     const struct ir_end *y)
{
	if (x->how != y->how)
		return "how it ended";
	if (x->kind != y->kind || x->cookie != y->cookie || x->target != y->target)
		return "where it left";
	if (x->how == IR_RETURNED && (x->value[0].i64 != y->value[0].i64 || x->value[1].i32 != y->value[1].i32 ||
				      x->value[2].i64 != y->value[2].i64))
		return "results";
	if (memcmp(a->state, b->state, GEN_STATE))
		return "guest state";
	if (x->how != IR_RETURNED && memcmp(a->frame, b->frame, GEN_FRAME))
		return "frame";
	if (memcmp(a->mem, b->mem, GEN_MEM))
		return "memory";
	if (a->trace != b->trace)
		return "calls";
	if (a->m.fp_flags != b->m.fp_flags)
		return "floating-point flags";
	if (a->m.budget != b->m.budget)
		return "budget";
	return NULL;
}

#endif
