/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap interface in a network namespace of our own: a frame from the guest
 * reaches the host's stack, its answer reaches the guest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/net.h"
#include "tests/test.h"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		SKIP("user namespaces are not permitted here (%s)", path);
	close(fd);
}

static void enter_namespace(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		SKIP("namespaces are not permitted here: %s", strerror(errno));
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

static void set_address(int s, const char *name)
{
	struct ifreq r = { 0 };
	struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;

	strcpy(r.ifr_name, name);
	a->sin_family = AF_INET;
	inet_pton(AF_INET, "192.168.77.1", &a->sin_addr);
	CHECK(ioctl(s, SIOCSIFADDR, &r) == 0);
	inet_pton(AF_INET, "255.255.255.0", &a->sin_addr);
	CHECK(ioctl(s, SIOCSIFNETMASK, &r) == 0);
	memset(&r.ifr_ifru, 0, sizeof(r.ifr_ifru));
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	CHECK(ioctl(s, SIOCSIFFLAGS, &r) == 0);
}

/* As 'ip tuntap add' does: persistent, then let go. */
static void make_tap(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR), s = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		SKIP("/dev/net/tun cannot be opened: %s", strerror(errno));
	strcpy(r.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &r) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0)
		SKIP("no tap interface can be made: %s", strerror(errno));
	close(fd);
	set_address(s, name);
	close(s);
}

static uint8_t answer[2048];
static size_t answer_len;

static void got(void *arg, const void *p, size_t n)
{
	(void)arg;
	if (n < 42 || n > sizeof(answer) || ld_be16((const uint8_t *)p + 12) != 0x0806)
		return;
	memcpy(answer, p, n);
	answer_len = n;
}

static bool always(void *arg)
{
	(void)arg;
	return true;
}

static void ask_and_wait(struct loop *l, struct net *n)
{
	uint8_t f[60] = { 0 };

	memset(f, 0xff, 6);
	memcpy(f + 6, "\x52\x54\0\1\2\3", 6);
	memcpy(f + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	memcpy(f + 22, f + 6, 6);
	inet_pton(AF_INET, "192.168.77.2", f + 28);
	inet_pton(AF_INET, "192.168.77.1", f + 38);
	/* A question may be lost while the interface comes up. */
	for (int i = 0; i < 1000 && !answer_len; i++) {
		if (i % 20 == 0)
			n->ops->send(n, f, sizeof(f));
		loop_step(l, 10);
	}
	CHECK(answer_len);
	CHECK_EQ(ld_be16(answer + 20), 2);
	CHECK(!memcmp(answer, f + 6, 6));
}

static void frames_pass_both_ways(void)
{
	struct clock clock;
	struct loop *l;
	struct net *n;
	struct err e = { 0 };

	enter_namespace();
	make_tap("doppel0");
	clock_init(&clock, false);
	l = loop_create(&clock, &e);
	if (net_open(l, "tap=doppel0", &n, &e) < 0)
		TEST_FAIL("%.400s", e.msg);
	n->recv = got;
	n->can_recv = always;
	ask_and_wait(l, n);
	n->ops->destroy(n);
	loop_destroy(l);
}

TEST_MAIN({ "frames_pass_both_ways", frames_pass_both_ways })
