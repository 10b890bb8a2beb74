/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel over two file descriptors.  They may be shared with other
 * processes (a terminal), so O_NONBLOCK is not set: each transfer polls
 * first.  A write that poll allows can still block on a terminal whose reader
 * stalls: there the output side is opened anew, nonblocking, which leaves the
 * shared description alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "host/chan.h"

enum { WRITE_MAX = 512 };

struct chan_fd {
	struct chan chan;
	int in, out;
	struct loop_fd *in_watch, *out_watch;
};

static bool ready_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) == 1;
}

static ssize_t fd_read(struct chan *c, void *buf, size_t n)
{
	struct chan_fd *f = container_of(c, struct chan_fd, chan);
	ssize_t r;

	if (f->in < 0 || !n || !ready_now(f->in, POLLIN))
		return 0;
	r = read(f->in, buf, n);
	if (r > 0)
		return r;
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return -EPIPE;
}

static ssize_t fd_write(struct chan *c, const void *buf, size_t n)
{
	struct chan_fd *f = container_of(c, struct chan_fd, chan);
	ssize_t r;

	if (f->out < 0)
		return (ssize_t)n;
	if (!n || !ready_now(f->out, POLLOUT))
		return 0;
	r = write(f->out, buf, MIN(n, (size_t)WRITE_MAX));
	if (r >= 0)
		return r;
	return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
}

static void fd_want(struct chan *c, bool in, bool out)
{
	struct chan_fd *f = container_of(c, struct chan_fd, chan);

	if (f->in_watch)
		loop_fd_events(f->in_watch, in ? EPOLLIN : 0);
	if (f->out_watch)
		loop_fd_events(f->out_watch, out ? EPOLLOUT : 0);
}

static void fd_destroy(struct chan *c)
{
	struct chan_fd *f = container_of(c, struct chan_fd, chan);

	if (f->in_watch)
		loop_fd_remove(f->in_watch);
	if (f->out_watch)
		loop_fd_remove(f->out_watch);
	if (f->out >= 0 && f->out != f->in)
		close(f->out);
	if (f->in >= 0)
		close(f->in);
	base_free(f);
}

static void on_in(void *arg, uint32_t events)
{
	struct chan_fd *f = arg;

	(void)events;
	if (f->chan.ready)
		f->chan.ready(f->chan.ready_arg, true, false);
}

static void on_out(void *arg, uint32_t events)
{
	struct chan_fd *f = arg;

	(void)events;
	if (f->chan.ready)
		f->chan.ready(f->chan.ready_arg, false, true);
}

static const struct chan_ops fd_ops = {
	.read = fd_read, .write = fd_write, .want = fd_want, .destroy = fd_destroy,
};

/* A nonblocking description of our own where the file has no position
 * (terminal, pipe), else a duplicate. */
static int own_output(int fd)
{
	char path[32];
	struct stat st;
	int own = -1;

	if (!fstat(fd, &st) && (S_ISFIFO(st.st_mode) || isatty(fd))) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	return own >= 0 ? own : dup(fd);
}

/* epoll watches a file description once per descriptor number, so both
 * sides get a duplicate: input and output may be one terminal. */
struct chan *chan_fd_create(struct loop *l, int in_fd, int out_fd, struct err *e)
{
	struct chan_fd *f = base_zalloc(sizeof(*f));

	if (!f) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	f->chan.ops = &fd_ops;
	f->in = in_fd < 0 ? -1 : dup(in_fd);
	f->out = out_fd < 0 ? -1 : own_output(out_fd);
	if ((in_fd >= 0 && f->in < 0) || (out_fd >= 0 && f->out < 0)) {
		err_sys(e, "channel");
		goto fail;
	}
	if (f->in >= 0 && !(f->in_watch = loop_fd_add(l, f->in, 0, on_in, f, e)))
		goto fail;
	if (f->out >= 0 && !(f->out_watch = loop_fd_add(l, f->out, 0, on_out, f, e)))
		goto fail;
	return &f->chan;
fail:
	fd_destroy(&f->chan);
	return NULL;
}
