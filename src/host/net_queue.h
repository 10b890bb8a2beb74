/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on their way to a device that is not ready: a bounded queue, inside
 * host/ only.  Loop thread only.
 */
#ifndef HOST_NET_QUEUE_H
#define HOST_NET_QUEUE_H

#include "host/net.h"

enum { NET_QUEUE_FRAMES = 512, NET_FRAME_MAX = 65536 + 18 };

struct net_frame;
struct net_queue {
	struct net_frame *first, **tail;
	unsigned n;
};

void net__queue_init(struct net_queue *q);
void net__queue_fini(struct net_queue *q);
/* A copy of the frame; dropped when the queue is full or memory is out. */
void net__queue_add(struct net_queue *q, const void *frame, size_t len);
/* Give to n's device what it takes. */
void net__queue_flush(struct net_queue *q, struct net *n);
/* To the device, behind what waits. */
void net__deliver(struct net_queue *q, struct net *n, const void *frame, size_t len);

#endif
