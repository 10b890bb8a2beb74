/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of references, structures, arrays (core spec 3.4.4 to 3.4.7),
 * tables and memories as a whole (3.4.9, 3.4.10); see valid.h.
 */
#include "wasm/valid.h"

#include <assert.h>

static const struct wasm_type none;     /* WASM_BOT: no result */
#define I32 ((struct wasm_type){ WASM_I32 })

static bool has_default(struct wasm_type t)
{
	return !wasm_type_is_ref(t) || wasm_type_nullable(t);
}

static struct wasm_type nullable(uint32_t heap)
{
	return wasm_type_ref(heap, true);
}

/* The smaller of two address types. */
static struct wasm_type smaller(bool a64, bool b64)
{
	return wasm__address(a64 && b64);
}

/* ---- references ---- */

static int check_ref_null(struct wasm__valid *v, uint32_t heap)
{
	int r = wasm__heap(v, heap, &heap);

	return r ? r : wasm__push(v, nullable(heap));
}

static int check_ref_is_null(struct wasm__valid *v)
{
	struct wasm_type t;
	int r = wasm__pop_ref(v, &t);

	return r ? r : wasm__push(v, I32);
}

/* In bodies only functions that something outside of them mentions (3.4.4). */
static int check_ref_func(struct wasm__valid *v, uint32_t x)
{
	struct wasm_func *f;

	if (x >= v->m->nfuncs)
		return wasm__bad(v, EINVAL, "unknown function %u", x);
	f = &v->m->funcs[x];
	if (v->constant)
		f->declared = true;
	if (!f->declared)
		return wasm__bad(v, EINVAL, "undeclared function reference %u", x);
	return wasm__push(v, wasm_type_ref(f->type, false));
}

static int check_as_non_null(struct wasm__valid *v)
{
	struct wasm_type t;
	int r = wasm__pop_ref(v, &t);

	return r ? r : wasm__push(v, wasm_type_ref(wasm_type_heap(t), false));
}

static int check_ref_test(struct wasm__valid *v, const struct wasm_insn *in)
{
	bool cast = in->row == WASM_ROW_REF_CAST || in->row == WASM_ROW_REF_CAST_NULL;
	uint32_t heap;
	int r = wasm__heap(v, in->heap, &heap);

	if (!r)
		r = wasm__pop(v, nullable(wasm_heap_top(v->store, heap)));
	if (r)
		return r;
	return wasm__push(v, cast ? wasm_type_ref(heap, in->row == WASM_ROW_REF_CAST_NULL) : I32);
}

static int check_convert(struct wasm__valid *v, uint32_t from, uint32_t to)
{
	struct wasm_type t;
	bool null;
	int r;

	null = v->sp > v->base && wasm_type_nullable(v->stack[v->sp - 1]);
	t = wasm_type_ref(from, null);
	r = wasm__pop(v, t);
	return r ? r : wasm__push(v, wasm_type_ref(to, null));
}

static int check_ref_eq(struct wasm__valid *v)
{
	const struct wasm_type want[2] = { nullable(WASM_HEAP_EQ), nullable(WASM_HEAP_EQ) };

	return wasm__apply(v, want, 2, I32);
}

static int check_i31(struct wasm__valid *v, bool new)
{
	const struct wasm_type i31 = nullable(WASM_HEAP_I31), i32 = I32;

	return new ? wasm__apply(v, &i32, 1, wasm_type_ref(WASM_HEAP_I31, false)) :
		wasm__apply(v, &i31, 1, I32);
}

/* ---- structures ---- */

static int check_struct_new(struct wasm__valid *v, const struct wasm_insn *in)
{
	const struct wasm_deftype *t;
	uint32_t id;
	int r = wasm__deftype(v, in->a, WASM_COMP_STRUCT, &id, &t);

	if (r)
		return r;
	/* Fields are not an array of types: taken one by one, last first. */
	for (uint32_t i = t->nfields; !r && i-- > 0;) {
		if (in->row == WASM_ROW_STRUCT_NEW)
			r = wasm__pop(v, t->fields[i].type);
		else if (!has_default(t->fields[i].type))
			r = wasm__bad(v, EINVAL, "field type is not defaultable");
	}
	return r ? r : wasm__push(v, wasm_type_ref(id, false));
}

static int field_of(struct wasm__valid *v, const struct wasm_insn *in, uint32_t *id,
		    struct wasm_field *f)
{
	const struct wasm_deftype *t;
	int r = wasm__deftype(v, in->a, WASM_COMP_STRUCT, id, &t);

