/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranked locks.  A thread may take a lock only of a higher rank than every
 * lock that it holds; debug builds assert it.  The ranks are the whole
 * locking order of the program.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdint.h>

enum lock_rank {
	LOCK_RANK_VM = 1,    /* machine lifecycle */
	LOCK_RANK_IO,        /* one machine's device lock (mem.h: locked MMIO) */
	LOCK_RANK_DEV,       /* a device with a lock of its own */
	LOCK_RANK_IRQ,       /* interrupt controllers */
	LOCK_RANK_MEM,       /* the MMIO map */
	LOCK_RANK_HOST,      /* host services: channels, block queues */
	LOCK_RANK_LOOP,      /* the event loop's posted list */
	LOCK_RANK_HART,      /* a hart's sleep/wake lock */
	LOCK_RANK_PARK,      /* threads parked at a shared memory */
	LOCK_RANK_MODULE,    /* a module's bodies and names, decoded when asked for */
	LOCK_RANK_TYPES,     /* a store of WebAssembly types */
	LOCK_RANK_MAX,
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
/* Condition wait; the rank stays accounted. */
void lock_wait(struct lock *l, pthread_cond_t *c);
/* The same until CLOCK_MONOTONIC is `ns`; c was made by lock_cond_init(). */
void lock_wait_until(struct lock *l, pthread_cond_t *c, uint64_t ns);
void lock_cond_init(pthread_cond_t *c);

#endif
