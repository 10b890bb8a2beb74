/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots with generations: ids that a guest holds.  An id is
 * generation << 32 | index; a freed slot's generation moves on, so an old id
 * finds nothing.  Relies on the caller's lock.
 */
#include "host/fs_int.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

static int slots_grow(struct fs_slots *s, uint32_t want)
{
	uint32_t cap = s->cap ? s->cap : 64;
	void *p;

	while (cap <= want)
		cap *= 2;
	if (cap == s->cap)
		return 0;
	p = base_realloc(s->p, cap * sizeof(s->p[0]));
	if (!p)
		return -ENFILE;
	s->p = p;
	p = base_realloc(s->gen, cap * sizeof(s->gen[0]));
	if (!p)
		return -ENFILE;
	s->gen = p;
	p = base_realloc(s->free, cap * sizeof(s->free[0]));
	if (!p)
		return -ENFILE;
	s->free = p;
	for (uint32_t i = cap; i-- > s->cap;) {
		s->p[i] = NULL;
		s->gen[i] = 0;
		if (i)
			s->free[s->nfree++] = i;
	}
	s->cap = cap;
	return 0;
}

int fs__slot_take(struct fs_slots *s, void *p, uint32_t *idx, uint32_t *gen)
{
	uint32_t i;

	if (s->used >= s->max || (!s->nfree && slots_grow(s, s->cap)))
		return -ENFILE;
	i = s->free[--s->nfree];
	s->p[i] = p;
	s->used++;
	*idx = i;
	*gen = s->gen[i];
	return 0;
}

/* A restored object takes the slot that it had; fs__slots_refill follows. */
int fs__slot_put_at(struct fs_slots *s, void *p, uint32_t idx, uint32_t gen)
{
	if (!idx || idx > 2 * (uint64_t)s->max + 64 || s->used >= s->max)
		return -ENFILE;
	if (idx >= s->cap && slots_grow(s, idx))
		return -ENFILE;
	if (s->p[idx])
		return -EEXIST;
	s->p[idx] = p;
	s->gen[idx] = gen;
	s->used++;
	return 0;
}

void fs__slots_refill(struct fs_slots *s)
{
	s->nfree = 0;
	for (uint32_t i = s->cap; i-- > 1;)
		if (!s->p[i])
			s->free[s->nfree++] = i;
}

void *fs__slot_find(const struct fs_slots *s, uint64_t id)
{
	uint32_t i = (uint32_t)id;

	if (!i || i >= s->cap || !s->p[i] || s->gen[i] != id >> 32)
		return NULL;
	return s->p[i];
}

void fs__slot_drop(struct fs_slots *s, uint32_t idx)
{
	s->p[idx] = NULL;
	s->gen[idx]++;
	s->free[s->nfree++] = idx;
	s->used--;
}

void fs__slots_fini(struct fs_slots *s)
{
	base_free(s->p);
	base_free(s->gen);
	base_free(s->free);
}
