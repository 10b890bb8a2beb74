/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's meaning of the statements of sem.h, and how one handler
 * goes to the next.  Included by interp.c only.
 *
 * A row becomes four handlers, which differ in three constants: len (slots: 1
 * or 2), alt, and slow (the handler of the same row with alt set).  alt means: for a load or a
 * store, the slow path; for a branch, a target outside the page.  The fast
 * bodies contain no call, so the compiler needs no frame for them.
 *
 * Counting: n is what is left of the slice after the whole current run; see
 * interp.c.
 */
#ifndef RISCV_INTERP_H
#define RISCV_INTERP_H

#include "riscv/sem.h"
#include "riscv/state.h"

#if defined(__SANITIZE_THREAD__)
#define RISCV_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RISCV_TSAN 1
#endif
#endif

/* gcc makes sibling calls from -O2 on, which release builds use; others
 * return to a loop after each instruction. */
#if defined(NDEBUG) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__) && !defined(RISCV_TRAMPOLINE)
#define RISCV_TAILCALLS 1
#else
#define RISCV_TAILCALLS 0
#endif
#if RISCV_TAILCALLS && defined(__clang__)
#define TAIL(call) do { __attribute__((musttail)) return call; } while (0)
#else
#define TAIL(call) do { call; return; } while (0)
#endif

#if RISCV_TAILCALLS
#define GO(to, left_) TAIL((to)->fn(h, (to), (left_), t))
#else
#define GO(to, left_) \
	do { h->next_op = (to); h->n = (left_); h->cur_tlb = t; return; } while (0)
#endif

static op_fn op_trap, op_illegal, op_out, op_dispatch, op_jump_out;

/* ---- operands ---- */
#define RS1 (h->x[op->rs1])
#define RS2 (h->x[op->rs2])
#define RD (h->x[op->imm])
#define IMM ((uint64_t)(int64_t)op->imm)
#define UIMM ((uint64_t)op->rs1)
#define RS1_FIELD ((uint64_t)op->rs1)
#define PC (h->pc_bias + ((uintptr_t)op >> 3))
#define NEXT_PC (h->pc_bias + ((uintptr_t)(op + len) >> 3))

/* ---- plain statements ---- */
#define LET(v, e) const uint64_t v = (e);
#define SETX(e) h->x[op->rd] = (e);
#define ILLEGAL_IF(c) if (UNLIKELY(c)) TAIL(op_illegal(h, op, n, t));

/* What a slow path may ask for: the pc and the instructions executed. */
#define SYNC() (h->pc = PC, h->instret = h->icount_end - (uint64_t)n - op->left)

/* ---- memory ---- */
#define SIZE_U8 1
#define SIZE_S8 1
#define SIZE_U16 2
#define SIZE_S16 2
#define SIZE_U32 4
#define SIZE_S32 4
#define SIZE_U64 8
#define TYPE_U8 uint8_t
#define TYPE_S8 uint8_t
#define TYPE_U16 uint16_t
#define TYPE_S16 uint16_t
#define TYPE_U32 uint32_t
#define TYPE_S32 uint32_t
#define TYPE_U64 uint64_t
#define EXT_U8(v) ZEXT8(v)
#define EXT_S8(v) SEXT8(v)
#define EXT_U16(v) ZEXT16(v)
#define EXT_S16(v) SEXT16(v)
#define EXT_U32(v) ZEXT32(v)
#define EXT_S32(v) SEXT32(v)
#define EXT_U64(v) (v)

/* Other harts access the same memory: with tsan these are relaxed atomics,
 * else the plain accesses that those compile to. */
#ifdef RISCV_TSAN
#define HOST_GET(type, p) __atomic_load_n((const type *)(p), __ATOMIC_RELAXED)
#define HOST_PUT(type, p, v) __atomic_store_n((type *)(p), (type)(v), __ATOMIC_RELAXED)
#else
#define HOST_GET(type, p) (*(const type *)(p))
#define HOST_PUT(type, p, v) ((void)(*(type *)(p) = (type)(v)))
#endif

#define TLB_AT(table, a) (&(table)[(a) >> MEM_PAGE_SHIFT & (TLB_SIZE - 1)])
#define TLB_HIT(e, a, size) \
	LIKELY((e)->tag == ((a) & ~(uint64_t)((MEM_PAGE - 1) & ~((size) - 1))))

