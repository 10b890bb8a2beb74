/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked mutexes; the held set is per thread and only kept in debug builds. */
#include "base/lock.h"

#include <assert.h>

#ifndef NDEBUG
static __thread unsigned held; /* bit per rank */
#endif

void lock_init(struct lock *l, enum lock_rank rank)
{
	pthread_mutex_init(&l->mutex, NULL);
	l->rank = rank;
}

void lock_fini(struct lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

void lock_take(struct lock *l)
{
#ifndef NDEBUG
	assert(!(held >> l->rank) && "lock order violated");
	held |= 1u << l->rank;
#endif
	pthread_mutex_lock(&l->mutex);
}

void lock_drop(struct lock *l)
{
	pthread_mutex_unlock(&l->mutex);
#ifndef NDEBUG
	assert(held >> l->rank & 1);
	held &= ~(1u << l->rank);
#endif
}

void lock_wait(struct lock *l, pthread_cond_t *c)
{
	pthread_cond_wait(c, &l->mutex);
}
