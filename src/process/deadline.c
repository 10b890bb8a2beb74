/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines; see deadline.h. */
#include "process/deadline.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/lock.h"

struct process_deadline {
	struct lock lock;
	pthread_cond_t changed;
	pthread_t thread;
	uint64_t at;            /* CLOCK_MONOTONIC, ns */
	bool canceled;
	void (*fn)(void *arg);
	void *arg;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *wait(void *arg)
{
	struct process_deadline *d = arg;
	bool canceled;

	lock_take(&d->lock);
	while (!d->canceled && now() < d->at)
		lock_wait_until(&d->lock, &d->changed, d->at);
	canceled = d->canceled;
	lock_drop(&d->lock);
	if (!canceled)
		d->fn(d->arg);
	return NULL;
}

struct process_deadline *process_deadline_start(uint64_t ns, void (*fn)(void *arg), void *arg,
						struct err *e)
{
	struct process_deadline *d = base_zalloc(sizeof(*d));
	uint64_t t = now();
	sigset_t all, before;
	int r;

	if (!d) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	d->fn = fn;
	d->arg = arg;
	d->at = ns > UINT64_MAX - t ? UINT64_MAX : t + ns;
	lock_init(&d->lock, LOCK_RANK_HOST);
	lock_cond_init(&d->changed);
	/* Signals are for the threads of the program's own. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&d->thread, NULL, wait, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		err_set(e, r, "no thread for a deadline: %s", strerror(r));
		pthread_cond_destroy(&d->changed);
		lock_fini(&d->lock);
		base_free(d);
		return NULL;
	}
	return d;
}

void process_deadline_cancel(struct process_deadline *d)
{
	if (!d)
		return;
	lock_take(&d->lock);
	d->canceled = true;
	pthread_cond_signal(&d->changed);
	lock_drop(&d->lock);
	pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->changed);
	lock_fini(&d->lock);
	base_free(d);
}
