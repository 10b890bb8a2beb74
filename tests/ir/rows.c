/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every pure row of op.def, three ways on special and random values: its
 * meaning (ir_compute), the folder, and C written here without looking there.
 * The rows' algebraic rules are checked against the meaning, and the rules of
 * the builder on random expressions.
 */
#include "tests/test.h"

#include <fenv.h>
#include <math.h>

#include "base/bits.h"
#include "ir/ir.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

static uint64_t rnd_state = 88172645463325252ull;
static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13, rnd_state ^= rnd_state >> 7, rnd_state ^= rnd_state << 17;
	return rnd_state * 0x2545f4914f6cdd1dull;
}

static const uint64_t ints[] = { 0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff,
	0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 1ull << 63,
	0xffffffff80000000, 0xffffffff7fffffff, ~0ull, ~1ull, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa };
static const uint64_t doubles[] = { 0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x3fe0000000000000,
	0x3ff8000000000000, 0x4004000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
	0xfff8000000000001, 0x7ff4000000000000, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
	0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000, 0x41efffffffe00000,
	0x41f0000000000000, 0x43e0000000000000, 0xc3e0000000000000, 0x43f0000000000000, 0x43efffffffffffff,
	0xbfe0000000000000, 0xbfefffffffffffff, 0x47efffffe0000000, 0x36a0000000000000 };
static const uint32_t floats[] = { 0, 0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0x3fc00000, 0x40200000,
	0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7fa00000, 1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4effffff,
	0x4f000000, 0xcf000000, 0xcf000001, 0x4f800000, 0x4f7fffff, 0x5f000000, 0xdf000000, 0x5f800000, 0xbf000000 };

static uint64_t bits_of(enum ir_type t, unsigned n)
{
	switch (t) {
	case IR_I32: return (uint32_t)(n < ARRAY_LEN(ints) ? ints[n] : rnd());
	case IR_F32: return n < ARRAY_LEN(floats) ? floats[n] : (uint32_t)rnd();
	case IR_F64: return n < ARRAY_LEN(doubles) ? doubles[n] : rnd();
	default: return n < ARRAY_LEN(ints) ? ints[n] : rnd();
	}
}

static union ir_value some(enum ir_type t)
{
	union ir_value v = { .v128 = { 0, 0 } };

	v.i64 = bits_of(t, (unsigned)(rnd() % 48));
	if (t == IR_V128)
		v.v128[1] = bits_of(t, (unsigned)(rnd() % 48));
	return v;
}

static enum ir_type letter(char c, enum ir_type ct)
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

/* ---- integers, written again ------------------------------------------------------- */

static uint64_t mask(unsigned w) { return w == 64 ? ~0ull : (1ull << w) - 1; }
static int64_t sx(uint64_t v, unsigned w) { return w == 64 ? (int64_t)v : sext(v, w); }

static uint64_t divide(unsigned op, uint64_t a, uint64_t b, unsigned w)
{
	s128 x = sx(a, w), y = sx(b, w);

	switch (op) {
	case IR_DIV_S: return b ? (uint64_t)(x / y) : ~0ull;
	case IR_REM_S: return b ? (uint64_t)(x % y) : a;
	case IR_DIV_U: return b ? a / b : ~0ull;
	default: return b ? a - a / b * b : a;
	}
}

static uint64_t count(unsigned op, uint64_t a, unsigned w)
{
	unsigned n = 0;

	if (op == IR_POPCNT) {
		for (; a; a >>= 1)
			n += a & 1;
		return n;
	}
	while (n < w && !(a >> (op == IR_CLZ ? w - 1 - n : n) & 1))
		n++;
	return n;
}

static u128 carryless(uint64_t a, uint64_t b)
{
	u128 r = 0;

	for (unsigned i = 0; i < 64; i++)
		r ^= b >> i & 1 ? (u128)a << i : 0;
	return r;
}

static uint64_t bytes(unsigned op, uint64_t a, unsigned w)
{
	uint64_t r = 0;

	for (unsigned i = 0; i < w; i += 8) {
		uint64_t b = a >> i & 255;

		r |= (op == IR_BSWAP ? b : b ? 255ull : 0) << (op == IR_BSWAP ? w - 8 - i : i);
	}
	return r;
}

