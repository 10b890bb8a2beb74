/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wire in memory: what is sent into one end comes out of the other, on the
 * loop thread, never from inside the send.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "host/net_queue.h"

struct net_end {
	struct net net;
	struct loop *loop;
	struct net_end *peer;   /* NULL: destroyed */
	struct net_queue queue; /* to this end's device */
};

static struct net_end *of(struct net *n)
{
	return container_of(n, struct net_end, net);
}

static void end_flush(void *arg)
{
	struct net_end *e = arg;

	net__queue_flush(&e->queue, &e->net);
}

static void end_poke(struct net *n)
{
	loop_post(of(n)->loop, end_flush, of(n));
}

static void end_send(struct net *n, const void *frame, size_t len)
{
	struct net_end *peer = of(n)->peer;

	if (!peer)
		return;
	if (!peer->queue.first)
		loop_post(peer->loop, end_flush, peer);
	net__queue_add(&peer->queue, frame, len);
}

static void end_destroy(struct net *n)
{
	struct net_end *e = of(n);

	if (e->peer)
		e->peer->peer = NULL;
	loop_cancel(e->loop, end_flush, e);
	net__queue_fini(&e->queue);
	base_free(e);
}

static const struct net_ops end_ops = { .send = end_send, .destroy = end_destroy };

int net_pair_create(struct loop *l, struct net *out[2], struct err *e)
{
	struct net_end *a = base_zalloc(sizeof(*a)), *b = base_zalloc(sizeof(*b));

	if (!a || !b) {
		base_free(a);
		base_free(b);
		return err_set(e, ENOMEM, "out of memory");
	}
	*a = (struct net_end){ .net = { .ops = &end_ops, .poke = end_poke }, .loop = l, .peer = b };
	*b = (struct net_end){ .net = { .ops = &end_ops, .poke = end_poke }, .loop = l, .peer = a };
	net__queue_init(&a->queue);
	net__queue_init(&b->queue);
	out[0] = &a->net;
	out[1] = &b->net;
	return 0;
}
