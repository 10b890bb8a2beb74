/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the translator: one pass over a validated body, with a stack of
 * what each operand is and where.  An operand stays a local, a constant or an
 * accumulator's content until something forces it into its home slot:
 *
 *   - its accumulator is needed: the operation that made the value is changed
 *     to its form that stores it, too (no operation is added);
 *   - its local is assigned: it is copied before;
 *   - control begins or ends, or a call or a safepoint asks for it.
 *
 * The slots of operands follow from their position, so every way to a label
 * agrees on them.  Bodies are not checked again; what is checked is limits.
 */
#ifndef WASM_TRANSLATE_H
#define WASM_TRANSLATE_H

#include "wasm/interp.h"

enum ent_kind { ENT_HOME, ENT_LOCAL, ENT_CONST, ENT_ACC };
/* Types of values: enum wasm_kind, with function references apart, which the
 * collector does not know. */
enum { VT_FUNCREF = WASM_REF + 1 };
/* Accumulators. */
enum acc { ACC_INT, ACC_SINGLE, ACC_DOUBLE, ACCS, ACC_NONE = ACCS };
#define NONE UINT32_MAX
/* Every buffer has room for as many from the start. */
enum { TR_ROOM = 64 };
/* The most units of a function: twice as many as the largest body has bytes.
 * Branches that copy a thousand values each would make more. */
enum { TR_OPS_MAX = 1 << 24 };

struct ent {
	uint8_t kind, type;
	uint16_t slot;          /* home */
	uint32_t at;            /* LOCAL: which; ACC: the operation that made it */
	union {
		uint64_t bits;          /* CONST */
		wasm_op_fn *store;      /* ACC: the handler that stores, too */
		uint32_t next;          /* LOCAL: the entry below of the same local + 1 */
	};
	/* Of the nearest reference at or below, the entry + 1, and its node for
	 * safepoints. */
	uint32_t ref, node;
};

struct ctl {
	uint8_t kind;           /* WASM_ROW_BLOCK, LOOP, IF, ELSE, TRY_TABLE, TRY, CATCH, CATCH_ALL */
	uint32_t height;        /* entries below its parameters */
	uint16_t slot;          /* of the first of them */
	uint32_t nparams, nresults;
	const struct wasm_type *params, *results;
	struct wasm_type one;
	uint32_t pos;           /* LOOP: where it begins */
	uint32_t fix, else_fix; /* words to be patched, a chain; NONE */
	uint32_t stub, stub_of; /* of the br_table at stub_of */
	uint32_t try_from, try_end;     /* legacy: ends at the first catch */
	const uint8_t *catches; /* TRY_TABLE: its clauses */
	uint32_t ncatches;
};

/* What the last operation was, while it may be changed or taken back. */
struct last {
	bool ok;
	uint32_t pos, len;
	uint16_t row;
	uint8_t form;
	int32_t acc_before;     /* acc_slot[ACC_INT] */
};

struct wasm_translator {
	struct wasm_store *st;
	struct wasm_instance *inst;
	const struct wasm_module *m;
	const uint8_t *p, *end;
	uint32_t insn_off;      /* of the instruction, in the module */

	struct wasm_op *ops;
	uint32_t nops, cap_ops;
	uint8_t *starts;        /* 1: an operation, 0: one of its further units */
	uint32_t cap_starts;
	uint32_t *offsets;      /* of operations, when asked for */
	uint32_t cap_offsets;

	struct ent *stack;
	uint32_t sp, cap_stack, flushed;
	uint32_t base, max_slot;        /* first operand's slot; highest used */
	struct ctl *ctl;
	uint32_t nctl, cap_ctl;
	uint16_t *local_slot;
	uint8_t *local_type;
	uint32_t *local_top;            /* the topmost entry of a local + 1 */
	uint32_t nlocals, cap_locals, param_slots, nparams, result_slots;
	const struct wasm_type *results;
	uint32_t nresults;

	uint32_t dirty[ACCS];           /* the entry that only the accumulator has; NONE */
	int32_t acc_slot[ACCS];         /* the slot whose value it has, too; -1 */
	struct last last, before;

	bool dead, fuel, det, guarded, is_const;
	uint32_t fuel_pos, fuel_count;
	struct wasm_simd_handlers simd;

	struct wasm_ref_node *nodes;
	uint32_t nnodes, cap_nodes;
	struct wasm_safepoint *safepoints;
	uint32_t nsafepoints, cap_safepoints;
	struct wasm_handler *handlers;
	uint32_t nhandlers, cap_handlers;

	struct wasm_loop *loops;
	uint32_t nloops, cap_loops;

	enum wasm_trap trap;            /* why not */
};

