/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows' meanings on values: the evaluator's and the folder's only source.
 * And what the rows say besides (ir_rows).  Relies on sem.h; the host's
 * floating-point environment is as before when ir_compute() returns.
 */
#include "ir/ir.h"
#include "ir/sem.h"

#define HAND
#define RMW(e)
#define IMM ((unsigned)imm)

#define IR_B(t) (uint32_t)BIT(IR_##t)
#define IR_TYPES_NONE 0
#define IR_TYPES_INT (IR_B(I32) | IR_B(I64))
#define IR_TYPES_I64 IR_B(I64)
#define IR_TYPES_FLT (IR_B(F32) | IR_B(F64))
#define IR_TYPES_V128 IR_B(V128)
#define IR_TYPES_ANY (IR_TYPES_INT | IR_TYPES_FLT | IR_TYPES_V128)
#define IR_TYPES_MEM (IR_TYPES_ANY | IR_B(U8) | IR_B(S8) | IR_B(U16) | IR_B(S16) | IR_B(U32) | IR_B(S32))
#define IR_TYPES_VINT (IR_B(I8X16) | IR_B(I16X8) | IR_B(I32X4) | IR_B(I64X2))
#define IR_TYPES_VFLT (IR_B(F32X4) | IR_B(F64X2))
#define IR_TYPES_VALL (IR_TYPES_VINT | IR_TYPES_VFLT)

/* Operands: the letters before '_', unless the first is N. */
#define IR_NARGS(s) ((s)[0] == 'N' ? 0 : (s)[1] == '_' ? 1 : (s)[2] == '_' ? 2 : 3)

const struct ir_row ir_rows[IR_OPS] = {
#define OP(id, text, types, sig, flags, rules, e) \
	[IR_##id] = { text, #sig, IR_TYPES_##types, flags, rules, IR_NARGS(#sig) },
#include "ir/op.def"
#undef OP
};

const char *const ir_type_names[IR_TYPES] = {
	"void", "i32", "i64", "f32", "f64", "v128", "u8", "s8", "u16", "s16", "u32", "s32",
	"i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2",
};

unsigned ir_type_size(unsigned t)
{
	static const uint8_t size[IR_TYPES] = { 0, 4, 8, 4, 8, 16, 1, 1, 2, 2, 4, 4, 16, 16, 16, 16, 16, 16 };

	return size[t];
}

struct fp_was {
	fenv_t env;
};

/* These are calls, so that no computation moves across them. */
static __attribute__((noinline)) void fp_begin(struct fp_was *w, unsigned rm)
{
	static const int mode[4] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };

	feholdexcept(&w->env);
	fesetround(mode[rm & 3]);
}

static __attribute__((noinline)) uint8_t fp_end(struct fp_was *w)
{
	int e = fetestexcept(FE_ALL_EXCEPT);

	fesetenv(&w->env);
	return (uint8_t)((e & FE_INEXACT ? 1 : 0) | (e & FE_UNDERFLOW ? 2 : 0) | (e & FE_OVERFLOW ? 4 : 0) |
			 (e & FE_DIVBYZERO ? 8 : 0) | (e & FE_INVALID ? 16 : 0));
}

static void canon32(uint32_t *v)
{
	if ((*v & 0x7fffffff) > 0x7f800000)
		*v = 0x7fc00000;
}

static void canon64(uint64_t *v)
{
	if ((*v & INT64_MAX) > 0x7ffull << 52)
		*v = 0x7ff8ull << 48;
}

/* The canonical NaN in place of any other, where the result is a float. */
static void fp_canon(enum ir_op op, enum ir_type ct, union ir_value *r)
{
	const char *sig = strchr(ir_rows[op].sig, '_') + 1;

	if (*sig == 'f' || (*sig == 'T' && ct == IR_F32))
		canon32(&r->i32);
	else if (*sig == 'F' || (*sig == 'T' && ct == IR_F64))
		canon64(&r->i64);
	else if (*sig == 'V' && ct == IR_F32X4)
		for (unsigned i = 0; i < 4; i++)
			canon32((uint32_t *)r->v128 + i);
	else if (*sig == 'V' && ct == IR_F64X2)
		for (unsigned i = 0; i < 2; i++)
			canon64(r->v128 + i);
}

static __attribute__((noinline)) bool compute(enum ir_op op, enum ir_type ct, int32_t imm,
					      const union ir_value *a, const union ir_value *b,
					      const union ir_value *c, union ir_value *r)
{
	(void)imm;
	switch (op) {
#define OP(id, text, types, sig, flags, rules, e)                              \
	case IR_##id:                                                          \
		switch ((unsigned)ct) { IR_ROW(types, sig, e) IR_DEFAULT_##types } \
		return true;
#define IR_DEFAULT_NONE
#define IR_DEFAULT_INT default: return false;
#define IR_DEFAULT_I64 default: return false;
#define IR_DEFAULT_FLT default: return false;
#define IR_DEFAULT_ANY default: return false;
#define IR_DEFAULT_MEM default: return false;
#define IR_DEFAULT_V128 default: return false;
#define IR_DEFAULT_VINT default: return false;
#define IR_DEFAULT_VFLT default: return false;
#define IR_DEFAULT_VALL default: return false;
#include "ir/op.def"
#undef OP
	default:
		return false;
	}
}

bool ir_compute(enum ir_op op, enum ir_type ct, uint8_t aux, int32_t imm, const union ir_value *a,
		const union ir_value *b, const union ir_value *c, union ir_value *r, uint8_t *fp)
{
	struct fp_was was;
	union ir_value v = { .v128 = { 0, 0 } };
	bool ok, is_fp = ir_rows[op].flags & IR_FP;

	*fp = 0;
	if (op == IR_SELECT) {
		*r = a->i32 ? *b : *c;
		return true;
	}
	if (is_fp)
		fp_begin(&was, aux & IR_FP_RM);
	ok = compute(op, ct, imm, a, b, c, &v);
	if (is_fp) {
		*fp = fp_end(&was);
		if (aux & IR_FP_CANON)
			fp_canon(op, ct, &v);
	}
	*r = v;
	return ok;
}
