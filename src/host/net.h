/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network service: a link that carries Ethernet frames (no FCS).
 * send and recv run on the loop thread only.
 */
#ifndef HOST_NET_H
#define HOST_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "host/loop.h"

struct net;
struct net_ops {
	void (*send)(struct net *n, const void *frame, size_t len); /* to the outside */
	void (*destroy)(struct net *n);
};
struct net {
	const struct net_ops *ops;
	/* Set by the device.  Frames from the outside; recv copies.  can_recv
	 * false: the link holds back (bounded queue, then drops). */
	void (*recv)(void *arg, const void *frame, size_t len);
	bool (*can_recv)(void *arg);
	void *arg;
	/* Set by the link: send takes TCP frames of an IP packet's full 64 KiB,
	 * with complete checksums (it ends connections itself). */
	bool takes_large;
	/* The device calls it when it can receive again (any thread). */
	void (*poke)(struct net *n);
};

/* User-mode network by libslirp.  `spec` is what follows "user" in --net:
 * "", or ",forward=[tcp:|udp:][hostaddr:]2222:22", ",restrict=yes",
 * ",hostname=x", ",loopback=yes"; several forwards may be given.
 * Guest 10.0.2.15/24, gateway 10.0.2.2, DNS 10.0.2.3, IPv6 fec0::/64. */
struct net *net_user_create(struct loop *l, const char *spec, struct err *e);
/* An existing tap interface (multi-queue not needed). */
struct net *net_tap_create(struct loop *l, const char *ifname, struct err *e);
/* Two ends of a wire in memory, for tests. */
int net_pair_create(struct loop *l, struct net *out[2], struct err *e);
/* --net SPEC: "none" gives *out = NULL. */
int net_open(struct loop *l, const char *spec, struct net **out, struct err *e);

#endif
