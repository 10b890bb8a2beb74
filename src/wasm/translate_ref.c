/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of variables, tables, references, objects, bulk operations and
 * throws: what is neither numbers nor memory accesses nor control.
 */
#include <string.h>

#include "wasm/translate.h"

/* ---- helpers ---- */

/* Operands are nargs entries, in order; the result takes their place.  A
 * safepoint at which the operands live. */
void tr_special(struct wasm_translator *t, wasm_special_fn *fn, uint32_t nargs, unsigned result,
		uint64_t x, uint64_t y)
{
	union wasm_op_ext *ext;
	struct wasm_op *op;
	uint32_t base;

	tr_flush_refs(t);
	tr_home_top(t, nargs);
	tr_clobber_all(t);
	base = t->sp == nargs ? t->base :
	       t->stack[t->sp - nargs - 1].slot + tr_slots(t->stack[t->sp - nargs - 1].type);
	op = tr_emit(t, wasm__op_special, 3);
	op->d = (uint16_t)base;
	ext = (union wasm_op_ext *)(op + 1);
	ext[0].ptr[0] = (void *)(uintptr_t)fn;
	ext[0].ptr[1] = t->inst;
	ext[1].u64[0] = x;
	ext[1].u64[1] = y;
	tr_safepoint(t, t->nops - 3, 0);
	tr_pop(t, nargs);
	if (base + 2 > t->max_slot)
		t->max_slot = base + 2;
	if (result) {
		tr_push(t, result);
		if (tr_acc_of(result) != ACC_NONE)
			t->acc_slot[tr_acc_of(result)] = (int32_t)base;
	}
}
static uint64_t pair(uint32_t a, uint32_t b)
{
	return a | (uint64_t)b << 32;
}

/* An operation of slots with a result in r, and its form that stores, too. */
static struct wasm_op *simple(struct wasm_translator *t, wasm_op_fn *fn, wasm_op_fn *store,
			      uint32_t nargs, unsigned result, uint32_t len)
{
	uint16_t s[2] = { 0 };
	struct wasm_op *op;

	for (uint32_t i = 0; i < nargs; i++)
		s[i] = tr_slot(t, tr_top(t, nargs - 1 - i));
	tr_pop(t, nargs);
	tr_clobber(t, tr_acc_of(result));
	op = tr_emit(t, fn, len);
	op->a = s[0];
	if (nargs > 1)
		op->b = s[1];
	tr_mark(t, WASM_ROW_REF_FUNC, 0, len);  /* nothing that is fused */

	tr_push_acc(t, result, t->nops - len, store);
	return &t->ops[t->nops - len];
}

/* ---- variables ---- */

static void global_get(struct wasm_translator *t, uint32_t index)
{
	static wasm_op_fn *const fns[ACCS][2] = {
		{ wasm__op_global_get_r, wasm__op_global_get_s },
		{ wasm__op_global_get_f32_r, wasm__op_global_get_f32_s },
		{ wasm__op_global_get_f64_r, wasm__op_global_get_f64_s },
	};
	struct wasm_rt_global *g = t->inst->globals[index];
	const unsigned type = tr_type(t, t->m->globals[index].type), acc = tr_acc_of(type);
	struct wasm_op *op;

	if (acc == ACC_NONE) {
		const uint16_t slot = tr_push(t, type)->slot;

		op = tr_emit(t, wasm__op_global_get_v128, 1);
		op->u64 = wasm__op_pack(g->v, slot);
		tr_wrote(t, slot);
		return;
	}
	tr_clobber(t, acc);
	op = tr_emit(t, fns[acc][0], 1);
	op->u64 = wasm__op_pack(g->v, 0);
	tr_mark(t, WASM_ROW_GLOBAL_GET, 0, 1);
	tr_push_acc(t, type, t->nops - 1, fns[acc][1]);
}

