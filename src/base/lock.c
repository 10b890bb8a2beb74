/* SPDX-License-Identifier: Apache-2.0 */
/* Ranked mutexes; the held set is per thread and only kept in debug builds. */
#include "base/lock.h"

#include <assert.h>
#include <time.h>

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

void lock_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

void lock_wait_until(struct lock *l, pthread_cond_t *c, uint64_t ns)
{
	struct timespec t = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	pthread_cond_timedwait(c, &l->mutex, &t);
}
