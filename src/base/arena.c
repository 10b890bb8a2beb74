/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bump allocator; see arena.h. */
#include "base/arena.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(16) char data[];
};

/* Chunks double: small users touch, and clear, little. */
enum { CHUNK_MIN = 4 << 10, CHUNK_MAX = 64 << 10 };

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){ .limit = limit };
}

void arena_fini(struct arena *a)
{
	while (a->chunk) {
		struct arena_chunk *next = a->chunk->next;

		base_free(a->chunk);
		a->chunk = next;
	}
	a->total = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->chunk;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = align_up(size, 16);
	if (!c || c->size - c->used < size) {
		size_t room = MAX(size, c ? MIN(c->size * 2, (size_t)CHUNK_MAX) : (size_t)CHUNK_MIN);

		if (a->limit && (room > a->limit || a->total > a->limit - room))
			return NULL;
		c = base_zalloc(sizeof(*c) + room);
		if (!c)
			return NULL;
		c->size = room;
		c->next = a->chunk;
		a->chunk = c;
		a->total += room;
	}
	c->used += size;
	return c->data + c->used - size;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = arena_alloc(a, n);

	return p ? memcpy(p, s, n) : NULL;
}
