/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random modules: every one is valid, ends, and gives the same results in
 * every correct engine.  For that, floating-point results pass through a
 * select that makes each NaN the canonical one, loops and calls pay from a
 * global that runs dry, and what the specification leaves open is not used.
 *
 * The plain instructions are drawn from the table of instructions by their
 * signature, so a new row is tested as soon as it is there.
 *
 * A module exports functions "f0".. of numbers, "fuel" (its global), "m0" (its
 * memory), and has a custom section "calls" with lines "INDEX BITS BITS ...\n"
 * (hexadecimal, one for each parameter) that say what to call.
 */
#ifndef TESTS_WASM_MODULE_GEN_H
#define TESTS_WASM_MODULE_GEN_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm/op.h"

enum {
	GEN_SIMD = 1, GEN_TAIL = 2, GEN_EXN = 4, GEN_GC = 8, GEN_MEMORY64 = 16, GEN_MULTI = 32,
	GEN_ALL = 63,
	GEN_FUEL = 500,
};

struct gen_buf {
	uint8_t *p;
	size_t n, cap;
};
static void put(struct gen_buf *b, uint8_t v)
{
	if (b->n == b->cap)
		b->p = realloc(b->p, b->cap = b->cap ? b->cap * 2 : 256);
	b->p[b->n++] = v;
}
static void put_u(struct gen_buf *b, uint64_t v)
{
	do
		put(b, (uint8_t)((v & 127) | (v > 127 ? 128 : 0)));
	while (v >>= 7);
}
static void put_s(struct gen_buf *b, int64_t v)
{
	for (;;) {
		uint8_t byte = v & 127;

		v >>= 7;
		if ((v == 0 && !(byte & 64)) || (v == -1 && (byte & 64))) {
			put(b, byte);
			return;
		}
		put(b, byte | 128);
	}
}
static void put_le(struct gen_buf *b, uint64_t v, int n)
{
	while (n--) {
		put(b, (uint8_t)v);
		v >>= 8;
	}
}
static void put_bytes(struct gen_buf *b, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(b, ((const uint8_t *)p)[i]);
}
static void put_buf(struct gen_buf *b, struct gen_buf *from)
{
	put_bytes(b, from->p, from->n);
	free(from->p);
	memset(from, 0, sizeof(*from));
}
/* A vector of bytes or a section's body: its length, then it. */
static void put_sized(struct gen_buf *b, struct gen_buf *from)
{
	put_u(b, from->n);
	put_buf(b, from);
}
static void put_section(struct gen_buf *b, uint8_t id, struct gen_buf *body)
{
	put(b, id);
	put_sized(b, body);
}
static void put_op(struct gen_buf *b, uint32_t code)
{
	if (code >> 16) {
		put(b, (uint8_t)(code >> 16));
		put_u(b, code & 0xffff);
	} else {
		put(b, (uint8_t)code);
	}
}

/* ---- types ------------------------------------------------------------------ */

/* Value types; the references are nullable. */
enum gen_type { G_I32, G_I64, G_F32, G_F64, G_V128, G_FUNC, G_ANY, G_S0, G_S1, G_A0, G_A1, G_A2,
		G_NUMS = G_V128, G_REFS = G_FUNC, G_TYPES = G_A2 + 1 };
/* Defined types come first in the module: */
enum { T_S0, T_S1, T_A0, T_A1, T_A2, T_FUNCS };
/* Struct fields: of S0; S1 adds the last two. */
static const struct { enum gen_type t; uint8_t packed; } gen_fields[] = {
	{ G_I32, 0 }, { G_I64, 0 }, { G_I32, 0x78 }, { G_I32, 0x77 }, { G_S0, 0 }, { G_ANY, 0 },
	{ G_F64, 0 }, { G_A2, 0 },
};
enum { S0_FIELDS = 6, S1_FIELDS = 8 };
/* Elements of A0, A1 (packed), A2. */
static const struct { enum gen_type t; uint8_t packed; } gen_elems[] = {
	{ G_I32, 0 }, { G_I32, 0x78 }, { G_S0, 0 },
};

enum { GEN_PARAMS = 4, GEN_RESULTS = 3, GEN_LOCALS = 12, GEN_LABELS = 16, GEN_FUNCS = 8,
       GEN_TABLE = 12, GEN_GLOBALS = 1 + G_TYPES };

struct gen_sig {
	uint8_t np, nr;
	uint8_t p[GEN_PARAMS], r[GEN_RESULTS];
};
struct gen_label {
	uint8_t n, t[GEN_RESULTS];      /* what a branch to it carries */
};
struct gen {
	uint64_t rng;
	unsigned features;
	struct gen_buf *b;
	struct gen_sig sigs[GEN_FUNCS]; /* of the functions, each with its own type */
	unsigned nfuncs, self;
	uint8_t locals[GEN_LOCALS + G_TYPES + 8];
	unsigned nlocals;
	struct gen_label labels[GEN_LABELS];    /* innermost last */
	unsigned nlabels;
	unsigned budget;                /* of instructions in this function */
	bool table64;
};

static uint32_t gen_rnd(struct gen *g)
{
	g->rng ^= g->rng << 13;
	g->rng ^= g->rng >> 7;
	g->rng ^= g->rng << 17;
	return (uint32_t)(g->rng >> 20);
}
static unsigned gen_pick(struct gen *g, unsigned n)
{
	return gen_rnd(g) % n;
}
static bool gen_has(const struct gen *g, unsigned f)
{
	return g->features & f;
}
static bool gen_type_on(const struct gen *g, enum gen_type t)
{
	return t < G_V128 || t == G_FUNC || (t == G_V128 && gen_has(g, GEN_SIMD)) ||
	       (t > G_FUNC && gen_has(g, GEN_GC));
}
static enum gen_type gen_any_type(struct gen *g)
{
	enum gen_type t;

	do
		t = gen_pick(g, 3) ? gen_pick(g, G_V128) : gen_pick(g, G_TYPES);
	while (!gen_type_on(g, t));
	return t;
}
static void put_type(struct gen_buf *b, enum gen_type t)
{
	static const uint8_t codes[] = { 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6e };
	static const uint8_t defined[] = { T_S0, T_S1, T_A0, T_A1, T_A2 };

	if (t <= G_ANY) {
		put(b, codes[t]);
	} else {
		put(b, 0x63);
		put(b, defined[t - G_S0]);
	}
}

