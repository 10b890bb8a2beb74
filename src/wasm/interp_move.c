/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers that move values: between slots, constants, globals, selects,
 * tables; and the branches without a numeric test.
 */
#include "wasm/interp_ops.h"

/* ---- slots and constants; none of them touches an accumulator, except set ---- */
OP_FN(mov) { fp[pc->d] = fp[pc->a]; NEXT(1); }
OP_FN(mov_f32) { *(uint32_t *)&fp[pc->d] = (uint32_t)SLOT_I32(pc->a); NEXT(1); }
OP_FN(mov_v128)
{
	const uint64_t lo = fp[pc->a], hi = fp[pc->a + 1];

	fp[pc->d] = lo;
	fp[pc->d + 1] = hi;
	NEXT(1);
}
/* To neighbors, in order: arguments. */
OP_FN(mov2) { fp[pc->d] = fp[pc->a]; fp[pc->d + 1] = fp[pc->b]; NEXT(1); }
OP_FN(mov3)
{
	fp[pc->d] = fp[pc->a];
	fp[pc->d + 1] = fp[pc->b];
	fp[pc->d + 2] = fp[pc->c];
	NEXT(1);
}
/* u32 slots, which may overlap. */
OP_FN(movn)
{
	memmove(&fp[pc->d], &fp[pc->a], pc->u32 * sizeof(*fp));
	NEXT(1);
}
OP_FN(set_r) { fp[pc->d] = r; NEXT(1); }
OP_FN(set_f32) { PUT_F32(pc->d); NEXT(1); }
OP_FN(set_f64) { PUT_F64(pc->d); NEXT(1); }
OP_FN(const32) { fp[pc->d] = pc->u32; NEXT(1); }
OP_FN(const32s) { fp[pc->d] = (uint64_t)(int64_t)pc->imm; NEXT(1); }
OP_FN(const64) { fp[pc->d] = EXT(pc, 1)->u64[0]; NEXT(2); }
OP_FN(const128)
{
	fp[pc->d] = EXT(pc, 1)->u64[0];
	fp[pc->d + 1] = EXT(pc, 1)->u64[1];
	NEXT(2);
}

/* ---- select: a, b, and the condition in c or the accumulator ---- */
#define COND_S ((uint32_t)fp[pc->c])
#define COND_R ((uint32_t)r)
#define SELECT(name, T, cond, ...)                                             \
	OP_FN(name)                                                            \
	{                                                                      \
		const uint64_t *s_ = &fp[(cond) ? pc->a : pc->b];              \
		SET_##T(*(const C_##T *)s_);                                   \
		__VA_ARGS__                                                    \
		NEXT(1);                                                       \
	}
SELECT(select_s_r, I64, COND_S)
SELECT(select_s_s, I64, COND_S, PUT_I64(pc->d);)
SELECT(select_r_r, I64, COND_R)
SELECT(select_r_s, I64, COND_R, PUT_I64(pc->d);)
SELECT(select_f32_s_r, F32, COND_S)
SELECT(select_f32_s_s, F32, COND_S, PUT_F32(pc->d);)
SELECT(select_f32_r_r, F32, COND_R)
SELECT(select_f32_r_s, F32, COND_R, PUT_F32(pc->d);)
SELECT(select_f64_s_r, F64, COND_S)
SELECT(select_f64_s_s, F64, COND_S, PUT_F64(pc->d);)
SELECT(select_f64_r_r, F64, COND_R)
SELECT(select_f64_r_s, F64, COND_R, PUT_F64(pc->d);)
OP_FN(select_v128)
{
	const uint64_t *s_ = &fp[COND_S ? pc->a : pc->b], lo = s_[0], hi = s_[1];

	fp[pc->d] = lo;
	fp[pc->d + 1] = hi;
	NEXT(1);
}