#define LOAD(v, T, a)                                                          \
	uint64_t v;                                                            \
	if (alt) {                                                             \
		uint64_t slow_;                                                \
		SYNC();                                                        \
		if (!riscv__load(h, (a), SIZE_##T, &slow_))                    \
			TAIL(op_trap(h, op, n, t));                            \
		v = EXT_##T(slow_);                                            \
	} else {                                                               \
		const struct tlb_entry *e_ = TLB_AT(t->load, a);               \
		if (!TLB_HIT(e_, a, SIZE_##T))                                 \
			TAIL(slow(h, op, n, t));                               \
		v = EXT_##T(HOST_GET(TYPE_##T, e_->addend + (a)));             \
	}
#define STORE(T, a, e)                                                         \
	if (alt) {                                                             \
		SYNC();                                                        \
		if (!riscv__store(h, (a), SIZE_##T, (e)))                      \
			TAIL(op_trap(h, op, n, t));                            \
	} else {                                                               \
		const struct tlb_entry *e_ = TLB_AT(t->store, a);              \
		if (!TLB_HIT(e_, a, SIZE_##T))                                 \
			TAIL(slow(h, op, n, t));                               \
		HOST_PUT(TYPE_##T, e_->addend + (a), (e));                     \
	}

/* Bind p to the host address of an atomic operand. */
#define ATOMIC_AT(p, size, a, table, acc)                                      \
	void *p;                                                               \
	if (alt) {                                                             \
		SYNC();                                                        \
		p = riscv__atomic_ptr(h, (a), (size), (acc));                  \
		if (!p)                                                        \
			TAIL(op_trap(h, op, n, t));                            \
	} else {                                                               \
		const struct tlb_entry *e_ = TLB_AT(t->table, a);              \
		if (!TLB_HIT(e_, a, size))                                     \
			TAIL(slow(h, op, n, t));                               \
		p = (void *)(uintptr_t)(e_->addend + (a));                     \
	}
#define AMO(v, T, OP, a, e)                                                    \
	ATOMIC_AT(p_, SIZE_##T, a, store, ACC_STORE)                           \
	const uint64_t v = EXT_##T(amo_##OP##_##T(p_, (e)));
#define LR(v, T, a)                                                            \
	ATOMIC_AT(p_, SIZE_##T, a, load, ACC_LOAD)                             \
	const uint64_t v = EXT_##T(__atomic_load_n((TYPE_##T *)p_, __ATOMIC_SEQ_CST)); \
	h->res_host = (uintptr_t)p_ | (SIZE_##T == 8);                         \
	h->res_value = v;
#define SC(v, T, a, e)                                                         \
	ATOMIC_AT(p_, SIZE_##T, a, store, ACC_STORE)                           \
	uint64_t v = 1;                                                        \
	if (h->res_host == ((uintptr_t)p_ | (SIZE_##T == 8))) {                \
		TYPE_##T old_ = (TYPE_##T)h->res_value;                        \
		v = !__atomic_compare_exchange_n((TYPE_##T *)p_, &old_,        \
				(TYPE_##T)(e), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}                                                                      \
	h->res_host = 0;
#define CAS(v, T, a, expected, e)                                              \
	ATOMIC_AT(p_, SIZE_##T, a, store, ACC_STORE)                           \
	TYPE_##T old_ = (TYPE_##T)(expected);                                  \
	__atomic_compare_exchange_n((TYPE_##T *)p_, &old_, (TYPE_##T)(e), false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
	const uint64_t v = EXT_##T(old_);
#define CAS_PAIR(a)                                                            \
	ATOMIC_AT(p_, 16, a, store, ACC_STORE)                                 \
	amo_cas_pair(h, op, p_);

/* Only a fence that orders a write before a read needs more than acquire and
 * release (RVWMO on x86: MFENCE); FENCE.TSO (fm 8) does not.  tsan knows no
 * fences. */
#ifdef RISCV_TSAN
#define FENCE(bits) __sync_synchronize();
#else
#define FENCE(bits)                                                            \
	if (((bits) & 0x50) && ((bits) & 0x0a) && ((bits) >> 8) != 8)          \
		__atomic_thread_fence(__ATOMIC_SEQ_CST);                       \
	else                                                                   \
		__atomic_thread_fence(__ATOMIC_ACQ_REL);
#endif
#define CBO(what, a)                                                           \
	SYNC();                                                                \
	if (!riscv__cbo(h, CBO_##what, (a)))                                   \
		TAIL(op_trap(h, op, n, t));
#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause();
#else
#define PAUSE() ((void)0);
#endif

/* ---- control ---- */

/* Start the run at slot `to` of the current page; n is what is left. */
#define ENTER(to)                                                              \
	do {                                                                   \
		const struct op *to_ = (to);                                   \
		int64_t n_ = n - to_->left;                                    \
		if (UNLIKELY(n_ < 0))                                          \
			TAIL(op_out(h, to_, n, t));                            \
		GO(to_, n_);                                                   \
	} while (0)
/* The same for the address pc. */
#define ENTER_PC(pc_)                                                          \
	do {                                                                   \
		const uint64_t to_pc_ = (pc_);                                 \
		const struct jc_entry *e_ = &h->jc[to_pc_ >> 1 & (JC_SIZE - 1)]; \
		if (LIKELY(e_->pc == to_pc_)) {                                \
			h->pc_bias = to_pc_ - ((uintptr_t)e_->op >> 3);        \
			ENTER(e_->op);                                         \
		}                                                              \
		h->pc = to_pc_;                                                \
		TAIL(op_dispatch(h, op, n, t));                                \
	} while (0)
/* Instructions of the run behind this one are not executed now. */
#define REFUND() (n += op->left - 1)
#define JUMP()                                                                 \
	do {                                                                   \
		if (alt)                                                       \
			TAIL(op_jump_out(h, op, n, t));                        \
		REFUND();                                                      \
		ENTER((const struct op *)((const char *)op + IMM * 8));        \
	} while (0);
#define JUMP_TO(e)                                                             \
	do {                                                                   \
		const uint64_t to_ = (e);                                      \
		REFUND();                                                      \
		ENTER_PC(to_);                                                 \
	} while (0);
#define BRANCH_IF(c) if (c) JUMP()

/* CSRs end a run: n needs no refund. */
#define CSR(v, no, e, OP, W)                                                   \
	uint64_t v;                                                            \
	SYNC();                                                                \
	if (!riscv__csr_op(h, (unsigned)(no) & 0xfff, (e), CSR_##OP, (W) != 0, &v)) \
		TAIL(op_illegal(h, op, n, t));                                 \
	h->x[op->rd] = v;                                                      \
	if (UNLIKELY(h->check)) {                                              \
		h->pc = NEXT_PC;                                               \
		TAIL(op_dispatch(h, op, n, t));                                \
	}                                                                      \
	ENTER(op + len);
#define SYS(what)                                                              \
	SYNC();                                                                \
	if (!riscv__sys_##what(h, op, 2 * len))                                \
		TAIL(op_trap(h, op, n, t));                                    \
	TAIL(op_dispatch(h, op, n, t));

/* ---- floating point ---- */
#define F1 (h->f[op->rs1])
#define F2 (h->f[op->rs2])
#define F3 (h->f[op->imm & 31])
#define F1S riscv__f32_unbox(F1)
#define F2S riscv__f32_unbox(F2)
#define F3S riscv__f32_unbox(F3)
#define F1H riscv__f16_unbox(F1)
#define F2H riscv__f16_unbox(F2)
#define F3H riscv__f16_unbox(F3)
#define FPU ILLEGAL_IF(h->fs == 0)
#define RM(r)                                                                  \
	unsigned r = (unsigned)op->imm >> 8;                                   \
	if (r == 7)                                                            \
		r = h->frm;                                                    \
	ILLEGAL_IF(r > 4)
#define SETF64(e) do { h->f[op->rd] = (e); h->fs = 3; } while (0);
#define SETF32(e) SETF64(riscv__f32_box(e))
#define SETF16(e) SETF64(riscv__f16_box(e))
#define FOP(v, fn, ...) const uint64_t v = riscv__##fn(__VA_ARGS__, &h->fflags); h->fs = 3;

#endif
