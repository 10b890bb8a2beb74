/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte channel: what a UART, a virtio console port, WASI stdio or a web
 * console is connected to.  Nonblocking.  The user of a channel is told by
 * a callback on the loop thread when it may read or write again.
 */
#ifndef HOST_CHAN_H
#define HOST_CHAN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "host/loop.h"

struct chan;
struct chan_ops {
	/* Bytes moved, 0 when it would block, -EPIPE at the end of input or
	 * when the peer is gone. */
	ssize_t (*read)(struct chan *c, void *buf, size_t n);
	ssize_t (*write)(struct chan *c, const void *buf, size_t n);
	/* Ask to be told when readable / writable (level: until unset). */
	void (*want)(struct chan *c, bool in, bool out);
	void (*destroy)(struct chan *c);
};
struct chan {
	const struct chan_ops *ops;
	/* Set by the user of the channel; called on the loop thread. */
	void (*ready)(void *arg, bool in, bool out);
	void *ready_arg;
};

/* Over two descriptors (may be equal; -1: none), borrowed.  They are made
 * nonblocking by the implementation only if they are not shared terminals:
 * it polls before each call instead of setting O_NONBLOCK. */
struct chan *chan_fd_create(struct loop *l, int in_fd, int out_fd, struct err *e);
/* In memory, for tests and deterministic machines: what is written is
 * appended to a buffer of at most `limit` bytes (then the oldest half is
 * dropped); input is what was fed. */
struct chan *chan_mem_create(struct loop *l, size_t limit, struct err *e);
void chan_mem_feed(struct chan *c, const void *p, size_t n);
const char *chan_mem_output(struct chan *c, size_t *n);
/* Discards output at once (a write never blocks), never has input. */
struct chan *chan_null_create(struct err *e);

static inline ssize_t chan_read(struct chan *c, void *p, size_t n)
{
	return c->ops->read(c, p, n);
}
static inline ssize_t chan_write(struct chan *c, const void *p, size_t n)
{
	return c->ops->write(c, p, n);
}
static inline void chan_want(struct chan *c, bool in, bool out)
{
	c->ops->want(c, in, out);
}
static inline void chan_destroy(struct chan *c)
{
	if (c)
		c->ops->destroy(c);
}

#endif
