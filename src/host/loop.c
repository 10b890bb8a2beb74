/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop.  One lock guards the three lists (descriptors, timers,
 * posted calls); it is never held while a callback runs.  A descriptor that
 * epoll does not take (a regular file) counts as always ready.
 */
#include "host/loop.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/lock.h"

struct loop_fd {
	struct loop *loop;
	struct loop_fd *next;
	int fd;
	uint32_t events;
	bool registered;        /* in the epoll set */
	bool always;            /* epoll refuses it: always ready */
	bool dead;              /* removed; freed after the round */
	loop_fd_fn *fn;
	void *arg;
};

struct post {
	struct post *next;
	loop_fn *fn;
	void *arg;
};

struct loop {
	struct lock lock;
	struct clock *clock;
	int epoll, wake;
	bool stop;
	bool woken;             /* an eventfd write is outstanding */
	struct loop_fd *fds;
	struct loop_timer *timers;
	uint64_t round;         /* counts run_timers */
	struct post *posted, **posted_tail;
	struct post *running;   /* being run in this round */
};

struct loop *loop_create(struct clock *clock, struct err *e)
{
	struct loop *l = base_zalloc(sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN };

	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	lock_init(&l->lock, LOCK_RANK_LOOP);
	l->clock = clock;
	l->posted_tail = &l->posted;
	l->wake = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll >= 0)
		l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev) < 0) {
		err_sys(e, "event loop");
		loop_destroy(l);
		return NULL;
	}
	return l;
}

static void free_dead(struct loop *l)
{
	lock_take(&l->lock);
	for (struct loop_fd **p = &l->fds; *p;) {
		struct loop_fd *f = *p;

		if (f->dead) {
			*p = f->next;
			base_free(f);
		} else {
			p = &f->next;
		}
	}
	lock_drop(&l->lock);
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	for (struct loop_fd *f = l->fds; f; f = f->next)
		f->dead = true;
	free_dead(l);
	while (l->posted) {
		struct post *p = l->posted;

		l->posted = p->next;
		base_free(p);
	}
	if (l->wake >= 0)
		close(l->wake);
	if (l->epoll >= 0)
		close(l->epoll);
	lock_fini(&l->lock);
	base_free(l);
}

