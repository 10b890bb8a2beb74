/* SPDX-License-Identifier: Apache-2.0 */
/* What interp.c offers to code.c and hart.c. */
#ifndef RISCV_HANDLERS_H
#define RISCV_HANDLERS_H

#include "base/reltab.h"
#include "riscv/decode.h"
#include "riscv/state.h"

/* By row, then 2-byte, 4-byte, 2-byte alt, 4-byte alt (interp.h). */
extern const reltab_entry riscv__handlers[];
static inline op_fn *riscv__handler(unsigned row, unsigned which)
{
	return reltab_at(op_fn, riscv__handlers, row * 4 + which);
}

/* The handler of a pair of rows (fuse.def), or NULL. */
op_fn *riscv__pair(unsigned first, unsigned second, bool first4, bool second4);

void riscv__run_slice(struct riscv_hart *h, uint64_t slice);
void riscv__run_one(struct riscv_hart *h);
/* 16-byte compare and swap; returns the old value. */
unsigned __int128 riscv__cas128(unsigned __int128 *p, unsigned __int128 want,
				unsigned __int128 put);

#endif
