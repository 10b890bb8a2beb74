/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of frames for a device; see net_queue.h. */
#include "host/net_queue.h"

#include <string.h>

#include "base/alloc.h"

struct net_frame {
	struct net_frame *next;
	size_t len;
	uint8_t data[];
};

void net__queue_init(struct net_queue *q)
{
	*q = (struct net_queue){ .tail = &q->first };
}

static void queue_pop(struct net_queue *q)
{
	struct net_frame *f = q->first;

	q->first = f->next;
	if (!q->first)
		q->tail = &q->first;
	q->n--;
	base_free(f);
}

void net__queue_fini(struct net_queue *q)
{
	while (q->first)
		queue_pop(q);
}

void net__queue_add(struct net_queue *q, const void *frame, size_t len)
{
	struct net_frame *f;

	if (q->n >= NET_QUEUE_FRAMES || len > NET_FRAME_MAX)
		return;
	f = base_alloc(sizeof(*f) + len);
	if (!f)
		return;
	f->next = NULL;
	f->len = len;
	memcpy(f->data, frame, len);
	*q->tail = f;
	q->tail = &f->next;
	q->n++;
}

static bool ready(const struct net *n)
{
	return n->recv && (!n->can_recv || n->can_recv(n->arg));
}

void net__queue_flush(struct net_queue *q, struct net *n)
{
	while (q->first && ready(n)) {
		n->recv(n->arg, q->first->data, q->first->len);
		queue_pop(q);
	}
}

void net__deliver(struct net_queue *q, struct net *n, const void *frame, size_t len)
{
	net__queue_flush(q, n);
	if (!q->first && ready(n))
		n->recv(n->arg, frame, len);
	else
		net__queue_add(q, frame, len);
}