/* The lock is held. */
static void wake(struct loop *l)
{
	uint64_t one = 1;

	if (l->woken)
		return;
	l->woken = true;
	while (write(l->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void loop_stop(struct loop *l)
{
	lock_take(&l->lock);
	l->stop = true;
	wake(l);
	lock_drop(&l->lock);
}

void loop_run(struct loop *l)
{
	bool stop;

	do {
		loop_step(l, -1);
		lock_take(&l->lock);
		stop = l->stop;
		lock_drop(&l->lock);
	} while (!stop);
	lock_take(&l->lock);
	l->stop = false;
	lock_drop(&l->lock);
}

/* ---- posted calls ------------------------------------------------------ */

bool loop_post(struct loop *l, loop_fn *fn, void *arg)
{
	struct post *p = base_alloc(sizeof(*p));

	if (!p)
		return false;
	*p = (struct post){ .fn = fn, .arg = arg };
	lock_take(&l->lock);
	*l->posted_tail = p;
	l->posted_tail = &p->next;
	wake(l);
	lock_drop(&l->lock);
	return true;
}

/* Runs what was posted before it began; what those calls post waits for the
 * next round, so that a self-posting call cannot starve the descriptors. */
static bool run_posted(struct loop *l)
{
	struct post *p;
	bool any = false;

	lock_take(&l->lock);
	l->running = l->posted;
	l->posted = NULL;
	l->posted_tail = &l->posted;
	while ((p = l->running)) {
		l->running = p->next;
		lock_drop(&l->lock);
		p->fn(p->arg);
		base_free(p);
		any = true;
		lock_take(&l->lock);
	}
	lock_drop(&l->lock);
	return any;
}

static void cancel_in(struct post **p, loop_fn *fn, void *arg)
{
	while (*p) {
		struct post *q = *p;

		if (q->fn == fn && q->arg == arg) {
			*p = q->next;
			base_free(q);
		} else {
			p = &q->next;
		}
	}
}

void loop_cancel(struct loop *l, loop_fn *fn, void *arg)
{
	lock_take(&l->lock);
	cancel_in(&l->running, fn, arg);
	cancel_in(&l->posted, fn, arg);
	l->posted_tail = &l->posted;
	while (*l->posted_tail)
		l->posted_tail = &(*l->posted_tail)->next;
	lock_drop(&l->lock);
}

/* ---- timers ------------------------------------------------------------ */

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *arg)
{
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg, .due = UINT64_MAX };
	lock_take(&l->lock);
	t->next = l->timers;
	l->timers = t;
	lock_drop(&l->lock);
}

void loop_timer_fini(struct loop_timer *t)
{
	struct loop *l = t->loop;

	if (!l)
		return;
	lock_take(&l->lock);
	for (struct loop_timer **p = &l->timers; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	lock_drop(&l->lock);
	t->loop = NULL;
}

void loop_timer_set(struct loop_timer *t, uint64_t due)
{
	lock_take(&t->loop->lock);
	t->due = due;
	wake(t->loop);
	lock_drop(&t->loop->lock);
}

void loop_timer_cancel(struct loop_timer *t)
{
	lock_take(&t->loop->lock);
	t->due = UINT64_MAX;
	lock_drop(&t->loop->lock);
}

uint64_t loop_now(const struct loop *l)
{
	return clock_now(l->clock);
}

uint64_t loop_next_due(struct loop *l)
{
	uint64_t due = UINT64_MAX;

	lock_take(&l->lock);
	for (struct loop_timer *t = l->timers; t; t = t->next)
		due = MIN(due, t->due);
	lock_drop(&l->lock);
	return due;
}

/* Fires what was due at `now`, earliest first; each timer once at most, so
 * that one that sets itself to the past cannot starve the rest. */
static bool run_timers(struct loop *l)
{
	uint64_t now = clock_now(l->clock);
	bool any = false;

	for (l->round++;;) {
		struct loop_timer *first = NULL;
		loop_fn *fn = NULL;
		void *arg = NULL;

		lock_take(&l->lock);
		for (struct loop_timer *t = l->timers; t; t = t->next)
			if (t->due <= now && t->round != l->round &&
			    (!first || t->due < first->due))
				first = t;
		if (first) {
			fn = first->fn;
			arg = first->arg;
			first->due = UINT64_MAX;
			first->round = l->round;
		}
		lock_drop(&l->lock);
		if (!fn)
			return any;
		fn(arg);
		any = true;
	}
}

/* ---- descriptors ------------------------------------------------------- */

/* The lock is held.  A muted descriptor leaves the set: epoll would report
 * hang-ups for it for ever. */
static int apply_events(struct loop_fd *f)
{
	struct epoll_event ev = { .events = f->events, .data.ptr = f };
	int op = f->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (f->always)
		return 0;
	if (!f->events) {
		if (f->registered)
			epoll_ctl(f->loop->epoll, EPOLL_CTL_DEL, f->fd, &ev);
		f->registered = false;
		return 0;
	}
	if (epoll_ctl(f->loop->epoll, op, f->fd, &ev) < 0) {
		if (errno != EPERM)
			return -errno;
		f->always = true;
		return 0;
	}
	f->registered = true;
	return 0;
}

struct loop_fd *loop_fd_add(struct loop *l, int fd, uint32_t events,
			    loop_fd_fn *fn, void *arg, struct err *e)
{
	struct loop_fd *f = base_zalloc(sizeof(*f));
	int r;

	if (!f) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*f = (struct loop_fd){ .loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg };
	lock_take(&l->lock);
	r = apply_events(f);
	if (!r) {
		f->next = l->fds;
		l->fds = f;
	}
	lock_drop(&l->lock);
	if (r) {
		base_free(f);
		errno = -r;
		err_sys(e, "watching descriptor %d", fd);
		return NULL;
	}
	return f;
}

void loop_fd_events(struct loop_fd *f, uint32_t events)
{
	lock_take(&f->loop->lock);
	if (!f->dead && f->events != events) {
		f->events = events;
		apply_events(f);
		if (f->always)
			wake(f->loop);
	}
	lock_drop(&f->loop->lock);
}

void loop_fd_remove(struct loop_fd *f)
{
	lock_take(&f->loop->lock);
	f->events = 0;
	apply_events(f);
	f->dead = true;
	lock_drop(&f->loop->lock);
}

static bool always_ready(struct loop *l)
{
	bool any = false;

	lock_take(&l->lock);
	for (struct loop_fd *f = l->fds; f; f = f->next)
		any |= f->always && f->events && !f->dead;
	lock_drop(&l->lock);
	return any;
}

/* Only the loop thread frees entries (free_dead), so the walk is safe; new
 * ones are put in front of it. */
static bool run_always_ready(struct loop *l)
{
	bool any = false;

	lock_take(&l->lock);
	for (struct loop_fd *f = l->fds; f; f = f->next) {
		uint32_t events = f->events;

		if (!f->always || !events || f->dead)
			continue;
		lock_drop(&l->lock);
		f->fn(f->arg, events);
		any = true;
		lock_take(&l->lock);
	}
	lock_drop(&l->lock);
	return any;
}

/* ---- the round --------------------------------------------------------- */

static int wait_ms(struct loop *l, int timeout_ms)
{
	uint64_t due, now, ms;

	if (always_ready(l))
		return 0;
	due = loop_next_due(l);
	now = clock_now(l->clock);
	if (due <= now)
		return 0;
	/* Virtual time does not pass while we wait. */
	if (due == UINT64_MAX || l->clock->is_virtual)
		return timeout_ms;
	ms = (due - now + 999999) / 1000000;
	if (timeout_ms >= 0 && ms > (uint64_t)timeout_ms)
		return timeout_ms;
	return (int)MIN(ms, (uint64_t)3600000);
}

/* Muted or removed since epoll looked at it? */
static bool is_watched(struct loop_fd *f)
{
	bool watched;

	lock_take(&f->loop->lock);
	watched = !f->dead && f->events;
	lock_drop(&f->loop->lock);
	return watched;
}

bool loop_step(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[32];
	bool any = false;
	int n = epoll_wait(l->epoll, ev, ARRAY_LEN(ev), wait_ms(l, timeout_ms));

	for (int i = 0; i < n; i++) {
		struct loop_fd *f = ev[i].data.ptr;

		if (!f) {
			uint64_t count;

			lock_take(&l->lock);
			if (read(l->wake, &count, sizeof(count)) > 0)
				l->woken = false;
			lock_drop(&l->lock);
		} else if (is_watched(f)) {
			f->fn(f->arg, ev[i].events);
			any = true;
		}
	}
	any |= run_always_ready(l);
	any |= run_posted(l);
	any |= run_timers(l);
	free_dead(l);
	return any;
}
