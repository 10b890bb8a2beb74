/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user-mode network, by a guest of a few lines: Ethernet, ARP, DHCP,
 * ICMP, UDP and a TCP that answers one connection at a time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/net.h"
#include "tests/test.h"

enum { FRAMES = 2048 };

struct guest {
	struct clock clock;
	struct loop *loop;
	struct net *net;
	bool closed;            /* cannot receive */
	unsigned n, at;
	struct {
		size_t len;
		uint8_t p[1600];
	} frame[FRAMES];
};
static struct guest g;

static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static uint8_t gateway_mac[6];
#define GUEST_IP 0x0a00020fu
#define GATEWAY_IP 0x0a000202u

static void guest_recv(void *arg, const void *p, size_t len)
{
	(void)arg;
	if (g.n == FRAMES || len > sizeof(g.frame[0].p))
		return;
	memcpy(g.frame[g.n].p, p, len);
	g.frame[g.n++].len = len;
}

static bool guest_can_recv(void *arg)
{
	(void)arg;
	return !g.closed;
}

static void guest_open(const char *spec)
{
	struct err e = { 0 };

	memset(&g, 0, sizeof(g));
	clock_init(&g.clock, false);
	g.loop = loop_create(&g.clock, &e);
	CHECK(g.loop);
	if (net_open(g.loop, spec, &g.net, &e) < 0) {
		if (strstr(e.msg, "built without"))
			SKIP("built without libslirp");
		TEST_FAIL("net_open: %.400s", e.msg);
	}
	g.net->recv = guest_recv;
	g.net->can_recv = guest_can_recv;
}

static void guest_close(void)
{
	g.net->ops->destroy(g.net);
	loop_destroy(g.loop);
}

static void send_frame(const uint8_t *p, size_t len)
{
	uint8_t b[1600] = { 0 };

	memcpy(b, p, len);
	g.net->ops->send(g.net, b, MAX(len, (size_t)60));
}

/* ---- headers ------------------------------------------------------------ */

