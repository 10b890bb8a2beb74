/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembler for x86-64: bytes, labels, and branches that become short
 * where they can.  Portable C: it only writes bytes, and runs (and is tested)
 * on every host.
 *
 * A position that may be asked for later must be a label: x64_finish() moves
 * code when it shortens branches.  Out of memory: `failed`, and nothing breaks.
 * Not thread safe.  Relies on base/ only.
 */
#ifndef JIT_X64_ASM_H
#define JIT_X64_ASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum x64_id {
#define X(id, text, form, prefix, map, opcode, ext, kinds, flags) X64_##id,
#include "jit/x64/insn.def"
#undef X
	X64_IDS
};

enum x64_form { X64_RM, X64_MR, X64_M, X64_MI, X64_RMI, X64_MRI, X64_RVM, X64_RMV, X64_O, X64_N };
enum {
	X64_W = 1, X64_W1 = 2, X64_S8 = 4, X64_I8 = 8, X64_I16 = 16, X64_I32 = 32, X64_V = 64,
	X64_V2 = 128, X64_VO = 256, X64_TIED = 512, X64_CL = 1024, X64_FENCE = 2048,
	X64_MEMONLY = 4096, X64_REGONLY = 8192
};
struct x64_row {
	const char *text;
	char kinds[4];
	uint8_t form, prefix, map, opcode, ext;
	uint16_t flags;
};
extern const struct x64_row x64_rows[X64_IDS];

enum x64_reg {
	X64_RAX, X64_RCX, X64_RDX, X64_RBX, X64_RSP, X64_RBP, X64_RSI, X64_RDI,
	X64_R8, X64_R9, X64_R10, X64_R11, X64_R12, X64_R13, X64_R14, X64_R15,
	X64_NOREG = 255
};
enum x64_cc {
	X64_CC_O, X64_CC_NO, X64_CC_B, X64_CC_AE, X64_CC_E, X64_CC_NE, X64_CC_BE, X64_CC_A,
	X64_CC_S, X64_CC_NS, X64_CC_P, X64_CC_NP, X64_CC_L, X64_CC_GE, X64_CC_LE, X64_CC_G
};

/* An r/m operand: a register (number below 16, general or xmm by row) or
 * memory base + index << scale + disp, or label + disp, relative to RIP. */
struct x64_rm {
	uint8_t reg;         /* X64_NOREG: memory */
	uint8_t base, index; /* X64_NOREG: none */
	uint8_t scale;
	int32_t disp;
	uint32_t label;      /* 0: none */
};
static inline struct x64_rm x64_r(unsigned reg)
{
	return (struct x64_rm){ (uint8_t)reg, X64_NOREG, X64_NOREG, 0, 0, 0 };
}
static inline struct x64_rm x64_m(unsigned base, int32_t disp)
{
	return (struct x64_rm){ X64_NOREG, (uint8_t)base, X64_NOREG, 0, disp, 0 };
}
static inline struct x64_rm x64_mi(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
	return (struct x64_rm){ X64_NOREG, (uint8_t)base, (uint8_t)index, (uint8_t)scale, disp, 0 };
}
static inline struct x64_rm x64_at(uint32_t label)
{
	return (struct x64_rm){ X64_NOREG, X64_NOREG, X64_NOREG, 0, 0, label };
}

enum x64_fix { X64_FIX_JUMP, X64_FIX_CC, X64_FIX_REL32, X64_FIX_ALIGN, X64_FIX_TABLE };
struct x64_site {
	uint32_t at;     /* of the opcode of a branch; of the 4 bytes of others */
	uint32_t label;
	uint32_t base;   /* TABLE: label that entries are relative to */
	uint8_t fix;     /* enum x64_fix */
	uint8_t tail;    /* REL32: bytes of the instruction after the field */
	uint8_t room;    /* CC, JUMP: its length now; ALIGN: its length */
	bool pinned;     /* stays near: to be patched */
};

struct x64_asm {
	uint8_t *buf;
	uint32_t len, cap;
	struct x64_site *site;
	uint32_t nsite, csite;
	uint32_t *label;   /* label[n]: offset; ~0: not placed */
	uint32_t nlabel, clabel;
	bool avx;          /* use VEX forms of SSE rows */
	bool failed;
};

int x64_asm_init(struct x64_asm *a);
void x64_asm_reset(struct x64_asm *a);
void x64_asm_fini(struct x64_asm *a);

uint32_t x64_label(struct x64_asm *a);              /* new; never 0 */
void x64_place(struct x64_asm *a, uint32_t label);  /* here */

/* One row.  w: 8 for 64-bit operands of W rows, else 4.  reg and v (vvvv, the
 * first source of VEX forms; X64_NOREG: as reg) are register numbers. */
void x64_emit(struct x64_asm *a, enum x64_id id, unsigned w, unsigned reg, unsigned v,
	      struct x64_rm rm, int32_t imm);
/* The same with a condition added to the opcode (CMOV, SETCC). */
void x64_emit_cc(struct x64_asm *a, enum x64_id id, unsigned w, enum x64_cc cc, unsigned reg,
		 struct x64_rm rm);
void x64_mov_imm(struct x64_asm *a, unsigned reg, uint64_t v); /* shortest; keeps the flags */
void x64_lock(struct x64_asm *a);
void x64_jmp(struct x64_asm *a, uint32_t label);
void x64_jcc(struct x64_asm *a, enum x64_cc cc, uint32_t label);
/* A near jump whose displacement is aligned to 4 bytes: it may be patched
 * while it is executed.  Returns a label at the displacement. */
uint32_t x64_jmp_patchable(struct x64_asm *a, uint32_t label);
void x64_call(struct x64_asm *a, uint32_t label);
void x64_lea_label(struct x64_asm *a, unsigned reg, uint32_t label);
void x64_align(struct x64_asm *a, unsigned n);       /* 4, 8, 16: with no-ops */
void x64_table(struct x64_asm *a, uint32_t base, uint32_t label); /* 4 bytes: label - base */
void x64_bytes(struct x64_asm *a, const void *p, uint32_t n);

/* Resolve everything (and, when `relax`, shorten branches).  False: failed. */
bool x64_finish(struct x64_asm *a, bool relax);

static inline uint32_t x64_where(const struct x64_asm *a, uint32_t label)
{
	return a->label[label];
}

#endif
