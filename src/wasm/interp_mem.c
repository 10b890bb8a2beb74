/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of loads, stores and atomics.  Three kinds: unchecked, for memory 0
 * when its guard catches whatever 32 bits of index and of offset reach;
 * checked, for any memory (two units: the memory, the offset); atomic, always
 * checked, for alignment traps too.
 */
#include "wasm/interp_ops.h"

#define FN(id, form) static HANDLER void h_##id##_##form(OP_ARGS)

#define ROWF_PURE1(...)
#define ROWF_PURE2(...)
#define ROWF_NAN1(...)
#define ROWF_NAN2(...)
#define ROWF_TRAP1(...)
#define ROWF_TRAP2(...)
#define ROWF_CMP1(...)
#define ROWF_CMP2(...)
#define ROWF_CONST(...)
#define ROWF_CONTROL(...)
#define ROWF_SPECIAL(...)

/* ---- guarded: operands a (address), b (index), and u32 or c (offset) ---- */
#if WASM_GUARDS
#define GLD_FN(id, form, T, M, ea)                                             \
	FN(id, form) { const uint64_t ea_ = (ea); ACC_LOAD_##T(M, ea_); NEXT(1); } \
	FN(id, form##_D)                                                       \
	{ const uint64_t ea_ = (ea); ACC_LOAD_##T(M, ea_); PUT_##T(pc->d); NEXT(1); }
#define GLD(id, T, M)                                                          \
	GLD_FN(id, S, T, M, (uint64_t)SLOT_I32(pc->a) + pc->u32)               \
	GLD_FN(id, R, T, M, (uint64_t)ACC_I32 + pc->u32)                       \
	GLD_FN(id, XSS, T, M, (uint64_t)(SLOT_I32(pc->a) + SLOT_I32(pc->b)) + pc->c) \
	GLD_FN(id, XRS, T, M, (uint64_t)(ACC_I32 + SLOT_I32(pc->b)) + pc->c)   \
	GLD_FN(id, XSI, T, M, (uint64_t)(SLOT_I32(pc->a) + pc->u32))           \
	GLD_FN(id, XRI, T, M, (uint64_t)(ACC_I32 + pc->u32))
#define GST_FN(id, form, T, M, a, off, v)                                      \
	FN(id, form) { const uint64_t ea_ = (uint64_t)(a) + (off); STORE_##T##_##M(ea_, v); NEXT(1); }
#define GST(id, T, M)                                                          \
	GST_FN(id, SS, T, M, SLOT_I32(pc->a), pc->u32, SLOT_##T(pc->d))        \
	GST_FN(id, RS, T, M, ACC_I32, pc->u32, SLOT_##T(pc->d))                \
	GST_FN(id, SR, T, M, SLOT_I32(pc->a), pc->u32, ACC_##T)                \
	GST_FN(id, RR, T, M, ACC_I32, pc->u32, ACC_##T)                        \
	GST_FN(id, SI, T, M, SLOT_I32(pc->a), pc->d, GST_IMM_##T)              \
	GST_FN(id, RI, T, M, ACC_I32, pc->d, GST_IMM_##T)
#define GST_IMM_I32 ((uint32_t)pc->imm)
#define GST_IMM_I64 ((uint64_t)(int64_t)pc->imm)
#define GST_IMM_F32 float_of32(pc->u32)
#define GST_IMM_F64 ((double)float_of32(pc->u32))       /* only what is an f32 */
#else
#define GLD(...)
#define GST(...)
#endif

void wasm__op_mem_slow(OP_ARGS)
{
	struct wasm_rt_memory *m = EXT(pc, 1)->ptr[0];
	const uint64_t now = mem_linear_size(m->mem);

	if (now == m->size)
		TRAP(WASM_TRAP_MEMORY);
	m->size = now;
	GO();
}

/* ---- checked: unit 0 a, d; unit 1 the memory and the offset ---- */
#define XLD_FN(id, form, T, M, a)                                              \
	FN(id, form)                                                           \
	{                                                                      \
		MEM_##M v_;                                                    \
		CHECKED_AT(p_, a, sizeof(v_));                                 \
		memcpy(&v_, p_, sizeof(v_));                                   \
		XLD_SET_##T(v_);                                               \
		NEXT(2);                                                       \
	}                                                                      \
	FN(id, form##_D)                                                       \
	{                                                                      \
		MEM_##M v_;                                                    \
		CHECKED_AT(p_, a, sizeof(v_));                                 \
		memcpy(&v_, p_, sizeof(v_));                                   \
		XLD_SET_##T(v_);                                               \
		PUT_##T(pc->d);                                                \
		NEXT(2);                                                       \
	}
#define XLD_SET_I32(v) SET_I32(v)
#define XLD_SET_I64(v) SET_I64((uint64_t)(int64_t)(v))
#define XLD_SET_F32(v) SET_F32(float_of32(v))
#define XLD_SET_F64(v) SET_F64(float_of64(v))
#define ROWF_LOAD(id, T, M)                                                    \
	GLD(id, T, M)                                                          \
	XLD_FN(id, CS, T, M, fp[pc->a])                                        \
	XLD_FN(id, CR, T, M, r)
#define XST_FN(id, form, T, M, a)                                              \
	FN(id, form)                                                           \
	{                                                                      \
		const MEM_##M v_ = (MEM_##M)XST_GET_##T(pc->d);                \
		CHECKED_AT(p_, a, sizeof(v_));                                 \
		memcpy(p_, &v_, sizeof(v_));                                   \
		NEXT(2);                                                       \
	}
#define XST_GET_I32(s) SLOT_I32(s)
#define XST_GET_I64(s) SLOT_I64(s)
#define XST_GET_F32(s) SLOT_I32(s)
#define XST_GET_F64(s) SLOT_I64(s)
#define ROWF_STORE(id, T, M)                                                   \
	GST(id, T, M)                                                          \
	XST_FN(id, CS, T, M, fp[pc->a])                                        \
	XST_FN(id, CR, T, M, r)

/* ---- atomics: a, d (operand, then the result), b (cmpxchg's replacement) ---- */
/* The alignment trap comes first (threads proposal, 4.4.7). */
#define ATOMIC_FN(id) FN(id, AT)
#define ATOMIC_ALIGNED(M)                                                      \
	do {                                                                   \
		if (UNLIKELY((fp[pc->a] + EXT(pc, 1)->u64[1]) & (sizeof(MEM_##M) - 1))) \
			TRAP(WASM_TRAP_UNALIGNED);                             \
	} while (0)
#define ROWF_ATOMIC_LOAD(id, T, M)                                             \
	ATOMIC_FN(id)                                                          \
	{                                                                      \
		ATOMIC_ALIGNED(M);                                             \
		CHECKED_AT(p_, fp[pc->a], sizeof(MEM_##M));                    \
		fp[pc->d] = r = __atomic_load_n((MEM_##M *)p_, __ATOMIC_SEQ_CST); \
		NEXT(2);                                                       \
	}
#define ROWF_ATOMIC_STORE(id, T, M)                                            \
	ATOMIC_FN(id)                                                          \
	{                                                                      \
		ATOMIC_ALIGNED(M);                                             \
		CHECKED_AT(p_, fp[pc->a], sizeof(MEM_##M));                    \
		__atomic_store_n((MEM_##M *)p_, (MEM_##M)fp[pc->d], __ATOMIC_SEQ_CST); \
		NEXT(2);                                                       \
	}
#define RMW_ADD __atomic_fetch_add
#define RMW_SUB __atomic_fetch_sub
#define RMW_AND __atomic_fetch_and
#define RMW_OR __atomic_fetch_or
#define RMW_XOR __atomic_fetch_xor
#define RMW_XCHG __atomic_exchange_n
#define ROWF_ATOMIC_RMW(id, T, M, how)                                         \
	ATOMIC_FN(id)                                                          \
	{                                                                      \
		ATOMIC_ALIGNED(M);                                             \
		CHECKED_AT(p_, fp[pc->a], sizeof(MEM_##M));                    \
		fp[pc->d] = r = RMW_##how((MEM_##M *)p_, (MEM_##M)fp[pc->b], __ATOMIC_SEQ_CST); \
		NEXT(2);                                                       \
	}
#define ROWF_ATOMIC_CMPXCHG(id, T, M)                                          \
	ATOMIC_FN(id)                                                          \
	{                                                                      \
		ATOMIC_ALIGNED(M);                                             \
		CHECKED_AT(p_, fp[pc->a], sizeof(MEM_##M));                    \
		/* What is expected is wrapped to the cell's width. */         \
		MEM_##M old_ = (MEM_##M)fp[pc->b];                             \
		__atomic_compare_exchange_n((MEM_##M *)p_, &old_, (MEM_##M)fp[pc->c], \
			false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
		fp[pc->d] = r = old_;                                          \
		NEXT(2);                                                       \
	}

#define ROWF_(id, ...) ROWF__(id, __VA_ARGS__)
#define ROWF__(id, class, ...) ROWF_##class(id, __VA_ARGS__)
#define OP(id, code, text, imm, sig, sem) ROWF_(id, SEM_CLASS_##sem)
#define WASM_NO_SIMD
#include "wasm/op.def"
#undef OP

/* ---- the tables ---- */
#define H(id, form) h_##id##_##form
#define T_(id, ...) T__(id, __VA_ARGS__)
#define T__(id, class, ...) ROW_##class(id)
#define NONE RELTAB_NONE
#define NONE2 NONE NONE
#define NONE4 NONE2 NONE2
#define NONE16 NONE4 NONE4 NONE4 NONE4
#define NOT(id) NONE_OF_ROW

#define ROW_PURE1 NOT
#define ROW_PURE2 NOT
#define ROW_NAN1 NOT
#define ROW_NAN2 NOT
#define ROW_TRAP1 NOT
#define ROW_TRAP2 NOT
#define ROW_CMP1 NOT
#define ROW_CMP2 NOT
#define ROW_CONST NOT
#define ROW_CONTROL NOT
#define ROW_SPECIAL NOT
#define OP(id, code, text, imm, sig, sem) T_(id, SEM_CLASS_##sem)

#define ROW_ATOMIC_LOAD NOT
#define ROW_ATOMIC_STORE NOT
#define ROW_ATOMIC_RMW NOT
#define ROW_ATOMIC_CMPXCHG NOT
#define NONE_OF_ROW NONE16
#define AT(id, form) RELTAB(wasm__h_mem, H(id, form))
#if WASM_GUARDS
#define ROW_LOAD(id) \
	AT(id, S) AT(id, R) AT(id, XSS) AT(id, XRS) AT(id, XSI) AT(id, XRI) NONE2 \
	AT(id, S_D) AT(id, R_D) AT(id, XSS_D) AT(id, XRS_D) AT(id, XSI_D) AT(id, XRI_D) NONE2
#define ROW_STORE(id) \
	AT(id, SS) AT(id, RS) AT(id, SR) AT(id, RR) AT(id, SI) AT(id, RI) NONE2 NONE4 NONE4
#else
#define ROW_LOAD NOT
#define ROW_STORE NOT
#endif
_Static_assert(FORM_XSS == 2 && FORM_XRI == 5 && FORM_ST_SS == 0 && FORM_ST_RI == 5 &&
	       FORM_D == 8 && FORMS == 16, "tables");
RELTAB_BEGIN(wasm__h_mem)
#include "wasm/op.def"
RELTAB_END
#undef ROW_LOAD
#undef ROW_STORE
#undef NONE_OF_ROW
#undef AT
#define NONE_OF_ROW NONE4
#define AT(id, form) RELTAB(wasm__h_memx, H(id, form))
#define ROW_LOAD(id) AT(id, CS) AT(id, CR) AT(id, CS_D) AT(id, CR_D)
#define ROW_STORE(id) AT(id, CS) AT(id, CR) NONE2
RELTAB_BEGIN(wasm__h_memx)
#include "wasm/op.def"
RELTAB_END
#undef ROW_LOAD
#undef ROW_STORE
#undef NONE_OF_ROW
#undef AT
#undef ROW_ATOMIC_LOAD
#undef ROW_ATOMIC_STORE
#undef ROW_ATOMIC_RMW
#undef ROW_ATOMIC_CMPXCHG
#define NONE_OF_ROW NONE
#define AT(id) RELTAB(wasm__h_atomic, H(id, AT))
#define ROW_LOAD NOT
#define ROW_STORE NOT
#define ROW_ATOMIC_LOAD AT
#define ROW_ATOMIC_STORE AT
#define ROW_ATOMIC_RMW AT
#define ROW_ATOMIC_CMPXCHG AT
RELTAB_BEGIN(wasm__h_atomic)
#include "wasm/op.def"
RELTAB_END
