/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the code cache: cache.c, and perf.c, which tells others about it. */
#ifndef JIT_CACHE_INT_H
#define JIT_CACHE_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "jit/cache.h"

enum { JIT__REGIONS = 64 };

struct jit__region {
	struct jit_code *code;         /* list */
	size_t used, nlines;
	_Atomic(struct jit_code *) *line; /* by 64 bytes: whose code it is */
};

struct jit_cache {
	pthread_mutex_t lock;          /* the innermost of all: nothing is taken under it */
	int fd;
	uint8_t *rx;
	size_t size, reserved, region_size;
	unsigned nregions, cur;
	_Atomic uint32_t seq;
	struct jit__region region[JIT__REGIONS];
	void (*evict)(struct jit_code *code, void *arg);
	void *arg;
	struct jit_cache_stats stats;
	FILE *map;                     /* perf map */
	int dump;                      /* jitdump, -1: none */
	uint64_t index;
	void *marker;                  /* mapping by which perf finds the jitdump */
};

int jit__perf_open(struct jit_cache *c, const struct jit_cache_options *o, struct err *e);
void jit__perf_add(struct jit_cache *c, const struct jit_code *code);
void jit__perf_close(struct jit_cache *c);

#endif