static inline unsigned tr_acc_of(unsigned type)
{
	return type == WASM_F32 ? ACC_SINGLE : type == WASM_F64 ? ACC_DOUBLE :
	       type == WASM_V128 ? ACC_NONE : ACC_INT;
}
static inline unsigned tr_slots(unsigned type)
{
	return type == WASM_V128 ? 2 : 1;
}
unsigned tr_type(const struct wasm_translator *t, struct wasm_type type);
/* The same of a type with the module's own indices. */
struct wasm_type tr_canon(const struct wasm_translator *t, struct wasm_type type);
uint32_t tr_canon_heap(const struct wasm_translator *t, uint32_t heap);
uint32_t tr_type_slots(const struct wasm_type *types, uint32_t n);

/* ---- translate_stack.c ---- */
bool tr_grow(void **p, uint32_t *cap, uint32_t need, size_t size);
void tr_fail(struct wasm_translator *t, enum wasm_trap why);
/* The next n units; the first is returned, zeroed from fn on by the caller. */
struct wasm_op *tr_emit(struct wasm_translator *t, wasm_op_fn *fn, uint32_t n);
void tr_mark(struct wasm_translator *t, uint16_t row, uint8_t form, uint32_t len);
void tr_unemit(struct wasm_translator *t);
void tr_wrote(struct wasm_translator *t, uint32_t slot);

struct ent *tr_push(struct wasm_translator *t, unsigned type);         /* HOME */
void tr_push_local(struct wasm_translator *t, uint32_t local);
void tr_push_const(struct wasm_translator *t, unsigned type, uint64_t bits);
/* The result of the last operation, at pos, in its accumulator. */
struct ent *tr_push_acc(struct wasm_translator *t, unsigned type, uint32_t pos, wasm_op_fn *store);
struct ent *tr_top(struct wasm_translator *t, uint32_t n);             /* n-th from the top */
void tr_pop(struct wasm_translator *t, uint32_t n);
/* Where is it?  LOC_R only if its accumulator has it. */
enum loc { LOC_S, LOC_R, LOC_I };
enum loc tr_loc(const struct wasm_translator *t, const struct ent *e, uint16_t *slot);
/* In some slot; in its home slot. */
uint16_t tr_slot(struct wasm_translator *t, struct ent *e);
void tr_home(struct wasm_translator *t, struct ent *e);
void tr_home_top(struct wasm_translator *t, uint32_t n);
/* The accumulator is about to be changed. */
void tr_clobber(struct wasm_translator *t, unsigned acc);
void tr_clobber_all(struct wasm_translator *t);
void tr_flush(struct wasm_translator *t);       /* everything at home */
void tr_forget(struct wasm_translator *t);      /* a label: no accumulator holds anything */
/* Copy an entry to a slot; the stack does not change. */
void tr_copy(struct wasm_translator *t, const struct ent *e, uint32_t slot);
void tr_local_set(struct wasm_translator *t, uint32_t local, bool tee);
/* References at home; operation pos is a safepoint where all entries but the
 * topmost `without` live. */
void tr_flush_refs(struct wasm_translator *t);
void tr_safepoint(struct wasm_translator *t, uint32_t pos, uint32_t without);
void tr_fuel_begin(struct wasm_translator *t);

/* ---- translate_num.c ---- */
struct wasm_insn;
bool tr_numeric(struct wasm_translator *t, const struct wasm_insn *in);
struct tr_cond {
	uint16_t row;
	uint8_t form;
	bool when;              /* taken when the test is true */
	uint16_t a, d;          /* the branch's operands */
};
/* Pop a condition (i32), taking back the test that made it. */
struct tr_cond tr_cond_pop(struct wasm_translator *t);
struct wasm_op *tr_cond_branch(struct wasm_translator *t, const struct tr_cond *c, bool back);
void tr_select(struct wasm_translator *t);
/* ---- translate_mem.c ---- */
bool tr_memory(struct wasm_translator *t, const struct wasm_insn *in);
bool tr_simd(struct wasm_translator *t, const struct wasm_insn *in);
/* ---- translate_ctl.c ---- */
bool tr_control(struct wasm_translator *t, const struct wasm_insn *in);
void tr_begin(struct wasm_translator *t);
void tr_return(struct wasm_translator *t);
uint16_t tr_catch_slot(struct wasm_translator *t, uint32_t depth);
/* ---- translate_call.c ---- */
bool tr_call(struct wasm_translator *t, const struct wasm_insn *in);
/* ---- translate_ref.c ---- */
bool tr_reference(struct wasm_translator *t, const struct wasm_insn *in);
/* r = the reference in slot is of the type. */
void tr_ref_test(struct wasm_translator *t, uint16_t slot, uint32_t heap, bool null);
bool tr_gc(struct wasm_translator *t, const struct wasm_insn *in);
void tr_special(struct wasm_translator *t, wasm_special_fn *fn, uint32_t nargs, unsigned result,
		uint64_t x, uint64_t y);

#endif
