/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every numeric row of op.def against a model that knows only the
 * instruction's name and the specification: integers in 128 bits, floats by
 * the C library.
 */
#include "tests/test.h"

#include "tests/wasm/numbers.h"
#include "wasm/instance.h"
static int trap_of_row;         /* enum wasm_trap */
#define SEM_TRAP(t) do { trap_of_row = (t); return 0; } while (0)
#include "wasm/sem.h"

/* ---- the rows: bits in, bits out ---- */

#define IN_I32(x) ((uint32_t)(x))
#define IN_I64(x) (x)
#define IN_F32(x) float_of32((uint32_t)(x))
#define IN_F64(x) float_of64(x)
#define OUT_I32(x) ((uint64_t)(uint32_t)(x))
#define OUT_I64(x) ((uint64_t)(x))
#define OUT_F32(x) ((uint64_t)float_bits32(x))
#define OUT_F64(x) float_bits64(x)
#define ROW1(id, r_, t, e) \
	static uint64_t row_##id(uint64_t a_, uint64_t b_) \
	{ C_##t A = IN_##t(a_); (void)b_; return OUT_##r_((C_##r_)(e)); }
#define ROW2(id, r_, t, e) \
	static uint64_t row_##id(uint64_t a_, uint64_t b_) \
	{ C_##t A = IN_##t(a_), B = IN_##t(b_); return OUT_##r_((C_##r_)(e)); }
#define ROW_PURE1 ROW1
#define ROW_PURE2 ROW2
#define ROW_NAN1 ROW1
#define ROW_NAN2 ROW2
#define ROW_TRAP1 ROW1
#define ROW_TRAP2 ROW2
#define ROW_CMP1(id, t, e) ROW1(id, I32, t, e)
#define ROW_CMP2(id, t, e) ROW2(id, I32, t, e)
#define ROW_NOTHING(...)
#define ROW_LOAD ROW_NOTHING
#define ROW_STORE ROW_NOTHING
#define ROW_ATOMIC_LOAD ROW_NOTHING
#define ROW_ATOMIC_STORE ROW_NOTHING
#define ROW_ATOMIC_RMW ROW_NOTHING
#define ROW_ATOMIC_CMPXCHG ROW_NOTHING
#define ROW_CONST ROW_NOTHING
#define ROW_CONTROL ROW_NOTHING
#define ROW_SPECIAL ROW_NOTHING
#define ROW(id, ...) ROW_(id, __VA_ARGS__)
#define ROW_(id, class, ...) ROW_##class(id, __VA_ARGS__)
#define WASM_NO_SIMD
#define OP(id, code, text, imm, sig, sem) ROW(id, SEM_CLASS_##sem)
#include "wasm/op.def"
#undef OP
#undef ROW1
#undef ROW2
#undef ROW_CMP1
#undef ROW_CMP2
#define ROW1(id, ...) row_##id,
#define ROW2(id, ...) row_##id,
#define ROW_CMP1 ROW1
#define ROW_CMP2 ROW2
#undef ROW_NOTHING
#define ROW_NOTHING(...) NULL,

static const struct row {
	const char *text, *sig;
} names[] = {
#define OP(id, code, text, imm, sig, sem) { text, sig },
#include "wasm/op.def"
#undef OP
};
typedef uint64_t row_fn(uint64_t a, uint64_t b);
static row_fn *const fns[] = {
#define OP(id, code, text, imm, sig, sem) ROW(id, SEM_CLASS_##sem)
#include "wasm/op.def"
#undef OP
};

/* ---- the model ---- */

typedef __int128 wide;

struct answer {
	uint64_t bits;
	int trap;
	bool arithmetic;        /* a NaN may be any that the operands allow */
};

static bool model_int(const char *op, unsigned w, uint64_t ua, uint64_t ub, struct answer *r)
{
	uint64_t mask = ~0ull >> (64 - w);
	wide sa = (int64_t)(ua << (64 - w)) >> (64 - w), sb = (int64_t)(ub << (64 - w)) >> (64 - w);
	unsigned n = (unsigned)(ub & (w - 1)), lead = 0, trail = 0, ones = 0;
	bool test = true;

	for (unsigned i = 0; i < w; i++)
		ones += ua >> i & 1;
	while (lead < w && !(ua >> (w - 1 - lead) & 1))
		lead++;
	while (trail < w && !(ua >> trail & 1))
		trail++;

	const struct { const char *name; bool r; } tests[] = {
		{ "eqz", ua == 0 }, { "eq", ua == ub }, { "ne", ua != ub },
		{ "lt_s", sa < sb }, { "lt_u", ua < ub }, { "gt_s", sa > sb }, { "gt_u", ua > ub },
		{ "le_s", sa <= sb }, { "le_u", ua <= ub }, { "ge_s", sa >= sb }, { "ge_u", ua >= ub },
	};
	const struct { const char *name; wide r; } ops[] = {
		{ "clz", lead }, { "ctz", trail }, { "popcnt", ones },
		{ "add", sa + sb }, { "sub", sa - sb }, { "mul", sa * sb },
		{ "and", ua & ub }, { "or", ua | ub }, { "xor", ua ^ ub },
		{ "shl", (wide)ua << n }, { "shr_s", sa >> n }, { "shr_u", ua >> n },
		{ "rotl", (wide)(ua << n) | (n ? ua >> (w - n) : 0) },
		{ "rotr", (wide)(ua >> n) | (n ? (wide)ua << (w - n) : 0) },
		{ "extend8_s", (int8_t)ua }, { "extend16_s", (int16_t)ua }, { "extend32_s", (int32_t)ua },
		{ "wrap_i64", ua }, { "extend_i32_s", (int32_t)ua }, { "extend_i32_u", (uint32_t)ua },
		{ "reinterpret_f32", (uint32_t)ua }, { "reinterpret_f64", ua },
		{ "div_s", sb ? sa / sb : 0 }, { "div_u", ub ? ua / ub : 0 },
		{ "rem_s", sb ? sa % sb : 0 }, { "rem_u", ub ? ua % ub : 0 },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(op, tests[i].name)) {
			r->bits = tests[i].r;
			return true;
		}
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			r->bits = (uint64_t)ops[i].r & mask;
			if ((!strncmp(op, "div", 3) || !strncmp(op, "rem", 3)) && !ub)
				r->trap = WASM_TRAP_DIV_ZERO;
			else if (!strcmp(op, "div_s") && ops[i].r >> (w - 1) == 1)
				r->trap = WASM_TRAP_INT_OVERFLOW;
			return true;
		}
	test = false;
	return test;
}

static double fmin_(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : a == b ? (signbit(a) ? a : b) : a < b ? a : b;
}
static double fmax_(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : a == b ? (signbit(a) ? b : a) : a > b ? a : b;
}

/* f32 arithmetic in double, rounded once more, is exact enough. */
static bool model_float(const char *op, unsigned w, uint64_t ba, uint64_t bb, struct answer *r)
{
	double a = w == 32 ? (double)float_of32((uint32_t)ba) : float_of64(ba);
	double b = w == 32 ? (double)float_of32((uint32_t)bb) : float_of64(bb);
	volatile double x = a, y = b;
	uint64_t top = 1ull << (w - 1);
	const struct { const char *name; bool r; } tests[] = {
		{ "eq", a == b }, { "ne", a != b }, { "lt", a < b }, { "gt", a > b }, { "le", a <= b },
		{ "ge", a >= b },
	};
	const struct { const char *name; uint64_t r; } moves[] = {
		{ "abs", ba & ~top }, { "neg", ba ^ top }, { "copysign", (ba & ~top) | (bb & top) },
		{ "reinterpret_i32", ba }, { "reinterpret_i64", ba },
	};
	const struct { const char *name; double r; } ops[] = {
		{ "add", x + y }, { "sub", x - y }, { "mul", x * y }, { "div", x / y },
		{ "min", fmin_(a, b) }, { "max", fmax_(a, b) }, { "sqrt", sqrt(a) }, { "ceil", ceil(a) },
		{ "floor", floor(a) }, { "trunc", trunc(a) }, { "nearest", nearbyint(a) },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(op, tests[i].name)) {
			r->bits = tests[i].r;
			return true;
		}
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if (!strcmp(op, moves[i].name)) {
			r->bits = moves[i].r;
			return true;
		}
	r->arithmetic = true;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			r->bits = w == 32 ? float_bits32((float)ops[i].r) : float_bits64(ops[i].r);
			return true;
		}
	return false;
}

