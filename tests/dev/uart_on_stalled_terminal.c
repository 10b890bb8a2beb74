/* SPDX-License-Identifier: Apache-2.0 */
/* A guest floods its console while nobody reads the terminal: the hart is
 * never blocked, memory is bounded, and nothing of what was taken is lost. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "dev/platform.h"

#include "fake.h"

enum { BASE = 0x10000000, LSR = BASE + 5, TAKEN_MAX = 1 << 20 };

static struct fake f;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Write while the UART takes it.  Returns the bytes taken. */
static unsigned flood(void)
{
	unsigned n = 0;

	while ((rd8(&f, LSR) & 0x20) && n < TAKEN_MAX) {
		wr8(&f, BASE, n % 64 == 63 ? '\n' : 'a' + n % 26);
		n++;
	}
	return n;
}

static void check_arrived(int fd, unsigned taken)
{
	double deadline = seconds() + 20;
	char buf[4096];

	for (unsigned got = 0; got < taken;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		CHECK(seconds() < deadline);
		fake_pass(&f, 2000000);
		if (n < 0)
			continue;
		for (ssize_t i = 0; i < n; i++, got++)
			CHECK_EQ(buf[i], got % 64 == 63 ? '\n' : 'a' + got % 26);
	}
}

static void run(int in, int out, int reader)
{
	double before = seconds();
	struct err e;
	struct chan *c;
	unsigned taken;

	fake_init(&f);
	c = chan_fd_create(f.host.loop, in, out, &e);
	CHECK(c && uart_create(&f.host, "uart0", GPA(BASE), c, fake_irq(&f, 10), &e));
	taken = flood();
	CHECK(taken > 4096 && taken < TAKEN_MAX);
	for (int i = 0; i < 100000; i++)
		wr8(&f, BASE, '!'); /* dropped, but for the FIFO's room */
	CHECK(!(rd8(&f, LSR) & 0x20));
	CHECK(seconds() - before < 20);
	check_arrived(reader, taken);
	CHECK(rd8(&f, LSR) & 0x20);
	fake_fini(&f);
}

static void stalled_terminal_never_blocks_the_guest(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), s;

	if (m < 0 || grantpt(m) || unlockpt(m) ||
	    (s = open(ptsname(m), O_RDWR | O_NOCTTY)) < 0)
		SKIP("no pseudo-terminals here");
	fcntl(m, F_SETFL, O_NONBLOCK);
	/* Raw, as the console sets it: bytes pass unchanged. */
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "stty raw -echo <%s", ptsname(m));
	CHECK(!system(cmd));
	run(s, s, m);
	close(s);
	close(m);
}

static void stalled_pipe_never_blocks_the_guest(void)
{
	int p[2];

	CHECK(!pipe(p));
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	run(-1, p[1], p[0]);
	close(p[0]);
	close(p[1]);
}

TEST_MAIN(
	{ "stalled_terminal_never_blocks_the_guest", stalled_terminal_never_blocks_the_guest },
	{ "stalled_pipe_never_blocks_the_guest", stalled_pipe_never_blocks_the_guest })
