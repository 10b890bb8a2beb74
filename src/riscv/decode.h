/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder and disassembler, expanded from insn.def.  No hart is needed.
 */
#ifndef RISCV_DECODE_H
#define RISCV_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Row numbers: INSN_add, INSN_c_addi, ...; INSN_illegal is 0. */
enum riscv_insn {
	INSN_illegal,
#define INSN(name, ...) INSN_##name,
#define CINSN(name, ...) INSN_##name,
#include "riscv/insn.def"
	INSN_COUNT
};

#define RISCV_FORMATS(X)                                                       \
	X(NONE) X(R) X(R1) X(I) X(L) X(S) X(B) X(U) X(J) X(SH) X(FENCE)        \
	X(RS12) X(CSR) X(CSRI) X(AMO) X(AMOCAS) X(CBO)                         \
	X(FLD) X(FST) X(FR) X(FRRM) X(F1) X(F1RM) X(F4) X(XF) X(XFRM) X(FX)    \
	X(FXRM) X(XFF) X(FLI)                                                  \
	X(CNONE) X(CIW) X(CLW) X(CLD) X(CFLD) X(CLBU) X(CLHU) X(CSW) X(CSD)    \
	X(CFSD) X(CSB) X(CSH) X(CI) X(CLI) X(CI16) X(CLUI) X(CBSH) X(CBI)      \
	X(CA) X(CU) X(CU_FF) X(CU_M1) X(CJ) X(CB) X(CISH) X(CLWSP) X(CLDSP)    \
	X(CFLDSP) X(CJR) X(CJALR) X(CMV) X(CADD) X(CSWSP) X(CSDSP) X(CFSDSP)
enum riscv_format {
#define X(f) FMT_##f,
	RISCV_FORMATS(X)
#undef X
};

struct riscv_row {
	/* Arrays: pointers would be relocated at each start. */
	char name[20], pattern[44], ext[12];
	uint8_t format;
	uint16_t base;          /* a compressed row's meaning; else itself */
};
extern const struct riscv_row riscv_rows[INSN_COUNT];

/* mask and match of a pattern; returns its length in bytes (2 or 4). */
unsigned riscv_row_bits(const struct riscv_row *r, uint32_t *mask, uint32_t *match);

/* Operands.  Destination x0 is 0 here. */
struct riscv_decoded {
	uint16_t row;           /* as encoded; meaning: riscv_rows[row].base */
	uint8_t len;            /* bytes */
	uint8_t rd, rs1, rs2;
	int32_t imm;            /* F4 and ..RM formats: rs3 | rm << 8 */
};

struct riscv_decoder;
/* NULL: out of memory. */
struct riscv_decoder *riscv_decoder_create(void);
void riscv_decoder_destroy(struct riscv_decoder *d);
/* The low 16 bits are enough for a compressed instruction. */
struct riscv_decoded riscv_decode(const struct riscv_decoder *d, uint32_t insn);

/* Assembly text of insn at pc; returns its length in bytes. */
unsigned riscv_disasm(const struct riscv_decoder *d, uint32_t insn, uint64_t pc,
		      char *buf, size_t n);

#endif