static void global_set(struct wasm_translator *t, uint32_t index)
{
	struct wasm_rt_global *g = t->inst->globals[index];
	struct ent *e = tr_top(t, 0);
	const unsigned acc = tr_acc_of(e->type);
	wasm_op_fn *fn;
	uint16_t slot = 0;
	enum loc loc = tr_loc(t, e, &slot);

	if (loc != LOC_R)
		slot = tr_slot(t, e);
	if (acc == ACC_INT)
		fn = loc == LOC_R ? wasm__op_global_set_r : wasm__op_global_set_s;
	else if (acc == ACC_SINGLE)
		fn = loc == LOC_R ? wasm__op_global_set_f32_r : wasm__op_global_set_f32_s;
	else if (acc == ACC_DOUBLE)
		fn = loc == LOC_R ? wasm__op_global_set_f64_r : wasm__op_global_set_s;
	else
		fn = wasm__op_global_set_v128;
	tr_pop(t, 1);
	tr_emit(t, fn, 1)->u64 = wasm__op_pack(g->v, slot);
}

static void table_get(struct wasm_translator *t, uint32_t index)
{
	const unsigned type = tr_type(t, t->m->tables[index].type);
	struct wasm_op *op = simple(t, wasm__op_table_get_r, wasm__op_table_get_s, 1, type, 2);

	((union wasm_op_ext *)(op + 1))->ptr[0] = t->inst->tables[index];
}

static void table_set(struct wasm_translator *t, uint32_t index)
{
	const uint16_t a = tr_slot(t, tr_top(t, 1)), b = tr_slot(t, tr_top(t, 0));
	struct wasm_op *op;

	tr_pop(t, 2);
	op = tr_emit(t, wasm__op_table_set, 2);
	op->a = a;
	op->b = b;
	((union wasm_op_ext *)(op + 1))->ptr[0] = t->inst->tables[index];
}

static void memory_size(struct wasm_translator *t, const struct wasm_insn *in)
{
	const unsigned type = t->m->memories[in->a].limits.is64 ? WASM_I64 : WASM_I32;
	uint16_t slot;

	tr_clobber(t, ACC_INT);
	slot = tr_push(t, type)->slot;
	tr_emit(t, wasm__op_memory_size, 1)->u64 = wasm__op_pack(t->inst->memories[in->a], slot);
	tr_wrote(t, slot);
	t->acc_slot[ACC_INT] = slot;
}

static unsigned address(bool is64)
{
	return is64 ? WASM_I64 : WASM_I32;
}

static bool bulk(struct wasm_translator *t, const struct wasm_insn *in)
{
	const uint64_t ab = pair(in->a, in->b);

	switch (in->row) {
	case WASM_ROW_MEMORY_GROW:
		tr_special(t, wasm__special_memory_grow, 1,
			   address(t->m->memories[in->a].limits.is64), ab, 0);
		return true;
	case WASM_ROW_MEMORY_INIT:
		tr_special(t, wasm__special_memory_init, 3, 0, ab, 0);
		return true;
	case WASM_ROW_DATA_DROP:
		tr_special(t, wasm__special_data_drop, 0, 0, ab, 0);
		return true;
	case WASM_ROW_MEMORY_COPY:
		tr_special(t, wasm__special_memory_copy, 3, 0, ab, 0);
		return true;
	case WASM_ROW_MEMORY_FILL:
		tr_special(t, wasm__special_memory_fill, 3, 0, ab, 0);
		return true;
	case WASM_ROW_TABLE_INIT:
		tr_special(t, wasm__special_table_init, 3, 0, ab, 0);
		return true;
	case WASM_ROW_ELEM_DROP:
		tr_special(t, wasm__special_elem_drop, 0, 0, ab, 0);
		return true;
	case WASM_ROW_TABLE_COPY:
		tr_special(t, wasm__special_table_copy, 3, 0, ab, 0);
		return true;
	case WASM_ROW_TABLE_FILL:
		tr_special(t, wasm__special_table_fill, 3, 0, ab, 0);
		return true;
	case WASM_ROW_TABLE_GROW:
		tr_special(t, wasm__special_table_grow, 2,
			   address(t->m->tables[in->a].limits.is64), ab, 0);
		return true;
	case WASM_ROW_TABLE_SIZE:
		tr_special(t, wasm__special_table_size, 0,
			   address(t->m->tables[in->a].limits.is64), ab, 0);
		return true;
	case WASM_ROW_MEMORY_ATOMIC_NOTIFY:
		tr_special(t, wasm__special_atomic_notify, 2, WASM_I32, pair(in->mem.mem, 4),
			   in->mem.offset);
		return true;
	case WASM_ROW_MEMORY_ATOMIC_WAIT32:
	case WASM_ROW_MEMORY_ATOMIC_WAIT64:
		tr_special(t, wasm__special_atomic_wait, 3, WASM_I32,
			   pair(in->mem.mem, in->row == WASM_ROW_MEMORY_ATOMIC_WAIT32 ? 4 : 8),
			   in->mem.offset);
		return true;
	case WASM_ROW_ATOMIC_FENCE:
		tr_special(t, wasm__special_atomic_fence, 0, 0, 0, 0);
		return true;
	}
	return false;
}

