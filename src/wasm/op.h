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
	uint8_t imm;            /* enum wasm_imm */
	char sig[7];            /* arrays: pointers would be relocated at each start */
	char text[36];
};
extern const struct wasm_op_info wasm_ops[WASM_ROWS];

/* The row of a code (prefix << 16 | number), WASM_ROWS: none. */
enum wasm_row wasm_op_row(uint32_t code);
/* Of an instruction with a MEMARG: log2 of its natural alignment. */
unsigned wasm_op_align(uint32_t code);
/* Of an instruction with a LANE: how many lanes there are. */
unsigned wasm_op_lanes(uint32_t code);

struct wasm_memarg {
	uint64_t offset;
	uint32_t mem;
	uint8_t align;          /* log2 */
};

enum { WASM_BLOCK_INLINE = UINT32_MAX };

/* One instruction.  Type indices, also those in type, heap and heap2, are the
 * module's own (wasm_module_type(), m->types[] make them canonical). */
struct wasm_insn {
	uint16_t row;           /* enum wasm_row */
	uint8_t imm;            /* enum wasm_imm: which of the following are set */
	uint8_t lane;           /* LANE, MEMARG_LANE */
	uint8_t flags;          /* CAST: bit 0 from, bit 1 to a nullable type */
	/* Indices in the order of the binary: LABEL, FUNC, LOCAL, ... : a;
	 * TYPE_TABLE: type, table; ELEM_TABLE: elem, table; DATA_MEM: data, mem;
	 * TABLE2, MEM2, TYPE2: destination, source; FIELD: type, field; TYPE_N:
	 * type, count; TYPE_DATA, TYPE_ELEM: type, segment; CAST: label;
	 * BLOCK, TRY_TABLE: function type, or WASM_BLOCK_INLINE: see type. */
	uint32_t a, b;
	/* LABELS (default not counted), TRY_TABLE, VALTYPES: a list of n, to be
	 * read from the bytes at list with wasm_op_next_*(). */
	uint32_t n;
	const uint8_t *list;
	struct wasm_type type;  /* inline block type: the result, WASM_BOT: none;
				 * VALTYPES: the first one */
	uint32_t heap, heap2;   /* HEAP; CAST: from, to */
	union {
		int32_t i32;
		int64_t i64;
		uint32_t f32;           /* bits */
		uint64_t f64;           /* bits */
		const uint8_t *bytes;   /* V128, LANES16: 16 of them */
		struct wasm_memarg mem;
	};
};

/* Read the instruction at *p, which is before end, with its immediates; no
 * index is checked.  NULL and *p behind it; or what is wrong, and *p there. */
const char *wasm_op_decode(const uint8_t **p, const uint8_t *end, struct wasm_insn *out);
extern const char wasm_op_illegal[];    /* "illegal opcode", compared by address */

/* Walk a list that wasm_op_decode() has accepted.  The default of a br_table
 * follows its labels. */
uint32_t wasm_op_next_label(const uint8_t **p);
enum wasm_catch_kind { WASM_CATCH, WASM_CATCH_REF, WASM_CATCH_ALL, WASM_CATCH_ALL_REF };
struct wasm_catch {
	uint8_t kind;
	uint32_t tag;           /* CATCH, CATCH_REF */
	uint32_t label;         /* counted outside of the try_table */
};
void wasm_op_next_catch(const uint8_t **p, struct wasm_catch *out);

/* Types in the binary (5.3), with the module's own indices. */
const char *wasm_read_valtype(const uint8_t **p, const uint8_t *end, struct wasm_type *out);
const char *wasm_read_reftype(const uint8_t **p, const uint8_t *end, struct wasm_type *out);
const char *wasm_read_heaptype(const uint8_t **p, const uint8_t *end, uint32_t *out);

#endif
