/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every pure operation of the IR, in every type, compiled and run on special
 * and random operands, against the meaning in op.def; with all registers and
 * with three, with the processor's extensions and without, operands in
 * registers, in memory, and constant.
 */
#include "tests/test.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "jit/jit.h"

struct state {
	union ir_value in[3], out;
	struct jit_ctx ctx;
};

static struct jit_cache *cache;
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static const uint64_t special_int[] = { 0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
	0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~1ull, 0xffffffff80000000 };
static const uint64_t special_f64[] = { 0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
	0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 1, 0x000fffffffffffff, 0x7fefffffffffffff,
	0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000, 0x41efffffffe00000, 0x41f0000000000000,
	0x43e0000000000000, 0xc3e0000000000000, 0x43f0000000000000, 0x3fe0000000000000, 0xbfe0000000000000, 0xbff8000000000000,
	0x3fefffffffffffff, 0x4330000000000001, 0x43dfffffffffffff, 0x43efffffffffffff };
static const uint32_t special_f32[] = { 0, 1u << 31, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
	0x7f800001, 1, 0x007fffff, 0x7f7fffff, 0x4effffff, 0x4f000000, 0xcf000000, 0x4f7fffff, 0x4f800000, 0x5f000000, 0xdf000000,
	0x5f800000, 0x3f000000, 0xbf000000, 0xbfc00000, 0x3f7fffff, 0x5effffff, 0x5f7fffff };

static union ir_value value(enum ir_type t)
{
	union ir_value v = { .v128 = { 0, 0 } };
	bool special = rnd() % 3;

	switch (t) {
	case IR_I32: v.i32 = (uint32_t)(special ? special_int[rnd() % ARRAY_LEN(special_int)] : rnd()); break;
	case IR_I64: v.i64 = special ? special_int[rnd() % ARRAY_LEN(special_int)] : rnd() >> rnd() % 64; break;
	case IR_F32: v.i32 = special ? special_f32[rnd() % ARRAY_LEN(special_f32)] : (uint32_t)rnd(); break;
	case IR_F64: v.i64 = special ? special_f64[rnd() % ARRAY_LEN(special_f64)] : rnd(); break;
	default: v.v128[0] = rnd(), v.v128[1] = special ? special_f64[rnd() % ARRAY_LEN(special_f64)] : rnd();
		if (rnd() % 4 == 0)
			v.v128[1] = v.v128[0];
	}
	return v;
}

/* The type of letter c of a signature. */
static enum ir_type letter(char c, enum ir_type ct)
{
	switch (c) {
	case 'i': return IR_I32;
	case 'I': return IR_I64;
	case 'f': return IR_F32;
	case 'F': return IR_F64;
	case 'V': return IR_V128;
	case 'E': return ct == IR_I64X2 ? IR_I64 : ct == IR_F32X4 ? IR_F32 : ct == IR_F64X2 ? IR_F64 : IR_I32;
	default: return ct;
	}
}

static bool is_nan32(uint32_t v) { return (v & 0x7fffffff) > 0x7f800000; }
static bool is_nan64(uint64_t v) { return (v & ~(1ull << 63)) > 0x7ff0000000000000; }

/* Equal, but that one NaN is as good as another where none is promised. */
static bool same(enum ir_type t, enum ir_type ct, bool any_nan, union ir_value a, union ir_value b)
{
	if (any_nan && t == IR_F32 && is_nan32(a.i32) && is_nan32(b.i32))
		return true;
	if (any_nan && t == IR_F64 && is_nan64(a.i64) && is_nan64(b.i64))
		return true;
	if (any_nan && t == IR_V128 && (ct == IR_F32X4 || ct == IR_F64X2)) {
		for (unsigned k = 0; k < 4; k++) {
			union ir_value x = { .i64 = a.v128[k / 2] }, y = { .i64 = b.v128[k / 2] };

			if (ct == IR_F64X2 && is_nan64(x.i64) && is_nan64(y.i64))
				continue;
			if (ct == IR_F64X2 ? x.i64 != y.i64 : (uint32_t)(x.i64 >> 32 * (k & 1)) != (uint32_t)(y.i64 >> 32 * (k & 1)) &&
			    !(is_nan32((uint32_t)(x.i64 >> 32 * (k & 1))) && is_nan32((uint32_t)(y.i64 >> 32 * (k & 1)))))
				return false;
		}
		return true;
	}
	switch (ir_type_size(t)) {
	case 4: return a.i32 == b.i32;
	case 8: return a.i64 == b.i64;
	default: return a.v128[0] == b.v128[0] && a.v128[1] == b.v128[1];
	}
}

