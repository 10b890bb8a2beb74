/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions: names from op.def, and the reader of one instruction with its
 * immediates that validator, translator and printer share.
 */
#ifndef WASM_OP_H
#define WASM_OP_H

#include "base/err.h"
#include "wasm/types.h"

enum wasm_opcode {
#define OP(id, code, text, imm, sig, sem) WASM_OP_##id = code,
#include "wasm/op.def"
#undef OP
};

/* A dense number for each row, in the order of op.def: index of tables. */
enum wasm_row {
#define OP(id, code, text, imm, sig, sem) WASM_ROW_##id,
#include "wasm/op.def"
#undef OP
	WASM_ROWS,
};

/* Kinds of immediates, in the order in which they stand in the binary. */
enum wasm_imm {
	WASM_IMM_NONE,
	WASM_IMM_ZERO,          /* a byte 0 */
	WASM_IMM_BLOCK,         /* block type */
	WASM_IMM_LABEL, WASM_IMM_LABELS,        /* br_table: vector and default */
	WASM_IMM_FUNC, WASM_IMM_TYPE, WASM_IMM_TYPE_TABLE, WASM_IMM_TAG,
	WASM_IMM_TRY_TABLE,     /* block type, vector of catch clauses */
	WASM_IMM_VALTYPES,      /* select */
	WASM_IMM_LOCAL, WASM_IMM_GLOBAL,
	WASM_IMM_TABLE, WASM_IMM_TABLE2, WASM_IMM_ELEM_TABLE, WASM_IMM_ELEM,
	WASM_IMM_MEM, WASM_IMM_MEM2, WASM_IMM_DATA_MEM, WASM_IMM_DATA,
	WASM_IMM_MEMARG, WASM_IMM_MEMARG_LANE,
	WASM_IMM_LANE, WASM_IMM_LANES16, WASM_IMM_V128,
	WASM_IMM_I32, WASM_IMM_I64, WASM_IMM_F32, WASM_IMM_F64,
	WASM_IMM_HEAP,          /* a heap type */
	WASM_IMM_FIELD,         /* type, field */
	WASM_IMM_TYPE_N,        /* type, count */
	WASM_IMM_TYPE_DATA, WASM_IMM_TYPE_ELEM, WASM_IMM_TYPE2,
	WASM_IMM_CAST,          /* flags, label, from heap type, to heap type */
};

/* What is known of a row. */
struct wasm_op_info {
	uint32_t code;
	const char *text;
	uint8_t imm;            /* enum wasm_imm */
	const char *sig;
};
extern const struct wasm_op_info wasm_ops[WASM_ROWS];

#endif