/* ---- expressions --------------------------------------------------------------- */

static void gen_expr(struct gen *g, enum gen_type t, int depth);
static void gen_stmt(struct gen *g, int depth);

static const uint64_t gen_special[] = {
	0, 1, 2, 7, 31, 32, 63, 64, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 0x7fffffff,
	0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
	0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000,
};
static const uint32_t gen_f32[] = {
	0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 1, 0x007fffff, 0x00800000,
	0x7f7fffff, 0x4f000000, 0xcf000000, 0x4f800000, 0x5f000000, 0xdf000000, 0x3f000000,
	0x4effffff, 0x3fc00000, 0x4b000001, 0x7fc00000,
};
static const uint64_t gen_f64[] = {
	0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
	0xfff0000000000000, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
	0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000,
	0x41efffffffe00000, 0x41f0000000000000, 0x43e0000000000000, 0xc3e0000000000000,
	0x43f0000000000000, 0x3fe0000000000000, 0x4330000000000001, 0x7ff8000000000000,
	0x36a0000000000000, 0x47efffffefffffff, 0x47effffff0000000,
};
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static uint64_t gen_value(struct gen *g, enum gen_type t)
{
	uint64_t r = (uint64_t)gen_rnd(g) << 32 | gen_rnd(g);

	switch (t) {
	case G_F32:
		return gen_pick(g, 2) ? gen_f32[gen_pick(g, COUNT(gen_f32))]
				      : (0x3f000000 + (r & 0x81ffffff));
	case G_F64:
		return gen_pick(g, 2) ? gen_f64[gen_pick(g, COUNT(gen_f64))]
				      : 0x3fe0000000000000 + (r & 0x803fffffffffffff);
	default:
		return gen_pick(g, 3) ? gen_special[gen_pick(g, COUNT(gen_special))] : r;
	}
}

static void gen_const(struct gen *g, enum gen_type t)
{
	uint64_t v = gen_value(g, t);

	switch (t) {
	case G_I32: put(g->b, 0x41); put_s(g->b, (int32_t)v); break;
	case G_I64: put(g->b, 0x42); put_s(g->b, (int64_t)v); break;
	case G_F32: put(g->b, 0x43); put_le(g->b, v, 4); break;
	case G_F64: put(g->b, 0x44); put_le(g->b, v, 8); break;
	case G_V128:
		put_op(g->b, WASM_OP_V128_CONST);
		put_le(g->b, v, 8);
		put_le(g->b, gen_value(g, gen_pick(g, 4)), 8);
		break;
	case G_FUNC:
		if (gen_pick(g, 3)) {
			put(g->b, WASM_OP_REF_FUNC);
			put_u(g->b, gen_pick(g, g->nfuncs));
		} else {
			put(g->b, 0xd0);
			put(g->b, 0x70);
		}
		break;
	case G_ANY:
		if (gen_pick(g, 2)) {
			gen_const(g, G_I32);
			put_op(g->b, WASM_OP_REF_I31);
			break;
		}
		/* fall through */
	default:
		put(g->b, 0xd0);
		put_s(g->b, t == G_ANY ? -0x12 : (int64_t)(t - G_S0));
	}
}

static unsigned gen_local_of(struct gen *g, enum gen_type t)
{
	unsigned at = gen_pick(g, g->nlocals);

	for (unsigned i = 0; i < g->nlocals; i++)
		if (g->locals[(at + i) % g->nlocals] == t)
			return (at + i) % g->nlocals;
	return UINT32_MAX;      /* every type has one: not reached */
}
static void gen_local(struct gen *g, uint8_t op, enum gen_type t)
{
	put(g->b, op);
	put_u(g->b, gen_local_of(g, t));
}
/* Global 0 is the fuel; 1 + t has type t. */
static void gen_global(struct gen *g, uint8_t op, enum gen_type t)
{
	put(g->b, op);
	put_u(g->b, 1 + t);
}

/* The value on the stack, with each NaN made the canonical one.  Uses the last
 * locals, which are kept for it. */
static void gen_canonical(struct gen *g, enum gen_type t, bool f64x2)
{
	unsigned tmp = g->nlocals + (t == G_V128 ? 2 : t - G_F32);

	put(g->b, 0x22);
	put_u(g->b, tmp);
	if (t == G_V128) {
		put_op(g->b, WASM_OP_V128_CONST);
		for (int i = 0; i < (f64x2 ? 2 : 4); i++)
			put_le(g->b, f64x2 ? 0x7ff8000000000000 : 0x7fc00000, f64x2 ? 8 : 4);
	} else if (t == G_F32) {
		put(g->b, 0x43);
		put_le(g->b, 0x7fc00000, 4);
	} else {
		put(g->b, 0x44);
		put_le(g->b, 0x7ff8000000000000, 8);
	}
	for (int i = 0; i < 2; i++) {
		put(g->b, 0x20);
		put_u(g->b, tmp);
	}
	if (t == G_V128) {
		put_op(g->b, f64x2 ? WASM_OP_F64X2_EQ : WASM_OP_F32X4_EQ);
		put_op(g->b, WASM_OP_V128_BITSELECT);
	} else {
		put(g->b, t == G_F32 ? WASM_OP_F32_EQ : WASM_OP_F64_EQ);
		put(g->b, 0x1b);
	}
}

static int gen_letter(char c)
{
	const char *at = c ? strchr("iIfFV", c) : NULL;

	return at ? (int)(at - "iIfFV") : -1;
}

