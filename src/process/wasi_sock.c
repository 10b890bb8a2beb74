/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets.  A program has those that it was given and those that it accepts
 * on them; preview 1 has no way to make another.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"

int wasi__sock_accept(struct wasi_call *c)
{
	uint32_t flags = c->arg[1].w, fd;
	struct wasi_file *f = c->file[0], *n;
	int s = -1, r;

	if (flags & ~(uint32_t)WASI_NONBLOCK)
		return WASI_EINVAL;
	while (s < 0) {
		r = wasi__stream_wait(c->w, f, POLLIN);
		if (r)
			return r;
		s = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
		if (s < 0 && (errno != EINTR || atomic_load(&c->w->stop)) &&
		    (errno != EAGAIN || f->flags & WASI_NONBLOCK))
			return -errno;
	}
	r = wasi__stream_new(s, true, wasi__inheriting(f), &n);
	if (r) {
		close(s);
		return r;
	}
	n->flags = (uint16_t)flags;
	r = wasi__file_add(c->w, n, &fd);
	if (!r)
		st_le32(c->arg[2].p, fd);
	return r;
}

int wasi__sock_recv(struct wasi_call *c)
{
	struct msghdr m = { .msg_iov = c->iov, .msg_iovlen = (size_t)c->niov };
	struct wasi_file *f = c->file[0];
	uint32_t flags = c->arg[2].w;
	int how = (flags & WASI_PEEK ? MSG_PEEK : 0) | (flags & WASI_WAITALL ? MSG_WAITALL : 0);
	ssize_t n;
	int r;

	if (flags & ~(uint32_t)(WASI_PEEK | WASI_WAITALL))
		return WASI_EINVAL;
	/* Waiting for all is waiting in the host: not where it must be ended. */
	if (c->w->kickable || f->flags & WASI_NONBLOCK)
		how &= ~MSG_WAITALL;
	do {
		r = wasi__stream_wait(c->w, f, POLLIN);
		if (r)
			return r;
		n = recvmsg(f->fd, &m, how);
	} while (n < 0 && (errno == EINTR || (errno == EAGAIN && !(f->flags & WASI_NONBLOCK) &&
					      c->w->kickable)));
	if (n < 0)
		return -errno;
	st_le32(c->arg[3].p, (uint32_t)n);
	st_le16(c->arg[4].p, m.msg_flags & MSG_TRUNC ? WASI_TRUNCATED : 0);
	return 0;
}

int wasi__sock_send(struct wasi_call *c)
{
	uint32_t n = 0;
	int r;

	if (c->arg[2].w)
		return WASI_EINVAL;
	r = wasi__stream_write(c, c->file[0], &n);
	if (!r)
		st_le32(c->arg[3].p, n);
	return r;
}

int wasi__sock_shutdown(struct wasi_call *c)
{
	static const int of_host[] = { -1, SHUT_RD, SHUT_WR, SHUT_RDWR };
	uint32_t how = c->arg[1].w;

	if (!how || how > (WASI_SHUT_RD | WASI_SHUT_WR))
		return WASI_EINVAL;
	return shutdown(c->file[0]->fd, of_host[how]) ? -errno : 0;
}
