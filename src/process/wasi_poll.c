/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll_oneoff: wait for the first of several clocks and descriptors.  Files
 * are always ready.  All deadlines are turned into the monotonic clock's; a
 * virtual clock jumps to the nearest one instead of sleeping.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { NS = 1000000000, FEW = 8 };

struct sub {
	uint64_t userdata;
	uint8_t type;
	bool ready;
	uint16_t error, flags;
	uint64_t deadline;      /* clocks */
	uint64_t nbytes;
	struct wasi_file *file; /* a reference */
	int at;                 /* its pollfd, or -1 */
};

struct wait {
	struct wasi_call *c;
	struct sub *subs;
	struct pollfd *fds;
	uint32_t n, nfds;
	bool any_ready, any_clock;
	uint64_t deadline;
};

static uint64_t add_sat(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

/* ---- subscriptions ------------------------------------------------------------------ */

static int take_clock(struct wait *x, struct sub *s, uint32_t id, uint64_t timeout,
		      uint32_t flags)
{
	uint64_t now, then;
	int r;

	if (flags & ~(uint32_t)WASI_ABSTIME)
		return WASI_EINVAL;
	r = wasi__clock(x->c->w, x->c->store, id, &then);
	if (r)
		return r;
	now = clock_now(x->c->w->clock);
	if (flags & WASI_ABSTIME)
		timeout = timeout > then ? timeout - then : 0;
	s->deadline = add_sat(now, timeout);
	x->deadline = x->any_clock ? MIN(x->deadline, s->deadline) : s->deadline;
	x->any_clock = true;
	return 0;
}

static int take_file(struct wait *x, struct sub *s, uint32_t fd)
{
	bool read = s->type == WASI_EVENT_READ;
	struct wasi_file *f;
	uint64_t size = 0;
	int r = wasi__file_get(x->c->w, fd, WASI_POLL_FD_READWRITE, &f);

	if (r)
		return r;
	s->file = f;
	if (f->kind == WASI_DIR)
		return WASI_EBADF;
	if (f->kind == WASI_STREAM && !f->regular) {
		s->at = (int)x->nfds;
		x->fds[x->nfds++] = (struct pollfd){ f->fd, read ? POLLIN : POLLOUT, 0 };
		return 0;
	}
	s->ready = true;
	if (f->kind == WASI_FILE && read) {
		r = wasi__file_size(f, &size);
		lock_take(&f->lock);
		s->nbytes = !f->at_end && size > f->offset ? size - f->offset : 0;
		lock_drop(&f->lock);
	}
	return r;
}

/* userdata 8 | type 1, 7 padding | clock: (old: identifier 8 |) id 4, 4 | timeout 8 |
 * precision 8 | flags 2; descriptor: fd 4 */
static int take_sub(struct wait *x, struct sub *s, const uint8_t *p, bool old)
{
	const uint8_t *u = p + 16, *clock = old ? u + 8 : u;
	int r = 0;

	s->userdata = wasi__ld64(p);
	s->type = *(const volatile uint8_t *)(p + 8);
	s->at = -1;
	if (s->type > WASI_EVENT_WRITE)
		return WASI_EINVAL;
	if (s->type == WASI_EVENT_CLOCK)
		r = take_clock(x, s, wasi__ld32(clock), wasi__ld64(clock + 8),
			       wasi__ld32(clock + 24) & 0xffff);
	else
		r = take_file(x, s, wasi__ld32(u));
	s->error = (uint16_t)wasi__errno(r);
	s->ready |= r != 0;
	x->any_ready |= s->ready;
	return 0;
}

/* ---- waiting ------------------------------------------------------------------------- */

/* 1: something is ready, 0: the deadline has come, -errno. */
static int wait_host(struct wait *x, bool block)
{
	struct wasi *w = x->c->w;
	uint32_t nfds = x->nfds;
	struct timespec ts = { 0, 0 };
	uint64_t now;
	int n;

	if (w->kickable)
		x->fds[nfds++] = (struct pollfd){ w->stop_fd, POLLIN, 0 };
	for (;;) {
		now = clock_now(w->clock);
		if (block && x->any_clock && x->deadline != UINT64_MAX) {
			uint64_t ns = x->deadline > now ? x->deadline - now : 0;

			ts.tv_sec = (time_t)MIN(ns / NS, (uint64_t)INT_MAX);
			ts.tv_nsec = (long)(ns % NS);
		}
		n = ppoll(x->fds, nfds, block && !(x->any_clock && x->deadline != UINT64_MAX) ?
			  NULL : &ts, NULL);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(&w->stop))
			return -EINTR;
		if (n > 0)
			return 1;
		if (!block || (x->any_clock && clock_now(w->clock) >= x->deadline))
			return 0;
	}
}

