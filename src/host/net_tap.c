/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap interface that somebody with the right has made.  Never makes one:
 * a name that does not exist is an error even for root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "host/net_queue.h"

enum { TAP_ROUND = 64 }; /* frames before others get the loop */

struct tap {
	struct net net;
	struct loop *loop;
	struct loop_fd *watch;
	int fd;
	uint8_t frame[NET_FRAME_MAX];
};

static struct tap *of(struct net *n)
{
	return container_of(n, struct tap, net);
}

static bool tap_ready(const struct tap *t)
{
	return t->net.recv && (!t->net.can_recv || t->net.can_recv(t->net.arg));
}

/* The kernel queues and drops for us: no frame is read that cannot be given
 * to the device. */
static void tap_readable(void *arg, uint32_t events)
{
	struct tap *t = arg;

	(void)events;
	for (int i = 0; i < TAP_ROUND; i++) {
		ssize_t n;

		if (!tap_ready(t)) {
			loop_fd_events(t->watch, 0);
			return;
		}
		n = read(t->fd, t->frame, sizeof(t->frame));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			log_warn("tap: %s; the link is down", strerror(errno));
			loop_fd_events(t->watch, 0);
		}
		if (n <= 0)
			return;
		t->net.recv(t->net.arg, t->frame, (size_t)n);
	}
}

static void tap_poke(struct net *n)
{
	loop_fd_events(of(n)->watch, EPOLLIN);
}

static void tap_send(struct net *n, const void *frame, size_t len)
{
	ssize_t r;

	do
		r = write(of(n)->fd, frame, len);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		log_trace(NET, "tap: frame of %zu bytes dropped: %s", len, strerror(errno));
}

static void tap_destroy(struct net *n)
{
	struct tap *t = of(n);

	if (t->watch)
		loop_fd_remove(t->watch);
	close(t->fd);
	base_free(t);
}

static const struct net_ops tap_ops = { .send = tap_send, .destroy = tap_destroy };

static int tap_open(const char *ifname, struct err *e)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	base_autofd int fd = -1;

	if (!*ifname || strlen(ifname) >= sizeof(ifr.ifr_name))
		return err_set(e, EINVAL, "tap interface '%.64s': not an interface name", ifname);
	if (!if_nametoindex(ifname))
		return err_set(e, ENODEV, "tap interface '%s': no such interface; "
			       "'ip tuntap add %s mode tap user $USER' makes one", ifname, ifname);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, "tap interface '%s': /dev/net/tun", ifname);
	memcpy(ifr.ifr_name, ifname, strlen(ifname) + 1);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_sys(e, "tap interface '%s'", ifname);
	return base_steal_fd(&fd);
}

struct net *net_tap_create(struct loop *l, const char *ifname, struct err *e)
{
	struct tap *t = base_zalloc(sizeof(*t));

	if (!t) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	t->net = (struct net){ .ops = &tap_ops, .poke = tap_poke };
	t->loop = l;
	t->fd = tap_open(ifname, e);
	if (t->fd < 0) {
		base_free(t);
		return NULL;
	}
	t->watch = loop_fd_add(l, t->fd, EPOLLIN, tap_readable, t, e);
	if (!t->watch) {
		tap_destroy(&t->net);
		return NULL;
	}
	return &t->net;
}