static uint64_t field(unsigned op, uint64_t a, uint64_t b, int32_t imm)
{
	unsigned low = imm & 255, n = (unsigned)imm >> 8;

	if (op == IR_BFI)
		return (a & ~(mask(n) << low)) | (b & mask(n)) << low;
	return op == IR_BFX_U ? bits(a, low + n - 1, low) : (uint64_t)sx(bits(a, low + n - 1, low), n);
}

/* false: not an integer row */
static bool integer(unsigned op, unsigned w, uint64_t a, uint64_t b, int32_t imm, uint64_t *r)
{
	unsigned n = b % w;
	int64_t x = sx(a, w), y = sx(b, w);

	switch (op) {
	case IR_ADD: *r = a + b; break;
	case IR_SUB: *r = a - b; break;
	case IR_MUL: *r = a * b; break;
	case IR_MULH_S: *r = (uint64_t)((s128)x * y >> w); break;
	case IR_MULH_U: *r = (uint64_t)((u128)a * b >> w); break;
	case IR_MULH_SU: *r = (uint64_t)(((s128)x * (s128)(u128)b) >> w); break;
	case IR_DIV_S: case IR_DIV_U: case IR_REM_S: case IR_REM_U: *r = divide(op, a, b, w); break;
	case IR_AND: *r = a & b; break;
	case IR_OR: *r = a | b; break;
	case IR_XOR: *r = a ^ b; break;
	case IR_SHL: *r = a << n; break;
	case IR_SHR_U: *r = a >> n; break;
	case IR_SHR_S: *r = (uint64_t)(x >> n); break;
	case IR_ROTL: *r = n ? a << n | a >> (w - n) : a; break;
	case IR_ROTR: *r = n ? a >> n | a << (w - n) : a; break;
	case IR_MIN_S: *r = x < y ? a : b; break;
	case IR_MAX_S: *r = x < y ? b : a; break;
	case IR_MIN_U: *r = a < b ? a : b; break;
	case IR_MAX_U: *r = a < b ? b : a; break;
	case IR_CLZ: case IR_CTZ: case IR_POPCNT: *r = count(op, a, w); break;
	case IR_BSWAP: case IR_ORC_B: *r = bytes(op, a, w); break;
	case IR_CLMUL: *r = (uint64_t)carryless(a, b); break;
	case IR_CLMULH: *r = (uint64_t)(carryless(a, b) >> 64); break;
	case IR_EXT8_S: *r = (uint64_t)sext(a, 8); break;
	case IR_EXT16_S: *r = (uint64_t)sext(a, 16); break;
	case IR_BFX_U: case IR_BFX_S: case IR_BFI: *r = field(op, a, b, imm); break;
	case IR_WRAP: *r = (uint32_t)a; return true;
	case IR_EXT_S: *r = (uint64_t)sext(a, 32); return true;
	case IR_EXT_U: *r = (uint32_t)a; return true;
	case IR_EQ: *r = a == b; break;
	case IR_NE: *r = a != b; break;
	case IR_LT_S: *r = x < y; break;
	case IR_LT_U: *r = a < b; break;
	case IR_GT_S: *r = x > y; break;
	case IR_GT_U: *r = a > b; break;
	case IR_LE_S: *r = x <= y; break;
	case IR_LE_U: *r = a <= b; break;
	case IR_GE_S: *r = x >= y; break;
	case IR_GE_U: *r = a >= b; break;
	default: return false;
	}
	*r &= mask(w);
	return true;
}

/* ---- floats, by another way ------------------------------------------------------------ */

static double d_of(uint64_t b) { double d; memcpy(&d, &b, 8); return d; }
static float f_of(uint32_t b) { float f; memcpy(&f, &b, 4); return f; }
static uint64_t b_of(double d) { uint64_t b; memcpy(&b, &d, 8); return b; }
static uint32_t b_of32(float f) { uint32_t b; memcpy(&b, &f, 4); return b; }

/* One float operation on long double, which holds every float and (on x86-64)
 * every double and 64-bit integer: for what is exact there. */
static long double widen(enum ir_type t, uint64_t b) { return t == IR_F64 ? (long double)d_of(b) : (long double)f_of((uint32_t)b); }
static bool is_nan(enum ir_type t, uint64_t b)
{
	return t == IR_F64 ? (b & INT64_MAX) > 0x7ffull << 52 : (b & 0x7fffffff) > 0x7f800000;
}
static bool is_snan(enum ir_type t, uint64_t b)
{
	return is_nan(t, b) && !(b >> (t == IR_F64 ? 51 : 22) & 1);
}
static uint64_t canon(enum ir_type t) { return t == IR_F64 ? 0x7ff8ull << 48 : 0x7fc00000; }
static uint64_t sign(enum ir_type t) { return t == IR_F64 ? 1ull << 63 : 0x80000000; }