	if (r)
		return r;
	if (in->b >= t->nfields)
		return wasm__bad(v, EINVAL, "unknown field %u", in->b);
	*f = t->fields[in->b];
	return 0;
}

/* _s and _u are for packed fields, and those are for them. */
static int check_packing(struct wasm__valid *v, const char *what, bool plain, struct wasm_field f)
{
	if (plain == !f.packed)
		return 0;
	return wasm__bad(v, EINVAL, "%s is %s", what, plain ? "packed" : "unpacked");
}

static int check_struct_get(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	uint32_t id = 0;
	int r = field_of(v, in, &id, &f);

	if (!r)
		r = check_packing(v, "field", in->row == WASM_ROW_STRUCT_GET, f);
	if (!r)
		r = wasm__pop(v, nullable(id));
	return r ? r : wasm__push(v, f.type);
}

static int check_struct_set(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	struct wasm_type want[2];
	uint32_t id = 0;
	int r = field_of(v, in, &id, &f);

	if (r)
		return r;
	if (!f.mutable_)
		return wasm__bad(v, EINVAL, "field is immutable");
	want[0] = nullable(id);
	want[1] = f.type;
	return wasm__apply(v, want, 2, none);
}

/* ---- arrays ---- */

static int element_of(struct wasm__valid *v, uint32_t x, uint32_t *id, struct wasm_field *f)
{
	const struct wasm_deftype *t;
	int r = wasm__deftype(v, x, WASM_COMP_ARRAY, id, &t);

	if (!r)
		*f = t->fields[0];
	return r;
}

static int mutable_of(struct wasm__valid *v, uint32_t x, uint32_t *id, struct wasm_field *f)
{
	int r = element_of(v, x, id, f);

	return r || f->mutable_ ? r : wasm__bad(v, EINVAL, "array is immutable");
}

static int data_index(struct wasm__valid *v, uint32_t x)
{
	if (!v->m->has_data_count)
		return wasm__bad(v, EILSEQ, "data count section required");
	if (x >= v->m->ndatas)
		return wasm__bad(v, EINVAL, "unknown data segment %u", x);
	return 0;
}

static int elem_index(struct wasm__valid *v, uint32_t x)
{
	return x < v->m->nelems ? 0 : wasm__bad(v, EINVAL, "unknown elem segment %u", x);
}

/* Bytes of a data segment become numbers; elements of a segment, references. */
static int check_source(struct wasm__valid *v, const struct wasm_insn *in, struct wasm_field f)
{
	bool data = in->imm == WASM_IMM_TYPE_DATA;
	int r = data ? data_index(v, in->b) : elem_index(v, in->b);

	if (r)
		return r;
	if (data && wasm_type_is_ref(f.type))
		return wasm__bad(v, EINVAL, "array type is not numeric or vector");
	if (!data && !wasm_type_sub(v->store, v->m->elems[in->b].type, f.type))
		return wasm__bad(v, EINVAL, "type mismatch: element segment's type does not match "
				 "array's field type");
	return 0;
}

static int check_array_new(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	struct wasm_type want[2] = { I32, I32 };
	uint32_t id = 0, n = 2;
	int r = element_of(v, in->a, &id, &f);

	if (r)
		return r;
	if (in->row == WASM_ROW_ARRAY_NEW) {
		want[0] = f.type;
	} else if (in->row == WASM_ROW_ARRAY_NEW_DEFAULT) {
		n = 1;
		if (!has_default(f.type))
			return wasm__bad(v, EINVAL, "array type is not defaultable");
	} else {
		r = check_source(v, in, f);
	}
	return r ? r : wasm__apply(v, want, n, wasm_type_ref(id, false));
}

static int check_array_new_fixed(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	uint32_t id = 0;
	int r = element_of(v, in->a, &id, &f);

	if (!r && in->b > WASM_MAX_ARRAY_FIXED)
		return wasm__bad(v, E2BIG, "array.new_fixed of %u elements, at most %d", in->b,
				 WASM_MAX_ARRAY_FIXED);
	for (uint32_t i = 0; !r && i < in->b; i++)
		r = wasm__pop(v, f.type);
	return r ? r : wasm__push(v, wasm_type_ref(id, false));
}

static int check_array_get(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	uint32_t id = 0;
	int r = element_of(v, in->a, &id, &f);
	struct wasm_type want[2] = { nullable(id), I32 };

	if (!r)
		r = check_packing(v, "array", in->row == WASM_ROW_ARRAY_GET, f);
	return r ? r : wasm__apply(v, want, 2, f.type);
}