/* An integer to a float, by halves of rounding: the magnitude to `digits` bits,
 * ties to even, scaled by the C library. */
static double rounded(wide x, int digits)
{
	bool negative = x < 0;
	unsigned __int128 m = (unsigned __int128)(negative ? -x : x);
	int shift = 0;

	while (m >> shift >> digits)
		shift++;
	unsigned __int128 q = m >> shift, rest = m - (q << shift), half = shift ? (unsigned __int128)1 << (shift - 1) : 0;

	if (shift && (rest > half || (rest == half && (q & 1))))
		q++;
	double d = ldexp((double)(uint64_t)q, shift);

	return negative ? -d : d;
}
static bool model_conversion(const char *op, char to, uint64_t a, struct answer *r)
{
	char kind[16], from[8], sign;
	bool sat;

	if (!strcmp(op, "demote_f64") || !strcmp(op, "promote_f32")) {
		r->arithmetic = true;
		r->bits = to == 'f' ? float_bits32((float)float_of64(a)) :
			  float_bits64((double)float_of32((uint32_t)a));
		return true;
	}
	if (sscanf(op, "convert_%3s_%c", from, &sign) == 2) {
		wide x = sign == 's' ? (from[1] == '3' ? (wide)(int32_t)a : (wide)(int64_t)a) :
			 from[1] == '3' ? (wide)(uint32_t)a : (wide)a;

		r->bits = to == 'f' ? float_bits32((float)rounded(x, 24)) : float_bits64(rounded(x, 53));
		return true;
	}
	sat = !strncmp(op, "trunc_sat_", 10);
	if (sscanf(op, sat ? "%6[trunc]_sat_%3s_%c" : "%6[trunc]_%3s_%c", kind, from, &sign) != 3)
		return false;

	double x = from[1] == '3' ? (double)float_of32((uint32_t)a) : float_of64(a), t = trunc(x);
	int w = to == 'i' ? 32 : 64;
	double lo = sign == 's' ? -ldexp(1, w - 1) : 0, hi = ldexp(1, sign == 's' ? w - 1 : w);
	uint64_t mask = ~0ull >> (64 - w), top = 1ull << (w - 1);

	if (t >= lo && t < hi)
		r->bits = (sign == 's' ? (uint64_t)(int64_t)t : (uint64_t)t) & mask;
	else if (sat)
		r->bits = isnan(x) ? 0 : x < 0 ? (sign == 's' ? top : 0) : sign == 's' ? top - 1 : mask;
	else
		r->trap = isnan(x) ? WASM_TRAP_INVALID_CONVERSION : WASM_TRAP_INT_OVERFLOW;
	return true;
}