/* ---- references ---- */

static void is_null(struct wasm_translator *t)
{
	struct ent *e = tr_top(t, 0);
	struct wasm_op *op;
	uint16_t slot;
	enum loc loc = tr_loc(t, e, &slot);

	if (loc == LOC_I)
		slot = tr_slot(t, e);
	tr_pop(t, 1);
	tr_clobber(t, ACC_INT);
	op = tr_emit(t, loc == LOC_R ? wasm__op_is_null_r_r : wasm__op_is_null_s_r, 1);
	op->a = slot;
	tr_mark(t, WASM_ROW_REF_IS_NULL, 0, 1);
	tr_push_acc(t, WASM_I32, t->nops - 1,
		    loc == LOC_R ? wasm__op_is_null_r_s : wasm__op_is_null_s_s);
}

static void test_unit(struct wasm_translator *t, struct wasm_op *op, uint32_t heap, bool null)
{
	union wasm_op_ext *x = (union wasm_op_ext *)(op + 1);

	x->u32[0] = heap;
	x->u32[1] = heap < WASM_HEAP_ABSTRACT ? wasm_type_get(t->st->types, heap)->depth : 0;
	x->u32[2] = null;
}
/* 0: a defined type, 1: an abstract one, 2: of functions. */
static unsigned test_kind(struct wasm_translator *t, uint32_t heap)
{
	if (wasm_heap_top(t->st->types, heap) == WASM_HEAP_FUNC)
		return 2;
	return heap >= WASM_HEAP_ABSTRACT;
}
void tr_ref_test(struct wasm_translator *t, uint16_t slot, uint32_t heap, bool null)
{
	static wasm_op_fn *const fns[] = { wasm__op_ref_test_def_r, wasm__op_ref_test_abstract_r,
		wasm__op_ref_test_func_r };
	struct wasm_op *op = tr_emit(t, fns[test_kind(t, heap)], 2);

	op->a = slot;
	test_unit(t, op, heap, null);
}
static void ref_test(struct wasm_translator *t, uint32_t heap, bool null)
{
	static wasm_op_fn *const fns[][2] = {
		{ wasm__op_ref_test_def_r, wasm__op_ref_test_def_s },
		{ wasm__op_ref_test_abstract_r, wasm__op_ref_test_abstract_s },
		{ wasm__op_ref_test_func_r, wasm__op_ref_test_func_s },
	};
	const unsigned kind = test_kind(t, heap);

	test_unit(t, simple(t, fns[kind][0], fns[kind][1], 1, WASM_I32, 2), heap, null);
}
static void ref_cast(struct wasm_translator *t, uint32_t heap, bool null)
{
	static wasm_op_fn *const fns[] = { wasm__op_ref_cast_def, wasm__op_ref_cast_abstract,
		wasm__op_ref_cast_func };
	const uint16_t slot = tr_slot(t, tr_top(t, 0));
	struct wasm_op *op = tr_emit(t, fns[test_kind(t, heap)], 2);

	op->a = slot;
	test_unit(t, op, heap, null);
}