struct shape {
	enum ir_op op;
	enum ir_type ct, in[3], out;
	unsigned n;
	uint8_t aux;
	int32_t imm;
};

/* state.out = op state.in...; operand k of `constant` is one instead. */
static struct jit_code *compile(const struct shape *s, const struct jit_options *o, unsigned constant,
				const union ir_value *v)
{
	struct jit_code *code = NULL;
	struct ir_func f;
	struct err e = { 0 };
	ir_ref a[3] = { 0 }, r;
	uint32_t b;

	ir_init(&f);
	f.raw = true;
	b = ir_block(&f);
	ir_at(&f, b);
	for (unsigned k = 0; k < s->n; k++)
		if (constant & BIT(k))
			a[k] = s->in[k] == IR_V128 ? ir_v128(&f, v[k].v128[0], v[k].v128[1]) :
				ir_const(&f, s->in[k], s->in[k] == IR_I64 || s->in[k] == IR_F64 ? v[k].i64 : v[k].i32);
		else
			a[k] = ir_getstate(&f, s->in[k], s->in[k], (uint32_t)(offsetof(struct state, in) + k * 16));
	r = ir_emit(&f, s->op, s->ct, a[0], a[1], a[2], s->imm, s->aux);
	ir_putstate(&f, s->out, offsetof(struct state, out), r);
	if (ir_has(&f.insn[r], IR_CMP)) { /* and once more, fused */
		ir_ref c = ir_select(&f, r, ir_i32(&f, 1), ir_i32(&f, 0));

		ir_putstate(&f, IR_I32, offsetof(struct state, out) + 4, c);
	}
	ir_ret(&f, NULL, 0);
	snprintf(f.name, sizeof(f.name), "%s", ir_rows[s->op].text);
	if (f.failed || jit_compile(cache, &f, o, &code, &e))
		TEST_FAIL("%s ct %s: %.200s", ir_rows[s->op].text, ir_type_names[s->ct], e.msg);
	ir_fini(&f);
	return code;
}

static void run(const struct shape *s, const struct jit_code *code, const union ir_value *v, const char *how)
{
	struct state st;
	struct jit_bank bank = { { 0 }, 0, NULL, { { 0 } } };
	union ir_value want = { .v128 = { 0, 0 } };
	uint8_t fp = 0;
	bool any_nan = !(s->aux & IR_FP_CANON) || !(ir_rows[s->op].flags & IR_FP);

	memset(&st, 0, sizeof(st));
	for (unsigned k = 0; k < 3; k++)
		st.in[k] = v[k];
	if (!ir_compute(s->op, s->ct, s->aux, s->imm, &v[0], &v[1], &v[2], &want, &fp))
		return;
	CHECK(!jit_enter(cache, code, &st, NULL, &bank));
	if (ir_rows[s->op].flags & IR_CMP && st.out.i64 >> 32 != st.out.i32)
		TEST_FAIL("%s: fused %u, not %u", ir_rows[s->op].text, (unsigned)(st.out.i64 >> 32), st.out.i32);
	if (!same(s->out, s->ct, any_nan, st.out, want))
		TEST_FAIL("%s.%s imm %d aux %#x (%s): %#" PRIx64 ":%016" PRIx64 " %#" PRIx64 ":%016" PRIx64 " %#" PRIx64
			  " -> %#" PRIx64 ":%016" PRIx64 ", not %#" PRIx64 ":%016" PRIx64,
			  ir_rows[s->op].text, ir_type_names[s->ct], s->imm, s->aux, how, v[0].v128[1], v[0].i64,
			  v[1].v128[1], v[1].i64, v[2].i64, st.out.v128[1], st.out.i64, want.v128[1], want.i64);
	/* The flags that it says matter are those that were raised. */
	if (s->aux & IR_FP_FLAGS && ir_rows[s->op].flags & IR_FP) {
		unsigned h = st.ctx.fp & 0x3f;
		uint8_t got = (uint8_t)((h & 1) << 4 | (h >> 2 & 1) << 3 | (h >> 3 & 1) << 2 | (h >> 4 & 1) << 1 | h >> 5);

		/* IEEE 754-2019, 5.9: to round to an integral value is not inexact. */
		if (s->op >= IR_FCEIL && s->op <= IR_FNEAREST)
			fp &= (uint8_t)~1;
		if (got != fp)
			TEST_FAIL("%s.%s aux %#x (%s): %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " raises %#x, not %#x",
				  ir_rows[s->op].text, ir_type_names[s->ct], s->aux, how, v[0].i64, v[1].i64, v[2].i64, got, fp);
	}
}

