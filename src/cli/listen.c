/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets; see listen.h.  No names are looked up. */
#include "cli/listen.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Returns the length; 0: not an address. */
static socklen_t parse(const char *where, union address *a)
{
	const char *colon = strrchr(where, ':'), *port = colon ? colon + 1 : where;
	size_t n = colon ? (size_t)(colon - where) : 0;
	char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1", *end;
	unsigned long number = strtoul(port, &end, 10);

	memset(a, 0, sizeof(*a));
	if (!isdigit((unsigned char)*port) || *end || number > 65535 || n >= sizeof(host))
		return 0;
	if (n) {
		memcpy(host, where, n);
		host[n] = 0;
	}
	if (host[0] == '[' && n > 2 && host[n - 1] == ']') {
		host[n - 1] = 0;
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons((uint16_t)number);
		return inet_pton(AF_INET6, host + 1, &a->v6.sin6_addr) == 1 ? sizeof(a->v6) : 0;
	}
	a->v4.sin_family = AF_INET;
	a->v4.sin_port = htons((uint16_t)number);
	return inet_pton(AF_INET, host, &a->v4.sin_addr) == 1 ? sizeof(a->v4) : 0;
}

int cli_listen(const char *where, struct err *e)
{
	base_autofd int fd = -1;
	const int one = 1;
	union address a;
	socklen_t len = parse(where, &a);

	if (!len)
		return err_set(e, EINVAL, "not an address (like 8080, 0.0.0.0:8080 or [::1]:80)");
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a.any, len) || listen(fd, 128))
		return err_sys(e, "cannot listen");
	return base_steal_fd(&fd);
}
