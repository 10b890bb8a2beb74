/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a user-mode network, inside host/ only. */
#ifndef HOST_NET_USER_SPEC_H
#define HOST_NET_USER_SPEC_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/err.h"

/* Columns count from 1 at the start of "user". */
enum { NET_FORWARDS_MAX = 64, NET_SPEC_COLUMN = 5 };

struct net_forward {
	bool udp;
	struct in_addr host;
	uint16_t host_port, guest_port;
	int at, len;            /* where in the specification, for messages */
};
struct net_user_spec {
	bool restricted;
	bool loopback;          /* 10.0.2.2 is the host's own 127.0.0.1 */
	char hostname[64];
	unsigned nforwards;
	struct net_forward forward[NET_FORWARDS_MAX];
};

/* `text` is "" or begins with a comma.  The error names the option and the
 * column in the whole specification. */
int net__user_spec_parse(const char *text, struct net_user_spec *s, struct err *e);

#endif
