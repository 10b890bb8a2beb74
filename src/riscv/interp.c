/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter: one handler for each row of insn.def and length, linked
 * by tail calls.
 *
 * Counting.  A run is a straight sequence of slots; conditional branches may
 * stand inside it, what always leaves it (jumps, CSR and system
 * instructions) ends it.  When a run is entered, its whole length `left` is
 * taken from n; whoever leaves in the middle gives the rest back.  When less
 * than a run is left, the slice ends before it and riscv_run() goes on one
 * instruction at a time, so that every budget is met exactly.  Slots with
 * left = 0 (not decoded yet, page ends, ...) look at n themselves.
 *
 * The pc is not kept: a slot is 16 bytes for 2 bytes of code, so
 * pc = pc_bias + (address of the slot >> 3).
 */
#include "riscv/interp.h"

#include "riscv/decode.h"
#include "riscv/fp.h"
#if __has_include("riscv/fp_fast.h")
#include "riscv/fp_fast.h"
#endif
#include "riscv/handlers.h"

/* ---- leaving the threaded code ---------------------------------------------- */

/* The slice is over before op; nothing of its run is counted. */
static void op_out(OP_ARGS)
{
	h->pc = PC;
	h->n = n;
	h->cur_tlb = t;
	h->next_op = NULL;
}

/* Go to h->pc, wherever that is. */
static void __attribute__((noinline)) op_dispatch(OP_ARGS)
{
	bool single;

	for (;;) {
		h->n = n;
		h->instret = h->icount_end - (uint64_t)n;
		if (UNLIKELY(n <= 0 || h->leave)) {
			h->next_op = NULL;
			return;
		}
		if (h->check) {
			h->check = false;
			riscv__take_interrupt(h);
		}
		t = h->cur_tlb;
		op = riscv__code_enter(h, &single);
		if (op)
			break;
		if (single && riscv__code_single(h)) {
			op = h->scratch;
			break;
		}
		/* The fetch trapped; it counts as an instruction. */
		riscv__trap(h, h->trap_cause, h->trap_tval);
		n--;
	}
	h->pc_bias = h->pc - ((uintptr_t)op >> 3);
	ENTER(op);
}

/* The instruction failed with trap_cause and trap_tval. */
static void __attribute__((noinline)) op_trap(OP_ARGS)
{
	REFUND();
	h->pc = PC;
	h->instret = h->icount_end - (uint64_t)n;
	if (h->trap_cause == TRAP_ILLEGAL)
		h->trap_tval = riscv__code_raw(h, op, h->pc);
	riscv__trap(h, h->trap_cause, h->trap_tval);
	TAIL(op_dispatch(h, op, n, t));
}

RELTAB_USED static void __attribute__((noinline)) op_illegal(OP_ARGS)
{
	h->trap_cause = TRAP_ILLEGAL;
	TAIL(op_trap(h, op, n, t));
}

/* A taken branch or jump to another page. */
static void op_jump_out(OP_ARGS)
{
	const uint64_t to = PC + IMM;

	REFUND();
	ENTER_PC(to);
}

/* ---- special slots: left = 0 --------------------------------------------------- */

void riscv__op_decode(OP_ARGS)
{
	if (n <= 0)
		TAIL(op_out(h, op, n, t));
	riscv__code_decode_run(h, op, PC);
	ENTER(op);
}

void riscv__op_page_end(OP_ARGS)
{
	const uint64_t pc = PC;

	ENTER_PC(pc);
}

/* An instruction that is executed alone: it crosses the page's end, or the
 * run before it has the greatest length. */
void riscv__op_cross(OP_ARGS)
{
	if (n <= 0)
		TAIL(op_out(h, op, n, t));
	h->pc = PC;
	if ((h->pc & (MEM_PAGE - 1)) != MEM_PAGE - 2) {
		riscv__code_single_at(h, op);
		op = h->scratch;
		h->pc_bias = h->pc - ((uintptr_t)op >> 3);
		ENTER(op);
	}
	if (riscv__code_single(h)) {
		op = h->scratch;
		h->pc_bias = h->pc - ((uintptr_t)op >> 3);
		ENTER(op);
	}
	n--;
	h->instret = h->icount_end - (uint64_t)n;
	riscv__trap(h, h->trap_cause, h->trap_tval);
	TAIL(op_dispatch(h, op, n, t));
}

void riscv__op_break(OP_ARGS)
{
	if (n <= 0)
		TAIL(op_out(h, op, n, t));
	h->pc = PC;
	for (unsigned i = 0; i < h->break_count; i++) {
		if (h->breaks[i] == h->pc) {
			h->leave = true;
			h->exit = RISCV_EXIT_BREAK;
			TAIL(op_dispatch(h, op, n, t));
		}
	}
	TAIL(riscv__op_cross(h, op, n, t)); /* another address with the same offset */
}