/* ---- globals: the address of the value ---- */
#define GLOBAL_GET(name, T)                                                    \
	OP_FN(name##_r) { SET_##T(*(const C_##T *)OP_PTR(pc)); NEXT(1); }      \
	OP_FN(name##_s) { SET_##T(*(const C_##T *)OP_PTR(pc)); PUT_##T(pc->d); NEXT(1); }
GLOBAL_GET(global_get, I64)
GLOBAL_GET(global_get_f32, F32)
GLOBAL_GET(global_get_f64, F64)
OP_FN(global_get_v128)
{
	const uint64_t *v = OP_PTR(pc);

	fp[pc->d] = v[0];
	fp[pc->d + 1] = v[1];
	NEXT(1);
}
OP_FN(global_set_r) { *(uint64_t *)OP_PTR(pc) = r; NEXT(1); }
OP_FN(global_set_s) { *(uint64_t *)OP_PTR(pc) = fp[pc->d]; NEXT(1); }
OP_FN(global_set_f32_r) { *(float *)OP_PTR(pc) = sf; NEXT(1); }
OP_FN(global_set_f32_s) { *(float *)OP_PTR(pc) = SLOT_F32(pc->d); NEXT(1); }
OP_FN(global_set_f64_r) { *(double *)OP_PTR(pc) = df; NEXT(1); }
OP_FN(global_set_v128)
{
	uint64_t *v = OP_PTR(pc);

	v[0] = fp[pc->d];
	v[1] = fp[pc->d + 1];
	NEXT(1);
}

/* ---- deterministic mode: after what may make a NaN ---- */
OP_FN(canon_f32_r) { if (sf != sf) sf = float_of32(0x7fc00000); NEXT(1); }
OP_FN(canon_f32_s) { if (sf != sf) sf = float_of32(0x7fc00000); PUT_F32(pc->d); NEXT(1); }
OP_FN(canon_f64_r) { if (df != df) df = float_of64(0x7ff8000000000000); NEXT(1); }
OP_FN(canon_f64_s) { if (df != df) df = float_of64(0x7ff8000000000000); PUT_F64(pc->d); NEXT(1); }

/* ---- branches ---- */
OP_FN(br) { JUMP_FORWARD(); }
OP_FN(br_back) { JUMP_BACK(); }
/* Entries of 32 bits follow, u32 + 1 of them; each is where to go in bytes
 * from the unit that it stands in. */
static inline const struct wasm_op *table_entry(const struct wasm_op *pc, uint32_t i)
{
	const int32_t *e = (const int32_t *)(pc + 1) + (i < pc->u32 ? i : pc->u32);

	return (const struct wasm_op *)(((uintptr_t)e & ~(uintptr_t)15) + (intptr_t)*e);
}
OP_FN(br_table_s) { pc = table_entry(pc, SLOT_I32(pc->a)); TURN(); GO(); }
OP_FN(br_table_r) { pc = table_entry(pc, ACC_I32); TURN(); GO(); }
OP_FN(br_null_s) { if (!SLOT_I32(pc->a)) JUMP_BACK(); NEXT(1); }
OP_FN(br_null_r) { if (!ACC_I32) JUMP_BACK(); NEXT(1); }
OP_FN(br_nonnull_s) { if (SLOT_I32(pc->a)) JUMP_BACK(); NEXT(1); }
OP_FN(br_nonnull_r) { if (ACC_I32) JUMP_BACK(); NEXT(1); }

/* ---- references ---- */
OP_FN(is_null_s_r) { r = !SLOT_I32(pc->a); NEXT(1); }
OP_FN(is_null_s_s) { fp[pc->d] = r = !SLOT_I32(pc->a); NEXT(1); }
OP_FN(is_null_r_r) { r = !ACC_I32; NEXT(1); }
OP_FN(is_null_r_s) { fp[pc->d] = r = !ACC_I32; NEXT(1); }
OP_FN(as_non_null) { if (UNLIKELY(!SLOT_I32(pc->a))) TRAP(WASM_TRAP_NULL_REFERENCE); NEXT(1); }

/* ---- tables: a index, b value; unit 1 the table; i64 indices are slots whole ---- */
OP_FN(table_get_r)
{
	const struct wasm_rt_table *t = EXT(pc, 1)->ptr[0];

	if (UNLIKELY(fp[pc->a] >= t->size))
		TRAP(WASM_TRAP_TABLE);
	r = t->elems[fp[pc->a]];
	NEXT(2);
}
OP_FN(table_get_s)
{
	const struct wasm_rt_table *t = EXT(pc, 1)->ptr[0];

	if (UNLIKELY(fp[pc->a] >= t->size))
		TRAP(WASM_TRAP_TABLE);
	fp[pc->d] = r = t->elems[fp[pc->a]];
	NEXT(2);
}
OP_FN(table_set)
{
	const struct wasm_rt_table *t = EXT(pc, 1)->ptr[0];

	if (UNLIKELY(fp[pc->a] >= t->size))
		TRAP(WASM_TRAP_TABLE);
	t->elems[fp[pc->a]] = (wasm_word)fp[pc->b];
	NEXT(2);
}
