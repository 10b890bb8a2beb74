/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of simd.def against a model that knows only the instruction's name
 * and the specification: lanes one by one, integers in 128 bits, floats by the
 * C library.  Included by one test for each way in which simd.h can be
 * compiled.
 */
#include "tests/test.h"

#include <math.h>

#include "tests/wasm/numbers.h"
#include "wasm/simd.h"

/* ---- the rows ---- */

struct in {
	uint8_t v[3][16];
	uint64_t s;             /* scalar operand */
	unsigned lane;
	uint8_t lanes[16];      /* of a shuffle */
	uint8_t mem[16];
};
typedef void row_fn(const struct in *in, uint8_t *out);

#define LD(n) simd_load(in->v[n])
#define V_V(e) v128 A = LD(0); simd_store(out, (v128)(e));
#define VV_V(e) v128 A = LD(0), B = LD(1); simd_store(out, (v128)(e));
#define VVV_V(e) v128 A = LD(0), B = LD(1), C = LD(2); simd_store(out, (v128)(e));
#define VS_V(e) v128 A = LD(0); uint64_t B = in->s; simd_store(out, (v128)(e));
#define S_V(e) uint64_t A = in->s; simd_store(out, (v128)(e));
#define V_S(e) v128 A = LD(0); uint64_t r = (e); memcpy(out, &r, 8);
#define VL_S(e) v128 A = LD(0); unsigned L = in->lane; uint64_t r = (e); memcpy(out, &r, 8);
#define VSL_V(e) \
	v128 A = LD(0); uint64_t B = in->s; unsigned L = in->lane; simd_store(out, (v128)(e));
#define VVL_V(e) v128 A = LD(0), B = LD(1), L = simd_load(in->lanes); simd_store(out, (v128)(e));
#define VLOAD(type, e) \
	MEM_##type M; memcpy(&M, in->mem, sizeof(M)); simd_store(out, (v128)(e));
#define VSTORE(type) simd_store(out, LD(0));
#define VLOAD_LANE(type, shape) \
	MEM_##type m; memcpy(&m, in->mem, sizeof(m)); \
	simd_store(out, (v128)REPLACE(shape, LD(0), m, in->lane));
#define VSTORE_LANE(type, shape) MEM_##type m = ((shape)LD(0))[in->lane]; memcpy(out, &m, sizeof(m));
#define VCONST simd_store(out, LD(0));
#define MEM_U8 uint8_t
#define MEM_U16 uint16_t
#define MEM_U32 uint32_t
#define MEM_U64 uint64_t
#define MEM_V128 v128

#define OP(id, code, text, imm, sig, sem) \
	static void row_##id(const struct in *in, uint8_t *out) { sem }
#include "wasm/simd.def"
#undef OP
static const struct row {
	const char *text, *sig;
	row_fn *fn;
} rows[] = {
#define OP(id, code, text, imm, sig, sem) { text, sig, row_##id },
#include "wasm/simd.def"
#undef OP
};

/* ---- the model ---- */

typedef __int128 wide;

struct shape {
	bool is_float;
	unsigned bits, n;
};
/* "i16x8_s" -> i, 16, 8; false: no shape. */
static bool shape_of(const char *s, struct shape *sh)
{
	char c;

	if (sscanf(s, "%c%ux%u", &c, &sh->bits, &sh->n) != 3 || sh->bits * sh->n != 128)
		return false;
	sh->is_float = c == 'f';
	return true;
}
static uint64_t get(const uint8_t *v, unsigned bits, unsigned i)
{
	uint64_t x = 0;

	memcpy(&x, v + i * bits / 8, bits / 8);
	return x;
}
static void put(uint8_t *v, unsigned bits, unsigned i, uint64_t x)
{
	memcpy(v + i * bits / 8, &x, bits / 8);
}
static wide sget(const uint8_t *v, unsigned bits, unsigned i)
{
	return (int64_t)(get(v, bits, i) << (64 - bits)) >> (64 - bits);
}
static wide clamp(wide x, wide lo, wide hi) { return x < lo ? lo : x > hi ? hi : x; }
static bool ends(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}
static bool begins(const char *s, const char *start) { return !strncmp(s, start, strlen(start)); }

