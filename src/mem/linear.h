/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear memory: one contiguous, growing address range of a process machine.
 *
 * 32-bit memories reserve the whole range that an index and an offset of 32
 * bits each can reach, so that any such access is either inside or hits pages
 * without access; 64-bit memories reserve what their maximum (or the limit)
 * asks for and are checked by whoever accesses them.  The base never moves.
 *
 * A memory may begin as a copy-on-write mapping of an image (a module's data,
 * laid out once): instances then share what they do not write.
 *
 * Reference counted, so that threads' stores share one.  Growing is atomic;
 * size only rises.
 */
#ifndef MEM_LINEAR_H
#define MEM_LINEAR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ser.h"

struct mem_linear;

struct mem_linear_options {
	uint64_t size, max;     /* bytes, multiples of 1 << page_shift */
	uint8_t page_shift;
	bool is64, shared;
	/* Image: fd (borrowed), its bytes at offset 0 of the memory; -1: none. */
	int image_fd;
	uint64_t image_size;
};
struct mem_linear *mem_linear_create(const struct mem_linear_options *o, struct err *e);
struct mem_linear *mem_linear_ref(struct mem_linear *m);
void mem_linear_unref(struct mem_linear *m);    /* NULL is fine */
uint8_t *mem_linear_base(const struct mem_linear *m);
uint64_t mem_linear_size(const struct mem_linear *m);
/* Where threads wait for each other at a shared memory (park.h); NULL: not shared. */
struct mem_park;
struct mem_park *mem_linear_park(const struct mem_linear *m);
/* Old size in bytes, or -1 (past max, no memory): nothing changed. */
int64_t mem_linear_grow(struct mem_linear *m, uint64_t bytes);
/* Is a access without a check safe (any 32-bit index + 32-bit offset + 16)? */
bool mem_linear_guarded(const struct mem_linear *m);

/* Faults.  A thread that accesses guarded memories says where to go when an
 * access hits the guard: fn(arg, addr, context) runs in the handler of SIGSEGV
 * and SIGBUS, for every such fault of the thread; addr is where, context is the
 * ucontext_t.  It takes the fault by changing the program counter in there, or
 * by not returning (siglongjmp); else the outer scope is asked, and last
 * whoever handled the signal before, as for threads without a scope.  Ask
 * mem_linear_owns(addr) before taking one: the rest are bugs.  The handler is
 * installed once in the process. */
typedef void mem_fault_fn(void *arg, void *addr, void *context);
struct mem_fault_scope {
	mem_fault_fn *fn;
	void *arg;
	struct mem_fault_scope *outer;
};
int mem_fault_enter(struct mem_fault_scope *f, struct err *e);  /* nests, by thread */
void mem_fault_leave(struct mem_fault_scope *f);
/* Does the address lie in the reserved range of some linear memory? */
bool mem_linear_owns(const void *addr);

/* An image: zeroed pages of which mem_linear_create() makes copy-on-write
 * mappings.  Write to *map, then seal, which unmaps it.  The caller closes the
 * descriptor (mem_image_close). */
int mem_image_create(uint64_t size, uint8_t **map, struct err *e);      /* fd, or -errno */
void mem_image_seal(int fd, uint8_t *map, uint64_t size);
void mem_image_close(int fd);

/* Zeroed pages that take memory only when touched, a guard page after them:
 * for what must not move.  NULL: no memory. */
void *mem_area_map(uint64_t size);
void mem_area_unmap(void *p, uint64_t size);
/* n bytes at p will all be written: faster than a fault for each page. */
void mem_area_will_fill(void *p, uint64_t n);

/* All non-zero pages; inside the caller's section. */
void mem_linear_save(const struct mem_linear *m, struct ser_writer *w);
void mem_linear_load(struct mem_linear *m, struct ser_reader *r);

#endif