static int wait_virtual(struct wait *x)
{
	struct wasi *w = x->c->w;
	bool never = !x->any_clock || x->deadline == UINT64_MAX;
	int r = x->nfds || never ? wait_host(x, never) : 0;

	if (r || never)
		return r;
	lock_take(&w->lock);
	if (x->deadline > clock_now(w->clock))
		clock_set(w->clock, x->deadline);
	lock_drop(&w->lock);
	return 0;
}

static int wait_any(struct wait *x)
{
	int r;

	/* What is ready now does not keep others from being asked. */
	if (x->any_ready)
		r = x->nfds ? wait_host(x, false) : 0;
	else if (x->c->w->clock->is_virtual)
		r = wait_virtual(x);
	else
		r = wait_host(x, true);
	return r < 0 ? r : 0;
}

/* ---- events ---------------------------------------------------------------------------- */

static void look(struct wait *x, struct sub *s, uint64_t now)
{
	short re;
	int n = 0;

	if (s->type == WASI_EVENT_CLOCK)
		s->ready |= s->deadline <= now;
	if (s->at < 0)
		return;
	re = x->fds[s->at].revents;
	if (!re)
		return;
	s->ready = true;
	if (re & POLLNVAL)
		s->error = WASI_EBADF;
	if (re & (POLLHUP | POLLERR))
		s->flags = WASI_EVENT_HANGUP;
	if (s->type == WASI_EVENT_WRITE)
		s->nbytes = PIPE_BUF;
	else if (!ioctl(s->file->fd, FIONREAD, &n) && n > 0)
		s->nbytes = (uint64_t)n;
}

static uint32_t emit(struct wait *x, uint8_t *out)
{
	uint64_t now = clock_now(x->c->w->clock);
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->n; i++) {
		struct sub *s = &x->subs[i];
		uint8_t *p = out + (uint64_t)n * WASI_EVENT_SIZE;

		look(x, s, now);
		if (!s->ready)
			continue;
		memset(p, 0, WASI_EVENT_SIZE);
		st_le64(p, s->userdata);
		st_le16(p + 8, s->error);
		p[10] = s->type;
		if (s->type != WASI_EVENT_CLOCK) {
			st_le64(p + 16, s->nbytes);
			st_le16(p + 24, s->flags);
		}
		n++;
	}
	return n;
}

static int poll_all(struct wait *x, const uint8_t *in, uint8_t *out, uint32_t *nevents)
{
	uint32_t size = x->c->old ? WASI_SUB_OLD_SIZE : WASI_SUB_SIZE;
	int r = 0;

	for (uint32_t i = 0; i < x->n && !r; i++)
		r = take_sub(x, &x->subs[i], in + (uint64_t)i * size, x->c->old);
	/* A clock that runs out late (virtual, not to be waited for) is no event. */
	while (!r) {
		r = wait_any(x);
		if (r)
			break;
		*nevents = emit(x, out);
		if (*nevents)
			break;
	}
	for (uint32_t i = 0; i < x->n; i++)
		if (x->subs[i].file)
			wasi__file_put(x->c->w, x->subs[i].file);
	return r;
}

int wasi__poll_oneoff(struct wasi_call *c)
{
	uint32_t n = c->arg[2].w, nevents = 0;
	uint8_t *in = wasi__mem(c, c->arg[0].w,
				(uint64_t)n * (c->old ? WASI_SUB_OLD_SIZE : WASI_SUB_SIZE));
	uint8_t *out = wasi__mem(c, c->arg[1].w, (uint64_t)n * WASI_EVENT_SIZE);
	struct sub few_subs[FEW];
	struct pollfd few_fds[FEW + 1];
	struct wait x = { .c = c, .subs = few_subs, .fds = few_fds, .n = n };
	int r;

	if (!n || n > WASI_POLL_MAX)
		return WASI_EINVAL;
	if (!in || !out)
		return WASI_EFAULT;
	if (n > FEW) {
		x.subs = base_calloc(n, sizeof(*x.subs));
		x.fds = base_calloc(n + 1u, sizeof(*x.fds));
	} else {
		memset(few_subs, 0, sizeof(few_subs));
	}
	r = x.subs && x.fds ? poll_all(&x, in, out, &nevents) : -ENOMEM;
	if (!r)
		st_le32(c->arg[3].p, nevents);
	if (n > FEW) {
		base_free(x.subs);
		base_free(x.fds);
	}
	return r;
}