static uint16_t sum16(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static size_t ip_frame(uint8_t *p, uint8_t proto, uint32_t src, uint32_t dst, size_t len)
{
	memcpy(p, dst == 0xffffffff ? (const uint8_t *)"\xff\xff\xff\xff\xff\xff" : gateway_mac, 6);
	memcpy(p + 6, mac, 6);
	st_be16(p + 12, 0x0800);
	p += 14;
	memset(p, 0, 20);
	p[0] = 0x45;
	st_be16(p + 2, (uint16_t)(20 + len));
	p[8] = 64;
	p[9] = proto;
	st_be32(p + 12, src);
	st_be32(p + 16, dst);
	st_be16(p + 10, sum16(p, 20, 0));
	return 34 + len;
}

static void l4_checksum(uint8_t *ip, size_t len, unsigned at)
{
	uint8_t proto = ip[9];
	uint32_t s = proto + (uint32_t)len;

	for (int i = 12; i < 20; i += 2)
		s += ld_be16(ip + i);
	st_be16(ip + 20 + at, 0);
	st_be16(ip + 20 + at, sum16(ip + 20, len, s));
}

static void send_udp(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
		     const void *data, size_t n)
{
	uint8_t f[1600];
	size_t len = ip_frame(f, 17, src, dst, 8 + n);

	st_be16(f + 34, sport);
	st_be16(f + 36, dport);
	st_be16(f + 38, (uint16_t)(8 + n));
	memcpy(f + 42, data, n);
	l4_checksum(f + 14, 8 + n, 6);
	send_frame(f, len);
}

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
struct tcp {
	uint16_t port, peer_port;
	uint32_t seq, ack;
};

static void send_tcp(const struct tcp *t, uint8_t flags, const void *data, size_t n)
{
	uint8_t f[1600];
	size_t len = ip_frame(f, 6, GUEST_IP, GATEWAY_IP, 20 + n);

	memset(f + 34, 0, 20);
	st_be16(f + 34, t->port);
	st_be16(f + 36, t->peer_port);
	st_be32(f + 38, t->seq);
	st_be32(f + 42, t->ack);
	f[46] = 0x50;
	f[47] = flags;
	st_be16(f + 48, 65000);
	memcpy(f + 54, data, n);
	l4_checksum(f + 14, 20 + n, 16);
	send_frame(f, len);
}

/* ---- waiting -------------------------------------------------------------- */

typedef bool match_fn(const uint8_t *p, size_t n);

static uint8_t *await(match_fn *m, int ms)
{
	for (int i = 0; i < ms / 5 + 1; i++) {
		for (; g.at < g.n; g.at++)
			if (m(g.frame[g.at].p, g.frame[g.at].len))
				return g.frame[g.at++].p;
		g.n = g.at = 0;
		loop_step(g.loop, 5);
	}
	return NULL;
}

static bool is_arp_reply(const uint8_t *p, size_t n)
{
	return n >= 42 && ld_be16(p + 12) == 0x0806 && ld_be16(p + 20) == 2;
}
static bool is_arp_request(const uint8_t *p, size_t n)
{
	return n >= 42 && ld_be16(p + 12) == 0x0806 && ld_be16(p + 20) == 1;
}
static bool is_proto(const uint8_t *p, size_t n, uint8_t proto)
{
	return n >= 34 && ld_be16(p + 12) == 0x0800 && p[23] == proto;
}
static bool is_udp(const uint8_t *p, size_t n)
{
	return is_proto(p, n, 17);
}
static bool is_icmp(const uint8_t *p, size_t n)
{
	return is_proto(p, n, 1);
}
static bool is_tcp(const uint8_t *p, size_t n)
{
	/* Who asks for our address is answered on the way. */
	if (is_arp_request(p, n)) {
		uint8_t f[42];

		memcpy(f, p + 6, 6);
		memcpy(f + 6, mac, 6);
		memcpy(f + 12, p + 12, 8);
		st_be16(f + 20, 2);
		memcpy(f + 22, mac, 6);
		st_be32(f + 28, GUEST_IP);
		memcpy(f + 32, p + 22, 10);
		send_frame(f, 42);
	}
	return is_proto(p, n, 6);
}

static void arp_gateway(void)
{
	uint8_t f[42] = { 0 }, *r;

	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	memcpy(f + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	memcpy(f + 22, mac, 6);
	st_be32(f + 28, GUEST_IP);
	st_be32(f + 38, GATEWAY_IP);
	send_frame(f, 42);
	r = await(is_arp_reply, 2000);
	CHECK(r);
	CHECK_EQ(ld_be32(r + 28), GATEWAY_IP);
	memcpy(gateway_mac, r + 22, 6);
}

/* ---- tests ------------------------------------------------------------------ */

static const uint8_t *dhcp_option(const uint8_t *p, size_t n, uint8_t want)
{
	size_t i = 240;

	while (i + 2 <= n && p[i] != 255) {
		if (p[i] == want)
			return p + i + 2;
		i += p[i] ? 2u + p[i + 1] : 1u;
	}
	return NULL;
}

static void dhcp_gives_the_address(void)
{
	uint8_t b[300] = { 1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef };
	const uint8_t *r, *o;
	size_t n;

	guest_open("user,hostname=box");
	memcpy(b + 28, mac, 6);
	memcpy(b + 236, "\x63\x82\x53\x63\x35\x01\x01\xff", 8);
	send_udp(0, 68, 0xffffffff, 67, b, sizeof(b));
	r = await(is_udp, 2000);
	CHECK(r);
	n = ld_be16(r + 38) - 8u;
	r += 42;
	CHECK_EQ(ld_be32(r + 4), 0xdeadbeef);
	CHECK_EQ(ld_be32(r + 16), GUEST_IP);
	o = dhcp_option(r, n, 53);
	CHECK(o && *o == 2);
	o = dhcp_option(r, n, 3);
	CHECK(o && ld_be32(o) == GATEWAY_IP);
	o = dhcp_option(r, n, 6);
	CHECK(o && ld_be32(o) == 0x0a000203);
	o = dhcp_option(r, n, 12);
	CHECK(o && !memcmp(o, "box", 3));
	guest_close();
}

static void gateway_answers_arp_and_ping(void)
{
	uint8_t f[100] = { 0 }, *r;
	size_t n;

	guest_open("user,loopback=yes");
	arp_gateway();
	n = ip_frame(f, 1, GUEST_IP, GATEWAY_IP, 40);
	memset(f + 34, 0, 40);
	f[34] = 8;
	st_be16(f + 38, 0x1234);
	memset(f + 42, 0x5a, 32);
	st_be16(f + 36, sum16(f + 34, 40, 0));
	send_frame(f, n);
	r = await(is_icmp, 2000);
	CHECK(r);
	CHECK_EQ(r[34], 0);
	CHECK_EQ(ld_be16(r + 38), 0x1234);
	CHECK(!memcmp(r + 42, f + 42, 32));
	guest_close();
}

static int host_socket(int type, uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void udp_to_the_host_and_back(void)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	uint16_t port;
	uint8_t *r;
	char buf[64];
	int fd;

	guest_open("user,loopback=yes");
	arp_gateway();
	fd = host_socket(SOCK_DGRAM, &port);
	send_udp(GUEST_IP, 5000, GATEWAY_IP, port, "question", 8);
	CHECK_EQ(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, &n), 8);
	CHECK(!memcmp(buf, "question", 8));
	CHECK_EQ(sendto(fd, "answer", 6, 0, (struct sockaddr *)&a, n), 6);
	r = await(is_udp, 2000);
	CHECK(r);
	CHECK_EQ(ld_be16(r + 36), 5000);
	CHECK(!memcmp(r + 42, "answer", 6));
	close(fd);
	guest_close();
}

/* Bytes of a segment; 0 for none. */
static size_t segment(const uint8_t *r, const uint8_t **data)
{
	size_t header = (size_t)(r[46] >> 4) * 4;

	*data = r + 34 + header;
	return ld_be16(r + 16) - 20u - header;
}

/* Guest to host: 300 kB arrive unchanged although the guest stops receiving
 * now and then. */
static void tcp_from_the_host(void)
{
	enum { TOTAL = 300000 };
	struct tcp t = { .port = 40000, .seq = 1000 };
	size_t sent = 0, got = 0;
	int listener, fd, rounds = 0;
	const uint8_t *data;
	uint8_t *r;

	guest_open("user,loopback=yes");
	arp_gateway();
	listener = host_socket(SOCK_STREAM, &t.peer_port);
	CHECK(listen(listener, 1) == 0);
	send_tcp(&t, SYN, "", 0);
	r = await(is_tcp, 3000);
	CHECK(r && r[47] == (SYN | ACK));
	t.seq++;
	t.ack = ld_be32(r + 38) + 1;
	send_tcp(&t, ACK, "", 0);
	fd = accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (got < TOTAL) {
		uint8_t buf[4096];
		size_t n;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)((sent + i) * 13);
		if (sent < TOTAL) {
			ssize_t w = write(fd, buf, MIN(sizeof(buf), TOTAL - sent));

			if (w > 0)
				sent += (size_t)w;
		}
		g.closed = rounds++ % 7 == 3;
		if (!g.closed)
			g.net->poke(g.net);
		r = await(is_tcp, g.closed ? 0 : 20);
		CHECK(rounds < 20000);
		if (!r || !(n = segment(r, &data)) || ld_be32(r + 38) != t.ack)
			continue;
		for (size_t i = 0; i < n; i++)
			CHECK_EQ(data[i], (uint8_t)((got + i) * 13));
		got += n;
		t.ack += (uint32_t)n;
		send_tcp(&t, ACK, "", 0);
	}
	g.closed = false;
	send_tcp(&t, PSH | ACK, "hello", 5);
	for (int i = 0; i < 100; i++) {
		char buf[8];
		ssize_t n = read(fd, buf, sizeof(buf));

		loop_step(g.loop, 5);
		if (n > 0) {
			CHECK_EQ(n, 5);
			break;
		}
		CHECK(i < 99);
	}
	close(fd);
	close(listener);
	guest_close();
}

