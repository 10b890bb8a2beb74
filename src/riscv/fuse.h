/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of instructions with a handler of their own (interp.c). */
#ifndef RISCV_FUSE_H
#define RISCV_FUSE_H

#include "riscv/state.h"

/* op, of row `base` and `len` slots, is followed in its run by an instruction
 * of row `next`: give op the pair's handler if there is one.  The second
 * slot stays as it is: a pair that cannot go on continues there. */
void riscv__fuse(struct op *op, unsigned base, unsigned next, unsigned len,
		 unsigned next_len);

#endif