static bool is_nan(uint64_t x, unsigned w)
{
	return w == 32 ? isnan(float_of32((uint32_t)x)) : isnan(float_of64(x));
}
static bool is_canonical(uint64_t x, unsigned w)
{
	return (x << (64 - w) << 1) == (w == 32 ? 0xff80000000000000 : 0xfff0000000000000);
}

/* sig is "ff:f" and the like. */
static unsigned width_of(char t) { return t == 'i' || t == 'f' ? 32 : 64; }

static void check_row(const struct row *row, row_fn *fn)
{
	const char *op = strchr(row->text, '.') + 1, *colon = strchr(row->sig, ':');
	unsigned from = width_of(row->sig[0]), to = width_of(colon[1]);

	for (unsigned n = 0; n < 3000; n++) {
		uint64_t mask = ~0ull >> (64 - from), a = special(from) & mask, b = special(from) & mask;
		struct answer want = { 0 };
		bool known, ok;

		if (n % 16 == 0)
			b = a;
		known = model_conversion(op, colon[1], a, &want) ||
			(row->sig[0] == 'f' || row->sig[0] == 'F' || !strncmp(op, "reinterpret_i", 13) ?
			 (colon[1] == 'i' || colon[1] == 'I') && !strncmp(op, "reinterpret", 11) ?
			 model_int(op, from, a, b, &want) : model_float(op, from, a, b, &want) :
			 model_int(op, strcmp(op, "wrap_i64") ? to : 32, a, b, &want));
		/* tests of i64 have an i32 for a result */
		if (!known || (row->sig[0] == 'I' && colon[1] == 'i' && strcmp(op, "wrap_i64") &&
			       !strchr("f", row->text[0]) && !strstr(op, "trunc")))
			known = model_int(op, 64, a, b, &want);
		if (!known)
			TEST_FAIL("the model does not know %s", row->text);

		trap_of_row = 0;
		uint64_t got = fn(a, b);

		if (want.trap || trap_of_row) {
			ok = want.trap == trap_of_row;
		} else if (want.arithmetic && is_nan(want.bits, to)) {
			bool payload = (is_nan(a, from) && !is_canonical(a, from)) ||
				       (colon - row->sig == 2 && is_nan(b, from) && !is_canonical(b, from));

			ok = is_nan(got, to) && (got >> (to == 32 ? 22 : 51) & 1) &&
			     (payload || is_canonical(got, to));
		} else {
			ok = got == want.bits;
		}
		if (!ok)
			TEST_FAIL("%s of %#" PRIx64 ", %#" PRIx64 ": %#" PRIx64 " (trap %d) expected, %#" PRIx64
				  " (trap %d) came", row->text, a, b, want.bits, want.trap, got, trap_of_row);
	}
}
static void every_numeric_row_agrees_with_the_model(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fns[i]) {
			check_row(&names[i], fns[i]);
			n++;
		}
	CHECK_EQ(n, 0xc5 - 0x45 + 8);
}