bool tr_reference(struct wasm_translator *t, const struct wasm_insn *in)
{
	switch (in->row) {
	case WASM_ROW_DROP:
		tr_pop(t, 1);
		return true;
	case WASM_ROW_SELECT:
	case WASM_ROW_SELECT_T:
		tr_select(t);
		return true;
	case WASM_ROW_LOCAL_GET:
		tr_push_local(t, in->a);
		return true;
	case WASM_ROW_LOCAL_SET:
	case WASM_ROW_LOCAL_TEE:
		tr_local_set(t, in->a, in->row == WASM_ROW_LOCAL_TEE);
		return true;
	case WASM_ROW_GLOBAL_GET:
		global_get(t, in->a);
		return true;
	case WASM_ROW_GLOBAL_SET:
		global_set(t, in->a);
		return true;
	case WASM_ROW_TABLE_GET:
		table_get(t, in->a);
		return true;
	case WASM_ROW_TABLE_SET:
		table_set(t, in->a);
		return true;
	case WASM_ROW_MEMORY_SIZE:
		memory_size(t, in);
		return true;
	case WASM_ROW_REF_NULL:
		tr_push_const(t, tr_type(t, wasm_type_ref(tr_canon_heap(t, in->heap), true)), 0);
		return true;
	case WASM_ROW_REF_IS_NULL:
		is_null(t);
		return true;
	case WASM_ROW_REF_FUNC:
		tr_push_const(t, VT_FUNCREF, wasm__func_word(t->st, t->inst->funcs[in->a]));
		return true;
	case WASM_ROW_REF_AS_NON_NULL: {
		const uint16_t slot = tr_slot(t, tr_top(t, 0));

		tr_emit(t, wasm__op_as_non_null, 1)->a = slot;
		return true;
	}
	case WASM_ROW_REF_EQ:
		simple(t, wasm__op_ref_eq_r, wasm__op_ref_eq_s, 2, WASM_I32, 1);
		return true;
	case WASM_ROW_THROW: {
		const struct wasm_deftype *d = wasm_type_get(t->st->types, t->m->tags[in->a].type);

		tr_special(t, wasm__special_throw_, d->nparams, 0,
			   (uintptr_t)t->inst->tags[in->a], 0);
		t->dead = true;
		return true;
	}
	case WASM_ROW_THROW_REF:
		tr_special(t, wasm__special_throw_ref, 1, 0, 0, 0);
		t->dead = true;
		return true;
	case WASM_ROW_RETHROW: {
		struct ent e = { .kind = ENT_HOME, .type = WASM_REF,
			.slot = tr_catch_slot(t, in->a) };

		tr_push(t, WASM_REF);
		tr_copy(t, &e, tr_top(t, 0)->slot);
		tr_special(t, wasm__special_throw_ref, 1, 0, 0, 0);
		t->dead = true;
		return true;
	}
	}
	return bulk(t, in);
}

/* ---- objects ---- */

static const struct wasm_field *field_of(const struct wasm_translator *t, uint32_t type,
					 uint32_t field)
{
	return &wasm_type_get(t->st->types, t->m->types[type])->fields[field];
}

static unsigned get_kind(const struct wasm_field *f, bool sign)
{
	if (f->packed == WASM_PACKED_I8)
		return sign ? WASM_GC_GET_S8 : WASM_GC_GET_U8;
	if (f->packed == WASM_PACKED_I16)
		return sign ? WASM_GC_GET_S16 : WASM_GC_GET_U16;
	switch (wasm_type_kind(f->type)) {
	case WASM_I64:
		return WASM_GC_GET_I64;
	case WASM_F32:
		return WASM_GC_GET_F32;
	case WASM_F64:
		return WASM_GC_GET_F64;
	default:
		return WASM_GC_GET_I32;
	}
}
static unsigned set_kind(const struct wasm_translator *t, const struct wasm_field *f)
{
	if (f->packed != WASM_PACKED_NONE)
		return f->packed == WASM_PACKED_I8 ? WASM_GC_SET_U8 : WASM_GC_SET_U16;
	switch (tr_type(t, f->type)) {
	case WASM_I64:
	case WASM_F64:
		return WASM_GC_SET_I64;
	case WASM_REF:
		return WASM_GC_SET_REF;
	case WASM_V128:
		return WASM_GC_SET_V128;
	default:
		return WASM_GC_SET_I32;
	}
}