/* A choice of a relaxed operation: the parameters R of 4.3.4. */
enum { R_FMADD, R_FMIN, R_FMAX, R_DOT, R_Q15, R_TRUNC_U, R_TRUNC_S, R_SWIZZLE, R_SELECT, R_PARAMS };

/* How a result is compared. */
struct result {
	uint8_t v[16];
	unsigned size;          /* bytes of it */
	unsigned float_bits;    /* 0: bits; 32, 64: lanes are floats made by arithmetic */
	bool canonical[4];      /* a NaN in this lane must be a canonical one */
};

static bool int_binary(const char *op, unsigned w, wide sa, wide sb, wide ua, wide ub, wide *r)
{
	wide smax = ((wide)1 << (w - 1)) - 1, smin = -smax - 1, umax = ((wide)1 << w) - 1;
	wide t = (wide)-1;
	unsigned n = (unsigned)(ub & (w - 1));
	const struct { const char *name; wide r; } ops[] = {
		{ "add", ua + ub }, { "sub", ua - ub },
		/* low bits only, which the low halves give */
		{ "mul", (wide)((uint64_t)ua * (uint64_t)ub) },
		{ "eq", ua == ub ? t : 0 }, { "ne", ua != ub ? t : 0 },
		{ "lt_s", sa < sb ? t : 0 }, { "lt_u", ua < ub ? t : 0 },
		{ "gt_s", sa > sb ? t : 0 }, { "gt_u", ua > ub ? t : 0 },
		{ "le_s", sa <= sb ? t : 0 }, { "le_u", ua <= ub ? t : 0 },
		{ "ge_s", sa >= sb ? t : 0 }, { "ge_u", ua >= ub ? t : 0 },
		{ "add_sat_s", clamp(sa + sb, smin, smax) }, { "add_sat_u", clamp(ua + ub, 0, umax) },
		{ "sub_sat_s", clamp(sa - sb, smin, smax) }, { "sub_sat_u", clamp(ua - ub, 0, umax) },
		{ "min_s", sa < sb ? sa : sb }, { "min_u", ua < ub ? ua : ub },
		{ "max_s", sa > sb ? sa : sb }, { "max_u", ua > ub ? ua : ub },
		{ "avgr_u", (ua + ub + 1) / 2 },
		{ "q15mulr_sat_s", clamp((sa * sb + 0x4000) >> 15, smin, smax) },
		{ "shl", ua << n }, { "shr_s", sa >> n }, { "shr_u", ua >> n },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			*r = ops[i].r;
			return true;
		}
	return false;
}

/* Floats as doubles; f32 arithmetic in double and rounded once more is exact
 * enough (53 >= 2 * 24 + 2). */
