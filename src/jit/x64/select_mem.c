/* SPDX-License-Identifier: Apache-2.0 */
/* Selection for x86-64: loads, stores, atomics, guest state, translations. */
#include "jit/x64/x64.h"

#include "base/bits.h"

static struct x64__rm address_of(struct jit_lower *l, const struct ir_insn *n)
{
	ir_ref index = n->op == IR_LOAD || n->op == IR_STORE ? n->a[1] : 0;
	unsigned scale = index ? (n->aux & IR_MEM_SCALE) >> IR_MEM_SCALE_SHIFT : 0;

	return x64__address(l, n->a[0], index, scale, n->imm);
}

static struct x64__rm state_of(const struct ir_insn *n)
{
	if (n->imm >= IR_FRAME)
		return (struct x64__rm){ .mem = X64__IS_MEM | X64__FRAME, .disp = n->imm - IR_FRAME };
	return (struct x64__rm){ .mem = X64__IS_MEM | X64__BASE, .base = X64__STATE, .disp = n->imm };
}

/* Memory type ct read as a value of type t. */
static void load_from(struct jit_lower *l, uint32_t d, unsigned t, unsigned ct, const struct x64__rm *rm)
{
	unsigned w = t == IR_I64 ? 8 : 4;

	switch (ct) {
	case IR_U8: x64__d_rm(l, X64_MOVZX_B, 4, d, rm); break;
	case IR_S8: x64__d_rm(l, X64_MOVSX_B, w, d, rm); break;
	case IR_U16: x64__d_rm(l, X64_MOVZX_W, 4, d, rm); break;
	case IR_S16: x64__d_rm(l, X64_MOVSX_W, w, d, rm); break;
	case IR_S32: x64__d_rm(l, w == 8 ? X64_MOVSXD : X64_MOV, w, d, rm); break;
	case IR_F32: x64__d_rm(l, X64_MOVSS, 4, d, rm); break;
	case IR_F64: x64__d_rm(l, X64_MOVSD, 8, d, rm); break;
	case IR_I64: x64__d_rm(l, X64_MOV, 8, d, rm); break;
	case IR_U32: case IR_I32: x64__d_rm(l, X64_MOV, 4, d, rm); break;
	default: x64__d_rm(l, X64_MOVUPS, 16, d, rm); break;
	}
}

static bool float_type(unsigned ct) { return jit__class(ct) != JIT_GPR; }

static void store_const(struct jit_lower *l, unsigned size, const struct x64__rm *rm, int32_t imm)
{
	unsigned op = size == 1 ? X64_MOV_BI : size == 2 ? X64_MOV_WI : X64_MOV_I;

	x64__mi(l, op, X64__RM_I, size == 8 ? 8 : 4)->imm = imm;
	x64__put_rm(l, rm, 0);
}

static void store_to(struct jit_lower *l, ir_ref v, unsigned ct, const struct x64__rm *rm)
{
	struct ir_func *f = l->f;
	unsigned size = ir_type_size(ct), op;
	uint32_t s;

	if (!float_type(ct) && ir_is_const(f, v)) {
		int64_t c = (int64_t)ir_const_bits(f, v);

		if (size < 8 || c == (int32_t)c) {
			store_const(l, size, rm, (int32_t)c);
			return;
		}
	}
	s = size <= 4 && !float_type(ct) ? x64__in32(l, v) : jit__in(l, v);
	if (ct == IR_F32)
		op = X64_MOVSS_M;
	else if (ct == IR_F64)
		op = X64_MOVSD_M;
	else if (size == 16)
		op = X64_MOVUPS_M;
	else
		op = size == 1 ? X64_MOV_MB : size == 2 ? X64_MOV_MW : X64_MOV_M;
	x64__mi(l, op, X64__RM_S, size == 8 ? 8 : 4);
	jit__use(l, s, JIT_USE);
	x64__put_rm(l, rm, 0);
}

static void load(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i);
	struct x64__rm rm = address_of(l, n);

	rm.exit = n->x;
	load_from(l, d, n->type, n->ct, &rm);
}

static void store(struct jit_lower *l, const struct ir_insn *n)
{
	struct x64__rm rm = address_of(l, n);

	rm.exit = n->x;
	store_to(l, n->a[2], n->ct, &rm);
	if (n->aux & IR_MEM_ORDERED)
		x64__mi(l, X64_MFENCE, X64__N, 4);
}

/* ---- atomics -------------------------------------------------------------------- */

/* The old value, in the low bits of s, as the result says. */
static void widen(struct jit_lower *l, ir_ref i, uint32_t s)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t d = jit__out(l, i);
	struct x64__rm rm = x64__rm_reg(s);
	unsigned w = n->type == IR_I64 ? 8 : 4;

	switch (n->ct) {
	case IR_U8: x64__d_rm(l, X64_MOVZX_B, 4, d, &rm); break;
	case IR_S8: x64__d_rm(l, X64_MOVSX_B, w, d, &rm); break;
	case IR_U16: x64__d_rm(l, X64_MOVZX_W, 4, d, &rm); break;
	case IR_S16: x64__d_rm(l, X64_MOVSX_W, w, d, &rm); break;
	case IR_S32:
		if (w == 8)
			x64__d_rm(l, X64_MOVSXD, 8, d, &rm);
		else
			x64__move(l, d, s, 4);
		break;
	default: x64__move(l, d, s, n->ct == IR_I64 ? 8 : 4);
	}
}

