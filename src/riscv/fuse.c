/* SPDX-License-Identifier: Apache-2.0 */
#include "riscv/fuse.h"
void riscv__fuse(struct op *op, unsigned base, unsigned next, unsigned len, unsigned next_len)
{ (void)op, (void)base, (void)next, (void)len, (void)next_len; }