static double fget(const uint8_t *v, unsigned bits, unsigned i)
{
	uint64_t x = get(v, bits, i);

	return bits == 32 ? (double)float_of32((uint32_t)x) : float_of64(x);
}
static void fput(uint8_t *v, unsigned bits, unsigned i, double x)
{
	put(v, bits, i, bits == 32 ? float_bits32((float)x) : float_bits64(x));
}
static bool is_canonical(const uint8_t *v, unsigned bits, unsigned i)
{
	return (get(v, bits, i) << (64 - bits) << 1) == (bits == 32 ? 0xff80000000000000 : 0xfff0000000000000);
}
/* Does a NaN that lane i of these operands gives have to be canonical? */
static bool canonical_from(const struct in *in, unsigned n, unsigned bits, unsigned i)
{
	for (unsigned k = 0; k < n; k++)
		if (isnan(fget(in->v[k], bits, i)) && !is_canonical(in->v[k], bits, i))
			return false;
	return true;
}
static double fmin_(double a, double b)
{
	if (isnan(a) || isnan(b))
		return NAN;
	return a == b ? (signbit(a) ? a : b) : a < b ? a : b;
}
static double fmax_(double a, double b)
{
	if (isnan(a) || isnan(b))
		return NAN;
	return a == b ? (signbit(a) ? b : a) : a > b ? a : b;
}
static bool float_binary(const char *op, double a, double b, double *r)
{
	volatile double x = a, y = b;
	const struct { const char *name; double r; } ops[] = {
		{ "add", x + y }, { "sub", x - y }, { "mul", x * y }, { "div", x / y },
		{ "min", fmin_(a, b) }, { "max", fmax_(a, b) },
		{ "sqrt", sqrt(a) }, { "ceil", ceil(a) }, { "floor", floor(a) }, { "trunc", trunc(a) },
		{ "nearest", nearbyint(a) },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			*r = ops[i].r;
			return true;
		}
	return false;
}
static bool float_compare(const char *op, double a, double b, bool *r)
{
	*r = !strcmp(op, "eq") ? a == b : !strcmp(op, "ne") ? a != b : !strcmp(op, "lt") ? a < b :
	     !strcmp(op, "gt") ? a > b : !strcmp(op, "le") ? a <= b : a >= b;
	return strstr("eq ne lt gt le ge", op) && strlen(op) == 2;
}
static uint64_t truncate_to(double x, bool is_signed, bool relaxed, unsigned choice)
{
	static const uint32_t other[] = { 0, 0xffffffff, 0xfffffffe, 0x80000000 };
	double t = trunc(x), lo = is_signed ? -0x1p31 : 0, hi = is_signed ? 0x1p31 : 0x1p32;

	if (t >= lo && t < hi)
		return (uint64_t)(int64_t)t;
	if (relaxed && choice)
		return is_signed ? 0x80000000 : other[choice];
	return isnan(x) ? 0 : x < 0 ? (is_signed ? 0x80000000 : 0) : (is_signed ? 0x7fffffff : 0xffffffff);
}

static bool model_float(const char *op, struct shape sh, const struct in *in, const unsigned *R,
			struct result *r)
{
	unsigned w = sh.bits;
	bool known = true, test;

	r->float_bits = w;
	for (unsigned i = 0; i < sh.n; i++) {
		double a = fget(in->v[0], w, i), b = fget(in->v[1], w, i), c = fget(in->v[2], w, i), x = 0;
		uint64_t ba = get(in->v[0], w, i), bb = get(in->v[1], w, i), top = 1ull << (w - 1);
		bool unary = !strcmp(op, "sqrt") || !strcmp(op, "ceil") || !strcmp(op, "floor") ||
			     !strcmp(op, "trunc") || !strcmp(op, "nearest");

		r->canonical[i] = canonical_from(in, unary ? 1 : 2, w, i);
		if (float_compare(op, a, b, &test)) {
			r->float_bits = 0;
			put(r->v, w, i, test ? ~0ull : 0);
		} else if (float_binary(op, a, b, &x)) {
			fput(r->v, w, i, x);
		} else if (!strcmp(op, "abs") || !strcmp(op, "neg")) {
			r->float_bits = 0;
			put(r->v, w, i, *op == 'a' ? ba & ~top : ba ^ top);
		} else if (!strcmp(op, "pmin") || !strcmp(op, "pmax")) {
			r->float_bits = 0;
			put(r->v, w, i, (op[2] == 'i' ? b < a : a < b) ? bb : ba);
		} else if (!strcmp(op, "relaxed_madd") || !strcmp(op, "relaxed_nmadd")) {
			volatile double f = op[8] == 'n' ? -a : a, p = f * b, q = b;

			r->canonical[i] = canonical_from(in, 3, w, i);
			if (w == 32)
				p = (double)(float)p;
			x = R[R_FMADD] ? (w == 32 ? (double)fmaf((float)f, (float)q, (float)c) : fma(f, q, c)) :
			    p + c;
			fput(r->v, w, i, x);
		} else if (!strcmp(op, "relaxed_min") || !strcmp(op, "relaxed_max")) {
			bool min = op[9] == 'i';
			unsigned R_ = R[min ? R_FMIN : R_FMAX];
			double (*f)(double, double) = min ? fmin_ : fmax_;

			fput(r->v, w, i, f(a, b));
			/* choices 1 to 3 for NaNs and for zeros that differ */
			if (isnan(a) && R_)
				R_ == 1 ? fput(r->v, w, i, NAN) : put(r->v, w, i, bb);
			else if (isnan(b) && R_)
				R_ == 2 ? fput(r->v, w, i, NAN) : put(r->v, w, i, ba);
			else if (a == 0 && b == 0 && ba != bb && R_)
				put(r->v, w, i, R_ == 1 ? ba : R_ == 2 ? bb : min ? top : 0);
			r->canonical[i] = false;
		} else if (begins(op, "convert_i32x4_")) {
			fput(r->v, w, i, ends(op, "_s") ? (double)(int32_t)ba : (double)(uint32_t)ba);
		} else if (begins(op, "convert_low_i32x4_")) {
			uint32_t k = (uint32_t)get(in->v[0], 32, i);

			fput(r->v, w, i, ends(op, "_s") ? (double)(int32_t)k : (double)k);
		} else if (!strcmp(op, "demote_f64x2_zero")) {
			r->canonical[i] = i >= 2 || canonical_from(in, 1, 64, i);
			fput(r->v, w, i, i < 2 ? fget(in->v[0], 64, i) : 0);
		} else if (!strcmp(op, "promote_low_f32x4")) {
			r->canonical[i] = canonical_from(in, 1, 32, i);
			fput(r->v, w, i, fget(in->v[0], 32, i));
		} else {
			known = false;
		}
	}
	return known;
}