static unsigned sized(unsigned size, unsigned b, unsigned w, unsigned d)
{
	return size == 1 ? b : size == 2 ? w : d;
}

/* xadd and xchg: the register goes in and the old value comes out. */
static void exchange(struct jit_lower *l, ir_ref i, bool add, unsigned size)
{
	const struct ir_insn *n = &l->f->insn[i];
	struct x64__rm rm = address_of(l, n);
	uint32_t s = jit__in(l, n->a[1]), d = jit__tmp(l, JIT_GPR);
	struct jit_mi *mi;

	if (n->op == IR_RMW_SUB) {
		uint32_t t = jit__tmp(l, JIT_GPR);

		x64__mi(l, X64_NEG, X64__D_S, size == 8 ? 8 : 4);
		jit__use(l, t, JIT_DEF);
		jit__use(l, s, JIT_USE);
		s = t;
	}
	rm.exit = n->x;
	mi = x64__mi(l, add ? sized(size, X64_XADD_B, X64_XADD_W, X64_XADD) :
		     sized(size, X64_XCHG_B, X64_XCHG_W, X64_XCHG), X64__RM_S_LOCK, size == 8 ? 8 : 4);
	mi->cc = add;
	jit__use(l, d, JIT_DEF);
	jit__use(l, s, JIT_USE);
	x64__put_rm(l, &rm, JIT_LATE);
	jit__hint(l, d, s);
	if (jit__wanted(l, i))
		widen(l, i, d);
}

static void compare_exchange(struct jit_lower *l, ir_ref i, unsigned size)
{
	const struct ir_insn *n = &l->f->insn[i];
	struct x64__rm rm = address_of(l, n);
	uint32_t s = jit__in(l, n->a[2]), old = jit__in(l, n->a[1]);

	rm.exit = n->x;
	x64__move(l, X64_RAX, old, size == 8 ? 8 : 4);
	x64__mi(l, X64__P_CMPXCHG, X64__PSEUDO, size);
	jit__use(l, s, JIT_USE | JIT_LATE);
	jit__use(l, X64_RAX, JIT_USE);
	jit__use(l, X64_RAX, JIT_DEF);
	x64__put_rm(l, &rm, JIT_LATE);
	if (jit__wanted(l, i))
		widen(l, i, X64_RAX);
}

/* The rest computes and tries again until nobody was faster. */
static void loop(struct jit_lower *l, ir_ref i, unsigned size)
{
	const struct ir_insn *n = &l->f->insn[i];
	struct x64__rm rm = address_of(l, n);
	uint32_t s = jit__in(l, n->a[1]);
	struct jit_mi *mi;

	rm.exit = n->x;
	mi = x64__mi(l, X64__P_RMW_LOOP, X64__PSEUDO, size);
	mi->cc = (uint8_t)(n->op - IR_RMW_ADD);
	mi->imm = n->ct;
	jit__use(l, s, JIT_USE | JIT_LATE);
	jit__use(l, X64_RAX, JIT_TEMP);
	jit__use(l, jit__tmp(l, JIT_GPR), JIT_TEMP);
	x64__put_rm(l, &rm, JIT_LATE);
	if (jit__wanted(l, i))
		widen(l, i, X64_RAX);
}

static void translate(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	uint32_t a = jit__in(l, n->a[0]), d = jit__out(l, i);
	struct jit_mi *mi = x64__mi(l, X64__P_XLATE, X64__PSEUDO, 8);

	mi->imm = n->imm;
	mi->cc = n->aux;
	jit__use(l, d, JIT_TEMP);
	jit__use(l, jit__tmp(l, JIT_GPR), JIT_TEMP);
	jit__use(l, a, JIT_USE | JIT_LATE);
	jit__exit(l, n->x, JIT_LATE);
}

bool x64__select_mem(struct jit_lower *l, ir_ref i)
{
	const struct ir_insn *n = &l->f->insn[i];
	struct x64__rm rm;

	switch (n->op) {
	case IR_LOAD: load(l, i); break;
	case IR_STORE: store(l, n); break;
	case IR_GETSTATE:
		rm = state_of(n);
		load_from(l, jit__out(l, i), n->type, n->ct, &rm);
		break;
	case IR_PUTSTATE:
		rm = state_of(n);
		store_to(l, n->a[0], n->ct, &rm);
		break;
	case IR_RMW_ADD: case IR_RMW_SUB: exchange(l, i, true, ir_type_size(n->ct)); break;
	case IR_RMW_XCHG: exchange(l, i, false, ir_type_size(n->ct)); break;
	case IR_RMW_AND: case IR_RMW_OR: case IR_RMW_XOR: case IR_RMW_MIN_S: case IR_RMW_MAX_S:
	case IR_RMW_MIN_U: case IR_RMW_MAX_U: loop(l, i, ir_type_size(n->ct)); break;
	case IR_CAS: compare_exchange(l, i, ir_type_size(n->ct)); break;
	case IR_FENCE:
		/* Only a write before a read is not in order already (SDM 3A, 9.2). */
		if (n->imm & 1 && n->imm >> 4 & 2)
			x64__mi(l, X64_MFENCE, X64__N, 4);
		break;
	case IR_XLATE: translate(l, i); break;
	default: return false;
	}
	return true;
}