static uint16_t free_port(int type)
{
	uint16_t port;

	close(host_socket(type, &port));
	return port;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void forwarded_port_reaches_the_guest(void)
{
	struct tcp t = { .seq = 7000 };
	char spec[64], buf[16];
	const uint8_t *data;
	uint16_t port = free_port(SOCK_STREAM);
	uint8_t *r;
	int fd;

	snprintf(spec, sizeof(spec), "user,restrict=yes,forward=%u:22", port);
	guest_open(spec);
	arp_gateway();
	fd = connect_to(port);
	r = await(is_tcp, 3000);
	CHECK(r);
	CHECK_EQ(r[47], SYN);
	CHECK_EQ(ld_be16(r + 36), 22);
	t.port = 22;
	t.peer_port = ld_be16(r + 34);
	t.ack = ld_be32(r + 38) + 1;
	send_tcp(&t, SYN | ACK, "", 0);
	t.seq++;
	CHECK_EQ(write(fd, "to the guest", 12), 12);
	do {
		r = await(is_tcp, 3000);
		CHECK(r);
	} while (segment(r, &data) == 0);
	CHECK(!memcmp(data, "to the guest", 12));
	t.ack += 12;
	send_tcp(&t, PSH | ACK, "to the host", 11);
	for (int i = 0; i < 20; i++)
		loop_step(g.loop, 5);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 11);
	CHECK(!memcmp(buf, "to the host", 11));
	close(fd);
	guest_close();
}