/* Is row r a plain instruction that this generator may use? */
static bool gen_row_ok(const struct gen *g, unsigned r)
{
	const struct wasm_op_info *o = &wasm_ops[r];
	bool imm = o->imm == WASM_IMM_NONE || o->imm == WASM_IMM_LANE ||
		   o->imm == WASM_IMM_LANES16;
	bool relaxed = strstr(o->text, "relaxed") != NULL;

	if (!imm || relaxed || *o->sig == ':' || strchr(o->sig, '*') || strchr(o->sig, 'x'))
		return false;
	return o->code >> 16 != 0xfd || gen_has(g, GEN_SIMD);
}
static bool gen_row(struct gen *g, enum gen_type t, int depth)
{
	unsigned at = gen_pick(g, WASM_ROWS), r;
	const struct wasm_op_info *o;
	const char *s;

	for (r = at; ; r = (r + 1) % WASM_ROWS) {
		const char *colon = strchr(wasm_ops[r].sig, ':');

		if (gen_row_ok(g, r) && colon && gen_letter(colon[1]) == (int)t && gen_pick(g, 2))
			break;
	}
	o = &wasm_ops[r];
	for (s = o->sig; *s != ':'; s++)
		gen_expr(g, (enum gen_type)gen_letter(*s), depth - 1);
	put_op(g->b, o->code);
	if (o->imm == WASM_IMM_LANES16)
		for (int i = 0; i < 16; i++)
			put(g->b, (uint8_t)gen_pick(g, 32));
	if (o->imm == WASM_IMM_LANE)
		put(g->b, (uint8_t)gen_pick(g, 2));
	if (t == G_F32 || t == G_F64)
		gen_canonical(g, t, false);
	else if (t == G_V128 && (!strncmp(o->text, "f32x4", 5) || !strncmp(o->text, "f64x2", 5)))
		gen_canonical(g, t, o->text[1] == '6');
	return true;
}

/* An address that is nearly always inside a page; memory 1 has 64 bits. */
static unsigned gen_address(struct gen *g, int depth)
{
	unsigned mem = gen_has(g, GEN_MULTI) && !gen_pick(g, 4);
	bool wide = mem && gen_has(g, GEN_MEMORY64);

	if (wide) {
		gen_expr(g, G_I64, depth);
		if (gen_pick(g, 400)) {
			put(g->b, 0x42);
			put_s(g->b, 0x3fff);
			put(g->b, WASM_OP_I64_AND);
		}
	} else {
		gen_expr(g, G_I32, depth);
		if (gen_pick(g, 400)) {
			put(g->b, 0x41);
			put_s(g->b, 0x3fff);
			put(g->b, WASM_OP_I32_AND);
		}
	}
	return mem;
}
static void gen_memarg(struct gen *g, unsigned mem)
{
	put_u(g->b, mem ? 0x40 : 0);
	if (mem)
		put_u(g->b, mem);
	put_u(g->b, gen_pick(g, 400) ? gen_pick(g, 4) * 9 : gen_rnd(g));
}
/* A load or a store row with this result or operand type, not atomic. */
static const struct wasm_op_info *gen_access(struct gen *g, const char *head, enum gen_type t)
{
	unsigned at = gen_pick(g, WASM_ROWS);
	size_t n = strlen(head);

	for (unsigned i = 0; i < WASM_ROWS; i++) {
		const struct wasm_op_info *o = &wasm_ops[(at + i) % WASM_ROWS];
		const char *last = o->sig + strlen(o->sig) - 1;

		if ((o->imm == WASM_IMM_MEMARG || o->imm == WASM_IMM_MEMARG_LANE) &&
		    o->code >> 16 != 0xfe && !strncmp(o->sig, head, n) &&
		    gen_letter(*head == 'x' && head[1] == ':' ? *last : o->sig[1]) == (int)t &&
		    (head[1] == ':') == (o->sig[1] == ':'))
			return o;
	}
	return NULL;
}
static bool gen_load(struct gen *g, enum gen_type t, int depth)
{
	const struct wasm_op_info *o = gen_access(g, "x:", t);
	unsigned mem = gen_address(g, depth - 1);

	put_op(g->b, o->code);
	gen_memarg(g, mem);
	if (t == G_F32 || t == G_F64)
		gen_canonical(g, t, false);
	return true;
}
static void gen_store(struct gen *g, int depth)
{
	enum gen_type t = gen_pick(g, gen_has(g, GEN_SIMD) ? 5 : 4);
	const struct wasm_op_info *o = gen_access(g, "x", t);
	unsigned mem = gen_address(g, depth - 1);

	gen_expr(g, t, depth - 1);
	put_op(g->b, o->code);
	gen_memarg(g, mem);
	if (o->imm == WASM_IMM_MEMARG_LANE) {
		put(g->b, (uint8_t)gen_pick(g, 2));
		if (strchr(o->sig, ':')[1] == 'V')
			put(g->b, 0x1a);
	}
}

/* ---- control ------------------------------------------------------------------------ */

