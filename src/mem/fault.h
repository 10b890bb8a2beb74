/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address ranges are guarded memories, for linear.c.  All ranges have
 * the same size, so a base says everything.
 */
#ifndef MEM_FAULT_H
#define MEM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Every address that base + 32-bit index + 32-bit offset + 16 bytes reaches. */
#define MEM__GUARDED ((2ull << 32) + (64 << 10))
/* Not more guarded memories at a time (of 128 TiB of address space, 32). */
enum { MEM__RANGES = 4096 };

/* A reservation that no memory has: `committed` bytes from base are accessible
 * and zero, the rest has no access. */
struct mem__kept {
	void *base;             /* NULL: none */
	uint64_t committed;
};
/* A free slot, claimed; -1: all are taken.  *k: a reservation that was kept
 * with it. */
int mem__range_claim(struct mem__kept *k);
void mem__range_set(int slot, void *base);
/* No memory's any more.  True: the reservation is kept for the next one; else
 * it is the caller's. */
bool mem__range_free(int slot, struct mem__kept k);

#endif
