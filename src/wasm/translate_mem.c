/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of loads, stores, atomics and vector instructions.
 */
#include <string.h>

#include "wasm/translate.h"

/* ---- what op.def says of a row ---- */

enum { MEM_NONE, MEM_LOAD, MEM_STORE, MEM_ALOAD, MEM_ASTORE, MEM_RMW, MEM_CAS };
struct shape {
	uint8_t class, type;
};
#define K_PURE1(...) { 0 }
#define K_PURE2(...) { 0 }
#define K_NAN1(...) { 0 }
#define K_NAN2(...) { 0 }
#define K_TRAP1(...) { 0 }
#define K_TRAP2(...) { 0 }
#define K_CMP1(...) { 0 }
#define K_CMP2(...) { 0 }
#define K_LOAD(t, ...) { MEM_LOAD, WASM_##t }
#define K_STORE(t, ...) { MEM_STORE, WASM_##t }
#define K_ATOMIC_LOAD(t, ...) { MEM_ALOAD, WASM_##t }
#define K_ATOMIC_STORE(t, ...) { MEM_ASTORE, WASM_##t }
#define K_ATOMIC_RMW(t, ...) { MEM_RMW, WASM_##t }
#define K_ATOMIC_CMPXCHG(t, ...) { MEM_CAS, WASM_##t }
#define K_CONST { 0 }
#define K_CONTROL { 0 }
#define K_SPECIAL { 0 }
static const struct shape shapes[WASM_ROWS] = {
#define OP(id, code, text, imm, sig, sem) [WASM_ROW_##id] = K_##sem,
#define WASM_NO_SIMD
#include "wasm/op.def"
#undef OP
};

/* The unit that checked operations have: memory, offset. */
static void checked_unit(struct wasm_translator *t, struct wasm_op *op, const struct wasm_memarg *m)
{
	union wasm_op_ext *x = (union wasm_op_ext *)(op + 1);

	x->ptr[0] = t->inst->memories[m->mem];
	x->u64[1] = m->offset;
}

/* An unchecked access is possible: memory 0 with its guard. */
static bool plain(const struct wasm_translator *t, const struct wasm_memarg *m)
{
	return t->guarded && m->mem == 0 && m->offset <= UINT32_MAX;
}

/* ---- loads ---- */

/* The address was computed just now by an i32.add that nobody else needs: the
 * access adds.  Returns the form, or FORMS. */
static unsigned take_add(struct wasm_translator *t, uint64_t offset, struct wasm_op *out)
{
	static const uint8_t forms[] = {
		[FORM_SS] = FORM_XSS, [FORM_RS] = FORM_XRS, [FORM_SI] = FORM_XSI,
		[FORM_RI] = FORM_XRI, [FORM_SR] = FORMS,
	};
	const struct ent *e = tr_top(t, 0);
	const bool imm = t->last.form == FORM_SI || t->last.form == FORM_RI;
	struct wasm_op add;

	if (e->kind != ENT_ACC || !t->last.ok || t->last.pos != e->at ||
	    t->last.row != WASM_ROW_I32_ADD || (imm ? offset != 0 : offset > UINT16_MAX))
		return FORMS;
	add = t->ops[t->last.pos];
	out->a = add.a;
	if (imm) {
		out->imm = add.imm;
	} else {
		out->b = add.b;
		out->c = (uint16_t)offset;
		if (t->last.form == FORM_SR) {  /* the same with RS */
			out->b = add.a;
			t->last.form = FORM_RS;
		}
	}
	return forms[t->last.form];
}

static void load(struct wasm_translator *t, const struct wasm_insn *in)
{
	const unsigned row = in->row, type = shapes[row].type, acc = tr_acc_of(type);
	struct wasm_op *op, x = { 0 };
	unsigned form;
	uint16_t slot;

	if (!plain(t, &in->mem)) {
		slot = tr_slot(t, tr_top(t, 0));
		tr_pop(t, 1);
		tr_clobber(t, acc);
		op = tr_emit(t, wasm__memx_handler(row, 0), 2);
		op->a = slot;
		checked_unit(t, op, &in->mem);
		tr_mark(t, (uint16_t)row, 0, 2);
		tr_push_acc(t, type, t->nops - 2, wasm__memx_handler(row, 2));
		return;
	}
	form = take_add(t, in->mem.offset, &x);
	if (form != FORMS) {
		tr_pop(t, 1);
		tr_unemit(t);
	} else {
		const enum loc loc = tr_loc(t, tr_top(t, 0), &x.a);

		if (loc == LOC_I)
			x.a = tr_slot(t, tr_top(t, 0));
		x.u32 = (uint32_t)in->mem.offset;
		form = loc == LOC_R ? FORM_R : FORM_S;
		tr_pop(t, 1);
	}
	tr_clobber(t, acc);
	op = tr_emit(t, wasm__mem_handler(row, form), 1);
	op->a = x.a;
	op->imm = x.imm;
	tr_mark(t, (uint16_t)row, (uint8_t)form, 1);
	tr_push_acc(t, type, t->nops - 1, wasm__mem_handler(row, form + FORM_D));
}

/* ---- stores ---- */

static bool store_imm(unsigned type, uint64_t bits, uint64_t offset, int32_t *imm)
{
	*imm = (int32_t)bits;
	if (type == WASM_F64) {
		double d;
		float f;

		memcpy(&d, &bits, 8);
		f = (float)d;
		memcpy(imm, &f, 4);
		/* -0 too, but no NaN. */
		if ((double)f != d)
			return false;
	}
	if (type == WASM_I64 && bits != (uint64_t)(int64_t)*imm)
		return false;
	return offset <= UINT16_MAX;
}