static void gen_push_label(struct gen *g, unsigned n, const uint8_t *t)
{
	struct gen_label *l = &g->labels[g->nlabels++];

	l->n = (uint8_t)n;
	if (n)
		memcpy(l->t, t, n);
}
static void put_block_type(struct gen *g, unsigned n, enum gen_type t)
{
	if (n)
		put_type(g->b, t);
	else
		put(g->b, 0x40);
}
static void gen_pay(struct gen *g)
{
	static const uint8_t code[] = {
		0x23, 0, 0x45, 0x04, 0x40, 0x00, 0x0b,          /* if (!fuel) unreachable */
		0x23, 0, 0x41, 1, 0x6b, 0x24, 0,                /* fuel-- */
	};

	put_bytes(g->b, code, sizeof(code));
}
/* Labels, counted from the innermost, that carry just t (or nothing: n = 0). */
static unsigned gen_label_of(struct gen *g, unsigned n, enum gen_type t)
{
	unsigned at = gen_pick(g, g->nlabels);

	for (unsigned i = 0; i < g->nlabels; i++) {
		const struct gen_label *l = &g->labels[(at + i) % g->nlabels];

		if (l->n == n && (!n || l->t[0] == t))
			return g->nlabels - 1 - (at + i) % g->nlabels;
	}
	return UINT32_MAX;
}
static void gen_stmts(struct gen *g, int depth)
{
	for (unsigned n = gen_pick(g, 3); n; n--)
		gen_stmt(g, depth - 1);
}
static bool gen_full(const struct gen *g)
{
	return g->nlabels >= GEN_LABELS - 1;
}
/* block, loop or if with one result of type t, or none. */
static bool gen_block(struct gen *g, unsigned n, enum gen_type t, int depth)
{
	uint8_t r[1] = { (uint8_t)t };
	unsigned kind = gen_pick(g, 3);

	if (gen_full(g))
		return false;
	if (kind == 2)
		gen_expr(g, G_I32, depth - 1);
	put(g->b, (uint8_t)(2 + kind));
	put_block_type(g, n, t);
	gen_push_label(g, kind == 1 ? 0 : n, r);
	if (kind == 1)
		gen_pay(g);
	gen_stmts(g, depth);
	if (n)
		gen_expr(g, t, depth - 1);
	if (kind == 2 && (n || gen_pick(g, 2))) {
		put(g->b, 0x05);
		gen_stmts(g, depth);
		if (n)
			gen_expr(g, t, depth - 1);
	}
	put(g->b, 0x0b);
	g->nlabels--;
	return true;
}
/* A value through br_if or br_table to labels that carry its type. */
static bool gen_branch_value(struct gen *g, enum gen_type t, int depth)
{
	unsigned l = gen_label_of(g, 1, t), n;

	if (l == UINT32_MAX)
		return false;
	gen_expr(g, t, depth - 1);
	gen_expr(g, G_I32, depth - 1);
	if (gen_pick(g, 4)) {
		put(g->b, 0x0d);
		put_u(g->b, l);
		return true;
	}
	put(g->b, 0x0e);
	n = gen_pick(g, 5);
	put_u(g->b, n);
	for (unsigned i = 0; i <= n; i++)
		put_u(g->b, gen_label_of(g, 1, t));
	gen_expr(g, t, depth - 1);      /* never reached, but validated */
	return true;
}
static void gen_args(struct gen *g, const struct gen_sig *s, int depth)
{
	for (unsigned i = 0; i < s->np; i++)
		gen_expr(g, s->p[i], depth > 1 ? depth - 1 : 0);
}
/* Call function f, in one of the ways there are; its results stay. */
static void gen_call_of(struct gen *g, unsigned f, int depth)
{
	unsigned how = gen_pick(g, gen_has(g, GEN_GC) ? 4 : 3);

	gen_args(g, &g->sigs[f], depth);
	if (how == 1) {         /* table slot f holds f at first */
		put(g->b, 0x41);
		put_s(g->b, gen_pick(g, 100) ? f : gen_pick(g, GEN_TABLE + 1));
		put(g->b, 0x11);
		put_u(g->b, T_FUNCS + f);
		put(g->b, 0);
	} else if (how == 3) {
		put(g->b, 0xd2);
		put_u(g->b, f);
		put(g->b, 0x14);
		put_u(g->b, T_FUNCS + f);
	} else {
		put(g->b, 0x10);
		put_u(g->b, f);
	}
}
/* Most calls go up, so that most functions end before the fuel does. */
static unsigned gen_callee(struct gen *g)
{
	if (g->self + 1 < g->nfuncs && gen_pick(g, 20))
		return g->self + 1 + gen_pick(g, g->nfuncs - g->self - 1);
	return gen_pick(g, 12) ? UINT32_MAX : gen_pick(g, g->nfuncs);
}
/* A call for the sake of a result of type t: others are dropped. */
static bool gen_call(struct gen *g, enum gen_type t, int depth)
{
	unsigned f = gen_callee(g);

	if (f == UINT32_MAX || !g->sigs[f].nr || g->sigs[f].r[0] != t)
		return false;
	gen_call_of(g, f, depth);
	for (unsigned k = 1; k < g->sigs[f].nr; k++)
		put(g->b, 0x1a);
	return true;
}
/* try_table around an expression; the catch's values come out of a block. */
static bool gen_try(struct gen *g, enum gen_type t, int depth)
{
	uint8_t r[1] = { G_I32 };

	if (!gen_has(g, GEN_EXN) || t != G_I32 || g->nlabels + 3 >= GEN_LABELS)
		return false;
	put(g->b, 0x02);                        /* block (result i32) */
	put_type(g->b, G_I32);
	gen_push_label(g, 1, r);
	put(g->b, 0x02);                        /* block */
	put(g->b, 0x40);
	gen_push_label(g, 0, NULL);
	put(g->b, 0x1f);                        /* try_table (result i32) */
	put_type(g->b, G_I32);
	put_u(g->b, 2);
	put(g->b, 0);                           /* catch tag 0 -> the i32 block */
	put_u(g->b, 0);
	put_u(g->b, 1);
	put(g->b, 2);                           /* catch_all -> the empty block */
	put_u(g->b, 0);
	gen_push_label(g, 1, r);
	gen_stmts(g, depth);
	gen_expr(g, G_I32, depth - 1);
	put(g->b, 0x0b);
	g->nlabels--;
	put(g->b, 0x0c);
	put_u(g->b, 1);
	put(g->b, 0x0b);
	g->nlabels--;
	gen_expr(g, G_I32, depth - 1);
	put(g->b, 0x0b);
	g->nlabels--;
	return true;
}
static void gen_throw(struct gen *g, int depth)
{
	unsigned tag = gen_pick(g, 2);

	gen_expr(g, G_I32, depth - 1);          /* now and then */
	put(g->b, 0x45);
	put(g->b, 0x04);
	put(g->b, 0x40);
	gen_push_label(g, 0, NULL);
	gen_expr(g, tag ? G_I64 : G_I32, depth - 1);
	if (tag)
		gen_expr(g, G_F32, depth - 1);
	put(g->b, 0x08);
	put_u(g->b, tag);
	put(g->b, 0x0b);
	g->nlabels--;
}

/* ---- references ------------------------------------------------------------------------ */

