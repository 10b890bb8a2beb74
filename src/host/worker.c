/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker pool.  A lane with jobs is in the ready list or being run by one
 * thread; that thread runs one job and puts the lane back at the end, so
 * that lanes share the threads fairly.
 */
#include "host/worker.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/lock.h"

enum { THREADS_MAX = 16 };

struct worker_lane {
	struct worker *worker;
	struct worker_job *jobs, **tail;
	bool busy;              /* a thread runs a job of it */
	struct worker_lane *next_ready;
};

struct worker {
	struct lock lock;
	pthread_cond_t work;    /* a lane became ready, or stop */
	pthread_cond_t idle;    /* a lane ran out of jobs */
	bool inline_mode, stop;
	struct worker_lane *ready, **ready_tail;
	unsigned nthreads;
	pthread_t thread[THREADS_MAX];
};

static void make_ready(struct worker *w, struct worker_lane *l)
{
	l->next_ready = NULL;
	*w->ready_tail = l;
	w->ready_tail = &l->next_ready;
	pthread_cond_signal(&w->work);
}

static struct worker_lane *take_ready(struct worker *w)
{
	struct worker_lane *l = w->ready;

	w->ready = l->next_ready;
	if (!w->ready)
		w->ready_tail = &w->ready;
	return l;
}

static void run_one(struct worker *w, struct worker_lane *l)
{
	struct worker_job *job = l->jobs;

	l->jobs = job->next;
	if (!l->jobs)
		l->tail = &l->jobs;
	l->busy = true;
	lock_drop(&w->lock);
	job->fn(job);
	lock_take(&w->lock);
	l->busy = false;
	if (l->jobs)
		make_ready(w, l);
	else
		pthread_cond_broadcast(&w->idle);
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;

	lock_take(&w->lock);
	for (;;) {
		while (!w->ready && !w->stop)
			lock_wait(&w->lock, &w->work);
		if (!w->ready)
			break;
		run_one(w, take_ready(w));
	}
	lock_drop(&w->lock);
	return NULL;
}

struct worker *worker_create(unsigned threads, bool inline_mode, struct err *e)
{
	struct worker *w = base_zalloc(sizeof(*w));

	assert(threads <= THREADS_MAX);
	if (!w) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	lock_init(&w->lock, LOCK_RANK_HOST);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->idle, NULL);
	w->inline_mode = inline_mode;
	w->ready_tail = &w->ready;
	for (unsigned i = 0; i < threads && !inline_mode; i++) {
		int r = pthread_create(&w->thread[i], NULL, worker_thread, w);

		if (r) {
			err_set(e, r, "cannot start an I/O thread");
			worker_destroy(w);
			return NULL;
		}
		w->nthreads++;
	}
	return w;
}

void worker_destroy(struct worker *w)
{
	if (!w)
		return;
	lock_take(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->work);
	lock_drop(&w->lock);
	for (unsigned i = 0; i < w->nthreads; i++)
		pthread_join(w->thread[i], NULL);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->idle);
	lock_fini(&w->lock);
	base_free(w);
}

bool worker_is_inline(const struct worker *w)
{
	return w->inline_mode;
}

struct worker_lane *worker_lane_create(struct worker *w, struct err *e)
{
	struct worker_lane *l = base_zalloc(sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	l->worker = w;
	l->tail = &l->jobs;
	return l;
}

void worker_lane_destroy(struct worker_lane *l)
{
	if (!l)
		return;
	worker_drain(l);
	base_free(l);
}

void worker_submit(struct worker_lane *l, struct worker_job *job)
{
	struct worker *w = l->worker;

	job->next = NULL;
	if (w->inline_mode) {
		job->fn(job);
		return;
	}
	lock_take(&w->lock);
	bool was_idle = !l->jobs && !l->busy;

	*l->tail = job;
	l->tail = &job->next;
	if (was_idle)
		make_ready(w, l);
	lock_drop(&w->lock);
}

void worker_drain(struct worker_lane *l)
{
	struct worker *w = l->worker;

	lock_take(&w->lock);
	while (l->jobs || l->busy)
		lock_wait(&w->lock, &w->idle);
	lock_drop(&w->lock);
}
