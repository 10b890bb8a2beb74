/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the IR to machine instructions, inside jit/.
 *
 * Blocks are walked from the last instruction to the first, so that the users
 * of a value are seen before it: what nobody has asked for is not emitted, and
 * what a user has taken into itself (an address, a compare, a load) is not
 * asked for.  The target emits the instructions of one IR instruction forward
 * into a group; groups are collected backward.
 */
#ifndef JIT_LOWER_H
#define JIT_LOWER_H

#include "jit/jit.h"
#include "jit/mir.h"

enum { JIT__GROUP = 192 };

struct jit_out;
struct jit_lower;

/* What a back end provides. */
struct jit_target {
	const char *name;
	const uint8_t *order[2];  /* allocatable registers by preference, ended by 255 */
	uint32_t pin[IR_PINS];
	void (*prologue)(struct jit_lower *l);           /* parameters of the function */
	void (*select)(struct jit_lower *l, ir_ref i);   /* one instruction */
	bool (*assemble)(struct jit_mir *m, const struct jit_options *o, struct jit_out *out);
	/* The trampoline of jit_enter(), as bytes. */
	bool (*enter)(const struct jit_options *o, struct jit_out *out);
	void (*print)(const struct jit_mir *m, char *buf, size_t size);
};
extern const struct jit_target jit__x64;
const struct jit_target *jit__host(void); /* NULL: no back end */

/* Machine code before it is in the cache. */
struct jit_out {
	struct arena *arena;
	const uint8_t *bytes;
	uint32_t size, entry;
	struct jit_fault *fault;
	uint32_t nfault;
	uint32_t *site;
	uint32_t nsites;
};

struct jit_lower {
	struct jit_mir m;
	struct ir_func *f;
	const struct jit_options *o;
	const struct jit_target *t;
	uint32_t *vreg_of;   /* of each value; 0: nobody asked */
	bool *folded;        /* taken over by its user */
	uint32_t block;      /* of the IR */
	ir_ref cur;          /* the instruction that is selected */
	struct jit_mi group[JIT__GROUP];
	uint32_t ngroup;
	uint32_t *number;    /* IR block -> machine block */
};

/* The register of a value (asks for it); constants are made just before. */
uint32_t jit__in(struct jit_lower *l, ir_ref v);
/* The register that value i is to be computed into. */
uint32_t jit__out(struct jit_lower *l, ir_ref i);
static inline bool jit__wanted(const struct jit_lower *l, ir_ref i) { return l->vreg_of[i]; }
uint32_t jit__tmp(struct jit_lower *l, enum jit_class cls);
enum jit_class jit__class(enum ir_type t);
/* Begin an instruction, then its operands. */
struct jit_mi *jit__mi(struct jit_lower *l, unsigned op, unsigned form, unsigned w);
void jit__use(struct jit_lower *l, uint32_t reg, uint32_t flags);
/* The values of exit x, as the last operands of the current instruction. */
void jit__exit(struct jit_lower *l, uint32_t x, uint32_t flags);
void jit__hint(struct jit_lower *l, uint32_t reg, uint32_t to);
void jit__clobbers(struct jit_lower *l, uint64_t regs);
bool jit__lower(struct jit_lower *l, struct arena *arena, struct ir_func *f, const struct jit_options *o,
		const struct jit_target *t);

/* Parallel moves in an order that is right (moves.c): fn(m, arg) for each; a
 * cycle is opened by a move to JIT__SCRATCH and closed by one from it. */
enum { JIT__SCRATCH = 0xfffe, JIT__MOVES = 1000 };
void jit__order_moves(const struct jit_move *mv, uint32_t n, void (*fn)(const struct jit_move *mv, void *arg),
		      void *arg);

#endif