static void gen_length(struct gen *g, int depth)
{
	gen_expr(g, G_I32, depth - 1);
	put(g->b, 0x41);
	put_s(g->b, 11);
	put(g->b, WASM_OP_I32_AND);
	put(g->b, 0x41);
	put_s(g->b, 4);
	put(g->b, WASM_OP_I32_OR);
}
/* An index that is mostly good. */
static void gen_index(struct gen *g, int depth)
{
	gen_expr(g, G_I32, depth - 1);
	if (gen_pick(g, 200)) {
		put(g->b, 0x41);
		put_s(g->b, gen_pick(g, 2) ? 1 : 3);
		put(g->b, WASM_OP_I32_AND);
	}
}
static void gen_new(struct gen *g, enum gen_type t, int depth)
{
	unsigned a = t - G_A0;

	if (t == G_S0 || t == G_S1) {
		unsigned n = t == G_S0 ? S0_FIELDS : S1_FIELDS;

		if (gen_pick(g, 3)) {
			for (unsigned i = 0; i < n; i++)
				gen_expr(g, gen_fields[i].t, depth > 2 ? 1 : 0);
			put_op(g->b, WASM_OP_STRUCT_NEW);
		} else {
			put_op(g->b, WASM_OP_STRUCT_NEW_DEFAULT);
		}
		put_u(g->b, t - G_S0);
		return;
	}
	if (gen_pick(g, 2)) {
		for (unsigned i = 0; i < 4; i++)
			gen_expr(g, gen_elems[a].t, depth > 2 ? 1 : 0);
		put_op(g->b, WASM_OP_ARRAY_NEW_FIXED);
		put_u(g->b, t - G_S0);
		put_u(g->b, 4);
	} else {
		gen_expr(g, gen_elems[a].t, depth - 1);
		gen_length(g, depth);
		put_op(g->b, WASM_OP_ARRAY_NEW);
		put_u(g->b, t - G_S0);
	}
}
/* A struct or array reference, most often not null. */
static void gen_object(struct gen *g, enum gen_type t, int depth)
{
	if (gen_pick(g, 40))
		gen_new(g, t, depth);
	else
		gen_expr(g, t, depth - 1);
}
static bool gen_get(struct gen *g, enum gen_type t, int depth)
{
	unsigned f, a, s;

	if (!gen_has(g, GEN_GC))
		return false;
	if (gen_pick(g, 2)) {
		s = gen_pick(g, 2);
		f = gen_pick(g, s ? S1_FIELDS : S0_FIELDS);
		if (gen_fields[f].t != t)
			return false;
		gen_object(g, s ? G_S1 : G_S0, depth - 1);
		put_op(g->b, gen_fields[f].packed ? (gen_pick(g, 2) ? WASM_OP_STRUCT_GET_S
								    : WASM_OP_STRUCT_GET_U)
						  : WASM_OP_STRUCT_GET);
		put_u(g->b, s);
		put_u(g->b, f);
		return true;
	}
	a = gen_pick(g, 3);
	if (gen_elems[a].t != t)
		return false;
	gen_object(g, G_A0 + a, depth - 1);
	gen_index(g, depth - 1);
	put_op(g->b, gen_elems[a].packed ? (gen_pick(g, 2) ? WASM_OP_ARRAY_GET_S
							   : WASM_OP_ARRAY_GET_U)
					 : WASM_OP_ARRAY_GET);
	put_u(g->b, T_A0 + a);
	return true;
}
/* i32 results that tell about references. */
static bool gen_ask(struct gen *g, int depth)
{
	enum gen_type t = gen_any_type(g);

	if (t < G_REFS)
		return false;
	gen_expr(g, t, depth - 1);
	if (t == G_FUNC || gen_pick(g, 3) == 0) {
		put(g->b, 0xd1);
	} else if (t >= G_A0) {
		put_op(g->b, WASM_OP_ARRAY_LEN);
	} else if (gen_pick(g, 2)) {
		put_op(g->b, gen_pick(g, 2) ? WASM_OP_REF_TEST : WASM_OP_REF_TEST_NULL);
		put_s(g->b, t == G_ANY ? (int[]){ 0, 1, 2, 4, -0x14, -0x15, -0x13, -0x16 }[gen_pick(g, 8)]
				       : (int)gen_pick(g, 2));
	} else if (t == G_ANY) {
		put_op(g->b, WASM_OP_REF_CAST);
		put_s(g->b, -0x14);
		put_op(g->b, gen_pick(g, 2) ? WASM_OP_I31_GET_S : WASM_OP_I31_GET_U);
	} else {
		gen_expr(g, gen_pick(g, 2) ? G_S0 : G_S1, depth - 1);
		put(g->b, 0xd3);
	}
	return true;
}
static bool gen_reference(struct gen *g, enum gen_type t, int depth)
{
	if (t == G_FUNC) {
		gen_index(g, depth);
		put(g->b, 0x25);
		put_u(g->b, 0);
		return true;
	}
	if (t == G_ANY) {
		enum gen_type from = G_S0 + gen_pick(g, 5);

		gen_expr(g, from, depth - 1);
		return true;
	}
	switch (gen_pick(g, 4)) {
	case 0:                                 /* down from any; traps now and then */
		gen_expr(g, G_ANY, depth - 1);
		put_op(g->b, WASM_OP_REF_CAST_NULL);
		put_s(g->b, t - G_S0);
		return true;
	case 1:                                 /* (block (result t) any br_on_cast 0 .. drop new) */
		if (gen_full(g))
			return false;
		put(g->b, 0x02);
		put_type(g->b, t);
		gen_push_label(g, 1, (uint8_t[]){ (uint8_t)t });
		gen_expr(g, G_ANY, depth - 1);
		put_op(g->b, WASM_OP_BR_ON_CAST);
		put(g->b, 3);
		put_u(g->b, 0);
		put_s(g->b, -0x12);
		put_s(g->b, t - G_S0);
		put(g->b, 0x1a);
		gen_new(g, t, depth);
		put(g->b, 0x0b);
		g->nlabels--;
		return true;
	default:
		gen_new(g, t, depth);
		return true;
	}
}

/* ---- the choice -------------------------------------------------------------------------- */