/* The roundings without the host's instructions, which other hosts use. */
#define CHECK_ROUNDING(name, libm)                                              \
	for (unsigned n = 0; n < 20000; n++) {                                  \
		double x = float_of64(special(64));                             \
		float y = float_of32((uint32_t)special(32));                    \
		uint64_t r = float_bits64(float__##name##64(x));                \
		uint32_t s = float_bits32(float__##name##32(y));                \
                                                                                \
		if (isnan(x))                                                   \
			CHECK(r >> 51 & 1);                                     \
		else                                                            \
			CHECK_EQ(r, float_bits64(libm(x)));                     \
		if (isnan(y))                                                   \
			CHECK(s >> 22 & 1);                                     \
		else                                                            \
			CHECK_EQ(s, float_bits32(libm##f(y)));                  \
	}
static void portable_roundings_agree_with_the_c_library(void)
{
	CHECK_ROUNDING(nearest, nearbyint)
	CHECK_ROUNDING(ceil, ceil)
	CHECK_ROUNDING(floor, floor)
	CHECK_ROUNDING(trunc, trunc)
}

TEST_MAIN({ "every_numeric_row_agrees_with_the_model", every_numeric_row_agrees_with_the_model },
	  { "portable_roundings_agree_with_the_c_library", portable_roundings_agree_with_the_c_library })
