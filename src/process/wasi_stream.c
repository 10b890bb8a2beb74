/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: the host's descriptors that a program was given (standard streams,
 * sockets), and byte channels.  A descriptor is shared with other processes,
 * so its flags are never changed: what is not to block is asked with poll(2)
 * before.  Data goes straight between the program's memory and the host.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

static enum wasi_filetype socket_type(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n);
	return type == SOCK_DGRAM ? WASI_TYPE_DGRAM : WASI_TYPE_SOCKET;
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) && on;
}

int wasi__stream_new(int fd, bool owned, uint64_t allowed, struct wasi_file **out)
{
	int flags = fcntl(fd, F_GETFL), acc = flags & O_ACCMODE;
	uint64_t rights = WASI_RIGHTS_STREAM;
	struct wasi_file *f;
	struct stat st;

	if (flags < 0 || fstat(fd, &st))
		return -errno;
	if (flags & O_PATH)
		return -EBADF; /* it only keeps the number */
	f = wasi__file_new(WASI_STREAM, wasi__type_of_mode(st.st_mode), 0, 0);
	if (!f)
		return -ENOMEM;
	f->fd = fd;
	f->owned = owned;
	f->socket = S_ISSOCK(st.st_mode);
	f->regular = S_ISREG(st.st_mode);
	/* What can seek is no terminal: programs tell them apart by this right. */
	f->seekable = !f->socket && !isatty(fd) && lseek(fd, 0, SEEK_CUR) >= 0;
	if (f->socket) {
		f->type = socket_type(fd);
		rights = is_listening(fd) ? WASI_RIGHTS_LISTENER : WASI_RIGHTS_SOCKET;
	} else if (f->regular) {
		rights = WASI_RIGHTS_FILE & ~(uint64_t)WASI_FD_FILESTAT_SET_TIMES;
	} else if (f->seekable) {
		rights |= WASI_FD_SEEK | WASI_FD_TELL;
	}
	if (acc == O_RDONLY)
		rights &= ~(uint64_t)(WASI_FD_WRITE | WASI_FD_ALLOCATE |
				      WASI_FD_FILESTAT_SET_SIZE);
	else if (acc == O_WRONLY)
		rights &= ~(uint64_t)WASI_FD_READ;
	f->base = f->inheriting = rights & allowed;
	if (rights & WASI_SOCK_ACCEPT)
		f->inheriting = WASI_RIGHTS_SOCKET;
	if (flags & O_APPEND)
		f->flags = WASI_APPEND;
	*out = f;
	return 0;
}

int wasi__stream_wait(struct wasi *w, struct wasi_file *f, short events)
{
	bool nonblock = f->flags & WASI_NONBLOCK;
	struct pollfd p[2] = { { .fd = f->fd, .events = events },
			       { .fd = w->stop_fd, .events = POLLIN } };

	if (f->regular || (!nonblock && !w->kickable))
		return 0;
	for (;;) {
		int n = poll(p, w->kickable ? 2 : 1, nonblock ? 0 : -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(&w->stop))
			return -EINTR;
		if (n > 0 && p[0].revents)
			return 0;
		if (nonblock)
			return -EAGAIN;
	}
}

/* Somebody else made the description nonblocking: wait for him. */
static int wait_again(struct wasi *w, struct wasi_file *f, short events)
{
	struct pollfd p = { .fd = f->fd, .events = events };

	if (f->flags & WASI_NONBLOCK)
		return -EAGAIN;
	if (w->kickable)
		return wasi__stream_wait(w, f, events);
	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* A pipe that is ready takes this much at once; more may block in the middle. */
static int trim(struct wasi_call *c, const struct wasi_file *f, struct iovec *first)
{
	if (f->regular || f->socket || !(c->w->kickable || f->flags & WASI_NONBLOCK))
		return c->niov;
	*first = c->iov[0];
	first->iov_len = MIN(first->iov_len, (size_t)PIPE_BUF);
	c->iov = first;
	return 1;
}

/* ---- channels ------------------------------------------------------------------------ */

void wasi__chan_ready(void *arg, bool in, bool out)
{
	struct wasi *w = arg;

	(void)in;
	(void)out;
	lock_take(&w->lock);
	pthread_cond_broadcast(&w->chan_cond);
	lock_drop(&w->lock);
}

/* One buffer; waits for the channel's callback in slices, which covers a
 * callback that came just before. */
static int chan_move(struct wasi *w, struct wasi_file *f, const struct iovec *v, bool write,
		     uint32_t *n)
{
	enum { SLICE_NS = 10000000 };
	struct timespec ts;
	ssize_t r;

	for (;;) {
		r = write ? chan_write(f->chan, v->iov_base, v->iov_len) :
			    chan_read(f->chan, v->iov_base, v->iov_len);
		if (r == -EPIPE && !write)
			r = 0;
		else if (!r) {
			if (f->flags & WASI_NONBLOCK)
				return -EAGAIN;
			if (atomic_load(&w->stop))
				return -EINTR;
			clock_gettime(CLOCK_MONOTONIC, &ts);
			chan_want(f->chan, !write, write);
			lock_take(&w->lock);
			lock_wait_until(&w->lock, &w->chan_cond, (uint64_t)ts.tv_sec * 1000000000 +
					(uint64_t)ts.tv_nsec + SLICE_NS);
			lock_drop(&w->lock);
			chan_want(f->chan, false, false);
			continue;
		}
		*n = r > 0 ? (uint32_t)r : 0;
		return r < 0 ? (int)r : 0;
	}
}

/* ---- data ------------------------------------------------------------------------------ */

int wasi__stream_read(struct wasi_call *c, struct wasi_file *f, uint32_t *n)
{
	ssize_t k = 0;
	int r;

	if (!c->niov)
		return 0;
	if (f->kind == WASI_CHAN)
		return chan_move(c->w, f, c->iov, false, n);
	r = wasi__stream_wait(c->w, f, POLLIN);
	while (!r) {
		k = c->niov == 1 ? read(f->fd, c->iov->iov_base, c->iov->iov_len) :
				   readv(f->fd, c->iov, c->niov);
		if (k >= 0)
			break;
		if (errno == EAGAIN)
			r = wait_again(c->w, f, POLLIN);
		else if (errno != EINTR)
			r = -errno;
		else if (atomic_load(&c->w->stop))
			r = -EINTR;
	}
	*n = r ? 0 : (uint32_t)k;
	return r;
}

static ssize_t write_once(const struct wasi_file *f, struct iovec *v, int nv)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)nv };

	if (f->socket)
		return sendmsg(f->fd, &m, MSG_NOSIGNAL);
	return nv == 1 ? write(f->fd, v->iov_base, v->iov_len) : writev(f->fd, v, nv);
}

int wasi__stream_write(struct wasi_call *c, struct wasi_file *f, uint32_t *n)
{
	struct iovec first;
	ssize_t k = 0;
	int nv, r;

	if (!c->niov)
		return 0;
	if (f->kind == WASI_CHAN)
		return chan_move(c->w, f, c->iov, true, n);
	nv = trim(c, f, &first);
	r = wasi__stream_wait(c->w, f, POLLOUT);
	while (!r) {
		k = write_once(f, c->iov, nv);
		if (k >= 0)
			break;
		if (errno == EAGAIN)
			r = wait_again(c->w, f, POLLOUT);
		else if (errno != EINTR)
			r = -errno;
		else if (atomic_load(&c->w->stop))
			r = -EINTR;
	}
	*n = r ? 0 : (uint32_t)k;
	return r;
}
