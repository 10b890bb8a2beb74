/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How handlers are written: reading operands, going on, trapping, touching
 * guarded memory.  Included by the interp_*.c that hold handlers.
 */
#ifndef WASM_INTERP_OPS_H
#define WASM_INTERP_OPS_H

#include "wasm/interp.h"
#include "wasm/sem.h"

/* gcc makes sibling calls from -O2 on, which release builds use; others return
 * to the loop in interp.c after each operation. */
#if defined(NDEBUG) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__) && !defined(WASM_TRAMPOLINE)
#define WASM_TAILCALLS 1
#else
#define WASM_TAILCALLS 0
#endif
#if WASM_TAILCALLS && defined(__clang__)
#define TAIL(call) do { __attribute__((musttail)) return call; } while (0)
#else
#define TAIL(call) do { call; return; } while (0)
#endif

#if WASM_TAILCALLS
#define GO() TAIL(pc->fn(OP_PASS))
#else
#define GO()                                                                   \
	do {                                                                   \
		struct wasm_run *run_ = wasm__interp(st)->run;                 \
		run_->pc = pc, run_->fp = fp, run_->mem = mem, run_->r = r;    \
		run_->n = n, run_->sf = sf, run_->df = df;                     \
		return;                                                        \
	} while (0)
#endif
#define NEXT(len) do { pc += (len); GO(); } while (0)

/* Nothing is shared between handlers, so that each keeps an indirect jump of
 * its own for the host to predict. */
#if defined(__GNUC__) && !defined(__clang__)
#define HANDLER __attribute__((noipa)) RELTAB_USED
#else
#define HANDLER RELTAB_USED
#endif
#define OP_FN(name) HANDLER void wasm__op_##name(OP_ARGS)

/* ---- leaving ---- */
wasm_op_fn wasm__op_poll;               /* n ran out: pc is where to go on */
void wasm__op_trap(OP_ARGS, enum wasm_trap t);  /* at pc */
/* More arguments than registers: by way of r, so that the call stays a jump. */
wasm_op_fn wasm__op_trap_r;
#define TRAP(t) do { r = (uint64_t)(t); TAIL(wasm__op_trap_r(OP_PASS)); } while (0)
#define SEM_TRAP(t) TRAP(t)
/* C may look at the frames, or collect. */
#define SYNC() (st->pc = pc, st->fp = fp)

/* A turn of a loop, a call: poll when the budget is used up. */
#define TURN()                                                                 \
	do {                                                                   \
		if (UNLIKELY(--n < 0))                                         \
			TAIL(wasm__op_poll(OP_PASS));                          \
	} while (0)
#define JUMP_FORWARD() do { pc = (const struct wasm_op *)((const char *)pc + pc->imm); GO(); } while (0)
#define JUMP_BACK()                                                            \
	do {                                                                   \
		pc = (const struct wasm_op *)((const char *)pc + pc->imm);     \
		TURN();                                                        \
		GO();                                                          \
	} while (0)

/* ---- operands ---- */
#define SLOT_I32(s) ((uint32_t)fp[s])
#define SLOT_I64(s) (fp[s])
#define SLOT_F32(s) (*(const float *)&fp[s])
#define SLOT_F64(s) (*(const double *)&fp[s])
#define ACC_I32 ((uint32_t)r)
#define ACC_I64 r
#define ACC_F32 sf
#define ACC_F64 df
#define SET_I32(v) r = (uint32_t)(v)
#define SET_I64(v) r = (v)
#define SET_F32(v) sf = (v)
#define SET_F64(v) df = (v)
#define PUT_I32(s) fp[s] = r
#define PUT_I64(s) fp[s] = r
#define PUT_F32(s) *(float *)&fp[s] = sf
#define PUT_F64(s) *(double *)&fp[s] = df
/* Immediates: of 32 bits, sign-extended for i64; a unit of its own for f64. */
#define IMM_I32 ((uint32_t)pc->imm)
#define IMM_I64 ((uint64_t)(int64_t)pc->imm)
#define IMM_F32 float_of32(pc->u32)
#define IMM_F64 (EXT(pc, 1)->f64[0])

/* ---- guarded memory ----
 *
 * The handler of SIGSEGV must know which operation faulted and in which frame:
 * the access is an instruction of ours whose inputs keep the two in the
 * registers in which the calling convention has them anyway.  It is outside of
 * C's memory model, so no sanitizer sees it.  Other hosts check explicitly. */
#define WASM_GUARDS WASM_GUARDED

#if defined(__x86_64__)
#define LOAD__(insn, T, con, a)                                                \
	({ T v_; __asm__ volatile(insn : "=" con(v_), "+D"(pc) : "r"(mem), "r"(a), "S"(fp)); v_; })
#define STORE__(insn, con, a, v)                                               \
	__asm__ volatile(insn : "+D"(pc) : con(v), "r"(mem), "r"(a), "S"(fp) : "memory")
