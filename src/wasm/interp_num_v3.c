/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scalar rows for which x86-64-v3 has an instruction and its baseline has
 * not: bit counts and roundings.  The Makefile compiles this file for it, and
 * nothing in it runs elsewhere.  Only rows of one operand; the forms are those
 * of interp_num.c.
 */
#ifdef __x86_64__
#include "wasm/interp_ops.h"

/* Y_id is defined for the rows that are here: CHOSEN(id) is 1, else 0. */
#define CHOSEN(id) CHOSEN_(Y_##id, 0, 0)
#define CHOSEN_(...) CHOSEN__(__VA_ARGS__)
#define CHOSEN__(a, b, ...) b
#define Y_I32_CLZ 0, 1
#define Y_I32_CTZ 0, 1
#define Y_I32_POPCNT 0, 1
#define Y_I64_CLZ 0, 1
#define Y_I64_CTZ 0, 1
#define Y_I64_POPCNT 0, 1
#define Y_F32_CEIL 0, 1
#define Y_F32_FLOOR 0, 1
#define Y_F32_TRUNC 0, 1
#define Y_F32_NEAREST 0, 1
#define Y_F64_CEIL 0, 1
#define Y_F64_FLOOR 0, 1
#define Y_F64_TRUNC 0, 1
#define Y_F64_NEAREST 0, 1
#define ROW_(chosen, id, sem) ROW__(chosen, id, sem)
#define ROW__(chosen, id, sem) ROW_##chosen(id, sem)
#define ROW_0(id, sem)

#define UN_FN(id, form, R_, T, a, e)                                           \
	static HANDLER void h_##id##_##form(OP_ARGS)                           \
	{ const C_##T A = (a); const C_##R_ v_ = (C_##R_)(e); SET_##R_(v_); NEXT(1); } \
	static HANDLER void h_##id##_##form##_D(OP_ARGS)                       \
	{ const C_##T A = (a); const C_##R_ v_ = (C_##R_)(e); SET_##R_(v_); PUT_##R_(pc->d); NEXT(1); }
#define UN(id, R_, T, e)                                                       \
	UN_FN(id, S, R_, T, SLOT_##T(pc->a), e)                                \
	UN_FN(id, R, R_, T, ACC_##T, e)
#define SEM(id, ...) SEM_(id, __VA_ARGS__)
#define SEM_(id, class, ...) UN(id, __VA_ARGS__)
#define ROW_1(id, sem) SEM(id, SEM_CLASS_##sem)
#define WASM_NO_SIMD
#define OP(id, code, text, imm, sig, sem) ROW_(CHOSEN(id), id, sem)
#include "wasm/op.def"
#undef OP
#undef ROW_1

#undef ROW_0
#define NONE4 RELTAB_NONE RELTAB_NONE RELTAB_NONE RELTAB_NONE
#define NONE6 RELTAB_NONE RELTAB_NONE NONE4
#define AT(id, form) RELTAB(wasm__h_num_v3, h_##id##_##form)
#define ROW_1(id, sem) AT(id, S) AT(id, R) NONE6 AT(id, S_D) AT(id, R_D) NONE6
#define ROW_0(id, sem) NONE4 NONE4 NONE4 NONE4
_Static_assert(FORM_S == 0 && FORM_R == 1 && FORM_D == 8 && FORMS == 16, "the table");
RELTAB_BEGIN(wasm__h_num_v3)
#define OP(id, code, text, imm, sig, sem) ROW_(CHOSEN(id), id, sem)
#include "wasm/op.def"
#undef OP
RELTAB_END
#endif
