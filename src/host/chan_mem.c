/* SPDX-License-Identifier: Apache-2.0 */
/* Channels without descriptors: in memory, and the null channel. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/lock.h"
#include "host/chan.h"

struct chan_mem {
	struct chan chan;
	struct loop *loop;
	struct lock lock;       /* feed and output may come from a test's thread */
	bool want_in, want_out, posted;
	char *in;
	size_t in_len, in_pos;
	char *out;
	size_t out_len, out_limit;
};

static void deliver(void *arg)
{
	struct chan_mem *m = arg;
	bool in, out;

	lock_take(&m->lock);
	m->posted = false;
	in = m->want_in && m->in_pos < m->in_len;
	out = m->want_out;
	lock_drop(&m->lock);
	if ((in || out) && m->chan.ready)
		m->chan.ready(m->chan.ready_arg, in, out);
}

/* The lock is held. */
static void poke(struct chan_mem *m)
{
	bool due = m->want_out || (m->want_in && m->in_pos < m->in_len);

	if (due && !m->posted && m->loop)
		m->posted = loop_post(m->loop, deliver, m);
}

static ssize_t mem_chan_read(struct chan *c, void *buf, size_t n)
{
	struct chan_mem *m = container_of(c, struct chan_mem, chan);

	lock_take(&m->lock);
	n = MIN(n, m->in_len - m->in_pos);
	if (n)
		memcpy(buf, m->in + m->in_pos, n);
	m->in_pos += n;
	poke(m);
	lock_drop(&m->lock);
	return (ssize_t)n;
}

static ssize_t mem_chan_write(struct chan *c, const void *buf, size_t n)
{
	struct chan_mem *m = container_of(c, struct chan_mem, chan);

	lock_take(&m->lock);
	if (n > m->out_limit)
		n = m->out_limit;
	if (n > m->out_limit - m->out_len) {
		size_t keep = MIN(m->out_limit / 2, m->out_limit - n);

		keep = MIN(keep, m->out_len);
		memmove(m->out, m->out + m->out_len - keep, keep);
		m->out_len = keep;
	}
	memcpy(m->out + m->out_len, buf, n);
	m->out_len += n;
	m->out[m->out_len] = 0;
	lock_drop(&m->lock);
	return (ssize_t)n;
}

static void mem_want(struct chan *c, bool in, bool out)
{
	struct chan_mem *m = container_of(c, struct chan_mem, chan);

	lock_take(&m->lock);
	m->want_in = in;
	m->want_out = out;
	poke(m);
	lock_drop(&m->lock);
}

static void mem_chan_destroy(struct chan *c)
{
	struct chan_mem *m = container_of(c, struct chan_mem, chan);

	if (m->loop)
		loop_cancel(m->loop, deliver, m);
	lock_fini(&m->lock);
	base_free(m->in);
	base_free(m->out);
	base_free(m);
}

static const struct chan_ops mem_ops = {
	.read = mem_chan_read, .write = mem_chan_write, .want = mem_want,
	.destroy = mem_chan_destroy,
};

struct chan *chan_mem_create(struct loop *l, size_t limit, struct err *e)
{
	struct chan_mem *m = base_zalloc(sizeof(*m));

	if (!m || !(m->out = base_zalloc(limit + 1))) {
		base_free(m);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	m->chan.ops = &mem_ops;
	m->loop = l;
	m->out_limit = limit;
	lock_init(&m->lock, LOCK_RANK_HOST);
	return &m->chan;
}

void chan_mem_feed(struct chan *c, const void *p, size_t n)
{
	struct chan_mem *m = container_of(c, struct chan_mem, chan);
	char *in;

	lock_take(&m->lock);
	in = base_realloc(m->in, m->in_len + n);
	if (in) {
		m->in = in;
		memcpy(in + m->in_len, p, n);
		m->in_len += n;
	}
	poke(m);
	lock_drop(&m->lock);
}

const char *chan_mem_output(struct chan *c, size_t *n)
{
	struct chan_mem *m = container_of(c, struct chan_mem, chan);

	if (n)
		*n = m->out_len;
	return m->out;
}

/* ---- null ---------------------------------------------------------------- */

static ssize_t null_read(struct chan *c, void *buf, size_t n)
{
	(void)c, (void)buf, (void)n;
	return 0;
}

static ssize_t null_write(struct chan *c, const void *buf, size_t n)
{
	(void)c, (void)buf;
	return (ssize_t)n;
}

static void null_want(struct chan *c, bool in, bool out)
{
	(void)c, (void)in, (void)out; /* a write never has to wait */
}

static void null_destroy(struct chan *c)
{
	base_free(c);
}

static const struct chan_ops null_ops = {
	.read = null_read, .write = null_write, .want = null_want,
	.destroy = null_destroy,
};

struct chan *chan_null_create(struct err *e)
{
	struct chan *c = base_zalloc(sizeof(*c));

	if (c)
		c->ops = &null_ops;
	else
		err_set(e, ENOMEM, "out of memory");
	return c;
}