void riscv__op_scratch_end(OP_ARGS)
{
	const uint64_t pc = PC;

	if (h->scratch_next) {
		h->pc_bias = pc - ((uintptr_t)h->scratch_next >> 3);
		ENTER(h->scratch_next);
	}
	ENTER_PC(pc);
}

/* ---- atomics ------------------------------------------------------------------- */

#define AMO_FETCH(OP, builtin)                                                 \
	AMO_FETCH1(OP, builtin, S8) AMO_FETCH1(OP, builtin, S16)               \
	AMO_FETCH1(OP, builtin, S32) AMO_FETCH1(OP, builtin, U64)
#define AMO_FETCH1(OP, builtin, T)                                             \
	static inline uint64_t amo_##OP##_##T(void *p, uint64_t v)             \
	{                                                                      \
		return builtin((TYPE_##T *)p, (TYPE_##T)v, __ATOMIC_SEQ_CST);  \
	}
AMO_FETCH(ADD, __atomic_fetch_add)
AMO_FETCH(SWAP, __atomic_exchange_n)
AMO_FETCH(XOR, __atomic_fetch_xor)
AMO_FETCH(AND, __atomic_fetch_and)
AMO_FETCH(OR, __atomic_fetch_or)

#define AMO_CHOOSE(OP, keep) AMO_CHOOSE1(OP, keep, S8, int8_t) AMO_CHOOSE1(OP, keep, S16, int16_t) \
	AMO_CHOOSE1(OP, keep, S32, int32_t) AMO_CHOOSE1(OP, keep, U64, int64_t)
#define AMO_CHOOSE1(OP, keep, T, S)                                            \
	static inline uint64_t amo_##OP##_##T(void *p, uint64_t v)             \
	{                                                                      \
		typedef TYPE_##T U;                                            \
		typedef S I __attribute__((unused));                           \
		U old = __atomic_load_n((U *)p, __ATOMIC_RELAXED), b = (U)v;   \
		do {                                                           \
		} while (!__atomic_compare_exchange_n((U *)p, &old, (keep) ? old : b, \
				true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));    \
		return old;                                                    \
	}
AMO_CHOOSE(MIN, (I)old < (I)b)
AMO_CHOOSE(MAX, (I)old > (I)b)
AMO_CHOOSE(MINU, old < b)
AMO_CHOOSE(MAXU, old > b)

/* AMOCAS.Q: register pairs, of which x0's is zero and is not written.
 * Without a 16-byte compare-and-swap in the instruction set that we are
 * built for, the compiler's library does it. */
static void __attribute__((noinline)) amo_cas_pair(struct riscv_hart *h, const struct op *op, void *p)
{
	unsigned d = (unsigned)op->imm, s = op->rs2;
	unsigned __int128 want, put, *m = p;

	want = d ? (unsigned __int128)h->x[d + 1] << 64 | h->x[d] : 0;
	put = s ? (unsigned __int128)h->x[s + 1] << 64 | h->x[s] : 0;
	want = riscv__cas128(m, want, put);
	if (d) {
		h->x[d] = (uint64_t)want;
		h->x[d + 1] = (uint64_t)(want >> 64);
	}
}

/* ---- the rows --------------------------------------------------------------------- */

/* HANDLER: nothing is shared between handlers, so that each keeps an indirect
 * jump of its own for the host to predict. */
#if defined(__GNUC__) && !defined(__clang__)
#define HANDLER __attribute__((noipa)) RELTAB_USED static void
#else
#define HANDLER RELTAB_USED static void
#endif
#define ROW(handler, len_, alt_, slow_, ...)                                   \
	HANDLER handler(OP_ARGS)                                               \
	{                                                                      \
		const unsigned len = (len_);                                   \
		const bool alt = (alt_);                                       \
		op_fn *const slow = (slow_);                                   \
		(void)alt, (void)slow;                                         \
		__VA_ARGS__                                                    \
		GO(op + len, n);                                               \
	}
#define INSN(name, pattern, format, ext, ...)                                  \
	ROW(alt4_##name, 2, true, NULL, __VA_ARGS__)                           \
	ROW(alt2_##name, 1, true, NULL, __VA_ARGS__)                           \
	ROW(fast4_##name, 2, false, alt4_##name, __VA_ARGS__)                  \
	ROW(fast2_##name, 1, false, alt2_##name, __VA_ARGS__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "riscv/insn.def"
#pragma GCC diagnostic pop

/* ---- pairs ------------------------------------------------------------------------
 * The first row of a pair once more, as a function that tells whether it was
 * done: where the plain handler would leave (a TLB miss, an illegal operand)
 * it has changed nothing yet, and the plain handler starts again.
 */
#if RISCV_TAILCALLS && !defined(__clang__)
#define PAIRS 1
#pragma push_macro("TAIL")
#pragma push_macro("GO")
#undef TAIL
#undef GO
#define TAIL(call) return false
#define GO(to, left_) return (void)(to), (void)(left_), false
#define INSN(name, pattern, format, ext, ...)                                  \
	static inline __attribute__((always_inline)) bool                      \
	first_##name(OP_ARGS, const unsigned len)                              \
	{                                                                      \
		const bool alt = false;                                        \
		(void)alt, (void)h, (void)op, (void)n, (void)t, (void)len;     \
		__VA_ARGS__                                                    \
		return true;                                                   \
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include "riscv/insn.def"
#pragma GCC diagnostic pop
#pragma pop_macro("TAIL")
#pragma pop_macro("GO")

#define INSN(name, pattern, format, ext, ...)                                  \
	static inline __attribute__((always_inline)) void                      \
	second_##name(OP_ARGS, const unsigned len, op_fn *slow)                \
	{                                                                      \
		const bool alt = false;                                        \
		(void)alt, (void)slow;                                         \
		__VA_ARGS__                                                    \
		GO(op + len, n);                                               \
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "riscv/insn.def"
#pragma GCC diagnostic pop

#define PAIR1(a, la, b, lb)                                                    \
	HANDLER pair_##a##la##_##b##lb(OP_ARGS)                                \
	{                                                                      \
		if (UNLIKELY(!first_##a(h, op, n, t, la / 2)))                 \
			TAIL(fast##la##_##a(h, op, n, t));                     \
		second_##b(h, op + la / 2, n, t, lb / 2, alt##lb##_##b);       \
	}
#define PAIR(a, b) PAIR1(a, 2, b, 2) PAIR1(a, 4, b, 2) PAIR1(a, 2, b, 4) PAIR1(a, 4, b, 4)
#include "riscv/fuse.def"
#undef PAIR
#endif

op_fn *riscv__pair(unsigned first, unsigned second, bool first4, bool second4)
{
	(void)first4, (void)second4;
	switch (first << 16 | second) {
#ifdef PAIRS
#define PAIR(a, b)                                                             \
	case INSN_##a << 16 | INSN_##b:                                        \
		return second4 ? first4 ? pair_##a##4_##b##4 : pair_##a##2_##b##4  \
			       : first4 ? pair_##a##4_##b##2 : pair_##a##2_##b##2;
#include "riscv/fuse.def"
#undef PAIR
#endif
	default:
		return NULL;
	}
}

#define AT(fn) RELTAB(riscv__handlers, fn)
#define INSN(name, ...) AT(fast2_##name) AT(fast4_##name) AT(alt2_##name) AT(alt4_##name)
#define CINSN(...) RELTAB_NONE RELTAB_NONE RELTAB_NONE RELTAB_NONE
RELTAB_BEGIN(riscv__handlers)
AT(op_illegal) AT(op_illegal) AT(op_illegal) AT(op_illegal)
#include "riscv/insn.def"
RELTAB_END
#undef AT

/* ---- running ------------------------------------------------------------------------ */

static void run_threaded(struct riscv_hart *h)
{
#if RISCV_TAILCALLS
	op_dispatch(h, NULL, h->n, h->cur_tlb);
#else
	op_dispatch(h, NULL, h->n, h->cur_tlb);
	while (h->next_op) {
		const struct op *op = h->next_op;

		op->fn(h, op, h->n, h->cur_tlb);
	}
#endif
	h->instret = h->icount_end - (uint64_t)h->n;
}

/* Execute at most `slice` instructions; fewer when less than a run is left. */
void riscv__run_slice(struct riscv_hart *h, uint64_t slice)
{
	h->icount_end = h->instret + slice;
	h->n = (int64_t)slice;
	run_threaded(h);
}

/* Execute one instruction, also where a breakpoint is. */
void riscv__run_one(struct riscv_hart *h)
{
	const struct op *op = h->scratch;

	h->icount_end = h->instret + 1;
	h->n = 1;
	if (h->check) {
		h->check = false;
		riscv__take_interrupt(h);
	}
	if (!riscv__code_single(h)) {
		riscv__trap(h, h->trap_cause, h->trap_tval);
		h->instret++;
		return;
	}
	h->pc_bias = h->pc - ((uintptr_t)op >> 3);
	h->n = 0;
	op->fn(h, op, 0, h->cur_tlb);
#if !RISCV_TAILCALLS
	while (h->next_op) {
		op = h->next_op;
		op->fn(h, op, h->n, h->cur_tlb);
	}
#endif
	h->instret = h->icount_end - (uint64_t)h->n;
}