static uint64_t narrow(enum ir_type t, long double v)
{
	if (v != v)
		return canon(t);
	return t == IR_F64 ? b_of((double)v) : b_of32((float)v);
}

/* -0 below +0, numbers only */
static bool below(enum ir_type t, uint64_t a, uint64_t b)
{
	long double x = widen(t, a), y = widen(t, b);

	return x < y || (x == y && (a & sign(t)) && !(b & sign(t)));
}

static uint64_t extremum(enum ir_type t, uint64_t a, uint64_t b, bool max, bool number)
{
	if (is_nan(t, a) || is_nan(t, b)) {
		if (number && !is_nan(t, a))
			return a;
		if (number && !is_nan(t, b))
			return b;
		return canon(t);
	}
	return below(t, a, b) != max ? a : b;
}

static uint64_t to_integer(unsigned op, enum ir_type t, uint64_t b, uint8_t *fl)
{
	bool cvt = op >= IR_CVT32_S && op <= IR_CVT64_U, uns = op == IR_SAT32_U || op == IR_SAT64_U ||
		   op == IR_CVT32_U || op == IR_CVT64_U;
	unsigned n = op == IR_SAT32_S || op == IR_SAT32_U || op == IR_CVT32_S || op == IR_CVT32_U ? 32 : 64;
	long double v = widen(t, b), lo = uns ? 0 : -ldexpl(1, (int)n - 1), hi = ldexpl(1, (int)n - !uns);
	uint64_t most = uns ? mask(n) : mask(n - 1), least = uns ? 0 : 1ull << (n - 1);

	*fl = 0;
	if (v != v) {
		*fl = 16;
		return cvt ? most : 0;
	}
	long double r = cvt ? roundevenl(v) : truncl(v);

	if (r >= hi || r < lo) {
		*fl = 16;
		return r < lo ? least : most;
	}
	*fl = r != v;
	return (r < 0 ? (uint64_t)(int64_t)r : (uint64_t)r) & mask(n);
}

/* false: no reference here; *fl 255: flags not known */
static bool floating(unsigned op, enum ir_type t, uint64_t a, uint64_t b, uint64_t *r, uint8_t *fl)
{
	long double x = widen(t, a), y = widen(t, b);
	bool nan = is_nan(t, a) || is_nan(t, b), snan = is_snan(t, a) || is_snan(t, b);

	*fl = 255;
	switch (op) {
	case IR_FABS: *r = a & ~sign(t); break;
	case IR_FNEG: *r = a ^ sign(t); break;
	case IR_COPYSIGN: *r = (a & ~sign(t)) | (b & sign(t)); break;
	case IR_FMIN: case IR_FMAX: *r = extremum(t, a, b, op == IR_FMAX, false), *fl = snan ? 16 : 0; break;
	case IR_FMINNUM: case IR_FMAXNUM: *r = extremum(t, a, b, op == IR_FMAXNUM, true), *fl = snan ? 16 : 0; break;
	case IR_FEQ: *r = !nan && x == y, *fl = snan ? 16 : 0; break;
	case IR_FNE: *r = nan || x != y, *fl = snan ? 16 : 0; break;
	case IR_FLT: *r = !nan && x < y, *fl = nan ? 16 : 0; break;
	case IR_FLE: *r = !nan && x <= y, *fl = nan ? 16 : 0; break;
	case IR_FGT: *r = !nan && x > y, *fl = nan ? 16 : 0; break;
	case IR_FGE: *r = !nan && x >= y, *fl = nan ? 16 : 0; break;
	case IR_FCEIL: *r = narrow(t, ceill(x)); break;
	case IR_FFLOOR: *r = narrow(t, floorl(x)); break;
	case IR_FTRUNC: *r = narrow(t, truncl(x)); break;
	case IR_FNEAREST: *r = narrow(t, roundevenl(x)); break;
	case IR_FADD: *r = t == IR_F32 ? narrow(t, (double)x + (double)y) : is_nan(t, a) || is_nan(t, b) ? canon(t) : narrow(t, d_of(a) + d_of(b)); break;
	case IR_FMUL: *r = t == IR_F32 ? narrow(t, (double)x * (double)y) : narrow(t, d_of(a) * d_of(b)); break;
	case IR_SAT32_S: case IR_SAT32_U: case IR_SAT64_S: case IR_SAT64_U: *r = to_integer(op, t, a, fl), *fl = 255; break;
	case IR_CVT32_S: case IR_CVT32_U: case IR_CVT64_S: case IR_CVT64_U: *r = to_integer(op, t, a, fl); break;
	default: return false;
	}
	return true;
}