/* Lanes of a and b that an operation on halves takes: "low", "high" and pairs. */
static bool model_widening(const char *op, struct shape sh, const struct in *in, const unsigned *R,
			   struct result *r)
{
	struct shape from;
	const char *s = strrchr(op, 'x');
	unsigned w = sh.bits;

	while (s && s > op && s[-1] != '_')
		s--;
	if (!s || !shape_of(s, &from) || from.is_float)
		return false;

	bool is_signed = ends(op, "_s");
	bool dot = begins(op, "dot_"), high = strstr(op, "high");

	for (unsigned i = 0; i < sh.n; i++) {
		wide a[4], b[4];

		for (unsigned k = 0; k < 2; k++) {
			unsigned at = begins(op, "extadd") || dot ? 2 * i + k : i + (high ? sh.n : 0);

			a[k] = is_signed ? sget(in->v[0], from.bits, at) : (wide)get(in->v[0], from.bits, at);
			b[k] = is_signed ? sget(in->v[1], from.bits, at) : (wide)get(in->v[1], from.bits, at);
		}
		if (begins(op, "extend_"))
			put(r->v, w, i, (uint64_t)a[0]);
		else if (begins(op, "extmul_"))
			put(r->v, w, i, (uint64_t)(a[0] * b[0]));
		else if (begins(op, "extadd_"))
			put(r->v, w, i, (uint64_t)(a[0] + a[1]));
		else if (dot)
			put(r->v, w, i, (uint64_t)(a[0] * b[0] + a[1] * b[1]));
		else if (begins(op, "narrow_"))
			put(r->v, w, i, (uint64_t)clamp(sget(in->v[i >= sh.n / 2], from.bits, i % (sh.n / 2)),
				is_signed ? -((wide)1 << (w - 1)) : 0,
				((wide)1 << (is_signed ? w - 1 : w)) - 1));
		else
			return false;
	}
	(void)R;
	return true;
}
static bool model_relaxed_int(const char *op, struct shape sh, const struct in *in, const unsigned *R,
			      struct result *r)
{
	unsigned w = sh.bits;