static void struct_new(struct wasm_translator *t, uint32_t type)
{
	const uint32_t id = t->m->types[type];
	const struct wasm_deftype *d = wasm_type_get(t->st->types, id);
	const uint32_t units = (d->nfields + 1 + 3) / 4;
	struct wasm_op *op;
	uint32_t base, *x;

	tr_flush_refs(t);
	tr_home_top(t, d->nfields);
	tr_clobber_all(t);
	base = t->sp == d->nfields ? t->base : t->stack[t->sp - d->nfields - 1].slot +
		tr_slots(t->stack[t->sp - d->nfields - 1].type);
	op = tr_emit(t, wasm__op_struct_new, 1 + units);
	op->d = (uint16_t)base;
	op->a = (uint16_t)units;
	op->u32 = id;
	x = ((union wasm_op_ext *)(op + 1))->u32;
	x[0] = d->nfields;
	for (uint32_t i = 0; i < d->nfields && !t->trap; i++)
		x[1 + i] = set_kind(t, &d->fields[i]) << 28 | d->offsets[i];
	tr_safepoint(t, t->nops - 1 - units, 0);
	tr_pop(t, d->nfields);
	tr_push(t, WASM_REF);
	t->acc_slot[ACC_INT] = (int32_t)base;
}

static void struct_get(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct wasm_field *f = field_of(t, in->a, in->b);
	const uint32_t offset = wasm_type_get(t->st->types, t->m->types[in->a])->offsets[in->b];
	const unsigned type = tr_type(t, f->type), kind = get_kind(f, in->row == WASM_ROW_STRUCT_GET_S);
	struct wasm_op *op;
	uint16_t slot;
	enum loc loc;

	if (type == WASM_V128) {
		tr_special(t, wasm__special_struct_v128, 1, type, pair(offset, 0), 0);
		return;
	}
	loc = tr_loc(t, tr_top(t, 0), &slot);
	if (loc == LOC_I)
		slot = tr_slot(t, tr_top(t, 0));
	tr_pop(t, 1);
	tr_clobber(t, tr_acc_of(type));
	op = tr_emit(t, wasm__h_struct_get[kind][loc == LOC_R], 1);
	op->a = slot;
	op->u32 = offset;
	tr_mark(t, WASM_ROW_STRUCT_GET, 0, 1);
	tr_push_acc(t, type, t->nops - 1, wasm__h_struct_get[kind][2 + (loc == LOC_R)]);
}

static void struct_set(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct wasm_field *f = field_of(t, in->a, in->b);
	const uint32_t offset = wasm_type_get(t->st->types, t->m->types[in->a])->offsets[in->b];
	const unsigned kind = set_kind(t, f);
	struct wasm_op *op;
	uint16_t a, d;

	if (kind == WASM_GC_SET_V128) {
		tr_special(t, wasm__special_struct_v128, 2, 0, pair(offset, 1), 0);
		return;
	}
	a = tr_slot(t, tr_top(t, 1));
	d = tr_slot(t, tr_top(t, 0));
	tr_pop(t, 2);
	op = tr_emit(t, wasm__h_struct_set[kind], 1);
	op->a = a;
	op->d = d;
	op->u32 = offset;
}

static void array_get(struct wasm_translator *t, const struct wasm_insn *in)
{
	const struct wasm_field *f = field_of(t, in->a, 0);
	const unsigned type = tr_type(t, f->type), kind = get_kind(f, in->row == WASM_ROW_ARRAY_GET_S);

	if (type == WASM_V128)
		tr_special(t, wasm__special_array_v128, 2, type, 0, 0);
	else
		simple(t, wasm__h_array_get[kind][0], wasm__h_array_get[kind][1], 2, type, 1);
}

static void array_set(struct wasm_translator *t, const struct wasm_insn *in)
{
	const unsigned kind = set_kind(t, field_of(t, in->a, 0));
	struct wasm_op *op;
	uint16_t a, b, d;

	if (kind == WASM_GC_SET_V128) {
		tr_special(t, wasm__special_array_v128, 3, 0, 1, 0);
		return;
	}
	a = tr_slot(t, tr_top(t, 2));
	b = tr_slot(t, tr_top(t, 1));
	d = tr_slot(t, tr_top(t, 0));
	tr_pop(t, 3);
	op = tr_emit(t, wasm__h_array_set[kind], 1);
	op->a = a;
	op->b = b;
	op->d = d;
}