static void shape(const struct shape *s, const struct jit_options *o, const char *how)
{
	struct jit_code *code = compile(s, o, 0, NULL);
	union ir_value v[3];

	for (int n = 0; n < 300; n++) {
		for (unsigned k = 0; k < 3; k++)
			v[k] = value(k < s->n ? s->in[k] : IR_I64);
		run(s, code, v, how);
	}
	for (int n = 0; n < 24; n++) {
		for (unsigned k = 0; k < 3; k++)
			v[k] = value(k < s->n ? s->in[k] : IR_I64);
		unsigned c = 1 + (unsigned)n % ((1u << s->n) - 1);
		run(s, compile(s, o, c, v), v, "constants");
	}
}

static void row(enum ir_op op, const struct jit_options *o, const char *how)
{
	const struct ir_row *r = &ir_rows[op];
	const char *sig = r->sig;
	struct shape s = { .op = op };

	if (!(r->flags & IR_PURE) || r->flags & IR_LEAF)
		return;
	for (unsigned ct = 0; ct < IR_TYPES; ct++) {
		if (r->types ? !(r->types & BIT(ct)) : ct)
			continue;
		s.ct = (enum ir_type)ct;
		s.n = 0;
		const char *p = sig;
		for (; *p != '_'; p++)
			if (*p != 'N')
				s.in[s.n++] = letter(*p, s.ct);
		s.out = letter(p[1], s.ct);
		if (op == IR_SELECT || s.out >= IR_VALUE_TYPES)
			s.out = s.out >= IR_VALUE_TYPES ? IR_V128 : s.out;
		for (unsigned k = 0; k < s.n; k++)
			if (s.in[k] >= IR_VALUE_TYPES)
				s.in[k] = IR_V128;
		if (op == IR_SELECT && ct >= IR_VALUE_TYPES)
			continue;
		static const uint8_t modes[] = { 0, IR_FP_CANON, IR_FP_FLAGS | 1, IR_FP_FLAGS | 2, IR_FP_FLAGS | 3,
						 IR_FP_FLAGS | IR_FP_CANON | 0 };
		static const int32_t fields[] = { 0 | 8 << 8, 0 | 16 << 8, 3 | 7 << 8, 16 | 16 << 8, 1 | 31 << 8, 0 | 1 << 8, 31 | 1 << 8,
						  0 | 32 << 8, 5 | 40 << 8, 32 | 32 << 8, 63 | 1 << 8, 0 | 64 << 8 };
		unsigned n = r->flags & IR_FP ? ARRAY_LEN(modes) : r->flags & IR_IMM ? ARRAY_LEN(fields) : 1;
		bool bitfield = op == IR_BFX_U || op == IR_BFX_S || op == IR_BFI;

		for (unsigned k = 0; k < n; k++) {
			s.aux = r->flags & IR_FP ? modes[k] : 0;
			s.imm = !(r->flags & IR_IMM) ? 0 : bitfield ? fields[k] : (int32_t)k;
			/* Their rounding is their own, and C's functions may take the mode's. */
			if (op >= IR_FCEIL && op <= IR_FNEAREST && s.aux & IR_FP_RM)
				continue;
			if (bitfield && (unsigned)((s.imm & 255) + (s.imm >> 8)) > ir_type_size(s.ct) * 8)
				continue;
			shape(&s, o, how);
		}
	}
}

static void all(struct jit_options o, const char *how)
{
	struct jit_cache_options co = { .size = 8 << 20, .ctx = offsetof(struct state, ctx) };
	struct err e = { 0 };

	cache = jit_cache_create(&co, &e);
	if (!cache)
		SKIP("%s", e.msg);
	o.ctx = offsetof(struct state, ctx);
	for (unsigned op = 0; op < IR_OPS; op++)
		row((enum ir_op)op, &o, how);
	jit_cache_destroy(cache);
}

static void with_all_registers(void) { all((struct jit_options){ .plain = false }, "all"); }
static void with_three_registers(void) { all((struct jit_options){ .regs = 3 }, "three registers"); }
static void without_extensions(void) { all((struct jit_options){ .plain = true }, "SSE4.1"); }
static void in_the_quick_tier(void) { all((struct jit_options){ .quick = true }, "quick"); }

TEST_MAIN({ "rows_with_all_registers", with_all_registers }, { "rows_with_three_registers", with_three_registers },
	  { "rows_without_extensions", without_extensions }, { "rows_in_the_quick_tier", in_the_quick_tier })
