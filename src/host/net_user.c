/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-mode network: libslirp on the event loop.
 *
 * libslirp wants its descriptors polled together: "fill" tells which ones and
 * for how long, "poll" handles what became ready.  Both walk all sockets, so
 * they run once in a round of the loop, whatever happened in it: frames from
 * the guest and descriptor events only note that there is work and post one
 * call.  Descriptors stay registered between rounds; fill only changes what
 * is different.
 *
 * Frames for a guest that is not ready wait in a bounded queue; while it is
 * half full no socket is read, which closes the windows of the senders.
 * Everything runs on the loop thread.
 */
#include "host/net.h"

#ifdef HAVE_SLIRP
#include <arpa/inet.h>
#include <errno.h>
#include <libslirp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "host/net_queue.h"
#include "host/net_user_spec.h"

struct user;

/* Sockets that frames of the guest may open: SOCKETS_MAX, and half of the
 * descriptors that the process may have.  libslirp knows no bound itself; a
 * socket costs up to 256 KiB of buffers. */
enum { SOCKETS_MAX = 4096, FRESH_MAX = 64 };

/* One descriptor of libslirp's. */
struct watch {
	struct user *user;
	struct loop_fd *lfd;
	uint32_t want;          /* EPOLL*, set by fill; 0: not named */
	uint32_t ready;         /* EPOLL*, since the last poll */
};

struct user_timer {
	struct loop_timer timer;
	SlirpTimerCb fn;
	void *arg;
};

struct user {
	struct net net;
	struct loop *loop;
	Slirp *slirp;
	struct watch **watch;   /* by descriptor; NULL: not libslirp's */
	int nwatch;
	unsigned live, live_max; /* watches that there are, and may be */
	unsigned fresh;         /* frames that may have opened more since fill */
	struct loop_timer timeout;
	bool posted;            /* user_round will run */
	atomic_bool poked;
	struct net_queue queue;
};

static struct user *of(struct net *n)
{
	return container_of(n, struct user, net);
}

static void user_round(void *arg);

/* Loop thread. */
static void want_round(struct user *u)
{
	if (!u->posted)
		u->posted = loop_post(u->loop, user_round, u);
}

/* ---- descriptors ------------------------------------------------------------ */

static uint32_t to_epoll(int events)
{
	return (events & SLIRP_POLL_IN ? EPOLLIN : 0u) | (events & SLIRP_POLL_OUT ? EPOLLOUT : 0u) |
	       (events & SLIRP_POLL_PRI ? EPOLLPRI : 0u);
}

static int to_slirp(uint32_t events)
{
	return (events & EPOLLIN ? SLIRP_POLL_IN : 0) | (events & EPOLLOUT ? SLIRP_POLL_OUT : 0) |
	       (events & EPOLLPRI ? SLIRP_POLL_PRI : 0) | (events & EPOLLERR ? SLIRP_POLL_ERR : 0) |
	       (events & EPOLLHUP ? SLIRP_POLL_HUP : 0);
}

/* Level-triggered: muted until the round has handled it. */
static void watch_ready(void *arg, uint32_t events)
{
	struct watch *w = arg;

	w->ready |= events;
	loop_fd_events(w->lfd, 0);
	want_round(w->user);
}

static struct watch *watch_find(const struct user *u, int fd)
{
	return fd >= 0 && fd < u->nwatch ? u->watch[fd] : NULL;
}

static bool watch_room(struct user *u, int fd)
{
	struct watch **grown;
	int n = MAX(fd + 1, u->nwatch * 2);

	if (fd < u->nwatch)
		return true;
	grown = base_realloc(u->watch, (size_t)n * sizeof(struct watch *));
	if (!grown)
		return false;
	memset(grown + u->nwatch, 0, (size_t)(n - u->nwatch) * sizeof(struct watch *));
	u->watch = grown;
	u->nwatch = n;
	return true;
}

static struct watch *watch_create(struct user *u, int fd)
{
	struct watch *w;

	if (!watch_room(u, fd) || !(w = base_zalloc(sizeof(*w))))
		return NULL;
	w->user = u;
	w->lfd = loop_fd_add(u->loop, fd, 0, watch_ready, w, NULL);
	if (!w->lfd) {
		base_free(w);
		return NULL;
	}
	u->watch[fd] = w;
	u->live++;
	return w;
}

static void watch_drop(struct user *u, int fd)
{
	struct watch *w = watch_find(u, fd);

	if (!w)
		return;
	loop_fd_remove(w->lfd);
	base_free(w);
	u->watch[fd] = NULL;
	u->live--;
}

/* fill: libslirp names a descriptor and remembers the index that it gets,
 * which is the descriptor itself.  -1: not polled this time. */