bool tr_gc(struct wasm_translator *t, const struct wasm_insn *in)
{
	uint32_t slots = 1, type = 0;

	switch (in->row) {
	case WASM_ROW_ARRAY_NEW:
	case WASM_ROW_ARRAY_NEW_FIXED:
	case WASM_ROW_ARRAY_FILL:
		slots = tr_slots(tr_type(t, field_of(t, in->a, 0)->type));
		/* fall through */
	case WASM_ROW_STRUCT_NEW_DEFAULT:
	case WASM_ROW_ARRAY_NEW_DEFAULT:
	case WASM_ROW_ARRAY_NEW_DATA:
	case WASM_ROW_ARRAY_NEW_ELEM:
		type = t->m->types[in->a];
	}
	switch (in->row) {
	case WASM_ROW_STRUCT_NEW:
		struct_new(t, in->a);
		return true;
	case WASM_ROW_STRUCT_NEW_DEFAULT:
		tr_special(t, wasm__special_struct_new_default, 0, WASM_REF, type, 0);
		return true;
	case WASM_ROW_STRUCT_GET:
	case WASM_ROW_STRUCT_GET_S:
	case WASM_ROW_STRUCT_GET_U:
		struct_get(t, in);
		return true;
	case WASM_ROW_STRUCT_SET:
		struct_set(t, in);
		return true;
	case WASM_ROW_ARRAY_NEW:
		tr_special(t, wasm__special_array_new, 2, WASM_REF, pair(type, slots), 0);
		return true;
	case WASM_ROW_ARRAY_NEW_DEFAULT:
		tr_special(t, wasm__special_array_new_default, 1, WASM_REF, type, 0);
		return true;
	case WASM_ROW_ARRAY_NEW_FIXED:
		tr_special(t, wasm__special_array_new_fixed, in->b, WASM_REF, pair(type, in->b), slots);
		return true;
	case WASM_ROW_ARRAY_NEW_DATA:
		tr_special(t, wasm__special_array_new_data, 2, WASM_REF, pair(type, in->b), 0);
		return true;
	case WASM_ROW_ARRAY_NEW_ELEM:
		tr_special(t, wasm__special_array_new_elem, 2, WASM_REF, pair(type, in->b), 0);
		return true;
	case WASM_ROW_ARRAY_GET:
	case WASM_ROW_ARRAY_GET_S:
	case WASM_ROW_ARRAY_GET_U:
		array_get(t, in);
		return true;
	case WASM_ROW_ARRAY_SET:
		array_set(t, in);
		return true;
	case WASM_ROW_ARRAY_LEN:
		simple(t, wasm__op_array_len_r, wasm__op_array_len_s, 1, WASM_I32, 1);
		return true;
	case WASM_ROW_ARRAY_FILL:
		tr_special(t, wasm__special_array_fill, 4, 0, slots, 0);
		return true;
	case WASM_ROW_ARRAY_COPY:
		tr_special(t, wasm__special_array_copy, 5, 0, 0, 0);
		return true;
	case WASM_ROW_ARRAY_INIT_DATA:
		tr_special(t, wasm__special_array_init_data, 4, 0, pair(0, in->b), 0);
		return true;
	case WASM_ROW_ARRAY_INIT_ELEM:
		tr_special(t, wasm__special_array_init_elem, 4, 0, pair(0, in->b), 0);
		return true;
	case WASM_ROW_REF_TEST:
	case WASM_ROW_REF_TEST_NULL:
		ref_test(t, tr_canon_heap(t, in->heap), in->row == WASM_ROW_REF_TEST_NULL);
		return true;
	case WASM_ROW_REF_CAST:
	case WASM_ROW_REF_CAST_NULL:
		ref_cast(t, tr_canon_heap(t, in->heap), in->row == WASM_ROW_REF_CAST_NULL);
		return true;
	case WASM_ROW_ANY_CONVERT_EXTERN:
	case WASM_ROW_EXTERN_CONVERT_ANY:
		return true;            /* the words are the same (rt.h) */
	case WASM_ROW_REF_I31:
		simple(t, wasm__op_ref_i31_r, wasm__op_ref_i31_s, 1, WASM_REF, 1);
		return true;
	case WASM_ROW_I31_GET_S:
		simple(t, wasm__op_i31_get_s_r, wasm__op_i31_get_s_s, 1, WASM_I32, 1);
		return true;
	case WASM_ROW_I31_GET_U:
		simple(t, wasm__op_i31_get_u_r, wasm__op_i31_get_u_s, 1, WASM_I32, 1);
		return true;
	}
	return false;
}