static bool gen_select(struct gen *g, enum gen_type t, int depth)
{
	gen_expr(g, t, depth - 1);
	gen_expr(g, t, depth - 1);
	gen_expr(g, G_I32, depth - 1);
	if (t < G_REFS && gen_pick(g, 2)) {
		put(g->b, 0x1b);
		return true;
	}
	put(g->b, 0x1c);
	put_u(g->b, 1);
	put_type(g->b, t);
	return true;
}
static bool gen_size(struct gen *g, enum gen_type t, int depth)
{
	(void)depth;
	if (t != G_I32)
		return false;
	switch (gen_pick(g, 3)) {
	case 0: put(g->b, 0x3f); put(g->b, 0); return true;
	case 1: put_op(g->b, WASM_OP_TABLE_SIZE); put(g->b, 0); return true;
	default:
		put(g->b, 0x41);
		put_s(g->b, gen_pick(g, 3));
		put(g->b, 0x40);
		put(g->b, 0);
		return true;
	}
}
static bool gen_try_expr(struct gen *g, enum gen_type t, int depth)
{
	switch (gen_pick(g, 16)) {
	case 0: gen_local(g, 0x20, t); return true;
	case 1: gen_expr(g, t, depth - 1); gen_local(g, 0x22, t); return true;
	case 2: gen_global(g, 0x23, t); return true;
	case 3: return gen_select(g, t, depth);
	case 4: return gen_block(g, 1, t, depth);
	case 5: return gen_branch_value(g, t, depth);
	case 6: return gen_call(g, t, depth);
	case 7: return gen_try(g, t, depth);
	case 8: return gen_get(g, t, depth);
	case 9: return t == G_I32 && gen_ask(g, depth);
	case 10: return gen_size(g, t, depth);
	case 11: return t <= G_V128 && gen_load(g, t, depth);
	default:
		if (t >= G_REFS)
			return gen_reference(g, t, depth);
		return gen_row(g, t, depth);
	}
}
static void gen_expr(struct gen *g, enum gen_type t, int depth)
{
	if (g->budget)
		g->budget--;
	if (depth <= 0 || !g->budget) {
		switch (gen_pick(g, 4)) {
		case 0: gen_const(g, t); return;
		case 1: gen_global(g, 0x23, t); return;
		default: gen_local(g, 0x20, t); return;
		}
	}
	while (!gen_try_expr(g, t, depth))
		;
}

static void gen_bulk(struct gen *g, int depth)
{
	static const uint32_t ops[] = { WASM_OP_MEMORY_FILL, WASM_OP_MEMORY_COPY, WASM_OP_MEMORY_INIT };
	unsigned op = gen_pick(g, 3);

	gen_expr(g, G_I32, depth - 1);
	put(g->b, 0x41);
	put_s(g->b, 0x1fff);
	put(g->b, WASM_OP_I32_AND);
	gen_expr(g, G_I32, depth - 1);
	put(g->b, 0x41);
	put_s(g->b, op == 2 ? 7 : 0x1fff);
	put(g->b, WASM_OP_I32_AND);
	gen_length(g, depth);
	put_op(g->b, ops[op]);
	if (op == 2)
		put_u(g->b, 1);
	put_u(g->b, 0);
	if (op == 1)
		put_u(g->b, 0);
}
static void gen_table(struct gen *g, int depth)
{
	gen_index(g, depth);
	if (gen_pick(g, 3)) {
		gen_expr(g, G_FUNC, depth - 1);
		put(g->b, 0x26);
		put_u(g->b, 0);
	} else {
		gen_index(g, depth);
		gen_index(g, depth);
		put_op(g->b, WASM_OP_TABLE_COPY);
		put_u(g->b, 0);
		put_u(g->b, 0);
	}
}
static void gen_write(struct gen *g, int depth)
{
	unsigned a = gen_pick(g, 3), f = gen_pick(g, S0_FIELDS);

	switch (gen_pick(g, 4)) {
	case 0:
		gen_object(g, G_A0 + a, depth);
		gen_index(g, depth);
		gen_expr(g, gen_elems[a].t, depth - 1);
		put_op(g->b, WASM_OP_ARRAY_SET);
		put_u(g->b, T_A0 + a);
		break;
	case 1:
		gen_object(g, G_A0 + a, depth);
		gen_index(g, depth);
		gen_expr(g, gen_elems[a].t, depth - 1);
		gen_index(g, depth);
		put_op(g->b, WASM_OP_ARRAY_FILL);
		put_u(g->b, T_A0 + a);
		break;
	case 2:                 /* of two nulls or bad ranges, engines tell either */
		gen_object(g, G_A0 + a, depth);
		put(g->b, 0xd4);
		gen_index(g, depth);
		gen_object(g, G_A0 + a, depth);
		put(g->b, 0xd4);
		gen_index(g, depth);
		gen_index(g, depth);
		put_op(g->b, WASM_OP_ARRAY_COPY);
		put_u(g->b, T_A0 + a);
		put_u(g->b, T_A0 + a);
		break;
	default:
		gen_expr(g, G_S0, depth - 1);
		gen_expr(g, gen_fields[f].t, depth - 1);
		put_op(g->b, WASM_OP_STRUCT_SET);
		put_u(g->b, T_S0);
		put_u(g->b, f);
	}
}
/* return or a tail call, now and then; dead code may follow. */
static void gen_leave(struct gen *g, int depth)
{
	const struct gen_sig *s = &g->sigs[g->self];
	unsigned f;

	gen_expr(g, G_I32, depth - 1);
	put(g->b, 0x04);
	put(g->b, 0x40);
	gen_push_label(g, 0, NULL);
	for (f = 0; f < g->nfuncs; f++)
		if (gen_has(g, GEN_TAIL) && gen_pick(g, 2) && g->sigs[f].nr == s->nr &&
		    !memcmp(g->sigs[f].r, s->r, s->nr))
			break;
	if (f < g->nfuncs) {
		gen_args(g, &g->sigs[f], depth);
		if (gen_pick(g, 3) == 0) {
			put(g->b, 0x41);
			put_s(g->b, f);
			put(g->b, 0x13);
			put_u(g->b, T_FUNCS + f);
			put(g->b, 0);
		} else {
			put(g->b, 0x12);
			put_u(g->b, f);
		}
	} else {
		for (unsigned i = 0; i < s->nr; i++)
			gen_expr(g, s->r[i], depth - 1);
		put(g->b, 0x0f);
	}
	if (gen_pick(g, 2))
		gen_stmts(g, depth);
	put(g->b, 0x0b);
	g->nlabels--;
}
static void gen_call_stmt(struct gen *g, int depth)
{
	unsigned f = gen_callee(g);

	if (f == UINT32_MAX)
		return;
	gen_call_of(g, f, depth);
	for (unsigned i = g->sigs[f].nr; i-- > 0; )
		gen_local(g, 0x21, g->sigs[f].r[i]);
}
static void gen_stmt(struct gen *g, int depth)
{
	enum gen_type t = gen_any_type(g);
	unsigned l;

	if (!g->budget || depth <= 0)
		return;
	g->budget--;
	switch (gen_pick(g, 14)) {
	case 0: case 1: gen_expr(g, t, depth - 1); gen_local(g, 0x21, t); break;
	case 2: gen_expr(g, t, depth - 1); gen_global(g, 0x24, t); break;
	case 3: case 4: gen_store(g, depth); break;
	case 5: case 6: gen_block(g, 0, G_I32, depth); break;
	case 7: gen_bulk(g, depth); break;
	case 8: gen_table(g, depth); break;
	case 9: if (gen_has(g, GEN_GC)) gen_write(g, depth); break;
	case 10: if (gen_has(g, GEN_EXN) && !gen_full(g) && !gen_pick(g, 3)) gen_throw(g, depth); break;
	case 11: if (!gen_full(g)) gen_leave(g, depth); break;
	case 12: gen_call_stmt(g, depth); break;
	default:
		l = gen_label_of(g, 0, G_I32);
		if (l == UINT32_MAX)
			break;
		gen_expr(g, G_I32, depth - 1);
		put(g->b, 0x0d);
		put_u(g->b, l);
	}
}

