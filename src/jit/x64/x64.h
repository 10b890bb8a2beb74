/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86-64 back end's own: how machine instructions are arranged, the
 * pseudo-instructions, and the registers' roles.  Inside jit/x64.
 *
 * RSP  the frame            RBP  guest state       R15  base of guest memory
 * R11, XMM15  scratch of the assembler, free between any two instructions
 * Below RSP 16 bytes are scratch as well (the red zone of the ABI).
 */
#ifndef JIT_X64_X64_H
#define JIT_X64_X64_H

#include "jit/lower.h"
#include "jit/x64/asm.h"

enum {
	X64__STATE = X64_RBP, X64__MEM = X64_R15, X64__SCRATCH = X64_R11,
	X64__XMM = JIT_FPR_BASE, X64__XSCRATCH = 15,
};
#define X64__CALLER_SAVED \
	(BIT(X64_RAX) | BIT(X64_RCX) | BIT(X64_RDX) | BIT(X64_RSI) | BIT(X64_RDI) | BIT(X64_R8) | BIT(X64_R9) | \
	 BIT(X64_R10) | 0xffffull << X64__XMM)
#define X64__EVERYTHING \
	(X64__CALLER_SAVED | BIT(X64_RBX) | BIT(X64_R12) | BIT(X64_R13) | BIT(X64_R14))

/* Arrangement of operands: d destination, s source register, rm last. */
enum x64__form {
	X64__D_RM, X64__D_S_RM, X64__D_S_I, X64__D_S, X64__D_RM_I, X64__D_S_RM_I, X64__S_RM, X64__RM_S, X64__RM_I,
	X64__D_RM_S, X64__D_V_RM, X64__N, X64__M, X64__RM_S_LOCK, X64__PSEUDO
};
/* mem: how rm is given */
enum { X64__IS_MEM = 1, X64__BASE = 2, X64__INDEX = 4, X64__RIP = 8, X64__SCALE_SHIFT = 4, X64__FRAME = 64,
       X64__OUT = 128 /* of the arguments of a call: at RSP */ };

enum x64__pseudo {
	X64__P = 0x400,
	X64__P_JUMP, X64__P_BRANCH, X64__P_SWITCH, X64__P_RET, X64__P_LEAVE, X64__P_GOTO, X64__P_GOTO_CONST,
	X64__P_TAIL, X64__P_CALL, X64__P_CALL_REG, X64__P_GUARD, X64__P_POLL, X64__P_XLATE,
	/* integers (emit_pseudo.c) */
	X64__P_ADD, X64__P_SETCC, X64__P_CMOV, X64__P_SELECT_X, X64__P_CMPXCHG, X64__P_RMW_LOOP, X64__P_DIV,
	X64__P_ORC_B, X64__P_POPCNT, X64__P_CLZ, X64__P_CTZ,
	/* floats (emit_float.c) */
	X64__P_FMINMAX, X64__P_SAT, X64__P_CVT, X64__P_FROM_U64, X64__P_CANON, X64__P_MODE, X64__P_MODE_END,
	X64__P_FPFLAGS, X64__P_SETFPFLAGS, X64__P_SETFPMODE, X64__P_FCLASS, X64__P_UNBOX
};

/* Conditions beyond the machine's: of floats. */
enum { X64__CC_FEQ = 16, X64__CC_FNE = 17 };
static inline unsigned x64__invert(unsigned cc) { return cc ^ 1; }

/* An r/m operand before allocation. */
struct x64__rm {
	uint8_t mem;
	uint32_t reg, base, index;
	int32_t disp;
	uint64_t data, high;
	uint32_t exit;      /* of a load that was folded */
};

/* select.c: shared by the selectors */
struct jit_mi *x64__mi(struct jit_lower *l, unsigned op, unsigned form, unsigned w);
void x64__put_rm(struct jit_lower *l, const struct x64__rm *rm, uint32_t flags);
struct x64__rm x64__address(struct jit_lower *l, ir_ref base, ir_ref index, unsigned scale, int32_t disp);
struct x64__rm x64__rm_of(struct jit_lower *l, ir_ref v, unsigned w);
struct x64__rm x64__rm_const(uint64_t lo, uint64_t hi);
struct x64__rm x64__rm_reg(uint32_t reg);
uint32_t x64__in32(struct jit_lower *l, ir_ref v);
/* Flags for v (i32) being not 0: the condition. */
unsigned x64__condition(struct jit_lower *l, ir_ref v);
void x64__d_s_rm(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, uint32_t s, const struct x64__rm *rm);
void x64__d_rm(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, const struct x64__rm *rm);
void x64__d_rm_i(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, const struct x64__rm *rm, int32_t imm);
void x64__d_s_i(struct jit_lower *l, unsigned op, unsigned w, uint32_t d, uint32_t s, int32_t imm);
void x64__d_s_rm_i(struct jit_lower *l, unsigned op, uint32_t d, uint32_t s, const struct x64__rm *rm, int32_t imm);
void x64__move(struct jit_lower *l, uint32_t d, uint32_t s, unsigned w);