static bool moved(unsigned op, enum ir_type ct, uint64_t a, uint64_t *r)
{
	switch (op) {
	case IR_BITS32: case IR_OF32: *r = (uint32_t)a; return true;
	case IR_BITS64: case IR_OF64: *r = a; return true;
	case IR_BOX: *r = 0xffffffff00000000 | (uint32_t)a; return true;
	case IR_UNBOX: *r = a >= 0xffffffff00000000 ? (uint32_t)a : 0x7fc00000; return true;
	case IR_DEMOTE: *r = is_nan(IR_F64, a) ? 0x7fc00000 : b_of32((float)d_of(a)); return true;
	case IR_PROMOTE: *r = is_nan(IR_F32, a) ? canon(IR_F64) : b_of((double)f_of((uint32_t)a)); return true;
	case IR_FROM32_S: *r = narrow(ct, (long double)(int32_t)a); return true;
	case IR_FROM32_U: *r = narrow(ct, (long double)(uint32_t)a); return true;
	case IR_FROM64_S: *r = narrow(ct, (long double)(int64_t)a); return true;
	case IR_FROM64_U: *r = narrow(ct, (long double)a); return true;
	default: return false;
	}
}

/* ---- the test ------------------------------------------------------------------------------ */

static int32_t imm_for(unsigned op, enum ir_type ct)
{
	unsigned w = ct == IR_I64 ? 64 : 32, low = (unsigned)(rnd() % w);

	if (op == IR_BFX_U || op == IR_BFX_S || op == IR_BFI)
		return (int32_t)(low | (1 + rnd() % (w - low)) << 8);
	return (int32_t)(rnd() & 1);
}

static uint64_t result_bits(enum ir_type t, const union ir_value *v)
{
	return t == IR_I32 || t == IR_F32 ? v->i32 : v->i64;
}

static void one(struct ir_func *f, unsigned op, enum ir_type ct, unsigned n)
{
	const struct ir_row *row = &ir_rows[op];
	uint8_t aux = row->flags & IR_FP ? IR_FP_CANON | IR_FP_FLAGS : 0, fp, fl = 255;
	enum ir_type rt = letter(strchr(row->sig, '_')[1], ct);
	int32_t imm = row->flags & IR_IMM ? imm_for(op, ct) : 0;
	union ir_value v[3] = { { .i64 = 0 } }, r;
	ir_ref a[3] = { 0 }, folded;
	uint64_t want = 0;
	bool known;

	for (unsigned k = 0; k < row->nargs; k++) {
		enum ir_type t = letter(row->sig[k], ct);

		v[k] = some(t);
		if (n < 33 * 33 && t != IR_V128)
			v[k].i64 = bits_of(t, k ? n / 33 : n % 33);
		a[k] = t == IR_V128 ? ir_v128(f, v[k].v128[0], v[k].v128[1]) : ir_const(f, t, v[k].i64);
	}
	if (!ir_compute((enum ir_op)op, ct, aux, imm, &v[0], &v[1], &v[2], &r, &fp))
		TEST_FAIL("%s.%s is not computed", row->text, ir_type_names[ct]);
	known = integer(op, ct == IR_I64 ? 64 : 32, v[0].i64, v[1].i64, imm, &want) ||
		((ct == IR_F32 || ct == IR_F64) && floating(op, ct, v[0].i64, v[1].i64, &want, &fl)) ||
		moved(op, ct, v[0].i64, &want);
	if (known && result_bits(rt, &r) != want)
		TEST_FAIL("%s.%s %#" PRIx64 ", %#" PRIx64 " #%d: %#" PRIx64 ", not %#" PRIx64, row->text, ir_type_names[ct],
			  v[0].i64, v[1].i64, imm, result_bits(rt, &r), want);
	if (known && (row->flags & IR_FP) && fl != 255 && fp != fl)
		TEST_FAIL("%s.%s %#" PRIx64 ", %#" PRIx64 ": flags %u, not %u", row->text, ir_type_names[ct], v[0].i64,
			  v[1].i64, fp, fl);
	folded = ir_emit(f, (enum ir_op)op, ct, a[0], a[1], a[2], imm, aux);
	if (!(fp && (row->flags & IR_FP)) && !ir_is_const(f, folded))
		TEST_FAIL("%s.%s of constants is not folded", row->text, ir_type_names[ct]);
	if (ir_is_const(f, folded) && (ir_const_bits(f, folded) != result_bits(rt, &r) ||
				       (rt == IR_V128 && ir_const_high(f, folded) != r.v128[1])))
		TEST_FAIL("%s.%s folds to another value", row->text, ir_type_names[ct]);
}