/* ---- the module ---------------------------------------------------------------------------- */

static void gen_sig(struct gen *g, struct gen_sig *s, bool numbers)
{
	s->np = (uint8_t)gen_pick(g, GEN_PARAMS + 1);
	s->nr = (uint8_t)gen_pick(g, GEN_RESULTS + 1);
	for (unsigned i = 0; i < s->np; i++)
		s->p[i] = (uint8_t)(numbers ? gen_pick(g, G_NUMS) : gen_any_type(g));
	for (unsigned i = 0; i < s->nr; i++)
		s->r[i] = (uint8_t)(numbers ? gen_pick(g, G_NUMS) : gen_any_type(g));
}
static void gen_function(struct gen *g, unsigned f, struct gen_buf *out)
{
	const struct gen_sig *s = &g->sigs[f];
	struct gen_buf b = { 0 };
	unsigned extra = gen_pick(g, 4);

	g->b = &b;
	g->self = f;
	g->budget = 150;
	g->nlocals = s->np;
	memcpy(g->locals, s->p, s->np);
	/* One local of each type, some more, and three for canonical NaNs. */
	put_u(&b, 0);           /* filled in below: the count is below 128 */
	for (unsigned t = 0; t < G_TYPES + extra; t++) {
		enum gen_type lt = t < G_TYPES ? (enum gen_type)t : gen_any_type(g);

		if (!gen_type_on(g, lt))
			continue;
		g->locals[g->nlocals++] = (uint8_t)lt;
		put_u(&b, 1);
		put_type(&b, lt);
		b.p[0]++;
	}
	for (unsigned t = G_F32; t <= (gen_has(g, GEN_SIMD) ? G_V128 : G_F64); t++) {
		put_u(&b, 1);
		put_type(&b, t);
		b.p[0]++;
	}
	g->nlabels = 0;
	gen_push_label(g, s->nr, s->r);
	gen_pay(g);
	for (unsigned n = 1 + gen_pick(g, 6); n; n--)
		gen_stmt(g, 5);
	for (unsigned i = 0; i < s->nr; i++)
		gen_expr(g, s->r[i], 4);
	put(&b, 0x0b);
	put_sized(out, &b);
}
static void gen_storage(struct gen_buf *b, enum gen_type t, uint8_t packed)
{
	if (packed)
		put(b, packed);
	else
		put_type(b, t);
	put(b, 1);
}
static void gen_types(struct gen *g, struct gen_buf *m)
{
	struct gen_buf b = { 0 };
	bool gc = gen_has(g, GEN_GC);

	put_u(&b, gc ? 1 + g->nfuncs : T_FUNCS + g->nfuncs);
	if (gc) {
		put(&b, 0x4e);
		put_u(&b, T_FUNCS);
		for (unsigned s = 0; s < 2; s++) {
			put(&b, 0x50);
			put_u(&b, s);
			if (s)
				put_u(&b, T_S0);
			put(&b, 0x5f);
			put_u(&b, s ? S1_FIELDS : S0_FIELDS);
			for (unsigned i = 0; i < (s ? S1_FIELDS : S0_FIELDS); i++)
				gen_storage(&b, gen_fields[i].t, gen_fields[i].packed);
		}
		for (unsigned a = 0; a < 3; a++) {
			put(&b, 0x5e);
			gen_storage(&b, gen_elems[a].t, gen_elems[a].packed);
		}
	} else {
		for (unsigned i = 0; i < T_FUNCS; i++) {
			put(&b, 0x60);
			put(&b, 0);
			put(&b, 0);
		}
	}
	for (unsigned f = 0; f < g->nfuncs; f++) {
		put(&b, 0x60);
		put_u(&b, g->sigs[f].np);
		for (unsigned i = 0; i < g->sigs[f].np; i++)
			put_type(&b, g->sigs[f].p[i]);
		put_u(&b, g->sigs[f].nr);
		for (unsigned i = 0; i < g->sigs[f].nr; i++)
			put_type(&b, g->sigs[f].r[i]);
	}
	put_section(m, 1, &b);
}
/* Tags are of types: tag 0 carries an i32, tag 1 an i64 and an f32. */
static void gen_globals(struct gen *g, struct gen_buf *m)
{
	struct gen_buf b = { 0 };

	put_u(&b, GEN_GLOBALS);
	put_bytes(&b, (uint8_t[]){ 0x7f, 1, 0x41 }, 3);
	put_s(&b, GEN_FUEL);
	put(&b, 0x0b);
	g->b = &b;
	for (unsigned t = 0; t < G_TYPES; t++) {
		enum gen_type on = gen_type_on(g, t) ? (enum gen_type)t : G_I32;

		put_type(&b, on);
		put(&b, 1);
		if (on == G_ANY || on == G_FUNC)        /* constant in older engines */
			put_bytes(&b, (uint8_t[]){ 0xd0, on == G_ANY ? 0x6e : 0x70 }, 2);
		else
			gen_const(g, on);
		put(&b, 0x0b);
	}
	put_section(m, 6, &b);
}
static bool gen_exported(const struct gen *g, unsigned f)
{
	for (unsigned i = 0; i < g->sigs[f].np; i++)
		if (g->sigs[f].p[i] >= G_NUMS)
			return false;
	for (unsigned i = 0; i < g->sigs[f].nr; i++)
		if (g->sigs[f].r[i] >= G_NUMS)
			return false;
	return true;
}
static void put_name(struct gen_buf *b, const char *s)
{
	put_u(b, strlen(s));
	put_bytes(b, s, strlen(s));
}
static void gen_exports(struct gen *g, struct gen_buf *m)
{
	struct gen_buf b = { 0 };
	unsigned n = 2;
	char name[16];

	for (unsigned f = 0; f < g->nfuncs; f++)
		n += gen_exported(g, f);
	put_u(&b, n);
	put_name(&b, "fuel");
	put_bytes(&b, (uint8_t[]){ 3, 0 }, 2);
	put_name(&b, "m0");
	put_bytes(&b, (uint8_t[]){ 2, 0 }, 2);
	for (unsigned f = 0; f < g->nfuncs; f++)
		if (gen_exported(g, f)) {
			snprintf(name, sizeof(name), "f%u", f);
			put_name(&b, name);
			put(&b, 0);
			put_u(&b, f);
		}
	put_section(m, 7, &b);
}
static void gen_calls(struct gen *g, struct gen_buf *m)
{
	struct gen_buf b = { 0 };
	char line[32];

	put_name(&b, "calls");
	for (unsigned c = 0; c < 3 * g->nfuncs; c++) {
		unsigned f = c % g->nfuncs;

		if (!gen_exported(g, f))
			continue;
		put_bytes(&b, line, (size_t)snprintf(line, sizeof(line), "%u", f));
		for (unsigned i = 0; i < g->sigs[f].np; i++) {
			uint64_t v = gen_value(g, g->sigs[f].p[i]);

			if (g->sigs[f].p[i] == G_I32 || g->sigs[f].p[i] == G_F32)
				v = (uint32_t)v;
			/* No NaN goes in: its bits would be the embedder's. */
			if (g->sigs[f].p[i] == G_F32 && (v & 0x7fffffff) > 0x7f800000)
				v = 0;
			if (g->sigs[f].p[i] == G_F64 && v << 1 > 0xffe0000000000000)
				v = 0;
			put_bytes(&b, line, (size_t)snprintf(line, sizeof(line), " %llx",
							     (unsigned long long)v));
		}
		put(&b, '\n');
	}
	put_section(m, 0, &b);
}