/* restrict=yes: what the guest sends to the host goes nowhere. */
static void restricted_guest_is_alone(void)
{
	struct pollfd pfd = { .events = POLLIN };
	uint16_t port;

	guest_open("user,restrict=yes");
	arp_gateway();
	pfd.fd = host_socket(SOCK_DGRAM, &port);
	send_udp(GUEST_IP, 5000, GATEWAY_IP, port, "x", 1);
	for (int i = 0; i < 10; i++)
		loop_step(g.loop, 5);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	close(pfd.fd);
	guest_close();
	guest_open("user");
	arp_gateway();
	pfd.fd = host_socket(SOCK_DGRAM, &port);
	send_udp(GUEST_IP, 5000, GATEWAY_IP, port, "x", 1);
	for (int i = 0; i < 10; i++)
		loop_step(g.loop, 5);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	close(pfd.fd);
	guest_close();
}

/* Garbage from the guest, and a guest that never receives. */
static void hostile_frames(void)
{
	uint64_t s = 88172645463325252ull;
	uint8_t f[1600];

	guest_open("user");
	arp_gateway();
	g.closed = true;
	for (int i = 0; i < 20000; i++) {
		size_t n = 0;

		for (size_t k = 0; k + 8 <= sizeof(f); k += 8) {
			s ^= s << 13;
			s ^= s >> 7;
			s ^= s << 17;
			st_le64(f + k, s);
		}
		n = 1 + s % 1500;
		memcpy(f, gateway_mac, 6);
		if (i & 1) {
			st_be16(f + 12, i & 2 ? 0x0800 : i & 4 ? 0x86dd : 0x0806);
			f[14] = i & 8 ? 0x45 : 0x60;
			f[23] = i & 16 ? 17 : i & 32 ? 1 : 6;
			/* never out into the world */
			st_be32(f + 30, i & 64 ? GATEWAY_IP : 0x0a000203);
			memcpy(f + 38, "\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
		} else if (ld_be16(f + 12) == 0x0800 || ld_be16(f + 12) == 0x86dd) {
			continue;
		}
		g.net->ops->send(g.net, f, n);
		if (i % 64 == 0)
			loop_step(g.loop, 0);
	}
	g.closed = false;
	g.net->poke(g.net);
	g.n = g.at = 0;
	for (int i = 0; i < 10; i++)
		loop_step(g.loop, 1);
	CHECK(g.n <= 600); /* the queue is bounded */
	g.n = g.at = 0;
	arp_gateway();
	guest_close();
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A guest that opens sockets without end leaves the host its descriptors, and
 * its established connections go on. */
static void sockets_are_bounded(void)
{
	struct rlimit was, few = { 256, 256 };
	unsigned before;

	CHECK(!getrlimit(RLIMIT_NOFILE, &was));
	few.rlim_max = was.rlim_max;
	CHECK(!setrlimit(RLIMIT_NOFILE, &few));
	guest_open("user,loopback=yes");
	arp_gateway();
	before = descriptors();
	for (unsigned i = 0; i < 1000; i++)
		send_udp(GUEST_IP, (uint16_t)(2000 + i), GATEWAY_IP, 9, "x", 1);
	CHECK(descriptors() - before <= 128 + 64);
	for (unsigned i = 0; i < 1000; i++) {
		struct tcp t = { .port = (uint16_t)(2000 + i), .peer_port = 9, .seq = i };

		send_tcp(&t, SYN, "", 0);
	}
	CHECK(descriptors() - before <= 128 + 64);
	loop_step(g.loop, 0);
	guest_close();
	CHECK(!setrlimit(RLIMIT_NOFILE, &was));
}

static void refuse(const char *spec, const char *want)
{
	struct err e = { 0 };
	struct net *n;

	CHECK(net_open(g.loop, spec, &n, &e) < 0);
	CHECK(!n);
	if (strstr(e.msg, "built without"))
		SKIP("built without libslirp");
	CHECK_STR(e.msg, want);
}

static void errors_name_the_place(void)
{
	char spec[64], want[200];
	struct err e;
	struct net *n;
	uint16_t port;
	int fd;

	clock_init(&g.clock, false);
	g.loop = loop_create(&g.clock, &e);
	CHECK_EQ(net_open(g.loop, "none", &n, &e), 0);
	CHECK(!n);
	refuse("", "network '': known are none, user[,OPTION...] and tap=INTERFACE");
	refuse("username", "network 'username': known are none, user[,OPTION...] and "
	       "tap=INTERFACE");
	refuse("user,forward=99999:22", "network 'user,forward=99999:22': 'forward=99999:22' at "
	       "column 14: a port is 1 to 65535");
	refuse("user,forward=22", "network 'user,forward=22': 'forward=22' at column 16: "
	       "HOST_PORT:GUEST_PORT is expected");
	refuse("user,forward=udp:1.2.3:5:6", "network 'user,forward=udp:1.2.3:5:6': "
	       "'forward=udp:1.2.3:5:6' at column 18: not an IPv4 address");
	refuse("user,forward=5:6x", "network 'user,forward=5:6x': 'forward=5:6x' at column 17: "
	       "nothing is expected after the guest's port");
	refuse("user,forward=tcp:", "network 'user,forward=tcp:': 'forward=tcp:' at column 18: "
	       "a port number is expected");
	refuse("user,,", "network 'user,,': '' at column 6: unknown option; known are forward=, "
	       "restrict=, loopback= and hostname=");
	refuse("user,restrict=maybe", "network 'user,restrict=maybe': 'restrict=maybe' at column "
	       "15: yes or no is expected");
	refuse("user,hostname=a b", "network 'user,hostname=a b': 'hostname=a b' at column 16: "
	       "not a character of a host name");
	refuse("tap=nosuchtap9", "network 'tap=nosuchtap9': tap interface 'nosuchtap9': no such "
	       "interface; 'ip tuntap add nosuchtap9 mode tap user $USER' makes one");
	refuse("tap=", "network 'tap=': tap interface '': not an interface name");
	fd = host_socket(SOCK_STREAM, &port);
	CHECK(listen(fd, 1) == 0);
	snprintf(spec, sizeof(spec), "user,forward=%u:22", port);
	snprintf(want, sizeof(want), "network '%s': 'forward=%u:22' at column 6: cannot listen on "
		 "127.0.0.1 port %u: Address already in use", spec, port, port);
	refuse(spec, want);
	close(fd);
	loop_destroy(g.loop);
}

/* The far end's frames arrive in order, later, and are held while the device
 * is not ready. */
static void wire_in_memory(void)
{
	struct net *end[2];
	struct err e;

	memset(&g, 0, sizeof(g));
	clock_init(&g.clock, false);
	g.loop = loop_create(&g.clock, &e);
	CHECK_EQ(net_pair_create(g.loop, end, &e), 0);
	end[1]->recv = guest_recv;
	end[1]->can_recv = guest_can_recv;
	end[0]->ops->send(end[0], "first frame...", 14);
	CHECK_EQ(g.n, 0);
	loop_step(g.loop, 0);
	CHECK_EQ(g.n, 1);
	g.closed = true;
	for (int i = 0; i < 2000; i++)
		end[0]->ops->send(end[0], &i, sizeof(i));
	loop_step(g.loop, 0);
	CHECK_EQ(g.n, 1);
	g.closed = false;
	end[1]->poke(end[1]);
	loop_step(g.loop, 0);
	CHECK_EQ(g.n, 1 + 512);
	CHECK_EQ(ld_le32(g.frame[512].p), 511);
	end[0]->ops->send(end[0], "last", 4);
	end[0]->ops->destroy(end[0]);
	end[1]->ops->send(end[1], "nobody", 6);
	end[1]->ops->destroy(end[1]);
	loop_destroy(g.loop);
}

TEST_MAIN({ "dhcp_gives_the_address", dhcp_gives_the_address },
	  { "gateway_answers_arp_and_ping", gateway_answers_arp_and_ping },
	  { "udp_to_the_host_and_back", udp_to_the_host_and_back },
	  { "tcp_from_the_host", tcp_from_the_host },
	  { "forwarded_port_reaches_the_guest", forwarded_port_reaches_the_guest },
	  { "restricted_guest_is_alone", restricted_guest_is_alone },
	  { "hostile_frames", hostile_frames },
	  { "sockets_are_bounded", sockets_are_bounded },
	  { "errors_name_the_place", errors_name_the_place },
	  { "wire_in_memory", wire_in_memory })
