/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From functions of the IR to machine code.
 *
 * One register of the host holds the guest state's address and one the base
 * of guest memory (PIN 0 and 1) in all translated code; everything else is
 * the allocator's.  Code is entered by jit_enter() and comes back in two ways:
 * by RET (NULL; results in the bank) or by an exit (its description; the
 * guest state in memory is then what the exit's table says).  A struct jit_ctx
 * stands in the guest state at an offset that the options name; translated
 * code knows nothing else of it.
 *
 * Units jump to one another directly: a GOTO of a constant becomes a jump that
 * leaves with its exit until jit_link() points it to code.
 *
 * A compilation uses one thread; entering is thread safe, each thread with its
 * own state.  Relies on base/, host/ and ir/.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ir/ir.h"
#include "jit/cache.h"

struct jit_ctx {
	uint64_t sp, frame;/* the host's stack at the entry: exits unwind to it */
	int64_t budget;    /* POLL n takes from it, and leaves when it is negative */
	uint64_t target;   /* GOTO that found no code: where it wanted to go */
	uint32_t stop;     /* others set it: POLL leaves */
	uint32_t fp;       /* the guest's rounding mode and flags while it is left, in the
			    * host's format; 0: nearest, no flags */
};

/* Why code was left; stands next to the code, as constant data. */
struct jit_exit {
	uint64_t cookie;
	uint64_t target;   /* of a GOTO of a constant */
	uint32_t kind;     /* of the IR's exit */
	int32_t site;      /* offset from here to the jump that jit_link() may point elsewhere; 0: none */
	int32_t stub;      /* and to where it goes when it is not linked */
	uint32_t pad;
};

/* How the translations of guest addresses are looked up (XLATE, GOTO). */
struct jit_tlb {
	uint32_t offset;     /* of the state: entries of `size` bytes */
	uint32_t bits;       /* log2 of their number */
	uint32_t page_bits;
	uint32_t entry_bits; /* log2 of an entry's bytes: the tag first, the addend at 8 */
};
struct jit_options {
	uint32_t ctx;        /* offset of struct jit_ctx in the state */
	struct jit_tlb tlb[4]; /* by IR_ACCESS; bits 0: XLATE leaves always */
	/* Called when the TLB has no entry: the addend, or leave when *fail. */
	uint64_t (*miss)(void *state, uint64_t address, uint32_t access);
	struct jit_tlb jumps;/* guest address -> code, for GOTO; page_bits: low bits that are always 0 */
	bool quick;          /* no relaxation of branches */
	bool plain;          /* no instructions beyond SSE4.1 */
	bool fp_nearest;     /* the host's mode is always nearest-even (Wasm) */
	unsigned regs;       /* stress: so many registers of each kind; 0: all */
	void (*dump)(const char *what, const char *text, void *arg);
	void *dump_arg;
};

/* Compile f (which is changed: critical things are split) into the cache.
 * -ENOMEM, -E2BIG (too large for this tier), -ENOSPC (the cache is full). */
int jit_compile(struct jit_cache *c, struct ir_func *f, const struct jit_options *o, struct jit_code **code,
		struct err *e);

/* Values of the parameters and results: by number and class, as the host's
 * calling convention has them; further ones in stack[]. */
struct jit_bank {
	uint64_t gpr[6];
	uint64_t nstack;
	uint64_t *stack;
	uint64_t fpr[8][2];
};
/* Results: the first two integers in gpr[0..1], floats in fpr[0..]. */
const struct jit_exit *jit_enter(struct jit_cache *c, const struct jit_code *code, void *state, void *mem,
				 struct jit_bank *bank);

/* Point the jump of a GOTO's exit to code, or (NULL) back to its exit. */
int jit_link(struct jit_cache *c, const struct jit_exit *x, const struct jit_code *to);

#endif
