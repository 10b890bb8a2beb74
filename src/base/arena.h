/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: bump allocation, freed as a whole.  Not thread safe.
 * Memory is zeroed and 16-byte aligned.  NULL when out of memory.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *chunk; /* newest first */
	size_t total;              /* bytes taken from the heap */
	size_t limit;              /* 0: none; else allocation past it fails */
};

void arena_init(struct arena *a, size_t limit);
void arena_fini(struct arena *a);
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);

#endif