	if (begins(op, "relaxed_trunc_") || begins(op, "trunc_sat_")) {
		bool is_signed = strstr(op, "_s_zero") || ends(op, "_s"), relaxed = *op == 'r';
		unsigned fw = strstr(op, "f64x2") ? 64 : 32;

		for (unsigned i = 0; i < 128 / fw; i++)
			put(r->v, 32, i, truncate_to(fget(in->v[0], fw, i), is_signed, relaxed,
						     R[is_signed ? R_TRUNC_S : R_TRUNC_U]));
		return true;
	}
	if (begins(op, "relaxed_dot_")) {
		int64_t d[8];

		for (unsigned i = 0; i < 8; i++) {
			wide sum = 0;

			for (unsigned k = 2 * i; k < 2 * i + 2; k++)
				sum += sget(in->v[0], 8, k) *
				       (R[R_DOT] ? (wide)get(in->v[1], 8, k) : sget(in->v[1], 8, k));
			d[i] = (int64_t)clamp(sum, -32768, 32767);
			if (w == 16)
				put(r->v, 16, i, (uint64_t)d[i]);
		}
		for (unsigned i = 0; w == 32 && i < 4; i++)
			put(r->v, 32, i, (uint64_t)(d[2 * i] + d[2 * i + 1]) + get(in->v[2], 32, i));
		return true;
	}
	for (unsigned i = 0; i < sh.n; i++) {
		uint64_t a = get(in->v[0], w, i), b = get(in->v[1], w, i), c = get(in->v[2], w, i);

		if (!strcmp(op, "relaxed_swizzle") || !strcmp(op, "swizzle")) {
			bool in_range = b < 16 || (b < 128 && *op == 'r' && R[R_SWIZZLE]);

			put(r->v, 8, i, in_range ? get(in->v[0], 8, b & 15) : 0);
		} else if (!strcmp(op, "relaxed_laneselect")) {
			uint64_t m = R[R_SELECT] ? -(c >> (w - 1)) : c;

			put(r->v, w, i, (a & m) | (b & ~m));
		} else if (!strcmp(op, "relaxed_q15mulr_s")) {
			wide p = (sget(in->v[0], 16, i) * sget(in->v[1], 16, i) + 0x4000) >> 15;

			put(r->v, 16, i, R[R_Q15] ? (uint64_t)p : (uint64_t)clamp(p, -32768, 32767));
		} else {
			return false;
		}
	}
	return true;
}
static bool model_int(const char *op, struct shape sh, const struct in *in, const unsigned *R,
		      struct result *r)
{
	unsigned w = sh.bits;
	uint64_t mask = 0, all = 1;
	bool shift = begins(op, "sh");