#define LOAD_I32_U32(a) LOAD__("movl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I32_U8(a) LOAD__("movzbl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I32_S8(a) LOAD__("movsbl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I32_U16(a) LOAD__("movzwl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I32_S16(a) LOAD__("movswl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I64_U64(a) LOAD__("movq (%2,%3), %0", uint64_t, "r", a)
#define LOAD_I64_U8(a) LOAD__("movzbl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I64_S8(a) LOAD__("movsbq (%2,%3), %0", uint64_t, "r", a)
#define LOAD_I64_U16(a) LOAD__("movzwl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I64_S16(a) LOAD__("movswq (%2,%3), %0", uint64_t, "r", a)
#define LOAD_I64_U32(a) LOAD__("movl (%2,%3), %k0", uint64_t, "r", a)
#define LOAD_I64_S32(a) LOAD__("movslq (%2,%3), %0", uint64_t, "r", a)
#define LOAD_F32_U32(a) LOAD__("movss (%2,%3), %0", float, "x", a)
#define LOAD_F64_U64(a) LOAD__("movsd (%2,%3), %0", double, "x", a)
#define STORE_I32_U32(a, v) STORE__("movl %k1, (%2,%3)", "r", a, (uint32_t)(v))
#define STORE_I32_U16(a, v) STORE__("movw %w1, (%2,%3)", "r", a, (uint32_t)(v))
#define STORE_I32_U8(a, v) STORE__("movb %b1, (%2,%3)", "q", a, (uint32_t)(v))
#define STORE_I64_U64(a, v) STORE__("movq %1, (%2,%3)", "r", a, (uint64_t)(v))
#define STORE_I64_U32(a, v) STORE_I32_U32(a, v)
#define STORE_I64_U16(a, v) STORE_I32_U16(a, v)
#define STORE_I64_U8(a, v) STORE_I32_U8(a, v)
#define STORE_F32_U32(a, v) STORE__("movss %1, (%2,%3)", "x", a, v)
#define STORE_F64_U64(a, v) STORE__("movsd %1, (%2,%3)", "x", a, v)
#elif defined(__aarch64__)
#define LOAD__(insn, T, con, a)                                                \
	({ T v_; register const struct wasm_op *pc_ __asm__("x0") = pc;        \
	   register uint64_t *fp_ __asm__("x1") = fp;                          \
	   __asm__ volatile(insn : "=" con(v_) : "r"(mem), "r"((uint64_t)(a)), "r"(pc_), "r"(fp_)); v_; })
#define STORE__(insn, con, a, v)                                               \
	do { register const struct wasm_op *pc_ __asm__("x0") = pc;            \
	   register uint64_t *fp_ __asm__("x1") = fp;                          \
	   __asm__ volatile(insn : : con(v), "r"(mem), "r"((uint64_t)(a)), "r"(pc_), "r"(fp_) : "memory"); } while (0)
#define LOAD_I32_U32(a) LOAD__("ldr %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I32_U8(a) LOAD__("ldrb %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I32_S8(a) LOAD__("ldrsb %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I32_U16(a) LOAD__("ldrh %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I32_S16(a) LOAD__("ldrsh %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_U64(a) LOAD__("ldr %x0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_U8(a) LOAD__("ldrb %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_S8(a) LOAD__("ldrsb %x0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_U16(a) LOAD__("ldrh %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_S16(a) LOAD__("ldrsh %x0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_U32(a) LOAD__("ldr %w0, [%1, %2]", uint64_t, "r", a)
#define LOAD_I64_S32(a) LOAD__("ldrsw %x0, [%1, %2]", uint64_t, "r", a)
#define LOAD_F32_U32(a) LOAD__("ldr %s0, [%1, %2]", float, "w", a)
#define LOAD_F64_U64(a) LOAD__("ldr %d0, [%1, %2]", double, "w", a)
#define STORE_I32_U32(a, v) STORE__("str %w0, [%1, %2]", "r", a, (uint32_t)(v))
#define STORE_I32_U16(a, v) STORE__("strh %w0, [%1, %2]", "r", a, (uint32_t)(v))
#define STORE_I32_U8(a, v) STORE__("strb %w0, [%1, %2]", "r", a, (uint32_t)(v))
#define STORE_I64_U64(a, v) STORE__("str %x0, [%1, %2]", "r", a, (uint64_t)(v))
#define STORE_I64_U32(a, v) STORE_I32_U32(a, v)
#define STORE_I64_U16(a, v) STORE_I32_U16(a, v)
#define STORE_I64_U8(a, v) STORE_I32_U8(a, v)
#define STORE_F32_U32(a, v) STORE__("str %s0, [%1, %2]", "w", a, v)
#define STORE_F64_U64(a, v) STORE__("str %d0, [%1, %2]", "w", a, v)
#endif

/* Loads that give the accumulator of type T; an i32 comes zero-extended. */
#define ACC_LOAD_I32(M, a) r = LOAD_I32_##M(a)
#define ACC_LOAD_I64(M, a) r = LOAD_I64_##M(a)
#define ACC_LOAD_F32(M, a) sf = LOAD_F32_##M(a)
#define ACC_LOAD_F64(M, a) df = LOAD_F64_##M(a)

/* ---- checked memory: address and offset without wrapping ---- */
static inline uint8_t *wasm__mem_at(const struct wasm_rt_memory *m, uint64_t a, uint64_t off,
				    unsigned size)
{
	const uint64_t have = m->size;

	if (UNLIKELY(have < size || off > have - size || a > have - size - off))
		return NULL;
	return m->base + a + off;
}
/* The check failed; another thread may have grown the memory: try again with
 * its size as of now, or trap.  pc[1] holds the memory. */
wasm_op_fn wasm__op_mem_slow;
#define CHECKED_AT(p, a, size)                                                 \
	uint8_t *p = wasm__mem_at(EXT(pc, 1)->ptr[0], (a), EXT(pc, 1)->u64[1], (size)); \
	if (UNLIKELY(!p))                                                      \
		TAIL(wasm__op_mem_slow(OP_PASS))

#endif
