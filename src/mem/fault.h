/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address ranges are guarded memories, for linear.c.  All ranges have
 * the same size, so a base says everything.
 */
#ifndef MEM_FAULT_H
#define MEM_FAULT_H

#include <stdint.h>

/* Every address that base + 32-bit index + 32-bit offset + 16 bytes reaches. */
#define MEM__GUARDED ((2ull << 32) + (64 << 10))
/* Not more guarded memories at a time (of 128 TiB of address space, 32). */
enum { MEM__RANGES = 4096 };

/* A free slot, claimed; -1: all are taken. */
int mem__range_claim(void);
void mem__range_set(int slot, const void *base);
void mem__range_free(int slot);

#endif