static void rows(void)
{
	struct ir_func f;

	CHECK(!ir_init(&f));
	for (unsigned op = 1; op < IR_OPS; op++) {
		if (!(ir_rows[op].flags & IR_PURE))
			continue;
		for (unsigned ct = 0; ct < IR_TYPES; ct++) {
			if (ir_rows[op].types ? !(ir_rows[op].types >> ct & 1) : ct)
				continue;
			ir_reset(&f);
			ir_at(&f, ir_block(&f));
			for (unsigned n = 0; n < 33 * 33 + 500; n++)
				one(&f, op, (enum ir_type)ct, n);
		}
	}
	ir_fini(&f);
}

static void rule(unsigned op, enum ir_type ct, unsigned bit, uint64_t x, uint64_t y, uint64_t want)
{
	union ir_value a = { .i64 = x & mask(ct == IR_I64 ? 64 : 32) }, b = { .i64 = y & mask(ct == IR_I64 ? 64 : 32) }, r;
	uint8_t fp;

	if (ct == IR_F32 || ct == IR_F64)
		a = b = some(ct), want = a.i64;
	CHECK(ir_compute((enum ir_op)op, ct, 0, 0, &a, &b, &b, &r, &fp));
	enum ir_type rt = letter(strchr(ir_rows[op].sig, '_')[1], ct);

	if (result_bits(rt, &r) != (want & mask(rt == IR_I64 || rt == IR_F64 ? 64 : 32)))
		TEST_FAIL("%s.%s: rule %u does not hold for %#" PRIx64, ir_rows[op].text, ir_type_names[ct], bit, x);
}

static void rules(void)
{
	static const struct {
		uint32_t bit;
		int y;       /* 0, 1, -1; 2: x itself */
		int want;    /* 0, 1, -1; 2: x itself */
		bool left;
	} t[] = { { IR_R0_X, 0, 2, 0 }, { IR_R0_0, 0, 0, 0 }, { IR_R0_1, 0, 1, 0 }, { IR_R0_M, 0, -1, 0 },
		  { IR_R1_X, 1, 2, 0 }, { IR_R1_0, 1, 0, 0 }, { IR_RM_X, -1, 2, 0 }, { IR_RM_M, -1, -1, 0 },
		  { IR_RM_0, -1, 0, 0 }, { IR_RM_1, -1, 1, 0 }, { IR_RX_X, 2, 2, 0 }, { IR_RX_0, 2, 0, 0 },
		  { IR_RX_1, 2, 1, 0 }, { IR_L0_0, 0, 0, 1 }, { IR_LM_M, -1, -1, 1 } };
	unsigned checked = 0;

	for (unsigned op = 1; op < IR_OPS; op++)
		for (unsigned ct = 1; ct < IR_VALUE_TYPES; ct++)
			for (unsigned k = 0; (ir_rows[op].types >> ct & 1) && k < ARRAY_LEN(t); k++)
				for (unsigned n = 0; (ir_rows[op].rules & t[k].bit) && n < 200; n++) {
					uint64_t x = bits_of(ct == IR_I32 ? IR_I32 : IR_I64, n % 48);
					uint64_t y = t[k].y == 2 ? x : (uint64_t)(int64_t)t[k].y;
					uint64_t want = t[k].want == 2 ? x : (uint64_t)(int64_t)t[k].want;

					rule(op, (enum ir_type)ct, k, t[k].left ? y : x, t[k].left ? x : y, want);
					checked++;
				}
	CHECK(checked > 5000);
}

/* ---- rules of the builder ------------------------------------------------------------------- */

enum { DEEP = 12 };

