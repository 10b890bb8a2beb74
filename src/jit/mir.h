/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine instructions between the lowering and the assembler, inside jit/.
 *
 * Instructions stand in layout order; blocks are intervals of them.  An
 * instruction names its operands, which are virtual registers (or, below
 * JIT_VREGS, registers of the machine); what the opcode means is the target's
 * business, what the allocator must know stands in the operands' flags.
 *
 * Positions: instruction i reads at 2i and writes at 2i + 1.  A LATE use is
 * still there at 2i + 1 and so shares no register with what is written; an
 * EARLY definition is written at 2i.
 *
 * Everything is in one arena; it dies with the compilation.
 */
#ifndef JIT_MIR_H
#define JIT_MIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ir/ir.h"

/* Where a value is: a register (general below 32, float from 32 on), or a
 * slot of the frame of 8 bytes. */
enum { JIT_FPR_BASE = 32, JIT_REGS = 64, JIT_VREGS = JIT_REGS, JIT_SLOT = 64, JIT_NOWHERE = 0xffff };

enum jit_class { JIT_GPR, JIT_FPR, JIT_VEC, JIT_CLASSES }; /* VEC: a float register, 16 bytes in the frame */

/* An operand: a register in the low bits, and what is done with it. */
enum {
	JIT_REG_MASK = 0xffffff,
	JIT_USE = 1 << 24,
	JIT_DEF = 1 << 25,
	JIT_LATE = 1 << 26,
	JIT_EARLY = 1 << 27,
	JIT_MEM = 1 << 28, /* may stay in its slot, a register is better */
	JIT_ANY = 1 << 29, /* wherever it is */
	JIT_CONST = 1 << 30, /* arguments of edges: the low bits are a constant of the IR */
	JIT_TEMP = JIT_DEF | JIT_EARLY,
};

struct jit_mi {
	uint16_t op;
	uint8_t form;      /* how the operands are arranged: the target's */
	uint8_t w;         /* operand bytes */
	uint8_t mem;       /* addressing: the target's */
	uint8_t cc;
	uint16_t nops;
	uint32_t ops;      /* index into op[] */
	int32_t imm;
	int32_t disp;
	uint32_t exit;     /* of the IR; its values are the last operands */
	uint32_t nexit;    /* how many */
	uint64_t data, high; /* constant, or the target's */
};

/* Instructions that every target has. */
enum { JIT_MI_MOVE = 0xff00, JIT_MI_CONST };

struct jit_edge {
	uint32_t from, to;     /* blocks */
	uint32_t ops, n;       /* arguments: op[] */
	uint32_t moves, nmoves;/* after allocation: move[] */
};

struct jit_mblock {
	uint32_t first, end;   /* instructions */
	uint32_t edge, nedge;  /* successors */
	uint32_t params, nparams; /* op[] */
	uint32_t pred;         /* list of predecessor edges, by next_pred; ~0 */
	uint32_t ir;           /* block of the IR; IR_NO_BLOCK: made here */
	uint16_t depth;        /* of loops around */
	bool cold;
};

struct jit_vreg {
	uint8_t cls;
	uint32_t hint;         /* a register or virtual register to be equal to; 0: none */
};

/* A move that the allocator wants: before instruction `at`, or on an edge. */
struct jit_move {
	uint32_t at;
	uint16_t from, to;     /* from JIT_NOWHERE: the constant */
	uint8_t cls;
	ir_ref constant;
};

struct jit_mir {
	struct arena *arena;
	struct ir_func *ir;
	struct jit_mi *insn;
	uint32_t *op;
	uint16_t *loc;         /* of each op, after allocation */
	struct jit_vreg *vreg; /* from JIT_VREGS on */
	struct jit_mblock *block;
	struct jit_edge *edge;
	uint32_t *next_pred;   /* of each edge */
	struct jit_move *move; /* sorted by `at`, then the edges' */
	uint32_t ninsn, nop, nvreg, nblock, nedge, nmove;
	uint32_t cinsn, cop, cvreg, cmove;
	uint32_t nmove_at;     /* of them before instructions */
	/* Calls: instruction and what it destroys, ascending. */
	struct jit_clobber { uint32_t insn; uint64_t regs; } *clobber;
	uint32_t nclobber, cclobber;
	uint32_t nslots;       /* of 8 bytes, even */
	uint32_t out_slots;    /* of the arguments of calls */
	bool calls;
	uint64_t allocatable;  /* by register */
	const uint8_t *order;  /* of registers by class: preferred first, ended by 255 */
	const uint8_t *forder;
	uint64_t used;         /* registers that were given */
	bool failed;
};

static inline uint32_t jit__reg(uint32_t op) { return op & JIT_REG_MASK; }

/* Grow an array of the arena: the old one is abandoned. */
void *jit__grow(struct jit_mir *m, void *old, uint32_t *cap, uint32_t need, size_t size);
uint32_t jit__vreg(struct jit_mir *m, enum jit_class cls);
uint32_t jit__op(struct jit_mir *m, uint32_t op);

/* Liveness: bit sets by block over the registers that cross blocks. */
struct jit_live {
	uint64_t *in, *out;
	uint32_t words, n;
	uint32_t *dense;       /* virtual register -> bit + 1, 0: in one block */
	uint32_t *vreg;        /* bit -> virtual register */
};
bool jit__liveness(struct jit_mir *m, struct jit_live *l);

/* The allocator: fills loc[], move[], nslots.  False: out of memory or too large. */
bool jit__linear_scan(struct jit_mir *m);

#endif