/* The module of a seed; free(b.p). */
static struct gen_buf gen_module(uint64_t seed, unsigned features)
{
	struct gen g = { .rng = seed * 0x9e3779b97f4a7c15u + 0x1234567u, .features = features };
	struct gen_buf m = { 0 }, b = { 0 };

	for (int i = 0; i < 8; i++)
		gen_rnd(&g);
	g.nfuncs = 3 + gen_pick(&g, GEN_FUNCS - 2);
	/* Functions 0 and 1 have the types of the tags; 2 is always called. */
	g.sigs[0] = (struct gen_sig){ .np = 1, .p = { G_I32 } };
	g.sigs[1] = (struct gen_sig){ .np = 2, .p = { G_I64, G_F32 } };
	for (unsigned f = 2; f < g.nfuncs; f++)
		gen_sig(&g, &g.sigs[f], f == 2 || gen_pick(&g, 2));

	put_bytes(&m, "\0asm\1\0\0\0", 8);
	gen_types(&g, &m);
	put_u(&b, g.nfuncs);
	for (unsigned f = 0; f < g.nfuncs; f++)
		put_u(&b, T_FUNCS + f);
	put_section(&m, 3, &b);
	put_u(&b, 1);                                           /* table */
	put_bytes(&b, (uint8_t[]){ 0x70, 0, GEN_TABLE }, 3);
	put_section(&m, 4, &b);
	put_u(&b, gen_has(&g, GEN_MULTI) ? 2 : 1);              /* memories */
	put_bytes(&b, (uint8_t[]){ 1, 1, 3 }, 3);
	if (gen_has(&g, GEN_MULTI))
		put_bytes(&b, (uint8_t[]){ gen_has(&g, GEN_MEMORY64) ? 5 : 1, 1, 2 }, 3);
	put_section(&m, 5, &b);
	if (gen_has(&g, GEN_EXN)) {                             /* tags */
		put_bytes(&b, (uint8_t[]){ 2, 0, T_FUNCS, 0, T_FUNCS + 1 }, 5);
		put_section(&m, 13, &b);
	}
	gen_globals(&g, &m);
	gen_exports(&g, &m);
	put_u(&b, 1);                                           /* elements: slot f is f */
	put_bytes(&b, (uint8_t[]){ 0, 0x41, 0, 0x0b }, 4);
	put_u(&b, g.nfuncs);
	for (unsigned f = 0; f < g.nfuncs; f++)
		put_u(&b, f);
	put_section(&m, 9, &b);
	put_u(&b, 2);                                           /* data count */
	put_section(&m, 12, &b);
	put_u(&b, g.nfuncs);
	for (unsigned f = 0; f < g.nfuncs; f++)
		gen_function(&g, f, &b);
	put_section(&m, 10, &b);
	put_u(&b, 2);                                           /* data */
	put_bytes(&b, (uint8_t[]){ 0, 0x41, 16, 0x0b, 64 }, 5);
	for (int i = 0; i < 64; i++)
		put(&b, (uint8_t)gen_rnd(&g));
	put_bytes(&b, (uint8_t[]){ 1, 24 }, 2);
	for (int i = 0; i < 24; i++)
		put(&b, (uint8_t)gen_rnd(&g));
	put_section(&m, 11, &b);
	gen_calls(&g, &m);
	return m;
}

#endif