static int add_poll(int fd, int events, void *opaque)
{
	struct watch *w = watch_find(opaque, fd);

	if (!w && !(w = watch_create(opaque, fd)))
		return -1;
	w->want = to_epoll(events);
	return fd;
}

static int get_revents(int i, void *opaque)
{
	struct watch *w = watch_find(opaque, i);

	return w ? to_slirp(w->ready) : 0;
}

/* ---- the round ---------------------------------------------------------------- */

static void user_fill(struct user *u)
{
	uint32_t timeout = UINT32_MAX;
	bool held = u->queue.n >= NET_QUEUE_FRAMES / 2;

	for (int i = 0; i < u->nwatch; i++)
		if (u->watch[i])
			u->watch[i]->want = 0;
	slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
	u->fresh = 0;
	for (int i = 0; i < u->nwatch; i++)
		if (u->watch[i])
			loop_fd_events(u->watch[i]->lfd, held ? 0 : u->watch[i]->want);
	if (timeout == UINT32_MAX)
		loop_timer_cancel(&u->timeout);
	else
		loop_timer_set(&u->timeout, loop_now(u->loop) + timeout * 1000000ull);
}

static void user_round(void *arg)
{
	struct user *u = arg;

	u->posted = false;
	net__queue_flush(&u->queue, &u->net);
	slirp_pollfds_poll(u->slirp, 0, get_revents, u);
	for (int i = 0; i < u->nwatch; i++)
		if (u->watch[i])
			u->watch[i]->ready = 0;
	user_fill(u);
}

static void user_timeout(void *arg)
{
	user_round(arg);
}

/* ---- frames -------------------------------------------------------------------- */

/* A new TCP connection, a datagram or an echo request, or a piece of IP that
 * may hide one of them. */
static bool may_open(const uint8_t *f, size_t len)
{
	unsigned type, proto;
	size_t l4;

	if (len < 14 + 20)
		return false;
	type = ld_be16(f + 12);
	if (type == 0x0800 && ld_be16(f + 20) & 0x3fff)
		return true;
	if (type != 0x0800 && type != 0x86dd)
		return false;
	proto = type == 0x0800 ? f[23] : f[20];
	l4 = type == 0x0800 ? 14 + 4u * (f[14] & 15) : 14 + 40;
	if (proto == IPPROTO_TCP) /* SYN without ACK */
		return l4 + 14 <= len && (f[l4 + 13] & 0x12) == 0x02;
	return proto == IPPROTO_UDP || proto == IPPROTO_ICMP;
}

/* Whether the guest has sockets enough.  New ones are counted by fill. */
static bool is_full(struct user *u)
{
	if (++u->fresh >= FRESH_MAX)
		user_fill(u);
	return u->live >= u->live_max;
}

static void user_send(struct net *n, const void *frame, size_t len)
{
	struct user *u = of(n);

	if (len > NET_FRAME_MAX)
		return;
	if (may_open(frame, len) && is_full(u)) {
		log_trace(NET, "user: %u sockets are open; frame dropped", u->live);
		want_round(u); /* it closes what is idle */
		return;
	}
	slirp_input(u->slirp, frame, (int)len);
	want_round(u);
}

/* The poke may come from any thread, so it cannot look at `posted`. */
static void user_poked(void *arg)
{
	struct user *u = arg;

	atomic_store(&u->poked, false);
	user_round(u);
}

static void user_poke(struct net *n)
{
	struct user *u = of(n);

	if (!atomic_exchange(&u->poked, true) && !loop_post(u->loop, user_poked, u))
		atomic_store(&u->poked, false);
}

static ssize_t cb_send_packet(const void *buf, size_t len, void *opaque)
{
	struct user *u = opaque;

	net__deliver(&u->queue, &u->net, buf, len);
	return (ssize_t)len;
}

/* ---- what libslirp asks for ------------------------------------------------------ */

static void cb_guest_error(const char *msg, void *opaque)
{
	(void)opaque;
	log_trace(NET, "user: %s", msg);
}

static int64_t cb_clock(void *opaque)
{
	return (int64_t)loop_now(((struct user *)opaque)->loop);
}

static void timer_due(void *arg)
{
	struct user_timer *t = arg;

	t->fn(t->arg);
}

static void *cb_timer_new(SlirpTimerCb fn, void *arg, void *opaque)
{
	struct user *u = opaque;
	struct user_timer *t = base_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	loop_timer_init(&t->timer, u->loop, timer_due, t);
	return t;
}

static void cb_timer_free(void *timer, void *opaque)
{
	struct user_timer *t = timer;

	(void)opaque;
	if (!t)
		return;
	loop_timer_fini(&t->timer);
	base_free(t);
}