static void store(struct wasm_translator *t, const struct wasm_insn *in)
{
	const unsigned row = in->row, type = shapes[row].type;
	struct ent *v = tr_top(t, 0), *a = tr_top(t, 1);
	uint16_t vslot, aslot;
	enum loc vloc, aloc;
	struct wasm_op *op;
	int32_t imm = 0;
	unsigned form;

	if (!plain(t, &in->mem)) {
		aslot = tr_slot(t, a);
		vslot = tr_slot(t, v);
		tr_pop(t, 2);
		op = tr_emit(t, wasm__memx_handler(row, 0), 2);
		op->a = aslot;
		op->d = vslot;
		checked_unit(t, op, &in->mem);
		return;
	}
	if (tr_loc(t, a, &aslot) == LOC_I)
		tr_home(t, a);
	if (tr_loc(t, v, &vslot) == LOC_I && !store_imm(type, v->bits, in->mem.offset, &imm))
		tr_home(t, v);
	aloc = tr_loc(t, a, &aslot);
	vloc = tr_loc(t, v, &vslot);
	/* Both in the one accumulator: the same value, of which one is in a slot. */
	form = vloc == LOC_I ? (aloc == LOC_R ? FORM_ST_RI : FORM_ST_SI) :
	       vloc == LOC_R ? (aloc == LOC_R ? FORM_ST_RR : FORM_ST_SR) :
	       aloc == LOC_R ? FORM_ST_RS : FORM_ST_SS;
	tr_pop(t, 2);
	op = tr_emit(t, wasm__mem_handler(row, form), 1);
	op->a = aslot;
	if (vloc == LOC_I) {
		op->imm = imm;
		op->d = (uint16_t)in->mem.offset;
	} else {
		op->d = vslot;
		op->u32 = (uint32_t)in->mem.offset;
	}
}

/* ---- atomics: slots only ---- */

static void atomic(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct shape *s = &shapes[in->row];
	const unsigned n = s->class == MEM_ALOAD ? 1 : s->class == MEM_CAS ? 3 : 2;
	uint16_t slots[3] = { 0 };
	struct wasm_op *op;

	for (unsigned i = 0; i < n; i++)
		slots[i] = tr_slot(t, tr_top(t, n - 1 - i));
	tr_pop(t, n);
	tr_clobber(t, ACC_INT);
	op = tr_emit(t, wasm__atomic_handler(in->row), 2);
	op->a = slots[0];
	checked_unit(t, op, &in->mem);
	if (s->class == MEM_ASTORE) {
		op->d = slots[1];
		return;
	}
	op->b = slots[1];
	op->c = slots[2];
	op->d = tr_push(t, s->type)->slot;
	tr_wrote(t, op->d);
	t->acc_slot[ACC_INT] = op->d;
}

bool tr_memory(struct wasm_translator *t, const struct wasm_insn *in)
{
	switch (shapes[in->row].class) {
	case MEM_NONE:
		return false;
	case MEM_LOAD:
		load(t, in);
		return true;
	case MEM_STORE:
		store(t, in);
		return true;
	default:
		atomic(t, in);
		return true;
	}
}

/* ---- vectors (interp_simd.h says which operand stands where) ---- */

static unsigned type_of(char c, bool is64)
{
	switch (c) {
	case 'i':
		return WASM_I32;
	case 'I':
		return WASM_I64;
	case 'f':
		return WASM_F32;
	case 'F':
		return WASM_F64;
	case 'x':
		return is64 ? WASM_I64 : WASM_I32;
	}
	return WASM_V128;
}

bool tr_simd(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct wasm_op_info *info = &wasm_ops[in->row];
	const char *colon = strchr(info->sig, ':');
	const unsigned n = colon - info->sig;
	const bool mem = in->imm == WASM_IMM_MEMARG || in->imm == WASM_IMM_MEMARG_LANE;
	wasm_op_fn *fn = NULL;
	uint16_t s[3] = { 0 };
	unsigned len = 1;
	struct wasm_op *op;

	if (info->code >> 16 != 0xfd)
		return false;
	for (unsigned i = 0; i < n; i++)
		s[i] = tr_slot(t, tr_top(t, n - 1 - i));
	tr_pop(t, n);
	if (mem && plain(t, &in->mem))
		fn = wasm__simd_handler(t->simd.guarded, in->row);
	if (!fn) {
		fn = wasm__simd_handler(t->simd.rows, in->row);
		len += mem || in->imm == WASM_IMM_LANES16 || in->imm == WASM_IMM_V128;
	}
	op = tr_emit(t, fn, len);
	op->a = s[0];
	op->b = s[1];
	op->c = s[2];
	if (mem && len == 1) {
		op->u32 = (uint32_t)in->mem.offset;
		op->d = s[1];           /* a store's value */
	} else if (mem) {
		checked_unit(t, op, &in->mem);
		op->d = s[1];
		if (in->imm == WASM_IMM_MEMARG_LANE)
			op->c = in->lane;
	} else if (in->imm == WASM_IMM_LANE) {
		if (n == 1)
			op->b = in->lane;
		else
			op->c = in->lane;
	} else if (len == 2) {
		memcpy(op + 1, in->bytes, 16);
	}
	if (colon[1]) {
		const struct ent *e = tr_push(t, type_of(colon[1], false));

		op->d = e->slot;
		tr_wrote(t, op->d);
		tr_mark(t, WASM_ROW_V128_CONST, 0, len);
	}
	return true;
}