void x64__prologue(struct jit_lower *l);
void x64__select(struct jit_lower *l, ir_ref i);
bool x64__select_int(struct jit_lower *l, ir_ref i);
bool x64__select_mem(struct jit_lower *l, ir_ref i);
bool x64__select_control(struct jit_lower *l, ir_ref i);
bool x64__select_float(struct jit_lower *l, ir_ref i);
bool x64__select_vector(struct jit_lower *l, ir_ref i);
/* A compare of floats: its condition. */
unsigned x64__compare_float(struct jit_lower *l, const struct ir_insn *n);

/* Does the operation need another rounding mode than the host may be in? */
bool x64__needs_mode(struct jit_lower *l, const struct ir_insn *n);

/* What the processor has. */
struct x64__features { bool avx, bmi2, lzcnt, fma, popcnt, clmul; };
struct x64__features x64__features(const struct jit_options *o);

/* emit.c */
enum x64__stub_kind { X64__STUB_EXIT, X64__STUB_GOTO, X64__STUB_MISS, X64__STUB_CANON };
struct x64__stub {
	uint32_t label, back;
	const struct jit_mi *mi;
	uint8_t kind;
	bool stored;       /* the state has been stored already */
	uint32_t site;     /* label of the jump to patch; 0 */
	uint64_t target;
};
struct x64__const { uint64_t lo, hi; uint32_t label; uint8_t size; };
struct x64__emit {
	struct x64_asm a;
	struct jit_mir *m;
	const struct jit_options *o;
	struct x64__features has;
	uint32_t *block;       /* label of each */
	uint32_t frame, slots; /* bytes; where the slots begin */
	struct x64__stub *stub, none; /* none: when out of memory */
	uint32_t nstub, cstub;
	struct x64__const *pool;
	uint32_t npool, cpool;
	struct x64__trap { uint32_t at, to; } *trap; /* labels: what may fault, its stub */
	uint32_t ntrap, ctrap;
	uint32_t *site;        /* labels of linkable jumps */
	uint32_t nsite, csite;
	uint32_t next_move;
	uint32_t b;            /* block */
};

struct x64__stub *x64__add_stub(struct x64__emit *e, unsigned kind, const struct jit_mi *mi);
uint32_t x64__pool(struct x64__emit *e, uint64_t lo, uint64_t hi, unsigned size);
uint16_t x64__loc(const struct x64__emit *e, const struct jit_mi *mi, unsigned n);
unsigned x64__g(const struct x64__emit *e, const struct jit_mi *mi, unsigned n); /* general register */
unsigned x64__x(const struct x64__emit *e, const struct jit_mi *mi, unsigned n); /* xmm number */
struct x64_rm x64__slot(const struct x64__emit *e, uint16_t loc);
struct x64_rm x64__rm(struct x64__emit *e, const struct jit_mi *mi, unsigned first);
void x64__mov_loc(struct x64__emit *e, uint16_t from, uint16_t to, unsigned cls);
void x64__mov_const(struct x64__emit *e, ir_ref c, uint16_t to);
void x64__edge_moves(struct x64__emit *e, const struct jit_edge *g);
void x64__pseudo(struct x64__emit *e, const struct jit_mi *mi);       /* emit_pseudo.c */
void x64__pseudo_float(struct x64__emit *e, const struct jit_mi *mi); /* emit_float.c */
void x64__control(struct x64__emit *e, const struct jit_mi *mi);      /* emit_control.c */
void x64__stubs(struct x64__emit *e);
bool x64__assemble(struct jit_mir *m, const struct jit_options *o, struct jit_out *out);
bool x64__enter(const struct jit_options *o, struct jit_out *out);

#endif
