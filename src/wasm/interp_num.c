/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of numeric rows, in all forms, and of the branches that have a test
 * in them: expanded from op.def.
 */
#include "wasm/interp_ops.h"

#define FN(id, form) static HANDLER void h_##id##_##form(OP_ARGS)

/* ---- one operand ---- */
#define UN_FN(id, form, R_, T, a, e)                                           \
	FN(id, form) { const C_##T A = (a); const C_##R_ v_ = (C_##R_)(e); SET_##R_(v_); NEXT(1); } \
	FN(id, form##_D)                                                       \
	{ const C_##T A = (a); const C_##R_ v_ = (C_##R_)(e); SET_##R_(v_); PUT_##R_(pc->d); NEXT(1); }
#define ROWF_UN(id, R_, T, e)                                                  \
	UN_FN(id, S, R_, T, SLOT_##T(pc->a), e)                                \
	UN_FN(id, R, R_, T, ACC_##T, e)
/* ---- two ---- */
#define BIN_FN(id, form, len, R_, T, a, b, e)                                  \
	FN(id, form) { const C_##T A = (a), B = (b); const C_##R_ v_ = (C_##R_)(e); SET_##R_(v_); NEXT(len); } \
	FN(id, form##_D)                                                       \
	{ const C_##T A = (a), B = (b); const C_##R_ v_ = (C_##R_)(e); SET_##R_(v_); PUT_##R_(pc->d); NEXT(len); }
#define ROWF_BIN(id, R_, T, e)                                                 \
	BIN_FN(id, SS, 1, R_, T, SLOT_##T(pc->a), SLOT_##T(pc->b), e)          \
	BIN_FN(id, SI, OP_LEN_I(T), R_, T, SLOT_##T(pc->a), IMM_##T, e)        \
	BIN_FN(id, RS, 1, R_, T, ACC_##T, SLOT_##T(pc->b), e)                  \
	BIN_FN(id, SR, 1, R_, T, SLOT_##T(pc->a), ACC_##T, e)                  \
	BIN_FN(id, RI, OP_LEN_I(T), R_, T, ACC_##T, IMM_##T, e)                \
	ROWF_MORE_##T(id, R_, T, e)
/* An i64 that is not a sign-extended immediate of 32 bits; other types'
 * constants as the first operand. */
#define ROWF_MORE_I64(id, R_, T, e)                                            \
	BIN_FN(id, X1, 2, R_, T, SLOT_I64(pc->a), EXT(pc, 1)->u64[0], e)       \
	BIN_FN(id, X2, 2, R_, T, ACC_I64, EXT(pc, 1)->u64[0], e)
#define ROWF_MORE_I32(id, R_, T, e)                                            \
	BIN_FN(id, X1, OP_LEN_I(T), R_, T, IMM_##T, SLOT_##T(pc->a), e)        \
	BIN_FN(id, X2, OP_LEN_I(T), R_, T, IMM_##T, ACC_##T, e)
#define ROWF_MORE_F32 ROWF_MORE_I32
#define ROWF_MORE_F64 ROWF_MORE_I32

/* ---- branches: operands a and d, so that imm is the target ---- */
#define BR_FN(id, form, T, a, b, e)                                            \
	FN(id, form##_F1) { const C_##T A = (a), B = (b); (void)B; if (e) JUMP_FORWARD(); NEXT(1); } \
	FN(id, form##_B1) { const C_##T A = (a), B = (b); (void)B; if (e) JUMP_BACK(); NEXT(1); } \
	FN(id, form##_F0) { const C_##T A = (a), B = (b); (void)B; if (!(e)) JUMP_FORWARD(); NEXT(1); } \
	FN(id, form##_B0) { const C_##T A = (a), B = (b); (void)B; if (!(e)) JUMP_BACK(); NEXT(1); }
#define BR_IMM_I32 ((uint32_t)(int32_t)(int16_t)pc->d)
#define BR_IMM_I64 ((uint64_t)(int64_t)(int16_t)pc->d)
#define BR_IMM_F32 ((float)(int16_t)pc->d)
#define BR_IMM_F64 ((double)(int16_t)pc->d)
/* With the first operand in the accumulator there is room for 32 bits. */
#define BR_BITS (pc->d | (uint32_t)pc->a << 16)
#define BR_IMMR_I32 BR_BITS
#define BR_IMMR_I64 ((uint64_t)(int64_t)(int32_t)BR_BITS)
#define BR_IMMR_F32 float_of32(BR_BITS)
#define BR_IMMR_F64 ((double)float_of32(BR_BITS))
#define ROWF_CMP1(id, T, e)                                                    \
	ROWF_UN(id, I32, T, e)                                                 \
	BR_FN(id, S, T, SLOT_##T(pc->a), 0, e)                                 \
	BR_FN(id, R, T, ACC_##T, 0, e)
#define ROWF_CMP2(id, T, e)                                                    \
	ROWF_BIN(id, I32, T, e)                                                \
	BR_FN(id, SS, T, SLOT_##T(pc->a), SLOT_##T(pc->d), e)                  \
	BR_FN(id, SI, T, SLOT_##T(pc->a), BR_IMM_##T, e)                       \
	BR_FN(id, RS, T, ACC_##T, SLOT_##T(pc->d), e)                          \
	BR_FN(id, SR, T, SLOT_##T(pc->a), ACC_##T, e)                          \
	BR_FN(id, RI, T, ACC_##T, BR_IMMR_##T, e)

/* No row: i32.and as a condition. */
#define BR_SET_FNS(id, T, e)                                                   \
	BR_FN(id, SS, T, SLOT_##T(pc->a), SLOT_##T(pc->d), e)                  \
	BR_FN(id, SI, T, SLOT_##T(pc->a), BR_IMM_##T, e)                       \
	BR_FN(id, RS, T, ACC_##T, SLOT_##T(pc->d), e)                          \
	BR_FN(id, SR, T, SLOT_##T(pc->a), ACC_##T, e)                          \
	BR_FN(id, RI, T, ACC_##T, BR_IMMR_##T, e)
BR_SET_FNS(TEST32, I32, AND32(A, B) != 0)

/* Functions of the rows of this file; nothing for the rest. */
#define ROWF_PURE1(id, r_, t, e) ROWF_UN(id, r_, t, e)
#define ROWF_PURE2(id, r_, t, e) ROWF_BIN(id, r_, t, e)
#define ROWF_NAN1(id, r_, t, e) ROWF_UN(id, r_, t, e)
#define ROWF_NAN2(id, r_, t, e) ROWF_BIN(id, r_, t, e)
#define ROWF_TRAP1(id, r_, t, e) ROWF_UN(id, r_, t, e)
#define ROWF_TRAP2(id, r_, t, e) ROWF_BIN(id, r_, t, e)
#define ROWF_LOAD(...)
#define ROWF_STORE(...)
#define ROWF_ATOMIC_LOAD(...)
#define ROWF_ATOMIC_STORE(...)
#define ROWF_ATOMIC_RMW(...)
#define ROWF_ATOMIC_CMPXCHG(...)
#define ROWF_CONST(...)
#define ROWF_CONTROL(...)
#define ROWF_SPECIAL(...)
#define ROWF_(id, ...) ROWF__(id, __VA_ARGS__)
#define ROWF__(id, class, ...) ROWF_##class(id, __VA_ARGS__)
#define OP(id, code, text, imm, sig, sem) ROWF_(id, SEM_CLASS_##sem)
#define WASM_NO_SIMD
#include "wasm/op.def"
#undef OP

/* ---- the tables ---- */
#define H(id, form) h_##id##_##form
#define NONE RELTAB_NONE
#define NONE4 NONE NONE NONE NONE
#define AT(id, form) RELTAB(wasm__h_num, H(id, form))
#define ROWT_UN(id) \
	AT(id, S) AT(id, R) NONE4 NONE NONE AT(id, S_D) AT(id, R_D) NONE4 NONE NONE
#define ROWT_BIN(id) \
	AT(id, SS) AT(id, SI) AT(id, RS) AT(id, SR) AT(id, RI) AT(id, X1) AT(id, X2) NONE \
	AT(id, SS_D) AT(id, SI_D) AT(id, RS_D) AT(id, SR_D) AT(id, RI_D) \
	AT(id, X1_D) AT(id, X2_D) NONE
#define ROWT_NOT NONE4 NONE4 NONE4 NONE4
_Static_assert(FORM_SS == 0 && FORM_SI == 1 && FORM_RS == 2 && FORM_SR == 3 && FORM_RI == 4 &&
	       FORM_SK == 5 && FORM_RK == 6 && FORM_D == 8 && FORMS == 16, "tables");
#define ROWT_PURE1(id, ...) ROWT_UN(id)
#define ROWT_PURE2(id, ...) ROWT_BIN(id)
#define ROWT_NAN1(id, ...) ROWT_UN(id)
#define ROWT_NAN2(id, ...) ROWT_BIN(id)
#define ROWT_TRAP1(id, ...) ROWT_UN(id)
#define ROWT_TRAP2(id, ...) ROWT_BIN(id)
#define ROWT_CMP1(id, ...) ROWT_UN(id)
#define ROWT_CMP2(id, ...) ROWT_BIN(id)
#define ROWT_LOAD(...) ROWT_NOT
#define ROWT_STORE(...) ROWT_NOT
#define ROWT_ATOMIC_LOAD(...) ROWT_NOT
#define ROWT_ATOMIC_STORE(...) ROWT_NOT
#define ROWT_ATOMIC_RMW(...) ROWT_NOT
#define ROWT_ATOMIC_CMPXCHG(...) ROWT_NOT
#define ROWT_CONST(...) ROWT_NOT
#define ROWT_CONTROL(...) ROWT_NOT
#define ROWT_SPECIAL(...) ROWT_NOT
#define ROWT_(id, ...) ROWT__(id, __VA_ARGS__)
#define ROWT__(id, class, ...) ROWT_##class(id, __VA_ARGS__)
#define OP(id, code, text, imm, sig, sem) ROWT_(id, SEM_CLASS_##sem)
RELTAB_BEGIN(wasm__h_num)
#include "wasm/op.def"
RELTAB_END
#undef OP

/* Nothing but tests stands between the first and the last. */
#define BR(id, form) RELTAB(wasm__h_br, H(id, form))
#define ROWB_CMP1(id, ...) \
	BR(id, S_F0) BR(id, R_F0) NONE NONE NONE BR(id, S_B0) BR(id, R_B0) NONE NONE NONE \
	BR(id, S_F1) BR(id, R_F1) NONE NONE NONE BR(id, S_B1) BR(id, R_B1) NONE NONE NONE
#define BR_SET(id, x) BR(id, SS_##x) BR(id, SI_##x) BR(id, RS_##x) BR(id, SR_##x) BR(id, RI_##x)
#define ROWB_CMP2(id, ...) BR_SET(id, F0) BR_SET(id, B0) BR_SET(id, F1) BR_SET(id, B1)
#define ROWB_PURE1(...)
#define ROWB_PURE2(...)
#define ROWB_NAN1(...)
#define ROWB_NAN2(...)
#define ROWB_TRAP1(...)
#define ROWB_TRAP2(...)
#define ROWB_LOAD(...)
#define ROWB_STORE(...)
#define ROWB_ATOMIC_LOAD(...)
#define ROWB_ATOMIC_STORE(...)
#define ROWB_ATOMIC_RMW(...)
#define ROWB_ATOMIC_CMPXCHG(...)
#define ROWB_CONST(...)
#define ROWB_CONTROL(...)
#define ROWB_SPECIAL(...)
#define ROWB_(id, ...) ROWB__(id, __VA_ARGS__)
#define ROWB__(id, class, ...) ROWB_##class(id, __VA_ARGS__)
#define OP(id, code, text, imm, sig, sem) ROWB_(id, SEM_CLASS_##sem)
RELTAB_BEGIN(wasm__h_br)
#include "wasm/op.def"
ROWB_CMP2(TEST32)
RELTAB_END
#undef OP