/* The same expression with folding and without, on arguments; then evaluated. */
static void expression(struct ir_func *f, uint64_t seed, bool raw)
{
	ir_ref v[3][64]; /* i32, i64, f32 */
	unsigned n[3] = { 0 };
	static const enum ir_type results[] = { IR_I32, IR_I64 };
	ir_ref out[2];
	uint32_t b;

	rnd_state = seed * 0x9e3779b97f4a7c15ull + 7;
	ir_reset(f);
	f->raw = raw;
	ir_results(f, results, 2);
	b = ir_block(f);
	for (unsigned k = 0; k < 2; k++) {
		v[0][n[0]++] = ir_param(f, b, IR_I32);
		v[1][n[1]++] = ir_param(f, b, IR_I64);
		v[2][n[2]++] = ir_param(f, b, IR_F32);
	}
	ir_at(f, b);
	for (unsigned k = 0; k < DEEP; k++) {
		unsigned op = IR_ADD + (unsigned)(rnd() % (IR_SELECT - IR_ADD + 1)), type = (unsigned)(rnd() % 2);
		enum ir_type ct = type ? IR_I64 : IR_I32;
		const struct ir_row *row;
		ir_ref a[3] = { 0 }, r;
		int32_t imm;
		static const uint8_t more[] = { IR_WRAP, IR_EXT_S, IR_EXT_U, IR_SHL, IR_SHR_U, IR_SHR_S, IR_EQ, IR_NE,
						IR_SELECT, IR_AND, IR_ADD, IR_SUB, IR_BOX, IR_UNBOX, IR_BITS32, IR_OF32 };

		if (rnd() % 2)
			op = more[rnd() % ARRAY_LEN(more)];
		row = &ir_rows[op];
		if (row->types && !(row->types >> ct & 1))
			ct = IR_I64;
		if (!row->types)
			ct = IR_VOID;
		for (unsigned j = 0; j < row->nargs; j++) {
			enum ir_type t = letter(row->sig[j], ct);
			unsigned set = t == IR_I32 ? 0 : t == IR_I64 ? 1 : 2;
			uint64_t pick = rnd(), c = bits_of(t, (unsigned)(rnd() % 40));

			/* The newest first, so that expressions grow deep. */
			if (pick % 3 == 0)
				a[j] = ir_const(f, t, c);
			else
				a[j] = v[set][pick % 2 ? n[set] - 1 : (pick >> 8) % n[set]];
		}
		imm = row->flags & IR_IMM ? imm_for(op, ct) : 0;
		r = ir_emit(f, (enum ir_op)op, ct, a[0], a[1], a[2], imm, 0);
		unsigned set = ir_type(f, r) == IR_I32 ? 0 : ir_type(f, r) == IR_I64 ? 1 : 2;

		v[set][n[set]++] = r;
	}
	out[0] = v[0][n[0] - 1];
	out[1] = v[1][n[1] - 1];
	ir_ret(f, out, 2);
}

static void builder_rules(void)
{
	struct ir_func f, g;
	uint64_t smaller = 0;

	CHECK(!ir_init(&f) && !ir_init(&g));
	for (uint64_t seed = 1; seed <= 60000; seed++) {
		char why[200];
		const char *bad;

		expression(&f, seed, false);
		expression(&g, seed, true);
		bad = ir_verify(&f, why, sizeof(why));
		if (bad)
			TEST_FAIL("seed %" PRIu64 ": %s", seed, bad);
		smaller += g.ninsn - MIN(f.ninsn, g.ninsn);
		for (unsigned k = 0; k < 3; k++) {
			union ir_value args[6];
			struct ir_machine m = { .steps = 1000 };
			struct ir_end x, y;

			for (unsigned j = 0; j < 6; j++)
				args[j].i64 = bits_of(j % 3 == 0 ? IR_I32 : j % 3 == 1 ? IR_I64 : IR_F32, (unsigned)(rnd() % 40));
			ir_eval(&f, &m, args, 6, &x);
			m.steps = 1000;
			ir_eval(&g, &m, args, 6, &y);
			if (x.value[0].i32 != y.value[0].i32 || x.value[1].i64 != y.value[1].i64) {
				if (getenv("IR_SHOW"))
					fprintf(stderr, "%s%s", ir_print(&g), ir_print(&f));
				TEST_FAIL("seed %" PRIu64 ": a rule changes the value", seed);
			}
		}
	}
	CHECK(smaller > 1000);
	ir_fini(&f);
	ir_fini(&g);
}

TEST_MAIN({ "rows_mean_what_c_says_and_fold", rows }, { "the_rows_rules_hold", rules },
	  { "the_builders_rules_hold", builder_rules })
