/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of calls and returns.  Arguments go to their home slots, which
 * are the callee's parameters; see interp_call.c for the units of a call.
 */
#include <string.h>

#include "wasm/translate.h"
#include "wasm/trace_call.h"

/* The slot that the next entry would have. */
static uint32_t slot_above(const struct wasm_translator *t, uint32_t sp)
{
	return sp ? t->stack[sp - 1].slot + tr_slots(t->stack[sp - 1].type) : t->base;
}

/* Everything as a call wants it; the first argument's slot. */
static uint16_t arguments(struct wasm_translator *t, const struct wasm_deftype *d)
{
	const uint32_t base = slot_above(t, t->sp - d->nparams);
	const uint32_t params = tr_type_slots(d->types, d->nparams);
	const uint32_t results = tr_type_slots(d->types + d->nparams, d->nresults);
	const uint32_t need = base + (params > results ? params : results) + WASM_FRAME_SLOTS;

	tr_flush_refs(t);
	tr_home_top(t, d->nparams);
	tr_clobber_all(t);
	if (need > t->max_slot)
		t->max_slot = need;
	return (uint16_t)base;
}

/* The call has been emitted: its results stand in the place of arguments. */
static void results(struct wasm_translator *t, const struct wasm_deftype *d, uint16_t base)
{
	const struct wasm_type *types = d->types + d->nparams;

	tr_safepoint(t, t->nops - 1, d->nparams);
	tr_pop(t, d->nparams);
	for (uint32_t i = 0; i < d->nresults; i++)
		tr_push(t, tr_type(t, types[i]));
	for (unsigned i = 0; i < ACCS; i++)
		t->acc_slot[i] = -1;
	if (d->nresults == 1 && tr_acc_of(tr_type(t, types[0])) != ACC_NONE)
		t->acc_slot[tr_acc_of(tr_type(t, types[0]))] = base;
	t->last.ok = false;
	tr_fuel_begin(t);
}

static void reload_unit(struct wasm_translator *t, struct wasm_op *op)
{
	op->fn = wasm__op_reload;
	op->ptr = t->inst;
}

static void call(struct wasm_translator *t, uint32_t index)
{
	struct wasm_rt_func *f = t->inst->funcs[index];
	const struct wasm_deftype *d = wasm_type_get(t->st->types, t->m->funcs[index].type);
	const uint16_t base = arguments(t, d);
	const bool cross = f->inst && f->inst != t->inst;
	struct wasm_op *op = tr_emit(t, cross ? wasm__op_call_cross : wasm__op_call, 2);

	op->u64 = wasm__op_pack(f, base);
	reload_unit(t, op + 1);
	results(t, d, base);
}

static void call_indirect(struct wasm_translator *t, const struct wasm_insn *in)
{
	const uint32_t type = t->m->types[in->a];
	const struct wasm_deftype *d = wasm_type_get(t->st->types, type);
	struct ent *e = tr_top(t, 0);
	struct wasm_op *op;
	uint16_t index, base;
	enum loc loc = tr_loc(t, e, &index);

	/* Popped first, while it is in the accumulator: that keeps its home. */
	if (loc == LOC_I)
		index = tr_slot(t, e);
	else if (loc == LOC_R)
		index = e->slot;
	tr_pop(t, 1);
	base = arguments(t, d);
	op = tr_emit(t, loc == LOC_R ? wasm__op_call_indirect_r : wasm__op_call_indirect_s, 3);
	op->d = base;
	op->a = index;
	op->u32 = type;
	((union wasm_op_ext *)(op + 1))->ptr[0] = t->inst->tables[in->b];
	reload_unit(t, op + 2);
	results(t, d, base);
}

static void call_ref(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct wasm_deftype *d = wasm_type_get(t->st->types, t->m->types[in->a]);
	struct wasm_op *op;
	uint16_t ref, base;

	ref = tr_slot(t, tr_top(t, 0));
	tr_pop(t, 1);
	base = arguments(t, d);
	op = tr_emit(t, wasm__op_call_ref, 2);
	op->d = base;
	op->a = ref;
	reload_unit(t, op + 1);
	results(t, d, base);
}

/* ---- tail calls ---- */

static void return_call(struct wasm_translator *t, const struct wasm_insn *in)
{
	const uint32_t type = in->row == WASM_ROW_RETURN_CALL ? t->m->funcs[in->a].type :
		t->m->types[in->a];
	const struct wasm_deftype *d = wasm_type_get(t->st->types, type);
	const bool direct = in->row == WASM_ROW_RETURN_CALL;
	const bool indirect = in->row == WASM_ROW_RETURN_CALL_INDIRECT;
	union wasm_op_ext *x;
	struct wasm_op *op;
	uint16_t callee = 0, base;

	if (!direct) {
		callee = tr_slot(t, tr_top(t, 0));
		tr_pop(t, 1);
	}
	base = arguments(t, d);
	op = tr_emit(t, direct ? wasm__op_return_call : indirect ? wasm__op_return_call_indirect :
		     wasm__op_return_call_ref, 2 + indirect);
	op->d = base;
	op->a = (uint16_t)t->param_slots;
	op->b = callee;
	x = (union wasm_op_ext *)(op + 1);
	x->ptr[0] = direct ? (void *)t->inst->funcs[in->a] :
		    indirect ? (void *)t->inst->tables[in->b] : NULL;
	x->ptr[1] = t->inst;
	if (indirect)
		x[1].u32[0] = type;
	t->dead = true;
}

/* ---- returns ---- */

static struct wasm_op *emit_return(struct wasm_translator *t, wasm_op_fn *fn)
{
	if (log_tracing(CALL))
		tr_emit(t, wasm__op_trace_left, 1)->d = (uint16_t)t->param_slots;
	return tr_emit(t, fn, 1);
}

void tr_return(struct wasm_translator *t)
{
	static wasm_op_fn *const fns[ACCS][2] = {
		{ wasm__op_ret_s, wasm__op_ret_r }, { wasm__op_ret_f32_s, wasm__op_ret_f32_r },
		{ wasm__op_ret_f64_s, wasm__op_ret_f64_r },
	};
	struct wasm_op *op;
	uint16_t slot = 0;

	if (t->nresults == 0) {
		op = emit_return(t, wasm__op_ret0);
	} else if (t->nresults == 1 && tr_top(t, 0)->type != WASM_V128) {
		struct ent *e = tr_top(t, 0);
		enum loc loc = tr_loc(t, e, &slot);

		if (loc == LOC_I) {
			/* Nobody stays who would need it as a constant. */
			slot = tr_slot(t, e);
			loc = LOC_S;
		}
		op = emit_return(t, fns[tr_acc_of(e->type)][loc == LOC_R]);
	} else {
		tr_home_top(t, t->nresults);
		slot = t->stack[t->sp - t->nresults].slot;
		op = emit_return(t, wasm__op_retn);
		op->u32 = t->result_slots;
	}
	op->a = slot;
	op->d = (uint16_t)t->param_slots;
}

bool tr_call(struct wasm_translator *t, const struct wasm_insn *in)
{
	switch (in->row) {
	case WASM_ROW_CALL:
		call(t, in->a);
		return true;
	case WASM_ROW_CALL_INDIRECT:
		call_indirect(t, in);
		return true;
	case WASM_ROW_CALL_REF:
		call_ref(t, in);
		return true;
	case WASM_ROW_RETURN_CALL:
	case WASM_ROW_RETURN_CALL_INDIRECT:
	case WASM_ROW_RETURN_CALL_REF:
		return_call(t, in);
		return true;
	}
	return false;
}