static int check_array_set(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	uint32_t id = 0;
	int r = mutable_of(v, in->a, &id, &f);
	struct wasm_type want[4] = { nullable(id), I32, f.type, I32 };

	return r ? r : wasm__apply(v, want, in->row == WASM_ROW_ARRAY_FILL ? 4 : 3, none);
}

static int check_array_len(struct wasm__valid *v)
{
	const struct wasm_type array = nullable(WASM_HEAP_ARRAY);

	return wasm__apply(v, &array, 1, I32);
}

static int check_array_copy(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field to = { .packed = 0 }, from = { .packed = 0 };
	uint32_t a = 0, b = 0;
	int r = mutable_of(v, in->a, &a, &to);

	if (!r)
		r = element_of(v, in->b, &b, &from);
	if (r)
		return r;
	if (from.packed != to.packed || !wasm_type_sub(v->store, from.type, to.type))
		return wasm__bad(v, EINVAL, "array types do not match");
	const struct wasm_type want[5] = { nullable(a), I32, nullable(b), I32, I32 };

	return wasm__apply(v, want, 5, none);
}

static int check_array_init(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_field f = { .packed = 0 };
	uint32_t id = 0;
	int r = mutable_of(v, in->a, &id, &f);
	const struct wasm_type want[4] = { nullable(id), I32, I32, I32 };

	if (!r)
		r = check_source(v, in, f);
	return r ? r : wasm__apply(v, want, 4, none);
}

/* ---- tables ---- */

static int table_of(struct wasm__valid *v, uint32_t x, const struct wasm_table **out)
{
	if (x >= v->m->ntables)
		return wasm__bad(v, EINVAL, "unknown table %u", x);
	*out = &v->m->tables[x];
	return 0;
}

static int check_table(struct wasm__valid *v, const struct wasm_insn *in)
{
	const struct wasm_table *t = NULL;
	struct wasm_type at, want[3];
	int r = table_of(v, in->a, &t);

	if (r)
		return r;
	at = wasm__address(t->limits.is64);
	want[0] = want[2] = at;
	want[1] = t->type;
	switch (in->row) {
	case WASM_ROW_TABLE_GET:
		return wasm__apply(v, want, 1, t->type);
	case WASM_ROW_TABLE_SET:
		return wasm__apply(v, want, 2, none);
	case WASM_ROW_TABLE_SIZE:
		return wasm__push(v, at);
	case WASM_ROW_TABLE_GROW:
		return wasm__apply(v, want + 1, 2, at);
	default:
		return wasm__apply(v, want, 3, none);   /* table.fill */
	}
}

static int check_table_copy(struct wasm__valid *v, const struct wasm_insn *in)
{
	const struct wasm_table *to = NULL, *from = NULL;
	int r = table_of(v, in->a, &to);

	if (!r)
		r = table_of(v, in->b, &from);
	if (r)
		return r;
	if (!wasm_type_sub(v->store, from->type, to->type))
		return wasm__bad(v, EINVAL, "type mismatch: source element type does not match "
				 "destination element type");
	const struct wasm_type want[3] = {
		wasm__address(to->limits.is64), wasm__address(from->limits.is64),
		smaller(to->limits.is64, from->limits.is64),
	};

	return wasm__apply(v, want, 3, none);
}

static int check_table_init(struct wasm__valid *v, const struct wasm_insn *in)
{
	const struct wasm_table *t = NULL;
	int r = table_of(v, in->b, &t);

	if (!r)
		r = elem_index(v, in->a);
	if (r)
		return r;
	if (!wasm_type_sub(v->store, v->m->elems[in->a].type, t->type))
		return wasm__bad(v, EINVAL, "type mismatch: element segment's type does not match "
				 "table's element type");
	const struct wasm_type want[3] = { wasm__address(t->limits.is64), I32, I32 };

	return wasm__apply(v, want, 3, none);
}

/* ---- memories ---- */

static int memory_of(struct wasm__valid *v, uint32_t x, bool *is64)
{
	if (x >= v->m->nmemories)
		return wasm__bad(v, EINVAL, "unknown memory %u", x);
	*is64 = v->m->memories[x].limits.is64;
	return 0;
}

static int check_memory(struct wasm__valid *v, const struct wasm_insn *in)
{
	bool is64 = false;
	int r = memory_of(v, in->a, &is64);
	const struct wasm_type at = wasm__address(is64), want[3] = { at, I32, at };

	if (r)
		return r;
	switch (in->row) {
	case WASM_ROW_MEMORY_SIZE:
		return wasm__push(v, at);
	case WASM_ROW_MEMORY_GROW:
		return wasm__apply(v, want, 1, at);
	default:
		return wasm__apply(v, want, 3, none);   /* memory.fill */
	}
}