	if (model_widening(op, sh, in, R, r) || model_relaxed_int(op, sh, in, R, r))
		return true;
	for (unsigned i = 0; i < sh.n; i++) {
		wide sa = sget(in->v[0], w, i), sb = sget(in->v[1], w, i), x;
		uint64_t ua = get(in->v[0], w, i), ub = get(in->v[1], w, i);

		mask |= (ua >> (w - 1)) << i;
		all &= ua != 0;
		if (int_binary(op, w, sa, sb, ua, shift && strcmp(op, "shuffle") ? (wide)(uint32_t)in->s : (wide)ub, &x))
			put(r->v, w, i, (uint64_t)x);
		else if (!strcmp(op, "abs"))
			put(r->v, w, i, (uint64_t)(sa < 0 ? -sa : sa));
		else if (!strcmp(op, "neg"))
			put(r->v, w, i, (uint64_t)-sa);
		else if (!strcmp(op, "popcnt"))
			put(r->v, w, i, (uint64_t)__builtin_popcountll(ua));
		else if (!strcmp(op, "shuffle"))
			put(r->v, 8, i, in->lanes[i] < 16 ? in->v[0][in->lanes[i]] : in->v[1][in->lanes[i] - 16]);
		else if (strcmp(op, "bitmask") && strcmp(op, "all_true"))
			return false;
	}
	if (!strcmp(op, "bitmask") || !strcmp(op, "all_true")) {
		r->size = 8;
		memcpy(r->v, *op == 'b' ? &mask : &all, 8);
	}
	return true;
}
static bool model_lanes(const char *op, struct shape sh, const struct in *in, struct result *r)
{
	unsigned w = sh.bits;
	uint64_t x = get(in->v[0], w, in->lane);

	memcpy(r->v, in->v[0], 16);
	if (!strcmp(op, "splat")) {
		for (unsigned i = 0; i < sh.n; i++)
			put(r->v, w, i, in->s);
	} else if (!strcmp(op, "replace_lane")) {
		put(r->v, w, in->lane, in->s);
	} else if (begins(op, "extract_lane")) {
		if (ends(op, "_s"))
			x = (uint32_t)(int32_t)sget(in->v[0], w, in->lane);
		r->size = 8;
		memcpy(r->v, &x, 8);
	} else {
		memset(r->v, 0, 16);
		return false;
	}
	return true;
}
/* "v128.": bits and memory */
static bool model_v128(const char *op, const struct in *in, struct result *r)
{
	const uint8_t *a = in->v[0], *b = in->v[1], *c = in->v[2];
	unsigned w = 0, n = 0;
	char kind[8] = "";

	for (unsigned i = 0; i < 16; i++) {
		uint8_t any = 0;

		for (unsigned k = 0; k < 16; k++)
			any |= a[k];
		r->v[i] = !strcmp(op, "not") ? (uint8_t)~a[i] : !strcmp(op, "and") ? a[i] & b[i] :
			  !strcmp(op, "andnot") ? a[i] & ~b[i] : !strcmp(op, "or") ? a[i] | b[i] :
			  !strcmp(op, "xor") ? a[i] ^ b[i] :
			  !strcmp(op, "bitselect") ? (a[i] & c[i]) | (b[i] & ~c[i]) :
			  !strcmp(op, "any_true") ? (i == 0 && any) :
			  !strcmp(op, "load") ? in->mem[i] : a[i];
	}
	if (sscanf(op, "load%ux%u_%7s", &w, &n, kind) == 3) {
		for (unsigned i = 0; i < n; i++)
			put(r->v, 2 * w, i, *kind == 's' ? (uint64_t)sget(in->mem, w, i) : get(in->mem, w, i));
	} else if (sscanf(op, "load%u_%7s", &w, kind) == 2) {
		if (*kind == 'l') {
			put(r->v, w, in->lane, get(in->mem, w, 0));
			return true;
		}
		for (unsigned i = 0; i < 128 / w; i++)
			put(r->v, w, i, i == 0 || *kind == 's' ? get(in->mem, w, 0) : 0);
	} else if (sscanf(op, "store%u_%7s", &w, kind) == 2) {
		r->size = w / 8;
		put(r->v, w, 0, get(a, w, in->lane));
	} else {
		return strstr("not and andnot or xor bitselect any_true load store const", op);
	}
	return true;
}
static void model(const char *text, const struct in *in, const unsigned *R, struct result *r)
{
	struct shape sh;
	const char *op = strchr(text, '.') + 1;
	bool known;

	memset(r, 0, sizeof(*r));
	r->size = 16;
	if (!shape_of(text, &sh))
		known = model_v128(op, in, r);
	else
		known = model_lanes(op, sh, in, r) ||
			(sh.is_float ? model_float(op, sh, in, R, r) : model_int(op, sh, in, R, r));
	if (!known)
		TEST_FAIL("the model does not know %s", text);
}

/* Is `out` what the model allows? */
static bool agrees(const struct result *r, const uint8_t *out, bool nan_may_be_input)
{
	unsigned w = r->float_bits;

	if (!w)
		return !memcmp(r->v, out, r->size);
	for (unsigned i = 0; i < 128 / w; i++) {
		uint64_t want = get(r->v, w, i), got = get(out, w, i);

		if (want == got)
			continue;
		if (!isnan(fget(r->v, w, i)) || !isnan(fget(out, w, i)))
			return false;
		if (nan_may_be_input)
			continue;
		if (!(got >> (w == 32 ? 22 : 51) & 1) || (r->canonical[i] && !is_canonical(out, w, i)))
			return false;
	}
	return true;
}
#ifdef WASM_DETERMINISTIC
/* Arithmetic makes the positive canonical NaN only. */
static bool nans_positive(const struct result *r, const uint8_t *out)
{
	unsigned w = r->float_bits;

	for (unsigned i = 0; w && i < 128 / w; i++)
		if (isnan(fget(out, w, i)) && (!is_canonical(out, w, i) || get(out, w, i) >> (w - 1)))
			return false;
	return true;
}
#endif

