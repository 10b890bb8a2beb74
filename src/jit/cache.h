/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code cache: where machine code is, for threads that execute it while one
 * compiles.
 *
 * Memory is never writable and executable at once.  The cache is a memfd that
 * is mapped for execution; code is written with pwrite(), so that no writable
 * mapping of it exists at all, and only the four bytes of a jump that others
 * may be executing are written through a mapping of one page, made for this
 * and gone at once.  (Measured, 4 KB of code: pwrite 1.4 us, a mapping made and
 * removed 6.6 us, mprotect there and back 5.6 us, which would stop other threads.)
 *
 * It is bounded: regions are filled in turn, and the oldest is emptied when
 * there is no room; whoever holds jit_code pointers is told by `evict`, and
 * must see that no thread executes them.
 *
 * One lock guards everything but execution and jit_cache_find().
 */
#ifndef JIT_CACHE_H
#define JIT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct jit_exit;

/* An instruction that may fault, and where to go on then (offsets in code). */
struct jit_fault { uint32_t at, to; };

struct jit_code {
	const uint8_t *entry;
	uint32_t size;
	uint32_t region;
	uint32_t nfault;
	struct jit_fault *fault; /* ascending */
	uint64_t cookie;         /* of the entry block: the guest's address */
	uint32_t nsites;
	uint32_t *site;          /* offsets of jumps that can be linked */
	struct jit_code *next;   /* of the region */
	void *owner;             /* the front end's */
	char name[48];
};

struct jit_cache_options {
	size_t size;             /* bytes, rounded up to regions */
	unsigned regions;        /* 0: 8 */
	/* Code is about to go; called with the cache's lock held. */
	void (*evict)(struct jit_code *code, void *arg);
	void *arg;
	uint32_t ctx;            /* offset of struct jit_ctx in the state: see jit.h */
	bool perf_map;           /* /tmp/perf-PID.map */
	const char *jitdump;     /* directory for jit-PID.dump; NULL: none */
};
struct jit_cache *jit_cache_create(const struct jit_cache_options *o, struct err *e);
void jit_cache_destroy(struct jit_cache *c);

/* Copy code in; owns a copy of faults and sites.  -ENOSPC, -ENOMEM. */
int jit_cache_add(struct jit_cache *c, const void *bytes, uint32_t size, const char *name, uint64_t cookie,
		  const struct jit_fault *fault, uint32_t nfault, const uint32_t *site, uint32_t nsites,
		  struct jit_code **code, struct err *e);
/* Write 4 aligned bytes at once, while others may execute them. */
int jit_cache_patch(struct jit_cache *c, const uint8_t *at, uint32_t value);
/* The trampoline; NULL when the host has no back end. */
const void *jit_cache_enter(const struct jit_cache *c);

/* From a signal handler: the code at pc and where to go on; NULL: not ours. */
const void *jit_cache_fault(const struct jit_cache *c, const void *pc, const struct jit_code **code);

struct jit_cache_stats { uint64_t bytes, units, evicted, patches; };
void jit_cache_stats(struct jit_cache *c, struct jit_cache_stats *st);

#endif