static int check_memory_copy(struct wasm__valid *v, const struct wasm_insn *in)
{
	bool to = false, from = false;
	int r = memory_of(v, in->a, &to);

	if (!r)
		r = memory_of(v, in->b, &from);
	const struct wasm_type want[3] = {
		wasm__address(to), wasm__address(from), smaller(to, from),
	};

	return r ? r : wasm__apply(v, want, 3, none);
}

static int check_memory_init(struct wasm__valid *v, const struct wasm_insn *in)
{
	bool is64 = false;
	int r = memory_of(v, in->b, &is64);
	const struct wasm_type want[3] = { wasm__address(is64), I32, I32 };

	if (!r)
		r = data_index(v, in->a);
	return r ? r : wasm__apply(v, want, 3, none);
}

int wasm__check_reference(struct wasm__valid *v, const struct wasm_insn *in)
{
	switch (wasm_ops[in->row].code) {
	case WASM_OP_REF_NULL:
		return check_ref_null(v, in->heap);
	case WASM_OP_REF_IS_NULL:
		return check_ref_is_null(v);
	case WASM_OP_REF_FUNC:
		return check_ref_func(v, in->a);
	case WASM_OP_REF_EQ:
		return check_ref_eq(v);
	case WASM_OP_REF_AS_NON_NULL:
		return check_as_non_null(v);
	case WASM_OP_REF_TEST: case WASM_OP_REF_TEST_NULL:
	case WASM_OP_REF_CAST: case WASM_OP_REF_CAST_NULL:
		return check_ref_test(v, in);
	case WASM_OP_ANY_CONVERT_EXTERN:
		return check_convert(v, WASM_HEAP_EXTERN, WASM_HEAP_ANY);
	case WASM_OP_EXTERN_CONVERT_ANY:
		return check_convert(v, WASM_HEAP_ANY, WASM_HEAP_EXTERN);
	case WASM_OP_REF_I31:
		return check_i31(v, true);
	case WASM_OP_I31_GET_S: case WASM_OP_I31_GET_U:
		return check_i31(v, false);
	case WASM_OP_STRUCT_NEW: case WASM_OP_STRUCT_NEW_DEFAULT:
		return check_struct_new(v, in);
	case WASM_OP_STRUCT_GET: case WASM_OP_STRUCT_GET_S: case WASM_OP_STRUCT_GET_U:
		return check_struct_get(v, in);
	case WASM_OP_STRUCT_SET:
		return check_struct_set(v, in);
	case WASM_OP_ARRAY_NEW: case WASM_OP_ARRAY_NEW_DEFAULT:
	case WASM_OP_ARRAY_NEW_DATA: case WASM_OP_ARRAY_NEW_ELEM:
		return check_array_new(v, in);
	case WASM_OP_ARRAY_NEW_FIXED:
		return check_array_new_fixed(v, in);
	case WASM_OP_ARRAY_GET: case WASM_OP_ARRAY_GET_S: case WASM_OP_ARRAY_GET_U:
		return check_array_get(v, in);
	case WASM_OP_ARRAY_SET: case WASM_OP_ARRAY_FILL:
		return check_array_set(v, in);
	case WASM_OP_ARRAY_LEN:
		return check_array_len(v);
	case WASM_OP_ARRAY_COPY:
		return check_array_copy(v, in);
	case WASM_OP_ARRAY_INIT_DATA: case WASM_OP_ARRAY_INIT_ELEM:
		return check_array_init(v, in);
	case WASM_OP_TABLE_GET: case WASM_OP_TABLE_SET: case WASM_OP_TABLE_SIZE:
	case WASM_OP_TABLE_GROW: case WASM_OP_TABLE_FILL:
		return check_table(v, in);
	case WASM_OP_TABLE_COPY:
		return check_table_copy(v, in);
	case WASM_OP_TABLE_INIT:
		return check_table_init(v, in);
	case WASM_OP_ELEM_DROP:
		return elem_index(v, in->a);
	case WASM_OP_MEMORY_SIZE: case WASM_OP_MEMORY_GROW: case WASM_OP_MEMORY_FILL:
		return check_memory(v, in);
	case WASM_OP_MEMORY_COPY:
		return check_memory_copy(v, in);
	case WASM_OP_MEMORY_INIT:
		return check_memory_init(v, in);
	case WASM_OP_DATA_DROP:
		return data_index(v, in->a);
	default:
		assert(!"an instruction in op.def without typing");
		return wasm__bad(v, EILSEQ, "illegal opcode");
	}
}
