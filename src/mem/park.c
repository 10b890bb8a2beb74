/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parking lot: buckets by a hash of the key, each with its lock and a list
 * of who is parked, oldest first.  A parked thread is an entry on its own
 * stack with its own condition: it is woken alone, and takes itself out of the
 * list when nobody else did (time ran out, canceled).
 */
#include "mem/park.h"

#include <time.h>

#include "base/alloc.h"
#include "base/lock.h"

enum { BUCKETS = 32 };

struct parked {
	struct parked *next, **prev;    /* **prev is this; NULL: not in the list */
	uint64_t key;
	pthread_cond_t cond;
};
struct bucket {
	struct lock lock;
	struct parked *first, **last;   /* last: where the next one is hung */
};
struct mem_park {
	struct bucket buckets[BUCKETS];
};

static struct bucket *bucket_of(struct mem_park *p, uint64_t key)
{
	/* Addresses are multiples of 4 or 8: the product mixes them upward. */
	return &p->buckets[key * 0x9e3779b97f4a7c15 >> 59];
}
_Static_assert(BUCKETS == 1 << (64 - 59), "the shift takes so many bits");

struct mem_park *mem_park_create(void)
{
	struct mem_park *p = base_zalloc(sizeof(*p));

	for (unsigned i = 0; p && i < BUCKETS; i++) {
		lock_init(&p->buckets[i].lock, LOCK_RANK_PARK);
		p->buckets[i].last = &p->buckets[i].first;
	}
	return p;
}

void mem_park_destroy(struct mem_park *p)
{
	for (unsigned i = 0; p && i < BUCKETS; i++)
		lock_fini(&p->buckets[i].lock);
	base_free(p);
}

static void enter(struct bucket *b, struct parked *t)
{
	t->next = NULL;
	t->prev = b->last;
	*b->last = t;
	b->last = &t->next;
}

static void leave(struct bucket *b, struct parked *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		b->last = t->prev;
	t->prev = NULL;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

enum mem_park_result mem_park_wait(struct mem_park *p, uint64_t key, bool (*same)(void *arg),
				   void *arg, int64_t timeout, const _Atomic bool *cancel)
{
	struct bucket *b = bucket_of(p, key);
	struct parked t = { .key = key };
	enum mem_park_result r = MEM_PARK_WOKEN;
	uint64_t deadline = timeout < 0 ? 0 : now_ns() + (uint64_t)timeout;

	lock_cond_init(&t.cond);
	lock_take(&b->lock);
	if (!same(arg)) {
		r = MEM_PARK_NOT_EQUAL;
	} else {
		enter(b, &t);
		while (t.prev) {
			if (atomic_load(cancel))
				r = MEM_PARK_CANCELED;
			else if (timeout >= 0 && now_ns() >= deadline)
				r = MEM_PARK_TIMED_OUT;
			else if (timeout >= 0)
				lock_wait_until(&b->lock, &t.cond, deadline);
			else
				lock_wait(&b->lock, &t.cond);
			if (r != MEM_PARK_WOKEN)
				leave(b, &t);
		}
	}
	lock_drop(&b->lock);
	pthread_cond_destroy(&t.cond);
	return r;
}

/* The conditions are signaled with the lock held: without it the entry, on
 * its thread's stack, could be gone. */
uint32_t mem_park_wake(struct mem_park *p, uint64_t key, uint32_t count)
{
	struct bucket *b = bucket_of(p, key);
	uint32_t n = 0;

	lock_take(&b->lock);
	for (struct parked *t = b->first, *next; t && n < count; t = next) {
		next = t->next;
		if (t->key != key)
			continue;
		leave(b, t);
		pthread_cond_signal(&t->cond);
		n++;
	}
	lock_drop(&b->lock);
	return n;
}

void mem_park_kick(struct mem_park *p)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct bucket *b = &p->buckets[i];

		lock_take(&b->lock);
		for (struct parked *t = b->first; t; t = t->next)
			pthread_cond_signal(&t->cond);
		lock_drop(&b->lock);
	}
}