/* ---- inputs ---- */

static void fill(struct in *in, const char *text)
{
	static const uint8_t widths[] = { 8, 16, 32, 64 };
	unsigned w = widths[random64() >> 62], n = 16;
	struct shape sh;

	for (unsigned v = 0; v < 3; v++)
		for (unsigned i = 0; i < 128 / w; i++)
			put(in->v[v], w, i, special(w));
	if (random64() >> 60 == 0)
		memset(in->v[0], 0, 16);
	in->s = special(64);
	for (unsigned i = 0; i < 16; i++) {
		in->lanes[i] = random64() >> 59;
		in->mem[i] = (uint8_t)special(8);
	}
	if (shape_of(text, &sh))
		n = sh.n;
	else if (sscanf(text, "v128.%*[a-z]%u_lane", &w) == 1)
		n = 128 / w;
	in->lane = (unsigned)(random64() >> 32) % n;
	if (strstr(text, "f32") && !strstr(text, "x"))
		in->s &= 0xffffffff;
}

/* ---- the tests ---- */

static void check_row(const struct row *row, unsigned *allowed)
{
	static const struct { const char *name; unsigned param, n; } relaxed[] = {
		{ "madd", R_FMADD, 2 }, { "relaxed_min", R_FMIN, 4 }, { "relaxed_max", R_FMAX, 4 },
		{ "relaxed_dot", R_DOT, 2 }, { "relaxed_q15", R_Q15, 2 }, { "swizzle", R_SWIZZLE, 2 },
		{ "laneselect", R_SELECT, 2 }, { "_u", R_TRUNC_U, 4 }, { "_s", R_TRUNC_S, 2 },
	};
	bool is_relaxed = strstr(row->text, "relaxed");
	unsigned param = 0, choices = 1;

	for (size_t i = 0; is_relaxed && i < sizeof(relaxed) / sizeof(relaxed[0]); i++)
		if (strstr(row->text, relaxed[i].name)) {
			param = relaxed[i].param;
			choices = relaxed[i].n;
			break;
		}
	for (unsigned n = 0; n < 1500; n++) {
		struct in in = { 0 };
		struct result r;
		uint8_t out[16] = { 0 };
		unsigned ok = 0, R[R_PARAMS] = { 0 };

		fill(&in, row->text);
		row->fn(&in, out);
		for (unsigned c = 0; c < choices; c++) {
			R[param] = c;
			model(row->text, &in, R, &r);
			if (agrees(&r, out, is_relaxed && (param == R_FMIN || param == R_FMAX)))
				ok |= 1u << c;
		}
#ifdef WASM_DETERMINISTIC
		if (!nans_positive(&r, out))
			TEST_FAIL("%s: a NaN that is not the canonical positive one", row->text);
#endif
		if (is_relaxed)
			ok = allowed[param] &= ok;
		if (!ok) {
			char hex[5][33];
			const uint8_t *p[] = { in.v[0], in.v[1], in.v[2], r.v, out };

			for (unsigned k = 0; k < 5; k++)
				for (unsigned i = 0; i < 16; i++)
					sprintf(hex[k] + 2 * i, "%02x", p[k][15 - i]);
			TEST_FAIL("%s (case %u): of %s, %s, %s, scalar %" PRIx64 ", lane %u: %s expected, %s came",
				  row->text, n, hex[0], hex[1], hex[2], in.s, in.lane, hex[3], hex[4]);
		}
	}
}
static void every_row_agrees_with_the_model(void)
{
	unsigned allowed[R_PARAMS];

	SIMD_ROWS_HOST
	for (unsigned i = 0; i < R_PARAMS; i++)
#ifdef WASM_DETERMINISTIC
		allowed[i] = 1;
#else
		allowed[i] = ~0u;
#endif
	CHECK_EQ(sizeof(rows) / sizeof(rows[0]), 256);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i], allowed);
}

TEST_MAIN({ "every_row_agrees_with_the_model", every_row_agrees_with_the_model })