static void cb_timer_mod(void *timer, int64_t ms, void *opaque)
{
	struct user_timer *t = timer;

	(void)opaque;
	if (t)
		loop_timer_set(&t->timer, ms <= 0 ? 0 : (uint64_t)ms * 1000000u);
}

static void cb_register(int fd, void *opaque)
{
	(void)fd; /* fill names it */
	(void)opaque;
}

/* The descriptor is about to be closed, and its number to be used again. */
static void cb_unregister(int fd, void *opaque)
{
	watch_drop(opaque, fd);
}

static void cb_notify(void *opaque)
{
	want_round(opaque);
}

static const SlirpCb callbacks = {
	.send_packet = cb_send_packet,
	.guest_error = cb_guest_error,
	.clock_get_ns = cb_clock,
	.timer_new = cb_timer_new,
	.timer_free = cb_timer_free,
	.timer_mod = cb_timer_mod,
	.register_poll_fd = cb_register,
	.unregister_poll_fd = cb_unregister,
	.notify = cb_notify,
};

/* ---- life ------------------------------------------------------------------------- */

static void user_destroy(struct net *n)
{
	struct user *u = of(n);

	u->net.recv = NULL; /* libslirp may send last words */
	if (u->slirp)
		slirp_cleanup(u->slirp);
	loop_cancel(u->loop, user_round, u);
	loop_cancel(u->loop, user_poked, u);
	loop_timer_fini(&u->timeout);
	for (int i = 0; i < u->nwatch; i++)
		watch_drop(u, i);
	base_free(u->watch);
	net__queue_fini(&u->queue);
	base_free(u);
}

static const struct net_ops user_ops = { .send = user_send, .destroy = user_destroy };

static unsigned socket_bound(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		rl.rlim_cur = 1024;
	return (unsigned)MIN((rlim_t)SOCKETS_MAX, rl.rlim_cur / 2);
}

static Slirp *slirp_start(struct user *u, const struct net_user_spec *spec)
{
	SlirpConfig c = {
		.version = 3, .restricted = spec->restricted, .in_enabled = true,
		.in6_enabled = true, .vprefix_len = 64,
		.vhostname = spec->hostname[0] ? spec->hostname : NULL,
		.disable_host_loopback = !spec->loopback,
	};

	inet_pton(AF_INET, "10.0.2.0", &c.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &c.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &c.vhost);
	inet_pton(AF_INET, "10.0.2.15", &c.vdhcp_start);
	inet_pton(AF_INET, "10.0.2.3", &c.vnameserver);
	inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &c.vhost6);
	inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
	return slirp_new(&c, &callbacks, u);
}

static int add_forwards(struct user *u, const char *text, const struct net_user_spec *spec,
			struct err *e)
{
	struct in_addr guest;

	inet_pton(AF_INET, "10.0.2.15", &guest);
	for (unsigned i = 0; i < spec->nforwards; i++) {
		const struct net_forward *f = &spec->forward[i];
		char addr[INET_ADDRSTRLEN];

		errno = 0;
		if (slirp_add_hostfwd(u->slirp, f->udp, f->host, f->host_port, guest,
				      f->guest_port) == 0)
			continue;
		inet_ntop(AF_INET, &f->host, addr, sizeof(addr));
		return err_set(e, errno ? errno : EADDRINUSE, "'%.*s' at column %d: cannot listen "
			       "on %s port %u: %s", f->len, text + f->at,
			       f->at + NET_SPEC_COLUMN, addr,
			       f->host_port, strerror(errno ? errno : EADDRINUSE));
	}
	return 0;
}

struct net *net_user_create(struct loop *l, const char *text, struct err *e)
{
	struct net_user_spec spec;
	struct user *u;

	if (net__user_spec_parse(text, &spec, e) < 0)
		return NULL;
	u = base_zalloc(sizeof(*u));
	if (!u) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	u->net = (struct net){ .ops = &user_ops, .poke = user_poke, .takes_large = true };
	u->loop = l;
	u->live_max = socket_bound();
	net__queue_init(&u->queue);
	loop_timer_init(&u->timeout, l, user_timeout, u);
	u->slirp = slirp_start(u, &spec);
	if (!u->slirp) {
		err_set(e, ENOMEM, "libslirp does not start");
		user_destroy(&u->net);
		return NULL;
	}
	if (add_forwards(u, text, &spec, e) < 0) {
		user_destroy(&u->net);
		return NULL;
	}
	want_round(u);
	return &u->net;
}

#else

#include <errno.h>

struct net *net_user_create(struct loop *l, const char *text, struct err *e)
{
	(void)l;
	(void)text;
	err_set(e, ENOTSUP, "user-mode networking: built without libslirp");
	return NULL;
}
#endif
